/* SPDX-License-Identifier: Apache-2.0 */
/* One purchase from another seller: of its 402 an offer is taken (buyer.h), the book
 * sets its amount aside on the caps of the day and of the host, durably, then the
 * signer signs it; in this order, so that nothing is ever signed that the caps do not
 * know. One purchase signs once: a seller that asks again after it was paid gets
 * nothing more, and one that did not answer gets the same bytes again (threats F32,
 * F33). Who sends them is the owner's business: a request on its loop, or `octroi pay`.
 */
#ifndef GATEWAY_SETTLE_PURCHASE_H
#define GATEWAY_SETTLE_PURCHASE_H

#include "base/inbox.h"
#include "gateway/settle/buyer.h"
#include "gateway/settle/signer.h"
#include "wallet/wallet.h"

/* What we buy with. Outlives its purchases. */
struct buyer {
    struct wallet_book *book;
    struct signer *signer;
    size_t key; /* the signer's */
};

struct purchase_want {
    const struct buyer_asked *asked; /* the 402 */
    const struct config_payments *payments;
    struct money max; /* that this one may cost */
    struct slice url; /* that was asked, and what was sent to it */
    struct slice body;
    struct id request;   /* for whom; none: for the operator himself */
    struct id wallet;    /* who is charged; likewise */
    struct inbox *inbox; /* whose reader done(arg) is called by */
    void (*done)(void *arg);
    void *arg;
};

struct purchase;

/* Takes an offer and sets out; `want` and what it points to is borrowed but for the
 * inbox. RC_OK: done(arg) is called once, on the thread that drains the inbox; until
 * then *out must not be ended. Otherwise nothing was begun and done() is not called:
 * RC_NOT_FOUND, RC_LIMIT (with the least that it would have cost in *least) as in
 * buyer_choose(); RC_NOMEM. */
MUST_CHECK enum rc purchase_start(struct purchase **out, struct money *least,
                                  const struct buyer *b,
                                  const struct purchase_want *want);
/* After done(). RC_OK: it is signed, and the header may be sent, as often as need be.
 * RC_LIMIT: a cap of the day or of the signer says no. What else the book or the signer
 * says. Unless RC_OK the caps have it back already. */
enum rc purchase_rc(const struct purchase *p);
struct http_header purchase_header(const struct purchase *p);
struct money purchase_amount(const struct purchase *p);
enum buyer_way purchase_way(const struct purchase *p);
const char *purchase_network(const struct purchase *p); /* "eip155:8453"; it is lent */
/* What the answer to it says. May be asked for more than one answer. */
void purchase_receipt(struct buyer_receipt *out, struct purchase *p,
                      const struct http_header *headers, size_t count);

enum purchase_outcome {
    PURCHASE_UNSENT, /* nobody has seen the signature: the caps get it back */
    PURCHASE_PAID,   /* the seller has served it, or says that it was settled */
    PURCHASE_OPEN    /* the seller has it and may take it: it stays on the caps */
};

/* Takes p, and does not wait: the book goes on with it. reference: the seller's, may be
 * "". NULL for p is fine. */
void purchase_end(struct purchase *p, enum purchase_outcome outcome,
                  const char *reference);

#endif

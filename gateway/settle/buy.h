/* SPDX-License-Identifier: Apache-2.0 */
/* One call of another seller, paid if it asks for it: what `octroi pay` and
 * POST /admin/v1/pay do. Waits on a loop of its own: never on a request's. The rules
 * are those of purchase.h, and nobody's wallet is charged: it is the operator's own.
 *
 * https only, to public addresses; http or a private address only on this very machine
 * (localhost, 127.0.0.0/8, ::1): over anything else a 402 could be forged, and its
 * payment read (threats F32). Redirects are not followed. */
#ifndef GATEWAY_SETTLE_BUY_H
#define GATEWAY_SETTLE_BUY_H

#include "gateway/settle/purchase.h"

enum {
    BUY_BODY_MAX = 4 << 20, /* of an answer */
    BUY_HEADERS_MAX = 16,   /* to be sent */
    BUY_TYPE_SIZE = 128
};

struct buy_call {
    /* in; texts stay the caller's until buy_run() returns */
    const char *method;
    const char *url;
    size_t header_count;
    struct http_header headers[BUY_HEADERS_MAX];
    struct slice body;
    bool has_body;
    struct money max;

    /* out */
    unsigned status; /* of the answer; 0: none came */
    char content_type[BUY_TYPE_SIZE];
    struct buf answer; /* initialised by buy_run(); the caller frees it */
    bool paid;         /* the payment went out, and may have been taken */
    struct money amount;
    char network[X402_NETWORK_TEXT_SIZE];
    enum buyer_way way;
    struct buyer_receipt receipt;
    struct money least; /* with RC_LIMIT: what it asks; zero: a limit of the day */
    bool asked_again;   /* with RC_UPSTREAM: 402 after it was paid */
};

/* RC_OK: an answer came, whatever its status. RC_BAD_INPUT: no URL that may be called.
 * RC_NOT_FOUND: it asks for what we cannot pay. RC_LIMIT. RC_UPSTREAM,
 * RC_UPSTREAM_TIMEOUT, RC_UPSTREAM_BLOCKED: as upstreams fail; RC_TOO_BIG: the answer
 * is. RC_NOMEM, and what the book says. */
MUST_CHECK enum rc buy_run(struct buy_call *c, const struct buyer *b,
                           const struct config_payments *payments);

/* A signer that has the buyer's key alone, as its index 0. RC_BAD_CONFIG, with words in
 * faults. */
MUST_CHECK enum rc buyer_signer_open(struct signer **out,
                                     const struct config_payments *payments,
                                     struct buf *faults);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What we buy from others (gateway/settle/buyer.h): one record for each payment that
 * our key signs. It counts against caps of a day (UTC) and of a host's day, which are
 * windows of their own on the ledger, so that they hold across restarts. Reached
 * through wallet/wallet.h. */
#ifndef WALLET_PURCHASE_H
#define WALLET_PURCHASE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "ledger/ledger.h"
#include "wallet/book.h"

/* One payment of ours. Kept for ever. */
struct wallet_purchase {
    struct id request; /* for whom; none: the CLI */
    struct id wallet;  /* who is charged */
    char host[256];
    char network[32];
    char reference[72]; /* the seller's transaction, when it tells */
    struct money amount;
    struct money day_cap, host_cap; /* as configured now; not kept */
    uint64_t begun_us;              /* out: its day is the one that it counts in */

    enum {
        WALLET_PURCHASE_OPEN,  /* signed: the seller may take it */
        WALLET_PURCHASE_PAID,  /* the seller has answered with success */
        WALLET_PURCHASE_LAPSED /* its window passed and nothing was taken */
    } state;
};

struct wallet_purchase_step {
    struct wallet_purchase p;
    struct id id; /* begin: chosen; end: of the purchase */
    enum rc rc;   /* begin: RC_LIMIT when a cap says no */
    /* On the writer's thread, or, when refused at once, on the caller's own. */
    void (*done)(struct wallet_purchase_step *s);
    /* private */
    struct wallet_book *book;
    struct ledger_cmd cmd;
    struct id windows[2]; /* of the day, and of the host's day */
    unsigned spend_at;    /* the first of the legs that count the amount */
    unsigned tries;
    uint8_t value[1024];
    char memo[LEDGER_MEMO_MAX];
};

/* Before it is signed: sets the amount aside on both caps, durably. A cap that has
 * changed since the day's first purchase is changed with it. RC_LIMIT; RC_BAD_INPUT:
 * nothing, no host, or texts that are not clean; the book's own failures. */
void wallet_purchase_begin(struct wallet_book *b, struct wallet_purchase_step *s);
/* Takes s->id, and of p the state and the reference. PAID: house/purchases ->
 * house/spent by its amount; LAPSED: the caps get it back. RC_CONFLICT: it has ended
 * otherwise; a repeat is RC_OK. RC_NOT_FOUND. */
void wallet_purchase_end(struct wallet_book *b, struct wallet_purchase_step *s);

/* RC_NOT_FOUND. */
MUST_CHECK enum rc wallet_purchase_read(struct wallet_purchase *out,
                                        struct wallet_book *b, struct id id);
/* In order of time, from `from` on (none: the first), until each() returns false. */
typedef bool wallet_purchase_fn(void *arg, struct id id,
                                const struct wallet_purchase *p);
MUST_CHECK enum rc wallet_purchase_list(struct wallet_book *b, struct id from,
                                        wallet_purchase_fn *each, void *arg);
/* What all that were PAID cost. */
MUST_CHECK enum rc wallet_purchase_spent(struct money *out, struct wallet_book *b);

#endif

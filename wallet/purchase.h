/* SPDX-License-Identifier: Apache-2.0 */
/* What we buy from others (gateway/settle/buyer.h): one record for each payment that
 * our key signs. It counts against caps of a day (UTC) and of a host's day, which are
 * windows of their own on the ledger, so that they hold across restarts. Reached
 * through wallet/wallet.h. */
#ifndef WALLET_PURCHASE_H
#define WALLET_PURCHASE_H

#include "base/money.h"
#include "ledger/ledger.h"
#include "wallet/book.h"

/* One payment of ours: counts against day and host caps, which are windows of their own
 * on the ledger, so that they hold across restarts. Kept for ever. */
struct wallet_purchase {
    struct id request; /* for whom; none: the CLI */
    struct id wallet;  /* who is charged */
    char host[256];
    char network[32];
    char reference[72]; /* the seller's transaction, when it tells */
    struct money amount;
    struct money day_cap, host_cap; /* as configured now */

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
    void (*done)(struct wallet_purchase_step *s);
    struct wallet_book *book;
    struct ledger_cmd cmd;
    uint8_t value[1024];
    char memo[LEDGER_MEMO_MAX];
    uint64_t version;
};

/* Before it is signed: holds on the caps, durably. */
void wallet_purchase_begin(struct wallet_book *b, struct wallet_purchase_step *s);
/* PAID: house/purchases -> house/spent by its amount; LAPSED: the caps are given back.
 */
void wallet_purchase_end(struct wallet_book *b, struct wallet_purchase_step *s);

#endif

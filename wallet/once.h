/* SPDX-License-Identifier: Apache-2.0 */
/* What a call uses up besides money: a payment, or a signature that says who calls. The
 * record is inserted with the call's hold, so that no second call can use the same,
 * across threads and restarts. Reached through wallet/wallet.h. */
#ifndef WALLET_ONCE_H
#define WALLET_ONCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "wallet/book.h"

struct wallet_once {
    bool present;
    uint8_t key[32];         /* what is used up: a hash of it and of its kind */
    bool payment;            /* it is the key of a claimed payment (wallet/payment.h),
                              * whose account the hold is on */
    uint8_t fingerprint[32]; /* of method, path, query and body */
    uint64_t expires_us;     /* from then on it is worthless by itself */
    /* It is what the call buys, and not what pays for it: it is free again unless
     * something was sold, whatever an upstream may have done. */
    bool purchase;
    /* purchase: of the record of a call that came to nothing, which is replaced. 0:
     * there is none (wallet_once_seen.version) */
    uint64_t version;
    uint8_t row[32]; /* private: where the record is */
};

enum wallet_once_state {
    WALLET_ONCE_NEW,     /* never used, or the call that used it never began its work */
    WALLET_ONCE_SERVING, /* a call of this process works on it */
    WALLET_ONCE_DONE,    /* captured: status, cost, request */
    WALLET_ONCE_FAILED,  /* the work may have been done, and was not charged */
    WALLET_ONCE_BROKEN   /* the process died in between: not charged, not known */
};

struct wallet_once_seen {
    enum wallet_once_state state;
    bool same; /* fingerprint equal */
    unsigned status;
    struct money cost;
    struct id request;
    struct id transfer;
    uint64_t version; /* of the record; 0: there is none */
};

MUST_CHECK enum rc wallet_once_look(struct wallet_once_seen *out, struct wallet_book *b,
                                    const struct wallet_once *once);
/* Deletes records past their end, of calls that have ended, and not of payments that
 * are open, at most `max`. Reads a bounded part of all records, each time the next one.
 * Waits; one thread. */
MUST_CHECK enum rc wallet_once_sweep(struct wallet_book *b, uint64_t now_us,
                                     unsigned max, unsigned *deleted);

#endif

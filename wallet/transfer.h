/* SPDX-License-Identifier: Apache-2.0 */
/* Money in and back: top-ups and refunds. Reached through wallet/wallet.h. */
#ifndef WALLET_TRANSFER_H
#define WALLET_TRANSFER_H

#include <stdbool.h>

#include "base/money.h"
#include "wallet/book.h"

struct wallet_topup {
    struct id transfer;
    struct money amount;
    struct money balance; /* of the root, after (on a repeat: now) */
    bool repeated;
};
/* Waits. ref may be empty: then every call is a new top-up. The same ref with the same
 * wallet and amount answers as the first time; with another: RC_CONFLICT, for ever.
 * RC_FORBIDDEN: a child; its root is in struct wallet. RC_BAD_INPUT: nothing, or a ref
 * that is too long or not clean UTF-8. A payer's wallet (payment.h) first pays what it
 * owes; a failure of that is a failure, and a repeat with the same ref goes on. */
MUST_CHECK enum rc wallet_topup(struct wallet_topup *out, struct wallet_book *b,
                                struct id id, struct money amount, struct slice ref);

struct wallet_refund {
    struct id transfer; /* the refund itself */
    struct id wallet;   /* the root it went to, or came from */
    struct money amount;
    struct money balance;
};
/* Waits. Of a call: from the house back to the root, in all never more than was
 * captured. Of a top-up: out of the root, never more than was topped up or is free.
 * transfer_or_req is "t_.." or "req_..". amount NULL: all that is left. RC_NOT_FOUND,
 * RC_CONFLICT (more than is left), RC_NO_FUNDS. */
MUST_CHECK enum rc wallet_refund(struct wallet_refund *out, struct wallet_book *b,
                                 struct slice transfer_or_req,
                                 const struct money *amount);

#endif

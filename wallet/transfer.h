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
 * captured. Of a shared call: the payee's part from the payee, rounded down, and the
 * rest from the house, in proportion to what is left of each; so parts add up to the
 * whole, whatever the steps. Is the payee's part no longer on the account that it went
 * to, then RC_CONFLICT and nothing has moved: so the time in which such a call can be
 * refunded is the time that the account is left alone. Limits are not refilled. A
 * payer's wallet first pays what it owes. With the whole price of a purchase
 * (wallet_once.purchase) goes what it bought, in the same command. Of a top-up: out of
 * the root, never more than was topped up or is free. transfer_or_req is "t_.." or
 * "req_..". amount NULL: all that is left. RC_NOT_FOUND, RC_CONFLICT (more than is
 * left), RC_NO_FUNDS. */
MUST_CHECK enum rc wallet_refund(struct wallet_refund *out, struct wallet_book *b,
                                 struct slice transfer_or_req,
                                 const struct money *amount);

/* What one shared call gave back by force. */
struct wallet_clawback {
    struct money given_back; /* in all, now; zero: there was nothing */
    struct money share;      /* the payee's part of it */
    struct money left;       /* the payee's part that was not there any more */
};
/* Waits. Gives back what is left of a shared call (its transfer): the house's part, and
 * of the payee's what there is on the account that it went to, or else on `also`. That
 * passes through the account `via`, whose debits so are all that ever did. A late
 * capture, which no wallet paid, goes back to house/shortfall. May be repeated.
 * RC_NOT_FOUND: not a shared call. */
MUST_CHECK enum rc wallet_claw_back(struct wallet_clawback *out, struct wallet_book *b,
                                    struct id transfer, struct id also, struct id via);

#endif

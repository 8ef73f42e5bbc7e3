/* SPDX-License-Identifier: Apache-2.0 */
/* Memos: what the journal says about a movement of money, as compact JSON with short
 * keys that never change their meaning (docs/wallet.md lists them). Private to wallet/.
 */
#ifndef WALLET_MEMO_H
#define WALLET_MEMO_H

#include "base/json.h"
#include "wallet/wallet.h"

/* Writes at most LEDGER_MEMO_MAX bytes to memo. The texts of the call are cut to fit.
 * bought: what the call bought for later ones (wallet_once.purchase); NULL: nothing. */
struct slice wallet__memo_call(char memo[LEDGER_MEMO_MAX],
                               const struct wallet_caller *caller,
                               const struct wallet_call *call,
                               const struct wallet_once *bought);
struct slice wallet__memo_topup(char memo[LEDGER_MEMO_MAX], struct id wallet,
                                struct slice ref);

/* What a call's entry says of its share, and what takes from it says again. */
struct wallet__shared {
    struct id tag; /* none: it was not shared */
    struct slice what;
};
/* kind: "refund" or "clawback". */
struct slice wallet__memo_refund(char memo[LEDGER_MEMO_MAX], const char *kind,
                                 struct id wallet, struct id original,
                                 struct id request, const struct wallet__shared *s);
/* step: of the payment; wallet: whose movement it is, if anybody's. */
struct slice wallet__memo_payment(char memo[LEDGER_MEMO_MAX],
                                  const struct wallet_payment *p, const char *step,
                                  struct id wallet);
struct slice wallet__memo_purchase(char memo[LEDGER_MEMO_MAX],
                                   const struct wallet_purchase *p);
/* A payer's wallet pays what it owes. */
struct slice wallet__memo_debt(char memo[LEDGER_MEMO_MAX], struct id wallet);
/* Fills what a row has from a memo; slices live as long as *tree, which the caller
 * frees with json_put(). RC_BAD_INPUT: not a memo of ours. */
MUST_CHECK enum rc wallet__memo_read(struct wallet_row *row, struct json_object **tree,
                                     struct slice memo);

#endif

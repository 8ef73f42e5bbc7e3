/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of payments share: ids, names and records. Private to wallet/. */
#ifndef WALLET_PAYMENT_INT_H
#define WALLET_PAYMENT_INT_H

#include "wallet/wallet_int.h"

/* Above what any settlement costs: what is larger is another one's mistake, and must
 * not keep the payment from being booked. */
#define WALLET__FEE_MAX money_from_nano(UINT64_C(1) << 53)

/* The first half of a digest: `what` says what it is an id of. */
struct id wallet__hash_id(const char *what, struct slice of);
struct slice wallet__payment_key(const uint8_t key[32]);
/* RC_NOT_FOUND: no such payment was ever claimed. */
MUST_CHECK enum rc wallet__payment_id(struct id *out, struct ledger_view *v,
                                      const uint8_t key[32]);
struct id wallet__coin_account(const char *network); /* paid by our own key */
struct id wallet__fees_account(const char *network);
/* A payer's wallet as it is opened, and how it is found by its name: false when no
 * payer's wallet has such a name. */
void wallet__payer_wallet(struct wallet *out, const char *payer, uint64_t now_us);
bool wallet__payer_by_name(struct id *out, struct slice name);
MUST_CHECK enum rc wallet__read_payment(struct wallet_payment *out,
                                        struct ledger_view *v, const uint8_t key[32]);
/* Absent: nothing, version 0. */
MUST_CHECK enum rc wallet__read_debt(struct money *owed, uint64_t *version,
                                     struct ledger_view *v, struct id payer);
/* Waits. Takes what a payer's wallet owes from what it has; of others nothing. */
MUST_CHECK enum rc wallet__pay_debt(struct wallet_book *b, struct id wallet);
/* Nothing: deletes it. */
void wallet__write_debt(struct ledger_cmd *cmd, uint8_t value[WALLET__DEBT_LEN],
                        const struct id *payer, struct money owed, uint64_t version);

#endif

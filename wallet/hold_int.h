/* SPDX-License-Identifier: Apache-2.0 */
/* The records that go with the commands of a hold. Private to wallet/. */
#ifndef WALLET_HOLD_INT_H
#define WALLET_HOLD_INT_H

#include "wallet/wallet_int.h"

/* ---- Idempotency: the writes that go with the commands of a hold ---- */

void wallet__idem_begin(struct wallet_hold *h, struct ledger_cmd *cmd);
/* transfer: what the wallet paid with. */
void wallet__idem_end(struct wallet_hold *h, struct ledger_cmd *cmd, unsigned status,
                      struct money cost, struct id transfer);
/* Nothing was charged: the key is free again, unless the work may have been done. */
void wallet__idem_give_up(struct wallet_hold *h, struct ledger_cmd *cmd, bool executed,
                          unsigned status);

/* What the wallet paid by `transfer`, as its entry says; forgotten: unchanged. */
MUST_CHECK enum rc wallet__read_cost(struct money *cost, struct ledger_view *v,
                                     struct id transfer);

/* ---- What a call uses up: the same for struct wallet_once ---- */

void wallet__once_begin(struct wallet_hold *h, struct ledger_cmd *cmd);
void wallet__once_end(struct wallet_hold *h, struct ledger_cmd *cmd, unsigned status,
                      struct money cost, struct id transfer);
void wallet__once_give_up(struct wallet_hold *h, struct ledger_cmd *cmd, bool executed,
                          unsigned status);

#endif

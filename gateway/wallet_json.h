/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON forms of wallets, balances, keys and statement rows, as the public API and
 * the admin API both print them. */
#ifndef GATEWAY_WALLET_JSON_H
#define GATEWAY_WALLET_JSON_H

#include "base/json.h"
#include "wallet/wallet.h"

/* {"id","name","currency","balance","held","frozen","parent","limits":[..]} */
void wallet_json_balance(struct json_out *o, const struct wallet *w,
                         const struct wallet_balance *balance);
/* {"request_id","time","kind","wallet","key","model"|"api"|"skill","amount","balance",..};
 * what a vendor said that it charges is for the operator only. */
void wallet_json_row(struct json_out *o, const struct wallet_row *row,
                     bool to_operator);
/* {"id","wallet","name","models","generation","revoked","created_at","expires_at",
 * "limits":[..]}: its own limits. */
void wallet_json_key(struct json_out *o, const struct wallet_key *k,
                     const struct wallet_key_limits *limits);

#endif

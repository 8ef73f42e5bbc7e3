/* SPDX-License-Identifier: Apache-2.0 */
/* The functions behind the table of verbs. Each returns an exit code. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/cli.h"

int verb_serve(const struct cli *c);
int verb_demo(const struct cli *c);
int verb_init(const struct cli *c);
int verb_doctor(const struct cli *c);

int verb_wallet_create(const struct cli *c);
int verb_wallet_list(const struct cli *c);
int verb_wallet_show(const struct cli *c);
int verb_wallet_topup(const struct cli *c);
int verb_wallet_refund(const struct cli *c);
int verb_wallet_freeze(const struct cli *c);
int verb_wallet_unfreeze(const struct cli *c);
int verb_wallet_limit(const struct cli *c);
int verb_wallet_statement(const struct cli *c);

int verb_key_create(const struct cli *c);
int verb_key_list(const struct cli *c);
int verb_key_revoke(const struct cli *c);
int verb_key_rotate(const struct cli *c);
int verb_key_limit(const struct cli *c);

int verb_pay(const struct cli *c);
int verb_purchase_list(const struct cli *c);

int verb_price_list(const struct cli *c);
int verb_price_set(const struct cli *c);
int verb_price_diff(const struct cli *c);
int verb_model_list(const struct cli *c);
int verb_model_refresh(const struct cli *c);
int verb_usage(const struct cli *c);

int verb_publisher_create(const struct cli *c);
int verb_publisher_key(const struct cli *c);
int verb_publisher_list(const struct cli *c);
int verb_publisher_show(const struct cli *c);
int verb_publisher_set(const struct cli *c);
int verb_publisher_suspend(const struct cli *c);
int verb_publisher_unsuspend(const struct cli *c);
int verb_publisher_earnings(const struct cli *c);
int verb_publisher_payouts(const struct cli *c);
int verb_publisher_pay(const struct cli *c);
int verb_publisher_payout(const struct cli *c);
int verb_publisher_clawback(const struct cli *c);

int verb_skill_publish(const struct cli *c);
int verb_skill_list(const struct cli *c);
int verb_skill_show(const struct cli *c);
int verb_skill_offer(const struct cli *c);
int verb_skill_token(const struct cli *c);
int verb_skill_approve(const struct cli *c);
int verb_skill_withdraw(const struct cli *c);
int verb_skill_quarantine(const struct cli *c);
int verb_skill_install(const struct cli *c);

int verb_ledger_verify(const struct cli *c);
int verb_ledger_audit(const struct cli *c);
int verb_ledger_backup(const struct cli *c);
int verb_ledger_export(const struct cli *c);
int verb_ledger_stats(const struct cli *c);

int verb_config_show(const struct cli *c);
int verb_config_reload(const struct cli *c);

int verb_completion(const struct cli *c);
int verb_help(const struct cli *c);
int verb_version(const struct cli *c);

#endif

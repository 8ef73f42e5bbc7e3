/* SPDX-License-Identifier: Apache-2.0 */
/* The laws of the money, checked at the end of every test that moved some. */
#ifndef TESTS_LAWS_H
#define TESTS_LAWS_H

#include "ledger/ledger.h"
#include "wallet/wallet.h"

/* Asserts that the book verifies, that its export passes the independent audit with the
 * same head, and that the audit finds what the book reports. */
void laws_check(struct ledger *l);

/* The same, and that all root wallets together have what was topped up, less what was
 * earned, plus what the house carried: to the nano-USD, holds included. */
void laws_check_wallets(struct ledger *l, struct wallet_book *b);

#endif

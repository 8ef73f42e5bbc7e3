/* SPDX-License-Identifier: Apache-2.0 */
/* The laws of the money, checked at the end of every test that moved some. */
#ifndef TESTS_LAWS_H
#define TESTS_LAWS_H

#include "ledger/ledger.h"
#include "wallet/wallet.h"

/* Asserts that the book verifies, that its export passes the independent audit with the
 * same head, and that the audit finds what the book reports. */
void laws_check(struct ledger *l);

/* The same, and that all root wallets, accounts of payments and accounts that got a
 * share of a call (and those that it was moved on to) together have what was topped up
 * or promised or paid by a payment, less what the house earned, plus what it carried:
 * to the nano-USD, holds included. And of payments: those that are closed have
 * nothing left and are not in the index of the open ones, all others are; the house's
 * accounts say what is promised and not come, what came, and at least what payers owe.
 */
void laws_check_wallets(struct ledger *l, struct wallet_book *b);

#endif

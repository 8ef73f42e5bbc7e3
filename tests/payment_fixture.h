/* SPDX-License-Identifier: Apache-2.0 */
/* Steps of payments as plain calls that wait. */
#ifndef TESTS_PAYMENT_FIXTURE_H
#define TESTS_PAYMENT_FIXTURE_H

#include "tests/wallet_fixture.h"

typedef void payment_step_fn(struct wallet_book *b, struct wallet_payment_step *s);

/* One step; p is as the record is on RC_OK, and otherwise as it was. */
enum rc payment_step(struct fixture *f, struct wallet_payment *p,
                     payment_step_fn *step);

/* What the thread's last step told. */
struct payment_told {
    struct money left, balance;
};
extern _Thread_local struct payment_told payment_told;
extern struct money payment_fee; /* that the next steps tell; zero at first */

/* A new payment, not claimed, of payer `payer` (an index) and key `key`. */
struct wallet_payment payment_of(struct fixture *f, unsigned payer, unsigned key,
                                 const char *value);
/* Holds as this payment, within the hold's own request. */
enum rc payment_hold(struct fixture *f, struct call *c, const struct wallet_payment *p,
                     const char *amount);
/* SUBMITTED, then SETTLED by `amount`. Must go well. */
void payment_settle(struct fixture *f, struct wallet_payment *p, const char *amount);
/* Claimed, with a hold of `held` of which `taken` is captured. */
struct wallet_payment payment_claimed(struct fixture *f, unsigned payer, unsigned key,
                                      const char *value);
void payment_serve(struct fixture *f, const struct wallet_payment *p, const char *held,
                   const char *taken);

/* What the payer's wallet has; what the house has given. */
struct money payment_credit(struct fixture *f, const struct wallet_payment *p);
void payment_house(struct fixture *f, const char *receivable, const char *chain,
                   const char *bad_debt);

#endif

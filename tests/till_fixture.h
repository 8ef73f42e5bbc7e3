/* SPDX-License-Identifier: Apache-2.0 */
/* A cashier over a real book and a chain that does as it is told, and customers. The
 * clocks stand still; what waits for a time waits for till_passes(). */
#ifndef TESTS_TILL_FIXTURE_H
#define TESTS_TILL_FIXTURE_H

#include "gateway/settle/cashier.h"
#include "tests/chain_double.h"
#include "tests/wallet_fixture.h"

struct till {
    struct fixture f; /* on LMDB */
    const struct config *config;
    const struct config_network *network; /* builtin, decimals 6 */
    struct cashier *cashier;
};

int till_open(void **state); /* of a test; the group's is config_fixture_open() */
int till_close(void **state);
/* The process ends (as far as a cashier can tell) and another one begins. */
void till_stop(struct till *t);
void till_start(struct till *t);
void till_restart(struct till *t);
/* Time passes, and the cashier notices. */
void till_passes(struct till *t, uint64_t ms);

/* One customer's payment and the call that it comes with. */
struct sale {
    struct cashier_job job; /* first */
    sem_t done;
    struct x402_payment payment;
    struct x402_offer offer;
    struct call *call;
};

/* `nonce` names the payment, `payer` who signs it; amount in USD. Freed by
 * sale_free(). */
struct sale *sale_exact(struct till *t, unsigned payer, unsigned nonce,
                        const char *amount);
struct sale *sale_upto(struct till *t, unsigned payer, unsigned nonce,
                       const char *amount); /* and after */
void sale_free(struct sale *s);

void sale_take_begin(struct till *t, struct sale *s);
enum cashier_answer sale_wait(struct sale *s);
enum cashier_answer sale_take(struct till *t, struct sale *s);
/* The call: a hold of all there is, and its capture. */
void sale_hold(struct till *t, struct sale *s);
void sale_capture(struct till *t, struct sale *s, const char *cost);
enum cashier_answer sale_finish(struct till *t, struct sale *s, bool served);
enum cashier_answer sale_facilitate(struct till *t, struct sale *s, bool settle);

/* The record as it is. */
struct wallet_payment sale_record(struct till *t, const struct sale *s);
/* Waits until it is so. */
void sale_becomes(struct till *t, const struct sale *s, enum wallet_payment_state state,
                  bool closed);
/* The same, while time passes in steps of ms. */
void sale_comes_to_be(struct till *t, const struct sale *s, uint64_t ms,
                      enum wallet_payment_state state, bool closed);
/* What the payer's wallet has; it must be there. */
struct money sale_credit(struct till *t, const struct sale *s);
void till_house(struct till *t, const char *receivable, const char *chain,
                const char *bad_debt);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Payments through the cashier, one process long: each is sent once, buys once, and
 * whatever the chain says its money is somewhere. Restarts:
 * test_gateway_cashier_recover
 */
#include "gateway/settle/cashier.h"

#include "base/clock.h"
#include "base/metric.h"
#include "gateway/metrics.h"
#include "gateway/settle/cashier_int.h"
#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"
#include "tests/till_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void says(enum chain_outcome settle, const char *reason, bool submits)
{
    chain_double_says(
        &(struct chain_script){.settle = settle, .reason = reason, .submits = submits});
}

static void parks(void)
{
    chain_double_says(&(struct chain_script){.submits = true, .parks = true});
}

/* ---- Up front ---- */

static unsigned long counted(const char *outcome)
{
    char line[64];
    struct buf text;
    unsigned long n = 0;
    const char *at;

    (void)snprintf(line, sizeof(line), "octroi_payments_total{outcome=\"%s\"} ",
                   outcome);
    buf_init(&text, 1 << 20);
    metric_print(&text);
    buf_append_char(&text, '\0');
    assert_false(buf_spent(&text));
    at = strstr(buf_slice(&text).bytes, line);
    assert_non_null(at);
    n = strtoul(at + strlen(line), NULL, 10);
    buf_free(&text);
    return n;
}

static void a_paid_call_is_counted_once(void **state)
{
    const unsigned long paid = counted("paid");
    const unsigned long good = counted("good");
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");

    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    assert_int_equal(sale_finish(t, s, false), CASHIER_PAID);
    sale_free(s);
    assert_int_equal(counted("paid"), paid + 1);
    s = sale_upto(t, 1, 2, "0.01");
    assert_int_equal(sale_take(t, s), CASHIER_GOOD);
    sale_hold(t, s);
    sale_capture(t, s, "0.004");
    assert_int_equal(sale_finish(t, s, true), CASHIER_PAID);
    sale_free(s);
    assert_int_equal(counted("paid"), paid + 2);
    assert_int_equal(counted("good"), good + 1);
}

static void up_front_it_is_paid_served_and_the_rest_is_credited(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");
    struct wallet_payment p;

    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    assert_int_equal(s->job.rc, RC_OK);
    assert_int_equal(s->job.payment_now.state, WALLET_PAYMENT_SETTLED);
    assert_int_equal(strlen(s->job.payment_now.reference), 66);
    assert_string_equal(s->job.payment_now.network, "eip155:84532");
    /* The book hears of it with the end; until then it was sent. */
    assert_int_equal(sale_record(t, s).state, WALLET_PAYMENT_SUBMITTED);
    till_house(t, "0.01", "0", "0");
    sale_hold(t, s);
    sale_capture(t, s, "0.004");
    assert_int_equal(sale_finish(t, s, true), CASHIER_PAID);
    assert_usd(s->job.credited, "0.006");
    assert_usd(s->job.balance, "0.006");
    assert_usd(sale_credit(t, s), "0.006");
    till_house(t, "0", "0.01", "0");
    p = sale_record(t, s);
    assert_int_equal(p.state, WALLET_PAYMENT_SETTLED);
    assert_true(p.closed);
    assert_int_equal(chain_double_count().sent, 1);
    assert_int_equal(chain_double_count().verified, 0);
    assert_int_equal(sale_take(t, s), CASHIER_USED);
    sale_free(s);
}

static void a_call_that_was_not_served_leaves_all_of_it(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");

    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    assert_int_equal(sale_finish(t, s, false), CASHIER_PAID);
    assert_usd(sale_credit(t, s), "0.01");
    assert_int_equal(sale_take(t, s), CASHIER_CREDITED);
    assert_usd(s->job.credited, "0.01");
    assert_usd(s->job.balance, "0.01");
    sale_free(s);
}

/* F1, F5: one service, one payment. */
static void a_hundred_copies_are_one_payment(void **state)
{
    struct till *t = *state;
    struct sale *copies[100];
    unsigned paid = 0, in_use = 0;

    parks();
    for (unsigned i = 0; i < 100; i++)
        sale_take_begin(t, copies[i] = sale_exact(t, 1, 1, "0.01"));
    for (unsigned i = 1; i < 100; i++)
        in_use += sale_wait(copies[i]) == CASHIER_IN_USE;
    chain_double_wait(1);
    chain_double_go();
    paid = sale_wait(copies[0]) == CASHIER_PAID;
    assert_int_equal(in_use, 99);
    assert_int_equal(paid, 1);
    assert_int_equal(sale_take(t, copies[1]), CASHIER_IN_USE); /* its call has it */
    sale_hold(t, copies[0]);
    sale_capture(t, copies[0], "0.01");
    assert_int_equal(sale_finish(t, copies[0], true), CASHIER_PAID);
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(sale_take(t, copies[i]), CASHIER_USED);
        sale_free(copies[i]);
    }
    assert_int_equal(chain_double_count().sent, 1);
    assert_int_equal(chain_double_count().moved, 1);
    till_house(t, "0", "0.01", "0");
}

static void what_may_become_good_may_come_again(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");

    says(CHAIN_REFUSED, "invalid_exact_evm_insufficient_balance", false);
    assert_int_equal(sale_take(t, s), CASHIER_REFUSED);
    assert_string_equal(s->job.reason, "invalid_exact_evm_insufficient_balance");
    assert_int_equal(sale_record(t, s).version, 0); /* it has left no trace */
    till_house(t, "0", "0", "0");
    says(CHAIN_OK, "", true);
    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    assert_int_equal(sale_finish(t, s, false), CASHIER_PAID);
    sale_free(s);
}

/* A flood of payments without money behind them fills no disk. */
static void what_will_not_go_through_leaves_nothing_in_the_book(void **state)
{
    struct till *t = *state;
    struct ledger_stats before, after;

    says(CHAIN_REFUSED, "invalid_exact_evm_insufficient_balance", false);
    ledger_stats(t->f.ledger, &before);
    for (unsigned i = 0; i < 20; i++) {
        struct sale *s = sale_exact(t, 1, i, "0.01");

        assert_int_equal(sale_take(t, s), CASHIER_REFUSED);
        assert_int_equal(sale_take(t, s), CASHIER_REFUSED);
        sale_free(s);
    }
    ledger_stats(t->f.ledger, &after);
    assert_int_equal(after.entries, before.entries);
}

/* Between the first word and the claim it can be given up without a trace. */
static void who_waits_no_longer_before_the_claim_has_paid_nothing(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");
    struct sale *twin = sale_exact(t, 1, 1, "0.01");

    chain_double_says(&(struct chain_script){.parks = true});
    sale_take_begin(t, s);
    chain_double_wait(1);
    clock_advance_ms(s->job.wait_ms);
    (void)sale_take(t, twin); /* wakes the loop */
    assert_int_equal(sale_wait(s), CASHIER_DOWN);
    assert_int_equal(sale_record(t, s).version, 0);
    till_house(t, "0", "0", "0");
    says(CHAIN_OK, "", true);
    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    assert_int_equal(sale_finish(t, s, false), CASHIER_PAID);
    assert_int_equal(chain_double_count().moved, 1);
    sale_free(s);
    sale_free(twin);
}

/* F25: cancelled, or used elsewhere. Served first, it has been claimed. */
static void a_used_nonce_is_refused_for_ever(void **state)
{
    static const char used[] = "invalid_exact_evm_nonce_already_used";
    struct till *t = *state;
    struct sale *s = sale_upto(t, 1, 1, "0.01");

    chain_double_says(&(struct chain_script){.verify = CHAIN_REFUSED, .reason = used});
    assert_int_equal(sale_take(t, s), CASHIER_REFUSED);
    assert_int_equal(sale_record(t, s).state, WALLET_PAYMENT_FAILED);
    says(CHAIN_OK, "", true);
    assert_int_equal(sale_take(t, s), CASHIER_REFUSED);
    assert_string_equal(s->job.reason, used);
    assert_int_equal(chain_double_count().moved, 0);
    till_house(t, "0", "0", "0");
    sale_free(s);
}

static void what_was_sent_and_refused_has_failed(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");

    says(CHAIN_REFUSED, "invalid_exact_evm_transaction_failed", true);
    assert_int_equal(sale_take(t, s), CASHIER_REFUSED);
    assert_int_equal(sale_record(t, s).state, WALLET_PAYMENT_FAILED);
    till_house(t, "0", "0", "0");
    sale_free(s);
}

/* F21 */
static void a_chain_that_is_down_takes_nothing(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");

    assert_true(cashier_is_up(t->cashier, t->network));
    chain_double_says(&(struct chain_script){.verify = CHAIN_UNREACHABLE,
                                             .settle = CHAIN_UNREACHABLE});
    assert_int_equal(sale_take(t, s), CASHIER_DOWN);
    assert_false(cashier_is_up(t->cashier, t->network));
    assert_int_equal(sale_record(t, s).version, 0);
    says(CHAIN_OK, "", true);
    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    assert_true(cashier_is_up(t->cashier, t->network));
    assert_int_equal(sale_finish(t, s, false), CASHIER_PAID);
    sale_free(s);
}

/* F17: no new payment is asked for, and the same one is not sent as another one. */
static void an_unknown_outcome_is_pending_until_it_is_known(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");

    says(CHAIN_UNKNOWN, "", true);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(sale_take(t, s), CASHIER_PENDING);
        assert_int_equal(strlen(s->job.payment_now.reference), 66);
        assert_int_equal(sale_record(t, s).state, WALLET_PAYMENT_UNKNOWN);
    }
    says(CHAIN_OK, "", true);
    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    assert_int_equal(chain_double_count().sent, 1);
    assert_int_equal(sale_finish(t, s, false), CASHIER_PAID);
    till_house(t, "0", "0.01", "0");
    sale_free(s);
}

static void who_comes_again_joins_what_is_under_way(void **state)
{
    struct till *t = *state;
    struct sale *first = sale_exact(t, 1, 1, "0.01");
    struct sale *again = sale_exact(t, 1, 1, "0.01");
    struct sale *third = sale_exact(t, 1, 1, "0.01");

    parks();
    sale_take_begin(t, first);
    chain_double_wait(1);
    chain_double_says(&(struct chain_script){.submits = true, .parks = true});
    clock_advance_ms(first->job.wait_ms);
    assert_int_equal(sale_take(t, third), CASHIER_IN_USE); /* and wakes the loop */
    assert_int_equal(sale_wait(first), CASHIER_PENDING);
    sale_take_begin(t, again);
    assert_int_equal(sale_take(t, third), CASHIER_IN_USE);
    chain_double_go();
    assert_int_equal(sale_wait(again), CASHIER_PAID);
    assert_int_equal(sale_finish(t, again, false), CASHIER_PAID);
    assert_int_equal(chain_double_count().sent, 1);
    sale_free(first);
    sale_free(again);
    sale_free(third);
}

/* Money never evaporates: who never comes again has it in his wallet. */
static void what_nobody_comes_for_is_credited_in_the_end(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");
    struct sale *third = sale_exact(t, 1, 1, "0.01");

    parks();
    sale_take_begin(t, s);
    chain_double_wait(1);
    clock_advance_ms(s->job.wait_ms);
    assert_int_equal(sale_take(t, third), CASHIER_IN_USE);
    assert_int_equal(sale_wait(s), CASHIER_PENDING);
    chain_double_go();
    sale_becomes(t, s, WALLET_PAYMENT_SETTLED, false);
    till_passes(t, 290000); /* its own end is not enough */
    till_passes(t, 290000);
    assert_false(sale_record(t, s).closed);
    says(CHAIN_OK, "", true);
    sale_comes_to_be(t, s, 10000, WALLET_PAYMENT_SETTLED, true);
    assert_usd(sale_credit(t, s), "0.01");
    assert_int_equal(sale_take(t, s), CASHIER_CREDITED);
    sale_free(s);
    sale_free(third);
}

static void another_payment_under_the_same_nonce_is_refused(void **state)
{
    struct till *t = *state;
    struct sale *small = sale_exact(t, 1, 1, "0.01");
    struct sale *large = sale_exact(t, 1, 1, "100");

    says(CHAIN_UNKNOWN, "", true);
    assert_int_equal(sale_take(t, small), CASHIER_PENDING);
    says(CHAIN_OK, "", true);
    assert_int_equal(sale_take(t, large), CASHIER_REFUSED);
    assert_string_equal(large->job.reason, "invalid_exact_evm_nonce_already_used");
    assert_int_equal(sale_take(t, small), CASHIER_PAID);
    assert_int_equal(sale_take(t, large), CASHIER_IN_USE);
    assert_int_equal(sale_finish(t, small, false), CASHIER_PAID);
    assert_int_equal(sale_take(t, large), CASHIER_REFUSED);
    till_house(t, "0", "0.01", "0");
    sale_free(small);
    sale_free(large);
}

/* ---- Top-ups ---- */

static void a_top_up_is_credited_at_once_and_once(void **state)
{
    struct till *t = *state;
    struct id wallet = new_wallet(&t->f, "agent");
    struct sale *s = sale_exact(t, 1, 1, "5");

    s->job.is_topup = true;
    s->job.target = wallet;
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(sale_take(t, s), CASHIER_CREDITED);
        assert_usd(s->job.credited, "5");
        assert_usd(s->job.balance, "5");
    }
    assert_usd(balance_of(&t->f, wallet), "5");
    assert_int_equal(chain_double_count().sent, 1);
    sale_free(s);
}

static void a_wallet_that_was_opened_meanwhile_gets_all_of_it(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "5");
    struct id wallet;

    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    wallet = new_wallet(&t->f, "opened");
    s->job.target = wallet;
    assert_int_equal(sale_finish(t, s, false), CASHIER_PAID);
    assert_usd(s->job.credited, "5");
    assert_usd(s->job.balance, "5");
    assert_usd(balance_of(&t->f, wallet), "5");
    assert_int_equal(id_cmp(s->job.payment_now.target, wallet), 0);
    s->job.target = ID_NONE;
    assert_int_equal(sale_take(t, s), CASHIER_CREDITED);
    assert_int_equal(id_cmp(s->job.payment_now.target, wallet), 0);
    sale_free(s);
}

/* ---- After ---- */

static void after_it_is_verified_served_and_settled_for_its_cost(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_upto(t, 1, 1, "0.5");

    assert_int_equal(sale_take(t, s), CASHIER_GOOD);
    assert_int_equal(chain_double_count().sent, 0);
    till_house(t, "0.5", "0", "0");
    sale_hold(t, s);
    sale_capture(t, s, "0.0123454");
    assert_int_equal(sale_finish(t, s, true), CASHIER_PAID);
    /* The token knows millionths: one is charged, what is more than the cost is his. */
    assert_int_equal(
        x402_u256_cmp(chain_double_count().last_amount, x402_u256_from_u64(12346)), 0);
    assert_usd(s->job.credited, "0.0000006");
    assert_usd(s->job.payment_now.settle, "0.012346");
    till_house(t, "0", "0.012346", "0");
    assert_int_equal(sale_take(t, s), CASHIER_USED);
    sale_free(s);
}

static void after_exact_takes_all_that_was_signed(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.1");

    s->job.after = true;
    assert_int_equal(sale_take(t, s), CASHIER_GOOD);
    sale_hold(t, s);
    sale_capture(t, s, "0.03");
    assert_int_equal(sale_finish(t, s, true), CASHIER_PAID);
    assert_usd(s->job.credited, "0.07");
    till_house(t, "0", "0.1", "0");
    sale_free(s);
}

static void after_what_was_not_served_is_not_taken(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_upto(t, 1, 1, "0.5");

    assert_int_equal(sale_take(t, s), CASHIER_GOOD);
    assert_int_equal(sale_finish(t, s, false), CASHIER_PAID);
    assert_int_equal(sale_record(t, s).state, WALLET_PAYMENT_RELEASED);
    assert_int_equal(sale_take(t, s), CASHIER_GOOD);
    sale_hold(t, s);
    sale_capture(t, s, "0");
    assert_int_equal(sale_finish(t, s, true), CASHIER_PAID); /* for nothing */
    assert_int_equal(sale_take(t, s), CASHIER_USED);
    assert_int_equal(chain_double_count().sent, 0);
    till_house(t, "0", "0", "0");
    sale_free(s);
}

static void after_what_would_not_go_through_is_not_served(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_upto(t, 1, 1, "0.5");

    chain_double_says(&(struct chain_script){.verify = CHAIN_REFUSED,
                                             .reason = "permit2_allowance_required"});
    assert_int_equal(sale_take(t, s), CASHIER_REFUSED);
    assert_string_equal(s->job.reason, "permit2_allowance_required");
    assert_int_equal(sale_record(t, s).state, WALLET_PAYMENT_RELEASED);
    chain_double_says(&(struct chain_script){.verify = CHAIN_UNREACHABLE});
    assert_int_equal(sale_take(t, s), CASHIER_DOWN);
    till_house(t, "0", "0", "0");
    sale_free(s);
}

/* F18: a debt, and no more calls for who has it. */
static void after_what_is_never_paid_is_bad_debt(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_upto(t, 1, 1, "0.5");
    struct sale *next = sale_upto(t, 1, 2, "0.5");
    struct sale *other = sale_upto(t, 2, 3, "0.5");
    struct sale *up_front = sale_exact(t, 1, 4, "0.5");

    assert_int_equal(sale_take(t, s), CASHIER_GOOD);
    sale_hold(t, s);
    sale_capture(t, s, "0.2");
    says(CHAIN_REFUSED, "permit2_insufficient_balance", false);
    assert_int_equal(sale_finish(t, s, true), CASHIER_REFUSED);
    assert_string_equal(s->job.reason, "permit2_insufficient_balance");
    till_house(t, "0", "0", "0.2");
    says(CHAIN_OK, "", true);
    assert_int_equal(sale_take(t, next), CASHIER_OWING);
    assert_int_equal(sale_take(t, up_front), CASHIER_OWING);
    /* Neither has cost the chain a question. */
    assert_int_equal(chain_double_count().settled, 1);
    assert_int_equal(sale_take(t, other), CASHIER_GOOD);
    assert_int_equal(sale_finish(t, other, false), CASHIER_PAID);
    sale_free(s);
    sale_free(up_front);
    sale_free(next);
    sale_free(other);
}

static void too_much_bad_debt_ends_serving_first(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_upto(t, 1, 1, "2");
    struct sale *other = sale_upto(t, 2, 2, "0.01");
    struct sale *up_front = sale_exact(t, 3, 3, "0.01");

    assert_int_equal(sale_take(t, s), CASHIER_GOOD);
    sale_hold(t, s);
    sale_capture(t, s, "1.5");
    says(CHAIN_REFUSED, "permit2_insufficient_balance", false);
    assert_int_equal(sale_finish(t, s, true), CASHIER_REFUSED);
    says(CHAIN_OK, "", true);
    assert_int_equal(sale_take(t, other), CASHIER_DOWN); /* max_debt is 1 USD */
    assert_int_equal(other->job.rc, RC_BUSY);
    assert_int_equal(sale_take(t, up_front), CASHIER_PAID);
    assert_int_equal(sale_finish(t, up_front, false), CASHIER_PAID);
    sale_free(s);
    sale_free(other);
    sale_free(up_front);
}

static void what_is_served_and_not_settled_is_bounded(void **state)
{
    struct till *t = *state;
    struct sale *first = sale_upto(t, 1, 1, "60");
    struct sale *second = sale_upto(t, 2, 2, "60");

    assert_int_equal(sale_take(t, first), CASHIER_GOOD);
    assert_int_equal(sale_take(t, second), CASHIER_DOWN); /* over 100 times 1 USD */
    assert_int_equal(second->job.rc, RC_BUSY);
    sale_hold(t, first);
    sale_capture(t, first, "50");
    says(CHAIN_UNKNOWN, "", true);
    assert_int_equal(sale_finish(t, first, true), CASHIER_PENDING);
    assert_int_equal(sale_take(t, second), CASHIER_DOWN);
    says(CHAIN_OK, "", true);
    assert_int_equal(sale_take(t, first), CASHIER_USED); /* settles, and was used */
    assert_int_equal(sale_take(t, second), CASHIER_GOOD);
    assert_int_equal(sale_finish(t, second, false), CASHIER_PAID);
    till_house(t, "0", "50", "0");
    sale_free(first);
    sale_free(second);
}

static void after_a_pending_settlement_goes_on_by_itself(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_upto(t, 1, 1, "0.5");

    assert_int_equal(sale_take(t, s), CASHIER_GOOD);
    sale_hold(t, s);
    sale_capture(t, s, "0.2");
    says(CHAIN_UNREACHABLE, "", false);
    assert_int_equal(sale_finish(t, s, true), CASHIER_PENDING);
    assert_int_equal(sale_record(t, s).state, WALLET_PAYMENT_RESERVED);
    says(CHAIN_OK, "", true);
    sale_comes_to_be(t, s, CASHIER__SWEEP_MS, WALLET_PAYMENT_SETTLED, true);
    till_house(t, "0", "0.2", "0");
    sale_free(s);
}

/* ---- For others ---- */

static void for_others_it_is_sent_once_and_told_once(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");

    assert_int_equal(sale_facilitate(t, s, false), CASHIER_GOOD);
    assert_int_equal(sale_record(t, s).version, 0);
    says(CHAIN_UNKNOWN, "", true);
    assert_int_equal(sale_facilitate(t, s, true), CASHIER_PENDING);
    assert_int_equal(strlen(s->job.payment_now.reference), 66);
    says(CHAIN_OK, "", true);
    assert_int_equal(sale_facilitate(t, s, true), CASHIER_PAID);
    assert_int_equal(strlen(s->job.payment_now.reference), 66);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(sale_facilitate(t, s, true), CASHIER_USED);
        assert_int_equal(strlen(s->job.payment_now.reference), 66);
    }
    assert_int_equal(chain_double_count().sent, 1);
    till_house(t, "0", "0", "0");
    assert_int_equal(sale_take(t, s), CASHIER_REFUSED); /* it is not ours */
    sale_free(s);
}

static void our_own_counts_whoever_sent_it(void **state)
{
    struct till *t = *state;
    struct sale *others = sale_exact(t, 1, 1, "0.01");
    struct sale *own = sale_exact(t, 1, 2, "0.01");

    assert_int_equal(sale_facilitate(t, others, true), CASHIER_PAID);
    assert_false(chain_double_count().last_verified);
    own->job.is_own = true;
    says(CHAIN_UNREACHABLE, "", true);
    assert_int_equal(sale_facilitate(t, own, true), CASHIER_PENDING);
    says(CHAIN_OK, "", true);
    till_restart(t); /* its record says so */
    sale_comes_to_be(t, own, CASHIER__SWEEP_MS, WALLET_PAYMENT_SETTLED, true);
    assert_true(chain_double_count().last_verified);
    assert_int_equal(sale_facilitate(t, own, true), CASHIER_PAID);
    assert_int_equal(sale_facilitate(t, own, true), CASHIER_USED);
    till_house(t, "0", "0", "0");
    sale_free(others);
    sale_free(own);
}

static void for_others_a_refusal_has_its_reason(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");
    struct sale *ours = sale_exact(t, 1, 2, "0.01");
    struct sale *twin = sale_exact(t, 1, 2, "0.01");

    chain_double_says(&(struct chain_script){.verify = CHAIN_REFUSED,
                                             .settle = CHAIN_REFUSED,
                                             .reason = "asset_not_deployed_contract"});
    assert_int_equal(sale_facilitate(t, s, false), CASHIER_REFUSED);
    assert_string_equal(s->job.reason, "asset_not_deployed_contract");
    assert_int_equal(sale_facilitate(t, s, true), CASHIER_REFUSED);
    assert_string_equal(s->job.reason, "asset_not_deployed_contract");
    assert_int_equal(sale_record(t, s).version, 0);
    says(CHAIN_OK, "", true);
    assert_int_equal(sale_take(t, s), CASHIER_PAID); /* nobody has it any more */
    assert_int_equal(sale_finish(t, s, false), CASHIER_PAID);
    assert_usd(sale_credit(t, s), "0.01");
    assert_int_equal(sale_take(t, ours), CASHIER_PAID);
    assert_int_equal(sale_facilitate(t, twin, true), CASHIER_IN_USE);
    assert_int_equal(sale_finish(t, ours, false), CASHIER_PAID);
    assert_int_equal(sale_facilitate(t, twin, true), CASHIER_REFUSED);
    sale_free(s);
    sale_free(ours);
    sale_free(twin);
}

/* ---- Bounds and names ---- */

static void more_than_it_can_move_is_told_to_come_later(void **state)
{
    struct till *t = *state;
    struct sale **all = calloc(CASHIER__MOVING_MAX + 1, sizeof(struct sale *));

    assert_non_null(all);
    parks();
    for (unsigned i = 0; i <= CASHIER__MOVING_MAX; i++) {
        all[i] = sale_exact(t, 1, i, "0.01");
        cashier_facilitate(t->cashier, &all[i]->job, false);
    }
    assert_int_equal(sale_wait(all[CASHIER__MOVING_MAX]), CASHIER_DOWN);
    assert_int_equal(all[CASHIER__MOVING_MAX]->job.rc, RC_BUSY);
    chain_double_wait(CASHIER__MOVING_MAX);
    chain_double_go();
    for (unsigned i = 0; i < CASHIER__MOVING_MAX; i++)
        assert_int_equal(sale_wait(all[i]), CASHIER_GOOD);
    for (unsigned i = 0; i <= CASHIER__MOVING_MAX; i++)
        sale_free(all[i]);
    free(all);
}

static void a_network_that_is_not_ours_is_down(void **state)
{
    struct till *t = *state;
    struct config_network other = *t->network;
    struct sale *s = sale_exact(t, 1, 1, "0.01");

    other.chain_id++;
    s->job.network = &other;
    assert_int_equal(sale_take(t, s), CASHIER_DOWN);
    assert_false(cashier_is_up(t->cashier, &other));
    assert_null(cashier_settler(t->cashier, &other));
    sale_free(s);
}

static void everything_that_makes_it_another_payment_changes_its_key(void **state)
{
    struct till *t = *state;
    struct sale *a = sale_exact(t, 1, 1, "0.01");
    struct sale *b = sale_upto(t, 1, 1, "0.01");
    uint8_t key[6][32];

    cashier_key(key[0], &a->payment, &a->offer);
    cashier_key(key[1], &b->payment, &b->offer); /* the nonces of Permit2 are others */
    a->payment.signature = SLICE("its high-s twin");
    a->payment.transfer.value.bytes[0] ^= 1;
    cashier_key(key[2], &a->payment, &a->offer);
    assert_memory_equal(key[0], key[2], 32);
    a->offer.chain_id ^= 1;
    cashier_key(key[2], &a->payment, &a->offer);
    a->offer.asset.bytes[19] ^= 1;
    cashier_key(key[3], &a->payment, &a->offer);
    a->payment.transfer.from.bytes[19] ^= 1;
    cashier_key(key[4], &a->payment, &a->offer);
    a->payment.transfer.nonce.bytes[31] ^= 1;
    cashier_key(key[5], &a->payment, &a->offer);
    for (unsigned i = 0; i < 6; i++)
        for (unsigned j = 0; j < i; j++)
            assert_memory_not_equal(key[i], key[j], 32);
    sale_free(a);
    sale_free(b);
}

#define WITH_TILL(claim) cmocka_unit_test_setup_teardown(claim, till_open, till_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TILL(up_front_it_is_paid_served_and_the_rest_is_credited),
        WITH_TILL(a_paid_call_is_counted_once),
        WITH_TILL(a_call_that_was_not_served_leaves_all_of_it),
        WITH_TILL(a_hundred_copies_are_one_payment),
        WITH_TILL(what_may_become_good_may_come_again),
        WITH_TILL(what_will_not_go_through_leaves_nothing_in_the_book),
        WITH_TILL(who_waits_no_longer_before_the_claim_has_paid_nothing),
        WITH_TILL(a_used_nonce_is_refused_for_ever),
        WITH_TILL(what_was_sent_and_refused_has_failed),
        WITH_TILL(a_chain_that_is_down_takes_nothing),
        WITH_TILL(an_unknown_outcome_is_pending_until_it_is_known),
        WITH_TILL(who_comes_again_joins_what_is_under_way),
        WITH_TILL(what_nobody_comes_for_is_credited_in_the_end),
        WITH_TILL(another_payment_under_the_same_nonce_is_refused),
        WITH_TILL(a_top_up_is_credited_at_once_and_once),
        WITH_TILL(a_wallet_that_was_opened_meanwhile_gets_all_of_it),
        WITH_TILL(after_it_is_verified_served_and_settled_for_its_cost),
        WITH_TILL(after_exact_takes_all_that_was_signed),
        WITH_TILL(after_what_was_not_served_is_not_taken),
        WITH_TILL(after_what_would_not_go_through_is_not_served),
        WITH_TILL(after_what_is_never_paid_is_bad_debt),
        WITH_TILL(too_much_bad_debt_ends_serving_first),
        WITH_TILL(what_is_served_and_not_settled_is_bounded),
        WITH_TILL(after_a_pending_settlement_goes_on_by_itself),
        WITH_TILL(for_others_it_is_sent_once_and_told_once),
        WITH_TILL(for_others_a_refusal_has_its_reason),
        WITH_TILL(our_own_counts_whoever_sent_it),
        WITH_TILL(more_than_it_can_move_is_told_to_come_later),
        WITH_TILL(a_network_that_is_not_ours_is_down),
        WITH_TILL(everything_that_makes_it_another_payment_changes_its_key),
    };

    metrics_open();
    return cmocka_run_group_tests_name("gateway/settle/cashier", tests,
                                       config_fixture_open, conf_fixture_close);
}

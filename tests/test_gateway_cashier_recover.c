/* SPDX-License-Identifier: Apache-2.0 */
/* Wherever a process ends, the next one goes on with its payments: none is sent as
 * another one, none serves twice, and no money is nowhere. */
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
#include <unistd.h>

#include <cmocka.h>

static void says(enum chain_outcome settle, const char *reason, bool submits)
{
    chain_double_says(
        &(struct chain_script){.settle = settle, .reason = reason, .submits = submits});
}

/* ---- Up front ---- */

static void paid_and_not_begun_it_serves_the_repeat(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");

    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    till_restart(t);
    sale_becomes(t, s, WALLET_PAYMENT_SETTLED, false); /* the chain says so again */
    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    sale_hold(t, s);
    sale_capture(t, s, "0.01");
    assert_int_equal(sale_finish(t, s, true), CASHIER_PAID);
    assert_int_equal(chain_double_count().sent, 1);
    sale_free(s);
}

static void paid_and_broken_off_it_is_credited(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");

    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    sale_hold(t, s);
    till_restart(t);
    sale_becomes(t, s, WALLET_PAYMENT_SETTLED, true);
    assert_usd(sale_credit(t, s), "0.01");
    assert_int_equal(sale_take(t, s), CASHIER_CREDITED);
    sale_free(s);
}

static void paid_and_served_it_is_closed(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");

    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    sale_hold(t, s);
    sale_capture(t, s, "0.004");
    till_restart(t);
    sale_becomes(t, s, WALLET_PAYMENT_SETTLED, true);
    assert_usd(sale_credit(t, s), "0.006");
    assert_int_equal(sale_take(t, s), CASHIER_USED);
    sale_free(s);
}

static void sent_it_is_gone_on_with(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");

    chain_double_says(&(struct chain_script){.submits = true, .parks = true});
    sale_take_begin(t, s);
    chain_double_wait(1);
    till_stop(t);
    assert_int_equal(sale_wait(s), CASHIER_PENDING);
    assert_int_equal(sale_record(t, s).state, WALLET_PAYMENT_UNKNOWN);
    says(CHAIN_OK, "", true);
    fixture_restart(&t->f);
    till_start(t);
    sale_becomes(t, s, WALLET_PAYMENT_SETTLED, false); /* nobody has asked */
    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    assert_int_equal(sale_finish(t, s, false), CASHIER_PAID);
    assert_int_equal(chain_double_count().sent, 1);
    assert_int_equal(chain_double_count().moved, 1);
    sale_free(s);
}

/* ---- After ---- */

static void good_and_not_begun_it_is_released(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_upto(t, 1, 1, "0.5");

    assert_int_equal(sale_take(t, s), CASHIER_GOOD);
    till_restart(t);
    assert_int_equal(sale_record(t, s).state, WALLET_PAYMENT_RELEASED);
    till_house(t, "0", "0", "0");
    assert_int_equal(sale_take(t, s), CASHIER_GOOD);
    assert_int_equal(sale_finish(t, s, false), CASHIER_PAID);
    sale_free(s);
}

static void good_and_broken_off_it_never_serves_again(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_upto(t, 1, 1, "0.5");

    assert_int_equal(sale_take(t, s), CASHIER_GOOD);
    sale_hold(t, s);
    till_restart(t);
    assert_int_equal(sale_record(t, s).state, WALLET_PAYMENT_FAILED);
    till_house(t, "0", "0", "0");
    assert_int_equal(sale_take(t, s), CASHIER_REFUSED);
    assert_string_equal(s->job.reason, "unexpected_settle_error");
    assert_int_equal(chain_double_count().sent, 0);
    sale_free(s);
}

static void good_and_served_it_is_settled_for_its_cost(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_upto(t, 1, 1, "0.5");

    assert_int_equal(sale_take(t, s), CASHIER_GOOD);
    sale_hold(t, s);
    sale_capture(t, s, "0.2");
    till_restart(t);
    sale_becomes(t, s, WALLET_PAYMENT_SETTLED, true);
    assert_int_equal(
        x402_u256_cmp(chain_double_count().last_amount, x402_u256_from_u64(200000)), 0);
    till_house(t, "0", "0.2", "0");
    assert_int_equal(sale_take(t, s), CASHIER_USED);
    sale_free(s);
}

static void served_and_sent_it_is_gone_on_with(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_upto(t, 1, 1, "0.5");

    assert_int_equal(sale_take(t, s), CASHIER_GOOD);
    sale_hold(t, s);
    sale_capture(t, s, "0.2");
    says(CHAIN_UNKNOWN, "", true);
    assert_int_equal(sale_finish(t, s, true), CASHIER_PENDING);
    till_stop(t);
    says(CHAIN_REFUSED, "permit2_insufficient_balance", true);
    fixture_restart(&t->f);
    till_start(t);
    sale_becomes(t, s, WALLET_PAYMENT_FAILED, true);
    till_house(t, "0", "0", "0.2");
    assert_int_equal(chain_double_count().sent, 1);
    sale_free(s);
}

static void the_float_is_known_after_a_restart(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_upto(t, 1, 1, "60");
    struct sale *next = sale_upto(t, 2, 2, "60");

    assert_int_equal(sale_take(t, s), CASHIER_GOOD);
    sale_hold(t, s);
    sale_capture(t, s, "50");
    says(CHAIN_UNKNOWN, "", true);
    assert_int_equal(sale_finish(t, s, true), CASHIER_PENDING);
    till_restart(t);
    assert_int_equal(sale_take(t, next), CASHIER_DOWN);
    assert_int_equal(next->job.rc, RC_BUSY);
    sale_free(s);
    sale_free(next);
}

/* ---- Others' and top-ups ---- */

static void a_top_up_is_credited_by_the_next_process(void **state)
{
    struct till *t = *state;
    struct id wallet = new_wallet(&t->f, "agent");
    struct sale *s = sale_exact(t, 1, 1, "5");

    s->job.is_topup = true;
    s->job.target = wallet;
    says(CHAIN_UNKNOWN, "", true);
    assert_int_equal(sale_take(t, s), CASHIER_PENDING);
    till_stop(t);
    says(CHAIN_OK, "", true);
    fixture_restart(&t->f);
    till_start(t);
    sale_becomes(t, s, WALLET_PAYMENT_SETTLED, true);
    assert_usd(balance_of(&t->f, wallet), "5");
    assert_int_equal(sale_take(t, s), CASHIER_CREDITED);
    assert_usd(s->job.credited, "5");
    sale_free(s);
}

static void what_is_settled_for_others_is_ended_by_the_next_process(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "5");

    says(CHAIN_UNKNOWN, "", true);
    assert_int_equal(sale_facilitate(t, s, true), CASHIER_PENDING);
    till_stop(t);
    says(CHAIN_OK, "", true);
    fixture_restart(&t->f);
    till_start(t);
    sale_becomes(t, s, WALLET_PAYMENT_SETTLED, true);
    assert_int_equal(sale_facilitate(t, s, true), CASHIER_PAID);
    assert_int_equal(chain_double_count().moved, 1);
    sale_free(s);
}

/* ---- The end of a process ---- */

static void a_drain_answers_everybody_and_loses_nothing(void **state)
{
    struct till *t = *state;
    struct sale *sent = sale_exact(t, 1, 1, "0.01");
    struct sale *verified = sale_upto(t, 2, 2, "0.5");
    struct sale *held = sale_upto(t, 3, 3, "0.5");
    struct sale *late = sale_exact(t, 4, 4, "0.01");

    assert_int_equal(sale_take(t, held), CASHIER_GOOD);
    sale_hold(t, held);
    sale_capture(t, held, "0.1");
    chain_double_says(&(struct chain_script){.submits = true, .parks = true});
    sale_take_begin(t, sent);
    sale_take_begin(t, verified);
    chain_double_wait(2);
    for (unsigned i = 0; i < 3; i++) /* each loop asks for it */
        cashier_drain(t->cashier);
    assert_int_equal(sale_wait(sent), CASHIER_PENDING);
    assert_int_equal(sale_wait(verified), CASHIER_DOWN);
    assert_int_equal(sale_finish(t, held, true), CASHIER_PENDING);
    assert_int_equal(sale_take(t, late), CASHIER_DOWN);
    assert_int_equal(late->job.rc, RC_DRAINING);
    till_stop(t);
    says(CHAIN_OK, "", true);
    fixture_restart(&t->f);
    till_start(t);
    sale_becomes(t, sent, WALLET_PAYMENT_SETTLED, false);
    sale_becomes(t, verified, WALLET_PAYMENT_RELEASED, true);
    sale_becomes(t, held, WALLET_PAYMENT_SETTLED, true);
    assert_int_equal(chain_double_count().moved, 2);
    sale_free(sent);
    sale_free(verified);
    sale_free(held);
    sale_free(late);
}

static void many_that_are_open_are_all_gone_on_with(void **state)
{
    enum {
        MANY = 3 * CASHIER__SWEEP_BATCH + 1
    };

    struct till *t = *state;
    struct sale *all[MANY];

    for (unsigned i = 0; i < MANY; i++) {
        all[i] = sale_upto(t, i + 1, i, "0.5");
        sale_take_begin(t, all[i]);
    }
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(sale_wait(all[i]), CASHIER_GOOD);
    till_restart(t); /* has released them before it comes back */
    for (unsigned i = 0; i < MANY; i++) {
        assert_int_equal(sale_record(t, all[i]).state, WALLET_PAYMENT_RELEASED);
        sale_free(all[i]);
    }
    till_house(t, "0", "0", "0");
}

/* ---- Dead letters ---- */

/* Sweeps go on meanwhile. */
static void wait_for_metric(struct till *t, const struct metric *m, uint64_t value)
{
    for (unsigned i = 0; metric_value(m) != value && i < 2000; i++) {
        till_passes(t, CASHIER__SWEEP_MS);
        (void)usleep(1000);
    }
    assert_int_equal(metric_value(m), value);
}

static void what_nobody_can_end_is_counted_and_stays_open(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");

    says(CHAIN_UNKNOWN, "", true);
    assert_int_equal(sale_take(t, s), CASHIER_PENDING);
    till_passes(t, 600000);
    wait_for_metric(t, metrics.payments_dead, 0);
    till_passes(t, 24 * 3600 * 1000);
    wait_for_metric(t, metrics.payments_dead, 1);
    assert_false(sale_record(t, s).closed);
    till_stop(t);
    says(CHAIN_OK, "", true);
    fixture_restart(&t->f);
    till_start(t); /* the first sweep tries those too */
    sale_becomes(t, s, WALLET_PAYMENT_SETTLED, false);
    /* Nobody comes for it any more. */
    sale_comes_to_be(t, s, CASHIER__SWEEP_MS, WALLET_PAYMENT_SETTLED, true);
    assert_usd(sale_credit(t, s), "0.01");
    wait_for_metric(t, metrics.payments_dead, 0);
    sale_free(s);
}

/* ---- Reorganisations ---- */

static void chain_takes_back(void)
{
    chain_double_says(&(struct chain_script){.submits = true, .look = CHAIN_REFUSED});
}

/* F24 */
static void what_the_chain_takes_back_is_taken_from_the_wallet(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");
    const uint64_t before = metric_value(metrics.payments_reverted);
    struct wallet w;

    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    assert_int_equal(sale_finish(t, s, false), CASHIER_PAID);
    assert_usd(sale_credit(t, s), "0.01");
    chain_takes_back();
    sale_comes_to_be(t, s, CASHIER__SWEEP_MS, WALLET_PAYMENT_REVERTED, true);
    wait_for_metric(t, metrics.payments_reverted, before + 1);
    assert_usd(sale_credit(t, s), "0");
    assert_int_equal(
        wallet_get(&w, t->f.book, wallet_payer_id(sale_record(t, s).payer)), RC_OK);
    assert_true(w.frozen);
    assert_int_equal(sale_take(t, s), CASHIER_REFUSED);
    sale_free(s);
}

static void what_is_taken_back_before_its_repeat_serves_nobody(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");

    says(CHAIN_UNKNOWN, "", true);
    assert_int_equal(sale_take(t, s), CASHIER_PENDING);
    says(CHAIN_OK, "", true);
    sale_comes_to_be(t, s, CASHIER__SWEEP_MS, WALLET_PAYMENT_SETTLED, false);
    chain_takes_back();
    assert_false(sale_record(t, s).closed);
    sale_comes_to_be(t, s, CASHIER__SWEEP_MS, WALLET_PAYMENT_REVERTED, true);
    assert_usd(sale_credit(t, s), "0");
    sale_free(s);
}

static void what_stays_is_looked_at_three_times(void **state)
{
    struct till *t = *state;
    struct sale *s = sale_exact(t, 1, 1, "0.01");

    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    assert_int_equal(sale_finish(t, s, false), CASHIER_PAID);
    for (unsigned i = 0; chain_double_count().looked < 3 && i < 2000; i++) {
        till_passes(t, CASHIER__SWEEP_MS);
        (void)usleep(1000);
    }
    for (unsigned i = 0; i < 60; i++)
        till_passes(t, CASHIER__SWEEP_MS);
    assert_int_equal(chain_double_count().looked, 3);
    assert_true(chain_double_count().last_verified); /* it was settled already */
    assert_int_equal(sale_record(t, s).state, WALLET_PAYMENT_SETTLED);
    sale_free(s);
}

#define WITH_TILL(claim) cmocka_unit_test_setup_teardown(claim, till_open, till_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TILL(paid_and_not_begun_it_serves_the_repeat),
        WITH_TILL(paid_and_broken_off_it_is_credited),
        WITH_TILL(paid_and_served_it_is_closed),
        WITH_TILL(sent_it_is_gone_on_with),
        WITH_TILL(good_and_not_begun_it_is_released),
        WITH_TILL(good_and_broken_off_it_never_serves_again),
        WITH_TILL(good_and_served_it_is_settled_for_its_cost),
        WITH_TILL(served_and_sent_it_is_gone_on_with),
        WITH_TILL(the_float_is_known_after_a_restart),
        WITH_TILL(a_top_up_is_credited_by_the_next_process),
        WITH_TILL(what_is_settled_for_others_is_ended_by_the_next_process),
        WITH_TILL(a_drain_answers_everybody_and_loses_nothing),
        WITH_TILL(many_that_are_open_are_all_gone_on_with),
        WITH_TILL(what_nobody_can_end_is_counted_and_stays_open),
        WITH_TILL(what_the_chain_takes_back_is_taken_from_the_wallet),
        WITH_TILL(what_is_taken_back_before_its_repeat_serves_nobody),
        WITH_TILL(what_stays_is_looked_at_three_times),
    };

    metrics_open();
    return cmocka_run_group_tests_name("gateway/settle/cashier_recover", tests,
                                       config_fixture_open, conf_fixture_close);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The cashier's process dies, or its book refuses, at each step that it takes: before
 * the step is durable and after. The next one ends every payment, serves none twice,
 * and the money is where the laws say. */
#include "gateway/settle/cashier.h"

#include "gateway/metrics.h"
#include "gateway/settle/cashier_int.h"
#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"
#include "tests/till_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    DIED = 7,
    CAME_THROUGH = 42,
    STEPS_MAX = 32
};

/* ---- The book, up to a step ---- */

enum fault {
    NO_FAULT,
    REFUSES,    /* the step, and goes on */
    DIES_AHEAD, /* of the step */
    DIES_AFTER  /* it is durable */
};

static atomic_int fault;      /* an enum fault */
static atomic_int steps_left; /* the last of these has the fault */

void __real_ledger_submit(struct ledger *l, struct ledger_cmd *cmd);
void __wrap_ledger_submit(struct ledger *l, struct ledger_cmd *cmd);

static void die(struct ledger_cmd *cmd)
{
    (void)cmd;
    _exit(DIED);
}

void __wrap_ledger_submit(struct ledger *l, struct ledger_cmd *cmd)
{
    const enum fault now = (enum fault)atomic_load(&fault);

    if (now != NO_FAULT && atomic_fetch_sub(&steps_left, 1) == 1)
        switch (now) {
        case NO_FAULT:
            break;
        case REFUSES:
            cmd->result.rc = RC_BUSY;
            cmd->done(cmd);
            return;
        case DIES_AHEAD:
            die(cmd);
            break;
        case DIES_AFTER:
            cmd->done = die;
            break;
        }
    __real_ledger_submit(l, cmd);
}

/* ---- A sale ---- */

struct plan {
    bool after;
    bool facilitates;
    bool tops_up;
};

static struct sale *sale_by(struct till *t, const struct plan *plan, struct id target)
{
    struct sale *s =
        plan->after ? sale_upto(t, 1, 1, "0.5") : sale_exact(t, 1, 1, "0.5");

    s->job.is_topup = plan->tops_up;
    s->job.target = target;
    return s;
}

static bool serves(enum cashier_answer answer)
{
    return answer == CASHIER_PAID || answer == CASHIER_GOOD;
}

/* One try of a customer. The book may refuse the call's own steps as well. */
static enum cashier_answer buy(struct till *t, const struct plan *plan, struct sale *s)
{
    enum cashier_answer answer;
    struct wallet_hold *h;

    if (plan->facilitates)
        return sale_facilitate(t, s, true);
    answer = sale_take(t, s);
    if (!serves(answer))
        return answer;
    s->call = new_call(&t->f);
    h = &s->call->hold;
    assert_int_equal(wallet_payment_caller(&h->caller, t->f.book, &s->job.payment_now),
                     RC_OK);
    h->once.present = h->once.payment = true;
    cashier_key(h->once.key, &s->payment, &s->offer);
    memcpy(h->once.fingerprint, s->job.fingerprint, sizeof(h->once.fingerprint));
    h->once.expires_us = s->job.payment_now.expires_us;
    if (hold_call(&t->f, s->call, h->caller.wallet, "0.5") != RC_OK) {
        (void)sale_finish(t, s, false);
        return CASHIER_DOWN;
    }
    while (capture_call(&t->f, s->call, "0.2") != RC_OK)
        continue;
    (void)sale_finish(t, s, true);
    return answer;
}

/* Comes again until the payment is at its end. How often it was served. */
static unsigned buy_until_the_end(struct till *t, const struct plan *plan,
                                  struct id target)
{
    struct sale *s = sale_by(t, plan, target);
    enum cashier_answer answer = CASHIER_DOWN;
    unsigned served = 0;

    for (unsigned i = 0; i < 1000; i++) {
        answer = buy(t, plan, s);
        if (!plan->facilitates && serves(answer))
            served++;
        till_passes(t, CASHIER__SWEEP_MS);
        if (answer == CASHIER_USED || answer == CASHIER_CREDITED ||
            answer == CASHIER_REFUSED || (plan->facilitates && serves(answer)))
            break;
    }
    assert_int_not_equal(answer, CASHIER_DOWN);
    assert_int_not_equal(answer, CASHIER_PENDING);
    assert_true(sale_record(t, s).closed);
    sale_free(s);
    return served;
}

/* What it has come to: paid and delivered, or nothing was taken; or the value is
 * somebody's. */
static void check_end(struct till *t, const struct plan *plan, struct id target)
{
    struct sale *s = sale_by(t, plan, target);
    const struct wallet_payment p = sale_record(t, s);

    if (plan->facilitates) {
        assert_int_equal(p.state, WALLET_PAYMENT_SETTLED);
        till_house(t, "0", "0", "0");
    } else if (p.state == WALLET_PAYMENT_FAILED) {
        till_house(t, "0", "0", "0"); /* broken off: not served again, nor paid */
    } else if (plan->tops_up) {
        till_house(t, "0", "0.5", "0");
        assert_usd(balance_of(&t->f, target), "0.5");
    } else {
        assert_int_equal(p.state, WALLET_PAYMENT_SETTLED);
        till_house(t, "0", plan->after ? "0.2" : "0.5", "0");
    }
    assert_true(chain_double_count().moved <= 1);
    sale_free(s);
}

/* ---- Deaths ---- */

static void book_close(struct till *t)
{
    till_stop(t);
    wallet_book_close(t->f.book);
    ledger_close(t->f.ledger);
}

static void book_open(struct till *t)
{
    struct ledger_options options = {.kind = LEDGER_LMDB, .dir = t->f.dir};
    uint64_t voided;

    assert_int_equal(ledger_open(&t->f.ledger, &options), RC_OK);
    assert_int_equal(ledger_recover(t->f.ledger, &voided), RC_OK);
    assert_int_equal(wallet_book_open(&t->f.book, t->f.ledger, t->f.master), RC_OK);
    till_start(t);
}

/* In a process of its own. Whether it died at that step; false: it has fewer. */
static bool dies_at(struct till *t, const struct plan *plan, struct id target,
                    enum fault how, int step)
{
    int status = 0;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        book_open(t);
        atomic_store(&steps_left, step);
        atomic_store(&fault, (int)how);
        (void)buy(t, plan, sale_by(t, plan, target));
        _exit(CAME_THROUGH);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == DIED || WEXITSTATUS(status) == CAME_THROUGH);
    return WEXITSTATUS(status) == DIED;
}

/* Each round in a book of its own. Returns how many steps there were. */
static int die_everywhere(const struct plan *plan, enum fault how)
{
    bool died = true;
    int step = 0;

    while (died) {
        struct id target = ID_NONE;
        void *state;
        struct till *t;

        assert_true(++step < STEPS_MAX);
        assert_int_equal(till_open(&state), 0);
        t = state;
        if (plan->tops_up)
            target = new_wallet(&t->f, "agent");
        book_close(t);
        died = dies_at(t, plan, target, how, step);
        chain_double_reset();
        book_open(t);
        assert_true(buy_until_the_end(t, plan, target) <= 1);
        check_end(t, plan, target);
        assert_int_equal(till_close(&state), 0); /* and the laws */
    }
    return step - 1;
}

static void deaths_of(const struct plan *plan, int steps_min)
{
    assert_true(die_everywhere(plan, DIES_AHEAD) >= steps_min);
    assert_true(die_everywhere(plan, DIES_AFTER) >= steps_min);
}

static void an_up_front_payment_outlives_every_death(void **state)
{
    (void)state;
    deaths_of(&(struct plan){.after = false}, 4);
}

static void a_payment_after_outlives_every_death(void **state)
{
    (void)state;
    deaths_of(&(struct plan){.after = true}, 5);
}

static void a_top_up_outlives_every_death(void **state)
{
    (void)state;
    deaths_of(&(struct plan){.tops_up = true}, 2);
}

static void a_payment_for_others_outlives_every_death(void **state)
{
    (void)state;
    deaths_of(&(struct plan){.facilitates = true}, 2);
}

/* ---- Refusals ---- */

static void refuse_everywhere(const struct plan *plan, int steps)
{
    for (int step = 1; step <= steps; step++) {
        struct id target = ID_NONE;
        struct sale *s;
        void *state;
        struct till *t;

        assert_int_equal(till_open(&state), 0);
        t = state;
        if (plan->tops_up)
            target = new_wallet(&t->f, "agent");
        atomic_store(&steps_left, step);
        atomic_store(&fault, REFUSES);
        s = sale_by(t, plan, target);
        (void)buy(t, plan, s);
        atomic_store(&fault, NO_FAULT);
        assert_true(buy_until_the_end(t, plan, target) <= 1);
        check_end(t, plan, target);
        sale_free(s);
        assert_int_equal(till_close(&state), 0);
    }
}

static void whichever_step_the_book_refuses_it_is_made_up_for(void **state)
{
    (void)state;
    refuse_everywhere(&(struct plan){.after = false}, 4);
    refuse_everywhere(&(struct plan){.after = true}, 5);
    refuse_everywhere(&(struct plan){.tops_up = true}, 2);
    refuse_everywhere(&(struct plan){.facilitates = true}, 2);
}

static void a_close_that_was_refused_is_made_up_for_by_the_repeat(void **state)
{
    struct till *t;
    struct sale *s;

    assert_int_equal(till_open(state), 0);
    t = *state;
    s = sale_exact(t, 1, 1, "0.5");
    assert_int_equal(sale_take(t, s), CASHIER_PAID);
    sale_hold(t, s);
    sale_capture(t, s, "0.2");
    atomic_store(&steps_left, 1);
    atomic_store(&fault, REFUSES);
    assert_int_equal(sale_finish(t, s, true), CASHIER_PENDING);
    assert_int_equal(s->job.rc, RC_BUSY);
    atomic_store(&fault, NO_FAULT);
    assert_int_equal(sale_take(t, s), CASHIER_USED);
    assert_usd(sale_credit(t, s), "0.3");
    sale_free(s);
    assert_int_equal(till_close(state), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_up_front_payment_outlives_every_death),
        cmocka_unit_test(a_payment_after_outlives_every_death),
        cmocka_unit_test(a_top_up_outlives_every_death),
        cmocka_unit_test(a_payment_for_others_outlives_every_death),
        cmocka_unit_test(a_close_that_was_refused_is_made_up_for_by_the_repeat),
        cmocka_unit_test(whichever_step_the_book_refuses_it_is_made_up_for),
    };

    metrics_open();
    return cmocka_run_group_tests_name("gateway/settle/cashier_crash", tests,
                                       config_fixture_open, conf_fixture_close);
}

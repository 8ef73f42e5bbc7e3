/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: order, limits, time, ends of holds, and many callers at once. */
#include "ledger/ledger_int.h"

#include "base/clock.h"
#include "tests/laws.h"
#include "tests/ledger_fixture.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int stop_clock(void **state)
{
    (void)state;
    clock_set(TEST_TIME_US, 1000);
    return 0;
}

static int free_clock(void **state)
{
    (void)state;
    clock_real();
    return 0;
}

/* ---- Many at once ---- */

enum {
    THREADS = 20,
    CALLS_EACH = 50
};

struct caller {
    struct ledger *ledger;
    unsigned index;
    unsigned taken;
    unsigned refused;
};

static void *call_often(void *arg)
{
    struct caller *c = arg;

    for (unsigned i = 0; i < CALLS_EACH; i++) {
        struct ledger_cmd cmd =
            hold(1000 + c->index * CALLS_EACH + i, account_id(1), 1);
        enum rc rc = ledger_call(c->ledger, &cmd);

        c->taken += rc == RC_OK;
        c->refused += rc == RC_NO_FUNDS;
    }
    return NULL;
}

static void race_for_ten(struct ledger *l)
{
    struct caller callers[THREADS];
    pthread_t threads[THREADS];
    unsigned taken = 0;
    unsigned refused = 0;

    must(l, transfer(1, funding(account_id(1), 10)));
    for (unsigned i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){.ledger = l, .index = i};
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        taken += callers[i].taken;
        refused += callers[i].refused;
    }
    assert_int_equal(taken, 10);
    assert_int_equal(refused, THREADS * CALLS_EACH - 10);
    assert_int_equal(available_in(l, account_id(1)), 0);
    laws_check(l);
    ledger_close(l);
}

static void of_1000_parallel_calls_money_for_10_lets_10_through(void **state)
{
    char dir[DIR_SIZE];

    (void)state;
    race_for_ten(open_memory());
    dir_make(dir);
    race_for_ten(open_store(dir));
    dir_remove(dir);
}

/* ---- A writer that is kept busy ---- */

/* Its done() waits, and so does the writer. */
struct stopper {
    struct ledger_cmd cmd;
    sem_t reached;
    sem_t go_on;
};

static void stop_there(struct ledger_cmd *cmd)
{
    struct stopper *s = (struct stopper *)cmd;

    assert_int_equal(sem_post(&s->reached), 0);
    while (sem_wait(&s->go_on) != 0)
        ;
}

static void stop_writer(struct stopper *s, struct ledger *l, unsigned op)
{
    s->cmd = note(op);
    s->cmd.done = stop_there;
    assert_int_equal(sem_init(&s->reached, 0, 0), 0);
    assert_int_equal(sem_init(&s->go_on, 0, 0), 0);
    ledger_submit(l, &s->cmd);
    while (sem_wait(&s->reached) != 0)
        ;
}

static void let_go(struct stopper *s)
{
    assert_int_equal(sem_post(&s->go_on), 0);
}

static atomic_uint done_count;
static atomic_uint busy_count;
static atomic_uint_fast64_t last_seq;
static atomic_uint disorder;

static void count_done(struct ledger_cmd *cmd)
{
    if (cmd->result.rc == RC_BUSY) {
        atomic_fetch_add(&busy_count, 1);
        return;
    }
    if (cmd->result.seq != atomic_exchange(&last_seq, cmd->result.seq) + 1)
        atomic_fetch_add(&disorder, 1);
    atomic_fetch_add(&done_count, 1);
}

/* Submits notes 2, 3, .. behind a stopper that was the first entry. */
static struct ledger_cmd *submit_notes(struct ledger *l, unsigned count)
{
    struct ledger_cmd *cmds = calloc(count, sizeof(*cmds));

    assert_non_null(cmds);
    atomic_store(&done_count, 0);
    atomic_store(&busy_count, 0);
    atomic_store(&last_seq, 1);
    atomic_store(&disorder, 0);
    for (unsigned i = 0; i < count; i++) {
        cmds[i] = note(2 + i);
        cmds[i].done = count_done;
        ledger_submit(l, &cmds[i]);
    }
    return cmds;
}

static void what_waits_goes_as_one_batch_in_order(void **state)
{
    struct ledger *l = open_memory();
    struct stopper stopper;
    struct ledger_stats stats;
    struct ledger_cmd *cmds;

    (void)state;
    stop_writer(&stopper, l, 1);
    cmds = submit_notes(l, 1000);
    ledger_stats(l, &stats);
    assert_int_equal(stats.queue_depth, 1000);
    let_go(&stopper);
    ledger_close(l); /* waits for all of them */
    assert_int_equal(atomic_load(&done_count), 1000);
    assert_int_equal(atomic_load(&disorder), 0);
    free(cmds);
}

static void a_batch_has_one_commit(void **state)
{
    char dir[DIR_SIZE];
    struct ledger *l;
    struct stopper stopper;
    struct ledger_stats stats;
    struct ledger_cmd *cmds;

    (void)state;
    dir_make(dir);
    l = open_store(dir);
    stop_writer(&stopper, l, 1);
    cmds = submit_notes(l, 1000);
    let_go(&stopper);
    must(l, note(5000));
    ledger_stats(l, &stats);
    assert_int_equal(stats.entries, 1002);
    assert_in_range(stats.commits, 3, 4); /* the first, 512, the rest */
    assert_int_equal(stats.batch_max, 512);
    ledger_close(l);
    free(cmds);
    dir_remove(dir);
}

static void a_full_queue_is_busy_at_once(void **state)
{
    struct ledger *l = open_memory();
    struct stopper stopper;
    struct ledger_cmd *cmds;

    (void)state;
    stop_writer(&stopper, l, 1);
    cmds = submit_notes(l, LEDGER_QUEUE_MAX + 3);
    assert_int_equal(atomic_load(&busy_count), 3);
    let_go(&stopper);
    ledger_close(l);
    assert_int_equal(atomic_load(&done_count), LEDGER_QUEUE_MAX);
    free(cmds);
}

static void a_malformed_command_comes_back_at_once(void **state)
{
    struct ledger *l = open_memory();
    struct ledger_cmd cmd = note(1);

    (void)state;
    cmd.leg_count = 1;
    assert_int_equal(ledger_call(l, &cmd), RC_BAD_INPUT);
    cmd = void_of(1, 2);
    cmd.verb = LEDGER_EXPIRE;
    assert_int_equal(ledger_call(l, &cmd), RC_BAD_INPUT);
    ledger_close(l);
}

/* ---- Time ---- */

static uint64_t time_of(struct ledger *l, struct ledger_cmd cmd)
{
    assert_int_equal(ledger_call(l, &cmd), RC_OK);
    return cmd.result.time_us;
}

static void time_never_goes_back(void **state)
{
    char dir[DIR_SIZE];
    struct ledger *l;

    (void)state;
    dir_make(dir);
    l = open_store(dir);
    assert_int_equal(time_of(l, note(1)), TEST_TIME_US);
    clock_set(TEST_TIME_US - 3600000000, 5000);
    assert_int_equal(time_of(l, note(2)), TEST_TIME_US);
    assert_int_equal(ledger_now_us(l), TEST_TIME_US);
    ledger_close(l);
    l = open_store(dir);
    assert_int_equal(ledger_now_us(l), TEST_TIME_US);
    assert_int_equal(time_of(l, note(3)), TEST_TIME_US);
    clock_set(TEST_TIME_US + 7, 6000);
    assert_int_equal(ledger_now_us(l), TEST_TIME_US + 7);
    assert_int_equal(time_of(l, note(4)), TEST_TIME_US + 7);
    ledger_close(l);
    dir_remove(dir);
}

static struct ledger_entry entry_of(struct ledger *l, struct id op)
{
    struct ledger_entry e = {0};
    struct ledger_view *v;
    uint64_t seq;

    assert_int_equal(ledger_view_open(&v, l), RC_OK);
    assert_int_equal(ledger_view_find(&seq, v, op), RC_OK);
    assert_int_equal(ledger_view_entry(&e, v, seq), RC_OK);
    ledger_view_close(v);
    return e;
}

static bool count_tagged(void *arg, const struct ledger_entry *e)
{
    unsigned *count = arg;

    (void)e;
    ++*count;
    return true;
}

static unsigned tagged(struct ledger *l, struct id tag)
{
    struct ledger_view *v;
    unsigned count = 0;

    assert_int_equal(ledger_view_open(&v, l), RC_OK);
    assert_int_equal(ledger_view_tagged(v, tag, 0, false, count_tagged, &count), RC_OK);
    ledger_view_close(v);
    return count;
}

static void a_hold_is_ended_before_what_comes_at_its_time(void **state)
{
    struct ledger *l = open_memory();
    struct ledger_cmd h = hold(2, account_id(1), 10);
    struct ledger_cmd c = capture(3, 2, account_id(1), 10);
    struct ledger_entry e;

    (void)state;
    h.expires_us = TEST_TIME_US + 2000;
    h.tags[0] = account_id(77);
    must(l, transfer(1, funding(account_id(1), 10)));
    must(l, h);
    clock_advance_ms(1);
    must(l, note(4));
    assert_int_equal(available_in(l, account_id(1)), 0);
    clock_advance_ms(1);
    assert_int_equal(ledger_call(l, &c), RC_ENDED);
    assert_int_equal(available_in(l, account_id(1)), 10);
    e = entry_of(l, id_with_tail(op_id(2), 0xee));
    assert_int_equal(e.verb, LEDGER_EXPIRE);
    assert_int_equal(e.time_us, TEST_TIME_US + 2000);
    assert_int_equal(amount_of(e.released), 10);
    assert_int_equal(amount_of(e.balance), 10);
    assert_int_equal(tagged(l, account_id(77)), 2); /* like its hold */
    laws_check(l);
    ledger_close(l);
}

static void holds_expire_in_the_next_run_too(void **state)
{
    char dir[DIR_SIZE];
    struct ledger *l;
    struct ledger_cmd h = hold(2, account_id(1), 10);

    (void)state;
    dir_make(dir);
    l = open_store(dir);
    h.expires_us = TEST_TIME_US + 2000;
    h.durable = true;
    must(l, transfer(1, funding(account_id(1), 10)));
    must(l, h);
    ledger_close(l);
    clock_advance_ms(3);
    l = open_store(dir);
    must(l, note(3));
    assert_int_equal(available_in(l, account_id(1)), 10);
    laws_check(l);
    ledger_close(l);
    dir_remove(dir);
}

/* More than are ended in one batch, with many that ended before their time. */
static void many_holds_expire(void **state)
{
    enum {
        MANY = 6000
    };
    struct ledger *l = open_memory();
    struct ledger_stats stats;

    (void)state;
    must(l, transfer(1, funding(account_id(1), MANY)));
    for (unsigned i = 0; i < MANY; i++) {
        struct ledger_cmd h = hold(10 + i, account_id(1), 1);

        h.expires_us = TEST_TIME_US + 1000 * (1 + i % 7);
        must(l, h);
        if (i % 8 != 0)
            must(l, capture(20000 + i, 10 + i, account_id(1), 0));
    }
    ledger_stats(l, &stats);
    assert_int_equal(stats.holds, MANY / 8);
    clock_advance_ms(8);
    for (unsigned i = 0; i < 200 && stats.holds > 0; i++) {
        must(l, note(50000 + i));
        ledger_stats(l, &stats);
    }
    assert_int_equal(stats.holds, 0);
    assert_int_equal(available_in(l, account_id(1)), MANY);
    laws_check(l);
    ledger_close(l);
}

/* ---- The end of a run ---- */

static void holds_of_an_earlier_run_are_given_back(void **state)
{
    enum {
        MANY = 600
    };

    char dir[DIR_SIZE];
    struct ledger *l;
    struct ledger_cmd durable = hold(2, account_id(1), 5);
    uint64_t count;

    (void)state;
    dir_make(dir);
    l = open_store(dir);
    durable.durable = true;
    must(l, transfer(1, funding(account_id(1), 10000)));
    must(l, durable);
    for (unsigned i = 0; i < MANY; i++)
        must(l, hold(10 + i, account_id(1), 2));
    assert_int_equal(ledger_recover(l, &count), RC_OK);
    assert_int_equal(count, 0); /* this run's own */
    ledger_close(l);

    l = open_store(dir);
    must(l, hold(5000, account_id(1), 7));
    assert_int_equal(ledger_recover(l, &count), RC_OK);
    assert_int_equal(count, MANY);
    assert_int_equal(available_in(l, account_id(1)), 10000 - 5 - 7);
    assert_int_equal(entry_of(l, id_with_tail(op_id(10), 0xed)).verb, LEDGER_VOID);
    assert_int_equal(ledger_recover(l, &count), RC_OK);
    assert_int_equal(count, 0);
    must(l, capture(6000, 2, account_id(1), 5)); /* the durable one lives */
    laws_check(l);
    ledger_close(l);
    dir_remove(dir);
}

static void what_was_done_is_known_after_a_restart(void **state)
{
    char dir[DIR_SIZE];
    struct ledger *l;
    struct ledger_cmd t = transfer(1, funding(account_id(1), 10));

    (void)state;
    dir_make(dir);
    l = open_store(dir);
    must(l, t);
    ledger_close(l);
    l = open_store(dir);
    assert_int_equal(ledger_call(l, &t), RC_OK);
    assert_true(t.result.replayed);
    t.legs[0].amount = nano(11);
    assert_int_equal(ledger_call(l, &t), RC_CONFLICT);
    assert_int_equal(available_in(l, account_id(1)), 10);
    ledger_close(l);
    dir_remove(dir);
}

/* ---- Forgetting ---- */

static unsigned known(struct ledger *l, unsigned first, unsigned count)
{
    struct ledger_view *v;
    unsigned sum = 0;

    assert_int_equal(ledger_view_open(&v, l), RC_OK);
    for (unsigned i = 0; i < count; i++) {
        uint64_t seq;

        sum += ledger_view_find(&seq, v, op_id(first + i)) == RC_OK;
    }
    ledger_view_close(v);
    return sum;
}

static void old_calls_leave_the_table_of_ids(void **state)
{
    enum {
        MANY = 3000
    };
    struct ledger *l = open_memory();

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        struct ledger_cmd cmd = note(10 + i);

        cmd.forgettable = i % 3 != 0;
        must(l, cmd);
    }
    assert_int_equal(known(l, 10, MANY), MANY);
    clock_advance_ms(24 * 3600 * 1000);
    for (unsigned i = 0; i < 8; i++) { /* in small steps, as entries come */
        must(l, note(100000 + i));
        clock_advance_ms(1001);
    }
    assert_int_equal(known(l, 10, MANY), MANY / 3);
    laws_check(l);
    ledger_close(l);
}

/* The end of a hold is remembered as long as the hold, not longer. */
static void an_expiry_is_forgotten_like_its_hold(void **state)
{
    struct ledger *l = open_memory();
    struct ledger_cmd kept = hold(2, account_id(1), 1);
    struct ledger_cmd forgotten = hold(3, account_id(1), 1);
    struct ledger_view *v;
    uint64_t seq;

    (void)state;
    kept.expires_us = forgotten.expires_us = TEST_TIME_US + 1000;
    forgotten.forgettable = true;
    must(l, transfer(1, funding(account_id(1), 10)));
    must(l, kept);
    must(l, forgotten);
    clock_advance_ms(1);
    must(l, note(4));
    assert_int_equal(available_in(l, account_id(1)), 10);
    clock_advance_ms(25 * 3600 * 1000);
    must(l, note(5));
    clock_advance_ms(1001);
    must(l, note(6));
    assert_int_equal(known(l, 2, 2), 1);
    assert_int_equal(ledger_view_open(&v, l), RC_OK);
    assert_int_equal(ledger_view_find(&seq, v, id_with_tail(op_id(2), 0xee)), RC_OK);
    assert_int_equal(ledger_view_find(&seq, v, id_with_tail(op_id(3), 0xee)),
                     RC_NOT_FOUND);
    ledger_view_close(v);
    laws_check(l);
    ledger_close(l);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stop_clock, free_clock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_1000_parallel_calls_money_for_10_lets_10_through),
        TEST(what_waits_goes_as_one_batch_in_order),
        TEST(a_batch_has_one_commit),
        TEST(a_full_queue_is_busy_at_once),
        TEST(a_malformed_command_comes_back_at_once),
        TEST(time_never_goes_back),
        TEST(a_hold_is_ended_before_what_comes_at_its_time),
        TEST(holds_expire_in_the_next_run_too),
        TEST(many_holds_expire),
        TEST(holds_of_an_earlier_run_are_given_back),
        TEST(what_was_done_is_known_after_a_restart),
        TEST(old_calls_leave_the_table_of_ids),
        TEST(an_expiry_is_forgotten_like_its_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* LMDB against the model: the same random commands to both, singly and in bursts, with
 * the clock moving and the store closed and opened in between, must have the same
 * results and leave the same book. ROUNDS (default 100) tapes. */
#include "base/clock.h"
#include "tests/laws.h"
#include "tests/ledger_fixture.h"
#include "tests/prng.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    BURSTS = 25,
    BURST_MAX = 12,
    OPS = 60, /* so few that repeats and conflicts are common */
    ACCOUNTS = 4,
    LAST = 40
};

/* ---- Any command over a small world ---- */

static struct ledger_leg any_leg(struct prng *p)
{
    unsigned from = (unsigned)prng_below(p, ACCOUNTS);
    struct ledger_leg l = guarded(account_id(1 + from), revenue(), prng_below(p, 60));

    if (prng_below(p, 5) == 0) {
        l.grant = nano(100);
        l.grant_from = account_id(50);
    }
    if (prng_below(p, 20) == 0)
        l.number++; /* another's number */
    return l;
}

static struct ledger_leg any_move(struct prng *p)
{
    unsigned to = 1 + (unsigned)prng_below(p, ACCOUNTS);
    struct ledger_leg l = any_leg(p);

    if (prng_below(p, 2) == 0)
        return funding(account_id(to), prng_below(p, 100));
    l.credit = account_id(to);
    l.credit_flags = LEDGER_NO_OVERDRAFT;
    return l;
}

static void add_writes(struct ledger_cmd *cmd, struct prng *p)
{
    static const char *const keys[] = {"a", "b", "ab", "abc"};

    cmd->write_count = (unsigned)prng_below(p, 3);
    for (unsigned i = 0; i < cmd->write_count; i++) {
        enum ledger_write_op op = (enum ledger_write_op)prng_below(p, 4);
        bool any = op != LEDGER_EXPECT && prng_below(p, 2) == 0;

        cmd->writes[i] = write_of(op, keys[prng_below(p, 4)], keys[prng_below(p, 4)],
                                  any ? LEDGER_ANY : prng_below(p, 4));
    }
}

static struct ledger_cmd any_command(struct prng *p)
{
    static const enum ledger_verb verbs[] = {
        LEDGER_NOTE, LEDGER_TRANSFER, LEDGER_TRANSFER, LEDGER_HOLD,
        LEDGER_HOLD, LEDGER_CAPTURE,  LEDGER_CAPTURE,  LEDGER_VOID};

    unsigned op = 1 + (unsigned)prng_below(p, OPS);
    struct ledger_cmd cmd = {.op = op_id(op), .verb = verbs[prng_below(p, 8)]};

    /* By its number an op is one that may be forgotten, or not. */
    cmd.forgettable = op % 3 != 0;
    if (cmd.verb != LEDGER_NOTE && cmd.verb != LEDGER_VOID)
        cmd.leg_count = 1 + (unsigned)(prng_below(p, 3) * prng_below(p, 2));
    for (unsigned i = 0; i < cmd.leg_count; i++)
        cmd.legs[i] = cmd.verb == LEDGER_TRANSFER ? any_move(p) : any_leg(p);
    if (cmd.verb == LEDGER_CAPTURE || cmd.verb == LEDGER_VOID)
        cmd.hold = op_id(1 + (unsigned)prng_below(p, OPS));
    if (cmd.verb == LEDGER_CAPTURE && prng_below(p, 2) == 0)
        cmd.spill = account_id(60);
    if (cmd.verb == LEDGER_HOLD && prng_below(p, 2) == 0)
        cmd.expires_us = clock_wall_us() + 1 + prng_below(p, 100000000);
    if (cmd.verb == LEDGER_HOLD)
        cmd.durable = prng_below(p, 2) == 0;
    if (cmd.verb == LEDGER_NOTE || prng_below(p, 4) == 0)
        add_writes(&cmd, p);
    if (prng_below(p, 2) == 0)
        cmd.tags[prng_below(p, 3)] = account_id(70 + (unsigned)prng_below(p, 2));
    return cmd;
}

/* ---- Both books ---- */

struct pair {
    struct ledger *model;
    struct ledger *store;
    char dir[DIR_SIZE];
    bool reopened;
    unsigned done;
    unsigned refused;
    unsigned replayed;
    struct ledger_cmd last[LAST]; /* to be asked again */
    unsigned last_count;
    unsigned moves; /* of the clock */
};

struct waited {
    struct ledger_cmd cmd;
    sem_t *done;
};

static void post(struct ledger_cmd *cmd)
{
    assert_int_equal(sem_post(((struct waited *)cmd)->done), 0);
}

static void run_burst(struct ledger *l, const struct ledger_cmd *cmds, unsigned count,
                      struct ledger_result *results)
{
    struct waited *waited = calloc(count, sizeof(*waited));
    sem_t done;

    assert_non_null(waited);
    assert_int_equal(sem_init(&done, 0, 0), 0);
    for (unsigned i = 0; i < count; i++) {
        waited[i].cmd = cmds[i];
        waited[i].cmd.done = post;
        waited[i].done = &done;
        ledger_submit(l, &waited[i].cmd);
    }
    for (unsigned i = 0; i < count; i++) {
        while (sem_wait(&done) != 0)
            ;
    }
    for (unsigned i = 0; i < count; i++)
        results[i] = waited[i].cmd.result;
    assert_int_equal(sem_destroy(&done), 0);
    free(waited);
}

static void compare(struct pair *pair, const struct ledger_result *a,
                    const struct ledger_result *b)
{
    assert_int_equal(a->rc, b->rc);
    assert_int_equal(a->at, b->at);
    assert_int_equal(a->replayed, b->replayed);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->time_us, b->time_us);
    assert_int_equal(amount_of(a->moved), amount_of(b->moved));
    assert_int_equal(amount_of(a->spilled), amount_of(b->spilled));
    for (unsigned i = 0; i < LEDGER_LEGS_MAX; i++)
        assert_int_equal(amount_of(a->available[i]), amount_of(b->available[i]));
    pair->done += a->rc == RC_OK && !a->replayed;
    pair->replayed += a->replayed;
    pair->refused += a->rc != RC_OK;
}

static char *export_of(struct ledger *l)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    assert_int_equal(ledger_export(l, out), RC_OK);
    assert_int_equal(fclose(out), 0);
    return text;
}

/* Entries state their run: after a restart only what they came to is the same. */
static void compare_books(const struct pair *pair)
{
    char *model = export_of(pair->model);
    char *store = export_of(pair->store);
    const char *from = pair->reopened ? "\n{\"account\"" : "\n";
    const char *a = strstr(model, from);
    const char *b = strstr(store, from);

    assert_true((a == NULL) == (b == NULL));
    if (a != NULL && b != NULL)
        assert_string_equal(a, b);
    free(model);
    free(store);
}

static struct ledger_cmd next_command(struct prng *p, struct pair *pair)
{
    struct ledger_cmd *slot = &pair->last[pair->last_count % LAST];
    const struct ledger_cmd *again = &pair->last[prng_below(p, LAST)];

    /* A hold that is late would end with the next batch, and how many batches a burst
     * becomes is chance. */
    if (pair->last_count >= LAST && prng_below(p, 5) == 0 &&
        (again->expires_us == 0 || again->expires_us > clock_wall_us()))
        return *again;
    *slot = any_command(p);
    pair->last_count++;
    return *slot;
}

/* Holds that are due end in both at this time, whenever their writers wake up. */
static void move_clock(struct pair *pair, uint64_t ms)
{
    clock_advance_ms(ms);
    must(pair->model, note(OPS + ++pair->moves));
    must(pair->store, note(OPS + pair->moves));
}

static void play(struct prng *p, struct pair *pair)
{
    struct ledger_cmd cmds[BURST_MAX];
    struct ledger_result in_model[BURST_MAX];
    struct ledger_result in_store[BURST_MAX];

    for (unsigned burst = 0; burst < BURSTS; burst++) {
        unsigned count = 1 + (unsigned)prng_below(p, BURST_MAX);

        for (unsigned i = 0; i < count; i++)
            cmds[i] = next_command(p, pair);
        run_burst(pair->model, cmds, count, in_model);
        run_burst(pair->store, cmds, count, in_store);
        for (unsigned i = 0; i < count; i++)
            compare(pair, &in_model[i], &in_store[i]);
        if (prng_below(p, 3) == 0)
            move_clock(pair, prng_below(p, 60000));
        if (prng_below(p, 20) == 0)
            move_clock(pair, 24 * 3600 * 1000);
        if (pair->reopened && prng_below(p, 8) == 0) {
            ledger_close(pair->store);
            pair->store = open_store(pair->dir);
        }
    }
}

static unsigned rounds(void)
{
    const char *text = getenv("ROUNDS");

    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : 100;
}

static void both_books_are_the_same(void **state)
{
    struct pair sum = {.done = 0};

    (void)state;
    for (unsigned round = 0; round < rounds(); round++) {
        struct prng p = {round};
        struct pair pair = {.reopened = round % 3 == 0};

        clock_set(TEST_TIME_US, 1000);
        dir_make(pair.dir);
        pair.model = open_memory();
        pair.store = open_store(pair.dir);
        play(&p, &pair);
        compare_books(&pair);
        laws_check(pair.model);
        laws_check(pair.store);
        ledger_close(pair.model);
        ledger_close(pair.store);
        dir_remove(pair.dir);
        sum.done += pair.done;
        sum.refused += pair.refused;
        sum.replayed += pair.replayed;
    }
    clock_real();
    print_message("%u done, %u refused, %u done before\n", sum.done, sum.refused,
                  sum.replayed);
    assert_true(sum.done > rounds() * 20);
    assert_true(sum.refused > rounds() * 20);
    assert_true(sum.replayed > rounds());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_books_are_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

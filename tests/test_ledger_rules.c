/* SPDX-License-Identifier: Apache-2.0 */
/* The rules, one by one. All small worlds at once are in test_ledger_worlds.c. */
#include "ledger/ledger_int.h"

#include "tests/ledger_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The rules over the model, without a writer: time and run are what the test says. */
struct bench {
    struct engine *engine;
    struct batch *batch;
    struct head head;
    uint64_t time_us;
    uint64_t run;
    bool full;
};

static int open_bench(void **state)
{
    static struct bench b;

    b = (struct bench){.time_us = TEST_TIME_US, .run = 1};
    assert_int_equal(ledger__mem_open(&b.engine), RC_OK);
    assert_int_equal(ledger__batch_open(&b.batch), RC_OK);
    *state = &b;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *b = *state;

    b->engine->ops->close(b->engine);
    ledger__batch_close(b->batch);
    return 0;
}

/* A batch of its own for each command. */
static enum rc run(struct bench *b, struct ledger_cmd *cmd)
{
    struct change *changes;

    ledger__batch_begin(b->batch, &b->head, 1);
    b->batch->time_us = b->time_us;
    b->batch->run = b->run;
    b->batch->refuse_holds = b->full;
    ledger__batch_want(b->batch, cmd);
    assert_int_equal(ledger__batch_load(b->batch, b->engine), RC_OK);
    ledger__apply(b->batch, cmd);
    assert_int_equal(ledger__batch_changes(&changes, b->batch), RC_OK);
    if (changes != NULL)
        assert_int_equal(b->engine->ops->commit(b->engine, changes), RC_OK);
    b->head = b->batch->head;
    return cmd->result.rc;
}

static enum rc go(struct bench *b, struct ledger_cmd cmd)
{
    return run(b, &cmd);
}

static void fund(struct bench *b, unsigned op, struct id account, uint64_t amount)
{
    assert_int_equal(go(b, transfer(op, funding(account, amount))), RC_OK);
}

static bool has_row(struct bench *b, enum table table, struct slice key,
                    struct slice *row)
{
    struct snapshot *s;
    enum rc rc;

    assert_int_equal(b->engine->ops->snapshot(&s, b->engine), RC_OK);
    rc = b->engine->ops->get(row, s, table, key);
    b->engine->ops->release(s);
    return rc == RC_OK;
}

static struct ledger_account account(struct bench *b, struct id id)
{
    struct ledger_account a = {0};
    struct slice row;

    if (has_row(b, TABLE_ACCOUNT, ledger__id_slice(&id), &row))
        assert_int_equal(ledger__account_decode(&a, ledger__id_slice(&id), row), RC_OK);
    return a;
}

static uint64_t can_spend(struct bench *b, struct id id)
{
    struct ledger_account a = account(b, id);

    return amount_of(ledger_available(&a));
}

static uint64_t version_of(struct bench *b, const char *key)
{
    uint8_t bytes[RECORD_KEY_MAX];
    size_t len = ledger__record_key(bytes, 7, slice_str(key));
    struct slice full = slice_from((const char *)bytes, len);
    struct record r = {0};
    struct slice row;

    if (has_row(b, TABLE_RECORD, full, &row))
        assert_int_equal(ledger__record_decode(&r, full, row), RC_OK);
    return r.version;
}

/* ---- Transfers ---- */

static void a_transfer_moves_and_opens(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd cmd = transfer(1, funding(account_id(1), 100));

    assert_int_equal(run(b, &cmd), RC_OK);
    assert_int_equal(cmd.result.seq, 1);
    assert_int_equal(cmd.result.time_us, TEST_TIME_US);
    assert_int_equal(can_spend(b, account_id(1)), 100);
    assert_int_equal(amount_of(account(b, bank()).debits), 100);
    assert_int_equal(account(b, account_id(1)).opened_us, TEST_TIME_US);
}

static void no_account_with_the_flag_goes_below_zero(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd cmd = transfer(2, guarded(account_id(1), revenue(), 101));

    fund(b, 1, account_id(1), 100);
    assert_int_equal(run(b, &cmd), RC_NO_FUNDS);
    assert_int_equal(cmd.result.at, 0);
    assert_int_equal(amount_of(cmd.result.available[0]), 100);
    assert_int_equal(account(b, revenue()).opened_us, 0); /* not even opened */
    cmd.legs[0].amount = nano(100);
    assert_int_equal(run(b, &cmd), RC_OK);
    assert_int_equal(can_spend(b, account_id(1)), 0);
}

static void a_later_leg_may_spend_what_an_earlier_one_brought(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd cmd = transfer(1, funding(account_id(1), 10));

    cmd.leg_count = 2;
    cmd.legs[1] = guarded(account_id(1), revenue(), 10);
    assert_int_equal(run(b, &cmd), RC_OK);
    cmd = transfer(2, guarded(account_id(1), revenue(), 10));
    cmd.leg_count = 2;
    cmd.legs[1] = funding(account_id(1), 10);
    assert_int_equal(run(b, &cmd), RC_NO_FUNDS); /* in order, that is */
}

static void the_leg_that_fails_is_named_and_nothing_stays(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd cmd = transfer(2, guarded(account_id(1), revenue(), 5));

    fund(b, 1, account_id(1), 10);
    cmd.leg_count = 3;
    cmd.legs[1] = guarded(account_id(1), account_id(2), 5);
    cmd.legs[2] = guarded(account_id(3), revenue(), 1);
    cmd.write_count = 1;
    cmd.writes[0] = write_of(LEDGER_INSERT, "k", "v", 0);
    assert_int_equal(run(b, &cmd), RC_NO_FUNDS);
    assert_int_equal(cmd.result.at, 2);
    assert_int_equal(can_spend(b, account_id(1)), 10);
    assert_int_equal(version_of(b, "k"), 0);
    assert_int_equal(b->head.seq, 1);
}

static void an_account_keeps_its_number_and_flags(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd cmd = transfer(2, leg(account_id(1), revenue(), 1));

    fund(b, 1, account_id(1), 10);
    assert_int_equal(run(b, &cmd), RC_CONFLICT); /* without its flag */
    cmd = transfer(3, guarded(account_id(1), revenue(), 1));
    cmd.legs[0].number = USD + 1;
    assert_int_equal(run(b, &cmd), RC_CONFLICT);
    cmd.leg_count = 2;
    cmd.legs[1] = cmd.legs[0];
    cmd.legs[0] = guarded(account_id(1), revenue(), 1);
    assert_int_equal(run(b, &cmd), RC_CONFLICT);
    assert_int_equal(cmd.result.at, 1);
}

static void sums_never_wrap(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd cmd;

    fund(b, 1, account_id(1), UINT64_MAX);
    assert_int_equal(go(b, transfer(2, funding(account_id(1), 1))), RC_OVERFLOW);
    cmd = transfer(3, leg(account_id(5), account_id(1), 1));
    cmd.legs[0].credit_flags = LEDGER_NO_OVERDRAFT;
    assert_int_equal(run(b, &cmd), RC_OVERFLOW); /* the credits */
    cmd = hold(4, account_id(6), UINT64_MAX);
    cmd.legs[0].debit_flags = 0;
    assert_int_equal(run(b, &cmd), RC_OK);
    cmd = hold(5, account_id(6), 1);
    cmd.legs[0].debit_flags = 0;
    assert_int_equal(run(b, &cmd), RC_OVERFLOW); /* what is held */
    assert_int_equal(can_spend(b, account_id(1)), UINT64_MAX);
}

static void a_grant_comes_once_with_the_opening(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd cmd = hold(1, account_id(1), 30);

    cmd.legs[0].grant = nano(100);
    cmd.legs[0].grant_from = account_id(9);
    assert_int_equal(run(b, &cmd), RC_OK);
    assert_int_equal(can_spend(b, account_id(1)), 70);
    assert_int_equal(amount_of(account(b, account_id(9)).debits), 100);
    cmd.op = op_id(2);
    assert_int_equal(run(b, &cmd), RC_OK);
    assert_int_equal(can_spend(b, account_id(1)), 40);
    cmd.op = op_id(3);
    cmd.legs[0].amount = nano(41);
    assert_int_equal(run(b, &cmd), RC_NO_FUNDS);
    assert_int_equal(amount_of(cmd.result.available[0]), 40);
}

static void a_grant_that_is_too_small_leaves_no_account(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd cmd = hold(1, account_id(1), 101);

    cmd.legs[0].grant = nano(100);
    cmd.legs[0].grant_from = account_id(9);
    assert_int_equal(run(b, &cmd), RC_NO_FUNDS);
    assert_int_equal(amount_of(cmd.result.available[0]), 100);
    assert_int_equal(account(b, account_id(1)).opened_us, 0);
    assert_int_equal(account(b, account_id(9)).opened_us, 0);
}

/* ---- Holds ---- */

static void what_is_held_cannot_be_spent_twice(void **state)
{
    struct bench *b = *state;

    fund(b, 1, account_id(1), 100);
    assert_int_equal(go(b, hold(2, account_id(1), 60)), RC_OK);
    assert_int_equal(can_spend(b, account_id(1)), 40);
    assert_int_equal(go(b, hold(3, account_id(1), 41)), RC_NO_FUNDS);
    assert_int_equal(go(b, transfer(4, guarded(account_id(1), revenue(), 41))),
                     RC_NO_FUNDS);
    assert_int_equal(go(b, hold(5, account_id(1), 40)), RC_OK);
    assert_int_equal(go(b, hold(6, account_id(1), 0)), RC_OK); /* a free call */
}

static void a_capture_takes_and_gives_back_the_rest(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd cmd = capture(3, 2, account_id(1), 25);

    fund(b, 1, account_id(1), 100);
    assert_int_equal(go(b, hold(2, account_id(1), 60)), RC_OK);
    assert_int_equal(run(b, &cmd), RC_OK);
    assert_int_equal(amount_of(cmd.result.moved), 25);
    assert_int_equal(amount_of(cmd.result.spilled), 0);
    assert_int_equal(amount_of(cmd.result.available[0]), 75);
    assert_int_equal(amount_of(account(b, account_id(1)).held), 0);
    assert_int_equal(amount_of(account(b, revenue()).credits), 25);
}

static void a_hold_ends_once(void **state)
{
    struct bench *b = *state;

    fund(b, 1, account_id(1), 100);
    assert_int_equal(go(b, hold(2, account_id(1), 60)), RC_OK);
    assert_int_equal(go(b, capture(3, 2, account_id(1), 60)), RC_OK);
    assert_int_equal(go(b, capture(4, 2, account_id(1), 1)), RC_ENDED);
    assert_int_equal(go(b, void_of(5, 2)), RC_ENDED);
    assert_int_equal(go(b, void_of(6, 77)), RC_NOT_FOUND);
    assert_int_equal(go(b, void_of(7, 1)), RC_NOT_FOUND); /* not a hold */
    assert_int_equal(can_spend(b, account_id(1)), 40);
}

static void a_void_gives_everything_back(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd h = hold(2, account_id(1), 60);

    h.leg_count = 3;
    h.legs[1] = guarded(account_id(2), ID_NONE, 5);
    h.legs[2] = guarded(account_id(1), ID_NONE, 7); /* the same account again */
    fund(b, 1, account_id(1), 100);
    fund(b, 9, account_id(2), 5);
    assert_int_equal(run(b, &h), RC_OK);
    assert_int_equal(can_spend(b, account_id(1)), 33);
    assert_int_equal(amount_of(h.result.available[0]), 33);
    assert_int_equal(go(b, void_of(3, 2)), RC_OK);
    assert_int_equal(can_spend(b, account_id(1)), 100);
    assert_int_equal(can_spend(b, account_id(2)), 5);
}

static void captures_stay_within_their_hold(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd c = capture(4, 3, account_id(1), 11);

    fund(b, 1, account_id(1), 100);
    fund(b, 2, account_id(2), 100);
    assert_int_equal(go(b, hold(3, account_id(1), 10)), RC_OK);
    assert_int_equal(run(b, &c), RC_BAD_INPUT); /* more, and no spill */
    c = capture(4, 3, account_id(1), 6);
    c.leg_count = 2;
    c.legs[1] = guarded(account_id(1), account_id(7), 5);
    assert_int_equal(run(b, &c), RC_BAD_INPUT); /* together more */
    c.legs[1] = guarded(account_id(2), revenue(), 1);
    assert_int_equal(run(b, &c), RC_BAD_INPUT); /* not on the hold */
    assert_int_equal(c.result.at, 1);
    c.legs[1] = guarded(account_id(1), account_id(7), 4);
    assert_int_equal(run(b, &c), RC_OK); /* shared between two legs */
    assert_int_equal(amount_of(account(b, account_id(7)).credits), 4);
}

/* ---- Excess ---- */

/* Money and a limit, 10 held on each. The limit has `limit_left` more. */
static void hold_on_two(struct bench *b, uint64_t money_left, uint64_t limit_left)
{
    struct ledger_cmd h = hold(3, account_id(1), 10);

    h.leg_count = 2;
    h.legs[1] = guarded(account_id(2), ID_NONE, 10);
    fund(b, 1, account_id(1), 10 + money_left);
    fund(b, 2, account_id(2), 10 + limit_left);
    assert_int_equal(run(b, &h), RC_OK);
}

static struct ledger_cmd capture_on_two(uint64_t amount)
{
    struct ledger_cmd c = capture(4, 3, account_id(1), amount);

    c.leg_count = 2;
    c.legs[1] = guarded(account_id(2), account_id(8), amount);
    c.spill = account_id(9);
    return c;
}

static void excess_is_borne_by_all_or_spilled(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd c = capture_on_two(17);

    hold_on_two(b, 5, 3);
    assert_int_equal(run(b, &c), RC_OK);
    assert_int_equal(amount_of(c.result.moved), 13); /* the limit bears 3 */
    assert_int_equal(amount_of(c.result.spilled), 4);
    assert_int_equal(can_spend(b, account_id(1)), 2);
    assert_int_equal(can_spend(b, account_id(2)), 0);
    assert_int_equal(amount_of(account(b, revenue()).credits), 17); /* in full */
    assert_int_equal(amount_of(account(b, account_id(9)).debits), 4);
}

static void excess_that_all_can_bear_spills_nothing(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd c = capture_on_two(13);

    hold_on_two(b, 5, 3);
    assert_int_equal(run(b, &c), RC_OK);
    assert_int_equal(amount_of(c.result.moved), 13);
    assert_int_equal(amount_of(c.result.spilled), 0);
    assert_int_equal(account(b, account_id(9)).opened_us, 0);
}

static void excess_of_an_account_without_the_flag_has_no_end(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd h = hold(1, account_id(1), 10);
    struct ledger_cmd c = capture(2, 1, account_id(1), 25);

    h.legs[0].debit_flags = 0;
    c.legs[0].debit_flags = 0;
    c.spill = account_id(9);
    assert_int_equal(run(b, &h), RC_OK);
    assert_int_equal(run(b, &c), RC_OK);
    assert_int_equal(amount_of(c.result.moved), 25);
    assert_int_equal(amount_of(account(b, account_id(1)).debits), 25);
}

static void excess_that_differs_is_refused(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd c = capture_on_two(12);

    hold_on_two(b, 5, 5);
    c.legs[1].amount = nano(13);
    assert_int_equal(run(b, &c), RC_BAD_INPUT);
    assert_int_equal(c.result.at, 1);
    c.legs[0].amount = nano(10); /* leg 0 without, leg 1 with */
    assert_int_equal(run(b, &c), RC_BAD_INPUT);
    c.legs[0].amount = nano(12);
    c.legs[1].amount = nano(9); /* only leg 0: the limit was not asked for more */
    assert_int_equal(run(b, &c), RC_OK);
    assert_int_equal(amount_of(c.result.moved), 12);
}

static void excess_is_not_shared_between_legs(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd c = capture(4, 3, account_id(1), 8);

    fund(b, 1, account_id(1), 100);
    assert_int_equal(go(b, hold(3, account_id(1), 10)), RC_OK);
    c.leg_count = 2;
    c.legs[1] = guarded(account_id(1), account_id(8), 8);
    c.spill = account_id(9);
    assert_int_equal(run(b, &c), RC_BAD_INPUT);
    assert_int_equal(can_spend(b, account_id(1)), 90);
}

static void the_spill_account_is_what_it_was(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd c = capture_on_two(30);

    hold_on_two(b, 0, 0);
    fund(b, 8, account_id(9), 100); /* with the flag */
    assert_int_equal(run(b, &c), RC_CONFLICT);
    c.spill = account_id(10);
    assert_int_equal(run(b, &c), RC_OK);
    assert_int_equal(amount_of(c.result.spilled), 20);
}

/* ---- Once ---- */

static void the_same_operation_has_one_effect(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd t = transfer(1, funding(account_id(1), 100));

    assert_int_equal(run(b, &t), RC_OK);
    assert_int_equal(run(b, &t), RC_OK);
    assert_true(t.result.replayed);
    assert_int_equal(t.result.seq, 1);
    assert_int_equal(can_spend(b, account_id(1)), 100);
    t.legs[0].amount = nano(99);
    assert_int_equal(run(b, &t), RC_CONFLICT);
    assert_false(t.result.replayed);
    t.legs[0].amount = nano(100);
    t.memo = SLICE("other");
    assert_int_equal(run(b, &t), RC_CONFLICT);
}

static void a_capture_done_again_tells_what_moved(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd c = capture_on_two(17);

    hold_on_two(b, 5, 3);
    assert_int_equal(run(b, &c), RC_OK);
    assert_int_equal(run(b, &c), RC_OK); /* and not RC_ENDED */
    assert_true(c.result.replayed);
    assert_int_equal(amount_of(c.result.moved), 13);
    assert_int_equal(amount_of(c.result.spilled), 4);
    assert_int_equal(can_spend(b, account_id(1)), 2);
}

static void a_failed_operation_may_be_tried_again(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd h = hold(2, account_id(1), 10);

    assert_int_equal(run(b, &h), RC_NO_FUNDS);
    fund(b, 1, account_id(1), 10);
    assert_int_equal(run(b, &h), RC_OK);
    assert_false(h.result.replayed);
}

static void within_a_batch_the_first_one_counts(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd cmds[4] = {
        transfer(1, funding(account_id(1), 10)),
        transfer(1, funding(account_id(1), 10)),
        transfer(1, funding(account_id(1), 11)),
        hold(2, account_id(1), 10),
    };

    ledger__batch_begin(b->batch, &b->head, 4);
    b->batch->time_us = b->time_us;
    for (unsigned i = 0; i < 4; i++)
        ledger__batch_want(b->batch, &cmds[i]);
    assert_int_equal(ledger__batch_load(b->batch, b->engine), RC_OK);
    for (unsigned i = 0; i < 4; i++)
        ledger__apply(b->batch, &cmds[i]);
    assert_int_equal(cmds[0].result.rc, RC_OK);
    assert_int_equal(cmds[1].result.rc, RC_OK);
    assert_true(cmds[1].result.replayed);
    assert_int_equal(cmds[1].result.seq, 1);
    assert_int_equal(cmds[2].result.rc, RC_CONFLICT);
    assert_int_equal(cmds[3].result.rc, RC_OK); /* sees what came before it */
}

static void a_forgettable_operation_is_forgotten_after_a_day(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd t = transfer(1, funding(account_id(1), 100));

    t.forgettable = true;
    assert_int_equal(run(b, &t), RC_OK);
    b->time_us = TEST_TIME_US + FORGET_AFTER_US - 1;
    assert_int_equal(run(b, &t), RC_OK);
    assert_true(t.result.replayed);
    b->time_us++;
    assert_int_equal(run(b, &t), RC_OK);
    assert_false(t.result.replayed);
    assert_int_equal(t.result.seq, 2);
}

static void others_are_never_forgotten(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd t = transfer(1, funding(account_id(1), 100));

    assert_int_equal(run(b, &t), RC_OK);
    b->time_us += 1000 * FORGET_AFTER_US;
    assert_int_equal(run(b, &t), RC_OK);
    assert_true(t.result.replayed);
}

static void a_living_hold_keeps_its_operation(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd h = hold(2, account_id(1), 10);

    fund(b, 1, account_id(1), 100);
    h.forgettable = true;
    assert_int_equal(run(b, &h), RC_OK);
    b->time_us += 3 * FORGET_AFTER_US;
    assert_int_equal(run(b, &h), RC_OK);
    assert_true(h.result.replayed);
    assert_int_equal(can_spend(b, account_id(1)), 90);
    assert_int_equal(go(b, void_of(3, 2)), RC_OK);
    assert_int_equal(can_spend(b, account_id(1)), 100);
}

/* Otherwise the same ids, used again, could meet the end of the first hold. */
static void the_operation_of_a_hold_counts_from_its_end(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd h = hold(2, account_id(1), 10);
    struct ledger_cmd v = void_of(3, 2);

    fund(b, 1, account_id(1), 100);
    h.forgettable = true;
    v.forgettable = true;
    assert_int_equal(run(b, &h), RC_OK);
    b->time_us += FORGET_AFTER_US - 1;
    assert_int_equal(run(b, &v), RC_OK);
    b->time_us += FORGET_AFTER_US - 1;
    assert_int_equal(run(b, &h), RC_OK);
    assert_true(h.result.replayed);
    assert_int_equal(go(b, void_of(4, 2)), RC_ENDED);
    b->time_us++;
    assert_int_equal(go(b, void_of(4, 2)), RC_NOT_FOUND);
    assert_int_equal(run(b, &h), RC_OK);
    assert_false(h.result.replayed);
    assert_int_equal(run(b, &v), RC_OK);
    assert_false(v.result.replayed);
    assert_int_equal(can_spend(b, account_id(1)), 100);
}

/* ---- Records ---- */

static enum rc write_one(struct bench *b, unsigned op, struct ledger_write w)
{
    struct ledger_cmd cmd = note(op);

    cmd.write_count = 1;
    cmd.writes[0] = w;
    return run(b, &cmd);
}

static void records_have_versions(void **state)
{
    struct bench *b = *state;

    assert_int_equal(write_one(b, 1, write_of(LEDGER_EXPECT, "k", NULL, 0)), RC_OK);
    assert_int_equal(write_one(b, 2, write_of(LEDGER_INSERT, "k", "a", 0)), RC_OK);
    assert_int_equal(version_of(b, "k"), 1);
    assert_int_equal(write_one(b, 3, write_of(LEDGER_INSERT, "k", "b", 0)), RC_EXISTS);
    assert_int_equal(write_one(b, 4, write_of(LEDGER_PUT, "k", "b", 2)), RC_STALE);
    assert_int_equal(write_one(b, 5, write_of(LEDGER_PUT, "k", "b", 1)), RC_OK);
    assert_int_equal(write_one(b, 6, write_of(LEDGER_PUT, "k", "c", LEDGER_ANY)),
                     RC_OK);
    assert_int_equal(version_of(b, "k"), 3);
    assert_int_equal(write_one(b, 7, write_of(LEDGER_EXPECT, "k", NULL, 3)), RC_OK);
    assert_int_equal(write_one(b, 8, write_of(LEDGER_EXPECT, "k", NULL, 0)), RC_STALE);
    assert_int_equal(write_one(b, 9, write_of(LEDGER_DELETE, "k", NULL, 2)), RC_STALE);
    assert_int_equal(write_one(b, 10, write_of(LEDGER_DELETE, "k", NULL, 3)), RC_OK);
    assert_int_equal(version_of(b, "k"), 0);
    assert_int_equal(write_one(b, 11, write_of(LEDGER_DELETE, "k", NULL, LEDGER_ANY)),
                     RC_NOT_FOUND);
    assert_int_equal(write_one(b, 12, write_of(LEDGER_PUT, "k", "d", LEDGER_ANY)),
                     RC_OK);
    assert_int_equal(version_of(b, "k"), 1);
    assert_int_equal(write_one(b, 13, write_of(LEDGER_PUT, "n", "d", 0)), RC_OK);
}

static void writes_see_those_before_them(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd cmd = note(1);

    cmd.write_count = 4;
    cmd.writes[0] = write_of(LEDGER_INSERT, "k", "a", 0);
    cmd.writes[1] = write_of(LEDGER_PUT, "k", "b", 1);
    cmd.writes[2] = write_of(LEDGER_INSERT, "other", "b", 0);
    cmd.writes[3] = write_of(LEDGER_INSERT, "k", "c", 0);
    assert_int_equal(run(b, &cmd), RC_EXISTS);
    assert_int_equal(cmd.result.at, 3);
    assert_int_equal(version_of(b, "k"), 0);
    assert_int_equal(version_of(b, "other"), 0);
    cmd.write_count = 3;
    assert_int_equal(run(b, &cmd), RC_OK);
    assert_int_equal(version_of(b, "k"), 2);
}

static void writes_are_checked_before_legs(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd cmd = transfer(1, guarded(account_id(1), revenue(), 5));

    cmd.write_count = 1;
    cmd.writes[0] = write_of(LEDGER_EXPECT, "k", NULL, 4);
    assert_int_equal(run(b, &cmd), RC_STALE);
}

/* ---- Time, room, damage ---- */

static void a_hold_expires_at_its_time_not_before(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd h = hold(2, account_id(1), 10);
    struct ledger_cmd x = void_of(3, 2);

    fund(b, 1, account_id(1), 100);
    h.expires_us = TEST_TIME_US + 5;
    assert_int_equal(run(b, &h), RC_OK);
    assert_int_equal(go(b, hold(4, account_id(1), 1)), RC_OK); /* never expires */
    x.verb = LEDGER_EXPIRE;
    b->time_us += 4;
    assert_int_equal(run(b, &x), RC_STALE);
    b->time_us++;
    assert_int_equal(run(b, &x), RC_OK);
    assert_int_equal(can_spend(b, account_id(1)), 99);
    x.hold = op_id(4);
    x.op = op_id(5);
    assert_int_equal(run(b, &x), RC_STALE);
}

static void without_room_only_new_work_is_refused(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd h = hold(2, account_id(1), 10);

    fund(b, 1, account_id(1), 100);
    assert_int_equal(run(b, &h), RC_OK);
    b->full = true;
    assert_int_equal(go(b, hold(3, account_id(1), 1)), RC_FULL);
    assert_int_equal(go(b, note(4)), RC_OK);
    assert_int_equal(run(b, &h), RC_OK);
    assert_true(h.result.replayed); /* nothing new about it */
    assert_int_equal(go(b, capture(5, 2, account_id(1), 10)), RC_OK);
    assert_int_equal(go(b, transfer(6, funding(account_id(1), 1))), RC_OK);
}

static void a_damaged_row_stops_only_its_own_commands(void **state)
{
    struct bench *b = *state;
    struct id id = account_id(1);
    struct change damage = {.table = TABLE_ACCOUNT,
                            .key = ledger__id_slice(&id),
                            .value = SLICE("not an account")};

    fund(b, 1, account_id(1), 100);
    fund(b, 2, account_id(2), 100);
    assert_int_equal(b->engine->ops->commit(b->engine, &damage), RC_OK);
    assert_int_equal(go(b, hold(3, account_id(1), 1)), RC_CORRUPT);
    assert_int_equal(go(b, hold(4, account_id(2), 1)), RC_OK);
}

static void what_can_be_spent_is_told_after_the_command(void **state)
{
    struct bench *b = *state;
    struct ledger_cmd cmd = transfer(3, guarded(account_id(1), account_id(2), 4));

    fund(b, 1, account_id(1), 10);
    fund(b, 2, account_id(2), 1);
    cmd.legs[0].credit_flags = LEDGER_NO_OVERDRAFT;
    cmd.leg_count = 2;
    cmd.legs[1] = guarded(account_id(2), revenue(), 5);
    assert_int_equal(run(b, &cmd), RC_OK);
    assert_int_equal(amount_of(cmd.result.available[0]), 6);
    assert_int_equal(amount_of(cmd.result.available[1]), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_bench, close_bench)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_transfer_moves_and_opens),
        TEST(no_account_with_the_flag_goes_below_zero),
        TEST(a_later_leg_may_spend_what_an_earlier_one_brought),
        TEST(the_leg_that_fails_is_named_and_nothing_stays),
        TEST(an_account_keeps_its_number_and_flags),
        TEST(sums_never_wrap),
        TEST(a_grant_comes_once_with_the_opening),
        TEST(a_grant_that_is_too_small_leaves_no_account),
        TEST(what_is_held_cannot_be_spent_twice),
        TEST(a_capture_takes_and_gives_back_the_rest),
        TEST(a_hold_ends_once),
        TEST(a_void_gives_everything_back),
        TEST(captures_stay_within_their_hold),
        TEST(excess_is_borne_by_all_or_spilled),
        TEST(excess_that_all_can_bear_spills_nothing),
        TEST(excess_of_an_account_without_the_flag_has_no_end),
        TEST(excess_that_differs_is_refused),
        TEST(excess_is_not_shared_between_legs),
        TEST(the_spill_account_is_what_it_was),
        TEST(the_same_operation_has_one_effect),
        TEST(a_capture_done_again_tells_what_moved),
        TEST(a_failed_operation_may_be_tried_again),
        TEST(within_a_batch_the_first_one_counts),
        TEST(a_forgettable_operation_is_forgotten_after_a_day),
        TEST(others_are_never_forgotten),
        TEST(a_living_hold_keeps_its_operation),
        TEST(the_operation_of_a_hold_counts_from_its_end),
        TEST(records_have_versions),
        TEST(writes_see_those_before_them),
        TEST(writes_are_checked_before_legs),
        TEST(a_hold_expires_at_its_time_not_before),
        TEST(without_room_only_new_work_is_refused),
        TEST(a_damaged_row_stops_only_its_own_commands),
        TEST(what_can_be_spent_is_told_after_the_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

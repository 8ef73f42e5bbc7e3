/* SPDX-License-Identifier: Apache-2.0 */
/* All small worlds: two guarded accounts, amounts of 0 to 3, every sequence of four
 * steps out of an alphabet of transfers, holds, captures, voids and repeats. After each
 * step the rules are compared with an oracle that keeps nothing but a few small
 * integers, and the laws are checked on the rows. */
#include "ledger/ledger_int.h"

#include "tests/ledger_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
    STEPS = 4,
    A = 0, /* the accounts of a world, and their ids' numbers less one */
    B = 1,
    REVENUE = 2,
    BANK = 3,
    SHORTFALL = 4,
    ACCOUNTS = 5
};

enum kind {
    FUND,    /* bank -> x */
    MOVE,    /* A -> B */
    HOLD,    /* x on A */
    HOLD_AB, /* x on A and x on B */
    CAPTURE, /* x of hold `of` from A */
    CAPTURE_SPILL,
    CAPTURE_AB, /* x from A and x from B, with a spill */
    VOID,
    AGAIN, /* the command of step `of`, as it was */
    OTHER  /* another command under the id of step `of` */
};

struct step {
    enum kind kind;
    int account;
    int x;
    int of;
};

static const struct step alphabet[] = {
    {FUND, A, 2, 0},          {FUND, B, 1, 0},       {MOVE, A, 1, 0},
    {MOVE, A, 2, 0},          {HOLD, A, 0, 0},       {HOLD, A, 1, 0},
    {HOLD, A, 2, 0},          {HOLD_AB, A, 1, 0},    {CAPTURE, A, 0, 1},
    {CAPTURE, A, 1, 1},       {CAPTURE, A, 2, 2},    {CAPTURE_SPILL, A, 2, 1},
    {CAPTURE_SPILL, A, 3, 2}, {CAPTURE_AB, A, 2, 2}, {CAPTURE_AB, A, 1, 1},
    {VOID, A, 0, 0},          {VOID, A, 0, 1},       {VOID, A, 0, 2},
    {AGAIN, A, 0, 0},         {AGAIN, A, 0, 1},      {AGAIN, A, 0, 2},
    {OTHER, A, 0, 1},
};

enum {
    LETTERS = sizeof(alphabet) / sizeof(alphabet[0])
};

/* ---- The oracle ---- */

struct outcome {
    enum rc rc;
    bool replayed;
    int seq;
    int moved;
    int spilled;
    int short_of; /* RC_NO_FUNDS: what there was */
};

struct oracle {
    bool open[ACCOUNTS];
    int has[ACCOUNTS]; /* holds not taken off */
    int held[2];
    int seq;

    struct {
        int letter; /* what was done under this id, plus one; 0: nothing */
        struct outcome first;
        bool was_hold;
        bool living;
        int on[2];
        bool names[2]; /* which accounts the hold is on */
    } done[STEPS];
};

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int most(int a, int b)
{
    return a > b ? a : b;
}

static int free_on(const struct oracle *o, int account)
{
    return o->has[account] - o->held[account];
}

static struct outcome refused(enum rc rc)
{
    return (struct outcome){.rc = rc};
}

static struct outcome oracle_hold(struct oracle *o, int id, int on_a, int on_b,
                                  bool both)
{
    if (free_on(o, A) < on_a)
        return (struct outcome){.rc = RC_NO_FUNDS, .short_of = free_on(o, A)};
    if (both && free_on(o, B) < on_b)
        return (struct outcome){.rc = RC_NO_FUNDS, .short_of = free_on(o, B)};
    o->held[A] += on_a;
    o->held[B] += on_b;
    o->open[A] = true;
    o->open[B] = o->open[B] || both;
    o->done[id].was_hold = true;
    o->done[id].living = true;
    o->done[id].on[A] = on_a;
    o->done[id].on[B] = on_b;
    o->done[id].names[A] = true;
    o->done[id].names[B] = both;
    return refused(RC_OK);
}

static struct outcome oracle_capture(struct oracle *o, const struct step *s)
{
    bool both = s->kind == CAPTURE_AB;
    bool may_spill = s->kind != CAPTURE;
    int over_a = most(0, s->x - o->done[s->of].on[A]);
    int over_b = both ? most(0, s->x - o->done[s->of].on[B]) : 0;
    int borne = over_a;
    struct outcome out = {.rc = RC_OK};

    if (both && !o->done[s->of].names[B])
        return refused(RC_BAD_INPUT);
    if ((over_a > 0 || over_b > 0) && !may_spill)
        return refused(RC_BAD_INPUT);
    if (over_b > 0 && over_a != over_b)
        return refused(RC_BAD_INPUT);
    if (over_a > 0)
        borne = least(borne, free_on(o, A));
    if (over_b > 0)
        borne = least(borne, free_on(o, B));
    o->held[A] -= o->done[s->of].on[A];
    o->held[B] -= o->done[s->of].on[B];
    o->done[s->of].living = false;
    out.spilled = over_a - borne;
    out.moved = s->x - out.spilled;
    o->has[A] -= out.moved;
    o->has[REVENUE] += out.moved;
    o->open[REVENUE] = true;
    if (both) {
        int from_b = s->x - (over_b > 0 ? out.spilled : 0);

        o->has[B] -= from_b;
        o->has[REVENUE] += from_b;
    }
    if (out.spilled > 0) {
        o->has[SHORTFALL] -= out.spilled;
        o->has[REVENUE] += out.spilled;
        o->open[SHORTFALL] = true;
    }
    return out;
}

static struct outcome oracle_end(struct oracle *o, const struct step *s)
{
    if (!o->done[s->of].living)
        return refused(o->done[s->of].was_hold ? RC_ENDED : RC_NOT_FOUND);
    if (s->kind != VOID)
        return oracle_capture(o, s);
    o->held[A] -= o->done[s->of].on[A];
    o->held[B] -= o->done[s->of].on[B];
    o->done[s->of].living = false;
    return refused(RC_OK);
}

static struct outcome oracle_do(struct oracle *o, const struct step *s, int id)
{
    switch (s->kind) {
    case FUND:
        o->has[BANK] -= s->x;
        o->has[s->account] += s->x;
        o->open[BANK] = o->open[s->account] = true;
        return refused(RC_OK);
    case MOVE:
    case OTHER:
        if (free_on(o, A) < s->x)
            return (struct outcome){.rc = RC_NO_FUNDS, .short_of = free_on(o, A)};
        o->has[A] -= s->x;
        o->has[B] += s->x;
        o->open[A] = o->open[B] = true;
        return refused(RC_OK);
    case HOLD:
        return oracle_hold(o, id, s->x, 0, false);
    case HOLD_AB:
        return oracle_hold(o, id, s->x, s->x, true);
    case CAPTURE:
    case CAPTURE_SPILL:
    case CAPTURE_AB:
    case VOID:
        return oracle_end(o, s);
    case AGAIN:
        break;
    }
    fail();
    return refused(RC_INTERNAL);
}

static bool ends_a_hold(enum kind kind)
{
    return kind == CAPTURE || kind == CAPTURE_SPILL || kind == CAPTURE_AB ||
           kind == VOID;
}

static struct outcome oracle_step(struct oracle *o, int letter, int id)
{
    const struct step *s = &alphabet[letter];
    struct outcome out;

    if (ends_a_hold(s->kind) && s->of == id)
        return refused(RC_BAD_INPUT); /* it would end itself */
    if (o->done[id].letter != 0) {
        out = o->done[id].first;
        out.replayed = true;
        return o->done[id].letter == letter + 1 ? out : refused(RC_CONFLICT);
    }
    out = oracle_do(o, s, id);
    if (out.rc == RC_OK) {
        out.seq = ++o->seq;
        o->done[id].letter = letter + 1;
        o->done[id].first = out;
    }
    return out;
}

/* ---- The rules ---- */

static struct id world_account(int account)
{
    return account_id((unsigned)account + 1);
}

static struct ledger_leg world_leg(int from, int to, int x)
{
    struct ledger_leg l = leg(world_account(from), world_account(to), (uint64_t)x);

    l.debit_flags = from <= B ? LEDGER_NO_OVERDRAFT : 0;
    l.credit_flags = to <= B ? LEDGER_NO_OVERDRAFT : 0;
    return l;
}

static struct ledger_cmd command_of(int letter, int id)
{
    const struct step *s = &alphabet[letter];
    struct ledger_cmd cmd = {.op = op_id((unsigned)id + 1), .leg_count = 1};

    cmd.legs[0] = world_leg(A, REVENUE, s->x);
    switch (s->kind) {
    case FUND:
        cmd.verb = LEDGER_TRANSFER;
        cmd.legs[0] = world_leg(BANK, s->account, s->x);
        break;
    case MOVE:
    case OTHER:
        cmd.verb = LEDGER_TRANSFER;
        cmd.legs[0] = world_leg(A, B, s->x);
        break;
    case HOLD_AB:
        cmd.leg_count = 2;
        cmd.legs[1] = world_leg(B, REVENUE, s->x);
        cmd.verb = LEDGER_HOLD;
        break;
    case HOLD:
        cmd.verb = LEDGER_HOLD;
        break;
    case CAPTURE_AB:
        cmd.leg_count = 2;
        cmd.legs[1] = world_leg(B, REVENUE, s->x);
        cmd.verb = LEDGER_CAPTURE;
        cmd.spill = world_account(SHORTFALL);
        break;
    case CAPTURE_SPILL:
        cmd.verb = LEDGER_CAPTURE;
        cmd.spill = world_account(SHORTFALL);
        break;
    case CAPTURE:
        cmd.verb = LEDGER_CAPTURE;
        break;
    case VOID:
        cmd.verb = LEDGER_VOID;
        cmd.leg_count = 0;
        break;
    case AGAIN:
        fail();
    }
    if (ends_a_hold(s->kind))
        cmd.hold = op_id((unsigned)s->of + 1);
    return cmd;
}

/* AGAIN and OTHER name an earlier step; one that is not there yet makes them
 * themselves. */
static void resolve(const int *letters, int at, int *letter, int *id)
{
    const struct step *s = &alphabet[letters[at]];

    *letter = letters[at];
    *id = at;
    if ((s->kind == AGAIN || s->kind == OTHER) && s->of < at)
        *id = s->of;
    if (s->kind != AGAIN)
        return;
    if (s->of < at)
        resolve(letters, s->of, letter, id);
    else
        *letter = 0; /* money for A, as good as any */
}

static const struct ledger_account *row_of(const struct batch *b, int account)
{
    struct id id = world_account(account);
    const struct cell *c = ledger__batch_find(b, TABLE_ACCOUNT, ledger__id_slice(&id));

    return c != NULL && c->present ? &c->now.account : NULL;
}

static void compare_rows(const struct batch *b, const struct oracle *o)
{
    uint64_t debits = 0;
    uint64_t credits = 0;

    for (int i = 0; i < ACCOUNTS; i++) {
        const struct ledger_account *a = row_of(b, i);
        uint64_t has;

        assert_int_equal(a != NULL, o->open[i]);
        if (a == NULL)
            continue;
        has = amount_of(a->credits) - amount_of(a->debits); /* wraps below zero */
        assert_int_equal(has, (uint64_t)o->has[i]);
        assert_int_equal(amount_of(a->held), i <= B ? o->held[i] : 0);
        if (i <= B)
            assert_int_equal(amount_of(ledger_available(a)), free_on(o, i));
        debits += amount_of(a->debits);
        credits += amount_of(a->credits);
    }
    assert_int_equal(debits, credits);
}

static void compare_result(const struct ledger_cmd *cmd, const struct outcome *o)
{
    const struct ledger_result *r = &cmd->result;

    assert_int_equal(r->rc, o->rc);
    assert_int_equal(r->replayed, o->replayed);
    assert_int_equal(r->seq, o->seq);
    if (cmd->verb == LEDGER_CAPTURE) {
        assert_int_equal(amount_of(r->moved), o->moved);
        assert_int_equal(amount_of(r->spilled), o->spilled);
    }
    if (o->rc == RC_NO_FUNDS)
        assert_int_equal(amount_of(r->available[r->at]), o->short_of);
}

struct world {
    struct engine *empty;
    struct batch *batch;
    unsigned count;
    unsigned failures;
};

/* One sequence, in one batch. */
static void live(struct world *w, const int *letters)
{
    static const struct head start;
    struct ledger_cmd cmds[STEPS];
    struct oracle oracle;

    memset(&oracle, 0, sizeof(oracle));
    ledger__batch_begin(w->batch, &start, STEPS);
    w->batch->time_us = TEST_TIME_US;
    for (int i = 0; i < STEPS; i++) {
        int letter;
        int id;

        resolve(letters, i, &letter, &id);
        cmds[i] = command_of(letter, id);
        ledger__batch_want(w->batch, &cmds[i]);
    }
    assert_int_equal(ledger__batch_load(w->batch, w->empty), RC_OK);
    for (int i = 0; i < STEPS; i++) {
        struct outcome expected;
        int letter;
        int id;

        resolve(letters, i, &letter, &id);
        expected = oracle_step(&oracle, letter, id);
        ledger__apply(w->batch, &cmds[i]);
        compare_result(&cmds[i], &expected);
        compare_rows(w->batch, &oracle);
        w->failures += expected.rc != RC_OK;
    }
    w->count++;
}

static void every_small_world_is_as_the_oracle_says(void **state)
{
    struct world w = {.count = 0};
    int letters[STEPS] = {0};
    int at;

    (void)state;
    assert_int_equal(ledger__mem_open(&w.empty), RC_OK);
    assert_int_equal(ledger__batch_open(&w.batch), RC_OK);
    do {
        live(&w, letters);
        for (at = STEPS - 1; at >= 0 && ++letters[at] == LETTERS; at--)
            letters[at] = 0;
    } while (at >= 0);
    assert_int_equal(w.count, LETTERS * LETTERS * LETTERS * LETTERS);
    /* The alphabet reaches both: a world where all goes well would prove little. */
    assert_in_range(w.failures, w.count / 2, w.count * 3);
    ledger__batch_close(w.batch);
    w.empty->ops->close(w.empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_small_world_is_as_the_oracle_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Wallets against a naive oracle: random calls, top-ups, refunds, limits, freezes and
 * turns of the clock on a tree of wallets. The oracle keeps plain sums in plain
 * integers and looks at every limit of every window; after each step both must say the
 * same. */
#include "base/clock.h"
#include "tests/prng.h"
#include "tests/wallet_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    WALLETS = 7,
    ROOTS = 2,
    CALLS = 12, /* under way at once */
    WINDOWS = 64,
    PAID = 64,
    STEPS = 1500,
    CENT = 10000000 /* nano-USD: amounts here are cents */
};

/* ---- The oracle ---- */

/* One limit in one window: what was granted in all, used and held. */
struct window {
    uint64_t start;
    int64_t granted, used, held;
};

struct limit_model {
    bool set;
    int64_t amount;
    unsigned count; /* windows since it was last set */
    struct window windows[WINDOWS];
};

struct wallet_model {
    struct id id;
    int parent; /* -1: a root */
    int root;
    bool frozen;
    int64_t money, held; /* of a root */
    struct limit_model limits[WALLET_PER__COUNT];
};

struct call_model {
    bool live;
    int wallet;
    int64_t amount;
    uint64_t expires_us;
    /* Where it holds: the windows as they were then. */
    unsigned part_count;

    struct {
        struct limit_model *limit;
        unsigned window;
    } parts[16];
    struct call *call;
};

struct paid_model {
    struct id request;
    int root;
    int64_t left;
};

struct model {
    struct fixture *f;
    struct prng prng;
    uint64_t now_us;
    struct wallet_model wallets[WALLETS];
    struct call_model calls[CALLS];
    struct paid_model paid[PAID];
    unsigned paid_count;
    int64_t revenue, topups, shortfall;
    unsigned outcomes[RC__COUNT];
};

static uint64_t window_start(enum wallet_per per, uint64_t now_us)
{
    static const enum clock_window windows[WALLET_PER__COUNT] = {
        [WALLET_PER_HOUR] = CLOCK_HOUR,
        [WALLET_PER_DAY] = CLOCK_DAY,
        [WALLET_PER_MONTH] = CLOCK_MONTH,
    };

    return per == WALLET_PER_TOTAL ? 0 : clock_window_start(windows[per], now_us);
}

/* The window that holds now; NULL: nothing was held in it yet, and `make` is false. */
static struct window *window_at(struct limit_model *l, enum wallet_per per,
                                uint64_t now_us, bool make)
{
    uint64_t start = window_start(per, now_us);

    for (unsigned i = 0; i < l->count; i++)
        if (l->windows[i].start == start)
            return &l->windows[i];
    if (!make)
        return NULL;
    assert_true(l->count < WINDOWS);
    l->windows[l->count] = (struct window){.start = start, .granted = l->amount};
    return &l->windows[l->count++];
}

static int64_t left_of(struct limit_model *l, enum wallet_per per, uint64_t now_us)
{
    const struct window *w = window_at(l, per, now_us, false);

    return w == NULL ? l->amount : w->granted - w->used - w->held;
}

static int64_t model_balance(struct model *m, int wallet)
{
    const struct wallet_model *root = &m->wallets[m->wallets[wallet].root];
    int64_t least = root->money - root->held;

    for (int at = wallet; at >= 0; at = m->wallets[at].parent) {
        for (unsigned per = WALLET_PER_HOUR; per < WALLET_PER__COUNT; per++) {
            struct limit_model *l = &m->wallets[at].limits[per];

            if (l->set && left_of(l, (enum wallet_per)per, m->now_us) < least)
                least = left_of(l, (enum wallet_per)per, m->now_us);
        }
    }
    return least;
}

static enum rc model_hold(struct model *m, struct call_model *c)
{
    struct wallet_model *root = &m->wallets[m->wallets[c->wallet].root];

    for (int at = c->wallet; at >= 0; at = m->wallets[at].parent)
        if (m->wallets[at].frozen)
            return RC_FROZEN;
    for (int at = c->wallet; at >= 0; at = m->wallets[at].parent)
        if (m->wallets[at].limits[WALLET_PER_CALL].set &&
            c->amount > m->wallets[at].limits[WALLET_PER_CALL].amount)
            return RC_LIMIT;
    if (root->money - root->held < c->amount)
        return RC_NO_FUNDS;
    if (model_balance(m, c->wallet) < c->amount)
        return RC_LIMIT;
    root->held += c->amount;
    c->part_count = 0;
    for (int at = c->wallet; at >= 0; at = m->wallets[at].parent) {
        for (unsigned per = WALLET_PER_HOUR; per < WALLET_PER__COUNT; per++) {
            struct limit_model *l = &m->wallets[at].limits[per];
            struct window *w;

            if (!l->set)
                continue;
            w = window_at(l, (enum wallet_per)per, m->now_us, true);
            w->held += c->amount;
            c->parts[c->part_count].limit = l;
            c->parts[c->part_count].window = (unsigned)(w - l->windows);
            c->part_count++;
        }
    }
    c->live = true;
    return RC_OK;
}

/* Frees the hold and then takes as much of `cost` as every account has. */
static int64_t model_end(struct model *m, struct call_model *c, int64_t cost)
{
    struct wallet_model *root = &m->wallets[m->wallets[c->wallet].root];
    int64_t taken = cost;

    root->held -= c->amount;
    if (taken > root->money - root->held)
        taken = root->money - root->held;
    for (unsigned i = 0; i < c->part_count; i++) {
        struct window *w = &c->parts[i].limit->windows[c->parts[i].window];

        w->held -= c->amount;
        if (taken > w->granted - w->used - w->held)
            taken = w->granted - w->used - w->held;
    }
    assert_true(taken == cost || taken >= c->amount); /* that was set aside */
    root->money -= taken;
    for (unsigned i = 0; i < c->part_count; i++)
        c->parts[i].limit->windows[c->parts[i].window].used += taken;
    c->live = false;
    return taken;
}

/* ---- Both at once ---- */

static struct money cents(int64_t n)
{
    assert_true(n >= 0);
    return money_from_nano((uint64_t)n * CENT);
}

static void same_money(struct money m, int64_t n)
{
    assert_int_equal(money_to_nano(m), (uint64_t)n * CENT);
}

static int64_t pick(struct model *m, uint64_t bound)
{
    return (int64_t)prng_below(&m->prng, bound);
}

static const char *text_of(struct money m)
{
    static char text[MONEY_TEXT_SIZE];

    money_print_short(text, m);
    return text;
}

static void note(struct model *m, enum rc rc)
{
    m->outcomes[rc]++;
}

static void step_hold(struct model *m)
{
    struct call_model *c = &m->calls[pick(m, CALLS)];
    enum rc expected, rc;

    if (c->live)
        return;
    c->wallet = (int)pick(m, WALLETS);
    c->amount = pick(m, 40);
    memset(&c->call->hold, 0, sizeof(c->call->hold));
    expected = model_hold(m, c);
    rc = hold_call(m->f, c->call, m->wallets[c->wallet].id, text_of(cents(c->amount)));
    assert_int_equal(rc, expected);
    note(m, rc);
    c->expires_us = c->call->hold.expires_us;
    if (rc == RC_OK)
        same_money(c->call->hold.balance, model_balance(m, c->wallet));
}

static void remember_paid(struct model *m, const struct call_model *c, int64_t taken)
{
    m->paid[m->paid_count % PAID] = (struct paid_model){
        .request = c->call->hold.request,
        .root = m->wallets[c->wallet].root,
        .left = taken,
    };
    m->paid_count++;
}

static void step_capture(struct model *m)
{
    struct call_model *c = &m->calls[pick(m, CALLS)];
    int64_t cost, taken;

    if (!c->live)
        return;
    cost = pick(m, 4) == 0 ? pick(m, 120) : pick(m, (uint64_t)c->amount + 1);
    taken = model_end(m, c, cost);
    assert_int_equal(capture_call(m->f, c->call, text_of(cents(cost))), RC_OK);
    same_money(c->call->hold.captured, taken);
    same_money(c->call->hold.shortfall, cost - taken);
    m->revenue += cost;
    m->shortfall += cost - taken;
    remember_paid(m, c, taken);
}

static void step_void(struct model *m)
{
    struct call_model *c = &m->calls[pick(m, CALLS)];

    if (!c->live)
        return;
    (void)model_end(m, c, 0);
    assert_int_equal(void_call(m->f, c->call, false), RC_OK);
}

static void step_topup(struct model *m)
{
    int root = (int)pick(m, ROOTS);
    int64_t amount = 1 + pick(m, 60);

    fund(m->f, m->wallets[root].id, text_of(cents(amount)));
    m->wallets[root].money += amount;
    m->topups += amount;
}

static void step_refund(struct model *m)
{
    struct paid_model *p;
    char request[WALLET_ID_TEXT_SIZE];
    struct wallet_refund r;
    struct money amount;
    int64_t n;
    enum rc rc;

    if (m->paid_count == 0)
        return;
    p = &m->paid[pick(m, m->paid_count < PAID ? m->paid_count : PAID)];
    n = 1 + pick(m, 30);
    amount = cents(n);
    wallet_id_print(request, 'r', p->request);
    rc = wallet_refund(&r, m->f->book, slice_str(request), &amount);
    note(m, rc);
    assert_int_equal(rc, n <= p->left ? RC_OK : RC_CONFLICT);
    if (rc != RC_OK)
        return;
    p->left -= n;
    m->revenue -= n;
    m->wallets[p->root].money += n;
}

/* Old windows of a limit that begins anew are kept for the calls that still run in
 * them: clearing waits until there is none. */
static bool limit_in_use(const struct model *m, const struct limit_model *l)
{
    for (unsigned i = 0; i < CALLS; i++)
        for (unsigned k = 0; m->calls[i].live && k < m->calls[i].part_count; k++)
            if (m->calls[i].parts[k].limit == l)
                return true;
    return false;
}

static void model_change(struct model *m, struct limit_model *l, enum wallet_per per,
                         int64_t amount)
{
    if (!l->set) {
        *l = (struct limit_model){.set = true, .amount = amount};
        return;
    }
    if (per != WALLET_PER_CALL) {
        struct window *w = window_at(l, per, m->now_us, true);
        int64_t free_now = w->granted - w->used - w->held;
        int64_t down = w->granted - amount;

        w->granted -= down < free_now ? down : free_now;
    }
    l->amount = amount;
}

static void step_limit(struct model *m)
{
    int wallet = (int)pick(m, WALLETS);
    enum wallet_per per = (enum wallet_per)pick(m, WALLET_PER__COUNT);
    struct limit_model *l = &m->wallets[wallet].limits[per];
    int64_t amount = pick(m, per == WALLET_PER_CALL ? 50 : 150);

    if (pick(m, 3) == 0) {
        if (limit_in_use(m, l))
            return;
        l->set = false;
        limit(m->f, m->wallets[wallet].id, per, NULL);
        return;
    }
    model_change(m, l, per, amount);
    limit(m->f, m->wallets[wallet].id, per, text_of(cents(amount)));
}

static void step_freeze(struct model *m)
{
    struct wallet_model *w = &m->wallets[pick(m, WALLETS)];

    w->frozen = !w->frozen && pick(m, 3) == 0;
    assert_int_equal(wallet_freeze(m->f->book, w->id, w->frozen), RC_OK);
}

/* Forwards by up to a day, and sometimes back: the book's time then stands still. */
static void step_clock(struct model *m)
{
    static const uint64_t jumps_s[] = {1, 30, 299, 3600, 40000, 86400};
    uint64_t wall_us = clock_wall_us();

    if (pick(m, 5) == 0) {
        clock_set(wall_us - 1800 * UINT64_C(1000000), 0);
        return;
    }
    clock_set(wall_us + jumps_s[pick(m, 6)] * 1000000, 0);
    m->now_us = ledger_now_us(m->f->ledger);
    step_topup(m); /* the writer sees the time, and ends what is due */
    for (unsigned i = 0; i < CALLS; i++)
        if (m->calls[i].live && m->calls[i].expires_us <= m->now_us)
            (void)model_end(m, &m->calls[i], 0);
}

static void compare(struct model *m)
{
    struct wallet_house h;

    for (int i = 0; i < WALLETS; i++) {
        struct wallet_model *w = &m->wallets[i];
        struct wallet_balance b;

        assert_int_equal(wallet_balance(&b, m->f->book, w->id), RC_OK);
        same_money(b.balance, model_balance(m, i));
        for (unsigned k = 0; k < b.limit_count; k++) {
            enum wallet_per per = b.limits[k].per;
            const struct window *window;

            if (b.limits[k].scope != WALLET_SCOPE_WALLET)
                continue;
            assert_true(w->limits[per].set);
            same_money(b.limits[k].limit, w->limits[per].amount);
            if (per == WALLET_PER_CALL)
                continue;
            window = window_at(&w->limits[per], per, m->now_us, false);
            same_money(b.limits[k].used, window != NULL ? window->used : 0);
            same_money(b.limits[k].held, window != NULL ? window->held : 0);
        }
    }
    assert_int_equal(wallet_house(&h, m->f->book), RC_OK);
    same_money(h.revenue, m->revenue);
    same_money(h.topups, m->topups);
    same_money(h.shortfall, m->shortfall);
}

static void begin(struct model *m, struct fixture *f, uint64_t seed)
{
    /* Two roots; 2 and 3 below 0; 4 below 2, 5 below 4; 6 below 1. */
    static const int parents[WALLETS] = {-1, -1, 0, 0, 2, 4, 1};

    memset(m, 0, sizeof(*m));
    m->f = f;
    m->prng.state = seed;
    clock_at("2026-11-29T21:00:00Z");
    m->now_us = clock_wall_us();
    for (int i = 0; i < WALLETS; i++) {
        struct wallet_model *w = &m->wallets[i];
        char name[2] = {(char)('0' + i), '\0'};

        w->parent = parents[i];
        w->root = w->parent < 0 ? i : m->wallets[w->parent].root;
        w->id = new_child(f, name, w->parent < 0 ? ID_NONE : m->wallets[w->parent].id);
    }
    for (unsigned i = 0; i < CALLS; i++)
        m->calls[i].call = new_call(f);
}

static void step(struct model *m)
{
    static void (*const steps[])(struct model *) = {
        step_hold,    step_hold,    step_hold,    step_hold,    step_hold,
        step_hold,    step_hold,    step_capture, step_capture, step_capture,
        step_capture, step_capture, step_void,    step_topup,   step_refund,
        step_limit,   step_limit,   step_freeze,  step_clock,
    };

    m->now_us = ledger_now_us(m->f->ledger);
    steps[pick(m, sizeof(steps) / sizeof(steps[0]))](m);
    m->now_us = ledger_now_us(m->f->ledger);
    compare(m);
}

static void random_days_of_wallets_agree_with_plain_sums(void **state)
{
    static struct model m;
    unsigned outcomes[RC__COUNT] = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct fixture f;

        fixture_open(&f, LEDGER_MEMORY);
        begin(&m, &f, seed);
        for (unsigned i = 0; i < STEPS; i++)
            step(&m);
        for (unsigned rc = 0; rc < RC__COUNT; rc++)
            outcomes[rc] += m.outcomes[rc];
        fixture_close(&f);
    }
    /* It would prove little if calls never went well, or always did. */
    assert_true(outcomes[RC_OK] > 500);
    assert_true(outcomes[RC_LIMIT] > 100);
    assert_true(outcomes[RC_NO_FUNDS] > 20);
    assert_true(outcomes[RC_FROZEN] > 20);
    assert_true(outcomes[RC_CONFLICT] > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_days_of_wallets_agree_with_plain_sums),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

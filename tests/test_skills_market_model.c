/* SPDX-License-Identifier: Apache-2.0 */
/* The money of the market against a naive oracle: random publishers, prices, shares,
 * limits, quotas, calls that end in every way, refunds, maturity, clawbacks, payouts,
 * suspensions, turns of the clock and restarts. The oracle keeps plain sums in plain
 * integers; after each step both must say the same, and every nano-dollar that came in
 * must be somewhere. */
#include "base/clock.h"
#include "tests/market_oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    STEPS = 2500, /* in memory */
    STORED_STEPS = 400,
    SEEDS = 6
};

static const char *const handles[PUBLISHERS] = {"acme", "zebra", "north-star", "quux9"};

/* How often what happened, over all seeds. */
enum did {
    DID_CAPTURE,
    DID_LATE,
    DID_VOID,
    DID_NO_FUNDS,
    DID_LIMIT,
    DID_QUOTA,
    DID_REFUND,
    DID_REFUSE_REFUND,
    DID_CLAW,
    DID_CLAW_SHORT,
    DID_MATURE,
    DID_PAY,
    DID_FAIL,
    DID_REFUSE_PAYOUT,
    DID_RESTART,
    DID__COUNT
};

static unsigned did[DID__COUNT];

static int64_t pick(struct model *m, int64_t bound)
{
    return (int64_t)prng_below(&m->prng, (uint64_t)bound);
}

/* Small ones, where rounding shows, and large ones. */
static int64_t pick_amount(struct model *m)
{
    static const int64_t sizes[] = {1, 12, 1000, 1000003, 700000000};

    return pick(m, sizes[pick(m, 5)]);
}

static struct money nano(int64_t n)
{
    assert_true(n >= 0);
    return money_from_nano((uint64_t)n);
}

static const char *text_of(int64_t n)
{
    static char text[MONEY_TEXT_SIZE];

    money_print(text, nano(n));
    return text;
}

static void same(struct money real, int64_t n)
{
    assert_int_equal(money_to_nano(real), (uint64_t)n);
}

/* ---- Calls ---- */

static struct slice name_skill(struct model *m, struct call_model *c)
{
    const char *handle = handles[c->publisher];

    (void)snprintf(c->what, sizeof(c->what), "%s/skill%d@1.%d.0", handle, c->slug,
                   (int)pick(m, 3));
    return slice_str(c->what);
}

static void step_hold(struct model *m)
{
    struct call_model *c = &m->calls[pick(m, CALLS)];
    struct publisher_model *p;
    enum rc rc;

    if (c->state != CALL_NONE)
        return;
    memset(&c->call->hold, 0, sizeof(c->call->hold));
    c->wallet = (int)pick(m, WALLETS);
    c->publisher = (int)pick(m, PUBLISHERS + 1) - 1;
    c->slug = (int)pick(m, SLUGS);
    c->quota = pick(m, 2) == 0 ? (int)pick(m, QUOTAS) : -1;
    c->amount = pick_amount(m);
    c->day = c->held_day = oracle_today(m);
    c->call->share = (struct wallet_share){.present = false};
    if (c->publisher >= 0) {
        p = &m->publishers[c->publisher];
        c->ppm = p->record.house_ppm == SKILL_SHARE_NONE ? 150000 : p->record.house_ppm;
        skill_share(&c->call->share, &p->record, 150000, name_skill(m, c), m->now_us);
        c->call->hold.has_share = true;
    }
    if (c->quota >= 0)
        c->call->hold.quota = (struct wallet_quota){
            true, m->quotas[c->quota].account, (uint64_t)m->quotas[c->quota].grant};
    rc = hold_call(&m->m.f, c->call, m->wallets[c->wallet].id, text_of(c->amount));
    assert_int_equal(rc, oracle_hold(m, c));
    did[DID_NO_FUNDS] += rc == RC_NO_FUNDS;
    did[DID_LIMIT] += rc == RC_LIMIT;
    did[DID_QUOTA] += rc == RC_QUOTA_SPENT;
    if (rc != RC_OK)
        return;
    c->state = CALL_LIVE;
    c->expires_us = c->call->hold.expires_us;
}

static void step_capture(struct model *m)
{
    struct call_model *c = &m->calls[pick(m, CALLS)];
    int64_t asked, cost;
    enum rc rc;

    if (c->state == CALL_NONE)
        return;
    cost = asked = pick(m, c->amount + 1);
    if (c->publisher >= 0 && pick(m, 6) == 0) { /* a shared one takes its hold */
        asked = c->amount + pick(m, 100);
        cost = c->amount;
    }
    rc = capture_shared(&m->m.f, c->call, text_of(asked));
    if (c->state == CALL_LIVE) {
        assert_int_equal(rc, RC_OK);
        oracle_end(m, c, cost, true);
        same(c->call->hold.captured, cost);
        same(c->call->hold.shortfall, 0);
        did[DID_CAPTURE]++;
    } else {
        assert_int_equal(rc, RC_ENDED);
        m->shortfall += cost;
        same(c->call->hold.captured, 0);
        same(c->call->hold.shortfall, cost);
        did[DID_LATE]++;
    }
    oracle_use(m, c, cost);
    c->state = CALL_NONE;
}

static void step_void(struct model *m)
{
    struct call_model *c = &m->calls[pick(m, CALLS)];
    enum rc rc;

    if (c->state == CALL_NONE)
        return;
    rc = void_call(&m->m.f, c->call, pick(m, 2) == 0);
    assert_int_equal(rc, c->state == CALL_LIVE ? RC_OK : RC_ENDED);
    if (c->state == CALL_LIVE)
        oracle_end(m, c, 0, false);
    c->state = CALL_NONE;
    did[DID_VOID]++;
}

static void step_topup(struct model *m)
{
    int root = (int)pick(m, ROOTS);
    int64_t amount = 1 + pick_amount(m);

    fund(&m->m.f, m->wallets[root].id, text_of(amount));
    m->wallets[root].money += amount;
    m->topups += amount;
}

/* ---- What goes back ---- */

static void step_refund(struct model *m)
{
    char text[WALLET_ID_TEXT_SIZE];
    struct wallet_refund r;
    struct use_model *u;
    struct money amount;
    int64_t n, left, i;
    bool all = pick(m, 3) == 0;
    enum rc rc;

    if (m->use_count == 0)
        return;
    i = pick(m, m->use_count);
    if (pick(m, 2) == 0 && m->use_count > 8) /* one of the last: others have matured */
        i = m->use_count - 1 - pick(m, 8);
    u = &m->uses[i];
    left = u->house_left + u->share_left;
    n = all ? left : 1 + pick(m, left + 2);
    amount = nano(n);
    wallet_id_print(text, u->late || pick(m, 2) == 0 ? 't' : 'r',
                    u->late ? u->transfer : u->request);
    if (text[0] == 't')
        wallet_id_print(text, 't', u->transfer);
    rc = wallet_refund(&r, m->m.f.book, slice_str(text), all ? NULL : &amount);
    assert_int_equal(rc, oracle_refund(m, u, n));
    did[rc == RC_OK ? DID_REFUND : DID_REFUSE_REFUND]++;
    if (rc == RC_OK)
        same(r.amount, n);
}

static void step_claw(struct model *m)
{
    int publisher = (int)pick(m, PUBLISHERS);
    int slug = (int)pick(m, SLUGS + 1) - 1;
    uint64_t since_us = m->now_us - (uint64_t)pick(m, 8) * DAY_US;
    struct clawed expected = {.uses = 0};
    struct skill_clawback got;
    char name[16] = "";

    if (pick(m, 4) != 0)
        return; /* else there is little left to earn */
    if (slug >= 0)
        (void)snprintf(name, sizeof(name), "skill%d", slug);
    for (unsigned i = 0; i < m->use_count; i++) {
        struct use_model *u = &m->uses[i];

        if (u->publisher == publisher && (slug < 0 || u->slug == slug) &&
            u->time_us >= since_us)
            oracle_claw(m, u, &expected);
    }
    assert_int_equal(skill_claw_back(&got, m->m.skills,
                                     &m->publishers[publisher].record, slice_str(name),
                                     since_us),
                     RC_OK);
    assert_int_equal(got.uses, expected.uses);
    same(got.given_back, expected.to_buyers);
    same(got.to_house, expected.to_house);
    same(got.left, expected.left);
    did[DID_CLAW] += got.uses > 0;
    did[DID_CLAW_SHORT] += expected.left > 0;
}

/* ---- Being paid ---- */

static void step_mature(struct model *m)
{
    struct publisher_model *p = &m->publishers[pick(m, PUBLISHERS)];
    int64_t expected = 0;
    struct money moved;
    enum rc rc =
        skill_mature(&moved, m->m.skills, &p->record, DELAY_DAYS * DAY_US, m->now_us);

    assert_int_equal(rc, p->record.suspended ? RC_FORBIDDEN : RC_OK);
    for (unsigned day = 0; rc == RC_OK && day + DELAY_DAYS + 1 <= oracle_today(m);
         day++) {
        expected += p->days[day];
        p->due += p->days[day];
        p->days[day] = 0;
    }
    same(moved, expected);
    did[DID_MATURE] += expected > 0;
}

static void step_payout(struct model *m)
{
    int publisher = (int)pick(m, PUBLISHERS);
    struct publisher_model *p = &m->publishers[publisher];
    struct payout_model *o = &m->payouts[m->payout_count];
    bool all = pick(m, 2) == 0;
    struct money asked;
    enum rc rc;

    if (m->payout_count == PAYOUTS)
        return;
    o->amount = pick(m, p->due + p->due / 4 + 2);
    if (pick(m, 2) == 0)
        o->amount -= o->amount % 1000;
    asked = nano(o->amount);
    rc = skill_payout_open(&o->payout, m->m.skills, &p->record, ID_NONE,
                           all ? NULL : &asked, DELAY_DAYS * DAY_US, m->now_us);
    assert_int_equal(rc, oracle_payout(m, p, &o->amount, all));
    did[DID_REFUSE_PAYOUT] += rc != RC_OK;
    if (rc != RC_OK)
        return;
    same(o->payout.amount, o->amount);
    o->publisher = publisher;
    p->due -= o->amount;
    p->underway += o->amount;
    m->payout_count++;
}

static void step_payout_on(struct model *m)
{
    struct payout_model *o;
    struct publisher_model *p;
    struct skill_payout *was;

    if (m->payout_count == 0)
        return;
    o = &m->payouts[pick(m, m->payout_count)];
    p = &m->publishers[o->publisher];
    was = &o->payout;
    if (was->state == SKILL_PAYOUT_PAID || was->state == SKILL_PAYOUT_FAILED) {
        bool paid = was->state == SKILL_PAYOUT_PAID;

        assert_int_equal(skill_payout_paid(was, m->m.skills, SLICE("a reference")),
                         paid ? RC_OK : RC_CONFLICT);
        assert_int_equal(skill_payout_failed(was, m->m.skills),
                         paid ? RC_CONFLICT : RC_OK);
        return;
    }
    if (was->network[0] != '\0' && pick(m, 2) == 0) {
        assert_int_equal(skill_payout_sent(was, m->m.skills), RC_OK);
        return;
    }
    p->underway -= o->amount;
    if (pick(m, 3) == 0) {
        assert_int_equal(skill_payout_failed(was, m->m.skills), RC_OK);
        p->due += o->amount;
        did[DID_FAIL]++;
    } else {
        assert_int_equal(skill_payout_paid(was, m->m.skills, SLICE("a reference")),
                         RC_OK);
        p->paid += o->amount;
        did[DID_PAY]++;
    }
}

/* ---- The world ---- */

static void step_publisher(struct model *m)
{
    struct publisher_model *p = &m->publishers[pick(m, PUBLISHERS)];

    if (pick(m, 3) == 0)
        p->record.house_ppm =
            pick(m, 3) == 0 ? SKILL_SHARE_NONE : (uint32_t)pick(m, PPM + 1);
    else
        p->record.suspended = pick(m, 3) == 0;
    assert_int_equal(skill_publisher_change(&p->record, m->m.skills), RC_OK);
}

static void step_clock(struct model *m)
{
    static const uint64_t jumps_s[] = {1, 30, 299, 400, 7000, 40000, 86400};
    uint64_t wall_us = clock_wall_us() + jumps_s[pick(m, 7)] * 1000000;

    if (wall_us / DAY_US - m->start_us / DAY_US >= DAYS - 1)
        return;
    clock_set(wall_us, wall_us / 1000);
    m->now_us = ledger_now_us(m->m.f.ledger);
    step_topup(m); /* the writer sees the time, and ends what is due */
    for (unsigned i = 0; i < CALLS; i++) {
        struct call_model *c = &m->calls[i];

        if (c->state == CALL_LIVE && c->expires_us <= m->now_us) {
            oracle_end(m, c, 0, false);
            c->state = CALL_EXPIRED;
        }
    }
}

/* What was under way is nobody's any more. */
static void step_restart(struct model *m)
{
    if (pick(m, 3) != 0)
        return;
    market_restart(&m->m);
    did[DID_RESTART]++;
    for (unsigned i = 0; m->m.f.kind == LEDGER_LMDB && i < CALLS; i++) {
        if (m->calls[i].state == CALL_LIVE)
            oracle_end(m, &m->calls[i], 0, false);
        m->calls[i].state = CALL_NONE;
    }
}

/* ---- Comparing ---- */

static void account_is(struct ledger_view *v, struct id id, int64_t available,
                       int64_t held)
{
    struct ledger_account a = {.number = 0};
    enum rc rc = ledger_view_account(&a, v, id);

    assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
    same(ledger_available(&a), available);
    same(a.held, held);
}

/* Returns what the publisher has had and not given back. */
static int64_t compare_publisher(struct model *m, const struct publisher_model *p)
{
    int64_t waiting = 0, ready = 0, earned;
    struct skill_earnings e;

    for (unsigned day = 0; day < DAYS; day++) {
        assert_true(p->days[day] >= 0);
        *(day + DELAY_DAYS + 1 <= oracle_today(m) ? &ready : &waiting) += p->days[day];
    }
    earned = waiting + ready + p->due + p->underway + p->paid;
    assert_int_equal(skill_earnings_read(&e, m->m.skills, &p->record,
                                         DELAY_DAYS * DAY_US, m->now_us),
                     RC_OK);
    same(e.waiting, waiting);
    same(e.ready, ready);
    same(e.due, p->due);
    same(e.underway, p->underway);
    same(e.paid, p->paid);
    same(e.clawed, p->clawed);
    same(e.earned, earned);
    /* shares add up, and no more is paid than was earned and kept */
    assert_int_equal(earned, p->shares - p->returned);
    assert_true(p->due >= 0 && p->underway >= 0);
    assert_true(p->paid + p->underway <= p->shares - p->returned);
    return earned;
}

static void compare(struct model *m)
{
    int64_t has = m->revenue;
    struct wallet_house h;
    struct ledger_view *v;

    assert_int_equal(ledger_view_open(&v, m->m.f.ledger), RC_OK);
    for (unsigned i = 0; i < ROOTS; i++) {
        const struct wallet_model *w = &m->wallets[i];

        assert_true(w->money - w->held >= 0);
        account_is(v, w->id, w->money - w->held, w->held);
        has += w->money;
    }
    for (unsigned i = 0; i < QUOTAS; i++) {
        const struct quota_model *q = &m->quotas[i];

        if (q->used + q->held > 0)
            account_is(v, q->account, q->grant - q->used - q->held, q->held);
    }
    ledger_view_close(v);
    for (unsigned i = 0; i < PUBLISHERS; i++)
        has += compare_publisher(m, &m->publishers[i]);
    assert_int_equal(wallet_house(&h, m->m.f.book), RC_OK);
    same(h.revenue, m->revenue);
    same(h.topups, m->topups);
    same(h.shortfall, m->shortfall);
    assert_int_equal(has, m->topups + m->shortfall); /* all of it is somewhere */
}

static void compare_limits(struct model *m)
{
    for (unsigned i = 0; i < WALLETS; i++) {
        const struct limit_model *l = &m->wallets[i].limit;
        struct wallet_limit real;
        unsigned at = oracle_slot(l, oracle_today(m));

        if (l->per == WALLET_PER__COUNT)
            continue;
        real = limit_of(&m->m.f, m->wallets[i].id, m->wallets[i].id, l->per);
        same(real.used, l->used[at]);
        same(real.held, l->held[at]);
    }
}

/* ---- Running it ---- */

static void set_limit(struct model *m, int wallet, enum wallet_per per, int64_t amount)
{
    m->wallets[wallet].limit = (struct limit_model){.per = per, .amount = amount};
    limit(&m->m.f, m->wallets[wallet].id, per, text_of(amount));
}

static void begin(struct model *m)
{
    char name[16];

    for (unsigned i = 0; i < WALLETS; i++) {
        (void)snprintf(name, sizeof(name), "wallet-%u", i);
        m->wallets[i].id = new_child(
            &m->m.f, name,
            oracle_parents[i] < 0 ? ID_NONE : m->wallets[oracle_parents[i]].id);
        m->wallets[i].limit.per = WALLET_PER__COUNT;
    }
    set_limit(m, 0, WALLET_PER_DAY, 3000000000);
    set_limit(m, 3, WALLET_PER_TOTAL, 2000000000);
    set_limit(m, 4, WALLET_PER_DAY, 500000000);
    for (unsigned i = 0; i < PUBLISHERS; i++) {
        struct skill_publisher *p = &m->publishers[i].record;

        (void)snprintf(p->handle, sizeof(p->handle), "%s", handles[i]);
        p->house_ppm = i == 0 ? SKILL_SHARE_NONE : (uint32_t)pick(m, PPM + 1);
        if (i % 2 == 1) {
            (void)snprintf(p->network, sizeof(p->network), "eip155:84532");
            (void)snprintf(p->address, sizeof(p->address),
                           "0x00000000000000000000000000000000000000%02u", i);
        }
        assert_int_equal(skill_publisher_create(p, m->m.skills), RC_OK);
    }
    for (unsigned i = 0; i < QUOTAS; i++) {
        (void)snprintf((char *)m->quotas[i].account.bytes, ID_LEN, "quota number %u",
                       i);
        m->quotas[i].grant = 3 + pick(m, 12);
    }
    for (unsigned i = 0; i < CALLS; i++)
        m->calls[i].call = new_call(&m->m.f);
}

static void step(struct model *m)
{
    static const struct {
        void (*step)(struct model *m);
        int weight;
    } steps[] = {
        {step_hold, 5},   {step_capture, 5}, {step_void, 1},      {step_topup, 2},
        {step_refund, 2}, {step_claw, 1},    {step_mature, 2},    {step_payout, 2},
        {step_clock, 3},  {step_restart, 1}, {step_publisher, 1}, {step_payout_on, 2},
    };

    int64_t at = pick(m, 27);
    unsigned i = 0;

    while (at >= steps[i].weight)
        at -= steps[i++].weight;
    steps[i].step(m);
}

static void run(uint64_t seed, unsigned steps, void (*open)(struct market *m))
{
    struct model *m = calloc(1, sizeof(*m));

    assert_non_null(m);
    m->prng.state = seed;
    open(&m->m);
    clock_at("2026-11-21T12:00:00Z");
    m->now_us = m->start_us = clock_wall_us();
    begin(m);
    for (unsigned i = 0; i < steps; i++) {
        step(m);
        compare(m);
        if (i % 16 == 0)
            compare_limits(m);
    }
    compare_limits(m);
    market_close(&m->m); /* which checks the laws, and that the journal says the same */
    free(m);
}

static void a_random_market_keeps_every_nano_dollar(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed, STEPS, market_open_memory);
}

static void and_over_restarts(void **state)
{
    (void)state;
    for (uint64_t seed = 100; seed < 102; seed++)
        run(seed, STORED_STEPS, market_open);
}

static void all_of_it_happened(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DID__COUNT; i++)
        if (did[i] < 3)
            fail_msg("number %u of what should happen: only %u times", i, did[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_random_market_keeps_every_nano_dollar),
        cmocka_unit_test(and_over_restarts),
        cmocka_unit_test(all_of_it_happened),
    };

    return cmocka_run_group_tests_name("skills market model", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What uses earn: each on its day, until it matures, and no more than came in. */
#include "tests/skills_fixture.h"

#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DAY_US   (UINT64_C(86400) * 1000000)
#define DELAY_US (2 * DAY_US)

static int open_market(void **state)
{
    struct market *m = malloc(sizeof(*m));

    assert_non_null(m);
    market_open(m);
    clock_at("2026-11-21T12:00:00Z");
    *state = m;
    return 0;
}

static int close_market(void **state)
{
    market_close(*state);
    free(*state);
    return 0;
}

static struct skill_publisher publisher(struct market *m, const char *handle,
                                        struct id wallet)
{
    struct skill_publisher p = {.wallet = wallet, .house_ppm = SKILL_SHARE_NONE};

    (void)snprintf(p.handle, sizeof(p.handle), "%s", handle);
    assert_int_equal(skill_publisher_create(&p, m->skills), RC_OK);
    return p;
}

static void suspend(struct market *m, struct skill_publisher *p, bool suspended)
{
    p->suspended = suspended;
    assert_int_equal(skill_publisher_change(p, m->skills), RC_OK);
}

static struct call *hold(struct market *m, const struct skill_publisher *p,
                         struct id wallet, const char *amount, const char *what)
{
    struct call *c = new_call(&m->f);

    c->hold.has_share = true;
    skill_share(&c->share, p, 100000, slice_str(what), ledger_now_us(m->f.ledger));
    assert_int_equal(hold_call(&m->f, c, wallet, amount), RC_OK);
    return c;
}

static struct call *sell(struct market *m, const struct skill_publisher *p,
                         struct id wallet, const char *price, const char *what)
{
    struct call *c = hold(m, p, wallet, price, what);

    assert_int_equal(capture_shared(&m->f, c, price), RC_OK);
    return c;
}

static enum rc refund(struct market *m, const struct call *c, const char *amount)
{
    char request[WALLET_ID_TEXT_SIZE];
    struct money some = usd(amount);
    struct wallet_refund r;

    wallet_id_print(request, 'r', c->hold.request);
    return wallet_refund(&r, m->f.book, slice_str(request), &some);
}

static struct skill_earnings earnings(struct market *m, const struct skill_publisher *p)
{
    struct skill_earnings e;

    assert_int_equal(
        skill_earnings_read(&e, m->skills, p, DELAY_US, ledger_now_us(m->f.ledger)),
        RC_OK);
    return e;
}

static struct money mature(struct market *m, const struct skill_publisher *p)
{
    struct money moved;

    assert_int_equal(
        skill_mature(&moved, m->skills, p, DELAY_US, ledger_now_us(m->f.ledger)),
        RC_OK);
    return moved;
}

/* ---- Days ---- */

static void a_use_waits_on_its_day_until_the_delay_has_passed(void **state)
{
    struct market *m = *state;
    struct id w = new_wallet(&m->f, "w");
    struct skill_publisher p = publisher(m, "acme", ID_NONE);

    fund(&m->f, w, "10");
    (void)sell(m, &p, w, "1", "acme/weather@1.0.0");
    assert_usd(earnings(m, &p).waiting, "0.9");
    assert_usd(earnings(m, &p).earned, "0.9");
    assert_usd(mature(m, &p), "0");

    clock_at("2026-11-23T23:59:59Z"); /* the day has ended, the delay has not */
    assert_usd(earnings(m, &p).waiting, "0.9");
    assert_usd(mature(m, &p), "0");

    clock_at("2026-11-24T00:00:00Z");
    assert_usd(earnings(m, &p).waiting, "0");
    assert_usd(earnings(m, &p).ready, "0.9");
    assert_usd(mature(m, &p), "0.9");
    assert_usd(mature(m, &p), "0");
    assert_usd(earnings(m, &p).ready, "0");
    assert_usd(earnings(m, &p).due, "0.9");
    assert_usd(earnings(m, &p).earned, "0.9");
}

static void only_days_that_are_past_mature(void **state)
{
    struct market *m = *state;
    struct id w = new_wallet(&m->f, "w");
    struct skill_publisher p = publisher(m, "acme", ID_NONE);
    static const char *const times[] = {"2026-11-21T23:59:59Z", "2026-11-22T00:00:00Z",
                                        "2026-11-25T12:00:00Z"};

    fund(&m->f, w, "10");
    for (size_t i = 0; i < 3; i++) {
        clock_at(times[i]);
        (void)sell(m, &p, w, "1", "acme/weather@1.0.0");
    }
    assert_usd(earnings(m, &p).ready, "1.8");
    assert_usd(earnings(m, &p).waiting, "0.9");
    assert_usd(mature(m, &p), "1.8");
}

static void a_capture_after_midnight_is_of_the_day_that_began_it(void **state)
{
    struct market *m = *state;
    struct id w = new_wallet(&m->f, "w");
    struct skill_publisher p = publisher(m, "acme", ID_NONE);
    struct call *c;

    fund(&m->f, w, "10");
    clock_at("2026-11-21T23:59:30Z");
    c = hold(m, &p, w, "1", "acme/weather@1.0.0");
    clock_at("2026-11-22T00:01:00Z");
    assert_int_equal(capture_shared(&m->f, c, "1"), RC_OK);
    clock_at("2026-11-24T00:00:00Z");
    assert_usd(mature(m, &p), "0.9");
}

static void each_publisher_has_its_own(void **state)
{
    struct market *m = *state;
    struct id w = new_wallet(&m->f, "w");
    struct skill_publisher p = publisher(m, "acme", ID_NONE);
    struct skill_publisher q = publisher(m, "zebra", ID_NONE);

    q.house_ppm = 500000;
    assert_int_equal(skill_publisher_change(&q, m->skills), RC_OK);
    fund(&m->f, w, "10");
    (void)sell(m, &p, w, "1", "acme/weather@1.0.0");
    (void)sell(m, &q, w, "1", "zebra/weather@1.0.0");
    assert_usd(earnings(m, &p).earned, "0.9");
    assert_usd(earnings(m, &q).earned, "0.5");
}

static void a_refund_comes_off_the_day_and_not_off_what_is_due(void **state)
{
    struct market *m = *state;
    struct id w = new_wallet(&m->f, "w");
    struct skill_publisher p = publisher(m, "acme", ID_NONE);
    struct call *c;

    fund(&m->f, w, "10");
    c = sell(m, &p, w, "1", "acme/weather@1.0.0");
    assert_int_equal(refund(m, c, "0.5"), RC_OK);
    assert_usd(earnings(m, &p).earned, "0.45");
    clock_at("2026-11-24T00:00:00Z");
    assert_usd(mature(m, &p), "0.45");
    assert_int_equal(refund(m, c, "0.5"), RC_CONFLICT);
    assert_usd(balance_of(&m->f, w), "9.5");
}

static void the_suspended_do_not_mature(void **state)
{
    struct market *m = *state;
    struct id w = new_wallet(&m->f, "w");
    struct skill_publisher p = publisher(m, "acme", ID_NONE);
    struct money moved;

    fund(&m->f, w, "10");
    (void)sell(m, &p, w, "1", "acme/weather@1.0.0");
    clock_at("2026-11-24T00:00:00Z");
    suspend(m, &p, true);
    assert_int_equal(
        skill_mature(&moved, m->skills, &p, DELAY_US, ledger_now_us(m->f.ledger)),
        RC_FORBIDDEN);
    assert_usd(moved, "0");
    assert_usd(earnings(m, &p).ready, "0.9");
    suspend(m, &p, false);
    assert_usd(mature(m, &p), "0.9");
}

/* ---- Usage ---- */

struct rows {
    unsigned count;
    struct skill_usage rows[300];
    char what[300][64];
};

static bool add_row(void *arg, const struct skill_usage *row)
{
    struct rows *r = arg;

    assert_true(r->count < 300);
    assert_int_equal(slice_to_cstr(r->what[r->count], 64, row->what), RC_OK);
    r->rows[r->count++] = *row;
    return true;
}

static struct rows *usage(struct market *m, const struct skill_publisher *p,
                          uint64_t from)
{
    static struct rows r;

    r.count = 0;
    assert_int_equal(skill_usage_list(m->skills, p, from, add_row, &r), RC_OK);
    return &r;
}

static void usage_has_a_row_for_whatever_moved(void **state)
{
    struct market *m = *state;
    struct id own = new_wallet(&m->f, "own");
    struct id below = new_child(&m->f, "below", own);
    struct id w = new_wallet(&m->f, "w");
    struct skill_publisher p = publisher(m, "acme", own);
    struct skill_publisher other = publisher(m, "zebra", own);
    struct skill_payout payout;
    struct rows *r;
    struct call *c;

    fund(&m->f, w, "10");
    fund(&m->f, own, "10");
    c = sell(m, &p, w, "1", "acme/weather@1.0.0");
    (void)sell(m, &other, w, "1", "zebra/weather@1.0.0");
    (void)sell(m, &p, below, "2", "acme/weather@1.1.0");
    assert_int_equal(refund(m, c, "0.5"), RC_OK);
    clock_at("2026-11-24T00:00:00Z");
    (void)mature(m, &p);
    assert_int_equal(skill_payout_open(&payout, m->skills, &p, ID_NONE, NULL, DELAY_US,
                                       ledger_now_us(m->f.ledger)),
                     RC_OK);
    assert_int_equal(skill_payout_paid(&payout, m->skills, SLICE("wire 17")), RC_OK);

    r = usage(m, &p, 0);
    assert_int_equal(r->count, 4);
    assert_string_equal(r->rows[0].kind, "data");
    assert_string_equal(r->what[0], "acme/weather@1.0.0");
    assert_usd(r->rows[0].price, "1");
    assert_usd(r->rows[0].share, "0.9");
    assert_true(r->rows[0].credit && !r->rows[0].self);
    assert_int_equal(r->rows[0].status, 200);
    assert_int_equal(id_cmp(r->rows[0].request, c->hold.request), 0);
    assert_true(r->rows[1].self);
    assert_string_equal(r->rows[2].kind, "refund");
    assert_usd(r->rows[2].price, "0.5");
    assert_usd(r->rows[2].share, "0.45");
    assert_false(r->rows[2].credit);
    assert_string_equal(r->rows[3].kind, "payout");
    assert_string_equal(r->what[3], "wire 17");
    assert_usd(r->rows[3].price, "2.25");
    assert_false(r->rows[3].credit);

    assert_int_equal(usage(m, &p, r->rows[2].seq)->count, 2);
    assert_int_equal(usage(m, &p, r->rows[1].seq + 1)->count, 0);
}

static void a_long_usage_is_read_to_its_end(void **state)
{
    struct market *m = *state;
    struct id w = new_wallet(&m->f, "w");
    struct skill_publisher p = publisher(m, "acme", ID_NONE);
    struct rows *r;

    fund(&m->f, w, "10");
    for (unsigned i = 0; i < 200; i++)
        (void)sell(m, &p, w, "0.001", "acme/weather@1.0.0");
    r = usage(m, &p, 0);
    assert_int_equal(r->count, 200);
    for (unsigned i = 1; i < r->count; i++)
        assert_true(r->rows[i].seq > r->rows[i - 1].seq);
}

/* ---- Clawbacks ---- */

static struct skill_clawback claw(struct market *m, const struct skill_publisher *p,
                                  const char *slug, uint64_t since_us)
{
    struct skill_clawback c;

    assert_int_equal(skill_claw_back(&c, m->skills, p,
                                     slug != NULL ? slice_str(slug) : SLICE_NONE,
                                     since_us),
                     RC_OK);
    return c;
}

static void a_fraud_is_given_back_to_its_buyers(void **state)
{
    struct market *m = *state;
    struct id a = new_wallet(&m->f, "a");
    struct id b = new_wallet(&m->f, "b");
    struct skill_publisher p = publisher(m, "acme", ID_NONE);
    struct skill_clawback c;

    fund(&m->f, a, "10");
    fund(&m->f, b, "10");
    (void)sell(m, &p, a, "1", "acme/weather@1.0.0");
    (void)sell(m, &p, b, "2", "acme/weather@1.0.0");
    (void)sell(m, &p, b, "4", "acme/weather-pro@1.0.0");
    c = claw(m, &p, "weather", 0);
    assert_int_equal(c.uses, 2);
    assert_usd(c.given_back, "3");
    assert_usd(c.left, "0");
    assert_usd(balance_of(&m->f, a), "10");
    assert_usd(balance_of(&m->f, b), "6");
    assert_usd(earnings(m, &p).clawed, "2.7");
    assert_usd(earnings(m, &p).earned, "3.6");

    c = claw(m, &p, "weather", 0);
    assert_int_equal(c.uses, 0);
    assert_usd(c.given_back, "0");
    c = claw(m, &p, NULL, 0);
    assert_int_equal(c.uses, 1);
    assert_usd(balance_of(&m->f, b), "10");
    assert_usd(earnings(m, &p).earned, "0");
}

static void what_is_due_is_taken_back_and_what_was_paid_is_not(void **state)
{
    struct market *m = *state;
    struct id a = new_wallet(&m->f, "a");
    struct skill_publisher p = publisher(m, "acme", ID_NONE);
    struct money paid = usd("1");
    struct skill_payout payout;
    struct skill_clawback c;

    fund(&m->f, a, "10");
    (void)sell(m, &p, a, "1", "acme/weather@1.0.0");
    (void)sell(m, &p, a, "2", "acme/weather@1.0.0");
    clock_at("2026-11-24T00:00:00Z");
    (void)mature(m, &p);
    assert_int_equal(skill_payout_open(&payout, m->skills, &p, ID_NONE, &paid, DELAY_US,
                                       ledger_now_us(m->f.ledger)),
                     RC_OK);
    assert_int_equal(skill_payout_paid(&payout, m->skills, SLICE("wire")), RC_OK);
    (void)sell(m, &p, a, "1", "acme/weather@1.0.0");
    c = claw(m, &p, NULL, 0); /* 3.6 were earned, 1 is gone; the house had 0.4 */
    assert_int_equal(c.uses, 3);
    assert_usd(c.given_back, "3");
    assert_usd(c.left, "1");
    assert_usd(balance_of(&m->f, a), "9");
    assert_usd(earnings(m, &p).earned, "1");
    assert_usd(earnings(m, &p).paid, "1");
    assert_usd(earnings(m, &p).clawed, "2.6");
}

static void only_uses_since_then_are_taken_back(void **state)
{
    struct market *m = *state;
    struct id a = new_wallet(&m->f, "a");
    struct skill_publisher p = publisher(m, "acme", ID_NONE);
    struct skill_clawback c;
    uint64_t since_us;

    fund(&m->f, a, "10");
    (void)sell(m, &p, a, "1", "acme/weather@1.0.0");
    clock_at("2026-11-21T13:00:00Z");
    since_us = ledger_now_us(m->f.ledger);
    (void)sell(m, &p, a, "2", "acme/weather@1.0.0");
    c = claw(m, &p, NULL, since_us);
    assert_usd(c.given_back, "2");
    assert_usd(balance_of(&m->f, a), "9");
}

static void a_late_use_goes_back_to_the_house(void **state)
{
    struct market *m = *state;
    struct id a = new_wallet(&m->f, "a");
    struct skill_publisher p = publisher(m, "acme", ID_NONE);
    struct skill_clawback c;
    struct wallet_house h;
    struct call *late;

    fund(&m->f, a, "10");
    late = hold(m, &p, a, "1", "acme/weather@1.0.0");
    clock_advance_ms(301 * 1000);
    assert_int_equal(capture_shared(&m->f, late, "1"), RC_ENDED);
    assert_true(usage(m, &p, 0)->rows[0].late);
    c = claw(m, &p, NULL, 0);
    assert_usd(c.given_back, "0");
    assert_usd(c.to_house, "1");
    assert_usd(earnings(m, &p).earned, "0");
    assert_int_equal(wallet_house(&h, m->f.book), RC_OK);
    assert_usd(h.shortfall, "0");
    c = claw(m, &p, NULL, 0); /* its own rows are no uses */
    assert_int_equal(c.uses, 0);
}

/* ---- All at once ---- */

enum {
    RACE_CALLS = 60,
    RACE_THREADS = 6
};

struct race {
    struct market *m;
    const struct skill_publisher *p;
    struct call **calls;
    unsigned number;
};

/* Two refund, two mature, one claws back, one pays out: in any order. */
static void *race(void *arg)
{
    struct race *r = arg;
    uint64_t now_us = ledger_now_us(r->m->f.ledger);
    struct skill_clawback claw;
    struct skill_payout payout;
    struct money moved;
    enum rc rc = RC_OK;

    for (unsigned i = 0; i < RACE_CALLS; i++) {
        switch (r->number) {
        case 0:
        case 1:
            rc = refund(r->m, r->calls[i], "0.005");
            break;
        case 2:
        case 3:
            rc = skill_mature(&moved, r->m->skills, r->p, 0, now_us);
            break;
        case 4:
            rc = skill_claw_back(&claw, r->m->skills, r->p, SLICE("fraud"), 0);
            break;
        default:
            rc = skill_payout_open(&payout, r->m->skills, r->p, ID_NONE, NULL, 0,
                                   now_us);
            if (rc == RC_OK)
                rc = skill_payout_paid(&payout, r->m->skills, SLICE("wire"));
        }
        if (rc != RC_OK && rc != RC_CONFLICT && rc != RC_NO_FUNDS)
            return r; /* asserts are for the main thread */
    }
    return NULL;
}

static void whatever_comes_at_once_adds_up(void **state)
{
    struct market *m = *state;
    struct id w = new_wallet(&m->f, "w");
    struct skill_publisher p = publisher(m, "acme", ID_NONE);
    struct call *calls[RACE_CALLS];
    struct race races[RACE_THREADS];
    pthread_t threads[RACE_THREADS];
    struct skill_earnings e;
    struct money sum;
    void *failed;

    fund(&m->f, w, "10");
    for (unsigned i = 0; i < RACE_CALLS; i++)
        calls[i] = sell(m, &p, w, "0.01",
                        i % 3 == 0 ? "acme/fraud@1.0.0" : "acme/weather@1.0.0");
    for (unsigned i = 0; i < RACE_THREADS; i++) {
        races[i] = (struct race){m, &p, calls, i};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &races[i]), 0);
    }
    for (unsigned i = 0; i < RACE_THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    e = earnings(m, &p);
    assert_usd(e.underway, "0");
    /* What the publisher and the house have is what the buyer has not. */
    assert_true(money_sub(&sum, usd("10"), balance_of(&m->f, w)));
    assert_true(money_cmp(e.earned, sum) <= 0);
    assert_true(money_cmp(e.earned, usd("0.54")) <= 0);
}

static void it_is_all_there_after_a_restart(void **state)
{
    struct market *m = *state;
    struct id w = new_wallet(&m->f, "w");
    struct skill_publisher p = publisher(m, "acme", ID_NONE);

    fund(&m->f, w, "10");
    (void)sell(m, &p, w, "1", "acme/weather@1.0.0");
    (void)hold(m, &p, w, "1", "acme/weather@1.0.0"); /* dies with the process */
    market_restart(m);
    assert_usd(balance_of(&m->f, w), "9");
    assert_usd(earnings(m, &p).earned, "0.9");
    assert_int_equal(usage(m, &p, 0)->count, 1);
}

#define MARKET(t) cmocka_unit_test_setup_teardown(t, open_market, close_market)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MARKET(a_use_waits_on_its_day_until_the_delay_has_passed),
        MARKET(only_days_that_are_past_mature),
        MARKET(a_capture_after_midnight_is_of_the_day_that_began_it),
        MARKET(each_publisher_has_its_own),
        MARKET(a_refund_comes_off_the_day_and_not_off_what_is_due),
        MARKET(the_suspended_do_not_mature),
        MARKET(usage_has_a_row_for_whatever_moved),
        MARKET(a_long_usage_is_read_to_its_end),
        MARKET(a_fraud_is_given_back_to_its_buyers),
        MARKET(what_is_due_is_taken_back_and_what_was_paid_is_not),
        MARKET(only_uses_since_then_are_taken_back),
        MARKET(a_late_use_goes_back_to_the_house),
        MARKET(whatever_comes_at_once_adds_up),
        MARKET(it_is_all_there_after_a_restart),
    };

    return cmocka_run_group_tests_name("skills meter", tests, NULL, NULL);
}

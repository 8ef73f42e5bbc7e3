/* SPDX-License-Identifier: Apache-2.0 */
/* Hold, capture, void: never more than there is, and every hold ends once. */
#include "tests/wallet_fixture.h"

#include "base/clock.h"
#include "tests/laws.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int open_memory(void **state)
{
    struct fixture *f = malloc(sizeof(*f));

    assert_non_null(f);
    fixture_open(f, LEDGER_MEMORY);
    *state = f;
    return 0;
}

static int open_lmdb(void **state)
{
    struct fixture *f = malloc(sizeof(*f));

    assert_non_null(f);
    fixture_open(f, LEDGER_LMDB);
    *state = f;
    return 0;
}

static int close_book(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

static struct wallet_house house(struct fixture *f)
{
    struct wallet_house h;

    assert_int_equal(wallet_house(&h, f->book), RC_OK);
    return h;
}

/* ---- One call ---- */

static void a_hold_sets_aside_and_a_capture_takes_the_true_cost(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c = {.hold = {.held = false}};
    struct wallet_balance b;

    fund(f, w, "10");
    assert_int_equal(hold_call(f, &c, w, "4"), RC_OK);
    assert_usd(c.hold.balance, "6");
    assert_int_equal(wallet_balance(&b, f->book, w), RC_OK);
    assert_usd(b.balance, "6");
    assert_usd(b.held, "4");

    assert_int_equal(capture_call(f, &c, "1.25"), RC_OK);
    assert_usd(c.hold.captured, "1.25");
    assert_usd(c.hold.balance, "8.75");
    assert_usd(c.hold.shortfall, "0");
    assert_int_equal(wallet_balance(&b, f->book, w), RC_OK);
    assert_usd(b.balance, "8.75");
    assert_usd(b.held, "0");
    assert_usd(house(f).revenue, "1.25");
}

static void a_void_gives_everything_back(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c = {.hold = {.held = false}};

    fund(f, w, "10");
    assert_int_equal(hold_call(f, &c, w, "4"), RC_OK);
    assert_int_equal(void_call(f, &c, false), RC_OK);
    assert_usd(c.hold.balance, "10");
    assert_usd(balance_of(f, w), "10");
    assert_usd(house(f).revenue, "0");
}

static void a_free_call_holds_and_captures_nothing(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c = {.hold = {.held = false}};

    assert_int_equal(hold_call(f, &c, w, "0"), RC_OK);
    assert_int_equal(capture_call(f, &c, "0"), RC_OK);
    assert_usd(balance_of(f, w), "0");
}

static void an_empty_wallet_is_refused_with_what_it_has(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c = {.hold = {.held = false}};

    assert_int_equal(hold_call(f, &c, w, "0.000000001"), RC_NO_FUNDS);
    fund(f, w, "0.5");
    assert_int_equal(hold_call(f, &c, w, "0.500000001"), RC_NO_FUNDS);
    assert_usd(c.hold.balance, "0.5");
    assert_usd(balance_of(f, w), "0.5");
    assert_int_equal(hold_call(f, &c, w, "0.5"), RC_OK);
    assert_int_equal(void_call(f, &c, false), RC_OK);
}

/* ---- More than was held ---- */

static void a_capture_above_the_hold_takes_what_the_wallet_has(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c = {.hold = {.held = false}};

    fund(f, w, "10");
    assert_int_equal(hold_call(f, &c, w, "1"), RC_OK);
    assert_int_equal(capture_call(f, &c, "7"), RC_OK);
    assert_usd(c.hold.captured, "7");
    assert_usd(c.hold.shortfall, "0");
    assert_usd(balance_of(f, w), "3");
}

static void the_house_carries_what_the_wallet_has_not(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c = {.hold = {.held = false}};

    fund(f, w, "2");
    assert_int_equal(hold_call(f, &c, w, "1"), RC_OK);
    assert_int_equal(capture_call(f, &c, "5"), RC_OK);
    assert_usd(c.hold.captured, "2");
    assert_usd(c.hold.shortfall, "3");
    assert_usd(balance_of(f, w), "0");
    assert_usd(house(f).revenue, "5");
    assert_usd(house(f).shortfall, "3");
}

static void a_shortfall_never_touches_what_others_have_on_hold(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call *other = new_call(f);
    struct call *c = new_call(f);

    fund(f, w, "10");
    assert_int_equal(hold_call(f, other, w, "6"), RC_OK);
    assert_int_equal(hold_call(f, c, w, "1"), RC_OK);
    assert_int_equal(capture_call(f, c, "8"), RC_OK);
    assert_usd(c->hold.captured, "4");
    assert_usd(c->hold.shortfall, "4");
    assert_int_equal(capture_call(f, other, "6"), RC_OK);
    assert_usd(balance_of(f, w), "0");
}

static void a_shortfall_stays_within_every_limit(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct id w = new_child(f, "w", root);
    struct call c = {.hold = {.held = false}};

    fund(f, root, "100");
    limit(f, root, WALLET_PER_DAY, "20");
    limit(f, w, WALLET_PER_TOTAL, "3");
    assert_int_equal(hold_call(f, &c, w, "1"), RC_OK);
    assert_usd(c.hold.balance, "2");
    assert_int_equal(capture_call(f, &c, "5"), RC_OK);
    assert_usd(c.hold.captured, "3");
    assert_usd(c.hold.shortfall, "2");
    assert_usd(balance_of(f, root), "17");
    assert_usd(limit_of(f, w, w, WALLET_PER_TOTAL).used, "3");
    assert_usd(limit_of(f, w, root, WALLET_PER_DAY).used, "3");
}

/* ---- A hold's end ---- */

static void a_late_capture_is_the_houses_loss(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c = {.hold = {.held = false}};
    struct id late;

    clock_at("2026-11-21T12:00:00Z");
    fund(f, w, "10");
    assert_int_equal(hold_call(f, &c, w, "4"), RC_OK);
    clock_advance_ms(301 * 1000);
    fund(f, w, "1"); /* any command lets the writer see the time */
    assert_usd(balance_of(f, w), "11");

    assert_int_equal(capture_call(f, &c, "2.5"), RC_ENDED);
    assert_usd(c.hold.captured, "0");
    assert_usd(c.hold.shortfall, "2.5");
    late = id_with_tail(c.hold.request, 4);
    assert_int_equal(id_cmp(c.hold.transfer, late), 0);
    assert_usd(balance_of(f, w), "11");
    assert_usd(house(f).revenue, "2.5");
    assert_usd(house(f).shortfall, "2.5");
}

static void a_late_void_says_so_and_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c = {.hold = {.held = false}};

    clock_at("2026-11-21T12:00:00Z");
    fund(f, w, "10");
    assert_int_equal(hold_call(f, &c, w, "4"), RC_OK);
    clock_advance_ms(301 * 1000);
    fund(f, w, "1");
    assert_int_equal(void_call(f, &c, false), RC_ENDED);
    assert_usd(balance_of(f, w), "11");
}

static void a_hold_frees_its_limits_when_it_expires(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c = {.hold = {.held = false}};

    clock_at("2026-11-21T12:00:00Z");
    fund(f, w, "10");
    limit(f, w, WALLET_PER_MONTH, "5");
    assert_int_equal(hold_call(f, &c, w, "4"), RC_OK);
    assert_usd(limit_of(f, w, w, WALLET_PER_MONTH).held, "4");
    clock_advance_ms(301 * 1000);
    fund(f, w, "1");
    assert_usd(limit_of(f, w, w, WALLET_PER_MONTH).held, "0");
    assert_usd(balance_of(f, w), "5");
}

static void a_request_id_holds_only_once(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call *c = new_call(f);
    struct call *copy = new_call(f);

    fund(f, w, "10");
    assert_int_equal(hold_call(f, c, w, "4"), RC_OK);
    copy->hold.request = c->hold.request;
    copy->hold.caller = c->hold.caller;
    copy->hold.amount = c->hold.amount;
    copy->hold.expires_us = c->hold.expires_us;
    assert_int_equal(hold_again(f, copy), RC_CONFLICT);
    copy->hold.amount = usd("1");
    assert_int_equal(hold_again(f, copy), RC_CONFLICT);
    assert_usd(balance_of(f, w), "6");
    assert_int_equal(capture_call(f, c, "4"), RC_OK);
    copy->hold.amount = c->hold.amount;
    assert_int_equal(hold_again(f, copy), RC_CONFLICT);
    assert_usd(balance_of(f, w), "6");
}

/* As an owner does whose first attempt was answered with a failure of the store. */
static void a_repeated_capture_has_one_effect(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c = {.hold = {.held = false}};

    fund(f, w, "2");
    assert_int_equal(hold_call(f, &c, w, "1"), RC_OK);
    assert_int_equal(capture_call(f, &c, "3"), RC_OK);
    c.hold.held = true;
    assert_int_equal(capture_call(f, &c, "3"), RC_OK);
    assert_usd(c.hold.captured, "2");
    assert_usd(c.hold.shortfall, "1");
    c.hold.held = true;
    assert_int_equal(capture_call(f, &c, "2"), RC_CONFLICT);
    assert_usd(house(f).revenue, "3");
    assert_usd(house(f).shortfall, "1");
}

/* ---- Restarts ---- */

static void a_restart_frees_the_holds_of_the_process_before(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c = {.hold = {.held = false}};

    fund(f, w, "10");
    limit(f, w, WALLET_PER_TOTAL, "8");
    pay(f, w, "3", "2");
    assert_int_equal(hold_call(f, &c, w, "4"), RC_OK);
    fixture_restart(f);
    assert_usd(balance_of(f, w), "6");
    assert_usd(limit_of(f, w, w, WALLET_PER_TOTAL).used, "2");
    assert_usd(limit_of(f, w, w, WALLET_PER_TOTAL).held, "0");
}

/* ---- Many threads ---- */

enum {
    THREADS = 16,
    CALLS = 1000
};

struct crowd {
    struct fixture *f;
    struct id wallet;
    struct wallet_caller caller;
    unsigned granted[THREADS];
    unsigned odd[THREADS]; /* outcomes that no call should have */
    pthread_barrier_t start;
};

struct member {
    struct crowd *crowd;
    unsigned index;
};

static void *spend(void *arg)
{
    struct member *m = arg;
    struct crowd *crowd = m->crowd;

    pthread_barrier_wait(&crowd->start);
    for (unsigned i = m->index; i < CALLS; i += THREADS) {
        struct call c = {.hold = {.caller = crowd->caller}};
        enum rc rc = hold_call(crowd->f, &c, crowd->wallet, "1");

        if (rc == RC_OK) {
            crowd->granted[m->index]++;
            rc = capture_call(crowd->f, &c, "1");
        }
        if (rc != RC_OK && rc != RC_NO_FUNDS && rc != RC_LIMIT)
            crowd->odd[m->index]++;
    }
    return NULL;
}

static unsigned run_crowd(struct fixture *f, struct id wallet)
{
    struct crowd crowd = {.f = f, .wallet = wallet};
    struct member members[THREADS];
    pthread_t threads[THREADS];
    unsigned granted = 0;

    assert_int_equal(wallet_caller(&crowd.caller, f->book, wallet), RC_OK);
    assert_int_equal(pthread_barrier_init(&crowd.start, NULL, THREADS), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        members[i] = (struct member){&crowd, i};
        assert_int_equal(pthread_create(&threads[i], NULL, spend, &members[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&crowd.start);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(crowd.odd[i], 0);
        granted += crowd.granted[i];
    }
    return granted;
}

static void a_thousand_calls_at_once_spend_a_balance_for_ten(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");

    fund(f, w, "10");
    assert_int_equal(run_crowd(f, w), 10);
    assert_usd(balance_of(f, w), "0");
    assert_usd(house(f).revenue, "10");
}

static void a_thousand_calls_at_once_keep_a_limit_for_ten(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct id w = new_child(f, "w", root);

    fund(f, root, "1000");
    limit(f, root, WALLET_PER_TOTAL, "10");
    limit(f, w, WALLET_PER_TOTAL, "25");
    assert_int_equal(run_crowd(f, w), 10);
    assert_usd(balance_of(f, w), "0");
    assert_usd(limit_of(f, w, w, WALLET_PER_TOTAL).used, "10");
}

/* One request, ended by several at once that all believe to own it. */
enum {
    ENDERS = 4,
    RACES = 100
};

struct ender {
    struct fixture *f;
    struct call call;
    pthread_barrier_t *start;
    bool captures;
    enum rc rc;
};

static void *end_call(void *arg)
{
    struct ender *e = arg;

    pthread_barrier_wait(e->start);
    e->rc = e->captures ? capture_call(e->f, &e->call, "1")
                        : void_call(e->f, &e->call, false);
    return NULL;
}

static void race_once(struct fixture *f, struct id w, unsigned *captured)
{
    static struct ender enders[ENDERS];
    pthread_t threads[ENDERS];
    pthread_barrier_t start;
    bool paid = false, freed = false;

    memset(&enders[0], 0, sizeof(enders[0]));
    enders[0].f = f;
    assert_int_equal(hold_call(f, &enders[0].call, w, "1"), RC_OK);
    assert_int_equal(pthread_barrier_init(&start, NULL, ENDERS), 0);
    for (unsigned i = 0; i < ENDERS; i++) {
        if (i > 0)
            enders[i] = enders[0];
        assert_int_equal(sem_init(&enders[i].call.done, 0, 0), 0);
        enders[i].start = &start;
        enders[i].captures = i % 2 == 0;
    }
    for (unsigned i = 0; i < ENDERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, end_call, &enders[i]), 0);
    for (unsigned i = 0; i < ENDERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&start);
    for (unsigned i = 0; i < ENDERS; i++) {
        assert_true(enders[i].rc == RC_OK || enders[i].rc == RC_ENDED);
        paid = paid || (enders[i].captures && enders[i].rc == RC_OK);
        freed = freed || (!enders[i].captures && enders[i].rc == RC_OK);
    }
    assert_true(paid != freed);
    if (paid)
        (*captured)++;
}

static void a_raced_hold_ends_exactly_once(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    unsigned captured = 0;
    struct money spent;

    fund(f, w, "200");
    limit(f, w, WALLET_PER_TOTAL, "200");
    for (unsigned i = 0; i < RACES; i++)
        race_once(f, w, &captured);
    assert_true(money_mul(&spent, usd("1"), captured));
    assert_int_equal(money_to_nano(limit_of(f, w, w, WALLET_PER_TOTAL).used),
                     money_to_nano(spent));
    assert_usd(limit_of(f, w, w, WALLET_PER_TOTAL).held, "0");
}

#define ON_MEMORY(claim) cmocka_unit_test_setup_teardown(claim, open_memory, close_book)
#define ON_LMDB(claim)                                        \
    {                                                         \
#        claim "_on_lmdb", claim, open_lmdb, close_book, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_MEMORY(a_hold_sets_aside_and_a_capture_takes_the_true_cost),
        ON_MEMORY(a_void_gives_everything_back),
        ON_MEMORY(a_free_call_holds_and_captures_nothing),
        ON_MEMORY(an_empty_wallet_is_refused_with_what_it_has),
        ON_MEMORY(a_capture_above_the_hold_takes_what_the_wallet_has),
        ON_MEMORY(the_house_carries_what_the_wallet_has_not),
        ON_MEMORY(a_shortfall_never_touches_what_others_have_on_hold),
        ON_MEMORY(a_shortfall_stays_within_every_limit),
        ON_MEMORY(a_late_capture_is_the_houses_loss),
        ON_MEMORY(a_late_void_says_so_and_changes_nothing),
        ON_MEMORY(a_hold_frees_its_limits_when_it_expires),
        ON_MEMORY(a_request_id_holds_only_once),
        ON_MEMORY(a_repeated_capture_has_one_effect),
        ON_MEMORY(a_thousand_calls_at_once_spend_a_balance_for_ten),
        ON_MEMORY(a_thousand_calls_at_once_keep_a_limit_for_ten),
        ON_MEMORY(a_raced_hold_ends_exactly_once),
        ON_LMDB(the_house_carries_what_the_wallet_has_not),
        ON_LMDB(a_shortfall_stays_within_every_limit),
        ON_LMDB(a_late_capture_is_the_houses_loss),
        ON_LMDB(a_restart_frees_the_holds_of_the_process_before),
        ON_LMDB(a_thousand_calls_at_once_spend_a_balance_for_ten),
        ON_LMDB(a_raced_hold_ends_exactly_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a call uses up is used once, and the record of it says what became of it. */
#include "base/clock.h"
#include "tests/payment_fixture.h"
#include "wallet/wallet_int.h"

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

enum {
    LIFE_S = 300
};

static struct wallet_once once_of(struct fixture *f, uint8_t what, uint8_t body)
{
    struct wallet_once once = {.present = true, .key = {what}, .fingerprint = {body}};

    once.expires_us = ledger_now_us(f->ledger) + UINT64_C(1000000) * LIFE_S;
    return once;
}

static enum rc hold_with(struct fixture *f, struct call *c, struct id w, uint8_t what)
{
    memset(&c->hold, 0, sizeof(c->hold));
    c->hold.once = once_of(f, what, 1);
    return hold_call(f, c, w, "2");
}

static struct wallet_once_seen look(struct fixture *f, uint8_t what, uint8_t body)
{
    struct wallet_once once = once_of(f, what, body);
    struct wallet_once_seen seen;

    assert_int_equal(wallet_once_look(&seen, f->book, &once), RC_OK);
    return seen;
}

static struct id funded(struct fixture *f)
{
    struct id w = new_wallet(f, "w");

    fund(f, w, "100");
    return w;
}

static unsigned sweep(struct fixture *f, unsigned max)
{
    unsigned deleted;

    assert_int_equal(
        wallet_once_sweep(f->book, ledger_now_us(f->ledger), max, &deleted), RC_OK);
    return deleted;
}

static void it_is_in_use_and_then_done(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);
    struct call *c = new_call(f);
    struct wallet_once_seen seen;

    assert_int_equal(look(f, 7, 1).state, WALLET_ONCE_NEW);
    assert_int_equal(hold_with(f, c, w, 7), RC_OK);
    seen = look(f, 7, 1);
    assert_int_equal(seen.state, WALLET_ONCE_SERVING);
    assert_true(seen.same);
    assert_int_equal(id_cmp(seen.request, c->hold.request), 0);
    assert_int_equal(capture_call(f, c, "1.5"), RC_OK);
    seen = look(f, 7, 1);
    assert_int_equal(seen.state, WALLET_ONCE_DONE);
    assert_int_equal(seen.status, 200);
    assert_usd(seen.cost, "1.5");
    assert_int_equal(id_cmp(seen.transfer, c->hold.transfer), 0);
    assert_false(look(f, 7, 2).same);
}

static void a_second_call_is_told_that_it_is_used(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);
    struct call *c = new_call(f);
    struct call *again = new_call(f);

    assert_int_equal(hold_with(f, c, w, 7), RC_OK);
    assert_int_equal(hold_with(f, again, w, 7), RC_USED);
    assert_usd(balance_of(f, w), "98");
    assert_int_equal(hold_with(f, again, w, 8), RC_OK);
    assert_int_equal(capture_call(f, c, "1"), RC_OK);
    assert_int_equal(capture_call(f, again, "1"), RC_OK);
    assert_int_equal(hold_with(f, c, w, 7), RC_USED);
    assert_usd(balance_of(f, w), "98");
}

static void a_key_in_flight_is_told_before_it(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);
    struct call *c = new_call(f);
    struct call *again = new_call(f);
    static const uint8_t body[32];

    c->hold.once = once_of(f, 7, 1);
    assert_int_equal(wallet_caller(&c->hold.caller, f->book, w), RC_OK);
    wallet_idem_key(&c->hold.idem, &c->hold.caller, SLICE("k"), body);
    again->hold.once = c->hold.once;
    again->hold.caller = c->hold.caller;
    again->hold.idem = c->hold.idem;
    assert_int_equal(hold_call(f, c, w, "1"), RC_OK);
    assert_int_equal(hold_call(f, again, w, "1"), RC_IDEM_IN_FLIGHT);
    wallet_idem_key(&again->hold.idem, &again->hold.caller, SLICE("other"), body);
    assert_int_equal(hold_call(f, again, w, "1"), RC_USED);
    assert_int_equal(capture_call(f, c, "1"), RC_OK);
    assert_int_equal(look(f, 7, 1).state, WALLET_ONCE_DONE);
}

static void a_call_that_did_nothing_gives_it_back(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);
    struct call *c = new_call(f);

    assert_int_equal(hold_with(f, c, w, 7), RC_OK);
    assert_int_equal(void_call(f, c, false), RC_OK);
    assert_int_equal(look(f, 7, 1).state, WALLET_ONCE_NEW);
    assert_int_equal(hold_with(f, c, w, 7), RC_OK);
    assert_int_equal(void_call(f, c, true), RC_OK);
    assert_int_equal(look(f, 7, 1).state, WALLET_ONCE_FAILED);
    assert_int_equal(look(f, 7, 1).status, 502);
    assert_int_equal(hold_with(f, c, w, 7), RC_USED);
    assert_usd(balance_of(f, w), "100");
}

static void a_hold_that_expired_says_the_same(void **state)
{
    struct fixture *f = *state;
    struct id w;
    struct call *paid = new_call(f);
    struct call *freed = new_call(f);
    struct call *failed = new_call(f);

    clock_at("2026-11-21T12:00:00Z"); /* before the book has a time */
    w = funded(f);
    assert_int_equal(hold_with(f, paid, w, 1), RC_OK);
    assert_int_equal(hold_with(f, freed, w, 2), RC_OK);
    assert_int_equal(hold_with(f, failed, w, 3), RC_OK);
    clock_advance_ms(301 * 1000);
    fund(f, w, "1"); /* any command lets the writer see the time */
    assert_int_equal(capture_call(f, paid, "1"), RC_ENDED);
    assert_int_equal(void_call(f, freed, false), RC_ENDED);
    assert_int_equal(void_call(f, failed, true), RC_ENDED);
    assert_int_equal(look(f, 1, 1).state, WALLET_ONCE_DONE);
    assert_usd(look(f, 1, 1).cost, "0");
    assert_int_equal(look(f, 2, 1).state, WALLET_ONCE_NEW);
    assert_int_equal(look(f, 3, 1).state, WALLET_ONCE_FAILED);
}

static void another_process_finds_it_broken(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);
    struct call *c = new_call(f);

    assert_int_equal(hold_with(f, c, w, 7), RC_OK);
    fixture_restart(f);
    assert_int_equal(look(f, 7, 1).state, WALLET_ONCE_BROKEN);
    assert_int_equal(hold_with(f, c, w, 7), RC_USED);
    assert_usd(balance_of(f, w), "100");
}

static void what_is_done_is_swept_at_its_end(void **state)
{
    struct fixture *f = *state;
    struct id w;
    struct call *c = new_call(f);

    clock_at("2026-11-21T12:00:00Z"); /* before the book has a time */
    w = funded(f);
    assert_int_equal(hold_with(f, c, w, 1), RC_OK);
    assert_int_equal(capture_call(f, c, "1"), RC_OK);
    assert_int_equal(sweep(f, 100), 0);
    clock_advance_ms(LIFE_S * 1000 - 1);
    assert_int_equal(sweep(f, 100), 0);
    clock_advance_ms(1);
    assert_int_equal(sweep(f, 100), 1);
    assert_int_equal(look(f, 1, 1).state, WALLET_ONCE_NEW);
    assert_int_equal(sweep(f, 100), 0);
}

static void what_serves_a_call_is_not_swept(void **state)
{
    struct fixture *f = *state;
    struct id w;
    struct call *c = new_call(f);

    clock_at("2026-11-21T12:00:00Z"); /* before the book has a time */
    w = funded(f);
    assert_int_equal(hold_with(f, c, w, 1), RC_OK);
    clock_advance_ms(LIFE_S * 1000);
    assert_int_equal(sweep(f, 100), 0);
    fixture_reboot_book(f); /* now it is another process's, which is gone */
    assert_int_equal(look(f, 1, 1).state, WALLET_ONCE_BROKEN);
    assert_int_equal(sweep(f, 100), 1);
    assert_int_equal(look(f, 1, 1).state, WALLET_ONCE_NEW);
}

/* Who brings a payment to its end must know whether it was served. */
static void what_an_open_payment_bought_is_not_swept(void **state)
{
    struct fixture *f = *state;
    struct wallet_once_seen seen;
    struct wallet_once once;
    struct wallet_payment p;
    struct call *c = new_call(f);

    clock_at("2026-11-21T12:00:00Z"); /* before the book has a time */
    p = payment_of(f, 1, 7, "1");
    assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_OK);
    once = once_of(f, 7, 1);
    memcpy(once.key, p.key, sizeof(once.key));
    once.payment = true;
    assert_int_equal(wallet_once_look(&seen, f->book, &once), RC_OK);
    assert_int_equal(seen.state, WALLET_ONCE_NEW);
    c->hold.once = once;
    assert_int_equal(payment_hold(f, c, &p, "1"), RC_OK);
    assert_int_equal(capture_call(f, c, "1"), RC_OK);
    clock_advance_ms(LIFE_S * 1000);
    assert_int_equal(sweep(f, 100), 0);
    assert_int_equal(wallet_once_look(&seen, f->book, &once), RC_OK);
    assert_int_equal(seen.state, WALLET_ONCE_DONE);
    assert_int_equal(payment_step(f, &p, wallet_payment_failed), RC_OK);
    assert_int_equal(sweep(f, 100), 1);
    assert_int_equal(wallet_once_look(&seen, f->book, &once), RC_OK);
    assert_int_equal(seen.state, WALLET_ONCE_NEW);
}

/* Each call goes on where the last one stopped, whatever lies between. */
static void a_sweep_comes_round(void **state)
{
    enum {
        RECORDS = 200
    };
    struct fixture *f = *state;
    struct id w;
    struct call *c = new_call(f);
    unsigned deleted = 0;

    clock_at("2026-11-21T12:00:00Z"); /* before the book has a time */
    w = funded(f);
    for (unsigned i = 0; i < RECORDS; i++) {
        memset(&c->hold, 0, sizeof(c->hold));
        c->hold.once = once_of(f, (uint8_t)i, 1);
        if (i % 2 == 0)
            c->hold.once.expires_us += UINT64_C(1000000) * LIFE_S;
        assert_int_equal(hold_call(f, c, w, "0.1"), RC_OK);
        assert_int_equal(capture_call(f, c, "0.1"), RC_OK);
    }
    clock_advance_ms(LIFE_S * 1000);
    for (unsigned i = 0; i < 20; i++) {
        unsigned now = sweep(f, 7);

        assert_true(now <= 7);
        deleted += now;
    }
    assert_int_equal(deleted, RECORDS / 2);
    assert_int_equal(look(f, 0, 1).state, WALLET_ONCE_DONE);
    assert_int_equal(look(f, 1, 1).state, WALLET_ONCE_NEW);
    clock_advance_ms(LIFE_S * 1000);
    assert_int_equal(sweep(f, 1000), RECORDS / 2);
}

/* ---- Many threads ---- */

enum {
    THREADS = 100
};

struct racer {
    struct fixture *f;
    struct id wallet;
    struct call call;
    pthread_barrier_t *start;
    enum rc rc;
};

static void *race(void *arg)
{
    struct racer *r = arg;

    pthread_barrier_wait(r->start);
    r->rc = hold_with(r->f, &r->call, r->wallet, 7);
    return NULL;
}

static void a_hundred_calls_at_once_use_it_once(void **state)
{
    struct racer *racers = calloc(THREADS, sizeof(*racers));
    struct fixture *f = *state;
    struct id w = funded(f);
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    unsigned served = 0;

    assert_non_null(racers);
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        racers[i].f = f;
        racers[i].wallet = w;
        racers[i].start = &start;
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_true(racers[i].rc == RC_OK || racers[i].rc == RC_USED);
        if (racers[i].rc != RC_OK)
            continue;
        served++;
        assert_int_equal(capture_call(f, &racers[i].call, "2"), RC_OK);
    }
    assert_int_equal(served, 1);
    assert_usd(balance_of(f, w), "98");
    pthread_barrier_destroy(&start);
    free(racers);
}

/* ---- What a call buys ---- */

static enum rc hold_purchase(struct fixture *f, struct call *c, struct id w)
{
    struct wallet_once_seen seen = look(f, 7, 1);

    memset(&c->hold, 0, sizeof(c->hold));
    c->hold.once = once_of(f, 7, 1);
    c->hold.once.purchase = true;
    if (seen.state == WALLET_ONCE_FAILED || seen.state == WALLET_ONCE_BROKEN)
        c->hold.once.version = seen.version;
    return hold_call(f, c, w, "2");
}

static void capture_unsold(struct fixture *f, struct call *c)
{
    const struct wallet_call call = {.kind = "data", .status = 404, .unsold = true};

    wallet_capture(f->book, &c->hold, MONEY_ZERO, &call);
    while (sem_wait(&c->done) != 0)
        continue;
    assert_int_equal(c->hold.rc, RC_OK);
}

static void a_purchase_is_free_again_unless_something_was_sold(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);
    struct call *c = new_call(f);

    assert_int_equal(hold_purchase(f, c, w), RC_OK);
    assert_int_equal(void_call(f, c, true), RC_OK); /* the work may have been done */
    assert_int_equal(look(f, 7, 1).state, WALLET_ONCE_NEW);
    assert_int_equal(hold_purchase(f, c, w), RC_OK);
    capture_unsold(f, c);
    assert_int_equal(look(f, 7, 1).state, WALLET_ONCE_NEW);
    assert_usd(balance_of(f, w), "100");
    assert_int_equal(hold_purchase(f, c, w), RC_OK);
    assert_int_equal(capture_call(f, c, "2"), RC_OK);
    assert_int_equal(look(f, 7, 1).state, WALLET_ONCE_DONE);
    assert_int_equal(hold_purchase(f, c, w), RC_USED);
    assert_usd(balance_of(f, w), "98");
}

static void a_call_that_sold_nothing_gives_its_quota_back(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);

    for (int i = 0; i < 5; i++) {
        struct call *c = new_call(f);

        c->hold.quota = (struct wallet_quota){true, {{1, 2, 3}}, 2};
        assert_int_equal(hold_call(f, c, w, "1"), RC_OK);
        capture_unsold(f, c);
    }
    assert_usd(balance_of(f, w), "100");
}

static void a_purchase_takes_the_place_of_one_that_broke_off(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f);
    struct call *c = new_call(f);

    assert_int_equal(hold_purchase(f, c, w), RC_OK);
    fixture_restart(f);
    assert_int_equal(look(f, 7, 1).state, WALLET_ONCE_BROKEN);
    c = new_call(f);
    assert_int_equal(hold_purchase(f, c, w), RC_OK);
    assert_int_equal(look(f, 7, 1).state, WALLET_ONCE_SERVING);
    assert_int_equal(void_call(f, c, true), RC_OK);
    assert_int_equal(look(f, 7, 1).state, WALLET_ONCE_NEW);
    assert_int_equal(hold_purchase(f, c, w), RC_OK);
    assert_int_equal(capture_call(f, c, "2"), RC_OK);
    assert_int_equal(look(f, 7, 1).state, WALLET_ONCE_DONE);
    assert_usd(balance_of(f, w), "98");
}

#define ON_MEMORY(claim) cmocka_unit_test_setup_teardown(claim, open_memory, close_book)
#define ON_LMDB(claim)   cmocka_unit_test_setup_teardown(claim, open_lmdb, close_book)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_MEMORY(it_is_in_use_and_then_done),
        ON_MEMORY(a_second_call_is_told_that_it_is_used),
        ON_MEMORY(a_key_in_flight_is_told_before_it),
        ON_MEMORY(a_call_that_did_nothing_gives_it_back),
        ON_MEMORY(a_hold_that_expired_says_the_same),
        ON_LMDB(another_process_finds_it_broken),
        ON_MEMORY(what_is_done_is_swept_at_its_end),
        ON_MEMORY(what_serves_a_call_is_not_swept),
        ON_MEMORY(what_an_open_payment_bought_is_not_swept),
        ON_MEMORY(a_sweep_comes_round),
        ON_LMDB(a_hundred_calls_at_once_use_it_once),
        ON_MEMORY(a_purchase_is_free_again_unless_something_was_sold),
        ON_MEMORY(a_call_that_sold_nothing_gives_its_quota_back),
        ON_LMDB(a_purchase_takes_the_place_of_one_that_broke_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

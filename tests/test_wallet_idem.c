/* SPDX-License-Identifier: Apache-2.0 */
/* Idempotency-Keys: one execution, one charge, and the truth about both for a day. */
#include "wallet/wallet_int.h"

#include "tests/wallet_fixture.h"

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

static const uint8_t body_a[32] = {1};
static const uint8_t body_b[32] = {2};

static void use_key(struct fixture *f, struct call *c, struct id w, const char *key,
                    const uint8_t fingerprint[32])
{
    if (id_is_none(c->hold.caller.root))
        assert_int_equal(wallet_caller(&c->hold.caller, f->book, w), RC_OK);
    wallet_idem_key(&c->hold.idem, &c->hold.caller, slice_str(key), fingerprint);
}

static enum rc hold_with(struct fixture *f, struct call *c, struct id w,
                         const char *key, const uint8_t fingerprint[32])
{
    memset(&c->hold, 0, sizeof(c->hold));
    use_key(f, c, w, key, fingerprint);
    return hold_call(f, c, w, "2");
}

static struct wallet_idem_seen look(struct fixture *f, struct id w, const char *key,
                                    const uint8_t fingerprint[32])
{
    struct call c = {.hold = {.held = false}};
    struct wallet_idem_seen seen;

    use_key(f, &c, w, key, fingerprint);
    assert_int_equal(wallet_idem_look(&seen, f->book, &c.hold.idem), RC_OK);
    return seen;
}

static struct id funded(struct fixture *f, const char *name)
{
    struct id w = new_wallet(f, name);

    fund(f, w, "10");
    return w;
}

static void a_key_is_in_flight_and_then_done(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f, "w");
    struct call *c = new_call(f);
    struct call *again = new_call(f);
    struct wallet_idem_seen seen;

    assert_int_equal(look(f, w, "k", body_a).state, WALLET_IDEM_NEW);
    assert_int_equal(hold_with(f, c, w, "k", body_a), RC_OK);
    seen = look(f, w, "k", body_a);
    assert_int_equal(seen.state, WALLET_IDEM_IN_FLIGHT);
    assert_true(seen.same);
    assert_int_equal(id_cmp(seen.request, c->hold.request), 0);
    assert_int_equal(hold_with(f, again, w, "k", body_a), RC_IDEM_IN_FLIGHT);
    assert_usd(balance_of(f, w), "8");

    assert_int_equal(capture_call(f, c, "1.5"), RC_OK);
    seen = look(f, w, "k", body_a);
    assert_int_equal(seen.state, WALLET_IDEM_DONE);
    assert_int_equal(seen.status, 200);
    assert_usd(seen.cost, "1.5");
    assert_int_equal(id_cmp(seen.request, c->hold.request), 0);
    assert_int_equal(id_cmp(seen.transfer, c->hold.transfer), 0);
    assert_int_equal(hold_with(f, again, w, "k", body_a), RC_IDEM_IN_FLIGHT);
    assert_usd(balance_of(f, w), "8.5");
}

static void another_body_under_the_same_key_shows(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f, "w");
    struct call c;

    assert_int_equal(hold_with(f, &c, w, "k", body_a), RC_OK);
    assert_false(look(f, w, "k", body_b).same);
    assert_int_equal(capture_call(f, &c, "1"), RC_OK);
    assert_false(look(f, w, "k", body_b).same);
    assert_true(look(f, w, "k", body_a).same);
}

static void keys_are_each_wallets_own(void **state)
{
    struct fixture *f = *state;
    struct id root = funded(f, "root");
    struct id a = new_child(f, "a", root);
    struct id b = new_child(f, "b", root);
    struct call *ca = new_call(f);
    struct call *cb = new_call(f);

    assert_int_equal(hold_with(f, ca, a, "k", body_a), RC_OK);
    assert_int_equal(look(f, b, "k", body_a).state, WALLET_IDEM_NEW);
    assert_int_equal(hold_with(f, cb, b, "k", body_a), RC_OK);
    assert_int_equal(void_call(f, ca, false), RC_OK);
    assert_int_equal(void_call(f, cb, false), RC_OK);
}

static void a_call_that_no_upstream_saw_frees_its_key(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f, "w");
    struct call c;

    assert_int_equal(hold_with(f, &c, w, "k", body_a), RC_OK);
    assert_int_equal(void_call(f, &c, false), RC_OK);
    assert_int_equal(look(f, w, "k", body_b).state, WALLET_IDEM_NEW);
    assert_int_equal(hold_with(f, &c, w, "k", body_b), RC_OK);
    assert_int_equal(capture_call(f, &c, "1"), RC_OK);
    assert_usd(balance_of(f, w), "9");
}

static void a_call_that_may_have_run_keeps_its_key(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f, "w");
    struct call c;
    struct wallet_idem_seen seen;

    assert_int_equal(hold_with(f, &c, w, "k", body_a), RC_OK);
    assert_int_equal(void_call(f, &c, true), RC_OK);
    seen = look(f, w, "k", body_a);
    assert_int_equal(seen.state, WALLET_IDEM_DONE);
    assert_int_equal(seen.status, 502);
    assert_usd(seen.cost, "0");
    assert_true(id_is_none(seen.transfer));
    assert_int_equal(hold_with(f, &c, w, "k", body_a), RC_IDEM_IN_FLIGHT);
}

static void a_refused_hold_leaves_no_key(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "poor");
    struct call c;

    assert_int_equal(hold_with(f, &c, w, "k", body_a), RC_NO_FUNDS);
    assert_int_equal(look(f, w, "k", body_a).state, WALLET_IDEM_NEW);
}

static void the_cost_is_what_the_wallet_paid(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c;

    fund(f, w, "3");
    assert_int_equal(hold_with(f, &c, w, "k", body_a), RC_OK);
    assert_int_equal(capture_call(f, &c, "5"), RC_OK);
    assert_usd(c.hold.captured, "3");
    assert_usd(look(f, w, "k", body_a).cost, "3");
}

static void a_key_whose_process_died_is_broken(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f, "w");
    struct call *c = new_call(f);
    struct call *done = new_call(f);

    assert_int_equal(hold_with(f, done, w, "done", body_a), RC_OK);
    assert_int_equal(capture_call(f, done, "1"), RC_OK);
    assert_int_equal(hold_with(f, c, w, "k", body_a), RC_OK);
    fixture_reboot_book(f);
    assert_int_equal(look(f, w, "k", body_a).state, WALLET_IDEM_BROKEN);
    assert_int_equal(look(f, w, "done", body_a).state, WALLET_IDEM_DONE);
    assert_int_equal(hold_with(f, c, w, "k", body_a), RC_IDEM_IN_FLIGHT);
}

static void keys_outlive_a_restart(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f, "w");
    struct call *running = new_call(f);
    struct call *done = new_call(f);

    assert_int_equal(hold_with(f, done, w, "done", body_a), RC_OK);
    assert_int_equal(capture_call(f, done, "1"), RC_OK);
    assert_int_equal(hold_with(f, running, w, "running", body_a), RC_OK);
    fixture_restart(f);
    assert_int_equal(look(f, w, "done", body_a).state, WALLET_IDEM_DONE);
    assert_usd(look(f, w, "done", body_a).cost, "1");
    assert_int_equal(look(f, w, "running", body_a).state, WALLET_IDEM_BROKEN);
    assert_usd(balance_of(f, w), "9");
}

/* ---- Holds that ended by themselves ---- */

static void a_late_capture_settles_the_key(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f, "w");
    struct call c;

    clock_at("2026-11-21T12:00:00Z");
    assert_int_equal(hold_with(f, &c, w, "k", body_a), RC_OK);
    clock_at("2026-11-21T13:00:00Z");
    fund(f, w, "1");
    assert_int_equal(look(f, w, "k", body_a).state, WALLET_IDEM_IN_FLIGHT);
    assert_int_equal(capture_call(f, &c, "1"), RC_ENDED);
    assert_int_equal(look(f, w, "k", body_a).state, WALLET_IDEM_DONE);
    assert_usd(look(f, w, "k", body_a).cost, "0");
}

static void a_late_void_settles_the_key(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f, "w");
    struct call *a = new_call(f);
    struct call *b = new_call(f);

    clock_at("2026-11-21T12:00:00Z");
    assert_int_equal(hold_with(f, a, w, "a", body_a), RC_OK);
    assert_int_equal(hold_with(f, b, w, "b", body_a), RC_OK);
    clock_at("2026-11-21T13:00:00Z");
    fund(f, w, "1");
    assert_int_equal(void_call(f, a, false), RC_ENDED);
    assert_int_equal(void_call(f, b, true), RC_ENDED);
    assert_int_equal(look(f, w, "a", body_a).state, WALLET_IDEM_NEW);
    assert_int_equal(look(f, w, "b", body_a).state, WALLET_IDEM_DONE);
}

/* As after a bug of ours: the capture was booked, and then somebody voids. */
static void a_void_after_the_capture_does_not_free_the_key(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f, "w");
    struct call c;

    assert_int_equal(hold_with(f, &c, w, "k", body_a), RC_OK);
    assert_int_equal(capture_call(f, &c, "1"), RC_OK);
    c.hold.held = true;
    assert_int_equal(void_call(f, &c, false), RC_ENDED);
    assert_int_equal(look(f, w, "k", body_a).state, WALLET_IDEM_DONE);
    assert_usd(look(f, w, "k", body_a).cost, "1");
}

/* ---- Many at once ---- */

enum {
    THREADS = 16
};

struct racer {
    struct fixture *f;
    struct id wallet;
    pthread_barrier_t *start;
    struct call call;
    enum rc rc;
};

static void *race(void *arg)
{
    struct racer *r = arg;

    pthread_barrier_wait(r->start);
    r->rc = hold_call(r->f, &r->call, r->wallet, "0.1");
    return NULL;
}

static void one_of_many_executes(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f, "w");
    static struct racer racers[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    unsigned executed = 0;

    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.f = f, .wallet = w, .start = &start};
        use_key(f, &racers[i].call, w, "k", body_a);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    pthread_barrier_destroy(&start);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_true(racers[i].rc == RC_OK || racers[i].rc == RC_IDEM_IN_FLIGHT);
        if (racers[i].rc != RC_OK)
            continue;
        executed++;
        assert_int_equal(capture_call(f, &racers[i].call, "0.1"), RC_OK);
    }
    assert_int_equal(executed, 1);
    assert_usd(balance_of(f, w), "9.9");
}

/* ---- Sweeping ---- */

static unsigned sweep(struct fixture *f, unsigned max)
{
    unsigned deleted = 0;

    assert_int_equal(wallet_sweep(f->book, max, &deleted), RC_OK);
    return deleted;
}

static void a_done_key_is_swept_after_a_day(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f, "w");
    struct call c;

    clock_at("2026-11-21T12:00:00Z");
    assert_int_equal(hold_with(f, &c, w, "k", body_a), RC_OK);
    assert_int_equal(capture_call(f, &c, "1"), RC_OK);
    clock_at("2026-11-22T12:00:00Z");
    assert_int_equal(sweep(f, 100), 0);
    assert_int_equal(look(f, w, "k", body_a).state, WALLET_IDEM_DONE);
    clock_at("2026-11-22T12:00:00.000001Z");
    assert_int_equal(sweep(f, 100), 1);
    assert_int_equal(look(f, w, "k", body_a).state, WALLET_IDEM_NEW);
    assert_int_equal(sweep(f, 100), 0);
    assert_int_equal(hold_with(f, &c, w, "k", body_b), RC_OK);
    assert_int_equal(void_call(f, &c, false), RC_OK);
}

static void a_running_call_keeps_its_key_from_the_sweep(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f, "w");
    struct call c;

    clock_at("2026-11-21T12:00:00Z");
    memset(&c, 0, sizeof(c));
    use_key(f, &c, w, "k", body_a);
    assert_int_equal(hold_call(f, &c, w, "2"), RC_OK);
    clock_at("2026-11-23T12:00:00Z");
    assert_int_equal(sweep(f, 100), 0);
    assert_int_equal(look(f, w, "k", body_a).state, WALLET_IDEM_IN_FLIGHT);
    fixture_reboot_book(f); /* now its process is gone */
    assert_int_equal(sweep(f, 100), 1);
}

static void a_sweep_takes_no_more_than_it_may(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f, "w");

    clock_at("2026-11-21T12:00:00Z");
    for (unsigned i = 0; i < 200; i++) {
        char key[4] = {(char)('a' + i / 26), (char)('a' + i % 26), '\0', '\0'};
        struct call c;

        assert_int_equal(hold_with(f, &c, w, key, body_a), RC_OK);
        assert_int_equal(capture_call(f, &c, "0.001"), RC_OK);
    }
    clock_at("2026-11-23T12:00:00Z");
    assert_int_equal(sweep(f, 0), 0);
    assert_int_equal(sweep(f, 70), 70);
    assert_int_equal(sweep(f, 1000), 130);
}

static void a_freed_key_is_not_swept_again(void **state)
{
    struct fixture *f = *state;
    struct id w = funded(f, "w");
    struct call c;

    clock_at("2026-11-21T12:00:00Z");
    assert_int_equal(hold_with(f, &c, w, "k", body_a), RC_OK);
    assert_int_equal(void_call(f, &c, false), RC_OK);
    clock_at("2026-11-23T12:00:00Z");
    assert_int_equal(sweep(f, 100), 0);
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, open_memory, close_book)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_in_flight_and_then_done),
        TEST(another_body_under_the_same_key_shows),
        TEST(keys_are_each_wallets_own),
        TEST(a_call_that_no_upstream_saw_frees_its_key),
        TEST(a_call_that_may_have_run_keeps_its_key),
        TEST(a_refused_hold_leaves_no_key),
        TEST(the_cost_is_what_the_wallet_paid),
        TEST(a_key_whose_process_died_is_broken),
        cmocka_unit_test_setup_teardown(keys_outlive_a_restart, open_lmdb, close_book),
        TEST(a_late_capture_settles_the_key),
        TEST(a_late_void_settles_the_key),
        TEST(a_void_after_the_capture_does_not_free_the_key),
        TEST(one_of_many_executes),
        TEST(a_done_key_is_swept_after_a_day),
        TEST(a_running_call_keeps_its_key_from_the_sweep),
        TEST(a_sweep_takes_no_more_than_it_may),
        TEST(a_freed_key_is_not_swept_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Rates and concurrency, on a clock that the test turns. */
#include "gateway/limiter.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const struct slice key = {"abcdefghij", 10};

static int setup(void **state)
{
    clock_set(1700000000000000u, 1000);
    return limiter_open((struct limiter **)state) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    limiter_close(*state);
    clock_real();
    return 0;
}

static enum rc enter_and_leave(struct limiter *l, uint64_t per_minute, unsigned *wait_s)
{
    enum rc rc = limiter_enter(l, key, per_minute, 0, wait_s);

    if (rc == RC_OK)
        limiter_leave(l, key);
    return rc;
}

static void a_minute_has_as_many_requests_as_it_says(void **state)
{
    unsigned wait_s = 0;

    for (int i = 0; i < 60; i++)
        assert_int_equal(enter_and_leave(*state, 60, &wait_s), RC_OK);
    assert_int_equal(enter_and_leave(*state, 60, &wait_s), RC_RATE);
    assert_in_range(wait_s, 1, 2);
    clock_advance_ms(999);
    assert_int_equal(enter_and_leave(*state, 60, &wait_s), RC_RATE);
    clock_advance_ms(1);
    assert_int_equal(enter_and_leave(*state, 60, &wait_s), RC_OK);
    assert_int_equal(enter_and_leave(*state, 60, &wait_s), RC_RATE);
}

static void a_bucket_never_holds_more_than_a_minute(void **state)
{
    unsigned wait_s, count = 0;

    assert_int_equal(enter_and_leave(*state, 10, &wait_s), RC_OK);
    clock_advance_ms(86400000);
    while (enter_and_leave(*state, 10, &wait_s) == RC_OK)
        count++;
    assert_int_equal(count, 10);
}

static void concurrency_ends_when_requests_leave(void **state)
{
    unsigned wait_s = 0;

    assert_int_equal(limiter_enter(*state, key, 0, 2, &wait_s), RC_OK);
    assert_int_equal(limiter_enter(*state, key, 0, 2, &wait_s), RC_OK);
    assert_int_equal(limiter_enter(*state, key, 0, 2, &wait_s), RC_RATE);
    assert_int_equal(wait_s, 1);
    limiter_leave(*state, key);
    assert_int_equal(limiter_enter(*state, key, 0, 2, &wait_s), RC_OK);
}

static void a_refused_concurrency_costs_no_request(void **state)
{
    unsigned wait_s;

    assert_int_equal(limiter_enter(*state, key, 2, 1, &wait_s), RC_OK);
    for (int i = 0; i < 10; i++)
        assert_int_equal(limiter_enter(*state, key, 2, 1, &wait_s), RC_RATE);
    limiter_leave(*state, key);
    assert_int_equal(limiter_enter(*state, key, 2, 1, &wait_s), RC_OK);
}

static void tokens_that_were_not_used_come_back(void **state)
{
    unsigned wait_s = 0;

    assert_int_equal(limiter_tokens(*state, key, 900, 1000, &wait_s), RC_OK);
    assert_int_equal(limiter_tokens(*state, key, 200, 1000, &wait_s), RC_RATE);
    assert_int_equal(wait_s, 7); /* 100 missing, 1000 a minute: 6 s, rounded up */
    limiter_give_back(*state, key, 850);
    assert_int_equal(limiter_tokens(*state, key, 900, 1000, &wait_s), RC_OK);
}

static void a_call_larger_than_the_bucket_passes_when_it_is_full(void **state)
{
    unsigned wait_s;

    assert_int_equal(limiter_tokens(*state, key, 5000, 1000, &wait_s), RC_OK);
    assert_int_equal(limiter_tokens(*state, key, 1, 1000, &wait_s), RC_RATE);
}

static void zero_does_not_bind(void **state)
{
    unsigned wait_s;

    for (int i = 0; i < 1000; i++)
        assert_int_equal(limiter_enter(*state, key, 0, 0, &wait_s), RC_OK);
    assert_int_equal(limiter_tokens(*state, key, UINT64_MAX, 0, &wait_s), RC_OK);
    assert_int_equal(limiter_address(*state, "1.2.3.4", 0, &wait_s), RC_OK);
}

static void an_address_that_guesses_is_barred_until_its_bucket_refills(void **state)
{
    unsigned wait_s = 0;

    for (int i = 0; i < 10; i++) {
        assert_int_equal(limiter_address(*state, "1.2.3.4", 10, &wait_s), RC_OK);
        limiter_address_failed(*state, "1.2.3.4");
    }
    assert_int_equal(limiter_address(*state, "1.2.3.4", 10, &wait_s), RC_RATE);
    assert_int_equal(limiter_address(*state, "1.2.3.5", 10, &wait_s), RC_OK);
    clock_advance_ms(6000);
    assert_int_equal(limiter_address(*state, "1.2.3.4", 10, &wait_s), RC_OK);
}

static void looking_at_an_address_costs_it_nothing(void **state)
{
    unsigned wait_s;

    for (int i = 0; i < 1000; i++)
        assert_int_equal(limiter_address(*state, "9.9.9.9", 10, &wait_s), RC_OK);
}

static void a_flood_of_names_does_not_grow_and_does_not_evict_who_is_in(void **state)
{
    unsigned wait_s;

    assert_int_equal(limiter_enter(*state, key, 0, 1, &wait_s), RC_OK);
    for (int i = 0; i < 200000; i++) {
        char name[24];
        int len = snprintf(name, sizeof(name), "10.%d.%d.%d", i >> 16, (i >> 8) & 255,
                           i & 255);

        assert_true(len > 0);
        limiter_address_failed(*state, name);
    }
    assert_int_equal(limiter_enter(*state, key, 0, 1, &wait_s), RC_RATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_minute_has_as_many_requests_as_it_says, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_bucket_never_holds_more_than_a_minute, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(concurrency_ends_when_requests_leave, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_refused_concurrency_costs_no_request, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(tokens_that_were_not_used_come_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_call_larger_than_the_bucket_passes_when_it_is_full, setup, teardown),
        cmocka_unit_test_setup_teardown(zero_does_not_bind, setup, teardown),
        cmocka_unit_test_setup_teardown(
            an_address_that_guesses_is_barred_until_its_bucket_refills, setup,
            teardown),
        cmocka_unit_test_setup_teardown(looking_at_an_address_costs_it_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            a_flood_of_names_does_not_grow_and_does_not_evict_who_is_in, setup,
            teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

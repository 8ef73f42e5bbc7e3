/* SPDX-License-Identifier: Apache-2.0 */
/* The list of holds by their time, against a sorted array. */
#include "ledger/writer.h"

#include "tests/ledger_fixture.h"
#include "tests/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    HOLDS = 3000
};

static struct expiry *list;

static int open_list(void **state)
{
    (void)state;
    assert_int_equal(ledger__expiry_open(&list), RC_OK);
    return 0;
}

static int close_list(void **state)
{
    (void)state;
    ledger__expiry_close(list);
    return 0;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static void holds_come_out_by_their_time(void **state)
{
    static uint64_t times[HOLDS];
    struct prng p = {5};
    struct id hold;

    (void)state;
    for (unsigned i = 0; i < HOLDS; i++) {
        times[i] = prng_below(&p, HOLDS); /* some are the same */
        assert_int_equal(ledger__expiry_add(list, op_id(i), times[i]), RC_OK);
    }
    qsort(times, HOLDS, sizeof(times[0]), by_value);
    for (unsigned i = 0; i < HOLDS; i++) {
        assert_int_equal(ledger__expiry_next_us(list), times[i]);
        if (times[i] > 0)
            assert_false(ledger__expiry_due(&hold, list, times[i] - 1));
        assert_true(ledger__expiry_due(&hold, list, times[i]));
    }
    assert_false(ledger__expiry_due(&hold, list, UINT64_MAX));
    assert_int_equal(ledger__expiry_next_us(list), UINT64_MAX);
}

static void each_hold_comes_out_once(void **state)
{
    static bool seen[HOLDS];
    struct id hold;

    (void)state;
    for (unsigned i = 0; i < HOLDS; i++)
        assert_int_equal(ledger__expiry_add(list, op_id(i), i * 7919 % 1000), RC_OK);
    for (unsigned i = 0; i < HOLDS; i++) {
        unsigned n;

        assert_true(ledger__expiry_due(&hold, list, 1000));
        n = (unsigned)hold.bytes[13] << 8 | hold.bytes[14];
        assert_in_range(n, 0, HOLDS - 1);
        assert_false(seen[n]);
        seen[n] = true;
    }
}

static void a_list_of_the_dead_asks_to_be_filled_anew(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10000; i++)
        assert_int_equal(ledger__expiry_add(list, op_id(i), i), RC_OK);
    for (unsigned i = 0; i < 5000; i++) {
        assert_false(ledger__expiry_stale(list));
        ledger__expiry_ended(list);
    }
    ledger__expiry_ended(list);
    assert_true(ledger__expiry_stale(list));
    ledger__expiry_clear(list);
    assert_false(ledger__expiry_stale(list));
    assert_int_equal(ledger__expiry_next_us(list), UINT64_MAX);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_list, close_list)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(holds_come_out_by_their_time),
        TEST(each_hold_comes_out_once),
        TEST(a_list_of_the_dead_asks_to_be_filled_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

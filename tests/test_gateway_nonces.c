/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of an account: each once, and none left out. */
#include "gateway/settle/nonces.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct nonces n;

static int set_up(void **state)
{
    (void)state;
    n = (struct nonces){0};
    nonces_learn(&n, 5, 5, 0);
    return 0;
}

static uint64_t take(void)
{
    uint64_t v = UINT64_MAX;

    assert_int_equal(nonces_take(&n, &v), RC_OK);
    return v;
}

static void nothing_is_given_before_it_is_known(void **state)
{
    uint64_t v;

    (void)state;
    n = (struct nonces){0};
    assert_int_equal(nonces_take(&n, &v), RC_STALE);
}

static void each_is_given_once(void **state)
{
    (void)state;
    assert_int_equal(take(), 5);
    assert_int_equal(take(), 6);
    /* A node that has not seen them yet changes nothing. */
    nonces_learn(&n, 5, 5, 0);
    assert_int_equal(take(), 7);
}

static void what_waits_at_the_node_is_not_given(void **state)
{
    (void)state;
    nonces_learn(&n, 5, 8, 0);
    assert_int_equal(take(), 8);
}

static void what_no_transaction_used_fills_its_gap(void **state)
{
    (void)state;
    assert_int_equal(take(), 5);
    assert_int_equal(take(), 6);
    nonces_return(&n, 5, false, 0);
    assert_int_equal(take(), 5);
    assert_int_equal(take(), 7);
}

static void what_is_above_a_hole_waits_for_it(void **state)
{
    (void)state;
    assert_false(nonces_is_above_hole(&n, 5));
    assert_int_equal(take(), 5);
    assert_int_equal(take(), 6);
    assert_false(nonces_is_above_hole(&n, 6)); /* 5 is somebody's */
    nonces_return(&n, 5, false, 0);
    assert_true(nonces_is_above_hole(&n, 6));
    nonces_learn(&n, 5, 6, 0); /* the node has one for 5 */
    assert_false(nonces_is_above_hole(&n, 6));
    nonces_learn(&n, 5, 5, 0);
    assert_int_equal(take(), 5);
    nonces_leave(&n, 5, 0); /* it may come yet */
    assert_false(nonces_is_above_hole(&n, 6));
}

static void a_lagging_node_does_not_bring_used_ones_back(void **state)
{
    (void)state;
    assert_int_equal(take(), 5);
    nonces_return(&n, 5, true, 1000);
    nonces_learn(&n, 5, 5, 1001);
    assert_int_equal(take(), 6);
    nonces_return(&n, 6, false, 1002);
    /* But for ever it cannot lag: then the block is gone. */
    nonces_learn(&n, 5, 5, 1000 + NONCES_MINED_MS);
    assert_int_equal(take(), 5);
}

static void what_was_left_is_kept_as_long_as_it_may_come(void **state)
{
    (void)state;
    assert_int_equal(take(), 5);
    assert_int_equal(take(), 6);
    nonces_leave(&n, 5, 1000);
    nonces_leave(&n, 6, 1000);
    nonces_learn(&n, 5, 5, 999 + NONCES_LEFT_MS);
    assert_int_equal(take(), 7);
    nonces_learn(&n, 5, 6, 1000 + NONCES_LEFT_MS); /* 5 waits there, 6 is unknown */
    assert_int_equal(take(), 6);
    nonces_learn(&n, 6, 6, 1000 + NONCES_LEFT_MS); /* 5 is in a block */
    assert_int_equal(n.count, 2);
}

static void what_an_earlier_process_gave_is_not_given_again(void **state)
{
    (void)state;
    assert_int_equal(nonces_hold(&n, 5), RC_OK);
    assert_int_equal(nonces_hold(&n, 5), RC_OK);
    assert_int_equal(take(), 6);
    assert_int_equal(n.count, 2);
}

static void there_is_an_end(void **state)
{
    uint64_t v;

    (void)state;
    for (unsigned i = 0; i < NONCES_MAX; i++)
        assert_int_equal(take(), 5 + i);
    assert_int_equal(nonces_take(&n, &v), RC_BUSY);
    assert_int_equal(nonces_hold(&n, 1), RC_BUSY);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_is_given_before_it_is_known),
        TEST(each_is_given_once),
        TEST(what_waits_at_the_node_is_not_given),
        TEST(what_no_transaction_used_fills_its_gap),
        TEST(what_is_above_a_hole_waits_for_it),
        TEST(a_lagging_node_does_not_bring_used_ones_back),
        TEST(what_was_left_is_kept_as_long_as_it_may_come),
        TEST(what_an_earlier_process_gave_is_not_given_again),
        TEST(there_is_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

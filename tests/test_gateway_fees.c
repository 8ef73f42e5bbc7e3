/* SPDX-License-Identifier: Apache-2.0 */
/* Fees: enough for a block that is twice as dear, never more than a bound, and raised
 * by what nodes ask. */
#include "gateway/settle/fees.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void fees_outlast_a_doubling(void **state)
{
    const struct fees f = fees_for(1000, 7);

    (void)state;
    assert_int_equal(f.max_fee, 2007);
    assert_int_equal(f.priority, 7);
    assert_int_equal(fees_for(1000, 0).priority, FEES_TIP_WEI);
}

static void a_node_cannot_name_any_price(void **state)
{
    const struct fees f = fees_for(UINT64_MAX, UINT64_MAX);

    (void)state;
    assert_true(f.max_fee <= FEES_MAX_WEI);
    assert_true(f.priority <= f.max_fee);
}

static void a_bump_is_an_eighth_or_what_is_due(void **state)
{
    struct fees f;

    (void)state;
    assert_true(fees_bump(&f, (struct fees){800, 80}, (struct fees){100, 1}));
    assert_int_equal(f.max_fee, 901);
    assert_int_equal(f.priority, 91);
    assert_true(fees_bump(&f, (struct fees){800, 80}, (struct fees){5000, 100}));
    assert_int_equal(f.max_fee, 5000);
    assert_int_equal(f.priority, 100);
    /* Even the smallest fee becomes more. */
    assert_true(fees_bump(&f, (struct fees){1, 0}, (struct fees){0, 0}));
    assert_int_equal(f.max_fee, 2);
    assert_int_equal(f.priority, 1);
}

static void bumps_have_a_bound(void **state)
{
    struct fees f = {1, 1};

    (void)state;
    assert_false(fees_bump(&f, (struct fees){FEES_MAX_WEI, 1}, (struct fees){1, 1}));
    assert_false(fees_bump(&f, (struct fees){UINT64_MAX, 1}, (struct fees){1, 1}));
    assert_int_equal(f.max_fee, 1);
}

static void totals_do_not_wrap(void **state)
{
    const struct x402_u256 v = fees_total(UINT64_MAX, UINT64_MAX);
    uint64_t small;

    (void)state;
    assert_int_equal(x402_u256_bits(v), 128);
    assert_true(x402_u256_to_u64(&small, fees_total(100000, 3000)));
    assert_int_equal(small, 300000000);
}

static void gas_has_a_margin_and_a_bound(void **state)
{
    (void)state;
    assert_int_equal(fees_gas_limit(80000), 100000);
    assert_int_equal(fees_gas_limit(21000), 60000);
    assert_int_equal(fees_gas_limit(2000000), 0);
    assert_int_equal(fees_gas_limit(UINT64_MAX), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fees_outlast_a_doubling),
        cmocka_unit_test(a_node_cannot_name_any_price),
        cmocka_unit_test(a_bump_is_an_eighth_or_what_is_due),
        cmocka_unit_test(bumps_have_a_bound),
        cmocka_unit_test(totals_do_not_wrap),
        cmocka_unit_test(gas_has_a_margin_and_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

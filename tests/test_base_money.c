/* SPDX-License-Identifier: Apache-2.0 */
/* Money: sums never wrap, prices round up exactly once, texts have one meaning. */
#include "base/money.h"

#include "tests/money_oracle.h"
#include "tests/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define PPM_PER_ONE UINT64_C(1000000)
#define UNTOUCHED   4711

static struct money nano(uint64_t n)
{
    return money_from_nano(n);
}

static void assert_money(struct money m, uint64_t expected_nano)
{
    assert_true(money_to_nano(m) == expected_nano);
}

static void order_is_that_of_the_amounts(void **state)
{
    (void)state;
    assert_int_equal(money_cmp(nano(1), nano(2)), -1);
    assert_int_equal(money_cmp(nano(2), nano(2)), 0);
    assert_int_equal(money_cmp(nano(UINT64_MAX), nano(0)), 1);
    assert_money(money_min(nano(1), nano(UINT64_MAX)), 1);
    assert_money(money_min(nano(3), nano(2)), 2);
    assert_money(money_max(nano(1), nano(UINT64_MAX)), UINT64_MAX);
    assert_money(money_max(nano(3), nano(2)), 3);
    assert_true(money_is_zero(MONEY_ZERO));
    assert_false(money_is_zero(nano(1)));
}

static void add_refuses_to_wrap(void **state)
{
    struct money out = nano(UNTOUCHED);

    (void)state;
    assert_false(money_add(&out, nano(UINT64_MAX), nano(1)));
    assert_false(money_add(&out, nano(UINT64_MAX), nano(UINT64_MAX)));
    assert_money(out, UNTOUCHED);
    assert_true(money_add(&out, nano(UINT64_MAX - 1), nano(1)));
    assert_money(out, UINT64_MAX);
}

static void sub_refuses_to_go_below_zero(void **state)
{
    struct money out = nano(UNTOUCHED);

    (void)state;
    assert_false(money_sub(&out, nano(1), nano(2)));
    assert_false(money_sub(&out, nano(0), nano(UINT64_MAX)));
    assert_money(out, UNTOUCHED);
    assert_true(money_sub(&out, nano(5), nano(5)));
    assert_money(out, 0);
    assert_true(money_sub(&out, nano(UINT64_MAX), nano(1)));
    assert_money(out, UINT64_MAX - 1);
}

static void mul_refuses_to_wrap(void **state)
{
    struct money out = nano(UNTOUCHED);

    (void)state;
    assert_false(money_mul(&out, nano(UINT64_C(1) << 32), UINT64_C(1) << 32));
    assert_false(money_mul(&out, nano(UINT64_MAX), 2));
    assert_money(out, UNTOUCHED);
    assert_true(money_mul(&out, nano(UINT64_C(0xffffffff)), UINT64_C(0x100000001)));
    assert_money(out, UINT64_MAX);
    assert_true(money_mul(&out, nano(UINT64_MAX), 0));
    assert_money(out, 0);
}

static void sub_floor_ends_at_zero(void **state)
{
    (void)state;
    assert_money(money_sub_floor(nano(3), nano(1)), 2);
    assert_money(money_sub_floor(nano(1), nano(1)), 0);
    assert_money(money_sub_floor(nano(1), nano(UINT64_MAX)), 0);
}

static void a_line_costs_what_the_price_list_says(void **state)
{
    struct money out;

    (void)state;
    /* 1,000,000 tokens at 1.25 $/Mtok */
    assert_true(money_line(&out, 1000000, nano(1250000000), 0));
    assert_money(out, 1250000000);
    /* the same with 5 % on top */
    assert_true(money_line(&out, 1000000, nano(1250000000), 50000));
    assert_money(out, 1312500000);
    /* one token at 0.0125 $/Mtok is 12.5 nano-USD */
    assert_true(money_line(&out, 1, nano(12500000), 0));
    assert_money(out, 13);
    /* rounded once: 12.5 * 1.04 is 13 exactly, and ceil(12.5) * 1.04 would be 14 */
    assert_true(money_line(&out, 1, nano(12500000), 40000));
    assert_money(out, 13);
    assert_true(money_line(&out, 0, nano(UINT64_MAX), UINT32_MAX));
    assert_money(out, 0);
    assert_true(money_line(&out, UINT64_MAX, nano(0), UINT32_MAX));
    assert_money(out, 0);
}

static void a_price_grows_as_another_does(void **state)
{
    struct money out = nano(7);

    (void)state;
    assert_true(
        money_scale(&out, nano(3750000000), nano(6000000000), nano(3000000000)));
    assert_money(out, 7500000000);
    assert_true(money_scale(&out, nano(1), nano(1), nano(3)));
    assert_money(out, 1);
    assert_true(money_scale(&out, nano(0), nano(9), nano(1)));
    assert_money(out, 0);
    assert_true(
        money_scale(&out, nano(UINT64_MAX), nano(UINT64_MAX), nano(UINT64_MAX)));
    assert_money(out, UINT64_MAX);
    assert_false(money_scale(&out, nano(UINT64_MAX), nano(2), nano(1)));
    assert_money(out, UINT64_MAX);
}

static void the_smallest_line_is_not_free(void **state)
{
    struct money out;

    (void)state;
    assert_true(money_line(&out, 1, nano(1), 0));
    assert_money(out, 1);
    assert_true(money_markup(&out, nano(1), 0));
    assert_money(out, 1);
    assert_true(money_markup(&out, nano(1), 1));
    assert_money(out, 2);
}

/* One case against the oracle; counts whether it fitted. */
static void check_line(uint64_t count, uint64_t price, uint32_t ppm, unsigned fitted[2])
{
    struct money out = nano(UNTOUCHED);
    uint64_t expected = UNTOUCHED;
    bool fits = oracle_scale(&expected, count, price, ppm, PPM_PER_ONE * PPM_PER_ONE);

    if (money_line(&out, count, nano(price), ppm) != fits ||
        money_to_nano(out) != expected)
        fail_msg("line: %llu * %llu with %u ppm", (unsigned long long)count,
                 (unsigned long long)price, ppm);
    fitted[fits]++;

    out = nano(UNTOUCHED);
    expected = UNTOUCHED;
    fits = oracle_scale(&expected, price, 1, ppm, PPM_PER_ONE);
    if (money_markup(&out, nano(price), ppm) != fits || money_to_nano(out) != expected)
        fail_msg("markup: %llu with %u ppm", (unsigned long long)price, ppm);
}

static void lines_agree_with_big_numbers_at_the_edges(void **state)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     2,
                                     3,
                                     999999,
                                     1000000,
                                     1000001,
                                     999999999999,
                                     1000000000000,
                                     1000000000001,
                                     UINT32_MAX,
                                     UINT64_C(1) << 32,
                                     (UINT64_C(1) << 32) + 1,
                                     INT64_MAX,
                                     UINT64_C(1) << 63,
                                     UINT64_C(18446744073709),
                                     UINT64_C(18446744073710),
                                     UINT64_C(18446744073709551000),
                                     UINT64_MAX - 1,
                                     UINT64_MAX};
    static const uint32_t markups[] = {
        0,       1,       2,          50000,          999999,
        1000000, 1000001, 1000000000, UINT32_MAX - 1, UINT32_MAX};
    const size_t count = sizeof(edges) / sizeof(edges[0]);
    unsigned fitted[2] = {0};

    (void)state;
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < count; j++)
            for (size_t k = 0; k < sizeof(markups) / sizeof(markups[0]); k++)
                check_line(edges[i], edges[j], markups[k], fitted);
    assert_true(fitted[0] > 100 && fitted[1] > 100);
}

static void lines_agree_with_big_numbers_at_random(void **state)
{
    struct prng prng = {1};
    unsigned fitted[2] = {0};

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t count = prng_any_size(&prng);
        uint64_t price = prng_any_size(&prng);

        check_line(count, price, (uint32_t)(prng_next(&prng) >> (32 + i % 32)), fitted);
    }
    assert_true(fitted[0] > 1000 && fitted[1] > 1000);
}

/* Around the largest amount the smallest step decides: for a random price and markup,
 * the counts just below and above the largest one that fits. */
static void lines_agree_with_big_numbers_around_the_largest_amount(void **state)
{
    struct prng prng = {2};
    unsigned fitted[2] = {0};

    (void)state;
    for (unsigned i = 0; i < 5000; i++) {
        uint64_t price = prng_any_size(&prng) | UINT64_C(1) << 20;
        uint32_t ppm = (uint32_t)(prng_next(&prng) >> (32 + i % 32));
        unsigned __int128 whole = (unsigned __int128)UINT64_MAX * PPM_PER_ONE *
                                  PPM_PER_ONE / (PPM_PER_ONE + ppm) / price;
        uint64_t count = whole > UINT64_MAX ? UINT64_MAX : (uint64_t)whole;

        check_line(count, price, ppm, fitted);
        if (count > 0)
            check_line(count - 1, price, ppm, fitted);
        if (count < UINT64_MAX)
            check_line(count + 1, price, ppm, fitted);
    }
    assert_true(fitted[0] > 1000 && fitted[1] > 1000);
}

static void texts_are_read_to_the_last_place(void **state)
{
    static const struct {
        const char *text;
        uint64_t nano;
    } good[] = {{"0", 0},
                {"0.0", 0},
                {"0.000000000", 0},
                {"0.5", 500000000},
                {"0.50", 500000000},
                {"0.000000001", 1},
                {"25", 25000000000},
                {"12.345678901", 12345678901},
                {"10.01", 10010000000},
                {"18446744073", UINT64_C(18446744073000000000)},
                {"18446744073.709551615", UINT64_MAX}};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct money out = nano(UNTOUCHED);

        assert_int_equal(money_parse(&out, slice_str(good[i].text)), RC_OK);
        assert_money(out, good[i].nano);
    }
}

static void other_texts_are_refused(void **state)
{
    static const char *const bad[] = {"",
                                      ".",
                                      "1.",
                                      "1..2",
                                      ".5",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "1,5",
                                      "1.5.5",
                                      "1e3",
                                      "0x1",
                                      "00",
                                      "05",
                                      "00.5",
                                      "0.0000000000",
                                      "1.",
                                      "1.-5",
                                      "1.+5",
                                      "1. 5",
                                      "1_000",
                                      "1\n",
                                      "$1",
                                      "1.5x",
                                      "x",
                                      "NaN",
                                      "inf",
                                      "1.2345678901",
                                      "99999999999999999999x",
                                      "18446744073709551616.",
                                      "99999999999999999999.1234567890"};
    struct money out = nano(UNTOUCHED);

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (money_parse(&out, slice_str(bad[i])) != RC_BAD_INPUT)
            fail_msg("took '%s'", bad[i]);
    assert_int_equal(money_parse(&out, SLICE("1\0")), RC_BAD_INPUT);
    assert_int_equal(money_parse(&out, SLICE("1.5\0")), RC_BAD_INPUT);
    assert_int_equal(money_parse(&out, SLICE_NONE), RC_BAD_INPUT);
    assert_money(out, UNTOUCHED);
}

static void too_large_texts_are_an_overflow(void **state)
{
    static const char *const large[] = {
        "18446744073.709551616",
        "18446744073.71",
        "18446744074",
        "18446744074.0",
        "18446744073709551615",
        "18446744073709551616",
        "100000000000000000000000000000000000000000000000000"};
    struct money out = nano(UNTOUCHED);

    (void)state;
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
        if (money_parse(&out, slice_str(large[i])) != RC_OVERFLOW)
            fail_msg("'%s'", large[i]);
    assert_money(out, UNTOUCHED);
}

static void assert_prints(uint64_t n, const char *full, const char *brief)
{
    char out[MONEY_TEXT_SIZE];

    money_print(out, nano(n));
    assert_string_equal(out, full);
    money_print_short(out, nano(n));
    assert_string_equal(out, brief);
}

static void amounts_print_in_both_forms(void **state)
{
    (void)state;
    assert_prints(0, "0.000000000", "0");
    assert_prints(1, "0.000000001", "0.000000001");
    assert_prints(50000000, "0.050000000", "0.05");
    assert_prints(12000000000, "12.000000000", "12");
    assert_prints(100000000000, "100.000000000", "100");
    assert_prints(12345678901, "12.345678901", "12.345678901");
    assert_prints(UINT64_MAX, "18446744073.709551615", "18446744073.709551615");
}

static void what_was_printed_is_read_again(void **state)
{
    struct prng prng = {3};

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        struct money m = nano(prng_any_size(&prng));
        struct money back = nano(UNTOUCHED);
        char text[MONEY_TEXT_SIZE];

        money_print(text, m);
        assert_int_equal(money_parse(&back, slice_str(text)), RC_OK);
        assert_int_equal(money_cmp(back, m), 0);
        money_print_short(text, m);
        back = nano(UNTOUCHED);
        assert_int_equal(money_parse(&back, slice_str(text)), RC_OK);
        assert_int_equal(money_cmp(back, m), 0);
    }
}

static void percents_are_read_in_millionths(void **state)
{
    static const struct {
        const char *text;
        uint32_t ppm;
    } good[] = {
        {"0%", 0},         {"12.5%", 125000},  {"5%", 50000},          {"0.0001%", 1},
        {"100%", 1000000}, {"3.0000%", 30000}, {"100000%", 1000000000}};

    static const char *const bad[] = {"",
                                      "%",
                                      "5",
                                      "5%%",
                                      "5 %",
                                      "-5%",
                                      "+5%",
                                      "05%",
                                      ".5%",
                                      "5.%",
                                      "5.00000%",
                                      "0.00001%",
                                      "5e1%",
                                      "100000.0001%",
                                      "100001%",
                                      "1000000%",
                                      "99999999999999999999%"};
    uint32_t ppm = UNTOUCHED;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (money_parse_percent(&ppm, slice_str(bad[i])) != RC_BAD_INPUT)
            fail_msg("took '%s'", bad[i]);
    assert_int_equal(ppm, UNTOUCHED);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(money_parse_percent(&ppm, slice_str(good[i].text)), RC_OK);
        assert_int_equal(ppm, good[i].ppm);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_that_of_the_amounts),
        cmocka_unit_test(add_refuses_to_wrap),
        cmocka_unit_test(sub_refuses_to_go_below_zero),
        cmocka_unit_test(mul_refuses_to_wrap),
        cmocka_unit_test(sub_floor_ends_at_zero),
        cmocka_unit_test(a_line_costs_what_the_price_list_says),
        cmocka_unit_test(a_price_grows_as_another_does),
        cmocka_unit_test(the_smallest_line_is_not_free),
        cmocka_unit_test(lines_agree_with_big_numbers_at_the_edges),
        cmocka_unit_test(lines_agree_with_big_numbers_at_random),
        cmocka_unit_test(lines_agree_with_big_numbers_around_the_largest_amount),
        cmocka_unit_test(texts_are_read_to_the_last_place),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(too_large_texts_are_an_overflow),
        cmocka_unit_test(amounts_print_in_both_forms),
        cmocka_unit_test(what_was_printed_is_read_again),
        cmocka_unit_test(percents_are_read_in_millionths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

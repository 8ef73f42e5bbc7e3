/* SPDX-License-Identifier: Apache-2.0 */
/* 256-bit words: texts have one form, sums do not wrap, and no amount of a token
 * becomes money (or back) in a direction that was not asked for. */
#include "x402/x402.h"

#include "tests/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MAX_TEXT                                           \
    "1157920892373161954235709850086879078532699846656405" \
    "64039457584007913129639935"
#define MAX_PLUS_1_TEXT                                    \
    "1157920892373161954235709850086879078532699846656405" \
    "64039457584007913129639936"

static struct x402_u256 from_text(const char *text)
{
    struct x402_u256 v;

    assert_int_equal(x402_u256_parse(&v, slice_str(text)), RC_OK);
    return v;
}

static struct x402_u256 largest(void)
{
    struct x402_u256 v;

    memset(v.bytes, 0xff, sizeof(v.bytes));
    return v;
}

static struct x402_u256 any(struct prng *p)
{
    struct x402_u256 v = X402_ZERO;
    size_t len = prng_below(p, X402_WORD_LEN + 1);

    for (size_t i = 0; i < len; i++)
        v.bytes[X402_WORD_LEN - 1 - i] = (uint8_t)prng_next(p);
    return v;
}

static void assert_prints(struct x402_u256 v, const char *expected)
{
    char text[X402_U256_TEXT_SIZE];

    x402_u256_print(text, v);
    assert_string_equal(text, expected);
}

static void decimals_go_both_ways(void **state)
{
    static const char *const texts[] = {
        "0",
        "1",
        "9",
        "10",
        "10000",
        "18446744073709551615",
        "18446744073709551616",
        "340282366920938463463374607431768211456",
        "33247007178036348590600198031289925668252061821958005840077069883511451257277",
        MAX_TEXT};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_prints(from_text(texts[i]), texts[i]);
    assert_int_equal(x402_u256_cmp(from_text(MAX_TEXT), largest()), 0);
}

static void decimals_have_one_form(void **state)
{
    static const char *const bad[] = {
        "",    "00",    "01",  "-1",         "+1",
        " 1",  "1 ",    "1.0", "1e3",        "a",
        "0x1", "1,000", "1_0", "\n1",        "1\n",
        "0 ",  "/",     ":",   "0" MAX_TEXT, MAX_TEXT MAX_TEXT "x"};
    struct x402_u256 v = from_text("7");

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(x402_u256_parse(&v, slice_str(bad[i])), RC_BAD_INPUT);
    assert_int_equal(x402_u256_parse(&v, slice_from("1\0", 2)), RC_BAD_INPUT);
    assert_int_equal(x402_u256_parse(&v, SLICE_NONE), RC_BAD_INPUT);
    assert_prints(v, "7");
}

static void what_does_not_fit_overflows(void **state)
{
    static const char *const large[] = {MAX_PLUS_1_TEXT, MAX_TEXT "0", "1" MAX_TEXT,
                                        MAX_TEXT MAX_TEXT};
    struct x402_u256 v = from_text("7");

    (void)state;
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++)
        assert_int_equal(x402_u256_parse(&v, slice_str(large[i])), RC_OVERFLOW);
    assert_int_equal(
        x402_u256_parse_quantity(
            &v,
            SLICE("0x1"
                  "0000000000000000000000000000000000000000000000000000000000000000")),
        RC_OVERFLOW);
    assert_prints(v, "7");
}

static void quantities_have_one_form(void **state)
{
    static const char *const good[] = {
        "0x0",
        "0x1",
        "0x14a34",
        "0xffffffffffffffff",
        "0x10000000000000000",
        "0xffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"};
    static const char *const bad[] = {"",    "0",    "0x",   "0x00", "0x01",
                                      "0X1", "x1",   "0xg",  "0x ",  "0x-1",
                                      "1",   "0x1 ", " 0x1", "0x0x", "-0x1"};
    struct x402_u256 v = from_text("7");
    char text[X402_HASH_TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(x402_u256_parse_quantity(&v, slice_str(bad[i])), RC_BAD_INPUT);
    assert_prints(v, "7");
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(x402_u256_parse_quantity(&v, slice_str(good[i])), RC_OK);
        x402_u256_print_quantity(text, v);
        assert_string_equal(text, good[i]);
    }
    assert_int_equal(x402_u256_parse_quantity(&v, SLICE("0xAbC")), RC_OK);
    assert_prints(v, "2748");
}

static void hashes_have_64_digits(void **state)
{
    static const char lower[] =
        "0xc3250414b42c3b4fb2d605331d0717e9cd5858e3a79b830dda07a0716b7732ac";
    static const char upper[] =
        "0xC3250414B42C3B4FB2D605331D0717E9CD5858E3A79B830DDA07A0716B7732AC";
    struct x402_hash h;
    struct x402_hash other;
    char text[X402_HASH_TEXT_SIZE];

    (void)state;
    assert_int_equal(x402_hash_parse(&h, slice_str(lower)), RC_OK);
    assert_int_equal(x402_hash_parse(&other, slice_str(upper)), RC_OK);
    assert_true(x402_hash_equal(h, other));
    x402_hash_print(text, other);
    assert_string_equal(text, lower);
    assert_int_equal(x402_hash_parse(&other, slice_from(lower, 65)), RC_BAD_INPUT);
    assert_int_equal(x402_hash_parse(&other, slice_from(lower, sizeof(lower))),
                     RC_BAD_INPUT);
    assert_int_equal(x402_hash_parse(&other, slice_from(lower + 2, 64)), RC_BAD_INPUT);
    assert_int_equal(x402_hash_parse(&other, SLICE_NONE), RC_BAD_INPUT);
    assert_true(x402_hash_equal(h, other));
    other.bytes[31] ^= 1;
    assert_false(x402_hash_equal(h, other));
}

static void sums_never_wrap(void **state)
{
    struct x402_u256 one = x402_u256_from_u64(1);
    struct x402_u256 out = from_text("7");

    (void)state;
    assert_false(x402_u256_add(&out, largest(), one));
    assert_false(x402_u256_add(&out, largest(), largest()));
    assert_false(x402_u256_sub(&out, X402_ZERO, one));
    assert_prints(out, "7");
    assert_true(x402_u256_sub(&out, largest(), one));
    assert_true(x402_u256_add(&out, out, one));
    assert_int_equal(x402_u256_cmp(out, largest()), 0);
    assert_true(x402_u256_sub(&out, largest(), largest()));
    assert_true(x402_u256_is_zero(out));
}

static void sums_agree_with_each_other_and_with_texts(void **state)
{
    struct prng p = {256};

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct x402_u256 a = any(&p);
        struct x402_u256 b = any(&p);
        struct x402_u256 sum;
        struct x402_u256 back;
        char text[X402_U256_TEXT_SIZE];

        x402_u256_print(text, a);
        assert_int_equal(x402_u256_cmp(from_text(text), a), 0);
        if (!x402_u256_add(&sum, a, b)) {
            assert_true(x402_u256_sub(&back, largest(), a));
            assert_true(x402_u256_cmp(back, b) < 0);
            continue;
        }
        assert_true(x402_u256_sub(&back, sum, b));
        assert_int_equal(x402_u256_cmp(back, a), 0);
        assert_int_equal(x402_u256_sub(&back, a, sum), x402_u256_is_zero(b));
    }
}

static void small_numbers_go_both_ways(void **state)
{
    static const uint64_t values[] = {0, 1, 255, 256, UINT32_MAX, UINT64_MAX};
    uint64_t out = 7;

    (void)state;
    assert_false(x402_u256_to_u64(&out, from_text("18446744073709551616")));
    assert_false(x402_u256_to_u64(&out, largest()));
    assert_int_equal(out, 7);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char text[X402_U256_TEXT_SIZE];

        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)values[i]);
        assert_prints(x402_u256_from_u64(values[i]), text);
        assert_true(x402_u256_to_u64(&out, from_text(text)));
        assert_int_equal(out, values[i]);
    }
}

static void bits_are_counted(void **state)
{
    (void)state;
    assert_int_equal(x402_u256_bits(X402_ZERO), 0);
    assert_int_equal(x402_u256_bits(x402_u256_from_u64(1)), 1);
    assert_int_equal(x402_u256_bits(from_text("1099511627775")), 40);
    assert_int_equal(x402_u256_bits(from_text("1099511627776")), 41);
    assert_int_equal(
        x402_u256_bits(from_text("340282366920938463463374607431768211455")), 128);
    assert_int_equal(
        x402_u256_bits(from_text("340282366920938463463374607431768211456")), 129);
    assert_int_equal(x402_u256_bits(largest()), 256);
}

static void numbers_are_ordered(void **state)
{
    (void)state;
    assert_int_equal(x402_u256_cmp(X402_ZERO, x402_u256_from_u64(1)), -1);
    assert_int_equal(x402_u256_cmp(x402_u256_from_u64(1), X402_ZERO), 1);
    assert_int_equal(
        x402_u256_cmp(x402_u256_from_u64(0x0100), x402_u256_from_u64(0xff)), 1);
    assert_int_equal(x402_u256_cmp(largest(), largest()), 0);
}

/* A value of a token, its decimals, and what it is in nano-USD each way. */
struct scale_case {
    const char *value;
    unsigned decimals;
    enum rc exact;
    uint64_t down;
    uint64_t up;
};

static void tokens_become_money_as_asked(void **state)
{
    static const struct scale_case cases[] = {
        {"10000", 6, RC_OK, 10000000, 10000000},
        {"1", 6, RC_OK, 1000, 1000},
        {"0", 6, RC_OK, 0, 0},
        {"0", 18, RC_OK, 0, 0},
        {"5", 0, RC_OK, 5000000000, 5000000000},
        {"1", 9, RC_OK, 1, 1},
        {"1", 10, RC_BAD_INPUT, 0, 1},
        {"10", 10, RC_OK, 1, 1},
        {"1000000000000000000", 18, RC_OK, 1000000000, 1000000000},
        {"1000000000000000001", 18, RC_BAD_INPUT, 1000000000, 1000000001},
        {"1999999999", 18, RC_BAD_INPUT, 1, 2},
        {"1000000000000000000000000000", 36, RC_OK, 1, 1},
        {"1000000000000000000000000001", 36, RC_BAD_INPUT, 1, 2},
        {"18446744073709551", 6, RC_OK, 18446744073709551000u, 18446744073709551000u}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct scale_case *c = &cases[i];
        struct x402_u256 v = from_text(c->value);
        struct money m = money_from_nano(4711);

        assert_int_equal(x402_u256_to_money(&m, v, c->decimals, X402_EXACT), c->exact);
        assert_int_equal(money_to_nano(m), c->exact == RC_OK ? c->down : 4711);
        assert_int_equal(x402_u256_to_money(&m, v, c->decimals, X402_DOWN), RC_OK);
        assert_int_equal(money_to_nano(m), c->down);
        assert_int_equal(x402_u256_to_money(&m, v, c->decimals, X402_UP), RC_OK);
        assert_int_equal(money_to_nano(m), c->up);
    }
}

static void more_than_money_can_be_overflows(void **state)
{
    static const enum x402_rounding all[] = {X402_EXACT, X402_DOWN, X402_UP};
    struct money m = money_from_nano(4711);

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            x402_u256_to_money(&m, from_text("18446744073709552"), 6, all[i]),
            RC_OVERFLOW);
        assert_int_equal(
            x402_u256_to_money(&m, from_text("18446744073709551616"), 9, all[i]),
            RC_OVERFLOW);
        assert_int_equal(x402_u256_to_money(&m, largest(), 0, all[i]), RC_OVERFLOW);
        assert_int_equal(x402_u256_to_money(&m, largest(), 9, all[i]), RC_OVERFLOW);
        assert_int_equal(x402_u256_to_money(&m, X402_ZERO, 37, all[i]), RC_BAD_INPUT);
    }
    /* 2^64 - 1 nano and a bit: rounded up it is one more than there is. */
    assert_int_equal(
        x402_u256_to_money(&m, from_text("184467440737095516151"), 10, X402_UP),
        RC_OVERFLOW);
    assert_int_equal(money_to_nano(m), 4711);
    assert_int_equal(
        x402_u256_to_money(&m, from_text("184467440737095516151"), 10, X402_DOWN),
        RC_OK);
    assert_int_equal(money_to_nano(m), UINT64_MAX);
}

static void money_becomes_tokens_as_asked(void **state)
{
    static const struct {
        uint64_t nano;
        unsigned decimals;
        enum rc exact;
        const char *down;
        const char *up;
    } cases[] = {
        {10000000, 6, RC_OK, "10000", "10000"},
        {1, 6, RC_BAD_INPUT, "0", "1"},
        {999, 6, RC_BAD_INPUT, "0", "1"},
        {1000, 6, RC_OK, "1", "1"},
        {1001, 6, RC_BAD_INPUT, "1", "2"},
        {0, 6, RC_OK, "0", "0"},
        {999999999, 0, RC_BAD_INPUT, "0", "1"},
        {1, 9, RC_OK, "1", "1"},
        {1, 18, RC_OK, "1000000000", "1000000000"},
        {UINT64_MAX, 6, RC_BAD_INPUT, "18446744073709551", "18446744073709552"},
        {UINT64_MAX, 36, RC_OK, "18446744073709551615000000000000000000000000000",
         "18446744073709551615000000000000000000000000000"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct money m = money_from_nano(cases[i].nano);
        unsigned decimals = cases[i].decimals;
        struct x402_u256 v = from_text("7");

        assert_int_equal(x402_u256_from_money(&v, m, decimals, X402_EXACT),
                         cases[i].exact);
        assert_prints(v, cases[i].exact == RC_OK ? cases[i].down : "7");
        assert_int_equal(x402_u256_from_money(&v, m, decimals, X402_DOWN), RC_OK);
        assert_prints(v, cases[i].down);
        assert_int_equal(x402_u256_from_money(&v, m, decimals, X402_UP), RC_OK);
        assert_prints(v, cases[i].up);
        assert_int_equal(x402_u256_from_money(&v, m, 37, X402_UP), RC_BAD_INPUT);
    }
}

static void nothing_is_lost_on_the_way_and_back(void **state)
{
    struct prng p = {9};

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct money m = money_from_nano(prng_any_size(&p));
        unsigned decimals = (unsigned)prng_below(&p, X402_DECIMALS_MAX + 1);
        struct x402_u256 v;
        struct money back;

        /* Asked for rounded up, credited rounded down: never less than was asked,
         * unless the top of what money can be is passed. */
        assert_int_equal(x402_u256_from_money(&v, m, decimals, X402_UP), RC_OK);
        if (x402_u256_to_money(&back, v, decimals, X402_DOWN) == RC_OK)
            assert_true(money_cmp(back, m) >= 0);
        assert_int_equal(x402_u256_from_money(&v, m, decimals, X402_DOWN), RC_OK);
        assert_int_equal(x402_u256_to_money(&back, v, decimals, X402_UP), RC_OK);
        assert_true(money_cmp(back, m) <= 0);
        if (decimals >= MONEY_DECIMALS)
            assert_int_equal(money_cmp(back, m), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_go_both_ways),
        cmocka_unit_test(decimals_have_one_form),
        cmocka_unit_test(what_does_not_fit_overflows),
        cmocka_unit_test(quantities_have_one_form),
        cmocka_unit_test(hashes_have_64_digits),
        cmocka_unit_test(sums_never_wrap),
        cmocka_unit_test(sums_agree_with_each_other_and_with_texts),
        cmocka_unit_test(small_numbers_go_both_ways),
        cmocka_unit_test(bits_are_counted),
        cmocka_unit_test(numbers_are_ordered),
        cmocka_unit_test(tokens_become_money_as_asked),
        cmocka_unit_test(more_than_money_can_be_overflows),
        cmocka_unit_test(money_becomes_tokens_as_asked),
        cmocka_unit_test(nothing_is_lost_on_the_way_and_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

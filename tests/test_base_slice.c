/* SPDX-License-Identifier: Apache-2.0 */
/* Slices: comparing, cutting and reading bytes that may be any bytes. */
#include "base/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void assert_slice(struct slice s, const char *expected)
{
    assert_int_equal(s.len, strlen(expected));
    if (s.len > 0)
        assert_memory_equal(s.bytes, expected, s.len);
}

static void a_null_string_is_no_slice(void **state)
{
    (void)state;
    assert_null(slice_str(NULL).bytes);
    assert_int_equal(slice_str(NULL).len, 0);
    assert_slice(slice_str("abc"), "abc");
    assert_slice(slice_from("abc", 2), "ab");
}

static void sub_is_clamped(void **state)
{
    const struct slice s = SLICE("abcdef");

    (void)state;
    assert_slice(slice_sub(s, 0, 6), "abcdef");
    assert_slice(slice_sub(s, 2, 3), "cde");
    assert_slice(slice_sub(s, 2, SIZE_MAX), "cdef");
    assert_slice(slice_sub(s, 6, 1), "");
    assert_slice(slice_sub(s, SIZE_MAX, SIZE_MAX), "");
    assert_slice(slice_sub(SLICE_NONE, 0, 1), "");
}

static void equal_compares_all_bytes(void **state)
{
    (void)state;
    assert_true(slice_equal(SLICE("a\0b"), SLICE("a\0b")));
    assert_false(slice_equal(SLICE("a\0b"), SLICE("a\0c")));
    assert_false(slice_equal(SLICE("ab"), SLICE("abc")));
    assert_true(slice_equal(SLICE(""), SLICE_NONE));
    assert_true(slice_equal_str(SLICE("ab"), "ab"));
    assert_false(slice_equal_str(SLICE("a\0b"), "a"));
}

static void nocase_folds_ascii_letters_only(void **state)
{
    (void)state;
    assert_true(slice_equal_nocase(SLICE("Content-Type"), SLICE("cONTENT-tYPE")));
    assert_false(slice_equal_nocase(SLICE("a"), SLICE("b")));
    assert_false(slice_equal_nocase(SLICE("@"), SLICE("`")));
    assert_false(slice_equal_nocase(SLICE("["), SLICE("{")));
    assert_false(slice_equal_nocase(SLICE("\xc4"), SLICE("\xe4")));
    assert_true(slice_starts_nocase(SLICE("BEARER x"), SLICE("Bearer ")));
    assert_false(slice_starts_nocase(SLICE("Bear"), SLICE("Bearer ")));
}

static void starts_and_ends_look_at_their_end(void **state)
{
    (void)state;
    assert_true(slice_starts(SLICE("abc"), SLICE("ab")));
    assert_false(slice_starts(SLICE("abc"), SLICE("bc")));
    assert_false(slice_starts(SLICE("ab"), SLICE("abc")));
    assert_true(slice_starts(SLICE_NONE, SLICE("")));
    assert_true(slice_ends(SLICE("abc"), SLICE("bc")));
    assert_false(slice_ends(SLICE("abc"), SLICE("ab")));
    assert_false(slice_ends(SLICE("bc"), SLICE("abc")));
    assert_true(slice_ends(SLICE_NONE, SLICE_NONE));
}

static void compare_orders_by_unsigned_bytes_then_length(void **state)
{
    (void)state;
    assert_int_equal(slice_compare(SLICE("a"), SLICE("a")), 0);
    assert_int_equal(slice_compare(SLICE("a"), SLICE("ab")), -1);
    assert_int_equal(slice_compare(SLICE("b"), SLICE("ab")), 1);
    assert_int_equal(slice_compare(SLICE("\x7f"), SLICE("\x80")), -1);
    assert_int_equal(slice_compare(SLICE_NONE, SLICE("a")), -1);
    assert_int_equal(slice_compare(SLICE_NONE, SLICE("")), 0);
}

static void secret_compare_agrees_with_equal(void **state)
{
    char a[] = "0123456789abcdef";
    char b[] = "0123456789abcdef";
    const size_t len = sizeof(a) - 1;

    (void)state;
    assert_true(slice_equal_secret(slice_str(a), slice_str(b)));
    assert_true(slice_equal_secret(SLICE_NONE, SLICE("")));
    assert_false(slice_equal_secret(slice_str(a), slice_sub(slice_str(b), 0, len - 1)));
    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            b[i] = (char)(a[i] ^ (1 << bit));
            assert_false(slice_equal_secret(slice_from(a, len), slice_from(b, len)));
        }
        b[i] = a[i];
    }
}

static void find_and_search_return_len_when_absent(void **state)
{
    (void)state;
    assert_int_equal(slice_find(SLICE("a=b=c"), '='), 1);
    assert_int_equal(slice_find(SLICE("abc"), '='), 3);
    assert_int_equal(slice_find(SLICE_NONE, '='), 0);
    assert_int_equal(slice_search(SLICE("ababc"), SLICE("abc")), 2);
    assert_int_equal(slice_search(SLICE("ababc"), SLICE("abd")), 5);
    assert_int_equal(slice_search(SLICE("ab"), SLICE("abc")), 2);
    assert_int_equal(slice_search(SLICE("ab"), SLICE("")), 0);
    assert_int_equal(slice_search(SLICE_NONE, SLICE("a")), 0);
}

static void control_bytes_are_seen(void **state)
{
    (void)state;
    assert_false(slice_has_ctl(SLICE(" ~\x80\xff")));
    assert_false(slice_has_ctl(SLICE_NONE));
    assert_true(slice_has_ctl(SLICE("a\0")));
    assert_true(slice_has_ctl(SLICE("a\nb")));
    assert_true(slice_has_ctl(SLICE("\x1f")));
    assert_true(slice_has_ctl(SLICE("\x7f")));
}

static void trim_takes_spaces_and_tabs_only(void **state)
{
    (void)state;
    assert_slice(slice_trim(SLICE(" \t a b \t")), "a b");
    assert_slice(slice_trim(SLICE("\na\n")), "\na\n");
    assert_slice(slice_trim(SLICE(" \t ")), "");
    assert_slice(slice_trim(SLICE_NONE), "");
}

static void next_yields_the_pieces_in_order(void **state)
{
    struct slice rest = SLICE("a,,b");
    struct slice piece;

    (void)state;
    assert_true(slice_next(&piece, &rest, ','));
    assert_slice(piece, "a");
    assert_true(slice_next(&piece, &rest, ','));
    assert_slice(piece, "");
    assert_true(slice_next(&piece, &rest, ','));
    assert_slice(piece, "b");
    assert_false(slice_next(&piece, &rest, ','));
}

static void next_yields_nothing_behind_a_last_separator(void **state)
{
    struct slice rest = SLICE(",a,");
    struct slice none = SLICE_NONE;
    struct slice piece;

    (void)state;
    assert_true(slice_next(&piece, &rest, ','));
    assert_slice(piece, "");
    assert_true(slice_next(&piece, &rest, ','));
    assert_slice(piece, "a");
    assert_false(slice_next(&piece, &rest, ','));
    assert_false(slice_next(&piece, &none, ','));
}

static void u64_reads_digits_up_to_the_largest_value(void **state)
{
    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"0", 0},
                {"7", 7},
                {"007", 7},
                {"18446744073709551615", UINT64_MAX},
                {"00000000000000000000018446744073709551615", UINT64_MAX}};

    static const char *const bad[] = {"",   "-1",
                                      "+1", " 1",
                                      "1 ", "0x1",
                                      "1.", "18446744073709551616",
                                      "1a", "99999999999999999999"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        uint64_t value = 1;

        assert_int_equal(slice_to_u64(&value, slice_str(good[i].text)), RC_OK);
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint64_t value = 42;

        assert_int_equal(slice_to_u64(&value, slice_str(bad[i])), RC_BAD_INPUT);
        assert_true(value == 42);
    }
}

static void i64_reads_both_ends_of_its_range(void **state)
{
    static const struct {
        const char *text;
        int64_t value;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"-1", -1},
                {"9223372036854775807", INT64_MAX},
                {"-9223372036854775808", INT64_MIN}};

    static const char *const bad[] = {
        "", "-", "--1", "+1", "9223372036854775808", "-9223372036854775809"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        int64_t value = 1;

        assert_int_equal(slice_to_i64(&value, slice_str(good[i].text)), RC_OK);
        assert_true(value == good[i].value);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        int64_t value = 42;

        assert_int_equal(slice_to_i64(&value, slice_str(bad[i])), RC_BAD_INPUT);
        assert_true(value == 42);
    }
}

/* What a pattern means, without a thought for speed. */
static bool matches(const char *pattern, const char *s)
{
    if (*pattern == '\0')
        return *s == '\0';
    if (*pattern == '*')
        return matches(pattern + 1, s) || (*s != '\0' && matches(pattern, s + 1));
    return *s != '\0' && (*pattern == '?' || *pattern == *s) &&
           matches(pattern + 1, s + 1);
}

/* Text number `n` over the alphabet: all texts, the short ones first. */
static void nth_text(char out[8], unsigned n, const char *alphabet)
{
    unsigned base = (unsigned)strlen(alphabet);
    size_t len = 0;

    for (; n > 0; n = (n - 1) / base)
        out[len++] = alphabet[(n - 1) % base];
    out[len] = '\0';
}

/* All texts of up to six letters; returns how many match. */
static unsigned check_pattern(const char *pattern)
{
    unsigned matched = 0;

    for (unsigned n = 0; n < 127; n++) {
        char text[8];
        bool expected;

        nth_text(text, n, "ab");
        expected = matches(pattern, text);
        matched += expected;
        if (slice_glob(slice_str(pattern), slice_str(text)) != expected)
            fail_msg("'%s' and '%s'", pattern, text);
    }
    return matched;
}

static void glob_agrees_with_its_definition(void **state)
{
    unsigned matched = 0;

    (void)state;
    for (unsigned n = 0; n < 1365; n++) { /* all patterns of up to five letters */
        char pattern[8];

        nth_text(pattern, n, "ab*?");
        matched += check_pattern(pattern);
    }
    assert_true(matched > 1000);
}

static void glob_ends_on_a_hostile_pattern(void **state)
{
    char pattern[200];
    char text[4000];

    (void)state;
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    pattern[sizeof(pattern) - 1] = 'b';
    memset(text, 'a', sizeof(text));
    /* Trying every star again would take longer than the universe has. */
    assert_false(slice_glob(slice_from(pattern, sizeof(pattern)),
                            slice_from(text, sizeof(text))));
}

static void cstr_gets_a_nul_or_is_empty(void **state)
{
    char out[4] = "xxx";

    (void)state;
    assert_int_equal(slice_to_cstr(out, sizeof(out), SLICE("abc")), RC_OK);
    assert_string_equal(out, "abc");
    assert_int_equal(slice_to_cstr(out, sizeof(out), SLICE("abcd")), RC_TOO_BIG);
    assert_string_equal(out, "");
    assert_int_equal(slice_to_cstr(out, sizeof(out), SLICE_NONE), RC_OK);
    assert_string_equal(out, "");
    assert_int_equal(slice_to_cstr(NULL, 0, SLICE_NONE), RC_TOO_BIG);
}

static void cstr_refuses_a_nul_inside(void **state)
{
    char out[8] = "xxx";

    (void)state;
    assert_int_equal(slice_to_cstr(out, sizeof(out), SLICE("a\0b")), RC_BAD_INPUT);
    assert_string_equal(out, "");
}

static void format_prints_the_slice(void **state)
{
    char out[16];

    (void)state;
    (void)snprintf(out, sizeof(out), "<%.*s%.*s>", SLICE_FMT(SLICE("ab")),
                   SLICE_FMT(SLICE_NONE));
    assert_string_equal(out, "<ab>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_null_string_is_no_slice),
        cmocka_unit_test(sub_is_clamped),
        cmocka_unit_test(equal_compares_all_bytes),
        cmocka_unit_test(nocase_folds_ascii_letters_only),
        cmocka_unit_test(starts_and_ends_look_at_their_end),
        cmocka_unit_test(compare_orders_by_unsigned_bytes_then_length),
        cmocka_unit_test(secret_compare_agrees_with_equal),
        cmocka_unit_test(find_and_search_return_len_when_absent),
        cmocka_unit_test(control_bytes_are_seen),
        cmocka_unit_test(trim_takes_spaces_and_tabs_only),
        cmocka_unit_test(next_yields_the_pieces_in_order),
        cmocka_unit_test(next_yields_nothing_behind_a_last_separator),
        cmocka_unit_test(u64_reads_digits_up_to_the_largest_value),
        cmocka_unit_test(i64_reads_both_ends_of_its_range),
        cmocka_unit_test(glob_agrees_with_its_definition),
        cmocka_unit_test(glob_ends_on_a_hostile_pattern),
        cmocka_unit_test(cstr_gets_a_nul_or_is_empty),
        cmocka_unit_test(cstr_refuses_a_nul_inside),
        cmocka_unit_test(format_prints_the_slice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

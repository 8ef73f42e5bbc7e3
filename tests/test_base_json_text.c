/* SPDX-License-Identifier: Apache-2.0 */
/* JSON's letters: plain runs, escapes, decoding, comparing. */
#include "base/json_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_plain_run_ends_at_every_special_byte(void **state)
{
    char text[40];

    (void)state;
    for (int c = 0; c < 256; c++) {
        int special = c < 0x20 || c > 0x7f || c == '"' || c == '\\';

        for (size_t at = 0; at < sizeof(text); at++) {
            memset(text, 'a', sizeof(text));
            text[at] = (char)c;
            assert_int_equal(json_text_plain(slice_from(text, sizeof(text))),
                             special ? at : sizeof(text));
        }
    }
    assert_int_equal(json_text_plain(SLICE_NONE), 0);
}

static void check_escape(const char *text, const char *expected, size_t expected_used)
{
    char out[UTF8_MAX];
    size_t used = 0;
    size_t len = json_text_escape(out, &used, slice_str(text));

    assert_int_equal(len, strlen(expected));
    assert_memory_equal(out, expected, len);
    if (len > 0)
        assert_int_equal(used, expected_used);
}

static void escapes_mean_what_the_rfc_says(void **state)
{
    (void)state;
    check_escape("\\\"x", "\"", 2);
    check_escape("\\\\", "\\", 2);
    check_escape("\\/", "/", 2);
    check_escape("\\b", "\b", 2);
    check_escape("\\f", "\f", 2);
    check_escape("\\n", "\n", 2);
    check_escape("\\r", "\r", 2);
    check_escape("\\t", "\t", 2);
    check_escape("\\u0041B", "A", 6);
    check_escape("\\u00e9", "\xc3\xa9", 6);
    check_escape("\\u20AC", "\xe2\x82\xac", 6);
    check_escape("\\uffff", "\xef\xbf\xbf", 6);
    check_escape("\\ud83d\\ude00", "\xf0\x9f\x98\x80", 12);
    check_escape("\\uDBFF\\uDFFF", "\xf4\x8f\xbf\xbf", 12);
}

static void bad_escapes_and_lone_surrogates_are_refused(void **state)
{
    static const char *const bad[] = {
        "\\",
        "\\x",
        "\\'",
        "\\0",
        "\\u",
        "\\u004",
        "\\u00g1",
        "\\u 041",
        "\\U0041",
        "\\ud83d",
        "\\ud83dx",
        "\\ud83d\\n",
        "\\ud83d\\u",
        "\\ud83d\\u004",
        "\\ude00",
        "\\ud83d\\u0041",
        "\\ud83d\\ud83d",
        "\\ud83d\\ue000",
        "\\udfff\\ude00",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        check_escape(bad[i], "", 0);
}

static void unescaping_joins_runs_and_escapes(void **state)
{
    const struct slice inner = SLICE("a\\u0062c \\ud83d\\ude00\\n\xc3\xa9");
    const char expected[] = "abc \xf0\x9f\x98\x80\n\xc3\xa9";
    char out[64];

    (void)state;
    assert_int_equal(json_text_unescape(out, inner), sizeof(expected) - 1);
    assert_memory_equal(out, expected, sizeof(expected) - 1);
    assert_int_equal(json_text_unescape(out, SLICE_NONE), 0);
}

static void unescaping_copies_what_is_no_escape(void **state)
{
    char out[8];

    (void)state;
    assert_int_equal(json_text_unescape(out, SLICE("a\\x\\")), 4);
    assert_memory_equal(out, "a\\x\\", 4);
}

static void names_are_compared_decoded(void **state)
{
    (void)state;
    assert_true(json_text_equal(SLICE("model"), "model"));
    assert_true(json_text_equal(SLICE("mod\\u0065l"), "model"));
    assert_true(json_text_equal(SLICE("\\u006dodel"), "model"));
    assert_true(json_text_equal(SLICE(""), ""));
    assert_false(json_text_equal(SLICE("mode"), "model"));
    assert_false(json_text_equal(SLICE("models"), "model"));
    assert_false(json_text_equal(SLICE("model\\u0073"), "model"));
    assert_false(json_text_equal(SLICE("mod\\\\u0065l"), "model"));
    assert_false(json_text_equal(SLICE(""), "model"));
    assert_false(json_text_equal(SLICE("model\\u0000"), "model"));
}

static void only_four_bytes_are_space(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++)
        assert_int_equal(json_text_is_space((char)c),
                         c == ' ' || c == '\t' || c == '\n' || c == '\r');
    assert_int_equal(json_text_skip_space(SLICE(" \t\r\nx "), 0), 4);
    assert_int_equal(json_text_skip_space(SLICE("x   "), 1), 4);
    assert_int_equal(json_text_skip_space(SLICE("x"), 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_run_ends_at_every_special_byte),
        cmocka_unit_test(escapes_mean_what_the_rfc_says),
        cmocka_unit_test(bad_escapes_and_lone_surrogates_are_refused),
        cmocka_unit_test(unescaping_joins_runs_and_escapes),
        cmocka_unit_test(unescaping_copies_what_is_no_escape),
        cmocka_unit_test(names_are_compared_decoded),
        cmocka_unit_test(only_four_bytes_are_space),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

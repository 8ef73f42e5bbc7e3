/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8: every code point goes there and back; everything else is refused. */
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool is_surrogate(uint32_t code)
{
    return code >= 0xd800 && code <= 0xdfff;
}

static void every_code_point_is_one_character(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        char bytes[UTF8_MAX];
        size_t len;

        if (is_surrogate(code))
            continue;
        len = utf8_encode(bytes, code);
        assert_int_equal(utf8_length(slice_from(bytes, len)), len);
        for (size_t cut = 0; cut < len; cut++)
            assert_int_equal(utf8_length(slice_from(bytes, cut)), 0);
    }
}

/* RFC 3629 allows 0x110000 - 2048 characters; anything more would be a second way to
 * write one of them. */
static void no_other_sequence_is_a_character(void **state)
{
    size_t count = 0;

    (void)state;
    for (uint64_t all = 0; all <= 0xffff; all++) {
        const char two[] = {(char)(all >> 8), (char)all};

        if (utf8_length(slice_from(two, 2)) == 2)
            count++;
    }
    assert_int_equal(count, 0x800 - 0x80);
    count = 0;
    for (uint64_t all = 0xe00000; all <= 0xefffff; all++) {
        const char three[] = {(char)(all >> 16), (char)(all >> 8), (char)all};

        if (utf8_length(slice_from(three, 3)) == 3)
            count++;
    }
    assert_int_equal(count, 0x10000 - 0x800 - 0x800);
    count = 0;
    /* The last byte is like the third, so one value stands for the 64. */
    for (uint64_t all = 0xf00000; all <= 0xffffff; all++) {
        const char four[] = {(char)(all >> 16), (char)(all >> 8), (char)all,
                             (char)0x80};

        if (utf8_length(slice_from(four, 4)) == 4)
            count++;
    }
    assert_int_equal(count * 64, 0x110000 - 0x10000);
}

static void a_last_byte_out_of_range_is_refused(void **state)
{
    (void)state;
    assert_int_equal(utf8_length(SLICE("\xf0\x9f\x98\x80")), 4);
    assert_int_equal(utf8_length(SLICE("\xf0\x9f\x98\x7f")), 0);
    assert_int_equal(utf8_length(SLICE("\xf0\x9f\x98\xc0")), 0);
}

static void famous_forms_are_refused(void **state)
{
    static const char *const bad[] = {
        "\xc0\xaf",         /* overlong '/' */
        "\xe0\x80\xaf",     /* the same in three bytes */
        "\xf0\x80\x80\xaf", /* and in four */
        "\xc0\x80",         /* "modified UTF-8" for NUL */
        "\xed\xa0\x80",     /* a surrogate */
        "\xed\xbf\xbf",     /* the last one */
        "\xf4\x90\x80\x80", /* U+110000 */
        "\xf5\x80\x80\x80", "\xfe", "\xff", "\x80", "\xbf",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(utf8_length(slice_str(bad[i])), 0);
    assert_int_equal(utf8_length(SLICE_NONE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_one_character),
        cmocka_unit_test(no_other_sequence_is_a_character),
        cmocka_unit_test(a_last_byte_out_of_range_is_refused),
        cmocka_unit_test(famous_forms_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": near words are found, far ones are not offered. */
#include "base/nearest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *nearest_of(const char *word, const char *const *names)
{
    struct nearest n;

    nearest_start(&n, slice_str(word));
    for (; *names != NULL; names++)
        nearest_offer(&n, *names);
    return n.name;
}

#define NEAREST(word, ...) nearest_of((word), (const char *const[]){__VA_ARGS__, NULL})

static void one_slip_of_each_kind_is_forgiven(void **state)
{
    (void)state;
    assert_string_equal(NEAREST("lisen", "port", "listen"), "listen");
    assert_string_equal(NEAREST("listten", "listen"), "listen");
    assert_string_equal(NEAREST("lixten", "listen"), "listen");
    assert_string_equal(NEAREST("lisetn", "listen"), "listen");
}

static void a_swap_is_one_slip(void **state)
{
    struct nearest n;

    (void)state;
    nearest_start(&n, SLICE("abcdef"));
    nearest_offer(&n, "bacdef");
    assert_int_equal(n.distance, 1);
    nearest_start(&n, SLICE("abcdef"));
    nearest_offer(&n, "badcef");
    assert_int_equal(n.distance, 2);
}

static void the_nearest_of_several_wins(void **state)
{
    (void)state;
    assert_string_equal(NEAREST("modle", "mode", "model", "module"), "mode");
    assert_string_equal(NEAREST("modell", "mode", "model", "module"), "model");
    assert_string_equal(NEAREST("model", "models", "model"), "model");
}

static void two_slips_or_a_third_of_the_word_is_the_limit(void **state)
{
    (void)state;
    assert_string_equal(NEAREST("abcd", "abxy"), "abxy");
    assert_null(NEAREST("abcd", "axyz"));
    assert_string_equal(NEAREST("abcdefghijkl", "abcdefghwxyz"), "abcdefghwxyz");
    assert_null(NEAREST("abcdefghijkl", "abcdefgvwxyz"));
}

static void a_short_word_is_not_turned_into_any_other(void **state)
{
    (void)state;
    assert_null(NEAREST("ab", "xy"));
    assert_null(NEAREST("a", "b", "c", "ab"));
    assert_null(NEAREST("", "a"));
    assert_string_equal(NEAREST("ab", "xb"), "xb");
}

static void long_words_have_no_neighbours(void **state)
{
    char word[66];

    (void)state;
    memset(word, 'a', sizeof(word));
    word[64] = '\0';
    assert_ptr_equal(NEAREST(word, word), word);
    word[64] = 'a';
    word[65] = '\0';
    assert_null(NEAREST(word, word));
    assert_null(NEAREST("aaaaaaaaaa", word));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_slip_of_each_kind_is_forgiven),
        cmocka_unit_test(a_swap_is_one_slip),
        cmocka_unit_test(the_nearest_of_several_wins),
        cmocka_unit_test(two_slips_or_a_third_of_the_word_is_the_limit),
        cmocka_unit_test(a_short_word_is_not_turned_into_any_other),
        cmocka_unit_test(long_words_have_no_neighbours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Names, versions, and names that are taken for others. */
#include "skills/name.h"

#include "tests/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* Names
 * ---------------------------------------------------------------------------------
 */

static void names_are_small_letters_digits_and_single_hyphens(void **state)
{
    static const char *const good[] = {"ab", "a1", "42", "a-b", "a-b-c", "0-0", NULL};
    static const char *const bad[] = {"",    "-a",  "a-",  "a--b", "A",
                                      "a_b", "a.b", "a b", "a/b",  "\xc3\xa9t\xc3\xa9",
                                      "a\n", "--",  NULL};

    (void)state;
    for (size_t i = 0; good[i] != NULL; i++) {
        assert_true(skill_slug_ok(slice_str(good[i])));
        assert_true(skill_publisher_ok(slice_str(good[i])));
    }
    for (size_t i = 0; bad[i] != NULL; i++) {
        assert_false(skill_slug_ok(slice_str(bad[i])));
        assert_false(skill_publisher_ok(slice_str(bad[i])));
    }
    assert_false(skill_slug_ok(SLICE("a\0b")));
}

static void names_have_their_lengths(void **state)
{
    const struct slice x = SLICE(X64 "x");

    (void)state;
    assert_true(skill_slug_ok(slice_sub(x, 0, 1)));
    assert_true(skill_slug_ok(slice_sub(x, 0, 64)));
    assert_false(skill_slug_ok(slice_sub(x, 0, 65)));
    assert_false(skill_publisher_ok(slice_sub(x, 0, 1)));
    assert_true(skill_publisher_ok(slice_sub(x, 0, 2)));
    assert_true(skill_publisher_ok(slice_sub(x, 0, 39)));
    assert_false(skill_publisher_ok(slice_sub(x, 0, 40)));
    assert_false(skill_slug_ok(SLICE_NONE));
}

/* Versions
 * ------------------------------------------------------------------------------
 */

static struct skill_semver version(const char *text)
{
    struct skill_semver v;

    if (skill_semver_parse(&v, slice_str(text)) != RC_OK)
        fail_msg("%s is a version", text);
    return v;
}

/* From the list that SemVer's authors keep of what is a version and what is not. */
static const char *const versions[] = {"0.0.4",
                                       "1.2.3",
                                       "10.20.30",
                                       "1.1.2-prerelease+meta",
                                       "1.1.2+meta",
                                       "1.1.2+meta-valid",
                                       "1.0.0-alpha",
                                       "1.0.0-beta",
                                       "1.0.0-alpha.beta",
                                       "1.0.0-alpha.1",
                                       "1.0.0-alpha0.valid",
                                       "1.0.0-alpha.0valid",
                                       "1.0.0-rc.1+build.1",
                                       "2.0.0-rc.1+build.123",
                                       "1.2.3-beta",
                                       "10.2.3-DEV-SNAPSHOT",
                                       "1.2.3-SNAPSHOT-123",
                                       "2.0.0+build.1848",
                                       "2.0.1-alpha.1227",
                                       "1.0.0-alpha+beta",
                                       "1.2.3----RC-SNAPSHOT.12.9.1--.12+788",
                                       "1.2.3----R-S.12.9.1--.12+meta",
                                       "1.0.0+0.build.1-rc.10000aaa-kk-0.1",
                                       "1.0.0-0A.is.legal",
                                       "18446744073709551615.0.0",
                                       NULL};

static const char *const others[] = {"",
                                     "1",
                                     "1.2",
                                     "1.2.3-0123",
                                     "1.2.3-0123.0123",
                                     "1.1.2+.123",
                                     "+invalid",
                                     "-invalid",
                                     "-invalid+invalid",
                                     "alpha",
                                     "alpha.beta",
                                     "1.0.0-alpha_beta",
                                     "1.0.0-alpha..",
                                     "1.0.0-alpha..1",
                                     "1.0.0-.alpha",
                                     "01.1.1",
                                     "1.01.1",
                                     "1.1.01",
                                     "1.2.3.DEV",
                                     "1.2-SNAPSHOT",
                                     "1.2.31.2.3----RC",
                                     "1.2-RC-SNAPSHOT",
                                     "-1.0.3-gamma+b7718",
                                     "+justmeta",
                                     "9.8.7+meta+meta",
                                     "9.8.7-whatever+meta+meta",
                                     "v1.2.3",
                                     " 1.2.3",
                                     "1.2.3 ",
                                     "latest",
                                     "^1.2.3",
                                     ">=1.0.0",
                                     "1.x.0",
                                     "1.2.3-",
                                     "1.2.3+",
                                     "1.2.",
                                     "1..3",
                                     ".1.2",
                                     "1.2.3.",
                                     "1.-2.3",
                                     "18446744073709551616.0.0",
                                     "1.2.3\n",
                                     "1,2,3",
                                     "1.2.3-" X64,
                                     NULL};

static void semver_takes_what_is_a_version(void **state)
{
    struct skill_semver v;

    (void)state;
    for (size_t i = 0; versions[i] != NULL; i++)
        (void)version(versions[i]);
    for (size_t i = 0; others[i] != NULL; i++)
        if (skill_semver_parse(&v, slice_str(others[i])) != RC_BAD_INPUT)
            fail_msg("%s is no version", others[i]);
    assert_int_equal(skill_semver_parse(&v, SLICE("1.2.3\0")), RC_BAD_INPUT);
}

static void the_parts_of_a_version_are_told(void **state)
{
    const struct skill_semver v = version("1.22.333-rc.1+b");
    const struct skill_semver release = version("1.22.333+b-1");

    (void)state;
    assert_int_equal(v.major, 1);
    assert_int_equal(v.minor, 22);
    assert_int_equal(v.patch, 333);
    assert_true(slice_equal_str(v.pre, "rc.1"));
    assert_int_equal(release.pre.len, 0);
}

static int sign(int n)
{
    return (n > 0) - (n < 0);
}

/* Section 11, and more of the same kind: lowest first. */
static void versions_are_in_the_order_of_semver(void **state)
{
    static const char *const order[] = {
        "0.0.1",           "0.1.0",
        "0.9.9",           "1.0.0-0",
        "1.0.0-1",         "1.0.0-2",
        "1.0.0-10",        "1.0.0-99999999999999999999999",
        "1.0.0--",         "1.0.0-A",
        "1.0.0-alpha",     "1.0.0-alpha.1",
        "1.0.0-alpha.1.0", "1.0.0-alpha.beta",
        "1.0.0-beta",      "1.0.0-beta.2",
        "1.0.0-beta.11",   "1.0.0-rc.1",
        "1.0.0",           "1.0.1",
        "1.2.0",           "1.10.0",
        "2.0.0",           "2.1.0",
        "2.1.1",           "10.0.0"};

    enum {
        COUNT = sizeof(order) / sizeof(order[0])
    };

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        for (int j = 0; j < COUNT; j++) {
            const struct skill_semver a = version(order[i]);
            const struct skill_semver b = version(order[j]);

            if (sign(skill_semver_cmp(&a, &b)) != sign(i - j))
                fail_msg("%s and %s", order[i], order[j]);
        }
    }
}

static void build_metadata_does_not_count(void **state)
{
    const struct skill_semver a = version("1.0.0-rc.1+one");
    const struct skill_semver b = version("1.0.0-rc.1+two.2");

    (void)state;
    assert_int_equal(skill_semver_cmp(&a, &b), 0);
}

/* Names that are taken for others
 * -------------------------------------------------------
 */

static bool close_both_ways(const char *a, const char *b)
{
    const bool one = skill_names_close(slice_str(a), slice_str(b));

    assert_int_equal(one, skill_names_close(slice_str(b), slice_str(a)));
    return one;
}

static void d23_a_name_that_is_taken_for_another_is_close(void **state)
{
    static const char *const pairs[][2] = {
        {"weather", "wether"},
        {"weather", "weathre"},
        {"weather", "weathers"},
        {"weather", "weather1"},
        {"weather", "waether-"},
        {"pdf-tools", "pdftools"},
        {"pdf-tools", "pdf-to0ls"},
        {"paypal", "paypa1"},
        {"paypal", "paypai"},
        {"google", "g00gle"},
        {"modern", "modem"},
        {"wallet", "vvallet"},
        {"solana", "so1ana-"},
        {"skill", "sk1ii"},
        {"summarize", "summarise"},
        {"github-issues", "g-i-t-h-u-b-issues"},
        {"youtube", "y0u-tu-be"},
        {"base", "ba5e"},
        {"abc", "abd"},
        {"a", "b"},
        {"ab", "ba"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (!close_both_ways(pairs[i][0], pairs[i][1]))
            fail_msg("%s and %s are close", pairs[i][0], pairs[i][1]);
}

static void d23_other_names_are_not_close(void **state)
{
    static const char *const pairs[][2] = {
        {"weather", "calendar"},    {"weather", "leather-x"},
        {"pdf-tools", "csv-tools"}, {"git", "gcloud"},
        {"abcd", "abxy"},           {"abc", "axy"},
        {"notes", "nodejs-x"},      {"a", "bcd"},
        {"weather", "weather-pro"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        if (close_both_ways(pairs[i][0], pairs[i][1]))
            fail_msg("%s and %s are not close", pairs[i][0], pairs[i][1]);
    assert_false(close_both_ways("weather", "weather")); /* the same is not another */
}

/* Up to two edits of any kind on a long name are seen, whatever they are. */
static void d23_two_random_edits_are_always_close(void **state)
{
    struct prng p = {.state = 7};

    (void)state;
    for (unsigned round = 0; round < 5000; round++) {
        char a[SKILL_SLUG_MAX + 4], b[SKILL_SLUG_MAX + 4];
        size_t len = 7 + prng_below(&p, SKILL_SLUG_MAX - 8);
        struct slice other;

        for (size_t i = 0; i < len; i++)
            a[i] = (char)('a' + prng_below(&p, 26));
        memcpy(b, a, len);
        other = slice_from(b, len);
        for (unsigned edit = 0; edit < 2; edit++) {
            const size_t at = prng_below(&p, other.len);

            if (prng_below(&p, 3) == 0) {
                memmove(b + at + 1, b + at, other.len - at);
                other.len++;
                b[at] = (char)('a' + prng_below(&p, 26));
            } else if (prng_below(&p, 2) == 0) {
                memmove(b + at, b + at + 1, other.len - at - 1);
                other.len--;
            } else {
                b[at] = (char)('a' + prng_below(&p, 26));
            }
        }
        if (!slice_equal(slice_from(a, len), other))
            assert_true(skill_names_close(slice_from(a, len), other));
    }
}

static void what_is_too_long_for_a_name_is_close_to_nothing(void **state)
{
    (void)state;
    assert_false(close_both_ways(X64 "x", X64));
    assert_false(close_both_ways("", X64 "x"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_small_letters_digits_and_single_hyphens),
        cmocka_unit_test(names_have_their_lengths),
        cmocka_unit_test(semver_takes_what_is_a_version),
        cmocka_unit_test(the_parts_of_a_version_are_told),
        cmocka_unit_test(versions_are_in_the_order_of_semver),
        cmocka_unit_test(build_metadata_does_not_count),
        cmocka_unit_test(d23_a_name_that_is_taken_for_another_is_close),
        cmocka_unit_test(d23_other_names_are_not_close),
        cmocka_unit_test(d23_two_random_edits_are_always_close),
        cmocka_unit_test(what_is_too_long_for_a_name_is_close_to_nothing),
    };

    return cmocka_run_group_tests_name("skills/name", tests, NULL, NULL);
}

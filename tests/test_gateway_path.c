/* SPDX-License-Identifier: Apache-2.0 */
/* Raw paths: what is refused, what fits a template, what decodes. */
#include "gateway/path.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void refuses(const char *path, bool strict)
{
    if (path_check(slice_str(path), strict) == RC_OK)
        fail_msg("accepted: %s", path);
}

static void accepts(const char *path, bool strict)
{
    if (path_check(slice_str(path), strict) != RC_OK)
        fail_msg("refused: %s", path);
}

static void paths_without_canonical_form_are_refused(void **state)
{
    static const char *const bad[] = {
        "",    "a",    "//",      "/a//b",   "/a/../b",     "/a/./b",  "/a/..",
        "/.",  "/%2e", "/%2E%2e", "/.%2e/a", "/a/%2e%2e/b", "/%00",    "/a%0d%0a",
        "/a%", "/a%1", "/a%zz",   "/a%7f",   "/\x01",       "/a/%2e/",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        refuses(bad[i], false);
        refuses(bad[i], true);
    }
}

static void encoded_separators_are_refused_only_strictly(void **state)
{
    (void)state;
    accepts("/v1/models/a%2Fb", false);
    refuses("/v1/data/a%2Fb", true);
    refuses("/v1/data/a%2fb", true);
    refuses("/v1/data/a%5cb", true);
    refuses("/v1/data/a\\b", true);
}

static void ordinary_paths_are_accepted(void **state)
{
    (void)state;
    accepts("/", true);
    accepts("/a/b/", true);
    accepts("/a/...", true);
    accepts("/a/.b", true);
    accepts("/%41%20", true);
    accepts("/v1/..;/admin", true);
}

static void templates_match_by_segment(void **state)
{
    struct slice p[2] = {{NULL, 0}};

    (void)state;
    assert_true(path_match(p, 2, "/markets/{id}", SLICE("/markets/a%20b")));
    assert_true(slice_equal(p[0], SLICE("a%20b")));
    assert_false(path_match(p, 2, "/markets/{id}", SLICE("/markets/")));
    assert_false(path_match(p, 2, "/markets/{id}", SLICE("/markets")));
    assert_false(path_match(p, 2, "/markets/{id}", SLICE("/markets/a/b")));
    assert_false(path_match(p, 2, "/markets/{id}", SLICE("/markets/a/")));
    assert_false(path_match(p, 2, "/markets", SLICE("/marketsx")));
    assert_false(path_match(p, 2, "/markets", SLICE("/markets/")));
    assert_true(path_match(p, 2, "/m/{id*}:count", SLICE("/m/a/b:c:count")));
    assert_true(slice_equal(p[0], SLICE("a/b:c")));
    assert_false(path_match(p, 2, "/m/{id*}:count", SLICE("/m/a:other")));
    assert_false(path_match(p, 2, "/m/{id*}:count", SLICE("/m/:count")));
    assert_false(path_match(p, 2, "/m/{id*}:count", SLICE("/m/count")));
    assert_true(path_match(p, 2, "/", SLICE("/")));
    assert_false(path_match(p, 2, "/", SLICE("/a")));
    assert_true(path_match(p, 2, "/a/{x}/b/{y}", SLICE("/a/1/b/2")));
    assert_true(slice_equal(p[0], SLICE("1")));
    assert_true(slice_equal(p[1], SLICE("2")));
}

static void a_rest_takes_everything_even_nothing(void **state)
{
    struct slice p[2] = {{NULL, 0}};

    (void)state;
    assert_true(path_match(p, 2, "/f/{rest*}", SLICE("/f/a/b/c")));
    assert_true(slice_equal(p[0], SLICE("a/b/c")));
    assert_true(path_match(p, 2, "/f/{rest*}", SLICE("/f/")));
    assert_int_equal(p[0].len, 0);
    assert_true(path_match(p, 2, "/f/{rest*}", SLICE("/f")));
    assert_false(path_match(p, 2, "/f/{rest*}", SLICE("/g/a")));
}

static void matching_needs_no_room_for_params(void **state)
{
    (void)state;
    assert_true(path_match(NULL, 0, "/a/{x}/{rest*}", SLICE("/a/b/c/d")));
}

static void escapes_decode_once(void **state)
{
    struct arena *a;
    struct slice out;

    (void)state;
    assert_int_equal(arena_open(&a, 4096), RC_OK);
    assert_int_equal(path_decode(&out, SLICE("a%2Fb%2520"), a), RC_OK);
    assert_true(slice_equal(out, SLICE("a/b%20")));
    assert_int_equal(path_decode(&out, SLICE("a%2"), a), RC_BAD_INPUT);
    arena_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_without_canonical_form_are_refused),
        cmocka_unit_test(encoded_separators_are_refused_only_strictly),
        cmocka_unit_test(ordinary_paths_are_accepted),
        cmocka_unit_test(templates_match_by_segment),
        cmocka_unit_test(a_rest_takes_everything_even_nothing),
        cmocka_unit_test(matching_needs_no_room_for_params),
        cmocka_unit_test(escapes_decode_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

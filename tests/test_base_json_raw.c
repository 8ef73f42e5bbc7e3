/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and splicing raw JSON, which the guard has passed. */
#include "base/json_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
    FIELDS_MAX = 8,
    ARENA_SIZE = 64 * 1024
};

static int open_arena(void **state)
{
    struct arena *a;

    if (arena_open(&a, ARENA_SIZE) != RC_OK)
        return -1;
    *state = a;
    return 0;
}

static int close_arena(void **state)
{
    arena_close(*state);
    return 0;
}

static void integers_are_digits_only(void **state)
{
    static const char *const bad[] = {"-1",
                                      "1.0",
                                      "1e2",
                                      "1E2",
                                      "\"12\"",
                                      "true",
                                      "null",
                                      "[]",
                                      "{}",
                                      "",
                                      "-0",
                                      "0.0",
                                      "18446744073709551616",
                                      "1.8e19",
                                      NULL};
    uint64_t value = 7;

    (void)state;
    for (size_t i = 0; bad[i] != NULL; i++)
        assert_int_equal(json_raw_u64(&value, slice_str(bad[i])), RC_BAD_INPUT);
    assert_true(value == 7);
    assert_int_equal(json_raw_u64(&value, SLICE("0")), RC_OK);
    assert_true(value == 0);
    assert_int_equal(json_raw_u64(&value, SLICE("18446744073709551615")), RC_OK);
    assert_true(value == UINT64_MAX);
}

static void booleans_are_two_words(void **state)
{
    bool value = false;

    (void)state;
    assert_int_equal(json_raw_bool(&value, SLICE("true")), RC_OK);
    assert_true(value);
    assert_int_equal(json_raw_bool(&value, SLICE("1")), RC_BAD_INPUT);
    assert_int_equal(json_raw_bool(&value, SLICE("\"false\"")), RC_BAD_INPUT);
    assert_int_equal(json_raw_bool(&value, SLICE("null")), RC_BAD_INPUT);
    assert_true(value);
    assert_int_equal(json_raw_bool(&value, SLICE("false")), RC_OK);
    assert_false(value);
}

static void strings_are_decoded(void **state)
{
    struct slice out;

    assert_int_equal(json_raw_string(&out, SLICE("\"a\\u00e9\\n\""), *state), RC_OK);
    assert_true(slice_equal_str(out, "a\xc3\xa9\n"));
    assert_int_equal(json_raw_string(&out, SLICE("\"\""), *state), RC_OK);
    assert_int_equal(out.len, 0);
    assert_int_equal(json_raw_string(&out, SLICE("12"), *state), RC_BAD_INPUT);
    assert_int_equal(json_raw_string(&out, SLICE("null"), *state), RC_BAD_INPUT);
    assert_int_equal(json_raw_string(&out, SLICE("\""), *state), RC_BAD_INPUT);
    assert_int_equal(json_raw_string(&out, SLICE_NONE, *state), RC_BAD_INPUT);
}

static void a_string_over_the_arena_is_out_of_memory(void **state)
{
    static char text[2 * ARENA_SIZE];
    struct slice out;

    memset(text, 'a', sizeof(text));
    text[0] = '"';
    text[sizeof(text) - 1] = '"';
    assert_int_equal(json_raw_string(&out, slice_from(text, sizeof(text)), *state),
                     RC_NOMEM);
}

static void types_are_told_by_the_first_byte(void **state)
{
    (void)state;
    assert_int_equal(json_raw_type(SLICE("{}")), JSON_OBJECT);
    assert_int_equal(json_raw_type(SLICE("[]")), JSON_ARRAY);
    assert_int_equal(json_raw_type(SLICE("\"\"")), JSON_STRING);
    assert_int_equal(json_raw_type(SLICE("true")), JSON_TRUE);
    assert_int_equal(json_raw_type(SLICE("false")), JSON_FALSE);
    assert_int_equal(json_raw_type(SLICE("null")), JSON_NULL);
    assert_int_equal(json_raw_type(SLICE("-1")), JSON_NUMBER);
    assert_int_equal(json_raw_type(SLICE("0")), JSON_NUMBER);
    assert_int_equal(json_raw_type(SLICE("9")), JSON_NUMBER);
    assert_int_equal(json_raw_type(SLICE("x")), JSON_ABSENT);
    assert_int_equal(json_raw_type(SLICE_NONE), JSON_ABSENT);
}

static void members_come_in_order(void **state)
{
    const struct slice text =
        SLICE("{ \"a\" : 1 , \"b\\\"}\" : \"},\\\"\" ,\n\"c\":[{},\"]\"],"
              "\"d\":{\"e\":\"{\"},\"\xc3\xa9\":null}");

    static const struct {
        const char *key;
        const char *value;
    } expected[] = {{"\"a\"", "1"},
                    {"\"b\\\"}\"", "\"},\\\"\""},
                    {"\"c\"", "[{},\"]\"]"},
                    {"\"d\"", "{\"e\":\"{\"}"},
                    {"\"\xc3\xa9\"", "null"}};
    struct slice key;
    struct slice value;
    size_t at = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_int_not_equal(json_raw_next(&key, &value, text, &at), JSON_ABSENT);
        assert_true(slice_equal_str(key, expected[i].key));
        assert_true(slice_equal_str(value, expected[i].value));
    }
    assert_int_equal(json_raw_next(&key, &value, text, &at), JSON_ABSENT);
    assert_int_equal(json_raw_next(&key, &value, text, &at), JSON_ABSENT);
    at = 0;
    assert_int_equal(json_raw_next(&key, &value, SLICE("{ }"), &at), JSON_ABSENT);
    assert_int_equal(json_raw_next(&key, &value, SLICE("[1]"), &at), JSON_ABSENT);
}

static void elements_come_in_order(void **state)
{
    const struct slice text = SLICE("[ 1 ,\"a,]\\\\\",[2,[3]], {\"x\":[]},true ]");
    static const char *const expected[] = {"1", "\"a,]\\\\\"", "[2,[3]]", "{\"x\":[]}",
                                           "true"};
    struct slice value;
    size_t at = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        assert_int_not_equal(json_raw_element(&value, text, &at), JSON_ABSENT);
        assert_true(slice_equal_str(value, expected[i]));
    }
    assert_int_equal(json_raw_element(&value, text, &at), JSON_ABSENT);
    at = 0;
    assert_int_equal(json_raw_element(&value, SLICE("[ ]"), &at), JSON_ABSENT);
    assert_int_equal(json_raw_element(&value, SLICE("{\"a\":1}"), &at), JSON_ABSENT);
}

static void a_member_is_found_by_its_decoded_name(void **state)
{
    const struct slice text =
        SLICE("{\"a\":{\"k\":1},\"us\\u0061ge\":{\"in\":[5,6]},\"k\":2}");
    struct slice usage;
    struct slice in;

    (void)state;
    assert_int_equal(json_raw_member(&usage, text, "usage"), JSON_OBJECT);
    assert_int_equal(json_raw_member(&in, usage, "in"), JSON_ARRAY);
    assert_true(slice_equal_str(in, "[5,6]"));
    assert_int_equal(json_raw_member(&in, text, "k"), JSON_NUMBER);
    assert_true(slice_equal_str(in, "2"));
    assert_int_equal(json_raw_member(&in, text, "in"), JSON_ABSENT);
    assert_int_equal(json_raw_member(&in, in, "x"), JSON_ABSENT);
    assert_true(slice_equal_str(in, "2"));
}

static void several_members_are_found_in_one_pass(void **state)
{
    static const char *const names[] = {"usage", "none", "k", "\"q"};
    const struct slice text = SLICE(
        " { \"a\": {\"k\": 1, \"none\": 0}, \"us\\u0061ge\": [5,6] ,\"k\":2,\"\\\"q\":null}");
    struct slice out[4];

    (void)state;
    json_raw_members(out, text, names, 4);
    assert_true(slice_equal_str(out[0], "[5,6]"));
    assert_int_equal(json_raw_type(out[1]), JSON_ABSENT);
    assert_true(slice_equal_str(out[2], "2"));
    assert_true(slice_equal_str(out[3], "null"));
    json_raw_members(out, SLICE("[1]"), names, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(json_raw_type(out[i]), JSON_ABSENT);
}

static void white_space_around_a_value_does_not_matter(void **state)
{
    const struct slice text = SLICE(" \r\n\t{ \"a\" : [ \"x\" ] } ");
    struct slice out;
    size_t at = 0;
    uint64_t number = 0;
    bool flag = false;

    assert_int_equal(json_raw_type(text), JSON_OBJECT);
    assert_int_equal(json_raw_member(&out, text, "a"), JSON_ARRAY);
    assert_int_equal(json_raw_element(&out, SLICE("\n[\n1\n,\n2\n]\n"), &at),
                     JSON_NUMBER);
    assert_int_equal(json_raw_element(&out, SLICE("\n[\n1\n,\n2\n]\n"), &at),
                     JSON_NUMBER);
    assert_true(slice_equal_str(out, "2"));
    assert_int_equal(json_raw_u64(&number, SLICE(" 12\n")), RC_OK);
    assert_true(number == 12);
    assert_int_equal(json_raw_bool(&flag, SLICE("\ttrue ")), RC_OK);
    assert_true(flag);
    assert_int_equal(json_raw_string(&out, SLICE(" \" a \" "), *state), RC_OK);
    assert_true(slice_equal_str(out, " a "));
}

/* Texts that no guard has seen must not lead out of their bytes (a sanitizer watches)
 * nor into an endless loop. */
static void reading_garbage_stays_inside_and_ends(void **state)
{
    static const char *const texts[] = {
        "{",       "{\"",     "{\"a", "{\"a\"", "{\"a\":", "{\"a\\", "{\"a\":[",
        "{\"a\"}", "[",       "[[[",  "[\"\\",  "[1",      "[,,",    "[]]",
        "{}}",     "{\"a\"1", "[1 2", "[}",     "{]",      NULL};

    (void)state;
    for (size_t i = 0; texts[i] != NULL; i++) {
        struct slice text = slice_str(texts[i]);
        struct slice key;
        struct slice value;
        size_t at = 0;
        size_t steps = 0;

        while (json_raw_next(&key, &value, text, &at) != JSON_ABSENT)
            assert_true(++steps < 8);
        at = 0;
        while (json_raw_element(&value, text, &at) != JSON_ABSENT)
            assert_true(++steps < 8);
        (void)json_raw_member(&value, text, "a");
    }
}

/* Scans text for the fields named in `values` (name, value, name, value, .., NULL),
 * sets each to the value ("-": removes it), and compares. */
static void check_splice(void **state, const char *text, const char *const *values,
                         const char *expected)
{
    const struct json_limits limits = {0};
    struct json_field fields[FIELDS_MAX] = {{0}};
    struct json_splice changes[FIELDS_MAX];
    struct slice result;
    struct buf out;
    size_t count = 0;

    for (; values[2 * count] != NULL; count++) {
        const char *value = values[2 * count + 1];

        fields[count].name = values[2 * count];
        changes[count].field = &fields[count];
        changes[count].value = strcmp(value, "-") == 0 ? SLICE_NONE : slice_str(value);
    }
    assert_int_equal(json_guard(slice_str(text), &limits, fields, count, NULL, *state),
                     RC_OK);
    buf_init(&out, 1024);
    json_splice(&out, slice_str(text), changes, count);
    assert_false(buf_spent(&out));
    result = buf_slice(&out);
    if (!slice_equal_str(result, expected))
        print_message("spliced: %.*s\n", SLICE_FMT(result));
    assert_true(slice_equal_str(result, expected));
    assert_int_equal(json_guard(result, &limits, NULL, 0, NULL, *state), RC_OK);
    buf_free(&out);
}

#define SPLICE(text, expected, ...) \
    check_splice(state, (text), (const char *const[]){__VA_ARGS__, NULL}, (expected))

static void a_value_is_replaced_and_nothing_else(void **state)
{
    SPLICE(" { \"a\" : 1 , \"b\" : 18446744073709551616 } \n",
           " { \"a\" : \"x\" , \"b\" : 18446744073709551616 } \n", "a", "\"x\"");
    SPLICE("{\"b\":2,\"a\":{\"c\":[1]}}", "{\"b\":3,\"a\":null}", "a", "null", "b",
           "3");
    SPLICE("{\"mod\\u0065l\":\"x\"}", "{\"mod\\u0065l\":\"y\"}", "model", "\"y\"");
}

static void a_missing_member_is_added_first(void **state)
{
    SPLICE("{\"a\":1}", "{\"b\":2,\"a\":1}", "b", "2");
    SPLICE("{ \"a\":1}", "{\"b\":2, \"a\":1}", "b", "2");
    SPLICE("{}", "{\"b\":2}", "b", "2");
    SPLICE(" { } ", " {\"b\":2 } ", "b", "2");
    SPLICE("{}", "{\"b\":2,\"c\":{}}", "b", "2", "c", "{}");
    SPLICE("{\"a\":1}", "{\"b\":2,\"c\":3,\"a\":4}", "b", "2", "a", "4", "c", "3");
}

static void a_member_is_removed_with_one_comma(void **state)
{
    SPLICE("{\"a\":1}", "{}", "a", "-");
    SPLICE("{\"a\":1,\"b\":2,\"c\":3}", "{\"b\":2,\"c\":3}", "a", "-");
    SPLICE("{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"c\":3}", "b", "-");
    SPLICE("{\"a\":1,\"b\":2,\"c\":3}", "{\"a\":1,\"b\":2}", "c", "-");
    SPLICE("{ \"a\" : 1 , \"b\" : 2 }", "{ \"a\" : 1  }", "b", "-");
    SPLICE("{ \"a\" : 1 }", "{ }", "a", "-");
    SPLICE("{\"a\":1}", "{\"a\":1}", "b", "-");
}

static void runs_of_members_are_removed(void **state)
{
    const char *text = "{\"a\":1 , \"b\":2,\"c\":3,\"d\":4}";

    SPLICE(text, "{\"c\":3,\"d\":4}", "b", "-", "a", "-");
    SPLICE(text, "{\"a\":1 }", "b", "-", "c", "-", "d", "-");
    SPLICE(text, "{\"a\":1 , \"d\":4}", "c", "-", "b", "-");
    SPLICE(text, "{}", "a", "-", "b", "-", "c", "-", "d", "-");
    SPLICE(text, "{ \"b\":2,\"d\":4}", "a", "-", "c", "-");
    SPLICE(text, "{ \"b\":2,\"c\":3}", "a", "-", "d", "-");
}

static void changes_of_all_kinds_go_together(void **state)
{
    const char *text = "{\"a\":1,\"b\":2,\"c\":3,\"d\":4}";

    SPLICE(text, "{\"n\":0}", "a", "-", "b", "-", "n", "0", "c", "-", "d", "-");
    SPLICE(text, "{\"n\":0,\"a\":9}", "b", "-", "n", "0", "c", "-", "d", "-", "a", "9");
    SPLICE(text, "{\"n\":0,\"d\":9}", "d", "9", "b", "-", "n", "0", "c", "-", "a", "-");
    SPLICE(text, "{\"n\":0,\"b\":8,\"d\":9}", "d", "9", "b", "8", "n", "0", "c", "-",
           "a", "-");
}

static void a_full_buffer_is_marked(void **state)
{
    const struct json_limits limits = {0};
    const struct slice text = SLICE("{\"a\":1}");
    struct json_field field = {.name = "a"};
    struct json_splice change = {&field, SLICE("\"long enough\"")};
    struct buf out;

    assert_int_equal(json_guard(text, &limits, &field, 1, NULL, *state), RC_OK);
    buf_init(&out, 12);
    json_splice(&out, text, &change, 1);
    assert_true(buf_spent(&out));
    buf_free(&out);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_arena, close_arena)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(integers_are_digits_only),
        TEST(booleans_are_two_words),
        TEST(strings_are_decoded),
        TEST(a_string_over_the_arena_is_out_of_memory),
        TEST(types_are_told_by_the_first_byte),
        TEST(members_come_in_order),
        TEST(elements_come_in_order),
        TEST(a_member_is_found_by_its_decoded_name),
        TEST(several_members_are_found_in_one_pass),
        TEST(white_space_around_a_value_does_not_matter),
        TEST(reading_garbage_stays_inside_and_ends),
        TEST(a_value_is_replaced_and_nothing_else),
        TEST(a_missing_member_is_added_first),
        TEST(a_member_is_removed_with_one_comma),
        TEST(runs_of_members_are_removed),
        TEST(changes_of_all_kinds_go_together),
        TEST(a_full_buffer_is_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

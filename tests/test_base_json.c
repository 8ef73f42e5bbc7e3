/* SPDX-License-Identifier: Apache-2.0 */
/* JSON trees: getters that neither convert nor saturate. */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct json_object *parse(const char *text)
{
    struct json_object *o = NULL;

    assert_int_equal(json_parse(&o, slice_str(text)), RC_OK);
    assert_non_null(o);
    return o;
}

static void members_are_read_by_type(void **state)
{
    struct json_object *o =
        parse(" {\"s\":\"a\\u00e9\\n\",\"n\":42,\"t\":true,\"f\":false,"
              "\"m\":\"0.05\",\"o\":{\"x\":1},\"a\":[1,\"two\"],"
              "\"e\":\"\"} ");
    struct json_object *child;
    struct slice text;
    struct money money;
    uint64_t number;
    bool flag;

    (void)state;
    assert_int_equal(json_get_string(&text, o, "s"), RC_OK);
    assert_true(slice_equal_str(text, "a\xc3\xa9\n"));
    assert_int_equal(json_get_string(&text, o, "e"), RC_OK);
    assert_int_equal(text.len, 0);
    assert_int_equal(json_get_u64(&number, o, "n"), RC_OK);
    assert_true(number == 42);
    assert_int_equal(json_get_bool(&flag, o, "t"), RC_OK);
    assert_true(flag);
    assert_int_equal(json_get_bool(&flag, o, "f"), RC_OK);
    assert_false(flag);
    assert_int_equal(json_get_money(&money, o, "m"), RC_OK);
    assert_int_equal(money_to_nano(money), 50 * 1000 * 1000);
    assert_int_equal(json_get_object(&child, o, "o"), RC_OK);
    assert_int_equal(json_get_u64(&number, child, "x"), RC_OK);
    assert_true(number == 1);
    assert_int_equal(json_get_array(&child, o, "a"), RC_OK);
    assert_int_equal(json_array_count(child), 2);
    assert_non_null(json_array_at(child, 1));
    assert_null(json_array_at(child, 2));
    json_put(o);
}

static void absent_and_null_are_not_found(void **state)
{
    struct json_object *o = parse("{\"n\":null}");
    struct json_object *child;
    struct slice text;
    struct money money;
    uint64_t number;
    bool flag;

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const char *key = i == 0 ? "n" : "none";

        assert_int_equal(json_get_string(&text, o, key), RC_NOT_FOUND);
        assert_int_equal(json_get_u64(&number, o, key), RC_NOT_FOUND);
        assert_int_equal(json_get_bool(&flag, o, key), RC_NOT_FOUND);
        assert_int_equal(json_get_money(&money, o, key), RC_NOT_FOUND);
        assert_int_equal(json_get_object(&child, o, key), RC_NOT_FOUND);
        assert_int_equal(json_get_array(&child, o, key), RC_NOT_FOUND);
    }
    assert_int_equal(json_get_string(&text, NULL, "n"), RC_NOT_FOUND);
    json_put(o);
}

static void only_whole_numbers_below_the_limit_are_u64(void **state)
{
    static const char *const bad[] = {"{\"n\":-1}",
                                      "{\"n\":1.0}",
                                      "{\"n\":1.5}",
                                      "{\"n\":1e2}",
                                      "{\"n\":\"12\"}",
                                      "{\"n\":\"12abc\"}",
                                      "{\"n\":true}",
                                      "{\"n\":[]}",
                                      "{\"n\":{}}",
                                      "{\"n\":18446744073709551615}",
                                      "{\"n\":18446744073709551616}",
                                      "{\"n\":99999999999999999999999}",
                                      "{\"n\":-9223372036854775809}",
                                      "{\"n\":1.8e19}",
                                      NULL};

    static const struct {
        const char *text;
        uint64_t value;
    } good[] = {{"{\"n\":0}", 0},
                {"{\"n\":9223372036854775807}", INT64_MAX},
                {"{\"n\":9223372036854775808}", UINT64_C(9223372036854775808)},
                {"{\"n\":18446744073709551614}", UINT64_MAX - 1}};

    uint64_t number = 7;

    (void)state;
    for (size_t i = 0; bad[i] != NULL; i++) {
        struct json_object *o = parse(bad[i]);

        assert_int_equal(json_get_u64(&number, o, "n"), RC_BAD_INPUT);
        assert_true(number == 7);
        json_put(o);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct json_object *o = parse(good[i].text);

        assert_int_equal(json_get_u64(&number, o, "n"), RC_OK);
        assert_true(number == good[i].value);
        json_put(o);
    }
}

static void other_types_are_bad_input(void **state)
{
    struct json_object *o =
        parse("{\"s\":\"true\",\"n\":1,\"b\":true,\"a\":[],\"o\":{}}");
    struct json_object *child;
    struct slice text;
    struct money money;
    bool flag;

    (void)state;
    assert_int_equal(json_get_bool(&flag, o, "s"), RC_BAD_INPUT);
    assert_int_equal(json_get_bool(&flag, o, "n"), RC_BAD_INPUT);
    assert_int_equal(json_get_string(&text, o, "n"), RC_BAD_INPUT);
    assert_int_equal(json_get_string(&text, o, "b"), RC_BAD_INPUT);
    assert_int_equal(json_get_string(&text, o, "o"), RC_BAD_INPUT);
    assert_int_equal(json_get_object(&child, o, "a"), RC_BAD_INPUT);
    assert_int_equal(json_get_array(&child, o, "o"), RC_BAD_INPUT);
    assert_int_equal(json_get_array(&child, o, "s"), RC_BAD_INPUT);
    assert_int_equal(json_get_money(&money, o, "n"), RC_BAD_INPUT);
    assert_int_equal(json_get_money(&money, o, "s"), RC_BAD_INPUT);
    assert_int_equal(json_array_count(o), 0);
    assert_null(json_array_at(o, 0));
    assert_null(json_array_at(NULL, 0));
    json_put(o);
}

static void an_amount_that_is_too_large_overflows(void **state)
{
    struct json_object *o = parse("{\"m\":\"18446744073.709551616\"}");
    struct money money;

    (void)state;
    assert_int_equal(json_get_money(&money, o, "m"), RC_OVERFLOW);
    json_put(o);
}

static void an_array_may_be_at_the_top(void **state)
{
    struct json_object *o = parse("[{\"a\":1},null]");
    uint64_t number;

    (void)state;
    assert_int_equal(json_array_count(o), 2);
    assert_int_equal(json_get_u64(&number, json_array_at(o, 0), "a"), RC_OK);
    assert_int_equal(json_get_u64(&number, json_array_at(o, 1), "a"), RC_NOT_FOUND);
    assert_int_equal(json_get_u64(&number, o, "a"), RC_NOT_FOUND);
    json_put(o);
}

static void what_the_guard_refuses_is_refused(void **state)
{
    static const char *const bad[] = {"",
                                      "{",
                                      "null",
                                      "1",
                                      "\"a\"",
                                      "{} x",
                                      "{\"a\":1,\"a\":2}",
                                      "{\"a\":NaN}",
                                      "{\"a\":\"\\u0000\"}",
                                      "{\"a\":\"\xc0\xaf\"}",
                                      "{'a':1}",
                                      "[1,]",
                                      "{\"a\":1e400}",
                                      NULL};
    struct json_object *o = NULL;

    (void)state;
    for (size_t i = 0; bad[i] != NULL; i++)
        assert_int_equal(json_parse(&o, slice_str(bad[i])), RC_BAD_JSON);
    assert_null(o);
    json_put(NULL);
}

static void the_deepest_text_that_is_allowed_is_parsed(void **state)
{
    char text[2 * 32 + 1];
    struct json_object *inner;
    struct json_object *o;

    (void)state;
    memset(text, '[', 32);
    memset(text + 32, ']', 32);
    text[64] = '\0';
    o = parse(text);
    inner = o;
    for (unsigned i = 1; i < 32; i++) {
        assert_int_equal(json_array_count(inner), 1);
        inner = json_array_at(inner, 0);
    }
    assert_int_equal(json_array_count(inner), 0);
    json_put(o);
}

static void a_text_over_eight_mebibytes_is_too_big(void **state)
{
    size_t len = (size_t)JSON_TEXT_MAX + 1;
    char *text = malloc(len);
    struct json_object *o = NULL;

    (void)state;
    assert_non_null(text);
    memset(text, ' ', len);
    memcpy(text, "{}", 2);
    assert_int_equal(json_parse(&o, slice_from(text, len)), RC_TOO_BIG);
    assert_int_equal(json_parse(&o, slice_from(text, len - 1)), RC_OK);
    json_put(o);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_read_by_type),
        cmocka_unit_test(absent_and_null_are_not_found),
        cmocka_unit_test(only_whole_numbers_below_the_limit_are_u64),
        cmocka_unit_test(other_types_are_bad_input),
        cmocka_unit_test(an_amount_that_is_too_large_overflows),
        cmocka_unit_test(an_array_may_be_at_the_top),
        cmocka_unit_test(what_the_guard_refuses_is_refused),
        cmocka_unit_test(the_deepest_text_that_is_allowed_is_parsed),
        cmocka_unit_test(a_text_over_eight_mebibytes_is_too_big),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

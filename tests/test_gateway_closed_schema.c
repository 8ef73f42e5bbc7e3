/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas for Claude, where it is held to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/wires/closed_schema.h"

static struct losses lost;

static void becomes(const char *given, const char *wanted)
{
    struct arena *a;
    struct slice out;

    lost = (struct losses){0};
    assert_int_equal(arena_open(&a, 1 << 20), RC_OK);
    assert_int_equal(closed_schema(&out, slice_str(given), &lost, a), RC_OK);
    assert_int_equal(out.len, slice_str(wanted).len);
    assert_memory_equal(out.bytes, wanted, out.len);
    arena_close(a);
}

static void objects_are_closed_at_every_depth(void **state)
{
    (void)state;
    becomes(
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":[\"object\",\"null\"],"
        "\"additionalProperties\":true,\"properties\":{}}}}",
        "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":[\"object\",\"null\"],"
        "\"properties\":{},\"additionalProperties\":false}},"
        "\"additionalProperties\":false}");
    becomes("{\"type\":\"array\",\"items\":{\"type\":\"object\"}}",
            "{\"type\":\"array\",\"items\":{\"type\":\"object\","
            "\"additionalProperties\":false}}");
    becomes(
        "{\"anyOf\":[{\"type\":\"object\"},{\"type\":\"string\"}],"
        "\"$defs\":{\"type\":{\"type\":\"object\"}}}",
        "{\"anyOf\":[{\"type\":\"object\",\"additionalProperties\":false},"
        "{\"type\":\"string\"}],"
        "\"$defs\":{\"type\":{\"type\":\"object\",\"additionalProperties\":false}}}");
    assert_int_equal(lost.count, 0);
}

static void bounds_are_left_out_and_told(void **state)
{
    (void)state;
    becomes("{\"type\":\"string\",\"minLength\":2,\"format\":\"uuid\"}",
            "{\"type\":\"string\",\"format\":\"uuid\"}");
    assert_int_equal(lost.count, 1);
    assert_string_equal(lost.names[0], "minLength");
    becomes("{\"type\":\"string\",\"format\":\"phone\"}", "{\"type\":\"string\"}");
    assert_string_equal(lost.names[0], "format");
    becomes("{\"type\":\"array\",\"minItems\":1,\"maxItems\":3}",
            "{\"type\":\"array\",\"minItems\":1}");
    assert_string_equal(lost.names[0], "maxItems");
    becomes("{\"type\":\"array\",\"minItems\":2}", "{\"type\":\"array\"}");
    assert_string_equal(lost.names[0], "minItems");
}

static void what_zod_says_of_every_integer_is_no_loss(void **state)
{
    (void)state;
    becomes("{\"$schema\":\"x\",\"type\":\"integer\",\"minimum\":-9007199254740991,"
            "\"maximum\":9007199254740991}",
            "{\"type\":\"integer\"}");
    assert_int_equal(lost.count, 0);
    becomes("{\"type\":\"integer\",\"minimum\":1}", "{\"type\":\"integer\"}");
    assert_int_equal(lost.count, 1);
}

static void a_property_may_be_called_like_a_keyword(void **state)
{
    (void)state;
    becomes("{\"type\":\"object\",\"properties\":{\"minimum\":{\"type\":\"number\"},"
            "\"additionalProperties\":true}}",
            "{\"type\":\"object\",\"properties\":{\"minimum\":{\"type\":\"number\"},"
            "\"additionalProperties\":true},\"additionalProperties\":false}");
    assert_int_equal(lost.count, 0);
}

static void one_of_becomes_any_of_and_odd_things_pass(void **state)
{
    (void)state;
    becomes("{\"oneOf\":[true,{\"const\":7}]}", "{\"anyOf\":[true,{\"const\":7}]}");
    becomes("{\"properties\":7,\"enum\":[{\"minimum\":1}]}",
            "{\"properties\":7,\"enum\":[{\"minimum\":1}]}");
    becomes("{}", "{}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_closed_at_every_depth),
        cmocka_unit_test(bounds_are_left_out_and_told),
        cmocka_unit_test(what_zod_says_of_every_integer_is_no_loss),
        cmocka_unit_test(a_property_may_be_called_like_a_keyword),
        cmocka_unit_test(one_of_becomes_any_of_and_odd_things_pass),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

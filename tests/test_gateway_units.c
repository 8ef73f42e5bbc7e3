/* SPDX-License-Identifier: Apache-2.0 */
/* What an answer has is counted as it passes, in whatever pieces it comes. */
#include "gateway/units.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/prng.h"

/* In one piece, byte by byte, and cut at every place. */
static void expect(struct config_unit unit, const char *type, const char *text,
                   uint64_t expected)
{
    const struct slice all = slice_str(text);

    for (size_t cut = 0; cut <= all.len + 1; cut++) {
        struct units u;

        units_init(&u, &unit, slice_str(type));
        if (cut > all.len) {
            for (size_t i = 0; i < all.len; i++)
                units_add(&u, slice_sub(all, i, 1));
        } else {
            units_add(&u, slice_sub(all, 0, cut));
            units_add(&u, slice_sub(all, cut, all.len));
        }
        if (units_count(&u) != expected)
            fail_msg("%" PRIu64 " in place of %" PRIu64 " in '%s', cut at %zu",
                     units_count(&u), expected, text, cut);
    }
}

static void rows(const char *type, const char *text, uint64_t expected)
{
    expect((struct config_unit){.of = CONFIG_UNIT_ROWS}, type, text, expected);
}

static void at(const char *pointer, const char *text, uint64_t expected)
{
    char copy[256];

    (void)snprintf(copy, sizeof(copy), "%s", pointer);
    expect((struct config_unit){.of = CONFIG_UNIT_POINTER, .pointer = copy},
           "application/json; charset=utf-8", text, expected);
}

static void bytes_are_counted_as_they_are(void **state)
{
    (void)state;
    expect((struct config_unit){.of = CONFIG_UNIT_BYTES}, "", "", 0);
    expect((struct config_unit){.of = CONFIG_UNIT_BYTES}, "image/png", "\x89PNG\r\n\n",
           7);
}

static void rows_of_json_are_elements_of_the_array_at_the_top(void **state)
{
    static const char json[] = "application/json";

    (void)state;
    rows(json, "[]", 0);
    rows(json, " [ \n ] ", 0);
    rows(json, "[1]", 1);
    rows(json, "[1,2 , 3]", 3);
    rows(json, "[[1,2,[3,4]],{\"a\":[5,6],\"b\":{}},\"x,y\\\",]\",null,-1e5]", 5);
    rows(json, "[\"a]\",\"[\",\"\\\\\",\"\\u0022,\"]", 4);
    rows(json, "[{\"a\":1},{\"a\":2}", 2); /* what has come so far */
    rows(json, "{\"a\":[1,2,3]}", 0);
    rows(json, "12", 0);
    rows(json, "", 0);
    rows("application/geo+json", "[1,2]", 2);
    rows("Application/JSON;charset=x", "[1,2]", 2);
    rows("text/html", "[1,2]", 0);
    rows("", "[1,2]", 0);
}

static void rows_of_lines_are_those_with_something_on_them(void **state)
{
    (void)state;
    rows("application/x-ndjson", "{\"a\":1}\n{\"a\":2}\n", 2);
    rows("application/x-ndjson", "{\"a\":1}\r\n\r\n  \n{\"a\":2}", 2);
    rows("application/jsonl", "", 0);
}

static void rows_of_a_table_are_its_records_but_the_header(void **state)
{
    (void)state;
    rows("text/csv", "a,b\r\n1,2\r\n3,4\r\n", 2);
    rows("text/csv", "a,b\n1,2\n3,4", 2);
    rows("text/csv", "a,b\n\"x\ny\",2\n\"he said \"\"\n\"\"\",4\n", 2);
    rows("text/csv", "a,b\n", 0);
    rows("text/csv", "", 0);
    rows("text/tab-separated-values", "a\tb\n1\t2\n", 1);
}

static void a_pointer_names_a_number_or_an_array(void **state)
{
    (void)state;
    at("/n", "{\"n\":12}", 12);
    at("/n", "{\"m\":{\"n\":1},\"n\":12}", 12);
    at("/a/n", "{\"n\":1,\"a\":{\"b\":[{\"n\":3}],\"n\":4}}", 4);
    at("/a", "{\"a\":[[1,2],{\"a\":[1,2,3]},\"]\"]}", 3);
    at("/a", "{\"a\":[]}", 0);
    at("/a/1/b", "{\"a\":[{\"b\":1},{\"b\":2},{\"b\":3}]}", 2);
    at("/a/1", "{\"a\":[5,6,7]}", 6);
    at("/a/1", "{\"a\":{\"1\":9}}", 9);
    at("/a/01", "{\"a\":[5,6,7]}", 0);
    at("/0/0", "[[7]]", 7);
    at("/a/b", "{\"a\":5,\"b\":6}", 0);
    at("/a/b", "{\"a\":{\"c\":1},\"b\":6}", 0);
    at("/x", "{\"a\":\"x\",\"b\":[\"x\",5]}", 0);
    at("/n", "{\"n\":\"12\"}", 0);
    at("/n", "{\"n\":null}", 0);
    at("/n", "{\"n\":12,\"n\":99}", 12);
    at("/n", "{\"n\":12", 12);
    at("/", "{\"\":3}", 3);
    at("/a/", "{\"a\":{\"\":4}}", 4);
}

static void keys_are_compared_unescaped(void **state)
{
    (void)state;
    at("/a~1b", "{\"a/b\":1}", 1);
    at("/a~1b", "{\"a\\/b\":1}", 1);
    at("/~0", "{\"~\":2}", 2);
    at("/~01", "{\"~1\":2}", 2);
    at("/n", "{\"\\u006e\":3}", 3);
    at("/\xc3\xa9", "{\"\\u00e9\":4}", 4);
    at("/\xe2\x82\xac", "{\"\\u20AC\":5}", 5);
    at("/\xf0\x9f\x98\x80", "{\"\\ud83d\\ude00\":6}", 6);
    at("/a\nb", "{\"a\\nb\":7}", 7);
    at("/ab", "{\"a\":1,\"abc\":2,\"ab\":3}", 3);
}

static void numbers_are_rounded_up_and_never_negative(void **state)
{
    (void)state;
    at("/n", "{\"n\":0}", 0);
    at("/n", "{\"n\":-5}", 0);
    at("/n", "{\"n\":0.001}", 1);
    at("/n", "{\"n\":2.0}", 2);
    at("/n", "{\"n\":2.5 }", 3);
    at("/n", "{\"n\":1.5e1}", 15);
    at("/n", "{\"n\":1e3}", 1000);
    at("/n", "{\"n\":15E-1\n}", 2);
    at("/n", "{\"n\":1e-999999999999}", 1);
    at("/n", "{\"n\":0e999999999999}", 0);
    at("/n", "{\"n\":1e999999999999}", UINT64_MAX);
    at("/n", "{\"n\":18446744073709551615}", UINT64_MAX);
    at("/n", "{\"n\":18446744073709551616}", UINT64_MAX);
    at("/n", "{\"n\":18446744073709551614}", UINT64_MAX - 1);
}

static void what_is_malformed_is_survived(void **state)
{
    static const char *const texts[] = {"]]]]}}}}[1",  "{\"n\"",
                                        "{\"n\":\"\\", "{{{{[[[[",
                                        ",,,,::::",    "{\"\\ud800\":1,\"n\":2}",
                                        "[}{]\"\\u12"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct units u;
        char pointer[] = "/n/0";
        const struct config_unit unit = {.of = CONFIG_UNIT_POINTER, .pointer = pointer};

        units_init(&u, &unit, SLICE("application/json"));
        for (int k = 0; k < 1000; k++)
            units_add(&u, slice_str(texts[i]));
        (void)units_count(&u);
    }
}

/* ---- Against a parser that knows the whole ---- */

static struct json_object *random_value(struct prng *g, unsigned depth)
{
    static const char *const keys[] = {"a", "b", "0", "1", "a/b", "~", "\xc3\xa9", ""};
    const uint64_t kind = prng_below(g, depth > 4 ? 3 : 5);
    struct json_object *o;

    if (kind == 0)
        return json_object_new_int((int)prng_below(g, 1000));
    if (kind == 1)
        return json_object_new_string("x\"],}[{\\");
    if (kind == 2)
        return NULL;
    o = kind == 3 ? json_object_new_array() : json_object_new_object();
    for (uint64_t i = prng_below(g, 5); i > 0; i--) {
        struct json_object *v = random_value(g, depth + 1);

        if (kind == 3)
            (void)json_object_array_add(o, v);
        else
            (void)json_object_object_add(o, keys[prng_below(g, 8)], v);
    }
    return o;
}

static uint64_t oracle(struct json_object *top, const char *pointer)
{
    struct json_object *found = NULL;

    if (json_pointer_get(top, pointer, &found) != 0 || found == NULL)
        return 0;
    if (json_object_is_type(found, json_type_array))
        return json_object_array_length(found);
    return json_object_is_type(found, json_type_int)
               ? (uint64_t)json_object_get_int64(found)
               : 0;
}

static void pointers_into_random_texts_agree_with_a_parser(void **state)
{
    static char pointers[][16] = {"/a",    "/b/0",    "/0",     "/1/a",
                                  "/a~1b", "/~0/0/1", "/a/a",   "/0/0",
                                  "/0/1",  "/1/0",    "/b/b/b", "/\xc3\xa9"};
    struct prng g = {.state = 7};

    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct json_object *top = random_value(&g, 0);
        const char *text = json_object_to_json_string_ext(
            top, round % 2 == 0 ? JSON_C_TO_STRING_PLAIN : JSON_C_TO_STRING_PRETTY);
        char *pointer = pointers[prng_below(&g, 12)];
        const struct config_unit unit = {.of = CONFIG_UNIT_POINTER, .pointer = pointer};
        struct slice rest = slice_str(text);
        struct units u;

        units_init(&u, &unit, SLICE("application/json"));
        while (rest.len > 0) {
            const size_t len = 1 + prng_below(&g, 7);

            units_add(&u, slice_sub(rest, 0, len));
            rest = slice_sub(rest, len, rest.len);
        }
        if (top != NULL && units_count(&u) != oracle(top, pointer))
            fail_msg("%s in %s: %" PRIu64 " in place of %" PRIu64, pointer, text,
                     units_count(&u), oracle(top, pointer));
        json_object_put(top);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_counted_as_they_are),
        cmocka_unit_test(rows_of_json_are_elements_of_the_array_at_the_top),
        cmocka_unit_test(rows_of_lines_are_those_with_something_on_them),
        cmocka_unit_test(rows_of_a_table_are_its_records_but_the_header),
        cmocka_unit_test(a_pointer_names_a_number_or_an_array),
        cmocka_unit_test(keys_are_compared_unescaped),
        cmocka_unit_test(numbers_are_rounded_up_and_never_negative),
        cmocka_unit_test(what_is_malformed_is_survived),
        cmocka_unit_test(pointers_into_random_texts_agree_with_a_parser),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

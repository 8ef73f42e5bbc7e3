/* SPDX-License-Identifier: Apache-2.0 */
/* The guard: what RFC 8259 allows passes, everything else is refused at the right byte
 * with the right word. Numbers such as B3 name cases of the threat catalogue in the
 * design: depth, counts, duplicates, number forms, UTF-8, truncation, hostile keys. */
#include "base/json_guard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    KIB = 1024,
    MIB = 1024 * KIB
};

static const struct json_limits any = {.any_value = true};
static const struct json_limits object_only = {0};

static enum rc guard(struct slice text, const struct json_limits *limits,
                     struct json_fault *fault)
{
    struct arena *a;
    enum rc rc;

    assert_int_equal(arena_open(&a, (size_t)16 * MIB), RC_OK);
    rc = json_guard(text, limits, NULL, 0, fault, a);
    arena_close(a);
    return rc;
}

static void passes(struct slice text)
{
    struct json_fault fault = {0, "none"};
    enum rc rc = guard(text, &any, &fault);

    if (rc != RC_OK)
        print_message("refused at %zu (%s): %.*s\n", fault.at, fault.what,
                      SLICE_FMT(text));
    assert_int_equal(rc, RC_OK);
}

static void fails(struct slice text, size_t at, const char *what)
{
    struct json_fault fault = {0, "none"};
    enum rc rc = guard(text, &any, &fault);

    if (rc != RC_BAD_JSON || fault.at != at || strcmp(fault.what, what) != 0)
        print_message("at %zu (%s): %.*s\n", fault.at, fault.what, SLICE_FMT(text));
    assert_int_equal(rc, RC_BAD_JSON);
    assert_int_equal(fault.at, at);
    assert_string_equal(fault.what, what);
}

static void all_pass(const char *const *texts)
{
    for (; *texts != NULL; texts++)
        passes(slice_str(*texts));
}

struct bad {
    const char *text;
    size_t at;
    const char *what;
};

static void all_fail(const struct bad *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fails(slice_str(cases[i].text), cases[i].at, cases[i].what);
}

#define ALL_FAIL(cases) all_fail((cases), sizeof(cases) / sizeof((cases)[0]))

/* Writes `count` times `piece` between head and tail. */
static struct slice repeat(char *room, size_t size, const char *head, const char *piece,
                           size_t count, const char *tail)
{
    size_t at = (size_t)snprintf(room, size, "%s", head);

    for (size_t i = 0; i < count; i++)
        at += (size_t)snprintf(room + at, size - at, "%s", piece);
    at += (size_t)snprintf(room + at, size - at, "%s", tail);
    assert_true(at < size);
    return slice_from(room, at);
}

static void valid_texts_pass(void **state)
{
    static const char *const texts[] = {
        "{}",
        "[]",
        "null",
        "true",
        "false",
        "\"\"",
        "0",
        "\t\r\n {} \n\r\t",
        "{\"a\":{\"b\":[1,2,{\"c\":null}]},\"d\":\"e\"}",
        "[[],[[]],{}]",
        "[ 1 , \"two\" , true , null ]",
        "{ \"a\" : [ ] , \"b\" : { } }",
        "{\"\":0}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\"",
        "\"\x7f\"",
        "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \\ud83d\\ude00\"",
        NULL};

    (void)state;
    all_pass(texts);
}

static void broken_structure_is_refused(void **state)
{
    static const struct bad cases[] = {
        {"{\"a\":1,}", 7, "expected a key in double quotes"},
        {"{,}", 1, "expected a key in double quotes"},
        {"{a:1}", 1, "expected a key in double quotes"},
        {"{'a':1}", 1, "expected a key in double quotes"},
        {"{1:1}", 1, "expected a key in double quotes"},
        {"{\"a\" 1}", 5, "expected ':'"},
        {"{\"a\"::1}", 5, "expected a value"},
        {"{\"a\":}", 5, "expected a value"},
        {"{\"a\":1 \"b\":2}", 7, "expected ',' or '}'"},
        {"{\"a\":1]", 6, "expected ',' or '}'"},
        {"[1,]", 3, "expected a value"},
        {"[,1]", 1, "expected a value"},
        {"[1 2]", 3, "expected ',' or ']'"},
        {"[1}", 2, "expected ',' or ']'"},
        {"}", 0, "expected a value"},
        {"]", 0, "expected a value"},
        {"tru ", 0, "expected a value"},
        {"truE", 0, "expected a value"},
        {"True", 0, "expected a value"},
        {"nul\xc0", 0, "expected a value"},
        {"truetrue", 4, "bytes behind the end"},
        {"\xef\xbb\xbf{}", 0, "expected a value"}, /* a byte order mark */
        {"\x0b{}", 0, "expected a value"},
        {"\xc2\xa0{}", 0, "expected a value"}, /* no-break space */
    };

    (void)state;
    ALL_FAIL(cases);
}

/* B8 */
static void trailing_bytes_and_comments_are_refused(void **state)
{
    static const struct bad cases[] = {
        {"{}x", 2, "bytes behind the end"},
        {"{} {}", 3, "bytes behind the end"},
        {"{}]", 2, "bytes behind the end"},
        {"1 2", 2, "bytes behind the end"},
        {"{} // c", 3, "bytes behind the end"},
        {"/* c */ {}", 0, "expected a value"},
        {"{/**/}", 1, "expected a key in double quotes"},
        {"[1,# c\n2]", 3, "expected a value"},
        {"{},", 2, "bytes behind the end"},
    };

    (void)state;
    ALL_FAIL(cases);
    fails(SLICE("{}\0"), 2, "bytes behind the end");
    fails(SLICE("\0{}"), 0, "expected a value");
    fails(SLICE("[1,\0]"), 3, "expected a value");
}

/* B9, B10 */
static void every_proper_beginning_of_a_text_is_refused(void **state)
{
    static const char text[] =
        "{\"a\\u0041\\ud83d\\ude00\":[1,-2.5e+3,\"\xe2\x82\xac\\n\",true,false,null,{}],"
        "\"b\":{\"c\":[[]]}}";
    size_t len = sizeof(text) - 1;

    (void)state;
    passes(slice_from(text, len));
    for (size_t cut = 0; cut < len; cut++) {
        /* A copy of its own, so that a sanitizer sees a byte read too many. */
        char *copy = malloc(cut + 1);

        assert_non_null(copy);
        memcpy(copy, text, cut);
        assert_int_equal(guard(slice_from(copy, cut), &any, NULL), RC_BAD_JSON);
        free(copy);
    }
    fails(SLICE(""), 0, "the text ends early");
    fails(SLICE_NONE, 0, "the text ends early");
    fails(SLICE("  "), 2, "the text ends early");
    fails(SLICE("{\"a"), 3, "the text ends early");
    fails(SLICE("[1"), 2, "the text ends early");
}

static void only_an_object_passes_unless_any_value_is_asked_for(void **state)
{
    static const char *const others[] = {"[]", "1", "\"a\"", "null", " [{}]", NULL};
    struct json_fault fault;

    (void)state;
    for (size_t i = 0; others[i] != NULL; i++)
        assert_int_equal(guard(slice_str(others[i]), &object_only, &fault),
                         RC_BAD_JSON);
    assert_int_equal(fault.at, 1);
    assert_string_equal(fault.what, "expected an object");
    assert_int_equal(guard(SLICE(" {} "), &object_only, NULL), RC_OK);
}

/* B1 */
static void depth_over_the_limit_is_refused(void **state)
{
    const struct json_limits three = {.depth = 3};
    const struct json_limits most = {.depth = JSON_DEPTH_MAX, .any_value = true};
    struct json_fault fault;
    char room[256];
    char tail[JSON_DEPTH_MAX + 2];

    (void)state;
    memset(tail, ']', sizeof(tail));
    tail[32] = '\0';
    passes(repeat(room, sizeof(room), "", "[", 32, tail));
    tail[32] = ']';
    tail[33] = '\0';
    fails(repeat(room, sizeof(room), "", "[", 33, tail), 32, "nested too deep");
    tail[33] = ']';
    tail[JSON_DEPTH_MAX] = '\0';
    assert_int_equal(
        guard(repeat(room, sizeof(room), "", "[", JSON_DEPTH_MAX, tail), &most, NULL),
        RC_OK);
    assert_int_equal(guard(repeat(room, sizeof(room), "", "[", JSON_DEPTH_MAX + 1, "x"),
                           &most, &fault),
                     RC_BAD_JSON);
    assert_int_equal(fault.at, JSON_DEPTH_MAX);
    assert_int_equal(guard(SLICE("{\"a\":{\"b\":[]}}"), &three, NULL), RC_OK);
    assert_int_equal(guard(SLICE("{\"a\":{\"b\":[{}]}}"), &three, NULL), RC_BAD_JSON);
}

/* B2 */
static void containers_over_the_limit_are_refused(void **state)
{
    const struct json_limits three = {.containers = 3};
    size_t size = (size_t)64 * KIB;
    char *room = malloc(size);

    (void)state;
    assert_non_null(room);
    passes(repeat(room, size, "[{}", ",{}", 9998, "]"));
    fails(repeat(room, size, "[{}", ",{}", 9999, "]"), 1 + 9999 * 3,
          "too many objects and arrays");
    assert_int_equal(guard(SLICE("{\"a\":[{}]}"), &three, NULL), RC_OK);
    assert_int_equal(guard(SLICE("{\"a\":[{},[]]}"), &three, NULL), RC_BAD_JSON);
    free(room);
}

/* B11 */
static void keys_over_the_limit_are_refused(void **state)
{
    const struct json_limits three = {.keys = 3};
    struct json_fault fault;
    size_t size = (size_t)2 * MIB;
    char *room = malloc(size);
    size_t at = 0;
    size_t last;

    (void)state;
    assert_int_equal(guard(SLICE("{\"a\":{\"b\":1,\"c\":2}}"), &three, NULL), RC_OK);
    assert_int_equal(guard(SLICE("{\"a\":{\"b\":1,\"c\":2},\"d\":3}"), &three, &fault),
                     RC_BAD_JSON);
    assert_int_equal(fault.at, 19);
    assert_string_equal(fault.what, "too many keys");

    assert_non_null(room);
    for (unsigned i = 0; i < 100 * 1000; i++)
        at += (size_t)snprintf(room + at, size - at, "%s\"%u\":%u", i == 0 ? "{" : ",",
                               i, i);
    last = at;
    at += (size_t)snprintf(room + at, size - at, "}");
    passes(slice_from(room, at));
    at = last + (size_t)snprintf(room + last, size - last, ",\"x\":1}");
    fails(slice_from(room, at), last + 1, "too many keys");
    free(room);
}

static void a_text_over_the_byte_limit_is_too_big(void **state)
{
    const struct json_limits ten = {.bytes = 10};
    struct json_fault fault;

    (void)state;
    assert_int_equal(guard(SLICE("{\"abc\":12}"), &ten, NULL), RC_OK);
    assert_int_equal(guard(SLICE("{\"abc\":123}"), &ten, &fault), RC_TOO_BIG);
    assert_int_equal(fault.at, 10);
    assert_string_equal(fault.what, "text too long");
}

/* B3 */
static void duplicate_keys_are_found_at_every_depth(void **state)
{
    static const struct bad cases[] = {
        {"{\"model\":1,\"model\":1}", 11, "duplicate key"},
        {"{\"a\":1,\"b\":2,\"c\":{},\"a\":[]}", 20, "duplicate key"},
        {"{\"a\":1,\"\\u0061\":2}", 7, "duplicate key"},
        {"{\"\\u0061\":1,\"a\":2}", 12, "duplicate key"},
        {"{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", 18, "duplicate key"},
        {"{\"/\":1,\"\\/\":2}", 7, "duplicate key"},
        {"{\"\":1,\"\":2}", 6, "duplicate key"},
        {"[[{\"x\":[{\"k\":1,\"k\":2}]}]]", 15, "duplicate key"},
        {"{\"a\":{\"a\":{\"b\":1}},\"a\":1}", 19, "duplicate key"},
    };
    static const char *const fine[] = {
        "{\"a\":{\"a\":{\"a\":1}}}",         "[{\"a\":1},{\"a\":1},{\"a\":1}]",
        "{\"a\":1,\"A\":2,\"a \":3,\"\":4}", "{\"a\":{\"b\":1},\"b\":{\"a\":1}}",
        "{\"\\\\u0061\":1,\"a\":2}",         NULL};

    (void)state;
    ALL_FAIL(cases);
    all_pass(fine);
}

static void a_duplicate_is_found_among_many_keys_and_objects(void **state)
{
    size_t size = (size_t)4 * MIB;
    char *room = malloc(size);
    size_t at = 0;
    size_t last = 0;

    (void)state;
    assert_non_null(room);
    room[at++] = '[';
    /* The same fifty keys in each of a thousand objects. */
    for (unsigned i = 0; i < 50 * 1000; i++)
        at +=
            (size_t)snprintf(room + at, size - at, "%s\"key-%u\":0%s",
                             i % 50 == 0 ? "{" : ",", i % 50, i % 50 < 49 ? "" : "},");
    at--;
    room[at] = ']';
    passes(slice_from(room, at + 1));
    /* And now a key twice in the last of them. */
    at--;
    last = at;
    at += (size_t)snprintf(room + at, size - at, ",\"key-0\":0}]");
    fails(slice_from(room, at), last + 1, "duplicate key");
    free(room);
}

/* B12: nothing to choose, the hash is keyed; but long and escaped keys cost memory. */
static void long_escaped_keys_take_linear_memory(void **state)
{
    size_t size = MIB;
    char *room = malloc(size);
    struct arena *a;
    size_t at = 0;

    (void)state;
    assert_non_null(room);
    for (unsigned i = 0; at < size - 4096; i++) {
        at += (size_t)snprintf(room + at, size - at, "%s\"", i == 0 ? "{" : ",");
        for (unsigned k = 0; k <= i; k++)
            at += (size_t)snprintf(room + at, size - at, "\\n");
        at += (size_t)snprintf(room + at, size - at, "\":%u", i);
    }
    room[at++] = '}';
    assert_int_equal(arena_open(&a, (size_t)64 * KIB), RC_OK);
    assert_int_equal(json_guard(slice_from(room, at), &object_only, NULL, 0, NULL, a),
                     RC_OK);
    arena_close(a);
    free(room);
}

static void a_spent_arena_is_out_of_memory(void **state)
{
    char room[4096];
    size_t at = 0;
    struct arena *a;

    (void)state;
    for (unsigned i = 0; i < 100; i++)
        at += (size_t)snprintf(room + at, sizeof(room) - at, "%s\"%u\":1",
                               i == 0 ? "{" : ",", i);
    room[at++] = '}';
    assert_int_equal(arena_open(&a, 64), RC_OK);
    assert_int_equal(json_guard(slice_from(room, at), &object_only, NULL, 0, NULL, a),
                     RC_NOMEM);
    arena_close(a);
}

/* A key that must be decoded and is longer than the scan's own room. */
static void a_spent_arena_is_out_of_memory_for_a_key(void **state)
{
    char room[1024];
    struct slice text = repeat(room, sizeof(room), "{\"", "\\n", 300, "\":1}");
    struct arena *a;

    (void)state;
    assert_int_equal(arena_open(&a, 64), RC_OK);
    assert_int_equal(json_guard(text, &object_only, NULL, 0, NULL, a), RC_NOMEM);
    arena_close(a);
    passes(text);
}

/* B4, B5, B13, B16: the guard passes integers of any size; typed reading refuses. */
static void number_grammar_is_the_rfcs(void **state)
{
    static const char *const fine[] = {"0",
                                       "-0",
                                       "1",
                                       "-1",
                                       "10",
                                       "1234567890123456789012345678901234567890",
                                       "18446744073709551616",
                                       "-9223372036854775809",
                                       "0.0",
                                       "-0.5",
                                       "1.50",
                                       "1e1",
                                       "1E1",
                                       "1e+1",
                                       "1e-1",
                                       "0e0",
                                       "0.1e-10",
                                       "1e05",
                                       NULL};
    static const struct bad cases[] = {
        {"01", 0, "leading zero"},
        {"-012", 0, "leading zero"},
        {"00", 0, "leading zero"},
        {"[00.5]", 1, "leading zero"},
        {"-", 1, "the text ends early"},
        {"-x", 1, "no digit behind the minus"},
        {"--1", 1, "no digit behind the minus"},
        {"-.5", 1, "no digit behind the minus"},
        {"-Infinity", 1, "no digit behind the minus"},
        {"1.", 2, "the text ends early"},
        {"[1.]", 3, "no digit behind the point"},
        {"1.e5", 2, "no digit behind the point"},
        {"1e", 2, "the text ends early"},
        {"[1e+]", 4, "no digit in the exponent"},
        {"1e1.5", 3, "bytes behind the end"},
        {"1.2.3", 3, "bytes behind the end"},
        {"+1", 0, "expected a value"},
        {".5", 0, "expected a value"},
        {"NaN", 0, "expected a value"},
        {"Infinity", 0, "expected a value"},
        {"nan", 0, "expected a value"},
        {"0x10", 1, "bytes behind the end"},
        {"12abc", 2, "bytes behind the end"},
        {"1_000", 1, "bytes behind the end"},
        {"1,5", 1, "bytes behind the end"},
    };

    (void)state;
    all_pass(fine);
    ALL_FAIL(cases);
}

static void numbers_that_no_double_holds_are_refused(void **state)
{
    static const char *const fine[] = {
        "1.7976931348623157e308", /* DBL_MAX */
        "1.7976931348623157E+308",
        "-1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.79769313486231580000e308",
        "17976931348623157e292",
        "0.0017976931348623157e311",
        "179769313486231.57e294",
        "1e308",
        "9.99e307",
        "0.00001e313",
        "0e999999999999999999999",
        "-0.000e400",
        "5e-324",
        "1e-999999999999999999999", /* small is not infinite: it reads as zero */
        NULL};
    static const char *const large[] = {"1e400",
                                        "-1e400",
                                        "1e309",
                                        "1E+309",
                                        "2e308",
                                        "1.7976931348623159e308",
                                        "1.79769313486231581e308",
                                        "-1.8e308",
                                        "17976931348623159e292",
                                        "0.0017976931348623159e311",
                                        "0.1e310",
                                        "0.00002e313",
                                        "1e999999999999999999999999999999",
                                        "10e308",
                                        NULL};

    (void)state;
    all_pass(fine);
    for (size_t i = 0; large[i] != NULL; i++)
        fails(slice_str(large[i]), 0, "number too large");
}

static void numbers_are_cut_at_64_characters(void **state)
{
    char room[128];

    (void)state;
    passes(repeat(room, sizeof(room), "", "9", 64, ""));
    fails(repeat(room, sizeof(room), "", "9", 65, ""), 0, "number too long");
    passes(repeat(room, sizeof(room), "-0.", "9", 61, ""));
    fails(repeat(room, sizeof(room), "-0.", "9", 62, ""), 0, "number too long");
    passes(repeat(room, sizeof(room), "1e", "0", 61, "1"));
    fails(repeat(room, sizeof(room), "1e", "0", 62, "1"), 0, "number too long");
    passes(repeat(room, sizeof(room), "", "9", 59, "e+249"));
    fails(repeat(room, sizeof(room), "", "9", 59, "e+250"), 0, "number too large");
}

/* B6, B7 */
static void strings_hold_valid_utf8_and_nothing_raw(void **state)
{
    static const struct bad cases[] = {
        {"\"\\u0000\"", 1, "\\u0000 in a string"},
        {"{\"model\\u0000x\":1}", 7, "\\u0000 in a string"},
        {"\"a\nb\"", 2, "control byte in a string"},
        {"\"a\tb\"", 2, "control byte in a string"},
        {"\"\x1f\"", 1, "control byte in a string"},
        {"\"\xc0\xaf\"", 1, "invalid UTF-8"},
        {"\"\xc1\xbf\"", 1, "invalid UTF-8"},
        {"\"\xe0\x9f\xbf\"", 1, "invalid UTF-8"},
        {"\"\xf0\x8f\xbf\xbf\"", 1, "invalid UTF-8"},
        {"\"abcdefgh\xed\xa0\x80\"", 9, "invalid UTF-8"},
        {"\"\xf4\x90\x80\x80\"", 1, "invalid UTF-8"},
        {"\"\xff\"", 1, "invalid UTF-8"},
        {"\"\x80\"", 1, "invalid UTF-8"},
        {"\"\xc3\"", 1, "invalid UTF-8"},
        {"\"\xe2\x82\"", 1, "invalid UTF-8"},
        {"\"\xc3(\"", 1, "invalid UTF-8"},
        {"{\"\xc3(\":1}", 2, "invalid UTF-8"},
        {"\"\\ud800\"", 1, "invalid escape or lone surrogate"},
        {"\"\\udc00\"", 1, "invalid escape or lone surrogate"},
        {"\"\\ud800\\ud800\"", 1, "invalid escape or lone surrogate"},
        {"\"\\ud800x\\udc00\"", 1, "invalid escape or lone surrogate"},
        {"\"\\x41\"", 1, "invalid escape or lone surrogate"},
        {"\"\\u12\"", 1, "invalid escape or lone surrogate"},
        {"\"\\'\"", 1, "invalid escape or lone surrogate"},
    };

    (void)state;
    ALL_FAIL(cases);
    fails(SLICE("\"a\0b\""), 2, "control byte in a string");
    fails(SLICE("\"12345678\0\""), 9, "control byte in a string");
}

static void a_special_byte_is_seen_wherever_it_stands(void **state)
{
    char text[64];

    (void)state;
    for (size_t at = 1; at < sizeof(text) - 1; at++) {
        memset(text, 'x', sizeof(text));
        text[0] = '"';
        text[sizeof(text) - 1] = '"';
        text[at] = '\x01';
        fails(slice_from(text, sizeof(text)), at, "control byte in a string");
        text[at] = '\xa0';
        fails(slice_from(text, sizeof(text)), at, "invalid UTF-8");
        text[at] = '"';
        if (at < sizeof(text) - 2)
            fails(slice_from(text, sizeof(text)), at + 1, "bytes behind the end");
    }
}

static void expect_raw(const struct json_field *f, enum json_kind kind, const char *raw)
{
    assert_int_equal(f->type, kind);
    assert_true(slice_equal_str(f->raw, raw));
}

static void fields_are_found_at_the_top_only(void **state)
{
    const struct slice text =
        SLICE(" {\"x\":{\"model\":\"inner\"},\"mod\\u0065l\" : \"gpt\" ,"
              "\"n\":[1, 2 ],\"o\":{\"stream\":1} ,\"z\":-1.5e3,"
              "\"t\":true,\"f\":false,\"u\":null} ");
    struct json_field fields[] = {{.name = "model"}, {.name = "stream"}, {.name = "n"},
                                  {.name = "z"},     {.name = "t"},      {.name = "f"},
                                  {.name = "u"},     {.name = "o"}};
    struct arena *a;

    (void)state;
    assert_int_equal(arena_open(&a, 4096), RC_OK);
    assert_int_equal(json_guard(text, &object_only, fields, 8, NULL, a), RC_OK);
    expect_raw(&fields[0], JSON_STRING, "\"gpt\"");
    assert_int_equal(fields[0].member_at, 24);
    assert_ptr_equal(fields[0].raw.bytes, text.bytes + 39);
    assert_int_equal(fields[1].type, JSON_ABSENT);
    expect_raw(&fields[2], JSON_ARRAY, "[1, 2 ]");
    expect_raw(&fields[3], JSON_NUMBER, "-1.5e3");
    expect_raw(&fields[4], JSON_TRUE, "true");
    expect_raw(&fields[5], JSON_FALSE, "false");
    expect_raw(&fields[6], JSON_NULL, "null");
    expect_raw(&fields[7], JSON_OBJECT, "{\"stream\":1}");
    arena_close(a);
}

static void no_fields_are_reported_for_an_array_of_objects(void **state)
{
    struct json_field field = {.name = "a"};
    struct arena *a;

    (void)state;
    assert_int_equal(arena_open(&a, 4096), RC_OK);
    assert_int_equal(json_guard(SLICE("[{\"a\":1}]"), &any, &field, 1, NULL, a), RC_OK);
    assert_int_equal(field.type, JSON_ABSENT);
    arena_close(a);
}

static void a_refused_text_leaves_no_fields(void **state)
{
    struct json_field field = {.name = "a", .type = JSON_STRING, .member_at = 9};
    struct arena *a;

    (void)state;
    assert_int_equal(arena_open(&a, 4096), RC_OK);
    assert_int_equal(json_guard(SLICE("{\"a\":1,\"b\":}"), &any, &field, 1, NULL, a),
                     RC_BAD_JSON);
    assert_int_equal(field.type, JSON_ABSENT);
    assert_null(field.raw.bytes);
    assert_int_equal(field.member_at, 0);
    assert_string_equal(field.name, "a");
    arena_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_texts_pass),
        cmocka_unit_test(broken_structure_is_refused),
        cmocka_unit_test(trailing_bytes_and_comments_are_refused),
        cmocka_unit_test(every_proper_beginning_of_a_text_is_refused),
        cmocka_unit_test(only_an_object_passes_unless_any_value_is_asked_for),
        cmocka_unit_test(depth_over_the_limit_is_refused),
        cmocka_unit_test(containers_over_the_limit_are_refused),
        cmocka_unit_test(keys_over_the_limit_are_refused),
        cmocka_unit_test(a_text_over_the_byte_limit_is_too_big),
        cmocka_unit_test(duplicate_keys_are_found_at_every_depth),
        cmocka_unit_test(a_duplicate_is_found_among_many_keys_and_objects),
        cmocka_unit_test(long_escaped_keys_take_linear_memory),
        cmocka_unit_test(a_spent_arena_is_out_of_memory),
        cmocka_unit_test(a_spent_arena_is_out_of_memory_for_a_key),
        cmocka_unit_test(number_grammar_is_the_rfcs),
        cmocka_unit_test(numbers_that_no_double_holds_are_refused),
        cmocka_unit_test(numbers_are_cut_at_64_characters),
        cmocka_unit_test(strings_hold_valid_utf8_and_nothing_raw),
        cmocka_unit_test(a_special_byte_is_seen_wherever_it_stands),
        cmocka_unit_test(fields_are_found_at_the_top_only),
        cmocka_unit_test(no_fields_are_reported_for_an_array_of_objects),
        cmocka_unit_test(a_refused_text_leaves_no_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

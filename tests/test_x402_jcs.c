/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical JSON: one text per value, sorted as the RFC sorts, and what has no place in
 * a payment refused. */
#include "x402/jcs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct world {
    struct arena *a;
    struct buf out;
};

static int set_up(void **state)
{
    static struct world w;

    buf_init(&w.out, 64 * 1024);
    *state = &w;
    return arena_open(&w.a, 256 * 1024) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    buf_free(&w->out);
    arena_close(w->a);
    return 0;
}

static enum rc canonical(struct world *w, const char *json)
{
    buf_reset(&w->out);
    arena_reset(w->a);
    return x402_jcs(&w->out, slice_str(json), w->a);
}

static void expect(struct world *w, const char *json, const char *canon)
{
    assert_int_equal(canonical(w, json), RC_OK);
    assert_false(buf_spent(&w->out));
    assert_int_equal(buf_len(&w->out), strlen(canon));
    assert_memory_equal(buf_slice(&w->out).bytes, canon, strlen(canon));
}

static void white_space_goes_and_members_are_sorted(void **state)
{
    struct world *w = *state;

    expect(w, " { } ", "{}");
    expect(w, "{\"b\" : [ 1 , true,false , \"x\" ],\n\"a\":{\"d\":-7,\"c\":[]}}",
           "{\"a\":{\"c\":[],\"d\":-7},\"b\":[1,true,false,\"x\"]}");
    expect(w, "{\"aa\":1,\"a\":2,\"\":3,\"B\":4}", "{\"\":3,\"B\":4,\"a\":2,\"aa\":1}");
}

/* RFC 8785 section 3.2.3: a character beyond the basic plane is a surrogate there, and
 * comes before U+FB33 though its code point is higher. */
static void keys_sort_by_utf16_units(void **state)
{
    expect(*state,
           "{\"\xef\xac\xb3\":2,\"\xf0\x9f\x98\x80\":3,\"\xe2\x82\xac\":1,\"\\r\":5,"
           "\"1\":4,\"\xee\x80\x80\":6,\"\xf4\x8f\xbf\xbf\":7,\"\xed\x9f\xbf\":8}",
           "{\"\\r\":5,\"1\":4,\"\xe2\x82\xac\":1,\"\xed\x9f\xbf\":8,"
           "\"\xf0\x9f\x98\x80\":3,\"\xf4\x8f\xbf\xbf\":7,\"\xee\x80\x80\":6,"
           "\"\xef\xac\xb3\":2}");
}

static void strings_have_their_shortest_escapes(void **state)
{
    struct world *w = *state;

    expect(
        w,
        "{\"\\u0061\":\"\\u20AC\\/\\u0008\\t\\n\\u000b\\f\\r\\u001f\\\"\\\\\\u007f\"}",
        "{\"a\":\"\xe2\x82\xac/\\b\\t\\n\\u000b\\f\\r\\u001f\\\"\\\\\x7f\"}");
    expect(w, "{\"a\":\"\\ud83d\\ude00\"}", "{\"a\":\"\xf0\x9f\x98\x80\"}");
}

static void integers_are_those_a_double_holds(void **state)
{
    static const char *const bad[] = {"{\"a\":1.0}",     "{\"a\":0.1}",
                                      "{\"a\":1e21}",    "{\"a\":1E0}",
                                      "{\"a\":-0}",      "{\"a\":9007199254740992}",
                                      "{\"a\":null}",    "{\"a\":-9007199254740992}",
                                      "{\"a\":[[null]]}"};
    struct world *w = *state;

    expect(w, "{\"a\":[0,-1,9007199254740991,-9007199254740991]}",
           "{\"a\":[0,-1,9007199254740991,-9007199254740991]}");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(canonical(w, bad[i]), RC_BAD_INPUT);
}

static void what_is_no_strict_json_object_is_refused(void **state)
{
    static const char *const bad[] = {"",           "[]",         "1",
                                      "\"a\"",      "{\"a\":01}", "{\"a\":1,\"a\":1}",
                                      "{\"a\":1}x", "{'a':1}",    "{\"a\":\"\xff\"}"};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(canonical(*state, bad[i]), RC_BAD_JSON);
}

/* An object of `count` members whose names fall. */
static void make_object(struct buf *json, unsigned count)
{
    buf_reset(json);
    for (unsigned i = count; i > 0; i--)
        buf_printf(json, "%s\"k%03u\":%u", i == count ? "{" : ",", i, i);
    buf_append_str(json, "}");
}

static void limits_hold(void **state)
{
    struct world *w = *state;
    char deep[64] = "";
    struct buf json;

    buf_init(&json, 64 * 1024);
    make_object(&json, X402_JCS_MEMBERS_MAX);
    assert_int_equal(x402_jcs(&w->out, buf_slice(&json), w->a), RC_OK);
    make_object(&json, X402_JCS_MEMBERS_MAX + 1);
    assert_int_equal(x402_jcs(&w->out, buf_slice(&json), w->a), RC_TOO_BIG);
    buf_reset(&json);
    buf_append_str(&json, "{\"a\":\"");
    while (buf_len(&json) < X402_JCS_BYTES_MAX - 2)
        buf_append_char(&json, 'a');
    buf_append_str(&json, "\"}");
    assert_int_equal(x402_jcs(&w->out, buf_slice(&json), w->a), RC_OK);
    buf_append_char(&json, ' ');
    assert_int_equal(x402_jcs(&w->out, buf_slice(&json), w->a), RC_TOO_BIG);
    buf_free(&json);

    memcpy(deep, "{\"a\":", 5);
    memset(deep + 5, '[', X402_JCS_DEPTH_MAX);
    assert_int_equal(canonical(w, deep), RC_BAD_JSON);
}

static void a_spent_arena_is_told(void **state)
{
    struct world *w = *state;
    struct arena *small = NULL;

    assert_int_equal(arena_open(&small, 64), RC_OK);
    assert_int_equal(x402_jcs(&w->out, SLICE("{\"a\":1,\"b\":2,\"c\":3}"), small),
                     RC_TOO_BIG);
    arena_close(small);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(white_space_goes_and_members_are_sorted),
        TEST(keys_sort_by_utf16_units),
        TEST(strings_have_their_shortest_escapes),
        TEST(integers_are_those_a_double_holds),
        TEST(what_is_no_strict_json_object_is_refused),
        TEST(limits_hold),
        TEST(a_spent_arena_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

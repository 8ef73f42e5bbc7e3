/* SPDX-License-Identifier: Apache-2.0 */
/* The writer: commas, escapes, and that the guard takes what it writes. */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
    ROOM_SIZE = 64 * 1024
};

struct fixture {
    struct buf buf;
    struct json_out out;
};

static void start(struct fixture *f)
{
    buf_init(&f->buf, ROOM_SIZE);
    json_out_init(&f->out, &f->buf);
}

/* Compares what was written, and has the guard look at it. */
static void finish(struct fixture *f, const char *expected)
{
    const struct json_limits limits = {.any_value = true};
    struct slice text = buf_slice(&f->buf);
    struct arena *a;

    assert_false(buf_spent(&f->buf));
    if (!slice_equal_str(text, expected))
        print_message("written: %.*s\n", SLICE_FMT(text));
    assert_true(slice_equal_str(text, expected));
    assert_int_equal(arena_open(&a, ROOM_SIZE), RC_OK);
    assert_int_equal(json_guard(text, &limits, NULL, 0, NULL, a), RC_OK);
    arena_close(a);
    buf_free(&f->buf);
}

static void commas_stand_between_and_nowhere_else(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    json_out_object(&f.out);
    json_out_key(&f.out, "a");
    json_out_array(&f.out);
    json_out_u64(&f.out, 1);
    json_out_array(&f.out);
    json_out_end_array(&f.out);
    json_out_object(&f.out);
    json_out_end_object(&f.out);
    json_out_u64(&f.out, 2);
    json_out_end_array(&f.out);
    json_out_key(&f.out, "b");
    json_out_object(&f.out);
    json_out_kstr(&f.out, "c", "d");
    json_out_kbool(&f.out, "e", true);
    json_out_end_object(&f.out);
    json_out_ku64(&f.out, "f", 3);
    json_out_end_object(&f.out);
    finish(&f, "{\"a\":[1,[],{},2],\"b\":{\"c\":\"d\",\"e\":true},\"f\":3}");
}

static void every_type_has_its_form(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    json_out_array(&f.out);
    json_out_u64(&f.out, UINT64_MAX);
    json_out_i64(&f.out, INT64_MIN);
    json_out_bool(&f.out, false);
    json_out_null(&f.out);
    json_out_str(&f.out, NULL);
    json_out_slice(&f.out, SLICE_NONE);
    json_out_money(&f.out, money_from_nano(UINT64_C(12345678901)));
    json_out_money(&f.out, MONEY_ZERO);
    json_out_time(&f.out, UINT64_C(1700000000123456));
    json_out_time(&f.out, 0);
    json_out_raw(&f.out, SLICE("{\"x\":[1.5]}"));
    json_out_end_array(&f.out);
    finish(&f, "[18446744073709551615,-9223372036854775808,false,null,null,\"\","
               "\"12.345678901\",\"0.000000000\",\"2023-11-14T22:13:20.123456Z\",null,"
               "{\"x\":[1.5]}]");
}

static void members_can_be_written_in_one_call(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    json_out_object(&f.out);
    json_out_kstr(&f.out, "s", NULL);
    json_out_kslice(&f.out, "t", SLICE("x"));
    json_out_ku64(&f.out, "n", 0);
    json_out_kbool(&f.out, "b", false);
    json_out_kmoney(&f.out, "m", money_from_nano(1));
    json_out_end_object(&f.out);
    finish(&f, "{\"s\":null,\"t\":\"x\",\"n\":0,\"b\":false,\"m\":\"0.000000001\"}");
}

static void a_scalar_may_be_the_whole_text(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    json_out_str(&f.out, "x");
    finish(&f, "\"x\"");
}

static void special_bytes_are_escaped(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    json_out_object(&f.out);
    json_out_kstr(&f.out, "q\"\\\n", "a\"b\\c/d\n\r\t\b\f\x1b\x1f\x7f");
    json_out_end_object(&f.out);
    finish(
        &f,
        "{\"q\\\"\\\\\\n\":\"a\\\"b\\\\c/d\\n\\r\\t\\u0008\\u000c\\u001b\\u001f\x7f\"}");
}

static void valid_utf8_passes_and_the_rest_is_replaced(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    json_out_array(&f.out);
    json_out_str(&f.out, "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
    json_out_str(&f.out, "a\xff"
                         "b\xc3");
    json_out_str(&f.out, "\xed\xa0\x80");
    json_out_slice(&f.out, SLICE("a\0b"));
    json_out_end_array(&f.out);
    finish(&f, "[\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\",\"a\xef\xbf\xbd"
               "b\xef\xbf\xbd\",\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
               "\"a\xef\xbf\xbd"
               "b\"]");
}

/* Any two bytes, between others: the guard takes it, and plain ones come back. */
static void any_bytes_make_valid_json(void **state)
{
    const struct json_limits limits = {.any_value = true};
    struct arena *a;

    (void)state;
    assert_int_equal(arena_open(&a, ROOM_SIZE), RC_OK);
    for (unsigned i = 0; i < 65536; i++) {
        const char bytes[] = {'x', (char)(i >> 8), (char)i, 'y'};
        struct slice back;
        struct fixture f;

        start(&f);
        json_out_slice(&f.out, slice_from(bytes, sizeof(bytes)));
        assert_int_equal(json_guard(buf_slice(&f.buf), &limits, NULL, 0, NULL, a),
                         RC_OK);
        if (i >> 8 > 0 && i >> 8 < 0x80 && (i & 0xff) > 0 && (i & 0xff) < 0x80) {
            assert_int_equal(json_raw_string(&back, buf_slice(&f.buf), a), RC_OK);
            assert_true(slice_equal(back, slice_from(bytes, sizeof(bytes))));
        }
        buf_free(&f.buf);
        arena_reset(a);
    }
    arena_close(a);
}

static void sixteen_levels_can_be_written(void **state)
{
    struct fixture f;

    (void)state;
    start(&f);
    for (unsigned i = 0; i < JSON_OUT_DEPTH_MAX; i++)
        json_out_array(&f.out);
    for (unsigned i = 0; i < JSON_OUT_DEPTH_MAX; i++)
        json_out_end_array(&f.out);
    finish(&f, "[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]");
}

static void a_full_buffer_is_marked(void **state)
{
    struct json_out out;
    struct buf buf;

    (void)state;
    buf_init(&buf, 8);
    json_out_init(&out, &buf);
    json_out_str(&out, "longer than that");
    assert_true(buf_spent(&buf));
    buf_free(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_between_and_nowhere_else),
        cmocka_unit_test(every_type_has_its_form),
        cmocka_unit_test(members_can_be_written_in_one_call),
        cmocka_unit_test(a_scalar_may_be_the_whole_text),
        cmocka_unit_test(special_bytes_are_escaped),
        cmocka_unit_test(valid_utf8_passes_and_the_rest_is_replaced),
        cmocka_unit_test(any_bytes_make_valid_json),
        cmocka_unit_test(sixteen_levels_can_be_written),
        cmocka_unit_test(a_full_buffer_is_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

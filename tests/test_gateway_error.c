/* SPDX-License-Identifier: Apache-2.0 */
/* Error bodies: each dialect's shape, always valid JSON with the stable code inside. */
#include "gateway/error.h"

#include "base/json.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct json_object *print(enum dialect d, const struct fault *f)
{
    struct json_object *o;
    struct buf b;

    buf_init(&b, 65536);
    error_print(&b, d, f, "req_1");
    assert_false(buf_spent(&b));
    assert_int_equal(json_parse(&o, buf_slice(&b)), RC_OK);
    buf_free(&b);
    return o;
}

static void is(struct json_object *o, const char *key, const char *text)
{
    struct slice s;

    assert_int_equal(json_get_string(&s, o, key), RC_OK);
    assert_true(slice_equal_str(s, text));
}

static void every_code_prints_in_every_dialect(void **state)
{
    (void)state;
    for (int rc = 1; rc < RC__COUNT; rc++) {
        struct fault f = {.rc = (enum rc)rc};
        struct json_object *o = print(DIALECT_OPENAI, &f);
        struct json_object *error;

        assert_int_equal(json_get_object(&error, o, "error"), RC_OK);
        is(error, "code", rc_reason((enum rc)rc));
        json_put(o);
        o = print(DIALECT_ANTHROPIC, &f);
        assert_int_equal(json_get_object(&error, o, "error"), RC_OK);
        is(error, "code", rc_reason((enum rc)rc));
        json_put(o);
        o = print(DIALECT_PROBLEM, &f);
        is(o, "code", rc_reason((enum rc)rc));
        json_put(o);
    }
}

static void openai_errors_have_their_members(void **state)
{
    struct fault f = {.rc = RC_BAD_INPUT, .detail = "no \"x\"\n", .param = "messages"};
    struct json_object *o = print(DIALECT_OPENAI, &f);
    struct json_object *error;

    (void)state;
    assert_int_equal(json_get_object(&error, o, "error"), RC_OK);
    is(error, "message", "no \"x\"\n");
    is(error, "type", "invalid_request_error");
    is(error, "param", "messages");
    is(error, "code", "invalid_request");
    is(error, "request_id", "req_1");
    json_put(o);
}

static void anthropic_errors_have_their_members(void **state)
{
    struct fault f = {.rc = RC_BAD_INPUT, .detail = "no", .param = "messages[0].role"};
    struct json_object *o = print(DIALECT_ANTHROPIC, &f);
    struct json_object *error;

    (void)state;
    is(o, "type", "error");
    is(o, "request_id", "req_1");
    assert_int_equal(json_get_object(&error, o, "error"), RC_OK);
    is(error, "type", "invalid_request_error");
    is(error, "message", "no");
    is(error, "code", "invalid_request");
    is(error, "param", "messages[0].role");
    json_put(o);
}

static void gemini_errors_are_google_rpc_status(void **state)
{
    struct fault f = {.rc = RC_RATE, .param = "contents"};
    struct json_object *o = print(DIALECT_GEMINI, &f);
    struct json_object *error, *details;
    uint64_t code;

    (void)state;
    assert_int_equal(json_get_object(&error, o, "error"), RC_OK);
    assert_int_equal(json_get_u64(&code, error, "code"), RC_OK);
    assert_int_equal(code, 429);
    is(error, "status", "RESOURCE_EXHAUSTED");
    assert_int_equal(json_get_array(&details, error, "details"), RC_OK);
    is(json_array_at(details, 0), "@type", "type.googleapis.com/google.rpc.ErrorInfo");
    is(json_array_at(details, 0), "reason", rc_reason(RC_RATE));
    is(json_array_at(details, 1), "@type", "type.googleapis.com/google.rpc.BadRequest");
    json_put(o);
}

static void an_upstreams_own_body_passes_whole(void **state)
{
    struct fault f = {.rc = RC_UPSTREAM_REFUSED, .whole = SLICE("{\"theirs\":\"x\"}")};
    struct json_object *o = print(DIALECT_ANTHROPIC, &f);

    (void)state;
    is(o, "theirs", "x");
    assert_int_equal(json_object_object_length(o), 1);
    json_put(o);
}

static void members_inside_and_beside_land_there(void **state)
{
    struct fault f = {.rc = RC_PAYMENT_REQUIRED,
                      .extra = SLICE("\"in\":\"1\""),
                      .beside = SLICE("\"out\":\"2\"")};
    struct json_object *o = print(DIALECT_OPENAI, &f);
    struct json_object *error;

    (void)state;
    assert_int_equal(json_get_object(&error, o, "error"), RC_OK);
    is(error, "in", "1");
    is(o, "out", "2");
    json_put(o);
    o = print(DIALECT_PROBLEM, &f);
    is(o, "in", "1");
    is(o, "out", "2");
    is(o, "type", "https://paymentauth.org/problems/payment-required");
    json_put(o);
}

static void a_status_of_its_own_wins(void **state)
{
    struct fault f = {.rc = RC_UPSTREAM_REFUSED, .status = 422, .code = "odd_tool"};
    struct json_object *o = print(DIALECT_PROBLEM, &f);
    uint64_t status;

    (void)state;
    assert_int_equal(fault_status(&f), 422);
    assert_int_equal(json_get_u64(&status, o, "status"), RC_OK);
    assert_int_equal(status, 422);
    is(o, "code", "odd_tool");
    json_put(o);
}

static void text_has_nothing_that_a_terminal_obeys(void **state)
{
    const struct fault f = {
        .rc = RC_NOT_FOUND,
        .detail = "a\x1b[2J\r\nb\xc2\x9b"
                  "31m\x7f\xff \xc3\xa4 \xc3",
    };
    struct buf b;

    (void)state;
    buf_init(&b, 4096);
    error_print(&b, DIALECT_TEXT, &f, "");
    assert_true(
        slice_equal(buf_slice(&b), SLICE("a?[2J?\nb?31m?? \xc3\xa4 ? (not_found)")));
    buf_free(&b);
}

static void text_is_the_sentence_and_the_code(void **state)
{
    struct fault f = {.rc = RC_NOT_FOUND, .detail = "There is no skill 'a'."};
    struct buf b;

    (void)state;
    buf_init(&b, 65536);
    error_print(&b, DIALECT_TEXT, &f, "req_1");
    assert_true(
        slice_equal(buf_slice(&b), SLICE("There is no skill 'a'. (not_found)")));
    assert_string_equal(error_content_type(DIALECT_TEXT), "text/plain; charset=utf-8");
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_prints_in_every_dialect),
        cmocka_unit_test(openai_errors_have_their_members),
        cmocka_unit_test(anthropic_errors_have_their_members),
        cmocka_unit_test(gemini_errors_are_google_rpc_status),
        cmocka_unit_test(an_upstreams_own_body_passes_whole),
        cmocka_unit_test(members_inside_and_beside_land_there),
        cmocka_unit_test(a_status_of_its_own_wins),
        cmocka_unit_test(text_is_the_sentence_and_the_code),
        cmocka_unit_test(text_has_nothing_that_a_terminal_obeys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

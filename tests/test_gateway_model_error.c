/* SPDX-License-Identifier: Apache-2.0 */
/* An upstream's failure as the client is told it: what passes, what becomes ours, and
 * that no secret passes. */
#include "tests/gateway_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char chat[] = "/v1/chat/completions";
static const char alone[] =
    "{\"model\":\"alone\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";

/* What the client gets when its only target answers so. */
static struct exchange *failed(unsigned status, const char *headers, const char *body)
{
    struct exchange *x = post(chat, alone);

    answers(upstream_last(), status, headers, body);
    expect_whole(x);
    expect_header(x, "Content-Type", "application/json");
    expect_header(x, "x-octroi-cost", "0.000000000");
    return x;
}

static void the_clients_fault_passes_with_the_vendors_words(void **state)
{
    static const unsigned statuses[] = {400, 413, 422};

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct exchange *x =
            failed(statuses[i], "",
                   "{\"error\":{\"message\":\"too \\\"long\\\"\",\"type\":\"bad\","
                   "\"param\":\"messages\",\"code\":\"context_length_exceeded\"}}");

        expect_error(x, statuses[i], "context_length_exceeded", "messages");
        expect_says(x, "\"message\":\"too \\\"long\\\"\",\"type\":\"bad\"");
    }
    expect_spent("0");
}

static void relatives_of_the_error_form_are_read_too(void **state)
{
    struct exchange *x;

    (void)state;
    x = failed(400, "", "{\"error\":\"bare text\"}");
    expect_says(x, "\"message\":\"bare text\"");
    expect_error(x, 400, "invalid_request", NULL);
    x = failed(400, "", "{\"message\":\"at the top\",\"code\":\"c1\"}");
    expect_says(x, "\"message\":\"at the top\"");
    expect_error(x, 400, "c1", NULL);
    x = failed(400, "", "{\"object\":\"error\",\"code\":40001,\"param\":null}");
    expect_error(x, 400, "invalid_request", NULL);
    expect_says(x, "\"message\":\"The upstream refused the request.\"");
}

static void what_is_no_error_object_gets_our_words(void **state)
{
    static const char *const bodies[] = {"",
                                         "<html>",
                                         "[1]",
                                         "{\"error\":7}",
                                         "{\"error\":{\"message\":7}}",
                                         "{\"error\":{\"message\":\"\"}}",
                                         "{\"error\":{},\"error\":{}}"};

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct exchange *x = failed(400, "", bodies[i]);

        expect_error(x, 400, "invalid_request", NULL);
        expect_says(x, "\"message\":\"The upstream refused the request.\"");
    }
}

static void no_key_of_ours_passes_whole_or_cut(void **state)
{
    struct exchange *x;

    (void)state;
    x = failed(400, "",
               "{\"error\":{\"message\":\"your key sk-upstream-one-0123456789 is\","
               "\"param\":\"sk-upstream-one\",\"code\":\"sk-upstream-\","
               "\"type\":\"k sk-\\u0075pstream-one\"}}");
    expect_error(x, 400, "invalid_request", NULL);
    expect_silent_about(x, "upstream-");
    x = failed(400, "", "{\"error\":{\"message\":\"your key sk-upst***\"}}");
    expect_says(x, "sk-upst***"); /* not enough to be one */
    assert_false(logged("sk-upstream"));
}

static void control_characters_and_bad_text_are_made_safe(void **state)
{
    struct exchange *x =
        failed(400, "", "{\"error\":{\"message\":\"a\\nb\\u001b[31m\\u2028\"}}");

    (void)state;
    expect_says(x, "\"message\":\"a\\nb\\u001b[31m");
    assert_true(slice_find(buf_slice(&x->out), '\n') == buf_len(&x->out));
}

static void a_long_message_is_cut(void **state)
{
    static char body[70000];
    struct exchange *x;

    (void)state;
    (void)snprintf(body, sizeof(body), "{\"error\":{\"message\":\"%030000d\"}}", 0);
    x = failed(400, "", body);
    assert_in_range(buf_len(&x->out), 2000, 2300);
    /* More than is collected of an error: no JSON any more. */
    (void)snprintf(body, sizeof(body), "{\"error\":{\"message\":\"%069000d\"}}", 0);
    x = failed(400, "", body);
    expect_says(x, "\"message\":\"The upstream refused the request.\"");
}

static void a_refusal_of_our_key_is_not_the_clients(void **state)
{
    static const unsigned statuses[] = {401, 402, 403};

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct exchange *x = failed(statuses[i], "WWW-Authenticate: Bearer\n",
                                    "{\"error\":{\"message\":\"bad key\"}}");

        expect_error(x, 502, "upstream_error", NULL);
        expect_says(x, "refused the gateway's own credentials");
        expect_silent_about(x, "bad key");
        expect_no_header(x, "WWW-Authenticate");
    }
}

static void a_rate_limit_passes_with_its_wait(void **state)
{
    static const struct {
        const char *header;
        const char *wait;
    } cases[] = {
        {"Retry-After: 17\n", "17"},
        {"retry-after:  3 \n", "3"},
        {"Retry-After: 999999999\n", "86400"},
        {"Retry-After: 99999999999999999999999\n", "1"},
        {"Retry-After: Wed, 21 Oct 2026 07:28:00 GMT\n", "1"},
        {"Retry-After: 0\n", "1"},
        {"", "1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exchange *x =
            failed(429, cases[i].header, "{\"error\":{\"message\":\"slow down\"}}");

        expect_error(x, 429, "rate_limited", NULL);
        expect_header(x, "Retry-After", cases[i].wait);
        expect_silent_about(x, "slow down");
    }
}

/* google.rpc.RetryInfo. */
static void a_wait_that_is_told_in_the_body_passes_too(void **state)
{
    static const struct {
        const char *delay, *retry;
    } cases[] = {
        {"\"34.4s\"", "35"}, {"\"7s\"", "7"}, {"\"7\"", "1"},
        {"\"s\"", "1"},      {"7", "1"},      {"\"9999s\"", "1"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char body[256];

        (void)snprintf(body, sizeof(body),
                       "{\"error\":{\"code\":429,\"details\":[{\"@type\":\"x\"},{"
                       "\"retryDelay\":%s}]}}",
                       cases[i].delay);
        expect_header(failed(429, "", body), "Retry-After", cases[i].retry);
    }
}

static void everything_else_becomes_ours(void **state)
{
    static const struct {
        unsigned status;
        unsigned told;
        const char *code;
        const char *words;
    } cases[] = {
        {500, 502, "upstream_error", "failed with status 500; nothing was charged"},
        {503, 502, "upstream_error", "failed with status 503"},
        {404, 502, "upstream_error", "failed with status 404"},
        {418, 502, "upstream_error", "failed with status 418"},
        {302, 502, "upstream_error", "failed with status 302"},
        {408, 504, "upstream_timeout", "did not answer in time"},
        {504, 504, "upstream_timeout", "did not answer in time"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exchange *x = failed(cases[i].status, "Location: http://x/\n",
                                    "{\"error\":{\"message\":\"vendor\"}}");

        expect_error(x, cases[i].told, cases[i].code, NULL);
        expect_says(x, cases[i].words);
        expect_silent_about(x, "vendor");
        expect_no_header(x, "Location");
    }
}

static void an_answer_that_is_none_is_told_as_such(void **state)
{
    struct exchange *x = failed(200, "Content-Encoding: gzip\n", "\x1f\x8b");

    (void)state;
    expect_error(x, 502, "upstream_error", NULL);
    expect_says(x, "not what was asked for");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(the_clients_fault_passes_with_the_vendors_words),
        GATE_TEST(relatives_of_the_error_form_are_read_too),
        GATE_TEST(what_is_no_error_object_gets_our_words),
        GATE_TEST(no_key_of_ours_passes_whole_or_cut),
        GATE_TEST(control_characters_and_bad_text_are_made_safe),
        GATE_TEST(a_long_message_is_cut),
        GATE_TEST(a_refusal_of_our_key_is_not_the_clients),
        GATE_TEST(a_rate_limit_passes_with_its_wait),
        GATE_TEST(a_wait_that_is_told_in_the_body_passes_too),
        GATE_TEST(everything_else_becomes_ours),
        GATE_TEST(an_answer_that_is_none_is_told_as_such),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is decided before a call begins: paths and methods, media types, rates, and the
 * fate of an Idempotency-Key. */
#include "tests/gateway_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char chat[] = "/v1/chat/completions";
static const char alone[] =
    "{\"model\":\"alone\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
/* 10 tokens in, 20 out: 0.00021 USD. */
static const char answer[] =
    "{\"choices\":[{\"message\":{\"content\":\"hi\"}}],"
    "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20,\"total_tokens\":30}}";
static const char key[] = "Idempotency-Key: order-1\n";

/* ---- Admission ---- */

static void unknown_paths_and_methods_are_told_in_the_paths_dialect(void **state)
{
    struct exchange *x;

    (void)state;
    x = get("/v1/nothing");
    expect_error(x, 404, "not_found", NULL);
    expect_says(x, "{\"error\":{");
    x = get("/nothing");
    expect_error(x, 404, "not_found", NULL);
    expect_header(x, "Content-Type", "application/problem+json");
    x = get(chat);
    expect_error(x, 405, "method_not_allowed", NULL);
    expect_header(x, "Allow", "POST");
    x = ask("DELETE", "/v1/models", "", NULL);
    expect_error(x, 405, "method_not_allowed", NULL);
    expect_header(x, "Allow", "GET");
    expect_error(get("/v1/wallet/../models"), 400, "invalid_request", NULL);
    expect_error(get("/v1//models"), 400, "invalid_request", NULL);
}

static void what_the_server_refuses_has_the_paths_dialect(void **state)
{
    const char *type = NULL;
    struct buf body;

    (void)state;
    buf_init(&body, 4096);
    gate.user.refuse(gate.user.arg, SLICE("/v1/chat/completions"), RC_HEADERS_TOO_BIG,
                     "too many", &body, &type);
    assert_string_equal(type, "application/json");
    assert_true(
        slice_starts(buf_slice(&body), SLICE("{\"error\":{\"message\":\"too many\"")));
    buf_reset(&body);
    gate.user.refuse(gate.user.arg, SLICE("/v1/data/a"), RC_BAD_VERSION, NULL, &body,
                     &type);
    assert_string_equal(type, "application/problem+json");
    buf_free(&body);
}

static void bodies_are_json_where_that_is_asked(void **state)
{
    char headers[256];
    struct exchange *x;

    (void)state;
    (void)snprintf(headers, sizeof(headers), "%sContent-Type: text/plain\n", bearer());
    expect_error(ask("POST", chat, headers, alone), 415, "unsupported_media_type",
                 NULL);
    (void)snprintf(headers, sizeof(headers),
                   "%sContent-Type: Application/JSON ; charset=utf-8\n", bearer());
    x = ask("POST", chat, headers, alone);
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
    x = ask("POST", chat, bearer(), alone); /* none given */
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
}

static void a_body_too_large_or_too_late_is_told(void **state)
{
    struct exchange *x;
    char *large;

    (void)state;
    gate_config("providers: {p: {kind: compatible, base_url: \"https://p.example\"}}\n"
                "models: {alone: {targets: [{provider: p, model: m}], "
                "price: {input: \"1\", output: \"10\"}}}\n"
                "limits: {max_body_bytes: 1024}\n");
    large = calloc(1, 1026);
    assert_non_null(large);
    memset(large, ' ', 1025);
    x = post(chat, large);
    expect_error(x, 413, "too_large", NULL);
    free(large);
    x = client_head(&gate.user, "POST", chat, bearer(), true);
    gate.user.failed(gate.user.arg, x, RC_CLIENT_TIMEOUT);
    expect_error(x, 408, "request_timeout", NULL);
    assert_int_equal(upstream_count(), 0);
}

static void what_is_free_takes_no_large_body(void **state)
{
    struct exchange *x = client_head(&gate.user, "GET", "/v1/models", "", true);

    (void)state;
    assert_int_equal(x->max_body, 16384);
    client_body(&gate.user, x, SLICE("some clients do"));
    expect_status(x, 200);
    x = client_head(&gate.user, "POST", chat, bearer(), true);
    assert_int_equal(x->max_body, 8388608);
    leave(x);
}

static void while_draining_no_call_is_taken_but_its_state_is_told(void **state)
{
    struct exchange *x;

    (void)state;
    gate.worker.draining = true;
    x = post(chat, alone);
    expect_error(x, 503, "draining", NULL);
    expect_header(x, "Retry-After", "1");
    expect_error(get("/v1/data/search/search"), 503, "draining", NULL);
    x = get("/readyz");
    expect_status(x, 503);
    expect_says(x, "\"ready\":false");
    expect_says(x, "\"draining\":true");
    expect_status(get("/healthz"), 200);
}

/* ---- Rates ---- */

static void config_with(const char *limits)
{
    char yaml[512];

    (void)snprintf(
        yaml, sizeof(yaml),
        "providers: {p: {kind: compatible, base_url: \"https://p.example\"}}\n"
        "models: {alone: {targets: [{provider: p, model: m}], "
        "price: {input: \"1\", output: \"10\"}, hold_output_tokens: 1000}}\n"
        "limits: {%s}\n",
        limits);
    gate_config(yaml);
}

static void so_many_calls_at_once_and_no_more(void **state)
{
    struct exchange *first, *third;

    (void)state;
    config_with("concurrent: 2");
    first = post(chat, alone);
    (void)post(chat, alone);
    third = post(chat, alone);
    expect_error(third, 429, "rate_limited", NULL);
    expect_header(third, "Retry-After", "1");
    expect_status(get("/v1/wallet"), 200); /* what is free is not counted */
    answers_json(upstream_nth(0), answer);
    expect_status(first, 200);
    (void)post(chat, alone);
    assert_int_equal(upstream_count(), 3);
    answers_json(upstream_nth(1), answer);
    answers_json(upstream_nth(2), answer);
}

static void so_many_calls_a_minute_and_no_more(void **state)
{
    struct exchange *x;

    (void)state;
    config_with("requests_per_minute: 2");
    for (unsigned i = 0; i < 2; i++) {
        (void)post(chat, alone);
        answers_json(upstream_last(), answer);
    }
    x = post(chat, alone);
    expect_error(x, 429, "rate_limited", NULL);
    expect_header(x, "Retry-After", "31");
    gate_advance(31000);
    x = post(chat, alone);
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
}

static void tokens_are_taken_at_their_worst_and_given_back(void **state)
{
    struct exchange *x;

    (void)state;
    config_with("tokens_per_minute: 2000");
    x = post(chat, alone); /* 32 + 1000 */
    expect_error(post(chat, alone), 429, "rate_limited", NULL);
    answers_json(upstream_last(), answer); /* 30 of them */
    expect_status(x, 200);
    x = post(chat, alone);
    answers(upstream_last(), 400, "", "{}"); /* none */
    x = post(chat, alone);
    assert_int_equal(upstream_count(), 3);
    leave(x);
    x = post(chat, alone);
    assert_int_equal(upstream_count(), 4);
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
}

/* ---- Idempotency ---- */

static void a_key_must_be_one_and_of_sane_length(void **state)
{
    static const char *const bad[] = {"Idempotency-Key: \n",
                                      "Idempotency-Key: a\nIdempotency-Key: a\n",
                                      "Idempotency-Key: a\x01z\n"};
    char long_key[320];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_error(post_with(chat, bad[i], alone), 400, "invalid_request",
                     "Idempotency-Key");
    (void)snprintf(long_key, sizeof(long_key), "Idempotency-Key: %0256d\n", 0);
    expect_error(post_with(chat, long_key, alone), 400, "invalid_request",
                 "Idempotency-Key");
    (void)snprintf(long_key, sizeof(long_key), "Idempotency-Key: %0255d\n", 0);
    (void)post_with(chat, long_key, alone);
    answers_json(upstream_last(), answer);
}

static void a_repeat_is_answered_without_a_second_call(void **state)
{
    struct exchange *x, *again;
    char id[WALLET_ID_TEXT_SIZE];

    (void)state;
    x = post_with(chat, key, alone);
    answers_json(upstream_last(), answer);
    (void)snprintf(id, sizeof(id), "%s", client_header(x, "x-request-id"));
    again = post_with(chat, key, alone);
    expect_status(again, 200);
    expect_body(again, answer);
    expect_header(again, "Idempotent-Replayed", "true");
    expect_header(again, "x-octroi-cost", "0.000210000");
    expect_header(again, "x-octroi-original-request-id", id);
    expect_header(again, "Content-Type", "application/json");
    assert_int_equal(upstream_count(), 1);
    expect_spent("0.00021");
}

static void a_streamed_answer_is_repeated_as_a_stream(void **state)
{
    static const char stream[] =
        "{\"model\":\"alone\",\"stream\":true,"
        "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
    static const char events[] =
        "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\ndata: [DONE]\n\n";
    struct exchange *x;

    (void)state;
    x = post_with(chat, key, stream);
    streams(upstream_last(), events);
    ends(upstream_last(), UPSTREAM_FINE);
    expect_body(x, events);
    x = post_with(chat, key, stream);
    expect_status(x, 200);
    expect_header(x, "Content-Type", "text/event-stream");
    expect_header(x, "Idempotent-Replayed", "true");
    expect_header(x, "x-octroi-cost", "0.000030000"); /* 20 in, 1 out */
    expect_body(x, events);
    assert_int_equal(upstream_count(), 1);
}

static void a_repeat_while_the_call_runs_is_told_to_wait(void **state)
{
    struct exchange *x = post_with(chat, key, alone);

    (void)state;
    expect_error(post_with(chat, key, alone), 409, "idempotency_in_flight", NULL);
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
    assert_int_equal(upstream_count(), 1);
}

static void the_same_key_for_something_else_is_refused(void **state)
{
    struct exchange *x;

    (void)state;
    (void)post_with(chat, key, alone);
    x = post_with(chat, key,
                  "{\"model\":\"alone\",\"messages\":[{\"role\":\"user\"}]}");
    expect_error(x, 422, "idempotency_mismatch", NULL);
    expect_header(x, "x-should-retry", "false");
    answers_json(upstream_last(), answer);
    /* Another path or query is something else too, if the bodies are equal. */
    (void)post_with("/v1/data/search/post?a=1", "Idempotency-Key: q\n", "x");
    answers(upstream_last(), 200, "", "");
    expect_error(post_with("/v1/data/search/post?a=2", "Idempotency-Key: q\n", "x"),
                 422, "idempotency_mismatch", NULL);
    expect_error(post_with("/v1/data/search/files/p?a=1", "Idempotency-Key: q\n", "x"),
                 422, "idempotency_mismatch", NULL);
}

static void the_same_key_of_another_wallet_is_another(void **state)
{
    struct id other = new_wallet(&gate.money, "other");
    struct key_text text;
    char headers[256];

    (void)state;
    fund(&gate.money, other, "1");
    text = new_key(&gate.money, other);
    (void)post_with(chat, key, alone);
    answers_json(upstream_last(), answer);
    (void)snprintf(headers, sizeof(headers), "Authorization: Bearer %s\n%s", text.text,
                   key);
    (void)ask("POST", chat, headers, alone);
    assert_int_equal(upstream_count(), 2);
    answers_json(upstream_last(), answer);
    assert_usd(balance_of(&gate.money, other), "0.99979");
}

static void a_failure_before_any_work_frees_the_key(void **state)
{
    struct exchange *x;

    (void)state;
    x = post_with(chat, key, alone);
    ends(upstream_last(), UPSTREAM_CONNECT);
    expect_status(x, 502);
    x = post_with(chat, key, alone);
    ends(upstream_last(), UPSTREAM_BLOCKED);
    expect_status(x, 502);
    x = post_with(chat, key, alone);
    answers(upstream_last(), 429, "", "{}");
    expect_status(x, 429);
    book_refuse(RC_BUSY, 1);
    expect_status(post_with(chat, key, alone), 503);
    x = post_with(chat, key, alone);
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
    assert_int_equal(upstream_count(), 4);
}

static void a_failure_that_may_have_done_the_work_keeps_it(void **state)
{
    static const enum upstream_fail fails[] = {UPSTREAM_SLOW, UPSTREAM_CUT,
                                               UPSTREAM_TOO_BIG, UPSTREAM_STOPPED};

    char header[64], id[WALLET_ID_TEXT_SIZE], text[128];
    struct exchange *x;

    (void)state;
    for (size_t i = 0; i < sizeof(fails) / sizeof(fails[0]); i++) {
        (void)snprintf(header, sizeof(header), "Idempotency-Key: k%zu\n", i);
        x = post_with(chat, header, alone);
        ends(upstream_last(), fails[i]);
        (void)snprintf(id, sizeof(id), "%s", client_header(x, "x-request-id"));
        x = post_with(chat, header, alone);
        expect_error(x, 409, "idempotency_answer_gone", NULL);
        (void)snprintf(text, sizeof(text),
                       "\"cost\":\"0.000000000\",\"original_request_id\":\"%s\"", id);
        expect_says(x, text);
        expect_header(x, "x-should-retry", "false");
    }
    assert_int_equal(upstream_count(), 4);
    expect_spent("0");
}

static void an_answer_too_large_to_keep_is_gone(void **state)
{
    struct buf large;
    struct exchange *x;

    (void)state;
    buf_init(&large, 4 << 20);
    buf_append_str(&large, "{\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20},"
                           "\"text\":\"");
    while (buf_len(&large) < ANSWER_BYTES_MAX)
        buf_append_str(&large, "0123456789abcdef");
    buf_append_str(&large, "\"}");
    x = post_with(chat, key, alone);
    upstream_says_head(upstream_last(), 200, "");
    upstream_says(upstream_last(), buf_slice(&large));
    ends(upstream_last(), UPSTREAM_FINE);
    assert_true(slice_equal(buf_slice(&x->out), buf_slice(&large)));
    x = post_with(chat, key, alone);
    expect_error(x, 409, "idempotency_answer_gone", NULL);
    expect_says(x, "\"cost\":\"0.000210000\"");
    buf_free(&large);
    expect_spent("0.00021");
}

static void two_that_ask_for_one_key_at_once_make_one_call(void **state)
{
    struct exchange *first, *second;

    (void)state;
    book_keep();
    first = post_with(chat, key, alone);
    second = post_with(chat, key, alone);
    assert_int_equal(request_of(second)->state, REQUEST_HOLD); /* both saw it free */
    book_release();
    expect_error(second, 409, "idempotency_in_flight", NULL);
    answers_json(upstream_last(), answer);
    expect_status(first, 200);
    assert_int_equal(upstream_count(), 1);
}

static void who_comes_too_late_to_the_book_gets_the_answer(void **state)
{
    struct exchange *first, *second;

    (void)state;
    book_keep();
    second = post_with(chat, key, alone);
    book_pass();
    first = post_with(chat, key, alone);
    answers_json(upstream_last(), answer);
    expect_status(first, 200);
    book_release();
    expect_body(second, answer);
    expect_header(second, "Idempotent-Replayed", "true");
    assert_int_equal(upstream_count(), 1);
    expect_spent("0.00021");
}

static void a_key_whose_call_died_with_its_process_is_not_run_again(void **state)
{
    struct call *c = new_call(&gate.money);
    struct exchange *x;

    (void)state;
    x = post_with(chat, key, alone);
    c->hold.idem = request_of(x)->idem;
    ends(upstream_last(), UPSTREAM_CONNECT); /* which frees it */
    assert_int_equal(hold_call(&gate.money, c, gate.wallet, "1"), RC_OK);
    expect_error(post_with(chat, key, alone), 409, "idempotency_in_flight", NULL);
    fixture_reboot_book(&gate.money);
    gate.worker.book = gate.money.book;
    expect_error(post_with(chat, key, alone), 409, "idempotency_answer_gone", NULL);
    assert_int_equal(upstream_count(), 1);
    gate.holds_left = 1;
}

static void an_answer_that_the_client_did_not_wait_for_can_be_had_again(void **state)
{
    struct exchange *x = post_with(chat, key, alone);

    (void)state;
    book_keep();
    answers_json(upstream_last(), answer);
    leave(x);
    book_release();
    x = post_with(chat, key, alone);
    expect_body(x, answer);
    expect_header(x, "Idempotent-Replayed", "true");
    expect_spent("0.00021");
}

static void what_a_client_left_halfway_is_gone_and_charged_once(void **state)
{
    struct exchange *x;

    (void)state;
    x = post_with("/v1/data/search/post", key, "x");
    leave(x);
    x = post_with("/v1/data/search/post", key, "x");
    expect_error(x, 409, "idempotency_answer_gone", NULL);
    expect_says(x, "\"cost\":\"0.250000000\"");
    assert_int_equal(upstream_count(), 1);
    expect_spent("0.25");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(unknown_paths_and_methods_are_told_in_the_paths_dialect),
        GATE_TEST(what_the_server_refuses_has_the_paths_dialect),
        GATE_TEST(bodies_are_json_where_that_is_asked),
        GATE_TEST(a_body_too_large_or_too_late_is_told),
        GATE_TEST(what_is_free_takes_no_large_body),
        GATE_TEST(while_draining_no_call_is_taken_but_its_state_is_told),
        GATE_TEST(so_many_calls_at_once_and_no_more),
        GATE_TEST(so_many_calls_a_minute_and_no_more),
        GATE_TEST(tokens_are_taken_at_their_worst_and_given_back),
        GATE_TEST(a_key_must_be_one_and_of_sane_length),
        GATE_TEST(a_repeat_is_answered_without_a_second_call),
        GATE_TEST(a_streamed_answer_is_repeated_as_a_stream),
        GATE_TEST(a_repeat_while_the_call_runs_is_told_to_wait),
        GATE_TEST(the_same_key_for_something_else_is_refused),
        GATE_TEST(the_same_key_of_another_wallet_is_another),
        GATE_TEST(a_failure_before_any_work_frees_the_key),
        GATE_TEST(a_failure_that_may_have_done_the_work_keeps_it),
        GATE_TEST(an_answer_too_large_to_keep_is_gone),
        GATE_TEST(two_that_ask_for_one_key_at_once_make_one_call),
        GATE_TEST(who_comes_too_late_to_the_book_gets_the_answer),
        GATE_TEST(a_key_whose_call_died_with_its_process_is_not_run_again),
        GATE_TEST(an_answer_that_the_client_did_not_wait_for_can_be_had_again),
        GATE_TEST(what_a_client_left_halfway_is_gone_and_charged_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

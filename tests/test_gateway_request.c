/* SPDX-License-Identifier: Apache-2.0 */
/* The life of a request: in which order things happen, and what each event does in each
 * state. Models with one target or three, and the data API. */
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
static const char chain[] =
    "{\"model\":\"chain\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
static const char stream[] =
    "{\"model\":\"alone\",\"stream\":true,"
    "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
static const char chain_stream[] =
    "{\"model\":\"chain\",\"stream\":true,"
    "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
/* 10 tokens in, 20 out: 0.00021 USD. */
static const char answer[] =
    "{\"choices\":[{\"message\":{\"content\":\"hi\"}}],"
    "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20,\"total_tokens\":30}}";
static const char delta[] =
    "data: {\"choices\":[{\"delta\":{\"content\":\"twelve bytes\"}}]}\n\n";

static enum request_state state_of(struct exchange *x)
{
    return request_of(x)->state;
}

/* ---- The plain way ---- */

static void a_call_goes_through_its_states_in_order(void **state)
{
    struct exchange *x;

    (void)state;
    x = client_head(&gate.user, "POST", chat, bearer(), true);
    assert_int_equal(state_of(x), REQUEST_READ);
    book_keep();
    client_body(&gate.user, x, slice_str(stream));
    assert_int_equal(state_of(x), REQUEST_HOLD);
    book_release();
    assert_int_equal(state_of(x), REQUEST_SEND);
    streams(upstream_last(), delta);
    assert_int_equal(state_of(x), REQUEST_ANSWER);
    book_keep();
    says(upstream_last(), "data: [DONE]\n\n");
    ends(upstream_last(), UPSTREAM_FINE);
    assert_int_equal(state_of(x), REQUEST_SETTLE);
    x->room_max = 0;
    book_release();
    assert_int_equal(state_of(x), REQUEST_DRAIN);
    x->room_max = HTTP_OUT_HIGH;
    gate.user.writable(gate.user.arg, x);
    expect_whole(x);
    assert_int_equal(gate.worker.live, 0);
}

static void a_wake_up_that_means_nothing_changes_nothing(void **state)
{
    struct exchange *x = client_head(&gate.user, "POST", chat, bearer(), true);

    (void)state;
    gate.user.writable(gate.user.arg, x);
    assert_int_equal(state_of(x), REQUEST_READ);
    book_keep();
    client_body(&gate.user, x, slice_str(alone));
    gate.user.writable(gate.user.arg, x);
    assert_int_equal(state_of(x), REQUEST_HOLD);
    book_release();
    gate.user.writable(gate.user.arg, x);
    assert_int_equal(state_of(x), REQUEST_SEND);
    book_keep();
    answers_json(upstream_last(), answer);
    gate.user.writable(gate.user.arg, x);
    assert_int_equal(state_of(x), REQUEST_SETTLE);
    assert_int_equal(book_submitted(), 2);
    book_release();
    expect_body(x, answer);
}

static void requests_are_used_again(void **state)
{
    const struct request *first;
    struct exchange *x;

    (void)state;
    x = post(chat, alone);
    first = request_of(x);
    answers_json(upstream_last(), answer);
    x = post(chat, alone);
    assert_ptr_equal(request_of(x), first);
    assert_true(money_is_zero(first->cost) && first->attempts == 1 && !first->gone);
    answers_json(upstream_last(), answer);
    expect_spent("0.00042");
}

static void many_calls_at_once_do_not_meet(void **state)
{
    struct exchange *x[50];

    (void)state;
    for (unsigned i = 0; i < 50; i++)
        x[i] = post(chat, alone);
    for (unsigned i = 0; i < 50; i++) {
        unsigned turn = i * 7 % 50; /* each once, in another order */
        char text[64];

        (void)snprintf(text, sizeof(text), "{\"id\":\"answer %u\"}", turn);
        answers_json(upstream_nth(turn), text);
        expect_body(x[turn], text);
    }
}

/* ---- Other targets ---- */

static void every_failure_before_the_first_byte_tries_the_next_target(void **state)
{
    static const enum upstream_fail fails[] = {UPSTREAM_CONNECT, UPSTREAM_BLOCKED,
                                               UPSTREAM_SLOW, UPSTREAM_CUT,
                                               UPSTREAM_STOPPED};
    struct exchange *x;

    (void)state;
    for (size_t i = 0; i < sizeof(fails) / sizeof(fails[0]); i++) {
        x = post(chat, chain);
        assert_string_equal(upstream_last()->url,
                            "https://one.example/v1/chat/completions");
        ends(upstream_last(), fails[i]);
        assert_string_equal(upstream_last()->url,
                            "https://two.example/v1/chat/completions");
        answers_json(upstream_last(), answer);
        expect_body(x, answer);
    }
    expect_spent("0.00105");
}

static void a_status_of_the_upstreams_own_tries_the_next_target(void **state)
{
    static const unsigned statuses[] = {401, 402, 403, 404, 408, 409, 425, 429,
                                        500, 502, 503, 504, 529, 301, 304};

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct exchange *x = post(chat, chain);

        answers(upstream_last(), statuses[i], "", "{\"error\":{}}");
        answers_json(upstream_last(), answer);
        expect_body(x, answer);
    }
    assert_int_equal(upstream_count(), 2 * sizeof(statuses) / sizeof(statuses[0]));
}

static void an_answer_that_breaks_off_before_it_was_shown_tries_the_next_target(
    void **state)
{
    struct exchange *x = post(chat, chain);

    (void)state;
    upstream_says_head(upstream_last(), 200, "");
    says(upstream_last(), "{\"choices\":[{\"mess");
    ends(upstream_last(), UPSTREAM_CUT);
    answers_json(upstream_last(), answer);
    expect_body(x, answer); /* nothing of the first one */
    expect_spent("0.00021");
}

static void garbage_tries_the_next_target(void **state)
{
    static const char *const bodies[] = {"",
                                         "no json",
                                         "[1]",
                                         "{\"a\":1,\"a\":2}",
                                         "{\"error\":{\"message\":\"no\"}}",
                                         "{\"error\":\"no\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct exchange *x = post(chat, chain);

        answers_json(upstream_last(), bodies[i]);
        answers_json(upstream_last(), answer);
        expect_body(x, answer);
    }
}

static void what_is_the_clients_fault_is_not_tried_elsewhere(void **state)
{
    static const unsigned statuses[] = {400, 413, 422};

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct exchange *x = post(chat, chain);

        answers(upstream_last(), statuses[i], "", "{\"error\":{\"message\":\"no\"}}");
        expect_status(x, statuses[i]);
        expect_says(x, "\"message\":\"no\"");
        assert_int_equal(upstream_count(), i + 1);
    }
    expect_spent("0");
}

static void an_answer_too_big_is_not_asked_for_elsewhere(void **state)
{
    struct exchange *x = post(chat, chain);

    (void)state;
    upstream_says_head(upstream_last(), 200, "");
    ends(upstream_last(), UPSTREAM_TOO_BIG);
    expect_error(x, 502, "upstream_error", NULL);
    assert_int_equal(upstream_count(), 1);
    expect_spent("0");
}

static void when_all_fail_the_last_error_is_told_and_nothing_charged(void **state)
{
    static const struct {
        enum upstream_fail fail;
        unsigned status;
        const char *code;
    } cases[] = {
        {UPSTREAM_CONNECT, 502, "upstream_error"},
        {UPSTREAM_BLOCKED, 502, "upstream_blocked"},
        {UPSTREAM_SLOW, 504, "upstream_timeout"},
        {UPSTREAM_CUT, 502, "upstream_error"},
        {UPSTREAM_STOPPED, 502, "upstream_error"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exchange *x = post(chat, chain);

        for (unsigned attempt = 0; attempt < 3; attempt++)
            ends(upstream_last(), cases[i].fail);
        expect_error(x, cases[i].status, cases[i].code, NULL);
        expect_header(x, "x-octroi-cost", "0.000000000");
        expect_header(x, "x-octroi-balance", "10.000000000");
        assert_int_equal(upstream_count(), 3 * (i + 1));
    }
    expect_spent("0");
}

static void the_last_error_is_told_without_words_of_those_before(void **state)
{
    struct exchange *x = post(chat, chain);

    (void)state;
    answers(upstream_last(), 429, "Retry-After: 77\n", "{}");
    ends(upstream_last(), UPSTREAM_SLOW);
    ends(upstream_last(), UPSTREAM_CUT);
    expect_error(x, 502, "upstream_error", NULL);
    expect_no_header(x, "Retry-After");
}

static void the_last_429_is_told_with_its_wait(void **state)
{
    struct exchange *x = post(chat, chain);

    (void)state;
    ends(upstream_last(), UPSTREAM_CONNECT);
    answers(upstream_last(), 500, "", "{}");
    answers(upstream_last(), 429, "Retry-After: 77\n", "{}");
    expect_error(x, 429, "rate_limited", NULL);
    expect_header(x, "Retry-After", "77");
}

static void an_upstream_module_that_is_full_is_503(void **state)
{
    struct exchange *x;

    (void)state;
    upstream_refuses = RC_BUSY;
    x = post(chat, alone);
    expect_error(x, 503, "overloaded", NULL);
    expect_held("0");
    assert_int_equal(upstream_count(), 0);
}

static void a_second_try_that_cannot_start_tells_why(void **state)
{
    struct exchange *x = post(chat, chain);

    (void)state;
    upstream_refuses = RC_BUSY;
    answers(upstream_last(), 429, "", "{}");
    expect_error(x, 503, "overloaded", NULL);
    expect_held("0");
}

/* ---- After the first byte ---- */

static void after_the_first_byte_there_is_no_other_target(void **state)
{
    static const enum upstream_fail fails[] = {
        UPSTREAM_CONNECT, UPSTREAM_BLOCKED, UPSTREAM_SLOW, UPSTREAM_CUT,
        UPSTREAM_TOO_BIG, UPSTREAM_STOPPED, UPSTREAM_FINE};

    (void)state;
    for (size_t i = 0; i < sizeof(fails) / sizeof(fails[0]); i++) {
        struct exchange *x = post(chat, chain_stream);

        streams(upstream_last(), delta);
        ends(upstream_last(), fails[i]); /* even a good end: [DONE] is missing */
        expect_status(x, 200);
        expect_whole(x);
        expect_says(x, delta);
        expect_says(x, fails[i] == UPSTREAM_SLOW      ? "\"code\":\"upstream_timeout\""
                       : fails[i] == UPSTREAM_BLOCKED ? "\"code\":\"upstream_blocked\""
                                                      : "\"code\":\"upstream_error\"");
        expect_silent_about(x, "[DONE]");
        assert_int_equal(upstream_count(), i + 1);
    }
}

static void a_break_is_told_without_words_of_targets_that_failed_before(void **state)
{
    struct exchange *x = post(chat, chain_stream);

    (void)state;
    answers(upstream_last(), 429, "Retry-After: 9\n", "{}");
    streams(upstream_last(), delta);
    ends(upstream_last(), UPSTREAM_CUT);
    expect_says(x, "\"code\":\"upstream_error\"");
    expect_silent_about(x, "rate_limited");
}

static void a_broken_stream_costs_what_was_delivered(void **state)
{
    struct exchange *x = post(chat, stream);
    struct row r;

    (void)state;
    streams(upstream_last(), delta);
    ends(upstream_last(), UPSTREAM_CUT);
    /* 78 bytes in, 12 out, at four for a token: 20 and 3. */
    assert_int_equal(strlen(stream), 78);
    expect_spent("0.00005");
    assert_int_equal(row_of(&r, x), RC_OK);
    assert_true(r.row.estimated);
    assert_int_equal(r.row.prompt_tokens, 20);
    assert_int_equal(r.row.completion_tokens, 3);
}

static void a_flat_price_is_not_taken_when_the_upstream_breaks(void **state)
{
    struct exchange *x = get("/v1/data/search/search");

    (void)state;
    upstream_says_head(upstream_last(), 200, "Content-Type: text/event-stream\n");
    says(upstream_last(), "data: 1\n\n");
    assert_int_equal(state_of(x), REQUEST_ANSWER);
    ends(upstream_last(), UPSTREAM_CUT);
    expect_cut(x);
    expect_spent("0");
}

/* ---- The client leaves ---- */

static void a_client_that_leaves_before_its_body_is_forgotten(void **state)
{
    struct exchange *x = client_head(&gate.user, "POST", chat, bearer(), true);

    (void)state;
    leave(x);
    assert_true(x->finished);
    assert_int_equal(book_submitted(), 0);
    assert_true(logged("\"status\":499"));
}

static void a_client_that_leaves_while_the_hold_is_made_pays_nothing(void **state)
{
    struct exchange *x;

    (void)state;
    book_keep();
    x = post(chat, alone);
    leave(x);
    assert_false(x->finished); /* the book has its memory */
    book_release();
    assert_true(x->finished);
    assert_int_equal(upstream_count(), 0);
    expect_spent("0");
    expect_held("0");
}

static void a_client_that_leaves_while_the_hold_is_refused_is_forgotten(void **state)
{
    struct exchange *x;

    (void)state;
    pay(&gate.money, gate.wallet, "10", "10");
    book_keep();
    x = post(chat, alone);
    leave(x);
    book_release();
    assert_true(x->finished);
    assert_true(logged("\"status\":499"));
}

static void a_client_that_leaves_while_an_upstream_works_cancels_it_at_once(
    void **state)
{
    struct exchange *x = post(chat, alone);

    (void)state;
    client_leaves(&gate.user, x);
    assert_true(upstream_last()->cancelled);
    gate_turn();
    assert_true(x->finished);
    expect_spent("0"); /* a model's answer: nothing was delivered */
}

static void a_client_that_leaves_a_data_call_pays_its_price(void **state)
{
    struct exchange *x = get("/v1/data/search/search");

    (void)state;
    leave(x);
    assert_true(upstream_last()->cancelled);
    expect_spent("0.005");
}

static void a_client_that_leaves_a_stream_pays_what_was_delivered(void **state)
{
    struct exchange *x = post(chat, stream);
    struct row r;

    (void)state;
    streams(upstream_last(), delta);
    client_leaves(&gate.user, x);
    assert_true(upstream_last()->cancelled);
    gate_turn();
    assert_true(x->finished);
    expect_spent("0.00005");
    assert_int_equal(row_of(&r, x), RC_OK);
    assert_int_equal(r.row.status, 499);
    assert_true(r.row.estimated);
}

static void a_client_that_leaves_while_it_is_booked_pays(void **state)
{
    struct exchange *x = post(chat, alone);

    (void)state;
    book_keep();
    answers_json(upstream_last(), answer);
    leave(x);
    assert_false(x->finished);
    book_release();
    assert_true(x->finished);
    expect_spent("0.00021");
}

static void a_client_that_leaves_while_the_end_drains_has_paid(void **state)
{
    struct exchange *x = post(chat, stream);

    (void)state;
    streams(upstream_last(), delta);
    x->room_max = 0;
    says(upstream_last(), "data: [DONE]\n\n");
    ends(upstream_last(), UPSTREAM_FINE);
    assert_int_equal(state_of(x), REQUEST_DRAIN);
    leave(x);
    assert_true(x->finished);
    expect_spent("0.00005");
}

/* ---- Breaking off everything ---- */

static void expect_draining_told(const struct exchange *x)
{
    const struct slice out = buf_slice(&x->out);

    assert_true(x->complete);
    assert_true(slice_search(out, SLICE("\"code\":\"draining\"")) < out.len);
}

static void breaking_off_ends_requests_in_every_state(void **state)
{
    struct exchange *reading, *sending, *streaming, *draining, *holding, *refused;

    (void)state;
    reading = client_head(&gate.user, "POST", chat, bearer(), true);
    sending = post(chat, alone);
    streaming = post(chat, stream);
    streams(upstream_last(), delta);
    draining = post(chat, stream);
    streams(upstream_last(), delta);
    draining->room_max = 0;
    says(upstream_last(), "data: [DONE]\n\n");
    ends(upstream_last(), UPSTREAM_FINE);
    assert_int_equal(state_of(draining), REQUEST_DRAIN);
    book_keep();
    holding = post(chat, alone);
    refused = post(chat, "{\"model\":\"alone\",\"max_tokens\":90000000,"
                         "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}");
    request_abort_all(&gate.worker);
    assert_int_equal(gate.worker.live, 4); /* what the book works on */
    book_release();
    expect_status(reading, 503);
    expect_status(sending, 503);
    expect_status(holding, 503);
    expect_status(refused, 402);
    expect_draining_told(sending);
    expect_draining_told(streaming);
    expect_cut(draining);
    expect_spent("0.0001"); /* two streams, as far as they came */
}

/* The caller did not leave, so a flat price is not owed. */
static void what_we_break_off_ourselves_costs_no_flat_price(void **state)
{
    struct exchange *x = get("/v1/data/search/search");

    (void)state;
    upstream_says_head(upstream_last(), 200, "Content-Type: text/event-stream\n");
    upstream_says(upstream_last(), SLICE("part"));
    book_keep();
    request_abort_all(&gate.worker);
    book_release();
    expect_cut(x);
    expect_spent("0");
}

static void what_is_being_booked_is_answered_even_then(void **state)
{
    struct exchange *x = post(chat, alone);

    (void)state;
    book_keep();
    answers_json(upstream_last(), answer);
    request_abort_all(&gate.worker);
    book_release();
    expect_body(x, answer);
    expect_spent("0.00021");
}

/* ---- Bodies ---- */

static void what_is_free_takes_no_large_body(void **state)
{
    struct exchange *free_one = client_head(&gate.user, "GET", "/healthz", "", true);
    struct exchange *paid_one = client_head(&gate.user, "POST", chat, bearer(), true);

    (void)state;
    assert_true(free_one->max_body < 65536);
    assert_true(paid_one->max_body > 65536);
    leave(free_one);
    leave(paid_one);
}

/* ---- The line in the log ---- */

static void every_request_of_a_caller_has_its_line(void **state)
{
    struct exchange *x = post(chat, alone);

    (void)state;
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
    assert_true(logged("\"msg\":\"request\""));
    assert_true(logged("\"wallet\":\"agent\""));
    assert_true(logged("\"subject\":\"alone\",\"status\":200,\"code\":\"ok\","
                       "\"cost\":\"0.000210000\",\"attempts\":1"));
    assert_true(logged(gate.key.id));
    assert_false(logged(gate.key.text));
}

static void queries_and_secrets_stay_out_of_the_log(void **state)
{
    (void)state;
    (void)get("/v1/data/search/search?patient=jane");
    ends(upstream_last(), UPSTREAM_CUT);
    (void)post(chat, alone);
    ends(upstream_last(), UPSTREAM_CUT);
    assert_true(logged("upstream call failed"));
    assert_true(logged("https://data.example/base/search"));
    assert_false(logged("jane"));
    assert_false(logged("sk-upstream"));
    assert_false(logged("data-secret"));
    assert_false(logged("hello"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(a_call_goes_through_its_states_in_order),
        GATE_TEST(a_wake_up_that_means_nothing_changes_nothing),
        GATE_TEST(requests_are_used_again),
        GATE_TEST(many_calls_at_once_do_not_meet),
        GATE_TEST(every_failure_before_the_first_byte_tries_the_next_target),
        GATE_TEST(a_status_of_the_upstreams_own_tries_the_next_target),
        GATE_TEST(an_answer_that_breaks_off_before_it_was_shown_tries_the_next_target),
        GATE_TEST(garbage_tries_the_next_target),
        GATE_TEST(what_is_the_clients_fault_is_not_tried_elsewhere),
        GATE_TEST(an_answer_too_big_is_not_asked_for_elsewhere),
        GATE_TEST(when_all_fail_the_last_error_is_told_and_nothing_charged),
        GATE_TEST(the_last_error_is_told_without_words_of_those_before),
        GATE_TEST(the_last_429_is_told_with_its_wait),
        GATE_TEST(an_upstream_module_that_is_full_is_503),
        GATE_TEST(a_second_try_that_cannot_start_tells_why),
        GATE_TEST(after_the_first_byte_there_is_no_other_target),
        GATE_TEST(a_break_is_told_without_words_of_targets_that_failed_before),
        GATE_TEST(a_broken_stream_costs_what_was_delivered),
        GATE_TEST(a_flat_price_is_not_taken_when_the_upstream_breaks),
        GATE_TEST(a_client_that_leaves_before_its_body_is_forgotten),
        GATE_TEST(a_client_that_leaves_while_the_hold_is_made_pays_nothing),
        GATE_TEST(a_client_that_leaves_while_the_hold_is_refused_is_forgotten),
        GATE_TEST(a_client_that_leaves_while_an_upstream_works_cancels_it_at_once),
        GATE_TEST(a_client_that_leaves_a_data_call_pays_its_price),
        GATE_TEST(a_client_that_leaves_a_stream_pays_what_was_delivered),
        GATE_TEST(a_client_that_leaves_while_it_is_booked_pays),
        GATE_TEST(a_client_that_leaves_while_the_end_drains_has_paid),
        GATE_TEST(breaking_off_ends_requests_in_every_state),
        GATE_TEST(what_we_break_off_ourselves_costs_no_flat_price),
        GATE_TEST(what_is_being_booked_is_answered_even_then),
        GATE_TEST(what_is_free_takes_no_large_body),
        GATE_TEST(every_request_of_a_caller_has_its_line),
        GATE_TEST(queries_and_secrets_stay_out_of_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Streamed answers: what passes, what is kept back, what it costs, and how it ends. */
#include "gateway/sse.h"
#include "tests/gateway_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]"
#define WORD(text) \
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text "\"}}]}\n\n"
#define USAGE      "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20}"
#define USAGE_LAST "data: {\"id\":\"1\",\"choices\":[]," USAGE ",\"x\":[1]}\n\n"
#define DONE       "data: [DONE]\n\n"

static const char chat[] = "/v1/chat/completions";
static const char plain[] = "{\"model\":\"alone\",\"stream\":true," MESSAGES "}";
static const char asked[] = "{\"model\":\"alone\",\"stream\":true,"
                            "\"stream_options\":{\"include_usage\":true}," MESSAGES "}";
static const char chain[] = "{\"model\":\"chain\",\"stream\":true," MESSAGES "}";

/* A whole stream, from head to end. */
static struct exchange *run(const char *body, const char *stream)
{
    struct exchange *x = post(chat, body);

    streams(upstream_last(), stream);
    ends(upstream_last(), UPSTREAM_FINE);
    return x;
}

/* ---- What passes ---- */

static void events_pass_byte_for_byte(void **state)
{
    static const char stream[] =
        WORD("a") ": keep-alive\n\n"
                  "event: x\r\nid: 7\r\ndata:{\"choices\": [ {\"delta\":{}} ]}\r\n\r\n"
                  "data: {\"choices\":[],\ndata: \"y\":1}\n\n" WORD("\\u00e9 \\\"")
                      DONE;
    struct exchange *x = run(plain, stream);

    (void)state;
    expect_whole(x);
    expect_body(x, stream);
}

static void the_head_tells_the_hold_and_no_cost(void **state)
{
    struct exchange *x = run(plain, WORD("a") DONE);

    (void)state;
    expect_status(x, 200);
    assert_true(x->streamed);
    assert_true(x->content_length == UINT64_MAX);
    expect_header(x, "Content-Type", "text/event-stream");
    expect_header(x, "Cache-Control", "no-cache");
    expect_header(x, "X-Accel-Buffering", "no");
    expect_header(x, "x-octroi-hold", "0.010058500");
    expect_no_header(x, "x-octroi-cost");
    assert_non_null(client_header(x, "x-request-id"));
}

static void comments_before_the_first_event_do_not_begin_the_answer(void **state)
{
    struct exchange *x = post(chat, chain);

    (void)state;
    streams(upstream_last(), ": hello\n\n\n\n: there\n\n");
    assert_false(x->answered);
    ends(upstream_last(), UPSTREAM_CUT);
    streams(upstream_last(), WORD("b") DONE);
    ends(upstream_last(), UPSTREAM_FINE);
    expect_body(x, WORD("b") DONE);
}

static void every_border_of_pieces_gives_the_same_answer(void **state)
{
    static const char stream[] =
        ": c\n\n" WORD("one") "data: {\"choices\":[{\"delta\":"
                              "{\"content\":\"\xc3\xa9\"}}],\"usage\":null}\r\n\r\n"
                              ": k\n\n" USAGE_LAST DONE;
    struct exchange *x = run(asked, stream);
    struct buf whole;

    (void)state;
    buf_init(&whole, 65536);
    buf_append(&whole, buf_slice(&x->out));
    expect_says(x, "\"cost\":\"0.000210000\"");
    for (size_t border = 1; border < sizeof(stream) - 1; border++) {
        x = post(chat, asked);
        upstream_says_head(upstream_last(), 200, "Content-Type: text/event-stream\n");
        upstream_says(upstream_last(), slice_from(stream, border));
        upstream_says(upstream_last(),
                      slice_from(stream + border, sizeof(stream) - 1 - border));
        ends(upstream_last(), UPSTREAM_FINE);
        assert_true(slice_equal(buf_slice(&x->out), buf_slice(&whole)));
    }
    x = post(chat, asked);
    upstream_says_head(upstream_last(), 200, "");
    for (size_t i = 0; i < sizeof(stream) - 1; i++)
        upstream_says(upstream_last(), slice_from(stream + i, 1));
    ends(upstream_last(), UPSTREAM_FINE);
    assert_true(slice_equal(buf_slice(&x->out), buf_slice(&whole)));
    buf_free(&whole);
    expect_spent("0.04998"); /* 238 times 0.00021 */
}

/* ---- Usage ---- */

static void usage_is_asked_for_and_hidden_from_who_did_not_ask(void **state)
{
    struct exchange *x =
        run(plain, WORD("a") "data: {\"choices\":[{\"delta\":{}}],\"usage\":null}\n\n"
                             "data: {\"choices\":[{\"delta\":{}}]," USAGE "}\n\n"
                             "event: e\ndata: {" USAGE
                             ",\"choices\":[{}]}\n\n" USAGE_LAST DONE);

    (void)state;
    expect_body(x, WORD("a") "data: {\"choices\":[{\"delta\":{}}]}\n\n"
                             "data: {\"choices\":[{\"delta\":{}}]}\n\n"
                             "event: e\ndata: {\"choices\":[{}]}\n\n" DONE);
    expect_spent("0.00021");
}

static void the_usage_chunk_tells_the_cost_to_who_asked(void **state)
{
    struct exchange *x = run(asked, WORD("a") USAGE_LAST DONE);

    (void)state;
    expect_body(x, WORD("a") "data: {\"id\":\"1\",\"choices\":[],\"usage\":{\"prompt_"
                             "tokens\":10,\"completion_tokens\":20,\"cost\":"
                             "\"0.000210000\"},\"x\":[1]}\n\n" DONE);
}

static void the_cost_is_what_was_taken_not_what_it_would_be(void **state)
{
    struct exchange *x;

    (void)state;
    pay(&gate.money, gate.wallet, "9.98", "9.98");
    x = run(asked, WORD("a") "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":0,"
                             "\"completion_tokens\":5000}}\n\n" DONE);
    expect_says(x, "\"cost\":\"0.020000000\"}}");
}

static void an_upstreams_own_cost_is_replaced(void **state)
{
    struct exchange *x = run(
        asked, WORD("a") "data: {\"choices\":[],\"usage\":{\"cost\":0.77,"
                         "\"prompt_tokens\":10,\"completion_tokens\":20}}\n\n" DONE);

    (void)state;
    expect_silent_about(x, "0.77");
    expect_says(x, "\"cost\":\"0.000210000\"");
}

static void odd_usage_chunks_stay_events_with_valid_json(void **state)
{
    struct exchange *x;

    (void)state;
    x = run(asked, WORD("a") "data: {\"choices\":[],\"usage\":{}}\n\n" DONE);
    expect_says(x, "data: {\"choices\":[],\"usage\":{\"cost\":\"0.0000");
    x = run(asked,
            WORD("a") "data: {\"choices\":[],\ndata: \"usage\":{\ndata: "
                      "\"prompt_tokens\":10,\"completion_tokens\":20}}\n\n" DONE);
    expect_silent_about(x, "\n\"");
    expect_says(x, "\ndata: \"usage\":{");
    expect_says(x, "\"cost\":\"0.000210000\"");
}

static void the_last_believable_usage_counts(void **state)
{
    (void)state;
    (void)run(
        plain,
        WORD("a") "data: {\"choices\":[{\"delta\":{}}],\"usage\":{\"prompt_tokens\":"
                  "10,\"completion_tokens\":1}}\n\n" USAGE_LAST
                  "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":-1}}\n\n"
                  "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":10,"
                  "\"completion_tokens\":99999999999}}\n\n" DONE);
    expect_spent("0.00021");
}

static void without_usage_all_that_was_generated_is_estimated(void **state)
{
    struct exchange *x = run(
        plain,
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n"   /* nothing */
        "data: {\"choices\":[{\"delta\":{\"content\":\"12345678\"}}]}\n\n" /* 8 */
        "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"1234\"}}," /* 4 */
        "{\"delta\":{\"refusal\":\"1234\"}}]}\n\n"                          /* 4 */
        "data: {\"choices\":[{\"delta\":{\"reasoning\":\"1234\"}}]}\n\n"    /* 4 */
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"function\":{"
        "\"name\":\"f123\",\"arguments\":\"{}12\"}},{\"index\":1}]}}]}\n\n" /* 8 */
        DONE);
    struct row r;

    (void)state;
    assert_int_equal(row_of(&r, x), RC_OK);
    assert_true(r.row.estimated);
    assert_int_equal(r.row.prompt_tokens, 20);    /* 77 bytes */
    assert_int_equal(r.row.completion_tokens, 7); /* 28 at four, more than 5 pieces */
    expect_spent("0.00009");
}

static void an_estimate_is_never_above_the_hold(void **state)
{
    static const char small[] =
        "{\"model\":\"alone\",\"stream\":true,\"max_tokens\":1," MESSAGES "}";
    struct exchange *x = post(chat, small);

    (void)state;
    upstream_says_head(upstream_last(), 200, "");
    for (unsigned i = 0; i < 100; i++)
        upstream_says(upstream_last(), SLICE(WORD("a")));
    says(upstream_last(), DONE);
    ends(upstream_last(), UPSTREAM_FINE);
    expect_whole(x);
    expect_spent("0.0000805"); /* 47 in at the dearest price, 1 out */
}

/* ---- How it ends ---- */

static void the_end_is_not_told_before_the_money_is_booked(void **state)
{
    struct exchange *x = post(chat, asked);

    (void)state;
    book_keep();
    streams(upstream_last(), WORD("a") USAGE_LAST DONE);
    ends(upstream_last(), UPSTREAM_FINE);
    expect_body(x, WORD("a"));
    book_release();
    expect_says(x, DONE);
    expect_whole(x);
}

static void when_the_money_cannot_be_booked_the_stream_ends_with_an_error(void **state)
{
    struct exchange *x = post(chat, plain);

    (void)state;
    book_refuse(RC_CORRUPT, 1);
    streams(upstream_last(), WORD("a") DONE);
    ends(upstream_last(), UPSTREAM_FINE);
    expect_says(x, "data: {\"error\":{");
    expect_says(x, "\"code\":\"storage_corrupt\"");
    expect_silent_about(x, "[DONE]");
    gate.holds_left = 1;
}

static void an_upstream_that_stays_after_the_end_is_cut_off(void **state)
{
    struct exchange *x = post(chat, plain);

    (void)state;
    streams(upstream_last(), WORD("a") DONE);
    gate_advance(249);
    assert_false(x->ended);
    gate_advance(1);
    expect_body(x, WORD("a") DONE);
    assert_true(upstream_last()->cancelled);
}

static void what_follows_the_end_does_not_count(void **state)
{
    static const char *const tails[] = {
        "data: no json\n\n",        WORD("b"), "\n\n: c\n\n",
        "data: {\"error\":{}}\n\n", DONE,      "data: {"};
    struct exchange *x;
    char *large = malloc(SSE_LIMIT_BYTES + 1);

    (void)state;
    assert_non_null(large);
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        x = post(chat, plain);
        streams(upstream_last(), WORD("a") DONE);
        says(upstream_last(), tails[i]);
        ends(upstream_last(), UPSTREAM_CUT);
        expect_body(x, WORD("a") DONE);
    }
    memset(large, 'x', SSE_LIMIT_BYTES + 1); /* more than an event may have */
    x = post(chat, plain);
    streams(upstream_last(), WORD("a") DONE);
    upstream_says(upstream_last(), slice_from(large, SSE_LIMIT_BYTES + 1));
    ends(upstream_last(), UPSTREAM_TOO_BIG);
    expect_body(x, WORD("a") DONE);
    free(large);
}

static void the_end_may_lack_its_blank_line(void **state)
{
    struct exchange *x;

    (void)state;
    x = run(plain, WORD("a") "data: [DONE]\n");
    expect_body(x, WORD("a") DONE);
    x = run(plain, WORD("a") "data: [DONE]");
    expect_body(x, WORD("a") DONE);
}

static void an_end_without_its_event_is_a_cut(void **state)
{
    struct exchange *x;

    (void)state;
    x = run(plain, WORD("a"));
    expect_says(x, WORD("a") "data: {\"error\":{");
    expect_silent_about(x, "[DONE]");
    x = run(plain, WORD("a") "data: {\"choices\":[{\"delta\":{\"content\":\"b");
    expect_silent_about(x, "\"b");
    expect_says(x, "\"code\":\"upstream_error\"");
}

static void a_stream_of_nothing_but_its_end_tries_the_next_target(void **state)
{
    struct exchange *x = run(chain, DONE);

    (void)state;
    assert_false(x->answered);
    streams(upstream_last(), WORD("b") DONE);
    ends(upstream_last(), UPSTREAM_FINE);
    expect_body(x, WORD("b") DONE);
}

/* Reasoning that nobody sees used up the bound. Gemini's wire has nothing to say of
 * such an answer before its end. */
static void an_answer_without_any_text_is_one_on_the_long_way_too(void **state)
{
    struct exchange *x = post("/v1beta/models/alone:streamGenerateContent",
                              "{\"contents\":[{\"parts\":[{\"text\":\"hello\"}]}]}");

    (void)state;
    streams(upstream_last(),
            "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":"
            "\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n"
            "data: {\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{},"
            "\"finish_reason\":\"length\"}]}\n\n" USAGE_LAST DONE);
    ends(upstream_last(), UPSTREAM_FINE);
    expect_whole(x);
    expect_says(x, "\"finishReason\":\"MAX_TOKENS\"");
    expect_says(x, "\"candidatesTokenCount\":20");
}

static void a_first_event_that_comes_with_the_end_is_shown_and_broken(void **state)
{
    /* Whether the CR is a line's end is known only when nothing follows. */
    struct exchange *x =
        run(chain, "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\r");

    (void)state;
    expect_whole(x);
    expect_says(x, "\"code\":\"upstream_error\"");
    assert_int_equal(upstream_count(), 1);
}

/* ---- Errors within ---- */

static void an_error_within_is_told_in_our_words(void **state)
{
    static const char *const errors[] = {
        "data: {\"error\":{\"message\":\"key sk-upstream-one-0123456789\"}}\n\n",
        "event: error\ndata: {\"error\":\"key sk-upstream-one-0123456789\"}\n\n"};
    struct exchange *x;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        x = post(chat, plain);
        streams(upstream_last(), WORD("a"));
        says(upstream_last(), errors[i]);
        assert_true(upstream_last()->ended);
        expect_says(x,
                    WORD("a") "data: {\"error\":{\"message\":\"The upstream reported "
                              "an error within its stream.\"");
        expect_says(x, "\"code\":\"upstream_error\"");
        expect_silent_about(x, "sk-upstream");
        expect_silent_about(x, "[DONE]");
        expect_whole(x);
    }
}

static void an_error_before_the_first_byte_tries_the_next_target(void **state)
{
    struct exchange *x = post(chat, chain);

    (void)state;
    streams(upstream_last(), "data: {\"error\":{\"message\":\"overloaded\"}}\n\n");
    streams(upstream_last(), "data: what\n\n");
    assert_int_equal(upstream_count(), 3);
    streams(upstream_last(), WORD("c") DONE);
    ends(upstream_last(), UPSTREAM_FINE);
    expect_body(x, WORD("c") DONE);
}

static void an_event_that_is_no_chunk_breaks_the_stream(void **state)
{
    static const char *const bad[] = {"data: what\n\n", "data: [1]\n\n",
                                      "data: {\"a\":1,\"a\":2}\n\n",
                                      "data: {\"a\":\"\xff\"}\n\n", "data: NaN\n\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct exchange *x = post(chat, plain);

        streams(upstream_last(), WORD("a"));
        says(upstream_last(), bad[i]);
        assert_true(upstream_last()->ended);
        expect_says(x, "\"code\":\"upstream_error\"");
    }
}

static void an_event_beyond_the_limit_breaks_the_stream(void **state)
{
    char *large = malloc(SSE_LIMIT_BYTES + 1);
    struct exchange *x = post(chat, plain);

    (void)state;
    assert_non_null(large);
    memset(large, ' ', SSE_LIMIT_BYTES + 1);
    streams(upstream_last(), WORD("a") "data: ");
    upstream_says(upstream_last(), slice_from(large, SSE_LIMIT_BYTES + 1));
    gate_turn();
    assert_true(upstream_last()->ended);
    expect_says(x, "\"code\":\"upstream_error\"");
    free(large);
}

static void a_body_that_is_no_stream_tries_the_next_target(void **state)
{
    static const char *const heads[] = {"Content-Type: application/json\n",
                                        "Content-Type: text/html\n",
                                        "Content-Encoding: gzip\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct exchange *x = post(chat, chain);

        answers(upstream_last(), 200, heads[i], WORD("a") DONE);
        upstream_says_head(upstream_last(), 200, "Content-Encoding: identity\n");
        says(upstream_last(), WORD("b") DONE);
        ends(upstream_last(), UPSTREAM_FINE);
        expect_body(x, WORD("b") DONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(events_pass_byte_for_byte),
        GATE_TEST(the_head_tells_the_hold_and_no_cost),
        GATE_TEST(comments_before_the_first_event_do_not_begin_the_answer),
        GATE_TEST(every_border_of_pieces_gives_the_same_answer),
        GATE_TEST(usage_is_asked_for_and_hidden_from_who_did_not_ask),
        GATE_TEST(the_usage_chunk_tells_the_cost_to_who_asked),
        GATE_TEST(the_cost_is_what_was_taken_not_what_it_would_be),
        GATE_TEST(an_upstreams_own_cost_is_replaced),
        GATE_TEST(odd_usage_chunks_stay_events_with_valid_json),
        GATE_TEST(the_last_believable_usage_counts),
        GATE_TEST(without_usage_all_that_was_generated_is_estimated),
        GATE_TEST(an_estimate_is_never_above_the_hold),
        GATE_TEST(the_end_is_not_told_before_the_money_is_booked),
        GATE_TEST(when_the_money_cannot_be_booked_the_stream_ends_with_an_error),
        GATE_TEST(an_upstream_that_stays_after_the_end_is_cut_off),
        GATE_TEST(what_follows_the_end_does_not_count),
        GATE_TEST(the_end_may_lack_its_blank_line),
        GATE_TEST(an_end_without_its_event_is_a_cut),
        GATE_TEST(a_stream_of_nothing_but_its_end_tries_the_next_target),
        GATE_TEST(an_answer_without_any_text_is_one_on_the_long_way_too),
        GATE_TEST(a_first_event_that_comes_with_the_end_is_shown_and_broken),
        GATE_TEST(an_error_within_is_told_in_our_words),
        GATE_TEST(an_error_before_the_first_byte_tries_the_next_target),
        GATE_TEST(an_event_that_is_no_chunk_breaks_the_stream),
        GATE_TEST(an_event_beyond_the_limit_breaks_the_stream),
        GATE_TEST(a_body_that_is_no_stream_tries_the_next_target),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

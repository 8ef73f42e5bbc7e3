/* SPDX-License-Identifier: Apache-2.0 */
/* What the model apis share: which model and target, the worst case, the body that is
 * sent, the answer that is not streamed, and its cost. */
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

static const char chat[] = "/v1/chat/completions";
static const char alone[] = "{\"model\":\"alone\"," MESSAGES "}";
/* 10 tokens in, 20 out: 0.00021 USD. */
static const char answer[] =
    "{\"choices\":[{\"message\":{\"content\":\"hi\"}}],"
    "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20,\"total_tokens\":30}}";

/* The body that the upstream gets for one of the client's. */
static void expect_sent(const char *body, const char *sent)
{
    struct exchange *x = post(chat, body);

    if (upstream_count() == 0)
        expect_status(x, 200);
    if (!slice_equal_str(buf_slice(&upstream_last()->body), sent))
        fail_msg("sent %.*s", SLICE_FMT(buf_slice(&upstream_last()->body)));
    leave(x);
}

static void expect_hold(const char *body, const char *decimal)
{
    struct exchange *x = post(chat, body);

    if (x->answered)
        expect_status(x, 200);
    expect_held(decimal);
    leave(x);
}

static void repeat(struct buf *b, const char *piece, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        buf_append_str(b, piece);
}

/* ---- Which model ---- */

static void a_body_must_be_one_json_object(void **state)
{
    static const char *const bad[] = {"no json",
                                      "[]",
                                      "\"a\"",
                                      "{\"model\":}",
                                      "{\"model\":\"a\",\"model\":\"b\"}",
                                      "{\"model\":\"alone\"} x"};
    struct exchange *x;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_error(post(chat, bad[i]), 400, "invalid_json", NULL);
    x = post(chat, "{\"model\":\"a\",\"model\":\"b\"}");
    expect_says(x, "duplicate key at byte 13");
    x = post(chat, "");
    expect_error(x, 400, "invalid_request", NULL);
    expect_says(x, "The body is empty.");
}

static void the_model_must_be_a_name(void **state)
{
    char large[512];

    (void)state;
    expect_error(post(chat, "{" MESSAGES "}"), 400, "invalid_request", "model");
    expect_error(post(chat, "{\"model\":null}"), 400, "invalid_request", "model");
    expect_error(post(chat, "{\"model\":7}"), 400, "invalid_request", "model");
    expect_error(post(chat, "{\"model\":\"\"}"), 400, "invalid_request", "model");
    (void)snprintf(large, sizeof(large), "{\"model\":\"%0257d\"}", 0);
    expect_error(post(chat, large), 400, "invalid_request", "model");
    (void)snprintf(large, sizeof(large), "{\"model\":\"%0256d\"}", 0);
    expect_error(post(chat, large), 404, "model_not_found", "model");
}

static void unknown_and_unpriced_models_are_refused(void **state)
{
    struct exchange *x = post(chat, "{\"model\":\"nope\\\"<\"," MESSAGES "}");

    (void)state;
    expect_error(x, 404, "model_not_found", "model");
    expect_says(x, "There is no model 'nope\\\"<'");
    expect_error(post(chat, "{\"model\":\"unpriced\"," MESSAGES "}"), 503,
                 "price_missing", "model");
    assert_int_equal(upstream_count(), 0);
    assert_int_equal(book_submitted(), 0);
}

static void a_key_may_use_its_models_only(void **state)
{
    struct wallet_key_options options = {.models = SLICE("al*,free")};
    struct wallet_key k;
    struct exchange *x;

    (void)state;
    assert_int_equal(
        wallet_key_create(&k, gate.key.text, gate.money.book, gate.wallet, &options),
        RC_OK);
    x = post(chat, "{\"model\":\"chain\"," MESSAGES "}");
    expect_error(x, 403, "model_not_allowed", "model");
    expect_header(x, "x-should-retry", "false");
    /* What exists is not told either. */
    expect_error(post(chat, "{\"model\":\"nope\"," MESSAGES "}"), 403,
                 "model_not_allowed", "model");
    x = post(chat, alone);
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
}

static void fields_that_lead_elsewhere_are_refused(void **state)
{
    static const char *const names[] = {"api_base", "base_url", "custom_host",
                                        "callbacks", "command"};
    char body[256];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(body, sizeof(body),
                       "{\"%s\":null,\"model\":\"alone\"," MESSAGES "}", names[i]);
        expect_error(post(chat, body), 400, "invalid_request", names[i]);
    }
    expect_error(post(chat, "{\"api\\u005fbase\":\"x\",\"model\":\"alone\"}"), 400,
                 "invalid_request", "api_base");
}

/* ---- The worst case ---- */

static void the_worst_case_is_half_the_bytes_and_the_bound(void **state)
{
    (void)state;
    expect_hold(alone, "0.010048"); /* 64 bytes at 1.5, 1000 out at 10 */
    expect_hold("{\"model\":\"alone\", " MESSAGES "}", "0.0100495"); /* one more: 33 */
    expect_hold("{\"model\":\"alone\",\"max_tokens\":7," MESSAGES "}", "0.00013");
    expect_hold("{\"model\":\"alone\",\"max_completion_tokens\":7," MESSAGES "}",
                "0.0001375");
    expect_hold(
        "{\"model\":\"alone\",\"max_completion_tokens\":7,\"max_tokens\":9," MESSAGES
        "}",
        "0.0001695");
    expect_hold("{\"model\":\"alone\",\"max_tokens\":7,\"n\":3," MESSAGES "}",
                "0.0002745");
    expect_hold("{\"model\":\"free\"," MESSAGES "}", "0");
}

static void the_worst_prompt_is_the_models_context_at_most(void **state)
{
    (void)state;
    /* 10 tokens of context, 5 out. */
    expect_hold("{\"model\":\"tiny\"," MESSAGES "}", "0.00006");
}

static void a_worst_case_beyond_any_amount_is_refused(void **state)
{
    (void)state;
    gate_config("providers: {p: {kind: compatible, base_url: \"https://p.example\"}}\n"
                "models: {alone: {targets: [{provider: p, model: m}], "
                "price: {input: \"1\", output: \"9000000000\"}}}\n"
                "limits: {tokens_per_minute: 0}\n");
    expect_error(
        post(chat, "{\"model\":\"alone\",\"max_tokens\":100000000," MESSAGES "}"), 400,
        "amount_overflow", NULL);
}

/* ---- What is sent ---- */

static void a_body_goes_byte_for_byte_when_nothing_must_change(void **state)
{
    static const char odd[] =
        "\n{ \"model\" : \"al\\u006fne\",\t\"messages\":[ {\"role\":"
        "\"user\",\"content\":\"\xc3\xa9\\u00e9\\/\"} ],"
        "\"unknown\":{\"a\":[1e3,-0.50]} } \r\n";

    (void)state;
    expect_sent(alone, alone);
    expect_sent(odd, odd);
}

static void only_the_models_name_changes_for_another_target(void **state)
{
    struct exchange *x =
        post(chat, "{ \"x\" : 1, \"model\" :\t\"chain\" ," MESSAGES "}");

    (void)state;
    ends(upstream_last(), UPSTREAM_CONNECT);
    ends(upstream_last(), UPSTREAM_CONNECT);
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
    assert_true(slice_equal_str(buf_slice(&upstream_nth(0)->body),
                                "{ \"x\" : 1, \"model\" :\t\"big\" ," MESSAGES "}"));
    assert_true(slice_equal_str(buf_slice(&upstream_nth(1)->body),
                                "{ \"x\" : 1, \"model\" :\t\"middle\" ," MESSAGES "}"));
    assert_true(slice_equal_str(buf_slice(&upstream_nth(2)->body),
                                "{ \"x\" : 1, \"model\" :\t\"small\" ," MESSAGES "}"));
}

static void a_stream_asks_for_its_usage_and_keeps_other_options(void **state)
{
    (void)state;
    expect_sent("{\"model\":\"alone\",\"stream\":true," MESSAGES "}",
                "{\"stream_options\":{\"include_usage\":true},\"model\":\"alone\","
                "\"stream\":true," MESSAGES "}");
    expect_sent("{\"model\":\"alone\",\"stream\":true,\"stream_options\":{\"a\" :[1], "
                "\"include_usage\":false,\"b\":{}}," MESSAGES "}",
                "{\"model\":\"alone\",\"stream\":true,\"stream_options\":{\"include_"
                "usage\":true,\"a\":[1],\"b\":{}}," MESSAGES "}");
    expect_sent("{\"model\":\"alone\",\"stream\":true,\"stream_options\":null," MESSAGES
                "}",
                "{\"model\":\"alone\",\"stream\":true,\"stream_options\":{\"include_"
                "usage\":true}," MESSAGES "}");
    expect_sent("{\"model\":\"alone\",\"stream\":true,\"stream_options\":{\"include_"
                "usage\": true}," MESSAGES "}",
                "{\"model\":\"alone\",\"stream\":true,\"stream_options\":{\"include_"
                "usage\": true}," MESSAGES "}");
}

static void an_escaped_name_does_not_get_around_the_usage(void **state)
{
    (void)state;
    expect_sent("{\"model\":\"alone\",\"stream\":true,\"stream_options\":{\"include"
                "\\u005fusage\":false}," MESSAGES "}",
                "{\"model\":\"alone\",\"stream\":true,\"stream_options\":{\"include_"
                "usage\":true}," MESSAGES "}");
}

static void a_strict_hold_bounds_the_output_in_the_vendors_words(void **state)
{
    struct exchange *x = post(chat, "{\"model\":\"strict\"," MESSAGES "}");

    (void)state;
    ends(upstream_last(), UPSTREAM_CONNECT);
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
    assert_true(
        slice_equal_str(buf_slice(&upstream_nth(0)->body),
                        "{\"max_completion_tokens\":77,\"model\":\"s\"," MESSAGES "}"));
    assert_true(slice_equal_str(buf_slice(&upstream_nth(1)->body),
                                "{\"max_tokens\":77,\"model\":\"s\"," MESSAGES "}"));
    expect_sent("{\"model\":\"strict\",\"max_tokens\":5," MESSAGES "}",
                "{\"model\":\"s\",\"max_tokens\":5," MESSAGES "}");
}

static void the_spec_has_the_providers_url_key_and_times(void **state)
{
    const struct upstream_spec *s;
    struct exchange *x;

    (void)state;
    x = post(chat, alone);
    s = &upstream_last()->spec;
    assert_string_equal(s->method, "POST");
    assert_string_equal(s->url, "https://one.example/v1/chat/completions");
    assert_string_equal(upstream_header(upstream_last(), "Authorization"),
                        "Bearer sk-upstream-one-0123456789");
    assert_true(slice_equal_str(s->pool_key, "sk-upstream-one-0123456789"));
    assert_true(s->has_body && !s->allow_private && !s->decode);
    assert_int_equal(s->first_byte_timeout_ms, 60000);
    assert_int_equal(s->idle_timeout_ms, 60000);
    assert_int_equal(s->max_response_bytes, 64 << 20);
    leave(x);
    x = post(chat, "{\"model\":\"free\"," MESSAGES "}");
    assert_null(upstream_header(upstream_last(), "Authorization"));
    assert_int_equal(upstream_last()->spec.pool_key.len, 0);
    leave(x);
}

/* ---- Sharing the load ---- */

static void count_calls(const char *yaml, const char *const *wanted,
                        size_t wanted_count, unsigned *counts)
{
    char all[1024];

    gate_config(yaml);
    for (unsigned i = 0; i < 400; i++) {
        struct exchange *x = post(chat, alone);

        (void)snprintf(all, sizeof(all), "%s %s", upstream_last()->url,
                       upstream_header(upstream_last(), "Authorization"));
        for (size_t w = 0; w < wanted_count; w++)
            counts[w] += strstr(all, wanted[w]) != NULL;
        leave(x);
    }
}

static void targets_of_equal_weight_share_the_load_whatever_keys_they_have(void **state)
{
    static const char *const wanted[] = {"a.example", "b.example", "key-a1",
                                         "key-a2",    "key-b1",    "key-b2"};
    unsigned counts[6] = {0};

    (void)state;
    count_calls("providers:\n"
                "  a: {kind: compatible, base_url: \"https://a.example\", "
                "api_keys: [key-a1, key-a2]}\n"
                "  b: {kind: compatible, base_url: \"https://b.example\", "
                "api_keys: [key-b1, key-b2]}\n"
                "models: {alone: {targets: [{provider: a, model: m, weight: 1}, "
                "{provider: b, model: m, weight: 1}], "
                "price: {input: \"1\", output: \"1\"}}}\n"
                "limits: {requests_per_minute: 0, tokens_per_minute: 0}\n",
                wanted, 6, counts);
    assert_int_equal(counts[0] + counts[1], 400);
    for (unsigned i = 0; i < 2; i++)
        assert_in_range(counts[i], 160, 240);
    for (unsigned i = 2; i < 6; i++)
        assert_in_range(counts[i], 60, 140);
}

static void the_keys_of_one_provider_take_turns(void **state)
{
    static const char *const wanted[] = {"key-a1", "key-a2", "key-a3"};
    unsigned counts[3] = {0};

    (void)state;
    count_calls("providers: {a: {kind: compatible, base_url: \"https://a.example\", "
                "api_keys: [key-a1, key-a2, key-a3]}}\n"
                "models: {alone: {targets: [{provider: a, model: m}], "
                "price: {input: \"1\", output: \"1\"}}}\n"
                "limits: {requests_per_minute: 0, tokens_per_minute: 0}\n",
                wanted, 3, counts);
    for (unsigned i = 0; i < 3; i++)
        assert_in_range(counts[i], 100, 166);
}

/* ---- The answer ---- */

static void an_answer_passes_byte_for_byte_with_the_money_beside_it(void **state)
{
    static const char odd[] = " {\"choices\" : [],\n\"usage\":{\"prompt_tokens\":10,"
                              "\"completion_tokens\":20},\"x\":\"\\u00e9\"}\n";
    struct exchange *x = post(chat, alone);

    (void)state;
    answers(upstream_last(), 201, "Content-Type: application/json; x=1\nX-Other: 1\n",
            odd);
    expect_status(x, 200);
    expect_body(x, odd);
    expect_header(x, "Content-Type", "application/json; x=1");
    expect_header(x, "x-octroi-cost", "0.000210000");
    expect_header(x, "x-octroi-balance", "9.999790000");
    expect_no_header(x, "X-Other");
}

static void each_kind_of_token_has_its_price(void **state)
{
    struct exchange *x = post(chat, alone);
    struct row r;

    (void)state;
    answers_json(upstream_last(),
                 "{\"usage\":{\"prompt_tokens\":1000,\"completion_tokens\":100,"
                 "\"prompt_tokens_details\":{\"cached_tokens\":500,"
                 "\"cache_write_tokens\":200},"
                 "\"completion_tokens_details\":{\"reasoning_tokens\":40}}}");
    expect_header(x, "x-octroi-cost", "0.001650000"); /* 300 + 50 + 300 + 1000 */
    assert_int_equal(row_of(&r, x), RC_OK);
    assert_string_equal(r.row.kind, "chat");
    assert_true(slice_equal_str(r.row.model, "alone"));
    assert_true(slice_equal_str(r.row.target, "one/alone"));
    assert_true(r.row.price_version.len > 0);
    assert_int_equal(r.row.prompt_tokens, 1000);
    assert_int_equal(r.row.cached_tokens, 500);
    assert_int_equal(r.row.completion_tokens, 100);
    assert_int_equal(r.row.reasoning_tokens, 40);
    assert_int_equal(r.row.status, 200);
    assert_false(r.row.estimated);
}

static void an_answer_without_usage_is_estimated(void **state)
{
    struct exchange *x = post(chat, alone);
    struct row r;

    (void)state;
    answers_json(upstream_last(),
                 "{\"choices\":[{\"message\":{\"content\":\"12345678\"}},"
                 "{\"index\":1,\"message\":{\"content\":null,\"tool_calls\":[{\"id\":"
                 "\"1\",\"function\":{\"name\":\"lookup\",\"arguments\":\"{}\"}}]}},"
                 "{\"index\":2}]}");
    assert_int_equal(row_of(&r, x), RC_OK);
    assert_true(r.row.estimated);
    assert_int_equal(r.row.prompt_tokens, 16);
    assert_int_equal(r.row.completion_tokens, 4); /* 8 and 8 bytes */
    expect_spent("0.000056");
}

static void an_answer_with_unbelievable_usage_is_estimated(void **state)
{
    static const char *const usages[] = {
        "{\"usage\":{\"prompt_tokens\":-1,\"completion_tokens\":1}}",
        "{\"usage\":{\"prompt_tokens\":1.5,\"completion_tokens\":1}}",
        "{\"usage\":{\"prompt_tokens\":\"1\",\"completion_tokens\":1}}",
        "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":99999999999}}",
        "{\"usage\":null}",
    };
    struct row r;

    (void)state;
    for (size_t i = 0; i < sizeof(usages) / sizeof(usages[0]); i++) {
        struct exchange *x = post(chat, alone);

        answers_json(upstream_last(), usages[i]);
        assert_int_equal(row_of(&r, x), RC_OK);
        assert_true(r.row.estimated);
    }
    expect_spent("0.00008"); /* five times 16 tokens of prompt */
}

static void a_whole_answer_tells_the_cost_where_it_is_looked_for(void **state)
{
    static const char priced[] =
        "{\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20,"
        "\"cost\":0.5,\"x\":[1]},\"z\":1}";
    struct exchange *x = post("/api/v1/chat/completions", alone);

    (void)state;
    answers_json(upstream_last(), answer);
    expect_says(x, "\"total_tokens\":30,\"cost\":0.000210000}}");
    /* What the vendor takes is the operator's to know. */
    x = post(chat, alone);
    answers_json(upstream_last(), priced);
    expect_body(x, "{\"choices\":[],\"usage\":{\"prompt_tokens\":10,\"completion_"
                   "tokens\":20,\"x\":[1],\"cost\":\"0.000210000\"},\"z\":1}");
}

static void a_free_model_costs_nothing_and_is_booked(void **state)
{
    struct exchange *x = post(chat, "{\"model\":\"free\"," MESSAGES "}");
    struct row r;

    (void)state;
    answers_json(upstream_last(), answer);
    expect_header(x, "x-octroi-cost", "0.000000000");
    assert_int_equal(row_of(&r, x), RC_OK);
    assert_int_equal(r.row.prompt_tokens, 10);
    expect_spent("0");
}

static void a_cost_beyond_any_amount_takes_what_was_agreed(void **state)
{
    struct exchange *x;

    (void)state;
    gate_config("providers: {p: {kind: compatible, base_url: \"https://p.example\"}}\n"
                "models: {alone: {targets: [{provider: p, model: m}], "
                "price: {input: \"0\", output: \"9000000000\"}}}\n");
    fund(&gate.money, gate.wallet, "10000");
    x = post(chat, "{\"model\":\"alone\",\"max_tokens\":1," MESSAGES "}");
    expect_held("9000");
    answers_json(upstream_last(),
                 "{\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2147483647}}");
    expect_header(x, "x-octroi-cost", "9000.000000000");
    assert_true(logged("cost beyond an amount"));
    assert_usd(balance_of(&gate.money, gate.wallet), "1010");
}

static void a_content_type_too_long_to_be_one_is_json(void **state)
{
    struct exchange *x = post(chat, alone);
    char head[256];

    (void)state;
    (void)snprintf(head, sizeof(head), "Content-Type: application/json; a=%0128d\n", 0);
    answers(upstream_last(), 200, head, answer);
    expect_header(x, "Content-Type", "application/json");
}

static void prices_stay_what_they_were_when_the_call_began(void **state)
{
    struct exchange *x = post(chat, alone);

    (void)state;
    gate_config("providers: {p: {kind: compatible, base_url: \"https://p.example\"}}\n"
                "models: {alone: {targets: [{provider: p, model: m}], "
                "price: {input: \"100\", output: \"1000\"}}}\n");
    answers_json(upstream_last(), answer);
    expect_header(x, "x-octroi-cost", "0.000210000");
}

static void an_answer_in_an_encoding_nobody_asked_for_is_garbage(void **state)
{
    struct exchange *x = post(chat, alone);

    (void)state;
    answers(upstream_last(), 200, "Content-Encoding: br\n", answer);
    expect_error(x, 502, "upstream_error", NULL);
    x = post(chat, alone);
    answers(upstream_last(), 200, "Content-Encoding: identity\n", answer);
    expect_body(x, answer);
}

static void a_large_answer_comes_whole(void **state)
{
    struct exchange *x = post(chat, alone);
    struct buf b;

    (void)state;
    buf_init(&b, 8 << 20);
    buf_append_str(&b,
                   "{\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20},\"d\":"
                   "\"");
    repeat(&b, "0123456789abcdef", 200000);
    buf_append_str(&b, "\"}");
    upstream_says_head(upstream_last(), 200, "");
    upstream_says(upstream_last(), buf_slice(&b));
    ends(upstream_last(), UPSTREAM_FINE);
    assert_true(slice_equal(buf_slice(&x->out), buf_slice(&b)));
    buf_free(&b);
    expect_spent("0.00021");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(a_body_must_be_one_json_object),
        GATE_TEST(the_model_must_be_a_name),
        GATE_TEST(unknown_and_unpriced_models_are_refused),
        GATE_TEST(a_key_may_use_its_models_only),
        GATE_TEST(fields_that_lead_elsewhere_are_refused),
        GATE_TEST(the_worst_case_is_half_the_bytes_and_the_bound),
        GATE_TEST(the_worst_prompt_is_the_models_context_at_most),
        GATE_TEST(a_worst_case_beyond_any_amount_is_refused),
        GATE_TEST(a_body_goes_byte_for_byte_when_nothing_must_change),
        GATE_TEST(only_the_models_name_changes_for_another_target),
        GATE_TEST(a_stream_asks_for_its_usage_and_keeps_other_options),
        GATE_TEST(an_escaped_name_does_not_get_around_the_usage),
        GATE_TEST(a_strict_hold_bounds_the_output_in_the_vendors_words),
        GATE_TEST(the_spec_has_the_providers_url_key_and_times),
        GATE_TEST(targets_of_equal_weight_share_the_load_whatever_keys_they_have),
        GATE_TEST(the_keys_of_one_provider_take_turns),
        GATE_TEST(an_answer_passes_byte_for_byte_with_the_money_beside_it),
        GATE_TEST(each_kind_of_token_has_its_price),
        GATE_TEST(an_answer_without_usage_is_estimated),
        GATE_TEST(an_answer_with_unbelievable_usage_is_estimated),
        GATE_TEST(a_whole_answer_tells_the_cost_where_it_is_looked_for),
        GATE_TEST(a_free_model_costs_nothing_and_is_booked),
        GATE_TEST(a_cost_beyond_any_amount_takes_what_was_agreed),
        GATE_TEST(a_content_type_too_long_to_be_one_is_json),
        GATE_TEST(prices_stay_what_they_were_when_the_call_began),
        GATE_TEST(an_answer_in_an_encoding_nobody_asked_for_is_garbage),
        GATE_TEST(a_large_answer_comes_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

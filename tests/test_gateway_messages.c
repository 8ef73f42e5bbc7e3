/* SPDX-License-Identifier: Apache-2.0 */
/* /v1/messages and its count of tokens: what Anthropic gets of a client's call, what
 * the client gets of Anthropic's answers and errors, what others are asked instead, and
 * what it costs. */
#include "gateway/provider.h"
#include "tests/gateway_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char yaml[] =
    "providers:\n"
    "  claude: {kind: anthropic, base_url: \"https://claude.example\", "
    "api_keys: [\"${KEY_ONE}\"]}\n"
    "  other: {kind: openai, base_url: \"https://other.example/v1\", "
    "api_keys: [\"${KEY_TWO}\"]}\n"
    "models:\n"
    "  sonnet:\n"
    "    targets: [{provider: claude, model: claude-sonnet-4-5}]\n"
    "    price: {input: \"1\", cached_input: \"0.1\", cache_write: \"1.25\", "
    "output: \"10\"}\n"
    "    hold_output_tokens: 1000\n"
    "  opus:\n"
    "    targets: [{provider: claude, model: claude-opus-5}]\n"
    "    price: {input: \"1\", output: \"10\"}\n"
    "    hold_output_tokens: 1000\n"
    "  gpt:\n"
    "    targets: [{provider: other, model: gpt}]\n"
    "    price: {input: \"1\", output: \"10\"}\n"
    "    hold_output_tokens: 1000\n"
    "  blind:\n"
    "    targets: [{provider: claude, model: claude-2}]\n"
    "    price: {input: \"1\", output: \"10\"}\n"
    "    capabilities: [tools]\n"
    "  both:\n"
    "    targets: [{provider: claude, model: c}, {provider: other, model: g}]\n"
    "    price: {input: \"1\", output: \"10\"}\n"
    "    hold_output_tokens: 1000\n";

static int open_gate(void **state)
{
    if (gate_open(state) != 0)
        return -1;
    gate_config(yaml);
    return 0;
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, open_gate, gate_close)

static const char path[] = "/v1/messages";
static const char count_path[] = "/v1/messages/count_tokens";

#define HELLO "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]"
#define CALL(model, more) \
    "{\"model\":\"" model "\",\"max_tokens\":100" more "," HELLO "}"

#define START                                                                      \
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":" \
    "\"msg_1\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":10,"     \
    "\"output_tokens\":1}}}\n\n"
#define TEXT(t)                                                                      \
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":" \
    "0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"                     \
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":" \
    "0,\"delta\":{\"type\":\"text_delta\",\"text\":\"" t "\"}}\n\n"
#define DELTA_HEAD                                                        \
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{" \
    "\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":20"
#define DELTA DELTA_HEAD "}}\n\n"
#define LAST  "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"

#define ANSWER                                                                     \
    "{\"type\":\"message\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],"     \
    "\"stop_reason\":\"end_turn\",\"novelty\":[1],\"usage\":{\"input_tokens\":10," \
    "\"cache_read_input_tokens\":100,\"cache_creation_input_tokens\":8,"           \
    "\"output_tokens\":20}}"

static void expect_sent(const char *name, const char *value)
{
    const char *have = upstream_header(upstream_last(), name);

    if (value == NULL)
        assert_null(have);
    else
        assert_string_equal(have, value);
}

static void expect_body_sent(const char *body)
{
    const struct slice have = buf_slice(&upstream_last()->body);

    if (!slice_equal_str(have, body))
        fail_msg("sent %.*s", SLICE_FMT(have));
}

/* ---- The short way ---- */

#define PLAIN "\"speed\":\"standard\",\"inference_geo\":\"not_available\","

static void a_body_goes_on_byte_for_byte_but_for_the_model(void **state)
{
    struct exchange *x = post(
        path,
        "{ \"novelty\": 1e2,\"model\":\"sonnet\",\"max_tokens\":100," PLAIN HELLO "}");

    (void)state;
    expect_body_sent("{ \"novelty\": 1e2,\"model\":\"claude-sonnet-4-5\","
                     "\"max_tokens\":100," PLAIN HELLO "}");
    assert_string_equal(upstream_last()->url, "https://claude.example/v1/messages");
    expect_sent("anthropic-version", "2023-06-01");
    expect_sent("anthropic-beta", NULL);
    expect_sent("authorization", NULL);
    assert_non_null(upstream_header(upstream_last(), "x-api-key"));
    answers_json(upstream_last(), ANSWER);
    expect_whole(x);
    expect_body(x, ANSWER);
    /* 10 at 1, 100 at 0.1, 8 at 1.25, 20 at 10 USD for a million */
    expect_spent("0.00023");
}

#define THOUGHT(sig) \
    "{\"type\":\"thinking\",\"thinking\":\"h\",\"signature\":\"" sig "\"}"
#define TALK(model, before, after)                                                 \
    "{\"model\":\"" model "\",\"max_tokens\":9,\"messages\": [{\"role\":\"user\"," \
    "\"content\":\"q\"}," before "{\"role\":\"assistant\",\"content\":[" after     \
    "{\"type\":\"text\",\"text\":\"octroi:\"}]}]}"

static void reasoning_of_others_is_not_shown_to_anthropic(void **state)
{
    (void)state;
    (void)post(
        path,
        TALK("sonnet",
             "{\"role\":\"assistant\",\"content\":[" THOUGHT(
                 "octroi:::") "]},"
                              "{\"role\":\"assistant\",\"content\":[{\"type\":"
                              "\"redacted_thinking\",\"data\":\"octroi:a:b:c\"}]},",
             THOUGHT("octroi:google-gemini-v1::x") "," THOUGHT("own") ","));
    expect_body_sent("{\"model\":\"claude-sonnet-4-5\",\"max_tokens\":9,\"messages\": "
                     "[{\"role\":\"user\",\"content\":\"q\"},{\"role\":\"assistant\","
                     "\"content\":[" THOUGHT("own") ",{\"type\":\"text\",\"text\":"
                                                    "\"octroi:\"}]}]}");
    answers_json(upstream_last(), ANSWER);
    (void)post(path, TALK("sonnet", "", THOUGHT("own") ","));
    expect_body_sent(TALK("claude-sonnet-4-5", "", THOUGHT("own") ","));
    answers_json(upstream_last(), ANSWER);
}

static const char *request_id_of(const struct exchange *x)
{
    static char text[64];

    (void)snprintf(text, sizeof(text), "%s", client_header(x, "x-request-id"));
    return text;
}

static void the_id_of_a_request_has_anthropics_name_too(void **state)
{
    struct exchange *x = post(path, CALL("sonnet", ""));

    (void)state;
    answers_json(upstream_last(), ANSWER);
    expect_header(x, "request-id", request_id_of(x));
}

static void versions_betas_and_the_query_are_passed_on(void **state)
{
    (void)state;
    (void)post_with("/v1/messages?beta=true&x=1",
                    "anthropic-version: 2026-10-21\n"
                    "anthropic-beta: a-1, b-2\nAnthropic-Beta: c-3\n",
                    CALL("sonnet", ""));
    assert_string_equal(upstream_last()->url,
                        "https://claude.example/v1/messages?beta=true");
    expect_sent("anthropic-version", "2026-10-21");
    expect_sent("anthropic-beta", "a-1, b-2,c-3");
    answers_json(upstream_last(), ANSWER);
}

static void either_key_header_is_taken(void **state)
{
    char headers[256];
    struct exchange *x;

    (void)state;
    (void)snprintf(headers, sizeof(headers), "x-api-key: %s\n", gate.key.text);
    x = ask("POST", path, headers, CALL("sonnet", ""));
    answers_json(upstream_last(), ANSWER);
    expect_status(x, 200);
    x = ask("POST", path, bearer(), CALL("sonnet", ""));
    answers_json(upstream_last(), ANSWER);
    expect_status(x, 200);
    x = ask("POST", path, "x-api-key: sk-oct-wrong\n", CALL("sonnet", ""));
    expect_error(x, 401, "invalid_api_key", NULL);
    expect_says(x, "{\"type\":\"error\",\"error\":{\"type\":\"authentication_error\"");
}

static void a_stream_passes_and_its_last_usage_has_the_cost(void **state)
{
    struct exchange *x = post(path, CALL("sonnet", ",\"stream\":true"));

    (void)state;
    streams(upstream_last(),
            START TEXT("a") "event: ping\ndata: {\"type\":\"ping\"}\n\n" DELTA LAST);
    ends(upstream_last(), UPSTREAM_FINE);
    expect_whole(x);
    expect_says(x, START TEXT("a") "event: ping\n");
    expect_says(x, DELTA_HEAD ",\"cost\":\"0.000210000\"}}\n\n");
    expect_says(x, LAST);
    expect_spent("0.00021");
}

/* Its first report says what went in, and one token: what was seen is charged. */
static void a_cut_stream_is_charged_for_what_was_seen(void **state)
{
    struct exchange *x = post(path, CALL("sonnet", ",\"stream\":true"));

    (void)state;
    streams(upstream_last(), START TEXT("forty bytes of text, which are ten token"));
    ends(upstream_last(), UPSTREAM_CUT);
    expect_says(x, "event: error\ndata: {\"type\":\"error\"");
    expect_silent_about(x, "message_stop");
    expect_spent("0.00011"); /* 10 in, 10 out */
}

static void who_leaves_pays_for_what_was_seen(void **state)
{
    struct exchange *x = post(path, CALL("sonnet", ",\"stream\":true"));

    (void)state;
    streams(upstream_last(), START TEXT("forty bytes of text, which are ten token"));
    leave(x);
    expect_spent("0.00011");
}

static void an_error_within_a_stream_is_told_in_its_form(void **state)
{
    struct exchange *x = post(path, CALL("sonnet", ",\"stream\":true"));

    (void)state;
    streams(
        upstream_last(),
        START TEXT("a") "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                        "\"overloaded_error\",\"message\":\"secret\"}}\n\n");
    expect_says(x, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":");
    expect_silent_about(x, "secret");
    expect_silent_about(x, "message_stop");
}

/* ---- Errors ---- */

static void errors_of_anthropic_pass_as_they_came(void **state)
{
    static const unsigned statuses[] = {400, 404, 413, 429, 500, 529};
    static const char body[] =
        "{\"type\": \"error\",\"error\":{\"type\":\"some_error\","
        "\"message\":\"words\",\"details\":{\"x\":1}},"
        "\"request_id\":\"req_up\"}";

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct exchange *x = post(path, CALL("sonnet", ""));

        answers(upstream_last(), statuses[i], "", body);
        expect_status(x, statuses[i]);
        expect_body(x, body);
    }
    expect_spent("0");
}

static void what_is_about_our_own_key_does_not_pass(void **state)
{
    static const unsigned statuses[] = {401, 402, 403};

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct exchange *x = post(path, CALL("sonnet", ""));

        answers(upstream_last(), statuses[i], "",
                "{\"type\":\"error\",\"error\":{\"message\":\"account 77\"}}");
        expect_status(x, 502);
        expect_says(x, "{\"type\":\"error\",\"error\":{\"type\":\"api_error\"");
        expect_silent_about(x, "account 77");
    }
}

static void our_own_errors_name_the_field(void **state)
{
    static const char *const cases[][2] = {
        {"{\"model\":\"sonnet\"," HELLO "}", "max_tokens"},
        {"{\"model\":\"sonnet\",\"max_tokens\":1000000000," HELLO "}", "max_tokens"},
        {"{\"model\":\"sonnet\",\"max_tokens\":\"9\"," HELLO "}", "max_tokens"},
        {"{\"model\":\"sonnet\",\"max_tokens\":9}", "messages"},
        {"{\"model\":\"sonnet\",\"max_tokens\":9,\"messages\":[]}", "messages"},
        {"{\"model\":\"sonnet\",\"max_tokens\":9,\"messages\":[{\"role\":\"tool\"}]}",
         "messages[0].role"},
        {"{\"model\":\"sonnet\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
         "\"content\":7}]}",
         "messages[0].content"},
        {"{\"model\":\"sonnet\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
         "\"content\":[{}]}]}",
         "messages[0].content[0].type"},
        {"{\"model\":\"sonnet\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
         "\"content\":[{\"type\":\"tool_result\",\"tool_use_id\":\"t\"}]}]}",
         "messages[0].content[0].tool_use_id"},
        {"{\"model\":\"blind\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\","
         "\"content\":[{\"type\":\"image\",\"source\":{}}]}]}",
         "messages[0].content[0]"},
        {CALL("sonnet", ",\"stream\":\"yes\""), "stream"},
        {CALL("sonnet", ",\"system\":7"), "system"},
        {CALL("sonnet", ",\"tools\":{}"), "tools"},
        {CALL("sonnet", ",\"tools\":[7]"), "tools[0]"},
        {CALL("sonnet", ",\"thinking\":true"), "thinking"},
        {CALL("sonnet", ",\"metadata\":\"me\""), "metadata"},
        {CALL("sonnet", ",\"speed\":\"fast\""), "speed"},
        {CALL("sonnet", ",\"inference_geo\":\"us\""), "inference_geo"},
        {CALL("sonnet", ",\"inference_geo\":1"), "inference_geo"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exchange *x = post(path, cases[i][0]);

        expect_error(x, 400, "invalid_request", cases[i][1]);
        expect_says(
            x, "{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\"");
    }
    assert_int_equal(upstream_count(), 0);
}

static void unknown_models_and_paths_are_told_in_this_dialect(void **state)
{
    struct exchange *x = post(path, CALL("nobody", ""));

    (void)state;
    expect_error(x, 404, "model_not_found", "model");
    expect_says(x, "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\"");
}

/* ---- The long way ---- */

static void another_provider_is_asked_in_its_own_words(void **state)
{
    struct exchange *x = post(path, CALL("gpt", ",\"top_k\":5"));

    (void)state;
    assert_string_equal(upstream_last()->url,
                        "https://other.example/v1/chat/completions");
    expect_sent("anthropic-version", NULL);
    answers_json(upstream_last(),
                 "{\"id\":\"1\",\"choices\":[{\"index\":0,\"finish_reason\":\"stop\","
                 "\"message\":{\"role\":\"assistant\",\"content\":\"hi\"}}],\"usage\":{"
                 "\"prompt_tokens\":10,\"completion_tokens\":20,\"total_tokens\":30}}");
    expect_status(x, 200);
    expect_header(x, "x-octroi-dropped", "top_k");
    expect_says(x,
                "\"model\":\"gpt\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],"
                "\"stop_reason\":\"end_turn\"");
    expect_says(x, "\"cost\":\"0.000210000\"");
    expect_spent("0.00021");
}

static void chat_clients_reach_anthropic_under_its_first_version(void **state)
{
    struct exchange *x = post_with(
        "/v1/chat/completions", "anthropic-version: 2026-10-21\nanthropic-beta: a-1\n",
        "{\"model\":\"opus\",\"temperature\":0.5," HELLO "}");

    (void)state;
    expect_sent("anthropic-version", "2023-06-01");
    expect_sent("anthropic-beta", NULL);
    expect_body_sent("{\"model\":\"claude-opus-5\",\"max_tokens\":1000,\"messages\":[{"
                     "\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":"
                     "\"hello\"}]}]}");
    answers_json(upstream_last(), ANSWER);
    expect_header(x, "x-octroi-dropped", "temperature");
    expect_says(x, "\"content\":\"hi\"");
}

static void a_thread_goes_to_anthropic_and_nowhere_else(void **state)
{
    struct exchange *x = post(path, CALL("gpt", ",\"thread\":{\"id\":\"t\"}"));

    (void)state;
    expect_error(x, 400, "invalid_request", "thread");
    expect_says(x, "\"details\":{\"error_code\":\"thread_unsupported_request\","
                   "\"unsupported\":[\"thread\"]}");
    assert_int_equal(upstream_count(), 0);
    x = post(path, CALL("sonnet", ",\"thread\":{\"id\":\"t\"}"));
    assert_int_equal(upstream_count(), 1);
    answers_json(upstream_last(), ANSWER);
    expect_status(x, 200);
}

/* ---- Which model takes what ---- */

static void check_model(const char *name, unsigned want)
{
    const struct provider *p = provider_find(SLICE("anthropic"));
    const unsigned have = p->quirks(NULL, slice_str(name));

    if (have != want)
        fail_msg("%s: %#x, not %#x", name, have, want);
}

static void families_take_what_they_are_known_to(void **state)
{
    const unsigned old = QUIRK_SYSTEM_FIRST | QUIRK_NO_SCHEMA;

    (void)state;
    check_model("claude-3-haiku-20240307", old | QUIRK_NO_THINKING);
    check_model("claude-3-5-sonnet-20241022", old | QUIRK_NO_THINKING);
    check_model("claude-3-7-sonnet-20250219", old | QUIRK_THINKING_BUDGET);
    check_model("claude-sonnet-4-20250514", old | QUIRK_THINKING_BUDGET);
    check_model("claude-opus-4-1", QUIRK_SYSTEM_FIRST | QUIRK_THINKING_BUDGET);
    check_model("claude-haiku-4-5-20251001",
                QUIRK_SYSTEM_FIRST | QUIRK_THINKING_BUDGET);
    check_model("claude-sonnet-4-6", QUIRK_SYSTEM_FIRST | QUIRK_THINKING_BUDGET);
    check_model("claude-opus-4-7", QUIRK_SYSTEM_FIRST | QUIRK_NO_SAMPLING);
    check_model("claude-opus-4-8", QUIRK_NO_SAMPLING);
    check_model("claude-opus-5", QUIRK_NO_SAMPLING);
    check_model("claude-sonnet-5", QUIRK_NO_SAMPLING);
    check_model("claude-fable-5", QUIRK_NO_SAMPLING);
    check_model("minimax-m3", old | QUIRK_THINKING_BUDGET);
}

static void busy_and_refused_targets_are_left_for_others(void **state)
{
    static const unsigned statuses[] = {401, 404, 429, 500, 529};

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct exchange *x = post(path, CALL("both", ""));
        struct upstream_call *first = upstream_last();

        answers(first, statuses[i], "", "{}");
        assert_ptr_not_equal(first, upstream_last());
        answers(upstream_last(), 400, "", "{}");
        expect_status(x, 400);
    }
}

static void an_empty_account_is_not_the_clients_fault(void **state)
{
    struct exchange *x = post(path, CALL("both", ""));
    struct upstream_call *first = upstream_last();

    (void)state;
    answers(first, 400, "",
            "{\"error\":{\"message\":\"Your credit balance is too low to ..\"}}");
    assert_ptr_not_equal(first, upstream_last());
    answers(upstream_last(), 400, "", "{}");
    expect_status(x, 400);
}

/* ---- Counting ---- */

#define COUNT(model) "{\"model\":\"" model "\"," HELLO "}"

static void anthropic_counts_for_its_own_models(void **state)
{
    struct exchange *x =
        post_with(count_path, "anthropic-beta: a-1\n", COUNT("sonnet"));

    (void)state;
    assert_string_equal(upstream_last()->url,
                        "https://claude.example/v1/messages/count_tokens");
    expect_body_sent(COUNT("claude-sonnet-4-5"));
    expect_sent("anthropic-beta", "a-1");
    answers_json(upstream_last(), "{\"input_tokens\": 42}");
    expect_status(x, 200);
    expect_body(x, "{\"input_tokens\": 42}");
    expect_spent("0");
}

static void for_others_it_is_a_guess_of_ours(void **state)
{
    struct exchange *x = post(count_path, COUNT("gpt"));

    (void)state;
    expect_status(x, 200);
    expect_body(x, "{\"input_tokens\":6}"); /* five bytes, and what is around them */
    assert_int_equal(upstream_count(), 0);
    x = post_with(count_path, "Idempotency-Key: a\n", COUNT("gpt"));
    expect_body(x, "{\"input_tokens\":6}");
    expect_spent("0");
    assert_int_equal(book_submitted(), 0);
}

static void counting_needs_a_key(void **state)
{
    struct exchange *x = ask("POST", count_path, NULL, COUNT("gpt"));

    (void)state;
    expect_error(x, 401, "invalid_api_key", NULL);
    expect_says(x, "{\"type\":\"error\"");
}

static void counts_of_nothing_are_refused_by_the_field(void **state)
{
    (void)state;
    expect_error(post(count_path, "{\"model\":\"gpt\"}"), 400, "invalid_request",
                 "messages");
    expect_error(post(count_path, "{\"model\":\"gpt\",\"messages\":[{\"role\":\"user\","
                                  "\"content\":[{\"type\":\"novelty\"}]}]}"),
                 400, "invalid_request", "messages[0].content[0].type");
    expect_error(post(count_path, COUNT("nobody")), 404, "model_not_found", "model");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_body_goes_on_byte_for_byte_but_for_the_model),
        TEST(reasoning_of_others_is_not_shown_to_anthropic),
        TEST(the_id_of_a_request_has_anthropics_name_too),
        TEST(versions_betas_and_the_query_are_passed_on),
        TEST(either_key_header_is_taken),
        TEST(a_stream_passes_and_its_last_usage_has_the_cost),
        TEST(a_cut_stream_is_charged_for_what_was_seen),
        TEST(who_leaves_pays_for_what_was_seen),
        TEST(an_error_within_a_stream_is_told_in_its_form),
        TEST(errors_of_anthropic_pass_as_they_came),
        TEST(what_is_about_our_own_key_does_not_pass),
        TEST(our_own_errors_name_the_field),
        TEST(unknown_models_and_paths_are_told_in_this_dialect),
        TEST(another_provider_is_asked_in_its_own_words),
        TEST(chat_clients_reach_anthropic_under_its_first_version),
        TEST(a_thread_goes_to_anthropic_and_nowhere_else),
        TEST(families_take_what_they_are_known_to),
        TEST(busy_and_refused_targets_are_left_for_others),
        TEST(an_empty_account_is_not_the_clients_fault),
        TEST(anthropic_counts_for_its_own_models),
        TEST(for_others_it_is_a_guess_of_ours),
        TEST(counting_needs_a_key),
        TEST(counts_of_nothing_are_refused_by_the_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Chat requests: every check with its field, and what counts for the worst case. */
#include "tests/gateway_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MESSAGES "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]"

static const char chat[] = "/v1/chat/completions";

static const char *with(const char *members)
{
    static char body[1024];

    (void)snprintf(body, sizeof(body), "{\"model\":\"alone\",%s}", members);
    return body;
}

static void expect_refused(const char *members, const char *param)
{
    unsigned before = upstream_count();
    struct exchange *x = post(chat, with(members));

    if (!x->answered)
        fail_msg("taken: %s", members);
    expect_error(x, 400, "invalid_request", param);
    assert_int_equal(upstream_count(), before);
}

static void expect_taken(const char *members)
{
    struct exchange *x = post(chat, with(members));

    if (x->answered)
        expect_status(x, 200);
    assert_int_equal(request_of(x)->state, REQUEST_SEND);
    leave(x);
}

/* How many references the members add to the worst case (8192 tokens at 1.5 each), and
 * searches (0.035 each). */
static void expect_searches(const char *members, unsigned count, unsigned searches)
{
    const char *body = with(members);
    uint64_t tokens = (strlen(body) + 1) / 2 + 8192 * count;
    struct exchange *x = post(chat, body);

    if (x->answered)
        expect_status(x, 200);
    if (request_of(x)->quote.tokens != tokens + 1000)
        fail_msg("%s: %llu", members,
                 (unsigned long long)request_of(x)->quote.tokens - 1000);
    assert_int_equal(money_to_nano(request_of(x)->quote.worst),
                     tokens * 1500 + 1000 * 10000 + searches * UINT64_C(35000000));
    leave(x);
}

static void expect_references(const char *members, unsigned count)
{
    expect_searches(members, count, 0);
}

static void messages_must_be_an_array_of_objects_with_roles(void **state)
{
    (void)state;
    expect_refused("\"x\":1", "messages");
    expect_refused("\"messages\":null", "messages");
    expect_refused("\"messages\":{}", "messages");
    expect_refused("\"messages\":\"hello\"", "messages");
    expect_refused("\"messages\":[]", "messages");
    expect_refused("\"messages\":[ ]", "messages");
    expect_refused("\"messages\":[\"hello\"]", "messages[0].role");
    expect_refused("\"messages\":[{\"content\":\"x\"}]", "messages[0].role");
    expect_refused("\"messages\":[{\"role\":\"user\"},{\"role\":7}]",
                   "messages[1].role");
    expect_taken("\"messages\":[{\"role\":\"user\"}]");
    expect_refused("\"messages\":[{\"role\":\"any\"}]", "messages[0].role");
    expect_refused("\"messages\":[{\"role\":\"user\",\"content\":7}]",
                   "messages[0].content");
    expect_refused("\"messages\":[{\"role\":\"user\",\"content\":[{\"x\":1}]}]",
                   "messages[0].content[0].type");
    expect_taken("\"messages\":[{\"role\":\"assistant\",\"content\":null,\"x\":1}]");
}

#define CALLS(id)                                           \
    "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"" id \
    "\",\"type\":\"function\",\"function\":{\"name\":\"f\",\"arguments\":\"{}\"}}]}"
#define RESULT(id) "{\"role\":\"tool\",\"content\":\"x\",\"tool_call_id\":\"" id "\"}"

static void a_tools_result_answers_a_call_before_it(void **state)
{
    (void)state;
    expect_taken(
        "\"messages\":[" CALLS("a") "," CALLS("b") "," RESULT("b") "," RESULT("a") "]");
    expect_refused("\"messages\":[" RESULT("a") "]", "messages[0].tool_call_id");
    expect_refused("\"messages\":[" CALLS("a") "," RESULT("b") "]",
                   "messages[1].tool_call_id");
    expect_refused("\"messages\":[" RESULT("a") "," CALLS("a") "]",
                   "messages[0].tool_call_id");
    expect_refused("\"messages\":[" CALLS("a") ",{\"role\":\"tool\"}]",
                   "messages[1].tool_call_id");
}

static void the_output_bound_is_a_number_above_zero(void **state)
{
    static const char *const bad[] = {"0",   "-1",        "1.5",
                                      "1e3", "\"7\"",     "true",
                                      "[]",  "100000001", "99999999999999999999"};
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(text, sizeof(text), MESSAGES ",\"max_tokens\":%s", bad[i]);
        expect_refused(text, "max_tokens");
        (void)snprintf(text, sizeof(text), MESSAGES ",\"max_completion_tokens\":%s",
                       bad[i]);
        expect_refused(text, "max_completion_tokens");
    }
    expect_taken(MESSAGES ",\"max_tokens\":1");
    expect_taken(MESSAGES ",\"max_tokens\":null,\"max_completion_tokens\":null");
}

static void the_number_of_choices_has_its_range(void **state)
{
    (void)state;
    expect_refused(MESSAGES ",\"n\":0", "n");
    expect_refused(MESSAGES ",\"n\":129", "n");
    expect_refused(MESSAGES ",\"n\":\"1\"", "n");
    expect_taken(MESSAGES ",\"n\":128,\"max_tokens\":1");
    expect_taken(MESSAGES ",\"n\":null");
}

static void stream_is_a_boolean_and_its_options_an_object(void **state)
{
    (void)state;
    expect_refused(MESSAGES ",\"stream\":1", "stream");
    expect_refused(MESSAGES ",\"stream\":\"true\"", "stream");
    expect_refused(MESSAGES ",\"stream_options\":true", "stream_options");
    expect_refused(MESSAGES ",\"stream_options\":[]", "stream_options");
    expect_refused(MESSAGES ",\"stream_options\":{\"include_usage\":1}",
                   "stream_options.include_usage");
    expect_taken(MESSAGES ",\"stream\":null,\"stream_options\":null");
    expect_taken(MESSAGES ",\"stream\":false,\"stream_options\":{}");
    expect_taken(MESSAGES ",\"stream\":true,\"stream_options\":{\"x\":1}");
}

static void names_of_users_are_short_texts(void **state)
{
    static const char *const names[] = {"user", "safety_identifier"};
    char text[512];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(text, sizeof(text), MESSAGES ",\"%s\":7", names[i]);
        expect_refused(text, names[i]);
        (void)snprintf(text, sizeof(text), MESSAGES ",\"%s\":\"%0257d\"", names[i], 0);
        expect_refused(text, names[i]);
        (void)snprintf(text, sizeof(text), MESSAGES ",\"%s\":\"%0256d\"", names[i], 0);
        expect_taken(text);
        (void)snprintf(text, sizeof(text), MESSAGES ",\"%s\":null", names[i]);
        expect_taken(text);
    }
}

static void tools_are_an_array(void **state)
{
    (void)state;
    expect_refused(MESSAGES ",\"tools\":{}", "tools");
    expect_refused(MESSAGES ",\"tools\":\"x\"", "tools");
    expect_taken(MESSAGES ",\"tools\":null");
    expect_taken(MESSAGES ",\"tools\":[]");
    expect_taken(MESSAGES ",\"tools\":[7,{\"type\":null}]");
}

static void what_stands_for_more_than_its_bytes_counts_as_a_reference(void **state)
{
    (void)state;
    expect_references(MESSAGES, 0);
    expect_references("\"messages\":[{\"role\":\"user\",\"content\":["
                      "{\"type\":\"text\",\"text\":\"a\"},{\"type\":\"refusal\"}]}]",
                      0);
    expect_references(
        "\"messages\":[{\"role\":\"user\",\"content\":["
        "{\"type\":\"image_url\"},{\"type\":\"text\"},{\"type\":\"file\"}]},"
        "{\"role\":\"user\",\"content\":[{\"type\":\"input_audio\"}]}]",
        3);
    expect_references("\"messages\":[{\"role\":\"user\",\"content\":["
                      "{\"type\":\"ima\\u0067e_url\"},{\"type\":\"text\"}]}]",
                      1);
    /* Sound that the vendor kept of an earlier answer. */
    expect_references(
        "\"messages\":[{\"role\":\"assistant\",\"audio\":{\"id\":\"a1\"}}]", 1);
}

static void tools_that_the_vendor_runs_count_as_references(void **state)
{
    (void)state;
    expect_references(
        MESSAGES ",\"tools\":[{\"type\":\"function\"},{\"type\":\"custom\"}]", 0);
    expect_references(
        MESSAGES ",\"tools\":[{\"type\":\"code_interpreter\"},{\"type\":\"mcp\"}]", 2);
    expect_searches(
        MESSAGES ",\"tools\":[{\"type\":\"web_search\"},{\"type\":\"mcp\"}]", 2, 16);
    expect_searches(MESSAGES ",\"web_search_options\":{}", 1, 16);
    expect_references(MESSAGES ",\"web_search_options\":null", 0);
}

static void references_end_at_the_models_context(void **state)
{
    struct exchange *x;

    (void)state;
    x = post(chat, "{\"model\":\"tiny\",\"messages\":[{\"role\":\"user\",\"content\":["
                   "{\"type\":\"image_url\"}]}]}");
    assert_int_equal(request_of(x)->quote.tokens, 10 + 5);
    leave(x);
}

static void all_else_passes_unread(void **state)
{
    static const char rest[] =
        MESSAGES ",\"temperature\":\"hot\",\"logit_bias\":[1],"
                 "\"response_format\":{\"type\":\"json_schema\"},"
                 "\"tool_choice\":7,\"x\":{\"model\":\"other\"}";
    struct exchange *x = post(chat, with(rest));

    (void)state;
    assert_true(slice_equal_str(buf_slice(&upstream_last()->body), with(rest)));
    leave(x);
}

/* Only the dialect's own field asks for a tier: another's would make the hold small. */
static void a_field_of_another_dialect_asks_for_no_tier(void **state)
{
    struct money worst[2];

    (void)state;
    gate_config(
        "providers: {p: {kind: openai, api_keys: [k-0123456789]}}\n"
        "models: {m: {targets: [{provider: p, model: x}], price: {input: \"1\", "
        "output: \"10\", tiers: {priority: {input: \"100\", output: \"1000\"}}}, "
        "hold_output_tokens: 100}}\n");
    for (size_t i = 0; i < 2; i++) {
        struct exchange *x = post(
            "/v1/chat/completions",
            i == 0 ? "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
                     "\"a\"}],\"service_tier\":\"priority\"}"
                   : "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":"
                     "\"a\"}],\"service_tier\":\"priority\",\"serviceTier\":"
                     "\"default\"}");

        assert_false(x->answered);
        worst[i] = request_of(x)->quote.worst;
        leave(x);
    }
    assert_true(money_cmp(worst[1], worst[0]) >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(messages_must_be_an_array_of_objects_with_roles),
        GATE_TEST(a_tools_result_answers_a_call_before_it),
        GATE_TEST(the_output_bound_is_a_number_above_zero),
        GATE_TEST(the_number_of_choices_has_its_range),
        GATE_TEST(stream_is_a_boolean_and_its_options_an_object),
        GATE_TEST(names_of_users_are_short_texts),
        GATE_TEST(tools_are_an_array),
        GATE_TEST(what_stands_for_more_than_its_bytes_counts_as_a_reference),
        GATE_TEST(tools_that_the_vendor_runs_count_as_references),
        GATE_TEST(references_end_at_the_models_context),
        GATE_TEST(a_field_of_another_dialect_asks_for_no_tier),
        GATE_TEST(all_else_passes_unread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

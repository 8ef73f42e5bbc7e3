/* SPDX-License-Identifier: Apache-2.0 */
/* Responses: every check with its field, what counts for the worst case, and that what
 * a vendor keeps goes back to the key that made it, for the wallet it was made for. */
#include "tests/gateway_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char path[] = "/v1/responses";

/* One model at two providers of OpenAI's kind, the first with three keys. */
static const char yaml[] =
    "providers:\n"
    "  one: {kind: openai, base_url: \"https://one.example/v1\", api_keys: "
    "[\"${KEY_ONE}\", \"${KEY_TWO}\", \"${KEY_DATA}\"]}\n"
    "  two: {kind: openai, base_url: \"https://two.example/v1\", api_keys: "
    "[\"${KEY_ONE}\"]}\n"
    "  plain: {kind: compatible, base_url: \"https://plain.example/v1\", api_keys: "
    "[\"${KEY_ONE}\"]}\n"
    "models:\n"
    "  both:\n"
    "    targets: [{provider: one, model: gpt-x}, {provider: two, model: gpt-x}]\n"
    "    price: {input: \"1.5\", output: \"10\"}\n"
    "    context_tokens: 200000\n"
    "    hold_output_tokens: 1000\n"
    "  mixed:\n"
    "    targets: [{provider: one, model: gpt-x}, {provider: plain, model: gpt-x}]\n"
    "    price: {input: \"1.5\", output: \"10\"}\n"
    "    context_tokens: 200000\n"
    "    hold_output_tokens: 1000\n"
    "  foreign:\n"
    "    targets: [{provider: plain, model: m}]\n"
    "    price: {input: \"1.5\", output: \"10\"}\n"
    "  only-chat:\n"
    "    targets: [{provider: one, model: gpt-audio-1.5}]\n"
    "    price: {input: \"1.5\", output: \"10\"}\n"
    "  only-responses:\n"
    "    targets: [{provider: one, model: gpt-5-codex}]\n"
    "    price: {input: \"1.5\", output: \"10\"}\n"
    "limits: {requests_per_minute: 0, tokens_per_minute: 0, concurrent: 0}\n";

static const char answer[] =
    "{\"id\":\"resp_a\",\"object\":\"response\",\"status\":\"completed\",\"model\":"
    "\"gpt-x\",\"output\":[{\"type\":\"reasoning\",\"id\":\"rs_a\",\"summary\":[],"
    "\"encrypted_content\":\"zzz\"},{\"type\":\"message\",\"id\":\"msg_a\",\"role\":"
    "\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"hi\"}]},{\"type\":"
    "\"function_call\",\"id\":\"fc_a\",\"call_id\":\"call_a\",\"name\":\"f\","
    "\"arguments\":\"{}\"}],\"usage\":{\"input_tokens\":700,\"output_tokens\":300,"
    "\"total_tokens\":1000}}";

static int open_gate(void **state)
{
    const int rc = gate_open(state);

    gate_config(yaml);
    gate_turn();
    return rc;
}

#define RESPONSES_TEST(test) \
    cmocka_unit_test_setup_teardown(test, open_gate, gate_close)

static const char *with(const char *model, const char *members)
{
    static char body[1024];

    (void)snprintf(body, sizeof(body), "{\"model\":\"%s\",%s}", model, members);
    return body;
}

static void expect_refused(const char *model, const char *members, const char *param)
{
    const unsigned before = upstream_count();
    struct exchange *x = post(path, with(model, members));

    if (!x->answered)
        fail_msg("taken: %s", members);
    expect_error(x, 400, "invalid_request", param);
    assert_int_equal(upstream_count(), before);
}

static void what_is_wrong_is_named_before_anything_is_held(void **state)
{
    static const struct {
        const char *members, *param;
    } wrong[] = {
        {"\"x\":1", "input"},
        {"\"input\":{}", "input"},
        {"\"input\":[]", "input"},
        {"\"input\":[\"x\"]", "input[0].type"},
        {"\"input\":[{\"role\":\"boss\",\"content\":\"x\"}]", "input[0].role"},
        {"\"input\":[{\"role\":\"user\",\"content\":1}]", "input[0].content"},
        {"\"input\":[{\"role\":\"user\",\"content\":[{}]}]",
         "input[0].content[0].type"},
        {"\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"c\",\"output\":"
         "\"x\"}]",
         "input[0].call_id"},
        {"\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_b\"}]", "input[0]"},
        {"\"input\":\"x\",\"previous_response_id\":\"resp_b\"", "previous_response_id"},
        {"\"input\":\"x\",\"previous_response_id\":7", "previous_response_id"},
        {"\"input\":\"x\",\"conversation\":\"conv_1\"", "conversation"},
        {"\"input\":\"x\",\"background\":true", "background"},
        {"\"input\":\"x\",\"background\":1", "background"},
        {"\"input\":\"x\",\"instructions\":{}", "instructions"},
        {"\"input\":\"x\",\"max_output_tokens\":0", "max_output_tokens"},
        {"\"input\":\"x\",\"stream\":\"true\"", "stream"},
        {"\"input\":\"x\",\"user\":7", "user"},
        {"\"input\":\"x\",\"tools\":{}", "tools"},
        {"\"input\":\"x\",\"tools\":[{}]", "tools[0].type"},
        {"\"input\":\"x\",\"tools\":[{\"type\":\"file_search\"}]", "tools[0].type"},
        {"\"input\":\"x\",\"tools\":[{\"type\":\"shell\",\"environment\":{\"type\":"
         "\"container_auto\"}}]",
         "tools[0].type"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        expect_refused("both", wrong[i].members, wrong[i].param);
    expect_held("0");
}

static void expect_counted(const char *members, unsigned references, unsigned searches)
{
    const char *body = with("both", members);
    const uint64_t tokens = (strlen(body) + 1) / 2 + 8192 * references;
    struct exchange *x = post(path, body);

    if (x->answered)
        expect_status(x, 200);
    assert_int_equal(request_of(x)->quote.tokens, tokens + 1000);
    assert_int_equal(money_to_nano(request_of(x)->quote.worst),
                     tokens * 1500 + 1000 * 10000 + searches * UINT64_C(35000000));
    leave(x);
}

static void what_stands_for_more_than_its_bytes_counts(void **state)
{
    (void)state;
    expect_counted("\"input\":\"x\",\"store\":false,\"new\":1", 0, 0);
    expect_counted(
        "\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\","
        "\"text\":\"x\"},{\"type\":\"input_image\",\"image_url\":\"u\"},"
        "{\"type\":\"input_file\",\"file_id\":\"f\"}]}]",
        2, 0);
    expect_counted("\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":"
                   "\"f\",\"arguments\":\"\"},{\"type\":\"function_call_output\","
                   "\"call_id\":\"c\",\"output\":[{\"type\":\"input_image\"}]}]",
                   1, 0);
    expect_counted("\"input\":\"x\",\"prompt\":{\"id\":\"pmpt_1\"}", 1, 0);
    expect_counted("\"input\":\"x\",\"tools\":[{\"type\":\"web_search\"},{\"type\":"
                   "\"function\",\"name\":\"f\"},{\"type\":\"custom\",\"name\":\"g\"}]",
                   1, 16);
}

static void a_body_goes_as_it_came_to_the_path_of_its_face(void **state)
{
    struct exchange *x =
        post(path, "{\"model\":\"both\", \"input\":\"x\", \"new\":[1.0e1] }");

    (void)state;
    assert_string_equal(upstream_last()->url, "https://one.example/v1/responses");
    assert_true(
        slice_equal(buf_slice(&upstream_last()->body),
                    SLICE("{\"model\":\"gpt-x\", \"input\":\"x\", \"new\":[1.0e1] }")));
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
    expect_body(x, answer);
    /* 700 at 1.5 and 300 at 10 per million */
    expect_header(x, "x-octroi-cost", "0.004050000");
    expect_spent("0.00405");
}

static void a_model_of_one_face_is_reached_by_it(void **state)
{
    struct exchange *x = post(path, with("only-chat", "\"input\":\"hello\""));

    (void)state;
    assert_string_equal(upstream_last()->url,
                        "https://one.example/v1/chat/completions");
    leave(x);
    x = post("/v1/chat/completions",
             "{\"model\":\"only-responses\",\"messages\":[{\"role\":\"user\","
             "\"content\":\"hello\"}]}");
    assert_string_equal(upstream_last()->url, "https://one.example/v1/responses");
    leave(x);
}

/* Makes the answer above; gives the key that made it. */
static const char *make(const char *model)
{
    static char key[128];
    struct exchange *x = post(path, with(model, "\"input\":\"x\""));

    (void)snprintf(key, sizeof(key), "%s",
                   upstream_header(upstream_last(), "Authorization"));
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
    return key;
}

/* Wherever the keys' turn is, the call goes to the one that made it. */
static void expect_back(const char *members, const char *key, uint64_t kept)
{
    for (unsigned i = 0; i < 5; i++) {
        const char *body = with("both", members);
        const uint64_t tokens = (strlen(body) + 1) / 2 + kept;
        struct exchange *x = post(path, body);

        if (x->answered)
            expect_status(x, 200);
        assert_string_equal(upstream_header(upstream_last(), "Authorization"), key);
        assert_non_null(strstr(upstream_last()->url, "one.example"));
        assert_int_equal(request_of(x)->quote.tokens, tokens + 1000);
        leave(x);
    }
}

static void what_a_vendor_keeps_goes_back_to_the_key_that_made_it(void **state)
{
    const char *key = make("both");

    (void)state;
    expect_back("\"input\":\"y\",\"previous_response_id\":\"resp_a\"", key, 1000);
    expect_back("\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_a\"}]", key,
                1000);
    expect_back("\"input\":[{\"type\":\"item_reference\",\"id\":\"rs_a\"},{\"type\":"
                "\"item_reference\",\"id\":\"fc_a\"}]",
                key, 2000);
    expect_back("\"input\":[{\"type\":\"function_call_output\",\"call_id\":\"call_a\","
                "\"output\":\"x\"}],\"previous_response_id\":\"resp_a\"",
                key, 1000);
    /* In the body itself, and yet for one key to read. */
    expect_back("\"input\":[{\"type\":\"reasoning\",\"id\":\"rs_a\",\"summary\":[],"
                "\"encrypted_content\":\"zzz\"}]",
                key, 0);
    expect_back(
        "\"input\":[{\"type\":\"function_call\",\"call_id\":\"call_a\",\"name\":"
        "\"f\",\"arguments\":\"{}\"}]",
        key, 0);
}

static void nobody_else_serves_what_one_vendor_keeps(void **state)
{
    static const unsigned failures[] = {500, 401, 429}; /* not for another key either */
    struct exchange *x;

    (void)state;
    (void)make("both");
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        const unsigned before = upstream_count();

        x = post(path,
                 with("both", "\"input\":\"y\",\"previous_response_id\":\"resp_a\""));
        answers(upstream_last(), failures[i], "", "{}");
        assert_true(x->answered);
        assert_int_equal(upstream_count(), before + 1);
    }
    /* What stands in the body can be said to another. */
    x = post(path, with("both", "\"input\":[{\"type\":\"function_call\",\"call_id\":"
                                "\"call_a\",\"name\":\"f\",\"arguments\":\"{}\"}]"));
    answers(upstream_last(), 500, "", "{}");
    assert_false(x->answered);
    assert_non_null(strstr(upstream_last()->url, "two.example"));
    leave(x);
}

static void another_wallet_can_not_name_it(void **state)
{
    const struct id other = new_wallet(&gate.money, "other");
    const struct key_text key = new_key(&gate.money, other);
    char headers[256];
    struct exchange *x;

    (void)state;
    fund(&gate.money, other, "10");
    (void)make("both");
    (void)snprintf(headers, sizeof(headers), "Authorization: Bearer %s\n", key.text);
    x = ask("POST", path, headers,
            with("both", "\"input\":\"y\",\"previous_response_id\":\"resp_a\""));
    expect_error(x, 400, "invalid_request", "previous_response_id");
    x = ask("POST", path, headers,
            with("both", "\"input\":[{\"type\":\"item_reference\",\"id\":\"msg_a\"}]"));
    expect_error(x, 400, "invalid_request", "input[0]");
}

static void a_model_with_foreign_targets_too_takes_what_its_own_made(void **state)
{
    struct exchange *x;

    (void)state;
    (void)make("mixed");
    x = post(path,
             with("mixed", "\"input\":\"y\",\"previous_response_id\":\"resp_a\""));
    if (x->answered)
        expect_status(x, 200);
    assert_string_equal(upstream_last()->url, "https://one.example/v1/responses");
    leave(x);
    expect_refused("mixed", "\"input\":\"y\",\"prompt\":{\"id\":\"p\"}", "prompt");
}

static void a_host_without_this_face_is_asked_by_its_other(void **state)
{
    struct exchange *x = post(path, with("both", "\"input\":\"a\""));

    (void)state;
    assert_string_equal(upstream_last()->url, "https://one.example/v1/responses");
    answers(upstream_last(), 404, "", "not here");
    assert_string_equal(upstream_last()->url,
                        "https://one.example/v1/chat/completions");
    answers_json(
        upstream_last(),
        "{\"id\":\"c\",\"choices\":[{\"index\":0,\"message\":{\"content\":\"hi\"},"
        "\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":700,"
        "\"completion_tokens\":300}}");
    expect_status(x, 200);
    expect_says(x, "\"text\":\"hi\"");
    expect_header(x, "x-octroi-cost", "0.004050000");
    /* Neither face: the next target, and each is asked once. */
    x = post(path, with("both", "\"input\":\"a\""));
    for (unsigned i = 0; i < 3; i++) {
        assert_false(x->answered);
        answers(upstream_last(), 404, "", "not here");
    }
    assert_string_equal(upstream_last()->url,
                        "https://two.example/v1/chat/completions");
    answers(upstream_last(), 404, "", "not here");
    assert_true(x->answered);
    expect_status(x, 502);
    expect_spent("0.00405");
}

/* ---- Items of our own making ---- */

#define SAYS_SO "\"remember the blue door\""

/* An answer that another vendor made, in our words; the id of its item. */
static const char *foreign_item(const char *members, bool stream)
{
    static char id[128];
    struct exchange *x = post(path, with("foreign", members));
    struct slice out;
    size_t at;

    if (stream) {
        streams(upstream_last(),
                "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{"
                "\"content\":" SAYS_SO "}}]}\n\n"
                "data: {\"choices\":[{\"index\":0,\"delta\":{},"
                "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n");
        ends(upstream_last(), UPSTREAM_FINE);
    } else {
        answers_json(
            upstream_last(),
            "{\"id\":\"c\",\"choices\":[{\"index\":0,\"message\":{\"content\":" SAYS_SO
            "},\"finish_reason\":\"stop\"}]}");
    }
    expect_whole(x);
    out = buf_slice(&x->out);
    at = slice_search(out, SLICE("\"id\":\"msg_")) + 6;
    assert_true(at < out.len);
    out = slice_sub(out, at, out.len);
    assert_int_equal(
        slice_to_cstr(id, sizeof(id), slice_sub(out, 0, slice_find(out, '"'))), RC_OK);
    return id;
}

static const char *referring(const char *id)
{
    static char members[512];

    (void)snprintf(members, sizeof(members),
                   "\"input\":[{\"role\":\"user\",\"content\":\"a\"},{\"type\":"
                   "\"item_reference\",\"id\":\"%s\"},{\"role\":\"user\",\"content\":"
                   "\"b\"}]",
                   id);
    return members;
}

static void an_item_that_we_made_may_be_sent_by_its_id(void **state)
{
    (void)state;
    for (unsigned stream = 0; stream < 2; stream++) {
        const char *id = foreign_item(
            stream ? "\"input\":\"a\",\"stream\":true" : "\"input\":\"a\"", stream);
        struct exchange *x = post(path, with("foreign", referring(id)));
        struct slice sent;

        assert_false(x->answered);
        sent = buf_slice(&upstream_last()->body);
        assert_true(slice_search(sent, SLICE(SAYS_SO)) < sent.len);
        assert_true(slice_search(sent, SLICE("item_reference")) == sent.len);
        leave(x);
    }
}

static void an_item_that_was_not_to_be_stored_is_not_known(void **state)
{
    const char *id = foreign_item("\"input\":\"a\",\"store\":false", false);

    (void)state;
    expect_refused("foreign", referring(id), "input[1]");
}

static void an_item_of_another_wallet_is_not_known(void **state)
{
    const struct id other = new_wallet(&gate.money, "other");
    const struct key_text key = new_key(&gate.money, other);
    const char *id = foreign_item("\"input\":\"a\"", false);
    char headers[256];

    (void)state;
    fund(&gate.money, other, "10");
    (void)snprintf(headers, sizeof(headers), "Authorization: Bearer %s\n", key.text);
    expect_error(ask("POST", path, headers, with("foreign", referring(id))), 400,
                 "invalid_request", "input[1]");
}

static void a_stream_tells_its_cost_at_its_end(void **state)
{
    struct exchange *x = post(path, with("both", "\"input\":\"x\",\"stream\":true"));

    (void)state;
    streams(
        upstream_last(),
        "event: response.created\ndata: {\"type\":\"response.created\",\"response\":"
        "{\"id\":\"resp_s\",\"model\":\"gpt-x\",\"usage\":null}}\n\n");
    says(upstream_last(),
         "event: response.output_text.delta\ndata: {\"type\":"
         "\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,"
         "\"item_id\":\"msg_s\",\"delta\":\"hi\"}\n\n");
    says(
        upstream_last(),
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"response\":"
        "{\"id\":\"resp_s\",\"status\":\"completed\",\"output\":[],\"usage\":{"
        "\"input_tokens\":700,\"output_tokens\":300,\"total_tokens\":1000}}}\n\n");
    ends(upstream_last(), UPSTREAM_FINE);
    expect_whole(x);
    expect_says(x, "\"total_tokens\":1000,\"cost\":\"0.004050000\"}}}");
    expect_spent("0.00405");
    x = post(path, with("both", "\"input\":\"y\",\"previous_response_id\":\"resp_s\""));
    assert_false(x->answered);
    leave(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESPONSES_TEST(what_is_wrong_is_named_before_anything_is_held),
        RESPONSES_TEST(what_stands_for_more_than_its_bytes_counts),
        RESPONSES_TEST(a_body_goes_as_it_came_to_the_path_of_its_face),
        RESPONSES_TEST(a_model_of_one_face_is_reached_by_it),
        RESPONSES_TEST(what_a_vendor_keeps_goes_back_to_the_key_that_made_it),
        RESPONSES_TEST(nobody_else_serves_what_one_vendor_keeps),
        RESPONSES_TEST(another_wallet_can_not_name_it),
        RESPONSES_TEST(a_model_with_foreign_targets_too_takes_what_its_own_made),
        RESPONSES_TEST(a_host_without_this_face_is_asked_by_its_other),
        RESPONSES_TEST(an_item_that_we_made_may_be_sent_by_its_id),
        RESPONSES_TEST(an_item_that_was_not_to_be_stored_is_not_known),
        RESPONSES_TEST(an_item_of_another_wallet_is_not_known),
        RESPONSES_TEST(a_stream_tells_its_cost_at_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* MCP between doubles: a tool call is the call by HTTP in every way but its answer's
 * words, whatever happens to it on the way. */
#include "gateway/request_envelope.h"
#include "tests/gateway_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char mcp[] = "/mcp";
static const char json[] = "Content-Type: application/json\n";
static const char found[] = "{\"found\":1}";
static const char said[] =
    "{\"id\":\"x\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\","
    "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
    "\"hello\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,"
    "\"completion_tokens\":2}}";

static const char *message(const char *method, const char *params)
{
    static char text[8192];

    (void)snprintf(text, sizeof(text),
                   "{\"jsonrpc\":\"2.0\",\"id\":\"one\",\"method\":\"%s\"%s%s}", method,
                   params[0] != '\0' ? ",\"params\":" : "", params);
    return text;
}

/* tools/call with the fixture's key. */
static struct exchange *call(const char *tool, const char *arguments)
{
    char params[4096];

    (void)snprintf(params, sizeof(params), "{\"name\":\"%s\",\"arguments\":%s}", tool,
                   arguments);
    return post(mcp, message("tools/call", params));
}

static struct exchange *search(void)
{
    return call("search_get_search", "{\"query\":{\"q\":\"a b\"}}");
}

static void expect_result(struct exchange *x, bool is_error)
{
    expect_status(x, 200);
    expect_whole(x);
    expect_says(x, "{\"jsonrpc\":\"2.0\",\"id\":\"one\",\"result\":{");
    expect_says(x, is_error ? "\"isError\":true" : "\"isError\":false");
}

static void expect_rpc_error(struct exchange *x, unsigned status, int code)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "\"error\":{\"code\":%d,", code);
    expect_status(x, status);
    expect_whole(x);
    expect_says(x, text);
}

/* ---- The call inside ---- */

static void a_tool_call_is_the_call_by_http(void **state)
{
    struct exchange *x = search();
    struct row r;

    (void)state;
    expect_held("0.005");
    assert_string_equal(upstream_last()->url,
                        "https://data.example/base/search?q=a%20b");
    assert_string_equal(upstream_last()->method, "GET");
    assert_false(upstream_last()->spec.has_body);
    assert_string_equal(upstream_header(upstream_last(), "X-Api-Secret"),
                        "data-secret-0123456789");
    assert_null(upstream_header(upstream_last(), "Authorization"));
    answers(upstream_last(), 200, json, found);
    expect_result(x, false);
    expect_says(x, "\"text\":\"{\\\"found\\\":1}\"");
    expect_says(x, "\"structuredContent\":{\"found\":1}");
    expect_says(x, "\"cost\":\"0.005000000\",\"balance\":\"9.995000000\"");
    expect_header(x, "Content-Type", "application/json");
    assert_int_equal(row_of(&r, x), RC_OK);
    assert_string_equal(r.row.kind, "data");
    assert_true(slice_equal_str(r.row.model, "search"));
    expect_spent("0.005");
}

static void headers_that_an_endpoint_passes_on_are_passed(void **state)
{
    const char *const params =
        "{\"name\":\"search_get_markets_id\",\"arguments\":{\"id\":\"a\"}}";

    (void)state;
    (void)post_with(mcp,
                    "X-Tenant: t1\nX-Other: no\nAccept-Encoding: br\n"
                    "Accept: text/event-stream\nCookie: c=1\n",
                    message("tools/call", params));
    assert_string_equal(upstream_header(upstream_last(), "X-Tenant"), "t1");
    assert_null(upstream_header(upstream_last(), "X-Other"));
    assert_null(upstream_header(upstream_last(), "Accept-Encoding"));
    assert_null(upstream_header(upstream_last(), "Cookie"));
    assert_string_equal(upstream_header(upstream_last(), "Accept"),
                        "application/json, text/*;q=0.9, */*;q=0.5");
    answers(upstream_last(), 200, json, found);
}

static void an_endpoint_of_any_method_is_told_which(void **state)
{
    static const char *const wrong[] = {"5", "\"HEAD\"", "\"get\"", "null"};
    char arguments[64];

    (void)state;
    (void)call("search_any_files_rest", "{\"rest\":\"a\",\"method\":\"PUT\"}");
    assert_string_equal(upstream_last()->method, "PUT");
    answers(upstream_last(), 200, json, found);
    (void)call("search_any_files_rest", "{}");
    assert_string_equal(upstream_last()->method, "GET");
    assert_string_equal(upstream_last()->url, "https://data.example/base/files/");
    answers(upstream_last(), 200, json, found);
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        (void)snprintf(arguments, sizeof(arguments), "{\"method\":%s}", wrong[i]);
        expect_rpc_error(call("search_any_files_rest", arguments), 200, -32602);
    }
    expect_rpc_error(call("search_any_files_rest", "{\"body\":1}"), 200, -32602);
    assert_int_equal(upstream_count(), 2);
}

/* What models send instead of {"query":{..}} or {"body":{..}}. */
static void undeclared_arguments_may_be_flat(void **state)
{
    (void)state;
    (void)call("search_get_search",
               "{\"q\":\"a b\",\"query\":{\"r\":1},\"tags\":[1,\"x\"]}");
    assert_string_equal(upstream_last()->url,
                        "https://data.example/base/search?q=a%20b&r=1&tags=1&tags=x");
    answers(upstream_last(), 200, json, found);
    (void)call("search_get_markets_id", "{\"id\":\"m\",\"page\":2}");
    assert_string_equal(upstream_last()->url,
                        "https://data.example/base/markets/m?page=2");
    answers(upstream_last(), 200, json, found);
    (void)call("search_post_post",
               "{\"a\":{\"b\":[1]},\"query\":{\"x\":1},\"c\":\"d\"}");
    assert_string_equal(upstream_last()->url, "https://data.example/base/post?x=1");
    assert_true(slice_equal_str(buf_slice(&upstream_last()->body),
                                "{\"a\":{\"b\":[1]},\"c\":\"d\"}"));
    assert_string_equal(upstream_header(upstream_last(), "Content-Type"),
                        "application/json");
    answers(upstream_last(), 200, json, found);
    expect_rpc_error(call("search_post_post", "{\"body\":{},\"a\":1}"), 200, -32602);
    expect_rpc_error(call("search_post_post", "{\"a\":1,\"body\":\"b\"}"), 200, -32602);
    expect_rpc_error(call("search_get_search", "{\"q\":{\"x\":1}}"), 200, -32602);
    assert_int_equal(upstream_count(), 3);
}

static void a_model_call_goes_on_to_the_next_target(void **state)
{
    struct exchange *x = call("chat", "{\"model\":\"chain\",\"prompt\":\"hi\"}");

    (void)state;
    answers(upstream_last(), 500, json, "{}");
    assert_int_equal(upstream_count(), 2);
    assert_false(x->answered);
    answers(upstream_last(), 200, json, said);
    expect_result(x, false);
    expect_says(x, "\"content\":[{\"type\":\"text\",\"text\":\"hello\"}]");
    expect_spent("0.00003"); /* 10 at 1, 2 at 10 */
}

static void a_prompt_becomes_a_conversation_and_nothing_else_is_added(void **state)
{
    (void)call("chat", "{\"prompt\":\"a\\\"b\",\"model\":\"alone\",\"system\":\"s\","
                       "\"temperature\":0.50,\"max_tokens\":7}");

    (void)state;
    assert_true(slice_equal_str(
        buf_slice(&upstream_last()->body),
        "{\"model\":\"alone\",\"messages\":[{\"role\":\"system\",\"content\":\"s\"},"
        "{\"role\":\"user\",\"content\":\"a\\\"b\"}],\"max_tokens\":7,"
        "\"temperature\":0.50}"));
    answers(upstream_last(), 200, json, said);
}

static void a_refusal_of_the_upstream_is_a_result_and_free(void **state)
{
    struct exchange *x = call("chat", "{\"model\":\"alone\",\"prompt\":\"hi\"}");

    (void)state;
    answers(
        upstream_last(), 400, json,
        "{\"error\":{\"message\":\"too warm\",\"type\":\"invalid_request_error\"}}");
    expect_result(x, true);
    expect_says(x, "too warm");
    expect_says(x, "\"octroi/status\":400");
    expect_spent("0");
}

static void a_slow_answer_waits_for_its_end(void **state)
{
    struct exchange *x = search();

    (void)state;
    upstream_says_head(upstream_last(), 200, json);
    says(upstream_last(), "{\"found\"");
    gate_advance(1000); /* by HTTP it would stream now */
    assert_false(x->answered);
    says(upstream_last(), ":1}");
    ends(upstream_last(), UPSTREAM_FINE);
    expect_result(x, false);
    expect_says(x, "\"structuredContent\":{\"found\":1}");
    expect_says(x, "\"cost\":\"0.005000000\"");
    expect_spent("0.005");
}

static void what_breaks_in_the_middle_is_told_whole_and_free(void **state)
{
    struct exchange *x = search();

    (void)state;
    upstream_says_head(upstream_last(), 200, "Content-Type: text/plain\n");
    says(upstream_last(), "the first half");
    gate_advance(1000);
    ends(upstream_last(), UPSTREAM_CUT);
    expect_result(x, true);
    expect_says(x, "\"code\":\"upstream_error\"");
    expect_silent_about(x, "first half");
    expect_says(x, "\"cost\":\"0.000000000\"");
    expect_spent("0");
}

static void an_answer_that_is_too_long_is_refused_in_words(void **state)
{
    struct exchange *x = search();

    (void)state;
    assert_int_equal(upstream_last()->spec.max_response_bytes, ENVELOPE_UPSTREAM_MAX);
    upstream_says_head(upstream_last(), 200, json);
    ends(upstream_last(), UPSTREAM_TOO_BIG);
    expect_result(x, true);
    expect_says(x, "longer than 1048576 bytes");
    x = search();
    upstream_says_head(upstream_last(), 200, "Content-Type: text/event-stream\n");
    says(upstream_last(), "data: 1\n\n");
    ends(upstream_last(), UPSTREAM_TOO_BIG);
    expect_result(x, true);
    expect_says(x, "longer than 1048576 bytes");
    expect_spent("0");
}

static void who_leaves_pays_as_by_http(void **state)
{
    struct exchange *x = search();

    (void)state;
    upstream_last()->unsent = true;
    leave(x);
    expect_spent("0");
    x = search();
    leave(x);
    assert_true(upstream_last()->cancelled);
    expect_spent("0.005");
    x = search();
    upstream_says_head(upstream_last(), 200, json);
    says(upstream_last(), "{\"half\":");
    gate_advance(1000);
    leave(x);
    expect_spent("0.01");
}

static void who_leaves_while_the_hold_is_made_pays_nothing(void **state)
{
    struct exchange *x;

    (void)state;
    book_keep();
    x = search();
    leave(x);
    book_pass();
    book_release();
    gate_turn();
    assert_int_equal(upstream_count(), 0);
    expect_spent("0");
}

static void a_book_that_fails_gives_no_answer_away(void **state)
{
    struct exchange *x;

    (void)state;
    book_refuse(RC_FULL, 1);
    x = search();
    expect_result(x, true);
    expect_says(x, "\"code\":\"storage_full\"");
    assert_int_equal(upstream_count(), 0);
}

static void a_repeat_gets_the_answer_that_there_was(void **state)
{
    const char *const key = "Idempotency-Key: k1\n";
    const char *const params =
        "{\"name\":\"search_get_search\",\"arguments\":{},\"_meta\":{}}";
    struct exchange *x = post_with(mcp, key, message("tools/call", params));

    (void)state;
    answers(upstream_last(), 200, json, found);
    expect_result(x, false);
    x = post(mcp, message("tools/call", "{\"name\":\"search_get_search\",\"_meta\":{"
                                        "\"octroi/idempotency-key\":\"k1\"}}"));
    expect_result(x, false);
    expect_says(x, "\"structuredContent\":{\"found\":1}");
    expect_says(x, "\"repeat_of\":\"req_");
    x = post_with("/v1/data/search/search", key, NULL);
    expect_status(x, 405); /* another request: this one is a GET */
    assert_int_equal(upstream_count(), 1);
    expect_spent("0.005");
}

static void two_names_for_one_repeat_are_refused(void **state)
{
    (void)state;
    expect_rpc_error(
        post_with(mcp, "Idempotency-Key: k1\n",
                  message("tools/call", "{\"name\":\"search_get_search\",\"_meta\":{"
                                        "\"octroi/idempotency-key\":\"k2\"}}")),
        200, -32602);
    expect_rpc_error(
        post(mcp, message("tools/call", "{\"name\":\"search_get_search\",\"_meta\":{"
                                        "\"octroi/idempotency-key\":5}}")),
        200, -32602);
    assert_int_equal(book_submitted(), 0);
}

/* ---- Who may ---- */

static void without_a_key_a_call_is_told_its_price(void **state)
{
    struct exchange *x = ask("POST", mcp, json,
                             message("tools/call", "{\"name\":\"search_get_search\"}"));

    (void)state;
    expect_result(x, true);
    expect_says(x, "\"code\":\"payment_required\"");
    x = ask("POST", mcp, json,
            message("tools/call", "{\"name\":\"chat\",\"arguments\":{\"model\":"
                                  "\"alone\",\"prompt\":\"hi\"}}"));
    expect_result(x, true);
    expect_says(x, "\"code\":\"payment_required\"");
    assert_int_equal(gate.worker.stranger_bytes, 0);
    assert_int_equal(book_submitted(), 0);
}

static void a_stranger_may_send_less(void **state)
{
    struct exchange *x = client_head(&gate.user, "POST", mcp, json, true);

    (void)state;
    assert_int_equal(x->max_body, 1 << 20);
    assert_int_equal(gate.worker.stranger_bytes, 1 << 20);
    client_body(&gate.user, x, slice_str(message("ping", "")));
    gate_turn();
    expect_says(x, "\"result\":{}");
    assert_int_equal(gate.worker.stranger_bytes, 0);
}

static void rates_count_calls_and_not_lists(void **state)
{
    struct exchange *x;
    char text[4096];

    (void)state;
    (void)snprintf(text, sizeof(text), "%.*slimits: {requests_per_minute: 1}\n",
                   (int)(strstr(gate_yaml, "limits:") - gate_yaml), gate_yaml);
    gate_config(text);
    for (unsigned i = 0; i < 3; i++)
        expect_says(post(mcp, message("tools/list", "")), "\"tools\":[");
    x = search();
    answers(upstream_last(), 200, json, found);
    expect_result(x, false);
    x = search();
    expect_result(x, true);
    expect_says(x, "\"code\":\"rate_limited\"");
    expect_spent("0.005");
}

static void a_daemon_that_ends_takes_no_new_call(void **state)
{
    struct exchange *x;

    (void)state;
    gate.worker.draining = true;
    x = search();
    expect_result(x, true);
    expect_says(x, "\"code\":\"draining\"");
    expect_says(post(mcp, message("ping", "")), "\"result\":{}");
    gate.worker.draining = false;
}

static void a_frozen_wallet_may_look_and_not_call(void **state)
{
    (void)state;
    assert_int_equal(wallet_freeze(gate.money.book, gate.wallet, true), RC_OK);
    expect_says(call("wallet_balance", "{}"), "\"frozen\":true");
    expect_says(search(), "\"code\":\"wallet_frozen\"");
}

static void a_wrong_key_is_refused_at_the_head(void **state)
{
    struct exchange *x = ask("POST", mcp, "Authorization: Bearer sk-oct-wrong\n", "{}");

    (void)state;
    expect_rpc_error(x, 401, -32000);
    expect_says(x, "\"id\":null");
    expect_says(x, "\"code\":\"invalid_api_key\"");
    assert_false(x->accepted);
}

static void pages_of_another_origin_are_refused_at_the_head(void **state)
{
    static const struct {
        const char *headers;
        unsigned status;
    } cases[] = {
        {"Origin: http://evil.example\nHost: 127.0.0.1:8402\n", 403},
        {"Origin: http://evil.example:8402\nHost: evil.example:8402\n", 403},
        {"Origin: null\nHost: localhost\n", 403},
        {"Origin: http://localhost\nHost: evil.example\n", 403},
        {"Origin: http://localhost.evil.example\nHost: localhost\n", 403},
        {"Origin: http://localhost\nOrigin: http://localhost\nHost: localhost\n", 403},
        {"Origin: http://localhost:1\nHost: localhost:2\n", 200},
        {"Origin: http://[::1]:1\nHost: [::1]:2\n", 200},
        {"Origin: http://192.0.2.1:8402\nHost: 192.0.2.1:8402\n", 200},
        {"Origin: http://192.0.2.2:8402\nHost: 192.0.2.1:8402\n", 403},
        {"Host: anything.example\n", 200},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_status(ask("POST", mcp, cases[i].headers, message("ping", "")),
                      cases[i].status);
}

/* ---- Tools ---- */

static void what_has_no_price_is_no_tool(void **state)
{
    struct exchange *x = post(mcp, message("tools/list", ""));

    (void)state;
    expect_says(x, "\"name\":\"search_get_markets_id\"");
    expect_says(x, "\"name\":\"open_get\"");
    expect_says(x, "\"name\":\"search_get_free\"");
    expect_silent_about(x, "search_get_unpriced");
    expect_says(x, "\"required\":[\"id\"]");
    expect_silent_about(x, "nextCursor");
}

static void a_list_goes_on_where_its_cursor_says(void **state)
{
    static char text[65536];
    size_t len;
    struct exchange *x;

    (void)state;
    len = (size_t)snprintf(text, sizeof(text),
                           "data_apis:\n  many:\n    base_url: \"https://a.example\"\n"
                           "    endpoints:\n");
    for (unsigned i = 0; i < 250; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "      - {method: GET, path: /p%u, price: \"1\"}\n", i);
    gate_config(text);
    x = post(mcp, message("tools/list", ""));
    expect_says(x, "\"nextCursor\":\"100\"");
    expect_says(x, "\"many_get_p96\"");
    expect_silent_about(x, "\"many_get_p97\"");
    x = post(mcp, message("tools/list", "{\"cursor\":\"200\"}"));
    expect_says(x, "\"many_get_p197\"");
    expect_says(x, "\"many_get_p249\"");
    expect_silent_about(x, "nextCursor");
    expect_says(post(mcp, message("tools/list", "{\"cursor\":\"9999\"}")),
                "\"tools\":[]");
}

static void apis_whose_names_read_the_same_have_hashed_ones(void **state)
{
    struct exchange *x;

    (void)state;
    gate_config("data_apis:\n"
                "  a_b: {base_url: \"https://a.example\", endpoints: "
                "[{method: GET, path: /x, price: \"1\"}]}\n"
                "  a-b: {base_url: \"https://b.example\", endpoints: "
                "[{method: GET, path: /x, price: \"1\"}]}\n");
    x = post(mcp, message("tools/list", ""));
    expect_silent_about(x, "\"name\":\"a-b_get_x\"");
    expect_says(x, "\"name\":\"a-b_get_x_");
}

static void a_quote_calls_nothing_and_holds_nothing(void **state)
{
    struct exchange *x = call("wallet_quote", "{\"tool\":\"search_get_search\"}");

    (void)state;
    expect_result(x, false);
    expect_says(x, "\"most\":\"0.005000000\"");
    x = call("wallet_quote", "{\"tool\":\"chat\",\"arguments\":{\"model\":\"alone\","
                             "\"prompt\":\"hi\",\"max_tokens\":100}}");
    expect_result(x, false);
    expect_says(x, "\"charged\":\"what was used\"");
    x = call("wallet_quote", "{\"tool\":\"chat\",\"arguments\":{\"model\":\"nobody\","
                             "\"prompt\":\"hi\"}}");
    expect_result(x, true);
    expect_says(x, "\"code\":\"model_not_found\"");
    x = ask("POST", mcp, json,
            message("tools/call", "{\"name\":\"wallet_quote\",\"arguments\":{\"tool\":"
                                  "\"search_get_search\"}}"));
    expect_result(x, false);
    expect_says(x, "\"most\":\"0.005000000\"");
    assert_int_equal(upstream_count(), 0);
    assert_int_equal(book_submitted(), 0);
}

static void the_wallet_is_that_of_the_key(void **state)
{
    struct exchange *x = call("wallet_balance", "{}");

    (void)state;
    expect_result(x, false);
    expect_says(x, "\"balance\":\"10.000000000\"");
    x = call("wallet_statement", "{\"after\":\"none\"}");
    expect_result(x, true);
    expect_says(x, "\"param\\\":\\\"after\\\"");
    x = ask("POST", mcp, json, message("tools/call", "{\"name\":\"wallet_balance\"}"));
    expect_result(x, true);
    expect_says(x, "\"code\":\"invalid_api_key\"");
}

static void a_body_goes_as_it_was_written(void **state)
{
    struct exchange *x = call("search_post_post", "{\"body\":{\"b\":1.0,\"a\":[ ]}}");

    (void)state;
    assert_true(
        slice_equal_str(buf_slice(&upstream_last()->body), "{\"b\":1.0,\"a\":[ ]}"));
    assert_string_equal(upstream_header(upstream_last(), "Content-Type"),
                        "application/json");
    answers(upstream_last(), 200, json, "{}");
    expect_result(x, false);
    x = call("search_post_post", "{\"body\":\"a\\nb\"}");
    assert_true(slice_equal_str(buf_slice(&upstream_last()->body), "a\nb"));
    assert_string_equal(upstream_header(upstream_last(), "Content-Type"),
                        "text/plain; charset=utf-8");
    answers(upstream_last(), 200, json, "{}");
    expect_result(x, false);
}

static void what_is_no_text_comes_as_bytes(void **state)
{
    struct exchange *x = search();

    (void)state;
    answers(upstream_last(), 200, "Content-Type: text/plain\n", "\xff\xfe");
    expect_result(x, false);
    expect_says(x, "\"type\":\"resource\"");
    expect_says(x, "\"blob\":\"//4=\"");
    x = search();
    answers(upstream_last(), 200,
            "Content-Type: application/json\nContent-Encoding: br\n", "{}");
    expect_says(x, "\"blob\":\"e30=\"");
    x = search();
    answers(upstream_last(), 200, "Content-Type: image/png\n", "x");
    expect_says(x, "{\"type\":\"image\",\"data\":\"eA==\",\"mimeType\":\"image/png\"}");
    x = search();
    answers(upstream_last(), 204, "", "");
    expect_result(x, false);
    expect_says(x, "\"text\":\"\"");
}

static void a_payment_of_x402_is_one_object_or_its_base64(void **state)
{
    static const char *const bad[] = {
        "\"x402/payment\":7",
        "\"x402/payment\":null",
        "\"x402/payment\":\"\"",
        "\"x402/payment\":\"e30\"",                  /* {} without padding */
        "\"x402/payment\":\"W10=\"",                 /* [] */
        "\"x402.payment\":\"eyJ9\"",                 /* {"} */
        "\"x402.payment\":\"eyJhIjoxLCJhIjoyfQ==\"", /* {"a":1,"a":2} */
        "\"x402/payment\":{},\"x402.payment\":{}",
        "\"x402/payment\":\"e30=\",\"org.paymentauth/credential\":{}",
        "\"x402/payment\":\"eyJyZXNvdXJjZSI6eyJ1cmwiOiJtY3A6Ly90b29sL290aGVyIn19\"",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char params[512];

        (void)snprintf(params, sizeof(params),
                       "{\"name\":\"search_get_search\",\"_meta\":{%s}}", bad[i]);
        expect_rpc_error(post(mcp, message("tools/call", params)), 200, -32602);
    }
}

static void an_upstream_can_not_write_our_receipts(void **state)
{
    struct exchange *x = search();

    (void)state;
    answers(
        upstream_last(), 200,
        "Content-Type: application/json\nx-octroi-cost: 0\nx-octroi-balance: 9\n"
        "PAYMENT-RESPONSE: e30=\nPayment-Receipt: e30\nWWW-Authenticate: Payment x\n",
        found);
    expect_result(x, false);
    expect_says(x, "\"cost\":\"0.005000000\",\"balance\":\"9.995000000\"");
    expect_silent_about(x, "x402");
    expect_silent_about(x, "paymentauth");
}

static void many_headers_of_an_upstream_leave_room_for_ours(void **state)
{
    char many[4096];
    size_t len = (size_t)snprintf(many, sizeof(many), "%s", json);
    struct exchange *x = search();

    (void)state;
    for (unsigned i = 0; i < 90; i++)
        len += (size_t)snprintf(many + len, sizeof(many) - len, "X-A%u: 1\n", i);
    answers(upstream_last(), 200, many, found);
    expect_says(x, "\"cost\":\"0.005000000\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(a_tool_call_is_the_call_by_http),
        GATE_TEST(headers_that_an_endpoint_passes_on_are_passed),
        GATE_TEST(an_endpoint_of_any_method_is_told_which),
        GATE_TEST(undeclared_arguments_may_be_flat),
        GATE_TEST(a_model_call_goes_on_to_the_next_target),
        GATE_TEST(a_prompt_becomes_a_conversation_and_nothing_else_is_added),
        GATE_TEST(a_refusal_of_the_upstream_is_a_result_and_free),
        GATE_TEST(a_slow_answer_waits_for_its_end),
        GATE_TEST(what_breaks_in_the_middle_is_told_whole_and_free),
        GATE_TEST(an_answer_that_is_too_long_is_refused_in_words),
        GATE_TEST(who_leaves_pays_as_by_http),
        GATE_TEST(who_leaves_while_the_hold_is_made_pays_nothing),
        GATE_TEST(a_book_that_fails_gives_no_answer_away),
        GATE_TEST(a_repeat_gets_the_answer_that_there_was),
        GATE_TEST(two_names_for_one_repeat_are_refused),
        GATE_TEST(without_a_key_a_call_is_told_its_price),
        GATE_TEST(a_stranger_may_send_less),
        GATE_TEST(rates_count_calls_and_not_lists),
        GATE_TEST(a_daemon_that_ends_takes_no_new_call),
        GATE_TEST(a_frozen_wallet_may_look_and_not_call),
        GATE_TEST(a_wrong_key_is_refused_at_the_head),
        GATE_TEST(pages_of_another_origin_are_refused_at_the_head),
        GATE_TEST(what_has_no_price_is_no_tool),
        GATE_TEST(a_list_goes_on_where_its_cursor_says),
        GATE_TEST(apis_whose_names_read_the_same_have_hashed_ones),
        GATE_TEST(a_quote_calls_nothing_and_holds_nothing),
        GATE_TEST(the_wallet_is_that_of_the_key),
        GATE_TEST(a_body_goes_as_it_was_written),
        GATE_TEST(what_is_no_text_comes_as_bytes),
        GATE_TEST(a_payment_of_x402_is_one_object_or_its_base64),
        GATE_TEST(an_upstream_can_not_write_our_receipts),
        GATE_TEST(many_headers_of_an_upstream_leave_room_for_ours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

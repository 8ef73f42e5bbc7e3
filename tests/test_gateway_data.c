/* SPDX-License-Identifier: Apache-2.0 */
/* Data APIs: which endpoint, what goes to the upstream and what comes back, when an
 * answer waits and when it streams, and who pays for what. */
#include "tests/gateway_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char search[] = "/v1/data/search/search";
static const char json[] = "Content-Type: application/json\n";

static struct exchange *call(const char *method, const char *target,
                             const char *headers, const char *body)
{
    char all[2048];

    (void)snprintf(all, sizeof(all), "%s%s", bearer(), headers);
    return ask(method, target, all, body);
}

/* ---- Which endpoint ---- */

static void the_bytes_that_matched_are_the_bytes_sent(void **state)
{
    static const struct {
        const char *target;
        const char *url;
    } cases[] = {
        {"/v1/data/search/search?q=a%20b&x=%2F..&y",
         "https://data.example/base/search?q=a%20b&x=%2F..&y"},
        {"/v1/data/search/search?", "https://data.example/base/search?"},
        {"/v1/data/search/markets/A%20b;c=1",
         "https://data.example/base/markets/A%20b;c=1"},
        {"/v1/data/search/files/a/b/c/", "https://data.example/base/files/a/b/c/"},
        {"/v1/data/open/", "https://open.example/"},
        {"/v1/data/open", "https://open.example"},
        {"/v1/data/open/a", "https://open.example/a"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exchange *x = get(cases[i].target);

        if (x->answered)
            expect_status(x, 200);
        assert_string_equal(upstream_last()->url, cases[i].url);
        answers(upstream_last(), 200, json, "{}");
    }
}

static void what_is_not_listed_is_not_called(void **state)
{
    struct exchange *x;

    (void)state;
    expect_error(get("/v1/data/nothing/search"), 404, "not_found", NULL);
    expect_error(get("/v1/data/search/other"), 404, "not_found", NULL);
    expect_error(get("/v1/data/search/markets/a/b"), 404, "not_found", NULL);
    expect_error(get("/v1/data/search"), 404, "not_found", NULL);
    expect_error(call("DELETE", search, "", NULL), 405, "method_not_allowed", NULL);
    x = get("/v1/data/search/unpriced");
    expect_error(x, 503, "price_missing", NULL);
    expect_header(x, "Content-Type", "application/problem+json");
    assert_int_equal(book_submitted(), 0);
}

static void paths_that_two_could_read_differently_are_refused(void **state)
{
    static const char *const paths[] = {"a%2fb", "a%2Fb", "a%5cb", "a%00b", "a\\b",
                                        "..",    "%2e",   "a//b",  "a%2",   "a%gg"};
    char target[128];

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        (void)snprintf(target, sizeof(target), "/v1/data/search/files/%s", paths[i]);
        expect_error(get(target), 400, "invalid_request", NULL);
    }
}

static void any_method_goes_where_any_is_allowed(void **state)
{
    static const char *const methods[] = {"GET",   "POST",   "PUT",
                                          "PATCH", "DELETE", "OPTIONS"};

    (void)state;
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        struct exchange *x = call(methods[i], "/v1/data/search/files/a", "", NULL);

        assert_string_equal(upstream_last()->method, methods[i]);
        assert_false(upstream_last()->spec.has_body);
        answers(upstream_last(), 200, json, "{}");
        expect_status(x, 200);
    }
    expect_spent("0.000000006");
}

/* ---- What goes to the upstream ---- */

static void only_listed_headers_go_and_our_credential(void **state)
{
    const struct upstream_call *c;

    (void)state;
    (void)call("GET", "/v1/data/search/markets/1",
               "Accept: text/plain\nACCEPT-Language: de\nAccept-Encoding: br\n"
               "Range: bytes=0-1\nIf-None-Match: \"1\"\ntraceparent: 00-1\n"
               "X-Tenant: t1\nX-Other: no\nCookie: c=1\nUser-Agent: me\n"
               "X-Forwarded-For: 9.9.9.9\nX-Api-Secret: mine\nReferer: r\n",
               NULL);
    c = upstream_last();
    assert_true(slice_equal_str(
        buf_slice(&c->headers),
        "Accept: text/plain\nACCEPT-Language: de\nAccept-Encoding: br\n"
        "Range: bytes=0-1\nIf-None-Match: \"1\"\ntraceparent: 00-1\nX-Tenant: t1\n"
        "X-Api-Secret: data-secret-0123456789\n"));
    assert_true(slice_equal_str(c->spec.pool_key, "data-secret-0123456789"));
    answers(upstream_last(), 200, json, "{}");
    (void)call("GET", search, "X-Tenant: t1\n", NULL); /* not this endpoint's */
    assert_null(upstream_header(upstream_last(), "X-Tenant"));
    answers(upstream_last(), 200, json, "{}");
}

static void the_credential_goes_even_beside_very_many_headers(void **state)
{
    char many[2048] = "";
    size_t len = 0;

    (void)state;
    for (unsigned i = 0; i < 90; i++)
        len += (size_t)snprintf(many + len, sizeof(many) - len, "Accept: %u\n", i);
    (void)call("GET", search, many, NULL);
    assert_string_equal(upstream_header(upstream_last(), "X-Api-Secret"),
                        "data-secret-0123456789");
    assert_int_equal(upstream_last()->spec.header_count, 64);
    answers(upstream_last(), 200, json, "{}");
}

static void a_body_goes_as_it_came_and_is_never_sent_twice(void **state)
{
    struct exchange *x = call("POST", "/v1/data/search/post", "Content-Type: a/b\n",
                              "\x01 any \xff bytes");

    (void)state;
    assert_true(
        slice_equal_str(buf_slice(&upstream_last()->body), "\x01 any \xff bytes"));
    assert_string_equal(upstream_header(upstream_last(), "Content-Type"), "a/b");
    answers(upstream_last(), 200, json, "{}");
    expect_status(x, 200);
    x = call("POST", "/v1/data/search/post", "", "");
    assert_true(upstream_last()->spec.has_body);
    ends(upstream_last(), UPSTREAM_CONNECT);
    expect_error(x, 502, "upstream_error", NULL);
    assert_int_equal(upstream_count(), 2); /* one try */
}

/* ---- What comes back ---- */

static void status_headers_and_body_pass(void **state)
{
    struct exchange *x = get(search);

    (void)state;
    answers(upstream_last(), 203,
            "Content-Type: text/csv; charset=x\nETag: \"1\"\nX-Extra: kept\n"
            "Content-Encoding: br\nRetry-After: 7\nLink: a\nLink: b\n",
            "a,b\n");
    expect_status(x, 203);
    expect_body(x, "a,b\n");
    expect_header(x, "Content-Type", "text/csv; charset=x");
    expect_header(x, "ETag", "\"1\"");
    expect_header(x, "X-Extra", "kept");
    expect_header(x, "Content-Encoding", "br");
    expect_header(x, "Retry-After", "7");
    expect_header(x, "X-Content-Type-Options", "nosniff");
    expect_header(x, "x-octroi-cost", "0.005000000");
    expect_header(x, "x-octroi-balance", "9.995000000");
    assert_true(slice_search(buf_slice(&x->headers), SLICE("Link: a\nLink: b\n")) <
                buf_len(&x->headers));
}

static void headers_that_are_not_the_upstreams_to_set_are_dropped(void **state)
{
    static const char *const names[] = {
        "Set-Cookie",
        "set-cookie2",
        "WWW-Authenticate",
        "Proxy-Authenticate",
        "Proxy-X",
        "Location",
        "Keep-Alive",
        "TE",
        "Trailer",
        "Upgrade",
        "Date",
        "Server",
        "X-Request-Id",
        "X-Octroi-Other",
        "x-should-retry",
        "Idempotent-Replayed",
        "Alt-Svc",
        "Strict-Transport-Security",
        "X-Hop",
        "X-Hop2",
        "retry-after-ms",
        "Transfer-Encoding",
        "Connection",
        "PAYMENT-REQUIRED", /* its own, which would pass for ours */
        "Payment-Response",
        "X-Payment-Response",
        "Payment-Receipt",
    };
    struct exchange *x = get(search);
    char headers[2048] = "Connection: close, x-hop ,X-HOP2\nX-Kept: 1\n";
    size_t len = strlen(headers);

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) - 1; i++)
        len += (size_t)snprintf(headers + len, sizeof(headers) - len, "%s: evil\n",
                                names[i]);
    answers(upstream_last(), 200, headers, "{}");
    expect_status(x, 200);
    expect_header(x, "X-Kept", "1");
    expect_silent_about(x, "evil");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], "X-Request-Id") != 0)
            expect_no_header(x, names[i]);
}

static void an_unclean_header_is_left_out_and_logged(void **state)
{
    struct exchange *x = get(search);

    (void)state;
    answers(upstream_last(), 200, "X-Bad: a\x01z\nX-Good: 1\n", "{}");
    expect_status(x, 200);
    expect_no_header(x, "X-Bad");
    expect_header(x, "X-Good", "1");
    assert_true(logged("answer header refused"));
}

static void a_page_is_an_attachment_whatever_the_upstream_says(void **state)
{
    struct exchange *x = get(search);

    (void)state;
    answers(upstream_last(), 200,
            "Content-Disposition: inline\nContent-Type: Text/HTML; charset=utf-8\n"
            "X-Content-Type-Options: none\n",
            "<script>");
    expect_header(x, "Content-Disposition", "attachment");
    expect_header(x, "X-Content-Type-Options", "nosniff");
    expect_silent_about(x, "inline");
    x = get(search);
    answers(upstream_last(), 200,
            "Content-Disposition: attachment; filename=a\nContent-Type: text/csv\n",
            "a");
    expect_header(x, "Content-Disposition", "attachment; filename=a");
}

static void a_head_request_tells_the_length_without_a_body(void **state)
{
    struct exchange *x = call("HEAD", search, "", NULL);

    (void)state;
    assert_string_equal(upstream_last()->method, "HEAD");
    upstream_says_head(upstream_last(), 200,
                       "Content-Type: a/b\nContent-Length: 1234567\n");
    gate_advance(1000);
    assert_false(x->answered);
    ends(upstream_last(), UPSTREAM_FINE);
    expect_whole(x);
    assert_int_equal(x->content_length, 1234567);
    assert_int_equal(buf_len(&x->out), 0);
    expect_header(x, "x-octroi-cost", "0.005000000");
    expect_spent("0.005");
}

static void a_head_request_with_a_body_is_refused(void **state)
{
    (void)state;
    expect_error(call("HEAD", search, "", "x"), 400, "invalid_request", NULL);
    assert_int_equal(upstream_count(), 0);
}

static void a_length_that_is_none_is_unknown(void **state)
{
    struct exchange *x = call("HEAD", search, "", NULL);

    (void)state;
    upstream_says_head(upstream_last(), 200, "Content-Length: many\n");
    ends(upstream_last(), UPSTREAM_FINE);
    expect_whole(x);
    assert_true(x->content_length == UINT64_MAX);
}

static void redirects_and_refusals_of_our_credential_become_502(void **state)
{
    static const unsigned statuses[] = {301, 302, 303, 307, 308, 300, 401, 407};

    (void)state;
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct exchange *x = get(search);

        answers(upstream_last(), statuses[i],
                "Location: https://else.example/\nWWW-Authenticate: x\n", "secret");
        expect_error(x, 502, "upstream_error", NULL);
        expect_silent_about(x, "else.example");
        expect_silent_about(x, "secret");
        expect_no_header(x, "WWW-Authenticate");
        expect_header(x, "x-octroi-cost", "0.000000000");
    }
    expect_spent("0");
}

static void a_401_of_an_upstream_without_our_credential_passes(void **state)
{
    struct exchange *x = get("/v1/data/open/a");

    (void)state;
    answers(upstream_last(), 401, "WWW-Authenticate: Basic\n", "who?");
    expect_status(x, 401);
    expect_body(x, "who?");
    expect_no_header(x, "WWW-Authenticate");
}

/* ---- Who pays ---- */

static void a_call_is_charged_on_success_only(void **state)
{
    static const struct {
        unsigned status;
        bool charged;
    } cases[] = {{200, true},  {204, true},  {206, true},  {304, false}, {400, false},
                 {404, false}, {422, false}, {429, false}, {500, false}, {503, false}};

    unsigned charged = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exchange *x = get(search);
        struct row r;

        answers(upstream_last(), cases[i].status, json, "");
        expect_status(x, cases[i].status);
        expect_header(x, "x-octroi-cost",
                      cases[i].charged ? "0.005000000" : "0.000000000");
        charged += cases[i].charged;
        assert_int_equal(row_of(&r, x), RC_OK);
        assert_int_equal(r.row.status, cases[i].status);
        assert_string_equal(r.row.kind, "data");
        assert_true(slice_equal_str(r.row.model, "search"));
        assert_true(slice_equal_str(r.row.target, "/search"));
    }
    assert_int_equal(charged, 3);
    expect_spent("0.015");
}

static void an_endpoint_may_charge_always_but_not_for_what_never_came(void **state)
{
    struct exchange *x = call("POST", "/v1/data/search/post", "", "x");

    (void)state;
    answers(upstream_last(), 500, json, "{}");
    expect_status(x, 500);
    expect_spent("0.25");
    x = call("POST", "/v1/data/search/post", "", "x");
    ends(upstream_last(), UPSTREAM_CUT);
    expect_status(x, 502);
    expect_spent("0.25");
}

static void a_free_endpoint_needs_a_key_and_costs_nothing(void **state)
{
    struct exchange *x = get("/v1/data/search/free");

    (void)state;
    answers(upstream_last(), 200, json, "{}");
    expect_header(x, "x-octroi-cost", "0.000000000");
    expect_error(ask("GET", "/v1/data/search/free", "", NULL), 402, "payment_required",
                 NULL);
    expect_spent("0");
}

static void who_leaves_before_anything_was_sent_pays_nothing(void **state)
{
    struct exchange *x = get(search);

    (void)state;
    upstream_last()->unsent = true;
    leave(x);
    expect_spent("0");
}

static void who_leaves_after_a_failure_came_pays_nothing(void **state)
{
    struct exchange *x = get(search);

    (void)state;
    upstream_says_head(upstream_last(), 500, json);
    leave(x);
    expect_spent("0");
    x = get(search);
    upstream_says_head(upstream_last(), 200, json);
    leave(x);
    expect_spent("0.005");
}

static void what_breaks_before_it_was_shown_is_told_and_free(void **state)
{
    struct exchange *x = get(search);

    (void)state;
    upstream_says_head(upstream_last(), 200, json);
    says(upstream_last(), "{\"half\":");
    ends(upstream_last(), UPSTREAM_CUT);
    expect_error(x, 502, "upstream_error", NULL);
    expect_spent("0");
}

/* ---- Waiting and streaming ---- */

static void a_slow_answer_streams_after_a_moment(void **state)
{
    struct exchange *x = get(search);

    (void)state;
    upstream_says_head(upstream_last(), 200, json);
    says(upstream_last(), "{\"a\":");
    gate_advance(249);
    assert_false(x->answered);
    gate_advance(1);
    expect_status(x, 200);
    expect_body(x, "{\"a\":");
    expect_header(x, "x-octroi-hold", "0.005000000");
    expect_no_header(x, "x-octroi-cost");
    says(upstream_last(), "1}");
    ends(upstream_last(), UPSTREAM_FINE);
    expect_body(x, "{\"a\":1}");
    expect_whole(x);
    expect_spent("0.005");
}

static void a_live_answer_streams_at_once(void **state)
{
    static const char *const types[] = {"text/event-stream", "application/x-ndjson",
                                        "application/stream+json"};
    char head[128];

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct exchange *x = get(search);

        (void)snprintf(head, sizeof(head), "Content-Type: %s\n", types[i]);
        upstream_says_head(upstream_last(), 200, head);
        says(upstream_last(), "1\n");
        expect_body(x, "1\n");
        expect_header(x, "Content-Type", types[i]);
        ends(upstream_last(), UPSTREAM_FINE);
        expect_whole(x);
    }
}

static void bytes_of_no_known_type_wait_like_others(void **state)
{
    struct exchange *x = get(search);

    (void)state;
    upstream_says_head(upstream_last(), 200,
                       "Content-Type: application/octet-stream\n");
    says(upstream_last(), "1");
    assert_false(x->answered);
    ends(upstream_last(), UPSTREAM_FINE);
    expect_header(x, "x-octroi-cost", "0.005000000");
}

static void a_long_answer_streams_with_its_length(void **state)
{
    struct exchange *x = get(search);
    char *body = calloc(1, 100001);

    (void)state;
    assert_non_null(body);
    memset(body, 'a', 100000);
    upstream_says_head(upstream_last(), 200, "Content-Length: 100000\n");
    upstream_says(upstream_last(), slice_from(body, 1000));
    expect_status(x, 200);
    assert_int_equal(x->content_length, 100000);
    upstream_says(upstream_last(), slice_from(body, 99000));
    ends(upstream_last(), UPSTREAM_FINE);
    expect_body(x, body);
    expect_whole(x);
    free(body);
}

static void an_answer_that_grows_long_streams_without_one(void **state)
{
    struct exchange *x = get(search);
    char *body = calloc(1, 100001);

    (void)state;
    assert_non_null(body);
    memset(body, 'b', 100000);
    upstream_says_head(upstream_last(), 200, json);
    upstream_says(upstream_last(), slice_from(body, 65536));
    assert_false(x->answered);
    upstream_says(upstream_last(), slice_from(body, 34464));
    expect_status(x, 200);
    assert_true(x->content_length == UINT64_MAX);
    ends(upstream_last(), UPSTREAM_FINE);
    expect_body(x, body);
    free(body);
}

static void a_long_answer_cut_short_is_seen_to_be(void **state)
{
    struct exchange *x = get(search);
    char *body = calloc(1, 70001);

    (void)state;
    assert_non_null(body);
    memset(body, 'c', 70000);
    upstream_says_head(upstream_last(), 200, "Content-Length: 100000\n");
    upstream_says(upstream_last(), slice_from(body, 70000));
    ends(upstream_last(), UPSTREAM_CUT);
    expect_cut(x);
    expect_spent("0");
    free(body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(the_bytes_that_matched_are_the_bytes_sent),
        GATE_TEST(what_is_not_listed_is_not_called),
        GATE_TEST(paths_that_two_could_read_differently_are_refused),
        GATE_TEST(any_method_goes_where_any_is_allowed),
        GATE_TEST(only_listed_headers_go_and_our_credential),
        GATE_TEST(the_credential_goes_even_beside_very_many_headers),
        GATE_TEST(a_body_goes_as_it_came_and_is_never_sent_twice),
        GATE_TEST(status_headers_and_body_pass),
        GATE_TEST(headers_that_are_not_the_upstreams_to_set_are_dropped),
        GATE_TEST(an_unclean_header_is_left_out_and_logged),
        GATE_TEST(a_page_is_an_attachment_whatever_the_upstream_says),
        GATE_TEST(a_head_request_tells_the_length_without_a_body),
        GATE_TEST(a_head_request_with_a_body_is_refused),
        GATE_TEST(a_length_that_is_none_is_unknown),
        GATE_TEST(redirects_and_refusals_of_our_credential_become_502),
        GATE_TEST(a_401_of_an_upstream_without_our_credential_passes),
        GATE_TEST(a_call_is_charged_on_success_only),
        GATE_TEST(an_endpoint_may_charge_always_but_not_for_what_never_came),
        GATE_TEST(a_free_endpoint_needs_a_key_and_costs_nothing),
        GATE_TEST(who_leaves_before_anything_was_sent_pays_nothing),
        GATE_TEST(who_leaves_after_a_failure_came_pays_nothing),
        GATE_TEST(what_breaks_before_it_was_shown_is_told_and_free),
        GATE_TEST(a_slow_answer_streams_after_a_moment),
        GATE_TEST(a_live_answer_streams_at_once),
        GATE_TEST(bytes_of_no_known_type_wait_like_others),
        GATE_TEST(a_long_answer_streams_with_its_length),
        GATE_TEST(an_answer_that_grows_long_streams_without_one),
        GATE_TEST(a_long_answer_cut_short_is_seen_to_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

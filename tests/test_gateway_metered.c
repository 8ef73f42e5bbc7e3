/* SPDX-License-Identifier: Apache-2.0 */
/* What a data API charges besides a flat price, what it lets through, and what it
 * keeps.
 */
#include "gateway/data_cache.h"

#include "tests/gateway_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char json[] = "Content-Type: application/json\n";

static const char yaml[] =
    "data_apis:\n"
    "  d:\n"
    "    base_url: \"https://data.example\"\n"
    "    endpoints:\n"
    "      - {method: GET, path: /rows, price: \"0.01\", unit: {of: rows, price: "
    "\"0.001\", max: 5}}\n"
    "      - {method: GET, path: /hundreds, price: \"0\", unit: {of: bytes, price: "
    "\"0.5\", per: 100, max: 1000}}\n"
    "      - {method: GET, path: /deep, price: \"0\", unit: {of: /meta/n, price: \"1\", "
    "max: 3}}\n"
    "      - {method: GET, path: /listed, price: \"0.5\", charge: [201, 404, 5xx]}\n"
    "      - {method: GET, path: /free, price: \"0.5\", free: {calls: 2, per: day}}\n"
    "      - {method: GET, path: /steps, price: \"0.5\", free: {calls: 1}, tiers: "
    "[{from: 2, price: \"0.2\"}, {from: 3, price: \"0.1\"}]}\n"
    "      - {method: POST, path: /small, price: \"0.5\", max_query_bytes: 3, "
    "max_body_bytes: 4}\n"
    "      - {method: ANY, path: /none, price: \"0.5\", body: none}\n"
    "      - {method: POST, path: /json, price: \"0.5\", body: json}\n"
    "      - {method: GET, path: /kept, price: \"0.5\", cache: 60s, pass_headers: "
    "[x-tenant]}\n"
    "      - {method: GET, path: /kept-rows, price: \"0\", cache: 60s, unit: {of: rows, "
    "price: \"0.25\", max: 9}}\n"
    "  q: {base_url: \"https://q.example/b\", auth: {query: api_key, value: "
    "\"${KEY_DATA}\"}, endpoints: [{method: GET, path: /a, price: \"0.5\"}]}\n"
    "  b: {base_url: \"https://b.example\", auth: {basic: {user: me, password: "
    "\"${KEY_DATA}\"}}, endpoints: [{method: GET, path: /a, price: \"0.5\"}]}\n"
    "limits: {requests_per_minute: 0, tokens_per_minute: 0, concurrent: 0}\n";

static int open_all(void **state)
{
    if (gate_open(state) != 0)
        return -1;
    gate_config(yaml);
    assert_int_equal(data_cache_open(&gate.worker.data_cache, 1 << 22), RC_OK);
    return 0;
}

static int close_all(void **state)
{
    struct data_cache *cache = gate.worker.data_cache;
    const int result = gate_close(state);

    data_cache_close(cache);
    return result;
}

static struct exchange *get_with(const char *target, const char *headers)
{
    char all[2048];

    (void)snprintf(all, sizeof(all), "%s%s", bearer(), headers);
    return ask("GET", target, all, NULL);
}

/* ---- Units ---- */

static void rows_are_charged_as_they_pass_and_the_most_is_held(void **state)
{
    struct exchange *x = get("/v1/data/d/rows");

    (void)state;
    expect_held("0.015");
    upstream_says_head(upstream_last(), 200, json);
    says(upstream_last(), "[{\"a\":[1,2,3],");
    says(upstream_last(), "\"b\":\"],[\"},");
    says(upstream_last(), "2");
    says(upstream_last(), "]");
    ends(upstream_last(), UPSTREAM_FINE);
    expect_header(x, "x-octroi-cost", "0.012000000");
    expect_spent("0.012");
}

static void never_more_units_are_charged_than_were_held(void **state)
{
    (void)state;
    (void)get("/v1/data/d/rows");
    answers(upstream_last(), 200, json, "[1,2,3,4,5,6,7,8,9]");
    expect_spent("0.015");
    (void)get("/v1/data/d/deep");
    answers(upstream_last(), 200, json, "{\"meta\":{\"n\":99999999999999999999}}");
    expect_spent("3.015");
}

static void units_cost_in_proportion_rounded_up_once(void **state)
{
    (void)state;
    (void)get("/v1/data/d/hundreds");
    expect_held("5");
    answers(upstream_last(), 200, "Content-Type: image/png\n", "1234567");
    expect_spent("0.035");
    (void)get("/v1/data/d/deep");
    answers(upstream_last(), 200, json, "{\"n\":1,\"meta\":{\"n\":1.5}}");
    expect_spent("2.035");
}

static void an_answer_that_is_not_charged_has_no_units_either(void **state)
{
    (void)state;
    (void)get("/v1/data/d/rows");
    answers(upstream_last(), 500, json, "[1,2]");
    expect_spent("0");
}

static void who_leaves_pays_for_what_had_come(void **state)
{
    struct exchange *x = get("/v1/data/d/rows");

    (void)state;
    upstream_says_head(upstream_last(), 200, json);
    says(upstream_last(), "[1,2,");
    gate_advance(250);
    leave(x);
    expect_spent("0.012");
}

static void what_would_hide_units_is_not_asked_for(void **state)
{
    static const char headers[] = "Accept: text/csv\nAccept-Encoding: gzip\n"
                                  "Range: bytes=1-\nIf-Range: \"x\"\n";

    (void)state;
    (void)get_with("/v1/data/d/rows", headers);
    assert_string_equal(upstream_header(upstream_last(), "accept"), "text/csv");
    assert_null(upstream_header(upstream_last(), "accept-encoding"));
    assert_null(upstream_header(upstream_last(), "range"));
    assert_null(upstream_header(upstream_last(), "if-range"));
    answers(upstream_last(), 200, "Content-Type: text/csv\n", "a,b\n1,2\n3,\"4\n\"\n");
    expect_spent("0.012");
    (void)get_with("/v1/data/d/hundreds", headers);
    assert_string_equal(upstream_header(upstream_last(), "range"), "bytes=1-");
    answers(upstream_last(), 204, "", "");
}

/* ---- Which answers ---- */

static void the_listed_statuses_are_charged_and_no_others(void **state)
{
    static const struct {
        unsigned status;
        const char *spent;
    } cases[] = {{200, "0"}, {201, "0.5"}, {404, "1"}, {400, "1"}, {503, "1.5"}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exchange *x = get("/v1/data/d/listed");

        answers(upstream_last(), cases[i].status, json, "{}");
        expect_status(x, cases[i].status);
        expect_spent(cases[i].spent);
    }
}

/* ---- Free and cheaper calls ---- */

static void free_calls_come_first_and_come_back_with_the_day(void **state)
{
    static const char *const spent[] = {"0", "0", "0.5", "1"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        (void)get("/v1/data/d/free");
        expect_held(i < 2 ? "0" : "0.5");
        answers(upstream_last(), 200, json, "{}");
        expect_spent(spent[i]);
    }
    gate_advance(UINT64_C(12) * 3600 * 1000); /* it was noon */
    (void)get("/v1/data/d/free");
    answers(upstream_last(), 200, json, "{}");
    expect_spent("1");
}

static void a_call_that_sold_nothing_leaves_its_free_call(void **state)
{
    (void)state;
    for (size_t i = 0; i < 5; i++) { /* an answer that is not charged */
        (void)get("/v1/data/d/free");
        answers(upstream_last(), 404, json, "{}");
    }
    for (size_t i = 0; i < 5; i++) { /* none */
        (void)get("/v1/data/d/free");
        ends(upstream_last(), UPSTREAM_CUT);
    }
    for (size_t i = 0; i < 3; i++) {
        (void)get("/v1/data/d/free");
        answers(upstream_last(), 200, json, "{}");
    }
    expect_spent("0.5");
}

static void tiers_follow_the_calls_of_the_month(void **state)
{
    static const char *const spent[] = {"0", "0.5", "1", "1.2", "1.3", "1.4"};

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        (void)get("/v1/data/d/steps");
        answers(upstream_last(), 200, json, "{}");
        expect_spent(spent[i]);
    }
    gate_advance(UINT64_C(10) * 24 * 3600 * 1000); /* it was the 21st of November */
    (void)get("/v1/data/d/steps");
    answers(upstream_last(), 200, json, "{}");
    expect_spent("1.4");
    (void)get("/v1/data/d/steps");
    answers(upstream_last(), 200, json, "{}");
    expect_spent("1.9");
}

static void calls_at_once_share_what_is_free_exactly(void **state)
{
    struct upstream_call *calls[12];

    (void)state;
    for (size_t i = 0; i < 12; i++) {
        (void)get("/v1/data/d/steps");
        calls[i] = upstream_last();
    }
    expect_held("2"); /* 1 free, 2 at 0.5, 1 at 0.2, 8 at 0.1 */
    for (size_t i = 0; i < 12; i++)
        answers(calls[11 - i], 200, json, "{}");
    expect_spent("2");
}

/* ---- What may be sent ---- */

static struct exchange *send_to(const char *method, const char *target,
                                const char *headers, const char *body)
{
    char all[2048];

    (void)snprintf(all, sizeof(all), "%s%s", bearer(), headers);
    return ask(method, target, all, body);
}

static void what_is_too_long_or_no_json_is_refused_before_any_hold(void **state)
{
    (void)state;
    expect_error(send_to("POST", "/v1/data/d/small?abcd", "", "x"), 414, "uri_too_long",
                 NULL);
    expect_error(send_to("POST", "/v1/data/d/small?abc", "", "12345"), 413, "too_large",
                 NULL);
    expect_error(send_to("POST", "/v1/data/d/none", "", "1"), 400, "invalid_request",
                 NULL);
    expect_error(send_to("POST", "/v1/data/d/json", json, "{\"a\":1,\"a\":2}"), 400,
                 "invalid_json", NULL);
    expect_error(send_to("POST", "/v1/data/d/json", json, ""), 400, "invalid_json",
                 NULL);
    expect_error(send_to("POST", "/v1/data/d/json", "Content-Type: text/plain\n", "{}"),
                 415, "unsupported_media_type", NULL);
    assert_int_equal(book_submitted(), 0);
    assert_int_equal(upstream_count(), 0);
    (void)send_to("POST", "/v1/data/d/small?abc", "", "1234");
    answers(upstream_last(), 200, json, "{}");
    (void)send_to("DELETE", "/v1/data/d/none", "", NULL);
    answers(upstream_last(), 200, json, "{}");
    (void)send_to("POST", "/v1/data/d/json", json, "[1]");
    answers(upstream_last(), 200, json, "{}");
    expect_spent("1.5");
}

/* ---- Our credential ---- */

static void a_key_goes_into_the_query_and_nobody_elses_beside_it(void **state)
{
    (void)state;
    (void)get("/v1/data/q/a");
    assert_string_equal(upstream_last()->url,
                        "https://q.example/b/a?api_key=data-secret-0123456789");
    answers(upstream_last(), 200, json, "{}");
    (void)get("/v1/data/q/a?x=1&y");
    assert_string_equal(upstream_last()->url,
                        "https://q.example/b/a?x=1&y&api_key=data-secret-0123456789");
    ends(upstream_last(), UPSTREAM_CUT); /* which is logged */
    assert_false(logged("data-secret-0123456789"));
    expect_error(get("/v1/data/q/a?x=1&api_key=z"), 400, "invalid_request", NULL);
    expect_error(get("/v1/data/q/a?api%5Fkey=z"), 400, "invalid_request", NULL);
    expect_error(get("/v1/data/q/a?API_KEY"), 400, "invalid_request", NULL);
    expect_error(get("/v1/data/q/a?x=1;api_key=z"), 400, "invalid_request", NULL);
    expect_spent("0.5");
}

static void a_name_and_a_password_go_as_basic(void **state)
{
    struct exchange *x;

    (void)state;
    (void)get("/v1/data/b/a");
    assert_string_equal(upstream_header(upstream_last(), "authorization"),
                        "Basic bWU6ZGF0YS1zZWNyZXQtMDEyMzQ1Njc4OQ==");
    answers(upstream_last(), 200, json, "{}");
    x = get("/v1/data/b/a");
    answers(upstream_last(), 401, json, "{}");
    expect_error(x, 502, "upstream_error", NULL);
    expect_spent("0.5");
}

/* ---- What is kept ---- */

static const char kept[] = "/v1/data/d/kept?q=1";

/* Whether the next call of this goes to the upstream; answers it then. */
static bool is_called(const char *target, const char *headers)
{
    const unsigned before = upstream_count();

    (void)get_with(target, headers);
    if (upstream_count() == before)
        return false;
    answers(upstream_last(), 200, "Content-Type: application/json\nContent-Length: 2\n",
            "{}");
    return true;
}

static void an_answer_is_given_again_and_charged_again(void **state)
{
    struct exchange *x;

    (void)state;
    (void)get(kept);
    answers(upstream_last(), 200,
            "Content-Type: application/json\nContent-Length: 7\nETag: \"e\"\nAge: 5\n"
            "Vary: accept, Accept-Encoding\n",
            "{\"a\":1}");
    gate_advance(7000);
    x = get(kept);
    assert_int_equal(upstream_count(), 1);
    expect_status(x, 200);
    expect_body(x, "{\"a\":1}");
    expect_header(x, "ETag", "\"e\"");
    expect_header(x, "Age", "12");
    expect_header(x, "x-octroi-cache", "hit");
    expect_header(x, "x-octroi-cost", "0.500000000");
    expect_spent("1");
    x = ask("HEAD", kept, bearer(), NULL);
    expect_status(x, 200);
    expect_header(x, "x-octroi-cache", "hit");
    expect_body(x, "");
    assert_int_equal(upstream_count(), 1);
    expect_spent("1.5");
    gate_advance(53000);
    assert_true(is_called(kept, ""));
}

static void rows_of_a_kept_answer_are_counted_each_time(void **state)
{
    (void)state;
    (void)get("/v1/data/d/kept-rows");
    answers(upstream_last(), 200, "Content-Type: application/json\nContent-Length: 5\n",
            "[1,2]");
    (void)get("/v1/data/d/kept-rows");
    assert_int_equal(upstream_count(), 1);
    expect_spent("1");
}

static void another_request_is_another_answer(void **state)
{
    (void)state;
    assert_true(is_called(kept, ""));
    assert_false(is_called(kept, ""));
    assert_true(is_called("/v1/data/d/kept?q=2", ""));
    assert_true(is_called(kept, "Accept: text/csv\n"));
    assert_false(is_called(kept, "Accept: text/csv\n"));
    assert_true(is_called(kept, "Accept-Language: de\n"));
    assert_true(is_called(kept, "Accept-Encoding: br\n"));
    assert_true(is_called(kept, "Accept: a/b\nAccept: c/d\n"));
    assert_true(is_called(kept, "Accept: a/b\nAccept: c/d\n"));
    for (int i = 0; i < 2; i++) {
        assert_true(is_called(kept, "X-Tenant: t\n"));
        assert_true(is_called(kept, "Range: bytes=0-1\n"));
        assert_true(is_called(kept, "If-None-Match: \"e\"\n"));
        assert_true(is_called(kept, "Cache-Control: max-age=0, no-cache\n"));
    }
}

static void what_is_not_everybodys_is_not_kept(void **state)
{
    static const char *const heads[] = {
        "Content-Length: 2\nSet-Cookie: a=b\n",
        "Content-Length: 2\nCache-Control: no-store\n",
        "Content-Length: 2\nCache-Control: max-age=60, private\n",
        "Content-Length: 2\nCache-Control: no-cache\n",
        "Content-Length: 2\nCache-Control: max-age=0\n",
        "Content-Length: 2\nVary: Cookie\n",
        "Content-Length: 2\nVary: *\n",
        "X-Framing: none\n",
        "Content-Length: 3\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        (void)get(kept);
        answers(upstream_last(), 200, heads[i], "{}");
        assert_int_equal(upstream_count(), i + 1);
    }
    (void)get(kept);
    answers(upstream_last(), 404, "Content-Length: 2\n", "{}");
    (void)get(kept);
    upstream_says_head(upstream_last(), 200, "Transfer-Encoding: chunked\n");
    says(upstream_last(), "{}");
    ends(upstream_last(), UPSTREAM_CUT);
    assert_true(is_called(kept, ""));
    assert_false(is_called(kept, ""));
}

static void a_host_may_say_a_shorter_time(void **state)
{
    (void)state;
    (void)get(kept);
    answers(upstream_last(), 200,
            "Content-Length: 2\nCache-Control: public, max-age=10\n", "{}");
    gate_advance(9000);
    assert_false(is_called(kept, ""));
    gate_advance(1000);
    assert_true(is_called(kept, ""));
}

static void the_cache_has_an_end_and_drops_what_was_asked_for_longest_ago(void **state)
{
    struct data_cache *c;
    uint8_t key[32] = {0};
    unsigned found = 0;

    (void)state;
    assert_int_equal(data_cache_open(&c, 10 * (4096 + 1 + 1000)), RC_OK);
    for (uint8_t i = 0; i < 20; i++) {
        struct data_answer *a = data_answer_new("", NULL, 0);

        for (int k = 0; k < 1000; k++)
            buf_append_char(&a->body, 'x');
        a->until_ms = 100;
        key[0] = i;
        data_cache_keep(c, key, a);
        key[0] = 0; /* the first one is asked for again and again */
        a = data_cache_find(c, key, 50);
        assert_non_null(a);
        data_answer_unref(a);
    }
    for (uint8_t i = 0; i < 20; i++) {
        struct data_answer *a;

        key[0] = i;
        a = data_cache_find(c, key, 50);
        found += a != NULL;
        assert_true(a != NULL || (i > 0 && i < 11));
        data_answer_unref(a);
    }
    assert_int_equal(found, 10);
    assert_null(data_cache_find(c, key, 100));
    data_cache_close(c);
}

static void the_headers_of_what_is_kept_count_too(void **state)
{
    static char value[8000];
    const struct http_header header = {SLICE("x-long"),
                                       slice_from(value, sizeof(value))};
    uint8_t first[32] = {1}, second[32] = {2};
    struct data_answer *a;
    struct data_cache *c;

    (void)state;
    memset(value, 'x', sizeof(value));
    assert_int_equal(data_cache_open(&c, 20000), RC_OK);
    for (unsigned i = 0; i < 2; i++) {
        a = data_answer_new("", &header, 1);
        assert_non_null(a);
        a->until_ms = 100;
        data_cache_keep(c, i == 0 ? first : second, a);
    }
    assert_null(data_cache_find(c, first, 50));
    a = data_cache_find(c, second, 50);
    assert_non_null(a);
    data_answer_unref(a);
    data_cache_close(c);
}

#define METERED_TEST(test) cmocka_unit_test_setup_teardown(test, open_all, close_all)

int main(void)
{
    const struct CMUnitTest tests[] = {
        METERED_TEST(rows_are_charged_as_they_pass_and_the_most_is_held),
        METERED_TEST(never_more_units_are_charged_than_were_held),
        METERED_TEST(units_cost_in_proportion_rounded_up_once),
        METERED_TEST(an_answer_that_is_not_charged_has_no_units_either),
        METERED_TEST(who_leaves_pays_for_what_had_come),
        METERED_TEST(what_would_hide_units_is_not_asked_for),
        METERED_TEST(the_listed_statuses_are_charged_and_no_others),
        METERED_TEST(free_calls_come_first_and_come_back_with_the_day),
        METERED_TEST(a_call_that_sold_nothing_leaves_its_free_call),
        METERED_TEST(tiers_follow_the_calls_of_the_month),
        METERED_TEST(calls_at_once_share_what_is_free_exactly),
        METERED_TEST(what_is_too_long_or_no_json_is_refused_before_any_hold),
        METERED_TEST(a_key_goes_into_the_query_and_nobody_elses_beside_it),
        METERED_TEST(a_name_and_a_password_go_as_basic),
        METERED_TEST(an_answer_is_given_again_and_charged_again),
        METERED_TEST(rows_of_a_kept_answer_are_counted_each_time),
        METERED_TEST(another_request_is_another_answer),
        METERED_TEST(what_is_not_everybodys_is_not_kept),
        METERED_TEST(a_host_may_say_a_shorter_time),
        METERED_TEST(the_cache_has_an_end_and_drops_what_was_asked_for_longest_ago),
        cmocka_unit_test(the_headers_of_what_is_kept_count_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The caller's own wallet: its balance with what binds it, and its statement in pages.
 */
#include "tests/gateway_fixture.h"

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void the_balance_is_what_can_be_spent_now(void **state)
{
    struct call *c = new_call(&gate.money);
    struct exchange *x;

    (void)state;
    assert_int_equal(hold_call(&gate.money, c, gate.wallet, "3"), RC_OK);
    x = get("/v1/wallet");
    expect_status(x, 200);
    expect_header(x, "Content-Type", "application/json");
    expect_says(x, "{\"id\":\"w_");
    expect_says(x, "\"name\":\"agent\"");
    expect_says(x, "\"parent\":null,\"currency\":\"USD\",\"balance\":\"7.000000000\","
                   "\"held\":\"3.000000000\",\"frozen\":false");
    expect_says(x, "\"limits\":[]}");
    assert_int_equal(void_call(&gate.money, c, false), RC_OK);
}

static void a_child_is_told_its_limits_and_its_roots_balance(void **state)
{
    struct id child = new_child(&gate.money, "child", gate.wallet);
    struct key_text text = new_key(&gate.money, child);
    struct money cent = usd("0.01");
    struct exchange *x;
    char headers[128];

    (void)state;
    limit(&gate.money, gate.wallet, WALLET_PER_DAY, "5");
    limit(&gate.money, child, WALLET_PER_TOTAL, "2");
    assert_int_equal(wallet_key_limit_set(gate.money.book, slice_str(text.id),
                                          WALLET_PER_CALL, &cent),
                     RC_OK);
    (void)snprintf(headers, sizeof(headers), "x-api-key: %s\n", text.text);
    x = ask("GET", "/v1/wallet", headers, NULL);
    expect_says(x, "\"name\":\"child\",\"parent\":\"w_");
    expect_says(x, "\"balance\":\"2.000000000\"");
    expect_says(x, "{\"scope\":\"key\"");
    expect_says(x, "{\"scope\":\"wallet\"");
    expect_says(x, "{\"scope\":\"parent\"");
    expect_says(x, "\"per\":\"day\",\"limit\":\"5.000000000\",\"used\":\"0.000000000\","
                   "\"held\":\"0.000000000\",\"resets_at\":\"2026-11-22T00:00:00");
    expect_says(x, "\"per\":\"total\",\"limit\":\"2.000000000\"");
    expect_says(x, "\"resets_at\":null}");
}

static void a_call_is_found_by_its_id_and_by_its_wallet_only(void **state)
{
    struct id other = new_wallet(&gate.money, "other");
    struct key_text text = new_key(&gate.money, other);
    char target[128], headers[128];
    struct exchange *x;

    (void)state;
    x = get("/v1/data/search/search");
    answers(upstream_last(), 200, "", "{}");
    (void)snprintf(target, sizeof(target), "/v1/wallet/statement?x=1&request_id=%s",
                   client_header(x, "x-request-id"));
    x = get(target);
    expect_status(x, 200);
    expect_says(x, "{\"items\":[{\"request_id\":\"req_");
    expect_says(x, "\"kind\":\"data\",\"wallet\":\"agent\",\"key\":\"");
    expect_says(x,
                "\"api\":\"search\",\"amount\":\"0.005000000\",\"direction\":\"out\","
                "\"balance\":\"9.995000000\"");
    expect_says(x, "\"status\":200");
    expect_says(x, "}],\"next\":null}");
    (void)snprintf(headers, sizeof(headers), "x-api-key: %s\n", text.text);
    expect_error(ask("GET", target, headers, NULL), 404, "not_found", NULL);
}

static void queries_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    expect_error(get("/v1/wallet/statement?request_id=x"), 400, "invalid_request",
                 "request_id");
    expect_error(get("/v1/wallet/statement?request_id="
                     "w_01a1fdfa4600754da509cd8981dd4800"),
                 400, "invalid_request", "request_id");
    expect_error(get("/v1/wallet/statement?after=-1"), 400, "invalid_request", "after");
    expect_error(get("/v1/wallet/statement?after=x"), 400, "invalid_request", "after");
    expect_status(get("/v1/wallet/statement?after=&request_id="), 200);
    expect_error(get("/v1/wallet/statement?request_id="
                     "req_01a1fdfa4600754da509cd8981dd4800"),
                 404, "not_found", NULL);
}

/* How many rows a page has, and its `next` in text. */
static size_t read_page(struct exchange *x, char *next, size_t size)
{
    struct json_object *page, *items;
    struct slice text;
    size_t count;

    expect_status(x, 200);
    assert_int_equal(json_parse(&page, buf_slice(&x->out)), RC_OK);
    assert_int_equal(json_get_array(&items, page, "items"), RC_OK);
    count = json_array_count(items);
    next[0] = '\0';
    if (json_get_string(&text, page, "next") == RC_OK)
        assert_int_equal(slice_to_cstr(next, size, text), RC_OK);
    json_put(page);
    return count;
}

static void a_long_statement_comes_in_pages_without_gap_or_repeat(void **state)
{
    char next[32], target[96];

    (void)state;
    for (unsigned i = 0; i < 1100; i++)
        fund(&gate.money, gate.wallet, "0.000000001");
    assert_int_equal(read_page(get("/v1/wallet/statement"), next, sizeof(next)), 1000);
    assert_string_not_equal(next, "");
    (void)snprintf(target, sizeof(target), "/v1/wallet/statement?after=%s", next);
    assert_int_equal(read_page(get(target), next, sizeof(next)), 101);
    assert_string_equal(next, "");
    /* The fixture counts from 10 USD. */
    assert_usd(balance_of(&gate.money, gate.wallet), "10.0000011");
}

static void the_statement_needs_a_key(void **state)
{
    (void)state;
    expect_error(ask("GET", "/v1/wallet/statement", "", NULL), 401, "invalid_api_key",
                 NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(the_balance_is_what_can_be_spent_now),
        GATE_TEST(a_child_is_told_its_limits_and_its_roots_balance),
        GATE_TEST(a_call_is_found_by_its_id_and_by_its_wallet_only),
        GATE_TEST(queries_that_make_no_sense_are_refused),
        GATE_TEST(a_long_statement_comes_in_pages_without_gap_or_repeat),
        GATE_TEST(the_statement_needs_a_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that are paid by x402: what an unpaid one is told, what a payment buys, what it
 * never buys, and where its money is afterwards. */
#include "tests/cashier_double.h"
#include "tests/gateway_fixture.h"

#include "base/clock.h"
#include "base/codec.h"
#include "base/json_guard.h"
#include "gateway/answers.h"
#include "gateway/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char search[] = "/v1/data/search/search";
static const char chat[] = "/v1/chat/completions";
static const char ask_alone[] = "{\"model\":\"alone\",\"messages\":[{\"role\":\"user\","
                                "\"content\":\"hi\"}]}";
static const char answer_alone[] =
    "{\"choices\":[{\"message\":{\"content\":\"yes\"}}],\"usage\":{\"prompt_tokens\":"
    "10,\"completion_tokens\":20,\"total_tokens\":30}}";
static const uint8_t key[X402_KEY_LEN] = {7, 1};
static const char json[] = "Content-Type: application/json\n";

static char payments[16384];
static struct cashier *cashier;
static struct arena *arena;
static unsigned nonces;

static void configure(const char *price)
{
    char *at;

    (void)snprintf(payments, sizeof(payments),
                   "%spayments:\n  x402:\n    max_quote: \"0.005\"\n    networks:\n"
                   "      - {network: \"eip155:84532\", asset: USDC, pay_to: "
                   "\"0x209693Bc6afc0C5328bA36FaF03C514EF312287C\", facilitator: "
                   "builtin, rpc_url: \"https://node.example\", settle_key: "
                   "{hex_file: /nowhere}, schemes: [exact, upto]}\n",
                   gate_yaml);
    at = strstr(payments, "path: /search, price: \"0.005\"");
    assert_non_null(at);
    memcpy(strstr(at, "0.005"), price, 5);
    gate_config(payments);
}

static int open_case(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {1};
    static const uint8_t quote_key[32] = {2};

    if (gate_open(state) != 0 || x402_curve_start(seed) != RC_OK ||
        arena_open(&arena, 1 << 20) != RC_OK)
        return -1;
    configure("0.005");
    cashier = cashier_double(gate.money.book);
    gate.worker.cashier = cashier;
    gate.worker.quote_key = quote_key;
    return 0;
}

static int close_case(void **state)
{
    int rc = gate_close(state);

    arena_close(arena);
    x402_curve_stop();
    return rc;
}

#define PAID_TEST(test) cmocka_unit_test_setup_teardown(test, open_case, close_case)

/* ---- The client ---- */

static struct x402_required offered(struct exchange *x)
{
    struct x402_required r;
    const char *header = client_header(x, "PAYMENT-REQUIRED");

    expect_status(x, 402);
    assert_non_null(header);
    header = arena_copy(arena, header, strlen(header));
    assert_int_equal(x402_v2_required_parse(&r, slice_str(header), arena), RC_OK);
    return r;
}

static const struct x402_offer *find(const struct x402_required *r,
                                     enum x402_scheme scheme)
{
    for (size_t i = 0; i < r->offer_count; i++)
        if (r->offers[i].scheme == scheme)
            return &r->offers[i];
    fail_msg("no such offer");
    return &r->offers[0];
}

static struct x402_payment sign(const struct x402_offer *offer)
{
    struct x402_hash nonce = {{0}};
    struct x402_payment p;
    struct x402_address from;

    nonce.bytes[0] = (uint8_t)++nonces;
    assert_int_equal(x402_curve_address(&from, key), RC_OK);
    assert_int_equal(x402_pay(&p, offer, &from, &nonce, clock_wall_us() / 1000000),
                     RC_OK);
    assert_int_equal(x402_sign(&p, offer, key, arena), RC_OK);
    return p;
}

static const char *header_of(const struct x402_payment *p)
{
    struct slice text;

    assert_int_equal(p->version == 1 ? x402_v1_payment_print(&text, p, arena)
                                     : x402_v2_payment_print(&text, p, arena),
                     RC_OK);
    return arena_printf(arena, "%s: %.*s\n",
                        p->version == 1 ? "X-PAYMENT" : "PAYMENT-SIGNATURE",
                        SLICE_FMT(text));
}

static struct exchange *unpaid(const char *method, const char *target, const char *body)
{
    return ask(method, target, "Host: 127.0.0.1:8402\n", body);
}

static const char *paid_header(const char *method, const char *target, const char *body,
                               enum x402_scheme scheme)
{
    struct x402_required r = offered(unpaid(method, target, body));
    struct x402_payment p = sign(find(&r, scheme));

    return header_of(&p);
}

static struct exchange *buy(const char *target, const char *header)
{
    return ask("GET", target, header, NULL);
}

static void expect_credit(const char *decimal)
{
    struct wallet_balance b = {.balance = MONEY_ZERO};
    struct x402_address from;
    char text[X402_ADDRESS_TEXT_SIZE];

    assert_int_equal(x402_curve_address(&from, key), RC_OK);
    text[0] = '0';
    text[1] = 'x';
    hex_encode(text + 2, from.bytes, sizeof(from.bytes));
    text[42] = '\0';
    if (wallet_balance(&b, gate.money.book, wallet_payer_id(text)) != RC_OK)
        b.balance = MONEY_ZERO;
    assert_usd(b.balance, decimal);
}

/* ---- What is told ---- */

static void a_flat_call_is_told_its_price_before_its_body(void **state)
{
    struct exchange *x = client_head(&gate.user, "GET", search, "", true);
    struct x402_required r;

    (void)state;
    assert_false(x->accepted);
    r = offered(x);
    assert_int_equal(r.offer_count, 1); /* a flat price has no cap to stay below */
    assert_int_equal(x402_u256_cmp(r.offers[0].amount, x402_u256_from_u64(5000)), 0);
    expect_header(x, "Cache-Control", "no-store");
    expect_says(x, "\"maxAmountRequired\":\"5000\"");
    expect_says(x, "\"x402Version\":1");
    expect_says(x, "\"topup\":\"POST /v1/wallet/topup?amount=\"");
    assert_int_equal(
        json_guard(buf_slice(&x->out), &(struct json_limits){0}, NULL, 0, NULL, arena),
        RC_OK);
    expect_says(x, "\"code\":\"payment_required\"");
    assert_int_equal(book_submitted(), 0);
}

static void a_model_call_is_told_after_a_body_of_a_mebibyte_at_most(void **state)
{
    struct exchange *x = client_head(&gate.user, "POST", chat, json, true);
    struct x402_required r;

    (void)state;
    assert_true(x->accepted);
    assert_int_equal(x->max_body, 1048576);
    leave(x);
    x = unpaid("POST", chat, ask_alone);
    r = offered(x);
    assert_int_equal(r.offer_count, 1); /* nobody settles upto here */
    expect_error(unpaid("POST", chat, "{\"model\":\"none\",\"messages\":[]}"), 404,
                 "model_not_found", "model");
    assert_int_equal(upstream_count(), 0);
}

static void what_is_no_payment_buys_no_larger_body(void **state)
{
    const char *good = paid_header("POST", chat, ask_alone, X402_SCHEME_EXACT);
    const char *all = arena_printf(arena, "%s%s", json, "PAYMENT-SIGNATURE: e30=\n");
    struct exchange *x = client_head(&gate.user, "POST", chat, all, true);

    (void)state;
    assert_int_equal(x->max_body, 1048576);
    leave(x);
    all = arena_printf(arena, "%s%s", json, "Authorization: Payment bm8\n");
    x = client_head(&gate.user, "POST", chat, all, true);
    assert_int_equal(x->max_body, 1048576);
    leave(x);
    all = arena_printf(arena, "%s%s", json, good);
    x = client_head(&gate.user, "POST", chat, all, true);
    assert_true(x->max_body > 1048576);
    leave(x);
}

static void routes_that_are_not_there_are_not_offered(void **state)
{
    (void)state;
    expect_error(unpaid("GET", "/v1/data/search/other", NULL), 404, "not_found", NULL);
    expect_error(unpaid("GET", "/v1/data/search/unpriced", NULL), 503, "price_missing",
                 NULL);
}

static void a_pool_bounds_the_bodies_of_strangers(void **state)
{
    struct exchange *all[64];

    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        all[i] = client_head(&gate.user, "POST", chat,
                             "Content-Type: application/json\n", true);
        assert_true(all[i]->accepted);
    }
    expect_error(client_head(&gate.user, "POST", chat, json, true), 503, "overloaded",
                 NULL);
    leave(all[0]);
    all[0] = client_head(&gate.user, "POST", chat, json, true);
    assert_true(all[0]->accepted);
    for (unsigned i = 0; i < 64; i++)
        leave(all[i]);
}

/* ---- What a payment buys ---- */

static void a_payment_buys_its_call(void **state)
{
    const char *header = paid_header("GET", search, NULL, X402_SCHEME_EXACT);
    struct exchange *x = buy(search, header);

    (void)state;
    assert_int_equal(cashier->takes, 1);
    assert_false(cashier->after);
    assert_string_equal(cashier->method, "x402");
    answers(upstream_last(), 200, json, "{\"found\":1}");
    expect_status(x, 200);
    expect_body(x, "{\"found\":1}");
    expect_header(x, "x-octroi-cost", "0.005000000");
    assert_non_null(client_header(x, "PAYMENT-RESPONSE"));
    assert_null(upstream_header(upstream_last(), "PAYMENT-SIGNATURE"));
    assert_int_equal(cashier->finishes, 1);
    expect_credit("0");
}

static void version_1_buys_the_same(void **state)
{
    struct x402_required r = offered(unpaid("GET", search, NULL));
    struct x402_payment p = sign(&r.offers[0]);
    struct exchange *x;

    (void)state;
    p.version = 1;
    p.has_accepted = false;
    x = buy(search, header_of(&p));
    answers(upstream_last(), 200, json, "{}");
    expect_status(x, 200);
    assert_non_null(client_header(x, "X-PAYMENT-RESPONSE"));
    expect_no_header(x, "PAYMENT-RESPONSE");
}

/* x402-fetch over the SDK of OpenAI loses the header. */
static void a_body_of_version_1_may_have_lost_its_type(void **state)
{
    static const char lost[] = "Content-Type: text/plain;charset=UTF-8\n";
    struct x402_required r = offered(unpaid("POST", chat, ask_alone));
    struct x402_payment p = sign(&r.offers[0]);
    const char *header;
    struct exchange *x;

    (void)state;
    expect_status(ask("POST", chat, lost, ask_alone), 415);
    header = arena_printf(arena, "%s%s", lost, header_of(&p));
    expect_status(ask("POST", chat, header, ask_alone), 415); /* version 2 keeps it */
    p.version = 1;
    p.has_accepted = false;
    header = arena_printf(arena, "%s%s", lost, header_of(&p));
    x = ask("POST", chat, header, ask_alone);
    answers_json(upstream_last(), answer_alone);
    expect_status(x, 200);
}

static void what_a_model_call_does_not_use_is_credited(void **state)
{
    const char *header = paid_header("POST", chat, ask_alone, X402_SCHEME_EXACT);
    struct exchange *x = ask("POST", chat, header, ask_alone);

    (void)state;
    answers_json(upstream_last(), answer_alone);
    expect_status(x, 200);
    expect_header(x, "x-octroi-cost", "0.000210000"); /* 10 x 1 and 20 x 10 */
    expect_credit("0.00479");
    expect_header(x, "x-octroi-balance", "0.004790000");
}

static void a_dear_call_runs_with_the_output_that_was_paid(void **state)
{
    const char *header = paid_header("POST", chat, ask_alone, X402_SCHEME_EXACT);
    struct exchange *x = ask("POST", chat, header, ask_alone);
    const char *at =
        strstr((const char *)upstream_last()->body.bytes, "\"max_completion_tokens\":");
    unsigned long bound;

    (void)state;
    assert_non_null(at);
    bound = strtoul(at + strlen("\"max_completion_tokens\":"), NULL, 10);
    /* 0.005 USD less the prompt's bound (half of its bytes at 1.5), at 10 a million. */
    assert_in_range(bound, 480, 500);
    answers_json(upstream_last(), answer_alone);
    expect_status(x, 200);
}

static void upto_is_settled_after_the_call_by_its_cost(void **state)
{
    const char *header;
    struct exchange *x;

    (void)state;
    cashier->settler.bytes[0] = 9;
    header = paid_header("POST", chat, ask_alone, X402_SCHEME_UPTO);
    x = ask("POST", chat, header, ask_alone);
    assert_true(cashier->after);
    answers_json(upstream_last(), answer_alone);
    expect_status(x, 200);
    assert_usd(cashier->amount, "0.00021");
    expect_credit("0");
}

static void an_upstream_that_fails_leaves_a_credit(void **state)
{
    const char *header = paid_header("POST", chat, ask_alone, X402_SCHEME_EXACT);
    struct exchange *x = ask("POST", chat, header, ask_alone);

    (void)state;
    answers(upstream_last(), 500, json, "{}");
    expect_error(x, 502, "upstream_error", NULL);
    assert_non_null(client_header(x, "PAYMENT-RESPONSE"));
    expect_credit("0.005");
    x = ask("POST", chat, header, ask_alone);
    expect_error(x, 409, "payment_credited", NULL);
    expect_no_header(x, "PAYMENT-REQUIRED"); /* it must not pay twice */
}

static void a_client_that_leaves_is_credited_what_was_not_delivered(void **state)
{
    const char *header = paid_header("POST", chat, ask_alone, X402_SCHEME_EXACT);
    struct exchange *x = ask("POST", chat, header, ask_alone);

    (void)state;
    leave(x);
    gate_turn();
    expect_credit("0.005");
}

/* ---- Repeats ---- */

static void the_same_payment_again_gets_the_same_answer(void **state)
{
    const char *header = paid_header("GET", search, NULL, X402_SCHEME_EXACT);
    struct exchange *x = buy(search, header);

    (void)state;
    x = buy(search, header);
    expect_error(x, 409, "idempotency_in_flight", NULL);
    answers(upstream_last(), 200, json, "{\"found\":1}");
    x = buy(search, header);
    expect_status(x, 200);
    expect_body(x, "{\"found\":1}");
    expect_header(x, "Idempotent-Replayed", "true");
    assert_non_null(client_header(x, "PAYMENT-RESPONSE"));
    expect_header(x, "x-octroi-balance", "0.000000000");
    assert_int_equal(upstream_count(), 1);
}

static void a_payment_that_bought_one_call_buys_no_other(void **state)
{
    const char *header = paid_header("GET", search, NULL, X402_SCHEME_EXACT);
    struct exchange *x = buy(search, header);

    (void)state;
    answers(upstream_last(), 200, json, "{}");
    x = buy("/v1/data/search/search?other", header);
    expect_error(x, 402, "nonce_used", NULL);
    assert_non_null(client_header(x, "PAYMENT-REQUIRED"));
    assert_int_equal(upstream_count(), 1);
    assert_int_equal(cashier->takes, 1);
}

static void an_idempotency_key_spares_the_second_payment(void **state)
{
    const char *first = paid_header("GET", search, NULL, X402_SCHEME_EXACT);
    const char *second = paid_header("GET", search, NULL, X402_SCHEME_EXACT);
    struct exchange *x;

    (void)state;
    x = buy(search, arena_printf(arena, "%sIdempotency-Key: once\n", first));
    answers(upstream_last(), 200, json, "{\"found\":1}");
    x = buy(search, arena_printf(arena, "%sIdempotency-Key: once\n", second));
    expect_status(x, 200);
    expect_header(x, "Idempotent-Replayed", "true");
    assert_int_equal(cashier->takes, 1);
    assert_int_equal(upstream_count(), 1);
}

static void of_two_payments_for_one_key_at_once_one_is_taken(void **state)
{
    const char *first = paid_header("GET", search, NULL, X402_SCHEME_EXACT);
    const char *second = paid_header("GET", search, NULL, X402_SCHEME_EXACT);
    struct exchange *x, *y;

    (void)state;
    book_keep(); /* nothing is known to anybody yet */
    x = buy(search, arena_printf(arena, "%sIdempotency-Key: once\n", first));
    y = buy(search, arena_printf(arena, "%sIdempotency-Key: once\n", second));
    expect_error(y, 409, "idempotency_in_flight", NULL);
    assert_int_equal(cashier->takes, 1);
    book_release();
    gate_turn();
    answers(upstream_last(), 500, json, "{}");
    expect_status(x, 500);
    y = buy(search, arena_printf(arena, "%sIdempotency-Key: twice\n", second));
    answers(upstream_last(), 200, json, "{}");
    expect_status(y, 200); /* it was not touched */
}

static void an_answer_that_is_gone_is_no_new_offer(void **state)
{
    const char *header = paid_header("GET", search, NULL, X402_SCHEME_EXACT);
    struct exchange *x = buy(search, header);

    (void)state;
    answers(upstream_last(), 200, json, "{}");
    expect_status(x, 200);
    answers_close(gate.worker.answers); /* as a restart does */
    assert_int_equal(answers_open(&gate.worker.answers, 1 << 20), RC_OK);
    x = buy(search, header);
    expect_error(x, 409, "idempotency_answer_gone", NULL);
    expect_says(x, "\"cost\":\"");
    expect_says(x, "\"original_request_id\":\"req_");
    assert_non_null(client_header(x, "PAYMENT-RESPONSE"));
    expect_no_header(x, "PAYMENT-REQUIRED");
    assert_int_equal(upstream_count(), 1);
}

/* ---- What it does not buy ---- */

static void what_answers_no_offer_is_refused_with_the_offers(void **state)
{
    static const char *const routes[] = {"/v1/data/search/post",
                                         "/v1/data/search/markets/1"};
    const char *header = paid_header("GET", search, NULL, X402_SCHEME_EXACT);

    (void)state;
    expect_error(ask("POST", routes[0], header, ""), 402, "no_matching_offer", NULL);
    expect_error(buy(routes[1], header), 402, "no_matching_offer", NULL);
    expect_error(buy(search, "PAYMENT-SIGNATURE: !\n"), 402, "malformed_payment", NULL);
    expect_error(buy(search, "PAYMENT-SIGNATURE: e30=\nX-PAYMENT: e30=\n"), 400,
                 "invalid_request", "PAYMENT-SIGNATURE");
    assert_int_equal(cashier->takes, 0);
}

static void what_was_tampered_with_is_refused(void **state)
{
    struct x402_required r = offered(unpaid("GET", search, NULL));
    struct x402_payment p = sign(&r.offers[0]);

    (void)state;
    p.transfer.nonce.bytes[31] ^= 1;
    expect_error(buy(search, header_of(&p)), 402, "invalid_signature", NULL);
    p = sign(&r.offers[0]);
    p.transfer.value = x402_u256_from_u64(4999);
    expect_error(buy(search, header_of(&p)), 402, "payment_invalid", NULL);
    p = sign(&r.offers[0]);
    gate_advance(295 * 1000);
    expect_error(buy(search, header_of(&p)), 402, "expired", NULL);
    assert_int_equal(cashier->takes, 0);
}

static void a_quote_holds_though_the_price_has_changed(void **state)
{
    const char *quoted = paid_header("GET", search, NULL, X402_SCHEME_EXACT);
    struct x402_required r = offered(unpaid("GET", search, NULL));
    struct x402_offer bare = *find(&r, X402_SCHEME_EXACT);
    struct x402_payment p;
    struct exchange *x;

    (void)state;
    configure("0.009");
    bare.quote = SLICE_NONE;
    bare.raw = SLICE_NONE;
    p = sign(&bare);
    expect_error(buy(search, header_of(&p)), 402, "no_matching_offer", NULL);
    x = buy(search, quoted);
    answers(upstream_last(), 200, json, "{}");
    expect_status(x, 200);
    expect_header(x, "x-octroi-cost", "0.005000000");
    gate.holds_left = 0;
}

static void a_quote_of_another_call_is_none(void **state)
{
    const char *header =
        paid_header("GET", "/v1/data/search/search?a", NULL, X402_SCHEME_EXACT);

    (void)state;
    configure("0.009");
    expect_error(buy("/v1/data/search/search?b", header), 402, "no_matching_offer",
                 NULL);
}

static void a_wrong_key_beside_a_payment_is_refused(void **state)
{
    const char *header = paid_header("GET", search, NULL, X402_SCHEME_EXACT);

    (void)state;
    expect_error(
        buy(search, arena_printf(arena, "%sx-api-key: sk-oct-wrong\n", header)), 401,
        "invalid_api_key", NULL);
    assert_int_equal(cashier->takes, 0);
}

static void a_key_beside_a_payment_says_who_calls(void **state)
{
    struct exchange *x;

    (void)state;
    memcpy(strstr(payments, "concurrent: 0"), "concurrent: 1", 13);
    gate_config(payments);
    for (unsigned i = 0; i < 3; i++) { /* none stays counted as running */
        const char *header = paid_header("GET", search, NULL, X402_SCHEME_EXACT);

        x = buy(search, arena_printf(arena, "%s%s", bearer(), header));
        answers(upstream_last(), 200, json, "{}");
        expect_status(x, 200);
    }
    expect_spent("0"); /* the payment pays */
    assert_int_equal(cashier->takes, 3);
}

static void a_key_without_money_is_told_how_to_pay_beside_it(void **state)
{
    const char *header;
    struct x402_required r;
    struct x402_payment p;
    struct exchange *x;

    (void)state;
    pay(&gate.money, gate.wallet, "10", "10");
    x = ask("GET", search, bearer(), NULL);
    expect_error(x, 402, "insufficient_funds", NULL);
    expect_says(x, "\"x402Version\":1");
    r = offered(x);
    p = sign(&r.offers[0]);
    header = header_of(&p);
    x = buy(search, arena_printf(arena, "%s%s", bearer(), header));
    answers(upstream_last(), 200, json, "{}");
    expect_status(x, 200);
}

static void what_costs_nothing_takes_no_payment(void **state)
{
    const char *header = paid_header("GET", search, NULL, X402_SCHEME_EXACT);

    (void)state;
    expect_status(buy("/v1/models", header), 200);
    assert_int_equal(cashier->takes, 0);
}

/* ---- When the chain does not say yes ---- */

static void refusals_of_the_chain_are_told(void **state)
{
    const char *header = paid_header("GET", search, NULL, X402_SCHEME_EXACT);
    struct exchange *x;

    (void)state;
    cashier->told = true;
    cashier->answer = CASHIER_REFUSED;
    cashier->reason = "invalid_exact_evm_insufficient_balance";
    x = buy(search, header);
    expect_error(x, 402, "payer_without_funds", NULL);
    assert_non_null(client_header(x, "PAYMENT-REQUIRED"));
    cashier->reason = "permit2_allowance_required";
    expect_error(buy(search, header), 412, "allowance_required", NULL);
    assert_int_equal(upstream_count(), 0);
}

static void an_address_whose_payments_are_refused_has_to_wait(void **state)
{
    const char *header = paid_header("GET", search, NULL, X402_SCHEME_EXACT);
    struct exchange *x;

    (void)state;
    cashier->told = true;
    cashier->answer = CASHIER_REFUSED;
    cashier->reason = "invalid_exact_evm_insufficient_balance";
    for (unsigned i = 0; i < 600; i++)
        expect_status(buy(search, header), 402);
    x = buy(search, header);
    expect_error(x, 429, "rate_limited", NULL);
    assert_non_null(client_header(x, "Retry-After"));
    assert_int_equal(cashier->takes, 600);
    x = get(search); /* a key is not held back */
    answers(upstream_last(), 200, json, "{}");
    expect_status(x, 200);
    gate_advance(1000);
    cashier->told = false;
    x = buy(search, header);
    answers(upstream_last(), 200, json, "{}");
    expect_status(x, 200);
}

static void what_nobody_knows_is_no_new_offer(void **state)
{
    const char *header = paid_header("GET", search, NULL, X402_SCHEME_EXACT);
    struct exchange *x;

    (void)state;
    cashier->told = true;
    cashier->answer = CASHIER_PENDING;
    x = buy(search, header);
    expect_error(x, 503, "settlement_pending", NULL);
    expect_header(x, "Retry-After", "1");
    expect_no_header(x, "PAYMENT-REQUIRED");
    cashier->answer = CASHIER_DOWN;
    expect_error(buy(search, header), 503, "settlement_unavailable", NULL);
    cashier->answer = CASHIER_OWING;
    expect_error(buy(search, header), 403, "payer_owes", NULL);
    cashier->told = false;
    x = buy(search, header); /* and with the same payment it goes on */
    answers(upstream_last(), 200, json, "{}");
    expect_status(x, 200);
}

static void what_can_not_be_settled_after_is_withheld(void **state)
{
    const char *header;
    struct exchange *x;

    (void)state;
    cashier->settler.bytes[0] = 9;
    header = paid_header("POST", chat, ask_alone, X402_SCHEME_UPTO);
    cashier->refuse_finish = true;
    cashier->reason = "permit2_insufficient_balance";
    x = ask("POST", chat, header, ask_alone);
    answers_json(upstream_last(), answer_alone);
    expect_error(x, 402, "payer_without_funds", NULL);
    expect_silent_about(x, "yes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAID_TEST(a_flat_call_is_told_its_price_before_its_body),
        PAID_TEST(a_model_call_is_told_after_a_body_of_a_mebibyte_at_most),
        PAID_TEST(what_is_no_payment_buys_no_larger_body),
        PAID_TEST(routes_that_are_not_there_are_not_offered),
        PAID_TEST(a_pool_bounds_the_bodies_of_strangers),
        PAID_TEST(a_payment_buys_its_call),
        PAID_TEST(version_1_buys_the_same),
        PAID_TEST(a_body_of_version_1_may_have_lost_its_type),
        PAID_TEST(what_a_model_call_does_not_use_is_credited),
        PAID_TEST(a_dear_call_runs_with_the_output_that_was_paid),
        PAID_TEST(upto_is_settled_after_the_call_by_its_cost),
        PAID_TEST(an_upstream_that_fails_leaves_a_credit),
        PAID_TEST(a_client_that_leaves_is_credited_what_was_not_delivered),
        PAID_TEST(the_same_payment_again_gets_the_same_answer),
        PAID_TEST(a_payment_that_bought_one_call_buys_no_other),
        PAID_TEST(an_answer_that_is_gone_is_no_new_offer),
        PAID_TEST(an_idempotency_key_spares_the_second_payment),
        PAID_TEST(of_two_payments_for_one_key_at_once_one_is_taken),
        PAID_TEST(what_answers_no_offer_is_refused_with_the_offers),
        PAID_TEST(what_was_tampered_with_is_refused),
        PAID_TEST(a_quote_holds_though_the_price_has_changed),
        PAID_TEST(a_quote_of_another_call_is_none),
        PAID_TEST(a_wrong_key_beside_a_payment_is_refused),
        PAID_TEST(a_key_beside_a_payment_says_who_calls),
        PAID_TEST(a_key_without_money_is_told_how_to_pay_beside_it),
        PAID_TEST(what_costs_nothing_takes_no_payment),
        PAID_TEST(refusals_of_the_chain_are_told),
        PAID_TEST(an_address_whose_payments_are_refused_has_to_wait),
        PAID_TEST(what_nobody_knows_is_no_new_offer),
        PAID_TEST(what_can_not_be_settled_after_is_withheld),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* MPP as seller: challenges that bind a call, and payments on a chain that buy it
 * once. */
#include "tests/mpp_client.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- Challenges ---- */

static void an_unpaid_call_is_told_every_way(void **state)
{
    struct exchange *x = unpaid();
    const struct asked a = asked(x);
    uint64_t expires_us;
    struct mpp_request q;

    (void)state;
    expect_problem(x, 402, "payment-required");
    expect_header(x, "Cache-Control", "no-store");
    assert_int_equal(a.count, 3);
    for (size_t i = 0; i < a.count; i++) {
        assert_true(slice_equal_str(a.list[i].realm, "localhost"));
        assert_true(mpp_challenge_is_ours(&a.list[i], SLICE(SECRET), arena));
        assert_int_equal(clock_parse(&expires_us, a.list[i].expires), RC_OK);
        assert_int_equal(expires_us, clock_wall_us() + 300 * 1000000ULL);
        assert_null(a.list[i].digest.bytes);
        assert_null(a.list[i].header.bytes);
    }
    q = request_in(find(&a, "evm"));
    assert_true(x402_u256_cmp(q.amount, x402_u256_from_u64(5000)) == 0);
    assert_true(slice_equal_str(q.recipient, PAY_TO));
    assert_int_equal(q.chain_id, 84532);
    assert_true(q.takes_authorization);
    q = request_in(find(&a, "tempo"));
    assert_true(x402_u256_is_zero(q.amount));
    q = request_in(find(&a, "ledger"));
    assert_true(x402_u256_cmp(q.amount, x402_u256_from_u64(5000)) == 0);
    assert_true(slice_equal_str(q.currency, "microusd"));
}

static void the_client_says_what_it_wants_first(void **state)
{
    struct exchange *x = ask("GET", SEARCH,
                             HOST "Accept-Payment: ledger/charge, tempo/*;q=0.5, "
                                  "evm/charge;q=0\n",
                             NULL);
    struct asked a = asked(x);

    (void)state;
    assert_int_equal(a.count, 2);
    assert_true(slice_equal_str(a.list[0].method, "ledger"));
    assert_true(slice_equal_str(a.list[1].method, "tempo"));
    /* A client that says nothing is not made to sign for credit it does not have. */
    a = asked(ask("GET", SEARCH, HOST, NULL));
    assert_int_equal(a.count, 2);
    assert_null(find(&a, "tempo"));
}

static void nobody_signs_in_for_a_name_that_a_stranger_told(void **state)
{
    struct exchange *x =
        ask("GET", SEARCH, "Host: evil.example\nAccept-Payment: */*\n", NULL);
    const struct asked a = asked(x);
    struct mpp_challenge c = challenge(unpaid(), "ledger");
    struct mpp_credential p = ledger(&c, &gate.key);

    (void)state;
    assert_int_equal(a.count, 1);
    assert_non_null(find(&a, "evm"));
    /* A challenge that was made for our name is worth nothing under another. */
    x = ask("GET", SEARCH, header_of(&p, "Host: evil.example\n"), NULL);
    expect_problem(x, 402, "invalid-challenge");
    expect_spent("0");
}

/* A head has an end: what is wanted most comes first, and x402's offers still fit. */
static void many_networks_do_not_crowd_the_head(void **state)
{
    char target[200] = "/v1/data/search/search?q=";
    char text[8192];
    struct exchange *x;
    struct asked a;
    size_t len;

    (void)state;
    (void)snprintf(text, sizeof(text),
                   "%spayments:\n  mpp: {secret: " SECRET "}\n"
                   "  x402:\n    networks:\n",
                   gate_yaml);
    for (unsigned i = 1; i <= CONFIG_NETWORKS_MAX; i++) {
        len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len,
                       "      - {network: \"eip155:84532\", asset: "
                       "\"0x%040u\", asset_name: T, asset_version: \"1\", decimals: "
                       "6, pay_to: \"" PAY_TO "\", facilitator: "
                       "\"https://f.example\"}\n",
                       i);
    }
    gate_config(text);
    memset(target + strlen(target), 'a', sizeof(target) - strlen(target) - 1);
    x = ask("GET", target, WANTS, NULL);
    a = asked(x);
    expect_status(x, 402);
    assert_true(a.count > 4 && a.count < CONFIG_NETWORKS_MAX + 2);
    assert_true(slice_equal_str(a.list[0].method, "evm"));
    assert_non_null(client_header(x, "PAYMENT-REQUIRED"));
    assert_false(logged("answer header refused"));
}

static void two_challenges_are_never_the_same(void **state)
{
    const struct mpp_challenge a = challenge(unpaid(), "evm");
    const struct mpp_challenge b = challenge(unpaid(), "evm");

    (void)state;
    assert_true(slice_equal(a.request, b.request) && slice_equal(a.expires, b.expires));
    assert_false(slice_equal(a.id, b.id));
}

static void without_a_secret_there_is_no_mpp(void **state)
{
    struct mpp_challenge c = challenge(unpaid(), "evm");
    struct mpp_credential p = evm(&c);
    struct exchange *x;

    (void)state;
    gate_config(gate_yaml);
    assert_int_equal(asked(unpaid()).count, 0);
    x = pay_search(&p);
    expect_problem(x, 400, "method-unsupported");
    assert_int_equal(cashier->takes, 0);
}

/* ---- evm/charge ---- */

static void a_payment_on_a_chain_buys_the_call(void **state)
{
    const struct mpp_challenge c = challenge(unpaid(), "evm");
    const struct mpp_credential p = evm(&c);
    struct exchange *x = served(&p);
    const struct mpp_receipt told = receipt(x);

    (void)state;
    expect_body(x, "{\"found\":1}");
    expect_header(x, "Cache-Control", "private");
    expect_header(x, "x-octroi-cost", "0.005000000");
    assert_true(slice_equal_str(told.method, "evm"));
    assert_true(slice_equal(told.challenge_id, c.id));
    assert_true(slice_equal_str(told.amount, "0.005000000"));
    assert_true(slice_equal_str(told.balance, "0.000000000"));
    assert_true(slice_starts(told.reference, SLICE("0x00")));
    assert_string_equal(cashier->method, "mpp");
    assert_int_equal(cashier->payment.version, 2); /* or it can not be kept */
    assert_int_equal(cashier->takes, 1);
    assert_int_equal(cashier->finishes, 1);
    expect_spent("0");
    assert_true(money_is_zero(credit()));
}

static void a_credential_is_used_once(void **state)
{
    const struct mpp_challenge c = challenge(unpaid(), "evm");
    const struct mpp_credential p = evm(&c);
    struct exchange *x;

    (void)state;
    (void)served(&p);
    x = pay_search(&p); /* the same request: the same answer */
    expect_status(x, 200);
    expect_header(x, "Idempotent-Replayed", "true");
    x = ask("GET", "/v1/data/search/search?q=2", header_of(&p, WANTS), NULL);
    expect_problem(x, 402, "invalid-challenge");
    assert_int_equal(asked(x).count, 3);
    assert_int_equal(upstream_count(), 1);
    assert_int_equal(cashier->takes, 1);
}

static void a_challenge_is_for_one_route(void **state)
{
    const struct mpp_challenge c = challenge(unpaid(), "evm");
    const struct mpp_credential p = evm(&c);
    struct exchange *x;

    (void)state;
    x = ask("GET", "/v1/data/search/markets/1", header_of(&p, WANTS), NULL);
    expect_problem(x, 402, "invalid-challenge");
    x = ask("HEAD", SEARCH, header_of(&p, WANTS), NULL);
    expect_status(x, 402);
    assert_int_equal(cashier->takes, 0);
    (void)served(&p);
}

static void a_long_route_is_bound_too(void **state)
{
    char target[600] = "/v1/data/search/search?q=";
    struct mpp_challenge c;
    struct mpp_credential p;
    struct exchange *x;

    (void)state;
    memset(target + strlen(target), 'a', 500);
    c = challenge(ask("GET", target, WANTS, NULL), "evm");
    p = evm(&c);
    target[400] = 'b';
    x = ask("GET", target, header_of(&p, WANTS), NULL);
    expect_problem(x, 402, "invalid-challenge");
    target[400] = 'a';
    x = ask("GET", target, header_of(&p, WANTS), NULL);
    answers_json(upstream_last(), "{}");
    expect_status(x, 200);
}

static void what_was_changed_is_refused(void **state)
{
    const struct mpp_challenge good = challenge(unpaid(), "evm");
    struct mpp_challenge c = good;
    struct mpp_request q = request_in(&good);
    struct mpp_credential p;

    (void)state;
    q.amount = x402_u256_from_u64(1); /* cheaper */
    assert_int_equal(mpp_request_encode(&c.request, &q, arena), RC_OK);
    p = evm(&c);
    expect_problem(pay_search(&p), 402, "invalid-challenge");
    c = good; /* later */
    c.expires = SLICE("2027-01-01T00:00:00Z");
    p = evm(&c);
    expect_problem(pay_search(&p), 402, "invalid-challenge");
    c = good; /* made with a secret of its own */
    assert_int_equal(mpp_challenge_bind(&c, SLICE("another secret"), arena), RC_OK);
    p = evm(&c);
    expect_problem(pay_search(&p), 402, "invalid-challenge");
    p = evm(&good); /* paid less than was asked for */
    p.payload = slice_str(arena_printf(arena, "{\"type\":\"authorization\",\"from\":"
                                              "\"" PAYER "\",\"to\":\"" PAY_TO "\","
                                              "\"value\":\"1\",\"validAfter\":\"0\","
                                              "\"validBefore\":\"9\",\"nonce\":\"0x0\","
                                              "\"signature\":\"0x00\"}"));
    expect_problem(pay_search(&p), 402, "invalid-payload");
    p = evm(&good); /* by somebody else */
    p.source = SLICE("did:pkh:eip155:84532:" PAY_TO);
    expect_problem(pay_search(&p), 402, "verification-failed");
    assert_int_equal(cashier->takes, 0);
    assert_int_equal(upstream_count(), 0);
}

static void a_challenge_expires(void **state)
{
    const struct mpp_challenge c = challenge(unpaid(), "evm");
    const struct mpp_challenge l = challenge(unpaid(), "ledger");
    const struct mpp_credential p = evm(&c), q = ledger(&l, &gate.key);

    (void)state;
    gate_advance(300 * 1000);
    expect_problem(pay_search(&p), 402, "payment-expired");
    expect_problem(pay_search(&q), 402, "payment-expired");
    expect_says(pay_search(&p), "\"challengeId\":\"");
}

static void garbage_gets_a_fresh_challenge(void **state)
{
    struct exchange *x =
        ask("GET", SEARCH, WANTS "Authorization: Payment dGhpcyBpcyBnYXJiYWdl\n", NULL);

    (void)state;
    expect_problem(x, 402, "malformed-credential");
    assert_int_equal(asked(x).count, 3);
    x = ask("GET", SEARCH, WANTS "Payment-Authorization: Basic eA==\n", NULL);
    expect_problem(x, 402, "malformed-credential");
}

static void two_credentials_are_a_bad_request(void **state)
{
    const struct mpp_challenge c = challenge(unpaid(), "evm");
    const struct mpp_credential p = evm(&c);
    const char *one = header_of(&p, HOST);

    (void)state;
    expect_problem(
        ask("GET", SEARCH, arena_printf(arena, "%sPayment-%s", one, one), NULL), 400,
        "bad-request");
    assert_int_equal(cashier->takes, 0);
}

static void a_quote_is_kept_though_prices_rise(void **state)
{
    const struct mpp_challenge c = challenge(unpaid(), "evm");
    const struct mpp_challenge l = challenge(unpaid(), "ledger");
    const struct mpp_credential p = evm(&c), q = ledger(&l, &gate.key);

    (void)state;
    configure_but("secret: " SECRET, "price: \"0.005\"", "price: \"0.009\"");
    /* Paid: at its price. To be taken from a wallet: not more than was said. */
    expect_header(served(&p), "x-octroi-cost", "0.005000000");
    expect_problem(pay_search(&q), 402, "payment-insufficient");
    expect_spent("0");
}

static void the_old_secret_is_taken_after_a_change(void **state)
{
    const struct mpp_challenge c = challenge(unpaid(), "evm");
    const struct mpp_credential p = evm(&c);

    (void)state;
    configure("secret: another" SECRET);
    expect_problem(pay_search(&p), 402, "invalid-challenge");
    configure("secret: another" SECRET ", old_secret: " SECRET);
    (void)served(&p);
}

static void a_refusal_of_the_chain_is_not_asked_for_again(void **state)
{
    const struct mpp_challenge c = challenge(unpaid(), "evm");
    const struct mpp_credential p = evm(&c);
    struct exchange *x;
    struct asked a;

    (void)state;
    cashier->told = true;
    cashier->answer = CASHIER_REFUSED;
    cashier->reason = "insufficient_funds";
    x = pay_search(&p);
    expect_problem(x, 402, "verification-failed");
    a = asked(x);
    assert_null(find(&a, "evm"));
    assert_non_null(find(&a, "tempo"));
}

static void what_failed_upstream_is_credited_without_a_receipt(void **state)
{
    (void)state;
    give_credit();
    assert_int_equal(cashier->finishes, 1);
    assert_false(cashier->served);
}

static void no_receipt_tells_of_what_did_not_go_well(void **state)
{
    const struct mpp_challenge c = challenge(unpaid(), "evm");
    const struct mpp_credential p = evm(&c);
    struct exchange *x = pay_search(&p);

    (void)state;
    answers(upstream_last(), 404, "Content-Type: application/json\n", "{}");
    expect_status(x, 404);
    expect_no_header(x, "Payment-Receipt");
    assert_usd(credit(), "0.005");
}

/* ---- Models ---- */

static void a_quote_buys_as_much_output_as_it_pays_for(void **state)
{
    struct exchange *x = ask("POST", CHAT, WANTS JSON, DEAR_CALL);
    const struct mpp_challenge c = challenge(x, "evm");
    const struct mpp_credential p = evm(&c);
    struct mpp_receipt told;
    const char *body;

    (void)state;
    expect_error(x, 402, "payment_required", NULL);
    assert_true(x402_u256_cmp(request_in(&c).amount, x402_u256_from_u64(2000)) == 0);
    assert_true(slice_search(c.description, SLICE("tokens of output")) <
                c.description.len);
    assert_non_null(c.digest.bytes);
    x = ask("POST", CHAT, header_of(&p, WANTS JSON), DEAR_CALL);
    body = arena_slice(arena, buf_slice(&upstream_last()->body)).bytes;
    assert_null(strstr(body, "100000"));
    assert_non_null(strstr(body, "\"max_tokens\":1"));
    answers_json(upstream_last(), MODEL_ANSWER);
    expect_status(x, 200);
    told = receipt(x);
    assert_true(slice_equal_str(told.amount, "0.002000000"));
    assert_true(slice_equal_str(told.balance, "0.001790000"));
    assert_usd(credit(), "0.00179"); /* 10 tokens in, 20 out: 0.00021 */
}

static void a_challenge_is_for_one_body(void **state)
{
    struct exchange *x = ask("POST", CHAT, WANTS JSON, DEAR_CALL);
    const struct mpp_challenge c = challenge(x, "evm");
    const struct mpp_credential p = evm(&c);

    (void)state;
    x = ask(
        "POST", CHAT, header_of(&p, WANTS JSON),
        "{\"model\":\"strict\",\"messages\":[{\"role\":\"user\",\"content\":\"ho\"}]}");
    expect_error(x, 402, "invalid_challenge", NULL);
    assert_int_equal(cashier->takes, 0);
}

static void a_stream_tells_its_receipt(void **state)
{
    static const char call[] = "{\"model\":\"alone\",\"stream\":true,\"max_tokens\":9,"
                               "\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
    static const char events[] =
        "data: {\"id\":\"x\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"}}]}"
        "\n\ndata: {\"id\":\"x\",\"choices\":[],\"usage\":{\"prompt_tokens\":10,"
        "\"completion_tokens\":20,\"total_tokens\":30}}\n\ndata: [DONE]\n\n";
    struct exchange *x = ask("POST", CHAT, WANTS JSON, call);
    const struct mpp_challenge e = challenge(x, "evm"), l = challenge(x, "ledger");
    const struct mpp_credential p = evm(&e), q = ledger(&l, &gate.key);

    (void)state;
    x = ask("POST", CHAT, header_of(&p, WANTS JSON), call);
    streams(upstream_last(), events);
    ends(upstream_last(), UPSTREAM_FINE);
    expect_status(x, 200);
    assert_true(receipt(x).reference.len > 0); /* settled before: in the head */
    x = ask("POST", CHAT, header_of(&q, WANTS JSON), call);
    streams(upstream_last(), events);
    ends(upstream_last(), UPSTREAM_FINE);
    expect_status(x, 200);
    expect_no_header(x, "Payment-Receipt"); /* what it cost is known at its end */
    expect_says(x, ": Payment-Receipt: ey");
    expect_says(x, "[DONE]");
}

/* ---- Beside a key ---- */

static void beside_a_key_the_credential_has_a_header_of_its_own(void **state)
{
    struct exchange *x = ask(
        "GET", SEARCH,
        arena_printf(arena, WANTS "%sPayment-Authorization: Payment e30\n", bearer()),
        NULL);
    const struct mpp_challenge c = challenge(x, "evm");
    const struct mpp_credential p = evm(&c);

    (void)state;
    expect_problem(x, 402, "malformed-credential");
    assert_true(slice_equal_str(c.header, "Payment-Authorization"));
    x = ask("GET", SEARCH,
            arena_printf(arena, WANTS "%sPayment-%s", bearer(), header_of(&p, "")),
            NULL);
    answers_json(upstream_last(), "{}");
    expect_status(x, 200);
    assert_true(receipt(x).reference.len > 0);
    expect_spent("0"); /* the payment paid, not the key */
    x = ask("GET", SEARCH,
            arena_printf(arena, WANTS "Authorization: Bearer sk-oct-wrong\nPayment-%s",
                         header_of(&p, "")),
            NULL);
    expect_error(x, 401, "invalid_api_key", NULL);
}

/* Whose place it took before it was known who pays. */
static void a_keys_place_is_given_back(void **state)
{
    (void)state;
    configure_but("secret: " SECRET, "concurrent: 0", "concurrent: 1");
    for (unsigned i = 0; i < 3; i++) {
        const struct mpp_challenge c = challenge(unpaid(), "evm");
        const struct mpp_credential p = evm(&c);
        struct exchange *x =
            ask("GET", SEARCH,
                arena_printf(arena, WANTS "%sPayment-%s", bearer(), header_of(&p, "")),
                NULL);

        answers_json(upstream_last(), "{}");
        expect_status(x, 200);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MPP_TEST(an_unpaid_call_is_told_every_way),
        MPP_TEST(the_client_says_what_it_wants_first),
        MPP_TEST(nobody_signs_in_for_a_name_that_a_stranger_told),
        MPP_TEST(many_networks_do_not_crowd_the_head),
        MPP_TEST(two_challenges_are_never_the_same),
        MPP_TEST(without_a_secret_there_is_no_mpp),
        MPP_TEST(a_payment_on_a_chain_buys_the_call),
        MPP_TEST(a_credential_is_used_once),
        MPP_TEST(a_challenge_is_for_one_route),
        MPP_TEST(a_long_route_is_bound_too),
        MPP_TEST(what_was_changed_is_refused),
        MPP_TEST(a_challenge_expires),
        MPP_TEST(garbage_gets_a_fresh_challenge),
        MPP_TEST(two_credentials_are_a_bad_request),
        MPP_TEST(a_quote_is_kept_though_prices_rise),
        MPP_TEST(the_old_secret_is_taken_after_a_change),
        MPP_TEST(a_refusal_of_the_chain_is_not_asked_for_again),
        MPP_TEST(what_failed_upstream_is_credited_without_a_receipt),
        MPP_TEST(no_receipt_tells_of_what_did_not_go_well),
        MPP_TEST(a_quote_buys_as_much_output_as_it_pays_for),
        MPP_TEST(a_challenge_is_for_one_body),
        MPP_TEST(a_stream_tells_its_receipt),
        MPP_TEST(beside_a_key_the_credential_has_a_header_of_its_own),
        MPP_TEST(a_keys_place_is_given_back),
    };

    return cmocka_run_group_tests(tests, mpp_client_start, mpp_client_stop);
}

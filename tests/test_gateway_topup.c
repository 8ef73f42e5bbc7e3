/* SPDX-License-Identifier: Apache-2.0 */
/* Money that comes into a wallet by a payment: whose wallet, how much, and what a
 * repeat is told. */
#include "tests/cashier_double.h"
#include "tests/gateway_fixture.h"

#include "base/clock.h"
#include "base/codec.h"
#include "base/json_guard.h"
#include "gateway/clerk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char topup[] = "/v1/wallet/topup?amount=2.5";
static const uint8_t payer_key[X402_KEY_LEN] = {7, 2};
static const char networks[] =
    "payments: {x402: {networks: [{network: \"eip155:84532\", asset: USDC, pay_to: "
    "\"0x209693Bc6afc0C5328bA36FaF03C514EF312287C\", facilitator: builtin, rpc_url: "
    "\"https://node.example\", settle_key: {hex_file: /nowhere}}]}}\n"
    "limits: {requests_per_minute: 0, tokens_per_minute: 0, concurrent: 0}\n";

static struct cashier *cashier;
static struct arena *arena;
static unsigned nonces;

static int open_case(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {1};
    static const uint8_t quote_key[32] = {2};

    if (gate_open(state) != 0 || x402_curve_start(seed) != RC_OK ||
        arena_open(&arena, 1 << 20) != RC_OK)
        return -1;
    gate_config(networks);
    cashier = cashier_double(gate.money.book);
    gate.worker.cashier = cashier;
    gate.worker.quote_key = quote_key;
    return clerk_open(&gate.worker.clerk, gate.money.book) == RC_OK ? 0 : -1;
}

static int close_case(void **state)
{
    clerk_close(gate.worker.clerk);
    (void)gate_close(state);
    arena_close(arena);
    x402_curve_stop();
    return 0;
}

/* ---- The payer ---- */

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

static const char *paid_for(const char *target)
{
    const struct x402_required r = offered(ask("POST", target, "", NULL));
    struct x402_hash nonce = {{(uint8_t)++nonces}};
    struct x402_address from;
    struct x402_payment p;
    struct slice text;

    assert_int_equal(r.offer_count, 1);
    assert_int_equal(x402_curve_address(&from, payer_key), RC_OK);
    assert_int_equal(
        x402_pay(&p, &r.offers[0], &from, &nonce, clock_wall_us() / 1000000), RC_OK);
    assert_int_equal(x402_sign(&p, &r.offers[0], payer_key, arena), RC_OK);
    assert_int_equal(x402_v2_payment_print(&text, &p, arena), RC_OK);
    return arena_printf(arena, "PAYMENT-SIGNATURE: %.*s\n", SLICE_FMT(text));
}

/* A string member of the answer's body. */
static const char *member(struct exchange *x, const char *name)
{
    struct slice raw, text;

    if (json_raw_member(&raw, buf_slice(&x->out), name) != JSON_STRING)
        return NULL;
    assert_int_equal(json_raw_string(&text, raw, arena), RC_OK);
    return arena_copy(arena, text.bytes, text.len);
}

static struct id wallet_of(struct exchange *x)
{
    struct id id;

    assert_non_null(member(x, "wallet"));
    assert_int_equal(wallet_id_parse(&id, 'w', slice_str(member(x, "wallet"))), RC_OK);
    return id;
}

static struct id payer_wallet(void)
{
    struct x402_address from;
    char text[X402_ADDRESS_TEXT_SIZE] = "0x";

    assert_int_equal(x402_curve_address(&from, payer_key), RC_OK);
    hex_encode(text + 2, from.bytes, sizeof(from.bytes));
    return wallet_payer_id(text);
}

static bool find_credit(void *arg, const struct wallet_row *row)
{
    struct row *found = arg;

    found->row = *row;
    (void)snprintf(found->text, sizeof(found->text), "%.*s", SLICE_FMT(row->ref));
    return true;
}

/* ---- The price ---- */

static void an_unpaid_top_up_is_told_its_price(void **state)
{
    struct exchange *x = ask("POST", topup, "", NULL);
    const struct x402_required r = offered(x);

    (void)state;
    assert_int_equal(r.offer_count, 1); /* there is nothing that could be used less */
    assert_int_equal(x402_u256_cmp(r.offers[0].amount, x402_u256_from_u64(2500000)), 0);
    expect_says(x, "\"code\":\"payment_required\"");
}

static void amounts_have_a_form_and_bounds(void **state)
{
    static const char *const bad[] = {
        "",           "?amount=",        "?amount=x",          "?amount=-1",
        "?amount=0",  "?amount=0.00000", "?amount=0.00000099", "?amount=10000.01",
        "?amount=1e3"};
    char target[64];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(target, sizeof(target), "/v1/wallet/topup%s", bad[i]);
        expect_error(ask("POST", target, "", NULL), 400, "invalid_request", "amount");
    }
    (void)offered(ask("POST", "/v1/wallet/topup?amount=0.000001", "", NULL));
    (void)offered(ask("POST", "/v1/wallet/topup?amount=10000", "", NULL));
}

static void a_key_alone_pays_no_top_up(void **state)
{
    (void)state;
    (void)offered(ask("POST", topup, bearer(), NULL));
    expect_error(ask("POST", topup, "Authorization: Bearer sk-oct-wrong\n", NULL), 401,
                 "invalid_api_key", NULL);
    assert_int_equal(cashier->takes, 0);
    assert_usd(balance_of(&gate.money, gate.wallet), "10");
}

/* ---- With a key ---- */

static const char *with_key(const char *payment)
{
    return arena_printf(arena, "%s%s", bearer(), payment);
}

static void a_key_s_wallet_is_topped_up(void **state)
{
    const char *headers = with_key(paid_for(topup));
    struct exchange *x = ask("POST", topup, headers, NULL);
    struct row found = {.text = ""};

    (void)state;
    expect_status(x, 200);
    assert_int_equal(id_cmp(wallet_of(x), gate.wallet), 0);
    assert_null(member(x, "key"));
    assert_string_equal(member(x, "amount"), "2.500000000");
    assert_string_equal(member(x, "balance"), "12.500000000");
    expect_header(x, "x-octroi-balance", "12.500000000");
    expect_header(x, "Cache-Control", "no-store");
    assert_non_null(client_header(x, "PAYMENT-RESPONSE"));
    assert_usd(balance_of(&gate.money, gate.wallet), "12.5");
    assert_true(cashier->is_topup);
    assert_int_equal(cashier->finishes, 0);
    assert_int_equal(
        wallet_statement(gate.money.book, gate.wallet, 0, find_credit, &found), RC_OK);
    assert_string_equal(found.row.kind, "x402");
    assert_true(found.row.credit);
    assert_usd(found.row.amount, "2.5");
    assert_int_equal(strncmp(found.text, "0x", 2), 0); /* the transaction */
    char transfer[WALLET_ID_TEXT_SIZE];
    wallet_id_print(transfer, 't', found.row.transfer);
    assert_string_equal(member(x, "transfer"), transfer);
}

static void a_key_beside_a_payment_is_in_use_for_one_call(void **state)
{
    char text[1024];

    (void)state;
    (void)snprintf(text, sizeof(text), "%s", networks);
    memcpy(strstr(text, "concurrent: 0"), "concurrent: 1", 13);
    gate_config(text);
    for (unsigned i = 0; i < 3; i++) {
        const char *headers = with_key(paid_for(topup));

        expect_status(ask("POST", topup, headers, NULL), 200);
    }
}

static void a_child_s_money_goes_to_its_root(void **state)
{
    const struct id child = new_child(&gate.money, "child", gate.wallet);
    const struct key_text key = new_key(&gate.money, child);
    const char *headers =
        arena_printf(arena, "x-api-key: %s\n%s", key.text, paid_for(topup));
    struct exchange *x = ask("POST", topup, headers, NULL);

    (void)state;
    expect_status(x, 200);
    assert_int_equal(id_cmp(wallet_of(x), gate.wallet), 0);
    assert_usd(balance_of(&gate.money, gate.wallet), "12.5");
}

static void a_wrong_key_beside_a_payment_keeps_it_from_being_taken(void **state)
{
    const char *headers =
        arena_printf(arena, "Authorization: Bearer sk-oct-wrong\n%s", paid_for(topup));

    (void)state;
    expect_error(ask("POST", topup, headers, NULL), 401, "invalid_api_key", NULL);
    assert_int_equal(cashier->takes, 0);
}

/* ---- Without one ---- */

static void without_a_key_a_wallet_is_opened_and_its_key_told(void **state)
{
    struct exchange *x = ask("POST", topup, paid_for(topup), NULL);
    const char *key = member(x, "key");
    struct wallet_caller caller;
    struct wallet w;

    (void)state;
    expect_status(x, 200);
    assert_non_null(key);
    assert_int_equal(wallet_authenticate(&caller, gate.money.book, slice_str(key)),
                     RC_OK);
    assert_int_equal(id_cmp(caller.wallet, wallet_of(x)), 0);
    assert_int_equal(wallet_get(&w, gate.money.book, caller.wallet), RC_OK);
    assert_true(id_is_none(w.parent));
    assert_usd(balance_of(&gate.money, caller.wallet), "2.5");
    assert_string_equal(member(x, "amount"), "2.500000000");
    assert_string_equal(member(x, "balance"), "2.500000000");
    expect_header(x, "Cache-Control", "no-store");
    assert_false(cashier->is_topup);
    assert_int_equal(cashier->finishes, 1);
    assert_usd(balance_of(&gate.money, gate.wallet), "10");
}

static void a_key_is_told_once(void **state)
{
    const char *payment = paid_for(topup);
    struct exchange *first = ask("POST", topup, payment, NULL);
    const char *wallet = member(first, "wallet");
    const char *key = member(first, "key");
    struct exchange *x;

    (void)state;
    x = ask("POST", topup, payment, NULL);
    expect_error(x, 409, "payment_credited", NULL);
    expect_says(x, wallet);
    expect_silent_about(x, key);
    expect_silent_about(x, "sk-oct-");
    assert_usd(balance_of(&gate.money, wallet_of(first)), "2.5");
}

static void a_payment_that_opened_a_wallet_tops_up_no_other(void **state)
{
    const char *payment = paid_for(topup);
    struct exchange *x;

    (void)state;
    expect_status(ask("POST", topup, payment, NULL), 200);
    x = ask("POST", topup, with_key(payment), NULL);
    expect_error(x, 409, "payment_credited", NULL);
    assert_usd(balance_of(&gate.money, gate.wallet), "10");
}

static void two_payments_open_two_wallets(void **state)
{
    struct exchange *a = ask("POST", topup, paid_for(topup), NULL);
    struct exchange *b = ask("POST", topup, paid_for(topup), NULL);

    (void)state;
    expect_status(a, 200);
    expect_status(b, 200);
    assert_int_not_equal(id_cmp(wallet_of(a), wallet_of(b)), 0);
}

static void who_left_has_it_credited_to_his_own_wallet(void **state)
{
    struct exchange *x = client_head(&gate.user, "POST", topup, paid_for(topup), false);

    (void)state;
    client_body(&gate.user, x, SLICE_NONE);
    leave(x);
    assert_usd(balance_of(&gate.money, payer_wallet()), "2.5");
    assert_false(logged("sk-oct-"));
}

/* ---- What goes wrong ---- */

static void a_refused_payment_opens_nothing(void **state)
{
    const char *payment = paid_for(topup);

    (void)state;
    cashier->told = true;
    cashier->answer = CASHIER_REFUSED;
    cashier->reason = "invalid_exact_evm_insufficient_balance";
    expect_error(ask("POST", topup, payment, NULL), 402, "payer_without_funds", NULL);
    cashier->answer = CASHIER_PENDING;
    expect_error(ask("POST", topup, payment, NULL), 503, "settlement_pending", NULL);
    cashier->answer = CASHIER_DOWN;
    expect_error(ask("POST", topup, payment, NULL), 503, "settlement_unavailable",
                 NULL);
    assert_int_equal(cashier->finishes, 0);
}

static void without_a_clerk_no_payment_is_taken(void **state)
{
    const char *payment = paid_for(topup);
    struct clerk *clerk = gate.worker.clerk;

    (void)state;
    gate.worker.clerk = NULL;
    expect_error(ask("POST", topup, payment, NULL), 503, "overloaded", NULL);
    assert_int_equal(cashier->takes, 0);
    gate.worker.clerk = clerk;
}

static void an_offer_for_less_does_not_buy_more(void **state)
{
    const char *payment = paid_for("/v1/wallet/topup?amount=1");
    struct exchange *x = ask("POST", topup, payment, NULL);

    (void)state;
    expect_error(x, 402, "no_matching_offer", NULL);
    assert_int_equal(cashier->takes, 0);
}

#define TOPUP_TEST(test) cmocka_unit_test_setup_teardown(test, open_case, close_case)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TOPUP_TEST(an_unpaid_top_up_is_told_its_price),
        TOPUP_TEST(amounts_have_a_form_and_bounds),
        TOPUP_TEST(a_key_alone_pays_no_top_up),
        TOPUP_TEST(a_key_s_wallet_is_topped_up),
        TOPUP_TEST(a_key_beside_a_payment_is_in_use_for_one_call),
        TOPUP_TEST(a_child_s_money_goes_to_its_root),
        TOPUP_TEST(a_wrong_key_beside_a_payment_keeps_it_from_being_taken),
        TOPUP_TEST(without_a_key_a_wallet_is_opened_and_its_key_told),
        TOPUP_TEST(a_key_is_told_once),
        TOPUP_TEST(a_payment_that_opened_a_wallet_tops_up_no_other),
        TOPUP_TEST(two_payments_open_two_wallets),
        TOPUP_TEST(who_left_has_it_credited_to_his_own_wallet),
        TOPUP_TEST(a_refused_payment_opens_nothing),
        TOPUP_TEST(without_a_clerk_no_payment_is_taken),
        TOPUP_TEST(an_offer_for_less_does_not_buy_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

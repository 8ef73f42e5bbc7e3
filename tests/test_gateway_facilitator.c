/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "base/codec.h"
#include "base/json.h"
#include "gateway/config_payments.h"
#include "tests/cashier_double.h"
#include "tests/gateway_fixture.h"
#include "x402/x402.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define USDC        "0x036CbD53842c5426634e7929541eC2318f3dCF7e"
#define PAYEE       "0x1111111111111111111111111111111111111111"
#define OTHER       "0x2222222222222222222222222222222222222222"
#define SETTLER     "0x3333333333333333333333333333333333333333"
#define TRANSACTION "0x00000000000000000000000000000000000000000000000000000000000000d1"
#define NETWORK                                                                 \
    "{network: \"eip155:84532\", asset: USDC, pay_to: \"" OTHER "\", rpc_url: " \
    "\"https://n.example\", settle_key: {keystore: k, passphrase_file: p}"
#define FACILITATING(facilitate, more)                                  \
    "payments: {x402: {" facilitate "networks: [" NETWORK more "}]}}\n" \
    "limits: {requests_per_minute: 3, tokens_per_minute: 0, concurrent: 0}\n"

static const uint8_t payer_key[X402_KEY_LEN] = {[31] = 7};
static struct arena *arena;
static struct cashier *cashier;

/* ---- What a seller asks ---- */

struct question {
    unsigned version;
    struct x402_offer offer;     /* what the requirements say */
    struct x402_payment payment; /* of another offer, if a test says so */
};

static struct x402_address address(const char *text)
{
    struct x402_address a;

    assert_int_equal(x402_address_parse(&a, slice_str(text)), RC_OK);
    return a;
}

static void sign(struct question *q)
{
    const struct x402_hash nonce = {{9}};
    struct x402_address from;

    assert_int_equal(x402_curve_address(&from, payer_key), RC_OK);
    assert_int_equal(
        x402_pay(&q->payment, &q->offer, &from, &nonce, clock_wall_us() / 1000000),
        RC_OK);
    assert_int_equal(x402_sign(&q->payment, &q->offer, payer_key, arena), RC_OK);
    q->payment.version = q->version;
}

static struct question new_question(unsigned version)
{
    struct question q = {.version = version,
                         .offer = {.scheme = X402_SCHEME_EXACT,
                                   .method = X402_EIP3009,
                                   .chain_id = 84532,
                                   .amount = x402_u256_from_u64(10000),
                                   .asset = address(USDC),
                                   .pay_to = address(PAYEE),
                                   .timeout_s = 300,
                                   .name = SLICE("USDC"),
                                   .version = SLICE("2")}};

    sign(&q);
    return q;
}

static struct question new_upto(const char *facilitator)
{
    struct question q = new_question(2);

    q.offer.scheme = X402_SCHEME_UPTO;
    q.offer.method = X402_PERMIT2;
    q.offer.facilitator = address(facilitator);
    sign(&q);
    return q;
}

static void write_v1_offer(struct json_out *o, const struct x402_offer *offer)
{
    const struct x402_required required = {
        .resource = {.url = SLICE("http://shop.example/a"),
                     .description = SLICE(""),
                     .mime_type = SLICE("")},
        .offers = offer,
        .offer_count = 1};
    struct slice accepts, first;
    struct json_out whole;
    struct buf b;
    size_t at = 0;

    buf_init(&b, 8192);
    json_out_init(&whole, &b);
    json_out_object(&whole);
    x402_v1_required_write(&whole, &required);
    json_out_end_object(&whole);
    assert_int_equal(json_raw_member(&accepts, buf_slice(&b), "accepts"), JSON_ARRAY);
    assert_int_equal(json_raw_element(&first, accepts, &at), JSON_OBJECT);
    json_out_raw(o, first);
    buf_free(&b);
}

static const char *body_of(const struct question *q)
{
    struct json_out o;
    struct buf b;
    const char *body;

    buf_init(&b, 16384);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_ku64(&o, "x402Version", q->version);
    json_out_key(&o, "paymentPayload");
    if (q->version == 1)
        x402_v1_payment_write(&o, &q->payment);
    else
        x402_v2_payment_write(&o, &q->payment);
    json_out_key(&o, "paymentRequirements");
    if (q->version == 1)
        write_v1_offer(&o, &q->offer);
    else
        x402_v2_offer_write(&o, &q->offer);
    json_out_end_object(&o);
    assert_false(buf_spent(&b));
    buf_append_char(&b, '\0');
    body = arena_copy(arena, buf_slice(&b).bytes, buf_len(&b));
    buf_free(&b);
    return body;
}

static struct exchange *tell(const char *what, const char *body)
{
    return ask("POST", what, "Content-Type: application/json\n", body);
}

static struct exchange *verify(const struct question *q)
{
    return tell("/facilitator/verify", body_of(q));
}

static struct exchange *settle(const struct question *q)
{
    return tell("/facilitator/settle", body_of(q));
}

/* 200, and why not; nobody was asked. */
static void expect_refused(struct exchange *x, const char *reason)
{
    char member[128];

    (void)snprintf(member, sizeof(member), "Reason\":\"%s\"", reason);
    expect_status(x, 200);
    expect_says(x, member);
    assert_int_equal(cashier->takes, 0);
}

static int open_facilitator(void **state)
{
    uint8_t seed[X402_KEY_LEN] = {1};

    assert_int_equal(x402_curve_start(seed), RC_OK);
    assert_int_equal(arena_open(&arena, 1 << 20), RC_OK);
    (void)gate_open(state);
    gate_config(FACILITATING("", ""));
    cashier = cashier_double(gate.money.book);
    cashier->settler = address(SETTLER);
    gate.worker.cashier = cashier;
    return 0;
}

static int close_facilitator(void **state)
{
    (void)gate_close(state);
    arena_close(arena);
    x402_curve_stop();
    return 0;
}

/* ---- What is supported ---- */

static void each_builtin_network_is_a_kind_of_both_versions(void **state)
{
    struct exchange *x = ask("GET", "/facilitator/supported", "", NULL);

    (void)state;
    expect_status(x, 200);
    expect_body(
        x, "{\"kinds\":[{\"x402Version\":2,\"scheme\":\"exact\",\"network\":"
           "\"eip155:84532\"},{\"x402Version\":1,\"scheme\":\"exact\",\"network\":"
           "\"base-sepolia\"},{\"x402Version\":2,\"scheme\":\"upto\",\"network\":"
           "\"eip155:84532\",\"extra\":{\"facilitatorAddress\":\"" SETTLER
           "\"}}],\"extensions\":[],\"signers\":{\"eip155:*\":[\"" SETTLER "\"]}}");
}

static void a_gateway_that_does_not_facilitate_has_nothing_there(void **state)
{
    const struct question q = new_question(2);

    (void)state;
    gate_config(FACILITATING("facilitate: false, ", ""));
    expect_error(ask("GET", "/facilitator/supported", "", NULL), 404, "not_found",
                 NULL);
    expect_error(verify(&q), 404, "not_found", NULL);
    expect_error(settle(&q), 404, "not_found", NULL);
    gate_config(FACILITATING("", ""));
    gate.worker.cashier = NULL;
    expect_error(verify(&q), 404, "not_found", NULL);
    assert_int_equal(cashier->takes, 0);
}

/* ---- What is good ---- */

static void a_good_payment_is_valid_in_both_versions(void **state)
{
    (void)state;
    for (unsigned version = 1; version <= 2; version++) {
        const struct question q = new_question(version);
        struct exchange *x = verify(&q);

        expect_status(x, 200);
        expect_says(x, "\"isValid\":true");
        expect_says(x, "\"payer\":\"0x");
        expect_header(x, "Cache-Control", "no-store");
        assert_false(cashier->settles);
    }
    assert_int_equal(cashier->takes, 2);
}

static void a_settlement_tells_its_transaction_in_the_version_s_words(void **state)
{
    struct question q = new_question(2);
    struct exchange *x = settle(&q);

    (void)state;
    expect_status(x, 200);
    expect_says(x, "{\"success\":true,\"transaction\":\"" TRANSACTION
                   "\",\"network\":\"eip155:84532\",\"amount\":\"10000\",\"payer\":");
    assert_true(cashier->settles);
    q = new_question(1);
    expect_says(settle(&q), "\"network\":\"base-sepolia\"");
}

static void a_settlement_of_upto_takes_what_was_used(void **state)
{
    struct question q = new_upto(SETTLER);

    (void)state;
    expect_says(verify(&q), "\"isValid\":true");
    q.offer.amount = x402_u256_from_u64(2350);
    expect_says(settle(&q), "\"amount\":\"2350\"");
    assert_int_equal(x402_u256_cmp(cashier->offer.amount, q.offer.amount), 0);
    q.offer.amount = x402_u256_from_u64(0);
    expect_says(settle(&q), "\"success\":true,\"transaction\":\"\"");
    assert_int_equal(cashier->takes, 2);
}

static void more_than_the_cap_of_upto_is_never_settled(void **state)
{
    struct question q = new_upto(SETTLER);

    (void)state;
    q.offer.amount = x402_u256_from_u64(10001);
    expect_refused(settle(&q), "invalid_upto_evm_payload_settlement_exceeds_amount");
}

static void an_upto_for_another_settler_is_refused(void **state)
{
    const struct question q = new_upto(OTHER);

    (void)state;
    expect_refused(verify(&q), "upto_facilitator_mismatch");
}

/* ---- What is not ---- */

static void what_was_not_signed_is_refused_without_asking_the_chain(void **state)
{
    struct question q = new_question(2);

    (void)state;
    q.offer.amount = x402_u256_from_u64(9999);
    expect_refused(verify(&q),
                   "invalid_exact_evm_payload_authorization_value_mismatch");
    q = new_question(2);
    q.offer.pay_to = address(OTHER);
    expect_refused(settle(&q), "invalid_exact_evm_recipient_mismatch");
    q = new_question(2);
    q.payment.transfer.nonce.bytes[3] ^= 1;
    expect_refused(settle(&q), "invalid_exact_evm_signature");
    clock_advance_ms(295 * 1000);
    q.payment.transfer.nonce.bytes[3] ^= 1;
    expect_refused(verify(&q), "invalid_exact_evm_payload_authorization_valid_before");
}

static void a_token_s_domain_is_ours_to_know(void **state)
{
    struct question q = new_question(2);

    (void)state;
    q.offer.name = SLICE("USD Coin");
    sign(&q);
    expect_refused(verify(&q), "invalid_exact_evm_token_name_mismatch");
    q = new_question(2);
    q.offer.version = SLICE("1");
    sign(&q);
    expect_refused(verify(&q), "invalid_exact_evm_token_version_mismatch");
}

static void a_token_that_is_not_configured_is_not_signed_off(void **state)
{
    struct question q = new_question(2);

    (void)state;
    q.offer.asset = address(OTHER);
    sign(&q);
    expect_refused(verify(&q), "invalid_network");
    q = new_question(2);
    q.offer.chain_id = 8453;
    sign(&q);
    expect_refused(settle(&q), "invalid_network");
    expect_says(settle(&q), "\"success\":false");
    expect_says(settle(&q), "\"network\":\"eip155:8453\"");
}

static void a_kind_that_is_switched_off_is_refused(void **state)
{
    struct question q = new_question(2);

    (void)state;
    q.offer.method = X402_PERMIT2;
    sign(&q);
    expect_refused(verify(&q), "unsupported_scheme"); /* permit2: off by default */
    gate_config(FACILITATING("", ", schemes: [exact]"));
    q = new_upto(SETTLER);
    expect_refused(verify(&q), "unsupported_scheme");
}

static void only_listed_recipients_are_paid_where_there_is_a_list(void **state)
{
    struct question q = new_question(2);

    (void)state;
    gate_config(FACILITATING("facilitate: {pay_to: [\"" OTHER "\"]}, ", ""));
    expect_refused(verify(&q), "invalid_payment_requirements");
    expect_refused(settle(&q), "invalid_payment_requirements");
    q.offer.pay_to = address(OTHER);
    sign(&q);
    expect_says(verify(&q), "\"isValid\":true");
}

static void what_cannot_be_read_is_refused_in_words_of_x402(void **state)
{
    static const char requirements[] =
        "\"paymentRequirements\":{\"scheme\":\"exact\",\"network\":\"eip155:84532\","
        "\"amount\":\"1\",\"asset\":\"" USDC "\",\"payTo\":\"" PAYEE
        "\",\"maxTimeoutSeconds\":60,\"extra\":{}}}";
    char body[1024];

    (void)state;
    (void)snprintf(body, sizeof(body), "{\"x402Version\":3,\"paymentPayload\":{},%s",
                   requirements);
    expect_refused(tell("/facilitator/verify", body), "invalid_x402_version");
    (void)snprintf(body, sizeof(body), "{\"x402Version\":2,\"paymentPayload\":{},%s",
                   requirements);
    expect_refused(tell("/facilitator/verify", body), "invalid_payload");
    expect_refused(tell("/facilitator/settle",
                        "{\"x402Version\":2,\"paymentPayload\":{},"
                        "\"paymentRequirements\":{}}"),
                   "invalid_payment_requirements");
    expect_refused(tell("/facilitator/settle",
                        "{\"x402Version\":2,\"paymentPayload\":{},"
                        "\"paymentRequirements\":{\"scheme\":\"channel\"}}"),
                   "unsupported_scheme");
}

static void what_is_no_question_is_an_error(void **state)
{
    char large[70000];

    (void)state;
    expect_error(tell("/facilitator/verify", "{"), 400, "invalid_json", NULL);
    expect_error(tell("/facilitator/verify", "{\"x402Version\":2}"), 400,
                 "invalid_request", "paymentPayload");
    expect_error(
        tell("/facilitator/settle", "{\"x402Version\":2,\"paymentPayload\":{}}"), 400,
        "invalid_request", "paymentRequirements");
    memset(large, ' ', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    expect_error(tell("/facilitator/verify", large), 413, "too_large", NULL);
    expect_error(ask("GET", "/facilitator/verify", "", NULL), 405, "method_not_allowed",
                 NULL);
}

/* ---- What the chain says ---- */

static void a_refusal_of_the_chain_is_told_with_its_reason(void **state)
{
    const struct question q = new_question(2);
    struct exchange *x;

    (void)state;
    cashier->told = true;
    cashier->answer = CASHIER_REFUSED;
    cashier->reason = "invalid_exact_evm_insufficient_balance";
    x = verify(&q);
    expect_says(x, "\"isValid\":false,\"invalidReason\":"
                   "\"invalid_exact_evm_insufficient_balance\"");
    x = settle(&q);
    expect_says(x, "\"success\":false,\"errorReason\":"
                   "\"invalid_exact_evm_insufficient_balance\"");
    expect_says(x, "\"transaction\":\"\"");
}

static void an_unknown_outcome_is_pending_with_its_hash(void **state)
{
    const struct question q = new_question(2);
    struct exchange *x;

    (void)state;
    cashier->told = true;
    cashier->answer = CASHIER_PENDING;
    x = settle(&q);
    expect_status(x, 200);
    expect_says(x, "\"success\":false,\"errorReason\":\"settlement_pending\"");
    expect_says(x, "\"transaction\":\"" TRANSACTION "\"");
}

static void a_payment_that_is_spent_or_being_spent_is_refused(void **state)
{
    struct question q = new_question(2);
    struct exchange *x;

    (void)state;
    cashier->told = true;
    cashier->answer = CASHIER_CREDITED;
    expect_says(settle(&q), "\"errorReason\":\"invalid_exact_evm_nonce_already_used\"");
    cashier->answer = CASHIER_IN_USE;
    expect_says(settle(&q), "\"errorReason\":\"duplicate_settlement\"");
    cashier->answer = CASHIER_USED; /* it was settled, and somebody was told */
    x = settle(&q);
    expect_says(x, "\"success\":false,\"errorReason\":\"duplicate_settlement\"");
    expect_says(x, "\"transaction\":\"" TRANSACTION "\"");
    q = new_upto(SETTLER);
    cashier->answer = CASHIER_CREDITED;
    expect_says(settle(&q), "\"errorReason\":\"permit2_invalid_nonce\"");
}

static void a_chain_that_is_away_is_no_verdict(void **state)
{
    const struct question q = new_question(2);
    struct exchange *x;

    (void)state;
    cashier->told = true;
    cashier->answer = CASHIER_DOWN;
    x = verify(&q);
    expect_error(x, 503, "settlement_unavailable", NULL);
    expect_silent_about(x, "isValid");
    expect_error(settle(&q), 503, "settlement_unavailable", NULL);
    cashier->rc = RC_BUSY;
    expect_error(settle(&q), 503, "overloaded", NULL);
}

/* ---- Who asks ---- */

static void a_stranger_s_rate_is_limited_and_refusals_do_not_count(void **state)
{
    struct question q = new_question(2);
    const char *good = body_of(&q);
    const char *bad;

    (void)state;
    q.offer.amount = x402_u256_from_u64(1);
    bad = body_of(&q);
    for (unsigned i = 0; i < 700; i++)
        expect_status(tell("/facilitator/verify", bad), 200);
    for (unsigned i = 0; i < 600; i++)
        expect_says(tell("/facilitator/verify", good), "\"isValid\":true");
    expect_error(tell("/facilitator/verify", good), 429, "rate_limited", NULL);
    gate_advance(60000);
    expect_says(tell("/facilitator/verify", good), "\"isValid\":true");
}

static void who_has_a_key_has_its_rate(void **state)
{
    const struct question q = new_question(2);
    const char *body = body_of(&q);

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        expect_says(post("/facilitator/verify", body), "\"isValid\":true");
    expect_error(post("/facilitator/verify", body), 429, "rate_limited", NULL);
    expect_says(verify(&q), "\"isValid\":true"); /* the address's own is another */
}

static void who_leaves_is_settled_for_and_not_answered(void **state)
{
    const struct question q = new_question(2);
    struct exchange *x = client_head(&gate.user, "POST", "/facilitator/settle",
                                     "Content-Type: application/json\n", true);

    (void)state;
    client_body(&gate.user, x, slice_str(body_of(&q)));
    assert_true(request_of(x)->money_busy);
    leave(x);
    assert_int_equal(cashier->takes, 1);
    assert_int_equal(gate.worker.live, 0);
}

#define FACILITATOR_TEST(test) \
    cmocka_unit_test_setup_teardown(test, open_facilitator, close_facilitator)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FACILITATOR_TEST(each_builtin_network_is_a_kind_of_both_versions),
        FACILITATOR_TEST(a_gateway_that_does_not_facilitate_has_nothing_there),
        FACILITATOR_TEST(a_good_payment_is_valid_in_both_versions),
        FACILITATOR_TEST(a_settlement_tells_its_transaction_in_the_version_s_words),
        FACILITATOR_TEST(a_settlement_of_upto_takes_what_was_used),
        FACILITATOR_TEST(more_than_the_cap_of_upto_is_never_settled),
        FACILITATOR_TEST(an_upto_for_another_settler_is_refused),
        FACILITATOR_TEST(what_was_not_signed_is_refused_without_asking_the_chain),
        FACILITATOR_TEST(a_token_s_domain_is_ours_to_know),
        FACILITATOR_TEST(a_token_that_is_not_configured_is_not_signed_off),
        FACILITATOR_TEST(a_kind_that_is_switched_off_is_refused),
        FACILITATOR_TEST(only_listed_recipients_are_paid_where_there_is_a_list),
        FACILITATOR_TEST(what_cannot_be_read_is_refused_in_words_of_x402),
        FACILITATOR_TEST(what_is_no_question_is_an_error),
        FACILITATOR_TEST(a_refusal_of_the_chain_is_told_with_its_reason),
        FACILITATOR_TEST(an_unknown_outcome_is_pending_with_its_hash),
        FACILITATOR_TEST(a_payment_that_is_spent_or_being_spent_is_refused),
        FACILITATOR_TEST(a_chain_that_is_away_is_no_verdict),
        FACILITATOR_TEST(a_stranger_s_rate_is_limited_and_refusals_do_not_count),
        FACILITATOR_TEST(who_has_a_key_has_its_rate),
        FACILITATOR_TEST(who_leaves_is_settled_for_and_not_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

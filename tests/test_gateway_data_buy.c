/* SPDX-License-Identifier: Apache-2.0 */
/* Data APIs whose hosts ask for money: what is paid, once; who is charged for it, and
 * what the book remembers. The signer is a double. */
#include "base/clock.h"
#include "gateway/config_payments.h"
#include "gateway/settle/purchase.h"
#include "tests/conf_fixture.h"
#include "tests/gateway_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    TURNS_MAX = 1000,
    TURN_MS = 20
};

static const char yaml[] =
    "payments:\n"
    "  x402:\n"
    "    buyer: {key: {hex_file: ./buyer.key}, max_per_payment: \"0.5\", "
    "max_per_day: \"0.6\"}\n"
    "data_apis:\n"
    "  shop:\n"
    "    base_url: \"https://seller.example/base\"\n"
    "    auth: {x402: {}}\n"
    "    endpoints:\n"
    "      - {method: GET, path: /flat, price: \"0.01\"}\n"
    "      - {method: POST, path: /flat, price: \"0.01\"}\n"
    "      - {method: GET, path: /cheap, price: \"0.5\", max_price: \"0.002\"}\n"
    "      - {method: GET, path: /cost, markup: \"50%\", max_price: \"0.4\"}\n"
    "  keyed:\n"
    "    base_url: \"https://seller.example\"\n"
    "    auth: {header: authorization, value: \"Bearer our-key-at-the-seller\", mpp: {}}\n"
    "    endpoints: [{method: GET, path: /, price: \"0.01\"}]\n"
    "limits: {requests_per_minute: 0, tokens_per_minute: 0, concurrent: 0}\n";

/* ---- The signer ---- */

static struct {
    uint8_t key[X402_KEY_LEN];
    struct x402_address address;
    unsigned count;
    enum rc refuses;
    bool keeps;
    struct signer_job *kept;
} pen;

const struct x402_address *signer_address(const struct signer *s, size_t key)
{
    (void)s;
    (void)key;
    return &pen.address;
}

static void put_to_paper(struct signer_job *j)
{
    j->rc = pen.refuses;
    if (j->rc == RC_OK)
        j->rc = x402_sign(j->payment, j->offer, pen.key, j->arena);
    j->done(j);
}

/* On the writer's thread. */
void signer_submit(struct signer *s, struct signer_job *j)
{
    (void)s;
    __atomic_add_fetch(&pen.count, 1, __ATOMIC_SEQ_CST);
    if (pen.keeps)
        __atomic_store_n(&pen.kept, j, __ATOMIC_SEQ_CST);
    else
        put_to_paper(j);
}

/* ---- The world ---- */

static struct arena *arena;
static struct buyer buyer;

static int shop_open(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {1};

    if (gate_open(state) != 0 || x402_curve_start(seed) != RC_OK)
        return -1;
    memset(&pen, 0, sizeof(pen));
    pen.key[31] = 7;
    assert_int_equal(x402_curve_address(&pen.address, pen.key), RC_OK);
    conf_fixture_write("buyer.key", "00", 2);
    gate_config(yaml);
    buyer = (struct buyer){.book = gate.money.book};
    gate.worker.buyer = &buyer;
    return arena_open(&arena, 1 << 20) == RC_OK ? 0 : -1;
}

static int shop_close(void **state)
{
    arena_close(arena);
    gate_close(state);
    x402_curve_stop();
    return 0;
}

static void turn(void)
{
    loop_turn(gate.worker.loop, TURN_MS);
    gate_turn();
}

/* What an upstream that wants `amount` (in 10^-6 USD) says. */
static const char *price_tag(uint64_t amount)
{
    struct x402_offer offer = {.chain_id = 84532,
                               .amount = x402_u256_from_u64(amount),
                               .asset = x402_token_usual(84532)->address,
                               .pay_to = x402_token_usual(84532)->address,
                               .timeout_s = 60};
    const struct x402_required r = {.resource.url = SLICE("https://seller.example/"),
                                    .offers = &offer,
                                    .offer_count = 1};
    struct slice text;

    assert_int_equal(x402_v2_required_print(&text, &r, arena), RC_OK);
    return arena_printf(arena,
                        "Content-Type: application/json\nPAYMENT-REQUIRED: %.*s\n",
                        SLICE_FMT(text));
}

static const char *receipt(bool success)
{
    const struct x402_receipt r = {.success = success,
                                   .reason = success ? SLICE_NONE
                                                     : SLICE("insufficient_funds"),
                                   .transaction = SLICE("0xabc"),
                                   .chain_id = 84532};
    struct slice text;

    assert_int_equal(x402_v2_receipt_print(&text, &r, arena), RC_OK);
    return arena_printf(arena, "Content-Type: text/plain\nPAYMENT-RESPONSE: %.*s\n",
                        SLICE_FMT(text));
}

/* The next try, when the book and the signer are done. */
static struct upstream_call *next_try(unsigned nth)
{
    for (unsigned i = 0; i < TURNS_MAX && upstream_count() <= nth; i++)
        turn();
    assert_int_equal(upstream_count(), nth + 1);
    return upstream_last();
}

static void wait_answer(struct exchange *x)
{
    for (unsigned i = 0; i < TURNS_MAX && !x->ended; i++)
        turn();
}

static void wait_end(void)
{
    for (unsigned i = 0; i < TURNS_MAX && gate.worker.live > 0; i++)
        turn();
    assert_int_equal(gate.worker.live, 0);
}

/* Asked for `amount`, and the try that pays it. */
static struct upstream_call *pays(struct exchange **x, const char *target,
                                  uint64_t amount)
{
    const unsigned count = upstream_count();

    *x = get(target);
    answers(upstream_last(), 402, price_tag(amount), "{}");
    return next_try(count + 1);
}

static const char *payment_of(const struct upstream_call *c)
{
    const char *header = upstream_header(c, "PAYMENT-SIGNATURE");

    assert_non_null(header);
    return arena_printf(arena, "%s", header);
}

struct found {
    unsigned count;
    struct wallet_purchase last;
};

static bool note(void *arg, struct id id, const struct wallet_purchase *p)
{
    struct found *f = arg;

    (void)id;
    f->count++;
    f->last = *p;
    return true;
}

static struct found purchases(void)
{
    struct found f = {.count = 0};

    assert_int_equal(wallet_purchase_list(gate.money.book, ID_NONE, note, &f), RC_OK);
    return f;
}

/* Exactly one, and it comes to this state. */
static struct wallet_purchase expect_purchase(unsigned state, const char *amount)
{
    struct found f = purchases();
    char text[MONEY_TEXT_SIZE];

    for (unsigned i = 0; i < TURNS_MAX && f.last.state != state; i++) {
        turn();
        f = purchases();
    }
    assert_int_equal(f.count, 1);
    assert_int_equal(f.last.state, state);
    money_print_short(text, f.last.amount);
    assert_string_equal(text, amount);
    return f.last;
}

/* ---- Paying ---- */

static void a_host_that_asks_is_paid_and_the_caller_pays_the_price(void **state)
{
    struct wallet_purchase p;
    struct x402_payment sent;
    struct upstream_call *c;
    struct exchange *x;
    struct row row;

    (void)state;
    c = pays(&x, "/v1/data/shop/flat", 2500);
    assert_null(upstream_header(upstream_nth(0), "PAYMENT-SIGNATURE"));
    assert_string_equal(c->url, upstream_nth(0)->url);
    assert_int_equal(x402_v2_payment_parse(&sent, slice_str(payment_of(c)), arena),
                     RC_OK);
    assert_int_equal(x402_u256_cmp(sent.transfer.value, x402_u256_from_u64(2500)), 0);
    assert_true(x402_address_equal(&sent.transfer.from, &pen.address));
    assert_int_equal(x402_check_signature(&sent, &sent.accepted), X402_BAD_SIGNATURE);
    sent.accepted.name = SLICE("USDC"); /* which the seller did not tell */
    sent.accepted.version = SLICE("2");
    assert_int_equal(x402_check_signature(&sent, &sent.accepted), X402_VALID);
    answers(c, 200, receipt(true), "goods");
    expect_status(x, 200);
    expect_body(x, "goods");
    expect_no_header(x, "PAYMENT-RESPONSE");
    expect_header(x, "x-octroi-cost", "0.010000000");
    expect_spent("0.01");
    assert_int_equal(row_of(&row, x), RC_OK);
    p = expect_purchase(WALLET_PURCHASE_PAID, "0.0025");
    assert_string_equal(p.host, "seller.example");
    assert_string_equal(p.reference, "0xabc");
    assert_string_equal(p.network, "eip155:84532");
    assert_int_equal(id_cmp(p.wallet, gate.wallet), 0);
    assert_false(id_is_none(p.request));
}

static void at_cost_the_caller_pays_what_was_paid_and_the_markup(void **state)
{
    struct upstream_call *c;
    struct exchange *x;

    (void)state;
    c = pays(&x, "/v1/data/shop/cost", 3000);
    expect_held("0.6");
    answers(c, 200, receipt(true), "goods");
    expect_status(x, 200);
    expect_spent("0.0045");
    (void)expect_purchase(WALLET_PURCHASE_PAID, "0.003");
}

static void a_host_that_does_not_ask_is_not_paid(void **state)
{
    struct exchange *x = get("/v1/data/shop/cost");

    (void)state;
    answers(upstream_last(), 200, "Content-Type: text/plain\n", "gift");
    expect_status(x, 200);
    expect_spent("0");
    x = get("/v1/data/shop/flat");
    answers(upstream_last(), 200, "Content-Type: text/plain\n", "gift");
    expect_status(x, 200);
    expect_spent("0.01");
    assert_int_equal(purchases().count, 0);
    assert_int_equal(pen.count, 0);
}

static void a_body_goes_with_the_payment_too(void **state)
{
    char headers[256];
    struct exchange *x;

    (void)state;
    (void)snprintf(headers, sizeof(headers), "%sContent-Type: a/b\n", bearer());
    x = ask("POST", "/v1/data/shop/flat", headers, "what");
    answers(upstream_last(), 402, price_tag(10), "{}");
    assert_true(slice_equal_str(buf_slice(&next_try(1)->body), "what"));
    assert_string_equal(upstream_header(upstream_last(), "Content-Type"), "a/b");
    answers(upstream_last(), 200, receipt(true), "ok");
    expect_status(x, 200);
    expect_spent("0.01");
}

/* A challenge of MPP as a header, answered in `header` if there is one. */
static const char *challenge(struct slice header)
{
    const struct mpp_request request = {
        .amount = x402_u256_from_u64(3000),
        .currency = SLICE("0x036CbD53842c5426634e7929541eC2318f3dCF7e"),
        .recipient = SLICE("0x209693Bc6afc0C5328bA36FaF03C514EF312287C"),
        .chain_id = 84532,
        .takes_authorization = true};
    struct mpp_challenge c = {.realm = SLICE("seller.example"),
                              .method = SLICE("evm"),
                              .intent = SLICE("charge"),
                              .expires = SLICE("2026-11-21T12:05:00Z"),
                              .header = header};
    const char *line;
    struct buf text;

    buf_init(&text, 16384);
    assert_int_equal(mpp_request_encode(&c.request, &request, arena), RC_OK);
    assert_int_equal(
        mpp_challenge_bind(&c, SLICE("0123456789abcdef0123456789abcdef"), arena),
        RC_OK);
    mpp_challenge_print(&text, &c);
    line = arena_printf(arena, "WWW-Authenticate: %.*s\n", SLICE_FMT(buf_slice(&text)));
    buf_free(&text);
    return line;
}

static void a_credential_of_mpp_takes_the_place_of_a_key_or_stands_beside_it(
    void **state)
{
    struct exchange *x = get("/v1/data/keyed/");
    const struct upstream_call *c;

    (void)state;
    assert_string_equal(upstream_header(upstream_last(), "authorization"),
                        "Bearer our-key-at-the-seller");
    answers(upstream_last(), 402, challenge(SLICE_NONE), "");
    c = next_try(1);
    assert_int_equal(strncmp(upstream_header(c, "Authorization"), "Payment ", 8), 0);
    assert_int_equal(c->spec.header_count, 1);
    answers(upstream_last(), 200, "", "ok");
    expect_status(x, 200);
    x = get("/v1/data/keyed/");
    answers(upstream_last(), 402, challenge(SLICE("Payment-Authorization")), "");
    c = next_try(3);
    assert_string_equal(upstream_header(c, "Authorization"),
                        "Bearer our-key-at-the-seller");
    assert_int_equal(
        strncmp(upstream_header(c, "Payment-Authorization"), "Payment ", 8), 0);
    answers(upstream_last(), 200, "", "ok");
    expect_status(x, 200);
    expect_spent("0.02");
}

/* ---- Not paying ---- */

static void nothing_above_the_price_is_paid(void **state)
{
    struct exchange *x = get("/v1/data/shop/flat");

    (void)state;
    answers(upstream_last(), 402, price_tag(10001), "{}");
    expect_error(x, 502, "upstream_price_too_high", NULL);
    expect_says(x, "0.010001 USD");
    x = get("/v1/data/shop/cheap");
    answers(upstream_last(), 402, price_tag(2001), "{}");
    expect_error(x, 502, "upstream_price_too_high", NULL);
    x = get("/v1/data/shop/cost");
    answers(upstream_last(), 402, price_tag(400001), "{}");
    expect_error(x, 502, "upstream_price_too_high", NULL);
    expect_spent("0");
    assert_int_equal(purchases().count, 0);
    assert_int_equal(upstream_count(), 3);
}

static void a_402_without_an_offer_for_us_is_a_failure(void **state)
{
    struct exchange *x = get("/v1/data/shop/flat");

    (void)state;
    answers(upstream_last(), 402, "Content-Type: text/html\n", "<html>pay me");
    expect_error(x, 502, "upstream_offer_unusable", NULL);
    expect_silent_about(x, "pay me");
    expect_spent("0");
}

static void without_a_key_nothing_is_paid(void **state)
{
    struct exchange *x;

    (void)state;
    gate.worker.buyer = NULL;
    x = get("/v1/data/shop/flat");
    answers(upstream_last(), 402, price_tag(10), "{}");
    expect_error(x, 500, "internal_error", NULL);
    expect_spent("0");
}

static void the_caps_of_the_day_hold_over_all_calls(void **state)
{
    struct exchange *x;

    (void)state;
    answers(pays(&x, "/v1/data/shop/cost", 400000), 200, receipt(true), "one");
    expect_status(x, 200);
    (void)expect_purchase(WALLET_PURCHASE_PAID, "0.4");
    x = get("/v1/data/shop/cost");
    answers(upstream_last(), 402, price_tag(200001), "{}");
    wait_answer(x);
    expect_error(x, 503, "purchase_limit_reached", NULL);
    assert_int_equal(pen.count, 1);
    answers(pays(&x, "/v1/data/shop/cost", 200000), 200, receipt(true), "two");
    expect_status(x, 200);
}

static void what_the_signer_refuses_goes_back_to_the_caps(void **state)
{
    struct exchange *x = get("/v1/data/shop/cost");

    (void)state;
    pen.refuses = RC_LIMIT;
    answers(upstream_last(), 402, price_tag(400000), "{}");
    wait_answer(x);
    expect_error(x, 503, "purchase_limit_reached", NULL);
    (void)expect_purchase(WALLET_PURCHASE_LAPSED, "0.4");
    pen.refuses = RC_OK;
    answers(pays(&x, "/v1/data/shop/cost", 400000), 200, receipt(true), "one");
    expect_status(x, 200);
}

/* ---- Once ---- */

static void a_host_that_asks_again_gets_no_second_payment(void **state)
{
    struct exchange *x;

    (void)state;
    answers(pays(&x, "/v1/data/shop/flat", 2500), 402,
            arena_printf(arena, "%s%s", price_tag(2500), receipt(false)), "{}");
    expect_error(x, 502, "upstream_payment_refused", NULL);
    expect_says(x, "insufficient_funds");
    expect_header(x, "x-should-retry", "false");
    assert_int_equal(upstream_count(), 2);
    assert_int_equal(pen.count, 1);
    expect_spent("0");
    (void)expect_purchase(WALLET_PURCHASE_OPEN, "0.0025");
}

static void no_answer_is_asked_for_once_more_with_the_same_payment(void **state)
{
    static const enum upstream_fail fails[] = {UPSTREAM_SLOW, UPSTREAM_CUT};

    (void)state;
    for (size_t i = 0; i < sizeof(fails) / sizeof(fails[0]); i++) {
        struct exchange *x;
        struct upstream_call *c = pays(&x, "/v1/data/shop/flat", 10);
        const char *payment = payment_of(c);

        ends(c, fails[i]);
        assert_int_equal(upstream_count(), 3 * i + 3);
        assert_string_equal(payment_of(upstream_last()), payment);
        answers(upstream_last(), 200, receipt(true), "late");
        expect_status(x, 200);
        assert_int_equal(pen.count, i + 1);
    }
    expect_spent("0.02");
}

static void a_host_that_never_answers_is_not_asked_a_third_time(void **state)
{
    struct exchange *x;

    (void)state;
    ends(pays(&x, "/v1/data/shop/flat", 2500), UPSTREAM_SLOW);
    ends(upstream_last(), UPSTREAM_SLOW);
    expect_error(x, 504, "upstream_timeout", NULL);
    assert_int_equal(upstream_count(), 3);
    assert_int_equal(pen.count, 1);
    expect_spent("0");
    (void)expect_purchase(WALLET_PURCHASE_OPEN, "0.0025");
}

static void an_answer_that_breaks_off_is_not_asked_for_again(void **state)
{
    struct exchange *x;
    struct upstream_call *c = pays(&x, "/v1/data/shop/flat", 2500);

    (void)state;
    upstream_says_head(c, 200, receipt(true));
    says(c, "half of");
    ends(c, UPSTREAM_CUT);
    expect_error(x, 502, "upstream_error", NULL);
    expect_silent_about(x, "half of");
    assert_int_equal(upstream_count(), 2);
    expect_spent("0");
    (void)expect_purchase(WALLET_PURCHASE_PAID, "0.0025");
}

static void an_unpaid_try_is_not_repeated(void **state)
{
    struct exchange *x = get("/v1/data/shop/flat");

    (void)state;
    ends(upstream_last(), UPSTREAM_SLOW);
    expect_error(x, 504, "upstream_timeout", NULL);
    assert_int_equal(upstream_count(), 1);
}

static void what_was_never_sent_goes_back_to_the_caps(void **state)
{
    struct exchange *x;

    (void)state;
    ends(pays(&x, "/v1/data/shop/flat", 2500), UPSTREAM_CONNECT);
    ends(upstream_last(), UPSTREAM_CONNECT);
    expect_error(x, 502, "upstream_error", NULL);
    (void)expect_purchase(WALLET_PURCHASE_LAPSED, "0.0025");
    expect_spent("0");
}

static void a_repeat_of_a_refused_purchase_buys_nothing(void **state)
{
    char headers[256];
    struct exchange *x;

    (void)state;
    (void)snprintf(headers, sizeof(headers), "%sIdempotency-Key: k1\n", bearer());
    x = ask("GET", "/v1/data/shop/flat", headers, NULL);
    answers(upstream_last(), 402, price_tag(10), "{}");
    answers(next_try(1), 402, price_tag(10), "{}");
    expect_error(x, 502, "upstream_payment_refused", NULL);
    x = ask("GET", "/v1/data/shop/flat", headers, NULL);
    expect_error(x, 409, "idempotency_answer_gone", NULL);
    assert_int_equal(upstream_count(), 2);
}

static void who_was_only_asked_may_try_again(void **state)
{
    char headers[256];
    struct exchange *x;

    (void)state;
    (void)snprintf(headers, sizeof(headers), "%sIdempotency-Key: k1\n", bearer());
    x = ask("GET", "/v1/data/shop/flat", headers, NULL);
    answers(upstream_last(), 402, price_tag(99999), "{}");
    expect_error(x, 502, "upstream_price_too_high", NULL);
    x = ask("GET", "/v1/data/shop/flat", headers, NULL);
    answers(upstream_last(), 200, "", "gift");
    expect_status(x, 200);
}

/* ---- What is owed when it does not end well ---- */

static void an_error_after_the_payment_is_told_and_free(void **state)
{
    struct exchange *x;

    (void)state;
    answers(pays(&x, "/v1/data/shop/flat", 2500), 500, "Content-Type: a/b\n", "oh");
    expect_status(x, 500);
    expect_body(x, "oh");
    expect_spent("0");
    (void)expect_purchase(WALLET_PURCHASE_OPEN, "0.0025");
}

static void an_error_that_was_settled_is_paid_for(void **state)
{
    struct exchange *x;

    (void)state;
    answers(pays(&x, "/v1/data/shop/cost", 2500), 500, receipt(true), "oh");
    expect_status(x, 500);
    expect_spent("0.00375");
    (void)expect_purchase(WALLET_PURCHASE_PAID, "0.0025");
}

static void a_redirect_is_not_followed_with_a_payment(void **state)
{
    struct exchange *x;

    (void)state;
    answers(pays(&x, "/v1/data/shop/flat", 2500), 302,
            "Location: https://other.example/\n", "");
    expect_error(x, 502, "upstream_error", NULL);
    assert_int_equal(upstream_count(), 2);
    expect_spent("0");
    (void)expect_purchase(WALLET_PURCHASE_OPEN, "0.0025");
}

static void who_leaves_after_the_payment_pays_for_it(void **state)
{
    struct exchange *x;

    (void)state;
    (void)pays(&x, "/v1/data/shop/cost", 2500);
    leave(x);
    wait_end();
    assert_true(upstream_last()->cancelled);
    expect_spent("0.00375");
    (void)expect_purchase(WALLET_PURCHASE_OPEN, "0.0025");
}

static void who_leaves_before_the_payment_pays_nothing(void **state)
{
    struct exchange *x = get("/v1/data/shop/flat");

    (void)state;
    leave(x);
    wait_end();
    expect_spent("0");
    assert_int_equal(purchases().count, 0);
}

static void who_leaves_while_it_is_signed_pays_nothing(void **state)
{
    struct exchange *x = get("/v1/data/shop/flat");
    struct signer_job *job = NULL;

    (void)state;
    pen.keeps = true;
    answers(upstream_last(), 402, price_tag(2500), "{}");
    for (unsigned i = 0; i < TURNS_MAX && job == NULL; i++) {
        turn();
        job = __atomic_load_n(&pen.kept, __ATOMIC_SEQ_CST);
    }
    assert_non_null(job);
    leave(x);
    assert_int_equal(gate.worker.live, 1); /* it waits for what it has begun */
    put_to_paper(job);
    wait_end();
    assert_int_equal(upstream_count(), 1);
    expect_spent("0");
    (void)expect_purchase(WALLET_PURCHASE_LAPSED, "0.0025");
}

static void a_drain_waits_for_the_signer(void **state)
{
    struct exchange *x = get("/v1/data/shop/flat");
    struct signer_job *job = NULL;

    (void)state;
    pen.keeps = true;
    answers(upstream_last(), 402, price_tag(2500), "{}");
    for (unsigned i = 0; i < TURNS_MAX && job == NULL; i++) {
        turn();
        job = __atomic_load_n(&pen.kept, __ATOMIC_SEQ_CST);
    }
    assert_non_null(job);
    request_abort_all(&gate.worker);
    put_to_paper(job);
    wait_answer(x);
    expect_error(x, 503, "draining", NULL);
    (void)expect_purchase(WALLET_PURCHASE_LAPSED, "0.0025");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, shop_open, shop_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_host_that_asks_is_paid_and_the_caller_pays_the_price),
        TEST(at_cost_the_caller_pays_what_was_paid_and_the_markup),
        TEST(a_host_that_does_not_ask_is_not_paid),
        TEST(a_body_goes_with_the_payment_too),
        TEST(a_credential_of_mpp_takes_the_place_of_a_key_or_stands_beside_it),
        TEST(nothing_above_the_price_is_paid),
        TEST(a_402_without_an_offer_for_us_is_a_failure),
        TEST(without_a_key_nothing_is_paid),
        TEST(the_caps_of_the_day_hold_over_all_calls),
        TEST(what_the_signer_refuses_goes_back_to_the_caps),
        TEST(a_host_that_asks_again_gets_no_second_payment),
        TEST(no_answer_is_asked_for_once_more_with_the_same_payment),
        TEST(a_host_that_never_answers_is_not_asked_a_third_time),
        TEST(an_answer_that_breaks_off_is_not_asked_for_again),
        TEST(an_unpaid_try_is_not_repeated),
        TEST(what_was_never_sent_goes_back_to_the_caps),
        TEST(a_repeat_of_a_refused_purchase_buys_nothing),
        TEST(who_was_only_asked_may_try_again),
        TEST(an_error_after_the_payment_is_told_and_free),
        TEST(an_error_that_was_settled_is_paid_for),
        TEST(a_redirect_is_not_followed_with_a_payment),
        TEST(who_leaves_after_the_payment_pays_for_it),
        TEST(who_leaves_before_the_payment_pays_nothing),
        TEST(who_leaves_while_it_is_signed_pays_nothing),
        TEST(a_drain_waits_for_the_signer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

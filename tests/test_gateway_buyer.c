/* SPDX-License-Identifier: Apache-2.0 */
/* Which offer of another seller's 402 is taken, which never, and what is sent for it.
 */
#include "gateway/settle/buyer.h"

#include "base/clock.h"
#include "base/codec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char url[] = "https://seller.example/data?q=1";
static const char usdc_text[] = "0x036CbD53842c5426634e7929541eC2318f3dCF7e";
static const char seller_text[] = "0x209693Bc6afc0C5328bA36FaF03C514EF312287C";
static const uint64_t now_us = 1800000000000000;

/* What the seller says, and what we say of ourselves. */
struct world {
    struct arena *a;
    struct x402_offer offers[X402_OFFERS_MAX];
    struct x402_required required;
    struct mpp_challenge challenge;
    struct mpp_request request;
    struct http_header headers[4];
    size_t header_count;
    struct buf body;
    struct config_payments payments;
    struct config_network network;
    struct buyer_terms terms;
    struct buyer_deal deal;
    uint8_t key[X402_KEY_LEN];
    struct x402_address payer;
};

static struct x402_address address(const char *text)
{
    struct x402_address out;

    assert_int_equal(x402_address_parse(&out, slice_str(text)), RC_OK);
    return out;
}

static struct money usd(const char *text)
{
    struct money out;

    assert_int_equal(money_parse(&out, slice_str(text)), RC_OK);
    return out;
}

static struct x402_offer offer_of(uint64_t amount)
{
    return (struct x402_offer){.chain_id = 84532,
                               .amount = x402_u256_from_u64(amount),
                               .asset = address(usdc_text),
                               .pay_to = address(seller_text),
                               .timeout_s = 60,
                               .name = SLICE("USDC"),
                               .version = SLICE("2")};
}

static int set_up(void **state)
{
    static struct world w;

    memset(&w, 0, sizeof(w));
    w.required.resource.url = slice_str(url);
    w.required.offers = w.offers;
    w.request = (struct mpp_request){.amount = x402_u256_from_u64(1000),
                                     .currency = slice_str(usdc_text),
                                     .recipient = slice_str(seller_text),
                                     .chain_id = 84532,
                                     .decimals = 6,
                                     .takes_authorization = true};
    w.challenge = (struct mpp_challenge){.realm = SLICE("seller.example"),
                                         .method = SLICE("evm"),
                                         .intent = SLICE("charge"),
                                         .expires = SLICE("2027-01-15T08:05:00Z")};
    w.payments.buyer.max_per_payment = usd("1");
    w.terms = (struct buyer_terms){.payments = &w.payments,
                                   .max = usd("1"),
                                   .url = slice_str(url),
                                   .now_us = now_us};
    w.key[31] = 1;
    buf_init(&w.body, 1 << 20);
    assert_int_equal(x402_curve_address(&w.payer, w.key), RC_OK);
    *state = &w;
    return arena_open(&w.a, 1 << 20) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    buf_free(&w->body);
    arena_close(w->a);
    return 0;
}

static void offer(struct world *w, struct x402_offer o)
{
    w->offers[w->required.offer_count++] = o;
}

static void header(struct world *w, const char *name, struct slice value)
{
    w->headers[w->header_count++] = (struct http_header){slice_str(name), value};
}

static void says_v2(struct world *w)
{
    struct slice value;

    assert_int_equal(x402_v2_required_print(&value, &w->required, w->a), RC_OK);
    header(w, "Payment-Required", value);
}

static void says_v1(struct world *w)
{
    struct json_out o;

    json_out_init(&o, &w->body);
    json_out_object(&o);
    json_out_kstr(&o, "title", "Payment Required");
    x402_v1_required_write(&o, &w->required);
    json_out_end_object(&o);
}

static void says_mpp(struct world *w)
{
    struct buf text;

    buf_init(&text, 16384);
    assert_int_equal(mpp_request_encode(&w->challenge.request, &w->request, w->a),
                     RC_OK);
    assert_int_equal(mpp_challenge_bind(&w->challenge,
                                        SLICE("0123456789abcdef0123456789abcdef"),
                                        w->a),
                     RC_OK);
    buf_append_str(&text, "Bearer realm=\"x\", ");
    mpp_challenge_print(&text, &w->challenge);
    header(w, "WWW-Authenticate", arena_slice(w->a, buf_slice(&text)));
    buf_free(&text);
}

static enum rc choose(struct world *w)
{
    const struct buyer_asked asked = {w->headers, w->header_count, buf_slice(&w->body)};

    return buyer_choose(&w->deal, &asked, &w->terms, w->a);
}

static struct http_header pay(struct world *w)
{
    struct http_header h;

    assert_int_equal(buyer_pay(&w->deal, &w->payer, now_us), RC_OK);
    assert_int_equal(x402_sign(&w->deal.payment, &w->deal.offer, w->key, w->a), RC_OK);
    assert_int_equal(buyer_print(&h, &w->deal, w->a), RC_OK);
    return h;
}

static void expect_amount(struct world *w, enum buyer_way way, const char *decimal)
{
    assert_int_equal(choose(w), RC_OK);
    assert_int_equal(w->deal.way, way);
    assert_int_equal(money_cmp(w->deal.amount, usd(decimal)), 0);
}

/* One offer by the header of version 2, and nothing else. */
static enum rc choose_one(struct world *w, struct x402_offer o)
{
    w->required.offer_count = 0;
    w->header_count = 0;
    buf_reset(&w->body);
    offer(w, o);
    says_v2(w);
    return choose(w);
}

/* ---- The three ways ---- */

static void a_seller_of_version_2_is_paid_what_it_asked(void **state)
{
    struct world *w = *state;
    const struct x402_rules rules = {.now_s = now_us / 1000000, .ahead_max_s = 60};
    struct x402_payment p;
    struct http_header h;

    w->required.extensions = SLICE("{\"x\":{\"info\":{\"a\":1}}}");
    offer(w, offer_of(2500));
    says_v2(w);
    expect_amount(w, BUYER_X402_V2, "0.0025");
    h = pay(w);
    assert_true(slice_equal_str(h.name, "PAYMENT-SIGNATURE"));
    assert_int_equal(x402_v2_payment_parse(&p, h.value, w->a), RC_OK);
    assert_true(x402_matches(&p, &w->offers[0]));
    assert_int_equal(x402_verify(&p, &w->offers[0], &rules), X402_VALID);
    assert_true(slice_equal(p.resource.url, slice_str(url)));
    assert_true(slice_equal(p.extensions, w->required.extensions));
}

static void a_seller_of_version_1_is_paid_what_it_asked(void **state)
{
    struct world *w = *state;
    const struct x402_rules rules = {.now_s = now_us / 1000000, .ahead_max_s = 60};
    struct x402_payment p;
    struct http_header h;

    offer(w, offer_of(2500));
    says_v1(w);
    expect_amount(w, BUYER_X402_V1, "0.0025");
    h = pay(w);
    assert_true(slice_equal_str(h.name, "X-PAYMENT"));
    assert_int_equal(x402_v1_payment_parse(&p, h.value, w->a), RC_OK);
    assert_int_equal(x402_verify(&p, &w->offers[0], &rules), X402_VALID);
}

static void a_seller_by_mpp_is_paid_what_it_asked(void **state)
{
    struct world *w = *state;
    struct mpp_credential c;
    struct http_header h;
    struct mpp_evm e;

    says_mpp(w);
    expect_amount(w, BUYER_MPP, "0.001");
    h = pay(w);
    assert_true(slice_equal_str(h.name, "Authorization"));
    assert_int_equal(mpp_credential_parse(&c, h.value, w->a), RC_OK);
    assert_int_equal(mpp_evm_read(&e, &c, w->a), MPP_NONE);
    assert_int_equal(mpp_evm_verify(&e, &c, now_us / 1000000), MPP_NONE);
    assert_true(slice_equal(c.challenge.id, w->challenge.id));
}

static void a_credential_goes_in_the_header_that_was_asked_for(void **state)
{
    static const char *const bad[] = {"Host",   "Content-Length",    "Cookie",
                                      "X-Role", "payment-x: y\r\nz", ""};
    struct world *w = *state;

    w->challenge.header = SLICE("Payment-Authorization");
    says_mpp(w);
    assert_int_equal(choose(w), RC_OK);
    assert_true(slice_equal_str(pay(w).name, "Payment-Authorization"));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        w->header_count = 0;
        w->challenge.header = slice_str(bad[i]);
        says_mpp(w);
        assert_int_equal(choose(w), RC_NOT_FOUND);
    }
}

static void no_two_payments_have_one_nonce(void **state)
{
    struct world *w = *state;
    struct x402_hash first;

    offer(w, offer_of(1));
    says_v2(w);
    assert_int_equal(choose(w), RC_OK);
    (void)pay(w);
    first = w->deal.payment.transfer.nonce;
    (void)pay(w);
    assert_false(x402_hash_equal(first, w->deal.payment.transfer.nonce));
}

/* ---- Which one ---- */

static void of_all_offers_the_cheapest_is_taken(void **state)
{
    struct world *w = *state;

    offer(w, offer_of(3000));
    says_v1(w);
    w->offers[0] = offer_of(5000);
    offer(w, offer_of(4000));
    says_v2(w);
    expect_amount(w, BUYER_X402_V1, "0.003");
    says_mpp(w);
    expect_amount(w, BUYER_MPP, "0.001");
    w->offers[0] = offer_of(999);
    w->header_count = 0;
    says_v2(w);
    says_mpp(w);
    expect_amount(w, BUYER_X402_V2, "0.000999");
}

static void of_equals_version_2_is_first_then_mpp(void **state)
{
    struct world *w = *state;

    offer(w, offer_of(1000));
    says_v1(w);
    expect_amount(w, BUYER_X402_V1, "0.001");
    says_mpp(w);
    expect_amount(w, BUYER_MPP, "0.001");
    says_v2(w);
    expect_amount(w, BUYER_X402_V2, "0.001");
}

static void of_equals_the_one_settled_after_the_work_is_taken(void **state)
{
    struct world *w = *state;

    offer(w, offer_of(1000));
    w->offers[0].flow = SLICE("upfront");
    offer(w, offer_of(1000));
    says_v2(w);
    assert_int_equal(choose(w), RC_OK);
    assert_null(w->deal.offer.flow.bytes);
    w->offers[1].amount = x402_u256_from_u64(1001);
    w->header_count = 0;
    says_v2(w);
    assert_int_equal(choose(w), RC_OK);
    assert_true(slice_equal_str(w->deal.offer.flow, "upfront"));
}

static void what_needs_an_allowance_is_taken_when_there_is_nothing_else(void **state)
{
    struct world *w = *state;

    offer(w, offer_of(10));
    w->offers[0].scheme = X402_SCHEME_UPTO;
    w->offers[0].method = X402_PERMIT2;
    w->offers[0].facilitator = address(usdc_text);
    says_v2(w);
    expect_amount(w, BUYER_X402_V2, "0.00001");
    (void)pay(w);
    offer(w, offer_of(20));
    w->offers[1].method = X402_PERMIT2;
    w->header_count = 0;
    says_v2(w);
    expect_amount(w, BUYER_X402_V2, "0.00002");
    offer(w, offer_of(30));
    w->header_count = 0;
    says_v2(w);
    expect_amount(w, BUYER_X402_V2, "0.00003");
    assert_int_equal(w->deal.offer.method, X402_EIP3009);
}

static void what_is_malformed_in_one_way_does_not_hide_the_others(void **state)
{
    struct world *w = *state;

    header(w, "PAYMENT-REQUIRED", SLICE("!!!"));
    header(w, "WWW-Authenticate", SLICE("Payment id=\"1\", id=\"2\""));
    offer(w, offer_of(7));
    says_v1(w);
    expect_amount(w, BUYER_X402_V1, "0.000007");
    buf_reset(&w->body);
    buf_append_str(&w->body, "<html>");
    assert_int_equal(choose(w), RC_NOT_FOUND);
    says_mpp(w);
    expect_amount(w, BUYER_MPP, "0.001");
}

/* ---- Money ---- */

static void nothing_above_a_cap_is_paid(void **state)
{
    struct world *w = *state;

    w->terms.max = usd("0.01");
    assert_int_equal(choose_one(w, offer_of(10000)), RC_OK);
    assert_int_equal(choose_one(w, offer_of(10001)), RC_LIMIT);
    assert_int_equal(money_cmp(w->deal.amount, usd("0.010001")), 0);
    w->terms.max = usd("100");
    assert_int_equal(choose_one(w, offer_of(1000000)), RC_OK);
    assert_int_equal(choose_one(w, offer_of(1000001)), RC_LIMIT);
    assert_int_equal(choose_one(w, offer_of(0)), RC_NOT_FOUND);
    offer(w, offer_of(5000000));
    offer(w, offer_of(3000000));
    w->header_count = 0;
    says_v2(w);
    assert_int_equal(choose(w), RC_LIMIT);
    assert_int_equal(money_cmp(w->deal.amount, usd("3")), 0);
}

static void an_amount_beyond_all_money_is_too_dear_and_never_wraps(void **state)
{
    struct world *w = *state;
    struct x402_offer o = offer_of(0);

    w->terms.max = money_from_nano(UINT64_MAX - 1);
    w->payments.buyer.max_per_payment = w->terms.max;
    memset(o.amount.bytes, 0xff, sizeof(o.amount.bytes));
    assert_int_equal(choose_one(w, o), RC_LIMIT);
    o.amount = (struct x402_u256){{0}};
    o.amount.bytes[23] = 1; /* 2^64: one unit, if it were cut */
    o.amount.bytes[31] = 1;
    assert_int_equal(choose_one(w, o), RC_LIMIT);
}

static void an_amount_between_two_of_ours_is_rounded_up(void **state)
{
    struct world *w = *state;
    struct x402_offer o = offer_of(1);

    w->network = (struct config_network){.chain_id = 31337,
                                         .asset = address(seller_text),
                                         .asset_name = (char *)(uintptr_t) "Own",
                                         .asset_version = (char *)(uintptr_t) "1",
                                         .decimals = 18};
    w->payments.networks = &w->network;
    w->payments.network_count = 1;
    o.chain_id = 31337;
    o.asset = w->network.asset;
    o.name = SLICE("Own");
    o.version = SLICE("1");
    assert_int_equal(choose_one(w, o), RC_OK);
    assert_int_equal(money_cmp(w->deal.amount, usd("0.000000001")), 0);
}

/* ---- Tokens and chains ---- */

static void a_token_is_known_by_its_address_alone(void **state)
{
    struct world *w = *state;
    struct x402_offer o = offer_of(1);

    o.asset = address(seller_text); /* calls itself USDC */
    assert_int_equal(choose_one(w, o), RC_NOT_FOUND);
    o = offer_of(1);
    o.chain_id = 8453; /* the address of another chain's token */
    assert_int_equal(choose_one(w, o), RC_NOT_FOUND);
}

static void the_domain_that_is_signed_is_never_the_sellers(void **state)
{
    struct world *w = *state;
    struct x402_offer o = offer_of(1);

    o.name = SLICE("USD Coin");
    assert_int_equal(choose_one(w, o), RC_NOT_FOUND);
    o = offer_of(1);
    o.version = SLICE("1");
    assert_int_equal(choose_one(w, o), RC_NOT_FOUND);
    o.name = SLICE_NONE;
    o.version = SLICE_NONE;
    assert_int_equal(choose_one(w, o), RC_OK);
    assert_true(slice_equal_str(w->deal.offer.name, "USDC"));
    assert_true(slice_equal_str(w->deal.offer.version, "2"));
}

static void decimals_are_ours(void **state)
{
    struct world *w = *state;

    w->request.decimals = 18;
    says_mpp(w);
    assert_int_equal(choose(w), RC_NOT_FOUND);
    w->request.decimals = 0;
    w->header_count = 0;
    says_mpp(w);
    expect_amount(w, BUYER_MPP, "0.001");
}

static void chains_and_tokens_must_be_allowed(void **state)
{
    struct world *w = *state;
    uint64_t chains[] = {8453, 84532};
    struct x402_address assets[] = {address(seller_text), address(usdc_text)};

    w->payments.buyer.chains = chains;
    w->payments.buyer.chain_count = 1;
    assert_int_equal(choose_one(w, offer_of(1)), RC_NOT_FOUND);
    w->payments.buyer.chain_count = 2;
    assert_int_equal(choose_one(w, offer_of(1)), RC_OK);
    w->payments.buyer.assets = assets;
    w->payments.buyer.asset_count = 1;
    assert_int_equal(choose_one(w, offer_of(1)), RC_NOT_FOUND);
    w->payments.buyer.asset_count = 2;
    assert_int_equal(choose_one(w, offer_of(1)), RC_OK);
}

/* ---- Whose offer, and until when ---- */

static void an_offer_of_another_host_is_left_out(void **state)
{
    static const struct {
        const char *url;
        enum rc rc;
    } cases[] = {
        {"https://seller.example/", RC_OK},
        {"http://SELLER.example:8080/other", RC_OK}, /* behind a proxy */
        {"https://other.example/data", RC_NOT_FOUND},
        {"https://seller.example.evil/data", RC_NOT_FOUND},
        {"https://seller.example@evil/data", RC_NOT_FOUND},
        {"https://evil?seller.example", RC_NOT_FOUND},
        {"https://evil#seller.example", RC_NOT_FOUND},
        {"/data", RC_NOT_FOUND},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        w->required.resource.url = slice_str(cases[i].url);
        assert_int_equal(choose_one(w, offer_of(1)), cases[i].rc);
        w->header_count = 0;
        says_v1(w);
        assert_int_equal(choose(w), cases[i].rc);
    }
}

static void a_realm_of_another_host_is_left_out(void **state)
{
    static const struct {
        const char *realm;
        enum rc rc;
    } cases[] = {
        {"Seller.Example", RC_OK},
        {"seller.example:443", RC_OK},
        {"Paid data", RC_OK},
        {"api", RC_OK},
        {"other.example", RC_NOT_FOUND},
        {"localhost", RC_NOT_FOUND},
    };
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        w->header_count = 0;
        w->challenge.realm = slice_str(cases[i].realm);
        says_mpp(w);
        assert_int_equal(choose(w), cases[i].rc);
    }
}

static void a_challenge_for_another_body_is_left_out(void **state)
{
    struct world *w = *state;
    char digest[MPP_DIGEST_SIZE];

    w->terms.body = SLICE("{\"q\":1}");
    assert_int_equal(mpp_digest_print(digest, w->terms.body, w->a), RC_OK);
    w->challenge.digest = slice_str(digest);
    says_mpp(w);
    assert_int_equal(choose(w), RC_OK);
    w->terms.body = SLICE("{\"q\":2}");
    assert_int_equal(choose(w), RC_NOT_FOUND);
}

static void no_payment_is_open_for_long(void **state)
{
    static const struct {
        const char *expires;
        enum rc rc;
    } cases[] = {
        {"2027-01-15T08:05:00Z", RC_OK},
        {"2027-01-15T08:00:06Z", RC_NOT_FOUND},
        {"2027-01-15T07:59:59Z", RC_NOT_FOUND},
        {"2027-01-15T09:00:01Z", RC_NOT_FOUND},
        {"soon", RC_NOT_FOUND},
    };
    struct world *w = *state;
    struct x402_offer o = offer_of(1);

    o.timeout_s = 6;
    assert_int_equal(choose_one(w, o), RC_NOT_FOUND);
    o.timeout_s = UINT64_MAX / 2;
    assert_int_equal(choose_one(w, o), RC_OK);
    (void)pay(w);
    assert_int_equal(
        x402_u256_cmp(w->deal.payment.transfer.valid_before,
                      x402_u256_from_u64(now_us / 1000000 + BUYER_WINDOW_S)),
        0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        w->header_count = 0;
        w->challenge.expires = slice_str(cases[i].expires);
        says_mpp(w);
        assert_int_equal(choose(w), cases[i].rc);
    }
    w->header_count = 0;
    w->challenge.expires = SLICE_NONE;
    says_mpp(w);
    assert_int_equal(choose(w), RC_NOT_FOUND);
}

static void offers_that_we_do_not_understand_are_left_out(void **state)
{
    struct world *w = *state;
    struct x402_offer o = offer_of(1);

    o.flow = SLICE("escrow");
    assert_int_equal(choose_one(w, o), RC_NOT_FOUND);
    o = offer_of(1);
    o.pay_to = (struct x402_address){{0}};
    assert_int_equal(choose_one(w, o), RC_NOT_FOUND);
    o = offer_of(1);
    o.scheme = X402_SCHEME_UPTO;
    o.method = X402_PERMIT2;
    assert_int_equal(choose_one(w, o), RC_NOT_FOUND); /* no facilitator */
    w->header_count = 0;
    w->request.takes_authorization = false;
    says_mpp(w);
    w->request.takes_authorization = true;
    w->challenge.method = SLICE("tempo");
    says_mpp(w);
    assert_int_equal(choose(w), RC_NOT_FOUND);
}

/* ---- Receipts ---- */

static void expect_receipt(struct world *w, enum buyer_way way, const char *name,
                           struct slice value, const char *reference)
{
    const struct http_header h = {slice_str(name), value};
    struct buyer_receipt r;

    w->deal.way = way;
    buyer_receipt(&r, &w->deal, &h, 1, w->a);
    assert_int_equal(r.present, reference != NULL);
    assert_string_equal(r.reference, reference != NULL ? reference : "");
}

static void receipts_are_read_as_the_payment_was_made(void **state)
{
    struct world *w = *state;
    struct x402_receipt r = {
        .success = true, .transaction = SLICE("0xabc"), .chain_id = 84532};
    const struct mpp_receipt m = {.method = SLICE("evm"),
                                  .reference = SLICE("0xdef"),
                                  .timestamp = SLICE("2027-01-15T08:00:00Z")};
    struct slice text;

    assert_int_equal(x402_v2_receipt_print(&text, &r, w->a), RC_OK);
    expect_receipt(w, BUYER_X402_V2, "payment-response", text, "0xabc");
    expect_receipt(w, BUYER_X402_V1, "payment-response", text, NULL);
    expect_receipt(w, BUYER_X402_V2, "payment-response", SLICE("e30="), NULL);
    assert_int_equal(x402_v1_receipt_print(&text, &r, w->a), RC_OK);
    expect_receipt(w, BUYER_X402_V1, "X-Payment-Response", text, "0xabc");
    assert_int_equal(mpp_receipt_print(&text, &m, w->a), RC_OK);
    expect_receipt(w, BUYER_MPP, "Payment-Receipt", text, "0xdef");
    r.transaction = SLICE("a\nb");
    assert_int_equal(x402_v2_receipt_print(&text, &r, w->a), RC_OK);
    expect_receipt(w, BUYER_X402_V2, "payment-response", text, "");
}

static void a_failure_says_why(void **state)
{
    struct world *w = *state;
    const struct x402_receipt r = {.reason = SLICE("insufficient_funds"),
                                   .transaction = SLICE(""),
                                   .chain_id = 84532};
    struct http_header h = {.name = SLICE("PAYMENT-RESPONSE")};
    struct buyer_receipt got;

    assert_int_equal(x402_v2_receipt_print(&h.value, &r, w->a), RC_OK);
    buyer_receipt(&got, &w->deal, &h, 1, w->a);
    assert_true(got.present && !got.success);
    assert_string_equal(got.reason, "insufficient_funds");
}

static void hosts_are_cut_out_of_urls(void **state)
{
    static const char *const cases[][2] = {
        {"https://a.example", "a.example"},
        {"http://a:1/b?c#d", "a"},
        {"http://[::1]:80/x", "::1"},
        {"http://a?b", "a"},
        {"https://user@a.example/", ""},
        {"a.example", ""},
        {"https://", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_true(slice_equal_str(buyer_host(slice_str(cases[i][0])), cases[i][1]));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static int start(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {1};

    (void)state;
    return x402_curve_start(seed) == RC_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    x402_curve_stop();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_seller_of_version_2_is_paid_what_it_asked),
        TEST(a_seller_of_version_1_is_paid_what_it_asked),
        TEST(a_seller_by_mpp_is_paid_what_it_asked),
        TEST(a_credential_goes_in_the_header_that_was_asked_for),
        TEST(no_two_payments_have_one_nonce),
        TEST(of_all_offers_the_cheapest_is_taken),
        TEST(of_equals_version_2_is_first_then_mpp),
        TEST(of_equals_the_one_settled_after_the_work_is_taken),
        TEST(what_needs_an_allowance_is_taken_when_there_is_nothing_else),
        TEST(what_is_malformed_in_one_way_does_not_hide_the_others),
        TEST(nothing_above_a_cap_is_paid),
        TEST(an_amount_beyond_all_money_is_too_dear_and_never_wraps),
        TEST(an_amount_between_two_of_ours_is_rounded_up),
        TEST(a_token_is_known_by_its_address_alone),
        TEST(the_domain_that_is_signed_is_never_the_sellers),
        TEST(decimals_are_ours),
        TEST(chains_and_tokens_must_be_allowed),
        TEST(an_offer_of_another_host_is_left_out),
        TEST(a_realm_of_another_host_is_left_out),
        TEST(a_challenge_for_another_body_is_left_out),
        TEST(no_payment_is_open_for_long),
        TEST(offers_that_we_do_not_understand_are_left_out),
        TEST(receipts_are_read_as_the_payment_was_made),
        TEST(a_failure_says_why),
        TEST(hosts_are_cut_out_of_urls),
    };

    return cmocka_run_group_tests(tests, start, stop);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Verdicts: every published payment is good, every forged one is bad for the published
 * reason, and each signed word counts. Our own signatures are the published ones. */
#include "x402/verify.h"

#include "tests/vectors.h"
#include "x402/header_v1.h"
#include "x402/header_v2.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct world {
    struct json_object *vectors;
    struct arena *a;
    struct x402_rules rules;
};

static int set_up(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {7};
    static struct world w;

    w.vectors = vectors_open("x402.json");
    w.rules = (struct x402_rules){
        .now_s = vector_u64(vector_member(w.vectors, "meta"), "clock_unix")};
    *state = &w;
    if (x402_curve_start(seed) != RC_OK)
        return -1;
    return arena_open(&w.a, 16 << 20) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    arena_close(w->a);
    json_put(w->vectors);
    x402_curve_stop();
    return 0;
}

static struct x402_offer read_offer(struct world *w, struct json_object *v)
{
    const char *json = json_object_to_json_string(vector_member(v, "requirements_v2"));
    struct x402_offer offer;

    assert_int_equal(
        x402_v2_offer_read(&offer, arena_slice(w->a, slice_str(json)), w->a), RC_OK);
    return offer;
}

static struct x402_payment read_payment(struct world *w, struct json_object *v)
{
    struct x402_payment p;

    assert_int_equal(
        x402_v2_payment_parse(&p, vector_text(v, "PAYMENT_SIGNATURE"), w->a), RC_OK);
    return p;
}

static const char *const lists[] = {"exact_eip3009", "exact_permit2", "upto_permit2"};

static void published_payments_are_good(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct json_object *list = vector_list(w->vectors, lists[i]);

        for (size_t k = 0; k < json_array_count(list); k++) {
            struct json_object *v = json_array_at(list, k);
            const struct x402_offer offer = read_offer(w, v);
            struct x402_payment p = read_payment(w, v);
            struct slice header;

            assert_true(x402_matches(&p, &offer));
            assert_int_equal(x402_verify(&p, &offer, &w->rules), X402_VALID);
            if (json_get_string(&header, v, "X_PAYMENT") != RC_OK)
                continue;
            assert_int_equal(x402_v1_payment_parse(&p, header, w->a), RC_OK);
            assert_true(x402_matches(&p, &offer));
            assert_int_equal(x402_verify(&p, &offer, &w->rules), X402_VALID);
        }
    }
}

/* The reference takes two of them, a signature with a high s and one with v of 0 or 1,
 * which the token then refuses: they have no published reason, but ours is that. */
static void forged_payments_are_bad_for_the_published_reason(void **state)
{
    struct world *w = *state;
    struct json_object *list = vector_list(w->vectors, "negative");
    unsigned bad = 0;

    for (size_t i = 0; i < json_array_count(list); i++) {
        struct json_object *v = json_array_at(list, i);
        const struct x402_offer offer = read_offer(w, v);
        const struct x402_payment p = read_payment(w, v);
        const enum x402_verdict verdict = x402_verify(&p, &offer, &w->rules);
        struct slice reason;

        if (slice_equal_str(vector_text(v, "expect"), "valid")) {
            assert_int_equal(verdict, X402_VALID);
            continue;
        }
        if (json_get_string(&reason, v, "expect_reason_reference") != RC_OK)
            reason = SLICE("invalid_exact_evm_signature");
        assert_true(slice_equal_str(reason, x402_verdict_reason(verdict)));
        bad++;
    }
    assert_int_equal(bad, 25);
}

static struct json_object *first(struct world *w, const char *list)
{
    return json_array_at(vector_list(w->vectors, list), 0);
}

/* Each word of a transfer and of its domain, changed alone, where the offer is changed
 * with it so that only the curve can tell. */
static void every_signed_word_of_a_transfer_counts(void **state)
{
    struct world *w = *state;
    struct json_object *v = first(w, "exact_eip3009");
    struct x402_offer offer = read_offer(w, v);
    struct x402_payment p = read_payment(w, v);
    const struct x402_offer good_offer = offer;
    const struct x402_payment good = p;
    uint8_t *const words[] = {&p.transfer.from.bytes[19],
                              &p.transfer.to.bytes[0],
                              &p.transfer.value.bytes[31],
                              &p.transfer.valid_after.bytes[31],
                              &p.transfer.valid_before.bytes[31],
                              &p.transfer.nonce.bytes[0],
                              &offer.asset.bytes[0]};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        *words[i] ^= 1;
        offer.pay_to = p.transfer.to;
        offer.amount = p.transfer.value;
        assert_int_equal(x402_verify(&p, &offer, &w->rules), X402_BAD_SIGNATURE);
        p = good;
        offer = good_offer;
    }
    offer.chain_id = p.chain_id = 8453;
    assert_int_equal(x402_verify(&p, &offer, &w->rules), X402_BAD_SIGNATURE);
    p = good;
    offer = good_offer;
    offer.name = SLICE("USD");
    assert_int_equal(x402_verify(&p, &offer, &w->rules), X402_BAD_SIGNATURE);
}

static void every_signed_word_of_a_permit_counts(void **state)
{
    struct world *w = *state;
    struct json_object *v = first(w, "upto_permit2");
    struct x402_offer offer = read_offer(w, v);
    struct x402_payment p = read_payment(w, v);
    const struct x402_payment good = p;
    uint8_t *const words[] = {
        &p.permit.owner.bytes[0],        &p.permit.token.bytes[0],
        &p.permit.amount.bytes[31],      &p.permit.nonce.bytes[31],
        &p.permit.deadline.bytes[31],    &p.permit.to.bytes[0],
        &p.permit.facilitator.bytes[19], &p.permit.valid_after.bytes[31]};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        *words[i] ^= 1;
        offer.asset = p.permit.token;
        offer.amount = p.permit.amount;
        offer.pay_to = p.permit.to;
        offer.facilitator = p.permit.facilitator;
        assert_int_equal(x402_verify(&p, &offer, &w->rules), X402_BAD_PERMIT_SIGNATURE);
        p = good;
    }
}

/* What is signed is compared with the offer, in the order of the header. */
static void a_payment_of_something_else_is_told_why(void **state)
{
    struct world *w = *state;
    struct json_object *v = first(w, "upto_permit2");
    const struct x402_offer offer = read_offer(w, v);
    struct x402_payment p = read_payment(w, v);
    struct x402_rules rules = w->rules;

    p.permit.valid_after = x402_u256_from_u64(rules.now_s + 1);
    assert_int_equal(x402_check(&p, &offer, &rules), X402_PERMIT_TOO_EARLY);
    p.permit.deadline = x402_u256_from_u64(rules.now_s + X402_GUARD_S - 1);
    assert_int_equal(x402_check(&p, &offer, &rules), X402_PERMIT_TOO_LATE);
    p.chain_id++;
    assert_int_equal(x402_check(&p, &offer, &rules), X402_BAD_UPTO_NETWORK);
    p.permit.token.bytes[0] ^= 1;
    assert_int_equal(x402_check(&p, &offer, &rules), X402_BAD_PERMIT_TOKEN);
    p.permit.facilitator.bytes[0] ^= 1;
    assert_int_equal(x402_check(&p, &offer, &rules), X402_BAD_FACILITATOR);
    p.permit.spender.bytes[0] ^= 1;
    assert_int_equal(x402_check(&p, &offer, &rules), X402_BAD_SPENDER);
    p.permit.to.bytes[0] ^= 1;
    assert_int_equal(x402_check(&p, &offer, &rules), X402_BAD_PERMIT_RECIPIENT);
    p.permit.amount.bytes[0] ^= 1;
    assert_int_equal(x402_check(&p, &offer, &rules), X402_BAD_PERMIT_AMOUNT);
    p.signature.len--;
    assert_int_equal(x402_check(&p, &offer, &rules), X402_BAD_PERMIT_SIGNATURE);
    p.permit.kind = X402_PERMIT_EXACT;
    assert_int_equal(x402_check(&p, &offer, &rules), X402_BAD_PAYLOAD);
    p.scheme = X402_SCHEME_EXACT;
    assert_int_equal(x402_check(&p, &offer, &rules), X402_BAD_UPTO_SCHEME);
}

static void a_permit_cannot_pay_for_a_transfer(void **state)
{
    struct world *w = *state;
    const struct x402_offer offer = read_offer(w, first(w, "exact_eip3009"));
    const struct x402_payment p = read_payment(w, first(w, "exact_permit2"));

    assert_false(x402_matches(&p, &offer));
    assert_int_equal(x402_check(&p, &offer, &w->rules), X402_BAD_PAYLOAD);
}

/* One that ends in 2^256 - 1 is good on the chain, and nothing to keep nonces for. */
static void a_payment_may_not_outlive_the_rules(void **state)
{
    struct world *w = *state;
    struct json_object *v = first(w, "exact_eip3009");
    const struct x402_offer offer = read_offer(w, v);
    const struct x402_payment p = read_payment(w, v); /* ends in 300 s */
    struct json_object *endless =
        json_array_at(vector_list(w->vectors, "exact_eip3009"), 12);
    const struct x402_payment q = read_payment(w, endless);
    struct x402_rules rules = w->rules;

    rules.ahead_max_s = 300;
    assert_int_equal(x402_verify(&p, &offer, &rules), X402_VALID);
    assert_int_equal(x402_check(&q, &offer, &rules), X402_TOO_LATE);
    rules.ahead_max_s = 299;
    assert_int_equal(x402_check(&p, &offer, &rules), X402_TOO_LATE);
}

static void signatures_of_contracts_are_refused(void **state)
{
    struct world *w = *state;
    struct json_object *v = first(w, "exact_eip3009");
    const struct x402_offer offer = read_offer(w, v);
    struct x402_payment p = read_payment(w, v);
    char bytes[130];

    memset(bytes, 0x11, sizeof(bytes));
    p.signature = slice_from(bytes, sizeof(bytes));
    assert_int_equal(x402_verify(&p, &offer, &w->rules), X402_BAD_SIGNATURE);
    for (size_t i = 0; i < 32; i++)
        bytes[sizeof(bytes) - 32 + i] = (char)(i % 2 == 0 ? 0x64 : 0x92);
    assert_int_equal(x402_verify(&p, &offer, &w->rules), X402_WRAPPED_SIGNATURE);
    p.signature.len = 0;
    assert_int_equal(x402_verify(&p, &offer, &w->rules), X402_BAD_SIGNATURE);
}

static void an_echo_of_another_offer_does_not_match(void **state)
{
    struct world *w = *state;
    struct json_object *v = first(w, "exact_eip3009");
    const struct x402_offer good = read_offer(w, v);
    const struct x402_payment p = read_payment(w, v);
    struct x402_offer offer = good;
    uint8_t *const words[] = {&offer.amount.bytes[31], &offer.asset.bytes[0],
                              &offer.pay_to.bytes[0], &offer.facilitator.bytes[0]};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        *words[i] ^= 1;
        assert_false(x402_matches(&p, &offer));
        offer = good;
    }
    offer.quote = SLICE("q");
    assert_false(x402_matches(&p, &offer));
    offer = good;
    offer.timeout_s++;
    assert_false(x402_matches(&p, &offer));
    offer = good;
    offer.flow = SLICE("upfront");
    assert_false(x402_matches(&p, &offer));
    offer = good;
    offer.chain_id++;
    assert_false(x402_matches(&p, &offer));
    offer = good;
    offer.name = SLICE_NONE; /* the echo may say more than the offer */
    assert_true(x402_matches(&p, &offer));
}

static void upto_settles_at_most_its_cap_and_exact_its_amount(void **state)
{
    struct world *w = *state;
    struct json_object *v = first(w, "upto_permit2");
    struct x402_offer offer = read_offer(w, v); /* 5,000,000 */
    struct x402_payment p = read_payment(w, v);
    struct x402_u256 actual = X402_ZERO;

    assert_int_equal(x402_check_settle(&p, &offer, &actual), X402_VALID);
    actual = offer.amount;
    assert_int_equal(x402_check_settle(&p, &offer, &actual), X402_VALID);
    actual.bytes[31]++;
    assert_int_equal(x402_check_settle(&p, &offer, &actual), X402_OVER_CAP);

    v = first(w, "exact_eip3009");
    offer = read_offer(w, v);
    p = read_payment(w, v);
    actual = offer.amount;
    assert_int_equal(x402_check_settle(&p, &offer, &actual), X402_VALID);
    actual.bytes[31]--;
    assert_int_equal(x402_check_settle(&p, &offer, &actual), X402_BAD_VALUE);
}

static void our_signatures_are_the_published_ones(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct json_object *list = vector_list(w->vectors, lists[i]);

        for (size_t k = 0; k < json_array_count(list); k++) {
            struct json_object *v = json_array_at(list, k);
            const struct x402_offer offer = read_offer(w, v);
            struct x402_payment p = read_payment(w, v);
            const struct slice want = p.signature;
            uint8_t key[X402_KEY_LEN];

            vector_hex_exact(key, sizeof(key), v, "privateKey");
            p.signature = SLICE_NONE;
            assert_int_equal(x402_sign(&p, &offer, key, w->a), RC_OK);
            assert_true(slice_equal(p.signature, want));
            key[31] ^= 1;
            assert_true(x402_sign(&p, &offer, key, w->a) == RC_BAD_INPUT);
        }
    }
}

/* From the offer to the header, byte for byte what the reference client sends. */
static void our_payments_are_the_published_ones(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct json_object *v = first(w, lists[i]);
        const struct x402_offer offer = read_offer(w, v);
        const struct x402_payment want = read_payment(w, v);
        struct x402_hash nonce;
        struct x402_payment p;
        struct slice header;
        uint8_t key[X402_KEY_LEN];

        vector_hex_exact(key, sizeof(key), v, "privateKey");
        x402_payment_nonce(&nonce, &want);
        assert_int_equal(
            x402_pay(&p, &offer, x402_payer(&want), &nonce, w->rules.now_s), RC_OK);
        assert_int_equal(x402_sign(&p, &offer, key, w->a), RC_OK);
        p.accepted.raw = SLICE_NONE;
        p.resource = want.resource;
        assert_int_equal(x402_v2_payment_print(&header, &p, w->a), RC_OK);
        assert_true(slice_equal(header, vector_text(v, "PAYMENT_SIGNATURE")));
    }
}

static void a_token_without_a_domain_cannot_be_paid(void **state)
{
    struct world *w = *state;
    struct x402_offer offer = read_offer(w, first(w, "exact_eip3009"));
    const struct x402_hash nonce = {{1}};
    const struct x402_address from = {{1}};
    struct x402_payment p;

    offer.version = SLICE_NONE;
    assert_int_equal(x402_pay(&p, &offer, &from, &nonce, 1), RC_BAD_INPUT);
}

static void reasons_are_stable_and_distinct(void **state)
{
    (void)state;
    assert_string_equal(x402_verdict_reason(X402_VALID), "");
    for (unsigned i = 1; i < X402_VERDICT__COUNT; i++) {
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(x402_verdict_reason((enum x402_verdict)i),
                                    x402_verdict_reason((enum x402_verdict)k));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(published_payments_are_good),
        TEST(forged_payments_are_bad_for_the_published_reason),
        TEST(every_signed_word_of_a_transfer_counts),
        TEST(every_signed_word_of_a_permit_counts),
        TEST(a_payment_of_something_else_is_told_why),
        TEST(a_permit_cannot_pay_for_a_transfer),
        TEST(a_payment_may_not_outlive_the_rules),
        TEST(signatures_of_contracts_are_refused),
        TEST(an_echo_of_another_offer_does_not_match),
        TEST(upto_settles_at_most_its_cap_and_exact_its_amount),
        TEST(our_signatures_are_the_published_ones),
        TEST(our_payments_are_the_published_ones),
        TEST(a_token_without_a_domain_cannot_be_paid),
        TEST(reasons_are_stable_and_distinct),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of a payment: everything that was signed and sent comes back, nothing
 * else is taken for it. */
#include "gateway/settle/details.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char signature[65] = "the sixty-five bytes of a signature";

/* A value for every field, none like another. */
static void fill(void *bytes, size_t len, uint8_t first)
{
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)(first + 7 * i);
}

static struct details transfer(void)
{
    struct details d = {.block = 77, .topup = true};

    d.payment.version = 2;
    d.payment.chain_id = d.offer.chain_id = 84532;
    fill(&d.payment.transfer, sizeof(d.payment.transfer), 3);
    d.payment.signature = slice_from(signature, sizeof(signature));
    d.payment.resource.url = SLICE("https://toll.example/v1/data");
    fill(&d.offer.amount, sizeof(d.offer.amount), 5);
    fill(&d.offer.asset, sizeof(d.offer.asset), 7);
    fill(&d.offer.pay_to, sizeof(d.offer.pay_to), 9);
    d.offer.timeout_s = 300;
    d.offer.name = SLICE("USDC");
    d.offer.version = SLICE("2");
    d.offer.flow = SLICE("upfront");
    fill(&d.amount, sizeof(d.amount), 11);
    d.tx.sent = true;
    fill(&d.tx.hash, sizeof(d.tx.hash), 13);
    d.tx.account_nonce = 5;
    d.tx.max_fee_wei = 6;
    d.tx.priority_wei = 7;
    d.tx.gas_limit = 8;
    d.tx.tries = 9;
    fill(d.fingerprint, sizeof(d.fingerprint), 15);
    (void)snprintf(d.reason, sizeof(d.reason), "permit2_invalid_nonce");
    return d;
}

static struct details permit(void)
{
    struct details d = transfer();

    memset(&d.payment.transfer, 0, sizeof(d.payment.transfer));
    d.payment.method = d.offer.method = X402_PERMIT2;
    d.payment.scheme = d.offer.scheme = X402_SCHEME_UPTO;
    fill(&d.payment.permit.owner, sizeof(d.payment.permit.owner), 21);
    fill(&d.payment.permit.token, sizeof(d.payment.permit.token), 22);
    fill(&d.payment.permit.amount, sizeof(d.payment.permit.amount), 23);
    fill(&d.payment.permit.spender, sizeof(d.payment.permit.spender), 24);
    fill(&d.payment.permit.nonce, sizeof(d.payment.permit.nonce), 25);
    fill(&d.payment.permit.deadline, sizeof(d.payment.permit.deadline), 26);
    fill(&d.payment.permit.to, sizeof(d.payment.permit.to), 27);
    fill(&d.payment.permit.facilitator, sizeof(d.payment.permit.facilitator), 28);
    fill(&d.payment.permit.valid_after, sizeof(d.payment.permit.valid_after), 29);
    d.payment.permit.kind = X402_PERMIT_UPTO;
    fill(&d.offer.facilitator, sizeof(d.offer.facilitator), 28);
    d.facilitated = true;
    d.dead = true;
    d.told = true;
    return d;
}

static void assert_same(const struct details *a, const struct details *b)
{
    assert_true(details_same(&a->payment, &b->payment));
    assert_int_equal(a->payment.version, b->payment.version);
    assert_int_equal(a->payment.scheme, b->payment.scheme);
    assert_true(slice_equal(a->payment.signature, b->payment.signature));
    assert_true(slice_equal(a->payment.resource.url, b->payment.resource.url));
    assert_int_equal(a->offer.scheme, b->offer.scheme);
    assert_int_equal(a->offer.method, b->offer.method);
    assert_int_equal(a->offer.chain_id, b->offer.chain_id);
    assert_memory_equal(&a->offer.amount, &b->offer.amount, 32);
    assert_memory_equal(&a->offer.asset, &b->offer.asset, 20);
    assert_memory_equal(&a->offer.pay_to, &b->offer.pay_to, 20);
    assert_memory_equal(&a->offer.facilitator, &b->offer.facilitator, 20);
    assert_int_equal(a->offer.timeout_s, b->offer.timeout_s);
    assert_true(slice_equal(a->offer.name, b->offer.name));
    assert_true(slice_equal(a->offer.version, b->offer.version));
    assert_true(slice_equal(a->offer.flow, b->offer.flow));
    assert_memory_equal(&a->amount, &b->amount, 32);
    assert_int_equal(a->tx.sent, b->tx.sent);
    assert_memory_equal(&a->tx.hash, &b->tx.hash, 32);
    assert_int_equal(a->tx.account_nonce, b->tx.account_nonce);
    assert_int_equal(a->tx.max_fee_wei, b->tx.max_fee_wei);
    assert_int_equal(a->tx.priority_wei, b->tx.priority_wei);
    assert_int_equal(a->tx.gas_limit, b->tx.gas_limit);
    assert_int_equal(a->tx.tries, b->tx.tries);
    assert_int_equal(a->block, b->block);
    assert_memory_equal(a->fingerprint, b->fingerprint, 32);
    assert_int_equal(a->topup, b->topup);
    assert_int_equal(a->facilitated, b->facilitated);
    assert_int_equal(a->own, b->own);
    assert_int_equal(a->dead, b->dead);
    assert_int_equal(a->told, b->told);
    assert_string_equal(a->reason, b->reason);
}

static void there_and_back(const struct details *d)
{
    uint8_t bytes[WALLET_PAYMENT_DETAILS_MAX];
    struct details again;
    uint16_t len;

    assert_int_equal(details_encode(bytes, &len, d), RC_OK);
    assert_int_equal(details_decode(&again, slice_from((char *)bytes, len)), RC_OK);
    assert_same(d, &again);
    assert_memory_equal(&d->payment.transfer, &again.payment.transfer,
                        sizeof(again.payment.transfer));
}

static void all_of_it_comes_back(void **state)
{
    struct details t = transfer();
    struct details p = permit();

    (void)state;
    there_and_back(&t);
    there_and_back(&p);
    t.facilitated = t.own = true;
    there_and_back(&t);
}

static void what_is_cut_or_longer_is_corrupt(void **state)
{
    const struct details all[] = {transfer(), permit()};
    uint8_t bytes[WALLET_PAYMENT_DETAILS_MAX + 1] = {0};
    struct details d;
    uint16_t len;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(details_encode(bytes, &len, &all[i]), RC_OK);
        for (size_t cut = 0; cut < len; cut++)
            assert_int_equal(details_decode(&d, slice_from((char *)bytes, cut)),
                             RC_CORRUPT);
        bytes[len] = 0;
        assert_int_equal(details_decode(&d, slice_from((char *)bytes, len + 1u)),
                         RC_CORRUPT);
    }
}

/* Whatever is flipped, either it is refused or it means something else. */
static void no_two_texts_mean_the_same(void **state)
{
    const struct details t = permit();
    uint8_t bytes[WALLET_PAYMENT_DETAILS_MAX];
    uint8_t again[WALLET_PAYMENT_DETAILS_MAX];
    uint16_t len, len_again;
    unsigned refused = 0;

    (void)state;
    assert_int_equal(details_encode(bytes, &len, &t), RC_OK);
    for (size_t bit = 0; bit < 8u * len; bit++) {
        struct details d;

        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (details_decode(&d, slice_from((char *)bytes, len)) == RC_OK) {
            assert_int_equal(details_encode(again, &len_again, &d), RC_OK);
            assert_int_equal(len_again, len);
            assert_memory_equal(again, bytes, len);
        } else {
            refused++;
        }
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(refused > 8 * 8);
}

static void what_does_not_fit_is_refused(void **state)
{
    static char many[X402_SIGNATURE_MAX + 1];
    uint8_t bytes[WALLET_PAYMENT_DETAILS_MAX];
    struct details d = transfer();
    uint16_t len = 1;

    (void)state;
    d.offer.name = slice_from(many, DETAILS_TEXT_MAX + 1);
    assert_int_equal(details_encode(bytes, &len, &d), RC_TOO_BIG);
    d.offer.name = slice_from(many, DETAILS_TEXT_MAX);
    assert_int_equal(details_encode(bytes, &len, &d), RC_OK);
    d.payment.signature = slice_from(many, X402_SIGNATURE_MAX + 1);
    assert_int_equal(details_encode(bytes, &len, &d), RC_TOO_BIG);
    d.payment.signature = slice_from(many, X402_SIGNATURE_MAX);
    d.offer.version = d.offer.flow = d.offer.name;
    assert_int_equal(details_encode(bytes, &len, &d), RC_TOO_BIG);
}

static void a_payment_for_another_offer_is_refused(void **state)
{
    uint8_t bytes[WALLET_PAYMENT_DETAILS_MAX];
    struct details d = transfer();
    uint16_t len;

    (void)state;
    d.offer.method = X402_PERMIT2;
    assert_int_equal(details_encode(bytes, &len, &d), RC_BAD_INPUT);
    d = transfer();
    d.offer.chain_id++;
    assert_int_equal(details_encode(bytes, &len, &d), RC_BAD_INPUT);
    d = transfer();
    d.offer.scheme = X402_SCHEME_UPTO;
    assert_int_equal(details_encode(bytes, &len, &d), RC_BAD_INPUT);
}

/* The high-s twin of a signature pays the same; another amount does not. */
static void the_same_is_what_signs_the_same(void **state)
{
    struct details a = transfer(), b = transfer();

    (void)state;
    b.payment.signature = SLICE("another");
    assert_true(details_same(&a.payment, &b.payment));
    b.payment.transfer.value.bytes[31] ^= 1;
    assert_false(details_same(&a.payment, &b.payment));
    b = permit();
    assert_false(details_same(&a.payment, &b.payment));
    a = permit();
    b.payment.permit.to.bytes[0] ^= 1;
    assert_false(details_same(&a.payment, &b.payment));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_comes_back),
        cmocka_unit_test(what_is_cut_or_longer_is_corrupt),
        cmocka_unit_test(no_two_texts_mean_the_same),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(a_payment_for_another_offer_is_refused),
        cmocka_unit_test(the_same_is_what_signs_the_same),
    };

    return cmocka_run_group_tests_name("gateway/settle/details", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures: made byte for byte as published, and taken in one form only. */
#include "x402/x402.h"

#include "base/codec.h"
#include "tests/prng.h"
#include "tests/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char order_text[] =
    "0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
static const char half_order_text[] =
    "0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0";

static struct json_object *vectors;

static int start(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {1, 2, 3};

    (void)state;
    vectors = vectors_open("x402.json");
    return x402_curve_start(seed) == RC_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    x402_curve_stop();
    x402_curve_stop(); /* twice is fine */
    json_put(vectors);
    return 0;
}

static struct x402_u256 word(const char *text)
{
    struct x402_u256 v;

    assert_int_equal(x402_u256_parse_quantity(&v, slice_str(text)), RC_OK);
    return v;
}

/* A published signature and what it signs. */
struct sample {
    struct x402_hash digest;
    struct x402_signature signature;
    struct x402_address signer;
    uint8_t bytes[X402_SIGNATURE_LEN];
    uint8_t key[X402_KEY_LEN];
};

static struct slice slice_of(const uint8_t *bytes, size_t len)
{
    return slice_from((const char *)bytes, len);
}

static struct sample sample_from(struct json_object *v)
{
    struct sample s;

    vector_hex_exact(s.digest.bytes, sizeof(s.digest.bytes), v, "digest");
    vector_hex_exact(s.bytes, sizeof(s.bytes), v, "signature");
    vector_hex_exact(s.key, sizeof(s.key), v, "privateKey");
    assert_int_equal(x402_address_parse(&s.signer, vector_text(v, "address")), RC_OK);
    assert_int_equal(x402_signature_read(&s.signature,
                                         slice_of(s.bytes, sizeof(s.bytes)),
                                         X402_V_PAYMENT),
                     RC_OK);
    return s;
}

static struct sample first_sample(void)
{
    return sample_from(json_array_at(vector_list(vectors, "exact_eip3009"), 0));
}

static void check_sample(struct json_object *v)
{
    struct sample s = sample_from(v);
    struct x402_signature made;
    struct x402_address found;
    uint8_t bytes[X402_SIGNATURE_LEN];

    assert_int_equal(x402_curve_sign(&made, &s.digest, s.key), RC_OK);
    x402_signature_write(bytes, &made);
    assert_memory_equal(bytes, s.bytes, sizeof(bytes));
    assert_int_equal(x402_curve_recover(&found, &s.digest, &s.signature), RC_OK);
    assert_true(x402_address_equal(&found, &s.signer));
    assert_true(x402_curve_signed_by(&s.digest, &s.signature, &s.signer));
}

static void signatures_are_the_published_ones(void **state)
{
    static const char *const lists[] = {"exact_eip3009", "exact_permit2",
                                        "upto_permit2"};

    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct json_object *list = vector_list(vectors, lists[i]);

        for (size_t j = 0; j < json_array_count(list); j++)
            check_sample(json_array_at(list, j));
    }
}

static void keys_have_the_published_addresses(void **state)
{
    struct json_object *list = vector_list(vectors, "addresses");

    (void)state;
    for (size_t i = 0; i < json_array_count(list); i++) {
        struct json_object *v = json_array_at(list, i);
        uint8_t expected[X402_PUBLIC_KEY_LEN];
        uint8_t public_key[X402_PUBLIC_KEY_LEN];
        uint8_t key[X402_KEY_LEN];
        struct x402_address address;
        char text[X402_ADDRESS_TEXT_SIZE];

        vector_hex_exact(key, sizeof(key), v, "privateKey");
        vector_hex_exact(expected, sizeof(expected), v, "publicKey");
        assert_int_equal(x402_curve_public_key(public_key, key), RC_OK);
        assert_memory_equal(public_key, expected, sizeof(public_key));
        assert_int_equal(x402_curve_address(&address, key), RC_OK);
        x402_address_print(text, &address);
        assert_true(slice_equal_str(vector_text(v, "address"), text));
    }
}

/* Those of the published cases that are wrong by their signature's form. */
static void published_forgeries_are_no_signatures(void **state)
{
    static const char *const bad[] = {
        "mal-12-high-s", "mal-13-v-0-1",  "mal-14-compact-2098", "neg-15-bad-v",
        "neg-16-r-zero", "neg-17-s-zero", "neg-18-r-ge-n",       "neg-19-truncated"};
    struct json_object *list = vector_list(vectors, "negative");
    size_t found = 0;

    (void)state;
    for (size_t i = 0; i < json_array_count(list); i++) {
        struct json_object *v = json_array_at(list, i);
        struct slice id = vector_text(v, "id");
        struct json_object *payload =
            vector_member(vector_member(v, "payload_v2"), "payload");
        struct x402_signature s;

        for (size_t j = 0; j < sizeof(bad) / sizeof(bad[0]); j++)
            if (slice_equal_str(id, bad[j])) {
                found++;
                assert_int_equal(x402_signature_parse(&s,
                                                      vector_text(payload, "signature"),
                                                      X402_V_PAYMENT),
                                 RC_BAD_INPUT);
            }
    }
    assert_int_equal(found, sizeof(bad) / sizeof(bad[0]));
}

static void only_65_bytes_are_a_signature(void **state)
{
    struct sample s = first_sample();
    uint8_t longer[2 * X402_SIGNATURE_LEN] = {0};
    struct x402_signature out = {.y_parity = 7};

    (void)state;
    memcpy(longer, s.bytes, sizeof(s.bytes));
    for (size_t len = 0; len <= sizeof(longer); len++)
        if (len != X402_SIGNATURE_LEN)
            assert_int_equal(
                x402_signature_read(&out, slice_of(longer, len), X402_V_PROOF),
                RC_BAD_INPUT);
    assert_int_equal(x402_signature_read(&out, SLICE_NONE, X402_V_PROOF), RC_BAD_INPUT);
    assert_int_equal(out.y_parity, 7);
}

static void v_is_27_or_28_and_for_proofs_0_or_1(void **state)
{
    struct sample s = first_sample();
    struct slice bytes = slice_of(s.bytes, sizeof(s.bytes));
    struct x402_signature out;

    (void)state;
    for (unsigned v = 0; v < 256; v++) {
        bool payment = v == 27 || v == 28;
        bool proof = payment || v < 2;

        s.bytes[X402_SIGNATURE_LEN - 1] = (uint8_t)v;
        assert_int_equal(x402_signature_read(&out, bytes, X402_V_PAYMENT),
                         payment ? RC_OK : RC_BAD_INPUT);
        assert_int_equal(x402_signature_read(&out, bytes, X402_V_PROOF),
                         proof ? RC_OK : RC_BAD_INPUT);
        if (proof)
            assert_int_equal(out.y_parity, v < 2 ? v : v - 27);
    }
}

static void texts_are_0x_and_130_digits(void **state)
{
    struct sample s = first_sample();
    char text[2 + 2 * X402_SIGNATURE_LEN + 2] = "0x";
    struct x402_signature out;

    (void)state;
    hex_encode(text + 2, s.bytes, sizeof(s.bytes));
    assert_int_equal(x402_signature_parse(&out, slice_str(text), X402_V_PAYMENT),
                     RC_OK);
    assert_memory_equal(&out, &s.signature, sizeof(out));
    assert_int_equal(x402_signature_parse(&out, slice_str(text + 2), X402_V_PAYMENT),
                     RC_BAD_INPUT);
    assert_int_equal(x402_signature_parse(&out, slice_from(text, 131), X402_V_PAYMENT),
                     RC_BAD_INPUT);
    assert_int_equal(x402_signature_parse(&out, slice_from(text, 133), X402_V_PAYMENT),
                     RC_BAD_INPUT);
    text[17] = 'g';
    assert_int_equal(x402_signature_parse(&out, slice_str(text), X402_V_PAYMENT),
                     RC_BAD_INPUT);
    assert_int_equal(x402_signature_parse(&out, SLICE("0x"), X402_V_PAYMENT),
                     RC_BAD_INPUT);
    assert_int_equal(x402_signature_parse(&out, SLICE_NONE, X402_V_PAYMENT),
                     RC_BAD_INPUT);
}

/* Sets r and s and says whether that is a signature, read and recovered alike. */
static bool taken(const struct sample *s, struct x402_u256 r, struct x402_u256 low)
{
    struct x402_signature built = {r, low, s->signature.y_parity};
    uint8_t bytes[X402_SIGNATURE_LEN];
    struct x402_signature read;
    struct x402_address found;
    bool ok;

    x402_signature_write(bytes, &built);
    ok = x402_signature_read(&read, slice_of(bytes, sizeof(bytes)), X402_V_PAYMENT) ==
         RC_OK;
    if (!ok)
        assert_int_equal(x402_curve_recover(&found, &s->digest, &built), RC_BAD_INPUT);
    return ok;
}

static void r_and_s_stay_in_range(void **state)
{
    struct sample s = first_sample();
    struct x402_u256 one = x402_u256_from_u64(1);
    struct x402_u256 order = word(order_text);
    struct x402_u256 half = word(half_order_text);
    struct x402_u256 last;
    struct x402_u256 above;
    struct x402_u256 all;

    (void)state;
    memset(all.bytes, 0xff, sizeof(all.bytes));
    assert_true(x402_u256_sub(&last, order, one));
    assert_true(x402_u256_add(&above, half, one));
    assert_true(taken(&s, one, one));
    assert_true(taken(&s, last, half));
    assert_false(taken(&s, X402_ZERO, one));
    assert_false(taken(&s, order, one));
    assert_false(taken(&s, all, one));
    assert_false(taken(&s, one, X402_ZERO));
    assert_false(taken(&s, one, above));
    assert_false(taken(&s, one, last));
    assert_false(taken(&s, one, order));
    assert_false(taken(&s, one, all));
}

static void a_parity_that_is_none_is_refused(void **state)
{
    struct sample s = first_sample();
    struct x402_address found;

    (void)state;
    for (unsigned parity = 2; parity < 5; parity++) {
        s.signature.y_parity = parity;
        assert_int_equal(x402_curve_recover(&found, &s.digest, &s.signature),
                         RC_BAD_INPUT);
    }
}

static void every_changed_bit_is_another_signer(void **state)
{
    struct sample s = first_sample();
    struct slice bytes = slice_of(s.bytes, sizeof(s.bytes));
    struct x402_signature read;

    (void)state;
    for (size_t bit = 0; bit < sizeof(s.bytes) * 8; bit++) {
        s.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (x402_signature_read(&read, bytes, X402_V_PAYMENT) == RC_OK)
            assert_false(x402_curve_signed_by(&s.digest, &read, &s.signer));
        s.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < sizeof(s.digest.bytes) * 8; bit++) {
        s.digest.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(x402_curve_signed_by(&s.digest, &s.signature, &s.signer));
        s.digest.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_true(x402_curve_signed_by(&s.digest, &s.signature, &s.signer));
}

static void some_r_are_of_no_point(void **state)
{
    struct sample s = first_sample();
    unsigned none = 0;

    (void)state;
    for (uint64_t r = 1; r <= 64; r++) {
        struct x402_address found;

        s.signature.r = x402_u256_from_u64(r);
        if (x402_curve_recover(&found, &s.digest, &s.signature) == RC_BAD_INPUT)
            none++;
    }
    assert_in_range(none, 16, 48);
}

static void nobody_has_signed_anything(void **state)
{
    struct sample s = first_sample();
    struct x402_address nobody = {{0}};

    (void)state;
    assert_false(x402_curve_signed_by(&s.digest, &s.signature, &nobody));
}

static void what_is_no_key_is_refused(void **state)
{
    struct sample s = first_sample();
    struct x402_u256 bad[4] = {X402_ZERO, word(order_text)};
    struct x402_signature out = {.y_parity = 7};
    uint8_t public_key[X402_PUBLIC_KEY_LEN];
    struct x402_address address;

    (void)state;
    assert_true(x402_u256_add(&bad[2], bad[1], x402_u256_from_u64(1)));
    memset(bad[3].bytes, 0xff, sizeof(bad[3].bytes));
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(x402_curve_sign(&out, &s.digest, bad[i].bytes), RC_BAD_INPUT);
        assert_int_equal(x402_curve_public_key(public_key, bad[i].bytes), RC_BAD_INPUT);
        assert_int_equal(x402_curve_address(&address, bad[i].bytes), RC_BAD_INPUT);
    }
    assert_int_equal(out.y_parity, 7);
}

static void what_is_signed_is_recovered(void **state)
{
    struct x402_u256 half = word(half_order_text);
    struct prng p = {0x73656370};

    (void)state;
    for (int i = 0; i < 300; i++) {
        struct x402_signature s;
        struct x402_address signer;
        struct x402_hash digest;
        uint8_t key[X402_KEY_LEN];

        for (size_t j = 0; j < sizeof(key); j++) {
            key[j] = (uint8_t)prng_next(&p);
            digest.bytes[j] = (uint8_t)prng_next(&p);
        }
        key[0] &= 0x7f;
        assert_int_equal(x402_curve_address(&signer, key), RC_OK);
        assert_int_equal(x402_curve_sign(&s, &digest, key), RC_OK);
        assert_true(x402_u256_cmp(s.s, half) <= 0);
        assert_true(x402_curve_signed_by(&digest, &s, &signer));
        s.y_parity ^= 1;
        assert_false(x402_curve_signed_by(&digest, &s, &signer));
    }
}

static void blinding_changes_no_result(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {0xfe, 0xdc};

    x402_curve_stop();
    assert_int_equal(x402_curve_start(seed), RC_OK);
    signatures_are_the_published_ones(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_are_the_published_ones),
        cmocka_unit_test(keys_have_the_published_addresses),
        cmocka_unit_test(published_forgeries_are_no_signatures),
        cmocka_unit_test(only_65_bytes_are_a_signature),
        cmocka_unit_test(v_is_27_or_28_and_for_proofs_0_or_1),
        cmocka_unit_test(texts_are_0x_and_130_digits),
        cmocka_unit_test(r_and_s_stay_in_range),
        cmocka_unit_test(a_parity_that_is_none_is_refused),
        cmocka_unit_test(every_changed_bit_is_another_signer),
        cmocka_unit_test(some_r_are_of_no_point),
        cmocka_unit_test(nobody_has_signed_anything),
        cmocka_unit_test(what_is_no_key_is_refused),
        cmocka_unit_test(what_is_signed_is_recovered),
        cmocka_unit_test(blinding_changes_no_result),
    };

    return cmocka_run_group_tests(tests, start, stop);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* batch-settlement: published vouchers are read and good, and every change to one is
 * seen. */
#include "x402/x402.h"

#include "tests/x402_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <json-c/json.h>

static struct json_object *vectors;
static struct arena *arena;

static int start(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {1};

    (void)state;
    vectors = vectors_open("x402.json");
    if (arena_open(&arena, 1 << 20) != RC_OK)
        return -1;
    return x402_curve_start(seed) == RC_OK ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    x402_curve_stop();
    arena_close(arena);
    json_put(vectors);
    return 0;
}

/* A payload as a client sends it, of the index-th channel and its first voucher. */
static struct slice payload_of(size_t index, const char *type, const char *more)
{
    struct json_object *v =
        json_array_at(vector_list(vectors, "batch_settlement"), index);
    struct json_object *w = json_array_at(vector_list(v, "vouchers"), 0);
    char *text = arena_printf(
        arena,
        "{\"type\":\"%s\",\"channelConfig\":%s,\"voucher\":{\"channelId\":\"%.*s\","
        "\"maxClaimableAmount\":\"%.*s\",\"signature\":\"%.*s\"}%s}",
        type, json_object_to_json_string(vector_member(v, "channelConfig")),
        SLICE_FMT(vector_text(v, "channelId")),
        SLICE_FMT(vector_text(w, "maxClaimableAmount")),
        SLICE_FMT(vector_text(w, "signature")), more);

    assert_non_null(text);
    return slice_str(text);
}

static struct x402_batch_payment read_one(size_t index)
{
    struct x402_batch_payment p;

    assert_int_equal(x402_batch_read(&p, payload_of(index, "voucher", ""), arena),
                     RC_OK);
    return p;
}

static enum x402_batch_verdict judge(const struct x402_batch_payment *p,
                                     uint64_t charged, uint64_t amount)
{
    return x402_batch_verify(p, 84532, x402_u256_from_u64(charged),
                             x402_u256_from_u64(amount));
}

static void published_vouchers_are_good(void **state)
{
    struct x402_batch_payment p = read_one(0);

    (void)state;
    assert_int_equal(p.kind, X402_BATCH_VOUCHER);
    assert_false(p.has_amount);
    assert_int_equal(judge(&p, 0, 1000), X402_BATCH_VALID);
    assert_int_equal(judge(&p, 400, 600), X402_BATCH_VALID);
    p = read_one(1); /* of another chain */
    assert_int_equal(judge(&p, 0, 1000), X402_BATCH_BAD_CHANNEL);
    assert_int_equal(x402_batch_verify(&p, 8453, X402_ZERO, x402_u256_from_u64(1000)),
                     X402_BATCH_VALID);
}

static void a_voucher_is_for_what_is_due_and_nothing_else(void **state)
{
    struct x402_batch_payment p = read_one(0);
    struct x402_u256 most;

    (void)state;
    assert_int_equal(judge(&p, 0, 999), X402_BATCH_BAD_AMOUNT);
    assert_int_equal(judge(&p, 1000, 1), X402_BATCH_BAD_AMOUNT);
    memset(most.bytes, 0xff, sizeof(most.bytes)); /* the sum would wrap to 1000 */
    assert_int_equal(x402_batch_verify(&p, 84532, most, x402_u256_from_u64(1001)),
                     X402_BATCH_BAD_AMOUNT);
}

static void every_change_is_seen(void **state)
{
    struct x402_batch_payment p = read_one(0);

    (void)state;
    p.channel.receiver.bytes[3] ^= 1;
    assert_int_equal(judge(&p, 0, 1000), X402_BATCH_BAD_CHANNEL);
    p = read_one(0);
    p.channel.withdraw_delay_s = UINT64_C(1) << 40;
    assert_int_equal(judge(&p, 0, 1000), X402_BATCH_BAD_CHANNEL);
    p = read_one(0);
    p.voucher.channel_id.bytes[0] ^= 1;
    assert_int_equal(judge(&p, 0, 1000), X402_BATCH_BAD_CHANNEL);
    p = read_one(0);
    p.voucher.claimable = x402_u256_from_u64(1001); /* more than was signed */
    assert_int_equal(judge(&p, 0, 1001), X402_BATCH_BAD_SIGNATURE);
    p = read_one(0);
    p.signature.len--;
    assert_int_equal(judge(&p, 0, 1000), X402_BATCH_BAD_SIGNATURE);
}

static void deposits_and_refunds_say_how_much(void **state)
{
    struct x402_batch_payment p;

    (void)state;
    assert_int_equal(
        x402_batch_read(
            &p, payload_of(0, "deposit", ",\"deposit\":{\"amount\":\"10000\"}"), arena),
        RC_OK);
    assert_int_equal(p.kind, X402_BATCH_DEPOSIT);
    assert_int_equal(x402_u256_cmp(p.amount, x402_u256_from_u64(10000)), 0);
    assert_int_equal(x402_batch_read(&p, payload_of(0, "refund", ""), arena), RC_OK);
    assert_false(p.has_amount);
    assert_int_equal(
        x402_batch_read(&p, payload_of(0, "refund", ",\"amount\":\"7\""), arena),
        RC_OK);
    assert_true(p.has_amount);
}

static void what_is_malformed_is_refused(void **state)
{
    struct x402_batch_payment p;

    (void)state;
    assert_int_equal(x402_batch_read(&p, payload_of(0, "claim", ""), arena),
                     RC_NOT_FOUND);
    assert_int_equal(x402_batch_read(&p, payload_of(0, "deposit", ""), arena),
                     RC_BAD_INPUT);
    assert_int_equal(
        x402_batch_read(&p, payload_of(0, "refund", ",\"amount\":7"), arena),
        RC_BAD_INPUT);
    assert_int_equal(x402_batch_read(&p, SLICE("{\"type\":\"voucher\"}"), arena),
                     RC_BAD_INPUT);
    assert_int_equal(x402_batch_read(&p, SLICE("{}"), arena), RC_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_vouchers_are_good),
        cmocka_unit_test(a_voucher_is_for_what_is_due_and_nothing_else),
        cmocka_unit_test(every_change_is_seen),
        cmocka_unit_test(deposits_and_refunds_say_how_much),
        cmocka_unit_test(what_is_malformed_is_refused),
    };

    return cmocka_run_group_tests(tests, start, stop);
}

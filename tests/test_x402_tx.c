/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions: built, signed and hashed as published. */
#include "x402/x402.h"

#include "base/keccak.h"
#include "tests/x402_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
    KEYS_MAX = 4,
    ACCESS_MAX = 4,
    ARENA_SIZE = 1 << 20,
    EIP155_BASE = 35 /* v of a legacy transaction: 2 * chain id + 35 + parity */
};

static struct json_object *vectors;
static struct arena *arena;

static int start(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {1};

    (void)state;
    vectors = vectors_open("x402.json");
    if (arena_open(&arena, ARENA_SIZE) != RC_OK)
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

/* A published transaction with all that it points to. */
struct sample {
    struct x402_tx tx;
    struct vector_bytes data;
    struct x402_access access[ACCESS_MAX];
    struct x402_hash keys[ACCESS_MAX][KEYS_MAX];
    uint8_t key[X402_KEY_LEN];
};

static bool has(struct json_object *o, const char *key)
{
    struct slice text;

    return json_get_string(&text, o, key) == RC_OK;
}

static void read_access(struct sample *s, struct json_object *tx)
{
    struct json_object *list = NULL;

    if (json_get_array(&list, tx, "accessList") != RC_OK)
        return;
    s->tx.access = s->access;
    s->tx.access_count = json_array_count(list);
    assert_in_range(s->tx.access_count, 1, ACCESS_MAX);
    for (size_t i = 0; i < s->tx.access_count; i++) {
        struct json_object *entry = json_array_at(list, i);
        struct json_object *keys = vector_list(entry, "storageKeys");

        s->access[i] = (struct x402_access){vector_address(entry, "address"),
                                            s->keys[i], json_array_count(keys)};
        assert_in_range(s->access[i].key_count, 1, KEYS_MAX);
        for (size_t j = 0; j < s->access[i].key_count; j++)
            assert_int_equal(
                x402_hash_parse(&s->keys[i][j], vector_element_text(keys, j)), RC_OK);
    }
}

static void read_sample(struct sample *s, struct json_object *v)
{
    struct json_object *tx = vector_member(v, "tx");
    uint64_t gas_limit;

    memset(s, 0, sizeof(*s));
    vector_hex_exact(s->key, sizeof(s->key), v, "privateKey");
    if (has(tx, "data"))
        s->data = vector_hex(tx, "data");
    assert_true(x402_u256_to_u64(&gas_limit, vector_number(tx, "gas")));
    s->tx = (struct x402_tx){
        .chain_id = vector_u64(tx, "chainId"),
        .nonce = vector_u64(tx, "nonce"),
        .gas_limit = gas_limit,
        .creates = !has(tx, "to"),
        .value = vector_number(tx, "value"),
        .data = slice_from((const char *)s->data.bytes, s->data.len),
    };
    if (!s->tx.creates)
        s->tx.to = vector_address(tx, "to");
    if (has(tx, "maxFeePerGas")) {
        s->tx.max_fee = vector_number(tx, "maxFeePerGas");
        s->tx.max_priority_fee = vector_number(tx, "maxPriorityFeePerGas");
    }
    read_access(s, tx);
}

static void assert_bytes(struct slice bytes, struct json_object *o, const char *key)
{
    struct vector_bytes expected = vector_hex(o, key);

    assert_int_equal(bytes.len, expected.len);
    assert_memory_equal(bytes.bytes, expected.bytes, expected.len);
}

static void assert_hash(const struct x402_hash *h, struct json_object *o,
                        const char *key)
{
    struct x402_hash expected = vector_hash(o, key);

    assert_true(x402_hash_equal(*h, expected));
}

static void check_eip1559(struct json_object *v)
{
    struct x402_signature signature;
    struct x402_address sender;
    struct x402_hash digest;
    struct x402_hash hash;
    struct slice bytes;
    struct sample s;

    read_sample(&s, v);
    assert_int_equal(x402_tx_unsigned(&bytes, &s.tx, arena), RC_OK);
    assert_bytes(bytes, v, "unsigned");
    assert_int_equal(x402_tx_digest(&digest, &s.tx, arena), RC_OK);
    assert_hash(&digest, v, "signingHash");
    assert_int_equal(x402_curve_sign(&signature, &digest, s.key), RC_OK);
    assert_int_equal(signature.y_parity, vector_u64(v, "yParity"));
    assert_int_equal(x402_tx_signed(&bytes, &hash, &s.tx, &signature, arena), RC_OK);
    assert_bytes(bytes, v, "raw");
    assert_hash(&hash, v, "txHash");
    sender = vector_address(v, "from");
    assert_true(x402_curve_signed_by(&digest, &signature, &sender));
}

/* The old form is only read here, never made; it proves RLP and curve on another
 * layout. The signature stands in the place of chain id, 0 and 0 (EIP-155). */
static struct slice legacy(uint8_t *room, size_t size, const struct sample *s,
                           struct x402_u256 gas_price, const struct x402_signature *sig)
{
    struct x402_rlp_out o;
    uint64_t v = s->tx.chain_id;

    x402_rlp_begin(&o, room, size);
    if (sig != NULL)
        v = 2 * v + EIP155_BASE + sig->y_parity;
    x402_rlp_put_number(&o, sig == NULL ? X402_ZERO : sig->s);
    x402_rlp_put_number(&o, sig == NULL ? X402_ZERO : sig->r);
    x402_rlp_put_u64(&o, v);
    x402_rlp_put(&o, s->tx.data);
    x402_rlp_put_number(&o, s->tx.value);
    x402_rlp_put(&o, slice_from((const char *)s->tx.to.bytes, X402_ADDRESS_LEN));
    x402_rlp_put_u64(&o, s->tx.gas_limit);
    x402_rlp_put_number(&o, gas_price);
    x402_rlp_put_u64(&o, s->tx.nonce);
    x402_rlp_close(&o, size);
    return x402_rlp_end(&o);
}

static void check_legacy(struct json_object *v)
{
    struct x402_u256 gas_price = vector_number(vector_member(v, "tx"), "gasPrice");
    struct x402_signature signature;
    struct x402_hash hash;
    struct slice bytes;
    struct sample s;
    uint8_t room[512];

    read_sample(&s, v);
    bytes = legacy(room, sizeof(room), &s, gas_price, NULL);
    assert_bytes(bytes, v, "unsigned");
    keccak256(hash.bytes, bytes.bytes, bytes.len);
    assert_hash(&hash, v, "signingHash");
    assert_int_equal(x402_curve_sign(&signature, &hash, s.key), RC_OK);
    bytes = legacy(room, sizeof(room), &s, gas_price, &signature);
    assert_bytes(bytes, v, "raw");
    keccak256(hash.bytes, bytes.bytes, bytes.len);
    assert_hash(&hash, v, "txHash");
}

static void transactions_are_the_published_ones(void **state)
{
    struct json_object *list = vector_list(vectors, "transactions");

    (void)state;
    for (size_t i = 0; i < json_array_count(list); i++) {
        struct json_object *v = json_array_at(list, i);

        if (slice_equal_str(vector_text(vector_member(v, "tx"), "type"), "legacy"))
            check_legacy(v);
        else
            check_eip1559(v);
    }
}

static void every_member_is_signed(void **state)
{
    struct json_object *v = json_array_at(vector_list(vectors, "transactions"), 0);
    struct x402_access access = {.keys = NULL};
    struct x402_hash before;
    struct x402_hash after[10];
    struct x402_tx tx;
    struct sample s;

    (void)state;
    read_sample(&s, v);
    assert_int_equal(x402_tx_digest(&before, &s.tx, arena), RC_OK);
    for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
        tx = s.tx;
        tx.chain_id += i == 0;
        tx.nonce += i == 1;
        tx.max_priority_fee.bytes[31] ^= i == 2;
        tx.max_fee.bytes[31] ^= i == 3;
        tx.gas_limit += i == 4;
        tx.creates = i == 5;
        tx.to.bytes[19] ^= i == 6;
        tx.value.bytes[31] ^= i == 7;
        tx.data.len -= i == 8;
        tx.access = &access;
        tx.access_count = i == 9;
        assert_int_equal(x402_tx_digest(&after[i], &tx, arena), RC_OK);
        assert_false(x402_hash_equal(after[i], before));
        for (size_t j = 0; j < i; j++)
            assert_false(x402_hash_equal(after[i], after[j]));
    }
}

static void a_spent_arena_is_told(void **state)
{
    struct json_object *v = json_array_at(vector_list(vectors, "transactions"), 0);
    struct x402_signature signature = {.y_parity = 0};
    struct slice bytes = SLICE("untouched");
    struct x402_hash hash;
    struct arena *small = NULL;
    struct sample s;

    (void)state;
    read_sample(&s, v);
    assert_int_equal(arena_open(&small, 100), RC_OK);
    assert_int_equal(x402_tx_unsigned(&bytes, &s.tx, small), RC_TOO_BIG);
    assert_int_equal(x402_tx_digest(&hash, &s.tx, small), RC_TOO_BIG);
    assert_int_equal(x402_tx_signed(&bytes, &hash, &s.tx, &signature, small),
                     RC_TOO_BIG);
    assert_true(slice_equal_str(bytes, "untouched"));
    arena_close(small);
}

static void more_than_memory_can_be_is_told(void **state)
{
    struct x402_access access = {.keys = NULL, .key_count = SIZE_MAX / 16};
    struct x402_tx tx = {.access = &access, .access_count = 1};
    struct slice bytes;

    (void)state;
    assert_int_equal(x402_tx_unsigned(&bytes, &tx, arena), RC_TOO_BIG);
    access.key_count = SIZE_MAX / 41;
    assert_int_equal(x402_tx_unsigned(&bytes, &tx, arena), RC_TOO_BIG);
    tx = (struct x402_tx){.data = {"", SIZE_MAX - 100}};
    assert_int_equal(x402_tx_unsigned(&bytes, &tx, arena), RC_TOO_BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transactions_are_the_published_ones),
        cmocka_unit_test(every_member_is_signed),
        cmocka_unit_test(a_spent_arena_is_told),
        cmocka_unit_test(more_than_memory_can_be_is_told),
    };

    return cmocka_run_group_tests(tests, start, stop);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Keccak-256: published vectors, and a second implementation that works bit by bit as
 * the reference describes it, with no table in common. */
#include "base/keccak.h"

#include "tests/prng.h"
#include "tests/vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
    SIDE = 5,
    LANE_BITS = 64,
    ROUND_COUNT = 24
};

/* The state as bits: [x][y][z], FIPS 202 section 3.1. */
struct bits {
    bool at[SIDE][SIDE][LANE_BITS];
};

static void theta(struct bits *a)
{
    bool c[SIDE][LANE_BITS];

    for (int x = 0; x < SIDE; x++)
        for (int z = 0; z < LANE_BITS; z++)
            c[x][z] = a->at[x][0][z] ^ a->at[x][1][z] ^ a->at[x][2][z] ^
                      a->at[x][3][z] ^ a->at[x][4][z];
    for (int x = 0; x < SIDE; x++)
        for (int y = 0; y < SIDE; y++)
            for (int z = 0; z < LANE_BITS; z++)
                a->at[x][y][z] ^=
                    c[(x + 4) % SIDE][z] ^ c[(x + 1) % SIDE][(z + 63) % LANE_BITS];
}

static void rho(struct bits *a)
{
    struct bits from = *a;
    int x = 1;
    int y = 0;

    for (int t = 0; t < 24; t++) {
        int offset = (t + 1) * (t + 2) / 2;
        int next = (2 * x + 3 * y) % SIDE;

        for (int z = 0; z < LANE_BITS; z++)
            a->at[x][y][(z + offset) % LANE_BITS] = from.at[x][y][z];
        x = y;
        y = next;
    }
}

static void pi_and_chi(struct bits *a)
{
    struct bits from = *a;
    struct bits moved;

    for (int x = 0; x < SIDE; x++)
        for (int y = 0; y < SIDE; y++)
            memcpy(moved.at[x][y], from.at[(x + 3 * y) % SIDE][x], LANE_BITS);
    for (int x = 0; x < SIDE; x++)
        for (int y = 0; y < SIDE; y++)
            for (int z = 0; z < LANE_BITS; z++)
                a->at[x][y][z] = moved.at[x][y][z] ^ (!moved.at[(x + 1) % SIDE][y][z] &
                                                      moved.at[(x + 2) % SIDE][y][z]);
}

/* One bit of the generator of round constants, section 3.2.5. */
static bool round_bit(unsigned t)
{
    unsigned r = 1;

    for (unsigned i = 0; i < t % 255; i++) {
        r <<= 1;
        if (r & 0x100)
            r ^= 0x171;
    }
    return r & 1;
}

static void permute(struct bits *a)
{
    for (unsigned round = 0; round < ROUND_COUNT; round++) {
        theta(a);
        rho(a);
        pi_and_chi(a);
        for (unsigned j = 0; j <= 6; j++)
            a->at[0][0][(1u << j) - 1] ^= round_bit(j + 7 * round);
    }
}

static bool *bit_at(struct bits *a, size_t bit)
{
    size_t lane = bit / LANE_BITS;

    return &a->at[lane % SIDE][lane / SIDE][bit % LANE_BITS];
}

static void slow_keccak256(uint8_t out[KECCAK256_LEN], const uint8_t *bytes, size_t len)
{
    static const size_t rate_bits = KECCAK256_RATE * 8;
    size_t used = 0;
    struct bits a;

    memset(&a, 0, sizeof(a));
    for (size_t i = 0; i < len * 8; i++) {
        *bit_at(&a, used++) ^= (bytes[i / 8] >> i % 8 & 1) != 0;
        if (used == rate_bits) {
            permute(&a);
            used = 0;
        }
    }
    *bit_at(&a, used) ^= true;
    *bit_at(&a, rate_bits - 1) ^= true;
    permute(&a);
    memset(out, 0, KECCAK256_LEN);
    for (size_t i = 0; i < KECCAK256_LEN * 8; i++)
        out[i / 8] |= (uint8_t)(*bit_at(&a, i) << i % 8);
}

static void digests_are_the_published_ones(void **state)
{
    struct json_object *o = vectors_open("x402.json");
    struct json_object *list = vector_list(o, "keccak256");

    (void)state;
    for (size_t i = 0; i < json_array_count(list); i++) {
        struct json_object *v = json_array_at(list, i);
        struct vector_bytes input = vector_hex(v, "input");
        uint8_t expected[KECCAK256_LEN];
        uint8_t out[KECCAK256_LEN];

        vector_hex_exact(expected, sizeof(expected), v, "keccak256");
        keccak256(out, input.bytes, input.len);
        assert_memory_equal(out, expected, sizeof(out));
        slow_keccak256(out, input.bytes, input.len);
        assert_memory_equal(out, expected, sizeof(out));
    }
    json_put(o);
}

static void every_length_agrees_with_a_second_implementation(void **state)
{
    enum {
        LONGEST = 2 * KECCAK256_RATE + 9
    };
    struct prng p = {0x6b656363};
    uint8_t bytes[LONGEST];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)prng_next(&p);
    for (size_t len = 0; len <= LONGEST; len++) {
        uint8_t expected[KECCAK256_LEN];
        uint8_t out[KECCAK256_LEN];

        slow_keccak256(expected, bytes, len);
        keccak256(out, bytes, len);
        assert_memory_equal(out, expected, sizeof(out));
    }
}

static void pieces_make_the_digest_of_the_whole(void **state)
{
    struct prng p = {7};
    uint8_t bytes[1000];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)prng_next(&p);
    for (int round = 0; round < 200; round++) {
        size_t len = prng_below(&p, sizeof(bytes) + 1);
        struct keccak256_state s;
        uint8_t expected[KECCAK256_LEN];
        uint8_t out[KECCAK256_LEN];

        keccak256(expected, bytes, len);
        assert_int_equal(keccak256_start(&s), RC_OK);
        for (size_t at = 0; at < len;) {
            size_t count = prng_below(&p, 2 * KECCAK256_RATE);

            count = count < len - at ? count : len - at;
            keccak256_add(&s, bytes + at, count);
            at += count;
        }
        keccak256_end(out, &s);
        assert_memory_equal(out, expected, sizeof(out));
    }
}

static void nothing_at_all_has_a_digest(void **state)
{
    struct keccak256_state s;
    uint8_t expected[KECCAK256_LEN];
    uint8_t out[KECCAK256_LEN];

    (void)state;
    keccak256(expected, "", 0);
    keccak256(out, NULL, 0);
    assert_memory_equal(out, expected, sizeof(out));
    assert_int_equal(keccak256_start(&s), RC_OK);
    keccak256_add(&s, NULL, 0);
    keccak256_end(out, &s);
    assert_memory_equal(out, expected, sizeof(out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests_are_the_published_ones),
        cmocka_unit_test(every_length_agrees_with_a_second_implementation),
        cmocka_unit_test(pieces_make_the_digest_of_the_whole),
        cmocka_unit_test(nothing_at_all_has_a_digest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Maps: compared with an array after every step; the hash with OpenSSL's. */
#include "base/map.h"

#include "tests/prng.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
    KEYS = 1000
};

/* Key and value of an entry are its number, which stays where it is. */
static unsigned numbers[KEYS];

static struct slice key_of(unsigned i)
{
    return slice_from((const char *)&numbers[i], sizeof(numbers[i]));
}

static int number_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < KEYS; i++)
        numbers[i] = i;
    return 0;
}

static struct map *open_map(size_t capacity)
{
    struct map *m = NULL;

    assert_int_equal(map_open(&m, capacity), RC_OK);
    return m;
}

static void what_is_put_is_found_until_removed(void **state)
{
    struct map *m = open_map(10);
    int value;
    int other;

    (void)state;
    assert_null(map_get(m, SLICE("a")));
    assert_null(map_remove(m, SLICE("a")));
    assert_int_equal(map_put(m, SLICE("a"), &value), RC_OK);
    assert_ptr_equal(map_get(m, SLICE("a")), &value);
    assert_null(map_get(m, SLICE("b")));
    assert_int_equal(map_put(m, SLICE("a"), &other), RC_EXISTS);
    assert_ptr_equal(map_get(m, SLICE("a")), &value);
    assert_int_equal(map_count(m), 1);
    assert_ptr_equal(map_remove(m, SLICE("a")), &value);
    assert_null(map_get(m, SLICE("a")));
    assert_int_equal(map_count(m), 0);
    map_close(m);
    map_close(NULL);
}

static void keys_may_be_any_bytes(void **state)
{
    struct map *m = open_map(10);
    int values[4];

    (void)state;
    assert_int_equal(map_put(m, SLICE_NONE, &values[0]), RC_OK);
    assert_int_equal(map_put(m, SLICE("\0"), &values[1]), RC_OK);
    assert_int_equal(map_put(m, SLICE("\0\0"), &values[2]), RC_OK);
    assert_int_equal(map_put(m, SLICE("a\0b"), &values[3]), RC_OK);
    assert_int_equal(map_put(m, SLICE(""), &values[3]), RC_EXISTS);
    assert_ptr_equal(map_get(m, SLICE("")), &values[0]);
    assert_ptr_equal(map_get(m, SLICE("\0")), &values[1]);
    assert_ptr_equal(map_get(m, SLICE("\0\0")), &values[2]);
    assert_null(map_get(m, SLICE("a\0c")));
    map_close(m);
}

static void the_capacity_is_exact(void **state)
{
    (void)state;
    for (unsigned capacity = 0; capacity < 200; capacity++) {
        struct map *m = open_map(capacity);

        for (unsigned i = 0; i < capacity; i++)
            assert_int_equal(map_put(m, key_of(i), &numbers[i]), RC_OK);
        assert_int_equal(map_put(m, key_of(capacity), &numbers[capacity]), RC_FULL);
        if (capacity > 0)
            assert_int_equal(map_put(m, key_of(0), &numbers[1]), RC_EXISTS);
        assert_null(map_get(m, key_of(capacity)));
        for (unsigned i = 0; i < capacity; i++)
            assert_ptr_equal(map_get(m, key_of(i)), &numbers[i]);
        map_close(m);
    }
}

static void a_capacity_beyond_memory_is_refused(void **state)
{
    struct map *m = NULL;

    (void)state;
    assert_int_equal(map_open(&m, SIZE_MAX), RC_NOMEM);
    assert_int_equal(map_open(&m, SIZE_MAX / 8), RC_NOMEM);
    assert_null(m);
}

/* Random puts and removes over twice as many keys as fit; after each, every key is
 * looked up. Small maps make clusters that run over the last home. */
static void check_against_array(size_t capacity, unsigned steps, uint64_t seed)
{
    struct map *m = open_map(capacity);
    struct prng prng = {seed};
    bool present[KEYS] = {false};
    unsigned key_count = 2 * (unsigned)capacity;
    size_t count = 0;

    for (unsigned step = 0; step < steps; step++) {
        unsigned i = (unsigned)prng_below(&prng, key_count);

        if (prng_below(&prng, 2) == 0) {
            void *removed = map_remove(m, key_of(i));

            assert_ptr_equal(removed, present[i] ? &numbers[i] : NULL);
            count -= present[i];
            present[i] = false;
        } else {
            enum rc rc = map_put(m, key_of(i), &numbers[i]);

            assert_int_equal(rc, present[i]          ? RC_EXISTS
                                 : count == capacity ? RC_FULL
                                                     : RC_OK);
            count += rc == RC_OK;
            present[i] = present[i] || rc == RC_OK;
        }
        assert_int_equal(map_count(m), count);
        for (unsigned k = 0; k < key_count; k++)
            if (map_get(m, key_of(k)) != (present[k] ? &numbers[k] : NULL))
                fail_msg("capacity %zu, step %u: key %u", capacity, step, k);
    }
    map_close(m);
}

static void a_map_agrees_with_an_array(void **state)
{
    (void)state;
    for (size_t capacity = 1; capacity < 20; capacity++)
        check_against_array(capacity, 3000, capacity);
    check_against_array(100, 5000, 100);
    check_against_array(400, 2000, 400);
}

/* Removing leaves nothing behind: if it did, the slots would run out and the search for
 * an absent key would not end. */
static void a_full_map_lives_through_many_changes(void **state)
{
    const unsigned capacity = 96; /* three quarters of 128 */
    struct map *m = open_map(capacity);

    (void)state;
    for (unsigned i = 0; i < 1000000; i++) {
        if (i >= capacity)
            assert_ptr_equal(map_remove(m, key_of((i - capacity) % KEYS)),
                             &numbers[(i - capacity) % KEYS]);
        assert_int_equal(map_put(m, key_of(i % KEYS), &numbers[i % KEYS]), RC_OK);
    }
    assert_int_equal(map_count(m), capacity);
    assert_null(map_get(m, SLICE("absent")));
    map_close(m);
}

/* Removes the entries whose bit is set in `removed` while walking. */
static void check_walk(size_t capacity, uint64_t removed)
{
    struct map *m = open_map(capacity);
    unsigned seen[64] = {0};
    size_t at = 0;
    unsigned *number;

    for (unsigned i = 0; i < capacity; i++)
        assert_int_equal(map_put(m, key_of(i), &numbers[i]), RC_OK);
    while ((number = map_next(m, &at)) != NULL) {
        seen[*number]++;
        if ((removed >> *number & 1) != 0)
            assert_ptr_equal(map_remove(m, key_of(*number)), number);
    }
    assert_null(map_next(m, &at));
    for (unsigned i = 0; i < capacity; i++) {
        assert_int_equal(seen[i], 1);
        assert_ptr_equal(map_get(m, key_of(i)),
                         (removed >> i & 1) != 0 ? NULL : &numbers[i]);
    }
    map_close(m);
}

static void a_walk_sees_all_once_whatever_it_removes(void **state)
{
    struct prng prng = {7};

    (void)state;
    for (size_t capacity = 0; capacity <= 48; capacity++) {
        check_walk(capacity, 0);
        check_walk(capacity, UINT64_MAX);
        for (unsigned i = 0; i < 50; i++)
            check_walk(capacity, prng_next(&prng));
    }
}

static uint64_t openssl_siphash13(const uint64_t key[2], struct slice bytes)
{
    size_t size = sizeof(uint64_t);
    unsigned c_rounds = 1;
    unsigned d_rounds = 3;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size),
        OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &c_rounds),
        OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &d_rounds),
        OSSL_PARAM_construct_end()};
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
    EVP_MAC_CTX *context = EVP_MAC_CTX_new(mac);
    unsigned char out[8];
    uint64_t value = 0;
    size_t len = 0;

    assert_non_null(context);
    assert_int_equal(EVP_MAC_init(context, (const unsigned char *)key, 16, params), 1);
    assert_int_equal(
        EVP_MAC_update(context, (const unsigned char *)bytes.bytes, bytes.len), 1);
    assert_int_equal(EVP_MAC_final(context, out, &len, sizeof(out)), 1);
    assert_int_equal(len, sizeof(out));
    EVP_MAC_CTX_free(context);
    EVP_MAC_free(mac);
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)out[i] << (8 * i);
    return value;
}

static void the_hash_is_siphash_1_3(void **state)
{
    struct prng prng = {8};
    char bytes[300];

    (void)state;
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        const uint64_t key[2] = {prng_next(&prng), prng_next(&prng)};
        struct slice s = slice_from(bytes, len);

        for (size_t i = 0; i < len; i++)
            bytes[i] = (char)prng_next(&prng);
        assert_true(map_siphash13(key, s) == openssl_siphash13(key, s));
    }
}

static void the_hash_has_a_secret_key(void **state)
{
    const uint64_t zero[2] = {0};

    (void)state;
    assert_true(map_hash(SLICE("a")) == map_hash(SLICE("a")));
    assert_true(map_hash(SLICE("a")) != map_hash(SLICE("b")));
    assert_true(map_hash(SLICE("a")) != map_siphash13(zero, SLICE("a")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_is_found_until_removed),
        cmocka_unit_test(keys_may_be_any_bytes),
        cmocka_unit_test(the_capacity_is_exact),
        cmocka_unit_test(a_capacity_beyond_memory_is_refused),
        cmocka_unit_test(a_map_agrees_with_an_array),
        cmocka_unit_test(a_full_map_lives_through_many_changes),
        cmocka_unit_test(a_walk_sees_all_once_whatever_it_removes),
        cmocka_unit_test(the_hash_is_siphash_1_3),
        cmocka_unit_test(the_hash_has_a_secret_key),
    };

    return cmocka_run_group_tests(tests, number_all, NULL);
}

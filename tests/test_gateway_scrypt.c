/* SPDX-License-Identifier: Apache-2.0 */
/* scrypt: as RFC 7914 has it, as OpenSSL has it, and within bounds. */
#include "gateway/settle/scrypt.h"

#include "base/codec.h"
#include "base/slice.h"
#include "tests/prng.h"

#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum {
    OUT_LEN = 64,
    RUNS = 60
};

/* RFC 7914 section 12, but for the one that takes a gigabyte. */
static void the_rfcs_vectors_come_out(void **state)
{
    static const struct {
        const char *passphrase, *salt;
        struct scrypt_cost cost;
        const char *out;
    } rows[] = {
        {"",
         "",
         {16, 1, 1},
         "77d6576238657b203b19ca42c18a0497f16b4844e3074ae8dfdffa3fede21442fcd0069ded0948"
         "f8326a753a0fc81f17e8d3e0fb2e0d3628cf35e20c38d18906"},
        {"password",
         "NaCl",
         {1024, 8, 16},
         "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3"
         "886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640"},
        {"pleaseletmein",
         "SodiumChloride",
         {16384, 8, 1},
         "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0f"
         "cf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"},
    };

    char text[2 * OUT_LEN + 1];
    uint8_t out[OUT_LEN];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(scrypt_check(&rows[i].cost), RC_OK);
        assert_int_equal(scrypt_derive(out, sizeof(out), slice_str(rows[i].passphrase),
                                       slice_str(rows[i].salt), &rows[i].cost),
                         RC_OK);
        hex_encode(text, out, sizeof(out));
        assert_string_equal(text, rows[i].out);
    }
}

static void openssl_derives_the_same(void **state)
{
    struct prng random = {20261121};

    (void)state;
    for (int i = 0; i < RUNS; i++) {
        struct scrypt_cost cost = {UINT64_C(2) << prng_below(&random, 9),
                                   1 + prng_below(&random, 9),
                                   1 + prng_below(&random, 4)};
        size_t len = 1 + prng_below(&random, OUT_LEN);
        uint8_t ours[OUT_LEN], theirs[OUT_LEN], salt[32];

        for (size_t k = 0; k < sizeof(salt); k++)
            salt[k] = (uint8_t)prng_below(&random, 256);
        assert_int_equal(scrypt_derive(ours, len, SLICE("a passphrase"),
                                       slice_from((const char *)salt, sizeof(salt)),
                                       &cost),
                         RC_OK);
        assert_int_equal(EVP_PBE_scrypt("a passphrase", 12, salt, sizeof(salt), cost.n,
                                        cost.r, cost.p, 0, theirs, len),
                         1);
        assert_memory_equal(ours, theirs, len);
    }
}

static void what_costs_too_much_is_refused(void **state)
{
    static const struct scrypt_cost good[] = {{2, 1, 1},      {262144, 8, 1},
                                              {262144, 1, 8}, {131072, 8, 8},
                                              {262144, 8, 4}, {2, 1, 65536}};
    static const struct scrypt_cost bad[] = {{0, 8, 1},
                                             {1, 8, 1},
                                             {3, 8, 1},
                                             {262143, 8, 1},
                                             {2, 0, 1},
                                             {2, 1, 0},
                                             {524288, 8, 1},
                                             {262144, 9, 1},
                                             {262144, 8, 5},
                                             {UINT64_C(1) << 63, 1, 1},
                                             {2, UINT64_MAX, 1},
                                             {2, 1, UINT64_MAX},
                                             {2, 1, 65537},
                                             {2, 64, 65536},
                                             {1 << 20, UINT64_C(1) << 44, 1},
                                             {2, UINT64_C(1) << 32, UINT64_C(1) << 32}};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(scrypt_check(&good[i]), RC_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(scrypt_check(&bad[i]), RC_BAD_INPUT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfcs_vectors_come_out),
        cmocka_unit_test(openssl_derives_the_same),
        cmocka_unit_test(what_costs_too_much_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

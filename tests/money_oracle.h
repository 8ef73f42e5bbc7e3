/* SPDX-License-Identifier: Apache-2.0 */
/* What money_line() must give, computed with OpenSSL's big numbers: slow, without any
 * thought of sizes, and with nothing in common with base/money.c. */
#ifndef TESTS_MONEY_ORACLE_H
#define TESTS_MONEY_ORACLE_H

#include <openssl/bn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static inline void oracle_need(bool ok)
{
    if (!ok)
        abort();
}

/* ceil(a * b * (10^6 + markup_ppm) / divisor); false when that is 2^64 or more. */
static inline bool oracle_scale(uint64_t *out, uint64_t a, uint64_t b,
                                uint32_t markup_ppm, uint64_t divisor)
{
    BN_CTX *context = BN_CTX_new();
    BIGNUM *product = BN_new();
    BIGNUM *factor = BN_new();
    BIGNUM *rest = BN_new();
    bool fits;

    oracle_need(context != NULL && product != NULL && factor != NULL && rest != NULL);
    oracle_need(BN_set_word(product, a) && BN_set_word(factor, b));
    oracle_need(BN_mul(product, product, factor, context));
    oracle_need(BN_set_word(factor, UINT64_C(1000000) + markup_ppm));
    oracle_need(BN_mul(product, product, factor, context));
    oracle_need(BN_set_word(factor, divisor));
    oracle_need(BN_div(product, rest, product, factor, context));
    if (!BN_is_zero(rest))
        oracle_need(BN_add_word(product, 1));
    fits = BN_num_bits(product) <= 64;
    if (fits)
        *out = BN_get_word(product);
    BN_free(rest);
    BN_free(factor);
    BN_free(product);
    BN_CTX_free(context);
    return fits;
}

#endif

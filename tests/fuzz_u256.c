/* SPDX-License-Identifier: Apache-2.0 */
/* 256-bit words: a text that is taken has one meaning, and scales lose nothing but what
 * was said. The input is read as texts, as two numbers and as a scale. */
#include "x402/x402.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_texts(struct slice text)
{
    char printed[X402_U256_TEXT_SIZE];
    struct x402_u256 v;
    enum rc rc = x402_u256_parse(&v, text);

    assert(rc == RC_OK || rc == RC_BAD_INPUT || rc == RC_OVERFLOW);
    if (rc == RC_OK) {
        x402_u256_print(printed, v);
        assert(slice_equal_str(text, printed));
    }
    if (x402_u256_parse_quantity(&v, text) == RC_OK) {
        x402_u256_print_quantity(printed, v);
        assert(slice_equal_nocase(text, slice_str(printed)));
    }
}

static void check_hash(struct slice text)
{
    char printed[X402_HASH_TEXT_SIZE];
    struct x402_hash h;

    if (x402_hash_parse(&h, text) != RC_OK)
        return;
    x402_hash_print(printed, h);
    assert(slice_equal_nocase(text, slice_str(printed)));
}

static void check_sums(struct x402_u256 a, struct x402_u256 b)
{
    struct x402_u256 out;
    struct x402_u256 back;

    if (x402_u256_add(&out, a, b)) {
        assert(x402_u256_cmp(out, a) >= 0 && x402_u256_cmp(out, b) >= 0);
        assert(x402_u256_sub(&back, out, a) && x402_u256_cmp(back, b) == 0);
    }
    assert(x402_u256_sub(&out, a, b) == (x402_u256_cmp(a, b) >= 0));
}

static void check_scale(struct x402_u256 v, unsigned decimals)
{
    struct money down;
    struct money up;
    struct money exact;
    struct x402_u256 back;

    if (x402_u256_to_money(&down, v, decimals, X402_DOWN) != RC_OK)
        return;
    assert(x402_u256_from_money(&back, down, decimals, X402_DOWN) == RC_OK);
    assert(x402_u256_cmp(back, v) <= 0);
    if (x402_u256_to_money(&up, v, decimals, X402_UP) != RC_OK)
        return;
    assert(x402_u256_from_money(&back, up, decimals, X402_UP) == RC_OK);
    assert(x402_u256_cmp(back, v) >= 0);
    assert((x402_u256_to_money(&exact, v, decimals, X402_EXACT) == RC_OK) ==
           (money_cmp(down, up) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_from((const char *)data, size);
    struct x402_u256 a;
    struct x402_u256 b;

    check_texts(text);
    check_hash(text);
    if (size >= 2 * X402_WORD_LEN + 1) {
        memcpy(a.bytes, data, sizeof(a.bytes));
        memcpy(b.bytes, data + sizeof(a.bytes), sizeof(b.bytes));
        check_sums(a, b);
        check_scale(a, data[2 * X402_WORD_LEN]);
    }
    return 0;
}

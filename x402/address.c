/* SPDX-License-Identifier: Apache-2.0 */
#include "x402/address.h"

#include "base/codec.h"
#include "base/keccak.h"

#include <string.h>

enum {
    DIGIT_COUNT = 2 * X402_ADDRESS_LEN
};

enum rc x402_address_parse(struct x402_address *out, struct slice text)
{
    struct slice digits = slice_sub(text, 2, text.len);
    char checked[X402_ADDRESS_TEXT_SIZE];
    struct x402_address a;
    bool small = false;
    bool large = false;

    if (!slice_starts(text, SLICE("0x")))
        return RC_BAD_INPUT;
    TRY(hex_decode(a.bytes, sizeof(a.bytes), digits));
    for (size_t i = 0; i < digits.len; i++) {
        small = small || digits.bytes[i] >= 'a';
        large = large || (digits.bytes[i] >= 'A' && digits.bytes[i] < 'a');
    }
    if (small && large) {
        x402_address_print(checked, &a);
        if (!slice_equal_str(text, checked))
            return RC_BAD_INPUT;
    }
    *out = a;
    return RC_OK;
}

void x402_address_print_small(char out[X402_ADDRESS_TEXT_SIZE],
                              const struct x402_address *a)
{
    memcpy(out, "0x", 2);
    hex_encode(out + 2, a->bytes, sizeof(a->bytes));
}

void x402_address_print(char out[X402_ADDRESS_TEXT_SIZE], const struct x402_address *a)
{
    uint8_t hash[KECCAK256_LEN];
    char *digits = out + 2;

    x402_address_print_small(out, a);
    keccak256(hash, digits, DIGIT_COUNT);
    for (size_t i = 0; i < DIGIT_COUNT; i++) {
        unsigned half = i % 2 == 0 ? hash[i / 2] >> 4 : hash[i / 2] & 15u;

        if (digits[i] >= 'a' && half >= 8)
            digits[i] = (char)(digits[i] - 'a' + 'A');
    }
}

bool x402_address_equal(const struct x402_address *a, const struct x402_address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool x402_address_is_zero(const struct x402_address *a)
{
    static const struct x402_address zero;

    return x402_address_equal(a, &zero);
}

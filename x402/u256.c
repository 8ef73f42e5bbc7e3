/* SPDX-License-Identifier: Apache-2.0 */
/* Long arithmetic by a small factor is all that texts and scales need: there is no
 * general multiplication here, and nothing that handles secrets. */
#include "x402/u256.h"

#include "base/codec.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

typedef unsigned __int128 u128; /* gcc and clang have no other name for it */

enum {
    LIMB_COUNT = 4,
    LIMB_BITS = 64,
    SCALE_DIGITS_MAX = 19 /* the largest power of ten in 64 bits */
};

/* The same value as four limbs, the least first. */
struct limbs {
    uint64_t at[LIMB_COUNT];
};

static struct limbs split(struct x402_u256 v)
{
    struct limbs l;

    for (size_t i = 0; i < LIMB_COUNT; i++) {
        memcpy(&l.at[i], v.bytes + X402_WORD_LEN - (i + 1) * sizeof(l.at[i]),
               sizeof(l.at[i]));
        l.at[i] = be64toh(l.at[i]);
    }
    return l;
}

static struct x402_u256 join(struct limbs l)
{
    struct x402_u256 v;

    for (size_t i = 0; i < LIMB_COUNT; i++) {
        uint64_t limb = htobe64(l.at[i]);

        memcpy(v.bytes + X402_WORD_LEN - (i + 1) * sizeof(limb), &limb, sizeof(limb));
    }
    return v;
}

/* *l = *l * factor + add; false when it does not fit, and then *l is of no use. */
static bool scale_up(struct limbs *l, uint64_t factor, uint64_t add)
{
    u128 carry = add;

    for (size_t i = 0; i < LIMB_COUNT; i++) {
        carry += (u128)l->at[i] * factor;
        l->at[i] = (uint64_t)carry;
        carry >>= LIMB_BITS;
    }
    return carry == 0;
}

/* *l = *l / divisor; returns the rest. */
static uint64_t scale_down(struct limbs *l, uint64_t divisor)
{
    u128 rest = 0;

    for (size_t i = LIMB_COUNT; i-- > 0;) {
        rest = rest << LIMB_BITS | l->at[i];
        l->at[i] = (uint64_t)(rest / divisor);
        rest %= divisor;
    }
    return (uint64_t)rest;
}

static uint64_t power_of_ten(unsigned exponent)
{
    uint64_t power = 1;

    assert(exponent <= SCALE_DIGITS_MAX);
    while (exponent-- > 0)
        power *= 10;
    return power;
}

struct x402_u256 x402_u256_from_u64(uint64_t value)
{
    return join((struct limbs){{value}});
}

bool x402_u256_to_u64(uint64_t *out, struct x402_u256 v)
{
    struct limbs l = split(v);

    if ((l.at[1] | l.at[2] | l.at[3]) != 0)
        return false;
    *out = l.at[0];
    return true;
}

bool x402_u256_is_zero(struct x402_u256 v)
{
    return x402_u256_bits(v) == 0;
}

unsigned x402_u256_bits(struct x402_u256 v)
{
    struct limbs l = split(v);

    for (unsigned i = LIMB_COUNT; i-- > 0;)
        if (l.at[i] != 0)
            return (i + 1) * LIMB_BITS - (unsigned)__builtin_clzll(l.at[i]);
    return 0;
}

int x402_u256_cmp(struct x402_u256 a, struct x402_u256 b)
{
    int order = memcmp(a.bytes, b.bytes, sizeof(a.bytes));

    return (order > 0) - (order < 0);
}

bool x402_u256_add(struct x402_u256 *out, struct x402_u256 a, struct x402_u256 b)
{
    struct limbs sum = split(a);
    struct limbs add = split(b);
    u128 carry = 0;

    for (size_t i = 0; i < LIMB_COUNT; i++) {
        carry += (u128)sum.at[i] + add.at[i];
        sum.at[i] = (uint64_t)carry;
        carry >>= LIMB_BITS;
    }
    if (carry != 0)
        return false;
    *out = join(sum);
    return true;
}

bool x402_u256_sub(struct x402_u256 *out, struct x402_u256 a, struct x402_u256 b)
{
    struct limbs from = split(a);
    struct limbs take = split(b);
    bool borrow = false;

    if (x402_u256_cmp(a, b) < 0)
        return false;
    for (size_t i = 0; i < LIMB_COUNT; i++) {
        bool first = __builtin_sub_overflow(from.at[i], take.at[i], &from.at[i]);
        bool second = __builtin_sub_overflow(from.at[i], (uint64_t)borrow, &from.at[i]);

        borrow = first || second;
    }
    assert(!borrow);
    *out = join(from);
    return true;
}

enum rc x402_u256_parse(struct x402_u256 *out, struct slice text)
{
    struct limbs l = {{0}};
    bool fits = true;

    if (text.len == 0 || (text.len > 1 && text.bytes[0] == '0'))
        return RC_BAD_INPUT;
    for (size_t i = 0; i < text.len; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9')
            return RC_BAD_INPUT; /* the form is checked before the size, to the end */
        fits = fits && scale_up(&l, 10, (uint64_t)(text.bytes[i] - '0'));
    }
    if (!fits)
        return RC_OVERFLOW;
    *out = join(l);
    return RC_OK;
}

void x402_u256_print(char out[X402_U256_TEXT_SIZE], struct x402_u256 v)
{
    char digits[X402_U256_TEXT_SIZE];
    struct limbs l = split(v);
    size_t at = sizeof(digits);

    digits[--at] = '\0';
    do {
        digits[--at] = (char)('0' + scale_down(&l, 10));
    } while ((l.at[0] | l.at[1] | l.at[2] | l.at[3]) != 0);
    memcpy(out, digits + at, sizeof(digits) - at);
}

static bool all_hex(struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.bytes[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') ||
              (c >= 'A' && c <= 'F')))
            return false;
    }
    return true;
}

enum rc x402_u256_parse_quantity(struct x402_u256 *out, struct slice text)
{
    struct slice digits = slice_sub(text, 2, text.len);
    char padded[2 * X402_WORD_LEN];

    if (!slice_starts(text, SLICE("0x")) || digits.len == 0 || !all_hex(digits) ||
        (digits.len > 1 && digits.bytes[0] == '0'))
        return RC_BAD_INPUT;
    if (digits.len > sizeof(padded))
        return RC_OVERFLOW;
    memset(padded, '0', sizeof(padded));
    memcpy(padded + sizeof(padded) - digits.len, digits.bytes, digits.len);
    return hex_decode(out->bytes, sizeof(out->bytes),
                      slice_from(padded, sizeof(padded)));
}

void x402_u256_print_quantity(char out[X402_HASH_TEXT_SIZE], struct x402_u256 v)
{
    char digits[2 * X402_WORD_LEN + 1];
    size_t zeros = 0;

    hex_encode(digits, v.bytes, sizeof(v.bytes));
    while (zeros < 2 * X402_WORD_LEN - 1 && digits[zeros] == '0')
        zeros++;
    memcpy(out, "0x", 2);
    memcpy(out + 2, digits + zeros, sizeof(digits) - zeros);
}

enum rc x402_hash_parse(struct x402_hash *out, struct slice text)
{
    if (!slice_starts(text, SLICE("0x")))
        return RC_BAD_INPUT;
    return hex_decode(out->bytes, sizeof(out->bytes), slice_sub(text, 2, text.len));
}

void x402_hash_print(char out[X402_HASH_TEXT_SIZE], struct x402_hash h)
{
    memcpy(out, "0x", 2);
    hex_encode(out + 2, h.bytes, sizeof(h.bytes));
}

bool x402_hash_equal(struct x402_hash a, struct x402_hash b)
{
    return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

/* Divides by 10^digits as `rounding` says. false: it is not exact and had to be, or the
 * result does not fit. Rounding down twice is rounding down once by the product. */
static bool divide(struct limbs *l, unsigned digits, enum x402_rounding rounding)
{
    bool exact = true;

    while (digits > 0) {
        unsigned step = digits < SCALE_DIGITS_MAX ? digits : SCALE_DIGITS_MAX;

        if (scale_down(l, power_of_ten(step)) != 0)
            exact = false;
        digits -= step;
    }
    if (exact || rounding == X402_DOWN)
        return true;
    return rounding == X402_UP && scale_up(l, 1, 1);
}

static bool multiply(struct limbs *l, unsigned digits)
{
    while (digits > 0) {
        unsigned step = digits < SCALE_DIGITS_MAX ? digits : SCALE_DIGITS_MAX;

        if (!scale_up(l, power_of_ten(step), 0))
            return false;
        digits -= step;
    }
    return true;
}

enum rc x402_u256_to_money(struct money *out, struct x402_u256 v, unsigned decimals,
                           enum x402_rounding rounding)
{
    struct limbs l = split(v);

    if (decimals > X402_DECIMALS_MAX)
        return RC_BAD_INPUT;
    if (decimals > MONEY_DECIMALS) {
        if (!divide(&l, decimals - MONEY_DECIMALS, rounding))
            return RC_BAD_INPUT;
    } else if (!multiply(&l, MONEY_DECIMALS - decimals)) {
        return RC_OVERFLOW;
    }
    if ((l.at[1] | l.at[2] | l.at[3]) != 0)
        return RC_OVERFLOW;
    *out = money_from_nano(l.at[0]);
    return RC_OK;
}

enum rc x402_u256_from_money(struct x402_u256 *out, struct money m, unsigned decimals,
                             enum x402_rounding rounding)
{
    struct limbs l = {{money_to_nano(m)}};

    if (decimals > X402_DECIMALS_MAX)
        return RC_BAD_INPUT;
    if (decimals >= MONEY_DECIMALS) {
        bool fits = multiply(&l, decimals - MONEY_DECIMALS);

        assert(fits); /* 2^64 * 10^27 < 2^154 */
    } else if (!divide(&l, MONEY_DECIMALS - decimals, rounding)) {
        return RC_BAD_INPUT;
    }
    *out = join(l);
    return RC_OK;
}

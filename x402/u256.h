/* SPDX-License-Identifier: Apache-2.0 */
/* The words of an EVM chain, 32 bytes each: numbers from 0 to 2^256 - 1, and hashes,
 * which are no numbers. Texts are strict: one decimal text per value, one quantity, one
 * hash (but for the case of hex digits). All arithmetic is checked. Amounts of a token
 * become money, and money becomes amounts, here only, and only in a direction that is
 * said. */
#ifndef X402_U256_H
#define X402_U256_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "base/slice.h"

enum {
    X402_WORD_LEN = 32,
    X402_U256_TEXT_SIZE = 80, /* 78 digits and a NUL, rounded up */
    X402_HASH_TEXT_SIZE = 68, /* "0x", 64 digits and a NUL, rounded up */
    X402_DECIMALS_MAX = 36    /* of a token; the usual are 6 and 18 */
};

struct x402_u256 {
    uint8_t bytes[X402_WORD_LEN]; /* big endian */
};

/* A digest, a key of storage, the nonce of an authorization. */
struct x402_hash {
    uint8_t bytes[X402_WORD_LEN];
};

#define X402_ZERO ((struct x402_u256){{0}})

struct x402_u256 x402_u256_from_u64(uint64_t value);
/* false, with *out untouched, when it does not fit. */
MUST_CHECK bool x402_u256_to_u64(uint64_t *out, struct x402_u256 v);
bool x402_u256_is_zero(struct x402_u256 v);
/* How many bits it takes: 0 for zero, 256 at most. */
unsigned x402_u256_bits(struct x402_u256 v);
int x402_u256_cmp(struct x402_u256 a, struct x402_u256 b); /* -1, 0, 1 */
/* false, with *out untouched, when the result would wrap. */
MUST_CHECK bool x402_u256_add(struct x402_u256 *out, struct x402_u256 a,
                              struct x402_u256 b);
MUST_CHECK bool x402_u256_sub(struct x402_u256 *out, struct x402_u256 a,
                              struct x402_u256 b);

/* Decimal digits: no sign, space, or leading zeros but "0" itself. RC_BAD_INPUT: not
 * such a text. RC_OVERFLOW: too large. */
MUST_CHECK enum rc x402_u256_parse(struct x402_u256 *out, struct slice text);
void x402_u256_print(char out[X402_U256_TEXT_SIZE], struct x402_u256 v);
/* The quantity of JSON-RPC: "0x" and as few hex digits as it takes, so "0x0" but never
 * "0x00". The same codes; printed in lower case. */
MUST_CHECK enum rc x402_u256_parse_quantity(struct x402_u256 *out, struct slice text);
void x402_u256_print_quantity(char out[X402_HASH_TEXT_SIZE], struct x402_u256 v);

/* "0x" and exactly 64 hex digits of either case; printed in lower case. RC_BAD_INPUT.
 */
MUST_CHECK enum rc x402_hash_parse(struct x402_hash *out, struct slice text);
void x402_hash_print(char out[X402_HASH_TEXT_SIZE], struct x402_hash h);
bool x402_hash_equal(struct x402_hash a, struct x402_hash b);

/* What to do with a value that the other unit cannot express. What comes in is credited
 * rounded down; what is asked for is rounded up; what was agreed must be exact. */
enum x402_rounding {
    X402_EXACT,
    X402_DOWN,
    X402_UP
};

/* `v` is in 10^-decimals of a token that is worth one USD each, as money is in 10^-9
 * USD. RC_BAD_INPUT: X402_EXACT, and it is not; or more decimals than
 * X402_DECIMALS_MAX. RC_OVERFLOW: more than money can be. */
MUST_CHECK enum rc x402_u256_to_money(struct money *out, struct x402_u256 v,
                                      unsigned decimals, enum x402_rounding rounding);
/* RC_BAD_INPUT as above; it always fits. */
MUST_CHECK enum rc x402_u256_from_money(struct x402_u256 *out, struct money m,
                                        unsigned decimals, enum x402_rounding rounding);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts: integers of 10^-9 USD (nano-USD) in a struct, so that no amount is ever
 * mixed with a count by accident. Never negative: direction is what debit and credit
 * are for. The largest amount is 18,446,744,073.709551615 USD. All arithmetic is
 * checked; products are computed in 128 bits and rounded once, up. `.nano` is opened in
 * base/money.c only (make check-source); elsewhere a line that must do so says "raw:"
 * and why. */
#ifndef BASE_MONEY_H
#define BASE_MONEY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct money {
    uint64_t nano;
};

enum {
    MONEY_DECIMALS = 9,
    MONEY_TEXT_SIZE = 24 /* "18446744073.709551615" and a NUL, rounded up */
};

#define MONEY_ZERO ((struct money){0})

struct money money_from_nano(uint64_t nano);
uint64_t money_to_nano(struct money m); /* for the wire and the disk */

bool money_is_zero(struct money m);
int money_cmp(struct money a, struct money b); /* -1, 0, 1 */
struct money money_min(struct money a, struct money b);
struct money money_max(struct money a, struct money b);

/* false, with *out untouched, when the result would wrap or be negative. */
MUST_CHECK bool money_add(struct money *out, struct money a, struct money b);
MUST_CHECK bool money_sub(struct money *out, struct money a, struct money b);
MUST_CHECK bool money_mul(struct money *out, struct money a, uint64_t count);
/* a - b, or zero where b is larger. */
struct money money_sub_floor(struct money a, struct money b);

/* A price of one line item: `per_mtok` is the price of 10^6 units (tokens); `markup` is
 * in millionths (0 = none, 50000 = 5 %). The result is
 *   ceil(count * per_mtok * (10^6 + markup_ppm) / 10^12)
 * computed as one 128-bit product: rounded once, up. false when it does not fit. */
MUST_CHECK bool money_line(struct money *out, uint64_t count, struct money per_mtok,
                           uint32_t markup_ppm);
/* A flat price with its markup: ceil(price * (10^6 + markup_ppm) / 10^6). */
MUST_CHECK bool money_markup(struct money *out, struct money price,
                             uint32_t markup_ppm);

/* ceil(price * part / whole), for a price that grows as another one does; whole is not
 * zero. false when it does not fit. */
MUST_CHECK bool money_scale(struct money *out, struct money price, struct money part,
                            struct money whole);

/* Decimal USD: digits, at most one point with digits on both sides, at most nine
 * places; no sign, exponent, space or leading zeros ("0.5", "25", never "05" or ".5").
 * RC_BAD_INPUT: not such a text. RC_OVERFLOW: too large. */
MUST_CHECK enum rc money_parse(struct money *out, struct slice text);
/* Always nine places: "12.345678901". */
void money_print(char out[MONEY_TEXT_SIZE], struct money m);
/* As few places as the value needs: "12", "0.05". */
void money_print_short(char out[MONEY_TEXT_SIZE], struct money m);
/* "12.5%" or "0%" to millionths; up to four places; at most 100000 %. RC_BAD_INPUT. */
MUST_CHECK enum rc money_parse_percent(uint32_t *ppm, struct slice text);

#endif

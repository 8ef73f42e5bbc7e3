/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that opens struct money. Whatever does not fit is refused: no result
 * here is ever wrapped, cut or rounded down. */
#include "base/money.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef unsigned __int128 u128; /* gcc and clang have no other name for it */

#define NANO_PER_USD 1000000000u
#define MILLION      1000000u /* parts per million, and tokens in the unit of a price */

enum {
    PERCENT_DECIMALS = 4 /* a ten-thousandth of a percent is a millionth */
};

#define PERCENT_MAX_PPM 1000000000u /* 100000 % */

struct money money_from_nano(uint64_t nano)
{
    return (struct money){nano};
}

uint64_t money_to_nano(struct money m)
{
    return m.nano;
}

bool money_is_zero(struct money m)
{
    return m.nano == 0;
}

int money_cmp(struct money a, struct money b)
{
    return (a.nano > b.nano) - (a.nano < b.nano);
}

struct money money_min(struct money a, struct money b)
{
    return a.nano < b.nano ? a : b;
}

struct money money_max(struct money a, struct money b)
{
    return a.nano > b.nano ? a : b;
}

bool money_add(struct money *out, struct money a, struct money b)
{
    uint64_t sum;

    if (__builtin_add_overflow(a.nano, b.nano, &sum))
        return false;
    out->nano = sum;
    return true;
}

bool money_sub(struct money *out, struct money a, struct money b)
{
    if (a.nano < b.nano)
        return false;
    out->nano = a.nano - b.nano;
    return true;
}

bool money_mul(struct money *out, struct money a, uint64_t count)
{
    uint64_t product;

    if (__builtin_mul_overflow(a.nano, count, &product))
        return false;
    out->nano = product;
    return true;
}

struct money money_sub_floor(struct money a, struct money b)
{
    return money_from_nano(a.nano < b.nano ? 0 : a.nano - b.nano);
}

/* ceil(a * b * (10^6 + markup_ppm) / divisor), where divisor is at most 10^12. */
static bool scale_up(struct money *out, u128 product, uint32_t markup_ppm,
                     uint64_t divisor)
{
    u128 marked_up;
    u128 quotient;

    /* What does not fit into 128 bits here is at least 2^128 / 10^12 > 2^88 afterwards,
     * so it would not fit into an amount either: refusing it refuses nothing valid. */
    if (__builtin_mul_overflow(product, (u128)MILLION + markup_ppm, &marked_up))
        return false;
    /* Round up: a wallet that sends one-token requests must not ride for free. Not by
     * adding divisor - 1 before, which could wrap. */
    quotient = marked_up / divisor;
    if (marked_up % divisor != 0)
        quotient++;
    if (quotient > UINT64_MAX)
        return false;
    out->nano = (uint64_t)quotient;
    return true;
}

bool money_line(struct money *out, uint64_t count, struct money per_mtok,
                uint32_t markup_ppm)
{
    return scale_up(out, (u128)count * per_mtok.nano, markup_ppm,
                    (uint64_t)MILLION * MILLION);
}

bool money_markup(struct money *out, struct money price, uint32_t markup_ppm)
{
    return scale_up(out, price.nano, markup_ppm, MILLION);
}

bool money_scale(struct money *out, struct money price, struct money part,
                 struct money whole)
{
    const u128 product = (u128)price.nano * part.nano;
    u128 quotient;

    assert(whole.nano > 0);
    quotient = product / whole.nano + (product % whole.nano != 0);
    if (quotient > UINT64_MAX)
        return false;
    out->nano = (uint64_t)quotient;
    return true;
}

static size_t count_digits(struct slice s)
{
    size_t count = 0;

    while (count < s.len && s.bytes[count] >= '0' && s.bytes[count] <= '9')
        count++;
    return count;
}

/* Reads a decimal number with at most `decimals` places as an integer of its last
 * place. The form is checked before the size, so that a text has one outcome only. */
static enum rc parse_decimal(uint64_t *out, struct slice text, unsigned decimals)
{
    size_t whole_len = count_digits(text);
    struct slice whole = slice_sub(text, 0, whole_len);
    struct slice point = slice_sub(text, whole_len, 1);
    struct slice places = slice_sub(text, whole_len + 1, text.len);
    uint64_t value = 0;
    uint64_t fraction = 0;
    uint64_t scale = 1;

    if (whole_len == 0 || (whole_len > 1 && whole.bytes[0] == '0'))
        return RC_BAD_INPUT;
    if (point.len != 0) {
        if (point.bytes[0] != '.' || places.len == 0 || places.len > decimals ||
            count_digits(places) != places.len)
            return RC_BAD_INPUT;
        TRY(slice_to_u64(&fraction, places));
    }
    for (size_t i = 0; i < decimals; i++) {
        scale *= 10;
        if (i >= places.len)
            fraction *= 10;
    }
    if (slice_to_u64(&value, whole) !=
            RC_OK || /* all digits: it can be too large only */
        __builtin_mul_overflow(value, scale, &value) ||
        __builtin_add_overflow(value, fraction, &value))
        return RC_OVERFLOW;
    *out = value;
    return RC_OK;
}

enum rc money_parse(struct money *out, struct slice text)
{
    return parse_decimal(&out->nano, text, MONEY_DECIMALS);
}

void money_print(char out[MONEY_TEXT_SIZE], struct money m)
{
    int len = snprintf(out, MONEY_TEXT_SIZE, "%llu.%09llu",
                       (unsigned long long)(m.nano / NANO_PER_USD),
                       (unsigned long long)(m.nano % NANO_PER_USD));

    assert(len > 0 && len < MONEY_TEXT_SIZE);
}

void money_print_short(char out[MONEY_TEXT_SIZE], struct money m)
{
    size_t len;

    money_print(out, m);
    len = strlen(out);
    while (out[len - 1] == '0')
        len--;
    if (out[len - 1] == '.')
        len--;
    out[len] = '\0';
}

enum rc money_parse_percent(uint32_t *ppm, struct slice text)
{
    uint64_t value;

    if (!slice_ends(text, SLICE("%")))
        return RC_BAD_INPUT;
    if (parse_decimal(&value, slice_sub(text, 0, text.len - 1), PERCENT_DECIMALS) !=
            RC_OK ||
        value > PERCENT_MAX_PPM)
        return RC_BAD_INPUT;
    *ppm = (uint32_t)value;
    return RC_OK;
}

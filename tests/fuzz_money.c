/* SPDX-License-Identifier: Apache-2.0 */
/* Amounts: a text that is taken has one meaning, and prices agree with big numbers. The
 * input is read both as a text and as three numbers. */
#include "base/money.h"

#include "tests/money_oracle.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PPM_PER_ONE UINT64_C(1000000)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The text without the places that say nothing: what money_print_short() makes of it.
 */
static struct slice shortest(struct slice text)
{
    if (slice_find(text, '.') == text.len)
        return text;
    while (slice_ends(text, SLICE("0")))
        text.len--;
    if (slice_ends(text, SLICE(".")))
        text.len--;
    return text;
}

static void check_text(struct slice text)
{
    const struct money before = money_from_nano(4711);
    struct money m = before;
    struct money back = MONEY_ZERO;
    char printed[MONEY_TEXT_SIZE];
    enum rc rc = money_parse(&m, text);

    if (rc != RC_OK) {
        assert(rc == RC_BAD_INPUT || rc == RC_OVERFLOW);
        assert(money_cmp(m, before) == 0);
        return;
    }
    money_print_short(printed, m);
    assert(slice_equal_str(shortest(text), printed));
    money_print(printed, m);
    assert(money_parse(&back, slice_str(printed)) == RC_OK);
    assert(money_cmp(back, m) == 0);
    assert(slice_starts(slice_str(printed), shortest(text)));
}

static void check_percent(struct slice text)
{
    uint32_t ppm = 0;

    if (money_parse_percent(&ppm, text) == RC_OK)
        assert(ppm <= 1000000000 && slice_ends(text, SLICE("%")));
    else
        assert(ppm == 0);
}

static void check_line(uint64_t count, uint64_t price, uint32_t ppm)
{
    struct money out = MONEY_ZERO;
    uint64_t expected = 0;
    bool fits = oracle_scale(&expected, count, price, ppm, PPM_PER_ONE * PPM_PER_ONE);

    assert(money_line(&out, count, money_from_nano(price), ppm) == fits);
    assert(money_to_nano(out) == expected);
    out = MONEY_ZERO;
    expected = 0;
    fits = oracle_scale(&expected, price, 1, ppm, PPM_PER_ONE);
    assert(money_markup(&out, money_from_nano(price), ppm) == fits);
    assert(money_to_nano(out) == expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_from((const char *)data, size);
    uint64_t count;
    uint64_t price;
    uint32_t ppm;

    check_text(text);
    check_percent(text);
    if (size >= sizeof(count) + sizeof(price) + sizeof(ppm)) {
        memcpy(&count, data, sizeof(count));
        memcpy(&price, data + sizeof(count), sizeof(price));
        memcpy(&ppm, data + sizeof(count) + sizeof(price), sizeof(ppm));
        check_line(count, price, ppm);
    }
    return 0;
}

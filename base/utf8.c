/* SPDX-License-Identifier: Apache-2.0 */
/* The checks of RFC 3629 section 4, by hand: iconv and the C library's converters
 * depend on the locale and take several forms that the standard forbids. */
#include "base/utf8.h"

#include <assert.h>

/* Which bytes may follow which first byte. The odd rows shut out overlong forms (e0,
 * f0), surrogates (ed) and what is above U+10FFFF (f4). */
static const struct row {
    unsigned char first_low, first_high;
    unsigned char second_low, second_high;
    unsigned char len;
} rows[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
    {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static const struct row *row_of(unsigned char first)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (first >= rows[i].first_low && first <= rows[i].first_high)
            return &rows[i];
    return NULL;
}

size_t utf8_length(struct slice s)
{
    const unsigned char *b = (const unsigned char *)s.bytes;
    const struct row *row;

    if (s.len == 0)
        return 0;
    if (b[0] < 0x80)
        return 1;
    row = row_of(b[0]);
    if (row == NULL || s.len < row->len)
        return 0;
    if (b[1] < row->second_low || b[1] > row->second_high)
        return 0;
    for (size_t i = 2; i < row->len; i++)
        if ((b[i] & 0xc0) != 0x80)
            return 0;
    return row->len;
}

size_t utf8_encode(char out[UTF8_MAX], uint32_t code)
{
    assert(code <= 0x10ffff && (code < 0xd800 || code > 0xdfff));
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

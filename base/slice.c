/* SPDX-License-Identifier: Apache-2.0 */
/* Comparing, cutting and reading slices. ASCII only, whatever the locale says: what is
 * read here comes from protocols, not from people. Allocates nothing. */
#include "base/slice.h"

#include <string.h>

/* memcmp() may not be given NULL, even for no bytes. */
static bool same_bytes(const char *a, const char *b, size_t len)
{
    return len == 0 || memcmp(a, b, len) == 0;
}

static unsigned char lower(char c)
{
    unsigned char u = (unsigned char)c;

    return u >= 'A' && u <= 'Z' ? (unsigned char)(u | 0x20) : u;
}

static bool same_bytes_nocase(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

bool slice_equal_str(struct slice a, const char *b)
{
    return slice_equal(a, slice_str(b));
}

bool slice_equal_nocase(struct slice a, struct slice b)
{
    return a.len == b.len && same_bytes_nocase(a.bytes, b.bytes, a.len);
}

bool slice_starts(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && same_bytes(s.bytes, prefix.bytes, prefix.len);
}

bool slice_starts_nocase(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && same_bytes_nocase(s.bytes, prefix.bytes, prefix.len);
}

bool slice_ends(struct slice s, struct slice suffix)
{
    if (suffix.len == 0)
        return true;
    return s.len >= suffix.len &&
           same_bytes(s.bytes + (s.len - suffix.len), suffix.bytes, suffix.len);
}

int slice_compare(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.bytes, b.bytes, shorter);

    if (order != 0)
        return order < 0 ? -1 : 1;
    return (a.len > b.len) - (a.len < b.len);
}

bool slice_equal_secret(struct slice a, struct slice b)
{
    unsigned char difference = 0;

    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        difference |= (unsigned char)(a.bytes[i] ^ b.bytes[i]);
        /* Hides the value from the compiler, which could else leave the loop early. */
        __asm__ volatile("" : "+r"(difference));
    }
    return difference == 0;
}

size_t slice_find(struct slice s, char c)
{
    const char *at = s.len == 0 ? NULL : memchr(s.bytes, c, s.len);

    return at == NULL ? s.len : (size_t)(at - s.bytes);
}

size_t slice_search(struct slice s, struct slice needle)
{
    const char *at;

    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return s.len;
    at = memmem(s.bytes, s.len, needle.bytes, needle.len);
    return at == NULL ? s.len : (size_t)(at - s.bytes);
}

bool slice_has_ctl(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.bytes[i] < 0x20 || s.bytes[i] == 0x7f)
            return true;
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && is_blank(s.bytes[0]))
        s = slice_from(s.bytes + 1, s.len - 1);
    while (s.len > 0 && is_blank(s.bytes[s.len - 1]))
        s.len--;
    return s;
}

bool slice_next(struct slice *piece, struct slice *rest, char separator)
{
    size_t len = slice_find(*rest, separator);

    if (rest->len == 0)
        return false;
    *piece = slice_sub(*rest, 0, len);
    *rest = slice_sub(*rest, len + 1, rest->len);
    return true;
}

enum rc slice_to_u64(uint64_t *out, struct slice s)
{
    uint64_t value = 0;

    if (s.len == 0)
        return RC_BAD_INPUT;
    for (size_t i = 0; i < s.len; i++) {
        if (s.bytes[i] < '0' || s.bytes[i] > '9')
            return RC_BAD_INPUT;
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.bytes[i] - '0'), &value))
            return RC_BAD_INPUT;
    }
    *out = value;
    return RC_OK;
}

enum rc slice_to_i64(int64_t *out, struct slice s)
{
    bool negative = slice_starts(s, SLICE("-"));
    uint64_t size;

    TRY(slice_to_u64(&size, slice_sub(s, negative ? 1 : 0, s.len)));
    if (size > (uint64_t)INT64_MAX + (negative ? 1 : 0))
        return RC_BAD_INPUT;
    if (!negative)
        *out = (int64_t)size;
    else
        *out = size == 0 ? 0 : -(int64_t)(size - 1) - 1; /* INT64_MIN has no opposite */
    return RC_OK;
}

bool slice_glob(struct slice pattern, struct slice s)
{
    size_t p = 0;
    size_t i = 0;
    size_t star = SIZE_MAX; /* index of the last '*' that was met */
    size_t retry = 0;       /* where in s the next try of what follows it begins */

    /* Only the last '*' is ever tried again: an earlier one has matched as little as it
     * could, and what a longer match of it could reach, the last one reaches too. */
    while (i < s.len) {
        if (p < pattern.len && pattern.bytes[p] == '*') {
            star = p++;
            retry = i;
        } else if (p < pattern.len &&
                   (pattern.bytes[p] == '?' || pattern.bytes[p] == s.bytes[i])) {
            p++;
            i++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            i = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.bytes[p] == '*')
        p++;
    return p == pattern.len;
}

enum rc slice_to_cstr(char *out, size_t size, struct slice s)
{
    if (size == 0)
        return RC_TOO_BIG;
    out[0] = '\0';
    if (s.len >= size)
        return RC_TOO_BIG;
    /* A reader of the string would see less than the slice says: "a\0/../b". */
    if (slice_find(s, '\0') != s.len)
        return RC_BAD_INPUT;
    if (s.len > 0)
        memcpy(out, s.bytes, s.len);
    out[s.len] = '\0';
    return RC_OK;
}

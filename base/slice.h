/* SPDX-License-Identifier: Apache-2.0 */
/* A view of bytes that somebody else owns. Never NUL-terminated by contract; a slice is
 * valid as long as its owner says so (an arena, a buffer, a literal). */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/rc.h"

struct slice {
    const char *bytes; /* may be NULL when len is 0 */
    size_t len;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
#define SLICE_NONE     ((struct slice){NULL, 0})
/* For "%.*s". Log and error text only: cuts at INT_MAX. */
#define SLICE_FMT(s) (int)((s).len > 4096 ? 4096 : (s).len), (s).bytes ? (s).bytes : ""

/* The next four are in every inner loop over text: hence here. */
static inline struct slice slice_from(const char *bytes, size_t len)
{
    return (struct slice){bytes, len};
}

/* NULL becomes SLICE_NONE. */
static inline struct slice slice_str(const char *str)
{
    return str == NULL ? SLICE_NONE : slice_from(str, strlen(str));
}

/* Clamped to s. */
static inline struct slice slice_sub(struct slice s, size_t from, size_t len)
{
    if (from >= s.len)
        return SLICE_NONE;
    if (len > s.len - from)
        len = s.len - from;
    return slice_from(s.bytes + from, len);
}

static inline bool slice_equal(struct slice a, struct slice b)
{
    /* memcmp() may not be given NULL, even for no bytes. */
    return a.len == b.len && (a.len == 0 || memcmp(a.bytes, b.bytes, a.len) == 0);
}

bool slice_equal_str(struct slice a, const char *b);
bool slice_equal_nocase(struct slice a, struct slice b); /* ASCII letters only */
bool slice_starts(struct slice s, struct slice prefix);
bool slice_starts_nocase(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);
int slice_compare(struct slice a, struct slice b); /* bytewise, shorter first */

/* In time that depends on the lengths only. For secrets. */
bool slice_equal_secret(struct slice a, struct slice b);

/* Index of the first `c`, or s.len. */
size_t slice_find(struct slice s, char c);
/* Index of the first `needle`, or s.len; an empty needle is found at 0. */
size_t slice_search(struct slice s, struct slice needle);
bool slice_has_ctl(struct slice s); /* any byte below 0x20 or 0x7f */

struct slice slice_trim(struct slice s); /* spaces and tabs, both ends */

/* Cuts the piece before the next `separator` off the front of *rest. Returns false when
 * *rest is used up. "a,,b" yields "a", "", "b"; an empty slice yields nothing, and so
 * does what follows a last separator. */
bool slice_next(struct slice *piece, struct slice *rest, char separator);

/* Decimal digits only: no sign, space, or leading "+". RC_BAD_INPUT otherwise, or when
 * the value does not fit. */
MUST_CHECK enum rc slice_to_u64(uint64_t *out, struct slice s);
MUST_CHECK enum rc slice_to_i64(int64_t *out, struct slice s); /* one leading '-' */

/* `pattern` with '*' for any run of bytes, '?' for one. Linear in s for one '*';
 * bounded by pattern.len * s.len. */
bool slice_glob(struct slice pattern, struct slice s);

/* Copies into out (size bytes of room) with a NUL. RC_TOO_BIG: does not fit.
 * RC_BAD_INPUT: s has a NUL inside. In both cases out is "". */
MUST_CHECK enum rc slice_to_cstr(char *out, size_t size, struct slice s);

#endif

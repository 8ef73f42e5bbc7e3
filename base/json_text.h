/* SPDX-License-Identifier: Apache-2.0 */
/* The letters of JSON, shared by the guard, the raw readers and the writer: what stands
 * between a string's quotes, and white space. Other code has no need of it. */
#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"
#include "base/utf8.h"

/* How many bytes at the start of s stand for themselves in a string: ASCII but for the
 * quote, the backslash and control bytes. The fast path of everything here. */
size_t json_text_plain(struct slice s);

/* Decodes the escape at the start of s (a backslash). Returns the bytes put into out, 0
 * for an invalid one (a lone surrogate too); *used is how many bytes of s it took. */
size_t json_text_escape(char out[UTF8_MAX], size_t *used, struct slice s);

/* Decodes what stands between quotes; out has room for inner.len bytes. Returns how
 * many were written. Total: an invalid escape, which the guard lets nobody see, is
 * copied. */
size_t json_text_unescape(char *out, struct slice inner);

/* Whether what stands between quotes reads `name` when decoded. */
bool json_text_equal(struct slice inner, const char *name);

static inline bool json_text_is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Offset of the first byte at or behind `at` that is no white space, or s.len. */
static inline size_t json_text_skip_space(struct slice s, size_t at)
{
    while (at < s.len && json_text_is_space(s.bytes[at]))
        at++;
    return at;
}

#endif

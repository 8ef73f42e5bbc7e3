/* SPDX-License-Identifier: Apache-2.0 */
/* UTF-8 one character at a time, strictly by the table of RFC 3629 section 4: no
 * overlong forms, no surrogates, nothing above U+10FFFF. No case, width or normal form.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    UTF8_MAX = 4 /* bytes of one character */
};

/* Bytes of the character at the start of s; 0: s is empty or does not start with one.
 */
size_t utf8_length(struct slice s);

/* Writes a code point (no surrogate, at most 0x10FFFF) and returns its bytes. */
size_t utf8_encode(char out[UTF8_MAX], uint32_t code);

#endif

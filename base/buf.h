/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded byte queue in one piece: append at the end, consume at the front. Used to
 * build texts and as the buffer between a fast and a slow peer. Like an arena it has a
 * sticky mark: an append over the limit adds nothing and marks the buffer *spent*. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct buf {
    char *bytes;  /* private, like all members: use the functions */
    size_t start; /* first byte not consumed */
    size_t end;   /* one behind the last byte */
    size_t size;  /* room allocated */
    size_t limit; /* most bytes that may wait at once */
    bool lent;    /* bytes belong to somebody else */
    bool spent;
};

/* No allocation yet. */
void buf_init(struct buf *b, size_t limit);
/* Over somebody else's room of size > 0 bytes (an arena's): up to size - 1 bytes wait
 * there, nothing is ever allocated, and buf_free() need not be called. NULL: spent. */
void buf_init_lent(struct buf *b, char *room, size_t size);
void buf_free(struct buf *b);  /* frees what it owns; b can be used again */
void buf_wipe(struct buf *b);  /* the same, but zeroes them before */
void buf_reset(struct buf *b); /* empties, clears the mark, keeps the room */

bool buf_spent(const struct buf *b);
size_t buf_len(const struct buf *b);
size_t buf_room(const struct buf *b);        /* how much more can be appended */
struct slice buf_slice(const struct buf *b); /* valid until the next append or free */

void buf_append(struct buf *b, struct slice s);
void buf_append_str(struct buf *b, const char *str);
void buf_append_char(struct buf *b, char c);
/* As a field of CSV, in quotes (RFC 4180 section 2); of an empty one nothing. */
void buf_append_field(struct buf *b, struct slice s);
void buf_printf(struct buf *b, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void buf_consume(struct buf *b, size_t len); /* at most buf_len() */

#endif

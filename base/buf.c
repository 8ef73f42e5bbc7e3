/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes that wait are one run [start, end) of the room. The run is moved down only
 * when enough has been consumed to pay for it, so that appending and consuming cost a
 * constant per byte whatever the sizes are. One thread only. */
#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROOM_MIN_SIZE = 256
};

void buf_init(struct buf *b, size_t limit)
{
    *b = (struct buf){.limit = limit};
}

void buf_init_lent(struct buf *b, char *room, size_t size)
{
    assert(size > 0);
    *b = (struct buf){.bytes = room,
                      .size = room == NULL ? 0 : size,
                      .limit = room == NULL ? 0 : size - 1,
                      .lent = true,
                      .spent = room == NULL};
}

void buf_free(struct buf *b)
{
    if (b->lent) {
        buf_reset(b);
        return;
    }
    free(b->bytes);
    buf_init(b, b->limit);
}

void buf_wipe(struct buf *b)
{
    if (b->bytes != NULL)
        explicit_bzero(b->bytes, b->size);
    buf_free(b);
}

void buf_reset(struct buf *b)
{
    b->start = 0;
    b->end = 0;
    b->spent = b->lent && b->bytes == NULL;
}

bool buf_spent(const struct buf *b)
{
    return b->spent;
}

size_t buf_len(const struct buf *b)
{
    return b->end - b->start;
}

size_t buf_room(const struct buf *b)
{
    return b->spent ? 0 : b->limit - buf_len(b);
}

struct slice buf_slice(const struct buf *b)
{
    return b->bytes == NULL ? SLICE_NONE : slice_from(b->bytes + b->start, buf_len(b));
}

/* The most room to allocate: a quarter more than may wait. So when the end of the room
 * is reached, more than a quarter of the limit has been consumed. */
static size_t room_max(const struct buf *b)
{
    return b->limit < SIZE_MAX / 2 ? b->limit + b->limit / 4 + 1 : SIZE_MAX;
}

static void move_down(struct buf *b)
{
    size_t len = buf_len(b);

    memmove(b->bytes, b->bytes + b->start, len);
    b->start = 0;
    b->end = len;
}

/* Not realloc(): it would leave a copy behind that buf_wipe() cannot reach. */
static bool grow(struct buf *b, size_t needed)
{
    size_t max = room_max(b);
    size_t size = b->size < max / 2 ? b->size * 2 : max;
    size_t len = buf_len(b);
    char *bytes;

    if (size < ROOM_MIN_SIZE)
        size = max < ROOM_MIN_SIZE ? max : ROOM_MIN_SIZE;
    if (size < needed)
        size = needed;
    bytes = malloc(size);
    if (bytes == NULL)
        return false;
    if (b->bytes != NULL) {
        memcpy(bytes, b->bytes + b->start, len);
        explicit_bzero(b->bytes, b->size);
        free(b->bytes);
    }
    b->bytes = bytes;
    b->size = size;
    b->start = 0;
    b->end = len;
    return true;
}

/* Room for `len` more bytes and a NUL behind them, or the mark. */
static bool make_room(struct buf *b, size_t len)
{
    size_t needed; /* in a room whose run begins at 0 */

    if (b->spent || len > buf_room(b)) {
        b->spent = true;
        return false;
    }
    if (b->size - b->end > len)
        return true;
    if (__builtin_add_overflow(buf_len(b) + len, (size_t)1, &needed)) {
        b->spent = true;
        return false;
    }
    if (b->lent ||
        (needed <= b->size && (b->start >= b->size / 4 || b->size >= room_max(b))))
        move_down(b);
    else if (!grow(b, needed))
        b->spent = true;
    return !b->spent;
}

void buf_append(struct buf *b, struct slice s)
{
    if (s.len == 0 || !make_room(b, s.len))
        return;
    memcpy(b->bytes + b->end, s.bytes, s.len);
    b->end += s.len;
}

void buf_append_str(struct buf *b, const char *str)
{
    buf_append(b, slice_str(str));
}

void buf_append_char(struct buf *b, char c)
{
    buf_append(b, slice_from(&c, 1));
}

void buf_append_field(struct buf *b, struct slice s)
{
    if (s.len == 0)
        return;
    buf_append_char(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.bytes[i] == '"')
            buf_append_char(b, '"');
        buf_append_char(b, s.bytes[i]);
    }
    buf_append_char(b, '"');
}

void buf_printf(struct buf *b, const char *format, ...)
{
    const size_t free_size = b->size - b->end;
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(free_size > 0 ? b->bytes + b->end : NULL, free_size, format,
                    arguments);
    va_end(arguments);
    assert(len >= 0); /* our own formats are right, and no text here reaches 2 GiB */
    if (!make_room(b, (size_t)len))
        return;
    if ((size_t)len < free_size) { /* it is in place already */
        b->end += (size_t)len;
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(b->bytes + b->end, (size_t)len + 1, format, arguments);
    va_end(arguments);
    b->end += (size_t)len;
}

void buf_consume(struct buf *b, size_t len)
{
    assert(len <= buf_len(b));
    b->start += len;
    if (b->start == b->end) {
        b->start = 0;
        b->end = 0;
    }
}

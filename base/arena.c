/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks in a list, the newest first; pieces are cut off the newest. What is charged
 * against the limit does not depend on how pieces fall into blocks, so that a limit
 * means the same in every build. Does not wipe: secrets belong into base/secret. */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_FIRST_SIZE = 16 * 1024,
    BLOCK_MAX_SIZE = 256 * 1024
};

struct block {
    struct block *older;
    size_t size;
    size_t used;
    alignas(max_align_t) char bytes[];
};

struct arena {
    struct block *newest;
    size_t next_size; /* of the next block */
    size_t limit;
    size_t used;
    bool spent;
};

enum rc arena_open(struct arena **out, size_t limit)
{
    struct arena *a = calloc(1, sizeof(*a));

    if (a == NULL)
        return RC_NOMEM;
    a->next_size = BLOCK_FIRST_SIZE;
    a->limit = limit;
    *out = a;
    return RC_OK;
}

/* Frees all blocks but `kept`, which may be NULL. */
static void free_blocks(struct arena *a, struct block *kept)
{
    struct block *b = a->newest;

    while (b != NULL) {
        struct block *older = b->older;

        if (b != kept)
            free(b);
        b = older;
    }
    a->newest = kept;
}

void arena_close(struct arena *a)
{
    if (a == NULL)
        return;
    free_blocks(a, NULL);
    free(a);
}

/* The block to keep: the first one, which is the smallest, so that an idle connection
 * does not sit on what its largest request once needed. */
static struct block *block_to_keep(const struct arena *a)
{
#ifdef OCTROI_SANITIZE
    (void)a;
    return NULL;
#else
    struct block *b = a->newest;

    while (b != NULL && b->older != NULL)
        b = b->older;
    return b != NULL && b->size == BLOCK_FIRST_SIZE ? b : NULL;
#endif
}

void arena_reset(struct arena *a)
{
    struct block *kept = block_to_keep(a);

    free_blocks(a, kept);
    a->next_size = BLOCK_FIRST_SIZE;
    if (kept != NULL) {
        kept->used = 0;
        a->next_size *= 2;
    }
    a->used = 0;
    a->spent = false;
}

bool arena_spent(const struct arena *a)
{
    return a->spent;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}

/* How many bytes lead from `at` to the next multiple of alignment, a power of two. */
static size_t padding(size_t at, size_t alignment)
{
    return (alignment - (at & (alignment - 1))) & (alignment - 1);
}

static bool add_block(struct arena *a, size_t size)
{
    struct block *b;

    if (size > SIZE_MAX - sizeof(*b))
        return false;
    b = malloc(sizeof(*b) + size);
    if (b == NULL)
        return false;
    b->older = a->newest;
    b->size = size;
    b->used = 0;
    a->newest = b;
    return true;
}

/* Makes sure that the newest block has room for a piece of `size` bytes. */
static bool make_room(struct arena *a, size_t size, size_t alignment)
{
#ifdef OCTROI_SANITIZE
    (void)alignment;
    return add_block(a, size);
#else
    const struct block *b = a->newest;
    size_t block_size = a->next_size;

    if (b != NULL) {
        size_t skipped = padding(b->used, alignment);

        if (b->size - b->used >= skipped && b->size - b->used - skipped >= size)
            return true;
    }
    if (size > block_size)
        return add_block(a, size);
    if (!add_block(a, block_size))
        return false;
    if (a->next_size < BLOCK_MAX_SIZE)
        a->next_size *= 2;
    return true;
#endif
}

/* A piece that is not zeroed. */
static char *take(struct arena *a, size_t size, size_t alignment)
{
    /* Padding is charged as well, or a limit would let sixteen times as much through in
     * one-byte pieces. */
    size_t skipped = padding(a->used, alignment);
    struct block *b;
    char *piece;

    if (a->spent)
        return NULL;
    if (a->limit - a->used < skipped || a->limit - a->used - skipped < size ||
        !make_room(a, size, alignment)) {
        a->spent = true;
        return NULL;
    }
    a->used += skipped + size;
    b = a->newest;
    b->used += padding(b->used, alignment);
    piece = b->bytes + b->used;
    b->used += size;
    return piece;
}

void *arena_alloc(struct arena *a, size_t size)
{
    void *piece = take(a, size, alignof(max_align_t));

    return piece == NULL ? NULL : memset(piece, 0, size);
}

void *arena_alloc_array(struct arena *a, size_t count, size_t size)
{
    size_t total;

    if (__builtin_mul_overflow(count, size, &total)) {
        a->spent = true;
        return NULL;
    }
    return arena_alloc(a, total);
}

char *arena_copy(struct arena *a, const char *bytes, size_t len)
{
    char *copy;

    if (len == SIZE_MAX) {
        a->spent = true;
        return NULL;
    }
    copy = take(a, len + 1, 1);
    if (copy == NULL)
        return NULL;
    if (len > 0)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

struct slice arena_slice(struct arena *a, struct slice s)
{
    const char *copy = arena_copy(a, s.bytes, s.len);

    return copy == NULL ? SLICE_NONE : slice_from(copy, s.len);
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    struct block *b = a->newest;
    const size_t free_size = b != NULL ? b->size - b->used : 0;
    char *end = free_size > 0 ? b->bytes + b->used : NULL;
    va_list arguments;
    char *text;
    int len;

    va_start(arguments, format);
    len = vsnprintf(end, free_size, format, arguments);
    va_end(arguments);
    assert(len >= 0); /* our own formats are right, and no text here reaches 2 GiB */
    text = take(a, (size_t)len + 1, 1);
    if (text == NULL)
        return NULL;
    if (text == end) /* it is in place already */
        return text;
    va_start(arguments, format);
    (void)vsnprintf(text, (size_t)len + 1, format, arguments);
    va_end(arguments);
    return text;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that lives as long as one request (or one parse): pieces are never freed
 * alone. An arena has a limit. A piece that does not fit marks it *spent*, and it stays
 * spent, returning NULL for everything, until arena_reset(): so a whole series of
 * allocations is checked once, at its end. In sanitizer builds every piece is allocated
 * on its own, so that overruns are seen. One thread only. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct arena;

/* limit: the sum of all pieces in bytes, with the padding between them. RC_NOMEM. */
MUST_CHECK enum rc arena_open(struct arena **out, size_t limit);
void arena_close(struct arena *a); /* NULL is fine */
void arena_reset(struct arena *a); /* drops every piece and the mark; keeps one block */

bool arena_spent(const struct arena *a);
size_t arena_used(const struct arena *a);

/* Zeroed, aligned for any type. NULL when spent. size 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_alloc_array(struct arena *a, size_t count, size_t size); /* no wrap */
#define arena_new(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define arena_new_array(a, type, count) \
    ((type *)arena_alloc_array((a), (count), sizeof(type)))

/* Copies with a NUL behind. NULL when spent. */
char *arena_copy(struct arena *a, const char *bytes, size_t len);
/* The same as a slice; SLICE_NONE when spent. */
struct slice arena_slice(struct arena *a, struct slice s);
char *arena_printf(struct arena *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif

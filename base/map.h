/* SPDX-License-Identifier: Apache-2.0 */
/* A map from byte keys to pointers with a fixed capacity and a keyed hash, so that
 * nobody outside can choose colliding keys. Keys are borrowed: they must stay with the
 * value. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>

#include "base/slice.h"

struct map;

MUST_CHECK enum rc map_open(struct map **out, size_t capacity); /* RC_NOMEM */
void map_close(struct map *m);                                  /* NULL is fine */
void *map_get(const struct map *m, struct slice key);           /* NULL: absent */
/* RC_EXISTS; RC_FULL: capacity reached. value is not NULL. */
MUST_CHECK enum rc map_put(struct map *m, struct slice key, void *value);
void *map_remove(struct map *m, struct slice key); /* what was there, or NULL */
size_t map_count(const struct map *m);
/* Walks all in no order: start with *at = 0; NULL at the end. No change while walking,
 * but for removing what was just returned. */
void *map_next(const struct map *m, size_t *at);

/* SipHash-1-3 with a key drawn at start. Any thread. */
uint64_t map_hash(struct slice key);
/* The same with a key of the caller's: for its test. */
uint64_t map_siphash13(const uint64_t key[2], struct slice bytes);

#endif

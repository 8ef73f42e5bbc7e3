/* SPDX-License-Identifier: Apache-2.0 */
/* Linear probing over a table that is at most three quarters full. The table does not
 * wrap around: behind the slots that a hash can name lie as many as a probe can run on,
 * so an entry is never before its home. Hence two simple rules: removing shifts later
 * entries down, towards their homes, and walking goes from the top down, so that what a
 * removal shifts has been seen before. One thread only, but for map_hash(). */
#include "base/map.h"

#include "base/random.h"

#include <assert.h>
#include <endian.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    uint64_t hash;
    struct slice key;
    void *value; /* NULL: the slot is empty */
};

struct map {
    size_t capacity;
    size_t count;
    size_t home_mask;  /* number of slots that a hash can name, less one */
    size_t slot_count; /* the last slot is always empty: it ends every probe */
    struct slot slots[];
};

enum rc map_open(struct map **out, size_t capacity)
{
    size_t home_count = 1;
    size_t slot_count;
    size_t size;
    struct map *m;

    if (capacity > SIZE_MAX / 8)
        return RC_NOMEM;
    while (home_count / 4 * 3 < capacity)
        home_count *= 2;
    /* At most capacity - 1 others push an entry beyond the last home. */
    slot_count = home_count + capacity;
    if (__builtin_mul_overflow(slot_count, sizeof(m->slots[0]), &size) ||
        __builtin_add_overflow(size, sizeof(*m), &size))
        return RC_NOMEM;
    m = calloc(1, size);
    if (m == NULL)
        return RC_NOMEM;
    m->capacity = capacity;
    m->home_mask = home_count - 1;
    m->slot_count = slot_count;
    *out = m;
    return RC_OK;
}

void map_close(struct map *m)
{
    free(m);
}

static size_t home_of(const struct map *m, uint64_t hash)
{
    return (size_t)hash & m->home_mask;
}

/* The slot that holds the key, or the empty one that ends the search for it. */
static size_t find_slot(const struct map *m, struct slice key, uint64_t hash)
{
    size_t at = home_of(m, hash);

    while (m->slots[at].value != NULL &&
           (m->slots[at].hash != hash || !slice_equal(m->slots[at].key, key)))
        at++;
    return at;
}

void *map_get(const struct map *m, struct slice key)
{
    return m->slots[find_slot(m, key, map_hash(key))].value;
}

enum rc map_put(struct map *m, struct slice key, void *value)
{
    uint64_t hash = map_hash(key);
    size_t at = find_slot(m, key, hash);

    assert(value != NULL);
    if (m->slots[at].value != NULL)
        return RC_EXISTS;
    if (m->count == m->capacity)
        return RC_FULL;
    m->slots[at] = (struct slot){hash, key, value};
    m->count++;
    return RC_OK;
}

void *map_remove(struct map *m, struct slice key)
{
    size_t hole = find_slot(m, key, map_hash(key));
    void *value = m->slots[hole].value;

    if (value == NULL)
        return NULL;
    /* A probe ends at the first empty slot: whatever was pushed past the hole must come
     * down, or it would be lost. */
    for (size_t at = hole + 1; m->slots[at].value != NULL; at++) {
        if (home_of(m, m->slots[at].hash) <= hole) {
            m->slots[hole] = m->slots[at];
            hole = at;
        }
    }
    m->slots[hole] = (struct slot){0};
    m->count--;
    return value;
}

size_t map_count(const struct map *m)
{
    return m->count;
}

void *map_next(const struct map *m, size_t *at)
{
    while (*at < m->slot_count) {
        const struct slot *slot = &m->slots[m->slot_count - 1 - *at];

        (*at)++;
        if (slot->value != NULL)
            return slot->value;
    }
    return NULL;
}

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

/* One round of SipHash (Aumasson and Bernstein, 2012, section 2.2). */
static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32) + v[3];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* Up to eight bytes. */
static inline uint64_t little_endian(const char *bytes, size_t len)
{
    uint64_t word = 0;

    memcpy(&word, bytes, len);
    return le64toh(word);
}

static inline void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v); /* the 1 of 1-3 */
    v[0] ^= word;
}

uint64_t map_siphash13(const uint64_t key[2], struct slice bytes)
{
    uint64_t v[4] = {
        key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d),
        key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573)};
    size_t whole = bytes.len - bytes.len % 8;

    for (size_t i = 0; i < whole; i += 8)
        sip_word(v, little_endian(bytes.bytes + i, 8));
    sip_word(v, (uint64_t)bytes.len << 56 |
                    (whole == bytes.len
                         ? 0
                         : little_endian(bytes.bytes + whole, bytes.len - whole)));
    v[2] ^= 0xff;
    for (unsigned i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static pthread_once_t drawn = PTHREAD_ONCE_INIT;
static uint64_t process_key[2];

static void draw_key(void)
{
    random_bytes(process_key, sizeof(process_key));
}

uint64_t map_hash(struct slice key)
{
    (void)pthread_once(&drawn, draw_key);
    return map_siphash13(process_key, key);
}

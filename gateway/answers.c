/* SPDX-License-Identifier: Apache-2.0 */
/* Kept answers: a map by key and a list by age. */
#include "gateway/answers.h"

#include "base/clock.h"
#include "base/codec.h"
#include "base/map.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    ANSWERS_MAX = 65536,
    CLAIMS_MAX = 4096, /* as many payments as may be in motion */
    KEEP_MS = 24 * 3600 * 1000,
    SLOT_OVERHEAD = 512 /* counted for each, so that empty answers are not free */
};

struct kept {
    struct kept *older, *newer;
    uint64_t since_ms;
    uint8_t key[SHA256_LEN];
    struct answer_slot *slot;
};

struct answers {
    pthread_mutex_t lock; /* a repeat may come in on any loop; held for one copy */
    struct map *by_key;
    struct map *claims; /* to nothing in particular */
    struct kept *oldest, *newest;
    uint64_t used_bytes, limit_bytes;
};

enum rc answers_open(struct answers **out, uint64_t limit_bytes)
{
    struct answers *a = calloc(1, sizeof(*a));

    if (a == NULL)
        return RC_NOMEM;
    a->limit_bytes = limit_bytes;
    if (map_open(&a->by_key, ANSWERS_MAX) != RC_OK ||
        map_open(&a->claims, CLAIMS_MAX) != RC_OK ||
        pthread_mutex_init(&a->lock, NULL) != 0) {
        map_close(a->by_key);
        map_close(a->claims);
        free(a);
        return RC_NOMEM;
    }
    *out = a;
    return RC_OK;
}

static struct slice kept_key(const struct kept *k)
{
    return slice_from((const char *)k->key, sizeof(k->key));
}

static uint64_t kept_bytes(const struct kept *k)
{
    return SLOT_OVERHEAD + buf_len(&k->slot->body);
}

static void drop(struct answers *a, struct kept *k)
{
    (void)map_remove(a->by_key, kept_key(k));
    *(k->older ? &k->older->newer : &a->oldest) = k->newer;
    *(k->newer ? &k->newer->older : &a->newest) = k->older;
    a->used_bytes -= kept_bytes(k);
    answer_slot_free(k->slot);
    free(k);
}

void answers_close(struct answers *a)
{
    if (a == NULL)
        return;
    while (a->oldest != NULL)
        drop(a, a->oldest);
    map_close(a->by_key);
    map_close(a->claims);
    (void)pthread_mutex_destroy(&a->lock);
    free(a);
}

struct answer_slot *answer_slot_new(void)
{
    struct answer_slot *s = calloc(1, sizeof(*s));

    if (s != NULL)
        buf_init(&s->body, ANSWER_BYTES_MAX);
    return s;
}

void answer_slot_free(struct answer_slot *s)
{
    if (s == NULL)
        return;
    buf_free(&s->body);
    free(s);
}

static void make_room(struct answers *a, uint64_t bytes)
{
    uint64_t now = clock_mono_ms();

    while (a->oldest != NULL &&
           (a->used_bytes + bytes > a->limit_bytes ||
            map_count(a->by_key) >= ANSWERS_MAX || now - a->oldest->since_ms > KEEP_MS))
        drop(a, a->oldest);
}

void answers_keep(struct answers *a, const uint8_t key[32], struct answer_slot *s)
{
    struct kept *k = calloc(1, sizeof(*k));
    struct kept *old;

    if (k == NULL) {
        answer_slot_free(s);
        return;
    }
    k->slot = s;
    k->since_ms = clock_mono_ms();
    memcpy(k->key, key, sizeof(k->key));
    (void)pthread_mutex_lock(&a->lock);
    old = map_get(a->by_key, kept_key(k));
    if (old != NULL)
        drop(a, old);
    make_room(a, kept_bytes(k));
    if (map_put(a->by_key, kept_key(k), k) == RC_OK) {
        k->older = a->newest;
        *(a->newest ? &a->newest->newer : &a->oldest) = k;
        a->newest = k;
        a->used_bytes += kept_bytes(k);
        k = NULL;
    }
    (void)pthread_mutex_unlock(&a->lock);
    if (k != NULL) {
        answer_slot_free(k->slot);
        free(k);
    }
}

enum rc answers_find(struct answer *out, struct answers *a, const uint8_t key[32],
                     struct arena *arena)
{
    const struct kept *k;
    enum rc rc = RC_NOT_FOUND;

    (void)pthread_mutex_lock(&a->lock);
    k = map_get(a->by_key, slice_from((const char *)key, SHA256_LEN));
    if (k != NULL) {
        const struct answer_slot *s = k->slot;

        *out = (struct answer){
            .status = s->status,
            .content_type = arena_copy(arena, s->content_type, strlen(s->content_type)),
            .cost = arena_copy(arena, s->cost, strlen(s->cost)),
            .request_id = arena_copy(arena, s->request_id, strlen(s->request_id)),
            .body = arena_slice(arena, buf_slice(&s->body)),
        };
        rc = arena_spent(arena) ? RC_NOMEM : RC_OK;
    }
    (void)pthread_mutex_unlock(&a->lock);
    return rc;
}

/* ---- Claims ---- */

enum rc answers_claim(struct answers *a, const uint8_t key[32])
{
    enum rc rc;

    (void)pthread_mutex_lock(&a->lock);
    rc = map_put(a->claims, slice_from((const char *)key, SHA256_LEN), a);
    (void)pthread_mutex_unlock(&a->lock);
    if (rc == RC_EXISTS)
        return RC_IDEM_IN_FLIGHT;
    return rc == RC_FULL ? RC_BUSY : rc;
}

void answers_release(struct answers *a, const uint8_t key[32])
{
    (void)pthread_mutex_lock(&a->lock);
    (void)map_remove(a->claims, slice_from((const char *)key, SHA256_LEN));
    (void)pthread_mutex_unlock(&a->lock);
}

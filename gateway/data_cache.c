/* SPDX-License-Identifier: Apache-2.0 */
/* A map by key and a list by use. */
#include "gateway/data_cache.h"

#include "base/codec.h"
#include "base/map.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENTRIES_MAX = 65536,
    TEXT_MAX = 65536,     /* of all headers of one answer */
    ENTRY_OVERHEAD = 4096 /* counted for each, so that empty answers are not free */
};

struct kept {
    struct data_answer answer;
    atomic_uint references;
    struct kept *older, *newer;
    uint8_t key[SHA256_LEN];
    size_t text_len;
    char text[]; /* what content_type and headers point to */
};

struct data_cache {
    pthread_mutex_t lock; /* the same may be asked on any loop; held for a look-up */
    struct map *by_key;
    struct kept *oldest, *newest; /* by when they were last asked for */
    uint64_t used_bytes, limit_bytes;
};

static struct kept *kept_of(struct data_answer *a)
{
    return (struct kept *)(void *)((char *)a - offsetof(struct kept, answer));
}

/* ---- Answers ---- */

/* Copies with a NUL behind, and moves *to on. */
static char *copy(char **to, struct slice s)
{
    char *start = *to;

    if (s.len > 0)
        memcpy(start, s.bytes, s.len);
    start[s.len] = '\0';
    *to += s.len + 1;
    return start;
}

struct data_answer *data_answer_new(const char *content_type,
                                    const struct http_header *headers, size_t count)
{
    size_t len = strlen(content_type) + 1;
    struct kept *k;
    char *to;

    for (size_t i = 0; i < count; i++)
        len += headers[i].name.len + headers[i].value.len + 2;
    if (len > TEXT_MAX || count > DATA_CACHE_HEADERS_MAX)
        return NULL;
    k = calloc(1, sizeof(*k) + len);
    if (k == NULL)
        return NULL;
    atomic_init(&k->references, 1);
    k->text_len = len;
    to = k->text;
    k->answer.content_type = copy(&to, slice_str(content_type));
    for (size_t i = 0; i < count; i++)
        k->answer.headers[i] =
            (struct http_header){slice_str(copy(&to, headers[i].name)),
                                 slice_str(copy(&to, headers[i].value))};
    k->answer.header_count = count;
    buf_init(&k->answer.body, DATA_CACHE_BODY_MAX);
    return &k->answer;
}

void data_answer_unref(struct data_answer *a)
{
    struct kept *k;

    if (a == NULL)
        return;
    k = kept_of(a);
    if (atomic_fetch_sub_explicit(&k->references, 1, memory_order_acq_rel) > 1)
        return;
    buf_free(&a->body);
    free(k);
}

/* ---- The cache ---- */

enum rc data_cache_open(struct data_cache **out, uint64_t limit_bytes)
{
    struct data_cache *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return RC_NOMEM;
    c->limit_bytes = limit_bytes;
    if (map_open(&c->by_key, ENTRIES_MAX) != RC_OK ||
        pthread_mutex_init(&c->lock, NULL) != 0) {
        map_close(c->by_key);
        free(c);
        return RC_NOMEM;
    }
    *out = c;
    return RC_OK;
}

static struct slice key_slice(const uint8_t key[SHA256_LEN])
{
    return slice_from((const char *)key, SHA256_LEN);
}

static uint64_t bytes_of(const struct kept *k)
{
    return ENTRY_OVERHEAD + k->text_len + buf_len(&k->answer.body);
}

static void unlink_kept(struct data_cache *c, struct kept *k)
{
    *(k->older ? &k->older->newer : &c->oldest) = k->newer;
    *(k->newer ? &k->newer->older : &c->newest) = k->older;
    k->older = k->newer = NULL;
}

static void link_newest(struct data_cache *c, struct kept *k)
{
    k->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = k;
    c->newest = k;
}

static void drop(struct data_cache *c, struct kept *k)
{
    (void)map_remove(c->by_key, key_slice(k->key));
    unlink_kept(c, k);
    c->used_bytes -= bytes_of(k);
    data_answer_unref(&k->answer);
}

void data_cache_close(struct data_cache *c)
{
    if (c == NULL)
        return;
    while (c->oldest != NULL)
        drop(c, c->oldest);
    map_close(c->by_key);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

void data_cache_keep(struct data_cache *c, const uint8_t key[32], struct data_answer *a)
{
    struct kept *k = kept_of(a);
    struct kept *old;
    bool kept = false;

    memcpy(k->key, key, sizeof(k->key));
    (void)pthread_mutex_lock(&c->lock);
    old = map_get(c->by_key, key_slice(key));
    if (old != NULL)
        drop(c, old);
    while (c->oldest != NULL && (c->used_bytes + bytes_of(k) > c->limit_bytes ||
                                 map_count(c->by_key) >= ENTRIES_MAX))
        drop(c, c->oldest);
    if (c->used_bytes + bytes_of(k) <= c->limit_bytes &&
        map_put(c->by_key, key_slice(k->key), k) == RC_OK) {
        link_newest(c, k);
        c->used_bytes += bytes_of(k);
        kept = true;
    }
    (void)pthread_mutex_unlock(&c->lock);
    if (!kept)
        data_answer_unref(a);
}

struct data_answer *data_cache_find(struct data_cache *c, const uint8_t key[32],
                                    uint64_t now_ms)
{
    struct data_answer *found = NULL;
    struct kept *k;

    (void)pthread_mutex_lock(&c->lock);
    k = map_get(c->by_key, key_slice(key));
    if (k != NULL && now_ms >= k->answer.until_ms) {
        drop(c, k);
    } else if (k != NULL) {
        unlink_kept(c, k);
        link_newest(c, k);
        (void)atomic_fetch_add_explicit(&k->references, 1, memory_order_relaxed);
        found = &k->answer;
    }
    (void)pthread_mutex_unlock(&c->lock);
    return found;
}

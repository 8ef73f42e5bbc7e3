/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/key_turns.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/secret.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum {
    COUNTERS = 256, /* providers whose names collide share one: no harm is done */
    SLOTS = 1024,   /* keys that may rest at once; more: the first to wake wakes now */
    PROBES = 8,
    REFUSED_S = 300, /* 401, 403: somebody must look after it */
    EMPTY_S = 600,   /* its account has no money */
    RATE_S = 10,     /* 429 that does not say how long */
    LONGEST_S = 3600
};

struct resting {
    uint64_t key; /* 0: free */
    uint64_t until_ms;
};

struct key_turns {
    atomic_uint next[COUNTERS];
    atomic_uint_fast64_t latest_ms; /* when the last of all wakes */
    pthread_mutex_t lock;           /* guards what follows */
    struct resting slots[SLOTS];
};

enum rc key_turns_open(struct key_turns **out)
{
    struct key_turns *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return RC_NOMEM;
    (void)pthread_mutex_init(&t->lock, NULL);
    *out = t;
    return RC_OK;
}

void key_turns_close(struct key_turns *t)
{
    if (t == NULL)
        return;
    (void)pthread_mutex_destroy(&t->lock);
    free(t);
}

/* Who rests -------------------------------------------------------------------------
 */

static uint64_t name_of(const struct config_provider *p, size_t key)
{
    const uint64_t name = map_hash(secret_open(p->api_keys[key]));

    return name != 0 ? name : 1;
}

/* With the lock. 0: awake. */
static uint64_t wakes_ms(const struct key_turns *t, uint64_t name, uint64_t now_ms)
{
    for (unsigned i = 0; i < PROBES; i++) {
        const struct resting *r = &t->slots[(name + i) % SLOTS];

        if (r->key == name)
            return r->until_ms > now_ms ? r->until_ms : 0;
    }
    return 0;
}

/* With the lock. Its own slot, else a free one, else the one whose key wakes first. */
static struct resting *slot_for(struct key_turns *t, uint64_t name)
{
    struct resting *best = &t->slots[name % SLOTS];

    for (unsigned i = 0; i < PROBES; i++) {
        struct resting *r = &t->slots[(name + i) % SLOTS];

        if (r->key == name)
            return r;
        if (r->until_ms < best->until_ms)
            best = r;
    }
    return best;
}

void key_turns_rest(struct key_turns *t, const struct config_provider *p, size_t key,
                    unsigned seconds)
{
    const uint64_t until_ms = clock_mono_ms() + (uint64_t)seconds * 1000;
    const uint64_t name = name_of(p, key);

    if (seconds == 0)
        return;
    (void)pthread_mutex_lock(&t->lock);
    *slot_for(t, name) = (struct resting){name, until_ms};
    if (until_ms > atomic_load(&t->latest_ms))
        atomic_store(&t->latest_ms, until_ms);
    (void)pthread_mutex_unlock(&t->lock);
}

static bool says(struct slice body, const char *words)
{
    return slice_search(body, slice_str(words)) < body.len;
}

/* A vendor's words for an account without money stand in its code, whatever status. */
unsigned key_turns_judge(unsigned status, struct slice body, unsigned retry_after_s)
{
    const unsigned told_s = retry_after_s < LONGEST_S ? retry_after_s : LONGEST_S;

    switch (status) {
    case 400: /* Gemini says so of a wrong key */
        return says(body, "API_KEY_INVALID") ? REFUSED_S : 0;
    case 401:
    case 403:
        return REFUSED_S;
    case 402:
        return EMPTY_S;
    case 429:
        if (says(body, "insufficient_quota") || says(body, "insufficient_balance") ||
            says(body, "\"1113\"")) /* Z.ai */
            return EMPTY_S;
        return told_s > 0 ? told_s : RATE_S;
    default:
        return 0;
    }
}

/* Whose turn it is ------------------------------------------------------------------
 */

static bool was_tried(const struct key_tries *tries, size_t key)
{
    return (tries->tried[key / 64] >> (key % 64) & 1) != 0;
}

static size_t note(struct key_tries *tries, size_t key)
{
    tries->tried[key / 64] |= UINT64_C(1) << (key % 64);
    tries->count++;
    return key;
}

/* From `first` on in a circle: the first one awake, else the one that wakes first. */
static size_t choose(struct key_turns *t, const struct config_provider *p, size_t first,
                     const struct key_tries *tries)
{
    const uint64_t now_ms = clock_mono_ms();
    const bool some_rest = atomic_load(&t->latest_ms) > now_ms;
    size_t best = KEY_TURNS_NONE;
    uint64_t best_ms = UINT64_MAX;

    if (some_rest)
        (void)pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < p->key_count && best_ms > 0; i++) {
        const size_t key = (first + i) % p->key_count;
        uint64_t until_ms;

        if (was_tried(tries, key))
            continue;
        until_ms = some_rest ? wakes_ms(t, name_of(p, key), now_ms) : 0;
        if (until_ms < best_ms) {
            best = key;
            best_ms = until_ms;
        }
    }
    if (some_rest)
        (void)pthread_mutex_unlock(&t->lock);
    return best;
}

bool key_turns_more(const struct config_provider *p, const struct key_tries *tries)
{
    return tries->count < p->key_count && tries->count < KEY_TURNS_TRIES_MAX;
}

size_t key_turns_take(struct key_turns *t, const struct config_provider *p,
                      struct key_tries *tries)
{
    size_t first;

    assert(p->key_count <= KEY_TURNS_KEYS_MAX);
    if (!key_turns_more(p, tries))
        return KEY_TURNS_NONE;
    first = atomic_fetch_add(&t->next[map_hash(slice_str(p->name)) % COUNTERS], 1);
    return note(tries, choose(t, p, first % p->key_count, tries));
}

size_t key_turns_take_this(const struct config_provider *p, size_t key,
                           struct key_tries *tries)
{
    if (tries->count > 0 || key >= p->key_count)
        return KEY_TURNS_NONE;
    return note(tries, key);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Token buckets in two fixed tables, keys and addresses. A full table forgets the
 * bucket that was idle longest among the eight where a key may lie: an attacker who
 * fills it gains a fresh bucket for somebody, never memory. */
#include "gateway/limiter.h"

#include "base/clock.h"
#include "base/map.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SETS = 4096,
    WAYS = 8, /* places where one name may lie */
    NAME_BYTES_MAX = 64,
    MINUTE_MS = 60000
};

/* A level in units of 1/60000 of a request or token, so that it refills evenly by
 * integers: `per_minute` units in each millisecond. */
struct level {
    uint64_t units;
    uint64_t at_ms;
};

struct bucket {
    char name[NAME_BYTES_MAX];
    uint8_t len;   /* 0: free */
    uint32_t live; /* requests that have entered and not left */
    struct level requests;
    struct level tokens;
};

struct limiter {
    pthread_mutex_t lock; /* one key may come in on any loop; held for some 100 ns */
    struct bucket buckets[SETS][WAYS];
};

enum rc limiter_open(struct limiter **out)
{
    struct limiter *l = calloc(1, sizeof(*l));

    if (l == NULL)
        return RC_NOMEM;
    if (pthread_mutex_init(&l->lock, NULL) != 0) {
        free(l);
        return RC_NOMEM;
    }
    *out = l;
    return RC_OK;
}

void limiter_close(struct limiter *l)
{
    if (l == NULL)
        return;
    (void)pthread_mutex_destroy(&l->lock);
    free(l);
}

static uint64_t units(uint64_t count)
{
    uint64_t u;

    return __builtin_mul_overflow(count, (uint64_t)MINUTE_MS, &u) ? UINT64_MAX : u;
}

/* What may be forgotten first: what nobody is in, then what was idle longest. */
static bool older(const struct bucket *a, const struct bucket *b)
{
    if ((a->live == 0) != (b->live == 0))
        return a->live == 0;
    return a->requests.at_ms < b->requests.at_ms;
}

/* The bucket of a name. A new one is full to any brim: the first refill cuts it. */
static struct bucket *find(struct limiter *l, struct slice name)
{
    struct bucket *set, *victim;
    uint64_t now = clock_mono_ms();

    name = slice_sub(name, 0, NAME_BYTES_MAX);
    set = l->buckets[map_hash(name) % SETS];
    victim = &set[0];
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].len == name.len && memcmp(set[i].name, name.bytes, name.len) == 0)
            return &set[i];
        if (victim->len != 0 && (set[i].len == 0 || older(&set[i], victim)))
            victim = &set[i];
    }
    memset(victim, 0, sizeof(*victim));
    memcpy(victim->name, name.bytes, name.len);
    victim->len = (uint8_t)name.len;
    victim->requests = (struct level){UINT64_MAX, now};
    victim->tokens = (struct level){UINT64_MAX, now};
    return victim;
}

static void refill(struct level *level, uint64_t per_minute)
{
    uint64_t now = clock_mono_ms();
    uint64_t full = units(per_minute);
    uint64_t gain;

    if (__builtin_mul_overflow(per_minute, now - level->at_ms, &gain) ||
        __builtin_add_overflow(level->units, gain, &level->units) ||
        level->units > full)
        level->units = full;
    level->at_ms = now;
}

/* Takes `want` units, or says how long they take to come. */
static enum rc take(struct level *level, uint64_t want, uint64_t per_minute,
                    unsigned *retry_after_s)
{
    uint64_t seconds;

    refill(level, per_minute);
    if (level->units >= want) {
        level->units -= want;
        return RC_OK;
    }
    seconds = (want - level->units) / per_minute / 1000 + 1;
    *retry_after_s = seconds > 3600 ? 3600 : (unsigned)seconds;
    return RC_RATE;
}

enum rc limiter_enter(struct limiter *l, struct slice key, uint64_t per_minute,
                      uint64_t concurrent, unsigned *retry_after_s)
{
    enum rc rc = RC_OK;
    struct bucket *b;

    (void)pthread_mutex_lock(&l->lock);
    b = find(l, key);
    if (concurrent != 0 && b->live >= concurrent) {
        *retry_after_s = 1;
        rc = RC_RATE;
    }
    if (rc == RC_OK && per_minute != 0)
        rc = take(&b->requests, MINUTE_MS, per_minute, retry_after_s);
    if (rc == RC_OK)
        b->live++;
    (void)pthread_mutex_unlock(&l->lock);
    return rc;
}

void limiter_leave(struct limiter *l, struct slice key)
{
    struct bucket *b;

    (void)pthread_mutex_lock(&l->lock);
    b = find(l, key);
    if (b->live > 0)
        b->live--;
    (void)pthread_mutex_unlock(&l->lock);
}

enum rc limiter_tokens(struct limiter *l, struct slice key, uint64_t tokens,
                       uint64_t per_minute, unsigned *retry_after_s)
{
    enum rc rc;

    if (per_minute == 0)
        return RC_OK;
    /* Larger than the bucket itself: it passes when the bucket is full. */
    if (tokens > per_minute)
        tokens = per_minute;
    (void)pthread_mutex_lock(&l->lock);
    rc = take(&find(l, key)->tokens, units(tokens), per_minute, retry_after_s);
    (void)pthread_mutex_unlock(&l->lock);
    return rc;
}

void limiter_give_back(struct limiter *l, struct slice key, uint64_t tokens)
{
    struct level *level;

    (void)pthread_mutex_lock(&l->lock);
    level = &find(l, key)->tokens;
    if (__builtin_add_overflow(level->units, units(tokens), &level->units))
        level->units = UINT64_MAX; /* the next refill cuts it to the brim */
    (void)pthread_mutex_unlock(&l->lock);
}

/* Addresses share the table under a name that no key can have. */
static struct slice address_name(char out[NAME_BYTES_MAX], const char *address)
{
    int len = snprintf(out, NAME_BYTES_MAX, "@%s", address);

    return slice_from(out, len < NAME_BYTES_MAX ? (size_t)len : NAME_BYTES_MAX - 1);
}

enum rc limiter_address(struct limiter *l, const char *address, uint64_t per_minute,
                        unsigned *retry_after_s)
{
    char name[NAME_BYTES_MAX];
    enum rc rc = RC_OK;
    struct level *level;

    if (per_minute == 0)
        return RC_OK;
    (void)pthread_mutex_lock(&l->lock);
    level = &find(l, address_name(name, address))->requests;
    refill(level, per_minute);
    if (level->units < MINUTE_MS) {
        *retry_after_s = 1 + (unsigned)((MINUTE_MS - level->units) / per_minute / 1000);
        rc = RC_RATE;
    }
    (void)pthread_mutex_unlock(&l->lock);
    return rc;
}

void limiter_address_failed(struct limiter *l, const char *address)
{
    char name[NAME_BYTES_MAX];
    struct level *level;

    (void)pthread_mutex_lock(&l->lock);
    level = &find(l, address_name(name, address))->requests;
    level->units -= level->units < MINUTE_MS ? level->units : MINUTE_MS;
    (void)pthread_mutex_unlock(&l->lock);
}

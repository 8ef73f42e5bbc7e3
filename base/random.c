/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel randomness and ids. No generator of our own: one that is never seeded wrongly,
 * never repeated after a fork and never read from memory is worth the system call. */
#include "base/random.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void random_bytes(void *out, size_t len)
{
    uint8_t *at = out;

    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);

        if (got < 0 && errno != EINTR)
            abort(); /* nothing that needs randomness may go on without */
        if (got > 0) {
            at += got;
            len -= (size_t)got;
        }
    }
}

/* The three parts of an id that vary: the rest is version, variant and the tail. */
struct id_parts {
    uint64_t ms;   /* 48 bits */
    uint64_t high; /* 12 bits: rand_a */
    uint64_t low;  /* 54 bits: rand_b without the tail */
};

enum {
    MS_BITS = 48,
    HIGH_BITS = 12,
    LOW_BITS = 54,
    STEP_BITS = 40 /* leaves room for 2^26 ids in a millisecond, and more in the next */
};

static uint64_t low_bits(uint64_t value, unsigned bits)
{
    return value & ((UINT64_C(1) << bits) - 1);
}

/* The last id made. A lock, since an id must be larger than all before it in the whole
 * process, and its parts do not fit into one atomic word; it is held for a few
 * instructions only. */
static pthread_mutex_t last_lock = PTHREAD_MUTEX_INITIALIZER;
static struct id_parts last;

/* The next value in order (RFC 9562 section 6.2, method 2): a random start in every new
 * millisecond, and random steps within. */
static struct id_parts next_parts(uint64_t ms, const uint64_t random[2])
{
    struct id_parts next = last;

    if (ms > last.ms)
        return (struct id_parts){ms, low_bits(random[1], HIGH_BITS),
                                 low_bits(random[0], LOW_BITS)};
    next.low += 1 + low_bits(random[0], STEP_BITS);
    next.high += next.low >> LOW_BITS;
    next.low = low_bits(next.low, LOW_BITS);
    next.ms += next.high >> HIGH_BITS;
    next.high = low_bits(next.high, HIGH_BITS);
    return next;
}

static struct id print_parts(struct id_parts parts)
{
    uint64_t first = parts.ms << 16 | UINT64_C(7) << 12 | parts.high;
    uint64_t second = UINT64_C(2) << 62 | parts.low << 8;
    struct id id;

    for (unsigned i = 0; i < 8; i++) {
        id.bytes[i] = (uint8_t)(first >> (56 - 8 * i));
        id.bytes[8 + i] = (uint8_t)(second >> (56 - 8 * i));
    }
    return id;
}

struct id id_new(uint64_t wall_us)
{
    const uint64_t ms_max = (UINT64_C(1) << MS_BITS) - 1;
    uint64_t ms = wall_us / 1000 < ms_max ? wall_us / 1000 : ms_max;
    uint64_t random[2];
    struct id_parts parts;

    random_bytes(random, sizeof(random));
    pthread_mutex_lock(&last_lock);
    parts = next_parts(ms, random);
    last = parts;
    pthread_mutex_unlock(&last_lock);
    assert(parts.ms <= ms_max); /* in the year 10889 */
    return print_parts(parts);
}

struct id id_with_tail(struct id id, uint8_t tail)
{
    id.bytes[ID_LEN - 1] = tail;
    return id;
}

int id_cmp(struct id a, struct id b)
{
    int order = memcmp(a.bytes, b.bytes, ID_LEN);

    return (order > 0) - (order < 0);
}

bool id_is_none(struct id id)
{
    return memcmp(id.bytes, ID_NONE.bytes, ID_LEN) == 0;
}

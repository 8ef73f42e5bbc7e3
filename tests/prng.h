/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers for tests that try many values: the same in every run, so that a failure can
 * be seen again. Not for anything that must be hard to guess. */
#ifndef TESTS_PRNG_H
#define TESTS_PRNG_H

#include <stdint.h>

struct prng {
    uint64_t state; /* any value is a good seed */
};

/* SplitMix64. */
static inline uint64_t prng_next(struct prng *p)
{
    uint64_t z = p->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Below `bound`, which is not 0. */
static inline uint64_t prng_below(struct prng *p, uint64_t bound)
{
    return prng_next(p) % bound;
}

/* Of a random size, so that small and large values are equally likely. */
static inline uint64_t prng_any_size(struct prng *p)
{
    return prng_next(p) >> prng_below(p, 64);
}

#endif

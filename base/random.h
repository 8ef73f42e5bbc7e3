/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness from the kernel, and 128-bit ids that sort by time. Any thread. */
#ifndef BASE_RANDOM_H
#define BASE_RANDOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Never fails: a kernel without getrandom() ends the process. */
void random_bytes(void *out, size_t len);

enum {
    ID_LEN = 16
};

/* A 16-byte id: 48 bits of Unix milliseconds, big endian, then random, with version and
 * variant bits of a UUIDv7 (RFC 9562 section 5.7) and the last byte zero, which is free
 * for whoever derives ids from this one. Every id is larger than the ones that this
 * process made before it, also when wall_us stands still or goes back. */
struct id {
    uint8_t bytes[ID_LEN];
};

#define ID_NONE ((struct id){{0}})

struct id id_new(uint64_t wall_us);
struct id id_with_tail(struct id id, uint8_t tail); /* same id, last byte replaced */
int id_cmp(struct id a, struct id b);
bool id_is_none(struct id id);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Keccak-256 with the padding of the original submission (a one bit), as Ethereum uses
 * it; not SHA3-256 of FIPS 202, whose padding differs. Only the sponge is ours: the
 * permutation is nettle's, or all of it OpenSSL's where that has it (3.2 and later). */
#ifndef BASE_KECCAK_H
#define BASE_KECCAK_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

enum {
    KECCAK256_LEN = 32,
    KECCAK256_RATE = 136, /* bytes that go into one permutation */
    KECCAK256_LANES = 25
};

void keccak256(uint8_t out[KECCAK256_LEN], const void *bytes, size_t len);

/* A digest over several pieces: start, add.., end. */
struct keccak256_state {
    void *context; /* OpenSSL's; then the rest is unused */
    uint64_t lanes[KECCAK256_LANES];
    uint8_t block[KECCAK256_RATE];
    size_t fill; /* bytes of the block that are in, always less than all */
};

/* RC_NOMEM. */
MUST_CHECK enum rc keccak256_start(struct keccak256_state *s);
void keccak256_add(struct keccak256_state *s, const void *bytes, size_t len);
void keccak256_end(uint8_t out[KECCAK256_LEN],
                   struct keccak256_state *s); /* releases s */

#endif

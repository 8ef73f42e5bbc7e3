/* SPDX-License-Identifier: Apache-2.0 */
/* scrypt (RFC 7914), the key derivation of most keystores. The digests under it are
 * OpenSSL's; the mixing is ours, because OpenSSL keeps to section 2 of the RFC (n below
 * 2^(16 r)), and the published keystore and all that older tools of the same make have
 * written (n = 262144, r = 1) do not. */
#ifndef GATEWAY_SETTLE_SCRYPT_H
#define GATEWAY_SETTLE_SCRYPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    SCRYPT_MEMORY_MAX = 256 * 1024 * 1024, /* 128 n r: what n = 262144, r = 8 takes */
    SCRYPT_LANES_MAX = 16 * 1024 * 1024,   /* 128 p r */
    SCRYPT_WORK_MAX = 8 * 1024 * 1024      /* n r p: four times of that; seconds */
};

struct scrypt_cost {
    uint64_t n; /* a power of two, at least 2 */
    uint64_t r;
    uint64_t p;
};

/* RC_BAD_INPUT: no such cost, or over the limits. */
MUST_CHECK enum rc scrypt_check(const struct scrypt_cost *cost);
/* For a cost that passed. RC_NOMEM. What it worked with is wiped. */
MUST_CHECK enum rc scrypt_derive(uint8_t *out, size_t len, struct slice passphrase,
                                 struct slice salt, const struct scrypt_cost *cost);

#endif

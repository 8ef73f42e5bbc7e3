/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms of bytes, and the digests that the other folders need: the one place that
 * reaches OpenSSL's hashes, so that pure folders need not. Decoders are strict: one
 * text per value, no white space, right padding. */
#ifndef BASE_CODEC_H
#define BASE_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

enum {
    SHA256_LEN = 32
};

/* out has 2 * len + 1 bytes; lower case, NUL-terminated. */
void hex_encode(char *out, const uint8_t *bytes, size_t len);
/* text must be exactly 2 * len hex digits of either case. RC_BAD_INPUT. */
MUST_CHECK enum rc hex_decode(uint8_t *out, size_t len, struct slice text);

/* RFC 4648 section 4 with padding, and section 5 (URL-safe) without. Results live in a;
 * encoders return SLICE_NONE when it is spent. RC_BAD_INPUT: not such a text.
 * RC_TOO_BIG: the arena is spent. */
struct slice base64_encode(struct arena *a, struct slice bytes);
struct slice base64url_encode(struct arena *a, struct slice bytes);
MUST_CHECK enum rc base64_decode(struct slice *out, struct slice text, struct arena *a);
MUST_CHECK enum rc base64url_decode(struct slice *out, struct slice text,
                                    struct arena *a);

/* Appends s percent-encoded: everything but RFC 3986 unreserved bytes. */
struct buf;
void percent_encode(struct buf *out, struct slice s);

void sha256(uint8_t out[SHA256_LEN], struct slice bytes);

/* A digest over several pieces: start, add.., end. */
struct sha256_state {
    void *context;
};
MUST_CHECK enum rc sha256_start(struct sha256_state *s);
void sha256_add(struct sha256_state *s, struct slice bytes);
void sha256_end(uint8_t out[SHA256_LEN], struct sha256_state *s); /* releases s */

void hmac_sha256(uint8_t out[SHA256_LEN], struct slice key, struct slice bytes);

/* CRC-32C (Castagnoli), for records at rest; not against an attacker. seed is 0, or the
 * result for the bytes before these. */
uint32_t crc32c(uint32_t seed, const void *bytes, size_t len);
/* The same without help from the processor: for the test that both agree. */
uint32_t crc32c_portable(uint32_t seed, const void *bytes, size_t len);

#endif

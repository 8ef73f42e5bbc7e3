/* SPDX-License-Identifier: Apache-2.0 */
/* The names are those of RFC 7914, sections 3 to 6. Salsa20/8 reads and writes words of
 * 32 bits, little endian; they are turned once at either end of the mixing. */
#include "gateway/settle/scrypt.h"

#include "base/secret.h"

#include <assert.h>
#include <endian.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK_WORDS = 16, /* of Salsa20 */
    PAIR_BYTES = 2 * BLOCK_WORDS * sizeof(uint32_t),
    ROUNDS = 8,
    FACTOR_MAX = 1 << 16 /* of r and p: their products stay far below 2^64 */
};

enum rc scrypt_check(const struct scrypt_cost *cost)
{
    if (cost->n < 2 || (cost->n & (cost->n - 1)) != 0 || cost->n > SCRYPT_WORK_MAX ||
        cost->r == 0 || cost->r > FACTOR_MAX || cost->p == 0 || cost->p > FACTOR_MAX)
        return RC_BAD_INPUT;
    if (PAIR_BYTES * cost->n * cost->r > SCRYPT_MEMORY_MAX ||
        PAIR_BYTES * cost->p * cost->r > SCRYPT_LANES_MAX ||
        cost->n * cost->r > SCRYPT_WORK_MAX / cost->p)
        return RC_BAD_INPUT;
    return RC_OK;
}

static uint32_t turn(uint32_t x, unsigned bits)
{
    return x << bits | x >> (32 - bits);
}

static void quarter(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *b ^= turn(*a + *d, 7);
    *c ^= turn(*b + *a, 9);
    *d ^= turn(*c + *b, 13);
    *a ^= turn(*d + *c, 18);
}

static void salsa(uint32_t block[BLOCK_WORDS])
{
    uint32_t x[BLOCK_WORDS];

    memcpy(x, block, sizeof(x));
    for (unsigned i = 0; i < ROUNDS; i += 2) {
        quarter(&x[0], &x[4], &x[8], &x[12]);
        quarter(&x[5], &x[9], &x[13], &x[1]);
        quarter(&x[10], &x[14], &x[2], &x[6]);
        quarter(&x[15], &x[3], &x[7], &x[11]);
        quarter(&x[0], &x[1], &x[2], &x[3]);
        quarter(&x[5], &x[6], &x[7], &x[4]);
        quarter(&x[10], &x[11], &x[8], &x[9]);
        quarter(&x[15], &x[12], &x[13], &x[14]);
    }
    for (unsigned i = 0; i < BLOCK_WORDS; i++)
        block[i] += x[i];
    secret_wipe(x, sizeof(x));
}

static void add_words(uint32_t *to, const uint32_t *from, size_t count)
{
    for (size_t i = 0; i < count; i++)
        to[i] ^= from[i];
}

/* b has 2 r blocks, and so has `room`. */
static void mix_block(uint32_t *b, uint32_t *room, size_t r)
{
    uint32_t x[BLOCK_WORDS];

    memcpy(x, b + (2 * r - 1) * BLOCK_WORDS, sizeof(x));
    for (size_t i = 0; i < 2 * r; i++) {
        size_t to = i / 2 + (i % 2) * r; /* even ones first */

        add_words(x, b + i * BLOCK_WORDS, BLOCK_WORDS);
        salsa(x);
        memcpy(room + to * BLOCK_WORDS, x, sizeof(x));
    }
    memcpy(b, room, r * PAIR_BYTES);
    secret_wipe(x, sizeof(x));
}

/* v has n times the size of b, and one more, as room. */
static void mix(uint32_t *b, uint32_t *v, const struct scrypt_cost *cost)
{
    const size_t words = cost->r * 2 * BLOCK_WORDS;
    uint32_t *room = v + cost->n * words;

    for (size_t i = 0; i < words; i++)
        b[i] = le32toh(b[i]);
    for (uint64_t i = 0; i < cost->n; i++) {
        memcpy(v + i * words, b, words * sizeof(*b));
        mix_block(b, room, cost->r);
    }
    for (uint64_t i = 0; i < cost->n; i++) {
        uint64_t at = b[words - BLOCK_WORDS] & (cost->n - 1);

        add_words(b, v + at * words, words);
        mix_block(b, room, cost->r);
    }
    for (size_t i = 0; i < words; i++)
        b[i] = htole32(b[i]);
}

/* One round of PBKDF2 with HMAC-SHA-256. */
static enum rc stretch(void *out, size_t len, struct slice passphrase, const void *salt,
                       size_t salt_len)
{
    return PKCS5_PBKDF2_HMAC(passphrase.len == 0 ? "" : passphrase.bytes,
                             (int)passphrase.len, salt, (int)salt_len, 1, EVP_sha256(),
                             (int)len, out) == 1
               ? RC_OK
               : RC_NOMEM;
}

enum rc scrypt_derive(uint8_t *out, size_t len, struct slice passphrase,
                      struct slice salt, const struct scrypt_cost *cost)
{
    const size_t lane = PAIR_BYTES * cost->r;
    const size_t b_size = lane * cost->p;
    const size_t v_size = lane * (cost->n + 1);
    uint32_t *b, *v;
    enum rc rc = RC_NOMEM;

    assert(scrypt_check(cost) == RC_OK);
    b = malloc(b_size);
    v = malloc(v_size);
    if (b != NULL && v != NULL)
        rc = stretch(b, b_size, passphrase, salt.bytes, salt.len);
    if (rc == RC_OK) {
        for (uint64_t i = 0; i < cost->p; i++)
            mix(b + i * lane / sizeof(*b), v, cost);
        rc = stretch(out, len, passphrase, b, b_size);
        secret_wipe(v, v_size);
        secret_wipe(b, b_size);
    }
    free(v);
    free(b);
    return rc;
}

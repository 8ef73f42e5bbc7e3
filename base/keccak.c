/* SPDX-License-Identifier: Apache-2.0 */
/* Two ways to the same digest, chosen by configure. */
#include "base/keccak.h"

#include <stdlib.h>
#include <string.h>

#ifdef OCTROI_OPENSSL_KECCAK

#    include <openssl/evp.h>
#    include <pthread.h>

static pthread_once_t fetched = PTHREAD_ONCE_INIT;
static EVP_MD *keccak_md;

/* Without a digest nothing that follows could be trusted, and OpenSSL fails here only
 * where it is broken or memory has ended. */
static void need(int ok)
{
    if (ok != 1)
        abort();
}

static void fetch_algorithm(void)
{
    keccak_md = EVP_MD_fetch(NULL, "KECCAK-256", NULL);
    need(keccak_md != NULL);
}

static const EVP_MD *algorithm(void)
{
    (void)pthread_once(&fetched, fetch_algorithm);
    return keccak_md;
}

void keccak256(uint8_t out[KECCAK256_LEN], const void *bytes, size_t len)
{
    need(EVP_Digest(bytes, len, out, NULL, algorithm(), NULL));
}

enum rc keccak256_start(struct keccak256_state *s)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (context == NULL)
        return RC_NOMEM;
    if (EVP_DigestInit_ex2(context, algorithm(), NULL) != 1) {
        EVP_MD_CTX_free(context);
        return RC_NOMEM;
    }
    s->context = context;
    return RC_OK;
}

void keccak256_add(struct keccak256_state *s, const void *bytes, size_t len)
{
    need(EVP_DigestUpdate(s->context, bytes, len));
}

void keccak256_end(uint8_t out[KECCAK256_LEN], struct keccak256_state *s)
{
    need(EVP_DigestFinal_ex(s->context, out, NULL));
    EVP_MD_CTX_free(s->context);
    s->context = NULL;
}

#else

#    include <assert.h>
#    include <endian.h>
#    include <nettle/sha3.h>

static_assert(KECCAK256_LANES == SHA3_STATE_LENGTH, "the same state");
static_assert(KECCAK256_RATE == SHA3_256_BLOCK_SIZE, "the same rate");

/* Mixes a whole block in: lanes are little endian (Keccak reference, section 1.2). */
static void absorb(struct keccak256_state *s, const uint8_t block[KECCAK256_RATE])
{
    struct sha3_state state;
    uint64_t lane;

    memcpy(state.a, s->lanes, sizeof(state.a));
    for (size_t i = 0; i < KECCAK256_RATE / sizeof(lane); i++) {
        memcpy(&lane, block + i * sizeof(lane), sizeof(lane));
        state.a[i] ^= le64toh(lane);
    }
    sha3_permute(&state);
    memcpy(s->lanes, state.a, sizeof(state.a));
}

void keccak256(uint8_t out[KECCAK256_LEN], const void *bytes, size_t len)
{
    struct keccak256_state s;
    enum rc rc = keccak256_start(&s);

    assert(rc == RC_OK);
    keccak256_add(&s, bytes, len);
    keccak256_end(out, &s);
}

enum rc keccak256_start(struct keccak256_state *s)
{
    memset(s, 0, sizeof(*s));
    return RC_OK;
}

void keccak256_add(struct keccak256_state *s, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    while (len > 0) {
        size_t room = KECCAK256_RATE - s->fill;
        size_t count = len < room ? len : room;

        memcpy(s->block + s->fill, at, count);
        at += count;
        len -= count;
        s->fill += count;
        if (s->fill == KECCAK256_RATE) {
            absorb(s, s->block);
            s->fill = 0;
        }
    }
}

void keccak256_end(uint8_t out[KECCAK256_LEN], struct keccak256_state *s)
{
    uint64_t lane;

    /* pad10*1, bits counted from the low end: the first and the last may share a byte.
     */
    memset(s->block + s->fill, 0, KECCAK256_RATE - s->fill);
    s->block[s->fill] ^= 0x01;
    s->block[KECCAK256_RATE - 1] ^= 0x80;
    absorb(s, s->block);
    for (size_t i = 0; i < KECCAK256_LEN / sizeof(lane); i++) {
        lane = htole64(s->lanes[i]);
        memcpy(out + i * sizeof(lane), &lane, sizeof(lane));
    }
}

#endif

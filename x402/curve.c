/* SPDX-License-Identifier: Apache-2.0 */
/* The only file that includes secp256k1.h. The rules that the library does not have,
 * the EVM's and the tokens', are checked here before it sees a signature. */
#include "x402/curve.h"

#include "base/codec.h"
#include "base/keccak.h"
#include "x402/word.h"

#include <assert.h>
#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <string.h>

/* Under valgrind (tests/ct_key.c) keys are poisoned, and so is what comes of them. Some
 * of that is no secret: then it is said here, as the library says it of its own. */
#if defined(OCTROI_CT_KEY) && defined(HAVE_VALGRIND_MEMCHECK_H)
#    include <valgrind/memcheck.h>
#    define DECLASSIFY(bytes, len) (void)VALGRIND_MAKE_MEM_DEFINED(bytes, len)
#else
#    define DECLASSIFY(bytes, len) ((void)0)
#endif

enum {
    V_BASE = 27,        /* v of a y that is even */
    PARITY_COUNT = 2,   /* of y; a recovery id of 2 or 3 has no v */
    COMPACT_LEN = 64,   /* r and s */
    PUBLIC_KEY_TAG = 1, /* the first byte of a public key says its form */
    ADDRESS_AT = KECCAK256_LEN - X402_ADDRESS_LEN
};

/* n, the order of the curve (SEC 2, section 2.4.1), and n/2 rounded down. */
static const struct x402_u256 order =
    X402__WORD(0xffffffff, 0xffffffff, 0xffffffff, 0xfffffffe, 0xbaaedce6, 0xaf48a03b,
               0xbfd25e8c, 0xd0364141);
static const struct x402_u256 half_order =
    X402__WORD(0x7fffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x5d576e73, 0x57a4501d,
               0xdfe92f46, 0x681b20a0);

static secp256k1_context *curve;

enum rc x402_curve_start(const uint8_t seed[X402_KEY_LEN])
{
    assert(curve == NULL);
    curve = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
    if (curve == NULL)
        return RC_NOMEM;
    if (secp256k1_context_randomize(curve, seed) != 1) {
        x402_curve_stop();
        return RC_NOMEM;
    }
    return RC_OK;
}

void x402_curve_stop(void)
{
    if (curve != NULL)
        secp256k1_context_destroy(curve); /* wipes the blinding */
    curve = NULL;
}

static bool in_range(const struct x402_signature *s)
{
    return !x402_u256_is_zero(s->r) && x402_u256_cmp(s->r, order) < 0 &&
           !x402_u256_is_zero(s->s) && x402_u256_cmp(s->s, half_order) <= 0 &&
           s->y_parity < PARITY_COUNT;
}

enum rc x402_signature_read(struct x402_signature *out, struct slice bytes,
                            enum x402_v v)
{
    struct x402_signature s;
    unsigned last;

    if (bytes.len != X402_SIGNATURE_LEN)
        return RC_BAD_INPUT;
    last = (uint8_t)bytes.bytes[COMPACT_LEN];
    if (v == X402_V_PROOF && last < PARITY_COUNT)
        last += V_BASE;
    if (last < V_BASE)
        return RC_BAD_INPUT;
    s.y_parity = last - V_BASE;
    memcpy(s.r.bytes, bytes.bytes, X402_WORD_LEN);
    memcpy(s.s.bytes, bytes.bytes + X402_WORD_LEN, X402_WORD_LEN);
    if (!in_range(&s))
        return RC_BAD_INPUT;
    *out = s;
    return RC_OK;
}

enum rc x402_signature_parse(struct x402_signature *out, struct slice text,
                             enum x402_v v)
{
    uint8_t bytes[X402_SIGNATURE_LEN];

    if (!slice_starts(text, SLICE("0x")))
        return RC_BAD_INPUT;
    TRY(hex_decode(bytes, sizeof(bytes), slice_sub(text, 2, text.len)));
    return x402_signature_read(out, slice_from((const char *)bytes, sizeof(bytes)), v);
}

void x402_signature_write(uint8_t out[X402_SIGNATURE_LEN],
                          const struct x402_signature *s)
{
    assert(s->y_parity < PARITY_COUNT);
    memcpy(out, s->r.bytes, X402_WORD_LEN);
    memcpy(out + X402_WORD_LEN, s->s.bytes, X402_WORD_LEN);
    out[COMPACT_LEN] = (uint8_t)(V_BASE + s->y_parity);
}

static void write_public_key(uint8_t out[X402_PUBLIC_KEY_LEN],
                             const secp256k1_pubkey *key)
{
    size_t len = X402_PUBLIC_KEY_LEN;
    int done =
        secp256k1_ec_pubkey_serialize(curve, out, &len, key, SECP256K1_EC_UNCOMPRESSED);

    assert(done == 1 && len == X402_PUBLIC_KEY_LEN);
}

/* The last 20 bytes of the hash of x and y (Ethereum yellow paper, appendix F). */
static void address_of(struct x402_address *out, const uint8_t key[X402_PUBLIC_KEY_LEN])
{
    uint8_t hash[KECCAK256_LEN];

    keccak256(hash, key + PUBLIC_KEY_TAG, X402_PUBLIC_KEY_LEN - PUBLIC_KEY_TAG);
    memcpy(out->bytes, hash + ADDRESS_AT, sizeof(out->bytes));
}

enum rc x402_curve_recover(struct x402_address *out, const struct x402_hash *digest,
                           const struct x402_signature *s)
{
    secp256k1_ecdsa_recoverable_signature signature;
    uint8_t bytes[X402_PUBLIC_KEY_LEN];
    secp256k1_pubkey key;

    assert(curve != NULL);
    if (!in_range(s))
        return RC_BAD_INPUT;
    memcpy(bytes, s->r.bytes, X402_WORD_LEN);
    memcpy(bytes + X402_WORD_LEN, s->s.bytes, X402_WORD_LEN);
    if (secp256k1_ecdsa_recoverable_signature_parse_compact(curve, &signature, bytes,
                                                            (int)s->y_parity) != 1)
        return RC_BAD_INPUT;
    /* Half of all r are the x of no point. */
    if (secp256k1_ecdsa_recover(curve, &key, &signature, digest->bytes) != 1)
        return RC_BAD_INPUT;
    write_public_key(bytes, &key);
    address_of(out, bytes);
    return RC_OK;
}

bool x402_curve_signed_by(const struct x402_hash *digest,
                          const struct x402_signature *s,
                          const struct x402_address *signer)
{
    struct x402_address found;

    return !x402_address_is_zero(signer) &&
           x402_curve_recover(&found, digest, s) == RC_OK &&
           x402_address_equal(&found, signer);
}

enum rc x402_curve_sign(struct x402_signature *out, const struct x402_hash *digest,
                        const uint8_t key[X402_KEY_LEN])
{
    secp256k1_ecdsa_recoverable_signature signature;
    uint8_t compact[COMPACT_LEN];
    int recovery_id;
    int done;

    assert(curve != NULL);
    /* No nonce function: the library's own, which is RFC 6979. */
    done = secp256k1_ecdsa_sign_recoverable(curve, &signature, digest->bytes, key, NULL,
                                            NULL);
    DECLASSIFY(&done, sizeof(done));
    if (done != 1)
        return RC_BAD_INPUT;
    DECLASSIFY(&signature, sizeof(signature));
    secp256k1_ecdsa_recoverable_signature_serialize_compact(curve, compact,
                                                            &recovery_id, &signature);
    /* An r above the order, once in 2^127 signatures: no v can say so. */
    if (recovery_id >= PARITY_COUNT)
        return RC_INTERNAL;
    memcpy(out->r.bytes, compact, X402_WORD_LEN);
    memcpy(out->s.bytes, compact + X402_WORD_LEN, X402_WORD_LEN);
    out->y_parity = (unsigned)recovery_id;
    assert(in_range(out));
    return RC_OK;
}

enum rc x402_curve_public_key(uint8_t out[X402_PUBLIC_KEY_LEN],
                              const uint8_t key[X402_KEY_LEN])
{
    secp256k1_pubkey public_key;
    int done;

    assert(curve != NULL);
    done = secp256k1_ec_pubkey_create(curve, &public_key, key);
    DECLASSIFY(&done, sizeof(done));
    if (done != 1)
        return RC_BAD_INPUT;
    DECLASSIFY(&public_key, sizeof(public_key));
    write_public_key(out, &public_key);
    return RC_OK;
}

enum rc x402_curve_address(struct x402_address *out, const uint8_t key[X402_KEY_LEN])
{
    uint8_t public_key[X402_PUBLIC_KEY_LEN];

    TRY(x402_curve_public_key(public_key, key));
    address_of(out, public_key);
    return RC_OK;
}

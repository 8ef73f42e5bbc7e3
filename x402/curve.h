/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures on secp256k1, as EVM chains and their tokens take them: 65 bytes r, s and
 * v, deterministic (RFC 6979) when they are made, strict when they are read. One
 * signature has one form here: s is at most half of the order (EIP-2), or whoever sees
 * it could make a second one for the same payment. Even so, never know a payment by its
 * signature: know it by (chain, token, payer, nonce).
 *
 * Keys are borrowed and never kept; the caller wipes its own copy (base/secret.h). What
 * is done with them takes the same time for every key. */
#ifndef X402_CURVE_H
#define X402_CURVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "x402/address.h"
#include "x402/u256.h"

enum {
    X402_KEY_LEN = 32,
    X402_PUBLIC_KEY_LEN = 65, /* 0x04, then x and y */
    X402_SIGNATURE_LEN = 65
};

/* Makes the context, blinded by `seed`, 32 random bytes that the caller wipes. Once,
 * before any other call here and before there are threads; then every thread may call
 * what is below. RC_NOMEM. */
MUST_CHECK enum rc x402_curve_start(const uint8_t seed[X402_KEY_LEN]);
void x402_curve_stop(void); /* without a start: fine */

struct x402_signature {
    struct x402_u256 r;
    struct x402_u256 s;
    unsigned y_parity; /* 0 or 1; as v: 27 or 28 */
};

/* What v may be. Tokens take 27 and 28 alone, so a payment must have them; those who
 * only prove who they are may send the bare parity too (0 or 1). */
enum x402_v {
    X402_V_PAYMENT,
    X402_V_PROOF
};

/* Exactly 65 bytes, no compact form (EIP-2098) and no wrapper of a contract's wallet
 * (EIP-1271, EIP-6492); 1 <= r < n, 1 <= s <= n/2. RC_BAD_INPUT. */
MUST_CHECK enum rc x402_signature_read(struct x402_signature *out, struct slice bytes,
                                       enum x402_v v);
/* The same from its text: "0x" and 130 hex digits. */
MUST_CHECK enum rc x402_signature_parse(struct x402_signature *out, struct slice text,
                                        enum x402_v v);
void x402_signature_write(uint8_t out[X402_SIGNATURE_LEN],
                          const struct x402_signature *s); /* v is 27 or 28 */

/* The address that signed. RC_BAD_INPUT: not a signature by the rules above, or of no
 * key at all. */
MUST_CHECK enum rc x402_curve_recover(struct x402_address *out,
                                      const struct x402_hash *digest,
                                      const struct x402_signature *s);
/* Whether it is the signature of `signer`; of the zero address there is none. */
bool x402_curve_signed_by(const struct x402_hash *digest,
                          const struct x402_signature *s,
                          const struct x402_address *signer);

/* RC_BAD_INPUT: not a key (zero, or not below the order). RC_INTERNAL: a signature that
 * no v can express, which happens once in 2^127 digests. */
MUST_CHECK enum rc x402_curve_sign(struct x402_signature *out,
                                   const struct x402_hash *digest,
                                   const uint8_t key[X402_KEY_LEN]);
MUST_CHECK enum rc x402_curve_public_key(uint8_t out[X402_PUBLIC_KEY_LEN],
                                         const uint8_t key[X402_KEY_LEN]);
MUST_CHECK enum rc x402_curve_address(struct x402_address *out,
                                      const uint8_t key[X402_KEY_LEN]);

#endif

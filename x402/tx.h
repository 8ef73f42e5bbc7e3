/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions of type 2 (EIP-1559): their bytes before and after the signature, and
 * their hash, by which the chain knows them. What they call is made by abi.h; the
 * number of the account's next transaction and the fees are the caller's to know. */
#ifndef X402_TX_H
#define X402_TX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "x402/address.h"
#include "x402/curve.h"
#include "x402/u256.h"

/* A contract and the keys of its storage that the call will touch (EIP-2930). */
struct x402_access {
    struct x402_address address;
    const struct x402_hash *keys;
    size_t key_count;
};

struct x402_tx {
    uint64_t chain_id;
    uint64_t nonce; /* of the sender's account: how many it has sent before */
    struct x402_u256 max_priority_fee; /* in the smallest unit, for each unit of gas */
    struct x402_u256 max_fee;
    uint64_t gas_limit;
    bool creates; /* a contract: `to` does not count */
    struct x402_address to;
    struct x402_u256 value;
    struct slice data;
    const struct x402_access *access; /* none: NULL and 0 */
    size_t access_count;
};

/* Results live in a. RC_TOO_BIG: it is spent. */

/* What is hashed to be signed, and its digest. */
MUST_CHECK enum rc x402_tx_unsigned(struct slice *out, const struct x402_tx *tx,
                                    struct arena *a);
MUST_CHECK enum rc x402_tx_digest(struct x402_hash *out, const struct x402_tx *tx,
                                  struct arena *a);
/* What is sent, and the hash by which it is asked for. */
MUST_CHECK enum rc x402_tx_signed(struct slice *out, struct x402_hash *hash,
                                  const struct x402_tx *tx,
                                  const struct x402_signature *s, struct arena *a);

#endif

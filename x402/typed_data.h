/* SPDX-License-Identifier: Apache-2.0 */
/* What is signed: the digests of EIP-712 messages and of personal messages (EIP-191). A
 * digest is made of the domain, which names the contract that is to take the message,
 * and of the hash of the message itself. Whether a message is a good payment is not
 * asked here. */
#ifndef X402_TYPED_DATA_H
#define X402_TYPED_DATA_H

#include <stdint.h>

#include "base/slice.h"
#include "x402/address.h"
#include "x402/u256.h"

/* The types of messages: their texts, and the hashes of those. */
enum x402_type {
#define TYPE(name, text, a, b, c, d, e, f, g, h) X402_TYPE_##name,
#include "x402/types.def"
#undef TYPE
    X402_TYPE__COUNT
};

const char *x402_type_text(enum x402_type type);
const struct x402_hash *x402_type_hash(enum x402_type type);

/* Domain separators. One depends on its arguments only: make it once for each token and
 * keep it. name and version must be what the token's contract hashes. */
void x402_domain_token(struct x402_hash *out, struct slice name, struct slice version,
                       uint64_t chain_id, const struct x402_address *token);
void x402_domain_permit2(struct x402_hash *out, uint64_t chain_id);
void x402_domain_batch(struct x402_hash *out, uint64_t chain_id);
void x402_domain_proof(struct x402_hash *out, uint64_t chain_id); /* no contract */

/* The digest that is signed. */
void x402_typed_digest(struct x402_hash *out, const struct x402_hash *domain,
                       const struct x402_hash *message);
/* The digest of a message to people, which a wallet shows as text. RC_NOMEM. */
MUST_CHECK enum rc x402_personal_digest(struct x402_hash *out, struct slice message);

/* EIP-3009: `from` lets `value` go to `to` once, after valid_after and before
 * valid_before, both exclusive, in Unix seconds. */
struct x402_transfer {
    struct x402_address from;
    struct x402_address to;
    struct x402_u256 value;
    struct x402_u256 valid_after;
    struct x402_u256 valid_before;
    struct x402_hash nonce;
};

void x402_typed_transfer(struct x402_hash *out, const struct x402_transfer *t);
/* The same for a transfer that nobody but its receiver can send in. */
void x402_typed_receive(struct x402_hash *out, const struct x402_transfer *t);
/* Uses a nonce up. */
void x402_typed_cancel(struct x402_hash *out, const struct x402_address *authorizer,
                       const struct x402_hash *nonce);

/* Permit2: `owner` lets `spender` take up to `amount` of `token` until `deadline`. What
 * the spender must do with it is in the witness: pay `to`, not before valid_after; for
 * upto, on the word of `facilitator` alone. */
enum x402_permit_kind {
    X402_PERMIT_EXACT,
    X402_PERMIT_UPTO
};

struct x402_permit {
    enum x402_permit_kind kind;
    struct x402_address
        owner; /* not in the message: the token asks for its signature */
    struct x402_address token;
    struct x402_u256 amount;
    struct x402_address spender;
    struct x402_u256 nonce;
    struct x402_u256 deadline;
    struct x402_address to;
    struct x402_address facilitator; /* upto only */
    struct x402_u256 valid_after;
};

void x402_typed_permit(struct x402_hash *out, const struct x402_permit *p);

/* batch-settlement: a channel, whose id is the digest of what it was opened with, and
 * vouchers on it, each for all that may have been claimed by then. */
struct x402_channel {
    struct x402_address payer;
    struct x402_address payer_authorizer;
    struct x402_address receiver;
    struct x402_address receiver_authorizer;
    struct x402_address token;
    uint64_t withdraw_delay_s;
    struct x402_hash salt;
};

struct x402_voucher {
    struct x402_hash channel_id;
    struct x402_u256 claimable; /* at most, from the beginning */
};

/* RC_OVERFLOW: the contract keeps the delay in 40 bits. */
MUST_CHECK enum rc x402_typed_channel(struct x402_hash *out,
                                      const struct x402_channel *c);
/* RC_OVERFLOW: the contract keeps the amount in 128 bits. */
MUST_CHECK enum rc x402_typed_voucher(struct x402_hash *out,
                                      const struct x402_voucher *v);

/* MPP: `account` answers a challenge; nothing is paid by it. */
void x402_typed_proof(struct x402_hash *out, const struct x402_address *account,
                      struct slice challenge_id, struct slice realm);

#endif

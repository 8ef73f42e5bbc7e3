/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a payment is good for an offer, as far as its bytes can say: not whether it
 * was used before, and not what the chain thinks of it. And making one. Everything that
 * counts is compared with what is signed; of what the client merely repeats, only that
 * it means the same scheme and network. */
#ifndef X402_VERIFY_H
#define X402_VERIFY_H

#include "base/arena.h"
#include "x402/curve.h"
#include "x402/offer.h"

enum x402_verdict {
#define VERDICT(name, reason) X402_##name,
#include "x402/verdict.def"
#undef VERDICT
    X402_VERDICT__COUNT
};

/* The stable code for the other side; "" for X402_VALID. */
const char *x402_verdict_reason(enum x402_verdict verdict);

enum {
    X402_GUARD_S = 6 /* a payment must live so long yet, to be settled in time */
};

struct x402_rules {
    uint64_t now_s;       /* Unix seconds */
    uint64_t ahead_max_s; /* how far ahead a payment may end; 0: any */
};

/* Whether the client's echo means this offer, spelling apart: in version 2 all that the
 * offer says, in version 1 scheme and network. A seller picks the offer with it;
 * without one that matches, the client is asked again. */
bool x402_matches(const struct x402_payment *p, const struct x402_offer *offer);

/* All that is cheap, in this order: shape, price, recipient, asset, network, window. It
 * leaves room for a look at the nonces that were seen, before the curve. Nothing is
 * proven yet. */
enum x402_verdict x402_check(const struct x402_payment *p,
                             const struct x402_offer *offer,
                             const struct x402_rules *rules);
/* The curve; for a payment that passed x402_check() with this offer. */
enum x402_verdict x402_check_signature(const struct x402_payment *p,
                                       const struct x402_offer *offer);
/* Both. */
enum x402_verdict x402_verify(const struct x402_payment *p,
                              const struct x402_offer *offer,
                              const struct x402_rules *rules);
/* Whether `actual` may be settled: exact takes its amount, upto at most that. */
enum x402_verdict x402_check_settle(const struct x402_payment *p,
                                    const struct x402_offer *offer,
                                    const struct x402_u256 *actual);

/* Who pays, as the payment says. With the chain, the asset and the nonce this names the
 * payment; its bytes do not, for others can be made that mean the same. */
const struct x402_address *x402_payer(const struct x402_payment *p);
void x402_payment_nonce(struct x402_hash *out, const struct x402_payment *p);

/* A payment of version 2 for the offer, not yet signed: good from now until the offer's
 * timeout. `nonce` is random. RC_BAD_INPUT: the offer's token has no EIP-712 domain. */
MUST_CHECK enum rc x402_pay(struct x402_payment *out, const struct x402_offer *offer,
                            const struct x402_address *from,
                            const struct x402_hash *nonce, uint64_t now_s);
/* Signs it. RC_BAD_INPUT: not a key, or not the key of who pays. */
MUST_CHECK enum rc x402_sign(struct x402_payment *p, const struct x402_offer *offer,
                             const uint8_t key[X402_KEY_LEN], struct arena *a);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* batch-settlement, as far as it goes without a chain: what a client sends with a call
 * that is paid from a channel, and whether its voucher is good. A voucher is for all
 * that may be claimed from the channel since it was opened, so the next one must be for
 * what has been charged so far and this call's amount, no more and no less (the
 * reference calls a difference cumulative_amount_mismatch). Channels are not offered by
 * the gateway yet. */
#ifndef X402_BATCH_H
#define X402_BATCH_H

#include "base/arena.h"
#include "x402/curve.h"
#include "x402/typed_data.h"

enum x402_batch_kind {
    X402_BATCH_DEPOSIT, /* opens or fills the channel; the voucher is its first */
    X402_BATCH_VOUCHER,
    X402_BATCH_REFUND /* asks for the rest back */
};

struct x402_batch_payment {
    enum x402_batch_kind kind;
    struct x402_channel channel;
    struct x402_voucher voucher;
    struct slice signature; /* the voucher's; bytes in the arena */
    bool has_amount;        /* a deposit's, or a refund's that is not for all */
    struct x402_u256 amount;
};

/* The member "payload" of a payment of that scheme; JSON that json_guard() has passed.
 * Unknown members are ignored. RC_BAD_INPUT. RC_NOT_FOUND: of another type. */
MUST_CHECK enum rc x402_batch_read(struct x402_batch_payment *out, struct slice payload,
                                   struct arena *a);

enum x402_batch_verdict {
    X402_BATCH_VALID,
    X402_BATCH_BAD_CHANNEL,   /* the id is not that of its configuration */
    X402_BATCH_BAD_AMOUNT,    /* not what was charged and this */
    X402_BATCH_BAD_SIGNATURE, /* not the payer's or its authorizer's */
};
/* `charged`: all that was charged on the channel before; `amount`: of this call. */
enum x402_batch_verdict x402_batch_verify(const struct x402_batch_payment *p,
                                          uint64_t chain_id, struct x402_u256 charged,
                                          struct x402_u256 amount);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The only thread that sees its private keys (the payer has a signer of its own, with
 * the key of payouts alone). It reads them at the start (Web3 keystore V3, or a hex
 * file), keeps them in locked memory, signs what it is given after looking at it, and
 * wipes them at the end. What it signs it is shown as a whole, not as a digest: so its
 * caps hold whatever goes wrong elsewhere.
 *
 * Caps: a payment is at most per_payment, and all payments of the last 60 s are at most
 * per_minute; a transaction carries no value and makes no contract, and its fees (gas
 * limit x max fee) are at most max_fee_wei. Over a cap: RC_LIMIT, and a line in the
 * log. A payment pays the offer's amount in its token to whom it names, and is worth
 * something that we know: RC_BAD_INPUT otherwise. */
#ifndef GATEWAY_SETTLE_SIGNER_H
#define GATEWAY_SETTLE_SIGNER_H

#include "base/buf.h"
#include "base/money.h"
#include "base/rc.h"
#include "gateway/config_payments.h"
#include "x402/x402.h"

struct signer;

struct signer_caps {
    struct money per_payment;
    struct money per_minute;
    uint64_t max_fee_wei;
    /* The decimals of tokens, before those in the table; copied by signer_open(). */
    const struct config_network *networks;
    size_t network_count;
};

enum {
    SIGNER_KEYS_MAX = CONFIG_NETWORKS_MAX + 1
};

/* Starts the thread, which reads the keys; waits until it has. RC_BAD_CONFIG: `faults`
 * has a line per key that says which file and why, never what is in it. After
 * x402_curve_start(). */
MUST_CHECK enum rc signer_open(struct signer **out, const struct config_key_file *keys,
                               size_t count, const struct signer_caps *caps,
                               struct buf *faults);
void signer_close(struct signer *s); /* no job may be under way; NULL is fine */
/* Whose key the index-th is. */
const struct x402_address *signer_address(const struct signer *s, size_t key);

/* Lent until done(), which is called on the signer's thread: post from there. */
struct signer_job {
    size_t key;
    const struct x402_tx *tx;       /* either this.. */
    const struct x402_offer *offer; /* ..or a payment for that offer: EIP-3009 or */
    struct x402_payment *payment;   /* Permit2; its signature is filled in, */
    struct arena *arena;            /* in here, which is lent too */
    enum rc rc;
    struct x402_signature signature; /* of the transaction */
    void (*done)(struct signer_job *j);
    struct signer_job *next; /* private */
};

void signer_submit(struct signer *s, struct signer_job *j);

#endif

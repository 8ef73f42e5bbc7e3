/* SPDX-License-Identifier: Apache-2.0 */
/* Private to chain_evm*.c: what asking a second node needs, of a payment and of the
 * node (chain_evm_witness.c). */
#ifndef GATEWAY_SETTLE_CHAIN_EVM_WITNESS_H
#define GATEWAY_SETTLE_CHAIN_EVM_WITNESS_H

#include "gateway/settle/chain_int.h"
#include "gateway/settle/node.h"

enum {
    EVM_DISPUTES_MAX = 32
};

struct evm_work;

/* What our node says of a payment, until the witness has said it too. */
struct evm_claim {
    bool asking; /* `look` is under way */
    struct chain_job look;
    struct node_receipt receipt; /* without its logs.. */
    bool ours;
    const char *refusal; /* ..or why it is refused; NULL: it is settled */
    bool used;           /* refused: by something else than this payment */
    unsigned silent;     /* times that the witness did not know */
    void (*again)(struct evm_work *w);
};

/* About what the two did not agree. */
struct evm_dispute {
    struct x402_hash tx;
    bool refused; /* our node had it refused */
};

struct evm_second {
    struct config_network net;                     /* as the witness sees it */
    struct evm_dispute disputes[EVM_DISPUTES_MAX]; /* the last ones, told once */
    size_t dispute_count;
};

#endif

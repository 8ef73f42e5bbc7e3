/* SPDX-License-Identifier: Apache-2.0 */
/* One network as a settler sees it: whether a payment would go through, sending it in,
 * and what became of it. Two kinds behind one face: `builtin` talks JSON-RPC to an EVM
 * node and pays the gas with its own key; a remote facilitator is asked by HTTP
 * (POST /verify, /settle; GET /supported). One thread: its loop's. Nothing is kept here
 * that must survive: the caller keeps struct chain_tx durably and hands it in again.
 *
 * What the other side says is not trusted further than it must be: a settlement counts
 * when a receipt of our own node has status 1 and a Transfer log of the right token,
 * sender, recipient and value, in a block as deep as its value wants, and of a large
 * one when the witness has it too (or, with a remote facilitator and no rpc_url, when
 * it says so, with a transaction hash). Node heads older than CHAIN_HEAD_AGE_MAX_S, or
 * a clock that is off by more than CHAIN_CLOCK_OFF_MAX_S, count as unreachable. */
#ifndef GATEWAY_SETTLE_CHAIN_H
#define GATEWAY_SETTLE_CHAIN_H

#include "base/loop.h"
#include "gateway/config_payments.h"
#include "gateway/settle/signer.h"
#include "gateway/upstream.h"
#include "x402/x402.h"

struct chain;

enum {
    CHAIN_HEAD_AGE_MAX_S = 60, /* the last block must not be older.. */
    CHAIN_CLOCK_OFF_MAX_S = 30 /* ..nor newer than our clock by more */
};

/* net stays the caller's, who keeps the configuration. key: the signer's, if builtin.
 */
MUST_CHECK enum rc chain_open(struct chain **out, struct loop *l, struct upstream *u,
                              const struct config_network *net, struct signer *s,
                              size_t key);
void chain_close(struct chain *c); /* ends every job with CHAIN_UNKNOWN or
                                      CHAIN_UNREACHABLE first; NULL is fine */
/* Whether the last talk with the other side went well (for /readyz and refusals
 * beforehand: F21, F28). true until the first failure. */
bool chain_is_up(const struct chain *c);

enum chain_outcome {
    CHAIN_OK,          /* verify: it would go through; settle: it did */
    CHAIN_REFUSED,     /* definite: nothing moved, and with this payment nothing will */
    CHAIN_UNREACHABLE, /* nothing was sent: it may be tried again */
    CHAIN_UNKNOWN      /* it may have been sent: only chain_settle() with what
                          `submitted` told may go on with it */
};

/* What was sent, to be kept durably, every member, before it goes out. */
struct chain_tx {
    bool sent; /* a broadcast (or a facilitator's answer) may have happened */
    struct x402_hash hash;  /* of the last one that was sent */
    uint64_t account_nonce; /* builtin: it is sent again under this one only */
    uint64_t max_fee_wei, priority_wei; /* raised by an eighth and more at each bump */
    uint64_t gas_limit; /* with the rest: the same bytes can be signed once more */
    unsigned tries;
};

struct chain_job {
    /* in */
    const struct x402_payment *payment;
    const struct x402_offer *offer; /* as it was checked */
    struct x402_u256 amount;        /* settle: what is taken; at most what was signed */
    unsigned version;               /* of x402, as the client spoke; MPP: 2 */
    struct chain_tx tx;             /* in and out */
    /* settle: its nonce was seen unused (chain_verify() said CHAIN_OK) when it was
     * claimed, so whoever has sent it in since has settled it. Without, one that is
     * used before we send anything is refused: another seller with our pay_to may have
     * served for it; and where there are peers, also one that others than we have sent
     * in meanwhile. A remote facilitator is asked to verify it then. look: it was
     * settled before. */
    bool verified;
    /* verify: what other payments of this payer, served and not settled yet, will take
     * from his balance, and of it from what he allows Permit2: that must be there too.
     * A remote facilitator can not be asked for it. */
    struct x402_u256 promised;
    struct x402_u256 promised_permits;
    uint64_t deadline_ms; /* monotonic: then it ends with UNKNOWN or UNREACHABLE */
    /* settle: tx has changed and must be durable before it goes on: call
     * chain_submitted() when it is. Not called for a remote facilitator but once. */
    void (*submit)(struct chain_job *j);
    void (*done)(struct chain_job *j);

    /* out */
    enum chain_outcome outcome;
    const char *reason; /* literal, a code of x402 (spec 1.7); "" */
    uint64_t block;     /* of the receipt */
    struct x402_hash block_hash;
    uint64_t gas_wei; /* what it cost us; saturates */

    /* private */
    struct chain *chain;
    void *state;
};

/* Jobs are lent until done(), which never comes from within these calls (but from
 * chain_close(), and when memory is out). */

/* Simulation: balance, allowance, a used or cancelled nonce, a token without code. */
void chain_verify(struct chain *c, struct chain_job *j);
/* Sends (again, when tx.sent), waits for the receipt and the confirmations. */
void chain_settle(struct chain *c, struct chain_job *j);
void chain_submitted(struct chain *c, struct chain_job *j, bool durable);
/* Whether a settled transaction is still in the chain: CHAIN_OK, CHAIN_REFUSED (a
 * reorganisation took it out, and the authorization is not used by another one),
 * CHAIN_UNREACHABLE (or the witness does not agree). */
void chain_look(struct chain *c, struct chain_job *j);
/* Gives a job up; done() is not called. */
void chain_cancel(struct chain_job *j);

#endif

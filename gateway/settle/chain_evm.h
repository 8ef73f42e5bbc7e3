/* SPDX-License-Identifier: Apache-2.0 */
/* Private to chain_evm*.c: settling on a node with our own key.
 *
 * The way of a settlement: ask (would it go through? one batch; chain_evm_ask.c), sign,
 * keep (submit() has it made durable), send (chain_evm_send.c), wait for the receipt in
 * a poll that all share (chain_evm_wait.c). Where a receipt is not what it should be,
 * or cannot come any more, the authorization itself is looked for (chain_evm_seek.c):
 * whoever sent it in, a transfer that it made is a settlement (with peers: only if
 * we did). A transaction is sent again under its own number only; the payment gets a
 * second number when that of the first was used up by another transaction and the
 * authorization is still unused. What one node says of a large payment waits for a
 * second (chain_evm_witness.c). */
#ifndef GATEWAY_SETTLE_CHAIN_EVM_H
#define GATEWAY_SETTLE_CHAIN_EVM_H

#include "gateway/settle/chain_evm_work.h"

static inline struct evm *evm__of(const struct evm_work *w)
{
    return w->base.chain->own;
}

/* Common (chain_evm.c) ------------------------------------------------------------- */

const struct x402_address *evm__payer(const struct evm_work *w);
const struct x402_address *evm__proxy(const struct evm_work *w);
/* The transfer that the payment is to make. */
struct x402_moved evm__expected(const struct evm_work *w);
/* The call that makes it. */
MUST_CHECK enum rc evm__call_data(struct slice *out, const struct evm_work *w,
                                  struct arena *a);
bool evm__is_permit(const struct evm_work *w);
/* Whether no block can take the payment any more. */
bool evm__is_over(const struct evm_work *w);
/* Takes the number back, or leaves it, as far as it was handed out. */
void evm__drop_nonce(struct evm_work *w, bool used);
uint64_t evm__now_ms(const struct evm_work *w);

/* A batch: begin, question.., go. The answer of a question that was asked, or NULL. */
void evm__begin(struct evm_work *w);
struct rpc_question *evm__question(struct evm_work *w, enum evm_question what);
void evm__go(struct evm_work *w, void (*done)(struct rpc_call *c));
const struct rpc_question *evm__answer(const struct evm_work *w,
                                       enum evm_question what);
struct evm_work *evm__work_of(struct rpc_call *c);
/* Calls `then` after that time. */
void evm__pause(struct evm_work *w, uint64_t ms, void (*then)(struct evm_work *w));
/* Reads the head of a batch. false: stale, or none; the chain is then down. */
bool evm__take_head(struct evm *e, const struct rpc_question *q);
/* The question for the nonce, and its answer. RC_BAD_INPUT. */
void evm__ask_state(struct evm_work *w);
MUST_CHECK enum rc evm__read_state(bool *used, const struct evm_work *w);

/* Steps ---------------------------------------------------------------------------- */

void evm__ask(struct evm_work *w);
void evm__first(struct evm_work *w);  /* nonce, gas and fees are set */
void evm__resume(struct evm_work *w); /* an earlier process has sent it */
void evm__resend(struct evm_work *w);
void evm__bump(struct evm_work *w);
void evm__move_down(struct evm_work *w); /* to a free number below its own */
void evm__kept(struct evm_work *w, bool durable);
void evm__unsign(struct evm_work *w); /* nobody waits for the signature any more */
void evm__wait(struct evm_work *w);
void evm__land(struct evm_work *w); /* out of the poll */
void evm__on_poll_timer(struct loop_timer *t);
void evm__seek(struct evm_work *w);
void evm__look(struct evm_work *w);

/* Ends, as the node says it (chain_evm_witness.c): of a large payment only when the
 * witness says the same, and else it goes on. w may be gone after. ------------------
 */

MUST_CHECK enum rc evm__open_witness(struct evm *e);
void evm__settled(struct evm_work *w, const struct node_receipt *r, bool ours);
/* used: the authorization is, for nothing of ours. */
void evm__refused(struct evm_work *w, const char *reason, bool used);
void evm__stop_witness(struct evm_work *w);

#endif

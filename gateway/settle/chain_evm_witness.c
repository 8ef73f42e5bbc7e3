/* SPDX-License-Identifier: Apache-2.0 */
/* A second node, which must agree to what the first says of a large payment. It is a
 * chain of its own that only looks (chain_look()): with its own head, its own count of
 * blocks and its own search for the authorization. So it vouches for all that the first
 * has said, or for nothing; what it says alone counts for nothing either.
 *
 * Both directions need both nodes, at and above the limit:
 * - It counts, or is still there: the same transaction in the same block, of the same
 *   hash. One node that lies, or was cut off from the others, would have us serve for
 *   nothing, or hide from us that the money went back.
 * - It is refused after something was sent, or gone, or too late: or one node could
 *   take a credit from a payer who has paid, or have a payout made twice.
 *
 * Where they do not agree, or the witness is away, nothing is decided: a settlement
 * goes on waiting and asks the first node again, a look has no answer and is repeated
 * by who wanted it. Nothing is lost by that but time. */
#include "gateway/settle/chain_evm_witness.h"

#include "base/log.h"
#include "base/metric.h"
#include "gateway/metrics.h"
#include "gateway/settle/chain_evm.h"

enum {
    LOOK_MS = 20 * 1000,
    AGAIN_MS = 500, /* until the first node is asked again */
    SILENT_MAX = 5  /* times that a witness may not know, until that is told */
};

enum rc evm__open_witness(struct evm *e)
{
    struct chain *c = e->chain;

    if (c->net->witness.rpc_url == NULL)
        return RC_OK;
    e->second.net = *c->net;
    e->second.net.facilitator_url = NULL;
    e->second.net.rpc_url = c->net->witness.rpc_url;
    e->second.net.rpc_private = c->net->witness.rpc_private;
    e->second.net.witness = (struct config_witness){0};
    TRY(chain_open(&c->witness, c->loop, c->upstream, &e->second.net, NULL, 0));
    c->witness->is_witness = true;
    ((struct evm *)c->witness->own)->account = e->settler;
    return RC_OK;
}

/* Disagreement -----------------------------------------------------------------------
 */

static bool was_disputed(struct evm *e, const struct evm_dispute *d)
{
    for (size_t i = 0; i < EVM_DISPUTES_MAX; i++)
        if (e->second.disputes[i].refused == d->refused &&
            x402_hash_equal(e->second.disputes[i].tx, d->tx))
            return true;
    e->second.disputes[e->second.dispute_count++ % EVM_DISPUTES_MAX] = *d;
    return false;
}

/* Once for a payment, however long they disagree. */
static void dispute(struct evm_work *w, const char *why)
{
    const struct evm_dispute d = {.tx = w->claim.receipt.tx,
                                  .refused = w->claim.refusal != NULL};
    struct evm *e = evm__of(w);
    char tx[X402_HASH_TEXT_SIZE];

    if (was_disputed(e, &d))
        return;
    x402_hash_print(tx, d.tx);
    metric_add(metrics.payments_disputed, 1);
    log_event(LOG_WARN, "the witness does not agree about a payment",
              LOG_U64("chain", e->chain->net->chain_id), LOG_STR("transaction", tx),
              LOG_STR("why", why));
}

static void go_on(struct evm_work *w)
{
    if (w->base.task == CHAIN_SETTLE)
        evm__pause(w, AGAIN_MS, w->claim.again);
    else
        chain__end(&w->base, CHAIN_UNREACHABLE, "");
}

/* Asking -----------------------------------------------------------------------------
 */

static struct evm_work *work_of_look(struct chain_job *look)
{
    return (struct evm_work *)(void *)((char *)look -
                                       offsetof(struct evm_work, claim.look));
}

static void ask_witness(struct evm_work *w, void (*done)(struct chain_job *look))
{
    const struct chain_job *j = w->base.job;
    const uint64_t latest = evm__now_ms(w) + LOOK_MS;

    w->claim.again = w->flying ? evm__wait : evm__seek;
    evm__land(w);
    w->claim.look = (struct chain_job){
        .payment = j->payment,
        .offer = j->offer,
        .amount = j->amount,
        .version = j->version,
        .verified = j->verified,
        .tx = j->tx,
        .deadline_ms = j->deadline_ms < latest ? j->deadline_ms : latest,
        .done = done};
    w->claim.look.tx.hash = w->claim.receipt.tx;
    w->claim.asking = true;
    chain_look(evm__of(w)->chain->witness,
               &w->claim.look); /* after which w may be gone */
}

void evm__stop_witness(struct evm_work *w)
{
    if (w->claim.asking)
        chain_cancel(&w->claim.look);
    w->claim.asking = false;
}

static bool needs_witness(const struct evm_work *w)
{
    return config_needs_witness(evm__of(w)->chain->net, evm__expected(w).value);
}

/* Settled ----------------------------------------------------------------------------
 */

static void settle(struct evm_work *w)
{
    struct chain_job *j = w->base.job;

    j->tx.hash = w->claim.receipt.tx;
    j->block = w->claim.receipt.block;
    j->block_hash = w->claim.receipt.block_hash;
    if (w->claim.ours) {
        j->gas_wei = w->claim.receipt.cost_wei;
        evm__drop_nonce(w, true);
    }
    chain__end(&w->base, CHAIN_OK, "");
}

static void on_settled(struct chain_job *look)
{
    struct evm_work *w = work_of_look(look);

    w->claim.asking = false;
    if (look->outcome == CHAIN_OK &&
        x402_hash_equal(look->tx.hash, w->claim.receipt.tx) &&
        look->block == w->claim.receipt.block &&
        x402_hash_equal(look->block_hash, w->claim.receipt.block_hash)) {
        settle(w);
        return;
    }
    if (look->outcome == CHAIN_OK)
        dispute(w, "it has it in another block, or by another transaction");
    else if (look->outcome == CHAIN_REFUSED)
        dispute(w, "it does not have it");
    else if (evm__of(w)->chain->witness->up && ++w->claim.silent == SILENT_MAX)
        dispute(w, "it does not have it in a block for some time");
    go_on(w);
}

void evm__settled(struct evm_work *w, const struct node_receipt *r, bool ours)
{
    w->claim.receipt = *r;
    w->claim.receipt.logs = SLICE_NONE; /* they go with the answer */
    w->claim.ours = ours;
    w->claim.refusal = NULL;
    if (needs_witness(w))
        ask_witness(w, on_settled);
    else
        settle(w);
}

/* Refused ----------------------------------------------------------------------------
 */

static void on_refused(struct chain_job *look)
{
    struct evm_work *w = work_of_look(look);

    w->claim.asking = false;
    /* A look names a reason only when the authorization is used. */
    if (look->outcome == CHAIN_REFUSED && w->claim.used == (look->reason[0] != '\0')) {
        chain__end(&w->base, CHAIN_REFUSED, w->claim.refusal);
        return;
    }
    if (look->outcome == CHAIN_OK)
        dispute(w, "it has it, and the node does not");
    else if (look->outcome == CHAIN_REFUSED)
        dispute(w, "one of them says that the authorization is used");
    go_on(w);
}

void evm__refused(struct evm_work *w, const char *reason, bool used)
{
    const bool matters =
        w->base.task == CHAIN_LOOK || w->base.job->tx.sent || evm__is_over(w);

    if (!matters || !needs_witness(w)) {
        chain__end(&w->base, CHAIN_REFUSED, reason);
        return;
    }
    w->claim.receipt = (struct node_receipt){.tx = w->base.job->tx.hash};
    w->claim.refusal = reason;
    w->claim.used = used;
    ask_witness(w, on_refused);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for receipts: one poll for all that wait, in one HTTP call, and what follows
 * from what it says. */
#include "base/log.h"
#include "gateway/settle/chain_evm.h"

#include <assert.h>

enum {
    POLL_HEAD,
    POLL_LATEST,
    POLL_PENDING,
    POLL_FIRST /* of the receipts */
};

/* The flights ------------------------------------------------------------------------
 */

static uint64_t poll_pause_ms(const struct evm *e)
{
    const uint64_t pause = e->block_ms / 4;
    const uint64_t since_ms = loop_now_ms(e->chain->loop) - e->sent_ms;

    if (!e->chain->up)
        return EVM_POLL_DOWN_MS;
    if (pause < EVM_POLL_MIN_MS || (e->on_demand && since_ms < EVM_POLL_EAGER_MS))
        return EVM_POLL_MIN_MS;
    return pause < EVM_POLL_MAX_MS ? pause : EVM_POLL_MAX_MS;
}

static void poll_soon(struct evm *e)
{
    if (!TAILQ_EMPTY(&e->flights) && !rpc_is_busy(&e->poll) &&
        !loop_timer_armed(&e->poll_timer))
        loop_timer_set(e->chain->loop, &e->poll_timer,
                       loop_now_ms(e->chain->loop) + poll_pause_ms(e));
}

void evm__wait(struct evm_work *w)
{
    struct evm *e = evm__of(w);

    assert(!w->flying);
    w->flying = true;
    TAILQ_INSERT_TAIL(&e->flights, w, flights);
    poll_soon(e);
}

void evm__land(struct evm_work *w)
{
    struct evm *e = evm__of(w);

    if (!w->flying)
        return;
    w->flying = false;
    TAILQ_REMOVE(&e->flights, w, flights);
    for (size_t i = 0; i < e->slot_count; i++)
        if (e->slots[i] == w)
            e->slots[i] = NULL;
}

/* A receipt --------------------------------------------------------------------------
 */

static void found(struct evm_work *w, const struct node_receipt *r)
{
    const struct x402_moved expected = evm__expected(w);
    struct evm *e = evm__of(w);

    w->gone = 0;
    /* One block is its own. A node may know the receipt before it counts the block. */
    if (e->head.number < r->block ||
        e->head.number - r->block + 1 <
            config_confirmations(e->chain->net, expected.value))
        return;
    if (r->success && node_moved(r, &w->base.job->offer->asset, &expected)) {
        evm__settled(w, r, true);
        return;
    }
    log_event(LOG_WARN,
              r->success ? "a settlement moved nothing" : "a settlement was reverted",
              LOG_U64("chain", e->chain->net->chain_id), LOG_U64("block", r->block));
    w->mined = true;
    w->succeeded = r->success;
    w->base.job->gas_wei = r->cost_wei;
    evm__drop_nonce(w, true);
    evm__land(w);
    evm__seek(w);
}

/* No receipt -------------------------------------------------------------------------
 */

/* Missing often and long enough; a node that lags behind itself is given time. */
static bool is_gone(struct evm_work *w, unsigned polls)
{
    const uint64_t now = evm__now_ms(w);

    if (w->gone++ == 0)
        w->gone_ms = now;
    return w->gone >= polls && now - w->gone_ms >= EVM_GONE_MS;
}

static uint64_t bump_after_ms(const struct evm *e)
{
    const uint64_t blocks = e->block_ms * EVM_BUMP_BLOCKS;

    return blocks > EVM_BUMP_MS ? blocks : EVM_BUMP_MS;
}

static bool may_bump(const struct evm_work *w)
{
    return !w->not_ours && buf_len(&w->raw) > 0 && w->hash_count < EVM_TRIES_MAX &&
           w->base.job->tx.tries < EVM_TRIES_MAX;
}

/* A number below was given out and came back, unused: the process that had it died, or
 * the book refused it. While others pay, the next one takes it; nobody waits for that
 * to happen. */
static bool is_above_hole(const struct evm_work *w)
{
    return w->has_nonce && !w->not_ours && w->deaths < EVM_DEATHS_MAX &&
           evm__now_ms(w) - w->sent_ms >= EVM_HOLE_MS &&
           nonces_is_above_hole(&evm__of(w)->nonces, w->nonce);
}

static void missing(struct evm_work *w, uint64_t latest)
{
    const uint64_t now = evm__now_ms(w);

    w->asked = (w->asked + 1) % w->hash_count;
    if (latest > w->nonce || evm__is_over(w)) {
        /* Each of the hashes is asked for in turn. */
        if (!is_gone(w, EVM_GONE_POLLS + (unsigned)w->hash_count))
            return;
        w->dead = latest > w->nonce;
        evm__land(w);
        evm__seek(w);
        return;
    }
    w->gone = 0;
    if (is_above_hole(w))
        evm__move_down(w);
    else if (now - w->sent_ms >= bump_after_ms(evm__of(w)) && may_bump(w))
        evm__bump(w);
    else if (now >= w->resend_ms && !w->not_ours)
        evm__resend(w);
}

/* The poll ---------------------------------------------------------------------------
 */

static void hear(struct evm_work *w, const struct rpc_question *q, uint64_t latest)
{
    const struct x402_hash asked = w->hashes[w->asked];
    struct node_receipt r;
    enum rc rc;

    if (q->answer != RPC_RESULT)
        return;
    rc = node_read_receipt(&r, q->result);
    if (rc == RC_NOT_FOUND)
        missing(w, latest);
    else if (rc == RC_OK && x402_hash_equal(r.tx, asked))
        found(w, &r);
}

static bool read_counts(struct evm *e, uint64_t *latest)
{
    const struct rpc_question *q = e->polled;
    uint64_t pending;

    if (q[POLL_LATEST].answer != RPC_RESULT || q[POLL_PENDING].answer != RPC_RESULT ||
        node_read_u64(latest, q[POLL_LATEST].result) != RC_OK ||
        node_read_u64(&pending, q[POLL_PENDING].result) != RC_OK) {
        chain__talked(e->chain, false, "the node does not count our transactions");
        return false;
    }
    nonces_learn(&e->nonces, *latest, pending, loop_now_ms(e->chain->loop));
    return true;
}

static void on_poll(struct rpc_call *c)
{
    struct evm *e = (struct evm *)(void *)((char *)c - offsetof(struct evm, poll));
    uint64_t latest = 0;

    if (c->fail != RPC_FINE) {
        chain__talked(e->chain, false, "the node does not answer");
    } else if (evm__take_head(e, &e->polled[POLL_HEAD]) && read_counts(e, &latest)) {
        chain__talked(e->chain, true, "");
        /* An end takes its work out of the slots, and may take others with it. */
        for (size_t i = 0; i < e->slot_count; i++)
            if (e->slots[i] != NULL)
                hear(e->slots[i], &e->polled[POLL_FIRST + i], latest);
    }
    e->slot_count = 0;
    poll_soon(e);
}

/* Those who waited longest, first; they go to the end of the line. */
static void fill_slots(struct evm *e)
{
    e->slot_count = 0;
    while (e->slot_count < EVM_POLL_MANY) {
        struct evm_work *w = TAILQ_FIRST(&e->flights);

        if (w == NULL || (e->slot_count > 0 && w == e->slots[0]))
            return;
        TAILQ_REMOVE(&e->flights, w, flights);
        TAILQ_INSERT_TAIL(&e->flights, w, flights);
        node_ask_receipt(&e->polled[POLL_FIRST + e->slot_count], &w->hashes[w->asked],
                         e->poll_arena);
        e->slots[e->slot_count++] = w;
    }
}

void evm__on_poll_timer(struct loop_timer *t)
{
    struct evm *e =
        (struct evm *)(void *)((char *)t - offsetof(struct evm, poll_timer));

    if (TAILQ_EMPTY(&e->flights) || rpc_is_busy(&e->poll))
        return;
    arena_reset(e->poll_arena);
    node_ask_head(&e->polled[POLL_HEAD], e->on_demand);
    node_ask_count(&e->polled[POLL_LATEST], e->settler, "latest", e->poll_arena);
    node_ask_count(&e->polled[POLL_PENDING], e->settler, "pending", e->poll_arena);
    fill_slots(e);
    e->poll.questions = e->polled;
    e->poll.count = POLL_FIRST + e->slot_count;
    e->poll.deadline_ms = 0;
    e->poll.alone = true;
    e->poll.done = on_poll;
    rpc_start(e->rpc, &e->poll);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What the steps of a settlement on a node have in common, and the node as a whole. */
#include "gateway/settle/chain_evm.h"

#include <assert.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

enum {
    BLOCK_MS_START = 2000,
    BLOCK_MS_MAX = 60 * 1000
};

uint64_t evm__now_ms(const struct evm_work *w)
{
    return loop_now_ms(w->base.chain->loop);
}

/* The payment ------------------------------------------------------------------------
 */

bool evm__is_permit(const struct evm_work *w)
{
    return w->base.job->payment->method == X402_PERMIT2;
}

const struct x402_address *evm__payer(const struct evm_work *w)
{
    return x402_payer(w->base.job->payment);
}

const struct x402_address *evm__proxy(const struct evm_work *w)
{
    return w->base.job->payment->permit.kind == X402_PERMIT_UPTO
               ? &x402_permit2_upto_proxy
               : &x402_permit2_exact_proxy;
}

struct x402_moved evm__expected(const struct evm_work *w)
{
    return (struct x402_moved){.from = *evm__payer(w),
                               .to = w->base.job->offer->pay_to,
                               .value = chain__value(&w->base)};
}

enum rc evm__call_data(struct slice *out, const struct evm_work *w, struct arena *a)
{
    const struct x402_payment *p = w->base.job->payment;
    const struct x402_u256 value = chain__value(&w->base);
    struct x402_signature s;

    if (p->method == X402_PERMIT2)
        return x402_call_settle(out, &p->permit,
                                p->permit.kind == X402_PERMIT_UPTO ? &value : NULL,
                                p->signature, a);
    TRY(x402_signature_read(&s, p->signature, X402_V_PAYMENT));
    return x402_call_transfer(out, &p->transfer, &s, a);
}

bool evm__is_over(const struct evm_work *w)
{
    const struct x402_payment *p = w->base.job->payment;
    const struct x402_u256 now = x402_u256_from_u64(evm__of(w)->head.time_s);

    return p->method == X402_PERMIT2
               ? x402_u256_cmp(now, p->permit.deadline) > 0
               : x402_u256_cmp(now, p->transfer.valid_before) >= 0;
}

void evm__drop_nonce(struct evm_work *w, bool used)
{
    const struct chain_tx *tx = &w->base.job->tx;
    struct evm *e = evm__of(w);

    if (!w->has_nonce)
        return;
    w->has_nonce = false;
    if (used || !tx->sent || tx->account_nonce != w->nonce)
        nonces_return(&e->nonces, w->nonce, used, evm__now_ms(w));
    else
        nonces_leave(&e->nonces, w->nonce, evm__now_ms(w));
}

/* Batches ----------------------------------------------------------------------------
 */

struct evm_work *evm__work_of(struct rpc_call *c)
{
    return (struct evm_work *)(void *)((char *)c - offsetof(struct evm_work, call));
}

void evm__begin(struct evm_work *w)
{
    assert(!rpc_is_busy(&w->call));
    arena_reset(w->arena);
    w->call.count = 0;
    for (size_t i = 0; i < EVM_Q__COUNT; i++)
        w->at[i] = -1;
}

struct rpc_question *evm__question(struct evm_work *w, enum evm_question what)
{
    assert(w->call.count < EVM_QUESTIONS_MAX);
    if (w->at[what] < 0)
        w->at[what] = (int)w->call.count;
    return &w->questions[w->call.count++];
}

const struct rpc_question *evm__answer(const struct evm_work *w, enum evm_question what)
{
    return w->at[what] < 0 ? NULL : &w->questions[w->at[what]];
}

void evm__go(struct evm_work *w, void (*done)(struct rpc_call *c))
{
    w->call.questions = w->questions;
    w->call.deadline_ms = w->base.job->deadline_ms;
    w->call.alone = w->at[EVM_Q_LOGS] >= 0;
    w->call.done = done;
    if (arena_spent(w->arena))
        chain__end_soon(&w->base, chain__no_word(&w->base), "");
    else
        rpc_start(evm__of(w)->rpc, &w->call);
}

static void on_pause(struct loop_timer *t)
{
    struct evm_work *w =
        (struct evm_work *)(void *)((char *)t - offsetof(struct evm_work, pause));

    w->after_pause(w);
}

void evm__pause(struct evm_work *w, uint64_t ms, void (*then)(struct evm_work *w))
{
    w->after_pause = then;
    loop_timer_set(w->base.chain->loop, &w->pause, evm__now_ms(w) + ms);
}

/* Blocks tell their time in whole seconds: it may have been one more. */
static void learn_pace(struct evm *e, const struct node_head *head)
{
    const struct node_head from = e->pace_from;
    uint64_t pace;

    if (head->number < from.number || head->time_s < from.time_s || from.time_s == 0) {
        e->pace_from = *head;
        return;
    }
    if (head->number == from.number)
        return;
    pace = (head->time_s - from.time_s + 1) * 1000 / (head->number - from.number);
    e->block_ms = pace < BLOCK_MS_MAX ? pace : BLOCK_MS_MAX;
    if (head->time_s - from.time_s >= EVM_PACE_S)
        e->pace_from = *head;
}

bool evm__take_head(struct evm *e, const struct rpc_question *q)
{
    struct node_head head;

    if (q == NULL || q->answer != RPC_RESULT ||
        node_read_head(&head, q->result) != RC_OK) {
        chain__talked(e->chain, false, "the node does not say its last block");
        return false;
    }
    if (!chain__is_fresh(head.time_s)) {
        chain__talked(e->chain, false, "the node's last block is not of this time");
        return false;
    }
    if (e->on_demand && head.number > 0)
        head.number--; /* it was the block to come */
    learn_pace(e, &head);
    e->head = head;
    return true;
}

void evm__ask_state(struct evm_work *w)
{
    const struct x402_payment *p = w->base.job->payment;
    struct x402_hash nonce;
    struct slice data;
    enum rc rc;

    x402_payment_nonce(&nonce, p);
    if (p->method == X402_PERMIT2)
        rc =
            x402_call_nonce_bitmap(&data, &p->permit.owner, &p->permit.nonce, w->arena);
    else
        rc = x402_call_authorization_state(&data, &p->transfer.from, &nonce, w->arena);
    /* What failed shows in the arena. */
    node_ask_call(evm__question(w, EVM_Q_STATE), "eth_call", NULL,
                  p->method == X402_PERMIT2 ? &x402_permit2
                                            : &w->base.job->offer->asset,
                  rc == RC_OK ? data : SLICE_NONE, w->arena);
}

enum rc evm__read_state(bool *used, const struct evm_work *w)
{
    const struct rpc_question *q = evm__answer(w, EVM_Q_STATE);
    const struct x402_payment *p = w->base.job->payment;
    struct x402_u256 word;
    unsigned bit;

    if (q == NULL || q->answer != RPC_RESULT)
        return RC_BAD_INPUT;
    TRY(node_read_word(&word, q->result));
    if (p->method == X402_PERMIT2) {
        bit = p->permit.nonce.bytes[X402_WORD_LEN - 1];
        *used = (word.bytes[X402_WORD_LEN - 1 - bit / 8] >> (bit % 8) & 1) != 0;
        return RC_OK;
    }
    return x402_abi_bool(used,
                         slice_from((const char *)word.bytes, sizeof(word.bytes)));
}

/* Jobs -------------------------------------------------------------------------------
 */

/* At load an arena goes from one payment to the next, with its first block. */
static enum rc take_arena(struct evm_work *w)
{
    struct evm *e = evm__of(w);

    if (e->spare_count == 0)
        return arena_open(&w->arena, EVM_ARENA_MAX);
    w->arena = e->spare_arenas[--e->spare_count];
    return RC_OK;
}

static void give_arena(struct evm_work *w)
{
    struct evm *e = evm__of(w);
    struct arena *a = w->arena;

    w->arena = NULL;
    if (a == NULL)
        return;
    if (e->spare_count == EVM_SPARE_ARENAS) {
        arena_close(a);
        return;
    }
    arena_reset(a);
    e->spare_arenas[e->spare_count++] = a;
}

static void evm_start(struct chain_work *base)
{
    struct evm_work *w = (struct evm_work *)base;

    w->pause.fire = on_pause;
    buf_init(&w->raw, EVM_RAW_MAX);
    if (take_arena(w) != RC_OK) {
        chain__end_soon(base, chain__no_word(base), "");
        return;
    }
    if (base->task == CHAIN_LOOK)
        evm__look(w);
    else if (base->task == CHAIN_SETTLE && base->job->tx.sent)
        evm__resume(w);
    else
        evm__ask(w);
}

static void evm_submitted(struct chain_work *base, bool durable)
{
    struct evm_work *w = (struct evm_work *)base;

    if (w->keeping)
        evm__kept(w, durable);
}

static void evm_stop(struct chain_work *base)
{
    struct evm_work *w = (struct evm_work *)base;

    rpc_cancel(&w->call);
    loop_timer_clear(base->chain->loop, &w->pause);
    evm__unsign(w);
    evm__stop_witness(w);
    evm__land(w);
    evm__drop_nonce(w, false);
    buf_free(&w->raw);
    give_arena(w);
}

/* The node ---------------------------------------------------------------------------
 */

/* Whether the account has enough for one more payment. */
static bool pays_gas(struct evm *e)
{
    const struct fees fees = fees_for(e->head.base_fee, e->tip);
    struct x402_u256 funds;

    if (e->settler == NULL)
        return true;
    if (e->pinged[PING_FUNDS].answer == RPC_RESULT &&
        node_read_u256(&funds, e->pinged[PING_FUNDS].result) == RC_OK &&
        x402_u256_cmp(funds, fees_total(FEES_GAS_USUAL, fees.max_fee)) >= 0)
        return true;
    chain__talked(e->chain, false, "the account that pays for gas is empty");
    return false;
}

static void on_ping(struct rpc_call *c)
{
    struct evm *e = (struct evm *)(void *)((char *)c - offsetof(struct evm, ping));
    uint64_t id;

    const struct rpc_question *on_demand = &e->pinged[PING_ON_DEMAND];

    e->on_demand = c->fail == RPC_FINE && on_demand->answer == RPC_RESULT &&
                   slice_equal(slice_trim(on_demand->result), SLICE("true"));
    if (c->fail != RPC_FINE)
        chain__talked(e->chain, false, "the node does not answer");
    else if (e->pinged[PING_CHAIN].answer != RPC_RESULT ||
             node_read_u64(&id, e->pinged[PING_CHAIN].result) != RC_OK ||
             id != e->chain->net->chain_id)
        chain__talked(e->chain, false, "the node is of another chain");
    else if (evm__take_head(e, &e->pinged[e->on_demand ? PING_COMING : PING_HEAD]) &&
             pays_gas(e))
        chain__talked(e->chain, true, "");
}

static void evm_ping(struct chain *c)
{
    struct evm *e = c->own;

    if (rpc_is_busy(&e->ping))
        return;
    node_ask_plain(&e->pinged[PING_CHAIN], "eth_chainId");
    node_ask_head(&e->pinged[PING_HEAD], false);
    node_ask_head(&e->pinged[PING_COMING], true);
    node_ask_plain(&e->pinged[PING_ON_DEMAND], "hardhat_getAutomine");
    e->ping.questions = e->pinged;
    e->ping.count = PING_FUNDS;
    arena_reset(e->ping_arena);
    if (e->settler != NULL)
        node_ask_balance(&e->pinged[e->ping.count++], e->settler, e->ping_arena);
    e->ping.alone = true; /* not every node knows all of it */
    e->ping.done = on_ping;
    rpc_start(e->rpc, &e->ping);
}

static void on_inbox(struct loop_watch *watch, uint32_t events)
{
    struct evm *e = (struct evm *)(void *)((char *)watch - offsetof(struct evm, watch));

    (void)events;
    (void)inbox_drain(e->inbox);
}

static enum rc evm_open(struct chain *c)
{
    struct evm *e = calloc(1, sizeof(*e));

    if (e == NULL)
        return RC_NOMEM;
    c->own = e;
    e->chain = c;
    e->block_ms = BLOCK_MS_START;
    /* Without a signer it only looks. */
    e->settler = c->signer == NULL ? NULL : signer_address(c->signer, c->key);
    e->account = e->settler;
    e->poll_timer.fire = evm__on_poll_timer;
    TAILQ_INIT(&e->flights);
    TRY(arena_open(&e->poll_arena, (size_t)EVM_POLL_MANY * 256));
    TRY(arena_open(&e->ping_arena, 1024));
    TRY(rpc_open(&e->rpc, c->loop, c->upstream, c->net->rpc_url, c->net->rpc_private));
    TRY(evm__open_witness(e));
    TRY(inbox_open(&e->inbox));
    e->watch.fd = inbox_fd(e->inbox);
    e->watch.ready = on_inbox;
    return loop_watch(c->loop, &e->watch, EPOLLIN);
}

static void evm_close(struct chain *c)
{
    struct evm *e = c->own;

    if (e == NULL)
        return;
    chain_close(c->witness);
    rpc_cancel(&e->poll);
    rpc_cancel(&e->ping);
    loop_timer_clear(c->loop, &e->poll_timer);
    if (e->inbox != NULL) {
        loop_unwatch(c->loop, &e->watch);
        /* What the signer has is lent: it gives it back within moments. */
        while (e->signing > 0) {
            struct pollfd p = {.fd = inbox_fd(e->inbox), .events = POLLIN};

            (void)poll(&p, 1, -1);
            (void)inbox_drain(e->inbox);
        }
        inbox_close(e->inbox);
    }
    rpc_close(e->rpc);
    while (e->spare_count > 0)
        arena_close(e->spare_arenas[--e->spare_count]);
    arena_close(e->poll_arena);
    arena_close(e->ping_arena);
    free(e);
}

const struct chain_kind chain__evm = {.work_size = sizeof(struct evm_work),
                                      .open = evm_open,
                                      .close = evm_close,
                                      .start = evm_start,
                                      .submitted = evm_submitted,
                                      .stop = evm_stop,
                                      .ping = evm_ping};

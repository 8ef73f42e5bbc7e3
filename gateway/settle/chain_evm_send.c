/* SPDX-License-Identifier: Apache-2.0 */
/* A transaction on its way out: signed on the signer's thread, kept by who asked for
 * it, and only then shown to a node. */
#include "base/log.h"
#include "gateway/settle/chain_evm.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* Lent to the signer, who knows no way to give a job up: so it is not part of the work,
 * which may end before it comes back. */
struct evm_sign {
    struct signer_job job;
    struct inbox_message message;
    struct evm *evm;
    struct evm_work *work; /* NULL: nobody waits any more */
    struct x402_tx tx;
    uint8_t data[EVM_CALL_MAX];
};

/* Signing ----------------------------------------------------------------------------
 */

static void take_signed(struct inbox_message *m);

static void on_signed(struct signer_job *j)
{
    struct evm_sign *s =
        (struct evm_sign *)(void *)((char *)j - offsetof(struct evm_sign, job));

    inbox_post(s->evm->inbox, &s->message);
}

/* What will be signed: all of it follows from the payment and from what is kept of the
 * transaction, so that the same bytes can be made again. */
static enum rc build(struct evm_sign *s, struct evm_work *w)
{
    const struct evm *e = evm__of(w);
    struct slice data;

    arena_reset(w->arena);
    TRY(evm__call_data(&data, w, w->arena));
    if (data.len > sizeof(s->data))
        return RC_TOO_BIG;
    memcpy(s->data, data.bytes, data.len);
    s->tx = (struct x402_tx){.chain_id = e->chain->net->chain_id,
                             .nonce = w->nonce,
                             .max_priority_fee = x402_u256_from_u64(w->fees.priority),
                             .max_fee = x402_u256_from_u64(w->fees.max_fee),
                             .gas_limit = w->gas_limit,
                             .to = evm__is_permit(w) ? *evm__proxy(w)
                                                     : w->base.job->offer->asset,
                             .value = X402_ZERO,
                             .data = slice_from((const char *)s->data, data.len)};
    return RC_OK;
}

static void have_signed(struct evm_work *w, enum evm_why why)
{
    struct evm *e = evm__of(w);
    struct evm_sign *s = calloc(1, sizeof(*s));

    w->why = why;
    if (s == NULL || build(s, w) != RC_OK) {
        free(s);
        chain__end_soon(&w->base, chain__no_word(&w->base), "");
        return;
    }
    s->evm = e;
    s->work = w;
    s->message.run = take_signed;
    s->job = (struct signer_job){.key = e->chain->key, .tx = &s->tx, .done = on_signed};
    w->sign = s;
    e->signing++;
    signer_submit(e->chain->signer, &s->job);
}

void evm__unsign(struct evm_work *w)
{
    if (w->sign != NULL)
        w->sign->work = NULL;
    w->sign = NULL;
}

/* No higher fees, for this time: the one before is out. */
static void stay(struct evm_work *w)
{
    const struct chain_tx *tx = &w->base.job->tx;

    w->fees = (struct fees){tx->max_fee_wei, tx->priority_wei};
    w->sent_ms = evm__now_ms(w);
    evm__wait(w);
}

/* The signer would not: over its caps, most likely, because gas costs too much. */
static void not_signed(struct evm_work *w)
{
    log_event(LOG_WARN, "a transaction was not signed",
              LOG_U64("chain", w->base.chain->net->chain_id),
              LOG_U64("max_fee_wei", w->fees.max_fee));
    switch (w->why) {
    case EVM_FIRST:
        evm__drop_nonce(w, false);
        chain__end(&w->base, chain__no_word(&w->base), "");
        return;
    case EVM_AGAIN:
        w->not_ours = true;
        evm__wait(w);
        return;
    case EVM_BUMP:
        stay(w);
        return;
    }
}

static void keep(struct evm_work *w, const struct x402_hash *hash)
{
    struct chain_job *j = w->base.job;

    w->before = j->tx;
    w->keeping = true;
    j->tx = (struct chain_tx){.sent = true,
                              .hash = *hash,
                              .account_nonce = w->nonce,
                              .max_fee_wei = w->fees.max_fee,
                              .priority_wei = w->fees.priority,
                              .gas_limit = w->gas_limit,
                              .tries = j->tx.tries + 1};
    j->submit(j); /* after which w may be gone */
}

static void send_raw(struct evm_work *w);

static void use(struct evm_work *w, const struct evm_sign *s)
{
    struct slice raw;
    struct x402_hash hash;

    arena_reset(w->arena);
    if (x402_tx_signed(&raw, &hash, &s->tx, &s->job.signature, w->arena) != RC_OK ||
        raw.len > EVM_RAW_MAX) {
        not_signed(w);
        return;
    }
    if (w->why == EVM_AGAIN && !x402_hash_equal(hash, w->base.job->tx.hash)) {
        /* Another key, or another payment than was sent then. */
        log_event(LOG_WARN, "a transaction cannot be sent again as it was",
                  LOG_U64("chain", w->base.chain->net->chain_id));
        w->not_ours = true;
        evm__wait(w);
        return;
    }
    buf_reset(&w->raw);
    buf_append(&w->raw, raw);
    if (w->why == EVM_AGAIN)
        send_raw(w);
    else
        keep(w, &hash);
}

static void take_signed(struct inbox_message *m)
{
    struct evm_sign *s =
        (struct evm_sign *)(void *)((char *)m - offsetof(struct evm_sign, message));
    struct evm_work *w = s->work;

    s->evm->signing--;
    if (w != NULL) {
        w->sign = NULL;
        if (s->job.rc == RC_OK)
            use(w, s);
        else
            not_signed(w);
    }
    free(s);
}

/* Sending ----------------------------------------------------------------------------
 */

/* What a node says of a transaction does not end the payment: only blocks do. It says
 * when to show it again. */
static uint64_t resend_pause_ms(const struct evm_work *w, const struct rpc_call *c)
{
    const struct rpc_question *q = &w->questions[0];

    if (c->fail != RPC_FINE || q->answer == RPC_SILENT)
        return EVM_REFUSED_MS;
    if (q->answer == RPC_RESULT || rpc_says(q, "already known") ||
        rpc_says(q, "already imported") || rpc_says(q, "known transaction"))
        return EVM_RESEND_MS;
    log_event(LOG_WARN, "the node did not take a transaction",
              LOG_U64("chain", w->base.chain->net->chain_id),
              LOG_U64("account_nonce", w->nonce), LOG_SLICE("says", q->message));
    if (rpc_says(q, "insufficient funds"))
        chain__talked(w->base.chain, false, "the account that pays for gas is empty");
    return EVM_REFUSED_MS;
}

static void on_sent(struct rpc_call *c)
{
    struct evm_work *w = evm__work_of(c);

    w->resend_ms = evm__now_ms(w) + resend_pause_ms(w, c);
    evm__of(w)->sent_ms = evm__now_ms(w);
    evm__wait(w);
}

static void send_raw(struct evm_work *w)
{
    evm__begin(w);
    node_ask_send(&w->questions[w->call.count++], buf_slice(&w->raw), w->arena);
    evm__go(w, on_sent);
}

void evm__kept(struct evm_work *w, bool durable)
{
    struct chain_job *j = w->base.job;

    w->keeping = false;
    if (!durable) {
        j->tx = w->before;
        buf_reset(&w->raw);
        if (w->why == EVM_FIRST) {
            evm__drop_nonce(w, false);
            chain__end_soon(&w->base, chain__no_word(&w->base), "");
            return;
        }
        stay(w);
        return;
    }
    if (w->why == EVM_FIRST)
        w->hash_count = 0;
    assert(w->hash_count < EVM_TRIES_MAX);
    w->hashes[w->hash_count++] = j->tx.hash;
    w->asked = w->hash_count - 1;
    w->sent_ms = evm__now_ms(w);
    send_raw(w);
}

void evm__first(struct evm_work *w)
{
    struct evm *e = evm__of(w);

    if (nonces_take(&e->nonces, &w->nonce) != RC_OK) {
        chain__end(&w->base, chain__no_word(&w->base), "");
        return;
    }
    w->has_nonce = true;
    w->gone = 0;
    w->dead = w->mined = w->succeeded = w->not_ours = false;
    w->rounds = 0;
    have_signed(w, EVM_FIRST);
}

/* The one before is out, and above: so no block can take it before this one, which
 * spends the authorization, and it will be reverted. */
void evm__move_down(struct evm_work *w)
{
    evm__land(w);
    evm__drop_nonce(w, false);
    buf_reset(&w->raw);
    w->deaths++;
    evm__first(w);
}

void evm__resume(struct evm_work *w)
{
    const struct chain_tx *tx = &w->base.job->tx;

    w->nonce = tx->account_nonce;
    w->gas_limit = tx->gas_limit;
    w->fees = (struct fees){tx->max_fee_wei, tx->priority_wei};
    w->has_nonce = nonces_hold(&evm__of(w)->nonces, w->nonce) == RC_OK;
    w->hashes[0] = tx->hash;
    w->hash_count = 1;
    w->sent_ms = w->resend_ms = evm__now_ms(w);
    evm__wait(w);
}

void evm__resend(struct evm_work *w)
{
    evm__land(w);
    if (buf_len(&w->raw) > 0)
        send_raw(w);
    else
        have_signed(w, EVM_AGAIN);
}

void evm__bump(struct evm_work *w)
{
    const struct evm *e = evm__of(w);
    struct fees higher;

    if (!fees_bump(&higher, w->fees, fees_for(e->head.base_fee, e->tip))) {
        w->sent_ms = evm__now_ms(w);
        return;
    }
    evm__land(w);
    w->fees = higher;
    have_signed(w, EVM_BUMP);
}

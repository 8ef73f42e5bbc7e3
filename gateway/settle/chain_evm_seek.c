/* SPDX-License-Identifier: Apache-2.0 */
/* What became of an authorization, whoever sent it in: asked when our own transaction
 * cannot tell. Used by a transfer to whom it should go, it is a settlement; cancelled,
 * or used for nothing, it is definite too; unused, it depends on whether ours can still
 * come. What cannot be proven is left open. */
#include "base/codec.h"
#include "base/log.h"
#include "gateway/settle/chain_evm.h"

enum {
    LOOK_PAUSE_MS = 700,
    HEX_MAX = 2 * EVM_CALL_MAX
};

static void ask(struct evm_work *w);

static void end_open(struct evm_work *w)
{
    chain__end(&w->base, chain__no_word(&w->base),
               w->base.job->tx.sent ? "settlement_pending" : "");
}

static void end_refused(struct evm_work *w, const char *eip3009, const char *permit2,
                        bool used)
{
    evm__refused(w, evm__is_permit(w) ? permit2 : eip3009, used);
}

/* It is unused, at the head that we saw ---------------------------------------------
 */

static void go_on_unused(struct evm_work *w)
{
    if (w->base.task == CHAIN_LOOK) {
        evm__refused(w, "", false);
    } else if (w->mined) {
        if (w->succeeded)
            evm__refused(w, "invalid_exact_evm_transfer_event_mismatch", false);
        else
            end_refused(w, "invalid_exact_evm_transaction_failed",
                        "permit2_simulation_failed", false);
    } else if (evm__is_over(w)) {
        end_refused(w, "invalid_exact_evm_payload_authorization_valid_before",
                    "permit2_deadline_expired", false);
    } else if (w->dead && w->deaths < EVM_DEATHS_MAX) {
        /* Its number went to another one: the first can never be in a block. */
        w->deaths++;
        evm__drop_nonce(w, true);
        buf_reset(&w->raw);
        evm__ask(w);
    } else {
        end_open(w);
    }
}

/* It is used ------------------------------------------------------------------------
 */

/* The blocks below. None left, or looked long enough: nobody can say. */
static void seek_below(struct evm_work *w, bool refused)
{
    w->rounds++;
    if (refused)
        w->seek_blocks /= 4;
    else
        w->seek_to = w->seek_to >= w->seek_blocks ? w->seek_to - w->seek_blocks : 0;
    if (w->seek_to > 0 && w->seek_blocks >= EVM_SEEK_BLOCKS_MIN &&
        w->rounds < EVM_SEEK_ROUNDS) {
        ask(w);
        return;
    }
    if (!w->base.job->tx.sent)
        end_refused(w, "invalid_exact_evm_nonce_already_used", "permit2_invalid_nonce",
                    true);
    else
        end_open(w);
}

static void ask_again(struct evm_work *w)
{
    w->seek_to = 0;
    w->rounds++;
    if (w->rounds < EVM_SEEK_ROUNDS)
        evm__pause(w, LOOK_PAUSE_MS, ask);
    else
        end_open(w);
}

static bool calls_the_same(const struct evm_work *w, const struct rpc_question *q)
{
    char ours[HEX_MAX + 1];
    struct node_transaction t;
    struct slice data;

    if (q->answer != RPC_RESULT || node_read_transaction(&t, q->result) != RC_OK ||
        !x402_address_equal(&t.to, evm__proxy(w)) ||
        evm__call_data(&data, w, w->arena) != RC_OK || data.len > EVM_CALL_MAX)
        return false;
    hex_encode(ours, (const uint8_t *)data.bytes, data.len);
    return slice_starts_nocase(t.input, slice_str(ours));
}

/* Whether that transaction is this payment's, by its nonce (EIP-3009 logs it) or, as
 * Permit2 logs nothing, by having been called with the very same words. */
static bool is_this(const struct evm_work *w, const struct node_receipt *r,
                    const struct rpc_question *transaction)
{
    const struct x402_payment *p = w->base.job->payment;
    const struct x402_moved expected = evm__expected(w);
    struct x402_nonce nonce = {.authorizer = *evm__payer(w)};

    if (!r->success)
        return false;
    if (evm__is_permit(w))
        return node_moved(r, &w->base.job->offer->asset, &expected) &&
               calls_the_same(w, transaction);
    nonce.nonce = p->transfer.nonce;
    return node_paid(r, &w->base.job->offer->asset, &nonce, &expected);
}

static bool is_of_a_peer(const struct config_network *net,
                         const struct x402_address *sender)
{
    for (size_t i = 0; i < net->peer_count; i++)
        if (x402_address_equal(sender, &net->peers[i]))
            return true;
    return false;
}

/* F4: what a peer has sent in was served there. And of what a stranger has sent in, who
 * may be the payer himself, each of the machines that was shown it would think that it
 * is its own; unless no other can have been. Our own address may be among the peers:
 * the configuration is the same on all of them. */
static bool is_anothers(const struct evm_work *w,
                        const struct rpc_question *transaction)
{
    const struct evm *e = evm__of(w);
    const struct config_network *net = e->chain->net;
    struct node_transaction t;

    if (net->peer_count == 0 ||
        node_read_transaction(&t, transaction->result) != RC_OK ||
        (e->account != NULL && x402_address_equal(&t.from, e->account)))
        return false;
    return !w->base.job->verified || is_of_a_peer(net, &t.from);
}

static bool is_deep(const struct evm_work *w, const struct node_receipt *r)
{
    const struct evm *e = evm__of(w);

    return e->head.number >= r->block &&
           e->head.number - r->block + 1 >=
               config_confirmations(e->chain->net, evm__expected(w).value);
}

static bool is_read(const struct rpc_question *transaction)
{
    struct node_transaction t;

    return transaction->answer == RPC_RESULT &&
           node_read_transaction(&t, transaction->result) == RC_OK;
}

static void on_candidates(struct rpc_call *c)
{
    struct evm_work *w = evm__work_of(c);
    bool all_read = c->fail == RPC_FINE;

    for (size_t i = 0; i < w->candidate_count && all_read; i++) {
        const struct rpc_question *q = &w->questions[2 * i];
        struct node_receipt r;

        all_read = q->answer == RPC_RESULT &&
                   node_read_receipt(&r, q->result) == RC_OK &&
                   x402_hash_equal(r.tx, w->candidates[i]) && is_read(&q[1]);
        if (!all_read || !is_this(w, &r, &q[1]))
            continue;
        if (is_anothers(w, &q[1]))
            end_refused(w, "invalid_exact_evm_nonce_already_used",
                        "permit2_invalid_nonce", true);
        else if (is_deep(w, &r))
            evm__settled(w, &r, false);
        else
            ask_again(w);
        return;
    }
    if (!all_read)
        ask_again(w);
    else if (evm__is_permit(w))
        seek_below(w, false);
    else
        evm__refused(w, "invalid_exact_evm_transfer_event_mismatch", true);
}

static void ask_candidates(struct evm_work *w)
{
    evm__begin(w);
    for (size_t i = 0; i < w->candidate_count; i++) {
        node_ask_receipt(&w->questions[w->call.count++], &w->candidates[i], w->arena);
        node_ask_transaction(&w->questions[w->call.count++], &w->candidates[i],
                             w->arena);
    }
    evm__go(w, on_candidates);
}

static void add_candidate(struct evm_work *w, const struct x402_hash *tx)
{
    for (size_t i = 0; i < w->candidate_count; i++)
        if (x402_hash_equal(w->candidates[i], *tx))
            return;
    if (w->candidate_count < EVM_CANDIDATES_MAX)
        w->candidates[w->candidate_count++] = *tx;
}

/* Transfers of the right amount, or the log that names the nonce. Returns whether it
 * was cancelled. */
static bool read_logs(struct evm_work *w, struct slice logs)
{
    const struct x402_address *asset = &w->base.job->offer->asset;
    const struct x402_moved expected = evm__expected(w);
    struct x402_nonce nonce;
    struct x402_moved moved;
    struct x402_hash wanted;
    struct node_log log;
    bool cancelled = false;
    size_t at = 0;

    x402_payment_nonce(&wanted, w->base.job->payment);
    while (node_next_log(&log, logs, &at)) {
        if (evm__is_permit(w)) {
            if (x402_log_moved(&moved, &log.log, asset) == RC_OK &&
                x402_u256_cmp(moved.value, expected.value) == 0)
                add_candidate(w, &log.tx);
            continue;
        }
        if (x402_log_nonce(&nonce, &log.log, asset,
                           X402_EVENT_AUTHORIZATION_CANCELED) == RC_OK)
            cancelled = cancelled || x402_hash_equal(nonce.nonce, wanted);
        else if (x402_log_nonce(&nonce, &log.log, asset,
                                X402_EVENT_AUTHORIZATION_USED) == RC_OK &&
                 x402_hash_equal(nonce.nonce, wanted))
            add_candidate(w, &log.tx);
    }
    return cancelled;
}

static void go_on_used(struct evm_work *w)
{
    const struct rpc_question *q = evm__answer(w, EVM_Q_LOGS);

    if (q == NULL) {
        ask(w); /* with the logs, now that the head is known */
        return;
    }
    if (q->answer != RPC_RESULT || json_raw_type(q->result) != JSON_ARRAY) {
        seek_below(w, true);
        return;
    }
    w->candidate_count = 0;
    if (read_logs(w, q->result))
        evm__refused(w, "invalid_exact_evm_nonce_already_used", true);
    else if (w->candidate_count > 0)
        ask_candidates(w);
    else
        seek_below(w, false);
}

/* Asking -----------------------------------------------------------------------------
 */

static void on_answer(struct rpc_call *c)
{
    struct evm_work *w = evm__work_of(c);
    struct evm *e = evm__of(w);
    bool used;

    if (c->fail != RPC_FINE) {
        chain__talked(e->chain, false, "the node does not answer");
        ask_again(w);
        return;
    }
    if (!evm__take_head(e, evm__answer(w, EVM_Q_HEAD)) ||
        evm__read_state(&used, w) != RC_OK) {
        ask_again(w);
        return;
    }
    chain__talked(e->chain, true, "");
    if (used)
        go_on_used(w);
    else
        go_on_unused(w);
}

static void ask_logs(struct evm_work *w)
{
    const struct chain_job *j = w->base.job;
    const struct x402_hash *moved = x402_event_topic(X402_EVENT_TRANSFER);
    struct node_filter f = {
        .contract = &j->offer->asset,
        .from = w->seek_to >= w->seek_blocks ? w->seek_to - w->seek_blocks + 1 : 0,
        .to = w->seek_to,
        .events = {moved, moved},
        .topics = {node_topic(evm__payer(w)), node_topic(&j->offer->pay_to)}};

    if (!evm__is_permit(w)) {
        f.events[0] = x402_event_topic(X402_EVENT_AUTHORIZATION_USED);
        f.events[1] = x402_event_topic(X402_EVENT_AUTHORIZATION_CANCELED);
        f.topics[1] = j->payment->transfer.nonce;
    }
    node_ask_logs(evm__question(w, EVM_Q_LOGS), &f, w->arena);
}

static void ask(struct evm_work *w)
{
    const struct evm *e = evm__of(w);

    if (w->seek_to == 0 && e->head.number > 0)
        w->seek_to = e->head.number;
    if (w->seek_blocks == 0)
        w->seek_blocks = EVM_SEEK_BLOCKS;
    evm__begin(w);
    node_ask_head(evm__question(w, EVM_Q_HEAD), evm__of(w)->on_demand);
    evm__ask_state(w);
    if (w->seek_to > 0)
        ask_logs(w);
    evm__go(w, on_answer);
}

void evm__seek(struct evm_work *w)
{
    w->seek_to = 0;
    w->seek_blocks = EVM_SEEK_BLOCKS;
    w->rounds = 0;
    ask(w);
}

/* A settled one, again ---------------------------------------------------------------
 */

static void looked(struct evm_work *w)
{
    const struct rpc_question *transaction = evm__answer(w, EVM_Q_TRANSACTION);
    struct node_transaction t;
    struct node_receipt r;
    enum rc rc = node_read_receipt(&r, evm__answer(w, EVM_Q_RECEIPT)->result);

    if (rc == RC_OK && !x402_hash_equal(r.tx, w->base.job->tx.hash))
        rc = RC_BAD_INPUT;
    if (rc == RC_OK && is_this(w, &r, transaction) && is_deep(w, &r)) {
        evm__settled(w, &r, true);
        return;
    }
    if (rc == RC_OK && is_this(w, &r, transaction)) {
        evm__pause(w, LOOK_PAUSE_MS, evm__look);
        return;
    }
    if (rc == RC_NOT_FOUND && node_read_transaction(&t, transaction->result) != RC_OK &&
        ++w->gone < EVM_GONE_POLLS) {
        evm__pause(w, LOOK_PAUSE_MS, evm__look);
        return;
    }
    if (rc == RC_OK || w->gone >= EVM_GONE_POLLS)
        evm__seek(w);
    else
        /* It waits for another block, or is in one that the node has not done. */
        chain__end(&w->base, CHAIN_UNREACHABLE, "");
}

static void on_look(struct rpc_call *c)
{
    struct evm_work *w = evm__work_of(c);
    struct evm *e = evm__of(w);

    if (c->fail != RPC_FINE) {
        chain__talked(e->chain, false, "the node does not answer");
        chain__end(&w->base, CHAIN_UNREACHABLE, "");
        return;
    }
    if (!evm__take_head(e, evm__answer(w, EVM_Q_HEAD)) ||
        evm__answer(w, EVM_Q_RECEIPT)->answer != RPC_RESULT ||
        evm__answer(w, EVM_Q_TRANSACTION)->answer != RPC_RESULT) {
        chain__end(&w->base, CHAIN_UNREACHABLE, "");
        return;
    }
    chain__talked(e->chain, true, "");
    looked(w);
}

void evm__look(struct evm_work *w)
{
    static const struct x402_hash none;

    if (x402_hash_equal(w->base.job->tx.hash, none)) {
        evm__seek(w);
        return;
    }
    evm__begin(w);
    node_ask_head(evm__question(w, EVM_Q_HEAD), evm__of(w)->on_demand);
    node_ask_receipt(evm__question(w, EVM_Q_RECEIPT), &w->base.job->tx.hash, w->arena);
    node_ask_transaction(evm__question(w, EVM_Q_TRANSACTION), &w->base.job->tx.hash,
                         w->arena);
    evm__go(w, on_look);
}

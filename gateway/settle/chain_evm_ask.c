/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a payment would go through: one batch, whose answers name the reason when it
 * would not. The reasons are those of the reference facilitator. */
#include "base/log.h"
#include "gateway/settle/chain_evm.h"

static bool is_settling(const struct evm_work *w)
{
    return w->base.task == CHAIN_SETTLE;
}

static void ask_allowance(struct evm_work *w)
{
    struct slice data = SLICE_NONE;

    if (x402_call_allowance(&data, evm__payer(w), &x402_permit2, w->arena) != RC_OK)
        data = SLICE_NONE;
    node_ask_call(evm__question(w, EVM_Q_ALLOWANCE), "eth_call", NULL,
                  &w->base.job->offer->asset, data, w->arena);
    node_ask_code(evm__question(w, EVM_Q_PROXY), evm__proxy(w), w->arena);
}

static void ask_general(struct evm_work *w)
{
    const struct x402_address *settler = evm__of(w)->settler;

    node_ask_balance(evm__question(w, EVM_Q_FUNDS), settler, w->arena);
    node_ask_plain(evm__question(w, EVM_Q_TIP), "eth_maxPriorityFeePerGas");
    if (!is_settling(w))
        return;
    node_ask_count(evm__question(w, EVM_Q_LATEST), settler, "latest", w->arena);
    node_ask_count(evm__question(w, EVM_Q_PENDING), settler, "pending", w->arena);
}

static enum rc ask_payment(struct evm_work *w)
{
    const struct x402_address *asset = &w->base.job->offer->asset;
    const struct evm *e = evm__of(w);
    struct slice data;

    TRY(evm__call_data(&data, w, w->arena));
    node_ask_call(evm__question(w, EVM_Q_TRY),
                  is_settling(w) ? "eth_estimateGas" : "eth_call", e->settler,
                  evm__is_permit(w) ? evm__proxy(w) : asset, data, w->arena);
    TRY(x402_call_balance(&data, evm__payer(w), w->arena));
    node_ask_call(evm__question(w, EVM_Q_BALANCE), "eth_call", NULL, asset, data,
                  w->arena);
    evm__ask_state(w);
    node_ask_code(evm__question(w, EVM_Q_PAYER), evm__payer(w), w->arena);
    if (!e->asset_has_code || !x402_address_equal(asset, &e->chain->net->asset))
        node_ask_code(evm__question(w, EVM_Q_ASSET), asset, w->arena);
    if (evm__is_permit(w))
        ask_allowance(w);
    return RC_OK;
}

/* Naming the fault -------------------------------------------------------------------
 */

static enum rc read_number(struct x402_u256 *out, const struct evm_work *w,
                           enum evm_question what)
{
    const struct rpc_question *q = evm__answer(w, what);

    if (q == NULL || q->answer != RPC_RESULT)
        return RC_BAD_INPUT;
    return node_read_word(out, q->result);
}

/* Not asked, because it is known: it has. */
static enum rc read_code(bool *has, const struct evm_work *w, enum evm_question what)
{
    const struct rpc_question *q = evm__answer(w, what);

    *has = true;
    if (q == NULL)
        return RC_OK;
    if (q->answer != RPC_RESULT)
        return RC_BAD_INPUT;
    return node_read_any(has, q->result);
}

/* All that matters of the answers. RC_BAD_INPUT: the node did not say. */
struct findings {
    bool asset, proxy, payer; /* have code */
    bool odd;                 /* the asset does not answer as a token does */
    bool used;
    bool reverted;
    struct x402_u256 balance;
    struct x402_u256 allowance;
};

/* Whether a contract was asked and has given no answer, or none of a token: that is
 * its fault then, not the node's. */
static bool is_odd(const struct evm_work *w, enum evm_question what)
{
    const struct rpc_question *q = evm__answer(w, what);
    struct x402_u256 v;

    return q != NULL &&
           (q->answer == RPC_REVERTED ||
            (q->answer == RPC_RESULT && node_read_word(&v, q->result) != RC_OK));
}

static enum rc read_findings(struct findings *f, const struct evm_work *w)
{
    const struct rpc_question *try = evm__answer(w, EVM_Q_TRY);

    *f = (struct findings){0};
    TRY(read_code(&f->asset, w, EVM_Q_ASSET));
    TRY(read_code(&f->proxy, w, EVM_Q_PROXY));
    TRY(read_code(&f->payer, w, EVM_Q_PAYER));
    f->odd = is_odd(w, EVM_Q_BALANCE) || is_odd(w, EVM_Q_STATE) ||
             is_odd(w, EVM_Q_ALLOWANCE);
    if (!f->asset || f->odd)
        return RC_OK;
    TRY(read_number(&f->balance, w, EVM_Q_BALANCE));
    if (evm__is_permit(w))
        TRY(read_number(&f->allowance, w, EVM_Q_ALLOWANCE));
    TRY(evm__read_state(&f->used, w));
    f->reverted = try->answer == RPC_REVERTED;
    return f->reverted || try->answer == RPC_RESULT ? RC_OK : RC_BAD_INPUT;
}

/* Whether there is enough for this payment and for those before it. */
static bool covers(struct x402_u256 has, struct x402_u256 value,
                   struct x402_u256 promised)
{
    struct x402_u256 all;

    return x402_u256_add(&all, value, promised) && x402_u256_cmp(has, all) >= 0;
}

static const char *name_permit_fault(const struct evm_work *w, const struct findings *f)
{
    const struct x402_u256 value = evm__expected(w).value;
    const struct chain_job *j = w->base.job;

    if (!f->proxy)
        return "permit2_proxy_not_deployed";
    if (f->used)
        return "permit2_invalid_nonce";
    if (!covers(f->balance, value, j->promised))
        return "permit2_insufficient_balance";
    if (!covers(f->allowance, value, j->promised_permits))
        return "permit2_allowance_required";
    if (!f->reverted)
        return "";
    return evm__is_over(w) ? "permit2_deadline_expired" : "permit2_simulation_failed";
}

/* A wallet with code, a delegated one too (EIP-7702), may say yes now and no when the
 * money is due, and its signature is not what we have checked: it is not served. */
static const char *name_fault(const struct evm_work *w, const struct findings *f)
{
    if (!f->asset)
        return "asset_not_deployed_contract";
    if (f->odd)
        return evm__is_permit(w) ? "permit2_simulation_failed"
                                 : "invalid_exact_evm_eip3009_not_supported";
    if (f->payer)
        return evm__is_permit(w) ? "invalid_permit2_signature"
                                 : "invalid_exact_evm_signature";
    if (evm__is_permit(w))
        return name_permit_fault(w, f);
    if (f->used)
        return "invalid_exact_evm_nonce_already_used";
    if (!covers(f->balance, evm__expected(w).value, w->base.job->promised))
        return "invalid_exact_evm_insufficient_balance";
    if (!f->reverted)
        return "";
    return evm__is_over(w) ? "invalid_exact_evm_payload_authorization_valid_before"
                           : "invalid_exact_evm_transaction_simulation_failed";
}

/* What it takes ----------------------------------------------------------------------
 */

static uint64_t read_u64_or(const struct evm_work *w, enum evm_question what,
                            uint64_t otherwise)
{
    const struct rpc_question *q = evm__answer(w, what);
    uint64_t v;

    if (q == NULL || q->answer != RPC_RESULT || node_read_u64(&v, q->result) != RC_OK)
        return otherwise;
    return v;
}

static bool has_funds(struct evm_work *w, uint64_t gas_limit)
{
    const struct rpc_question *q = evm__answer(w, EVM_Q_FUNDS);
    struct evm *e = evm__of(w);

    if (q != NULL &&
        (q->answer != RPC_RESULT || node_read_u256(&e->funds, q->result) != RC_OK)) {
        chain__talked(e->chain, false, "the node does not say our balance");
        return false;
    }
    if (x402_u256_cmp(e->funds, fees_total(gas_limit, w->fees.max_fee)) >= 0)
        return true;
    chain__talked(e->chain, false, "the account that pays for gas is empty");
    return false;
}

/* What is the same for all payments is asked for by one of many. Only an answer on
 * which a payment was sent counts; a node that failed since is asked again. */
static bool knows_general(const struct evm_work *w)
{
    const struct evm *e = evm__of(w);

    return e->chain->up && evm__now_ms(w) < e->general_until_ms;
}

static void take_counts(struct evm_work *w)
{
    const uint64_t latest = read_u64_or(w, EVM_Q_LATEST, UINT64_MAX);
    const uint64_t pending = read_u64_or(w, EVM_Q_PENDING, UINT64_MAX);

    if (latest != UINT64_MAX && pending != UINT64_MAX)
        nonces_learn(&evm__of(w)->nonces, latest, pending, evm__now_ms(w));
}

static void go_on(struct evm_work *w)
{
    struct evm *e = evm__of(w);
    const uint64_t estimate = read_u64_or(w, EVM_Q_TRY, UINT64_MAX);

    take_counts(w);
    w->gas_limit = fees_gas_limit(estimate);
    if (w->gas_limit == 0) {
        log_event(LOG_WARN, "a payment would take too much gas",
                  LOG_U64("chain", e->chain->net->chain_id),
                  LOG_U64("estimate", estimate));
        chain__end(&w->base, chain__no_word(&w->base), "");
    } else if (!has_funds(w, w->gas_limit)) {
        chain__end(&w->base, chain__no_word(&w->base), "");
    } else {
        chain__talked(e->chain, true, "");
        if (evm__answer(w, EVM_Q_FUNDS) != NULL && e->nonces.known)
            e->general_until_ms = evm__now_ms(w) + EVM_GENERAL_MS;
        evm__first(w);
    }
}

static void judge(struct evm_work *w, const struct findings *f)
{
    const char *fault = name_fault(w, f);

    /* It may be our money that used it: somebody may have sent it in before us. */
    if (is_settling(w) && f->used && (w->base.job->verified || w->base.job->tx.sent)) {
        evm__seek(w);
        return;
    }
    if (f->used) {
        chain__end(&w->base, CHAIN_REFUSED, fault);
        return;
    }
    if (fault[0] != '\0') {
        evm__refused(w, fault, false);
        return;
    }
    if (is_settling(w)) {
        go_on(w);
        return;
    }
    if (!has_funds(w, FEES_GAS_USUAL)) {
        chain__end(&w->base, CHAIN_UNREACHABLE, "");
        return;
    }
    chain__talked(w->base.chain, true, "");
    chain__end(&w->base, CHAIN_OK, "");
}

static void on_answer(struct rpc_call *c)
{
    struct evm_work *w = evm__work_of(c);
    struct evm *e = evm__of(w);
    struct findings f;

    if (c->fail != RPC_FINE) {
        chain__talked(e->chain, false, "the node does not answer");
        chain__end(&w->base, chain__no_word(&w->base), "");
        return;
    }
    if (!evm__take_head(e, evm__answer(w, EVM_Q_HEAD))) {
        chain__end(&w->base, chain__no_word(&w->base), "");
        return;
    }
    if (read_findings(&f, w) != RC_OK) {
        /* Not the node's word on itself: what it refuses may be this payment. */
        chain__end(&w->base, chain__no_word(&w->base), "");
        return;
    }
    if (f.asset &&
        x402_address_equal(&w->base.job->offer->asset, &e->chain->net->asset))
        e->asset_has_code = true;
    if (evm__answer(w, EVM_Q_TIP) != NULL)
        e->tip = read_u64_or(w, EVM_Q_TIP, 0);
    w->fees = fees_for(e->head.base_fee, e->tip);
    judge(w, &f);
}

void evm__ask(struct evm_work *w)
{
    evm__begin(w);
    /* Always: whether the node is of this time, and where a search for a stranger's
     * transaction ends, is for this very moment. */
    node_ask_head(evm__question(w, EVM_Q_HEAD), evm__of(w)->on_demand);
    if (!knows_general(w))
        ask_general(w);
    if (ask_payment(w) != RC_OK) {
        /* It was checked before it came here. */
        chain__end_soon(&w->base, CHAIN_REFUSED, "invalid_payload");
        return;
    }
    evm__go(w, on_answer);
}

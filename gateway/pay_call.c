/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pay_call.h"
#include "gateway/request_pay.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "gateway/payment_hold.h"

#include <stdio.h>
#include <string.h>

enum {
    WAIT_MS = 45000 /* for the chain, before the caller is told to come again */
};

/* In the limiter, apart from guessed keys. A payment that was signed well and that the
 * chain refuses costs us questions to a node and entries that are never forgotten, and
 * its sender a signature. */
static const char *refused_name(char out[64], const struct request *r)
{
    (void)snprintf(out, 64, "pay %s", r->http->address);
    return out;
}

/* ---- Refusals ---- */

/* Stable codes of ours for the reasons that a person can do something about. */
static const char *code_of(const char *reason)
{
    static const struct {
        const char *part;
        const char *code;
    } codes[] = {
        {"nonce_already_used", "nonce_used"},
        {"invalid_nonce", "nonce_used"},
        {"valid_before", "expired"},
        {"deadline_expired", "expired"},
        {"valid_after", "not_yet_valid"},
        {"not_yet_valid", "not_yet_valid"},
        {"insufficient", "payer_without_funds"},
        {"allowance", "allowance_required"},
        {"undeployed", "unsupported_signer"},
        {"eip6492", "unsupported_signer"},
        {"signature", "invalid_signature"},
    };

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (strstr(reason, codes[i].part) != NULL)
            return codes[i].code;
    return "payment_invalid";
}

enum rc pay_call_refuse(struct request *r, enum rc rc, const char *code,
                        const char *reason, const char *detail)
{
    struct json_out o;
    struct buf b;

    r->fault = (struct fault){.rc = rc, .code = code, .detail = detail};
    if (reason[0] != '\0') {
        if (code == NULL && rc == RC_PAYMENT_BAD)
            r->fault.code = code_of(reason);
        buf_init(&b, 1024);
        buf_append_str(&b, "\"reason\":");
        json_out_init(&o, &b);
        json_out_str(&o, reason);
        r->fault.extra = arena_slice(r->arena, buf_slice(&b));
        buf_free(&b);
        r->payment_reason = reason;
    }
    /* What x402 says of a missing allowance, in the words of its specification. */
    if (strcmp(reason, "permit2_allowance_required") == 0)
        r->fault.status = 412;
    r->rc = rc;
    return rc;
}

const char *pay_call_reason(const struct request *r)
{
    return r->payment_reason != NULL ? r->payment_reason : "";
}

/* ---- With the cashier ---- */

static void job_message(struct inbox_message *m)
{
    struct pay_call *c =
        (struct pay_call *)(void *)((char *)m - offsetof(struct pay_call, message));

    c->job_busy = false;
    c->request->money_busy = false;
    request_run(c->request);
}

/* On the cashier's thread. */
static void job_done(struct cashier_job *j)
{
    struct pay_call *c =
        (struct pay_call *)(void *)((char *)j - offsetof(struct pay_call, job));

    c->message.run = job_message;
    inbox_post(loop_inbox(c->request->worker->loop), &c->message);
}

static enum config_flow flow_of(struct request *r, const struct pay_call *c)
{
    if (c->offer.scheme == X402_SCHEME_UPTO)
        return CONFIG_AFTER; /* the true cost is known only then */
    return r->quote.flow;
}

static void submit_take(struct request *r, struct pay_call *c)
{
    struct cashier_job *j = &c->job;

    c->request = r;
    j->network = c->network;
    j->payment = &c->payment;
    j->offer = &c->offer;
    j->method = c->method;
    j->after = flow_of(r, c) == CONFIG_AFTER;
    j->is_topup = (r->match.api->flags & API_TOPUP) && !id_is_none(r->topup_target);
    j->target = r->topup_target;
    memcpy(j->fingerprint, r->once.fingerprint, sizeof(j->fingerprint));
    j->wait_ms = WAIT_MS;
    j->done = job_done;
    c->stage = PAY_TAKE;
    c->job_busy = true;
    r->money_busy = true;
    cashier_take(r->worker->cashier, j);
}

static const char *pending_words(struct request *r, const struct pay_call *c)
{
    const char *hash = c->job.payment_now.reference;

    return hash[0] != '\0'
               ? arena_printf(r->arena,
                              "The payment was sent as %s and its outcome is not known "
                              "yet: repeat this call with the same payment, do not "
                              "sign another.",
                              hash)
               : NULL;
}

static enum rc use_up(struct request *r);

static enum rc refuse_used(struct request *r)
{
    return pay_call_refuse(r, RC_USED, NULL, "invalid_exact_evm_nonce_already_used",
                           NULL);
}

static struct id credited_wallet(const struct wallet_payment *p)
{
    return id_is_none(p->target) ? wallet_payer_id(p->payer) : p->target;
}

static enum rc refuse_credited(struct request *r, const struct wallet_payment *p)
{
    char wallet[WALLET_ID_TEXT_SIZE];

    wallet_id_print(wallet, 'w', credited_wallet(p));
    (void)pay_call_refuse(
        r, RC_CONFLICT, "payment_credited", "",
        id_is_none(p->target)
            ? "This payment was settled and its value credited to the payer: spend it "
              "by signing in, or sign a new one."
            : "This payment was settled and has topped up a wallet: sign a new one.");
    r->fault.extra = slice_str(arena_printf(r->arena, "\"wallet\":\"%s\"", wallet));
    return RC_CONFLICT;
}

/* A top-up that is repeated with its key is told again; a key never is. */
static enum rc explain_credit(struct request *r, const struct cashier_job *j)
{
    if (j->is_topup && id_cmp(credited_wallet(&j->payment_now), r->topup_target) == 0)
        return RC_OK;
    return refuse_credited(r, &j->payment_now);
}

static enum rc explain_take(struct request *r, struct pay_call *c)
{
    const struct cashier_job *j = &c->job;
    char name[64];

    if (j->rc != RC_OK)
        return pay_call_refuse(r, j->rc, NULL, "", NULL);
    c->known = true;
    switch (j->answer) {
    case CASHIER_PAID:
    case CASHIER_GOOD:
        return RC_OK;
    case CASHIER_REFUSED:
        limiter_address_failed(r->worker->limiter, refused_name(name, r));
        return pay_call_refuse(
            r, RC_PAYMENT_BAD, NULL, j->reason,
            arena_printf(r->arena, "The payment was refused: %s.", j->reason));
    case CASHIER_USED:
        c->known = false;
        TRY(use_up(r));
        return r->status != 0 ? RC_OK : refuse_used(r);
    case CASHIER_CREDITED:
        return explain_credit(r, j);
    case CASHIER_IN_USE:
        return pay_call_refuse(r, RC_IDEM_IN_FLIGHT, NULL, "",
                               "A call with this payment is still running.");
    case CASHIER_PENDING:
        return pay_call_refuse(r, RC_PENDING, NULL, "settlement_pending",
                               pending_words(r, c));
    case CASHIER_DOWN:
        c->known = false;
        return pay_call_refuse(r, RC_CHAIN_DOWN, NULL, "", NULL);
    case CASHIER_OWING:
        c->known = false;
        return pay_call_refuse(r, RC_OWING, NULL, "", NULL);
    }
    return RC_INTERNAL;
}

/* ---- Reserve ---- */

/* It was taken for a call that failed, or that died with its process. What was sent and
 * is not settled yet (RC_OK) is the cashier's to bring to its end, which it then tells.
 */
static enum rc look_for_end(struct request *r)
{
    struct wallet_payment *p = arena_new(r->arena, struct wallet_payment);

    if (p == NULL || wallet_payment_read(p, r->worker->book, r->once.key) != RC_OK)
        return refuse_used(r);
    if (p->state == WALLET_PAYMENT_SETTLED)
        return refuse_credited(r, p);
    if (p->state == WALLET_PAYMENT_SUBMITTED || p->state == WALLET_PAYMENT_UNKNOWN)
        return RC_OK;
    return refuse_used(r);
}

/* Whoever has lost the answer has lost the receipt too. */
static enum rc replay(struct request *r, const struct wallet_once_seen *seen)
{
    struct pay_call *c = r->pay_state;
    enum rc rc;

    c->job.answer = CASHIER_USED;
    c->known =
        wallet_payment_read(&c->job.payment_now, r->worker->book, r->once.key) == RC_OK;
    rc = request_replay(r, seen->cost, seen->request);
    if (rc == RC_IDEM_GONE)
        r->fault.detail =
            "This payment has bought a call that has ended; its answer is "
            "no longer kept.";
    return rc;
}

/* The payment has bought something before. The same request gets the same answer. */
static enum rc use_up(struct request *r)
{
    struct wallet_once_seen seen;

    TRY(wallet_once_look(&seen, r->worker->book, &r->once));
    if (seen.state == WALLET_ONCE_NEW)
        return RC_OK;
    if (seen.state == WALLET_ONCE_SERVING)
        return pay_call_refuse(r, RC_IDEM_IN_FLIGHT, NULL, "",
                               "A call with this payment is still running.");
    if (seen.same && seen.state == WALLET_ONCE_DONE)
        return replay(r, &seen);
    return seen.state == WALLET_ONCE_DONE ? refuse_used(r) : look_for_end(r);
}

static enum rc know_caller(struct request *r)
{
    const struct pay_call *c = r->pay_state;
    struct wallet_payment p = {.id = c->job.payment_now.id}; /* none: not taken yet */
    struct wallet_caller key = r->caller;

    x402_address_print_small(p.payer, x402_payer(&c->payment));
    TRY(wallet_payment_caller(&r->caller, r->worker->book, &p));
    /* A key beside the payment still says which models. */
    memcpy(r->caller.models, key.models, sizeof(key.models));
    return RC_OK;
}

/* By the Idempotency-Key, or else by the name that the client gave its payment (the
 * extension payment-identifier, which wants 409 where HTTP's draft has 422). */
static enum rc look_for_repeat(struct request *r, const struct pay_call *c)
{
    const enum rc rc = request_idempotency(r, c->idempotency);
    unsigned count;

    (void)http_header(r->http, "idempotency-key", &count);
    if (rc != RC_IDEM_MISMATCH || count > 0)
        return rc;
    return pay_call_refuse(r, RC_CONFLICT, "payment_identifier_conflict", "",
                           "This payment identifier was used for another request.");
}

/* Of two that sign anew for one Idempotency-Key at once, one moves its money. */
static enum rc claim_name(struct request *r)
{
    const uint8_t *key;

    if (!r->idem.present || r->claim != NULL)
        return RC_OK;
    key = (const uint8_t *)arena_copy(r->arena, (const char *)r->idem.key,
                                      sizeof(r->idem.key));
    if (key == NULL)
        return RC_NOMEM;
    TRY(answers_claim(r->worker->answers, key));
    r->claim = key;
    return RC_OK;
}

/* All that is asked before the cashier: who, what for, and whether it is a repeat. */
static enum rc prepare(struct request *r, struct pay_call *c)
{
    const struct x402_u256 *amount = c->payment.method == X402_EIP3009
                                         ? &c->payment.transfer.value
                                         : &c->payment.permit.amount;
    const bool had_key = r->identified;
    char name[64];

    if (r->worker->cashier == NULL)
        return RC_CHAIN_DOWN;
    TRY(limiter_address(r->worker->limiter, refused_name(name, r),
                        r->config->limits.refused_payments_per_minute,
                        &r->fault.retry_after_s));
    TRY(x402_u256_to_money(&c->value, *amount, c->network->decimals, X402_DOWN));
    r->once.present = r->once.payment = true;
    cashier_key(r->once.key, &c->payment, &c->offer);
    TRY(request_fingerprint(r->once.fingerprint, r));
    r->once.expires_us = clock_wall_us() + (uint64_t)OFFERS_TIMEOUT_S * 2 * 1000000;
    TRY(know_caller(r));
    r->identified = true;
    if (!had_key)
        TRY(look_for_repeat(r, c));
    if (r->status != 0)
        return RC_OK;
    TRY(use_up(r));
    if (r->status != 0)
        return RC_OK;
    TRY(claim_name(r));
    if (c->bound > 0 && r->match.api->bind != NULL)
        r->match.api->bind(r, c->bound);
    else if (r->match.api->fit != NULL && money_cmp(r->quote.worst, c->value) > 0) {
        TRY(r->match.api->fit(r, c->value, &c->bound));
        r->match.api->bind(r, c->bound);
    }
    r->quote.worst = money_min(r->quote.worst, c->value);
    if (r->slot == NULL)
        r->slot = answer_slot_new();
    return RC_OK;
}

static enum step give_up(struct request *r, enum rc rc)
{
    r->rc = rc;
    if (r->fault.rc != rc)
        r->fault = (struct fault){.rc = rc};
    return STEP_ON;
}

/* The hold failed though the payment was taken: it goes back to the payer, and the
 * refusal waits for that. */
static void submit_finish(struct request *r, struct pay_call *c, bool served)
{
    c->job.served = served;
    c->job.amount = r->hold.captured;
    c->stage = PAY_FINISH;
    c->job_busy = true;
    r->money_busy = true;
    cashier_finish(r->worker->cashier, &c->job);
}

static enum step after_hold(struct request *r, struct pay_call *c)
{
    if (payment_hold(r, know_caller) == STEP_WAIT)
        return STEP_WAIT;
    if (r->rc == RC_OK) {
        c->stage = PAY_HELD;
        return STEP_ON;
    }
    if (r->rc == RC_USED)
        (void)use_up(r);
    c->hold_rc = r->rc;
    submit_finish(r, c, false);
    return STEP_WAIT;
}

/* A top-up is settled, and nobody was named whom it is for: a wallet is opened. If that
 * fails, or nobody is left to be told its key, the payer's own wallet gets the money.
 */
static enum step open_target(struct request *r, struct pay_call *c)
{
    c->stage = PAY_OPEN;
    r->rc = RC_GONE;
    if (!r->gone && r->match.api->open(r) == STEP_WAIT)
        return STEP_WAIT;
    c->hold_rc = r->rc;
    c->job.target = r->topup_target;
    submit_finish(r, c, true);
    return STEP_WAIT;
}

static enum step topup_taken(struct request *r, struct pay_call *c)
{
    if (!c->job.is_topup)
        return open_target(r, c);
    c->stage = PAY_HELD;
    r->rc = RC_OK;
    return STEP_ON;
}

/* Of a payment that could not be used; or of a top-up, which ends with it. */
static enum step finished(struct request *r, struct pay_call *c)
{
    c->stage = PAY_ENDED;
    if (c->hold_rc == RC_OK && c->job.answer != CASHIER_PAID)
        c->hold_rc = RC_PENDING;
    return give_up(r, c->hold_rc);
}

enum step pay_call_reserve(struct request *r, struct pay_call *c)
{
    enum rc rc;

    if (r->money_busy)
        return STEP_WAIT;
    switch (c->stage) {
    case PAY_CHECK:
        rc = prepare(r, c);
        if (rc != RC_OK || r->status != 0)
            return give_up(r, rc);
        submit_take(r, c);
        return STEP_WAIT;
    case PAY_TAKE:
        rc = explain_take(r, c);
        if (rc != RC_OK || r->status != 0)
            return give_up(r, rc);
        if (r->match.api->flags & API_TOPUP)
            return topup_taken(r, c);
        c->stage = PAY_HOLD;
        r->money_asked = false;
        r->caller.root = c->job.payment_now.id;
        return after_hold(r, c);
    case PAY_OPEN:
        return open_target(r, c);
    case PAY_HOLD:
        return after_hold(r, c);
    case PAY_FINISH:
        return finished(r, c);
    case PAY_HELD:
    case PAY_ENDED:
        break;
    }
    return STEP_ON;
}

/* ---- Settle ---- */

/* After the call: what is left is with the payer's wallet, which is what the caller can
 * go on with. */
static void note_end(struct request *r, struct pay_call *c)
{
    r->hold.balance = c->job.balance;
    if (c->job.rc != RC_OK || c->job.answer == CASHIER_PAID ||
        c->job.answer == CASHIER_USED)
        return;
    log_event(LOG_WARN, "a call was served and its payment is not settled",
              LOG_STR("request_id", r->id_text), LOG_MONEY("cost", r->hold.captured),
              LOG_STR("reason", c->job.answer == CASHIER_REFUSED
                                    ? c->job.reason
                                    : "settlement_pending"));
    if (c->job.answer == CASHIER_REFUSED) /* withheld, if nothing was shown yet */
        r->settle_rc = pay_call_refuse(r, RC_PAYMENT_BAD, NULL, c->job.reason,
                                       "The payment could not be settled.");
}

/* ---- What is told ---- */

static bool outcome_known(const struct pay_call *c)
{
    switch (c->job.payment_now.state) {
    case WALLET_PAYMENT_SETTLED:
    case WALLET_PAYMENT_FAILED:
    case WALLET_PAYMENT_REVERTED:
        return true;
    case WALLET_PAYMENT_SUBMITTED:
    case WALLET_PAYMENT_UNKNOWN:
        return c->job.answer == CASHIER_PENDING;
    case WALLET_PAYMENT_NEW:
    case WALLET_PAYMENT_RESERVED:
    case WALLET_PAYMENT_RELEASED:
        return c->job.answer == CASHIER_REFUSED;
    }
    return false;
}

bool pay_call_receipt(struct x402_receipt *out, struct request *r,
                      const struct pay_call *c)
{
    const struct wallet_payment *p = &c->job.payment_now;

    if (!c->known || !outcome_known(c))
        return false;
    *out = (struct x402_receipt){.success = p->state == WALLET_PAYMENT_SETTLED,
                                 .transaction = slice_str(p->reference),
                                 .chain_id = c->offer.chain_id,
                                 .has_payer = true,
                                 .payer = *x402_payer(&c->payment)};
    if (out->success)
        out->has_amount = x402_u256_from_money(&out->amount, p->settle,
                                               c->network->decimals, X402_UP) == RC_OK;
    else
        out->reason = slice_str(c->job.answer == CASHIER_PENDING ? "settlement_pending"
                                                                 : c->job.reason);
    if (out->reason.len == 0 && !out->success)
        out->reason = slice_str(pay_call_reason(r));
    return true;
}

enum step pay_call_settle(struct request *r, struct pay_call *c)
{
    if (c->stage == PAY_HELD) {
        if (payment_capture(r) == STEP_WAIT)
            return STEP_WAIT;
        submit_finish(r, c, !money_is_zero(r->hold.captured));
        return STEP_WAIT;
    }
    if (r->money_busy)
        return STEP_WAIT;
    if (c->stage == PAY_FINISH) {
        c->stage = PAY_ENDED;
        note_end(r, c);
    }
    return STEP_ON;
}

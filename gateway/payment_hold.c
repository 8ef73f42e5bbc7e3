/* SPDX-License-Identifier: Apache-2.0 */
/* What every scheme does with the book, whoever pays: hold the worst case before the
 * call, capture the true cost after it. */
#include "gateway/payment_hold.h"

#include "base/json.h"
#include "base/log.h"
#include "gateway/request_pay.h"

#include <string.h>

enum {
    STALE_TRIES = 8,   /* a key, limit or freeze changed between reading and holding */
    SETTLE_TRIES = 40, /* the store failed: 10 s of trying before it is given up */
    SETTLE_WAIT_MS = 250,
    HOLD_WAIT_MS = 250,
    HOLD_GRACE_US = 60 * 1000000, /* a hold outlives its call's deadline by this */
};

/* A wallet's limit said no: which, and when it begins anew. */
static void explain_limit(struct request *r)
{
    const struct wallet_refusal *no = &r->hold.refusal;
    static const char *const scopes[] = {
        [WALLET_SCOPE_KEY] = "key",
        [WALLET_SCOPE_WALLET] = "wallet",
        [WALLET_SCOPE_PARENT] = "parent",
    };
    char limit[MONEY_TEXT_SIZE], left[MONEY_TEXT_SIZE];
    struct json_out o;
    struct buf b;

    money_print(limit, no->limit);
    money_print(left, no->left);
    buf_init(&b, 1024);
    buf_append_str(&b, "\"limit\":");
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kstr(&o, "scope", scopes[no->scope]);
    json_out_kstr(&o, "id", no->id);
    json_out_kstr(&o, "per", wallet_per_name(no->per));
    json_out_kstr(&o, "limit", limit);
    json_out_kstr(&o, "left", left);
    json_out_key(&o, "resets_at");
    json_out_time(&o, no->resets_us);
    json_out_end_object(&o);
    (void)request_fault(
        r, RC_LIMIT, NULL,
        "The limit of %s USD per %s of this %s leaves %s, less than the "
        "worst case of this call.",
        limit, wallet_per_name(no->per), scopes[no->scope], left);
    r->fault.extra = arena_slice(r->arena, buf_slice(&b));
    buf_free(&b);
}

static void explain_funds(struct request *r)
{
    char need[MONEY_TEXT_SIZE], have[MONEY_TEXT_SIZE];

    money_print(need, r->hold.amount);
    money_print(have, r->hold.balance);
    (void)request_fault(
        r, RC_NO_FUNDS, NULL,
        "This call may cost up to %s USD and the wallet has %s. Top it up, "
        "or lower the output bound.",
        need, have);
}

static void submit_hold(struct request *r)
{
    struct wallet_hold *h = &r->hold;
    uint64_t left_ms = r->deadline_ms - r->started_ms;

    memset(h, 0, sizeof(*h));
    h->request = r->id;
    h->caller = r->caller;
    h->amount = r->quote.worst;
    h->expires_us = ledger_now_us(r->worker->ledger) + left_ms * 1000 + HOLD_GRACE_US;
    h->idem = r->idem;
    h->once = r->once;
    h->quota = r->quote.quota;
    h->has_share = r->quote.shared;
    h->done = request_money_done;
    r->money_busy = true;
    r->money_asked = true;
    wallet_hold(r->worker->book, h);
}

static void hold_late(struct request *r)
{
    if (!r->money_busy)
        submit_hold(r);
}

/* What the call was to use up is gone: the api may know what it costs then. Whether it
 * is held again. */
static bool hold_again(struct request *r)
{
    const struct api *api = r->match.api;
    enum hold_again again = HOLD_NOT;

    if ((r->rc == RC_QUOTA_SPENT || r->rc == RC_USED) && api->rehold != NULL &&
        r->payment->is_key)
        again = api->rehold(r, r->rc);
    if (again == HOLD_NOW)
        submit_hold(r);
    else if (again == HOLD_SOON)
        request_tick_in(r, HOLD_WAIT_MS, hold_late);
    return again != HOLD_NOT;
}

enum step payment_hold(struct request *r, enum rc (*identify)(struct request *r))
{
    if (r->money_busy || loop_timer_armed(&r->timer))
        return STEP_WAIT;
    if (!r->money_asked) {
        submit_hold(r);
        return STEP_WAIT;
    }
    r->rc = r->hold.rc;
    if (r->rc == RC_STALE && r->stale_count++ < STALE_TRIES) {
        r->rc = identify(r);
        if (r->rc == RC_OK) {
            submit_hold(r);
            return STEP_WAIT;
        }
        return STEP_ON;
    }
    if (r->rc == RC_STALE)
        r->rc = RC_BUSY;
    if (hold_again(r))
        return STEP_WAIT;
    if (r->rc == RC_LIMIT)
        explain_limit(r);
    if (r->rc == RC_NO_FUNDS)
        explain_funds(r);
    return STEP_ON;
}

static void submit_settle(struct request *r)
{
    bool nothing = r->outcome == OUTCOME_FAILED ||
                   (r->outcome == OUTCOME_GONE && money_is_zero(r->cost));

    r->money_busy = true;
    r->money_asked = true;
    if (nothing)
        wallet_void(r->worker->book, &r->hold, r->contacted, fault_status(&r->fault));
    else
        wallet_capture(r->worker->book, &r->hold, r->cost, &r->call);
}

static void try_again(struct request *r)
{
    if (!r->money_busy)
        submit_settle(r);
}

/* The operation's id makes a repeat harmless, so a store that failed is asked again. */
enum step payment_capture(struct request *r)
{
    if (r->money_busy || loop_timer_armed(&r->timer))
        return STEP_WAIT;
    if (!r->money_asked) {
        r->stale_count = 0;
        submit_settle(r);
        return STEP_WAIT;
    }
    if (r->hold.rc != RC_OK && rc_retryable(r->hold.rc) &&
        r->stale_count++ < SETTLE_TRIES) {
        request_tick_in(r, SETTLE_WAIT_MS, try_again);
        return STEP_WAIT;
    }
    /* RC_ENDED: the hold had ended, so the house has booked the call. */
    if (r->hold.rc != RC_OK && r->hold.rc != RC_ENDED)
        log_event(LOG_ERROR, "a call could not be settled",
                  LOG_STR("request_id", r->id_text), LOG_MONEY("cost", r->cost),
                  LOG_STR("code", rc_reason(r->hold.rc)));
    return STEP_ON;
}

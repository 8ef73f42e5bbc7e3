/* SPDX-License-Identifier: Apache-2.0 */
/* Prepaid: an API key names a wallet; the worst case is held in the book before the
 * call and the true cost captured after it. The only place where a request meets its
 * wallet. */
#include "base/json.h"
#include "base/log.h"
#include "gateway/payment.h"
#include "gateway/request.h"

#include <string.h>

enum {
    STALE_TRIES = 8,   /* a key, limit or freeze changed between reading and holding */
    SETTLE_TRIES = 40, /* the store failed: 10 s of trying before it is given up */
    SETTLE_WAIT_MS = 250,
    HOLD_GRACE_US = 60 * 1000000, /* a hold outlives its call's deadline by this */
};

/* Authorization: Bearer, x-api-key (Anthropic's clients), x-goog-api-key (Gemini's). */
static struct slice key_of(const struct http_request *http, bool *several)
{
    unsigned n1, n2, n3;
    struct slice bearer = http_header(http, "authorization", &n1);
    struct slice anthropic = http_header(http, "x-api-key", &n2);
    struct slice google = http_header(http, "x-goog-api-key", &n3);
    struct slice key = SLICE_NONE;

    *several = n1 + n2 + n3 > 1;
    if (n1 > 0 && slice_starts_nocase(bearer, SLICE("bearer ")))
        key = slice_trim(slice_sub(bearer, 7, bearer.len));
    else if (n1 > 0)
        key = bearer;
    else if (n2 > 0)
        key = slice_trim(anthropic);
    else if (n3 > 0)
        key = slice_trim(google);
    if (!*several)
        return key;
    /* Some SDKs send one key twice; two different ones are nobody's honest mistake. */
    *several = (n1 > 1 || n2 > 1 || n3 > 1) ||
               (n2 > 0 && !slice_equal_secret(slice_trim(anthropic), key)) ||
               (n3 > 0 && !slice_equal_secret(slice_trim(google), key));
    return key;
}

static bool mine(const struct http_request *http)
{
    static const char *const names[] = {"authorization", "x-api-key", "x-goog-api-key"};
    unsigned count;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)http_header(http, names[i], &count);
        if (count > 0)
            return true;
    }
    return false;
}

/* A wrong key, once more: an address may do that so often, then it is told to wait. Who
 * has a right key passes all the same: an address may be shared, and a key of 256 bits
 * is not guessed by luck. */
static enum rc refuse_key(struct request *r)
{
    TRY(limiter_address(r->worker->limiter, r->http->address,
                        r->config->limits.auth_failures_per_minute,
                        &r->fault.retry_after_s));
    limiter_address_failed(r->worker->limiter, r->http->address);
    return RC_BAD_KEY;
}

static enum rc identify(struct request *r)
{
    bool several;
    struct slice key = key_of(r->http, &several);
    enum rc rc;

    if (several)
        return request_fault(r, RC_BAD_KEY, NULL, "Send one API key, in one header.");
    rc = wallet_authenticate(&r->caller, r->worker->book, key);
    if (rc == RC_BAD_KEY)
        return refuse_key(r);
    if (rc == RC_FROZEN && !(r->match.api->flags & API_PRICED))
        rc = RC_OK; /* a frozen wallet may still be looked at */
    r->identified = rc == RC_OK;
    return rc;
}

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
    h->done = request_money_done;
    r->money_busy = true;
    r->money_asked = true;
    wallet_hold(r->worker->book, h);
}

static enum step reserve(struct request *r)
{
    if (r->money_busy)
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
static enum step settle(struct request *r)
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

/* The prepaid offer is words: how to get a key that has money behind it. */
static void offer(struct buf *out, const struct request *r)
{
    (void)r;
    buf_append_str(out, "\"prepaid\":{\"header\":\"Authorization: Bearer sk-oct-..\","
                        "\"balance\":\"/v1/wallet\"}");
}

extern const struct payment payment_prepaid;
const struct payment payment_prepaid = {
    .name = "prepaid",
    .mine = mine,
    .identify = identify,
    .reserve = reserve,
    .settle = settle,
    .offer = offer,
};

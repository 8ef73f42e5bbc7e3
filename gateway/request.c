/* SPDX-License-Identifier: Apache-2.0 */
/* The state machine of a request: READ, PLAN, HOLD, SEND, ANSWER, SETTLE, DRAIN, DONE.
 * This file says in which order things happen and nothing else: who it is and what came
 * in is request_head.c, how answers leave is request_answer.c, what is asked and what
 * it costs is the api's, who pays is the payment's. */
#include "gateway/request.h"

#include "base/log.h"
#include "gateway/request_envelope.h"
#include "gateway/request_int.h"
#include "gateway/request_pay.h"

#include <assert.h>
#include <string.h>

static const unsigned legal[REQUEST__COUNT] = {
    [REQUEST_READ] = 1u << REQUEST_PLAN | 1u << REQUEST_DONE,
    /* To DRAIN: a file that costs nothing. */
    [REQUEST_PLAN] = 1u << REQUEST_HOLD | 1u << REQUEST_DRAIN | 1u << REQUEST_DONE,
    /* To SETTLE: the client left while the hold was being made. */
    [REQUEST_HOLD] = 1u << REQUEST_SEND | 1u << REQUEST_SETTLE | 1u << REQUEST_DONE,
    [REQUEST_SEND] = 1u << REQUEST_ANSWER | 1u << REQUEST_SETTLE,
    [REQUEST_ANSWER] = 1u << REQUEST_SETTLE, /* bytes were shown: no second upstream */
    [REQUEST_SETTLE] = 1u << REQUEST_DRAIN,
    [REQUEST_DRAIN] = 1u << REQUEST_DONE,
};

static enum step go(struct request *r, enum request_state to)
{
    assert(legal[r->state] & 1u << to);
    r->state = to;
    r->money_asked = false;
    return STEP_ON;
}

void request__enter_answer(struct request *r)
{
    (void)go(r, REQUEST_ANSWER);
}

/* Refused before any money was held. */
static enum step refuse(struct request *r, enum rc rc)
{
    r->rc = rc;
    r->fault.rc = rc;
    r->outcome = OUTCOME_FAILED;
    request_reply_fault(r);
    return go(r, REQUEST_DONE);
}

static enum step settle_as(struct request *r, enum request_outcome outcome, enum rc rc)
{
    r->outcome = outcome;
    r->rc = rc;
    if (r->fault.rc != rc) /* no words about something else */
        r->fault = (struct fault){.rc = rc};
    upstream_cancel(r->upcall);
    r->upcall = NULL;
    loop_timer_clear(r->worker->loop, &r->timer);
    return go(r, REQUEST_SETTLE);
}

static enum step step_read(struct request *r)
{
    (void)r;
    return STEP_WAIT; /* request_head.c moves it on */
}

static enum rc take_tokens(struct request *r)
{
    if (r->caller.key_id[0] == '\0') /* who pays in the call is not rationed */
        return RC_OK;
    TRY(limiter_tokens(r->worker->limiter, slice_str(r->caller.key_id), r->quote.tokens,
                       r->config->limits.tokens_per_minute, &r->fault.retry_after_s));
    r->tokens_taken = r->quote.tokens;
    return RC_OK;
}

/* Answered without money: only a file is still on its way. */
static enum step answered(struct request *r)
{
    return go(r, r->file.open ? REQUEST_DRAIN : REQUEST_DONE);
}

/* What costs nothing is answered from here. */
static enum step serve_free(struct request *r)
{
    const struct api *api = r->match.api;

    if (r->money_busy)
        return STEP_WAIT;
    if (r->gone) {
        r->outcome = OUTCOME_GONE;
        return go(r, REQUEST_DONE);
    }
    if (api->serve != NULL)
        api->serve(r);
    else if (api->serve_wait(r) == STEP_WAIT)
        return STEP_WAIT;
    r->outcome = OUTCOME_OK;
    return answered(r);
}

/* What an api that carries others has in its body: it answers by itself, or r is the
 * inner call from here on. */
static enum rc open_envelope(struct request *r)
{
    if (!(r->match.api->flags & API_ENVELOPE) || r->envelope != NULL)
        return RC_OK;
    return r->match.api->plan(r);
}

static enum rc make_plan(struct request *r)
{
    enum rc rc = r->match.api->plan(r);

    r->planned = rc == RC_OK;
    return rc;
}

/* Who pays, whether it is a repeat (r->status), what it takes of the limits. */
static enum rc admit_plan(struct request *r)
{
    if (r->payment == NULL)
        return RC_PAYMENT_REQUIRED;
    if (r->identified)
        TRY(request_idempotency(r, SLICE_NONE));
    return r->status != 0 ? RC_OK : take_tokens(r);
}

static enum step step_plan(struct request *r)
{
    enum rc rc = open_envelope(r);

    if (rc == RC_OK && r->status == 0 && !(r->match.api->flags & API_PRICED))
        return serve_free(r);
    if (rc == RC_OK && r->status == 0)
        rc = make_plan(r);
    if (rc == RC_OK && r->status != 0) { /* it needed nobody else, and was free */
        r->outcome = OUTCOME_OK;
        return answered(r);
    }
    if (rc == RC_OK)
        rc = admit_plan(r);
    if (rc == RC_OK && r->status != 0) /* it was a repeat, and has been answered */
        return go(r, REQUEST_DONE);
    return rc == RC_OK ? go(r, REQUEST_HOLD) : refuse(r, rc);
}

/* The worst case is set aside: to work. */
static enum step held(struct request *r)
{
    r->held = true;
    r->worker->stranger_bytes -= r->stranger_bytes; /* it has paid */
    r->stranger_bytes = 0;
    if (r->gone)
        return settle_as(r, OUTCOME_GONE, RC_GONE);
    if (r->cut_off)
        return settle_as(r, OUTCOME_FAILED, RC_DRAINING);
    return r->match.api->flags & API_LOCAL ? settle_as(r, OUTCOME_OK, RC_OK)
                                           : go(r, REQUEST_SEND);
}

static enum step step_hold(struct request *r)
{
    if (r->payment->reserve(r) == STEP_WAIT)
        return STEP_WAIT;
    if (r->status != 0) { /* it was a repeat, and has been answered */
        r->outcome = OUTCOME_FAILED;
        return go(r, REQUEST_DONE);
    }
    if (r->gone && r->rc != RC_OK) { /* nobody to be told, nothing to be given back */
        r->outcome = OUTCOME_GONE;
        return go(r, REQUEST_DONE);
    }
    if (r->rc == RC_IDEM_IN_FLIGHT) { /* another took the key since we looked */
        enum rc rc = request_idempotency(r, SLICE_NONE);

        if (rc == RC_OK && r->status != 0)
            return go(r, REQUEST_DONE);
        return refuse(r, rc == RC_OK ? RC_IDEM_IN_FLIGHT : rc);
    }
    if (r->rc != RC_OK)
        return refuse(r, r->rc);
    if (r->match.api->flags & API_TOPUP) {
        r->outcome = r->gone ? OUTCOME_GONE : OUTCOME_OK;
        if (!r->gone)
            r->match.api->finish(r);
        return go(r, REQUEST_DONE);
    }
    return held(r);
}

/* What a try that brought no answer means, when no other target is left. */
static enum rc fail_code(enum upstream_fail fail)
{
    switch (fail) {
    case UPSTREAM_BLOCKED:
        return RC_UPSTREAM_BLOCKED;
    case UPSTREAM_SLOW:
        return RC_UPSTREAM_TIMEOUT;
    case UPSTREAM_FINE:
    case UPSTREAM_CONNECT:
    case UPSTREAM_CUT:
    case UPSTREAM_TOO_BIG:
    case UPSTREAM_STOPPED:
        break;
    }
    return RC_UPSTREAM;
}

/* Nothing was done, and nothing is wrong: it wants to be paid first. */
static bool asks_for_money(const struct request *r)
{
    return r->up_fail == UPSTREAM_FINE && r->up_status == 402 && !r->up_accepted;
}

/* An answer that is passed on in an envelope has another bound than by itself. */
static void explain_length(struct request *r)
{
    if (r->envelope != NULL && r->up_fail == UPSTREAM_TOO_BIG)
        (void)request_fault(r, RC_UPSTREAM, NULL,
                            "The answer is longer than %d bytes, the most that fits "
                            "here: make the call by HTTP.",
                            ENVELOPE_UPSTREAM_MAX);
}

/* One try has ended without an answer: remembers why, as the last error so far. */
static void note_failure(struct request *r, enum rc rc)
{
    r->fault = (struct fault){.rc = rc};
    r->rc = rc;
    explain_length(r);
    if (!r->up_accepted && r->up_fail == UPSTREAM_FINE)
        r->match.api->explain(r, r->up_status, buf_slice(&r->up_error));
    if (r->fault.rc == RC_UPSTREAM_RATE && r->fault.retry_after_s == 0)
        r->fault.retry_after_s = r->retry_after_s;
    r->rc = r->fault.rc;
    if (!asks_for_money(r))
        request__count_failure(r);
}

static bool another_target(struct request *r, enum rc rc)
{
    if (rc != RC_OK) /* answered, but with garbage */
        return true;
    if (r->up_fail != UPSTREAM_FINE)
        return r->up_fail != UPSTREAM_TOO_BIG;
    return r->match.api->may_retry(r, r->up_status, buf_slice(&r->up_error));
}

/* The present try has ended before the client saw a byte. */
static enum step try_ended(struct request *r)
{
    enum rc rc = RC_OK;

    if (r->up_fail != UPSTREAM_CONNECT && r->up_fail != UPSTREAM_BLOCKED &&
        !(r->up_fail == UPSTREAM_FINE && r->up_status == 429) && !asks_for_money(r))
        r->contacted = true;
    if (r->up_accepted && r->up_fail == UPSTREAM_FINE) {
        rc = r->match.api->complete(r);
        if (rc == RC_OK)
            return settle_as(r, OUTCOME_OK, RC_OK);
        if (r->state == REQUEST_ANSWER) /* its end was the first that was shown */
            return settle_as(r, OUTCOME_BROKEN, rc);
    }
    note_failure(r, rc != RC_OK ? rc : fail_code(r->up_fail));
    if (!another_target(r, rc))
        return settle_as(r, OUTCOME_FAILED, r->rc);
    r->up_ended = false;
    return STEP_ON; /* step_send() takes the next target, if there is one */
}

static enum step start_try(struct request *r)
{
    enum rc rc;

    memset(&r->spec, 0, sizeof(r->spec));
    rc = r->match.api->build(r, &r->spec);
    if (rc == RC_NOT_FOUND && r->attempts > 0) /* all failed: the last error stands */
        return settle_as(r, OUTCOME_FAILED, r->rc);
    if (rc == RC_OK)
        rc = request__upstream_start(r);
    if (rc != RC_OK)
        return settle_as(r, OUTCOME_FAILED, rc);
    r->attempts++;
    return STEP_WAIT;
}

/* Between two tries the api may have to wait; a request waits with it, come what may.
 */
static bool is_preparing(struct request *r)
{
    const struct api *api = r->match.api;

    return api->prepare != NULL && r->upcall == NULL && !r->up_ended &&
           api->prepare(r) == STEP_WAIT;
}

static enum step step_send(struct request *r)
{
    if (is_preparing(r))
        return STEP_WAIT;
    if (r->gone || r->cut_off) {
        r->contacted =
            r->contacted || (r->upcall != NULL && upstream_was_sent(r->upcall));
        return r->gone ? settle_as(r, OUTCOME_GONE, RC_GONE)
                       : settle_as(r, OUTCOME_FAILED, RC_DRAINING);
    }
    if (r->up_ended)
        return try_ended(r);
    return r->upcall != NULL ? STEP_WAIT : start_try(r);
}

static enum step step_answer(struct request *r)
{
    enum rc rc;

    r->contacted = true;
    if (r->gone)
        return settle_as(r, OUTCOME_GONE, RC_GONE);
    if (r->cut_off)
        return settle_as(r, OUTCOME_BROKEN, RC_DRAINING);
    if (!r->up_ended) {
        if (r->up_paused && request_room(r)) {
            r->up_paused = false;
            upstream_resume(r->upcall);
        }
        return STEP_WAIT;
    }
    if (r->up_fail != UPSTREAM_FINE) {
        rc = r->rc != RC_OK ? r->rc : fail_code(r->up_fail);
        explain_length(r);
        return settle_as(r, OUTCOME_BROKEN, rc);
    }
    rc = r->match.api->complete(r);
    return settle_as(r, rc == RC_OK ? OUTCOME_OK : OUTCOME_BROKEN, rc);
}

/* The money is booked, or could not be: tell the client. */
static void give_answer(struct request *r, enum rc booked)
{
    const struct api *api = r->match.api;

    if (booked != RC_OK && r->outcome == OUTCOME_OK) {
        if (r->fault.rc != booked)
            r->fault = (struct fault){.rc = booked};
        r->rc = booked;
        r->outcome = r->status != 0 ? OUTCOME_BROKEN : OUTCOME_FAILED;
    }
    /* Who has left may ask for a whole answer again: then it is made to be kept. */
    if (r->gone && (r->outcome != OUTCOME_OK || r->slot == NULL))
        return;
    switch (r->outcome) {
    case OUTCOME_OK:
        api->finish(r);
        return;
    case OUTCOME_FAILED:
        request_reply_fault(r);
        return;
    case OUTCOME_BROKEN:
        api->broken(r, r->rc);
        return;
    case OUTCOME_OPEN:
    case OUTCOME_GONE:
        return;
    }
}

static enum step step_settle(struct request *r)
{
    enum rc booked;

    if (!r->money_asked) {
        r->cost = MONEY_ZERO;
        memset(&r->call, 0, sizeof(r->call));
        r->call.kind = r->match.api->name;
        if (r->outcome != OUTCOME_FAILED &&
            r->match.api->cost(r, &r->cost, &r->call) != RC_OK) {
            log_event(LOG_ERROR, "cost beyond an amount",
                      LOG_STR("request", r->id_text));
            r->cost = r->quote.worst;
        }
    }
    if (r->payment->settle(r) == STEP_WAIT)
        return STEP_WAIT;
    booked = r->hold.rc == RC_ENDED ? RC_OK : r->hold.rc;
    if (booked == RC_OK)
        booked = r->settle_rc;
    give_answer(r, booked);
    return go(r, REQUEST_DRAIN);
}

static enum step step_drain(struct request *r)
{
    if (!request__flush(r) || !request__pour(r))
        return STEP_WAIT;
    if (r->end_asked && !r->gone)
        request__end(r, r->end_complete && !buf_spent(&r->backlog));
    return go(r, REQUEST_DONE);
}

static enum step (*const steps[REQUEST__COUNT])(struct request *r) = {
    [REQUEST_READ] = step_read,     [REQUEST_PLAN] = step_plan,
    [REQUEST_HOLD] = step_hold,     [REQUEST_SEND] = step_send,
    [REQUEST_ANSWER] = step_answer, [REQUEST_SETTLE] = step_settle,
    [REQUEST_DRAIN] = step_drain,
};

void request_run(struct request *r)
{
    if (r->running)
        return; /* the loop below sees what the callback noted */
    r->running = true;
    while (r->state != REQUEST_DONE && steps[r->state](r) == STEP_ON)
        continue;
    r->running = false;
    if (r->state == REQUEST_DONE)
        request__free(r);
}

/* ---- What happens meanwhile ---- */

void request__body_in(struct request *r)
{
    (void)go(r, REQUEST_PLAN);
    request_run(r);
}

void request__failed(struct request *r, enum rc rc)
{
    r->gone = rc == RC_GONE;
    if (r->state == REQUEST_READ) {
        if (!r->gone) {
            r->fault.rc = rc;
            r->rc = rc;
            request_reply_fault(r);
        }
        r->outcome = r->gone ? OUTCOME_GONE : OUTCOME_FAILED;
        (void)go(r, REQUEST_DONE);
    }
    request_run(r);
}

/* What has shown nothing yet fails, a stream breaks, who does not read the end of an
 * answer gets no more of it. What is being booked is a moment from its answer. */
void request__cut_off(struct request *r)
{
    switch (r->state) {
    case REQUEST_READ:
        request__failed(r, RC_DRAINING);
        return;
    case REQUEST_HOLD:
    case REQUEST_SEND:
    case REQUEST_ANSWER:
        r->cut_off = true;
        request_run(r);
        return;
    case REQUEST_DRAIN:
        request__failed(r, RC_GONE);
        return;
    case REQUEST_PLAN:
    case REQUEST_SETTLE:
    case REQUEST_DONE:
    case REQUEST__COUNT:
        return;
    }
}

static void money_message(struct inbox_message *m)
{
    struct request *r =
        (struct request *)(void *)((char *)m - offsetof(struct request, message));

    r->money_busy = false;
    request_run(r);
}

/* On the writer's thread: back to the request's own loop. */
void request_money_done(struct wallet_hold *h)
{
    struct request *r =
        (struct request *)(void *)((char *)h - offsetof(struct request, hold));

    r->message.run = money_message;
    inbox_post(loop_inbox(r->worker->loop), &r->message);
}

static enum upstream_take on_head(void *arg, unsigned status,
                                  const struct http_header *headers, size_t count)
{
    struct request *r = arg;

    r->up_status = status;
    r->retry_after_s = request__retry_after(headers, count);
    r->up_accepted = r->match.api->head(r, status, headers, count);
    return UPSTREAM_TOOK;
}

enum {
    ERROR_BODY_MAX = 65536
};

static enum upstream_take on_data(void *arg, struct slice bytes)
{
    struct request *r = arg;

    if (!r->up_accepted) { /* a failure's body: its first 64 KiB are enough to tell it
                            */
        buf_append(&r->up_error, slice_sub(bytes, 0, buf_room(&r->up_error)));
        return UPSTREAM_TOOK;
    }
    if (r->state == REQUEST_ANSWER && !request_room(r)) {
        r->up_paused = true;
        return UPSTREAM_PAUSE;
    }
    return r->match.api->data(r, bytes);
}

/* Queries may hold a user's data: they stay out of the log. */
static struct slice without_query(const char *url)
{
    struct slice s = slice_str(url);

    return slice_sub(s, 0, slice_find(s, '?'));
}

static void on_end(void *arg, enum upstream_fail fail, const char *detail)
{
    struct request *r = arg;

    if (r->up_complete)
        fail = UPSTREAM_FINE;
    r->upcall = NULL;
    r->up_ended = true;
    r->up_fail = fail;
    if (fail != UPSTREAM_FINE)
        log_event(LOG_WARN, "upstream call failed", LOG_STR("request", r->id_text),
                  LOG_SLICE("url", without_query(r->spec.url)),
                  LOG_STR("detail", detail));
    request_run(r);
}

static void end_call(struct request *r)
{
    if (r->upcall == NULL)
        return;
    upstream_cancel(r->upcall);
    on_end(r, UPSTREAM_FINE, "");
}

enum {
    DONE_GRACE_MS = 250 /* so that a connection whose answer ends now is kept */
};

void request_upstream_done(struct request *r)
{
    r->up_complete = true;
    request_tick_in(r, DONE_GRACE_MS, end_call);
}

enum rc request__upstream_start(struct request *r)
{
    r->rc = RC_OK;
    r->fault = (struct fault){.rc = RC_OK};
    r->up_accepted = false;
    r->up_complete = false;
    r->up_ended = false;
    r->up_paused = false;
    r->up_fail = UPSTREAM_FINE;
    r->up_status = 0;
    r->retry_after_s = 0;
    loop_timer_clear(r->worker->loop, &r->timer); /* it was about the try before */
    buf_free(&r->up_error);
    buf_init(&r->up_error, ERROR_BODY_MAX);
    r->spec.arg = r;
    r->spec.head = on_head;
    r->spec.data = on_data;
    r->spec.end = on_end;
    r->spec.deadline_ms = r->deadline_ms;
    if (r->envelope != NULL && r->spec.max_response_bytes > ENVELOPE_UPSTREAM_MAX)
        r->spec.max_response_bytes = ENVELOPE_UPSTREAM_MAX;
    return upstream_start(&r->upcall, r->worker->upstream, &r->spec);
}

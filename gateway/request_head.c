/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning and the end of a request: makes one for an exchange, finds its api and
 * its payer before the body is read, looks at its Idempotency-Key, and frees it with
 * its log line. The states between are request.c's. */
#include "base/clock.h"
#include "base/codec.h"
#include "base/log.h"
#include "base/metric.h"
#include "gateway/metrics.h"
#include "gateway/request_envelope.h"
#include "gateway/request_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* One upstream event and what an api makes of it, or an end that repeats a whole
 * answer: the upstream waits while there is a backlog. */
enum {
    BACKLOG_MAX = 80 * 1048576
};

/* ---- Making and freeing ---- */

static struct request *request_new(struct worker *w, struct exchange *x)
{
    struct request *r = w->pool;

    if (r != NULL)
        w->pool = r->next;
    else
        r = malloc(sizeof(*r));
    if (r == NULL)
        return NULL;
    memset(r, 0, sizeof(*r));
    r->worker = w;
    r->exchange = x;
    r->http = exchange_request(x);
    r->arena = exchange_arena(x);
    r->config = config_cell_get(w->config);
    r->started_ms = loop_now_ms(w->loop);
    r->deadline_ms = r->started_ms + r->config->limits.call_timeout_ms;
    r->id = id_new(clock_wall_us());
    wallet_id_print(r->id_text, 'r', r->id);
    buf_init(&r->backlog, BACKLOG_MAX);
    exchange_set_user(x, r);
    r->next = w->first;
    if (w->first != NULL)
        w->first->prev = r;
    w->first = r;
    w->live++;
    metric_add(metrics.requests_live, 1);
    return r;
}

/* Every request of a known caller is told: they are bounded by what it may pay and by
 * its rate. Those of strangers are not, so their lines are cut when they come too fast.
 */
static void log_request(const struct request *r)
{
    const struct api *api = r->match.api;
    const struct log_field fields[] = {
        LOG_STR("request_id", r->id_text),
        LOG_STR("api", api ? api->name : "none"),
        LOG_SLICE("method", r->http->method),
        LOG_SLICE("path", r->http->path),
        LOG_STR("wallet", r->identified ? r->caller.wallet_name : ""),
        LOG_STR("key", r->caller.key_id),
        LOG_SLICE("subject", r->quote.subject),
        LOG_U64("status", r->gone ? 499 : r->status),
        LOG_STR("code", rc_reason(r->rc)),
        LOG_MONEY("cost", r->hold.captured),
        LOG_U64("attempts", r->attempts),
        LOG_U64("ms", loop_now_ms(r->worker->loop) - r->started_ms),
    };
    const unsigned count = sizeof(fields) / sizeof(fields[0]);

    if (r->identified)
        log_write_every(LOG_INFO, "request", fields, count);
    else
        log_write(LOG_INFO, "stranger's request", fields, count);
}

/* What the limiter and the kept answers have of this request. */
static void leave_shared(struct request *r)
{
    struct worker *w = r->worker;

    w->stranger_bytes -= r->stranger_bytes;
    if (r->claim != NULL)
        answers_release(w->answers, r->claim);
    if (r->limited_as[0] != '\0')
        limiter_leave(w->limiter, slice_str(r->limited_as));
    if (r->tokens_taken > r->tokens_used)
        limiter_give_back(w->limiter, slice_str(r->limited_as),
                          r->tokens_taken - r->tokens_used);
    if (r->slot != NULL && r->outcome == OUTCOME_OK && !buf_spent(&r->slot->body))
        answers_keep(w->answers, r->idem.present ? r->idem.key : r->once.key, r->slot);
    else
        answer_slot_free(r->slot);
}

static void finish_exchange(struct request *r)
{
    if (r->gone && !exchange_gone(r->exchange)) /* cut off before its end was read */
        exchange_end(r->exchange, false);
    exchange_set_user(r->exchange, NULL);
    exchange_finish(r->exchange);
}

/* From the list of the living to the pool. */
static void retire(struct request *r)
{
    struct worker *w = r->worker;

    *(r->prev ? &r->prev->next : &w->first) = r->next;
    if (r->next != NULL)
        r->next->prev = r->prev;
    w->live--;
    metric_sub(metrics.requests_live, 1);
    r->next = w->pool;
    w->pool = r;
}

/* First what could still call back, then the api's own, then the exchange, whose arena
 * goes with it. */
void request__free(struct request *r)
{
    struct worker *w = r->worker;

    assert(!r->money_busy && r->upcall == NULL);
    loop_timer_clear(w->loop, &r->timer);
    log_request(r);
    metrics_request(r->match.api ? r->match.api->name : "none",
                    r->gone ? 499 : r->status, loop_now_ms(w->loop) - r->started_ms);
    leave_shared(r);
    if (r->api_state != NULL && r->match.api->close != NULL)
        r->match.api->close(r);
    buf_free(&r->up_error);
    buf_free(&r->backlog);
    envelope__free(r);
    request_file_close(&r->file);
    config_unref(r->config);
    finish_exchange(r);
    retire(r);
}

void request_abort_all(struct worker *w)
{
    struct request *next;

    for (struct request *r = w->first; r != NULL; r = next) {
        next = r->next; /* a request frees only itself */
        if (!r->gone)
            request__cut_off(r);
    }
}

void request_pool_free(struct worker *w)
{
    while (w->pool != NULL) {
        struct request *r = w->pool;

        w->pool = r->next;
        free(r);
    }
}

void request__count_failure(const struct request *r)
{
    (void)r;
    metric_add(metrics.upstream_failures, 1);
}

/* ---- The head ---- */

enum {
    STRANGER_BODY_MAX = 1048576,
    STRANGER_BODY_MS = 10000,
    STRANGER_POOL_MAX = 64 * 1048576 /* of each loop */
};

/* A key in the URL would end up in logs and histories: it is refused, not used. */
static bool key_in_query(const struct http_request *http)
{
    return http->has_query &&
           slice_search(http->query, SLICE("sk-oct-")) < http->query.len;
}

static bool json_media(struct slice type)
{
    struct slice media = slice_trim(slice_sub(type, 0, slice_find(type, ';')));

    return media.len == 0 || slice_equal_nocase(media, SLICE("application/json"));
}

/* x402-fetch, the client of version 1, pays without the headers of the first try if
 * they were an object of Headers, as the SDK of OpenAI makes them: then the body goes
 * as what fetch calls any text. */
static bool is_forgotten(const struct http_request *http)
{
    struct slice type = http_header(http, "content-type", NULL);
    unsigned count;

    (void)http_header(http, "x-payment", &count);
    return count > 0 && slice_equal_nocase(type, SLICE("text/plain;charset=UTF-8"));
}

/* Nobody pays yet, or nothing that could be read. */
static bool is_stranger(const struct request *r)
{
    const struct payment *p = r->payment;

    if (r->identified || !(r->match.api->flags & (API_PRICED | API_ENVELOPE)))
        return false;
    return p == NULL || (p->unreadable != NULL && p->unreadable(r));
}

/* Room for a body of at most `most`, of what all share who have not paid yet. */
static enum rc take_room(struct request *r, uint64_t most)
{
    uint64_t *pool = &r->worker->stranger_bytes;

    if (r->envelope != NULL) /* it is in, and has room */
        return RC_OK;
    if (!r->http->has_body)
        most = 0;
    else if (!r->http->chunked && r->http->content_length < most)
        most = r->http->content_length;
    if (*pool > STRANGER_POOL_MAX || most > STRANGER_POOL_MAX - *pool)
        return RC_BUSY;
    r->stranger_bytes = most;
    *pool += most;
    return RC_OK;
}

/* What a call costs is told at once where that takes no body, and else after a body
 * that is small and came soon. */
static enum rc take_stranger(struct request *r)
{
    if (r->payment == NULL && r->match.api->flags & API_FLAT) {
        TRY(r->match.api->plan(r));
        r->planned = true;
        return RC_PAYMENT_REQUIRED;
    }
    return take_room(r, STRANGER_BODY_MAX);
}

/* Of one with a payment that can be read, and proves nothing before it is held. */
static enum rc take_payer(struct request *r)
{
    const uint64_t most = r->config->limits.max_body_bytes;

    return take_room(r, most < STRANGER_POOL_MAX ? most : STRANGER_POOL_MAX);
}

static enum rc want_key(struct request *r)
{
    if (r->identified || !(r->match.api->flags & API_NEEDS_KEY))
        return RC_OK;
    return request_fault(r, RC_BAD_KEY, NULL,
                         "This path is for callers with a key: send an API key as a "
                         "Bearer token.");
}

static enum rc identify(struct request *r)
{
    const struct api *api = r->match.api;

    if (key_in_query(r->http))
        return request_fault(
            r, RC_BAD_KEY, NULL,
            "API keys are taken from headers only, never from the URL.");
    if (api->flags & API_PRICED) {
        r->payment = payment_for(r->http);
        if (r->payment != NULL)
            TRY(r->payment->identify(r));
        TRY(want_key(r));
        if (is_stranger(r))
            return take_stranger(r);
        return r->identified ? RC_OK : take_payer(r);
    }
    /* A payment for what costs nothing is not looked at. */
    TRY(payment_key_beside(r));
    return want_key(r);
}

enum rc request__admit(struct request *r)
{
    const struct config_limits *limits = &r->config->limits;
    struct api_match *match = &r->match;
    enum rc rc;

    rc = api_route(match, r->http->method, r->http->path);
    if (rc == RC_BAD_METHOD)
        request_header(r, "Allow", slice_str(match->allow));
    TRY(rc);
    if (r->worker->draining && (match->api->flags & API_PRICED))
        return RC_DRAINING;
    TRY(identify(r));
    if ((match->api->flags & API_JSON_BODY) && r->http->has_body &&
        !json_media(http_header(r->http, "content-type", NULL)) &&
        !is_forgotten(r->http))
        return RC_UNSUPPORTED_MEDIA;
    if (!r->identified || !(match->api->flags & API_PRICED))
        return RC_OK;
    TRY(limiter_enter(r->worker->limiter, slice_str(r->caller.key_id),
                      limits->requests_per_minute, limits->concurrent,
                      &r->fault.retry_after_s));
    memcpy(r->limited_as, r->caller.key_id, sizeof(r->limited_as));
    return RC_OK;
}

enum {
    FREE_BODY_MAX = 16384, /* some clients send a body with a GET, nobody a large one */
    WAIT_BODY_MAX = 65536  /* of what costs nothing and is asked something */
};

/* What costs nothing must not cost us memory: anybody may ask for it. */
static enum rc body_max(struct request *r, uint64_t *bytes)
{
    const struct api *api = r->match.api;
    const uint64_t limit = r->config->limits.max_body_bytes;
    uint64_t most = limit;

    if (api->body_max != NULL) {
        TRY(api->body_max(r, bytes));
        return *bytes > WAIT_BODY_MAX ? take_room(r, *bytes) : RC_OK;
    }
    if (is_stranger(r))
        most = STRANGER_BODY_MAX;
    else if (api->serve_wait != NULL)
        most = WAIT_BODY_MAX;
    else if (api->serve != NULL)
        most = FREE_BODY_MAX;
    *bytes = most < limit ? most : limit;
    return RC_OK;
}

static uint64_t body_ms(const struct request *r, uint64_t most)
{
    const bool waits = r->match.api->serve_wait != NULL && most <= WAIT_BODY_MAX;

    return is_stranger(r) || waits ? STRANGER_BODY_MS : 0;
}

static void on_head(void *arg, struct exchange *x)
{
    struct request *r = request_new(arg, x);
    uint64_t most = 0;
    enum rc rc;

    if (r == NULL) { /* nothing can be said without memory: the server closes */
        exchange_reply(x, 503, SLICE_NONE);
        exchange_finish(x);
        return;
    }
    rc = request__admit(r);
    if (rc == RC_OK)
        rc = body_max(r, &most);
    if (rc == RC_OK) {
        exchange_accept(x, most, body_ms(r, most));
        return;
    }
    r->rc = rc;
    r->fault.rc = rc;
    r->outcome = OUTCOME_FAILED;
    request_reply_fault(r);
    r->state = REQUEST_DONE;
    request__free(r);
}

static void on_body(void *arg, struct exchange *x)
{
    (void)arg;
    request__body_in(exchange_user(x));
}

static void on_writable(void *arg, struct exchange *x)
{
    struct request *r = exchange_user(x);

    (void)arg;
    if (r != NULL)
        request_run(r);
}

static void on_failed(void *arg, struct exchange *x, enum rc rc)
{
    struct request *r = exchange_user(x);

    (void)arg;
    if (r != NULL)
        request__failed(r, rc);
}

/* The server refuses by itself what is not even a request. */
static void on_refuse(void *arg, struct slice path, enum rc rc, const char *detail,
                      struct buf *body, const char **content_type)
{
    enum dialect d = api_dialect(path);
    struct fault f = {.rc = rc, .detail = detail};

    (void)arg;
    error_print(body, d, &f, "");
    *content_type = error_content_type(d);
}

struct server_user request_server_user(struct worker *w)
{
    return (struct server_user){
        .arg = w,
        .head = on_head,
        .body = on_body,
        .writable = on_writable,
        .failed = on_failed,
        .refuse = on_refuse,
    };
}

unsigned request__retry_after(const struct http_header *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t seconds;

        if (slice_equal_nocase(headers[i].name, SLICE("retry-after")) &&
            slice_to_u64(&seconds, slice_trim(headers[i].value)) == RC_OK)
            return seconds > 86400 ? 86400 : (unsigned)seconds;
    }
    return 0;
}

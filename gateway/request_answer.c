/* SPDX-License-Identifier: Apache-2.0 */
/* How answers leave: whole or streamed, with the headers that every answer carries.
 * What they say is the api's. */
#include "base/log.h"
#include "gateway/receipts.h"
#include "gateway/request_envelope.h"
#include "gateway/request_int.h"
#include "gateway/request_pay.h"

#include <stdio.h>
#include <string.h>

enum {
    FAULT_BODY_MAX = 65536
};

void request_header(struct request *r, const char *name, struct slice value)
{
    if (r->envelope != NULL)
        envelope__add_header(r, name, value);
    else if (exchange_header(r->exchange, name, value) != RC_OK)
        log_event(LOG_WARN, "answer header refused", LOG_STR("request_id", r->id_text),
                  LOG_STR("name", name));
}

static void keep_head(struct request *r, unsigned status, const char *content_type)
{
    struct answer_slot *s = r->slot;

    if (s == NULL)
        return;
    s->status = status;
    (void)snprintf(s->content_type, sizeof(s->content_type), "%s", content_type);
    money_print(s->cost, r->hold.captured);
    (void)snprintf(s->request_id, sizeof(s->request_id), "%s", r->id_text);
}

/* Anthropic's SDKs look for it under Anthropic's name. */
void request__tell_id(struct request *r)
{
    request_header(r, "x-request-id", slice_str(r->id_text));
    if (r->match.api != NULL && r->match.api->dialect == DIALECT_ANTHROPIC)
        request_header(r, "request-id", slice_str(r->id_text));
}

void request_reply(struct request *r, unsigned status, const char *content_type,
                   struct slice body)
{
    r->status = status;
    request__tell_id(r);
    if (content_type[0] != '\0')
        request_header(r, "Content-Type", slice_str(content_type));
    keep_head(r, status, content_type);
    if (r->slot != NULL)
        buf_append(&r->slot->body, body);
    r->out_bytes += body.len;
    if (r->envelope == NULL) {
        exchange_reply(r->exchange, status, body);
        return;
    }
    envelope__begin(r, status, content_type);
    buf_append(&r->envelope->answer, body);
    r->envelope->answered(r);
}

void request_reply_head(struct request *r, unsigned status, const char *content_type,
                        uint64_t content_length)
{
    r->status = status;
    request__tell_id(r);
    if (content_type[0] != '\0')
        request_header(r, "Content-Type", slice_str(content_type));
    keep_head(r, status, content_type);
    exchange_stream(r->exchange, status, content_length);
    exchange_end(r->exchange, true);
}

/* Clients that retry by themselves must not repeat what can not get better. */
static bool retry_is_useless(unsigned status)
{
    return status == 402 || status == 403 || status == 409 || status == 422;
}

static unsigned default_retry_after(unsigned status)
{
    return status == 503 || status == 429 ? 1 : 0;
}

/* Told once, and not before the payment has a state of its own. */
static bool has_receipt(struct request *r, const char **name, struct slice *value)
{
    if (r->receipt_told || r->payment == NULL || r->pay_state == NULL ||
        r->payment->receipt == NULL || !r->payment->receipt(r, name, value))
        return false;
    r->receipt_told = true;
    return true;
}

/* Browsers show a script no header that is not named here. */
void request_receipt(struct request *r)
{
    const char *name;
    struct slice value;

    if (!has_receipt(r, &name, &value))
        return;
    if (r->fault.rc == RC_OK) /* no cache may give it to another */
        request_header(r, "Cache-Control", SLICE("private"));
    request_header(r, name, value);
    request_header(r, "Access-Control-Expose-Headers", slice_str(name));
}

/* Whoever can pay in the call is told how, with every 402 that a payment would cure. */
static bool wants_offers(const struct request *r)
{
    switch (r->fault.rc) {
    case RC_PAYMENT_REQUIRED:
    case RC_PAYMENT_BAD:
    case RC_USED:
        return true;
    case RC_NO_FUNDS: /* of a shown key too: a payment beside it pays the call */
        return r->caller.key_id[0] == '\0' ||
               (r->payment->is_key && r->worker->cashier != NULL);
    default:
        return false;
    }
}

/* In an envelope all errors have one form, whatever the inner call's dialect. */
static enum dialect dialect_of(const struct request *r)
{
    if (r->envelope != NULL)
        return DIALECT_PROBLEM;
    return r->match.api ? r->match.api->dialect : api_dialect(r->http->path);
}

void request_reply_fault(struct request *r)
{
    enum dialect d = dialect_of(r);
    unsigned status = fault_status(&r->fault);
    unsigned wait_s = r->fault.retry_after_s;
    struct buf body, offers;

    buf_init(&body, FAULT_BODY_MAX);
    buf_init(&offers, FAULT_BODY_MAX);
    if (wants_offers(r)) {
        payment_offers(&offers, r);
        r->fault.beside = buf_slice(&offers);
    }
    if (wait_s == 0)
        wait_s = default_retry_after(status);
    if (wait_s != 0)
        request_header(r, "Retry-After",
                       slice_str(arena_printf(r->arena, "%u", wait_s)));
    if (status == 402)
        request_header(r, "Cache-Control", SLICE("no-store"));
    if (retry_is_useless(status))
        request_header(r, "x-should-retry", SLICE("false"));
    if (status == 401)
        request_header(r, "WWW-Authenticate", SLICE("Bearer"));
    if (r->held)
        request_money_headers(r);
    request_receipt(r);
    error_print(&body, d, &r->fault, r->id_text);
    answer_slot_free(r->slot); /* what did not happen is not repeated */
    r->slot = NULL;
    request_reply(r, status, error_content_type(d), buf_slice(&body));
    r->fault.beside = SLICE_NONE;
    buf_free(&offers);
    buf_free(&body);
}

void request_receipt_comment(struct request *r)
{
    const char *name;
    struct slice value;

    if (!has_receipt(r, &name, &value))
        return;
    request_write(
        r, slice_str(arena_printf(r->arena, ": %s: %.*s\n\n", name, SLICE_FMT(value))));
}

/* The transaction of the payment that paid for this call; "": none did, or none is
 * settled. */
static const char *transaction_of(struct request *r)
{
    struct wallet_payment *p = arena_new(r->arena, struct wallet_payment);

    if (p == NULL || !r->once.present ||
        wallet_payment_read(p, r->worker->book, r->once.key) != RC_OK ||
        p->state != WALLET_PAYMENT_SETTLED)
        return "";
    return p->reference;
}

/* Only when it is asked for: it takes half as long as the call. */
static void signed_receipt(struct request *r)
{
    struct slice asked = http_header(r->http, "x-octroi-receipt", NULL);
    struct receipt receipt = {.request = r->id,
                              .wallet = r->caller.wallet,
                              .kind = r->match.api->name,
                              .subject = r->quote.subject,
                              .cost = r->hold.captured,
                              .transfer = r->hold.transfer};
    struct slice text;

    if (r->worker->receipts == NULL || !slice_equal(asked, SLICE("1")) ||
        r->hold.rc != RC_OK || money_is_zero(r->hold.captured))
        return;
    receipt.transaction = transaction_of(r);
    if (receipts_sign(&text, r->worker->receipts, &receipt, r->arena) == RC_OK)
        request_header(r, "x-octroi-receipt", text);
}

void request_money_headers(struct request *r)
{
    char text[MONEY_TEXT_SIZE];

    request_receipt(r);
    signed_receipt(r);
    money_print(text, r->hold.captured);
    request_header(r, "x-octroi-cost", slice_str(text));
    money_print(text, r->hold.balance);
    request_header(r, "x-octroi-balance", slice_str(text));
}

void request_stream_begin(struct request *r, unsigned status, const char *content_type,
                          uint64_t content_length)
{
    char text[MONEY_TEXT_SIZE];

    money_print(text, r->hold.amount);
    if (r->envelope == NULL) /* its head is made at its end */
        request_receipt(r);
    request__tell_id(r);
    request_header(r, "x-octroi-hold", slice_str(text));
    if (content_type[0] != '\0')
        request_header(r, "Content-Type", slice_str(content_type));
    keep_head(r, status, content_type);
    r->status = status;
    request__enter_answer(r);
    if (r->envelope != NULL)
        envelope__begin(r, status, content_type);
    else
        exchange_stream(r->exchange, status, content_length);
}

bool request__flush(struct request *r)
{
    size_t room;

    while (!r->gone && buf_len(&r->backlog) > 0 &&
           (room = exchange_room(r->exchange)) > 0) {
        struct slice piece = slice_sub(buf_slice(&r->backlog), 0, room);

        exchange_write(r->exchange, piece);
        buf_consume(&r->backlog, piece.len);
    }
    return r->gone || buf_len(&r->backlog) == 0;
}

void request_write(struct request *r, struct slice bytes)
{
    size_t room;

    if (r->slot != NULL)
        buf_append(&r->slot->body, bytes);
    if (bytes.len == 0 || r->gone)
        return;
    r->out_bytes += bytes.len;
    if (r->envelope != NULL) {
        buf_append(&r->envelope->answer, bytes);
        return;
    }
    room = request__flush(r) ? exchange_room(r->exchange) : 0;
    if (room > bytes.len)
        room = bytes.len;
    if (room > 0)
        exchange_write(r->exchange, slice_sub(bytes, 0, room));
    buf_append(&r->backlog, slice_sub(bytes, room, bytes.len));
}

/* An upstream piece is 16 KiB at most. */
bool request_room(struct request *r)
{
    if (r->envelope != NULL)
        return true;
    return request__flush(r) && exchange_room(r->exchange) >= 16384;
}

void request_end(struct request *r, bool complete)
{
    r->end_asked = true;
    r->end_complete = complete;
    if (r->slot != NULL) /* the head of a stream could not tell it yet */
        money_print(r->slot->cost, r->hold.captured);
}

void request__end(struct request *r, bool complete)
{
    if (r->envelope != NULL)
        envelope__end(r, complete);
    else
        exchange_end(r->exchange, complete);
}

enum rc request_fault(struct request *r, enum rc rc, const char *param,
                      const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    r->fault.rc = rc;
    r->fault.param = param;
    r->fault.detail = arena_copy(r->arena, text, strlen(text));
    return rc;
}

static void timer_fired(struct loop_timer *t)
{
    struct request *r =
        (struct request *)(void *)((char *)t - offsetof(struct request, timer));

    r->tick(r);
}

void request_tick_in(struct request *r, unsigned ms, void (*tick)(struct request *r))
{
    r->tick = tick;
    r->timer.fire = timer_fired;
    loop_timer_set(r->worker->loop, &r->timer, loop_now_ms(r->worker->loop) + ms);
}

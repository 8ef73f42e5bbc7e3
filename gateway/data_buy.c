/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/data_buy.h"

#include "base/log.h"

#include <string.h>

enum {
    ASKED_MAX = 8, /* headers that ask for money, of one answer */
    SENDS_MAX = 2  /* of one payment: once more when no answer came */
};

/* The 402 -----------------------------------------------------------------------------
 */

/* Its headers go with the try that they belong to: they are kept. */
static void keep_asked(struct data_buy *b, const struct http_header *headers,
                       size_t count)
{
    struct arena *a = b->request->arena;

    b->headers = arena_new_array(a, struct http_header, ASKED_MAX);
    for (size_t i = 0; i < count && b->headers != NULL && b->header_count < ASKED_MAX;
         i++)
        if (slice_equal_nocase(headers[i].name, SLICE("payment-required")) ||
            slice_equal_nocase(headers[i].name, SLICE("www-authenticate")))
            b->headers[b->header_count++] = (struct http_header){
                arena_slice(a, headers[i].name), arena_slice(a, headers[i].value)};
}

bool data_buy_head(struct data_buy *b, unsigned status,
                   const struct http_header *headers, size_t count)
{
    if (b->state == DATA_BUY_SENT) {
        purchase_receipt(&b->receipt, b->purchase, headers, count);
        b->request->contacted = true; /* whatever it says: it has the payment */
    }
    if (status != 402)
        return false;
    if (b->state == DATA_BUY_SENT) {
        b->asked_again = true;
        return true;
    }
    keep_asked(b, headers, count);
    b->state = DATA_BUY_ASKED;
    return true;
}

static void refuse(struct data_buy *b, enum rc rc)
{
    b->state = DATA_BUY_REFUSED;
    b->rc = rc;
}

static void bought(void *arg)
{
    struct data_buy *b = arg;
    const enum rc rc = purchase_rc(b->purchase);

    b->amount = purchase_amount(b->purchase);
    b->state = DATA_BUY_READY;
    if (rc != RC_OK)
        refuse(b, rc);
    request_run(b->request);
}

static void start(struct data_buy *b)
{
    struct request *r = b->request;
    const struct worker *w = r->worker;
    const struct buyer_asked asked = {b->headers, b->header_count,
                                      buf_slice(&r->up_error)};
    const struct purchase_want want = {.asked = &asked,
                                       .payments = r->config->payments,
                                       .max = b->endpoint->max_price,
                                       .url = b->url,
                                       .body = b->body,
                                       .request = r->id,
                                       .wallet = r->caller.wallet,
                                       .inbox = loop_inbox(w->loop),
                                       .done = bought,
                                       .arg = b};
    enum rc rc = RC_INTERNAL;

    b->state = DATA_BUY_WORKING;
    if (w->buyer != NULL)
        rc = purchase_start(&b->purchase, &b->least, w->buyer, &want);
    if (rc != RC_OK)
        refuse(b, rc);
}

enum step data_buy_prepare(struct data_buy *b)
{
    if (b->state == DATA_BUY_ASKED && !b->request->gone && !b->request->cut_off)
        start(b);
    return b->state == DATA_BUY_WORKING ? STEP_WAIT : STEP_ON;
}

/* Tries -------------------------------------------------------------------------------
 */

/* The host's 402 is its price, not the caller's: what cannot be paid is an upstream
 * that failed. */
static enum rc tell_refused(struct data_buy *b)
{
    struct request *r = b->request;
    char text[MONEY_TEXT_SIZE];
    struct fault f = {.rc = RC_UPSTREAM};

    if (b->rc == RC_NOT_FOUND) {
        f.code = "upstream_offer_unusable";
        f.detail = "The upstream asks to be paid in a way that this gateway can not or "
                   "may not.";
    } else if (b->rc == RC_LIMIT && !money_is_zero(b->least)) {
        money_print_short(text, b->least);
        f.code = "upstream_price_too_high";
        f.detail = arena_printf(r->arena,
                                "The upstream asks for %s USD, more than may be paid "
                                "for this call.",
                                text);
    } else if (b->rc == RC_LIMIT) {
        f.status = 503;
        f.code = "purchase_limit_reached";
        f.detail = "What this gateway may spend at its upstreams is spent for now.";
    } else {
        f = (struct fault){.rc = b->rc};
    }
    log_event(LOG_WARN, "an upstream was not paid", LOG_STR("request", r->id_text),
              LOG_SLICE("host", buyer_host(b->url)),
              LOG_STR("reason", f.code != NULL ? f.code : rc_reason(b->rc)));
    r->fault = f;
    return f.rc;
}

/* Whose answer has begun has taken the payment: then it is what it is. */
static bool may_send_again(const struct data_buy *b)
{
    const enum upstream_fail fail = b->request->up_fail;

    return b->sent < SENDS_MAX && b->request->up_status == 0 &&
           (fail == UPSTREAM_SLOW || fail == UPSTREAM_CUT || fail == UPSTREAM_CONNECT);
}

enum rc data_buy_next(struct http_header *header, struct data_buy *b)
{
    *header = (struct http_header){SLICE_NONE, SLICE_NONE};
    switch (b->state) {
    case DATA_BUY_IDLE:
        return b->request->attempts == 0 ? RC_OK : RC_NOT_FOUND;
    case DATA_BUY_REFUSED:
        return tell_refused(b);
    case DATA_BUY_SENT:
        if (!may_send_again(b))
            return RC_NOT_FOUND;
        break;
    case DATA_BUY_READY:
        break;
    case DATA_BUY_ASKED:
    case DATA_BUY_WORKING:
        return RC_INTERNAL;
    }
    b->state = DATA_BUY_SENT;
    b->sent++;
    *header = purchase_header(b->purchase);
    return RC_OK;
}

void data_buy_explain(struct data_buy *b)
{
    struct request *r = b->request;

    if (!b->asked_again) {
        r->fault = (struct fault){.rc = RC_UPSTREAM};
        return;
    }
    /* Another call would sign another payment: clients must not try by themselves. */
    request_header(r, "x-should-retry", SLICE("false"));
    r->fault = (struct fault){
        .rc = RC_UPSTREAM,
        .code = "upstream_payment_refused",
        .detail =
            b->receipt.reason[0] != '\0'
                ? arena_printf(r->arena, "The upstream was paid and asks again: %s.",
                               b->receipt.reason)
                : "The upstream was paid and asks again."};
}

/* Afterwards --------------------------------------------------------------------------
 */

bool data_buy_sent(const struct data_buy *b)
{
    return b->state == DATA_BUY_SENT;
}

bool data_buy_taken(const struct data_buy *b, bool good)
{
    return b->state == DATA_BUY_SENT &&
           (good || (b->receipt.present && b->receipt.success));
}

struct money data_buy_cost(const struct data_buy *b)
{
    struct money cost;

    if (!money_markup(&cost, b->amount, b->endpoint->markup_ppm))
        return b->endpoint->price;
    return money_min(cost, b->endpoint->price);
}

void data_buy_end(struct data_buy *b, bool good)
{
    enum purchase_outcome outcome = PURCHASE_UNSENT;

    if (b->state == DATA_BUY_SENT && b->request->contacted)
        outcome = data_buy_taken(b, good) ? PURCHASE_PAID : PURCHASE_OPEN;
    purchase_end(b->purchase, outcome, b->receipt.reference);
    b->purchase = NULL;
}

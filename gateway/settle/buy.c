/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/settle/buy.h"

#include "base/clock.h"
#include "base/loop.h"
#include "gateway/upstream.h"

#include <stdio.h>
#include <string.h>

enum {
    DEADLINE_MS = 60000,
    SENDS_MAX = 2, /* of one payment: once more when no answer came */
    TURN_MS = 100
};

struct buy {
    struct buy_call *call;
    const struct buyer *buyer;
    const struct config_payments *payments;
    struct loop *loop;
    struct upstream *upstream;
    struct arena *arena;
    uint64_t deadline_ms;
    bool near;

    struct http_header sent[BUY_HEADERS_MAX + 1];
    bool ended; /* the try */
    enum upstream_fail fail;
    size_t asked_count; /* of a 402 */
    struct http_header asked[HTTP_HEADERS_MAX];

    struct purchase *purchase;
    bool bought; /* the purchase is home */
    bool out;    /* and somebody may have seen its header */
};

/* Where to ----------------------------------------------------------------------------
 */

/* This very machine, by its name or a literal address. */
static bool is_near(struct slice host)
{
    if (slice_equal_nocase(host, SLICE("localhost")) || slice_equal_str(host, "::1"))
        return true;
    for (size_t i = 0; i < host.len; i++)
        if (host.bytes[i] != '.' && (host.bytes[i] < '0' || host.bytes[i] > '9'))
            return false;
    return slice_starts(host, SLICE("127."));
}

static enum rc check_url(struct buy *p)
{
    const struct slice url = slice_str(p->call->url);
    const struct slice host = buyer_host(url);

    p->near = is_near(host);
    if (host.len == 0 || slice_has_ctl(url))
        return RC_BAD_INPUT;
    if (slice_starts_nocase(url, SLICE("https://")) ||
        (p->near && slice_starts_nocase(url, SLICE("http://"))))
        return RC_OK;
    return RC_BAD_INPUT;
}

/* A try -------------------------------------------------------------------------------
 */

static enum upstream_take on_head(void *arg, unsigned status,
                                  const struct http_header *headers, size_t count)
{
    struct buy *p = arg;
    struct buy_call *c = p->call;

    c->status = status;
    c->content_type[0] = '\0';
    if (p->out)
        purchase_receipt(&c->receipt, p->purchase, headers, count);
    p->asked_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct slice value = headers[i].value;

        if (slice_equal_nocase(headers[i].name, SLICE("content-type")))
            (void)snprintf(c->content_type, sizeof(c->content_type), "%.*s",
                           SLICE_FMT(value));
        if (status == 402 && !p->out)
            p->asked[p->asked_count++] = (struct http_header){
                arena_slice(p->arena, headers[i].name), arena_slice(p->arena, value)};
    }
    return UPSTREAM_TOOK;
}

static enum upstream_take on_data(void *arg, struct slice bytes)
{
    struct buy *p = arg;

    buf_append(&p->call->answer, bytes);
    return buf_spent(&p->call->answer) ? UPSTREAM_STOP : UPSTREAM_TOOK;
}

static void on_end(void *arg, enum upstream_fail fail, const char *detail)
{
    struct buy *p = arg;

    (void)detail;
    p->fail = fail;
    p->ended = true;
}

static enum rc fail_code(const struct buy *p)
{
    switch (p->fail) {
    case UPSTREAM_FINE:
        return RC_OK;
    case UPSTREAM_SLOW:
        return RC_UPSTREAM_TIMEOUT;
    case UPSTREAM_BLOCKED:
        return RC_UPSTREAM_BLOCKED;
    case UPSTREAM_TOO_BIG:
        return RC_TOO_BIG;
    case UPSTREAM_STOPPED:
        return buf_spent(&p->call->answer) ? RC_TOO_BIG : RC_BAD_INPUT;
    case UPSTREAM_CONNECT:
    case UPSTREAM_CUT:
        break;
    }
    return RC_UPSTREAM;
}

static enum rc try_once(struct buy *p, const struct http_header *payment)
{
    struct buy_call *c = p->call;
    struct upstream_call *upcall;
    struct upstream_spec spec = {.method = c->method,
                                 .url = c->url,
                                 .headers = p->sent,
                                 .part_count = c->body.len > 0,
                                 .parts = &c->body,
                                 .has_body = c->has_body,
                                 .send_once = true,
                                 .allow_private = p->near,
                                 .decode = true,
                                 .deadline_ms = p->deadline_ms,
                                 .max_response_bytes = BUY_BODY_MAX,
                                 .arg = p,
                                 .head = on_head,
                                 .data = on_data,
                                 .end = on_end};

    memcpy(p->sent, c->headers, c->header_count * sizeof(c->headers[0]));
    spec.header_count = c->header_count;
    if (payment != NULL)
        p->sent[spec.header_count++] = *payment;
    buf_reset(&c->answer);
    c->status = 0;
    p->ended = false;
    TRY(upstream_start(&upcall, p->upstream, &spec));
    while (!p->ended)
        loop_turn(p->loop, TURN_MS);
    return fail_code(p);
}

/* Paying ------------------------------------------------------------------------------
 */

static void bought(void *arg)
{
    struct buy *p = arg;

    p->bought = true;
}

/* The book and the signer always answer. */
static enum rc purchase_it(struct buy *p)
{
    struct buy_call *c = p->call;
    const struct buyer_asked asked = {p->asked, p->asked_count, buf_slice(&c->answer)};
    const struct purchase_want want = {.asked = &asked,
                                       .payments = p->payments,
                                       .max = c->max,
                                       .url = slice_str(c->url),
                                       .body = c->body,
                                       .inbox = loop_inbox(p->loop),
                                       .done = bought,
                                       .arg = p};

    TRY(purchase_start(&p->purchase, &c->least, p->buyer, &want));
    while (!p->bought)
        loop_turn(p->loop, TURN_MS);
    TRY(purchase_rc(p->purchase));
    c->amount = purchase_amount(p->purchase);
    c->way = purchase_way(p->purchase);
    (void)snprintf(c->network, sizeof(c->network), "%s", purchase_network(p->purchase));
    return RC_OK;
}

static enum rc send_paid(struct buy *p)
{
    const struct http_header header = purchase_header(p->purchase);
    enum rc rc = RC_UPSTREAM;

    p->out = true;
    for (unsigned sent = 0; sent < SENDS_MAX; sent++) {
        rc = try_once(p, &header);
        p->call->paid = p->call->paid || p->fail != UPSTREAM_CONNECT;
        if ((rc != RC_UPSTREAM && rc != RC_UPSTREAM_TIMEOUT) || p->call->status != 0)
            break; /* an answer, or one that broke off: the payment is taken */
    }
    if (rc != RC_OK || p->call->status != 402)
        return rc;
    p->call->asked_again = true;
    return RC_UPSTREAM;
}

static enum purchase_outcome outcome_of(const struct buy *p)
{
    const struct buy_call *c = p->call;

    if (!c->paid)
        return PURCHASE_UNSENT;
    if (c->status / 100 == 2 || (c->receipt.present && c->receipt.success))
        return PURCHASE_PAID;
    return PURCHASE_OPEN;
}

static enum rc run(struct buy *p)
{
    enum rc rc;

    TRY(check_url(p));
    TRY(arena_open(&p->arena, 1 << 20));
    TRY(loop_open(&p->loop));
    TRY(upstream_open(&p->upstream, p->loop));
    TRY(try_once(p, NULL));
    if (p->call->status != 402)
        return RC_OK;
    rc = arena_spent(p->arena) ? RC_TOO_BIG : purchase_it(p);
    if (rc == RC_OK)
        rc = send_paid(p);
    purchase_end(p->purchase, outcome_of(p), p->call->receipt.reference);
    return rc;
}

enum rc buy_run(struct buy_call *c, const struct buyer *b,
                const struct config_payments *payments)
{
    struct buy p = {.call = c,
                    .buyer = b,
                    .payments = payments,
                    .deadline_ms = clock_mono_ms() + DEADLINE_MS};
    enum rc rc;

    buf_init(&c->answer, BUY_BODY_MAX);
    rc = run(&p);
    upstream_close(p.upstream);
    loop_close(p.loop);
    arena_close(p.arena);
    return rc;
}

enum rc buyer_signer_open(struct signer **out, const struct config_payments *payments,
                          struct buf *faults)
{
    const struct config_buyer *b = &payments->buyer;
    const struct signer_caps caps = {.per_payment = b->max_per_payment,
                                     .per_minute = b->max_per_day,
                                     .networks = payments->networks,
                                     .network_count = payments->network_count};

    return signer_open(out, &b->key, 1, &caps, faults);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that owns a purchase starts it; the writer's thread goes on with it when
 * it is booked, the signer's when it is signed, and the inbox brings it home. Only one
 * of them has it at a time. */
#include "gateway/settle/purchase.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ARENA_MAX = 1 << 20,
    ASKED_HEADERS_MAX = 16 /* that ask for money, of one answer */
};

struct purchase {
    const struct buyer *buyer;
    struct inbox *inbox;
    struct inbox_message message;
    void (*done)(void *arg);
    void *arg;
    struct arena *arena;
    struct buyer_deal deal;
    struct http_header header;
    struct wallet_purchase_step step;
    struct signer_job job;
    enum rc rc;
};

static void purchase_free(struct purchase *p)
{
    arena_close(p->arena);
    free(p);
}

/* Choosing ----------------------------------------------------------------------------
 */

/* What was asked, for as long as the purchase lives. */
static struct buyer_asked keep_asked(const struct buyer_asked *asked, struct arena *a)
{
    struct http_header *kept =
        arena_new_array(a, struct http_header, ASKED_HEADERS_MAX);
    struct buyer_asked out = {.headers = kept};

    for (size_t i = 0; i < asked->header_count && kept != NULL &&
                       out.header_count < ASKED_HEADERS_MAX;
         i++) {
        const struct http_header *h = &asked->headers[i];

        if (slice_equal_nocase(h->name, SLICE("payment-required")) ||
            slice_equal_nocase(h->name, SLICE("www-authenticate")))
            kept[out.header_count++] =
                (struct http_header){arena_slice(a, h->name), arena_slice(a, h->value)};
    }
    if (asked->body.len <= BUYER_BODY_MAX)
        out.body = arena_slice(a, asked->body);
    return out;
}

static enum rc choose(struct purchase *p, struct money *least,
                      const struct purchase_want *want)
{
    const struct buyer *b = p->buyer;
    const uint64_t now_us = clock_wall_us();
    const struct buyer_terms terms = {.payments = want->payments,
                                      .max = want->max,
                                      .url = want->url,
                                      .body = want->body,
                                      .now_us = now_us};
    struct buyer_asked kept;
    enum rc rc;

    TRY(arena_open(&p->arena, ARENA_MAX));
    kept = keep_asked(want->asked, p->arena);
    if (arena_spent(p->arena))
        return RC_NOMEM;
    rc = buyer_choose(&p->deal, &kept, &terms, p->arena);
    if (rc == RC_LIMIT)
        *least = p->deal.amount;
    TRY(rc);
    return buyer_pay(&p->deal, signer_address(b->signer, b->key), now_us);
}

/* What the book keeps: hosts are compared as DNS does. */
static void fill_record(struct wallet_purchase *w, const struct purchase *p,
                        const struct purchase_want *want)
{
    const struct slice host = buyer_host(want->url);
    const struct config_buyer *caps = &want->payments->buyer;

    *w = (struct wallet_purchase){.request = want->request,
                                  .wallet = want->wallet,
                                  .amount = p->deal.amount,
                                  .day_cap = caps->max_per_day,
                                  .host_cap = caps->max_per_host_day};
    (void)snprintf(w->host, sizeof(w->host), "%.*s", SLICE_FMT(host));
    for (char *c = w->host; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    x402_network_print(w->network, p->deal.offer.chain_id);
}

/* Booking and signing -----------------------------------------------------------------
 */

static void come_home(struct purchase *p, enum rc rc)
{
    p->rc = rc;
    inbox_post(p->inbox, &p->message);
}

/* On the signer's thread. */
static void is_signed(struct signer_job *job)
{
    struct purchase *p =
        (struct purchase *)(void *)((char *)job - offsetof(struct purchase, job));

    come_home(p, job->rc);
}

/* On the writer's thread, or at once. */
static void is_booked(struct wallet_purchase_step *step)
{
    struct purchase *p =
        (struct purchase *)(void *)((char *)step - offsetof(struct purchase, step));

    if (step->rc != RC_OK) {
        come_home(p, step->rc);
        return;
    }
    p->job = (struct signer_job){.key = p->buyer->key,
                                 .offer = &p->deal.offer,
                                 .payment = &p->deal.payment,
                                 .arena = p->arena,
                                 .done = is_signed};
    signer_submit(p->buyer->signer, &p->job);
}

static void is_ended(struct wallet_purchase_step *step)
{
    struct purchase *p =
        (struct purchase *)(void *)((char *)step - offsetof(struct purchase, step));

    if (step->rc != RC_OK)
        log_event(LOG_ERROR, "a purchase could not be ended: it stays on its caps",
                  LOG_STR("host", step->p.host), LOG_STR("rc", rc_reason(step->rc)));
    purchase_free(p);
}

static void was_not_signed(struct wallet_purchase_step *step)
{
    struct purchase *p =
        (struct purchase *)(void *)((char *)step - offsetof(struct purchase, step));

    inbox_post(p->inbox, &p->message);
}

static void tell(struct inbox_message *m)
{
    struct purchase *p =
        (struct purchase *)(void *)((char *)m - offsetof(struct purchase, message));

    p->done(p->arg);
}

static void end_step(struct purchase *p, bool paid, const char *reference,
                     void (*done)(struct wallet_purchase_step *))
{
    p->step.p.state = paid ? WALLET_PURCHASE_PAID : WALLET_PURCHASE_LAPSED;
    (void)snprintf(p->step.p.reference, sizeof(p->step.p.reference), "%s", reference);
    p->step.done = done;
    wallet_purchase_end(p->buyer->book, &p->step);
}

/* On the owner's thread. */
static void home(struct inbox_message *m)
{
    struct purchase *p =
        (struct purchase *)(void *)((char *)m - offsetof(struct purchase, message));

    m->run = tell;
    if (p->rc == RC_OK)
        p->rc = buyer_print(&p->header, &p->deal, p->arena);
    if (p->rc == RC_OK || p->step.rc != RC_OK) {
        p->done(p->arg);
        return;
    }
    /* Booked, but there is no payment: the caps get it back before the owner knows. */
    end_step(p, false, "", was_not_signed);
}

enum rc purchase_start(struct purchase **out, struct money *least,
                       const struct buyer *b, const struct purchase_want *want)
{
    struct purchase *p = calloc(1, sizeof(*p));
    enum rc rc;

    *least = MONEY_ZERO;
    if (p == NULL)
        return RC_NOMEM;
    p->buyer = b;
    p->inbox = want->inbox;
    p->message.run = home;
    p->done = want->done;
    p->arg = want->arg;
    rc = choose(p, least, want);
    if (rc != RC_OK) {
        purchase_free(p);
        return rc;
    }
    fill_record(&p->step.p, p, want);
    p->step.done = is_booked;
    *out = p;
    wallet_purchase_begin(b->book, &p->step);
    return RC_OK;
}

/* Afterwards --------------------------------------------------------------------------
 */

enum rc purchase_rc(const struct purchase *p)
{
    return p->rc;
}

struct http_header purchase_header(const struct purchase *p)
{
    return p->header;
}

struct money purchase_amount(const struct purchase *p)
{
    return p->deal.amount;
}

enum buyer_way purchase_way(const struct purchase *p)
{
    return p->deal.way;
}

const char *purchase_network(const struct purchase *p)
{
    return p->step.p.network;
}

void purchase_receipt(struct buyer_receipt *out, struct purchase *p,
                      const struct http_header *headers, size_t count)
{
    buyer_receipt(out, &p->deal, headers, count, p->arena);
}

void purchase_end(struct purchase *p, enum purchase_outcome outcome,
                  const char *reference)
{
    if (p == NULL)
        return;
    if (p->rc != RC_OK || outcome == PURCHASE_OPEN) {
        purchase_free(p);
        return;
    }
    end_step(p, outcome == PURCHASE_PAID, reference, is_ended);
}

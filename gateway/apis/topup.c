/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/wallet/topup?amount=: money into a wallet, paid in the call itself. With an
 * API key beside the payment it goes to the key's wallet, or to its root, which holds
 * the money. Without one a new wallet is opened, once the payment is settled, and its
 * key is in this answer and nowhere else. No payment ever opens a wallet that exists:
 * who holds a payment that was seen on its way would have the wallet. */
#include "base/json.h"
#include "base/secret.h"
#include "gateway/api.h"
#include "gateway/clerk.h"
#include "gateway/path.h"
#include "gateway/pay_call.h"
#include "gateway/request.h"

#include <stdio.h>
#include <string.h>

#define MIN_NANO UINT64_C(1000)           /* the smallest unit of most tokens */
#define MAX_NANO UINT64_C(10000000000000) /* 10,000 USD: more is an operator's */

enum {
    BODY_MAX = 4096
};

struct topup {
    struct request *request;
    struct clerk_job job;
    struct inbox_message message;
    bool asked; /* the clerk */
};

static enum rc plan(struct request *r)
{
    struct slice text = path_query_value(r->http->query, "amount");
    struct money amount;

    if (money_parse(&amount, text) != RC_OK || money_to_nano(amount) < MIN_NANO ||
        money_to_nano(amount) > MAX_NANO)
        return request_fault(r, RC_BAD_INPUT, "amount",
                             "'amount' must be decimal USD, from 0.000001 to 10000.");
    r->quote.worst = amount;
    r->quote.subject = SLICE("topup");
    r->quote.flow = CONFIG_UPFRONT;
    if (r->identified)
        r->topup_target = r->caller.root;
    return r->identified || r->worker->clerk != NULL ? RC_OK : RC_BUSY;
}

/* ---- A new wallet ---- */

static void job_message(struct inbox_message *m)
{
    struct topup *t =
        (struct topup *)(void *)((char *)m - offsetof(struct topup, message));

    t->request->money_busy = false;
    request_run(t->request);
}

/* On the clerk's thread, or on ours. */
static void job_done(struct clerk_job *j)
{
    struct topup *t = (struct topup *)(void *)((char *)j - offsetof(struct topup, job));

    t->message.run = job_message;
    inbox_post(loop_inbox(t->request->worker->loop), &t->message);
}

static enum step open_wallet(struct request *r)
{
    struct topup *t = r->api_state;

    if (t != NULL) {
        r->rc = t->job.rc;
        if (t->job.rc == RC_OK)
            r->topup_target = t->job.wallet.id;
        return STEP_ON;
    }
    t = arena_new(r->arena, struct topup);
    if (t == NULL) {
        r->rc = RC_NOMEM;
        return STEP_ON;
    }
    t->request = r;
    (void)snprintf(t->job.name, sizeof(t->job.name), "topup %s", r->id_text);
    t->job.done = job_done;
    r->api_state = t;
    r->money_busy = true;
    clerk_submit(r->worker->clerk, &t->job);
    return STEP_WAIT;
}

static void close_state(struct request *r)
{
    struct topup *t = r->api_state;

    secret_wipe(t->job.key, sizeof(t->job.key));
}

/* ---- The answer ---- */

static void print_id(struct json_out *o, const char *key, char kind, struct id id)
{
    char text[WALLET_ID_TEXT_SIZE];

    wallet_id_print(text, kind, id);
    json_out_kstr(o, key, text);
}

static void finish(struct request *r)
{
    const struct pay_call *c = r->pay_state;
    const struct topup *t = r->api_state;
    struct json_out o;
    struct buf b;

    buf_init(&b, BODY_MAX);
    json_out_init(&o, &b);
    json_out_object(&o);
    print_id(&o, "wallet", 'w', r->topup_target);
    if (t != NULL)
        json_out_kstr(&o, "key", t->job.key);
    json_out_kmoney(&o, "amount", c->job.credited);
    json_out_kmoney(&o, "balance", c->job.balance);
    print_id(&o, "transfer", 't', wallet_payment_credit(&c->job.payment_now));
    json_out_end_object(&o);
    answer_slot_free(r->slot); /* a key is told once */
    r->slot = NULL;
    r->hold.balance = c->job.balance;
    request_header(r, "Cache-Control", SLICE("no-store"));
    request_money_headers(r);
    request_reply(r, 200, "application/json", buf_slice(&b));
    buf_wipe(&b);
}

static const struct api_route routes[] = {
    {"POST", "/v1/wallet/topup"},
    {NULL, NULL},
};

extern const struct api api_topup;
const struct api api_topup = {
    .name = "topup",
    .dialect = DIALECT_PROBLEM,
    .flags = API_PRICED | API_FLAT | API_TOPUP,
    .routes = routes,
    .plan = plan,
    .open = open_wallet,
    .finish = finish,
    .close = close_state,
};

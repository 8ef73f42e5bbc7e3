/* SPDX-License-Identifier: Apache-2.0 */
/* /healthz: the process turns. /readyz: it can take a paid call. Whether a network's
 * payments can be taken is told, but does not count: keys are served without any. */
#include "gateway/api.h"
#include "gateway/config_payments.h"
#include "gateway/request.h"

#include "base/json.h"
#include "gateway/settle/cashier.h"

static void print_config(struct json_out *o, const struct config *c)
{
    json_out_key(o, "config");
    json_out_object(o);
    json_out_ku64(o, "generation", c->generation);
    json_out_key(o, "loaded_at");
    json_out_time(o, c->loaded_us);
    json_out_kstr(o, "hash", c->hash);
    json_out_end_object(o);
}

/* Whether every token of the chain can be taken. */
static bool is_up(const struct worker *w, const struct config_payments *p,
                  uint64_t chain_id)
{
    bool up = w->cashier != NULL;

    for (size_t i = 0; i < p->network_count && up; i++)
        up = p->networks[i].chain_id != chain_id ||
             cashier_is_up(w->cashier, &p->networks[i]);
    return up;
}

static bool is_told(const struct config_payments *p, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (p->networks[i].chain_id == p->networks[index].chain_id)
            return true;
    return false;
}

static void print_payments(struct json_out *o, const struct request *r)
{
    const struct config_payments *p = r->config->payments;
    char name[X402_NETWORK_TEXT_SIZE];

    if (p->network_count == 0)
        return;
    json_out_key(o, "payments");
    json_out_object(o);
    for (size_t i = 0; i < p->network_count; i++) {
        if (is_told(p, i))
            continue;
        x402_network_print(name, p->networks[i].chain_id);
        json_out_kstr(o, name,
                      is_up(r->worker, p, p->networks[i].chain_id) ? "up" : "down");
    }
    json_out_end_object(o);
}

static void serve_ready(struct request *r)
{
    const struct worker *w = r->worker;
    struct ledger_stats stats;
    struct json_out o;
    struct buf b;
    bool ready;

    ledger_stats(w->ledger, &stats);
    ready = !w->draining && !stats.refusing_holds && !stats.failing;
    buf_init(&b, 4096);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kbool(&o, "ready", ready);
    json_out_kstr(&o, "ledger",
                  stats.failing          ? "failing"
                  : stats.refusing_holds ? "full"
                                         : "ok");
    json_out_kbool(&o, "draining", w->draining);
    print_config(&o, r->config);
    print_payments(&o, r);
    json_out_end_object(&o);
    request_reply(r, ready ? 200 : 503, "application/json", buf_slice(&b));
    buf_free(&b);
}

static void serve(struct request *r)
{
    if (slice_equal(r->http->path, SLICE("/readyz")))
        serve_ready(r);
    else
        request_reply(r, 200, "application/json", SLICE("{\"status\":\"ok\"}"));
}

static const struct api_route routes[] = {
    {"GET", "/healthz"},
    {"GET", "/readyz"},
    {NULL, NULL},
};

extern const struct api api_ops;
const struct api api_ops = {
    .name = "ops",
    .dialect = DIALECT_PROBLEM,
    .routes = routes,
    .serve = serve,
};

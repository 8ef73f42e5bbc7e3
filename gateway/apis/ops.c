/* SPDX-License-Identifier: Apache-2.0 */
/* /healthz: the process turns. /readyz: it can take a paid call. */
#include "gateway/api.h"
#include "gateway/request.h"

#include "base/json.h"

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

/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's view of the configuration: what is served, at which price, and by
 * which version of the file. */
#include "gateway/admin_int.h"

#include "base/metric.h"
#include "gateway/config.h"
#include "gateway/metrics.h"

#include <string.h>

typedef void print_fn(struct json_out *o, const struct config *c);

static enum rc with_config(struct admin_call *c, print_fn *print)
{
    const struct config *config;

    if (c->admin->config == NULL)
        return admin__refuse(c, RC_NOT_FOUND, NULL, "there is no configuration here");
    config = config_cell_get(c->admin->config);
    print(&c->out, config);
    config_unref(config);
    return RC_OK;
}

static void begin_list(struct json_out *o)
{
    json_out_object(o);
    json_out_key(o, "items");
    json_out_array(o);
}

static void end_list(struct json_out *o)
{
    json_out_end_array(o);
    json_out_key(o, "next");
    json_out_null(o);
    json_out_end_object(o);
}

/* ---- Models ---- */

static void put_price(struct json_out *o, const struct config_price *p)
{
    json_out_kmoney(o, "input", p->base.of[PRICE_INPUT]);
    json_out_kmoney(o, "cached_input", p->base.of[PRICE_CACHED_INPUT]);
    json_out_kmoney(o, "cache_write", p->base.of[PRICE_CACHE_WRITE]);
    json_out_kmoney(o, "output", p->base.of[PRICE_OUTPUT]);
    json_out_ku64(o, "markup_ppm", p->markup_ppm);
    json_out_kstr(o, "version", p->version);
}

static void put_target(struct json_out *o, const struct config_target *t)
{
    json_out_object(o);
    json_out_kstr(o, "provider", t->provider->name);
    json_out_kstr(o, "model", t->model);
    json_out_key(o, "weight");
    if (t->weight > 0)
        json_out_u64(o, t->weight);
    else
        json_out_null(o);
    json_out_end_object(o);
}

static void put_model(struct json_out *o, const struct config_model *m)
{
    json_out_object(o);
    json_out_kstr(o, "name", m->name);
    json_out_key(o, "targets");
    json_out_array(o);
    for (size_t i = 0; i < m->target_count; i++)
        put_target(o, &m->targets[i]);
    json_out_end_array(o);
    json_out_key(o, "price");
    if (m->priced) {
        json_out_object(o);
        put_price(o, &m->price);
        json_out_end_object(o);
    } else {
        json_out_null(o);
    }
    json_out_ku64(o, "context_tokens", m->context_tokens);
    json_out_ku64(o, "max_output_tokens", m->max_output_tokens);
    json_out_ku64(o, "hold_output_tokens", m->hold_output_tokens);
    json_out_kbool(o, "strict_hold", m->strict_hold);
    json_out_kbool(o, "require_parameters", m->require_parameters);
    json_out_end_object(o);
}

static void print_models(struct json_out *o, const struct config *c)
{
    begin_list(o);
    for (size_t i = 0; i < c->model_count; i++)
        put_model(o, &c->models[i]);
    end_list(o);
}

static enum rc serve_models(struct admin_call *c)
{
    return with_config(c, print_models);
}

/* ---- Prices ---- */

static void put_model_price(struct json_out *o, const struct config_model *m)
{
    json_out_object(o);
    json_out_kstr(o, "kind", "model");
    json_out_kstr(o, "name", m->name);
    json_out_kstr(o, "unit", "USD per million tokens");
    json_out_kbool(o, "priced", m->priced);
    if (m->priced)
        put_price(o, &m->price);
    json_out_end_object(o);
}

static void put_endpoint_price(struct json_out *o, const char *api,
                               const struct config_endpoint *e)
{
    json_out_object(o);
    json_out_kstr(o, "kind", "api");
    json_out_kstr(o, "name", api);
    json_out_kstr(o, "method", e->method);
    json_out_kstr(o, "path", e->path);
    json_out_kstr(o, "unit", e->at_cost ? "USD per call, at most" : "USD per call");
    json_out_kbool(o, "priced", e->priced);
    if (e->priced) {
        json_out_kmoney(o, "price", e->price);
        json_out_kstr(o, "charge", e->charge_always ? "always" : "success");
        json_out_kstr(o, "version", e->version);
    }
    json_out_end_object(o);
}

static void print_prices(struct json_out *o, const struct config *c)
{
    begin_list(o);
    for (size_t i = 0; i < c->model_count; i++)
        put_model_price(o, &c->models[i]);
    for (size_t i = 0; i < c->data_api_count; i++)
        for (size_t k = 0; k < c->data_apis[i].endpoint_count; k++)
            put_endpoint_price(o, c->data_apis[i].name, &c->data_apis[i].endpoints[k]);
    end_list(o);
}

static enum rc serve_prices(struct admin_call *c)
{
    return with_config(c, print_prices);
}

/* ---- The file itself ---- */

static void print_effective(struct json_out *o, const struct config *c)
{
    config_print(o->to, c, true);
}

static enum rc serve_effective(struct admin_call *c)
{
    return with_config(c, print_effective);
}

static void print_state(struct json_out *o, const struct config *c)
{
    json_out_object(o);
    json_out_ku64(o, "generation", c->generation);
    json_out_key(o, "loaded_at");
    json_out_time(o, c->loaded_us);
    json_out_kstr(o, "hash", c->hash);
    json_out_kstr(o, "path", c->path);
    json_out_end_object(o);
}

static enum rc reload(struct admin_call *c, struct buf *faults)
{
    enum rc rc = config_cell_reload(c->admin->config, faults);

    metric_set(metrics.config_reload_success, rc == RC_OK);
    if (rc != RC_OK)
        return admin__refuse(c, rc, NULL, "the old configuration stays:\n%.*s",
                             SLICE_FMT(slice_trim(buf_slice(faults))));
    return with_config(c, print_state);
}

static enum rc serve_reload(struct admin_call *c)
{
    struct buf faults;
    enum rc rc;

    if (c->admin->config == NULL || c->admin->started_us == 0)
        return admin__refuse(c, RC_UNREACHABLE, NULL,
                             "no daemon runs: it will read the file when it starts");
    buf_init(&faults, 65536);
    rc = reload(c, &faults);
    buf_free(&faults);
    return rc;
}

static enum rc serve_version(struct admin_call *c)
{
    struct json_out *o = &c->out;

    json_out_object(o);
    json_out_kstr(o, "version", OCTROI_VERSION);
    json_out_key(o, "started_at");
    json_out_time(o, c->admin->started_us);
    json_out_key(o, "config");
    if (c->admin->config != NULL)
        TRY(with_config(c, print_state));
    else
        json_out_null(o);
    json_out_end_object(o);
    return RC_OK;
}

/* clang-format off */
const struct admin_route admin__config_routes[] = {
    {"GET", "/admin/v1/models", serve_models, NULL},
    {"GET", "/admin/v1/prices", serve_prices, NULL},
    {"GET", "/admin/v1/config", serve_effective, NULL},
    {"POST", "/admin/v1/config/reload", serve_reload, ""},
    {"GET", "/admin/v1/version", serve_version, NULL},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's prices: what calls cost and whose word that is, and the operator's
 * own prices, which count from the next call on. */
#include "gateway/admin_int.h"

#include "base/clock.h"
#include "gateway/config.h"
#include "gateway/config_diff.h"
#include "gateway/overrides.h"
#include "gateway/price.h"

#include <assert.h>
#include <pthread.h>

enum {
    FAULTS_MAX = 65536
};

/* ---- Showing ---- */

static void put_rates(struct json_out *o, const struct price_rates *r)
{
    for (unsigned i = 0; i < PRICE_RATE_COUNT; i++)
        json_out_kmoney(o, price_rate_name(i), r->of[i]);
}

/* In the members that a price is written in. */
static void put_tiers(struct json_out *o, const struct config_price *p, uint64_t above)
{
    json_out_key(o, "tiers");
    json_out_object(o);
    for (size_t i = 0; i < p->band_count; i++) {
        const struct price_band *b = &p->bands[i];

        if (b->tier == USAGE_STANDARD || b->above_tokens != above)
            continue;
        json_out_key(o, price_tier_name(b->tier));
        json_out_object(o);
        put_rates(o, &b->rates);
        json_out_end_object(o);
    }
    json_out_end_object(o);
}

static void put_steps(struct json_out *o, const struct config_price *p)
{
    json_out_key(o, "above");
    json_out_array(o);
    for (uint64_t above = price_next_step(p, 0); above > 0;
         above = price_next_step(p, above)) {
        json_out_object(o);
        json_out_ku64(o, "tokens", above);
        for (size_t i = 0; i < p->band_count; i++)
            if (p->bands[i].tier == USAGE_STANDARD && p->bands[i].above_tokens == above)
                put_rates(o, &p->bands[i].rates);
        put_tiers(o, p, above);
        json_out_end_object(o);
    }
    json_out_end_array(o);
}

void admin__put_price(struct json_out *o, const struct config_price *p)
{
    put_rates(o, &p->base);
    json_out_kmoney(o, "web_search", p->web_search);
    json_out_kmoney(o, "request", p->request);
    put_tiers(o, p, 0);
    put_steps(o, p);
    json_out_ku64(o, "markup_ppm", p->markup_ppm);
    json_out_kstr(o, "version", p->version);
    json_out_kstr(o, "source", price_source_name(p->source));
    json_out_key(o, "from");
    json_out_time(o, p->from_us);
}

static void put_model_price(struct json_out *o, const struct config_model *m)
{
    const struct config_price *p = price_at(m, clock_wall_us());
    const struct config_price *next = p != NULL ? p->next : m->price.next;

    json_out_object(o);
    json_out_kstr(o, "kind", "model");
    json_out_kstr(o, "name", m->name);
    json_out_kstr(o, "unit", "USD per million tokens");
    json_out_kbool(o, "priced", p != NULL);
    if (p != NULL)
        admin__put_price(o, p);
    json_out_key(o, "upcoming");
    json_out_array(o);
    for (; next != NULL; next = next->next) {
        json_out_object(o);
        admin__put_price(o, next);
        json_out_end_object(o);
    }
    json_out_end_array(o);
    json_out_end_object(o);
}

static void put_extras(struct json_out *o, const struct config_endpoint *e)
{
    const struct config_unit *u = &e->unit;

    if (u->of != CONFIG_UNIT_NONE) {
        json_out_kmoney(o, "most", e->most);
        json_out_key(o, "units");
        json_out_object(o);
        json_out_kstr(o, "of", config_unit_name(u));
        json_out_kmoney(o, "price", u->price);
        json_out_ku64(o, "per", u->per);
        json_out_ku64(o, "max", u->max);
        json_out_end_object(o);
    }
    if (e->free.calls > 0) {
        json_out_key(o, "free");
        json_out_object(o);
        json_out_ku64(o, "calls", e->free.calls);
        json_out_kstr(o, "per", e->free.per_day ? "day" : "month");
        json_out_end_object(o);
    }
    if (e->tier_count == 0)
        return;
    json_out_key(o, "tiers");
    json_out_array(o);
    for (size_t i = 0; i < e->tier_count; i++) {
        json_out_object(o);
        json_out_ku64(o, "from", e->tiers[i].from);
        json_out_kmoney(o, "price", e->tiers[i].price);
        json_out_end_object(o);
    }
    json_out_end_array(o);
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
        json_out_kstr(o, "charge", config_charge_name(e->charge));
        json_out_kstr(o, "version", e->version);
        put_extras(o, e);
    }
    json_out_kstr(o, "source", "config");
    json_out_end_object(o);
}

static void print_prices(struct json_out *o, const struct config *c)
{
    admin__list_begin(o);
    for (size_t i = 0; i < c->model_count; i++)
        put_model_price(o, &c->models[i]);
    for (size_t i = 0; i < c->data_api_count; i++)
        for (size_t k = 0; k < c->data_apis[i].endpoint_count; k++)
            put_endpoint_price(o, c->data_apis[i].name, &c->data_apis[i].endpoints[k]);
    admin__list_end(o);
}

static enum rc serve_prices(struct admin_call *c)
{
    return admin__with_config(c, print_prices);
}

/* ---- Setting ---- */

/* One edit at a time, else the later of two would write what the earlier had not seen.
 * Admin threads only, which may wait. */
static pthread_mutex_t edit_lock = PTHREAD_MUTEX_INITIALIZER;

/* Whether the operator's word can count for this model. It can always be dropped. */
static enum rc check_model(struct admin_call *c, const struct config *config,
                           const struct override *o)
{
    const struct slice name = o->model;
    const struct config_model *m = config_model(config, name);

    if (o->price.len == 0)
        return RC_OK;
    if (m == NULL)
        return admin__refuse(c, RC_NOT_FOUND, "model", "there is no model '%.*s'",
                             SLICE_FMT(slice_sub(name, 0, 128)));
    if (m->priced && m->price.source == PRICE_BY_CONFIG)
        return admin__refuse(c, RC_CONFLICT, "model",
                             "'%s' has a 'price' in the configuration, which stands "
                             "over this one: change it there, or take it out",
                             m->name);
    return RC_OK;
}

/* Faults, without the warnings that stand behind them. */
static struct slice only_faults(struct slice said)
{
    size_t end = slice_search(said, SLICE("\nwarning: "));

    return slice_starts(said, SLICE("warning: ")) ? SLICE_NONE
                                                  : slice_sub(said, 0, end);
}

/* The new text counts, or the old one is there again. A text that cannot be read is not
 * written at all: whatever ends this process here, the next one must start. */
static enum rc apply(struct admin_call *c, const char *data_dir, struct slice old,
                     struct slice text, struct buf *faults)
{
    enum rc rc = config_price_check(text, "prices.json", faults);

    if (rc == RC_BAD_INPUT)
        return admin__refuse(c, rc, "price", "nothing was changed:\n%.*s",
                             SLICE_FMT(slice_trim(buf_slice(faults))));
    TRY(rc);
    rc = overrides_write(data_dir, text);
    if (rc != RC_OK)
        return admin__refuse(c, rc, NULL, "cannot write %s/prices.json", data_dir);
    rc = config_cell_reload(c->admin->config, faults);
    if (rc == RC_OK)
        return RC_OK;
    rc = admin__refuse(c, rc, NULL, "nothing was changed:\n%.*s",
                       SLICE_FMT(only_faults(buf_slice(faults))));
    if (overrides_write(data_dir, old) != RC_OK)
        rc = admin__refuse(c, RC_IO, NULL, "cannot put %s/prices.json back as it was",
                           data_dir);
    return rc;
}

static enum rc edit_as(struct admin_call *c, const char *data_dir,
                       const struct override *o, size_t *dropped)
{
    struct buf old, text, faults;
    enum rc rc;

    buf_init(&faults, FAULTS_MAX);
    buf_init(&old, OVERRIDES_MAX + 4096);
    buf_init(&text, (size_t)2 * OVERRIDES_MAX);
    rc = overrides_read(&old, data_dir);
    if (rc == RC_OK)
        rc = overrides_edit(&text, dropped, buf_slice(&old), o);
    if (rc == RC_BAD_INPUT)
        rc = admin__refuse(c, RC_CONFLICT, NULL,
                           "%s/prices.json is not as this command writes it: edit it "
                           "by hand, then `octroi config reload`",
                           data_dir);
    else if (rc != RC_OK)
        rc = admin__refuse(c, rc, NULL, "cannot change %s/prices.json", data_dir);
    else if (o->price.len > 0 || *dropped > 0)
        rc = apply(c, data_dir, buf_slice(&old), buf_slice(&text), &faults);
    buf_free(&faults);
    buf_free(&old);
    buf_free(&text);
    return rc;
}

static void print_one(struct admin_call *c, struct slice name)
{
    const struct config *config = config_cell_get(c->admin->config);
    const struct config_model *m = config_model(config, name);
    const struct config_model gone = {.name =
                                          arena_copy(c->arena, name.bytes, name.len)};

    put_model_price(&c->out, m != NULL ? m : &gone);
    config_unref(config);
}

static enum rc edit(struct admin_call *c, const struct override *o)
{
    const struct config *config;
    size_t dropped = 0;
    enum rc rc;
    int error;

    if (c->admin->config == NULL)
        return admin__refuse(c, RC_NOT_FOUND, NULL, "there is no configuration here");
    error = pthread_mutex_lock(&edit_lock);
    assert(error == 0);
    config = config_cell_get(c->admin->config);
    rc = check_model(c, config, o);
    if (rc == RC_OK)
        rc = edit_as(c, config->data_dir, o, &dropped);
    config_unref(config);
    if (rc == RC_OK && o->price.len == 0 && dropped == 0)
        rc = admin__refuse(c, RC_NOT_FOUND, "model", "no price of '%.*s' was set",
                           SLICE_FMT(slice_sub(o->model, 0, 128)));
    if (rc == RC_OK)
        print_one(c, o->model);
    error = pthread_mutex_unlock(&edit_lock);
    assert(error == 0);
    return rc;
}

static enum rc serve_set(struct admin_call *c)
{
    struct override o = {.from = SLICE_NONE};
    uint64_t unused;

    TRY(admin__body_text(&o.model, c, "model", true));
    TRY(admin__body_text(&o.from, c, "from", false));
    if (o.from.len > 0 && clock_parse(&unused, o.from) != RC_OK)
        return admin__refuse(c, RC_BAD_INPUT, "from",
                             "'from' must be a time such as 2030-01-01T00:00:00Z");
    if (json_raw_member(&o.price, c->request->body, "price") != JSON_OBJECT)
        return admin__refuse(c, RC_BAD_INPUT, "price",
                             "'price' must be an object such as {\"input\":\"1.25\","
                             "\"output\":\"10\"}, in USD per million tokens");
    return edit(c, &o);
}

static enum rc serve_clear(struct admin_call *c)
{
    struct override o = {.price = SLICE_NONE};
    enum rc rc = admin__query(&o.model, c, "model");

    if (rc == RC_NOT_FOUND)
        return admin__refuse(c, RC_BAD_INPUT, "model", "'model' is missing");
    TRY(rc);
    return edit(c, &o);
}

/* clang-format off */
const struct admin_route admin__price_routes[] = {
    {"GET", "/admin/v1/prices", serve_prices, NULL},
    {"PUT", "/admin/v1/prices", serve_set, "model,from,price"},
    {"DELETE", "/admin/v1/prices", serve_clear, NULL},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

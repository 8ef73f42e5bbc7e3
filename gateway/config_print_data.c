/* SPDX-License-Identifier: Apache-2.0 */
/* A data API as an entry of `data_apis`. */
#include "gateway/config_int.h"
#include "gateway/config_writer.h"

#include <stdio.h>

enum {
    NUMBER_SIZE = 32
};

static void print_charge(struct config__printer *p, const struct config_endpoint *e)
{
    char text[NUMBER_SIZE];

    if (e->charge != CONFIG_CHARGE_LISTED) {
        config__put_ktext(p, "charge", config_charge_name(e->charge));
        return;
    }
    config__put_key(p, "charge");
    config__open_list(p);
    for (size_t i = 0; i < e->charge_count; i++) {
        const struct config_statuses *s = &e->charges[i];

        if (s->from == s->to)
            (void)snprintf(text, sizeof(text), "%u", s->from);
        else
            (void)snprintf(text, sizeof(text), "%uxx", s->from / 100);
        config__begin_item(p);
        config__put_text(p, text);
    }
    config__close_list(p);
}

static void print_unit(struct config__printer *p, const struct config_unit *u)
{
    if (u->of == CONFIG_UNIT_NONE)
        return;
    config__put_key(p, "unit");
    config__open_mapping(p);
    config__put_ktext(p, "of", config_unit_name(u));
    config__put_kmoney(p, "price", u->price);
    config__put_ku64(p, "per", u->per);
    config__put_ku64(p, "max", u->max);
    config__close_mapping(p);
}

static void print_quotas(struct config__printer *p, const struct config_endpoint *e)
{
    if (e->free.calls > 0) {
        config__put_key(p, "free");
        config__open_mapping(p);
        config__put_ku64(p, "calls", e->free.calls);
        config__put_ktext(p, "per", e->free.per_day ? "day" : "month");
        config__close_mapping(p);
    }
    if (e->tier_count == 0)
        return;
    config__put_key(p, "tiers");
    config__open_list(p);
    for (size_t i = 0; i < e->tier_count; i++) {
        config__begin_item(p);
        config__open_mapping(p);
        config__put_ku64(p, "from", e->tiers[i].from);
        config__put_kmoney(p, "price", e->tiers[i].price);
        config__close_mapping(p);
    }
    config__close_list(p);
}

static void print_call_limits(struct config__printer *p,
                              const struct config_endpoint *e)
{
    static const char *const bodies[] = {[CONFIG_BODY_ANY] = "any",
                                         [CONFIG_BODY_NONE] = "none",
                                         [CONFIG_BODY_JSON] = "json"};

    if (e->max_query_bytes != UINT64_MAX)
        config__put_ku64(p, "max_query_bytes", e->max_query_bytes);
    if (e->max_body_bytes != UINT64_MAX)
        config__put_ku64(p, "max_body_bytes", e->max_body_bytes);
    if (e->body != CONFIG_BODY_ANY)
        config__put_ktext(p, "body", bodies[e->body]);
    if (e->cache_ms > 0)
        config__put_kspan(p, "cache", e->cache_ms);
}

static void print_endpoint(struct config__printer *p, const struct config_data_api *api,
                           const struct config_endpoint *e)
{
    config__begin_item(p);
    config__open_mapping(p);
    config__put_ktext(p, "method", e->method);
    config__put_ktext(p, "path", e->path);
    config__put_ktext(p, "description", e->description);
    if (e->at_cost)
        config__put_kpercent(p, "markup", e->markup_ppm);
    else if (e->priced)
        config__put_kmoney(p, "price", e->price);
    if (api->buys && e->priced)
        config__put_kmoney(p, "max_price", e->max_price);
    print_unit(p, &e->unit);
    print_quotas(p, e);
    print_charge(p, e);
    config__put_ktext(p, "payment_flow", e->flow == CONFIG_AFTER ? "after" : "upfront");
    config__put_ktexts(p, "pass_headers", e->pass_headers, e->pass_count);
    print_call_limits(p, e);
    config__put_kjson(p, "input", e->input_schema);
    config__put_kjson(p, "example", e->example);
    config__close_mapping(p);
}

static void print_auth(struct config__printer *p, const struct config_data_api *api)
{
    if (api->auth_value == NULL && !api->buys)
        return;
    config__put_key(p, "auth");
    config__open_mapping(p);
    if (api->auth_user != NULL) {
        config__put_key(p, "basic");
        config__open_mapping(p);
        config__put_ktext(p, "user", api->auth_user);
        config__put_ktext(p, "password", CONFIG__HIDDEN);
        config__close_mapping(p);
    } else {
        config__put_ktext(p, "header", api->auth_header);
        config__put_ktext(p, "query", api->auth_query);
        config__put_ktext(p, "value", api->auth_value != NULL ? CONFIG__HIDDEN : NULL);
    }
    if (api->buys) {
        config__put_key(p, "x402");
        config__put_word(p, "{}");
    }
    config__close_mapping(p);
}

void config__print_data_api(struct config__printer *p,
                            const struct config_data_api *api)
{
    config__put_name(p, api->name);
    config__open_mapping(p);
    config__put_ktext(p, "base_url", api->base_url);
    config__put_kbool(p, "allow_private", api->allow_private);
    print_auth(p, api);
    config__put_kspan(p, "first_byte_timeout", api->first_byte_timeout_ms);
    config__put_kspan(p, "idle_timeout", api->idle_timeout_ms);
    config__put_key(p, "endpoints");
    config__open_list(p);
    for (size_t i = 0; i < api->endpoint_count; i++)
        print_endpoint(p, api, &api->endpoints[i]);
    config__close_list(p);
    config__close_mapping(p);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's view of the models: which are served, by whom, what they can and
 * cost; and asking the providers for theirs. */
#include "gateway/admin_int.h"

#include "gateway/catalog.h"
#include "gateway/config.h"
#include "gateway/provider.h"
#include "gateway/scout.h"

#include <string.h>

enum {
    REPORT_MAX = ADMIN_REPLY_MAX / 2
};

/* The list ---------------------------------------------------------------------------
 */

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

/* null: nothing is known of what it can. */
static void put_caps(struct json_out *o, const struct config_model *m)
{
    json_out_key(o, "capabilities");
    if (!m->caps_known && m->caps == 0) {
        json_out_null(o);
        return;
    }
    json_out_array(o);
    for (unsigned i = 0; catalog_cap_name(i) != NULL; i++)
        if ((m->caps & 1u << i) != 0)
            json_out_str(o, catalog_cap_name(i));
    json_out_end_array(o);
}

static void put_model(struct json_out *o, const struct config_model *m)
{
    json_out_object(o);
    json_out_kstr(o, "name", m->name);
    json_out_kstr(o, "source", m->found ? "discovered" : "config");
    json_out_key(o, "targets");
    json_out_array(o);
    for (size_t i = 0; i < m->target_count; i++)
        put_target(o, &m->targets[i]);
    json_out_end_array(o);
    json_out_key(o, "price");
    if (m->priced) {
        json_out_object(o);
        admin__put_price(o, &m->price);
        json_out_end_object(o);
    } else {
        json_out_null(o);
    }
    json_out_ku64(o, "context_tokens", m->context_tokens);
    json_out_ku64(o, "max_output_tokens", m->max_output_tokens);
    json_out_ku64(o, "hold_output_tokens", m->hold_output_tokens);
    json_out_kbool(o, "strict_hold", m->strict_hold);
    json_out_kbool(o, "require_parameters", m->require_parameters);
    put_caps(o, m);
    json_out_end_object(o);
}

static void print_models(struct json_out *o, const struct config *c)
{
    admin__list_begin(o);
    for (size_t i = 0; i < c->model_count; i++)
        put_model(o, &c->models[i]);
    admin__list_end(o);
}

static enum rc serve_models(struct admin_call *c)
{
    return admin__with_config(c, print_models);
}

/* Asking -----------------------------------------------------------------------------
 */

static const struct config_provider *find_provider(const struct config *config,
                                                   struct slice name)
{
    for (size_t i = 0; i < config->provider_count; i++)
        if (slice_equal_str(name, config->providers[i].name))
            return &config->providers[i];
    return NULL;
}

static bool anybody_discovers(const struct config *config)
{
    for (size_t i = 0; i < config->provider_count; i++)
        if (config->providers[i].discovers)
            return true;
    return false;
}

/* In words, before anybody is asked. */
static enum rc check_provider(struct admin_call *c, const struct config *config,
                              struct slice name)
{
    const struct config_provider *p = find_provider(config, name);

    if (name.len == 0 && !anybody_discovers(config))
        return admin__refuse(c, RC_NOT_FOUND, "provider",
                             "no provider has 'discover' in the configuration");
    if (name.len == 0)
        return RC_OK;
    if (p == NULL)
        return admin__refuse(c, RC_NOT_FOUND, "provider", "there is no provider '%.*s'",
                             SLICE_FMT(slice_sub(name, 0, 64)));
    if (p->adapter->models == NULL)
        return admin__refuse(c, RC_NOT_FOUND, "provider",
                             "kind '%s' publishes no list of the models that can be "
                             "called: name them under 'models'",
                             p->kind);
    if (!p->discovers)
        return admin__refuse(c, RC_NOT_FOUND, "provider",
                             "provider '%s' has no 'discover' in the configuration",
                             p->name);
    return RC_OK;
}

static enum rc refresh(struct admin_call *c, struct slice name)
{
    struct buf report;
    enum rc rc;

    buf_init(&report, REPORT_MAX);
    rc = scout_refresh(c->admin->scout, name, &report);
    if (rc == RC_OK && buf_spent(&report))
        rc = RC_TOO_BIG;
    if (rc == RC_OK)
        json_out_raw(&c->out, buf_slice(&report));
    buf_free(&report);
    return rc;
}

static enum rc serve_refresh(struct admin_call *c)
{
    struct slice name = SLICE_NONE;
    const struct config *config;
    enum rc rc;

    if (c->admin->config == NULL || c->admin->scout == NULL)
        return admin__refuse(c, RC_UNREACHABLE, NULL,
                             "no daemon runs: providers are asked when it starts");
    TRY(admin__body_text(&name, c, "provider", false));
    config = config_cell_get(c->admin->config);
    rc = check_provider(c, config, name);
    config_unref(config);
    TRY(rc);
    return refresh(c, name);
}

/* clang-format off */
const struct admin_route admin__model_routes[] = {
    {"GET", "/admin/v1/models", serve_models, NULL},
    {"POST", "/admin/v1/models/refresh", serve_refresh, "provider"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

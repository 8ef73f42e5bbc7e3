/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/models and /v1/models/{model}: what can be called here and what it costs.
 * Open to all; with a key, only what that key may use. */
#include "gateway/api.h"
#include "gateway/path.h"
#include "gateway/request.h"

#include "base/json.h"

enum {
    LIST_MAX = 16 << 20
};

static void print_price(struct json_out *o, const struct config_price *p)
{
    const struct {
        const char *name;
        struct money per_mtok;
    } lines[] = {
        {"input", p->base.of[PRICE_INPUT]},
        {"cached_input", p->base.of[PRICE_CACHED_INPUT]},
        {"cache_write", p->base.of[PRICE_CACHE_WRITE]},
        {"output", p->base.of[PRICE_OUTPUT]},
    };

    char text[MONEY_TEXT_SIZE];

    json_out_key(o, "pricing"); /* USD per million tokens, markup included */
    json_out_object(o);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct money m = lines[i].per_mtok;

        if (!money_markup(&m, m, p->markup_ppm))
            continue;
        money_print_short(text, m);
        json_out_kstr(o, lines[i].name, text);
    }
    json_out_end_object(o);
}

static void print_model(struct json_out *o, const struct config *c,
                        const struct config_model *m)
{
    json_out_object(o);
    json_out_kstr(o, "id", m->name);
    json_out_kstr(o, "object", "model");
    json_out_ku64(o, "created", c->loaded_us / 1000000);
    json_out_kstr(o, "owned_by",
                  m->target_count > 0 ? m->targets[0].provider->name : "octroi");
    json_out_ku64(o, "context_length", m->context_tokens);
    json_out_ku64(o, "max_output_tokens", m->max_output_tokens);
    json_out_kbool(o, "priced", m->priced);
    if (m->priced)
        print_price(o, &m->price);
    json_out_end_object(o);
}

static void reply(struct request *r, struct buf *b)
{
    if (buf_spent(b)) {
        r->rc = RC_NOMEM;
        r->fault.rc = RC_NOMEM;
        request_reply_fault(r);
    } else {
        request_reply(r, 200, "application/json", buf_slice(b));
    }
    buf_free(b);
}

static bool visible(const struct request *r, const struct config_model *m)
{
    return !r->identified || wallet_model_allowed(&r->caller, slice_str(m->name));
}

static void serve_list(struct request *r)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, LIST_MAX);
    json_out_init(&o, &b);
    json_out_object(&o);
    json_out_kstr(&o, "object", "list");
    json_out_key(&o, "data");
    json_out_array(&o);
    for (size_t i = 0; i < r->config->model_count; i++)
        if (visible(r, &r->config->models[i]))
            print_model(&o, r->config, &r->config->models[i]);
    json_out_end_array(&o);
    json_out_end_object(&o);
    reply(r, &b);
}

static void serve_one(struct request *r, struct slice name)
{
    const struct config_model *m = config_model(r->config, name);
    struct json_out o;
    struct buf b;

    if (m == NULL || !visible(r, m)) {
        r->rc = request_fault(r, RC_MODEL_UNKNOWN, "model",
                              "There is no model '%.*s'; GET /v1/models lists them.",
                              SLICE_FMT(name));
        request_reply_fault(r);
        return;
    }
    buf_init(&b, LIST_MAX);
    json_out_init(&o, &b);
    print_model(&o, r->config, m);
    reply(r, &b);
}

static void serve(struct request *r)
{
    struct slice name;

    if (r->match.params[0].len == 0) {
        serve_list(r);
        return;
    }
    /* Model names may hold slashes, which SDKs send escaped. */
    if (path_decode(&name, r->match.params[0], r->arena) != RC_OK)
        name = r->match.params[0];
    serve_one(r, name);
}

static const struct api_route routes[] = {
    {"GET", "/v1/models"},
    {"GET", "/v1/models/{model*}"},
    {NULL, NULL},
};

extern const struct api api_models;
const struct api api_models = {
    .name = "models",
    .dialect = DIALECT_OPENAI,
    .routes = routes,
    .serve = serve,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/models and /v1/models/{model}: what can be called here and what it costs.
 * Open to all; with a key, only what that key may use. Clients of Anthropic and of
 * Gemini (whose newest ask here too) are known by a header and read their own form. */
#include "gateway/api.h"
#include "gateway/model_show.h"
#include "gateway/request.h"

/* Its clients page through a list by its ends. All of ours is on the first page. */
static void serve_anthropic_list(struct request *r)
{
    const struct config *c = r->config;
    const char *first = NULL, *last = NULL;
    const char *after;

    for (size_t i = 0; i < c->model_count; i++) {
        const struct config_model *m = &c->models[i];

        if (!model_listed(r, m) || !model_talks(m))
            continue;
        first = first != NULL ? first : m->name;
        last = m->name;
    }
    /* Names have no character that JSON escapes. */
    after = first != NULL
                ? arena_printf(r->arena,
                               ",\"has_more\":false,\"first_id\":\"%s\",\"last_id\":"
                               "\"%s\"}",
                               first, last)
                : ",\"has_more\":false,\"first_id\":null,\"last_id\":null}";
    if (after != NULL)
        model_reply_list(r, "{\"data\":", model_show_anthropic, model_talks, after);
    else
        request_reply_fault(r);
}

static bool has_header(const struct request *r, const char *name)
{
    return http_header(r->http, name, NULL).len > 0;
}

static void serve(struct request *r)
{
    const struct slice name = r->match.params[0];
    model_show_fn *show = model_show_openai;

    if (has_header(r, "anthropic-version"))
        show = model_show_anthropic;
    else if (has_header(r, "x-goog-api-key") || has_header(r, "x-goog-api-client"))
        show = model_show_gemini;
    if (name.len > 0)
        model_reply_one(r, name, "", show, "");
    else if (show == model_show_anthropic)
        serve_anthropic_list(r);
    else if (show == model_show_gemini)
        model_reply_list(r, "{\"models\":", show, model_talks, "}");
    else
        model_reply_list(r, "{\"object\":\"list\",\"data\":", show, NULL, "}");
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

/* SPDX-License-Identifier: Apache-2.0 */
/* GET /api/v1/models and /api/v1/models/{model}: the list in OpenRouter's form. */
#include "gateway/api.h"
#include "gateway/model_show.h"
#include "gateway/request.h"

static void serve(struct request *r)
{
    if (r->match.params[0].len > 0)
        model_reply_one(r, r->match.params[0], "{\"data\":", model_show_openrouter,
                        "}");
    else
        model_reply_list(r, "{\"data\":", model_show_openrouter, NULL, "}");
}

static const struct api_route routes[] = {
    {"GET", "/api/v1/models"},
    {"GET", "/api/v1/models/{model*}"},
    {NULL, NULL},
};

extern const struct api api_router_models;
const struct api api_router_models = {
    .name = "models",
    .dialect = DIALECT_OPENAI,
    .routes = routes,
    .serve = serve,
};

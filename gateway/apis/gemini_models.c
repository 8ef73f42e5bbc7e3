/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1beta/models and /v1beta/models/{model}: the list in Gemini's form, all of it
 * on one page. */
#include "gateway/api.h"
#include "gateway/model_show.h"
#include "gateway/request.h"

static void serve(struct request *r)
{
    if (r->match.params[0].len > 0)
        model_reply_one(r, r->match.params[0], "", model_show_gemini, "");
    else
        model_reply_list(r, "{\"models\":", model_show_gemini, model_talks, "}");
}

static const struct api_route routes[] = {
    {"GET", "/v1beta/models"},
    {"GET", "/v1beta/models/{model*}"},
    {NULL, NULL},
};

extern const struct api api_gemini_models;
const struct api api_gemini_models = {
    .name = "models",
    .dialect = DIALECT_GEMINI,
    .routes = routes,
    .serve = serve,
};

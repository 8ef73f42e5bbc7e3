/* SPDX-License-Identifier: Apache-2.0 */
/* ANY /v1/data/{api}/{path}: data APIs of the configuration. */
#include "gateway/api.h"
#include "gateway/metered.h"
#include "gateway/path.h"

static enum rc plan(struct request *r)
{
    const struct slice name = r->match.params[0];
    const struct slice path =
        slice_sub(r->http->path, SLICE("/v1/data/").len + name.len, r->http->path.len);
    const struct config_data_api *api = config_data_api(r->config, name);
    struct metered *m = metered_new(r);

    if (m == NULL)
        return RC_NOMEM;
    r->quote.subject = name;
    if (path_check(r->http->path, true) != RC_OK)
        return request_fault(r, RC_BAD_INPUT, NULL,
                             "The path is not in canonical form.");
    if (api == NULL)
        return request_fault(r, RC_NOT_FOUND, NULL, "There is no data API '%.*s'.",
                             SLICE_FMT(name));
    TRY(metered_open(m, r, api, name, path));
    if (m->endpoint->priced)
        metered_add_prices(m, r, m->endpoint->price, m->endpoint->version);
    return metered_quote(m, r);
}

static const struct api_route routes[] = {
    {"*", "/v1/data/{api}/{path*}"},
    {"*", "/v1/data/{api}"},
    {NULL, NULL},
};

extern const struct api api_data;
const struct api api_data = {
    .name = "data",
    .dialect = DIALECT_PROBLEM,
    .flags = API_PRICED | API_FLAT,
    .routes = routes,
    .plan = plan,
    METERED_FUNCTIONS,
};

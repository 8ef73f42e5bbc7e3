/* SPDX-License-Identifier: Apache-2.0 */
/* From method and raw path to an api: walks the generated table of apis and their
 * routes, which is short; the first match wins. */
#include "gateway/api.h"

#include "gateway/path.h"

#include <stdio.h>
#include <string.h>

extern const struct api *const api_table[]; /* made by mkregistry */

static bool method_fits(const char *want, struct slice method)
{
    if (strcmp(want, "*") == 0)
        return true;
    return slice_equal_str(method, want) ||
           (strcmp(want, "GET") == 0 && slice_equal(method, SLICE("HEAD")));
}

static void add_allowed(struct api_match *out, const char *method)
{
    size_t len = strlen(out->allow);

    if (strstr(out->allow, method) != NULL)
        return;
    (void)snprintf(out->allow + len, sizeof(out->allow) - len, "%s%s", len ? ", " : "",
                   method);
}

/* True when one of the api's routes fits path and method; notes what path alone fits.
 */
static bool try_api(struct api_match *out, const struct api *api, struct slice method,
                    struct slice path)
{
    for (const struct api_route *route = api->routes; route->method != NULL; route++) {
        struct slice params[API_PARAMS_MAX] = {{NULL, 0}};

        if (!path_match(params, API_PARAMS_MAX, route->path, path))
            continue;
        if (!method_fits(route->method, method)) {
            add_allowed(out, route->method);
            continue;
        }
        out->api = api;
        memcpy(out->params, params, sizeof(params));
        return true;
    }
    return false;
}

enum rc api_route(struct api_match *out, struct slice method, struct slice path)
{
    out->allow[0] = '\0';
    TRY(path_check(path, false));
    for (size_t i = 0; api_table[i] != NULL; i++)
        if (try_api(out, api_table[i], method, path))
            return RC_OK;
    return out->allow[0] != '\0' ? RC_BAD_METHOD : RC_NOT_FOUND;
}

/* Whoever calls a path that looks like OpenAI's expects OpenAI's errors. */
enum dialect api_dialect(struct slice path)
{
    static const struct {
        const char *prefix;
        enum dialect dialect;
    } known[] = {
        {"/v1/data", DIALECT_PROBLEM},
        {"/v1/wallet", DIALECT_PROBLEM},
        {"/v1/skills", DIALECT_PROBLEM},
        {"/v1/messages", DIALECT_ANTHROPIC},
        {"/v1/publishers", DIALECT_PROBLEM},
        {"/v1beta/", DIALECT_GEMINI},
        {"/v1/", DIALECT_OPENAI},
        {"/api/v1/chat/", DIALECT_OPENAI},
        {"/api/v1/models", DIALECT_OPENAI},
        {"/api/v1/credits", DIALECT_OPENAI},
        {"/api/v1/key", DIALECT_OPENAI},
        {"/api/v1/generation", DIALECT_OPENAI},
        {"/api/v1/", DIALECT_TEXT},
        {"/api/cli/", DIALECT_TEXT},
        {"/mcp", DIALECT_RPC},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (slice_starts(path, slice_str(known[i].prefix)))
            return known[i].dialect;
    return DIALECT_PROBLEM;
}

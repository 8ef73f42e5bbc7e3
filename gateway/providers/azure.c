/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAI's models at Azure (base https://RESOURCE.openai.azure.com). A model is a
 * deployment. api_version "v1" is the newer face, where the body names it; a date is
 * the older one, where the path does. */
#include "base/buf.h"
#include "base/codec.h"
#include "gateway/provider.h"
#include "gateway/providers/openai_wire.h"

#include <string.h>

enum {
    MODEL_MAX = 256, /* bytes of a deployment's name; Azure has 64 */
    URL_ROOM = 3 * MODEL_MAX + 256
};

/* Of the older face, dated versions have Responses or not; the newer one always has. */
static bool takes(const struct config_provider *p, const struct wire *wire)
{
    return wire != &wire_responses || strcmp(p->api_version, "v1") == 0;
}

static const char *operation(const struct provider_call *c)
{
    switch (c->op) {
    case PROVIDER_CHAT:
        return c->wire == &wire_responses ? "/responses" : "/chat/completions";
    case PROVIDER_EMBEDDINGS:
        return "/embeddings";
    case PROVIDER_COUNT_TOKENS:
        break;
    }
    return NULL;
}

static enum rc build_url(struct provider_wire *out, const struct provider_call *c,
                         struct arena *a)
{
    const char *base = c->provider->base_url;
    const char *version = c->provider->api_version;
    const char *end = operation(c);
    const size_t size = strlen(base) + URL_ROOM;
    struct buf url;

    if (end == NULL || c->model.len > MODEL_MAX ||
        (c->wire != NULL && !takes(c->provider, c->wire)))
        return RC_BAD_INPUT;
    buf_init_lent(&url, arena_alloc(a, size), size);
    buf_append_str(&url, base);
    if (strcmp(version, "v1") == 0) {
        buf_append_str(&url, "/openai/v1");
        buf_append_str(&url, end);
    } else {
        buf_append_str(&url, "/openai/deployments/");
        percent_encode(&url, c->model);
        buf_append_str(&url, end);
        buf_append_str(&url, "?api-version=");
        buf_append_str(&url, version);
    }
    buf_append_char(&url, '\0');
    out->url = buf_slice(&url).bytes;
    return buf_spent(&url) ? RC_NOMEM : RC_OK;
}

static enum rc build(struct provider_wire *out, const struct provider_call *c,
                     struct arena *a)
{
    static const char *const pass[] = {"openai-beta", "traceparent", NULL};

    TRY(build_url(out, c, a));
    openai_wire_headers(out, NULL, a);
    if (c->api_key != NULL)
        out->headers[out->header_count++] =
            (struct http_header){SLICE("api-key"), secret_open(c->api_key)};
    openai_wire_pass(out, c->client, pass);
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

static const char *const base_ends[] = {"/openai/v1", "/openai", NULL};

static const struct wire *const wires[] = {&wire_chat, &wire_responses, NULL};

extern const struct provider provider_azure;
const struct provider provider_azure = {
    .kind = "azure",
    .base_ends = base_ends,
    .wires = wires,
    .takes = takes,
    .has_embeddings = true,
    .build = build,
    .classify = openai_wire_classify,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Cohere (base https://api.cohere.com): v2/chat and v2/embed. */
#include "gateway/wires/cohere.h"
#include "gateway/model_list.h"
#include "gateway/provider.h"
#include "gateway/providers/openai_wire.h"

static enum rc build(struct provider_wire *out, const struct provider_call *c,
                     struct arena *a)
{
    static const char *const pass[] = {"traceparent", NULL};
    const char *path = NULL;

    switch (c->op) {
    case PROVIDER_CHAT:
        path = "/v2/chat";
        break;
    case PROVIDER_EMBEDDINGS:
        path = "/v2/embed";
        break;
    case PROVIDER_COUNT_TOKENS:
        return RC_BAD_INPUT;
    }
    out->url = arena_printf(a, "%s%s", c->provider->base_url, path);
    openai_wire_headers(out, c->api_key, a);
    openai_wire_pass(out, c->client, pass);
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

/* 498 is about our key, 499 about a call that they have let fall. */
static enum provider_verdict classify(unsigned status, struct slice body)
{
    return status == 498 || status == 499 ? PROVIDER_NEXT
                                          : openai_wire_classify(status, body);
}

static unsigned quirks(const struct config_provider *p, struct slice model)
{
    (void)p;
    (void)model;
    return QUIRK_ONE_CHOICE;
}

static const struct provider_embed embed = {
    .write = cohere_embed_write,
    .answer = cohere_embed_answer,
};

static const char *const base_ends[] = {"/v2", "/v1", NULL};

static const struct wire *const wires[] = {&wire_cohere, NULL};

extern const struct provider provider_cohere;
const struct provider provider_cohere = {
    .kind = "cohere",
    .default_url = "https://api.cohere.com",
    .base_ends = base_ends,
    .wires = wires,
    .embed = &embed,
    .quirks = quirks,
    .models = model_list_cohere,
    .build = build,
    .classify = classify,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that speak OpenAI's dialect: vLLM, llama.cpp, and the many vendors. What they
 * have in common is here, and in what they differ in vendors.c. */
#include "gateway/model_list.h"
#include "gateway/providers/openai_wire.h"
#include "gateway/providers/vendors.h"

static enum rc build(struct provider_wire *out, const struct provider_call *c,
                     struct arena *a)
{
    static const char *const pass[] = {"traceparent", NULL};

    TRY(openai_wire_url(out, c->provider, c->op, c->wire, a));
    openai_wire_headers(out, c->api_key, a);
    openai_wire_pass(out, c->client, pass);
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

static unsigned quirks(const struct config_provider *p, struct slice model)
{
    return vendor_quirks(p->vendor, model);
}

static const struct wire *const wires[] = {&wire_chat, &wire_completions, NULL};

extern const struct provider provider_compatible;
const struct provider provider_compatible = {
    .kind = "compatible",
    .default_url = NULL,
    .wires = wires,
    .has_embeddings = true,
    .quirks = quirks,
    .models = model_list_compatible,
    .build = build,
    .classify = openai_wire_classify,
};

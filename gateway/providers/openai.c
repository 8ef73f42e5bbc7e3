/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAI's own API (base https://api.openai.com/v1): chat completions, responses
 * and embeddings.
 */
#include "gateway/model_list.h"
#include "gateway/providers/openai_wire.h"

static enum rc build(struct provider_wire *out, const struct provider_call *c,
                     struct arena *a)
{
    static const char *const pass[] = {"openai-beta", "traceparent", NULL};

    TRY(openai_wire_url(out, c->provider, c->op, c->wire, a));
    openai_wire_headers(out, c->api_key, a);
    openai_wire_pass(out, c->client, pass);
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

static const struct wire *const wires[] = {&wire_chat, &wire_responses, NULL};

extern const struct provider provider_openai;
const struct provider provider_openai = {
    .kind = "openai",
    .default_url = "https://api.openai.com/v1",
    .wires = wires,
    .has_embeddings = true,
    .models = model_list_openai,
    .build = build,
    .classify = openai_wire_classify,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that speak OpenAI's dialect: vLLM, llama.cpp, and the many vendors. What they
 * have in common is here. */
#include "gateway/providers/openai_wire.h"

static enum rc build(struct provider_wire *out, const struct provider_call *c,
                     struct arena *a)
{
    static const char *const pass[] = {"traceparent", NULL};

    TRY(openai_wire_url(out, c->provider, c->op, a));
    openai_wire_headers(out, c->api_key, a);
    openai_wire_pass(out, c->client, pass);
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

extern const struct provider provider_compatible;
const struct provider provider_compatible = {
    .kind = "compatible",
    .default_url = NULL,
    .output_bound_field = "max_tokens",
    .build = build,
    .usage = openai_wire_usage,
    .classify = openai_wire_classify,
};

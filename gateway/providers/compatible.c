/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that speak OpenAI's dialect: vLLM, llama.cpp, and the many vendors. What they
 * have in common is here. */
#include "gateway/providers/openai_wire.h"

static enum rc build(struct provider_wire *out, const struct config_provider *p,
                     const struct secret *api_key, enum provider_op op,
                     const struct http_request *client, struct arena *a)
{
    static const char *const pass[] = {"traceparent", NULL};

    TRY(openai_wire_url(out, p, op, a));
    openai_wire_headers(out, api_key, a);
    openai_wire_pass(out, client, pass);
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

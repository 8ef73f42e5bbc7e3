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

/* Models that think refuse what the others take. */
static unsigned quirks(const struct config_provider *p, struct slice model)
{
    (void)p;
    if (slice_starts(model, SLICE("gpt-5")))
        return QUIRK_NO_MAX_TOKENS | QUIRK_NO_SAMPLING;
    if (slice_starts(model, SLICE("o")) && model.len > 1 && model.bytes[1] >= '1' &&
        model.bytes[1] <= '9')
        return QUIRK_NO_MAX_TOKENS | QUIRK_NO_SAMPLING;
    return QUIRK_NO_THINKING;
}

static const struct wire *const wires[] = {&wire_chat, &wire_completions,
                                           &wire_responses, NULL};

extern const struct provider provider_openai;
const struct provider provider_openai = {
    .kind = "openai",
    .default_url = "https://api.openai.com/v1",
    .wires = wires,
    .has_embeddings = true,
    .models = model_list_openai,
    .quirks = quirks,
    .build = build,
    .classify = openai_wire_classify,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1beta/models/MODEL:countTokens. Free of charge, for who has a key. Google's
 * own models are asked; of the models of others a guess is given at once, as good as
 * the one that a call without usage is billed by. */
#include "gateway/api.h"
#include "gateway/apis/gemini_check.h"
#include "gateway/wires/gemini_int.h"

static const struct model_ask ask = {
    .wire = &wire_gemini,
    .op = PROVIDER_COUNT_TOKENS,
    .fields = gemini_fields,
};

static bool somebody_counts(const struct config_model *model)
{
    for (size_t i = 0; i < model->target_count; i++) {
        const struct config_target *t = &model->targets[i];

        if (t->provider->adapter->has_count_tokens &&
            provider_wire(t->provider, slice_str(t->model), &wire_gemini) ==
                &wire_gemini)
            return true;
    }
    return false;
}

/* Bytes of all parts but media, which are counted as references. */
static uint64_t text_bytes(struct slice contents)
{
    static const char *const names[] = {"parts"};
    static const char *const media[] = {"inlineData", "fileData"};
    struct slice content, parts, part, v[2];
    uint64_t bytes = 0;
    size_t at = 0;

    while (gemini__element(&content, contents, &at) != JSON_ABSENT) {
        size_t next = 0;

        gemini__pick(&parts, names, 1, content);
        while (gemini__element(&part, parts, &next) != JSON_ABSENT) {
            gemini__pick(v, media, 2, part);
            bytes += v[0].len + v[1].len == 0 ? part.len : 0;
        }
    }
    return bytes;
}

static enum rc answer_guess(struct request *r, const struct model_call *m)
{
    const uint64_t bytes = text_bytes(model_call_field(r->api_state, "contents")->raw);
    const uint64_t tokens = usage_estimate(bytes, 0, 0).in_uncached +
                            m->references * r->config->limits.reference_tokens;
    const char *text =
        arena_printf(r->arena, "{\"totalTokens\":%llu}", (unsigned long long)tokens);

    if (text == NULL)
        return RC_NOMEM;
    request_reply(r, 200, "application/json", slice_str(text));
    return RC_OK;
}

static enum rc plan(struct request *r)
{
    struct model_call *m;

    TRY(gemini_begin(&m, r, &ask));
    if (model_call_field(m, "generateContentRequest")->type != JSON_ABSENT)
        return request_fault(r, RC_BAD_INPUT, "generateContentRequest",
                             "Send what is to be counted in 'contents'.");
    TRY(gemini_check(r, m));
    m->bound_given = true; /* nothing is put out: no bound goes in */
    if (!somebody_counts(m->model))
        return answer_guess(r, m);
    return model_call_quote(r);
}

static const struct api_route routes[] = {
    {"POST", "/v1beta/models/{model*}:countTokens"},
    {"POST", "/v1/models/{model*}:countTokens"},
    {NULL, NULL},
};

extern const struct api api_gemini_count;
const struct api api_gemini_count = {
    .name = "count_tokens",
    .dialect = DIALECT_GEMINI,
    .flags = API_PRICED | API_NEEDS_KEY | API_JSON_BODY,
    .routes = routes,
    .plan = plan,
    MODEL_CALL_FUNCTIONS,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1beta/models/MODEL:generateContent and :streamGenerateContent, in the Gemini
 * dialect. A stream is server-sent events with ?alt=sse, else one JSON array. */
#include "gateway/api.h"
#include "gateway/apis/gemini_check.h"
#include "gateway/path.h"
#include "gateway/wires/gemini_int.h"

enum {
    OUTPUT_TOKENS_MAX = 100000000 /* beyond any model: a mistake */
};

static const struct model_ask ask = {
    .wire = &wire_gemini,
    .op = PROVIDER_CHAT,
    .fields = gemini_fields,
};

static const struct model_ask ask_array = {
    .wire = &wire_gemini,
    .op = PROVIDER_CHAT,
    .fields = gemini_fields,
    .reframed = true,
    .stream_type = "application/json",
};

static enum rc read_u64(struct request *r, struct slice raw, const char *name,
                        uint64_t max, uint64_t *out, bool *given)
{
    uint64_t value;

    *given = false;
    if (raw.len == 0)
        return RC_OK;
    if (json_raw_u64(&value, raw) != RC_OK || value < 1 || value > max)
        return request_fault(
            r, RC_BAD_INPUT, arena_printf(r->arena, "generationConfig.%s", name),
            "'%s' must be an integer from 1 to %llu.", name, (unsigned long long)max);
    *given = true;
    *out = value;
    return RC_OK;
}

/* Both spellings of one name are two members: which one Google takes is not known. */
static enum rc check_twice(struct request *r, struct slice config,
                           const char *const *names, size_t count)
{
    struct slice key, value;
    unsigned seen = 0;
    size_t at = 0;

    while (json_raw_next(&key, &value, config, &at) != JSON_ABSENT) {
        const size_t i = gemini__index(key, names, count);

        if (i == count)
            continue;
        if ((seen & 1u << i) != 0)
            return request_fault(
                r, RC_BAD_INPUT,
                arena_printf(r->arena, "generationConfig.%s", names[i]),
                "'%s' is given twice.", names[i]);
        seen |= 1u << i;
    }
    return RC_OK;
}

static enum rc read_config(struct request *r, struct model_call *m)
{
    static const char *const names[] = {"maxOutputTokens", "candidateCount"};
    const struct json_field *f;
    struct slice v[2];
    bool given;

    TRY(gemini_member(&f, r, "generationConfig", "generation_config"));
    if (f->type == JSON_ABSENT || f->type == JSON_NULL)
        return RC_OK;
    if (f->type != JSON_OBJECT)
        return request_fault(r, RC_BAD_INPUT, "generationConfig",
                             "'generationConfig' must be an object.");
    TRY(check_twice(r, f->raw, names, 2));
    gemini__pick(v, names, 2, f->raw);
    TRY(read_u64(r, v[0], names[0], OUTPUT_TOKENS_MAX, &m->output_bound,
                 &m->bound_given));
    return read_u64(r, v[1], names[1], GEMINI_CHOICES_MAX, &m->choices, &given);
}

static enum rc plan(struct request *r)
{
    const bool stream = slice_ends(r->http->path, SLICE(":streamGenerateContent"));
    const bool events =
        slice_equal(path_query_value(r->http->query, "alt"), SLICE("sse"));
    struct model_call *m;

    TRY(gemini_begin(&m, r, stream && !events ? &ask_array : &ask));
    m->stream = stream;
    m->usage_asked = true;
    TRY(gemini_check(r, m));
    TRY(read_config(r, m));
    return model_call_quote(r);
}

static const struct api_route routes[] = {
    {"POST", "/v1beta/models/{model*}:generateContent"},
    {"POST", "/v1beta/models/{model*}:streamGenerateContent"},
    {"POST", "/v1/models/{model*}:generateContent"},
    {"POST", "/v1/models/{model*}:streamGenerateContent"},
    {NULL, NULL},
};

extern const struct api api_gemini;
const struct api api_gemini = {
    .name = "gemini",
    .dialect = DIALECT_GEMINI,
    .flags = API_PRICED | API_JSON_BODY,
    .routes = routes,
    .plan = plan,
    MODEL_CALL_FUNCTIONS,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/completions, the elder of chat, in the OpenAI dialect. Reads only what
 * routing, pricing and billing need; every other field passes as it came. */
#include "gateway/api.h"
#include "gateway/model_call.h"

enum {
    CHOICES_MAX = 128, /* prompts times n */
    OUTPUT_DEFAULT = 16,
    OUTPUT_TOKENS_MAX = 100000000,
    USER_BYTES_MAX = 256
};

static const char *const fields[] = {
    "model",      "prompt",  "stream", "stream_options", "n",
    "max_tokens", "best_of", "user",   "suffix",         NULL};

static const struct model_ask ask = {
    .wire = &wire_completions,
    .op = PROVIDER_CHAT,
    .fields = fields,
};

/* What an element of a list is: JSON_STRING, JSON_NUMBER (the list is one prompt), or
 * JSON_ARRAY of numbers; JSON_ABSENT: it may not be there. */
static enum json_kind element_kind(struct slice element)
{
    struct slice token;
    size_t at = 0;

    if (json_raw_type(element) != JSON_ARRAY)
        return json_raw_type(element) == JSON_STRING ||
                       json_raw_type(element) == JSON_NUMBER
                   ? json_raw_type(element)
                   : JSON_ABSENT;
    while (json_raw_element(&token, element, &at) != JSON_ABSENT)
        if (json_raw_type(token) != JSON_NUMBER)
            return JSON_ABSENT;
    return JSON_ARRAY;
}

/* How many prompts there are: a string, a list of strings, a list of tokens, or a list
 * of such lists. */
static enum rc count_prompts(struct request *r, struct model_call *m, uint64_t *count)
{
    const struct json_field *f = model_call_field(m, "prompt");
    enum json_kind first = JSON_ABSENT;
    struct slice element;
    size_t at = 0;

    *count = 1;
    if (f->type == JSON_STRING)
        return RC_OK;
    *count = 0;
    while (f->type == JSON_ARRAY &&
           json_raw_element(&element, f->raw, &at) != JSON_ABSENT) {
        const enum json_kind kind = element_kind(element);

        if (*count == 0)
            first = kind;
        (*count)++;
        if (kind == JSON_ABSENT || kind != first) {
            *count = 0;
            break;
        }
    }
    if (*count == 0)
        return request_fault(r, RC_BAD_INPUT, "prompt",
                             "'prompt' must be a string, an array of strings, or "
                             "tokens.");
    if (first == JSON_NUMBER)
        *count = 1;
    return RC_OK;
}

static enum rc check_text(struct request *r, struct model_call *m, const char *name,
                          size_t max)
{
    const struct json_field *f = model_call_field(m, name);

    if (f->type == JSON_ABSENT || f->type == JSON_NULL)
        return RC_OK;
    if (f->type != JSON_STRING || f->raw.len - 2 > max)
        return request_fault(r, RC_BAD_INPUT, name,
                             "'%s' must be a string of at most %zu bytes.", name, max);
    return RC_OK;
}

static enum rc read_stream(struct request *r, struct model_call *m)
{
    const struct json_field *f = model_call_field(m, "stream_options");
    struct slice raw;

    TRY(model_call_bool(r, "stream", &m->stream));
    if (f->type == JSON_ABSENT || f->type == JSON_NULL)
        return RC_OK;
    if (f->type != JSON_OBJECT)
        return request_fault(r, RC_BAD_INPUT, "stream_options",
                             "'stream_options' must be an object.");
    if (json_raw_member(&raw, f->raw, "include_usage") != JSON_ABSENT &&
        json_raw_bool(&m->usage_asked, raw) != RC_OK)
        return request_fault(r, RC_BAD_INPUT, "stream_options.include_usage",
                             "'include_usage' must be true or false.");
    return RC_OK;
}

/* Each prompt is answered n times, or best_of times, of which n are shown. */
static enum rc read_choices(struct request *r, struct model_call *m)
{
    uint64_t n = 1, best = 1, prompts;
    bool given;

    TRY(count_prompts(r, m, &prompts));
    TRY(model_call_u64(r, "n", &n, &given, 1, CHOICES_MAX));
    TRY(model_call_u64(r, "best_of", &best, &given, 0, CHOICES_MAX)); /* 0: as n */
    if (prompts > CHOICES_MAX || prompts * (best > n ? best : n) > CHOICES_MAX)
        return request_fault(r, RC_BAD_INPUT, "prompt",
                             "A request is answered at most %d times.", CHOICES_MAX);
    m->choices = prompts * (best > n ? best : n);
    return RC_OK;
}

static enum rc plan(struct request *r)
{
    struct model_call *m;
    bool given = false;

    TRY(model_call_begin(&m, r, &ask));
    TRY(check_text(r, m, "user", USER_BYTES_MAX));
    TRY(check_text(r, m, "suffix", r->config->limits.max_body_bytes));
    TRY(read_stream(r, m));
    TRY(read_choices(r, m));
    m->output_bound = OUTPUT_DEFAULT;
    TRY(model_call_u64(r, "max_tokens", &m->output_bound, &given, 0,
                       OUTPUT_TOKENS_MAX));
    /* Hosts differ in their default: it is told, so that it is what is held for. */
    m->bound_given = true;
    m->bound_forced = !given;
    return model_call_quote(r);
}

static const struct api_route routes[] = {
    {"POST", "/v1/completions"},
    {NULL, NULL},
};

extern const struct api api_completions;
const struct api api_completions = {
    .name = "completions",
    .dialect = DIALECT_OPENAI,
    .flags = API_PRICED | API_JSON_BODY,
    .routes = routes,
    .example = "\"max_tokens\":16,\"prompt\":\"Say hello.\"",
    .plan = plan,
    MODEL_CALL_FUNCTIONS,
};

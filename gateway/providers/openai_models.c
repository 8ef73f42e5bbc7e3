/* SPDX-License-Identifier: Apache-2.0 */
/* GET /models of OpenAI and of those who speak its dialect: {"data":[{"id",..}]}, at
 * some hosts the bare list. OpenAI says no more than the names. What others add has
 * names of its own, so that one reader takes them all: Mistral `capabilities` and
 * `max_context_length`, Groq `context_window` and `active`, vLLM `max_model_len`,
 * OpenRouter (and who copies it) `context_length`, `architecture`, `top_provider`,
 * `supported_parameters` and `pricing` in USD per token, Together `pricing` in USD per
 * million tokens. xAI has a list of its own with prices: GET /language-models. */
#include "gateway/config.h"
#include "gateway/model_list.h"

#include <string.h>

/* The first that is told. */
static uint64_t first_tokens(struct slice json, const char *const *names)
{
    uint64_t tokens = 0;

    for (; *names != NULL && tokens == 0; names++)
        tokens = model_tokens(json, *names);
    return tokens;
}

static struct slice member(struct slice json, const char *name)
{
    struct slice raw;

    return json_raw_member(&raw, json, name) == JSON_OBJECT ? raw : SLICE("{}");
}

static void read_limits(struct found_model *m, struct slice json)
{
    static const char *const context[] = {"context_length", "context_window",
                                          "max_context_length", "max_model_len", NULL};
    static const char *const output[] = {"max_completion_tokens", "max_output_tokens",
                                         "max_output_length", NULL};
    const char *const nested[] = {"top_provider", "limits"};

    m->context_tokens = first_tokens(json, context);
    m->max_output_tokens = first_tokens(json, output);
    for (size_t i = 0; i < sizeof(nested) / sizeof(nested[0]); i++) {
        const struct slice inner = member(json, nested[i]);
        const uint64_t tokens = first_tokens(inner, context);

        /* Of a router: the host that it would take may have less. */
        if (tokens > 0 && (m->context_tokens == 0 || tokens < m->context_tokens))
            m->context_tokens = tokens;
        if (m->max_output_tokens == 0)
            m->max_output_tokens = first_tokens(inner, output);
    }
}

/* Capabilities ---- */

static bool has_list(struct slice json, const char *name)
{
    struct slice unused;

    return json_raw_member(&unused, json, name) == JSON_ARRAY;
}

static void read_modalities(struct found_model *m, struct slice json)
{
    static const char in[] = "input_modalities";
    static const char out[] = "output_modalities";

    if (has_list(json, in)) {
        model_cap(m, MODEL_CAP_VISION, model_has(json, in, "image"));
        model_cap(m, MODEL_CAP_AUDIO_IN, model_has(json, in, "audio"));
        model_cap(m, MODEL_CAP_VIDEO_IN, model_has(json, in, "video"));
        model_cap(m, MODEL_CAP_PDF, model_has(json, in, "file"));
    }
    if (has_list(json, out)) {
        model_cap(m, MODEL_CAP_AUDIO_OUT, model_has(json, out, "audio"));
        if (model_has(json, out, "text"))
            m->endpoints |= MODEL_BY_CHAT;
        if (model_has(json, out, "embeddings"))
            m->endpoints |= MODEL_BY_EMBEDDINGS;
    }
}

static void read_parameters(struct found_model *m, struct slice json)
{
    static const char name[] = "supported_parameters";

    if (!has_list(json, name))
        return;
    model_cap(m, MODEL_CAP_TOOLS, model_has(json, name, "tools"));
    model_cap(m, MODEL_CAP_TOOL_CHOICE, model_has(json, name, "tool_choice"));
    model_cap(m, MODEL_CAP_JSON_SCHEMA, model_has(json, name, "structured_outputs"));
    model_cap(m, MODEL_CAP_REASONING, model_has(json, name, "reasoning"));
}

static void read_flag(struct found_model *m, unsigned cap, struct slice told,
                      const char *name)
{
    struct slice unused;

    if (json_raw_member(&unused, told, name) != JSON_ABSENT)
        model_cap(m, cap, model_flag(told, name));
}

static void read_capabilities(struct found_model *m, struct slice json)
{
    struct slice told;

    if (json_raw_member(&told, json, "capabilities") != JSON_OBJECT)
        return;
    if (model_flag(told, "completion_chat"))
        m->endpoints |= MODEL_BY_CHAT;
    read_flag(m, MODEL_CAP_TOOLS, told, "function_calling");
    read_flag(m, MODEL_CAP_JSON_SCHEMA, told, "structured_outputs");
    read_flag(m, MODEL_CAP_REASONING, told, "reasoning");
    read_flag(m, MODEL_CAP_VISION, told, "vision");
    read_flag(m, MODEL_CAP_AUDIO_IN, told, "audio");
}

/* Prices ---- */

/* USD for each call or search; what is not said is nothing. */
static bool read_fee(struct money *out, struct slice pricing, const char *name)
{
    *out = MONEY_ZERO;
    return model_price(out, pricing, name, 0) != RC_BAD_INPUT;
}

/* What is charged under some condition only (a time of day, a length) cannot be told
 * from here: such a model waits for a price of the operator's. */
static bool has_overrides(struct slice pricing)
{
    struct slice overrides, unused;
    size_t at = 0;

    return json_raw_member(&overrides, pricing, "overrides") == JSON_ARRAY &&
           json_raw_element(&unused, overrides, &at) != JSON_ABSENT;
}

static void read_pricing(struct found_model *m, struct slice json, bool is_bare)
{
    static const struct model_price_names per_token = {
        "prompt", "completion", "input_cache_read", "input_cache_write", 6};
    static const struct model_price_names per_million = {"input", "output",
                                                         "cached_input", NULL, 0};
    struct money request, search;
    struct slice pricing;

    if (json_raw_member(&pricing, json, "pricing") != JSON_OBJECT ||
        has_overrides(pricing) || !read_fee(&request, pricing, "request") ||
        !read_fee(&search, pricing, "web_search"))
        return;
    model_take_price(m, pricing, is_bare ? &per_million : &per_token);
    m->price.request = request;
    m->price.web_search = search;
}

/* Models ---- */

/* Together's word for what a model is for; elsewhere there is none, or another's. */
static bool is_served(struct model_page *page, struct slice json)
{
    static const char *const unserved[] = {"image",      "audio",  "video",
                                           "moderation", "rerank", "transcribe"};
    const struct slice type = model_text(page, json, "type");

    for (size_t i = 0; i < sizeof(unserved) / sizeof(unserved[0]); i++)
        if (slice_equal_str(type, unserved[i]))
            return false;
    return !model_is_false(json, "active");
}

static void read_model(struct model_page *page, struct slice json, bool is_bare)
{
    struct found_model *m;

    if (!is_served(page, json))
        return;
    m = model_add(page, model_text(page, json, "id"));
    if (m == NULL)
        return;
    read_limits(m, json);
    read_modalities(m, json);
    read_modalities(m, member(json, "architecture"));
    read_parameters(m, json);
    read_capabilities(m, json);
    if (slice_equal_str(model_text(page, json, "type"), "embedding"))
        m->endpoints |= MODEL_BY_EMBEDDINGS;
    read_pricing(m, json, is_bare);
}

static enum rc read_openai(struct model_page *page, struct slice json)
{
    const bool is_bare = json_raw_type(json) == JSON_ARRAY;
    struct model_walk w;
    struct slice model;

    TRY(model_walk(&w, json, is_bare ? NULL : "data"));
    while (model_next(&w, &model))
        read_model(page, model, is_bare);
    return RC_OK;
}

static const struct model_list plain = {
    .path = "/models",
    .key_header = "Authorization",
    .read = read_openai,
};

/* xAI ---- */

/* Its prices are integers in US cents for a hundred million tokens; of prompts above
 * `long_context_threshold` there are others. */
static void read_xai_price(struct found_model *m, struct slice json)
{
    static const struct model_price_names names = {
        "prompt_text_token_price", "completion_text_token_price",
        "cached_prompt_text_token_price", NULL, -4};
    static const struct model_price_names above = {
        "prompt_text_token_price_long_context",
        "completion_text_token_price_long_context",
        "cached_prompt_text_token_price_long_context", NULL, -4};
    struct found_model dearer = {.id = ""};
    const uint64_t threshold = model_tokens(json, "long_context_threshold");

    model_take_price(m, json, &names);
    if (!m->priced || threshold == 0)
        return;
    model_take_price(&dearer, json, &above);
    m->priced = dearer.priced;
    m->price.above = threshold;
    m->price.above_input = dearer.price.input;
    m->price.above_cached_input = dearer.price.cached_input;
    m->price.above_output = dearer.price.output;
}

static enum rc read_xai(struct model_page *page, struct slice json)
{
    struct model_walk w;
    struct slice model;

    TRY(model_walk(&w, json, "models"));
    while (model_next(&w, &model)) {
        struct found_model *m = model_add(page, model_text(page, model, "id"));

        if (m == NULL)
            continue;
        read_limits(m, model);
        read_modalities(m, model);
        read_xai_price(m, model);
    }
    return RC_OK;
}

static const struct model_list xai = {
    .path = "/language-models",
    .key_header = "Authorization",
    .read = read_xai,
};

const struct model_list *model_list_openai(const struct config_provider *p)
{
    (void)p;
    return &plain;
}

const struct model_list *model_list_compatible(const struct config_provider *p)
{
    return p->vendor != NULL && strcmp(p->vendor, "xai") == 0 ? &xai : &plain;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/model_show.h"

#include "base/clock.h"
#include "gateway/catalog.h"
#include "gateway/path.h"
#include "gateway/price.h"
#include "gateway/request.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    LIST_MAX = 16 << 20,
    TOKEN_PLACES = 15, /* of the price of one token: nano-dollars for a million */
    TOKEN_TEXT_SIZE = 40
};

/* Which -------------------------------------------------------------------------------
 */

bool model_visible(const struct request *r, const struct config_model *m)
{
    return !r->identified || wallet_model_allowed(&r->caller, slice_str(m->name));
}

static bool has_short_name(const struct request *r, const struct config_model *m)
{
    const struct config_model *other =
        config_model(r->config, slice_str(m->targets[0].model));

    return other != NULL && other->is_alias && model_visible(r, other);
}

bool model_listed(const struct request *r, const struct config_model *m)
{
    return model_visible(r, m) && !(m->found && !m->is_alias && has_short_name(r, m));
}

bool model_talks(const struct config_model *m)
{
    return m->endpoints != MODEL_BY_EMBEDDINGS;
}

/* Words -------------------------------------------------------------------------------
 */

static bool can(const struct config_model *m, unsigned cap)
{
    return (m->caps & cap) != 0;
}

/* What is not known is not denied: nothing is refused for it either. */
static bool may(const struct config_model *m, unsigned cap)
{
    return can(m, cap) || (!m->caps_known && m->caps == 0);
}

/* Of a rate, the markup in it. false: more than an amount can hold. */
static bool rate(struct money *out, const struct config_price *p, enum price_rate which)
{
    return money_markup(out, p->base.of[which], p->markup_ppm);
}

static const struct config_price *price_now(const struct config_model *m)
{
    return price_at(m, clock_wall_us());
}

static const char *owner(const struct config_model *m)
{
    return m->target_count > 0 ? m->targets[0].provider->name : "octroi";
}

static void put_word(struct json_out *o, bool yes, const char *word)
{
    if (yes)
        json_out_str(o, word);
}

/* OpenAI ------------------------------------------------------------------------------
 */

static void put_price(struct json_out *o, const struct config_price *p)
{
    static const struct {
        const char *name;
        enum price_rate rate;
    } lines[] = {
        {"input", PRICE_INPUT},
        {"cached_input", PRICE_CACHED_INPUT},
        {"cache_write", PRICE_CACHE_WRITE},
        {"output", PRICE_OUTPUT},
    };

    char text[MONEY_TEXT_SIZE];
    struct money m;

    json_out_key(o, "pricing"); /* USD per million tokens */
    json_out_object(o);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (rate(&m, p, lines[i].rate)) {
            money_print_short(text, m);
            json_out_kstr(o, lines[i].name, text);
        }
    json_out_end_object(o);
}

static void put_caps(struct json_out *o, const struct config_model *m)
{
    if (!m->caps_known && m->caps == 0)
        return;
    json_out_key(o, "capabilities");
    json_out_array(o);
    for (unsigned i = 0; catalog_cap_name(i) != NULL; i++)
        put_word(o, can(m, 1u << i), catalog_cap_name(i));
    json_out_end_array(o);
}

void model_show_openai(struct json_out *o, const struct config *c,
                       const struct config_model *m)
{
    const struct config_price *price = price_now(m);

    json_out_object(o);
    json_out_kstr(o, "id", m->name);
    json_out_kstr(o, "object", "model");
    json_out_ku64(o, "created", c->loaded_us / 1000000);
    json_out_kstr(o, "owned_by", owner(m));
    json_out_ku64(o, "context_length", m->context_tokens);
    json_out_ku64(o, "max_output_tokens", m->max_output_tokens);
    put_caps(o, m);
    json_out_kbool(o, "priced", price != NULL);
    if (price != NULL)
        put_price(o, price);
    json_out_end_object(o);
}

/* Anthropic ---------------------------------------------------------------------------
 */

static void put_supported(struct json_out *o, const char *name, bool yes)
{
    json_out_key(o, name);
    json_out_object(o);
    json_out_kbool(o, "supported", yes);
    json_out_end_object(o);
}

void model_show_anthropic(struct json_out *o, const struct config *c,
                          const struct config_model *m)
{
    json_out_object(o);
    json_out_kstr(o, "type", "model");
    json_out_kstr(o, "id", m->name);
    json_out_kstr(o, "display_name", m->name);
    json_out_key(o, "created_at");
    json_out_time(o, c->loaded_us);
    json_out_ku64(o, "max_input_tokens", m->context_tokens);
    json_out_ku64(o, "max_tokens", m->max_output_tokens);
    json_out_key(o, "capabilities");
    if (m->caps_known || m->caps != 0) {
        json_out_object(o);
        put_supported(o, "image_input", can(m, MODEL_CAP_VISION));
        put_supported(o, "pdf_input", can(m, MODEL_CAP_PDF));
        put_supported(o, "structured_outputs", can(m, MODEL_CAP_JSON_SCHEMA));
        put_supported(o, "thinking", can(m, MODEL_CAP_REASONING));
        json_out_end_object(o);
    } else {
        json_out_null(o);
    }
    json_out_end_object(o);
}

/* Gemini ------------------------------------------------------------------------------
 */

void model_show_gemini(struct json_out *o, const struct config *c,
                       const struct config_model *m)
{
    char name[256 + sizeof("models/")];

    (void)c;
    (void)snprintf(name, sizeof(name), "models/%s", m->name);
    json_out_object(o);
    json_out_kstr(o, "name", name);
    json_out_kstr(o, "baseModelId", m->name);
    json_out_kstr(o, "version", "001");
    json_out_kstr(o, "displayName", m->name);
    json_out_ku64(o, "inputTokenLimit", m->context_tokens);
    json_out_ku64(o, "outputTokenLimit", m->max_output_tokens);
    json_out_key(o, "supportedGenerationMethods");
    json_out_array(o);
    json_out_str(o, "generateContent");
    json_out_str(o, "countTokens");
    json_out_end_array(o);
    json_out_kbool(o, "thinking", can(m, MODEL_CAP_REASONING));
    json_out_end_object(o);
}

/* OpenRouter --------------------------------------------------------------------------
 */

/* USD for one token: "0.00000125". */
static void put_per_token(struct json_out *o, const char *name, struct money per_mtok)
{
    const uint64_t nano = money_to_nano(per_mtok);
    const uint64_t one = UINT64_C(1000000000000000);
    char text[TOKEN_TEXT_SIZE];
    int len = snprintf(text, sizeof(text), "%" PRIu64 ".%0*" PRIu64, nano / one,
                       TOKEN_PLACES, nano % one);

    while (text[len - 1] == '0')
        len--;
    if (text[len - 1] == '.')
        len--;
    text[len] = '\0';
    json_out_kstr(o, name, text);
}

static void put_rate(struct json_out *o, const char *name, const struct config_price *p,
                     enum price_rate which)
{
    struct money m;

    if (rate(&m, p, which))
        put_per_token(o, name, m);
}

static void put_fee(struct json_out *o, const char *name, const struct config_price *p,
                    struct money fee)
{
    char text[MONEY_TEXT_SIZE];

    if (!money_markup(&fee, fee, p->markup_ppm))
        return;
    money_print_short(text, fee);
    json_out_kstr(o, name, text);
}

/* Where no price is known these clients read "-1". */
static void put_router_pricing(struct json_out *o, const struct config_price *p)
{
    json_out_key(o, "pricing");
    json_out_object(o);
    if (p == NULL) {
        json_out_kstr(o, "prompt", "-1");
        json_out_kstr(o, "completion", "-1");
    } else {
        put_rate(o, "prompt", p, PRICE_INPUT);
        put_rate(o, "completion", p, PRICE_OUTPUT);
        put_fee(o, "request", p, p->request);
        put_rate(o, "image_token", p, PRICE_IMAGE_INPUT);
        put_rate(o, "audio", p, PRICE_AUDIO_INPUT);
        put_fee(o, "web_search", p, p->web_search);
        put_rate(o, "internal_reasoning", p, PRICE_REASONING_OUTPUT);
        put_rate(o, "input_cache_read", p, PRICE_CACHED_INPUT);
        put_rate(o, "input_cache_write", p, PRICE_CACHE_WRITE);
    }
    json_out_end_object(o);
}

static void put_architecture(struct json_out *o, const struct config_model *m)
{
    const bool talks = model_talks(m);

    json_out_key(o, "architecture");
    json_out_object(o);
    json_out_kstr(o, "modality",
                  !talks                     ? "text->embeddings"
                  : can(m, MODEL_CAP_VISION) ? "text+image->text"
                                             : "text->text");
    json_out_key(o, "input_modalities");
    json_out_array(o);
    json_out_str(o, "text");
    put_word(o, can(m, MODEL_CAP_VISION), "image");
    put_word(o, can(m, MODEL_CAP_PDF), "file");
    put_word(o, can(m, MODEL_CAP_AUDIO_IN), "audio");
    put_word(o, can(m, MODEL_CAP_VIDEO_IN), "video");
    json_out_end_array(o);
    json_out_key(o, "output_modalities");
    json_out_array(o);
    json_out_str(o, talks ? "text" : "embeddings");
    put_word(o, can(m, MODEL_CAP_AUDIO_OUT), "audio");
    json_out_end_array(o);
    json_out_kstr(o, "tokenizer", "Other");
    json_out_key(o, "instruct_type");
    json_out_null(o);
    json_out_end_object(o);
}

static void put_parameters(struct json_out *o, const struct config_model *m)
{
    const bool talks = model_talks(m);
    const bool samples = talks && !can(m, MODEL_CAP_NO_SAMPLING);

    json_out_key(o, "supported_parameters");
    json_out_array(o);
    put_word(o, talks, "max_tokens");
    put_word(o, talks, "stop");
    put_word(o, samples, "temperature");
    put_word(o, samples, "top_p");
    put_word(o, talks && may(m, MODEL_CAP_TOOLS), "tools");
    put_word(o, talks && may(m, MODEL_CAP_TOOLS), "tool_choice");
    put_word(o, talks && may(m, MODEL_CAP_PARALLEL_TOOLS), "parallel_tool_calls");
    put_word(o, talks && may(m, MODEL_CAP_JSON_SCHEMA), "response_format");
    put_word(o, talks && may(m, MODEL_CAP_JSON_SCHEMA), "structured_outputs");
    put_word(o, can(m, MODEL_CAP_REASONING), "reasoning");
    put_word(o, can(m, MODEL_CAP_REASONING), "include_reasoning");
    put_word(o, can(m, MODEL_CAP_WEB_SEARCH), "web_search_options");
    json_out_end_array(o);
}

static void put_links(struct json_out *o, const struct config_model *m)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "/api/v1/models/%s", m->name);
    json_out_key(o, "links");
    json_out_object(o);
    json_out_kstr(o, "details", path);
    json_out_end_object(o);
}

void model_show_openrouter(struct json_out *o, const struct config *c,
                           const struct config_model *m)
{
    json_out_object(o);
    json_out_kstr(o, "id", m->name);
    json_out_kstr(o, "canonical_slug", m->name);
    json_out_kstr(o, "name", m->name);
    json_out_ku64(o, "created", c->loaded_us / 1000000);
    json_out_kstr(o, "description", "");
    json_out_ku64(o, "context_length", m->context_tokens);
    put_architecture(o, m);
    put_router_pricing(o, price_now(m));
    json_out_key(o, "top_provider");
    json_out_object(o);
    json_out_ku64(o, "context_length", m->context_tokens);
    json_out_ku64(o, "max_completion_tokens", m->max_output_tokens);
    json_out_kbool(o, "is_moderated", false);
    json_out_end_object(o);
    json_out_key(o, "per_request_limits");
    json_out_null(o);
    put_parameters(o, m);
    json_out_key(o, "default_parameters");
    json_out_null(o);
    put_links(o, m);
    json_out_end_object(o);
}

/* Answers -----------------------------------------------------------------------------
 */

static void reply(struct request *r, struct buf *b)
{
    if (buf_spent(b)) {
        r->rc = RC_NOMEM;
        r->fault.rc = RC_NOMEM;
        request_reply_fault(r);
    } else {
        request_reply(r, 200, "application/json", buf_slice(b));
    }
    buf_free(b);
}

void model_reply_list(struct request *r, const char *before, model_show_fn *show,
                      bool (*wanted)(const struct config_model *m), const char *after)
{
    const struct config *c = r->config;
    struct json_out o;
    struct buf b;

    buf_init(&b, LIST_MAX);
    buf_append_str(&b, before);
    json_out_init(&o, &b);
    json_out_array(&o);
    for (size_t i = 0; i < c->model_count; i++)
        if (model_listed(r, &c->models[i]) && (wanted == NULL || wanted(&c->models[i])))
            show(&o, c, &c->models[i]);
    json_out_end_array(&o);
    buf_append_str(&b, after);
    reply(r, &b);
}

void model_reply_one(struct request *r, struct slice raw_name, const char *before,
                     model_show_fn *show, const char *after)
{
    const struct config_model *m;
    struct json_out o;
    struct slice name;
    struct buf b;

    /* Model names may hold slashes, which SDKs send escaped. */
    if (path_decode(&name, raw_name, r->arena) != RC_OK)
        name = raw_name;
    m = config_model(r->config, name);
    if (m == NULL || !model_visible(r, m)) {
        r->rc = request_fault(r, RC_MODEL_UNKNOWN, "model",
                              "There is no model '%.*s'; GET /v1/models lists them.",
                              SLICE_FMT(name));
        request_reply_fault(r);
        return;
    }
    buf_init(&b, LIST_MAX);
    buf_append_str(&b, before);
    json_out_init(&o, &b);
    show(&o, r->config, m);
    buf_append_str(&b, after);
    reply(r, &b);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tools and settings of a conversation as Gemini has them, and the list of what it does
 * not have. */
#include "gateway/wires/gemini_int.h"
#include "gateway/wires/json_body.h"

enum {
    BUDGET_MAX = 24576, /* of thinking; the largest that every 2.5 model takes */
    BUDGET_PRO_MAX = 32768,
    BUDGET_PRO_MIN = 128,
    SEED_DIGITS_MAX = 9 /* it has 32 bits there */
};

/* ---- Tools ---- */

/* Google's own tools are named by a member; those of others by their "type". */
static bool is_google_tool(const struct tool *t)
{
    struct slice type;

    return t->kind == TOOL_HOSTED && t->raw.len > 0 &&
           json_raw_member(&type, t->raw, "type") == JSON_ABSENT;
}

/* parametersJsonSchema takes a JSON Schema as it is, "$schema" and
 * "additionalProperties" included; `parameters` refuses both. */
static void put_declaration(struct gemini_writer *w, const struct tool *t)
{
    json_out_object(&w->o);
    json_out_kslice(&w->o, "name", t->name);
    if (t->description.json.len > 0) {
        json_out_key(&w->o, "description");
        json_out_raw(&w->o, t->description.json);
    }
    if (t->schema.len > 0) {
        json_out_key(&w->o, "parametersJsonSchema");
        json_out_raw(&w->o, t->schema);
    }
    json_out_end_object(&w->o);
    if (slice_equal(t->strict, SLICE("true")))
        losses_add(w->lost, "strict");
    if (t->cached)
        losses_add(w->lost, "cache_control");
}

static bool has_functions(const struct conversation *c)
{
    for (const struct tool *t = c->tools; t != NULL; t = t->next)
        if (t->kind == TOOL_FUNCTION)
            return true;
    return false;
}

static void put_tools(struct gemini_writer *w)
{
    const bool functions = has_functions(w->c);
    bool others = false;

    for (const struct tool *t = w->c->tools; t != NULL; t = t->next) {
        if (t->kind != TOOL_FUNCTION && !is_google_tool(t))
            losses_add(w->lost, t->path);
        others |= is_google_tool(t);
    }
    if (!functions && !others)
        return;
    json_out_key(&w->o, "tools");
    json_out_array(&w->o);
    if (functions) {
        json_out_object(&w->o);
        json_out_key(&w->o, "functionDeclarations");
        json_out_array(&w->o);
        for (const struct tool *t = w->c->tools; t != NULL; t = t->next)
            if (t->kind == TOOL_FUNCTION)
                put_declaration(w, t);
        json_out_end_array(&w->o);
        json_out_end_object(&w->o);
    }
    for (const struct tool *t = w->c->tools; t != NULL; t = t->next)
        if (is_google_tool(t))
            json_out_raw(&w->o, t->raw);
    json_out_end_array(&w->o);
}

static const struct extra *find_extra(const struct conversation *c, const char *name)
{
    for (const struct extra *x = c->extras; x != NULL; x = x->next)
        if (slice_equal_str(x->name, name))
            return x;
    return NULL;
}

static const char allowed_names[] =
    "toolConfig.functionCallingConfig.allowedFunctionNames";
static const char odd_mode[] = "toolConfig.functionCallingConfig.mode"; /* VALIDATED */

static const char *mode_of(const struct conversation *c)
{
    if (find_extra(c, odd_mode) != NULL)
        return "VALIDATED";
    switch (c->tool_choice) {
    case TOOL_CHOICE_ABSENT:
        return NULL;
    case TOOL_CHOICE_AUTO:
        return "AUTO";
    case TOOL_CHOICE_NONE:
        return "NONE";
    case TOOL_CHOICE_REQUIRED:
    case TOOL_CHOICE_NAMED:
        return "ANY";
    }
    return NULL;
}

static void put_choice(struct gemini_writer *w)
{
    const struct extra *allowed = find_extra(w->c, allowed_names);
    const char *mode = mode_of(w->c);

    if (mode == NULL || !has_functions(w->c))
        return;
    json_out_key(&w->o, "toolConfig");
    json_out_object(&w->o);
    json_out_key(&w->o, "functionCallingConfig");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "mode", mode);
    if (w->c->tool_choice == TOOL_CHOICE_NAMED) {
        json_out_key(&w->o, "allowedFunctionNames");
        json_out_array(&w->o);
        json_out_slice(&w->o, w->c->tool_name);
        json_out_end_array(&w->o);
    } else if (allowed != NULL) {
        json_out_key(&w->o, "allowedFunctionNames");
        json_out_raw(&w->o, allowed->value);
    }
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
}

/* ---- generationConfig ---- */

static void put_raw(struct gemini_writer *w, const char *key, struct slice raw)
{
    if (raw.len == 0)
        return;
    json_out_key(&w->o, key);
    json_out_raw(&w->o, raw);
}

static void put_sampling(struct gemini_writer *w)
{
    const struct conversation *c = w->c;
    uint64_t seed;

    if (w->t->quirks & QUIRK_NO_SAMPLING) {
        if (c->temperature.len > 0)
            losses_add(w->lost, "temperature");
        if (c->top_p.len > 0)
            losses_add(w->lost, "top_p");
        if (c->top_k.len > 0)
            losses_add(w->lost, "top_k");
    } else {
        put_raw(w, "temperature", c->temperature);
        put_raw(w, "topP", c->top_p);
        put_raw(w, "topK", c->top_k);
    }
    put_raw(w, "presencePenalty", c->presence_penalty);
    put_raw(w, "frequencyPenalty", c->frequency_penalty);
    if (json_raw_u64(&seed, c->seed) == RC_OK && c->seed.len <= SEED_DIGITS_MAX)
        put_raw(w, "seed", c->seed);
    else if (c->seed.len > 0)
        losses_add(w->lost, "seed");
}

static void put_bounds(struct gemini_writer *w)
{
    const struct conversation *c = w->c;

    if (w->t->bound_forced)
        json_out_ku64(&w->o, "maxOutputTokens", w->t->output_bound);
    else if (c->has_output_bound)
        json_out_ku64(&w->o, "maxOutputTokens", c->output_bound);
    if (c->choices > 1)
        json_out_ku64(&w->o, "candidateCount", c->choices);
    if (c->stop_count > 0) {
        json_out_key(&w->o, "stopSequences");
        json_out_array(&w->o);
        for (size_t i = 0; i < c->stop_count; i++)
            json_out_raw(&w->o, c->stop[i].json);
        json_out_end_array(&w->o);
    }
    if (slice_equal(c->logprobs, SLICE("true"))) {
        json_out_kbool(&w->o, "responseLogprobs", true);
        put_raw(w, "logprobs", c->top_logprobs);
    }
}

/* Before Gemini 3 functions and JSON answers exclude each other. */
static void put_form(struct gemini_writer *w)
{
    const struct conversation *c = w->c;

    if (w->before_3 && has_functions(c) && c->form != FORM_TEXT) {
        losses_add(w->lost, "response_format");
        return;
    }
    switch (c->form) {
    case FORM_TEXT:
        return;
    case FORM_SCHEMA:
        put_raw(w, "responseJsonSchema", c->schema);
        if (!quoted_is_empty(c->schema_description))
            losses_add(w->lost, "response_format.json_schema.description");
        break;
    case FORM_JSON:
        break;
    }
    json_out_kstr(&w->o, "responseMimeType", "application/json");
}

/* Gemini 3 Pro neither stops to think nor has a level below low. */
static const char *level_of(const struct gemini_writer *w)
{
    const bool pro = slice_search(w->t->model, SLICE("-pro")) < w->t->model.len;

    switch (w->c->effort) {
    case EFFORT_ABSENT:
        return NULL;
    case EFFORT_NONE:
    case EFFORT_MINIMAL:
        return pro ? "LOW" : "MINIMAL";
    case EFFORT_LOW:
        return "LOW";
    case EFFORT_MEDIUM:
        return "MEDIUM";
    case EFFORT_HIGH:
    case EFFORT_XHIGH:
    case EFFORT_MAX:
        return "HIGH";
    }
    return NULL;
}

/* The numbers are those of Google's own OpenAI face. false: nothing is told. */
static bool budget_of(const struct gemini_writer *w, uint64_t *out)
{
    const bool pro = slice_search(w->t->model, SLICE("-pro")) < w->t->model.len;
    uint64_t budget = 0;

    switch (w->c->effort) {
    case EFFORT_ABSENT:
        if (!w->c->has_thinking_budget)
            return false;
        break;
    case EFFORT_NONE:
        break;
    case EFFORT_MINIMAL:
    case EFFORT_LOW:
        budget = 1024;
        break;
    case EFFORT_MEDIUM:
        budget = 8192;
        break;
    case EFFORT_HIGH:
        budget = BUDGET_MAX;
        break;
    case EFFORT_XHIGH:
    case EFFORT_MAX:
        budget = BUDGET_PRO_MAX;
        break;
    }
    if (w->c->has_thinking_budget)
        budget = w->c->thinking_budget;
    if (budget > (pro ? BUDGET_PRO_MAX : BUDGET_MAX))
        budget = pro ? BUDGET_PRO_MAX : BUDGET_MAX;
    if (pro && budget < BUDGET_PRO_MIN)
        budget = BUDGET_PRO_MIN; /* it can not be switched off */
    *out = budget;
    return true;
}

/* Gemini 3 takes a level or a budget, those before a budget only. */
static void put_thinking(struct gemini_writer *w)
{
    const struct conversation *c = w->c;
    const bool levels = !w->before_3 && !(w->t->quirks & QUIRK_THINKING_BUDGET);
    const bool by_level = levels && c->effort != EFFORT_ABSENT;
    const bool shown = c->reasoning_shown && gemini__thinks(w->t->model);
    uint64_t budget;
    const bool by_budget = !by_level && budget_of(w, &budget);

    if (!by_level && !by_budget && !shown)
        return;
    json_out_key(&w->o, "thinkingConfig");
    json_out_object(&w->o);
    if (by_level)
        json_out_kstr(&w->o, "thinkingLevel", level_of(w));
    if (by_budget)
        json_out_ku64(&w->o, "thinkingBudget", budget);
    if (shown)
        json_out_kbool(&w->o, "includeThoughts", true);
    json_out_end_object(&w->o);
}

/* ["text","image"] of OpenAI's clients. */
static bool put_modalities(struct gemini_writer *w, const struct extra *x)
{
    static const struct {
        const char *theirs, *ours;
    } known[] = {{"text", "TEXT"}, {"image", "IMAGE"}, {"audio", "AUDIO"}};
    struct slice item;
    size_t at = 0;

    if (json_raw_type(x->value) != JSON_ARRAY)
        return false;
    json_out_key(&w->o, "responseModalities");
    json_out_array(&w->o);
    while (json_raw_element(&item, x->value, &at) != JSON_ABSENT)
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            if (json_body_is(item, known[i].theirs))
                json_out_str(&w->o, known[i].ours);
    json_out_end_array(&w->o);
    return true;
}

static const struct slice config_prefix = {"generationConfig.", 17};

/* Members that are written from the common form: an extra of that name would be the
 * second, and one that nobody has counted. Google reads both spellings of it. */
static bool is_written(const struct gemini_writer *w, struct slice name)
{
    static const char *const own[] = {"temperature",
                                      "topP",
                                      "topK",
                                      "seed",
                                      "presencePenalty",
                                      "frequencyPenalty",
                                      "maxOutputTokens",
                                      "candidateCount",
                                      "stopSequences",
                                      "responseLogprobs",
                                      "logprobs",
                                      "thinkingConfig"};
    static const char *const form[] = {"responseMimeType", "responseSchema",
                                       "responseJsonSchema"};
    static const char *const modalities[] = {"responseModalities"};
    const struct slice key = slice_str(arena_printf(w->a, "\"%.*s\"", SLICE_FMT(name)));
    const size_t own_count = sizeof(own) / sizeof(own[0]);

    if (gemini__index(key, own, own_count) < own_count)
        return true;
    if (gemini__index(key, form, 3) < 3)
        return w->c->form != FORM_TEXT;
    return gemini__index(key, modalities, 1) == 0 &&
           find_extra(w->c, "modalities") != NULL;
}

/* Settings of Google's that the common form does not know, when Google's client gave
 * them. */
static void put_config_extras(struct gemini_writer *w)
{
    for (const struct extra *x = w->c->extras; x != NULL; x = x->next) {
        const struct slice name = slice_sub(x->name, config_prefix.len, x->name.len);
        const char *key;

        if (slice_equal(x->name, SLICE("modalities"))) {
            if (!put_modalities(w, x))
                losses_add(w->lost, "modalities");
            continue;
        }
        if (!slice_starts(x->name, config_prefix))
            continue;
        key = arena_copy(w->a, name.bytes, name.len);
        if (key != NULL && is_written(w, name))
            losses_add(w->lost, key);
        else if (key != NULL)
            put_raw(w, key, x->value);
    }
}

/* ---- The rest ---- */

static void put_tier(struct gemini_writer *w)
{
    static const char *const usual[] = {"auto", "default", "standard_only", "standard"};
    const struct slice tier = w->c->service_tier;

    if (tier.len == 0)
        return;
    for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++)
        if (slice_equal_str(tier, usual[i]))
            return;
    if (slice_equal(tier, SLICE("flex")) || slice_equal(tier, SLICE("priority")))
        json_out_kslice(&w->o, "serviceTier", tier);
    else
        losses_add(w->lost, "service_tier");
}

/* Google's own member passes, also when another dialect's client gives it. A
 * cachedContent does not: it lies in the operator's account, and nobody counts it. */
static void put_extras(struct gemini_writer *w)
{
    static const char *const known[] = {"safetySettings"};
    bool done = false;

    for (const struct extra *x = w->c->extras; x != NULL; x = x->next) {
        const struct slice key =
            slice_str(arena_printf(w->a, "\"%.*s\"", SLICE_FMT(x->name)));

        if (gemini__index(key, known, 1) == 0 && !done) {
            put_raw(w, known[0], x->value);
            done = true;
        } else if (!slice_starts(x->name, config_prefix) &&
                   !slice_equal(x->name, SLICE("modalities")) &&
                   !slice_equal_str(x->name, allowed_names) &&
                   !slice_equal_str(x->name, odd_mode)) {
            losses_add(w->lost, arena_copy(w->a, x->name.bytes, x->name.len));
        }
    }
}

static void list_losses(struct gemini_writer *w)
{
    const struct conversation *c = w->c;

    if (c->logit_bias.len > 2)
        losses_add(w->lost, "logit_bias");
    if (!quoted_is_empty(c->user))
        losses_add(w->lost, "user");
    if (c->metadata.len > 2)
        losses_add(w->lost, "metadata");
    if (c->verbosity.len > 0 && !slice_equal(c->verbosity, SLICE("medium")))
        losses_add(w->lost, "verbosity");
    if (slice_equal(c->parallel_calls, SLICE("false")) && has_functions(c))
        losses_add(w->lost, "parallel_tool_calls");
}

enum rc gemini__write_config(struct gemini_writer *w)
{
    if (w->c->choices > GEMINI_CHOICES_MAX)
        return wire_refuse(w->fault, w->a, "n",
                           "The chosen provider gives at most %d choices.",
                           GEMINI_CHOICES_MAX);
    put_tools(w);
    put_choice(w);
    json_out_key(&w->o, "generationConfig");
    json_out_object(&w->o);
    put_sampling(w);
    put_bounds(w);
    put_form(w);
    put_thinking(w);
    put_config_extras(w);
    json_out_end_object(&w->o);
    put_tier(w);
    put_extras(w);
    list_losses(w);
    return arena_spent(w->a) ? RC_NOMEM : RC_OK;
}

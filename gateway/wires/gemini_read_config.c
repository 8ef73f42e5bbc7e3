/* SPDX-License-Identifier: Apache-2.0 */
/* A Gemini client's generationConfig, tools and toolConfig. What the common form has no
 * place for is kept by its path, so that it is named among what got lost. */
#include "gateway/wires/gemini_int.h"
#include "gateway/wires/json_body.h"

enum {
    STOPS_MAX = sizeof(((struct conversation *)0)->stop) / sizeof(struct quoted),
    OUTPUT_TOKENS_MAX = 100000000, /* beyond any model */
    ALLOWED_CHECKED_MAX = 128      /* each is looked for among all tools */
};

static void keep(struct gemini_reader *r, const char *path, struct slice value)
{
    if (path != NULL)
        conversation_extra(r->c, slice_str(path), value, r->a);
}

static const char *join(struct gemini_reader *r, const char *path, struct slice key)
{
    const struct slice name = quoted_inside((struct quoted){key});

    return arena_printf(r->a, "%s.%.*s", path, SLICE_FMT(name));
}

/* ---- generationConfig ---- */

enum config {
    CONFIG_TEMPERATURE,
    CONFIG_TOP_P,
    CONFIG_TOP_K,
    CONFIG_PRESENCE,
    CONFIG_FREQUENCY,
    CONFIG_SEED,
    CONFIG__NUMBERS, /* those before are kept as they are */
    CONFIG_CHOICES = CONFIG__NUMBERS,
    CONFIG_BOUND,
    CONFIG_STOP,
    CONFIG_LOGPROBS_ON,
    CONFIG_LOGPROBS,
    CONFIG_TYPE,
    CONFIG_SCHEMA,
    CONFIG_JSON_SCHEMA,
    CONFIG_MODALITIES,
    CONFIG_THINKING,
    CONFIG__COUNT
};

static const char *const config_names[CONFIG__COUNT] = {
    [CONFIG_TEMPERATURE] = "temperature",
    [CONFIG_TOP_P] = "topP",
    [CONFIG_TOP_K] = "topK",
    [CONFIG_PRESENCE] = "presencePenalty",
    [CONFIG_FREQUENCY] = "frequencyPenalty",
    [CONFIG_SEED] = "seed",
    [CONFIG_CHOICES] = "candidateCount",
    [CONFIG_BOUND] = "maxOutputTokens",
    [CONFIG_STOP] = "stopSequences",
    [CONFIG_LOGPROBS_ON] = "responseLogprobs",
    [CONFIG_LOGPROBS] = "logprobs",
    [CONFIG_TYPE] = "responseMimeType",
    [CONFIG_SCHEMA] = "responseSchema",
    [CONFIG_JSON_SCHEMA] = "responseJsonSchema",
    [CONFIG_MODALITIES] = "responseModalities",
    [CONFIG_THINKING] = "thinkingConfig",
};

static const char *config_path(struct gemini_reader *r, enum config i)
{
    const char *path = arena_printf(r->a, "generationConfig.%s", config_names[i]);

    return path != NULL ? path : "generationConfig";
}

static enum rc read_numbers(struct gemini_reader *r, const struct slice *v)
{
    struct conversation *c = r->c;
    struct slice *const to[CONFIG__NUMBERS] = {[CONFIG_TEMPERATURE] = &c->temperature,
                                               [CONFIG_TOP_P] = &c->top_p,
                                               [CONFIG_TOP_K] = &c->top_k,
                                               [CONFIG_PRESENCE] = &c->presence_penalty,
                                               [CONFIG_FREQUENCY] =
                                                   &c->frequency_penalty,
                                               [CONFIG_SEED] = &c->seed};

    for (size_t i = 0; i < CONFIG__NUMBERS; i++) {
        if (v[i].len == 0)
            continue;
        if (json_raw_type(v[i]) != JSON_NUMBER)
            return wire_refuse(r->fault, r->a, config_path(r, (enum config)i),
                               "'%s' must be a number.", config_names[i]);
        *to[i] = v[i];
    }
    return RC_OK;
}

static enum rc read_u64(struct gemini_reader *r, uint64_t *out, bool *given,
                        const struct slice *v, enum config i, uint64_t max)
{
    uint64_t value;

    *given = false;
    if (v[i].len == 0)
        return RC_OK;
    if (json_raw_u64(&value, v[i]) != RC_OK || value < 1 || value > max)
        return wire_refuse(r->fault, r->a, config_path(r, i),
                           "'%s' must be an integer from 1 to %llu.", config_names[i],
                           (unsigned long long)max);
    *given = true;
    *out = value;
    return RC_OK;
}

static enum rc read_stops(struct gemini_reader *r, struct slice raw)
{
    struct conversation *c = r->c;
    struct slice item;
    size_t at = 0;

    if (raw.len == 0)
        return RC_OK;
    if (json_raw_type(raw) != JSON_ARRAY)
        return wire_refuse(r->fault, r->a, config_path(r, CONFIG_STOP),
                           "'stopSequences' must be an array of strings.");
    while (json_raw_element(&item, raw, &at) != JSON_ABSENT) {
        if (json_raw_type(item) != JSON_STRING || c->stop_count == STOPS_MAX)
            return wire_refuse(r->fault, r->a, config_path(r, CONFIG_STOP),
                               "'stopSequences' must be at most %d strings.",
                               (int)STOPS_MAX);
        c->stop[c->stop_count++] = (struct quoted){item};
    }
    return RC_OK;
}

static enum rc read_logprobs(struct gemini_reader *r, const struct slice *v)
{
    bool on = false;

    if (v[CONFIG_LOGPROBS_ON].len > 0 &&
        json_raw_bool(&on, v[CONFIG_LOGPROBS_ON]) != RC_OK)
        return wire_refuse(r->fault, r->a, config_path(r, CONFIG_LOGPROBS_ON),
                           "'responseLogprobs' must be true or false.");
    r->c->logprobs = v[CONFIG_LOGPROBS_ON];
    if (v[CONFIG_LOGPROBS].len > 0 && json_raw_type(v[CONFIG_LOGPROBS]) != JSON_NUMBER)
        return wire_refuse(r->fault, r->a, config_path(r, CONFIG_LOGPROBS),
                           "'logprobs' must be a number.");
    r->c->top_logprobs = v[CONFIG_LOGPROBS];
    return RC_OK;
}

static enum rc read_form(struct gemini_reader *r, const struct slice *v)
{
    struct conversation *c = r->c;
    const enum config which =
        v[CONFIG_JSON_SCHEMA].len > 0 ? CONFIG_JSON_SCHEMA : CONFIG_SCHEMA;
    struct slice type = SLICE("text/plain");

    if (v[CONFIG_TYPE].len > 0)
        TRY(gemini__plain(r, &type, v[CONFIG_TYPE], config_path(r, CONFIG_TYPE)));
    if (slice_equal(type, SLICE("application/json")))
        c->form = FORM_JSON;
    else if (!slice_equal(type, SLICE("text/plain")))
        keep(r, config_path(r, CONFIG_TYPE), v[CONFIG_TYPE]);
    if (v[which].len == 0)
        return RC_OK;
    if (v[CONFIG_SCHEMA].len > 0 && v[CONFIG_JSON_SCHEMA].len > 0)
        return wire_refuse(r->fault, r->a, config_path(r, CONFIG_SCHEMA),
                           "Give 'responseSchema' or 'responseJsonSchema', not both.");
    if (json_raw_type(v[which]) != JSON_OBJECT)
        return wire_refuse(r->fault, r->a, config_path(r, which),
                           "'%s' must be an object.", config_names[which]);
    if (c->form != FORM_JSON) {
        keep(r, config_path(r, which), v[which]);
        return RC_OK;
    }
    c->form = FORM_SCHEMA;
    c->schema = v[which];
    return which == CONFIG_SCHEMA ? gemini__schema(&c->schema, v[which], true, r->a)
                                  : RC_OK;
}

/* Text is what everybody gives anyway. */
static void read_modalities(struct gemini_reader *r, struct slice raw)
{
    struct slice item;
    size_t at = 0;

    while (json_raw_element(&item, raw, &at) != JSON_ABSENT)
        if (!json_body_is(item, "TEXT")) {
            keep(r, config_path(r, CONFIG_MODALITIES), raw);
            return;
        }
}

static enum rc read_level(struct gemini_reader *r, struct slice raw)
{
    static const struct {
        const char *name;
        enum effort effort;
    } levels[] = {{"minimal", EFFORT_MINIMAL},
                  {"low", EFFORT_LOW},
                  {"medium", EFFORT_MEDIUM},
                  {"high", EFFORT_HIGH},
                  {"thinking_level_unspecified", EFFORT_ABSENT}};

    const char *path = "generationConfig.thinkingConfig.thinkingLevel";
    struct slice plain;

    if (raw.len == 0)
        return RC_OK;
    TRY(gemini__plain(r, &plain, raw, path));
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        if (slice_equal_nocase(plain, slice_str(levels[i].name))) {
            r->c->effort = levels[i].effort;
            return RC_OK;
        }
    return wire_refuse(r->fault, r->a, path,
                       "'thinkingLevel' must be minimal, low, medium or high.");
}

static enum rc read_thinking(struct gemini_reader *r, struct slice raw)
{
    static const char *const names[] = {"includeThoughts", "thinkingBudget",
                                        "thinkingLevel"};
    struct conversation *c = r->c;
    struct slice v[3];

    if (raw.len == 0)
        return RC_OK;
    if (json_raw_type(raw) != JSON_OBJECT)
        return wire_refuse(r->fault, r->a, config_path(r, CONFIG_THINKING),
                           "'thinkingConfig' must be an object.");
    gemini__pick(v, names, 3, raw);
    if (v[0].len > 0 && json_raw_bool(&c->reasoning_shown, v[0]) != RC_OK)
        return wire_refuse(r->fault, r->a,
                           "generationConfig.thinkingConfig.includeThoughts",
                           "'includeThoughts' must be true or false.");
    if (v[1].len > 0 && !slice_equal(v[1], SLICE("-1"))) { /* -1: as it likes */
        if (json_raw_u64(&c->thinking_budget, v[1]) != RC_OK ||
            c->thinking_budget > OUTPUT_TOKENS_MAX)
            return wire_refuse(r->fault, r->a,
                               "generationConfig.thinkingConfig.thinkingBudget",
                               "'thinkingBudget' must be an integer from -1 to %d.",
                               OUTPUT_TOKENS_MAX);
        c->has_thinking_budget = true;
    }
    return read_level(r, v[2]);
}

enum rc gemini__read_config(struct gemini_reader *r, struct slice raw)
{
    struct slice key, value, v[CONFIG__COUNT] = {{NULL, 0}};
    enum json_kind kind;
    size_t at = 0;
    bool given;

    if (raw.len == 0)
        return RC_OK;
    if (json_raw_type(raw) != JSON_OBJECT)
        return wire_refuse(r->fault, r->a, "generationConfig",
                           "'generationConfig' must be an object.");
    while ((kind = json_raw_next(&key, &value, raw, &at)) != JSON_ABSENT) {
        const size_t i = gemini__index(key, config_names, CONFIG__COUNT);

        if (kind == JSON_NULL)
            continue;
        if (i < CONFIG__COUNT)
            v[i] = value;
        else
            keep(r, join(r, "generationConfig", key), value);
    }
    TRY(read_numbers(r, v));
    TRY(read_u64(r, &r->c->choices, &given, v, CONFIG_CHOICES, GEMINI_CHOICES_MAX));
    TRY(read_u64(r, &r->c->output_bound, &r->c->has_output_bound, v, CONFIG_BOUND,
                 OUTPUT_TOKENS_MAX));
    TRY(read_stops(r, v[CONFIG_STOP]));
    TRY(read_logprobs(r, v));
    TRY(read_form(r, v));
    read_modalities(r, v[CONFIG_MODALITIES]);
    return read_thinking(r, v[CONFIG_THINKING]);
}

/* ---- Tools ---- */

enum declaration {
    DECLARATION_NAME,
    DECLARATION_DESCRIPTION,
    DECLARATION_PARAMETERS,
    DECLARATION_JSON_SCHEMA,
    DECLARATION__COUNT
};

static const char *const declaration_names[DECLARATION__COUNT] = {
    "name", "description", "parameters", "parametersJsonSchema"};

static enum rc read_schema(struct gemini_reader *r, struct tool *t,
                           const struct slice *v)
{
    const struct slice google = v[DECLARATION_PARAMETERS];
    const struct slice plain = v[DECLARATION_JSON_SCHEMA];
    const struct slice raw = plain.len > 0 ? plain : google;

    if (raw.len == 0)
        return RC_OK;
    if (json_raw_type(raw) != JSON_OBJECT || (plain.len > 0 && google.len > 0))
        return wire_refuse(r->fault, r->a, t->path,
                           "One of 'parameters' and 'parametersJsonSchema' must be a "
                           "schema.");
    t->schema = raw;
    return plain.len > 0 ? RC_OK : gemini__schema(&t->schema, google, false, r->a);
}

static enum rc read_declaration(struct gemini_reader *r, struct slice raw,
                                const char *path)
{
    struct slice key, value, v[DECLARATION__COUNT] = {{NULL, 0}};
    enum json_kind kind;
    struct tool *t;
    size_t at = 0;

    if (path == NULL)
        return RC_NOMEM;
    if (json_raw_type(raw) != JSON_OBJECT)
        return wire_refuse(r->fault, r->a, path, "'%s' must be an object.", path);
    while ((kind = json_raw_next(&key, &value, raw, &at)) != JSON_ABSENT) {
        const size_t i = gemini__index(key, declaration_names, DECLARATION__COUNT);

        if (i < DECLARATION__COUNT && kind != JSON_NULL)
            v[i] = value;
        else if (kind != JSON_NULL && !json_body_is(value, "BLOCKING"))
            keep(r, join(r, path, key), value);
    }
    t = conversation_add_tool(r->c, r->a);
    if (t == NULL)
        return RC_NOMEM;
    t->kind = TOOL_FUNCTION;
    t->path = path;
    TRY(gemini__plain(r, &t->name, v[DECLARATION_NAME],
                      arena_printf(r->a, "%s.name", path)));
    if (t->name.len == 0)
        return wire_refuse(r->fault, r->a, path, "A function must have a name.");
    if (v[DECLARATION_DESCRIPTION].len > 0) {
        if (json_raw_type(v[DECLARATION_DESCRIPTION]) != JSON_STRING)
            return wire_refuse(r->fault, r->a, path, "'description' must be a string.");
        t->description = (struct quoted){v[DECLARATION_DESCRIPTION]};
    }
    return read_schema(r, t, v);
}

static enum rc read_hosted(struct gemini_reader *r, struct slice key,
                           struct slice value, const char *path)
{
    struct tool *t = conversation_add_tool(r->c, r->a);

    if (t == NULL)
        return RC_NOMEM;
    t->kind = TOOL_HOSTED;
    TRY(quoted_open(&t->name, (struct quoted){key}, r->a));
    t->path = join(r, path, key);
    t->raw = slice_str(arena_printf(r->a, "{%.*s:%.*s}", (int)key.len, key.bytes,
                                    (int)value.len, value.bytes));
    return RC_OK;
}

static enum rc read_tool(struct gemini_reader *r, struct slice raw, const char *path)
{
    static const char *const names[] = {"functionDeclarations"};
    struct slice key, value, item;
    enum json_kind kind;
    size_t at = 0;

    if (path == NULL)
        return RC_NOMEM;
    if (json_raw_type(raw) != JSON_OBJECT)
        return wire_refuse(r->fault, r->a, path, "'%s' must be an object.", path);
    while ((kind = json_raw_next(&key, &value, raw, &at)) != JSON_ABSENT) {
        unsigned index = 0;
        size_t next = 0;

        if (kind == JSON_NULL)
            continue;
        if (gemini__index(key, names, 1) != 0) {
            TRY(read_hosted(r, key, value, path));
            continue;
        }
        if (kind != JSON_ARRAY && kind != JSON_OBJECT)
            return wire_refuse(r->fault, r->a, join(r, path, key),
                               "'functionDeclarations' must be an array.");
        while (gemini__element(&item, value, &next) != JSON_ABSENT)
            TRY(read_declaration(
                r, item,
                arena_printf(r->a, "%s.functionDeclarations[%u]", path, index++)));
    }
    return RC_OK;
}

enum rc gemini__read_tools(struct gemini_reader *r, struct slice raw)
{
    const enum json_kind kind = json_raw_type(raw);
    struct slice item;
    unsigned index = 0;
    size_t at = 0;

    if (raw.len == 0)
        return RC_OK;
    if (kind != JSON_ARRAY && kind != JSON_OBJECT)
        return wire_refuse(r->fault, r->a, "tools", "'tools' must be an array.");
    while (gemini__element(&item, raw, &at) != JSON_ABSENT)
        TRY(read_tool(r, item, arena_printf(r->a, "tools[%u]", index++)));
    return RC_OK;
}

/* ---- toolConfig ---- */

static const struct tool *find_tool(const struct conversation *c, struct slice name)
{
    for (const struct tool *t = c->tools; t != NULL; t = t->next)
        if (t->kind == TOOL_FUNCTION && slice_equal(t->name, name))
            return t;
    return NULL;
}

/* One name: that tool; all of them: any; some of them: nobody else can say it. */
static enum rc read_allowed(struct gemini_reader *r, struct slice raw)
{
    const char *path = "toolConfig.functionCallingConfig.allowedFunctionNames";
    struct slice item, name = SLICE_NONE;
    size_t at = 0, allowed = 0, known = 0;

    if (raw.len == 0)
        return RC_OK;
    if (json_raw_type(raw) != JSON_ARRAY)
        return wire_refuse(r->fault, r->a, path,
                           "'allowedFunctionNames' must be an array of names.");
    for (const struct tool *t = r->c->tools; t != NULL; t = t->next)
        known += t->kind == TOOL_FUNCTION;
    while (json_raw_element(&item, raw, &at) != JSON_ABSENT) {
        TRY(gemini__plain(r, &name, item, path));
        if (allowed++ < ALLOWED_CHECKED_MAX && find_tool(r->c, name) == NULL)
            return wire_refuse(r->fault, r->a, path, "There is no function '%.*s'.",
                               SLICE_FMT(name));
    }
    if (allowed == 1 && r->c->tool_choice == TOOL_CHOICE_REQUIRED) {
        r->c->tool_choice = TOOL_CHOICE_NAMED;
        r->c->tool_name = name;
    } else if (allowed > 0 && allowed < known) {
        keep(r, path, raw);
    }
    return RC_OK;
}

static enum rc read_calling(struct gemini_reader *r, struct slice raw)
{
    static const char *const names[] = {"mode", "allowedFunctionNames"};
    const char *path = "toolConfig.functionCallingConfig";
    struct slice key, value, mode = SLICE_NONE, allowed = SLICE_NONE;
    enum json_kind kind;
    size_t at = 0;

    if (json_raw_type(raw) != JSON_OBJECT)
        return wire_refuse(r->fault, r->a, path, "'%s' must be an object.", path);
    while ((kind = json_raw_next(&key, &value, raw, &at)) != JSON_ABSENT) {
        const size_t i = gemini__index(key, names, 2);

        if (kind == JSON_NULL)
            continue;
        if (i == 0)
            mode = value;
        else if (i == 1)
            allowed = value;
        else
            keep(r, join(r, path, key), value);
    }
    if (json_body_is(mode, "AUTO"))
        r->c->tool_choice = TOOL_CHOICE_AUTO;
    else if (json_body_is(mode, "ANY"))
        r->c->tool_choice = TOOL_CHOICE_REQUIRED;
    else if (json_body_is(mode, "NONE"))
        r->c->tool_choice = TOOL_CHOICE_NONE;
    else if (json_body_is(mode, "VALIDATED"))
        keep(r, "toolConfig.functionCallingConfig.mode", mode);
    else if (mode.len > 0 && !json_body_is(mode, "MODE_UNSPECIFIED"))
        return wire_refuse(r->fault, r->a, "toolConfig.functionCallingConfig.mode",
                           "'mode' must be AUTO, ANY, NONE or VALIDATED.");
    return read_allowed(r, allowed);
}

enum rc gemini__read_choice(struct gemini_reader *r, struct slice raw)
{
    static const char *const names[] = {"functionCallingConfig"};
    struct slice key, value;
    enum json_kind kind;
    size_t at = 0;

    if (raw.len == 0)
        return RC_OK;
    if (json_raw_type(raw) != JSON_OBJECT)
        return wire_refuse(r->fault, r->a, "toolConfig",
                           "'toolConfig' must be an object.");
    while ((kind = json_raw_next(&key, &value, raw, &at)) != JSON_ABSENT) {
        if (kind == JSON_NULL)
            continue;
        if (gemini__index(key, names, 1) != 0)
            keep(r, join(r, "toolConfig", key), value);
        else
            TRY(read_calling(r, value));
    }
    return RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A client's body into the common form. It is read for providers that speak another
 * dialect: so what only OpenAI itself can do (answers that it keeps, work in the
 * background) is refused here by name. */
#include "gateway/wires/chat_words.h"
#include "gateway/wires/json_body.h"
#include "gateway/wires/responses_int.h"

#define refuse(r, param, ...) wire_refuse((r)->fault, (r)->a, (param), __VA_ARGS__)

/* ---- Members ---- */

typedef enum rc member_fn(struct responses_reader *r, const char *name,
                          struct slice value);

static enum rc skip(struct responses_reader *r, const char *name, struct slice value)
{
    (void)r;
    (void)name;
    (void)value;
    return RC_OK;
}

static enum rc drop(struct responses_reader *r, const char *name, struct slice value)
{
    conversation_extra(r->c, slice_str(name), value, r->a);
    return RC_OK;
}

/* false asks for nothing. */
static enum rc no_background(struct responses_reader *r, const char *name,
                             struct slice value)
{
    bool on;

    if (json_raw_bool(&on, value) != RC_OK)
        return refuse(r, name, "'%s' must be true or false.", name);
    return on ? refuse(r, name, "This model's provider has no '%s'.", name) : RC_OK;
}

static enum rc no_state(struct responses_reader *r, const char *name,
                        struct slice value)
{
    (void)value;
    return refuse(r, name,
                  "This model's provider keeps no conversations: send the whole of it "
                  "in 'input' instead of '%s'.",
                  name);
}

static enum rc read_number(struct slice *out, struct responses_reader *r,
                           const char *name, struct slice value)
{
    if (json_raw_type(value) != JSON_NUMBER)
        return refuse(r, name, "'%s' must be a number.", name);
    *out = value;
    return RC_OK;
}

static enum rc read_word(struct slice *out, struct responses_reader *r,
                         const char *name, struct slice value)
{
    if (json_raw_type(value) != JSON_STRING || value.len > 66 ||
        quoted_open(out, (struct quoted){value}, r->a) != RC_OK)
        return refuse(r, name, "'%s' must be a short string.", name);
    return RC_OK;
}

static enum rc read_temperature(struct responses_reader *r, const char *name,
                                struct slice value)
{
    return read_number(&r->c->temperature, r, name, value);
}

static enum rc read_top_p(struct responses_reader *r, const char *name,
                          struct slice value)
{
    return read_number(&r->c->top_p, r, name, value);
}

static enum rc read_top_logprobs(struct responses_reader *r, const char *name,
                                 struct slice value)
{
    uint64_t count;

    if (json_raw_u64(&count, value) != RC_OK)
        return refuse(r, name, "'%s' must be a whole number.", name);
    if (count > 0)
        r->c->top_logprobs = value;
    return RC_OK;
}

static enum rc read_bound(struct responses_reader *r, const char *name,
                          struct slice value)
{
    if (json_raw_u64(&r->c->output_bound, value) != RC_OK || r->c->output_bound == 0)
        return refuse(r, name, "'%s' must be a positive integer.", name);
    r->c->has_output_bound = true;
    return RC_OK;
}

static enum rc read_stream(struct responses_reader *r, const char *name,
                           struct slice value)
{
    if (json_raw_bool(&r->c->stream, value) != RC_OK)
        return refuse(r, name, "'%s' must be true or false.", name);
    return RC_OK;
}

static enum rc read_parallel(struct responses_reader *r, const char *name,
                             struct slice value)
{
    bool unused;

    if (json_raw_bool(&unused, value) != RC_OK)
        return refuse(r, name, "'%s' must be true or false.", name);
    r->c->parallel_calls = value;
    return RC_OK;
}

static enum rc read_metadata(struct responses_reader *r, const char *name,
                             struct slice value)
{
    if (json_raw_type(value) != JSON_OBJECT)
        return refuse(r, name, "'%s' must be an object.", name);
    r->c->metadata = value;
    return RC_OK;
}

static enum rc read_user(struct responses_reader *r, const char *name,
                         struct slice value)
{
    if (json_raw_type(value) != JSON_STRING)
        return refuse(r, name, "'%s' must be a string.", name);
    r->c->user.json = value;
    return RC_OK;
}

static enum rc read_tier(struct responses_reader *r, const char *name,
                         struct slice value)
{
    return read_word(&r->c->service_tier, r, name, value);
}

/* "disabled" is the default: what is too long is refused, not cut. */
static enum rc read_truncation(struct responses_reader *r, const char *name,
                               struct slice value)
{
    return json_body_is(value, "disabled") ? RC_OK : drop(r, name, value);
}

/* Most of it is about tools that the provider runs, and says nothing without them. */
static enum rc read_include(struct responses_reader *r, const char *name,
                            struct slice value)
{
    struct slice word;
    size_t at = 0;

    if (json_raw_type(value) != JSON_ARRAY)
        return refuse(r, name, "'%s' must be an array.", name);
    while (json_raw_element(&word, value, &at) != JSON_ABSENT)
        if (json_body_is(word, "message.output_text.logprobs"))
            r->c->logprobs = SLICE("true");
    return RC_OK;
}

/* ---- text, reasoning ---- */

static enum rc read_schema(struct responses_reader *r, const struct slice *v)
{
    enum {
        TYPE,
        NAME,
        SCHEMA,
        STRICT,
        DESCRIPTION
    };

    if (json_raw_type(v[SCHEMA]) != JSON_OBJECT)
        return refuse(r, "text.format.schema", "'schema' must be an object.");
    r->c->form = FORM_SCHEMA;
    r->c->schema = v[SCHEMA];
    if (v[NAME].len > 0)
        TRY(read_word(&r->c->schema_name, r, "text.format.name", v[NAME]));
    if (json_raw_type(v[DESCRIPTION]) == JSON_STRING)
        r->c->schema_description.json = v[DESCRIPTION];
    if (json_raw_type(v[STRICT]) == JSON_TRUE || json_raw_type(v[STRICT]) == JSON_FALSE)
        r->c->schema_strict = v[STRICT];
    return RC_OK;
}

static enum rc read_format(struct responses_reader *r, struct slice format)
{
    static const char *const names[] = {"type", "name", "schema", "strict",
                                        "description"};
    struct slice v[5];

    json_body_pick(v, names, 5, format);
    if (json_body_is(v[0], "text"))
        return RC_OK;
    if (json_body_is(v[0], "json_object")) {
        r->c->form = FORM_JSON;
        return RC_OK;
    }
    if (json_body_is(v[0], "json_schema"))
        return read_schema(r, v);
    return refuse(r, "text.format.type",
                  "'type' must be one of text, json_object and json_schema.");
}

static enum rc read_text(struct responses_reader *r, const char *name,
                         struct slice value)
{
    static const char *const names[] = {"format", "verbosity"};
    struct slice v[2];

    if (json_raw_type(value) != JSON_OBJECT)
        return refuse(r, name, "'%s' must be an object.", name);
    json_body_pick(v, names, 2, value);
    if (v[1].len > 0)
        TRY(read_word(&r->c->verbosity, r, "text.verbosity", v[1]));
    return v[0].len > 0 ? read_format(r, v[0]) : RC_OK;
}

static enum rc read_reasoning(struct responses_reader *r, const char *name,
                              struct slice value)
{
    static const char *const names[] = {"effort", "summary", "generate_summary"};
    struct slice effort;
    struct slice v[3];

    if (json_raw_type(value) != JSON_OBJECT)
        return refuse(r, name, "'%s' must be an object.", name);
    json_body_pick(v, names, 3, value);
    if (v[1].len > 0 || v[2].len > 0)
        r->c->reasoning_shown = true;
    if (v[0].len == 0)
        return RC_OK;
    TRY(read_word(&effort, r, "reasoning.effort", v[0]));
    if (chat_effort(&r->c->effort, effort) != RC_OK)
        return refuse(r, "reasoning.effort",
                      "'effort' must be one of none, minimal, low, medium, high, xhigh "
                      "and max.");
    return RC_OK;
}

/* ---- Tools ---- */

static enum rc read_function(struct responses_reader *r, struct tool *t,
                             const struct slice *v)
{
    enum {
        TYPE,
        NAME,
        DESCRIPTION,
        PARAMETERS,
        STRICT
    };

    t->kind = json_body_is(v[TYPE], "custom") ? TOOL_CUSTOM : TOOL_FUNCTION;
    if (json_raw_type(v[NAME]) != JSON_STRING || v[NAME].len <= 2 ||
        quoted_open(&t->name, (struct quoted){v[NAME]}, r->a) != RC_OK)
        return refuse(r, arena_printf(r->a, "%s.name", t->path),
                      "A tool must have a 'name'.");
    if (json_raw_type(v[DESCRIPTION]) == JSON_STRING)
        t->description.json = v[DESCRIPTION];
    if (t->kind == TOOL_CUSTOM)
        return RC_OK;
    if (v[PARAMETERS].len > 0 && json_raw_type(v[PARAMETERS]) != JSON_OBJECT)
        return refuse(r, arena_printf(r->a, "%s.parameters", t->path),
                      "'parameters' must be a JSON schema.");
    t->schema = v[PARAMETERS];
    if (json_raw_type(v[STRICT]) == JSON_TRUE || json_raw_type(v[STRICT]) == JSON_FALSE)
        t->strict = v[STRICT];
    return RC_OK;
}

static enum rc read_tool(struct responses_reader *r, struct slice object,
                         const char *path)
{
    static const char *const names[] = {"type", "name", "description", "parameters",
                                        "strict"};
    struct tool *t = conversation_add_tool(r->c, r->a);
    struct slice v[5];

    if (t == NULL)
        return RC_NOMEM;
    t->path = path;
    t->raw = object;
    json_body_pick(v, names, 5, object);
    if (json_body_is(v[0], "function") || json_body_is(v[0], "custom"))
        return read_function(r, t, v);
    t->kind = TOOL_HOSTED;
    if (json_raw_type(v[0]) != JSON_STRING ||
        quoted_open(&t->name, (struct quoted){v[0]}, r->a) != RC_OK)
        return refuse(r, arena_printf(r->a, "%s.type", path),
                      "A tool must have a 'type'.");
    return RC_OK;
}

static enum rc read_tools(struct responses_reader *r, const char *name,
                          struct slice value)
{
    struct slice object;
    unsigned index = 0;
    size_t at = 0;

    if (json_raw_type(value) != JSON_ARRAY)
        return refuse(r, name, "'%s' must be an array.", name);
    while (json_raw_element(&object, value, &at) != JSON_ABSENT)
        TRY(read_tool(r, object, arena_printf(r->a, "tools[%u]", index++)));
    return RC_OK;
}

/* A choice among some tools is narrowed to whether one is to be called. */
static enum rc read_some(struct responses_reader *r, struct slice mode,
                         struct slice value)
{
    r->c->tool_choice =
        json_body_is(mode, "required") ? TOOL_CHOICE_REQUIRED : TOOL_CHOICE_AUTO;
    return drop(r, "tool_choice", value);
}

static enum rc read_choice(struct responses_reader *r, const char *name,
                           struct slice value)
{
    static const char *const names[] = {"type", "name", "mode"};
    static const char *const words[] = {"auto", "none", "required"};
    struct slice v[3];

    for (size_t i = 0; i < 3; i++)
        if (json_body_is(value, words[i])) {
            r->c->tool_choice = (enum tool_choice)(TOOL_CHOICE_AUTO + i);
            return RC_OK;
        }
    if (json_raw_type(value) != JSON_OBJECT)
        return refuse(r, name, "'%s' must be auto, none, required or an object.", name);
    json_body_pick(v, names, 3, value);
    if (json_body_is(v[0], "allowed_tools"))
        return read_some(r, v[2], value);
    if (!json_body_is(v[0], "function") && !json_body_is(v[0], "custom"))
        return drop(r, name, value);
    r->c->tool_choice = TOOL_CHOICE_NAMED;
    if (json_raw_type(v[1]) != JSON_STRING || v[1].len <= 2)
        return refuse(r, "tool_choice.name", "'name' must be a tool's name.");
    return quoted_open(&r->c->tool_name, (struct quoted){v[1]}, r->a);
}

/* ---- What is said ---- */

static enum rc add_text(struct responses_reader *r, enum role role, const char *name,
                        struct slice value)
{
    struct message *m = conversation_add(r->c, role, r->a);
    struct part *p = m == NULL ? NULL : message_add(m, PART_TEXT, r->a);

    if (p == NULL)
        return RC_NOMEM;
    m->path = p->path = name;
    p->text.json = value;
    return RC_OK;
}

/* They stand before everything else, wherever the member stands. */
static enum rc read_instructions(struct responses_reader *r, struct slice value)
{
    if (value.len == 0)
        return RC_OK;
    if (json_raw_type(value) != JSON_STRING)
        return refuse(r, "instructions", "'instructions' must be a string.");
    return value.len > 2 ? add_text(r, ROLE_SYSTEM, "instructions", value) : RC_OK;
}

static enum rc read_input(struct responses_reader *r, struct slice input)
{
    struct slice item;
    const char *path;
    unsigned index = 0;
    size_t at = 0;

    if (json_raw_type(input) == JSON_STRING)
        return add_text(r, ROLE_USER, "input", input);
    if (json_raw_type(input) != JSON_ARRAY)
        return refuse(r, "input", "'input' must be a string or an array of items.");
    while (json_raw_element(&item, input, &at) != JSON_ABSENT)
        TRY(responses__read_item(r, item, index++));
    if (index == 0)
        return refuse(r, "input", "'input' must have at least one item.");
    if (conversation_link(r->c, &path) != RC_OK)
        return refuse(r, arena_printf(r->a, "%s.call_id", path),
                      "This output answers no call before it.");
    return RC_OK;
}

/* In no special order. NULL: read in its own time. */
static const struct {
    const char *name;
    member_fn *read;
} members[] = {
    {"model", skip},
    {"input", NULL},
    {"instructions", NULL},
    {"stream", read_stream},
    {"tools", read_tools},
    {"tool_choice", read_choice},
    {"parallel_tool_calls", read_parallel},
    {"text", read_text},
    {"reasoning", read_reasoning},
    {"max_output_tokens", read_bound},
    {"temperature", read_temperature},
    {"top_p", read_top_p},
    {"top_logprobs", read_top_logprobs},
    {"metadata", read_metadata},
    {"user", read_user},
    {"safety_identifier", read_user},
    {"service_tier", read_tier},
    {"include", read_include},
    {"truncation", read_truncation},
    {"store", skip}, /* nothing is kept here, whatever was asked */
    {"stream_options", skip},
    {"background", no_background},
    {"previous_response_id", no_state},
    {"conversation", no_state},
    {"prompt", no_state},
};

enum {
    MEMBER_COUNT = sizeof(members) / sizeof(members[0])
};

static enum rc read_member(struct responses_reader *r, struct slice key,
                           struct slice value)
{
    struct slice name;

    for (size_t i = 0; i < MEMBER_COUNT; i++)
        if (json_body_is(key, members[i].name))
            return members[i].read == NULL ? RC_OK
                                           : members[i].read(r, members[i].name, value);
    TRY(json_raw_string(&name, key, r->a));
    conversation_extra(r->c, name, value, r->a);
    return RC_OK;
}

enum rc responses__read(struct conversation *out, struct wire_fault *fault,
                        struct slice body, struct arena *a)
{
    static const char *const said[] = {"input", "instructions"};
    struct responses_reader r = {.c = out, .fault = fault, .a = a};
    struct slice key, value, v[2];
    enum json_kind kind;
    size_t at = 0;

    *out = (struct conversation){.choices = 1};
    json_body_pick(v, said, 2, body);
    while ((kind = json_raw_next(&key, &value, body, &at)) != JSON_ABSENT)
        if (kind != JSON_NULL)
            TRY(read_member(&r, key, value));
    TRY(read_instructions(&r, v[1]));
    TRY(read_input(&r, v[0]));
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

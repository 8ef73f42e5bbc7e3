/* SPDX-License-Identifier: Apache-2.0 */
/* A client's chat completion into the common form, but for its messages. What has a
 * meaning in it is read strictly; what it does not know is an extra. Rules: OpenAI's
 * API reference, and what OpenRouter's clients send besides. */
#include "gateway/wires/chat_read.h"

#include "gateway/wires/chat_words.h"

enum {
    OUTPUT_TOKENS_MAX = 100000000,
    STOP_MAX = sizeof(((struct conversation *)NULL)->stop) / sizeof(struct quoted)
};

enum rc chat_read_refuse(struct chat_read *r, const char *param, const char *what)
{
    return wire_refuse(r->fault, r->a, param, "'%s' must be %s.", param, what);
}

void chat_read_extra(struct chat_read *r, struct slice key, struct slice raw)
{
    struct slice name;

    if (body_text(&name, key, r->a) == RC_OK)
        conversation_extra(r->c, name, raw, r->a);
}

void chat_read_cache(bool *cached, bool *cached_1h, struct slice raw)
{
    struct json_field ttl = {.name = "ttl"};

    if (json_raw_type(raw) != JSON_OBJECT)
        return;
    body_fields(raw, &ttl, 1);
    *cached = true;
    *cached_1h = json_body_is(ttl.raw, "1h");
}

/* ---- Plain members ---- */

enum want {
    WANT_NUMBER,
    WANT_BOOL,
    WANT_OBJECT, /* an empty one says nothing */
    WANT_WORD,   /* unescaped */
    WANT_TEXT    /* quoted */
};

struct plain {
    const char *name;
    enum want want;
    size_t at; /* in struct conversation */
};

#define PLAIN(name, want)                                \
    {                                                    \
#        name, want, offsetof(struct conversation, name) \
    }

static const struct plain plains[] = {
    PLAIN(temperature, WANT_NUMBER),
    PLAIN(top_p, WANT_NUMBER),
    PLAIN(top_k, WANT_NUMBER),
    PLAIN(frequency_penalty, WANT_NUMBER),
    PLAIN(presence_penalty, WANT_NUMBER),
    PLAIN(seed, WANT_NUMBER),
    PLAIN(logit_bias, WANT_OBJECT),
    PLAIN(metadata, WANT_OBJECT),
    PLAIN(service_tier, WANT_WORD),
    PLAIN(user, WANT_TEXT),
};

static const struct plain chat_plains[] = {
    PLAIN(top_logprobs, WANT_NUMBER),
    PLAIN(logprobs, WANT_BOOL),
    PLAIN(verbosity, WANT_WORD),
    {"parallel_tool_calls", WANT_BOOL, offsetof(struct conversation, parallel_calls)},
    {"safety_identifier", WANT_TEXT, offsetof(struct conversation, user)},
};

static enum rc take_plain(struct chat_read *r, const struct plain *p, struct slice raw)
{
    static const char *const words[] = {
        [WANT_NUMBER] = "a number",  [WANT_BOOL] = "true or false",
        [WANT_OBJECT] = "an object", [WANT_WORD] = "a string",
        [WANT_TEXT] = "a string",
    };
    const enum json_kind kind = json_raw_type(raw);
    struct slice key, value;
    size_t at = 0;
    bool good = kind == JSON_STRING;

    if (p->want == WANT_NUMBER)
        good = kind == JSON_NUMBER;
    else if (p->want == WANT_BOOL)
        good = kind == JSON_TRUE || kind == JSON_FALSE;
    else if (p->want == WANT_OBJECT)
        good = kind == JSON_OBJECT;
    if (!good)
        return chat_read_refuse(r, p->name, words[p->want]);
    if (p->want == WANT_OBJECT && json_raw_next(&key, &value, raw, &at) == JSON_ABSENT)
        return RC_OK;
    if (p->want == WANT_WORD)
        TRY(body_text(&raw, raw, r->a));
    /* struct quoted is a slice in a dress. */
    memcpy((char *)r->c + p->at, &raw, sizeof(raw));
    return RC_OK;
}

static enum rc read_plain(struct chat_read *r, const struct plain *list, size_t count,
                          struct slice key, struct slice raw)
{
    for (size_t i = 0; i < count; i++)
        if (json_body_is(key, list[i].name))
            return take_plain(r, &list[i], raw);
    return RC_NOT_FOUND;
}

/* ---- Members with rules of their own ---- */

typedef enum rc take_fn(struct chat_read *r, const char *name, struct slice raw);

struct special {
    const char *name;
    take_fn *take;
};

static enum rc take_nothing(struct chat_read *r, const char *name, struct slice raw)
{
    (void)r;
    (void)name;
    (void)raw;
    return RC_OK;
}

static enum rc take_stream(struct chat_read *r, const char *name, struct slice raw)
{
    return json_raw_bool(&r->c->stream, raw) == RC_OK
               ? RC_OK
               : chat_read_refuse(r, name, "true or false");
}

/* Either name of the output bound; the larger, if a client sends both. */
static enum rc take_bound(struct chat_read *r, const char *name, struct slice raw)
{
    uint64_t bound;

    if (json_raw_u64(&bound, raw) != RC_OK || bound == 0 || bound > OUTPUT_TOKENS_MAX)
        return chat_read_refuse(r, name, "an integer from 1 to 100000000");
    if (bound > r->c->output_bound)
        r->c->output_bound = bound;
    r->c->has_output_bound = true;
    return RC_OK;
}

static enum rc take_choices(struct chat_read *r, const char *name, struct slice raw)
{
    uint64_t n;

    if (json_raw_u64(&n, raw) != RC_OK || n == 0 || n > CHAT_CHOICES_MAX)
        return chat_read_refuse(r, name, "an integer from 1 to 128");
    r->c->choices = n;
    return RC_OK;
}

static enum rc take_stop(struct chat_read *r, const char *name, struct slice raw)
{
    struct slice text;
    size_t at = 0;

    if (json_raw_type(raw) == JSON_STRING) {
        r->c->stop[0].json = raw;
        r->c->stop_count = 1;
        return RC_OK;
    }
    if (json_raw_type(raw) != JSON_ARRAY)
        return chat_read_refuse(r, name, "a string, or an array of strings");
    while (json_raw_element(&text, raw, &at) != JSON_ABSENT) {
        if (json_raw_type(text) != JSON_STRING || r->c->stop_count == STOP_MAX)
            return chat_read_refuse(r, name, "at most 16 strings");
        r->c->stop[r->c->stop_count++].json = text;
    }
    return RC_OK;
}

static enum rc take_messages(struct chat_read *r, const char *name, struct slice raw)
{
    (void)name;
    return chat_read_messages(r, raw);
}

static enum rc take_effort(struct chat_read *r, const char *name, struct slice raw)
{
    struct slice word;

    if (body_text(&word, raw, r->a) != RC_OK ||
        chat_effort(&r->c->effort, word) != RC_OK)
        return chat_read_refuse(r, name,
                                "none, minimal, low, medium, high, xhigh, or max");
    return RC_OK;
}

static enum rc take_budget(struct chat_read *r, const char *name,
                           const struct json_field *f)
{
    if (json_raw_u64(&r->c->thinking_budget, f->raw) != RC_OK ||
        r->c->thinking_budget > OUTPUT_TOKENS_MAX)
        return chat_read_refuse(r, name, "an integer from 0 to 100000000");
    r->c->has_thinking_budget = true;
    return RC_OK;
}

/* OpenRouter's. */
static enum rc take_reasoning(struct chat_read *r, const char *name, struct slice raw)
{
    struct json_field f[] = {{.name = "effort"},
                             {.name = "max_tokens"},
                             {.name = "exclude"},
                             {.name = "enabled"}};

    if (json_raw_type(raw) != JSON_OBJECT)
        return chat_read_refuse(r, name, "an object");
    body_fields(raw, f, 4);
    if (f[3].type == JSON_TRUE)
        r->c->effort = EFFORT_MEDIUM;
    else if (f[3].type == JSON_FALSE)
        r->c->effort = EFFORT_NONE;
    if (f[0].type != JSON_ABSENT && f[0].type != JSON_NULL)
        TRY(take_effort(r, "reasoning.effort", f[0].raw));
    if (f[1].type != JSON_ABSENT && f[1].type != JSON_NULL)
        TRY(take_budget(r, "reasoning.max_tokens", &f[1]));
    if (f[2].type == JSON_TRUE)
        r->c->reasoning_shown = false;
    return RC_OK;
}

/* Anthropic's, which several vendors took over. */
static enum rc take_thinking(struct chat_read *r, const char *name, struct slice raw)
{
    struct json_field f[] = {{.name = "type"}, {.name = "budget_tokens"}};

    if (json_raw_type(raw) != JSON_OBJECT)
        return chat_read_refuse(r, name, "an object");
    body_fields(raw, f, 2);
    if (json_body_is(f[0].raw, "disabled"))
        r->c->effort = EFFORT_NONE;
    else if (r->c->effort == EFFORT_ABSENT)
        r->c->effort = EFFORT_MEDIUM;
    return f[1].type == JSON_NUMBER ? take_budget(r, "thinking.budget_tokens", &f[1])
                                    : RC_OK;
}

static enum rc take_schema(struct chat_read *r, const struct json_field *outer)
{
    struct json_field f[] = {{.name = "name"},
                             {.name = "description"},
                             {.name = "schema"},
                             {.name = "strict"}};

    if (outer->type != JSON_OBJECT)
        return chat_read_refuse(r, "response_format.json_schema", "an object");
    body_fields(outer->raw, f, 4);
    if (!body_has_text(&f[0]))
        return chat_read_refuse(r, "response_format.json_schema.name", "a string");
    r->c->form = FORM_SCHEMA;
    r->c->schema_name = body_word(&f[0], r->a);
    if (f[1].type == JSON_STRING)
        r->c->schema_description.json = f[1].raw;
    if (f[2].type == JSON_OBJECT)
        r->c->schema = f[2].raw;
    else if (f[2].type != JSON_ABSENT && f[2].type != JSON_NULL)
        return chat_read_refuse(r, "response_format.json_schema.schema", "an object");
    if (f[3].type == JSON_TRUE || f[3].type == JSON_FALSE)
        r->c->schema_strict = f[3].raw;
    return RC_OK;
}

static enum rc take_format(struct chat_read *r, const char *name, struct slice raw)
{
    struct json_field f[] = {{.name = "type"}, {.name = "json_schema"}};

    body_fields(raw, f, 2);
    if (f[0].type != JSON_STRING)
        return chat_read_refuse(r, name, "an object with a 'type'");
    if (json_body_is(f[0].raw, "json_object"))
        r->c->form = FORM_JSON;
    else if (json_body_is(f[0].raw, "json_schema"))
        return take_schema(r, &f[1]);
    else if (!json_body_is(f[0].raw, "text"))
        conversation_extra(r->c, slice_str(name), raw, r->a);
    return RC_OK;
}

static enum rc take_store(struct chat_read *r, const char *name, struct slice raw)
{
    if (json_raw_type(raw) != JSON_FALSE)
        conversation_extra(r->c, slice_str(name), raw, r->a);
    return RC_OK;
}

static enum rc take_modalities(struct chat_read *r, const char *name, struct slice raw)
{
    struct slice word;
    size_t at = 0;

    while (json_raw_element(&word, raw, &at) != JSON_ABSENT)
        if (!json_body_is(word, "text")) {
            conversation_extra(r->c, slice_str(name), raw, r->a);
            return RC_OK;
        }
    return RC_OK;
}

/* ---- Tools ---- */

static enum rc take_function(struct chat_read *r, struct tool *t,
                             const struct json_field *function)
{
    struct json_field f[] = {{.name = "name"},
                             {.name = "description"},
                             {.name = "parameters"},
                             {.name = "strict"}};
    const char *path = arena_printf(r->a, "%s.function", t->path);

    if (function->type != JSON_OBJECT)
        return chat_read_refuse(r, path, "an object");
    body_fields(function->raw, f, 4);
    if (!body_has_text(&f[0]))
        return chat_read_refuse(r, arena_printf(r->a, "%s.name", path), "a string");
    t->name = body_word(&f[0], r->a);
    if (f[1].type == JSON_STRING)
        t->description.json = f[1].raw;
    if (f[2].type == JSON_OBJECT)
        t->schema = f[2].raw;
    else if (f[2].type != JSON_ABSENT && f[2].type != JSON_NULL)
        return chat_read_refuse(r, arena_printf(r->a, "%s.parameters", path),
                                "an object");
    if (f[3].type == JSON_TRUE || f[3].type == JSON_FALSE)
        t->strict = f[3].raw;
    return RC_OK;
}

static enum rc take_tool(struct chat_read *r, size_t index, struct slice raw)
{
    struct json_field f[] = {{.name = "type"},
                             {.name = "function"},
                             {.name = "custom"},
                             {.name = "cache_control"}};
    struct json_field custom[] = {{.name = "name"}, {.name = "description"}};
    struct tool *t = conversation_add_tool(r->c, r->a);

    if (t == NULL)
        return RC_NOMEM;
    t->path = arena_printf(r->a, "tools[%zu]", index);
    body_fields(raw, f, 4);
    if (f[0].type != JSON_STRING)
        return chat_read_refuse(r, t->path, "an object with a 'type'");
    chat_read_cache(&t->cached, &t->cached_1h, f[3].raw);
    if (json_body_is(f[0].raw, "function"))
        return take_function(r, t, &f[1]);
    t->kind = json_body_is(f[0].raw, "custom") ? TOOL_CUSTOM : TOOL_HOSTED;
    t->raw = raw;
    t->name = body_word(&f[0], r->a);
    if (t->kind == TOOL_HOSTED)
        return RC_OK;
    body_fields(f[2].raw, custom, 2);
    if (!body_has_text(&custom[0]))
        return chat_read_refuse(r, arena_printf(r->a, "%s.custom.name", t->path),
                                "a string");
    t->name = body_word(&custom[0], r->a);
    if (custom[1].type == JSON_STRING)
        t->description.json = custom[1].raw;
    return RC_OK;
}

static enum rc take_tools(struct chat_read *r, const char *name, struct slice raw)
{
    struct slice tool;
    size_t at = 0, index = 0;

    if (json_raw_type(raw) != JSON_ARRAY)
        return chat_read_refuse(r, name, "an array");
    while (json_raw_element(&tool, raw, &at) != JSON_ABSENT)
        TRY(take_tool(r, index++, tool));
    return RC_OK;
}

static enum rc take_named(struct chat_read *r, const char *name, struct slice raw)
{
    struct json_field f[] = {
        {.name = "type"}, {.name = "function"}, {.name = "custom"}};
    struct json_field inner = {.name = "name"};

    body_fields(raw, f, 3);
    if (json_body_is(f[0].raw, "allowed_tools")) {
        conversation_extra(r->c, slice_str(name), raw, r->a);
        return RC_OK;
    }
    body_fields(f[1].type == JSON_OBJECT ? f[1].raw : f[2].raw, &inner, 1);
    if (!body_has_text(&inner))
        return chat_read_refuse(r, "tool_choice.function.name", "a string");
    r->c->tool_choice = TOOL_CHOICE_NAMED;
    r->c->tool_name = body_word(&inner, r->a);
    return RC_OK;
}

static enum rc take_tool_choice(struct chat_read *r, const char *name, struct slice raw)
{
    if (json_raw_type(raw) == JSON_OBJECT)
        return take_named(r, name, raw);
    if (json_body_is(raw, "auto"))
        r->c->tool_choice = TOOL_CHOICE_AUTO;
    else if (json_body_is(raw, "none"))
        r->c->tool_choice = TOOL_CHOICE_NONE;
    else if (json_body_is(raw, "required") || json_body_is(raw, "any"))
        r->c->tool_choice = TOOL_CHOICE_REQUIRED;
    else
        return chat_read_refuse(r, name, "auto, none, required, or an object");
    return RC_OK;
}

/* ---- All ---- */

static const struct special specials[] = {
    {"model", take_nothing},    {"stream", take_stream},
    {"max_tokens", take_bound}, {"stream_options", take_nothing},
    {"n", take_choices},        {"stop", take_stop},
};

static const struct special chat_specials[] = {
    {"messages", take_messages},
    {"tools", take_tools},
    {"tool_choice", take_tool_choice},
    {"max_completion_tokens", take_bound},
    {"response_format", take_format},
    {"reasoning_effort", take_effort},
    {"reasoning", take_reasoning},
    {"thinking", take_thinking},
    {"store", take_store},
    {"modalities", take_modalities},
};

static enum rc read_special(struct chat_read *r, const struct special *list,
                            size_t count, struct slice key, struct slice raw)
{
    for (size_t i = 0; i < count; i++)
        if (json_body_is(key, list[i].name))
            return list[i].take(r, list[i].name, raw);
    return RC_NOT_FOUND;
}

enum rc chat_read_common(struct chat_read *r, struct slice key, struct slice raw)
{
    enum rc rc =
        read_special(r, specials, sizeof(specials) / sizeof(specials[0]), key, raw);

    return rc != RC_NOT_FOUND
               ? rc
               : read_plain(r, plains, sizeof(plains) / sizeof(plains[0]), key, raw);
}

static enum rc read_member(struct chat_read *r, struct slice key, struct slice raw)
{
    enum rc rc;

    if (json_raw_type(raw) == JSON_NULL) /* the same as absent, everywhere */
        return RC_OK;
    rc = chat_read_common(r, key, raw);
    if (rc == RC_NOT_FOUND)
        rc = read_special(r, chat_specials,
                          sizeof(chat_specials) / sizeof(chat_specials[0]), key, raw);
    if (rc == RC_NOT_FOUND)
        rc = read_plain(r, chat_plains, sizeof(chat_plains) / sizeof(chat_plains[0]),
                        key, raw);
    if (rc != RC_NOT_FOUND)
        return rc;
    chat_read_extra(r, key, raw);
    return RC_OK;
}

static enum rc finish(struct chat_read *r)
{
    const char *path = NULL;

    if (arena_spent(r->a))
        return RC_NOMEM;
    if (r->c->messages == NULL)
        return chat_read_refuse(r, "messages", "an array of at least one message");
    if (conversation_link(r->c, &path) != RC_OK)
        return wire_refuse(r->fault, r->a, arena_printf(r->a, "%s.tool_call_id", path),
                           "It answers no tool call of a message before it.");
    return RC_OK;
}

enum rc chat_read(struct conversation *out, struct wire_fault *fault, struct slice body,
                  struct arena *a)
{
    struct chat_read r = {out, fault, a};
    struct slice key, value;
    size_t at = 0;

    *out = (struct conversation){.choices = 1, .reasoning_shown = true};
    while (json_raw_next(&key, &value, body, &at) != JSON_ABSENT)
        TRY(read_member(&r, key, value));
    return finish(&r);
}

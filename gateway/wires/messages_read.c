/* SPDX-License-Identifier: Apache-2.0 */
/* A client's Messages request into the common form: the body's own members. What a
 * message holds is read in messages_blocks.c. */
#include "gateway/wires/messages_read.h"

#include "gateway/wires/json_body.h"

enum {
    STOP_MAX = sizeof(((struct conversation *)0)->stop) / sizeof(struct quoted)
};

/* ---- Values ---- */

const char *messages__under(struct reader *r, const char *path, const char *name)
{
    return arena_printf(r->a, "%s.%s", path, name);
}

enum rc messages__string(struct reader *r, struct slice *out, struct slice raw,
                         const char *path)
{
    if (json_raw_type(raw) != JSON_STRING)
        return wire_refuse(r->fault, r->a, path, "'%s' must be a string.", path);
    return json_raw_string(out, raw, r->a) == RC_OK ? RC_OK : RC_NOMEM;
}

static enum rc read_u64(struct reader *r, uint64_t *out, struct slice raw,
                        const char *path)
{
    if (json_raw_u64(out, raw) != RC_OK)
        return wire_refuse(r->fault, r->a, path, "'%s' must be a whole number.", path);
    return RC_OK;
}

static enum rc want(struct reader *r, struct slice raw, enum json_kind kind,
                    const char *what, const char *path)
{
    if (json_raw_type(raw) != kind)
        return wire_refuse(r->fault, r->a, path, "'%s' must be %s.", path, what);
    return RC_OK;
}

/* ---- Members of the body ---- */

static enum rc read_max_tokens(struct reader *r, struct slice raw)
{
    TRY(read_u64(r, &r->out->output_bound, raw, "max_tokens"));
    if (r->out->output_bound == 0)
        return wire_refuse(r->fault, r->a, "max_tokens",
                           "'max_tokens' must be at least 1.");
    r->out->has_output_bound = true;
    return RC_OK;
}

static enum rc read_stream(struct reader *r, struct slice raw)
{
    if (json_raw_bool(&r->out->stream, raw) != RC_OK)
        return wire_refuse(r->fault, r->a, "stream", "'stream' must be true or false.");
    return RC_OK;
}

static enum rc read_temperature(struct reader *r, struct slice raw)
{
    r->out->temperature = raw;
    return want(r, raw, JSON_NUMBER, "a number", "temperature");
}

static enum rc read_top_p(struct reader *r, struct slice raw)
{
    r->out->top_p = raw;
    return want(r, raw, JSON_NUMBER, "a number", "top_p");
}

static enum rc read_top_k(struct reader *r, struct slice raw)
{
    r->out->top_k = raw;
    return want(r, raw, JSON_NUMBER, "a number", "top_k");
}

static enum rc read_stop(struct reader *r, struct slice raw)
{
    struct slice one;
    size_t at = 0;

    TRY(want(r, raw, JSON_ARRAY, "an array of strings", "stop_sequences"));
    while (json_raw_element(&one, raw, &at) != JSON_ABSENT) {
        const char *path =
            arena_printf(r->a, "stop_sequences[%zu]", r->out->stop_count);

        TRY(want(r, one, JSON_STRING, "a string", path));
        if (r->out->stop_count == STOP_MAX)
            return wire_refuse(r->fault, r->a, "stop_sequences",
                               "'stop_sequences' may hold %d.", (int)STOP_MAX);
        r->out->stop[r->out->stop_count++].json = one;
    }
    return RC_OK;
}

static enum rc read_metadata(struct reader *r, struct slice raw)
{
    struct slice key, value;
    size_t at = 0;

    TRY(want(r, raw, JSON_OBJECT, "an object", "metadata"));
    while (json_raw_next(&key, &value, raw, &at) != JSON_ABSENT) {
        if (!slice_equal(key, SLICE("\"user_id\"")))
            conversation_extra(r->out, SLICE("metadata"), raw, r->a);
        else if (json_raw_type(value) != JSON_NULL) {
            r->out->user.json = value;
            TRY(want(r, value, JSON_STRING, "a string", "metadata.user_id"));
        }
    }
    return RC_OK;
}

/* In the words of the hub, which are OpenAI's: there the standard is "default". */
static enum rc read_tier(struct reader *r, struct slice raw)
{
    TRY(want(r, raw, JSON_STRING, "a string", "service_tier"));
    if (json_body_is(raw, "standard_only")) {
        r->out->service_tier = SLICE("default");
        return RC_OK;
    }
    return messages__string(r, &r->out->service_tier, raw, "service_tier");
}

static enum rc read_thinking(struct reader *r, struct slice raw)
{
    static const char *const names[] = {"type", "budget_tokens", "display"};
    struct slice v[3];

    TRY(want(r, raw, JSON_OBJECT, "an object", "thinking"));
    json_body_pick(v, names, 3, raw);
    if (json_body_is(v[0], "disabled")) {
        r->thinking = EFFORT_NONE;
        return RC_OK;
    }
    r->out->reasoning_shown = !json_body_is(v[2], "omitted");
    if (json_body_is(v[0], "enabled")) {
        r->out->has_thinking_budget = true;
        return read_u64(r, &r->out->thinking_budget, v[1], "thinking.budget_tokens");
    }
    /* How much is the effort's business, which is high when nothing is said. */
    r->thinking = EFFORT_HIGH;
    if (json_body_is(v[0], "adaptive") || json_body_is(v[0], "between_tools"))
        return RC_OK;
    return wire_refuse(r->fault, r->a, "thinking.type",
                       "'thinking.type' must be enabled, adaptive or disabled.");
}

static enum rc read_effort(struct reader *r, struct slice raw)
{
    static const char *const names[] = {"low", "medium", "high", "xhigh", "max"};

    static const enum effort efforts[] = {EFFORT_LOW, EFFORT_MEDIUM, EFFORT_HIGH,
                                          EFFORT_XHIGH, EFFORT_MAX};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (json_body_is(raw, names[i])) {
            r->out->effort = efforts[i];
            return RC_OK;
        }
    return wire_refuse(r->fault, r->a, "output_config.effort",
                       "'output_config.effort' must be low, medium, high, xhigh or "
                       "max.");
}

static enum rc read_format(struct reader *r, struct slice raw, const char *path)
{
    static const char *const names[] = {"type", "schema"};
    struct slice v[2];

    TRY(want(r, raw, JSON_OBJECT, "an object", path));
    json_body_pick(v, names, 2, raw);
    if (!json_body_is(v[0], "json_schema"))
        return wire_refuse(r->fault, r->a, messages__under(r, path, "type"),
                           "'%s.type' must be json_schema.", path);
    r->out->form = FORM_SCHEMA;
    r->out->schema = v[1];
    return want(r, v[1], JSON_OBJECT, "an object", messages__under(r, path, "schema"));
}

static enum rc read_output_config(struct reader *r, struct slice raw)
{
    static const char *const names[] = {"effort", "format"};
    struct slice v[2];

    TRY(want(r, raw, JSON_OBJECT, "an object", "output_config"));
    json_body_pick(v, names, 2, raw);
    if (v[0].len > 0)
        TRY(read_effort(r, v[0]));
    return v[1].len > 0 ? read_format(r, v[1], "output_config.format") : RC_OK;
}

static enum rc read_tool_choice(struct reader *r, struct slice raw)
{
    static const char *const names[] = {"type", "name", "disable_parallel_tool_use"};
    struct conversation *c = r->out;
    struct slice v[3];
    bool off;

    TRY(want(r, raw, JSON_OBJECT, "an object", "tool_choice"));
    json_body_pick(v, names, 3, raw);
    if (v[2].len > 0) {
        if (json_raw_bool(&off, v[2]) != RC_OK)
            return wire_refuse(r->fault, r->a, "tool_choice.disable_parallel_tool_use",
                               "'disable_parallel_tool_use' must be true or false.");
        c->parallel_calls = off ? SLICE("false") : SLICE("true");
    }
    c->tool_choice = json_body_is(v[0], "auto")   ? TOOL_CHOICE_AUTO
                     : json_body_is(v[0], "any")  ? TOOL_CHOICE_REQUIRED
                     : json_body_is(v[0], "none") ? TOOL_CHOICE_NONE
                     : json_body_is(v[0], "tool") ? TOOL_CHOICE_NAMED
                                                  : TOOL_CHOICE_ABSENT;
    if (c->tool_choice == TOOL_CHOICE_ABSENT)
        return wire_refuse(r->fault, r->a, "tool_choice.type",
                           "'tool_choice.type' must be auto, any, tool or none.");
    if (c->tool_choice == TOOL_CHOICE_NAMED)
        return messages__string(r, &c->tool_name, v[1], "tool_choice.name");
    return RC_OK;
}

/* ---- Tools ---- */

enum {
    TOOL_TYPE,
    TOOL_NAME,
    TOOL_DESCRIPTION,
    TOOL_SCHEMA,
    TOOL_STRICT,
    TOOL_CACHE,
    TOOL_MEMBERS
};

static enum rc read_function(struct reader *r, struct tool *t, const struct slice *v)
{
    t->kind = TOOL_FUNCTION;
    TRY(messages__string(r, &t->name, v[TOOL_NAME],
                         messages__under(r, t->path, "name")));
    if (v[TOOL_DESCRIPTION].len > 0)
        TRY(want(r, v[TOOL_DESCRIPTION], JSON_STRING, "a string",
                 messages__under(r, t->path, "description")));
    t->description.json = v[TOOL_DESCRIPTION];
    t->schema = v[TOOL_SCHEMA];
    t->strict = v[TOOL_STRICT];
    return want(r, t->schema, JSON_OBJECT, "an object",
                messages__under(r, t->path, "input_schema"));
}

static enum rc read_tool(struct reader *r, struct slice raw, size_t index)
{
    static const char *const names[TOOL_MEMBERS] = {
        [TOOL_TYPE] = "type",
        [TOOL_NAME] = "name",
        [TOOL_DESCRIPTION] = "description",
        [TOOL_SCHEMA] = "input_schema",
        [TOOL_STRICT] = "strict",
        [TOOL_CACHE] = "cache_control",
    };
    struct tool *t = conversation_add_tool(r->out, r->a);
    struct slice v[TOOL_MEMBERS];

    if (t == NULL)
        return RC_NOMEM;
    t->path = arena_printf(r->a, "tools[%zu]", index);
    TRY(want(r, raw, JSON_OBJECT, "an object", t->path));
    json_body_pick(v, names, TOOL_MEMBERS, raw);
    TRY(messages__cache(r, &t->cached, &t->cached_1h, v[TOOL_CACHE], t->path));
    if (v[TOOL_TYPE].len == 0 || json_body_is(v[TOOL_TYPE], "custom"))
        return read_function(r, t, v);
    TRY(want(r, v[TOOL_TYPE], JSON_STRING, "a string",
             messages__under(r, t->path, "type")));
    t->kind = TOOL_HOSTED;
    t->raw = raw;
    if (v[TOOL_NAME].len > 0)
        TRY(messages__string(r, &t->name, v[TOOL_NAME],
                             messages__under(r, t->path, "name")));
    return RC_OK;
}

static enum rc read_tools(struct reader *r, struct slice raw)
{
    struct slice tool;
    size_t index = 0, at = 0;

    TRY(want(r, raw, JSON_ARRAY, "an array", "tools"));
    while (json_raw_element(&tool, raw, &at) != JSON_ABSENT)
        TRY(read_tool(r, tool, index++));
    return RC_OK;
}

/* ---- Messages ---- */

static enum rc read_message(struct reader *r, struct slice raw, size_t index)
{
    static const char *const names[] = {"role", "content"};
    const char *path = arena_printf(r->a, "messages[%zu]", index);
    struct message *m;
    struct slice v[2];
    enum role role;

    TRY(want(r, raw, JSON_OBJECT, "an object", path));
    json_body_pick(v, names, 2, raw);
    if (json_body_is(v[0], "user"))
        role = ROLE_USER;
    else if (json_body_is(v[0], "assistant"))
        role = ROLE_ASSISTANT;
    else if (json_body_is(v[0], "system"))
        role = ROLE_SYSTEM;
    else
        return wire_refuse(r->fault, r->a, messages__under(r, path, "role"),
                           "'%s.role' must be user, assistant or system.", path);
    m = conversation_add(r->out, role, r->a);
    if (m == NULL)
        return RC_NOMEM;
    m->path = path;
    return messages__content(r, m, v[1], messages__under(r, path, "content"));
}

static enum rc read_messages(struct reader *r, struct slice raw)
{
    struct slice message;
    size_t index = 0, at = 0;

    TRY(want(r, raw, JSON_ARRAY, "an array of messages", "messages"));
    while (json_raw_element(&message, raw, &at) != JSON_ABSENT)
        TRY(read_message(r, message, index++));
    if (index == 0)
        return wire_refuse(r->fault, r->a, "messages",
                           "'messages' must have at least one message.");
    return RC_OK;
}

/* Stands before all messages, wherever it is in the body. */
static enum rc read_system(struct reader *r, struct slice raw)
{
    struct message *m = conversation_add(r->out, ROLE_SYSTEM, r->a);

    if (m == NULL)
        return RC_NOMEM;
    m->path = "system";
    return messages__content(r, m, raw, "system");
}

/* The second turn of a thread has its new messages only; the rest is known to nobody
 * but Anthropic. The SDK knows this refusal and sends the whole history then. */
static enum rc refuse_thread(struct reader *r)
{
    r->fault->extra =
        SLICE("\"details\":{\"error_code\":\"thread_unsupported_request\","
              "\"unsupported\":[\"thread\"]}");
    return wire_refuse(r->fault, r->a, "thread",
                       "This model's provider keeps no threads: send the whole "
                       "conversation.");
}

/* ---- The body ---- */

struct member {
    const char *name;
    enum rc (*read)(struct reader *r, struct slice raw); /* NULL: not here */
};

static const struct member members[] = {
    {"max_tokens", read_max_tokens},
    {"messages", NULL}, /* after system */
    {"metadata", read_metadata},
    {"model", NULL}, /* the router's */
    {"output_config", read_output_config},
    {"service_tier", read_tier},
    {"stop_sequences", read_stop},
    {"stream", read_stream},
    {"system", NULL},
    {"temperature", read_temperature},
    {"thinking", read_thinking},
    {"thread", NULL},
    {"tool_choice", read_tool_choice},
    {"tools", read_tools},
    {"top_k", read_top_k},
    {"top_p", read_top_p},
};

enum {
    MEMBER_COUNT = sizeof(members) / sizeof(members[0])
};

static const struct member *find_member(struct slice name)
{
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        if (slice_equal_str(name, members[i].name))
            return &members[i];
    return NULL;
}

static enum rc read_members(struct reader *r, struct slice body)
{
    struct slice key, value, name;
    enum json_kind kind;
    size_t at = 0;

    while ((kind = json_raw_next(&key, &value, body, &at)) != JSON_ABSENT) {
        const struct member *m;

        if (kind == JSON_NULL)
            continue;
        if (json_raw_string(&name, key, r->a) != RC_OK)
            return RC_NOMEM;
        m = find_member(name);
        if (m == NULL)
            conversation_extra(r->out, name, value, r->a);
        else if (m->read != NULL)
            TRY(m->read(r, value));
    }
    return RC_OK;
}

/* Whether a thought is wanted at all is said by one member, how much by another. */
static void settle_effort(struct reader *r)
{
    struct conversation *c = r->out;

    if (r->thinking == EFFORT_NONE)
        c->effort = EFFORT_NONE;
    else if (c->effort == EFFORT_ABSENT && r->thinking != EFFORT_ABSENT)
        c->effort = r->thinking;
}

enum rc messages__read(struct conversation *out, struct wire_fault *fault,
                       struct slice body, struct arena *a)
{
    static const char *const names[] = {"system", "messages", "thread"};
    struct reader r = {.out = out, .fault = fault, .a = a};
    const char *path = NULL;
    struct slice v[3];

    *out = (struct conversation){.choices = 1};
    json_body_pick(v, names, 3, body);
    if (v[2].len > 0)
        return refuse_thread(&r);
    if (v[0].len > 0)
        TRY(read_system(&r, v[0]));
    TRY(read_messages(&r, v[1]));
    TRY(read_members(&r, body));
    settle_effort(&r);
    if (conversation_link(out, &path) != RC_OK)
        return wire_refuse(fault, a, messages__under(&r, path, "tool_use_id"),
                           "'%s' answers no tool_use before it.", path);
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

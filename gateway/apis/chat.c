/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/chat/completions, streamed and not, in the OpenAI dialect. Reads only what
 * routing, pricing and billing need; every other field passes as it came. */
#include "gateway/api.h"
#include "gateway/model_call.h"
#include "gateway/wires/json_body.h"

enum {
    CHOICES_MAX = 128,
    USER_BYTES_MAX = 256,
    OUTPUT_TOKENS_MAX = 100000000 /* beyond any model: "max_tokens" is a mistake then */
};

static const char *const fields[] = {"model",
                                     "messages",
                                     "stream",
                                     "stream_options",
                                     "n",
                                     "max_tokens",
                                     "user",
                                     "max_completion_tokens",
                                     "tools",
                                     "web_search_options",
                                     "safety_identifier",
                                     NULL};

static const struct model_ask ask = {
    .wire = &wire_chat,
    .op = PROVIDER_CHAT,
    .fields = fields,
};

/* ---- Messages ---- */

/* What is looked at in a message, found in one walk. */
enum {
    MESSAGE_ROLE,
    MESSAGE_CONTENT,
    MESSAGE_AUDIO,
    MESSAGE_CALLS,
    MESSAGE_CALL_ID,
    MESSAGE__COUNT
};

static const char *const message_fields[MESSAGE__COUNT] = {
    "role", "content", "audio", "tool_calls", "tool_call_id"};

/* The ids of the calls so far, raw. Results follow their calls closely; who is further
 * behind than the ring is long is believed. */
enum {
    CALLS_MAX = 64
};

struct calls {
    size_t count;
    struct slice ids[CALLS_MAX];
};

/* Counts the parts that stand for more than their bytes: images, audio, files. */
static enum rc check_parts(struct request *r, struct model_call *m,
                           struct slice content, unsigned message)
{
    struct slice part, type;
    unsigned index = 0;
    size_t at = 0;

    while (json_raw_element(&part, content, &at) != JSON_ABSENT) {
        if (json_raw_member(&type, part, "type") != JSON_STRING)
            return request_fault(
                r, RC_BAD_INPUT,
                arena_printf(r->arena, "messages[%u].content[%u].type", message, index),
                "Part %u of message %u must be an object with a 'type'.", index,
                message);
        m->references += !json_body_is(type, "text") && !json_body_is(type, "refusal");
        if (json_body_is(type, "image_url"))
            TRY(model_call_image(r, arena_printf(r->arena,
                                                 "messages[%u].content[%u].image_url",
                                                 message, index)));
        index++;
    }
    return RC_OK;
}

static enum rc check_content(struct request *r, struct model_call *m,
                             const struct slice f[MESSAGE__COUNT], unsigned index)
{
    switch (json_raw_type(f[MESSAGE_CONTENT])) {
    case JSON_ARRAY:
        return check_parts(r, m, f[MESSAGE_CONTENT], index);
    case JSON_ABSENT: /* or null: a call of tools says nothing */
    case JSON_STRING:
        return RC_OK;
    default:
        return request_fault(
            r, RC_BAD_INPUT, arena_printf(r->arena, "messages[%u].content", index),
            "The content of message %u must be a string or an array.", index);
    }
}

static void note_calls(struct calls *c, struct slice calls)
{
    struct slice call, id;
    size_t at = 0;

    if (json_raw_type(calls) != JSON_ARRAY)
        return;
    while (json_raw_element(&call, calls, &at) != JSON_ABSENT)
        if (json_raw_member(&id, call, "id") == JSON_STRING)
            c->ids[c->count++ % CALLS_MAX] = id;
}

static bool answers_a_call(const struct calls *c, struct slice id)
{
    const size_t have = c->count < CALLS_MAX ? c->count : CALLS_MAX;

    if (c->count > CALLS_MAX || slice_find(id, '\\') < id.len)
        return true;
    for (size_t i = 0; i < have; i++)
        if (slice_equal(c->ids[i], id))
            return true;
    return false;
}

static enum rc check_result(struct request *r, const struct calls *c, struct slice id,
                            unsigned index)
{
    if (json_raw_type(id) == JSON_STRING && answers_a_call(c, id))
        return RC_OK;
    return request_fault(
        r, RC_BAD_INPUT, arena_printf(r->arena, "messages[%u].tool_call_id", index),
        "Message %u is a tool's result, and answers no call before it.", index);
}

static enum rc check_message(struct request *r, struct model_call *m, struct calls *c,
                             struct slice message, unsigned index)
{
    static const char *const roles[] = {"user", "assistant", "system",
                                        "tool", "developer", "function"};
    struct slice f[MESSAGE__COUNT];
    size_t role = 0;

    json_body_pick(f, message_fields, MESSAGE__COUNT, message);
    while (role < sizeof(roles) / sizeof(roles[0]) &&
           !json_body_is(f[MESSAGE_ROLE], roles[role]))
        role++;
    if (role == sizeof(roles) / sizeof(roles[0]))
        return request_fault(r, RC_BAD_INPUT,
                             arena_printf(r->arena, "messages[%u].role", index),
                             "Message %u must be an object with a 'role': developer, "
                             "system, user, assistant or tool.",
                             index);
    TRY(check_content(r, m, f, index));
    /* An earlier answer that the vendor keeps, by its id. */
    m->references += json_raw_type(f[MESSAGE_AUDIO]) == JSON_OBJECT;
    note_calls(c, f[MESSAGE_CALLS]);
    if (json_body_is(f[MESSAGE_ROLE], "tool"))
        return check_result(r, c, f[MESSAGE_CALL_ID], index);
    return RC_OK;
}

static enum rc check_messages(struct request *r, struct model_call *m)
{
    const struct json_field *f = model_call_field(m, "messages");
    struct calls calls = {.count = 0};
    struct slice message;
    unsigned index = 0;
    size_t at = 0;

    if (f->type != JSON_ARRAY)
        return request_fault(r, RC_BAD_INPUT, "messages",
                             "'messages' must be an array of messages.");
    while (json_raw_element(&message, f->raw, &at) != JSON_ABSENT)
        TRY(check_message(r, m, &calls, message, index++));
    if (index == 0)
        return request_fault(r, RC_BAD_INPUT, "messages",
                             "'messages' must have at least one message.");
    return RC_OK;
}

/* ---- The rest ---- */

/* Tools that the vendor runs bring text of their own into the prompt. */
static enum rc check_tools(struct request *r, struct model_call *m)
{
    const struct json_field *f = model_call_field(m, "tools");
    struct slice tool, type;
    size_t at = 0;

    if (model_call_field(m, "web_search_options")->type == JSON_OBJECT)
        model_call_hosted(m, SLICE("web_search"));
    if (f->type == JSON_ABSENT || f->type == JSON_NULL)
        return RC_OK;
    if (f->type != JSON_ARRAY)
        return request_fault(r, RC_BAD_INPUT, "tools", "'tools' must be an array.");
    while (json_raw_element(&tool, f->raw, &at) != JSON_ABSENT) {
        if (json_raw_member(&type, tool, "type") != JSON_STRING)
            continue;
        if (!json_body_is(type, "function") && !json_body_is(type, "custom"))
            model_call_hosted(m, type);
    }
    return RC_OK;
}

static enum rc check_text(struct request *r, struct model_call *m, const char *name)
{
    const struct json_field *f = model_call_field(m, name);

    if (f->type == JSON_ABSENT || f->type == JSON_NULL)
        return RC_OK;
    if (f->type != JSON_STRING || f->raw.len - 2 > USER_BYTES_MAX)
        return request_fault(r, RC_BAD_INPUT, name,
                             "'%s' must be a string of at most %d bytes.", name,
                             USER_BYTES_MAX);
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

/* Either name of the output bound; the larger, if a client sends both. */
static enum rc read_bound(struct request *r, struct model_call *m)
{
    uint64_t old_bound = 0, new_bound = 0;
    bool old_given, new_given;

    TRY(model_call_u64(r, "max_tokens", &old_bound, &old_given, 1, OUTPUT_TOKENS_MAX));
    TRY(model_call_u64(r, "max_completion_tokens", &new_bound, &new_given, 1,
                       OUTPUT_TOKENS_MAX));
    m->bound_given = old_given || new_given;
    m->output_bound = old_bound > new_bound ? old_bound : new_bound;
    return RC_OK;
}

static enum rc plan(struct request *r)
{
    struct model_call *m;
    bool given;

    TRY(model_call_begin(&m, r, &ask));
    TRY(check_messages(r, m));
    TRY(check_tools(r, m));
    TRY(check_text(r, m, "user"));
    TRY(check_text(r, m, "safety_identifier"));
    TRY(read_stream(r, m));
    TRY(read_bound(r, m));
    m->cost_as_number = slice_starts(r->http->path, SLICE("/api/"));
    TRY(model_call_u64(r, "n", &m->choices, &given, 1, CHOICES_MAX));
    return model_call_quote(r);
}

static const struct api_route routes[] = {
    {"POST", "/v1/chat/completions"},
    {"POST", "/api/v1/chat/completions"}, /* OpenRouter's clients */
    {NULL, NULL},
};

extern const struct api api_chat;
const struct api api_chat = {
    .name = "chat",
    .dialect = DIALECT_OPENAI,
    .flags = API_PRICED | API_JSON_BODY,
    .routes = routes,
    .example = "\"max_tokens\":16,\"messages\":[{\"role\":\"user\",\"content\":"
               "\"Say hello.\"}]",
    .plan = plan,
    MODEL_CALL_FUNCTIONS,
};

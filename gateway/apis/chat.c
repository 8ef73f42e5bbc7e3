/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/chat/completions, streamed and not, in the OpenAI dialect. Reads only what
 * routing, pricing and billing need; every other field passes as it came. */
#include "gateway/api.h"
#include "gateway/model_call.h"

enum {
    CHOICES_MAX = 128,
    USER_BYTES_MAX = 256,
    OUTPUT_TOKENS_MAX = 100000000 /* beyond any model: "max_tokens" is a mistake then */
};

static const char *const fields[] = {
    "model",
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
};

enum {
    FIELD_COUNT = sizeof(fields) / sizeof(fields[0])
};

/* Parts that stand for more than their bytes: images, audio, files. */
static uint64_t count_parts(struct slice content)
{
    struct slice part, type;
    uint64_t count = 0;
    size_t at = 0;

    while (json_raw_element(&part, content, &at) != JSON_ABSENT) {
        if (json_raw_member(&type, part, "type") != JSON_STRING)
            continue;
        count += !slice_equal(type, SLICE("\"text\"")) &&
                 !slice_equal(type, SLICE("\"refusal\""));
    }
    return count;
}

/* Each message must be an object with a role; counts the references on the way. */
static enum rc check_messages(struct request *r, struct model_call *m)
{
    const struct json_field *f = model_call_field(m, "messages");
    struct slice message, role, content, audio;
    unsigned index = 0;
    size_t at = 0;

    if (f->type != JSON_ARRAY)
        return request_fault(r, RC_BAD_INPUT, "messages",
                             "'messages' must be an array of messages.");
    while (json_raw_element(&message, f->raw, &at) != JSON_ABSENT) {
        if (json_raw_member(&role, message, "role") != JSON_STRING)
            return request_fault(r, RC_BAD_INPUT,
                                 arena_printf(r->arena, "messages[%u].role", index),
                                 "Message %u must be an object with a 'role'.", index);
        if (json_raw_member(&content, message, "content") == JSON_ARRAY)
            m->references += count_parts(content);
        /* An earlier answer that the vendor keeps, by its id. */
        m->references += json_raw_member(&audio, message, "audio") == JSON_OBJECT;
        index++;
    }
    if (index == 0)
        return request_fault(r, RC_BAD_INPUT, "messages",
                             "'messages' must have at least one message.");
    return RC_OK;
}

/* Tools that the vendor runs bring text of their own into the prompt. */
static enum rc check_tools(struct request *r, struct model_call *m)
{
    const struct json_field *f = model_call_field(m, "tools");
    struct slice tool, type;
    size_t at = 0;

    if (model_call_field(m, "web_search_options")->type == JSON_OBJECT)
        m->references++;
    if (f->type == JSON_ABSENT || f->type == JSON_NULL)
        return RC_OK;
    if (f->type != JSON_ARRAY)
        return request_fault(r, RC_BAD_INPUT, "tools", "'tools' must be an array.");
    while (json_raw_element(&tool, f->raw, &at) != JSON_ABSENT) {
        if (json_raw_member(&type, tool, "type") != JSON_STRING)
            continue;
        m->references += !slice_equal(type, SLICE("\"function\"")) &&
                         !slice_equal(type, SLICE("\"custom\""));
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

    TRY(model_call_begin(&m, r, PROVIDER_CHAT, fields, FIELD_COUNT));
    TRY(check_messages(r, m));
    TRY(check_tools(r, m));
    TRY(check_text(r, m, "user"));
    TRY(check_text(r, m, "safety_identifier"));
    TRY(read_stream(r, m));
    TRY(read_bound(r, m));
    TRY(model_call_u64(r, "n", &m->choices, &given, 1, CHOICES_MAX));
    return model_call_quote(r);
}

static const struct api_route routes[] = {
    {"POST", "/v1/chat/completions"},
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

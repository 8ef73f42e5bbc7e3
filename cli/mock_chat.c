/* SPDX-License-Identifier: Apache-2.0 */
/* The mock's chat completions: reads a request as strictly as the real one does where
 * it matters to a gateway, makes an answer up, and prints it whole or as a stream. */
#include "cli/mock_int.h"

#include "base/clock.h"

#include <string.h>

enum {
    CHOICES_MAX = 16,
    TOKENS_MAX = 1000000,
    QUOTE_MAX = 400,   /* bytes of the last message that the answer repeats */
    TOOL_PIECE = 12,   /* bytes of arguments in one event */
    TEXT_MAX = 1 << 20 /* of an answer that a schema asks for */
};

enum {
    MODEL,
    MESSAGES,
    STREAM,
    STREAM_OPTIONS,
    MAX_TOKENS,
    MAX_COMPLETION_TOKENS,
    CHOICES,
    TOOLS,
    TOOL_CHOICE,
    RESPONSE_FORMAT,
    FIELDS
};

static const char *const field_names[FIELDS] = {
    [MODEL] = "model",
    [MESSAGES] = "messages",
    [STREAM] = "stream",
    [STREAM_OPTIONS] = "stream_options",
    [MAX_TOKENS] = "max_tokens",
    [MAX_COMPLETION_TOKENS] = "max_completion_tokens",
    [CHOICES] = "n",
    [TOOLS] = "tools",
    [TOOL_CHOICE] = "tool_choice",
    [RESPONSE_FORMAT] = "response_format",
};

struct chat {
    struct mock_call *call;
    struct json_field fields[FIELDS];
    struct slice model;
    bool stream;
    bool include_usage;
    uint64_t choices;
    uint64_t max_tokens;

    /* What was said. */
    uint64_t prompt_bytes;
    struct slice last_role;
    struct slice last_text;

    /* What to answer: a text, or a tool's name and as text its arguments. */
    struct slice tool;
    struct slice text;
    const char *finish;
    uint64_t completion_tokens;
    const char *id;
    uint64_t created_s;
};

/* ---- The request ---- */

static bool is_one_of(struct slice text, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (slice_equal_str(text, *names))
            return true;
    }
    return false;
}

static void hear(struct chat *chat, struct slice text)
{
    chat->prompt_bytes += text.len;
    chat->last_text = text;
}

/* One part of a content. Images, sound and files count nothing here. */
static bool read_part(struct chat *chat, struct slice part, uint64_t message)
{
    static const char *const types[] = {"text", "image_url", "input_audio",
                                        "file", "refusal",   NULL};
    struct arena *a = chat->call->arena;
    struct slice raw, type, text;

    if (json_raw_member(&raw, part, "type") != JSON_STRING ||
        json_raw_string(&type, raw, a) != RC_OK || !is_one_of(type, types))
        return mock__fail(chat->call, 400, "messages", "invalid_value",
                          "Invalid 'messages[%llu].content': a part has no known type.",
                          (unsigned long long)message);
    if (!slice_equal_str(type, "text"))
        return true;
    if (json_raw_member(&raw, part, "text") != JSON_STRING ||
        json_raw_string(&text, raw, a) != RC_OK)
        return mock__fail(chat->call, 400, "messages", "invalid_type",
                          "Invalid 'messages[%llu].content': a text part has no text.",
                          (unsigned long long)message);
    hear(chat, text);
    return true;
}

static bool read_content(struct chat *chat, struct slice content, uint64_t message)
{
    struct slice part, text;
    size_t at = 0;

    switch (json_raw_type(content)) {
    case JSON_STRING:
        if (json_raw_string(&text, content, chat->call->arena) != RC_OK)
            return mock__fail(chat->call, 500, NULL, NULL, "Out of memory.");
        hear(chat, text);
        return true;
    case JSON_ARRAY:
        while (json_raw_element(&part, content, &at) != JSON_ABSENT) {
            if (!read_part(chat, part, message))
                return false;
        }
        return true;
    case JSON_ABSENT:
    case JSON_NULL:
        if (slice_equal_str(chat->last_role, "assistant"))
            return true; /* it called tools instead */
        break;
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NUMBER:
    case JSON_OBJECT:
        break;
    }
    return mock__fail(chat->call, 400, "messages", "invalid_type",
                      "Invalid type for 'messages[%llu].content': expected a string or "
                      "an array of parts.",
                      (unsigned long long)message);
}

static bool read_message(struct chat *chat, struct slice message, uint64_t number)
{
    static const char *const roles[] = {"system",    "developer", "user", "tool",
                                        "assistant", "function",  NULL};
    struct slice raw = SLICE_NONE;
    struct slice content = SLICE_NONE;

    if (json_raw_member(&raw, message, "role") != JSON_STRING ||
        json_raw_string(&chat->last_role, raw, chat->call->arena) != RC_OK ||
        !is_one_of(chat->last_role, roles))
        return mock__fail(chat->call, 400, "messages", "invalid_value",
                          "Invalid 'messages[%llu].role'.", (unsigned long long)number);
    if (slice_equal_str(chat->last_role, "tool") &&
        json_raw_member(&raw, message, "tool_call_id") != JSON_STRING)
        return mock__fail(chat->call, 400, "messages", "missing_required_parameter",
                          "Missing required parameter: 'messages[%llu].tool_call_id'.",
                          (unsigned long long)number);
    if (json_raw_member(&content, message, "content") == JSON_ABSENT)
        content = SLICE("null");
    return read_content(chat, content, number);
}

static bool read_messages(struct chat *chat)
{
    const struct json_field *f = &chat->fields[MESSAGES];
    struct slice message;
    uint64_t number = 0;
    size_t at = 0;

    if (f->type != JSON_ARRAY)
        return mock__fail(chat->call, 400, "messages", "missing_required_parameter",
                          "'messages' must be an array.");
    for (; json_raw_element(&message, f->raw, &at) != JSON_ABSENT; number++) {
        if (!read_message(chat, message, number))
            return false;
    }
    if (number == 0)
        return mock__fail(chat->call, 400, "messages", "empty_array",
                          "Invalid 'messages': empty array. Expected an array with "
                          "minimum length 1, but got an empty array instead.");
    return true;
}

static bool read_stream(struct chat *chat)
{
    const struct json_field *options = &chat->fields[STREAM_OPTIONS];
    struct json_field usage = {.name = "stream_options.include_usage"};

    if (!mock__bool(chat->call, &chat->stream, &chat->fields[STREAM]))
        return false;
    if (options->type == JSON_ABSENT || options->type == JSON_NULL)
        return true;
    if (!chat->stream || options->type != JSON_OBJECT)
        return mock__fail(chat->call, 400, "stream_options", NULL,
                          "The 'stream_options' parameter is an object and only "
                          "allowed when 'stream' is enabled.");
    usage.type = json_raw_member(&usage.raw, options->raw, "include_usage");
    return mock__bool(chat->call, &chat->include_usage, &usage);
}

static bool read_limits(struct chat *chat)
{
    const struct json_field *old = &chat->fields[MAX_TOKENS];
    const struct json_field *now = &chat->fields[MAX_COMPLETION_TOKENS];

    if (old->type != JSON_ABSENT && now->type != JSON_ABSENT)
        return mock__fail(chat->call, 400, "max_tokens",
                          "invalid_parameter_combination",
                          "Setting 'max_tokens' and 'max_completion_tokens' at the "
                          "same time is not supported.");
    return mock__integer(chat->call, &chat->max_tokens, old, 1, TOKENS_MAX) &&
           mock__integer(chat->call, &chat->max_tokens, now, 1, TOKENS_MAX) &&
           mock__integer(chat->call, &chat->choices, &chat->fields[CHOICES], 1,
                         CHOICES_MAX);
}

/* ---- The answer ---- */

/* At most max bytes, and no character cut in two. */
static struct slice cut(struct slice text, uint64_t max)
{
    if (text.len <= max)
        return text;
    text.len = (size_t)max;
    while (text.len > 0 && ((unsigned char)text.bytes[text.len] & 0xc0) == 0x80)
        text.len--;
    return text;
}

/* A value that fits the schema, as text. */
static bool write_fitting(struct chat *chat, struct slice schema)
{
    struct json_out o;
    struct buf text;
    bool is_whole;

    buf_init(&text, TEXT_MAX);
    json_out_init(&o, &text);
    mock__fill(&o, schema, chat->call->arena);
    chat->text = arena_slice(chat->call->arena, buf_slice(&text));
    is_whole = !buf_spent(&text);
    buf_free(&text);
    return is_whole ||
           mock__fail(chat->call, 400, NULL, NULL, "The schema is too big.");
}

/* Finds the tool of that name, or with SLICE_NONE the first, and calls it. */
static bool call_tool(struct chat *chat, struct slice wanted)
{
    struct slice tool, function, raw, name;
    size_t at = 0;

    while (json_raw_element(&tool, chat->fields[TOOLS].raw, &at) != JSON_ABSENT) {
        struct slice schema = SLICE("{}");

        if (json_raw_member(&function, tool, "function") != JSON_OBJECT ||
            json_raw_member(&raw, function, "name") != JSON_STRING ||
            json_raw_string(&name, raw, chat->call->arena) != RC_OK || name.len == 0)
            return mock__fail(chat->call, 400, "tools", "invalid_value",
                              "Invalid 'tools': each must be a function with a name.");
        if (wanted.len > 0 && !slice_equal(wanted, name))
            continue;
        if (json_raw_member(&raw, function, "parameters") == JSON_OBJECT)
            schema = raw;
        chat->tool = name;
        chat->finish = "tool_calls";
        return write_fitting(chat, schema);
    }
    return mock__fail(chat->call, 400, "tool_choice", "invalid_value",
                      "Invalid 'tool_choice': there is no such tool.");
}

/* Calls a tool if the request wants one called; *called says whether. */
static bool choose_tool(struct chat *chat, bool *called)
{
    const struct json_field *tools = &chat->fields[TOOLS];
    const struct slice choice = chat->fields[TOOL_CHOICE].raw;
    struct slice name = SLICE_NONE;
    struct slice raw;
    size_t at = 0;

    *called = false;
    if (tools->type == JSON_ABSENT || tools->type == JSON_NULL)
        return true;
    if (tools->type != JSON_ARRAY ||
        json_raw_element(&raw, tools->raw, &at) == JSON_ABSENT)
        return mock__fail(chat->call, 400, "tools", "invalid_value",
                          "Invalid 'tools': expected an array that is not empty.");
    if (json_raw_member(&raw, choice, "function") == JSON_OBJECT &&
        (json_raw_member(&raw, raw, "name") != JSON_STRING ||
         json_raw_string(&name, raw, chat->call->arena) != RC_OK || name.len == 0))
        return mock__fail(chat->call, 400, "tool_choice", "invalid_value",
                          "Invalid 'tool_choice': the function has no name.");
    *called = name.len > 0 || slice_equal_str(choice, "\"required\"") ||
              (!slice_equal_str(choice, "\"none\"") &&
               slice_equal_str(chat->last_role, "user"));
    return !*called || call_tool(chat, name);
}

static bool choose_text(struct chat *chat)
{
    const struct slice quote = cut(chat->last_text, QUOTE_MAX);
    struct slice format, schema;

    if (json_raw_member(&format, chat->fields[RESPONSE_FORMAT].raw, "json_schema") ==
            JSON_OBJECT &&
        json_raw_member(&schema, format, "schema") == JSON_OBJECT)
        return write_fitting(chat, schema);
    if (json_raw_member(&format, chat->fields[RESPONSE_FORMAT].raw, "type") ==
            JSON_STRING &&
        slice_equal_str(format, "\"json_object\"")) {
        chat->text = SLICE("{\"answer\": \"This is the mock upstream.\"}");
        return true;
    }
    chat->text = slice_str(arena_printf(
        chat->call->arena,
        "%s \"%.*s\". This is the mock upstream of the demo: its words are made up, "
        "but their tokens are counted and paid for like real ones.",
        slice_equal_str(chat->last_role, "tool") ? "The tool said:" : "You said:",
        SLICE_FMT(quote)));
    return true;
}

static bool choose(struct chat *chat)
{
    bool called;

    chat->finish = "stop";
    if (!choose_tool(chat, &called) || (!called && !choose_text(chat)))
        return false;
    if (chat->text.len > chat->max_tokens * 4) {
        chat->text = cut(chat->text, chat->max_tokens * 4);
        chat->finish = "length";
    }
    chat->completion_tokens = chat->choices * mock__tokens(chat->text.len);
    chat->id = mock__id(chat->call, "chatcmpl-");
    chat->created_s = clock_wall_us() / 1000000;
    return chat->id != NULL;
}

/* ---- Printing ---- */

static void put_usage(struct json_out *o, const struct chat *chat)
{
    const uint64_t prompt_tokens = mock__tokens(chat->prompt_bytes);

    json_out_key(o, "usage");
    json_out_object(o);
    json_out_ku64(o, "prompt_tokens", prompt_tokens);
    json_out_ku64(o, "completion_tokens", chat->completion_tokens);
    json_out_ku64(o, "total_tokens", prompt_tokens + chat->completion_tokens);
    json_out_key(o, "prompt_tokens_details");
    json_out_object(o);
    json_out_ku64(o, "cached_tokens", 0);
    json_out_end_object(o);
    json_out_key(o, "completion_tokens_details");
    json_out_object(o);
    json_out_ku64(o, "reasoning_tokens", 0);
    json_out_end_object(o);
    json_out_end_object(o);
}

/* Up to and with the opening of `choices`. */
static void begin(struct json_out *o, const struct chat *chat, const char *object)
{
    json_out_object(o);
    json_out_kstr(o, "id", chat->id);
    json_out_kstr(o, "object", object);
    json_out_ku64(o, "created", chat->created_s);
    json_out_kslice(o, "model", chat->model);
    json_out_kstr(o, "service_tier", "default");
    json_out_kstr(o, "system_fingerprint", NULL);
    json_out_key(o, "choices");
    json_out_array(o);
}

static void put_tool_call(struct json_out *o, const struct chat *chat, uint64_t choice,
                          struct slice arguments)
{
    json_out_kstr(o, "id",
                  arena_printf(chat->call->arena, "call_%s_%llu", chat->id + 9,
                               (unsigned long long)choice));
    json_out_kstr(o, "type", "function");
    json_out_key(o, "function");
    json_out_object(o);
    json_out_kslice(o, "name", chat->tool);
    json_out_kslice(o, "arguments", arguments);
    json_out_end_object(o);
}

static void put_message(struct json_out *o, const struct chat *chat, uint64_t choice)
{
    json_out_key(o, "message");
    json_out_object(o);
    json_out_kstr(o, "role", "assistant");
    if (chat->tool.len == 0) {
        json_out_kslice(o, "content", chat->text);
    } else {
        json_out_kstr(o, "content", NULL);
        json_out_key(o, "tool_calls");
        json_out_array(o);
        json_out_object(o);
        put_tool_call(o, chat, choice, chat->text);
        json_out_end_object(o);
        json_out_end_array(o);
    }
    json_out_kstr(o, "refusal", NULL);
    json_out_end_object(o);
}

static void print_whole(const struct chat *chat)
{
    struct json_out o;

    json_out_init(&o, &chat->call->out);
    begin(&o, chat, "chat.completion");
    for (uint64_t i = 0; i < chat->choices; i++) {
        json_out_object(&o);
        json_out_ku64(&o, "index", i);
        put_message(&o, chat, i);
        json_out_kstr(&o, "logprobs", NULL);
        json_out_kstr(&o, "finish_reason", chat->finish);
        json_out_end_object(&o);
    }
    json_out_end_array(&o);
    put_usage(&o, chat);
    json_out_end_object(&o);
}

/* One event of a stream; what it says is between the two. */
static void begin_event(struct json_out *o, const struct chat *chat)
{
    buf_append_str(&chat->call->out, "data: ");
    json_out_init(o, &chat->call->out);
    begin(o, chat, "chat.completion.chunk");
}

static void end_event(struct json_out *o, const struct chat *chat, bool with_usage)
{
    json_out_end_array(o);
    if (with_usage)
        put_usage(o, chat);
    else if (chat->include_usage)
        json_out_kstr(o, "usage", NULL);
    json_out_end_object(o);
    buf_append_str(&chat->call->out, "\n\n");
}

/* From the choice's opening to that of its delta, and back. */
static void begin_delta(struct json_out *o, const struct chat *chat, uint64_t choice)
{
    begin_event(o, chat);
    json_out_object(o);
    json_out_ku64(o, "index", choice);
    json_out_key(o, "delta");
    json_out_object(o);
}

static void end_delta(struct json_out *o, const struct chat *chat, const char *finish)
{
    json_out_end_object(o);
    json_out_kstr(o, "logprobs", NULL);
    json_out_kstr(o, "finish_reason", finish);
    json_out_end_object(o);
    end_event(o, chat, false);
}

static void print_opening(const struct chat *chat, uint64_t choice)
{
    struct json_out o;

    begin_delta(&o, chat, choice);
    json_out_kstr(&o, "role", "assistant");
    if (chat->tool.len == 0) {
        json_out_kstr(&o, "content", "");
    } else {
        json_out_kstr(&o, "content", NULL);
        json_out_key(&o, "tool_calls");
        json_out_array(&o);
        json_out_object(&o);
        json_out_ku64(&o, "index", 0);
        put_tool_call(&o, chat, choice, SLICE(""));
        json_out_end_object(&o);
        json_out_end_array(&o);
    }
    json_out_kstr(&o, "refusal", NULL);
    end_delta(&o, chat, NULL);
}

static void print_piece(const struct chat *chat, uint64_t choice, struct slice piece)
{
    struct json_out o;

    begin_delta(&o, chat, choice);
    if (chat->tool.len == 0) {
        json_out_kslice(&o, "content", piece);
    } else {
        json_out_key(&o, "tool_calls");
        json_out_array(&o);
        json_out_object(&o);
        json_out_ku64(&o, "index", 0);
        json_out_key(&o, "function");
        json_out_object(&o);
        json_out_kslice(&o, "arguments", piece);
        json_out_end_object(&o);
        json_out_end_object(&o);
        json_out_end_array(&o);
    }
    end_delta(&o, chat, NULL);
}

/* A word with the space behind it, or a few bytes of arguments. */
static struct slice first_piece(const struct chat *chat, struct slice rest)
{
    if (chat->tool.len > 0)
        return cut(rest, TOOL_PIECE);
    return slice_sub(rest, 0, slice_find(rest, ' ') + 1);
}

static void print_stream(const struct chat *chat)
{
    struct slice rest = chat->text;
    struct json_out o;

    for (uint64_t i = 0; i < chat->choices; i++)
        print_opening(chat, i);
    while (rest.len > 0) {
        const struct slice piece = first_piece(chat, rest);

        for (uint64_t i = 0; i < chat->choices; i++)
            print_piece(chat, i, piece);
        rest = slice_sub(rest, piece.len, rest.len);
    }
    for (uint64_t i = 0; i < chat->choices; i++) {
        begin_delta(&o, chat, i);
        end_delta(&o, chat, chat->finish);
    }
    if (chat->include_usage) {
        begin_event(&o, chat);
        end_event(&o, chat, true);
    }
    buf_append_str(&chat->call->out, "data: [DONE]\n\n");
}

void mock__chat(struct mock_call *c)
{
    struct chat chat = {.call = c, .choices = 1, .max_tokens = TOKENS_MAX};

    for (unsigned i = 0; i < FIELDS; i++)
        chat.fields[i].name = field_names[i];
    if (!mock__scan(c, chat.fields, FIELDS) ||
        !mock__text(c, &chat.model, &chat.fields[MODEL]) || !read_stream(&chat) ||
        !read_limits(&chat) || !read_messages(&chat) || !choose(&chat))
        return;
    c->stream = chat.stream;
    if (chat.stream)
        print_stream(&chat);
    else
        print_whole(&chat);
}

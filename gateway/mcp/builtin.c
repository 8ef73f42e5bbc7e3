/* SPDX-License-Identifier: Apache-2.0 */
/* The tools that are ours: model calls, never streamed, and the wallet. */
#include "gateway/mcp/tools.h"

#include "base/codec.h"

#include <string.h>

static struct slice member(struct slice arguments, const char *name)
{
    struct slice raw;

    return json_raw_member(&raw, arguments, name) != JSON_ABSENT ? raw : SLICE_NONE;
}

static bool is_one_of(struct slice name, const char *const *list)
{
    for (; *list != NULL; list++)
        if (slice_equal_str(name, *list))
            return true;
    return false;
}

static enum rc refuse(struct mcp_error *error, struct request *r, struct slice name,
                      const char *words)
{
    const struct slice some = slice_sub(name, 0, 128);

    return mcp_fail(error, r, MCP_BAD_PARAMS, "'%.*s' %s", SLICE_FMT(some), words);
}

static enum rc no_others(struct mcp_error *error, struct request *r,
                         struct slice arguments, const char *const *known)
{
    struct slice key, value, name;
    size_t at = 0;

    while (json_raw_next(&key, &value, arguments, &at) != JSON_ABSENT) {
        TRY(json_raw_string(&name, key, r->arena));
        if (!is_one_of(name, known))
            return refuse(error, r, name, "is no argument of this tool.");
    }
    return RC_OK;
}

/* ---- Models ---- */

static bool has_models(const struct request *r)
{
    return r->config->model_count > 0;
}

/* The members of a body that go as they are. */
static void copy_members(struct buf *b, struct slice arguments,
                         const char *const *names)
{
    for (; *names != NULL; names++) {
        const struct slice raw = member(arguments, *names);

        if (raw.len == 0)
            continue;
        buf_printf(b, "%c\"%s\":", buf_len(b) == 0 ? '{' : ',', *names);
        buf_append(b, raw);
    }
}

static void add_message(struct buf *b, const char *role, struct slice content,
                        bool *first)
{
    if (content.len == 0)
        return;
    buf_printf(b, "%s{\"role\":\"%s\",\"content\":", *first ? "" : ",", role);
    buf_append(b, content);
    buf_append_char(b, '}');
    *first = false;
}

static enum rc end_body(struct mcp_call *out, const char *path)
{
    struct buf *b = &out->made;

    buf_append_char(b, '}');
    out->method = "POST";
    out->path = path;
    out->has_body = true;
    out->content_type = "application/json";
    out->body = buf_slice(b);
    return buf_spent(b) ? RC_NOMEM : RC_OK;
}

static enum rc chat_messages(struct buf *b, struct mcp_error *error, struct request *r,
                             struct slice arguments)
{
    const struct slice messages = member(arguments, "messages");
    const struct slice prompt = member(arguments, "prompt");
    const struct slice system = member(arguments, "system");
    bool first = true;

    if ((messages.len > 0) == (prompt.len > 0))
        return mcp_fail(error, r, MCP_BAD_PARAMS,
                        "Send either 'prompt' or 'messages', and one of them.");
    if (messages.len > 0 && system.len > 0)
        return refuse(error, r, SLICE("system"),
                      "goes with 'prompt': 'messages' have it inside.");
    buf_append_str(b, ",\"messages\":");
    if (messages.len > 0) {
        buf_append(b, messages);
        return RC_OK;
    }
    if (json_raw_type(prompt) != JSON_STRING ||
        (system.len > 0 && json_raw_type(system) != JSON_STRING))
        return refuse(error, r, SLICE("prompt"), "and 'system' must be strings.");
    buf_append_char(b, '[');
    add_message(b, "system", system, &first);
    add_message(b, "user", prompt, &first);
    buf_append_char(b, ']');
    return RC_OK;
}

static const char *const chat_known[] = {"model",
                                         "messages",
                                         "prompt",
                                         "system",
                                         "max_tokens",
                                         "temperature",
                                         "top_p",
                                         "stop",
                                         "seed",
                                         "tools",
                                         "response_format",
                                         "reasoning_effort",
                                         "tool_choice",
                                         "frequency_penalty",
                                         "presence_penalty",
                                         NULL};
/* Behind model, messages, prompt and system: they pass as they are. */
static const char *const *const chat_fields = chat_known + 4;

static enum rc make_chat(struct mcp_call *out, struct mcp_error *error,
                         struct request *r, struct slice arguments)
{
    static const char *const model[] = {"model", NULL};

    TRY(no_others(error, r, arguments, chat_known));
    if (json_raw_type(member(arguments, "model")) != JSON_STRING)
        return refuse(error, r, SLICE("model"), "is missing, or not a string.");
    copy_members(&out->made, arguments, model);
    TRY(chat_messages(&out->made, error, r, arguments));
    copy_members(&out->made, arguments, chat_fields);
    return end_body(out, "/v1/chat/completions");
}

static const char *const embedding_fields[] = {"model", "input", "dimensions",
                                               "encoding_format", NULL};

static enum rc make_embeddings(struct mcp_call *out, struct mcp_error *error,
                               struct request *r, struct slice arguments)
{
    TRY(no_others(error, r, arguments, embedding_fields));
    if (json_raw_type(member(arguments, "model")) != JSON_STRING)
        return refuse(error, r, SLICE("model"), "is missing, or not a string.");
    copy_members(&out->made, arguments, embedding_fields);
    return end_body(out, "/v1/embeddings");
}

static enum rc make_models(struct mcp_call *out, struct mcp_error *error,
                           struct request *r, struct slice arguments)
{
    static const char *const none[] = {NULL};

    out->method = "GET";
    out->path = "/v1/models";
    return no_others(error, r, arguments, none);
}

/* ---- The wallet ---- */

static enum rc make_balance(struct mcp_call *out, struct mcp_error *error,
                            struct request *r, struct slice arguments)
{
    static const char *const none[] = {NULL};

    out->method = "GET";
    out->path = "/v1/wallet";
    return no_others(error, r, arguments, none);
}

/* A call whose query has some of these arguments, as strings or numbers. */
static enum rc make_get(struct mcp_call *out, struct mcp_error *error,
                        struct request *r, struct slice arguments, const char *path,
                        const char *const *known)
{
    struct buf b;

    TRY(no_others(error, r, arguments, known));
    buf_init(&b, HTTP_URL_MAX);
    for (; *known != NULL; known++) {
        const struct slice raw = member(arguments, *known);
        struct slice text = raw;

        if (raw.len == 0)
            continue;
        if (json_raw_type(raw) != JSON_NUMBER &&
            !mcp_text(&text, arguments, *known, r)) {
            buf_free(&b);
            return refuse(error, r, slice_str(*known), "must be a string.");
        }
        buf_printf(&b, "%s%s=", buf_len(&b) > 0 ? "&" : "", *known);
        percent_encode(&b, text);
    }
    out->method = "GET";
    out->path = path;
    out->query = arena_slice(r->arena, buf_slice(&b));
    if (buf_spent(&b))
        out->path = NULL;
    buf_free(&b);
    if (out->path != NULL)
        return RC_OK;
    return mcp_fail(error, r, MCP_BAD_PARAMS, "The arguments are too long for a URL.");
}

static enum rc make_statement(struct mcp_call *out, struct mcp_error *error,
                              struct request *r, struct slice arguments)
{
    static const char *const known[] = {"after", "request_id", NULL};

    return make_get(out, error, r, arguments, "/v1/wallet/statement", known);
}

static bool takes_payments(const struct request *r)
{
    return r->worker->cashier != NULL;
}

static enum rc make_topup(struct mcp_call *out, struct mcp_error *error,
                          struct request *r, struct slice arguments)
{
    static const char *const known[] = {"amount", NULL};

    if (member(arguments, "amount").len == 0)
        return refuse(error, r, SLICE("amount"), "is missing.");
    TRY(make_get(out, error, r, arguments, "/v1/wallet/topup", known));
    out->method = "POST";
    return RC_OK;
}

static bool has_skills(const struct request *r)
{
    return r->worker->skills != NULL;
}

static enum rc make_search(struct mcp_call *out, struct mcp_error *error,
                           struct request *r, struct slice arguments)
{
    static const char *const known[] = {"q", "limit", NULL};

    return make_get(out, error, r, arguments, "/api/v1/search", known);
}

/* What the other tool would ask for, and that it is not to be called. */
static enum rc make_quote(struct mcp_call *out, struct mcp_error *error,
                          struct request *r, struct slice arguments)
{
    static const char *const known[] = {"tool", "arguments", NULL};
    const struct slice inner = member(arguments, "arguments");
    struct mcp_tool tool;
    struct slice name;
    enum rc rc;

    TRY(no_others(error, r, arguments, known));
    if (!mcp_text(&name, arguments, "tool", r))
        return refuse(error, r, SLICE("tool"), "is missing, or not a string.");
    if (inner.len > 0 && json_raw_type(inner) != JSON_OBJECT)
        return refuse(error, r, SLICE("arguments"), "must be an object.");
    if (mcp_tool_find(&tool, r, name) != RC_OK)
        return refuse(error, r, name, "is no tool: tools/list has them.");
    if (tool.builtin != NULL && !tool.builtin->is_priced)
        return refuse(error, r, name, "has no price of its own.");
    rc = mcp_tool_call(out, error, r, &tool, inner);
    mcp_tool_release(&tool);
    TRY(rc);
    out->is_quote = true;
    return RC_OK;
}

const struct mcp_builtin mcp_builtins[] = {
    {.name = "chat",
     .title = "Ask a language model",
     .description =
         "Asks a language model and returns its whole answer. The price depends on the "
         "model and on how much is read and written: 'models' lists prices, "
         "'wallet_quote' tells the most that one call can cost. Only what was used is "
         "charged.",
     .schema =
         "{\"type\":\"object\",\"properties\":{"
         "\"model\":{\"type\":\"string\",\"description\":\"Its name, as the tool 'models' lists it.\"},"
         "\"prompt\":{\"type\":\"string\",\"description\":\"What is asked; or send 'messages'.\"},"
         "\"system\":{\"type\":\"string\",\"description\":\"Instructions before the prompt.\"},"
         "\"messages\":{\"type\":\"array\",\"items\":{\"type\":\"object\"},"
         "\"description\":\"A whole conversation, as in OpenAI's chat completions.\"},"
         "\"max_tokens\":{\"type\":\"integer\",\"minimum\":1,\"description\":"
         "\"Bounds the answer, and with it the price.\"},"
         "\"temperature\":{\"type\":\"number\"},\"top_p\":{\"type\":\"number\"},"
         "\"stop\":{},\"seed\":{\"type\":\"integer\"},"
         "\"frequency_penalty\":{\"type\":\"number\"},"
         "\"presence_penalty\":{\"type\":\"number\"},"
         "\"response_format\":{\"type\":\"object\"},"
         "\"reasoning_effort\":{\"type\":\"string\"},"
         "\"tools\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},"
         "\"tool_choice\":{}},"
         "\"required\":[\"model\"],\"additionalProperties\":false}",
     .is_priced = true,
     .is_there = has_models,
     .make = make_chat},
    {.name = "embeddings",
     .title = "Embed texts",
     .description = "Returns the vectors of texts. Priced by the tokens of the input: "
                    "'models' lists prices.",
     .schema =
         "{\"type\":\"object\",\"properties\":{"
         "\"model\":{\"type\":\"string\",\"description\":\"Its name, as the tool 'models' lists it.\"},"
         "\"input\":{\"description\":\"A text, or an array of texts.\"},"
         "\"dimensions\":{\"type\":\"integer\"},"
         "\"encoding_format\":{\"type\":\"string\",\"enum\":[\"float\","
         "\"base64\"]}},"
         "\"required\":[\"model\",\"input\"],\"additionalProperties\":false}",
     .is_priced = true,
     .is_there = has_models,
     .make = make_embeddings},
    {.name = "models",
     .title = "List models and their prices",
     .description = "Lists the language models that can be called, with their prices. "
                    "Costs nothing.",
     .schema = "{\"type\":\"object\",\"properties\":{},"
               "\"additionalProperties\":false}",
     .is_read_only = true,
     .is_there = has_models,
     .make = make_models},
    {.name = "skills_search",
     .title = "Find skills",
     .description =
         "Searches the skills that are listed here, by words. Costs nothing.",
     .schema =
         "{\"type\":\"object\",\"properties\":{"
         "\"q\":{\"type\":\"string\",\"description\":\"Words; none: all of them.\"},"
         "\"limit\":{\"type\":\"integer\",\"minimum\":1}},"
         "\"additionalProperties\":false}",
     .is_read_only = true,
     .is_there = has_skills,
     .make = make_search},
    {.name = "wallet_balance",
     .title = "What the wallet has",
     .description =
         "Tells balance, holds and limits of the wallet whose API key calls. "
         "Costs nothing.",
     .schema = "{\"type\":\"object\",\"properties\":{},"
               "\"additionalProperties\":false}",
     .is_read_only = true,
     .make = make_balance},
    {.name = "wallet_statement",
     .title = "What the wallet paid for",
     .description =
         "Lists what was credited and paid, newest last, or the entry of one "
         "call. Costs nothing.",
     .schema =
         "{\"type\":\"object\",\"properties\":{"
         "\"after\":{\"type\":\"string\",\"description\":\"'next' of the page before.\"},"
         "\"request_id\":{\"type\":\"string\",\"description\":\"Only this call, with a signed receipt.\"}},"
         "\"additionalProperties\":false}",
     .is_read_only = true,
     .make = make_statement},
    {.name = "wallet_topup",
     .title = "Put money into the wallet",
     .description =
         "Credits the wallet whose API key calls with what is paid for this "
         "call by x402 or MPP. Without a key a new wallet is opened, and its "
         "key is told in the answer, once.",
     .schema =
         "{\"type\":\"object\",\"properties\":{"
         "\"amount\":{\"type\":\"string\",\"description\":\"In USD, such as 0.25.\"}},"
         "\"required\":[\"amount\"],\"additionalProperties\":false}",
     .is_there = takes_payments,
     .make = make_topup},
    {.name = "wallet_quote",
     .title = "What a call would cost",
     .description = "Tells what a call of another tool with these arguments would cost "
                    "at most, without making it. Costs nothing.",
     .schema = "{\"type\":\"object\",\"properties\":{"
               "\"tool\":{\"type\":\"string\",\"description\":\"The tool's name.\"},"
               "\"arguments\":{\"type\":\"object\",\"description\":"
               "\"As they would be sent to it.\"}},"
               "\"required\":[\"tool\"],\"additionalProperties\":false}",
     .is_read_only = true,
     .make = make_quote},
    {.name = NULL},
};

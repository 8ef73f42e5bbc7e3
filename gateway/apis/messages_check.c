/* SPDX-License-Identifier: Apache-2.0 */
/* A quick look at a Messages body; the long way reads all of it (gateway/wires). */
#include "gateway/apis/messages_check.h"

#include "gateway/wires/json_body.h"

/* ---- Tool calls and their results ---- */

/* The ids of the calls so far, raw. Results follow their calls closely; who is further
 * behind than the ring is long is believed. */
enum {
    CALLS_MAX = 64
};

struct calls {
    size_t count;
    struct slice ids[CALLS_MAX];
};

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

/* ---- Blocks ---- */

enum {
    BLOCK_TYPE,
    BLOCK_ID,
    BLOCK_CALL_ID,
    BLOCK_CONTENT,
    BLOCK_COUNT
};

static const char *const block_fields[BLOCK_COUNT] = {"type", "id", "tool_use_id",
                                                      "content"};

static const char *under(struct request *r, const char *path, size_t index,
                         const char *name)
{
    return arena_printf(r->arena, "%s[%zu]%s%s", path, index, name[0] ? "." : "", name);
}

static bool is_plain(struct slice type)
{
    static const char *const plain[] = {"text", "tool_use", "tool_result", "thinking",
                                        "redacted_thinking"};

    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (json_body_is(type, plain[i]))
            return true;
    return false;
}

/* A block of any kind that this dialect may ever get passes; what costs more than its
 * bytes is counted. */
static enum rc check_block(struct request *r, struct model_call *m,
                           struct slice f[BLOCK_COUNT], struct slice block,
                           const char *path, size_t index)
{
    json_body_pick(f, block_fields, BLOCK_COUNT, block);
    if (json_raw_type(f[BLOCK_TYPE]) != JSON_STRING)
        return request_fault(r, RC_BAD_INPUT, under(r, path, index, "type"),
                             "A block must be an object with a 'type'.");
    m->references += !is_plain(f[BLOCK_TYPE]);
    if (json_body_is(f[BLOCK_TYPE], "image"))
        return model_call_image(r, under(r, path, index, ""));
    return RC_OK;
}

/* What is inside a tool's result. */
static enum rc check_inner(struct request *r, struct model_call *m,
                           struct slice content, const char *path)
{
    struct slice f[BLOCK_COUNT], block;
    size_t index = 0, at = 0;

    if (json_raw_type(content) != JSON_ARRAY)
        return RC_OK;
    while (json_raw_element(&block, content, &at) != JSON_ABSENT)
        TRY(check_block(r, m, f, block, path, index++));
    return RC_OK;
}

static enum rc check_blocks(struct request *r, struct model_call *m, struct calls *c,
                            struct slice content, const char *path)
{
    struct slice f[BLOCK_COUNT], block;
    size_t index = 0, at = 0;

    for (; json_raw_element(&block, content, &at) != JSON_ABSENT; index++) {
        TRY(check_block(r, m, f, block, path, index));
        if (json_body_is(f[BLOCK_TYPE], "tool_use"))
            c->ids[c->count++ % CALLS_MAX] = f[BLOCK_ID];
        if (!json_body_is(f[BLOCK_TYPE], "tool_result"))
            continue;
        if (json_raw_type(f[BLOCK_CALL_ID]) != JSON_STRING ||
            !answers_a_call(c, f[BLOCK_CALL_ID]))
            return request_fault(r, RC_BAD_INPUT, under(r, path, index, "tool_use_id"),
                                 "A tool_result must answer a tool_use before it.");
        TRY(check_inner(r, m, f[BLOCK_CONTENT], under(r, path, index, "content")));
    }
    return RC_OK;
}

static enum rc check_content(struct request *r, struct model_call *m, struct calls *c,
                             struct slice content, const char *path)
{
    switch (json_raw_type(content)) {
    case JSON_STRING:
        return RC_OK;
    case JSON_ARRAY:
        return check_blocks(r, m, c, content, path);
    default:
        return request_fault(r, RC_BAD_INPUT, path,
                             "'%s' must be a string or an array of blocks.", path);
    }
}

/* ---- Messages ---- */

static enum rc check_message(struct request *r, struct model_call *m, struct calls *c,
                             struct slice message, size_t index)
{
    static const char *const names[] = {"role", "content"};
    struct slice f[2];

    json_body_pick(f, names, 2, message);
    if (!json_body_is(f[0], "user") && !json_body_is(f[0], "assistant") &&
        !json_body_is(f[0], "system"))
        return request_fault(r, RC_BAD_INPUT, under(r, "messages", index, "role"),
                             "Message %zu must be an object with a 'role': user, "
                             "assistant or system.",
                             index);
    return check_content(r, m, c, f[1], under(r, "messages", index, "content"));
}

/* The later turns of a thread hold their new messages only: what they answer is with
 * Anthropic, and so is what they cost. */
static enum rc check_messages(struct request *r, struct model_call *m)
{
    const struct json_field *f = model_call_field(m, "messages");
    struct calls calls = {.count = 0};
    struct slice message;
    size_t index = 0, at = 0;

    if (f->type != JSON_ARRAY)
        return request_fault(r, RC_BAD_INPUT, "messages",
                             "'messages' must be an array of messages.");
    if (model_call_field(m, "thread")->type > JSON_NULL) {
        m->references++;
        calls.count = CALLS_MAX + 1; /* believed */
    }
    while (json_raw_element(&message, f->raw, &at) != JSON_ABSENT)
        TRY(check_message(r, m, &calls, message, index++));
    if (index == 0)
        return request_fault(r, RC_BAD_INPUT, "messages",
                             "'messages' must have at least one message.");
    return RC_OK;
}

/* ---- The rest ---- */

static enum rc check_system(struct request *r, struct model_call *m)
{
    const struct json_field *f = model_call_field(m, "system");
    struct calls none = {.count = 0};

    if (f->type == JSON_ABSENT || f->type == JSON_NULL)
        return RC_OK;
    return check_content(r, m, &none, f->raw, "system");
}

/* Tools of Anthropic's own bring text into the prompt, whoever runs them. */
static enum rc check_tools(struct request *r, struct model_call *m)
{
    const struct json_field *f = model_call_field(m, "tools");
    struct slice tool, type;
    size_t index = 0, at = 0;

    if (f->type == JSON_ABSENT || f->type == JSON_NULL)
        return RC_OK;
    if (f->type != JSON_ARRAY)
        return request_fault(r, RC_BAD_INPUT, "tools", "'tools' must be an array.");
    for (; json_raw_element(&tool, f->raw, &at) != JSON_ABSENT; index++) {
        if (json_raw_type(tool) != JSON_OBJECT)
            return request_fault(r, RC_BAD_INPUT, under(r, "tools", index, ""),
                                 "A tool must be an object.");
        if (json_raw_member(&type, tool, "type") == JSON_STRING &&
            !json_body_is(type, "custom"))
            model_call_hosted(m, type);
    }
    return RC_OK;
}

/* Members that must be objects, and such as bring what is not in the body. */
static enum rc check_objects(struct request *r, struct model_call *m)
{
    static const char *const names[] = {"thinking", "output_config", "tool_choice",
                                        "metadata"};
    static const char *const far[] = {"mcp_servers", "container"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct json_field *f = model_call_field(m, names[i]);

        if (f->type != JSON_ABSENT && f->type != JSON_NULL && f->type != JSON_OBJECT)
            return request_fault(r, RC_BAD_INPUT, names[i], "'%s' must be an object.",
                                 names[i]);
    }
    for (size_t i = 0; i < sizeof(far) / sizeof(far[0]); i++)
        m->references += model_call_field(m, far[i])->type > JSON_NULL;
    return RC_OK;
}

enum rc messages_check(struct request *r, struct model_call *m)
{
    TRY(check_messages(r, m));
    TRY(check_system(r, m));
    TRY(check_tools(r, m));
    return check_objects(r, m);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/responses, streamed and not. Reads only what routing, pricing and billing
 * need; every other field passes as it came. What OpenAI keeps for later it keeps for
 * its operator's key, not for one of our callers: so nobody may name what we have not
 * seen made for him. It goes back to the key that made it; and what cannot be billed at
 * the answer (work in the background, tools with fees of their own) is refused. */
#include "gateway/api.h"
#include "gateway/apis/responses_kept.h"
#include "gateway/model_bond.h"
#include "gateway/model_call.h"
#include "gateway/wires/json_body.h"

enum {
    USER_BYTES_MAX = 256,
    OUTPUT_TOKENS_MAX = 100000000 /* beyond any model: the bound is a mistake then */
};

static const char *const fields[] = {"model",
                                     "input",
                                     "instructions",
                                     "stream",
                                     "max_output_tokens",
                                     "tools",
                                     "user",
                                     "safety_identifier",
                                     "previous_response_id",
                                     "conversation",
                                     "background",
                                     "prompt",
                                     "store",
                                     NULL};

static const struct model_ask ask = {
    .wire = &wire_responses,
    .op = PROVIDER_CHAT,
    .fields = fields,
    .refers = true,
};

static bool is_given(struct model_call *m, const char *name)
{
    const struct json_field *f = model_call_field(m, name);

    return f->type != JSON_ABSENT && f->type != JSON_NULL;
}

/* ---- Input ---- */

/* What is looked at in an item, found in one walk. */
enum {
    ITEM_TYPE,
    ITEM_ROLE,
    ITEM_CONTENT,
    ITEM_OUTPUT,
    ITEM_CALL_ID,
    ITEM_ID,
    ITEM__COUNT
};

static const char *const item_fields[ITEM__COUNT] = {"type",   "role",    "content",
                                                     "output", "call_id", "id"};

/* The ids of the calls so far, raw. Outputs follow their calls closely; who is further
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
    if (c->count > CALLS_MAX || slice_find(id, '\\') < id.len)
        return true;
    for (size_t i = 0; i < c->count; i++)
        if (slice_equal(c->ids[i], id))
            return true;
    return false;
}

static bool is_text(struct slice type)
{
    return json_body_is(type, "input_text") || json_body_is(type, "output_text") ||
           json_body_is(type, "refusal");
}

/* Counts the parts that stand for more than their bytes: images, audio, files. */
static enum rc check_parts(struct request *r, struct model_call *m,
                           struct slice content, const char *name, unsigned item)
{
    struct slice part, type;
    unsigned index = 0;
    size_t at = 0;

    while (json_raw_element(&part, content, &at) != JSON_ABSENT) {
        const char *path =
            arena_printf(r->arena, "input[%u].%s[%u]", item, name, index++);

        if (json_raw_member(&type, part, "type") != JSON_STRING)
            return request_fault(r, RC_BAD_INPUT,
                                 arena_printf(r->arena, "%s.type", path),
                                 "Each part must be an object with a 'type'.");
        m->references += !is_text(type);
        if (json_body_is(type, "input_image"))
            TRY(model_call_image(r, arena_printf(r->arena, "%s.image_url", path)));
    }
    return RC_OK;
}

static enum rc check_content(struct request *r, struct model_call *m,
                             struct slice content, const char *name, unsigned item)
{
    switch (json_raw_type(content)) {
    case JSON_ARRAY:
        return check_parts(r, m, content, name, item);
    case JSON_STRING:
        return RC_OK;
    default:
        return request_fault(
            r, RC_BAD_INPUT, arena_printf(r->arena, "input[%u].%s", item, name),
            "The %s of item %u must be a string or an array.", name, item);
    }
}

static enum rc check_message(struct request *r, struct model_call *m,
                             const struct slice f[ITEM__COUNT], unsigned index)
{
    static const char *const roles[] = {"user", "assistant", "system", "developer"};

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
        if (json_body_is(f[ITEM_ROLE], roles[i]))
            return check_content(r, m, f[ITEM_CONTENT], "content", index);
    return request_fault(r, RC_BAD_INPUT,
                         arena_printf(r->arena, "input[%u].role", index),
                         "The 'role' of item %u must be one of user, assistant, system "
                         "and developer.",
                         index);
}

/* After an answer that is kept, its calls are not in the body. */
static enum rc check_output(struct request *r, struct model_call *m,
                            const struct calls *c, const struct slice f[ITEM__COUNT],
                            unsigned index)
{
    if (!is_given(m, "previous_response_id") &&
        (json_raw_type(f[ITEM_CALL_ID]) != JSON_STRING ||
         !answers_a_call(c, f[ITEM_CALL_ID])))
        return request_fault(r, RC_BAD_INPUT,
                             arena_printf(r->arena, "input[%u].call_id", index),
                             "Item %u is a call's output, and answers no call before "
                             "it.",
                             index);
    return check_content(r, m, f[ITEM_OUTPUT], "output", index);
}

/* An item that the vendor keeps, by its id. */
static enum rc check_reference(struct request *r, struct slice id, unsigned index)
{
    struct slice name;
    enum rc rc = RC_NOT_FOUND;

    if (json_raw_type(id) == JSON_STRING &&
        json_raw_string(&name, id, r->arena) == RC_OK)
        rc = model_call_refer(r, name, true);
    if (rc != RC_NOT_FOUND)
        return rc;
    return request_fault(r, RC_BAD_INPUT, arena_printf(r->arena, "input[%u]", index),
                         "Item %u is a reference, and this gateway does not know who "
                         "made what it names: send the item itself, as clients do "
                         "that ask with 'store': false.",
                         index);
}

/* Reasoning that only its maker can read comes with a call or an id of it. */
static enum rc prefer_maker(struct request *r, struct slice id)
{
    struct slice name;
    enum rc rc;

    if (json_raw_type(id) != JSON_STRING ||
        json_raw_string(&name, id, r->arena) != RC_OK)
        return RC_OK;
    rc = model_call_refer(r, name, false);
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

static enum rc check_item(struct request *r, struct model_call *m, struct calls *c,
                          struct slice item, unsigned index)
{
    struct slice f[ITEM__COUNT];

    json_body_pick(f, item_fields, ITEM__COUNT, item);
    if (json_body_is(f[ITEM_TYPE], "message") ||
        (f[ITEM_TYPE].len == 0 && f[ITEM_ROLE].len > 0))
        return check_message(r, m, f, index);
    if (json_raw_type(f[ITEM_TYPE]) != JSON_STRING)
        return request_fault(
            r, RC_BAD_INPUT, arena_printf(r->arena, "input[%u].type", index),
            "Item %u must be an object with a 'type' or a 'role'.", index);
    if (json_body_is(f[ITEM_TYPE], "item_reference"))
        return check_reference(r, f[ITEM_ID], index);
    TRY(prefer_maker(r, json_raw_type(f[ITEM_CALL_ID]) == JSON_STRING ? f[ITEM_CALL_ID]
                                                                      : f[ITEM_ID]));
    if (json_body_is(f[ITEM_TYPE], "function_call_output") ||
        json_body_is(f[ITEM_TYPE], "custom_tool_call_output"))
        return check_output(r, m, c, f, index);
    if (json_raw_type(f[ITEM_CALL_ID]) == JSON_STRING)
        c->ids[c->count++ % CALLS_MAX] = f[ITEM_CALL_ID];
    return RC_OK;
}

static enum rc check_input(struct request *r, struct model_call *m)
{
    const struct json_field *f = model_call_field(m, "input");
    struct calls calls = {.count = 0};
    struct slice item;
    unsigned index = 0;
    size_t at = 0;

    if (f->type == JSON_STRING)
        return RC_OK;
    if (f->type != JSON_ARRAY)
        return request_fault(r, RC_BAD_INPUT, "input",
                             "'input' must be a string or an array of items.");
    while (json_raw_element(&item, f->raw, &at) != JSON_ABSENT)
        TRY(check_item(r, m, &calls, item, index++));
    if (index == 0)
        return request_fault(r, RC_BAD_INPUT, "input",
                             "'input' must have at least one item.");
    return RC_OK;
}

/* ---- The rest ---- */

/* Tools whose fees are in no usage report. */
static bool has_a_fee(struct slice type, struct slice tool)
{
    static const char *const dear[] = {"file_search", "code_interpreter",
                                       "image_generation"};
    struct slice where, kind;

    for (size_t i = 0; i < sizeof(dear) / sizeof(dear[0]); i++)
        if (json_body_is(type, dear[i]))
            return true;
    return json_body_is(type, "shell") &&
           json_raw_member(&where, tool, "environment") == JSON_OBJECT &&
           (json_raw_member(&kind, where, "type") != JSON_STRING ||
            !json_body_is(kind, "local"));
}

/* Tools that the vendor runs bring text of their own into the prompt. */
static enum rc check_tools(struct request *r, struct model_call *m)
{
    const struct json_field *f = model_call_field(m, "tools");
    struct slice tool, type;
    unsigned index = 0;
    size_t at = 0;

    if (!is_given(m, "tools"))
        return RC_OK;
    if (f->type != JSON_ARRAY)
        return request_fault(r, RC_BAD_INPUT, "tools", "'tools' must be an array.");
    while (json_raw_element(&tool, f->raw, &at) != JSON_ABSENT) {
        const char *path = arena_printf(r->arena, "tools[%u].type", index++);

        if (json_raw_member(&type, tool, "type") != JSON_STRING)
            return request_fault(r, RC_BAD_INPUT, path,
                                 "A tool must be an object with a 'type'.");
        if (has_a_fee(type, tool))
            return request_fault(r, RC_BAD_INPUT, path,
                                 "The tool %.*s has a fee that has no price here.",
                                 SLICE_FMT(slice_sub(type, 0, 64)));
        if (!json_body_is(type, "function") && !json_body_is(type, "custom"))
            model_call_hosted(m, type);
    }
    return RC_OK;
}

static enum rc check_text(struct request *r, struct model_call *m, const char *name,
                          size_t most)
{
    const struct json_field *f = model_call_field(m, name);

    if (!is_given(m, name))
        return RC_OK;
    if (f->type != JSON_STRING || f->raw.len - 2 > most)
        return request_fault(r, RC_BAD_INPUT, name,
                             "'%s' must be a string of at most %zu bytes.", name, most);
    return RC_OK;
}

static enum rc check_previous(struct request *r, const struct json_field *f)
{
    struct slice name;
    enum rc rc = RC_NOT_FOUND;

    if (f->type == JSON_STRING && json_raw_string(&name, f->raw, r->arena) == RC_OK)
        rc = model_call_refer(r, name, true);
    if (rc != RC_NOT_FOUND)
        return rc;
    return request_fault(r, RC_BAD_INPUT, "previous_response_id",
                         "This gateway does not know who made that answer for you with "
                         "this model: send the whole conversation in 'input'.");
}

/* What is kept at the vendor, by its name. */
static enum rc check_state(struct request *r, struct model_call *m)
{
    bool background = false;

    TRY(model_call_bool(r, "background", &background));
    if (background)
        return request_fault(r, RC_BAD_INPUT, "background",
                             "Work in the background is not offered: what it costs is "
                             "not known when it is answered.");
    if (is_given(m, "conversation"))
        return request_fault(r, RC_BAD_INPUT, "conversation",
                             "Conversations are not kept here: send the whole of it in "
                             "'input'.");
    if (is_given(m, "previous_response_id"))
        TRY(check_previous(r, model_call_field(m, "previous_response_id")));
    m->references += is_given(m, "prompt");
    return RC_OK;
}

static enum rc plan(struct request *r)
{
    struct model_call *m;

    TRY(model_call_begin(&m, r, &ask));
    TRY(responses_recall(r));
    TRY(check_state(r, m));
    TRY(check_input(r, m));
    TRY(check_tools(r, m));
    TRY(check_text(r, m, "instructions", r->config->limits.max_body_bytes));
    TRY(check_text(r, m, "user", USER_BYTES_MAX));
    TRY(check_text(r, m, "safety_identifier", USER_BYTES_MAX));
    TRY(model_call_bool(r, "stream", &m->stream));
    TRY(model_call_u64(r, "max_output_tokens", &m->output_bound, &m->bound_given, 1,
                       OUTPUT_TOKENS_MAX));
    m->usage_asked = true;
    m->cost_as_number = slice_starts(r->http->path, SLICE("/api/"));
    return model_call_quote(r);
}

static enum rc complete(struct request *r)
{
    TRY(model_call_complete(r));
    model_call_tie(r);
    return RC_OK;
}

static void finish(struct request *r)
{
    model_call_finish(r);
    responses_keep(r);
}

static const struct api_route routes[] = {
    {"POST", "/v1/responses"},
    {"POST", "/api/v1/responses"}, /* OpenRouter's clients */
    {NULL, NULL},
};

extern const struct api api_responses;
const struct api api_responses = {
    .name = "responses",
    .dialect = DIALECT_OPENAI,
    .flags = API_PRICED | API_JSON_BODY,
    .routes = routes,
    .example = "\"max_output_tokens\":16,\"input\":\"Say hello.\"",
    .plan = plan,
    .fit = model_call_fit,
    .bind = model_call_bind,
    .build = model_call_build,
    .head = model_call_head,
    .data = model_call_data,
    .may_retry = model_call_may_retry,
    .complete = complete,
    .cost = model_call_cost,
    .finish = finish,
    .broken = model_call_broken,
    .explain = model_call_explain,
    .close = model_call_close,
};

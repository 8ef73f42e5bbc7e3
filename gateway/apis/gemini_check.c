/* SPDX-License-Identifier: Apache-2.0 */
/* Looking at a Gemini request without reading all of it: on the short way everything
 * that is not looked at here passes as it came. */
#include "gateway/apis/gemini_check.h"

#include "gateway/path.h"
#include "gateway/wires/gemini_int.h"
#include "gateway/wires/json_body.h"

const char *const gemini_fields[] = {"contents",         "tools",
                                     "generationConfig", "generation_config",
                                     "serviceTier",      "cachedContent",
                                     "cached_content",   "generateContentRequest",
                                     "service_tier",     NULL};

enum rc gemini_member(const struct json_field **out, struct request *r,
                      const char *camel, const char *snake)
{
    const struct json_field *a = model_call_field(r->api_state, camel);
    const struct json_field *b = model_call_field(r->api_state, snake);

    if (a->type != JSON_ABSENT && b->type != JSON_ABSENT)
        return request_fault(r, RC_BAD_INPUT, camel, "'%s' is given twice.", camel);
    *out = b->type != JSON_ABSENT ? b : a;
    return RC_OK;
}

enum rc gemini_begin(struct model_call **out, struct request *r,
                     const struct model_ask *like)
{
    struct model_ask *ask = arena_new(r->arena, struct model_ask);

    if (ask == NULL)
        return RC_NOMEM;
    *ask = *like;
    if (path_decode(&ask->model, r->match.params[0], r->arena) != RC_OK ||
        slice_has_ctl(ask->model))
        return request_fault(r, RC_BAD_INPUT, "model",
                             "The model's name in the path is not valid.");
    return model_call_begin(out, r, ask);
}

/* ---- contents ---- */

static bool is_list(struct slice raw)
{
    const enum json_kind kind = json_raw_type(raw);

    return kind == JSON_ARRAY || kind == JSON_OBJECT;
}

static enum rc check_part(struct request *r, struct model_call *m, struct slice part,
                          const char *path)
{
    static const char *const names[] = {"inlineData", "fileData"};
    static const char *const type_name[] = {"mimeType"};
    struct slice v[2], type;

    if (path == NULL)
        return RC_NOMEM;
    if (json_raw_type(part) != JSON_OBJECT)
        return request_fault(r, RC_BAD_INPUT, path, "'%s' must be an object.", path);
    gemini__pick(v, names, 2, part);
    for (size_t i = 0; i < 2; i++) {
        if (v[i].len == 0)
            continue;
        m->references++;
        gemini__pick(&type, type_name, 1, v[i]);
        if (slice_starts(type, SLICE("\"image/")))
            TRY(model_call_image(r, arena_printf(r->arena, "%s.%s", path, names[i])));
    }
    return RC_OK;
}

static enum rc check_content(struct request *r, struct model_call *m,
                             struct slice content, unsigned index)
{
    static const char *const names[] = {"role", "parts"};
    struct slice v[2], part;
    unsigned count = 0;
    size_t at = 0;

    if (json_raw_type(content) != JSON_OBJECT)
        return request_fault(r, RC_BAD_INPUT,
                             arena_printf(r->arena, "contents[%u]", index),
                             "Content %u must be an object with 'parts'.", index);
    gemini__pick(v, names, 2, content);
    if (v[0].len > 0 && !json_body_is(v[0], "user") && !json_body_is(v[0], "model") &&
        !json_body_is(v[0], "function"))
        return request_fault(
            r, RC_BAD_INPUT, arena_printf(r->arena, "contents[%u].role", index),
            "The 'role' of content %u must be 'user' or 'model'.", index);
    if (v[1].len > 0 && !is_list(v[1]))
        return request_fault(r, RC_BAD_INPUT,
                             arena_printf(r->arena, "contents[%u].parts", index),
                             "The 'parts' of content %u must be an array.", index);
    while (gemini__element(&part, v[1], &at) != JSON_ABSENT)
        TRY(check_part(
            r, m, part,
            arena_printf(r->arena, "contents[%u].parts[%u]", index, count++)));
    return RC_OK;
}

static enum rc check_contents(struct request *r, struct model_call *m)
{
    const struct json_field *f = model_call_field(m, "contents");
    struct slice content;
    unsigned index = 0;
    size_t at = 0;

    if (!is_list(f->raw))
        return request_fault(r, RC_BAD_INPUT, "contents",
                             "'contents' must be an array of messages.");
    while (gemini__element(&content, f->raw, &at) != JSON_ABSENT)
        TRY(check_content(r, m, content, index++));
    if (index == 0)
        return request_fault(r, RC_BAD_INPUT, "contents",
                             "'contents' must have at least one message.");
    return RC_OK;
}

/* ---- The rest ---- */

static enum rc check_tool(struct request *r, struct model_call *m, struct slice tool,
                          unsigned index)
{
    static const char *const names[] = {"functionDeclarations", "googleMaps"};
    struct slice key, value;
    enum json_kind kind;
    size_t at = 0;

    if (json_raw_type(tool) != JSON_OBJECT)
        return request_fault(r, RC_BAD_INPUT,
                             arena_printf(r->arena, "tools[%u]", index),
                             "Tool %u must be an object.", index);
    while ((kind = json_raw_next(&key, &value, tool, &at)) != JSON_ABSENT) {
        const size_t which = gemini__index(key, names, 2);

        if (which == 0 || kind == JSON_NULL)
            continue;
        if (which == 1)
            return request_fault(
                r, RC_BAD_INPUT, arena_printf(r->arena, "tools[%u].googleMaps", index),
                "The tool 'googleMaps' has a fee that has no price here.");
        model_call_hosted(m, key);
    }
    return RC_OK;
}

static enum rc check_tools(struct request *r, struct model_call *m)
{
    const struct json_field *f = model_call_field(m, "tools");
    struct slice tool;
    unsigned index = 0;
    size_t at = 0;

    if (f->type == JSON_ABSENT || f->type == JSON_NULL)
        return RC_OK;
    if (!is_list(f->raw))
        return request_fault(r, RC_BAD_INPUT, "tools", "'tools' must be an array.");
    while (gemini__element(&tool, f->raw, &at) != JSON_ABSENT)
        TRY(check_tool(r, m, tool, index++));
    return RC_OK;
}

/* Such a cache lies in the operator's account, where the caches of all its callers
 * would lie, and is paid by the hour. */
static enum rc check_cache(struct request *r)
{
    const struct json_field *f;

    TRY(gemini_member(&f, r, "cachedContent", "cached_content"));
    if (f->type == JSON_ABSENT || f->type == JSON_NULL)
        return RC_OK;
    return request_fault(
        r, RC_BAD_INPUT, "cachedContent",
        "Caches are not kept here: send the whole of it in 'contents'.");
}

/* Prices know the words of Google's SDKs: one that is written otherwise would be served
 * and not be seen. */
static enum rc check_tier(struct request *r, struct model_call *m)
{
    static const char *const known[] = {"unspecified", "standard", "flex", "priority"};
    const struct json_field *f;

    TRY(gemini_member(&f, r, "serviceTier", "service_tier"));
    m->tier = f;
    if (f->type == JSON_ABSENT || f->type == JSON_NULL)
        return RC_OK;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (json_body_is(f->raw, known[i]))
            return RC_OK;
    return request_fault(r, RC_BAD_INPUT, "serviceTier",
                         "'serviceTier' must be standard, flex or priority.");
}

enum rc gemini_check(struct request *r, struct model_call *m)
{
    TRY(check_contents(r, m));
    TRY(check_tier(r, m));
    TRY(check_tools(r, m));
    return check_cache(r);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of a client's chat completion. Results of tools are messages of their
 * own there, and parts of the user's in the common form. */
#include "gateway/wires/chat_read.h"

/* One message being read. */
struct reading {
    struct chat_read *r;
    const char *path; /* "messages[2]" */
    struct message *m;
};

static const char *below(const struct reading *g, const char *member)
{
    return arena_printf(g->r->a, "%s.%s", g->path, member);
}

static struct part *add_part(const struct reading *g, enum part_kind kind,
                             const char *path)
{
    struct part *p = message_add(g->m, kind, g->r->a);

    if (p != NULL)
        p->path = path;
    return p;
}

static bool is_there(const struct json_field *f)
{
    return f->type != JSON_ABSENT && f->type != JSON_NULL;
}

/* ---- Media ---- */

/* Sounds are named by their formats here, and by media types elsewhere. */
static struct slice audio_type(struct slice format, struct arena *a)
{
    if (slice_equal_str(format, "mp3"))
        return SLICE("audio/mpeg");
    return slice_str(arena_printf(a, "audio/%.*s", SLICE_FMT(format)));
}

static enum rc take_image(const struct reading *g, struct part *p,
                          const struct json_field *image)
{
    struct json_field f[] = {{.name = "url"}, {.name = "detail"}};
    const char *path = arena_printf(g->r->a, "%s.image_url.url", p->path);

    body_fields(image->raw, f, 2);
    if (image->type == JSON_STRING) /* sent by many, taken by most */
        f[0] = *image;
    if (f[0].type != JSON_STRING)
        return chat_read_refuse(g->r, path, "a URL, or a data URL");
    if (media_from_url(&p->media, f[0].raw, g->r->a) != RC_OK)
        return chat_read_refuse(g->r, path,
                                "an http(s) URL, or a data URL with base64");
    p->media.detail = body_word(&f[1], g->r->a);
    return RC_OK;
}

static bool is_base64(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.bytes[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              (c >= '0' && c <= '9') || c == '+' || c == '/' || c == '=' || c == '-' ||
              c == '_'))
            return false;
    }
    return s.len > 0;
}

static enum rc take_audio(const struct reading *g, struct part *p,
                          const struct json_field *audio)
{
    struct json_field f[] = {{.name = "data"}, {.name = "format"}};

    body_fields(audio->raw, f, 2);
    p->media.from = MEDIA_INLINE;
    p->media.data = body_word(&f[0], g->r->a);
    if (!is_base64(p->media.data))
        return chat_read_refuse(
            g->r, arena_printf(g->r->a, "%s.input_audio.data", p->path), "base64");
    if (!body_has_text(&f[1]))
        return chat_read_refuse(
            g->r, arena_printf(g->r->a, "%s.input_audio.format", p->path), "a string");
    p->media.type = audio_type(body_word(&f[1], g->r->a), g->r->a);
    return RC_OK;
}

/* file_data is a data URL; base64 alone is taken too, and a URL (OpenRouter). */
static enum rc take_file(const struct reading *g, struct part *p,
                         const struct json_field *file)
{
    struct json_field f[] = {
        {.name = "file_data"}, {.name = "file_id"}, {.name = "filename"}};

    body_fields(file->raw, f, 3);
    if (body_has_text(&f[2]))
        p->media.name.json = f[2].raw;
    if (body_has_text(&f[1])) {
        p->media.from = MEDIA_ID;
        p->media.data = body_word(&f[1], g->r->a);
        return RC_OK;
    }
    if (f[0].type == JSON_STRING &&
        media_from_url(&p->media, f[0].raw, g->r->a) == RC_OK)
        return RC_OK;
    p->media.data = body_word(&f[0], g->r->a);
    p->media.type = SLICE("application/pdf");
    if (is_base64(p->media.data))
        return RC_OK;
    return chat_read_refuse(g->r, arena_printf(g->r->a, "%s.file.file_data", p->path),
                            "a data URL with base64");
}

/* ---- Content ---- */

static enum rc take_text(const struct reading *g, struct part *p,
                         const struct json_field *text, const char *member)
{
    if (text->type != JSON_STRING)
        return chat_read_refuse(g->r, arena_printf(g->r->a, "%s.%s", p->path, member),
                                "a string");
    p->text.json = text->raw;
    return RC_OK;
}

/* Mistral's: a string, or text parts, of which one is one part here. */
static enum rc take_thinking(const struct reading *g, struct part *p,
                             const struct json_field *thinking)
{
    struct json_field text = {.name = "text"};
    struct slice element;
    size_t at = 0;
    struct buf b;
    bool good;

    if (thinking->type == JSON_STRING) {
        p->text.json = thinking->raw;
        return RC_OK;
    }
    if (thinking->type != JSON_ARRAY)
        return chat_read_refuse(g->r, arena_printf(g->r->a, "%s.thinking", p->path),
                                "a string, or an array of text parts");
    buf_init(&b, thinking->raw.len + 2);
    buf_append_char(&b, '"');
    while (json_raw_element(&element, thinking->raw, &at) != JSON_ABSENT) {
        body_fields(element, &text, 1);
        if (body_has_text(&text))
            quoted_append(&b, (struct quoted){text.raw});
    }
    buf_append_char(&b, '"');
    p->text.json = arena_slice(g->r->a, buf_slice(&b));
    good = !buf_spent(&b);
    buf_free(&b);
    return good ? RC_OK : RC_NOMEM;
}

enum {
    PART_TYPE,
    PART_FIELD_TEXT,
    PART_FIELD_REFUSAL,
    PART_FIELD_IMAGE,
    PART_FIELD_AUDIO,
    PART_FIELD_FILE,
    PART_FIELD_THINKING,
    PART_FIELD_CACHE,
    PART__COUNT
};

static enum rc take_part_body(const struct reading *g, struct part *p,
                              const struct json_field *f)
{
    switch (p->kind) {
    case PART_TEXT:
        return take_text(g, p, &f[PART_FIELD_TEXT], "text");
    case PART_REFUSAL:
        return take_text(g, p, &f[PART_FIELD_REFUSAL], "refusal");
    case PART_IMAGE:
        return take_image(g, p, &f[PART_FIELD_IMAGE]);
    case PART_AUDIO:
        return take_audio(g, p, &f[PART_FIELD_AUDIO]);
    case PART_FILE:
        return take_file(g, p, &f[PART_FIELD_FILE]);
    case PART_REASONING:
        return take_thinking(g, p, &f[PART_FIELD_THINKING]);
    case PART_TOOL_CALL:
    case PART_TOOL_RESULT:
        break;
    }
    return RC_BAD_INPUT;
}

/* Which parts a message of a role may have, beside text. */
static bool may_have(const struct reading *g, enum part_kind kind)
{
    switch (g->m->role) {
    case ROLE_SYSTEM:
        return kind == PART_TEXT;
    case ROLE_USER:
        return kind != PART_REFUSAL && kind != PART_REASONING;
    case ROLE_ASSISTANT:
        return kind == PART_TEXT || kind == PART_REFUSAL || kind == PART_REASONING;
    }
    return false;
}

static enum rc take_part(const struct reading *g, size_t index, struct slice raw)
{
    static const struct {
        const char *type;
        enum part_kind kind;
    } kinds[] = {{"text", PART_TEXT},         {"image_url", PART_IMAGE},
                 {"input_audio", PART_AUDIO}, {"file", PART_FILE},
                 {"refusal", PART_REFUSAL},   {"thinking", PART_REASONING}};
    struct json_field f[PART__COUNT] = {
        {.name = "type"},      {.name = "text"},         {.name = "refusal"},
        {.name = "image_url"}, {.name = "input_audio"},  {.name = "file"},
        {.name = "thinking"},  {.name = "cache_control"}};
    const char *path = arena_printf(g->r->a, "%s.content[%zu]", g->path, index);

    body_fields(raw, f, PART__COUNT);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct part *p;

        if (!json_body_is(f[PART_TYPE].raw, kinds[i].type) ||
            !may_have(g, kinds[i].kind))
            continue;
        p = add_part(g, kinds[i].kind, path);
        if (p == NULL)
            return RC_NOMEM;
        chat_read_cache(&p->cached, &p->cached_1h, f[PART_FIELD_CACHE].raw);
        return take_part_body(g, p, f);
    }
    return chat_read_refuse(g->r, arena_printf(g->r->a, "%s.type", path),
                            "the type of a part that this message may have");
}

static enum rc take_content(const struct reading *g, const struct json_field *content)
{
    struct slice part;
    size_t at = 0, index = 0;
    struct part *p;

    if (content->type == JSON_STRING) {
        if (g->m->role == ROLE_ASSISTANT && !body_has_text(content))
            return RC_OK; /* beside tool calls */
        p = add_part(g, PART_TEXT, below(g, "content"));
        if (p == NULL)
            return RC_NOMEM;
        p->text.json = content->raw;
        return RC_OK;
    }
    if (content->type != JSON_ARRAY)
        return chat_read_refuse(g->r, below(g, "content"),
                                "a string, or an array of parts");
    while (json_raw_element(&part, content->raw, &at) != JSON_ABSENT)
        TRY(take_part(g, index++, part));
    return RC_OK;
}

/* ---- What an assistant said ---- */

/* OpenRouter's reasoning_details, which our own answers have too. Streams give them in
 * pieces, and clients send back what they got: pieces of one index are one part. */
struct details {
    struct part *p; /* the open one */
    bool has_index, failed;
    uint64_t index;
    struct buf text; /* insides */
};

enum {
    DETAIL_TEXT,
    DETAIL_SUMMARY,
    DETAIL_SIGNATURE,
    DETAIL_DATA,
    DETAIL_FORMAT,
    DETAIL_ID,
    DETAIL_INDEX,
    DETAIL__COUNT
};

static void end_detail(const struct reading *g, struct details *d)
{
    if (d->p != NULL && buf_len(&d->text) > 0) {
        buf_append_char(&d->text, '"');
        d->p->text.json = arena_slice(g->r->a, buf_slice(&d->text));
    }
    d->failed = d->failed || buf_spent(&d->text);
    buf_reset(&d->text);
    d->p = NULL;
}

/* The part that a detail belongs to. */
static enum rc seek_detail(const struct reading *g, struct details *d,
                           const struct json_field *f)
{
    uint64_t index = 0;
    const bool has_index = json_raw_u64(&index, f[DETAIL_INDEX].raw) == RC_OK;
    const bool same = has_index && d->has_index && index == d->index;

    if (d->p != NULL && (!same || !quoted_is_empty(d->p->signature)))
        end_detail(g, d);
    if (d->p != NULL)
        return RC_OK;
    d->p = add_part(g, PART_REASONING, below(g, "reasoning_details"));
    d->has_index = has_index;
    d->index = index;
    return d->p == NULL ? RC_NOMEM : RC_OK;
}

static enum rc take_detail(const struct reading *g, struct details *d, struct slice raw)
{
    struct json_field f[DETAIL__COUNT] = {{.name = "text"},      {.name = "summary"},
                                          {.name = "signature"}, {.name = "data"},
                                          {.name = "format"},    {.name = "id"},
                                          {.name = "index"}};
    const struct json_field *text = &f[DETAIL_TEXT], *seal = &f[DETAIL_SIGNATURE];

    body_fields(raw, f, DETAIL__COUNT);
    if (!body_has_text(text))
        text = &f[DETAIL_SUMMARY];
    if (body_has_text(&f[DETAIL_DATA]))
        seal = &f[DETAIL_DATA];
    if (!body_has_text(text) && !body_has_text(seal))
        return RC_OK;
    TRY(seek_detail(g, d, f));
    if (body_has_text(text)) {
        if (buf_len(&d->text) == 0)
            buf_append_char(&d->text, '"');
        buf_append(&d->text, slice_sub(text->raw, 1, text->raw.len - 2));
    }
    if (body_has_text(seal))
        d->p->signature.json = seal->raw;
    d->p->is_encrypted = buf_len(&d->text) == 0;
    if (body_has_text(&f[DETAIL_FORMAT]) &&
        !json_body_is(f[DETAIL_FORMAT].raw, "unknown"))
        d->p->signed_by = body_word(&f[DETAIL_FORMAT], g->r->a);
    if (body_has_text(&f[DETAIL_ID]))
        d->p->item_id = body_word(&f[DETAIL_ID], g->r->a);
    return RC_OK;
}

static enum rc take_details(const struct reading *g, const struct json_field *list)
{
    struct details d = {.p = NULL};
    struct slice detail;
    enum rc rc = RC_OK;
    size_t at = 0;

    buf_init(&d.text, SIZE_MAX / 2); /* pieces of a body, which is bounded */
    while (rc == RC_OK && json_raw_element(&detail, list->raw, &at) != JSON_ABSENT)
        rc = take_detail(g, &d, detail);
    end_detail(g, &d);
    if (d.failed)
        rc = RC_NOMEM;
    buf_free(&d.text);
    return rc;
}

static enum rc take_reasoning(const struct reading *g, const struct json_field *details,
                              const struct json_field *content,
                              const struct json_field *plain)
{
    struct part *p;

    TRY(take_details(g, details));
    if (g->m->parts != NULL)
        return RC_OK;
    if (!body_has_text(content))
        content = plain;
    if (!body_has_text(content))
        return RC_OK;
    p = add_part(g, PART_REASONING, below(g, content->name));
    if (p == NULL)
        return RC_NOMEM;
    p->text.json = content->raw;
    return RC_OK;
}

/* Arguments are a string that holds an object; some models' are broken, and go into an
 * object of their own so that every dialect can carry them. */
static enum rc take_arguments(const struct reading *g, struct part *p,
                              const struct json_field *f)
{
    const struct json_limits limits = {.depth = 32};
    struct slice text;

    if (f->type == JSON_OBJECT) {
        p->arguments = f->raw;
        return RC_OK;
    }
    if (f->type != JSON_STRING)
        return chat_read_refuse(
            g->r, arena_printf(g->r->a, "%s.function.arguments", p->path), "a string");
    TRY(body_text(&text, f->raw, g->r->a));
    if (slice_trim(text).len == 0)
        text = SLICE("{}");
    if (json_guard(text, &limits, NULL, 0, NULL, g->r->a) != RC_OK)
        text = slice_str(arena_printf(g->r->a, "{\"arguments\":%.*s}", (int)f->raw.len,
                                      f->raw.bytes));
    p->arguments = text;
    return RC_OK;
}

static enum rc take_call(const struct reading *g, size_t index, struct slice raw)
{
    struct json_field f[] = {{.name = "id"},
                             {.name = "function"},
                             {.name = "custom"},
                             {.name = "extra_content"}};
    struct json_field inner[] = {
        {.name = "name"}, {.name = "arguments"}, {.name = "input"}};
    struct json_field google = {.name = "google"};
    struct json_field seal = {.name = "thought_signature"};
    const char *path = arena_printf(g->r->a, "%s.tool_calls[%zu]", g->path, index);
    struct part *p = add_part(g, PART_TOOL_CALL, path);

    if (p == NULL)
        return RC_NOMEM;
    body_fields(raw, f, 4);
    if (!body_has_text(&f[0]))
        return chat_read_refuse(g->r, arena_printf(g->r->a, "%s.id", path), "a string");
    p->id = body_word(&f[0], g->r->a);
    p->is_custom = f[2].type == JSON_OBJECT;
    body_fields(f[p->is_custom ? 2 : 1].raw, inner, 3);
    if (!body_has_text(&inner[0]))
        return chat_read_refuse(g->r, arena_printf(g->r->a, "%s.function.name", path),
                                "a string");
    p->name = body_word(&inner[0], g->r->a);
    body_fields(f[3].raw, &google, 1);
    body_fields(google.raw, &seal, 1);
    if (body_has_text(&seal)) {
        p->signature.json = seal.raw;
        p->signed_by = SLICE("google-gemini-v1");
    }
    return p->is_custom ? take_text(g, p, &inner[2], "custom.input")
                        : take_arguments(g, p, &inner[1]);
}

static enum rc take_calls(const struct reading *g, const struct json_field *calls)
{
    struct slice call;
    size_t at = 0, index = 0;

    if (!is_there(calls))
        return RC_OK;
    if (calls->type != JSON_ARRAY)
        return chat_read_refuse(g->r, below(g, "tool_calls"), "an array");
    while (json_raw_element(&call, calls->raw, &at) != JSON_ABSENT)
        TRY(take_call(g, index++, call));
    return RC_OK;
}

static enum rc take_refusal(const struct reading *g, const struct json_field *refusal)
{
    struct part *p;

    if (!body_has_text(refusal))
        return RC_OK;
    p = add_part(g, PART_REFUSAL, below(g, "refusal"));
    if (p == NULL)
        return RC_NOMEM;
    p->text.json = refusal->raw;
    return RC_OK;
}

static enum rc take_images(const struct reading *g, const struct json_field *images)
{
    struct json_field url = {.name = "image_url"};
    struct slice image;
    size_t at = 0;

    while (json_raw_element(&image, images->raw, &at) != JSON_ABSENT) {
        struct part *p = add_part(g, PART_IMAGE, below(g, "images"));

        if (p == NULL)
            return RC_NOMEM;
        body_fields(image, &url, 1);
        TRY(take_image(g, p, &url));
    }
    return RC_OK;
}

/* ---- Messages ---- */

enum {
    FIELD_ROLE,
    FIELD_CONTENT,
    FIELD_NAME,
    FIELD_CALLS,
    FIELD_CALL_ID,
    FIELD_REFUSAL,
    FIELD_REASONING_CONTENT,
    FIELD_REASONING,
    FIELD_DETAILS,
    FIELD_IMAGES,
    FIELD_OLD_CALL,
    FIELD_AUDIO,
    FIELD__COUNT
};

static enum rc take_assistant(const struct reading *g, struct json_field *f)
{
    if (is_there(&f[FIELD_OLD_CALL]))
        return wire_refuse(g->r->fault, g->r->a, below(g, "function_call"),
                           "Calls of functions are 'tool_calls' here.");
    if (is_there(&f[FIELD_AUDIO])) /* kept by the vendor that said it */
        conversation_extra(g->r->c, slice_str(below(g, "audio")), f[FIELD_AUDIO].raw,
                           g->r->a);
    TRY(take_reasoning(g, &f[FIELD_DETAILS], &f[FIELD_REASONING_CONTENT],
                       &f[FIELD_REASONING]));
    if (is_there(&f[FIELD_CONTENT]))
        TRY(take_content(g, &f[FIELD_CONTENT]));
    TRY(take_refusal(g, &f[FIELD_REFUSAL]));
    TRY(take_images(g, &f[FIELD_IMAGES]));
    return take_calls(g, &f[FIELD_CALLS]);
}

/* A tool's result: a part of the user's message that the results before it began. */
static enum rc take_result(struct reading *g, struct json_field *f)
{
    struct chat_read *r = g->r;
    struct message *last = r->c->last_message;
    struct message inner = {.role = ROLE_USER};
    struct part *p;

    if (!body_has_text(&f[FIELD_CALL_ID]))
        return chat_read_refuse(r, below(g, "tool_call_id"), "a string");
    if (last == NULL || last->role != ROLE_USER || last->last_part == NULL ||
        last->last_part->kind != PART_TOOL_RESULT) {
        last = conversation_add(r->c, ROLE_USER, r->a);
        if (last == NULL)
            return RC_NOMEM;
        last->path = g->path;
    }
    p = message_add(last, PART_TOOL_RESULT, r->a);
    if (p == NULL)
        return RC_NOMEM;
    p->path = g->path;
    p->id = body_word(&f[FIELD_CALL_ID], r->a);
    g->m = &inner;
    TRY(take_content(g, &f[FIELD_CONTENT]));
    p->content = inner.parts;
    if (inner.last_part != NULL) { /* a mark in a result marks the result */
        p->cached = inner.last_part->cached;
        p->cached_1h = inner.last_part->cached_1h;
    }
    return RC_OK;
}

static enum rc add_message(struct reading *g, enum role role, bool developer,
                           struct json_field *f)
{
    g->m = conversation_add(g->r->c, role, g->r->a);
    if (g->m == NULL)
        return RC_NOMEM;
    g->m->path = g->path;
    g->m->developer = developer;
    g->m->name = body_word(&f[FIELD_NAME], g->r->a);
    return role == ROLE_ASSISTANT ? take_assistant(g, f)
                                  : take_content(g, &f[FIELD_CONTENT]);
}

static enum rc take_role(struct reading *g, struct json_field *f)
{
    const struct slice role = f[FIELD_ROLE].raw;

    if (json_body_is(role, "user"))
        return add_message(g, ROLE_USER, false, f);
    if (json_body_is(role, "assistant"))
        return add_message(g, ROLE_ASSISTANT, false, f);
    if (json_body_is(role, "system"))
        return add_message(g, ROLE_SYSTEM, false, f);
    if (json_body_is(role, "developer"))
        return add_message(g, ROLE_SYSTEM, true, f);
    if (json_body_is(role, "tool"))
        return take_result(g, f);
    return chat_read_refuse(g->r, below(g, "role"),
                            "system, developer, user, assistant, or tool");
}

/* What else a message has is named among the extras, but for what answers have and
 * clients send back. */
static void take_rest(const struct reading *g, struct slice message)
{
    static const char *const known[] = {"role",
                                        "content",
                                        "name",
                                        "tool_calls",
                                        "tool_call_id",
                                        "refusal",
                                        "reasoning_content",
                                        "reasoning",
                                        "reasoning_details",
                                        "images",
                                        "audio",
                                        "function_call",
                                        "id",
                                        "annotations",
                                        "provider_specific_fields"};
    const size_t count = sizeof(known) / sizeof(known[0]);
    struct slice key, value, name;
    size_t at = 0;

    while (json_raw_next(&key, &value, message, &at) != JSON_ABSENT)
        if (json_body_index(key, known, count) == count &&
            json_raw_type(value) != JSON_NULL &&
            body_text(&name, key, g->r->a) == RC_OK)
            conversation_extra(
                g->r->c,
                slice_str(arena_printf(g->r->a, "%s.%.*s", g->path, SLICE_FMT(name))),
                value, g->r->a);
}

static enum rc take_message(struct chat_read *r, size_t index, struct slice raw)
{
    struct json_field f[FIELD__COUNT] = {{.name = "role"},
                                         {.name = "content"},
                                         {.name = "name"},
                                         {.name = "tool_calls"},
                                         {.name = "tool_call_id"},
                                         {.name = "refusal"},
                                         {.name = "reasoning_content"},
                                         {.name = "reasoning"},
                                         {.name = "reasoning_details"},
                                         {.name = "images"},
                                         {.name = "function_call"},
                                         {.name = "audio"}};
    struct reading g = {r, arena_printf(r->a, "messages[%zu]", index), NULL};

    if (g.path == NULL)
        return RC_NOMEM;
    body_fields(raw, f, FIELD__COUNT);
    if (f[FIELD_ROLE].type != JSON_STRING)
        return chat_read_refuse(r, below(&g, "role"), "a string");
    TRY(take_role(&g, f));
    take_rest(&g, raw);
    return RC_OK;
}

enum rc chat_read_messages(struct chat_read *r, struct slice raw)
{
    struct slice message;
    size_t at = 0, index = 0;

    if (json_raw_type(raw) != JSON_ARRAY)
        return chat_read_refuse(r, "messages", "an array of messages");
    while (json_raw_element(&message, raw, &at) != JSON_ABSENT)
        TRY(take_message(r, index++, message));
    return RC_OK;
}

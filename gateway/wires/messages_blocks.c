/* SPDX-License-Identifier: Apache-2.0 */
/* What the messages of a Messages request hold, into parts. Blocks nest two deep and no
 * deeper: a tool's result holds documents, a document text. */
#include "gateway/wires/messages_read.h"

#include "gateway/wires/json_body.h"

enum {
    B_TYPE,
    B_TEXT,
    B_SOURCE,
    B_ID,
    B_NAME,
    B_INPUT,
    B_TOOL_USE_ID,
    B_CONTENT,
    B_IS_ERROR,
    B_THINKING,
    B_SIGNATURE,
    B_DATA,
    B_CACHE,
    B_TITLE,
    B_CITATIONS,
    B_COUNT
};

static const char *const block_names[B_COUNT] = {
    [B_TYPE] = "type",
    [B_TEXT] = "text",
    [B_SOURCE] = "source",
    [B_ID] = "id",
    [B_NAME] = "name",
    [B_INPUT] = "input",
    [B_TOOL_USE_ID] = "tool_use_id",
    [B_CONTENT] = "content",
    [B_IS_ERROR] = "is_error",
    [B_THINKING] = "thinking",
    [B_SIGNATURE] = "signature",
    [B_DATA] = "data",
    [B_CACHE] = "cache_control",
    [B_TITLE] = "title",
    [B_CITATIONS] = "citations",
};

struct block {
    struct slice v[B_COUNT];
    const char *path;
};

static enum rc bad(struct reader *r, const struct block *b, const char *name,
                   const char *what)
{
    const char *path = messages__under(r, b->path, name);

    return wire_refuse(r->fault, r->a, path, "'%s' must be %s.", path, what);
}

static enum rc open_block(struct reader *r, struct block *b, struct slice raw,
                          const char *path)
{
    b->path = path;
    if (json_raw_type(raw) != JSON_OBJECT)
        return wire_refuse(r->fault, r->a, path, "'%s' must be an object.", path);
    json_body_pick(b->v, block_names, B_COUNT, raw);
    return json_raw_type(b->v[B_TYPE]) == JSON_STRING ? RC_OK
                                                      : bad(r, b, "type", "a string");
}

static enum rc unknown(struct reader *r, const struct block *b)
{
    const char *path = messages__under(r, b->path, "type");

    return wire_refuse(r->fault, r->a, path, "'%s' can not be %.*s here.", path,
                       SLICE_FMT(b->v[B_TYPE]));
}

enum rc messages__cache(struct reader *r, bool *cached, bool *cached_1h,
                        struct slice raw, const char *path)
{
    struct slice ttl;

    if (raw.len == 0)
        return RC_OK;
    if (json_raw_type(raw) != JSON_OBJECT)
        return wire_refuse(r->fault, r->a, messages__under(r, path, "cache_control"),
                           "'%s.cache_control' must be an object.", path);
    *cached = true;
    *cached_1h =
        json_raw_member(&ttl, raw, "ttl") != JSON_ABSENT && json_body_is(ttl, "1h");
    return RC_OK;
}

static struct part *add(struct reader *r, struct message *m, enum part_kind kind,
                        const struct block *b)
{
    struct part *p = message_add(m, kind, r->a);

    if (p != NULL)
        p->path = b->path;
    return p;
}

static enum rc add_text(struct reader *r, struct message *m, const struct block *b,
                        struct slice text)
{
    struct part *p = add(r, m, PART_TEXT, b);

    if (p == NULL)
        return RC_NOMEM;
    p->text.json = text;
    return messages__cache(r, &p->cached, &p->cached_1h, b->v[B_CACHE], b->path);
}

/* ---- Text and images ---- */

static enum rc read_text(struct reader *r, struct message *m, const struct block *b)
{
    if (json_raw_type(b->v[B_TEXT]) != JSON_STRING)
        return bad(r, b, "text", "a string");
    return add_text(r, m, b, b->v[B_TEXT]);
}

enum {
    S_TYPE,
    S_MEDIA_TYPE,
    S_DATA,
    S_URL,
    S_FILE,
    S_CONTENT,
    S_COUNT
};

static const char *const source_names[S_COUNT] = {
    [S_TYPE] = "type", [S_MEDIA_TYPE] = "media_type", [S_DATA] = "data",
    [S_URL] = "url",   [S_FILE] = "file_id",          [S_CONTENT] = "content",
};

/* Characters that may stand inside quotes as they are. */
static bool is_clean(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.bytes[i] <= 0x20 || s.bytes[i] == 0x7f ||
            s.bytes[i] == '"' || s.bytes[i] == '\\')
            return false;
    return s.len > 0;
}

static enum rc read_source(struct reader *r, struct media *out, const struct slice *v,
                           const struct block *b)
{
    const char *field = "data";

    if (json_body_is(v[S_TYPE], "base64")) {
        out->from = MEDIA_INLINE;
        TRY(messages__string(r, &out->type, v[S_MEDIA_TYPE],
                             messages__under(r, b->path, "source.media_type")));
        if (!is_clean(out->type))
            return bad(r, b, "source.media_type", "a media type");
        TRY(messages__string(r, &out->data, v[S_DATA],
                             messages__under(r, b->path, "source.data")));
    } else if (json_body_is(v[S_TYPE], "url")) {
        field = "url";
        if (json_raw_type(v[S_URL]) != JSON_STRING ||
            media_from_url(out, v[S_URL], r->a) != RC_OK)
            return bad(r, b, "source.url", "an http(s) URL");
    } else if (json_body_is(v[S_TYPE], "file")) {
        field = "file_id";
        out->from = MEDIA_ID;
        TRY(messages__string(r, &out->data, v[S_FILE],
                             messages__under(r, b->path, "source.file_id")));
    } else {
        return bad(r, b, "source.type", "base64, url or file");
    }
    if (!is_clean(out->data))
        return bad(r, b, messages__under(r, "source", field),
                   "without blanks and quotes");
    return RC_OK;
}

static enum rc add_media(struct reader *r, struct message *m, enum part_kind kind,
                         const struct block *b, const struct slice *source)
{
    struct part *p = add(r, m, kind, b);

    if (p == NULL)
        return RC_NOMEM;
    TRY(read_source(r, &p->media, source, b));
    if (kind == PART_FILE && json_raw_type(b->v[B_TITLE]) == JSON_STRING)
        p->media.name.json = b->v[B_TITLE];
    return messages__cache(r, &p->cached, &p->cached_1h, b->v[B_CACHE], b->path);
}

static enum rc read_image(struct reader *r, struct message *m, const struct block *b)
{
    struct slice source[S_COUNT];

    if (json_raw_type(b->v[B_SOURCE]) != JSON_OBJECT)
        return bad(r, b, "source", "an object");
    json_body_pick(source, source_names, S_COUNT, b->v[B_SOURCE]);
    return add_media(r, m, PART_IMAGE, b, source);
}

static enum rc read_leaf(struct reader *r, struct message *m, const struct block *b)
{
    if (json_body_is(b->v[B_TYPE], "text"))
        return read_text(r, m, b);
    if (json_body_is(b->v[B_TYPE], "image"))
        return read_image(r, m, b);
    return unknown(r, b);
}

/* ---- Documents and search results ---- */

/* A string, or an array of text and images. */
static enum rc read_leaves(struct reader *r, struct message *m, const struct block *b,
                           struct slice raw, const char *name)
{
    const char *path = messages__under(r, b->path, name);
    struct slice one;
    size_t index = 0, at = 0;

    if (json_raw_type(raw) == JSON_STRING)
        return add_text(r, m, b, raw);
    if (json_raw_type(raw) != JSON_ARRAY)
        return bad(r, b, name, "a string or an array");
    while (json_raw_element(&one, raw, &at) != JSON_ABSENT) {
        struct block leaf;

        TRY(open_block(r, &leaf, one, arena_printf(r->a, "%s[%zu]", path, index++)));
        TRY(read_leaf(r, m, &leaf));
    }
    return RC_OK;
}

/* What stands above a text that had a document of its own. */
static enum rc add_title(struct reader *r, struct message *m, const struct block *b,
                         struct slice title)
{
    struct part *p;

    if (json_raw_type(title) != JSON_STRING || quoted_is_empty((struct quoted){title}))
        return RC_OK;
    p = add(r, m, PART_TEXT, b);
    if (p == NULL)
        return RC_NOMEM;
    p->text.json = title;
    return RC_OK;
}

/* Citations of documents are Anthropic's own: asking for them is lost elsewhere. */
static void note_citations(struct reader *r, const struct block *b)
{
    struct slice enabled;

    if (json_raw_member(&enabled, b->v[B_CITATIONS], "enabled") == JSON_TRUE)
        conversation_extra(r->out, SLICE("citations"), b->v[B_CITATIONS], r->a);
}

static enum rc read_document(struct reader *r, struct message *m, const struct block *b)
{
    struct slice source[S_COUNT];

    if (json_raw_type(b->v[B_SOURCE]) != JSON_OBJECT)
        return bad(r, b, "source", "an object");
    json_body_pick(source, source_names, S_COUNT, b->v[B_SOURCE]);
    note_citations(r, b);
    if (json_body_is(source[S_TYPE], "text")) {
        if (json_raw_type(source[S_DATA]) != JSON_STRING)
            return bad(r, b, "source.data", "a string");
        TRY(add_title(r, m, b, b->v[B_TITLE]));
        return add_text(r, m, b, source[S_DATA]);
    }
    if (json_body_is(source[S_TYPE], "content")) {
        TRY(add_title(r, m, b, b->v[B_TITLE]));
        return read_leaves(r, m, b, source[S_CONTENT], "source.content");
    }
    return add_media(r, m, PART_FILE, b, source);
}

static enum rc read_search_result(struct reader *r, struct message *m,
                                  const struct block *b)
{
    note_citations(r, b);
    TRY(add_title(r, m, b, b->v[B_TITLE]));
    TRY(add_title(r, m, b, b->v[B_SOURCE]));
    return read_leaves(r, m, b, b->v[B_CONTENT], "content");
}

static enum rc read_simple(struct reader *r, struct message *m, const struct block *b)
{
    if (json_body_is(b->v[B_TYPE], "document"))
        return read_document(r, m, b);
    if (json_body_is(b->v[B_TYPE], "search_result"))
        return read_search_result(r, m, b);
    return read_leaf(r, m, b);
}

/* ---- Tools ---- */

static enum rc read_tool_use(struct reader *r, struct message *m, const struct block *b)
{
    struct part *p = add(r, m, PART_TOOL_CALL, b);

    if (p == NULL)
        return RC_NOMEM;
    TRY(messages__string(r, &p->id, b->v[B_ID], messages__under(r, b->path, "id")));
    TRY(messages__string(r, &p->name, b->v[B_NAME],
                         messages__under(r, b->path, "name")));
    if (json_raw_type(b->v[B_INPUT]) != JSON_OBJECT)
        return bad(r, b, "input", "an object");
    p->arguments = b->v[B_INPUT];
    return messages__cache(r, &p->cached, &p->cached_1h, b->v[B_CACHE], b->path);
}

/* A pointer to a tool that a search has found: its provider's own business. */
static bool is_reference(const struct block *b)
{
    return json_body_is(b->v[B_TYPE], "tool_reference");
}

static enum rc read_result_blocks(struct reader *r, struct message *m,
                                  const struct block *b)
{
    const char *path = messages__under(r, b->path, "content");
    struct slice one;
    size_t index = 0, at = 0;

    if (json_raw_type(b->v[B_CONTENT]) != JSON_ARRAY)
        return bad(r, b, "content", "a string or an array");
    while (json_raw_element(&one, b->v[B_CONTENT], &at) != JSON_ABSENT) {
        struct block inner;

        TRY(open_block(r, &inner, one, arena_printf(r->a, "%s[%zu]", path, index++)));
        if (is_reference(&inner))
            conversation_extra(r->out, SLICE("tool_reference"), one, r->a);
        else
            TRY(read_simple(r, m, &inner));
    }
    return RC_OK;
}

static enum rc read_result_text(struct reader *r, struct message *m,
                                const struct block *b)
{
    struct part *p = add(r, m, PART_TEXT, b);

    if (p == NULL)
        return RC_NOMEM;
    p->text.json = b->v[B_CONTENT];
    return RC_OK;
}

static enum rc read_tool_result(struct reader *r, struct message *m,
                                const struct block *b)
{
    struct part *p = add(r, m, PART_TOOL_RESULT, b);
    struct message inside = {.parts = NULL};

    if (p == NULL)
        return RC_NOMEM;
    TRY(messages__string(r, &p->id, b->v[B_TOOL_USE_ID],
                         messages__under(r, b->path, "tool_use_id")));
    if (b->v[B_IS_ERROR].len > 0 &&
        json_raw_bool(&p->is_error, b->v[B_IS_ERROR]) != RC_OK)
        return bad(r, b, "is_error", "true or false");
    if (json_raw_type(b->v[B_CONTENT]) == JSON_STRING)
        TRY(read_result_text(r, &inside, b));
    else if (b->v[B_CONTENT].len > 0)
        TRY(read_result_blocks(r, &inside, b));
    p->content = inside.parts;
    return messages__cache(r, &p->cached, &p->cached_1h, b->v[B_CACHE], b->path);
}

/* ---- Reasoning ---- */

/* Reasoning of another vendor that we have shown to this client (MESSAGES_FOREIGN). */
static enum rc read_foreign(struct reader *r, struct part *p, struct slice text)
{
    struct slice rest = slice_sub(text, sizeof(MESSAGES_FOREIGN) - 1, text.len);
    size_t end = slice_find(rest, ':');

    p->signed_by = slice_sub(rest, 0, end);
    rest = slice_sub(rest, end + 1, rest.len);
    end = slice_find(rest, ':');
    p->item_id = slice_sub(rest, 0, end);
    rest = slice_sub(rest, end + 1, rest.len);
    p->signature =
        rest.len == 0 ? (struct quoted){SLICE_NONE} : quoted_from(rest, r->a);
    return arena_spent(r->a) ? RC_NOMEM : RC_OK;
}

static enum rc read_signature(struct reader *r, struct part *p, struct slice raw,
                              const char *path)
{
    struct slice text;

    if (raw.len == 0)
        return RC_OK;
    TRY(messages__string(r, &text, raw, path));
    if (slice_starts(text, SLICE(MESSAGES_FOREIGN)))
        return read_foreign(r, p, text);
    if (text.len == 0)
        return RC_OK;
    p->signature.json = raw;
    p->signed_by = SLICE(MESSAGES_SIGNED_BY);
    return RC_OK;
}

static enum rc read_thinking(struct reader *r, struct message *m, const struct block *b)
{
    struct part *p = add(r, m, PART_REASONING, b);

    if (p == NULL)
        return RC_NOMEM;
    if (json_raw_type(b->v[B_THINKING]) != JSON_STRING)
        return bad(r, b, "thinking", "a string");
    p->text.json = b->v[B_THINKING];
    return read_signature(r, p, b->v[B_SIGNATURE],
                          messages__under(r, b->path, "signature"));
}

static enum rc read_redacted(struct reader *r, struct message *m, const struct block *b)
{
    struct part *p = add(r, m, PART_REASONING, b);

    if (p == NULL)
        return RC_NOMEM;
    if (json_raw_type(b->v[B_DATA]) != JSON_STRING)
        return bad(r, b, "data", "a string");
    p->is_encrypted = true;
    return read_signature(r, p, b->v[B_DATA], messages__under(r, b->path, "data"));
}

/* ---- A message ---- */

/* What Anthropic's own tools have done, and marks of its history: they mean nothing to
 * another model. */
static bool is_vendors_own(struct slice type)
{
    static const char *const names[] = {"server_tool_use", "mcp_tool_use",
                                        "container_upload", "fallback"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (json_body_is(type, names[i]))
            return true;
    return slice_ends(type, SLICE("_tool_result\""));
}

static enum rc note_vendors_own(struct reader *r, const struct block *b,
                                struct slice raw)
{
    struct slice name;

    if (json_raw_string(&name, b->v[B_TYPE], r->a) != RC_OK)
        return RC_NOMEM;
    conversation_extra(r->out, name, raw, r->a);
    return RC_OK;
}

static enum rc read_assistant(struct reader *r, struct message *m,
                              const struct block *b)
{
    if (json_body_is(b->v[B_TYPE], "tool_use"))
        return read_tool_use(r, m, b);
    if (json_body_is(b->v[B_TYPE], "thinking"))
        return read_thinking(r, m, b);
    if (json_body_is(b->v[B_TYPE], "redacted_thinking"))
        return read_redacted(r, m, b);
    /* The history before it in fewer words. */
    if (json_body_is(b->v[B_TYPE], "compaction"))
        return json_raw_type(b->v[B_CONTENT]) == JSON_STRING
                   ? add_text(r, m, b, b->v[B_CONTENT])
                   : RC_OK;
    return read_simple(r, m, b);
}

static enum rc read_block(struct reader *r, struct message *m, struct slice raw,
                          const char *path)
{
    struct block b;

    TRY(open_block(r, &b, raw, path));
    if (is_vendors_own(b.v[B_TYPE]))
        return note_vendors_own(r, &b, raw);
    switch (m->role) {
    case ROLE_SYSTEM:
        return json_body_is(b.v[B_TYPE], "text") ? read_text(r, m, &b) : unknown(r, &b);
    case ROLE_USER:
        return json_body_is(b.v[B_TYPE], "tool_result") ? read_tool_result(r, m, &b)
                                                        : read_simple(r, m, &b);
    case ROLE_ASSISTANT:
        return read_assistant(r, m, &b);
    }
    return RC_INTERNAL;
}

enum rc messages__content(struct reader *r, struct message *m, struct slice raw,
                          const char *path)
{
    struct slice one;
    size_t index = 0, at = 0;

    if (json_raw_type(raw) == JSON_STRING) {
        const struct block b = {.path = path};

        return add_text(r, m, &b, raw);
    }
    if (json_raw_type(raw) != JSON_ARRAY)
        return wire_refuse(r->fault, r->a, path,
                           "'%s' must be a string or an array of blocks.", path);
    while (json_raw_element(&one, raw, &at) != JSON_ABSENT)
        TRY(read_block(r, m, one, arena_printf(r->a, "%s[%zu]", path, index++)));
    return RC_OK;
}

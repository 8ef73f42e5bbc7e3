/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of a conversation as chat completions has them: results of tools as
 * messages of their own, before what else the user says. Reasoning of earlier turns
 * goes back to the vendors that want it, and is nothing to the others. */
#include "gateway/wires/chat_write.h"

enum {
    SHORT_ID = 9,
    LONG_ID = 40 /* OpenAI's bound */
};

/* ---- Small things ---- */

/* Mistral takes ids of nine letters and digits only, the others what is not too long.
 * What is not taken is replaced by a digest, the same for the call and its result. */
static struct slice tool_id(struct chat_write *w, struct slice id)
{
    static const char digits[] =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const bool is_short = chat_has(w, QUIRK_SHORT_IDS);
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    bool good = is_short ? id.len == SHORT_ID : id.len <= LONG_ID;
    char text[SHORT_ID];

    for (size_t i = 0; i < id.len; i++) {
        const unsigned char c = (unsigned char)id.bytes[i];

        good = good && (!is_short || memchr(digits, c, sizeof(digits) - 1) != NULL);
        hash = (hash ^ c) * UINT64_C(0x100000001b3);
    }
    if (good)
        return id;
    for (size_t i = 0; i < SHORT_ID; i++, hash /= 62)
        text[i] = digits[hash % 62];
    return arena_slice(w->a, slice_from(text, SHORT_ID));
}

static bool is_text(const struct chat_write *w, const struct part *p)
{
    return p->kind == PART_TEXT ||
           (p->kind == PART_REFUSAL && chat_has(w, QUIRK_FUNCTIONS_ONLY));
}

/* Text parts of a list; *marked: one of them has a cache mark that is to be told. */
static size_t count_texts(const struct chat_write *w, const struct part *p,
                          bool *marked)
{
    size_t count = 0;

    for (; p != NULL; p = p->next) {
        if (!is_text(w, p))
            continue;
        count++;
        *marked = *marked || (p->cached && chat_has(w, QUIRK_CACHE_MARKS));
    }
    return count;
}

static void put_text_part(struct chat_write *w, const struct part *p)
{
    json_out_object(w->o);
    json_out_kstr(w->o, "type", "text");
    body_put_quoted(w->o, "text", p->text);
    chat_write_cache(w, p->cached, p->cached_1h);
    json_out_end_object(w->o);
}

/* Several texts as one string, for vendors that want no arrays. */
static void put_joined(struct chat_write *w, const struct part *p)
{
    bool any = false;

    json_out_raw(w->o, SLICE("\"")); /* allow: one value written in pieces */
    for (; p != NULL; p = p->next) {
        if (!is_text(w, p))
            continue;
        if (any)
            buf_append_str(w->o->to, "\\n\\n");
        quoted_append(w->o->to, p->text);
        any = true;
    }
    buf_append_char(w->o->to, '"');
}

/* The texts of a list as the value of "content": a string where that says it all. */
static void put_texts(struct chat_write *w, const struct part *parts)
{
    bool marked = false;
    const size_t count = count_texts(w, parts, &marked);

    json_out_key(w->o, "content");
    if (!marked && (count < 2 || chat_has(w, QUIRK_STRING_CONTENT))) {
        put_joined(w, parts);
        return;
    }
    json_out_array(w->o);
    for (const struct part *p = parts; p != NULL; p = p->next)
        if (is_text(w, p))
            put_text_part(w, p);
    json_out_end_array(w->o);
}

/* ---- Media ---- */

static enum rc refuse(struct chat_write *w, const struct part *p, const char *why)
{
    return wire_refuse(w->fault, w->a, p->path, "%s", why);
}

/* A URL, or a data URL, as the value of `key`. */
static void put_url(struct chat_write *w, const char *key, const struct media *m,
                    const char *fallback_type)
{
    struct buf *to = w->o->to;

    json_out_key(w->o, key);
    json_out_raw(w->o, SLICE("\"")); /* allow: one value written in pieces */
    if (m->from == MEDIA_INLINE) {
        buf_append_str(to, "data:");
        if (m->type.len > 0)
            buf_append(to, m->type);
        else
            buf_append_str(to, fallback_type);
        buf_append_str(to, ";base64,");
    }
    buf_append(to, m->data);
    buf_append_char(to, '"');
}

static enum rc put_image(struct chat_write *w, const struct part *p)
{
    if (p->media.from == MEDIA_ID)
        return refuse(w, p, "An image by its id is known to its own vendor only.");
    if (p->media.from == MEDIA_URL && chat_has(w, QUIRK_NO_IMAGE_URL))
        return refuse(w, p, "This model takes images inline only, not by URL.");
    json_out_object(w->o);
    json_out_kstr(w->o, "type", "image_url");
    json_out_key(w->o, "image_url");
    json_out_object(w->o);
    put_url(w, "url", &p->media, "image/png");
    if (p->media.detail.len > 0)
        json_out_kslice(w->o, "detail", p->media.detail);
    json_out_end_object(w->o);
    chat_write_cache(w, p->cached, p->cached_1h);
    json_out_end_object(w->o);
    return RC_OK;
}

static struct slice audio_format(struct slice type)
{
    static const char prefix[] = "audio/";

    if (slice_equal_nocase(type, SLICE("audio/mpeg")))
        return SLICE("mp3");
    if (slice_equal_nocase(type, SLICE("audio/x-wav")) || type.len == 0)
        return SLICE("wav");
    return slice_starts_nocase(type, SLICE("audio/"))
               ? slice_sub(type, sizeof(prefix) - 1, type.len)
               : type;
}

static enum rc put_audio(struct chat_write *w, const struct part *p)
{
    if (p->media.from != MEDIA_INLINE)
        return refuse(w, p, "This model takes audio inline only.");
    json_out_object(w->o);
    json_out_kstr(w->o, "type", "input_audio");
    json_out_key(w->o, "input_audio");
    json_out_object(w->o);
    json_out_kslice(w->o, "data", p->media.data);
    json_out_kslice(w->o, "format", audio_format(p->media.type));
    json_out_end_object(w->o);
    json_out_end_object(w->o);
    return RC_OK;
}

static enum rc put_file(struct chat_write *w, const struct part *p)
{
    if (p->media.from == MEDIA_URL && !chat_has(w, QUIRK_REASONING_DETAILS))
        return refuse(w, p, "This model takes files inline only, not by URL.");
    json_out_object(w->o);
    json_out_kstr(w->o, "type", "file");
    json_out_key(w->o, "file");
    json_out_object(w->o);
    if (p->media.from == MEDIA_ID)
        json_out_kslice(w->o, "file_id", p->media.data);
    else
        put_url(w, "file_data", &p->media, "application/pdf");
    /* OpenAI wants a name for what it is given inline. */
    if (!quoted_is_empty(p->media.name))
        body_put_raw(w->o, "filename", p->media.name.json);
    else if (p->media.from == MEDIA_INLINE)
        json_out_kstr(w->o, "filename", "file");
    json_out_end_object(w->o);
    chat_write_cache(w, p->cached, p->cached_1h);
    json_out_end_object(w->o);
    return RC_OK;
}

static enum rc put_user_part(struct chat_write *w, const struct part *p)
{
    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL:
        put_text_part(w, p);
        return RC_OK;
    case PART_IMAGE:
        return put_image(w, p);
    case PART_AUDIO:
        return put_audio(w, p);
    case PART_FILE:
        return put_file(w, p);
    case PART_TOOL_CALL:
    case PART_TOOL_RESULT:
    case PART_REASONING:
        break;
    }
    return RC_OK;
}

/* ---- Messages ---- */

static void begin(struct chat_write *w, const char *role, const struct message *m)
{
    json_out_object(w->o);
    json_out_kstr(w->o, "role", role);
    if (m->name.len > 0 && !chat_has(w, QUIRK_FEW_FIELDS))
        json_out_kslice(w->o, "name", m->name);
}

/* Before the first thing said; behind it some vendors take it from the user only. */
static bool is_first(const struct conversation *c, const struct message *m)
{
    const struct message *at = c->messages;

    while (at != m && at->role == ROLE_SYSTEM)
        at = at->next;
    return at == m;
}

static void put_system(struct chat_write *w, const struct message *m)
{
    const bool developer = m->developer && !chat_has(w, QUIRK_SYSTEM_ROLE);

    if (chat_has(w, QUIRK_SYSTEM_FIRST) && !is_first(w->c, m))
        begin(w, "user", m);
    else
        begin(w, developer ? "developer" : "system", m);
    put_texts(w, m->parts);
    json_out_end_object(w->o);
}

static void put_result(struct chat_write *w, const struct part *p)
{
    if (p->is_error)
        losses_add(w->lost, "is_error");
    json_out_object(w->o);
    json_out_kstr(w->o, "role", "tool");
    json_out_kslice(w->o, "tool_call_id", tool_id(w, p->id));
    put_texts(w, p->content);
    json_out_end_object(w->o);
}

static bool is_media(const struct part *p)
{
    return p->kind == PART_IMAGE || p->kind == PART_AUDIO || p->kind == PART_FILE;
}

/* What a message of the user holds besides results: its own parts, and images in
 * results, for which a tool's message has no place. */
static void count_user(const struct message *m, size_t *texts, size_t *media)
{
    for (const struct part *p = m->parts; p != NULL; p = p->next) {
        *texts += p->kind == PART_TEXT || p->kind == PART_REFUSAL;
        *media += is_media(p);
        for (const struct part *q = p->content; q != NULL; q = q->next)
            *media += is_media(q);
    }
}

static enum rc put_user_parts(struct chat_write *w, const struct message *m)
{
    json_out_key(w->o, "content");
    json_out_array(w->o);
    for (const struct part *p = m->parts; p != NULL; p = p->next) {
        for (const struct part *q = p->content; q != NULL; q = q->next)
            if (is_media(q))
                TRY(put_user_part(w, q));
        TRY(put_user_part(w, p));
    }
    json_out_end_array(w->o);
    return RC_OK;
}

static enum rc put_user(struct chat_write *w, const struct message *m)
{
    size_t texts = 0, media = 0;

    for (const struct part *p = m->parts; p != NULL; p = p->next)
        if (p->kind == PART_TOOL_RESULT)
            put_result(w, p);
    count_user(m, &texts, &media);
    if (texts + media == 0 && m->parts != NULL)
        return RC_OK;
    begin(w, "user", m);
    if (media > 0)
        TRY(put_user_parts(w, m));
    else
        put_texts(w, m->parts);
    json_out_end_object(w->o);
    return RC_OK;
}

/* ---- What an assistant said ---- */

static void put_call(struct chat_write *w, const struct part *p)
{
    const char *kind = p->is_custom ? "custom" : "function";

    json_out_object(w->o);
    json_out_kslice(w->o, "id", tool_id(w, p->id));
    json_out_kstr(w->o, "type", kind);
    json_out_key(w->o, kind);
    json_out_object(w->o);
    json_out_kslice(w->o, "name", p->name);
    if (p->is_custom)
        body_put_quoted(w->o, "input", p->text);
    else
        json_out_kslice(w->o, "arguments",
                        p->arguments.len > 0 ? p->arguments : SLICE("{}"));
    json_out_end_object(w->o);
    json_out_end_object(w->o);
}

static void put_calls(struct chat_write *w, const struct message *m)
{
    bool any = false;

    for (const struct part *p = m->parts; p != NULL; p = p->next) {
        if (p->kind != PART_TOOL_CALL)
            continue;
        if (!any) {
            json_out_key(w->o, "tool_calls");
            json_out_array(w->o);
        }
        any = true;
        put_call(w, p);
    }
    if (any)
        json_out_end_array(w->o);
}

/* Texts of one kind as one string under `key`, if there are any. */
static void put_kind(struct chat_write *w, const struct message *m, enum part_kind kind,
                     const char *key)
{
    bool any = false;

    for (const struct part *p = m->parts; p != NULL; p = p->next) {
        if (p->kind != kind || quoted_is_empty(p->text))
            continue;
        if (!any) {
            json_out_key(w->o, key);
            json_out_raw(w->o, SLICE("\"")); /* allow: one value written in pieces */
        }
        any = true;
        quoted_append(w->o->to, p->text);
    }
    if (any)
        buf_append_char(w->o->to, '"');
}

static void put_detail(struct chat_write *w, const struct part *p, uint64_t index)
{
    const bool sealed = p->is_encrypted || quoted_is_empty(p->text);

    json_out_object(w->o);
    json_out_kstr(w->o, "type", sealed ? "reasoning.encrypted" : "reasoning.text");
    if (!sealed)
        body_put_quoted(w->o, "text", p->text);
    body_put_raw(w->o, sealed ? "data" : "signature", p->signature.json);
    if (p->item_id.len > 0)
        json_out_kslice(w->o, "id", p->item_id);
    if (p->signed_by.len > 0)
        json_out_kslice(w->o, "format", p->signed_by);
    json_out_ku64(w->o, "index", index);
    json_out_end_object(w->o);
}

static void put_details(struct chat_write *w, const struct message *m)
{
    uint64_t index = 0;

    for (const struct part *p = m->parts; p != NULL; p = p->next) {
        if (p->kind != PART_REASONING)
            continue;
        if (index == 0) {
            json_out_key(w->o, "reasoning_details");
            json_out_array(w->o);
        }
        put_detail(w, p, index++);
    }
    if (index > 0)
        json_out_end_array(w->o);
}

static void put_assistant(struct chat_write *w, const struct message *m)
{
    bool marked = false, calls = false;

    for (const struct part *p = m->parts; p != NULL; p = p->next) {
        calls = calls || p->kind == PART_TOOL_CALL;
        if (is_media(p)) /* what it drew is no input here */
            losses_add(w->lost, p->path);
    }
    begin(w, "assistant", m);
    if (chat_has(w, QUIRK_REASONING_DETAILS))
        put_details(w, m);
    else if (chat_has(w, QUIRK_REASONING_BACK))
        put_kind(w, m, PART_REASONING, "reasoning_content");
    if (count_texts(w, m->parts, &marked) > 0 || !calls)
        put_texts(w, m->parts);
    if (!chat_has(w, QUIRK_FUNCTIONS_ONLY))
        put_kind(w, m, PART_REFUSAL, "refusal");
    put_calls(w, m);
    json_out_end_object(w->o);
}

/* Vendors without schemas want to be told in words that JSON is meant: OpenAI's own
 * rule for json_object too. */
static void put_form(struct chat_write *w)
{
    const struct conversation *c = w->c;

    if (c->form == FORM_TEXT || !chat_has(w, QUIRK_NO_SCHEMA))
        return;
    json_out_object(w->o);
    json_out_kstr(w->o, "role", "system");
    json_out_key(w->o, "content");
    if (c->form == FORM_JSON || c->schema.len == 0)
        json_out_str(w->o, "Answer with a JSON object.");
    else
        json_out_str(w->o, arena_printf(w->a,
                                        "Answer with a JSON object that is valid by "
                                        "this JSON schema: %.*s",
                                        (int)c->schema.len, c->schema.bytes));
    json_out_end_object(w->o);
}

enum rc chat_write_messages(struct chat_write *w)
{
    json_out_array(w->o);
    put_form(w);
    for (const struct message *m = w->c->messages; m != NULL; m = m->next)
        switch (m->role) {
        case ROLE_SYSTEM:
            put_system(w, m);
            break;
        case ROLE_USER:
            TRY(put_user(w, m));
            break;
        case ROLE_ASSISTANT:
            put_assistant(w, m);
            break;
        }
    json_out_end_array(w->o);
    return RC_OK;
}

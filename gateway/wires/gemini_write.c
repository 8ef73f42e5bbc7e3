/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation as a Gemini request: the messages. Tools and settings are written in
 * gemini_write_config.c. */
#include "gateway/wires/gemini_int.h"

/* Google checks the signatures of tool calls from Gemini 3 on; for calls that were made
 * by another model, or whose signature the client's dialect could not keep, it
 * documents this word in their place. */
static const char unsigned_call[] = "skip_thought_signature_validator";

/* ---- Media ---- */

/* What the first characters of base64 say about the bytes. */
static struct slice guess_inline(struct slice data)
{
    static const struct {
        const char *head, *type;
    } known[] = {{"/9j/", "image/jpeg"},  {"iVBORw0K", "image/png"},
                 {"R0lGOD", "image/gif"}, {"JVBERi", "application/pdf"},
                 {"SUQz", "audio/mp3"},   {"UklGR", "image/webp"}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (slice_starts(data, slice_str(known[i].head)))
            return slice_str(known[i].type);
    return SLICE_NONE;
}

static struct slice guess_url(struct slice url)
{
    static const struct {
        const char *end, *type;
    } known[] = {
        {".png", "image/png"},       {".jpg", "image/jpeg"}, {".jpeg", "image/jpeg"},
        {".webp", "image/webp"},     {".gif", "image/gif"},  {".heic", "image/heic"},
        {".pdf", "application/pdf"}, {".txt", "text/plain"}, {".mp3", "audio/mp3"},
        {".wav", "audio/wav"},       {".mp4", "video/mp4"},  {".webm", "video/webm"},
        {".html", "text/html"},      {".csv", "text/csv"},   {".md", "text/markdown"},
        {".flac", "audio/flac"}};

    url = slice_sub(url, 0, slice_find(url, '?'));
    url = slice_sub(url, 0, slice_find(url, '#'));
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        const struct slice end = slice_str(known[i].end);

        if (url.len > end.len &&
            slice_equal_nocase(slice_sub(url, url.len - end.len, end.len), end))
            return slice_str(known[i].type);
    }
    return SLICE_NONE;
}

static struct slice type_of(const struct media *m)
{
    if (slice_equal(m->type, SLICE("image/jpg")))
        return SLICE("image/jpeg");
    if (m->type.len > 0)
        return m->type;
    return m->from == MEDIA_INLINE ? guess_inline(m->data) : guess_url(m->data);
}

/* The member and its object, without the braces of a part. */
static enum rc put_media(struct gemini_writer *w, const struct part *p)
{
    const struct media *m = &p->media;
    const struct slice type = type_of(m);
    const bool is_inline = m->from == MEDIA_INLINE;

    if (is_inline && type.len == 0)
        return wire_refuse(w->fault, w->a, p->path,
                           "The media type of this is not told.");
    if (m->from == MEDIA_URL && (w->t->quirks & QUIRK_NO_IMAGE_URL))
        return wire_refuse(w->fault, w->a, p->path,
                           "The chosen provider takes media inline only, not by URL.");
    if (m->from == MEDIA_ID && !slice_starts(m->data, SLICE("gs://")) &&
        !slice_starts(m->data, SLICE("https://")))
        return wire_refuse(w->fault, w->a, p->path,
                           "The chosen provider does not have this file.");
    if (m->detail.len > 0 && !slice_equal(m->detail, SLICE("auto")))
        losses_add(w->lost, "detail");
    json_out_key(&w->o, is_inline ? "inlineData" : "fileData");
    json_out_object(&w->o);
    if (type.len > 0)
        json_out_kslice(&w->o, "mimeType", type);
    json_out_kslice(&w->o, is_inline ? "data" : "fileUri", m->data);
    json_out_end_object(&w->o);
    return RC_OK;
}

/* ---- Parts ---- */

static bool is_ours(const struct part *p)
{
    return slice_equal(p->signed_by, SLICE(GEMINI_SIGNED_BY));
}

static bool is_signed(const struct part *p)
{
    return is_ours(p) && !quoted_is_empty(p->signature);
}

static void put_quoted(struct gemini_writer *w, const char *key, struct quoted text)
{
    json_out_key(&w->o, key);
    json_out_raw(&w->o, text.json.len > 0 ? text.json : SLICE("\"\""));
}

static void put_text(struct gemini_writer *w, const struct part *p)
{
    json_out_object(&w->o);
    put_quoted(w, "text", p->text);
    if (p->kind == PART_REASONING)
        json_out_kbool(&w->o, "thought", true);
    if (is_signed(p))
        put_quoted(w, "thoughtSignature", p->signature);
    json_out_end_object(&w->o);
}

/* The first call of a turn is the one that must be signed. */
static void put_call(struct gemini_writer *w, const struct part *p)
{
    const bool wants = !w->before_3 && !w->is_signed;

    json_out_object(&w->o);
    json_out_key(&w->o, "functionCall");
    json_out_object(&w->o);
    if (p->id.len > 0)
        json_out_kslice(&w->o, "id", p->id);
    json_out_kslice(&w->o, "name", p->name);
    json_out_key(&w->o, "args");
    if (p->is_custom) {
        json_out_object(&w->o);
        put_quoted(w, "input", p->text);
        json_out_end_object(&w->o);
    } else {
        json_out_raw(&w->o, p->arguments.len > 0 ? p->arguments : SLICE("{}"));
    }
    json_out_end_object(&w->o);
    if (is_signed(p))
        put_quoted(w, "thoughtSignature", p->signature);
    else if (wants)
        json_out_kstr(&w->o, "thoughtSignature", unsigned_call);
    w->is_signed = true;
    json_out_end_object(&w->o);
}

/* ---- Results ---- */

/* Its texts as one. */
static struct quoted text_of(struct gemini_writer *w, const struct part *result)
{
    struct quoted joined = {SLICE("\"\"")};
    const struct part *first = NULL;
    unsigned count = 0;
    struct buf b;

    for (const struct part *p = result->content; p != NULL; p = p->next)
        if (p->kind == PART_TEXT && count++ == 0)
            first = p;
    if (count == 0 || (count == 1 && first->text.json.len == 0))
        return joined;
    if (count == 1)
        return first->text;
    buf_init(&b, SIZE_MAX / 2);
    buf_append_char(&b, '"');
    for (const struct part *p = first; p != NULL; p = p->next) {
        if (p->kind != PART_TEXT)
            continue;
        if (p != first)
            buf_append_str(&b, "\\n");
        quoted_append(&b, p->text);
    }
    buf_append_char(&b, '"');
    joined.json = buf_spent(&b) ? SLICE_NONE : arena_slice(w->a, buf_slice(&b));
    buf_free(&b);
    return joined;
}

/* A text that is a JSON object is what Google wants; every other one is wrapped. */
static struct slice object_in(struct gemini_writer *w, struct quoted text)
{
    const struct json_limits limits = {.depth = 0};
    struct slice plain;

    if (quoted_open(&plain, text, w->a) != RC_OK)
        return SLICE_NONE;
    while (plain.len > 0 && (plain.bytes[0] == ' ' || plain.bytes[0] == '\n'))
        plain = slice_sub(plain, 1, plain.len);
    if (plain.len == 0 || plain.bytes[0] != '{' ||
        json_guard(plain, &limits, NULL, 0, NULL, w->a) != RC_OK)
        return SLICE_NONE;
    return plain;
}

static bool is_media(const struct part *p)
{
    return p->kind == PART_IMAGE || p->kind == PART_FILE || p->kind == PART_AUDIO;
}

/* Within the result from Gemini 3 on; before, behind it as parts of the turn. */
static enum rc put_result_media(struct gemini_writer *w, const struct part *result,
                                bool within)
{
    bool any = false;

    if (within == w->before_3)
        return RC_OK;
    for (const struct part *p = result->content; p != NULL; p = p->next) {
        if (!is_media(p))
            continue;
        if (within && !any) {
            json_out_key(&w->o, "parts");
            json_out_array(&w->o);
        }
        any = true;
        json_out_object(&w->o);
        TRY(put_media(w, p));
        json_out_end_object(&w->o);
    }
    if (within && any)
        json_out_end_array(&w->o);
    return RC_OK;
}

static enum rc put_result(struct gemini_writer *w, const struct part *p)
{
    const struct quoted text = text_of(w, p);
    const struct slice object = p->is_error ? SLICE_NONE : object_in(w, text);

    if (text.json.len == 0 || arena_spent(w->a))
        return RC_NOMEM;
    json_out_object(&w->o);
    json_out_key(&w->o, "functionResponse");
    json_out_object(&w->o);
    if (p->id.len > 0)
        json_out_kslice(&w->o, "id", p->id);
    json_out_kslice(&w->o, "name", p->name);
    json_out_key(&w->o, "response");
    if (object.len > 0) {
        json_out_raw(&w->o, object);
    } else {
        json_out_object(&w->o);
        put_quoted(w, p->is_error ? "error" : "output", text);
        json_out_end_object(&w->o);
    }
    TRY(put_result_media(w, p, true));
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
    return put_result_media(w, p, false);
}

static enum rc put_part(struct gemini_writer *w, const struct part *p)
{
    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL:
    case PART_REASONING:
        put_text(w, p);
        return RC_OK;
    case PART_TOOL_CALL:
        put_call(w, p);
        return RC_OK;
    case PART_TOOL_RESULT:
        return put_result(w, p);
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_FILE:
        break;
    }
    json_out_object(&w->o);
    TRY(put_media(w, p));
    json_out_end_object(&w->o);
    return RC_OK;
}

/* ---- Messages ---- */

/* Google refuses empty texts. Thoughts go back to their maker only: those of another
 * model are no thoughts of this one, and are not asked for. */
static bool is_said(const struct part *p)
{
    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL:
        return !quoted_is_empty(p->text) || is_signed(p);
    case PART_REASONING:
        return is_ours(p) && (!quoted_is_empty(p->text) || is_signed(p));
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_FILE:
    case PART_TOOL_CALL:
    case PART_TOOL_RESULT:
        break;
    }
    return true;
}

static void close_content(struct gemini_writer *w)
{
    if (!w->is_open)
        return;
    json_out_end_array(&w->o);
    json_out_end_object(&w->o);
    w->is_open = false;
}

/* Messages of one side that follow on each other are one turn: the results of parallel
 * calls must stand in one. */
static void open_content(struct gemini_writer *w, enum role role)
{
    if (w->is_open && w->role == role)
        return;
    close_content(w);
    json_out_object(&w->o);
    json_out_kstr(&w->o, "role", role == ROLE_ASSISTANT ? "model" : "user");
    json_out_key(&w->o, "parts");
    json_out_array(&w->o);
    w->is_open = true;
    w->is_signed = false;
    w->role = role;
}

static enum rc put_message(struct gemini_writer *w, const struct message *m,
                           enum role role)
{
    if (m->name.len > 0)
        losses_add(w->lost, "name");
    for (const struct part *p = m->parts; p != NULL; p = p->next) {
        if (p->cached)
            losses_add(w->lost, "cache_control");
        if (!is_said(p))
            continue;
        open_content(w, role);
        TRY(put_part(w, p));
    }
    return RC_OK;
}

static enum rc put_contents(struct gemini_writer *w)
{
    bool any = false;

    json_out_key(&w->o, "contents");
    json_out_array(&w->o);
    for (const struct message *m = w->c->messages; m != NULL; m = m->next) {
        if (m->role == ROLE_SYSTEM)
            continue;
        any = true;
        TRY(put_message(w, m, m->role));
    }
    /* Instructions alone are no request here: they are said by the user then. */
    for (const struct message *m = any ? NULL : w->c->messages; m != NULL; m = m->next)
        TRY(put_message(w, m, ROLE_USER));
    close_content(w);
    json_out_end_array(&w->o);
    return RC_OK;
}

/* There is one place for instructions, whenever they were given. */
static enum rc put_system(struct gemini_writer *w)
{
    bool others = false, any = false;

    for (const struct message *m = w->c->messages; m != NULL; m = m->next)
        others |= m->role != ROLE_SYSTEM;
    for (const struct message *m = others ? w->c->messages : NULL; m != NULL;
         m = m->next) {
        if (m->role != ROLE_SYSTEM)
            continue;
        for (const struct part *p = m->parts; p != NULL; p = p->next) {
            if (p->cached)
                losses_add(w->lost, "cache_control");
            if (!is_said(p))
                continue;
            if (!any) {
                json_out_key(&w->o, "systemInstruction");
                json_out_object(&w->o);
                json_out_key(&w->o, "parts");
                json_out_array(&w->o);
            }
            any = true;
            TRY(put_part(w, p));
        }
    }
    if (any) {
        json_out_end_array(&w->o);
        json_out_end_object(&w->o);
    }
    return RC_OK;
}

enum rc gemini__write(struct buf *out, const struct conversation *c,
                      const struct wire_target *t, struct losses *lost,
                      struct wire_fault *fault, struct arena *a)
{
    struct gemini_writer w = {.c = c,
                              .t = t,
                              .lost = lost,
                              .fault = fault,
                              .a = a,
                              .before_3 = gemini__is_before_3(t->model)};

    json_out_init(&w.o, out);
    json_out_object(&w.o);
    TRY(put_contents(&w));
    TRY(put_system(&w));
    TRY(gemini__write_config(&w));
    json_out_end_object(&w.o);
    return arena_spent(a) || buf_spent(out) ? RC_NOMEM : RC_OK;
}

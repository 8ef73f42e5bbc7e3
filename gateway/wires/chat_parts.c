/* SPDX-License-Identifier: Apache-2.0 */
/* What is in a message of chat completions, or in a piece of one: text, reasoning by
 * its many names, tool calls whole or in fragments, images, sources. */
#include "gateway/wires/chat_in.h"

#include "base/map.h"

static struct chat_choice *here(struct chat_reader *r)
{
    return &r->choices[r->at];
}

enum rc chat_give(struct chat_reader *r, struct answer_event *e)
{
    e->choice = r->at;
    return r->sink(r->arg, e);
}

/* ---- Parts ---- */

static enum rc close_part(struct chat_reader *r)
{
    struct chat_choice *c = here(r);
    struct answer_event e = {
        .kind = ANSWER_PART_END, .part = c->part, .part_kind = c->kind};

    if (!c->open)
        return RC_OK;
    c->open = false;
    return chat_give(r, &e);
}

static enum rc begin_part(struct chat_reader *r, struct answer_event *e)
{
    e->kind = ANSWER_PART;
    e->part = here(r)->parts++;
    return chat_give(r, e);
}

/* Makes a part of this kind the open one, and the only one: most dialects' streams have
 * no other, and models say one thing after another. */
static enum rc open_part(struct chat_reader *r, enum part_kind kind, struct slice id,
                         bool is_encrypted)
{
    struct chat_choice *c = here(r);
    struct answer_event e = {.part_kind = kind, .id = id, .is_encrypted = is_encrypted};

    if (c->open && c->kind == kind)
        return RC_OK;
    TRY(chat_close_choice(r));
    TRY(begin_part(r, &e));
    c->open = true;
    c->sealed = false;
    c->kind = kind;
    c->part = e.part;
    if (kind == PART_TEXT) {
        c->has_text = true;
        c->text_part = e.part;
    }
    return RC_OK;
}

enum rc chat_give_text(struct chat_reader *r, enum part_kind kind,
                       const struct json_field *f)
{
    struct answer_event e = {.kind = ANSWER_DELTA, .part_kind = kind, .text = {f->raw}};

    if (!body_has_text(f))
        return RC_OK;
    TRY(open_part(r, kind, SLICE_NONE, false));
    e.part = here(r)->part;
    return chat_give(r, &e);
}

/* ---- Reasoning ---- */

static enum rc give_signature(struct chat_reader *r, const struct json_field *f,
                              struct slice format)
{
    struct chat_choice *c = here(r);
    struct answer_event e = {.kind = ANSWER_SIGNATURE,
                             .part = c->part,
                             .part_kind = PART_REASONING,
                             .text = {f->raw},
                             .signed_by = format};

    c->sealed = true;
    return chat_give(r, &e);
}

enum {
    DETAIL_TEXT,
    DETAIL_SUMMARY,
    DETAIL_DATA,
    DETAIL_SIGNATURE,
    DETAIL_FORMAT,
    DETAIL_ID,
    DETAIL_INDEX,
    DETAIL__COUNT
};

/* One of OpenRouter's reasoning_details: text, a summary, or encrypted; pieces with the
 * same index are one. */
static enum rc take_detail(struct chat_reader *r, struct slice detail, bool *gave)
{
    struct json_field f[DETAIL__COUNT] = {{.name = "text"},   {.name = "summary"},
                                          {.name = "data"},   {.name = "signature"},
                                          {.name = "format"}, {.name = "id"},
                                          {.name = "index"}};
    const struct json_field *text = &f[DETAIL_TEXT], *seal = &f[DETAIL_SIGNATURE];
    struct chat_choice *c = here(r);
    struct slice format;
    uint64_t index = 0;

    body_fields(detail, f, DETAIL__COUNT);
    if (!body_has_text(text))
        text = &f[DETAIL_SUMMARY];
    if (body_has_text(&f[DETAIL_DATA]))
        seal = &f[DETAIL_DATA];
    if (!body_has_text(text) && !body_has_text(seal))
        return RC_OK;
    *gave = true;
    format = body_word(&f[DETAIL_FORMAT], r->scratch);
    if (f[DETAIL_INDEX].type == JSON_NUMBER &&
        json_raw_u64(&index, f[DETAIL_INDEX].raw) != RC_OK)
        return RC_UPSTREAM;
    if (c->open && c->kind == PART_REASONING && (c->sealed || c->detail != index))
        TRY(close_part(r));
    TRY(open_part(r, PART_REASONING, body_word(&f[DETAIL_ID], r->scratch),
                  !body_has_text(text)));
    c->detail = index;
    TRY(chat_give_text(r, PART_REASONING, text));
    return body_has_text(seal) ? give_signature(r, seal, format) : RC_OK;
}

/* The same words may stand under several names: the richest counts. */
static enum rc take_reasoning(struct chat_reader *r, const struct json_field *details,
                              const struct json_field *content,
                              const struct json_field *plain)
{
    struct slice detail;
    bool gave = false;
    size_t at = 0;

    if (details->type == JSON_ARRAY)
        while (json_raw_element(&detail, details->raw, &at) != JSON_ABSENT)
            TRY(take_detail(r, detail, &gave));
    if (gave)
        return RC_OK;
    return chat_give_text(r, PART_REASONING, body_has_text(content) ? content : plain);
}

/* ---- Content ---- */

static enum rc take_image(struct chat_reader *r, const struct json_field *image)
{
    struct answer_event e = {.part_kind = PART_IMAGE};
    struct json_field url = {.name = "url"};

    body_fields(image->raw, &url, 1);
    if (image->type == JSON_STRING)
        url = *image;
    if (!body_has_text(&url) || media_from_url(&e.media, url.raw, r->scratch) != RC_OK)
        return RC_OK;
    TRY(chat_close_choice(r));
    TRY(begin_part(r, &e));
    e.kind = ANSWER_MEDIA;
    TRY(chat_give(r, &e));
    e.kind = ANSWER_PART_END;
    return chat_give(r, &e);
}

/* Mistral's thinking: an array of text parts. */
static enum rc take_thinking(struct chat_reader *r, const struct json_field *thinking)
{
    struct json_field text = {.name = "text"};
    struct slice part;
    size_t at = 0;

    if (thinking->type == JSON_STRING)
        return chat_give_text(r, PART_REASONING, thinking);
    while (json_raw_element(&part, thinking->raw, &at) != JSON_ABSENT) {
        body_fields(part, &text, 1);
        TRY(chat_give_text(r, PART_REASONING, &text));
    }
    return RC_OK;
}

/* A string, or parts as Mistral has them. */
static enum rc take_content(struct chat_reader *r, const struct json_field *content)
{
    struct json_field f[] = {{.name = "type"},
                             {.name = "text"},
                             {.name = "thinking"},
                             {.name = "image_url"}};
    struct slice part;
    size_t at = 0;

    if (content->type != JSON_ARRAY)
        return chat_give_text(r, PART_TEXT, content);
    while (json_raw_element(&part, content->raw, &at) != JSON_ABSENT) {
        body_fields(part, f, sizeof(f) / sizeof(f[0]));
        if (json_body_is(f[0].raw, "thinking"))
            TRY(take_thinking(r, &f[2]));
        else if (json_body_is(f[0].raw, "image_url"))
            TRY(take_image(r, &f[3]));
        else
            TRY(chat_give_text(r, PART_TEXT, &f[1]));
    }
    return RC_OK;
}

/* OpenRouter's form. */
static enum rc take_images(struct chat_reader *r, const struct json_field *images)
{
    struct json_field url = {.name = "image_url"};
    struct slice image;
    size_t at = 0;

    while (json_raw_element(&image, images->raw, &at) != JSON_ABSENT) {
        body_fields(image, &url, 1);
        TRY(take_image(r, &url));
    }
    return RC_OK;
}

/* What was said, in words; the sound itself too, if it comes whole. */
static enum rc take_audio(struct chat_reader *r, const struct json_field *audio)
{
    struct json_field f[] = {
        {.name = "transcript"}, {.name = "data"}, {.name = "expires_at"}};
    struct answer_event e = {.part_kind = PART_AUDIO};

    body_fields(audio->raw, f, 3);
    TRY(chat_give_text(r, PART_TEXT, &f[0]));
    /* In a stream the bytes come in pieces, and the last piece is what has a date. */
    if (!body_has_text(&f[1]) || f[0].type != JSON_STRING || f[2].type != JSON_NUMBER)
        return RC_OK;
    e.media.from = MEDIA_INLINE;
    e.media.data = body_word(&f[1], r->scratch);
    TRY(chat_close_choice(r));
    TRY(begin_part(r, &e));
    e.kind = ANSWER_MEDIA;
    TRY(chat_give(r, &e));
    e.kind = ANSWER_PART_END;
    return chat_give(r, &e);
}

/* ---- Citations ---- */

static enum rc give_citation(struct chat_reader *r, const struct citation *citation)
{
    struct chat_choice *c = here(r);
    struct answer_event e = {
        .kind = ANSWER_CITATION, .part_kind = PART_TEXT, .citation = *citation};

    /* Some vendors cite before they speak. */
    if (!c->has_text)
        TRY(open_part(r, PART_TEXT, SLICE_NONE, false));
    e.part = c->text_part;
    c->cited = true;
    return chat_give(r, &e);
}

struct quoted chat_quoted(const struct json_field *f)
{
    return (struct quoted){f->type == JSON_STRING ? f->raw : SLICE_NONE};
}

static enum rc take_annotations(struct chat_reader *r, const struct json_field *list)
{
    struct json_field outer = {.name = "url_citation"};
    struct json_field f[] = {{.name = "url"},
                             {.name = "title"},
                             {.name = "content"},
                             {.name = "start_index"},
                             {.name = "end_index"}};
    struct slice annotation;
    size_t at = 0;

    while (json_raw_element(&annotation, list->raw, &at) != JSON_ABSENT) {
        struct citation c = {.from = 0};

        body_fields(annotation, &outer, 1);
        body_fields(outer.raw, f, sizeof(f) / sizeof(f[0]));
        if (!body_has_text(&f[0]))
            continue;
        c.url = chat_quoted(&f[0]);
        c.title = chat_quoted(&f[1]);
        c.text = chat_quoted(&f[2]);
        c.has_span = json_raw_u64(&c.from, f[3].raw) == RC_OK &&
                     json_raw_u64(&c.to, f[4].raw) == RC_OK && c.from < c.to;
        TRY(give_citation(r, &c));
    }
    return RC_OK;
}

/* Perplexity's lists, which stand beside the choices of every chunk. */
enum rc chat_take_sources(struct chat_reader *r, const struct json_field *results,
                          const struct json_field *urls)
{
    const struct json_field *list = results->type == JSON_ARRAY ? results : urls;
    struct json_field f[] = {{.name = "url"}, {.name = "title"}, {.name = "snippet"}};
    struct slice source;
    size_t at = 0;

    if (here(r)->cited || !here(r)->has_text) /* nothing that would cite them */
        return RC_OK;
    while (json_raw_element(&source, list->raw, &at) != JSON_ABSENT) {
        struct citation c = {.url = {source}};

        if (json_raw_type(source) != JSON_STRING) {
            body_fields(source, f, 3);
            c.url = chat_quoted(&f[0]);
            c.title = chat_quoted(&f[1]);
            c.text = chat_quoted(&f[2]);
        }
        if (!quoted_is_empty(c.url))
            TRY(give_citation(r, &c));
    }
    return RC_OK;
}

/* ---- Tool calls ---- */

static enum rc close_call(struct chat_reader *r, struct chat_call *k)
{
    struct answer_event e = {.kind = ANSWER_PART_END,
                             .choice = k->choice,
                             .part = k->part,
                             .part_kind = PART_TOOL_CALL};

    k->used = false;
    return r->sink(r->arg, &e);
}

/* One fragment, or the whole, of a call. */
struct fragment {
    uint64_t index;
    struct slice id, name;
    bool is_custom;
    struct json_field arguments;
    struct json_field signature;
};

static bool goes_on(const struct chat_call *k, const struct fragment *g, uint64_t id)
{
    return g->index != CHAT_NO_INDEX ? k->index == g->index : id != 0 && k->id == id;
}

/* The call that a fragment goes on with; NULL: it begins one. Some vendors give no
 * index, some give 0 to every call, some repeat the id in every fragment. */
static struct chat_call *find_call(struct chat_reader *r, const struct fragment *g)
{
    const uint64_t id = g->id.len > 0 ? map_hash(g->id) : 0;
    struct chat_call *last = NULL;

    for (size_t i = 0; i < CHAT_CALLS_MAX; i++) {
        struct chat_call *k = &r->calls[i];

        if (!k->used || k->choice != r->at)
            continue;
        if (goes_on(k, g, id))
            return id != 0 && k->id != id && g->name.len > 0 ? NULL : k;
        if (last == NULL || k->part > last->part)
            last = k;
    }
    /* Nothing says whose it is: the latest's, unless it has a name of its own. */
    return g->index == CHAT_NO_INDEX && id == 0 && g->name.len == 0 ? last : NULL;
}

static struct chat_call *free_call(struct chat_reader *r, const struct fragment *g,
                                   enum rc *rc)
{
    struct chat_call *k = &r->calls[r->next_call];

    *rc = RC_OK;
    for (size_t i = 0; i < CHAT_CALLS_MAX && g->index != CHAT_NO_INDEX; i++)
        if (r->calls[i].used && r->calls[i].choice == r->at &&
            r->calls[i].index == g->index) {
            *rc = close_call(r, &r->calls[i]); /* its number goes to the new one */
            return &r->calls[i];
        }
    for (size_t i = 0; i < CHAT_CALLS_MAX; i++)
        if (!r->calls[i].used)
            return &r->calls[i];
    r->next_call = (r->next_call + 1) % CHAT_CALLS_MAX;
    *rc = close_call(r, k);
    return k;
}

static enum rc begin_call(struct chat_reader *r, const struct fragment *g,
                          struct chat_call **out)
{
    struct answer_event e = {.part_kind = PART_TOOL_CALL,
                             .id = g->id,
                             .name = g->name,
                             .is_custom = g->is_custom};
    struct chat_call *k;
    enum rc rc;

    /* Models say one call after another, and most dialects' streams want it so. */
    TRY(chat_close_choice(r));
    k = free_call(r, g, &rc);
    TRY(rc);
    if (e.id.len == 0)
        e.id = slice_str(arena_printf(r->scratch, "call_%08x%02x%04x",
                                      (unsigned)r->seed & 0xffffffffu, r->at,
                                      here(r)->parts & 0xffffu));
    TRY(begin_part(r, &e));
    here(r)->called = true;
    *k = (struct chat_call){.used = true,
                            .choice = r->at,
                            .part = e.part,
                            .index = g->index,
                            .id = g->id.len > 0 ? map_hash(g->id) : 0};
    *out = k;
    return RC_OK;
}

static enum rc take_fragment(struct chat_reader *r, struct fragment *g)
{
    struct answer_event e = {.part_kind = PART_TOOL_CALL};
    struct chat_call *k = find_call(r, g);

    if (k == NULL) {
        if (g->name.len == 0) /* arguments of nobody can not be told to anybody */
            return body_has_text(&g->arguments) ? RC_UPSTREAM : RC_OK;
        TRY(begin_call(r, g, &k));
    }
    e.part = k->part;
    if (g->arguments.type == JSON_OBJECT)
        e.text = quoted_from(g->arguments.raw, r->scratch);
    else if (body_has_text(&g->arguments))
        e.text.json = g->arguments.raw;
    if (!quoted_is_empty(e.text)) {
        e.kind = ANSWER_DELTA;
        TRY(chat_give(r, &e));
    }
    if (!body_has_text(&g->signature))
        return RC_OK;
    e.kind = ANSWER_SIGNATURE;
    e.text.json = g->signature.raw;
    e.signed_by = SLICE("google-gemini-v1");
    return chat_give(r, &e);
}

static void read_function(struct fragment *g, const struct json_field *function,
                          const char *arguments, struct arena *a)
{
    struct json_field f[] = {{.name = "name"}, {.name = arguments}};

    body_fields(function->raw, f, 2);
    g->name = body_word(&f[0], a);
    g->arguments = f[1];
}

/* Gemini's signature of a call, as its OpenAI face carries it. */
static void read_signature(struct fragment *g, const struct json_field *extra)
{
    struct json_field google = {.name = "google"};

    body_fields(extra->raw, &google, 1);
    g->signature = (struct json_field){.name = "thought_signature"};
    body_fields(google.raw, &g->signature, 1);
}

static enum rc take_calls(struct chat_reader *r, const struct json_field *calls)
{
    struct json_field f[] = {{.name = "index"},
                             {.name = "id"},
                             {.name = "function"},
                             {.name = "custom"},
                             {.name = "extra_content"}};
    struct slice call;
    size_t at = 0;

    while (json_raw_element(&call, calls->raw, &at) != JSON_ABSENT) {
        struct fragment g = {.index = CHAT_NO_INDEX};

        body_fields(call, f, sizeof(f) / sizeof(f[0]));
        if (f[0].type == JSON_NUMBER && json_raw_u64(&g.index, f[0].raw) != RC_OK)
            return RC_UPSTREAM;
        g.id = body_word(&f[1], r->scratch);
        g.is_custom = f[3].type == JSON_OBJECT;
        read_function(&g, g.is_custom ? &f[3] : &f[2],
                      g.is_custom ? "input" : "arguments", r->scratch);
        read_signature(&g, &f[4]);
        TRY(take_fragment(r, &g));
    }
    return RC_OK;
}

/* The one call of the time before tools. */
static enum rc take_old_call(struct chat_reader *r, const struct json_field *function)
{
    struct fragment g = {.index = CHAT_NO_INDEX};

    if (function->type != JSON_OBJECT)
        return RC_OK;
    read_function(&g, function, "arguments", r->scratch);
    return take_fragment(r, &g);
}

/* ---- Messages ---- */

enum {
    MESSAGE_DETAILS,
    MESSAGE_REASONING_CONTENT,
    MESSAGE_REASONING,
    MESSAGE_CONTENT,
    MESSAGE_REFUSAL,
    MESSAGE_AUDIO,
    MESSAGE_IMAGES,
    MESSAGE_CALLS,
    MESSAGE_OLD_CALL,
    MESSAGE_ANNOTATIONS,
    MESSAGE__COUNT
};

/* A message, or a piece of one. */
enum rc chat_take_message(struct chat_reader *r, struct slice message)
{
    struct json_field f[MESSAGE__COUNT] = {{.name = "reasoning_details"},
                                           {.name = "reasoning_content"},
                                           {.name = "reasoning"},
                                           {.name = "content"},
                                           {.name = "refusal"},
                                           {.name = "audio"},
                                           {.name = "images"},
                                           {.name = "tool_calls"},
                                           {.name = "function_call"},
                                           {.name = "annotations"}};

    body_fields(message, f, MESSAGE__COUNT);
    TRY(take_reasoning(r, &f[MESSAGE_DETAILS], &f[MESSAGE_REASONING_CONTENT],
                       &f[MESSAGE_REASONING]));
    TRY(take_content(r, &f[MESSAGE_CONTENT]));
    TRY(chat_give_text(r, PART_REFUSAL, &f[MESSAGE_REFUSAL]));
    TRY(take_audio(r, &f[MESSAGE_AUDIO]));
    TRY(take_images(r, &f[MESSAGE_IMAGES]));
    TRY(take_calls(r, &f[MESSAGE_CALLS]));
    TRY(take_old_call(r, &f[MESSAGE_OLD_CALL]));
    return take_annotations(r, &f[MESSAGE_ANNOTATIONS]);
}

enum rc chat_close_choice(struct chat_reader *r)
{
    TRY(close_part(r));
    for (size_t i = 0; i < CHAT_CALLS_MAX; i++)
        if (r->calls[i].used && r->calls[i].choice == r->at)
            TRY(close_call(r, &r->calls[i]));
    return RC_OK;
}

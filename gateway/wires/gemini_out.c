/* SPDX-License-Identifier: Apache-2.0 */
/* Events as what Google's clients expect: GenerateContentResponse objects, as
 * server-sent events with CRLF, as one JSON array, or one for the whole answer. Text is
 * sent on as it comes; a function call only when it is complete, because its arguments
 * are an object. Why each candidate has ended goes out with the usage, in the last
 * object. */
#include "gateway/wires/gemini_int.h"
#include "gateway/wires/json_body.h"

enum {
    PART_BYTES_MAX = 64 << 20
};

/* A part that is not complete, or, of a whole answer, any part. */
struct out_part {
    struct out_part *next;
    bool is_ended; /* and can be used again, in a stream */
    unsigned choice, part;
    enum part_kind kind;
    struct slice id, name;
    bool is_custom;
    struct buf text;      /* the deltas' insides */
    struct buf signature; /* likewise */
    struct media media;
};

struct out_choice {
    bool is_seen;
    bool has_stopped;
    enum stop_reason stop;
    struct quoted why;
    struct buf chunks, supports; /* elements of groundingMetadata's lists */
    unsigned chunk_count;
    struct buf chosen, top; /* elements of logprobsResult's lists */
};

struct gemini_out {
    struct wire_answer w;
    struct arena *a;
    struct slice id;
    bool has_sent;
    struct out_part *parts, *last_part;
    struct out_choice choices[GEMINI_CHOICES_MAX];
};

void *gemini__out_open(const struct wire_answer *w, struct arena *a)
{
    struct gemini_out *s = arena_new(a, struct gemini_out);

    if (s == NULL)
        return NULL;
    s->w = *w;
    s->a = a;
    s->id = slice_str(w->id);
    for (size_t i = 0; i < GEMINI_CHOICES_MAX; i++) {
        buf_init(&s->choices[i].chunks, PART_BYTES_MAX);
        buf_init(&s->choices[i].supports, PART_BYTES_MAX);
        buf_init(&s->choices[i].chosen, PART_BYTES_MAX);
        buf_init(&s->choices[i].top, PART_BYTES_MAX);
    }
    return s;
}

void gemini__out_close(void *state)
{
    struct gemini_out *s = state;

    for (struct out_part *p = s->parts; p != NULL; p = p->next) {
        buf_free(&p->text);
        buf_free(&p->signature);
    }
    for (size_t i = 0; i < GEMINI_CHOICES_MAX; i++) {
        buf_free(&s->choices[i].chunks);
        buf_free(&s->choices[i].supports);
        buf_free(&s->choices[i].chosen);
        buf_free(&s->choices[i].top);
    }
}

/* ---- Parts ---- */

/* In a stream the place of one that is done is taken again. */
static struct out_part *add_part(struct gemini_out *s, const struct answer_event *e)
{
    struct out_part *p = NULL;

    for (struct out_part *i = s->w.stream ? s->parts : NULL; i != NULL; i = i->next)
        if (i->is_ended)
            p = i;
    if (p == NULL) {
        p = arena_new(s->a, struct out_part);
        if (p == NULL)
            return NULL;
        buf_init(&p->text, PART_BYTES_MAX);
        buf_init(&p->signature, PART_BYTES_MAX);
        if (s->last_part == NULL)
            s->parts = p;
        else
            s->last_part->next = p;
        s->last_part = p;
    }
    p->is_ended = false;
    p->choice = e->choice;
    p->part = e->part;
    p->kind = e->part_kind;
    p->is_custom = e->is_custom;
    p->id = arena_slice(s->a, e->id);
    p->name = arena_slice(s->a, e->name);
    p->media = (struct media){.data = SLICE_NONE};
    buf_reset(&p->text);
    buf_reset(&p->signature);
    return p;
}

/* The last one first: it is the one that grows. */
static struct out_part *find_part(struct gemini_out *s, const struct answer_event *e)
{
    struct out_part *found = NULL;

    for (struct out_part *p = s->parts; p != NULL; p = p->next)
        if (!p->is_ended && p->choice == e->choice && p->part == e->part)
            found = p;
    return found;
}

static void put_text(struct json_out *o, const char *key, struct slice inside)
{
    json_out_key(o, key);
    json_out_raw(o, SLICE("\""));
    buf_append(o->to, inside);
    buf_append_char(o->to, '"');
}

/* Arguments are the text of an object; from a model that wrote something else they are
 * handed on as text. */
static void put_arguments(struct gemini_out *s, struct json_out *o,
                          const struct out_part *p)
{
    const struct json_limits limits = {.depth = 0};
    const struct slice inside = buf_slice(&p->text);
    struct slice plain = SLICE_NONE;
    struct arena *scratch;
    struct buf quoted;
    bool is_object = false;

    json_out_key(o, "args");
    if (inside.len == 0) {
        json_out_raw(o, SLICE("{}"));
        return;
    }
    (void)s;
    buf_init(&quoted, PART_BYTES_MAX);
    buf_append_char(&quoted, '"');
    buf_append(&quoted, inside);
    buf_append_char(&quoted, '"');
    if (!p->is_custom && arena_open(&scratch, PART_BYTES_MAX) == RC_OK) {
        is_object = json_raw_string(&plain, buf_slice(&quoted), scratch) == RC_OK &&
                    json_guard(plain, &limits, NULL, 0, NULL, scratch) == RC_OK;
        if (is_object)
            json_out_raw(o, plain);
        arena_close(scratch);
    }
    if (!is_object) {
        json_out_object(o);
        put_text(o, "input", inside);
        json_out_end_object(o);
    }
    buf_free(&quoted);
}

static void put_call(struct gemini_out *s, struct json_out *o, const struct out_part *p)
{
    json_out_key(o, "functionCall");
    json_out_object(o);
    if (p->id.len > 0)
        json_out_kslice(o, "id", p->id);
    json_out_kslice(o, "name", p->name);
    put_arguments(s, o, p);
    json_out_end_object(o);
}

static void put_media(struct json_out *o, const struct media *m)
{
    const bool is_inline = m->from == MEDIA_INLINE;

    json_out_key(o, is_inline ? "inlineData" : "fileData");
    json_out_object(o);
    if (m->type.len > 0)
        json_out_kslice(o, "mimeType", m->type);
    json_out_kslice(o, is_inline ? "data" : "fileUri", m->data);
    json_out_end_object(o);
}

static void put_part(struct gemini_out *s, struct json_out *o, const struct out_part *p)
{
    const struct slice signature = buf_slice(&p->signature);

    json_out_object(o);
    switch (p->kind) {
    case PART_TOOL_CALL:
        put_call(s, o, p);
        break;
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_FILE:
        put_media(o, &p->media);
        break;
    case PART_REASONING:
        put_text(o, "text", buf_slice(&p->text));
        json_out_kbool(o, "thought", true);
        break;
    case PART_TEXT:
    case PART_REFUSAL:
    case PART_TOOL_RESULT:
        put_text(o, "text", buf_slice(&p->text));
        break;
    }
    if (signature.len > 0)
        put_text(o, "thoughtSignature", signature);
    json_out_end_object(o);
}

/* ---- Objects ---- */

static void begin_object(struct gemini_out *s, struct buf *out)
{
    if (s->w.json_array)
        buf_append_str(out, s->has_sent ? ",\r\n" : "[");
    else if (s->w.stream)
        buf_append_str(out, "data: ");
    s->has_sent = true;
}

static void end_object(struct gemini_out *s, struct buf *out)
{
    if (s->w.stream && !s->w.json_array)
        buf_append_str(out, "\r\n\r\n");
}

static void put_names(struct gemini_out *s, struct json_out *o)
{
    json_out_kslice(o, "modelVersion", s->w.model);
    json_out_kslice(o, "responseId", s->id);
}

static void begin_candidate(struct json_out *o)
{
    json_out_object(o);
    json_out_key(o, "content");
    json_out_object(o);
    json_out_key(o, "parts");
    json_out_array(o);
}

static void end_content(struct json_out *o)
{
    json_out_end_array(o);
    json_out_kstr(o, "role", "model");
    json_out_end_object(o);
}

static void send_part(struct gemini_out *s, struct buf *out, const struct out_part *p)
{
    struct json_out o;

    begin_object(s, out);
    json_out_init(&o, out);
    json_out_object(&o);
    json_out_key(&o, "candidates");
    json_out_array(&o);
    begin_candidate(&o);
    put_part(s, &o, p);
    end_content(&o);
    json_out_ku64(&o, "index", p->choice);
    json_out_end_object(&o);
    json_out_end_array(&o);
    put_names(s, &o);
    json_out_end_object(&o);
    end_object(s, out);
}

/* ---- What waits for the end ---- */

static void put_quoted(struct json_out *o, const char *key, struct quoted text)
{
    if (text.json.len == 0)
        return;
    json_out_key(o, key);
    json_out_raw(o, text.json);
}

static void keep_citation(struct out_choice *c, const struct citation *cite)
{
    struct json_out o;

    if (cite->url.json.len == 0)
        return;
    if (c->chunk_count > 0)
        buf_append_char(&c->chunks, ',');
    json_out_init(&o, &c->chunks);
    json_out_object(&o);
    json_out_key(&o, "web");
    json_out_object(&o);
    put_quoted(&o, "uri", cite->url);
    put_quoted(&o, "title", cite->title);
    json_out_end_object(&o);
    json_out_end_object(&o);
    if (cite->text.json.len > 0) {
        if (buf_len(&c->supports) > 0)
            buf_append_char(&c->supports, ',');
        json_out_init(&o, &c->supports);
        json_out_object(&o);
        json_out_key(&o, "segment");
        json_out_object(&o);
        put_quoted(&o, "text", cite->text);
        json_out_end_object(&o);
        json_out_key(&o, "groundingChunkIndices");
        json_out_array(&o);
        json_out_u64(&o, c->chunk_count);
        json_out_end_array(&o);
        json_out_end_object(&o);
    }
    c->chunk_count++;
}

static void put_token(struct buf *b, struct slice token)
{
    static const char *const names[] = {"token", "logprob"};
    struct slice v[2];

    json_body_pick(v, names, 2, token);
    buf_append_str(b, "{\"token\":");
    buf_append(b, json_raw_type(v[0]) == JSON_STRING ? v[0] : SLICE("\"\""));
    buf_append_str(b, ",\"logProbability\":");
    buf_append(b, json_raw_type(v[1]) == JSON_NUMBER ? v[1] : SLICE("0"));
    buf_append_char(b, '}');
}

static void keep_logprobs(struct out_choice *c, struct slice raw)
{
    struct slice item, list, other;
    size_t at = 0;

    while (json_raw_element(&item, raw, &at) != JSON_ABSENT) {
        size_t next = 0;
        bool any = false;

        if (buf_len(&c->chosen) > 0) {
            buf_append_char(&c->chosen, ',');
            buf_append_char(&c->top, ',');
        }
        put_token(&c->chosen, item);
        buf_append_str(&c->top, "{\"candidates\":[");
        if (json_raw_member(&list, item, "top_logprobs") == JSON_ARRAY)
            while (json_raw_element(&other, list, &next) != JSON_ABSENT) {
                if (any)
                    buf_append_char(&c->top, ',');
                any = true;
                put_token(&c->top, other);
            }
        buf_append_str(&c->top, "]}");
    }
}

static void keep_stop(struct gemini_out *s, struct out_choice *c,
                      const struct answer_event *e)
{
    c->has_stopped = true;
    c->stop = e->stop;
    c->why.json = arena_slice(s->a, e->stop_text.json);
}

/* ---- Events ---- */

static void on_part(struct gemini_out *s, const struct answer_event *e)
{
    (void)add_part(s, e);
    s->choices[e->choice].is_seen = true;
}

/* Text of a stream goes out at once, in a part of its own. */
static void on_delta(struct gemini_out *s, struct buf *out, struct out_part *p,
                     const struct answer_event *e)
{
    quoted_append(&p->text, e->text);
    if (buf_spent(
            &p->text)) /* the answer is broken, and may not pass for a whole one */
        (void)!arena_alloc(s->a, SIZE_MAX / 2);
    if (!s->w.stream || p->kind == PART_TOOL_CALL)
        return;
    if ((p->kind != PART_REASONING || s->w.reasoning_shown) && buf_len(&p->text) > 0)
        send_part(s, out, p);
    buf_reset(&p->text);
}

static void on_part_end(struct gemini_out *s, struct buf *out, struct out_part *p)
{
    p->is_ended = true;
    if (!s->w.stream)
        return;
    if (p->kind == PART_TOOL_CALL || p->media.data.len > 0 ||
        (buf_len(&p->signature) > 0 && s->w.reasoning_shown))
        send_part(s, out, p);
}

void gemini__out_event(void *state, struct buf *out, const struct answer_event *e)
{
    struct gemini_out *s = state;
    struct out_part *p;

    if (e->choice >= GEMINI_CHOICES_MAX)
        return; /* nobody could have asked for it: read() refuses more */
    p = find_part(s, e);
    switch (e->kind) {
    case ANSWER_BEGIN:
        if (e->id.len > 0)
            s->id = arena_slice(s->a, e->id);
        return;
    case ANSWER_PART:
        on_part(s, e);
        return;
    case ANSWER_DELTA:
        if (p != NULL)
            on_delta(s, out, p, e);
        return;
    case ANSWER_SIGNATURE:
        if (p != NULL && slice_equal(e->signed_by, SLICE(GEMINI_SIGNED_BY)))
            quoted_append(&p->signature, e->text);
        return;
    case ANSWER_CITATION:
        keep_citation(&s->choices[e->choice], &e->citation);
        return;
    case ANSWER_LOGPROBS:
        keep_logprobs(&s->choices[e->choice], e->raw);
        return;
    case ANSWER_MEDIA:
        if (p != NULL) {
            p->media = e->media;
            p->media.type = arena_slice(s->a, e->media.type);
            p->media.data = arena_slice(s->a, e->media.data);
        }
        return;
    case ANSWER_PART_END:
        if (p != NULL)
            on_part_end(s, out, p);
        return;
    case ANSWER_STOP:
        s->choices[e->choice].is_seen = true;
        keep_stop(s, &s->choices[e->choice], e);
        return;
    case ANSWER_USAGE:
    case ANSWER_END:
    case ANSWER_ERROR:
        return;
    }
}

static const char *reason_of(enum stop_reason stop)
{
    switch (stop) {
    case STOP_END:
    case STOP_SEQUENCE:
    case STOP_TOOLS:
        return "STOP";
    case STOP_LENGTH:
        return "MAX_TOKENS";
    case STOP_FILTER:
        return "SAFETY";
    case STOP_PAUSE:
        return "OTHER";
    }
    return "OTHER";
}

static void put_list(struct json_out *o, const char *key, const struct buf *elements)
{
    json_out_key(o, key);
    json_out_raw(o, SLICE("["));
    buf_append(o->to, buf_slice(elements));
    buf_append_char(o->to, ']');
}

static void put_beside(struct json_out *o, const struct out_choice *c)
{
    if (c->chunk_count > 0) {
        json_out_key(o, "groundingMetadata");
        json_out_object(o);
        put_list(o, "groundingChunks", &c->chunks);
        if (buf_len(&c->supports) > 0)
            put_list(o, "groundingSupports", &c->supports);
        json_out_end_object(o);
    }
    if (buf_len(&c->chosen) > 0) {
        json_out_key(o, "logprobsResult");
        json_out_object(o);
        put_list(o, "topCandidates", &c->top);
        put_list(o, "chosenCandidates", &c->chosen);
        json_out_end_object(o);
    }
}

/* A whole answer has all parts here, a stream an empty text, as Google's has. */
static void put_candidate(struct gemini_out *s, struct json_out *o, unsigned choice)
{
    const struct out_choice *c = &s->choices[choice];

    begin_candidate(o);
    if (s->w.stream)
        json_out_raw(o, SLICE("{\"text\":\"\"}"));
    for (struct out_part *p = s->w.stream ? NULL : s->parts; p != NULL; p = p->next)
        if (p->choice == choice && (p->kind != PART_REASONING || s->w.reasoning_shown))
            put_part(s, o, p);
    end_content(o);
    if (c->has_stopped) {
        json_out_kstr(o, "finishReason", reason_of(c->stop));
        if (c->stop == STOP_FILTER)
            put_quoted(o, "finishMessage", c->why);
    }
    json_out_ku64(o, "index", choice);
    put_beside(o, c);
    json_out_end_object(o);
}

void gemini__out_end(void *state, struct buf *out, const struct wire_bill *bill)
{
    struct gemini_out *s = state;
    struct json_out o;

    begin_object(s, out);
    json_out_init(&o, out);
    json_out_object(&o);
    json_out_key(&o, "candidates");
    json_out_array(&o);
    for (unsigned i = 0; i < GEMINI_CHOICES_MAX; i++)
        if (s->choices[i].is_seen)
            put_candidate(s, &o, i);
    json_out_end_array(&o);
    json_out_key(&o, "usageMetadata");
    gemini__put_usage(&o, bill, s->w.cost_as_number);
    put_names(s, &o);
    json_out_end_object(&o);
    end_object(s, out);
    if (s->w.json_array)
        buf_append_char(out, ']');
}

void gemini__out_error(void *state, struct buf *out, const struct fault *f,
                       const char *request_id)
{
    const struct gemini_out *s = state;
    const bool is_array = s != NULL && s->w.json_array;

    if (is_array)
        buf_append_str(out, s->has_sent ? ",\r\n" : "[");
    else
        buf_append_str(out, "data: ");
    error_print(out, DIALECT_GEMINI, f, request_id);
    buf_append_str(out, is_array ? "]" : "\r\n\r\n");
}

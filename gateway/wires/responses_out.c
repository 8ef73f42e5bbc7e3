/* SPDX-License-Identifier: Apache-2.0 */
/* Events as a client's answer: each part is an output item of its own, streamed with
 * every event that OpenAI sends for one, and told again whole in the terminal event.
 * Signatures of other makers travel as encrypted_content: see RESPONSES_SEAL. */
#include "gateway/sse.h"
#include "gateway/wires/responses_int.h"

#include <stdio.h>
#include <string.h>

enum {
    TEXT_MAX = 64 * 1024 * 1024, /* of one item; an upstream's answer is smaller */
    ITEMS_MAX = 4096,            /* each is looked for among all */
    ID_SIZE = 96
};

struct item {
    struct item *next;
    unsigned part; /* of the answer */
    unsigned index;
    enum part_kind kind;
    bool is_custom, is_encrypted, is_seal, grown, ended;
    unsigned mark_count;
    const char *id;
    struct slice call_id, name; /* of a seal: escaped, as signed_by is */
    struct slice signed_by;
    struct buf text;  /* the insides of JSON strings, one after the other */
    struct buf marks; /* annotations */
    struct buf logprobs;
    struct buf signature;
};

struct writer {
    const struct wire_answer *w;
    struct wire_answer copy;
    struct arena *a;
    struct item *items, *last;
    unsigned count;
    uint64_t sequence;
    enum stop_reason stop;
    struct buf line; /* the event that is being written */
    struct json_out o;
};

/* ---- Items as JSON ---- */

static void put_inside(struct json_out *o, const char *key, const struct buf *inside)
{
    json_out_key(o, key);
    json_out_raw(o, SLICE("\""));
    buf_append(o->to, buf_slice(inside));
    buf_append_char(o->to, '"');
}

static void put_list(struct json_out *o, const char *key, const struct buf *elements)
{
    json_out_key(o, key);
    json_out_raw(o, SLICE("["));
    buf_append(o->to, buf_slice(elements));
    buf_append_char(o->to, ']');
}

static const struct buf nothing; /* no bytes */

/* A content part: empty when it begins. */
static void put_content(struct json_out *o, const struct item *it, bool whole)
{
    const struct buf *text = whole ? &it->text : &nothing;

    json_out_object(o);
    if (it->kind == PART_REFUSAL) {
        json_out_kstr(o, "type", "refusal");
        put_inside(o, "refusal", text);
    } else {
        json_out_kstr(o, "type", "output_text");
        put_list(o, "annotations", whole ? &it->marks : &nothing);
        put_list(o, "logprobs", whole ? &it->logprobs : &nothing);
        put_inside(o, "text", text);
    }
    json_out_end_object(o);
}

static void put_summary(struct json_out *o, const struct item *it, bool whole)
{
    json_out_object(o);
    json_out_kstr(o, "type", "summary_text");
    put_inside(o, "text", whole ? &it->text : &nothing);
    json_out_end_object(o);
}

/* Also of thoughts that nobody has signed: some clients send back no others, and some
 * models want them. */
static void put_sealed(struct json_out *o, const struct item *it)
{
    const bool is_ours = slice_equal_str(it->signed_by, RESPONSES_SIGNED_BY);

    json_out_key(o, "encrypted_content");
    json_out_raw(o, SLICE("\""));
    if (!is_ours) {
        buf_append_str(o->to, RESPONSES_SEAL);
        buf_append_char(o->to, it->is_seal ? 'c' : it->is_encrypted ? 'e' : 't');
        buf_append(o->to, it->signed_by);
        buf_append_char(o->to, ':');
    }
    if (it->is_seal) {
        buf_append(o->to, it->call_id);
        buf_append_char(o->to, ':');
    }
    if (it->signed_by.len > 0)
        buf_append(o->to, buf_slice(&it->signature));
    buf_append_char(o->to, '"');
}

static void put_reasoning(struct json_out *o, const struct item *it, bool whole)
{
    json_out_kstr(o, "type", "reasoning");
    json_out_key(o, "summary");
    json_out_array(o);
    if (whole && it->grown)
        put_summary(o, it, true);
    json_out_end_array(o);
    if (whole && (it->grown || buf_len(&it->signature) > 0))
        put_sealed(o, it);
}

static void put_call(struct json_out *o, const struct item *it, bool whole)
{
    json_out_kstr(o, "type", it->is_custom ? "custom_tool_call" : "function_call");
    json_out_kslice(o, "call_id", it->call_id);
    json_out_kslice(o, "name", it->name);
    put_inside(o, it->is_custom ? "input" : "arguments", whole ? &it->text : &nothing);
}

static void put_item(struct json_out *o, const struct item *it, const char *status)
{
    const bool whole = strcmp(status, "in_progress") != 0;

    json_out_object(o);
    json_out_kstr(o, "id", it->id);
    switch (it->kind) {
    case PART_TEXT:
    case PART_REFUSAL:
        json_out_kstr(o, "type", "message");
        json_out_kstr(o, "role", "assistant");
        json_out_key(o, "content");
        json_out_array(o);
        if (whole)
            put_content(o, it, true);
        json_out_end_array(o);
        break;
    case PART_REASONING:
        put_reasoning(o, it, whole);
        break;
    case PART_TOOL_CALL:
        put_call(o, it, whole);
        break;
    case PART_IMAGE:
        json_out_kstr(o, "type", "image_generation_call");
        if (whole)
            put_inside(o, "result", &it->text);
        break;
    case PART_AUDIO:
    case PART_FILE:
    case PART_TOOL_RESULT:
        break;
    }
    json_out_kstr(o, "status", status);
    json_out_end_object(o);
}

/* ---- The response object ---- */

static void put_id(struct json_out *o, const char *key, const struct wire_answer *w)
{
    const char *tail = strchr(w->id, '_');
    char id[ID_SIZE];

    (void)snprintf(id, sizeof(id), "resp_%s", tail != NULL ? tail + 1 : w->id);
    json_out_kstr(o, key, id);
}

static void put_usage(struct json_out *o, const struct wire_answer *w,
                      const struct wire_bill *bill)
{
    const struct usage *u = bill == NULL ? NULL : bill->usage;
    char text[MONEY_TEXT_SIZE];

    json_out_key(o, "usage");
    if (u == NULL || (!u->known && !u->estimated)) {
        json_out_null(o);
        return;
    }
    json_out_object(o);
    json_out_ku64(o, "input_tokens", usage_prompt(u));
    json_out_key(o, "input_tokens_details");
    json_out_object(o);
    json_out_ku64(o, "cached_tokens", u->in_cache_read);
    json_out_ku64(o, "cache_write_tokens", u->in_cache_write + u->in_cache_write_1h);
    json_out_end_object(o);
    json_out_ku64(o, "output_tokens", usage_completion(u));
    json_out_key(o, "output_tokens_details");
    json_out_object(o);
    json_out_ku64(o, "reasoning_tokens", u->out_reasoning);
    json_out_end_object(o);
    json_out_ku64(o, "total_tokens", usage_prompt(u) + usage_completion(u));
    money_print(text, bill->cost);
    json_out_key(o, "cost");
    if (w->cost_as_number)
        json_out_raw(o, slice_str(text));
    else
        json_out_str(o, text);
    json_out_end_object(o);
}

static void put_or_null(struct json_out *o, const char *key, struct slice raw)
{
    json_out_key(o, key);
    json_out_raw(o, raw.len > 0 ? raw : SLICE("null"));
}

/* What was asked for, as OpenAI repeats it. */
static void put_asked(struct json_out *o, const struct conversation *c)
{
    json_out_key(o, "max_output_tokens");
    if (c->has_output_bound)
        json_out_u64(o, c->output_bound);
    else
        json_out_null(o);
    json_out_kbool(o, "parallel_tool_calls",
                   !slice_equal_str(c->parallel_calls, "false"));
    json_out_key(o, "reasoning");
    json_out_object(o);
    json_out_kstr(o, "effort", responses__effort(c));
    json_out_kstr(o, "summary", NULL);
    json_out_end_object(o);
    put_or_null(o, "temperature", c->temperature);
    put_or_null(o, "top_p", c->top_p);
    json_out_key(o, "text");
    json_out_object(o);
    responses__put_format(o, c);
    if (c->verbosity.len > 0)
        json_out_kslice(o, "verbosity", c->verbosity);
    json_out_end_object(o);
    responses__put_choice(o, c);
    json_out_key(o, "tools");
    json_out_array(o);
    for (const struct tool *t = c->tools; t != NULL; t = t->next)
        (void)responses__put_tool(o, t);
    json_out_end_array(o);
    json_out_key(o, "metadata");
    json_out_raw(o, c->metadata.len > 0 ? c->metadata : SLICE("{}"));
}

static void put_fixed(struct json_out *o)
{
    static const char *const nulls[] = {"instructions", "max_tool_calls",
                                        "previous_response_id", "user"};

    json_out_kbool(o, "background", false);
    for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++)
        json_out_kstr(o, nulls[i], NULL);
    json_out_kstr(o, "service_tier", "default");
    json_out_kbool(o, "store", false);
    json_out_kstr(o, "truncation", "disabled");
}

static void put_details(struct json_out *o, enum stop_reason stop)
{
    json_out_key(o, "incomplete_details");
    json_out_object(o);
    json_out_kstr(o, "reason",
                  stop == STOP_FILTER ? "content_filter" : "max_output_tokens");
    json_out_end_object(o);
}

/* Of an answer that ends early, what it was saying is not whole either. */
static void put_items(struct json_out *o, const struct writer *s, const char *status)
{
    const bool whole = strcmp(status, "completed") == 0;

    json_out_key(o, "output");
    json_out_array(o);
    for (const struct item *it = s->items; it != NULL; it = it->next)
        put_item(o, it, whole || it->next != NULL ? "completed" : "incomplete");
    json_out_end_array(o);
}

static void put_response(struct json_out *o, const struct writer *s, const char *status,
                         const struct wire_bill *bill)
{
    static const struct conversation unknown = {.choices = 1};
    const bool begun = strcmp(status, "in_progress") == 0;

    json_out_object(o);
    put_id(o, "id", s->w);
    json_out_kstr(o, "object", "response");
    json_out_ku64(o, "created_at", s->w->created_s);
    json_out_kstr(o, "status", status);
    json_out_kstr(o, "error", NULL);
    if (strcmp(status, "incomplete") == 0)
        put_details(o, s->stop);
    else
        json_out_kstr(o, "incomplete_details", NULL);
    json_out_kslice(o, "model", s->w->model);
    if (begun)
        put_list(o, "output", &nothing);
    else
        put_items(o, s, status);
    put_asked(o, s->w->asked != NULL ? s->w->asked : &unknown);
    put_fixed(o);
    put_usage(o, s->w, bill);
    json_out_end_object(o);
}

/* ---- Events ---- */

static struct json_out *event_begin(struct writer *s, const char *type)
{
    buf_reset(&s->line);
    json_out_init(&s->o, &s->line);
    json_out_object(&s->o);
    json_out_kstr(&s->o, "type", type);
    json_out_ku64(&s->o, "sequence_number", s->sequence++);
    return &s->o;
}

static void event_end(struct writer *s, struct buf *out, const char *type)
{
    json_out_end_object(&s->o);
    if (buf_spent(&s->line)) /* what is left out breaks the answer */
        buf_append(out, slice_from("", SIZE_MAX / 2));
    else if (s->w->stream)
        sse_write(out, slice_str(type), buf_slice(&s->line));
}

static void tell_response(struct writer *s, struct buf *out, const char *type,
                          const char *status, const struct wire_bill *bill)
{
    struct json_out *o = event_begin(s, type);

    json_out_key(o, "response");
    put_response(o, s, status, bill);
    event_end(s, out, type);
}

/* Begins an event about an item. list: the name of the index within it; NULL: none. */
static struct json_out *about(struct writer *s, const struct item *it, const char *type,
                              const char *list)
{
    struct json_out *o = event_begin(s, type);

    json_out_kstr(o, "item_id", it->id);
    json_out_ku64(o, "output_index", it->index);
    if (list != NULL)
        json_out_ku64(o, list, 0);
    return o;
}

static void tell_item(struct writer *s, struct buf *out, const struct item *it,
                      const char *type, const char *status)
{
    struct json_out *o = event_begin(s, type);

    json_out_ku64(o, "output_index", it->index);
    json_out_key(o, "item");
    put_item(o, it, status);
    event_end(s, out, type);
}

static void tell_part(struct writer *s, struct buf *out, const struct item *it,
                      const char *type, bool whole)
{
    const bool summary = it->kind == PART_REASONING;
    struct json_out *o =
        about(s, it, type, summary ? "summary_index" : "content_index");

    json_out_key(o, "part");
    if (summary)
        put_summary(o, it, whole);
    else
        put_content(o, it, whole);
    event_end(s, out, type);
}

/* How the text of a kind of item is streamed. */
struct manner {
    const char *delta, *done; /* types of events */
    const char *list;         /* what counts its parts; NULL: it has none */
    const char *member;       /* of the whole text in `done` */
};

static const struct manner *manner_of(const struct item *it)
{
    static const struct manner text = {"response.output_text.delta",
                                       "response.output_text.done", "content_index",
                                       "text"};
    static const struct manner refusal = {
        "response.refusal.delta", "response.refusal.done", "content_index", "refusal"};
    static const struct manner summary = {"response.reasoning_summary_text.delta",
                                          "response.reasoning_summary_text.done",
                                          "summary_index", "text"};
    static const struct manner arguments = {"response.function_call_arguments.delta",
                                            "response.function_call_arguments.done",
                                            NULL, "arguments"};
    static const struct manner input = {"response.custom_tool_call_input.delta",
                                        "response.custom_tool_call_input.done", NULL,
                                        "input"};

    switch (it->kind) {
    case PART_TEXT:
        return &text;
    case PART_REFUSAL:
        return &refusal;
    case PART_REASONING:
        return &summary;
    case PART_TOOL_CALL:
        return it->is_custom ? &input : &arguments;
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_FILE:
    case PART_TOOL_RESULT:
        break;
    }
    return NULL;
}

static void tell_delta(struct writer *s, struct buf *out, const struct item *it,
                       struct quoted text)
{
    const struct manner *m = manner_of(it);
    struct json_out *o;

    if (!s->w->stream)
        return;
    o = about(s, it, m->delta, m->list);
    json_out_key(o, "delta");
    json_out_raw(o, text.json);
    if (it->kind == PART_TEXT)
        put_list(o, "logprobs", &nothing);
    event_end(s, out, m->delta);
}

static void tell_text_done(struct writer *s, struct buf *out, const struct item *it)
{
    const struct manner *m = manner_of(it);
    struct json_out *o = about(s, it, m->done, m->list);

    put_inside(o, m->member, &it->text);
    if (it->kind == PART_TEXT)
        put_list(o, "logprobs", &it->logprobs);
    if (it->kind == PART_TOOL_CALL && !it->is_custom)
        json_out_kslice(o, "name", it->name);
    event_end(s, out, m->done);
}

/* ---- Taking events ---- */

static const char *prefix_of(const struct answer_event *e)
{
    switch (e->part_kind) {
    case PART_REASONING:
        return "rs";
    case PART_TOOL_CALL:
        return e->is_custom ? "ctc" : "fc";
    case PART_IMAGE:
        return "ig";
    case PART_TEXT:
    case PART_REFUSAL:
    case PART_AUDIO:
    case PART_FILE:
    case PART_TOOL_RESULT:
        break;
    }
    return "msg";
}

static struct item *add_item(struct writer *s, const struct answer_event *e)
{
    struct item *it = s->count < ITEMS_MAX ? arena_new(s->a, struct item) : NULL;
    const char *tail = strchr(s->w->id, '_');

    if (it == NULL) {
        (void)!arena_alloc(s->a, SIZE_MAX / 2); /* nothing more of this answer */
        return NULL;
    }
    it->part = e->part;
    it->kind = e->part_kind;
    it->is_custom = e->is_custom;
    it->is_encrypted = e->is_encrypted;
    it->index = s->count++;
    it->id = arena_printf(s->a, "%s_%s_%u", prefix_of(e),
                          tail != NULL ? tail + 1 : s->w->id, it->index);
    buf_init(&it->text, TEXT_MAX);
    buf_init(&it->marks, TEXT_MAX);
    buf_init(&it->logprobs, TEXT_MAX);
    buf_init(&it->signature, TEXT_MAX);
    if (s->last == NULL)
        s->items = it;
    else
        s->last->next = it;
    s->last = it;
    return it;
}

static void begin_item(struct writer *s, struct buf *out, const struct answer_event *e)
{
    struct item *it;

    if (e->part_kind == PART_AUDIO || e->part_kind == PART_FILE ||
        e->part_kind == PART_TOOL_RESULT)
        return; /* there is no such output */
    it = add_item(s, e);
    if (it == NULL)
        return;
    if (e->part_kind == PART_TOOL_CALL) {
        it->name = arena_slice(s->a, e->name);
        it->call_id = e->id.len > 0 ? arena_slice(s->a, e->id)
                                    : slice_str(arena_printf(s->a, "call_%s", it->id));
    }
    if (e->part_kind == PART_REASONING && slice_starts(e->id, SLICE("rs_")))
        it->id = arena_copy(s->a, e->id.bytes, e->id.len);
    tell_item(s, out, it, "response.output_item.added", "in_progress");
    if (it->kind == PART_TEXT || it->kind == PART_REFUSAL)
        tell_part(s, out, it, "response.content_part.added", false);
}

static struct item *find_item(struct writer *s, const struct answer_event *e)
{
    for (struct item *it = s->items; it != NULL; it = it->next)
        if (it->part == e->part && !it->is_seal)
            return it;
    return NULL;
}

static void grow_item(struct writer *s, struct buf *out, struct item *it,
                      struct quoted text)
{
    if (manner_of(it) == NULL || quoted_is_empty(text))
        return;
    if (it->kind == PART_REASONING && !it->grown)
        tell_part(s, out, it, "response.reasoning_summary_part.added", false);
    it->grown = true;
    quoted_append(&it->text, text);
    tell_delta(s, out, it, text);
}

static void append_element(struct buf *list, struct slice json)
{
    if (buf_len(list) > 0)
        buf_append_char(list, ',');
    buf_append(list, json);
}

static void cite(struct writer *s, struct buf *out, struct item *it,
                 const struct citation *c)
{
    const char *type = "response.output_text.annotation.added";
    struct json_out mark, *o;
    struct buf b;

    if (it->kind != PART_TEXT)
        return;
    buf_init(&b, TEXT_MAX);
    json_out_init(&mark, &b);
    json_out_object(&mark);
    json_out_kstr(&mark, "type", "url_citation");
    json_out_key(&mark, "url");
    json_out_raw(&mark, c->url.json.len > 0 ? c->url.json : SLICE("\"\""));
    json_out_key(&mark, "title");
    json_out_raw(&mark, c->title.json.len > 0 ? c->title.json : SLICE("\"\""));
    json_out_ku64(&mark, "start_index", c->has_span ? c->from : 0);
    json_out_ku64(&mark, "end_index", c->has_span ? c->to : 0);
    json_out_end_object(&mark);
    append_element(&it->marks, buf_slice(&b));
    o = about(s, it, type, "content_index");
    json_out_ku64(o, "annotation_index", it->mark_count++);
    json_out_key(o, "annotation");
    json_out_raw(o, buf_slice(&b));
    event_end(s, out, type);
    buf_free(&b);
}

static void take_logprobs(struct item *it, struct slice array)
{
    struct slice element;
    size_t at = 0;

    while (json_raw_element(&element, array, &at) != JSON_ABSENT)
        append_element(&it->logprobs, element);
}

static void sign(struct writer *s, struct item *it, const struct answer_event *e)
{
    quoted_append(&it->signature, e->text);
    if (it->signed_by.len == 0) /* an upstream's word, and it goes into a string */
        it->signed_by = quoted_inside(quoted_from(e->signed_by, s->a));
}

/* What a call's maker wants back stands in a reasoning item of its own: of a call,
 * clients send back no member that they do not know. */
static void seal_call(struct writer *s, struct buf *out, const struct item *call)
{
    const struct answer_event e = {.part = call->part, .part_kind = PART_REASONING};
    struct item *it;

    if (buf_len(&call->signature) == 0 || call->signed_by.len == 0)
        return;
    it = add_item(s, &e);
    if (it == NULL)
        return;
    it->is_seal = true;
    it->call_id = quoted_inside(quoted_from(call->call_id, s->a));
    it->signed_by = call->signed_by;
    buf_append(&it->signature, buf_slice(&call->signature));
    tell_item(s, out, it, "response.output_item.added", "in_progress");
    it->ended = true;
    tell_item(s, out, it, "response.output_item.done", "completed");
}

static void end_item(struct writer *s, struct buf *out, struct item *it)
{
    const bool is_message = it->kind == PART_TEXT || it->kind == PART_REFUSAL;

    if (it->ended)
        return;
    it->ended = true;
    if (manner_of(it) != NULL && (it->kind != PART_REASONING || it->grown))
        tell_text_done(s, out, it);
    if (is_message)
        tell_part(s, out, it, "response.content_part.done", true);
    if (it->kind == PART_REASONING && it->grown)
        tell_part(s, out, it, "response.reasoning_summary_part.done", true);
    tell_item(s, out, it, "response.output_item.done", "completed");
    if (it->kind == PART_TOOL_CALL)
        seal_call(s, out, it);
}

static void take_about(struct writer *s, struct buf *out, const struct answer_event *e)
{
    struct item *it = find_item(s, e);

    if (it == NULL)
        return;
    switch (e->kind) {
    case ANSWER_DELTA:
        grow_item(s, out, it, e->text);
        return;
    case ANSWER_SIGNATURE:
        sign(s, it, e);
        return;
    case ANSWER_CITATION:
        cite(s, out, it, &e->citation);
        return;
    case ANSWER_LOGPROBS:
        take_logprobs(it, e->raw);
        return;
    case ANSWER_MEDIA:
        if (it->kind == PART_IMAGE)
            buf_append(&it->text, e->media.data);
        return;
    case ANSWER_PART_END:
        end_item(s, out, it);
        return;
    case ANSWER_BEGIN:
    case ANSWER_PART:
    case ANSWER_STOP:
    case ANSWER_USAGE:
    case ANSWER_END:
    case ANSWER_ERROR:
        return;
    }
}

void responses__out_event(void *state, struct buf *out, const struct answer_event *e)
{
    struct writer *s = state;

    if (e->choice > 0)
        return; /* there is one answer here */
    switch (e->kind) {
    case ANSWER_BEGIN:
        tell_response(s, out, "response.created", "in_progress", NULL);
        tell_response(s, out, "response.in_progress", "in_progress", NULL);
        return;
    case ANSWER_PART:
        begin_item(s, out, e);
        return;
    case ANSWER_STOP:
        s->stop = e->stop;
        return;
    case ANSWER_DELTA:
    case ANSWER_SIGNATURE:
    case ANSWER_CITATION:
    case ANSWER_LOGPROBS:
    case ANSWER_MEDIA:
    case ANSWER_PART_END:
        take_about(s, out, e);
        return;
    case ANSWER_USAGE:
    case ANSWER_END:
    case ANSWER_ERROR:
        return;
    }
}

/* ---- Begin and end ---- */

void *responses__out_open(const struct wire_answer *w, struct arena *a)
{
    struct writer *s = arena_new(a, struct writer);

    if (s == NULL)
        return NULL;
    s->copy = *w;
    s->w = &s->copy;
    s->a = a;
    buf_init(&s->line, TEXT_MAX);
    return s;
}

void responses__out_close(void *state)
{
    struct writer *s = state;

    for (struct item *it = s->items; it != NULL; it = it->next) {
        buf_free(&it->text);
        buf_free(&it->marks);
        buf_free(&it->logprobs);
        buf_free(&it->signature);
    }
    buf_free(&s->line);
}

void responses__out_end(void *state, struct buf *out, const struct wire_bill *bill)
{
    struct writer *s = state;
    const bool cut = s->stop == STOP_LENGTH || s->stop == STOP_FILTER;
    const char *status = cut ? "incomplete" : "completed";
    struct json_out o;

    if (s->w->stream) {
        tell_response(s, out, cut ? "response.incomplete" : "response.completed",
                      status, bill);
        return;
    }
    json_out_init(&o, out);
    put_response(&o, s, status, bill);
}

/* SDKs differ in what they look for: some at the event `error` with its members at the
 * top, some at an object `error` in it, some at response.failed only. */
void responses__out_error(void *state, struct buf *out, const struct fault *f,
                          const char *request_id)
{
    static const struct wire_answer unknown = {.stream = true, .id = ""};
    struct writer stranger = {.w = &unknown}, *s = state != NULL ? state : &stranger;
    const char *code = f->code != NULL ? f->code : rc_reason(f->rc);
    const char *message = f->detail != NULL ? f->detail : error_sentence(f->rc);
    const struct wire_answer named = {.stream = true, .id = request_id};
    struct json_out *o;
    struct slice error;
    struct buf body;

    if (state == NULL) {
        stranger.w = &named;
        buf_init(&stranger.line, TEXT_MAX);
    }
    buf_init(&body, TEXT_MAX);
    error_print(&body, DIALECT_OPENAI, f, request_id);
    o = event_begin(s, "error");
    json_out_kstr(o, "code", code);
    json_out_kstr(o, "message", message);
    json_out_kstr(o, "param", f->param);
    if (json_raw_member(&error, buf_slice(&body), "error") == JSON_OBJECT) {
        json_out_key(o, "error");
        json_out_raw(o, error);
    }
    event_end(s, out, "error");
    buf_free(&body);
    o = event_begin(s, "response.failed");
    json_out_key(o, "response");
    json_out_object(o);
    put_id(o, "id", s->w);
    json_out_kstr(o, "object", "response");
    json_out_ku64(o, "created_at", s->w->created_s);
    json_out_kstr(o, "status", "failed");
    json_out_key(o, "error");
    json_out_object(o);
    json_out_kstr(o, "code", code);
    json_out_kstr(o, "message", message);
    json_out_end_object(o);
    json_out_kslice(o, "model", s->w->model);
    put_items(o, s, "failed");
    json_out_kstr(o, "usage", NULL);
    json_out_end_object(o);
    event_end(s, out, "response.failed");
    if (state == NULL)
        buf_free(&stranger.line);
}

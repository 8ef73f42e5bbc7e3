/* SPDX-License-Identifier: Apache-2.0 */
/* Events as a Messages answer. Blocks get numbers of their own, since not every part
 * becomes one. Signatures go out in one piece at their block's end, because clients
 * keep the last piece only. Only the first choice is shown: the dialect has no more. */
#include "gateway/wires/messages_int.h"

#include "base/json.h"
#include "gateway/wires/json_fields.h"

#include <stdio.h>

enum {
    OPEN_MAX = 64,
    BLOCK_MAX = 16 * 1024 * 1024 /* bytes of one block that waits for its end */
};

struct block {
    bool used;
    bool is_silent;
    bool is_encrypted;
    bool has_marks; /* citations */
    unsigned part;
    unsigned index;
    enum part_kind kind;
    struct slice item_id, name; /* in the arena */
    struct buf text;            /* a whole answer's; inside of a JSON string */
    struct buf signature;       /* likewise, ready to be said */
    struct buf citations;       /* a whole answer's; JSON, with commas */
};

struct out {
    struct wire_answer w;
    struct arena *a;
    bool has_content;
    unsigned next_index;
    enum stop_reason stop;
    struct quoted stop_text; /* in the arena */
    struct slice id;
    struct buf content; /* a whole answer's blocks */
    struct block blocks[OPEN_MAX];
};

void *messages__out_open(const struct wire_answer *w, struct arena *a)
{
    struct out *s = arena_new(a, struct out);

    if (s == NULL)
        return NULL;
    s->w = *w;
    s->a = a;
    s->stop = STOP_END;
    buf_init(&s->content, SIZE_MAX / 4);
    return s;
}

static void free_block(struct block *b)
{
    buf_free(&b->text);
    buf_free(&b->signature);
    buf_free(&b->citations);
    *b = (struct block){.used = false};
}

void messages__out_close(void *state)
{
    struct out *s = state;

    for (size_t i = 0; i < OPEN_MAX; i++)
        free_block(&s->blocks[i]);
    buf_free(&s->content);
}

/* Nobody hears more of this answer: an append that fits nowhere marks it so. */
static void fail(struct buf *out)
{
    buf_append(out, slice_from("", SIZE_MAX / 2));
}

/* ---- Events of a stream ---- */

/* One event: its head, then what the caller writes, then its end. */
static void begin_event(struct buf *out, struct json_out *o, const char *type)
{
    buf_printf(out, "event: %s\ndata: ", type);
    json_out_init(o, out);
    json_out_object(o);
    json_out_kstr(o, "type", type);
}

static void end_event(struct buf *out, struct json_out *o)
{
    json_out_end_object(o);
    buf_append_str(out, "\n\n");
}

static void kraw(struct json_out *o, const char *key, const char *raw)
{
    json_out_key(o, key);
    json_out_raw(o, slice_str(raw));
}

/* The inside of a string, in quotes. */
static void kinside(struct json_out *o, const char *key, const struct buf *inside)
{
    json_out_key(o, key);
    json_out_raw(o, SLICE("\""));
    buf_append(o->to, buf_slice(inside));
    buf_append_char(o->to, '"');
}

static void begin_delta(struct buf *out, struct json_out *o, const struct block *b,
                        const char *type)
{
    begin_event(out, o, "content_block_delta");
    json_out_ku64(o, "index", b->index);
    json_out_key(o, "delta");
    json_out_object(o);
    json_out_kstr(o, "type", type);
}

static void end_delta(struct buf *out, struct json_out *o)
{
    json_out_end_object(o);
    end_event(out, o);
}

/* ---- The message's head ---- */

static void write_usage(struct json_out *o, const struct usage *u)
{
    const uint64_t written = u->in_cache_write + u->in_cache_write_1h;

    json_out_ku64(o, "input_tokens", u->in_uncached + u->in_audio + u->in_image);
    json_out_ku64(o, "cache_creation_input_tokens", written);
    json_out_ku64(o, "cache_read_input_tokens", u->in_cache_read);
    json_out_key(o, "cache_creation");
    json_out_object(o);
    json_out_ku64(o, "ephemeral_5m_input_tokens", u->in_cache_write);
    json_out_ku64(o, "ephemeral_1h_input_tokens", u->in_cache_write_1h);
    json_out_end_object(o);
    json_out_ku64(o, "output_tokens",
                  u->out_text + u->out_reasoning + u->out_audio + u->out_image);
    if (u->out_reasoning > 0) {
        json_out_key(o, "output_tokens_details");
        json_out_object(o);
        json_out_ku64(o, "thinking_tokens", u->out_reasoning);
        json_out_end_object(o);
    }
    if (u->web_searches > 0) {
        json_out_key(o, "server_tool_use");
        json_out_object(o);
        json_out_ku64(o, "web_search_requests", u->web_searches);
        json_out_end_object(o);
    }
}

static void write_head(struct out *s, struct json_out *o)
{
    if (s->id.len > 0)
        json_out_kslice(o, "id", s->id);
    else
        json_out_kstr(o, "id", arena_printf(s->a, "msg_%s", s->w.id));
    json_out_kstr(o, "type", "message");
    json_out_kstr(o, "role", "assistant");
    json_out_kslice(o, "model", s->w.model);
}

static void write_start(struct out *s, struct buf *out)
{
    const struct usage none = {.known = false};
    struct json_out o;

    begin_event(out, &o, "message_start");
    json_out_key(&o, "message");
    json_out_object(&o);
    write_head(s, &o);
    kraw(&o, "content", "[]");
    kraw(&o, "stop_reason", "null");
    kraw(&o, "stop_sequence", "null");
    json_out_key(&o, "usage");
    json_out_object(&o);
    write_usage(&o, &none);
    json_out_end_object(&o);
    json_out_end_object(&o);
    end_event(out, &o);
}

/* ---- Blocks ---- */

static struct block *find_block(struct out *s, unsigned part)
{
    for (size_t i = 0; i < OPEN_MAX; i++)
        if (s->blocks[i].used && s->blocks[i].part == part)
            return &s->blocks[i];
    return NULL;
}

static bool is_shown(const struct out *s, const struct answer_event *e)
{
    switch (e->part_kind) {
    case PART_TEXT:
    case PART_REFUSAL:
    case PART_TOOL_CALL:
        return true;
    case PART_REASONING:
        return s->w.reasoning_shown;
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_FILE:
    case PART_TOOL_RESULT:
        return false;
    }
    return false;
}

/* Reasoning without text is told with its end, when all of it is there. */
static void write_block_start(struct buf *out, const struct block *b)
{
    struct json_out o;

    begin_event(out, &o, "content_block_start");
    json_out_ku64(&o, "index", b->index);
    json_out_key(&o, "content_block");
    json_out_object(&o);
    if (b->kind == PART_TOOL_CALL) {
        json_out_kstr(&o, "type", "tool_use");
        json_out_kslice(&o, "id", b->item_id);
        json_out_kslice(&o, "name", b->name);
        kraw(&o, "input", "{}");
    } else if (b->kind == PART_REASONING) {
        json_out_kstr(&o, "type", "thinking");
        json_out_kstr(&o, "thinking", "");
        json_out_kstr(&o, "signature", "");
    } else {
        json_out_kstr(&o, "type", "text");
        json_out_kstr(&o, "text", "");
    }
    json_out_end_object(&o);
    end_event(out, &o);
}

static void on_part(struct out *s, struct buf *out, const struct answer_event *e)
{
    struct block *b = NULL;

    for (size_t i = 0; i < OPEN_MAX && b == NULL; i++)
        if (!s->blocks[i].used)
            b = &s->blocks[i];
    if (b == NULL) {
        fail(out);
        return;
    }
    *b = (struct block){.used = true, .part = e->part, .kind = e->part_kind};
    buf_init(&b->text, BLOCK_MAX);
    buf_init(&b->signature, BLOCK_MAX);
    buf_init(&b->citations, BLOCK_MAX);
    b->is_encrypted = e->is_encrypted;
    b->is_silent = !is_shown(s, e);
    if (b->is_silent)
        return;
    b->index = s->next_index++;
    b->item_id = arena_slice(s->a, e->id);
    b->name = arena_slice(s->a, e->name);
    if (s->w.stream && !b->is_encrypted)
        write_block_start(out, b);
}

static void on_delta(struct out *s, struct buf *out, struct block *b,
                     const struct answer_event *e)
{
    struct json_out o;

    if (!s->w.stream || b->is_encrypted) {
        quoted_append(&b->text, e->text);
        return;
    }
    if (b->kind == PART_TOOL_CALL) {
        begin_delta(out, &o, b, "input_json_delta");
        body_put_quoted(&o, "partial_json", e->text);
    } else if (b->kind == PART_REASONING) {
        begin_delta(out, &o, b, "thinking_delta");
        body_put_quoted(&o, "thinking", e->text);
    } else {
        begin_delta(out, &o, b, "text_delta");
        body_put_quoted(&o, "text", e->text);
    }
    end_delta(out, &o);
}

/* A vendor's word, for the inside of a string. */
static void append_word(struct out *s, struct buf *to, struct slice word)
{
    buf_append(to, quoted_inside(quoted_from(word, s->a)));
}

/* Others' signatures carry whose they are, see MESSAGES_FOREIGN. */
static void on_signature(struct out *s, struct block *b, const struct answer_event *e)
{
    if (b->kind != PART_REASONING)
        return;
    if (buf_len(&b->signature) == 0 && e->signed_by.len > 0 &&
        !slice_equal(e->signed_by, SLICE(MESSAGES_SIGNED_BY))) {
        buf_append_str(&b->signature, MESSAGES_FOREIGN);
        append_word(s, &b->signature, e->signed_by);
        buf_append_char(&b->signature, ':');
        append_word(s, &b->signature, b->item_id);
        buf_append_char(&b->signature, ':');
    }
    quoted_append(&b->signature, e->text);
}

static void write_citation(struct json_out *o, const struct citation *c)
{
    json_out_object(o);
    json_out_kstr(o, "type", "web_search_result_location");
    body_put_quoted(o, "cited_text", c->text);
    body_put_quoted(o, "url", c->url);
    body_put_quoted(o, "title", c->title);
    json_out_kstr(o, "encrypted_index", "");
    json_out_end_object(o);
}

/* One without an address is about a document of Anthropic's own counting. */
static void on_citation(struct out *s, struct buf *out, struct block *b,
                        const struct answer_event *e)
{
    struct json_out o;

    if (b->kind != PART_TEXT || quoted_is_empty(e->citation.url))
        return;
    if (s->w.stream) {
        begin_delta(out, &o, b, "citations_delta");
        json_out_key(&o, "citation");
        write_citation(&o, &e->citation);
        end_delta(out, &o);
        return;
    }
    if (b->has_marks)
        buf_append_char(&b->citations, ',');
    b->has_marks = true;
    json_out_init(&o, &b->citations);
    write_citation(&o, &e->citation);
}

/* ---- Ends of blocks ---- */

static void write_redacted(struct json_out *o, const struct block *b)
{
    json_out_object(o);
    json_out_kstr(o, "type", "redacted_thinking");
    kinside(o, "data", &b->signature);
    json_out_end_object(o);
}

static void end_streamed(struct buf *out, const struct block *b)
{
    struct json_out o;

    if (b->is_encrypted) {
        begin_event(out, &o, "content_block_start");
        json_out_ku64(&o, "index", b->index);
        json_out_key(&o, "content_block");
        write_redacted(&o, b);
        end_event(out, &o);
    } else if (buf_len(&b->signature) > 0) {
        begin_delta(out, &o, b, "signature_delta");
        kinside(&o, "signature", &b->signature);
        end_delta(out, &o);
    }
    begin_event(out, &o, "content_block_stop");
    json_out_ku64(&o, "index", b->index);
    end_event(out, &o);
}

/* The arguments, which were a string in pieces, as the object that it spells. What
 * spells none, because it was cut or the model erred, is shown as what it is. */
static void write_input(struct json_out *o, struct slice quoted, struct arena *a)
{
    const struct json_limits limits = {.depth = JSON_DEPTH_MAX};
    struct slice plain = SLICE_NONE;

    json_out_key(o, "input");
    if (quoted.len <= 2)
        json_out_raw(o, SLICE("{}"));
    else if (json_raw_string(&plain, quoted, a) == RC_OK &&
             json_guard(plain, &limits, NULL, 0, NULL, a) == RC_OK)
        json_out_raw(o, plain);
    else {
        json_out_object(o);
        json_out_key(o, "INVALID_JSON");
        json_out_raw(o, quoted);
        json_out_end_object(o);
    }
}

static void end_call(struct out *s, struct block *b)
{
    struct buf quoted;
    struct json_out o;
    struct arena *a;

    if (arena_open(&a, 4 * (size_t)BLOCK_MAX) != RC_OK) {
        fail(&s->content);
        return;
    }
    buf_init(&quoted, BLOCK_MAX + 2);
    buf_append_char(&quoted, '"');
    buf_append(&quoted, buf_slice(&b->text));
    buf_append_char(&quoted, '"');
    json_out_init(&o, &s->content);
    json_out_object(&o);
    json_out_kstr(&o, "type", "tool_use");
    json_out_kslice(&o, "id", b->item_id);
    json_out_kslice(&o, "name", b->name);
    write_input(&o, buf_slice(&quoted), a);
    json_out_end_object(&o);
    buf_free(&quoted);
    arena_close(a);
}

static void end_kept(struct out *s, struct block *b)
{
    struct json_out o;

    if (s->has_content)
        buf_append_char(&s->content, ',');
    s->has_content = true;
    if (buf_spent(&b->text) || buf_spent(&b->signature) || buf_spent(&b->citations))
        fail(&s->content);
    if (b->kind == PART_TOOL_CALL) {
        end_call(s, b);
        return;
    }
    json_out_init(&o, &s->content);
    if (b->is_encrypted) {
        write_redacted(&o, b);
        return;
    }
    json_out_object(&o);
    json_out_kstr(&o, "type", b->kind == PART_REASONING ? "thinking" : "text");
    kinside(&o, b->kind == PART_REASONING ? "thinking" : "text", &b->text);
    if (b->kind == PART_REASONING)
        kinside(&o, "signature", &b->signature);
    if (b->has_marks) {
        json_out_key(&o, "citations");
        json_out_raw(&o, SLICE("["));
        buf_append(&s->content, buf_slice(&b->citations));
        buf_append_char(&s->content, ']');
    }
    json_out_end_object(&o);
}

/* Reasoning that nobody has signed is marked as well: Anthropic would refuse it. */
static void mark_unsigned(struct block *b)
{
    if (b->kind == PART_REASONING && buf_len(&b->signature) == 0)
        buf_append_str(&b->signature, MESSAGES_FOREIGN "::");
}

static void on_part_end(struct out *s, struct buf *out, struct block *b)
{
    mark_unsigned(b);
    if (s->w.stream)
        end_streamed(out, b);
    else
        end_kept(s, b);
    if (buf_spent(&b->signature))
        fail(out);
    free_block(b);
}

static void on_part_event(struct out *s, struct buf *out, const struct answer_event *e)
{
    struct block *b = find_block(s, e->part);

    if (b == NULL)
        return;
    if (b->is_silent) {
        if (e->kind == ANSWER_PART_END)
            free_block(b);
    } else if (e->kind == ANSWER_DELTA) {
        on_delta(s, out, b, e);
    } else if (e->kind == ANSWER_SIGNATURE) {
        on_signature(s, b, e);
    } else if (e->kind == ANSWER_CITATION) {
        on_citation(s, out, b, e);
    } else if (e->kind == ANSWER_PART_END) {
        on_part_end(s, out, b);
    }
}

/* ---- The wire ---- */

void messages__out_event(void *state, struct buf *out, const struct answer_event *e)
{
    struct out *s = state;

    if (e->choice != 0)
        return;
    switch (e->kind) {
    case ANSWER_BEGIN:
        s->id = arena_slice(s->a, e->id);
        if (s->w.stream)
            write_start(s, out);
        return;
    case ANSWER_PART:
        on_part(s, out, e);
        return;
    case ANSWER_DELTA:
    case ANSWER_SIGNATURE:
    case ANSWER_CITATION:
    case ANSWER_PART_END:
        on_part_event(s, out, e);
        return;
    case ANSWER_STOP:
        s->stop = e->stop;
        s->stop_text.json = arena_slice(s->a, e->stop_text.json);
        return;
    case ANSWER_LOGPROBS: /* the dialect has none */
    case ANSWER_MEDIA:
    case ANSWER_USAGE: /* the bill has it */
    case ANSWER_END:
    case ANSWER_ERROR:
        return;
    }
}

static const char *stop_word(enum stop_reason stop)
{
    switch (stop) {
    case STOP_END:
        return "end_turn";
    case STOP_SEQUENCE:
        return "stop_sequence";
    case STOP_LENGTH:
        return "max_tokens";
    case STOP_TOOLS:
        return "tool_use";
    case STOP_FILTER:
        return "refusal";
    case STOP_PAUSE:
        return "pause_turn";
    }
    return "end_turn";
}

static void write_stop(const struct out *s, struct json_out *o)
{
    const bool told = s->stop_text.json.len > 0;

    json_out_kstr(o, "stop_reason", stop_word(s->stop));
    if (s->stop == STOP_SEQUENCE && told)
        body_put_quoted(o, "stop_sequence", s->stop_text);
    else
        kraw(o, "stop_sequence", "null");
    if (s->stop != STOP_FILTER || !told)
        return;
    json_out_key(o, "stop_details");
    json_out_object(o);
    json_out_kstr(o, "type", "refusal");
    kraw(o, "category", "null");
    body_put_quoted(o, "explanation", s->stop_text);
    json_out_end_object(o);
}

static void write_bill(const struct out *s, struct json_out *o,
                       const struct wire_bill *bill)
{
    char text[MONEY_TEXT_SIZE];

    json_out_key(o, "usage");
    json_out_object(o);
    write_usage(o, bill->usage);
    money_print(text, bill->cost);
    if (s->w.cost_as_number)
        kraw(o, "cost", text);
    else
        json_out_kstr(o, "cost", text);
    json_out_end_object(o);
}

static void end_stream(struct out *s, struct buf *out, const struct wire_bill *bill)
{
    struct json_out o;

    begin_event(out, &o, "message_delta");
    json_out_key(&o, "delta");
    json_out_object(&o);
    write_stop(s, &o);
    json_out_end_object(&o);
    write_bill(s, &o, bill);
    end_event(out, &o);
    begin_event(out, &o, "message_stop");
    end_event(out, &o);
}

static void end_whole(struct out *s, struct buf *out, const struct wire_bill *bill)
{
    struct json_out o;

    if (buf_spent(&s->content))
        fail(out);
    json_out_init(&o, out);
    json_out_object(&o);
    write_head(s, &o);
    json_out_key(&o, "content");
    json_out_raw(&o, SLICE("["));
    buf_append(out, buf_slice(&s->content));
    buf_append_char(out, ']');
    write_stop(s, &o);
    write_bill(s, &o, bill);
    json_out_end_object(&o);
}

void messages__out_end(void *state, struct buf *out, const struct wire_bill *bill)
{
    struct out *s = state;

    if (s->w.stream)
        end_stream(s, out, bill);
    else
        end_whole(s, out, bill);
}

void messages__out_error(void *state, struct buf *out, const struct fault *f,
                         const char *request_id)
{
    (void)state;
    buf_append_str(out, "event: error\ndata: ");
    error_print(out, DIALECT_ANTHROPIC, f, request_id);
    buf_append_str(out, "\n\n");
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Streams for clients of chat completions and completions. Reasoning goes out under the
 * name that most clients read, and as OpenRouter's reasoning_details: these have the
 * signatures, so that a client which sends its messages back brings them along. */
#include "gateway/wires/chat_out.h"

#include "gateway/wires/chat_words.h"

#include <stdio.h>

enum {
    ANSWER_MAX = 64 << 20 /* what a whole answer's parts may hold each */
};

void chat_out_fail(struct chat_out *s)
{
    (void)!arena_alloc(s->a, SIZE_MAX / 2);
}

const char *chat_out_reason(const struct chat_out *s, enum stop_reason stop)
{
    return s->is_completions && stop == STOP_TOOLS ? "stop" : chat_reason_word(stop);
}

/* ---- Opening ---- */

static void *open_out(const struct wire_answer *w, struct arena *a, bool is_completions)
{
    struct chat_out *s = arena_new(a, struct chat_out);

    if (s == NULL)
        return NULL;
    s->w = *w;
    s->a = a;
    s->is_completions = is_completions;
    s->limit = ANSWER_MAX;
    return s;
}

void *chat_out_open(const struct wire_answer *w, struct arena *a)
{
    return open_out(w, a, false);
}

void *chat_out_open_completions(const struct wire_answer *w, struct arena *a)
{
    return open_out(w, a, true);
}

void chat_out_close(void *state)
{
    struct chat_out *s = state;

    for (struct chat_out_part *p = s->parts; p != NULL; p = p->next) {
        buf_free(&p->text);
        buf_free(&p->signature);
    }
    for (size_t i = 0; i < CHAT_CHOICES_MAX; i++) {
        struct chat_out_lists *l = s->choices[i].lists;

        if (l == NULL)
            continue;
        buf_free(&l->citations);
        buf_free(&l->logprobs);
        s->choices[i].lists = NULL;
    }
    s->parts = NULL;
}

/* ---- Parts ---- */

static struct chat_out_part *find_part(struct chat_out *s, const struct answer_event *e)
{
    struct chat_out_part *p = s->recent;

    if (p != NULL && p->choice == e->choice && p->part == e->part)
        return p;
    p = s->parts;
    while (p != NULL && (p->choice != e->choice || p->part != e->part))
        p = p->next;
    if (p != NULL)
        s->recent = p;
    return p;
}

static unsigned take_number(struct chat_out_choice *c, enum part_kind kind)
{
    switch (kind) {
    case PART_TOOL_CALL:
        return c->calls++;
    case PART_REASONING:
        return c->thoughts++;
    case PART_IMAGE:
        return c->images++;
    case PART_TEXT:
    case PART_AUDIO:
    case PART_FILE:
    case PART_TOOL_RESULT:
    case PART_REFUSAL:
        break;
    }
    return 0;
}

static struct chat_out_part *add_part(struct chat_out *s, const struct answer_event *e)
{
    struct chat_out_part *p = s->spare;

    if (p != NULL)
        s->spare = p->next;
    else
        p = arena_new(s->a, struct chat_out_part);
    if (p == NULL)
        return NULL;
    *p = (struct chat_out_part){
        .choice = e->choice,
        .part = e->part,
        .kind = e->part_kind,
        .is_custom = e->is_custom,
        .is_encrypted = e->is_encrypted,
        .number = take_number(&s->choices[e->choice], e->part_kind),
    };
    buf_init(&p->text, s->limit);
    buf_init(&p->signature, s->limit);
    /* A stream's parts are used again: they may not take more and more. */
    if (!s->w.stream || p->kind == PART_REASONING) {
        p->id = arena_slice(s->a, e->id);
        p->name = arena_slice(s->a, e->name);
    }
    if (s->last == NULL)
        s->parts = p;
    else
        s->last->next = p;
    s->last = p;
    s->recent = p;
    return p;
}

/* A stream needs a part no more when it has ended. */
static void drop_part(struct chat_out *s, struct chat_out_part *p)
{
    struct chat_out_part **at = &s->parts, *before = NULL;

    while (*at != p) {
        before = *at;
        at = &(*at)->next;
    }
    *at = p->next;
    if (s->last == p)
        s->last = before;
    s->recent = NULL;
    buf_free(&p->text);
    p->next = s->spare;
    s->spare = p;
}

/* ---- Chunks ---- */

/* What all chunks begin with, made once. */
static void make_prefix(struct chat_out *s, const struct answer_event *e)
{
    struct json_out o;
    struct buf b;

    buf_init(&b, 8192);
    json_out_init(&o, &b);
    if (e->id.len > 0)
        json_out_slice(&o, e->id);
    else
        json_out_str(&o, arena_printf(s->a, "%s-%s",
                                      s->is_completions ? "cmpl" : "chatcmpl",
                                      s->w.id == NULL ? "" : s->w.id));
    s->id = arena_slice(s->a, buf_slice(&b));
    buf_reset(&b);
    buf_append_str(&b, "data: {\"id\":");
    buf_append(&b, s->id);
    buf_printf(&b, ",\"object\":\"%s\",\"created\":%llu,\"model\":",
               s->is_completions ? "text_completion" : "chat.completion.chunk",
               (unsigned long long)s->w.created_s);
    json_out_init(&o, &b);
    json_out_slice(&o, s->w.model);
    buf_append_str(&b, ",\"choices\":[");
    if (buf_spent(&b))
        chat_out_fail(s);
    s->prefix = arena_slice(s->a, buf_slice(&b));
    buf_free(&b);
}

static void begin_chunk(struct chat_out *s, struct buf *out, unsigned choice)
{
    buf_append(out, s->prefix);
    buf_printf(out, "{\"index\":%u,%s", choice,
               s->is_completions ? "\"text\":" : "\"delta\":");
}

static void end_chunk(struct chat_out *s, struct buf *out, const char *finish)
{
    if (finish == NULL)
        buf_append_str(out, ",\"finish_reason\":null}]");
    else
        buf_printf(out, ",\"finish_reason\":\"%s\"}]", finish);
    buf_append_str(out, s->w.usage_asked ? ",\"usage\":null}\n\n" : "}\n\n");
}

/* The first chunk of a choice says who speaks. */
static void say_role(struct chat_out *s, struct buf *out, unsigned choice)
{
    struct chat_out_choice *c = &s->choices[choice];

    if (c->role_sent || s->is_completions)
        return;
    c->role_sent = true;
    begin_chunk(s, out, choice);
    buf_append_str(out, "{\"role\":\"assistant\",\"content\":\"\"}");
    end_chunk(s, out, NULL);
}

/* A delta of one member that is text. */
static void say_text(struct chat_out *s, struct buf *out, unsigned choice,
                     const char *name, struct quoted text)
{
    begin_chunk(s, out, choice);
    if (s->is_completions) {
        buf_append(out, text.json);
        buf_append_str(out, ",\"logprobs\":null");
    } else {
        buf_printf(out, "{\"%s\":", name);
        buf_append(out, text.json);
        buf_append_char(out, '}');
    }
    end_chunk(s, out, NULL);
}

/* ---- Calls ---- */

/* A call's first chunk waits for what comes next, that its signature may stand in it:
 * clients that keep one look there only. */
static void hold_call(struct chat_out_part *p, const struct answer_event *e)
{
    struct json_out o;

    json_out_init(&o, &p->text);
    json_out_object(&o);
    json_out_ku64(&o, "index", p->number);
    json_out_kslice(&o, "id", e->id);
    json_out_kstr(&o, "type", p->is_custom ? "custom" : "function");
    json_out_key(&o, p->is_custom ? "custom" : "function");
    json_out_object(&o);
    json_out_kslice(&o, "name", e->name);
    json_out_kstr(&o, p->is_custom ? "input" : "arguments", "");
    json_out_end_object(&o);
}

static void say_call(struct chat_out *s, struct buf *out, struct chat_out_part *p,
                     struct quoted signature)
{
    if (buf_len(&p->text) == 0)
        return;
    begin_chunk(s, out, p->choice);
    buf_append_str(out, "{\"tool_calls\":[");
    buf_append(out, buf_slice(&p->text));
    if (signature.json.len > 0) {
        buf_append_str(out, ",\"extra_content\":{\"google\":{\"thought_signature\":");
        buf_append(out, signature.json);
        buf_append_str(out, "}}");
    }
    buf_append_str(out, "}]}");
    end_chunk(s, out, NULL);
    buf_reset(&p->text);
}

static void say_arguments(struct chat_out *s, struct buf *out,
                          const struct chat_out_part *p, struct quoted text)
{
    begin_chunk(s, out, p->choice);
    buf_printf(out, "{\"tool_calls\":[{\"index\":%u,\"%s\":", p->number,
               p->is_custom ? "custom\":{\"input" : "function\":{\"arguments");
    buf_append(out, text.json);
    buf_append_str(out, "}}]}");
    end_chunk(s, out, NULL);
}

static void say_call_signature(struct chat_out *s, struct buf *out,
                               const struct chat_out_part *p, struct quoted text)
{
    begin_chunk(s, out, p->choice);
    buf_printf(out, "{\"tool_calls\":[{\"index\":%u,\"extra_content\":{\"google\":{",
               p->number);
    buf_append_str(out, "\"thought_signature\":");
    buf_append(out, text.json);
    buf_append_str(out, "}}}]}");
    end_chunk(s, out, NULL);
}

/* ---- Reasoning ---- */

/* One detail: a piece of text, or what seals it. Details of one index belong together.
 */
static void say_detail(struct chat_out *s, struct buf *out,
                       const struct chat_out_part *p, const struct answer_event *e)
{
    const bool seal = e->kind == ANSWER_SIGNATURE;
    const bool apart = seal && (p->is_encrypted || p->id.len > 0);
    struct json_out o;

    begin_chunk(s, out, p->choice);
    json_out_init(&o, out);
    json_out_object(&o);
    if (!seal) {
        json_out_key(&o, "reasoning_content");
        json_out_raw(&o, e->text.json);
    }
    json_out_key(&o, "reasoning_details");
    json_out_array(&o);
    json_out_object(&o);
    json_out_kstr(&o, "type", apart ? "reasoning.encrypted" : "reasoning.text");
    json_out_key(&o, apart ? "data" : seal ? "signature" : "text");
    json_out_raw(&o, e->text.json);
    if (p->id.len > 0)
        json_out_kslice(&o, "id", p->id);
    if (e->signed_by.len > 0)
        json_out_kslice(&o, "format", e->signed_by);
    json_out_ku64(&o, "index", p->number);
    json_out_end_object(&o);
    json_out_end_array(&o);
    json_out_end_object(&o);
    end_chunk(s, out, NULL);
}

/* ---- Other parts ---- */

void chat_put_citation(struct json_out *o, const struct citation *c)
{
    json_out_object(o);
    json_out_kstr(o, "type", "url_citation");
    json_out_key(o, "url_citation");
    json_out_object(o);
    json_out_ku64(o, "start_index", c->has_span ? c->from : 0);
    json_out_ku64(o, "end_index", c->has_span ? c->to : 0);
    json_out_key(o, "title");
    json_out_raw(o, c->title.json.len > 0 ? c->title.json : SLICE("\"\""));
    json_out_key(o, "url");
    json_out_raw(o, c->url.json.len > 0 ? c->url.json : SLICE("\"\""));
    if (!quoted_is_empty(c->text)) {
        json_out_key(o, "content");
        json_out_raw(o, c->text.json);
    }
    json_out_end_object(o);
    json_out_end_object(o);
}

static void say_citation(struct chat_out *s, struct buf *out, unsigned choice,
                         const struct citation *c)
{
    struct json_out o;

    begin_chunk(s, out, choice);
    json_out_init(&o, out);
    json_out_object(&o);
    json_out_key(&o, "annotations");
    json_out_array(&o);
    chat_put_citation(&o, c);
    json_out_end_array(&o);
    json_out_end_object(&o);
    end_chunk(s, out, NULL);
}

static void say_media(struct chat_out *s, struct buf *out,
                      const struct chat_out_part *p, const struct media *m)
{
    begin_chunk(s, out, p->choice);
    if (p->kind == PART_AUDIO) {
        buf_append_str(out, "{\"audio\":{\"data\":\"");
        buf_append(out, m->data);
        buf_append_str(out, "\"}}");
    } else {
        buf_append_str(out, "{\"images\":[{\"type\":\"image_url\",\"image_url\":{"
                            "\"url\":\"");
        if (m->from == MEDIA_INLINE) {
            buf_append_str(out, "data:");
            buf_append(out, m->type.len > 0 ? m->type : SLICE("image/png"));
            buf_append_str(out, ";base64,");
        }
        buf_append(out, m->data);
        buf_printf(out, "\"},\"index\":%u}]}", p->number);
    }
    end_chunk(s, out, NULL);
}

static void say_logprobs(struct chat_out *s, struct buf *out, unsigned choice,
                         struct slice content)
{
    begin_chunk(s, out, choice);
    buf_append_str(out, "{\"content\":\"\"},\"logprobs\":{\"content\":");
    buf_append(out, content);
    buf_append_str(out, ",\"refusal\":null}");
    end_chunk(s, out, NULL);
}

static void say_stop(struct chat_out *s, struct buf *out, const struct answer_event *e)
{
    struct chat_out_choice *c = &s->choices[e->choice];

    if (c->stopped)
        return;
    c->stopped = true;
    begin_chunk(s, out, e->choice);
    buf_append_str(out, s->is_completions ? "\"\",\"logprobs\":null" : "{}");
    end_chunk(s, out, chat_out_reason(s, e->stop));
}

/* ---- Events ---- */

static void say_delta(struct chat_out *s, struct buf *out,
                      const struct chat_out_part *p, const struct answer_event *e)
{
    if (quoted_is_empty(e->text))
        return;
    switch (p->kind) {
    case PART_TEXT:
        say_text(s, out, e->choice, "content", e->text);
        break;
    case PART_REFUSAL:
        say_text(s, out, e->choice, "refusal", e->text);
        break;
    case PART_REASONING:
        say_detail(s, out, p, e);
        break;
    case PART_TOOL_CALL:
        say_arguments(s, out, p, e->text);
        break;
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_FILE:
    case PART_TOOL_RESULT:
        break;
    }
}

static void say_part(struct chat_out *s, struct buf *out, struct chat_out_part *p,
                     const struct answer_event *e)
{
    switch (e->kind) {
    case ANSWER_PART:
        if (p->kind == PART_TOOL_CALL)
            hold_call(p, e);
        break;
    case ANSWER_DELTA:
        if (p->kind == PART_TOOL_CALL)
            say_call(s, out, p, (struct quoted){SLICE_NONE});
        say_delta(s, out, p, e);
        break;
    case ANSWER_SIGNATURE:
        if (p->kind == PART_REASONING)
            say_detail(s, out, p, e);
        else if (p->kind == PART_TOOL_CALL && buf_len(&p->text) > 0)
            say_call(s, out, p, e->text);
        else if (p->kind == PART_TOOL_CALL)
            say_call_signature(s, out, p, e->text);
        break;
    case ANSWER_CITATION:
        say_citation(s, out, e->choice, &e->citation);
        break;
    case ANSWER_LOGPROBS:
        say_logprobs(s, out, e->choice, e->raw);
        break;
    case ANSWER_MEDIA:
        say_media(s, out, p, &e->media);
        break;
    case ANSWER_PART_END:
        if (p->kind == PART_TOOL_CALL)
            say_call(s, out, p, (struct quoted){SLICE_NONE});
        drop_part(s, p);
        break;
    case ANSWER_BEGIN:
    case ANSWER_STOP:
    case ANSWER_USAGE:
    case ANSWER_END:
    case ANSWER_ERROR:
        break;
    }
}

/* What of an event this client is to see. */
static bool is_shown(const struct chat_out *s, const struct answer_event *e)
{
    if (e->kind == ANSWER_PART || e->kind == ANSWER_PART_END)
        return true;
    if (s->is_completions)
        return e->part_kind == PART_TEXT && e->kind == ANSWER_DELTA;
    return e->part_kind != PART_REASONING || s->w.reasoning_shown;
}

static void on_part(struct chat_out *s, struct buf *out, const struct answer_event *e)
{
    struct chat_out_part *p = e->kind == ANSWER_PART ? add_part(s, e) : find_part(s, e);

    if (p == NULL) {
        /* About a part that has ended: a late citation, or log probabilities. */
        if (s->w.stream && e->kind == ANSWER_CITATION && !s->is_completions)
            say_citation(s, out, e->choice, &e->citation);
        return;
    }
    if (!s->w.stream)
        chat_whole_event(s, p, e);
    else if (s->is_completions && e->kind == ANSWER_PART)
        return;
    else if (is_shown(s, e))
        say_part(s, out, p, e);
}

void chat_out_event(void *state, struct buf *out, const struct answer_event *e)
{
    struct chat_out *s = state;

    if (e->kind == ANSWER_BEGIN && s->prefix.len == 0)
        make_prefix(s, e);
    if (e->kind == ANSWER_BEGIN || e->kind == ANSWER_USAGE || e->kind == ANSWER_END ||
        e->kind == ANSWER_ERROR)
        return;
    if (e->choice >= CHAT_CHOICES_MAX) {
        chat_out_fail(s);
        return;
    }
    s->choices[e->choice].used = true;
    if (s->w.stream)
        say_role(s, out, e->choice);
    if (e->kind != ANSWER_STOP) {
        on_part(s, out, e);
        return;
    }
    s->choices[e->choice].stop = e->stop;
    if (s->w.stream)
        say_stop(s, out, e);
}

/* ---- The end ---- */

static void put_details(struct json_out *o, const struct usage *u)
{
    json_out_key(o, "prompt_tokens_details");
    json_out_object(o);
    json_out_ku64(o, "cached_tokens", u->in_cache_read);
    if (u->in_cache_write + u->in_cache_write_1h > 0)
        json_out_ku64(o, "cache_write_tokens",
                      u->in_cache_write + u->in_cache_write_1h);
    json_out_ku64(o, "audio_tokens", u->in_audio);
    json_out_end_object(o);
    json_out_key(o, "completion_tokens_details");
    json_out_object(o);
    json_out_ku64(o, "reasoning_tokens", u->out_reasoning);
    json_out_ku64(o, "audio_tokens", u->out_audio);
    json_out_end_object(o);
}

void chat_put_usage(struct json_out *o, const struct chat_out *s,
                    const struct wire_bill *bill)
{
    const struct usage *u = bill->usage;
    const uint64_t in = usage_prompt(u), out = usage_completion(u);
    char cost[MONEY_TEXT_SIZE];

    json_out_object(o);
    json_out_ku64(o, "prompt_tokens", in);
    json_out_ku64(o, "completion_tokens", out);
    json_out_ku64(o, "total_tokens", in + out);
    put_details(o, u);
    money_print(cost, bill->cost);
    json_out_key(o, "cost");
    if (s->w.cost_as_number)
        json_out_raw(o, slice_str(cost));
    else
        json_out_str(o, cost);
    json_out_end_object(o);
}

void chat_out_end(void *state, struct buf *out, const struct wire_bill *bill)
{
    struct chat_out *s = state;
    struct json_out o;

    if (!s->w.stream) {
        chat_whole_end(s, out, bill);
        return;
    }
    if (s->w.usage_asked) {
        buf_append(out, s->prefix);
        buf_append_str(out, "],\"usage\":");
        json_out_init(&o, out);
        chat_put_usage(&o, s, bill);
        buf_append_str(out, "}\n\n");
    }
    buf_append_str(out, "data: [DONE]\n\n");
}

void chat_out_error(void *state, struct buf *out, const struct fault *f,
                    const char *request_id)
{
    (void)state;
    buf_append_str(out, "data: ");
    error_print(out, DIALECT_OPENAI, f, request_id);
    buf_append_str(out, "\n\n");
}

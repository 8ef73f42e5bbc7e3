/* SPDX-License-Identifier: Apache-2.0 */
/* Whole answers for clients of chat completions and completions: parts are gathered as
 * they come, also from several choices at once, and put out when the cost is known. */
#include "gateway/wires/chat_out.h"

/* ---- Gathering ---- */

static void add_elements(struct buf *to, struct slice array)
{
    struct slice element;
    size_t at = 0;

    while (json_raw_element(&element, array, &at) != JSON_ABSENT) {
        if (buf_len(to) > 0)
            buf_append_char(to, ',');
        buf_append(to, element);
    }
}

/* NULL: no room, and the answer is marked. */
static struct chat_out_lists *lists(struct chat_out *s, struct chat_out_choice *c)
{
    if (c->lists == NULL) {
        c->lists = arena_new(s->a, struct chat_out_lists);
        if (c->lists == NULL)
            return NULL;
        buf_init(&c->lists->citations, s->limit);
        buf_init(&c->lists->logprobs, s->limit);
    }
    return c->lists;
}

static void take_about(struct chat_out *s, struct chat_out_choice *c,
                       const struct answer_event *e)
{
    struct chat_out_lists *l = lists(s, c);
    struct json_out o;

    if (l == NULL)
        return;
    if (e->kind == ANSWER_LOGPROBS) {
        add_elements(&l->logprobs, e->raw);
    } else {
        if (buf_len(&l->citations) > 0)
            buf_append_char(&l->citations, ',');
        json_out_init(&o, &l->citations);
        chat_put_citation(&o, &e->citation);
    }
    if (buf_spent(&l->logprobs) || buf_spent(&l->citations))
        chat_out_fail(s);
}

static void take_media(struct chat_out *s, struct chat_out_part *p,
                       const struct media *m)
{
    p->is_url = m->from != MEDIA_INLINE;
    p->type = arena_slice(s->a, m->type);
    buf_append(&p->text, m->data);
}

void chat_whole_event(struct chat_out *s, struct chat_out_part *p,
                      const struct answer_event *e)
{
    switch (e->kind) {
    case ANSWER_DELTA:
        quoted_append(&p->text, e->text);
        break;
    case ANSWER_SIGNATURE:
        quoted_append(&p->signature, e->text);
        if (p->signer.len == 0)
            p->signer = arena_slice(s->a, e->signed_by);
        break;
    case ANSWER_CITATION:
    case ANSWER_LOGPROBS:
        take_about(s, &s->choices[e->choice], e);
        break;
    case ANSWER_MEDIA:
        take_media(s, p, &e->media);
        break;
    case ANSWER_PART:
    case ANSWER_PART_END:
    case ANSWER_BEGIN:
    case ANSWER_STOP:
    case ANSWER_USAGE:
    case ANSWER_END:
    case ANSWER_ERROR:
        break;
    }
    if (buf_spent(&p->text) || buf_spent(&p->signature))
        chat_out_fail(s);
}

/* ---- Putting out ---- */

struct putting {
    struct chat_out *s;
    struct json_out *o;
    unsigned choice;
};

/* The next part of a kind in the choice, from p on. */
static const struct chat_out_part *next_part(const struct putting *g,
                                             const struct chat_out_part *p,
                                             enum part_kind kind)
{
    while (p != NULL && (p->choice != g->choice || p->kind != kind))
        p = p->next;
    return p;
}

static const struct chat_out_part *first_part(const struct putting *g,
                                              enum part_kind kind)
{
    return next_part(g, g->s->parts, kind);
}

static void put_inside(const struct putting *g, const struct buf *inside)
{
    json_out_raw(g->o, SLICE("\"")); /* allow: one value written in pieces */
    buf_append(g->o->to, buf_slice(inside));
    buf_append_char(g->o->to, '"');
}

/* All texts of a kind as one string; null if there is none. */
static void put_texts(const struct putting *g, const char *name, enum part_kind kind)
{
    const struct chat_out_part *p = first_part(g, kind);

    json_out_key(g->o, name);
    if (p == NULL) {
        json_out_null(g->o);
        return;
    }
    json_out_raw(g->o, SLICE("\"")); /* allow: one value written in pieces */
    for (; p != NULL; p = next_part(g, p->next, kind))
        buf_append(g->o->to, buf_slice(&p->text));
    buf_append_char(g->o->to, '"');
}

/* Text and what seals it: one detail, but for an item's, whose seal has its own. */
static void put_detail(const struct putting *g, const struct chat_out_part *p,
                       bool seal, bool apart)
{
    const bool encrypted = seal && apart;

    json_out_object(g->o);
    json_out_kstr(g->o, "type", encrypted ? "reasoning.encrypted" : "reasoning.text");
    if (!encrypted) {
        json_out_key(g->o, "text");
        put_inside(g, &p->text);
    }
    if (seal) {
        json_out_key(g->o, apart ? "data" : "signature");
        put_inside(g, &p->signature);
    }
    if (p->id.len > 0)
        json_out_kslice(g->o, "id", p->id);
    if (p->signer.len > 0)
        json_out_kslice(g->o, "format", p->signer);
    json_out_ku64(g->o, "index", p->number);
    json_out_end_object(g->o);
}

static void put_reasoning(const struct putting *g)
{
    const struct chat_out_part *p = first_part(g, PART_REASONING);

    if (p == NULL || !g->s->w.reasoning_shown)
        return;
    put_texts(g, "reasoning_content", PART_REASONING);
    json_out_key(g->o, "reasoning_details");
    json_out_array(g->o);
    for (; p != NULL; p = next_part(g, p->next, PART_REASONING)) {
        const bool seal = buf_len(&p->signature) > 0;
        const bool apart = p->is_encrypted || p->id.len > 0;

        if (buf_len(&p->text) > 0)
            put_detail(g, p, seal && !apart, apart);
        if (seal && (apart || buf_len(&p->text) == 0))
            put_detail(g, p, true, apart);
    }
    json_out_end_array(g->o);
}

static void put_call(const struct putting *g, const struct chat_out_part *p)
{
    const char *kind = p->is_custom ? "custom" : "function";

    json_out_object(g->o);
    json_out_kslice(g->o, "id", p->id);
    json_out_kstr(g->o, "type", kind);
    json_out_key(g->o, kind);
    json_out_object(g->o);
    json_out_kslice(g->o, "name", p->name);
    json_out_key(g->o, p->is_custom ? "input" : "arguments");
    put_inside(g, &p->text);
    json_out_end_object(g->o);
    if (buf_len(&p->signature) > 0) {
        json_out_key(g->o, "extra_content");
        json_out_object(g->o);
        json_out_key(g->o, "google");
        json_out_object(g->o);
        json_out_key(g->o, "thought_signature");
        put_inside(g, &p->signature);
        json_out_end_object(g->o);
        json_out_end_object(g->o);
    }
    json_out_end_object(g->o);
}

static void put_calls(const struct putting *g)
{
    const struct chat_out_part *p = first_part(g, PART_TOOL_CALL);

    if (p == NULL)
        return;
    json_out_key(g->o, "tool_calls");
    json_out_array(g->o);
    for (; p != NULL; p = next_part(g, p->next, PART_TOOL_CALL))
        put_call(g, p);
    json_out_end_array(g->o);
}

static void put_image(const struct putting *g, const struct chat_out_part *p)
{
    struct buf *to = g->o->to;

    json_out_object(g->o);
    json_out_kstr(g->o, "type", "image_url");
    json_out_key(g->o, "image_url");
    json_out_object(g->o);
    json_out_key(g->o, "url");
    json_out_raw(g->o, SLICE("\"")); /* allow: one value written in pieces */
    if (!p->is_url) {
        buf_append_str(to, "data:");
        buf_append(to, p->type.len > 0 ? p->type : SLICE("image/png"));
        buf_append_str(to, ";base64,");
    }
    buf_append(to, buf_slice(&p->text));
    buf_append_char(to, '"');
    json_out_end_object(g->o);
    json_out_ku64(g->o, "index", p->number);
    json_out_end_object(g->o);
}

static void put_media(const struct putting *g)
{
    const struct chat_out_part *p = first_part(g, PART_IMAGE);
    const struct chat_out_part *sound = first_part(g, PART_AUDIO);

    if (p != NULL) {
        json_out_key(g->o, "images");
        json_out_array(g->o);
        for (; p != NULL; p = next_part(g, p->next, PART_IMAGE))
            put_image(g, p);
        json_out_end_array(g->o);
    }
    if (sound != NULL) {
        json_out_key(g->o, "audio");
        json_out_object(g->o);
        json_out_key(g->o, "data");
        put_inside(g, &sound->text);
        json_out_end_object(g->o);
    }
}

static void put_list(const struct putting *g, const char *name, const struct buf *list)
{
    json_out_key(g->o, name);
    json_out_raw(g->o, SLICE("[")); /* allow: one value written in pieces */
    buf_append(g->o->to, buf_slice(list));
    buf_append_char(g->o->to, ']');
}

static void put_message(const struct putting *g)
{
    const struct chat_out_choice *c = &g->s->choices[g->choice];

    json_out_key(g->o, "message");
    json_out_object(g->o);
    json_out_kstr(g->o, "role", "assistant");
    put_texts(g, "content", PART_TEXT);
    put_texts(g, "refusal", PART_REFUSAL);
    put_reasoning(g);
    put_calls(g);
    put_media(g);
    if (c->lists != NULL && buf_len(&c->lists->citations) > 0)
        put_list(g, "annotations", &c->lists->citations);
    json_out_end_object(g->o);
}

static void put_logprobs(const struct putting *g)
{
    const struct chat_out_choice *c = &g->s->choices[g->choice];

    json_out_key(g->o, "logprobs");
    if (c->lists == NULL || buf_len(&c->lists->logprobs) == 0 || g->s->is_completions) {
        json_out_null(g->o);
        return;
    }
    json_out_object(g->o);
    put_list(g, "content", &c->lists->logprobs);
    json_out_key(g->o, "refusal");
    json_out_null(g->o);
    json_out_end_object(g->o);
}

static void put_choice(const struct putting *g)
{
    json_out_object(g->o);
    json_out_ku64(g->o, "index", g->choice);
    if (g->s->is_completions) {
        json_out_key(g->o, "text");
        json_out_raw(g->o, SLICE("\"")); /* allow: one value written in pieces */
        for (const struct chat_out_part *p = first_part(g, PART_TEXT); p != NULL;
             p = next_part(g, p->next, PART_TEXT))
            buf_append(g->o->to, buf_slice(&p->text));
        buf_append_char(g->o->to, '"');
    } else {
        put_message(g);
    }
    put_logprobs(g);
    json_out_kstr(g->o, "finish_reason",
                  chat_out_reason(g->s, g->s->choices[g->choice].stop));
    json_out_end_object(g->o);
}

void chat_whole_end(struct chat_out *s, struct buf *out, const struct wire_bill *bill)
{
    struct json_out o;
    struct putting g = {s, &o, 0};

    json_out_init(&o, out);
    json_out_object(&o);
    json_out_key(&o, "id");
    json_out_raw(&o, s->id.len > 0 ? s->id : SLICE("\"\""));
    json_out_kstr(&o, "object",
                  s->is_completions ? "text_completion" : "chat.completion");
    json_out_ku64(&o, "created", s->w.created_s);
    json_out_kslice(&o, "model", s->w.model);
    json_out_key(&o, "choices");
    json_out_array(&o);
    for (; g.choice < CHAT_CHOICES_MAX; g.choice++)
        if (s->choices[g.choice].used)
            put_choice(&g);
    json_out_end_array(&o);
    json_out_key(&o, "usage");
    chat_put_usage(&o, s, bill);
    json_out_end_object(&o);
}

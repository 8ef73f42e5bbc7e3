/* SPDX-License-Identifier: Apache-2.0 */
/* Cohere's answers: typed events, or a message whose parts are told as those events
 * would. What it plans to do with tools is reasoning. */
#include "gateway/wires/cohere.h"

#include "gateway/wires/json_body.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A stream's, or a whole answer's. One part is open at a time. */
struct reader {
    bool begun, open, stopped, has_text;
    enum part_kind kind; /* of the open part */
    unsigned part_count;
    bool has_text_part;
    unsigned text_part; /* the last: what citations are about */
};

struct teller {
    struct reader *r;
    answer_sink *sink;
    void *arg;
    struct arena *scratch;
};

/* ---- Parts ---- */

static enum rc tell(const struct teller *t, struct answer_event *e,
                    enum answer_kind kind)
{
    e->kind = kind;
    e->part = t->r->part_count - 1;
    e->part_kind = t->r->kind;
    return t->sink(t->arg, e);
}

/* id: raw; none: the vendor's answer has none. */
static enum rc tell_begin(const struct teller *t, struct slice id)
{
    struct answer_event e = {.kind = ANSWER_BEGIN};

    if (t->r->begun)
        return RC_OK;
    if (json_raw_type(id) == JSON_STRING &&
        json_raw_string(&e.id, id, t->scratch) != RC_OK)
        return RC_NOMEM;
    t->r->begun = true;
    return t->sink(t->arg, &e);
}

static enum rc end_part(const struct teller *t)
{
    struct answer_event e = {.text = {SLICE("\"{}\"")}};

    if (!t->r->open)
        return RC_OK;
    if (t->r->kind == PART_TOOL_CALL && !t->r->has_text)
        TRY(tell(t, &e, ANSWER_DELTA)); /* no arguments are an object too */
    e = (struct answer_event){.choice = 0};
    TRY(tell(t, &e, ANSWER_PART_END));
    t->r->open = false;
    return RC_OK;
}

static enum rc begin_part(const struct teller *t, enum part_kind kind,
                          struct answer_event *e)
{
    TRY(tell_begin(t, SLICE_NONE));
    if (t->r->stopped)
        return RC_UPSTREAM;
    TRY(end_part(t));
    t->r->open = true;
    t->r->has_text = false;
    t->r->kind = kind;
    t->r->part_count++;
    if (kind == PART_TEXT) {
        t->r->has_text_part = true;
        t->r->text_part = t->r->part_count - 1;
    }
    return tell(t, e, ANSWER_PART);
}

/* A piece of text, in a part of its kind that begins with it. */
static enum rc take_text(const struct teller *t, enum part_kind kind, struct slice raw)
{
    struct answer_event begin = {.choice = 0};
    struct answer_event e = {.text = {raw}};

    if (raw.len == 0)
        return RC_OK;
    if (json_raw_type(raw) != JSON_STRING)
        return RC_UPSTREAM;
    if (quoted_is_empty(e.text))
        return RC_OK;
    if (!t->r->open || t->r->kind != kind)
        TRY(begin_part(t, kind, &begin));
    t->r->has_text = true;
    return tell(t, &e, ANSWER_DELTA);
}

/* {text} or {thinking} */
static enum rc take_content(const struct teller *t, struct slice raw)
{
    static const char *const names[] = {"text", "thinking"};
    struct slice v[COUNT(names)];

    json_body_pick(v, names, COUNT(names), raw);
    TRY(take_text(t, PART_TEXT, v[0]));
    return take_text(t, PART_REASONING, v[1]);
}

/* Cohere writes "null" for the arguments of a tool that takes none. */
static enum rc take_arguments(const struct teller *t, struct slice function)
{
    struct slice raw;

    if (json_raw_member(&raw, function, "arguments") != JSON_STRING ||
        (!t->r->has_text && json_body_is(raw, "null")))
        return RC_OK;
    return take_text(t, PART_TOOL_CALL, raw);
}

/* {id, function: {name, arguments}} */
static enum rc take_call(const struct teller *t, struct slice raw)
{
    static const char *const names[] = {"id", "function"};
    struct slice v[COUNT(names)];
    struct answer_event e = {.choice = 0};
    struct slice name;

    json_body_pick(v, names, COUNT(names), raw);
    if (json_raw_member(&name, v[1], "name") != JSON_STRING ||
        json_raw_string(&e.name, name, t->scratch) != RC_OK ||
        json_raw_string(&e.id, v[0], t->scratch) != RC_OK || e.name.len == 0)
        return RC_UPSTREAM;
    TRY(begin_part(t, PART_TOOL_CALL, &e));
    return take_arguments(t, v[1]);
}

/* The source's own fields, of which these have a name that others know. */
static void read_source(struct citation *out, struct slice source)
{
    static const char *const names[] = {"title", "url"};
    struct slice v[COUNT(names)];
    struct slice document;

    if (json_raw_member(&document, source, "document") != JSON_OBJECT)
        return;
    json_body_pick(v, names, COUNT(names), document);
    if (json_raw_type(v[0]) == JSON_STRING)
        out->title.json = v[0];
    if (json_raw_type(v[1]) == JSON_STRING)
        out->url.json = v[1];
}

/* {start, end, text, sources: [..]} */
static enum rc take_citation(const struct teller *t, struct slice raw)
{
    static const char *const names[] = {"start", "end", "text", "sources"};
    struct slice v[COUNT(names)];
    struct answer_event e = {.kind = ANSWER_CITATION, .part_kind = PART_TEXT};
    struct slice source;
    size_t at = 0;

    if (!t->r->has_text_part)
        return RC_OK; /* of a plan, say */
    json_body_pick(v, names, COUNT(names), raw);
    e.part = t->r->text_part;
    e.citation.has_span = json_raw_u64(&e.citation.from, v[0]) == RC_OK &&
                          json_raw_u64(&e.citation.to, v[1]) == RC_OK;
    if (json_raw_type(v[2]) == JSON_STRING)
        e.citation.text.json = v[2];
    if (json_raw_element(&source, v[3], &at) == JSON_OBJECT)
        read_source(&e.citation, source);
    return t->sink(t->arg, &e);
}

/* ---- The end ---- */

static enum rc read_count(uint64_t *out, struct slice raw)
{
    if (slice_ends(raw, SLICE(".0"))) /* the manual says that it is any number */
        raw.len -= 2;
    TRY(json_raw_u64(out, raw));
    return *out <= USAGE_TOKENS_MAX ? RC_OK : RC_BAD_INPUT;
}

enum rc cohere_usage(struct usage *out, struct slice billed_units)
{
    static const char *const names[] = {"input_tokens", "output_tokens"};
    struct slice v[COUNT(names)];
    struct usage u = {.known = true};

    json_body_pick(v, names, COUNT(names), billed_units);
    if (v[0].len == 0 && v[1].len == 0)
        return RC_BAD_INPUT;
    if (v[0].len > 0)
        TRY(read_count(&u.in_uncached, v[0]));
    if (v[1].len > 0)
        TRY(read_count(&u.out_text, v[1]));
    *out = u;
    return RC_OK;
}

static enum rc tell_error(const struct teller *t, struct slice reason,
                          struct slice message)
{
    struct answer_event e = {.kind = ANSWER_ERROR,
                             .status = json_body_is(reason, "TIMEOUT") ? 504 : 500};

    TRY(json_raw_string(&e.code, reason, t->scratch));
    if (json_raw_type(message) == JSON_STRING)
        e.text.json = message;
    return t->sink(t->arg, &e);
}

/* {finish_reason, usage, error}: of a whole answer, or of the last event's delta. */
static enum rc take_end(const struct teller *t, struct slice raw)
{
    static const char *const names[] = {"finish_reason", "usage", "error"};

    static const struct {
        const char *word;
        enum stop_reason stop;
    } reasons[] = {{"STOP_SEQUENCE", STOP_SEQUENCE},
                   {"MAX_TOKENS", STOP_LENGTH},
                   {"TOOL_CALL", STOP_TOOLS}};
    struct answer_event stop = {.kind = ANSWER_STOP, .stop = STOP_END};
    struct answer_event e = {.kind = ANSWER_USAGE};
    struct slice v[COUNT(names)];
    struct slice billed;

    json_body_pick(v, names, COUNT(names), raw);
    if (t->r->stopped || json_raw_type(v[0]) != JSON_STRING)
        return RC_UPSTREAM;
    TRY(tell_begin(t, SLICE_NONE));
    TRY(end_part(t));
    t->r->stopped = true;
    if (json_body_is(v[0], "ERROR") || json_body_is(v[0], "TIMEOUT"))
        return tell_error(t, v[0], v[2]);
    for (size_t i = 0; i < COUNT(reasons); i++)
        if (json_body_is(v[0], reasons[i].word))
            stop.stop = reasons[i].stop;
    TRY(t->sink(t->arg, &stop));
    if (json_raw_member(&billed, v[1], "billed_units") == JSON_OBJECT &&
        cohere_usage(&e.usage, billed) == RC_OK)
        TRY(t->sink(t->arg, &e));
    e = (struct answer_event){.kind = ANSWER_END};
    return t->sink(t->arg, &e);
}

static enum rc take_list(const struct teller *t, struct slice list,
                         enum rc (*take)(const struct teller *t, struct slice raw))
{
    struct slice item;
    size_t at = 0;

    while (json_raw_element(&item, list, &at) == JSON_OBJECT)
        TRY(take(t, item));
    return RC_OK;
}

/* A whole block: the next of its kind is another. */
static enum rc take_block(const struct teller *t, struct slice raw)
{
    TRY(take_content(t, raw));
    return end_part(t);
}

static enum rc answer(struct slice json, answer_sink *sink, void *arg,
                      struct arena *scratch)
{
    static const char *const names[] = {"id", "message"};
    static const char *const members[] = {"tool_plan", "content", "tool_calls",
                                          "citations"};
    struct reader r = {.begun = false};
    const struct teller t = {&r, sink, arg, scratch};
    struct slice v[COUNT(names)];
    struct slice m[COUNT(members)];

    json_body_pick(v, names, COUNT(names), json);
    if (json_raw_type(v[1]) != JSON_OBJECT)
        return RC_UPSTREAM;
    json_body_pick(m, members, COUNT(members), v[1]);
    TRY(tell_begin(&t, v[0]));
    TRY(take_text(&t, PART_REASONING, m[0]));
    TRY(end_part(&t));
    TRY(take_list(&t, m[1], take_block));
    TRY(take_list(&t, m[2], take_call));
    TRY(end_part(&t));
    TRY(take_list(&t, m[3], take_citation));
    return take_end(&t, json);
}

/* ---- Streams ---- */

static void *open_reader(struct arena *a)
{
    return arena_new(a, struct reader);
}

/* event: all of it; inside: its delta.message's member. */
struct typed {
    const char *type;
    const char *member;
    enum rc (*take)(const struct teller *t, struct slice inside);
};

static enum rc take_plan(const struct teller *t, struct slice raw)
{
    return take_text(t, PART_REASONING, raw);
}

static enum rc take_call_piece(const struct teller *t, struct slice raw)
{
    struct slice function;

    if (!t->r->open || t->r->kind != PART_TOOL_CALL)
        return RC_UPSTREAM; /* nobody knows which tool */
    if (json_raw_member(&function, raw, "function") != JSON_OBJECT)
        return RC_OK;
    return take_arguments(t, function);
}

static enum rc take_typed(const struct teller *t, const struct typed *typed,
                          struct slice data)
{
    struct slice delta, message, inside;

    if (json_raw_member(&delta, data, "delta") != JSON_OBJECT ||
        json_raw_member(&message, delta, "message") != JSON_OBJECT ||
        json_raw_member(&inside, message, typed->member) == JSON_ABSENT)
        return RC_OK;
    return typed->take(t, inside);
}

static enum rc on_event(void *state, const struct wire_event *e, answer_sink *sink,
                        void *arg, struct arena *scratch)
{
    static const struct typed all[] = {
        {"content-start", "content", take_content},
        {"content-delta", "content", take_content},
        {"tool-plan-delta", "tool_plan", take_plan},
        {"tool-call-start", "tool_calls", take_call},
        {"tool-call-delta", "tool_calls", take_call_piece},
        {"citation-start", "citations", take_citation},
    };
    static const char *const names[] = {"type", "id", "delta"};
    const struct teller t = {state, sink, arg, scratch};
    struct slice v[COUNT(names)];

    if (json_raw_type(e->data) != JSON_OBJECT)
        return RC_OK; /* "[DONE]", which some streams have after their end */
    json_body_pick(v, names, COUNT(names), e->data);
    for (size_t i = 0; i < COUNT(all); i++)
        if (json_body_is(v[0], all[i].type))
            return take_typed(&t, &all[i], e->data);
    if (json_body_is(v[0], "message-start"))
        return tell_begin(&t, v[1]);
    if (json_body_is(v[0], "content-end") || json_body_is(v[0], "tool-call-end"))
        return end_part(&t);
    return json_body_is(v[0], "message-end") ? take_end(&t, v[2]) : RC_OK;
}

const struct wire wire_cohere = {
    .name = "cohere",
    .framing = WIRE_SSE,
    .done = "[DONE]",
    .write = cohere__write,
    .answer = answer,
    .open = open_reader,
    .event = on_event,
};

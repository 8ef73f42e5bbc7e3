/* SPDX-License-Identifier: Apache-2.0 */
/* Anthropic's answers, whole and streamed, as events. Blocks that its own tools fill
 * (searches, code that it ran) give nothing: another dialect has no words for them. */
#include "gateway/wires/messages_int.h"

#include "gateway/wires/json_body.h"

enum {
    OPEN_MAX = 64 /* blocks at once; real streams have one or two */
};

struct slot {
    bool used;
    bool is_silent; /* of the vendor's own tools */
    bool has_grown; /* an argument came */
    uint64_t index; /* of the block */
    unsigned part;
    enum part_kind kind;
};

struct in {
    bool begun, stopped, ended;
    bool has_block; /* one was begun */
    char id[128];   /* of the first message_start; cut */
    unsigned next_part;
    struct messages_usage usage;
    struct slot slots[OPEN_MAX];
};

/* Where events go. */
struct target {
    struct in *in;
    answer_sink *sink;
    void *arg;
    struct arena *scratch;
};

static enum rc give(struct target *t, const struct answer_event *e)
{
    return t->sink(t->arg, e);
}

static enum rc plain(struct slice *out, struct slice raw, struct arena *a)
{
    *out = SLICE_NONE;
    if (json_raw_type(raw) != JSON_STRING)
        return RC_OK;
    return json_raw_string(out, raw, a) == RC_OK ? RC_OK : RC_NOMEM;
}

static bool is_string(struct slice raw)
{
    return json_raw_type(raw) == JSON_STRING;
}

/* ---- The message ---- */

enum {
    M_TYPE,
    M_ID,
    M_MODEL,
    M_CONTENT,
    M_STOP_REASON,
    M_STOP_SEQUENCE,
    M_STOP_DETAILS,
    M_USAGE,
    M_ERROR,
    M_COUNT
};

static const char *const message_names[M_COUNT] = {
    [M_TYPE] = "type",
    [M_ID] = "id",
    [M_MODEL] = "model",
    [M_CONTENT] = "content",
    [M_STOP_REASON] = "stop_reason",
    [M_STOP_SEQUENCE] = "stop_sequence",
    [M_STOP_DETAILS] = "stop_details",
    [M_USAGE] = "usage",
    [M_ERROR] = "error",
};

static enum rc begin(struct target *t, const struct slice *v)
{
    struct answer_event e = {.kind = ANSWER_BEGIN};
    struct in *in = t->in;

    TRY(plain(&e.id, v[M_ID], t->scratch));
    TRY(plain(&e.model, v[M_MODEL], t->scratch));
    if (slice_to_cstr(in->id, sizeof(in->id), slice_sub(e.id, 0, sizeof(in->id) - 1)) !=
        RC_OK)
        return RC_UPSTREAM;
    in->begun = true;
    return give(t, &e);
}

static enum rc give_usage(struct target *t, struct slice raw)
{
    struct answer_event e = {.kind = ANSWER_USAGE};

    messages__usage_add(&t->in->usage, raw);
    if (!t->in->usage.known)
        return RC_OK;
    e.usage = messages__usage(&t->in->usage);
    return give(t, &e);
}

static enum stop_reason stop_of(struct slice reason)
{
    static const struct {
        const char *word;
        enum stop_reason stop;
    } words[] = {
        {"end_turn", STOP_END},      {"stop_sequence", STOP_SEQUENCE},
        {"max_tokens", STOP_LENGTH}, {"model_context_window_exceeded", STOP_LENGTH},
        {"tool_use", STOP_TOOLS},    {"refusal", STOP_FILTER},
        {"pause_turn", STOP_PAUSE},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (json_body_is(reason, words[i].word))
            return words[i].stop;
    return STOP_END;
}

static enum rc end_block(struct target *t, struct slot *s);

static enum rc give_stop(struct target *t, const struct slice *v)
{
    struct answer_event e = {.kind = ANSWER_STOP, .stop = stop_of(v[M_STOP_REASON])};
    struct slice why;

    if (t->in->stopped || !is_string(v[M_STOP_REASON]))
        return RC_OK;
    for (size_t i = 0; i < OPEN_MAX; i++)
        if (t->in->slots[i].used)
            TRY(end_block(t, &t->in->slots[i]));
    t->in->stopped = true;
    if (e.stop == STOP_SEQUENCE && is_string(v[M_STOP_SEQUENCE]))
        e.stop_text.json = v[M_STOP_SEQUENCE];
    if (e.stop == STOP_FILTER &&
        json_raw_member(&why, v[M_STOP_DETAILS], "explanation") == JSON_STRING)
        e.stop_text.json = why;
    return give(t, &e);
}

static enum rc give_end(struct target *t)
{
    const struct answer_event e = {.kind = ANSWER_END};

    t->in->ended = true;
    return give(t, &e);
}

static unsigned status_of(struct slice type)
{
    static const struct {
        const char *word;
        unsigned status;
    } words[] = {
        {"invalid_request_error", 400}, {"authentication_error", 401},
        {"billing_error", 402},         {"permission_error", 403},
        {"not_found_error", 404},       {"request_too_large", 413},
        {"rate_limit_error", 429},      {"api_error", 500},
        {"timeout_error", 504},         {"overloaded_error", 529},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (json_body_is(type, words[i].word))
            return words[i].status;
    return 0;
}

static enum rc give_error(struct target *t, struct slice error)
{
    static const char *const names[] = {"type", "message"};
    struct answer_event e = {.kind = ANSWER_ERROR};
    struct slice v[2];

    json_body_pick(v, names, 2, error);
    e.status = status_of(v[0]);
    TRY(plain(&e.code, v[0], t->scratch));
    if (is_string(v[1]))
        e.text.json = v[1];
    t->in->ended = true;
    return give(t, &e);
}

/* ---- Blocks ---- */

enum {
    B_TYPE,
    B_TEXT,
    B_ID,
    B_NAME,
    B_INPUT,
    B_THINKING,
    B_SIGNATURE,
    B_DATA,
    B_CITATIONS,
    B_PARTIAL, /* of deltas, which have the same names otherwise */
    B_CITATION,
    B_COUNT
};

static const char *const block_names[B_COUNT] = {
    [B_TYPE] = "type",
    [B_TEXT] = "text",
    [B_ID] = "id",
    [B_NAME] = "name",
    [B_INPUT] = "input",
    [B_THINKING] = "thinking",
    [B_SIGNATURE] = "signature",
    [B_DATA] = "data",
    [B_CITATIONS] = "citations",
    [B_PARTIAL] = "partial_json",
    [B_CITATION] = "citation",
};

static struct answer_event about(const struct slot *s, enum answer_kind kind)
{
    return (struct answer_event){.kind = kind, .part = s->part, .part_kind = s->kind};
}

static enum rc give_delta(struct target *t, struct slot *s, struct slice text)
{
    struct answer_event e = about(s, ANSWER_DELTA);

    e.text.json = text;
    if (!is_string(text) || quoted_is_empty(e.text))
        return RC_OK;
    s->has_grown = true;
    return give(t, &e);
}

static enum rc give_signature(struct target *t, const struct slot *s, struct slice text)
{
    struct answer_event e = about(s, ANSWER_SIGNATURE);

    e.text.json = text;
    e.signed_by = SLICE(MESSAGES_SIGNED_BY);
    return !is_string(text) || quoted_is_empty(e.text) ? RC_OK : give(t, &e);
}

static enum rc give_citation(struct target *t, const struct slot *s, struct slice json)
{
    static const char *const names[] = {"url", "title", "document_title", "cited_text",
                                        "source"};
    struct answer_event e = about(s, ANSWER_CITATION);
    struct slice v[5];

    json_body_pick(v, names, 5, json);
    if (is_string(v[0]))
        e.citation.url.json = v[0];
    else if (is_string(v[4]))
        e.citation.url.json = v[4];
    if (is_string(v[1]))
        e.citation.title.json = v[1];
    else if (is_string(v[2]))
        e.citation.title.json = v[2];
    if (is_string(v[3]))
        e.citation.text.json = v[3];
    return give(t, &e);
}

/* Arguments that came whole, as an object. */
static enum rc give_input(struct target *t, struct slot *s, struct slice input)
{
    struct slice key, value;
    size_t at = 0;

    if (json_raw_next(&key, &value, input, &at) == JSON_ABSENT)
        return RC_OK;
    return give_delta(t, s, quoted_from(input, t->scratch).json);
}

/* What a block has in it from the start: all, in a whole answer. */
static enum rc give_contents(struct target *t, struct slot *s, const struct slice *v)
{
    struct slice one;
    size_t at = 0;

    switch (s->kind) {
    case PART_TEXT:
        TRY(give_delta(t, s, v[B_TEXT]));
        while (json_raw_element(&one, v[B_CITATIONS], &at) != JSON_ABSENT)
            TRY(give_citation(t, s, one));
        return RC_OK;
    case PART_TOOL_CALL:
        return give_input(t, s, v[B_INPUT]);
    case PART_REASONING:
        TRY(give_delta(t, s, v[B_THINKING]));
        return give_signature(t, s,
                              v[B_SIGNATURE].len > 0 ? v[B_SIGNATURE] : v[B_DATA]);
    default: /* allow: begin_block() makes no others */
        return RC_OK;
    }
}

/* Which part a block becomes; false: none. */
static bool kind_of(enum part_kind *out, struct slice type)
{
    *out = PART_TEXT;
    if (json_body_is(type, "text"))
        return true;
    *out = PART_TOOL_CALL;
    if (json_body_is(type, "tool_use"))
        return true;
    *out = PART_REASONING;
    return json_body_is(type, "thinking") || json_body_is(type, "redacted_thinking");
}

static enum rc begin_block(struct target *t, struct slot *s, struct slice block)
{
    struct answer_event e;
    struct slice v[B_COUNT];

    json_body_pick(v, block_names, B_COUNT, block);
    s->is_silent = !kind_of(&s->kind, v[B_TYPE]);
    s->has_grown = false;
    if (s->is_silent)
        return RC_OK;
    s->part = t->in->next_part++;
    e = about(s, ANSWER_PART);
    e.is_encrypted = json_body_is(v[B_TYPE], "redacted_thinking");
    TRY(plain(&e.id, v[B_ID], t->scratch));
    TRY(plain(&e.name, v[B_NAME], t->scratch));
    if (s->kind == PART_TOOL_CALL && (e.id.len == 0 || e.name.len == 0))
        return RC_UPSTREAM;
    TRY(give(t, &e));
    return give_contents(t, s, v);
}

static enum rc end_block(struct target *t, struct slot *s)
{
    struct answer_event e = about(s, ANSWER_PART_END);

    s->used = false;
    if (s->is_silent)
        return RC_OK;
    /* A tool without arguments is called with none, which is an object. */
    if (s->kind == PART_TOOL_CALL && !s->has_grown)
        TRY(give_delta(t, s, SLICE("\"{}\"")));
    return give(t, &e);
}

/* ---- Streams ---- */

enum {
    E_TYPE,
    E_INDEX,
    E_MESSAGE,
    E_BLOCK,
    E_DELTA,
    E_USAGE,
    E_ERROR,
    E_COUNT
};

static const char *const event_names[E_COUNT] = {
    [E_TYPE] = "type",           [E_INDEX] = "index", [E_MESSAGE] = "message",
    [E_BLOCK] = "content_block", [E_DELTA] = "delta", [E_USAGE] = "usage",
    [E_ERROR] = "error",
};

void *messages__open(struct arena *a)
{
    return arena_new(a, struct in);
}

static struct slot *find_slot(struct in *in, uint64_t index)
{
    for (size_t i = 0; i < OPEN_MAX; i++)
        if (in->slots[i].used && in->slots[i].index == index)
            return &in->slots[i];
    return NULL;
}

static enum rc give_blocks(struct target *t, struct slice content)
{
    struct slice block;
    size_t at = 0;

    while (json_raw_element(&block, content, &at) != JSON_ABSENT) {
        struct slot s = {.used = true};

        t->in->has_block = true;
        TRY(begin_block(t, &s, block));
        TRY(end_block(t, &s));
    }
    return RC_OK;
}

/* A first event that is said twice is the same message still; another message in the
 * midst of this one is two streams in one. */
static bool is_said_again(const struct in *in, struct slice id)
{
    return slice_equal_str(slice_sub(id, 0, sizeof(in->id) - 1), in->id) &&
           !in->has_block;
}

/* What code of Anthropic's has called may stand whole in the first event, and then the
 * reason to stop as well. */
static enum rc on_start(struct target *t, const struct slice *v)
{
    struct slice m[M_COUNT], id;

    json_body_pick(m, message_names, M_COUNT, v[E_MESSAGE]);
    if (t->in->begun) {
        TRY(plain(&id, m[M_ID], t->scratch));
        return is_said_again(t->in, id) ? RC_OK : RC_UPSTREAM;
    }
    TRY(begin(t, m));
    TRY(give_blocks(t, m[M_CONTENT]));
    TRY(give_stop(t, m));
    return give_usage(t, m[M_USAGE]);
}

static enum rc on_block_start(struct target *t, const struct slice *v)
{
    struct slot *s = NULL;
    uint64_t index;

    if (json_raw_u64(&index, v[E_INDEX]) != RC_OK || find_slot(t->in, index) != NULL)
        return RC_UPSTREAM;
    for (size_t i = 0; i < OPEN_MAX && s == NULL; i++)
        if (!t->in->slots[i].used)
            s = &t->in->slots[i];
    if (s == NULL)
        return RC_UPSTREAM;
    t->in->has_block = true;
    s->used = true;
    s->index = index;
    return begin_block(t, s, v[E_BLOCK]);
}

static enum rc on_delta(struct target *t, const struct slice *v)
{
    struct slice d[B_COUNT];
    struct slot *s;
    uint64_t index;

    if (json_raw_u64(&index, v[E_INDEX]) != RC_OK)
        return RC_UPSTREAM;
    s = find_slot(t->in, index);
    if (s == NULL)
        return RC_UPSTREAM;
    if (s->is_silent)
        return RC_OK;
    json_body_pick(d, block_names, B_COUNT, v[E_DELTA]);
    if (s->kind == PART_TEXT && json_body_is(d[B_TYPE], "text_delta"))
        return give_delta(t, s, d[B_TEXT]);
    if (s->kind == PART_TEXT && json_body_is(d[B_TYPE], "citations_delta"))
        return give_citation(t, s, d[B_CITATION]);
    if (s->kind == PART_TOOL_CALL && json_body_is(d[B_TYPE], "input_json_delta"))
        return give_delta(t, s, d[B_PARTIAL]);
    if (s->kind == PART_REASONING && json_body_is(d[B_TYPE], "thinking_delta"))
        return give_delta(t, s, d[B_THINKING]);
    if (s->kind == PART_REASONING && json_body_is(d[B_TYPE], "signature_delta"))
        return give_signature(t, s, d[B_SIGNATURE]);
    return RC_OK;
}

static enum rc on_block_stop(struct target *t, const struct slice *v)
{
    struct slot *s;
    uint64_t index;

    if (json_raw_u64(&index, v[E_INDEX]) != RC_OK)
        return RC_UPSTREAM;
    s = find_slot(t->in, index);
    return s == NULL ? RC_OK : end_block(t, s);
}

static enum rc on_message_delta(struct target *t, const struct slice *v)
{
    struct slice m[M_COUNT];

    json_body_pick(m, message_names, M_COUNT, v[E_DELTA]);
    TRY(give_stop(t, m));
    return give_usage(t, v[E_USAGE]);
}

/* Without a reason to stop the answer was cut, whatever its last line says. */
static enum rc on_stop(struct target *t, const struct slice *v)
{
    (void)v;
    return t->in->stopped ? give_end(t) : RC_UPSTREAM;
}

static enum rc on_error(struct target *t, const struct slice *v)
{
    return give_error(t, v[E_ERROR]);
}

struct event_kind {
    const char *type;
    bool any_time; /* before the message too */
    bool last;     /* after its reason to stop too */
    enum rc (*on)(struct target *t, const struct slice *v);
};

static const struct event_kind kinds[] = {
    {"message_start", true, false, on_start},
    {"content_block_start", false, false, on_block_start},
    {"content_block_delta", false, false, on_delta},
    {"content_block_stop", false, true, on_block_stop},
    {"message_delta", false, true, on_message_delta},
    {"message_stop", false, true, on_stop},
    {"error", true, true, on_error},
};

enum rc messages__event(void *state, const struct wire_event *e, answer_sink *sink,
                        void *arg, struct arena *scratch)
{
    struct target t = {.in = state, .sink = sink, .arg = arg, .scratch = scratch};
    struct slice v[E_COUNT];

    if (t.in->ended)
        return RC_OK;
    json_body_pick(v, event_names, E_COUNT, e->data);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!json_body_is(v[E_TYPE], kinds[i].type))
            continue;
        if ((!t.in->begun && !kinds[i].any_time) || (t.in->stopped && !kinds[i].last))
            return RC_UPSTREAM;
        TRY(kinds[i].on(&t, v));
        return arena_spent(scratch) ? RC_NOMEM : RC_OK;
    }
    return RC_OK;
}

/* ---- Whole answers ---- */

enum rc messages__answer(struct slice json, answer_sink *sink, void *arg,
                         struct arena *scratch)
{
    struct in *in = arena_new(scratch, struct in);
    struct target t = {.in = in, .sink = sink, .arg = arg, .scratch = scratch};
    struct slice v[M_COUNT];

    if (in == NULL)
        return RC_NOMEM;
    json_body_pick(v, message_names, M_COUNT, json);
    if (json_raw_type(v[M_ERROR]) == JSON_OBJECT)
        return give_error(&t, v[M_ERROR]);
    if (json_raw_type(v[M_CONTENT]) != JSON_ARRAY || !is_string(v[M_STOP_REASON]))
        return RC_UPSTREAM;
    TRY(begin(&t, v));
    TRY(give_blocks(&t, v[M_CONTENT]));
    TRY(give_stop(&t, v));
    TRY(give_usage(&t, v[M_USAGE]));
    TRY(give_end(&t));
    return arena_spent(scratch) ? RC_NOMEM : RC_OK;
}

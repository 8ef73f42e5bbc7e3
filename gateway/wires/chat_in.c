/* SPDX-License-Identifier: Apache-2.0 */
/* Chat completions of all vendors, whole and streamed, as events. A whole answer is
 * read as a stream of one chunk whose deltas are messages. Rules: OpenAI's API
 * reference and the recorded answers of some twenty vendors (tests/recorded). */
#include "gateway/wires/chat_in.h"

#include "base/map.h"
#include "gateway/wires/chat_words.h"

static struct chat_choice *here(struct chat_reader *r)
{
    return &r->choices[r->at];
}

static enum rc take_logprobs(struct chat_reader *r, const struct json_field *logprobs)
{
    struct json_field content = {.name = "content"};
    struct answer_event e = {
        .kind = ANSWER_LOGPROBS, .part = here(r)->text_part, .part_kind = PART_TEXT};

    body_fields(logprobs->raw, &content, 1);
    if (!here(r)->has_text || !body_has_elements(&content))
        return RC_OK;
    e.raw = content.raw;
    return chat_give(r, &e);
}

/* A vendor that broke off says so as a finish reason. */
static enum rc give_failure(struct chat_reader *r, struct slice reason)
{
    struct answer_event e = {
        .kind = ANSWER_ERROR,
        .status = 503,
        .code = reason,
        .text = {SLICE("\"The upstream broke its answer off.\"")},
    };

    return chat_give(r, &e);
}

enum {
    CHOICE_INDEX,
    CHOICE_DELTA,
    CHOICE_MESSAGE,
    CHOICE_TEXT,
    CHOICE_FINISH,
    CHOICE_LOGPROBS,
    CHOICE_USAGE,
    CHOICE__COUNT
};

static enum rc take_finish(struct chat_reader *r, const struct json_field *finish,
                           bool *failed)
{
    const struct slice reason = body_word(finish, r->scratch);
    struct chat_choice *c = here(r);

    if (reason.len == 0 || c->stopped)
        return RC_OK;
    if (chat_reason_failed(reason)) {
        *failed = true;
        return give_failure(r, reason);
    }
    c->stop = chat_reason(reason);
    c->stopped = true;
    return RC_OK;
}

/* usage: Moonshot says it inside of a choice. failed: an ERROR was given. */
static enum rc take_choice(struct chat_reader *r, struct slice raw,
                           struct json_field *usage, bool *failed)
{
    struct json_field f[CHOICE__COUNT] = {
        {.name = "index"}, {.name = "delta"},         {.name = "message"},
        {.name = "text"},  {.name = "finish_reason"}, {.name = "logprobs"},
        {.name = "usage"}};
    uint64_t index = 0;

    body_fields(raw, f, CHOICE__COUNT);
    if (f[CHOICE_INDEX].type == JSON_NUMBER &&
        (json_raw_u64(&index, f[CHOICE_INDEX].raw) != RC_OK ||
         index >= CHAT_CHOICES_MAX))
        return RC_UPSTREAM;
    r->at = (unsigned)index;
    here(r)->used = true;
    /* Perplexity repeats the whole message beside each delta. */
    TRY(chat_take_message(
        r, f[f[CHOICE_DELTA].type == JSON_OBJECT ? CHOICE_DELTA : CHOICE_MESSAGE].raw));
    TRY(chat_give_text(r, PART_TEXT, &f[CHOICE_TEXT]));
    TRY(take_logprobs(r, &f[CHOICE_LOGPROBS]));
    if (f[CHOICE_USAGE].type == JSON_OBJECT && usage->type != JSON_OBJECT)
        *usage = f[CHOICE_USAGE];
    return take_finish(r, &f[CHOICE_FINISH], failed);
}

static enum rc give_stop(struct chat_reader *r, const struct chat_choice *c)
{
    struct answer_event stop = {.kind = ANSWER_STOP, .stop = c->stop};

    /* Some say "stop" where they call a tool. */
    if (c->called && c->stop == STOP_END)
        stop.stop = STOP_TOOLS;
    return chat_give(r, &stop);
}

/* The parts and the choices end when the answer does: some vendors add to a message
 * after they gave its finish reason. */
static enum rc give_end(struct chat_reader *r)
{
    struct answer_event end = {.kind = ANSWER_END};

    for (unsigned i = 0; i < CHAT_CHOICES_MAX; i++) {
        if (!r->choices[i].used)
            continue;
        r->at = i;
        TRY(chat_close_choice(r));
        TRY(give_stop(r, &r->choices[i]));
    }
    r->at = 0;
    return chat_give(r, &end);
}

/* ---- Chunks ---- */

enum {
    CHUNK_ID,
    CHUNK_MODEL,
    CHUNK_CHOICES,
    CHUNK_USAGE,
    CHUNK_GROQ,
    CHUNK_ERROR,
    CHUNK_TIER,
    CHUNK_RESULTS,
    CHUNK_CITATIONS,
    CHUNK_OBJECT,
    CHUNK__COUNT
};

static enum rc give_begin(struct chat_reader *r, const struct json_field *f)
{
    struct answer_event e = {
        .kind = ANSWER_BEGIN,
        .id = body_word(&f[CHUNK_ID], r->scratch),
        .model = body_word(&f[CHUNK_MODEL], r->scratch),
    };

    if (r->begun)
        return RC_OK;
    r->begun = true;
    r->at = 0;
    r->seed = map_hash(e.id);
    return chat_give(r, &e);
}

/* The last believable report counts; one that is not leaves the one before. */
static enum rc give_usage(struct chat_reader *r, const struct json_field *usage,
                          const struct json_field *groq)
{
    struct answer_event e = {.kind = ANSWER_USAGE};
    struct json_field inner = {.name = "usage"};

    if (usage->type != JSON_OBJECT) {
        body_fields(groq->raw, &inner, 1);
        usage = &inner;
    }
    if (usage->type != JSON_OBJECT || usage_from_openai(&e.usage, usage->raw) != RC_OK)
        return RC_OK;
    e.usage.tier = r->tier;
    r->at = 0;
    return chat_give(r, &e);
}

static bool is_error(const struct json_field *f, struct slice name)
{
    return f[CHUNK_ERROR].type == JSON_OBJECT || f[CHUNK_ERROR].type == JSON_STRING ||
           json_body_is(f[CHUNK_OBJECT].raw, "error") || slice_equal_str(name, "error");
}

static enum rc give_error(struct chat_reader *r, const struct json_field *f,
                          struct slice json)
{
    struct answer_event e = {.kind = ANSWER_ERROR};
    struct json_field m[] = {{.name = "message"},
                             {.name = "code"},
                             {.name = "type"},
                             {.name = "status_code"},
                             {.name = "status"}};
    uint64_t status = 0;

    body_fields(f[CHUNK_ERROR].type == JSON_OBJECT ? f[CHUNK_ERROR].raw : json, m,
                sizeof(m) / sizeof(m[0]));
    e.text = chat_quoted(f[CHUNK_ERROR].type == JSON_STRING ? &f[CHUNK_ERROR] : &m[0]);
    e.code = body_word(body_has_text(&m[1]) ? &m[1] : &m[2], r->scratch);
    /* OpenRouter's code is the status. */
    if (json_raw_u64(&status, m[3].raw) != RC_OK &&
        json_raw_u64(&status, m[4].raw) != RC_OK &&
        json_raw_u64(&status, m[1].raw) != RC_OK)
        status = 0;
    e.status = status >= 400 && status <= 599 ? (unsigned)status : 0;
    r->at = 0;
    return chat_give(r, &e);
}

static enum rc take_choices(struct chat_reader *r, struct json_field *f, bool *failed)
{
    struct slice choice;
    size_t at = 0;

    while (!*failed &&
           json_raw_element(&choice, f[CHUNK_CHOICES].raw, &at) != JSON_ABSENT) {
        TRY(take_choice(r, choice, &f[CHUNK_USAGE], failed));
        if (!*failed && here(r)->stopped)
            TRY(chat_take_sources(r, &f[CHUNK_RESULTS], &f[CHUNK_CITATIONS]));
    }
    return RC_OK;
}

/* A chunk or a whole answer. failed: an ERROR was given. */
static enum rc take_chunk(struct chat_reader *r, struct slice name, struct slice json,
                          bool whole, bool *failed)
{
    struct json_field f[CHUNK__COUNT] = {
        {.name = "id"},           {.name = "model"},          {.name = "choices"},
        {.name = "usage"},        {.name = "x_groq"},         {.name = "error"},
        {.name = "service_tier"}, {.name = "search_results"}, {.name = "citations"},
        {.name = "object"}};

    *failed = false;
    body_fields(json, f, CHUNK__COUNT);
    if (f[CHUNK_TIER].type == JSON_STRING)
        r->tier = chat_tier(body_word(&f[CHUNK_TIER], r->scratch));
    if (is_error(f, name)) {
        if (r->begun) /* what it cost up to here may stand beside it */
            TRY(give_usage(r, &f[CHUNK_USAGE], &f[CHUNK_GROQ]));
        *failed = true;
        return give_error(r, f, json);
    }
    if (whole && f[CHUNK_CHOICES].type != JSON_ARRAY) { /* none, but it may be billed */
        TRY(give_begin(r, f));
        TRY(give_usage(r, &f[CHUNK_USAGE], &f[CHUNK_GROQ]));
        return RC_UPSTREAM;
    }
    /* Azure's first chunk is about the prompt only. */
    if (!r->begun && !whole && !body_has_elements(&f[CHUNK_CHOICES]) &&
        f[CHUNK_USAGE].type != JSON_OBJECT)
        return RC_OK;
    TRY(give_begin(r, f));
    TRY(take_choices(r, f, failed));
    return *failed ? RC_OK : give_usage(r, &f[CHUNK_USAGE], &f[CHUNK_GROQ]);
}

enum rc chat_answer(struct slice json, answer_sink *sink, void *arg,
                    struct arena *scratch)
{
    struct chat_reader *r = chat_open(scratch);
    bool failed;

    if (r == NULL)
        return RC_NOMEM;
    r->sink = sink;
    r->arg = arg;
    r->scratch = scratch;
    TRY(take_chunk(r, SLICE_NONE, json, true, &failed));
    if (arena_spent(scratch))
        return RC_NOMEM;
    return failed ? RC_OK : give_end(r);
}

void *chat_open(struct arena *a)
{
    return arena_new(a, struct chat_reader);
}

enum rc chat_event(void *state, const struct wire_event *e, answer_sink *sink,
                   void *arg, struct arena *scratch)
{
    struct chat_reader *r = state;
    r->sink = sink;
    r->arg = arg;
    r->scratch = scratch;
    if (r->failed) /* nothing follows an error */
        return RC_OK;
    if (slice_equal(e->data, SLICE("[DONE]")))
        return r->begun ? give_end(r) : RC_UPSTREAM;
    TRY(take_chunk(r, e->name, e->data, false, &r->failed));
    return arena_spent(scratch) ? RC_NOMEM : RC_OK;
}

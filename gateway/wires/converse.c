/* SPDX-License-Identifier: Apache-2.0 */
/* Converse's answers. A whole answer is told as a stream is: its blocks one after the
 * other. Blocks of text and of reasoning need not be announced in a stream, and empty
 * ones occur: so a part begins with the first thing that is in it. */
#include "gateway/wires/converse.h"

#include "base/codec.h"
#include "gateway/wires/json_body.h"

/* Bedrock passes on what Anthropic's models sign, so it may go to Anthropic too. */
#define SIGNED_BY    "anthropic-claude-v1"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A stream's, or a whole answer's. */
struct reader {
    bool begun;
    bool stopped;
    bool open; /* a part is */
    bool has_text;
    enum part_kind kind; /* of the open part */
    uint64_t block;      /* the block that it is made of */
    unsigned part_count;
};

/* Who is told what is read. */
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

static enum rc tell_begin(const struct teller *t)
{
    struct answer_event e = {.kind = ANSWER_BEGIN};

    if (t->r->begun)
        return RC_OK;
    t->r->begun = true;
    return t->sink(t->arg, &e);
}

static enum rc begin_part(const struct teller *t, enum part_kind kind,
                          struct answer_event *e)
{
    TRY(tell_begin(t));
    if (t->r->stopped)
        return RC_UPSTREAM;
    t->r->open = true;
    t->r->has_text = false;
    t->r->kind = kind;
    t->r->part_count++;
    return tell(t, e, ANSWER_PART);
}

static enum rc end_part(const struct teller *t)
{
    struct answer_event e = {.text = {SLICE("\"{}\"")}};

    if (!t->r->open)
        return RC_OK;
    /* The arguments of a tool that takes none are not sent: they are an object too. */
    if (t->r->kind == PART_TOOL_CALL && !t->r->has_text)
        TRY(tell(t, &e, ANSWER_DELTA));
    e = (struct answer_event){.choice = 0};
    TRY(tell(t, &e, ANSWER_PART_END));
    t->r->open = false;
    return RC_OK;
}

/* What follows belongs to this block: the one before has ended, if nobody said so. */
static enum rc enter_block(const struct teller *t, uint64_t block)
{
    if (t->r->block != block)
        TRY(end_part(t));
    t->r->block = block;
    return RC_OK;
}

/* A part of this kind is open when it returns. */
static enum rc need_part(const struct teller *t, enum part_kind kind)
{
    struct answer_event e = {.choice = 0};

    if (!t->r->open)
        return begin_part(t, kind, &e);
    return t->r->kind == kind ? RC_OK : RC_UPSTREAM;
}

/* ---- What a block or a piece of one holds ---- */

static enum rc take_text(const struct teller *t, enum part_kind kind, struct slice raw)
{
    struct answer_event e = {.text = {raw}};

    if (json_raw_type(raw) != JSON_STRING)
        return raw.len == 0 ? RC_OK : RC_UPSTREAM;
    if (quoted_is_empty(e.text))
        return RC_OK;
    TRY(need_part(t, kind));
    t->r->has_text = true;
    return tell(t, &e, ANSWER_DELTA);
}

static enum rc take_signature(const struct teller *t, struct slice raw)
{
    struct answer_event e = {.text = {raw}, .signed_by = SLICE(SIGNED_BY)};

    if (raw.len == 0 || quoted_is_empty(e.text))
        return RC_OK;
    if (json_raw_type(raw) != JSON_STRING)
        return RC_UPSTREAM;
    TRY(need_part(t, PART_REASONING));
    return tell(t, &e, ANSWER_SIGNATURE);
}

static bool is_ascii(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.bytes[i] < ' ' || s.bytes[i] > '~')
            return false;
    return s.len > 0;
}

/* Bytes in base64; for Anthropic's models they are a text, which has it once only. */
static enum rc take_redacted(const struct teller *t, struct slice raw)
{
    struct answer_event begin = {.is_encrypted = true};
    struct answer_event e = {.signed_by = SLICE(SIGNED_BY), .is_encrypted = true};
    struct slice text, bytes;

    if (raw.len == 0)
        return RC_OK;
    TRY(json_raw_string(&text, raw, t->scratch) == RC_OK ? RC_OK : RC_UPSTREAM);
    if (base64_decode(&bytes, text, t->scratch) != RC_OK || !is_ascii(bytes))
        return arena_spent(t->scratch) ? RC_NOMEM
                                       : RC_OK; /* nobody could send it back */
    if (!t->r->open)
        TRY(begin_part(t, PART_REASONING, &begin));
    e.text = quoted_from(bytes, t->scratch);
    return e.text.json.len == 0 ? RC_NOMEM : tell(t, &e, ANSWER_SIGNATURE);
}

/* {reasoningText: {text, signature}}, in streams {text} or {signature}; or
 * {redactedContent}. */
static enum rc take_reasoning(const struct teller *t, struct slice raw)
{
    static const char *const names[] = {"reasoningText", "text", "signature",
                                        "redactedContent"};
    struct slice v[COUNT(names)];

    json_body_pick(v, names, COUNT(names), raw);
    if (v[0].len > 0)
        json_body_pick(v, names, 3, v[0]);
    TRY(take_text(t, PART_REASONING, v[1]));
    TRY(take_signature(t, v[2]));
    return take_redacted(t, v[3]);
}

static enum rc begin_tool(const struct teller *t, struct slice raw)
{
    static const char *const names[] = {"toolUseId", "name"};
    struct slice v[COUNT(names)];
    struct answer_event e = {.choice = 0};

    json_body_pick(v, names, COUNT(names), raw);
    if (json_raw_string(&e.id, v[0], t->scratch) != RC_OK ||
        json_raw_string(&e.name, v[1], t->scratch) != RC_OK || e.name.len == 0)
        return RC_UPSTREAM;
    TRY(end_part(t));
    return begin_part(t, PART_TOOL_CALL, &e);
}

/* A whole call: its input is an object, which becomes a text. */
static enum rc take_tool(const struct teller *t, struct slice raw)
{
    struct slice input;
    struct answer_event e = {.choice = 0};

    TRY(begin_tool(t, raw));
    if (json_raw_member(&input, raw, "input") != JSON_OBJECT)
        return RC_OK;
    e.text = quoted_from(input, t->scratch);
    if (e.text.json.len == 0)
        return RC_NOMEM;
    t->r->has_text = true;
    return tell(t, &e, ANSWER_DELTA);
}

/* {title, source, sourceContent: [{text}], location: {web: {url}}} */
static enum rc take_citation(const struct teller *t, struct slice raw)
{
    static const char *const names[] = {"title", "sourceContent", "location"};
    struct answer_event e = {.choice = 0};
    struct slice v[COUNT(names)];
    struct slice first, web;
    size_t at = 0;

    json_body_pick(v, names, COUNT(names), raw);
    if (json_raw_type(v[0]) == JSON_STRING)
        e.citation.title.json = v[0];
    if (json_raw_element(&first, v[1], &at) == JSON_OBJECT &&
        json_raw_member(&web, first, "text") == JSON_STRING)
        e.citation.text.json = web;
    if (json_raw_member(&web, v[2], "web") == JSON_OBJECT &&
        json_raw_member(&first, web, "url") == JSON_STRING)
        e.citation.url.json = first;
    TRY(need_part(t, PART_TEXT));
    return tell(t, &e, ANSWER_CITATION);
}

/* {content: [{text}], citations: [..]} */
static enum rc take_cited(const struct teller *t, struct slice raw)
{
    static const char *const names[] = {"content", "citations"};
    struct slice v[COUNT(names)];
    struct slice item, text;
    size_t at = 0;

    json_body_pick(v, names, COUNT(names), raw);
    while (json_raw_element(&item, v[0], &at) != JSON_ABSENT)
        if (json_raw_member(&text, item, "text") == JSON_STRING)
            TRY(take_text(t, PART_TEXT, text));
    at = 0;
    while (json_raw_element(&item, v[1], &at) == JSON_OBJECT)
        TRY(take_citation(t, item));
    return RC_OK;
}

/* One block of a whole answer. */
static enum rc take_block(const struct teller *t, struct slice raw)
{
    static const char *const names[] = {"text", "reasoningContent", "toolUse",
                                        "citationsContent"};
    struct slice v[COUNT(names)];

    json_body_pick(v, names, COUNT(names), raw);
    TRY(take_text(t, PART_TEXT, v[0]));
    if (v[1].len > 0)
        TRY(take_reasoning(t, v[1]));
    if (v[2].len > 0)
        TRY(take_tool(t, v[2]));
    if (v[3].len > 0)
        TRY(take_cited(t, v[3]));
    return end_part(t);
}

/* ---- The end ---- */

static enum rc tell_stop(const struct teller *t, struct slice reason)
{
    static const struct {
        const char *word;
        enum stop_reason stop;
    } reasons[] = {
        {"end_turn", STOP_END},
        {"stop_sequence", STOP_SEQUENCE},
        {"tool_use", STOP_TOOLS},
        {"max_tokens", STOP_LENGTH},
        {"model_context_window_exceeded", STOP_LENGTH},
        {"guardrail_intervened", STOP_FILTER},
        {"content_filtered", STOP_FILTER},
    };
    struct answer_event e = {.kind = ANSWER_STOP, .stop = STOP_END};

    if (t->r->stopped || json_raw_type(reason) != JSON_STRING)
        return RC_UPSTREAM;
    TRY(tell_begin(t));
    TRY(end_part(t));
    t->r->stopped = true;
    for (size_t i = 0; i < COUNT(reasons); i++)
        if (json_body_is(reason, reasons[i].word))
            e.stop = reasons[i].stop;
    return t->sink(t->arg, &e);
}

/* Absent: 0. */
static enum rc read_count(uint64_t *out, struct slice raw)
{
    *out = 0;
    if (raw.len == 0)
        return RC_OK;
    TRY(json_raw_u64(out, raw));
    return *out <= USAGE_TOKENS_MAX ? RC_OK : RC_BAD_INPUT;
}

/* [{inputTokens, ttl}]: how much of what was written stays for an hour. */
static enum rc read_written_1h(uint64_t *out, struct slice details)
{
    static const char *const names[] = {"inputTokens", "ttl"};
    struct slice v[COUNT(names)];
    struct slice item;
    uint64_t count;
    size_t at = 0;

    *out = 0;
    while (json_raw_element(&item, details, &at) == JSON_OBJECT) {
        json_body_pick(v, names, COUNT(names), item);
        TRY(read_count(&count, v[0]));
        if (json_body_is(v[1], "1h"))
            *out += count;
    }
    return RC_OK;
}

static enum usage_tier read_tier(struct slice tier)
{
    struct slice type;

    if (json_raw_member(&type, tier, "type") != JSON_STRING)
        return USAGE_STANDARD;
    if (json_body_is(type, "flex"))
        return USAGE_FLEX;
    return json_body_is(type, "priority") ? USAGE_PRIORITY : USAGE_STANDARD;
}

/* inputTokens are those that no cache had a part in: all counts add up to totalTokens.
 * The second names are older ones. */
static enum rc read_usage(struct usage *out, struct slice usage, struct slice tier)
{
    static const char *const names[] = {
        "inputTokens",           "outputTokens",
        "cacheReadInputTokens",  "cacheReadInputTokenCount",
        "cacheWriteInputTokens", "cacheWriteInputTokenCount",
        "cacheDetails"};
    struct slice v[COUNT(names)];
    struct usage u = {.known = true, .tier = read_tier(tier)};
    uint64_t written;

    json_body_pick(v, names, COUNT(names), usage);
    if (v[0].len == 0 || v[1].len == 0)
        return RC_BAD_INPUT;
    TRY(read_count(&u.in_uncached, v[0]));
    TRY(read_count(&u.out_text, v[1]));
    TRY(read_count(&u.in_cache_read, v[2].len > 0 ? v[2] : v[3]));
    TRY(read_count(&written, v[4].len > 0 ? v[4] : v[5]));
    TRY(read_written_1h(&u.in_cache_write_1h, v[6]));
    if (u.in_cache_write_1h > written)
        return RC_BAD_INPUT;
    u.in_cache_write = written - u.in_cache_write_1h;
    *out = u;
    return RC_OK;
}

/* Nothing is said of a usage that nobody could believe: then it is not known. */
static enum rc tell_usage(const struct teller *t, struct slice usage, struct slice tier)
{
    struct answer_event e = {.kind = ANSWER_USAGE};

    TRY(tell_begin(t));
    if (read_usage(&e.usage, usage, tier) != RC_OK)
        return RC_OK;
    return t->sink(t->arg, &e);
}

static enum rc tell_end(const struct teller *t)
{
    struct answer_event e = {.kind = ANSWER_END};

    return t->r->stopped ? t->sink(t->arg, &e) : RC_UPSTREAM;
}

static enum rc answer(struct slice json, answer_sink *sink, void *arg,
                      struct arena *scratch)
{
    static const char *const names[] = {"output", "stopReason", "usage", "serviceTier"};
    struct reader r = {.begun = false};
    const struct teller t = {&r, sink, arg, scratch};
    struct slice v[COUNT(names)];
    struct slice message, content, block;
    size_t at = 0;

    json_body_pick(v, names, COUNT(names), json);
    if (json_raw_member(&message, v[0], "message") != JSON_OBJECT ||
        json_raw_member(&content, message, "content") != JSON_ARRAY)
        return RC_UPSTREAM;
    TRY(tell_begin(&t));
    while (json_raw_element(&block, content, &at) != JSON_ABSENT)
        TRY(take_block(&t, block));
    TRY(tell_stop(&t, v[1]));
    TRY(tell_usage(&t, v[2], v[3]));
    return tell_end(&t);
}

/* ---- Streams ---- */

static void *open_reader(struct arena *a)
{
    return arena_new(a, struct reader);
}

static enum rc on_block_start(const struct teller *t, struct slice data)
{
    static const char *const names[] = {"contentBlockIndex", "start"};
    struct slice v[COUNT(names)];
    struct slice tool;
    uint64_t block;

    json_body_pick(v, names, COUNT(names), data);
    TRY(read_count(&block, v[0]) == RC_OK ? RC_OK : RC_UPSTREAM);
    TRY(enter_block(t, block));
    if (json_raw_member(&tool, v[1], "toolUse") != JSON_OBJECT)
        return RC_OK;
    return begin_tool(t, tool);
}

static enum rc on_block_delta(const struct teller *t, struct slice data)
{
    static const char *const names[] = {"contentBlockIndex", "delta"};
    static const char *const kinds[] = {"text", "reasoningContent", "toolUse",
                                        "citation"};
    struct slice v[COUNT(names)];
    struct slice d[COUNT(kinds)];
    struct slice input;
    uint64_t block;

    json_body_pick(v, names, COUNT(names), data);
    TRY(read_count(&block, v[0]) == RC_OK ? RC_OK : RC_UPSTREAM);
    TRY(enter_block(t, block));
    json_body_pick(d, kinds, COUNT(kinds), v[1]);
    TRY(take_text(t, PART_TEXT, d[0]));
    if (d[1].len > 0)
        TRY(take_reasoning(t, d[1]));
    if (d[3].len > 0)
        TRY(take_citation(t, d[3]));
    if (d[2].len == 0)
        return RC_OK;
    if (!t->r->open || t->r->kind != PART_TOOL_CALL)
        return RC_UPSTREAM; /* nobody knows which tool */
    if (json_raw_member(&input, d[2], "input") != JSON_STRING)
        return RC_OK;
    return take_text(t, PART_TOOL_CALL, input);
}

static enum rc on_message_stop(const struct teller *t, struct slice data)
{
    struct slice reason;

    if (json_raw_member(&reason, data, "stopReason") != JSON_STRING)
        return RC_UPSTREAM;
    return tell_stop(t, reason);
}

/* The last event. */
static enum rc on_metadata(const struct teller *t, struct slice data)
{
    static const char *const names[] = {"usage", "serviceTier"};
    struct slice v[COUNT(names)];

    json_body_pick(v, names, COUNT(names), data);
    TRY(tell_usage(t, v[0], v[1]));
    return tell_end(t);
}

static enum rc on_exception(const struct teller *t, const struct wire_event *e)
{
    static const struct {
        const char *name;
        unsigned status;
    } known[] = {
        {"internalServerException", 500},     {"modelStreamErrorException", 424},
        {"serviceUnavailableException", 503}, {"throttlingException", 429},
        {"validationException", 400},         {"modelTimeoutException", 408},
    };

    static const char *const names[] = {"message", "Message"};
    struct answer_event error = {.kind = ANSWER_ERROR, .code = e->name};
    struct slice v[COUNT(names)] = {SLICE_NONE};

    for (size_t i = 0; i < COUNT(known); i++)
        if (slice_equal_nocase(e->name, slice_str(known[i].name)))
            error.status = known[i].status;
    if (json_raw_type(e->data) == JSON_OBJECT)
        json_body_pick(v, names, COUNT(names), e->data);
    for (size_t i = 0; i < COUNT(names) && error.text.json.len == 0; i++)
        if (json_raw_type(v[i]) == JSON_STRING)
            error.text.json = v[i];
    return t->sink(t->arg, &error);
}

static enum rc on_event(void *state, const struct wire_event *e, answer_sink *sink,
                        void *arg, struct arena *scratch)
{
    static const struct {
        const char *name;
        enum rc (*take)(const struct teller *t, struct slice data);
    } events[] = {
        {"contentBlockDelta", on_block_delta},
        {"contentBlockStart", on_block_start},
        {"messageStop", on_message_stop},
        {"metadata", on_metadata},
    };
    const struct teller t = {state, sink, arg, scratch};

    if (e->is_exception)
        return on_exception(&t, e);
    for (size_t i = 0; i < COUNT(events); i++)
        if (slice_equal_str(e->name, events[i].name))
            return events[i].take(&t, e->data);
    if (slice_equal_str(e->name, "contentBlockStop"))
        return end_part(&t);
    return slice_equal_str(e->name, "messageStart") ? tell_begin(&t) : RC_OK;
}

const struct wire wire_converse = {
    .name = "converse",
    .signed_by = SIGNED_BY,
    .framing = WIRE_EVENT_STREAM,
    .write = converse__write,
    .answer = answer,
    .open = open_reader,
    .event = on_event,
};

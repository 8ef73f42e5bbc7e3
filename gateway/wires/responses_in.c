/* SPDX-License-Identifier: Apache-2.0 */
/* A vendor's answer, whole or streamed, into events. The terminal event repeats the
 * whole answer; what counts is what was streamed, and of the last event only the usage
 * and how it ended. Items that the vendor runs itself (searches, code, MCP) give
 * nothing but what they cost. */
#include "gateway/wires/chat_words.h"
#include "gateway/wires/json_body.h"
#include "gateway/wires/responses_int.h"

enum {
    SLOTS_MAX = 64 /* parts of items that are not done yet */
};

/* A part of an item that is being streamed, kept until the item is done. */
struct slot {
    bool used, grown, cited, ended;
    enum part_kind kind;
    uint64_t item;    /* output_index */
    uint64_t content; /* content_index of a message */
    uint64_t section; /* REASONING: 0, or what the last text was of */
    unsigned part;
};

struct reader {
    bool begun, over, has_calls;
    unsigned part_count;
    uint64_t search_count;
    struct slot slots[SLOTS_MAX];
};

/* One call of the reader. */
struct call {
    struct reader *r;
    answer_sink *sink;
    void *arg;
    struct arena *scratch;
};

/* ---- Giving ---- */

static struct slice plain(const struct call *c, struct slice raw)
{
    struct slice out;

    if (json_raw_type(raw) != JSON_STRING ||
        quoted_open(&out, (struct quoted){raw}, c->scratch) != RC_OK)
        return SLICE_NONE;
    return out;
}

static struct quoted text_of(struct slice raw)
{
    return (struct quoted){json_raw_type(raw) == JSON_STRING ? raw : SLICE_NONE};
}

static uint64_t index_of(struct slice raw)
{
    uint64_t value;

    return json_raw_u64(&value, raw) == RC_OK ? value : 0;
}

static enum rc begin(const struct call *c, struct slice id, struct slice model)
{
    struct answer_event e = {.kind = ANSWER_BEGIN};

    if (c->r->begun)
        return RC_OK;
    c->r->begun = true;
    e.id = plain(c, id);
    e.model = plain(c, model);
    return c->sink(c->arg, &e);
}

static struct answer_event about(const struct slot *s, enum answer_kind kind)
{
    return (struct answer_event){.kind = kind, .part = s->part, .part_kind = s->kind};
}

static struct slot *find(struct reader *r, uint64_t item, uint64_t content)
{
    for (size_t i = 0; i < SLOTS_MAX; i++)
        if (r->slots[i].used && r->slots[i].item == item &&
            r->slots[i].content == content)
            return &r->slots[i];
    return NULL;
}

/* A part begins; id and name are those of a call. RC_UPSTREAM: too many at once. */
static enum rc open_part(const struct call *c, struct slot **out, struct slot what,
                         struct answer_event e)
{
    TRY(begin(c, SLICE_NONE, SLICE_NONE));
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *s = &c->r->slots[i];

        if (s->used)
            continue;
        *s = what;
        s->used = true;
        s->part = c->r->part_count++;
        *out = s;
        e.kind = ANSWER_PART;
        e.part = s->part;
        e.part_kind = s->kind;
        return c->sink(c->arg, &e);
    }
    return RC_UPSTREAM;
}

static enum rc grow(const struct call *c, struct slot *s, struct quoted text)
{
    struct answer_event e = about(s, ANSWER_DELTA);

    if (s->ended || quoted_is_empty(text))
        return RC_OK;
    s->grown = true;
    e.text = text;
    return c->sink(c->arg, &e);
}

static enum rc end_part(const struct call *c, struct slot *s)
{
    const struct answer_event e = about(s, ANSWER_PART_END);

    if (s->ended)
        return RC_OK;
    s->ended = true;
    return c->sink(c->arg, &e);
}

/* A part of a message, opened when its first sign comes. */
static enum rc content_part(const struct call *c, struct slot **out, struct slot what,
                            struct slice id)
{
    *out = find(c->r, what.item, what.content);
    if (*out != NULL)
        return (*out)->kind == what.kind ? RC_OK : RC_UPSTREAM;
    return open_part(c, out, what, (struct answer_event){.item_id = plain(c, id)});
}

/* Several summaries and texts of one item are one part, a blank line between two.
 * section: never 0. */
static enum rc reason(const struct call *c, uint64_t item, struct slice id,
                      uint64_t section, struct quoted text, bool whole)
{
    struct slot *s = find(c->r, item, 0);

    if (quoted_is_empty(text))
        return RC_OK;
    if (s == NULL)
        TRY(open_part(
            c, &s, (struct slot){.kind = PART_REASONING, .item = item},
            (struct answer_event){.id = plain(c, id), .item_id = plain(c, id)}));
    if (s->kind != PART_REASONING || (whole && s->section == section))
        return RC_OK; /* it was streamed */
    if (s->section != 0 && s->section != section)
        TRY(grow(c, s, (struct quoted){SLICE("\"\\n\\n\"")}));
    s->section = section;
    return grow(c, s, text);
}

/* ---- Items ---- */

enum item_field {
    ITEM_ID,
    ITEM_SUMMARY,
    ITEM_CONTENT,
    ITEM_ENCRYPTED,
    ITEM_TYPE,
    ITEM_CALL_ID,
    ITEM_NAME,
    ITEM_ARGUMENTS,
    ITEM_INPUT,
    ITEM_ACTION,
    ITEM_RESULT,
    ITEM_FORMAT,
    ITEM__COUNT
};

static void pick_item(struct slice v[ITEM__COUNT], struct slice item)
{
    static const char *const names[ITEM__COUNT] = {
        "id",    "summary", "content", "encrypted_content",
        "type",  "call_id", "name",    "arguments",
        "input", "action",  "result",  "output_format"};

    json_body_pick(v, names, ITEM__COUNT, item);
}

static enum rc cite(const struct call *c, struct slot *s, struct slice annotation)
{
    static const char *const names[] = {"type", "url", "title", "start_index",
                                        "end_index"};
    struct answer_event e = about(s, ANSWER_CITATION);
    struct slice v[5];

    json_body_pick(v, names, 5, annotation);
    s->cited = true;
    if (!json_body_is(v[0], "url_citation"))
        return RC_OK;
    e.citation.url = text_of(v[1]);
    e.citation.title = text_of(v[2]);
    e.citation.has_span = json_raw_u64(&e.citation.from, v[3]) == RC_OK &&
                          json_raw_u64(&e.citation.to, v[4]) == RC_OK;
    return c->sink(c->arg, &e);
}

static enum rc give_logprobs(const struct call *c, struct slot *s, struct slice raw)
{
    struct answer_event e = about(s, ANSWER_LOGPROBS);
    struct slice first;
    size_t at = 0;

    if (json_raw_element(&first, raw, &at) == JSON_ABSENT)
        return RC_OK;
    e.raw = raw;
    return c->sink(c->arg, &e);
}

/* A part of a message as it is in the end: gives what has not been streamed of it. */
static enum rc end_content(const struct call *c, uint64_t item, struct slice id,
                           uint64_t content, struct slice part)
{
    static const char *const names[] = {"type", "text", "refusal", "annotations",
                                        "logprobs"};
    struct slice v[5], annotation;
    struct slot *s;
    bool refusal, was_cited;
    size_t at = 0;

    json_body_pick(v, names, 5, part);
    refusal = json_body_is(v[0], "refusal");
    if (!refusal && !json_body_is(v[0], "output_text"))
        return RC_OK;
    TRY(content_part(c, &s,
                     (struct slot){.kind = refusal ? PART_REFUSAL : PART_TEXT,
                                   .item = item,
                                   .content = content},
                     id));
    if (s->ended)
        return RC_OK;
    if (!s->grown) {
        TRY(grow(c, s, text_of(refusal && v[2].len > 0 ? v[2] : v[1])));
        TRY(give_logprobs(c, s, v[4]));
    }
    was_cited = s->cited;
    while (!was_cited && json_raw_element(&annotation, v[3], &at) != JSON_ABSENT)
        TRY(cite(c, s, annotation));
    return end_part(c, s);
}

static enum rc end_message(const struct call *c, uint64_t item, struct slice id,
                           struct slice content)
{
    struct slice part;
    uint64_t index = 0;
    size_t at = 0;

    while (json_raw_element(&part, content, &at) != JSON_ABSENT)
        TRY(end_content(c, item, id, index++, part));
    return RC_OK;
}

static enum rc begin_call(const struct call *c, uint64_t item,
                          const struct slice v[ITEM__COUNT], bool is_custom)
{
    struct slot *s = find(c->r, item, 0);
    const struct answer_event e = {.id = plain(c, v[ITEM_CALL_ID]),
                                   .item_id = plain(c, v[ITEM_ID]),
                                   .name = plain(c, v[ITEM_NAME]),
                                   .is_custom = is_custom};

    if (s != NULL || e.name.len == 0)
        return RC_OK;
    c->r->has_calls = true;
    return open_part(c, &s, (struct slot){.kind = PART_TOOL_CALL, .item = item}, e);
}

static enum rc end_call(const struct call *c, uint64_t item, struct slice input)
{
    struct slot *s = find(c->r, item, 0);

    if (s == NULL || s->kind != PART_TOOL_CALL)
        return RC_OK;
    if (!s->grown)
        TRY(grow(c, s, text_of(input)));
    return end_part(c, s);
}

static enum rc end_texts(const struct call *c, uint64_t item, struct slice id,
                         struct slice texts, uint64_t section)
{
    struct slice element, text;
    size_t at = 0;

    while (json_raw_element(&element, texts, &at) != JSON_ABSENT) {
        if (json_raw_member(&text, element, "text") == JSON_STRING)
            TRY(reason(c, item, id, section, text_of(text), true));
        section += 2;
    }
    return RC_OK;
}

/* The sections of summaries are odd, those of the text itself even. */
static uint64_t section_of(bool is_summary, struct slice index)
{
    const uint64_t i = index_of(index) % (UINT64_MAX / 4);

    return is_summary ? 2 * i + 1 : 2 * i + 2;
}

/* What was streamed of a reasoning item has its end; what has not come at all, comes.
 * An item with neither text nor encrypted content says nothing. */
static enum rc end_reasoning(const struct call *c, uint64_t item, const struct slice *v)
{
    enum {
        ID,
        SUMMARY,
        CONTENT,
        ENCRYPTED
    };
    const struct quoted sealed = text_of(v[ENCRYPTED]);
    struct slot *s = find(c->r, item, 0);

    if (s == NULL) {
        TRY(end_texts(c, item, v[ITEM_ID], v[ITEM_SUMMARY], 1));
        TRY(end_texts(c, item, v[ITEM_ID], v[ITEM_CONTENT], 2));
        s = find(c->r, item, 0);
    }
    if (s == NULL && quoted_is_empty(sealed))
        return RC_OK;
    if (s == NULL)
        TRY(open_part(c, &s, (struct slot){.kind = PART_REASONING, .item = item},
                      (struct answer_event){.id = plain(c, v[ITEM_ID]),
                                            .item_id = plain(c, v[ITEM_ID]),
                                            .is_encrypted = true}));
    if (!quoted_is_empty(sealed)) {
        struct answer_event e = about(s, ANSWER_SIGNATURE);

        e.text = sealed;
        e.signed_by = SLICE(RESPONSES_SIGNED_BY);
        TRY(c->sink(c->arg, &e));
    }
    return end_part(c, s);
}

/* A picture that the model has drawn: base64 in `result`. */
static enum rc give_image(const struct call *c, uint64_t item,
                          const struct slice v[ITEM__COUNT])
{
    const struct slice data = plain(c, v[ITEM_RESULT]), kind = plain(c, v[ITEM_FORMAT]);
    struct answer_event e;
    struct slot *s;

    if (data.len == 0)
        return RC_OK;
    TRY(open_part(c, &s, (struct slot){.kind = PART_IMAGE, .item = item},
                  (struct answer_event){.item_id = plain(c, v[ITEM_ID])}));
    e = about(s, ANSWER_MEDIA);
    e.media.from = MEDIA_INLINE;
    e.media.type = slice_equal_str(kind, "jpeg")   ? SLICE("image/jpeg")
                   : slice_equal_str(kind, "webp") ? SLICE("image/webp")
                                                   : SLICE("image/png");
    e.media.data = data;
    TRY(c->sink(c->arg, &e));
    return end_part(c, s);
}

/* Looking a page up again is no search that costs. */
static bool is_search(struct slice action)
{
    struct slice type;

    return json_raw_member(&type, action, "type") != JSON_STRING ||
           json_body_is(type, "search");
}

static enum rc end_item(const struct call *c, uint64_t index, struct slice item)
{
    struct slice v[ITEM__COUNT];
    bool custom;

    pick_item(v, item);
    custom = json_body_is(v[ITEM_TYPE], "custom_tool_call");
    if (json_body_is(v[ITEM_TYPE], "message"))
        return end_message(c, index, v[ITEM_ID], v[ITEM_CONTENT]);
    if (json_body_is(v[ITEM_TYPE], "reasoning"))
        return end_reasoning(c, index, v);
    if (custom || json_body_is(v[ITEM_TYPE], "function_call")) {
        TRY(begin_call(c, index, v, custom));
        return end_call(c, index, v[custom ? ITEM_INPUT : ITEM_ARGUMENTS]);
    }
    if (json_body_is(v[ITEM_TYPE], "web_search_call"))
        c->r->search_count += is_search(v[ITEM_ACTION]);
    if (json_body_is(v[ITEM_TYPE], "image_generation_call"))
        return give_image(c, index, v);
    return RC_OK;
}

static enum rc item_done(const struct call *c, uint64_t index, struct slice item)
{
    TRY(end_item(c, index, item));
    for (size_t i = 0; i < SLOTS_MAX; i++) {
        struct slot *s = &c->r->slots[i];

        if (!s->used || s->item != index)
            continue;
        TRY(end_part(c, s));
        s->used = false;
    }
    return RC_OK;
}

static enum rc item_added(const struct call *c, uint64_t index, struct slice item)
{
    struct slice v[ITEM__COUNT];

    pick_item(v, item);
    if (json_body_is(v[ITEM_TYPE], "function_call"))
        return begin_call(c, index, v, false);
    if (json_body_is(v[ITEM_TYPE], "custom_tool_call"))
        return begin_call(c, index, v, true);
    return RC_OK;
}

/* ---- The end ---- */

enum response_field {
    RESPONSE_ID,
    RESPONSE_MODEL,
    RESPONSE_STATUS,
    RESPONSE_OUTPUT,
    RESPONSE_USAGE,
    RESPONSE_TIER,
    RESPONSE_INCOMPLETE,
    RESPONSE_ERROR,
    RESPONSE__COUNT
};

static void pick_response(struct slice v[RESPONSE__COUNT], struct slice response)
{
    static const char *const names[RESPONSE__COUNT] = {"id",
                                                       "model",
                                                       "status",
                                                       "output",
                                                       "usage",
                                                       "service_tier",
                                                       "incomplete_details",
                                                       "error"};

    json_body_pick(v, names, RESPONSE__COUNT, response);
}

static enum rc give_usage(const struct call *c, const struct slice v[RESPONSE__COUNT])
{
    struct answer_event e = {.kind = ANSWER_USAGE};

    if (usage_from_responses(&e.usage, v[RESPONSE_USAGE]) != RC_OK)
        return RC_OK;
    e.usage.tier = chat_tier(plain(c, v[RESPONSE_TIER]));
    e.usage.web_searches = c->r->search_count;
    return c->sink(c->arg, &e);
}

static unsigned status_of(struct slice code)
{
    static const struct {
        const char *code;
        unsigned status;
    } table[] = {
        {"rate_limit_exceeded", 429}, {"insufficient_quota", 429},
        {"server_error", 500},        {"context_length_exceeded", 400},
        {"invalid_prompt", 400},      {"invalid_request_error", 400},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (json_body_is(code, table[i].code))
            return table[i].status;
    return 0;
}

static enum rc give_error(const struct call *c, struct slice error)
{
    static const char *const names[] = {"code", "message", "type"};
    struct answer_event e = {.kind = ANSWER_ERROR};
    struct slice v[3];

    json_body_pick(v, names, 3, error);
    e.code = plain(c, v[0].len > 0 ? v[0] : v[2]);
    e.status = status_of(v[0].len > 0 ? v[0] : v[2]);
    e.text = text_of(v[1]);
    c->r->over = true;
    return c->sink(c->arg, &e);
}

static enum rc give_stop(const struct call *c, const struct slice v[RESPONSE__COUNT])
{
    struct answer_event e = {.kind = ANSWER_STOP};
    struct slice reason;

    e.stop = c->r->has_calls ? STOP_TOOLS : STOP_END;
    if (json_body_is(v[RESPONSE_STATUS], "incomplete"))
        e.stop =
            json_raw_member(&reason, v[RESPONSE_INCOMPLETE], "reason") == JSON_STRING &&
                    json_body_is(reason, "content_filter")
                ? STOP_FILTER
                : STOP_LENGTH;
    return c->sink(c->arg, &e);
}

static enum rc finish(const struct call *c, const struct slice v[RESPONSE__COUNT])
{
    const struct answer_event end = {.kind = ANSWER_END};
    uint64_t index = 0;
    struct slice item;
    size_t at = 0;

    TRY(begin(c, v[RESPONSE_ID], v[RESPONSE_MODEL]));
    /* Some compatible servers stream nothing but the end. */
    if (c->r->part_count == 0 && json_raw_type(v[RESPONSE_OUTPUT]) == JSON_ARRAY) {
        c->r->search_count = 0;
        while (json_raw_element(&item, v[RESPONSE_OUTPUT], &at) != JSON_ABSENT)
            TRY(item_done(c, index++, item));
    }
    for (size_t i = 0; i < SLOTS_MAX; i++)
        if (c->r->slots[i].used)
            TRY(end_part(c, &c->r->slots[i]));
    TRY(give_usage(c, v));
    if (json_body_is(v[RESPONSE_STATUS], "failed"))
        return give_error(c, v[RESPONSE_ERROR]);
    TRY(give_stop(c, v));
    c->r->over = true;
    return c->sink(c->arg, &end);
}

enum rc responses__answer(struct slice json, answer_sink *sink, void *arg,
                          struct arena *scratch)
{
    struct reader r = {.begun = false};
    const struct call c = {&r, sink, arg, scratch};
    struct slice v[RESPONSE__COUNT], item;
    uint64_t index = 0;
    size_t at = 0;

    pick_response(v, json);
    if (json_raw_type(v[RESPONSE_OUTPUT]) != JSON_ARRAY ||
        json_body_is(v[RESPONSE_STATUS], "in_progress") ||
        json_body_is(v[RESPONSE_STATUS], "queued"))
        return RC_UPSTREAM;
    TRY(begin(&c, v[RESPONSE_ID], v[RESPONSE_MODEL]));
    while (json_raw_element(&item, v[RESPONSE_OUTPUT], &at) != JSON_ABSENT)
        TRY(item_done(&c, index++, item));
    v[RESPONSE_OUTPUT] = SLICE_NONE;
    return finish(&c, v);
}

/* ---- Streams ---- */

void *responses__open(struct arena *a)
{
    return arena_new(a, struct reader);
}

enum event_field {
    EVENT_TYPE,
    EVENT_OUTPUT_INDEX,
    EVENT_CONTENT_INDEX,
    EVENT_SUMMARY_INDEX,
    EVENT_ITEM_ID,
    EVENT_DELTA,
    EVENT_TEXT,
    EVENT_REFUSAL,
    EVENT_ARGUMENTS,
    EVENT_INPUT,
    EVENT_ITEM,
    EVENT_PART,
    EVENT_ANNOTATION,
    EVENT_LOGPROBS,
    EVENT_RESPONSE,
    EVENT_ERROR,
    EVENT__COUNT
};

typedef enum rc take_fn(const struct call *c, const struct slice v[EVENT__COUNT]);

static uint64_t item_index(const struct slice v[EVENT__COUNT])
{
    return index_of(v[EVENT_OUTPUT_INDEX]);
}

static enum rc take_begin(const struct call *c, const struct slice v[EVENT__COUNT])
{
    struct slice r[RESPONSE__COUNT];

    pick_response(r, v[EVENT_RESPONSE]);
    return begin(c, r[RESPONSE_ID], r[RESPONSE_MODEL]);
}

static enum rc take_item_added(const struct call *c, const struct slice v[EVENT__COUNT])
{
    return item_added(c, item_index(v), v[EVENT_ITEM]);
}

static enum rc take_item_done(const struct call *c, const struct slice v[EVENT__COUNT])
{
    return item_done(c, item_index(v), v[EVENT_ITEM]);
}

/* The part of a message that an event is about. */
static enum rc event_part(const struct call *c, struct slot **out,
                          const struct slice v[EVENT__COUNT], enum part_kind kind)
{
    return content_part(c, out,
                        (struct slot){.kind = kind,
                                      .item = item_index(v),
                                      .content = index_of(v[EVENT_CONTENT_INDEX])},
                        v[EVENT_ITEM_ID]);
}

static enum rc message_delta(const struct call *c, const struct slice v[EVENT__COUNT],
                             enum part_kind kind)
{
    struct slot *s;

    TRY(event_part(c, &s, v, kind));
    TRY(grow(c, s, text_of(v[EVENT_DELTA])));
    return give_logprobs(c, s, v[EVENT_LOGPROBS]);
}

static enum rc take_text(const struct call *c, const struct slice v[EVENT__COUNT])
{
    return message_delta(c, v, PART_TEXT);
}

static enum rc take_refusal(const struct call *c, const struct slice v[EVENT__COUNT])
{
    return message_delta(c, v, PART_REFUSAL);
}

/* The part begins where the vendor says so: an empty one is a part, too. */
static enum rc take_part_added(const struct call *c, const struct slice v[EVENT__COUNT])
{
    struct slice type;
    struct slot *s;
    bool refusal;

    if (json_raw_member(&type, v[EVENT_PART], "type") != JSON_STRING)
        return RC_OK;
    refusal = json_body_is(type, "refusal");
    if (!refusal && !json_body_is(type, "output_text"))
        return RC_OK;
    return event_part(c, &s, v, refusal ? PART_REFUSAL : PART_TEXT);
}

static enum rc take_part_done(const struct call *c, const struct slice v[EVENT__COUNT])
{
    return end_content(c, item_index(v), v[EVENT_ITEM_ID],
                       index_of(v[EVENT_CONTENT_INDEX]), v[EVENT_PART]);
}

static enum rc take_annotation(const struct call *c, const struct slice v[EVENT__COUNT])
{
    struct slot *s;

    TRY(event_part(c, &s, v, PART_TEXT));
    return cite(c, s, v[EVENT_ANNOTATION]);
}

static enum rc take_input(const struct call *c, const struct slice v[EVENT__COUNT])
{
    struct slot *s = find(c->r, item_index(v), 0);

    if (s == NULL || s->kind != PART_TOOL_CALL)
        return RC_OK; /* its name is not known: it comes whole when the item is done */
    return grow(c, s, text_of(v[EVENT_DELTA]));
}

static enum rc take_summary(const struct call *c, const struct slice v[EVENT__COUNT])
{
    return reason(c, item_index(v), v[EVENT_ITEM_ID],
                  section_of(true, v[EVENT_SUMMARY_INDEX]), text_of(v[EVENT_DELTA]),
                  false);
}

static enum rc take_thought(const struct call *c, const struct slice v[EVENT__COUNT])
{
    return reason(c, item_index(v), v[EVENT_ITEM_ID],
                  section_of(false, v[EVENT_CONTENT_INDEX]), text_of(v[EVENT_DELTA]),
                  false);
}

static enum rc take_summary_done(const struct call *c,
                                 const struct slice v[EVENT__COUNT])
{
    return reason(c, item_index(v), v[EVENT_ITEM_ID],
                  section_of(true, v[EVENT_SUMMARY_INDEX]), text_of(v[EVENT_TEXT]),
                  true);
}

static enum rc take_thought_done(const struct call *c,
                                 const struct slice v[EVENT__COUNT])
{
    return reason(c, item_index(v), v[EVENT_ITEM_ID],
                  section_of(false, v[EVENT_CONTENT_INDEX]), text_of(v[EVENT_TEXT]),
                  true);
}

static enum rc take_end(const struct call *c, const struct slice v[EVENT__COUNT])
{
    struct slice r[RESPONSE__COUNT];

    if (json_raw_type(v[EVENT_RESPONSE]) != JSON_OBJECT)
        return RC_UPSTREAM;
    pick_response(r, v[EVENT_RESPONSE]);
    return finish(c, r);
}

static enum rc take_failed(const struct call *c, const struct slice v[EVENT__COUNT])
{
    struct slice r[RESPONSE__COUNT];

    pick_response(r, v[EVENT_RESPONSE]);
    TRY(begin(c, r[RESPONSE_ID], r[RESPONSE_MODEL]));
    TRY(give_usage(c, r));
    return give_error(c, r[RESPONSE_ERROR]);
}

static const struct {
    const char *type;
    take_fn *take;
} takers[] = {
    {"response.output_text.delta", take_text},
    {"response.function_call_arguments.delta", take_input},
    {"response.reasoning_summary_text.delta", take_summary},
    {"response.reasoning_text.delta", take_thought},
    {"response.custom_tool_call_input.delta", take_input},
    {"response.refusal.delta", take_refusal},
    {"response.created", take_begin},
    {"response.queued", take_begin},
    {"response.in_progress", take_begin},
    {"response.output_item.added", take_item_added},
    {"response.output_item.done", take_item_done},
    {"response.content_part.added", take_part_added},
    {"response.content_part.done", take_part_done},
    {"response.output_text.annotation.added", take_annotation},
    {"response.reasoning_summary_text.done", take_summary_done},
    {"response.reasoning_text.done", take_thought_done},
    {"response.completed", take_end},
    {"response.incomplete", take_end},
    {"response.failed", take_failed},
};

enum rc responses__event(void *state, const struct wire_event *e, answer_sink *sink,
                         void *arg, struct arena *scratch)
{
    static const char *const names[EVENT__COUNT] = {
        "type",       "output_index", "content_index", "summary_index",
        "item_id",    "delta",        "text",          "refusal",
        "arguments",  "input",        "item",          "part",
        "annotation", "logprobs",     "response",      "error"};
    struct reader *r = state;
    const struct call c = {r, sink, arg, scratch};
    struct slice v[EVENT__COUNT];

    if (r->over || e->data.len == 0 || json_raw_type(e->data) != JSON_OBJECT)
        return RC_OK;
    json_body_pick(v, names, EVENT__COUNT, e->data);
    if (json_body_is(v[EVENT_TYPE], "error"))
        return give_error(&c, v[EVENT_ERROR].len > 0 ? v[EVENT_ERROR] : e->data);
    for (size_t i = 0; i < sizeof(takers) / sizeof(takers[0]); i++)
        if (json_body_is(v[EVENT_TYPE], takers[i].type))
            return takers[i].take(&c, v);
    return RC_OK;
}

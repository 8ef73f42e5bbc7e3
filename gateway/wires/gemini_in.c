/* SPDX-License-Identifier: Apache-2.0 */
/* Google's answers as events. A stream is a row of GenerateContentResponse objects,
 * each with what is new; there is no terminal event, so an answer has ended when every
 * candidate has said why, or the prompt was blocked. */
#include "gateway/wires/gemini_int.h"
#include "gateway/wires/json_body.h"

#include "base/json_text.h"

#include <string.h>

enum {
    ID_MAX = 28,             /* of the answer's id in those of its calls */
    FRAGMENT_MAX = 16 << 20, /* bytes of arguments in one event */
    SOURCES_MAX = 256        /* of an answer: those behind are not cited */
};

struct candidate {
    bool is_seen, has_stopped, has_called;
    bool is_open; /* a TEXT or REASONING part is */
    enum part_kind kind;
    unsigned part;      /* the open one */
    unsigned part_next; /* number of the next */
    bool is_wide;       /* its text has more bytes than characters */
};

struct gemini_in {
    bool has_begun, is_blocked, has_failed;
    bool per_query; /* searches are charged by the query, not by the request */
    uint64_t searches;
    struct usage usage;
    unsigned call_count;
    char id[ID_MAX + 1];
    struct gemini_args args;
    struct candidate candidates[GEMINI_CHOICES_MAX];
};

/* One event on its way. */
struct pass {
    struct gemini_in *in;
    answer_sink *sink;
    void *arg;
    struct arena *scratch;
};

void *gemini__open(struct arena *a)
{
    return arena_new(a, struct gemini_in);
}

static enum rc give(struct pass *p, const struct answer_event *e)
{
    return p->sink(p->arg, e);
}

/* ---- Parts ---- */

static enum rc close_part(struct pass *p, unsigned choice)
{
    struct candidate *c = &p->in->candidates[choice];

    if (!c->is_open)
        return RC_OK;
    c->is_open = false;
    return give(p, &(struct answer_event){.kind = ANSWER_PART_END,
                                          .choice = choice,
                                          .part = c->part,
                                          .part_kind = c->kind});
}

static enum rc open_part(struct pass *p, unsigned choice, enum part_kind kind)
{
    struct candidate *c = &p->in->candidates[choice];

    if (c->is_open && c->kind == kind)
        return RC_OK;
    TRY(close_part(p, choice));
    c->is_open = true;
    c->kind = kind;
    c->part = c->part_next++;
    return give(p, &(struct answer_event){.kind = ANSWER_PART,
                                          .choice = choice,
                                          .part = c->part,
                                          .part_kind = kind});
}

static bool is_wide(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.bytes[i] >= 0x80 ||
            (text.bytes[i] == '\\' && i + 1 < text.len && text.bytes[i + 1] == 'u'))
            return true;
    return false;
}

/* The signature of a spoken text is let go: Google does not want it back, and no other
 * dialect has a place for it. */
static enum rc take_text(struct pass *p, unsigned choice, struct slice text,
                         bool thought, struct slice signature)
{
    struct candidate *c = &p->in->candidates[choice];
    struct answer_event e = {.choice = choice,
                             .part_kind = thought ? PART_REASONING : PART_TEXT};
    const bool is_signed = thought && json_raw_type(signature) == JSON_STRING;

    if (quoted_is_empty((struct quoted){text}) && !is_signed)
        return RC_OK;
    TRY(open_part(p, choice, e.part_kind));
    e.part = c->part;
    if (!thought)
        c->is_wide |= is_wide(text);
    if (!quoted_is_empty((struct quoted){text})) {
        e.kind = ANSWER_DELTA;
        e.text = (struct quoted){text};
        TRY(give(p, &e));
    }
    if (!is_signed)
        return RC_OK;
    e.kind = ANSWER_SIGNATURE;
    e.text = (struct quoted){signature};
    e.signed_by = SLICE(GEMINI_SIGNED_BY);
    return give(p, &e);
}

/* Without the white space between its values: answers in one piece are laid out. */
static struct slice compact(struct slice json, struct arena *a)
{
    char *out = arena_alloc(a, json.len);
    bool in_string = false;
    size_t len = 0;

    for (size_t i = 0; out != NULL && i < json.len; i++) {
        const char c = json.bytes[i];

        if (!in_string && json_text_is_space(c))
            continue;
        out[len++] = c;
        if (c == '\\' && in_string && i + 1 < json.len)
            out[len++] = json.bytes[++i];
        else if (c == '"')
            in_string = !in_string;
    }
    return slice_from(out, len);
}

enum {
    CALL_NAME,
    CALL_ARGS,
    CALL_ID,
    CALL_PARTIAL,
    CALL_MORE,
    CALL__COUNT
};

static const char *const call_names[CALL__COUNT] = {"name", "args", "id", "partialArgs",
                                                    "willContinue"};

/* An id of our own where there is none: it must not come twice in a conversation, so
 * the answer's is part of it. */
static struct slice mint_id(struct pass *p)
{
    return slice_str(
        arena_printf(p->scratch, "call_%s_%u", p->in->id, p->in->call_count));
}

static enum rc begin_call(struct pass *p, unsigned choice, const struct slice *v,
                          struct slice signature)
{
    struct candidate *c = &p->in->candidates[choice];
    struct answer_event e = {
        .kind = ANSWER_PART, .choice = choice, .part_kind = PART_TOOL_CALL};

    TRY(close_part(p, choice));
    if (json_raw_type(v[CALL_NAME]) != JSON_STRING ||
        quoted_is_empty((struct quoted){v[CALL_NAME]}))
        return RC_UPSTREAM;
    TRY(quoted_open(&e.name, (struct quoted){v[CALL_NAME]}, p->scratch));
    if (json_raw_type(v[CALL_ID]) == JSON_STRING)
        TRY(quoted_open(&e.id, (struct quoted){v[CALL_ID]}, p->scratch));
    if (e.id.len == 0)
        e.id = mint_id(p);
    p->in->call_count++;
    c->has_called = true;
    e.part = c->part_next++;
    TRY(give(p, &e));
    if (json_raw_type(signature) != JSON_STRING)
        return RC_OK;
    e.kind = ANSWER_SIGNATURE;
    e.text = (struct quoted){signature};
    e.signed_by = SLICE(GEMINI_SIGNED_BY);
    return give(p, &e);
}

static enum rc give_fragment(struct pass *p, unsigned choice, unsigned part,
                             struct slice text)
{
    struct answer_event e = {.kind = ANSWER_DELTA,
                             .choice = choice,
                             .part = part,
                             .part_kind = PART_TOOL_CALL};

    if (text.len == 0)
        return RC_OK;
    e.text = quoted_from(text, p->scratch);
    return e.text.json.len == 0 ? RC_NOMEM : give(p, &e);
}

static enum rc end_call(struct pass *p, unsigned choice, unsigned part)
{
    return give(p, &(struct answer_event){.kind = ANSWER_PART_END,
                                          .choice = choice,
                                          .part = part,
                                          .part_kind = PART_TOOL_CALL});
}

/* Pieces of arguments; *end: the last ones. */
static enum rc take_pieces(struct pass *p, struct slice pieces, bool end)
{
    struct gemini_args *s = &p->in->args;
    const unsigned choice = s->choice, part = s->part;
    struct slice item;
    size_t at = 0;
    struct buf b;
    enum rc rc = RC_OK;

    buf_init(&b, FRAGMENT_MAX);
    while (rc == RC_OK && json_raw_element(&item, pieces, &at) != JSON_ABSENT)
        rc = gemini__args_add(s, &b, item, p->scratch);
    if (rc == RC_OK && end)
        gemini__args_end(s, &b);
    if (rc == RC_OK)
        rc = buf_spent(&b) ? RC_NOMEM : give_fragment(p, choice, part, buf_slice(&b));
    buf_free(&b);
    TRY(rc);
    return end ? end_call(p, choice, part) : RC_OK;
}

/* A call whose pieces have ended without saying so. */
static enum rc finish_args(struct pass *p)
{
    return p->in->args.is_open ? take_pieces(p, SLICE_NONE, true) : RC_OK;
}

static enum rc take_call(struct pass *p, unsigned choice, struct slice call,
                         struct slice signature)
{
    struct gemini_in *in = p->in;
    struct slice v[CALL__COUNT];
    bool more;

    json_body_pick(v, call_names, CALL__COUNT, call);
    more = json_raw_type(v[CALL_MORE]) == JSON_TRUE;
    if (v[CALL_NAME].len == 0 && in->args.is_open)
        return take_pieces(p, v[CALL_PARTIAL], !more);
    TRY(finish_args(p));
    TRY(begin_call(p, choice, v, signature));
    if (more || v[CALL_PARTIAL].len > 0) {
        in->args.is_open = true;
        in->args.choice = choice;
        in->args.part = in->candidates[choice].part_next - 1;
        return take_pieces(p, v[CALL_PARTIAL], !more);
    }
    if (v[CALL_ARGS].len > 0 && json_raw_type(v[CALL_ARGS]) != JSON_OBJECT)
        return RC_UPSTREAM;
    TRY(give_fragment(p, choice, in->candidates[choice].part_next - 1,
                      v[CALL_ARGS].len > 0 ? compact(v[CALL_ARGS], p->scratch)
                                           : SLICE("{}")));
    return end_call(p, choice, in->candidates[choice].part_next - 1);
}

static enum rc take_media(struct pass *p, unsigned choice, struct slice raw)
{
    static const char *const names[] = {"mimeType", "data"};
    struct answer_event e = {.choice = choice};
    struct slice v[2];

    json_body_pick(v, names, 2, raw);
    if (json_raw_type(v[0]) != JSON_STRING || json_raw_type(v[1]) != JSON_STRING)
        return RC_UPSTREAM;
    e.media.from = MEDIA_INLINE;
    TRY(quoted_open(&e.media.type, (struct quoted){v[0]}, p->scratch));
    TRY(quoted_open(&e.media.data, (struct quoted){v[1]}, p->scratch));
    TRY(close_part(p, choice));
    e.part_kind = slice_starts(e.media.type, SLICE("audio/")) ? PART_AUDIO : PART_IMAGE;
    e.part = p->in->candidates[choice].part_next++;
    e.kind = ANSWER_PART;
    TRY(give(p, &e));
    e.kind = ANSWER_MEDIA;
    TRY(give(p, &e));
    e.kind = ANSWER_PART_END;
    return give(p, &e);
}

enum {
    PART_TEXT_AT,
    PART_THOUGHT_AT,
    PART_SIGNATURE_AT,
    PART_CALL_AT,
    PART_INLINE_AT,
    PART__COUNT
};

/* Code that Google ran itself, and parts of kinds to come, give nothing. */
static enum rc take_part(struct pass *p, unsigned choice, struct slice raw)
{
    static const char *const names[PART__COUNT] = {
        "text", "thought", "thoughtSignature", "functionCall", "inlineData"};
    struct slice v[PART__COUNT];

    json_body_pick(v, names, PART__COUNT, raw);
    if (json_raw_type(v[PART_CALL_AT]) == JSON_OBJECT)
        return take_call(p, choice, v[PART_CALL_AT], v[PART_SIGNATURE_AT]);
    if (json_raw_type(v[PART_INLINE_AT]) == JSON_OBJECT)
        return take_media(p, choice, v[PART_INLINE_AT]);
    if (json_raw_type(v[PART_TEXT_AT]) != JSON_STRING)
        return RC_OK;
    return take_text(p, choice, v[PART_TEXT_AT],
                     json_raw_type(v[PART_THOUGHT_AT]) == JSON_TRUE,
                     v[PART_SIGNATURE_AT]);
}

/* ---- What stands beside the parts ---- */

static struct slice element_at(struct slice array, uint64_t index)
{
    struct slice item;
    size_t at = 0;

    while (json_raw_element(&item, array, &at) != JSON_ABSENT)
        if (index-- == 0)
            return item;
    return SLICE_NONE;
}

static bool fill_citation(struct citation *c, struct slice chunk)
{
    static const char *const names[] = {"uri", "title"};
    struct slice web, v[2];

    if (json_raw_member(&web, chunk, "web") != JSON_OBJECT)
        return false;
    json_body_pick(v, names, 2, web);
    if (json_raw_type(v[0]) != JSON_STRING)
        return false;
    c->url = (struct quoted){v[0]};
    if (json_raw_type(v[1]) == JSON_STRING)
        c->title = (struct quoted){v[1]};
    return true;
}

/* {"segment":{"startIndex":0,"endIndex":5,"text":".."},"groundingChunkIndices":[0]}.
 * Google counts bytes; where they are characters as well, the span is told. */
static enum rc take_support(struct pass *p, struct answer_event *e, struct slice chunks,
                            struct slice support)
{
    static const char *const names[] = {"segment", "groundingChunkIndices"};
    static const char *const span[] = {"startIndex", "endIndex", "text"};
    const struct candidate *c = &p->in->candidates[e->choice];
    struct slice v[2], s[3], item;
    uint64_t index;
    size_t at = 0;

    json_body_pick(v, names, 2, support);
    json_body_pick(s, span, 3, v[0]);
    while (json_raw_element(&item, v[1], &at) != JSON_ABSENT) {
        e->citation = (struct citation){.has_span = false};
        if (json_raw_u64(&index, item) != RC_OK || index >= SOURCES_MAX ||
            !fill_citation(&e->citation, element_at(chunks, index)))
            continue;
        if (json_raw_type(s[2]) == JSON_STRING)
            e->citation.text = (struct quoted){s[2]};
        if (!c->is_wide && json_raw_u64(&e->citation.to, s[1]) == RC_OK)
            e->citation.has_span =
                s[0].len == 0 || json_raw_u64(&e->citation.from, s[0]) == RC_OK;
        TRY(give(p, e));
    }
    return RC_OK;
}

static void count_searches(struct gemini_in *in, struct slice queries)
{
    struct slice item;
    uint64_t n = 0;
    size_t at = 0;

    while (json_raw_element(&item, queries, &at) != JSON_ABSENT)
        n++;
    if (!in->per_query && n > 1)
        n = 1;
    if (n > in->searches)
        in->searches = n;
}

static enum rc take_grounding(struct pass *p, unsigned choice, struct slice raw)
{
    static const char *const names[] = {"groundingChunks", "groundingSupports",
                                        "webSearchQueries"};
    const struct candidate *c = &p->in->candidates[choice];
    struct answer_event e = {.kind = ANSWER_CITATION,
                             .choice = choice,
                             .part = c->part,
                             .part_kind = PART_TEXT};
    struct slice v[3], item;
    size_t at = 0;

    json_body_pick(v, names, 3, raw);
    count_searches(p->in, v[2]);
    if (!c->is_open || c->kind != PART_TEXT)
        return RC_OK;
    if (v[1].len > 0) {
        while (json_raw_element(&item, v[1], &at) != JSON_ABSENT)
            TRY(take_support(p, &e, v[0], item));
        return RC_OK;
    }
    while (json_raw_element(&item, v[0], &at) != JSON_ABSENT) {
        e.citation = (struct citation){.has_span = false};
        if (fill_citation(&e.citation, item))
            TRY(give(p, &e));
    }
    return RC_OK;
}

static void put_token(struct buf *b, struct slice token)
{
    static const char *const names[] = {"token", "logProbability"};
    struct slice v[2];

    json_body_pick(v, names, 2, token);
    buf_append_str(b, "{\"token\":");
    buf_append(b, json_raw_type(v[0]) == JSON_STRING ? v[0] : SLICE("\"\""));
    buf_append_str(b, ",\"logprob\":");
    buf_append(b, json_raw_type(v[1]) == JSON_NUMBER ? v[1] : SLICE("0"));
    buf_append_str(b, ",\"bytes\":null");
}

/* logprobsResult in the form of chat's logprobs.content. */
static enum rc take_logprobs(struct pass *p, unsigned choice, struct slice raw)
{
    static const char *const names[] = {"chosenCandidates", "topCandidates"};
    const struct candidate *c = &p->in->candidates[choice];
    struct answer_event e = {.kind = ANSWER_LOGPROBS,
                             .choice = choice,
                             .part = c->part,
                             .part_kind = PART_TEXT};
    struct slice v[2], chosen, top, list, item;
    size_t at = 0, top_at = 0;
    struct buf b;
    enum rc rc;

    json_body_pick(v, names, 2, raw);
    if (json_raw_type(v[0]) != JSON_ARRAY || !c->is_open || c->kind != PART_TEXT)
        return RC_OK;
    buf_init(&b, FRAGMENT_MAX);
    while (json_raw_element(&chosen, v[0], &at) != JSON_ABSENT) {
        size_t next = 0;
        bool any = false;

        buf_append_char(&b, buf_len(&b) == 0 ? '[' : ',');
        put_token(&b, chosen);
        buf_append_str(&b, ",\"top_logprobs\":[");
        if (json_raw_element(&top, v[1], &top_at) == JSON_OBJECT &&
            json_raw_member(&list, top, "candidates") == JSON_ARRAY)
            while (json_raw_element(&item, list, &next) != JSON_ABSENT) {
                if (any)
                    buf_append_char(&b, ',');
                any = true;
                put_token(&b, item);
                buf_append_char(&b, '}');
            }
        buf_append_str(&b, "]}");
    }
    buf_append_char(&b, ']');
    e.raw = buf_slice(&b);
    rc = buf_spent(&b) || buf_len(&b) < 3 ? RC_OK : give(p, &e);
    buf_free(&b);
    return rc;
}

/* ---- Ends ---- */

static enum stop_reason stop_of(struct slice reason, bool has_called)
{
    static const char *const plain[] = {"STOP", "FINISH_REASON_UNSPECIFIED"};

    if (json_body_is(reason, "MAX_TOKENS"))
        return STOP_LENGTH;
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (json_body_is(reason, plain[i]))
            return has_called ? STOP_TOOLS : STOP_END;
    /* Filters of many kinds, and answers that the vendor threw away: there is a bill
     * for all of them, and nobody may take what came for a whole answer. */
    return STOP_FILTER;
}

static enum rc take_stop(struct pass *p, unsigned choice, struct slice reason,
                         struct slice message)
{
    struct candidate *c = &p->in->candidates[choice];
    struct answer_event e = {.kind = ANSWER_STOP, .choice = choice};

    if (c->has_stopped || json_raw_type(reason) != JSON_STRING)
        return RC_OK;
    if (p->in->args.is_open && p->in->args.choice == choice)
        TRY(finish_args(p));
    TRY(close_part(p, choice));
    c->has_stopped = true;
    e.stop = stop_of(reason, c->has_called);
    if (e.stop == STOP_FILTER)
        e.stop_text =
            (struct quoted){json_raw_type(message) == JSON_STRING ? message : reason};
    return give(p, &e);
}

enum {
    CANDIDATE_INDEX,
    CANDIDATE_CONTENT,
    CANDIDATE_GROUNDING,
    CANDIDATE_LOGPROBS,
    CANDIDATE_FINISH,
    CANDIDATE_MESSAGE,
    CANDIDATE__COUNT
};

static enum rc take_candidate(struct pass *p, struct slice raw)
{
    static const char *const names[CANDIDATE__COUNT] = {
        "index",          "content",      "groundingMetadata",
        "logprobsResult", "finishReason", "finishMessage"};
    struct slice v[CANDIDATE__COUNT], parts, part;
    uint64_t index = 0;
    unsigned choice;
    size_t at = 0;

    json_body_pick(v, names, CANDIDATE__COUNT, raw);
    if (v[CANDIDATE_INDEX].len > 0 &&
        (json_raw_u64(&index, v[CANDIDATE_INDEX]) != RC_OK ||
         index >= GEMINI_CHOICES_MAX))
        return RC_UPSTREAM;
    choice = (unsigned)index;
    p->in->candidates[choice].is_seen = true;
    if (p->in->candidates[choice].has_stopped)
        return RC_OK; /* nothing comes behind an end */
    if (json_raw_member(&parts, v[CANDIDATE_CONTENT], "parts") == JSON_ARRAY)
        while (json_raw_element(&part, parts, &at) != JSON_ABSENT)
            TRY(take_part(p, choice, part));
    if (json_raw_type(v[CANDIDATE_GROUNDING]) == JSON_OBJECT)
        TRY(take_grounding(p, choice, v[CANDIDATE_GROUNDING]));
    if (json_raw_type(v[CANDIDATE_LOGPROBS]) == JSON_OBJECT)
        TRY(take_logprobs(p, choice, v[CANDIDATE_LOGPROBS]));
    return take_stop(p, choice, v[CANDIDATE_FINISH], v[CANDIDATE_MESSAGE]);
}

static enum rc take_block(struct pass *p, struct slice feedback)
{
    static const char *const names[] = {"blockReason", "blockReasonMessage"};
    struct slice v[2];

    json_body_pick(v, names, 2, feedback);
    if (json_raw_type(v[0]) != JSON_STRING || p->in->is_blocked)
        return RC_OK;
    p->in->is_blocked = true;
    if (p->in->candidates[0].has_stopped)
        return RC_OK;
    p->in->candidates[0].is_seen = true;
    return take_stop(p, 0, v[0], v[1]);
}

/* ---- Responses ---- */

enum {
    RESPONSE_CANDIDATES,
    RESPONSE_USAGE,
    RESPONSE_MODEL,
    RESPONSE_ID,
    RESPONSE_FEEDBACK,
    RESPONSE_ERROR,
    RESPONSE__COUNT
};

/* Letters of the answer's id that may stand in a call's. */
static void keep_id(struct gemini_in *in, struct slice id)
{
    size_t len = 0;

    for (size_t i = 0; i < id.len && len < ID_MAX; i++) {
        const char c = id.bytes[i];

        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            (c >= '0' && c <= '9') || c == '-' || c == '_')
            in->id[len++] = c;
    }
    in->id[len] = '\0';
}

static enum rc begin(struct pass *p, const struct slice *v)
{
    struct answer_event e = {.kind = ANSWER_BEGIN};

    if (p->in->has_begun)
        return RC_OK;
    p->in->has_begun = true;
    if (json_raw_type(v[RESPONSE_MODEL]) == JSON_STRING)
        TRY(quoted_open(&e.model, (struct quoted){v[RESPONSE_MODEL]}, p->scratch));
    if (json_raw_type(v[RESPONSE_ID]) == JSON_STRING)
        TRY(quoted_open(&e.id, (struct quoted){v[RESPONSE_ID]}, p->scratch));
    keep_id(p->in, e.id);
    p->in->per_query = !slice_starts(e.model, SLICE("gemini-2")) &&
                       !slice_starts(e.model, SLICE("gemini-1"));
    return give(p, &e);
}

static enum rc take_error(struct pass *p, struct slice error)
{
    static const char *const names[] = {"code", "message", "status"};
    struct answer_event e = {.kind = ANSWER_ERROR};
    struct slice v[3];
    uint64_t status;

    json_body_pick(v, names, 3, error);
    if (json_raw_u64(&status, v[0]) == RC_OK && status >= 400 && status <= 599)
        e.status = (unsigned)status;
    if (json_raw_type(v[1]) == JSON_STRING)
        e.text = (struct quoted){v[1]};
    if (json_raw_type(v[2]) == JSON_STRING)
        TRY(quoted_open(&e.code, (struct quoted){v[2]}, p->scratch));
    p->in->has_failed = true;
    return give(p, &e);
}

static enum rc take_usage(struct pass *p, struct slice raw)
{
    struct answer_event e = {.kind = ANSWER_USAGE};

    if (json_raw_type(raw) != JSON_OBJECT || gemini__usage(&p->in->usage, raw) != RC_OK)
        return RC_OK; /* the one before still counts */
    p->in->usage.web_searches = p->in->searches;
    e.usage = p->in->usage;
    return give(p, &e);
}

static enum rc take_response(struct pass *p, struct slice json)
{
    static const char *const names[RESPONSE__COUNT] = {
        "candidates", "usageMetadata",  "modelVersion",
        "responseId", "promptFeedback", "error"};
    struct slice v[RESPONSE__COUNT], item;
    size_t at = 0;

    if (p->in->has_failed)
        return RC_OK;
    json_body_pick(v, names, RESPONSE__COUNT, json);
    if (json_raw_type(v[RESPONSE_ERROR]) == JSON_OBJECT)
        return take_error(p, v[RESPONSE_ERROR]);
    if (v[RESPONSE_CANDIDATES].len == 0 && v[RESPONSE_USAGE].len == 0 &&
        v[RESPONSE_FEEDBACK].len == 0)
        return RC_OK;
    TRY(begin(p, v));
    while (json_raw_element(&item, v[RESPONSE_CANDIDATES], &at) != JSON_ABSENT)
        TRY(take_candidate(p, item));
    if (json_raw_type(v[RESPONSE_FEEDBACK]) == JSON_OBJECT)
        TRY(take_block(p, v[RESPONSE_FEEDBACK]));
    TRY(take_usage(p, v[RESPONSE_USAGE]));
    return RC_OK;
}

enum rc gemini__event(void *state, const struct wire_event *e, answer_sink *sink,
                      void *arg, struct arena *scratch)
{
    struct pass p = {state, sink, arg, scratch};

    if (json_raw_type(e->data) != JSON_OBJECT)
        return RC_UPSTREAM;
    return take_response(&p, e->data);
}

enum rc gemini__ended(void *state, answer_sink *sink, void *arg)
{
    const struct gemini_in *in = state;
    bool any = false;

    if (in->has_failed)
        return RC_OK;
    for (size_t i = 0; i < GEMINI_CHOICES_MAX; i++) {
        if (in->candidates[i].is_seen && !in->candidates[i].has_stopped)
            return RC_OK; /* cut off */
        any |= in->candidates[i].is_seen;
    }
    return any ? sink(arg, &(struct answer_event){.kind = ANSWER_END}) : RC_OK;
}

enum rc gemini__answer(struct slice json, answer_sink *sink, void *arg,
                       struct arena *scratch)
{
    struct gemini_in *in = gemini__open(scratch);
    struct pass p = {in, sink, arg, scratch};
    bool whole = false;

    if (in == NULL)
        return RC_NOMEM;
    TRY(take_response(&p, json));
    for (size_t i = 0; i < GEMINI_CHOICES_MAX; i++) {
        if (in->candidates[i].is_seen && !in->candidates[i].has_stopped)
            return RC_UPSTREAM;
        whole |= in->candidates[i].is_seen;
    }
    if (!whole && !in->has_failed)
        return RC_UPSTREAM;
    return gemini__ended(in, sink, arg);
}

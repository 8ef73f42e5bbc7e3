/* SPDX-License-Identifier: Apache-2.0 */
/* The answer of a model call: what it used, what it costs, and a whole one on its way
 * to the client. model_stream.c has the streamed half. */
#include "gateway/model_int.h"

#include "base/clock.h"
#include "gateway/media.h"
#include "gateway/model_bond.h"

#include <string.h>

enum {
    SCRATCH_MAX = 64 << 20
};

/* ---- Events ---- */

static void count(struct model_call *m, uint64_t bytes)
{
    m->text_bytes += bytes;
    m->text_pieces += bytes > 0;
}

enum rc model__take(void *arg, const struct answer_event *e)
{
    struct request *r = arg;
    struct model_call *m = r->api_state;

    switch (e->kind) {
    case ANSWER_BEGIN:
        model__note_made(r, e);
        m->now |= MODEL_NOW_BEGIN;
        break;
    case ANSWER_PART:
        model__note_made(r, e);
        count(m, e->name.len);
        m->now |= MODEL_NOW_CONTENT;
        break;
    case ANSWER_DELTA:
        count(m, quoted_inside(e->text).len);
        m->now |= MODEL_NOW_CONTENT;
        break;
    case ANSWER_SIGNATURE:
    case ANSWER_CITATION:
    case ANSWER_LOGPROBS:
    case ANSWER_PART_END:
        m->now |= MODEL_NOW_CONTENT;
        break;
    case ANSWER_MEDIA:
        if (!media_is_clean(&e->media))
            return RC_UPSTREAM; /* writers put it between quotes */
        m->now |= MODEL_NOW_CONTENT;
        break;
    case ANSWER_STOP:
        m->stops++;
        m->now |= MODEL_NOW_STOP;
        break;
    case ANSWER_USAGE: /* the last believable report counts */
        m->usage = e->usage;
        m->now |= MODEL_NOW_USAGE;
        break;
    case ANSWER_END:
        m->done = true;
        m->now |= MODEL_NOW_END;
        break;
    case ANSWER_ERROR:
        m->failed = true;
        m->stream_rc = e->status == 429 ? RC_UPSTREAM_RATE : RC_UPSTREAM;
        return RC_OK; /* told in our words: the vendor's may say anything */
    }
    if (m->writer != NULL)
        m->wire->out_event(m->writer, &m->out, e);
    return RC_OK;
}

static void close_writer(struct model_call *m)
{
    if (m->writer != NULL && m->wire->out_close != NULL)
        m->wire->out_close(m->writer);
    m->writer = NULL;
}

void model__reset_answer(struct model_call *m)
{
    m->usage = (struct usage){0};
    m->text_bytes = 0;
    m->text_pieces = 0;
    m->stops = 0;
    if (m->bond != NULL)
        m->bond->made_count = 0;
    m->has_content = false;
    m->failed = false;
    m->done = false;
    m->stream_rc = RC_OK;
    m->content_type[0] = '\0';
    buf_reset(&m->plain);
    buf_reset(&m->out);
    buf_reset(&m->lead);
    m->kept_count = 0;
    if (m->framing_open && m->framing == WIRE_SSE)
        sse_reader_free(&m->sse);
    else if (m->framing_open)
        event_stream_reader_free(&m->frames);
    m->framing_open = false;
    m->reader = NULL;
    close_writer(m);
    if (m->answer_memory != NULL)
        arena_reset(m->answer_memory);
}

enum rc model__open_memory(struct model_call *m)
{
    return m->answer_memory != NULL ? RC_OK
                                    : arena_open(&m->answer_memory, SCRATCH_MAX);
}

enum rc model__open_writer(struct request *r)
{
    struct model_call *m = r->api_state;
    const struct wire_answer w = {
        .stream = m->stream,
        .json_array = m->stream && m->ask->reframed,
        .usage_asked = m->usage_asked,
        .cost_as_number = m->cost_as_number,
        .model = r->quote.subject,
        .id = r->id_text,
        .created_s = clock_wall_us() / 1000000,
        .reasoning_shown = m->talk != NULL && m->talk->reasoning_shown,
        .asked = m->talk,
    };

    if (m->is_short || m->op != PROVIDER_CHAT)
        return RC_OK;
    TRY(model__open_memory(m));
    m->writer = m->wire->out_open(&w, m->answer_memory);
    return m->writer != NULL ? RC_OK : RC_NOMEM;
}

bool model__writer_failed(const struct request *r)
{
    const struct model_call *m = r->api_state;

    return m->writer != NULL && (buf_spent(&m->out) || arena_spent(m->answer_memory));
}

void model__tell_losses(struct request *r)
{
    const struct model_call *m = r->api_state;
    struct buf b;

    if (m->lost.count == 0)
        return;
    buf_init(&b, 1024);
    losses_print(&b, &m->lost);
    request_header(r, "x-octroi-dropped", buf_slice(&b));
    buf_free(&b);
}

void model__put_usage(struct buf *out, const struct model_call *m, struct slice usage,
                      struct money cost)
{
    char text[MONEY_TEXT_SIZE];
    struct slice key, value;
    size_t at = 0;

    buf_append_char(out, '{');
    while (json_raw_next(&key, &value, usage, &at) != JSON_ABSENT) {
        if (slice_equal(key, SLICE("\"cost\"")))
            continue;
        buf_append(out, key);
        buf_append_char(out, ':');
        buf_append(out, value);
        buf_append_char(out, ',');
    }
    money_print(text, cost);
    buf_printf(out, m->cost_as_number ? "\"cost\":%s}" : "\"cost\":\"%s\"}", text);
}

/* ---- The head ---- */

static bool is_stream_type(const struct model_call *m, struct slice type)
{
    if (type.len == 0)
        return true;
    switch (m->up_wire->framing) {
    case WIRE_SSE:
        return slice_starts_nocase(type, SLICE("text/event-stream"));
    case WIRE_EVENT_STREAM:
        return slice_starts_nocase(type, SLICE("application/vnd.amazon.eventstream"));
    }
    return false;
}

bool model_call_head(struct request *r, unsigned status,
                     const struct http_header *headers, size_t count)
{
    struct model_call *m = r->api_state;
    struct slice type = SLICE_NONE;

    for (size_t i = 0; i < count; i++) {
        if (slice_equal_nocase(headers[i].name, SLICE("content-type")))
            type = headers[i].value;
        if (slice_equal_nocase(headers[i].name, SLICE("content-encoding")) &&
            !slice_equal_nocase(slice_trim(headers[i].value), SLICE("identity")))
            return false; /* we asked for none: garbage */
    }
    if (status < 200 || status > 299)
        return false;
    if (slice_to_cstr(m->content_type, sizeof(m->content_type), type) != RC_OK)
        m->content_type[0] = '\0';
    if (model__open_writer(r) != RC_OK)
        return false;
    if (!m->up_stream)
        return true;
    /* A body that is no stream, where one was asked for, is an error with a 200 on it.
     */
    return is_stream_type(m, type) && model__stream_open(r) == RC_OK;
}

enum upstream_take model_call_data(struct request *r, struct slice bytes)
{
    struct model_call *m = r->api_state;

    if (m->up_stream)
        return model__stream_data(r, bytes);
    buf_append(&m->plain, bytes);
    return buf_spent(&m->plain) ? UPSTREAM_STOP : UPSTREAM_TOOK;
}

/* ---- A whole answer ---- */

static enum rc take_embeddings(struct request *r, struct slice body,
                               struct arena *scratch)
{
    struct model_call *m = r->api_state;
    const struct provider_embed *embed = m->target->provider->adapter->embed;
    const struct json_field *format = model_call_field(m, "encoding_format");
    struct slice usage;
    enum rc rc;

    if (embed == NULL) {
        if (json_raw_member(&usage, body, "usage") == JSON_OBJECT)
            (void)!usage_from_openai(&m->usage, usage);
        return RC_OK;
    }
    buf_reset(&m->out);
    rc = embed->answer(&m->out, &m->usage, body, r->quote.subject,
                       slice_equal(format->raw, SLICE("\"base64\"")), scratch);
    return rc == RC_OK && buf_spent(&m->out) ? RC_UPSTREAM : rc;
}

/* On the short way an answer passes even if it is odd: then its usage is estimated. */
static enum rc take_whole(struct request *r, struct slice body, struct arena *scratch)
{
    struct model_call *m = r->api_state;
    enum rc rc;

    switch (m->op) {
    case PROVIDER_COUNT_TOKENS:
        return RC_OK;
    case PROVIDER_EMBEDDINGS:
        return take_embeddings(r, body, scratch);
    case PROVIDER_CHAT:
        break;
    }
    rc = m->up_wire->answer(body, model__take, r, scratch);
    if (m->failed) {
        m->done = false;
        return m->stream_rc;
    }
    if (!m->is_short && (rc != RC_OK || !m->done || model__writer_failed(r)))
        return RC_UPSTREAM;
    return RC_OK;
}

enum rc model_call_complete(struct request *r)
{
    struct model_call *m = r->api_state;
    struct json_field error = {.name = "error"};
    struct json_limits limits = {.containers = 1000000, .keys = 4000000};
    struct slice body = buf_slice(&m->plain);
    struct arena *scratch;
    enum rc rc;

    if (m->up_stream)
        return model__stream_complete(r);
    TRY(arena_open(&scratch, SCRATCH_MAX));
    rc = json_guard(body, &limits, &error, 1, NULL, scratch);
    if (rc != RC_OK || error.type == JSON_OBJECT || error.type == JSON_STRING)
        rc = RC_UPSTREAM; /* garbage, or an error with a 200 on it */
    if (rc == RC_OK)
        rc = take_whole(r, body, scratch);
    arena_close(scratch);
    return rc;
}

/* ---- Cost ---- */

static void describe(struct request *r, struct wallet_call *call, const struct usage *u)
{
    const struct model_call *m = r->api_state;

    call->model = r->quote.subject;
    call->target = slice_str(
        arena_printf(r->arena, "%s/%s", m->target->provider->name, m->target->model));
    call->price_version = slice_str(m->price->version);
    call->prompt_tokens = usage_prompt(u);
    call->cached_tokens = u->in_cache_read;
    call->cache_write_tokens = u->in_cache_write + u->in_cache_write_1h;
    call->completion_tokens = usage_completion(u);
    call->reasoning_tokens = u->out_reasoning;
    call->estimated = u->estimated;
    call->is_reported = u->has_reported_cost;
    call->reported = u->reported_cost;
    call->status = r->outcome == OUTCOME_GONE ? 499 : 200;
}

/* Some vendors say at the beginning what went in, and what came out at the end: of an
 * answer that had none, what was seen of it counts. */
static void count_what_was_seen(struct usage *u, const struct model_call *m)
{
    const struct usage seen = usage_estimate(0, m->text_bytes, m->text_pieces);

    if (m->done || usage_completion(u) >= seen.out_text)
        return;
    u->out_text += seen.out_text - usage_completion(u);
    u->estimated = true;
}

/* Who never said the usage may not have said what it served either: then it is what was
 * asked for. */
static struct usage estimate(const struct model_call *m)
{
    struct usage u = usage_estimate(m->body.len, m->text_bytes, m->text_pieces);

    u.tier = m->usage.tier != USAGE_STANDARD ? m->usage.tier : m->tier_asked;
    return u;
}

enum rc model_call_cost(struct request *r, struct money *cost, struct wallet_call *call)
{
    struct model_call *m = r->api_state;
    struct usage u = m->usage;

    if (m->target == NULL || m->op == PROVIDER_COUNT_TOKENS)
        return RC_OK;
    /* Nothing reached the caller: it costs nothing (law 8). */
    if (r->outcome != OUTCOME_OK && !m->begun)
        u = (struct usage){.known = true};
    else if (!u.known)
        u = estimate(m);
    else
        count_what_was_seen(&u, m);
    describe(r, call, &u);
    TRY(price_exact(cost, m->price, &u));
    if (u.estimated) /* never more than was agreed on a guess */
        *cost = money_min(*cost, r->quote.worst);
    r->tokens_used = usage_prompt(&u) + usage_completion(&u);
    return RC_OK;
}

/* ---- The end ---- */

/* A whole answer of the short way passes as it came. But OpenRouter's clients look for
 * the cost in it, and no other client may take what the vendor charges for that. */
static struct slice with_cost(struct request *r, struct slice body)
{
    struct model_call *m = r->api_state;
    struct slice usage, cost, end;

    if (m->op != PROVIDER_CHAT || m->writer != NULL || m->wire->usage_at == NULL)
        return body;
    usage = m->wire->usage_at(body);
    if (usage.len == 0 ||
        (!m->cost_as_number && json_raw_member(&cost, usage, "cost") == JSON_ABSENT))
        return body;
    end = slice_sub(body, (size_t)(usage.bytes - body.bytes) + usage.len, body.len);
    buf_append(&m->out, slice_sub(body, 0, (size_t)(usage.bytes - body.bytes)));
    model__put_usage(&m->out, m, usage, r->hold.captured);
    buf_append(&m->out, end);
    if (!buf_spent(&m->out))
        return buf_slice(&m->out);
    buf_reset(&m->out); /* it was as long as an answer may be: better so than not */
    return body;
}

void model_call_finish(struct request *r)
{
    struct model_call *m = r->api_state;
    const struct wire_bill bill = {.usage = &m->usage, .cost = r->hold.captured};
    struct slice body = buf_slice(&m->plain);

    if (m->stream) {
        model__stream_finish(r);
        return;
    }
    if (m->writer != NULL)
        m->wire->out_end(m->writer, &m->out, &bill);
    if (m->writer != NULL || (m->op == PROVIDER_EMBEDDINGS && buf_len(&m->out) > 0)) {
        body = buf_slice(&m->out);
        m->content_type[0] = '\0';
    } else {
        body = with_cost(r, body);
    }
    if (buf_spent(&m->out)) {
        r->fault = (struct fault){.rc = RC_NOMEM};
        r->rc = RC_NOMEM;
        request_reply_fault(r);
        return;
    }
    model__tell_losses(r);
    request_money_headers(r);
    request_reply(r, 200, m->content_type[0] ? m->content_type : "application/json",
                  body);
}

void model_call_broken(struct request *r, enum rc rc)
{
    struct model_call *m = r->api_state;
    struct buf b;

    /* Some dialects repeat with it what was said until then. */
    buf_init(&b, 65536 + r->config->limits.max_response_bytes);
    r->fault.rc = rc == RC_OK ? RC_UPSTREAM : rc;
    if (m->wire->out_error != NULL) {
        m->wire->out_error(m->writer, &b, &r->fault, r->id_text);
    } else {
        buf_append_str(&b, "data: ");
        error_print(&b, r->match.api->dialect, &r->fault, r->id_text);
        buf_append_str(&b, "\n\n");
    }
    if (!buf_spent(&b))
        request_write(r, buf_slice(&b));
    /* Well framed: the error is said in-band, no terminal event follows. */
    request_end(r, !buf_spent(&b));
    buf_free(&b);
}

void model_call_close(struct request *r)
{
    struct model_call *m = r->api_state;

    model__reset_answer(m);
    buf_free(&m->sent);
    buf_free(&m->plain);
    buf_free(&m->out);
    buf_free(&m->lead);
    arena_close(m->answer_memory);
    arena_close(m->memory);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The streamed half of model calls. On the short way events pass as they came; kept
 * back are, until the money is booked, those that end the answer or tell its usage (it
 * gets its cost, or is hidden from a client that did not ask). On the long way the
 * client's wire makes its own of them. What comes before any content waits a moment:
 * while the client has seen nothing, an upstream that fails can be replaced. */
#include "gateway/model_int.h"
#include "gateway/request_pay.h"

#include <string.h>

enum {
    EVENT_ARENA_MAX = 2 * SSE_LIMIT_BYTES,
    KEPT_BYTES_MAX = SSE_LIMIT_BYTES,
    LEAD_BYTES_MAX = 1 << 20,
    LEAD_WAIT_MS = 1000
};

enum rc model__stream_open(struct request *r)
{
    struct model_call *m = r->api_state;

    m->reader = m->up_wire->open(r->arena);
    if (m->reader == NULL)
        return RC_NOMEM;
    m->framing = m->up_wire->framing;
    if (m->framing == WIRE_SSE)
        sse_reader_init(&m->sse, SSE_LIMIT_BYTES);
    else
        event_stream_reader_init(&m->frames, SSE_LIMIT_BYTES);
    m->framing_open = true;
    return RC_OK;
}

/* ---- To the client ---- */

static void begin(struct request *r)
{
    struct model_call *m = r->api_state;
    const char *type = m->ask->stream_type;

    if (m->begun || !m->stream)
        return;
    m->begun = true;
    request_header(r, "Cache-Control", SLICE("no-cache"));
    request_header(r, "X-Accel-Buffering", SLICE("no"));
    model__tell_losses(r);
    request_stream_begin(r, 200, type != NULL ? type : "text/event-stream", UINT64_MAX);
    request_write(r, buf_slice(&m->lead));
    buf_reset(&m->lead);
}

/* Whoever waits for a first sign of life gets it. */
static void lead_is_late(struct request *r)
{
    struct model_call *m = r->api_state;

    if (r->state == REQUEST_SEND && r->up_accepted && buf_len(&m->lead) > 0)
        begin(r);
}

/* Bytes for the client; before any content they wait. */
static void show(struct request *r, struct slice bytes)
{
    struct model_call *m = r->api_state;

    if (bytes.len == 0 || !m->stream)
        return;
    if (m->has_content || buf_len(&m->lead) + bytes.len > LEAD_BYTES_MAX)
        begin(r);
    if (m->begun) {
        request_write(r, bytes);
        return;
    }
    if (buf_len(&m->lead) == 0)
        request_tick_in(r, LEAD_WAIT_MS, lead_is_late);
    buf_append(&m->lead, bytes);
    if (buf_spent(&m->lead))
        m->stream_rc = RC_NOMEM;
}

/* ---- The short way ---- */

static void write_event(struct request *r, struct slice name, struct slice data)
{
    struct buf b;

    buf_init(&b, 2 * SSE_LIMIT_BYTES);
    sse_write(&b, name, data);
    show(r, buf_slice(&b));
    buf_free(&b);
}

/* For a client that did not ask for usage. false: there is none in it. */
static bool show_without_usage(struct request *r, const struct sse_event *e)
{
    const struct model_call *m = r->api_state;
    struct buf left;
    bool changed;

    if (m->usage_asked || m->wire->without_usage == NULL ||
        (m->now & MODEL_NOW_END) != 0)
        return false;
    buf_init(&left, SSE_LIMIT_BYTES);
    changed = m->wire->without_usage(&left, e->data);
    if (buf_len(&left) > 0)
        write_event(r, e->event, buf_slice(&left));
    buf_free(&left);
    return changed;
}

static void write_kept(struct request *r, const struct model_kept *k)
{
    const struct model_call *m = r->api_state;
    struct slice usage = k->has_usage ? m->wire->usage_at(k->data) : SLICE_NONE;
    struct buf data;
    size_t at;

    if (usage.len == 0) {
        if (k->raw.len > 0)
            show(r, k->raw);
        else
            write_event(r, k->name, k->data);
        return;
    }
    at = (size_t)(usage.bytes - k->data.bytes);
    buf_init(&data, 2 * SSE_LIMIT_BYTES);
    buf_append(&data, slice_sub(k->data, 0, at));
    model__put_usage(&data, m, usage, r->hold.captured);
    buf_append(&data, slice_sub(k->data, at + usage.len, k->data.len));
    write_event(r, k->name, buf_slice(&data));
    buf_free(&data);
}

/* Too many to keep: they go without the cost. */
static void give_up_keeping(struct request *r)
{
    struct model_call *m = r->api_state;

    for (size_t i = 0; i < m->kept_count; i++) {
        const struct model_kept *k = &m->kept[i];

        if (k->raw.len > 0)
            show(r, k->raw);
        else
            write_event(r, k->name, k->data);
    }
    m->kept_count = 0;
    arena_reset(m->answer_memory);
}

static bool is_done_word(const struct model_call *m, const struct sse_event *e)
{
    const char *word = m->up_wire->done;

    return word != NULL && slice_equal_str(e->data, word);
}

static bool tells_usage(const struct model_call *m, const struct sse_event *e)
{
    return !is_done_word(m, e) && m->wire->usage_at(e->data).len > 0;
}

/* What may be written anew is kept by its data, the rest as it came. */
static void keep(struct request *r, const struct sse_event *e)
{
    struct model_call *m = r->api_state;
    const bool has_usage = tells_usage(m, e);
    const bool anew = has_usage || is_done_word(m, e);
    struct model_kept *k;

    if (model__open_memory(m) != RC_OK) {
        m->stream_rc = RC_NOMEM;
        return;
    }
    if (m->kept_count == MODEL_KEPT_MAX ||
        arena_used(m->answer_memory) + e->raw.len > KEPT_BYTES_MAX)
        give_up_keeping(r);
    k = &m->kept[m->kept_count++];
    *k = (struct model_kept){.has_usage = has_usage};
    if (anew) {
        k->name = arena_slice(m->answer_memory, e->event);
        k->data = arena_slice(m->answer_memory, e->data);
    } else {
        k->raw = arena_slice(m->answer_memory, e->raw);
    }
    if (arena_spent(m->answer_memory))
        m->stream_rc = RC_NOMEM;
}

/* The end of an answer, and the usage that comes with or after it, wait for the bill;
 * so does whatever follows one that waits. */
static bool must_wait(const struct model_call *m, const struct sse_event *e)
{
    const unsigned told = MODEL_NOW_BEGIN | MODEL_NOW_CONTENT;

    if (m->kept_count > 0 || (m->now & MODEL_NOW_END) != 0)
        return true;
    return (m->stops >= m->choices || (m->now & told) == 0) && tells_usage(m, e);
}

static void pass_on(struct request *r, const struct sse_event *e)
{
    struct model_call *m = r->api_state;

    if (show_without_usage(r, e))
        return;
    if (must_wait(m, e))
        keep(r, e);
    else
        show(r, e->raw);
}

/* ---- What comes in ---- */

static enum rc broken_within(struct request *r)
{
    struct model_call *m = r->api_state;

    if (m->stream_rc == RC_OK)
        m->stream_rc = RC_UPSTREAM;
    return request_fault(r, m->stream_rc, NULL,
                         "The upstream reported an error within its stream.");
}

static void show_written(struct request *r)
{
    struct model_call *m = r->api_state;

    if (!m->stream)
        return; /* all of it is told at the end */
    if (model__writer_failed(r))
        m->stream_rc = RC_UPSTREAM;
    show(r, buf_slice(&m->out));
    buf_reset(&m->out);
}

/* After an event: what it means for the client's side. e: NULL on the long way. */
static enum rc after(struct request *r, const struct sse_event *e)
{
    struct model_call *m = r->api_state;

    if (m->failed)
        return broken_within(r);
    m->has_content =
        m->has_content || (m->now & (MODEL_NOW_CONTENT | MODEL_NOW_STOP)) != 0;
    if (m->writer != NULL || e == NULL)
        show_written(r);
    else
        pass_on(r, e);
    if (m->stream_rc != RC_OK) {
        m->done = false; /* what is missing was not told */
        return m->stream_rc;
    }
    if (m->done) {
        /* A wire may write nothing of an answer without text before its end. */
        if (buf_len(&m->lead) > 0 || m->kept_count > 1 ||
            (m->writer != NULL && m->has_content))
            begin(r);
        request_upstream_done(r);
    }
    return m->stream_rc;
}

/* e: NULL: not from server-sent events. */
static enum rc read_event(struct request *r, const struct wire_event *event,
                          const struct sse_event *e)
{
    struct model_call *m = r->api_state;
    struct json_limits limits = {.containers = 100000};
    const char *word = m->up_wire->done;
    struct arena *scratch;
    enum rc rc = RC_OK;

    TRY(arena_open(&scratch, EVENT_ARENA_MAX));
    if (word == NULL || !slice_equal_str(event->data, word))
        rc = json_guard(event->data, &limits, NULL, 0, NULL, scratch);
    m->now = 0;
    if (rc == RC_OK)
        rc = m->up_wire->event(m->reader, event, model__take, r, scratch);
    if (rc == RC_OK)
        rc = after(r, e);
    else
        m->stream_rc = RC_UPSTREAM; /* not of this wire: the stream is broken */
    arena_close(scratch);
    return rc;
}

/* On the long way only that there was a comment is said: its words, and fields without
 * data, are of another dialect's stream. */
static void keep_alive(struct request *r, struct slice raw)
{
    const struct model_call *m = r->api_state;

    if (!m->begun || m->kept_count > 0 || m->ask->stream_type != NULL)
        return;
    if (m->writer == NULL)
        request_write(r, raw);
    else if (slice_starts(raw, SLICE(":")))
        request_write(r, SLICE(":\n\n"));
}

static enum rc on_event(void *arg, const struct sse_event *e)
{
    struct request *r = arg;
    struct model_call *m = r->api_state;
    const struct wire_event event = {.name = e->event, .data = e->data};

    if (m->done)
        return RC_OK;
    if (e->incomplete && !is_done_word(m, e))
        return RC_OK; /* cut off: nothing that a client could use */
    if (e->is_comment) {
        keep_alive(r, e->raw);
        return RC_OK;
    }
    return read_event(r, &event, e);
}

static enum rc on_message(void *arg, const struct event_stream_message *e)
{
    struct request *r = arg;
    const struct model_call *m = r->api_state;
    const struct wire_event event = {
        .name = e->name,
        .data = e->payload.len > 0 ? e->payload : SLICE("{}"),
        .is_exception = e->kind != EVENT_STREAM_EVENT,
    };

    return m->done ? RC_OK : read_event(r, &event, NULL);
}

static enum rc feed(struct request *r, struct slice bytes)
{
    struct model_call *m = r->api_state;

    return m->framing == WIRE_SSE ? sse_feed(&m->sse, bytes, on_event, r)
                                  : event_stream_feed(&m->frames, bytes, on_message, r);
}

enum upstream_take model__stream_data(struct request *r, struct slice bytes)
{
    struct model_call *m = r->api_state;

    if (m->done || feed(r, bytes) == RC_OK)
        return UPSTREAM_TOOK;
    if (r->rc == RC_OK)
        r->rc = m->stream_rc != RC_OK ? m->stream_rc : RC_UPSTREAM;
    return UPSTREAM_STOP;
}

/* The wire has no terminal event, or it has not come. */
static enum rc bytes_ended(struct request *r)
{
    struct model_call *m = r->api_state;
    const enum rc rc = m->framing == WIRE_SSE ? sse_end(&m->sse, on_event, r)
                                              : event_stream_end(&m->frames);

    if (rc != RC_OK)
        return RC_UPSTREAM;
    if (m->done || m->up_wire->ended == NULL)
        return RC_OK;
    m->now = 0;
    if (m->up_wire->ended(m->reader, model__take, r) != RC_OK || m->failed)
        return RC_UPSTREAM;
    show_written(r);
    if (m->stream_rc != RC_OK)
        return m->stream_rc;
    if (m->done)
        begin(r);
    return RC_OK;
}

/* Only the terminal event makes a stream whole; an end without it is a cut. */
enum rc model__stream_complete(struct request *r)
{
    struct model_call *m = r->api_state;

    if (!m->done)
        TRY(bytes_ended(r));
    return m->done && (m->begun || !m->stream) ? RC_OK : RC_UPSTREAM;
}

/* ---- The end ---- */

static void tell_receipt(struct request *r)
{
    const struct model_call *m = r->api_state;

    if (m->ask->stream_type == NULL)
        request_receipt_comment(r);
}

/* The receipt goes before the terminal event: some stop reading there. */
void model__stream_finish(struct request *r)
{
    struct model_call *m = r->api_state;
    const struct wire_bill bill = {.usage = &m->usage, .cost = r->hold.captured};

    if (m->writer != NULL) {
        tell_receipt(r);
        m->wire->out_end(m->writer, &m->out, &bill);
        if (model__writer_failed(r)) {
            request_end(r, false);
            return;
        }
        request_write(r, buf_slice(&m->out));
    }
    for (size_t i = 0; i < m->kept_count; i++) {
        if (i + 1 == m->kept_count)
            tell_receipt(r);
        write_kept(r, &m->kept[i]);
    }
    request_end(r, true);
}

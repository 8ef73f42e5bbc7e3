/* SPDX-License-Identifier: Apache-2.0 */
/* The streamed half of model calls of the OpenAI dialect: events pass through as they
 * came. Kept back are the usage chunk (it gets its cost, or is hidden from a client
 * that did not ask) and "[DONE]", until the money is booked. */
#include "gateway/model_call.h"
#include "gateway/request_pay.h"

#include "base/json.h"

enum {
    EVENT_ARENA_MAX = 4 << 20
};

/* The members of a chunk that matter here. */
enum {
    CHUNK_CHOICES,
    CHUNK_USAGE,
    CHUNK_ERROR,
    CHUNK__COUNT
};

static struct slice raw_text(struct slice raw)
{
    return raw.len >= 2 ? slice_sub(raw, 1, raw.len - 2) : SLICE_NONE;
}

/* Adds the generated text of one choice's delta, for the estimate. */
static void count_delta(struct model_call *m, struct slice delta)
{
    static const char *const names[] = {"content", "reasoning_content", "reasoning",
                                        "refusal"};
    struct slice raw, call, function, arguments;
    uint64_t before = m->text_bytes;
    size_t at = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (json_raw_member(&raw, delta, names[i]) == JSON_STRING)
            m->text_bytes += raw_text(raw).len;
    if (json_raw_member(&raw, delta, "tool_calls") == JSON_ARRAY)
        while (json_raw_element(&call, raw, &at) != JSON_ABSENT) {
            if (json_raw_member(&function, call, "function") != JSON_OBJECT)
                continue;
            if (json_raw_member(&arguments, function, "name") == JSON_STRING)
                m->text_bytes += raw_text(arguments).len;
            if (json_raw_member(&arguments, function, "arguments") == JSON_STRING)
                m->text_bytes += raw_text(arguments).len;
        }
    m->text_pieces += m->text_bytes > before;
}

/* Counts the choices of a chunk; true if there is at least one. */
static bool count_choices(struct model_call *m, struct slice choices)
{
    struct slice choice, delta;
    size_t at = 0;
    bool any = false;

    while (json_raw_element(&choice, choices, &at) != JSON_ABSENT) {
        any = true;
        if (json_raw_member(&delta, choice, "delta") == JSON_OBJECT)
            count_delta(m, delta);
    }
    return any;
}

static void begin(struct request *r)
{
    struct model_call *m = r->api_state;

    if (m->begun)
        return;
    m->begun = true;
    request_header(r, "Cache-Control", SLICE("no-cache"));
    request_header(r, "X-Accel-Buffering", SLICE("no"));
    request_stream_begin(r, 200, "text/event-stream", UINT64_MAX);
}

/* Sends an event on; without its `usage` member if the client never asked for usage. */
static void pass_on(struct request *r, const struct sse_event *e,
                    const struct json_field *usage)
{
    struct model_call *m = r->api_state;
    struct json_splice hide = {usage, SLICE_NONE};
    struct buf data, event;

    begin(r);
    if (m->usage_asked || usage->type == JSON_ABSENT) {
        request_write(r, e->raw);
        return;
    }
    buf_init(&data, SSE_LIMIT_BYTES);
    buf_init(&event, SSE_LIMIT_BYTES);
    json_splice(&data, e->data, &hide, 1);
    sse_write(&event, e->event, buf_slice(&data));
    request_write(r, buf_spent(&event) ? e->raw : buf_slice(&event));
    buf_free(&data);
    buf_free(&event);
}

/* An error inside a 200: before the first byte another target may be tried. Its words
 * are the vendor's and may say anything, so ours are sent. */
static enum rc error_chunk(struct request *r)
{
    struct model_call *m = r->api_state;

    m->stream_rc = RC_UPSTREAM;
    return request_fault(r, RC_UPSTREAM, NULL,
                         "The upstream reported an error within its stream.");
}

static enum rc on_chunk(struct request *r, const struct sse_event *e,
                        struct json_field fields[CHUNK__COUNT])
{
    struct model_call *m = r->api_state;
    const struct json_field *usage = &fields[CHUNK_USAGE];
    bool choices = fields[CHUNK_CHOICES].type == JSON_ARRAY &&
                   count_choices(m, fields[CHUNK_CHOICES].raw);

    if (fields[CHUNK_ERROR].type == JSON_OBJECT ||
        fields[CHUNK_ERROR].type == JSON_STRING)
        return error_chunk(r);
    /* The last believable report counts; one that is not leaves the one before. */
    (void)m->target->provider->adapter->usage(&m->usage, e->data);
    if (usage->type == JSON_OBJECT && !choices) {
        begin(r);
        if (m->usage_asked)
            m->usage_chunk = arena_slice(r->arena, e->data);
        return RC_OK;
    }
    pass_on(r, e, usage);
    return RC_OK;
}

static enum rc on_event(void *arg, const struct sse_event *e)
{
    struct request *r = arg;
    struct model_call *m = r->api_state;
    struct json_limits limits = {.containers = 100000};
    struct json_field fields[CHUNK__COUNT] = {
        [CHUNK_CHOICES] = {.name = "choices"},
        [CHUNK_USAGE] = {.name = "usage"},
        [CHUNK_ERROR] = {.name = "error"},
    };
    struct arena *scratch;
    enum rc rc;

    if (m->done)
        return RC_OK;
    if (slice_equal(e->data, SLICE("[DONE]"))) { /* also without its blank line */
        m->done = true;
        request_upstream_done(r);
        return RC_OK;
    }
    if (e->incomplete)
        return RC_OK; /* cut off: nothing that a client could use */
    if (e->is_comment) {
        if (m->begun)
            request_write(r, e->raw); /* keep-alives */
        return RC_OK;
    }
    TRY(arena_open(&scratch, EVENT_ARENA_MAX));
    rc = json_guard(e->data, &limits, fields, CHUNK__COUNT, NULL, scratch);
    if (rc == RC_OK)
        rc = on_chunk(r, e, fields);
    else
        m->stream_rc = RC_UPSTREAM; /* not a chunk: the stream is broken */
    arena_close(scratch);
    return rc;
}

enum upstream_take model_stream_data(struct request *r, struct slice bytes)
{
    struct model_call *m = r->api_state;

    if (m->done || sse_feed(&m->sse, bytes, on_event, r) == RC_OK)
        return UPSTREAM_TOOK;
    if (r->rc == RC_OK)
        r->rc = m->stream_rc != RC_OK ? m->stream_rc : RC_UPSTREAM;
    return UPSTREAM_STOP;
}

/* Only the terminal event makes a stream whole; an end without it is a cut. */
enum rc model_stream_complete(struct request *r)
{
    struct model_call *m = r->api_state;

    if (!m->done && sse_end(&m->sse, on_event, r) != RC_OK)
        return RC_UPSTREAM;
    return m->done && m->begun ? RC_OK : RC_UPSTREAM;
}

/* A usage object with what the call cost as its last member, in the place of what the
 * upstream may have said of its own price. */
static void put_usage(struct buf *out, struct slice usage, struct money cost)
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
    buf_printf(out, "\"cost\":\"%s\"}", text);
}

static void write_usage(struct request *r)
{
    struct model_call *m = r->api_state;
    struct slice chunk = m->usage_chunk;
    struct slice usage;
    struct buf data, event;
    size_t at;

    if (chunk.len == 0 || json_raw_member(&usage, chunk, "usage") != JSON_OBJECT)
        return;
    at = (size_t)(usage.bytes - chunk.bytes);
    buf_init(&data, 2 * SSE_LIMIT_BYTES);
    buf_init(&event, 2 * SSE_LIMIT_BYTES);
    buf_append(&data, slice_sub(chunk, 0, at));
    put_usage(&data, usage, r->hold.captured);
    buf_append(&data, slice_sub(chunk, at + usage.len, chunk.len));
    sse_write(&event, SLICE_NONE, buf_slice(&data));
    request_write(r, buf_slice(&event));
    buf_free(&data);
    buf_free(&event);
}

void model_stream_finish(struct request *r)
{
    write_usage(r);
    request_receipt_comment(r);
    request_write(r, SLICE("data: [DONE]\n\n"));
    request_end(r, true);
}

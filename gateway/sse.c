/* SPDX-License-Identifier: Apache-2.0 */
/* The reader goes over every byte once: a line is looked at when its end has come, and
 * only then. Not a general line reader: it knows the three line ends and the fields of
 * an event stream and nothing else. */
#include "gateway/sse.h"

#include <assert.h>

struct sink {
    sse_event_fn *each;
    void *arg;
};

static void start_event(struct sse_reader *r)
{
    buf_reset(&r->raw);
    buf_reset(&r->data);
    r->line_at = 0;
    r->event_at = 0;
    r->event_len = 0;
    r->has_id = false;
    r->has_data = false;
    r->has_field = false;
}

void sse_reader_init(struct sse_reader *r, size_t limit_bytes)
{
    const size_t limit = limit_bytes > 0 ? limit_bytes : SSE_LIMIT_BYTES;

    *r = (struct sse_reader){.is_first_line = true, .rc = RC_OK};
    buf_init(&r->raw, limit);
    buf_init(&r->data, limit);
}

void sse_reader_free(struct sse_reader *r)
{
    buf_free(&r->raw);
    buf_free(&r->data);
}

static enum rc give(struct sse_reader *r, bool incomplete, const struct sink *sink)
{
    const struct slice raw = buf_slice(&r->raw);
    struct sse_event e = {
        .event = slice_sub(raw, r->event_at, r->event_len),
        .raw = raw,
        .is_comment = !r->has_data,
        .incomplete = incomplete,
    };
    enum rc rc;

    if (r->has_data)
        e.data = buf_len(&r->data) > 0 ? buf_slice(&r->data) : SLICE("");
    if (r->has_id)
        e.id = slice_from(raw.bytes + r->id_at, r->id_len);
    rc = sink->each(sink->arg, &e);
    start_event(r);
    return rc;
}

static enum rc add_data(struct sse_reader *r, struct slice value)
{
    if (r->has_data)
        buf_append_char(&r->data, '\n');
    r->has_data = true;
    buf_append(&r->data, value);
    return buf_spent(&r->data) ? RC_TOO_BIG : RC_OK;
}

/* A line that is neither empty nor a comment. */
static enum rc take_field(struct sse_reader *r, struct slice line)
{
    const size_t colon = slice_find(line, ':');
    const struct slice name = slice_sub(line, 0, colon);
    struct slice value = slice_sub(line, colon + 1, line.len);
    size_t value_at;

    if (slice_starts(value, SLICE(" ")))
        value = slice_sub(value, 1, value.len);
    value_at = r->line_at + r->line_len - value.len;
    r->has_field = true;
    if (slice_equal(name, SLICE("data")))
        return add_data(r, value);
    if (slice_equal(name, SLICE("event"))) {
        r->event_at = value_at;
        r->event_len = value.len;
    } else if (slice_equal(name, SLICE("id")) && slice_find(value, '\0') == value.len) {
        r->has_id = true;
        r->id_at = value_at;
        r->id_len = value.len;
    }
    return RC_OK; /* "retry" and unknown names stay in raw */
}

static struct slice current_line(struct sse_reader *r)
{
    struct slice line = slice_sub(buf_slice(&r->raw), r->line_at, r->line_len);

    if (r->is_first_line && slice_starts(line, SLICE("\xef\xbb\xbf"))) /* BOM */
        line = slice_sub(line, 3, line.len);
    r->is_first_line = false;
    return line;
}

/* The line and its end are in raw. */
static enum rc take_line(struct sse_reader *r, const struct sink *sink)
{
    const struct slice line = current_line(r);

    if (line.len == 0)
        return give(r, false, sink);
    if (line.bytes[0] != ':')
        TRY(take_field(r, line));
    else if (!r->has_field)
        return give(r, false, sink); /* a sign of life: nobody waits for an event */
    r->line_at = buf_len(&r->raw);
    return RC_OK;
}

static enum rc keep(struct sse_reader *r, struct slice *bytes, size_t len)
{
    buf_append(&r->raw, slice_sub(*bytes, 0, len));
    *bytes = slice_sub(*bytes, len, bytes->len);
    return buf_spent(&r->raw) ? RC_TOO_BIG : RC_OK;
}

/* Bytes before the first CR or LF. */
static size_t text_len(struct slice bytes)
{
    size_t len = 0;

    while (len < bytes.len && bytes.bytes[len] != '\n' && bytes.bytes[len] != '\r')
        len++;
    return len;
}

/* Whether a CR is a line end by itself shows only with the next byte. An event must not
 * wait for that where it need not: after a line that ended in a CR alone, the next CR
 * is taken at once, and should an LF follow after all, it is kept for its bytes' sake.
 */
static enum rc take_end(struct sse_reader *r, struct slice *bytes,
                        const struct sink *sink)
{
    const bool is_cr = bytes->bytes[0] == '\r';

    r->line_len = buf_len(&r->raw) - r->line_at;
    TRY(keep(r, bytes, 1));
    if (is_cr && !r->lone_cr) {
        r->cr_waits = true;
        return RC_OK;
    }
    r->lf_late = is_cr;
    r->lone_cr = is_cr;
    return take_line(r, sink);
}

/* It belongs to the line before, which was taken without it. */
static enum rc keep_late_lf(struct sse_reader *r, struct slice *bytes)
{
    TRY(keep(r, bytes, 1));
    r->line_at = buf_len(&r->raw);
    r->lone_cr = false;
    return RC_OK;
}

/* Takes at least one byte or one line that waited. */
static enum rc step(struct sse_reader *r, struct slice *bytes, const struct sink *sink)
{
    const bool is_lf = bytes->bytes[0] == '\n';
    const bool lf_late = r->lf_late;

    r->lf_late = false;
    if (lf_late && is_lf)
        return keep_late_lf(r, bytes);
    if (r->cr_waits) {
        r->cr_waits = false;
        r->lone_cr = !is_lf;
        TRY(keep(r, bytes, is_lf ? 1 : 0));
        return take_line(r, sink);
    }
    TRY(keep(r, bytes, text_len(*bytes)));
    return bytes->len > 0 ? take_end(r, bytes, sink) : RC_OK;
}

enum rc sse_feed(struct sse_reader *r, struct slice bytes, sse_event_fn *each,
                 void *arg)
{
    const struct sink sink = {each, arg};

    while (r->rc == RC_OK && bytes.len > 0)
        r->rc = step(r, &bytes, &sink);
    return r->rc;
}

/* What came since the last line end or event, if anything did. */
static enum rc take_rest(struct sse_reader *r, const struct sink *sink)
{
    struct slice line;

    if (buf_len(&r->raw) == 0)
        return RC_OK;
    r->line_len = buf_len(&r->raw) - r->line_at;
    line = current_line(r);
    if (line.len > 0 && line.bytes[0] != ':')
        TRY(take_field(r, line));
    return give(r, true, sink);
}

enum rc sse_end(struct sse_reader *r, sse_event_fn *each, void *arg)
{
    const struct sink sink = {each, arg};

    if (r->rc == RC_OK && r->cr_waits)
        r->rc = take_line(r, &sink);
    r->cr_waits = false;
    if (r->rc == RC_OK)
        r->rc = take_rest(r, &sink);
    return r->rc;
}

void sse_write(struct buf *out, struct slice event, struct slice data)
{
    if (event.len > 0) {
        assert(text_len(event) == event.len);
        buf_append(out, SLICE("event: "));
        buf_append(out, event);
        buf_append_char(out, '\n');
    }
    for (;;) {
        const size_t len = text_len(data);
        const bool crlf = slice_starts(slice_sub(data, len, data.len), SLICE("\r\n"));

        buf_append(out, SLICE("data: "));
        buf_append(out, slice_sub(data, 0, len));
        buf_append_char(out, '\n');
        if (len == data.len)
            break;
        data = slice_sub(data, len + (crlf ? 2 : 1), data.len);
    }
    buf_append_char(out, '\n');
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events (WHATWG HTML section 9.2): a reader that takes bytes in any pieces
 * and gives events, and a writer. The reader also gives the bytes of each event as they
 * came, so that a stream can be passed on byte for byte with single events dropped or
 * replaced. What the events mean is for others; there is no reconnecting. */
#ifndef GATEWAY_SSE_H
#define GATEWAY_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/slice.h"

/* The default for one event. Some have a whole picture in them. */
enum {
    SSE_LIMIT_BYTES = 16 * 1024 * 1024
};

/* One event, or what stands between events. Valid during the call only. All `raw` one
 * after the other are the stream. */
struct sse_event {
    struct slice event; /* its name; empty: "message" */
    struct slice data;  /* its data lines joined with \n; NONE: it has none */
    struct slice id;    /* NONE: it has none of its own */
    struct slice raw;   /* all its bytes, the blank line behind it too */
    bool is_comment;    /* no data: a comment or a blank line before any field, each
                         * given as soon as it is complete; or fields without data */
    bool incomplete;    /* cut off by the end of the stream, maybe inside a line */
};

/* Any code but RC_OK stops the reader for good, and is returned to who fed it. Must not
 * feed, end or free the reader. */
typedef enum rc sse_event_fn(void *arg, const struct sse_event *e);

/* Embed it; all members are private. */
struct sse_reader {
    struct buf raw;  /* since the last event, up to the last byte that came */
    struct buf data; /* its data lines so far, joined */
    size_t line_at;  /* in raw: the line that is being received */
    size_t line_len; /* without its end, once that is seen */
    size_t event_at; /* in raw: the value of the last "event" field */
    size_t event_len;
    size_t id_at;
    size_t id_len;
    bool has_id;
    bool has_data;
    bool has_field;
    bool is_first_line;
    bool cr_waits; /* the line ended in CR; LF may follow and belong to it */
    bool lone_cr;  /* the last line ended in CR without LF: the stream's habit */
    bool lf_late;  /* the line was taken at its CR; an LF that follows is no new line */
    enum rc rc;    /* sticky */
};

/* limit_bytes: for one event with all that belongs to it; 0: SSE_LIMIT_BYTES. Allocates
 * nothing yet. */
void sse_reader_init(struct sse_reader *r, size_t limit_bytes);
void sse_reader_free(struct sse_reader *r);

/* Calls each() for every event that these bytes complete, however the stream is cut
 * into pieces. RC_TOO_BIG: an event over the limit (or no memory for it), now and for
 * good. */
MUST_CHECK enum rc sse_feed(struct sse_reader *r, struct slice bytes,
                            sse_event_fn *each, void *arg);
/* The stream has ended: gives what is left, if anything. The standard would drop an
 * incomplete event; some providers forget the last blank line. */
MUST_CHECK enum rc sse_end(struct sse_reader *r, sse_event_fn *each, void *arg);

/* Appends one event; without a name line if event is empty. Line ends of any kind in
 * data become \n for who reads it. Whether it fitted: buf_spent(out). */
void sse_write(struct buf *out, struct slice event, struct slice data);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* AWS event streams (application/vnd.amazon.eventstream): a reader that takes bytes in
 * any pieces and gives messages. A frame is believed only after both of its checksums;
 * one damaged frame ends the stream, because nothing says where the next one starts.
 * What the messages mean is for others. */
#ifndef GATEWAY_PROVIDERS_EVENT_STREAM_H
#define GATEWAY_PROVIDERS_EVENT_STREAM_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum {
    EVENT_STREAM_PRELUDE_LEN = 12,
    EVENT_STREAM_FRAME_MAX = 16 * 1024 * 1024 /* bytes of one frame, by default */
};

enum event_stream_kind {
    EVENT_STREAM_EVENT,
    EVENT_STREAM_EXCEPTION, /* one that the service's model names */
    EVENT_STREAM_ERROR      /* any other failure */
};

/* Valid during the call only. */
struct event_stream_message {
    enum event_stream_kind kind; /* :message-type; absent: by what names it */
    struct slice name;           /* :event-type, :exception-type or :error-code */
    struct slice text;           /* :error-message; empty: none */
    struct slice content_type;   /* empty: none */
    struct slice payload;
};

/* Any code but RC_OK stops the reader for good, and is returned to who fed it. Must not
 * feed, end or free the reader. */
typedef enum rc event_stream_fn(void *arg, const struct event_stream_message *m);

/* Embed it; all members are private. */
struct event_stream_reader {
    struct buf frame;    /* what has come of the current one */
    size_t limit;        /* bytes of a frame */
    uint32_t frame_len;  /* 0: its prelude is not complete */
    uint32_t header_len; /* all headers together */
    enum rc rc;          /* sticky */
};

/* limit_bytes: for one frame; 0: EVENT_STREAM_FRAME_MAX. Allocates nothing yet. */
void event_stream_reader_init(struct event_stream_reader *r, size_t limit_bytes);
void event_stream_reader_free(struct event_stream_reader *r);

/* Calls each() for every message that these bytes complete. Now and for good:
 * RC_UPSTREAM: no such stream: a wrong checksum or length, a header that does not fit,
 * no name, or a message type that is unknown. RC_TOO_BIG: a frame says that it is over
 * the limit, found before there is room for it; or no memory. */
MUST_CHECK enum rc event_stream_feed(struct event_stream_reader *r, struct slice bytes,
                                     event_stream_fn *each, void *arg);
/* The stream has ended. RC_UPSTREAM: inside a frame. */
MUST_CHECK enum rc event_stream_end(struct event_stream_reader *r);

#endif

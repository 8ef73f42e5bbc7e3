/* SPDX-License-Identifier: Apache-2.0 */
/* The event stream reader on any bytes: no piece border changes the events, no byte is
 * lost, and a limit that is reached in one cut is reached in every cut. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/sse.h"

enum {
    LIMIT_BYTES = 256,
    STORY_LIMIT = 1024 * 1024
};

struct story {
    struct buf events;
    struct buf raw;
};

static void tell_slice(struct buf *out, struct slice s)
{
    buf_printf(out, "%zu%c", s.len, s.bytes == NULL ? '-' : ':');
    buf_append(out, s);
}

static enum rc tell(void *arg, const struct sse_event *e)
{
    struct story *s = arg;

    tell_slice(&s->events, e->event);
    tell_slice(&s->events, e->data);
    tell_slice(&s->events, e->id);
    buf_append_char(&s->events, e->is_comment ? 'c' : 'e');
    buf_append_char(&s->events, e->incomplete ? 'i' : '.');
    tell_slice(&s->events, e->raw);
    buf_append(&s->raw, e->raw);
    return RC_OK;
}

static enum rc read_all(struct story *s, struct slice stream, size_t piece_len)
{
    struct sse_reader r;
    enum rc rc;

    buf_init(&s->events, STORY_LIMIT);
    buf_init(&s->raw, STORY_LIMIT);
    sse_reader_init(&r, LIMIT_BYTES);
    for (size_t at = 0; at < stream.len; at += piece_len) {
        if (sse_feed(&r, slice_sub(stream, at, piece_len), tell, s) != RC_OK)
            break;
    }
    rc = sse_end(&r, tell, s);
    sse_reader_free(&r);
    return rc;
}

static void story_close(struct story *s)
{
    buf_free(&s->events);
    buf_free(&s->raw);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const size_t piece_lens[] = {1, len > 0 ? bytes[0] / 8u + 2 : 2};
    const struct slice stream = slice_from((const char *)bytes, len);
    struct story whole;
    enum rc rc;

    if (len > 16384) /* so that a story always fits */
        return 0;
    rc = read_all(&whole, stream, stream.len);
    assert(rc == RC_OK || rc == RC_TOO_BIG);
    assert(rc != RC_OK || slice_equal(buf_slice(&whole.raw), stream));
    for (size_t i = 0; i < sizeof(piece_lens) / sizeof(piece_lens[0]); i++) {
        struct story cut;

        assert(read_all(&cut, stream, piece_lens[i]) == rc);
        assert(slice_equal(buf_slice(&cut.events), buf_slice(&whole.events)));
        story_close(&cut);
    }
    story_close(&whole);
    return 0;
}

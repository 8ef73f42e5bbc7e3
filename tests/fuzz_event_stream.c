/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of AWS event streams on any bytes: no piece border changes the messages.
 * Checksums keep random bytes out, so each input is also put into frames of its own. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/providers/event_stream.h"
#include "tests/event_frame.h"

enum {
    LIMIT_BYTES = 4096,
    STORY_LIMIT = 1024 * 1024
};

static void tell_slice(struct buf *out, struct slice s)
{
    buf_printf(out, "%zu%c", s.len, s.bytes == NULL ? '-' : ':');
    buf_append(out, s);
}

static enum rc tell(void *arg, const struct event_stream_message *m)
{
    struct buf *story = arg;

    buf_append_char(story, (char)('0' + m->kind));
    tell_slice(story, m->name);
    tell_slice(story, m->text);
    tell_slice(story, m->content_type);
    tell_slice(story, m->payload);
    return RC_OK;
}

static enum rc read_all(struct buf *story, struct slice stream, size_t piece_len)
{
    struct event_stream_reader r;
    enum rc rc;

    buf_init(story, STORY_LIMIT);
    event_stream_reader_init(&r, LIMIT_BYTES);
    for (size_t at = 0; at < stream.len; at += piece_len) {
        if (event_stream_feed(&r, slice_sub(stream, at, piece_len), tell, story) !=
            RC_OK)
            break;
    }
    rc = event_stream_end(&r);
    event_stream_reader_free(&r);
    assert(rc == RC_OK || rc == RC_UPSTREAM || rc == RC_TOO_BIG);
    return rc;
}

static enum rc read_in_cuts(struct slice stream, size_t piece_len)
{
    const size_t piece_lens[] = {1, piece_len};
    struct buf whole;
    enum rc rc = read_all(&whole, stream, stream.len > 0 ? stream.len : 1);

    for (size_t i = 0; i < sizeof(piece_lens) / sizeof(piece_lens[0]); i++) {
        struct buf cut;

        assert(read_all(&cut, stream, piece_lens[i]) == rc);
        assert(slice_equal(buf_slice(&cut), buf_slice(&whole)));
        buf_free(&cut);
    }
    buf_free(&whole);
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct slice input = slice_from((const char *)bytes, len);
    struct buf frames;

    if (len == 0 || len > 16384) /* so that a story always fits */
        return 0;
    (void)read_in_cuts(input, bytes[0] / 8u + 2);
    buf_init(&frames, 64 * 1024);
    event_frame_message(&frames, "event", "chunk", input);
    event_frame(&frames, slice_sub(input, 1, input.len), SLICE("{}"));
    (void)read_in_cuts(buf_slice(&frames), bytes[0] / 8u + 2);
    buf_free(&frames);
    return 0;
}

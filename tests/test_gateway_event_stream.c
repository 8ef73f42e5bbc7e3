/* SPDX-License-Identifier: Apache-2.0 */
/* AWS event streams: every recorded one in every cut, all types of headers, and no
 * frame with a bit turned over. */
#include "gateway/providers/event_stream.h"

#include "tests/event_frame.h"
#include "tests/prng.h"
#include "tests/recordings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    STORY_LIMIT = 4 * 1024 * 1024,
    RECORDED_COUNT = 16
};

static const char small_stream[] = "bedrock/ag-reasoning.response.eventstream.bin";

/* "[0 name=messageStart text=- type=application/json {..}]" for each message. */
struct story {
    struct buf text;
    unsigned count;
    unsigned stop_at; /* 0: never */
};

static void tell_slice(struct buf *out, const char *key, struct slice s)
{
    buf_printf(out, " %s=", key);
    buf_append(out, s.bytes == NULL ? SLICE("-") : s);
}

static enum rc tell(void *arg, const struct event_stream_message *m)
{
    struct story *s = arg;

    buf_printf(&s->text, "[%d", (int)m->kind);
    tell_slice(&s->text, "name", m->name);
    tell_slice(&s->text, "text", m->text);
    tell_slice(&s->text, "type", m->content_type);
    buf_append_char(&s->text, ' ');
    buf_append(&s->text, m->payload);
    buf_append_char(&s->text, ']');
    assert_false(buf_spent(&s->text));
    return ++s->count == s->stop_at ? RC_BUSY : RC_OK;
}

/* How long the next piece is, of what is left; never 0. */
typedef size_t piece_fn(void *arg, size_t left);

static size_t one_piece(void *arg, size_t left)
{
    (void)arg;
    return left;
}

static size_t one_byte(void *arg, size_t left)
{
    (void)arg;
    (void)left;
    return 1;
}

static size_t first_piece(void *arg, size_t left)
{
    size_t *first = arg;
    size_t len = *first > 0 && *first < left ? *first : left;

    *first = 0;
    return len;
}

static size_t random_piece(void *arg, size_t left)
{
    const uint64_t bound = left < 40 ? left : 40;

    return (size_t)prng_below(arg, bound) + 1;
}

static enum rc read_in_pieces(struct story *s, struct slice stream, piece_fn *piece,
                              void *arg)
{
    struct event_stream_reader r;
    enum rc rc = RC_OK;

    s->count = 0;
    buf_init(&s->text, STORY_LIMIT);
    event_stream_reader_init(&r, 0);
    while (stream.len > 0 && rc == RC_OK) {
        const size_t len = piece(arg, stream.len);

        rc = event_stream_feed(&r, slice_sub(stream, 0, len), tell, s);
        stream = slice_sub(stream, len, stream.len);
    }
    assert_int_equal(event_stream_feed(&r, SLICE_NONE, tell, s), rc);
    if (rc == RC_OK)
        rc = event_stream_end(&r);
    else
        assert_int_equal(event_stream_end(&r), rc);
    event_stream_reader_free(&r);
    return rc;
}

static enum rc read_whole(struct story *s, struct slice stream)
{
    return read_in_pieces(s, stream, one_piece, NULL);
}

/* The same story, whatever the pieces are. */
static void same_in_pieces(const struct story *whole, enum rc due, struct slice stream,
                           piece_fn *piece, void *arg)
{
    struct story s = {.count = 0};

    assert_int_equal(read_in_pieces(&s, stream, piece, arg), due);
    assert_true(slice_equal(buf_slice(&s.text), buf_slice(&whole->text)));
    buf_free(&s.text);
}

static size_t count_of(struct slice text, const char *word)
{
    size_t count = 0;

    while (text.len > 0) {
        const size_t at = slice_search(text, slice_str(word));

        count += at < text.len;
        text = slice_sub(text, at + 1, text.len);
    }
    return count;
}

/* The frames' own lengths say how many there are. */
static unsigned frame_count(struct slice stream)
{
    unsigned count = 0;

    while (stream.len > 0) {
        const uint8_t *at = (const uint8_t *)stream.bytes;
        size_t len;

        assert_true(stream.len >= 16);
        len = (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3];
        assert_true(len >= 16 && len <= stream.len);
        stream = slice_sub(stream, len, stream.len);
        count++;
    }
    return count;
}

static void check_recorded(void *arg, const char *path)
{
    size_t len;
    char *bytes = recording_read(&len, path);
    const struct slice stream = slice_from(bytes, len);
    /* One byte after the other are all borders at once; all pairs of pieces of the
     * longest would take long. */
    const size_t step = len > 8192 ? 7 : 1;
    const bool broken = slice_search(slice_str(path), SLICE("broken")) < strlen(path);
    struct prng random = {stream.len};
    struct story whole = {.count = 0};
    enum rc rc;

    (void)arg;
    rc = read_whole(&whole, stream);
    assert_int_equal(rc, broken ? RC_UPSTREAM : RC_OK);
    if (!broken) {
        assert_int_equal(whole.count, frame_count(stream));
        assert_int_equal(count_of(buf_slice(&whole.text), "name=-"), 0);
    }
    same_in_pieces(&whole, rc, stream, one_byte, NULL);
    for (size_t at = 1; at < stream.len; at += step) {
        size_t first = at;

        same_in_pieces(&whole, rc, stream, first_piece, &first);
    }
    for (int i = 0; i < 20; i++)
        same_in_pieces(&whole, rc, stream, random_piece, &random);
    buf_free(&whole.text);
    free(bytes);
}

static void every_recorded_stream_is_the_same_in_every_cut(void **state)
{
    (void)state;
    assert_int_equal(
        recordings_each("bedrock", ".eventstream.bin", check_recorded, NULL),
        RECORDED_COUNT);
}

static void a_recorded_stream_has_its_events(void **state)
{
    size_t len;
    char *bytes = recording_read(
        &len,
        "bedrock/tl-anthropic_converse_stream_with_tool_use.response.eventstream.bin");
    struct story s = {.count = 0};
    struct slice text;

    (void)state;
    assert_int_equal(read_whole(&s, slice_from(bytes, len)), RC_OK);
    text = buf_slice(&s.text);
    assert_true(slice_starts(
        text, SLICE("[0 name=messageStart text=- type=application/json {")));
    assert_int_equal(count_of(text, "name=contentBlockDelta"), 19);
    assert_int_equal(count_of(text, "name=contentBlockStart"), 1);
    assert_int_equal(count_of(text, "name=metadata"), 1);
    buf_free(&s.text);
    free(bytes);
}

static void a_turned_bit_is_never_believed(void **state)
{
    size_t len;
    char *bytes = recording_read(&len, small_stream);
    const struct slice stream = slice_from(bytes, len);
    struct story whole = {.count = 0};

    (void)state;
    assert_int_equal(read_whole(&whole, stream), RC_OK);
    for (size_t bit = 0; bit < 8 * stream.len; bit++) {
        struct story s = {.count = 0};

        bytes[bit / 8] ^= (char)(1 << bit % 8);
        assert_int_equal(read_whole(&s, stream), RC_UPSTREAM);
        /* What came before the damage has been given, and nothing else. */
        assert_true(slice_starts(buf_slice(&whole.text), buf_slice(&s.text)));
        assert_true(s.count < whole.count);
        buf_free(&s.text);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
    buf_free(&whole.text);
    free(bytes);
}

static void a_stream_may_end_between_frames_only(void **state)
{
    size_t len;
    char *bytes = recording_read(&len, small_stream);
    const struct slice stream = slice_from(bytes, len);
    unsigned whole_count = 0;

    (void)state;
    for (size_t at = 0; at <= stream.len; at++) {
        struct story s = {.count = 0};
        enum rc rc = read_whole(&s, slice_sub(stream, 0, at));

        assert_true(rc == RC_OK || rc == RC_UPSTREAM);
        whole_count += rc == RC_OK;
        buf_free(&s.text);
    }
    assert_int_equal(whole_count, frame_count(stream) + 1);
    free(bytes);
}

/* ---- Frames of our own ---- */

static enum rc read_frame(struct story *s, struct slice headers, struct slice payload)
{
    struct buf frame;
    enum rc rc;

    buf_init(&frame, 1 << 20);
    event_frame(&frame, headers, payload);
    rc = read_whole(s, buf_slice(&frame));
    buf_free(&frame);
    return rc;
}

#define EVENT_HEADER "\x0b:event-type\x07\x00\x01x"

static void headers_of_every_type_are_stepped_over(void **state)
{
    static const struct slice headers[] = {
        SLICE("\x01"
              "a\x00" EVENT_HEADER),
        SLICE("\x01"
              "a\x01" EVENT_HEADER),
        SLICE("\x01"
              "a\x02*" EVENT_HEADER),
        SLICE("\x01"
              "a\x03**" EVENT_HEADER),
        SLICE("\x01"
              "a\x04****" EVENT_HEADER),
        SLICE("\x01"
              "a\x05********" EVENT_HEADER),
        SLICE("\x01"
              "a\x06\x00\x03***" EVENT_HEADER),
        SLICE("\x01"
              "a\x06\x00\x00" EVENT_HEADER),
        SLICE("\x01"
              "a\x07\x00\x03***" EVENT_HEADER),
        SLICE("\x01"
              "a\x08********" EVENT_HEADER),
        SLICE("\x01"
              "a\x09****************" EVENT_HEADER),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct story s = {.count = 0};

        assert_int_equal(read_frame(&s, headers[i], SLICE("{}")), RC_OK);
        assert_true(
            slice_equal(buf_slice(&s.text), SLICE("[0 name=x text=- type=- {}]")));
        buf_free(&s.text);
    }
}

static void headers_that_do_not_fit_are_refused(void **state)
{
    static const struct slice headers[] = {
        SLICE(""), /* nothing names it */
        SLICE("\x0d:message-type\x07\x00\x05"
              "event"),
        SLICE(EVENT_HEADER "\x00\x00"), /* a name without letters */
        SLICE(EVENT_HEADER "\x02"
                           "a"), /* the name is cut */
        SLICE(EVENT_HEADER "\x01"
                           "a"), /* no type */
        SLICE(EVENT_HEADER "\x01"
                           "a\x0a"), /* no such type */
        SLICE(EVENT_HEADER "\x01"
                           "a\x09***************"),
        SLICE(EVENT_HEADER "\x01"
                           "a\x07\x00"), /* the length is cut */
        SLICE(EVENT_HEADER "\x01"
                           "a\x07\x00\x02*"),
        SLICE(EVENT_HEADER "\x01"
                           "a\x06\xff\xff*"),
        SLICE("\x0b:event-type\x06\x00\x01x"), /* bytes, and no text */
        SLICE(EVENT_HEADER "\x0d:message-type\x07\x00\x05"
                           "other"),
        SLICE(EVENT_HEADER "\x0d:message-type\x00"),
    };

    (void)state;
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct story s = {.count = 0};

        assert_int_equal(read_frame(&s, headers[i], SLICE("{}")), RC_UPSTREAM);
        assert_int_equal(s.count, 0);
        buf_free(&s.text);
    }
}

static void exceptions_and_errors_are_told_apart(void **state)
{
    struct story s = {.count = 0};
    struct buf bytes;
    struct buf headers;

    (void)state;
    buf_init(&bytes, 4096);
    buf_init(&headers, 4096);
    event_frame_message(&bytes, "exception", "throttlingException",
                        SLICE("{\"message\":\"slow\"}"));
    event_frame_header(&headers, ":error-code", SLICE("InternalFailure"));
    event_frame_header(&headers, ":error-message", SLICE("broken"));
    event_frame_header(&headers, ":message-type", SLICE("error"));
    event_frame(&bytes, buf_slice(&headers), SLICE(""));
    assert_int_equal(read_whole(&s, buf_slice(&bytes)), RC_OK);
    assert_true(
        slice_equal(buf_slice(&s.text),
                    SLICE("[1 name=throttlingException text=- type=application/json "
                          "{\"message\":\"slow\"}]"
                          "[2 name=InternalFailure text=broken type=- ]")));
    buf_free(&s.text);
    buf_free(&headers);
    buf_free(&bytes);
}

/* ---- Lengths ---- */

/* Eight bytes and their checksum. */
static enum rc read_prelude(uint32_t frame_len, uint32_t header_len, size_t limit)
{
    struct event_stream_reader r;
    struct story s = {.count = 0};
    struct buf prelude;
    enum rc rc;

    buf_init(&s.text, STORY_LIMIT);
    buf_init(&prelude, 64);
    event_frame_number(&prelude, frame_len);
    event_frame_number(&prelude, header_len);
    event_frame_number(&prelude, event_frame_crc(buf_slice(&prelude)));
    event_stream_reader_init(&r, limit);
    rc = event_stream_feed(&r, buf_slice(&prelude), tell, &s);
    assert_int_equal(event_stream_end(&r), rc == RC_OK ? RC_UPSTREAM : rc);
    event_stream_reader_free(&r);
    buf_free(&prelude);
    buf_free(&s.text);
    return rc;
}

static void a_length_is_refused_before_there_is_room_for_it(void **state)
{
    (void)state;
    assert_int_equal(read_prelude(EVENT_STREAM_FRAME_MAX, 0, 0), RC_OK);
    assert_int_equal(read_prelude(EVENT_STREAM_FRAME_MAX + 1, 0, 0), RC_TOO_BIG);
    assert_int_equal(read_prelude(UINT32_MAX, UINT32_MAX - 16, 0), RC_TOO_BIG);
    assert_int_equal(read_prelude(100, 0, 100), RC_OK);
    assert_int_equal(read_prelude(101, 0, 100), RC_TOO_BIG);
}

static void lengths_that_contradict_each_other_are_refused(void **state)
{
    (void)state;
    assert_int_equal(read_prelude(15, 0, 0), RC_UPSTREAM);
    assert_int_equal(read_prelude(0, 0, 0), RC_UPSTREAM);
    assert_int_equal(read_prelude(16, 0, 0), RC_OK);
    assert_int_equal(read_prelude(16, 1, 0), RC_UPSTREAM);
    assert_int_equal(read_prelude(20, 4, 0), RC_OK);
    assert_int_equal(read_prelude(20, 5, 0), RC_UPSTREAM);
    assert_int_equal(read_prelude(20, UINT32_MAX, 0), RC_UPSTREAM);
}

static void a_reader_that_was_stopped_stays_so(void **state)
{
    size_t len;
    char *bytes = recording_read(&len, small_stream);
    const struct slice stream = slice_from(bytes, len);
    struct story s = {.stop_at = 2};
    struct event_stream_reader r;

    (void)state;
    buf_init(&s.text, STORY_LIMIT);
    event_stream_reader_init(&r, 0);
    assert_int_equal(event_stream_feed(&r, stream, tell, &s), RC_BUSY);
    assert_int_equal(event_stream_feed(&r, stream, tell, &s), RC_BUSY);
    assert_int_equal(event_stream_end(&r), RC_BUSY);
    assert_int_equal(s.count, 2);
    event_stream_reader_free(&r);
    buf_free(&s.text);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_stream_is_the_same_in_every_cut),
        cmocka_unit_test(a_recorded_stream_has_its_events),
        cmocka_unit_test(a_turned_bit_is_never_believed),
        cmocka_unit_test(a_stream_may_end_between_frames_only),
        cmocka_unit_test(headers_of_every_type_are_stepped_over),
        cmocka_unit_test(headers_that_do_not_fit_are_refused),
        cmocka_unit_test(exceptions_and_errors_are_told_apart),
        cmocka_unit_test(a_length_is_refused_before_there_is_room_for_it),
        cmocka_unit_test(lengths_that_contradict_each_other_are_refused),
        cmocka_unit_test(a_reader_that_was_stopped_stays_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

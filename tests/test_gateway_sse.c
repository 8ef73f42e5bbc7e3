/* SPDX-License-Identifier: Apache-2.0 */
/* Event streams: the fields of the standard, all line ends, every byte passed on, and
 * the same events however the stream is cut into pieces. */
#include "gateway/sse.h"

#include "tests/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    STORY_LIMIT = 4 * 1024 * 1024
};

/* What the reader gave, one event after the other, and all raw bytes. */
struct story {
    struct buf events;
    struct buf raw;
    unsigned count;
    unsigned stop_at; /* 0: never */
};

static void tell_slice(struct buf *out, const char *key, struct slice s)
{
    buf_printf(out, " %s=", key);
    buf_append(out, s.bytes == NULL ? SLICE("-") : s);
}

/* "[event=name data=text id=- comment cut]" */
static enum rc tell(void *arg, const struct sse_event *e)
{
    struct story *s = arg;

    buf_append_char(&s->events, '[');
    tell_slice(&s->events, "event", e->event);
    tell_slice(&s->events, "data", e->data);
    tell_slice(&s->events, "id", e->id);
    buf_append_str(&s->events, e->is_comment ? " comment" : "");
    buf_append_str(&s->events, e->incomplete ? " cut]" : "]");
    buf_append(&s->raw, e->raw);
    s->count++;
    assert_int_equal(e->is_comment, e->data.bytes == NULL);
    return s->count == s->stop_at ? RC_UPSTREAM : RC_OK;
}

static void story_open(struct story *s)
{
    *s = (struct story){0};
    buf_init(&s->events, STORY_LIMIT);
    buf_init(&s->raw, STORY_LIMIT);
}

static void story_close(struct story *s)
{
    assert_false(buf_spent(&s->events) || buf_spent(&s->raw));
    buf_free(&s->events);
    buf_free(&s->raw);
}

/* Reads stream in pieces of at most piece_len bytes, the first at most first_len. */
static void read_all(struct story *s, struct slice stream, size_t first_len,
                     size_t piece_len)
{
    struct sse_reader r;

    story_open(s);
    sse_reader_init(&r, 0);
    assert_int_equal(sse_feed(&r, slice_sub(stream, 0, first_len), tell, s), RC_OK);
    for (size_t at = first_len; at < stream.len; at += piece_len)
        assert_int_equal(sse_feed(&r, slice_sub(stream, at, piece_len), tell, s),
                         RC_OK);
    assert_int_equal(sse_end(&r, tell, s), RC_OK);
    sse_reader_free(&r);
}

static void assert_same(struct slice got, struct slice want)
{
    if (!slice_equal(got, want))
        fail_msg("got  \"%.*s\"\nwant \"%.*s\"", SLICE_FMT(got), SLICE_FMT(want));
}

static void assert_story(struct slice stream, const char *events)
{
    struct story s;

    read_all(&s, stream, stream.len, 1);
    assert_same(buf_slice(&s.events), slice_str(events));
    assert_same(buf_slice(&s.raw), stream);
    story_close(&s);
    read_all(&s, stream, 0, 1);
    assert_same(buf_slice(&s.events), slice_str(events));
    story_close(&s);
}

/* The fields */

static void an_event_has_name_data_and_id(void **state)
{
    (void)state;
    assert_story(SLICE("event: delta\ndata: {\"a\":1}\nid: 7\n\n"),
                 "[ event=delta data={\"a\":1} id=7]");
}

static void several_data_lines_are_joined(void **state)
{
    (void)state;
    assert_story(SLICE("data: YHOO\ndata: +2\ndata: 10\n\n"),
                 "[ event= data=YHOO\n+2\n10 id=-]");
}

static void one_space_after_the_colon_is_taken_off(void **state)
{
    (void)state;
    assert_story(SLICE("data:x\n\ndata: x\n\ndata:  x\n\ndata:\tx\n\n"),
                 "[ event= data=x id=-][ event= data=x id=-]"
                 "[ event= data= x id=-][ event= data=\tx id=-]");
}

static void empty_data_is_data(void **state)
{
    (void)state;
    assert_story(SLICE("data\n\ndata:\n\ndata\ndata\n\n"),
                 "[ event= data= id=-][ event= data= id=-][ event= data=\n id=-]");
}

static void the_last_name_counts_and_ends_with_its_event(void **state)
{
    (void)state;
    assert_story(SLICE("event: a\nevent: b\ndata: 1\n\ndata: 2\n\nevent: a\nevent\n"
                       "data: 3\n\n"),
                 "[ event=b data=1 id=-][ event= data=2 id=-][ event= data=3 id=-]");
}

static void an_id_with_a_nul_is_ignored(void **state)
{
    (void)state;
    assert_story(SLICE("id: 1\nid: 2\0003\ndata: x\n\nid\ndata: y\n\n"),
                 "[ event= data=x id=1][ event= data=y id=]");
}

static void unknown_fields_and_other_case_are_ignored(void **state)
{
    (void)state;
    assert_story(SLICE("Data: no\n data: no\nretry: 10\nfoo\ndata: yes\n\n"),
                 "[ event= data=yes id=-]");
}

static void fields_without_data_are_given_for_passing_on(void **state)
{
    (void)state;
    assert_story(SLICE("event: ping\nretry: 3000\n\n"),
                 "[ event=ping data=- id=- comment]");
}

/* What stands between events */

static void a_comment_is_given_as_soon_as_its_line_ends(void **state)
{
    struct sse_reader r;
    struct story s;

    (void)state;
    story_open(&s);
    sse_reader_init(&r, 0);
    assert_int_equal(sse_feed(&r, SLICE(": keep-alive\n"), tell, &s), RC_OK);
    assert_same(buf_slice(&s.raw), SLICE(": keep-alive\n"));
    assert_int_equal(sse_feed(&r, SLICE("\ndata: x\n\n"), tell, &s), RC_OK);
    assert_same(buf_slice(&s.events),
                SLICE("[ event= data=- id=- comment][ event= data=- id=- comment]"
                      "[ event= data=x id=-]"));
    sse_reader_free(&r);
    story_close(&s);
}

static void a_comment_inside_an_event_belongs_to_it(void **state)
{
    (void)state;
    assert_story(SLICE("data: 1\n: note\ndata: 2\n\n"), "[ event= data=1\n2 id=-]");
}

static void a_byte_order_mark_is_skipped_once_and_passed_on(void **state)
{
    (void)state;
    assert_story(SLICE("\xef\xbb\xbf"
                       "data: x\n\n"),
                 "[ event= data=x id=-]");
    assert_story(SLICE("\xef\xbb\xbf"
                       ": c\n\xef\xbb\xbf"
                       "data: x\n\n"),
                 "[ event= data=- id=- comment][ event= data=- id=- comment]");
    assert_story(SLICE("\xef\xbb\xbf"), "[ event= data=- id=- comment cut]");
}

/* Line ends */

static void all_line_ends_give_the_same_events(void **state)
{
    static const char events[] = "[ event=a data=1\n2 id=-][ event= data=3 id=-]";

    (void)state;
    assert_story(SLICE("event: a\ndata: 1\ndata: 2\n\ndata: 3\n\n"), events);
    assert_story(SLICE("event: a\r\ndata: 1\r\ndata: 2\r\n\r\ndata: 3\r\n\r\n"),
                 events);
    assert_story(SLICE("event: a\rdata: 1\rdata: 2\r\rdata: 3\r\r"), events);
    assert_story(SLICE("event: a\rdata: 1\ndata: 2\r\n\ndata: 3\r\r\n"),
                 "[ event=a data=1\n2 id=-][ event= data=3 id=-]"
                 "[ event= data=- id=- comment cut]"); /* raw: the last \n */
    assert_story(SLICE("x\rdata: 1\r\n\r\n"), "[ event= data=1 id=-]");
    assert_story(SLICE("x\rdata: 1\n\r\n"), "[ event= data=1 id=-]");
}

static unsigned count_after(struct slice stream)
{
    struct sse_reader r;
    struct story s;
    unsigned count;

    story_open(&s);
    sse_reader_init(&r, 0);
    assert_int_equal(sse_feed(&r, stream, tell, &s), RC_OK);
    count = s.count;
    sse_reader_free(&r);
    story_close(&s);
    return count;
}

static void an_event_is_given_with_its_last_byte(void **state)
{
    (void)state;
    assert_int_equal(count_after(SLICE("data: x\n")), 0);
    assert_int_equal(count_after(SLICE("data: x\n\n")), 1);
    assert_int_equal(count_after(SLICE("data: x\r\n\r\n")), 1);
    assert_int_equal(count_after(SLICE("data: x\r\r")), 1);
}

/* The end */

static void the_end_gives_the_rest_and_says_so(void **state)
{
    (void)state;
    assert_story(SLICE("data: 1\n\ndata: 2\n"),
                 "[ event= data=1 id=-][ event= data=2 id=- cut]");
    assert_story(SLICE("data: 1\n\nevent: x\ndata: [DONE]"),
                 "[ event= data=1 id=-][ event=x data=[DONE] id=- cut]");
    assert_story(SLICE("data: 1\n\n: com"),
                 "[ event= data=1 id=-][ event= data=- id=- comment cut]");
    assert_story(SLICE("data: 1\r"), "[ event= data=1 id=- cut]");
}

static void an_empty_stream_gives_nothing(void **state)
{
    struct sse_reader r;
    struct story s;

    (void)state;
    assert_story(SLICE(""), "");
    story_open(&s);
    sse_reader_init(&r, 0);
    assert_int_equal(sse_feed(&r, SLICE_NONE, tell, &s), RC_OK);
    assert_int_equal(sse_end(&r, tell, &s), RC_OK);
    assert_int_equal(s.count, 0);
    sse_reader_free(&r);
    story_close(&s);
}

/* Limits */

enum {
    LIMIT = 64
};

/* One event of exactly total_len bytes, after one that is small. */
static enum rc read_limited(size_t total_len, size_t piece_len, unsigned *count)
{
    char stream[16 + 2 * LIMIT] = "data: small\n\ndata: ";
    const struct slice all = slice_from(stream, 13 + total_len);
    struct sse_reader r;
    struct story s;
    enum rc rc = RC_OK;

    memset(stream + 19, 'x', total_len - 8);
    memcpy(stream + 13 + total_len - 2, "\n\n", 2);
    story_open(&s);
    sse_reader_init(&r, LIMIT);
    for (size_t at = 0; at < all.len && rc == RC_OK; at += piece_len)
        rc = sse_feed(&r, slice_sub(all, at, piece_len), tell, &s);
    assert_int_equal(sse_feed(&r, SLICE("\n\n"), tell, &s) == RC_OK, rc == RC_OK);
    assert_int_equal(sse_end(&r, tell, &s), rc); /* an error stays */
    *count = s.count - (rc == RC_OK ? 2 : 0);
    sse_reader_free(&r);
    story_close(&s);
    return rc;
}

static void an_event_over_the_limit_is_refused_for_good(void **state)
{
    unsigned count;

    (void)state;
    for (size_t piece_len = 1; piece_len < (size_t)3 * LIMIT; piece_len++) {
        assert_int_equal(read_limited(LIMIT, piece_len, &count), RC_OK);
        assert_int_equal(count, 2);
        assert_int_equal(read_limited(LIMIT + 1, piece_len, &count), RC_TOO_BIG);
        assert_int_equal(count, 1);
    }
}

static void the_limit_is_for_one_event_not_for_the_stream(void **state)
{
    struct sse_reader r;
    struct story s;

    (void)state;
    story_open(&s);
    sse_reader_init(&r, LIMIT);
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(sse_feed(&r, SLICE(": ping\ndata: x\n\n"), tell, &s), RC_OK);
    assert_int_equal(s.count, 200);
    sse_reader_free(&r);
    story_close(&s);
}

static void a_callback_stops_the_reader_for_good(void **state)
{
    struct sse_reader r;
    struct story s;

    (void)state;
    story_open(&s);
    s.stop_at = 2;
    sse_reader_init(&r, 0);
    assert_int_equal(sse_feed(&r, SLICE("data: 1\n\ndata: 2\n\ndata: 3\n\n"), tell, &s),
                     RC_UPSTREAM);
    assert_int_equal(sse_feed(&r, SLICE("data: 4\n\n"), tell, &s), RC_UPSTREAM);
    assert_int_equal(sse_end(&r, tell, &s), RC_UPSTREAM);
    assert_int_equal(s.count, 2);
    sse_reader_free(&r);
    story_close(&s);
}

/* Any text, cut anywhere */

static void random_stream(struct buf *out, struct prng *p)
{
    static const char *const parts[] = {
        "data",         "data:",     "data: ", "event:", "event: a", "id: 1",
        "id:",          "retry",     ":",      ": c",    " ",        "x",
        "\xef\xbb\xbf", "{\"a\":1}", "\n",     "\n",     "\n",       "\n\n",
        "\r",           "\r",        "\r\n",   "\r\n",   "\n\r",     "\r\r\n"};
    const uint64_t count = prng_below(p, 24);

    for (uint64_t i = 0; i < count; i++)
        buf_append_str(out, parts[prng_below(p, sizeof(parts) / sizeof(parts[0]))]);
}

static void any_cut_gives_the_same_events_and_every_byte(void **state)
{
    struct prng p = {20};
    struct buf stream;

    (void)state;
    buf_init(&stream, 4096);
    for (unsigned round = 0; round < 1500; round++) {
        struct slice all;
        struct story whole;
        struct story cut;

        buf_reset(&stream);
        random_stream(&stream, &p);
        all = buf_slice(&stream);
        read_all(&whole, all, all.len, 1);
        assert_same(buf_slice(&whole.raw), all);
        for (size_t at = 0; at <= all.len; at++) {
            read_all(&cut, all, at, at == 0 ? 1 : all.len);
            assert_same(buf_slice(&cut.events), buf_slice(&whole.events));
            assert_same(buf_slice(&cut.raw), all);
            story_close(&cut);
        }
        story_close(&whole);
    }
    buf_free(&stream);
}

/* The standard's own procedure on a text in one piece: line by line, and only what it
 * would dispatch. */

static struct slice model_line(struct slice *rest)
{
    size_t len = 0;
    struct slice line;

    while (len < rest->len && rest->bytes[len] != '\n' && rest->bytes[len] != '\r')
        len++;
    line = slice_sub(*rest, 0, len);
    if (slice_starts(slice_sub(*rest, len, 2), SLICE("\r\n")))
        len++;
    *rest = slice_sub(*rest, len + 1, rest->len);
    return line;
}

struct model {
    char data[4096];
    char name[4096];
    size_t data_len;
    size_t name_len;
};

static void model_add(char *out, size_t *len, struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        out[(*len)++] = s.bytes[i];
}

static void model_field(struct model *m, struct slice line)
{
    const size_t colon = slice_find(line, ':');
    const struct slice name = slice_sub(line, 0, colon);
    struct slice value = slice_sub(line, colon + 1, line.len);

    if (value.len > 0 && value.bytes[0] == ' ')
        value = slice_sub(value, 1, value.len);
    if (slice_equal_str(name, "event")) {
        m->name_len = 0;
        model_add(m->name, &m->name_len, value);
    } else if (slice_equal_str(name, "data")) {
        model_add(m->data, &m->data_len, value);
        model_add(m->data, &m->data_len, SLICE("\n"));
    }
}

static void model_read(struct buf *out, struct slice stream)
{
    static struct model m;

    m.data_len = 0;
    m.name_len = 0;
    if (slice_starts(stream, SLICE("\xef\xbb\xbf")))
        stream = slice_sub(stream, 3, stream.len);
    while (slice_find(stream, '\n') < stream.len ||
           slice_find(stream, '\r') < stream.len) {
        const struct slice line = model_line(&stream);

        if (line.len > 0) {
            model_field(&m, line);
            continue;
        }
        if (m.data_len > 0) {
            tell_slice(out, "event", slice_from(m.name, m.name_len));
            tell_slice(out, "data", slice_from(m.data, m.data_len - 1));
        }
        m.data_len = 0;
        m.name_len = 0;
    }
}

static enum rc tell_dispatched(void *arg, const struct sse_event *e)
{
    if (!e->is_comment && !e->incomplete) {
        tell_slice(arg, "event", e->event);
        tell_slice(arg, "data", e->data);
    }
    return RC_OK;
}

static void events_are_those_of_the_standards_procedure(void **state)
{
    struct prng p = {21};
    struct buf stream;
    struct buf got;
    struct buf want;

    (void)state;
    buf_init(&stream, 4096);
    buf_init(&got, 65536);
    buf_init(&want, 65536);
    for (unsigned round = 0; round < 20000; round++) {
        struct sse_reader r;

        buf_reset(&stream);
        buf_reset(&got);
        buf_reset(&want);
        random_stream(&stream, &p);
        sse_reader_init(&r, 0);
        assert_int_equal(sse_feed(&r, buf_slice(&stream), tell_dispatched, &got),
                         RC_OK);
        assert_int_equal(sse_end(&r, tell_dispatched, &got), RC_OK);
        sse_reader_free(&r);
        model_read(&want, buf_slice(&stream));
        assert_same(buf_slice(&got), buf_slice(&want));
    }
    buf_free(&stream);
    buf_free(&got);
    buf_free(&want);
}

/* Byte by byte, a megabyte of one event: quadratic work would not end. */
static void a_large_event_in_single_bytes_is_linear(void **state)
{
    enum {
        LEN = 1000000
    };

    char *stream = malloc(LEN);
    struct sse_reader r;
    struct story s;

    (void)state;
    assert_non_null(stream);
    memset(stream, 'x', LEN);
    for (size_t at = 0; at + 6 < LEN; at += 5000)
        memcpy(stream + at, "\ndata:", 6);
    memcpy(stream, "data: ", 6);
    memcpy(stream + LEN - 2, "\n\n", 2);
    story_open(&s);
    sse_reader_init(&r, 0);
    for (size_t at = 0; at < LEN; at++)
        assert_int_equal(sse_feed(&r, slice_from(stream + at, 1), tell, &s), RC_OK);
    assert_int_equal(s.count, 1);
    assert_int_equal(buf_len(&s.raw), LEN);
    sse_reader_free(&r);
    story_close(&s);
    free(stream);
}

/* The writer */

static void assert_written(struct slice event, struct slice data, const char *want)
{
    struct buf out;

    buf_init(&out, 1024);
    sse_write(&out, event, data);
    assert_false(buf_spent(&out));
    assert_same(buf_slice(&out), slice_str(want));
    buf_free(&out);
}

static void the_writer_splits_data_into_lines(void **state)
{
    (void)state;
    assert_written(SLICE_NONE, SLICE("{}"), "data: {}\n\n");
    assert_written(SLICE("done"), SLICE("x"), "event: done\ndata: x\n\n");
    assert_written(SLICE_NONE, SLICE_NONE, "data: \n\n");
    assert_written(SLICE_NONE, SLICE("a\nb\r\nc\rd\n"),
                   "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
}

static void what_is_written_is_read_again(void **state)
{
    struct sse_reader r;
    struct story s;
    struct buf out;

    (void)state;
    buf_init(&out, 1024);
    sse_write(&out, SLICE("delta"), SLICE(" a\n\nevent: forged\n\n: b"));
    sse_write(&out, SLICE_NONE, SLICE(""));
    story_open(&s);
    sse_reader_init(&r, 0);
    assert_int_equal(sse_feed(&r, buf_slice(&out), tell, &s), RC_OK);
    assert_same(buf_slice(&s.events),
                SLICE("[ event=delta data= a\n\nevent: forged\n\n: b id=-]"
                      "[ event= data= id=-]"));
    sse_reader_free(&r);
    story_close(&s);
    buf_free(&out);
}

static void a_full_buffer_is_marked(void **state)
{
    struct buf out;

    (void)state;
    buf_init(&out, 9);
    sse_write(&out, SLICE_NONE, SLICE("ab"));
    assert_true(buf_spent(&out));
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_event_has_name_data_and_id),
        cmocka_unit_test(several_data_lines_are_joined),
        cmocka_unit_test(one_space_after_the_colon_is_taken_off),
        cmocka_unit_test(empty_data_is_data),
        cmocka_unit_test(the_last_name_counts_and_ends_with_its_event),
        cmocka_unit_test(an_id_with_a_nul_is_ignored),
        cmocka_unit_test(unknown_fields_and_other_case_are_ignored),
        cmocka_unit_test(fields_without_data_are_given_for_passing_on),
        cmocka_unit_test(a_comment_is_given_as_soon_as_its_line_ends),
        cmocka_unit_test(a_comment_inside_an_event_belongs_to_it),
        cmocka_unit_test(a_byte_order_mark_is_skipped_once_and_passed_on),
        cmocka_unit_test(all_line_ends_give_the_same_events),
        cmocka_unit_test(an_event_is_given_with_its_last_byte),
        cmocka_unit_test(the_end_gives_the_rest_and_says_so),
        cmocka_unit_test(an_empty_stream_gives_nothing),
        cmocka_unit_test(an_event_over_the_limit_is_refused_for_good),
        cmocka_unit_test(the_limit_is_for_one_event_not_for_the_stream),
        cmocka_unit_test(a_callback_stops_the_reader_for_good),
        cmocka_unit_test(any_cut_gives_the_same_events_and_every_byte),
        cmocka_unit_test(events_are_those_of_the_standards_procedure),
        cmocka_unit_test(a_large_event_in_single_bytes_is_linear),
        cmocka_unit_test(the_writer_splits_data_into_lines),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(a_full_buffer_is_marked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

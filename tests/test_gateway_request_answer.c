/* SPDX-License-Identifier: Apache-2.0 */
/* How answers leave towards a client that reads slowly: the upstream pauses, nothing is
 * lost or repeated, and memory has a bound. */
#include "gateway/sse.h"
#include "tests/gateway_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    CHUNK_LEN = 8192,
    CHUNKS = 128, /* 1 MiB in all */
    STREAM_MAX = SSE_LIMIT_BYTES + 1048576
};

static const char chat[] = "/v1/chat/completions";
static const char plain[] = "{\"model\":\"alone\",\"stream\":true,"
                            "\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
static const char done[] = "data: [DONE]\n\n";

/* A chunk of about so many bytes, that tells its number. */
static void append_chunk(struct buf *b, unsigned number, size_t len)
{
    buf_printf(b, "data: {\"n\":%u,\"choices\":[{\"delta\":{\"content\":\"", number);
    for (size_t i = 0; i < len; i++)
        buf_append_char(b, (char)('a' + (i + number) % 26));
    buf_append_str(b, "\"}}]}\n\n");
}

static void begin_stream(struct buf *b)
{
    buf_init(b, STREAM_MAX);
    upstream_says_head(upstream_last(), 200, "Content-Type: text/event-stream\n");
}

static void a_slow_client_pauses_the_upstream_and_loses_nothing(void **state)
{
    struct exchange *x = post(chat, plain);
    struct buf all;

    (void)state;
    x->slow = true;
    begin_stream(&all);
    for (unsigned i = 0; i < CHUNKS; i++)
        append_chunk(&all, i, CHUNK_LEN);
    buf_append_str(&all, done);
    upstream_says(upstream_last(), buf_slice(&all));
    assert_true(upstream_last()->paused);
    assert_in_range(buf_len(&x->out), HTTP_OUT_HIGH - 16384, HTTP_OUT_HIGH);
    for (unsigned turn = 0; x->read < buf_len(&all) && turn < 1000; turn++) {
        reads(x, 50000);
        upstream_goes_on(upstream_last());
        assert_in_range(buf_len(&x->out) - x->read, 0, HTTP_OUT_HIGH);
        if (buf_len(&upstream_last()->rest) == 0)
            ends(upstream_last(), UPSTREAM_FINE);
    }
    assert_in_range(upstream_last()->resumes, 3, 100);
    expect_whole(x);
    assert_true(slice_equal(buf_slice(&x->out), buf_slice(&all)));
    buf_free(&all);
}

static void an_event_larger_than_the_room_waits_and_comes_whole(void **state)
{
    struct exchange *x = post(chat, plain);
    struct buf all;

    (void)state;
    x->slow = true;
    begin_stream(&all);
    append_chunk(&all, 1, SSE_LIMIT_BYTES - 200);
    buf_append_str(&all, done);
    upstream_says(upstream_last(), buf_slice(&all));
    assert_int_equal(buf_len(&x->out), HTTP_OUT_HIGH);
    ends(upstream_last(), UPSTREAM_FINE);
    assert_int_equal(request_of(x)->state, REQUEST_DRAIN);
    expect_held("0"); /* the money does not wait for a slow reader */
    while (x->read < buf_len(&all)) {
        assert_false(x->ended && buf_len(&x->out) < buf_len(&all));
        reads(x, 100000);
    }
    expect_whole(x);
    assert_true(slice_equal(buf_slice(&x->out), buf_slice(&all)));
    buf_free(&all);
}

static void a_reader_that_takes_a_byte_at_a_time_gets_all(void **state)
{
    struct exchange *x = post(chat, plain);
    struct buf all;

    (void)state;
    x->slow = true;
    x->room_max = 16384;
    begin_stream(&all);
    for (unsigned i = 0; i < 8; i++)
        append_chunk(&all, i, 5000);
    buf_append_str(&all, done);
    upstream_says(upstream_last(), buf_slice(&all));
    for (unsigned turn = 0; !x->finished && turn < 100000; turn++) {
        client_reads(&gate.user, x, 1);
        upstream_goes_on(upstream_last());
        if (buf_len(&upstream_last()->rest) == 0 && !upstream_last()->ended)
            ends(upstream_last(), UPSTREAM_FINE);
    }
    expect_whole(x);
    assert_true(slice_equal(buf_slice(&x->out), buf_slice(&all)));
    buf_free(&all);
}

static void a_client_that_leaves_while_paused_ends_the_call(void **state)
{
    struct exchange *x = post(chat, plain);
    struct buf all;

    (void)state;
    x->slow = true;
    begin_stream(&all);
    for (unsigned i = 0; i < CHUNKS; i++)
        append_chunk(&all, i, CHUNK_LEN);
    upstream_says(upstream_last(), buf_slice(&all));
    assert_true(upstream_last()->paused);
    leave(x);
    assert_true(upstream_last()->cancelled);
    assert_true(x->finished);
    buf_free(&all);
}

static void a_break_is_told_behind_what_waits(void **state)
{
    struct exchange *x = post(chat, plain);
    struct buf all;
    struct slice out;

    (void)state;
    x->slow = true;
    begin_stream(&all);
    append_chunk(&all, 1, 400000);
    upstream_says(upstream_last(), buf_slice(&all));
    ends(upstream_last(), UPSTREAM_CUT);
    while (!x->finished)
        reads(x, HTTP_OUT_HIGH);
    out = buf_slice(&x->out);
    assert_true(slice_starts(out, buf_slice(&all)));
    assert_true(slice_starts(slice_sub(out, buf_len(&all), out.len),
                             SLICE("data: {\"error\":{")));
    expect_whole(x);
    buf_free(&all);
}

static void every_answer_has_the_requests_id_once(void **state)
{
    struct exchange *x = post(chat, plain);
    struct slice headers, name = SLICE("x-request-id: req_");
    size_t at;

    (void)state;
    streams(upstream_last(), "data: {\"choices\":[{}]}\n\n");
    says(upstream_last(), done);
    ends(upstream_last(), UPSTREAM_FINE);
    headers = buf_slice(&x->headers);
    at = slice_search(headers, name);
    assert_true(at < headers.len);
    headers = slice_sub(headers, at + 1, headers.len);
    assert_int_equal(slice_search(headers, name), headers.len);
}

static void what_need_not_be_repeated_says_so(void **state)
{
    struct exchange *x = ask("POST", chat, "", plain);

    (void)state;
    expect_status(x, 402);
    expect_header(x, "x-should-retry", "false");
    x = get("/nothing");
    expect_status(x, 404);
    expect_no_header(x, "x-should-retry");
    expect_no_header(x, "Retry-After");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(a_slow_client_pauses_the_upstream_and_loses_nothing),
        GATE_TEST(an_event_larger_than_the_room_waits_and_comes_whole),
        GATE_TEST(a_reader_that_takes_a_byte_at_a_time_gets_all),
        GATE_TEST(a_client_that_leaves_while_paused_ends_the_call),
        GATE_TEST(a_break_is_told_behind_what_waits),
        GATE_TEST(every_answer_has_the_requests_id_once),
        GATE_TEST(what_need_not_be_repeated_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

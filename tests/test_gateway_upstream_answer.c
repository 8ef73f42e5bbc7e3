/* SPDX-License-Identifier: Apache-2.0 */
/* What of an answer comes in: heads, bodies, encodings, the limits on them, and answers
 * that break HTTP. */
#include "gateway/upstream.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/upstream_probe.h"

static void answer_hello(struct fake_connection *c)
{
    while (fake_read(c))
        fake_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: 1\r\n\r\nhello");
}

/* Answers with what was given, and closes unless it says "(stay)". */
static void answer_given(struct fake_connection *c)
{
    const char *text;
    size_t len;

    if (!fake_read(c))
        return;
    text = fake_given(c, &len);
    fake_send(c, text, len);
    if (memmem(text, len, "(stay)", 6) != NULL)
        fake_wait_closed(c);
}

static void serve_text(const char *text)
{
    probe_server(answer_given);
    fake_give(probe_fake, text, strlen(text));
}

static void interim_answers_and_trailers_are_swallowed(void **state)
{
    struct probe p;

    (void)state;
    serve_text("HTTP/1.1 100 Continue\r\n\r\n"
               "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
               "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\nX-A:  b \r\n\r\n"
               "3;ext=1\r\nabc\r\n0\r\nX-Trailer: t\r\n\r\n(stay)");
    probe_init(&p, "GET", "/");
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_FINE);
    assert_int_equal(p.head_count, 1);
    assert_int_equal(p.status, 201);
    assert_true(slice_equal(buf_slice(&p.headers),
                            SLICE("Transfer-Encoding: chunked\nX-A: b\n")));
    assert_taken(&p, "abc");
    probe_free(&p);
}

static void slow_stream(struct fake_connection *c)
{
    if (!fake_read(c))
        return;
    fake_wait_signal(c);
    fake_say(c, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
    fake_wait_signal(c);
    fake_say(c, "data: 1\n\n");
    fake_wait_signal(c);
    fake_say(c, "data: 2\n\n");
}

static void head_and_pieces_are_shown_as_they_come(void **state)
{
    struct probe p;

    (void)state;
    probe_server(slow_stream);
    probe_init(&p, "GET", "/");
    probe_start(&p);
    fake_signal(probe_fake);
    probe_turn_until(&p.head_count, 1);
    assert_int_equal(p.data_count, 0);
    fake_signal(probe_fake);
    probe_turn_until(&p.data_count, 1);
    assert_taken(&p, "data: 1\n\n");
    assert_int_equal(p.end_count, 0);
    fake_signal(probe_fake);
    probe_turn_until(&p.end_count, 1);
    assert_int_equal(p.fail, UPSTREAM_FINE); /* its end is the connection's */
    assert_taken(&p, "data: 1\n\ndata: 2\n\n");
    probe_free(&p);
}

static void a_redirect_is_an_answer_like_others(void **state)
{
    struct probe p;

    (void)state;
    serve_text("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
               "Content-Length: 0\r\n\r\n");
    probe_init(&p, "GET", "/");
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_FINE);
    assert_int_equal(p.status, 302);
    assert_int_equal(fake_requests(probe_fake), 1);
    probe_free(&p);
}

static void answer_gzip(struct fake_connection *c)
{
    static const char hello[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd"
                                "\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00\x00\x00";

    while (fake_read(c)) {
        fake_say(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nX-A: b\r\n"
                    "Content-Length: 25\r\n\r\n");
        fake_send(c, hello, 25);
    }
}

static void encoding_is_undone_if_asked_for(void **state)
{
    static char head[FAKE_TEXT_SIZE];
    struct probe p;
    uint64_t sum;
    size_t len;

    (void)state;
    probe_server(answer_gzip);
    for (unsigned round = 0; round < 2; round++) { /* one does not colour the other */
        probe_init(&p, "GET", "/");
        p.spec.decode = true;
        probe_run(&p);
        assert_int_equal(p.fail, UPSTREAM_FINE);
        assert_taken(&p, "hello");
        assert_true(slice_equal(buf_slice(&p.headers), SLICE("X-A: b\n")));
        fake_last(probe_fake, head, &len, &sum);
        assert_has(slice_str(head), "\r\nAccept-Encoding: gzip, deflate, br\r\n");
        probe_free(&p);

        probe_init(&p, "GET", "/");
        probe_run(&p);
        assert_int_equal(p.fail, UPSTREAM_FINE);
        assert_int_equal(buf_len(&p.body), 25);
        assert_has(buf_slice(&p.headers), "Content-Encoding: gzip\n");
        assert_has(buf_slice(&p.headers), "Content-Length: 25\n");
        fake_last(probe_fake, head, &len, &sum);
        assert_has_not(slice_str(head), "Accept-Encoding");
        probe_free(&p);
    }
}

/* ---- Limits ---- */

static void answer_without_end(struct fake_connection *c)
{
    static char piece[32768];

    if (!fake_read(c))
        return;
    fake_say(c, "HTTP/1.1 200 OK\r\n\r\n");
    for (unsigned i = 0; i < 4096; i++)
        fake_send(c, piece, sizeof(piece));
}

static void an_endless_body_is_cut_at_the_limit(void **state)
{
    struct probe p;

    (void)state;
    probe_server(answer_without_end);
    probe_init(&p, "GET", "/");
    p.spec.max_response_bytes = 1000000;
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_TOO_BIG);
    assert_int_equal(p.head_count, 1);
    assert_true(buf_len(&p.body) <= 1000000 && buf_len(&p.body) > 1000000 - 16384);
    assert_true(p.piece_max <= 16384);
    probe_free(&p);
}

static void the_limit_itself_is_not_too_big(void **state)
{
    struct probe p;

    (void)state;
    probe_server(answer_hello);
    probe_init(&p, "GET", "/");
    p.spec.max_response_bytes = 5;
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_FINE);
    assert_taken(&p, "hello");
    probe_free(&p);

    probe_init(&p, "GET", "/");
    p.spec.max_response_bytes = 4;
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_TOO_BIG); /* by what it announces */
    assert_int_equal(p.head_count, 0);
    probe_free(&p);
}

/* A deflate stream (RFC 1951) of one zero byte and `count` times 258 more of it,
 * without its end: 13 bits stand for 258 bytes. */
static size_t make_bomb(uint8_t *out, size_t count)
{
    uint64_t bits = 0;
    unsigned held = 0;
    size_t len = 0;

    bits |= UINT64_C(1) << 1; /* not the last block; fixed codes */
    held = 3;
    bits |= UINT64_C(0x0c) << held; /* literal 0: 00110000, first bit first */
    held += 8;
    for (size_t i = 0; i < count; i++) {
        bits |= UINT64_C(0xa3) << held; /* length 258: 11000101, then distance 00000 */
        held += 13;
        while (held >= 8) {
            out[len++] = (uint8_t)bits;
            bits >>= 8;
            held -= 8;
        }
    }
    return len;
}

static void answer_bomb(struct fake_connection *c)
{
    static uint8_t bomb[400000];
    const size_t len = make_bomb(bomb, 200000); /* 51.6 MB */

    if (!fake_read(c))
        return;
    fake_say(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
    fake_send(c, "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03", 10);
    fake_send(c, bomb, len);
}

static void what_inflates_is_cut_at_the_limit(void **state)
{
    struct probe p;

    (void)state;
    probe_server(answer_bomb);
    probe_init(&p, "GET", "/");
    p.spec.decode = true;
    p.spec.max_response_bytes = 20000000;
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_TOO_BIG);
    assert_true(buf_len(&p.body) > 20000000 - 16384);
    probe_free(&p);
}

/* What was given comes again and again: in a head, in trailers, or as heads. */
static void answer_flood(struct fake_connection *c)
{
    const char *text;
    size_t len;

    if (!fake_read(c))
        return;
    text = fake_given(c, &len);
    fake_say(c, "HTTP/1.1 100 Continue\r\n\r\n");
    if (strncmp(text, "HTTP", 4) != 0)
        fake_say(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n");
    if (strncmp(text, "T:", 2) == 0)
        fake_say(c, "\r\n1\r\nx\r\n0\r\n");
    for (unsigned i = 0; i < 100000; i++)
        fake_send(c, text, len);
}

static void a_flood_of_headers_is_too_big(void **state)
{
    static char long_line[5000];
    const char *const floods[] = {"A: b\r\n", "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n",
                                  "T: x\r\n", long_line};

    (void)state;
    memset(long_line, 'x', sizeof(long_line) - 3);
    memcpy(long_line, "X-Y: ", 5);
    memcpy(long_line + sizeof(long_line) - 3, "\r\n", 3);
    probe_server(answer_flood);
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        fake_give(probe_fake, floods[i], strlen(floods[i]));
        assert_int_equal(probe_get("/"), UPSTREAM_TOO_BIG);
    }
}

/* ---- Answers that are none ---- */

static void broken_answers_are_cut(void **state)
{
    static const struct {
        const char *text;
        unsigned head_count; /* 1: only its body is broken */
    } broken[] = {
        {"", 0},
        {"garbage\r\n\r\nhello", 0},
        {"HTTP/1.1 200 OK\r\nContent-Le", 0},
        {"HTTP/1.1 100 Continue\r\n\r\n", 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\nhello", 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\nhello", 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello", 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
         "0\r\n\r\n",
         0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
         "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
         0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 0},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nhello", 0},
        {"HTTP/1.1 200 OK\r\nX-A: b\r\n folded\r\n\r\nhello", 0},
        {"HTTP/1.1 200 OK\r\nX-A : b\r\n\r\nhello", 0},
        {"HTTP/1.1 200 OK\r\nno colon\r\n\r\nhello", 0},
        {"HTTP/1.1 200 OK\r\n: none\r\n\r\nhello", 0},
        {"HTTP/1.1 200 OK\r\nX-A: \x01\r\n\r\nhello", 0},
        {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nhello", 0},
        {"HTTP/1.1 999 Odd\r\n\r\nhello", 0},
        {"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", 1},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello", 1},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", 1},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 1},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
         "ffffffffffffffffff\r\nhello",
         1},
    };

    (void)state;
    probe_server(answer_given);
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        struct probe p;

        fake_give(probe_fake, broken[i].text, strlen(broken[i].text));
        probe_init(&p, "GET", "/");
        probe_run(&p);
        if (p.fail != UPSTREAM_CUT || p.head_count != broken[i].head_count)
            fail_msg("%s\n%u: %s, %u heads", broken[i].text, (unsigned)p.fail, p.detail,
                     p.head_count);
        assert_true(p.detail[0] != '\0');
        probe_free(&p);
    }
    assert_int_equal(fake_requests(probe_fake), sizeof(broken) / sizeof(broken[0]));
}

static void bytes_that_are_no_gzip_are_cut(void **state)
{
    struct probe p;

    (void)state;
    serve_text("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 15\r\n\r\n"
               "this is no gzip");
    probe_init(&p, "GET", "/");
    p.spec.decode = true;
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_CUT);
    assert_int_equal(p.data_count, 0);
    probe_free(&p);
}

static void a_nul_in_a_header_is_cut(void **state)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nX-A: a\0b\r\n\r\nhello";

    (void)state;
    probe_server(answer_given);
    fake_give(probe_fake, text, sizeof(text) - 1);
    assert_int_equal(probe_get("/"), UPSTREAM_CUT);
}

static void lengths_that_agree_are_one(void **state)
{
    (void)state;
    serve_text(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\ncontent-length: 5\r\n\r\nhello");
    assert_int_equal(probe_get("/"), UPSTREAM_FINE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, probe_set_up, probe_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(interim_answers_and_trailers_are_swallowed),
        TEST(head_and_pieces_are_shown_as_they_come),
        TEST(a_redirect_is_an_answer_like_others),
        TEST(encoding_is_undone_if_asked_for),
        TEST(an_endless_body_is_cut_at_the_limit),
        TEST(the_limit_itself_is_not_too_big),
        TEST(what_inflates_is_cut_at_the_limit),
        TEST(a_flood_of_headers_is_too_big),
        TEST(broken_answers_are_cut),
        TEST(bytes_that_are_no_gzip_are_cut),
        TEST(a_nul_in_a_header_is_cut),
        TEST(lengths_that_agree_are_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

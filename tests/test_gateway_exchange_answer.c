/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange on its way out: framing, headers, broken answers, slow clients. */
#include "gateway/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/server_fixture.h"

static int open_default(void **state)
{
    (void)state;
    served_open(&(struct server_options){0});
    return 0;
}

/* ---- Answers ---- */

static void answers_to_head_tell_the_length_and_send_nothing(void **state)
{
    struct client *c = client_open();
    const struct answer *a;

    (void)state;
    client_ask_hold(c, "HEAD");
    served_answer(200, false, 0, SLICE("hello"));
    a = client_answer(c, false);
    assert_true(answer_has(a, "Content-Length: 5"));
    expect_second_works(c);

    client_ask_hold(c, "HEAD");
    served_answer(200, true, 12345, SLICE_NONE);
    a = client_answer(c, false);
    assert_true(answer_has(a, "Content-Length: 12345"));
    expect_second_works(c);

    client_ask_hold(c, "HEAD");
    served_answer(200, true, UINT64_MAX, SLICE("not to be sent"));
    a = client_answer(c, false);
    assert_int_equal(a->status, 200);
    assert_false(answer_has(a, "Content-Length:"));
    assert_false(answer_has(a, "Transfer-Encoding:"));
    assert_true(client_sees_end(c));
    assert_int_equal(buf_len(&c->in), 0);
    assert_int_equal(served.failures, 0);
}

static void answers_without_a_body_have_no_framing(void **state)
{
    static const unsigned statuses[] = {204, 304};
    const struct answer *a;
    struct client *c;

    (void)state;
    for (unsigned i = 0; i < 8; i++) {
        c = client_open();
        client_ask_hold(c, "GET");
        served_answer(statuses[i % 2], i / 2 % 2, i < 4 ? UINT64_MAX : 100,
                      SLICE("swallowed"));
        a = client_answer(c, true);
        assert_int_equal(a->status, statuses[i % 2]);
        assert_false(answer_has(a, "Content-Length:"));
        assert_false(answer_has(a, "Transfer-Encoding:"));
        if (i % 2 == 0)
            expect_second_works(c);
        else
            assert_true(client_sees_end(c));
        assert_int_equal(buf_len(&c->in), 0);
    }
}

static void streams_of_unknown_length_are_chunked(void **state)
{
    struct client *c = client_hold();

    (void)state;
    exchange_stream(served.x, 200, UINT64_MAX);
    turns(3);
    client_read(c);
    assert_true(slice_ends(buf_slice(&c->in), SLICE("chunked\r\n\r\n"))); /* at once */
    exchange_write(served.x, SLICE("hello"));
    turns(3);
    client_read(c);
    assert_true(slice_ends(buf_slice(&c->in), SLICE("\r\n5\r\nhello\r\n")));
    exchange_write(served.x, SLICE(", "));
    exchange_write(served.x, SLICE_NONE);
    exchange_write(served.x, SLICE("world"));
    exchange_end(served.x, true);
    served_finish();
    expect_body(client_answer(c, true), "hello, world");
    expect_second_works(c);
}

static void an_empty_stream_is_whole(void **state)
{
    struct client *c = client_hold();

    (void)state;
    served_answer(200, true, UINT64_MAX, SLICE_NONE);
    expect_body(client_answer(c, true), "");
    client_ask_hold(c, "GET");
    served_answer(200, true, 0, SLICE_NONE);
    expect_body(client_answer(c, true), "");
    expect_second_works(c);
    assert_int_equal(served.failures, 0);
}

static void streams_to_http_1_0_end_with_the_connection(void **state)
{
    struct client *c = client_open();
    const struct answer *a;

    (void)state;
    client_say(c, "GET /hold HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    turns(3);
    served_answer(200, true, UINT64_MAX, SLICE("hello"));
    a = client_answer(c, true);
    assert_false(answer_has(a, "Transfer-Encoding:"));
    expect_body(a, "hello");
    assert_true(c->closed);

    /* The same, when the library waits for more as the end comes, and has others. */
    c = client_open();
    client_say(c, "GET /hold HTTP/1.0\r\n\r\n");
    turns(3);
    expect_second_works(client_open());
    exchange_stream(served.x, 200, UINT64_MAX);
    exchange_write(served.x, SLICE("hello"));
    turns(5);
    exchange_end(served.x, true);
    served_finish();
    expect_body(client_answer(c, true), "hello");
    assert_true(c->closed);
    assert_int_equal(served.failures, 0);
}

/* With its last byte the client has the whole answer: that is for the user to say. */
static void the_last_byte_goes_with_the_end(void **state)
{
    struct client *c = client_hold();

    (void)state;
    exchange_stream(served.x, 200, 10);
    exchange_write(served.x, SLICE("01234"));
    exchange_write(served.x, SLICE("56789"));
    turns(10);
    client_read(c);
    assert_true(slice_ends(buf_slice(&c->in), SLICE("\r\n\r\n012345678")));
    exchange_end(served.x, true);
    served_finish();
    expect_body(client_answer(c, true), "0123456789");
    expect_second_works(c);
}

static void a_broken_answer_is_seen_to_be_broken(void **state)
{
    static const struct {
        uint64_t length;
        struct slice text;
        bool complete;
    } cases[] = {
        {UINT64_MAX, {"hello", 5}, false},
        {UINT64_MAX, {NULL, 0}, false},
        {10, {"hello", 5}, false},
        {10, {"hello", 5}, true}, /* ended too early, whatever the user says */
        {5, {"hello", 5}, false}, /* all is there, but not good */
    };

    (void)state;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct client *c = client_hold();

        exchange_stream(served.x, 200, cases[i].length);
        exchange_write(served.x, cases[i].text);
        exchange_end(served.x, cases[i].complete);
        served_finish();
        assert_false(client_answer(c, true)->complete);
        assert_true(c->closed);
    }
    assert_int_equal(served.failures, 0);
}

static void more_than_announced_is_not_sent(void **state)
{
    struct client *c = client_hold();

    (void)state;
    served_answer(200, true, 5, SLICE("hello, world"));
    expect_body(client_answer(c, true), "hello");
    expect_second_works(c);
}

static void a_status_that_is_none_becomes_bad_gateway(void **state)
{
    static const unsigned statuses[] = {0, 99, 100, 101, 199, 600, 999, 100000};
    struct client *c;

    (void)state;
    for (unsigned i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        c = client_hold();
        served_answer(statuses[i], i % 2, UINT64_MAX, SLICE("x"));
        assert_int_equal(client_answer(c, true)->status, 502);
    }
}

static void answers_carry_headers(void **state)
{
    struct client *c = client_hold();
    const struct answer *a;

    (void)state;
    assert_int_equal(exchange_header(served.x, "X-A", SLICE("one")), RC_OK);
    assert_int_equal(exchange_header(served.x, "X-A", SLICE(" two\tthree ")), RC_OK);
    assert_int_equal(exchange_header(served.x, "X-B", SLICE("\xc3\xa4")), RC_OK);
    exchange_close_after(served.x);
    served_answer(200, false, 0, SLICE("x"));
    a = client_answer(c, true);
    assert_true(answer_has(a, "X-A: one\r\n"));
    assert_true(answer_has(a, "X-A: two\tthree\r\n"));
    assert_true(answer_has(a, "X-B: \xc3\xa4\r\n"));
    assert_true(answer_has(a, "Date: "));
    assert_false(answer_has(a, "Server:"));
    assert_true(answer_has(a, "Connection: close\r\n"));
    assert_true(client_sees_end(c));
}

static void a23_headers_cannot_split_an_answer(void **state)
{
    static const char *const names[] = {
        "Content-Length", "transfer-encoding", "Connection", "Upgrade", "X A", "", "X:",
        "X\r\nY",
    };
    static const struct slice values[] = {
        {"a\r\nX-B: c", 9}, {"a\nb", 3}, {"a\rb", 3}, {"a\0b", 3},
        {"\x7f", 1},        {"", 0},     {"  ", 2},
    };
    struct client *c = client_hold();
    const struct answer *a;

    (void)state;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(exchange_header(served.x, names[i], SLICE("v")), RC_BAD_INPUT);
    for (unsigned i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        assert_int_equal(exchange_header(served.x, "X-A", values[i]), RC_BAD_INPUT);
    served_answer(200, false, 0, SLICE("x"));
    a = client_answer(c, true);
    assert_int_equal(a->status, 200);
    assert_false(answer_has(a, "X-"));
    expect_body(a, "x");
}

static void the_headers_of_an_answer_have_a_limit(void **state)
{
    struct client *c = client_hold();
    char *value = letters(8000);

    (void)state;
    assert_int_equal(exchange_header(served.x, "X-A", slice_str(value)), RC_OK);
    assert_int_equal(exchange_header(served.x, "X-B", slice_str(value)), RC_OK);
    assert_int_equal(exchange_header(served.x, "X-C", slice_str(value)), RC_TOO_BIG);
    served_answer(200, false, 0, SLICE("x"));
    assert_int_equal(client_answer(c, true)->status, 200);
    free(value);
}

/* ---- Slow clients ---- */

static void a18_a_slow_reader_gets_every_byte(void **state)
{
    const size_t len = 8 * 1024 * 1024;
    struct client *c = client_open_small(4096);
    const struct answer *a;
    unsigned writables = 0;
    size_t at = 0;

    (void)state;
    client_say(c, HOLD);
    turns(3);
    exchange_stream(served.x, 200, UINT64_MAX);
    at = served_write_pattern(at, len);
    assert_int_equal(at, HTTP_OUT_HIGH);
    turns(20);
    at = served_write_pattern(at, len);
    turns(20);
    assert_true(at < 4 * 1024 * 1024); /* nobody reads: it stops */
    assert_int_equal(exchange_room(served.x), 0);
    while (at < len) {
        client_read(c);
        turns(1);
        if (served.writables > writables) {
            writables = served.writables;
            at = served_write_pattern(at, len);
        }
    }
    assert_true(writables > 10);
    exchange_end(served.x, true);
    served_finish();
    a = client_answer(c, true);
    assert_true(a->complete && buf_len(&a->body) == len);
    for (size_t i = 0; i < len; i++)
        assert_int_equal(buf_slice(&a->body).bytes[i], pattern_at(i));
}

/* The kernels' probes of the closed window go by their own clock, and now and then one
 * byte more is taken. */
static void wait_for_stall(void)
{
    for (unsigned i = 0; i < 40 && !server_idle(served_server); i++)
        advance(30000);
}

static void a18_a_reader_that_takes_nothing_is_cut(void **state)
{
    const size_t len = 32 * 1024 * 1024;
    struct client *c = client_open_small(4096);

    (void)state;
    client_say(c, HOLD);
    turns(3);
    exchange_stream(served.x, 200, UINT64_MAX);
    for (unsigned i = 0; i < 20; i++) {
        (void)served_write_pattern(0, len);
        turns(5);
    }
    for (unsigned i = 0; i < 4; i++)
        advance(29000);
    assert_int_equal(served.failures, 0);
    wait_for_stall();
    assert_int_equal(served.failures, 1);
    assert_int_equal(served.failed, RC_GONE);
    assert_true(server_idle(served_server));
}

/* Also when the user has left long ago, and the answer is only in the library. */
static void a18_an_answer_that_nobody_takes_is_dropped(void **state)
{
    struct client *c = client_open_small(4096);
    char *body = letters(16 * 1024 * 1024);

    (void)state;
    client_say(c, HOLD);
    turns(3);
    exchange_reply(served.x, 200, slice_str(body));
    served_finish();
    free(body);
    turns(20);
    for (unsigned i = 0; i < 4; i++)
        advance(29000);
    assert_false(server_idle(served_server));
    wait_for_stall();
    assert_true(server_idle(served_server));
    assert_int_equal(served.failures, 0);
}

static void a18_who_takes_a_little_is_not_cut(void **state)
{
    const size_t len = 16 * 1024 * 1024;
    struct client *c = client_open_small(4096);
    char bytes[65536];

    (void)state;
    client_say(c, HOLD);
    turns(3);
    exchange_stream(served.x, 200, UINT64_MAX);
    for (unsigned i = 0; i < 30; i++) {
        (void)served_write_pattern(0, len);
        turns(5);
        assert_true(recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0);
        turns(5);
        advance(29000);
        assert_int_equal(served.failures, 0);
    }
    exchange_end(served.x, false);
    served_finish();
}

static void a_quiet_stream_is_not_a_stall(void **state)
{
    struct client *c = client_hold();

    (void)state;
    exchange_stream(served.x, 200, 10);
    exchange_write(served.x, SLICE("0123456789")); /* of which one waits for the end */
    turns(5);
    for (unsigned i = 0; i < 20; i++)
        advance(30000);
    assert_int_equal(served.failures, 0);
    exchange_end(served.x, true);
    served_finish();
    expect_body(client_answer(c, true), "0123456789");
}

#define EXCHANGE_TEST(test) \
    cmocka_unit_test_setup_teardown(test, open_default, served_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXCHANGE_TEST(answers_to_head_tell_the_length_and_send_nothing),
        EXCHANGE_TEST(answers_without_a_body_have_no_framing),
        EXCHANGE_TEST(streams_of_unknown_length_are_chunked),
        EXCHANGE_TEST(an_empty_stream_is_whole),
        EXCHANGE_TEST(streams_to_http_1_0_end_with_the_connection),
        EXCHANGE_TEST(the_last_byte_goes_with_the_end),
        EXCHANGE_TEST(a_broken_answer_is_seen_to_be_broken),
        EXCHANGE_TEST(more_than_announced_is_not_sent),
        EXCHANGE_TEST(a_status_that_is_none_becomes_bad_gateway),
        EXCHANGE_TEST(answers_carry_headers),
        EXCHANGE_TEST(a23_headers_cannot_split_an_answer),
        EXCHANGE_TEST(the_headers_of_an_answer_have_a_limit),
        EXCHANGE_TEST(a18_a_slow_reader_gets_every_byte),
        EXCHANGE_TEST(a18_a_reader_that_takes_nothing_is_cut),
        EXCHANGE_TEST(a18_an_answer_that_nobody_takes_is_dropped),
        EXCHANGE_TEST(a18_who_takes_a_little_is_not_cut),
        EXCHANGE_TEST(a_quiet_stream_is_not_a_stall),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

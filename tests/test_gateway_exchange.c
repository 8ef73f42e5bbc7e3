/* SPDX-License-Identifier: Apache-2.0 */
/* One exchange on its way in: heads, bodies, and all the ways in which a client leaves.
 */
#include "gateway/server.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/loop.h"
#include "tests/server_fixture.h"

static int open_default(void **state)
{
    (void)state;
    served_open(&(struct server_options){0});
    return 0;
}

/* ---- Requests ---- */

static void a_connection_serves_many(void **state)
{
    struct client *c = client_open();

    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        client_say(c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
        expect_body(client_answer(c, true), "hello");
    }
    assert_int_equal(served.bodies, 20);
    assert_int_equal(served.failures, 0);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct client *c = client_open();

    (void)state;
    client_say(c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\na"
                  "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nb"
                  "\r\n"
                  "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nc");
    expect_body(client_answer(c, true), "a");
    expect_body(client_answer(c, true), "b");
    expect_body(client_answer(c, true), "c");
}

static void a_pipelined_request_waits_for_the_answer_before(void **state)
{
    struct client *c = client_open();

    (void)state;
    client_say(c, HOLD SECOND);
    turns(10);
    assert_int_equal(served.heads, 1);
    exchange_reply(served.x, 200, SLICE("first"));
    served_finish();
    expect_body(client_answer(c, true), "first");
    expect_body(client_answer(c, true), "");
}

static void http_1_0_is_spoken(void **state)
{
    struct client *c = client_open();

    (void)state;
    client_say(c, "GET /echo HTTP/1.0\r\n\r\n");
    assert_int_equal(client_answer(c, true)->status, 200);
    assert_true(client_sees_end(c));
    c = client_open();
    client_say(c, "GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_int_equal(client_answer(c, true)->status, 200);
    expect_second_works(c);
}

static void send_length(struct client *c, const char *path, size_t len)
{
    char head[256];

    (void)snprintf(head, sizeof(head),
                   "POST %s HTTP/1.1\r\n" HOST "Content-Length: %zu\r\n\r\n", path,
                   len);
    client_say(c, head);
}

static void large_bodies_come_in_and_go_out(void **state)
{
    const size_t len = 5 * 1024 * 1024 + 7;
    struct client *c = client_open();
    char *body = letters(len);
    const struct answer *a;

    (void)state;
    send_length(c, "/echo", len);
    client_send(c, slice_from(body, len));
    a = client_answer(c, true);
    assert_true(a->complete && buf_len(&a->body) == len);
    assert_memory_equal(buf_slice(&a->body).bytes, body, len);
    expect_second_works(c);
    free(body);
}

static void chunks_come_in_at_any_cut(void **state)
{
    static const char request[] =
        "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n1;x=y\r\n,\r\n00a\r\n 123456789\r\n0\r\nTrailer: x\r\n\r\n";
    const struct answer *a;
    struct client *c;

    (void)state;
    for (size_t piece = 1; piece < 8; piece++) {
        c = client_open();
        for (size_t at = 0; at < sizeof(request) - 1; at += piece)
            client_send(c, slice_sub(SLICE(request), at, piece));
        a = client_answer(c, true);
        expect_body(a, "hello, 123456789");
        /* Nothing can hide behind chunks that others might read in another way. */
        assert_true(answer_has(a, "Connection: close"));
        assert_true(client_sees_end(c));
    }
}

static void a9_malformed_chunks_end_the_connection(void **state)
{
    static const char *const sizes[] = {"-1", "0x5", "fffffffffffffffff",        "g",
                                        "",   " 5",  "ffffffffffffffff\r\n\r\nx"};
    struct client *c;
    char request[512];

    (void)state;
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        c = client_open();
        (void)snprintf(
            request, sizeof(request),
            "POST /small HTTP/1.1\r\n" HOST
            "Transfer-Encoding: chunked\r\n\r\n%s\r\nhello, hello\r\n0\r\n\r\n",
            sizes[i]);
        client_say(c, request);
        assert_in_range(client_answer(c, true)->status, 400, 413);
        client_half_close(c);
        assert_true(client_sees_end(c));
        turns(3);
        assert_int_equal(served.failures, i + 1);
        assert_int_equal(served.bodies, 0);
    }
}

static double cpu_seconds(void)
{
    struct timespec t;

    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* It fills the library's buffer, which then asks to be run again for ever. */
static void a9_an_endless_chunk_extension_does_not_spin(void **state)
{
    struct client *c = client_open();
    char *fill = letters(120000);
    double before;

    (void)state;
    client_say(c,
               "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5;");
    client_send(c, slice_str(fill));
    turns(100);
    before = cpu_seconds();
    for (unsigned i = 0; i < 20; i++)
        loop_turn(served_loop, 20); /* sleeps 5 ms each, not 0 */
    assert_true(cpu_seconds() - before < 0.05);
    expect_second_works(client_open());
    advance(31000);
    assert_int_equal(client_answer(c, true)->status, 408);
    advance(2100);
    assert_true(client_sees_end(c));
    free(fill);
}

static void expectations_are_met_when_the_body_is_wanted(void **state)
{
    struct client *c = client_open();

    (void)state;
    client_say(c, "POST /echo HTTP/1.1\r\n" HOST
                  "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    turns(5);
    client_read(c);
    assert_true(slice_equal_str(buf_slice(&c->in), "HTTP/1.1 100 Continue\r\n\r\n"));
    buf_consume(&c->in, buf_len(&c->in));
    client_say(c, "hi");
    expect_body(client_answer(c, true), "hi");
}

static void a12_a_body_that_is_not_wanted_is_not_asked_for(void **state)
{
    struct client *c = client_open();

    (void)state;
    client_say(c, "POST /now HTTP/1.1\r\n" HOST
                  "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    assert_int_equal(client_answer(c, true)->status, 402);
    assert_true(client_sees_end(c));
    c = client_open();
    client_say(c, "POST /small HTTP/1.1\r\n" HOST
                  "Expect: 100-continue\r\nContent-Length: 11\r\n\r\n");
    assert_int_equal(client_answer(c, true)->status, 413);
    assert_true(client_sees_end(c));
    assert_int_equal(served.bodies, 0);
    assert_int_equal(served.failed, RC_TOO_BIG);
}

/* The socket would be reset, and the client would lose the answer. */
static void an_early_answer_survives_the_body_behind_it(void **state)
{
    const size_t len = 2 * 1024 * 1024;
    struct client *c = client_open();
    char *body = letters(len);

    (void)state;
    send_length(c, "/now", len);
    turns(10); /* the answer is out and the library has closed */
    client_send(c, slice_from(body, len));
    expect_body(client_answer(c, true), "pay first");
    assert_true(client_sees_end(c));
    assert_int_equal(served.bodies, 0);
    client_close(c);
    turns(100);
    assert_true(server_idle(served_server));
    free(body);
}

static void a_body_that_is_thrown_away_has_an_end(void **state)
{
    struct client *c = client_open();
    char *body = letters(256 * 1024);

    (void)state;
    send_length(c, "/now", (size_t)1 << 40);
    for (unsigned i = 0; i < 64; i++)
        client_send(c, slice_str(body));
    assert_true(server_idle(served_server)); /* it had 4 MiB */
    free(body);

    c = client_open(); /* or two seconds */
    send_length(c, "/now", 100);
    turns(3);
    assert_false(server_idle(served_server));
    advance(2001);
    assert_true(server_idle(served_server));
}

static void without_a_body_an_answer_in_head_keeps_the_connection(void **state)
{
    struct client *c = client_open();

    (void)state;
    client_say(c, "GET /now HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(client_answer(c, true)->status, 402);
    expect_second_works(c);
}

static void a12_chunks_over_the_limit_are_refused_at_the_limit(void **state)
{
    struct client *c = client_open();

    (void)state;
    client_say(c, "POST /small HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
                  "5\r\nhello\r\n5\r\nworld\r\n");
    turns(5);
    assert_int_equal(served.failures, 0);
    client_say(c, "1\r\n!\r\n");
    assert_int_equal(client_answer(c, true)->status, 413);
    client_say(c, "0\r\n\r\n" SECOND);
    assert_true(client_sees_end(c));
    assert_int_equal(served.heads, 1);
    assert_int_equal(served.failed, RC_TOO_BIG);
}

static void a17_a_slow_body_ends_at_its_deadline(void **state)
{
    struct client *c = client_open();
    const struct answer *a;

    (void)state;
    send_length(c, "/echo", 3 * 65536); /* 33 seconds */
    for (unsigned second = 0; second < 32; second++) {
        client_say(c, "a");
        advance(1000);
    }
    client_read(c);
    assert_int_equal(buf_len(&c->in), 0);
    advance(1100);
    a = client_answer(c, true);
    assert_int_equal(a->status, 408);
    expect_body(a, "request_timeout");
    assert_int_equal(served.failed, RC_CLIENT_TIMEOUT);
    assert_int_equal(served.bodies, 0);
    client_say(c, "aaaa");
    assert_true(client_sees_end(c));
    client_close(c);
    turns(3);
    assert_true(server_idle(served_server));
}

static void a17_chunks_earn_their_time(void **state)
{
    struct client *c = client_open();
    char *piece = letters(65536);

    (void)state;
    client_say(c, "POST /echo HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n");
    for (unsigned i = 0; i < 60; i++) {
        client_say(c, "10000\r\n");
        client_say(c, piece);
        client_say(c, "\r\n");
        turns(3);
        advance(1000);
    }
    assert_int_equal(served.failures, 0);
    advance(31000);
    assert_int_equal(served.failed, RC_CLIENT_TIMEOUT);
    assert_int_equal(client_answer(c, true)->status, 408);
    free(piece);
}

static void a_decision_may_wait(void **state)
{
    struct client *c = client_open();

    (void)state;
    client_say(c, "POST /think HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi");
    turns(5);
    assert_int_equal(served.bodies, 0);
    exchange_set_user(served.x, &served);
    exchange_accept(served.x, 100, 0);
    expect_body(client_answer(c, true), "hi");

    client_say(c, "POST /think HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi");
    turns(5);
    exchange_reply(served.x, 403, SLICE("no"));
    served_finish();
    assert_int_equal(client_answer(c, true)->status, 403);
    assert_true(client_sees_end(c));
}

/* ---- Clients that leave ---- */

static void reset(struct client *c)
{
    const struct linger now = {.l_onoff = 1};

    assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    client_close(c);
}

static void expect_gone(unsigned failures)
{
    turns(5);
    assert_int_equal(served.failures, failures);
    assert_int_equal(served.failed, RC_GONE);
    assert_true(server_idle(served_server));
}

static void a_client_that_leaves_is_noticed_while_the_user_works(void **state)
{
    void (*const ways[])(struct client *) = {client_close, reset, client_half_close};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        ways[i](client_hold());
        expect_gone(i + 1);
    }
}

static void a_client_that_leaves_is_noticed_before_the_body_is_wanted(void **state)
{
    struct client *c = client_open();

    (void)state;
    client_say(c, "POST /think HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n");
    turns(3);
    assert_non_null(served.x);
    client_close(c);
    expect_gone(1);
    assert_int_equal(served.bodies, 0);
}

static void a_client_that_leaves_is_noticed_in_its_body(void **state)
{
    void (*const ways[])(struct client *) = {client_close, reset, client_half_close};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct client *c = client_open();

        client_say(c, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhel");
        turns(3);
        ways[i](c);
        expect_gone(i + 1);
    }
    assert_int_equal(served.bodies, 0);
}

static void a_client_that_leaves_is_noticed_between_writes(void **state)
{
    void (*const ways[])(struct client *) = {client_close, reset, client_half_close};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct client *c = client_hold();

        exchange_stream(served.x, 200, UINT64_MAX);
        exchange_write(served.x, SLICE("hello"));
        turns(3);
        ways[i](c);
        expect_gone(i + 1);
    }
}

static void a_client_that_leaves_is_noticed_while_it_is_slow(void **state)
{
    struct client *c = client_open_small(4096);

    (void)state;
    client_say(c, HOLD);
    turns(3);
    exchange_stream(served.x, 200, UINT64_MAX);
    for (unsigned i = 0; i < 20; i++) {
        (void)served_write_pattern(0, SIZE_MAX / 2);
        turns(3);
    }
    client_half_close(c);
    expect_gone(1);
}

/* Like `nc -N`: what is answered at once is answered. */
static void a_half_close_behind_a_quick_request_is_forgiven(void **state)
{
    struct client *c = client_open();

    (void)state;
    assert_true(send(c->fd, SECOND, sizeof(SECOND) - 1, 0) > 0);
    client_half_close(c);
    assert_int_equal(client_answer(c, true)->status, 200);
    assert_true(client_sees_end(c));
    assert_int_equal(served.failures, 0);

    c = client_open();
    assert_true(send(c->fd, HOLD, sizeof(HOLD) - 1, 0) > 0);
    client_half_close(c);
    expect_gone(1);
}

/* The library was not looking when the client said that nothing more would come. */
static void a_half_close_before_the_answer_went_out_ends_the_connection(void **state)
{
    struct client *c = client_hold();

    (void)state;
    exchange_reply(served.x, 200, SLICE("all there is"));
    served_finish();
    client_half_close(c);
    assert_int_equal(client_answer(c, true)->status, 200);
    assert_true(client_sees_end(c));
}

/* The user gave its answer in the turn in which the client left. */
static void an_answer_to_nobody_is_no_failure(void **state)
{
    struct client *c = client_hold();

    (void)state;
    client_close(c);
    exchange_reply(served.x, 200, SLICE("too late"));
    served_finish();
    turns(5);
    assert_int_equal(served.failures, 0);
    assert_true(server_idle(served_server));
}

static struct exchange *kept;

static void keep_failed(void *arg, struct exchange *x, enum rc rc)
{
    (void)arg;
    (void)rc;
    kept = x;
}

/* A user that waits for its ledger finishes when that has answered. */
static void an_exchange_outlives_its_connection(void **state)
{
    struct server_user slow = served_user;
    struct server_options options = {0};
    struct client *c;
    int fd;

    (void)state;
    slow.failed = keep_failed;
    kept = NULL;
    server_close(served_server);
    assert_int_equal(server_listen(&fd, &served_port, "127.0.0.1:0"), RC_OK);
    loop_close(served_loop);
    assert_int_equal(loop_open(&served_loop), RC_OK);
    assert_int_equal(
        server_open(&served_server, served_loop, fd, served_shared, &options, &slow),
        RC_OK);
    c = client_open();
    client_say(c, "POST /hold?q HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
    turns(3);
    exchange_stream(served.x, 200, 100);
    client_close(c);
    turns(5);
    assert_ptr_equal(kept, served.x);
    assert_true(server_idle(served_server));

    assert_true(exchange_gone(kept));
    assert_true(slice_equal_str(exchange_request(kept)->query, "q"));
    assert_true(slice_equal_str(exchange_body(kept), "hello"));
    assert_int_equal(exchange_room(kept), HTTP_OUT_HIGH);
    exchange_write(kept, SLICE("nobody"));
    exchange_end(kept, true);
    exchange_finish(kept);
    client_say(client_open(), HOLD); /* takes its place */
    turns(3);
    served_answer(200, false, 0, SLICE("x"));
    server_close(served_server);
    served_server = NULL;
    close(fd);
}

/* ---- Other sockets, other threads ---- */

static void unix_sockets_tell_who_calls(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct server_options options = {0};
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t len;
    struct server *s;
    struct client *c;
    uint32_t uid = 0;

    (void)state;
    assert_true(listener >= 0);
    /* An abstract name that the kernel chooses. */
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at.sun_family)), 0);
    assert_int_equal(listen(listener, 5), 0);
    len = sizeof(at);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    assert_int_equal(
        server_open(&s, served_loop, listener, served_shared, &options, &served_user),
        RC_OK);
    c = client_open();
    close(c->fd);
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&at, len), 0);
    client_say(c, HOLD);
    turns(3);
    assert_string_equal(exchange_request(served.x)->address, "unix");
    assert_true(exchange_peer_uid(served.x, &uid));
    assert_int_equal(uid, getuid());
    served_answer(200, false, 0, SLICE("x"));
    assert_int_equal(client_answer(c, true)->status, 200);

    client_ask_hold(client_open(), "GET");
    assert_false(exchange_peer_uid(served.x, &uid));
    served_answer(200, false, 0, SLICE("x"));
    turns(3);
    server_close(s);
    close(listener);
    server_close(served_server);
    served_server = NULL;
}

enum {
    THREADS = 10,
    CALLS = 40
};

static void stop(struct inbox_message *m)
{
    (void)m;
    loop_stop(served_loop);
}

static void *run_loop(void *arg)
{
    loop_run(served_loop);
    return arg;
}

/* Blocking, and without the fixture, which is the loop's. NULL: all was right. */
static const char *call_many(unsigned seed)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(served_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char request[4096], answer[8192];

    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        return "connect";
    for (unsigned i = 0; i < CALLS; i++) {
        const int body = (int)(seed * 131 + i * 17) % 2000 + 1;
        const int size =
            snprintf(request, sizeof(request),
                     "POST /echo HTTP/1.1\r\n" HOST "Content-Length: %d\r\n\r\n%0*u",
                     body, body, seed);
        size_t got = 0;
        const char *end = NULL;

        if (send(fd, request, (size_t)size, MSG_NOSIGNAL) != size)
            return "send";
        while (end == NULL || got < (size_t)(end - answer) + 4 + (size_t)body) {
            ssize_t n = recv(fd, answer + got, sizeof(answer) - 1 - got, 0);

            if (n <= 0)
                return "recv";
            got += (size_t)n;
            answer[got] = '\0';
            end = strstr(answer, "\r\n\r\n");
        }
        if (strcmp(end + 4, request + size - body) != 0)
            return "another body";
    }
    close(fd);
    return NULL;
}

struct caller {
    pthread_t thread;
    unsigned seed;
    const char *fault;
};

static void *run_caller(void *arg)
{
    struct caller *c = arg;

    c->fault = call_many(c->seed);
    return NULL;
}

static void ten_clients_call_at_once(void **state)
{
    struct inbox_message message = {.run = stop};
    struct caller callers[THREADS];
    pthread_t loop;

    (void)state;
    clock_real();
    assert_int_equal(pthread_create(&loop, NULL, run_loop, NULL), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        callers[i] = (struct caller){.seed = i};
        assert_int_equal(
            pthread_create(&callers[i].thread, NULL, run_caller, &callers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
        assert_null(callers[i].fault);
    }
    inbox_post(loop_inbox(served_loop), &message);
    assert_int_equal(pthread_join(loop, NULL), 0);
    assert_int_equal(served.bodies, THREADS * CALLS);
}

#define EXCHANGE_TEST(test) \
    cmocka_unit_test_setup_teardown(test, open_default, served_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        EXCHANGE_TEST(a_connection_serves_many),
        EXCHANGE_TEST(pipelined_requests_are_answered_in_order),
        EXCHANGE_TEST(a_pipelined_request_waits_for_the_answer_before),
        EXCHANGE_TEST(http_1_0_is_spoken),
        EXCHANGE_TEST(large_bodies_come_in_and_go_out),
        EXCHANGE_TEST(chunks_come_in_at_any_cut),
        EXCHANGE_TEST(a9_malformed_chunks_end_the_connection),
        EXCHANGE_TEST(a9_an_endless_chunk_extension_does_not_spin),
        EXCHANGE_TEST(expectations_are_met_when_the_body_is_wanted),
        EXCHANGE_TEST(a12_a_body_that_is_not_wanted_is_not_asked_for),
        EXCHANGE_TEST(an_early_answer_survives_the_body_behind_it),
        EXCHANGE_TEST(a_body_that_is_thrown_away_has_an_end),
        EXCHANGE_TEST(without_a_body_an_answer_in_head_keeps_the_connection),
        EXCHANGE_TEST(a12_chunks_over_the_limit_are_refused_at_the_limit),
        EXCHANGE_TEST(a17_a_slow_body_ends_at_its_deadline),
        EXCHANGE_TEST(a17_chunks_earn_their_time),
        EXCHANGE_TEST(a_decision_may_wait),
        EXCHANGE_TEST(a_client_that_leaves_is_noticed_while_the_user_works),
        EXCHANGE_TEST(a_client_that_leaves_is_noticed_before_the_body_is_wanted),
        EXCHANGE_TEST(a_client_that_leaves_is_noticed_in_its_body),
        EXCHANGE_TEST(a_client_that_leaves_is_noticed_between_writes),
        EXCHANGE_TEST(a_client_that_leaves_is_noticed_while_it_is_slow),
        EXCHANGE_TEST(a_half_close_behind_a_quick_request_is_forgiven),
        EXCHANGE_TEST(a_half_close_before_the_answer_went_out_ends_the_connection),
        EXCHANGE_TEST(an_answer_to_nobody_is_no_failure),
        EXCHANGE_TEST(an_exchange_outlives_its_connection),
        EXCHANGE_TEST(unix_sockets_tell_who_calls),
        EXCHANGE_TEST(ten_clients_call_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

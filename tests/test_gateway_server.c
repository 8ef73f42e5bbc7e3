/* SPDX-License-Identifier: Apache-2.0 */
/* The server against clients that speak raw bytes: what is refused and how, deadlines,
 * limits, drain. The names begin with the threat that they are about. */
#include "gateway/server.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/loop.h"
#include "tests/server_fixture.h"

#define HOST   "Host: a.example\r\n"
#define SECOND "GET /echo HTTP/1.1\r\n" HOST "\r\n"

static int open_default(void **state)
{
    (void)state;
    served_open(&(struct server_options){0});
    return 0;
}

static int open_one_per_address(void **state)
{
    (void)state;
    served_open(&(struct server_options){.connections_per_address = 2});
    return 0;
}

static int open_three(void **state)
{
    (void)state;
    served_open(&(struct server_options){.connections = 3});
    return 0;
}

static int open_behind_proxy(void **state)
{
    static const char *const proxies[] = {"127.0.0.0/8", "2001:db8::/32", "unix"};

    (void)state;
    served_open(&(struct server_options){.trusted_proxies = proxies,
                                         .trusted_proxy_count = 3,
                                         .connections_per_address = 1});
    return 0;
}

/* ---- Refusals ---- */

struct refusal {
    const char *what;
    struct slice request;
    unsigned status;
    bool by_library; /* before the guard, with a body of its own */
};

#define REFUSAL(what, request, status)      \
    {                                       \
        what, SLICE(request), status, false \
    }
#define BY_LIBRARY(what, request, status)  \
    {                                      \
        what, SLICE(request), status, true \
    }
#define GET   "GET /echo HTTP/1.1\r\n" HOST
#define POST  "POST /echo HTTP/1.1\r\n" HOST
#define CHUNK "5\r\nhello\r\n0\r\n\r\n"

/* clang-format off */
static const struct refusal refusals[] = {
    REFUSAL("A1", POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNK, 400),
    REFUSAL("A1 other order",
            POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" CHUNK, 400),
    REFUSAL("A2 same", POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 400),
    REFUSAL("A2 different", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 400),
    REFUSAL("A3 gzip, chunked", POST "Transfer-Encoding: gzip, chunked\r\n\r\n" CHUNK, 400),
    REFUSAL("A3 xchunked", POST "Transfer-Encoding: xchunked\r\n\r\n" CHUNK, 400),
    REFUSAL("A3 identity", POST "Transfer-Encoding: identity\r\n\r\n", 400),
    REFUSAL("A3 twice", POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNK, 400),
    REFUSAL("A4", "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" CHUNK, 400),
    REFUSAL("A5 fold", GET "X-A: b\r\n c\r\n\r\n", 400),
    REFUSAL("A5 fold hides a coding", POST "Transfer-Encoding: chunked\r\n x\r\n\r\n" CHUNK, 400),
    REFUSAL("A5 control in name", GET "X\x01: b\r\n\r\n", 400),
    REFUSAL("A5 high byte in name", GET "X\xe4: b\r\n\r\n", 400),
    REFUSAL("A5 space before colon", GET "Content-Length : 5\r\n\r\n", 400),
    REFUSAL("A5 empty name", GET ": b\r\n\r\n", 400),
    BY_LIBRARY("A5 no colon", GET "X-A\r\n\r\n", 400),
    REFUSAL("A6 bare LF", "GET /echo HTTP/1.1\n" HOST "\r\n", 400),
    REFUSAL("A6 bare LF in headers", "GET /echo HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n", 400),
    REFUSAL("A6 bare LF at the end", "GET /echo HTTP/1.1\r\n" HOST "\n", 400),
    REFUSAL("A6 bare CR", GET "X-A: b\rc\r\n\r\n", 400),
    REFUSAL("A6 NUL in value", GET "X-A: b\0c\r\n\r\n", 400),
    REFUSAL("A6 NUL hides a length", POST "Content-Length: 0\0" "5\r\n\r\n", 400),
    REFUSAL("A6 NUL in target", "GET /echo\0x HTTP/1.1\r\n" HOST "\r\n", 400),
    REFUSAL("A6 control in value", GET "X-A: \x1b[0m\r\n\r\n", 400),
    REFUSAL("A7 two hosts", GET HOST "\r\n", 400),
    REFUSAL("A7 no host", "GET /echo HTTP/1.1\r\n\r\n", 400),
    REFUSAL("A7 BadHost", "GET /echo HTTP/1.1\r\nHost: a.example?#/@b\r\n\r\n", 400),
    BY_LIBRARY("A10 2^64", POST "Content-Length: 18446744073709551616\r\n\r\n", 413),
    REFUSAL("A10 2^64-1", POST "Content-Length: 18446744073709551615\r\n\r\n", 413),
    BY_LIBRARY("A10 +5", POST "Content-Length: +5\r\n\r\nhello", 400),
    BY_LIBRARY("A10 list", POST "Content-Length: 5, 5\r\n\r\nhello", 400),
    REFUSAL("A13", POST "Expect: junk\r\nContent-Length: 5\r\n\r\nhello", 417),
    REFUSAL("A14 unknown", "BREW /echo HTTP/1.1\r\n" HOST "\r\n", 405),
    REFUSAL("A14 lower case", "get /echo HTTP/1.1\r\n" HOST "\r\n", 405),
    REFUSAL("A14 TRACE", "TRACE /echo HTTP/1.1\r\n" HOST "\r\n", 405),
    REFUSAL("A14 CONNECT", "CONNECT a.example:443 HTTP/1.1\r\n" HOST "\r\n", 405),
    REFUSAL("A14 absolute", "GET http://b.example/echo HTTP/1.1\r\n" HOST "\r\n", 400),
    REFUSAL("A14 asterisk", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400),
    REFUSAL("A14 authority", "GET a.example:80 HTTP/1.1\r\n" HOST "\r\n", 400),
    REFUSAL("A15 raw bytes", "GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 400),
    REFUSAL("A15 space in target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 400),
    REFUSAL("A22", POST "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", 415),
    REFUSAL("A25 version", "GET /echo HTTP/1.2\r\n" HOST "\r\n", 505),
    BY_LIBRARY("A25 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    BY_LIBRARY("A25 no version", "GET /echo\r\n" HOST "\r\n", 400),
};

/* clang-format on */

/* What was refused is refused once, the connection closes, and what came behind it is
 * never handled (A8, A24). */
static void check_refusal(const struct refusal *r)
{
    struct client *c = client_open();
    const struct answer *a;
    const unsigned refused = served.refusals;

    client_send(c, r->request);
    client_say(c, SECOND);
    a = client_answer(c, true);
    if (a->status != r->status || !a->complete)
        fail_msg("%s: %u", r->what, a->status);
    assert_true(answer_has(a, "Connection: close"));
    assert_int_equal(served.refusals, refused + (r->by_library ? 0 : 1));
    if (!r->by_library)
        assert_true(answer_has(a, "Content-Type: text/x-refusal"));
    if (!client_sees_end(c))
        fail_msg("%s: stays open", r->what);
    if (buf_len(&c->in) != 0 && !r->by_library)
        fail_msg("%s: more behind the answer", r->what);
    assert_int_equal(served.heads, 0);
    client_close(c);
    turns(3);
    assert_true(server_idle(served_server));
}

static void what_the_guard_refuses_closes_and_hides_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
        check_refusal(&refusals[i]);
}

static void a14_a_refused_method_is_told_which_there_are(void **state)
{
    struct client *c = client_open();

    (void)state;
    client_say(c, "BREW /echo HTTP/1.1\r\n" HOST "\r\n");
    assert_true(answer_has(client_answer(c, true),
                           "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"));
}

static char *request_with(const char *before, size_t fill, const char *behind)
{
    char *text = NULL;

    assert_true(asprintf(&text, "%s%0*d%s", before, (int)fill, 0, behind) > 0);
    return text;
}

static unsigned ask_with(const char *before, size_t fill, const char *behind)
{
    char *text = request_with(before, fill, behind);
    unsigned status = ask(text);

    free(text);
    return status;
}

static void a11_large_heads_are_refused(void **state)
{
    (void)state;
    assert_int_equal(ask_with("GET /", 8191, " HTTP/1.1\r\n" HOST "\r\n"), 200);
    assert_int_equal(ask_with("GET /", 8192, " HTTP/1.1\r\n" HOST "\r\n"), 414);
    assert_int_equal(ask_with("GET /", 200000, " HTTP/1.1\r\n" HOST "\r\n"), 414);
    assert_int_equal(ask_with(GET "X: ", 16000, "\r\n\r\n"), 200);
    assert_int_equal(ask_with(GET "X: ", 17000, "\r\n\r\n"), 431);
    assert_int_equal(ask_with(GET "X: ", 200000, "\r\n\r\n"), 431);
    assert_int_equal(served.heads, 2);
}

static void a11_many_headers_are_refused(void **state)
{
    char text[4096] = "GET /echo HTTP/1.1\r\n" HOST;
    size_t len = strlen(text);

    (void)state;
    for (unsigned i = 1; i < HTTP_HEADERS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "X: %u\r\n", i);
    (void)snprintf(text + len, sizeof(text) - len, "\r\n");
    assert_int_equal(ask(text), 200);
    (void)snprintf(text + len, sizeof(text) - len, "X: y\r\n\r\n");
    assert_int_equal(ask(text), 431);
}

/* The library keeps a record of each piece: the largest head that the guard lets pass
 * must fit with all of them. */
static void a11_the_largest_head_fits(void **state)
{
    static char text[32768];
    size_t len = (size_t)snprintf(text, sizeof(text), "GET /%08000u?", 0u);

    (void)state;
    for (unsigned i = 0; i < 90; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "a&");
    len += (size_t)snprintf(text + len, sizeof(text) - len, " HTTP/1.1\r\n" HOST);
    for (unsigned i = 1; i < HTTP_HEADERS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "X: %0160u\r\n", i);
    (void)snprintf(text + len, sizeof(text) - len, "\r\n");
    assert_int_equal(ask(text), 200);
}

static void a15_paths_stay_raw(void **state)
{
    struct client *c = client_open();
    const struct http_request *q;

    (void)state;
    client_say(c, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    turns(3);
    assert_non_null(served.x);
    exchange_reply(served.x, 204, SLICE_NONE);
    exchange_finish(served.x);
    assert_int_equal(client_answer(c, true)->status, 204);

    client_say(c, "GET /think?a=%00&b=+%2e%0d;c#d HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(client_answer(c, true)->status, 400); /* a fragment */

    c = client_open();
    client_say(c, "GET /think?a=%00&b=+%2e%0d;c?d HTTP/1.1\r\n" HOST "\r\n");
    turns(3);
    assert_non_null(served.x);
    q = exchange_request(served.x);
    assert_true(slice_equal_str(q->path, "/think"));
    assert_true(slice_equal_str(q->query, "a=%00&b=+%2e%0d;c?d"));
    assert_true(q->has_query);
    exchange_reply(served.x, 200, SLICE("x"));
    exchange_finish(served.x);
    assert_int_equal(client_answer(c, true)->status, 200);
}

/* ---- Deadlines ---- */

static void a16_a_slow_head_ends_at_its_deadline(void **state)
{
    static const char head[] = GET "X-A: b";
    struct client *c = client_open();
    const struct answer *a;

    (void)state;
    for (unsigned second = 0; second < 10; second++) {
        client_send(c, slice_from(&head[second], 1));
        assert_false(c->closed);
        advance(999);
    }
    client_read(c);
    assert_int_equal(buf_len(&c->in), 0);
    advance(20);
    a = client_answer(c, true);
    assert_int_equal(a->status, 408);
    assert_true(answer_has(a, "Connection: close") && answer_has(a, "Date: "));
    assert_true(client_sees_end(c));
    assert_int_equal(served.heads, 0);
}

/* Also when the first line is complete, so that the path is known. */
static void a16_a_slow_head_is_refused_in_the_dialect_of_its_path(void **state)
{
    struct client *c = client_open();
    const struct answer *a;

    (void)state;
    client_say(c, "GET /some/path?x HTTP/1.1\r\nHost: ");
    advance(10001);
    a = client_answer(c, true);
    assert_int_equal(a->status, 408);
    assert_true(
        slice_starts(buf_slice(&a->body), SLICE("request_timeout /some/path: ")));
}

static void a16_the_second_head_has_a_deadline_of_its_own(void **state)
{
    struct client *c = client_open();

    (void)state;
    client_say(c, SECOND);
    assert_int_equal(client_answer(c, true)->status, 200);
    advance(60000);
    client_say(c, "G");
    turns(3);
    advance(9000);
    client_say(c, "E");
    turns(3);
    assert_false(c->closed);
    advance(1001);
    assert_int_equal(client_answer(c, true)->status, 408);
}

static void idle_connections_close_in_silence(void **state)
{
    struct client *c = client_open();

    (void)state;
    client_say(c, SECOND);
    assert_int_equal(client_answer(c, true)->status, 200);
    advance(74900);
    client_read(c);
    assert_false(c->closed);
    advance(200);
    assert_true(client_sees_end(c));
    assert_int_equal(buf_len(&c->in), 0);
}

static void a_request_may_take_as_long_as_its_user_likes(void **state)
{
    struct client *c = client_open();

    (void)state;
    client_say(c, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    turns(3);
    advance(3600000);
    assert_int_equal(served.failures, 0);
    exchange_reply(served.x, 200, SLICE("at last"));
    exchange_finish(served.x);
    assert_int_equal(client_answer(c, true)->status, 200);
}

/* ---- Limits ---- */

static void connections_are_limited_per_address(void **state)
{
    struct client *first = client_open();
    struct client *second = client_open();
    struct client *third;

    (void)state;
    turns(3);
    third = client_open();
    assert_true(client_sees_end(third)); /* A21 */
    client_close(first);
    turns(3);
    third = client_open();
    client_say(third, SECOND);
    assert_int_equal(client_answer(third, true)->status, 200);
    client_say(second, SECOND);
    assert_int_equal(client_answer(second, true)->status, 200);
}

static void a20_the_oldest_idle_connection_makes_room(void **state)
{
    struct client *c[4];

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        c[i] = client_open();
        client_say(c[i], SECOND);
        assert_int_equal(client_answer(c[i], true)->status, 200);
    }
    client_say(c[0], SECOND); /* now the second is the oldest */
    assert_int_equal(client_answer(c[0], true)->status, 200);
    c[3] = client_open();
    client_say(c[3], SECOND);
    assert_int_equal(client_answer(c[3], true)->status, 200);
    assert_true(client_sees_end(c[1]));
    client_read(c[0]);
    client_read(c[2]);
    assert_false(c[0]->closed || c[2]->closed);
}

static void a20_who_is_served_is_not_closed_for_the_new_but_who_dribbles_is(
    void **state)
{
    struct client *c[4];
    struct exchange *held[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        c[i] = client_open();
        client_say(c[i], "GET /hold HTTP/1.1\r\n" HOST "\r\n");
        turns(3);
        held[i] = served.x;
    }
    c[2] = client_open();
    client_say(c[2], "GET /echo HTTP/1.1\r\n");
    turns(3);
    c[3] = client_open();
    client_say(c[3], "GET /echo HTTP/1.1\r\n" HOST "\r\n");
    assert_int_equal(client_answer(c[3], true)->status, 200);
    assert_true(client_sees_end(c[2]));
    for (unsigned i = 0; i < 2; i++) {
        exchange_reply(held[i], 200, SLICE("kept"));
        exchange_finish(held[i]);
        assert_int_equal(client_answer(c[i], true)->status, 200);
    }
    served.x = NULL;
}

static double cpu_seconds(void)
{
    struct timespec t;

    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool answers(struct client *c)
{
    client_say(c, SECOND);
    return client_answer(c, true)->status == 200;
}

/* How often the loop turns while it is given a second, and nothing can be done. */
static void a20_without_descriptors_the_loop_rests(void **state)
{
    struct client *idle = client_open();
    struct client *late[3];
    struct rlimit old, low;
    double before;

    (void)state;
    assert_true(answers(idle));
    for (unsigned i = 0; i < 3; i++)
        late[i] = client_open();
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = 3; /* every descriptor that is free is above */
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    before = cpu_seconds();
    for (unsigned i = 0; i < 20; i++)
        loop_turn(served_loop, 10);
    assert_true(cpu_seconds() - before < 0.1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);

    advance(101); /* accepts again */
    client_say(late[2], SECOND);
    assert_int_equal(client_answer(late[2], true)->status, 200);
}

/* ---- Addresses ---- */

static void expect_address(const char *headers, const char *address)
{
    struct client *c = client_open();
    const struct answer *a;
    char request[1024];

    (void)snprintf(request, sizeof(request), "GET /address HTTP/1.1\r\n" HOST "%s\r\n",
                   headers);
    client_say(c, request);
    a = client_answer(c, true);
    assert_int_equal(a->status, 200);
    if (!slice_equal_str(buf_slice(&a->body), address))
        fail_msg("%s: %.*s", headers, SLICE_FMT(buf_slice(&a->body)));
    client_close(c);
    turns(3);
}

static void a21_who_spoke_to_our_proxy_is_the_client(void **state)
{
    (void)state;
    expect_address("", "127.0.0.1");
    expect_address("X-Forwarded-For: 198.51.100.7\r\n", "198.51.100.7");
    expect_address("X-Forwarded-For: 10.0.0.1, 198.51.100.7\r\n", "198.51.100.7");
    expect_address("X-Forwarded-For: 198.51.100.7, 127.0.0.9\r\n", "198.51.100.7");
    expect_address("X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-For: 127.0.0.9\r\n",
                   "198.51.100.7");
    expect_address("X-Forwarded-For: 198.51.100.7:4711\r\n", "198.51.100.7");
    expect_address("X-Forwarded-For: [2001:DB9::1]:80\r\n", "2001:db9::1");
    expect_address("X-Forwarded-For: 2001:db9::1, 2001:db8::1\r\n", "2001:db9::1");
    expect_address("X-Forwarded-For: ::ffff:198.51.100.7\r\n", "198.51.100.7");
}

static void a21_junk_from_a_proxy_is_not_an_address(void **state)
{
    (void)state;
    expect_address("X-Forwarded-For: \r\n", "127.0.0.1");
    expect_address("X-Forwarded-For: ,,,\r\n", "127.0.0.1");
    expect_address("X-Forwarded-For: unknown\r\n", "127.0.0.1");
    expect_address("X-Forwarded-For: [\r\n", "127.0.0.1");
    expect_address("X-Forwarded-For: 198.51.100.7, junk\r\n", "127.0.0.1");
    expect_address("X-Forwarded-For: junk, 127.0.0.9\r\n", "127.0.0.9");
    expect_address("X-Forwarded-For: 1.2.3.4.5.6\r\n", "127.0.0.1");
}

static void a21_nobody_else_is_believed(void **state)
{
    (void)state;
    expect_address("X-Forwarded-For: 198.51.100.7\r\n", "127.0.0.1");
}

static void a_proxy_brings_as_many_as_it_has(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++)
        assert_true(answers(client_open()));
}

/* ---- Listening ---- */

static void a_port_in_use_is_a_conflict(void **state)
{
    char address[32];
    uint16_t port;
    int fd;

    (void)state;
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", served_port);
    assert_int_equal(server_listen(&fd, &port, address), RC_CONFLICT);
}

static void an_address_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {
        "",     "127.0.0.1",    "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x",
        "a:80", "::1:80",       "[::1:80",    "[]:80",           "198.51.100.1:0",
        ":80",  "127.0.0.1:-1",
    };
    uint16_t port;
    int fd;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(server_listen(&fd, &port, bad[i]), RC_BAD_INPUT);
}

static void ipv6_is_listened_on(void **state)
{
    uint16_t port = 0;
    int fd = -1;

    (void)state;
    if (server_listen(&fd, &port, "[::1]:0") != RC_OK)
        skip(); /* a machine without it */
    assert_true(port > 0);
    close(fd);
}

static void a_proxy_that_is_no_address_is_refused(void **state)
{
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0/8",  "::/129", "a",
                                      "/8",          "10.0.0.0/", ""};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct server_options o = {.trusted_proxies = &bad[i],
                                   .trusted_proxy_count = 1};
        struct server *s;

        assert_int_equal(
            server_open(&s, served_loop, 0, served_shared, &o, &served_user),
            RC_BAD_INPUT);
    }
}

/* ---- Draining ---- */

static void a_draining_server_ends_what_it_has(void **state)
{
    struct client *idle = client_open();
    struct client *busy = client_open();
    struct client *late;
    const struct answer *a;

    (void)state;
    assert_true(answers(idle));
    client_say(busy, "GET /hold HTTP/1.1\r\n" HOST "\r\n");
    turns(3);
    server_drain(served_server);
    assert_true(client_sees_end(idle));
    assert_false(server_idle(served_server));
    late = client_open(); /* waits in the queue, for another server on the port */
    turns(5);
    client_read(late);
    assert_false(late->closed);

    exchange_reply(served.x, 200, SLICE("x"));
    exchange_finish(served.x);
    a = client_answer(busy, true);
    assert_int_equal(a->status, 200);
    assert_true(answer_has(a, "Connection: close"));
    assert_true(client_sees_end(busy));
    client_close(busy);
    turns(3);
    assert_true(server_idle(served_server));
}

/* With connections in every state; the sanitizers say whether anything is left. */
static void a_server_closes_over_open_connections(void **state)
{
    (void)state;
    (void)client_open();
    client_say(client_open(), "GET /ec");
    client_say(client_open(), "GET /echo HTTP/1.1\r\nX: ");
    assert_true(answers(client_open()));
    client_say(client_open(), "BREW /echo HTTP/1.1\r\n" HOST "\r\n"); /* lingers */
    turns(5);
    server_close(served_server);
    served_server = NULL;
}

#define SERVER_TEST(test, open) \
    cmocka_unit_test_setup_teardown(test, open, served_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVER_TEST(what_the_guard_refuses_closes_and_hides_nothing, open_default),
        SERVER_TEST(a14_a_refused_method_is_told_which_there_are, open_default),
        SERVER_TEST(a11_large_heads_are_refused, open_default),
        SERVER_TEST(a11_many_headers_are_refused, open_default),
        SERVER_TEST(a11_the_largest_head_fits, open_default),
        SERVER_TEST(a15_paths_stay_raw, open_default),
        SERVER_TEST(a16_a_slow_head_ends_at_its_deadline, open_default),
        SERVER_TEST(a16_a_slow_head_is_refused_in_the_dialect_of_its_path,
                    open_default),
        SERVER_TEST(a16_the_second_head_has_a_deadline_of_its_own, open_default),
        SERVER_TEST(idle_connections_close_in_silence, open_default),
        SERVER_TEST(a_request_may_take_as_long_as_its_user_likes, open_default),
        SERVER_TEST(connections_are_limited_per_address, open_one_per_address),
        SERVER_TEST(a20_the_oldest_idle_connection_makes_room, open_three),
        SERVER_TEST(a20_who_is_served_is_not_closed_for_the_new_but_who_dribbles_is,
                    open_three),
        SERVER_TEST(a20_without_descriptors_the_loop_rests, open_default),
        SERVER_TEST(a21_who_spoke_to_our_proxy_is_the_client, open_behind_proxy),
        SERVER_TEST(a21_junk_from_a_proxy_is_not_an_address, open_behind_proxy),
        SERVER_TEST(a21_nobody_else_is_believed, open_default),
        SERVER_TEST(a_proxy_brings_as_many_as_it_has, open_behind_proxy),
        SERVER_TEST(a_port_in_use_is_a_conflict, open_default),
        SERVER_TEST(an_address_that_is_none_is_refused, open_default),
        SERVER_TEST(ipv6_is_listened_on, open_default),
        SERVER_TEST(a_proxy_that_is_no_address_is_refused, open_default),
        SERVER_TEST(a_draining_server_ends_what_it_has, open_default),
        SERVER_TEST(a_server_closes_over_open_connections, open_default),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

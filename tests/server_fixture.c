/* SPDX-License-Identifier: Apache-2.0 */
/* Patience is counted in turns of the loop, of a millisecond at most each, never in
 * time: what a test waits for comes within a few. */
#include "tests/server_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/loop.h"

enum {
    PATIENCE_TURNS = 4000,
    CLIENTS_MAX = 512,
    IN_MAX = 64 * 1024 * 1024
};

struct served served;
struct loop *served_loop;
struct server *served_server;
struct server_shared *served_shared;
uint16_t served_port;

static int listen_fd = -1;
static struct client *clients[CLIENTS_MAX];
static unsigned client_count;

/* ---- The user ---- */

static bool path_is(const struct exchange *x, const char *path)
{
    return slice_equal_str(exchange_request(x)->path, path);
}

static void reply(struct exchange *x, unsigned status, struct slice body)
{
    assert_int_equal(exchange_header(x, "Content-Type", SLICE("text/plain")), RC_OK);
    exchange_reply(x, status, body);
    exchange_finish(x);
}

static void on_head(void *arg, struct exchange *x)
{
    (void)arg;
    served.heads++;
    if (path_is(x, "/now")) {
        reply(x, 402, SLICE("pay first"));
    } else if (path_is(x, "/think")) {
        served.x = x;
    } else {
        exchange_set_user(x, &served);
        exchange_accept(x, path_is(x, "/small") ? 10 : 16 * 1024 * 1024, 0);
    }
}

static void on_body(void *arg, struct exchange *x)
{
    (void)arg;
    served.bodies++;
    assert_ptr_equal(exchange_user(x), &served);
    if (path_is(x, "/hold"))
        served.x = x;
    else if (path_is(x, "/address"))
        reply(x, 200, slice_str(exchange_request(x)->address));
    else
        reply(x, 200, exchange_body(x));
}

static void on_writable(void *arg, struct exchange *x)
{
    (void)arg;
    (void)x;
    served.writables++;
}

static void on_failed(void *arg, struct exchange *x, enum rc rc)
{
    (void)arg;
    served.failures++;
    served.failed = rc;
    if (served.x == x)
        served.x = NULL;
    if (rc == RC_GONE) {
        assert_true(exchange_gone(x));
        exchange_reply(x, 200, SLICE("nobody hears it"));
        exchange_finish(x);
    } else {
        reply(x, rc_http(rc), slice_str(rc_reason(rc)));
    }
}

static void on_refuse(void *arg, struct slice path, enum rc rc, const char *detail,
                      struct buf *body, const char **content_type)
{
    (void)arg;
    served.refusals++;
    *content_type = "text/x-refusal";
    buf_printf(body, "%s %.*s: %s", rc_reason(rc), SLICE_FMT(path), detail);
}

const struct server_user served_user = {
    .head = on_head,
    .body = on_body,
    .writable = on_writable,
    .failed = on_failed,
    .refuse = on_refuse,
};

/* ---- The server ---- */

void served_open(const struct server_options *options)
{
    struct server_options o = *options;

    clock_set(1700000000000000, 1000000);
    memset(&served, 0, sizeof(served));
    if (o.connections == 0)
        o.connections = 1000;
    if (o.daemons == 0)
        o.daemons = 1;
    assert_int_equal(loop_open(&served_loop), RC_OK);
    assert_int_equal(
        server_shared_open(&served_shared, o.connections, o.connections_per_address),
        RC_OK);
    assert_int_equal(server_listen(&listen_fd, &served_port, "127.0.0.1:0"), RC_OK);
    assert_int_equal(server_open(&served_server, served_loop, listen_fd, served_shared,
                                 &o, &served_user),
                     RC_OK);
}

int served_teardown(void **state)
{
    (void)state;
    for (unsigned i = 0; i < client_count; i++) {
        client_close(clients[i]);
        buf_free(&clients[i]->in);
        free(clients[i]);
    }
    client_count = 0;
    if (served_server != NULL)
        turns(10); /* not after it was closed: its hook is gone */
    server_close(served_server);
    server_shared_close(served_shared);
    if (listen_fd >= 0)
        close(listen_fd);
    listen_fd = -1;
    loop_close(served_loop);
    served_server = NULL;
    served_shared = NULL;
    served_loop = NULL;
    clock_real();
    return 0;
}

void turns(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        loop_turn(served_loop, 1);
}

void advance(uint64_t ms)
{
    clock_advance_ms(ms);
    turns(5);
}

/* ---- The client ---- */

struct client *client_open_small(int receive_bytes)
{
    struct client *c = calloc(1, sizeof(*c));
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(served_port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    assert_non_null(c);
    assert_true(client_count < CLIENTS_MAX);
    clients[client_count++] = c;
    buf_init(&c->in, IN_MAX);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(c->fd >= 0);
    if (receive_bytes > 0)
        assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
                                    sizeof(receive_bytes)),
                         0);
    /* The listener's queue answers, whatever the server does. */
    assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return c;
}

struct client *client_open(void)
{
    return client_open_small(0);
}

void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->closed = true;
}

void client_send(struct client *c, struct slice bytes)
{
    for (unsigned turn = 0; bytes.len > 0; turn++) {
        ssize_t len = send(c->fd, bytes.bytes, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (len < 0 && errno != EAGAIN)
            return; /* closed on us; the test sees it when it reads */
        if (len > 0)
            bytes = slice_sub(bytes, (size_t)len, bytes.len);
        else
            turns(1);
        assert_true(turn < PATIENCE_TURNS);
    }
    turns(1);
}

void client_say(struct client *c, const char *text)
{
    client_send(c, slice_str(text));
}

void client_half_close(struct client *c)
{
    assert_int_equal(shutdown(c->fd, SHUT_WR), 0);
}

void client_read(struct client *c)
{
    char bytes[65536];
    ssize_t len;

    while (!c->closed) {
        len = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        if (len < 0 && errno == EAGAIN)
            return;
        if (len <= 0)
            c->closed = true;
        else
            buf_append(&c->in, slice_from(bytes, (size_t)len));
    }
    assert_false(buf_spent(&c->in));
}

bool client_sees_end(struct client *c)
{
    for (unsigned turn = 0; turn < 50 && !c->closed; turn++) {
        turns(1);
        client_read(c);
    }
    return c->closed;
}

/* ---- Answers ---- */

static struct answer last;

bool answer_has(const struct answer *a, const char *line_start)
{
    char *copy = a->head;
    const size_t len = strlen(line_start);

    for (char *at = strcasestr(copy, line_start); at != NULL;
         at = strcasestr(at + len, line_start)) {
        if (at == copy || at[-1] == '\n')
            return true;
    }
    return false;
}

/* Takes whole chunks as long as there are any; true at the last. */
static bool take_chunks(struct client *c)
{
    for (;;) {
        struct slice in = buf_slice(&c->in);
        size_t line = slice_search(in, SLICE("\r\n"));
        size_t len;

        if (line == in.len)
            return false;
        len = strtoul(in.bytes, NULL, 16);
        if (in.len < line + 2 + len + 2)
            return false;
        buf_append(&last.body, slice_sub(in, line + 2, len));
        assert_memory_equal(in.bytes + line + 2 + len, "\r\n", 2);
        buf_consume(&c->in, line + 2 + len + 2);
        if (len == 0)
            return true;
    }
}

static bool take_length(struct client *c, size_t length)
{
    struct slice in = slice_sub(buf_slice(&c->in), 0, length - buf_len(&last.body));

    buf_append(&last.body, in);
    buf_consume(&c->in, in.len);
    return buf_len(&last.body) == length;
}

static bool take_head(struct client *c)
{
    struct slice in = buf_slice(&c->in);
    size_t end = slice_search(in, SLICE("\r\n\r\n"));

    if (end == in.len)
        return false;
    assert_true(slice_starts(in, SLICE("HTTP/1.1 ")));
    last.head = strndup(in.bytes, end + 2);
    assert_non_null(last.head);
    last.status = (unsigned)strtoul(in.bytes + strlen("HTTP/1.1 "), NULL, 10);
    buf_consume(&c->in, end + 4);
    return true;
}

static bool take_body(struct client *c, bool body_expected)
{
    const char *length = strcasestr(last.head, "\nContent-Length: ");

    if (!body_expected || last.status == 204 || last.status == 304)
        return true;
    if (answer_has(&last, "Transfer-Encoding: chunked")) {
        assert_null(length);
        return take_chunks(c);
    }
    if (length != NULL)
        return take_length(c, strtoul(strchr(length, ':') + 1, NULL, 10));
    (void)take_length(c, SIZE_MAX);
    return c->closed;
}

const struct answer *client_answer(struct client *c, bool body_expected)
{
    bool has_head = false;

    free(last.head);
    buf_free(&last.body);
    last = (struct answer){0};
    buf_init(&last.body, IN_MAX);
    for (unsigned turn = 0; turn < PATIENCE_TURNS && !last.complete; turn++) {
        const bool was_closed = c->closed;

        client_read(c);
        has_head = has_head || take_head(c);
        last.complete = has_head && take_body(c, body_expected);
        if (last.complete || was_closed)
            break;
        turns(1);
    }
    assert_true(has_head);
    return &last;
}

unsigned ask(const char *request)
{
    struct client *c = client_open();

    client_say(c, request);
    return client_answer(c, strncmp(request, "HEAD ", 5) != 0)->status;
}

/* ---- What several tests do ---- */

struct client *client_hold(void)
{
    struct client *c = client_open();

    client_say(c, HOLD);
    turns(3);
    assert_non_null(served.x);
    return c;
}

void served_finish(void)
{
    exchange_finish(served.x);
    served.x = NULL;
}

void expect_body(const struct answer *a, const char *body)
{
    assert_true(a->complete);
    if (!slice_equal_str(buf_slice(&a->body), body))
        fail_msg("\"%.*s\"", SLICE_FMT(buf_slice(&a->body)));
}

void expect_second_works(struct client *c)
{
    client_say(c, SECOND);
    assert_int_equal(client_answer(c, true)->status, 200);
}

char *letters(size_t len)
{
    char *text = malloc(len + 1);

    assert_non_null(text);
    for (size_t i = 0; i < len; i++)
        text[i] = (char)('a' + i % 23);
    text[len] = '\0';
    return text;
}

void served_answer(unsigned status, bool stream, uint64_t length, struct slice body)
{
    if (stream) {
        exchange_stream(served.x, status, length);
        exchange_write(served.x, body);
        exchange_end(served.x, true);
    } else {
        exchange_reply(served.x, status, body);
    }
    served_finish();
}

void client_ask_hold(struct client *c, const char *method)
{
    char request[256];

    (void)snprintf(request, sizeof(request), "%s /hold HTTP/1.1\r\n" HOST "\r\n",
                   method);
    client_say(c, request);
    turns(3);
    assert_non_null(served.x);
}

char pattern_at(size_t at)
{
    return (char)('a' + at % 23);
}

/* Writes as much of the pattern as there is room for. */
size_t served_write_pattern(size_t at, size_t end)
{
    size_t room = exchange_room(served.x);
    char bytes[1000];

    while (room > 0 && at < end) {
        size_t len = room < sizeof(bytes) ? room : sizeof(bytes);

        if (len > end - at)
            len = end - at;
        for (size_t i = 0; i < len; i++)
            bytes[i] = pattern_at(at + i);
        exchange_write(served.x, slice_from(bytes, len));
        at += len;
        room = exchange_room(served.x);
    }
    return at;
}

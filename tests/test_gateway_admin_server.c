/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API's two doors: who gets in, and what a bad client costs. Spoken to over
 * plain sockets, as a bad client would. */
#include "gateway/admin.h"

#include "base/log.h"
#include "base/metric.h"
#include "base/secret.h"
#include "gateway/server.h"
#include "tests/wallet_fixture.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define TOKEN "a-token-for-tests"

static struct fixture f;
static struct admin admin;
static struct admin_server *server;
static int listener;
static struct sockaddr_un local;
static uint16_t port;
static char answer[65536];

static void start(const char *token)
{
    struct secret *secret = NULL;
    struct admin_server_options options = {.socket_fd = listener,
                                           .address = "127.0.0.1:0"};
    struct buf faults;

    if (token != NULL)
        assert_int_equal(secret_new(&secret, slice_str(token)), RC_OK);
    options.token = secret;
    buf_init(&faults, 4096);
    assert_int_equal(admin_server_open(&server, &port, &admin, &options, &faults),
                     RC_OK);
    assert_true(port != 0);
    buf_free(&faults);
    secret_unref(secret);
}

static int set_up(void **state)
{
    (void)state;
    fixture_open(&f, LEDGER_MEMORY);
    admin = (struct admin){.ledger = f.ledger, .book = f.book};
    local = (struct sockaddr_un){.sun_family = AF_UNIX};
    (void)snprintf(local.sun_path, sizeof(local.sun_path), "%s/admin.sock", f.dir);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&local, sizeof(local)) != 0 ||
        listen(listener, 8) != 0)
        return -1;
    start(TOKEN);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    admin_server_close(server);
    (void)close(listener);
    fixture_close(&f);
    return 0;
}

/* ---- A client ---- */

static int connect_local(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&local, sizeof(local)), 0);
    return fd;
}

static int connect_remote(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void put(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

        if (sent <= 0)
            return; /* it was refused before all of it was sent */
        bytes += sent;
        len -= (size_t)sent;
    }
}

/* Until the other side closes. Returns the status. */
static unsigned take(int fd)
{
    size_t len = 0;
    ssize_t got;
    unsigned status = 0;

    while (len < sizeof(answer) - 1 &&
           (got = recv(fd, answer + len, sizeof(answer) - 1 - len, 0)) > 0)
        len += (size_t)got;
    answer[len] = '\0';
    (void)close(fd);
    if (sscanf(answer, "HTTP/1.1 %3u", &status) != 1) /* NOLINT: our own format */
        return 0;
    return status;
}

static unsigned ask(int fd, const char *line, const char *headers, const char *body)
{
    char text[4096];
    int len = snprintf(text, sizeof(text),
                       "%s HTTP/1.1\r\n%sConnection: close\r\nContent-Length: %zu\r\n"
                       "\r\n%s",
                       line, headers, strlen(body), body);

    put(fd, text, (size_t)len);
    return take(fd);
}

#define HOST  "Host: localhost\r\n"
#define RIGHT "Authorization: Bearer " TOKEN "\r\n"
#define SHOW  "GET /admin/v1/version"

/* ---- Claims ---- */

static void the_socket_wants_no_token(void **state)
{
    (void)state;
    assert_int_equal(ask(connect_local(), SHOW, "Host: x\r\n", ""), 200);
    assert_non_null(strstr(answer, "\"version\":\""));
    assert_non_null(strstr(answer, "Cache-Control: no-store"));
    assert_non_null(strstr(answer, "X-Content-Type-Options: nosniff"));
}

static void the_address_wants_the_token(void **state)
{
    (void)state;
    assert_int_equal(ask(connect_remote(), SHOW, HOST RIGHT, ""), 200);
    assert_int_equal(ask(connect_remote(), SHOW, HOST, ""), 401);
    assert_non_null(strstr(answer, "WWW-Authenticate: Bearer"));
    assert_int_equal(
        ask(connect_remote(), SHOW, HOST "Authorization: Bearer x\r\n", ""), 401);
    assert_int_equal(
        ask(connect_remote(), SHOW, HOST "Authorization: Bearer " TOKEN "x\r\n", ""),
        401);
    assert_int_equal(ask(connect_remote(), SHOW, HOST "Authorization: Bearer \r\n", ""),
                     401);
    assert_int_equal(
        ask(connect_remote(), SHOW, HOST "Authorization: Basic " TOKEN "\r\n", ""),
        401);
    assert_int_equal(ask(connect_remote(), SHOW, HOST RIGHT RIGHT, ""), 401);
    assert_int_equal(
        ask(connect_remote(), SHOW, HOST "Cookie: token=" TOKEN "\r\n", ""), 401);
}

static void without_a_token_nobody_gets_in(void **state)
{
    (void)state;
    admin_server_close(server);
    start(NULL);
    assert_int_equal(ask(connect_remote(), SHOW, HOST, ""), 401);
    assert_int_equal(ask(connect_remote(), SHOW, HOST "Authorization: Bearer \r\n", ""),
                     401);
    assert_int_equal(ask(connect_local(), SHOW, HOST, ""), 200);
}

static void an_empty_token_is_none(void **state)
{
    (void)state;
    admin_server_close(server);
    start("");
    assert_int_equal(ask(connect_remote(), SHOW, HOST "Authorization: Bearer \r\n", ""),
                     401);
}

static void names_that_are_not_ours_are_refused(void **state)
{
    static const char *const bad[] = {
        "Host: evil.example\r\n" RIGHT,
        "Host: localhost.evil.example\r\n" RIGHT,
        "Host: 127.0.0.1.evil.example\r\n" RIGHT,
        "Host: \r\n" RIGHT,
        "Host: localhost\r\nHost: localhost\r\n" RIGHT,
    };
    static const char *const good[] = {
        "Host: localhost:8403\r\n" RIGHT,
        "Host: 127.0.0.1:1\r\n" RIGHT,
        "Host: [::1]:8403\r\n" RIGHT,
        "Host: LOCALHOST\r\n" RIGHT,
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_not_equal(ask(connect_remote(), SHOW, bad[i], ""), 200);
    assert_int_equal(ask(connect_remote(), SHOW, bad[0], ""), 403);
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(ask(connect_remote(), SHOW, good[i], ""), 200);
}

static void who_guesses_is_stopped_even_with_the_right_token(void **state)
{
    unsigned status = 0;

    (void)state;
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(
            ask(connect_remote(), SHOW, HOST "Authorization: Bearer x\r\n", ""), 401);
    for (unsigned i = 0; i < 3 && status != 429; i++)
        status = ask(connect_remote(), SHOW, HOST "Authorization: Bearer x\r\n", "");
    assert_int_equal(status, 429);
    assert_int_equal(ask(connect_remote(), SHOW, HOST RIGHT, ""), 429);
    assert_int_equal(ask(connect_local(), SHOW, HOST, ""), 200);
}

static void metrics_are_at_the_address_only(void **state)
{
    (void)state;
    metric_add(metric_counter("octroi_test_total", NULL, "For a test."), 1);
    assert_int_equal(ask(connect_remote(), "GET /metrics", HOST RIGHT, ""), 200);
    assert_non_null(strstr(answer, "octroi_test_total 1"));
    assert_int_equal(ask(connect_remote(), "GET /metrics", HOST, ""), 401);
    assert_int_equal(ask(connect_local(), "GET /metrics", HOST, ""), 404);
}

static void bodies_arrive_whole_or_are_refused(void **state)
{
    static char big[(1 << 20) + 4096];
    static const char head[] = "POST /admin/v1/wallets HTTP/1.1\r\nHost: x\r\n"
                               "Connection: close\r\nContent-Length: 1050000\r\n\r\n";
    int fd;

    (void)state;
    assert_int_equal(
        ask(connect_local(), "POST /admin/v1/wallets", HOST, "{\"name\":\"a\"}"), 201);
    fd = connect_local();
    memset(big, ' ', sizeof(big));
    put(fd, head, sizeof(head) - 1);
    put(fd, big, 1050000);
    assert_int_equal(take(fd), 413);
}

static void a_raw_path_reaches_the_api(void **state)
{
    (void)state;
    assert_int_equal(
        ask(connect_local(), "POST /admin/v1/wallets", HOST, "{\"name\":\"a/b\"}"),
        201);
    assert_int_equal(ask(connect_local(), "GET /admin/v1/wallets/a%2Fb", HOST, ""),
                     200);
    assert_int_equal(ask(connect_local(), "GET /admin/v1/wallets/a/b", HOST, ""), 404);
}

static void a_file_is_sent_as_the_body(void **state)
{
    (void)state;
    assert_int_equal(ask(connect_local(), "GET /admin/v1/ledger/export", HOST, ""),
                     200);
    assert_non_null(strstr(answer, "Content-Type: application/jsonl"));
    assert_non_null(strstr(answer, "{\"octroi_ledger\":1"));
}

static void an_address_in_use_is_told(void **state)
{
    struct admin_server_options options = {.socket_fd = listener};
    struct admin_server *second = NULL;
    struct buf faults;
    char address[32];
    uint16_t unused;

    (void)state;
    (void)snprintf(address, sizeof(address), "127.0.0.1:%u", port);
    options.address = address;
    buf_init(&faults, 4096);
    assert_int_equal(admin_server_open(&second, &unused, &admin, &options, &faults),
                     RC_CONFLICT);
    assert_null(second);
    assert_true(slice_search(buf_slice(&faults), SLICE("server.admin_listen")) <
                buf_len(&faults));
    buf_free(&faults);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(the_socket_wants_no_token),
        TEST(the_address_wants_the_token),
        TEST(without_a_token_nobody_gets_in),
        TEST(an_empty_token_is_none),
        TEST(names_that_are_not_ours_are_refused),
        TEST(who_guesses_is_stopped_even_with_the_right_token),
        TEST(metrics_are_at_the_address_only),
        TEST(bodies_arrive_whole_or_are_refused),
        TEST(a_raw_path_reaches_the_api),
        TEST(a_file_is_sent_as_the_body),
        TEST(an_address_in_use_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

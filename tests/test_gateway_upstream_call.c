/* SPDX-License-Identifier: Apache-2.0 */
/* What goes out, what is never sent, and connections that do not come about. */
#include "gateway/upstream.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/upstream_probe.h"

/* ---- What goes out ---- */

static void answer_hello(struct fake_connection *c)
{
    while (fake_read(c))
        fake_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: 1\r\n\r\nhello");
}

static void a_request_is_sent_as_told(void **state)
{
    const struct slice parts[] = {SLICE("{\"model\":"), SLICE_NONE, SLICE("\"m\"}")};
    const struct http_header headers[] = {
        {SLICE("Authorization"), SLICE("Bearer s")},
        {SLICE("Content-Type"), SLICE(" application/json ")},
        {SLICE("X-Empty"), SLICE("")}};
    static char head[FAKE_TEXT_SIZE];
    char host[64];
    struct probe p;
    uint64_t sum;
    size_t len;

    (void)state;
    probe_server(answer_hello);
    probe_init(&p, "POST", "/v1/chat?x=1");
    p.spec.parts = parts;
    p.spec.part_count = 3;
    p.spec.has_body = true;
    p.spec.headers = headers;
    p.spec.header_count = 3;
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_FINE);
    assert_string_equal(p.detail, "");
    assert_int_equal(p.head_count, 1);
    assert_int_equal(p.status, 200);
    assert_has(buf_slice(&p.headers), "X-One: 1\n");
    assert_taken(&p, "hello");
    fake_last(probe_fake, head, &len, &sum);
    assert_int_equal(len, 13);
    (void)snprintf(host, sizeof(host), "\r\nHost: 127.0.0.1:%u\r\n",
                   fake_port(probe_fake));
    assert_true(slice_starts(slice_str(head), SLICE("POST /v1/chat?x=1 HTTP/1.1\r\n")));
    assert_has(slice_str(head), host);
    assert_has(slice_str(head), "\r\nAuthorization: Bearer s\r\nContent-Type: "
                                "application/json\r\nX-Empty:\r\n");
    assert_has(slice_str(head), "\r\nContent-Length: 13\r\n");
    assert_has(slice_str(head), "\r\nUser-Agent: octroi\r\n");
    assert_has_not(slice_str(head), "Accept");
    assert_has_not(slice_str(head), "Expect");
    probe_free(&p);
}

static void headers_of_the_caller_replace_ours(void **state)
{
    const struct http_header headers[] = {{SLICE("user-agent"), SLICE("agent/1")},
                                          {SLICE("accept"), SLICE("text/html")}};
    static char head[FAKE_TEXT_SIZE];
    struct probe p;
    uint64_t sum;
    size_t len;

    (void)state;
    probe_server(answer_hello);
    probe_init(&p, "GET", "/");
    p.spec.headers = headers;
    p.spec.header_count = 2;
    probe_run(&p);
    fake_last(probe_fake, head, &len, &sum);
    assert_has(slice_str(head), "\r\nuser-agent: agent/1\r\naccept: text/html\r\n");
    assert_has_not(slice_str(head), "octroi");
    assert_has_not(slice_str(head), "*/*");
    probe_free(&p);
}

/* All on one connection and one handle, so that nothing of a request stays behind. */
static void every_method_gets_the_right_framing(void **state)
{
    static const struct {
        const char *method;
        const char *body; /* NULL: none */
        const char *length;
    } cases[] = {
        {"POST", "abc", "3"},   {"GET", NULL, NULL},   {"POST", "", "0"},
        {"DELETE", NULL, NULL}, {"DELETE", "xy", "2"}, {"OPTIONS", NULL, NULL},
        {"PATCH", "pq", "2"},   {"PUT", "put!", "4"},  {"GET", "odd", "3"},
        {"POST", NULL, NULL},   {"GET", NULL, NULL},
    };

    static char head[FAKE_TEXT_SIZE];

    (void)state;
    probe_server(answer_hello);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct slice body = slice_str(cases[i].body);
        char line[64];
        struct probe p;
        uint64_t sum;
        size_t len;

        probe_init(&p, cases[i].method, "/m");
        p.spec.has_body = cases[i].body != NULL;
        p.spec.parts = &body;
        p.spec.part_count = cases[i].body != NULL ? 1 : 0;
        probe_run(&p);
        assert_int_equal(p.fail, UPSTREAM_FINE);
        assert_taken(&p, "hello");
        fake_last(probe_fake, head, &len, &sum);
        (void)snprintf(line, sizeof(line), "%s /m HTTP/1.1\r\n", cases[i].method);
        assert_true(slice_starts(slice_str(head), slice_str(line)));
        assert_int_equal(len, body.len);
        if (cases[i].length == NULL) {
            assert_has_not(slice_str(head), "Content-Length");
        } else {
            (void)snprintf(line, sizeof(line), "\r\nContent-Length: %s\r\n",
                           cases[i].length);
            assert_has(slice_str(head), line);
        }
        assert_has_not(slice_str(head), "Transfer-Encoding");
        assert_has_not(slice_str(head), "Content-Type");
        probe_free(&p);
    }
    assert_int_equal(fake_connections(probe_fake), 1);
}

static void answer_head_only(struct fake_connection *c)
{
    while (fake_read(c))
        fake_say(c, c->text[0] == 'H'
                        ? "HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n"
                        : "HTTP/1.1 304 Not Modified\r\nContent-Length: 7"
                          "\r\n\r\n");
}

static void answers_without_body_are_complete(void **state)
{
    static const char *const methods[] = {"HEAD", "GET", "HEAD"};

    (void)state;
    probe_server(answer_head_only);
    for (size_t i = 0; i < 3; i++) {
        struct probe p;

        probe_init(&p, methods[i], "/");
        p.spec.max_response_bytes = 5; /* of which nothing is needed */
        probe_run(&p);
        assert_int_equal(p.fail, UPSTREAM_FINE);
        assert_int_equal(p.head_count, 1);
        assert_int_equal(p.status, i == 1 ? 304 : 200);
        assert_int_equal(p.data_count, 0);
        probe_free(&p);
    }
    assert_int_equal(fake_connections(probe_fake), 1);
}

enum {
    BIG_PARTS = 700,
    BIG_PART = 5000
};

static void a_large_body_in_many_parts_arrives_whole(void **state)
{
    static char bytes[BIG_PARTS * BIG_PART];
    static struct slice parts[BIG_PARTS];
    static char head[FAKE_TEXT_SIZE];
    uint64_t expected = 0;
    struct probe p;
    uint64_t sum;
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i * 7 + i / 251);
        expected += (i + 1) * (unsigned char)bytes[i];
    }
    for (size_t i = 0; i < BIG_PARTS; i++)
        parts[i] = slice_from(bytes + i * BIG_PART, BIG_PART);
    probe_server(answer_hello);
    probe_init(&p, "PUT", "/");
    p.spec.has_body = true;
    p.spec.parts = parts;
    p.spec.part_count = BIG_PARTS;
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_FINE);
    fake_last(probe_fake, head, &len, &sum);
    assert_int_equal(len, sizeof(bytes));
    assert_int_equal(sum, expected);
    assert_has_not(slice_str(head), "Expect"); /* it would wait for a second */
    probe_free(&p);
}

static void the_path_is_sent_byte_for_byte(void **state)
{
    static char head[FAKE_TEXT_SIZE];
    uint64_t sum;
    size_t len;

    (void)state;
    probe_server(answer_hello);
    assert_int_equal(probe_get("/a/../b/./%2e%2E/c//d%2f?q=%41'\"|"), UPSTREAM_FINE);
    fake_last(probe_fake, head, &len, &sum);
    assert_true(slice_starts(
        slice_str(head), SLICE("GET /a/../b/./%2e%2E/c//d%2f?q=%41'\"| HTTP/1.1\r\n")));
}

static void the_environment_does_not_matter(void **state)
{
    (void)state;
    probe_server(answer_hello);
    assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(setenv("ALL_PROXY", "http://127.0.0.1:1", 1), 0);
    assert_int_equal(probe_get("/"), UPSTREAM_FINE);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(unsetenv("ALL_PROXY"), 0);
}

static void assert_unsendable(struct probe *p)
{
    probe_run(p);
    if (p->fail != UPSTREAM_STOPPED)
        fail_msg("%s %s: %u, %s", p->spec.method, p->spec.url, (unsigned)p->fail,
                 p->detail);
    assert_true(p->detail[0] != '\0');
    assert_int_equal(p->head_count, 0);
    assert_int_equal(fake_connections(probe_fake), 0);
    probe_free(p);
}

static void headers_that_would_break_the_request_are_not_sent(void **state)
{
    static const struct http_header bad[] = {
        {{"A\r\nB", 4}, {"x", 1}},
        {{"", 0}, {"x", 1}},
        {{"A B", 3}, {"x", 1}},
        {{"A:", 2}, {"x", 1}},
        {{"A\0", 2}, {"x", 1}},
        {{"A\x80", 2}, {"x", 1}},
        {{"A", 1}, {"x\r\nB: y", 7}},
        {{"A", 1}, {"x\ny", 3}},
        {{"A", 1}, {"x\ry", 3}},
        {{"A", 1}, {"x\0y", 3}},
        {{"A", 1}, {"\x7f", 1}},
        {{"Host", 4}, {"x", 1}},
        {{"content-length", 14}, {"1", 1}},
        {{"Transfer-Encoding", 17}, {"chunked", 7}},
        {{"connection", 10}, {"close", 5}},
        {{"EXPECT", 6}, {"100-continue", 12}},
        {{"te", 2}, {"trailers", 8}},
        {{"Upgrade", 7}, {"h2c", 3}},
        {{"Proxy-Authorization", 19}, {"x", 1}},
    };

    (void)state;
    probe_server(answer_hello);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct probe p;

        probe_init(&p, "GET", "/");
        p.spec.headers = &bad[i];
        p.spec.header_count = 1;
        assert_unsendable(&p);
    }
}

static void too_many_headers_are_not_sent(void **state)
{
    static struct http_header many[129];
    static char value[33000];
    struct probe p;

    (void)state;
    memset(value, 'v', sizeof(value));
    probe_server(answer_hello);
    for (size_t i = 0; i < 129; i++)
        many[i] = (struct http_header){SLICE("X"), SLICE("y")};
    probe_init(&p, "GET", "/");
    p.spec.headers = many;
    p.spec.header_count = 129;
    assert_unsendable(&p);

    many[0].value = slice_from(value, sizeof(value));
    many[1].value = slice_from(value, sizeof(value));
    probe_init(&p, "GET", "/");
    p.spec.headers = many;
    p.spec.header_count = 2;
    assert_unsendable(&p);
}

static void methods_and_urls_that_make_no_request_are_not_sent(void **state)
{
    static const char *const methods[] = {"",        "GE T",    "GET\r\n",
                                          "CONNECT", "connect", "ABCDEFGHIJKLMNOPQ"};
    static const char *const urls[] = {
        "",
        "127.0.0.1",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "http:///x",
        "http://",
        "http://user@127.0.0.1/",
        "http://a:b@127.0.0.1/",
        "http://127.0.0.1\r\nX: y/",
        "http://127.0.0.1/a b",
        "http://127.0.0.1/\x7f",
        "http://127.0.0.1/#f",
        "http://127.0.0.1:99999/",
        "http://[::1/",
    };
    struct probe p;

    (void)state;
    probe_server(answer_hello);
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        probe_init(&p, methods[i], "/");
        assert_unsendable(&p);
    }
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        probe_init(&p, "GET", "/");
        p.spec.url = urls[i];
        assert_unsendable(&p);
    }
    probe_init(&p, "HEAD", "/");
    p.spec.has_body = true;
    assert_unsendable(&p);
}

static void answer_early(struct fake_connection *c)
{
    /* Before the body has come, and perhaps before it was sent. */
    fake_say(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
    fake_wait_closed(c);
}

static void an_answer_before_the_body_was_sent_counts(void **state)
{
    static char bytes[4 << 20];
    const struct slice body = {bytes, sizeof(bytes)};
    struct probe p;

    (void)state;
    probe_server(answer_early);
    probe_init(&p, "POST", "/");
    p.spec.has_body = true;
    p.spec.parts = &body;
    p.spec.part_count = 1;
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_FINE);
    assert_int_equal(p.status, 413);
    assert_taken(&p, "no");
    probe_free(&p);
}

/* ---- Connections that do not come about ---- */

static void a_refused_connection_sent_nothing(void **state)
{
    (void)state;
    probe_server(answer_hello);
    fake_refuse(probe_fake);
    assert_int_equal(probe_get("/"), UPSTREAM_CONNECT);
}

static void private_addresses_are_blocked_however_written(void **state)
{
    static const char *const hosts[] = {"127.0.0.1",
                                        "2130706433",
                                        "0x7f000001",
                                        "0177.0.0.1",
                                        "127.1",
                                        "0",
                                        "0.0.0.0",
                                        "localhost",
                                        "[::1]",
                                        "[::]",
                                        "[::ffff:127.0.0.1]",
                                        "[::127.0.0.1]",
                                        "[64:ff9b::7f00:1]",
                                        "[2002:7f00:1::]",
                                        "10.0.0.1",
                                        "169.254.169.254",
                                        "192.168.1.1",
                                        "100.64.0.1",
                                        "[fe80::1]",
                                        "[fc00::1]",
                                        "255.255.255.255",
                                        "224.0.0.1"};

    (void)state;
    probe_server(answer_hello);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        struct probe p;

        probe_init(&p, "GET", "/");
        (void)snprintf(p.url, sizeof(p.url), "http://%s:%u/", hosts[i],
                       fake_port(probe_fake));
        p.spec.allow_private = false;
        probe_run(&p);
        if (p.fail != UPSTREAM_BLOCKED)
            fail_msg("%s: %u, %s", hosts[i], (unsigned)p.fail, p.detail);
        probe_free(&p);
    }
    assert_int_equal(fake_connections(probe_fake), 0);
}

static void say_nothing(struct fake_connection *c)
{
    fake_wait_closed(c);
}

static void a_handshake_that_hangs_sent_nothing(void **state)
{
    struct probe p;

    (void)state;
    probe_server(say_nothing);
    probe_init(&p, "GET", "/");
    (void)snprintf(p.url, sizeof(p.url), "https://127.0.0.1:%u/",
                   fake_port(probe_fake));
    p.spec.connect_timeout_ms = 50;
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_CONNECT);
    probe_free(&p);
}

static void say_plain_text(struct fake_connection *c)
{
    fake_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    fake_wait_closed(c);
}

static void a_server_without_tls_gets_nothing(void **state)
{
    struct probe p;

    (void)state;
    probe_server(say_plain_text);
    probe_init(&p, "GET", "/");
    (void)snprintf(p.url, sizeof(p.url), "https://127.0.0.1:%u/",
                   fake_port(probe_fake));
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_CONNECT);
    probe_free(&p);
}

/* Made for this test; the key protects nothing. */
static const char tls_key[] =
    "-----BEGIN PRIVATE KEY-----\n"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgi+1tlyEtEfrsSaa7\n"
    "4t7V6yl8zGuhUbd3eRkFzOm4WX6hRANCAATkVO/t1F33AgHYWOU3yzNO8vcRKAzh\n"
    "MDKDdB8flLSFBySdTsEjlN5D4z832/8do7SqGsVRP6PbzmIrKrcd078e\n"
    "-----END PRIVATE KEY-----\n";
static const char tls_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBkDCCATagAwIBAgIUDFYh2xSrsbgNPYYmR5F9oMzQ1PAwCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMTAyMDY0OVoYDzIxMjYxMDI4\n"
    "MDIwNjQ5WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAATkVO/t1F33AgHYWOU3yzNO8vcRKAzhMDKDdB8flLSFBySdTsEjlN5D\n"
    "4z832/8do7SqGsVRP6PbzmIrKrcd078eo2QwYjAdBgNVHQ4EFgQUt3qpldovO/ob\n"
    "lBTWwBCrnDlzRxcwHwYDVR0jBBgwFoAUt3qpldovO/oblBTWwBCrnDlzRxcwDwYD\n"
    "VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUC\n"
    "IQCDtjEbU8pdT2+9yIoQxQLonpesz8Ni6ItjFQ90E1nDLQIgZc9Q1NMcwp/hYGqc\n"
    "MM+WrQMCJDyhFtd02CA9LGBUixk=\n"
    "-----END CERTIFICATE-----\n";

/* NOLINTNEXTLINE(readability-*): libmicrohttpd says what it looks like */
static enum MHD_Result never_reached(void *arg, struct MHD_Connection *connection,
                                     const char *url, const char *method,
                                     const char *version, const char *upload_data,
                                     size_t *upload_data_size, void **request)
{
    (void)connection, (void)url, (void)method, (void)version;
    (void)upload_data, (void)request;
    *upload_data_size = 0;
    *(bool *)arg = true;
    return MHD_NO;
}

static void a_certificate_that_nobody_vouches_for_is_refused(void **state)
{
    bool reached = false;
    const union MHD_DaemonInfo *info;
    struct MHD_Daemon *tls;
    struct probe p;

    (void)state;
    tls = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_TLS, 0, NULL, NULL,
                           never_reached, &reached, MHD_OPTION_HTTPS_MEM_KEY, tls_key,
                           MHD_OPTION_HTTPS_MEM_CERT, tls_certificate, MHD_OPTION_END);
    assert_non_null(tls);
    info = MHD_get_daemon_info(tls, MHD_DAEMON_INFO_BIND_PORT);
    probe_init(&p, "GET", "/");
    (void)snprintf(p.url, sizeof(p.url), "https://127.0.0.1:%u/", info->port);
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_CONNECT);
    assert_has(slice_str(p.detail), "certificate");
    MHD_stop_daemon(tls);
    assert_false(reached);
    probe_free(&p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, probe_set_up, probe_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_sent_as_told),
        TEST(headers_of_the_caller_replace_ours),
        TEST(every_method_gets_the_right_framing),
        TEST(answers_without_body_are_complete),
        TEST(a_large_body_in_many_parts_arrives_whole),
        TEST(the_path_is_sent_byte_for_byte),
        TEST(the_environment_does_not_matter),
        TEST(headers_that_would_break_the_request_are_not_sent),
        TEST(too_many_headers_are_not_sent),
        TEST(methods_and_urls_that_make_no_request_are_not_sent),
        TEST(an_answer_before_the_body_was_sent_counts),
        TEST(a_refused_connection_sent_nothing),
        TEST(private_addresses_are_blocked_however_written),
        TEST(a_handshake_that_hangs_sent_nothing),
        TEST(a_server_without_tls_gets_nothing),
        TEST(a_certificate_that_nobody_vouches_for_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

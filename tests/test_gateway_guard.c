/* SPDX-License-Identifier: Apache-2.0 */
/* The request guard: which heads it lets pass and what it calls those that it refuses.
 */
#include "gateway/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/cut_head.h"

#define HOST "Host: a.example\r\n"

static struct http_request q;
static const char *detail;

/* `head` with its NULs; text literals may have them inside. */
static enum rc judge_bytes(const char *head, size_t len)
{
    static struct cut_head cut;

    assert_true(cut_head(&cut, &q, slice_from(head, len)));
    return guard_check(&q, &cut.head, &detail);
}

static enum rc judge(const char *head)
{
    return judge_bytes(head, strlen(head));
}

static enum rc judge_text(const char *before, const char *text, const char *behind)
{
    char head[32768];
    const int len = snprintf(head, sizeof(head), "%s%s%s", before, text, behind);

    assert_in_range(len, 1, sizeof(head) - 1);
    return judge_bytes(head, (size_t)len);
}

/* A GET with these headers besides Host. */
static enum rc judge_headers(const char *headers)
{
    return judge_text("GET / HTTP/1.1\r\n" HOST, headers, "\r\n");
}

static enum rc judge_target(const char *target)
{
    return judge_text("GET ", target, " HTTP/1.1\r\n" HOST "\r\n");
}

static enum rc judge_host(const char *host)
{
    return judge_text("GET / HTTP/1.1\r\nHost: ", host, "\r\n\r\n");
}

static void an_honest_head_passes(void **state)
{
    (void)state;
    assert_int_equal(judge("POST /v1/x?a=b HTTP/1.1\r\n" HOST "X-A:b\r\n"
                           "X-B: \t c d\t \r\nX-E:\r\nContent-Length: 12\r\n\r\n"),
                     RC_OK);
    assert_null(detail);
    assert_true(slice_equal_str(q.path, "/v1/x"));
    assert_true(slice_equal_str(q.query, "a=b"));
    assert_true(q.has_body && !q.chunked);
    assert_int_equal(q.content_length, 12);
    assert_true(slice_equal_str(http_header(&q, "x-a", NULL), "b"));
    assert_true(slice_equal_str(http_header(&q, "X-b", NULL), "c d"));
    assert_int_equal(http_header(&q, "x-e", NULL).len, 0);
}

static void a_body_is_announced_by_length_or_chunks(void **state)
{
    (void)state;
    assert_int_equal(judge_headers(""), RC_OK);
    assert_false(q.has_body);
    assert_int_equal(judge_headers("Content-Length: 0\r\n"), RC_OK);
    assert_false(q.has_body);
    assert_int_equal(judge_headers("Transfer-Encoding: Chunked\r\n"), RC_OK);
    assert_true(q.has_body && q.chunked);
}

static void a1_length_beside_chunks_is_refused(void **state)
{
    (void)state;
    assert_int_equal(
        judge_headers("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
        RC_BAD_INPUT);
    assert_int_equal(
        judge_headers("Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"),
        RC_BAD_INPUT);
}

static void a2_two_lengths_are_refused(void **state)
{
    (void)state;
    assert_int_equal(judge_headers("Content-Length: 5\r\nContent-Length: 6\r\n"),
                     RC_BAD_INPUT);
    assert_int_equal(judge_headers("Content-Length: 5\r\ncontent-length: 5\r\n"),
                     RC_BAD_INPUT);
}

static void a3_codings_but_chunked_are_refused(void **state)
{
    static const char *const codings[] = {
        "gzip",
        "gzip, chunked",
        "chunked, gzip",
        "chunked, chunked",
        "xchunked",
        "chunked;q=1",
        "identity",
        "",
        "\"chunked\"",
        "chunked\tx",
        "chunked\r\nTransfer-Encoding: chunked",
    };
    char header[128];

    (void)state;
    for (size_t i = 0; i < sizeof(codings) / sizeof(codings[0]); i++) {
        (void)snprintf(header, sizeof(header), "Transfer-Encoding: %s\r\n", codings[i]);
        assert_int_equal(judge_headers(header), RC_BAD_INPUT);
    }
}

static void a4_chunks_in_http_1_0_are_refused(void **state)
{
    (void)state;
    assert_int_equal(judge("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
                     RC_BAD_INPUT);
}

static void a5_names_are_tokens(void **state)
{
    static const char *const names[] = {
        "X A", "X-A ", "X-A\t", "X\x01", "X\x7f", "X\xc3\xa4", "X(", "", " X", "X@",
    };
    char header[128];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        (void)snprintf(header, sizeof(header), "%s: v\r\n", names[i]);
        assert_int_equal(judge_headers(header), RC_BAD_INPUT);
    }
    assert_int_equal(judge_headers("!#$%&'*+-.^_`|~09azAZ: v\r\n"), RC_OK);
}

static void a5_control_characters_in_values_are_refused(void **state)
{
    (void)state;
    assert_int_equal(judge_headers("X-A: a\x01"
                                   "b\r\n"),
                     RC_BAD_INPUT);
    assert_int_equal(judge_headers("X-A: a\rb\r\n"), RC_BAD_INPUT);
    assert_int_equal(judge_headers("X-A: \x7f\r\n"), RC_BAD_INPUT);
    assert_int_equal(judge_headers("X-A: a\tb \xc3\xa4\r\n"), RC_OK);
}

static void a6_what_hides_between_the_strings_is_refused(void **state)
{
    static const char nul[] = "GET / HTTP/1.1\r\n" HOST "X-A: a\0b\r\n\r\n";
    static const char two_nuls[] = "GET / HTTP/1.1\r\n" HOST "X-A: a\0\0b\r\n\r\n";
    static const char nul_in_target[] = "GET /\0x HTTP/1.1\r\n" HOST "\r\n";
    /* One byte too many in one place, one too few in another. */
    static const char balanced[] = "GET / HTTP/1.1\n" HOST "X-A: a\0\r\n\r\n";

    (void)state;
    assert_int_equal(judge_bytes(nul, sizeof(nul) - 1), RC_BAD_INPUT);
    assert_int_equal(judge_bytes(two_nuls, sizeof(two_nuls) - 1), RC_BAD_INPUT);
    assert_int_equal(judge_bytes(balanced, sizeof(balanced) - 1), RC_BAD_INPUT);
    assert_int_equal(judge("GET / HTTP/1.1\n" HOST "\r\n"), RC_BAD_INPUT);
    assert_int_equal(judge("GET / HTTP/1.1\r\nHost: a\n\r\n"), RC_BAD_INPUT);
    assert_int_equal(judge("GET / HTTP/1.1\r\n" HOST "\n"), RC_BAD_INPUT);
    assert_int_equal(judge("GET / HTTP/1.1\r\n" HOST "X-A: b\r\n c\r\n\r\n"),
                     RC_BAD_INPUT);
    assert_int_equal(judge("GET  / HTTP/1.1\r\n" HOST "\r\n"), RC_BAD_INPUT);
    assert_int_equal(judge("GET /  HTTP/1.1\r\n" HOST "\r\n"), RC_BAD_INPUT);
    assert_int_equal(judge_bytes(nul_in_target, sizeof(nul_in_target) - 1),
                     RC_BAD_INPUT);
}

static void a7_one_valid_host_is_required(void **state)
{
    static const char *const good[] = {
        "a",     "a.b-c_d.example", "127.0.0.1", "127.0.0.1:80",
        "[::1]", "[::1]:8402",      "a:",        "xn--bcher-kva.example:65535",
    };
    static const char *const bad[] = {
        "a?b", "a#b",  "a/b", "u@a",    "a b", "a:b",  "a:65536", "a:000080", ":80",
        "",    "[::1", "[]",  "[::1]x", "a,b", "a%41", "[a:g-]",  "a:80:80",  "a\\b",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(judge_host(good[i]), RC_OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(judge_host(bad[i]), RC_BAD_INPUT);
    assert_int_equal(judge("GET / HTTP/1.1\r\n\r\n"), RC_BAD_INPUT);
    assert_int_equal(judge_headers("Host: a.example\r\n"), RC_BAD_INPUT);
    assert_int_equal(judge("GET / HTTP/1.0\r\n\r\n"), RC_OK);
    assert_int_equal(judge("GET / HTTP/1.0\r\nHost: a?\r\n\r\n"), RC_BAD_INPUT);
}

static void a10_lengths_are_digits_within_reason(void **state)
{
    static const char *const malformed[] = {"+5",  "-5", "5,5", "0x5",
                                            "5 5", "5;", "",    "a"};
    char header[128];

    (void)state;
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
        (void)snprintf(header, sizeof(header), "Content-Length: %s\r\n", malformed[i]);
        assert_int_equal(judge_headers(header), RC_BAD_INPUT);
    }
    assert_int_equal(judge_headers("Content-Length: 4611686018427387904\r\n"), RC_OK);
    assert_int_equal(judge_headers("Content-Length: 4611686018427387905\r\n"),
                     RC_TOO_BIG);
    assert_int_equal(judge_headers("Content-Length: 18446744073709551615\r\n"),
                     RC_TOO_BIG);
    assert_int_equal(judge_headers("Content-Length: 18446744073709551616\r\n"),
                     RC_TOO_BIG);
}

static void a11_sizes_are_limited(void **state)
{
    static char headers[32768];
    char target[HTTP_URL_MAX + 2];
    size_t len = 0;

    (void)state;
    memset(target, 'a', sizeof(target));
    target[0] = '/';
    target[HTTP_URL_MAX] = '\0';
    assert_int_equal(judge_target(target), RC_OK);
    target[HTTP_URL_MAX] = 'a';
    target[HTTP_URL_MAX + 1] = '\0';
    assert_int_equal(judge_target(target), RC_URL_TOO_LONG);

    for (unsigned i = 0; i < HTTP_HEADERS_MAX - 1; i++) /* and Host */
        len += (size_t)snprintf(headers + len, sizeof(headers) - len, "X: %u\r\n", i);
    assert_int_equal(judge_headers(headers), RC_OK);
    (void)snprintf(headers + len, sizeof(headers) - len, "X: y\r\n");
    assert_int_equal(judge_headers(headers), RC_HEADERS_TOO_BIG);

    /* Host: a.example CRLF is 17 bytes, X: CRLF 5. */
    len = HTTP_HEADER_BYTES_MAX - 17 - 5;
    (void)snprintf(headers, sizeof(headers), "X: %0*d\r\n", (int)len, 0);
    assert_int_equal(judge_headers(headers), RC_OK);
    (void)snprintf(headers, sizeof(headers), "X: %0*d\r\n", (int)len + 1, 0);
    assert_int_equal(judge_headers(headers), RC_HEADERS_TOO_BIG);
}

static void a13_expectations_but_one_are_refused(void **state)
{
    (void)state;
    assert_int_equal(judge_headers("Expect: 100-Continue\r\n"), RC_OK);
    assert_int_equal(judge_headers("Expect: junk\r\n"), RC_EXPECTATION);
    assert_int_equal(judge_headers("Expect: 100-continue\r\nExpect: x\r\n"),
                     RC_EXPECTATION);
}

static void a14_methods_are_a_short_list(void **state)
{
    static const char *const good[] = {
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
    };
    static const char *const bad[] = {
        "TRACE", "CONNECT", "get", "Get", "BREW", "GETT", "GE", "PROPFIND",
    };
    char head[128];

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        (void)snprintf(head, sizeof(head), "%s / HTTP/1.1\r\n" HOST "\r\n", good[i]);
        assert_int_equal(judge(head), RC_OK);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(head, sizeof(head), "%s / HTTP/1.1\r\n" HOST "\r\n", bad[i]);
        assert_int_equal(judge(head), RC_BAD_METHOD);
    }
}

static void a14_only_paths_are_targets(void **state)
{
    static const char *const bad[] = {
        "http://a.example/", "a.example:443", "*",  "a",      "/a#b", "/\x7f",
        "/\xc3\xa4",         "/a\tb",         "?a", "/?\x01",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(judge_target(bad[i]), RC_BAD_INPUT);
    assert_int_equal(judge_target("/"), RC_OK);
    assert_false(q.has_query);
    assert_int_equal(judge_target("/?"), RC_OK);
    assert_true(q.has_query);
}

static void a15_the_path_stays_as_it_came(void **state)
{
    (void)state;
    assert_int_equal(judge_target("//a/../%2e%00%0d%0a/b;c?d=%zz?&+"), RC_OK);
    assert_true(slice_equal_str(q.path, "//a/../%2e%00%0d%0a/b;c"));
    assert_true(slice_equal_str(q.query, "d=%zz?&+"));
}

static void a22_encoded_bodies_are_refused(void **state)
{
    (void)state;
    assert_int_equal(judge_headers("Content-Encoding: gzip\r\n"), RC_UNSUPPORTED_MEDIA);
    assert_int_equal(judge_headers("Content-Encoding: identity, gzip\r\n"),
                     RC_UNSUPPORTED_MEDIA);
    assert_int_equal(judge_headers("Content-Encoding: Identity\r\n"), RC_OK);
    assert_int_equal(judge_headers("Accept-Encoding: gzip\r\n"), RC_OK);
}

static void a25_only_two_versions_are_spoken(void **state)
{
    static const char *const bad[] = {"HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "http/1.1",
                                      "HTTP/1.10"};
    char head[128];

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        (void)snprintf(head, sizeof(head), "GET / %s\r\n" HOST "\r\n", bad[i]);
        assert_int_equal(judge(head), RC_BAD_VERSION);
    }
}

static void framing_headers_are_known_in_any_case(void **state)
{
    (void)state;
    assert_true(guard_framing(SLICE("Content-LENGTH")));
    assert_true(guard_framing(SLICE("transfer-encoding")));
    assert_true(guard_framing(SLICE("Connection")));
    assert_false(guard_framing(SLICE("Content-Type")));
    assert_false(guard_framing(SLICE("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_honest_head_passes),
        cmocka_unit_test(a_body_is_announced_by_length_or_chunks),
        cmocka_unit_test(a1_length_beside_chunks_is_refused),
        cmocka_unit_test(a2_two_lengths_are_refused),
        cmocka_unit_test(a3_codings_but_chunked_are_refused),
        cmocka_unit_test(a4_chunks_in_http_1_0_are_refused),
        cmocka_unit_test(a5_names_are_tokens),
        cmocka_unit_test(a5_control_characters_in_values_are_refused),
        cmocka_unit_test(a6_what_hides_between_the_strings_is_refused),
        cmocka_unit_test(a7_one_valid_host_is_required),
        cmocka_unit_test(a10_lengths_are_digits_within_reason),
        cmocka_unit_test(a11_sizes_are_limited),
        cmocka_unit_test(a13_expectations_but_one_are_refused),
        cmocka_unit_test(a14_methods_are_a_short_list),
        cmocka_unit_test(a14_only_paths_are_targets),
        cmocka_unit_test(a15_the_path_stays_as_it_came),
        cmocka_unit_test(a22_encoded_bodies_are_refused),
        cmocka_unit_test(a25_only_two_versions_are_spoken),
        cmocka_unit_test(framing_headers_are_known_in_any_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

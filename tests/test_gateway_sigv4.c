/* SPDX-License-Identifier: Apache-2.0 */
/* AWS's own cases (tests/recorded/sigv4), every value on the way to the signature. All
 * 38 apply. Of each, the `query-` half does not: it is about signatures in the query,
 * which no provider is called with. */
#include "gateway/providers/sigv4.h"

#include "base/clock.h"
#include "base/codec.h"
#include "base/json.h"
#include "tests/recordings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
    CASE_COUNT = 38,
    HEADERS_MAX = 8
};

struct world {
    struct arena *a;
    struct secret *secret;
    struct sigv4_key key;
};

static int set_up(void **state)
{
    static struct world w;

    assert_int_equal(arena_open(&w.a, 4 << 20), RC_OK);
    assert_int_equal(
        secret_new(&w.secret, SLICE("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")),
        RC_OK);
    w.key = (struct sigv4_key){.access_key = SLICE("AKIDEXAMPLE"),
                               .secret_key = w.secret,
                               .region = SLICE("us-east-1"),
                               .service = SLICE("service")};
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;

    secret_unref(w->secret);
    arena_close(w->a);
    return 0;
}

/* ---- The published cases ---- */

static struct slice read_part(struct world *w, const char *path, const char *part)
{
    size_t len;
    char *bytes = recording_read(&len, arena_printf(w->a, "%s/%s", path, part));
    struct slice kept = arena_slice(w->a, slice_from(bytes, len));

    free(bytes);
    return kept;
}

/* "GET /example space/?a=b HTTP/1.1" */
static void read_first_line(struct sigv4_request *r, struct slice line)
{
    const size_t method_len = slice_find(line, ' ');
    const struct slice version = SLICE(" HTTP/1.1");
    struct slice target = slice_sub(line, method_len + 1, line.len);
    size_t path_len;

    assert_true(slice_ends(line, version));
    target.len -= version.len;
    path_len = slice_find(target, '?');
    r->method = slice_sub(line, 0, method_len);
    r->path = slice_sub(target, 0, path_len);
    r->query = slice_sub(target, path_len + 1, target.len);
}

/* A value may go on in lines that begin with a blank. */
static size_t folded_len(struct slice text)
{
    size_t len = slice_find(text, '\n');

    while (len + 1 < text.len && text.bytes[len + 1] == ' ')
        len += 1 + slice_find(slice_sub(text, len + 1, text.len), '\n');
    return len;
}

static void read_request(struct sigv4_request *r, struct http_header *headers,
                         struct slice text)
{
    size_t len = slice_find(text, '\n');

    read_first_line(r, slice_sub(text, 0, len));
    text = slice_sub(text, len + 1, text.len);
    while (text.len > 0 && text.bytes[0] != '\n') {
        size_t colon;

        len = folded_len(text);
        colon = slice_find(slice_sub(text, 0, len), ':');
        assert_true(colon < len && r->header_count < HEADERS_MAX);
        headers[r->header_count].name = slice_sub(text, 0, colon);
        headers[r->header_count++].value = slice_sub(text, colon + 1, len - colon - 1);
        text = slice_sub(text, len + 1, text.len);
    }
    r->headers = headers;
    r->body = slice_sub(text, 1, text.len);
}

/* What a case says besides the request. */
struct context {
    bool normalize;
    bool sign_body;
    struct secret *token;
    uint64_t wall_us;
};

static void read_context(struct context *out, struct world *w, const char *path)
{
    struct json_object *o = NULL;
    struct json_object *credentials = NULL;
    struct slice value;
    bool omit = false;

    *out = (struct context){0};
    assert_int_equal(json_parse(&o, read_part(w, path, "context.json")), RC_OK);
    assert_int_equal(json_get_bool(&out->normalize, o, "normalize"), RC_OK);
    assert_int_equal(json_get_bool(&out->sign_body, o, "sign_body"), RC_OK);
    assert_int_equal(json_get_string(&value, o, "timestamp"), RC_OK);
    assert_int_equal(clock_parse(&out->wall_us, value), RC_OK);
    assert_int_equal(json_get_object(&credentials, o, "credentials"), RC_OK);
    /* The token is then a header that is added after signing: nothing to sign. */
    if (json_get_bool(&omit, o, "omit_session_token") != RC_OK)
        omit = false;
    if (!omit && json_get_string(&value, credentials, "token") == RC_OK)
        assert_int_equal(secret_new(&out->token, value), RC_OK);
    assert_int_equal(json_get_string(&value, o, "region"), RC_OK);
    assert_true(slice_equal(value, w->key.region));
    assert_int_equal(json_get_string(&value, o, "service"), RC_OK);
    assert_true(slice_equal(value, w->key.service));
    assert_int_equal(json_get_string(&value, credentials, "secret_access_key"), RC_OK);
    assert_true(slice_equal(value, secret_open(w->key.secret_key)));
    json_put(o);
}

/* Where a case is about a service that wants the body's hash as a header too. */
static void add_body_hash(struct sigv4_request *r, struct http_header *headers,
                          struct arena *a)
{
    uint8_t digest[SHA256_LEN];
    char *text = arena_alloc(a, 2 * SHA256_LEN + 1);

    sha256(digest, r->body);
    hex_encode(text, digest, sizeof(digest));
    headers[r->header_count].name = SLICE("x-amz-content-sha256");
    headers[r->header_count++].value = slice_str(text);
}

static void same(const char *path, const char *what, struct slice got, struct slice due)
{
    if (!slice_equal(got, due))
        fail_msg("%s: %s is\n%.*s\nand not\n%.*s", path, what, SLICE_FMT(got),
                 SLICE_FMT(due));
}

static void run_case(void *arg, const char *path)
{
    struct world *w = arg;
    struct http_header headers[HEADERS_MAX + 1];
    struct sigv4_request r = {.method = SLICE_NONE};
    struct sigv4_signature s;
    struct context context;
    struct sigv4_key key = w->key;
    struct slice sent;

    arena_reset(w->a);
    read_context(&context, w, path);
    read_request(&r, headers, read_part(w, path, "request.txt"));
    r.keep_path = !context.normalize;
    if (context.sign_body)
        add_body_hash(&r, headers, w->a);
    key.session_token = context.token;
    assert_int_equal(sigv4_sign(&s, &r, &key, context.wall_us, w->a), RC_OK);
    same(path, "canonical request", s.canonical_request,
         read_part(w, path, "header-canonical-request.txt"));
    same(path, "string to sign", s.string_to_sign,
         read_part(w, path, "header-string-to-sign.txt"));
    same(path, "signature", slice_str(s.signature),
         read_part(w, path, "header-signature.txt"));
    /* The request as it is sent has the two headers that we give. */
    sent = read_part(w, path, "header-signed-request.txt");
    if (slice_search(sent, s.authorization) == sent.len)
        fail_msg("%s: Authorization is %.*s", path, SLICE_FMT(s.authorization));
    assert_true(slice_search(sent, slice_str(s.time)) < sent.len);
    secret_unref(context.token);
}

static void every_published_case_signs_as_published(void **state)
{
    assert_int_equal(recordings_each("sigv4", "", run_case, *state), CASE_COUNT);
}

/* ---- What the cases do not have ---- */

static enum rc sign_path(struct sigv4_signature *out, struct world *w, const char *path)
{
    const struct http_header host = {SLICE("Host"),
                                     SLICE("bedrock-runtime.us-east-1.amazonaws.com")};
    const struct sigv4_request r = {.method = SLICE("POST"),
                                    .path = slice_str(path),
                                    .headers = &host,
                                    .header_count = 1,
                                    .body = SLICE("{}")};

    return sigv4_sign(out, &r, &w->key, UINT64_C(1440938160999999), w->a);
}

static bool has_line(const struct sigv4_signature *s, const char *line)
{
    struct slice rest = s->canonical_request;
    struct slice piece;

    while (slice_next(&piece, &rest, '\n'))
        if (slice_equal_str(piece, line))
            return true;
    return false;
}

/* The cases begin with a path that nobody encoded yet. The signature was computed by
 * another program. */
static void a_path_that_is_encoded_is_encoded_once_more(void **state)
{
    struct world *w = *state;
    struct sigv4_signature s;

    w->key.service = SLICE("bedrock");
    assert_int_equal(sign_path(&s, w, "/model/amazon.nova-v1%3A0/converse"), RC_OK);
    assert_true(has_line(&s, "/model/amazon.nova-v1%253A0/converse"));
    assert_string_equal(s.time, "20150830T123600Z");
    assert_string_equal(
        s.signature,
        "23634d045b0fe415c8571dd40652a0e7b86a81203aa2e8dd74fd983076b8d2de");
}

static void an_empty_path_is_signed_as_the_root(void **state)
{
    struct sigv4_signature s;

    assert_int_equal(sign_path(&s, *state, ""), RC_OK);
    assert_true(has_line(&s, "/"));
}

static void what_is_too_much_is_refused(void **state)
{
    static struct http_header headers[SIGV4_HEADERS_MAX];
    struct world *w = *state;
    struct sigv4_signature s = {.time = "untouched"};
    struct sigv4_request r = {.method = SLICE("GET"), .headers = headers};
    struct buf query;

    for (size_t i = 0; i < SIGV4_HEADERS_MAX; i++)
        headers[i] = (struct http_header){SLICE("A"), SLICE("b")};
    r.header_count = SIGV4_HEADERS_MAX - 1; /* and the date */
    assert_int_equal(sigv4_sign(&s, &r, &w->key, 0, w->a), RC_OK);
    r.header_count = SIGV4_HEADERS_MAX;
    assert_int_equal(sigv4_sign(&s, &r, &w->key, 0, w->a), RC_TOO_BIG);
    r.header_count = 0;
    buf_init(&query, 1 << 20);
    for (size_t i = 0; i < SIGV4_PARAMS_MAX; i++)
        buf_append_str(&query, "a&");
    r.query = buf_slice(&query);
    assert_int_equal(sigv4_sign(&s, &r, &w->key, 0, w->a), RC_OK);
    buf_append_str(&query, "a&");
    r.query = buf_slice(&query);
    assert_int_equal(sigv4_sign(&s, &r, &w->key, 0, w->a), RC_TOO_BIG);
    buf_reset(&query);
    for (size_t i = 0; i < SIGV4_TEXT_MAX; i++)
        buf_append_char(&query, 'a');
    r.query = buf_slice(&query);
    assert_int_equal(sigv4_sign(&s, &r, &w->key, 0, w->a), RC_TOO_BIG);
    buf_free(&query);
}

static enum rc sign_with(struct world *w, size_t secret_len)
{
    static char text[SIGV4_SECRET_MAX + 1];
    struct sigv4_request r = {.method = SLICE("GET")};
    struct sigv4_key key = w->key;
    struct sigv4_signature s;
    struct secret *secret;
    enum rc rc;

    assert_int_equal(secret_new(&secret, slice_from(text, secret_len)), RC_OK);
    key.secret_key = secret;
    rc = sigv4_sign(&s, &r, &key, 0, w->a);
    secret_unref(secret);
    return rc;
}

static void a_secret_has_a_length_that_is_believable(void **state)
{
    assert_int_equal(sign_with(*state, 0), RC_BAD_INPUT);
    assert_int_equal(sign_with(*state, 1), RC_OK);
    assert_int_equal(sign_with(*state, SIGV4_SECRET_MAX), RC_OK);
    assert_int_equal(sign_with(*state, SIGV4_SECRET_MAX + 1), RC_TOO_BIG);
}

static void a_spent_arena_gives_no_signature(void **state)
{
    struct world *w = *state;
    struct arena *full = w->a;
    struct sigv4_signature s;
    enum rc rc = RC_NOMEM;

    for (size_t limit = 64; rc == RC_NOMEM; limit += 64) {
        assert_true(limit < 64 * 1024);
        assert_int_equal(arena_open(&w->a, limit), RC_OK);
        rc = sign_path(&s, w, "/model/x/converse");
        arena_close(w->a);
    }
    w->a = full;
    assert_int_equal(rc, RC_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_published_case_signs_as_published),
        cmocka_unit_test(a_path_that_is_encoded_is_encoded_once_more),
        cmocka_unit_test(an_empty_path_is_signed_as_the_root),
        cmocka_unit_test(what_is_too_much_is_refused),
        cmocka_unit_test(a_secret_has_a_length_that_is_believable),
        cmocka_unit_test(a_spent_arena_gives_no_signature),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}

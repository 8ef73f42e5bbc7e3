/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/exchange_double.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ARENA_MAX = 4 << 20, /* as the server's */
    OUT_MAX = 256 << 20
};

static struct exchange *all;

/* ---- The test's side ---- */

static void add_headers(struct exchange *x, const char *headers)
{
    struct slice rest = slice_str(headers);
    struct slice line;

    while (slice_next(&line, &rest, '\n')) {
        size_t colon = slice_find(line, ':');

        assert(x->http.header_count < HTTP_HEADERS_MAX);
        x->http.headers[x->http.header_count++] = (struct http_header){
            arena_slice(x->text, slice_sub(line, 0, colon)),
            arena_slice(x->text, slice_trim(slice_sub(line, colon + 1, line.len)))};
    }
}

struct exchange *client_head(const struct server_user *user, const char *method,
                             const char *target, const char *headers, bool has_body)
{
    struct exchange *x = calloc(1, sizeof(*x));
    size_t mark = slice_find(slice_str(target), '?');
    struct slice url;
    enum rc rc;

    assert(x != NULL);
    rc = arena_open(&x->arena, ARENA_MAX);
    assert(rc == RC_OK);
    rc = arena_open(&x->text, ARENA_MAX);
    assert(rc == RC_OK);
    url = arena_slice(x->text, slice_str(target));
    x->http.method = arena_slice(x->text, slice_str(method));
    x->http.path = slice_sub(url, 0, mark);
    x->http.query = slice_sub(url, mark + 1, url.len);
    x->http.has_query = mark < url.len;
    x->http.has_body = has_body;
    x->http.chunked = has_body; /* of a length that nobody knows */
    (void)snprintf(x->http.address, sizeof(x->http.address), "192.0.2.7");
    add_headers(x, headers);
    buf_init(&x->body, OUT_MAX);
    buf_init(&x->headers, OUT_MAX);
    buf_init(&x->out, OUT_MAX);
    x->room_max = HTTP_OUT_HIGH;
    x->next = all;
    all = x;
    user->head(user->arg, x);
    return x;
}

void client_body(const struct server_user *user, struct exchange *x, struct slice body)
{
    assert(x->accepted && !x->answered);
    if (body.len > x->max_body) {
        user->failed(user->arg, x, RC_TOO_BIG);
        return;
    }
    buf_append(&x->body, body);
    user->body(user->arg, x);
}

void client_leaves(const struct server_user *user, struct exchange *x)
{
    assert(!x->gone);
    x->gone = true;
    if (!x->finished) /* else nobody is there any more to be told */
        user->failed(user->arg, x, RC_GONE);
}

void client_reads(const struct server_user *user, struct exchange *x, size_t len)
{
    size_t waits = buf_len(&x->out) - x->read;

    x->read += len < waits ? len : waits;
    if (x->room_asked && buf_len(&x->out) - x->read < HTTP_OUT_LOW && !x->finished) {
        x->room_asked = false;
        user->writable(user->arg, x);
    }
}

const char *client_header(const struct exchange *x, const char *name)
{
    static char value[HTTP_HEADER_BYTES_MAX];
    struct slice rest = buf_slice(&x->headers);
    struct slice line;

    while (slice_next(&line, &rest, '\n')) {
        size_t colon = slice_find(line, ':');

        if (slice_equal_nocase(slice_sub(line, 0, colon), slice_str(name)) &&
            slice_to_cstr(value, sizeof(value), slice_sub(line, colon + 2, line.len)) ==
                RC_OK)
            return value;
    }
    return NULL;
}

struct exchange *client_first(void)
{
    return all;
}

void clients_close(void)
{
    while (all != NULL) {
        struct exchange *x = all;

        assert(x->finished);
        assert(x->gone || (x->answered && x->ended));
        all = x->next;
        arena_close(x->arena);
        arena_close(x->text);
        buf_free(&x->body);
        buf_free(&x->headers);
        buf_free(&x->out);
        free(x);
    }
}

/* ---- gateway/server.h ---- */

struct slice http_header(const struct http_request *q, const char *name,
                         unsigned *count)
{
    struct slice value = SLICE_NONE;
    unsigned found = 0;

    for (size_t i = 0; i < q->header_count; i++)
        if (slice_equal_nocase(q->headers[i].name, slice_str(name)) && found++ == 0)
            value = q->headers[i].value;
    if (count != NULL)
        *count = found;
    return value;
}

const struct http_request *exchange_request(const struct exchange *x)
{
    return &x->http;
}

struct arena *exchange_arena(struct exchange *x)
{
    return x->arena;
}

void exchange_set_user(struct exchange *x, void *user)
{
    x->user = user;
}

void *exchange_user(const struct exchange *x)
{
    return x->user;
}

void exchange_accept(struct exchange *x, uint64_t max_bytes, uint64_t timeout_ms)
{
    assert(!x->accepted && !x->answered && !x->finished);
    (void)timeout_ms;
    x->accepted = true;
    x->max_body = max_bytes;
}

struct slice exchange_body(const struct exchange *x)
{
    assert(!x->finished);
    return buf_slice(&x->body);
}

static bool frames_the_message(const char *name)
{
    static const char *const names[] = {"Content-Length", "Transfer-Encoding",
                                        "Connection", "Keep-Alive", "Upgrade"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_equal_nocase(slice_str(name), slice_str(names[i])))
            return true;
    return false;
}

enum rc exchange_header(struct exchange *x, const char *name, struct slice value)
{
    assert(!x->finished);
    if (x->gone)
        return RC_OK;
    assert(!x->answered);
    if (name[0] == '\0' || frames_the_message(name) || value.len == 0 ||
        slice_has_ctl(value))
        return RC_BAD_INPUT;
    if (buf_len(&x->headers) + value.len > HTTP_HEADER_BYTES_MAX)
        return RC_TOO_BIG;
    buf_append_str(&x->headers, name);
    buf_append_str(&x->headers, ": ");
    buf_append(&x->headers, value);
    buf_append_char(&x->headers, '\n');
    return RC_OK;
}

void exchange_reply(struct exchange *x, unsigned status, struct slice body)
{
    assert(!x->finished);
    if (x->gone) {
        x->ended = true;
        return;
    }
    assert(!x->answered);
    x->answered = true;
    x->status = status;
    x->ended = true;
    x->complete = true;
    buf_append(&x->out, body);
}

void exchange_stream(struct exchange *x, unsigned status, uint64_t content_length)
{
    assert(!x->finished);
    if (x->gone)
        return;
    assert(!x->answered && x->accepted);
    x->answered = true;
    x->streamed = true;
    x->status = status;
    x->content_length = content_length;
}

size_t exchange_room(struct exchange *x)
{
    size_t waits = buf_len(&x->out) - x->read;

    assert(!x->finished);
    if (x->gone)
        return HTTP_OUT_HIGH;
    if (waits > 0)
        x->room_asked = true;
    return waits < x->room_max ? x->room_max - waits : 0;
}

void exchange_write(struct exchange *x, struct slice bytes)
{
    assert(!x->finished);
    if (x->gone || bytes.len == 0)
        return;
    assert(x->streamed && !x->ended && bytes.len <= exchange_room(x));
    buf_append(&x->out, bytes);
    assert(!buf_spent(&x->out));
    if (!x->slow)
        x->read = buf_len(&x->out);
}

void exchange_end(struct exchange *x, bool complete)
{
    assert(!x->finished && !x->ended && (x->answered || x->gone));
    x->ended = true;
    x->complete = complete && (x->content_length == UINT64_MAX || x->gone ||
                               slice_equal_str(x->http.method, "HEAD") ||
                               x->content_length == buf_len(&x->out));
}

void exchange_finish(struct exchange *x)
{
    assert(!x->finished && (x->ended || x->gone));
    x->finished = true;
}

bool exchange_gone(const struct exchange *x)
{
    return x->gone;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/upstream_double.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    PIECE_MAX = 16384,
    TEXT_MAX = 256 << 20
};

enum rc upstream_refuses;
static struct upstream_call *all; /* the latest first */

/* ---- gateway/upstream.h ---- */

static void print_spec(struct buf *headers, struct buf *body,
                       const struct upstream_spec *s)
{
    buf_init(headers, TEXT_MAX);
    buf_init(body, TEXT_MAX);
    for (size_t i = 0; i < s->header_count; i++) {
        buf_append(headers, s->headers[i].name);
        buf_append_str(headers, ": ");
        buf_append(headers, s->headers[i].value);
        buf_append_char(headers, '\n');
    }
    for (size_t i = 0; i < s->part_count; i++)
        buf_append(body, s->parts[i]);
}

/* Whoever opens one of its own (the cashier) is linked here, but never run. */
enum rc upstream_open(struct upstream **out, struct loop *l)
{
    (void)out;
    (void)l;
    return RC_INTERNAL;
}

void upstream_close(struct upstream *u)
{
    (void)u;
}

enum rc upstream_start(struct upstream_call **out, struct upstream *u,
                       const struct upstream_spec *spec)
{
    struct upstream_call *c;
    enum rc rc = upstream_refuses;

    (void)u;
    upstream_refuses = RC_OK;
    if (rc != RC_OK)
        return rc;
    c = calloc(1, sizeof(*c));
    assert(c != NULL);
    c->spec = *spec;
    c->method = strdup(spec->method);
    c->url = strdup(spec->url);
    print_spec(&c->headers, &c->body, spec);
    buf_init(&c->rest, TEXT_MAX);
    c->next = all;
    all = c;
    *out = c;
    return RC_OK;
}

void upstream_resume(struct upstream_call *c)
{
    assert(!c->ended && !c->cancelled);
    c->resumes += c->paused;
    c->paused = false;
}

bool upstream_was_sent(const struct upstream_call *c)
{
    assert(!c->ended && !c->cancelled);
    return !c->unsent;
}

void upstream_cancel(struct upstream_call *c)
{
    if (c == NULL)
        return;
    assert(!c->ended && !c->cancelled);
    c->cancelled = true;
}

/* ---- The test's side ---- */

unsigned upstream_count(void)
{
    unsigned count = 0;

    for (struct upstream_call *c = all; c != NULL; c = c->next)
        count++;
    return count;
}

struct upstream_call *upstream_last(void)
{
    assert(all != NULL);
    return all;
}

struct upstream_call *upstream_nth(unsigned index)
{
    struct upstream_call *c = all;

    for (unsigned i = upstream_count() - 1; c != NULL && i != index; i--)
        c = c->next;
    assert(c != NULL);
    return c;
}

static struct slice header(struct slice lines, const char *name)
{
    struct slice line;

    while (slice_next(&line, &lines, '\n')) {
        size_t colon = slice_find(line, ':');

        if (slice_equal_nocase(slice_sub(line, 0, colon), slice_str(name)))
            return slice_sub(line, colon + 2, line.len);
    }
    return SLICE_NONE;
}

const char *upstream_header(const struct upstream_call *c, const char *name)
{
    static char text[65536];
    struct slice value = header(buf_slice(&c->headers), name);

    if (value.bytes == NULL || slice_to_cstr(text, sizeof(text), value) != RC_OK)
        return NULL;
    return text;
}

static void expect_intact(const struct upstream_call *c)
{
    struct buf headers, body;

    print_spec(&headers, &body, &c->spec);
    assert(strcmp(c->spec.method, c->method) == 0);
    assert(strcmp(c->spec.url, c->url) == 0);
    assert(slice_equal(buf_slice(&headers), buf_slice(&c->headers)));
    assert(slice_equal(buf_slice(&body), buf_slice(&c->body)));
    buf_free(&headers);
    buf_free(&body);
}

void upstream_says_head(struct upstream_call *c, unsigned status, const char *headers)
{
    struct http_header list[HTTP_HEADERS_MAX];
    char *text = strdup(headers); /* gone after the call: nobody may keep it */
    struct slice rest = slice_str(text);
    struct slice line;
    size_t count = 0;

    assert(!c->ended && !c->cancelled);
    while (slice_next(&line, &rest, '\n')) {
        size_t colon = slice_find(line, ':');

        assert(count < HTTP_HEADERS_MAX);
        list[count++] =
            (struct http_header){slice_sub(line, 0, colon),
                                 slice_trim(slice_sub(line, colon + 1, line.len))};
    }
    if (c->spec.head(c->spec.arg, status, list, count) == UPSTREAM_STOP)
        upstream_ends(c, UPSTREAM_STOPPED);
    free(text);
}

/* A copy of its own for each piece, so that reading beyond it is seen. */
static enum upstream_take give(struct upstream_call *c, struct slice piece)
{
    char *copy = malloc(piece.len);
    enum upstream_take take;

    assert(copy != NULL);
    memcpy(copy, piece.bytes, piece.len);
    take = c->spec.data(c->spec.arg, slice_from(copy, piece.len));
    free(copy);
    return take;
}

void upstream_goes_on(struct upstream_call *c)
{
    while (buf_len(&c->rest) > 0 && !c->paused && !c->cancelled && !c->ended) {
        struct slice piece = slice_sub(buf_slice(&c->rest), 0, PIECE_MAX);

        switch (give(c, piece)) {
        case UPSTREAM_TOOK:
            buf_consume(&c->rest, piece.len);
            break;
        case UPSTREAM_PAUSE:
            c->paused = true;
            break;
        case UPSTREAM_STOP:
            upstream_ends(c, UPSTREAM_STOPPED);
            break;
        }
    }
}

void upstream_says(struct upstream_call *c, struct slice bytes)
{
    if (c->ended) /* it was stopped */
        return;
    assert(!c->cancelled);
    buf_append(&c->rest, bytes);
    assert(!buf_spent(&c->rest));
    upstream_goes_on(c);
}

void upstream_ends(struct upstream_call *c, enum upstream_fail fail)
{
    if (c->ended)
        return;
    assert(!c->cancelled);
    expect_intact(c);
    c->ended = true;
    c->spec.end(c->spec.arg, fail, "words for the log");
}

void upstreams_close(void)
{
    while (all != NULL) {
        struct upstream_call *c = all;

        assert(c->ended || c->cancelled);
        all = c->next;
        free(c->method);
        free(c->url);
        buf_free(&c->headers);
        buf_free(&c->body);
        buf_free(&c->rest);
        free(c);
    }
    upstream_refuses = RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Any stream, and any whole answer, of Gemini: events in the order that
 * gateway/answer.h promises, and what is made of them for a client is JSON, line by
 * line, that reads again without a fault. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gateway/sse.h"
#include "gateway/wire.h"

enum {
    ARENA_MAX = 8 << 20,
    OUT_MAX = 32 << 20,
    CHOICES_MAX = 8,
    PARTS_MAX = 512
};

struct pipe {
    void *reader, *writer;
    struct arena *a;
    struct buf out;
    struct usage usage;
    unsigned parts[CHOICES_MAX];
    uint8_t open[CHOICES_MAX][PARTS_MAX]; /* 1: open, 2: ended */
    bool stopped[CHOICES_MAX];
    bool begun, ended, over, again;
};

static void check_part(struct pipe *p, const struct answer_event *e)
{
    assert(p->begun && e->choice < CHOICES_MAX && !p->stopped[e->choice]);
    if (e->kind == ANSWER_PART) {
        assert(e->part == p->parts[e->choice]);
        if (e->part < PARTS_MAX)
            p->open[e->choice][e->part] = 1;
        p->parts[e->choice]++;
        return;
    }
    assert(e->part < p->parts[e->choice]);
    if (e->part >= PARTS_MAX)
        return;
    assert(p->open[e->choice][e->part] == 1);
    if (e->kind == ANSWER_PART_END)
        p->open[e->choice][e->part] = 2;
}

static enum rc take(void *arg, const struct answer_event *e)
{
    struct pipe *p = arg;

    assert(!p->over);
    switch (e->kind) {
    case ANSWER_BEGIN:
        assert(!p->begun);
        p->begun = true;
        break;
    case ANSWER_PART:
    case ANSWER_DELTA:
    case ANSWER_SIGNATURE:
    case ANSWER_CITATION:
    case ANSWER_LOGPROBS:
    case ANSWER_MEDIA:
    case ANSWER_PART_END:
        check_part(p, e);
        break;
    case ANSWER_STOP:
        assert(p->begun && e->choice < CHOICES_MAX && !p->stopped[e->choice]);
        p->stopped[e->choice] = true;
        break;
    case ANSWER_USAGE:
        assert(p->begun);
        p->usage = e->usage;
        break;
    case ANSWER_END:
        p->ended = true;
        p->over = true;
        break;
    case ANSWER_ERROR:
        p->over = true;
        break;
    }
    if (p->writer != NULL)
        wire_gemini.out_event(p->writer, &p->out, e);
    return RC_OK;
}

static enum rc on_event(void *arg, const struct sse_event *e)
{
    struct pipe *p = arg;
    const struct json_limits limits = {.containers = 1000000, .keys = 4000000};
    const struct wire_event we = {.name = e->event, .data = e->data};
    const bool is_json = json_guard(e->data, &limits, NULL, 0, NULL, p->a) == RC_OK;

    assert(is_json || !p->again || arena_spent(p->a));
    if (e->is_comment || !is_json || p->over)
        return RC_OK;
    return wire_gemini.event(p->reader, &we, take, p, p->a);
}

static void stream(struct pipe *p, struct slice bytes)
{
    struct sse_reader r;
    enum rc rc;

    p->reader = wire_gemini.open(p->a);
    if (p->reader == NULL)
        return;
    sse_reader_init(&r, 0);
    rc = sse_feed(&r, bytes, on_event, p);
    if (rc == RC_OK)
        rc = sse_end(&r, on_event, p);
    if (rc == RC_OK && !p->over)
        rc = wire_gemini.ended(p->reader, take, p);
    assert(rc == RC_OK || rc == RC_UPSTREAM || rc == RC_TOO_BIG || rc == RC_NOMEM);
    assert(!p->again || rc == RC_OK || arena_spent(p->a));
    sse_reader_free(&r);
}

static void read_again(struct slice bytes)
{
    struct pipe p = {.again = true};

    if (arena_open(&p.a, 8 * ARENA_MAX) != RC_OK)
        return;
    stream(&p, bytes);
    assert(p.over || arena_spent(p.a));
    arena_close(p.a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct slice text = slice_from((const char *)bytes, len);
    const struct json_limits limits = {.bytes = 0};
    const struct wire_answer w = {
        .stream = true, .reasoning_shown = true, .model = SLICE("m"), .id = "req_1"};
    const struct fault fault = {.rc = RC_UPSTREAM};
    struct pipe p = {.begun = false};
    struct wire_bill bill = {.usage = &p.usage};

    if (arena_open(&p.a, ARENA_MAX) != RC_OK)
        return 0;
    buf_init(&p.out, OUT_MAX);
    p.writer = wire_gemini.out_open(&w, p.a);
    if (p.writer != NULL) {
        stream(&p, text);
        if (p.ended)
            wire_gemini.out_end(p.writer, &p.out, &bill);
        else
            wire_gemini.out_error(p.writer, &p.out, &fault, "req_1");
        if (!arena_spent(p.a) && !buf_spent(&p.out) && p.begun)
            read_again(buf_slice(&p.out));
        wire_gemini.out_close(p.writer);
    }
    p = (struct pipe){.a = p.a, .out = p.out};
    if (json_guard(text, &limits, NULL, 0, NULL, p.a) == RC_OK)
        (void)!wire_gemini.answer(text, take, &p, p.a);
    buf_free(&p.out);
    arena_close(p.a);
    return 0;
}

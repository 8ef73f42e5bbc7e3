/* SPDX-License-Identifier: Apache-2.0 */
/* Any stream, and any whole answer, of the Responses face: events in the order that
 * gateway/answer.h promises, and what is made of them for a client is JSON, line by
 * line, that reads again without a fault. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gateway/sse.h"
#include "gateway/wire.h"
#include "tests/answer_order.h"

enum {
    ARENA_MAX = 8 << 20,
    OUT_MAX = 32 << 20
};

struct pipe {
    void *reader, *writer;
    struct arena *a;
    struct buf out;
    struct answer_order order;
    bool again;
};

static enum rc take(void *arg, const struct answer_event *e)
{
    struct pipe *p = arg;

    answer_order_take(&p->order, e);
    if (p->writer != NULL)
        wire_responses.out_event(p->writer, &p->out, e);
    return RC_OK;
}

static bool is_over(const struct pipe *p)
{
    return p->order.ended || p->order.failed;
}

static enum rc on_event(void *arg, const struct sse_event *e)
{
    struct pipe *p = arg;
    const struct json_limits limits = {.containers = 1000000, .keys = 4000000};
    const struct wire_event we = {.name = e->event, .data = e->data};
    const bool is_json = json_guard(e->data, &limits, NULL, 0, NULL, p->a) == RC_OK;

    assert(is_json || !p->again || arena_spent(p->a));
    if (e->is_comment || !is_json || is_over(p))
        return RC_OK;
    return wire_responses.event(p->reader, &we, take, p, p->a);
}

static void stream(struct pipe *p, struct slice bytes)
{
    struct sse_reader r;
    enum rc rc;

    p->reader = wire_responses.open(p->a);
    if (p->reader == NULL)
        return;
    sse_reader_init(&r, 0);
    rc = sse_feed(&r, bytes, on_event, p);
    if (rc == RC_OK)
        rc = sse_end(&r, on_event, p);
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
    assert(is_over(&p) || arena_spent(p.a));
    arena_close(p.a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct slice text = slice_from((const char *)bytes, len);
    const struct json_limits limits = {.bytes = 0};
    const struct wire_answer w = {.stream = true, .model = SLICE("m"), .id = "req_1"};
    const struct fault fault = {.rc = RC_UPSTREAM};
    struct pipe p = {.again = false};
    struct wire_bill bill = {.usage = &p.order.usage};

    if (arena_open(&p.a, ARENA_MAX) != RC_OK)
        return 0;
    buf_init(&p.out, OUT_MAX);
    p.writer = wire_responses.out_open(&w, p.a);
    if (p.writer != NULL) {
        stream(&p, text);
        if (p.order.ended)
            wire_responses.out_end(p.writer, &p.out, &bill);
        else
            wire_responses.out_error(p.writer, &p.out, &fault, "req_1");
        if (!arena_spent(p.a) && !buf_spent(&p.out) && p.order.begun)
            read_again(buf_slice(&p.out));
        wire_responses.out_close(p.writer);
    }
    p = (struct pipe){.a = p.a, .out = p.out};
    if (json_guard(text, &limits, NULL, 0, NULL, p.a) == RC_OK)
        (void)!wire_responses.answer(text, take, &p, p.a);
    buf_free(&p.out);
    arena_close(p.a);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Any stream, and any whole answer, of a vendor of chat completions: events in the
 * order that gateway/answer.h promises; what is made of them for a client, streamed or
 * whole, is JSON that reads again without a fault; and hiding the usage leaves JSON. */
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
    const struct wire *wire; /* of the client */
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
        p->wire->out_event(p->writer, &p->out, e);
    return RC_OK;
}

static bool is_over(const struct pipe *p)
{
    return p->order.ended || p->order.failed;
}

static bool is_json(struct slice text, struct arena *a)
{
    const struct json_limits limits = {
        .depth = JSON_DEPTH_MAX, .containers = 1000000, .keys = 4000000};

    return json_guard(text, &limits, NULL, 0, NULL, a) == RC_OK;
}

static void hide_usage(struct slice json, struct arena *a)
{
    struct buf out;

    buf_init(&out, OUT_MAX);
    if (wire_chat.without_usage(&out, json) && buf_len(&out) > 0)
        assert(is_json(buf_slice(&out), a) || arena_spent(a));
    buf_free(&out);
}

static enum rc on_event(void *arg, const struct sse_event *e)
{
    struct pipe *p = arg;
    const struct wire_event we = {.name = e->event, .data = e->data};
    const bool done = slice_equal(e->data, SLICE("[DONE]"));

    if (e->is_comment || is_over(p))
        return RC_OK;
    if (!done && !is_json(e->data, p->a)) {
        assert(!p->again || arena_spent(p->a));
        return RC_OK;
    }
    if (!done)
        hide_usage(e->data, p->a);
    return wire_chat.event(p->reader, &we, take, p, p->a);
}

static void read_stream(struct pipe *p, struct slice bytes)
{
    struct sse_reader r;
    enum rc rc;

    p->reader = wire_chat.open(p->a);
    if (p->reader == NULL)
        return;
    sse_reader_init(&r, 0);
    rc = sse_feed(&r, bytes, on_event, p);
    if (rc == RC_OK)
        rc = sse_end(&r, on_event, p);
    assert(rc == RC_OK || rc == RC_UPSTREAM || rc == RC_TOO_BIG || rc == RC_NOMEM);
    assert(!p->again || rc == RC_OK || rc == RC_TOO_BIG || arena_spent(p->a));
    sse_reader_free(&r);
}

static struct pipe *open_pipe(size_t arena_max)
{
    static struct pipe p;

    memset(&p, 0, sizeof(p));
    buf_init(&p.out, OUT_MAX);
    return arena_open(&p.a, arena_max) == RC_OK ? &p : NULL;
}

/* What went out to a client, as if a vendor had said it. */
static void read_again(struct slice bytes, bool stream)
{
    struct pipe *p = open_pipe(8 * ARENA_MAX);

    if (p == NULL)
        return;
    p->again = true;
    if (stream) {
        read_stream(p, bytes);
    } else if (is_json(bytes, p->a)) {
        const enum rc rc = wire_chat.answer(bytes, take, p, p->a);

        assert(rc == RC_OK || arena_spent(p->a));
    } else {
        assert(arena_spent(p->a));
    }
    arena_close(p->a);
}

static void pass(const struct wire *to, struct slice bytes, bool stream)
{
    const struct wire_answer w = {.stream = stream,
                                  .usage_asked = true,
                                  .model = SLICE("m"),
                                  .id = "req_1",
                                  .reasoning_shown = bytes.len % 2 == 0};
    struct pipe *p = open_pipe(ARENA_MAX);
    struct wire_bill bill;
    struct buf made;

    if (p == NULL)
        return;
    bill = (struct wire_bill){.usage = &p->order.usage};
    p->wire = to;
    p->writer = to->out_open(&w, p->a);
    if (p->writer != NULL) {
        if (stream)
            read_stream(p, bytes);
        else if (is_json(bytes, p->a))
            (void)!wire_chat.answer(bytes, take, p, p->a);
        if (p->order.ended)
            to->out_end(p->writer, &p->out, &bill);
        to->out_close(p->writer);
    }
    made = p->out;
    if (p->order.ended && !arena_spent(p->a) && !buf_spent(&made)) {
        arena_close(p->a);
        read_again(buf_slice(&made), stream);
    } else {
        arena_close(p->a);
    }
    buf_free(&made);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct slice text = slice_from((const char *)bytes, len);
    const bool stream = len > 0 && bytes[0] != '{';

    pass(&wire_chat, text, stream);
    pass(&wire_completions, text, stream);
    return 0;
}

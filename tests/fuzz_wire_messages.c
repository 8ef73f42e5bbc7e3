/* SPDX-License-Identifier: Apache-2.0 */
/* The Messages wire on any bytes that the guard lets through. The first byte says what
 * they are:
 *   r  a client's body: what is read can be written, is JSON then, and is read again
 *   s  a vendor's stream    w  a vendor's whole answer: the events come in the order
 *      that gateway/answer.h promises, and what they become for a client is JSON */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_guard.h"
#include "gateway/sse.h"
#include "gateway/wire.h"
#include "tests/answer_order.h"

enum {
    MEMORY_MAX = 32 << 20,
    OUT_MAX = 16 << 20
};

static const struct json_limits limits = {.depth = 32};
static const struct json_limits wide = {
    .depth = JSON_DEPTH_MAX, .containers = 1000000, .keys = 4000000};

/* ---- Bodies ---- */

static const unsigned quirks[] = {0, QUIRK_NO_SAMPLING | QUIRK_SYSTEM_FIRST,
                                  QUIRK_THINKING_BUDGET,
                                  QUIRK_NO_THINKING | QUIRK_NO_SCHEMA};

static void write_back(const struct conversation *c, unsigned q, struct arena *a)
{
    const struct wire_target t = {.model = SLICE("m"), .quirks = q};
    struct wire_fault fault = {.param = NULL};
    struct conversation again;
    struct losses lost = {.count = 0};
    struct buf out;
    enum rc rc;

    buf_init(&out, OUT_MAX);
    rc = wire_messages.write(&out, c, &t, &lost, &fault, a);
    if (rc == RC_OK && !buf_spent(&out)) {
        assert(json_guard(buf_slice(&out), &wide, NULL, 0, NULL, a) == RC_OK ||
               arena_spent(a));
        rc = wire_messages.read(&again, &fault, buf_slice(&out), a);
        assert(rc == RC_OK || arena_spent(a));
    } else {
        assert(rc != RC_BAD_INPUT || arena_spent(a) || fault.detail != NULL);
    }
    buf_free(&out);
}

static void try_body(struct slice body, struct arena *a)
{
    struct wire_fault fault = {.param = NULL};
    struct conversation c;
    enum rc rc;

    if (json_guard(body, &limits, NULL, 0, NULL, a) != RC_OK)
        return;
    rc = wire_messages.read(&c, &fault, body, a);
    assert(rc == RC_OK || rc == RC_BAD_INPUT || rc == RC_NOMEM);
    assert(rc != RC_BAD_INPUT || arena_spent(a) || fault.param != NULL);
    for (size_t i = 0; rc == RC_OK && i < sizeof(quirks) / sizeof(quirks[0]); i++)
        write_back(&c, quirks[i], a);
}

/* ---- Answers ---- */

struct watch {
    struct answer_order order;
    void *reader, *writer;
    struct buf out;
};

static enum rc take(void *arg, const struct answer_event *e)
{
    struct watch *w = arg;

    answer_order_take(&w->order, e);
    if (e->kind != ANSWER_ERROR)
        wire_messages.out_event(w->writer, &w->out, e);
    return RC_OK;
}

static enum rc on_event(void *arg, const struct sse_event *e)
{
    struct watch *w = arg;
    const struct wire_event we = {.name = e->event, .data = e->data};
    struct arena *scratch;
    enum rc rc;

    if (e->is_comment || e->incomplete)
        return RC_OK;
    if (arena_open(&scratch, MEMORY_MAX) != RC_OK)
        abort();
    rc = json_guard(e->data, &limits, NULL, 0, NULL, scratch);
    if (rc == RC_OK)
        rc = wire_messages.event(w->reader, &we, take, w, scratch);
    arena_close(scratch);
    return w->order.ended || w->order.failed ? RC_ENDED : rc;
}

static void read_stream(struct watch *w, struct slice bytes, struct arena *a)
{
    struct sse_reader r;

    w->reader = wire_messages.open(a);
    assert(w->reader != NULL);
    sse_reader_init(&r, 0);
    if (sse_feed(&r, bytes, on_event, w) == RC_OK)
        (void)!sse_end(&r, on_event, w);
    sse_reader_free(&r);
}

static void end_answer(struct watch *w, bool stream, struct arena *a)
{
    const struct wire_bill bill = {.usage = &w->order.usage, .cost = MONEY_ZERO};

    if (w->order.ended && !buf_spent(&w->out)) {
        wire_messages.out_end(w->writer, &w->out, &bill);
        if (!stream && !buf_spent(&w->out))
            assert(json_guard(buf_slice(&w->out), &wide, NULL, 0, NULL, a) == RC_OK ||
                   arena_spent(a));
    }
    wire_messages.out_close(w->writer);
    buf_free(&w->out);
}

static void try_answer(struct slice bytes, bool whole, bool stream, struct arena *a)
{
    const struct wire_answer told = {
        .stream = stream, .model = SLICE("m"), .id = "1", .reasoning_shown = true};
    static struct watch w;

    memset(&w, 0, sizeof(w));
    buf_init(&w.out, OUT_MAX);
    w.writer = wire_messages.out_open(&told, a);
    assert(w.writer != NULL);
    if (!whole)
        read_stream(&w, bytes, a);
    else if (json_guard(bytes, &limits, NULL, 0, NULL, a) == RC_OK)
        (void)!wire_messages.answer(bytes, take, &w, a);
    end_answer(&w, stream, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice bytes =
        size == 0 ? SLICE_NONE : slice_from((const char *)data + 1, size - 1);
    struct arena *a;

    if (size == 0)
        return 0;
    for (int stream = 0; stream <= 1; stream++) {
        if (arena_open(&a, MEMORY_MAX) != RC_OK)
            return 0;
        if (data[0] == 'r' && !stream)
            try_body(bytes, a);
        else if (data[0] == 's' || data[0] == 'w')
            try_answer(bytes, data[0] == 'w', stream, a);
        arena_close(a);
    }
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What vendors answer, on any JSON: no wire gives events in another order than
 * gateway/answer.h promises, text that is no JSON string, or anything behind the end.
 * The first byte says which wire it is, and whether the rest is a whole answer or the
 * events of a stream, a line each ("name", a tab, JSON; "!" before the name of an
 * exception). */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "gateway/wires/cohere.h"
#include "gateway/wires/converse.h"
#include "tests/answer_order.h"

enum {
    INPUT_MAX = 16384,
    ARENA_MAX = 4 << 20
};

static enum rc take(void *arg, const struct answer_event *e)
{
    answer_order_take(arg, e);
    return RC_OK;
}

static bool is_over(const struct answer_order *o)
{
    return o->ended || o->failed;
}

/* "name\tdata", or data. */
static enum rc read_event(const struct wire *w, void *state, struct slice line,
                          struct answer_order *t)
{
    const size_t tab = slice_find(line, '\t');
    struct wire_event e = {.data = line};
    struct json_limits limits = {0};
    struct arena *scratch;
    enum rc rc = RC_OK;

    if (tab < line.len) {
        e.name = slice_sub(line, 0, tab);
        e.data = slice_sub(line, tab + 1, line.len);
        e.is_exception = slice_starts(e.name, SLICE("!"));
        e.name = slice_sub(e.name, e.is_exception ? 1 : 0, e.name.len);
    }
    assert(arena_open(&scratch, ARENA_MAX) == RC_OK);
    if ((w->done != NULL && slice_equal_str(e.data, w->done)) ||
        json_guard(e.data, &limits, NULL, 0, NULL, scratch) == RC_OK)
        rc = w->event(state, &e, take, t, scratch);
    arena_close(scratch);
    return rc;
}

static void read_stream(const struct wire *w, struct slice input,
                        struct answer_order *t)
{
    struct arena *a;
    struct slice line;
    enum rc rc = RC_OK;
    void *state;

    assert(arena_open(&a, ARENA_MAX) == RC_OK);
    state = w->open(a);
    assert(state != NULL);
    while (rc == RC_OK && !is_over(t) && slice_next(&line, &input, '\n'))
        rc = read_event(w, state, line, t);
    if (rc == RC_OK && !is_over(t) && w->ended != NULL)
        rc = w->ended(state, take, t);
    assert(rc == RC_OK || rc == RC_UPSTREAM || rc == RC_NOMEM);
    arena_close(a);
}

static void read_whole(const struct wire *w, struct slice input, struct answer_order *t)
{
    struct json_limits limits = {0};
    struct arena *a;

    assert(arena_open(&a, ARENA_MAX) == RC_OK);
    if (json_guard(input, &limits, NULL, 0, NULL, a) == RC_OK) {
        const enum rc rc = w->answer(input, take, t, a);

        assert(rc == RC_UPSTREAM || rc == RC_NOMEM || (rc == RC_OK && is_over(t)));
    }
    arena_close(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct wire *const wires[] = {&wire_chat,     &wire_responses,
                                               &wire_messages, &wire_gemini,
                                               &wire_converse, &wire_cohere};
    static struct answer_order t;
    const struct slice input = slice_from((const char *)bytes, len);
    const size_t count = sizeof(wires) / sizeof(wires[0]);

    if (len < 2 || len > INPUT_MAX)
        return 0;
    memset(&t, 0, offsetof(struct answer_order, parts)); /* it is large */
    if (bytes[0] / count % 2 == 0)
        read_whole(wires[bytes[0] % count], slice_sub(input, 1, len), &t);
    else
        read_stream(wires[bytes[0] % count], slice_sub(input, 1, len), &t);
    return 0;
}

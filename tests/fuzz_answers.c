/* SPDX-License-Identifier: Apache-2.0 */
/* What vendors answer, on any JSON: no wire gives events in another order than
 * gateway/answer.h promises, text that is no JSON string, or anything behind the end.
 * The first byte says which wire it is, and whether the rest is a whole answer or the
 * events of a stream, a line each ("name", a tab, JSON; "!" before the name of an
 * exception). */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/wires/cohere.h"
#include "gateway/wires/converse.h"

enum {
    INPUT_MAX = 16384,
    PARTS_MAX = 16384, /* each takes more than a byte of the input */
    ARENA_MAX = 4 << 20
};

struct taker {
    bool begun, ended;
    size_t count;

    struct {
        unsigned choice, part;
        enum part_kind kind;
        bool open;
    } parts[PARTS_MAX];
};

static size_t find_part(const struct taker *t, const struct answer_event *e)
{
    size_t i = 0;

    while (i < t->count &&
           (t->parts[i].choice != e->choice || t->parts[i].part != e->part))
        i++;
    return i;
}

static void take_part(struct taker *t, const struct answer_event *e)
{
    const size_t i = find_part(t, e);
    unsigned before = 0;

    if (e->kind == ANSWER_PART) {
        for (size_t k = 0; k < t->count; k++)
            before += t->parts[k].choice == e->choice;
        assert(i == t->count && e->part == before && i < PARTS_MAX);
        t->parts[t->count].choice = e->choice;
        t->parts[t->count].part = e->part;
        t->parts[t->count].kind = e->part_kind;
        t->parts[t->count++].open = true;
        return;
    }
    assert(i < t->count && t->parts[i].kind == e->part_kind);
    assert(t->parts[i].open || e->kind == ANSWER_CITATION ||
           e->kind == ANSWER_LOGPROBS);
    if (e->kind == ANSWER_PART_END)
        t->parts[i].open = false;
}

static enum rc take(void *arg, const struct answer_event *e)
{
    struct taker *t = arg;

    assert(!t->ended &&
           (t->begun || e->kind == ANSWER_BEGIN || e->kind == ANSWER_ERROR));
    assert(e->text.json.len == 0 || json_raw_type(e->text.json) == JSON_STRING);
    switch (e->kind) {
    case ANSWER_BEGIN:
        assert(!t->begun);
        t->begun = true;
        break;
    case ANSWER_PART:
    case ANSWER_DELTA:
    case ANSWER_SIGNATURE:
    case ANSWER_CITATION:
    case ANSWER_LOGPROBS:
    case ANSWER_MEDIA:
    case ANSWER_PART_END:
        take_part(t, e);
        break;
    case ANSWER_STOP:
        for (size_t i = 0; i < t->count; i++)
            assert(t->parts[i].choice != e->choice || !t->parts[i].open);
        break;
    case ANSWER_USAGE:
        assert(e->usage.known && usage_prompt(&e->usage) <= 8ull * USAGE_TOKENS_MAX);
        break;
    case ANSWER_END:
    case ANSWER_ERROR:
        t->ended = true;
        break;
    }
    return RC_OK;
}

/* "name\tdata", or data. */
static enum rc read_event(const struct wire *w, void *state, struct slice line,
                          struct taker *t)
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

static void read_stream(const struct wire *w, struct slice input, struct taker *t)
{
    struct arena *a;
    struct slice line;
    enum rc rc = RC_OK;
    void *state;

    assert(arena_open(&a, ARENA_MAX) == RC_OK);
    state = w->open(a);
    assert(state != NULL);
    while (rc == RC_OK && !t->ended && slice_next(&line, &input, '\n'))
        rc = read_event(w, state, line, t);
    if (rc == RC_OK && !t->ended && w->ended != NULL)
        rc = w->ended(state, take, t);
    assert(rc == RC_OK || rc == RC_UPSTREAM || rc == RC_NOMEM);
    arena_close(a);
}

static void read_whole(const struct wire *w, struct slice input, struct taker *t)
{
    struct json_limits limits = {0};
    struct arena *a;

    assert(arena_open(&a, ARENA_MAX) == RC_OK);
    if (json_guard(input, &limits, NULL, 0, NULL, a) == RC_OK) {
        const enum rc rc = w->answer(input, take, t, a);

        assert(rc == RC_UPSTREAM || rc == RC_NOMEM || (rc == RC_OK && t->ended));
    }
    arena_close(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const struct wire *const wires[] = {&wire_chat,     &wire_responses,
                                               &wire_messages, &wire_gemini,
                                               &wire_converse, &wire_cohere};
    static struct taker t;
    const struct slice input = slice_from((const char *)bytes, len);
    const size_t count = sizeof(wires) / sizeof(wires[0]);

    if (len < 2 || len > INPUT_MAX)
        return 0;
    t.begun = t.ended = false;
    t.count = 0;
    if (bytes[0] / count % 2 == 0)
        read_whole(wires[bytes[0] % count], slice_sub(input, 1, len), &t);
    else
        read_stream(wires[bytes[0] % count], slice_sub(input, 1, len), &t);
    return 0;
}

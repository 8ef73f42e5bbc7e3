/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/answer_order.h"

#include "base/json_guard.h"

#include <assert.h>

static size_t find_part(const struct answer_order *o, const struct answer_event *e)
{
    size_t i = 0;

    while (i < o->count &&
           (o->parts[i].choice != e->choice || o->parts[i].part != e->part))
        i++;
    return i;
}

static void begin_part(struct answer_order *o, const struct answer_event *e)
{
    unsigned before = 0;

    for (size_t i = 0; i < o->count; i++)
        before += o->parts[i].choice == e->choice;
    assert(o->count == ANSWER_ORDER_PARTS || e->part == before);
    if (o->count == ANSWER_ORDER_PARTS)
        return;
    o->parts[o->count].choice = e->choice;
    o->parts[o->count].part = e->part;
    o->parts[o->count].kind = e->part_kind;
    o->parts[o->count++].open = true;
}

/* Citations and log probabilities may come when the text is over. */
static void take_part(struct answer_order *o, const struct answer_event *e)
{
    const size_t i = find_part(o, e);

    assert(i < o->count || o->count == ANSWER_ORDER_PARTS);
    if (i == o->count)
        return;
    assert(o->parts[i].kind == e->part_kind);
    assert(o->parts[i].open || e->kind == ANSWER_CITATION ||
           e->kind == ANSWER_LOGPROBS);
    if (e->kind == ANSWER_PART_END)
        o->parts[i].open = false;
}

static void take_stop(struct answer_order *o, const struct answer_event *e)
{
    for (size_t i = 0; i < o->count; i++)
        assert(o->parts[i].choice != e->choice || !o->parts[i].open);
}

void answer_order_take(struct answer_order *o, const struct answer_event *e)
{
    assert(!o->ended && !o->failed);
    assert(o->begun == (e->kind != ANSWER_BEGIN) || e->kind == ANSWER_ERROR);
    assert(e->text.json.len == 0 || json_raw_type(e->text.json) == JSON_STRING);
    switch (e->kind) {
    case ANSWER_BEGIN:
        o->begun = true;
        break;
    case ANSWER_PART:
        begin_part(o, e);
        break;
    case ANSWER_DELTA:
    case ANSWER_SIGNATURE:
    case ANSWER_CITATION:
    case ANSWER_LOGPROBS:
    case ANSWER_MEDIA:
    case ANSWER_PART_END:
        take_part(o, e);
        break;
    case ANSWER_STOP:
        take_stop(o, e);
        break;
    case ANSWER_USAGE:
        assert(e->usage.known && usage_prompt(&e->usage) <= 8ull * USAGE_TOKENS_MAX);
        o->usage = e->usage;
        break;
    case ANSWER_END:
        o->ended = true;
        break;
    case ANSWER_ERROR:
        o->failed = true;
        break;
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The rows that a series of commands works on: what they need, what the store had, what
 * they made of it, and how to take one command back. Knows no rule and no engine's
 * inside. One thread. */
#include "ledger/batch.h"

#include "base/map.h"
#include "ledger/engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* A full batch of the largest commands needs about half of it; the arena gives back all
 * but one block at the next begin. */
#define BATCH_MEMORY_MAX ((size_t)128 << 20)

enum rc ledger__batch_open(struct batch **out)
{
    struct batch *b = calloc(1, sizeof(*b));
    enum rc rc;

    if (b == NULL)
        return RC_NOMEM;
    rc = arena_open(&b->arena, BATCH_MEMORY_MAX);
    if (rc != RC_OK) {
        free(b);
        return rc;
    }
    *out = b;
    return RC_OK;
}

void ledger__batch_close(struct batch *b)
{
    if (b == NULL)
        return;
    arena_close(b->arena);
    free(b);
}

void ledger__batch_begin(struct batch *b, const struct head *head, size_t commands)
{
    struct arena *arena = b->arena;
    size_t slots = 64;

    while (slots < commands * 16)
        slots *= 2;
    arena_reset(arena);
    *b = (struct batch){.arena = arena, .start = *head, .head = *head};
    b->slots = arena_new_array(arena, struct cell *, slots);
    b->slot_count = b->slots != NULL ? slots : 0;
}

/* The slot that holds the cell, or the free one where it belongs. */
static struct cell **slot_of(const struct batch *b, enum table table, struct slice key)
{
    size_t mask = b->slot_count - 1;
    size_t i = (size_t)(map_hash(key) + (uint64_t)table * UINT64_C(0x9e3779b97f4a7c15));

    for (;; i++) {
        struct cell *c = b->slots[i & mask];

        if (c == NULL || (c->table == table && slice_equal(c->key, key)))
            return &b->slots[i & mask];
    }
}

/* At most half of the slots are used, so that a search ends soon. */
static bool grow(struct batch *b)
{
    if (b->cell_count < b->slot_count / 2)
        return true;
    if (b->slot_count == 0)
        return false;
    b->slots = arena_new_array(b->arena, struct cell *, b->slot_count * 2);
    b->slot_count = b->slots != NULL ? b->slot_count * 2 : 0;
    if (b->slots == NULL)
        return false;
    for (struct cell *c = b->cells; c != NULL; c = c->next)
        *slot_of(b, c->table, c->key) = c;
    return true;
}

struct cell *ledger__batch_find(const struct batch *b, enum table table,
                                struct slice key)
{
    return b->slot_count > 0 ? *slot_of(b, table, key) : NULL;
}

/* NULL when the arena is spent, which load() finds out for the whole batch. */
struct cell *ledger__batch_add(struct batch *b, enum table table, struct slice key)
{
    struct cell *c = ledger__batch_find(b, table, key);
    struct cell **slot;

    if (c != NULL)
        return c;
    if (!grow(b))
        return NULL;
    c = arena_new(b->arena, struct cell);
    if (c == NULL)
        return NULL;
    c->table = table;
    c->key = arena_slice(b->arena, key);
    if (arena_spent(b->arena))
        return NULL;
    slot = slot_of(b, table, key);
    *slot = c;
    b->cell_count++;
    if (b->last == NULL)
        b->cells = c;
    else
        b->last->next = c;
    b->last = c;
    if (b->fresh == NULL)
        b->fresh = c;
    return c;
}

static void want_id(struct batch *b, enum table table, struct id id)
{
    if (!id_is_none(id))
        ledger__batch_add(b, table, ledger__id_slice(&id));
}

void ledger__batch_want(struct batch *b, const struct ledger_cmd *cmd)
{
    want_id(b, TABLE_SEEN, cmd->op);
    if (cmd->verb == LEDGER_HOLD)
        want_id(b, TABLE_HOLD, cmd->op);
    if (cmd->verb == LEDGER_CAPTURE || cmd->verb == LEDGER_VOID ||
        cmd->verb == LEDGER_EXPIRE) {
        want_id(b, TABLE_HOLD, cmd->hold);
        want_id(b, TABLE_SEEN, cmd->hold);
    }
    if (cmd->verb == LEDGER_CAPTURE)
        want_id(b, TABLE_ACCOUNT, cmd->spill);
    for (unsigned i = 0; i < cmd->leg_count; i++) {
        want_id(b, TABLE_ACCOUNT, cmd->legs[i].debit);
        if (cmd->verb != LEDGER_HOLD)
            want_id(b, TABLE_ACCOUNT, cmd->legs[i].credit);
        want_id(b, TABLE_ACCOUNT, cmd->legs[i].grant_from);
    }
    for (unsigned i = 0; i < cmd->write_count; i++) {
        const struct ledger_write *w = &cmd->writes[i];
        uint8_t key[RECORD_KEY_MAX];
        size_t len = ledger__record_key(key, w->kind, w->key);

        ledger__batch_add(b, TABLE_RECORD, slice_from((const char *)key, len));
    }
}

static enum rc decode(struct batch *b, struct cell *c)
{
    struct hold *hold;

    switch (c->table) {
    case TABLE_ACCOUNT:
        return ledger__account_decode(&c->now.account, c->key, c->value);
    case TABLE_HOLD:
        hold = arena_new(b->arena, struct hold);
        if (hold == NULL)
            return RC_NOMEM;
        c->now.hold = hold;
        return ledger__hold_decode(hold, c->key, c->value);
    case TABLE_SEEN:
        return ledger__seen_decode(&c->now.seen, c->key, c->value);
    case TABLE_RECORD:
        return ledger__record_decode(&c->now.record, c->key, c->value);
    case TABLE_META:
    case TABLE_JOURNAL:
    case TABLE_TAG:
    case TABLE__COUNT:
        break;
    }
    return RC_OK;
}

static void want_entry(struct batch *b, uint64_t seq)
{
    uint8_t key[SEQ_KEY_LEN];

    ledger__seq_key(key, seq);
    ledger__batch_add(b, TABLE_JOURNAL, slice_from((const char *)key, SEQ_KEY_LEN));
}

static void want_what_follows(struct batch *b, const struct cell *c)
{
    if (c->table == TABLE_SEEN)
        want_entry(b, c->now.seen.seq);
    if (c->table == TABLE_HOLD) {
        want_entry(b, c->now.hold->seq);
        for (unsigned i = 0; i < c->now.hold->leg_count; i++)
            want_id(b, TABLE_ACCOUNT, c->now.hold->accounts[i]);
    }
}

/* One round: loads what is fresh and decodes it. What follows from it becomes fresh. */
static enum rc load_round(struct batch *b, struct engine *e)
{
    struct cell *first = b->fresh;
    struct cell *end = b->last;

    TRY(e->ops->load(e, b));
    b->fresh = NULL;
    for (struct cell *c = first; c != NULL; c = c->next) {
        if (c->stored) {
            enum rc rc = decode(b, c);

            if (rc == RC_NOMEM)
                return rc;
            /* Only the commands that need this row fail. */
            c->corrupt = rc != RC_OK;
            c->present = rc == RC_OK;
            if (c->present)
                want_what_follows(b, c);
        }
        if (c == end)
            break;
    }
    return arena_spent(b->arena) ? RC_NOMEM : RC_OK;
}

enum rc ledger__batch_load(struct batch *b, struct engine *e)
{
    /* Accounts and entries, the second round, bring nothing more. */
    for (unsigned round = 0; round < 2 && b->fresh != NULL; round++)
        TRY(load_round(b, e));
    assert(b->fresh == NULL);
    return arena_spent(b->arena) ? RC_NOMEM : RC_OK;
}

void ledger__batch_touch(struct batch *b, struct cell *c)
{
    assert(!c->corrupt);
    if (c->touched)
        return;
    assert(b->touched_count < TOUCHED_MAX);
    b->touched[b->touched_count++] = c;
    c->touched = true;
    c->before = c->now;
    c->before_present = c->present;
}

void ledger__batch_undo(struct batch *b)
{
    for (unsigned i = 0; i < b->touched_count; i++) {
        struct cell *c = b->touched[i];

        c->now = c->before;
        c->present = c->before_present;
        c->touched = false;
    }
    b->touched_count = 0;
}

void ledger__batch_keep(struct batch *b)
{
    for (unsigned i = 0; i < b->touched_count; i++) {
        b->touched[i]->dirty = true;
        b->touched[i]->touched = false;
    }
    b->touched_count = 0;
}

static struct slice encode(struct batch *b, const struct cell *c)
{
    size_t len = 0;
    uint8_t *row = NULL;

    switch (c->table) {
    case TABLE_ACCOUNT:
        len = ACCOUNT_LEN;
        row = arena_alloc(b->arena, len);
        if (row != NULL)
            ledger__account_encode(row, &c->now.account);
        break;
    case TABLE_HOLD:
        row = arena_alloc(b->arena, HOLD_LEN_MAX);
        if (row != NULL)
            len = ledger__hold_encode(row, c->now.hold, c->key);
        break;
    case TABLE_SEEN:
        len = SEEN_LEN;
        row = arena_alloc(b->arena, len);
        if (row != NULL)
            ledger__seen_encode(row, &c->now.seen, c->key);
        break;
    case TABLE_RECORD:
        len = RECORD_HEAD_LEN + c->now.record.value.len;
        row = arena_alloc(b->arena, len);
        if (row != NULL)
            ledger__record_encode(row, &c->now.record, c->key);
        break;
    case TABLE_META:
    case TABLE_JOURNAL:
    case TABLE_TAG:
    case TABLE__COUNT:
        break;
    }
    assert(row != NULL || arena_spent(b->arena));
    return slice_from((const char *)row, len);
}

/* A list that is being built: arena memory, so nothing needs to be released. */
struct list {
    struct batch *batch;
    struct change *first;
    struct change **tail;
};

static void put(struct list *l, enum table table, struct slice key, struct slice value)
{
    struct change *c = arena_new(l->batch->arena, struct change);

    if (c == NULL)
        return;
    *c = (struct change){.table = table, .key = key, .value = value};
    *l->tail = c;
    l->tail = &c->next;
}

static void put_cell(struct list *l, const struct cell *c)
{
    if (c->present) {
        put(l, c->table, c->key, encode(l->batch, c));
    } else if (c->stored) {
        struct change *change = arena_new(l->batch->arena, struct change);

        if (change == NULL)
            return;
        *change = (struct change){.table = c->table, .remove = true, .key = c->key};
        *l->tail = change;
        l->tail = &change->next;
    }
}

static void put_entry(struct list *l, const struct made *m)
{
    struct arena *arena = l->batch->arena;
    uint8_t *seq = arena_alloc(arena, SEQ_KEY_LEN);

    if (seq == NULL)
        return;
    ledger__seq_key(seq, m->seq);
    put(l, TABLE_JOURNAL, slice_from((const char *)seq, SEQ_KEY_LEN), m->row);
    for (unsigned i = 0; i < m->tag_count; i++) {
        uint8_t *tag = arena_alloc(arena, TAG_KEY_LEN);

        if (tag == NULL)
            return;
        ledger__tag_key(tag, m->tags[i], m->seq);
        put(l, TABLE_TAG, slice_from((const char *)tag, TAG_KEY_LEN), SLICE_NONE);
    }
}

enum rc ledger__batch_changes(struct change **out, struct batch *b)
{
    struct list list = {.batch = b, .tail = &list.first};
    uint8_t *head;

    for (const struct cell *c = b->cells; c != NULL; c = c->next) {
        if (c->dirty)
            put_cell(&list, c);
    }
    for (const struct made *m = b->made; m != NULL; m = m->next)
        put_entry(&list, m);
    if (b->made != NULL) {
        head = arena_alloc(b->arena, HEAD_LEN);
        if (head != NULL)
            ledger__head_encode(head, &b->head);
        put(&list, TABLE_META, META_HEAD, slice_from((const char *)head, HEAD_LEN));
    }
    if (arena_spent(b->arena))
        return RC_NOMEM;
    *out = list.first;
    return RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Proof from the inside: the journal is done again, by the same rules, into an empty
 * book in memory, and must give the same entries, byte for byte, and the same rows.
 * (Proof from the outside, with other rules, is audit.c.) Works on one snapshot while
 * others write. */
#include "ledger/ledger_int.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    REPLAY_MAX = 256,  /* entries per batch */
    FORGET_EVERY = 64, /* batches */
    FORGET_ROWS_MAX = 32768
};

struct sum {
    uint32_t number;
    unsigned __int128 debits;
    unsigned __int128 credits;
};

struct replay {
    struct ledger_report *report;
    struct snapshot *store;
    struct engine *model;
    struct batch *batch;
    struct head head; /* so far */
    uint64_t run;     /* the largest so far */
    uint64_t tag_count;
    bool stopped; /* by a fault that makes the rest meaningless */
    enum rc rc;   /* the replay itself failed */

    unsigned count;
    unsigned batch_count;
    struct ledger_cmd *commands; /* REPLAY_MAX of each */
    struct entry *entries;
    struct slice *rows;
};

static void fault(struct ledger_report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void fault(struct ledger_report *report, const char *format, ...)
{
    unsigned index = report->fault_count++;
    va_list args;

    report->ok = false;
    if (index >= sizeof(report->faults) / sizeof(report->faults[0]))
        return;
    va_start(args, format);
    (void)vsnprintf(report->faults[index], sizeof(report->faults[0]), format, args);
    va_end(args);
}

/* ---- The journal, again ---- */

static bool has_tag(struct replay *r, struct id tag, uint64_t seq)
{
    uint8_t key[TAG_KEY_LEN];
    struct slice value;

    ledger__tag_key(key, tag, seq);
    return r->store->engine->ops->get(&value, r->store, TABLE_TAG,
                                      slice_from((const char *)key, TAG_KEY_LEN)) ==
               RC_OK &&
           value.len == 0;
}

/* The entry that the rules made now against the one that was stored then. */
static bool compare_entry(struct replay *r, unsigned index, const struct made *made)
{
    uint64_t seq = r->entries[index].seq;
    enum rc rc = r->commands[index].result.rc;

    if (rc != RC_OK || made == NULL) {
        fault(r->report, "entry %llu: the rules refuse it: %s", (unsigned long long)seq,
              rc != RC_OK ? rc_reason(rc) : "done before");
        return false;
    }
    if (!slice_equal(made->row, r->rows[index])) {
        fault(r->report, "entry %llu: another outcome or another chain when done again",
              (unsigned long long)seq);
        return false;
    }
    for (unsigned i = 0; i < made->tag_count; i++) {
        r->tag_count++;
        if (!has_tag(r, made->tags[i], seq))
            fault(r->report, "entry %llu: a tag is missing", (unsigned long long)seq);
    }
    return true;
}

static bool do_again(struct replay *r)
{
    struct batch *b = r->batch;
    const struct made *last = NULL;

    for (unsigned i = 0; i < r->count; i++) {
        b->time_us = r->entries[i].time_us;
        b->run = r->entries[i].run;
        ledger__apply(b, &r->commands[i]);
        if (b->made_last == last || !compare_entry(r, i, b->made_last)) {
            if (b->made_last == last)
                (void)compare_entry(r, i, NULL);
            return false;
        }
        last = b->made_last;
    }
    return true;
}

/* The model keeps accounts, holds, records and ids; journal and tags were compared. */
static struct change *without_journal(struct change *changes)
{
    struct change *first = NULL;
    struct change **tail = &first;

    for (struct change *c = changes; c != NULL; c = c->next) {
        if (c->table == TABLE_JOURNAL || c->table == TABLE_TAG ||
            c->table == TABLE_META)
            continue;
        *tail = c;
        tail = &c->next;
    }
    *tail = NULL;
    return first;
}

struct forgetting {
    struct batch *batch;
    uint64_t now_us;
    unsigned count;
};

static bool forget_one(void *arg, struct slice key, struct slice value)
{
    struct forgetting *f = arg;
    struct seen seen;

    if (f->count++ == FORGET_ROWS_MAX)
        return false;
    if (ledger__seen_decode(&seen, key, value) == RC_OK &&
        ledger__forgotten(&seen, f->now_us))
        ledger__batch_add(f->batch, TABLE_SEEN, key);
    return true;
}

/* Keeps the model from holding every call of the journal's whole life: ids that no rule
 * would see any more go, as they do in the store. */
static enum rc forget(struct replay *r)
{
    struct forgetting f = {.batch = r->batch, .now_us = r->head.time_us};
    const struct engine_ops *ops = r->model->ops;
    struct change *changes;
    struct snapshot *s;
    enum rc rc;

    ledger__batch_begin(r->batch, &r->head, 0);
    TRY(ops->snapshot(&s, r->model));
    rc = ops->scan(s, TABLE_SEEN, SLICE_NONE, false, forget_one, &f);
    ops->release(s);
    if (rc == RC_OK)
        rc = ledger__batch_load(r->batch, r->model);
    if (rc != RC_OK)
        return rc;
    for (struct cell *c = r->batch->cells; c != NULL; c = c->next) {
        c->dirty = c->table == TABLE_SEEN;
        c->present = c->present && !c->dirty;
    }
    TRY(ledger__batch_changes(&changes, r->batch));
    return changes != NULL ? ops->commit(r->model, changes) : RC_OK;
}

static enum rc flush(struct replay *r)
{
    struct change *changes;

    if (r->count == 0)
        return RC_OK;
    ledger__batch_begin(r->batch, &r->head, r->count);
    for (unsigned i = 0; i < r->count; i++)
        ledger__batch_want(r->batch, &r->commands[i]);
    TRY(ledger__batch_load(r->batch, r->model));
    if (!do_again(r)) {
        r->stopped = true;
        return RC_OK;
    }
    TRY(ledger__batch_changes(&changes, r->batch));
    TRY(r->model->ops->commit(r->model, without_journal(changes)));
    r->head = r->batch->head;
    r->report->entries += r->count;
    r->count = 0;
    return ++r->batch_count % FORGET_EVERY == 0 ? forget(r) : RC_OK;
}

static bool replay_row(void *arg, struct slice key, struct slice row)
{
    struct replay *r = arg;
    struct entry *e = &r->entries[r->count];
    uint64_t expected = r->head.seq + r->count + 1;
    uint64_t last_us =
        r->count > 0 ? r->entries[r->count - 1].time_us : r->head.time_us;

    if (key.len != SEQ_KEY_LEN || ledger__seq_from_key(key) != expected) {
        fault(r->report, "entry %llu is missing", (unsigned long long)expected);
        r->stopped = true;
        return false;
    }
    if (ledger__entry_decode(e, row) != RC_OK ||
        ledger__command_decode(&r->commands[r->count], e->command) != RC_OK ||
        e->seq != expected || e->time_us < last_us || e->run < r->run) {
        fault(r->report, "entry %llu: checksum, form or order is wrong",
              (unsigned long long)expected);
        r->stopped = true;
        return false;
    }
    r->run = e->run;
    r->rows[r->count++] = row;
    if (r->count == REPLAY_MAX)
        r->rc = flush(r);
    return r->rc == RC_OK && !r->stopped;
}

static enum rc replay_journal(struct replay *r)
{
    enum rc rc = r->store->engine->ops->scan(r->store, TABLE_JOURNAL, SLICE_NONE, false,
                                             replay_row, r);

    if (rc == RC_CORRUPT) {
        fault(r->report, "the journal's table is damaged");
        r->stopped = true;
        return RC_OK;
    }
    TRY(rc);
    TRY(r->rc);
    if (!r->stopped)
        TRY(flush(r));
    return RC_OK;
}

/* ---- The rows ---- */

struct comparison {
    struct replay *replay;
    struct snapshot *other;
    enum table table;
    const char *what;
};

static const char *name_of(char out[2 * 32 + 1], struct slice key)
{
    key = slice_sub(key, 0, 32);
    hex_encode(out, (const uint8_t *)key.bytes, key.len);
    return out;
}

/* An id that no rule would see may be there or not. */
static bool may_differ(const struct comparison *c, struct slice key, struct slice value)
{
    struct seen seen;

    return c->table == TABLE_SEEN && ledger__seen_decode(&seen, key, value) == RC_OK &&
           ledger__forgotten(&seen, c->replay->head.time_us);
}

static bool compare_row(void *arg, struct slice key, struct slice value)
{
    const struct comparison *c = arg;
    char name[2 * 32 + 1];
    struct slice other;
    enum rc rc = c->other->engine->ops->get(&other, c->other, c->table, key);

    if (rc == RC_OK && slice_equal(value, other))
        return true;
    if (rc == RC_NOT_FOUND && may_differ(c, key, value))
        return true;
    if (rc == RC_OK)
        fault(c->replay->report, "%s %s: not what the journal says", c->what,
              name_of(name, key));
    else
        fault(c->replay->report, "%s %s: only in the %s", c->what, name_of(name, key),
              c->other == c->replay->store ? "journal" : "store");
    return true;
}

static enum rc compare_table(struct replay *r, struct snapshot *model, enum table table,
                             const char *what)
{
    struct comparison c = {.replay = r, .other = model, .table = table, .what = what};
    enum rc rc;

    rc = r->store->engine->ops->scan(r->store, table, SLICE_NONE, false, compare_row,
                                     &c);
    if (rc == RC_OK) {
        c.other = r->store;
        rc = model->engine->ops->scan(model, table, SLICE_NONE, false, compare_row, &c);
    }
    if (rc != RC_CORRUPT)
        return rc;
    fault(r->report, "%s: the table is damaged", what);
    return RC_OK;
}

struct sums {
    struct sum *rows;
    size_t count;
    size_t room;
    unsigned __int128 held;
    enum rc rc;
};

static struct sum *sum_of(struct sums *s, uint32_t number)
{
    size_t low = 0;
    size_t high = s->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (s->rows[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < s->count && s->rows[low].number == number)
        return &s->rows[low];
    if (s->count == s->room) {
        size_t room = s->room > 0 ? s->room * 2 : 16;
        struct sum *rows = reallocarray(s->rows, room, sizeof(*rows));

        if (rows == NULL)
            return NULL;
        s->rows = rows;
        s->room = room;
    }
    memmove(&s->rows[low + 1], &s->rows[low], (s->count - low) * sizeof(*s->rows));
    s->count++;
    s->rows[low] = (struct sum){.number = number};
    return &s->rows[low];
}

static bool add_account(void *arg, struct slice key, struct slice value)
{
    struct sums *s = arg;
    struct ledger_account a;
    struct sum *sum;

    if (ledger__account_decode(&a, key, value) != RC_OK)
        return true; /* it was named already */
    sum = sum_of(s, a.number);
    s->rc = sum != NULL ? RC_OK : RC_NOMEM;
    if (sum == NULL)
        return false;
    sum->debits += money_to_nano(a.debits);
    sum->credits += money_to_nano(a.credits);
    s->held += money_to_nano(a.held);
    return true;
}

static bool take_hold(void *arg, struct slice key, struct slice value)
{
    struct sums *s = arg;
    struct hold h;

    if (ledger__hold_decode(&h, key, value) != RC_OK)
        return true;
    for (unsigned i = 0; i < h.leg_count; i++)
        s->held -= money_to_nano(h.amounts[i]);
    return true;
}

static enum rc check_sums(struct replay *r)
{
    const struct engine_ops *ops = r->store->engine->ops;
    struct sums s = {.rc = RC_OK};
    enum rc rc;

    rc = ops->scan(r->store, TABLE_ACCOUNT, SLICE_NONE, false, add_account, &s);
    if (rc == RC_OK)
        rc = ops->scan(r->store, TABLE_HOLD, SLICE_NONE, false, take_hold, &s);
    for (size_t i = 0; i < s.count; i++) {
        if (s.rows[i].debits != s.rows[i].credits)
            fault(r->report, "ledger number %u: debits are not credits",
                  s.rows[i].number);
    }
    if (s.held != 0)
        fault(r->report, "what accounts have on hold is not what the holds say");
    free(s.rows);
    if (rc == RC_CORRUPT) /* named by compare_table() */
        rc = RC_OK;
    return rc == RC_OK ? s.rc : rc;
}

static void check_end(struct replay *r)
{
    const struct engine_ops *ops = r->store->engine->ops;
    struct head head = {0};
    uint64_t run = 0;
    struct slice row;
    struct id store;
    enum rc rc;

    if (ops->get(&row, r->store, TABLE_META, META_IDENTITY) != RC_OK ||
        ledger__identity_decode(&store, row) != RC_OK)
        fault(r->report, "the store does not say what it is");
    rc = ops->get(&row, r->store, TABLE_META, META_HEAD);
    if (rc == RC_OK)
        rc = ledger__head_decode(&head, row);
    if (rc == RC_NOT_FOUND)
        rc = RC_OK;
    if (rc != RC_OK || head.seq != r->head.seq || head.time_us != r->head.time_us ||
        memcmp(head.hash, r->head.hash, SHA256_LEN) != 0)
        fault(r->report, "the head is not the journal's end, entry %llu",
              (unsigned long long)r->head.seq);
    if (ops->get(&row, r->store, TABLE_META, META_RUN) != RC_OK ||
        ledger__run_decode(&run, row) != RC_OK || run < r->run)
        fault(r->report, "the count of runs is wrong");
    if (ops->count(r->store, TABLE_TAG) != r->tag_count)
        fault(r->report, "%llu tags are stored, the journal has %llu",
              (unsigned long long)ops->count(r->store, TABLE_TAG),
              (unsigned long long)r->tag_count);
}

static enum rc compare_all(struct replay *r)
{
    struct snapshot *model;
    enum rc rc;

    check_end(r);
    TRY(r->model->ops->snapshot(&model, r->model));
    rc = compare_table(r, model, TABLE_ACCOUNT, "account");
    if (rc == RC_OK)
        rc = compare_table(r, model, TABLE_HOLD, "hold");
    if (rc == RC_OK)
        rc = compare_table(r, model, TABLE_RECORD, "record");
    if (rc == RC_OK)
        rc = compare_table(r, model, TABLE_SEEN, "operation");
    r->model->ops->release(model);
    return rc == RC_OK ? check_sums(r) : rc;
}

/* ---- */

static enum rc open_replay(struct replay *r)
{
    r->commands = calloc(REPLAY_MAX, sizeof(*r->commands));
    r->entries = calloc(REPLAY_MAX, sizeof(*r->entries));
    r->rows = calloc(REPLAY_MAX, sizeof(*r->rows));
    if (r->commands == NULL || r->entries == NULL || r->rows == NULL)
        return RC_NOMEM;
    TRY(ledger__batch_open(&r->batch));
    return ledger__mem_open(&r->model);
}

static void close_replay(struct replay *r)
{
    if (r->model != NULL)
        r->model->ops->close(r->model);
    ledger__batch_close(r->batch);
    free(r->commands);
    free(r->entries);
    free(r->rows);
}

static enum rc verify(struct replay *r)
{
    const struct engine_ops *ops = r->store->engine->ops;

    TRY(open_replay(r));
    TRY(replay_journal(r));
    if (!r->stopped)
        TRY(compare_all(r));
    r->report->accounts = ops->count(r->store, TABLE_ACCOUNT);
    r->report->holds = ops->count(r->store, TABLE_HOLD);
    memcpy(r->report->head, r->head.hash, SHA256_LEN);
    return RC_OK;
}

enum rc ledger_verify(struct ledger *l, struct ledger_report *report)
{
    struct replay replay = {.report = report, .rc = RC_OK};
    enum rc rc;

    *report = (struct ledger_report){.ok = true};
    TRY(l->engine->ops->snapshot(&replay.store, l->engine));
    rc = verify(&replay);
    close_replay(&replay);
    l->engine->ops->release(replay.store);
    return rc;
}

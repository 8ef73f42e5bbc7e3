/* SPDX-License-Identifier: Apache-2.0 */
/* What a book says of itself: that it is one, where its journal ends, how often it was
 * opened. Checked at every open, before anything else is believed. */
#include "ledger/engine.h"

#include <string.h>

static enum rc get(struct slice *row, struct snapshot *s, struct slice key)
{
    return s->engine->ops->get(row, s, TABLE_META, key);
}

static enum rc read_meta(struct head *head, uint64_t *run, struct snapshot *s)
{
    struct slice row;
    struct id store;
    enum rc rc;

    TRY(get(&row, s, META_IDENTITY));
    TRY(ledger__identity_decode(&store, row));
    TRY(get(&row, s, META_RUN));
    TRY(ledger__run_decode(run, row));
    *head = (struct head){0};
    rc = get(&row, s, META_HEAD);
    if (rc == RC_NOT_FOUND)
        return RC_OK; /* no entry yet */
    return rc == RC_OK ? ledger__head_decode(head, row) : rc;
}

struct last_rows {
    struct slice rows[2]; /* the last, and the one before */
    unsigned count;
};

static bool take_row(void *arg, struct slice key, struct slice value)
{
    struct last_rows *last = arg;

    (void)key;
    last->rows[last->count++] = value;
    return last->count < 2;
}

/* The entry that the head names is the last, whole, and follows on the one before. */
static enum rc check_last(const struct head *head, struct snapshot *s)
{
    uint8_t hash[SHA256_LEN];
    struct last_rows last = {.count = 0};
    struct entry before = {0};
    struct entry e;

    TRY(s->engine->ops->scan(s, TABLE_JOURNAL, SLICE_NONE, true, take_row, &last));
    if (last.count == 0)
        return head->seq == 0 ? RC_OK : RC_CORRUPT;
    TRY(ledger__entry_decode(&e, last.rows[0]));
    if (last.count == 2)
        TRY(ledger__entry_decode(&before, last.rows[1]));
    TRY(ledger__entry_hash(hash, before.hash, last.rows[0]));
    return e.seq == head->seq && e.time_us == head->time_us &&
                   e.seq == before.seq + 1 && memcmp(hash, e.hash, SHA256_LEN) == 0 &&
                   memcmp(hash, head->hash, SHA256_LEN) == 0
               ? RC_OK
               : RC_CORRUPT;
}

enum rc ledger__meta_check(struct head *head, uint64_t *run, struct engine *e)
{
    struct snapshot *s;
    enum rc rc;

    TRY(e->ops->snapshot(&s, e));
    rc = read_meta(head, run, s);
    if (rc == RC_OK)
        rc = check_last(head, s);
    e->ops->release(s);
    return rc == RC_NOT_FOUND ? RC_CORRUPT : rc;
}

enum rc ledger__meta_write_run(struct engine *e, uint64_t run)
{
    uint8_t row[RUN_LEN] = {0};
    struct change change = {.table = TABLE_META,
                            .key = META_RUN,
                            .value = slice_from((const char *)row, RUN_LEN)};

    ledger__run_encode(row, run);
    return e->ops->commit(e, &change);
}

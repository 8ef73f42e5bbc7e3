/* SPDX-License-Identifier: Apache-2.0 */
/* Reading: a view is an engine's snapshot under the name that others know. Everything
 * is checked against its checksum on the way out. */
#include "ledger/view.h"

#include "ledger/ledger_int.h"

#include <assert.h>
#include <string.h>

/* struct ledger_view is never defined: outside of this file nobody needs to know that
 * it is a snapshot. */
static struct snapshot *snapshot_of(struct ledger_view *v)
{
    return (struct snapshot *)v;
}

enum rc ledger_view_open(struct ledger_view **out, struct ledger *l)
{
    struct snapshot *s;

    TRY(l->engine->ops->snapshot(&s, l->engine));
    *out = (struct ledger_view *)s;
    return RC_OK;
}

void ledger_view_close(struct ledger_view *v)
{
    struct snapshot *s = snapshot_of(v);

    if (s != NULL)
        s->engine->ops->release(s);
}

static enum rc get(struct slice *row, struct ledger_view *v, enum table table,
                   struct slice key)
{
    struct snapshot *s = snapshot_of(v);

    return s->engine->ops->get(row, s, table, key);
}

enum rc ledger_view_account(struct ledger_account *out, struct ledger_view *v,
                            struct id id)
{
    struct slice row;

    TRY(get(&row, v, TABLE_ACCOUNT, ledger__id_slice(&id)));
    return ledger__account_decode(out, ledger__id_slice(&id), row);
}

enum rc ledger_view_record(struct slice *value, uint64_t *version,
                           struct ledger_view *v, uint16_t kind, struct slice key)
{
    uint8_t bytes[RECORD_KEY_MAX];
    struct record record;
    struct slice row;
    struct slice full;

    if (key.len > LEDGER_KEY_MAX)
        return RC_NOT_FOUND;
    full = slice_from((const char *)bytes, ledger__record_key(bytes, kind, key));
    TRY(get(&row, v, TABLE_RECORD, full));
    TRY(ledger__record_decode(&record, full, row));
    *value = record.value;
    *version = record.version;
    return RC_OK;
}

struct record_walk {
    struct slice prefix; /* with the kind in front */
    ledger_record_fn *each;
    void *arg;
    enum rc rc;
};

static bool walk_record(void *arg, struct slice key, struct slice row)
{
    struct record_walk *w = arg;
    struct record record;

    if (!slice_starts(key, w->prefix))
        return false;
    w->rc = ledger__record_decode(&record, key, row);
    return w->rc == RC_OK &&
           w->each(w->arg, slice_sub(key, 2, key.len), record.value, record.version);
}

enum rc ledger_view_records(struct ledger_view *v, uint16_t kind, struct slice prefix,
                            struct slice from, ledger_record_fn *each, void *arg)
{
    uint8_t prefix_bytes[RECORD_KEY_MAX];
    uint8_t from_bytes[RECORD_KEY_MAX];
    struct record_walk walk = {.each = each, .arg = arg, .rc = RC_OK};
    struct snapshot *s = snapshot_of(v);
    struct slice start;

    if (prefix.len > LEDGER_KEY_MAX)
        return RC_OK;                          /* no key is that long */
    from = slice_sub(from, 0, LEDGER_KEY_MAX); /* longer: no key is between */
    walk.prefix = slice_from((const char *)prefix_bytes,
                             ledger__record_key(prefix_bytes, kind, prefix));
    start = slice_from((const char *)from_bytes,
                       ledger__record_key(from_bytes, kind, from));
    if (slice_compare(start, walk.prefix) < 0)
        start = walk.prefix;
    TRY(s->engine->ops->scan(s, TABLE_RECORD, start, false, walk_record, &walk));
    return walk.rc;
}

/* ---- Entries ---- */

static enum rc fill_entry(struct ledger_entry *out, const struct entry *e)
{
    struct ledger_cmd cmd;

    TRY(ledger__command_decode(&cmd, e->command));
    *out = (struct ledger_entry){
        .seq = e->seq,
        .time_us = e->time_us,
        .op = cmd.op,
        .verb = cmd.verb,
        .hold = cmd.hold,
        .leg_count = cmd.leg_count,
        .spilled = e->spilled,
        .released = e->released,
        .balance = e->balance,
        .memo = cmd.memo,
    };
    memcpy(out->hash, e->hash, sizeof(out->hash));
    for (unsigned i = 0; i < cmd.leg_count; i++) {
        out->legs[i] = cmd.legs[i];
        if ((e->cut & UINT32_C(1) << i) != 0)
            out->legs[i].amount = money_sub_floor(cmd.legs[i].amount, e->spilled);
    }
    return RC_OK;
}

enum rc ledger_view_entry(struct ledger_entry *out, struct ledger_view *v, uint64_t seq)
{
    uint8_t key[SEQ_KEY_LEN];
    struct entry e;
    struct slice row;

    ledger__seq_key(key, seq);
    TRY(get(&row, v, TABLE_JOURNAL, slice_from((const char *)key, SEQ_KEY_LEN)));
    TRY(ledger__entry_decode(&e, row));
    return e.seq == seq ? fill_entry(out, &e) : RC_CORRUPT;
}

enum rc ledger_view_find(uint64_t *seq, struct ledger_view *v, struct id op)
{
    struct slice row;
    struct seen seen;

    TRY(get(&row, v, TABLE_SEEN, ledger__id_slice(&op)));
    TRY(ledger__seen_decode(&seen, ledger__id_slice(&op), row));
    *seq = seen.seq;
    return RC_OK;
}

uint64_t ledger_view_head(struct ledger_view *v)
{
    struct slice row;
    struct head head;

    if (get(&row, v, TABLE_META, META_HEAD) != RC_OK ||
        ledger__head_decode(&head, row) != RC_OK)
        return 0;
    return head.seq;
}

struct tag_walk {
    struct ledger_view *view;
    struct id tag;
    ledger_entry_fn *each;
    void *arg;
    enum rc rc;
};

static bool walk_tag(void *arg, struct slice key, struct slice value)
{
    struct tag_walk *w = arg;
    struct ledger_entry entry;

    (void)value;
    if (key.len != TAG_KEY_LEN || !slice_starts(key, ledger__id_slice(&w->tag)))
        return false;
    w->rc = ledger_view_entry(
        &entry, w->view, ledger__seq_from_key(slice_sub(key, ID_LEN, SEQ_KEY_LEN)));
    if (w->rc == RC_NOT_FOUND)
        w->rc = RC_CORRUPT;
    return w->rc == RC_OK && w->each(w->arg, &entry);
}

enum rc ledger_view_tagged(struct ledger_view *v, struct id tag, uint64_t from,
                           bool backwards, ledger_entry_fn *each, void *arg)
{
    struct tag_walk walk = {
        .view = v, .tag = tag, .each = each, .arg = arg, .rc = RC_OK};
    struct snapshot *s = snapshot_of(v);
    uint8_t key[TAG_KEY_LEN];

    if (backwards && from == 0)
        from = UINT64_MAX;
    ledger__tag_key(key, tag, from);
    TRY(s->engine->ops->scan(s, TABLE_TAG, slice_from((const char *)key, TAG_KEY_LEN),
                             backwards, walk_tag, &walk));
    return walk.rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What a command does to the books. Pure: it sees the rows of the batch and the time
 * that the batch states, changes rows of the batch, and makes one journal entry, or
 * changes nothing. Every law of ledger.h is kept here and only here. */
#include "ledger/batch.h"

#include <assert.h>
#include <string.h>

/* One command being done. */
struct act {
    struct batch *batch;
    struct ledger_cmd *cmd;
    const struct hold *hold; /* CAPTURE, VOID, EXPIRE: the one that ends */
    struct cell *hold_cell;
    struct entry entry;
    uint8_t *row; /* room for the hash before, then the row of the entry */
    size_t row_len;
};

struct money ledger_available(const struct ledger_account *a)
{
    return money_sub_floor(money_sub_floor(a->credits, a->debits), a->held);
}

bool ledger__forgotten(const struct seen *s, uint64_t now_us)
{
    return s->forgettable && now_us >= s->time_us &&
           now_us - s->time_us >= FORGET_AFTER_US;
}

static bool ends_hold(enum ledger_verb verb)
{
    return verb == LEDGER_CAPTURE || verb == LEDGER_VOID || verb == LEDGER_EXPIRE;
}

/* ---- Rows ---- */

/* Every row that a rule asks for was wanted by batch.c; if not, that is our own bug. */
static enum rc fetch(struct cell **out, struct act *a, enum table table,
                     struct slice key)
{
    *out = ledger__batch_find(a->batch, table, key);
    assert(*out != NULL);
    return (*out)->corrupt ? RC_CORRUPT : RC_OK;
}

static struct ledger_account *account_of(struct act *a, struct id id)
{
    struct cell *c = ledger__batch_find(a->batch, TABLE_ACCOUNT, ledger__id_slice(&id));

    assert(c != NULL && c->present);
    return &c->now.account;
}

/* The account, opened if it is not there; RC_CONFLICT: it is another than was meant. */
static enum rc claim(struct cell **out, bool *opened, struct act *a, struct id id,
                     uint32_t number, uint32_t flags)
{
    struct cell *c;

    *opened = false;
    TRY(fetch(&c, a, TABLE_ACCOUNT, ledger__id_slice(&id)));
    ledger__batch_touch(a->batch, c);
    if (!c->present) {
        c->now.account = (struct ledger_account){
            .id = id,
            .number = number,
            .flags = flags,
            .opened_us = a->batch->time_us,
        };
        c->present = true;
        *opened = true;
    }
    if (c->now.account.number != number || c->now.account.flags != flags)
        return RC_CONFLICT;
    *out = c;
    return RC_OK;
}

/* ---- Money ---- */

static enum rc can_spend(struct act *a, const struct ledger_account *account,
                         struct money amount)
{
    struct ledger_result *r = &a->cmd->result;
    struct money available = ledger_available(account);

    if ((account->flags & LEDGER_NO_OVERDRAFT) == 0 ||
        money_cmp(available, amount) >= 0)
        return RC_OK;
    r->available[r->at] = available;
    return RC_NO_FUNDS;
}

/* Both cells are touched. */
static enum rc move(struct act *a, struct cell *from, struct cell *to,
                    struct money amount)
{
    struct ledger_account *debit = &from->now.account;
    struct ledger_account *credit = &to->now.account;

    TRY(can_spend(a, debit, amount));
    if (!money_add(&debit->debits, debit->debits, amount) ||
        !money_add(&credit->credits, credit->credits, amount))
        return RC_OVERFLOW;
    return RC_OK;
}

/* The debit side of a leg, with its grant if this opens it. */
static enum rc claim_debit(struct cell **out, struct act *a, unsigned leg_index)
{
    const struct ledger_leg *leg = &a->cmd->legs[leg_index];
    struct cell *source;
    bool opened;
    bool source_opened;

    TRY(claim(out, &opened, a, leg->debit, leg->number, leg->debit_flags));
    if (!opened)
        return RC_OK;
    a->entry.opened |= UINT32_C(1) << (2 * leg_index);
    if (id_is_none(leg->grant_from))
        return RC_OK;
    TRY(claim(&source, &source_opened, a, leg->grant_from, leg->number, 0));
    return move(a, source, *out, leg->grant);
}

static enum rc move_leg(struct act *a, unsigned leg_index, struct money amount)
{
    const struct ledger_leg *leg = &a->cmd->legs[leg_index];
    struct cell *debit;
    struct cell *credit;
    bool opened;

    a->cmd->result.at = leg_index;
    TRY(claim_debit(&debit, a, leg_index));
    TRY(claim(&credit, &opened, a, leg->credit, leg->number, leg->credit_flags));
    if (opened)
        a->entry.opened |= UINT32_C(2) << (2 * leg_index);
    return move(a, debit, credit, amount);
}

/* ---- Verbs ---- */

static enum rc do_transfer(struct act *a)
{
    for (unsigned i = 0; i < a->cmd->leg_count; i++)
        TRY(move_leg(a, i, a->cmd->legs[i].amount));
    return RC_OK;
}

static enum rc do_hold(struct act *a)
{
    struct ledger_cmd *cmd = a->cmd;
    struct hold *hold = arena_new(a->batch->arena, struct hold);
    struct cell *c;

    if (hold == NULL)
        return RC_NOMEM;
    *hold = (struct hold){
        .seq = a->entry.seq,
        .run = a->batch->run,
        .expires_us = cmd->expires_us,
        .durable = cmd->durable,
        .forgettable = cmd->forgettable,
        .leg_count = cmd->leg_count,
    };
    for (unsigned i = 0; i < cmd->leg_count; i++) {
        struct money amount = cmd->legs[i].amount;

        cmd->result.at = i;
        TRY(claim_debit(&c, a, i));
        TRY(can_spend(a, &c->now.account, amount));
        if (!money_add(&c->now.account.held, c->now.account.held, amount))
            return RC_OVERFLOW;
        hold->accounts[i] = cmd->legs[i].debit;
        hold->amounts[i] = amount;
    }
    for (unsigned i = 0; i < LEDGER_TAGS_MAX; i++) {
        if (!id_is_none(cmd->tags[i]))
            hold->tags[hold->tag_count++] = cmd->tags[i];
    }
    cmd->result.at = 0;
    TRY(fetch(&c, a, TABLE_HOLD, ledger__id_slice(&cmd->op)));
    ledger__batch_touch(a->batch, c);
    c->now.hold = hold;
    c->present = true;
    return RC_OK;
}

/* What the hold set aside on an account, all its legs together. false: none of its legs
 * is on it. The sum cannot wrap: the account's `held` holds it. */
static bool held_on(struct money *sum, const struct hold *hold, struct id account)
{
    bool found = false;

    *sum = MONEY_ZERO;
    for (unsigned i = 0; i < hold->leg_count; i++) {
        if (id_cmp(hold->accounts[i], account) == 0) {
            found = true;
            if (!money_add(sum, *sum, hold->amounts[i]))
                return false;
        }
    }
    return found;
}

/* A hold's op counts from the hold's end, so that it is never forgotten before the op
 * of the command that ended it: the same ids can come again only both. */
static enum rc remember_hold(struct act *a)
{
    struct cell *c;

    if (!a->hold->forgettable)
        return RC_OK;
    TRY(fetch(&c, a, TABLE_SEEN, ledger__id_slice(&a->cmd->hold)));
    ledger__batch_touch(a->batch, c);
    c->present = true;
    c->now.seen = (struct seen){
        .seq = a->hold->seq,
        .time_us = a->batch->time_us,
        .verb = LEDGER_HOLD,
        .forgettable = true,
    };
    return RC_OK;
}

/* Ends the hold: what it set aside is free again. */
static enum rc release_all(struct act *a)
{
    struct cell *c;

    for (unsigned i = 0; i < a->hold->leg_count; i++) {
        TRY(fetch(&c, a, TABLE_ACCOUNT, ledger__id_slice(&a->hold->accounts[i])));
        if (!c->present)
            return RC_CORRUPT;
        ledger__batch_touch(a->batch, c);
        if (!money_sub(&c->now.account.held, c->now.account.held, a->hold->amounts[i]))
            return RC_CORRUPT;
    }
    ledger__batch_touch(a->batch, a->hold_cell);
    a->hold_cell->present = false;
    TRY(remember_hold(a));
    return held_on(&a->entry.released, a->hold, a->hold->accounts[0]) ? RC_OK
                                                                      : RC_CORRUPT;
}

/* What the legs of a capture ask for from an account, and how many they are. */
static enum rc asked_of(struct money *sum, unsigned *legs, const struct ledger_cmd *cmd,
                        struct id account)
{
    *sum = MONEY_ZERO;
    *legs = 0;
    for (unsigned i = 0; i < cmd->leg_count; i++) {
        if (id_cmp(cmd->legs[i].debit, account) != 0)
            continue;
        ++*legs;
        if (!money_add(sum, *sum, cmd->legs[i].amount))
            return RC_OVERFLOW;
    }
    return RC_OK;
}

/* How much more than was held the legs ask for. *excess is zero when none does. */
static enum rc find_excess(struct money *excess, struct act *a)
{
    struct ledger_cmd *cmd = a->cmd;

    *excess = MONEY_ZERO;
    for (unsigned i = 0; i < cmd->leg_count; i++) {
        struct money asked;
        struct money held;
        struct money over;
        unsigned sharers;

        cmd->result.at = i;
        if (!held_on(&held, a->hold, cmd->legs[i].debit))
            return RC_BAD_INPUT;
        TRY(asked_of(&asked, &sharers, cmd, cmd->legs[i].debit));
        over = money_sub_floor(asked, held);
        if (money_is_zero(over))
            continue;
        /* One excess for all, and leg 0 has it: the spill makes up for leg 0. */
        if (id_is_none(cmd->spill) || sharers > 1 ||
            (i > 0 && (a->entry.cut & 1) == 0) ||
            (a->entry.cut != 0 && money_cmp(over, *excess) != 0))
            return RC_BAD_INPUT;
        a->entry.cut |= UINT32_C(1) << i;
        *excess = over;
    }
    return RC_OK;
}

/* The part of the excess that each of the accounts which must bear it can spend. The
 * hold has been released already, so what was held counts off first. */
static struct money bearable(struct act *a, struct money excess)
{
    struct money part = excess;

    for (unsigned i = 0; i < a->cmd->leg_count; i++) {
        const struct ledger_leg *leg = &a->cmd->legs[i];
        const struct ledger_account *account;
        struct money held = money_sub_floor(leg->amount, excess);

        if ((a->entry.cut & UINT32_C(1) << i) == 0)
            continue;
        account = account_of(a, leg->debit);
        if ((account->flags & LEDGER_NO_OVERDRAFT) != 0)
            part = money_min(part, money_sub_floor(ledger_available(account), held));
    }
    return part;
}

static enum rc spill(struct act *a)
{
    const struct ledger_leg *leg = &a->cmd->legs[0];
    struct cell *from;
    struct cell *to;
    bool opened;

    a->cmd->result.at = 0;
    if (money_is_zero(a->entry.spilled))
        return RC_OK;
    TRY(claim(&from, &opened, a, a->cmd->spill, leg->number, 0));
    TRY(claim(&to, &opened, a, leg->credit, leg->number, leg->credit_flags));
    return move(a, from, to, a->entry.spilled);
}

static enum rc do_capture(struct act *a)
{
    struct ledger_cmd *cmd = a->cmd;
    struct money excess;

    TRY(find_excess(&excess, a));
    cmd->result.at = 0;
    TRY(release_all(a));
    a->entry.spilled = money_sub_floor(excess, bearable(a, excess));
    for (unsigned i = 0; i < cmd->leg_count; i++) {
        struct money amount = cmd->legs[i].amount;

        if ((a->entry.cut & UINT32_C(1) << i) != 0)
            amount = money_sub_floor(amount, a->entry.spilled);
        if (i == 0)
            cmd->result.moved = amount;
        if (id_cmp(cmd->legs[i].debit, a->hold->accounts[0]) == 0)
            a->entry.released = money_sub_floor(a->entry.released, amount);
        TRY(move_leg(a, i, amount));
    }
    cmd->result.spilled = a->entry.spilled;
    return spill(a);
}

static enum rc do_legs(struct act *a)
{
    a->cmd->result.at = 0;
    switch (a->cmd->verb) {
    case LEDGER_NOTE:
        return RC_OK;
    case LEDGER_TRANSFER:
        return do_transfer(a);
    case LEDGER_HOLD:
        return do_hold(a);
    case LEDGER_CAPTURE:
        return do_capture(a);
    case LEDGER_VOID:
    case LEDGER_EXPIRE:
        return release_all(a);
    }
    return RC_INTERNAL;
}

/* ---- Records ---- */

static enum rc do_write(struct act *a, const struct ledger_write *w)
{
    uint8_t key[RECORD_KEY_MAX];
    size_t len = ledger__record_key(key, w->kind, w->key);
    uint64_t version;
    struct cell *c;

    TRY(fetch(&c, a, TABLE_RECORD, slice_from((const char *)key, len)));
    version = c->present ? c->now.record.version : 0;
    if (w->op == LEDGER_INSERT && c->present)
        return RC_EXISTS;
    if (w->op == LEDGER_DELETE && !c->present)
        return RC_NOT_FOUND;
    if (w->op != LEDGER_INSERT && w->version != LEDGER_ANY && w->version != version)
        return RC_STALE;
    if (w->op == LEDGER_EXPECT)
        return RC_OK;
    ledger__batch_touch(a->batch, c);
    c->present = w->op != LEDGER_DELETE;
    if (c->present) {
        c->now.record.version = version + 1;
        c->now.record.value = arena_slice(a->batch->arena, w->value);
    }
    return RC_OK;
}

static enum rc do_writes(struct act *a)
{
    for (unsigned i = 0; i < a->cmd->write_count; i++) {
        a->cmd->result.at = i;
        TRY(do_write(a, &a->cmd->writes[i]));
    }
    return RC_OK;
}

/* ---- Seen before, and the state of the hold ---- */

static enum rc find_entry(struct entry *out, struct act *a, uint64_t seq)
{
    uint8_t key[SEQ_KEY_LEN];
    struct cell *c;

    if (seq > a->batch->start.seq) {
        const struct made *m = a->batch->made;

        while (m != NULL && m->seq != seq)
            m = m->next;
        return m != NULL ? ledger__entry_decode(out, m->row) : RC_CORRUPT;
    }
    ledger__seq_key(key, seq);
    c = ledger__batch_find(a->batch, TABLE_JOURNAL,
                           slice_from((const char *)key, SEQ_KEY_LEN));
    if (c == NULL || !c->stored)
        return RC_CORRUPT;
    TRY(ledger__entry_decode(out, c->value));
    return out->seq == seq ? RC_OK : RC_CORRUPT;
}

/* The entry that this op became; *seq 0: none. A hold that lives keeps its op from
 * being forgotten. */
static enum rc seen_as(uint64_t *seq, struct act *a)
{
    struct slice op = ledger__id_slice(&a->cmd->op);
    struct cell *c;

    *seq = 0;
    TRY(fetch(&c, a, TABLE_SEEN, op));
    if (c->present && !ledger__forgotten(&c->now.seen, a->batch->time_us))
        *seq = c->now.seen.seq;
    if (*seq != 0 || a->cmd->verb != LEDGER_HOLD)
        return RC_OK;
    TRY(fetch(&c, a, TABLE_HOLD, op));
    if (c->present)
        *seq = c->now.hold->seq;
    return RC_OK;
}

/* RC_OK with result->replayed: done before, with the same content. */
static enum rc check_seen(struct act *a)
{
    struct ledger_result *r = &a->cmd->result;
    struct entry first;
    struct slice asked = slice_from((const char *)a->row + SHA256_LEN + ENTRY_HEAD_LEN,
                                    a->row_len - ENTRY_HEAD_LEN - SHA256_LEN);
    uint64_t seq;

    TRY(seen_as(&seq, a));
    if (seq == 0)
        return RC_OK;
    TRY(find_entry(&first, a, seq));
    if (!slice_equal(first.command, asked))
        return RC_CONFLICT;
    r->replayed = true;
    r->seq = seq;
    r->time_us = first.time_us;
    if (a->cmd->verb == LEDGER_CAPTURE) {
        r->spilled = first.spilled;
        r->moved = a->cmd->legs[0].amount;
        if ((first.cut & 1) != 0)
            r->moved = money_sub_floor(r->moved, first.spilled);
    }
    return RC_OK;
}

static enum rc check_hold(struct act *a)
{
    struct slice op = ledger__id_slice(&a->cmd->hold);
    struct cell *seen;

    if (!ends_hold(a->cmd->verb))
        return RC_OK;
    TRY(fetch(&a->hold_cell, a, TABLE_HOLD, op));
    if (!a->hold_cell->present) {
        TRY(fetch(&seen, a, TABLE_SEEN, op));
        return seen->present && seen->now.seen.verb == LEDGER_HOLD &&
                       !ledger__forgotten(&seen->now.seen, a->batch->time_us)
                   ? RC_ENDED
                   : RC_NOT_FOUND;
    }
    a->hold = a->hold_cell->now.hold;
    if (a->cmd->verb == LEDGER_EXPIRE &&
        (a->hold->expires_us == 0 || a->batch->time_us < a->hold->expires_us))
        return RC_STALE;
    return RC_OK;
}

/* ---- The entry ---- */

/* The room is [hash before][head][command][hash], so that the hash of the entry is one
 * digest over the front of it. */
static enum rc spell(struct act *a)
{
    size_t command_len = ledger__command_len(a->cmd);

    a->row_len = ENTRY_HEAD_LEN + command_len + SHA256_LEN;
    a->row = arena_alloc(a->batch->arena, SHA256_LEN + a->row_len);
    if (a->row == NULL)
        return RC_NOMEM;
    ledger__command_encode(a->row + SHA256_LEN + ENTRY_HEAD_LEN, a->cmd);
    a->entry.command =
        slice_from((const char *)a->row + SHA256_LEN + ENTRY_HEAD_LEN, command_len);
    a->entry.seq = a->batch->head.seq + 1;
    a->entry.time_us = a->batch->time_us;
    a->entry.run = a->batch->run;
    return RC_OK;
}

/* Holds are not taken off: so what moves an account adds up from entry to entry,
 * whatever else was on hold meanwhile. */
static struct money balance_of(const struct ledger_account *a)
{
    return money_sub_floor(a->credits, a->debits);
}

static struct money balance_after(struct act *a)
{
    const struct ledger_leg *leg = &a->cmd->legs[0];

    if (a->cmd->leg_count == 0)
        return a->hold != NULL ? balance_of(account_of(a, a->hold->accounts[0]))
                               : MONEY_ZERO;
    if (a->cmd->verb == LEDGER_TRANSFER && leg->credit_flags != 0)
        return balance_of(account_of(a, leg->credit));
    return balance_of(account_of(a, leg->debit));
}

static void note_tags(struct made *m, const struct ledger_cmd *cmd)
{
    for (unsigned i = 0; i < LEDGER_TAGS_MAX; i++) {
        bool again = id_is_none(cmd->tags[i]);

        for (unsigned k = 0; k < m->tag_count; k++)
            again = again || id_cmp(m->tags[k], cmd->tags[i]) == 0;
        if (!again)
            m->tags[m->tag_count++] = cmd->tags[i];
    }
}

/* Everything went well: the command becomes an entry, and the head moves on. Nothing
 * that can fail comes after the first change here. */
static enum rc journal(struct act *a)
{
    struct batch *b = a->batch;
    struct made *m = arena_new(b->arena, struct made);
    uint8_t *row = a->row + SHA256_LEN;
    size_t body_len = a->row_len - SHA256_LEN;
    struct cell *c;

    TRY(fetch(&c, a, TABLE_SEEN, ledger__id_slice(&a->cmd->op)));
    if (arena_spent(b->arena))
        return RC_NOMEM;
    a->entry.balance = balance_after(a);
    ledger__entry_head_encode(row, &a->entry);
    memcpy(a->row, b->head.hash, SHA256_LEN);
    sha256(b->head.hash, slice_from((const char *)a->row, SHA256_LEN + body_len));
    memcpy(row + body_len, b->head.hash, SHA256_LEN);
    b->head.seq = a->entry.seq;
    b->head.time_us = a->entry.time_us;

    ledger__batch_touch(b, c);
    c->present = true;
    c->now.seen = (struct seen){
        .seq = a->entry.seq,
        .time_us = a->entry.time_us,
        .verb = a->cmd->verb,
        .forgettable = a->cmd->forgettable,
    };
    m->seq = a->entry.seq;
    m->row = slice_from((const char *)row, a->row_len);
    note_tags(m, a->cmd);
    if (b->made_last == NULL)
        b->made = m;
    else
        b->made_last->next = m;
    b->made_last = m;
    return RC_OK;
}

static void report(struct act *a)
{
    struct ledger_result *r = &a->cmd->result;

    r->at = 0;
    r->seq = a->entry.seq;
    r->time_us = a->entry.time_us;
    for (unsigned i = 0; i < a->cmd->leg_count; i++)
        r->available[i] = ledger_available(account_of(a, a->cmd->legs[i].debit));
}

static enum rc perform(struct act *a)
{
    enum ledger_verb verb = a->cmd->verb;

    TRY(ledger__check(a->cmd));
    TRY(spell(a));
    TRY(check_seen(a));
    if (a->cmd->result.replayed)
        return RC_OK;
    if (a->batch->refuse_holds && verb == LEDGER_HOLD)
        return RC_FULL;
    TRY(check_hold(a));
    TRY(do_writes(a));
    TRY(do_legs(a));
    TRY(journal(a));
    report(a);
    return RC_OK;
}

void ledger__apply(struct batch *b, struct ledger_cmd *cmd)
{
    struct act act = {.batch = b, .cmd = cmd};
    enum rc rc;

    assert(b->touched_count == 0);
    cmd->result = (struct ledger_result){0};
    rc = perform(&act);
    if (rc == RC_OK)
        ledger__batch_keep(b);
    else
        ledger__batch_undo(b);
    if (rc != RC_OK) {
        cmd->result.moved = MONEY_ZERO;
        cmd->result.spilled = MONEY_ZERO;
    }
    cmd->result.rc = rc;
}

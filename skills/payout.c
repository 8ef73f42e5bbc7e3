/* SPDX-License-Identifier: Apache-2.0 */
/* Payouts: what is due is held when one is opened, and captured or given back when it
 * ends, each in the command that writes its record. So no dollar is paid twice, and
 * none is lost when the process dies between two steps. */
#include "skills/payout.h"

#include "skills/meter_int.h"
#include "skills/record.h"
#include "skills/skills_int.h"

#include <stdlib.h>
#include <string.h>

enum {
    PAGE_ROWS = 16,
    MICRO_NANO = 1000 /* networks pay in 10^-6 USD */
};

/* The hold of a payout is named by it alone, so that its end can be too. */
static struct id hold_op(struct id payout)
{
    return skills__derived_id("payout-hold", skills__id_slice(&payout));
}

static enum rc read(struct skill_payout *out, struct ledger_view *v, struct id id)
{
    struct slice value;
    uint64_t version;

    TRY(ledger_view_record(&value, &version, v, SKILLS__KIND_PAYOUT,
                           skills__id_slice(&id)));
    TRY(skills__payout_decode(out, skills__id_slice(&id), value));
    out->version = version;
    return RC_OK;
}

enum rc skill_payout_read(struct skill_payout *out, struct skills *s, struct id id)
{
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, s->ledger));
    rc = read(out, v, id);
    ledger_view_close(v);
    return rc;
}

/* ---- Opening ---- */

static bool may_be_paid(const struct skill_publisher *p, uint64_t delay_us,
                        uint64_t now_us)
{
    return !p->suspended && now_us >= p->changed_us &&
           now_us - p->changed_us >= delay_us;
}

/* How much: what was asked for, or all that can be paid in this way. */
static enum rc choose_amount(struct skill_payout *p, const struct money *asked,
                             const struct ledger_account *due)
{
    struct money all = ledger_available(due);
    bool by_hand = p->network[0] == '\0';
    uint64_t nano = money_to_nano(asked != NULL ? *asked : all);

    if (asked != NULL && (nano == 0 || (!by_hand && nano % MICRO_NANO != 0)))
        return RC_BAD_INPUT;
    if (!by_hand)
        nano -= nano % MICRO_NANO;
    p->amount = money_from_nano(nano);
    return nano == 0 || money_cmp(p->amount, all) > 0 ? RC_NO_FUNDS : RC_OK;
}

static enum rc plan(struct skill_payout *p, struct skills *s,
                    const struct skill_publisher *publisher, const struct money *asked)
{
    struct ledger_account due;
    struct ledger_view *v;
    enum rc rc;

    memcpy(p->publisher, publisher->handle, sizeof(p->publisher));
    memcpy(p->network, publisher->network, sizeof(p->network));
    memcpy(p->address, publisher->address, sizeof(p->address));
    TRY(ledger_view_open(&v, s->ledger));
    rc = skills__read_account(&due, v, skills__due_account(publisher->id));
    ledger_view_close(v);
    TRY(rc);
    return choose_amount(p, asked, &due);
}

static enum rc commit_open(struct skill_payout *p, struct skills *s,
                           const struct skill_publisher *publisher)
{
    struct ledger_cmd cmd = {.verb = LEDGER_HOLD, .durable = true, .leg_count = 1};
    uint8_t value[SKILLS__PAYOUT_LEN_MAX];
    char memo[SKILLS__MEMO_MAX];

    cmd.op = hold_op(p->id);
    cmd.legs[0] = (struct ledger_leg){
        .debit = skills__due_account(publisher->id),
        .amount = p->amount,
        .number = SKILLS__USD,
        .debit_flags = LEDGER_NO_OVERDRAFT,
    };
    skills__write(&cmd, SKILLS__KIND_PAYOUT, skills__id_slice(&p->id),
                  skills__payout_encode(value, p), 0);
    /* Whoever is suspended meanwhile, or paid elsewhere, is looked at again. */
    cmd.writes[cmd.write_count++] = (struct ledger_write){
        .op = LEDGER_EXPECT,
        .kind = SKILLS__KIND_PUBLISHER,
        .key = slice_str(publisher->handle),
        .version = publisher->version,
    };
    cmd.tags[0] = publisher->id;
    cmd.memo = skills__memo_payout(memo, p);
    TRY(ledger_call(s->ledger, &cmd));
    p->version = 1;
    return RC_OK;
}

/* RC_NOT_FOUND: it is not a repeat. */
static enum rc look_for_repeat(struct skill_payout *out, struct skills *s,
                               const struct skill_publisher *publisher, struct id id,
                               const struct money *asked)
{
    struct skill_payout before;

    if (id_is_none(id))
        return RC_NOT_FOUND;
    TRY(skill_payout_read(&before, s, id));
    if (strcmp(before.publisher, publisher->handle) != 0 ||
        (asked != NULL && money_cmp(*asked, before.amount) != 0))
        return RC_CONFLICT;
    *out = before;
    return RC_OK;
}

/* RC_STALE: another one was faster. */
static enum rc open_once(struct skill_payout *out, struct skills *s,
                         const struct skill_publisher *publisher, struct id id,
                         const struct money *asked)
{
    struct skill_payout p = {.id = id, .created_us = ledger_now_us(s->ledger)};
    enum rc rc;

    if (id_is_none(id))
        p.id = id_new(p.created_us);
    TRY(plan(&p, s, publisher, asked));
    rc = commit_open(&p, s, publisher);
    /* The hold's name is the payout's: so a second one meets it there first. */
    if (rc == RC_EXISTS || rc == RC_CONFLICT || rc == RC_NO_FUNDS)
        return RC_STALE;
    TRY(rc);
    *out = p;
    return RC_OK;
}

enum rc skill_payout_open(struct skill_payout *out, struct skills *s,
                          const struct skill_publisher *p, struct id id,
                          const struct money *amount, uint64_t delay_us,
                          uint64_t now_us)
{
    for (unsigned i = 0; i < SKILLS__TRIES_MAX; i++) {
        struct skill_publisher publisher;
        enum rc rc;

        TRY(skill_publisher_get(&publisher, s, slice_str(p->handle)));
        rc = look_for_repeat(out, s, &publisher, id, amount);
        if (rc != RC_NOT_FOUND)
            return rc;
        if (!may_be_paid(&publisher, delay_us, now_us))
            return RC_FORBIDDEN;
        rc = open_once(out, s, &publisher, id, amount);
        if (rc != RC_STALE)
            return rc;
    }
    return RC_BUSY;
}

/* ---- Steps ---- */

static bool has_ended(const struct skill_payout *p)
{
    return p->state == SKILL_PAYOUT_PAID || p->state == SKILL_PAYOUT_FAILED;
}

/* What every step has: the record as it becomes, under the version that was read. */
static enum rc commit_step(struct skill_payout *p, struct skills *s,
                           struct ledger_cmd *cmd, struct skill_payout *next)
{
    uint8_t value[SKILLS__PAYOUT_LEN_MAX];
    char memo[SKILLS__MEMO_MAX];

    cmd->op = id_new(ledger_now_us(s->ledger));
    if (p->version == 0)
        return RC_STALE; /* never read, or never opened */
    skills__write(cmd, SKILLS__KIND_PAYOUT, skills__id_slice(&p->id),
                  skills__payout_encode(value, next), p->version);
    cmd->tags[0] = skill_publisher_id(slice_str(p->publisher));
    cmd->memo = skills__memo_payout(memo, next);
    TRY(ledger_call(s->ledger, cmd));
    next->version = p->version + 1;
    *p = *next;
    return RC_OK;
}

enum rc skill_payout_sent(struct skill_payout *p, struct skills *s)
{
    struct ledger_cmd cmd = {.verb = LEDGER_NOTE};
    struct skill_payout next = *p;

    if (has_ended(p) || p->network[0] == '\0')
        return RC_CONFLICT;
    if (p->details_len > sizeof(p->details))
        return RC_TOO_BIG;
    next.state = SKILL_PAYOUT_SENT;
    return commit_step(p, s, &cmd, &next);
}

/* A step that another one, or an earlier try, has taken. */
static enum rc is_repeat(struct skill_payout *p, struct skills *s,
                         enum skill_payout_state state, struct slice reference)
{
    struct skill_payout now;

    TRY(skill_payout_read(&now, s, p->id));
    if (!has_ended(&now))
        return RC_STALE;
    if (now.state != state || !slice_equal_str(reference, now.reference))
        return RC_CONFLICT;
    *p = now;
    return RC_OK;
}

static enum rc end(struct skill_payout *p, struct skills *s, struct ledger_cmd *cmd,
                   enum skill_payout_state state, struct slice reference)
{
    struct skill_payout next = *p;
    enum rc rc;

    if (has_ended(p))
        return is_repeat(p, s, state, reference);
    next.state = state;
    next.ended_us = ledger_now_us(s->ledger);
    TRY(slice_to_cstr(next.reference, sizeof(next.reference), reference));
    cmd->hold = hold_op(p->id);
    rc = commit_step(p, s, cmd, &next);
    /* The hold's state is looked at before the record's version. */
    return rc == RC_STALE || rc == RC_ENDED ? is_repeat(p, s, state, reference) : rc;
}

enum rc skill_payout_paid(struct skill_payout *p, struct skills *s,
                          struct slice reference)
{
    struct ledger_cmd cmd = {.verb = LEDGER_CAPTURE, .leg_count = 1};
    struct id publisher = skill_publisher_id(slice_str(p->publisher));

    if (!skills__text_ok(reference, 1, SKILL_REFERENCE_MAX, false))
        return RC_BAD_INPUT;
    cmd.legs[0] = (struct ledger_leg){
        .debit = skills__due_account(publisher),
        .credit = skills__paid_account(publisher),
        .amount = p->amount,
        .number = SKILLS__USD,
        .debit_flags = LEDGER_NO_OVERDRAFT,
        .credit_flags = LEDGER_NO_OVERDRAFT,
    };
    return end(p, s, &cmd, SKILL_PAYOUT_PAID, reference);
}

enum rc skill_payout_failed(struct skill_payout *p, struct skills *s)
{
    struct ledger_cmd cmd = {.verb = LEDGER_VOID};

    return end(p, s, &cmd, SKILL_PAYOUT_FAILED, SLICE_NONE);
}

/* ---- Listing ---- */

struct page {
    enum rc rc;
    struct slice publisher;
    unsigned count; /* records seen, of any publisher */
    unsigned kept;
    struct skill_payout last;
    struct skill_payout rows[PAGE_ROWS];
};

static bool keep(void *arg, struct slice key, struct slice value, uint64_t version)
{
    struct page *p = arg;

    p->rc = skills__payout_decode(&p->last, key, value);
    if (p->rc != RC_OK)
        return false;
    p->last.version = version;
    p->count++;
    if (p->publisher.len == 0 || slice_equal_str(p->publisher, p->last.publisher))
        p->rows[p->kept++] = p->last;
    return p->count < PAGE_ROWS;
}

static enum rc read_page(struct page *p, struct skills *s, struct slice from)
{
    struct ledger_view *v;
    enum rc rc;

    p->rc = RC_OK;
    p->count = p->kept = 0;
    TRY(ledger_view_open(&v, s->ledger));
    rc = ledger_view_records(v, SKILLS__KIND_PAYOUT, SLICE_NONE, from, keep, p);
    ledger_view_close(v);
    TRY(rc);
    return p->rc;
}

static enum rc list(struct page *p, struct skills *s, struct id from,
                    skill_payout_fn *each, void *arg)
{
    uint8_t key[ID_LEN + 1] = {0}; /* one more byte: behind the id, before the next */
    struct slice at = id_is_none(from) ? SLICE_NONE : skills__id_slice(&from);

    for (;;) {
        TRY(read_page(p, s, at));
        for (unsigned i = 0; i < p->kept; i++)
            if (!each(arg, &p->rows[i]))
                return RC_OK;
        if (p->count < PAGE_ROWS)
            return RC_OK;
        memcpy(key, p->last.id.bytes, ID_LEN);
        at = slice_from((const char *)key, sizeof(key));
    }
}

enum rc skill_payout_list(struct skills *s, struct slice publisher, struct id from,
                          skill_payout_fn *each, void *arg)
{
    struct page *p = malloc(sizeof(*p)); /* too large for a stack */
    enum rc rc;

    if (p == NULL)
        return RC_NOMEM;
    p->publisher = publisher;
    rc = list(p, s, from, each, arg);
    free(p);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What uses earn, day by day: accounts, reports, maturity and clawbacks. Nothing is
 * kept for it but accounts: the journal is the report. */
#include "skills/meter.h"

#include "base/clock.h"
#include "skills/meter_int.h"
#include "skills/record.h"
#include "skills/skills_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define DAY_US (UINT64_C(86400) * 1000000)

enum {
    PAGE_ROWS = 64,
    WHAT_MAX = 200, /* of both kinds of texts that a row has */
    DAY_KEY_LEN = ID_LEN + 8
};

static_assert((int)WHAT_MAX >= (int)WALLET_SHARE_WHAT_MAX &&
                  (int)WHAT_MAX >= (int)SKILL_REFERENCE_MAX,
              "room for both");

/* ---- Accounts ---- */

static uint64_t day_of(uint64_t time_us)
{
    return time_us / DAY_US;
}

static struct id day_account(struct id publisher, uint64_t day)
{
    uint8_t key[DAY_KEY_LEN];

    memcpy(key, publisher.bytes, ID_LEN);
    for (unsigned i = 0; i < 8; i++)
        key[ID_LEN + i] = (uint8_t)(day >> (8 * (7 - i)));
    return skills__derived_id("earned", slice_from((const char *)key, sizeof(key)));
}

struct id skills__due_account(struct id publisher)
{
    return skills__derived_id("due", skills__id_slice(&publisher));
}

struct id skills__paid_account(struct id publisher)
{
    return skills__derived_id("paid", skills__id_slice(&publisher));
}

/* What was taken back by force has passed through it. */
static struct id clawed_account(struct id publisher)
{
    return skills__derived_id("clawed", skills__id_slice(&publisher));
}

enum rc skills__read_account(struct ledger_account *out, struct ledger_view *v,
                             struct id id)
{
    enum rc rc = ledger_view_account(out, v, id);

    if (rc != RC_NOT_FOUND)
        return rc;
    *out = (struct ledger_account){.id = id};
    return RC_OK;
}

void skill_share(struct wallet_share *out, const struct skill_publisher *p,
                 uint32_t default_ppm, struct slice what, uint64_t now_us)
{
    *out = (struct wallet_share){
        .present = true,
        .payee = day_account(p->id, day_of(now_us)),
        .house_ppm = p->house_ppm == SKILL_SHARE_NONE ? default_ppm : p->house_ppm,
        .tag = p->id,
        .what = what,
    };
}

/* ---- Days ---- */

struct days {
    uint64_t first, last;
};

/* All that can have earned: a day more at both ends, because calls take their day from
 * the wall clock, and the book has a time of its own. */
static struct days days_of(struct skills *s, const struct skill_publisher *p,
                           uint64_t now_us)
{
    uint64_t book_us = ledger_now_us(s->ledger);
    struct days d = {.first = day_of(p->created_us)};

    d.first -= d.first > 0;
    d.last = day_of(now_us > book_us ? now_us : book_us) + 1;
    return d;
}

/* Without a delay nothing waits, not even for the end of its day. */
static bool is_past(uint64_t day, uint64_t delay_us, uint64_t now_us)
{
    uint64_t end_us = (day + 1) * DAY_US;

    if (delay_us == 0)
        return true;
    return now_us >= end_us && now_us - end_us >= delay_us;
}

/* ---- Earnings ---- */

static enum rc add(struct money *sum, struct money more)
{
    return money_add(sum, *sum, more) ? RC_OK : RC_OVERFLOW;
}

static enum rc read_days(struct skill_earnings *e, struct ledger_view *v,
                         const struct skill_publisher *p, const struct days *d,
                         uint64_t delay_us, uint64_t now_us)
{
    for (uint64_t day = d->first; day <= d->last; day++) {
        struct ledger_account a;

        TRY(skills__read_account(&a, v, day_account(p->id, day)));
        TRY(add(is_past(day, delay_us, now_us) ? &e->ready : &e->waiting,
                ledger_available(&a)));
    }
    return RC_OK;
}

static enum rc read_ends(struct skill_earnings *e, struct ledger_view *v,
                         const struct skill_publisher *p)
{
    struct ledger_account due, paid, clawed;

    TRY(skills__read_account(&due, v, skills__due_account(p->id)));
    TRY(skills__read_account(&paid, v, skills__paid_account(p->id)));
    TRY(skills__read_account(&clawed, v, clawed_account(p->id)));
    e->due = ledger_available(&due);
    e->underway = due.held;
    e->paid = ledger_available(&paid);
    e->clawed = clawed.debits;
    e->earned = e->due;
    TRY(add(&e->earned, e->underway));
    TRY(add(&e->earned, e->paid));
    TRY(add(&e->earned, e->ready));
    return add(&e->earned, e->waiting);
}

enum rc skill_earnings_read(struct skill_earnings *out, struct skills *s,
                            const struct skill_publisher *p, uint64_t delay_us,
                            uint64_t now_us)
{
    struct days d = days_of(s, p, now_us);
    struct skill_earnings e = {.earned = MONEY_ZERO};
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, s->ledger));
    rc = read_days(&e, v, p, &d, delay_us, now_us);
    if (rc == RC_OK)
        rc = read_ends(&e, v, p);
    ledger_view_close(v);
    TRY(rc);
    *out = e;
    return RC_OK;
}

/* ---- Maturity ---- */

static enum rc day_has(struct money *out, struct skills *s, struct id account)
{
    struct ledger_account a;
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, s->ledger));
    rc = skills__read_account(&a, v, account);
    ledger_view_close(v);
    TRY(rc);
    *out = ledger_available(&a);
    return RC_OK;
}

static enum rc move_day(struct skills *s, const struct skill_publisher *p, uint64_t day,
                        struct money amount)
{
    struct ledger_cmd cmd = {.verb = LEDGER_TRANSFER, .leg_count = 1};
    char memo[SKILLS__MEMO_MAX];

    cmd.op = id_new(ledger_now_us(s->ledger));
    cmd.legs[0] = (struct ledger_leg){
        .debit = day_account(p->id, day),
        .credit = skills__due_account(p->id),
        .amount = amount,
        .number = SKILLS__USD,
        .debit_flags = LEDGER_NO_OVERDRAFT,
        .credit_flags = LEDGER_NO_OVERDRAFT,
    };
    cmd.writes[cmd.write_count++] = (struct ledger_write){
        .op = LEDGER_EXPECT,
        .kind = SKILLS__KIND_PUBLISHER,
        .key = slice_str(p->handle),
        .version = p->version,
    };
    cmd.tags[0] = p->id;
    cmd.memo = skills__memo_mature(memo, p->id, day * DAY_US);
    return ledger_call(s->ledger, &cmd);
}

static enum rc mature_day(struct money *moved, struct skills *s, struct slice handle,
                          uint64_t day)
{
    for (unsigned i = 0; i < SKILLS__TRIES_MAX; i++) {
        struct skill_publisher p;
        struct money amount;
        enum rc rc;

        TRY(skill_publisher_get(&p, s, handle));
        if (p.suspended)
            return RC_FORBIDDEN;
        TRY(day_has(&amount, s, day_account(p.id, day)));
        if (money_is_zero(amount))
            return RC_OK;
        rc = move_day(s, &p, day, amount);
        if (rc == RC_OK)
            return add(moved, amount);
        if (rc != RC_NO_FUNDS && rc != RC_STALE)
            return rc; /* those two: a refund or a change was faster */
    }
    return RC_BUSY;
}

enum rc skill_mature(struct money *moved, struct skills *s,
                     const struct skill_publisher *p, uint64_t delay_us,
                     uint64_t now_us)
{
    struct days d = days_of(s, p, now_us);
    struct skill_publisher now;

    *moved = MONEY_ZERO;
    TRY(skill_publisher_get(&now, s, slice_str(p->handle)));
    if (now.suspended)
        return RC_FORBIDDEN;
    for (uint64_t day = d.first; day <= d.last && is_past(day, delay_us, now_us); day++)
        TRY(mature_day(moved, s, slice_str(p->handle), day));
    return RC_OK;
}

/* ---- Usage ---- */

struct usage_row {
    struct skill_usage usage;
    struct id wallet; /* of the buyer */
    char what[WHAT_MAX + 1];
};

struct usage_page {
    struct ledger_view *v;
    struct id publisher;
    unsigned seen; /* entries */
    uint64_t last_seq;
    unsigned count;
    struct usage_row rows[PAGE_ROWS];
};

static bool keep_row(void *arg, const struct wallet_row *row)
{
    struct usage_page *p = arg;
    struct usage_row *out = &p->rows[p->count];

    if (id_cmp(row->shared_by, p->publisher) != 0)
        return true;
    p->count++;
    *out = (struct usage_row){.wallet = row->wallet};
    out->usage = (struct skill_usage){
        .seq = row->seq,
        .time_us = row->time_us,
        .request = row->request,
        .transfer = row->transfer,
        .credit = !row->credit, /* the rows are a wallet's: what it pays, we get */
        .price = row->amount,
        .share = row->share,
        .late = !money_is_zero(row->shortfall),
        .status = row->status,
    };
    memcpy(out->usage.kind, row->kind, sizeof(out->usage.kind));
    out->usage.what.len = row->skill.len < WHAT_MAX ? row->skill.len : WHAT_MAX;
    if (out->usage.what.len > 0)
        memcpy(out->what, row->skill.bytes, out->usage.what.len);
    return true;
}

static void keep_payout(struct usage_page *p, const struct ledger_entry *e)
{
    struct usage_row *out = &p->rows[p->count++];

    *out = (struct usage_row){.wallet = ID_NONE};
    out->usage = (struct skill_usage){
        .seq = e->seq,
        .time_us = e->time_us,
        .kind = "payout",
        .transfer = e->op,
        .price = e->legs[0].amount,
        .share = e->legs[0].amount,
    };
    skills__memo_reference(out->what, e->memo);
    out->usage.what.len = strlen(out->what);
}

static bool keep_entry(void *arg, const struct ledger_entry *e)
{
    struct usage_page *p = arg;

    p->seen++;
    p->last_seq = e->seq;
    if (e->verb == LEDGER_CAPTURE &&
        id_cmp(e->legs[0].debit, skills__due_account(p->publisher)) == 0)
        keep_payout(p, e);
    else
        wallet_entry_row(p->v, e, keep_row, p);
    return p->seen < PAGE_ROWS;
}

/* Whether a wallet is the publisher's, or below it: uses of one's own. */
static bool is_self(struct skills *s, const struct skill_publisher *p, struct id wallet)
{
    struct wallet w;

    if (id_is_none(p->wallet) || id_is_none(wallet))
        return false;
    for (unsigned i = 0; i <= WALLET_DEPTH_MAX; i++) {
        if (id_cmp(wallet, p->wallet) == 0)
            return true;
        if (wallet_get(&w, s->book, wallet) != RC_OK || id_is_none(w.parent))
            return false;
        wallet = w.parent;
    }
    return false;
}

static enum rc read_usage(struct usage_page *page, struct skills *s, uint64_t from)
{
    enum rc rc;

    page->seen = page->count = 0;
    TRY(ledger_view_open(&page->v, s->ledger));
    rc = ledger_view_tagged(page->v, page->publisher, from, false, keep_entry, page);
    ledger_view_close(page->v);
    return rc;
}

static enum rc list_usage(struct usage_page *page, struct skills *s,
                          const struct skill_publisher *p, uint64_t from,
                          skill_usage_fn *each, void *arg)
{
    for (;; from = page->last_seq + 1) {
        TRY(read_usage(page, s, from));
        for (unsigned i = 0; i < page->count; i++) {
            struct usage_row *row = &page->rows[i];

            row->usage.what.bytes = row->what;
            row->usage.self = is_self(s, p, row->wallet);
            if (!each(arg, &row->usage))
                return RC_OK;
        }
        if (page->seen < PAGE_ROWS)
            return RC_OK;
    }
}

enum rc skill_usage_list(struct skills *s, const struct skill_publisher *p,
                         uint64_t from_seq, skill_usage_fn *each, void *arg)
{
    struct usage_page *page = malloc(sizeof(*page)); /* too large for a stack */
    enum rc rc;

    if (page == NULL)
        return RC_NOMEM;
    page->publisher = p->id;
    rc = list_usage(page, s, p, from_seq, each, arg);
    free(page);
    return rc;
}

/* ---- Clawbacks ---- */

struct claw {
    struct skills *s;
    const struct skill_publisher *p;
    struct slice slug;
    uint64_t since_us;
    uint64_t last_seq; /* what is taken back is written behind it */
    struct skill_clawback out;
    enum rc rc;
};

/* "publisher/slug@version". */
static bool is_of_skill(struct slice what, struct slice slug)
{
    struct slice rest;

    if (slug.len == 0)
        return true;
    for (size_t i = 0; i < what.len; i++) {
        if (what.bytes[i] != '/')
            continue;
        rest = slice_sub(what, i + 1, what.len);
        return slice_starts(rest, slug) &&
               (rest.len == slug.len || rest.bytes[slug.len] == '@');
    }
    return false;
}

static enum rc claw_back(struct claw *c, const struct skill_usage *use)
{
    struct wallet_clawback back;
    enum rc rc =
        wallet_claw_back(&back, c->s->book, use->transfer,
                         skills__due_account(c->p->id), clawed_account(c->p->id));

    if (rc == RC_NOT_FOUND) /* whoever paid with a payment has no wallet yet */
        return add(&c->out.left, use->share);
    TRY(rc);
    c->out.uses += !money_is_zero(back.given_back);
    TRY(add(use->late ? &c->out.to_house : &c->out.given_back, back.given_back));
    return add(&c->out.left, back.left);
}

static bool claw_one(void *arg, const struct skill_usage *use)
{
    struct claw *c = arg;

    if (use->seq > c->last_seq)
        return false;
    if (!use->credit || use->time_us < c->since_us || !is_of_skill(use->what, c->slug))
        return true;
    c->rc = claw_back(c, use);
    return c->rc == RC_OK;
}

enum rc skill_claw_back(struct skill_clawback *out, struct skills *s,
                        const struct skill_publisher *p, struct slice slug,
                        uint64_t since_us)
{
    struct claw c = {.s = s, .p = p, .slug = slug, .since_us = since_us, .rc = RC_OK};
    struct ledger_view *v;

    TRY(ledger_view_open(&v, s->ledger));
    c.last_seq = ledger_view_head(v);
    ledger_view_close(v);
    TRY(skill_usage_list(s, p, 0, claw_one, &c));
    *out = c.out;
    return c.rc;
}

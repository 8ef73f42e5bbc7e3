/* SPDX-License-Identifier: Apache-2.0 */
/* What we buy from others. Each cap has one account for each day (UTC), credited with
 * the cap by its first purchase and debited by each one; one that lapsed is credited
 * again, to the day that it was taken from, whenever that is known. */
#include "wallet/purchase.h"

#include "wallet/memo.h"
#include "wallet/payment_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

const struct id wallet__purchases = {"house/purchases"};
const struct id wallet__spent = {"house/spent"};

enum {
    CAPS = 2 /* the day's, and the host's */
};

/* The last byte of an operation id. The purchase's own is zero. */
enum {
    TAIL_BEGIN = 1,
    TAIL_PAID = 2,
    TAIL_LAPSED = 3
};

static struct wallet_purchase_step *step_of(struct ledger_cmd *cmd)
{
    return (struct wallet_purchase_step *)(void *)((char *)cmd -
                                                   offsetof(struct wallet_purchase_step,
                                                            cmd));
}

/* The last thing done to s: its owner may reuse or free it in done(). */
static void finish(struct wallet_purchase_step *s, enum rc rc)
{
    s->rc = rc;
    s->done(s);
}

/* ---- Caps ---- */

static void find_windows(struct wallet_purchase_step *s,
                         const struct wallet_purchase *p)
{
    uint64_t start_us = wallet__window_start_us(WALLET_PER_DAY, p->begun_us);
    struct wallet__limit_of all = {wallet__hash_id("purchases", SLICE_NONE),
                                   WALLET_PER_DAY, 1};
    struct wallet__limit_of host = {wallet__hash_id("purchases-at", slice_str(p->host)),
                                    WALLET_PER_DAY, 1};

    s->windows[0] = wallet__window_account(&all, start_us);
    s->windows[1] = wallet__window_account(&host, start_us);
}

static struct ledger_leg *add_leg(struct wallet_purchase_step *s)
{
    struct ledger_leg *leg = &s->cmd.legs[s->cmd.leg_count++];

    assert(s->cmd.leg_count <= LEDGER_LEGS_MAX);
    leg->number = WALLET__LIMIT;
    return leg;
}

/* Makes the window what the cap is now, as far as it is free. Two that do so at once
 * would do it twice: so the record's version is named. */
static enum rc adjust(struct wallet_purchase_step *s, struct ledger_view *v,
                      unsigned index, struct money cap)
{
    const struct id *window = &s->windows[index];
    struct id source_id = wallet__window_source(*window);
    struct ledger_account account, source;
    uint64_t version = 0;
    struct ledger_leg *leg;
    struct slice value;
    struct money granted;
    enum rc rc;

    TRY(wallet__read_account(&account, v, *window));
    TRY(wallet__read_account(&source, v, source_id));
    granted = money_sub_floor(source.debits, source.credits);
    if (account.number == 0 || money_cmp(granted, cap) == 0)
        return RC_OK; /* the leg that spends opens it, and grants the cap */
    rc = ledger_view_record(&value, &version, v, WALLET__KIND_CAP,
                            wallet__id_slice(window));
    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    leg = add_leg(s);
    if (money_cmp(cap, granted) > 0) {
        leg->debit = source_id;
        leg->credit = *window;
        leg->credit_flags = LEDGER_NO_OVERDRAFT;
        leg->amount = money_sub_floor(cap, granted);
    } else {
        leg->debit = *window;
        leg->debit_flags = LEDGER_NO_OVERDRAFT;
        leg->credit = source_id;
        leg->amount =
            money_min(money_sub_floor(granted, cap), ledger_available(&account));
    }
    wallet__write(&s->cmd, WALLET__KIND_CAP, wallet__id_slice(window), WALLET__MARK,
                  rc == RC_OK ? version : 0);
    return RC_OK;
}

static void spend(struct wallet_purchase_step *s, unsigned index, struct money cap)
{
    struct ledger_leg *leg = add_leg(s);

    leg->debit = s->windows[index];
    leg->debit_flags = LEDGER_NO_OVERDRAFT;
    leg->credit = wallet__used;
    leg->amount = s->p.amount;
    leg->grant = cap;
    leg->grant_from = wallet__window_source(s->windows[index]);
}

/* ---- Beginning ---- */

static void begin(struct wallet_purchase_step *s);

static void begun(struct ledger_cmd *cmd)
{
    struct wallet_purchase_step *s = step_of(cmd);
    const struct ledger_result *r = &cmd->result;
    bool changed =
        wallet__lost_race(r->rc) || (r->rc == RC_NO_FUNDS && r->at < s->spend_at);

    if (changed && ++s->tries < WALLET__TRIES_MAX)
        begin(s); /* another one has changed a cap: as it is now */
    else if (changed)
        finish(s, RC_BUSY);
    else
        finish(s, r->rc == RC_NO_FUNDS ? RC_LIMIT : r->rc);
}

static enum rc plan(struct wallet_purchase_step *s, struct ledger_view *v)
{
    const struct money caps[CAPS] = {s->p.day_cap, s->p.host_cap};

    for (unsigned i = 0; i < CAPS; i++)
        TRY(adjust(s, v, i, caps[i]));
    s->spend_at = s->cmd.leg_count;
    for (unsigned i = 0; i < CAPS; i++)
        spend(s, i, caps[i]);
    return RC_OK;
}

static void begin(struct wallet_purchase_step *s)
{
    struct ledger_view *v;
    enum rc rc;

    memset(&s->cmd, 0, sizeof(s->cmd));
    s->cmd.verb = LEDGER_TRANSFER;
    s->cmd.op = id_with_tail(s->id, TAIL_BEGIN);
    s->cmd.done = begun;
    s->cmd.tags[0] = s->p.request;
    s->cmd.memo = wallet__memo_purchase(s->memo, &s->p);
    wallet__write(&s->cmd, WALLET__KIND_PURCHASE, wallet__id_slice(&s->id),
                  wallet__purchase_encode(s->value, &s->p), 0);
    rc = ledger_view_open(&v, s->book->ledger);
    if (rc == RC_OK) {
        rc = plan(s, v);
        ledger_view_close(v);
    }
    if (rc != RC_OK)
        finish(s, rc);
    else
        ledger_submit(s->book->ledger, &s->cmd);
}

void wallet_purchase_begin(struct wallet_book *b, struct wallet_purchase_step *s)
{
    _Static_assert(sizeof(s->value) >= WALLET__VALUE_MAX, "room for the record");

    s->book = b;
    s->tries = 0;
    s->p.state = WALLET_PURCHASE_OPEN;
    s->p.begun_us = ledger_now_us(b->ledger);
    if (!wallet__purchase_ok(&s->p)) {
        finish(s, RC_BAD_INPUT);
        return;
    }
    s->id = id_new(s->p.begun_us);
    find_windows(s, &s->p);
    begin(s);
}

/* ---- Reading ---- */

static enum rc read_purchase(struct wallet_purchase *out, uint64_t *version,
                             struct wallet_book *b, struct id id)
{
    struct ledger_view *v;
    struct slice value;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = ledger_view_record(&value, version, v, WALLET__KIND_PURCHASE,
                            wallet__id_slice(&id));
    if (rc == RC_OK)
        rc = wallet__purchase_decode(out, value);
    ledger_view_close(v);
    return rc;
}

enum rc wallet_purchase_read(struct wallet_purchase *out, struct wallet_book *b,
                             struct id id)
{
    uint64_t version;

    return read_purchase(out, &version, b, id);
}

enum rc wallet_purchase_list(struct wallet_book *b, struct id from,
                             wallet_purchase_fn *each, void *arg)
{
    struct wallet__page *page = malloc(sizeof(*page));
    uint8_t next[LEDGER_KEY_MAX + 1];
    struct slice start = wallet__id_slice(&from);
    bool go_on = true;
    enum rc rc;

    if (page == NULL)
        return RC_NOMEM;
    do {
        rc = wallet__page_read(page, b, WALLET__KIND_PURCHASE, start);
        for (unsigned i = 0; rc == RC_OK && go_on && i < page->count; i++) {
            struct wallet_purchase p;
            struct id id = ID_NONE;

            if (wallet__page_key(page, i).len != ID_LEN)
                rc = RC_CORRUPT;
            else
                rc = wallet__purchase_decode(&p, wallet__page_value(page, i));
            if (rc != RC_OK)
                break;
            memcpy(id.bytes, page->rows[i].key, ID_LEN);
            go_on = each(arg, id, &p);
        }
        if (rc == RC_OK && page->more)
            start = wallet__page_next(page, next);
    } while (rc == RC_OK && go_on && page->more);
    free(page);
    return rc;
}

enum rc wallet_purchase_spent(struct money *out, struct wallet_book *b)
{
    struct ledger_account account;
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = wallet__read_account(&account, v, wallet__spent);
    ledger_view_close(v);
    TRY(rc);
    *out = money_sub_floor(account.credits, account.debits);
    return RC_OK;
}

/* ---- Ending ---- */

static void ended(struct ledger_cmd *cmd)
{
    struct wallet_purchase_step *s = step_of(cmd);

    /* It was open a moment ago: who was faster may have done just this. */
    if (cmd->result.rc == RC_STALE && ++s->tries < WALLET__TRIES_MAX)
        wallet_purchase_end(s->book, s);
    else
        finish(s, cmd->result.rc);
}

static void add_end_legs(struct wallet_purchase_step *s)
{
    struct ledger_leg *leg;

    if (s->p.state == WALLET_PURCHASE_PAID) {
        leg = add_leg(s);
        leg->debit = wallet__purchases;
        leg->credit = wallet__spent;
        leg->amount = s->p.amount;
        leg->number = WALLET__USD;
        return;
    }
    find_windows(s, &s->p);
    for (unsigned i = 0; i < CAPS; i++) {
        leg = add_leg(s);
        leg->debit = wallet__used;
        leg->credit = s->windows[i];
        leg->credit_flags = LEDGER_NO_OVERDRAFT;
        leg->amount = s->p.amount;
    }
}

/* What was begun stays; of the caller's p the end is taken. */
static enum rc merge(struct wallet_purchase_step *s, const struct wallet_purchase *was)
{
    struct wallet_purchase now = *was;

    if (s->p.state == WALLET_PURCHASE_OPEN)
        return RC_BAD_INPUT;
    now.state = s->p.state;
    memcpy(now.reference, s->p.reference, sizeof(now.reference));
    if (!wallet__purchase_ok(&now))
        return RC_BAD_INPUT;
    s->p = now;
    return was->state == WALLET_PURCHASE_OPEN || was->state == now.state ? RC_OK
                                                                         : RC_CONFLICT;
}

void wallet_purchase_end(struct wallet_book *b, struct wallet_purchase_step *s)
{
    bool paid = s->p.state == WALLET_PURCHASE_PAID;
    struct wallet_purchase was;
    uint64_t version = 0;
    enum rc rc = read_purchase(&was, &version, b, s->id);

    s->book = b;
    if (rc == RC_OK)
        rc = merge(s, &was);
    if (rc != RC_OK || was.state != WALLET_PURCHASE_OPEN) {
        finish(s, rc);
        return;
    }
    memset(&s->cmd, 0, sizeof(s->cmd));
    s->cmd.verb = LEDGER_TRANSFER;
    s->cmd.op = id_with_tail(s->id, paid ? TAIL_PAID : TAIL_LAPSED);
    s->cmd.done = ended;
    s->cmd.tags[0] = s->p.request;
    s->cmd.memo = wallet__memo_purchase(s->memo, &s->p);
    add_end_legs(s);
    wallet__write(&s->cmd, WALLET__KIND_PURCHASE, wallet__id_slice(&s->id),
                  wallet__purchase_encode(s->value, &s->p), version);
    ledger_submit(b->ledger, &s->cmd);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Reports: journal entries as rows that people and programs read. Nothing is kept for
 * them: the journal is the report. Long ones are read in short views, a page at a time.
 */
#include "wallet/statement.h"

#include "wallet/memo.h"
#include "wallet/wallet_int.h"

#include <assert.h>
#include <string.h>

/* ---- One entry as a row ---- */

static bool same(struct id a, struct id b)
{
    return id_cmp(a, b) == 0;
}

/* The two ways a call is booked; see hold.c. */
bool wallet__is_late(const struct ledger_entry *e)
{
    return e->verb == LEDGER_TRANSFER && e->leg_count >= 2 &&
           same(e->legs[1].debit, wallet__shortfall) &&
           same(e->legs[0].credit, wallet__revenue);
}

bool wallet__is_call(const struct ledger_entry *e)
{
    return wallet__is_late(e) || (e->verb == LEDGER_CAPTURE && e->leg_count > 0 &&
                                  same(e->legs[0].credit, wallet__revenue));
}

/* Which side of leg 0 is the wallet's: the other is a house account. */
static bool is_credit(const struct ledger_entry *e)
{
    return e->verb == LEDGER_TRANSFER && e->legs[0].credit_flags != 0;
}

static bool is_call_refund(const struct ledger_entry *e)
{
    return e->verb == LEDGER_TRANSFER && same(e->legs[0].debit, wallet__revenue);
}

/* Of a call, and of what is given back of it, leg 0 is the house's part, and those
 * after it on the same side are the payee's. A late call was paid by the house. */
static enum rc add_up(struct wallet_row *row, const struct ledger_entry *e)
{
    bool late = wallet__is_late(e);
    struct money *whole = late ? &row->shortfall : &row->amount;
    struct id own = late          ? wallet__shortfall
                    : row->credit ? e->legs[0].credit
                                  : e->legs[0].debit;

    *whole = e->legs[late].amount;
    if (!wallet__is_call(e) && !is_call_refund(e))
        return RC_OK;
    for (unsigned i = late + 1u; i < e->leg_count; i++) {
        const struct ledger_leg *leg = &e->legs[i];

        if (!same(row->credit ? leg->credit : leg->debit, own))
            continue;
        if (!money_add(whole, *whole, leg->amount) ||
            !money_add(&row->share, row->share, leg->amount))
            return RC_OVERFLOW;
    }
    return RC_OK;
}

/* False: not a movement that this folder has booked. */
static bool fill_row(struct wallet_row *row, struct json_object **tree,
                     struct ledger_view *v, const struct ledger_entry *e)
{
    struct wallet w;

    *row = (struct wallet_row){0};
    if (e->leg_count == 0 || e->legs[0].number != WALLET__USD ||
        (e->verb != LEDGER_CAPTURE && e->verb != LEDGER_TRANSFER) ||
        wallet__memo_read(row, tree, e->memo) != RC_OK)
        return false;
    if (wallet__is_call(e))
        row->request = id_with_tail(e->op, 0);
    row->transfer = e->op;
    row->time_us = e->time_us;
    row->credit = is_credit(e) || is_call_refund(e);
    row->balance = e->balance;
    row->shortfall = wallet__is_late(e) ? MONEY_ZERO : e->spilled;
    row->seq = e->seq;
    if (add_up(row, e) != RC_OK) { /* no two legs of one command are so large */
        json_put(*tree);
        return false;
    }
    row->by_payment = wallet__is_call(e);
    if (wallet__read_wallet(&w, NULL, v, row->wallet) == RC_OK) {
        memcpy(row->wallet_name, w.name, sizeof(row->wallet_name));
        row->by_payment = row->by_payment && !same(w.root, e->legs[0].debit);
    } else { /* a payer's that is not open yet */
        wallet_id_print(row->wallet_name, 'w', row->wallet);
    }
    return true;
}

/* ---- Pages ---- */

struct page {
    struct ledger_view *v;
    wallet_row_fn *each;
    void *arg;
    unsigned seen;     /* entries in this view */
    uint64_t last_seq; /* of them */
    bool stopped;      /* by each() */
    unsigned rows;     /* given to each(), in all */
};

/* Gives the entry to each() if it is a row. False: stop. */
static bool give(struct page *p, const struct ledger_entry *e)
{
    struct json_object *tree = NULL;
    struct wallet_row row;

    p->seen++;
    p->last_seq = e->seq;
    if (fill_row(&row, &tree, p->v, e)) {
        p->rows++;
        p->stopped = !p->each(p->arg, &row);
        json_put(tree);
    }
    return !p->stopped;
}

void wallet_entry_row(struct ledger_view *v, const struct ledger_entry *e,
                      wallet_row_fn *each, void *arg)
{
    struct page p = {.v = v, .each = each, .arg = arg};

    (void)give(&p, e);
}

static bool give_tagged(void *arg, const struct ledger_entry *e)
{
    struct page *p = arg;

    return give(p, e) && p->seen < WALLET__PAGE_ROWS;
}

enum rc wallet_statement(struct wallet_book *b, struct id wallet, uint64_t from_seq,
                         wallet_row_fn *each, void *arg)
{
    struct page p = {.each = each, .arg = arg};
    struct wallet w;

    TRY(wallet_get(&w, b, wallet));
    for (uint64_t from = from_seq;; from = p.last_seq + 1) {
        enum rc rc;

        p.seen = 0;
        TRY(ledger_view_open(&p.v, b->ledger));
        rc = ledger_view_tagged(p.v, wallet, from, false, give_tagged, &p);
        ledger_view_close(p.v);
        TRY(rc);
        if (p.stopped || p.seen < WALLET__PAGE_ROWS)
            return RC_OK;
    }
}

/* One page of the whole journal. */
static enum rc usage_page(struct page *p, uint64_t from)
{
    uint64_t head = ledger_view_head(p->v);

    for (uint64_t seq = from; seq <= head && p->seen < WALLET__PAGE_ROWS; seq++) {
        struct ledger_entry e;

        TRY(ledger_view_entry(&e, p->v, seq));
        if (!wallet__is_call(&e)) {
            p->seen++;
            p->last_seq = seq;
        } else if (!give(p, &e)) {
            return RC_OK;
        }
    }
    return RC_OK;
}

enum rc wallet_usage(struct wallet_book *b, uint64_t from_seq, wallet_row_fn *each,
                     void *arg)
{
    struct page p = {.each = each, .arg = arg};

    for (uint64_t from = from_seq > 0 ? from_seq : 1;; from = p.last_seq + 1) {
        enum rc rc;

        p.seen = 0;
        TRY(ledger_view_open(&p.v, b->ledger));
        rc = usage_page(&p, from);
        ledger_view_close(p.v);
        TRY(rc);
        if (p.stopped || p.seen < WALLET__PAGE_ROWS)
            return RC_OK;
    }
}

/* ---- One request ---- */

struct one {
    struct page page;
    struct id wallet;
    enum rc rc;
};

static bool give_own(void *arg, const struct ledger_entry *e)
{
    struct one *o = arg;
    struct wallet__path path;
    struct wallet_row row = {0};
    struct json_object *tree;
    bool own = false;

    if (!wallet__is_call(e) || wallet__memo_read(&row, &tree, e->memo) != RC_OK)
        return true;
    json_put(tree);
    o->rc = wallet__read_path(&path, o->page.v, row.wallet);
    for (unsigned i = 0; o->rc == RC_OK && i < path.count; i++)
        own = own || same(path.wallets[i].id, o->wallet);
    if (own)
        (void)give(&o->page, e);
    return false; /* one request is one row */
}

enum rc wallet_statement_request(struct wallet_book *b, struct id wallet,
                                 struct id request, wallet_row_fn *each, void *arg)
{
    struct one o = {.page = {.each = each, .arg = arg}, .wallet = wallet, .rc = RC_OK};
    enum rc rc;

    TRY(ledger_view_open(&o.page.v, b->ledger));
    rc = ledger_view_tagged(o.page.v, request, 0, false, give_own, &o);
    ledger_view_close(o.page.v);
    TRY(rc);
    TRY(o.rc);
    return o.page.rows > 0 ? RC_OK : RC_NOT_FOUND;
}

/* ---- The house ---- */

enum rc wallet_house(struct wallet_house *out, struct wallet_book *b)
{
    struct ledger_account revenue, topups, shortfall;
    struct wallet_house h = {0};
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = wallet__read_account(&revenue, v, wallet__revenue);
    if (rc == RC_OK)
        rc = wallet__read_account(&topups, v, wallet__topups);
    if (rc == RC_OK)
        rc = wallet__read_account(&shortfall, v, wallet__shortfall);
    ledger_view_close(v);
    TRY(rc);
    h.revenue = money_sub_floor(revenue.credits, revenue.debits);
    h.topups = money_sub_floor(topups.debits, topups.credits);
    h.shortfall = money_sub_floor(shortfall.debits, shortfall.credits);
    if (!money_add(&h.refunds, revenue.debits, topups.credits))
        return RC_OVERFLOW;
    *out = h;
    return RC_OK;
}

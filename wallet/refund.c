/* SPDX-License-Identifier: Apache-2.0 */
/* Money back: each refund is one transfer that takes every part of what was paid from
 * where it went, with the record of how much has gone back already, so that it can
 * never be more than was paid. */
#include "base/codec.h"
#include "base/log.h"
#include "wallet/memo.h"
#include "wallet/payment_int.h"
#include "wallet/transfer.h"
#include "wallet/wallet_int.h"

#include <assert.h>
#include <string.h>

/* What is to be refunded, and how much of it has been already. */
struct original {
    struct id transfer;
    struct id wallet; /* as the memo names it */
    struct id root;
    struct id request; /* none: a top-up */
    bool late;         /* a call that the house paid: root is house/shortfall */
    bool shared;
    struct id payee;
    struct money house; /* what the house got of a call, or the root of a top-up */
    struct money share; /* what the payee got */
    struct wallet__refunded refunded;
    struct wallet__shared by;
    char what[WALLET_SHARE_WHAT_MAX];
    uint64_t version; /* of the record of refunds; 0: there is none */
    bool has_bought;  /* its wallet has what it bought; and what says so */
    uint8_t bought[32];
    uint64_t bought_version;
};

/* What goes back now. */
struct part {
    struct money house;
    struct money own;  /* from the payee's account */
    struct money also; /* from the other one */
};

/* Where a clawback may look besides, and what it passes through. */
struct force {
    struct id also;
    struct id via;
};

/* ---- Finding it ---- */

struct found {
    bool any;
    struct id op;
    uint64_t seq;
};

static bool find_op(void *arg, const struct ledger_entry *e)
{
    struct found *f = arg;

    f->any = id_cmp(e->op, f->op) == 0;
    f->seq = e->seq;
    return !f->any;
}

/* Operation ids of calls are forgotten after a day; tags are not. */
static enum rc find_entry(uint64_t *seq, struct ledger_view *v, struct id op)
{
    struct found f = {.op = op};
    enum rc rc = ledger_view_find(seq, v, op);

    if (rc != RC_NOT_FOUND)
        return rc;
    TRY(ledger_view_tagged(v, id_with_tail(op, 0), 0, false, find_op, &f));
    *seq = f.seq;
    return f.any ? RC_OK : RC_NOT_FOUND;
}

static enum rc parse_original(struct id *op, struct slice text)
{
    if (wallet_id_parse(op, 'r', text) == RC_OK) {
        *op = id_with_tail(*op, WALLET__TAIL_CAPTURE);
        return RC_OK;
    }
    return wallet_id_parse(op, 't', text);
}

/* The leg that gave the payee his part: after that of the house, from the same
 * account. */
static void find_share(struct original *o, const struct ledger_entry *e, unsigned house)
{
    for (unsigned i = house + 1; i < e->leg_count; i++) {
        if (id_cmp(e->legs[i].debit, e->legs[house].debit) != 0)
            continue;
        o->shared = true;
        o->payee = e->legs[i].credit;
        o->share = e->legs[i].amount;
    }
}

/* RC_NOT_FOUND: an entry that is neither a call's nor a top-up. */
static enum rc classify(struct original *o, const struct ledger_entry *e)
{
    unsigned house = 0;

    o->transfer = e->op;
    o->late = wallet__is_late(e);
    if (e->verb == LEDGER_TRANSFER && id_cmp(e->legs[0].debit, wallet__topups) == 0) {
        o->root = e->legs[0].credit;
        o->house = e->legs[0].amount;
        return RC_OK;
    }
    if (!wallet__is_call(e))
        return RC_NOT_FOUND;
    house = o->late ? 1 : 0;
    o->root = e->legs[house].debit;
    o->house = e->legs[house].amount;
    o->request = id_with_tail(e->op, 0);
    find_share(o, e, house);
    return RC_OK;
}

static enum rc read_refunded(struct original *o, struct ledger_view *v)
{
    struct slice value;
    enum rc rc = ledger_view_record(&value, &o->version, v, WALLET__KIND_REFUND,
                                    wallet__id_slice(&o->transfer));

    if (rc == RC_OK)
        return wallet__refund_decode(&o->refunded, value);
    o->refunded = (struct wallet__refunded){.shared = o->shared};
    o->version = 0;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* A call that a payment paid has its own account, which is at its end: what is given
 * back goes where the payment's rest went, or would have gone. */
static enum rc find_root(struct original *o, struct ledger_view *v)
{
    struct wallet w;
    enum rc rc = o->late ? RC_OK : wallet__read_wallet(&w, NULL, v, o->root);

    if (rc != RC_NOT_FOUND)
        return rc;
    TRY(wallet__read_wallet(&w, NULL, v, o->wallet));
    o->root = w.root;
    return RC_OK;
}

/* What a purchase bought, unless it was bought anew, or is past its end. */
static enum rc read_bought(struct original *o, struct ledger_view *v,
                           struct json_object *memo)
{
    struct wallet__once once;
    struct slice text, value;
    enum rc rc = json_get_string(&text, memo, "bought");

    if (rc == RC_NOT_FOUND)
        return RC_OK;
    TRY(rc);
    TRY(hex_decode(o->bought, sizeof(o->bought), text));
    rc = ledger_view_record(&value, &o->bought_version, v, WALLET__KIND_ONCE,
                            slice_from((const char *)o->bought, sizeof(o->bought)));
    if (rc == RC_NOT_FOUND)
        return RC_OK;
    TRY(rc);
    TRY(wallet__once_decode(&once, value));
    o->has_bought =
        once.state == WALLET_ONCE_DONE && id_cmp(once.transfer, o->transfer) == 0;
    return RC_OK;
}

/* Whose it is, as its memo says. */
static enum rc read_memo(struct original *o, struct ledger_view *v, struct slice memo)
{
    struct wallet_row row = {0};
    struct json_object *tree;
    enum rc rc = RC_OK;

    if (wallet__memo_read(&row, &tree, memo) != RC_OK) {
        o->wallet = o->root; /* booked by somebody with memos of their own */
        return o->shared ? RC_CORRUPT : RC_OK;
    }
    o->wallet = row.wallet;
    o->by.tag = row.shared_by;
    if (row.skill.len <= sizeof(o->what)) {
        if (row.skill.len > 0)
            memcpy(o->what, row.skill.bytes, row.skill.len);
        o->by.what = slice_from(o->what, row.skill.len);
        rc = read_bought(o, v, tree);
    } else {
        rc = RC_CORRUPT;
    }
    json_put(tree);
    return rc;
}

static enum rc read_original(struct original *o, struct ledger_view *v, struct id op)
{
    struct ledger_entry e;
    uint64_t seq = 0;

    TRY(find_entry(&seq, v, op));
    TRY(ledger_view_entry(&e, v, seq));
    TRY(classify(o, &e));
    TRY(read_memo(o, v, e.memo));
    TRY(find_root(o, v));
    return read_refunded(o, v);
}

/* ---- Sharing it out ---- */

static struct money house_left(const struct original *o)
{
    return money_sub_floor(o->house,
                           money_sub_floor(o->refunded.total, o->refunded.share));
}

static struct money share_left(const struct original *o)
{
    return money_sub_floor(o->share, o->refunded.share);
}

/* Both in proportion to what is left: the house's part is rounded up, and never more
 * than it has left. */
static enum rc share_out(struct part *p, const struct original *o,
                         const struct money *amount)
{
    struct money left, sum;

    if (!money_add(&left, house_left(o), share_left(o)))
        return RC_OVERFLOW;
    sum = amount != NULL ? *amount : left;
    if (money_is_zero(left) || money_cmp(sum, left) > 0)
        return RC_CONFLICT;
    if (!money_scale(&p->house, house_left(o), sum, left) ||
        !money_sub(&p->own, sum, p->house))
        return RC_OVERFLOW;
    return RC_OK;
}

/* What the payee can give: RC_CONFLICT when he must give more. */
static enum rc look_at_payee(struct part *p, const struct original *o,
                             struct ledger_view *v)
{
    struct ledger_account account;

    if (money_is_zero(p->own))
        return RC_OK;
    TRY(wallet__read_account(&account, v, o->payee));
    return money_cmp(p->own, ledger_available(&account)) > 0 ? RC_CONFLICT : RC_OK;
}

/* All that is left of the house's part, and what there is of the payee's. */
static enum rc take_all(struct part *p, const struct original *o,
                        const struct force *force, struct ledger_view *v)
{
    struct ledger_account own, also;

    TRY(wallet__read_account(&own, v, o->payee));
    TRY(wallet__read_account(&also, v, force->also));
    p->house = house_left(o);
    p->own = money_min(share_left(o), ledger_available(&own));
    p->also =
        money_min(money_sub_floor(share_left(o), p->own), ledger_available(&also));
    return RC_OK;
}

/* ---- Moving it ---- */

static void add_leg(struct ledger_cmd *cmd, struct id from, struct id to,
                    struct money amount)
{
    struct ledger_leg *leg = &cmd->legs[cmd->leg_count++];
    bool from_house = id_cmp(from, wallet__revenue) == 0;
    bool to_house =
        id_cmp(to, wallet__shortfall) == 0 || id_cmp(to, wallet__topups) == 0;

    assert(cmd->leg_count <= LEDGER_LEGS_MAX);
    *leg = (struct ledger_leg){
        .debit = from,
        .credit = to,
        .amount = amount,
        .number = WALLET__USD,
        .debit_flags = from_house ? 0 : LEDGER_NO_OVERDRAFT,
        .credit_flags = to_house ? 0 : LEDGER_NO_OVERDRAFT,
    };
}

/* RC_OVERFLOW cannot be: the parts are no larger than what was paid. */
static enum rc add_legs(struct ledger_cmd *cmd, const struct original *o,
                        const struct part *p, const struct force *force)
{
    struct money share;

    if (id_is_none(o->request)) {
        add_leg(cmd, o->root, wallet__topups, p->house);
        return RC_OK;
    }
    if (!money_add(&share, p->own, p->also))
        return RC_OVERFLOW;
    add_leg(cmd, wallet__revenue, o->root, p->house);
    if (!o->shared || (force != NULL && money_is_zero(share)))
        return RC_OK;
    if (force == NULL) {
        add_leg(cmd, o->payee, o->root, p->own);
        return RC_OK;
    }
    if (!money_is_zero(p->own))
        add_leg(cmd, o->payee, force->via, p->own);
    if (!money_is_zero(p->also))
        add_leg(cmd, force->also, force->via, p->also);
    add_leg(cmd, force->via, o->root, share);
    return RC_OK;
}

/* Whoever has all of a price back has what he bought no more, from the same command on.
 */
static void take_back_bought(struct ledger_cmd *cmd, const struct original *o,
                             const struct wallet__refunded *refunded)
{
    if (!o->has_bought ||
        money_cmp(money_sub_floor(refunded->total, refunded->share), o->house) < 0 ||
        money_cmp(refunded->share, o->share) < 0)
        return;
    wallet__delete(cmd, WALLET__KIND_ONCE,
                   slice_from((const char *)o->bought, sizeof(o->bought)),
                   o->bought_version);
}

/* *moved: what the legs gave back in all. */
static enum rc book(struct money *moved, struct id *op, struct wallet_book *b,
                    const struct original *o, const struct part *p,
                    const struct force *force)
{
    struct ledger_cmd cmd = {.verb = LEDGER_TRANSFER};
    struct wallet__refunded refunded = o->refunded;
    uint8_t value[WALLET__VALUE_MAX];
    char memo[LEDGER_MEMO_MAX];
    struct money share;

    if (!money_add(&share, p->own, p->also) || !money_add(moved, p->house, share) ||
        !money_add(&refunded.total, refunded.total, *moved) ||
        !money_add(&refunded.share, refunded.share, share))
        return RC_OVERFLOW;
    cmd.op = *op = id_new(ledger_now_us(b->ledger));
    TRY(add_legs(&cmd, o, p, force));
    wallet__write(&cmd, WALLET__KIND_REFUND, wallet__id_slice(&o->transfer),
                  wallet__refund_encode(value, &refunded), o->version);
    take_back_bought(&cmd, o, &refunded);
    if (!o->late)
        cmd.tags[0] = o->root;
    if (!o->late && id_cmp(o->wallet, o->root) != 0)
        cmd.tags[1] = o->wallet;
    cmd.tags[2] = o->by.tag;
    cmd.memo = wallet__memo_refund(memo, force != NULL ? "clawback" : "refund",
                                   o->wallet, o->transfer, o->request, &o->by);
    return ledger_call(b->ledger, &cmd);
}

/* What comes back to a payer who owes is the house's first, as with a top-up. The money
 * has moved: a failure here leaves the debt to the next time, and must not be taken for
 * a failed refund, which would be tried again. */
static void pay_debt_of(struct wallet_book *b, struct id root)
{
    enum rc rc = wallet__pay_debt(b, root);

    if (rc != RC_OK)
        log_event(LOG_WARN, "a debt could not be taken from a refund",
                  LOG_STR("code", rc_reason(rc)));
}

/* ---- Refunds ---- */

static enum rc refund_once(struct wallet_refund *out, struct wallet_book *b,
                           struct id op, const struct money *amount)
{
    struct original o = {0};
    struct part p = {0};
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = read_original(&o, v, op);
    if (rc == RC_OK && o.late)
        rc = RC_NOT_FOUND; /* nobody paid it */
    if (rc == RC_OK)
        rc = share_out(&p, &o, amount);
    if (rc == RC_OK)
        rc = look_at_payee(&p, &o, v);
    ledger_view_close(v);
    TRY(rc);
    out->wallet = o.root;
    rc = book(&out->amount, &out->transfer, b, &o, &p, NULL);
    /* It was there a moment ago: as it is now. */
    return rc == RC_NO_FUNDS && o.shared ? RC_STALE : rc;
}

enum rc wallet_refund(struct wallet_refund *out, struct wallet_book *b,
                      struct slice transfer_or_req, const struct money *amount)
{
    struct wallet_refund r = {0};
    struct id op;

    TRY(parse_original(&op, transfer_or_req));
    if (amount != NULL && money_is_zero(*amount))
        return RC_BAD_INPUT;
    for (unsigned i = 0; i < WALLET__TRIES_MAX; i++) {
        enum rc rc = refund_once(&r, b, op, amount);

        if (wallet__lost_race(rc))
            continue;
        TRY(rc);
        pay_debt_of(b, r.wallet);
        TRY(wallet__root_balance(&r.balance, b, r.wallet));
        *out = r;
        return RC_OK;
    }
    return RC_BUSY;
}

/* ---- By force ---- */

static enum rc claw_back_once(struct wallet_clawback *out, struct wallet_book *b,
                              struct id op, const struct force *force)
{
    struct original o = {0};
    struct part p = {0};
    struct ledger_view *v;
    struct id transfer;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = read_original(&o, v, op);
    if (rc == RC_OK && !o.shared)
        rc = RC_NOT_FOUND;
    if (rc == RC_OK)
        rc = take_all(&p, &o, force, v);
    ledger_view_close(v);
    TRY(rc);
    *out = (struct wallet_clawback){.given_back = MONEY_ZERO};
    if (!money_add(&out->share, p.own, p.also))
        return RC_OVERFLOW;
    out->left = money_sub_floor(share_left(&o), out->share);
    if (money_is_zero(p.house) && money_is_zero(out->share))
        return RC_OK;
    rc = book(&out->given_back, &transfer, b, &o, &p, force);
    if (rc == RC_OK && !o.late)
        pay_debt_of(b, o.root);
    return rc == RC_NO_FUNDS ? RC_STALE : rc;
}

enum rc wallet_claw_back(struct wallet_clawback *out, struct wallet_book *b,
                         struct id transfer, struct id also, struct id via)
{
    struct force force = {also, via};
    struct wallet_clawback c;

    for (unsigned i = 0; i < WALLET__TRIES_MAX; i++) {
        enum rc rc = claw_back_once(&c, b, transfer, &force);

        if (wallet__lost_race(rc))
            continue;
        TRY(rc);
        *out = c;
        return RC_OK;
    }
    return RC_BUSY;
}

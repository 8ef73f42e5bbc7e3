/* SPDX-License-Identifier: Apache-2.0 */
/* Money in and back: top-ups and refunds. Each is one transfer between a root wallet
 * and a house account. Calls are hold.c's business. */
#include "wallet/transfer.h"

#include "base/codec.h"
#include "wallet/memo.h"
#include "wallet/payment_int.h"
#include "wallet/wallet_int.h"

#include <assert.h>
#include <string.h>

static enum rc root_balance(struct money *out, struct wallet_book *b, struct id root)
{
    struct ledger_account account;
    struct ledger_view *v;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = wallet__read_account(&account, v, root);
    ledger_view_close(v);
    TRY(rc);
    *out = ledger_available(&account);
    return RC_OK;
}

/* ---- Top-ups ---- */

/* A reference names one incoming payment: the operation's id comes from it alone, so
 * that the book itself refuses a second one, for ever. */
static enum rc topup_op(struct id *out, struct wallet_book *b, struct slice ref)
{
    uint8_t digest[SHA256_LEN];
    struct sha256_state s;

    if (ref.len == 0) {
        *out = id_new(ledger_now_us(b->ledger));
        return RC_OK;
    }
    TRY(sha256_start(&s));
    sha256_add(&s, SLICE("topup-ref"));
    sha256_add(&s, ref);
    sha256_end(digest, &s);
    memcpy(out->bytes, digest, ID_LEN);
    return RC_OK;
}

/* A command of its own: a repeated top-up must read as the first one, when the debt may
 * have been paid. */
static enum rc pay_debt_once(struct wallet_book *b, struct id wallet)
{
    struct ledger_cmd cmd = {.verb = LEDGER_TRANSFER, .leg_count = 1};
    uint8_t value[WALLET__DEBT_LEN];
    char memo[LEDGER_MEMO_MAX];
    struct ledger_account account;
    struct ledger_view *v;
    struct money owed, paid;
    uint64_t version;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = wallet__read_debt(&owed, &version, v, wallet);
    if (rc == RC_OK)
        rc = wallet__read_account(&account, v, wallet);
    ledger_view_close(v);
    TRY(rc);
    paid = money_min(owed, ledger_available(&account));
    if (money_is_zero(paid))
        return RC_OK;
    cmd.op = id_new(ledger_now_us(b->ledger));
    cmd.legs[0] = (struct ledger_leg){
        .debit = wallet,
        .credit = wallet__bad_debt,
        .amount = paid,
        .number = WALLET__USD,
        .debit_flags = LEDGER_NO_OVERDRAFT,
    };
    wallet__write_debt(&cmd, value, &wallet, money_sub_floor(owed, paid), version);
    cmd.tags[0] = wallet;
    cmd.memo = wallet__memo_debt(memo, wallet);
    return ledger_call(b->ledger, &cmd);
}

/* What a payer owes comes first, whoever tops his wallet up. */
static enum rc pay_debt(struct wallet_book *b, struct id wallet)
{
    for (unsigned i = 0; i < WALLET__TRIES_MAX; i++) {
        enum rc rc = pay_debt_once(b, wallet);

        if (!wallet__lost_race(rc) && rc != RC_NO_FUNDS && rc != RC_NOT_FOUND)
            return rc;
    }
    return RC_BUSY;
}

enum rc wallet_topup(struct wallet_topup *out, struct wallet_book *b, struct id id,
                     struct money amount, struct slice ref)
{
    struct wallet_topup t = {.amount = amount};
    struct ledger_cmd cmd = {.verb = LEDGER_TRANSFER, .leg_count = 1};
    char memo[LEDGER_MEMO_MAX];
    struct wallet w;

    if (money_is_zero(amount) || !wallet__text_ok(ref, 0, WALLET_REF_MAX))
        return RC_BAD_INPUT;
    TRY(wallet_get(&w, b, id));
    if (w.depth > 0)
        return RC_FORBIDDEN;
    TRY(topup_op(&cmd.op, b, ref));
    cmd.legs[0] = (struct ledger_leg){
        .debit = wallet__topups,
        .credit = w.id,
        .amount = amount,
        .number = WALLET__USD,
        .credit_flags = LEDGER_NO_OVERDRAFT,
    };
    cmd.tags[0] = w.id;
    /* No time and no name in it: a repeat must have the same content. */
    cmd.memo = wallet__memo_topup(memo, w.id, ref);
    TRY(ledger_call(b->ledger, &cmd));
    t.transfer = cmd.op;
    t.repeated = cmd.result.replayed;
    TRY(pay_debt(b, w.id));
    TRY(root_balance(&t.balance, b, w.id));
    *out = t;
    return RC_OK;
}

/* ---- Refunds ---- */

/* What is to be refunded, and how much of it has been already. */
struct original {
    struct id transfer;
    struct id wallet; /* as the memo names it */
    struct id root;
    struct id request;   /* none: a top-up */
    struct money amount; /* what the root paid or got */
    struct money refunded;
    uint64_t version; /* of the record of refunds; 0: there is none */
};

struct found {
    bool any;
    uint64_t seq;
    struct id op;
};

static bool find_capture(void *arg, const struct ledger_entry *e)
{
    struct found *f = arg;

    if (e->verb != LEDGER_CAPTURE)
        return true;
    f->any = true;
    f->seq = e->seq;
    return false;
}

/* Operation ids of calls are forgotten after a day; tags are not. */
static enum rc find_entry(uint64_t *seq, struct ledger_view *v, struct id op)
{
    struct id request = id_with_tail(op, 0);
    struct found f = {.any = false};
    enum rc rc = ledger_view_find(seq, v, op);

    if (rc != RC_NOT_FOUND)
        return rc;
    if (id_cmp(op, id_with_tail(request, WALLET__TAIL_CAPTURE)) != 0)
        return RC_NOT_FOUND;
    TRY(ledger_view_tagged(v, request, 0, false, find_capture, &f));
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

/* RC_NOT_FOUND: an entry that is neither a call's capture nor a top-up. */
static enum rc classify(struct original *o, const struct ledger_entry *e)
{
    const struct ledger_leg *leg = &e->legs[0];

    o->transfer = e->op;
    o->amount = leg->amount;
    if (e->verb == LEDGER_CAPTURE && id_cmp(leg->credit, wallet__revenue) == 0) {
        o->root = leg->debit;
        o->request = id_with_tail(e->op, 0);
        return RC_OK;
    }
    if (e->verb == LEDGER_TRANSFER && id_cmp(leg->debit, wallet__topups) == 0) {
        o->root = leg->credit;
        o->request = ID_NONE;
        return RC_OK;
    }
    return RC_NOT_FOUND;
}

static enum rc read_refunded(struct original *o, struct ledger_view *v)
{
    struct slice value;
    enum rc rc = ledger_view_record(&value, &o->version, v, WALLET__KIND_REFUND,
                                    wallet__id_slice(&o->transfer));

    if (rc == RC_OK)
        return wallet__refund_decode(&o->refunded, value);
    o->refunded = MONEY_ZERO;
    o->version = 0;
    return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* A call that a payment paid has its own account, which is at its end: what is given
 * back goes where the payment's rest went, or would have gone. */
static enum rc find_root(struct original *o, struct ledger_view *v)
{
    struct wallet w;
    enum rc rc = wallet__read_wallet(&w, NULL, v, o->root);

    if (rc != RC_NOT_FOUND)
        return rc;
    TRY(wallet__read_wallet(&w, NULL, v, o->wallet));
    o->root = w.root;
    return RC_OK;
}

static enum rc read_original(struct original *o, struct ledger_view *v, struct id op)
{
    struct wallet_row row = {0};
    struct json_object *tree;
    struct ledger_entry e;
    uint64_t seq = 0;

    TRY(find_entry(&seq, v, op));
    TRY(ledger_view_entry(&e, v, seq));
    TRY(classify(o, &e));
    if (wallet__memo_read(&row, &tree, e.memo) == RC_OK) {
        o->wallet = row.wallet;
        json_put(tree);
    } else {
        o->wallet = o->root; /* booked by somebody with memos of their own */
    }
    TRY(find_root(o, v));
    return read_refunded(o, v);
}

static void refund_leg(struct ledger_cmd *cmd, const struct original *o,
                       struct money amount)
{
    struct ledger_leg *leg = &cmd->legs[0];

    cmd->leg_count = 1;
    leg->number = WALLET__USD;
    leg->amount = amount;
    if (id_is_none(o->request)) {
        leg->debit = o->root;
        leg->debit_flags = LEDGER_NO_OVERDRAFT;
        leg->credit = wallet__topups;
    } else {
        leg->debit = wallet__revenue;
        leg->credit = o->root;
        leg->credit_flags = LEDGER_NO_OVERDRAFT;
    }
}

static enum rc refund_once(struct wallet_refund *out, struct wallet_book *b,
                           struct id op, const struct money *amount)
{
    struct ledger_cmd cmd = {.verb = LEDGER_TRANSFER};
    uint8_t value[WALLET__VALUE_MAX];
    char memo[LEDGER_MEMO_MAX];
    struct original o = {0};
    struct ledger_view *v;
    struct money left, total;
    enum rc rc;

    TRY(ledger_view_open(&v, b->ledger));
    rc = read_original(&o, v, op);
    ledger_view_close(v);
    TRY(rc);
    left = money_sub_floor(o.amount, o.refunded);
    out->amount = amount != NULL ? *amount : left;
    if (money_is_zero(left) || money_cmp(out->amount, left) > 0)
        return RC_CONFLICT;
    if (!money_add(&total, o.refunded, out->amount))
        return RC_OVERFLOW;
    cmd.op = id_new(ledger_now_us(b->ledger));
    refund_leg(&cmd, &o, out->amount);
    wallet__write(&cmd, WALLET__KIND_REFUND, wallet__id_slice(&o.transfer),
                  wallet__refund_encode(value, total), o.version);
    cmd.tags[0] = o.root;
    if (id_cmp(o.wallet, o.root) != 0)
        cmd.tags[1] = o.wallet;
    cmd.memo = wallet__memo_refund(memo, o.wallet, o.transfer, o.request);
    TRY(ledger_call(b->ledger, &cmd));
    out->transfer = cmd.op;
    out->wallet = o.root;
    return RC_OK;
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
        TRY(root_balance(&r.balance, b, r.wallet));
        *out = r;
        return RC_OK;
    }
    return RC_BUSY;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of a payment. Each reads what there is, plans one command, and submits it:
 * the money and the new state happen together or not at all. A plan takes everything
 * out of the payment's account or nothing, and names the version of the record that it
 * was made for: so what happens between reading and doing makes it fail, not wrong. */
#include "wallet/payment_step.h"

#include "base/codec.h"
#include "wallet/memo.h"
#include "wallet/payment_int.h"
#include "wallet/wallet_int.h"

#include <assert.h>
#include <string.h>

enum step { /* part of operation ids: never renumbered */
    STEP_CLAIM = 1,
    STEP_NOTE = 2,
    STEP_SETTLED = 3,
    STEP_FAILED = 4,
    STEP_RELEASE = 5,
    STEP_CLOSE = 6,
    STEP_REVERT = 7,
    STEP_FINISH = 8
};

/* What a plan is made from, as of one moment. */
struct facts {
    struct wallet_payment record; /* version 0: there is none */
    struct ledger_account account;
    bool has_payer; /* his wallet is open */
    bool has_wallet;
    struct wallet wallet; /* the root that is credited: a target's, or the payer's */
    uint64_t wallet_version;
    struct money wallet_free;
    struct money owed;
    uint64_t debt_version;
    uint64_t now_us;
};

typedef enum rc plan_fn(struct wallet_payment_step *s, const struct facts *f);

/* The last thing done to s: its owner may reuse or free it in done(). */
static void finish(struct wallet_payment_step *s, enum rc rc)
{
    s->rc = rc;
    s->done(s);
}

/* ---- Ids ---- */

/* The time of the claim stands in front, as in the ids of id_new(): so the book finds
 * what happens at one time side by side, and a commit touches few pages for all of it.
 */
static struct id id_at(const struct wallet_payment *p, const char *what,
                       struct slice source)
{
    const uint64_t ms = p->created_us / 1000;
    struct id id = wallet__hash_id(what, source);

    for (unsigned i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(ms >> (8 * (5 - i)));
    return id;
}

static struct id id_of(const struct wallet_payment *p)
{
    return id_at(p, "payment", wallet__payment_key(p->key));
}

/* One for each thing that can be done to one version of a payment. */
static struct id op_of(const struct wallet_payment *p, enum step step, uint64_t version)
{
    uint8_t source[32 + 9];

    memcpy(source, p->key, 32);
    source[32] = (uint8_t)step;
    for (unsigned i = 0; i < 8; i++)
        source[33 + i] = (uint8_t)(version >> (8 * i));
    return id_at(p, "payment-step", slice_from((const char *)source, sizeof(source)));
}

/* ---- Reading ---- */

static enum rc read_wallet(struct facts *f, struct ledger_view *v, struct id target)
{
    struct id payer = wallet_payer_id(f->record.payer);
    struct ledger_account account;
    struct wallet w;
    enum rc rc = wallet__read_wallet(&w, &f->wallet_version, v, payer);

    if (rc != RC_OK && rc != RC_NOT_FOUND)
        return rc;
    f->has_payer = rc == RC_OK;
    if (!id_is_none(target)) {
        TRY(wallet__read_wallet(&w, NULL, v, target));
        rc = wallet__read_wallet(&w, &f->wallet_version, v, w.root);
        if (rc != RC_OK)
            return rc == RC_NOT_FOUND ? RC_CORRUPT : rc;
    }
    f->has_wallet = rc == RC_OK;
    if (f->has_wallet)
        f->wallet = w;
    else
        wallet__payer_wallet(&f->wallet, f->record.payer, f->now_us);
    TRY(wallet__read_account(&account, v, f->wallet.id));
    f->wallet_free = ledger_available(&account);
    return RC_OK;
}

static enum rc read_facts(struct facts *f, struct ledger_view *v,
                          const struct wallet_payment *p, enum step step)
{
    const bool is_claim = step == STEP_CLAIM;
    enum rc rc = wallet__read_payment(&f->record, v, p->key);

    if (rc == RC_NOT_FOUND && is_claim) {
        f->record = *p;
        f->record.version = 0;
        f->record.id = id_of(p);
        rc = RC_OK;
    }
    TRY(rc);
    TRY(wallet__read_account(&f->account, v, f->record.id));
    TRY(wallet__read_debt(&f->owed, &f->debt_version, v, wallet_payer_id(p->payer)));
    return read_wallet(f, v,
                       is_claim || step == STEP_FINISH ? p->target : f->record.target);
}

/* What the account has, holds included. */
static struct money whole(const struct facts *f)
{
    return money_sub_floor(f->account.credits, f->account.debits);
}

static bool is_under_way(const struct wallet_payment *p)
{
    return p->state == WALLET_PAYMENT_RESERVED ||
           p->state == WALLET_PAYMENT_SUBMITTED || p->state == WALLET_PAYMENT_UNKNOWN;
}

/* ---- Parts of a command ---- */

static void add_leg(struct wallet_payment_step *s, struct id from, struct id to,
                    struct money amount)
{
    bool from_account = id_cmp(from, s->account) == 0 || id_cmp(from, s->wallet) == 0;
    bool to_account = id_cmp(to, s->account) == 0 || id_cmp(to, s->wallet) == 0;

    assert(s->cmd.leg_count < LEDGER_LEGS_MAX);
    s->cmd.legs[s->cmd.leg_count++] = (struct ledger_leg){
        .debit = from,
        .credit = to,
        .amount = amount,
        .number = WALLET__USD,
        .debit_flags = from_account ? LEDGER_NO_OVERDRAFT : 0,
        .credit_flags = to_account ? LEDGER_NO_OVERDRAFT : 0,
    };
}

/* A leg that would move nothing is left out. */
static void add_leg_if(struct wallet_payment_step *s, struct id from, struct id to,
                       struct money amount)
{
    if (!money_is_zero(amount))
        add_leg(s, from, to, amount);
}

/* What p becomes; written with the money. */
static void become(struct wallet_payment_step *s, const struct facts *f,
                   enum wallet_payment_state state, bool closed)
{
    struct wallet_payment next = s->p;

    s->next = state;
    s->next_closed = closed;
    next.state = state;
    next.closed = closed;
    wallet__write(&s->cmd, WALLET__KIND_PAYMENT, wallet__id_slice(&s->p.id),
                  wallet__payment_encode(s->value, &next), f->record.version);
    if (closed && !f->record.closed)
        wallet__delete(&s->cmd, WALLET__KIND_OPEN, wallet__id_slice(&s->p.id),
                       LEDGER_ANY);
}

/* The payer's wallet, so that what he has, or owes, can be seen and paid. It has no
 * record of its name: that follows from the payer (wallet_find()). */
static void open_payer(struct wallet_payment_step *s, const struct facts *f)
{
    struct wallet w;

    if (f->has_payer)
        return;
    wallet__payer_wallet(&w, s->p.payer, f->now_us);
    wallet__write(&s->cmd, WALLET__KIND_WALLET, wallet__id_slice(&s->payer),
                  wallet__wallet_encode(s->wallet_value, &w), 0);
}

static enum rc add_debt(struct wallet_payment_step *s, const struct facts *f,
                        struct money more)
{
    struct money owed;

    if (money_is_zero(more))
        return RC_OK;
    if (!money_add(&owed, f->owed, more))
        return RC_OVERFLOW;
    wallet__write_debt(&s->cmd, s->debt_value, &s->payer, owed, f->debt_version);
    return RC_OK;
}

/* ---- Plans ---- */

static enum rc plan_claim(struct wallet_payment_step *s, const struct facts *f)
{
    struct ledger_write *w;

    if (s->p.state != WALLET_PAYMENT_SUBMITTED) {
        s->p.state = WALLET_PAYMENT_RESERVED;
        s->p.settle = MONEY_ZERO;
    }
    s->p.closed = false;
    if (!wallet__payment_ok(&s->p))
        return RC_BAD_INPUT;
    if (money_cmp(s->p.value, WALLET_PAYMENT_VALUE_MAX) > 0)
        return RC_TOO_BIG;
    if (f->record.version != s->p.version)
        return s->p.version == 0 ? RC_EXISTS : RC_STALE;
    if (f->record.version > 0 && f->record.state != WALLET_PAYMENT_RELEASED)
        return RC_EXISTS;
    add_leg_if(s, wallet__receivable, s->account, s->p.value);
    become(s, f, s->p.state, false);
    if (f->record.version == 0)
        wallet__write(&s->cmd, WALLET__KIND_PAYMENT_KEY, wallet__payment_key(s->p.key),
                      wallet__name_encode(s->id_value, s->p.id), 0);
    wallet__write(&s->cmd, WALLET__KIND_OPEN, wallet__id_slice(&s->p.id), WALLET__MARK,
                  0);
    s->debt_at = s->cmd.write_count;
    w = &s->cmd.writes[s->cmd.write_count++];
    *w = (struct ledger_write){.op = LEDGER_EXPECT,
                               .kind = WALLET__KIND_DEBT,
                               .key = wallet__id_slice(&s->payer)};
    return RC_OK;
}

static enum rc plan_note(struct wallet_payment_step *s, const struct facts *f)
{
    bool settled = f->record.state == WALLET_PAYMENT_SETTLED;

    if (settled ? s->p.state != WALLET_PAYMENT_SETTLED
                : !is_under_way(&f->record) || !is_under_way(&s->p))
        return RC_CONFLICT;
    become(s, f, s->p.state, f->record.closed);
    return RC_OK;
}

/* What has come in, and what that has cost. */
static enum rc add_settlement(struct wallet_payment_step *s, const struct facts *f)
{
    struct ledger_leg *leg;

    if (!is_under_way(&f->record))
        return RC_CONFLICT;
    if (money_is_zero(s->p.settle) && !money_is_zero(s->p.value))
        return RC_BAD_INPUT;
    add_leg_if(s, wallet__chain, wallet__receivable, s->p.settle);
    if (!money_is_zero(s->fee)) {
        leg = &s->cmd.legs[s->cmd.leg_count++];
        *leg = (struct ledger_leg){.debit = wallet__coin_account(s->p.network),
                                   .credit = wallet__fees_account(s->p.network),
                                   .amount = money_min(s->fee, WALLET__FEE_MAX),
                                   .number = WALLET__COIN};
    }
    return RC_OK;
}

static enum rc plan_settled(struct wallet_payment_step *s, const struct facts *f)
{
    TRY(add_settlement(s, f));
    become(s, f, WALLET_PAYMENT_SETTLED, false);
    return RC_OK;
}

static enum rc plan_failed(struct wallet_payment_step *s, const struct facts *f)
{
    struct money captured;

    if (!is_under_way(&f->record) || !money_is_zero(f->account.held))
        return RC_CONFLICT;
    if (!money_sub(&captured, s->p.value, whole(f)))
        return RC_CORRUPT;
    add_leg_if(s, s->account, wallet__receivable, whole(f));
    add_leg_if(s, wallet__bad_debt, wallet__receivable, captured);
    s->left = captured;
    become(s, f, WALLET_PAYMENT_FAILED, true);
    if (money_is_zero(captured))
        return RC_OK;
    open_payer(s, f);
    return add_debt(s, f, captured);
}

static enum rc plan_release(struct wallet_payment_step *s, const struct facts *f)
{
    if (f->record.state != WALLET_PAYMENT_RESERVED || !money_is_zero(f->account.held) ||
        money_cmp(whole(f), s->p.value) != 0)
        return RC_CONFLICT;
    add_leg_if(s, s->account, wallet__receivable, s->p.value);
    become(s, f, WALLET_PAYMENT_RELEASED, true);
    return RC_OK;
}

/* Gives what is left, and writes the end. */
static enum rc add_end(struct wallet_payment_step *s, const struct facts *f)
{
    struct money unsettled = money_sub_floor(s->p.value, s->p.settle);
    struct money back = money_min(unsettled, whole(f));
    struct money left = money_sub_floor(whole(f), back);
    struct money repaid = MONEY_ZERO;

    if (!money_is_zero(f->account.held))
        return RC_CONFLICT;
    if (money_is_zero(s->p.value)) { /* somebody else's: there is nothing to credit */
        become(s, f, WALLET_PAYMENT_SETTLED, true);
        return RC_OK;
    }
    if (id_is_none(s->p.target))
        repaid = money_min(left, f->owed);
    s->left = money_sub_floor(left, repaid);
    add_leg(s, s->account, s->wallet, s->left);
    add_leg_if(s, s->account, wallet__receivable, back);
    add_leg_if(s, s->account, wallet__bad_debt, repaid);
    /* Settled for less than was delivered: our own fault, and not the payer's debt. */
    add_leg_if(s, wallet__bad_debt, wallet__receivable,
               money_sub_floor(unsettled, back));
    become(s, f, WALLET_PAYMENT_SETTLED, true);
    open_payer(s, f);
    if (!money_is_zero(repaid))
        wallet__write_debt(&s->cmd, s->debt_value, &s->payer,
                           money_sub_floor(f->owed, repaid), f->debt_version);
    s->cmd.tags[1] = s->wallet;
    s->cmd.tags[2] = s->p.target;
    return RC_OK;
}

static enum rc plan_close(struct wallet_payment_step *s, const struct facts *f)
{
    if (f->record.state != WALLET_PAYMENT_SETTLED || f->record.closed)
        return RC_CONFLICT;
    return add_end(s, f);
}

static enum rc plan_finish(struct wallet_payment_step *s, const struct facts *f)
{
    TRY(add_end(s, f)); /* first: a statement shows an entry by its first leg */
    return add_settlement(s, f);
}

static enum rc plan_revert(struct wallet_payment_step *s, const struct facts *f)
{
    struct money taken = money_min(s->p.settle, f->wallet_free);
    struct wallet frozen = f->wallet;

    if (f->record.state != WALLET_PAYMENT_SETTLED || !f->record.closed)
        return RC_CONFLICT;
    if (money_is_zero(s->p.value)) {
        become(s, f, WALLET_PAYMENT_REVERTED, true);
        return RC_OK;
    }
    if (!f->has_wallet)
        return RC_CORRUPT; /* the close has opened it */
    s->left = money_sub_floor(s->p.settle, taken);
    add_leg(s, s->wallet, wallet__chain, taken);
    add_leg_if(s, wallet__bad_debt, wallet__chain, s->left);
    become(s, f, WALLET_PAYMENT_REVERTED, true);
    frozen.frozen = true;
    wallet__write(&s->cmd, WALLET__KIND_WALLET, wallet__id_slice(&s->wallet),
                  wallet__wallet_encode(s->wallet_value, &frozen), f->wallet_version);
    wallet__write_epoch(&s->cmd, LEDGER_ANY);
    s->cmd.tags[1] = s->wallet;
    s->cmd.tags[2] = s->p.target;
    return add_debt(s, f, s->left);
}

/* ---- Doing ---- */

struct plan {
    plan_fn *make;
    const char *name; /* in memos; never changed */
};

static const struct plan plans[] = {
    [STEP_CLAIM] = {plan_claim, "claim"},       [STEP_NOTE] = {plan_note, "note"},
    [STEP_SETTLED] = {plan_settled, "settled"}, [STEP_FAILED] = {plan_failed, "failed"},
    [STEP_RELEASE] = {plan_release, "release"}, [STEP_CLOSE] = {plan_close, "close"},
    [STEP_REVERT] = {plan_revert, "revert"},    [STEP_FINISH] = {plan_finish, "close"},
};

static void begin(struct wallet_book *b, struct wallet_payment_step *s, enum step step);

static struct wallet_payment_step *step_of(struct ledger_cmd *cmd)
{
    return (struct wallet_payment_step *)(void *)((char *)cmd -
                                                  offsetof(struct wallet_payment_step,
                                                           cmd));
}

/* As the book says now, after the command. */
static void read_balance(struct wallet_payment_step *s)
{
    struct ledger_account account;
    struct ledger_view *v;

    if (ledger_view_open(&v, s->book->ledger) != RC_OK)
        return;
    if (wallet__read_account(&account, v, s->wallet) == RC_OK)
        s->balance = ledger_available(&account);
    ledger_view_close(v);
}

/* A call of the wallet has spent some of what could be taken back; or another payment
 * of the same payer has made or paid a debt, or opened the wallet. Then it is read
 * again: each loss means that somebody else got on, so this ends. A record that became
 * another is seen then. */
static bool is_lost_race(const struct wallet_payment_step *s)
{
    const enum rc rc = s->cmd.result.rc;

    if (s->step == STEP_REVERT && rc == RC_NO_FUNDS)
        return true;
    return s->step != STEP_CLAIM && (rc == RC_STALE || rc == RC_EXISTS);
}

/* The account was read a moment ago: who took from it meanwhile is a call. */
static enum rc explain(const struct wallet_payment_step *s)
{
    const struct ledger_result *r = &s->cmd.result;

    if (r->rc == RC_NO_FUNDS)
        return RC_CONFLICT;
    if (r->rc == RC_STALE && s->step == STEP_CLAIM && r->at == s->debt_at)
        return RC_FORBIDDEN;
    if (r->rc == RC_CONFLICT || r->rc == RC_NOT_FOUND)
        return RC_STALE; /* this version has become something else */
    if (r->rc == RC_EXISTS && s->step != STEP_CLAIM)
        return RC_STALE; /* the wallet was opened, or a debt was made, meanwhile */
    return r->rc;
}

static void step_done(struct ledger_cmd *cmd)
{
    struct wallet_payment_step *s = step_of(cmd);

    if (is_lost_race(s)) {
        begin(s->book, s, s->step);
        return;
    }
    if (cmd->result.rc != RC_OK) {
        finish(s, explain(s));
        return;
    }
    if (cmd->result.replayed) { /* somebody has done just this: read again */
        finish(s, s->step == STEP_CLAIM ? RC_EXISTS : RC_STALE);
        return;
    }
    s->p.state = s->next;
    s->p.closed = s->next_closed;
    s->p.version = s->next_version;
    if (s->step == STEP_CLOSE || s->step == STEP_FINISH)
        read_balance(s);
    finish(s, RC_OK);
}

struct id wallet_payment_credit(const struct wallet_payment *p)
{
    if (p->state != WALLET_PAYMENT_SETTLED || !p->closed || p->version == 0)
        return ID_NONE;
    return op_of(p, STEP_CLOSE, p->version - 1);
}

/* What was settled on at the claim is as it was, whatever the caller has in p. */
static enum rc keep_claimed(struct wallet_payment_step *s, const struct facts *f)
{
    const struct wallet_payment *r = &f->record;
    struct wallet_payment p = *r;

    if (s->p.version != r->version)
        return RC_STALE;
    p.state = s->p.state;
    memcpy(p.reference, s->p.reference, sizeof(p.reference));
    p.details_len = s->p.details_len;
    if (p.details_len > WALLET_PAYMENT_DETAILS_MAX)
        return RC_BAD_INPUT;
    memcpy(p.details, s->p.details, p.details_len);
    if (is_under_way(r))
        p.settle = s->p.settle;
    if (s->step == STEP_FINISH ||
        (s->step == STEP_NOTE && r->state == WALLET_PAYMENT_SETTLED && !r->closed))
        p.target = s->p.target;
    s->p = p;
    p.state = r->state; /* the rest of it must do */
    return wallet__payment_ok(&p) ? RC_OK : RC_BAD_INPUT;
}

static enum rc make_plan(struct wallet_payment_step *s, const struct facts *f)
{
    struct id shown = id_is_none(s->p.target) ? s->payer : s->p.target;

    memset(&s->cmd, 0, sizeof(s->cmd));
    s->cmd.verb = LEDGER_TRANSFER;
    s->cmd.forgettable = true; /* the record's version knows for ever */
    s->cmd.done = step_done;
    s->account = f->record.id;
    s->cmd.tags[0] = s->account;
    s->wallet = f->wallet.id;
    s->next_version = f->record.version + 1;
    s->p.id = f->record.id;
    if (s->step != STEP_CLAIM)
        TRY(keep_claimed(s, f));
    /* Both are its end, and one id names it: wallet_payment_credit(). */
    s->cmd.op =
        op_of(&s->p, s->step == STEP_FINISH ? STEP_CLOSE : s->step, f->record.version);
    TRY(plans[s->step].make(s, f));
    if (s->cmd.leg_count == 0)
        s->cmd.verb = LEDGER_NOTE;
    s->cmd.memo = wallet__memo_payment(s->memo, &s->p, plans[s->step].name, shown);
    return RC_OK;
}

static void begin(struct wallet_book *b, struct wallet_payment_step *s, enum step step)
{
    struct facts f = {.now_us = ledger_now_us(b->ledger)};
    struct ledger_view *v;
    enum rc rc = wallet__payer_ok(s->p.payer) ? RC_OK : RC_BAD_INPUT;

    s->book = b;
    s->step = step;
    s->left = s->balance = MONEY_ZERO;
    if (rc == RC_OK)
        rc = ledger_view_open(&v, b->ledger);
    if (rc == RC_OK) {
        s->payer = wallet_payer_id(s->p.payer);
        rc = read_facts(&f, v, &s->p, step);
        ledger_view_close(v);
    }
    if (rc == RC_OK)
        rc = make_plan(s, &f);
    if (rc != RC_OK)
        finish(s, rc);
    else
        ledger_submit(b->ledger, &s->cmd);
}

void wallet_payment_claim(struct wallet_book *b, struct wallet_payment_step *s)
{
    begin(b, s, STEP_CLAIM);
}

void wallet_payment_note(struct wallet_book *b, struct wallet_payment_step *s)
{
    begin(b, s, STEP_NOTE);
}

void wallet_payment_settled(struct wallet_book *b, struct wallet_payment_step *s)
{
    begin(b, s, STEP_SETTLED);
}

void wallet_payment_finish(struct wallet_book *b, struct wallet_payment_step *s)
{
    begin(b, s, STEP_FINISH);
}

void wallet_payment_failed(struct wallet_book *b, struct wallet_payment_step *s)
{
    begin(b, s, STEP_FAILED);
}

void wallet_payment_release(struct wallet_book *b, struct wallet_payment_step *s)
{
    begin(b, s, STEP_RELEASE);
}

void wallet_payment_close(struct wallet_book *b, struct wallet_payment_step *s)
{
    begin(b, s, STEP_CLOSE);
}

void wallet_payment_revert(struct wallet_book *b, struct wallet_payment_step *s)
{
    begin(b, s, STEP_REVERT);
}

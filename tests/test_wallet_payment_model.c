/* SPDX-License-Identifier: Apache-2.0 */
/* Payments against a naive oracle: random steps of some payments of some payers, calls
 * on them and on what they left, top-ups, freezes and restarts, in any order, the wrong
 * ones too. The oracle keeps plain sums in plain integers; after each step both must
 * say the same. */
#include "base/clock.h"
#include "tests/payment_fixture.h"
#include "tests/prng.h"
#include "wallet/payment_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    PAYMENTS = 24,
    PAYERS = 5,
    TARGET = PAYERS, /* a wallet like others, that top-ups go to */
    WALLETS = PAYERS + 1,
    CALLS = 8, /* under way at once */
    ONCES = 64,
    STEPS = 2500,
    CENT = 10000000
};

/* ---- The oracle ---- */

struct wallet_model {
    struct id id;
    bool open, frozen;
    int64_t money, held, debt;
};

struct payment_model {
    struct wallet_payment p; /* as the store said last: what a driver has */
    unsigned key, payer;
    int wallet; /* that is credited */
    enum wallet_payment_state state;
    bool closed;
    int64_t value, settle;
    int64_t money, held; /* of its account */
};

struct call_model {
    bool live;
    int64_t *money, *held; /* of whom it pays from */
    int64_t amount;
    unsigned once;
    struct call *call;
};

struct model {
    struct fixture *f;
    struct prng prng;
    struct wallet_model wallets[WALLETS];
    struct payment_model payments[PAYMENTS];
    struct call_model calls[CALLS];
    enum wallet_once_state onces[ONCES];
    unsigned keys; /* that were ever used */
    unsigned captures;
    int64_t receivable, chain, bad_debt, revenue, shortfall, topups;
    unsigned outcomes[RC__COUNT];
    unsigned ends[WALLET_PAYMENT_REVERTED + 1];
};

static unsigned pick(struct model *m, uint64_t bound)
{
    return (unsigned)prng_below(&m->prng, bound);
}

/* Up to `most`, at least a nano. */
static int64_t amount_to(struct model *m, int64_t most)
{
    if (most <= 1)
        return 1;
    return pick(m, 4) == 0 ? most : (int64_t)prng_below(&m->prng, (uint64_t)most) + 1;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static struct money nano(int64_t amount)
{
    assert_true(amount >= 0);
    return money_from_nano((uint64_t)amount);
}

static const char *text_of(int64_t amount)
{
    static char text[MONEY_TEXT_SIZE];

    money_print_short(text, nano(amount));
    return text;
}

static void expect(struct model *m, enum rc got, enum rc wanted)
{
    assert_string_equal(rc_reason(got), rc_reason(wanted));
    m->outcomes[got]++;
}

/* ---- Comparing ---- */

static void compare_account(struct ledger_view *v, struct id id, int64_t money,
                            int64_t held)
{
    struct ledger_account a;
    struct money has = MONEY_ZERO;

    assert_int_equal(wallet__read_account(&a, v, id), RC_OK);
    assert_true(money_sub(&has, a.credits, a.debits));
    assert_int_equal(money_to_nano(has), money);
    assert_int_equal(money_to_nano(a.held), held);
}

static void compare_wallet(struct ledger_view *v, const struct wallet_model *w)
{
    struct wallet found;
    uint64_t version;
    struct money owed;
    enum rc rc = wallet__read_wallet(&found, NULL, v, w->id);

    assert_int_equal(rc, w->open ? RC_OK : RC_NOT_FOUND);
    if (rc == RC_OK)
        assert_int_equal(found.frozen, w->frozen);
    compare_account(v, w->id, w->money, w->held);
    assert_int_equal(wallet__read_debt(&owed, &version, v, w->id), RC_OK);
    assert_int_equal(money_to_nano(owed), w->debt);
}

static void compare_payment(struct ledger_view *v, const struct payment_model *p)
{
    struct wallet_payment found;
    enum rc rc = wallet__read_payment(&found, v, p->p.key);

    compare_account(v, p->p.id, p->money, p->held);
    assert_int_equal(rc, p->state == WALLET_PAYMENT_NEW ? RC_NOT_FOUND : RC_OK);
    if (rc == RC_NOT_FOUND)
        return;
    assert_int_equal(found.state, p->state);
    assert_int_equal(found.closed, p->closed);
    assert_int_equal(money_to_nano(found.value), p->value);
    if (p->state == WALLET_PAYMENT_SETTLED)
        assert_int_equal(money_to_nano(found.settle), p->settle);
}

static void compare(struct model *m)
{
    struct wallet_payment_house paid;
    struct wallet_house house;
    struct ledger_view *v;

    assert_int_equal(ledger_view_open(&v, m->f->ledger), RC_OK);
    for (unsigned i = 0; i < WALLETS; i++)
        compare_wallet(v, &m->wallets[i]);
    for (unsigned i = 0; i < PAYMENTS; i++)
        compare_payment(v, &m->payments[i]);
    ledger_view_close(v);
    assert_int_equal(wallet_payment_house(&paid, m->f->book), RC_OK);
    assert_int_equal(money_to_nano(paid.receivable), m->receivable);
    assert_int_equal(money_to_nano(paid.chain), m->chain);
    assert_int_equal(money_to_nano(paid.bad_debt), m->bad_debt);
    assert_int_equal(wallet_house(&house, m->f->book), RC_OK);
    assert_int_equal(money_to_nano(house.revenue), m->revenue);
    assert_int_equal(money_to_nano(house.shortfall), m->shortfall);
    assert_int_equal(money_to_nano(house.topups), m->topups);
}

/* ---- Steps of payments ---- */

static void begin_payment(struct model *m, struct payment_model *p)
{
    *p = (struct payment_model){.key = m->keys++, .payer = pick(m, PAYERS)};
    p->value = pick(m, 10) == 0 ? 0 : amount_to(m, 100 * (int64_t)CENT);
    p->p = payment_of(m->f, p->payer, p->key, text_of(p->value));
    p->wallet = (int)p->payer;
    if (pick(m, 5) == 0) {
        p->wallet = TARGET;
        p->p.target = m->wallets[TARGET].id;
    }
}

static struct payment_model *any_payment(struct model *m)
{
    return &m->payments[pick(m, PAYMENTS)];
}

/* Now and then by a driver that read it long ago. */
static bool is_late(struct model *m, struct payment_model *p)
{
    if (p->p.version < 2 || pick(m, 20) != 0)
        return false;
    p->p.version--;
    return true;
}

static enum rc run(struct model *m, struct payment_model *p, payment_step_fn *step,
                   enum rc wanted)
{
    bool late = p->state != WALLET_PAYMENT_NEW && is_late(m, p);
    enum rc rc = payment_step(m->f, &p->p, step);

    if (p->state == WALLET_PAYMENT_NEW && step != wallet_payment_claim)
        wanted = RC_NOT_FOUND;
    if (late) {
        p->p.version++;
        wanted = RC_STALE;
    }
    expect(m, rc, wanted);
    return rc;
}

static bool under_way(const struct payment_model *p)
{
    return p->state == WALLET_PAYMENT_RESERVED ||
           p->state == WALLET_PAYMENT_SUBMITTED || p->state == WALLET_PAYMENT_UNKNOWN;
}

static void step_claim(struct model *m)
{
    struct payment_model *p = any_payment(m);
    const bool submits = pick(m, 4) == 0;
    enum rc wanted = RC_OK;

    if (p->state != WALLET_PAYMENT_NEW && p->state != WALLET_PAYMENT_RELEASED)
        wanted = RC_EXISTS;
    else if (m->wallets[p->payer].debt > 0)
        wanted = RC_FORBIDDEN;
    p->p.value = nano(p->value);
    /* With what is about to be sent, or not. */
    p->p.state = submits ? WALLET_PAYMENT_SUBMITTED : WALLET_PAYMENT_NEW;
    if (run(m, p, wallet_payment_claim, wanted) != RC_OK)
        return;
    p->state = submits ? WALLET_PAYMENT_SUBMITTED : WALLET_PAYMENT_RESERVED;
    p->closed = false;
    p->money = p->value;
    m->receivable += p->value;
}

static void step_note(struct model *m)
{
    static const enum wallet_payment_state to[] = {
        WALLET_PAYMENT_RESERVED, WALLET_PAYMENT_SUBMITTED, WALLET_PAYMENT_UNKNOWN,
        WALLET_PAYMENT_SETTLED};
    struct payment_model *p = any_payment(m);
    enum wallet_payment_state next = to[pick(m, 4)];
    bool settles = next == WALLET_PAYMENT_SETTLED;
    bool good = p->state == WALLET_PAYMENT_SETTLED ? settles : under_way(p) && !settles;

    p->p.state = next;
    if (run(m, p, wallet_payment_note, good ? RC_OK : RC_CONFLICT) == RC_OK)
        p->state = next;
}

static void step_settled(struct model *m)
{
    struct payment_model *p = any_payment(m);
    int64_t settle = p->value == 0 ? 0 : amount_to(m, p->value);

    if (under_way(p))
        p->p.settle = nano(settle);
    if (run(m, p, wallet_payment_settled, under_way(p) ? RC_OK : RC_CONFLICT) != RC_OK)
        return;
    p->state = WALLET_PAYMENT_SETTLED;
    p->settle = settle;
    m->receivable -= settle;
    m->chain += settle;
}

static void step_failed(struct model *m)
{
    struct payment_model *p = any_payment(m);
    struct wallet_model *payer = &m->wallets[p->payer];
    int64_t captured = p->value - p->money;

    if (run(m, p, wallet_payment_failed,
            under_way(p) && p->held == 0 ? RC_OK : RC_CONFLICT) != RC_OK)
        return;
    assert_int_equal(money_to_nano(payment_told.left), captured);
    p->state = WALLET_PAYMENT_FAILED;
    p->closed = true;
    p->money = 0;
    m->receivable -= p->value;
    m->bad_debt += captured;
    payer->debt += captured;
    payer->open = payer->open || captured > 0;
}

static void step_release(struct model *m)
{
    struct payment_model *p = any_payment(m);
    bool good =
        p->state == WALLET_PAYMENT_RESERVED && p->held == 0 && p->money == p->value;

    if (run(m, p, wallet_payment_release, good ? RC_OK : RC_CONFLICT) != RC_OK)
        return;
    p->state = WALLET_PAYMENT_RELEASED;
    p->closed = true;
    p->money = 0;
    m->receivable -= p->value;
}

/* It has been closed: where its money went. */
static void end_payment(struct model *m, struct payment_model *p)
{
    struct wallet_model *w = &m->wallets[p->wallet];
    struct wallet_model *payer = &m->wallets[p->payer];
    int64_t unsettled = p->value - p->settle;
    int64_t back = least(unsettled, p->money);
    int64_t left = p->money - back;
    int64_t repaid = p->wallet == TARGET ? 0 : least(left, payer->debt);

    p->closed = true;
    if (p->value == 0)
        return;
    w->money += left - repaid;
    assert_int_equal(money_to_nano(payment_told.left), left - repaid);
    assert_int_equal(money_to_nano(payment_told.balance), w->money - w->held);
    p->money = 0;
    payer->open = true;
    payer->debt -= repaid;
    m->receivable -= unsettled;
    m->bad_debt += unsettled - back - repaid;
}

static void step_close(struct model *m)
{
    struct payment_model *p = any_payment(m);
    bool good = p->state == WALLET_PAYMENT_SETTLED && !p->closed && p->held == 0;

    if (run(m, p, wallet_payment_close, good ? RC_OK : RC_CONFLICT) == RC_OK)
        end_payment(m, p);
}

static void step_finish(struct model *m)
{
    struct payment_model *p = any_payment(m);
    int64_t settle = p->value == 0 ? 0 : amount_to(m, p->value);
    bool good = under_way(p) && p->held == 0;

    if (under_way(p))
        p->p.settle = nano(settle);
    if (run(m, p, wallet_payment_finish, good ? RC_OK : RC_CONFLICT) != RC_OK)
        return;
    p->state = WALLET_PAYMENT_SETTLED;
    p->settle = settle;
    m->receivable -= settle;
    m->chain += settle;
    end_payment(m, p);
}

static void step_revert(struct model *m)
{
    struct payment_model *p = any_payment(m);
    struct wallet_model *w = &m->wallets[p->wallet];
    int64_t taken = least(p->settle, w->money - w->held);
    bool good = p->state == WALLET_PAYMENT_SETTLED && p->closed;

    if (run(m, p, wallet_payment_revert, good ? RC_OK : RC_CONFLICT) != RC_OK)
        return;
    p->state = WALLET_PAYMENT_REVERTED;
    if (p->value == 0)
        return;
    assert_int_equal(money_to_nano(payment_told.left), p->settle - taken);
    w->money -= taken;
    w->frozen = true;
    m->chain -= p->settle;
    m->bad_debt += p->settle - taken;
    m->wallets[p->payer].debt += p->settle - taken;
}

/* What is at its end makes room for another one. */
static void step_next(struct model *m)
{
    struct payment_model *p = any_payment(m);

    if (!p->closed || p->held > 0)
        return;
    m->ends[p->state]++;
    begin_payment(m, p);
}

/* ---- Calls ---- */

static enum rc read_caller(struct model *m, struct call *c,
                           const struct payment_model *p, unsigned wallet)
{
    struct wallet_caller *out = &c->hold.caller;

    if (p != NULL)
        return wallet_payment_caller(out, m->f->book, &p->p);
    return wallet_caller(out, m->f->book, m->wallets[wallet].id);
}

/* None of them is a payment's key. */
static struct wallet_once once_of(unsigned once)
{
    return (struct wallet_once){.present = true, .key = {(uint8_t)once, 1, 1, 1, 1}};
}

static void hold(struct model *m, struct call_model *c, struct payment_model *p,
                 unsigned wallet)
{
    struct wallet_model *w = &m->wallets[wallet];
    int64_t *money = p != NULL ? &p->money : &w->money;
    int64_t *held = p != NULL ? &p->held : &w->held;
    int64_t amount = amount_to(m, *money + (int64_t)CENT / 2);
    unsigned once = pick(m, ONCES);
    enum rc wanted = RC_OK;
    enum rc rc;

    if (!w->open && p == NULL)
        wanted = RC_NOT_FOUND;
    else if (w->frozen)
        wanted = RC_FROZEN;
    else if (p != NULL && p->state == WALLET_PAYMENT_NEW)
        wanted = RC_NOT_FOUND; /* it has no account before its claim */
    else if (m->onces[once] != WALLET_ONCE_NEW)
        wanted = RC_USED;
    else if (amount > *money - *held)
        wanted = RC_NO_FUNDS;
    memset(&c->call->hold, 0, sizeof(c->call->hold));
    c->call->hold.once = once_of(once);
    rc = read_caller(m, c->call, p, wallet);
    if (rc == RC_OK)
        rc = hold_call(m->f, c->call, ID_NONE, text_of(amount));
    expect(m, rc, wanted);
    if (rc != RC_OK)
        return;
    c->live = true;
    c->money = money;
    c->held = held;
    c->amount = amount;
    c->once = once;
    *held += amount;
    m->onces[once] = WALLET_ONCE_SERVING;
}

static struct call_model *any_call(struct model *m, bool live)
{
    for (unsigned i = 0; i < 2 * CALLS; i++) {
        struct call_model *c = &m->calls[pick(m, CALLS)];

        if (c->live == live)
            return c;
    }
    return NULL;
}

static void step_hold(struct model *m)
{
    struct call_model *c = any_call(m, false);
    struct payment_model *p = any_payment(m);

    if (c != NULL)
        hold(m, c, p, p->payer);
}

static void step_hold_wallet(struct model *m)
{
    struct call_model *c = any_call(m, false);

    if (c != NULL)
        hold(m, c, NULL, pick(m, WALLETS));
}

static void capture(struct model *m, struct call_model *c)
{
    int64_t amount, taken;

    amount = amount_to(m, c->amount + (int64_t)(pick(m, 4) == 0 ? CENT : 0));
    taken = least(amount, *c->money - *c->held + c->amount);
    expect(m, capture_call(m->f, c->call, text_of(amount)), RC_OK);
    assert_int_equal(money_to_nano(c->call->hold.captured), taken);
    *c->held -= c->amount;
    *c->money -= taken;
    m->revenue += amount;
    m->captures++;
    m->shortfall += amount - taken;
    m->onces[c->once] = WALLET_ONCE_DONE;
    c->live = false;
}

static void step_capture(struct model *m)
{
    struct call_model *c = any_call(m, true);

    if (c != NULL)
        capture(m, c);
}

/* A call that no restart comes between. */
static void step_serve(struct model *m)
{
    struct call_model *c = any_call(m, false);
    struct payment_model *p = any_payment(m);

    if (c != NULL)
        hold(m, c, p, p->payer);
    if (c != NULL && c->live)
        capture(m, c);
}

static void step_void(struct model *m)
{
    struct call_model *c = any_call(m, true);
    bool executed = pick(m, 2) == 0;

    if (c == NULL)
        return;
    expect(m, void_call(m->f, c->call, executed), RC_OK);
    *c->held -= c->amount;
    m->onces[c->once] = executed ? WALLET_ONCE_FAILED : WALLET_ONCE_NEW;
    c->live = false;
}

static void step_look(struct model *m)
{
    unsigned once = pick(m, ONCES);
    struct wallet_once key = once_of(once);
    struct wallet_once_seen seen;
    unsigned deleted, swept = 0;

    assert_int_equal(wallet_once_look(&seen, m->f->book, &key), RC_OK);
    assert_int_equal(seen.state, m->onces[once]);
    if (pick(m, 8) != 0)
        return;
    /* They end at no time at all, so that all which serve nobody are swept. */
    assert_int_equal(wallet_once_sweep(m->f->book, 1, 1000, &deleted), RC_OK);
    for (unsigned i = 0; i < ONCES; i++) {
        if (m->onces[i] == WALLET_ONCE_NEW || m->onces[i] == WALLET_ONCE_SERVING)
            continue;
        m->onces[i] = WALLET_ONCE_NEW;
        swept++;
    }
    assert_int_equal(deleted, swept);
}

/* ---- Everybody else ---- */

static void step_topup(struct model *m)
{
    struct wallet_model *w = &m->wallets[pick(m, WALLETS)];
    int64_t amount = amount_to(m, 20 * (int64_t)CENT);
    struct wallet_topup t;
    int64_t repaid;
    enum rc rc = wallet_topup(&t, m->f->book, w->id, nano(amount), SLICE_NONE);

    expect(m, rc, w->open ? RC_OK : RC_NOT_FOUND);
    if (rc != RC_OK)
        return;
    m->topups += amount;
    w->money += amount;
    repaid = least(w->debt, w->money - w->held);
    w->money -= repaid;
    w->debt -= repaid;
    m->bad_debt -= repaid;
    assert_int_equal(money_to_nano(t.balance), w->money - w->held);
}

static void step_freeze(struct model *m)
{
    struct wallet_model *w = &m->wallets[pick(m, WALLETS)];
    bool frozen = pick(m, 4) == 0;
    enum rc rc = wallet_freeze(m->f->book, w->id, frozen);

    expect(m, rc, w->open ? RC_OK : RC_NOT_FOUND);
    if (rc == RC_OK)
        w->frozen = frozen;
}

static void restart(struct model *m)
{
    fixture_restart(m->f);
    for (unsigned i = 0; i < CALLS; i++) {
        struct call_model *c = &m->calls[i];

        if (!c->live)
            continue;
        *c->held -= c->amount;
        m->onces[c->once] = WALLET_ONCE_BROKEN;
        c->live = false;
    }
}

static void step_restart(struct model *m)
{
    if (m->f->kind == LEDGER_LMDB && pick(m, 4) == 0)
        restart(m);
}

/* ---- Running ---- */

static void begin(struct model *m, struct fixture *f, uint64_t seed)
{
    memset(m, 0, sizeof(*m));
    m->f = f;
    m->prng.state = seed;
    for (unsigned i = 0; i < PAYERS; i++) {
        struct wallet_payment p = payment_of(f, i, 0, "1");

        m->wallets[i].id = wallet_payer_id(p.payer);
    }
    m->wallets[TARGET].id = new_wallet(f, "target");
    m->wallets[TARGET].open = true;
    for (unsigned i = 0; i < PAYMENTS; i++)
        begin_payment(m, &m->payments[i]);
    for (unsigned i = 0; i < CALLS; i++)
        m->calls[i].call = new_call(f);
}

static void step(struct model *m)
{
    static void (*const steps[])(struct model *) = {
        step_claim,   step_claim,   step_claim,       step_claim,   step_note,
        step_settled, step_settled, step_failed,      step_failed,  step_release,
        step_release, step_close,   step_close,       step_finish,  step_revert,
        step_next,    step_next,    step_next,        step_hold,    step_hold,
        step_hold,    step_hold,    step_hold_wallet, step_serve,   step_serve,
        step_serve,   step_capture, step_capture,     step_capture, step_void,
        step_look,    step_look,    step_topup,       step_topup,   step_freeze,
        step_freeze,  step_restart,
    };

    steps[pick(m, sizeof(steps) / sizeof(steps[0]))](m);
    compare(m);
}

static void run_model(struct model *m, enum ledger_kind kind, uint64_t seed,
                      unsigned steps)
{
    struct fixture f;

    fixture_open(&f, kind);
    begin(m, &f, seed);
    for (unsigned i = 0; i < steps; i++)
        step(m);
    fixture_close(&f);
}

static void random_payments_agree_with_plain_sums(void **state)
{
    static struct model m;
    unsigned outcomes[RC__COUNT] = {0};
    unsigned ends[WALLET_PAYMENT_REVERTED + 1] = {0};

    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        run_model(&m, LEDGER_MEMORY, seed, STEPS);
        for (unsigned rc = 0; rc < RC__COUNT; rc++)
            outcomes[rc] += m.outcomes[rc];
        for (unsigned i = 0; i <= WALLET_PAYMENT_REVERTED; i++)
            ends[i] += m.ends[i];
    }
    /* It would prove little if steps never went well, or always did. */
    assert_true(outcomes[RC_OK] > 3000);
    assert_true(outcomes[RC_CONFLICT] > 1000);
    assert_true(outcomes[RC_EXISTS] > 300);
    assert_true(outcomes[RC_FORBIDDEN] > 30);
    assert_true(outcomes[RC_STALE] > 30);
    assert_true(outcomes[RC_USED] > 30);
    assert_true(outcomes[RC_NO_FUNDS] > 30);
    assert_true(outcomes[RC_FROZEN] > 30);
    assert_true(ends[WALLET_PAYMENT_SETTLED] > 50);
    assert_true(ends[WALLET_PAYMENT_RELEASED] > 20);
    assert_true(ends[WALLET_PAYMENT_FAILED] > 50);
    assert_true(ends[WALLET_PAYMENT_REVERTED] > 20);
}

/* So often that no state is left out, and yet some calls come to their end. */
static void random_payments_outlive_a_restart_every_other_step(void **state)
{
    static struct model m;
    struct fixture f;

    (void)state;
    fixture_open(&f, LEDGER_LMDB);
    begin(&m, &f, 8);
    for (unsigned i = 0; i < STEPS / 4; i++) {
        step(&m);
        if (i % 2 == 0)
            restart(&m);
    }
    fixture_close(&f);
    assert_true(m.outcomes[RC_OK] > 100);
    assert_true(m.captures > 5);
}

static void random_payments_outlive_restarts_anywhere(void **state)
{
    static struct model m;

    (void)state;
    run_model(&m, LEDGER_LMDB, 7, STEPS / 2);
    assert_true(m.ends[WALLET_PAYMENT_SETTLED] > 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_payments_agree_with_plain_sums),
        cmocka_unit_test(random_payments_outlive_restarts_anywhere),
        cmocka_unit_test(random_payments_outlive_a_restart_every_other_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/laws.h"

#include "wallet/payment_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void print_faults(const char *who, const struct ledger_report *r)
{
    for (unsigned i = 0; i < r->fault_count && i < 16; i++)
        print_error("%s: %s\n", who, r->faults[i]);
}

void laws_check(struct ledger *l)
{
    static struct ledger_report verified, audited;
    FILE *export = tmpfile();

    assert_non_null(export);
    assert_int_equal(ledger_verify(l, &verified), RC_OK);
    print_faults("verify", &verified);
    assert_true(verified.ok);

    assert_int_equal(ledger_export(l, export), RC_OK);
    assert_int_equal(fflush(export), 0);
    rewind(export);
    assert_int_equal(ledger_audit(export, &audited), RC_OK);
    print_faults("audit", &audited);
    assert_true(audited.ok);
    assert_int_equal(fclose(export), 0);

    assert_int_equal(audited.entries, verified.entries);
    assert_int_equal(audited.accounts, verified.accounts);
    assert_int_equal(audited.holds, verified.holds);
    assert_memory_equal(audited.head, verified.head, sizeof(verified.head));
}

struct total {
    struct ledger_view *view;
    struct money has;
};

static bool add_wallet(void *arg, const struct wallet *w)
{
    struct total *t = arg;
    struct ledger_account a;
    enum rc rc;

    if (w->depth > 0)
        return true;
    rc = ledger_view_account(&a, t->view, w->id);
    if (rc == RC_NOT_FOUND)
        return true; /* never had any */
    assert_int_equal(rc, RC_OK);
    assert_true(money_add(&t->has, t->has, ledger_available(&a)));
    assert_true(money_add(&t->has, t->has, a.held));
    return true;
}

/* ---- Payments ---- */

struct payments {
    struct ledger_view *view;
    struct money held;     /* by their accounts */
    struct money promised; /* and not come */
    struct money come;
    struct money owed; /* by payers */
    unsigned open;
};

static void add(struct money *sum, struct money more)
{
    assert_true(money_add(sum, *sum, more));
}

static void add_account(struct payments *t, const struct wallet_payment *p)
{
    struct ledger_account a;
    struct money has = MONEY_ZERO;
    enum rc rc = ledger_view_account(&a, t->view, p->id);

    if (money_is_zero(p->value)) { /* somebody else's */
        assert_int_equal(rc, RC_NOT_FOUND);
        return;
    }
    assert_int_equal(rc, RC_OK);
    assert_true(money_sub(&has, a.credits, a.debits));
    if (p->closed)
        assert_int_equal(money_to_nano(has), 0);
    if (!p->closed)
        assert_true(money_cmp(has, p->value) <= 0);
    add(&t->held, has);
}

static bool add_payment(void *arg, struct slice key, struct slice value,
                        uint64_t version)
{
    struct payments *t = arg;
    struct wallet_payment p;
    bool settled;

    (void)version;
    assert_int_equal(wallet__payment_decode(&p, key, value), RC_OK);
    add_account(t, &p);
    settled = p.state == WALLET_PAYMENT_SETTLED;
    if (settled)
        add(&t->come, p.settle);
    if (!p.closed) {
        t->open++;
        add(&t->promised, settled ? money_sub_floor(p.value, p.settle) : p.value);
    }
    return true;
}

static bool add_open(void *arg, struct slice key, struct slice value, uint64_t version)
{
    struct payments *t = arg;
    struct wallet_payment p;
    struct slice record;

    (void)value;
    assert_int_equal(
        ledger_view_record(&record, &version, t->view, WALLET__KIND_PAYMENT, key),
        RC_OK);
    assert_int_equal(wallet__payment_decode(&p, key, record), RC_OK);
    assert_false(p.closed);
    t->open--;
    return true;
}

static bool add_debt(void *arg, struct slice key, struct slice value, uint64_t version)
{
    struct payments *t = arg;
    struct money owed;

    (void)key;
    (void)version;
    assert_int_equal(wallet__debt_decode(&owed, value), RC_OK);
    add(&t->owed, owed);
    return true;
}

/* What the accounts of payments have, and what the house gave for all that. */
static void check_payments(struct money *held, struct money *given, struct ledger *l,
                           struct wallet_book *b)
{
    struct payments t = {.open = 0};
    struct wallet_payment_house house;

    assert_int_equal(ledger_view_open(&t.view, l), RC_OK);
    assert_int_equal(ledger_view_records(t.view, WALLET__KIND_PAYMENT, SLICE_NONE,
                                         SLICE_NONE, add_payment, &t),
                     RC_OK);
    assert_int_equal(ledger_view_records(t.view, WALLET__KIND_OPEN, SLICE_NONE,
                                         SLICE_NONE, add_open, &t),
                     RC_OK);
    assert_int_equal(ledger_view_records(t.view, WALLET__KIND_DEBT, SLICE_NONE,
                                         SLICE_NONE, add_debt, &t),
                     RC_OK);
    ledger_view_close(t.view);
    assert_int_equal(t.open, 0);
    assert_int_equal(wallet_payment_house(&house, b), RC_OK);
    assert_int_equal(money_to_nano(house.receivable), money_to_nano(t.promised));
    assert_int_equal(money_to_nano(house.chain), money_to_nano(t.come));
    assert_true(money_cmp(house.bad_debt, t.owed) >= 0);
    *held = t.held;
    *given = house.receivable;
    add(given, house.chain);
    add(given, house.bad_debt);
}

static bool add_purchase(void *arg, struct id id, const struct wallet_purchase *p)
{
    struct money *paid = arg;

    (void)id;
    if (p->state == WALLET_PURCHASE_PAID)
        add(paid, p->amount);
    return true;
}

static void check_purchases(struct wallet_book *b)
{
    struct money paid = MONEY_ZERO, spent;

    assert_int_equal(wallet_purchase_list(b, ID_NONE, add_purchase, &paid), RC_OK);
    assert_int_equal(wallet_purchase_spent(&spent, b), RC_OK);
    assert_int_equal(money_to_nano(spent), money_to_nano(paid));
}

/* ---- Shares ---- */

enum {
    PAYEES_MAX = 4096
};

/* Accounts that got shares of calls, and those that it was moved on to. */
struct payees {
    struct id ids[PAYEES_MAX];
    unsigned count;
};

static bool is_payee(const struct payees *p, struct id id)
{
    for (unsigned i = 0; i < p->count; i++)
        if (id_cmp(p->ids[i], id) == 0)
            return true;
    return false;
}

static void add_payee(struct payees *p, struct wallet_book *b, struct id id)
{
    struct wallet w;

    if (is_payee(p, id) || memcmp(id.bytes, "house/", 6) == 0 ||
        wallet_get(&w, b, id) == RC_OK)
        return;
    assert_true(p->count < PAYEES_MAX);
    p->ids[p->count++] = id;
}

static void find_payees(struct payees *p, struct wallet_book *b,
                        const struct ledger_entry *e)
{
    for (unsigned i = 0; i < e->leg_count; i++) {
        const struct ledger_leg *leg = &e->legs[i];
        bool share = i > 0 && leg->number == WALLET__USD && wallet__is_call(e) &&
                     id_cmp(leg->credit, wallet__revenue) != 0;

        if (e->verb != LEDGER_HOLD && (share || is_payee(p, leg->debit)))
            add_payee(p, b, leg->credit);
    }
}

static struct money shares_held(struct ledger *l, struct wallet_book *b)
{
    static struct payees payees;
    struct money sum = MONEY_ZERO;
    struct ledger_account a;
    struct ledger_view *v;
    uint64_t head;

    payees.count = 0;
    assert_int_equal(ledger_view_open(&v, l), RC_OK);
    head = ledger_view_head(v);
    ledger_view_close(v);
    for (uint64_t seq = 1; seq <= head; seq++) {
        struct ledger_entry e;

        assert_int_equal(ledger_view_open(&v, l), RC_OK);
        assert_int_equal(ledger_view_entry(&e, v, seq), RC_OK);
        ledger_view_close(v); /* legs are copies; the memo is not looked at */
        find_payees(&payees, b, &e);
    }
    assert_int_equal(ledger_view_open(&v, l), RC_OK);
    for (unsigned i = 0; i < payees.count; i++) {
        assert_int_equal(ledger_view_account(&a, v, payees.ids[i]), RC_OK);
        add(&sum, ledger_available(&a));
        add(&sum, a.held);
    }
    ledger_view_close(v);
    return sum;
}

void laws_check_wallets(struct ledger *l, struct wallet_book *b)
{
    struct total t = {.has = MONEY_ZERO};
    struct money given, taken, held;
    struct wallet_house house;

    laws_check(l);
    assert_int_equal(ledger_view_open(&t.view, l), RC_OK);
    assert_int_equal(wallet_list(b, ID_NONE, add_wallet, &t), RC_OK);
    ledger_view_close(t.view);
    check_payments(&held, &given, l, b);
    check_purchases(b);
    assert_int_equal(wallet_house(&house, b), RC_OK);
    add(&given, house.topups);
    add(&given, house.shortfall);
    taken = t.has;
    add(&taken, held);
    add(&taken, shares_held(l, b));
    add(&taken, house.revenue);
    assert_int_equal(money_to_nano(taken), money_to_nano(given));
}

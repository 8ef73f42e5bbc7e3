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
    enum rc rc = ledger_view_account(&a, t->view, wallet_payment_account(p->key));

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

    (void)value;
    (void)version;
    assert_int_equal(key.len, sizeof(p.key));
    assert_int_equal(wallet__read_payment(&p, t->view, (const uint8_t *)key.bytes),
                     RC_OK);
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
    add(&taken, house.revenue);
    assert_int_equal(money_to_nano(taken), money_to_nano(given));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/laws.h"

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

void laws_check_wallets(struct ledger *l, struct wallet_book *b)
{
    struct total t = {.has = MONEY_ZERO};
    struct money given, taken;
    struct wallet_house house;

    laws_check(l);
    assert_int_equal(ledger_view_open(&t.view, l), RC_OK);
    assert_int_equal(wallet_list(b, ID_NONE, add_wallet, &t), RC_OK);
    ledger_view_close(t.view);
    assert_int_equal(wallet_house(&house, b), RC_OK);
    assert_true(money_add(&given, house.topups, house.shortfall));
    assert_true(money_add(&taken, t.has, house.revenue));
    assert_int_equal(money_to_nano(taken), money_to_nano(given));
}

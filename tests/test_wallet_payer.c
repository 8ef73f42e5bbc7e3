/* SPDX-License-Identifier: Apache-2.0 */
/* The wallet of who pays with his calls, and what reports show of it. */
#include "tests/payment_fixture.h"
#include "wallet/wallet_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int open_memory(void **state)
{
    struct fixture *f = malloc(sizeof(*f));

    assert_non_null(f);
    fixture_open(f, LEDGER_MEMORY);
    payment_fee = MONEY_ZERO;
    *state = f;
    return 0;
}

static int close_book(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

/* ---- The payer's wallet ---- */

static void a_payers_wallet_is_one_like_others(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 0xab, 1, "1");
    struct id id = wallet_payer_id(p.payer);
    char name[WALLET_NAME_MAX + 1];
    struct wallet_caller c;
    struct wallet w;

    assert_int_equal(wallet_get(&w, f->book, id), RC_NOT_FOUND);
    assert_int_equal(wallet_payer_caller(&c, f->book, p.payer), RC_NOT_FOUND);
    payment_settle(f, &p, "1");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    (void)snprintf(name, sizeof(name), "payer-%s", p.payer);
    assert_int_equal(wallet_find(&w, f->book, slice_str(name)), RC_OK);
    assert_int_equal(id_cmp(w.id, id), 0);
    assert_string_equal(w.name, name);
    assert_int_equal(wallet_payer_caller(&c, f->book, p.payer), RC_OK);
    pay(f, id, "0.5", "0.5");
    assert_usd(balance_of(f, id), "0.5");
    assert_int_equal(wallet_create(&w, f->book, slice_str(name), ID_NONE),
                     RC_BAD_INPUT);
}

static void nobody_else_can_have_a_payers_name(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_of(f, 1, 1, "1");
    char name[WALLET_NAME_MAX + 1];
    struct wallet w;

    (void)snprintf(name, sizeof(name), "payer-%s", p.payer);
    assert_int_equal(wallet_create(&w, f->book, slice_str(name), ID_NONE),
                     RC_BAD_INPUT);
    assert_int_equal(wallet_find(&w, f->book, slice_str(name)), RC_NOT_FOUND);
    assert_int_equal(wallet_create(&w, f->book, SLICE("payer-0x12"), ID_NONE), RC_OK);
}

static void a_frozen_payer_gets_no_hold(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    struct wallet_payment q = payment_claimed(f, 1, 2, "1");
    struct call *c = new_call(f);

    payment_settle(f, &p, "1");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    assert_int_equal(wallet_payment_caller(&c->hold.caller, f->book, &q), RC_OK);
    assert_int_equal(wallet_freeze(f->book, wallet_payer_id(p.payer), true), RC_OK);
    assert_int_equal(hold_call(f, c, ID_NONE, "1"), RC_STALE);
    assert_int_equal(payment_hold(f, c, &q, "1"), RC_FROZEN);
    assert_int_equal(payment_step(f, &q, wallet_payment_release), RC_OK);
}

static void a_limit_on_a_payers_wallet_binds_his_payments(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    struct wallet_payment q = payment_claimed(f, 1, 2, "1");
    struct call *c = new_call(f);

    payment_settle(f, &p, "1");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    limit(f, wallet_payer_id(p.payer), WALLET_PER_DAY, "0.5");
    assert_int_equal(payment_hold(f, c, &q, "0.6"), RC_LIMIT);
    assert_int_equal(payment_hold(f, c, &q, "0.5"), RC_OK);
    assert_int_equal(void_call(f, c, false), RC_OK);
    assert_int_equal(payment_step(f, &q, wallet_payment_release), RC_OK);
}

/* ---- Reports ---- */

struct rows {
    unsigned count;
    struct wallet_row rows[8];
    char refs[8][80];
};

static bool keep_row(void *arg, const struct wallet_row *row)
{
    struct rows *r = arg;

    assert_true(r->count < 8);
    assert_int_equal(slice_to_cstr(r->refs[r->count], 80, row->ref), RC_OK);
    r->rows[r->count++] = *row;
    return true;
}

static void a_statement_shows_payments_and_what_they_paid(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    struct id w = wallet_payer_id(p.payer);
    struct rows r = {.count = 0};
    struct rows usage = {.count = 0};

    payment_serve(f, &p, "1", "0.3");
    payment_settle(f, &p, "1");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    assert_int_equal(wallet_statement(f->book, w, 0, keep_row, &r), RC_OK);
    assert_int_equal(r.count, 2);
    assert_string_equal(r.rows[0].kind, "chat");
    assert_true(r.rows[0].by_payment);
    assert_false(r.rows[0].credit);
    assert_usd(r.rows[0].amount, "0.3");
    assert_int_equal(id_cmp(r.rows[0].wallet, w), 0);
    assert_string_equal(r.rows[1].kind, "x402");
    assert_true(r.rows[1].credit);
    assert_false(r.rows[1].by_payment);
    assert_usd(r.rows[1].amount, "0.7");
    assert_usd(r.rows[1].balance, "0.7");
    assert_string_equal(r.refs[1], p.reference);

    assert_int_equal(wallet_usage(f->book, 0, keep_row, &usage), RC_OK);
    assert_int_equal(usage.count, 1);
    assert_true(usage.rows[0].by_payment);
    assert_string_equal(usage.rows[0].wallet_name, r.rows[1].wallet_name);
}

/* With what has come in, and what that has cost, in the same entry. */
static void an_end_that_settles_shows_the_credit(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    struct rows r = {.count = 0};

    payment_serve(f, &p, "1", "0.3");
    p.settle = usd("1");
    payment_fee = money_from_nano(7);
    assert_int_equal(payment_step(f, &p, wallet_payment_finish), RC_OK);
    payment_fee = MONEY_ZERO;
    assert_int_equal(
        wallet_statement(f->book, wallet_payer_id(p.payer), 0, keep_row, &r), RC_OK);
    assert_int_equal(r.count, 2);
    assert_string_equal(r.rows[1].kind, "x402");
    assert_true(r.rows[1].credit);
    assert_usd(r.rows[1].amount, "0.7");
    assert_usd(r.rows[1].balance, "0.7");
}

static void the_targets_statement_shows_the_top_up(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct wallet_payment p = payment_of(f, 1, 1, "5");
    struct rows r = {.count = 0};

    p.target = root;
    assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_OK);
    payment_settle(f, &p, "5");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    assert_int_equal(payment_step(f, &p, wallet_payment_revert), RC_OK);
    assert_int_equal(wallet_statement(f->book, root, 0, keep_row, &r), RC_OK);
    assert_int_equal(r.count, 2);
    assert_string_equal(r.rows[0].kind, "x402");
    assert_string_equal(r.rows[0].wallet_name, "root");
    assert_true(r.rows[0].credit);
    assert_usd(r.rows[0].balance, "5");
    assert_false(r.rows[1].credit);
    assert_usd(r.rows[1].amount, "5");
    assert_usd(r.rows[1].balance, "0");
}

static void a_refund_of_a_paid_call_goes_to_the_payers_wallet(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    char request[WALLET_ID_TEXT_SIZE];
    struct call *c = new_call(f);
    struct wallet_refund r;

    assert_int_equal(payment_hold(f, c, &p, "1"), RC_OK);
    assert_int_equal(capture_call(f, c, "0.3"), RC_OK);
    wallet_id_print(request, 'r', c->hold.request);
    assert_int_equal(wallet_refund(&r, f->book, slice_str(request), NULL),
                     RC_NOT_FOUND); /* he has no wallet yet */
    payment_settle(f, &p, "1");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    assert_int_equal(wallet_refund(&r, f->book, slice_str(request), NULL), RC_OK);
    assert_usd(r.balance, "1");
    assert_usd(payment_credit(f, &p), "1");
    assert_int_equal(wallet_refund(&r, f->book, slice_str(request), NULL), RC_CONFLICT);
}

static void gas_is_booked_in_its_own_coin(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    struct money fees;

    payment_fee = money_from_nano(1234);
    payment_settle(f, &p, "1");
    assert_int_equal(wallet_payment_fees(&fees, f->book, "eip155:84532"), RC_OK);
    assert_int_equal(money_to_nano(fees), 1234);
    assert_int_equal(wallet_payment_fees(&fees, f->book, "eip155:1"), RC_OK);
    assert_int_equal(money_to_nano(fees), 0);
    p = payment_claimed(f, 1, 2, "1");
    payment_fee = money_from_nano(UINT64_MAX); /* what saturates is no obstacle */
    payment_settle(f, &p, "1");
    payment_house(f, "0", "2", "0");
}

#define ON_MEMORY(claim) cmocka_unit_test_setup_teardown(claim, open_memory, close_book)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_MEMORY(a_payers_wallet_is_one_like_others),
        ON_MEMORY(nobody_else_can_have_a_payers_name),
        ON_MEMORY(a_frozen_payer_gets_no_hold),
        ON_MEMORY(a_limit_on_a_payers_wallet_binds_his_payments),
        ON_MEMORY(a_statement_shows_payments_and_what_they_paid),
        ON_MEMORY(an_end_that_settles_shows_the_credit),
        ON_MEMORY(the_targets_statement_shows_the_top_up),
        ON_MEMORY(a_refund_of_a_paid_call_goes_to_the_payers_wallet),
        ON_MEMORY(gas_is_booked_in_its_own_coin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

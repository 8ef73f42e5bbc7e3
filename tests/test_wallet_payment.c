/* SPDX-License-Identifier: Apache-2.0 */
/* Payments that came with a call: each buys at most its own value, and what it did not
 * buy is its payer's. */
#include "tests/payment_fixture.h"
#include "wallet/wallet_int.h"

#include <pthread.h>
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

static int open_lmdb(void **state)
{
    struct fixture *f = malloc(sizeof(*f));

    assert_non_null(f);
    fixture_open(f, LEDGER_LMDB);
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

static void assert_owes(struct fixture *f, const struct wallet_payment *p,
                        const char *amount)
{
    struct money owed;

    assert_int_equal(wallet_payer_debt(&owed, f->book, p->payer), RC_OK);
    assert_usd(owed, amount);
}

/* ---- The ways through ---- */

static void a_payment_up_front_pays_its_call_and_the_rest_is_the_payers(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    struct wallet_payment read;

    assert_int_equal(p.state, WALLET_PAYMENT_RESERVED);
    assert_int_equal(p.version, 1);
    payment_house(f, "1", "0", "0");
    payment_settle(f, &p, "1");
    assert_int_equal(p.state, WALLET_PAYMENT_SETTLED);
    payment_house(f, "0", "1", "0");
    payment_serve(f, &p, "1", "0.3");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    assert_true(p.closed);
    assert_usd(payment_told.left, "0.7");
    assert_usd(payment_told.balance, "0.7");
    assert_usd(payment_credit(f, &p), "0.7");
    payment_house(f, "0", "1", "0");
    assert_int_equal(wallet_payment_read(&read, f->book, p.key), RC_OK);
    assert_memory_equal(&read, &p, sizeof(p));
}

/* Claimed with what is sent for it, and the book is told of the money with the end. */
static void two_steps_of_its_own_are_enough(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_of(f, 1, 1, "1");
    struct call *c = new_call(f);

    p.state = WALLET_PAYMENT_SUBMITTED;
    p.settle = usd("1");
    assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_OK);
    assert_false(id_is_none(p.id));
    payment_house(f, "1", "0", "0");
    assert_int_equal(payment_hold(f, c, &p, "1"), RC_OK);
    assert_int_equal(payment_step(f, &p, wallet_payment_finish), RC_CONFLICT);
    assert_int_equal(capture_call(f, c, "0.3"), RC_OK);
    payment_fee = money_from_nano(7);
    assert_int_equal(payment_step(f, &p, wallet_payment_finish), RC_OK);
    payment_fee = MONEY_ZERO;
    assert_int_equal(p.state, WALLET_PAYMENT_SETTLED);
    assert_true(p.closed);
    assert_usd(payment_told.left, "0.7");
    assert_usd(payment_told.balance, "0.7");
    assert_usd(payment_credit(f, &p), "0.7");
    payment_house(f, "0", "1", "0");
    assert_false(id_is_none(wallet_payment_credit(&p)));
    assert_int_equal(payment_step(f, &p, wallet_payment_finish), RC_CONFLICT);
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_CONFLICT);
    assert_int_equal(payment_step(f, &p, wallet_payment_revert), RC_OK);
}

static void the_end_may_say_whom_it_is_for(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    struct id agent = new_wallet(f, "agent");

    p.settle = usd("1");
    p.target = agent;
    assert_int_equal(payment_step(f, &p, wallet_payment_finish), RC_OK);
    assert_usd(payment_told.left, "1");
    assert_usd(balance_of(f, agent), "1");
}

static void a_payment_after_settles_what_the_call_cost(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");

    payment_serve(f, &p, "1", "0.3");
    payment_settle(f, &p, "0.300001"); /* rounded up to what the token knows */
    payment_house(f, "0.699999", "0.300001", "0");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    assert_usd(payment_told.left, "0.000001");
    assert_usd(payment_credit(f, &p), "0.000001");
    payment_house(f, "0", "0.300001", "0");
}

static void a_top_up_is_credited_to_its_target(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct id child = new_child(f, "child", root);
    struct wallet_payment p = payment_of(f, 1, 1, "5");

    fund(f, root, "1");
    p.target = child;
    assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_OK);
    payment_settle(f, &p, "5");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    assert_usd(payment_told.balance, "6");
    assert_usd(balance_of(f, root), "6");
    assert_usd(payment_credit(f, &p), "0");
}

static bool keep_transfer(void *arg, const struct wallet_row *row)
{
    *(struct id *)arg = row->transfer;
    return true;
}

static void a_target_may_be_named_between_settling_and_closing(void **state)
{
    struct fixture *f = *state;
    struct id first = new_wallet(f, "first");
    struct id second = new_wallet(f, "second");
    struct wallet_payment p = payment_claimed(f, 1, 1, "5");
    struct id transfer = ID_NONE;

    payment_settle(f, &p, "5");
    assert_true(id_is_none(wallet_payment_credit(&p)));
    p.target = first;
    assert_int_equal(payment_step(f, &p, wallet_payment_note), RC_OK);
    p.target = second;
    assert_int_equal(payment_step(f, &p, wallet_payment_note), RC_OK);
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    assert_usd(balance_of(f, first), "0");
    assert_usd(balance_of(f, second), "5");
    assert_int_equal(wallet_statement(f->book, second, 0, keep_transfer, &transfer),
                     RC_OK);
    assert_int_equal(id_cmp(transfer, wallet_payment_credit(&p)), 0);
    p.target = first;
    assert_int_equal(payment_step(f, &p, wallet_payment_note), RC_OK);
    assert_int_equal(id_cmp(p.target, second), 0); /* too late */
}

static void a_target_must_be_a_wallet(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_of(f, 1, 1, "5");

    p.target = (struct id){{1, 2, 3}};
    assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_NOT_FOUND);
    payment_house(f, "0", "0", "0");
}

static void a_failed_payment_that_served_nothing_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");

    assert_int_equal(payment_step(f, &p, wallet_payment_failed), RC_OK);
    assert_int_equal(p.state, WALLET_PAYMENT_FAILED);
    assert_true(p.closed);
    assert_usd(payment_told.left, "0");
    payment_house(f, "0", "0", "0");
    assert_owes(f, &p, "0");
    p.version = 0;
    assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_EXISTS);
}

static void a_released_payment_may_be_claimed_again(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(payment_step(f, &p, wallet_payment_release), RC_OK);
        assert_int_equal(p.state, WALLET_PAYMENT_RELEASED);
        payment_house(f, "0", "0", "0");
        p.value = usd(i == 0 ? "2" : "1");
        assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_OK);
    }
    payment_settle(f, &p, "1");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    assert_usd(payment_credit(f, &p), "1");
}

static void what_was_served_is_not_released(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");

    payment_serve(f, &p, "1", "0.3");
    assert_int_equal(payment_step(f, &p, wallet_payment_release), RC_CONFLICT);
    assert_int_equal(payment_step(f, &p, wallet_payment_failed), RC_OK);
}

static void a_payment_is_not_ended_under_a_call(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    struct call *c = new_call(f);

    assert_int_equal(payment_hold(f, c, &p, "0.4"), RC_OK);
    assert_int_equal(payment_step(f, &p, wallet_payment_release), RC_CONFLICT);
    assert_int_equal(payment_step(f, &p, wallet_payment_failed), RC_CONFLICT);
    payment_settle(f, &p, "1");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_CONFLICT);
    assert_int_equal(void_call(f, c, false), RC_OK);
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    assert_usd(payment_credit(f, &p), "1");
}

static void it_buys_no_more_than_its_value(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    struct call *c = new_call(f);
    struct call *more = new_call(f);

    fund(f, new_wallet(f, "other"), "100");
    assert_int_equal(payment_hold(f, c, &p, "1.000000001"), RC_NO_FUNDS);
    assert_int_equal(payment_hold(f, c, &p, "1"), RC_OK);
    assert_int_equal(payment_hold(f, more, &p, "0.000000001"), RC_NO_FUNDS);
    assert_int_equal(capture_call(f, c, "1.5"), RC_OK);
    assert_usd(c->hold.captured, "1");
    assert_usd(c->hold.shortfall, "0.5");
    payment_settle(f, &p, "1");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    assert_usd(payment_credit(f, &p), "0");
}

static void settled_for_less_than_was_served_is_the_houses_loss(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");

    payment_serve(f, &p, "1", "0.3");
    payment_settle(f, &p, "0.2");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    payment_house(f, "0", "0.2", "0.1");
    assert_owes(f, &p, "0");
}

/* ---- Who may claim ---- */

static void the_second_claim_is_told_that_there_is_one(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_of(f, 1, 1, "1");
    struct wallet_payment copy = p;

    assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_OK);
    assert_int_equal(payment_step(f, &copy, wallet_payment_claim), RC_EXISTS);
    copy.version = 7;
    assert_int_equal(payment_step(f, &copy, wallet_payment_claim), RC_STALE);
    copy.version = p.version;
    assert_int_equal(payment_step(f, &copy, wallet_payment_claim), RC_EXISTS);
    payment_house(f, "1", "0", "0");
    assert_int_equal(payment_step(f, &p, wallet_payment_release), RC_OK);
    assert_int_equal(payment_step(f, &copy, wallet_payment_claim), RC_STALE);
}

static void what_cannot_be_kept_is_refused(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment good = payment_of(f, 1, 1, "1");
    struct wallet_payment p = good;

    p.payer[5] = 'A';
    assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_BAD_INPUT);
    p = good;
    p.details_len = WALLET_PAYMENT_DETAILS_MAX + 1;
    assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_BAD_INPUT);
    p = good;
    memcpy(p.method, "a\nb", 4);
    assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_BAD_INPUT);
    p = good;
    p.value = usd("1000000.000000001");
    assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_TOO_BIG);
    assert_int_equal(payment_step(f, &p, wallet_payment_note), RC_NOT_FOUND);
    p = good;
    p.details_len = WALLET_PAYMENT_DETAILS_MAX;
    assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_OK);
}

/* What we settle for others: its states are kept, and no money of ours is moved. */
static void a_payment_of_no_value_is_kept_and_moves_nothing(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_of(f, 1, 1, "1");
    struct wallet_payment q = payment_of(f, 2, 2, "1");
    struct wallet_balance none;

    p.value = q.value = MONEY_ZERO;
    assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_OK);
    p.state = WALLET_PAYMENT_SUBMITTED;
    assert_int_equal(payment_step(f, &p, wallet_payment_note), RC_OK);
    assert_int_equal(payment_step(f, &p, wallet_payment_settled), RC_OK);
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    assert_true(p.closed);
    assert_usd(payment_told.left, "0");
    assert_int_equal(wallet_balance(&none, f->book, wallet_payer_id(p.payer)),
                     RC_NOT_FOUND);
    assert_int_equal(payment_step(f, &q, wallet_payment_claim), RC_OK);
    assert_int_equal(payment_step(f, &q, wallet_payment_release), RC_OK);
    assert_int_equal(payment_step(f, &q, wallet_payment_claim), RC_OK);
    assert_int_equal(payment_step(f, &q, wallet_payment_failed), RC_OK);
    assert_true(q.closed);
    payment_house(f, "0", "0", "0");
}

static void only_what_follows_a_state_can_be_done(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    struct wallet_payment wrong = p;

    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_CONFLICT);
    assert_int_equal(payment_step(f, &p, wallet_payment_revert), RC_CONFLICT);
    assert_int_equal(payment_step(f, &p, wallet_payment_settled), RC_BAD_INPUT);
    wrong.settle = usd("1.1");
    assert_int_equal(payment_step(f, &wrong, wallet_payment_settled), RC_BAD_INPUT);
    wrong.settle = usd("1");
    wrong.state = WALLET_PAYMENT_SETTLED;
    assert_int_equal(payment_step(f, &wrong, wallet_payment_note), RC_CONFLICT);
    payment_settle(f, &p, "1");
    assert_int_equal(payment_step(f, &p, wallet_payment_failed), RC_CONFLICT);
    assert_int_equal(payment_step(f, &p, wallet_payment_release), RC_CONFLICT);
    assert_int_equal(payment_step(f, &p, wallet_payment_settled), RC_CONFLICT);
    assert_int_equal(payment_step(f, &p, wallet_payment_revert), RC_CONFLICT);
    wrong = p;
    wrong.version--;
    assert_int_equal(payment_step(f, &wrong, wallet_payment_close), RC_STALE);
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_CONFLICT);
    p.details_len = 0;
    assert_int_equal(payment_step(f, &p, wallet_payment_note), RC_OK);
    assert_true(p.closed);
    payment_house(f, "0", "1", "0");
}

static void what_was_claimed_stays_as_it_was(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");

    p.value = usd("100");
    p.target = (struct id){{1}};
    p.after = true;
    p.state = WALLET_PAYMENT_UNKNOWN;
    memcpy(p.details, "other", 5);
    p.details_len = 5;
    assert_int_equal(payment_step(f, &p, wallet_payment_note), RC_OK);
    assert_usd(p.value, "1");
    assert_true(id_is_none(p.target));
    assert_false(p.after);
    assert_int_equal(p.state, WALLET_PAYMENT_UNKNOWN);
    assert_int_equal(p.details_len, 5);
    assert_int_equal(payment_step(f, &p, wallet_payment_failed), RC_OK);
}

enum {
    THREADS = 100
};

struct racer {
    struct fixture *f;
    struct wallet_payment p;
    pthread_barrier_t *start;
    enum rc rc;
};

static void *race(void *arg)
{
    struct racer *r = arg;

    pthread_barrier_wait(r->start);
    r->rc = payment_step(r->f, &r->p, wallet_payment_claim);
    return NULL;
}

static void a_hundred_claims_at_once_are_one(void **state)
{
    struct racer *racers = calloc(THREADS, sizeof(*racers));
    struct fixture *f = *state;
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    struct wallet_payment won;
    unsigned winners = 0;

    assert_non_null(racers);
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        racers[i].f = f;
        racers[i].p = payment_of(f, 1, 1, "1");
        racers[i].p.created_us = 1; /* equal to the last byte */
        racers[i].p.expires_us = 2;
        racers[i].start = &start;
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        if (racers[i].rc == RC_OK)
            won = racers[i].p;
        winners += racers[i].rc == RC_OK;
        assert_true(racers[i].rc == RC_OK || racers[i].rc == RC_EXISTS);
    }
    assert_int_equal(winners, 1);
    payment_house(f, "1", "0", "0");
    assert_int_equal(payment_step(f, &won, wallet_payment_release), RC_OK);
    pthread_barrier_destroy(&start);
    free(racers);
}

/* ---- Debt ---- */

/* A payer who was served for 0.3 and never paid. */
static struct wallet_payment bad(struct fixture *f, unsigned payer, unsigned key)
{
    struct wallet_payment p = payment_claimed(f, payer, key, "1");

    payment_serve(f, &p, "1", "0.3");
    assert_int_equal(payment_step(f, &p, wallet_payment_failed), RC_OK);
    assert_usd(payment_told.left, "0.3");
    return p;
}

static void who_owes_may_not_pay_for_calls(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = bad(f, 1, 1);
    struct wallet_payment next = payment_of(f, 1, 2, "1");
    struct money owed;

    payment_house(f, "0", "0", "0.3");
    assert_owes(f, &p, "0.3");
    assert_int_equal(wallet_payer_debt(&owed, f->book, "0x12"), RC_BAD_INPUT);
    assert_int_equal(payment_step(f, &next, wallet_payment_claim), RC_FORBIDDEN);
    next = payment_claimed(f, 2, 3, "1");
    assert_int_equal(payment_step(f, &next, wallet_payment_release), RC_OK);
}

static void a_top_up_pays_what_is_owed(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = bad(f, 1, 1);
    struct wallet_payment next = payment_of(f, 1, 2, "1");
    struct id w = wallet_payer_id(p.payer);
    struct wallet_topup t;

    assert_int_equal(wallet_topup(&t, f->book, w, usd("0.1"), SLICE("a")), RC_OK);
    assert_usd(t.balance, "0");
    assert_owes(f, &p, "0.2");
    payment_house(f, "0", "0", "0.2");
    assert_int_equal(payment_step(f, &next, wallet_payment_claim), RC_FORBIDDEN);
    assert_int_equal(wallet_topup(&t, f->book, w, usd("1"), SLICE("b")), RC_OK);
    assert_usd(t.balance, "0.8");
    assert_owes(f, &p, "0");
    payment_house(f, "0", "0", "0");
    assert_int_equal(wallet_topup(&t, f->book, w, usd("1"), SLICE("b")), RC_OK);
    assert_true(t.repeated);
    assert_usd(t.balance, "0.8");
    assert_int_equal(payment_step(f, &next, wallet_payment_claim), RC_OK);
    assert_int_equal(payment_step(f, &next, wallet_payment_release), RC_OK);
}

static struct call *serve_shared(struct fixture *f, const struct wallet_payment *p,
                                 const char *price)
{
    struct call *c = new_call(f);

    c->hold.has_share = true;
    c->share = (struct wallet_share){.present = true,
                                     .payee = {"the payee"},
                                     .house_ppm = 100000,
                                     .tag = {"the publisher"},
                                     .what = SLICE("acme/weather@1.0.0")};
    assert_int_equal(payment_hold(f, c, p, price), RC_OK);
    assert_int_equal(capture_shared(f, c, price), RC_OK);
    return c;
}

static enum rc refund_all(struct wallet_refund *out, struct fixture *f,
                          const struct call *c)
{
    char request[WALLET_ID_TEXT_SIZE];

    wallet_id_print(request, 'r', c->hold.request);
    return wallet_refund(out, f->book, slice_str(request), NULL);
}

static void a_paid_call_may_be_shared_and_refunded(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    struct wallet_refund r;
    struct call *c;

    payment_settle(f, &p, "1");
    c = serve_shared(f, &p, "0.4");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    assert_usd(payment_credit(f, &p), "0.6");
    assert_int_equal(refund_all(&r, f, c), RC_OK);
    assert_usd(r.amount, "0.4");
    assert_usd(payment_credit(f, &p), "1");
}

static void a_refund_to_one_who_owes_pays_that_first(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    struct wallet_refund r;
    struct call *c = serve_shared(f, &p, "0.4");

    assert_int_equal(payment_step(f, &p, wallet_payment_failed), RC_OK);
    assert_owes(f, &p, "0.4");
    payment_house(f, "0", "0", "0.4");
    assert_int_equal(refund_all(&r, f, c), RC_OK);
    assert_usd(r.balance, "0");
    assert_owes(f, &p, "0");
    payment_house(f, "0", "0", "0");
}

static void what_is_left_of_a_payment_pays_what_is_owed_first(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment a = payment_claimed(f, 1, 1, "1");
    struct wallet_payment b = payment_claimed(f, 1, 2, "0.1");
    struct wallet_payment p;

    p = bad(f, 1, 3);
    payment_settle(f, &b, "0.1");
    assert_int_equal(payment_step(f, &b, wallet_payment_close), RC_OK);
    assert_usd(payment_told.left, "0");
    assert_owes(f, &p, "0.2");
    payment_settle(f, &a, "1");
    assert_int_equal(payment_step(f, &a, wallet_payment_close), RC_OK);
    assert_usd(payment_told.left, "0.8");
    assert_usd(payment_told.balance, "0.8");
    assert_owes(f, &p, "0");
    payment_house(f, "0", "1.1", "0");
}

/* ---- Taken back by the chain ---- */

static void a_reverted_credit_is_taken_back_and_the_wallet_is_frozen(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    struct wallet_caller c;

    payment_serve(f, &p, "1", "0.3");
    payment_settle(f, &p, "1");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    assert_int_equal(payment_step(f, &p, wallet_payment_revert), RC_OK);
    assert_int_equal(p.state, WALLET_PAYMENT_REVERTED);
    assert_usd(payment_told.left, "0.3");
    assert_usd(payment_credit(f, &p), "0");
    payment_house(f, "0", "0", "0.3");
    assert_owes(f, &p, "0.3");
    assert_int_equal(wallet_payer_caller(&c, f->book, p.payer), RC_FROZEN);
    assert_int_equal(payment_step(f, &p, wallet_payment_revert), RC_CONFLICT);
}

static void what_was_spent_of_a_reverted_credit_is_lost(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    struct id w = wallet_payer_id(p.payer);
    struct call *c = new_call(f);

    payment_settle(f, &p, "1");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    pay(f, w, "0.5", "0.25");
    assert_int_equal(hold_call(f, c, w, "0.5"), RC_OK);
    assert_int_equal(payment_step(f, &p, wallet_payment_revert), RC_OK);
    assert_usd(payment_told.left, "0.75");
    assert_int_equal(capture_call(f, c, "0.5"), RC_OK);
    assert_usd(c->hold.shortfall, "0");
    assert_owes(f, &p, "0.75");
}

static void a_reverted_top_up_freezes_its_target(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct wallet_payment p = payment_of(f, 1, 1, "5");
    struct wallet_caller c;

    fund(f, root, "3");
    p.target = root;
    assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_OK);
    payment_settle(f, &p, "5");
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    pay(f, root, "4", "4");
    assert_int_equal(payment_step(f, &p, wallet_payment_revert), RC_OK);
    assert_usd(payment_told.left, "1");
    assert_usd(balance_of(f, root), "0");
    assert_int_equal(wallet_caller(&c, f->book, root), RC_FROZEN);
    assert_owes(f, &p, "1");
}

/* ---- What is open ---- */

struct list {
    unsigned count, max;
    struct id ids[512];
};

static bool keep_id(void *arg, const struct wallet_payment *p)
{
    struct list *l = arg;

    l->ids[l->count++] = p->id;
    return l->count < l->max;
}

static void the_open_ones_are_listed_in_pages(void **state)
{
    struct fixture *f = *state;
    static struct list l;
    struct id after;

    for (unsigned i = 0; i < 300; i++) {
        struct wallet_payment p = payment_claimed(f, i, i, "1");

        if (i % 3 == 0)
            assert_int_equal(payment_step(f, &p, wallet_payment_release), RC_OK);
    }
    l = (struct list){.max = 512};
    assert_int_equal(wallet_payment_open(f->book, NULL, keep_id, &l), RC_OK);
    assert_int_equal(l.count, 200);
    for (unsigned i = 1; i < l.count; i++)
        assert_true(id_cmp(l.ids[i - 1], l.ids[i]) < 0);
    after = l.ids[149];
    l = (struct list){.max = 512};
    assert_int_equal(wallet_payment_open(f->book, &after, keep_id, &l), RC_OK);
    assert_int_equal(l.count, 50);
    l = (struct list){.max = 10};
    assert_int_equal(wallet_payment_open(f->book, NULL, keep_id, &l), RC_OK);
    assert_int_equal(l.count, 10);
}

/* ---- Restarts between all steps ---- */

static void again(struct fixture *f, struct wallet_payment *p)
{
    struct wallet_payment read;

    fixture_restart(f);
    assert_int_equal(wallet_payment_read(&read, f->book, p->key), RC_OK);
    assert_memory_equal(&read, p, sizeof(read));
    *p = read;
}

static void a_payment_outlives_every_restart(void **state)
{
    struct fixture *f = *state;
    struct wallet_payment p = payment_claimed(f, 1, 1, "1");
    struct call *c = new_call(f);

    again(f, &p);
    p.state = WALLET_PAYMENT_SUBMITTED;
    assert_int_equal(payment_step(f, &p, wallet_payment_note), RC_OK);
    again(f, &p);
    p.state = WALLET_PAYMENT_UNKNOWN;
    assert_int_equal(payment_step(f, &p, wallet_payment_note), RC_OK);
    again(f, &p);
    assert_int_equal(payment_hold(f, c, &p, "1"), RC_OK);
    again(f, &p); /* frees the hold */
    p.settle = usd("1");
    assert_int_equal(payment_step(f, &p, wallet_payment_settled), RC_OK);
    again(f, &p);
    payment_serve(f, &p, "1", "0.3");
    again(f, &p);
    assert_int_equal(payment_step(f, &p, wallet_payment_close), RC_OK);
    again(f, &p);
    assert_usd(payment_credit(f, &p), "0.7");
    assert_int_equal(payment_step(f, &p, wallet_payment_revert), RC_OK);
    again(f, &p);
    payment_house(f, "0", "0", "0.3");
}

#define ON_MEMORY(claim) cmocka_unit_test_setup_teardown(claim, open_memory, close_book)
#define ON_LMDB(claim)   cmocka_unit_test_setup_teardown(claim, open_lmdb, close_book)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_MEMORY(a_payment_up_front_pays_its_call_and_the_rest_is_the_payers),
        ON_MEMORY(two_steps_of_its_own_are_enough),
        ON_MEMORY(the_end_may_say_whom_it_is_for),
        ON_MEMORY(a_payment_after_settles_what_the_call_cost),
        ON_MEMORY(a_top_up_is_credited_to_its_target),
        ON_MEMORY(a_target_may_be_named_between_settling_and_closing),
        ON_MEMORY(a_target_must_be_a_wallet),
        ON_MEMORY(a_failed_payment_that_served_nothing_leaves_nothing),
        ON_MEMORY(a_released_payment_may_be_claimed_again),
        ON_MEMORY(what_was_served_is_not_released),
        ON_MEMORY(a_payment_is_not_ended_under_a_call),
        ON_MEMORY(it_buys_no_more_than_its_value),
        ON_MEMORY(settled_for_less_than_was_served_is_the_houses_loss),
        ON_MEMORY(the_second_claim_is_told_that_there_is_one),
        ON_MEMORY(what_cannot_be_kept_is_refused),
        ON_MEMORY(a_payment_of_no_value_is_kept_and_moves_nothing),
        ON_MEMORY(only_what_follows_a_state_can_be_done),
        ON_MEMORY(what_was_claimed_stays_as_it_was),
        ON_LMDB(a_hundred_claims_at_once_are_one),
        ON_MEMORY(who_owes_may_not_pay_for_calls),
        ON_MEMORY(a_top_up_pays_what_is_owed),
        ON_MEMORY(a_paid_call_may_be_shared_and_refunded),
        ON_MEMORY(a_refund_to_one_who_owes_pays_that_first),
        ON_MEMORY(what_is_left_of_a_payment_pays_what_is_owed_first),
        ON_MEMORY(a_reverted_credit_is_taken_back_and_the_wallet_is_frozen),
        ON_MEMORY(what_was_spent_of_a_reverted_credit_is_lost),
        ON_MEMORY(a_reverted_top_up_freezes_its_target),
        ON_MEMORY(the_open_ones_are_listed_in_pages),
        ON_LMDB(a_payment_outlives_every_restart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Money in and back: top-ups happen once, refunds never exceed what was paid. */
#include "tests/wallet_fixture.h"

#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int open_memory(void **state)
{
    struct fixture *f = malloc(sizeof(*f));

    assert_non_null(f);
    fixture_open(f, LEDGER_MEMORY);
    *state = f;
    return 0;
}

static int close_book(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

static enum rc topup(struct fixture *f, struct wallet_topup *t, struct id w,
                     const char *amount, const char *ref)
{
    return wallet_topup(t, f->book, w, usd(amount), slice_str(ref));
}

static struct wallet_house house(struct fixture *f)
{
    struct wallet_house h;

    assert_int_equal(wallet_house(&h, f->book), RC_OK);
    return h;
}

/* A paid call's request id as text. */
static void paid_request(struct fixture *f, char out[WALLET_ID_TEXT_SIZE], struct id w,
                         const char *held, const char *taken)
{
    struct call c = {.hold = {.held = false}};

    assert_int_equal(hold_call(f, &c, w, held), RC_OK);
    assert_int_equal(capture_call(f, &c, taken), RC_OK);
    wallet_id_print(out, 'r', c.hold.request);
}

static enum rc refund(struct fixture *f, const char *what, const char *amount)
{
    struct wallet_refund r;
    struct money m = amount != NULL ? usd(amount) : MONEY_ZERO;

    return wallet_refund(&r, f->book, slice_str(what), amount != NULL ? &m : NULL);
}

/* ---- Top-ups ---- */

static void a_topup_arrives(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct wallet_topup t;

    assert_int_equal(topup(f, &t, w, "25.000000001", NULL), RC_OK);
    assert_usd(t.amount, "25.000000001");
    assert_usd(t.balance, "25.000000001");
    assert_false(t.repeated);
    assert_int_equal(topup(f, &t, w, "1", NULL), RC_OK);
    assert_usd(t.balance, "26.000000001");
    assert_usd(house(f).topups, "26.000000001");
}

static void a_reference_is_booked_once(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct wallet_topup first, again;

    clock_at("2026-11-21T12:00:00Z");
    assert_int_equal(topup(f, &first, w, "10", "invoice 7"), RC_OK);
    pay(f, w, "3", "3");
    clock_at("2027-11-21T12:00:00Z"); /* for ever, not for a day */
    assert_int_equal(topup(f, &again, w, "10", "invoice 7"), RC_OK);
    assert_true(again.repeated);
    assert_int_equal(id_cmp(again.transfer, first.transfer), 0);
    assert_usd(again.amount, "10");
    assert_usd(again.balance, "7");
    assert_usd(balance_of(f, w), "7");
    assert_int_equal(topup(f, &again, w, "10", "invoice 8"), RC_OK);
    assert_usd(balance_of(f, w), "17");
}

static void a_reference_with_other_content_is_a_conflict(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct id other = new_wallet(f, "other");
    struct wallet_topup t;

    assert_int_equal(topup(f, &t, w, "10", "invoice 7"), RC_OK);
    assert_int_equal(topup(f, &t, w, "11", "invoice 7"), RC_CONFLICT);
    assert_int_equal(topup(f, &t, other, "10", "invoice 7"), RC_CONFLICT);
    assert_usd(balance_of(f, w), "10");
    assert_usd(balance_of(f, other), "0");
}

static void a_bad_topup_is_refused(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct id child = new_child(f, "child", w);
    char ref[WALLET_REF_MAX + 2];
    struct wallet_topup t;

    memset(ref, 'r', sizeof(ref));
    ref[WALLET_REF_MAX + 1] = '\0';
    assert_int_equal(topup(f, &t, w, "0", NULL), RC_BAD_INPUT);
    assert_int_equal(topup(f, &t, w, "1", ref), RC_BAD_INPUT);
    ref[WALLET_REF_MAX] = '\0';
    assert_int_equal(topup(f, &t, w, "1", ref), RC_OK);
    assert_int_equal(topup(f, &t, w, "1", "a\tb"), RC_BAD_INPUT);
    assert_int_equal(topup(f, &t, w, "1", "a\xff"), RC_BAD_INPUT);
    assert_int_equal(topup(f, &t, child, "1", NULL), RC_FORBIDDEN);
    assert_int_equal(topup(f, &t, id_new(clock_wall_us()), "1", NULL), RC_NOT_FOUND);
    assert_usd(balance_of(f, w), "1");
}

/* A memo of the longest reference, every byte of which needs an escape, still fits. */
static void a_reference_may_be_all_quotes(void **state)
{
    struct fixture *f = *state;
    char ref[WALLET_REF_MAX + 1];
    struct wallet_topup t;

    memset(ref, '"', WALLET_REF_MAX);
    ref[WALLET_REF_MAX] = '\0';
    assert_int_equal(topup(f, &t, new_wallet(f, "w"), "1", ref), RC_OK);
}

static void a_balance_that_would_overflow_is_refused(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct wallet_topup t;

    assert_int_equal(topup(f, &t, w, "18446744073.709551615", NULL), RC_OK);
    assert_int_equal(topup(f, &t, w, "0.000000001", NULL), RC_OVERFLOW);
    assert_usd(balance_of(f, w), "18446744073.709551615");
}

enum {
    THREADS = 8
};

struct payer {
    struct fixture *f;
    struct id wallet;
    struct wallet_topup topup;
    enum rc rc;
};

static void *pay_in(void *arg)
{
    struct payer *p = arg;

    p->rc = wallet_topup(&p->topup, p->f->book, p->wallet, usd("5"), SLICE("once"));
    return NULL;
}

static void a_reference_raced_is_booked_once(void **state)
{
    struct fixture *f = *state;
    struct payer payers[THREADS];
    pthread_t threads[THREADS];
    struct id w = new_wallet(f, "w");
    unsigned first = 0;

    for (unsigned i = 0; i < THREADS; i++) {
        payers[i] = (struct payer){.f = f, .wallet = w};
        assert_int_equal(pthread_create(&threads[i], NULL, pay_in, &payers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(payers[i].rc, RC_OK);
        first += !payers[i].topup.repeated;
    }
    assert_int_equal(first, 1);
    assert_usd(balance_of(f, w), "5");
}

/* ---- Refunds ---- */

static void a_call_is_refunded_at_most_once(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    char request[WALLET_ID_TEXT_SIZE];
    struct wallet_refund r;

    fund(f, w, "10");
    paid_request(f, request, w, "5", "4");
    assert_int_equal(refund(f, request, "4.000000001"), RC_CONFLICT);
    assert_int_equal(wallet_refund(&r, f->book, slice_str(request), NULL), RC_OK);
    assert_usd(r.amount, "4");
    assert_usd(r.balance, "10");
    assert_int_equal(id_cmp(r.wallet, w), 0);
    assert_int_equal(refund(f, request, NULL), RC_CONFLICT);
    assert_int_equal(refund(f, request, "0.000000001"), RC_CONFLICT);
    assert_usd(balance_of(f, w), "10");
    assert_usd(house(f).revenue, "0");
    assert_usd(house(f).refunds, "4");
}

static void parts_of_a_refund_add_up(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    char request[WALLET_ID_TEXT_SIZE];
    struct wallet_refund r;

    fund(f, w, "10");
    paid_request(f, request, w, "5", "4");
    assert_int_equal(refund(f, request, "1.5"), RC_OK);
    assert_int_equal(refund(f, request, "2.6"), RC_CONFLICT);
    assert_int_equal(refund(f, request, "1"), RC_OK);
    assert_int_equal(wallet_refund(&r, f->book, slice_str(request), NULL), RC_OK);
    assert_usd(r.amount, "1.5");
    assert_int_equal(refund(f, request, NULL), RC_CONFLICT);
    assert_usd(balance_of(f, w), "10");
}

static void a_call_is_refunded_by_its_transfer_too(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct id w = new_child(f, "w", root);
    struct call c = {.hold = {.held = false}};
    char transfer[WALLET_ID_TEXT_SIZE], request[WALLET_ID_TEXT_SIZE];

    fund(f, root, "10");
    limit(f, w, WALLET_PER_TOTAL, "6");
    assert_int_equal(hold_call(f, &c, w, "5"), RC_OK);
    assert_int_equal(capture_call(f, &c, "4"), RC_OK);
    wallet_id_print(transfer, 't', c.hold.transfer);
    wallet_id_print(request, 'r', c.hold.request);
    assert_int_equal(refund(f, transfer, "3"), RC_OK);
    assert_int_equal(refund(f, request, "1.1"), RC_CONFLICT);
    assert_int_equal(refund(f, request, "1"), RC_OK);
    assert_usd(balance_of(f, root), "10");
    /* A refund is money; what the limit has counted stays counted. */
    assert_usd(limit_of(f, w, w, WALLET_PER_TOTAL).used, "4");
}

static void a_refund_never_exceeds_what_the_wallet_paid(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    char request[WALLET_ID_TEXT_SIZE];

    fund(f, w, "2");
    paid_request(f, request, w, "1", "5"); /* 3 of it were the house's */
    assert_int_equal(refund(f, request, "2.1"), RC_CONFLICT);
    assert_int_equal(refund(f, request, NULL), RC_OK);
    assert_usd(balance_of(f, w), "2");
}

static void an_old_call_can_be_refunded(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    char request[WALLET_ID_TEXT_SIZE];

    clock_at("2026-11-21T12:00:00Z");
    fund(f, w, "10");
    paid_request(f, request, w, "5", "4");
    clock_at("2026-12-21T12:00:00Z");
    pay(f, w, "1", "1"); /* lets the book forget the old ids */
    assert_int_equal(refund(f, request, NULL), RC_OK);
    assert_int_equal(refund(f, request, NULL), RC_CONFLICT);
    assert_usd(balance_of(f, w), "9");
}

static void a_topup_is_refunded_as_far_as_it_is_free(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    char transfer[WALLET_ID_TEXT_SIZE];
    struct call c = {.hold = {.held = false}};
    struct wallet_topup t;

    assert_int_equal(topup(f, &t, w, "10", "invoice"), RC_OK);
    wallet_id_print(transfer, 't', t.transfer);
    pay(f, w, "3", "3");
    assert_int_equal(hold_call(f, &c, w, "2"), RC_OK);
    assert_int_equal(refund(f, transfer, NULL), RC_NO_FUNDS);
    assert_int_equal(refund(f, transfer, "5.000000001"), RC_NO_FUNDS);
    assert_int_equal(refund(f, transfer, "5"), RC_OK);
    assert_usd(balance_of(f, w), "0");
    assert_int_equal(void_call(f, &c, false), RC_OK);
    fund(f, w, "100");
    assert_int_equal(refund(f, transfer, "5.000000001"), RC_CONFLICT);
    assert_int_equal(refund(f, transfer, NULL), RC_OK);
    assert_usd(balance_of(f, w), "97");
    assert_usd(house(f).topups, "100");
    assert_usd(house(f).refunds, "10");
}

static void only_calls_and_topups_are_refunded(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    char text[WALLET_ID_TEXT_SIZE], request[WALLET_ID_TEXT_SIZE];
    struct call voided = {.hold = {.held = false}};
    struct wallet_refund r;

    fund(f, w, "10");
    paid_request(f, request, w, "5", "4");
    assert_int_equal(wallet_refund(&r, f->book, slice_str(request), NULL), RC_OK);
    wallet_id_print(text, 't', r.transfer);
    assert_int_equal(refund(f, text, NULL), RC_NOT_FOUND); /* a refund of a refund */

    assert_int_equal(hold_call(f, &voided, w, "1"), RC_OK);
    wallet_id_print(text, 't', id_with_tail(voided.hold.request, 1));
    assert_int_equal(refund(f, text, NULL), RC_NOT_FOUND); /* a hold */
    assert_int_equal(void_call(f, &voided, false), RC_OK);
    wallet_id_print(text, 'r', voided.hold.request);
    assert_int_equal(refund(f, text, NULL), RC_NOT_FOUND);
    wallet_id_print(text, 'r', id_new(clock_wall_us()));
    assert_int_equal(refund(f, text, NULL), RC_NOT_FOUND);
    assert_int_equal(refund(f, "t_123", NULL), RC_BAD_INPUT);
    assert_int_equal(refund(f, "", NULL), RC_BAD_INPUT);
    assert_int_equal(refund(f, request, "0"), RC_BAD_INPUT);
}

static void a_late_call_paid_nothing_to_be_refunded(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c = {.hold = {.held = false}};
    char text[WALLET_ID_TEXT_SIZE];

    clock_at("2026-11-21T12:00:00Z");
    fund(f, w, "10");
    assert_int_equal(hold_call(f, &c, w, "4"), RC_OK);
    clock_at("2026-11-21T13:00:00Z");
    fund(f, w, "1");
    assert_int_equal(capture_call(f, &c, "2"), RC_ENDED);
    wallet_id_print(text, 'r', c.hold.request);
    assert_int_equal(refund(f, text, NULL), RC_NOT_FOUND);
    wallet_id_print(text, 't', c.hold.transfer);
    assert_int_equal(refund(f, text, NULL), RC_NOT_FOUND);
    assert_usd(balance_of(f, w), "11");
}

struct refunder {
    struct fixture *f;
    const char *request;
    unsigned done;
    unsigned odd;
};

static void *refund_often(void *arg)
{
    struct refunder *r = arg;
    struct money part = usd("0.1");

    for (unsigned i = 0; i < 20; i++) {
        struct wallet_refund out;
        enum rc rc = wallet_refund(&out, r->f->book, slice_str(r->request), &part);

        if (rc == RC_OK)
            r->done++;
        else if (rc != RC_CONFLICT)
            r->odd++;
    }
    return NULL;
}

static void refunds_raced_never_exceed_the_call(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct refunder refunders[THREADS];
    pthread_t threads[THREADS];
    char request[WALLET_ID_TEXT_SIZE];
    unsigned done = 0;

    fund(f, w, "10");
    paid_request(f, request, w, "5", "4.05");
    for (unsigned i = 0; i < THREADS; i++) {
        refunders[i] = (struct refunder){.f = f, .request = request};
        assert_int_equal(pthread_create(&threads[i], NULL, refund_often, &refunders[i]),
                         0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(refunders[i].odd, 0);
        done += refunders[i].done;
    }
    assert_int_equal(done, 40);
    assert_usd(balance_of(f, w), "9.95");
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, open_memory, close_book)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_topup_arrives),
        TEST(a_reference_is_booked_once),
        TEST(a_reference_with_other_content_is_a_conflict),
        TEST(a_bad_topup_is_refused),
        TEST(a_reference_may_be_all_quotes),
        TEST(a_balance_that_would_overflow_is_refused),
        TEST(a_reference_raced_is_booked_once),
        TEST(a_call_is_refunded_at_most_once),
        TEST(parts_of_a_refund_add_up),
        TEST(a_call_is_refunded_by_its_transfer_too),
        TEST(a_refund_never_exceeds_what_the_wallet_paid),
        TEST(an_old_call_can_be_refunded),
        TEST(a_topup_is_refunded_as_far_as_it_is_free),
        TEST(only_calls_and_topups_are_refunded),
        TEST(a_late_call_paid_nothing_to_be_refunded),
        TEST(refunds_raced_never_exceed_the_call),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

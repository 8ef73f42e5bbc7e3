/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of which somebody gets a part, and calls that are counted: every part lands
 * somewhere, goes back from where it went, and a count is used up once. */
#include "tests/wallet_fixture.h"

#include "base/clock.h"
#include "wallet/wallet_int.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define WHAT "acme/weather@1.2.0"

static const struct id payee = {"payee of today"};
static const struct id other = {"payee's savings"};
static const struct id via = {"taken by force"};
static const struct id publisher = {"the publisher"};
static const struct id counter = {"calls of today"};

static int open_memory(void **state)
{
    struct fixture *f = malloc(sizeof(*f));

    assert_non_null(f);
    fixture_open(f, LEDGER_MEMORY);
    clock_at("2026-11-21T12:00:00Z");
    *state = f;
    return 0;
}

static int open_lmdb(void **state)
{
    struct fixture *f = malloc(sizeof(*f));

    assert_non_null(f);
    fixture_open(f, LEDGER_LMDB);
    *state = f;
    return 0;
}

static int close_book(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

static struct money has(struct fixture *f, struct id account)
{
    struct ledger_account a = {.number = 0};
    struct ledger_view *v;

    assert_int_equal(ledger_view_open(&v, f->ledger), RC_OK);
    assert_int_equal(wallet__read_account(&a, v, account), RC_OK);
    ledger_view_close(v);
    return ledger_available(&a);
}

static struct wallet_house house(struct fixture *f)
{
    struct wallet_house h;

    assert_int_equal(wallet_house(&h, f->book), RC_OK);
    return h;
}

static struct call *shared(struct fixture *f, uint32_t house_ppm)
{
    struct call *c = new_call(f);

    c->hold.has_share = true;
    c->share = (struct wallet_share){.present = true,
                                     .payee = payee,
                                     .house_ppm = house_ppm,
                                     .tag = publisher,
                                     .what = SLICE(WHAT)};
    return c;
}

/* Holds and captures with a share; its request as text. */
static struct call *sell(struct fixture *f, struct id wallet, uint32_t house_ppm,
                         const char *price, char request[WALLET_ID_TEXT_SIZE])
{
    struct call *c = shared(f, house_ppm);

    assert_int_equal(hold_call(f, c, wallet, price), RC_OK);
    assert_int_equal(capture_shared(f, c, price), RC_OK);
    wallet_id_print(request, 'r', c->hold.request);
    return c;
}

/* Somebody moves what the payee has on. */
static void move_on(struct fixture *f, const char *amount)
{
    struct ledger_cmd cmd = {.verb = LEDGER_TRANSFER, .leg_count = 1};

    cmd.op = id_new(ledger_now_us(f->ledger));
    cmd.legs[0] = (struct ledger_leg){.debit = payee,
                                      .credit = other,
                                      .amount = usd(amount),
                                      .number = WALLET__USD,
                                      .debit_flags = LEDGER_NO_OVERDRAFT,
                                      .credit_flags = LEDGER_NO_OVERDRAFT};
    assert_int_equal(ledger_call(f->ledger, &cmd), RC_OK);
}

/* ---- What was bought ---- */

static struct wallet_once install(struct fixture *f)
{
    struct wallet_once once = {.present = true,
                               .purchase = true,
                               .key = {9},
                               .fingerprint = {9},
                               .expires_us = UINT64_MAX};
    struct wallet_once_seen seen;

    assert_int_equal(wallet_once_look(&seen, f->book, &once), RC_OK);
    once.version = seen.version;
    return once;
}

static bool has_it(struct fixture *f)
{
    struct wallet_once once = install(f);
    struct wallet_once_seen seen;

    assert_int_equal(wallet_once_look(&seen, f->book, &once), RC_OK);
    return seen.state == WALLET_ONCE_DONE;
}

static struct call *buy(struct fixture *f, struct id w,
                        char request[WALLET_ID_TEXT_SIZE])
{
    struct call *c = shared(f, 100000);

    c->hold.once = install(f);
    assert_int_equal(hold_call(f, c, w, "0.5"), RC_OK);
    assert_int_equal(capture_shared(f, c, "0.5"), RC_OK);
    wallet_id_print(request, 'r', c->hold.request);
    assert_true(has_it(f));
    return c;
}

static void who_has_the_price_back_has_it_no_more_and_may_buy_it_again(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    char first[WALLET_ID_TEXT_SIZE], second[WALLET_ID_TEXT_SIZE];
    const struct money part = usd("0.2"), rest = usd("0.3");
    struct wallet_refund out;

    fund(f, w, "1");
    (void)buy(f, w, first);
    assert_int_equal(wallet_refund(&out, f->book, slice_str(first), &part), RC_OK);
    assert_true(has_it(f));
    assert_int_equal(wallet_refund(&out, f->book, slice_str(first), &rest), RC_OK);
    assert_false(has_it(f));
    assert_usd(balance_of(f, w), "1");

    (void)buy(f, w, second);
    assert_usd(balance_of(f, w), "0.5");
    /* The first one's money is back: it takes nothing from the second. */
    assert_int_equal(wallet_refund(&out, f->book, slice_str(first), NULL), RC_CONFLICT);
    assert_true(has_it(f));
    assert_int_equal(wallet_refund(&out, f->book, slice_str(second), NULL), RC_OK);
    assert_false(has_it(f));
    assert_usd(balance_of(f, w), "1");
}

static void a_clawback_of_the_whole_price_takes_it_back_too(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    char request[WALLET_ID_TEXT_SIZE];
    struct wallet_clawback out;
    struct call *c;

    fund(f, w, "1");
    c = buy(f, w, request);
    move_on(f, "0.3"); /* so that some of it cannot be had */
    assert_int_equal(wallet_claw_back(&out, f->book, c->hold.transfer, via, via),
                     RC_OK);
    assert_usd(out.left, "0.3");
    assert_true(has_it(f));
    assert_int_equal(wallet_claw_back(&out, f->book, c->hold.transfer, other, via),
                     RC_OK);
    assert_usd(out.left, "0");
    assert_false(has_it(f));
    assert_usd(balance_of(f, w), "1");
}

/* ---- Sharing ---- */

static void a_shared_capture_pays_both_in_one_command(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct id w = new_child(f, "w", root);
    struct call *c = shared(f, 100000);
    uint64_t before;
    struct ledger_view *v;

    fund(f, root, "10");
    limit(f, w, WALLET_PER_DAY, "2");
    assert_int_equal(hold_call(f, c, w, "1"), RC_OK);
    assert_int_equal(ledger_view_open(&v, f->ledger), RC_OK);
    before = ledger_view_head(v);
    ledger_view_close(v);
    assert_int_equal(capture_shared(f, c, "0.5"), RC_OK);
    assert_usd(c->hold.captured, "0.5");
    assert_usd(c->hold.shortfall, "0");
    assert_usd(c->hold.balance, "1.5");
    assert_usd(has(f, root), "9.5");
    assert_usd(has(f, payee), "0.45");
    assert_usd(house(f).revenue, "0.05");
    assert_usd(limit_of(f, w, w, WALLET_PER_DAY).used, "0.5");
    assert_int_equal(ledger_view_open(&v, f->ledger), RC_OK);
    assert_int_equal(ledger_view_head(v), before + 1);
    ledger_view_close(v);
}

static void the_houses_part_is_rounded_down(void **state)
{
    static const struct {
        uint32_t house_ppm;
        const char *price, *house, *payee;
    } cases[] = {
        {100000, "0.000000009", "0", "0.000000009"},
        {100000, "0.000000019", "0.000000001", "0.000000018"},
        {333333, "0.00000001", "0.000000003", "0.000000007"},
        {0, "0.7", "0", "0.7"},
        {1000000, "0.7", "0.7", "0"},
        {1, "0.000999999", "0", "0.000999999"},
        {1, "1", "0.000001", "0.999999"},
        {500000, "0", "0", "0"},
    };
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");

    fund(f, w, "100");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char request[WALLET_ID_TEXT_SIZE];
        struct money earned = has(f, payee), revenue = house(f).revenue;
        struct call *c = sell(f, w, cases[i].house_ppm, cases[i].price, request);
        struct money got;

        assert_usd(c->hold.captured, cases[i].price);
        assert_true(money_sub(&got, has(f, payee), earned));
        assert_usd(got, cases[i].payee);
        assert_true(money_sub(&got, house(f).revenue, revenue));
        assert_usd(got, cases[i].house);
    }
}

static void a_shared_capture_takes_no_more_than_its_hold(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call *c = shared(f, 500000);

    fund(f, w, "10");
    assert_int_equal(hold_call(f, c, w, "1"), RC_OK);
    assert_int_equal(capture_shared(f, c, "3"), RC_OK);
    assert_usd(c->hold.captured, "1");
    assert_usd(c->hold.shortfall, "0");
    assert_usd(has(f, w), "9");
    assert_usd(has(f, payee), "0.5");
}

static void the_house_shares_what_a_late_capture_costs_it(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call *c = shared(f, 250000);

    fund(f, w, "10");
    assert_int_equal(hold_call(f, c, w, "1"), RC_OK);
    clock_advance_ms(301 * 1000);
    assert_int_equal(capture_shared(f, c, "0.8"), RC_ENDED);
    assert_usd(c->hold.captured, "0");
    assert_usd(c->hold.shortfall, "0.8");
    assert_usd(has(f, w), "10");
    assert_usd(has(f, payee), "0.6");
    assert_usd(house(f).revenue, "0.2");
    assert_usd(house(f).shortfall, "0.8");
}

static void a_void_shares_nothing(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call *c = shared(f, 250000);

    fund(f, w, "10");
    assert_int_equal(hold_call(f, c, w, "1"), RC_OK);
    assert_int_equal(void_call(f, c, true), RC_OK);
    assert_usd(has(f, w), "10");
    assert_usd(has(f, payee), "0");
}

static void an_idempotency_key_remembers_all_that_was_paid(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call *c = shared(f, 250000);
    struct wallet_idem_seen idem;
    struct wallet_once_seen once;

    fund(f, w, "10");
    c->hold.idem = (struct wallet_idem){.present = true, .key = {1}};
    c->hold.once = (struct wallet_once){.present = true, .key = {2}};
    assert_int_equal(hold_call(f, c, w, "1"), RC_OK);
    assert_int_equal(capture_shared(f, c, "0.8"), RC_OK);
    assert_int_equal(wallet_idem_look(&idem, f->book, &c->hold.idem), RC_OK);
    assert_usd(idem.cost, "0.8");
    assert_int_equal(wallet_once_look(&once, f->book, &c->hold.once), RC_OK);
    assert_usd(once.cost, "0.8");
}

/* ---- Room ---- */

static void bind_with(struct fixture *f, unsigned count, struct id path[4])
{
    for (unsigned i = 0; i < count; i++) {
        enum wallet_per per = (enum wallet_per)(WALLET_PER_HOUR + i % 4);

        limit(f, path[i / 4], per, "50");
    }
}

static void what_has_no_room_beside_its_limits_is_refused(void **state)
{
    struct fixture *f = *state;
    struct call *c = shared(f, 0);
    struct id path[4];

    path[0] = new_wallet(f, "w0");
    path[1] = new_child(f, "w1", path[0]);
    path[2] = new_child(f, "w2", path[1]);
    path[3] = new_child(f, "w3", path[2]);
    fund(f, path[0], "10");
    bind_with(f, 15, path);
    assert_int_equal(hold_call(f, c, path[3], "1"), RC_TOO_BIG);
    assert_usd(has(f, path[0]), "10");

    limit(f, path[3], WALLET_PER_MONTH, NULL); /* 14 */
    memset(&c->hold.caller, 0, sizeof(c->hold.caller));
    assert_int_equal(hold_call(f, c, path[3], "1"), RC_OK);
    assert_int_equal(capture_shared(f, c, "1"), RC_OK);
    assert_usd(has(f, payee), "1");

    c = shared(f, 0);
    c->hold.quota = (struct wallet_quota){true, counter, 3};
    assert_int_equal(hold_call(f, c, path[3], "1"), RC_TOO_BIG);
    c = new_call(f);
    c->hold.quota = (struct wallet_quota){true, counter, 3};
    assert_int_equal(hold_call(f, c, path[3], "1"), RC_OK);
    assert_int_equal(capture_call(f, c, "1"), RC_OK);
}

/* ---- Quotas ---- */

static enum rc hold_counted(struct fixture *f, struct call *c, struct id w,
                            const char *amount)
{
    c->hold.quota = (struct wallet_quota){true, counter, 2};
    return hold_call(f, c, w, amount);
}

static void a_quota_is_taken_with_the_hold_and_used_up_by_the_capture(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call *a = new_call(f), *b = new_call(f), *c = new_call(f);

    fund(f, w, "10");
    assert_int_equal(hold_counted(f, a, w, "0"), RC_OK);
    assert_usd(a->hold.balance, "10"); /* not what the quota has left */
    assert_int_equal(hold_counted(f, b, w, "1"), RC_OK);
    assert_int_equal(hold_counted(f, c, w, "1"), RC_QUOTA_SPENT);
    assert_usd(has(f, w), "9");
    assert_int_equal(capture_call(f, a, "0"), RC_OK);
    assert_usd(a->hold.captured, "0");
    assert_usd(a->hold.balance, "9");
    assert_int_equal(hold_counted(f, c, w, "1"), RC_QUOTA_SPENT);
    assert_int_equal(capture_call(f, b, "1"), RC_OK);
    assert_int_equal(hold_counted(f, c, w, "0"), RC_QUOTA_SPENT);
}

static void a_void_or_an_end_by_itself_gives_the_quota_back(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call *a = new_call(f), *b = new_call(f), *c = new_call(f);

    assert_int_equal(hold_counted(f, a, w, "0"), RC_OK);
    assert_int_equal(hold_counted(f, b, w, "0"), RC_OK);
    assert_int_equal(void_call(f, a, true), RC_OK);
    assert_int_equal(hold_counted(f, c, w, "0"), RC_OK);
    clock_advance_ms(301 * 1000);
    assert_int_equal(hold_counted(f, a, w, "0"), RC_OK);
    assert_int_equal(capture_call(f, b, "0"), RC_ENDED);
    assert_int_equal(void_call(f, c, false), RC_ENDED);
    c = new_call(f);
    assert_int_equal(hold_counted(f, c, w, "0"), RC_OK);
    assert_int_equal(void_call(f, c, false), RC_OK);
    assert_int_equal(void_call(f, a, false), RC_OK);
}

static void a_quota_is_given_back_by_a_restart(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call *a = new_call(f);

    assert_int_equal(hold_counted(f, new_call(f), w, "0"), RC_OK);
    assert_int_equal(hold_counted(f, new_call(f), w, "0"), RC_OK);
    assert_int_equal(hold_counted(f, a, w, "0"), RC_QUOTA_SPENT);
    fixture_restart(f);
    memset(&a->hold.caller, 0, sizeof(a->hold.caller));
    assert_int_equal(hold_counted(f, a, w, "0"), RC_OK);
    assert_int_equal(capture_call(f, a, "0"), RC_OK);
}

static void money_and_limits_come_before_the_quota(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call *c = new_call(f);

    assert_int_equal(hold_counted(f, c, w, "1"), RC_NO_FUNDS);
    fund(f, w, "10");
    limit(f, w, WALLET_PER_DAY, "1");
    memset(&c->hold.caller, 0, sizeof(c->hold.caller));
    assert_int_equal(hold_counted(f, c, w, "2"), RC_LIMIT);
    assert_usd(c->hold.refusal.limit, "1");
    for (unsigned i = 0; i < 2; i++) { /* neither has used it */
        c = new_call(f);
        assert_int_equal(hold_counted(f, c, w, "0"), RC_OK);
        assert_int_equal(capture_call(f, c, "0"), RC_OK);
    }
}

/* ---- Refunds ---- */

static enum rc refund(struct fixture *f, const char *request, const char *amount)
{
    struct money m = amount != NULL ? usd(amount) : MONEY_ZERO;
    struct wallet_refund r;

    return wallet_refund(&r, f->book, slice_str(request), amount != NULL ? &m : NULL);
}

static void a_refund_takes_each_part_back_from_where_it_went(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct id w = new_child(f, "w", root);
    char request[WALLET_ID_TEXT_SIZE];
    struct wallet_refund r;

    fund(f, root, "10");
    (void)sell(f, w, 100000, "1", request);
    assert_int_equal(wallet_refund(&r, f->book, slice_str(request), NULL), RC_OK);
    assert_usd(r.amount, "1");
    assert_usd(r.balance, "10");
    assert_usd(has(f, payee), "0");
    assert_usd(house(f).revenue, "0");
    assert_int_equal(refund(f, request, "0.000000001"), RC_CONFLICT);
}

static void refunds_in_part_add_up_to_the_whole(void **state)
{
    static const char *const steps[] = {"0.000000001", "0.3", "0.000000002", "0.09"};
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    char request[WALLET_ID_TEXT_SIZE];

    fund(f, w, "10");
    (void)sell(f, w, 333333, "1", request); /* 0.333333 and 0.666667 */
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        assert_int_equal(refund(f, request, steps[i]), RC_OK);
    assert_usd(has(f, w), "9.390000003");
    assert_int_equal(refund(f, request, "0.61"), RC_CONFLICT);
    assert_int_equal(refund(f, request, NULL), RC_OK);
    assert_usd(has(f, w), "10");
    assert_usd(has(f, payee), "0");
    assert_usd(house(f).revenue, "0");
}

static void the_payees_part_of_a_refund_is_rounded_down(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    char request[WALLET_ID_TEXT_SIZE];

    fund(f, w, "10");
    (void)sell(f, w, 500000, "1", request);
    assert_int_equal(refund(f, request, "0.000000003"), RC_OK);
    assert_usd(has(f, payee), "0.499999999");
    assert_usd(house(f).revenue, "0.499999998");
}

static void what_the_payee_has_no_more_is_not_refunded(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    char request[WALLET_ID_TEXT_SIZE];

    fund(f, w, "10");
    (void)sell(f, w, 100000, "1", request);
    move_on(f, "0.5");
    assert_int_equal(refund(f, request, NULL), RC_CONFLICT);
    assert_usd(has(f, w), "9");
    assert_usd(house(f).revenue, "0.1");
    assert_int_equal(refund(f, request, "0.4"), RC_OK); /* 0.36 of it his */
    assert_usd(has(f, payee), "0.04");
}

static void a_late_capture_has_nobody_to_refund(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call *c = shared(f, 0);
    char text[WALLET_ID_TEXT_SIZE];

    fund(f, w, "10");
    assert_int_equal(hold_call(f, c, w, "1"), RC_OK);
    clock_advance_ms(301 * 1000);
    assert_int_equal(capture_shared(f, c, "1"), RC_ENDED);
    wallet_id_print(text, 'r', c->hold.request);
    assert_int_equal(refund(f, text, NULL), RC_NOT_FOUND);
    wallet_id_print(text, 't', c->hold.transfer);
    assert_int_equal(refund(f, text, NULL), RC_NOT_FOUND);
    assert_usd(has(f, payee), "1");
}

/* ---- By force ---- */

static void force_takes_from_where_the_part_was_moved_to(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    char request[WALLET_ID_TEXT_SIZE];
    struct wallet_clawback out;
    struct ledger_account a;
    struct ledger_view *v;
    struct call *c;

    fund(f, w, "10");
    c = sell(f, w, 100000, "1", request);
    move_on(f, "0.7");
    assert_int_equal(wallet_claw_back(&out, f->book, c->hold.transfer, other, via),
                     RC_OK);
    assert_usd(out.given_back, "1");
    assert_usd(out.share, "0.9");
    assert_usd(out.left, "0");
    assert_usd(has(f, w), "10");
    assert_usd(has(f, payee), "0");
    assert_usd(has(f, other), "0");
    assert_int_equal(ledger_view_open(&v, f->ledger), RC_OK);
    assert_int_equal(ledger_view_account(&a, v, via), RC_OK);
    ledger_view_close(v);
    assert_usd(a.debits, "0.9");
    assert_usd(a.credits, "0.9");
    assert_int_equal(wallet_claw_back(&out, f->book, c->hold.transfer, other, via),
                     RC_OK);
    assert_usd(out.given_back, "0");
    assert_int_equal(refund(f, request, NULL), RC_CONFLICT);
}

static void force_gives_the_houses_part_and_says_what_was_gone(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    char request[WALLET_ID_TEXT_SIZE];
    struct wallet_clawback out;
    struct call *c;

    fund(f, w, "10");
    c = sell(f, w, 100000, "1", request);
    assert_int_equal(refund(f, request, "0.5"), RC_OK); /* 0.05 and 0.45 are left */
    move_on(f, "0.25");
    assert_int_equal(wallet_claw_back(&out, f->book, c->hold.transfer, via, via),
                     RC_OK);
    assert_usd(out.given_back, "0.25");
    assert_usd(out.share, "0.2");
    assert_usd(out.left, "0.25");
    assert_usd(has(f, w), "9.75");
    assert_usd(house(f).revenue, "0");
    /* What comes again is taken with the next try. */
    assert_int_equal(wallet_claw_back(&out, f->book, c->hold.transfer, other, via),
                     RC_OK);
    assert_usd(out.given_back, "0.25");
    assert_usd(out.left, "0");
    assert_usd(has(f, w), "10");
}

static void force_gives_a_late_capture_back_to_the_house(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call *c = shared(f, 100000);
    struct wallet_clawback out;

    fund(f, w, "10");
    assert_int_equal(hold_call(f, c, w, "1"), RC_OK);
    clock_advance_ms(301 * 1000);
    assert_int_equal(capture_shared(f, c, "1"), RC_ENDED);
    assert_int_equal(wallet_claw_back(&out, f->book, c->hold.transfer, other, via),
                     RC_OK);
    assert_usd(out.share, "0.9");
    assert_usd(house(f).shortfall, "0");
    assert_usd(house(f).revenue, "0");
    assert_usd(has(f, w), "10");
}

static void force_is_for_shared_calls_only(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct wallet_clawback out;
    struct call *c = new_call(f);

    fund(f, w, "10");
    assert_int_equal(hold_call(f, c, w, "1"), RC_OK);
    assert_int_equal(capture_call(f, c, "1"), RC_OK);
    assert_int_equal(wallet_claw_back(&out, f->book, c->hold.transfer, other, via),
                     RC_NOT_FOUND);
    assert_int_equal(wallet_claw_back(&out, f->book, publisher, other, via),
                     RC_NOT_FOUND);
}

/* ---- Reports ---- */

struct seen {
    unsigned count;
    char kinds[8][24];
    char skills[8][64];
    struct money amounts[8], shares[8], shortfalls[8];
    bool credits[8], shared[8];
};

static bool note_row(void *arg, const struct wallet_row *row)
{
    struct seen *s = arg;
    unsigned i = s->count++;

    assert_true(i < 8);
    memcpy(s->kinds[i], row->kind, sizeof(row->kind));
    assert_int_equal(slice_to_cstr(s->skills[i], sizeof(s->skills[i]), row->skill),
                     RC_OK);
    s->amounts[i] = row->amount;
    s->shares[i] = row->share;
    s->shortfalls[i] = row->shortfall;
    s->credits[i] = row->credit;
    s->shared[i] = id_cmp(row->shared_by, publisher) == 0;
    return true;
}

static void check_row(const struct seen *s, unsigned i, const char *kind,
                      const char *amount, const char *share)
{
    assert_true(i < s->count);
    assert_string_equal(s->kinds[i], kind);
    assert_usd(s->amounts[i], amount);
    assert_usd(s->shares[i], share);
    assert_string_equal(s->skills[i], WHAT);
    assert_true(s->shared[i]);
}

static void reports_show_the_whole_amount_and_the_share(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct id w = new_child(f, "w", root);
    char request[WALLET_ID_TEXT_SIZE];
    struct seen s = {.count = 0};
    struct wallet_clawback out;
    struct call *late = shared(f, 100000);
    struct call *c;

    fund(f, root, "10");
    c = sell(f, w, 100000, "1", request);
    assert_int_equal(refund(f, request, "0.5"), RC_OK);
    assert_int_equal(wallet_claw_back(&out, f->book, c->hold.transfer, other, via),
                     RC_OK);
    assert_int_equal(hold_call(f, late, w, "1"), RC_OK);
    clock_advance_ms(301 * 1000);
    assert_int_equal(capture_shared(f, late, "1"), RC_ENDED);

    assert_int_equal(wallet_statement(f->book, w, 0, note_row, &s), RC_OK);
    assert_int_equal(s.count, 4);
    check_row(&s, 0, "data", "1", "0.9");
    check_row(&s, 1, "refund", "0.5", "0.45");
    check_row(&s, 2, "clawback", "0.5", "0.45");
    assert_true(!s.credits[0] && s.credits[1] && s.credits[2]);
    check_row(&s, 3, "data", "0", "0.9");
    assert_usd(s.shortfalls[3], "1");

    s.count = 0;
    assert_int_equal(wallet_usage(f->book, 0, note_row, &s), RC_OK);
    assert_int_equal(s.count, 2);
    check_row(&s, 0, "data", "1", "0.9");
    check_row(&s, 1, "data", "0", "0.9");
}

struct counted {
    unsigned count;
};

static bool count_entry(void *arg, const struct ledger_entry *e)
{
    struct counted *c = arg;

    (void)e;
    c->count++;
    return true;
}

static void a_childs_call_is_found_under_all_four(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct id w = new_child(f, "w", root);
    char request[WALLET_ID_TEXT_SIZE];
    struct call *c;

    c = sell(f, w, 100000, "0", request);
    for (unsigned i = 0; i < 4; i++) {
        const struct id tags[] = {root, w, c->hold.request, publisher};
        struct counted n = {.count = 0};
        struct ledger_view *v;

        assert_int_equal(ledger_view_open(&v, f->ledger), RC_OK);
        assert_int_equal(ledger_view_tagged(v, tags[i], 0, false, count_entry, &n),
                         RC_OK);
        ledger_view_close(v);
        assert_int_equal(n.count, 1);
    }
}

#define MEMORY(t) cmocka_unit_test_setup_teardown(t, open_memory, close_book)
#define LMDB(t)   cmocka_unit_test_setup_teardown(t, open_lmdb, close_book)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MEMORY(who_has_the_price_back_has_it_no_more_and_may_buy_it_again),
        MEMORY(a_clawback_of_the_whole_price_takes_it_back_too),
        MEMORY(a_shared_capture_pays_both_in_one_command),
        LMDB(a_shared_capture_pays_both_in_one_command),
        MEMORY(the_houses_part_is_rounded_down),
        MEMORY(a_shared_capture_takes_no_more_than_its_hold),
        MEMORY(the_house_shares_what_a_late_capture_costs_it),
        MEMORY(a_void_shares_nothing),
        MEMORY(an_idempotency_key_remembers_all_that_was_paid),
        MEMORY(what_has_no_room_beside_its_limits_is_refused),
        MEMORY(a_quota_is_taken_with_the_hold_and_used_up_by_the_capture),
        MEMORY(a_void_or_an_end_by_itself_gives_the_quota_back),
        LMDB(a_quota_is_given_back_by_a_restart),
        MEMORY(money_and_limits_come_before_the_quota),
        MEMORY(a_refund_takes_each_part_back_from_where_it_went),
        MEMORY(refunds_in_part_add_up_to_the_whole),
        MEMORY(the_payees_part_of_a_refund_is_rounded_down),
        MEMORY(what_the_payee_has_no_more_is_not_refunded),
        MEMORY(a_late_capture_has_nobody_to_refund),
        MEMORY(force_takes_from_where_the_part_was_moved_to),
        MEMORY(force_gives_the_houses_part_and_says_what_was_gone),
        MEMORY(force_gives_a_late_capture_back_to_the_house),
        MEMORY(force_is_for_shared_calls_only),
        MEMORY(reports_show_the_whole_amount_and_the_share),
        LMDB(reports_show_the_whole_amount_and_the_share),
        MEMORY(a_childs_call_is_found_under_all_four),
    };

    return cmocka_run_group_tests_name("wallet share", tests, NULL, NULL);
}

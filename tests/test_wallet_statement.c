/* SPDX-License-Identifier: Apache-2.0 */
/* Statements and usage: every movement once, with what it was for. */
#include "tests/wallet_fixture.h"

#include "base/clock.h"

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
    *state = f;
    return 0;
}

static int close_book(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

/* A row that outlives its call. */
struct kept {
    struct wallet_row row;
    char model[32], target[32], price[32], ref[32];
};

enum {
    ROWS_MAX = 600
};

struct rows {
    unsigned count;
    unsigned stop_at;
    struct kept list[ROWS_MAX];
};

static void keep_text(char out[32], struct slice text)
{
    assert_int_equal(slice_to_cstr(out, 32, text), RC_OK);
}

static bool keep(void *arg, const struct wallet_row *row)
{
    struct rows *rows = arg;
    struct kept *k = &rows->list[rows->count++];

    assert_true(rows->count <= ROWS_MAX);
    k->row = *row;
    keep_text(k->model, row->model);
    keep_text(k->target, row->target);
    keep_text(k->price, row->price_version);
    keep_text(k->ref, row->ref);
    return rows->count != rows->stop_at;
}

static struct rows *statement(struct fixture *f, struct id w, uint64_t from)
{
    static struct rows rows;

    memset(&rows, 0, sizeof(rows));
    assert_int_equal(wallet_statement(f->book, w, from, keep, &rows), RC_OK);
    return &rows;
}

static struct rows *usage(struct fixture *f, uint64_t from)
{
    static struct rows rows;

    memset(&rows, 0, sizeof(rows));
    assert_int_equal(wallet_usage(f->book, from, keep, &rows), RC_OK);
    return &rows;
}

static void done(struct wallet_hold *h)
{
    sem_post(&((struct call *)(void *)h)->done);
}

static void capture_as(struct fixture *f, struct call *c, const char *amount,
                       const struct wallet_call *call)
{
    c->hold.done = done;
    wallet_capture(f->book, &c->hold, usd(amount), call);
    while (sem_wait(&c->done) != 0)
        ;
    assert_int_equal(c->hold.rc, RC_OK);
}

static void a_row_tells_everything_about_a_call(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct id w = new_child(f, "w", root);
    struct key_text key = new_key(f, w);
    struct wallet_call call = {
        .kind = "chat",
        .model = SLICE("gpt-5.4"),
        .target = SLICE("azure/gpt-54-prod"),
        .price_version = SLICE("2026-11-01"),
        .prompt_tokens = 1000,
        .cached_tokens = 400,
        .cache_write_tokens = 7,
        .completion_tokens = 50,
        .reasoning_tokens = 20,
        .status = 200,
        .estimated = true,
        .is_reported = true,
        .reported = money_from_nano(0),
    };
    struct call c = {.hold = {.held = false}};
    const struct kept *k;
    struct rows *rows;

    clock_at("2026-11-21T12:00:00Z");
    fund(f, root, "10");
    assert_int_equal(wallet_authenticate(&c.hold.caller, f->book, slice_str(key.text)),
                     RC_OK);
    assert_int_equal(hold_call(f, &c, w, "4"), RC_OK);
    clock_at("2026-11-21T12:00:03Z");
    capture_as(f, &c, "1.25", &call);

    rows = statement(f, w, 0);
    assert_int_equal(rows->count, 1);
    k = &rows->list[0];
    assert_int_equal(id_cmp(k->row.request, c.hold.request), 0);
    assert_int_equal(id_cmp(k->row.transfer, c.hold.transfer), 0);
    assert_int_equal(k->row.time_us, clock_wall_us());
    assert_string_equal(k->row.kind, "chat");
    assert_int_equal(id_cmp(k->row.wallet, w), 0);
    assert_string_equal(k->row.wallet_name, "w");
    assert_string_equal(k->row.key_id, key.id);
    assert_string_equal(k->model, "gpt-5.4");
    assert_string_equal(k->target, "azure/gpt-54-prod");
    assert_string_equal(k->price, "2026-11-01");
    assert_false(k->row.credit);
    assert_usd(k->row.amount, "1.25");
    assert_usd(k->row.balance, "8.75");
    assert_usd(k->row.shortfall, "0");
    assert_int_equal(k->row.prompt_tokens, 1000);
    assert_int_equal(k->row.cached_tokens, 400);
    assert_int_equal(k->row.completion_tokens, 50);
    assert_int_equal(k->row.reasoning_tokens, 20);
    assert_int_equal(k->row.status, 200);
    assert_true(k->row.estimated);
    assert_true(k->row.is_reported);
    assert_usd(k->row.reported, "0");
}

static void a_root_shows_everything_below_it_in_order(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct id a = new_child(f, "a", root);
    struct id aa = new_child(f, "aa", a);
    struct id other = new_wallet(f, "other");
    static const char *const kinds[] = {"topup", "chat", "chat", "refund", "chat"};
    static const char *const balances[] = {"10", "9", "7", "8", "5"};
    struct wallet_topup t;
    struct wallet_refund r;
    char request[WALLET_ID_TEXT_SIZE];
    struct call c = {.hold = {.held = false}};
    struct money one = usd("1");
    struct rows *rows;

    assert_int_equal(wallet_topup(&t, f->book, root, usd("10"), SLICE("inv 1")), RC_OK);
    fund(f, other, "99");
    pay(f, a, "1", "1");
    assert_int_equal(hold_call(f, &c, aa, "2"), RC_OK);
    assert_int_equal(capture_call(f, &c, "2"), RC_OK);
    pay(f, other, "3", "3");
    wallet_id_print(request, 'r', c.hold.request);
    assert_int_equal(wallet_refund(&r, f->book, slice_str(request), &one), RC_OK);
    pay(f, root, "3", "3");

    rows = statement(f, root, 0);
    assert_int_equal(rows->count, 5);
    for (unsigned i = 0; i < 5; i++) {
        assert_string_equal(rows->list[i].row.kind, kinds[i]);
        assert_usd(rows->list[i].row.balance, balances[i]);
        assert_int_equal(rows->list[i].row.credit, i == 0 || i == 3);
    }
    assert_string_equal(rows->list[0].ref, "inv 1");
    assert_true(id_is_none(rows->list[0].row.request));
    assert_string_equal(rows->list[2].row.wallet_name, "aa");
    assert_string_equal(rows->list[3].row.wallet_name, "aa");
    assert_int_equal(id_cmp(rows->list[3].row.request, c.hold.request), 0);
    assert_usd(rows->list[3].row.amount, "1");

    assert_int_equal(statement(f, aa, 0)->count, 2);
    assert_int_equal(statement(f, a, 0)->count, 1);
    assert_int_equal(statement(f, other, 0)->count, 2);
}

static void shortfalls_and_late_calls_are_shown(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call *short_of = new_call(f);
    struct call *late = new_call(f);
    struct rows *rows;

    clock_at("2026-11-21T12:00:00Z");
    fund(f, w, "2");
    assert_int_equal(hold_call(f, short_of, w, "1"), RC_OK);
    assert_int_equal(capture_call(f, short_of, "5"), RC_OK);
    fund(f, w, "3");
    assert_int_equal(hold_call(f, late, w, "1"), RC_OK);
    clock_at("2026-11-21T13:00:00Z");
    fund(f, w, "1");
    assert_int_equal(capture_call(f, late, "0.75"), RC_ENDED);

    rows = statement(f, w, 0);
    assert_int_equal(rows->count, 5);
    assert_usd(rows->list[1].row.amount, "2");
    assert_usd(rows->list[1].row.shortfall, "3");
    assert_usd(rows->list[1].row.balance, "0");
    assert_usd(rows->list[4].row.amount, "0");
    assert_usd(rows->list[4].row.shortfall, "0.75");
    assert_usd(rows->list[4].row.balance, "4");
    assert_false(rows->list[4].row.credit);
    assert_int_equal(id_cmp(rows->list[4].row.request, late->hold.request), 0);
}

static void voids_and_limits_are_no_movements(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    struct call c = {.hold = {.held = false}};

    fund(f, w, "2");
    limit(f, w, WALLET_PER_DAY, "1");
    limit(f, w, WALLET_PER_DAY, "2");
    assert_int_equal(hold_call(f, &c, w, "1"), RC_OK);
    assert_int_equal(void_call(f, &c, true), RC_OK);
    assert_int_equal(statement(f, w, 0)->count, 1);
    assert_int_equal(usage(f, 0)->count, 0);
}

static void a_statement_can_be_continued(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    static struct rows part;
    uint64_t seen_seq;

    fund(f, w, "500");
    for (unsigned i = 0; i < 299; i++)
        pay(f, w, "1", "1");
    assert_int_equal(statement(f, w, 0)->count, 300);
    part.stop_at = 150;
    assert_int_equal(wallet_statement(f->book, w, 0, keep, &part), RC_OK);
    assert_int_equal(part.count, 150);
    seen_seq = part.list[149].row.seq;
    assert_int_equal(statement(f, w, seen_seq + 1)->count, 150);
    assert_true(statement(f, w, seen_seq + 1)->list[0].row.seq > seen_seq);
    assert_int_equal(wallet_statement(f->book, id_new(clock_wall_us()), 0, keep, &part),
                     RC_NOT_FOUND);
}

static void usage_is_every_call_of_every_wallet(void **state)
{
    struct fixture *f = *state;
    struct id a = new_wallet(f, "a");
    struct id b = new_wallet(f, "b");
    static struct rows part;
    struct rows *rows;

    fund(f, a, "500");
    fund(f, b, "500");
    for (unsigned i = 0; i < 100; i++) {
        pay(f, a, "1", "0.5");
        pay(f, b, "2", "1");
    }
    rows = usage(f, 0);
    assert_int_equal(rows->count, 200);
    for (unsigned i = 0; i < 200; i++) {
        assert_string_equal(rows->list[i].row.wallet_name, i % 2 == 0 ? "a" : "b");
        assert_usd(rows->list[i].row.amount, i % 2 == 0 ? "0.5" : "1");
    }
    part.stop_at = 130;
    assert_int_equal(wallet_usage(f->book, 0, keep, &part), RC_OK);
    assert_int_equal(part.count, 130);
    assert_int_equal(usage(f, part.list[129].row.seq + 1)->count, 70);
}

/* ---- One request ---- */

static enum rc row_of(struct fixture *f, struct id w, struct id request)
{
    static struct rows rows;
    enum rc rc;

    memset(&rows, 0, sizeof(rows));
    rc = wallet_statement_request(f->book, w, request, keep, &rows);
    assert_int_equal(rows.count, rc == RC_OK ? 1 : 0);
    if (rc == RC_OK)
        assert_int_equal(id_cmp(rows.list[0].row.request, request), 0);
    return rc;
}

static void a_request_is_shown_to_its_wallet_and_those_above(void **state)
{
    struct fixture *f = *state;
    struct id root = new_wallet(f, "root");
    struct id middle = new_child(f, "middle", root);
    struct id w = new_child(f, "w", middle);
    struct id sister = new_child(f, "sister", root);
    struct id other = new_wallet(f, "other");
    struct call *c = new_call(f);
    struct call *voided = new_call(f);

    clock_at("2026-11-21T12:00:00Z");
    fund(f, root, "10");
    assert_int_equal(hold_call(f, c, w, "2"), RC_OK);
    assert_int_equal(row_of(f, w, c->hold.request), RC_NOT_FOUND); /* not yet */
    assert_int_equal(capture_call(f, c, "1"), RC_OK);
    assert_int_equal(row_of(f, w, c->hold.request), RC_OK);
    assert_int_equal(row_of(f, middle, c->hold.request), RC_OK);
    assert_int_equal(row_of(f, root, c->hold.request), RC_OK);
    assert_int_equal(row_of(f, sister, c->hold.request), RC_NOT_FOUND);
    assert_int_equal(row_of(f, other, c->hold.request), RC_NOT_FOUND);
    clock_at("2027-11-21T12:00:00Z"); /* its id is long forgotten */
    fund(f, other, "1");
    assert_int_equal(row_of(f, root, c->hold.request), RC_OK);

    assert_int_equal(hold_call(f, voided, w, "2"), RC_OK);
    assert_int_equal(void_call(f, voided, false), RC_OK);
    assert_int_equal(row_of(f, w, voided->hold.request), RC_NOT_FOUND);
}

/* ---- The house ---- */

static void the_house_knows_what_it_earned_and_lost(void **state)
{
    struct fixture *f = *state;
    struct id w = new_wallet(f, "w");
    char text[WALLET_ID_TEXT_SIZE];
    struct wallet_refund r;
    struct wallet_topup t;
    struct wallet_house h;
    struct money two = usd("2");

    assert_int_equal(wallet_house(&h, f->book), RC_OK);
    assert_usd(h.topups, "0");
    assert_int_equal(wallet_topup(&t, f->book, w, usd("10"), SLICE_NONE), RC_OK);
    pay(f, w, "3", "3");
    wallet_id_print(text, 't', t.transfer);
    assert_int_equal(wallet_refund(&r, f->book, slice_str(text), &two), RC_OK);
    pay(f, w, "5", "6");
    assert_int_equal(wallet_house(&h, f->book), RC_OK);
    assert_usd(h.topups, "8");
    assert_usd(h.revenue, "9");
    assert_usd(h.shortfall, "1");
    assert_usd(h.refunds, "2");
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, open_memory, close_book)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_row_tells_everything_about_a_call),
        TEST(a_root_shows_everything_below_it_in_order),
        TEST(shortfalls_and_late_calls_are_shown),
        TEST(voids_and_limits_are_no_movements),
        TEST(a_statement_can_be_continued),
        TEST(usage_is_every_call_of_every_wallet),
        TEST(a_request_is_shown_to_its_wallet_and_those_above),
        TEST(the_house_knows_what_it_earned_and_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

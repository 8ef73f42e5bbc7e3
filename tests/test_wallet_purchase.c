/* SPDX-License-Identifier: Apache-2.0 */
/* What we buy: never above the caps of its day, and what lapsed counts no more. */
#include "base/clock.h"
#include "tests/wallet_fixture.h"
#include "wallet/wallet_int.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct money day_cap, host_cap;

static void open_book(void **state, enum ledger_kind kind)
{
    struct fixture *f = malloc(sizeof(*f));

    assert_non_null(f);
    fixture_open(f, kind);
    clock_at("2026-11-21T12:00:00Z");
    day_cap = usd("10");
    host_cap = usd("6");
    *state = f;
}

static int open_memory(void **state)
{
    open_book(state, LEDGER_MEMORY);
    return 0;
}

static int open_lmdb(void **state)
{
    open_book(state, LEDGER_LMDB);
    return 0;
}

static int close_book(void **state)
{
    fixture_close(*state);
    free(*state);
    return 0;
}

struct buying {
    struct wallet_purchase_step step; /* first */
    sem_t done;
};

static void bought(struct wallet_purchase_step *s)
{
    struct buying *b = (struct buying *)(void *)s;

    sem_post(&b->done);
}

static enum rc run(struct fixture *f, struct buying *b,
                   void (*step)(struct wallet_book *b, struct wallet_purchase_step *s))
{
    assert_int_equal(sem_init(&b->done, 0, 0), 0);
    b->step.done = bought;
    step(f->book, &b->step);
    while (sem_wait(&b->done) != 0)
        assert_int_equal(errno, EINTR);
    sem_destroy(&b->done);
    return b->step.rc;
}

static enum rc buy(struct fixture *f, struct buying *b, const char *host,
                   const char *amount)
{
    memset(b, 0, sizeof(*b));
    (void)snprintf(b->step.p.host, sizeof(b->step.p.host), "%s", host);
    (void)snprintf(b->step.p.network, sizeof(b->step.p.network), "eip155:84532");
    b->step.p.amount = usd(amount);
    b->step.p.day_cap = day_cap;
    b->step.p.host_cap = host_cap;
    return run(f, b, wallet_purchase_begin);
}

static enum rc end(struct fixture *f, struct buying *b, bool paid)
{
    b->step.p.state = paid ? WALLET_PURCHASE_PAID : WALLET_PURCHASE_LAPSED;
    if (paid)
        (void)snprintf(b->step.p.reference, sizeof(b->step.p.reference), "0xabc");
    return run(f, b, wallet_purchase_end);
}

static void assert_spent(struct fixture *f, const char *amount)
{
    struct money spent;

    assert_int_equal(wallet_purchase_spent(&spent, f->book), RC_OK);
    assert_usd(spent, amount);
}

static void a_purchase_is_begun_and_paid(void **state)
{
    struct fixture *f = *state;
    struct wallet_purchase p;
    struct buying b;

    assert_int_equal(buy(f, &b, "a.example", "2.5"), RC_OK);
    assert_int_equal(wallet_purchase_read(&p, f->book, b.step.id), RC_OK);
    assert_int_equal(p.state, WALLET_PURCHASE_OPEN);
    assert_usd(p.amount, "2.5");
    assert_string_equal(p.host, "a.example");
    assert_spent(f, "0");
    assert_int_equal(end(f, &b, true), RC_OK);
    assert_int_equal(wallet_purchase_read(&p, f->book, b.step.id), RC_OK);
    assert_int_equal(p.state, WALLET_PURCHASE_PAID);
    assert_string_equal(p.reference, "0xabc");
    assert_spent(f, "2.5");
    assert_int_equal(end(f, &b, true), RC_OK); /* as after an unclear answer */
    assert_spent(f, "2.5");
    assert_int_equal(end(f, &b, false), RC_CONFLICT);
}

static void a_host_has_a_cap_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct buying b;

    assert_int_equal(buy(f, &b, "a.example", "6.000000001"), RC_LIMIT);
    assert_int_equal(buy(f, &b, "a.example", "4"), RC_OK);
    assert_int_equal(buy(f, &b, "a.example", "2.000000001"), RC_LIMIT);
    assert_int_equal(buy(f, &b, "a.example", "2"), RC_OK);
    assert_int_equal(buy(f, &b, "b.example", "4"), RC_OK);
    assert_int_equal(buy(f, &b, "c.example", "0.000000001"), RC_LIMIT);
}

static void a_new_day_begins_anew(void **state)
{
    struct fixture *f = *state;
    struct buying b, late;

    assert_int_equal(buy(f, &late, "a.example", "6"), RC_OK);
    assert_int_equal(buy(f, &b, "a.example", "1"), RC_LIMIT);
    clock_advance_ms(UINT64_C(12) * 3600 * 1000);
    assert_int_equal(buy(f, &b, "a.example", "6"), RC_OK);
    assert_int_equal(end(f, &late, false), RC_OK); /* to the day before */
    assert_int_equal(buy(f, &b, "a.example", "0.000000001"), RC_LIMIT);
}

static void what_lapsed_counts_no_more(void **state)
{
    struct fixture *f = *state;
    struct buying b, again;

    assert_int_equal(buy(f, &b, "a.example", "6"), RC_OK);
    assert_int_equal(buy(f, &again, "a.example", "6"), RC_LIMIT);
    assert_int_equal(end(f, &b, false), RC_OK);
    assert_spent(f, "0");
    assert_int_equal(end(f, &b, false), RC_OK);
    assert_int_equal(buy(f, &again, "a.example", "6"), RC_OK);
    assert_int_equal(buy(f, &b, "a.example", "0.000000001"), RC_LIMIT);
}

static void a_cap_that_changes_counts_what_was_bought(void **state)
{
    struct fixture *f = *state;
    struct buying b;

    assert_int_equal(buy(f, &b, "a.example", "4"), RC_OK);
    host_cap = usd("8");
    assert_int_equal(buy(f, &b, "a.example", "4.000000001"), RC_LIMIT);
    assert_int_equal(buy(f, &b, "a.example", "3"), RC_OK);
    host_cap = usd("5"); /* less than was bought */
    assert_int_equal(buy(f, &b, "a.example", "0.000000001"), RC_LIMIT);
    host_cap = usd("7.5");
    assert_int_equal(buy(f, &b, "a.example", "0.500000001"), RC_LIMIT);
    assert_int_equal(buy(f, &b, "a.example", "0.5"), RC_OK);
    day_cap = usd("7.5");
    assert_int_equal(buy(f, &b, "b.example", "0.000000001"), RC_LIMIT);
    day_cap = usd("9");
    assert_int_equal(buy(f, &b, "b.example", "1.5"), RC_OK);
}

static void caps_hold_across_restarts(void **state)
{
    struct fixture *f = *state;
    struct buying b, next;

    assert_int_equal(buy(f, &b, "a.example", "4"), RC_OK);
    fixture_restart(f);
    assert_int_equal(buy(f, &next, "a.example", "2.000000001"), RC_LIMIT);
    assert_int_equal(end(f, &b, false), RC_OK);
    assert_int_equal(buy(f, &next, "a.example", "6"), RC_OK);
    fixture_restart(f);
    assert_int_equal(end(f, &next, true), RC_OK);
    assert_spent(f, "6");
}

static void what_cannot_be_kept_is_refused(void **state)
{
    struct fixture *f = *state;
    struct buying b;

    assert_int_equal(buy(f, &b, "", "1"), RC_BAD_INPUT);
    assert_int_equal(buy(f, &b, "a\nb", "1"), RC_BAD_INPUT);
    assert_int_equal(buy(f, &b, "a.example", "0"), RC_BAD_INPUT);
    assert_int_equal(buy(f, &b, "a.example", "1"), RC_OK);
    memcpy(b.step.p.reference, "a\nb", 4);
    b.step.p.state = WALLET_PURCHASE_LAPSED;
    assert_int_equal(run(f, &b, wallet_purchase_end), RC_BAD_INPUT);
    b.step.p.reference[0] = '\0';
    b.step.p.state = WALLET_PURCHASE_OPEN;
    assert_int_equal(run(f, &b, wallet_purchase_end), RC_BAD_INPUT);
    b.step.id = (struct id){{1}};
    assert_int_equal(end(f, &b, true), RC_NOT_FOUND);
}

struct list {
    unsigned count;
    struct money sum;
};

static bool add_purchase(void *arg, struct id id, const struct wallet_purchase *p)
{
    struct list *l = arg;

    assert_false(id_is_none(id));
    assert_true(money_add(&l->sum, l->sum, p->amount));
    l->count++;
    return true;
}

static void they_are_listed(void **state)
{
    struct fixture *f = *state;
    struct list l = {.count = 0};
    struct buying b;

    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(buy(f, &b, "a.example", "0.01"), RC_OK);
    assert_int_equal(wallet_purchase_list(f->book, ID_NONE, add_purchase, &l), RC_OK);
    assert_int_equal(l.count, 300);
    assert_usd(l.sum, "3");
    assert_int_equal(wallet_purchase_list(f->book, b.step.id, add_purchase, &l), RC_OK);
    assert_int_equal(l.count, 301);
}

/* ---- Many threads ---- */

enum {
    THREADS = 16,
    PURCHASES = 20
};

struct buyer {
    struct fixture *f;
    pthread_barrier_t *start;
    unsigned bought, odd;
    const char *cap;
};

static void *buy_many(void *arg)
{
    struct buyer *who = arg;
    struct buying *b = calloc(1, sizeof(*b));

    assert_non_null(b);
    pthread_barrier_wait(who->start);
    for (unsigned i = 0; i < PURCHASES; i++) {
        enum rc rc;

        memset(b, 0, sizeof(*b));
        memcpy(b->step.p.host, "a.example", 10);
        b->step.p.amount = usd("1");
        b->step.p.day_cap = usd("1000");
        b->step.p.host_cap = usd(who->cap);
        rc = run(who->f, b, wallet_purchase_begin);
        who->bought += rc == RC_OK;
        who->odd += rc != RC_OK && rc != RC_LIMIT;
    }
    free(b);
    return NULL;
}

static unsigned buy_at_once(struct fixture *f, const char *cap)
{
    struct buyer buyers[THREADS];
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    unsigned bought = 0;

    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        buyers[i] = (struct buyer){.f = f, .start = &start, .cap = cap};
        assert_int_equal(pthread_create(&threads[i], NULL, buy_many, &buyers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(buyers[i].odd, 0);
        bought += buyers[i].bought;
    }
    pthread_barrier_destroy(&start);
    return bought;
}

static void many_at_once_keep_a_cap_that_changes(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(buy_at_once(f, "10"), 10);
    assert_int_equal(buy_at_once(f, "25"), 15); /* all see that it was 10 */
    assert_int_equal(buy_at_once(f, "20"), 0);
    assert_int_equal(buy_at_once(f, "26"), 1);
}

#define ON_MEMORY(claim) cmocka_unit_test_setup_teardown(claim, open_memory, close_book)
#define ON_LMDB(claim)   cmocka_unit_test_setup_teardown(claim, open_lmdb, close_book)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_MEMORY(a_purchase_is_begun_and_paid),
        ON_MEMORY(a_host_has_a_cap_of_its_own),
        ON_MEMORY(a_new_day_begins_anew),
        ON_MEMORY(what_lapsed_counts_no_more),
        ON_MEMORY(a_cap_that_changes_counts_what_was_bought),
        ON_LMDB(caps_hold_across_restarts),
        ON_MEMORY(what_cannot_be_kept_is_refused),
        ON_MEMORY(they_are_listed),
        ON_LMDB(many_at_once_keep_a_cap_that_changes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

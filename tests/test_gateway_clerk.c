/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/clerk.h"
#include "tests/wallet_fixture.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct fixture book;
static struct clerk *clerk;

struct order {
    struct clerk_job job; /* first */
    sem_t done;
    unsigned place; /* in which it was done */
};

static unsigned places;

static void done(struct clerk_job *j)
{
    struct order *o = (struct order *)(void *)j;

    o->place = ++places; /* one thread: the clerk's */
    (void)sem_post(&o->done);
}

static void submit(struct order *o, const char *name)
{
    memset(o, 0, sizeof(*o));
    (void)snprintf(o->job.name, sizeof(o->job.name), "%s", name);
    (void)sem_init(&o->done, 0, 0);
    o->job.done = done;
    clerk_submit(clerk, &o->job);
}

static void wait_for(struct order *o)
{
    (void)sem_wait(&o->done);
    (void)sem_destroy(&o->done);
}

static int open_clerk(void **state)
{
    (void)state;
    places = 0;
    fixture_open(&book, LEDGER_MEMORY);
    assert_int_equal(clerk_open(&clerk, book.book), RC_OK);
    return 0;
}

static int close_clerk(void **state)
{
    (void)state;
    clerk_close(clerk);
    fixture_close(&book);
    return 0;
}

static void a_wallet_is_opened_with_a_key_that_works(void **state)
{
    struct wallet_caller caller;
    struct wallet w;
    struct order o;

    (void)state;
    submit(&o, "topup one");
    wait_for(&o);
    assert_int_equal(o.job.rc, RC_OK);
    assert_int_equal(wallet_get(&w, book.book, o.job.wallet.id), RC_OK);
    assert_string_equal(w.name, "topup one");
    assert_true(id_is_none(w.parent));
    assert_int_equal(wallet_authenticate(&caller, book.book, slice_str(o.job.key)),
                     RC_OK);
    assert_int_equal(id_cmp(caller.wallet, w.id), 0);
}

static void a_wallet_that_exists_is_not_opened(void **state)
{
    struct order o;

    (void)state;
    (void)new_wallet(&book, "taken");
    submit(&o, "taken");
    wait_for(&o);
    assert_int_equal(o.job.rc, RC_EXISTS);
    assert_string_equal(o.job.key, "");
}

static void jobs_are_done_in_their_order(void **state)
{
    static struct order all[100];
    char name[32];

    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(name, sizeof(name), "wallet %u", i);
        submit(&all[i], name);
    }
    for (unsigned i = 0; i < 100; i++) {
        wait_for(&all[i]);
        assert_int_equal(all[i].job.rc, RC_OK);
        assert_int_equal(all[i].place, i + 1);
    }
}

static void what_waits_is_done_before_the_end(void **state)
{
    static struct order all[50];
    char name[32];

    (void)state;
    for (unsigned i = 0; i < 50; i++) {
        (void)snprintf(name, sizeof(name), "last %u", i);
        submit(&all[i], name);
    }
    clerk_close(clerk);
    clerk = NULL;
    assert_int_equal(places, 50);
    for (unsigned i = 0; i < 50; i++)
        wait_for(&all[i]);
}

#define CLERK_TEST(test) cmocka_unit_test_setup_teardown(test, open_clerk, close_clerk)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLERK_TEST(a_wallet_is_opened_with_a_key_that_works),
        CLERK_TEST(a_wallet_that_exists_is_not_opened),
        CLERK_TEST(jobs_are_done_in_their_order),
        CLERK_TEST(what_waits_is_done_before_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper's thread: in order, every job once, and only so many that wait. */
#include "gateway/keeper.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct keeper *keeper;
static unsigned places;
static sem_t gate_open;

struct order {
    struct keeper_job job; /* first */
    sem_t done;
    unsigned place; /* in which it was done */
    bool waits;
};

static void work(struct keeper_job *j)
{
    struct order *o = (struct order *)(void *)j;

    if (o->waits)
        (void)sem_wait(&gate_open);
    o->place = ++places; /* one thread: the keeper's */
    j->rc = RC_OK;
}

static void done(struct keeper_job *j)
{
    (void)sem_post(&((struct order *)(void *)j)->done);
}

static void submit(struct order *o, bool waits)
{
    memset(o, 0, sizeof(*o));
    (void)sem_init(&o->done, 0, 0);
    o->waits = waits;
    o->job.work = work;
    o->job.done = done;
    keeper_submit(keeper, &o->job);
}

static void wait_for(struct order *o)
{
    (void)sem_wait(&o->done);
    (void)sem_destroy(&o->done);
}

static int open_keeper(void **state)
{
    (void)state;
    places = 0;
    (void)sem_init(&gate_open, 0, 0);
    return keeper_open(&keeper) == RC_OK ? 0 : -1;
}

static int close_keeper(void **state)
{
    (void)state;
    keeper_close(keeper);
    (void)sem_destroy(&gate_open);
    return 0;
}

static void jobs_are_done_in_the_order_in_which_they_came(void **state)
{
    struct order orders[10];

    (void)state;
    for (unsigned i = 0; i < 10; i++)
        submit(&orders[i], false);
    for (unsigned i = 0; i < 10; i++) {
        wait_for(&orders[i]);
        assert_int_equal(orders[i].place, i + 1);
        assert_int_equal(orders[i].job.rc, RC_OK);
    }
}

static void one_too_many_is_refused_at_once(void **state)
{
    static struct order first, orders[KEEPER_JOBS_MAX + 2];
    unsigned refused = 0;

    (void)state;
    submit(&first, true); /* the thread may have it, or it waits as well */
    for (unsigned i = 0; i < KEEPER_JOBS_MAX + 2; i++)
        submit(&orders[i], false);
    assert_int_equal(orders[KEEPER_JOBS_MAX + 1].job.rc, RC_BUSY);
    (void)sem_post(&gate_open);
    wait_for(&first);
    for (unsigned i = 0; i < KEEPER_JOBS_MAX + 2; i++) {
        wait_for(&orders[i]);
        refused += orders[i].job.rc == RC_BUSY;
    }
    assert_int_equal(refused + places, KEEPER_JOBS_MAX + 3);
    assert_in_range(refused, 1, 3);
}

static void closing_does_what_waits(void **state)
{
    static struct order orders[20];

    (void)state;
    for (unsigned i = 0; i < 20; i++)
        submit(&orders[i], false);
    keeper_close(keeper);
    keeper = NULL;
    assert_int_equal(places, 20);
    for (unsigned i = 0; i < 20; i++)
        wait_for(&orders[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(jobs_are_done_in_the_order_in_which_they_came,
                                        open_keeper, close_keeper),
        cmocka_unit_test_setup_teardown(one_too_many_is_refused_at_once, open_keeper,
                                        close_keeper),
        cmocka_unit_test_setup_teardown(closing_does_what_waits, open_keeper,
                                        close_keeper),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

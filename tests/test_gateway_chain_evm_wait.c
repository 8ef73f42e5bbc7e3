/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for settlements: what many payments share. */
#include "gateway/settle/chain.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/chain_fixture.h"

enum {
    MINUTE = 60 * 1000,
    MANY = 100
};

static struct order orders[MANY];

static void settle_all(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        order_init(&orders[i], i, MINUTE);
        order_settle(&orders[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        order_wait(&orders[i]);
        assert_int_equal(orders[i].job.outcome, CHAIN_OK);
        assert_int_equal(orders[i].submits, 1);
    }
    assert_int_equal(node.count, count);
    for (unsigned i = 0; i < count; i++)
        assert_true(node_sent(i)->success);
}

/* ---- Sharing ---- */

static void a_hundred_payments_share_what_they_ask(void **state)
{
    const unsigned before = node.http_calls;

    (void)state;
    settle_all(MANY);
    /* Asking and sending: a few batches each. The rest is polls. */
    assert_in_range(node.http_calls - node.receipt_calls - before, 4, 20);
    for (unsigned i = 0; i < MANY; i++)
        assert_int_equal(node_sent(i)->times, 1);
}

static void a_node_that_refuses_large_batches_is_settled_on(void **state)
{
    const unsigned before = node.http_calls;

    (void)state;
    node.batch_max = 20;
    settle_all(10);
    assert_int_equal(node.refused_calls, 1);
    /* Each asked and sent for itself. */
    assert_int_equal(node.http_calls - node.receipt_calls - before, 1 + 10 + 10);
}

static void a_batch_whose_answer_was_lost_sends_nothing_twice(void **state)
{
    (void)state;
    node.mine_every_ms = 0;
    for (unsigned i = 0; i < 10; i++) {
        order_init(&orders[i], i, MINUTE);
        order_settle(&orders[i]);
    }
    node.send_lost = true;
    while (node.count < 10)
        chain_turn(5);
    node.send_lost = false;
    node_mine();
    for (unsigned i = 0; i < 10; i++) {
        order_wait(&orders[i]);
        assert_int_equal(orders[i].job.outcome, CHAIN_OK);
        assert_int_equal(orders[i].submits, 1);
    }
    assert_int_equal(node.count, 10);
    assert_int_equal(node.latest, 5 + 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, chain_set_up, chain_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_hundred_payments_share_what_they_ask),
        TEST(a_node_that_refuses_large_batches_is_settled_on),
        TEST(a_batch_whose_answer_was_lost_sends_nothing_twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

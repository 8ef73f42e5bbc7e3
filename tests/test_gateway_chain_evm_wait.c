/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a settlement: how often a node is asked, and what many payments share. */
#include "gateway/settle/chain.h"

#include "base/clock.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/chain_fixture.h"

enum {
    MINUTE = 60 * 1000,
    MANY = 100,
    TICK_MS = 5
};

static struct order orders[MANY];

static void turns(uint64_t ms)
{
    const uint64_t end = clock_mono_ms() + ms;

    while (clock_mono_ms() < end)
        chain_turn(TICK_MS);
}

/* One that has been sent, and which no block has taken. */
static void send_one(unsigned i)
{
    order_init(&orders[i], i, MINUTE);
    order_settle(&orders[i]);
    while (node.count <= i)
        chain_turn(1);
    node.receipt_calls = 0;
}

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

/* ---- Holes ---- */

/* The first has its number, and never sends it. */
static void settle_around_hole(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        order_init(&orders[i], i, MINUTE);
        orders[i].keep_late = i == 0;
        order_settle(&orders[i]);
    }
    while (orders[0].submits == 0 || node.count < count - 1)
        chain_turn(1);
    assert_int_equal(orders[0].job.tx.account_nonce, 5);
}

static void assert_settled_once(unsigned i)
{
    unsigned mined = 0;

    order_wait(&orders[i]);
    assert_int_equal(orders[i].job.outcome, CHAIN_OK);
    for (size_t at = 0; at < node.count; at++)
        mined += node_sent(at)->success &&
                 x402_hash_equal(node_sent(at)->hash, orders[i].job.tx.hash);
    assert_int_equal(mined, 1);
}

static void a_number_that_came_back_holds_up_nobody(void **state)
{
    (void)state;
    settle_around_hole(4);
    chain_submitted(chain, &orders[0].job, false);
    for (unsigned i = 1; i < 4; i++)
        assert_settled_once(i);
    assert_int_equal(orders[0].job.outcome, CHAIN_UNREACHABLE);
    /* One of them went down, and was kept once more before it was sent. */
    assert_int_equal(orders[1].submits + orders[2].submits + orders[3].submits, 4);
    assert_int_equal(node.count, 4);
    /* All numbers are used up: the next one is the next. */
    chain_turns(5000);
    assert_int_equal(node.latest, 9);
    order_init(&orders[4], 4, MINUTE);
    order_run(&orders[4]);
    assert_int_equal(orders[4].job.tx.account_nonce, 9);
}

static void a_number_that_a_process_took_with_it_holds_up_nobody(void **state)
{
    (void)state;
    settle_around_hole(2);
    chain_cancel(&orders[0].job);
    chain_cancel(&orders[1].job);
    chain_reopen();
    orders[2] = orders[1];
    order_init(&orders[1], 1, MINUTE);
    orders[1].job.tx = orders[2].kept;
    order_settle(&orders[1]);
    assert_settled_once(1);
    assert_int_equal(orders[1].job.tx.account_nonce, 5);
}

static void a_number_that_is_being_kept_is_no_hole(void **state)
{
    (void)state;
    settle_around_hole(2);
    chain_turns(10 * 1000);
    assert_int_equal(orders[1].submits, 1);
    chain_submitted(chain, &orders[0].job, true);
    assert_settled_once(0);
    assert_settled_once(1);
    assert_int_equal(node.count, 2);
}

/* ---- Sharing ---- */

static void a_hundred_payments_share_what_they_ask(void **state)
{
    const unsigned before = node.http_calls;

    (void)state;
    settle_all(MANY);
    /* Asking and sending: a few batches each. The rest is polls. */
    assert_in_range(node.http_calls - node.receipt_calls - before, 2, 8);
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
        chain_turn(TICK_MS);
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

/* ---- The pace ---- */

static void blocks_of_two_seconds_are_looked_for_twice_a_second(void **state)
{
    (void)state;
    turns(4000);
    settle_all(1);
    turns(4000);
    node.mine_every_ms = 0;
    send_one(1);
    turns(5000);
    assert_in_range(node.receipt_calls, 9, 10);
    node_mine();
    order_wait(&orders[1]);
}

static void fast_blocks_are_looked_for_often(void **state)
{
    (void)state;
    node.mine_every_ms = 1; /* in every turn */
    send_one(0);
    order_wait(&orders[0]);
    turns(1000);
    send_one(1);
    chain_turns(40);
    assert_true(orders[1].ended);
    assert_int_equal(orders[1].job.outcome, CHAIN_OK);
}

/* Four a second, though their times are whole seconds. */
static void blocks_within_a_second_do_not_look_like_none(void **state)
{
    (void)state;
    node.mine_every_ms = 250;
    for (unsigned i = 0; i < 20; i++) {
        send_one(i);
        order_wait(&orders[i]);
    }
    node.mine_every_ms = 0;
    send_one(20);
    turns(3000);
    assert_in_range(node.receipt_calls, 3000 / 125, 3000 / 50);
    node_mine();
    order_wait(&orders[20]);
}

static void a_node_that_mines_on_demand_is_looked_at_at_once(void **state)
{
    (void)state;
    node.mine_every_ms = 0;
    node.on_demand = true;
    node.coming_s = NOW_S;
    chain_reopen();
    send_one(0);
    node_mine();
    turns(20);
    assert_true(orders[0].ended);
    assert_int_equal(orders[0].job.outcome, CHAIN_OK);
    /* What it does not mine is not asked for at that pace for long. */
    send_one(1);
    turns(1000);
    assert_in_range(node.receipt_calls, 50, 110);
    node.receipt_calls = 0;
    turns(1000);
    assert_in_range(node.receipt_calls, 1, 4);
    node_mine();
    order_wait(&orders[1]);
}

static void a_node_that_is_down_is_left_alone(void **state)
{
    (void)state;
    node.mine_every_ms = 1;
    send_one(0);
    order_wait(&orders[0]);
    turns(1000);
    node.mine_every_ms = 0;
    send_one(1);
    node.down = true;
    turns(50);
    node.http_calls = 0;
    turns(5000);
    assert_in_range(node.receipt_calls, 4, 6);
    assert_in_range(node.http_calls - node.receipt_calls, 1, 4); /* pings */
    node.down = false;
    node_mine();
    order_wait(&orders[1]);
    assert_int_equal(orders[1].job.outcome, CHAIN_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, chain_set_up, chain_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_number_that_came_back_holds_up_nobody),
        TEST(a_number_that_a_process_took_with_it_holds_up_nobody),
        TEST(a_number_that_is_being_kept_is_no_hole),
        TEST(a_hundred_payments_share_what_they_ask),
        TEST(a_node_that_refuses_large_batches_is_settled_on),
        TEST(a_batch_whose_answer_was_lost_sends_nothing_twice),
        TEST(blocks_of_two_seconds_are_looked_for_twice_a_second),
        TEST(fast_blocks_are_looked_for_often),
        TEST(blocks_within_a_second_do_not_look_like_none),
        TEST(a_node_that_mines_on_demand_is_looked_at_at_once),
        TEST(a_node_that_is_down_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

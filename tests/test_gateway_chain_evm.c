/* SPDX-License-Identifier: Apache-2.0 */
/* Settling on a node: that it is sent once, what counts as having come in, and that
 * every way in which a node fails leaves the money where it can be found. */
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

/* ---- settle ---- */

static void a_settlement_is_kept_before_it_is_sent(void **state)
{
    struct order o;

    (void)state;
    order_init(&o, 1, MINUTE);
    o.keep_late = true;
    order_settle(&o);
    chain_turns(5000);
    assert_int_equal(o.submits, 1);
    assert_int_equal(node.count, 0);
    chain_submitted(chain, &o.job, true);
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_int_equal(node.count, 1);
    assert_true(x402_hash_equal(node_sent(0)->hash, o.kept.hash));
    assert_true(x402_hash_equal(o.job.tx.hash, o.kept.hash));
    assert_int_equal(o.job.block, node_sent(0)->block);
    assert_int_equal(o.job.gas_wei, 0x10 * 0x20);
    assert_int_equal(node_sent(0)->gas_limit, GAS + GAS / 4);
    assert_int_equal(node_sent(0)->number, 5);
}

static void what_is_not_kept_is_not_sent(void **state)
{
    struct order o;

    (void)state;
    order_init(&o, 1, MINUTE);
    o.keep_fails = true;
    order_run(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
    assert_false(o.job.tx.sent);
    assert_int_equal(node.count, 0);
    /* Its number is given to the next. */
    order_init(&o, 2, MINUTE);
    order_run(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_int_equal(node_sent(0)->number, 5);
}

static void what_the_signer_refuses_is_not_sent(void **state)
{
    struct order o;

    (void)state;
    node.refuse_sign = 1;
    order_init(&o, 1, MINUTE);
    order_run(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
    assert_int_equal(o.submits, 0);
    order_init(&o, 1, MINUTE);
    order_run(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_int_equal(node_sent(0)->number, 5);
}

static void a_hundred_settlements_never_share_a_number(void **state)
{
    static struct order orders[MANY];

    (void)state;
    for (unsigned i = 0; i < MANY; i++) {
        order_init(&orders[i], i, MINUTE);
        order_settle(&orders[i]);
    }
    for (unsigned i = 0; i < MANY; i++) {
        order_wait(&orders[i]);
        assert_outcome(&orders[i], CHAIN_OK, "");
        assert_int_equal(orders[i].submits, 1);
    }
    assert_int_equal(node.count, MANY);
    assert_int_equal(node.latest, 5 + MANY);
    for (unsigned i = 0; i < MANY; i++) {
        assert_true(node_sent(i)->success);
        assert_int_equal(node_sent(i)->times, 1);
    }
}

static void what_all_payments_share_is_asked_for_once(void **state)
{
    static struct order orders[4];

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        order_init(&orders[i], i, MINUTE);
    order_run(&orders[0]);
    assert_outcome(&orders[0], CHAIN_OK, "");
    chain_turns(1000); /* what was heard then is too old */
    node.tip_calls = 0;
    for (unsigned i = 1; i < 3; i++) {
        order_settle(&orders[i]);
        while (orders[i].submits == 0)
            chain_turn(20);
    }
    assert_int_equal(node.tip_calls, 1);
    order_wait(&orders[1]);
    order_wait(&orders[2]);
    assert_outcome(&orders[2], CHAIN_OK, "");
    chain_turns(1000);
    order_run(&orders[3]);
    assert_outcome(&orders[3], CHAIN_OK, "");
    assert_int_equal(node.tip_calls, 2);
}

static void a_node_that_failed_is_asked_for_all_again(void **state)
{
    static struct order orders[3];

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        order_init(&orders[i], i, MINUTE);
    order_settle(&orders[0]);
    while (orders[0].submits == 0)
        chain_turn(20);
    node.down = true;
    order_run(&orders[1]);
    assert_outcome(&orders[1], CHAIN_UNREACHABLE, "");
    node.down = false;
    node.tip_calls = 0;
    order_run(&orders[2]);
    assert_outcome(&orders[2], CHAIN_OK, "");
    assert_int_equal(node.tip_calls, 1);
    order_wait(&orders[0]);
    assert_outcome(&orders[0], CHAIN_OK, "");
}

/* The search for a stranger's transaction ends at the head, which must not be older
 * than the word that the payment is used. */
static void a_strangers_block_is_found_though_other_things_were_known(void **state)
{
    static struct order orders[2];

    (void)state;
    node.mine_every_ms = 0;
    for (unsigned i = 0; i < 2; i++)
        order_init(&orders[i], i, MINUTE);
    order_settle(&orders[0]);
    while (orders[0].submits == 0)
        chain_turn(20);
    orders[1].job.verified = true;
    node_foreign_uses(&orders[1]);
    node.tip_calls = 0;
    order_run(&orders[1]);
    assert_outcome(&orders[1], CHAIN_OK, "");
    assert_int_equal(orders[1].submits, 0);
    assert_int_equal(node.tip_calls, 0);
    node_mine();
    order_wait(&orders[0]);
    assert_outcome(&orders[0], CHAIN_OK, "");
}

static void a_lost_answer_is_no_second_transaction(void **state)
{
    struct order o;

    (void)state;
    node.send_lost = true;
    order_init(&o, 1, MINUTE);
    order_run(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_int_equal(node.count, 1);
    assert_int_equal(o.submits, 1);
}

static void what_fell_out_of_the_pool_is_sent_again_as_it_was(void **state)
{
    struct order o;

    (void)state;
    node.send_dropped = true;
    order_init(&o, 1, MINUTE);
    order_settle(&o);
    chain_turns(3000);
    node.send_dropped = false;
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_int_equal(node.count, 1);
    assert_true(node_sent(0)->times > 1);
    assert_int_equal(o.submits, 1);
}

static void a_stuck_transaction_is_replaced_under_its_number(void **state)
{
    struct order o;

    (void)state;
    order_init(&o, 1, MINUTE);
    order_settle(&o);
    chain_turns(200);
    assert_int_equal(node.count, 1);
    node.base_fee = 10 * node.base_fee; /* the blocks do not take it any more */
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_int_equal(node.count, 2);
    assert_int_equal(o.submits, 2);
    assert_int_equal(node_sent(0)->number, node_sent(1)->number);
    assert_true(node_sent(1)->max_fee >= node_sent(0)->max_fee * 9 / 8);
    assert_true(x402_hash_equal(o.job.tx.hash, node_sent(1)->hash));
    assert_int_equal(o.job.tx.tries, 2);
}

static void bumps_have_an_end(void **state)
{
    struct order o;

    (void)state;
    order_init(&o, 1, 200 * 1000);
    order_settle(&o);
    chain_turns(200);
    node.base_fee = UINT64_C(100000000000000); /* more than we ever pay */
    order_wait(&o);
    assert_outcome(&o, CHAIN_UNKNOWN, "");
    assert_true(node.count <= 5);
    assert_true(o.job.tx.sent);
    for (size_t i = 0; i < node.count; i++)
        assert_int_equal(node_sent(i)->number, 5);
}

static void the_first_of_two_may_be_the_one_that_is_mined(void **state)
{
    struct order o;

    (void)state;
    node.mine_every_ms = 0;
    order_init(&o, 1, MINUTE);
    order_settle(&o);
    for (unsigned i = 0; i < 2000 && node.count < 2; i++) {
        chain_turn(20);
        if (i % 100 == 0)
            node.time_s = NOW_S + i / 50;
    }
    assert_int_equal(node.count, 2);
    node_sent(0)->gone = false;
    node_sent(1)->gone = true;
    node.mine_every_ms = 2000;
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_true(x402_hash_equal(o.job.tx.hash, node_sent(0)->hash));
}

/* ---- What counts as paid ---- */

static void assert_lie_is_seen(enum lie lie, enum chain_outcome outcome,
                               const char *reason)
{
    struct order o;

    order_init(&o, 1, MINUTE);
    node.lie = lie;
    order_run(&o);
    assert_outcome(&o, outcome, reason);
    assert_true(o.job.tx.sent);
}

static void a_receipt_of_another_token_is_not_paid(void **state)
{
    (void)state;
    assert_lie_is_seen(LIE_TOKEN, CHAIN_UNKNOWN, "settlement_pending");
}

static void a_receipt_of_another_payer_is_not_paid(void **state)
{
    (void)state;
    assert_lie_is_seen(LIE_FROM, CHAIN_REFUSED,
                       "invalid_exact_evm_transfer_event_mismatch");
}

static void a_receipt_of_another_recipient_is_not_paid(void **state)
{
    (void)state;
    assert_lie_is_seen(LIE_TO, CHAIN_REFUSED,
                       "invalid_exact_evm_transfer_event_mismatch");
}

static void a_receipt_of_another_value_is_not_paid(void **state)
{
    (void)state;
    assert_lie_is_seen(LIE_VALUE, CHAIN_REFUSED,
                       "invalid_exact_evm_transfer_event_mismatch");
}

static void a_token_that_does_nothing_is_not_paid(void **state)
{
    (void)state;
    assert_lie_is_seen(LIE_NO_LOG, CHAIN_REFUSED,
                       "invalid_exact_evm_transfer_event_mismatch");
}

static void a_receipt_of_another_transaction_is_not_paid(void **state)
{
    (void)state;
    assert_lie_is_seen(LIE_HASH, CHAIN_UNKNOWN, "");
}

static void reverted_and_unused_is_refused(void **state)
{
    (void)state;
    assert_lie_is_seen(LIE_STATUS, CHAIN_REFUSED,
                       "invalid_exact_evm_transaction_failed");
}

/* ---- Others send it in ---- */

static void what_somebody_else_sent_in_is_a_settlement(void **state)
{
    struct order o;

    (void)state;
    order_init(&o, 1, MINUTE);
    o.job.verified = true;
    node_foreign_uses(&o);
    order_run(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_true(x402_hash_equal(o.job.tx.hash, node_sent(0)->hash));
    assert_int_equal(node.count, 1);
    assert_int_equal(o.submits, 0);
}

static void a_transfer_beside_counts_for_its_own_nonce_only(void **state)
{
    struct order o;

    (void)state;
    node.lie = LIE_BATCH;
    order_init(&o, 1, MINUTE);
    o.job.verified = true;
    node_foreign_uses(&o);
    order_run(&o);
    assert_outcome(&o, CHAIN_REFUSED, "invalid_exact_evm_transfer_event_mismatch");
}

static void what_was_used_before_we_saw_it_buys_nothing(void **state)
{
    struct order o;

    (void)state;
    order_init(&o, 1, MINUTE);
    node_foreign_uses(&o);
    order_run(&o);
    assert_outcome(&o, CHAIN_REFUSED, "invalid_exact_evm_nonce_already_used");
    assert_int_equal(o.submits, 0);
}

static void whoever_is_faster_than_our_transaction_settles_it(void **state)
{
    struct order o;

    (void)state;
    node.mine_every_ms = 0;
    order_init(&o, 1, MINUTE);
    order_settle(&o);
    chain_turns(200);
    assert_int_equal(node.count, 1);
    node_foreign_uses(&o);
    node.mine_every_ms = 2000;
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_false(node_sent(0)->success); /* ours was reverted */
    assert_true(x402_hash_equal(o.job.tx.hash, node_sent(1)->hash));
}

static void a_cancelled_authorization_is_refused(void **state)
{
    struct order o;

    (void)state;
    node.mine_every_ms = 0;
    order_init(&o, 1, MINUTE);
    order_settle(&o);
    chain_turns(200);
    node_foreign_cancels(&o);
    node.mine_every_ms = 2000;
    order_wait(&o);
    assert_outcome(&o, CHAIN_REFUSED, "invalid_exact_evm_nonce_already_used");
}

static void used_without_a_trace_stays_open(void **state)
{
    struct order o;

    (void)state;
    node.mine_every_ms = 0;
    order_init(&o, 1, MINUTE);
    order_settle(&o);
    chain_turns(200);
    node_foreign_uses(&o);
    node.no_logs = true;
    node.mine_every_ms = 2000;
    order_wait(&o);
    assert_outcome(&o, CHAIN_UNKNOWN, "settlement_pending");
}

static void nodes_that_limit_the_range_of_logs_are_asked_for_less(void **state)
{
    struct order o;

    (void)state;
    node.log_blocks_max = 500;
    order_init(&o, 1, MINUTE);
    o.job.verified = true;
    node_foreign_uses(&o);
    order_run(&o);
    assert_outcome(&o, CHAIN_OK, "");
}

/* ---- Numbers of the account ---- */

static void a_number_that_another_transaction_took_is_replaced(void **state)
{
    struct order o;

    (void)state;
    node.mine_every_ms = 0;
    order_init(&o, 1, MINUTE);
    order_settle(&o);
    chain_turns(200);
    assert_int_equal(node_sent(0)->number, 5);
    node_foreign_number();
    node.mine_every_ms = 2000;
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_int_equal(node.count, 2);
    assert_int_equal(node_sent(1)->number, 6);
    assert_false(node_sent(0)->success);
    assert_int_equal(o.submits, 2);
}

static void no_second_number_while_the_first_may_come(void **state)
{
    struct order o;

    (void)state;
    node.send_error = "transaction pool is full";
    order_init(&o, 1, MINUTE);
    order_run(&o);
    assert_outcome(&o, CHAIN_UNKNOWN, "");
    assert_int_equal(o.job.tx.account_nonce, 5);
    assert_int_equal(node.count, 0);
    /* It comes again, under the same number. */
    node.send_error = NULL;
    o.job.deadline_ms += 2 * MINUTE;
    order_run(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_int_equal(node_sent(0)->number, 5);
    assert_int_equal(node.count, 1);
}

/* ---- Another process ---- */

static void what_was_sent_before_a_crash_is_found(void **state)
{
    struct order o;
    struct order again;

    (void)state;
    order_init(&o, 1, MINUTE);
    order_settle(&o);
    chain_turns(200);
    chain_cancel(&o.job);
    node_mine();
    chain_reopen();
    order_init(&again, 1, MINUTE);
    again.job.tx = o.kept;
    order_run(&again);
    assert_outcome(&again, CHAIN_OK, "");
    assert_int_equal(node.count, 1);
    assert_int_equal(again.submits, 0);
    assert_int_equal(node_sent(0)->times, 1);
}

static void what_was_kept_but_not_sent_is_sent_as_it_was(void **state)
{
    struct order o;
    struct order again;
    struct order other;

    (void)state;
    order_init(&o, 1, MINUTE);
    o.keep_late = true;
    order_settle(&o);
    chain_turns(200);
    chain_cancel(&o.job);
    chain_reopen();
    order_init(&again, 1, MINUTE);
    again.job.tx = o.kept;
    order_settle(&again);
    /* Its number is not given to another one. */
    order_init(&other, 2, MINUTE);
    order_run(&other);
    order_wait(&again);
    assert_outcome(&again, CHAIN_OK, "");
    assert_outcome(&other, CHAIN_OK, "");
    assert_int_equal(node.count, 2);
    assert_true(x402_hash_equal(again.job.tx.hash, o.kept.hash));
    assert_int_equal(again.job.tx.account_nonce, 5);
    assert_int_equal(other.job.tx.account_nonce, 6);
}

static void other_bytes_than_were_kept_are_not_sent(void **state)
{
    struct order o;
    struct order again;

    (void)state;
    order_init(&o, 1, MINUTE);
    o.keep_late = true;
    order_settle(&o);
    chain_turns(200);
    chain_cancel(&o.job);
    chain_reopen();
    order_init(&again, 1, MINUTE);
    again.job.tx = o.kept;
    again.job.tx.gas_limit++;
    order_run(&again);
    assert_outcome(&again, CHAIN_UNKNOWN, "");
    assert_int_equal(node.count, 0);
}

static void two_that_got_one_number_over_a_crash_both_settle(void **state)
{
    struct order o;
    struct order again;
    struct order other;

    (void)state;
    order_init(&o, 1, MINUTE);
    o.keep_late = true;
    order_settle(&o);
    chain_turns(200);
    chain_cancel(&o.job);
    chain_reopen();
    order_init(&other, 2, MINUTE);
    order_run(&other); /* before the first one is known */
    assert_int_equal(other.job.tx.account_nonce, 5);
    order_init(&again, 1, MINUTE);
    again.job.tx = o.kept;
    order_run(&again);
    assert_outcome(&other, CHAIN_OK, "");
    assert_outcome(&again, CHAIN_OK, "");
    assert_int_equal(again.job.tx.account_nonce, 6);
}

static void what_expired_unused_is_refused(void **state)
{
    struct order o;

    (void)state;
    node.send_error = "transaction pool is full";
    order_init(&o, 1, 400 * 1000);
    order_run(&o);
    assert_outcome(&o, CHAIN_REFUSED,
                   "invalid_exact_evm_payload_authorization_valid_before");
}

static void closing_answers_every_job(void **state)
{
    struct order sent;
    struct order unsent;

    (void)state;
    node.mine_every_ms = 0;
    order_init(&sent, 1, MINUTE);
    order_settle(&sent);
    chain_turns(200);
    order_init(&unsent, 2, MINUTE);
    order_settle(&unsent);
    chain_close(chain);
    chain = NULL;
    assert_outcome(&sent, CHAIN_UNKNOWN, "");
    assert_outcome(&unsent, CHAIN_UNREACHABLE, "");
}

/* ---- Depth, and blocks that go away ---- */

static void it_counts_when_it_is_deep_enough(void **state)
{
    struct order o;

    (void)state;
    network.depths[0].blocks = 3;
    node.mine_every_ms = 0;
    order_init(&o, 1, MINUTE);
    order_settle(&o);
    chain_turns(200);
    node_mine();
    chain_turns(3000);
    node_mine();
    chain_turns(3000);
    assert_false(o.ended);
    node_mine();
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
}

static void a_block_that_goes_away_is_waited_for_again(void **state)
{
    struct order o;

    (void)state;
    network.depths[0].blocks = 3;
    node.mine_every_ms = 0;
    order_init(&o, 1, MINUTE);
    order_settle(&o);
    chain_turns(200);
    node_mine();
    chain_turns(1000);
    node_reorg(false);
    node_mine();
    chain_turns(1000);
    assert_false(o.ended);
    node.mine_every_ms = 2000;
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_true(node_sent(0)->times > 1);
    assert_int_equal(node.count, 1);
}

static void a_look_tells_what_became_of_a_settlement(void **state)
{
    struct order o;

    (void)state;
    order_init(&o, 1, MINUTE);
    order_run(&o);
    node.mine_every_ms = 0;
    order_look(&o);
    assert_outcome(&o, CHAIN_OK, "");
    node_reorg(true); /* it waits for its next block */
    order_look(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
    node_mine();
    order_look(&o);
    assert_outcome(&o, CHAIN_OK, "");
    node.down = true;
    order_look(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
}

static void a_look_sees_that_a_settlement_is_gone(void **state)
{
    struct order o;

    (void)state;
    order_init(&o, 1, MINUTE);
    order_run(&o);
    node.mine_every_ms = 0;
    node_reorg(false);
    order_look(&o);
    assert_outcome(&o, CHAIN_REFUSED, "");
    node_foreign_uses(&o);
    order_look(&o);
    assert_outcome(&o, CHAIN_OK, "");
}

/* ---- Permit2 ---- */

static void a_permit_is_settled_by_its_proxy(void **state)
{
    struct order o;

    (void)state;
    order_init_permit(&o, 9, MINUTE);
    order_run(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_true(node_sent(0)->permit);
}

static void a_permit_that_vanished_stays_open(void **state)
{
    struct order o;

    (void)state;
    node.mine_every_ms = 0;
    order_init_permit(&o, 9, MINUTE);
    order_settle(&o);
    chain_turns(200);
    node_foreign_uses(&o); /* by words that are not ours */
    node.mine_every_ms = 2000;
    order_wait(&o);
    assert_outcome(&o, CHAIN_UNKNOWN, "settlement_pending");
}

static void a_permit_that_was_sent_in_with_our_words_is_settled(void **state)
{
    struct order o;

    (void)state;
    node.mine_every_ms = 0;
    order_init_permit(&o, 9, MINUTE);
    order_settle(&o);
    chain_turns(200);
    node.same_words = true;
    node_foreign_uses(&o);
    node.mine_every_ms = 2000;
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_true(x402_hash_equal(o.job.tx.hash, node_sent(1)->hash));
    assert_true(o.job.gas_wei > 0); /* ours was reverted, and paid for */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, chain_set_up, chain_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_settlement_is_kept_before_it_is_sent),
        TEST(what_is_not_kept_is_not_sent),
        TEST(what_the_signer_refuses_is_not_sent),
        TEST(a_hundred_settlements_never_share_a_number),
        TEST(what_all_payments_share_is_asked_for_once),
        TEST(a_strangers_block_is_found_though_other_things_were_known),
        TEST(a_node_that_failed_is_asked_for_all_again),
        TEST(a_lost_answer_is_no_second_transaction),
        TEST(what_fell_out_of_the_pool_is_sent_again_as_it_was),
        TEST(a_stuck_transaction_is_replaced_under_its_number),
        TEST(bumps_have_an_end),
        TEST(the_first_of_two_may_be_the_one_that_is_mined),
        TEST(a_receipt_of_another_token_is_not_paid),
        TEST(a_receipt_of_another_payer_is_not_paid),
        TEST(a_receipt_of_another_recipient_is_not_paid),
        TEST(a_receipt_of_another_value_is_not_paid),
        TEST(a_token_that_does_nothing_is_not_paid),
        TEST(a_receipt_of_another_transaction_is_not_paid),
        TEST(reverted_and_unused_is_refused),
        TEST(what_somebody_else_sent_in_is_a_settlement),
        TEST(a_transfer_beside_counts_for_its_own_nonce_only),
        TEST(what_was_used_before_we_saw_it_buys_nothing),
        TEST(whoever_is_faster_than_our_transaction_settles_it),
        TEST(a_cancelled_authorization_is_refused),
        TEST(used_without_a_trace_stays_open),
        TEST(nodes_that_limit_the_range_of_logs_are_asked_for_less),
        TEST(a_number_that_another_transaction_took_is_replaced),
        TEST(no_second_number_while_the_first_may_come),
        TEST(what_was_sent_before_a_crash_is_found),
        TEST(what_was_kept_but_not_sent_is_sent_as_it_was),
        TEST(other_bytes_than_were_kept_are_not_sent),
        TEST(two_that_got_one_number_over_a_crash_both_settle),
        TEST(what_expired_unused_is_refused),
        TEST(closing_answers_every_job),
        TEST(it_counts_when_it_is_deep_enough),
        TEST(a_block_that_goes_away_is_waited_for_again),
        TEST(a_look_tells_what_became_of_a_settlement),
        TEST(a_look_sees_that_a_settlement_is_gone),
        TEST(a_permit_is_settled_by_its_proxy),
        TEST(a_permit_that_vanished_stays_open),
        TEST(a_permit_that_was_sent_in_with_our_words_is_settled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

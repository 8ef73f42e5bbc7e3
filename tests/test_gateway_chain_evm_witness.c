/* SPDX-License-Identifier: Apache-2.0 */
/* What a large payment needs: more blocks, and a second node that says the same. One
 * node that lies, lags, or is cut off has nothing counted and nothing taken back. */
#include "gateway/settle/chain.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/metric.h"
#include "gateway/metrics.h"
#include "tests/chain_fixture.h"

/* VALUE is 0.10 USD. */
#define BELOW "0.100001"
#define AT    "0.1"

enum {
    MINUTE = 60 * 1000,
    A_WHILE = 20 * 1000
};

/* A payment of VALUE, at the limit of the witness. */
static void begin(struct order *o, bool permit)
{
    chain_with_witness(AT);
    chain_reopen();
    if (permit)
        order_init_permit(o, 1, 5 * MINUTE);
    else
        order_init(o, 1, 5 * MINUTE);
    order_settle(o);
    chain_turns(200);
}

static void assert_waits(const struct order *o)
{
    chain_turns(A_WHILE);
    assert_false(o->ended);
}

static uint64_t disputed(void)
{
    return metric_value(metrics.payments_disputed);
}

/* ---- Blocks by value ---- */

static void a_large_payment_waits_for_its_blocks_and_a_small_one_does_not(void **state)
{
    struct order large, small;
    struct money limit;

    (void)state;
    network.depth_count = 2;
    assert_int_equal(money_parse(&limit, SLICE(AT)), RC_OK);
    network.depths[1] = (struct config_depth){.from = limit, .blocks = 4};
    node.mine_every_ms = 0;
    order_init(&large, 1, 5 * MINUTE);
    order_init(&small, 2, 5 * MINUTE);
    /* Its transfer is of another value than the node makes of it, which says that it
     * was not waited for. */
    small.payment.transfer.value = x402_u256_from_u64(VALUE - 1);
    node.lie = LIE_VALUE;
    order_settle(&small);
    chain_turns(200);
    node_mine();
    order_wait(&small);
    assert_outcome(&small, CHAIN_OK, "");
    node.lie = LIE_NONE;
    order_settle(&large);
    chain_turns(200);
    for (int i = 0; i < 3; i++) {
        node_mine();
        chain_turns(3000);
        assert_false(large.ended);
    }
    node_mine();
    order_wait(&large);
    assert_outcome(&large, CHAIN_OK, "");
}

/* ---- It counts ---- */

static void below_the_limit_one_node_is_enough(void **state)
{
    struct order o;

    (void)state;
    witness.down = true;
    chain_with_witness(BELOW);
    chain_reopen();
    witness.http_calls = 0;
    order_init(&o, 1, MINUTE);
    order_settle(&o);
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    order_init(&o, 2, MINUTE);
    order_verify(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_true(chain_is_up(chain));
}

static void what_both_have_in_one_block_counts(void **state)
{
    const uint64_t before = disputed();

    (void)state;
    for (int permit = 0; permit < 2; permit++) {
        struct order o;

        begin(&o, permit);
        order_wait(&o);
        assert_outcome(&o, CHAIN_OK, "");
        assert_true(o.job.block > 0);
        assert_true(o.job.gas_wei > 0);
        assert_true(witness.http_calls > 0);
    }
    assert_int_equal(disputed(), before);
    assert_int_equal(node.count, 2);
}

static void what_is_settled_decides_and_not_what_was_signed(void **state)
{
    struct order o;

    (void)state;
    chain_with_witness(BELOW);
    chain_reopen();
    order_init_permit(&o, 1, MINUTE);
    o.payment.permit.kind = X402_PERMIT_UPTO;
    o.payment.permit.spender = x402_permit2_upto_proxy;
    o.payment.permit.amount = x402_u256_from_u64(5 * VALUE);
    order_settle(&o);
    chain_turns(200);
    witness.down = true;
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
}

static void a_forged_receipt_counts_for_nothing(void **state)
{
    const uint64_t before = disputed();
    struct order o;

    (void)state;
    node.mine_every_ms = 0;
    node.forges = true;
    begin(&o, false);
    assert_waits(&o);
    assert_waits(&o);
    assert_int_equal(disputed(), before + 1); /* once */
    assert_int_equal(node.count, 1);
    /* The end of the lie. */
    node.forges = false;
    node_mine();
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_int_equal(o.job.block, node_sent(0)->block);
}

static void a_forged_receipt_is_pending_at_the_end_of_the_time(void **state)
{
    struct order o;

    (void)state;
    node.mine_every_ms = 0;
    node.forges = true;
    begin(&o, false);
    order_wait(&o);
    assert_outcome(&o, CHAIN_UNKNOWN, "");
    assert_true(o.job.tx.sent);
    /* The same transaction is gone on with. */
    node.forges = false;
    node_mine();
    o.job.deadline_ms += MINUTE;
    order_run(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_int_equal(node.count, 1);
}

static void a_witness_that_lags_is_waited_for(void **state)
{
    struct order o;

    (void)state;
    witness.behind = 1000;
    begin(&o, false);
    assert_waits(&o);
    witness.behind = 0;
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
}

static void the_witness_counts_blocks_by_its_own_head(void **state)
{
    struct order o;

    (void)state;
    network.depths[0].blocks = 3;
    node.mine_every_ms = 0;
    witness.behind = 2;
    begin(&o, false);
    for (int i = 0; i < 4; i++) {
        node_mine();
        chain_turns(3000);
        assert_false(o.ended);
    }
    node_mine();
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
}

static void a_witness_with_an_old_head_says_nothing(void **state)
{
    const uint64_t before = disputed();
    struct order o;

    (void)state;
    begin(&o, false);
    witness.old_s = 120;
    assert_waits(&o);
    assert_int_equal(disputed(), before);
    witness.old_s = 0;
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
}

static void the_block_must_be_the_same(void **state)
{
    const uint64_t before = disputed();
    struct order o;

    (void)state;
    witness.other_blocks = true;
    begin(&o, false);
    assert_waits(&o);
    assert_int_equal(disputed(), before + 1);
    witness.other_blocks = false;
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
}

static void the_transfer_must_be_the_same(void **state)
{
    static const enum lie lies[] = {LIE_TOKEN, LIE_FROM,    LIE_TO,
                                    LIE_VALUE, LIE_BATCH,   LIE_NO_LOG,
                                    LIE_HASH,  LIE_GARBAGE, LIE_IDS};

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        struct order o;

        begin(&o, false);
        o.ended = true;
        chain_cancel(&o.job);
        order_init(&o, (unsigned)i + 2, 5 * MINUTE);
        order_settle(&o);
        witness.lie = lies[i];
        assert_waits(&o);
        witness.lie = LIE_NONE;
        order_wait(&o);
        assert_outcome(&o, CHAIN_OK, "");
    }
}

static void a_witness_that_is_away_is_waited_for(void **state)
{
    struct order o;

    (void)state;
    begin(&o, false);
    witness.down = true;
    assert_waits(&o);
    assert_true(chain_is_up(chain));
    witness.down = false;
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_int_equal(node.count, 1);
}

/* Nobody has paid for a while. */
static void a_witness_that_goes_unseen_is_missed(void **state)
{
    struct order o;

    (void)state;
    chain_with_witness(AT);
    chain_reopen();
    chain_turns(MINUTE);
    witness.down = true;
    chain_turns(MINUTE);
    order_init(&o, 1, MINUTE);
    order_run(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
    assert_int_equal(node.count, 0);
}

static void a_node_that_goes_unseen_is_missed(void **state)
{
    (void)state;
    chain_turns(MINUTE);
    assert_true(chain_is_up(chain));
    node.down = true;
    chain_turns(MINUTE);
    assert_false(chain_is_up(chain));
    node.down = false;
    chain_turns(MINUTE);
    assert_true(chain_is_up(chain));
}

static void nothing_large_is_sent_while_the_witness_is_away(void **state)
{
    struct order o;

    (void)state;
    witness.down = true;
    chain_with_witness(AT);
    chain_reopen();
    chain_turns(1000);
    order_init(&o, 1, MINUTE);
    order_verify(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
    order_run(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
    assert_int_equal(node.signatures, 0);
    order_init(&o, 2, MINUTE);
    o.payment.transfer.value = x402_u256_from_u64(VALUE - 1);
    node.lie = LIE_VALUE;
    order_run(&o);
    assert_outcome(&o, CHAIN_OK, "");
    node.lie = LIE_NONE;
    witness.down = false;
    chain_turns(MINUTE); /* it is looked for again */
    order_init(&o, 3, MINUTE);
    order_run(&o);
    assert_outcome(&o, CHAIN_OK, "");
}

static void what_a_stranger_sent_in_needs_the_witness_too(void **state)
{
    struct order o;

    (void)state;
    chain_with_witness(AT);
    chain_reopen();
    order_init(&o, 1, 5 * MINUTE);
    o.job.verified = true;
    node_foreign_uses(&o);
    witness.forgets = true;
    order_settle(&o);
    assert_waits(&o);
    witness.forgets = false;
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_true(x402_hash_equal(o.job.tx.hash, node_sent(0)->hash));
    assert_int_equal(node.signatures, 0);
}

/* ---- It is refused ---- */

static void one_node_does_not_refuse_what_was_sent(void **state)
{
    const uint64_t before = disputed();
    struct order o;

    (void)state;
    begin(&o, false);
    node.lie = LIE_NO_LOG; /* it moved nothing, it says */
    assert_waits(&o);
    assert_int_equal(disputed(), before + 1);
    node.lie = LIE_NONE;
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
}

static void what_both_refuse_is_refused(void **state)
{
    const uint64_t before = disputed();
    struct order o;

    (void)state;
    node.mine_every_ms = 0;
    begin(&o, false);
    node_foreign_cancels(&o);
    node_mine();
    order_wait(&o);
    assert_outcome(&o, CHAIN_REFUSED, "invalid_exact_evm_nonce_already_used");
    assert_int_equal(disputed(), before);
}

/* ---- Is it still there? ---- */

static void one_node_alone_takes_nothing_back(void **state)
{
    struct order o;

    (void)state;
    begin(&o, false);
    order_wait(&o);
    node.forgets = true;
    order_look(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
    witness.forgets = true;
    order_look(&o);
    assert_outcome(&o, CHAIN_REFUSED, "");
}

static void below_the_limit_one_node_takes_it_back(void **state)
{
    struct order o;

    (void)state;
    chain_with_witness(BELOW);
    chain_reopen();
    order_init(&o, 1, MINUTE);
    order_run(&o);
    node.forgets = true;
    order_look(&o);
    assert_outcome(&o, CHAIN_REFUSED, "");
}

static void one_node_alone_does_not_hide_that_it_is_gone(void **state)
{
    struct order o;

    (void)state;
    begin(&o, false);
    order_wait(&o);
    order_look(&o);
    assert_outcome(&o, CHAIN_OK, "");
    witness.forgets = true;
    order_look(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
    witness.down = true;
    order_look(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
}

/* So a payout is given back, and made once more. */
static void one_node_alone_does_not_say_that_it_came_too_late(void **state)
{
    struct order o, again;

    (void)state;
    begin(&o, false);
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    chain_turns(6 * MINUTE);
    again = o;
    node.forgets = true;
    node.balance = X402_ZERO;
    again.ended = false;
    again.job.tx = (struct chain_tx){0};
    again.job.deadline_ms += 10 * MINUTE;
    order_verify(&again);
    assert_outcome(&again, CHAIN_UNREACHABLE, "");
    node.no_logs = true; /* the witness knows no more than that it is used */
    again.ended = false;
    order_verify(&again);
    assert_outcome(&again, CHAIN_UNREACHABLE, "");
    witness.forgets = true;
    again.ended = false;
    order_verify(&again);
    assert_outcome(&again, CHAIN_REFUSED, "invalid_exact_evm_insufficient_balance");
}

/* ---- A facilitator's word ---- */

static struct order *handed_in;

static void settle_it(void)
{
    node_foreign_uses(handed_in);
}

static void a_facilitators_settlement_is_seen_by_both(void **state)
{
    static char said[256];
    char hash[X402_HASH_TEXT_SIZE];
    struct x402_hash foreign = {{0}};
    struct order o;

    (void)state;
    memset(foreign.bytes, 0xf0, sizeof(foreign.bytes));
    foreign.bytes[0] = 1;
    x402_hash_print(hash, foreign);
    (void)snprintf(said, sizeof(said),
                   "{\"success\":true,\"transaction\":\"%s\",\"network\":"
                   "\"eip155:84532\",\"payer\":\"\"}",
                   hash);
    chain_with_witness(AT);
    chain_reopen_remote(true);
    handed_in = &o;
    facilitator_says = said;
    facilitator_does = settle_it;
    witness.forgets = true;
    order_init(&o, 1, 5 * MINUTE);
    o.job.verified = true;
    order_settle(&o);
    assert_waits(&o);
    assert_int_equal(facilitator_asked, 1);
    witness.forgets = false;
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_true(x402_hash_equal(o.job.tx.hash, foreign));
    node.forgets = true;
    order_look(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, chain_set_up, chain_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_large_payment_waits_for_its_blocks_and_a_small_one_does_not),
        TEST(below_the_limit_one_node_is_enough),
        TEST(what_both_have_in_one_block_counts),
        TEST(what_is_settled_decides_and_not_what_was_signed),
        TEST(a_forged_receipt_counts_for_nothing),
        TEST(a_forged_receipt_is_pending_at_the_end_of_the_time),
        TEST(a_witness_that_lags_is_waited_for),
        TEST(the_witness_counts_blocks_by_its_own_head),
        TEST(a_witness_with_an_old_head_says_nothing),
        TEST(the_block_must_be_the_same),
        TEST(the_transfer_must_be_the_same),
        TEST(a_witness_that_is_away_is_waited_for),
        TEST(a_witness_that_goes_unseen_is_missed),
        TEST(a_node_that_goes_unseen_is_missed),
        TEST(nothing_large_is_sent_while_the_witness_is_away),
        TEST(what_a_stranger_sent_in_needs_the_witness_too),
        TEST(one_node_does_not_refuse_what_was_sent),
        TEST(what_both_refuse_is_refused),
        TEST(one_node_alone_takes_nothing_back),
        TEST(below_the_limit_one_node_takes_it_back),
        TEST(one_node_alone_does_not_hide_that_it_is_gone),
        TEST(one_node_alone_does_not_say_that_it_came_too_late),
        TEST(a_facilitators_settlement_is_seen_by_both),
    };

    metrics_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

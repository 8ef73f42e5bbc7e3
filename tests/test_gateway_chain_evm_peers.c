/* SPDX-License-Identifier: Apache-2.0 */
/* F4: several machines with one pay_to. What another one has sent in was served there,
 * and buys nothing here; what a stranger has sent in could be shown to all of them. */
#include "gateway/settle/chain.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/metric.h"
#include "gateway/metrics.h"
#include "tests/chain_fixture.h"

enum {
    MINUTE = 60 * 1000
};

static struct x402_address peers[2];

static void with_peers(const struct x402_address *peer)
{
    peers[0] = *chain_account(); /* all machines have the same list */
    peers[1] = *peer;
    network.peers = peers;
    network.peer_count = 2;
}

/* Ours has been sent when the other one's is mined. */
static void overtaken(struct order *o, bool permit)
{
    const size_t before = node.count;

    node.mine_every_ms = 0;
    if (permit)
        order_init_permit(o, 1, MINUTE);
    else
        order_init(o, 1, MINUTE);
    order_settle(o);
    chain_turns(200);
    assert_int_equal(node.count, before + 1);
    node.same_words = permit;
    node_foreign_uses(o);
    node.mine_every_ms = 2000;
    order_wait(o);
}

static void what_a_peer_has_settled_is_not_ours(void **state)
{
    struct order o;

    (void)state;
    with_peers(&node_stranger);
    overtaken(&o, false);
    assert_outcome(&o, CHAIN_REFUSED, "invalid_exact_evm_nonce_already_used");
}

static void nor_by_permit2(void **state)
{
    struct order o;

    (void)state;
    with_peers(&node_stranger);
    overtaken(&o, true);
    assert_outcome(&o, CHAIN_REFUSED, "permit2_invalid_nonce");
}

/* Who may be the payer: he would show it to each of the machines, and each would think
 * that it is its own. */
static void what_a_stranger_has_settled_is_nobodys(void **state)
{
    const struct x402_address other = {{1, 2, 3}};
    struct order o;

    (void)state;
    with_peers(&other);
    overtaken(&o, false);
    assert_outcome(&o, CHAIN_REFUSED, "invalid_exact_evm_nonce_already_used");
}

/* A payout that is sent in by whom it pays is paid. */
static void what_nobody_else_can_have_served_for_is_ours(void **state)
{
    const struct x402_address other = {{1, 2, 3}};
    struct order o;

    (void)state;
    with_peers(&other);
    order_init(&o, 1, MINUTE);
    o.job.verified = true;
    node_foreign_uses(&o);
    order_run(&o);
    assert_outcome(&o, CHAIN_OK, "");
}

static void what_was_settled_here_stays_ours_whoever_sends_it_in_again(void **state)
{
    const struct x402_address other = {{1, 2, 3}};
    struct order o;

    (void)state;
    with_peers(&other);
    order_init(&o, 1, MINUTE);
    order_run(&o);
    node_reorg(false);
    node_foreign_uses(&o);
    order_look(&o);
    assert_outcome(&o, CHAIN_REFUSED, "invalid_exact_evm_nonce_already_used");
    o.job.verified = true; /* as the cashier looks */
    order_look(&o);
    assert_outcome(&o, CHAIN_OK, "");
}

static void the_witness_knows_whose_it_is_too(void **state)
{
    const struct x402_address other = {{1, 2, 3}};
    const uint64_t before = metric_value(metrics.payments_disputed);
    struct order o;

    (void)state;
    with_peers(&other);
    chain_with_witness("0");
    chain_reopen();
    order_init(&o, 2, MINUTE);
    order_run(&o);
    assert_outcome(&o, CHAIN_OK, "");
    overtaken(&o, false);
    assert_outcome(&o, CHAIN_REFUSED, "invalid_exact_evm_nonce_already_used");
    assert_int_equal(metric_value(metrics.payments_disputed), before);
}

static void our_own_address_among_the_peers_is_no_peer(void **state)
{
    struct order o;

    (void)state;
    with_peers(&node_stranger);
    order_init(&o, 1, MINUTE);
    order_run(&o);
    assert_outcome(&o, CHAIN_OK, "");
}

static void a_sender_that_the_node_does_not_name_is_nobody_yet(void **state)
{
    struct order o;

    (void)state;
    node.nameless = true;
    with_peers(&node_stranger);
    overtaken(&o, false);
    assert_outcome(&o, CHAIN_UNKNOWN, "settlement_pending");
}

#define TEST(claim) \
    cmocka_unit_test_setup_teardown(claim, chain_set_up, chain_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_peer_has_settled_is_not_ours),
        TEST(nor_by_permit2),
        TEST(what_a_stranger_has_settled_is_nobodys),
        TEST(what_nobody_else_can_have_served_for_is_ours),
        TEST(what_was_settled_here_stays_ours_whoever_sends_it_in_again),
        TEST(the_witness_knows_whose_it_is_too),
        TEST(our_own_address_among_the_peers_is_no_peer),
        TEST(a_sender_that_the_node_does_not_name_is_nobody_yet),
    };

    metrics_open();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

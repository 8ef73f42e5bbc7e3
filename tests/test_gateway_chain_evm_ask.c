/* SPDX-License-Identifier: Apache-2.0 */
/* Asking a node whether a payment would go through, and whether it can be asked. */
#include "gateway/settle/chain.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/chain_fixture.h"

enum {
    MINUTE = 60 * 1000
};

/* ---- verify ---- */

static void a_good_payment_is_verified_in_one_call(void **state)
{
    struct order o;
    unsigned before;

    (void)state;
    before = node.http_calls;
    order_init(&o, 1, MINUTE);
    order_verify(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_int_equal(node.http_calls - before, 1);
    assert_int_equal(node.verify_calls, 1);
    assert_int_equal(node.count, 0);
}

static const char *verified(unsigned i)
{
    struct order o;

    order_init(&o, i, MINUTE);
    order_verify(&o);
    assert_int_equal(o.job.outcome, CHAIN_REFUSED);
    return o.job.reason;
}

static void what_is_wrong_with_a_payment_is_named(void **state)
{
    struct order used;

    (void)state;
    node.token_has_no_code = true;
    assert_string_equal(verified(1), "asset_not_deployed_contract");
    node.token_has_no_code = false;
    node.payer_has_code = true;
    assert_string_equal(verified(1), "invalid_exact_evm_signature");
    node.payer_has_code = false;
    node.balance = x402_u256_from_u64(VALUE - 1);
    assert_string_equal(verified(1), "invalid_exact_evm_insufficient_balance");
    node.balance = x402_u256_from_u64(VALUE);
    node.reverts = true;
    assert_string_equal(verified(1), "invalid_exact_evm_transaction_simulation_failed");
    node.reverts = false;
    order_init(&used, 1, MINUTE);
    node_foreign_cancels(&used);
    assert_string_equal(verified(1), "invalid_exact_evm_nonce_already_used");
    assert_true(chain_is_up(chain));
}

static const char *verified_permit(unsigned i)
{
    struct order o;

    order_init_permit(&o, i, MINUTE);
    order_verify(&o);
    assert_int_equal(o.job.outcome, CHAIN_REFUSED);
    return o.job.reason;
}

static void what_is_wrong_with_a_permit_is_named(void **state)
{
    struct order o;

    (void)state;
    order_init_permit(&o, 9, MINUTE);
    order_verify(&o);
    assert_outcome(&o, CHAIN_OK, "");
    node.proxy_has_no_code = true;
    assert_string_equal(verified_permit(9), "permit2_proxy_not_deployed");
    node.proxy_has_no_code = false;
    node.allowance = x402_u256_from_u64(VALUE - 1);
    assert_string_equal(verified_permit(9), "permit2_allowance_required");
    node.balance = X402_ZERO;
    assert_string_equal(verified_permit(9), "permit2_insufficient_balance");
    node.balance = node.allowance = x402_u256_from_u64(VALUE);
    node.reverts = true;
    assert_string_equal(verified_permit(9), "permit2_simulation_failed");
    node.reverts = false;
    node_foreign_uses(&o);
    assert_string_equal(verified_permit(9), "permit2_invalid_nonce");
    order_init_permit(&o, 10, MINUTE);
    order_verify(&o);
    assert_outcome(&o, CHAIN_OK, "");
}

/* ---- The node and its clock ---- */

static enum chain_outcome verify_outcome(void)
{
    struct order o;

    order_init(&o, 1, MINUTE);
    order_verify(&o);
    return o.job.outcome;
}

static void a_stale_head_is_no_node(void **state)
{
    (void)state;
    node.mine_every_ms = 0;
    node.time_s = NOW_S - 61;
    assert_int_equal(verify_outcome(), CHAIN_UNREACHABLE);
    assert_false(chain_is_up(chain));
    node_mine();
    assert_int_equal(verify_outcome(), CHAIN_OK);
    assert_true(chain_is_up(chain));
}

/* anvil makes no blocks while nobody sends anything. */
static void a_node_that_mines_on_demand_may_be_idle(void **state)
{
    (void)state;
    node.mine_every_ms = 0;
    node.on_demand = true;
    node.time_s = NOW_S - 3600;
    node.coming_s = NOW_S;
    chain_reopen();
    assert_int_equal(verify_outcome(), CHAIN_OK);
    node.coming_s = NOW_S - 61; /* nor is that one of this time */
    assert_int_equal(verify_outcome(), CHAIN_UNREACHABLE);
}

static void a_clock_that_is_off_takes_no_payments(void **state)
{
    (void)state;
    node.mine_every_ms = 0;
    node.time_s = NOW_S + 33;
    assert_int_equal(verify_outcome(), CHAIN_UNREACHABLE);
}

static void an_empty_gas_account_takes_no_payments(void **state)
{
    struct order o;

    (void)state;
    node.funds = 1000000;
    assert_int_equal(verify_outcome(), CHAIN_UNREACHABLE);
    assert_false(chain_is_up(chain));
    order_init(&o, 1, MINUTE);
    order_run(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
    assert_int_equal(o.submits, 0);
    assert_int_equal(node.signatures, 0);
    /* That its node answers does not fill it. */
    chain_turns(40 * 1000);
    assert_false(chain_is_up(chain));
    node.funds = UINT64_C(1000000000000000000);
    chain_turns(40 * 1000);
    assert_true(chain_is_up(chain));
}

/* Whoever has others' payments settled here may name any contract. */
static void a_contract_that_is_no_token_is_refused_and_the_node_is_fine(void **state)
{
    struct order o;

    (void)state;
    node.token_reverts = true;
    for (unsigned i = 0; i < 5; i++) {
        order_init(&o, 1, MINUTE);
        order_verify(&o);
        assert_outcome(&o, CHAIN_REFUSED, "invalid_exact_evm_eip3009_not_supported");
        assert_true(chain_is_up(chain));
    }
}

static void garbage_and_foreign_answers_are_no_word(void **state)
{
    (void)state;
    node.lie = LIE_GARBAGE;
    assert_int_equal(verify_outcome(), CHAIN_UNREACHABLE);
    node.lie = LIE_IDS;
    assert_int_equal(verify_outcome(), CHAIN_UNREACHABLE);
    node.lie = LIE_NONE;
    assert_int_equal(verify_outcome(), CHAIN_OK);
}

static void a_node_of_another_chain_is_not_used(void **state)
{
    (void)state;
    node.chain_id = 1;
    chain_reopen();
    assert_false(chain_is_up(chain));
}

static void a_dead_node_is_not_asked_again_and_again(void **state)
{
    unsigned asked;

    (void)state;
    node.down = true;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(verify_outcome(), CHAIN_UNREACHABLE);
    asked = node.http_calls;
    for (unsigned i = 0; i < 50; i++)
        assert_int_equal(verify_outcome(), CHAIN_UNREACHABLE);
    assert_true(node.http_calls - asked <= 2);
    node.down = false;
    chain_turns(31 * 1000);
    assert_true(chain_is_up(chain));
    assert_int_equal(verify_outcome(), CHAIN_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, chain_set_up, chain_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_payment_is_verified_in_one_call),
        TEST(what_is_wrong_with_a_payment_is_named),
        TEST(what_is_wrong_with_a_permit_is_named),
        TEST(a_stale_head_is_no_node),
        TEST(a_node_that_mines_on_demand_may_be_idle),
        TEST(a_clock_that_is_off_takes_no_payments),
        TEST(an_empty_gas_account_takes_no_payments),
        TEST(a_contract_that_is_no_token_is_refused_and_the_node_is_fine),
        TEST(garbage_and_foreign_answers_are_no_word),
        TEST(a_node_of_another_chain_is_not_used),
        TEST(a_dead_node_is_not_asked_again_and_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Settling through a facilitator: what it is asked, which of its words are definite,
 * and that a node of ours has the last one. */
#include "gateway/settle/chain.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/chain_fixture.h"

#define HASH "0xf0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0"
#define DONE \
    "{\"success\":true,\"transaction\":\"" HASH "\",\"network\":\"eip155:84532\"}"
#define FAILED(reason)                                                        \
    "{\"success\":false,\"errorReason\":\"" reason "\",\"transaction\":\"\"," \
    "\"network\":\"eip155:84532\"}"

enum {
    MINUTE = 60 * 1000
};

static int set_up(void **state)
{
    if (chain_set_up(state) != 0)
        return -1;
    chain_reopen_remote(false);
    return 0;
}

static void assert_got(const char *text)
{
    if (strstr(facilitator_got, text) == NULL)
        fail_msg("no %s in %s", text, facilitator_got);
}

static void assert_hash(const struct order *o)
{
    char text[X402_HASH_TEXT_SIZE];

    x402_hash_print(text, o->job.tx.hash);
    assert_string_equal(text, HASH);
}

/* What was verified when it was claimed. */
static void settle(struct order *o)
{
    o->job.verified = true;
    order_run(o);
}

/* ---- What it is asked ---- */

static void verify_asks_in_version_2(void **state)
{
    struct order o;

    (void)state;
    facilitator_says = "{\"isValid\":true,\"payer\":\"0xAbCd\"}";
    order_init(&o, 1, MINUTE);
    order_verify(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_string_equal(facilitator_path, "/verify");
    assert_got("{\"x402Version\":2,\"paymentPayload\":{\"x402Version\":2,");
    assert_got("\"accepted\":{\"scheme\":\"exact\",\"network\":\"eip155:84532\"");
    assert_got("\"paymentRequirements\":{\"scheme\":\"exact\",\"network\":"
               "\"eip155:84532\",\"amount\":\"100000\"");
    assert_got("\"validAfter\":\"0\"");
}

static void a_payment_of_version_1_is_handed_in_as_version_2(void **state)
{
    struct order o;

    (void)state;
    facilitator_says = "{\"isValid\":true}";
    order_init(&o, 1, MINUTE);
    o.payment.version = o.job.version = 1;
    order_verify(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_got("{\"x402Version\":2,\"paymentPayload\":{\"x402Version\":2,");
}

static void who_has_version_1_only_is_asked_in_it(void **state)
{
    struct order o;

    (void)state;
    facilitator_supports = "{\"kinds\":[{\"x402Version\":1,\"scheme\":\"exact\","
                           "\"network\":\"base-sepolia\"}]}";
    chain_reopen_remote(false);
    assert_true(chain_is_up(chain));
    facilitator_says = DONE;
    order_init(&o, 1, MINUTE);
    settle(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_string_equal(facilitator_path, "/settle");
    assert_got("{\"x402Version\":1,\"paymentPayload\":{\"x402Version\":1,"
               "\"scheme\":\"exact\",\"network\":\"base-sepolia\"");
    assert_got("\"maxAmountRequired\":\"100000\"");
    assert_got("\"resource\":\"https://");
}

static void who_does_not_settle_here_is_down(void **state)
{
    (void)state;
    facilitator_supports = "{\"kinds\":[{\"x402Version\":2,\"scheme\":\"exact\","
                           "\"network\":\"eip155:1\"},{\"x402Version\":2,"
                           "\"scheme\":\"upto\",\"network\":\"eip155:84532\"}]}";
    chain_reopen_remote(false);
    assert_false(chain_is_up(chain));
    /* It is asked again. */
    facilitator_supports = "{\"kinds\":[{\"x402Version\":2,\"scheme\":\"exact\","
                           "\"network\":\"eip155:*\"}]}";
    chain_turns(3000);
    assert_true(chain_is_up(chain));
}

static void no_list_is_no_facilitator(void **state)
{
    static const char *const lists[] = {
        "", "[]", "{}", "{\"kinds\":{}}", "{\"kinds\":[],\"kinds\":[]}", "<html>"};

    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        facilitator_supports = lists[i];
        chain_reopen_remote(false);
        assert_false(chain_is_up(chain));
    }
}

static void permits_are_not_handed_in(void **state)
{
    struct order o;

    (void)state;
    order_init_permit(&o, 1, MINUTE);
    settle(&o);
    assert_outcome(&o, CHAIN_REFUSED, "unsupported_scheme");
    assert_int_equal(facilitator_asked, 0);
}

/* ---- verify ---- */

static void a_refusal_keeps_its_reason_if_it_is_a_known_one(void **state)
{
    struct order o;

    (void)state;
    facilitator_says = "{\"isValid\":false,\"invalidReason\":\"insufficient_funds\"}";
    facilitator_status = 400;
    order_init(&o, 1, MINUTE);
    order_verify(&o);
    assert_outcome(&o, CHAIN_REFUSED, "insufficient_funds");
    facilitator_says = "{\"isValid\":false,\"invalidReason\":\"<script>\"}";
    order_init(&o, 1, MINUTE);
    order_verify(&o);
    assert_outcome(&o, CHAIN_REFUSED, "unexpected_verify_error");
}

static void what_cannot_be_read_verifies_nothing(void **state)
{
    static const char *const answers[] = {"",
                                          "{}",
                                          "{\"isValid\":\"true\"}",
                                          "{\"isValid\":1}",
                                          "{\"isValid\":true,\"isValid\":true}",
                                          "[{\"isValid\":true}]"};
    struct order o;

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        facilitator_says = answers[i];
        order_init(&o, 1, MINUTE);
        order_verify(&o);
        assert_outcome(&o, CHAIN_UNREACHABLE, "");
        chain_turns(31 * 1000); /* until it is asked again */
    }
    facilitator_says = "{\"isValid\":true}";
    facilitator_status = 503;
    order_init(&o, 1, MINUTE);
    order_verify(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
}

/* ---- verify, then settle ---- */

static void says_done(void)
{
    facilitator_says = DONE;
}

static void what_nobody_verified_is_verified_before_it_is_handed_in(void **state)
{
    struct order o;

    (void)state;
    facilitator_says = "{\"isValid\":true}";
    facilitator_does = says_done;
    order_init(&o, 1, MINUTE);
    o.keep_late = true;
    order_settle(&o);
    chain_turns(1000);
    assert_string_equal(facilitator_path, "/verify");
    assert_int_equal(facilitator_asked, 1);
    assert_int_equal(o.submits, 1);
    chain_submitted(chain, &o.job, true);
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_string_equal(facilitator_path, "/settle");
    assert_int_equal(facilitator_asked, 2);
    assert_int_equal(o.submits, 1);
    assert_hash(&o);
}

static void both_questions_tell_the_same_payment(void **state)
{
    static char verified[sizeof(facilitator_got)];
    struct order o;

    (void)state;
    facilitator_says = "{\"isValid\":true}";
    facilitator_does = says_done;
    order_init(&o, 1, MINUTE);
    o.keep_late = true;
    order_settle(&o);
    chain_turns(1000);
    memcpy(verified, facilitator_got, sizeof(verified));
    chain_submitted(chain, &o.job, true);
    order_wait(&o);
    assert_int_equal(facilitator_asked, 2);
    assert_string_equal(facilitator_got, verified);
}

static void what_does_not_verify_is_not_handed_in(void **state)
{
    struct order o;

    (void)state;
    facilitator_says = "{\"isValid\":false,\"invalidReason\":\"insufficient_funds\"}";
    order_init(&o, 1, MINUTE);
    order_run(&o);
    assert_outcome(&o, CHAIN_REFUSED, "insufficient_funds");
    assert_int_equal(facilitator_asked, 1);
    assert_int_equal(o.submits, 0);
    assert_false(o.job.tx.sent);
}

static void without_a_word_on_it_nothing_is_handed_in(void **state)
{
    static const enum upstream_fail fails[] = {UPSTREAM_CONNECT, UPSTREAM_SLOW,
                                               UPSTREAM_CUT};
    struct order o;

    (void)state;
    for (size_t i = 0; i < sizeof(fails) / sizeof(fails[0]); i++) {
        facilitator_fails = fails[i];
        order_init(&o, 1, MINUTE);
        order_run(&o);
        assert_outcome(&o, CHAIN_UNREACHABLE, "");
        assert_string_equal(facilitator_path, "/verify");
        assert_int_equal(o.submits, 0);
        assert_false(o.job.tx.sent);
        chain_turns(31 * 1000);
    }
    facilitator_fails = UPSTREAM_FINE;
    facilitator_says = NULL; /* never */
    order_init(&o, 1, MINUTE);
    order_run(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
    assert_int_equal(o.submits, 0);
}

/* ---- settle, without a node ---- */

static void a_settlement_is_kept_once_before_it_is_handed_in(void **state)
{
    struct order o;

    (void)state;
    facilitator_says = DONE;
    order_init(&o, 1, MINUTE);
    o.keep_late = true;
    o.job.verified = true;
    order_settle(&o);
    chain_turns(1000);
    assert_int_equal(o.submits, 1);
    assert_int_equal(facilitator_asked, 0);
    chain_submitted(chain, &o.job, true);
    order_wait(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_int_equal(facilitator_asked, 1);
    assert_int_equal(o.submits, 1);
    assert_hash(&o);
}

static void what_is_not_kept_is_not_handed_in(void **state)
{
    struct order o;

    (void)state;
    order_init(&o, 1, MINUTE);
    o.keep_fails = true;
    settle(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
    assert_false(o.job.tx.sent);
    assert_int_equal(facilitator_asked, 0);
}

static void a_definite_refusal_is_one(void **state)
{
    struct order o;

    (void)state;
    facilitator_says = FAILED("invalid_exact_evm_insufficient_balance");
    order_init(&o, 1, MINUTE);
    settle(&o);
    assert_outcome(&o, CHAIN_REFUSED, "invalid_exact_evm_insufficient_balance");
}

static void every_other_answer_leaves_it_open(void **state)
{
    static const struct {
        const char *says;
        unsigned status;
    } cases[] = {
        {FAILED("settlement_pending"), 200},
        {FAILED("unexpected_settle_error"), 200},
        {FAILED("invalid_exact_evm_transaction_failed"), 200},
        {FAILED("a reason of its own"), 200},
        {FAILED("insufficient_funds"), 500},
        {DONE, 500},
        {DONE, 302},
        {"{\"success\":true,\"transaction\":\"\",\"network\":\"eip155:84532\"}", 200},
        {"{\"success\":\"true\",\"transaction\":\"" HASH "\"}", 200},
        {"not JSON", 200},
        {"", 200},
    };
    struct order o;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        facilitator_says = cases[i].says;
        facilitator_status = cases[i].status;
        order_init(&o, 1, MINUTE);
        settle(&o);
        assert_outcome(&o, CHAIN_UNKNOWN, "settlement_pending");
        assert_true(o.job.tx.sent);
        chain_turns(31 * 1000);
    }
}

static void a_pending_settlement_keeps_its_hash(void **state)
{
    struct order o;

    (void)state;
    facilitator_says = "{\"success\":false,\"errorReason\":\"settlement_pending\","
                       "\"transaction\":\"" HASH "\",\"network\":\"eip155:84532\"}";
    order_init(&o, 1, MINUTE);
    settle(&o);
    assert_outcome(&o, CHAIN_UNKNOWN, "settlement_pending");
    assert_hash(&o);
}

static void late_and_cut_off_answers_leave_it_open(void **state)
{
    static const enum upstream_fail fails[] = {UPSTREAM_SLOW, UPSTREAM_CUT,
                                               UPSTREAM_TOO_BIG};
    struct order o;

    (void)state;
    for (size_t i = 0; i < sizeof(fails) / sizeof(fails[0]); i++) {
        facilitator_fails = fails[i];
        order_init(&o, 1, MINUTE);
        settle(&o);
        assert_outcome(&o, CHAIN_UNKNOWN, "settlement_pending");
        chain_turns(31 * 1000);
    }
    facilitator_fails = UPSTREAM_FINE;
    facilitator_says = NULL; /* never */
    order_init(&o, 1, MINUTE);
    settle(&o);
    assert_outcome(&o, CHAIN_UNKNOWN, "");
}

static void who_was_not_reached_has_nothing(void **state)
{
    struct order o;

    (void)state;
    facilitator_fails = UPSTREAM_CONNECT;
    order_init(&o, 1, MINUTE);
    settle(&o);
    assert_outcome(&o, CHAIN_UNREACHABLE, "");
    assert_false(o.job.tx.sent);
    assert_false(chain_is_up(chain));
}

static void an_open_one_is_handed_in_again(void **state)
{
    struct order o;

    (void)state;
    facilitator_fails = UPSTREAM_SLOW;
    order_init(&o, 1, MINUTE);
    settle(&o);
    assert_outcome(&o, CHAIN_UNKNOWN, "settlement_pending");
    facilitator_fails = UPSTREAM_FINE;
    /* A refusal of the second try may come from the success of the first. */
    facilitator_says = FAILED("invalid_exact_evm_nonce_already_used");
    o.job.deadline_ms += MINUTE;
    settle(&o);
    assert_outcome(&o, CHAIN_UNKNOWN, "settlement_pending");
    facilitator_says = DONE;
    o.job.deadline_ms += MINUTE;
    settle(&o);
    assert_outcome(&o, CHAIN_OK, "");
    assert_hash(&o);
    assert_int_equal(o.submits, 1);
    assert_int_equal(facilitator_asked, 3);
}

/* ---- With a node of ours ---- */

static struct order now; /* the one that the facilitator settles */

static void really_settles(void)
{
    node_foreign_uses(&now);
}

static void settle_with_node(const char *says, unsigned ms)
{
    chain_reopen_remote(true);
    facilitator_says = says;
    order_init(&now, 1, ms);
    settle(&now);
}

static void its_word_and_the_nodes_are_a_settlement(void **state)
{
    char says[256];
    char text[X402_HASH_TEXT_SIZE];
    struct x402_hash h;

    (void)state;
    facilitator_does = really_settles;
    memset(h.bytes, 0xf0, sizeof(h.bytes));
    h.bytes[0] = 1;
    x402_hash_print(text, h);
    (void)snprintf(says, sizeof(says), "{\"success\":true,\"transaction\":\"%s\"}",
                   text);
    settle_with_node(says, MINUTE);
    assert_outcome(&now, CHAIN_OK, "");
    assert_true(x402_hash_equal(now.job.tx.hash, node_sent(0)->hash));
    assert_true(now.job.block > 0);
}

static void its_word_alone_is_none(void **state)
{
    (void)state;
    settle_with_node(DONE, MINUTE);
    assert_outcome(&now, CHAIN_UNKNOWN, "");
}

static void a_foreign_hash_is_no_settlement(void **state)
{
    struct order other;

    (void)state;
    /* The same payer, recipient and value: only the nonce tells them apart. */
    order_init(&other, 2, MINUTE);
    node_foreign_uses(&other);
    memset(node_sent(0)->hash.bytes, 0xf0, X402_WORD_LEN);
    settle_with_node(DONE, MINUTE);
    assert_outcome(&now, CHAIN_UNKNOWN, "");
}

static void a_wrong_hash_of_a_real_settlement_is_set_right(void **state)
{
    (void)state;
    facilitator_does = really_settles;
    settle_with_node(DONE, MINUTE);
    assert_outcome(&now, CHAIN_OK, "");
    assert_true(x402_hash_equal(now.job.tx.hash, node_sent(0)->hash));
}

static void a_receipt_of_less_is_no_settlement(void **state)
{
    (void)state;
    facilitator_does = really_settles;
    node.lie = LIE_VALUE;
    settle_with_node(DONE, MINUTE);
    assert_outcome(&now, CHAIN_REFUSED, "invalid_exact_evm_transfer_event_mismatch");
}

static void an_answer_that_was_lost_is_found_on_the_chain(void **state)
{
    (void)state;
    facilitator_does = really_settles;
    facilitator_fails = UPSTREAM_CUT;
    settle_with_node(NULL, MINUTE);
    assert_outcome(&now, CHAIN_OK, "");
    assert_int_equal(facilitator_asked, 1);
}

static void what_was_settled_before_a_crash_is_not_handed_in(void **state)
{
    (void)state;
    chain_reopen_remote(true);
    order_init(&now, 1, MINUTE);
    node_foreign_uses(&now);
    now.job.tx.sent = true;
    settle(&now);
    assert_outcome(&now, CHAIN_OK, "");
    assert_int_equal(facilitator_asked, 0);
}

static void what_was_not_is_handed_in_again(void **state)
{
    (void)state;
    chain_reopen_remote(true);
    facilitator_does = really_settles;
    facilitator_says = DONE;
    order_init(&now, 1, MINUTE);
    now.job.tx.sent = true;
    settle(&now);
    assert_outcome(&now, CHAIN_OK, "");
    assert_int_equal(facilitator_asked, 1);
    assert_int_equal(now.submits, 0);
}

static void what_nobody_sent_in_until_it_expired_is_refused(void **state)
{
    (void)state;
    facilitator_fails = UPSTREAM_CUT;
    settle_with_node(NULL, 10 * MINUTE);
    assert_outcome(&now, CHAIN_REFUSED,
                   "invalid_exact_evm_payload_authorization_valid_before");
}

static void a_look_asks_our_node(void **state)
{
    (void)state;
    facilitator_does = really_settles;
    settle_with_node(DONE, MINUTE);
    now.ended = false;
    chain_look(chain, &now.job);
    order_wait(&now);
    assert_outcome(&now, CHAIN_OK, "");
    node.mine_every_ms = 0;
    node_sent(0)->block = node.block;
    node_reorg(false);
    now.ended = false;
    chain_look(chain, &now.job);
    order_wait(&now);
    assert_outcome(&now, CHAIN_REFUSED, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, chain_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(verify_asks_in_version_2),
        TEST(a_payment_of_version_1_is_handed_in_as_version_2),
        TEST(who_has_version_1_only_is_asked_in_it),
        TEST(who_does_not_settle_here_is_down),
        TEST(no_list_is_no_facilitator),
        TEST(permits_are_not_handed_in),
        TEST(a_refusal_keeps_its_reason_if_it_is_a_known_one),
        TEST(what_cannot_be_read_verifies_nothing),
        TEST(what_nobody_verified_is_verified_before_it_is_handed_in),
        TEST(both_questions_tell_the_same_payment),
        TEST(what_does_not_verify_is_not_handed_in),
        TEST(without_a_word_on_it_nothing_is_handed_in),
        TEST(a_settlement_is_kept_once_before_it_is_handed_in),
        TEST(what_is_not_kept_is_not_handed_in),
        TEST(a_definite_refusal_is_one),
        TEST(every_other_answer_leaves_it_open),
        TEST(a_pending_settlement_keeps_its_hash),
        TEST(late_and_cut_off_answers_leave_it_open),
        TEST(who_was_not_reached_has_nothing),
        TEST(an_open_one_is_handed_in_again),
        TEST(its_word_and_the_nodes_are_a_settlement),
        TEST(its_word_alone_is_none),
        TEST(a_foreign_hash_is_no_settlement),
        TEST(a_wrong_hash_of_a_real_settlement_is_set_right),
        TEST(a_receipt_of_less_is_no_settlement),
        TEST(an_answer_that_was_lost_is_found_on_the_chain),
        TEST(what_was_settled_before_a_crash_is_not_handed_in),
        TEST(what_was_not_is_handed_in_again),
        TEST(what_nobody_sent_in_until_it_expired_is_refused),
        TEST(a_look_asks_our_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Payouts: what is signed, in what order it is written down and sent, and what ends it.
 * The market, the signer and the cashier are doubles; a chain remembers which nonces it
 * has moved money for. What dies is tried at every step. */
#include "gateway/settle/payer.h"

#include "base/clock.h"
#include "gateway/settle/details.h"
#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"
#include "tests/payer_double.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define US        "0x1111111111111111111111111111111111111111"
#define PUBLISHER "0x2222222222222222222222222222222222222222"
#define ELSEWHERE "0x3333333333333333333333333333333333333333"

enum {
    NEVER = 1000,
    ALIVE = 0
};

static struct money usd(const char *text)
{
    struct money out;

    assert_int_equal(money_parse(&out, slice_str(text)), RC_OK);
    return out;
}

/* ---- Its life ---- */

static const char config_text[] =
    "payments: {x402: {networks: [{network: \"eip155:84532\", asset: USDC, pay_to: \"" US
    "\", rpc_url: \"https://n.example\", settle_key: {keystore: k, passphrase_file: "
    "p}}]}}\n"
    "skills: {payout: {network: \"eip155:84532\", key: {keystore: payout.json, "
    "passphrase_file: p}, max_per_payout: \"70\"}}\n";

static int set_up(void **state)
{
    static const uint8_t seed[X402_KEY_LEN] = {1};

    (void)state;
    w.count = w.moved_count = 0;
    memset(&w.publisher, 0, sizeof(w.publisher));
    (void)snprintf(w.publisher.handle, sizeof(w.publisher.handle), "acme");
    (void)snprintf(w.publisher.network, sizeof(w.publisher.network), "eip155:84532");
    (void)snprintf(w.publisher.address, sizeof(w.publisher.address), PUBLISHER);
    w.refuses = CASHIER_PAID;
    w.reason = "";
    w.drained = w.off_the_record = w.meddles = w.suspends = false;
    w.signer_rc = RC_OK;
    w.sign_count = w.verify_count = w.settle_count = 0;
    memset(w.key, 0, sizeof(w.key));
    w.key[31] = 5;
    w.config = config_fixture_load(config_text);
    return x402_curve_start(seed) == RC_OK &&
                   x402_curve_address(&w.address, w.key) == RC_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    config_unref(w.config);
    x402_curve_stop();
    return 0;
}

/* A process that dies at a step; `ALIVE`: it does not. */
static void start(unsigned dies_at)
{
    struct buf faults;

    buf_init(&faults, 4096);
    w.dead = false;
    w.steps_left = dies_at == ALIVE ? NEVER : dies_at;
    w.passes = 0;
    assert_int_equal(payer_open(&w.payer, NULL, NULL, w.config, &faults), RC_OK);
    buf_free(&faults);
}

static void stop(void)
{
    payer_close(w.payer);
    w.payer = NULL;
}

/* Until it has looked at everything once more, from here on. */
static void look_again(void)
{
    unsigned passes;

    take_lock();
    passes = w.passes;
    give_lock();
    payer_pay(w.payer);
    take_lock();
    while (w.passes < passes + 1)
        (void)pthread_cond_wait(&w.changed, &w.lock);
    passes = w.passes;
    give_lock();
    payer_pay(w.payer); /* and that one has come to its end */
    take_lock();
    while (w.passes < passes + 1)
        (void)pthread_cond_wait(&w.changed, &w.lock);
    give_lock();
}

/* One process: all that is open is tried. */
static void live(unsigned dies_at)
{
    start(dies_at);
    look_again();
    stop();
}

static struct skill_payout *add(const char *amount)
{
    struct skill_payout *p = &w.payouts[w.count];

    memset(p, 0, sizeof(*p));
    p->id.bytes[0] = (uint8_t)++w.count;
    (void)snprintf(p->publisher, sizeof(p->publisher), "acme");
    (void)snprintf(p->network, sizeof(p->network), "eip155:84532");
    (void)snprintf(p->address, sizeof(p->address), PUBLISHER);
    p->amount = usd(amount);
    p->version = 1;
    return p;
}

/* What is signed ended so long ago. */
static void ended_ago(struct skill_payout *p, uint64_t seconds)
{
    uint8_t room[WALLET_PAYMENT_DETAILS_MAX];
    uint8_t bytes[WALLET_PAYMENT_DETAILS_MAX];
    struct details d;
    uint16_t len;

    memcpy(room, p->details, p->details_len);
    assert_int_equal(details_decode(&d, slice_from((const char *)room, p->details_len)),
                     RC_OK);
    d.payment.transfer.valid_before =
        x402_u256_from_u64(clock_wall_us() / 1000000 - seconds);
    assert_int_equal(details_encode(bytes, &len, &d), RC_OK);
    memcpy(p->details, bytes, len);
    p->details_len = len;
}

static const char *reason_of(const struct skill_payout *p)
{
    static char text[PAYER_REASON_SIZE];

    payer_reason(text, w.payer, p->id);
    return text;
}

/* ---- It goes well ---- */

static void a_payout_moves_its_amount_once_to_the_publisher(void **state)
{
    struct skill_payout *p = add("12.345678");
    struct details d;
    struct x402_hash nonce;
    char to[X402_ADDRESS_TEXT_SIZE];

    (void)state;
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_PAID);
    assert_string_equal(p->reference, PAYER_TRANSACTION);
    assert_int_equal(w.moved_count, 1);
    assert_int_equal(money_cmp(w.moved_value[0], usd("12.345678")), 0);
    assert_int_equal(
        details_decode(&d, slice_from((const char *)p->details, p->details_len)),
        RC_OK);
    x402_address_print_small(to, &d.payment.transfer.to);
    assert_string_equal(to, PUBLISHER);
    assert_true(x402_address_equal(&d.payment.transfer.from, &w.address));
    payer_nonce(&nonce, p->id);
    assert_true(x402_hash_equal(d.payment.transfer.nonce, nonce));
    assert_int_equal(x402_check_signature(&d.payment, &d.offer), X402_VALID);
    live(ALIVE); /* and never again */
    assert_int_equal(w.settle_count, 1);
}

static void nonces_of_payouts_are_all_different(void **state)
{
    struct x402_hash a, b;

    (void)state;
    payer_nonce(&a, (struct id){{1}});
    payer_nonce(&b, (struct id){{2}});
    assert_false(x402_hash_equal(a, b));
    payer_nonce(&b, (struct id){{1}});
    assert_true(x402_hash_equal(a, b));
}

static void more_than_one_batch_is_paid(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PAYOUTS_MAX; i++)
        (void)add("1");
    live(ALIVE);
    for (unsigned i = 0; i < PAYOUTS_MAX; i++)
        assert_int_equal(w.payouts[i].state, SKILL_PAYOUT_PAID);
    assert_int_equal(w.moved_count, PAYOUTS_MAX);
    assert_int_equal(w.sign_count, PAYOUTS_MAX);
}

static void what_is_paid_by_hand_or_has_ended_is_left_alone(void **state)
{
    struct skill_payout *by_hand = add("1"), *failed = add("1");

    (void)state;
    by_hand->network[0] = by_hand->address[0] = '\0';
    failed->state = SKILL_PAYOUT_FAILED;
    live(ALIVE);
    assert_int_equal(by_hand->state, SKILL_PAYOUT_OPEN);
    assert_int_equal(failed->state, SKILL_PAYOUT_FAILED);
    assert_int_equal(w.sign_count, 0);
}

static void the_keys_caps_are_its_own(void **state)
{
    (void)state;
    live(ALIVE);
    assert_int_equal(money_cmp(w.caps.per_payment, usd("70")), 0);
    assert_int_equal(money_cmp(w.caps.per_minute, usd("700")), 0);
    assert_int_equal(w.caps.max_fee_wei, 0); /* it signs no transaction */
}

/* ---- It dies ---- */

/* Signed; sent, before it is durable and after; settled, likewise; paid, likewise. */
static void wherever_it_dies_the_money_moves_once(void **state)
{
    unsigned deaths = 0;

    (void)state;
    for (unsigned dies_at = 1; dies_at < 10; dies_at++) {
        struct skill_payout *p;

        w.count = w.moved_count = 0;
        p = add("5");
        live(dies_at);
        deaths += w.dead;
        live(ALIVE);
        assert_int_equal(p->state, SKILL_PAYOUT_PAID);
        assert_string_equal(p->reference, PAYER_TRANSACTION);
        assert_int_equal(w.moved_count, 1);
    }
    assert_int_equal(deaths, 7);
}

static void a_process_that_dies_again_and_again_pays_once(void **state)
{
    struct skill_payout *p = add("5");

    (void)state;
    for (unsigned dies_at = 1; dies_at < 8; dies_at++)
        live(dies_at);
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_PAID);
    assert_int_equal(w.moved_count, 1);
}

static void what_was_signed_is_sent_as_it_was(void **state)
{
    struct skill_payout *p = add("5");
    uint8_t first[SKILL_PAYOUT_DETAILS_MAX];

    (void)state;
    w.refuses = CASHIER_DOWN;
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_SENT);
    memcpy(first, p->details, sizeof(first));
    w.refuses = CASHIER_PENDING;
    live(ALIVE);
    w.refuses = CASHIER_PAID;
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_PAID);
    assert_memory_equal(first, p->details, sizeof(first));
    assert_int_equal(w.sign_count, 1);
}

static void somebody_elses_word_on_it_comes_first(void **state)
{
    struct skill_payout *p = add("5");

    (void)state;
    w.meddles = true;
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_PAID); /* by hand, while it was signed */
    assert_int_equal(w.sign_count, 1);
    assert_int_equal(w.settle_count + w.verify_count, 0);
    assert_int_equal(w.moved_count, 0);
}

/* ---- It is not paid ---- */

static void a_drained_account_is_told_and_tried_again(void **state)
{
    struct skill_payout *p = add("5");

    (void)state;
    w.drained = true;
    start(ALIVE);
    look_again();
    assert_int_equal(p->state, SKILL_PAYOUT_SENT);
    assert_string_equal(reason_of(p), "the payout account has too few tokens");
    w.drained = false;
    look_again();
    assert_int_equal(p->state, SKILL_PAYOUT_PAID);
    assert_string_equal(reason_of(p), "");
    assert_int_equal(w.moved_count, 1);
    stop();
}

static void every_answer_that_is_no_end_leaves_it_sent(void **state)
{
    static const struct {
        enum cashier_answer answer;
        const char *reason, *words;
    } all[] = {
        {CASHIER_DOWN, "", "the chain cannot be reached"},
        {CASHIER_PENDING, "", "it is sent, and not settled yet"},
        {CASHIER_IN_USE, "", "it is sent, and not settled yet"},
        {CASHIER_OWING, "", "it would go through, and does not"},
        {CASHIER_REFUSED, "invalid_exact_evm_signature", "the payout account has code"},
        {CASHIER_REFUSED, "invalid_exact_evm_nonce_already_used",
         "it was used on the chain, and by what transaction cannot be told"},
        {CASHIER_REFUSED, "a_new_code", "a_new_code"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        struct skill_payout *p = add("5");

        w.refuses = all[i].answer;
        w.reason = all[i].reason;
        start(ALIVE);
        look_again();
        assert_int_equal(p->state, SKILL_PAYOUT_SENT);
        assert_string_equal(reason_of(p), all[i].words);
        stop();
    }
    assert_int_equal(w.moved_count, 0);
}

static void what_the_signer_refuses_stays_open(void **state)
{
    struct skill_payout *p = add("80");

    (void)state;
    w.signer_rc = RC_LIMIT;
    start(ALIVE);
    look_again();
    assert_int_equal(p->state, SKILL_PAYOUT_OPEN);
    assert_string_equal(reason_of(p),
                        "more than max_per_payout, or than ten of them in a minute");
    stop();
    w.signer_rc = RC_OK;
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_PAID);
}

static void it_is_given_back_only_an_hour_past_its_end(void **state)
{
    struct skill_payout *p = add("5");

    (void)state;
    w.drained = true;
    live(ALIVE);
    ended_ago(p, 10);
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_SENT);
    ended_ago(p, PAYER_MARGIN_S - 60);
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_SENT);
    assert_int_equal(w.verify_count, 0);
    ended_ago(p, PAYER_MARGIN_S + 60);
    w.refuses = CASHIER_DOWN; /* nobody says that the nonce is unused */
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_SENT);
    w.refuses = CASHIER_REFUSED;
    w.reason = "invalid_exact_evm_signature"; /* nor does this */
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_SENT);
    w.refuses = CASHIER_PAID;
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_FAILED);
    assert_int_equal(w.moved_count, 0);
}

static void past_its_end_it_may_have_been_paid(void **state)
{
    struct skill_payout *p = add("5");

    (void)state;
    live(5); /* dies when the money has moved */
    assert_int_equal(w.moved_count, 1);
    assert_int_equal(p->state, SKILL_PAYOUT_SENT);
    ended_ago(p, PAYER_MARGIN_S + 60);
    w.drained = true;
    w.off_the_record = true; /* and nobody can say where: never given back */
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_SENT);
    w.off_the_record = false;
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_PAID);
    assert_int_equal(w.moved_count, 1);
}

/* ---- Publishers ---- */

static void a_suspended_publisher_is_not_paid(void **state)
{
    struct skill_payout *p = add("5");

    (void)state;
    w.publisher.suspended = true;
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_FAILED); /* due again, and never signed */
    assert_int_equal(w.sign_count, 0);
}

static void one_suspended_in_between_is_not_sent_again(void **state)
{
    struct skill_payout *p = add("5");

    (void)state;
    w.drained = true;
    live(ALIVE);
    assert_int_equal(w.settle_count > 0, true);
    w.settle_count = 0;
    w.drained = false;
    w.publisher.suspended = true;
    start(ALIVE);
    look_again();
    assert_int_equal(p->state, SKILL_PAYOUT_SENT);
    assert_string_equal(reason_of(p),
                        "the publisher is suspended: it is not sent again");
    assert_int_equal(w.settle_count, 0);
    stop();
    ended_ago(p, PAYER_MARGIN_S + 60);
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_FAILED);
    assert_int_equal(w.moved_count, 0);
}

static void one_suspended_while_it_is_signed_is_not_sent(void **state)
{
    struct skill_payout *p = add("5");

    (void)state;
    w.suspends = true;
    live(ALIVE);
    assert_int_equal(w.sign_count, 1);
    assert_int_equal(p->state, SKILL_PAYOUT_SENT);
    assert_int_equal(w.settle_count, 0);
    assert_int_equal(w.moved_count, 0);
}

static void an_address_that_changed_since_is_not_paid(void **state)
{
    struct skill_payout *p = add("5");

    (void)state;
    (void)snprintf(w.publisher.address, sizeof(w.publisher.address), ELSEWHERE);
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_FAILED);
    assert_int_equal(w.sign_count, 0);
}

static void an_address_that_cannot_be_paid_gives_it_back(void **state)
{
    static const char *const addresses[] = {
        "0x0000000000000000000000000000000000000000", "acme.example",
        "0x036CbD53842c5426634e7929541eC2318f3dCF7e" /* the token */};

    (void)state;
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
        struct skill_payout *p = add("5");

        (void)snprintf(w.publisher.address, sizeof(w.publisher.address), "%s",
                       addresses[i]);
        (void)snprintf(p->address, sizeof(p->address), "%s", addresses[i]);
        live(ALIVE);
        assert_int_equal(p->state, SKILL_PAYOUT_FAILED);
    }
    assert_int_equal(w.sign_count, 0);
}

static void another_network_waits(void **state)
{
    struct skill_payout *p = add("5");

    (void)state;
    (void)snprintf(p->network, sizeof(p->network), "eip155:8453");
    start(ALIVE);
    look_again();
    assert_int_equal(p->state, SKILL_PAYOUT_OPEN);
    assert_string_equal(reason_of(p), "its network is not the one of skills.payout");
    stop();
}

static void what_is_finer_than_the_token_is_not_paid(void **state)
{
    struct skill_payout *p = add("5.0000001");

    (void)state;
    live(ALIVE);
    assert_int_equal(p->state, SKILL_PAYOUT_FAILED);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(a_payout_moves_its_amount_once_to_the_publisher),
        ROW(nonces_of_payouts_are_all_different),
        ROW(more_than_one_batch_is_paid),
        ROW(what_is_paid_by_hand_or_has_ended_is_left_alone),
        ROW(the_keys_caps_are_its_own),
        ROW(wherever_it_dies_the_money_moves_once),
        ROW(a_process_that_dies_again_and_again_pays_once),
        ROW(what_was_signed_is_sent_as_it_was),
        ROW(somebody_elses_word_on_it_comes_first),
        ROW(a_drained_account_is_told_and_tried_again),
        ROW(every_answer_that_is_no_end_leaves_it_sent),
        ROW(what_the_signer_refuses_stays_open),
        ROW(it_is_given_back_only_an_hour_past_its_end),
        ROW(past_its_end_it_may_have_been_paid),
        ROW(a_suspended_publisher_is_not_paid),
        ROW(one_suspended_in_between_is_not_sent_again),
        ROW(one_suspended_while_it_is_signed_is_not_sent),
        ROW(an_address_that_changed_since_is_not_paid),
        ROW(an_address_that_cannot_be_paid_gives_it_back),
        ROW(another_network_waits),
        ROW(what_is_finer_than_the_token_is_not_paid),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}

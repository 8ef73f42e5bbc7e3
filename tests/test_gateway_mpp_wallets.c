/* SPDX-License-Identifier: Apache-2.0 */
/* MPP as seller: the wallets that a proof opens, of an address (tempo/charge) and of a
 * key (ledger/charge). */
#include "tests/mpp_client.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- tempo/charge ---- */

static void a_proof_spends_what_was_credited(void **state)
{
    struct mpp_challenge c;
    struct mpp_credential p;
    struct mpp_receipt told;
    struct exchange *x;

    (void)state;
    give_credit();
    c = challenge(unpaid(), "tempo");
    p = tempo(&c);
    x = served(&p);
    told = receipt(x);
    assert_true(slice_equal_str(told.method, "tempo"));
    assert_true(slice_equal_str(told.amount, "0.005000000"));
    assert_true(slice_equal_str(told.balance, "0.245000000"));
    assert_true(slice_starts(told.reference, SLICE("t_")));
    assert_usd(credit(), "0.245");
    x = pay_search(&p); /* once */
    expect_header(x, "Idempotent-Replayed", "true");
    assert_usd(credit(), "0.245");
    assert_int_equal(cashier->takes, 1);
}

static void a_proof_without_credit_is_not_asked_for_again(void **state)
{
    struct mpp_challenge c = challenge(unpaid(), "tempo");
    struct mpp_credential p = tempo(&c);
    struct exchange *x = pay_search(&p);
    struct asked a = asked(x);

    (void)state;
    expect_problem(x, 402, "payment-insufficient");
    assert_null(find(&a, "tempo"));
    assert_non_null(find(&a, "evm"));
    give_credit();
    c = challenge(ask("POST", CHAT, WANTS JSON, DEAR_CALL), "tempo");
    p = tempo(&c);
    x = ask("POST", CHAT, header_of(&p, WANTS JSON), DEAR_CALL); /* a whole dollar */
    expect_error(x, 402, "insufficient_funds", NULL);
    a = asked(x);
    assert_null(find(&a, "tempo"));
    assert_non_null(find(&a, "evm"));
    assert_usd(credit(), "0.25");
}

static void a_proof_of_another_call_is_used_up(void **state)
{
    struct mpp_challenge c;
    struct mpp_credential p;
    struct exchange *x;

    (void)state;
    give_credit();
    c = challenge(unpaid(), "tempo");
    p = tempo(&c);
    x = pay_search(&p);
    ends(upstream_last(), UPSTREAM_CONNECT); /* nothing was done: it may come again */
    expect_status(x, 502);
    (void)served(&p);
    answers_close(gate.worker.answers); /* and the answer is forgotten */
    assert_int_equal(answers_open(&gate.worker.answers, 4 << 20), RC_OK);
    x = pay_search(&p);
    expect_problem(x, 402, "invalid-challenge");
    expect_error(x, 402, "nonce_used", NULL);
    assert_usd(credit(), "0.245");
}

static void a_forged_proof_opens_nothing(void **state)
{
    struct mpp_challenge c;
    struct mpp_credential p;

    (void)state;
    give_credit();
    c = challenge(unpaid(), "tempo");
    payer_key[0] ^= 1;
    p = tempo(&c);
    payer_key[0] ^= 1;
    p.source = SLICE("did:pkh:eip155:4217:" PAYER);
    expect_problem(pay_search(&p), 402, "verification-failed");
    p = tempo(&c);
    p.payload = SLICE("{\"type\":\"proof\",\"signature\":\"0x12\"}");
    expect_status(pay_search(&p), 402);
    assert_usd(credit(), "0.25");
}

/* An EIP-3009 signature names no site: who holds one must not spend the credit. */
static void a_payment_never_spends_the_credit(void **state)
{
    struct mpp_challenge c;
    struct mpp_credential p;

    (void)state;
    give_credit();
    c = challenge(unpaid(), "evm");
    p = evm(&c);
    (void)served(&p);
    assert_usd(credit(), "0.25");
}

static void a_frozen_payer_is_told_so_without_a_challenge(void **state)
{
    struct mpp_challenge c;
    struct mpp_credential p;
    struct exchange *x;

    (void)state;
    give_credit();
    assert_int_equal(wallet_freeze(gate.money.book, wallet_payer_id(PAYER), true),
                     RC_OK);
    c = challenge(unpaid(), "tempo");
    p = tempo(&c);
    x = pay_search(&p);
    expect_error(x, 403, "wallet_frozen", NULL);
    assert_int_equal(asked(x).count, 0);
}

/* ---- ledger/charge ---- */

static void a_key_pays_without_being_shown(void **state)
{
    const struct mpp_challenge c = challenge(unpaid(), "ledger");
    const struct mpp_credential p = ledger(&c, &gate.key);
    struct exchange *x = served(&p);
    const struct mpp_receipt told = receipt(x);

    (void)state;
    expect_spent("0.005");
    assert_true(slice_equal_str(told.balance, "9.995000000"));
    x = pay_search(&p);
    expect_header(x, "Idempotent-Replayed", "true");
    x = ask("GET", SEARCH, HOST, NULL);
    expect_status(x, 402);
    expect_spent("0.005");
}

static void only_the_right_key_makes_the_mac(void **state)
{
    const struct mpp_challenge c = challenge(unpaid(), "ledger");
    struct key_text other = gate.key;
    struct mpp_credential p;

    (void)state;
    other.text[WALLET_KEY_TEXT_LEN - 1] ^= 1;
    p = ledger(&c, &other);
    expect_problem(pay_search(&p), 402, "verification-failed");
    memcpy(other.id, "zzzzzzzzzz", 10);
    p = ledger(&c, &other);
    expect_problem(pay_search(&p), 402, "verification-failed");
    p.payload = SLICE("{\"account\":\"\",\"mac\":\"00\"}");
    expect_problem(pay_search(&p), 402, "invalid-payload");
    assert_int_equal(wallet_key_revoke(gate.money.book, slice_str(gate.key.id)), RC_OK);
    p = ledger(&c, &gate.key);
    expect_problem(pay_search(&p), 402, "verification-failed");
    expect_spent("0");
}

static void a_keys_rules_hold_for_its_proofs(void **state)
{
    const struct id poor = new_wallet(&gate.money, "poor");
    const struct key_text key = new_key(&gate.money, poor);
    struct mpp_challenge c = challenge(unpaid(), "ledger");
    struct mpp_credential p = ledger(&c, &key);
    struct exchange *x = pay_search(&p);

    (void)state;
    expect_problem(x, 402, "payment-insufficient");
    assert_int_equal(asked(x).count, 0); /* which stops whoever would sign again */
    assert_int_equal(wallet_freeze(gate.money.book, gate.wallet, true), RC_OK);
    c = challenge(unpaid(), "ledger");
    p = ledger(&c, &gate.key);
    expect_error(pay_search(&p), 403, "wallet_frozen", NULL);
}

static void a_keys_models_hold_for_its_proofs(void **state)
{
    struct wallet_key_options options = {.name = SLICE("few"), .models = SLICE("al*")};
    struct wallet_key made;
    struct key_text key;
    struct mpp_challenge c;
    struct mpp_credential p;

    (void)state;
    assert_int_equal(
        wallet_key_create(&made, key.text, gate.money.book, gate.wallet, &options),
        RC_OK);
    memcpy(key.id, made.id, sizeof(key.id));
    c = challenge(ask("POST", CHAT, WANTS JSON, DEAR_CALL), "ledger");
    p = ledger(&c, &key);
    expect_error(ask("POST", CHAT, header_of(&p, WANTS JSON), DEAR_CALL), 403,
                 "model_not_allowed", "model");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        MPP_TEST(a_proof_spends_what_was_credited),
        MPP_TEST(a_proof_without_credit_is_not_asked_for_again),
        MPP_TEST(a_proof_of_another_call_is_used_up),
        MPP_TEST(a_forged_proof_opens_nothing),
        MPP_TEST(a_payment_never_spends_the_credit),
        MPP_TEST(a_frozen_payer_is_told_so_without_a_challenge),
        MPP_TEST(a_key_pays_without_being_shown),
        MPP_TEST(only_the_right_key_makes_the_mac),
        MPP_TEST(a_keys_rules_hold_for_its_proofs),
        MPP_TEST(a_keys_models_hold_for_its_proofs),
    };

    return cmocka_run_group_tests(tests, mpp_client_start, mpp_client_stop);
}

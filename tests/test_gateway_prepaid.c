/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asked to pay, what is held and taken, and what happens when the book says no,
 * is slow, or fails. */
#include "base/clock.h"
#include "tests/gateway_fixture.h"
#include "tests/laws.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char chat[] = "/v1/chat/completions";
static const char hello[] =
    "{\"model\":\"alone\",\"messages\":[{\"role\":\"user\",\"content\":\"hello\"}]}";
/* 10 tokens in, 20 out: 0.00021 USD. */
static const char answer[] =
    "{\"choices\":[{\"message\":{\"content\":\"hi\"}}],"
    "\"usage\":{\"prompt_tokens\":10,\"completion_tokens\":20,\"total_tokens\":30}}";

static struct exchange *with(const char *headers)
{
    return ask("GET", "/v1/wallet", headers, NULL);
}

/* ---- Who ---- */

static void a_key_is_taken_from_each_of_the_three_headers(void **state)
{
    static const char *const before[] = {
        "Authorization: Bearer ", "authorization: bearer   ",
        "Authorization: ", "x-api-key: ", "X-Goog-Api-Key:   "};
    char line[256];

    (void)state;
    for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
        (void)snprintf(line, sizeof(line), "%s%s \n", before[i], gate.key.text);
        expect_status(with(line), 200);
    }
}

static void the_same_key_twice_is_one_key(void **state)
{
    char line[512];

    (void)state;
    (void)snprintf(line, sizeof(line), "%sx-api-key: %s\nx-goog-api-key: %s\n",
                   bearer(), gate.key.text, gate.key.text);
    expect_status(with(line), 200);
}

static void two_different_keys_are_refused(void **state)
{
    struct key_text other = new_key(&gate.money, gate.wallet);
    char line[512];

    (void)state;
    (void)snprintf(line, sizeof(line), "%sx-api-key: %s\n", bearer(), other.text);
    expect_error(with(line), 401, "invalid_api_key", NULL);
    (void)snprintf(line, sizeof(line), "x-api-key: %s\nx-goog-api-key: %s\n",
                   gate.key.text, other.text);
    expect_error(with(line), 401, "invalid_api_key", NULL);
    (void)snprintf(line, sizeof(line), "%s%s", bearer(), bearer());
    expect_error(with(line), 401, "invalid_api_key", NULL);
}

static void a_key_in_the_url_is_refused_even_beside_a_good_one(void **state)
{
    char target[256];

    (void)state;
    (void)snprintf(target, sizeof(target), "/v1/wallet?key=%s", gate.key.text);
    expect_error(get(target), 401, "invalid_api_key", NULL);
    expect_error(ask("GET", target, "", NULL), 401, "invalid_api_key", NULL);
    assert_false(logged(gate.key.text));
}

static void wrong_empty_and_revoked_keys_get_one_answer(void **state)
{
    struct exchange *x;

    (void)state;
    expect_error(with("Authorization: Bearer \n"), 401, "invalid_api_key", NULL);
    expect_error(with("Authorization: Basic YTpi\n"), 401, "invalid_api_key", NULL);
    expect_error(with("x-api-key: sk-oct-0123456789-x\n"), 401, "invalid_api_key",
                 NULL);
    assert_int_equal(wallet_key_revoke(gate.money.book, slice_str(gate.key.id)), RC_OK);
    x = with(bearer());
    expect_error(x, 401, "invalid_api_key", NULL);
    expect_header(x, "WWW-Authenticate", "Bearer");
    expect_error(post(chat, hello), 401, "invalid_api_key", NULL);
    assert_int_equal(upstream_count(), 0);
}

static void who_guesses_keys_is_told_to_wait_but_a_right_key_passes(void **state)
{
    static const char wrong[] = "x-api-key: sk-oct-0123456789-x\n";
    struct exchange *x;

    (void)state;
    gate_config("limits: {auth_failures_per_minute: 3}\n");
    for (unsigned i = 0; i < 3; i++)
        expect_status(with(wrong), 401);
    x = with(wrong);
    expect_error(x, 429, "rate_limited", NULL);
    expect_header(x, "Retry-After", "21");
    expect_status(with(bearer()), 200);
    gate_advance(21000);
    expect_status(with(wrong), 401);
}

static void a_frozen_wallet_may_look_but_not_spend(void **state)
{
    struct exchange *x;

    (void)state;
    assert_int_equal(wallet_freeze(gate.money.book, gate.wallet, true), RC_OK);
    x = get("/v1/wallet");
    expect_status(x, 200);
    expect_says(x, "\"frozen\":true");
    x = post(chat, hello);
    expect_error(x, 403, "wallet_frozen", NULL);
    expect_header(x, "x-should-retry", "false");
}

static void without_a_key_the_offers_come_with_the_402(void **state)
{
    struct exchange *x = ask("POST", chat, "", hello);

    (void)state;
    expect_error(x, 402, "payment_required", NULL);
    expect_says(x, "\"prepaid\":{\"header\":\"Authorization: Bearer sk-oct-..\"");
    expect_header(x, "x-should-retry", "false");
    x = ask("GET", "/v1/data/search/search", "", NULL);
    expect_error(x, 402, "payment_required", NULL);
    expect_header(x, "Content-Type", "application/problem+json");
    expect_says(x, "\"prepaid\":{");
    expect_error(ask("GET", "/v1/wallet", "", NULL), 401, "invalid_api_key", NULL);
}

/* ---- Holding ---- */

static void the_worst_case_is_held_while_the_call_runs(void **state)
{
    struct exchange *x = post(chat, hello);

    (void)state;
    /* 64 bytes: 32 tokens at 1.5 (the dearest input), 1000 out at 10 USD per million.
     */
    assert_int_equal(strlen(hello), 64);
    expect_held("0.010048");
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
    expect_header(x, "x-octroi-cost", "0.000210000");
    expect_header(x, "x-octroi-balance", "9.999790000");
    expect_held("0");
    expect_spent("0.00021");
}

static void nothing_is_forwarded_before_the_hold_is_durable(void **state)
{
    struct exchange *x;

    (void)state;
    book_keep();
    x = post(chat, hello);
    assert_int_equal(request_of(x)->state, REQUEST_HOLD);
    assert_int_equal(upstream_count(), 0);
    book_release();
    assert_int_equal(upstream_count(), 1);
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
}

static void an_answer_is_not_given_before_the_capture_is_durable(void **state)
{
    struct exchange *x = post(chat, hello);

    (void)state;
    book_keep();
    answers_json(upstream_last(), answer);
    assert_int_equal(request_of(x)->state, REQUEST_SETTLE);
    assert_false(x->answered);
    book_release();
    expect_status(x, 200);
    expect_spent("0.00021");
}

static void the_hold_outlives_the_calls_deadline_by_a_minute(void **state)
{
    struct exchange *x;

    (void)state;
    gate_config("providers: {p: {kind: compatible, base_url: \"https://p.example\"}}\n"
                "models: {alone: {targets: [{provider: p, model: m}], "
                "price: {input: \"1\", output: \"10\"}}}\n"
                "limits: {call_timeout: 10s}\n");
    x = post(chat, hello);
    assert_int_equal(upstream_last()->spec.deadline_ms, clock_mono_ms() + 10000);
    assert_int_equal(request_of(x)->hold.expires_us, clock_wall_us() + 70000000);
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
}

static void an_empty_wallet_is_told_what_it_lacks(void **state)
{
    struct exchange *x;

    (void)state;
    pay(&gate.money, gate.wallet, "9.99", "9.99");
    x = post(chat, hello);
    expect_error(x, 402, "insufficient_funds", NULL);
    expect_says(x, "up to 0.010048000 USD and the wallet has 0.010000000");
    expect_header(x, "x-should-retry", "false");
    expect_no_header(x, "x-octroi-cost");
    assert_int_equal(upstream_count(), 0);
}

static void a_limit_is_named_with_the_time_when_it_begins_anew(void **state)
{
    struct exchange *x;

    (void)state;
    limit(&gate.money, gate.wallet, WALLET_PER_DAY, "0.01");
    x = post(chat, hello);
    expect_error(x, 402, "limit_exceeded", NULL);
    expect_says(x, "\"limit\":{\"scope\":\"wallet\",\"id\":\"w_");
    expect_says(x, "\"per\":\"day\",\"limit\":\"0.010000000\",\"left\":\"0.010000000\","
                   "\"resets_at\":\"2026-11-22T00:00:00.000000Z\"}");
    expect_says(x, "leaves 0.010000000, less than the worst case");
}

static void a_limit_per_call_has_no_time_when_it_begins_anew(void **state)
{
    struct money cent = usd("0.01");
    struct exchange *x;

    (void)state;
    assert_int_equal(wallet_key_limit_set(gate.money.book, slice_str(gate.key.id),
                                          WALLET_PER_CALL, &cent),
                     RC_OK);
    x = post(chat, hello);
    expect_error(x, 402, "limit_exceeded", NULL);
    expect_says(x, "\"scope\":\"key\"");
    expect_says(x, "\"per\":\"call\"");
    expect_says(x, "\"resets_at\":null");
}

/* ---- Changes between reading and holding ---- */

static void a_limit_set_meanwhile_binds_the_hold(void **state)
{
    struct exchange *x;

    (void)state;
    book_keep();
    x = post(chat, hello);
    limit(&gate.money, gate.wallet, WALLET_PER_DAY, "0.01");
    book_release();
    expect_error(x, 402, "limit_exceeded", NULL);
    assert_int_equal(upstream_count(), 0);
}

static void a_change_that_does_not_hurt_is_held_again(void **state)
{
    struct exchange *x;

    (void)state;
    book_keep();
    x = post(chat, hello);
    limit(&gate.money, gate.wallet, WALLET_PER_DAY, "50");
    book_release();
    assert_int_equal(upstream_count(), 1);
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
    expect_spent("0.00021");
}

static void a_key_revoked_meanwhile_holds_nothing(void **state)
{
    struct exchange *x;

    (void)state;
    book_keep();
    x = post(chat, hello);
    assert_int_equal(wallet_key_revoke(gate.money.book, slice_str(gate.key.id)), RC_OK);
    book_release();
    expect_error(x, 401, "invalid_api_key", NULL);
    assert_int_equal(upstream_count(), 0);
}

static void a_wallet_frozen_meanwhile_holds_nothing(void **state)
{
    struct exchange *x;

    (void)state;
    book_keep();
    x = post(chat, hello);
    assert_int_equal(wallet_freeze(gate.money.book, gate.wallet, true), RC_OK);
    book_release();
    expect_error(x, 403, "wallet_frozen", NULL);
}

static void who_is_always_stale_is_told_to_come_again(void **state)
{
    struct exchange *x;

    (void)state;
    book_refuse(RC_STALE, 9);
    x = post(chat, hello);
    expect_error(x, 503, "overloaded", NULL);
    expect_header(x, "Retry-After", "1");
    assert_int_equal(book_submitted(), 9);
    book_refuse(RC_STALE, 8);
    x = post(chat, hello);
    assert_int_equal(upstream_count(), 1);
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
}

/* ---- A book that fails ---- */

static void what_the_book_refuses_is_the_answer(void **state)
{
    static const struct {
        enum rc rc;
        unsigned status;
        const char *code;
    } cases[] = {
        {RC_BUSY, 503, "overloaded"},
        {RC_FULL, 503, "storage_full"},
        {RC_IO, 503, "storage_error"},
        {RC_NOMEM, 503, "out_of_memory"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct exchange *x;

        book_refuse(cases[i].rc, 1);
        x = post(chat, hello);
        expect_error(x, cases[i].status, cases[i].code, NULL);
        expect_header(x, "Retry-After", "1");
    }
    assert_int_equal(upstream_count(), 0);
    expect_spent("0");
}

static void a_capture_that_fails_is_tried_again_until_it_is_booked(void **state)
{
    struct exchange *x = post(chat, hello);

    (void)state;
    book_refuse(RC_IO, 3);
    answers_json(upstream_last(), answer);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(request_of(x)->state, REQUEST_SETTLE);
        assert_false(x->answered);
        gate_advance(249);
        assert_false(x->answered);
        gate_advance(1);
    }
    expect_status(x, 200);
    expect_spent("0.00021");
    assert_false(logged("could not be settled"));
}

static void a_capture_that_never_works_gives_no_answer_away(void **state)
{
    struct exchange *x = post(chat, hello);

    (void)state;
    book_refuse(RC_IO, 1000);
    answers_json(upstream_last(), answer);
    for (unsigned i = 0; i < 40; i++) {
        assert_false(x->answered);
        gate_advance(250);
    }
    expect_error(x, 503, "storage_error", NULL);
    expect_header(x, "x-octroi-cost", "0.000000000");
    assert_true(logged("a call could not be settled"));
    assert_int_equal(book_submitted(), 42); /* the hold, the capture, 40 again */
    book_refuse(RC_OK, 0);
    expect_held("0.010048");
    gate.holds_left = 1; /* until it ends by itself */
}

static void a_capture_refused_for_good_is_not_tried_again(void **state)
{
    struct exchange *x = post(chat, hello);

    (void)state;
    book_refuse(RC_CORRUPT, 1);
    answers_json(upstream_last(), answer);
    expect_error(x, 500, "storage_corrupt", NULL);
    gate.holds_left = 1;
}

static void a_void_that_fails_is_tried_again(void **state)
{
    struct exchange *x = post(chat, hello);

    (void)state;
    book_refuse(RC_BUSY, 2);
    answers(upstream_last(), 400, "", "{\"error\":{\"message\":\"no\"}}");
    gate_advance(250);
    assert_false(x->answered);
    gate_advance(250);
    expect_status(x, 400);
    expect_header(x, "x-octroi-balance", "10.000000000");
    expect_held("0");
}

static void a_client_that_left_does_not_stop_the_trying(void **state)
{
    struct exchange *x = post(chat, hello);

    (void)state;
    book_refuse(RC_IO, 2);
    answers_json(upstream_last(), answer);
    leave(x);
    assert_false(x->finished);
    gate_advance(250);
    gate_advance(250);
    assert_true(x->finished);
    expect_spent("0.00021");
}

static void a_call_that_outlived_its_hold_is_the_houses_and_answered(void **state)
{
    struct wallet_house house;
    struct exchange *x = post(chat, hello);

    (void)state;
    clock_advance_ms(700000); /* the loop has not turned since: 10 minutes and more */
    fund(&gate.money, gate.wallet,
         "1"); /* the writer sees the time, and ends the hold */
    answers_json(upstream_last(), answer);
    expect_status(x, 200);
    expect_header(x, "x-octroi-cost", "0.000000000");
    assert_false(logged("could not be settled"));
    assert_true(logged("a capture came after its hold had ended"));
    assert_int_equal(wallet_house(&house, gate.money.book), RC_OK);
    assert_usd(house.shortfall, "0.00021");
    assert_usd(balance_of(&gate.money, gate.wallet), "11");
}

/* ---- Above the hold ---- */

static void usage_above_the_hold_is_taken_as_far_as_there_is_money(void **state)
{
    static const char much[] =
        "{\"usage\":{\"prompt_tokens\":10000,\"completion_tokens\":20000}}";
    struct wallet_house house;
    struct exchange *x;

    (void)state;
    pay(&gate.money, gate.wallet, "9.9", "9.9");
    x = post(chat, hello);
    answers_json(upstream_last(), much); /* 0.21 USD, and 0.1 there */
    expect_status(x, 200);
    expect_header(x, "x-octroi-cost", "0.100000000");
    expect_header(x, "x-octroi-balance", "0.000000000");
    assert_int_equal(wallet_house(&house, gate.money.book), RC_OK);
    assert_usd(house.shortfall, "0.11");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(a_key_is_taken_from_each_of_the_three_headers),
        GATE_TEST(the_same_key_twice_is_one_key),
        GATE_TEST(two_different_keys_are_refused),
        GATE_TEST(a_key_in_the_url_is_refused_even_beside_a_good_one),
        GATE_TEST(wrong_empty_and_revoked_keys_get_one_answer),
        GATE_TEST(who_guesses_keys_is_told_to_wait_but_a_right_key_passes),
        GATE_TEST(a_frozen_wallet_may_look_but_not_spend),
        GATE_TEST(without_a_key_the_offers_come_with_the_402),
        GATE_TEST(the_worst_case_is_held_while_the_call_runs),
        GATE_TEST(nothing_is_forwarded_before_the_hold_is_durable),
        GATE_TEST(an_answer_is_not_given_before_the_capture_is_durable),
        GATE_TEST(the_hold_outlives_the_calls_deadline_by_a_minute),
        GATE_TEST(an_empty_wallet_is_told_what_it_lacks),
        GATE_TEST(a_limit_is_named_with_the_time_when_it_begins_anew),
        GATE_TEST(a_limit_per_call_has_no_time_when_it_begins_anew),
        GATE_TEST(a_limit_set_meanwhile_binds_the_hold),
        GATE_TEST(a_change_that_does_not_hurt_is_held_again),
        GATE_TEST(a_key_revoked_meanwhile_holds_nothing),
        GATE_TEST(a_wallet_frozen_meanwhile_holds_nothing),
        GATE_TEST(who_is_always_stale_is_told_to_come_again),
        GATE_TEST(what_the_book_refuses_is_the_answer),
        GATE_TEST(a_capture_that_fails_is_tried_again_until_it_is_booked),
        GATE_TEST(a_capture_that_never_works_gives_no_answer_away),
        GATE_TEST(a_capture_refused_for_good_is_not_tried_again),
        GATE_TEST(a_void_that_fails_is_tried_again),
        GATE_TEST(a_client_that_left_does_not_stop_the_trying),
        GATE_TEST(a_call_that_outlived_its_hold_is_the_houses_and_answered),
        GATE_TEST(usage_above_the_hold_is_taken_as_far_as_there_is_money),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

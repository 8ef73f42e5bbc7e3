/* SPDX-License-Identifier: Apache-2.0 */
/* The section `skills`. */
#include "gateway/config_skills.h"

#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    TEXT_MAX = 256 * 1024
};

#define A1 "0x1111111111111111111111111111111111111111"

/* Two networks in lines 2 and 3: of ours, and of another's facilitator. */
#define PAYMENTS                                                     \
    "payments: {x402: {networks: [\n"                                \
    "  {network: \"eip155:84532\", asset: USDC, pay_to: \"" A1       \
    "\", rpc_url: \"https://n.example\", settle_key: {keystore: k, " \
    "passphrase_file: p}},\n"                                        \
    "  {network: base, asset: USDC, pay_to: \"" A1                   \
    "\", facilitator: \"https://f.example\"}]}}\n"
#define PAYOUT(network, key) \
    "skills: {payout: {network: \"" network "\", key: {" key "}}}\n"
#define STORE "keystore: payer.json, passphrase_file: payer.pass"

static const char *const said_nothing[] = {NULL};

static void an_absent_section_is_all_defaults(void **state)
{
    static const char *const texts[] = {"{}\n", "skills:\n", "skills: {}\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const struct config *c = config_fixture_load(texts[i]);
        const struct config_skills *s = c->skills;

        assert_non_null(s);
        assert_int_equal(s->platform_ppm, 100000);
        assert_int_equal(s->payout_delay_us, UINT64_C(7) * 86400 * 1000000);
        assert_false(s->allow_private);
        assert_int_equal(s->review, SKILL_REVIEW_FINDINGS);
        assert_false(s->registration_open);
        assert_int_equal(s->max_upload_bytes, 64 << 20);
        assert_null(s->payout_network);
        assert_false(s->payout_key.present);
        config_unref(c);
    }
}

static void every_key_is_read(void **state)
{
    const struct config *c = config_fixture_load(
        "skills: {platform_share: 2.5%, payout_delay: 0s, allow_private: true,\n"
        "  review: findings, registration: open, max_upload_bytes: 65536}\n");
    const struct config_skills *s = c->skills;

    (void)state;
    assert_int_equal(s->platform_ppm, 25000);
    assert_int_equal(s->payout_delay_us, 0);
    assert_true(s->allow_private);
    assert_int_equal(s->review, SKILL_REVIEW_FINDINGS);
    assert_true(s->registration_open);
    assert_int_equal(s->max_upload_bytes, 65536);
    config_unref(c);
}

static void who_registers_alone_is_looked_at(void **state)
{
    const struct config *c = config_fixture_load("skills: {registration: open}\n");

    (void)state;
    assert_int_equal(c->skills->review, SKILL_REVIEW_NEW);
    config_unref(c);
    c = config_fixture_load("skills: {registration: operator}\n");
    assert_int_equal(c->skills->review, SKILL_REVIEW_FINDINGS);
    config_unref(c);
}

static void publishers_are_paid_on_a_network_that_we_settle(void **state)
{
    const struct config *c =
        config_fixture_load(PAYMENTS PAYOUT("base-sepolia", STORE));
    const struct config_skills *s = c->skills;

    (void)state;
    assert_ptr_equal(s->payout_network, &c->payments->networks[0]);
    assert_true(s->payout_key.present);
    assert_non_null(strstr(s->payout_key.keystore, "/payer.json"));
    assert_non_null(strstr(s->payout_key.passphrase_file, "/payer.pass"));
    assert_int_equal(money_cmp(s->payout_max, money_from_nano(UINT64_C(1000000000000))),
                     0);
    config_unref(c);
}

static void another_network_cannot_pay(void **state)
{
    (void)state;
    FAULTS_OF(PAYMENTS PAYOUT("eip155:8453", STORE),
              "octroi.yaml:4:28: eip155:8453 is not one of payments.x402.networks "
              "with facilitator builtin");
    FAULTS_OF(PAYOUT("eip155:84532", STORE),
              "octroi.yaml:1:28: eip155:84532 is not one of payments.x402.networks "
              "with facilitator builtin");
    FAULTS_OF(PAYMENTS PAYOUT("bse", STORE),
              "octroi.yaml:4:28: expected a network such as eip155:8453 or base, not "
              "'bse' (did you mean 'base'?)");
}

static void a_token_without_six_places_cannot_pay(void **state)
{
    (void)state;
    FAULTS_OF("payments: {x402: {networks: [{network: \"eip155:31337\", asset: \"" A1
              "\", asset_name: T, asset_version: \"1\", decimals: 5, pay_to: "
              "\"0x2222222222222222222222222222222222222222\", rpc_url: "
              "\"https://n.example\", settle_key: {keystore: k, passphrase_file: "
              "p}}]}}\n" PAYOUT("eip155:31337", STORE),
              "octroi.yaml:2:28: its token has fewer than 6 decimals");
}

static void half_a_payout_is_a_fault(void **state)
{
    (void)state;
    FAULTS_OF(PAYMENTS "skills: {payout: {}}\n",
              "octroi.yaml:4:10: 'network' is missing: where publishers are paid",
              "octroi.yaml:4:10: 'key' is missing: publishers are paid with it");
    FAULTS_OF(PAYMENTS PAYOUT("eip155:84532", "keystore: k"),
              "octroi.yaml:4:44: a key is {keystore, passphrase_file}, or {hex_file} "
              "alone");
    FAULTS_OF(PAYMENTS "skills: {payout: {network: base-sepolia, key: {" STORE
                       "}, max_per_payout: \"0\"}}\n",
              "octroi.yaml:4:116: nothing could be paid");
    FAULTS_OF("skills: {payout: base}\n",
              "octroi.yaml:1:18: expected a mapping, found a single value");
    WARNINGS_OF(PAYMENTS PAYOUT("eip155:84532", "hex_file: h"),
                "warning: octroi.yaml:4: the key in a hex_file is not encrypted: use a "
                "keystore");
}

static void values_out_of_their_range_are_faults(void **state)
{
    (void)state;
    FAULTS_OF("skills:\n"
              "  platform_share: 100.1%\n"
              "  payout_delay: 366d\n"
              "  allow_private: maybe\n"
              "  review: every\n"
              "  registration: closed\n"
              "  max_upload_bytes: 1\n"
              "  payouts: {}\n",
              "octroi.yaml:2:19: the platform's share is more than 100%",
              "octroi.yaml:3:17: must be from 0s to 365d",
              "octroi.yaml:4:18: expected true or false, not 'maybe'",
              "octroi.yaml:5:11: expected one of findings, new, all, not 'every'",
              "octroi.yaml:6:17: expected one of operator, open, not 'closed'",
              "octroi.yaml:7:21: must be from 65536 to 4294967296",
              "octroi.yaml:8:3: unknown key 'payouts' (did you mean 'payout'?)");
    FAULTS_OF("skills: {payout_delay: 7}\n",
              "octroi.yaml:1:24: expected a time span such as 90s, 15m, 12h or 7d, not "
              "'7'");
    FAULTS_OF("skills: []\n", "octroi.yaml:1:1: expected a mapping, found a list");
}

/* Print and reload --------------------------------------------------------------------
 */

static void what_is_printed_loads_as_the_same(void **state)
{
    const struct config *c = config_fixture_load(
        PAYMENTS "skills: {platform_share: 2.5%, payout_delay: 36h, review: all,\n"
                 "  registration: open, payout: {network: base-sepolia, key: {" STORE
                 "}, max_per_payout: \"2.5\"}}\n");
    const struct config *again;
    struct buf text;

    (void)state;
    buf_init(&text, TEXT_MAX);
    for (int json = 0; json < 2; json++) {
        buf_reset(&text);
        config_print(&text, c, json == 1);
        buf_append_char(&text, '\0');
        again = config_fixture_load(buf_slice(&text).bytes);
        assert_string_equal(c->hash, again->hash);
        assert_int_equal(again->skills->payout_delay_us, UINT64_C(129600000000));
        assert_non_null(again->skills->payout_network);
        assert_int_equal(
            money_cmp(again->skills->payout_max, money_from_nano(UINT64_C(2500000000))),
            0);
        config_unref(again);
    }
    buf_free(&text);
    config_unref(c);
}

static void a_reload_changes_all_but_who_pays(void **state)
{
    static const char before[] = PAYMENTS PAYOUT("base-sepolia", STORE);

    (void)state;
    config_fixture_reload_says(before, PAYMENTS PAYOUT("eip155:84532", STORE),
                               said_nothing);
    config_fixture_reload_says("{}\n", "skills: {platform_share: 5%, review: all}\n",
                               said_nothing);
    config_fixture_reload_says(
        before, PAYMENTS PAYOUT("base-sepolia", "keystore: o, passphrase_file: p"),
        (const char *const[]){
            "octroi.yaml:4:1: a change of skills.payout needs a restart", NULL});
    config_fixture_reload_says(
        before, PAYMENTS,
        (const char *const[]){"octroi.yaml: a change of skills.payout needs a restart",
                              NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_absent_section_is_all_defaults),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(who_registers_alone_is_looked_at),
        cmocka_unit_test(publishers_are_paid_on_a_network_that_we_settle),
        cmocka_unit_test(another_network_cannot_pay),
        cmocka_unit_test(a_token_without_six_places_cannot_pay),
        cmocka_unit_test(half_a_payout_is_a_fault),
        cmocka_unit_test(values_out_of_their_range_are_faults),
        cmocka_unit_test(what_is_printed_loads_as_the_same),
        cmocka_unit_test(a_reload_changes_all_but_who_pays),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration's nodes: blocks by the value of a payment, the witness, and the
 * machines that settle beside us. */
#include "gateway/config_payments.h"

#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    TEXT_MAX = 256 * 1024
};

#define A1 "0x1111111111111111111111111111111111111111"
#define A2 "0x2222222222222222222222222222222222222222"

/* Line 1; the networks begin in line 2. */
#define NETWORKS                  "payments: {x402: {networks: [\n"
#define REMOTE                    "pay_to: \"" A1 "\", facilitator: \"https://f.example\""
#define KEY                       "settle_key: {keystore: k, passphrase_file: p}"
#define BUILTIN                   "pay_to: \"" A1 "\", rpc_url: \"https://n.example\", " KEY
#define END                       "]}}\n"

#define NETWORK_FAULTS(text, ...) FAULTS_OF(NETWORKS "{" text "}" END, __VA_ARGS__)

#define TIERS(list)               "network: base, asset: USDC, confirmations: " list ", " BUILTIN

static void more_money_waits_for_more_blocks(void **state)
{
    const struct config *c = config_fixture_load(
        NETWORKS "{" TIERS("[{from: \"0\", blocks: 1}, {from: \"10.000001\", blocks: "
                           "3}, {from: 1000, blocks: 12}]") "}" END);
    const struct config_network *net = &c->payments->networks[0];

    static const struct {
        uint64_t units; /* of 10^-6 */
        unsigned blocks;
    } expected[] = {{0, 1},           {1, 1},          {10000000, 1},
                    {10000001, 3},    {999999999, 3},  {1000000000, 12},
                    {1000000001, 12}, {UINT64_MAX, 12}};

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_int_equal(
            config_confirmations(net, x402_u256_from_u64(expected[i].units)),
            expected[i].blocks);
    config_unref(c);
}

static void a_tier_finer_than_the_token_begins_below(void **state)
{
    const struct config *c = config_fixture_load(
        NETWORKS "{network: \"eip155:31337\", asset: \"" A2 "\", asset_name: T, "
                 "asset_version: \"1\", decimals: 2, confirmations: [{from: 0, blocks: "
                 "1}, {from: \"0.019\", blocks: 2}], " BUILTIN "}" END);
    const struct config_network *net = &c->payments->networks[0];

    (void)state;
    assert_int_equal(config_confirmations(net, x402_u256_from_u64(0)), 1);
    assert_int_equal(config_confirmations(net, x402_u256_from_u64(1)), 2);
    config_unref(c);
}

static void faults_of_tiers_are_placed(void **state)
{
    (void)state;
    NETWORK_FAULTS(TIERS("0"), "octroi.yaml:2:45: must be from 1 to 1000");
    NETWORK_FAULTS(TIERS("[]"), "octroi.yaml:2:30: the list of confirmations is empty");
    NETWORK_FAULTS(TIERS("[3]"),
                   "octroi.yaml:2:46: expected a mapping, found a single value");
    NETWORK_FAULTS(TIERS("[{from: 0}, {blocks: 2}, {from: 5, blocks: 1}]"),
                   "octroi.yaml:2:46: 'blocks' is missing",
                   "octroi.yaml:2:57: 'from' is missing: the value that a tier begins "
                   "with");
    NETWORK_FAULTS(TIERS("[{from: 1, blocks: 1}]"),
                   "octroi.yaml:2:53: the first tier begins with \"0\"");
    NETWORK_FAULTS(TIERS("[{from: 0, blocks: 3}, {from: 0, blocks: 2}]"),
                   "octroi.yaml:2:75: a tier begins with more than the one before it",
                   "octroi.yaml:2:86: fewer blocks than in the tier before, for more "
                   "money");
    NETWORK_FAULTS(TIERS("[{from: 0, blocks: 1001, above: 1}]"),
                   "octroi.yaml:2:64: must be from 1 to 1000",
                   "octroi.yaml:2:70: unknown key 'above'");
    NETWORK_FAULTS(
        TIERS("[{from: 0, blocks: 1}, {from: 1, blocks: 1}, {from: 2, blocks: 1}, "
              "{from: 3, blocks: 1}, {from: 4, blocks: 1}, {from: 5, blocks: 1}, "
              "{from: 6, blocks: 1}, {from: 7, blocks: 1}, {from: 8, blocks: 1}]"),
        "octroi.yaml:2:30: more than 8 confirmations");
}

#define WITNESS(w) "network: base, asset: USDC, witness: " w ", " BUILTIN

static void a_witness_is_asked_from_its_limit_on(void **state)
{
    const struct config *c = config_fixture_load_warned(NETWORKS "{" WITNESS(
        "{rpc_url: \"https://w.example/\", from: \"2.5\"}") "}, "
                                                            "{network: base-sepolia, asset: USDC, allow_private: true, witness: "
                                                            "{rpc_url: \"http://10.0.0.1\"}, " BUILTIN
                                                            "}, "
                                                            "{network: polygon, asset: USDC, witness: "
                                                            "{rpc_url: \"http://localhost:1\"}, " BUILTIN
                                                            "}" END);
    const struct config_network *net = c->payments->networks;

    (void)state;
    assert_string_equal(net[0].witness.rpc_url, "https://w.example");
    assert_false(net[0].witness.rpc_private);
    assert_false(config_needs_witness(&net[0], x402_u256_from_u64(2499999)));
    assert_true(config_needs_witness(&net[0], x402_u256_from_u64(2500000)));
    assert_true(config_needs_witness(&net[0], x402_u256_from_u64(UINT64_MAX)));
    assert_true(net[1].witness.rpc_private);
    assert_true(config_needs_witness(&net[1], x402_u256_from_u64(0)));
    assert_true(net[2].witness.rpc_private);
    config_unref(c);
    c = config_fixture_load(NETWORKS "{" TIERS("2") "}" END);
    assert_false(config_needs_witness(&c->payments->networks[0],
                                      x402_u256_from_u64(UINT64_MAX)));
    config_unref(c);
}

static void a_witness_is_another_node(void **state)
{
    (void)state;
    NETWORK_FAULTS(WITNESS("{rpc_url: \"https://N.example/\"}"),
                   "octroi.yaml:2:49: the witness is the node of rpc_url itself, and "
                   "would always agree");
    WARNINGS_OF(NETWORKS "{" WITNESS("{rpc_url: \"https://n.example/other\"}") "}" END,
                "warning: octroi.yaml:2: the witness has the host of rpc_url: who runs "
                "that answers for both");
    NETWORK_FAULTS(WITNESS("{from: 1}"),
                   "octroi.yaml:2:30: 'rpc_url' is missing: the second node");
    NETWORK_FAULTS(WITNESS("https://w.example"),
                   "octroi.yaml:2:39: expected a mapping, found a single value");
    NETWORK_FAULTS(WITNESS("{rpc_url: \"https://w.example\", form: 1}"),
                   "octroi.yaml:2:70: unknown key 'form' (did you mean 'from'?)");
    NETWORK_FAULTS(
        "network: base, asset: USDC, witness: {rpc_url: \"https://w.example\"}, " REMOTE,
        "octroi.yaml:2:30: without an rpc_url there is no word for it to agree with");
}

static void a_change_of_either_needs_a_restart(void **state)
{
    (void)state;
    config_fixture_reload_says(
        NETWORKS "{" TIERS("[{from: 0, blocks: 1}, {from: 1, blocks: 2}]") "}" END,
        NETWORKS "{" TIERS("[{from: 0, blocks: 1}, {from: 1, blocks: 3}]") "}" END,
        (const char *const[]){
            "octroi.yaml:1:1: a change of payments.x402.networks needs a "
            "restart",
            NULL});
    config_fixture_reload_says(
        NETWORKS "{" WITNESS("{rpc_url: \"https://w.example\", from: 1}") "}" END,
        NETWORKS "{" WITNESS("{rpc_url: \"https://w.example\", from: 2}") "}" END,
        (const char *const[]){
            "octroi.yaml:1:1: a change of payments.x402.networks needs a "
            "restart",
            NULL});
}

#define PEERS(list) "network: base, asset: USDC, peers: " list ", " BUILTIN

/* F4: a payment that is served before it is settled could be served by each of them. */
static void with_peers_every_payment_is_settled_first(void **state)
{
    const struct config *c = config_fixture_load_warned(
        NETWORKS "{" PEERS("[\"" A1 "\", \"" A2 "\"]") "}" END);
    const struct config_network *net = &c->payments->networks[0];
    char text[X402_ADDRESS_TEXT_SIZE];
    struct buf shown;

    (void)state;
    assert_int_equal(net->peer_count, 2);
    x402_address_print(text, &net->peers[1]);
    assert_string_equal(text, A2);
    assert_true(net->exact);
    assert_false(net->upto);
    buf_init(&shown, TEXT_MAX);
    config_print(&shown, c, false);
    assert_true(slice_search(buf_slice(&shown), SLICE("peers")) < buf_len(&shown));
    buf_free(&shown);
    config_unref(c);
    NETWORK_FAULTS(
        PEERS("[\"" A1 "\"], schemes: [exact, upto]"),
        "octroi.yaml:2:102: upto is settled after it is served, and a payment "
        "could be served by each of the peers: give each machine its own "
        "pay_to");
    FAULTS_OF(
        NETWORKS "{" PEERS(
            "[\"" A1
            "\"]") "}" END
                   "data_apis: {a: {base_url: \"https://a\", endpoints: [{method: GET, path: "
                   "/, price: 1, payment_flow: after}]}}\n",
        "octroi.yaml:3:99: a payment could be served by each of the peers of a "
        "network before it is settled: give each machine its own pay_to");
}

static void peers_are_addresses_that_we_see_settle(void **state)
{
    (void)state;
    NETWORK_FAULTS(PEERS("[]"), "octroi.yaml:2:30: the list of addresses is empty");
    NETWORK_FAULTS(PEERS("[0x1]"),
                   "octroi.yaml:2:38: expected an address, 0x and 40 hex digits, mixed "
                   "letters being its checksum, not '0x1'");
    NETWORK_FAULTS("network: base, asset: USDC, peers: [\"" A1 "\"], " REMOTE,
                   "octroi.yaml:2:30: only builtin sees who has settled a payment");
    config_fixture_reload_says(
        NETWORKS "{" PEERS("[\"" A1 "\"]") "}" END,
        NETWORKS "{" PEERS("[\"" A2 "\"]") "}" END,
        (const char *const[]){
            "octroi.yaml:1:1: a change of payments.x402.networks needs a "
            "restart",
            NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_peers_every_payment_is_settled_first),
        cmocka_unit_test(peers_are_addresses_that_we_see_settle),
        cmocka_unit_test(more_money_waits_for_more_blocks),
        cmocka_unit_test(a_tier_finer_than_the_token_begins_below),
        cmocka_unit_test(faults_of_tiers_are_placed),
        cmocka_unit_test(a_witness_is_asked_from_its_limit_on),
        cmocka_unit_test(a_witness_is_another_node),
        cmocka_unit_test(a_change_of_either_needs_a_restart),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}

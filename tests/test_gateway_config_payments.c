/* SPDX-License-Identifier: Apache-2.0 */
/* The section `payments`, and what it means for the data APIs. */
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
    TEXT_MAX = 256 * 1024,
    TEXT_SIZE = 2048,
    PATH_SIZE = 512
};

#define A1     "0x1111111111111111111111111111111111111111"
#define A2     "0x2222222222222222222222222222222222222222"
#define A3     "0x3333333333333333333333333333333333333333"
#define SECRET "0123456789abcdef0123456789abcdef"

/* Line 1; the networks begin in line 2. */
#define NETWORKS "payments: {x402: {networks: [\n"
#define REMOTE   "pay_to: \"" A1 "\", facilitator: \"https://f.example\""
#define KEY      "settle_key: {keystore: k, passphrase_file: p}"
#define BUILTIN  "pay_to: \"" A1 "\", rpc_url: \"https://n.example\", " KEY
#define END      "]}}\n"

static const char *in_dir(const char *name)
{
    static char path[PATH_SIZE];

    (void)snprintf(path, sizeof(path), "%s/%s", conf_fixture_dir(), name);
    return path;
}

static struct x402_address address_of(const char *text)
{
    struct x402_address a;

    assert_int_equal(x402_address_parse(&a, slice_str(text)), RC_OK);
    return a;
}

/* What is read
 * -------------------------------------------------------------------------
 */

static void nothing_is_paid_unless_it_is_told(void **state)
{
    const struct config *c = config_fixture_load("{}\n");
    struct x402_address usdc = x402_token_usual(8453)->address;

    (void)state;
    assert_non_null(c->payments);
    assert_int_equal(c->payments->network_count, 0);
    assert_false(c->payments->facilitates);
    assert_false(c->payments->buyer.key.present);
    assert_null(c->payments->mpp.secret);
    assert_null(c->public_url);
    assert_null(config_network(c, 8453, &usdc));
    config_unref(c);
}

static void the_manuals_networks_are_read(void **state)
{
    const struct config *c = config_fixture_load_warned(config_fixture_example);
    const struct config_payments *p = c->payments;
    const struct config_network *net = &p->networks[0];
    struct x402_address one = address_of(A1);

    (void)state;
    assert_int_equal(p->network_count, 2);
    assert_int_equal(net->chain_id, 84532);
    assert_true(x402_address_equal(&net->asset, &x402_token_usual(84532)->address));
    assert_string_equal(net->asset_name, "USDC");
    assert_string_equal(net->asset_version, "2");
    assert_string_equal(net->asset_symbol, "USDC");
    assert_int_equal(net->decimals, 6);
    assert_true(x402_address_equal(&net->pay_to, &one));
    assert_null(net->facilitator_url);
    assert_string_equal(net->rpc_url, "http://127.0.0.1:8545");
    assert_string_equal(net->settle_key.keystore, in_dir("./settle.json"));
    assert_string_equal(net->settle_key.passphrase_file, in_dir("./settle.pass"));
    assert_int_equal(net->depth_count, 1);
    assert_int_equal(net->depths[0].blocks, 1);
    assert_null(net->witness.rpc_url);
    assert_true(net->exact);
    assert_true(net->upto);
    assert_false(net->permit2);
    net = &p->networks[1];
    assert_string_equal(net->asset_name, "USD Coin");
    assert_string_equal(net->facilitator_url, "https://facilitator.example");
    assert_null(net->rpc_url);
    assert_false(net->settle_key.present);
    assert_true(net->exact);
    assert_false(net->upto);
    assert_true(p->facilitates);
    assert_int_equal(p->facilitate_count, 0);
    assert_ptr_equal(config_network(c, 8453, &net->asset), net);
    assert_null(config_network(c, 84532, &net->asset));
    config_unref(c);
}

static void the_manuals_caps_and_methods_are_read(void **state)
{
    const struct config *c = config_fixture_load_warned(config_fixture_example);
    const struct config_payments *p = c->payments;

    (void)state;
    assert_int_equal(money_to_nano(p->max_quote), 100000000);
    assert_int_equal(money_to_nano(p->max_debt), 1000000000);
    assert_string_equal(p->buyer.key.hex_file, in_dir("./buyer.key"));
    assert_int_equal(money_to_nano(p->buyer.max_per_payment), 1000000000);
    assert_int_equal(money_to_nano(p->buyer.max_per_day), 20000000000);
    assert_int_equal(money_to_nano(p->buyer.max_per_host_day), 20000000000);
    assert_int_equal(p->buyer.chain_count, 0);
    for (size_t i = 0; i < p->buyer.asset_count; i++)
        assert_string_equal(x402_token_at(i)->symbol, "USDC");
    assert_null(x402_token_at(p->buyer.asset_count));
    assert_true(slice_equal(secret_open(p->mpp.secret),
                            SLICE("a secret of thirty-two bytes, or more")));
    assert_null(p->mpp.old_secret);
    assert_true(p->mpp.ledger && p->mpp.evm && p->mpp.tempo_proof);
    config_unref(c);
}

static void a_token_of_ones_own_is_described(void **state)
{
    const struct config *c = config_fixture_load(
        NETWORKS "{network: \"eip155:31337\", asset: \"" A2 "\", asset_name: My Coin, "
                 "asset_version: \"1\", decimals: 18, confirmations: 12, "
                 "schemes: [permit2, exact], " BUILTIN "}" END);
    const struct config_network *net = &c->payments->networks[0];

    (void)state;
    assert_int_equal(net->chain_id, 31337);
    assert_string_equal(net->asset_name, "My Coin");
    assert_string_equal(net->asset_version, "1");
    assert_string_equal(net->asset_symbol, "My Coin");
    assert_int_equal(net->decimals, 18);
    assert_int_equal(net->depth_count, 1);
    assert_int_equal(net->depths[0].blocks, 12);
    assert_true(net->exact && net->permit2 && !net->upto);
    config_unref(c);
}

static void a_network_may_have_its_old_name(void **state)
{
    const struct config *c = config_fixture_load(
        NETWORKS "{network: base-sepolia, asset: usdc, " REMOTE "}" END);

    (void)state;
    assert_int_equal(c->payments->networks[0].chain_id, 84532);
    assert_false(c->payments->facilitates);
    config_unref(c);
}

static void others_are_settled_for_as_told(void **state)
{
    const struct config *c;

    (void)state;
    c = config_fixture_load("payments: {x402: {facilitate: false, networks: [{network: "
                            "base, asset: USDC, " BUILTIN "}]}}\n");
    assert_false(c->payments->facilitates);
    config_unref(c);
    c = config_fixture_load("payments: {x402: {facilitate: {pay_to: [\"" A2 "\", \"" A3
                            "\"]}, networks: [{network: base, asset: USDC, " BUILTIN
                            "}]}}\n");
    assert_true(c->payments->facilitates);
    assert_int_equal(c->payments->facilitate_count, 2);
    assert_int_equal(c->payments->facilitate_for[1].bytes[0], 0x33);
    config_unref(c);
}

static void a_buyer_keeps_to_its_list(void **state)
{
    const struct config *c = config_fixture_load(
        "payments: {x402: {networks: [{network: \"eip155:5\", asset: \"" A2
        "\", asset_name: T, asset_version: v, decimals: 6, rpc_url: "
        "\"https://n.example\", " REMOTE "}],\n"
        "  buyer: {key: {keystore: k, passphrase_file: p}, max_per_day: \"0.5\", "
        "max_per_host_day: \"0.2\",\n"
        "    assets: [\"" A2 "\", \"" A2 "\"], chains: [base, \"eip155:5\"]}}}\n");
    const struct config_buyer *b = &c->payments->buyer;

    (void)state;
    assert_int_equal(money_to_nano(b->max_per_payment), 500000000);
    assert_int_equal(money_to_nano(b->max_per_host_day), 200000000);
    assert_int_equal(b->asset_count, 1);
    assert_int_equal(b->assets[0].bytes[19], 0x22);
    assert_int_equal(b->chain_count, 2);
    assert_int_equal(b->chains[0], 8453);
    assert_int_equal(b->chains[1], 5);
    config_unref(c);
}

static void mpp_without_a_network_offers_what_needs_none(void **state)
{
    const struct config *c = config_fixture_load("payments: {mpp: {secret: " SECRET
                                                 ", old_secret: x" SECRET "}}\n");
    const struct config_mpp *mpp = &c->payments->mpp;

    (void)state;
    assert_true(mpp->ledger && mpp->tempo_proof && !mpp->evm);
    assert_true(slice_equal(secret_open(mpp->old_secret), SLICE("x" SECRET)));
    config_unref(c);
    c = config_fixture_load("payments: {mpp: {secret: " SECRET
                            ", methods: [tempo-proof]}}\n");
    mpp = &c->payments->mpp;
    assert_true(!mpp->ledger && mpp->tempo_proof && !mpp->evm);
    config_unref(c);
}

static void a_passphrase_comes_from_three_places(void **state)
{
    const struct config *c;
    const struct config_key_file *k;

    (void)state;
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", conf_fixture_dir(), 1), 0);
    conf_fixture_write("pass", "open sesame\n", 12);
    c = config_fixture_load("payments: {x402: {buyer: {key: {keystore: /k, "
                            "passphrase_file: \"cred:pass\"}}}}\n");
    k = &c->payments->buyer.key;
    assert_string_equal(k->keystore, "/k");
    assert_string_equal(k->passphrase_file, in_dir("pass"));
    assert_null(k->passphrase);
    config_unref(c);
    c = config_fixture_load("payments: {x402: {buyer: {key: {keystore: /k, "
                            "passphrase_file: \"${cred:pass}\"}}}}\n");
    k = &c->payments->buyer.key;
    assert_null(k->passphrase_file);
    assert_true(slice_equal(secret_open(k->passphrase), SLICE("open sesame")));
    config_unref(c);
    FAULTS_OF("payments: {x402: {buyer: {key: {keystore: /k, passphrase_file: "
              "\"cred:a/b\"}}}}\n",
              "octroi.yaml:1:64: 'a/b' is no name of a credential");
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    FAULTS_OF("payments: {x402: {buyer: {key: {keystore: /k, passphrase_file: "
              "\"cred:pass\"}}}}\n",
              "octroi.yaml:1:64: no credential 'pass': CREDENTIALS_DIRECTORY is not "
              "set");
}

/* Faults ------------------------------------------------------------------------------
 */

/* Of one network in line 2. */
#define NETWORK_FAULTS(text, ...) FAULTS_OF(NETWORKS "{" text "}" END, __VA_ARGS__)

static void faults_of_networks_are_placed(void **state)
{
    (void)state;
    NETWORK_FAULTS("asset: USDC, " REMOTE, "octroi.yaml:2:1: 'network' is missing");
    NETWORK_FAULTS("network: bse, asset: USDC, " REMOTE,
                   "octroi.yaml:2:11: expected a network such as eip155:8453 or base, "
                   "not 'bse' (did you mean 'base'?)");
    NETWORK_FAULTS("network: \"eip155:0\", asset: USDC, " REMOTE,
                   "octroi.yaml:2:11: expected a network such as eip155:8453 or base, "
                   "not 'eip155:0'");
    NETWORK_FAULTS("network: base, " REMOTE,
                   "octroi.yaml:2:1: 'asset' is missing: USDC, or the token's address");
    NETWORK_FAULTS("network: base, asset: USDT, " REMOTE,
                   "octroi.yaml:2:24: no token 'USDT' is known on eip155:8453 (did you "
                   "mean 'USDC'?): write its address");
    NETWORK_FAULTS("network: \"eip155:31337\", asset: USDC, " BUILTIN,
                   "octroi.yaml:2:34: no token is known on eip155:31337: write its "
                   "address");
    NETWORK_FAULTS("network: base, asset: \"" A2 "\", decimals: 6, " REMOTE,
                   "octroi.yaml:2:1: a token that is not in the table needs "
                   "'asset_name', 'asset_version' and 'decimals'");
    NETWORK_FAULTS("network: base, asset: \"" A2 "\", asset_name: \"\", "
                   "asset_version: v, decimals: 19, " REMOTE,
                   "octroi.yaml:2:82: expected 1 to 64 bytes without control "
                   "characters",
                   "octroi.yaml:2:114: must be from 2 to 18");
    NETWORK_FAULTS("network: base, asset: USDC, schems: [exact], " REMOTE,
                   "octroi.yaml:2:30: unknown key 'schems' (did you mean 'schemes'?)");
}

static void what_is_paid_to_nobody_is_refused(void **state)
{
    (void)state;
    NETWORK_FAULTS("network: base, asset: USDC, facilitator: \"https://f.example\"",
                   "octroi.yaml:2:1: 'pay_to' is missing");
    NETWORK_FAULTS("network: base, asset: USDC, facilitator: \"https://f.example\", "
                   "pay_to: \"0x0000000000000000000000000000000000000000\"",
                   "octroi.yaml:2:72: the zero address is nobody's");
    NETWORK_FAULTS("network: base, asset: USDC, facilitator: \"https://f.example\", "
                   "pay_to: \"0x036CbD53842c5426634e7929541eC2318f3dCF7E\"",
                   "octroi.yaml:2:72: expected an address, 0x and 40 hex digits, mixed "
                   "letters being its checksum, not "
                   "'0x036CbD53842c5426634e7929541eC2318f3dCF7E'");
    NETWORK_FAULTS("network: base-sepolia, asset: USDC, facilitator: "
                   "\"https://f.example\", "
                   "pay_to: \"0x036CbD53842c5426634e7929541eC2318f3dCF7e\"",
                   "octroi.yaml:2:80: pay_to is the token itself: nobody could spend "
                   "it");
}

static void a_settler_needs_what_it_works_with(void **state)
{
    (void)state;
    NETWORK_FAULTS("network: base, asset: USDC, pay_to: \"" A1
                   "\", facilitator: builtin",
                   "octroi.yaml:2:1: 'rpc_url' is missing: builtin talks to a node "
                   "itself",
                   "octroi.yaml:2:1: 'settle_key' is missing: builtin pays the gas "
                   "with it");
    NETWORK_FAULTS("network: base, asset: USDC, facilitator: builtn, " KEY
                   ", rpc_url: \"ftp://n\", pay_to: \"" A1 "\"",
                   "octroi.yaml:2:43: expected builtin or a URL, not 'builtn' (did you "
                   "mean 'builtin'?)",
                   "octroi.yaml:2:107: rpc_url must begin with https:// or http://",
                   "octroi.yaml:2:51: only builtin has a settle_key");
    NETWORK_FAULTS("network: base, asset: USDC, confirmations: 3, " REMOTE,
                   "octroi.yaml:2:45: without an rpc_url nobody counts confirmations");
    NETWORK_FAULTS("network: \"eip155:31337\", asset: \"" A2 "\", asset_name: T, "
                   "asset_version: v, decimals: 6, " REMOTE,
                   "octroi.yaml:2:1: 'rpc_url' is missing: the network is not in the "
                   "table, so its node is asked");
    NETWORK_FAULTS(
        "network: base, asset: USDC, schemes: [exact, upto, permit2], " REMOTE,
        "octroi.yaml:2:47: only builtin settles upto",
        "octroi.yaml:2:53: only builtin settles permit2");
    NETWORK_FAULTS("network: base, asset: USDC, schemes: [], " REMOTE,
                   "octroi.yaml:2:30: the list of schemes is empty");
    NETWORK_FAULTS("network: base, asset: USDC, schemes: [exat], " REMOTE,
                   "octroi.yaml:2:40: expected one of exact, permit2, upto, not 'exat' "
                   "(did you mean 'exact'?)");
}

static void private_addresses_are_warned_of_until_allowed(void **state)
{
    (void)state;
    WARNINGS_OF(NETWORKS "{network: base, asset: USDC, pay_to: \"" A1 "\", " KEY
                         ", rpc_url: \"http://10.0.0.1:8545\"}" END,
                "warning: octroi.yaml:2: rpc_url is on a private or loopback address: "
                "calls are refused until 'allow_private: true' is set");
    LOADS(NETWORKS "{network: base, asset: USDC, pay_to: \"" A1 "\", " KEY
                   ", allow_private: true, rpc_url: \"http://10.0.0.1:8545\"}" END);
    /* The operator's own node, beside us. */
    LOADS(NETWORKS "{network: base, asset: USDC, pay_to: \"" A1 "\", " KEY
                   ", rpc_url: \"http://127.0.0.1:8545\"}" END);
    LOADS(NETWORKS "{network: base, asset: USDC, pay_to: \"" A1 "\", " KEY
                   ", rpc_url: \"http://localhost/x\"}" END);
    WARNINGS_OF(NETWORKS "{network: base, asset: USDC, pay_to: \"" A1 "\", " KEY
                         ", rpc_url: \"http://127.0.0.12\"}" END,
                "warning: octroi.yaml:2: rpc_url is on a private or loopback address: "
                "calls are refused until 'allow_private: true' is set");
    WARNINGS_OF(NETWORKS "{network: base, asset: USDC, pay_to: \"" A1
                         "\", facilitator: \"http://localhost:1/\"}" END,
                "warning: octroi.yaml:2: facilitator is on a private or loopback "
                "address: calls are refused until 'allow_private: true' is set");
}

static void a_network_and_token_stand_once(void **state)
{
    (void)state;
    FAULTS_OF(NETWORKS "{network: base, asset: USDC, " REMOTE "},\n"
                       "{network: base-sepolia, asset: USDC, " REMOTE "},\n"
                       "{network: \"eip155:8453\", asset: "
                       "\"0x833589fcd6edb6e08f4c7c32d4f71b54bda02913\", " REMOTE
                       "}" END,
              "octroi.yaml:4:1: this network and asset are there already");
}

static void networks_have_an_end(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, TEXT_MAX);
    buf_append_str(&text, NETWORKS);
    for (int i = 0; i < 9; i++)
        buf_printf(&text, "{network: \"eip155:%d\", asset: \"" A2 "\"}%s", i + 1,
                   i < 8 ? ",\n" : END);
    buf_append_char(&text, '\0');
    FAULTS_OF(buf_slice(&text).bytes, "octroi.yaml:1:19: more than 8 networks");
    buf_free(&text);
}

static void a_key_has_one_form(void **state)
{
    static const char form[] =
        "octroi.yaml:1:27: a key is {keystore, passphrase_file}, or {hex_file} alone";

    (void)state;
    FAULTS_OF("payments: {x402: {buyer: {key: {}}}}\n", form);
    FAULTS_OF("payments: {x402: {buyer: {key: {keystore: a}}}}\n", form);
    FAULTS_OF("payments: {x402: {buyer: {key: {hex_file: a, passphrase_file: b}}}}\n",
              form);
    FAULTS_OF("payments: {x402: {buyer: {key: {hex_file: a, keystore: c, "
              "passphrase_file: b}}}}\n",
              form);
    FAULTS_OF("payments: {x402: {buyer: {key: 0x12}}}\n",
              "octroi.yaml:1:32: expected a mapping, found a single value");
    FAULTS_OF("payments: {x402: {buyer: {key: {hex_file: \"${file:mpp.secret}\"}}}}\n",
              "octroi.yaml:1:43: hex_file takes the name of a file, not its contents");
    FAULTS_OF("payments: {x402: {buyer: {key: {keystore: k, passphrase_file: "
              "\"***\"}}}}\n",
              "octroi.yaml:1:63: passphrase_file is ***, which stands for a secret "
              "that was not shown");
}

static void faults_of_the_buyer_are_placed(void **state)
{
    (void)state;
    FAULTS_OF("payments: {x402: {buyer: {max_per_payment: 30}}}\n",
              "octroi.yaml:1:19: 'key' is missing: the buyer pays with it",
              "octroi.yaml:1:44: max_per_payment is more than max_per_day");
    FAULTS_OF("payments:\n"
              "  x402:\n"
              "    buyer:\n"
              "      key: {keystore: k, passphrase_file: p}\n"
              "      max_per_host_day: 21\n"
              "      assets: [USDD, \"" A3 "\", 0x1]\n"
              "      chains: [bas]\n",
              "octroi.yaml:5:25: max_per_host_day is more than max_per_day",
              "octroi.yaml:6:16: no token 'USDD' is known (did you mean 'USDC'?)",
              "octroi.yaml:6:22: the token is in no table: describe it in "
              "x402.networks",
              "octroi.yaml:6:68: expected an address, 0x and 40 hex digits, mixed "
              "letters being its checksum, not '0x1'",
              "octroi.yaml:7:16: expected a network such as eip155:8453 or base, not "
              "'bas' (did you mean 'base'?)");
    FAULTS_OF("payments: {x402: {facilitate: true}}\n",
              "octroi.yaml:1:31: without a builtin network nothing is settled here");
    FAULTS_OF("payments: {x402: {facilitate: {}}}\n",
              "octroi.yaml:1:19: 'pay_to' is missing (facilitate: true is anybody)");
}

static void faults_of_mpp_are_placed(void **state)
{
    (void)state;
    FAULTS_OF("payments: {mpp: {}}\n",
              "octroi.yaml:1:12: 'secret' is missing: challenges are bound by it");
    FAULTS_OF("payments:\n"
              "  mpp:\n"
              "    secret: 0123456789abcdef0123456789abcde\n"
              "    old_secret: \"***\"\n"
              "    methods: [leger, evm]\n",
              "octroi.yaml:3:13: the secret of mpp is shorter than 32 bytes",
              "octroi.yaml:4:17: old_secret is ***, which stands for a secret that was "
              "not shown",
              "octroi.yaml:5:15: expected one of ledger, evm, tempo-proof, not 'leger' "
              "(did you mean 'ledger'?)",
              "octroi.yaml:5:22: evm needs a network in x402.networks");
    FAULTS_OF("payments: {x403: {}, mpp: 5}\n",
              "octroi.yaml:1:27: expected a mapping, found a single value",
              "octroi.yaml:1:12: unknown key 'x403' (did you mean 'x402'?)");
}

/* Other sections ----------------------------------------------------------------------
 */

static void the_public_url_is_an_origin(void **state)
{
    const struct config *c =
        config_fixture_load("server: {public_url: \"https://Toll.Example:8443/\"}\n");

    (void)state;
    assert_string_equal(c->public_url, "https://toll.example:8443");
    config_unref(c);
    FAULTS_OF("server: {public_url: \"https://toll.example/a\"}\n",
              "octroi.yaml:1:22: public_url is an origin: it may not have a path");
    FAULTS_OF("server: {public_url: toll.example}\n",
              "octroi.yaml:1:22: public_url must begin with https:// or http://");
    LOADS("server: {public_url: \"http://127.0.0.1:8402\"}\n");
    WARNINGS_OF("server: {public_url: \"http://toll.example\"}\n",
                "warning: octroi.yaml:1: public_url is plain http: keys and texts "
                "travel unencrypted");
}

static void an_endpoint_has_its_apis_flow(void **state)
{
    const struct config *c = config_fixture_load(
        "data_apis:\n"
        "  a: {base_url: \"https://a\", endpoints: [{method: GET, path: /, price: 1},\n"
        "    {method: GET, path: /b, price: 1, payment_flow: authorization}]}\n"
        "  b: {base_url: \"https://b\", payment_flow: after, endpoints: [\n"
        "    {method: GET, path: /, price: 1},\n"
        "    {method: GET, path: /b, price: 1, payment_flow: upfront}]}\n");

    (void)state;
    assert_int_equal(c->data_apis[0].endpoints[0].flow, CONFIG_UPFRONT);
    assert_int_equal(c->data_apis[0].endpoints[1].flow, CONFIG_AFTER);
    assert_int_equal(c->data_apis[1].endpoints[0].flow, CONFIG_AFTER);
    assert_int_equal(c->data_apis[1].endpoints[1].flow, CONFIG_UPFRONT);
    config_unref(c);
    FAULTS_OF("data_apis: {a: {base_url: \"https://a\", payment_flow: never, "
              "endpoints: [{method: GET, path: /, price: 1}]}}\n",
              "octroi.yaml:1:54: expected one of upfront, after, authorization, not "
              "'never'");
}

static void an_api_that_is_paid_needs_a_buyer(void **state)
{
    static const char text[] =
        "payments: {x402: {buyer: {key: {keystore: k, passphrase_file: p}}}}\n"
        "data_apis:\n"
        "  a: {base_url: \"https://a\", auth: {x402: {}},\n"
        "      endpoints: [{method: GET, path: /, price: 1}]}\n"
        "  b: {base_url: \"https://b\", auth: {header: X-Key, value: v, mpp: {}},\n"
        "      endpoints: [{method: GET, path: /, price: 1}]}\n"
        "  c: {base_url: \"https://c\", auth: {header: X-Key, value: v},\n"
        "      endpoints: [{method: GET, path: /, price: 1}]}\n";
    const struct config *c = config_fixture_load(text);

    (void)state;
    assert_true(c->data_apis[0].buys);
    assert_null(c->data_apis[0].auth_header);
    assert_true(c->data_apis[1].buys);
    assert_string_equal(c->data_apis[1].auth_header, "X-Key");
    assert_false(c->data_apis[2].buys);
    config_unref(c);
    FAULTS_OF(strchr(text, '\n') + 1,
              "octroi.yaml:2:30: nothing can be paid without payments.x402.buyer",
              "octroi.yaml:4:30: nothing can be paid without payments.x402.buyer");
}

/* Print and reload
 * ---------------------------------------------------------------------
 */

static void what_is_printed_loads_as_the_same(void **state)
{
    static const char text[] =
        "server: {public_url: \"https://toll.example\", data_dir: /d}\n"
        "payments:\n"
        "  x402:\n"
        "    max_quote: \"0.25\"\n"
        "    max_debt: 3\n"
        "    facilitate: {pay_to: [\"" A3 "\"]}\n"
        "    networks:\n"
        "      - {network: base, asset: USDC, schemes: [permit2], " BUILTIN "}\n"
        "      - {network: \"eip155:5\", asset: \"" A2 "\", asset_name: T, "
        "asset_version: v, decimals: 2, rpc_url: \"https://n.example\", confirmations: "
        "2, witness: {rpc_url: \"https://w.example\", from: \"0.5\"}, " REMOTE "}\n"
        "      - {network: polygon, asset: USDC, confirmations: [{from: 0, blocks: 1}, "
        "{from: \"0.5\", blocks: 9}], " BUILTIN "}\n"
        "      - {network: base-sepolia, asset: USDC, " REMOTE "}\n"
        "    buyer: {key: {keystore: /k, passphrase_file: /p}, chains: [base]}\n"
        "data_apis:\n"
        "  a: {base_url: \"https://a\", auth: {mpp: {}}, payment_flow: after,\n"
        "      endpoints: [{method: GET, path: /, price: 1}]}\n";
    struct buf first, second;

    (void)state;
    buf_init(&first, TEXT_MAX);
    buf_init(&second, TEXT_MAX);
    for (int json = 0; json < 2; json++) {
        const struct config *c = config_fixture_load(text);
        const struct config *again;

        buf_reset(&first);
        buf_reset(&second);
        config_print(&first, c, json == 1);
        buf_append_char(&first, '\0');
        again = config_fixture_load(buf_slice(&first).bytes);
        config_print(&second, again, json == 1);
        buf_append_char(&second, '\0');
        assert_string_equal(buf_slice(&first).bytes, buf_slice(&second).bytes);
        assert_string_equal(c->hash, again->hash);
        config_unref(again);
        config_unref(c);
    }
    buf_free(&first);
    buf_free(&second);
}

static void no_secret_is_printed(void **state)
{
    static const char *const secrets[] = {SECRET, "open sesame", "rented", "lent"};
    const struct config *c;
    struct buf text;

    (void)state;
    conf_fixture_write("pass", "open sesame\n", 12);
    c = config_fixture_load(
        "payments: {mpp: {secret: " SECRET ", old_secret: x" SECRET "}, x402: "
        "{networks: [{network: base, asset: USDC, pay_to: \"" A1 "\", rpc_url: "
        "\"https://n.example/rented\", settle_key: {keystore: k, passphrase_file: "
        "\"${file:pass}\"}, witness: {rpc_url: \"https://w.example/lent\"}}]}}\n");
    assert_string_equal(c->payments->networks[0].rpc_url, "https://n.example/rented");
    buf_init(&text, TEXT_MAX);
    config_print(&text, c, false);
    config_print(&text, c, true);
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        assert_int_equal(slice_search(buf_slice(&text), slice_str(secrets[i])),
                         buf_slice(&text).len);
    assert_true(slice_search(buf_slice(&text), SLICE("rpc_url: \"***\"")) <
                buf_slice(&text).len);
    buf_free(&text);
    config_unref(c);
    NETWORK_FAULTS("network: base, asset: USDC, pay_to: \"" A1 "\", " KEY
                   ", rpc_url: \"***\"",
                   "octroi.yaml:2:140: rpc_url is ***, which stands for a secret that "
                   "was not shown");
}

#define SECTION(quote, debt, node, cap)                                              \
    "payments: {x402: {max_quote: \"" quote "\", max_debt: \"" debt "\",\n"          \
    "  networks: [{network: base, asset: USDC, pay_to: \"" A1 "\", rpc_url: \"" node \
    "\", " KEY "}],\n"                                                               \
    "  buyer: {key: {keystore: k, passphrase_file: p}, max_per_day: \"" cap "\"}}}\n"

static void networks_keys_and_caps_need_a_restart(void **state)
{
    static const char before[] = SECTION("0.1", "1", "https://n.example", "5");

    (void)state;
    config_fixture_reload_says(before, SECTION("0.2", "1", "https://n.example", "5"),
                               (const char *const[]){NULL});
    config_fixture_reload_says(
        before, SECTION("0.1", "2", "https://m.example", "6"),
        (const char *const[]){
            "octroi.yaml:1:1: a change of payments.x402.networks needs a "
            "restart",
            "octroi.yaml:1:1: a change of payments.x402.buyer needs a restart",
            "octroi.yaml:1:1: a change of payments.x402.max_debt needs a "
            "restart",
            NULL});
    config_fixture_reload_says(
        before, "{}\n",
        (const char *const[]){
            "octroi.yaml: a change of payments.x402.networks needs a restart",
            "octroi.yaml: a change of payments.x402.buyer needs a restart", NULL});
    config_fixture_reload_says("payments: {mpp: {secret: " SECRET "}}\n",
                               "payments: {mpp: {secret: x" SECRET
                               ", old_secret: " SECRET "}}\n",
                               (const char *const[]){NULL});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_paid_unless_it_is_told),
        cmocka_unit_test(the_manuals_networks_are_read),
        cmocka_unit_test(the_manuals_caps_and_methods_are_read),
        cmocka_unit_test(a_token_of_ones_own_is_described),
        cmocka_unit_test(a_network_may_have_its_old_name),
        cmocka_unit_test(others_are_settled_for_as_told),
        cmocka_unit_test(a_buyer_keeps_to_its_list),
        cmocka_unit_test(mpp_without_a_network_offers_what_needs_none),
        cmocka_unit_test(a_passphrase_comes_from_three_places),
        cmocka_unit_test(faults_of_networks_are_placed),
        cmocka_unit_test(what_is_paid_to_nobody_is_refused),
        cmocka_unit_test(a_settler_needs_what_it_works_with),
        cmocka_unit_test(private_addresses_are_warned_of_until_allowed),
        cmocka_unit_test(a_network_and_token_stand_once),
        cmocka_unit_test(networks_have_an_end),
        cmocka_unit_test(a_key_has_one_form),
        cmocka_unit_test(faults_of_the_buyer_are_placed),
        cmocka_unit_test(faults_of_mpp_are_placed),
        cmocka_unit_test(the_public_url_is_an_origin),
        cmocka_unit_test(an_endpoint_has_its_apis_flow),
        cmocka_unit_test(an_api_that_is_paid_needs_a_buyer),
        cmocka_unit_test(what_is_printed_loads_as_the_same),
        cmocka_unit_test(no_secret_is_printed),
        cmocka_unit_test(networks_keys_and_caps_need_a_restart),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}

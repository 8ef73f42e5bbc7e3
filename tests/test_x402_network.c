/* SPDX-License-Identifier: Apache-2.0 */
/* Networks and tokens: names go both ways, and the table is what was published. */
#include "x402/x402.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void ids_go_both_ways(void **state)
{
    static const struct {
        const char *text;
        uint64_t chain_id;
    } ids[] = {{"eip155:1", 1},
               {"eip155:8453", 8453},
               {"eip155:84532", 84532},
               {"eip155:324705682", 324705682},
               {"eip155:18446744073709551615", UINT64_MAX}};

    (void)state;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        char text[X402_NETWORK_TEXT_SIZE];
        uint64_t chain_id = 0;

        assert_int_equal(x402_network_parse(&chain_id, slice_str(ids[i].text)), RC_OK);
        assert_int_equal(chain_id, ids[i].chain_id);
        x402_network_print(text, chain_id);
        assert_string_equal(text, ids[i].text);
    }
}

static void ids_have_one_form(void **state)
{
    static const char *const bad[] = {"",
                                      "eip155",
                                      "eip155:",
                                      "eip155:0",
                                      "eip155:01",
                                      "eip155:-1",
                                      "eip155:+1",
                                      "eip155:1 ",
                                      " eip155:1",
                                      "EIP155:1",
                                      "eip155:0x1",
                                      "eip155:*",
                                      "eip155:18446744073709551616",
                                      "eip155:1:1",
                                      "base",
                                      "8453",
                                      "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"};
    uint64_t chain_id = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(x402_network_parse(&chain_id, slice_str(bad[i])),
                         RC_BAD_INPUT);
    assert_int_equal(chain_id, 7);
}

static void version_1_has_names_instead(void **state)
{
    static const struct {
        const char *name;
        uint64_t chain_id;
        bool offered;
    } names[] = {{"base", 8453, true},
                 {"base-sepolia", 84532, true},
                 {"polygon", 137, true},
                 {"avalanche", 43114, true},
                 {"avalanche-fuji", 43113, true},
                 {"polygon-amoy", 80002, true},
                 {"abstract", 2741, true},
                 {"abstract-testnet", 11124, true},
                 {"sei", 1329, true},
                 {"sei-testnet", 1328, true},
                 {"iotex", 4689, true},
                 {"peaq", 3338, true},
                 {"story", 1514, true},
                 {"educhain", 41923, true},
                 {"skale-base-sepolia", 324705682, true},
                 {"ethereum", 1, false},
                 {"sepolia", 11155111, false},
                 {"stable-testnet", 2201, false}};

    uint64_t chain_id = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(x402_network_from_v1(&chain_id, slice_str(names[i].name)),
                         RC_OK);
        assert_int_equal(chain_id, names[i].chain_id);
        assert_string_equal(x402_network_v1_name(chain_id), names[i].name);
        assert_int_equal(x402_network_v1_offered(chain_id), names[i].offered);
    }
}

static void names_of_nothing_are_not_found(void **state)
{
    static const char *const bad[] = {
        "",     "Base", "BASE",   "base ",    "basesepolia", "solana",
        "8453", "bas",  "base\n", "arbitrum", "sei-",        "eip155:8453"};
    uint64_t chain_id = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(x402_network_from_v1(&chain_id, slice_str(bad[i])),
                         RC_NOT_FOUND);
    assert_int_equal(chain_id, 7);
    assert_null(x402_network_v1_name(42161));
    assert_false(x402_network_v1_offered(42161));
    assert_false(x402_network_v1_offered(0));
}

static void tokens_are_the_published_ones(void **state)
{
    static const struct {
        uint64_t chain_id;
        const char *address;
        const char *name;
    } published[] = {
        {8453, "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913", "USD Coin"},
        {84532, "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "USDC"},
        {1, "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "USD Coin"},
        {137, "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359", "USD Coin"},
        {42161, "0xaf88d065e77c8cC2239327C5EDb3A432268e5831", "USD Coin"},
        {43114, "0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E", "USD Coin"},
        {43113, "0x5425890298aed601595a70AB815c96711a31Bc65", "USD Coin"},
        {80002, "0x41E94Eb019C0762f9Bfcf9Fb1E58725BfB0e7582", "USDC"},
        {1329, "0xe15fC38F6D8c56aF07bbCBe3BAf5708A2Bf42392", "USDC"},
        {1328, "0x4fCF1784B31630811181f670Aea7A7bEF803eaED", "USDC"},
        {3338, "0xbbA60da06c2c5424f03f7434542280FCAd453d10", "USDC"},
        {143, "0x754704Bc059F8C67012fEd69BC8A327a5aafb603", "USDC"},
        {421614, "0x75faf114eafb1BDbe2F0316DF893fd58CE46AA4d", "USD Coin"}};

    size_t count = sizeof(published) / sizeof(published[0]);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct x402_address address;
        const struct x402_token *t;

        assert_int_equal(x402_address_parse(&address, slice_str(published[i].address)),
                         RC_OK);
        t = x402_token_find(published[i].chain_id, &address);
        assert_non_null(t);
        assert_string_equal(t->name, published[i].name);
        assert_string_equal(t->version, "2");
        assert_string_equal(t->symbol, "USDC");
        assert_int_equal(t->decimals, 6);
        assert_ptr_equal(x402_token_usual(published[i].chain_id), t);
        assert_null(x402_token_find(published[i].chain_id + 1000000, &address));
        address.bytes[0] ^= 1;
        assert_null(x402_token_find(published[i].chain_id, &address));
        assert_non_null(x402_token_at(i));
    }
    assert_null(x402_token_at(count));
    assert_null(x402_token_usual(31337));
}

static void contracts_are_the_published_ones(void **state)
{
    static const struct {
        const struct x402_address *address;
        const char *text;
    } published[] = {
        {&x402_permit2, "0x000000000022D473030F116dDEE9F6B43aC78BA3"},
        {&x402_permit2_exact_proxy, "0x402085c248EeA27D92E8b30b2C58ed07f9E20001"},
        {&x402_permit2_upto_proxy, "0x4020A4f3b7b90ccA423B9fabCc0CE57C6C240002"},
        {&x402_batch_settlement, "0x4020074e9dF2ce1deE5A9C1b5c3f541D02a10003"}};

    (void)state;
    for (size_t i = 0; i < sizeof(published) / sizeof(published[0]); i++) {
        char text[X402_ADDRESS_TEXT_SIZE];

        x402_address_print(text, published[i].address);
        assert_string_equal(text, published[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_go_both_ways),
        cmocka_unit_test(ids_have_one_form),
        cmocka_unit_test(version_1_has_names_instead),
        cmocka_unit_test(names_of_nothing_are_not_found),
        cmocka_unit_test(tokens_are_the_published_ones),
        cmocka_unit_test(contracts_are_the_published_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tables, and how to find something in them. */
#include "x402/network.h"

#include "x402/word.h"

#include <stdio.h>

#define ADDRESS(a, b, c, d, e)                                              \
    {                                                                       \
        {                                                                   \
            X402__BYTES(a), X402__BYTES(b), X402__BYTES(c), X402__BYTES(d), \
                X402__BYTES(e)                                              \
        }                                                                   \
    }

/* Version 1 has no other way to name a network. */
static const struct {
    const char *name;
    uint64_t chain_id;
    bool offered;
} v1_names[] = {
    {"abstract", 2741, true},
    {"abstract-testnet", 11124, true},
    {"avalanche", 43114, true},
    {"avalanche-fuji", 43113, true},
    {"base", 8453, true},
    {"base-sepolia", 84532, true},
    {"educhain", 41923, true},
    {"ethereum", 1, false},
    {"iotex", 4689, true},
    {"peaq", 3338, true},
    {"polygon", 137, true},
    {"polygon-amoy", 80002, true},
    {"sei", 1329, true},
    {"sei-testnet", 1328, true},
    {"sepolia", 11155111, false},
    {"skale-base-sepolia", 324705682, true},
    {"stable-testnet", 2201, false},
    {"story", 1514, true},
};

/* Circle's, and bridged ones where they are what clients know. */
static const struct x402_token tokens[] = {
    {8453, "USDC", "USD Coin", "2", 6,
     ADDRESS(0x833589fc, 0xd6edb6e0, 0x8f4c7c32, 0xd4f71b54, 0xbda02913)},
    {84532, "USDC", "USDC", "2", 6,
     ADDRESS(0x036cbd53, 0x842c5426, 0x634e7929, 0x541ec231, 0x8f3dcf7e)},
    {1, "USDC", "USD Coin", "2", 6,
     ADDRESS(0xa0b86991, 0xc6218b36, 0xc1d19d4a, 0x2e9eb0ce, 0x3606eb48)},
    {137, "USDC", "USD Coin", "2", 6,
     ADDRESS(0x3c499c54, 0x2cef5e38, 0x11e1192c, 0xe70d8cc0, 0x3d5c3359)},
    {42161, "USDC", "USD Coin", "2", 6,
     ADDRESS(0xaf88d065, 0xe77c8cc2, 0x239327c5, 0xedb3a432, 0x268e5831)},
    {43114, "USDC", "USD Coin", "2", 6,
     ADDRESS(0xb97ef9ef, 0x8734c719, 0x04d8002f, 0x8b6bc66d, 0xd9c48a6e)},
    {43113, "USDC", "USD Coin", "2", 6,
     ADDRESS(0x54258902, 0x98aed601, 0x595a70ab, 0x815c9671, 0x1a31bc65)},
    {80002, "USDC", "USDC", "2", 6,
     ADDRESS(0x41e94eb0, 0x19c0762f, 0x9bfcf9fb, 0x1e58725b, 0xfb0e7582)},
    {1329, "USDC", "USDC", "2", 6,
     ADDRESS(0xe15fc38f, 0x6d8c56af, 0x07bbcbe3, 0xbaf5708a, 0x2bf42392)},
    {1328, "USDC", "USDC", "2", 6,
     ADDRESS(0x4fcf1784, 0xb3163081, 0x1181f670, 0xaea7a7be, 0xf803eaed)},
    {3338, "USDC", "USDC", "2", 6,
     ADDRESS(0xbba60da0, 0x6c2c5424, 0xf03f7434, 0x542280fc, 0xad453d10)},
    {143, "USDC", "USDC", "2", 6,
     ADDRESS(0x754704bc, 0x059f8c67, 0x012fed69, 0xbc8a327a, 0x5aafb603)},
    {421614, "USDC", "USD Coin", "2", 6,
     ADDRESS(0x75faf114, 0xeafb1bdb, 0xe2f0316d, 0xf893fd58, 0xce46aa4d)},
};

const struct x402_address x402_permit2 =
    ADDRESS(0x00000000, 0x0022d473, 0x030f116d, 0xdee9f6b4, 0x3ac78ba3);
const struct x402_address x402_permit2_exact_proxy =
    ADDRESS(0x402085c2, 0x48eea27d, 0x92e8b30b, 0x2c58ed07, 0xf9e20001);
const struct x402_address x402_permit2_upto_proxy =
    ADDRESS(0x4020a4f3, 0xb7b90cca, 0x423b9fab, 0xcc0ce57c, 0x6c240002);
const struct x402_address x402_batch_settlement =
    ADDRESS(0x4020074e, 0x9df2ce1d, 0xee5a9c1b, 0x5c3f541d, 0x02a10003);

enum {
    V1_COUNT = sizeof(v1_names) / sizeof(v1_names[0]),
    TOKEN_COUNT = sizeof(tokens) / sizeof(tokens[0])
};

enum rc x402_network_parse(uint64_t *chain_id, struct slice text)
{
    static const struct slice prefix = {"eip155:", 7};
    struct slice digits = slice_sub(text, prefix.len, text.len);

    if (!slice_starts(text, prefix) || slice_starts(digits, SLICE("0")))
        return RC_BAD_INPUT;
    return slice_to_u64(chain_id, digits);
}

void x402_network_print(char out[X402_NETWORK_TEXT_SIZE], uint64_t chain_id)
{
    (void)snprintf(out, X402_NETWORK_TEXT_SIZE, "eip155:%llu",
                   (unsigned long long)chain_id);
}

enum rc x402_network_from_v1(uint64_t *chain_id, struct slice name)
{
    for (size_t i = 0; i < V1_COUNT; i++)
        if (slice_equal_str(name, v1_names[i].name)) {
            *chain_id = v1_names[i].chain_id;
            return RC_OK;
        }
    return RC_NOT_FOUND;
}

const char *x402_network_v1_name(uint64_t chain_id)
{
    for (size_t i = 0; i < V1_COUNT; i++)
        if (v1_names[i].chain_id == chain_id)
            return v1_names[i].name;
    return NULL;
}

bool x402_network_v1_offered(uint64_t chain_id)
{
    for (size_t i = 0; i < V1_COUNT; i++)
        if (v1_names[i].chain_id == chain_id)
            return v1_names[i].offered;
    return false;
}

const struct x402_token *x402_token_find(uint64_t chain_id,
                                         const struct x402_address *address)
{
    for (size_t i = 0; i < TOKEN_COUNT; i++)
        if (tokens[i].chain_id == chain_id &&
            x402_address_equal(&tokens[i].address, address))
            return &tokens[i];
    return NULL;
}

const struct x402_token *x402_token_usual(uint64_t chain_id)
{
    for (size_t i = 0; i < TOKEN_COUNT; i++)
        if (tokens[i].chain_id == chain_id)
            return &tokens[i];
    return NULL;
}

const struct x402_token *x402_token_at(size_t index)
{
    return index < TOKEN_COUNT ? &tokens[index] : NULL;
}

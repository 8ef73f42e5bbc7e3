/* SPDX-License-Identifier: Apache-2.0 */
/* The names of EVM networks, which are chain ids to us, the dollar tokens on them that
 * clients know, and the contracts that have one address everywhere. A network that is
 * not in the tables works too: its tokens are then the operator's to describe. */
#ifndef X402_NETWORK_H
#define X402_NETWORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "x402/address.h"

enum {
    X402_NETWORK_TEXT_SIZE = 32 /* "eip155:", 20 digits and a NUL, rounded up */
};

/* x402 version 2 and CAIP-2: "eip155:84532", the id without leading zeros and not 0.
 * RC_BAD_INPUT: no such text, or of another kind of chain. */
MUST_CHECK enum rc x402_network_parse(uint64_t *chain_id, struct slice text);
void x402_network_print(char out[X402_NETWORK_TEXT_SIZE], uint64_t chain_id);

/* x402 version 1: "base-sepolia", small letters. RC_NOT_FOUND. */
MUST_CHECK enum rc x402_network_from_v1(uint64_t *chain_id, struct slice name);
const char *x402_network_v1_name(uint64_t chain_id); /* NULL: it has none */
/* Whether the version 1 client takes an offer there. It refuses a whole answer that
 * names a network it does not know, also one that the servers of its time knew. */
bool x402_network_v1_offered(uint64_t chain_id);

/* A token that speaks EIP-3009. Name and version are those of its EIP-712 domain, which
 * differ between networks; a wrong one is a signature that the token refuses. */
struct x402_token {
    uint64_t chain_id;
    const char *symbol;
    const char *name;
    const char *version;
    unsigned decimals;
    struct x402_address address;
};

/* NULL: not in the table. */
const struct x402_token *x402_token_find(uint64_t chain_id,
                                         const struct x402_address *address);
/* The one that a client without settings pays with there. NULL: none is known. */
const struct x402_token *x402_token_usual(uint64_t chain_id);
/* All of them, from 0 on. NULL: past the last. */
const struct x402_token *x402_token_at(size_t index);

/* Deployed so that they have the same address on every network. */
extern const struct x402_address x402_permit2;
extern const struct x402_address x402_permit2_exact_proxy;
extern const struct x402_address x402_permit2_upto_proxy;
extern const struct x402_address x402_batch_settlement;

#endif

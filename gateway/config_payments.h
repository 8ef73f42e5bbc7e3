/* SPDX-License-Identifier: Apache-2.0 */
/* The section payments: of the configuration: how strangers pay us (x402, MPP), and
 * with what key we pay others. Part of the snapshot (gateway/config.h); immutable.
 * Networks, the buyer and max_debt are read once: a reload that changes them is refused
 * and says that it needs a restart; max_quote, facilitate, mpp and flows change with a
 * reload. */
#ifndef GATEWAY_CONFIG_PAYMENTS_H
#define GATEWAY_CONFIG_PAYMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/money.h"
#include "base/secret.h"
#include "gateway/config.h"
#include "x402/x402.h"

enum {
    CONFIG_NETWORKS_MAX = 8,
    CONFIG_DEPTHS_MAX = 8
};

/* Where a private key lies; read by the signer alone (gateway/settle/signer.h), never
 * here. Paths are absolute. Either keystore with one of the two passphrases, or hex. */
struct config_key_file {
    bool present;
    char *keystore;            /* Web3 keystore V3 */
    char *passphrase_file;     /* also what cred:NAME leads to */
    struct secret *passphrase; /* of ${cred:NAME} */
    char *hex_file;
};

/* Payments of at least `from`, in USD: the token is worth its face. */
struct config_depth {
    struct money from;
    unsigned blocks; /* its own included */
};

/* A second node, which must agree to payments of at least `from`. */
struct config_witness {
    char *rpc_url;      /* NULL: none; never that of the network */
    bool allow_private; /* default: the network's */
    bool rpc_private;   /* as the network's */
    struct money from;  /* default: 0, all of them */
};

struct config_network {
    uint64_t chain_id;
    struct x402_address asset;
    char *asset_name; /* with version: the token's EIP-712 domain */
    char *asset_version;
    char *asset_symbol; /* of the table, else asset_name */
    unsigned decimals;
    struct x402_address pay_to;
    char *facilitator_url; /* NULL: builtin */
    char *rpc_url;         /* NULL: a remote facilitator is believed */
    bool allow_private;    /* for both */
    bool rpc_private; /* the node may be near: it is allowed, or named as on this very
                         machine, which nobody but the operator can do */
    struct config_key_file settle_key; /* builtin: pays the gas; also who may settle
                                          upto */
    /* Blocks before a payment counts, by its value: ascending, the first from zero, and
     * none with fewer blocks than the one before. Default: 1, its own block. */
    size_t depth_count;
    struct config_depth depths[CONFIG_DEPTHS_MAX];
    struct config_witness witness;
    /* Settle for other machines with this pay_to, as builtin: what one of them has sent
     * in was served there. Every payment is settled first then (attack case F4). */
    size_t peer_count;
    struct x402_address *peers;
    bool exact, permit2, upto; /* what is offered; upto and permit2 with builtin
                                * only. Default: exact and upto */
};

struct config_buyer {
    struct config_key_file key;
    struct money max_per_payment;  /* default 1 USD */
    struct money max_per_day;      /* default 20 USD */
    struct money max_per_host_day; /* default: max_per_day */
    size_t asset_count;            /* allow-list; default: the tokens in the table */
    struct x402_address *assets;   /* of any network */
    size_t chain_count;            /* 0: any chain of the table */
    uint64_t *chains;
};

struct config_mpp {
    struct secret *secret; /* >= 32 bytes; NULL: MPP is not offered */
    struct secret *old_secret;
    bool ledger, evm, tempo_proof;
};

struct config_payments {
    struct money max_quote; /* `exact` for model calls; default 0.10 */
    bool facilitates; /* /facilitator/: true when a network is builtin, unless told */
    size_t facilitate_count; /* whom others may have paid through us; 0: anybody */
    struct x402_address *facilitate_for;
    size_t network_count;
    struct config_network *networks;
    struct config_buyer buyer;
    struct config_mpp mpp;
    struct money max_debt; /* settle-after: what all payers together may owe; default
                              1 USD */
};

/* The network of a chain and token. NULL: not ours. */
const struct config_network *config_network(const struct config *c, uint64_t chain_id,
                                            const struct x402_address *asset);
/* Of a payment of so many units of the token: how many blocks it must have, its own
 * included, and whether the witness must agree. What is settled counts, not what was
 * signed. gateway/config_node.c */
unsigned config_confirmations(const struct config_network *net, struct x402_u256 value);
bool config_needs_witness(const struct config_network *net, struct x402_u256 value);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What an EVM node is asked, and its words read. Questions are written into an arena;
 * whether it was enough shows at the end (arena_spent()). Readers take a result as
 * gateway/settle/rpc.h gives it and allocate nothing: RC_BAD_INPUT is another type or
 * form than Ethereum's execution API says, RC_NOT_FOUND is null. */
#ifndef GATEWAY_SETTLE_NODE_H
#define GATEWAY_SETTLE_NODE_H

#include "base/arena.h"
#include "gateway/settle/rpc.h"
#include "x402/x402.h"

enum {
    NODE_TOPICS_MAX = 4
};

/* Questions ------------------------------------------------------------------------ */

void node_ask_plain(struct rpc_question *q, const char *method);
/* The last block; or the one that is being made, whose number is one more. */
void node_ask_head(struct rpc_question *q, bool pending);
void node_ask_balance(struct rpc_question *q, const struct x402_address *who,
                      struct arena *a);
void node_ask_code(struct rpc_question *q, const struct x402_address *who,
                   struct arena *a);
/* How many transactions it has sent: `when` is "latest" or "pending". */
void node_ask_count(struct rpc_question *q, const struct x402_address *who,
                    const char *when, struct arena *a);
/* from may be NULL. method: "eth_call" or "eth_estimateGas". */
void node_ask_call(struct rpc_question *q, const char *method,
                   const struct x402_address *from, const struct x402_address *to,
                   struct slice data, struct arena *a);
void node_ask_receipt(struct rpc_question *q, const struct x402_hash *tx,
                      struct arena *a);
void node_ask_transaction(struct rpc_question *q, const struct x402_hash *tx,
                          struct arena *a);
/* The bytes of a signed transaction. */
void node_ask_send(struct rpc_question *q, struct slice raw, struct arena *a);

/* Logs of a contract in the blocks from..to, whose first topic is one of `events`, and
 * whose second and third are these. */
struct node_filter {
    const struct x402_address *contract;
    uint64_t from, to;
    const struct x402_hash *events[2];
    struct x402_hash topics[2];
};

void node_ask_logs(struct rpc_question *q, const struct node_filter *f,
                   struct arena *a);

/* An address as a topic has it. */
struct x402_hash node_topic(const struct x402_address *address);

/* Readers -------------------------------------------------------------------------- */

MUST_CHECK enum rc node_read_u64(uint64_t *out, struct slice result);
MUST_CHECK enum rc node_read_u256(struct x402_u256 *out, struct slice result);
MUST_CHECK enum rc node_read_hash(struct x402_hash *out, struct slice result);
/* One word, as a contract returns it. */
MUST_CHECK enum rc node_read_word(struct x402_u256 *out, struct slice result);
/* Whether there are any bytes. */
MUST_CHECK enum rc node_read_any(bool *out, struct slice result);

struct node_head {
    uint64_t number;
    uint64_t time_s;
    uint64_t base_fee; /* 0: none is named */
};

MUST_CHECK enum rc node_read_head(struct node_head *out, struct slice result);

struct node_receipt {
    struct x402_hash tx;
    bool success;
    uint64_t block;
    struct x402_hash block_hash;
    uint64_t cost_wei; /* gas and, where a layer below is paid, that; saturates */
    struct slice logs; /* raw, inside the result */
};

MUST_CHECK enum rc node_read_receipt(struct node_receipt *out, struct slice result);

struct node_log {
    struct x402_log log;
    struct x402_hash topics[NODE_TOPICS_MAX];
    uint8_t data[X402_WORD_LEN];
    struct x402_hash tx;
    bool removed; /* by a reorganisation */
};

/* The next of a raw array of logs: start with *at = 0. The log points into *out. false:
 * no more. What cannot be read is passed over. */
bool node_next_log(struct node_log *out, struct slice logs, size_t *at);

/* Whether the receipt has exactly this transfer. */
bool node_moved(const struct node_receipt *r, const struct x402_address *token,
                const struct x402_moved *moved);
/* Whether it was this nonce's: the token's next log after the one that uses the nonce
 * up (EIP-3009's order). One transaction may use many nonces up, and pay for one. */
bool node_paid(const struct node_receipt *r, const struct x402_address *token,
               const struct x402_nonce *nonce, const struct x402_moved *moved);

struct node_transaction {
    bool mined;
    struct x402_address from;
    struct x402_address to; /* zero when it created a contract */
    struct slice input;     /* hex digits, inside the result */
};

MUST_CHECK enum rc node_read_transaction(struct node_transaction *out,
                                         struct slice result);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Private to chain_evm*.c, and reached through chain_evm.h: what a settlement has in
 * hand, what all of one node share, and their limits. */
#ifndef GATEWAY_SETTLE_CHAIN_EVM_WORK_H
#define GATEWAY_SETTLE_CHAIN_EVM_WORK_H

#include "gateway/settle/chain_evm_witness.h"
#include "gateway/settle/fees.h"
#include "gateway/settle/nonces.h"
#include "gateway/settle/rpc.h"

#include <sys/queue.h>

enum {
    EVM_POLL_MIN_MS = 10, /* between two polls: a quarter of the time of a block */
    EVM_POLL_MAX_MS = 500,
    EVM_POLL_EAGER_MS = 1000, /* after a sending, where blocks are made on demand */
    EVM_PACE_S = 10,          /* over which the time of a block is measured */
    EVM_POLL_DOWN_MS = 1000,  /* while the node does not answer */
    EVM_POLL_MANY = 100,      /* receipts that one poll asks for */
    EVM_RESEND_MS = 5 * 1000, /* the same bytes once more */
    EVM_REFUSED_MS = 1000,    /* the same, when the node did not take them */
    EVM_BUMP_MS = 15 * 1000,  /* without a receipt: higher fees.. */
    EVM_BUMP_BLOCKS = 4,      /* ..or so many blocks, where that is longer */
    EVM_HOLE_MS = 2000,       /* above a number that nobody has: it is taken */
    EVM_TRIES_MAX = 5,        /* transactions under one number */
    EVM_DEATHS_MAX = 3,       /* numbers for one payment */
    EVM_GONE_POLLS = 3,       /* times that a thing must be missing.. */
    EVM_GONE_MS = 1500,       /* ..and how long, until it is gone */
    EVM_SEEK_BLOCKS = 2000,   /* logs are looked for in so many at once.. */
    EVM_SEEK_BLOCKS_MIN = 50, /* ..or fewer, if the node refuses */
    EVM_SEEK_ROUNDS = 12,
    EVM_CANDIDATES_MAX = 8,
    EVM_GENERAL_MS = 500, /* how long the answers hold that all payments share */
    EVM_QUESTIONS_MAX = 20,
    EVM_ARENA_MAX = 64 * 1024,
    EVM_SPARE_ARENAS = 64,
    EVM_RAW_MAX = 4096, /* bytes of a signed transaction */
    EVM_CALL_MAX = 1024 /* bytes of call data */
};

enum {
    PING_CHAIN,
    PING_HEAD,
    PING_COMING, /* the block that is being made */
    PING_ON_DEMAND,
    PING_FUNDS, /* asked only where there is an account */
    PING__COUNT
};

enum evm_why {
    EVM_FIRST, /* a new number */
    EVM_AGAIN, /* the same bytes: an earlier process sent them */
    EVM_BUMP   /* the same number, higher fees */
};

struct evm_sign;

/* What the questions of a batch are: evm_work.at[] says where they stand in it. */
enum evm_question {
    EVM_Q_HEAD,
    EVM_Q_FUNDS, /* our own */
    EVM_Q_TRY,
    EVM_Q_BALANCE,
    EVM_Q_STATE, /* of the authorization's nonce */
    EVM_Q_PAYER,
    EVM_Q_ASSET,
    EVM_Q_ALLOWANCE,
    EVM_Q_PROXY,
    EVM_Q_LATEST,
    EVM_Q_PENDING,
    EVM_Q_TIP,
    EVM_Q_LOGS,
    EVM_Q_RECEIPT,
    EVM_Q_TRANSACTION,
    EVM_Q__COUNT
};

struct evm_work {
    struct chain_work base;
    struct arena *arena; /* of the batch under way */
    struct rpc_call call;
    struct rpc_question questions[EVM_QUESTIONS_MAX];
    int at[EVM_Q__COUNT]; /* -1: not asked */
    struct loop_timer pause;
    void (*after_pause)(struct evm_work *w);

    /* The transaction. */
    struct evm_sign *sign; /* under way */
    enum evm_why why;
    struct chain_tx before; /* what job->tx was, if it is not kept */
    bool keeping;
    bool has_nonce; /* job->tx.account_nonce is ours in the allocator */
    uint64_t nonce;
    uint64_t gas_limit;
    struct fees fees;
    struct buf raw; /* signed; empty: not at hand */
    bool not_ours;  /* these bytes cannot be made again: look only */
    struct x402_hash hashes[EVM_TRIES_MAX];
    size_t hash_count;
    unsigned deaths;

    /* Waiting. */
    bool flying;
    TAILQ_ENTRY(evm_work) flights;
    size_t asked; /* which of the hashes */
    uint64_t sent_ms;
    uint64_t resend_ms;
    unsigned gone;
    uint64_t gone_ms; /* since when */

    /* Seeking. */
    bool mined;     /* ours, but it did not do it */
    bool succeeded; /* so the receipt says, without the transfer */
    bool dead;      /* another transaction has used our number */
    unsigned rounds;
    uint64_t seek_to;
    uint64_t seek_blocks;
    size_t candidate_count;
    struct x402_hash candidates[EVM_CANDIDATES_MAX];
    struct evm_claim claim;
};

struct evm {
    struct chain *chain;
    struct rpc *rpc;
    const struct x402_address *settler; /* who pays the gas; NULL: it only looks */
    const struct x402_address *account; /* the settler's; of the witness too */
    struct nonces nonces;
    struct node_head head;      /* the last one that was seen */
    struct node_head pace_from; /* an earlier one */
    uint64_t block_ms;          /* between blocks, about; rather more than less */
    uint64_t sent_ms;           /* the last transaction */
    uint64_t tip;
    struct x402_u256 funds; /* our own */
    /* Until then tip, funds and counts need not be asked for. */
    uint64_t general_until_ms;
    bool asset_has_code;

    struct inbox *inbox; /* from the signer */
    struct loop_watch watch;
    unsigned signing;
    struct arena *spare_arenas[EVM_SPARE_ARENAS];
    size_t spare_count;

    struct rpc_call poll;
    struct rpc_question polled[EVM_POLL_MANY + 3];
    struct evm_work *slots[EVM_POLL_MANY];
    size_t slot_count;
    struct arena *poll_arena;
    struct loop_timer poll_timer;
    TAILQ_HEAD(evm_flights, evm_work) flights;

    struct rpc_call ping;
    struct rpc_question pinged[PING__COUNT];
    /* A development node that makes a block only when there is something to put in it
     * (anvil, hardhat): its last block may be of any age, and the one that it is making
     * tells its time. */
    bool on_demand;
    struct arena *ping_arena;
    struct evm_second second;
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* A chain with one node, one token and one signer, as tests of settlement need it, over
 * the double of gateway/upstream.h: nothing here has a thread or a socket, and time
 * goes on only when a test turns the loop. The node reads the transactions that it is
 * sent (their bytes, not what we meant), keeps them in a pool, and puts them into
 * blocks in the order of the account's numbers. What it says can be bent. */
#ifndef TESTS_CHAIN_FIXTURE_H
#define TESTS_CHAIN_FIXTURE_H

#include "base/json_guard.h"
#include "gateway/settle/chain.h"
#include "tests/upstream_double.h"

enum {
    CHAIN_ID = 84532,
    SENT_MAX = 512,
    INPUT_MAX = 1200, /* hex digits of call data */
    NOW_S = 1795000000,
    VALUE = 100000, /* what a payment is about */
    GAS = 80000
};

enum lie {
    LIE_NONE,
    LIE_TOKEN,   /* a log of another token */
    LIE_FROM,    /* another payer */
    LIE_TO,      /* another recipient */
    LIE_VALUE,   /* one unit less */
    LIE_BATCH,   /* it was the transfer of another nonce */
    LIE_NO_LOG,  /* nothing moved */
    LIE_HASH,    /* a receipt of another transaction */
    LIE_STATUS,  /* failed */
    LIE_GARBAGE, /* no JSON */
    LIE_IDS      /* answers to other questions */
};

/* A transaction that the node has seen. */
struct sent {
    struct x402_hash hash;
    uint64_t number; /* of the account */
    uint64_t max_fee;
    uint64_t gas_limit;
    struct x402_hash nonce; /* of the authorization */
    struct x402_hash payer; /* as a topic */
    bool permit;
    bool foreign;   /* not of our account */
    uint64_t block; /* 0: in the pool */
    bool success;
    bool cancels;
    bool gone;      /* replaced, or dropped */
    unsigned times; /* that it was sent */
    char input[INPUT_MAX];
};

struct node {
    uint64_t chain_id;
    uint64_t block;
    uint64_t time_s; /* of the last block; follows the clock unless frozen */
    bool frozen;
    bool on_demand; /* a block only for a transaction; the next one is of this time: */
    uint64_t coming_s;
    uint64_t mine_every_ms; /* 0: only when the test says so */
    uint64_t mined_ms;
    uint64_t latest; /* our account's next number, in blocks */
    uint64_t base_fee;
    uint64_t funds; /* wei, of our account */
    struct x402_u256 balance;
    struct x402_u256 allowance;
    bool payer_has_code, token_has_no_code, proxy_has_no_code;
    bool token_reverts;      /* whatever it is asked */
    bool reverts;            /* the simulation does, for no reason */
    const char *send_error;  /* eth_sendRawTransaction is refused with these words */
    bool send_lost;          /* it is taken, but no answer comes */
    bool send_dropped;       /* it is answered, but never put into the pool */
    bool down;               /* connects fail */
    bool nameless;           /* does not say who has sent a transaction */
    bool same_words;         /* others call the proxy as we have done first */
    bool no_logs;            /* eth_getLogs finds nothing */
    unsigned log_blocks_max; /* more are refused; 0: any */
    unsigned batch_max;      /* questions of an HTTP call: more are refused; 0: any */
    bool forges;             /* says that what waits in the pool is in its last block */
    bool forgets;            /* has never seen any transaction */
    bool other_blocks;       /* names its blocks by other hashes */
    enum lie lie;            /* in receipts, or in all answers */
    size_t count;
    struct sent sent[SENT_MAX];
    unsigned http_calls;
    unsigned refused_calls; /* of them, for batch_max */
    unsigned receipt_calls; /* HTTP calls that ask for receipts, which polls do */
    unsigned verify_calls;  /* HTTP calls with an eth_call of the transfer in it */
    unsigned tip_calls;
    unsigned refuse_sign; /* so many signatures are refused */
    unsigned signatures;
};

/* A second node of the same chain, at http://witness/, and how its words differ from
 * what is so. */
struct witness {
    bool down, forgets, other_blocks;
    unsigned behind; /* blocks */
    unsigned old_s;  /* that the last block is old */
    enum lie lie;
    unsigned http_calls;
};

extern struct node node;
extern struct witness witness;
extern const struct x402_address node_stranger; /* who sends what others send in */
const struct x402_address *chain_account(void); /* ours, which pays the gas */
extern struct loop *chain_loop;
extern struct chain *chain;
extern struct config_network network;

int chain_set_up(void **state); /* builtin; the node mines every 2 s */
int chain_tear_down(void **state);
/* The witness is asked from so many USD on. Before chain_reopen(). */
void chain_with_witness(const char *from);
void chain_reopen(void); /* a new process: nothing is known but what jobs bring */
/* A remote facilitator at http://facilitator/x/, with or without a node of ours. */
void chain_reopen_remote(bool with_node);

/* The facilitator's answer to a POST; NULL: it is left open. */
extern const char *facilitator_says;
extern unsigned facilitator_status;
extern enum upstream_fail facilitator_fails; /* UPSTREAM_FINE: it does not */
extern const char *facilitator_supports;
extern unsigned facilitator_asked; /* POSTs */
extern char facilitator_got[16 * 1024];
extern char facilitator_path[64];
extern void (*facilitator_does)(void); /* on a POST to /settle, before it answers */

/* A job with a payment of its own. */
struct order {
    struct chain_job job;
    struct x402_payment payment;
    struct x402_offer offer;
    uint8_t signature[65];
    bool permit;
    bool ended;
    unsigned submits;
    bool keep_fails;      /* submit() cannot make it durable */
    bool keep_late;       /* submit() is answered when the test says so */
    struct chain_tx kept; /* what submit() was shown last */
};

/* Number i's nonce is i. timeout_ms is for the job. */
void order_init(struct order *o, unsigned i, uint64_t timeout_ms);
void order_init_permit(struct order *o, unsigned i, uint64_t timeout_ms);
void order_verify(struct order *o);
void order_settle(struct order *o);
/* Turns until it has ended, answering what is asked. */
void order_wait(struct order *o);
void order_run(struct order *o); /* settle and wait */
/* Looks whether it is still there, with a minute more of time, and waits. */
void order_look(struct order *o);
void assert_outcome(const struct order *o, enum chain_outcome outcome,
                    const char *reason);

/* One turn: answers what waits, lets timers fire, and lets ms pass. */
void chain_turn(uint64_t ms);
void chain_turns(uint64_t ms); /* until so much time has passed */

void node_answer(struct upstream_call *c); /* to chain_turn() */
void node_mine(void);
/* Somebody else sends this authorization in, cancels it; our account's number is used
 * by a transaction that we do not know. All in a block of their own. */
void node_foreign_uses(const struct order *o);
void node_foreign_cancels(const struct order *o);
void node_foreign_number(void);
/* The last block was never there; what was in it is forgotten, or waits again. */
void node_reorg(bool waits_again);
struct sent *node_sent(size_t i);

#endif

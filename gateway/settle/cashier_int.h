/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the cashier: cashier.c has the face, the thread and the jobs;
 * cashier_take.c decides by a payment's record what to do with it, cashier_flow.c does
 * it, and cashier_recover.c finds those that nobody moves. One payment: pay.h.
 * Everything belongs to the cashier's thread (before it starts: to its opener). */
#ifndef GATEWAY_SETTLE_CASHIER_INT_H
#define GATEWAY_SETTLE_CASHIER_INT_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/loop.h"
#include "base/map.h"
#include "gateway/settle/cashier.h"
#include "gateway/settle/chain.h"
#include "gateway/settle/pay.h"

enum {
    CASHIER__MOVING_MAX = 4096, /* payments in motion */
    CASHIER__ALONE_MAX = 256,   /* of these: that the sweep began */
    CASHIER__VERIFY_MS = 10000, /* at most; a job may wait less */
    CASHIER__SETTLE_MS = 60000, /* one try; then it rests until the next sweep */
    CASHIER__SWEEP_MS = 5000,
    CASHIER__SWEEP_BATCH = 64,   /* records that one turn looks at */
    CASHIER__DEAD_SWEEPS = 720,  /* a dead letter is tried in one sweep of so many */
    CASHIER__WATCHED_MAX = 1024, /* settled payments that are looked at again */
    CASHIER__FLOAT_TIMES = 100,  /* max_debt: see cashier__may_serve_first() */
    CASHIER__RUNS_MAX = 4        /* of one payment, while it is in motion */
};

#define CASHIER__GRACE_US UINT64_C(300000000)   /* for the payer's repeat */
#define CASHIER__DEAD_US  UINT64_C(86400000000) /* past its end: a dead letter */

struct watched {
    uint8_t key[32];
    uint64_t due_ms;
    unsigned look; /* how many were good */
};

struct cashier {
    struct wallet_book *book;
    const struct config *config;
    struct signer *signer;
    struct loop *loop;
    struct upstream *upstream;

    size_t network_count;
    const struct config_network *networks;
    struct chain *chains[CONFIG_NETWORKS_MAX];
    const struct x402_address *settlers[CONFIG_NETWORKS_MAX];
    atomic_bool up[CONFIG_NETWORKS_MAX]; /* read by any thread */

    struct map *moving;
    struct pay *pays; /* all: those of the map, and others' verifications */
    size_t pay_count;
    size_t alone_count;
    uint64_t turns;    /* verifications that were begun */
    struct money owed; /* served or about to be, and not settled yet */

    pthread_t thread;
    bool started;
    bool opening;  /* nothing is sent yet */
    bool draining; /* nobody waits any more */
    bool closing;
    struct inbox_message drain;
    atomic_bool drain_sent; /* every loop may ask for it */
    struct inbox_message stop;

    struct loop_timer sweep;
    bool has_cursor;
    struct id cursor; /* the last record that this sweep has looked at */
    unsigned sweeps;
    uint64_t dead_count; /* in this sweep */
    struct watched watched[CASHIER__WATCHED_MAX];
    size_t watched_count;
};

/* Whether a call may be served on `value` before it is settled: all that is served and
 * not settled is at most CASHIER__FLOAT_TIMES max_debt, and bad debt is below max_debt.
 * max_debt 0: never. */
bool cashier__may_serve_first(struct cashier *c, struct money value);

/* ---- cashier_recover.c ---- */

/* What an earlier process left half-way is brought to where it can rest. Turns the
 * loop; the thread has not started. */
void cashier__recover(struct cashier *c);
void cashier__sweep_start(struct cashier *c);
/* A settled payment is looked at again, in case the chain takes it back. */
void cashier__watch(struct cashier *c, const uint8_t key[32]);
void cashier__looked(struct cashier *c, const uint8_t key[32],
                     enum chain_outcome outcome);

#endif

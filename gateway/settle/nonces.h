/* SPDX-License-Identifier: Apache-2.0 */
/* The numbers of one account's transactions. Who settles in parallel must give each of
 * them out once, and must not leave one out: the chain takes none before it has taken
 * all below. So the lowest free one is given out, and one that no transaction used
 * comes back. Pure: no clock, no node. */
#ifndef GATEWAY_SETTLE_NONCES_H
#define GATEWAY_SETTLE_NONCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

enum {
    NONCES_MAX = 1024,           /* given out at once */
    NONCES_LEFT_MS = 120 * 1000, /* how long one is kept whose transaction was left */
    NONCES_MINED_MS = 60 * 1000  /* how long we know better than a lagging node */
};

/* Zeroed at the start. */
struct nonces {
    bool known; /* the node has told */
    uint64_t latest;
    uint64_t pending;
    uint64_t mined; /* one behind the highest that we saw mined */
    uint64_t mined_ms;
    size_t count;

    struct nonces_given {
        uint64_t nonce;
        uint64_t left_ms; /* UINT64_MAX: somebody has it */
    } given[NONCES_MAX];
};

/* What the node says: transactions in blocks, and with those that wait. What is below
 * `latest` is used up; what was left, and the node does not wait for, is free again
 * after NONCES_LEFT_MS. */
void nonces_learn(struct nonces *n, uint64_t latest, uint64_t pending, uint64_t now_ms);
/* RC_STALE: nothing was learned yet. RC_BUSY: NONCES_MAX are given out. */
MUST_CHECK enum rc nonces_take(struct nonces *n, uint64_t *out);
/* Whether a number below this one is free: until a transaction has it, the chain takes
 * none of those above. */
bool nonces_is_above_hole(const struct nonces *n, uint64_t nonce);
/* Takes one that an earlier process gave out. RC_BUSY. */
MUST_CHECK enum rc nonces_hold(struct nonces *n, uint64_t nonce);
/* Comes back: `used` by a transaction in a block, or by none that anybody has seen. */
void nonces_return(struct nonces *n, uint64_t nonce, bool used, uint64_t now_ms);
/* Nobody waits for its transaction any more, which may be in a pool yet. */
void nonces_leave(struct nonces *n, uint64_t nonce, uint64_t now_ms);

#endif

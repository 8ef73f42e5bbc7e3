/* SPDX-License-Identifier: Apache-2.0 */
/* A chain that does as it is told: stands in for gateway/settle/chain.h (and the
 * signer's addresses) under the cashier. It remembers which authorizations it has moved
 * money for, moves it once for each, and asserts what the manual asks of the caller:
 * what goes out was durable before, and is sent again under the same account nonce. */
#ifndef TESTS_CHAIN_DOUBLE_H
#define TESTS_CHAIN_DOUBLE_H

#include "gateway/settle/chain.h"

/* What it says from now on, to each order. */
struct chain_script {
    enum chain_outcome verify, settle, look;
    const char *reason;
    bool submits; /* a settlement goes out before it ends; else it ends beforehand */
    bool parks;   /* and waits there for chain_double_go(), as verifications do */
};

void chain_double_reset(void); /* all goes well */
void chain_double_says(const struct chain_script *script);
/* Waits until so many orders are parked. */
void chain_double_wait(unsigned count);
/* What is parked ends as the script says now; comes back when it has. */
void chain_double_go(void);

struct chain_count {
    unsigned verified, settled, looked; /* orders that ended */
    unsigned sent;                      /* submissions that went out */
    unsigned moved;                     /* authorizations that were used */
    struct x402_u256 last_amount;       /* that was moved */
    bool last_verified; /* as its order, or the last look, said: whoever sent it counts
                         */
};
struct chain_count chain_double_count(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a transaction offers for its gas (EIP-1559): twice the base fee of the last
 * block, so that it stays good while that doubles, and a tip on top. All in wei for a
 * unit of gas; what a node says is bounded before it counts. */
#ifndef GATEWAY_SETTLE_FEES_H
#define GATEWAY_SETTLE_FEES_H

#include <stdbool.h>
#include <stdint.h>

#include "x402/x402.h"

#define FEES_MAX_WEI ((uint64_t)10 * 1000 * 1000 * 1000 * 1000) /* 10,000 gwei */
#define FEES_TIP_WEI ((uint64_t)1000 * 1000) /* without advice: 0.001 gwei */

enum {
    FEES_GAS_USUAL = 120 * 1000 /* what a payment may need, without an estimate */
};

struct fees {
    uint64_t max_fee;
    uint64_t priority; /* at most max_fee */
};

/* advice: the tip that the node proposes; 0: none. */
struct fees fees_for(uint64_t base_fee, uint64_t advice);
/* What replaces a transaction: nodes want an eighth more of both (geth asks a tenth).
 * At least `now`. false: it would be over FEES_MAX_WEI. */
MUST_CHECK bool fees_bump(struct fees *out, struct fees old, struct fees now);
/* The most that a transaction can cost. */
struct x402_u256 fees_total(uint64_t gas_limit, uint64_t max_fee);

/* Gas for what an estimate says: a quarter more, as a call may meet other storage than
 * its estimate did. 0: the estimate is more than any payment takes. */
uint64_t fees_gas_limit(uint64_t estimate);

#endif

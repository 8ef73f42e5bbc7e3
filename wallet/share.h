/* SPDX-License-Identifier: Apache-2.0 */
/* What a call's money may have besides a price: somebody who gets a part of it, and a
 * number of calls that are counted. Reached through wallet/wallet.h. */
#ifndef WALLET_SHARE_H
#define WALLET_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "base/random.h"
#include "base/slice.h"

/* Of what a capture takes, the house keeps `house_ppm` (rounded down), and the rest
 * goes to `payee`, an account of US dollars that cannot be overdrawn: buyer -> payee
 * and buyer -> house in one command, so that both happen or neither. A late capture,
 * which the house carries, is shared in the same way. A shared capture takes no more
 * than its hold: what a call cost above that is nobody's, and logged (the ledger's
 * spill makes up for one credit account only). */
struct wallet_share {
    bool present;
    struct id payee;
    uint32_t house_ppm; /* at most 10^6 */
    struct id tag;      /* the entry can be found under it too: the publisher */
    struct slice what;  /* kept in the entry: "publisher/slug@version", at most 200 */
};

enum {
    WALLET_SHARE_WHAT_MAX = 200
};

/* One call of `grant` that a caller has in a window: taken with the hold from an
 * account of its own (on a ledger number of its own, opened with the grant by the first
 * call), used up by the capture, whatever its amount, unless nothing was sold
 * (wallet_call.unsold); given back by the void and by a hold's end by itself (so a late
 * capture uses up none). With none left the hold is RC_QUOTA_SPENT and nothing has
 * happened. Another grant counts from the next account on: so what the account is made
 * from should name it. */
struct wallet_quota {
    bool present;
    struct id account; /* derived from what is counted, for whom, and the window */
    uint64_t grant;    /* calls in all, at least 1 */
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* One look at a configured network, for `octroi doctor`: does its node answer, is it of
 * the right chain and of this time, is the token there, can the account pay for gas;
 * the same of its witness; and does another facilitator settle there at all. The
 * cashier (settle/cashier.h) knows only that payments cannot be taken, this says why.
 * Nothing is sent to a chain, and no address of a node is told: those who rent them out
 * put a key in it. */
#ifndef GATEWAY_NETWORK_LOOK_H
#define GATEWAY_NETWORK_LOOK_H

#include <stddef.h>

#include "base/rc.h"
#include "gateway/config_payments.h"

enum {
    NETWORK_FINDINGS_MAX = 8,
    NETWORK_FINDING_SIZE = 256
};

enum network_state {
    NETWORK_FINE,
    NETWORK_DOUBTFUL, /* it will fail soon */
    NETWORK_BROKEN    /* payments cannot be taken */
};

struct network_finding {
    enum network_state state;
    char text[NETWORK_FINDING_SIZE];
    const char *advice; /* literal; NULL: none */
};

struct network_look {
    size_t count;
    struct network_finding findings[NETWORK_FINDINGS_MAX];
};

/* Waits: at most a quarter of a minute for each of the others, and a second for a key.
 * The process must ignore SIGPIPE; after x402_curve_start(). RC_NOMEM and RC_BUSY:
 * there was no looking. */
MUST_CHECK enum rc network_look(struct network_look *out,
                                const struct config_network *n);

#endif

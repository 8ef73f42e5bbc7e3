/* SPDX-License-Identifier: Apache-2.0 */
/* What a call is offered for in MPP's words: challenges whose ids bind everything that
 * they say, so that the server keeps none of them. A challenge is for one route (and
 * body, where it was read) and good for 300 s at the price that it names, though prices
 * change meanwhile. Checking one that comes back: gateway/payments/mpp.c. */
#ifndef GATEWAY_CHALLENGES_H
#define GATEWAY_CHALLENGES_H

#include "gateway/config_payments.h"
#include "gateway/request.h"
#include "x402/x402.h"

enum {
    CHALLENGES_MAX = CONFIG_NETWORKS_MAX + 2,
    CHALLENGES_S = 300
};

/* Ways to pay; also the order in which they are offered. */
enum challenges_way {
    CHALLENGES_EVM = 1,    /* evm/charge: an authorization on a chain */
    CHALLENGES_TEMPO = 2,  /* tempo/charge of zero: the wallet of an address */
    CHALLENGES_LEDGER = 4, /* ledger/charge: the wallet of a key */
    CHALLENGES_ALL = 7
};

/* After plan(). All that the request can be paid with, what the client wants most
 * first (Accept-Payment); `ways` leaves some out. Returns how many. */
size_t challenges_make(struct mpp_challenge out[CHALLENGES_MAX], struct request *r,
                       unsigned ways);

/* What a challenge must say to be one of ours for this request. */
enum rc challenges_terms(struct mpp_terms *out, struct request *r);

#endif

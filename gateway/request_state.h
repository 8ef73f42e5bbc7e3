/* SPDX-License-Identifier: Apache-2.0 */
/* Where a request is, how it ended, and what it was told to cost: the words of
 * gateway/request.h. */
#ifndef GATEWAY_REQUEST_STATE_H
#define GATEWAY_REQUEST_STATE_H

#include <stdint.h>

#include "base/money.h"
#include "base/slice.h"
#include "gateway/config.h"
#include "wallet/wallet.h"

enum request_state {
    REQUEST_READ,   /* head in, body coming */
    REQUEST_PLAN,   /* body in: what is asked, what may it cost */
    REQUEST_HOLD,   /* securing the worst case */
    REQUEST_SEND,   /* an upstream works; the client has seen nothing */
    REQUEST_ANSWER, /* the answer flows: no second upstream from here */
    REQUEST_SETTLE, /* taking what it cost, giving back the rest */
    REQUEST_DRAIN,  /* the end of the answer waits for a slow reader */
    REQUEST_DONE,
    REQUEST__COUNT
};

enum request_outcome {
    OUTCOME_OPEN,
    OUTCOME_OK,     /* the upstream's answer came whole */
    OUTCOME_FAILED, /* refused, or every target failed: the client saw no byte */
    OUTCOME_BROKEN, /* the upstream broke after the first byte */
    OUTCOME_GONE    /* the client left */
};

struct quote {
    struct money worst;        /* what is held */
    uint64_t tokens;           /* worst case, for the rate limit */
    struct slice subject;      /* model or api, as the client named it */
    enum config_flow flow;     /* when a payment for it is settled */
    struct wallet_quota quota; /* a call of it is used up */
    bool shared;               /* what it costs may have a share (wallet/share.h) */
};

#endif

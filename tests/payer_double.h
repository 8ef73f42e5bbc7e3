/* SPDX-License-Identifier: Apache-2.0 */
/* What a payer works with, as doubles: the market's payouts, the signer, the cashier,
 * and a chain that remembers which nonces it has moved money for. The process may die
 * at any step: then nothing that it does has an effect any more. */
#ifndef TESTS_PAYER_DOUBLE_H
#define TESTS_PAYER_DOUBLE_H

#include <pthread.h>
#include <stdbool.h>

#include "gateway/settle/payer.h"
#include "gateway/settle/signer.h"

#define PAYER_TRANSACTION \
    "0x"                  \
    "abababababababababababababababababababababababababababababababab"

enum {
    PAYOUTS_MAX = 40
};

/* Everything under one lock, as the payer has a thread of its own. */
extern struct payer_world {
    pthread_mutex_t lock;
    pthread_cond_t changed;

    /* durable */
    size_t count;
    struct skill_payout payouts[PAYOUTS_MAX];
    struct skill_publisher publisher;
    struct x402_hash moved[PAYOUTS_MAX]; /* the chain: nonces that moved money */
    struct money moved_value[PAYOUTS_MAX];
    size_t moved_count;

    /* The process: at this step it dies, and nothing that it does has an effect. */
    unsigned steps_left;
    bool dead;

    /* what others say */
    enum cashier_answer refuses; /* PAID: it does not */
    const char *reason;
    bool drained;        /* the account */
    bool off_the_record; /* the cashier forgot what it has settled */
    enum rc signer_rc;
    bool meddles;  /* somebody else ends a payout while it is signed.. */
    bool suspends; /* ..or the publisher is suspended */
    struct signer_caps caps;

    unsigned sign_count, verify_count, settle_count, passes;
    uint8_t key[X402_KEY_LEN];
    struct x402_address address;
    const struct config *config;
    struct payer *payer;
} w;

void take_lock(void);
void give_lock(void);

#endif

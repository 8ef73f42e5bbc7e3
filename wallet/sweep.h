/* SPDX-License-Identifier: Apache-2.0 */
/* Deleting records that are past their end, many in one flush. Private to wallet/. */
#ifndef WALLET_SWEEP_H
#define WALLET_SWEEP_H

#include <semaphore.h>

#include "wallet/wallet_int.h"

enum {
    WALLET__SWEEP_ROUND = 64 /* commands under way at once */
};

/* One record (or some that go together): its command, whose op is set and whose keys
 * point into `key`. */
struct wallet__victim {
    struct ledger_cmd cmd; /* first */
    uint8_t key[WALLET__DUE_KEY_LEN];
    sem_t *done; /* private */
};

/* Waits. At most WALLET__SWEEP_ROUND; adds to *deleted how many went. What has gone or
 * changed meanwhile is as good. */
MUST_CHECK enum rc wallet__sweep(struct wallet_book *b, struct wallet__victim *victims,
                                 unsigned count, unsigned *deleted);

#endif

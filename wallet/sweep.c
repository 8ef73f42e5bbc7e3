/* SPDX-License-Identifier: Apache-2.0 */
#include "wallet/sweep.h"

#include <assert.h>

static void victim_done(struct ledger_cmd *cmd)
{
    struct wallet__victim *victim = (struct wallet__victim *)cmd;

    sem_post(victim->done);
}

enum rc wallet__sweep(struct wallet_book *b, struct wallet__victim *victims,
                      unsigned count, unsigned *deleted)
{
    enum rc rc = RC_OK;
    sem_t done;

    assert(count <= WALLET__SWEEP_ROUND);
    if (sem_init(&done, 0, 0) != 0)
        return RC_INTERNAL;
    for (unsigned i = 0; i < count; i++) {
        victims[i].done = &done;
        victims[i].cmd.done = victim_done;
        ledger_submit(b->ledger, &victims[i].cmd);
    }
    for (unsigned i = 0; i < count; i++)
        while (sem_wait(&done) != 0)
            ; /* a signal */
    sem_destroy(&done);
    for (unsigned i = 0; i < count; i++) {
        const enum rc one = victims[i].cmd.result.rc;

        if (one == RC_OK)
            (*deleted)++;
        else if (one != RC_NOT_FOUND && one != RC_STALE)
            rc = one;
    }
    return rc;
}

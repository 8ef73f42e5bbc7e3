/* SPDX-License-Identifier: Apache-2.0 */
/* The clerk: one thread for what waits for the book and must not be waited for on a
 * loop. It opens wallets for those who have paid and have none: a root wallet with an
 * API key. Jobs are done one after the other, in the order in which they came. */
#ifndef GATEWAY_CLERK_H
#define GATEWAY_CLERK_H

#include "base/rc.h"
#include "wallet/wallet.h"

struct clerk;

enum {
    CLERK_JOBS_MAX = 1024 /* that wait; one more is refused */
};

MUST_CHECK enum rc clerk_open(struct clerk **out, struct wallet_book *b);
/* Does what waits, then ends the thread. Nobody may submit any more; NULL is fine. */
void clerk_close(struct clerk *c);

struct clerk_job {
    /* in: lent until done() */
    char name[WALLET_NAME_MAX + 1]; /* of the wallet, and of its key */
    /* On the clerk's thread: post from there. When it is refused at once (RC_BUSY): on
     * the caller's, before clerk_submit() returns. */
    void (*done)(struct clerk_job *j);
    /* out */
    enum rc rc; /* as wallet_create() and wallet_key_create() say */
    struct wallet wallet;
    char key[WALLET_KEY_TEXT_LEN + 1]; /* its secret: wipe it after use */
    struct clerk_job *next;            /* private */
};

void clerk_submit(struct clerk *c, struct clerk_job *j);

#endif

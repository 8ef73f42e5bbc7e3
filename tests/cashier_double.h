/* SPDX-License-Identifier: Apache-2.0 */
/* A cashier without a chain: stands in for gateway/settle/cashier.h under the request
 * layer. What it answers the test says; what that means for the money it books as the
 * real one does, in the real book. */
#ifndef TESTS_CASHIER_DOUBLE_H
#define TESTS_CASHIER_DOUBLE_H

#include "gateway/settle/cashier.h"

/* What goes as struct cashier to a worker. Zeroed by cashier_double(). */
struct cashier {
    struct wallet_book *book;
    struct x402_address settler; /* of upto; the zero address: not offered */
    /* The answer to the next takes. By the kind of job, unless it is told: PAID, or
     * GOOD when it is served first. */
    bool told;
    enum cashier_answer answer;
    enum rc rc;
    const char *reason;            /* with REFUSED; at a finish too */
    bool refuse_finish;            /* what was served first is never paid */
    bool down;                     /* for cashier_is_up() */
    struct x402_address only_down; /* the same, of one token */

    unsigned takes, finishes; /* so far */
    /* Of the latest: */
    struct x402_payment payment;
    struct x402_offer offer;
    char method[16];
    bool after, is_topup, served;
    bool settles; /* others': asked to settle, not only to verify */
    struct id target;
    struct money amount;
};

/* The one of this process, as new. Give it to gate.worker.cashier. */
struct cashier *cashier_double(struct wallet_book *b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The keeper: one thread for what waits for a disk or for the book on behalf of the
 * market, and must not be waited for on a loop: packages, uploads, publishing, offers.
 * Jobs are done one after the other, in the order in which they came. */
#ifndef GATEWAY_KEEPER_H
#define GATEWAY_KEEPER_H

#include "base/inbox.h"
#include "base/rc.h"
#include "gateway/payment.h"

struct keeper;

enum {
    KEEPER_JOBS_MAX = 256 /* that wait; one more is refused */
};

MUST_CHECK enum rc keeper_open(struct keeper **out);
/* Does what waits, then ends the thread. Nobody may submit any more; NULL is fine. */
void keeper_close(struct keeper *k);

struct keeper_job {
    /* in: lent until done() */
    void (*work)(struct keeper_job *j); /* on the keeper's thread; sets j->rc */
    /* After it, there: post from there. When it is refused at once (RC_BUSY): on the
     * caller's, before keeper_submit() returns, and work() is not called. */
    void (*done)(struct keeper_job *j);
    enum rc rc;
    struct keeper_job *next; /* private */
};

void keeper_submit(struct keeper *k, struct keeper_job *j);

/* ---- A request that waits for it ---- */

/* First in what an api keeps of such a request, in its arena; zeroed. */
struct keeper_call {
    struct keeper_job job; /* first */
    struct request *request;
    struct inbox_message message;
    bool asked;
};

/* From serve_wait(): has work() done; STEP_ON when it is, with c->job.rc. The request
 * does not end meanwhile, and work() may use its arena: nobody else does. k NULL: there
 * is none, RC_BUSY. */
enum step keeper_call(struct keeper_call *c, struct keeper *k, struct request *r,
                      void (*work)(struct keeper_job *j));

#endif

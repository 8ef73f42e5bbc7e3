/* SPDX-License-Identifier: Apache-2.0 */
/* One payment in motion, inside of the cashier (cashier_int.h). */
#ifndef GATEWAY_SETTLE_PAY_H
#define GATEWAY_SETTLE_PAY_H

#include "base/loop.h"
#include "gateway/settle/cashier.h"
#include "gateway/settle/chain.h"
#include "gateway/settle/details.h"

/* What a payment waits for. */
enum pay_phase {
    PAY_BEGIN,  /* nothing: its record is being looked at */
    PAY_CLAIM,  /* the book */
    PAY_VERIFY, /* the chain */
    PAY_HELD,   /* its caller, who was told PAID or GOOD */
    PAY_SEND,   /* the chain */
    PAY_NOTE,   /* the book, before the chain goes on */
    PAY_REST,   /* the book: nobody knows yet, and that is written down */
    PAY_SETTLE, /* the book, as the next six */
    PAY_NAME,   /* whom it is for, before it is closed */
    PAY_TELL,   /* that somebody is told, when it is closed */
    PAY_CLOSE,
    PAY_FAIL,
    PAY_RELEASE,
    PAY_REVERT,
    PAY_LOOK /* the chain */
};

enum pay_want {
    WANT_OWN,  /* no job: whatever its record asks for */
    WANT_LOOK, /* is it still in the chain? */
    WANT_TAKE,
    WANT_FINISH,
    WANT_FACILITATE,
    WANT_VERIFY /* for others, without a record */
};

/* One payment in motion. It lives for one run: from a job or the sweep until its record
 * stands still, and while a caller holds it. */
struct pay {
    struct cashier *cashier;
    struct pay *next; /* of all in motion */
    struct pay *before;
    uint8_t key[32];
    bool mapped; /* found by its key */
    bool alone;  /* the sweep began it */
    enum pay_want want;
    enum pay_phase phase;
    unsigned runs;

    struct cashier_job *job; /* answered at the end; NULL: none, or none any more */
    bool joined;             /* it came in the middle: it gets a run of its own */
    bool late;               /* the job waits no longer */
    struct loop_timer patience;

    uint64_t turn; /* of its verification; 0: in an earlier run, or not yet */
    bool served;   /* a call was delivered on it: never released */
    bool paid;     /* the chain says so; the book is told with the end */
    uint64_t fee;  /* paid: what it cost us, in 10^-9 of the chain's coin */
    enum cashier_answer answer; /* when the step under way has gone well */
    enum cashier_answer spent;  /* what it is when it is closed, for a TAKE */
    struct money credited;      /* for the answer */
    struct money balance;       /* likewise */
    size_t network;             /* its index; network_count: not configured */
    struct details d;           /* points into.. */
    uint8_t room[WALLET_PAYMENT_DETAILS_MAX]; /* ..this */

    struct wallet_payment_step step; /* step.p is the record */
    struct inbox_message stepped;
    enum wallet_payment_state durable; /* the record's state as it is in the book */
    enum rc claim_rc; /* why it could not be claimed when it was made */
    struct chain_tx durable_tx;
    struct chain_job order; /* the chain's */
    bool order_ended;       /* while the book was at work */
};

/* ---- cashier.c ---- */

/* A payment in motion for the key; NULL: there are too many, or no memory. The caller
 * has seen that there is none yet. key NULL: one without a record. */
struct pay *cashier__pay_new(struct cashier *c, const uint8_t *key);
/* Its run has ended. Answers its job, if one waits, and forgets it; or begins the run
 * of a job that has joined. */
void cashier__end(struct pay *e, enum cashier_answer answer, enum rc rc);
/* Answers its job and lets it go on without. */
void cashier__answer(struct pay *e, enum cashier_answer answer, enum rc rc);
/* ---- cashier_take.c ---- */

/* By the record and the job. */
void cashier__begin(struct pay *e);
MUST_CHECK enum rc cashier__once(struct wallet_once_seen *out, const struct pay *e);

/* ---- cashier_recover.c ---- */

/* WANT_OWN: where the record stands is known; brings it further. */
void cashier__go_on(struct pay *e);

/* ---- cashier_flow.c ---- */

/* Our own node says the same again; what a remote facilitator has said is gone. */
bool cashier__is_builtin(const struct pay *e);
void cashier__claim(struct pay *e); /* step.p and d are filled */
void cashier__verify(struct pay *e);
void cashier__look(struct pay *e);
void cashier__hold(struct pay *e, enum cashier_answer answer); /* for its caller */
/* The job waits no longer. */
void cashier__late(struct pay *e);
/* Claims it with what is sent, when that is made: what will not go through leaves no
 * trace in the book. step.p and d are filled. */
void cashier__claim_sent(struct pay *e);
/* The call of a held payment has ended: e->job says how. */
void cashier__finish(struct pay *e);

void cashier__send(struct pay *e);
void cashier__close(struct pay *e);
void cashier__tell(struct pay *e); /* PAID, once */
void cashier__fail(struct pay *e, const char *reason);
void cashier__release(struct pay *e, enum cashier_answer answer);
/* What a served call makes due. */
void cashier__set_amount(struct pay *e, struct money cost);
void cashier__set_reason(struct pay *e, const char *reason);

#endif

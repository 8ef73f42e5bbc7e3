/* SPDX-License-Identifier: Apache-2.0 */
/* Private to chain*.c: what stands behind gateway/settle/chain.h. chain.c has the jobs,
 * their deadlines and the word whether the other side is up; a kind has what is asked
 * and what the answers mean. */
#ifndef GATEWAY_SETTLE_CHAIN_INT_H
#define GATEWAY_SETTLE_CHAIN_INT_H

#include "gateway/settle/chain.h"

enum {
    CHAIN_FAILS_MAX = 3,       /* in a row: then new jobs are refused at once */
    CHAIN_RETRY_MIN_MS = 1000, /* between two looks whether it is up again.. */
    CHAIN_RETRY_MAX_MS = 30 * 1000,
    CHAIN_IDLE_MS = 20 * 1000 /* nothing was said for so long: is it still there? */
};

enum chain_task {
    CHAIN_VERIFY,
    CHAIN_SETTLE,
    CHAIN_LOOK
};

struct chain_kind;

/* One job. Kinds embed it as their first member. */
struct chain_work {
    struct chain *chain;
    struct chain_job *job;
    enum chain_task task;
    struct loop_timer timer; /* the deadline, or an end that was decided early */
    bool decided;
    enum chain_outcome outcome;
    const char *reason;
    struct chain_work *next, **link;
};

struct chain {
    struct loop *loop;
    struct upstream *upstream;
    const struct config_network *net;
    struct signer *signer;
    size_t key;
    const struct chain_kind *kind;
    void *own; /* the kind's */
    /* remote: our own node, which looks at what it says; NULL: it is believed */
    struct chain *behind;
    /* evm: the second node, which must agree to large payments; NULL: none is asked */
    struct chain *witness;
    bool is_witness;
    struct chain_work *works;

    bool up;
    unsigned fails; /* in a row */
    struct loop_timer retry;
};

struct chain_kind {
    size_t work_size; /* zeroed memory that begins with a struct chain_work */
    enum rc (*open)(struct chain *c);
    void (*close)(struct chain *c);      /* no job is left; `own` may be NULL */
    void (*start)(struct chain_work *w); /* ends it later, never from within */
    void (*submitted)(struct chain_work *w, bool durable);
    void (*stop)(struct chain_work *w); /* nothing of it may be under way after */
    void (*ping)(struct chain *c);      /* must lead to chain__talked() */
};

extern const struct chain_kind chain__evm;
extern const struct chain_kind chain__remote;

/* Ends a job: stops it, frees w, calls done(). */
void chain__end(struct chain_work *w, enum chain_outcome outcome, const char *reason);
/* The same from the next turn on. */
void chain__end_soon(struct chain_work *w, enum chain_outcome outcome,
                     const char *reason);
/* As the job's promise is, when nothing more can be found out now: UNKNOWN when
 * something may have been sent, else UNREACHABLE. */
enum chain_outcome chain__no_word(const struct chain_work *w);
/* What the payment is to move: what was signed, or as far as it is known to be less,
 * what is taken. */
struct x402_u256 chain__value(const struct chain_work *w);
/* How a talk with the other side went. `why` is a literal for the log. */
void chain__talked(struct chain *c, bool well, const char *why);
/* Whether a block's time is near enough to our clock. */
bool chain__is_fresh(uint64_t time_s);

#endif

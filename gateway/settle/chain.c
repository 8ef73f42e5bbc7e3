/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/settle/chain.h"

#include "base/clock.h"
#include "base/log.h"
#include "gateway/settle/chain_int.h"

#include <assert.h>
#include <stdlib.h>

/* Up or down
 * -------------------------------------------------------------------------
 */

static uint64_t retry_pause_ms(unsigned fails)
{
    uint64_t pause = CHAIN_RETRY_MIN_MS;

    for (unsigned i = 1; i < fails && pause < CHAIN_RETRY_MAX_MS; i++)
        pause *= 2;
    return pause < CHAIN_RETRY_MAX_MS ? pause : CHAIN_RETRY_MAX_MS;
}

void chain__talked(struct chain *c, bool well, const char *why)
{
    static const char *const words[2][2] = {
        {"settlement is unreachable", "settlement is reachable again"},
        {"the witness is unreachable", "the witness is reachable again"}};

    if (well != c->up)
        log_event(well ? LOG_INFO : LOG_WARN, words[c->is_witness][well],
                  LOG_U64("chain", c->net->chain_id), LOG_STR("why", why));
    c->up = well;
    if (well) {
        c->fails = 0;
        loop_timer_set(c->loop, &c->retry, loop_now_ms(c->loop) + CHAIN_IDLE_MS);
        return;
    }
    if (c->fails < UINT32_MAX)
        c->fails++;
    if (c->fails == 1 || !loop_timer_armed(&c->retry))
        loop_timer_set(c->loop, &c->retry,
                       loop_now_ms(c->loop) + retry_pause_ms(c->fails));
}

static void on_retry(struct loop_timer *t)
{
    struct chain *c =
        (struct chain *)(void *)((char *)t - offsetof(struct chain, retry));

    c->kind->ping(c);
}

bool chain_is_up(const struct chain *c)
{
    return c->up && (c->behind == NULL || c->behind->up);
}

bool chain__is_fresh(uint64_t time_s)
{
    const uint64_t now_s = clock_wall_us() / 1000000;

    return time_s > now_s ? time_s - now_s <= CHAIN_CLOCK_OFF_MAX_S
                          : now_s - time_s <= CHAIN_HEAD_AGE_MAX_S;
}

/* Jobs -------------------------------------------------------------------------------
 */

enum chain_outcome chain__no_word(const struct chain_work *w)
{
    return w->task == CHAIN_SETTLE && w->job->tx.sent ? CHAIN_UNKNOWN
                                                      : CHAIN_UNREACHABLE;
}

struct x402_u256 chain__value(const struct chain_work *w)
{
    const struct x402_payment *p = w->job->payment;

    if (p->method == X402_EIP3009)
        return p->transfer.value;
    if (p->permit.kind == X402_PERMIT_UPTO && w->task != CHAIN_VERIFY)
        return w->job->amount;
    return p->permit.amount;
}

/* Nothing is sent that could not be seen to arrive. */
static bool lacks_witness(const struct chain_work *w)
{
    const struct chain *c = w->chain->behind != NULL ? w->chain->behind : w->chain;

    return c->witness != NULL && !c->witness->up && w->task != CHAIN_LOOK &&
           config_needs_witness(c->net, chain__value(w));
}

static void release(struct chain_work *w)
{
    w->chain->kind->stop(w);
    loop_timer_clear(w->chain->loop, &w->timer);
    *w->link = w->next;
    if (w->next != NULL)
        w->next->link = w->link;
    w->job->state = NULL;
    free(w);
}

void chain__end(struct chain_work *w, enum chain_outcome outcome, const char *reason)
{
    struct chain_job *j = w->job;

    release(w);
    j->outcome = outcome;
    j->reason = reason;
    j->done(j);
}

void chain__end_soon(struct chain_work *w, enum chain_outcome outcome,
                     const char *reason)
{
    w->decided = true;
    w->outcome = outcome;
    w->reason = reason;
    loop_timer_set(w->chain->loop, &w->timer, loop_now_ms(w->chain->loop));
}

static void on_timer(struct loop_timer *t)
{
    struct chain_work *w =
        (struct chain_work *)(void *)((char *)t - offsetof(struct chain_work, timer));

    if (w->decided)
        chain__end(w, w->outcome, w->reason);
    else
        chain__end(w, chain__no_word(w), "");
}

static void start(struct chain *c, struct chain_job *j, enum chain_task task)
{
    struct chain_work *w = calloc(1, c->kind->work_size);

    j->chain = c;
    j->state = w;
    j->outcome = CHAIN_UNREACHABLE;
    j->reason = "";
    j->block = j->gas_wei = 0;
    j->block_hash = (struct x402_hash){{0}};
    if (w == NULL) {
        if (task == CHAIN_SETTLE && j->tx.sent)
            j->outcome = CHAIN_UNKNOWN;
        j->done(j);
        return;
    }
    *w = (struct chain_work){.chain = c,
                             .job = j,
                             .task = task,
                             .timer = {.fire = on_timer},
                             .next = c->works,
                             .link = &c->works};
    if (c->works != NULL)
        c->works->link = &w->next;
    c->works = w;
    if ((c->fails >= CHAIN_FAILS_MAX || lacks_witness(w)) &&
        chain__no_word(w) == CHAIN_UNREACHABLE) {
        chain__end_soon(w, CHAIN_UNREACHABLE, "");
        return;
    }
    loop_timer_set(c->loop, &w->timer, j->deadline_ms);
    c->kind->start(w);
}

void chain_verify(struct chain *c, struct chain_job *j)
{
    start(c, j, CHAIN_VERIFY);
}

void chain_settle(struct chain *c, struct chain_job *j)
{
    start(c, j, CHAIN_SETTLE);
}

void chain_look(struct chain *c, struct chain_job *j)
{
    start(c, j, CHAIN_LOOK);
}

void chain_submitted(struct chain *c, struct chain_job *j, bool durable)
{
    /* Its deadline may have passed meanwhile. */
    if (j->state != NULL)
        c->kind->submitted(j->state, durable);
}

void chain_cancel(struct chain_job *j)
{
    if (j->state != NULL)
        release(j->state);
}

/* Opening and closing ----------------------------------------------------------------
 */

enum rc chain_open(struct chain **out, struct loop *l, struct upstream *u,
                   const struct config_network *net, struct signer *s, size_t key)
{
    struct chain *c = calloc(1, sizeof(*c));
    enum rc rc;

    if (c == NULL)
        return RC_NOMEM;
    *c = (struct chain){.loop = l,
                        .upstream = u,
                        .net = net,
                        .signer = s,
                        .key = key,
                        .kind =
                            net->facilitator_url == NULL ? &chain__evm : &chain__remote,
                        .up = true,
                        .retry = {.fire = on_retry}};
    rc = c->kind->open(c);
    if (rc != RC_OK) {
        chain_close(c);
        return rc;
    }
    /* A node of another chain, or a facilitator that does not settle here, shows at
     * the start. */
    loop_timer_set(l, &c->retry, loop_now_ms(l));
    *out = c;
    return RC_OK;
}

void chain_close(struct chain *c)
{
    struct chain_work *w;

    if (c == NULL)
        return;
    while ((w = c->works) != NULL) {
        c->works = w->next;
        chain__end(w, chain__no_word(w), "");
    }
    loop_timer_clear(c->loop, &c->retry);
    c->kind->close(c);
    free(c);
}

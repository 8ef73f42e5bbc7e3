/* SPDX-License-Identifier: Apache-2.0 */
/* Payments that nobody moves: what an earlier process left, what a caller gave up
 * waiting for, what the chain did not answer. All open records are swept through every
 * few seconds, and whatever is not in motion is begun. There is no other list of what
 * is to be done: so nothing can be forgotten by a restart, and memory stays bounded.
 *
 * And settled payments are looked at again for some minutes. That list is in memory
 * only: what it protects from is rare, and a chain that takes back what it said longer
 * ago than a restart takes is rarer still. */
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "gateway/metrics.h"
#include "gateway/settle/cashier_int.h"

#include <string.h>

/* From the settlement on; the last is twelve blocks of the slowest network of the table
 * (12 s each) behind, and some. */
static const uint64_t look_at_ms[] = {15000, 60000, 180000};

enum {
    LOOKS = sizeof(look_at_ms) / sizeof(look_at_ms[0]),
    LOOK_AGAIN_MS = 15000, /* when nobody could say */
    LOOKS_PER_SWEEP = 32,
    OPENING_TURN_MS = 100
};

/* ---- What a record asks for ---- */

static bool is_old(const struct wallet_payment *p, uint64_t by_us)
{
    const uint64_t now_us = clock_wall_us();

    return now_us > p->expires_us && now_us - p->expires_us > by_us;
}

/* Claimed, and nothing was sent. */
static void go_on_reserved(struct pay *e, const struct wallet_once_seen *seen)
{
    struct cashier *c = e->cashier;

    switch (seen->state) {
    case WALLET_ONCE_SERVING:
        cashier__end(e, CASHIER_PENDING, RC_OK);
        return;
    case WALLET_ONCE_NEW:
    case WALLET_ONCE_FAILED: /* its money was given back */
        cashier__release(e, CASHIER_DOWN);
        return;
    case WALLET_ONCE_BROKEN:
        /* The work may have been done, and was not charged: it never serves again. */
        cashier__fail(e, "unexpected_settle_error");
        return;
    case WALLET_ONCE_DONE:
        e->served = true;
        if (c->opening || e->network == c->network_count) {
            cashier__end(e, CASHIER_PENDING, RC_OK);
            return;
        }
        cashier__set_amount(e, seen->cost);
        cashier__send(e);
        return;
    }
}

static void go_on_settled(struct pay *e, const struct wallet_once_seen *seen)
{
    const bool waits = seen->state == WALLET_ONCE_NEW && !e->step.p.after &&
                       !e->d.topup && !e->d.facilitated;

    if (e->step.p.closed || seen->state == WALLET_ONCE_SERVING ||
        (waits && !is_old(&e->step.p, CASHIER__GRACE_US))) {
        cashier__end(e, CASHIER_PENDING, RC_OK);
        return;
    }
    e->answer = CASHIER_CREDITED;
    cashier__close(e);
}

void cashier__go_on(struct pay *e)
{
    struct wallet_once_seen seen;
    enum rc rc = cashier__once(&seen, e);

    if (rc != RC_OK) {
        cashier__end(e, CASHIER_PENDING, rc);
        return;
    }
    switch (e->step.p.state) {
    case WALLET_PAYMENT_RESERVED:
        go_on_reserved(e, &seen);
        return;
    case WALLET_PAYMENT_SUBMITTED:
    case WALLET_PAYMENT_UNKNOWN:
        e->served = e->step.p.after || seen.state != WALLET_ONCE_NEW;
        if (e->cashier->opening)
            cashier__end(e, CASHIER_PENDING, RC_OK);
        else
            cashier__send(e);
        return;
    case WALLET_PAYMENT_SETTLED:
        go_on_settled(e, &seen);
        return;
    case WALLET_PAYMENT_NEW:
    case WALLET_PAYMENT_RELEASED:
    case WALLET_PAYMENT_FAILED:
    case WALLET_PAYMENT_REVERTED:
        cashier__end(e, CASHIER_PENDING, RC_OK);
        return;
    }
}

/* ---- The sweep ---- */

struct found {
    struct cashier *cashier;
    unsigned count;
    unsigned due_count;
    uint8_t due[CASHIER__SWEEP_BATCH][32];
};

static bool is_open_debt(const struct wallet_payment *p)
{
    return p->after &&
           (p->state == WALLET_PAYMENT_RESERVED ||
            p->state == WALLET_PAYMENT_SUBMITTED || p->state == WALLET_PAYMENT_UNKNOWN);
}

/* Whether the sweep should begin it now; what is dead is tried from time to time. */
static bool is_due(struct cashier *c, const struct wallet_payment *p)
{
    if (c->opening && is_open_debt(p))
        (void)!money_add(&c->owed, c->owed, p->value);
    if (map_get(c->moving, slice_from((const char *)p->key, sizeof(p->key))) != NULL)
        return false;
    if (!is_old(p, CASHIER__DEAD_US))
        return true;
    c->dead_count++;
    return c->sweeps % CASHIER__DEAD_SWEEPS == 0 || p->state == WALLET_PAYMENT_SETTLED;
}

static bool find(void *arg, const struct wallet_payment *p)
{
    struct found *f = arg;
    struct cashier *c = f->cashier;

    c->cursor = p->id;
    c->has_cursor = true;
    f->count++;
    if (is_due(c, p))
        memcpy(f->due[f->due_count++], p->key, sizeof(p->key));
    return f->count < CASHIER__SWEEP_BATCH;
}

/* The network of a record, by what its details say. */
static void find_network(struct pay *e, const struct wallet_payment *p)
{
    struct cashier *c = e->cashier;
    struct details d;
    size_t i = 0;

    if (details_decode(&d, slice_from((const char *)p->details, p->details_len)) !=
        RC_OK)
        return;
    while (i < c->network_count &&
           (c->networks[i].chain_id != d.offer.chain_id ||
            !x402_address_equal(&c->networks[i].asset, &d.offer.asset)))
        i++;
    e->network = i;
}

static bool begin_alone(struct cashier *c, const uint8_t key[32], enum pay_want want)
{
    struct pay *e;

    if (c->alone_count >= CASHIER__ALONE_MAX)
        return false;
    e = cashier__pay_new(c, key);
    if (e == NULL)
        return false;
    e->alone = true;
    c->alone_count++;
    e->want = want;
    if (wallet_payment_read(&e->step.p, c->book, key) == RC_OK)
        find_network(e, &e->step.p);
    cashier__begin(e);
    return true;
}

/* Looks at some records more. Whether there may be others behind them. */
static bool sweep_some(struct cashier *c)
{
    struct found f = {.cashier = c};
    const struct id after = c->cursor;
    const bool has_after = c->has_cursor;

    if (wallet_payment_open(c->book, has_after ? &after : NULL, find, &f) != RC_OK) {
        log_line(LOG_ERROR, "open payments cannot be read");
        return false;
    }
    for (unsigned i = 0; i < f.due_count; i++)
        if (!begin_alone(c, f.due[i], WANT_OWN))
            break; /* the next sweep begins them */
    return f.count == CASHIER__SWEEP_BATCH;
}

static void end_sweep(struct cashier *c)
{
    metric_set(metrics.payments_dead, c->dead_count);
    c->dead_count = 0;
    c->has_cursor = false;
    c->sweeps++;
}

/* ---- Settled ones ---- */

static struct watched *watched_of(struct cashier *c, const uint8_t key[32])
{
    for (size_t i = 0; i < c->watched_count; i++)
        if (memcmp(c->watched[i].key, key, sizeof(c->watched[i].key)) == 0)
            return &c->watched[i];
    return NULL;
}

void cashier__watch(struct cashier *c, const uint8_t key[32])
{
    struct watched *w;

    if (c->watched_count == CASHIER__WATCHED_MAX || watched_of(c, key) != NULL)
        return; /* a busy seller looks at some of his payments only */
    w = &c->watched[c->watched_count++];
    memcpy(w->key, key, sizeof(w->key));
    w->due_ms = loop_now_ms(c->loop) + look_at_ms[0];
    w->look = 0;
}

void cashier__looked(struct cashier *c, const uint8_t key[32],
                     enum chain_outcome outcome)
{
    struct watched *w = watched_of(c, key);

    if (w == NULL)
        return;
    if (outcome == CHAIN_OK)
        w->look++;
    if (outcome == CHAIN_REFUSED || w->look == LOOKS) {
        *w = c->watched[--c->watched_count];
        return;
    }
    if (outcome == CHAIN_OK)
        w->due_ms =
            loop_now_ms(c->loop) + look_at_ms[w->look] - look_at_ms[w->look - 1];
}

static void look_at_some(struct cashier *c)
{
    const uint64_t now_ms = loop_now_ms(c->loop);
    uint8_t due[LOOKS_PER_SWEEP][32];
    unsigned count = 0;

    for (size_t i = 0; i < c->watched_count && count < LOOKS_PER_SWEEP; i++) {
        struct watched *w = &c->watched[i];

        if (w->due_ms > now_ms ||
            map_get(c->moving, slice_from((char *)w->key, sizeof(w->key))) != NULL)
            continue;
        w->due_ms = now_ms + LOOK_AGAIN_MS; /* unless the look says otherwise */
        memcpy(due[count++], w->key, sizeof(w->key));
    }
    for (unsigned i = 0; i < count; i++)
        if (!begin_alone(c, due[i], WANT_LOOK))
            return;
}

/* ---- When ---- */

static void sweep_turn(struct loop_timer *t)
{
    struct cashier *c =
        (struct cashier *)(void *)((char *)t - offsetof(struct cashier, sweep));
    uint64_t wait_ms = 0;

    if (c->draining)
        return;
    for (size_t i = 0; i < c->network_count; i++)
        atomic_store(&c->up[i], chain_is_up(c->chains[i]));
    if (!sweep_some(c)) {
        end_sweep(c);
        look_at_some(c);
        wait_ms = CASHIER__SWEEP_MS;
    }
    loop_timer_set(c->loop, t, loop_now_ms(c->loop) + wait_ms);
}

void cashier__sweep_start(struct cashier *c)
{
    c->sweep.fire = sweep_turn;
    loop_timer_set(c->loop, &c->sweep, loop_now_ms(c->loop));
}

void cashier__recover(struct cashier *c)
{
    bool more;

    c->opening = true;
    do {
        more = sweep_some(c);
        while (c->pay_count > 0)
            loop_turn(c->loop, OPENING_TURN_MS);
    } while (more);
    end_sweep(c);
    c->sweeps = 0;
    c->opening = false;
}

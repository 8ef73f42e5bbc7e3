/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/market_oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

const int oracle_parents[WALLETS] = {-1, -1, 0, 2, 1};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int oracle_root_of(int wallet)
{
    while (oracle_parents[wallet] >= 0)
        wallet = oracle_parents[wallet];
    return wallet;
}

unsigned oracle_today(const struct model *m)
{
    return (unsigned)(m->now_us / DAY_US - m->start_us / DAY_US);
}

unsigned oracle_slot(const struct limit_model *l, unsigned day)
{
    return l->per == WALLET_PER_DAY ? day : 0;
}

enum rc oracle_hold(struct model *m, struct call_model *c)
{
    struct wallet_model *root = &m->wallets[oracle_root_of(c->wallet)];
    struct quota_model *q = c->quota >= 0 ? &m->quotas[c->quota] : NULL;

    if (root->money - root->held < c->amount)
        return RC_NO_FUNDS;
    for (int at = c->wallet; at >= 0; at = oracle_parents[at]) {
        struct limit_model *l = &m->wallets[at].limit;
        unsigned i = oracle_slot(l, c->held_day);

        if (l->per != WALLET_PER__COUNT &&
            l->amount - l->used[i] - l->held[i] < c->amount)
            return RC_LIMIT;
    }
    if (q != NULL && q->used + q->held == q->grant)
        return RC_QUOTA_SPENT;
    root->held += c->amount;
    for (int at = c->wallet; at >= 0; at = oracle_parents[at])
        m->wallets[at].limit.held[oracle_slot(&m->wallets[at].limit, c->held_day)] +=
            c->amount;
    if (q != NULL)
        q->held++;
    return RC_OK;
}

void oracle_end(struct model *m, struct call_model *c, int64_t cost, bool counts)
{
    struct wallet_model *root = &m->wallets[oracle_root_of(c->wallet)];

    root->held -= c->amount;
    root->money -= cost;
    for (int at = c->wallet; at >= 0; at = oracle_parents[at]) {
        struct limit_model *l = &m->wallets[at].limit;
        unsigned i = oracle_slot(l, c->held_day);

        l->held[i] -= c->amount;
        l->used[i] += cost;
    }
    if (c->quota >= 0) {
        m->quotas[c->quota].held--;
        m->quotas[c->quota].used += counts;
    }
}

void oracle_use(struct model *m, const struct call_model *c, int64_t cost)
{
    int64_t house = c->publisher >= 0 ? cost * c->ppm / PPM : cost;
    struct use_model *u = &m->uses[m->use_count++];

    assert_true(m->use_count <= USES);
    *u = (struct use_model){
        .request = c->call->hold.request,
        .transfer = c->call->hold.transfer,
        .root = oracle_root_of(c->wallet),
        .publisher = c->publisher,
        .slug = c->slug,
        .late = c->state == CALL_EXPIRED,
        .day = c->day,
        .time_us = m->now_us,
        .house_left = house,
        .share_left = cost - house,
    };
    m->revenue += house;
    if (c->publisher >= 0) {
        m->publishers[c->publisher].days[c->day] += cost - house;
        m->publishers[c->publisher].shares += cost - house;
    }
}

static void give_back(struct model *m, struct use_model *u, int64_t house,
                      int64_t share)
{
    u->house_left -= house;
    u->share_left -= share;
    m->revenue -= house;
    if (u->late)
        m->shortfall -= house + share;
    else
        m->wallets[u->root].money += house + share;
    if (u->publisher >= 0)
        m->publishers[u->publisher].returned += share;
}

enum rc oracle_refund(struct model *m, struct use_model *u, int64_t amount)
{
    int64_t left = u->house_left + u->share_left;
    int64_t house, share;

    if (u->late)
        return RC_NOT_FOUND;
    if (left == 0 || amount > left)
        return RC_CONFLICT;
    /* the amounts are below 2^30, so this cannot overflow */
    house = (u->house_left * amount + left - 1) / left;
    share = amount - house;
    if (share > 0 && m->publishers[u->publisher].days[u->day] < share)
        return RC_CONFLICT;
    if (share > 0)
        m->publishers[u->publisher].days[u->day] -= share;
    give_back(m, u, house, share);
    return RC_OK;
}

/* What there is of the share, on its day and then due; and all of the house's part. */
void oracle_claw(struct model *m, struct use_model *u, struct clawed *out)
{
    struct publisher_model *p = &m->publishers[u->publisher];
    int64_t own = least(u->share_left, p->days[u->day]);
    int64_t due = least(u->share_left - own, p->due);
    int64_t all = u->house_left + own + due;

    p->days[u->day] -= own;
    p->due -= due;
    p->clawed += own + due;
    out->uses += all > 0;
    *(u->late ? &out->to_house : &out->to_buyers) += all;
    give_back(m, u, u->house_left, own + due);
    out->left += u->share_left;
}

enum rc oracle_payout(const struct model *m, const struct publisher_model *p,
                      int64_t *amount, bool all)
{
    bool network = p->record.network[0] != '\0';

    if (p->record.suspended || m->now_us - p->record.changed_us < DELAY_DAYS * DAY_US)
        return RC_FORBIDDEN;
    if (all)
        *amount = network ? p->due - p->due % 1000 : p->due;
    if (!all && (*amount == 0 || (network && *amount % 1000 != 0)))
        return RC_BAD_INPUT;
    return *amount == 0 || *amount > p->due ? RC_NO_FUNDS : RC_OK;
}

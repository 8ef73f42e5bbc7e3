/* SPDX-License-Identifier: Apache-2.0 */
/* The cashier's face, its thread, and the jobs: who waits for which payment, how long,
 * and what he is told. How a payment moves is cashier_flow.c's. */
#include "gateway/settle/cashier.h"

#include "base/codec.h"
#include "base/log.h"
#include "base/metric.h"
#include "gateway/metrics.h"
#include "gateway/settle/cashier_int.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- Names ---- */

void cashier_key(uint8_t key[32], const struct x402_payment *p,
                 const struct x402_offer *offer)
{
    static const char domain[] = "octroi payment 1";

    struct {
        char domain[sizeof(domain)];
        uint8_t method; /* the nonces of EIP-3009 and of Permit2 are different ones */
        uint8_t chain_id[8];
        uint8_t asset[X402_ADDRESS_LEN];
        uint8_t payer[X402_ADDRESS_LEN];
        uint8_t nonce[X402_WORD_LEN];
    } named;
    struct x402_hash nonce;

    x402_payment_nonce(&nonce, p);
    memcpy(named.domain, domain, sizeof(domain));
    named.method = p->method == X402_PERMIT2;
    for (unsigned i = 0; i < 8; i++)
        named.chain_id[i] = (uint8_t)(offer->chain_id >> (8 * (7 - i)));
    memcpy(named.asset, offer->asset.bytes, sizeof(named.asset));
    memcpy(named.payer, x402_payer(p)->bytes, sizeof(named.payer));
    memcpy(named.nonce, nonce.bytes, sizeof(named.nonce));
    _Static_assert(sizeof(named) == sizeof(domain) + 1 + 8 + 20 + 20 + 32,
                   "no padding goes into the hash");
    sha256(key, slice_from((const char *)&named, sizeof(named)));
}

/* By what it is, not by where it lies: the asker's snapshot may be a newer one. */
static size_t network_index(const struct cashier *c, const struct config_network *n)
{
    size_t i = 0;

    while (i < c->network_count &&
           (c->networks[i].chain_id != n->chain_id ||
            !x402_address_equal(&c->networks[i].asset, &n->asset)))
        i++;
    return i;
}

const struct x402_address *cashier_settler(const struct cashier *c,
                                           const struct config_network *n)
{
    const size_t i = network_index(c, n);

    return i < c->network_count ? c->settlers[i] : NULL;
}

bool cashier_is_up(const struct cashier *c, const struct config_network *n)
{
    const size_t i = network_index(c, n);

    return i < c->network_count && atomic_load(&c->up[i]);
}

bool cashier__may_serve_first(struct cashier *c, struct money value)
{
    const struct money max_debt = c->config->payments->max_debt;
    struct wallet_payment_house house;
    struct money most;
    struct money all;

    if (wallet_payment_house(&house, c->book) != RC_OK)
        return false;
    if (money_cmp(house.bad_debt, max_debt) >= 0)
        return false;
    if (!money_mul(&most, max_debt, CASHIER__FLOAT_TIMES))
        return true;
    return money_add(&all, c->owed, value) && money_cmp(all, most) <= 0;
}

/* ---- Payments in motion ---- */

static void out_of_patience(struct loop_timer *t)
{
    struct pay *e = (struct pay *)(void *)((char *)t - offsetof(struct pay, patience));

    cashier__late(e);
}

struct pay *cashier__pay_new(struct cashier *c, const uint8_t *key)
{
    struct pay *e;

    if (c->pay_count >= CASHIER__MOVING_MAX)
        return NULL;
    e = calloc(1, sizeof(*e));
    if (e == NULL)
        return NULL;
    e->cashier = c;
    e->network = c->network_count;
    e->patience.fire = out_of_patience;
    if (key != NULL) {
        memcpy(e->key, key, sizeof(e->key));
        e->mapped = true;
        if (map_put(c->moving, slice_from((char *)e->key, sizeof(e->key)), e) !=
            RC_OK) {
            free(e);
            return NULL;
        }
    }
    e->next = c->pays;
    if (e->next != NULL)
        e->next->before = e;
    c->pays = e;
    c->pay_count++;
    metric_set(metrics.payments_moving, c->pay_count);
    return e;
}

static void pay_free(struct pay *e)
{
    struct cashier *c = e->cashier;

    loop_timer_clear(c->loop, &e->patience);
    if (e->mapped)
        (void)map_remove(c->moving, slice_from((char *)e->key, sizeof(e->key)));
    if (e->next != NULL)
        e->next->before = e->before;
    if (e->before != NULL)
        e->before->next = e->next;
    else
        c->pays = e->next;
    c->pay_count--;
    if (e->alone)
        c->alone_count--;
    metric_set(metrics.payments_moving, c->pay_count);
    free(e);
}

/* What is held waits for a caller, not for us: its record is enough. */
static void stop_when_quiet(struct cashier *c)
{
    if (!c->closing)
        return;
    for (const struct pay *e = c->pays; e != NULL; e = e->next)
        if (e->phase != PAY_HELD)
            return;
    loop_stop(c->loop);
}

/* ---- Answers ---- */

static void tell(struct cashier_job *j, enum cashier_answer answer, enum rc rc)
{
    static const char *const names[] = {
        [CASHIER_PAID] = "paid",         [CASHIER_GOOD] = "good",
        [CASHIER_REFUSED] = "refused",   [CASHIER_USED] = "used",
        [CASHIER_CREDITED] = "credited", [CASHIER_IN_USE] = "in_use",
        [CASHIER_PENDING] = "pending",   [CASHIER_DOWN] = "down",
        [CASHIER_OWING] = "owing",
    };

    j->answer = answer;
    j->rc = rc;
    if (answer != CASHIER_PAID || !j->counted) /* not for take and finish both */
        metrics_payment(names[answer]);
    j->counted = j->counted || answer == CASHIER_PAID;
    j->done(j);
}

void cashier__answer(struct pay *e, enum cashier_answer answer, enum rc rc)
{
    struct cashier_job *j = e->job;

    loop_timer_clear(e->cashier->loop, &e->patience);
    e->job = NULL;
    e->joined = false;
    if (j == NULL)
        return;
    j->state = e->phase == PAY_HELD ? e : NULL;
    j->payment_now = e->step.p;
    memcpy(j->words, e->d.reason, sizeof(j->words));
    j->reason = answer == CASHIER_REFUSED ? j->words : "";
    j->credited = e->credited;
    j->balance = e->balance;
    tell(j, answer, rc);
}

void cashier__end(struct pay *e, enum cashier_answer answer, enum rc rc)
{
    struct cashier *c = e->cashier;

    if (e->job != NULL && e->joined) {
        if (answer != CASHIER_PENDING && e->runs < CASHIER__RUNS_MAX && !c->draining) {
            e->joined = false;
            cashier__begin(e);
            return;
        }
        answer = CASHIER_PENDING;
    }
    cashier__answer(e, answer, rc);
    pay_free(e);
    stop_when_quiet(c);
}

/* ---- Jobs ---- */

static struct cashier_job *job_of(struct inbox_message *m)
{
    return (struct cashier_job *)(void *)((char *)m -
                                          offsetof(struct cashier_job, message));
}

static void refuse_job(struct cashier_job *j, enum cashier_answer answer, enum rc rc)
{
    j->reason = "";
    j->state = NULL;
    memset(&j->payment_now, 0, sizeof(j->payment_now));
    tell(j, answer, rc);
}

static void attach(struct pay *e, struct cashier_job *j, enum pay_want want)
{
    struct cashier *c = e->cashier;

    e->job = j;
    e->want = want;
    e->late = c->draining;
    loop_timer_set(c->loop, &e->patience, loop_now_ms(c->loop) + j->wait_ms);
}

/* Whether a job may wait for a payment that is in motion: nobody else does, and it is
 * the very same one. */
static bool may_join(const struct pay *e, const struct cashier_job *j,
                     enum pay_want want)
{
    return e->job == NULL && e->phase != PAY_HELD &&
           e->d.facilitated == (want == WANT_FACILITATE) &&
           details_same(&e->d.payment, j->payment);
}

static void arrive(struct cashier_job *j, enum pay_want want)
{
    struct cashier *c = j->cashier;
    const size_t network = network_index(c, j->network);
    struct pay *e = NULL;
    uint8_t key[32];

    if (c->draining || network == c->network_count) {
        refuse_job(j, CASHIER_DOWN, c->draining ? RC_DRAINING : RC_CHAIN_DOWN);
        return;
    }
    cashier_key(key, j->payment, j->offer);
    if (want != WANT_VERIFY)
        e = map_get(c->moving, slice_from((char *)key, sizeof(key)));
    if (e != NULL) {
        if (!may_join(e, j, want)) {
            refuse_job(j, CASHIER_IN_USE, RC_OK);
            return;
        }
        e->joined = true;
        attach(e, j, want);
        return;
    }
    e = cashier__pay_new(c, want == WANT_VERIFY ? NULL : key);
    if (e == NULL) {
        refuse_job(j, CASHIER_DOWN, RC_BUSY);
        return;
    }
    e->network = network;
    attach(e, j, want);
    cashier__begin(e);
}

static void take_arrived(struct inbox_message *m)
{
    arrive(job_of(m), WANT_TAKE);
}

static void settle_arrived(struct inbox_message *m)
{
    arrive(job_of(m), WANT_FACILITATE);
}

static void verify_arrived(struct inbox_message *m)
{
    arrive(job_of(m), WANT_VERIFY);
}

static void finish_arrived(struct inbox_message *m)
{
    struct cashier_job *j = job_of(m);
    struct pay *e = j->state;

    assert(e != NULL && e->phase == PAY_HELD);
    attach(e, j, WANT_FINISH);
    cashier__finish(e);
}

static void post(struct cashier *c, struct cashier_job *j,
                 void (*arrived)(struct inbox_message *m))
{
    j->cashier = c;
    j->message.run = arrived;
    inbox_post(loop_inbox(c->loop), &j->message);
}

void cashier_take(struct cashier *c, struct cashier_job *j)
{
    post(c, j, take_arrived);
}

void cashier_finish(struct cashier *c, struct cashier_job *j)
{
    post(c, j, finish_arrived);
}

void cashier_facilitate(struct cashier *c, struct cashier_job *j, bool settle)
{
    post(c, j, settle ? settle_arrived : verify_arrived);
}

/* ---- Its life ---- */

static void drain_now(struct cashier *c)
{
    struct pay *next;

    c->draining = true;
    for (struct pay *e = c->pays; e != NULL; e = next) {
        next = e->next;
        if (e->job != NULL)
            cashier__late(e);
    }
}

static void drain_arrived(struct inbox_message *m)
{
    drain_now((struct cashier *)(void *)((char *)m - offsetof(struct cashier, drain)));
}

static void close_chains(struct cashier *c)
{
    for (size_t i = 0; i < c->network_count; i++) {
        struct chain *chain = c->chains[i];

        chain_close(chain);
        c->chains[i] = NULL;
    }
}

static void stop_arrived(struct inbox_message *m)
{
    struct cashier *c =
        (struct cashier *)(void *)((char *)m - offsetof(struct cashier, stop));

    c->closing = true;
    drain_now(c);
    loop_timer_clear(c->loop, &c->sweep);
    close_chains(c);
    stop_when_quiet(c);
}

static void *run(void *arg)
{
    struct cashier *c = arg;

    loop_run(c->loop);
    return NULL;
}

static enum rc open_chains(struct cashier *c, struct buf *faults)
{
    size_t key = 0;

    for (size_t i = 0; i < c->network_count; i++) {
        const struct config_network *n = &c->networks[i];
        const bool builtin = n->facilitator_url == NULL;
        enum rc rc;

        if (builtin && c->signer == NULL)
            return RC_BAD_INPUT;
        rc = chain_open(&c->chains[i], c->loop, c->upstream, n, c->signer, key);
        if (rc != RC_OK) {
            buf_printf(faults, "payments: network %zu cannot be used: %s\n", i + 1,
                       rc_reason(rc));
            return rc;
        }
        if (builtin)
            c->settlers[i] = signer_address(c->signer, key++);
        atomic_store(&c->up[i], chain_is_up(c->chains[i]));
    }
    return RC_OK;
}

static enum rc open_parts(struct cashier *c, struct buf *faults)
{
    TRY(map_open(&c->moving, CASHIER__MOVING_MAX));
    TRY(loop_open(&c->loop));
    TRY(upstream_open(&c->upstream, c->loop));
    TRY(open_chains(c, faults));
    cashier__recover(c);
    cashier__sweep_start(c);
    if (pthread_create(&c->thread, NULL, run, c) != 0)
        return RC_NOMEM;
    c->started = true;
    return RC_OK;
}

enum rc cashier_open(struct cashier **out, struct wallet_book *b,
                     const struct config *config, struct signer *signer,
                     struct buf *faults)
{
    struct cashier *c = calloc(1, sizeof(*c));
    enum rc rc;

    if (c == NULL)
        return RC_NOMEM;
    c->book = b;
    c->config = config_ref(config);
    c->signer = signer;
    c->networks = config->payments->networks;
    c->network_count = config->payments->network_count;
    rc = open_parts(c, faults);
    if (rc != RC_OK) {
        cashier_close(c);
        return rc;
    }
    *out = c;
    return RC_OK;
}

void cashier_drain(struct cashier *c)
{
    if (atomic_exchange(&c->drain_sent, true))
        return;
    c->drain.run = drain_arrived;
    inbox_post(loop_inbox(c->loop), &c->drain);
}

void cashier_close(struct cashier *c)
{
    if (c == NULL)
        return;
    if (c->started) {
        c->stop.run = stop_arrived;
        inbox_post(loop_inbox(c->loop), &c->stop);
        (void)pthread_join(c->thread, NULL);
    } else if (c->loop != NULL) {
        loop_timer_clear(c->loop, &c->sweep);
        close_chains(c);
    }
    for (struct pay *e = c->pays, *next; e != NULL; e = next) {
        next = e->next;
        pay_free(e);
    }
    upstream_close(c->upstream);
    loop_close(c->loop);
    map_close(c->moving);
    config_unref(c->config);
    free(c);
}

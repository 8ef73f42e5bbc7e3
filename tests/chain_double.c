/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/chain_double.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
    USED_MAX = 256
};

enum order_kind {
    VERIFY,
    SETTLE,
    LOOK
};

/* One job under way. */
struct order {
    struct order *next;
    struct chain *chain;
    struct chain_job *job;
    enum order_kind kind;
    struct loop_timer timer;
    bool submitting; /* the caller makes it durable */
    bool parked;
};

struct chain {
    struct loop *loop;
    struct order *orders;
    struct chain *next; /* of all */
    struct inbox_message go;
    bool going;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct chain_script script;
static unsigned parked_count;
static struct chain *chains;

/* The chain itself outlives a process that dies: children of fork() share it. */
static struct chain_state {
    struct chain_count counts;
    struct x402_hash used[USED_MAX];
} * state;

static const struct x402_address settler = {{0x5e, 0x77, 0x1e}};

const struct x402_address *signer_address(const struct signer *s, size_t key)
{
    (void)s;
    (void)key;
    return &settler;
}

static void take_lock(void)
{
    assert(pthread_mutex_lock(&lock) == 0);
}

static void give_lock(void)
{
    pthread_cond_broadcast(&changed);
    assert(pthread_mutex_unlock(&lock) == 0);
}

void chain_double_reset(void)
{
    take_lock();
    script = (struct chain_script){.submits = true, .reason = ""};
    if (state == NULL)
        state = mmap(NULL, sizeof(*state), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert(state != MAP_FAILED);
    memset(state, 0, sizeof(*state));
    give_lock();
}

void chain_double_says(const struct chain_script *s)
{
    take_lock();
    script = *s;
    if (script.reason == NULL)
        script.reason = "";
    give_lock();
}

static struct chain_script now_says(void)
{
    struct chain_script s;

    take_lock();
    s = script;
    give_lock();
    return s;
}

struct chain_count chain_double_count(void)
{
    struct chain_count c;

    take_lock();
    c = state->counts;
    give_lock();
    return c;
}

/* ---- Orders ---- */

static void forget(struct order *o)
{
    struct order **at = &o->chain->orders;

    while (*at != o)
        at = &(*at)->next;
    *at = o->next;
    loop_timer_clear(o->chain->loop, &o->timer);
    take_lock();
    if (o->parked)
        parked_count--;
    give_lock();
    free(o);
}

/* Money moves once for each authorization, however often it is sent. */
static void move(struct chain_job *j)
{
    struct x402_hash nonce;
    unsigned i = 0;

    x402_payment_nonce(&nonce, j->payment);
    take_lock();
    while (i < state->counts.moved && !x402_hash_equal(state->used[i], nonce))
        i++;
    if (i == state->counts.moved) {
        assert(i < USED_MAX);
        state->used[state->counts.moved++] = nonce;
        state->counts.last_amount = j->amount;
        state->counts.last_verified = j->verified;
    }
    give_lock();
}

static void end(struct order *o, enum chain_outcome outcome, const char *reason)
{
    struct chain_job *j = o->job;

    take_lock();
    if (o->kind == VERIFY) {
        state->counts.verified++;
    } else if (o->kind == SETTLE) {
        state->counts.settled++;
    } else {
        state->counts.looked++;
        state->counts.last_verified = j->verified;
    }
    give_lock();
    if (o->kind == SETTLE && outcome == CHAIN_OK) {
        move(j);
        j->block = 1234;
        j->gas_wei = UINT64_C(50000000000001);
    }
    forget(o);
    j->outcome = outcome;
    j->reason = outcome == CHAIN_REFUSED ? reason : "";
    j->done(j);
}

static void conclude(struct order *o)
{
    const struct chain_script s = now_says();

    switch (o->kind) {
    case VERIFY:
        end(o, s.verify, s.reason);
        return;
    case SETTLE:
        end(o, s.settle, s.reason);
        return;
    case LOOK:
        end(o, s.look, s.reason);
        return;
    }
}

static void come_to_the_end(struct order *o)
{
    const bool parks = now_says().parks;

    if (!parks || o->kind == LOOK) {
        conclude(o);
        return;
    }
    take_lock();
    o->parked = true;
    parked_count++;
    give_lock();
}

static void fired(struct loop_timer *t)
{
    struct order *o =
        (struct order *)(void *)((char *)t - offsetof(struct order, timer));
    struct chain_job *j = o->job;

    if (o->kind != SETTLE || j->tx.sent || !now_says().submits) {
        come_to_the_end(o);
        return;
    }
    j->tx.sent = true;
    memset(j->tx.hash.bytes, 0xab, sizeof(j->tx.hash.bytes));
    j->tx.account_nonce = 7;
    j->tx.gas_limit = 100000;
    j->tx.tries++;
    o->submitting = true;
    j->submit(j);
}

static void order(struct chain *c, struct chain_job *j, enum order_kind kind)
{
    struct order *o = calloc(1, sizeof(*o));

    assert(o != NULL);
    o->chain = c;
    o->job = j;
    o->kind = kind;
    o->timer.fire = fired;
    o->next = c->orders;
    c->orders = o;
    j->chain = c;
    j->state = o;
    assert(!j->tx.sent || j->tx.account_nonce == 7);
    loop_timer_set(c->loop, &o->timer, loop_now_ms(c->loop));
}

void chain_verify(struct chain *c, struct chain_job *j)
{
    order(c, j, VERIFY);
}

void chain_settle(struct chain *c, struct chain_job *j)
{
    order(c, j, SETTLE);
}

void chain_look(struct chain *c, struct chain_job *j)
{
    order(c, j, LOOK);
}

void chain_submitted(struct chain *c, struct chain_job *j, bool durable)
{
    struct order *o = j->state;

    (void)c;
    assert(o->submitting);
    o->submitting = false;
    if (!durable) {
        end(o, CHAIN_UNREACHABLE, "");
        return;
    }
    take_lock();
    state->counts.sent++;
    give_lock();
    come_to_the_end(o);
}

void chain_cancel(struct chain_job *j)
{
    forget(j->state);
}

/* ---- Its life ---- */

enum rc chain_open(struct chain **out, struct loop *l, struct upstream *u,
                   const struct config_network *net, struct signer *s, size_t key)
{
    struct chain *c = calloc(1, sizeof(*c));

    (void)u;
    (void)net;
    (void)s;
    (void)key;
    assert(c != NULL);
    c->loop = l;
    take_lock();
    c->next = chains;
    chains = c;
    give_lock();
    *out = c;
    return RC_OK;
}

void chain_close(struct chain *c)
{
    struct chain **at = &chains;

    if (c == NULL)
        return;
    take_lock();
    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    give_lock();
    while (c->orders != NULL)
        end(c->orders, c->orders->job->tx.sent ? CHAIN_UNKNOWN : CHAIN_UNREACHABLE, "");
    free(c);
}

bool chain_is_up(const struct chain *c)
{
    return c != NULL && now_says().verify != CHAIN_UNREACHABLE;
}

/* ---- The test's side ---- */

void chain_double_wait(unsigned count)
{
    take_lock();
    while (parked_count < count)
        assert(pthread_cond_wait(&changed, &lock) == 0);
    give_lock();
}

static void go(struct inbox_message *m)
{
    struct chain *c = (struct chain *)(void *)((char *)m - offsetof(struct chain, go));
    struct order *next;

    for (struct order *o = c->orders; o != NULL; o = next) {
        next = o->next;
        if (o->parked)
            conclude(o);
    }
    take_lock();
    c->going = false;
    give_lock();
}

void chain_double_go(void)
{
    take_lock();
    for (struct chain *c = chains; c != NULL; c = c->next) {
        c->go.run = go;
        c->going = true;
        inbox_post(loop_inbox(c->loop), &c->go);
        while (c->going)
            assert(pthread_cond_wait(&changed, &lock) == 0);
    }
    give_lock();
}

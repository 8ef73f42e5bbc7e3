/* SPDX-License-Identifier: Apache-2.0 */
/* How one payment moves. Every step is written to the book before the next one is
 * taken, so that whatever breaks off here is gone on with by its record. Steps end by a
 * message to this thread, orders of the chain by a callback on it; what waits is in
 * e->phase, and nothing else is under way for a payment then. */
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "gateway/metrics.h"
#include "gateway/settle/cashier_int.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* ---- What is known ---- */

static struct chain *chain_of(const struct pay *e)
{
    struct cashier *c = e->cashier;

    return e->network < c->network_count ? c->chains[e->network] : NULL;
}

static void look_whether_up(struct pay *e)
{
    const struct chain *chain = chain_of(e);

    if (chain != NULL)
        atomic_store(&e->cashier->up[e->network], chain_is_up(chain));
}

/* What this payment's calls have cost before it is settled. */
static struct money owed(const struct wallet_payment *p,
                         enum wallet_payment_state state)
{
    switch (state) {
    case WALLET_PAYMENT_RESERVED:
    case WALLET_PAYMENT_SUBMITTED:
    case WALLET_PAYMENT_UNKNOWN:
        return p->after ? p->value : MONEY_ZERO;
    case WALLET_PAYMENT_NEW:
    case WALLET_PAYMENT_SETTLED:
    case WALLET_PAYMENT_RELEASED:
    case WALLET_PAYMENT_FAILED:
    case WALLET_PAYMENT_REVERTED:
        return MONEY_ZERO;
    }
    return MONEY_ZERO;
}

/* And back. It fits: the claim has left room for a reason. */
static void save(struct pay *e)
{
    struct wallet_payment *p = &e->step.p;
    enum rc rc = details_encode(p->details, &p->details_len, &e->d);

    assert(rc == RC_OK);
}

void cashier__set_reason(struct pay *e, const char *reason)
{
    (void)snprintf(e->d.reason, sizeof(e->d.reason), "%s", reason);
}

static void log_pay(enum log_level level, const char *what, const struct pay *e,
                    struct money amount)
{
    const struct wallet_payment *p = &e->step.p;

    log_event(level, what, LOG_STR("payer", p->payer), LOG_STR("network", p->network),
              LOG_STR("transaction", p->reference), LOG_STR("reason", e->d.reason),
              LOG_MONEY("amount", amount));
}

/* ---- Steps of the book ---- */

static void on_stepped(struct inbox_message *m);

static void step_done(struct wallet_payment_step *s)
{
    struct pay *e = (struct pay *)(void *)((char *)s - offsetof(struct pay, step));

    e->stepped.run = on_stepped;
    inbox_post(loop_inbox(e->cashier->loop), &e->stepped);
}

/* Begins one; step.p is filled, and what belongs to an earlier step is forgotten. */
static struct wallet_payment_step *next_step(struct pay *e, enum pay_phase phase)
{
    struct wallet_payment_step *s = &e->step;
    const size_t head = offsetof(struct wallet_payment_step, p) + sizeof(s->p);

    memset((char *)s + head, 0, sizeof(*s) - head);
    s->done = step_done;
    e->phase = phase;
    return s;
}

static void note(struct pay *e, enum pay_phase phase, enum wallet_payment_state state)
{
    e->step.p.state = state;
    save(e);
    wallet_payment_note(e->cashier->book, next_step(e, phase));
}

void cashier__tell(struct pay *e)
{
    e->d.told = true;
    e->answer = CASHIER_PAID;
    note(e, PAY_TELL, WALLET_PAYMENT_SETTLED);
}

void cashier__claim(struct pay *e)
{
    wallet_payment_claim(e->cashier->book, next_step(e, PAY_CLAIM));
}

void cashier__close(struct pay *e)
{
    struct wallet_payment_step *s;

    if (e->paid) {
        save(e);
        s = next_step(e, PAY_CLOSE);
        s->fee = money_from_nano(e->fee);
        wallet_payment_finish(e->cashier->book, s);
        return;
    }
    wallet_payment_close(e->cashier->book, next_step(e, PAY_CLOSE));
}

void cashier__fail(struct pay *e, const char *reason)
{
    cashier__set_reason(e, reason);
    save(e);
    e->answer = CASHIER_REFUSED;
    wallet_payment_failed(e->cashier->book, next_step(e, PAY_FAIL));
}

void cashier__release(struct pay *e, enum cashier_answer answer)
{
    e->answer = answer;
    wallet_payment_release(e->cashier->book, next_step(e, PAY_RELEASE));
}

/* ---- To the caller and back ---- */

/* Whether the book has it. */
static bool is_claimed(const struct pay *e)
{
    return e->durable != WALLET_PAYMENT_NEW && e->durable != WALLET_PAYMENT_RELEASED;
}

void cashier__hold(struct pay *e, enum cashier_answer answer)
{
    if (e->job == NULL || e->joined) {
        cashier__end(e, answer, RC_OK);
        return;
    }
    e->phase = PAY_HELD;
    cashier__answer(e, answer, RC_OK);
}

void cashier__set_amount(struct pay *e, struct money cost)
{
    const unsigned decimals = e->cashier->networks[e->network].decimals;
    struct wallet_payment *p = &e->step.p;
    const struct x402_u256 most = e->d.offer.amount;
    struct x402_u256 units;

    e->d.amount = most;
    p->settle = p->value;
    if (e->d.offer.scheme == X402_SCHEME_EXACT ||
        x402_u256_from_money(&units, cost, decimals, X402_UP) != RC_OK ||
        x402_u256_cmp(units, most) >= 0)
        return;
    if (x402_u256_to_money(&p->settle, units, decimals, X402_DOWN) == RC_OK)
        e->d.amount = units;
}

void cashier__finish(struct pay *e)
{
    const struct cashier_job *j = e->job;

    if (!e->step.p.after && !id_is_none(j->target)) {
        e->step.p.target = j->target;
        if (!e->paid) {
            note(e, PAY_NAME, WALLET_PAYMENT_SETTLED);
            return;
        }
    }
    if (!e->step.p.after) {
        cashier__close(e);
        return;
    }
    if (!j->served || money_is_zero(j->amount)) {
        cashier__release(e, CASHIER_PAID);
        return;
    }
    e->served = true;
    cashier__set_amount(e, j->amount);
    cashier__send(e);
}

void cashier__late(struct pay *e)
{
    e->late = true;
    if (e->job == NULL)
        return;
    switch (e->phase) {
    case PAY_VERIFY:
        chain_cancel(&e->order);
        if (e->mapped)
            cashier__release(e, CASHIER_DOWN);
        else
            cashier__end(e, CASHIER_DOWN, RC_OK);
        return;
    case PAY_SEND:
        if (!is_claimed(e)) {
            chain_cancel(&e->order);
            cashier__end(e, CASHIER_DOWN, RC_OK);
            return;
        }
        cashier__answer(e, CASHIER_PENDING, RC_OK);
        return;
    case PAY_NOTE:
        if (is_claimed(e)) /* else it is soon known whether it is */
            cashier__answer(e, CASHIER_PENDING, RC_OK);
        return;
    case PAY_LOOK: /* a job has joined, and must not wait for a mere look */
        chain_cancel(&e->order);
        cashier__end(e, CASHIER_PENDING, RC_OK);
        return;
    case PAY_BEGIN:
    case PAY_CLAIM:
    case PAY_HELD:
    case PAY_REST:
    case PAY_SETTLE:
    case PAY_NAME:
    case PAY_TELL:
    case PAY_CLOSE:
    case PAY_FAIL:
    case PAY_RELEASE:
    case PAY_REVERT:
        return; /* soon over */
    }
}

/* ---- Refusals ---- */

/* Whether a payment that is refused for this will never be good again. Of the others
 * (no balance, no allowance..) the payer may take the cause away. */
static bool is_final(const char *reason)
{
    static const char *const finals[] = {
        "invalid_exact_evm_nonce_already_used",
        "permit2_invalid_nonce",
        "permit2_deadline_expired",
        "invalid_exact_evm_payload_authorization_valid_before",
        "invalid_exact_evm_signature",
        "invalid_permit2_signature",
        "payment_expired",
    };

    for (size_t i = 0; i < sizeof(finals) / sizeof(finals[0]); i++)
        if (strcmp(reason, finals[i]) == 0)
            return true;
    return false;
}

static void refuse(struct pay *e, const char *reason)
{
    if (!e->mapped || !is_claimed(e)) {
        cashier__set_reason(e, reason);
        cashier__end(e, CASHIER_REFUSED, RC_OK);
        return;
    }
    if (e->durable == WALLET_PAYMENT_RESERVED && !e->served && !is_final(reason)) {
        cashier__set_reason(e, reason);
        cashier__release(e, CASHIER_REFUSED);
        return;
    }
    cashier__fail(e, reason);
}

/* ---- The chain: would it go through? ---- */

static void on_verified(struct chain_job *order)
{
    struct pay *e = (struct pay *)(void *)((char *)order - offsetof(struct pay, order));

    look_whether_up(e);
    switch (order->outcome) {
    case CHAIN_OK:
        if (e->mapped)
            cashier__hold(e, CASHIER_GOOD);
        else
            cashier__end(e, CASHIER_GOOD, RC_OK);
        return;
    case CHAIN_REFUSED:
        refuse(e, order->reason);
        return;
    case CHAIN_UNREACHABLE:
    case CHAIN_UNKNOWN:
        if (e->mapped)
            cashier__release(e, CASHIER_DOWN);
        else
            cashier__end(e, CASHIER_DOWN, RC_OK);
        return;
    }
}

static struct chain_job *next_order(struct pay *e, enum pay_phase phase, uint64_t ms)
{
    e->phase = phase;
    e->order_ended = false;
    memset(&e->order, 0, sizeof(e->order));
    e->order.payment = &e->d.payment;
    e->order.offer = &e->d.offer;
    e->order.amount = e->d.amount;
    e->order.version = e->d.payment.version;
    e->order.tx = e->d.tx;
    e->order.deadline_ms = loop_now_ms(e->cashier->loop) + ms;
    e->order.reason = "";
    return &e->order;
}

static bool is_open(enum wallet_payment_state state)
{
    return state == WALLET_PAYMENT_RESERVED || state == WALLET_PAYMENT_SUBMITTED ||
           state == WALLET_PAYMENT_UNKNOWN;
}

/* What the same payer's money has to do first: or what covers one call would be shown
 * for many at once. Those that turn to the chain later count this one. */
static void add_promises(struct chain_job *order, const struct pay *e)
{
    for (const struct pay *o = e->cashier->pays; o != NULL; o = o->next) {
        if (o == e || !o->step.p.after || !is_open(o->durable) || o->turn > e->turn ||
            o->network != e->network ||
            !x402_address_equal(x402_payer(&o->d.payment), x402_payer(&e->d.payment)))
            continue;
        /* They fit: none is beyond WALLET_PAYMENT_VALUE_MAX. */
        (void)!x402_u256_add(&order->promised, order->promised, o->d.offer.amount);
        if (o->d.payment.method == X402_PERMIT2)
            (void)!x402_u256_add(&order->promised_permits, order->promised_permits,
                                 o->d.offer.amount);
    }
}

void cashier__verify(struct pay *e)
{
    struct chain *chain = chain_of(e);
    struct chain_job *order;

    if (e->late || chain == NULL || e->job == NULL) {
        if (e->mapped)
            cashier__release(e, CASHIER_DOWN);
        else
            cashier__end(e, CASHIER_DOWN, RC_OK);
        return;
    }
    order = next_order(e, PAY_VERIFY,
                       e->job->wait_ms < CASHIER__VERIFY_MS ? e->job->wait_ms
                                                            : CASHIER__VERIFY_MS);
    e->turn = ++e->cashier->turns;
    if (e->mapped)
        add_promises(order, e);
    order->done = on_verified;
    chain_verify(chain, order);
}

/* ---- The chain: sending ---- */

static bool is_dead(const struct wallet_payment *p)
{
    const uint64_t now_us = clock_wall_us();

    return now_us > p->expires_us && now_us - p->expires_us > CASHIER__DEAD_US;
}

/* Whether the book has all that is known. */
static bool is_kept(const struct pay *e)
{
    const struct wallet_payment *p = &e->step.p;
    uint8_t now[WALLET_PAYMENT_DETAILS_MAX];
    uint16_t len;

    return e->durable == WALLET_PAYMENT_UNKNOWN &&
           details_encode(now, &len, &e->d) == RC_OK && len == p->details_len &&
           memcmp(now, p->details, len) == 0;
}

/* Nobody knows how it went. It rests as it is until the next sweep; a whole day behind
 * its end somebody has to look at it. */
static void rest(struct pay *e)
{
    if (is_dead(&e->step.p) && !e->d.dead) {
        e->d.dead = true;
        log_pay(LOG_ERROR, "a payment cannot be brought to an end", e,
                e->step.p.settle);
    }
    if (is_kept(e))
        cashier__end(e, CASHIER_PENDING, RC_OK);
    else
        note(e, PAY_REST, WALLET_PAYMENT_UNKNOWN);
}

/* Another was faster, the payer owes, or the book has failed. */
static void not_claimed(struct pay *e, enum rc rc)
{
    switch (rc) {
    case RC_EXISTS:
    case RC_STALE:
        if (e->runs < CASHIER__RUNS_MAX)
            cashier__begin(e);
        else
            cashier__end(e, CASHIER_IN_USE, RC_OK);
        return;
    case RC_FORBIDDEN:
        cashier__end(e, CASHIER_OWING, RC_OK);
        return;
    default:
        cashier__end(e, CASHIER_DOWN, rc);
    }
}

/* It has certainly not been sent. */
static void unsent(struct pay *e)
{
    if (!e->served)
        cashier__release(e, CASHIER_DOWN);
    else if (is_dead(&e->step.p))
        rest(e);
    else
        cashier__end(e, CASHIER_PENDING, RC_OK);
}

bool cashier__is_builtin(const struct pay *e)
{
    return e->cashier->networks[e->network].facilitator_url == NULL;
}

/* Nobody serves for it any more. */
static bool ends_at_once(const struct pay *e)
{
    return e->served || e->step.p.after || e->d.topup || e->d.facilitated ||
           (e->job != NULL && e->job->is_topup);
}

/* The chain has paid. Where somebody waits to serve for it, or all is served, the book
 * is told together with the end: until then its record says that it was sent, which is
 * all that another process needs to find it settled. */
static void settle(struct pay *e)
{
    const uint64_t gwei = UINT64_C(1000000000);
    struct wallet_payment_step *s;

    e->fee = e->order.gas_wei / gwei + (e->order.gas_wei % gwei != 0);
    e->d.block = e->order.block;
    e->d.told = e->d.facilitated && e->job != NULL && !e->joined;
    if (ends_at_once(e)) {
        e->paid = true;
        e->answer = e->spent;
        cashier__close(e);
        return;
    }
    if (cashier__is_builtin(e) && e->job != NULL && !e->joined) {
        e->paid = true;
        e->step.p.state = WALLET_PAYMENT_SETTLED;
        cashier__hold(e, CASHIER_PAID);
        return;
    }
    save(e);
    s = next_step(e, PAY_SETTLE);
    s->fee = money_from_nano(e->fee);
    wallet_payment_settled(e->cashier->book, s);
}

static void print_hash(struct pay *e)
{
    static const struct x402_hash none;
    char text[X402_HASH_TEXT_SIZE] = "";

    if (!x402_hash_equal(e->d.tx.hash, none))
        x402_hash_print(text, e->d.tx.hash);
    (void)snprintf(e->step.p.reference, sizeof(e->step.p.reference), "%s", text);
}

static void sent(struct pay *e)
{
    const bool was_sent = e->durable != WALLET_PAYMENT_RESERVED;

    print_hash(e);
    if (!is_claimed(e) && e->order.outcome != CHAIN_REFUSED) {
        not_claimed(e, e->claim_rc);
        return;
    }
    switch (e->order.outcome) {
    case CHAIN_OK:
        settle(e);
        return;
    case CHAIN_REFUSED:
        refuse(e, e->order.reason);
        return;
    case CHAIN_UNREACHABLE:
        if (!was_sent) {
            unsent(e);
            return;
        }
        rest(e);
        return;
    case CHAIN_UNKNOWN:
        rest(e);
        return;
    }
}

static void on_submit(struct chain_job *order)
{
    struct pay *e = (struct pay *)(void *)((char *)order - offsetof(struct pay, order));

    e->d.tx = order->tx;
    print_hash(e);
    if (is_claimed(e)) {
        note(e, PAY_NOTE, WALLET_PAYMENT_SUBMITTED);
        return;
    }
    e->step.p.state = WALLET_PAYMENT_SUBMITTED;
    save(e);
    wallet_payment_claim(e->cashier->book, next_step(e, PAY_NOTE));
}

static void on_sent(struct chain_job *order)
{
    struct pay *e = (struct pay *)(void *)((char *)order - offsetof(struct pay, order));

    look_whether_up(e);
    if (e->phase == PAY_NOTE) {
        e->order_ended = true; /* the record is lent to the book just now */
        return;
    }
    e->d.tx = order->tx;
    sent(e);
}

void cashier__claim_sent(struct pay *e)
{
    e->step.p.settle = e->step.p.value;
    cashier__send(e);
}

void cashier__send(struct pay *e)
{
    struct chain *chain = chain_of(e);
    struct chain_job *order;

    if (e->late && e->job != NULL)
        cashier__answer(e, CASHIER_PENDING, RC_OK);
    if (chain == NULL) { /* its record is enough for the next process */
        cashier__end(e, is_claimed(e) ? CASHIER_PENDING : CASHIER_DOWN, RC_OK);
        return;
    }
    order = next_order(e, PAY_SEND, CASHIER__SETTLE_MS);
    order->verified = e->step.p.after || e->d.own;
    order->submit = on_submit;
    order->done = on_sent;
    chain_settle(chain, order);
}

static void noted(struct pay *e, enum rc rc)
{
    const bool durable = rc == RC_OK;

    if (!durable) {
        e->d.tx = e->durable_tx;
        e->claim_rc = rc;
    }
    if (e->order_ended) {
        if (durable)
            e->d.tx = e->order.tx;
        sent(e);
        return;
    }
    if (durable && e->late && e->job != NULL)
        cashier__answer(e, CASHIER_PENDING, RC_OK);
    e->phase = PAY_SEND;
    chain_submitted(chain_of(e), &e->order, durable);
}

/* ---- The chain: is it still there? ---- */

static void on_looked(struct chain_job *order)
{
    struct pay *e = (struct pay *)(void *)((char *)order - offsetof(struct pay, order));

    look_whether_up(e);
    if (order->outcome == CHAIN_REFUSED && !e->step.p.closed) {
        e->answer = CASHIER_CREDITED; /* the next look takes it from the wallet */
        cashier__close(e);
        return;
    }
    cashier__looked(e->cashier, e->key, order->outcome);
    if (order->outcome != CHAIN_REFUSED) {
        cashier__end(e, CASHIER_PENDING, RC_OK);
        return;
    }
    cashier__set_reason(e, "invalid_transaction_state");
    save(e);
    wallet_payment_revert(e->cashier->book, next_step(e, PAY_REVERT));
}

void cashier__look(struct pay *e)
{
    struct chain *chain = chain_of(e);
    struct chain_job *order;

    if (chain == NULL || e->step.p.state != WALLET_PAYMENT_SETTLED) {
        cashier__looked(e->cashier, e->key, CHAIN_REFUSED);
        cashier__end(e, CASHIER_PENDING, RC_OK);
        return;
    }
    order = next_order(e, PAY_LOOK, CASHIER__VERIFY_MS);
    order->verified = true;
    order->done = on_looked;
    chain_look(chain, order);
}

/* ---- When the book has answered ---- */

static void claimed(struct pay *e, enum rc rc)
{
    if (rc != RC_OK) {
        not_claimed(e, rc);
    } else if (e->step.p.after) {
        cashier__verify(e);
    } else {
        e->step.p.settle = e->step.p.value;
        cashier__send(e);
    }
}

static void settled(struct pay *e, enum rc rc)
{
    if (rc != RC_OK) { /* the chain is asked again, and says the same */
        cashier__end(e, CASHIER_PENDING, rc);
        return;
    }
    cashier__watch(e->cashier, e->key);
    cashier__hold(e, CASHIER_PAID);
}

static void closed(struct pay *e, enum rc rc)
{
    if (rc != RC_OK) {
        cashier__end(e, CASHIER_PENDING, rc);
        return;
    }
    if (e->paid && !e->d.facilitated)
        cashier__watch(e->cashier, e->key);
    e->credited = e->step.left;
    e->balance = e->step.balance;
    cashier__end(e, e->want == WANT_FINISH ? CASHIER_PAID : e->answer, RC_OK);
}

static void failed(struct pay *e, enum rc rc)
{
    if (rc == RC_OK && !money_is_zero(e->step.left))
        log_pay(LOG_WARN, "a call was served and never paid", e, e->step.left);
    cashier__end(e, rc == RC_OK ? e->answer : CASHIER_PENDING, rc);
}

static void reverted(struct pay *e, enum rc rc)
{
    if (rc == RC_OK) {
        metric_add(metrics.payments_reverted, 1);
        log_pay(LOG_ERROR, "the chain took a payment back", e, e->step.p.settle);
    } else {
        cashier__watch(e->cashier, e->key); /* and is asked again */
    }
    cashier__end(e, CASHIER_PENDING, rc);
}

static void keep_account(struct pay *e, enum rc rc)
{
    struct cashier *c = e->cashier;
    struct wallet_payment *p = &e->step.p;

    if (rc != RC_OK) {
        p->state = e->durable;
        return;
    }
    c->owed = money_sub_floor(c->owed, owed(p, e->durable));
    (void)!money_add(&c->owed, c->owed, owed(p, p->state));
    e->durable = p->state;
    e->durable_tx = e->d.tx;
}

static void on_stepped(struct inbox_message *m)
{
    struct pay *e = (struct pay *)(void *)((char *)m - offsetof(struct pay, stepped));
    const enum rc rc = e->step.rc;

    keep_account(e, rc);
    switch (e->phase) {
    case PAY_CLAIM:
        claimed(e, rc);
        return;
    case PAY_NOTE:
        noted(e, rc);
        return;
    case PAY_REST:
        cashier__end(e, CASHIER_PENDING, rc);
        return;
    case PAY_SETTLE:
        settled(e, rc);
        return;
    case PAY_NAME:
        if (rc == RC_OK)
            cashier__close(e);
        else
            cashier__end(e, CASHIER_PENDING, rc);
        return;
    case PAY_TELL:
        cashier__end(e, rc == RC_OK ? e->answer : CASHIER_PENDING, rc);
        return;
    case PAY_CLOSE:
        closed(e, rc);
        return;
    case PAY_FAIL:
        failed(e, rc);
        return;
    case PAY_RELEASE:
        cashier__end(e, rc != RC_CONFLICT ? e->answer : CASHIER_PENDING, rc);
        return;
    case PAY_REVERT:
        reverted(e, rc);
        return;
    case PAY_BEGIN:
    case PAY_VERIFY:
    case PAY_HELD:
    case PAY_SEND:
    case PAY_LOOK:
        assert(0 && "no step is under way");
    }
}

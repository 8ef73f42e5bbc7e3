/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be done with a payment that comes: new, or one that has been here before.
 * Decides by its record and by whether a call was served on it; nothing waits here. */
#include "base/clock.h"
#include "base/log.h"
#include "gateway/settle/cashier_int.h"

#include <stdio.h>
#include <string.h>

enum rc cashier__once(struct wallet_once_seen *out, const struct pay *e)
{
    struct wallet_once once = {
        .present = true, .payment = true, .expires_us = e->step.p.expires_us};

    memcpy(once.key, e->key, sizeof(once.key));
    memcpy(once.fingerprint, e->d.fingerprint, sizeof(once.fingerprint));
    return wallet_once_look(out, e->cashier->book, &once);
}

/* Reads e->d from the record. */
static enum rc load(struct pay *e)
{
    const struct wallet_payment *p = &e->step.p;

    memcpy(e->room, p->details, p->details_len);
    return details_decode(&e->d, slice_from((const char *)e->room, p->details_len));
}

/* ---- Claims ---- */

static uint64_t expires_us(const struct x402_payment *p)
{
    const struct x402_u256 end =
        p->method == X402_EIP3009 ? p->transfer.valid_before : p->permit.deadline;
    uint64_t s;

    if (!x402_u256_to_u64(&s, end) || s > UINT64_MAX / 1000000)
        return UINT64_MAX;
    return s * 1000000;
}

/* What must be known of the job for ever. */
static enum rc keep_details(struct pay *e)
{
    const struct cashier_job *j = e->job;
    struct wallet_payment *p = &e->step.p;
    struct details d = {
        .payment = *j->payment,
        .offer = *j->offer,
        .amount = j->offer->amount,
        .topup = j->is_topup,
        .facilitated = e->want != WANT_TAKE,
        .own = e->want != WANT_TAKE && j->is_own,
    };

    memcpy(d.fingerprint, j->fingerprint, sizeof(d.fingerprint));
    if (d.payment.resource.url.len > DETAILS_TEXT_MAX)
        d.payment.resource.url = SLICE_NONE; /* only repeated to a facilitator */
    TRY(details_encode(p->details, &p->details_len, &d));
    if (p->details_len > WALLET_PAYMENT_DETAILS_MAX - DETAILS_REASON_SIZE)
        return RC_TOO_BIG;
    return load(e);
}

/* The record of a claim; its version stays. */
static enum rc fill(struct pay *e)
{
    const struct cashier_job *j = e->job;
    const unsigned decimals = e->cashier->networks[e->network].decimals;
    struct wallet_payment *p = &e->step.p;
    const uint64_t version = p->version;
    char network[X402_NETWORK_TEXT_SIZE];

    memset(p, 0, sizeof(*p));
    memcpy(p->key, e->key, sizeof(p->key));
    p->version = version;
    x402_address_print_small(p->payer, x402_payer(j->payment));
    x402_network_print(network, j->offer->chain_id);
    (void)snprintf(p->network, sizeof(p->network), "%s", network);
    (void)snprintf(p->method, sizeof(p->method), "%s",
                   e->want == WANT_TAKE ? j->method : "facilitator");
    p->created_us = clock_wall_us();
    p->expires_us = expires_us(j->payment);
    TRY(keep_details(e));
    if (e->want != WANT_TAKE)
        return RC_OK; /* others' money is not in our book */
    p->after = j->after;
    if (j->is_topup)
        p->target = j->target;
    TRY(x402_u256_to_money(&p->value, j->offer->amount, decimals, X402_DOWN));
    return RC_OK;
}

static void claim(struct pay *e)
{
    struct money debt = MONEY_ZERO;
    enum rc rc = fill(e);

    /* The claim would find it too, but only when one of our numbers is given out. */
    if (rc == RC_OK && e->want == WANT_TAKE)
        rc = wallet_payer_debt(&debt, e->cashier->book, e->step.p.payer);
    if (rc == RC_OK && e->step.p.after &&
        !cashier__may_serve_first(e->cashier, e->step.p.value))
        rc = RC_BUSY;
    if (rc != RC_OK) {
        cashier__end(e, CASHIER_DOWN, rc);
        return;
    }
    if (!money_is_zero(debt)) {
        cashier__end(e, CASHIER_OWING, RC_OK);
        return;
    }
    e->spent = e->d.facilitated ? CASHIER_PAID : CASHIER_CREDITED;
    /* A remote facilitator is another's: it hears of nothing that is not reserved. And
     * what we have signed ourselves may be settled without our sending it. */
    if (e->step.p.after || e->d.own || !cashier__is_builtin(e))
        cashier__claim(e);
    else
        cashier__claim_sent(e);
}

/* ---- A payment that has been here before ---- */

/* What it gave when it was closed, as far as that is still told. */
static void tell_credit(struct pay *e, const struct wallet_once_seen *seen)
{
    const struct wallet_payment *p = &e->step.p;
    const struct id wallet =
        id_is_none(p->target) ? wallet_payer_id(p->payer) : p->target;
    const bool bought = seen->state == WALLET_ONCE_DONE;
    struct wallet_balance balance;

    e->credited = money_sub_floor(p->settle, bought ? seen->cost : MONEY_ZERO);
    if (wallet_balance(&balance, e->cashier->book, wallet) == RC_OK)
        e->balance = balance.balance;
}

static enum cashier_answer spent_as(const struct pay *e,
                                    const struct wallet_once_seen *seen)
{
    if (e->d.facilitated)
        return e->step.p.closed ? CASHIER_USED : CASHIER_PAID;
    return seen->state == WALLET_ONCE_DONE ? CASHIER_USED : CASHIER_CREDITED;
}

static void take_settled(struct pay *e, const struct wallet_once_seen *seen)
{
    const bool at_once = e->d.topup || e->d.facilitated || e->job->is_topup;

    if (e->step.p.closed && e->d.facilitated && !e->d.told) {
        cashier__tell(e);
    } else if (e->step.p.closed) {
        tell_credit(e, seen);
        cashier__end(e, e->answer, RC_OK);
    } else if (seen->state == WALLET_ONCE_SERVING) {
        e->joined = false;
        cashier__end(e, CASHIER_IN_USE, RC_OK);
    } else if (seen->state == WALLET_ONCE_NEW && !at_once && !e->step.p.after) {
        cashier__hold(e, CASHIER_PAID);
    } else {
        cashier__close(e);
    }
}

/* Claimed by a process that is gone: that is sorted out first, and then the job has a
 * run of its own. */
static void take_reserved(struct pay *e, const struct wallet_once_seen *seen)
{
    if (seen->state == WALLET_ONCE_SERVING) {
        cashier__end(e, CASHIER_IN_USE, RC_OK);
        return;
    }
    e->joined = true;
    cashier__go_on(e);
}

static void take_released(struct pay *e, const struct wallet_once_seen *seen)
{
    switch (seen->state) {
    case WALLET_ONCE_NEW:
        claim(e);
        return;
    case WALLET_ONCE_SERVING:
        cashier__end(e, CASHIER_IN_USE, RC_OK);
        return;
    case WALLET_ONCE_DONE:
    case WALLET_ONCE_FAILED:
    case WALLET_ONCE_BROKEN:
        cashier__end(e, CASHIER_USED, RC_OK);
        return;
    }
}

/* It comes again while nobody knows whether it is settled: that is found out, and it
 * serves unless it has served before. */
static void take_sent(struct pay *e, const struct wallet_once_seen *seen)
{
    if (!e->step.p.after && seen->state == WALLET_ONCE_SERVING) {
        cashier__end(e, CASHIER_IN_USE, RC_OK);
        return;
    }
    e->served = e->step.p.after || seen->state != WALLET_ONCE_NEW;
    cashier__send(e);
}

static void take_known(struct pay *e)
{
    struct wallet_once_seen seen;
    enum rc rc = cashier__once(&seen, e);

    if (rc != RC_OK) {
        cashier__end(e, CASHIER_DOWN, rc);
        return;
    }
    e->answer = e->spent = spent_as(e, &seen);
    switch (e->step.p.state) {
    case WALLET_PAYMENT_NEW:
    case WALLET_PAYMENT_RELEASED:
        take_released(e, &seen);
        return;
    case WALLET_PAYMENT_RESERVED:
        take_reserved(e, &seen);
        return;
    case WALLET_PAYMENT_SUBMITTED:
    case WALLET_PAYMENT_UNKNOWN:
        take_sent(e, &seen);
        return;
    case WALLET_PAYMENT_SETTLED:
        take_settled(e, &seen);
        return;
    case WALLET_PAYMENT_FAILED:
    case WALLET_PAYMENT_REVERTED:
        cashier__end(e, CASHIER_REFUSED, RC_OK);
        return;
    }
}

static void take(struct pay *e)
{
    const bool is_new = e->step.p.version == 0;

    if (is_new) {
        claim(e);
        return;
    }
    if (e->step.p.state != WALLET_PAYMENT_RELEASED &&
        (e->d.facilitated != (e->want == WANT_FACILITATE) ||
         !details_same(&e->d.payment, e->job->payment))) {
        /* For something else, signed by the same payer; or for somebody else. */
        cashier__set_reason(e, "invalid_exact_evm_nonce_already_used");
        cashier__end(e, CASHIER_REFUSED, RC_OK);
        return;
    }
    take_known(e);
}

/* ---- Begin ---- */

static enum rc read_record(struct pay *e)
{
    enum rc rc = wallet_payment_read(&e->step.p, e->cashier->book, e->key);

    if (rc == RC_NOT_FOUND) {
        memset(&e->step.p, 0, sizeof(e->step.p));
        rc = RC_OK;
    } else if (rc == RC_OK) {
        rc = load(e);
    }
    e->durable = e->step.p.state;
    e->durable_tx = e->d.tx;
    return rc;
}

void cashier__begin(struct pay *e)
{
    enum rc rc;

    e->phase = PAY_BEGIN;
    e->runs++;
    e->served = e->paid = false;
    e->claim_rc = RC_OK;
    e->credited = MONEY_ZERO;
    e->balance = MONEY_ZERO;
    if (e->want == WANT_VERIFY) {
        rc = keep_details(e);
        if (rc != RC_OK)
            cashier__end(e, CASHIER_DOWN, rc);
        else
            cashier__verify(e);
        return;
    }
    rc = read_record(e);
    if (rc != RC_OK) {
        log_event(LOG_ERROR, "a payment's record cannot be read",
                  LOG_STR("code", rc_reason(rc)));
        cashier__end(e, CASHIER_DOWN, rc);
        return;
    }
    if (e->want == WANT_LOOK)
        cashier__look(e);
    else if (e->want == WANT_OWN)
        cashier__go_on(e);
    else
        take(e);
}

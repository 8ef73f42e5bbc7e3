/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/cashier_double.h"

#include "base/clock.h"
#include "base/codec.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRANSACTION "0x00000000000000000000000000000000000000000000000000000000000000d1"

/* A job's way through the book. */
struct run {
    struct wallet_payment_step step; /* first */
    struct cashier *cashier;
    struct cashier_job *job;
    enum cashier_answer answer;
    bool settles; /* the claim is followed by it */
};

static struct cashier only;

struct cashier *cashier_double(struct wallet_book *b)
{
    memset(&only, 0, sizeof(only));
    only.book = b;
    only.reason = "";
    return &only;
}

/* ---- Ends ---- */

static void end(struct run *x, enum cashier_answer answer, enum rc rc)
{
    struct cashier_job *j = x->job;

    j->answer = answer;
    j->rc = rc;
    j->reason = answer == CASHIER_REFUSED ? x->cashier->reason : "";
    j->payment_now = x->step.p;
    j->credited = x->step.left;
    j->balance = x->step.balance;
    free(x);
    j->done(j);
}

static void ended(struct wallet_payment_step *s)
{
    struct run *x = (struct run *)(void *)s;

    end(x, s->rc == RC_OK ? x->answer : CASHIER_DOWN, s->rc);
}

static void close_it(struct wallet_payment_step *s)
{
    struct run *x = (struct run *)(void *)s;

    s->done = ended;
    if (s->rc == RC_OK)
        wallet_payment_close(x->cashier->book, s);
    else
        ended(s);
}

static void settle(struct run *x, struct money amount, bool closes)
{
    x->step.p.settle = amount;
    (void)snprintf(x->step.p.reference, sizeof(x->step.p.reference), TRANSACTION);
    x->step.done = closes ? close_it : ended;
    wallet_payment_settled(x->cashier->book, &x->step);
}

/* ---- Take ---- */

static void claimed(struct wallet_payment_step *s)
{
    struct run *x = (struct run *)(void *)s;

    if (s->rc == RC_OK && x->settles)
        settle(x, s->p.value, x->job->is_topup);
    else if (s->rc == RC_EXISTS || s->rc == RC_STALE)
        end(x, CASHIER_IN_USE, RC_OK);
    else
        ended(s);
}

static void print_payer(char out[WALLET_PAYER_TEXT_SIZE], const struct x402_payment *p)
{
    (void)snprintf(out, WALLET_PAYER_TEXT_SIZE, "0x");
    hex_encode(out + 2, x402_payer(p)->bytes, X402_ADDRESS_LEN);
}

static enum rc fill(struct wallet_payment *p, const struct cashier_job *j)
{
    char network[X402_NETWORK_TEXT_SIZE];

    x402_network_print(network, j->offer->chain_id);
    (void)snprintf(p->network, sizeof(p->network), "%s", network);
    (void)snprintf(p->method, sizeof(p->method), "%s", j->method);
    print_payer(p->payer, j->payment);
    p->created_us = clock_wall_us();
    p->expires_us = p->created_us + 600 * 1000000ULL;
    p->after = j->after;
    if (j->is_topup)
        p->target = j->target;
    return x402_u256_to_money(&p->value, j->offer->amount, j->network->decimals,
                              X402_DOWN);
}

/* The same payment once more: as the real one answers what is over. */
static enum cashier_answer seen_before(struct run *x, struct cashier_job *j)
{
    struct wallet_once once = {.present = true};
    struct wallet_once_seen seen;

    memcpy(once.key, x->step.p.key, sizeof(once.key));
    memcpy(once.fingerprint, j->fingerprint, sizeof(once.fingerprint));
    assert(wallet_once_look(&seen, x->cashier->book, &once) == RC_OK);
    if (seen.state == WALLET_ONCE_SERVING)
        return CASHIER_IN_USE;
    return seen.state == WALLET_ONCE_DONE ? CASHIER_USED : CASHIER_CREDITED;
}

static void note(struct cashier *c, const struct cashier_job *j)
{
    c->takes++;
    c->payment = *j->payment;
    c->offer = *j->offer;
    c->after = j->after;
    c->is_topup = j->is_topup;
    c->target = j->target;
    (void)snprintf(c->method, sizeof(c->method), "%s", j->method);
}

void cashier_take(struct cashier *c, struct cashier_job *j)
{
    struct run *x = calloc(1, sizeof(*x));
    struct wallet_payment *p;
    uint8_t key[32];
    bool closes;
    enum rc rc;

    assert(x != NULL);
    p = &x->step.p;
    note(c, j);
    x->cashier = c;
    x->job = j;
    x->answer = c->told ? c->answer : (j->after ? CASHIER_GOOD : CASHIER_PAID);
    x->settles = x->answer == CASHIER_PAID;
    closes = x->settles && j->is_topup;
    cashier_key(key, j->payment, j->offer);
    rc = wallet_payment_read(p, c->book, key);
    memcpy(p->key, key, sizeof(key));
    if (x->answer != CASHIER_PAID && x->answer != CASHIER_GOOD) {
        end(x, x->answer, c->rc);
        return;
    }
    if (rc == RC_OK && p->state != WALLET_PAYMENT_RELEASED) {
        end(x, seen_before(x, j), RC_OK);
        return;
    }
    assert(fill(p, j) == RC_OK);
    x->step.done = claimed;
    if (closes)
        x->answer = CASHIER_CREDITED;
    wallet_payment_claim(c->book, &x->step);
}

/* ---- Finish ---- */

void cashier_finish(struct cashier *c, struct cashier_job *j)
{
    struct run *x = calloc(1, sizeof(*x));
    struct wallet_payment *p;

    assert(x != NULL);
    p = &x->step.p;
    x->cashier = c;
    x->job = j;
    x->answer = CASHIER_PAID;
    c->finishes++;
    c->served = j->served;
    c->amount = j->amount;
    assert(wallet_payment_read(p, c->book, j->payment_now.key) == RC_OK);
    x->step.done = ended;
    if (p->state == WALLET_PAYMENT_SETTLED && !id_is_none(j->target)) {
        p->target = j->target;
        x->step.done = close_it;
        wallet_payment_note(c->book, &x->step);
    } else if (p->state == WALLET_PAYMENT_SETTLED) {
        wallet_payment_close(c->book, &x->step);
    } else if (!j->served) {
        wallet_payment_release(c->book, &x->step);
    } else if (c->refuse_finish) {
        x->answer = CASHIER_REFUSED;
        wallet_payment_failed(c->book, &x->step);
    } else {
        settle(x, j->offer->scheme == X402_SCHEME_UPTO ? j->amount : p->value, true);
    }
}

/* ---- The rest ---- */

void cashier_key(uint8_t key[32], const struct x402_payment *p,
                 const struct x402_offer *offer)
{
    struct x402_hash nonce;
    char text[160];
    int len = snprintf(text, sizeof(text), "%llu|%d|",
                       (unsigned long long)offer->chain_id, (int)p->method);

    x402_payment_nonce(&nonce, p);
    memcpy(text + len, offer->asset.bytes, X402_ADDRESS_LEN);
    len += X402_ADDRESS_LEN;
    memcpy(text + len, x402_payer(p)->bytes, X402_ADDRESS_LEN);
    len += X402_ADDRESS_LEN;
    memcpy(text + len, nonce.bytes, sizeof(nonce.bytes));
    sha256(key, slice_from(text, (size_t)len + sizeof(nonce.bytes)));
}

const struct x402_address *cashier_settler(const struct cashier *c,
                                           const struct config_network *n)
{
    (void)n;
    return x402_address_is_zero(&c->settler) ? NULL : &c->settler;
}

bool cashier_is_up(const struct cashier *c, const struct config_network *n)
{
    return !c->down && !x402_address_equal(&c->only_down, &n->asset);
}

void cashier_facilitate(struct cashier *c, struct cashier_job *j, bool settle_too)
{
    note(c, j);
    c->settles = settle_too;
    j->answer = c->told ? c->answer : settle_too ? CASHIER_PAID : CASHIER_GOOD;
    j->rc = c->rc;
    j->reason = j->answer == CASHIER_REFUSED ? c->reason : "";
    memset(&j->payment_now, 0, sizeof(j->payment_now));
    if (settle_too && (j->answer == CASHIER_PAID || j->answer == CASHIER_PENDING ||
                       j->answer == CASHIER_USED))
        (void)snprintf(j->payment_now.reference, sizeof(j->payment_now.reference),
                       TRANSACTION);
    j->done(j);
}

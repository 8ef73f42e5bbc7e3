/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/payment_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

_Thread_local struct payment_told payment_told;
struct money payment_fee;

struct waiting {
    struct wallet_payment_step step; /* first */
    sem_t done;
};

static void waited(struct wallet_payment_step *s)
{
    struct waiting *w = (struct waiting *)(void *)s;

    sem_post(&w->done);
}

enum rc payment_step(struct fixture *f, struct wallet_payment *p, payment_step_fn *step)
{
    struct waiting *w = calloc(1, sizeof(*w));
    enum rc rc;

    assert_non_null(w);
    assert_int_equal(sem_init(&w->done, 0, 0), 0);
    w->step.p = *p;
    w->step.fee = payment_fee;
    w->step.done = waited;
    step(f->book, &w->step);
    while (sem_wait(&w->done) != 0)
        assert_int_equal(errno, EINTR);
    rc = w->step.rc;
    if (rc == RC_OK)
        *p = w->step.p;
    payment_told = (struct payment_told){w->step.left, w->step.balance};
    sem_destroy(&w->done);
    free(w);
    return rc;
}

struct wallet_payment payment_of(struct fixture *f, unsigned payer, unsigned key,
                                 const char *value)
{
    struct wallet_payment p = {.value = usd(value), .method = "x402"};
    uint64_t now_us = ledger_now_us(f->ledger);

    memcpy(p.key, &key, sizeof(key));
    (void)snprintf(p.payer, sizeof(p.payer), "0x%040x", payer);
    (void)snprintf(p.network, sizeof(p.network), "eip155:84532");
    memcpy(p.details, "details", 7);
    p.details_len = 7;
    p.created_us = now_us;
    p.expires_us = now_us + UINT64_C(300) * 1000000;
    return p;
}

enum rc payment_hold(struct fixture *f, struct call *c, const struct wallet_payment *p,
                     const char *amount)
{
    enum rc rc = wallet_payment_caller(&c->hold.caller, f->book, p);

    if (rc != RC_OK)
        return rc;
    return hold_call(f, c, ID_NONE, amount);
}

void payment_settle(struct fixture *f, struct wallet_payment *p, const char *amount)
{
    p->state = WALLET_PAYMENT_SUBMITTED;
    assert_int_equal(payment_step(f, p, wallet_payment_note), RC_OK);
    p->settle = usd(amount);
    (void)snprintf(p->reference, sizeof(p->reference), "0x%064x", 0xabcu);
    assert_int_equal(payment_step(f, p, wallet_payment_settled), RC_OK);
}

void payment_house(struct fixture *f, const char *receivable, const char *chain,
                   const char *bad_debt)
{
    struct wallet_payment_house h;

    assert_int_equal(wallet_payment_house(&h, f->book), RC_OK);
    assert_usd(h.receivable, receivable);
    assert_usd(h.chain, chain);
    assert_usd(h.bad_debt, bad_debt);
}

struct money payment_credit(struct fixture *f, const struct wallet_payment *p)
{
    return balance_of(f, wallet_payer_id(p->payer));
}

struct wallet_payment payment_claimed(struct fixture *f, unsigned payer, unsigned key,
                                      const char *value)
{
    struct wallet_payment p = payment_of(f, payer, key, value);

    assert_int_equal(payment_step(f, &p, wallet_payment_claim), RC_OK);
    return p;
}

/* Holds all of it and captures a part. */
void payment_serve(struct fixture *f, const struct wallet_payment *p, const char *held,
                   const char *taken)
{
    struct call *c = new_call(f);

    assert_int_equal(payment_hold(f, c, p, held), RC_OK);
    assert_int_equal(capture_call(f, c, taken), RC_OK);
    assert_usd(c->hold.shortfall, "0");
}

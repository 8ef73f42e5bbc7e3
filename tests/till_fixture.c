/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/till_fixture.h"

#include "base/clock.h"
#include "tests/config_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    WAIT_MS = 10000, /* of a customer */
    TURNS_MAX = 20000,
    STEPS_MAX = 2000
};

static const char config_text[] =
    "payments: {x402: {networks: [{network: \"eip155:84532\", asset: USDC,\n"
    "  pay_to: \"0x1111111111111111111111111111111111111111\",\n"
    "  facilitator: builtin, rpc_url: \"https://node.example\",\n"
    "  settle_key: {keystore: k, passphrase_file: p}}]}}\n"
    "skills: {payout: {network: \"eip155:84532\", key: {keystore: o, passphrase_file: "
    "p}}}\n";

/* Only its address counts: the double of the chain has the signer's functions. */
static char some_signer;

void till_start(struct till *t)
{
    struct buf faults;

    buf_init(&faults, 4096);
    assert_int_equal(cashier_open(&t->cashier, t->f.book, t->config,
                                  (struct signer *)(void *)&some_signer, &faults),
                     RC_OK);
    buf_free(&faults);
}

void till_stop(struct till *t)
{
    cashier_close(t->cashier);
    t->cashier = NULL;
}

void till_restart(struct till *t)
{
    till_stop(t);
    fixture_restart(&t->f);
    till_start(t);
}

int till_open(void **state)
{
    struct till *t = calloc(1, sizeof(*t));

    if (t == NULL)
        return -1;
    fixture_open(&t->f, LEDGER_LMDB);
    clock_at("2026-11-21T12:00:00Z");
    t->config = config_fixture_load(config_text);
    t->network = &t->config->payments->networks[0];
    chain_double_reset();
    till_start(t);
    *state = t;
    return 0;
}

int till_close(void **state)
{
    struct till *t = *state;

    till_stop(t);
    config_unref(t->config);
    fixture_close(&t->f);
    free(t);
    return 0;
}

void till_passes(struct till *t, uint64_t ms)
{
    (void)t;
    clock_advance_ms(ms);
    chain_double_go(); /* wakes the loop, which looks at the clock */
}

/* ---- Customers ---- */

static void said(struct cashier_job *j)
{
    struct sale *s = (struct sale *)(void *)j;

    sem_post(&s->done);
}

static struct sale *sale_of(struct till *t, const char *amount)
{
    struct sale *s = calloc(1, sizeof(*s));

    assert_non_null(s);
    assert_int_equal(sem_init(&s->done, 0, 0), 0);
    s->offer.chain_id = s->payment.chain_id = t->network->chain_id;
    s->offer.asset = t->network->asset;
    s->offer.pay_to = t->network->pay_to;
    s->offer.timeout_s = 300;
    s->offer.name = slice_str(t->network->asset_name);
    s->offer.version = slice_str(t->network->asset_version);
    assert_int_equal(x402_u256_from_money(&s->offer.amount, usd(amount),
                                          t->network->decimals, X402_EXACT),
                     RC_OK);
    s->payment.version = 2;
    s->payment.signature = SLICE("sixty-five bytes that were looked at before");
    s->job.network = t->network;
    s->job.payment = &s->payment;
    s->job.offer = &s->offer;
    s->job.method = "x402";
    s->job.wait_ms = WAIT_MS;
    s->job.done = said;
    memset(s->job.fingerprint, 0x77, sizeof(s->job.fingerprint));
    return s;
}

static struct x402_u256 in_five_minutes(void)
{
    return x402_u256_from_u64(clock_wall_us() / 1000000 + 300);
}

struct sale *sale_exact(struct till *t, unsigned payer, unsigned nonce,
                        const char *amount)
{
    struct sale *s = sale_of(t, amount);
    struct x402_transfer *a = &s->payment.transfer;

    memcpy(a->from.bytes, &payer, sizeof(payer));
    memcpy(a->nonce.bytes, &nonce, sizeof(nonce));
    a->to = t->network->pay_to;
    a->value = s->offer.amount;
    a->valid_before = in_five_minutes();
    return s;
}

struct sale *sale_upto(struct till *t, unsigned payer, unsigned nonce,
                       const char *amount)
{
    struct sale *s = sale_of(t, amount);
    struct x402_permit *a = &s->payment.permit;

    s->job.after = true;
    s->payment.method = s->offer.method = X402_PERMIT2;
    s->payment.scheme = s->offer.scheme = X402_SCHEME_UPTO;
    s->offer.facilitator = a->facilitator = *cashier_settler(t->cashier, t->network);
    a->kind = X402_PERMIT_UPTO;
    memcpy(a->owner.bytes, &payer, sizeof(payer));
    memcpy(a->nonce.bytes, &nonce, sizeof(nonce));
    a->token = t->network->asset;
    a->to = t->network->pay_to;
    a->spender = x402_permit2_upto_proxy;
    a->amount = s->offer.amount;
    a->deadline = in_five_minutes();
    return s;
}

void sale_free(struct sale *s)
{
    sem_destroy(&s->done);
    free(s);
}

enum cashier_answer sale_wait(struct sale *s)
{
    while (sem_wait(&s->done) != 0)
        assert_int_equal(errno, EINTR);
    return s->job.answer;
}

void sale_take_begin(struct till *t, struct sale *s)
{
    cashier_take(t->cashier, &s->job);
}

enum cashier_answer sale_take(struct till *t, struct sale *s)
{
    sale_take_begin(t, s);
    return sale_wait(s);
}

void sale_hold(struct till *t, struct sale *s)
{
    struct wallet_hold *h;
    char amount[MONEY_TEXT_SIZE];

    s->call = new_call(&t->f);
    h = &s->call->hold;
    assert_int_equal(wallet_payment_caller(&h->caller, t->f.book, &s->job.payment_now),
                     RC_OK);
    h->once.present = h->once.payment = true;
    cashier_key(h->once.key, &s->payment, &s->offer);
    memcpy(h->once.fingerprint, s->job.fingerprint, sizeof(h->once.fingerprint));
    h->once.expires_us = s->job.payment_now.expires_us;
    money_print_short(amount, s->job.payment_now.value);
    assert_int_equal(hold_call(&t->f, s->call, h->caller.wallet, amount), RC_OK);
}

void sale_capture(struct till *t, struct sale *s, const char *cost)
{
    assert_int_equal(capture_call(&t->f, s->call, cost), RC_OK);
}

enum cashier_answer sale_finish(struct till *t, struct sale *s, bool served)
{
    s->job.served = served;
    s->job.amount = served ? s->call->hold.captured : MONEY_ZERO;
    cashier_finish(t->cashier, &s->job);
    return sale_wait(s);
}

enum cashier_answer sale_facilitate(struct till *t, struct sale *s, bool settle)
{
    cashier_facilitate(t->cashier, &s->job, settle);
    return sale_wait(s);
}

/* ---- What there is ---- */

struct wallet_payment sale_record(struct till *t, const struct sale *s)
{
    struct wallet_payment p = {.version = 0};
    uint8_t key[32];
    enum rc rc;

    cashier_key(key, &s->payment, &s->offer);
    rc = wallet_payment_read(&p, t->f.book, key);
    assert_true(rc == RC_OK || rc == RC_NOT_FOUND);
    return p;
}

void sale_becomes(struct till *t, const struct sale *s, enum wallet_payment_state state,
                  bool closed)
{
    struct wallet_payment p = sale_record(t, s);

    for (unsigned i = 0; (p.state != state || p.closed != closed) && i < TURNS_MAX;
         i++) {
        (void)usleep(1000);
        p = sale_record(t, s);
    }
    assert_int_equal(p.state, state);
    assert_int_equal(p.closed, closed);
}

void sale_comes_to_be(struct till *t, const struct sale *s, uint64_t ms,
                      enum wallet_payment_state state, bool closed)
{
    struct wallet_payment p = sale_record(t, s);

    for (unsigned i = 0; (p.state != state || p.closed != closed) && i < STEPS_MAX;
         i++) {
        till_passes(t, ms);
        (void)usleep(1000);
        p = sale_record(t, s);
    }
    assert_int_equal(p.state, state);
    assert_int_equal(p.closed, closed);
}

struct money sale_credit(struct till *t, const struct sale *s)
{
    struct wallet_payment p = sale_record(t, s);

    return balance_of(&t->f, wallet_payer_id(p.payer));
}

void till_house(struct till *t, const char *receivable, const char *chain,
                const char *bad_debt)
{
    struct wallet_payment_house h;

    assert_int_equal(wallet_payment_house(&h, t->f.book), RC_OK);
    assert_usd(h.receivable, receivable);
    assert_usd(h.chain, chain);
    assert_usd(h.bad_debt, bad_debt);
}

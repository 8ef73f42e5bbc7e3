/* SPDX-License-Identifier: Apache-2.0 */
/* Takes payments in: one thread with a loop of its own that drives every payment from
 * its claim to its end, durably, and goes on with what an earlier process left. Request
 * loops ask it; it answers on its own thread, from where the asker posts to his loop.
 *
 * The states are those of wallet/payment.h. The order for one payment: claim (durable,
 * nobody else has it from here; upfront by our own node together with what is about to
 * be sent, so that what would not go through leaves nothing) -> upfront: send and wait
 * for the receipt -> the call holds, is served and captured by its request -> after:
 * send and wait -> close: what is left is credited. docs/settlement.md. Whatever breaks
 * in between is gone on with by the record: at the next start, or when the same payment
 * comes again. */
#ifndef GATEWAY_SETTLE_CASHIER_H
#define GATEWAY_SETTLE_CASHIER_H

#include "base/buf.h"
#include "base/inbox.h"
#include "gateway/config_payments.h"
#include "gateway/settle/signer.h"
#include "wallet/wallet.h"
#include "x402/x402.h"

struct cashier;

/* config is referenced. signer may be NULL when no network is builtin. Goes on with the
 * payments that are open, before it returns: those that were served by a process that
 * died are ended, the rest is sent on its own thread. */
MUST_CHECK enum rc cashier_open(struct cashier **out, struct wallet_book *b,
                                const struct config *config, struct signer *signer,
                                struct buf *faults);
/* Answers every job under way (UNKNOWN or DOWN), then ends the thread. NULL is fine. */
void cashier_close(struct cashier *c);
/* From now on nothing is waited for: jobs are answered at once. Any thread, any number
 * of times. */
void cashier_drain(struct cashier *c);

/* Whose signature settles upto there: part of what is offered. NULL: not builtin. */
const struct x402_address *cashier_settler(const struct cashier *c,
                                           const struct config_network *n);
/* Whether payments there can be taken now. Any thread. */
bool cashier_is_up(const struct cashier *c, const struct config_network *n);

/* The hash by which a payment is known. */
void cashier_key(uint8_t key[32], const struct x402_payment *p,
                 const struct x402_offer *offer);

enum cashier_answer {
    CASHIER_PAID,     /* upfront: it is ours: serve */
    CASHIER_GOOD,     /* after: it would go through now, and is claimed: serve */
    CASHIER_REFUSED,  /* definite: `reason`; nothing was taken */
    CASHIER_USED,     /* it has bought something before: look at wallet_once_look() */
    CASHIER_CREDITED, /* it is settled, and its value was credited to the payer */
    CASHIER_IN_USE,   /* another call is on it right now */
    CASHIER_PENDING,  /* sent, and nobody knows yet: come again with the same payment */
    CASHIER_DOWN,     /* the other side is not reachable; nothing was sent */
    CASHIER_OWING     /* this payer owes for an earlier call */
};

enum {
    CASHIER_REASON_SIZE = 72
};

struct cashier_job {
    /* in: copied by cashier_take(), but lent until done() */
    const struct config_network *network;
    const struct x402_payment *payment; /* checked, signature too */
    const struct x402_offer *offer;     /* that it was checked against */
    const char *method;                 /* "x402", "mpp" */
    bool after;
    bool is_own;      /* facilitate: we have signed it ourselves, under a nonce that is
                         nobody else's: whoever has sent it in has paid it */
    struct id target; /* a top-up: closed at once, credited there; at finish: of one
                         whose wallet was opened after it was settled */
    bool is_topup;
    uint8_t fingerprint[32];
    unsigned wait_ms;                    /* how long done() may be away */
    void (*done)(struct cashier_job *j); /* on the cashier's thread */

    /* out */
    enum cashier_answer answer;
    enum rc rc;         /* of the store, when it failed, or why DOWN; else RC_OK */
    const char *reason; /* with REFUSED: a code of x402, in `words`; else "" */
    struct wallet_payment payment_now; /* PAID by our own node: SETTLED, which the book
                                          hears with its end */
    /* finish: */
    struct money credited; /* to the payer (or target), and its balance then */
    struct money balance;

    /* finish, in */
    struct money amount; /* what the call cost: settled by `upto`; exact: all of it */
    bool served;

    /* private */
    struct cashier *cashier;
    struct inbox_message message;
    void *state;
    bool counted; /* as paid, by the metric */
    char words[CASHIER_REASON_SIZE];
};

/* Claims, and sends when upfront. After PAID or GOOD the payment is this caller's until
 * cashier_finish() with the same job, which must come. */
void cashier_take(struct cashier *c, struct cashier_job *j);
/* The call has ended and its money is captured or voided. upfront: closes. after: when
 * it was served, settles `amount` first, else releases. answer: PAID, REFUSED (bad
 * debt), PENDING (it goes on by itself), USED. */
void cashier_finish(struct cashier *c, struct cashier_job *j);

/* For others (the facilitator's endpoints): the same checks and the same sending, no
 * money in our book, a record of its own so that nothing is sent twice. `payment` and
 * `offer` as above; after and target do not count. settle = false: verify only. That it
 * is PAID is told once, restarts included: whoever served for each copy would serve
 * many times for one payment. Then USED, with the transaction in payment_now. */
void cashier_facilitate(struct cashier *c, struct cashier_job *j, bool settle);

#endif

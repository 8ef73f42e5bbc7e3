/* SPDX-License-Identifier: Apache-2.0 */
/* A call that is paid by an authorization sent with it: what x402 and MPP's evm/charge
 * have in common once it is read. The scheme says what was sent and which offer it
 * answers; here it is claimed and settled (gateway/settle/cashier.h), held, captured
 * and closed, in the order that the offer's flow asks for. */
#ifndef GATEWAY_PAY_CALL_H
#define GATEWAY_PAY_CALL_H

#include "gateway/offers.h"
#include "gateway/payment.h"
#include "gateway/request.h"
#include "gateway/settle/cashier.h"

enum pay_stage {
    PAY_CHECK, /* nothing has been done yet */
    PAY_TAKE,  /* with the cashier */
    PAY_OPEN,  /* of a top-up: settled, and its wallet is being opened */
    PAY_HOLD,  /* with the book */
    PAY_HELD,
    PAY_FINISH, /* captured or voided; with the cashier again */
    PAY_ENDED
};

struct pay_call {
    struct request *request;
    enum pay_stage stage;
    /* Filled by the scheme, checked with its signature: */
    const char *method; /* "x402", "mpp" */
    const struct config_network *network;
    struct x402_payment payment;
    struct x402_offer offer;
    uint64_t bound;           /* output tokens that a quote promised; 0: none */
    struct slice idempotency; /* the client's own name for the payment; may be absent */

    struct money value; /* what was signed, in USD, rounded down */
    struct cashier_job job;
    bool job_busy;
    bool known;      /* job.payment_now tells about the payment */
    enum rc hold_rc; /* why it could not be used, though it was taken */
    struct inbox_message message;
};

/* For struct payment's reserve: call again after every wake-up, once the scheme has
 * filled c. r->rc, r->fault and what is answered are set as reserve asks. */
enum step pay_call_reserve(struct request *r, struct pay_call *c);
/* For its settle. */
enum step pay_call_settle(struct request *r, struct pay_call *c);

/* What became of the payment, as far as it is known. false: nothing yet. */
bool pay_call_receipt(struct x402_receipt *out, struct request *r,
                      const struct pay_call *c);

/* A refusal with a code of ours and the reason in the words of x402 ("": none). */
enum rc pay_call_refuse(struct request *r, enum rc rc, const char *code,
                        const char *reason, const char *detail);
/* The reason of the last refusal; "" without one. */
const char *pay_call_reason(const struct request *r);

#endif

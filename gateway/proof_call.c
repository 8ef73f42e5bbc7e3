/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/proof_call.h"

#include "base/codec.h"
#include "base/secret.h"
#include "gateway/payment_hold.h"
#include "gateway/request_pay.h"

#include <stdio.h>
#include <string.h>

enum rc proof_call_payer(struct wallet_caller *out, struct wallet_book *b,
                         const struct x402_address *payer)
{
    char text[WALLET_PAYER_TEXT_SIZE] = "0x";

    hex_encode(text + 2, payer->bytes, X402_ADDRESS_LEN);
    return wallet_payer_caller(out, b, text);
}

static enum rc key_caller(struct wallet_caller *out, struct wallet_book *b,
                          const char *key_id)
{
    char text[WALLET_KEY_TEXT_LEN + 1];
    enum rc rc = wallet_key_text(text, b, slice_str(key_id));

    if (rc == RC_OK)
        rc = wallet_authenticate(out, b, slice_str(text));
    secret_wipe(text, sizeof(text));
    return rc;
}

static enum rc know_caller(struct request *r)
{
    const struct proof_call *p = r->pay_state;
    struct wallet_caller beside = r->caller;

    if (p->key_id[0] != '\0')
        return key_caller(&r->caller, r->worker->book, p->key_id);
    TRY(proof_call_payer(&r->caller, r->worker->book, &p->payer));
    /* A key beside the proof still says which models. */
    memcpy(r->caller.models, beside.models, sizeof(beside.models));
    return RC_OK;
}

/* The proof has been here before. The same request gets the same answer. */
static enum rc repeat(struct request *r)
{
    struct wallet_once_seen seen;

    TRY(wallet_once_look(&seen, r->worker->book, &r->once));
    if (seen.state == WALLET_ONCE_NEW)
        return RC_OK;
    if (seen.state == WALLET_ONCE_SERVING)
        return request_fault(r, RC_IDEM_IN_FLIGHT, NULL,
                             "A call with this signature is still running.");
    if (seen.same && seen.state == WALLET_ONCE_DONE &&
        request_replay(r, seen.cost, seen.request) == RC_OK)
        return RC_OK;
    r->fault.extra = SLICE_NONE;
    return request_fault(r, RC_USED, NULL,
                         "This signature has been used; sign a new one.");
}

static enum rc use(struct request *r, const struct proof_call *p)
{
    struct sha256_state s;

    TRY(sha256_start(&s));
    sha256_add(&s, SLICE("octroi proof 1|"));
    sha256_add(&s, slice_str(p->scheme));
    sha256_add(&s, SLICE("|"));
    sha256_add(&s, p->id);
    sha256_end(r->once.key, &s);
    r->once.present = true;
    r->once.expires_us = p->expires_us;
    return request_fingerprint(r->once.fingerprint, r);
}

static enum rc begin(struct request *r, const struct proof_call *p)
{
    const bool was_known = r->identified;
    enum rc rc;

    if (r->match.api->flags & API_TOPUP) /* a wallet does not top itself up */
        return RC_PAYMENT_REQUIRED;
    TRY(use(r, p));
    rc = know_caller(r);
    if (rc == RC_NOT_FOUND)
        return request_fault(r, RC_NO_FUNDS, NULL,
                             "Nothing has been credited to this address yet: what a "
                             "payment does not use is.");
    TRY(rc);
    r->identified = true;
    if (r->match.api->fit != NULL &&
        !wallet_model_allowed(&r->caller, r->quote.subject))
        return RC_MODEL_DENIED;
    if (!was_known)
        TRY(request_idempotency(r, SLICE_NONE));
    if (r->status == 0)
        TRY(repeat(r));
    if (r->status == 0 && r->slot == NULL)
        r->slot = answer_slot_new();
    return RC_OK;
}

enum step proof_call_reserve(struct request *r, struct proof_call *p)
{
    if (!p->begun) {
        p->begun = true;
        r->rc = begin(r, p);
        if (r->rc != RC_OK || r->status != 0)
            return STEP_ON;
    }
    if (payment_hold(r, know_caller) == STEP_WAIT)
        return STEP_WAIT;
    if (r->rc == RC_USED)
        r->rc = repeat(r);
    return STEP_ON;
}

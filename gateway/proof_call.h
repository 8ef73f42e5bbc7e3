/* SPDX-License-Identifier: Apache-2.0 */
/* A call that a wallet pays, though no API key came with it: a signature says whose it
 * is. That is MPP's zero-amount proof and sign-in-with-x, which spend what payments of
 * that address left behind, and MPP's ledger/charge, which spends the wallet of a key.
 * The scheme has read and checked the proof; here it is used up, together with the
 * hold, and what it pays is captured like any other call. */
#ifndef GATEWAY_PROOF_CALL_H
#define GATEWAY_PROOF_CALL_H

#include "gateway/payment.h"
#include "gateway/request.h"
#include "x402/x402.h"

/* Filled by the scheme; first in its r->pay_state. */
struct proof_call {
    const char *scheme; /* with id: what is used up */
    struct slice id;    /* unique to the proof, and made by us */
    uint64_t expires_us;
    /* Whose wallet: that of a key, or of an address. */
    char key_id[WALLET_KEY_ID_LEN + 1]; /* "": of the payer */
    struct x402_address payer;
    bool begun;
};

/* For struct payment's reserve: call again after every wake-up. RC_NO_FUNDS also for an
 * address that never paid here. Its settle is payment_capture(). */
enum step proof_call_reserve(struct request *r, struct proof_call *p);

/* The wallet of an address. RC_NOT_FOUND, RC_FROZEN. */
MUST_CHECK enum rc proof_call_payer(struct wallet_caller *out, struct wallet_book *b,
                                    const struct x402_address *payer);

#endif

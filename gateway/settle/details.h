/* SPDX-License-Identifier: Apache-2.0 */
/* What the cashier must know of a payment to go on with it after a restart, and its
 * bytes in the payment's record (wallet/payment.h: opaque there). All that was signed,
 * the offer it was checked against, what is to be settled, and what was sent. */
#ifndef GATEWAY_SETTLE_DETAILS_H
#define GATEWAY_SETTLE_DETAILS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "gateway/settle/cashier.h"
#include "gateway/settle/chain.h"
#include "wallet/wallet.h"
#include "x402/x402.h"

enum {
    DETAILS_REASON_SIZE = CASHIER_REASON_SIZE,
    DETAILS_TEXT_MAX = 255 /* bytes of a token's name, a URL.. */
};

struct details {
    /* Version, scheme, chain, method, what was signed, the signature, and the URL of
     * the resource. Nothing of what the client merely repeats but that. */
    struct x402_payment payment;
    struct x402_offer offer; /* without quote and raw */
    struct x402_u256 amount; /* to be settled, or was */
    struct chain_tx tx;
    uint64_t block; /* of the receipt; 0: none */
    uint8_t fingerprint[32];
    bool topup;                       /* closed at once when it is settled */
    bool facilitated;                 /* for others */
    bool own;                         /* ..who is nobody but us: a payout */
    bool told;                        /* ..and one of them was told that it is paid */
    bool dead;                        /* nobody could end it, and the log has said so */
    char reason[DETAILS_REASON_SIZE]; /* why it failed; "" */
};

/* Exactly one encoding for each value. RC_TOO_BIG: a text over DETAILS_TEXT_MAX, or a
 * signature that does not fit. RC_BAD_INPUT: a payment and an offer that do not go
 * together by method and scheme. */
MUST_CHECK enum rc details_encode(uint8_t out[WALLET_PAYMENT_DETAILS_MAX],
                                  uint16_t *len, const struct details *d);
/* Slices point into `bytes`. RC_CORRUPT: not what details_encode() writes. */
MUST_CHECK enum rc details_decode(struct details *out, struct slice bytes);

/* Whether both sign the same, whatever their signatures look like: the same authority,
 * amount, window and receiver. */
bool details_same(const struct x402_payment *a, const struct x402_payment *b);

#endif

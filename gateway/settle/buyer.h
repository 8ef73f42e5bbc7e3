/* SPDX-License-Identifier: Apache-2.0 */
/* Paying another seller, the pure part: of a 402 the cheapest offer that we may take,
 * the payment for it (the signer signs it), the header that carries it, and what the
 * receipt says. No I/O, no clock. Who asks, books and signs: purchase.h.
 *
 * A 402 may ask in three ways at once: x402 version 2 (PAYMENT-REQUIRED), version 1
 * (its body), MPP evm/charge (WWW-Authenticate). Nothing of it is trusted:
 *
 * - a token is known by chain and address alone, from the table of x402/network.h or
 *   from payments.networks; its decimals and its EIP-712 domain are ours, and an offer
 *   that tells others is left out. So are symbols, which are not even read;
 * - chains and tokens must be on the allow-lists of config_buyer;
 * - an offer that names another host than was asked (x402: resource; MPP: a realm that
 *   is a host name) is left out: it would be somebody else's, passed on;
 * - the window of a payment is ours too: BUYER_WINDOW_S at most; that of a challenge,
 *   which MPP binds, is left out when it is longer than BUYER_CHALLENGE_S;
 * - what is malformed in one way does not hide the other two.
 *
 * `exact` by EIP-3009 comes before everything else at any price within the cap; `upto`
 * and Permit2, which need an allowance on the chain, are taken when there is nothing
 * else. Of equals: the cheapest; then the one that is settled after the work; then x402
 * version 2, MPP, version 1. */
#ifndef GATEWAY_SETTLE_BUYER_H
#define GATEWAY_SETTLE_BUYER_H

#include "base/arena.h"
#include "gateway/config_payments.h"
#include "gateway/server.h" /* struct http_header */
#include "x402/x402.h"

enum {
    BUYER_WINDOW_S = 600, /* how long a payment may be settled */
    BUYER_CHALLENGE_S = 3600,
    BUYER_BODY_MAX = 65536, /* of a 402: what is longer has no offer */
    BUYER_REFERENCE_SIZE = 72
};

enum buyer_way {
    BUYER_X402_V2,
    BUYER_MPP,
    BUYER_X402_V1
};

/* A 402 as it came. Headers and body must outlive the deal. */
struct buyer_asked {
    const struct http_header *headers;
    size_t header_count;
    struct slice body;
};

struct buyer_terms {
    const struct config_payments *payments;
    struct money max;  /* for this one; max_per_payment holds beside it */
    struct slice url;  /* that was asked */
    struct slice body; /* that was sent */
    uint64_t now_us;
};

/* An offer that is taken. */
struct buyer_deal {
    enum buyer_way way;
    struct x402_offer offer;        /* with our domain and window */
    struct x402_required required;  /* x402: what it stood in, echoed */
    struct mpp_challenge challenge; /* MPP */
    struct money amount;            /* what we may lose: rounded up */
    struct x402_payment payment;    /* by buyer_pay() */
};

/* RC_NOT_FOUND: nothing in it that we can pay. RC_LIMIT: there is, but it costs more
 * than max; out->amount says how much at least. RC_NOMEM. */
MUST_CHECK enum rc buyer_choose(struct buyer_deal *out, const struct buyer_asked *asked,
                                const struct buyer_terms *t, struct arena *a);
/* The payment, unsigned: with a random nonce, or one bound to the challenge (MPP).
 * RC_BAD_INPUT: cannot be, after buyer_choose(). */
MUST_CHECK enum rc buyer_pay(struct buyer_deal *d, const struct x402_address *payer,
                             uint64_t now_us);
/* The header that carries the payment, when it is signed. RC_TOO_BIG. */
MUST_CHECK enum rc buyer_print(struct http_header *out, const struct buyer_deal *d,
                               struct arena *a);

/* What the seller says became of it. Its word: it may be false. */
struct buyer_receipt {
    bool present; /* and well formed */
    bool success;
    char reference[BUYER_REFERENCE_SIZE]; /* a transaction's hash; "" */
    char reason[64];                      /* of a failure, a code; "" */
};

void buyer_receipt(struct buyer_receipt *out, const struct buyer_deal *d,
                   const struct http_header *headers, size_t count, struct arena *a);

/* "api.example" of "https://api.example:8443/x"; an IPv6 address without brackets.
 * SLICE_NONE: not an absolute URL. */
struct slice buyer_host(struct slice url);
/* The names of headers that carry payments and receipts: never copied between the two
 * sides of the gateway. */
bool buyer_is_payment_header(struct slice name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a call is offered for, to those who pay in the call: one price in USD becomes
 * one offer for each network and scheme. All of it is derived from the request and the
 * configuration, so that a 402 keeps no state and the paid call derives it again.
 *
 * A flat call has one price. A model call has two: `upto` asks for its worst case and
 * settles what it really cost; `exact` asks for that as well, but for no more than
 * max_quote (clients cap what they sign without asking), and then buys as much output
 * as that pays for. */
#ifndef GATEWAY_OFFERS_H
#define GATEWAY_OFFERS_H

#include "gateway/config_payments.h"
#include "gateway/request.h"
#include "x402/x402.h"

enum {
    OFFERS_MAX = 3 * CONFIG_NETWORKS_MAX,
    OFFERS_TIMEOUT_S = 300 /* of what is signed, and of a quote */
};

struct offer_price {
    bool exact_fits;    /* false: the prompt alone is more than max_quote */
    struct money exact; /* for the next member */
    uint64_t bound;     /* output tokens of each choice; 0: as the request has it */
    struct money upto;
};

/* After plan(). RC_OVERFLOW. */
void offers_price(struct offer_price *out, struct request *r);

/* The offers for x402, `exact` first. Returns how many. */
size_t offers_list(struct x402_offer out[OFFERS_MAX], struct request *r,
                   const struct offer_price *price);
/* One of them, for an amount of USD that is rounded up to the token's. */
enum rc offers_one(struct x402_offer *out, struct request *r,
                   const struct config_network *n, enum x402_scheme scheme,
                   enum x402_method method, struct money amount);
/* What is sold, for people and for both versions of x402. */
void offers_resource(struct x402_resource *out, struct request *r,
                     const struct offer_price *price);

/* A quote binds an offer's amount to this request for 300 s: echoed, the payment is
 * taken at its price though prices have changed. RC_BAD_INPUT: not ours, for another
 * call, or too old. */
enum rc offers_quote_print(struct slice *out, struct request *r,
                           const struct x402_offer *offer, uint64_t bound);
enum rc offers_quote_read(uint64_t *bound, struct request *r,
                          const struct x402_offer *offer, struct slice quote);

/* "https://toll.example" as configured, or as the Host header says if that is a literal
 * loopback name; "" otherwise. Who signs in signs for this name: it must not be taken
 * from a stranger's header. */
const char *offers_origin(struct request *r);
/* The same for addresses of resources, which prove nothing: any Host will do. */
const char *offers_url(struct request *r, struct slice path, struct slice query);

#endif

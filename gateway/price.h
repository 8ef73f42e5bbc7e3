/* SPDX-License-Identifier: Apache-2.0 */
/* From counts to money: the worst case before a call, the exact cost after it. Every
 * line item (input, cached input, .., output, reasoning, .., searches, the fee of the
 * call; of the prompt's and of the answer's, what has the same rate is one line) is one
 * 128-bit product with the markup inside and is rounded once, up (base/money.h). What
 * counts when is told in docs/prices.md. */
#ifndef GATEWAY_PRICE_H
#define GATEWAY_PRICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "base/rc.h"
#include "gateway/config.h"
#include "gateway/usage.h"

/* ---- Which price ---- */

/* Of a model for a call that begins now. NULL: none yet, or none at all. As long as the
 * snapshot that m is in. */
const struct config_price *price_at(const struct config_model *m, uint64_t wall_us);

/* The rates of a tier for a prompt of so many tokens, whatever kind they are. A tier
 * without rates of its own has the standard ones; one that has none for such a long
 * prompt has of its own and the standard ones the dearer, one by one. */
void price_rates_at(struct price_rates *out, const struct config_price *p,
                    enum usage_tier tier, uint64_t prompt_tokens);

/* The next threshold behind `above` for which there are rates; 0: none. */
uint64_t price_next_step(const struct config_price *p, uint64_t above);

/* ---- What it comes to ---- */

struct price_bounds {
    uint64_t prompt;          /* tokens: price_prompt_bound() */
    uint64_t choices, output; /* tokens of each choice */
    uint64_t searches;        /* that the vendor may run */
    unsigned tiers;           /* 1u << enum usage_tier: what may be served; 0: any */
};

/* Law 7: no usage within the bounds costs more. The prompt is priced at the dearest
 * rate of any kind of input that can count in one of the tiers for a prompt up to the
 * bound; the output likewise. RC_OVERFLOW: more than an amount can hold. */
MUST_CHECK enum rc price_bound(struct money *out, const struct config_price *p,
                               const struct price_bounds *b);
/* Of a model's price in any tier, and without searches. */
MUST_CHECK enum rc price_worst(struct money *out, const struct config_model *m,
                               uint64_t prompt_bound, uint64_t choices,
                               uint64_t output_bound);
/* body_bytes / 2 plus `references` times the configured tokens, at most the model's
 * context. */
uint64_t price_prompt_bound(const struct config_model *m, uint64_t body_bytes,
                            uint64_t references, uint64_t reference_tokens);
/* The tiers that may be served to who asks with this `service_tier`: its text, or
 * SLICE_NONE for a request without one, which leaves it to the vendor's settings. */
unsigned price_tiers(struct slice service_tier);
/* The tier that it names; standard where it leaves that to the vendor. For an answer
 * that broke off before it said what was served. */
enum usage_tier price_tier_asked(struct slice service_tier);

/* Whether this price has rates for a dearer service that a request asks for. If not, it
 * would be sold below cost. */
bool price_sells(const struct config_price *p, struct slice service_tier);

/* The true cost, by the tier that the reply names. Of a usage without any count: zero.
 * RC_OVERFLOW. */
MUST_CHECK enum rc price_exact(struct money *out, const struct config_price *p,
                               const struct usage *u);

/* ---- Making one ---- */

/* What a search costs where a price does not say: the dearest that is known. */
struct money price_search_default(void);

const char *price_rate_name(enum price_rate rate);       /* "cached_input" */
const char *price_tier_name(enum usage_tier tier);       /* "batch" */
const char *price_source_name(enum price_source source); /* "config" */

/* Sets the rates that are not `given` (1u << enum price_rate; input and output are)
 * from those that are: never less than a vendor is known to take for them. */
void price_fill(struct price_rates *r, unsigned given);
/* The same for a band of this base: what it does not say is as much dearer than in the
 * base as its input or output is, and never cheaper. */
void price_fill_band(struct price_rates *r, unsigned given,
                     const struct price_rates *base, unsigned base_given);
/* Call last: sets the version. */
void price_seal(struct config_price *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* From counts to money: the worst case before a call, the exact cost after it. Every
 * line item (uncached input, cached input, cache write, output) is one 128-bit product
 * with the markup inside and is rounded once, up (base/money.h). */
#ifndef GATEWAY_PRICE_H
#define GATEWAY_PRICE_H

#include <stdint.h>

#include "base/money.h"
#include "base/rc.h"
#include "gateway/config.h"
#include "gateway/usage.h"

/* Law 7. prompt: body_bytes / 2 plus `references` times the configured tokens, at most
 * the model's context; priced at the dearest input price. output: choices *
 * output_bound. RC_OVERFLOW: more than an amount can hold. */
MUST_CHECK enum rc price_worst(struct money *out, const struct config_model *m,
                               uint64_t prompt_bound, uint64_t choices,
                               uint64_t output_bound);
uint64_t price_prompt_bound(const struct config_model *m, uint64_t body_bytes,
                            uint64_t references, uint64_t reference_tokens);

/* The true cost. RC_OVERFLOW. */
MUST_CHECK enum rc price_exact(struct money *out, const struct config_price *p,
                               const struct usage *u);

#endif

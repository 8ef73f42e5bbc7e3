/* SPDX-License-Identifier: Apache-2.0 */
/* What a model call used, in one normal form for all vendors: disjoint counts, so that
 * a price is a plain sum. Each adapter turns its vendor's arithmetic into this form
 * (some count cached tokens inside the prompt, some beside it; the same for reasoning).
 */
#ifndef GATEWAY_USAGE_H
#define GATEWAY_USAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/money.h"
#include "base/rc.h"
#include "base/slice.h"

/* The service tier that the vendor says it served, which may not be what was asked. */
enum usage_tier {
    USAGE_STANDARD,
    USAGE_BATCH,
    USAGE_FLEX,
    USAGE_PRIORITY
};

/* Every token is in exactly one of the in_ or out_ counts. */
struct usage {
    bool known;     /* the upstream said it */
    bool estimated; /* we computed it from bytes */
    enum usage_tier tier;
    uint64_t in_uncached; /* text, and whatever no other count has */
    uint64_t in_cache_read;
    uint64_t in_cache_write; /* for five minutes, or the vendor does not say */
    uint64_t in_cache_write_1h;
    uint64_t in_audio;
    uint64_t in_image;
    uint64_t out_text; /* everything that was put out, but for the following */
    uint64_t out_reasoning;
    uint64_t out_audio;
    uint64_t out_image;
    uint64_t web_searches; /* that the vendor ran */
    bool has_reported_cost;
    struct money reported_cost; /* what the vendor says that it charges */
};

enum {
    USAGE_TOKENS_MAX = 1u << 31
}; /* a larger count is a vendor's fault: not used */

/* Reads a `usage` object of the OpenAI chat, completions or embeddings form (cached and
 * reasoning tokens are parts of prompt and completion). Contradictory, negative, huge
 * or mistyped counts: RC_BAD_INPUT and *out untouched. json is the object's raw text,
 * which the guard has passed. */
MUST_CHECK enum rc usage_from_openai(struct usage *out, struct slice json);
/* The same of the Responses form (input_tokens, output_tokens). */
MUST_CHECK enum rc usage_from_responses(struct usage *out, struct slice json);

/* Where the upstream said nothing: one token for four bytes, rounded up, of what was
 * sent to it and of what came from it, but not less than one token for each piece that
 * came. */
struct usage usage_estimate(uint64_t prompt_bytes, uint64_t output_bytes,
                            uint64_t output_pieces);

uint64_t usage_prompt(const struct usage *u);
uint64_t usage_completion(const struct usage *u);

#endif

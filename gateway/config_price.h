/* SPDX-License-Identifier: Apache-2.0 */
/* The price of a model as the configuration holds it: a rate for every kind of token
 * that gateway/usage.h counts, other rates for other service tiers and for long
 * prompts, and fees for each search and call. What is not said is filled in when a
 * price is read (price_fill()), so that here every rate counts as it stands.
 * docs/prices.md has the rules. */
#ifndef GATEWAY_CONFIG_PRICE_H
#define GATEWAY_CONFIG_PRICE_H

#include <stddef.h>
#include <stdint.h>

#include "base/money.h"
#include "gateway/usage.h"

/* Those of the prompt come first. */
enum price_rate {
    PRICE_INPUT,
    PRICE_CACHED_INPUT,
    PRICE_CACHE_WRITE,
    PRICE_CACHE_WRITE_1H,
    PRICE_AUDIO_INPUT,
    PRICE_IMAGE_INPUT,
    PRICE_OUTPUT,
    PRICE_REASONING_OUTPUT,
    PRICE_AUDIO_OUTPUT,
    PRICE_IMAGE_OUTPUT
};

enum {
    PRICE_INPUT_COUNT = PRICE_OUTPUT,
    PRICE_RATE_COUNT = PRICE_IMAGE_OUTPUT + 1,
    PRICE_TIER_COUNT = USAGE_PRIORITY + 1,
    PRICE_STEPS_MAX = 4, /* lengths of prompts from which on other rates count */
    PRICE_BANDS_MAX = PRICE_TIER_COUNT * (PRICE_STEPS_MAX + 1) - 1
};

/* USD per million tokens, by enum price_rate. */
struct price_rates {
    struct money of[PRICE_RATE_COUNT];
};

/* What counts in this tier for prompts of more than above_tokens. */
struct price_band {
    enum usage_tier tier;
    uint64_t above_tokens; /* 0: of any length */
    struct price_rates rates;
};

/* Whose word a price is; a lower one stands over those behind it. */
enum price_source {
    PRICE_BY_CONFIG,
    PRICE_BY_OVERRIDE,  /* octroi price set */
    PRICE_BY_CATALOG,   /* the file that `catalog` names */
    PRICE_BY_DISCOVERY, /* the provider says so */
    PRICE_BY_BUILTIN    /* gateway/catalog.def */
};

struct config_price {
    struct price_rates base; /* standard tier, any prompt */
    size_t band_count;
    const struct price_band *bands; /* sorted by tier, then above_tokens; each once */
    struct money web_search;        /* USD each: a search that the vendor ran */
    struct money request;           /* USD for a call that used anything */
    uint32_t markup_ppm;
    char version[24]; /* digits of a digest over this price: names it in the books */
    enum price_source source;
    uint64_t from_us;                /* wall clock; 0: since ever */
    const struct config_price *next; /* counts from next->from_us on; NULL: none */
};

#endif

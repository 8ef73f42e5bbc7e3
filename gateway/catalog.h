/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the models of the large vendors: list prices and limits, as facts of
 * a day that catalog.def names. A default for what the configuration leaves open; never
 * a reason to charge less than the configuration says. */
#ifndef GATEWAY_CATALOG_H
#define GATEWAY_CATALOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "gateway/config.h"

struct catalog_model {
    const char *provider; /* a provider's kind, or its vendor */
    const char *model;
    /* USD per million tokens; NULL: as the input */
    const char *input, *cached_input, *cache_write, *output;
    uint32_t context_tokens, max_output_tokens; /* 0: unknown */
    uint32_t dearer_above; /* prompts of more tokens cost more than this; 0: none do */
};

/* NULL: not known. */
const struct catalog_model *catalog_find(struct slice provider, struct slice model);
/* All, in the order of provider and model; NULL at the end. */
const struct catalog_model *catalog_at(size_t index);

/* Fills in the four amounts. */
void catalog_price(struct config_price *out, const struct catalog_model *m);

#endif

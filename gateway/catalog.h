/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of the models of the large vendors: list prices and limits, as facts of
 * a day that catalog.def names. A default for what the configuration leaves open; never
 * a reason to charge less than the configuration says. */
#ifndef GATEWAY_CATALOG_H
#define GATEWAY_CATALOG_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

/* What a model can do, as bits of config_model.caps and of catalog_model.caps. The
 * names of `capabilities` in the configuration are these in small letters. */
enum {
    MODEL_CAP_TOOLS = 1u << 0,
    MODEL_CAP_PARALLEL_TOOLS = 1u << 1,
    MODEL_CAP_TOOL_CHOICE = 1u << 2,
    MODEL_CAP_JSON_SCHEMA = 1u << 3,
    MODEL_CAP_VISION = 1u << 4,
    MODEL_CAP_PDF = 1u << 5,
    MODEL_CAP_AUDIO_IN = 1u << 6,
    MODEL_CAP_AUDIO_OUT = 1u << 7,
    MODEL_CAP_VIDEO_IN = 1u << 8,
    MODEL_CAP_REASONING = 1u << 9,
    MODEL_CAP_PROMPT_CACHE = 1u << 10,
    MODEL_CAP_WEB_SEARCH = 1u << 11, /* run by the vendor */
    MODEL_CAP_COMPUTER_USE = 1u << 12,
    MODEL_CAP_PREFILL = 1u << 13,     /* the last message may be the assistant's */
    MODEL_CAP_NO_SAMPLING = 1u << 14, /* temperature, top_p and top_k are refused */
    MODEL_CAP_COUNT = 15
};

/* By which of its vendor's faces a model is served. */
enum {
    MODEL_BY_CHAT = 1u << 0,
    MODEL_BY_RESPONSES = 1u << 1,
    MODEL_BY_COMPLETIONS = 1u << 2,
    MODEL_BY_EMBEDDINGS = 1u << 3,
    MODEL_BY_COUNT = 4
};

struct catalog_model {
    const char *provider; /* a provider's kind, or its vendor */
    const char *model;
    const char *price; /* in the form of `price` in the configuration */
    uint32_t context_tokens, max_output_tokens; /* 0: unknown */
    unsigned caps;                              /* MODEL_CAP_*; 0: unknown */
    unsigned endpoints;                         /* MODEL_BY_*; 0: unknown */
};

/* NULL: not known. */
const struct catalog_model *catalog_find(struct slice provider, struct slice model);
/* All, in the order of provider and model; NULL at the end. */
const struct catalog_model *catalog_at(size_t index);

/* "tools", "vision", ..: of the bit 1u << index; NULL behind the last. */
const char *catalog_cap_name(unsigned index);

/* "chat", "responses", ..: of MODEL_BY_*, likewise. */
const char *catalog_endpoint_name(unsigned index);

#endif

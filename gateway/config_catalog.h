/* SPDX-License-Identifier: Apache-2.0 */
/* Prices that stand elsewhere than in the configuration: the file that `catalog` names,
 * and what `octroi price set` keeps in the data folder (PRICES_FILE). Both are lists of
 * rows, in a form that docs/prices.md describes. Inside of gateway/config*.c. */
#ifndef GATEWAY_CONFIG_CATALOG_H
#define GATEWAY_CONFIG_CATALOG_H

#include "gateway/catalog.h"
#include "gateway/config_int.h"

enum {
    CONFIG__ROWS_MAX = 32 /* of one model: prices of different dates */
};

struct config_row {
    const char *provider; /* NULL: model is a name of ours */
    const char *model;
    uint64_t from_us; /* wall clock; 0: since ever */
    bool priced;
    struct config_price price;                  /* without markup and version */
    uint32_t context_tokens, max_output_tokens; /* 0: not said */
    bool caps_known;
    unsigned caps, endpoints;
};

/* Sorted by provider, model and from_us. */
struct config_rows {
    size_t count;
    struct config_row *rows;
    bool whole; /* the built-in catalogue does not count beside it */
};

/* What of a file's rows is required: in a catalogue the provider, in overrides the
 * price. */
enum config__rows_of {
    CONFIG__CATALOG,
    CONFIG__OVERRIDES
};

/* Reads what is in conf into the arena of r; its faults become faults of r. */
void config__read_rows(struct config_rows *out, struct config__reader *r,
                       struct conf *conf, enum config__rows_of kind);
/* The rows of one model: *count of them, maybe none. */
const struct config_row *config__find_rows(size_t *count,
                                           const struct config_rows *rows,
                                           struct slice provider, struct slice model);
/* The built-in row as one of these. false: unknown. */
bool config__builtin_row(struct config_row *out, struct config__reader *r,
                         struct slice provider, struct slice model);

#endif

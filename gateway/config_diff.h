/* SPDX-License-Identifier: Apache-2.0 */
/* Files of prices, looked at before they are used: whether one can be read, and what
 * another catalogue would change. */
#ifndef GATEWAY_CONFIG_DIFF_H
#define GATEWAY_CONFIG_DIFF_H

#include "base/buf.h"
#include "gateway/config.h"

/* Whether DATA_DIR/prices.json may hold this text. RC_BAD_INPUT: its faults, a line
 * each that begins with path, are in `faults`. RC_NOMEM. */
MUST_CHECK enum rc config_price_check(struct slice text, const char *path,
                                      struct buf *faults);

/* Compares the catalogue that c uses with the one that it would use if `catalog` named
 * the file at path, each as it stands at that time. Writes {"items":[..],"next":null}
 * as JSON: one item for each model that is added or removed, and for each rate that is
 * dearer or cheaper, in the order of provider and model. RC_NOT_FOUND: no such file;
 * RC_BAD_INPUT: its faults, a line each, are in `faults`. RC_IO, RC_NOMEM. */
MUST_CHECK enum rc config_price_diff(struct buf *json, const struct config *c,
                                     const char *path, uint64_t wall_us,
                                     struct buf *faults);

#endif

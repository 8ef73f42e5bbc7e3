/* SPDX-License-Identifier: Apache-2.0 */
/* In which order a model's targets are tried. They are a chain; neighbours that have a
 * weight share the load: one of them is drawn by weight and goes first, the others of
 * the group follow it. */
#ifndef GATEWAY_SELECT_H
#define GATEWAY_SELECT_H

#include <stddef.h>
#include <stdint.h>

#include "gateway/config.h"

enum {
    SELECT_TARGETS_MAX = 16
}; /* of one model; the configuration refuses more */

/* Fills order with the indexes of m's targets; returns how many. draw: any number,
 * spread evenly over calls. */
size_t select_targets(uint8_t order[SELECT_TARGETS_MAX], const struct config_model *m,
                      uint64_t draw);

#endif

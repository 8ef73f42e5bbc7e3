/* SPDX-License-Identifier: Apache-2.0 */
/* A schema for Claude where it is held to one (output_config.format, strict tools):
 * there every object must be closed, and bounds, most formats and `oneOf` are refused.
 */
#ifndef GATEWAY_WIRES_CLOSED_SCHEMA_H
#define GATEWAY_WIRES_CLOSED_SCHEMA_H

#include "base/arena.h"
#include "base/json_guard.h"
#include "base/rc.h"
#include "gateway/losses.h"

/* *out: the schema without what is refused, in a. What is left out is lost by the name
 * of its keyword ("minLength"), but for bounds that only say "an integer". raw has
 * passed the guard. RC_NOMEM. */
MUST_CHECK enum rc closed_schema(struct slice *out, struct slice raw,
                                 struct losses *lost, struct arena *a);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of all wires share: the members of guarded objects by name, found in
 * one walk over each object, and raw values looked at without a copy. */
#ifndef GATEWAY_WIRES_JSON_BODY_H
#define GATEWAY_WIRES_JSON_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json_guard.h"

/* Which of `names` a raw key (with quotes, maybe escapes) is; count: none. */
size_t json_body_index(struct slice key, const char *const *names, size_t count);

/* values[i] becomes the raw value of the member names[i]; SLICE_NONE: it is absent, or
 * object is none. Members with null count as absent. */
void json_body_pick(struct slice *values, const char *const *names, size_t count,
                    struct slice object);

/* Whether a raw value is a string that reads `text`. */
bool json_body_is(struct slice raw, const char *text);

#endif

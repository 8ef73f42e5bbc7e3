/* SPDX-License-Identifier: Apache-2.0 */
/* Free text on its way between two JSON texts: it stays the JSON string that it was, so
 * that a translation copies bytes instead of unescaping and escaping them. */
#ifndef GATEWAY_QUOTED_H
#define GATEWAY_QUOTED_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"

/* A JSON string as it stands in a JSON text, quotes and escapes included. A type of its
 * own, so that it is not taken for plain text. json.len 0: absent. */
struct quoted {
    struct slice json;
};

/* NULL bytes when the arena is spent. */
struct quoted quoted_from(struct slice plain, struct arena *a);
/* The plain text. RC_NOMEM. */
MUST_CHECK enum rc quoted_open(struct slice *out, struct quoted q, struct arena *a);
/* The characters between the quotes, escapes as they are. */
struct slice quoted_inside(struct quoted q);
bool quoted_is_empty(struct quoted q); /* absent, or "" */
/* Appends q's inside to out: for joining several into one JSON string. */
void quoted_append(struct buf *out, struct quoted q);

#endif

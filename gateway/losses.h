/* SPDX-License-Identifier: Apache-2.0 */
/* What of a request the chosen provider has no place for, by the client's names. It is
 * never left out silently: a header tells the client, or the call is refused. */
#ifndef GATEWAY_LOSSES_H
#define GATEWAY_LOSSES_H

#include <stddef.h>

#include "base/buf.h"

enum {
    LOSSES_MAX = 32 /* more are counted as the last */
};

struct losses {
    size_t count;
    const char *names[LOSSES_MAX]; /* static, or of the arena; without doubles */
};

void losses_add(struct losses *l, const char *name);
/* "seed, logit_bias": at most 512 bytes, then "and more"; at most 64 of a name, and '?'
 * for what a header may not have. */
void losses_print(struct buf *out, const struct losses *l);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": of the names that are known, the one that a mistyped word most likely
 * stands for. Counts letters put in, left out, changed, or swapped with the next; at
 * most two, or a third of the word if that is more. No dictionary, no allocation. */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

#include "base/slice.h"

struct nearest {
    struct slice word;
    const char *name; /* the nearest so far; NULL: none is near enough */
    size_t distance;  /* what the next one must stay below */
};

void nearest_start(struct nearest *n, struct slice word); /* borrows word */
void nearest_offer(struct nearest *n, const char *name);  /* borrows name */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets at rest in memory: kept apart from everything else in pages that are locked,
 * left out of core files and wiped on fork, and wiped when freed. A struct secret
 * prints as "***" wherever a log or a config printer meets it; only secret_open() shows
 * it. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

#include "base/slice.h"

struct secret; /* opaque, immutable, reference counted; any thread */

/* Copies; the caller wipes its own copy. RC_NOMEM, RC_TOO_BIG (over 64 KiB). */
MUST_CHECK enum rc secret_new(struct secret **out, struct slice bytes);
struct secret *secret_ref(struct secret *s);
void secret_unref(struct secret *s); /* NULL is fine; the last one wipes */

/* Valid while a reference is held. Not NUL-terminated by contract. NULL: SLICE_NONE. */
struct slice secret_open(const struct secret *s);

/* Zeroes memory in a way that the compiler keeps. */
void secret_wipe(void *bytes, size_t len);

#endif

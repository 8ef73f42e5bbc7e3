/* SPDX-License-Identifier: Apache-2.0 */
/* Files named by the SHA-256 of what they hold, in one folder: "ab/cdef..". Written
 * beside their place, flushed, renamed; so a name that is there is whole. Any thread.
 */
#ifndef SKILLS_BLOBS_H
#define SKILLS_BLOBS_H

#include <stdint.h>

#include "base/rc.h"
#include "base/slice.h"

struct blobs;

/* Makes the folder (0700) if it is not there. RC_IO, RC_FORBIDDEN. */
MUST_CHECK enum rc blobs_open(struct blobs **out, const char *dir);
void blobs_close(struct blobs *b); /* NULL is fine */
/* Waits: durable when it returns. Writing what is there costs a look. RC_FULL. */
MUST_CHECK enum rc blobs_put(uint8_t sha256[32], struct blobs *b, struct slice bytes);
/* An open file and its length; the caller closes it. RC_NOT_FOUND. */
MUST_CHECK enum rc blobs_file(int *fd, uint64_t *len, struct blobs *b,
                              const uint8_t sha256[32]);
/* All of it, and its hash is looked at: RC_CORRUPT. Waits. The caller frees *bytes. */
MUST_CHECK enum rc blobs_get(char **bytes, uint64_t *len, struct blobs *b,
                             const uint8_t sha256[32], uint64_t max);
/* Waits. Those that were written before `before_us` (wall clock of the file) and that
 * needed() does not know. */
MUST_CHECK enum rc blobs_sweep(struct blobs *b, uint64_t before_us,
                               bool (*needed)(void *arg, const uint8_t sha256[32]),
                               void *arg, unsigned *removed);
/* Waits. Writes every file to another folder, each looked at by its hash on the way:
 * RC_CORRUPT. What is put meanwhile may be there or not. */
MUST_CHECK enum rc blobs_copy(struct blobs *to, struct blobs *from);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that appear all at once or not at all. */
#ifndef CLI_FILES_H
#define CLI_FILES_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/slice.h"

/* Appends name to dir in out. RC_TOO_BIG. */
MUST_CHECK enum rc files_join(char *out, size_t size, const char *dir,
                              const char *name);
/* The path made absolute, without touching the disk. RC_TOO_BIG, RC_IO. */
MUST_CHECK enum rc files_absolute(char *out, size_t size, const char *path);
/* mkdir -p; RC_OK too if it is there. RC_IO: errno. */
MUST_CHECK enum rc files_make_folder(const char *path);
/* Writes under a temporary name beside it, flushes, and gives it its name. replace
 * false: RC_EXISTS if there is one. RC_IO: errno. */
MUST_CHECK enum rc files_write(const char *path, struct slice bytes, mode_t mode,
                               bool replace);
/* A new random token (256 bits, 43 characters) in a file of mode 0600, unless there is
 * one. */
MUST_CHECK enum rc files_make_token(const char *path);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The files of tests/recorded (INDEX.md there). Paths are relative to it. Whatever is
 * missing fails the test that asked. */
#ifndef TESTS_RECORDINGS_H
#define TESTS_RECORDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

/* A whole file, with a NUL behind it; free(). */
char *recording_read(size_t *len, const char *path);
bool recording_exists(const char *path);

/* Calls each() with the path of everything in the folder whose name ends so ("": all),
 * in the order of their names. How many there were; none fails the test. */
typedef void recording_fn(void *arg, const char *path);
size_t recordings_each(const char *folder, const char *end, recording_fn *each,
                       void *arg);

#endif

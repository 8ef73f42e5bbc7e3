/* SPDX-License-Identifier: Apache-2.0 */
/* Raw request paths: never decoded before they are matched, so that what was matched is
 * what is sent on. */
#ifndef GATEWAY_PATH_H
#define GATEWAY_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/rc.h"
#include "base/slice.h"

/* RC_BAD_INPUT unless path begins with "/", has only well-formed percent escapes, no
 * NUL
 * (%00) or other control byte, encoded or not, no empty segment but a last one, and no
 * dot segment, encoded or not. strict: no encoded slash or backslash (%2f, %5c) and no
 * backslash either. */
MUST_CHECK enum rc path_check(struct slice path, bool strict);

/* Whether path fits the template "/a/{x}/b/{rest*}"; params get the raw pieces, in
 * order. {x}: one segment that is not empty; {x*}: the rest, which may be empty;
 * {x*}:verb: a rest that is not empty, and the verb. */
bool path_match(struct slice params[], size_t count, const char *pattern,
                struct slice path);

/* The value of the first query parameter of that name, raw; SLICE_NONE: there is none.
 */
struct slice path_query_value(struct slice query, const char *name);
/* The same for people's words: decoded, "+" being a space. SLICE_NONE when it is absent
 * or empty. RC_BAD_INPUT, RC_NOMEM as path_decode(). */
MUST_CHECK enum rc path_query_text(struct slice *out, struct slice query,
                                   const char *name, struct arena *a);

/* %XX undone. RC_BAD_INPUT. */
MUST_CHECK enum rc path_decode(struct slice *out, struct slice raw, struct arena *a);

#endif

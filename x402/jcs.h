/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical JSON (RFC 8785) of what payment protocols sign and bind: objects, arrays,
 * strings, integers and booleans. Not the rest of it: null, fractions, exponents and
 * integers that a double cannot hold have canonical forms too, but nothing that is
 * money should depend on how a double prints. */
#ifndef X402_JCS_H
#define X402_JCS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

enum {
    X402_JCS_BYTES_MAX = 16 * 1024, /* of the text that comes in */
    X402_JCS_DEPTH_MAX = 16,
    X402_JCS_MEMBERS_MAX = 64 /* of one object */
};

/* Appends the canonical form of `json`, an object from anywhere: it passes json_guard()
 * here. The form is never longer than the text. Check buf_spent(out) after.
 * RC_BAD_JSON. RC_BAD_INPUT: a value of another kind. RC_TOO_BIG: a limit above, or the
 * arena is spent. On failure out may hold a part. */
MUST_CHECK enum rc x402_jcs(struct buf *out, struct slice json, struct arena *a);

#endif

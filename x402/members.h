/* SPDX-License-Identifier: Apache-2.0 */
/* Private to x402/: texts in the arena, headers that carry JSON, and typed members of
 * JSON objects that json_guard() has passed. A member that is absent or null is
 * RC_NOT_FOUND; one of another type or form is RC_BAD_INPUT; RC_NOMEM: the arena is
 * spent. */
#ifndef X402_MEMBERS_H
#define X402_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json_guard.h"
#include "base/slice.h"
#include "x402/address.h"
#include "x402/u256.h"

/* The JSON object in standard base64 (strict), guarded. RC_TOO_BIG: longer than max.
 * RC_BAD_INPUT: not base64. RC_BAD_JSON. */
MUST_CHECK enum rc x402__decode(struct slice *json, struct slice header, size_t max,
                                struct arena *a);
/* Guards JSON of this folder's size. RC_BAD_JSON. */
MUST_CHECK enum rc x402__guard(struct slice json, struct arena *a);

/* A buffer of up to `limit` bytes in the arena; spent when that is. */
struct buf x402__room(struct arena *a, size_t limit);
/* What is in the buffer, in standard base64; as it is and in its canonical form, in
 * base64url. RC_TOO_BIG: the buffer or the arena is spent. */
MUST_CHECK enum rc x402__encode(struct slice *out, const struct buf *text,
                                struct arena *a);
MUST_CHECK enum rc x402__encode_url(struct slice *out, const struct buf *text,
                                    struct arena *a);
MUST_CHECK enum rc x402__encode_canonical(struct slice *out, struct slice json,
                                          struct arena *a);

bool x402__has(struct slice object, const char *name); /* and it is not null */
MUST_CHECK enum rc x402__text(struct slice *out, struct slice object, const char *name,
                              struct arena *a);
/* Absent or null: RC_OK, and *out is SLICE_NONE. */
MUST_CHECK enum rc x402__text_or_none(struct slice *out, struct slice object,
                                      const char *name, struct arena *a);
MUST_CHECK enum rc x402__object(struct slice *out, struct slice object,
                                const char *name);
MUST_CHECK enum rc x402__array(struct slice *out, struct slice object,
                               const char *name);
MUST_CHECK enum rc x402__bool(bool *out, struct slice object, const char *name);
MUST_CHECK enum rc x402__u64(uint64_t *out, struct slice object, const char *name);
/* A number in a string, never a JSON number. */
MUST_CHECK enum rc x402__u256(struct x402_u256 *out, struct slice object,
                              const char *name, struct arena *a);
MUST_CHECK enum rc x402__hash(struct x402_hash *out, struct slice object,
                              const char *name, struct arena *a);
MUST_CHECK enum rc x402__address(struct x402_address *out, struct slice object,
                                 const char *name, struct arena *a);

/* What a challenge must have, however it came. RC_BAD_INPUT. */
struct mpp_challenge;
MUST_CHECK enum rc x402__check_challenge(const struct mpp_challenge *c);

#endif

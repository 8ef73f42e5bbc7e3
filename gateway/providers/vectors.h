/* SPDX-License-Identifier: Apache-2.0 */
/* Embeddings of other vendors in OpenAI's answer: what their adapters share. */
#ifndef GATEWAY_PROVIDERS_VECTORS_H
#define GATEWAY_PROVIDERS_VECTORS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "gateway/usage.h"

/* One value of "data": begin with vectors_begin(), then each vector in order, then
 * vectors_end(). */
struct vectors {
    struct json_out o;
    bool base64; /* of little-endian floats, instead of numbers */
    unsigned count;
};

void vectors_begin(struct vectors *v, struct buf *out, bool base64);
/* numbers: a raw JSON array, guarded. RC_UPSTREAM: it is none, or has something else in
 * it than numbers. RC_NOMEM: scratch is spent. */
MUST_CHECK enum rc vectors_add(struct vectors *v, struct slice numbers,
                               struct arena *scratch);
/* usage: told if it is known. */
void vectors_end(struct vectors *v, struct slice model, const struct usage *usage);

#endif

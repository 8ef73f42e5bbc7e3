/* SPDX-License-Identifier: Apache-2.0 */
/* The wire of Cohere's v2/chat, and v2/embed beside it: the vendor's side only, no
 * client speaks either to us. */
#ifndef GATEWAY_WIRES_COHERE_H
#define GATEWAY_WIRES_COHERE_H

#include "gateway/wire.h"

extern const struct wire wire_cohere;

/* What is paid for: {"input_tokens", "output_tokens"} of billed_units. Cohere's other
 * counts are larger, and those of its caches are part of neither. RC_BAD_INPUT: there
 * is none, or nobody could believe it. */
MUST_CHECK enum rc cohere_usage(struct usage *out, struct slice billed_units);

/* Inside of cohere*.c: a conversation as a body. */
MUST_CHECK enum rc cohere__write(struct buf *out, const struct conversation *c,
                                 const struct wire_target *t, struct losses *lost,
                                 struct wire_fault *fault, struct arena *a);

/* ---- Embeddings, as struct provider_embed has them ---- */

MUST_CHECK enum rc cohere_embed_write(struct buf *out, struct slice body,
                                      struct slice model, struct wire_fault *fault,
                                      struct arena *a);
MUST_CHECK enum rc cohere_embed_answer(struct buf *out, struct usage *usage,
                                       struct slice json, struct slice model,
                                       bool base64, struct arena *scratch);

#endif

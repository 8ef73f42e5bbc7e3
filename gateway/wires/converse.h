/* SPDX-License-Identifier: Apache-2.0 */
/* The wire of Amazon Bedrock's Converse and ConverseStream, vendor's side only: no
 * client speaks it to us. The body is the same for both; which one it is says the path
 * (gateway/providers/bedrock.c). */
#ifndef GATEWAY_WIRES_CONVERSE_H
#define GATEWAY_WIRES_CONVERSE_H

#include "gateway/wire.h"

extern const struct wire wire_converse;

/* Bedrock has one body for all models, but not one way of reasoning, nor do all take
 * marks of a cache. Which models of a kind these are, by the names that AWS gives; a
 * name that was given by somebody else (an inference profile) says nothing. */
enum converse_family {
    CONVERSE_OTHER,
    CONVERSE_CLAUDE,
    CONVERSE_NOVA,
    CONVERSE_NOVA_2,
    CONVERSE_GPT_OSS
};
enum converse_family converse_family(struct slice model);

/* Versions of Claude that differ in what they take. */
enum {
    CONVERSE_CLAUDE_THINKS = 307,       /* at all */
    CONVERSE_CLAUDE_SAMPLES_ONCE = 401, /* temperature or top_p */
    CONVERSE_CLAUDE_HAS_SCHEMA = 405,
    CONVERSE_CLAUDE_THINKS_FREELY = 406, /* by effort; those before by a budget */
    CONVERSE_CLAUDE_UNSAMPLED = 407      /* no temperature, top_p, top_k */
};

/* 405 for "anthropic.claude-sonnet-4-5-20250929-v1:0"; 0: no Claude, or no number. */
unsigned converse_claude_version(struct slice model);

/* Inside of converse*.c: a conversation as a body. */
MUST_CHECK enum rc converse__write(struct buf *out, const struct conversation *c,
                                   const struct wire_target *t, struct losses *lost,
                                   struct wire_fault *fault, struct arena *a);

#endif

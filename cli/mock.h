/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's other side: a server on a loopback port that answers like a model provider
 * and like two data APIs, so that everything can be tried without a key or a network.
 *
 *   POST /v1/chat/completions   OpenAI dialect: streams, tools, n, max_tokens,
 *                               response_format
 *   POST /v1/embeddings         float and base64, texts and tokens, dimensions
 *   GET  /search?q=TEXT         three results
 *   GET  /markets/{id}          one price
 *
 * It takes every model name and needs no key. Its answers are made up, but the same for
 * the same request (ids and times apart), and so is its usage: one token for four bytes
 * of text, begun ones counted. Prompt: the texts of all messages together; completion:
 * each choice by itself; embeddings: each text by itself, token arrays by their length.
 * A stream's events come 20 ms apart. Bad requests get the provider's own errors.
 *
 * Not a load generator: each connection has a thread. */
#ifndef CLI_MOCK_H
#define CLI_MOCK_H

#include <stdint.h>

#include "base/rc.h"

struct mock;

/* Listens on 127.0.0.1, any port. RC_BUSY: no socket or thread is to be had. */
MUST_CHECK enum rc mock_start(struct mock **out, uint16_t *port);
void mock_stop(struct mock *m); /* cuts what is under way; NULL is fine */

#endif

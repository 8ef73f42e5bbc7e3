/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of clients' chat completions: chat_read.c takes the members of a body,
 * chat_read_messages.c its messages. */
#ifndef GATEWAY_WIRES_CHAT_READ_H
#define GATEWAY_WIRES_CHAT_READ_H

#include "gateway/wire.h"
#include "gateway/wires/chat_int.h"
#include "gateway/wires/json_fields.h"

struct chat_read {
    struct conversation *c;
    struct wire_fault *fault;
    struct arena *a;
};

/* "messages" and its array. */
enum rc chat_read_messages(struct chat_read *r, struct slice raw);
/* cache_control, as Anthropic's models are told through this dialect. */
void chat_read_cache(bool *cached, bool *cached_1h, struct slice raw);
/* A member that completions has too. RC_NOT_FOUND: it is no such. */
enum rc chat_read_common(struct chat_read *r, struct slice key, struct slice raw);
/* Refuses: `param` must be `what`. */
enum rc chat_read_refuse(struct chat_read *r, const char *param, const char *what);
/* An extra, which nobody but this dialect's own vendors could be told. */
void chat_read_extra(struct chat_read *r, struct slice key, struct slice raw);

#endif

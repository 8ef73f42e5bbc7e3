/* SPDX-License-Identifier: Apache-2.0 */
/* The writer of chat completions for vendors: chat_write.c puts out the members of a
 * body, chat_write_messages.c its messages. */
#ifndef GATEWAY_WIRES_CHAT_WRITE_H
#define GATEWAY_WIRES_CHAT_WRITE_H

#include "gateway/wire.h"
#include "gateway/wires/chat_int.h"
#include "gateway/wires/json_fields.h"

struct chat_write {
    struct json_out *o;
    const struct conversation *c;
    const struct wire_target *t;
    struct losses *lost;
    struct wire_fault *fault;
    struct arena *a;
};

static inline bool chat_has(const struct chat_write *w, unsigned quirk)
{
    return (w->t->quirks & quirk) != 0;
}

/* The value of "messages". */
enum rc chat_write_messages(struct chat_write *w);
/* cache_control, if the vendor takes it. */
void chat_write_cache(struct chat_write *w, bool cached, bool cached_1h);

#endif

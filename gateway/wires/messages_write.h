/* SPDX-License-Identifier: Apache-2.0 */
/* Between the two halves of the Messages writer: the body's and its turns'. */
#ifndef GATEWAY_WIRES_MESSAGES_WRITE_H
#define GATEWAY_WIRES_MESSAGES_WRITE_H

#include "base/json.h"
#include "gateway/wires/messages_int.h"

struct writer {
    struct json_out o;
    const struct conversation *c;
    const struct wire_target *t;
    struct losses *lost;
    struct wire_fault *fault;
    struct arena *a;
    unsigned marks;      /* cache marks so far */
    uint64_t max_tokens; /* as written */
    bool thinks;         /* thinking is switched on */
};

/* The cache mark of the object that is open, while Anthropic takes another. */
void messages__mark(struct writer *w, bool cached, bool cached_1h);

/* messages_turns.c: the members "system" and "messages". */
MUST_CHECK enum rc messages__write_turns(struct writer *w);
/* Whether the turn that is to be answered is a tool loop whose calls came with
 * reasoning that we can send back, or no tool loop: Anthropic takes no thinking by
 * budget in others. */
bool messages__may_think(const struct conversation *c);

#endif

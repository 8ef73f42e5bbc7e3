/* SPDX-License-Identifier: Apache-2.0 */
/* Items that we have made. A client of the Responses API that lets its answers be
 * stored sends, the next time, the ids of their items instead of the items. OpenAI has
 * them; where another vendor has answered, nobody does but we: so they are kept for a
 * while, in memory, for the wallet that they were made for. */
#ifndef GATEWAY_APIS_RESPONSES_KEPT_H
#define GATEWAY_APIS_RESPONSES_KEPT_H

#include "base/rc.h"

struct request;

enum {
    RESPONSES_KEPT_BYTES_MAX = 64 << 20, /* of all of them; each is at most 1 MiB */
    RESPONSES_KEPT_ITEMS_MAX = 64        /* of one answer */
};

/* In plan(), before the input is looked at: puts the items that we know in the place of
 * the references to them. What we do not know stays as it is. RC_TOO_BIG: the body grew
 * beyond what may be sent. */
MUST_CHECK enum rc responses_recall(struct request *r);
/* After an answer was given, in our words: keeps its items. */
void responses_keep(struct request *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Images and documents as blocks of Converse, which wants them inline, of a format that
 * it knows by its own word, and documents under names that differ. */
#ifndef GATEWAY_WIRES_CONVERSE_MEDIA_H
#define GATEWAY_WIRES_CONVERSE_MEDIA_H

#include "base/json.h"
#include "gateway/wire.h"

enum {
    CONVERSE_DOCUMENTS_MAX = 16, /* a request may hold five */
    CONVERSE_NAME_MAX = 200      /* bytes of a document's name */
};

/* The names that were given in one request. */
struct converse_names {
    size_t count;
    struct slice names[CONVERSE_DOCUMENTS_MAX];
};

/* One block. RC_BAD_INPUT: it cannot be said: *fault. RC_NOMEM. */
MUST_CHECK enum rc converse_media_write(struct json_out *o,
                                        struct converse_names *names,
                                        const struct part *p, struct wire_fault *fault,
                                        struct arena *a);

#endif

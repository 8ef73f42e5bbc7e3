/* SPDX-License-Identifier: Apache-2.0 */
/* Between the two halves of the Messages reader: the body's and its blocks'. */
#ifndef GATEWAY_WIRES_MESSAGES_READ_H
#define GATEWAY_WIRES_MESSAGES_READ_H

#include "gateway/wires/messages_int.h"

struct reader {
    struct conversation *out;
    struct wire_fault *fault;
    struct arena *a;
    enum effort thinking; /* what `thinking` says of it: NONE, HIGH, or nothing */
};

/* "path.name" */
const char *messages__under(struct reader *r, const char *path, const char *name);
/* Plain, into *out. */
MUST_CHECK enum rc messages__string(struct reader *r, struct slice *out,
                                    struct slice raw, const char *path);

/* messages_blocks.c: a string, or an array of blocks, into m. */
MUST_CHECK enum rc messages__content(struct reader *r, struct message *m,
                                     struct slice raw, const char *path);
/* A cache_control of the thing at path; raw.len 0: none. */
MUST_CHECK enum rc messages__cache(struct reader *r, bool *cached, bool *cached_1h,
                                   struct slice raw, const char *path);

#endif

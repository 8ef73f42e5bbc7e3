/* SPDX-License-Identifier: Apache-2.0 */
/* The request guard (threats A1..A15): pure, a head in, a verdict out. The server calls
 * it before anybody else sees a request. */
#ifndef GATEWAY_GUARD_H
#define GATEWAY_GUARD_H

#include "gateway/server.h"

/* A head as the library read it, its strings where the library has them. */
struct guard_head {
    const char *method;
    const char *target;
    size_t target_len;
    const char *version;
    size_t header_count; /* may be more than the request has room for */
    /* Every string still lies where it was received, so that what the library forgives
     * in silence shows in the gaps between them. */
    bool in_place;
    size_t head_len; /* with in_place: from the method to behind the empty line */
};

/* Judges the head and completes q, whose headers, path and query (the target, copied
 * and cut) the caller has filled in. *detail is a literal that says what is wrong. */
MUST_CHECK enum rc guard_check(struct http_request *q, const struct guard_head *h,
                               const char **detail);
bool guard_token(struct slice s); /* RFC 9110 section 5.6.2; not empty */
/* Whether a header of that name would frame the message: such ones are only the
 * server's to give. */
bool guard_framing(struct slice name);

#endif

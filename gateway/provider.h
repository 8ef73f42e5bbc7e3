/* SPDX-License-Identifier: Apache-2.0 */
/* The adapter interface: one const object per file in gateway/providers/, found through
 * the table that mkregistry prints. An adapter knows its vendor's wire and nothing
 * else: no money, no client, no socket. */
#ifndef GATEWAY_PROVIDER_H
#define GATEWAY_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/rc.h"
#include "base/slice.h"
#include "gateway/config.h"
#include "gateway/server.h"
#include "gateway/usage.h"

/* What is asked for, in the vendor's own dialect (issue by issue more of them). */
enum provider_op {
    PROVIDER_CHAT,
    PROVIDER_EMBEDDINGS
};

enum {
    PROVIDER_HEADERS_MAX = 24
};

/* The wire of one attempt, but for its body. */
struct provider_wire {
    const char *url;
    size_t header_count;
    struct http_header headers[PROVIDER_HEADERS_MAX];
};

/* What a failed attempt means for the call. */
enum provider_verdict {
    PROVIDER_NEXT, /* another target may do it: overload, rate, 5xx, our key refused */
    PROVIDER_FINAL /* the client's fault: it gets the answer, mapped */
};

struct provider {
    const char *kind;        /* as in the configuration */
    const char *default_url; /* NULL: base_url must be given */

    /* The body goes as the client sent it, but for these spliced fields. */
    const char *output_bound_field; /* "max_completion_tokens" or "max_tokens" */

    /* URL and headers; api_key may be NULL (a vendor without keys). `client` is the
     * client's request, for the few headers that this vendor is meant to see. Strings
     * live in a. */
    enum rc (*build)(struct provider_wire *out, const struct config_provider *p,
                     const struct secret *api_key, enum provider_op op,
                     const struct http_request *client, struct arena *a);

    /* Reads the usage from a whole answer or from one stream event (JSON that the guard
     * has passed). RC_NOT_FOUND: none in it; RC_BAD_INPUT: unbelievable. */
    enum rc (*usage)(struct usage *out, struct slice json);

    enum provider_verdict (*classify)(unsigned status, struct slice body);
};

/* By kind; NULL: there is none. */
const struct provider *provider_find(struct slice kind);
/* All, in the order of the build's list: NULL at the end. */
const struct provider *provider_at(size_t index);

#endif

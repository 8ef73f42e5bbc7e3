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
#include "gateway/wire.h"

/* What is asked for. */
enum provider_op {
    PROVIDER_CHAT, /* a conversation, in one of the provider's wires */
    PROVIDER_EMBEDDINGS,
    PROVIDER_COUNT_TOKENS /* of a conversation */
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

/* One attempt. */
struct provider_call {
    const struct config_provider *provider;
    struct slice model;           /* as the provider names it */
    const struct secret *api_key; /* NULL: it has none */
    enum provider_op op;
    const struct wire *wire; /* of the body; NULL: embeddings */
    bool stream;
    const struct http_request *client; /* for the few headers this vendor should see */
    struct slice body;                 /* as it will be sent: for signatures over it */
    uint64_t now_us;                   /* wall clock: for dates in signatures */
};

/* Embeddings in a form that is not OpenAI's. */
struct provider_embed {
    /* A client's OpenAI body (guarded; `input` is a string or an array), for `model`.
     */
    enum rc (*write)(struct buf *out, struct slice body, struct slice model,
                     struct wire_fault *fault, struct arena *a);
    /* The vendor's answer (guarded) as OpenAI's: floats, or base64 of little-endian
     * floats. RC_UPSTREAM: it is none. */
    enum rc (*answer)(struct buf *out, struct usage *usage, struct slice json,
                      struct slice model, bool base64, struct arena *scratch);
};

struct model_list;

struct provider {
    const char *kind;        /* as in the configuration */
    const char *default_url; /* NULL: base_url must be given */
    /* Ends of a base_url that its own paths begin with, as its vendor's SDKs and other
     * gateways have them in theirs: they are cut. NULL at the end; NULL: none. */
    const char *const *base_ends;

    /* The wires that it takes, NULL at the end. A client of one of them goes the short
     * way; all others are written in the first one that has a write(). */
    const struct wire *const *wires;
    /* Whether one that is configured so takes this one of them. NULL: all. */
    bool (*takes)(const struct config_provider *p, const struct wire *wire);
    bool has_embeddings;
    bool has_count_tokens;              /* in its first wire */
    const struct provider_embed *embed; /* NULL: OpenAI's form, if any */
    unsigned (*quirks)(const struct config_provider *p, struct slice model); /* NULL */
    /* How its list of models is read (gateway/model_list.h). NULL: it publishes none of
     * what can be called. */
    const struct model_list *(*models)(const struct config_provider *p);

    /* URL and headers. Strings live in a. RC_BAD_INPUT: this call cannot be made here
     * (another target may). */
    enum rc (*build)(struct provider_wire *out, const struct provider_call *c,
                     struct arena *a);

    enum provider_verdict (*classify)(unsigned status, struct slice body);
};

/* Which wire a client of `wire` is served by for this model: itself, or the one to
 * translate into; NULL: none. */
const struct wire *provider_wire(const struct config_provider *p, struct slice model,
                                 const struct wire *wire);
/* By kind; NULL: there is none. */
const struct provider *provider_find(struct slice kind);
/* All, in the order of the build's list: NULL at the end. */
const struct provider *provider_at(size_t index);

#endif

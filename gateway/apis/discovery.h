/* SPDX-License-Identifier: Apache-2.0 */
/* What the lists of what is sold have in common. For gateway/apis/ only. */
#ifndef GATEWAY_APIS_DISCOVERY_H
#define GATEWAY_APIS_DISCOVERY_H

#include "base/buf.h"
#include "gateway/listings.h"
#include "gateway/request.h"

enum {
    DISCOVERY_PATH_MAX = 1024
};

/* "/v1/data/NAME/files/{rest}" of the prefix "/v1/data/NAME" and the endpoint
 * "/files/{rest*}", in b. NULL: too long. */
const char *discovery_path(struct buf *b, const char *prefix,
                           const struct config_endpoint *e);
/* "GET" for ANY, else the endpoint's own. */
const char *discovery_method(const struct config_endpoint *e);

/* A skill whose endpoints anybody may call now. Texts are in the request's arena. */
struct discovery_skill {
    const char *prefix;      /* "/v1/skills/acme/pdf" */
    const char *name;        /* "acme/pdf" */
    const char *about;       /* its summary; "" */
    struct listing *listing; /* referenced for the callee: listing_unref() */
};

/* The skills that have endpoints: in the order of their names, or, with words, those
 * that are found, best first; of so many only that a loop may look at. Until each()
 * returns false. */
typedef bool discovery_skill_fn(void *arg, const struct discovery_skill *skill);
void discovery_skills(struct request *r, struct slice words, discovery_skill_fn *each,
                      void *arg);

/* The most that a call of a skill's endpoint may cost. false: it is sold by the month
 * only. */
bool discovery_call_price(struct money *out, const struct config_endpoint *e,
                          const struct skill_terms *terms);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What a publisher says of its endpoints: the text of an entry of `data_apis`, in YAML
 * or JSON, read by the same code, but not trusted. Nothing is expanded or read from a
 * file, no secret is in it and none goes along but one that is made for its host; its
 * host is public, on port 80 or 443, unless skills.allow_private is set. Immutable,
 * reference counted, any thread. */
#ifndef GATEWAY_API_DEFINITION_H
#define GATEWAY_API_DEFINITION_H

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"
#include "gateway/config.h"

struct api_definition;

enum {
    API_DEFINITION_MAX = 65536 /* bytes of text */
};

/* RC_BAD_CONFIG: `faults` has one line for each fault ("definition:3:5: ..").
 * RC_TOO_BIG, RC_NOMEM. */
MUST_CHECK enum rc api_definition_parse(struct api_definition **out, struct slice text,
                                        const struct config *c, struct buf *faults);
/* What goes with every call to its host, in the header that it names (by default as
 * "Bearer <token>" in Authorization). Before anybody else has the definition. */
MUST_CHECK enum rc api_definition_set_token(struct api_definition *d,
                                            struct slice token);
struct api_definition *api_definition_ref(struct api_definition *d);
void api_definition_unref(struct api_definition *d); /* NULL is fine */

/* As long as d. Its name is "definition"; endpoints may have no price of their own. */
const struct config_data_api *api_definition_api(const struct api_definition *d);

#endif

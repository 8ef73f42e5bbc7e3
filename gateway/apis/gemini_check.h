/* SPDX-License-Identifier: Apache-2.0 */
/* What the apis of the Gemini dialect share: the model stands in the path, and what is
 * read of a body for routing, price and bill. */
#ifndef GATEWAY_APIS_GEMINI_CHECK_H
#define GATEWAY_APIS_GEMINI_CHECK_H

#include "gateway/model_call.h"

/* The members of a body that gemini_check() looks at; NULL at the end. */
extern const char *const gemini_fields[];

/* Begins the call for the model of the path. Refuses a key in the URL. `like`: what
 * does not depend on the request. */
MUST_CHECK enum rc gemini_begin(struct model_call **out, struct request *r,
                                const struct model_ask *like);
/* contents, tools, and what would be paid by somebody else; counts what stands for more
 * than its bytes. */
MUST_CHECK enum rc gemini_check(struct request *r, struct model_call *m);
/* A member in either spelling; its type is JSON_ABSENT if there is none. RC_BAD_INPUT:
 * both are given. */
MUST_CHECK enum rc gemini_member(const struct json_field **out, struct request *r,
                                 const char *camel, const char *snake);

#endif

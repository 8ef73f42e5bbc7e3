/* SPDX-License-Identifier: Apache-2.0 */
/* What every adapter of the OpenAI wire shares. */
#ifndef GATEWAY_PROVIDERS_OPENAI_WIRE_H
#define GATEWAY_PROVIDERS_OPENAI_WIRE_H

#include "gateway/provider.h"

/* base_url and the operation's path; wire: of a conversation. */
MUST_CHECK enum rc openai_wire_url(struct provider_wire *out,
                                   const struct config_provider *p, enum provider_op op,
                                   const struct wire *wire, struct arena *a);
/* Content-Type and, with a key, the bearer token. */
void openai_wire_headers(struct provider_wire *out, const struct secret *api_key,
                         struct arena *a);
/* The client's headers of these names (lower case, NULL-terminated), if clean. */
void openai_wire_pass(struct provider_wire *out, const struct http_request *client,
                      const char *const *names);
enum provider_verdict openai_wire_classify(unsigned status, struct slice body);

#endif

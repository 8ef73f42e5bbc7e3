/* SPDX-License-Identifier: Apache-2.0 */
/* What /v1/messages and /v1/messages/count_tokens look at in a body before it goes on
 * as it came: enough to price it, and to name the field of a mistake. */
#ifndef GATEWAY_APIS_MESSAGES_CHECK_H
#define GATEWAY_APIS_MESSAGES_CHECK_H

#include "gateway/model_call.h"

/* What it looks at: the api's scan must have them all. */
#define MESSAGES_CHECK_FIELDS                                             \
    "messages", "system", "tools", "thread", "thinking", "output_config", \
        "tool_choice", "metadata", "mcp_servers", "container"

/* The body's messages, system and tools, and the types of the rest; counts what stands
 * for more than its bytes. */
MUST_CHECK enum rc messages_check(struct request *r, struct model_call *m);

#endif

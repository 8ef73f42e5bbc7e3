/* SPDX-License-Identifier: Apache-2.0 */
/* What the lists of what is sold have in common. For gateway/apis/ only. */
#ifndef GATEWAY_APIS_DISCOVERY_H
#define GATEWAY_APIS_DISCOVERY_H

#include "base/buf.h"
#include "gateway/config_api.h"

enum {
    DISCOVERY_PATH_MAX = 1024
};

/* "/v1/data/NAME/files/{rest}" of the prefix "/v1/data/NAME" and the endpoint
 * "/files/{rest*}", in b. NULL: too long. */
const char *discovery_path(struct buf *b, const char *prefix,
                           const struct config_endpoint *e);
/* "GET" for ANY, else the endpoint's own. */
const char *discovery_method(const struct config_endpoint *e);

#endif

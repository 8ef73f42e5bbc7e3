/* SPDX-License-Identifier: Apache-2.0 */
/* Between config_data.c (hosts, their paths, who may call them), config_endpoint.c
 * (what a call is: its limits, its price besides the flat one, its words) and
 * api_definition.c (the same of a publisher). */
#ifndef GATEWAY_CONFIG_DATA_INT_H
#define GATEWAY_CONFIG_DATA_INT_H

#include "gateway/config_int.h"

/* The name under which a price of this kind stands in the books; `unit` NULL: without.
 */
void config__name_price(char out[CONFIG__VERSION_SIZE], const char *kind,
                        struct money price, const struct config_unit *unit);

/* All members of an endpoint but its method, path, price, flow and headers, and what is
 * held for it. After those. */
void config__read_endpoint(struct config__reader *r, const struct config_data_api *api,
                           struct config_endpoint *e, struct conf_node *n);

/* All of an entry but its name. With r->published, allow_private and the value of auth
 * are not among its keys. */
void config__read_data_api(struct config__reader *r, struct config_data_api *api,
                           struct conf_node *n);

#endif

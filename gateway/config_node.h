/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of gateway/config*.c only: the nodes of a network, and how much of their word
 * a payment needs: blocks by its value, and a second node's word. */
#ifndef GATEWAY_CONFIG_NODE_H
#define GATEWAY_CONFIG_NODE_H

#include "gateway/config_int.h"
#include "gateway/config_payments.h"

/* `rpc_url`, `confirmations` and `witness` of the network at n, whose allow_private is
 * read. Without an rpc_url the other two are faults. */
void config__read_node(struct config__reader *r, struct config_network *net,
                       struct conf_node *n);
bool config__same_node(const struct config_network *a, const struct config_network *b);

#endif

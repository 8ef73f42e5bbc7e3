/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of gateway/config*.c only: keys of chains and names of networks, which more
 * than one section has. */
#ifndef GATEWAY_CONFIG_KEY_H
#define GATEWAY_CONFIG_KEY_H

#include "gateway/config_int.h"
#include "gateway/config_payments.h"

/* `{keystore: .., passphrase_file: ..}` or `{hex_file: ..}`. Absent: untouched. Its
 * passphrase, if it stands in the file, is the caller's to unref. */
void config__read_key(struct config__reader *r, struct config_key_file *k,
                      struct conf_node *n);
bool config__same_key(const struct config_key_file *a, const struct config_key_file *b);
/* "eip155:8453", or the short name that version 1 of x402 has for it. false: absent, or
 * a fault. */
bool config__read_chain(struct config__reader *r, uint64_t *chain_id,
                        struct conf_node *n);

#endif

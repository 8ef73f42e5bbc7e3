/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of EVM chains and their texts with the checksum in the case of the letters
 * (EIP-55). What names a network or a token is in network.h. */
#ifndef X402_ADDRESS_H
#define X402_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum {
    X402_ADDRESS_LEN = 20,
    X402_ADDRESS_TEXT_SIZE = 44 /* "0x", 40 digits and a NUL, rounded up */
};

struct x402_address {
    uint8_t bytes[X402_ADDRESS_LEN];
};

/* "0x" and 40 hex digits. Letters all small or all large carry no checksum and are
 * taken, as every client and node takes them; mixed letters must be the checksum.
 * Clients of other make may compare texts: send an address on in the spelling that it
 * came in. RC_BAD_INPUT. */
MUST_CHECK enum rc x402_address_parse(struct x402_address *out, struct slice text);
/* With the checksum. */
void x402_address_print(char out[X402_ADDRESS_TEXT_SIZE], const struct x402_address *a);
/* In small letters, which cost no digest: for machines. */
void x402_address_print_small(char out[X402_ADDRESS_TEXT_SIZE],
                              const struct x402_address *a);
bool x402_address_equal(const struct x402_address *a, const struct x402_address *b);
/* Nobody: what a failed recovery gives on the chain, and where tokens are burned. */
bool x402_address_is_zero(const struct x402_address *a);

#endif

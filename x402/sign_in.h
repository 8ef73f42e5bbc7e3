/* SPDX-License-Identifier: Apache-2.0 */
/* sign-in-with-x, an extension of x402: who holds an address signs a text for people
 * (EIP-4361 by EIP-191) that names the server, the resource and a nonce. It pays
 * nothing; it says whose credit may. Externally owned accounts of EVM chains only.
 * Whether the nonce is the server's own, and new, is for the server to know. */
#ifndef X402_SIGN_IN_H
#define X402_SIGN_IN_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/slice.h"
#include "x402/address.h"

enum {
    X402_SIGN_IN_RESOURCES_MAX = 8
};

/* Absent members are SLICE_NONE. */
struct x402_sign_in {
    struct slice domain; /* "toll.example:8402" */
    struct slice uri;
    struct slice statement;
    struct slice version; /* "1" */
    struct slice nonce;
    struct slice issued_at;  /* RFC 3339, as the next two */
    struct slice expires_at; /* may be absent, as all that follows */
    struct slice not_before;
    struct slice request_id;
    size_t resource_count;
    struct slice resources[X402_SIGN_IN_RESOURCES_MAX];
    /* What the client adds: */
    uint64_t chain_id;
    struct slice address_text; /* as it stands in the text */
    struct x402_address address;
    struct slice signature; /* "0x.." */
};

/* The header SIGN-IN-WITH-X: JSON in base64. RC_TOO_BIG, RC_BAD_INPUT (also another
 * kind of signature, and control characters, which could forge a line), RC_BAD_JSON. */
MUST_CHECK enum rc x402_sign_in_parse(struct x402_sign_in *out, struct slice header,
                                      struct arena *a);
/* The header that a client sends. RC_TOO_BIG. */
MUST_CHECK enum rc x402_sign_in_print(struct slice *out, const struct x402_sign_in *s,
                                      struct arena *a);
/* The text that is signed. RC_TOO_BIG. */
MUST_CHECK enum rc x402_sign_in_text(struct slice *out, const struct x402_sign_in *s,
                                     struct arena *a);
/* Whether its address has signed it. */
bool x402_sign_in_verify(const struct x402_sign_in *s, struct arena *a);
/* The value of the extension in a 402: what to sign, and on which chains. */
void x402_sign_in_offer_write(struct json_out *o, const struct x402_sign_in *s,
                              const uint64_t *chains, size_t chain_count);

#endif

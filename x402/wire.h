/* SPDX-License-Identifier: Apache-2.0 */
/* Private to x402/: the parts that headers of both versions have in common. Reading
 * takes JSON that json_guard() has passed; RC_BAD_INPUT: malformed. RC_NOT_FOUND: well
 * formed, but of a scheme, network or method that is not ours. */
#ifndef X402_WIRE_H
#define X402_WIRE_H

#include "base/arena.h"
#include "base/json.h"
#include "x402/offer.h"

enum {
    X402__HEADER_JSON_MAX = X402_HEADER_MAX / 4 * 3 /* its base64 fills a header */
};

const char *x402__scheme_name(enum x402_scheme scheme);
MUST_CHECK enum rc x402__read_scheme(enum x402_scheme *out, struct slice object,
                                     struct arena *a);
/* By the name of the version: CAIP-2 or a short one. */
MUST_CHECK enum rc x402__read_network(uint64_t *chain_id, struct slice object,
                                      unsigned version, struct arena *a);
/* The member "network" of an object that is open. */
void x402__write_network(struct json_out *o, uint64_t chain_id, unsigned version);

/* The member "extra" of an offer; absent is fine. */
MUST_CHECK enum rc x402__read_extra(struct x402_offer *offer, struct slice object,
                                    struct arena *a);
void x402__write_extra(struct json_out *o, const struct x402_offer *offer);

/* The member "payload": method, transfer or permit, and signature. */
MUST_CHECK enum rc x402__read_payload(struct x402_payment *p, struct slice object,
                                      struct arena *a);
void x402__write_payload(struct json_out *o, const struct x402_payment *p);

/* Of these, the members of an object. */
MUST_CHECK enum rc x402__read_transfer(struct x402_transfer *t, struct slice object,
                                       struct arena *a);
MUST_CHECK enum rc x402__read_signature(struct slice *out, struct slice object,
                                        struct arena *a);
void x402__write_signature(struct json_out *o, struct slice signature);

MUST_CHECK enum rc x402__read_receipt(struct x402_receipt *out, struct slice json,
                                      unsigned version, struct arena *a);
void x402__write_receipt(struct json_out *o, const struct x402_receipt *r,
                         unsigned version);

/* The same as a header's value. */
MUST_CHECK enum rc x402__parse_receipt(struct x402_receipt *out, struct slice header,
                                       unsigned version, struct arena *a);
MUST_CHECK enum rc x402__print_receipt(struct slice *header,
                                       const struct x402_receipt *r, unsigned version,
                                       struct arena *a);

/* Members whose value is no text in our structs. */
void x402__write_u256(struct json_out *o, const char *key, const struct x402_u256 *v);
void x402__write_address(struct json_out *o, const char *key,
                         const struct x402_address *address);
/* Left out when it is SLICE_NONE. */
void x402__write_text(struct json_out *o, const char *key, struct slice text);

#endif

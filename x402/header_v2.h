/* SPDX-License-Identifier: Apache-2.0 */
/* x402 version 2: PAYMENT-REQUIRED, PAYMENT-SIGNATURE, PAYMENT-RESPONSE. Each as a
 * header value (base64 of JSON) and as the JSON alone, which MCP and facilitators
 * carry. The JSON readers take what json_guard() has passed.
 *
 * RC_TOO_BIG: the header is longer than X402_HEADER_MAX, or what is printed would be;
 * or the arena is spent, which RC_NOMEM says too. RC_BAD_INPUT: not strict base64, or a
 * member is missing or of another type (a number where a string must be). RC_BAD_JSON.
 * Unknown members are ignored. */
#ifndef X402_HEADER_V2_H
#define X402_HEADER_V2_H

#include "base/arena.h"
#include "base/json.h"
#include "base/slice.h"
#include "x402/offer.h"

/* The requirements of one offer, as in `accepts` and `accepted`: its raw form when it
 * came from outside. */
void x402_v2_offer_write(struct json_out *o, const struct x402_offer *offer);
/* Also RC_NOT_FOUND: well formed, but its scheme, network or method is not ours. */
MUST_CHECK enum rc x402_v2_offer_read(struct x402_offer *out, struct slice json,
                                      struct arena *a);

void x402_v2_required_write(struct json_out *o, const struct x402_required *r);
MUST_CHECK enum rc x402_v2_required_print(struct slice *header,
                                          const struct x402_required *r,
                                          struct arena *a);
/* Offers of other schemes, networks and methods are left out, and so are those past
 * X402_OFFERS_MAX. */
MUST_CHECK enum rc x402_v2_required_read(struct x402_required *out, struct slice json,
                                         struct arena *a);
MUST_CHECK enum rc x402_v2_required_parse(struct x402_required *out,
                                          struct slice header, struct arena *a);

/* Also RC_NOT_FOUND: of another version, scheme or network. */
MUST_CHECK enum rc x402_v2_payment_read(struct x402_payment *out, struct slice json,
                                        struct arena *a);
MUST_CHECK enum rc x402_v2_payment_parse(struct x402_payment *out, struct slice header,
                                         struct arena *a);
void x402_v2_payment_write(struct json_out *o, const struct x402_payment *p);
MUST_CHECK enum rc x402_v2_payment_print(struct slice *header,
                                         const struct x402_payment *p, struct arena *a);

void x402_v2_receipt_write(struct json_out *o, const struct x402_receipt *r);
MUST_CHECK enum rc x402_v2_receipt_print(struct slice *header,
                                         const struct x402_receipt *r, struct arena *a);
MUST_CHECK enum rc x402_v2_receipt_read(struct x402_receipt *out, struct slice json,
                                        struct arena *a);
MUST_CHECK enum rc x402_v2_receipt_parse(struct x402_receipt *out, struct slice header,
                                         struct arena *a);

#endif

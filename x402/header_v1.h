/* SPDX-License-Identifier: Apache-2.0 */
/* x402 version 1: the members of the body of a 402, X-PAYMENT, X-PAYMENT-RESPONSE; each
 * as it is sent and as it is read. Only `exact` by EIP-3009, on networks with a short
 * name. Result codes as in header_v2.h. */
#ifndef X402_HEADER_V1_H
#define X402_HEADER_V1_H

#include "base/arena.h"
#include "base/json.h"
#include "base/slice.h"
#include "x402/offer.h"

/* Whether a client of this version can pay the offer; one that it does not know makes
 * it refuse the whole body. */
bool x402_v1_can_offer(const struct x402_offer *offer);
/* The requirements of one offer, as in `accepts` and as facilitators are asked. Also
 * RC_NOT_FOUND: of another scheme, network or method. */
MUST_CHECK enum rc x402_v1_offer_read(struct x402_offer *out, struct slice json,
                                      struct arena *a);

/* The requirements of one offer that x402_v1_can_offer(). */
void x402_v1_offer_write(struct json_out *o, const struct x402_offer *offer,
                         const struct x402_resource *resource);

/* Writes x402Version, error (when there is one) and accepts as members of an object
 * that is open, so that they stand beside those of other dialects. Leaves out offers
 * that version 1 cannot express. */
void x402_v1_required_write(struct json_out *o, const struct x402_required *r);
/* As buyer: the body of a 402, which may hold members of other dialects. The resource
 * is that of the first offer. Offers of other schemes, networks and methods are left
 * out, and so are those past X402_OFFERS_MAX. RC_NOT_FOUND: it is of another
 * version. */
MUST_CHECK enum rc x402_v1_required_read(struct x402_required *out, struct slice json,
                                         struct arena *a);

/* Also RC_NOT_FOUND: of another version, scheme or network. */
MUST_CHECK enum rc x402_v1_payment_read(struct x402_payment *out, struct slice json,
                                        struct arena *a);
MUST_CHECK enum rc x402_v1_payment_parse(struct x402_payment *out, struct slice header,
                                         struct arena *a);
void x402_v1_payment_write(struct json_out *o, const struct x402_payment *p);
MUST_CHECK enum rc x402_v1_payment_print(struct slice *header,
                                         const struct x402_payment *p, struct arena *a);

void x402_v1_receipt_write(struct json_out *o, const struct x402_receipt *r);
MUST_CHECK enum rc x402_v1_receipt_print(struct slice *header,
                                         const struct x402_receipt *r, struct arena *a);
MUST_CHECK enum rc x402_v1_receipt_read(struct x402_receipt *out, struct slice json,
                                        struct arena *a);
MUST_CHECK enum rc x402_v1_receipt_parse(struct x402_receipt *out, struct slice header,
                                         struct arena *a);

#endif

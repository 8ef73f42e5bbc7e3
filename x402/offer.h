/* SPDX-License-Identifier: Apache-2.0 */
/* What both versions of x402 say in other words: what is asked for, what is paid, what
 * became of it. Texts are slices of the caller's or of the arena; SLICE_NONE where
 * there is none. How they are written: header_v1.h, header_v2.h. Whether a payment is
 * good: verify.h. */
#ifndef X402_OFFER_H
#define X402_OFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "x402/address.h"
#include "x402/typed_data.h"
#include "x402/u256.h"

enum {
    X402_HEADER_MAX = 8 * 1024, /* of any header in base64 */
    X402_OFFERS_MAX = 16,       /* that are read of one answer */
    X402_SIGNATURE_MAX = 2048   /* bytes; wrapped ones of contracts are long */
};

enum x402_scheme {
    X402_SCHEME_EXACT, /* this amount */
    X402_SCHEME_UPTO   /* at most this amount; Permit2 only */
};

enum x402_method {
    X402_EIP3009, /* the token's transferWithAuthorization */
    X402_PERMIT2  /* the Permit2 contract, by a witness */
};

/* What is asked for. */
struct x402_offer {
    enum x402_scheme scheme;
    enum x402_method method;
    uint64_t chain_id;
    struct x402_u256 amount;
    struct x402_address asset;
    struct x402_address pay_to;
    uint64_t timeout_s;
    struct slice name; /* with version: the token's EIP-712 domain */
    struct slice version;
    struct x402_address facilitator; /* upto: who alone may settle */
    struct slice flow;               /* "upfront": settled before it is served */
    struct slice quote;              /* binds the price, echoed by the client */
    struct slice raw;                /* as the other side wrote it, to be echoed */
};

struct x402_resource {
    struct slice url;
    struct slice description;
    struct slice mime_type;
    struct slice raw; /* as the other side wrote it */
};

/* A whole 402. */
struct x402_required {
    struct slice error;
    struct x402_resource resource;
    const struct x402_offer *offers;
    size_t offer_count;
    struct slice extensions; /* a raw JSON object */
};

/* A payment as it was sent: read, not judged. */
struct x402_payment {
    unsigned version; /* 1 or 2 */
    /* Version 1 names the first two itself; in version 2 the client repeats the whole
     * offer. Nothing of it is signed. */
    enum x402_scheme scheme;
    uint64_t chain_id;
    bool has_accepted;
    struct x402_offer accepted;
    struct x402_resource resource; /* version 2, may be absent */

    enum x402_method method; /* by the shape of the payload */
    struct x402_transfer transfer;
    struct x402_permit permit;
    struct slice signature; /* bytes, of any length up to X402_SIGNATURE_MAX */

    struct slice extensions; /* a raw JSON object */
    struct slice payment_id; /* of the extension payment-identifier */
};

/* What became of a payment. */
struct x402_receipt {
    bool success;
    struct slice reason;      /* why not */
    struct slice transaction; /* its hash, or empty */
    uint64_t chain_id;        /* 0: a failure that does not say */
    bool has_payer;
    struct x402_address payer;
    bool has_amount; /* what was really settled */
    struct x402_u256 amount;
};

#endif

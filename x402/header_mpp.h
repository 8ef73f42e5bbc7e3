/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP "Payment" authentication scheme (MPP) as texts: the challenge in
 * WWW-Authenticate, the credential in Authorization, the receipt in Payment-Receipt,
 * the digest of a body, the preference in Accept-Payment. What a method (evm, tempo,
 * ledger) puts into request and payload: mpp_method.h. Slices that come out live as
 * long as what they were parsed from, or the arena. RC_TOO_BIG and RC_NOMEM also say
 * that the arena is spent. */
#ifndef X402_HEADER_MPP_H
#define X402_HEADER_MPP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/slice.h"

enum {
    MPP_HEADER_MAX = 8 * 1024,     /* of a credential or a receipt */
    MPP_CHALLENGE_MAX = 16 * 1024, /* of a WWW-Authenticate header */
    MPP_DIGEST_SIZE = 64           /* "sha-256=:..:" and a NUL, rounded up */
};

/* Absent parameters are SLICE_NONE. `request` and `opaque` are in their wire form,
 * base64url of canonical JSON. */
struct mpp_challenge {
    struct slice id;
    struct slice realm;
    struct slice method; /* "evm" */
    struct slice intent; /* "charge" */
    struct slice request;
    struct slice expires; /* RFC 3339 */
    struct slice digest;
    struct slice description; /* for people; the id does not bind it */
    struct slice opaque;
    struct slice header; /* the header that must carry the credential */
};

/* Gives c the id that binds all its parameters but the description:
 * base64url(HMAC-SHA256(secret, realm|method|..)). RC_BAD_INPUT: one of them has a '|',
 * by which it could pass as two. */
MUST_CHECK enum rc mpp_challenge_bind(struct mpp_challenge *c, struct slice secret,
                                      struct arena *a);
/* Whether this secret made the id; in constant time. */
bool mpp_challenge_is_ours(const struct mpp_challenge *c, struct slice secret,
                           struct arena *a);
/* Appends "Payment id=.., ..", ASCII only. */
void mpp_challenge_print(struct buf *out, const struct mpp_challenge *c);
/* The Payment challenges of one header, which may hold other schemes too. *count is the
 * room on the way in (more are left out) and what was found on the way out.
 * RC_BAD_INPUT: one of them is malformed. RC_TOO_BIG. */
MUST_CHECK enum rc mpp_challenges_parse(struct mpp_challenge *out, size_t *count,
                                        struct slice header, struct arena *a);

/* JSON as it stands in a challenge, {"nonce":..,"route":..}: the nonce makes the id of
 * two challenges differ that ask the same in the same second. Either may be absent. */
struct mpp_opaque {
    struct slice nonce;
    struct slice route;
};
MUST_CHECK enum rc mpp_opaque_encode(struct slice *out, const struct mpp_opaque *o,
                                     struct arena *a);
MUST_CHECK enum rc mpp_opaque_decode(struct mpp_opaque *out, struct slice opaque,
                                     struct arena *a);

struct mpp_credential {
    struct mpp_challenge challenge; /* as the client echoes it */
    struct slice payload;           /* a raw JSON object */
    struct slice source;            /* a DID; may be absent */
};

/* From a header value, "Payment <base64url>"; padding, the standard alphabet and other
 * schemes beside it are tolerated. RC_NOT_FOUND: no Payment scheme. RC_BAD_INPUT,
 * RC_BAD_JSON: malformed; two credentials are RC_CONFLICT. RC_TOO_BIG. */
MUST_CHECK enum rc mpp_credential_parse(struct mpp_credential *out, struct slice header,
                                        struct arena *a);
/* From JSON that json_guard() has passed: what JSON-RPC carries. There request and
 * opaque may be objects; they get their wire form. RC_BAD_INPUT. */
MUST_CHECK enum rc mpp_credential_read(struct mpp_credential *out, struct slice json,
                                       struct arena *a);
/* The header value of a credential that we make. */
MUST_CHECK enum rc mpp_credential_print(struct slice *out,
                                        const struct mpp_credential *c,
                                        struct arena *a);

/* A receipt stands for success. Absent members are SLICE_NONE; the first three are
 * required. */
struct mpp_receipt {
    struct slice method;
    struct slice reference;
    struct slice timestamp; /* RFC 3339 */
    struct slice challenge_id;
    struct slice balance;
    struct slice amount;
};

void mpp_receipt_write(struct json_out *o, const struct mpp_receipt *r);
MUST_CHECK enum rc mpp_receipt_print(struct slice *out, const struct mpp_receipt *r,
                                     struct arena *a);
/* Also RC_BAD_INPUT: its status is not "success". Unknown members are ignored. */
MUST_CHECK enum rc mpp_receipt_parse(struct mpp_receipt *out, struct slice header,
                                     struct arena *a);

/* "sha-256=:<base64>:" of a body, the form of RFC 9530. */
MUST_CHECK enum rc mpp_digest_print(char out[MPP_DIGEST_SIZE], struct slice body,
                                    struct arena *a);
/* Whether digest, with or without the colons, is that of body. */
bool mpp_digest_matches(struct slice digest, struct slice body, struct arena *a);

/* How much the client wants "method/intent", in thousandths; 0: never. A header that is
 * absent or malformed says nothing: 1000. */
unsigned mpp_accept_weight(struct slice header, struct slice method,
                           struct slice intent);

#endif

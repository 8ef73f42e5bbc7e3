/* SPDX-License-Identifier: Apache-2.0 */
/* MPP behind its headers: what a request asks, whether a credential answers a challenge
 * of ours, and the proofs of three methods: evm/charge (an EIP-3009 authorization),
 * tempo/charge of amount zero (who an account is; nothing is paid) and ledger/charge
 * (who holds a secret; a prepaid wallet pays). The order of checks is mpp_check(), then
 * the method's, then, by the caller, that the id is used once. */
#ifndef X402_MPP_METHOD_H
#define X402_MPP_METHOD_H

#include "base/json.h"
#include "x402/header_mpp.h"
#include "x402/verify.h"

/* What is wrong; MPP_NONE: nothing. */
enum mpp_problem {
#define PROBLEM(name, suffix, title, status) MPP_##name,
#include "x402/problem.def"
#undef PROBLEM
    MPP_PROBLEM__COUNT
};

unsigned mpp_problem_status(enum mpp_problem problem);
/* "https://paymentauth.org/problems/..", and its title for people. */
const char *mpp_problem_type(enum mpp_problem problem);
const char *mpp_problem_title(enum mpp_problem problem);
/* The body of the answer, application/problem+json (RFC 9457). The id may be absent. */
void mpp_problem_write(struct json_out *o, enum mpp_problem problem,
                       struct slice detail, struct slice challenge_id);

/* The request of a challenge. What a method does not use is absent or 0. */
struct mpp_request {
    struct x402_u256 amount; /* in the unit of the currency */
    struct slice currency;   /* a token's address, or "microusd" */
    struct slice recipient;
    uint64_t chain_id;
    uint64_t decimals;        /* 0: not told */
    bool takes_authorization; /* evm: "authorization" is among credentialTypes */
};

/* In its wire form. */
MUST_CHECK enum rc mpp_request_encode(struct slice *out, const struct mpp_request *r,
                                      struct arena *a);
/* Unknown members are ignored. RC_BAD_INPUT, RC_BAD_JSON. */
MUST_CHECK enum rc mpp_request_decode(struct mpp_request *out, struct slice request,
                                      struct arena *a);

/* What a challenge must say to be one of ours for this call. */
struct mpp_terms {
    struct slice secret;
    struct slice old_secret; /* still taken after a change; may be absent */
    struct slice realm;
    struct slice route; /* as in opaque */
    struct slice body;  /* what the digest, if there is one, must be of */
    uint64_t now_us;
};

/* In this order: the id is ours; realm, route and body are those of this call; it has
 * an expiry, which has not come. MPP_NONE, MPP_INVALID_CHALLENGE, MPP_PAYMENT_EXPIRED.
 */
enum mpp_problem mpp_check(const struct mpp_credential *c,
                           const struct mpp_terms *terms, struct arena *a);

/* evm/charge. The offer is that of the challenge's request, whose id the caller has
 * checked; name and version of the token are filled in when it is a known one. */
struct mpp_evm {
    struct x402_payment payment;
    struct x402_offer offer;
};
/* MPP_NONE, MPP_INVALID_PAYLOAD, MPP_INVALID_CHALLENGE (the request is no evm one). */
enum mpp_problem mpp_evm_read(struct mpp_evm *out, const struct mpp_credential *c,
                              struct arena *a);
/* Also that the nonce is bound to the challenge and the source is the payer. MPP_NONE,
 * MPP_PAYMENT_EXPIRED, MPP_VERIFICATION_FAILED. */
enum mpp_problem mpp_evm_verify(const struct mpp_evm *e, const struct mpp_credential *c,
                                uint64_t now_s);
/* As buyer, for a key that is elsewhere: what an evm/charge challenge asks for (name
 * and version when the token is a known one), the payment for it, unsigned, and, signed
 * by x402_sign(), the credential. RC_BAD_INPUT: the challenge is no such one or has no
 * expiry, or the offer no domain. */
MUST_CHECK enum rc mpp_evm_offer(struct x402_offer *out,
                                 const struct mpp_challenge *challenge,
                                 struct arena *a);
MUST_CHECK enum rc mpp_evm_begin(struct x402_payment *out,
                                 const struct mpp_challenge *challenge,
                                 const struct x402_offer *offer,
                                 const struct x402_address *from);
MUST_CHECK enum rc mpp_evm_end(struct mpp_credential *out,
                               const struct mpp_challenge *challenge,
                               const struct x402_payment *payment, struct arena *a);
/* As buyer, all at once: answers an evm/charge challenge. `token` has name and version.
 * RC_BAD_INPUT: the challenge is no such one, has no expiry, or the key is none. */
MUST_CHECK enum rc mpp_evm_pay(struct mpp_credential *out,
                               const struct mpp_challenge *challenge,
                               const struct x402_offer *token,
                               const uint8_t key[X402_KEY_LEN], struct arena *a);

/* tempo/charge of amount "0": whose account it is. MPP_NONE, MPP_INVALID_PAYLOAD,
 * MPP_INVALID_CHALLENGE, MPP_VERIFICATION_FAILED. */
enum mpp_problem mpp_tempo_verify(struct x402_address *account,
                                  const struct mpp_credential *c, struct arena *a);

/* ledger/charge: the payload {"account":..,"mac":..} names a wallet and proves its
 * secret by hex(HMAC-SHA256(secret, id)). Read first, then find the secret. MPP_NONE,
 * MPP_INVALID_PAYLOAD. */
struct mpp_ledger {
    struct slice account;
    uint8_t mac[32];
};
enum mpp_problem mpp_ledger_read(struct mpp_ledger *out, const struct mpp_credential *c,
                                 struct arena *a);
/* MPP_NONE, MPP_VERIFICATION_FAILED; in constant time. */
enum mpp_problem mpp_ledger_verify(const struct mpp_ledger *l,
                                   const struct mpp_credential *c, struct slice secret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "x402/verify.h"

#include "x402/network.h"

#include <string.h>

enum {
    MAGIC_LEN = 32 /* at the end of a wrapped signature */
};

const char *x402_verdict_reason(enum x402_verdict verdict)
{
    static const char *const reasons[X402_VERDICT__COUNT] = {
#define VERDICT(name, reason) [X402_##name] = (reason),
#include "x402/verdict.def"
#undef VERDICT
    };

    return reasons[verdict];
}

/* Matching ---------------------------------------------------------------------------
 */

/* What an offer does not say, the echo may say as it likes. */
static bool same_if_said(struct slice offered, struct slice echoed)
{
    return offered.bytes == NULL || slice_equal(offered, echoed);
}

static bool same_extra(const struct x402_offer *offer, const struct x402_offer *echo)
{
    return offer->method == echo->method && same_if_said(offer->name, echo->name) &&
           same_if_said(offer->version, echo->version) &&
           same_if_said(offer->flow, echo->flow) &&
           same_if_said(offer->quote, echo->quote) &&
           x402_address_equal(&offer->facilitator, &echo->facilitator);
}

bool x402_matches(const struct x402_payment *p, const struct x402_offer *offer)
{
    const struct x402_offer *echo = &p->accepted;

    if (p->scheme != offer->scheme || p->chain_id != offer->chain_id)
        return false;
    if (!p->has_accepted)
        return p->method == offer->method;
    return x402_u256_cmp(offer->amount, echo->amount) == 0 &&
           x402_address_equal(&offer->asset, &echo->asset) &&
           x402_address_equal(&offer->pay_to, &echo->pay_to) &&
           offer->timeout_s == echo->timeout_s && same_extra(offer, echo);
}

/* What is signed ---------------------------------------------------------------------
 */

static void make_digest(struct x402_hash *out, const struct x402_payment *p,
                        const struct x402_offer *offer)
{
    struct x402_hash domain;
    struct x402_hash message;

    if (p->method == X402_EIP3009) {
        x402_domain_token(&domain, offer->name, offer->version, offer->chain_id,
                          &offer->asset);
        x402_typed_transfer(&message, &p->transfer);
    } else {
        x402_domain_permit2(&domain, offer->chain_id);
        x402_typed_permit(&message, &p->permit);
    }
    x402_typed_digest(out, &domain, &message);
}

static const struct x402_address *spender_of(enum x402_scheme scheme)
{
    return scheme == X402_SCHEME_UPTO ? &x402_permit2_upto_proxy
                                      : &x402_permit2_exact_proxy;
}

static enum x402_permit_kind kind_of(enum x402_scheme scheme)
{
    return scheme == X402_SCHEME_UPTO ? X402_PERMIT_UPTO : X402_PERMIT_EXACT;
}

const struct x402_address *x402_payer(const struct x402_payment *p)
{
    return p->method == X402_EIP3009 ? &p->transfer.from : &p->permit.owner;
}

void x402_payment_nonce(struct x402_hash *out, const struct x402_payment *p)
{
    if (p->method == X402_EIP3009)
        *out = p->transfer.nonce;
    else
        memcpy(out->bytes, p->permit.nonce.bytes, sizeof(out->bytes));
}

/* Checks -----------------------------------------------------------------------------
 */

/* ERC-6492: the signature of a contract that is not deployed yet, with what deploys it.
 * Whoever checked such a one would run a stranger's code, and pay for it. */
static bool is_wrapped(struct slice signature)
{
    if (signature.len < MAGIC_LEN)
        return false;
    for (size_t i = 0; i < MAGIC_LEN; i++) {
        const unsigned char want = i % 2 == 0 ? 0x64 : 0x92;

        if ((unsigned char)signature.bytes[signature.len - MAGIC_LEN + i] != want)
            return false;
    }
    return true;
}

static enum x402_verdict check_shape(const struct x402_payment *p,
                                     const struct x402_offer *offer)
{
    const bool is_permit = offer->method == X402_PERMIT2;
    struct x402_signature signature;

    if (p->scheme != offer->scheme)
        return offer->scheme == X402_SCHEME_UPTO ? X402_BAD_UPTO_SCHEME
                                                 : X402_BAD_EXACT_SCHEME;
    if (p->method != offer->method ||
        (is_permit && p->permit.kind != kind_of(offer->scheme)))
        return X402_BAD_PAYLOAD;
    if (!is_permit && (offer->name.bytes == NULL || offer->version.bytes == NULL))
        return X402_NO_DOMAIN;
    if (is_wrapped(p->signature))
        return X402_WRAPPED_SIGNATURE;
    if (x402_signature_read(&signature, p->signature, X402_V_PAYMENT) != RC_OK)
        return is_permit ? X402_BAD_PERMIT_SIGNATURE : X402_BAD_SIGNATURE;
    return X402_VALID;
}

static enum x402_verdict check_transfer(const struct x402_transfer *t,
                                        const struct x402_offer *offer)
{
    if (x402_u256_cmp(t->value, offer->amount) != 0)
        return X402_BAD_VALUE;
    if (!x402_address_equal(&t->to, &offer->pay_to))
        return X402_BAD_RECIPIENT;
    return X402_VALID; /* the asset is in the domain: the curve tells */
}

static enum x402_verdict check_permit(const struct x402_permit *p,
                                      const struct x402_offer *offer)
{
    if (x402_u256_cmp(p->amount, offer->amount) != 0)
        return X402_BAD_PERMIT_AMOUNT;
    if (!x402_address_equal(&p->to, &offer->pay_to))
        return X402_BAD_PERMIT_RECIPIENT;
    if (!x402_address_equal(&p->spender, spender_of(offer->scheme)))
        return X402_BAD_SPENDER;
    if (p->kind == X402_PERMIT_UPTO &&
        !x402_address_equal(&p->facilitator, &offer->facilitator))
        return X402_BAD_FACILITATOR;
    if (!x402_address_equal(&p->token, &offer->asset))
        return X402_BAD_PERMIT_TOKEN;
    return X402_VALID;
}

/* now + ahead; it does not wrap in 256 bits. */
static struct x402_u256 moment(uint64_t now_s, uint64_t ahead_s)
{
    struct x402_u256 sum = x402_u256_from_u64(now_s);

    (void)!x402_u256_add(&sum, sum, x402_u256_from_u64(ahead_s));
    return sum;
}

static bool is_too_late(const struct x402_u256 *end, const struct x402_rules *rules)
{
    if (x402_u256_cmp(*end, moment(rules->now_s, X402_GUARD_S)) < 0)
        return true;
    return rules->ahead_max_s > 0 &&
           x402_u256_cmp(*end, moment(rules->now_s, rules->ahead_max_s)) > 0;
}

static bool is_too_early(const struct x402_u256 *start, const struct x402_rules *rules)
{
    return x402_u256_cmp(*start, moment(rules->now_s, 0)) > 0;
}

static enum x402_verdict check_window(const struct x402_payment *p,
                                      const struct x402_rules *rules)
{
    if (p->method == X402_EIP3009) {
        if (is_too_late(&p->transfer.valid_before, rules))
            return X402_TOO_LATE;
        return is_too_early(&p->transfer.valid_after, rules) ? X402_TOO_EARLY
                                                             : X402_VALID;
    }
    if (is_too_late(&p->permit.deadline, rules))
        return X402_PERMIT_TOO_LATE;
    return is_too_early(&p->permit.valid_after, rules) ? X402_PERMIT_TOO_EARLY
                                                       : X402_VALID;
}

enum x402_verdict x402_check(const struct x402_payment *p,
                             const struct x402_offer *offer,
                             const struct x402_rules *rules)
{
    enum x402_verdict verdict = check_shape(p, offer);

    if (verdict == X402_VALID)
        verdict = p->method == X402_EIP3009 ? check_transfer(&p->transfer, offer)
                                            : check_permit(&p->permit, offer);
    if (verdict != X402_VALID)
        return verdict;
    if (p->chain_id != offer->chain_id)
        return offer->scheme == X402_SCHEME_UPTO ? X402_BAD_UPTO_NETWORK
                                                 : X402_BAD_EXACT_NETWORK;
    return check_window(p, rules);
}

enum x402_verdict x402_check_signature(const struct x402_payment *p,
                                       const struct x402_offer *offer)
{
    struct x402_signature signature;
    struct x402_hash digest;

    make_digest(&digest, p, offer);
    if (x402_signature_read(&signature, p->signature, X402_V_PAYMENT) == RC_OK &&
        x402_curve_signed_by(&digest, &signature, x402_payer(p)))
        return X402_VALID;
    return p->method == X402_EIP3009 ? X402_BAD_SIGNATURE : X402_BAD_PERMIT_SIGNATURE;
}

enum x402_verdict x402_verify(const struct x402_payment *p,
                              const struct x402_offer *offer,
                              const struct x402_rules *rules)
{
    const enum x402_verdict verdict = x402_check(p, offer, rules);

    return verdict == X402_VALID ? x402_check_signature(p, offer) : verdict;
}

enum x402_verdict x402_check_settle(const struct x402_payment *p,
                                    const struct x402_offer *offer,
                                    const struct x402_u256 *actual)
{
    const int cmp = x402_u256_cmp(
        *actual, p->method == X402_EIP3009 ? p->transfer.value : p->permit.amount);

    if (offer->scheme == X402_SCHEME_UPTO)
        return cmp <= 0 ? X402_VALID : X402_OVER_CAP;
    if (cmp == 0)
        return X402_VALID;
    return p->method == X402_EIP3009 ? X402_BAD_VALUE : X402_BAD_PERMIT_AMOUNT;
}

/* Paying -----------------------------------------------------------------------------
 */

enum rc x402_pay(struct x402_payment *out, const struct x402_offer *offer,
                 const struct x402_address *from, const struct x402_hash *nonce,
                 uint64_t now_s)
{
    const struct x402_u256 end = moment(now_s, offer->timeout_s);
    struct x402_payment p = {.version = 2,
                             .scheme = offer->scheme,
                             .chain_id = offer->chain_id,
                             .has_accepted = true,
                             .accepted = *offer,
                             .method = offer->method};

    if (offer->method == X402_EIP3009) {
        if (offer->name.bytes == NULL || offer->version.bytes == NULL)
            return RC_BAD_INPUT;
        p.transfer = (struct x402_transfer){.from = *from,
                                            .to = offer->pay_to,
                                            .value = offer->amount,
                                            .valid_before = end,
                                            .nonce = *nonce};
    } else {
        p.permit = (struct x402_permit){.kind = kind_of(offer->scheme),
                                        .owner = *from,
                                        .token = offer->asset,
                                        .amount = offer->amount,
                                        .spender = *spender_of(offer->scheme),
                                        .deadline = end,
                                        .to = offer->pay_to,
                                        .facilitator = offer->facilitator};
        memcpy(p.permit.nonce.bytes, nonce->bytes, sizeof(nonce->bytes));
    }
    *out = p;
    return RC_OK;
}

enum rc x402_sign(struct x402_payment *p, const struct x402_offer *offer,
                  const uint8_t key[X402_KEY_LEN], struct arena *a)
{
    struct x402_signature signature;
    struct x402_address signer;
    struct x402_hash digest;
    uint8_t *bytes = arena_alloc(a, X402_SIGNATURE_LEN);

    if (bytes == NULL)
        return RC_NOMEM;
    TRY(x402_curve_address(&signer, key));
    if (!x402_address_equal(&signer, x402_payer(p)))
        return RC_BAD_INPUT;
    make_digest(&digest, p, offer);
    TRY(x402_curve_sign(&signature, &digest, key));
    x402_signature_write(bytes, &signature);
    p->signature = slice_from((const char *)bytes, X402_SIGNATURE_LEN);
    return RC_OK;
}

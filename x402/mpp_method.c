/* SPDX-License-Identifier: Apache-2.0 */
#include "x402/mpp_method.h"

#include "base/clock.h"
#include "base/codec.h"
#include "base/keccak.h"
#include "x402/members.h"
#include "x402/network.h"
#include "x402/wire.h"

#include <string.h>

enum {
    US_PER_S = 1000000,
    REQUEST_MAX = 4096,
    PAYLOAD_MAX = 1024
};

/* Problems ---------------------------------------------------------------------------
 */

static const struct problem {
    const char *type;
    const char *title;
    unsigned status;
} problems[MPP_PROBLEM__COUNT] = {

#define PROBLEM(name, suffix, title, status) \
    [MPP_##name] = {"https://paymentauth.org/problems/" suffix, (title), (status)},
#include "x402/problem.def"
#undef PROBLEM
};

unsigned mpp_problem_status(enum mpp_problem problem)
{
    return problems[problem].status;
}

const char *mpp_problem_type(enum mpp_problem problem)
{
    return problems[problem].type;
}

const char *mpp_problem_title(enum mpp_problem problem)
{
    return problems[problem].title;
}

void mpp_problem_write(struct json_out *o, enum mpp_problem problem,
                       struct slice detail, struct slice challenge_id)
{
    json_out_object(o);
    json_out_kstr(o, "type", problems[problem].type);
    json_out_kstr(o, "title", problems[problem].title);
    json_out_ku64(o, "status", problems[problem].status);
    json_out_kslice(o, "detail", detail);
    x402__write_text(o, "challengeId", challenge_id);
    json_out_end_object(o);
}

/* Requests ---------------------------------------------------------------------------
 */

static void write_details(struct json_out *o, const struct mpp_request *r)
{
    json_out_key(o, "methodDetails");
    json_out_object(o);
    json_out_ku64(o, "chainId", r->chain_id);
    if (r->takes_authorization) {
        json_out_key(o, "credentialTypes");
        json_out_array(o);
        json_out_str(o, "authorization");
        json_out_end_array(o);
    }
    if (r->decimals > 0)
        json_out_ku64(o, "decimals", r->decimals);
    json_out_end_object(o);
}

enum rc mpp_request_encode(struct slice *out, const struct mpp_request *r,
                           struct arena *a)
{
    struct buf text = x402__room(a, REQUEST_MAX);
    struct json_out o;

    json_out_init(&o, &text);
    json_out_object(&o);
    x402__write_u256(&o, "amount", &r->amount);
    json_out_kslice(&o, "currency", r->currency);
    if (r->chain_id > 0)
        write_details(&o, r);
    x402__write_text(&o, "recipient", r->recipient);
    json_out_end_object(&o);
    return buf_spent(&text) ? RC_TOO_BIG
                            : x402__encode_canonical(out, buf_slice(&text), a);
}

static enum rc read_credential_types(bool *authorization, struct slice details,
                                     struct arena *a)
{
    struct slice list;
    struct slice element;
    size_t at = 0;

    TRY(x402__array(&list, details, "credentialTypes"));
    while (json_raw_element(&element, list, &at) != JSON_ABSENT) {
        struct slice type;

        TRY(json_raw_string(&type, element, a));
        *authorization |= slice_equal_str(type, "authorization");
    }
    return RC_OK;
}

static enum rc read_details(struct mpp_request *r, struct slice json, struct arena *a)
{
    struct slice details;

    TRY(x402__object(&details, json, "methodDetails"));
    if (x402__has(details, "chainId"))
        TRY(x402__u64(&r->chain_id, details, "chainId"));
    if (x402__has(details, "decimals"))
        TRY(x402__u64(&r->decimals, details, "decimals"));
    if (x402__has(details, "credentialTypes"))
        TRY(read_credential_types(&r->takes_authorization, details, a));
    return RC_OK;
}

enum rc mpp_request_decode(struct mpp_request *out, struct slice request,
                           struct arena *a)
{
    struct mpp_request r = {0};
    struct slice json;

    TRY(base64url_decode(&json, request, a));
    TRY(x402__guard(json, a));
    TRY(x402__u256(&r.amount, json, "amount", a));
    TRY(x402__text(&r.currency, json, "currency", a));
    TRY(x402__text_or_none(&r.recipient, json, "recipient", a));
    if (x402__has(json, "methodDetails"))
        TRY(read_details(&r, json, a));
    *out = r;
    return RC_OK;
}

/* Every method -----------------------------------------------------------------------
 */

static bool is_ours(const struct mpp_challenge *c, const struct mpp_terms *terms,
                    struct arena *a)
{
    return mpp_challenge_is_ours(c, terms->secret, a) ||
           (terms->old_secret.len > 0 &&
            mpp_challenge_is_ours(c, terms->old_secret, a));
}

/* Whether it was made for this call. */
static bool is_for(const struct mpp_challenge *c, const struct mpp_terms *terms,
                   struct arena *a)
{
    struct mpp_opaque opaque = {0};

    if (c->opaque.bytes != NULL && mpp_opaque_decode(&opaque, c->opaque, a) != RC_OK)
        return false;
    return slice_equal(c->realm, terms->realm) &&
           slice_equal(opaque.route, terms->route) &&
           (c->digest.bytes == NULL || mpp_digest_matches(c->digest, terms->body, a));
}

enum mpp_problem mpp_check(const struct mpp_credential *c,
                           const struct mpp_terms *terms, struct arena *a)
{
    uint64_t expires_us;

    if (!is_ours(&c->challenge, terms, a) || !is_for(&c->challenge, terms, a))
        return MPP_INVALID_CHALLENGE;
    if (c->challenge.expires.bytes == NULL ||
        clock_parse(&expires_us, c->challenge.expires) != RC_OK ||
        expires_us <= terms->now_us)
        return MPP_PAYMENT_EXPIRED;
    return MPP_NONE;
}

static bool is_charge(const struct mpp_challenge *c, const char *method)
{
    return slice_equal_str(c->method, method) && slice_equal_str(c->intent, "charge");
}

/* "did:pkh:eip155:<chain>:<address>". */
static enum rc read_source(uint64_t *chain_id, struct x402_address *address,
                           struct slice source)
{
    static const struct slice prefix = SLICE("did:pkh:");
    struct slice rest = slice_sub(source, prefix.len, source.len);
    const size_t kind = slice_find(rest, ':') + 1;
    const size_t end = kind + slice_find(slice_sub(rest, kind, rest.len), ':');

    if (!slice_starts(source, prefix))
        return RC_BAD_INPUT;
    TRY(x402_network_parse(chain_id, slice_sub(rest, 0, end)));
    return x402_address_parse(address, slice_sub(rest, end + 1, rest.len));
}

/* evm/charge -------------------------------------------------------------------------
 */

static enum rc read_offer(struct x402_offer *offer, const struct mpp_challenge *c,
                          struct arena *a)
{
    const struct x402_token *token;
    struct mpp_request r;

    TRY(mpp_request_decode(&r, c->request, a));
    if (!is_charge(c, "evm") || !r.takes_authorization || r.chain_id == 0)
        return RC_BAD_INPUT;
    *offer = (struct x402_offer){.scheme = X402_SCHEME_EXACT,
                                 .method = X402_EIP3009,
                                 .chain_id = r.chain_id,
                                 .amount = r.amount};
    TRY(x402_address_parse(&offer->asset, r.currency));
    TRY(x402_address_parse(&offer->pay_to, r.recipient));
    token = x402_token_find(offer->chain_id, &offer->asset);
    if (token != NULL) {
        offer->name = slice_str(token->name);
        offer->version = slice_str(token->version);
    }
    return RC_OK;
}

static enum rc check_type(struct slice payload, const char *want, struct arena *a)
{
    struct slice type;

    TRY(x402__text(&type, payload, "type", a));
    return slice_equal_str(type, want) ? RC_OK : RC_BAD_INPUT;
}

enum mpp_problem mpp_evm_read(struct mpp_evm *out, const struct mpp_credential *c,
                              struct arena *a)
{
    struct mpp_evm e = {
        .payment = {.scheme = X402_SCHEME_EXACT, .method = X402_EIP3009}};

    if (read_offer(&e.offer, &c->challenge, a) != RC_OK)
        return MPP_INVALID_CHALLENGE;
    e.payment.chain_id = e.offer.chain_id;
    if (check_type(c->payload, "authorization", a) != RC_OK ||
        x402__read_transfer(&e.payment.transfer, c->payload, a) != RC_OK ||
        x402__read_signature(&e.payment.signature, c->payload, a) != RC_OK)
        return MPP_INVALID_PAYLOAD;
    *out = e;
    return MPP_NONE;
}

/* What binds an authorization to one challenge. */
static enum rc make_nonce(struct x402_hash *out, const struct mpp_challenge *c)
{
    struct keccak256_state s;

    TRY(keccak256_start(&s));
    keccak256_add(&s, c->id.bytes, c->id.len);
    keccak256_add(&s, c->realm.bytes, c->realm.len);
    keccak256_end(out->bytes, &s);
    return RC_OK;
}

static bool is_source(struct slice source, uint64_t chain_id,
                      const struct x402_address *payer)
{
    struct x402_address address;
    uint64_t chain;

    return source.bytes == NULL ||
           (read_source(&chain, &address, source) == RC_OK && chain == chain_id &&
            x402_address_equal(&address, payer));
}

enum mpp_problem mpp_evm_verify(const struct mpp_evm *e, const struct mpp_credential *c,
                                uint64_t now_s)
{
    const struct x402_rules rules = {.now_s = now_s};
    struct x402_hash nonce;
    enum x402_verdict verdict;

    if (make_nonce(&nonce, &c->challenge) != RC_OK ||
        !x402_hash_equal(nonce, e->payment.transfer.nonce) ||
        !is_source(c->source, e->offer.chain_id, &e->payment.transfer.from))
        return MPP_VERIFICATION_FAILED;
    verdict = x402_verify(&e->payment, &e->offer, &rules);
    if (verdict == X402_TOO_LATE)
        return MPP_PAYMENT_EXPIRED;
    return verdict == X402_VALID ? MPP_NONE : MPP_VERIFICATION_FAILED;
}

/* The payload and the source of a signed transfer, in the order of the reference. */
static enum rc print_transfer(struct mpp_credential *out, const struct x402_payment *p,
                              struct arena *a)
{
    struct buf text = x402__room(a, PAYLOAD_MAX);
    char network[X402_NETWORK_TEXT_SIZE];
    char address[X402_ADDRESS_TEXT_SIZE];
    char nonce[X402_HASH_TEXT_SIZE];
    struct json_out o;

    x402_hash_print(nonce, p->transfer.nonce);
    json_out_init(&o, &text);
    json_out_object(&o);
    x402__write_address(&o, "from", &p->transfer.from);
    json_out_kstr(&o, "nonce", nonce);
    x402__write_signature(&o, p->signature);
    x402__write_address(&o, "to", &p->transfer.to);
    json_out_kstr(&o, "type", "authorization");
    x402__write_u256(&o, "validAfter", &p->transfer.valid_after);
    x402__write_u256(&o, "validBefore", &p->transfer.valid_before);
    x402__write_u256(&o, "value", &p->transfer.value);
    json_out_end_object(&o);
    x402_network_print(network, p->chain_id);
    x402_address_print(address, &p->transfer.from);
    out->payload = buf_slice(&text);
    out->source = slice_str(arena_printf(a, "did:pkh:%s:%s", network, address));
    return buf_spent(&text) || out->source.bytes == NULL ? RC_TOO_BIG : RC_OK;
}

enum rc mpp_evm_offer(struct x402_offer *out, const struct mpp_challenge *challenge,
                      struct arena *a)
{
    struct x402_offer offer;

    TRY(read_offer(&offer, challenge, a));
    *out = offer;
    return RC_OK;
}

enum rc mpp_evm_begin(struct x402_payment *out, const struct mpp_challenge *challenge,
                      const struct x402_offer *offer, const struct x402_address *from)
{
    struct x402_offer now = *offer;
    struct x402_hash nonce;
    uint64_t expires_us;

    if (challenge->expires.bytes == NULL)
        return RC_BAD_INPUT;
    TRY(clock_parse(&expires_us, challenge->expires));
    now.timeout_s = 0; /* it ends with the challenge */
    TRY(make_nonce(&nonce, challenge));
    return x402_pay(out, &now, from, &nonce, expires_us / US_PER_S);
}

enum rc mpp_evm_end(struct mpp_credential *out, const struct mpp_challenge *challenge,
                    const struct x402_payment *payment, struct arena *a)
{
    struct mpp_credential c = {.challenge = *challenge};

    TRY(print_transfer(&c, payment, a));
    *out = c;
    return RC_OK;
}

enum rc mpp_evm_pay(struct mpp_credential *out, const struct mpp_challenge *challenge,
                    const struct x402_offer *token, const uint8_t key[X402_KEY_LEN],
                    struct arena *a)
{
    struct x402_address from;
    struct x402_offer offer;
    struct x402_payment p;

    TRY(read_offer(&offer, challenge, a));
    offer.name = token->name;
    offer.version = token->version;
    TRY(x402_curve_address(&from, key));
    TRY(mpp_evm_begin(&p, challenge, &offer, &from));
    TRY(x402_sign(&p, &offer, key, a));
    return mpp_evm_end(out, challenge, &p, a);
}

/* tempo/charge, amount zero ----------------------------------------------------------
 */

enum mpp_problem mpp_tempo_verify(struct x402_address *account,
                                  const struct mpp_credential *c, struct arena *a)
{
    struct x402_signature signature;
    struct x402_address who;
    struct mpp_request r;
    struct x402_hash domain;
    struct x402_hash message;
    struct x402_hash digest;
    struct slice bytes;
    uint64_t chain_id;

    if (!is_charge(&c->challenge, "tempo") ||
        mpp_request_decode(&r, c->challenge.request, a) != RC_OK ||
        !x402_u256_is_zero(r.amount))
        return MPP_INVALID_CHALLENGE;
    if (check_type(c->payload, "proof", a) != RC_OK ||
        x402__read_signature(&bytes, c->payload, a) != RC_OK ||
        read_source(&chain_id, &who, c->source) != RC_OK)
        return MPP_INVALID_PAYLOAD;
    x402_domain_proof(&domain, chain_id);
    x402_typed_proof(&message, &who, c->challenge.id, c->challenge.realm);
    x402_typed_digest(&digest, &domain, &message);
    if (chain_id != r.chain_id ||
        x402_signature_read(&signature, bytes, X402_V_PROOF) != RC_OK ||
        !x402_curve_signed_by(&digest, &signature, &who))
        return MPP_VERIFICATION_FAILED;
    *account = who;
    return MPP_NONE;
}

/* ledger/charge ----------------------------------------------------------------------
 */

enum mpp_problem mpp_ledger_read(struct mpp_ledger *out, const struct mpp_credential *c,
                                 struct arena *a)
{
    struct mpp_ledger l;
    struct slice mac;

    if (x402__text(&l.account, c->payload, "account", a) != RC_OK ||
        x402__text(&mac, c->payload, "mac", a) != RC_OK || l.account.len == 0 ||
        hex_decode(l.mac, sizeof(l.mac), mac) != RC_OK)
        return MPP_INVALID_PAYLOAD;
    *out = l;
    return MPP_NONE;
}

enum mpp_problem mpp_ledger_verify(const struct mpp_ledger *l,
                                   const struct mpp_credential *c, struct slice secret)
{
    uint8_t mac[SHA256_LEN];

    hmac_sha256(mac, secret, c->challenge.id);
    if (!slice_equal_secret(slice_from((const char *)mac, sizeof(mac)),
                            slice_from((const char *)l->mac, sizeof(l->mac))))
        return MPP_VERIFICATION_FAILED;
    return MPP_NONE;
}

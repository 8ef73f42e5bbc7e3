/* SPDX-License-Identifier: Apache-2.0 */
/* sign-in-with-x: clients of x402 spend what was credited to their address by a
 * signature in SIGN-IN-WITH-X. It is asked for in the extensions of a 402, with a nonce
 * that says when it ends and for which resource it was made, so that nothing is kept of
 * it until it comes back; then it is used up. A payment header beside it wins: the
 * sign-in is then not looked at. */
#include "base/clock.h"
#include "base/codec.h"
#include "base/json.h"
#include "base/random.h"
#include "gateway/offers.h"
#include "gateway/payment_hold.h"
#include "gateway/proof_call.h"
#include "gateway/request_pay.h"

#include <string.h>

enum {
    EXPIRES_LEN = 8, /* seconds, big endian */
    RANDOM_LEN = 8,
    MAC_LEN = 16,
    HEAD_LEN = EXPIRES_LEN + RANDOM_LEN,
    NONCE_LEN = HEAD_LEN + MAC_LEN,
    GOOD_S = 300,
    SKEW_S = 60, /* a client's clock may be ahead of ours by so much */
    URI_MAX = 2048,
    EXTENSION_MAX = 8192
};

static const char header_name[] = "sign-in-with-x";

struct siwx_state {
    struct proof_call proof; /* first: r->pay_state is both */
    struct x402_sign_in sign_in;
    uint8_t nonce[NONCE_LEN];
    enum rc read_rc;
    bool checked;
    bool proven;
};

/* ---- Nonces ---- */

/* What a sign-in must name. false: we do not know ourselves who we are, or the
 * resource's name is beyond reason. */
static bool where(struct slice *domain, struct slice *uri, struct request *r)
{
    const struct slice origin = slice_str(offers_origin(r));
    const size_t at = slice_search(origin, SLICE("://"));

    if (at == origin.len || r->http->path.len + r->http->query.len > URI_MAX)
        return false;
    *domain = slice_sub(origin, at + 3, origin.len);
    *uri = slice_str(offers_url(r, r->http->path, r->http->query));
    return uri->len > 0;
}

static enum rc nonce_mac(uint8_t out[SHA256_LEN], struct request *r,
                         const uint8_t head[HEAD_LEN], struct slice uri)
{
    const struct slice pieces[] = {SLICE("sign-in|"),
                                   slice_from((const char *)head, HEAD_LEN),
                                   r->http->method, SLICE(" "), uri};
    uint8_t digest[SHA256_LEN];
    struct sha256_state s;

    TRY(sha256_start(&s));
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        sha256_add(&s, pieces[i]);
    sha256_end(digest, &s);
    hmac_sha256(out, slice_from((const char *)r->worker->quote_key, SHA256_LEN),
                slice_from((const char *)digest, sizeof(digest)));
    return RC_OK;
}

static enum rc nonce_make(char hex[2 * NONCE_LEN + 1], struct request *r,
                          struct slice uri, uint64_t expires_s)
{
    uint8_t nonce[NONCE_LEN], mac[SHA256_LEN];

    for (unsigned i = 0; i < EXPIRES_LEN; i++)
        nonce[i] = (uint8_t)(expires_s >> (8 * (EXPIRES_LEN - 1 - i)));
    random_bytes(nonce + EXPIRES_LEN, RANDOM_LEN);
    TRY(nonce_mac(mac, r, nonce, uri));
    memcpy(nonce + HEAD_LEN, mac, MAC_LEN);
    hex_encode(hex, nonce, sizeof(nonce));
    return RC_OK;
}

/* Also reads when it ends. */
static bool nonce_is_ours(uint64_t *expires_s, struct request *r,
                          const uint8_t nonce[NONCE_LEN], struct slice uri)
{
    uint8_t mac[SHA256_LEN];

    *expires_s = 0;
    for (unsigned i = 0; i < EXPIRES_LEN; i++)
        *expires_s = *expires_s << 8 | nonce[i];
    return nonce_mac(mac, r, nonce, uri) == RC_OK &&
           slice_equal_secret(slice_from((const char *)mac, MAC_LEN),
                              slice_from((const char *)nonce + HEAD_LEN, MAC_LEN));
}

/* ---- Who ---- */

static bool mine(const struct http_request *http)
{
    unsigned count, v1, v2;

    (void)http_header(http, header_name, &count);
    (void)http_header(http, "payment-signature", &v2);
    (void)http_header(http, "x-payment", &v1);
    return count > 0 && v1 + v2 == 0;
}

static enum rc identify(struct request *r)
{
    struct siwx_state *s = arena_new(r->arena, struct siwx_state);
    unsigned count;
    struct slice header = http_header(r->http, header_name, &count);

    if (s == NULL)
        return RC_NOMEM;
    memset(s, 0, sizeof(*s));
    r->pay_state = s;
    if (count > 1)
        return request_fault(r, RC_BAD_INPUT, "SIGN-IN-WITH-X",
                             "Send one sign-in, in one header.");
    s->read_rc = x402_sign_in_parse(&s->sign_in, header, r->arena);
    return payment_key_beside(r);
}

/* ---- Whether it is good ---- */

static enum rc refuse(struct request *r, const char *code, const char *detail)
{
    r->fault = (struct fault){.rc = RC_PAYMENT_BAD, .code = code, .detail = detail};
    r->rc = RC_PAYMENT_BAD;
    return r->rc;
}

/* Its own times, which the nonce's end bounds anyway. */
static bool in_time(const struct x402_sign_in *s, uint64_t now_us)
{
    uint64_t issued_us, when_us;

    if (clock_parse(&issued_us, s->issued_at) != RC_OK ||
        issued_us > now_us + SKEW_S * 1000000ULL)
        return false;
    if (s->expires_at.bytes != NULL &&
        (clock_parse(&when_us, s->expires_at) != RC_OK || when_us <= now_us))
        return false;
    return s->not_before.bytes == NULL ||
           (clock_parse(&when_us, s->not_before) == RC_OK && when_us <= now_us);
}

static enum rc check(struct request *r, struct siwx_state *s)
{
    const uint64_t now_us = clock_wall_us();
    const struct x402_sign_in *in = &s->sign_in;
    struct slice domain, uri;
    uint64_t expires_s;

    if (s->read_rc != RC_OK)
        return refuse(r, "malformed_sign_in", "The sign-in can not be read.");
    if (!where(&domain, &uri, r) || !slice_equal(in->domain, domain) ||
        !slice_equal(in->uri, uri) || !slice_equal(in->version, SLICE("1")))
        return refuse(r, "sign_in_elsewhere", "The sign-in is for another resource.");
    if (hex_decode(s->nonce, sizeof(s->nonce), in->nonce) != RC_OK ||
        !nonce_is_ours(&expires_s, r, s->nonce, uri))
        return refuse(r, "sign_in_elsewhere",
                      "The sign-in's nonce was not made here for this request.");
    if (expires_s * 1000000 <= now_us || !in_time(in, now_us))
        return refuse(r, "expired", "The sign-in has expired.");
    if (!x402_sign_in_verify(in, r->arena))
        return refuse(r, "invalid_signature",
                      "The sign-in is not signed by its address.");
    s->proven = true;
    s->proof.scheme = "siwx";
    s->proof.id = slice_from((const char *)s->nonce, sizeof(s->nonce));
    s->proof.payer = in->address;
    s->proof.expires_us = expires_s * 1000000;
    return RC_OK;
}

static bool unreadable(const struct request *r)
{
    const struct siwx_state *s = r->pay_state;

    return s != NULL && s->read_rc != RC_OK;
}

static enum step reserve(struct request *r)
{
    struct siwx_state *s = r->pay_state;

    if (!s->checked) {
        s->checked = true;
        r->rc = check(r, s);
        if (r->rc != RC_OK)
            return STEP_ON;
    }
    return proof_call_reserve(r, &s->proof);
}

/* ---- Words ---- */

static void offer(struct buf *out, struct request *r)
{
    (void)out; /* it stands in x402's extensions */
    (void)r;
}

static struct slice time_text(struct request *r, uint64_t wall_s)
{
    char text[CLOCK_TEXT_SIZE];

    clock_print(text, wall_s * 1000000);
    return slice_str(arena_printf(r->arena, "%.19sZ", text));
}

static size_t chains_of(uint64_t out[CONFIG_NETWORKS_MAX],
                        const struct config_payments *p)
{
    size_t count = 0;

    for (size_t i = 0; i < p->network_count; i++) {
        size_t at = 0;

        while (at < count && out[at] != p->networks[i].chain_id)
            at++;
        if (at == count)
            out[count++] = p->networks[i].chain_id;
    }
    return count;
}

/* A sign-in that was good and did not pay is not asked for again. */
static bool is_wanted(const struct request *r)
{
    const struct siwx_state *s = r->pay_state;

    if ((r->match.api->flags & API_TOPUP) || r->worker->quote_key == NULL)
        return false;
    return r->payment == NULL || r->payment->mine != mine || s == NULL || !s->proven ||
           r->fault.rc == RC_USED;
}

static bool extension(struct request *r, const char **name, struct slice *json)
{
    const uint64_t now_s = clock_wall_us() / 1000000;
    struct x402_sign_in s = {.version = SLICE("1"), .resource_count = 1};
    uint64_t chains[CONFIG_NETWORKS_MAX];
    const size_t chain_count = chains_of(chains, r->config->payments);
    char nonce[2 * NONCE_LEN + 1];
    struct json_out o;
    struct buf b;

    if (chain_count == 0 || !is_wanted(r) || !where(&s.domain, &s.uri, r) ||
        nonce_make(nonce, r, s.uri, now_s + GOOD_S) != RC_OK)
        return false;
    s.statement = SLICE("Pay this call from what is credited to this address.");
    s.nonce = slice_str(nonce);
    s.issued_at = time_text(r, now_s);
    s.expires_at = time_text(r, now_s + GOOD_S);
    s.resources[0] = s.uri;
    buf_init(&b, EXTENSION_MAX);
    json_out_init(&o, &b);
    x402_sign_in_offer_write(&o, &s, chains, chain_count);
    *name = header_name;
    *json = buf_spent(&b) ? SLICE_NONE : arena_slice(r->arena, buf_slice(&b));
    buf_free(&b);
    return json->len > 0;
}

extern const struct payment payment_siwx;
const struct payment payment_siwx = {
    .name = "siwx",
    .mine = mine,
    .identify = identify,
    .unreadable = unreadable,
    .reserve = reserve,
    .settle = payment_capture,
    .offer = offer,
    .extension = extension,
};

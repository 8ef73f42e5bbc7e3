/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/settle/buyer.h"

#include "base/clock.h"
#include "base/random.h"

#include <stdio.h>
#include <string.h>

enum {
    US_PER_S = 1000000,
    CHALLENGES_MAX = 8,
    JSON_DEPTH = 32 /* schemas stand beside offers */
};

static const char *const payment_headers[] = {
    "payment-required", "payment-signature",  "payment-response",    "payment-receipt",
    "x-payment",        "x-payment-response", "extension-responses", "sign-in-with-x",
};

bool buyer_is_payment_header(struct slice name)
{
    for (size_t i = 0; i < sizeof(payment_headers) / sizeof(payment_headers[0]); i++)
        if (slice_equal_nocase(name, slice_str(payment_headers[i])))
            return true;
    return false;
}

/* Hosts -------------------------------------------------------------------------------
 */

struct slice buyer_host(struct slice url)
{
    const size_t scheme = slice_search(url, SLICE("://"));
    struct slice rest = slice_sub(url, scheme + 3, url.len);
    size_t end;

    if (scheme == url.len)
        return SLICE_NONE;
    for (end = 0; end < rest.len && strchr("/?#", rest.bytes[end]) == NULL; end++)
        continue;
    rest = slice_sub(rest, 0, end);
    end = slice_find(rest, '@');
    if (end < rest.len) /* a name before the host could look like one */
        return SLICE_NONE;
    if (slice_starts(rest, SLICE("[")))
        return slice_sub(rest, 1, slice_find(rest, ']') - 1);
    return slice_sub(rest, 0, slice_find(rest, ':'));
}

static bool same_host(struct slice url, struct slice asked)
{
    const struct slice host = buyer_host(url);

    return host.len > 0 && slice_equal_nocase(host, buyer_host(asked));
}

/* A realm is any text; one that is a host's name is compared with it. */
static bool realm_fits(struct slice realm, struct slice asked)
{
    const struct slice name = slice_sub(realm, 0, slice_find(realm, ':'));

    for (size_t i = 0; i < name.len; i++) {
        const char c = name.bytes[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '.' || c == '-'))
            return true;
    }
    if (slice_find(name, '.') == name.len &&
        !slice_equal_nocase(name, SLICE("localhost")))
        return true;
    return slice_equal_nocase(name, buyer_host(asked));
}

/* Tokens ------------------------------------------------------------------------------
 */

struct token {
    struct slice name;
    struct slice version;
    unsigned decimals;
};

static bool find_token(struct token *out, const struct config_payments *p,
                       const struct x402_offer *offer)
{
    const struct x402_token *t = x402_token_find(offer->chain_id, &offer->asset);

    for (size_t i = 0; i < p->network_count; i++) {
        const struct config_network *n = &p->networks[i];

        if (n->chain_id == offer->chain_id &&
            x402_address_equal(&n->asset, &offer->asset)) {
            *out = (struct token){slice_str(n->asset_name), slice_str(n->asset_version),
                                  n->decimals};
            return true;
        }
    }
    if (t == NULL)
        return false;
    *out = (struct token){slice_str(t->name), slice_str(t->version), t->decimals};
    return true;
}

static bool is_allowed(const struct config_buyer *b, const struct x402_offer *offer)
{
    bool chain = b->chain_count == 0;
    bool asset = b->asset_count == 0;

    for (size_t i = 0; i < b->chain_count; i++)
        chain = chain || b->chains[i] == offer->chain_id;
    for (size_t i = 0; i < b->asset_count; i++)
        asset = asset || x402_address_equal(&b->assets[i], &offer->asset);
    return chain && asset;
}

/* Offers ------------------------------------------------------------------------------
 */

struct search {
    const struct buyer_terms *terms;
    struct money cap;
    struct arena *arena;
    bool found;
    struct buyer_deal best;
    bool dear; /* what could be taken but for its price */
    struct money least;
};

/* What needs nothing on the chain comes first. */
static unsigned kind_of(const struct x402_offer *o)
{
    if (o->scheme == X402_SCHEME_UPTO)
        return 2;
    return o->method == X402_PERMIT2 ? 1 : 0;
}

static bool is_better(const struct buyer_deal *a, const struct buyer_deal *b)
{
    const bool a_first = slice_equal_str(a->offer.flow, "upfront");
    const bool b_first = slice_equal_str(b->offer.flow, "upfront");
    const int cmp = money_cmp(a->amount, b->amount);

    if (kind_of(&a->offer) != kind_of(&b->offer))
        return kind_of(&a->offer) < kind_of(&b->offer);
    if (cmp != 0)
        return cmp < 0;
    if (a_first != b_first)
        return b_first;
    return a->way < b->way;
}

static bool is_flow(struct slice flow)
{
    return flow.bytes == NULL || slice_equal_str(flow, "authorization") ||
           slice_equal_str(flow, "upfront");
}

static bool says_other(struct slice said, struct slice known)
{
    return said.bytes != NULL && !slice_equal(said, known);
}

/* Whether the offer is one for us; then it has our domain and window. */
static bool fits(struct x402_offer *o, unsigned *decimals, const struct search *s)
{
    struct token token;

    if (!is_allowed(&s->terms->payments->buyer, o) ||
        !find_token(&token, s->terms->payments, o))
        return false;
    if (says_other(o->name, token.name) || says_other(o->version, token.version))
        return false;
    if (x402_address_is_zero(&o->pay_to) || x402_u256_is_zero(o->amount) ||
        o->timeout_s <= X402_GUARD_S || !is_flow(o->flow))
        return false;
    if (o->scheme == X402_SCHEME_UPTO && x402_address_is_zero(&o->facilitator))
        return false;
    o->name = token.name;
    o->version = token.version;
    if (o->timeout_s > BUYER_WINDOW_S)
        o->timeout_s = BUYER_WINDOW_S;
    *decimals = token.decimals;
    return true;
}

static void consider(struct search *s, struct buyer_deal *d)
{
    unsigned decimals;

    if (!fits(&d->offer, &decimals, s))
        return;
    if (x402_u256_to_money(&d->amount, d->offer.amount, decimals, X402_UP) != RC_OK)
        d->amount = money_from_nano(UINT64_MAX);
    if (money_cmp(d->amount, s->cap) > 0) {
        s->least = s->dear ? money_min(s->least, d->amount) : d->amount;
        s->dear = true;
    } else if (!s->found || is_better(d, &s->best)) {
        s->best = *d;
        s->found = true;
    }
}

static void consider_all(struct search *s, enum buyer_way way,
                         const struct x402_required *r)
{
    if (!same_host(r->resource.url, s->terms->url))
        return;
    for (size_t i = 0; i < r->offer_count; i++) {
        struct buyer_deal d = {.way = way, .offer = r->offers[i], .required = *r};

        consider(s, &d);
    }
}

static void look_at_v2(struct search *s, struct slice header)
{
    struct x402_required r;

    if (x402_v2_required_parse(&r, header, s->arena) == RC_OK)
        consider_all(s, BUYER_X402_V2, &r);
}

static void look_at_body(struct search *s, struct slice body)
{
    const struct json_limits limits = {.bytes = BUYER_BODY_MAX, .depth = JSON_DEPTH};
    struct x402_required r;

    if (json_guard(body, &limits, NULL, 0, NULL, s->arena) == RC_OK &&
        x402_v1_required_read(&r, body, s->arena) == RC_OK)
        consider_all(s, BUYER_X402_V1, &r);
}

/* A header of the seller's choice must not be one that means something else. */
static bool is_credential_header(struct slice name)
{
    static const char marks[] = "-_";

    if (name.bytes == NULL || slice_equal_nocase(name, SLICE("authorization")))
        return true;
    for (size_t i = 0; i < name.len; i++) {
        const char c = name.bytes[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || memchr(marks, c, sizeof(marks) - 1) != NULL))
            return false;
    }
    return name.len <= 64 && (slice_starts_nocase(name, SLICE("payment-")) ||
                              slice_starts_nocase(name, SLICE("x-payment-")));
}

/* Its window is the challenge's, all of it or nothing. */
static bool window_of(uint64_t *timeout_s, const struct mpp_challenge *c,
                      uint64_t now_us)
{
    uint64_t end_us;

    if (c->expires.bytes == NULL || clock_parse(&end_us, c->expires) != RC_OK ||
        end_us <= now_us || end_us - now_us > (uint64_t)BUYER_CHALLENGE_S * US_PER_S)
        return false;
    *timeout_s = (end_us - now_us) / US_PER_S;
    return true;
}

static void look_at_challenge(struct search *s, const struct mpp_challenge *c)
{
    struct buyer_deal d = {.way = BUYER_MPP, .challenge = *c};
    struct mpp_request request;
    struct token token;
    uint64_t window_s;

    if (mpp_evm_offer(&d.offer, c, s->arena) != RC_OK ||
        mpp_request_decode(&request, c->request, s->arena) != RC_OK ||
        !find_token(&token, s->terms->payments, &d.offer))
        return;
    if ((request.decimals != 0 && request.decimals != token.decimals) ||
        !window_of(&window_s, c, s->terms->now_us) ||
        !is_credential_header(c->header) || !realm_fits(c->realm, s->terms->url))
        return;
    if (c->digest.bytes != NULL &&
        !mpp_digest_matches(c->digest, s->terms->body, s->arena))
        return;
    d.offer.name = SLICE_NONE; /* of our own word, not read from outside */
    d.offer.version = SLICE_NONE;
    d.offer.timeout_s = window_s;
    consider(s, &d);
}

static void look_at_mpp(struct search *s, struct slice header)
{
    struct mpp_challenge list[CHALLENGES_MAX];
    size_t count = CHALLENGES_MAX;

    if (mpp_challenges_parse(list, &count, header, s->arena) != RC_OK)
        return;
    for (size_t i = 0; i < count; i++)
        look_at_challenge(s, &list[i]);
}

enum rc buyer_choose(struct buyer_deal *out, const struct buyer_asked *asked,
                     const struct buyer_terms *t, struct arena *a)
{
    struct search s = {.terms = t,
                       .cap = money_min(t->max, t->payments->buyer.max_per_payment),
                       .arena = a};

    for (size_t i = 0; i < asked->header_count; i++) {
        const struct http_header *h = &asked->headers[i];

        if (slice_equal_nocase(h->name, SLICE("payment-required")))
            look_at_v2(&s, h->value);
        else if (slice_equal_nocase(h->name, SLICE("www-authenticate")))
            look_at_mpp(&s, h->value);
    }
    look_at_body(&s, asked->body);
    if (arena_spent(a))
        return RC_NOMEM;
    *out = s.best;
    if (s.found)
        return RC_OK;
    out->amount = s.least;
    return s.dear ? RC_LIMIT : RC_NOT_FOUND;
}

/* Paying ------------------------------------------------------------------------------
 */

enum rc buyer_pay(struct buyer_deal *d, const struct x402_address *payer,
                  uint64_t now_us)
{
    struct x402_hash nonce;

    if (d->way == BUYER_MPP)
        return mpp_evm_begin(&d->payment, &d->challenge, &d->offer, payer);
    random_bytes(nonce.bytes, sizeof(nonce.bytes));
    TRY(x402_pay(&d->payment, &d->offer, payer, &nonce, now_us / US_PER_S));
    d->payment.resource = d->required.resource;
    d->payment.extensions = d->required.extensions;
    return RC_OK;
}

static enum rc print_credential(struct http_header *out, const struct buyer_deal *d,
                                struct arena *a)
{
    struct mpp_credential c;

    out->name = d->challenge.header.bytes != NULL ? d->challenge.header
                                                  : SLICE("Authorization");
    TRY(mpp_evm_end(&c, &d->challenge, &d->payment, a));
    return mpp_credential_print(&out->value, &c, a);
}

/* Extensions are echoed because some sellers want it; without room for them it is
 * better to pay without. */
static enum rc print_v2(struct slice *out, const struct buyer_deal *d, struct arena *a)
{
    struct x402_payment p = d->payment;
    const enum rc rc = x402_v2_payment_print(out, &p, a);

    if (rc != RC_TOO_BIG || p.extensions.bytes == NULL)
        return rc;
    p.extensions = SLICE_NONE;
    return x402_v2_payment_print(out, &p, a);
}

enum rc buyer_print(struct http_header *out, const struct buyer_deal *d,
                    struct arena *a)
{
    switch (d->way) {
    case BUYER_X402_V2:
        out->name = SLICE("PAYMENT-SIGNATURE");
        return print_v2(&out->value, d, a);
    case BUYER_X402_V1:
        out->name = SLICE("X-PAYMENT");
        return x402_v1_payment_print(&out->value, &d->payment, a);
    case BUYER_MPP:
        break;
    }
    return print_credential(out, d, a);
}

/* Receipts ----------------------------------------------------------------------------
 */

/* What goes into the books and the log is visible ASCII, or nothing. */
static void keep_text(char *out, size_t size, struct slice text)
{
    out[0] = '\0';
    for (size_t i = 0; i < text.len; i++)
        if (text.bytes[i] <= 0x20 || text.bytes[i] >= 0x7f)
            return;
    (void)snprintf(out, size, "%.*s", SLICE_FMT(text));
}

static void keep_x402(struct buyer_receipt *out, enum rc rc,
                      const struct x402_receipt *r)
{
    if (rc != RC_OK)
        return;
    out->present = true;
    out->success = r->success;
    keep_text(out->reference, sizeof(out->reference), r->transaction);
    keep_text(out->reason, sizeof(out->reason), r->reason);
}

static void read_receipt(struct buyer_receipt *out, const struct buyer_deal *d,
                         const struct http_header *h, struct arena *a)
{
    struct x402_receipt r;
    struct mpp_receipt m;

    if (d->way == BUYER_X402_V2 &&
        slice_equal_nocase(h->name, SLICE("payment-response")))
        keep_x402(out, x402_v2_receipt_parse(&r, h->value, a), &r);
    else if (d->way == BUYER_X402_V1 &&
             slice_equal_nocase(h->name, SLICE("x-payment-response")))
        keep_x402(out, x402_v1_receipt_parse(&r, h->value, a), &r);
    else if (d->way == BUYER_MPP &&
             slice_equal_nocase(h->name, SLICE("payment-receipt")) &&
             mpp_receipt_parse(&m, h->value, a) == RC_OK) {
        out->present = true;
        out->success = true;
        keep_text(out->reference, sizeof(out->reference), m.reference);
    }
}

void buyer_receipt(struct buyer_receipt *out, const struct buyer_deal *d,
                   const struct http_header *headers, size_t count, struct arena *a)
{
    *out = (struct buyer_receipt){.present = false};
    for (size_t i = 0; i < count && !out->present; i++)
        read_receipt(out, d, &headers[i], a);
}

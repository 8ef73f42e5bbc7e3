/* SPDX-License-Identifier: Apache-2.0 */
/* x402, versions 1 and 2 on the same URL: an authorization in X-PAYMENT or in
 * PAYMENT-SIGNATURE. What it must answer is derived again from the request, so the
 * offer that it claims to answer is never believed, but for a quote that we signed. The
 * order of checks: shape, price, recipient, asset, network, window, whether the nonce
 * was seen, then the curve, then (gateway/pay_call.c) the chain. */
#include "base/clock.h"
#include "base/json.h"
#include "gateway/pay_call.h"
#include "gateway/request_pay.h"

#include <string.h>

enum {
    MEMBERS_MAX = 65536,
    SKEW_S = 60 /* a client's clock may be ahead of ours by so much */
};

struct x402_state {
    struct pay_call call; /* first: r->pay_state is both */
    unsigned version;
    enum rc read_rc; /* of the header */
    bool checked;
};

static const char *const header_names[] = {"payment-signature", "x-payment"};

static bool mine(const struct http_request *http)
{
    unsigned n1, n2;

    (void)http_header(http, header_names[0], &n1);
    (void)http_header(http, header_names[1], &n2);
    return n1 + n2 > 0;
}

static enum rc identify(struct request *r)
{
    struct x402_state *s = arena_new(r->arena, struct x402_state);
    unsigned count, other;
    struct slice header = http_header(r->http, header_names[0], &count);

    if (s == NULL)
        return RC_NOMEM;
    memset(s, 0, sizeof(*s));
    r->pay_state = s;
    s->call.method = "x402";
    s->version = 2;
    if (count == 0) {
        header = http_header(r->http, header_names[1], &count);
        s->version = 1;
    } else {
        (void)http_header(r->http, header_names[1], &other);
        count += other;
    }
    if (count > 1)
        return request_fault(r, RC_BAD_INPUT, "PAYMENT-SIGNATURE",
                             "Send one payment, in one header.");
    s->read_rc = s->version == 2
                     ? x402_v2_payment_parse(&s->call.payment, header, r->arena)
                     : x402_v1_payment_parse(&s->call.payment, header, r->arena);
    return payment_key_beside(r);
}

/* ---- Whether it answers an offer of ours ---- */

static enum rc no_match(struct request *r)
{
    return pay_call_refuse(r, RC_PAYMENT_BAD, "no_matching_offer",
                           "No matching payment requirements",
                           "The payment answers no offer of this call; the offers "
                           "stand beside this error.");
}

static const struct config_network *find_network(const struct request *r,
                                                 const struct x402_payment *p)
{
    const struct config_payments *all = r->config->payments;

    if (p->has_accepted)
        return config_network(r->config, p->chain_id, &p->accepted.asset);
    for (size_t i = 0; i < all->network_count; i++)
        if (all->networks[i].chain_id == p->chain_id && all->networks[i].exact)
            return &all->networks[i];
    return NULL;
}

static bool is_offered(const struct config_network *n, const struct x402_payment *p,
                       const struct request *r)
{
    if (p->scheme == X402_SCHEME_UPTO)
        return n->upto && p->method == X402_PERMIT2 && r->match.api->fit != NULL;
    return p->method == X402_EIP3009 ? n->exact : n->permit2;
}

/* At the price of now, or at the one that a quote of ours has bound. */
static enum rc find_price(struct request *r, struct x402_state *s)
{
    struct pay_call *c = &s->call;
    const struct x402_payment *p = &c->payment;
    struct offer_price price;

    offers_price(&price, r);
    TRY(offers_one(&c->offer, r, c->network, p->scheme, p->method,
                   p->scheme == X402_SCHEME_UPTO ? price.upto : price.exact));
    if (p->has_accepted && p->accepted.quote.len > 0 &&
        offers_quote_read(&c->bound, r, &p->accepted, p->accepted.quote) == RC_OK) {
        c->offer.amount = p->accepted.amount;
        return RC_OK;
    }
    if (p->scheme == X402_SCHEME_UPTO)
        return RC_OK;
    if (!price.exact_fits)
        return pay_call_refuse(r, RC_PAYMENT_BAD, "prompt_above_quote", "",
                               "The prompt alone costs more than one payment may buy "
                               "here: top up a wallet and call with its key.");
    c->bound = price.bound;
    return RC_OK;
}

/* What is cheap to see before the curve is asked: it was used, and for another call. */
static enum rc refuse_seen(struct request *r, const struct pay_call *c)
{
    struct wallet_once once = {.present = true, .payment = true};
    struct wallet_once_seen seen;

    cashier_key(once.key, &c->payment, &c->offer);
    TRY(request_fingerprint(once.fingerprint, r));
    TRY(wallet_once_look(&seen, r->worker->book, &once));
    if (seen.state == WALLET_ONCE_NEW || seen.same)
        return RC_OK;
    return pay_call_refuse(r, RC_USED, NULL, "invalid_exact_evm_nonce_already_used",
                           NULL);
}

static enum rc refuse_verdict(struct request *r, enum x402_verdict verdict)
{
    const char *reason = x402_verdict_reason(verdict);

    return pay_call_refuse(
        r, RC_PAYMENT_BAD, NULL, reason,
        arena_printf(r->arena, "The payment is not good for this call: %s.", reason));
}

static enum rc check(struct request *r, struct x402_state *s)
{
    struct pay_call *c = &s->call;
    const struct x402_rules rules = {.now_s = clock_wall_us() / 1000000,
                                     .ahead_max_s = OFFERS_TIMEOUT_S + SKEW_S};
    enum x402_verdict verdict;

    if (s->read_rc == RC_NOT_FOUND)
        return no_match(r);
    if (s->read_rc != RC_OK)
        return pay_call_refuse(r, RC_PAYMENT_BAD, "malformed_payment",
                               "invalid_payload",
                               "The payment header can not be read.");
    c->network = find_network(r, &c->payment);
    if (c->network == NULL || !is_offered(c->network, &c->payment, r))
        return no_match(r);
    TRY(find_price(r, s));
    c->idempotency = c->payment.payment_id;
    if (!x402_matches(&c->payment, &c->offer))
        return no_match(r);
    verdict = x402_check(&c->payment, &c->offer, &rules);
    if (verdict != X402_VALID)
        return refuse_verdict(r, verdict);
    TRY(refuse_seen(r, c));
    verdict = x402_check_signature(&c->payment, &c->offer);
    return verdict == X402_VALID ? RC_OK : refuse_verdict(r, verdict);
}

static bool unreadable(const struct request *r)
{
    const struct x402_state *s = r->pay_state;

    return s != NULL && s->read_rc != RC_OK && s->read_rc != RC_NOT_FOUND;
}

static enum step reserve(struct request *r)
{
    struct x402_state *s = r->pay_state;

    if (!s->checked) {
        enum rc rc = check(r, s);

        s->checked = true;
        if (rc != RC_OK) {
            r->rc = rc;
            return STEP_ON;
        }
    }
    return pay_call_reserve(r, &s->call);
}

static enum step settle(struct request *r)
{
    struct x402_state *s = r->pay_state;

    return pay_call_settle(r, &s->call);
}

/* ---- Words ---- */

static bool receipt(struct request *r, const char **name, struct slice *value)
{
    const struct x402_state *s = r->pay_state;
    struct x402_receipt told;

    if (!pay_call_receipt(&told, r, &s->call))
        return false;
    *name = s->version == 2 ? "PAYMENT-RESPONSE" : "X-PAYMENT-RESPONSE";
    return (s->version == 2 ? x402_v2_receipt_print(value, &told, r->arena)
                            : x402_v1_receipt_print(value, &told, r->arena)) == RC_OK;
}

/* What is beside the offers must not crowd them out. */
static void offer_headers(struct request *r, const struct x402_required *required)
{
    struct x402_required whole = *required;
    struct slice header;

    whole.extensions = payment_extensions(r);
    if (x402_v2_required_print(&header, &whole, r->arena) == RC_OK ||
        x402_v2_required_print(&header, required, r->arena) == RC_OK)
        request_header(r, "PAYMENT-REQUIRED", header);
    request_header(r, "Access-Control-Expose-Headers",
                   SLICE("PAYMENT-REQUIRED, PAYMENT-RESPONSE, X-PAYMENT-RESPONSE, "
                         "WWW-Authenticate"));
}

/* Version 1 reads the body, version 2 the header; `error` in the body is the dialect's
 * own. */
static void offer(struct buf *out, struct request *r)
{
    struct x402_offer offers[OFFERS_MAX];
    const char *reason = pay_call_reason(r);
    struct x402_required required = {
        .error = slice_str(reason[0] != '\0' ? reason : "Payment required")};
    struct offer_price price;
    struct json_out o;
    struct buf b;

    if (r->worker->cashier == NULL || !r->planned)
        return;
    offers_price(&price, r);
    required.offer_count = offers_list(offers, r, &price);
    required.offers = offers;
    offers_resource(&required.resource, r, &price);
    if (required.offer_count > 0)
        offer_headers(r, &required);
    required.error = SLICE_NONE;
    buf_init(&b, MEMBERS_MAX);
    json_out_init(&o, &b);
    json_out_object(&o);
    x402_v1_required_write(&o, &required);
    json_out_key(&o, "resource");
    json_out_object(&o);
    json_out_kslice(&o, "url", required.resource.url);
    json_out_kslice(&o, "description", required.resource.description);
    json_out_kslice(&o, "mimeType", required.resource.mime_type);
    json_out_end_object(&o);
    json_out_end_object(&o);
    buf_append(out, slice_sub(buf_slice(&b), 1, buf_len(&b) - 2)); /* its braces off */
    buf_free(&b);
}

/* A client's own name for a payment: who repeats it gets the answer that there was. */
static bool extension(struct request *r, const char **name, struct slice *json)
{
    (void)r;
    *name = "payment-identifier";
    *json =
        SLICE("{\"info\":{\"required\":false},\"schema\":{\"$schema\":"
              "\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
              "\"properties\":{\"required\":{\"type\":\"boolean\"},\"id\":{\"type\":"
              "\"string\",\"minLength\":16,\"maxLength\":128,\"pattern\":"
              "\"^[a-zA-Z0-9_-]+$\"}},\"required\":[\"required\"]}}");
    return true;
}

extern const struct payment payment_x402;
const struct payment payment_x402 = {
    .name = "x402",
    .mine = mine,
    .identify = identify,
    .unreadable = unreadable,
    .reserve = reserve,
    .settle = settle,
    .offer = offer,
    .receipt = receipt,
    .extension = extension,
};

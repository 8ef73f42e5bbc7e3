/* SPDX-License-Identifier: Apache-2.0 */
#include "x402/header_v1.h"

#include "x402/members.h"
#include "x402/network.h"
#include "x402/wire.h"

enum {
    THIS_VERSION = 1
};

/* The 402 ----------------------------------------------------------------------------
 */

bool x402_v1_can_offer(const struct x402_offer *offer)
{
    return offer->scheme == X402_SCHEME_EXACT && offer->method == X402_EIP3009 &&
           x402_network_v1_offered(offer->chain_id);
}

/* Description and type may be empty but must be there, or the client throws; so it does
 * for an outputSchema that is null. */
void x402_v1_offer_write(struct json_out *o, const struct x402_offer *offer,
                         const struct x402_resource *resource)
{
    json_out_object(o);
    json_out_kstr(o, "scheme", x402__scheme_name(offer->scheme));
    x402__write_network(o, offer->chain_id, THIS_VERSION);
    x402__write_u256(o, "maxAmountRequired", &offer->amount);
    json_out_kslice(o, "resource", resource->url);
    json_out_kslice(o, "description", resource->description);
    json_out_kslice(o, "mimeType", resource->mime_type);
    x402__write_address(o, "payTo", &offer->pay_to);
    json_out_ku64(o, "maxTimeoutSeconds", offer->timeout_s);
    x402__write_address(o, "asset", &offer->asset);
    x402__write_extra(o, offer);
    json_out_end_object(o);
}

void x402_v1_required_write(struct json_out *o, const struct x402_required *r)
{
    json_out_ku64(o, "x402Version", THIS_VERSION);
    x402__write_text(o, "error", r->error);
    json_out_key(o, "accepts");
    json_out_array(o);
    for (size_t i = 0; i < r->offer_count; i++) {
        if (x402_v1_can_offer(&r->offers[i]))
            x402_v1_offer_write(o, &r->offers[i], &r->resource);
    }
    json_out_end_array(o);
}

enum rc x402_v1_offer_read(struct x402_offer *out, struct slice json, struct arena *a)
{
    struct x402_offer offer = {.raw = json};

    TRY(x402__read_scheme(&offer.scheme, json, a));
    TRY(x402__read_network(&offer.chain_id, json, THIS_VERSION, a));
    TRY(x402__u256(&offer.amount, json, "maxAmountRequired", a));
    TRY(x402__address(&offer.asset, json, "asset", a));
    TRY(x402__address(&offer.pay_to, json, "payTo", a));
    TRY(x402__u64(&offer.timeout_s, json, "maxTimeoutSeconds"));
    TRY(x402__read_extra(&offer, json, a));
    if (offer.scheme != X402_SCHEME_EXACT || offer.method != X402_EIP3009)
        return RC_NOT_FOUND;
    *out = offer;
    return RC_OK;
}

/* A resource is told with each offer; that of the first one taken stands for all. */
static enum rc read_offer(struct x402_offer *out, struct x402_resource *resource,
                          struct slice json, struct arena *a)
{
    struct x402_offer offer;

    TRY(x402_v1_offer_read(&offer, json, a));
    if (resource->url.bytes == NULL) {
        TRY(x402__text(&resource->url, json, "resource", a));
        TRY(x402__text_or_none(&resource->description, json, "description", a));
        TRY(x402__text_or_none(&resource->mime_type, json, "mimeType", a));
    }
    *out = offer;
    return RC_OK;
}

static enum rc read_offers(struct x402_required *r, struct slice json, struct arena *a)
{
    struct x402_offer *offers = arena_new_array(a, struct x402_offer, X402_OFFERS_MAX);
    struct slice list;
    struct slice element;
    size_t at = 0;

    if (offers == NULL)
        return RC_NOMEM;
    TRY(x402__array(&list, json, "accepts"));
    r->offers = offers;
    while (r->offer_count < X402_OFFERS_MAX &&
           json_raw_element(&element, list, &at) != JSON_ABSENT) {
        const enum rc rc =
            read_offer(&offers[r->offer_count], &r->resource, element, a);

        if (rc == RC_OK)
            r->offer_count++;
        else if (rc != RC_NOT_FOUND)
            return rc;
    }
    return RC_OK;
}

enum rc x402_v1_required_read(struct x402_required *out, struct slice json,
                              struct arena *a)
{
    struct x402_required r = {0};
    uint64_t version;

    TRY(x402__u64(&version, json, "x402Version"));
    if (version != THIS_VERSION)
        return RC_NOT_FOUND;
    TRY(read_offers(&r, json, a));
    TRY(x402__text_or_none(&r.error, json, "error", a));
    *out = r;
    return RC_OK;
}

/* X-PAYMENT --------------------------------------------------------------------------
 */

enum rc x402_v1_payment_read(struct x402_payment *out, struct slice json,
                             struct arena *a)
{
    struct x402_payment p = {.version = THIS_VERSION};
    uint64_t version;

    TRY(x402__u64(&version, json, "x402Version"));
    if (version != THIS_VERSION)
        return RC_NOT_FOUND;
    TRY(x402__read_scheme(&p.scheme, json, a));
    TRY(x402__read_network(&p.chain_id, json, THIS_VERSION, a));
    TRY(x402__read_payload(&p, json, a));
    if (p.scheme != X402_SCHEME_EXACT || p.method != X402_EIP3009)
        return RC_NOT_FOUND;
    *out = p;
    return RC_OK;
}

enum rc x402_v1_payment_parse(struct x402_payment *out, struct slice header,
                              struct arena *a)
{
    struct slice json;

    TRY(x402__decode(&json, header, X402_HEADER_MAX, a));
    return x402_v1_payment_read(out, json, a);
}

void x402_v1_payment_write(struct json_out *o, const struct x402_payment *p)
{
    json_out_object(o);
    json_out_ku64(o, "x402Version", THIS_VERSION);
    json_out_kstr(o, "scheme", x402__scheme_name(p->scheme));
    x402__write_network(o, p->chain_id, THIS_VERSION);
    x402__write_payload(o, p);
    json_out_end_object(o);
}

enum rc x402_v1_payment_print(struct slice *header, const struct x402_payment *p,
                              struct arena *a)
{
    struct buf text = x402__room(a, X402__HEADER_JSON_MAX);
    struct json_out o;

    json_out_init(&o, &text);
    x402_v1_payment_write(&o, p);
    return x402__encode(header, &text, a);
}

/* X-PAYMENT-RESPONSE -----------------------------------------------------------------
 */

void x402_v1_receipt_write(struct json_out *o, const struct x402_receipt *r)
{
    x402__write_receipt(o, r, THIS_VERSION);
}

enum rc x402_v1_receipt_print(struct slice *header, const struct x402_receipt *r,
                              struct arena *a)
{
    return x402__print_receipt(header, r, THIS_VERSION, a);
}

enum rc x402_v1_receipt_read(struct x402_receipt *out, struct slice json,
                             struct arena *a)
{
    return x402__read_receipt(out, json, THIS_VERSION, a);
}

enum rc x402_v1_receipt_parse(struct x402_receipt *out, struct slice header,
                              struct arena *a)
{
    return x402__parse_receipt(out, header, THIS_VERSION, a);
}

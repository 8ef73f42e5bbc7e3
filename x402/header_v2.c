/* SPDX-License-Identifier: Apache-2.0 */
#include "x402/header_v2.h"

#include "x402/members.h"
#include "x402/wire.h"

enum {
    THIS_VERSION = 2,
    PAYMENT_ID_MIN = 16,
    PAYMENT_ID_MAX = 128
};

static enum rc check_version(struct slice json)
{
    uint64_t version;

    TRY(x402__u64(&version, json, "x402Version"));
    return version == THIS_VERSION ? RC_OK : RC_NOT_FOUND;
}

/* Offers -----------------------------------------------------------------------------
 */

void x402_v2_offer_write(struct json_out *o, const struct x402_offer *offer)
{
    if (offer->raw.bytes != NULL) {
        json_out_raw(o, offer->raw);
        return;
    }
    json_out_object(o);
    json_out_kstr(o, "scheme", x402__scheme_name(offer->scheme));
    x402__write_network(o, offer->chain_id, THIS_VERSION);
    x402__write_u256(o, "amount", &offer->amount);
    x402__write_address(o, "asset", &offer->asset);
    x402__write_address(o, "payTo", &offer->pay_to);
    json_out_ku64(o, "maxTimeoutSeconds", offer->timeout_s);
    x402__write_extra(o, offer);
    json_out_end_object(o);
}

enum rc x402_v2_offer_read(struct x402_offer *out, struct slice json, struct arena *a)
{
    struct x402_offer offer = {.raw = json};

    TRY(x402__read_scheme(&offer.scheme, json, a));
    TRY(x402__read_network(&offer.chain_id, json, THIS_VERSION, a));
    TRY(x402__u256(&offer.amount, json, "amount", a));
    TRY(x402__address(&offer.asset, json, "asset", a));
    TRY(x402__address(&offer.pay_to, json, "payTo", a));
    TRY(x402__u64(&offer.timeout_s, json, "maxTimeoutSeconds"));
    TRY(x402__read_extra(&offer, json, a));
    *out = offer;
    return RC_OK;
}

static void write_resource(struct json_out *o, const struct x402_resource *resource)
{
    json_out_key(o, "resource");
    if (resource->raw.bytes != NULL) {
        json_out_raw(o, resource->raw);
        return;
    }
    json_out_object(o);
    json_out_kslice(o, "url", resource->url);
    x402__write_text(o, "description", resource->description);
    x402__write_text(o, "mimeType", resource->mime_type);
    json_out_end_object(o);
}

static enum rc read_resource(struct x402_resource *out, struct slice object,
                             struct arena *a)
{
    struct slice json;

    TRY(x402__object(&json, object, "resource"));
    out->raw = json;
    TRY(x402__text(&out->url, json, "url", a));
    TRY(x402__text_or_none(&out->description, json, "description", a));
    TRY(x402__text_or_none(&out->mime_type, json, "mimeType", a));
    return out->url.len > 0 ? RC_OK : RC_BAD_INPUT;
}

static enum rc read_extensions(struct slice *out, struct slice json)
{
    return x402__has(json, "extensions") ? x402__object(out, json, "extensions")
                                         : RC_OK;
}

static void write_extensions(struct json_out *o, struct slice extensions)
{
    if (extensions.bytes == NULL)
        return;
    json_out_key(o, "extensions");
    json_out_raw(o, extensions);
}

/* PAYMENT-REQUIRED -------------------------------------------------------------------
 */

void x402_v2_required_write(struct json_out *o, const struct x402_required *r)
{
    json_out_object(o);
    json_out_ku64(o, "x402Version", THIS_VERSION);
    x402__write_text(o, "error", r->error);
    write_resource(o, &r->resource);
    json_out_key(o, "accepts");
    json_out_array(o);
    for (size_t i = 0; i < r->offer_count; i++)
        x402_v2_offer_write(o, &r->offers[i]);
    json_out_end_array(o);
    write_extensions(o, r->extensions);
    json_out_end_object(o);
}

enum rc x402_v2_required_print(struct slice *header, const struct x402_required *r,
                               struct arena *a)
{
    struct buf text = x402__room(a, X402__HEADER_JSON_MAX);
    struct json_out o;

    json_out_init(&o, &text);
    x402_v2_required_write(&o, r);
    return x402__encode(header, &text, a);
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
        const enum rc rc = x402_v2_offer_read(&offers[r->offer_count], element, a);

        if (rc == RC_OK)
            r->offer_count++;
        else if (rc != RC_NOT_FOUND)
            return rc;
    }
    return RC_OK;
}

enum rc x402_v2_required_read(struct x402_required *out, struct slice json,
                              struct arena *a)
{
    struct x402_required r = {0};

    TRY(check_version(json));
    TRY(x402__text_or_none(&r.error, json, "error", a));
    TRY(read_resource(&r.resource, json, a));
    TRY(read_offers(&r, json, a));
    TRY(read_extensions(&r.extensions, json));
    *out = r;
    return RC_OK;
}

enum rc x402_v2_required_parse(struct x402_required *out, struct slice header,
                               struct arena *a)
{
    struct slice json;

    TRY(x402__decode(&json, header, X402_HEADER_MAX, a));
    return x402_v2_required_read(out, json, a);
}

/* PAYMENT-SIGNATURE ------------------------------------------------------------------
 */

static bool is_payment_id(struct slice id)
{
    for (size_t i = 0; i < id.len; i++) {
        const char c = id.bytes[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '_' || c == '-'))
            return false;
    }
    return id.len >= PAYMENT_ID_MIN && id.len <= PAYMENT_ID_MAX;
}

/* {"payment-identifier":{"info":{"id":..}}}; a client that gives no id repeats what was
 * offered, without one. */
static enum rc read_payment_id(struct slice *out, struct slice extensions,
                               struct arena *a)
{
    struct slice extension;
    struct slice info;

    if (!x402__has(extensions, "payment-identifier"))
        return RC_OK;
    TRY(x402__object(&extension, extensions, "payment-identifier"));
    TRY(x402__object(&info, extension, "info"));
    TRY(x402__text_or_none(out, info, "id", a));
    return out->bytes == NULL || is_payment_id(*out) ? RC_OK : RC_BAD_INPUT;
}

enum rc x402_v2_payment_read(struct x402_payment *out, struct slice json,
                             struct arena *a)
{
    struct x402_payment p = {.version = THIS_VERSION, .has_accepted = true};
    struct slice accepted;

    TRY(check_version(json));
    TRY(x402__object(&accepted, json, "accepted"));
    TRY(x402_v2_offer_read(&p.accepted, accepted, a));
    p.scheme = p.accepted.scheme;
    p.chain_id = p.accepted.chain_id;
    TRY(x402__read_payload(&p, json, a));
    if (x402__has(json, "resource"))
        TRY(read_resource(&p.resource, json, a));
    TRY(read_extensions(&p.extensions, json));
    TRY(read_payment_id(&p.payment_id, p.extensions, a));
    *out = p;
    return RC_OK;
}

enum rc x402_v2_payment_parse(struct x402_payment *out, struct slice header,
                              struct arena *a)
{
    struct slice json;

    TRY(x402__decode(&json, header, X402_HEADER_MAX, a));
    return x402_v2_payment_read(out, json, a);
}

void x402_v2_payment_write(struct json_out *o, const struct x402_payment *p)
{
    json_out_object(o);
    json_out_ku64(o, "x402Version", THIS_VERSION);
    x402__write_payload(o, p);
    write_extensions(o, p->extensions);
    if (p->resource.url.bytes != NULL)
        write_resource(o, &p->resource);
    json_out_key(o, "accepted");
    x402_v2_offer_write(o, &p->accepted);
    json_out_end_object(o);
}

enum rc x402_v2_payment_print(struct slice *header, const struct x402_payment *p,
                              struct arena *a)
{
    struct buf text = x402__room(a, X402__HEADER_JSON_MAX);
    struct json_out o;

    json_out_init(&o, &text);
    x402_v2_payment_write(&o, p);
    return x402__encode(header, &text, a);
}

/* PAYMENT-RESPONSE -------------------------------------------------------------------
 */

void x402_v2_receipt_write(struct json_out *o, const struct x402_receipt *r)
{
    x402__write_receipt(o, r, THIS_VERSION);
}

enum rc x402_v2_receipt_print(struct slice *header, const struct x402_receipt *r,
                              struct arena *a)
{
    return x402__print_receipt(header, r, THIS_VERSION, a);
}

enum rc x402_v2_receipt_read(struct x402_receipt *out, struct slice json,
                             struct arena *a)
{
    return x402__read_receipt(out, json, THIS_VERSION, a);
}

enum rc x402_v2_receipt_parse(struct x402_receipt *out, struct slice header,
                              struct arena *a)
{
    return x402__parse_receipt(out, header, THIS_VERSION, a);
}

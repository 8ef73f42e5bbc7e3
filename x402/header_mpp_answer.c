/* SPDX-License-Identifier: Apache-2.0 */
/* The other texts of header_mpp.h: credential, receipt, digest, preference. */
#include "x402/header_mpp.h"

#include "base/clock.h"
#include "base/codec.h"
#include "x402/members.h"

#include <string.h>

enum {
    WEIGHT_ONE = 1000,
    WEIGHT_DIGITS = 3
};

/* The credential --------------------------------------------------------------------
 */

/* The one credential among the schemes of an Authorization header. */
static enum rc find_payment(struct slice *token, struct slice header)
{
    static const struct slice scheme = SLICE("Payment ");
    struct slice element;
    bool found = false;

    while (slice_next(&element, &header, ',')) {
        element = slice_trim(element);
        if (!slice_starts_nocase(element, scheme))
            continue;
        if (found)
            return RC_CONFLICT;
        found = true;
        *token = slice_trim(slice_sub(element, scheme.len, element.len));
    }
    return found ? RC_OK : RC_NOT_FOUND;
}

/* Clients of other make write padding, or the standard alphabet. Not a matter of one
 * text per value: what is bound is the id inside. */
static enum rc decode_liberally(struct slice *out, struct slice token, struct arena *a)
{
    char *text;

    for (unsigned i = 0; i < 2 && slice_ends(token, SLICE("=")); i++)
        token.len--;
    text = arena_copy(a, token.bytes, token.len);
    if (text == NULL)
        return RC_TOO_BIG;
    for (size_t i = 0; i < token.len; i++) {
        if (text[i] == '+')
            text[i] = '-';
        else if (text[i] == '/')
            text[i] = '_';
    }
    return base64url_decode(out, slice_from(text, token.len), a);
}

/* A text in base64url, or the object that it stands for. */
static enum rc read_wire_form(struct slice *out, struct slice object, const char *name,
                              struct arena *a)
{
    struct slice json;

    if (x402__object(&json, object, name) == RC_OK)
        return x402__encode_canonical(out, json, a);
    return x402__text_or_none(out, object, name, a);
}

static enum rc read_challenge(struct mpp_challenge *c, struct slice json,
                              struct arena *a)
{
    TRY(x402__text(&c->id, json, "id", a));
    TRY(x402__text(&c->realm, json, "realm", a));
    TRY(x402__text(&c->method, json, "method", a));
    TRY(x402__text(&c->intent, json, "intent", a));
    TRY(read_wire_form(&c->request, json, "request", a));
    TRY(x402__text_or_none(&c->expires, json, "expires", a));
    TRY(x402__text_or_none(&c->digest, json, "digest", a));
    TRY(x402__text_or_none(&c->description, json, "description", a));
    TRY(read_wire_form(&c->opaque, json, "opaque", a));
    TRY(x402__text_or_none(&c->header, json, "header", a));
    return x402__check_challenge(c);
}

static enum rc read_credential(struct mpp_credential *out, struct slice json,
                               struct arena *a)
{
    struct slice challenge;

    TRY(x402__object(&challenge, json, "challenge"));
    TRY(read_challenge(&out->challenge, challenge, a));
    TRY(x402__object(&out->payload, json, "payload"));
    return x402__text_or_none(&out->source, json, "source", a);
}

enum rc mpp_credential_read(struct mpp_credential *out, struct slice json,
                            struct arena *a)
{
    struct mpp_credential c = {0};

    TRY(read_credential(&c, json, a));
    *out = c;
    return RC_OK;
}

enum rc mpp_credential_parse(struct mpp_credential *out, struct slice header,
                             struct arena *a)
{
    struct slice token;
    struct slice json;

    if (header.len > MPP_HEADER_MAX)
        return RC_TOO_BIG;
    TRY(find_payment(&token, header));
    TRY(decode_liberally(&json, token, a));
    TRY(x402__guard(json, a));
    return mpp_credential_read(out, json, a);
}

static void write_present(struct json_out *o, const char *key, struct slice text)
{
    if (text.bytes != NULL)
        json_out_kslice(o, key, text);
}

/* The order is that of the reference client, so that texts can be compared. */
static void write_challenge(struct json_out *o, const struct mpp_challenge *c)
{
    json_out_object(o);
    write_present(o, "description", c->description);
    write_present(o, "digest", c->digest);
    write_present(o, "expires", c->expires);
    write_present(o, "header", c->header);
    json_out_kslice(o, "id", c->id);
    json_out_kslice(o, "intent", c->intent);
    json_out_kslice(o, "method", c->method);
    json_out_kslice(o, "realm", c->realm);
    write_present(o, "opaque", c->opaque);
    json_out_kslice(o, "request", c->request);
    json_out_end_object(o);
}

enum rc mpp_credential_print(struct slice *out, const struct mpp_credential *c,
                             struct arena *a)
{
    struct buf text = x402__room(a, MPP_HEADER_MAX);
    struct slice token;
    struct json_out o;
    char *header;

    json_out_init(&o, &text);
    json_out_object(&o);
    json_out_key(&o, "challenge");
    write_challenge(&o, &c->challenge);
    json_out_key(&o, "payload");
    json_out_raw(&o, c->payload);
    write_present(&o, "source", c->source);
    json_out_end_object(&o);
    TRY(x402__encode_url(&token, &text, a));
    header = arena_printf(a, "Payment %.*s", (int)token.len, token.bytes);
    if (header == NULL)
        return RC_TOO_BIG;
    *out = slice_str(header);
    return RC_OK;
}

/* The receipt ------------------------------------------------------------------------
 */

void mpp_receipt_write(struct json_out *o, const struct mpp_receipt *r)
{
    json_out_object(o);
    json_out_kslice(o, "method", r->method);
    json_out_kslice(o, "reference", r->reference);
    json_out_kstr(o, "status", "success");
    json_out_kslice(o, "timestamp", r->timestamp);
    write_present(o, "challengeId", r->challenge_id);
    write_present(o, "balance", r->balance);
    write_present(o, "amount", r->amount);
    json_out_end_object(o);
}

enum rc mpp_receipt_print(struct slice *out, const struct mpp_receipt *r,
                          struct arena *a)
{
    struct buf text = x402__room(a, MPP_HEADER_MAX);
    struct json_out o;

    json_out_init(&o, &text);
    mpp_receipt_write(&o, r);
    return x402__encode_url(out, &text, a);
}

static enum rc read_receipt(struct mpp_receipt *r, struct slice json, struct arena *a)
{
    struct slice status;
    uint64_t when_us;

    TRY(x402__text(&status, json, "status", a));
    TRY(x402__text(&r->method, json, "method", a));
    TRY(x402__text(&r->reference, json, "reference", a));
    TRY(x402__text(&r->timestamp, json, "timestamp", a));
    TRY(x402__text_or_none(&r->challenge_id, json, "challengeId", a));
    TRY(x402__text_or_none(&r->balance, json, "balance", a));
    TRY(x402__text_or_none(&r->amount, json, "amount", a));
    if (!slice_equal_str(status, "success") || r->reference.len == 0)
        return RC_BAD_INPUT;
    return clock_parse(&when_us, r->timestamp);
}

enum rc mpp_receipt_parse(struct mpp_receipt *out, struct slice header, struct arena *a)
{
    struct mpp_receipt r = {0};
    struct slice json;

    if (header.len > MPP_HEADER_MAX)
        return RC_TOO_BIG;
    TRY(base64url_decode(&json, header, a));
    TRY(x402__guard(json, a));
    TRY(read_receipt(&r, json, a));
    *out = r;
    return RC_OK;
}

/* The digest -------------------------------------------------------------------------
 */

static enum rc digest_of(struct slice *out, struct slice body, struct arena *a)
{
    uint8_t digest[SHA256_LEN];

    sha256(digest, body);
    *out = base64_encode(a, slice_from((const char *)digest, sizeof(digest)));
    return out->bytes == NULL ? RC_TOO_BIG : RC_OK;
}

enum rc mpp_digest_print(char out[MPP_DIGEST_SIZE], struct slice body, struct arena *a)
{
    struct slice text;
    struct buf b;

    TRY(digest_of(&text, body, a));
    buf_init_lent(&b, out, MPP_DIGEST_SIZE);
    buf_printf(&b, "sha-256=:%.*s:", SLICE_FMT(text));
    return RC_OK;
}

bool mpp_digest_matches(struct slice digest, struct slice body, struct arena *a)
{
    static const struct slice prefix = SLICE("sha-256=");
    struct slice text;

    if (!slice_starts(digest, prefix) || digest_of(&text, body, a) != RC_OK)
        return false;
    digest = slice_sub(digest, prefix.len, digest.len);
    if (slice_starts(digest, SLICE(":")) && slice_ends(digest, SLICE(":")) &&
        digest.len > 1)
        digest = slice_sub(digest, 1, digest.len - 2);
    return slice_equal(digest, text);
}

/* Accept-Payment ---------------------------------------------------------------------
 */

/* RFC 9110 section 12.4.2: "1", "0.5", three places at most. */
static bool parse_weight(unsigned *out, struct slice text)
{
    unsigned value;

    if (text.len == 0 || text.len > 2 + WEIGHT_DIGITS ||
        (text.bytes[0] != '0' && text.bytes[0] != '1') ||
        (text.len > 1 && text.bytes[1] != '.'))
        return false;
    value = (unsigned)(text.bytes[0] - '0') * WEIGHT_ONE;
    for (size_t i = 2, unit = WEIGHT_ONE / 10; i < text.len; i++, unit /= 10) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9')
            return false;
        value += (unsigned)(text.bytes[i] - '0') * (unsigned)unit;
    }
    *out = value;
    return value <= WEIGHT_ONE;
}

struct range {
    struct slice method;
    struct slice intent;
    unsigned weight;
};

static bool parse_range(struct range *out, struct slice text)
{
    const size_t end = slice_find(text, ';');
    const struct slice name = slice_trim(slice_sub(text, 0, end));
    const struct slice rest = slice_trim(slice_sub(text, end + 1, text.len));
    const size_t slash = slice_find(name, '/');

    *out = (struct range){.method = slice_sub(name, 0, slash),
                          .intent = slice_sub(name, slash + 1, name.len),
                          .weight = WEIGHT_ONE};
    if (out->method.len == 0 || out->intent.len == 0 ||
        slice_find(out->intent, '/') < out->intent.len)
        return false;
    if (end == text.len)
        return true;
    return slice_starts_nocase(rest, SLICE("q=")) &&
           parse_weight(&out->weight, slice_sub(rest, 2, rest.len));
}

/* How exactly a range names an offer: 0 is not at all. */
static unsigned specificity(const struct range *r, struct slice method,
                            struct slice intent)
{
    const bool any_method = slice_equal_str(r->method, "*");
    const bool any_intent = slice_equal_str(r->intent, "*");

    if ((!any_method && !slice_equal(r->method, method)) ||
        (!any_intent && !slice_equal(r->intent, intent)))
        return 0;
    return 1 + (any_method ? 0U : 2U) + (any_intent ? 0U : 1U);
}

unsigned mpp_accept_weight(struct slice header, struct slice method,
                           struct slice intent)
{
    unsigned best = 0;
    unsigned weight = 0;
    struct slice text;
    struct range r;

    if (slice_trim(header).len == 0)
        return WEIGHT_ONE;
    while (slice_next(&text, &header, ',')) {
        unsigned how;

        if (!parse_range(&r, slice_trim(text)))
            return WEIGHT_ONE;
        how = specificity(&r, method, intent);
        if (how > best) {
            best = how;
            weight = r.weight;
        }
    }
    return weight;
}

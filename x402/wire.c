/* SPDX-License-Identifier: Apache-2.0 */
#include "x402/wire.h"

#include "base/codec.h"
#include "x402/members.h"
#include "x402/network.h"

enum {
    HEX_SIZE = 2 * X402_SIGNATURE_MAX + 3 /* "0x", digits and a NUL */
};

/* Small members -------------------------------------------------------------------- */

void x402__write_u256(struct json_out *o, const char *key, const struct x402_u256 *v)
{
    char text[X402_U256_TEXT_SIZE];

    x402_u256_print(text, *v);
    json_out_kstr(o, key, text);
}

void x402__write_address(struct json_out *o, const char *key,
                         const struct x402_address *address)
{
    char text[X402_ADDRESS_TEXT_SIZE];

    x402_address_print(text, address);
    json_out_kstr(o, key, text);
}

void x402__write_text(struct json_out *o, const char *key, struct slice text)
{
    if (text.bytes != NULL)
        json_out_kslice(o, key, text);
}

const char *x402__scheme_name(enum x402_scheme scheme)
{
    switch (scheme) {
    case X402_SCHEME_EXACT:
        return "exact";
    case X402_SCHEME_UPTO:
        return "upto";
    }
    return "";
}

enum rc x402__read_scheme(enum x402_scheme *out, struct slice object, struct arena *a)
{
    struct slice name;

    TRY(x402__text(&name, object, "scheme", a));
    if (slice_equal_str(name, "exact"))
        *out = X402_SCHEME_EXACT;
    else if (slice_equal_str(name, "upto"))
        *out = X402_SCHEME_UPTO;
    else
        return RC_NOT_FOUND;
    return RC_OK;
}

enum rc x402__read_network(uint64_t *chain_id, struct slice object, unsigned version,
                           struct arena *a)
{
    struct slice name;

    TRY(x402__text(&name, object, "network", a));
    if (version == 1)
        return x402_network_from_v1(chain_id, name);
    return x402_network_parse(chain_id, name) == RC_OK ? RC_OK : RC_NOT_FOUND;
}

void x402__write_network(struct json_out *o, uint64_t chain_id, unsigned version)
{
    char text[X402_NETWORK_TEXT_SIZE];

    if (version == 1) {
        json_out_kstr(o, "network", x402_network_v1_name(chain_id));
        return;
    }
    x402_network_print(text, chain_id);
    json_out_kstr(o, "network", text);
}

/* extra ---------------------------------------------------------------------------- */

static enum rc read_method(enum x402_method *out, struct slice extra,
                           enum x402_scheme scheme, struct arena *a)
{
    struct slice name;

    TRY(x402__text_or_none(&name, extra, "assetTransferMethod", a));
    if (name.bytes == NULL)
        *out = scheme == X402_SCHEME_UPTO ? X402_PERMIT2 : X402_EIP3009;
    else if (slice_equal_str(name, "permit2"))
        *out = X402_PERMIT2;
    else if (slice_equal_str(name, "eip3009") && scheme == X402_SCHEME_EXACT)
        *out = X402_EIP3009;
    else
        return RC_NOT_FOUND;
    return RC_OK;
}

enum rc x402__read_extra(struct x402_offer *offer, struct slice object, struct arena *a)
{
    struct slice extra = SLICE("{}");

    if (x402__has(object, "extra"))
        TRY(x402__object(&extra, object, "extra"));
    TRY(x402__text_or_none(&offer->name, extra, "name", a));
    TRY(x402__text_or_none(&offer->version, extra, "version", a));
    TRY(x402__text_or_none(&offer->flow, extra, "paymentFlow", a));
    TRY(x402__text_or_none(&offer->quote, extra, "quote", a));
    if (x402__has(extra, "facilitatorAddress"))
        TRY(x402__address(&offer->facilitator, extra, "facilitatorAddress", a));
    return read_method(&offer->method, extra, offer->scheme, a);
}

void x402__write_extra(struct json_out *o, const struct x402_offer *offer)
{
    json_out_key(o, "extra");
    json_out_object(o);
    x402__write_text(o, "name", offer->name);
    x402__write_text(o, "version", offer->version);
    if (offer->scheme == X402_SCHEME_UPTO)
        x402__write_address(o, "facilitatorAddress", &offer->facilitator);
    else if (offer->method == X402_PERMIT2)
        json_out_kstr(o, "assetTransferMethod", "permit2");
    x402__write_text(o, "paymentFlow", offer->flow);
    x402__write_text(o, "quote", offer->quote);
    json_out_end_object(o);
}

/* payload -------------------------------------------------------------------------- */

enum rc x402__read_signature(struct slice *out, struct slice payload, struct arena *a)
{
    struct slice text;
    uint8_t *bytes;
    size_t len;

    TRY(x402__text(&text, payload, "signature", a));
    if (!slice_starts(text, SLICE("0x")))
        return RC_BAD_INPUT;
    text = slice_sub(text, 2, text.len);
    len = text.len / 2;
    if (len > X402_SIGNATURE_MAX)
        return RC_BAD_INPUT;
    bytes = arena_alloc(a, len);
    if (bytes == NULL)
        return RC_NOMEM;
    TRY(hex_decode(bytes, len, text));
    *out = slice_from((const char *)bytes, len);
    return RC_OK;
}

enum rc x402__read_transfer(struct x402_transfer *t, struct slice object,
                            struct arena *a)
{
    TRY(x402__address(&t->from, object, "from", a));
    TRY(x402__address(&t->to, object, "to", a));
    TRY(x402__u256(&t->value, object, "value", a));
    TRY(x402__u256(&t->valid_after, object, "validAfter", a));
    TRY(x402__u256(&t->valid_before, object, "validBefore", a));
    return x402__hash(&t->nonce, object, "nonce", a);
}

static enum rc read_witness(struct x402_permit *p, struct slice object, struct arena *a)
{
    struct slice witness;

    TRY(x402__object(&witness, object, "witness"));
    TRY(x402__address(&p->to, witness, "to", a));
    if (x402__has(witness, "facilitator")) {
        p->kind = X402_PERMIT_UPTO;
        TRY(x402__address(&p->facilitator, witness, "facilitator", a));
    }
    return x402__u256(&p->valid_after, witness, "validAfter", a);
}

static enum rc read_permit(struct x402_permit *p, struct slice payload, struct arena *a)
{
    struct slice object;
    struct slice permitted;

    TRY(x402__object(&object, payload, "permit2Authorization"));
    TRY(x402__object(&permitted, object, "permitted"));
    TRY(x402__address(&p->token, permitted, "token", a));
    TRY(x402__u256(&p->amount, permitted, "amount", a));
    TRY(x402__address(&p->owner, object, "from", a));
    TRY(x402__address(&p->spender, object, "spender", a));
    TRY(x402__u256(&p->nonce, object, "nonce", a));
    TRY(x402__u256(&p->deadline, object, "deadline", a));
    return read_witness(p, object, a);
}

enum rc x402__read_payload(struct x402_payment *p, struct slice object, struct arena *a)
{
    struct slice payload;
    struct slice transfer;

    TRY(x402__object(&payload, object, "payload"));
    TRY(x402__read_signature(&p->signature, payload, a));
    /* One of them: with both, two readers could see two payments. */
    if (x402__has(payload, "authorization") ==
        x402__has(payload, "permit2Authorization"))
        return RC_BAD_INPUT;
    if (x402__has(payload, "authorization")) {
        p->method = X402_EIP3009;
        TRY(x402__object(&transfer, payload, "authorization"));
        return x402__read_transfer(&p->transfer, transfer, a);
    }
    p->method = X402_PERMIT2;
    return read_permit(&p->permit, payload, a);
}

void x402__write_signature(struct json_out *o, struct slice signature)
{
    char text[HEX_SIZE] = "0x";

    if (signature.len > X402_SIGNATURE_MAX)
        signature.len = X402_SIGNATURE_MAX;
    hex_encode(text + 2, (const uint8_t *)signature.bytes, signature.len);
    json_out_kstr(o, "signature", text);
}

static void write_transfer(struct json_out *o, const struct x402_transfer *t)
{
    char nonce[X402_HASH_TEXT_SIZE];

    json_out_key(o, "authorization");
    json_out_object(o);
    x402__write_address(o, "from", &t->from);
    x402__write_address(o, "to", &t->to);
    x402__write_u256(o, "value", &t->value);
    x402__write_u256(o, "validAfter", &t->valid_after);
    x402__write_u256(o, "validBefore", &t->valid_before);
    x402_hash_print(nonce, t->nonce);
    json_out_kstr(o, "nonce", nonce);
    json_out_end_object(o);
}

static void write_permit(struct json_out *o, const struct x402_permit *p)
{
    json_out_key(o, "permit2Authorization");
    json_out_object(o);
    json_out_key(o, "permitted");
    json_out_object(o);
    x402__write_address(o, "token", &p->token);
    x402__write_u256(o, "amount", &p->amount);
    json_out_end_object(o);
    x402__write_address(o, "from", &p->owner);
    x402__write_address(o, "spender", &p->spender);
    x402__write_u256(o, "nonce", &p->nonce);
    x402__write_u256(o, "deadline", &p->deadline);
    json_out_key(o, "witness");
    json_out_object(o);
    x402__write_address(o, "to", &p->to);
    if (p->kind == X402_PERMIT_UPTO)
        x402__write_address(o, "facilitator", &p->facilitator);
    x402__write_u256(o, "validAfter", &p->valid_after);
    json_out_end_object(o);
    json_out_end_object(o);
}

/* The order of members is that of the reference clients, so that texts can be
 * compared. */
void x402__write_payload(struct json_out *o, const struct x402_payment *p)
{
    const bool signature_last = p->version == 2 && p->method == X402_EIP3009;

    json_out_key(o, "payload");
    json_out_object(o);
    if (!signature_last)
        x402__write_signature(o, p->signature);
    if (p->method == X402_EIP3009)
        write_transfer(o, &p->transfer);
    else
        write_permit(o, &p->permit);
    if (signature_last)
        x402__write_signature(o, p->signature);
    json_out_end_object(o);
}

/* The receipt ------------------------------------------------------------------------
 */

static enum rc read_payer(struct x402_receipt *r, struct slice json, struct arena *a)
{
    struct slice text;

    TRY(x402__text_or_none(&text, json, "payer", a));
    r->has_payer = text.len > 0;
    return r->has_payer ? x402_address_parse(&r->payer, text) : RC_OK;
}

static enum rc read_settled_amount(struct x402_receipt *r, struct slice json,
                                   struct arena *a)
{
    struct slice text;

    /* Some schemes answer an empty text. */
    TRY(x402__text_or_none(&text, json, "amount", a));
    r->has_amount = text.len > 0;
    return r->has_amount ? x402__u256(&r->amount, json, "amount", a) : RC_OK;
}

enum rc x402__read_receipt(struct x402_receipt *out, struct slice json,
                           unsigned version, struct arena *a)
{
    struct x402_receipt r = {0};
    enum rc network;

    TRY(x402__bool(&r.success, json, "success"));
    TRY(x402__text_or_none(&r.reason, json, "errorReason", a));
    TRY(x402__text(&r.transaction, json, "transaction", a));
    TRY(read_payer(&r, json, a));
    TRY(read_settled_amount(&r, json, a));
    network = x402__read_network(&r.chain_id, json, version, a);
    if (network != RC_OK && (network != RC_NOT_FOUND || r.success))
        return network;
    *out = r;
    return RC_OK;
}

void x402__write_receipt(struct json_out *o, const struct x402_receipt *r,
                         unsigned version)
{
    json_out_object(o);
    json_out_kbool(o, "success", r->success);
    x402__write_text(o, "errorReason", r->reason);
    if (r->has_payer)
        x402__write_address(o, "payer", &r->payer);
    json_out_kslice(o, "transaction", r->transaction);
    x402__write_network(o, r->chain_id, version);
    if (r->has_amount)
        x402__write_u256(o, "amount", &r->amount);
    json_out_end_object(o);
}

enum rc x402__parse_receipt(struct x402_receipt *out, struct slice header,
                            unsigned version, struct arena *a)
{
    struct slice json;

    TRY(x402__decode(&json, header, X402_HEADER_MAX, a));
    return x402__read_receipt(out, json, version, a);
}

enum rc x402__print_receipt(struct slice *header, const struct x402_receipt *r,
                            unsigned version, struct arena *a)
{
    struct buf text = x402__room(a, X402__HEADER_JSON_MAX);
    struct json_out o;

    json_out_init(&o, &text);
    x402__write_receipt(&o, r, version);
    return x402__encode(header, &text, a);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "x402/sign_in.h"

#include "x402/curve.h"
#include "x402/members.h"
#include "x402/network.h"
#include "x402/offer.h"
#include "x402/typed_data.h"

#include <string.h>

enum {
    TEXT_MAX = 16 * 1024
};

/* Reading ---------------------------------------------------------------------------
 */

static bool is_line(struct slice s)
{
    return !slice_has_ctl(s);
}

static enum rc read_resources(struct x402_sign_in *s, struct slice json,
                              struct arena *a)
{
    struct slice list, element;
    size_t at = 0;

    if (!x402__has(json, "resources"))
        return RC_OK;
    TRY(x402__array(&list, json, "resources"));
    while (json_raw_element(&element, list, &at) != JSON_ABSENT) {
        if (s->resource_count == X402_SIGN_IN_RESOURCES_MAX)
            return RC_TOO_BIG;
        TRY(json_raw_string(&s->resources[s->resource_count], element, a));
        if (!is_line(s->resources[s->resource_count]))
            return RC_BAD_INPUT;
        s->resource_count++;
    }
    return RC_OK;
}

/* An account's own signature, by EIP-191; contracts' wallets would need a chain. */
static enum rc check_kind(struct slice json, struct arena *a)
{
    struct slice type, scheme;

    TRY(x402__text(&type, json, "type", a));
    TRY(x402__text_or_none(&scheme, json, "signatureScheme", a));
    if (!slice_equal_str(type, "eip191") ||
        (scheme.bytes != NULL && !slice_equal_str(scheme, "eip191")))
        return RC_BAD_INPUT;
    return RC_OK;
}

static bool are_lines(const struct x402_sign_in *s)
{
    return is_line(s->domain) && is_line(s->uri) && is_line(s->statement) &&
           is_line(s->version) && is_line(s->nonce) && is_line(s->issued_at) &&
           is_line(s->expires_at) && is_line(s->not_before) && is_line(s->request_id);
}

static enum rc read_members(struct x402_sign_in *s, struct slice json, struct arena *a)
{
    struct slice chain;

    TRY(check_kind(json, a));
    TRY(x402__text(&s->domain, json, "domain", a));
    TRY(x402__text(&s->uri, json, "uri", a));
    TRY(x402__text_or_none(&s->statement, json, "statement", a));
    TRY(x402__text(&s->version, json, "version", a));
    TRY(x402__text(&s->nonce, json, "nonce", a));
    TRY(x402__text(&s->issued_at, json, "issuedAt", a));
    TRY(x402__text_or_none(&s->expires_at, json, "expirationTime", a));
    TRY(x402__text_or_none(&s->not_before, json, "notBefore", a));
    TRY(x402__text_or_none(&s->request_id, json, "requestId", a));
    TRY(x402__text(&chain, json, "chainId", a));
    TRY(x402_network_parse(&s->chain_id, chain));
    TRY(x402__text(&s->address_text, json, "address", a));
    TRY(x402_address_parse(&s->address, s->address_text));
    TRY(x402__text(&s->signature, json, "signature", a));
    TRY(read_resources(s, json, a));
    return are_lines(s) ? RC_OK : RC_BAD_INPUT;
}

enum rc x402_sign_in_parse(struct x402_sign_in *out, struct slice header,
                           struct arena *a)
{
    struct x402_sign_in s = {.resource_count = 0};
    struct slice json;
    enum rc rc;

    TRY(x402__decode(&json, header, X402_HEADER_MAX, a));
    rc = read_members(&s, json, a);
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_BAD_INPUT : rc;
    *out = s;
    return RC_OK;
}

/* Writing ---------------------------------------------------------------------------
 */

static void write_text(struct json_out *o, const char *key, struct slice text)
{
    if (text.bytes != NULL)
        json_out_kslice(o, key, text);
}

/* What the server says and the client repeats. */
static void write_info(struct json_out *o, const struct x402_sign_in *s)
{
    json_out_kslice(o, "domain", s->domain);
    json_out_kslice(o, "uri", s->uri);
    write_text(o, "statement", s->statement);
    json_out_kslice(o, "version", s->version);
    json_out_kslice(o, "nonce", s->nonce);
    json_out_kslice(o, "issuedAt", s->issued_at);
    write_text(o, "expirationTime", s->expires_at);
    write_text(o, "notBefore", s->not_before);
    write_text(o, "requestId", s->request_id);
    if (s->resource_count == 0)
        return;
    json_out_key(o, "resources");
    json_out_array(o);
    for (size_t i = 0; i < s->resource_count; i++)
        json_out_slice(o, s->resources[i]);
    json_out_end_array(o);
}

enum rc x402_sign_in_print(struct slice *out, const struct x402_sign_in *s,
                           struct arena *a)
{
    struct buf text = x402__room(a, TEXT_MAX);
    char chain[X402_NETWORK_TEXT_SIZE];
    struct json_out o;

    x402_network_print(chain, s->chain_id);
    json_out_init(&o, &text);
    json_out_object(&o);
    write_info(&o, s);
    json_out_kstr(&o, "chainId", chain);
    json_out_kstr(&o, "type", "eip191");
    json_out_kslice(&o, "address", s->address_text);
    json_out_kslice(&o, "signature", s->signature);
    json_out_end_object(&o);
    TRY(x402__encode(out, &text, a));
    return out->len > X402_HEADER_MAX ? RC_TOO_BIG : RC_OK;
}

/* For clients that look at what they are asked: the shape of their answer. */
static const char schema[] =
    "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\"type\":\"object\","
    "\"properties\":{\"domain\":{\"type\":\"string\"},\"address\":{\"type\":\"string\"},"
    "\"statement\":{\"type\":\"string\"},\"uri\":{\"type\":\"string\"},"
    "\"version\":{\"type\":\"string\"},\"chainId\":{\"type\":\"string\"},"
    "\"type\":{\"type\":\"string\"},\"nonce\":{\"type\":\"string\"},"
    "\"issuedAt\":{\"type\":\"string\"},\"expirationTime\":{\"type\":\"string\"},"
    "\"resources\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
    "\"signature\":{\"type\":\"string\"}},"
    "\"required\":[\"domain\",\"address\",\"uri\",\"version\",\"chainId\",\"type\","
    "\"nonce\",\"issuedAt\",\"signature\"]}";

void x402_sign_in_offer_write(struct json_out *o, const struct x402_sign_in *s,
                              const uint64_t *chains, size_t chain_count)
{
    json_out_object(o);
    json_out_key(o, "info");
    json_out_object(o);
    write_info(o, s);
    json_out_end_object(o);
    json_out_key(o, "supportedChains");
    json_out_array(o);
    for (size_t i = 0; i < chain_count; i++) {
        char chain[X402_NETWORK_TEXT_SIZE];

        x402_network_print(chain, chains[i]);
        json_out_object(o);
        json_out_kstr(o, "chainId", chain);
        json_out_kstr(o, "type", "eip191");
        json_out_end_object(o);
    }
    json_out_end_array(o);
    json_out_key(o, "schema");
    json_out_raw(o, SLICE(schema));
    json_out_end_object(o);
}

/* What is signed --------------------------------------------------------------------
 */

static void line(struct buf *b, const char *name, struct slice value)
{
    if (value.bytes == NULL)
        return;
    buf_append_char(b, '\n');
    buf_append_str(b, name);
    buf_append(b, value);
}

/* EIP-4361. Without a statement there are two empty lines, as all implementations have
 * it. */
enum rc x402_sign_in_text(struct slice *out, const struct x402_sign_in *s,
                          struct arena *a)
{
    struct buf b = x402__room(a, TEXT_MAX);

    buf_append(&b, s->domain);
    buf_append_str(&b, " wants you to sign in with your Ethereum account:\n");
    buf_append(&b, s->address_text);
    buf_append_str(&b, "\n\n");
    if (s->statement.bytes != NULL) {
        buf_append(&b, s->statement);
        buf_append_char(&b, '\n');
    }
    line(&b, "URI: ", s->uri);
    line(&b, "Version: ", s->version);
    buf_printf(&b, "\nChain ID: %llu", (unsigned long long)s->chain_id);
    line(&b, "Nonce: ", s->nonce);
    line(&b, "Issued At: ", s->issued_at);
    line(&b, "Expiration Time: ", s->expires_at);
    line(&b, "Not Before: ", s->not_before);
    line(&b, "Request ID: ", s->request_id);
    if (s->resource_count > 0)
        line(&b, "Resources:", SLICE(""));
    for (size_t i = 0; i < s->resource_count; i++)
        line(&b, "- ", s->resources[i]);
    *out = buf_slice(&b);
    return buf_spent(&b) ? RC_TOO_BIG : RC_OK;
}

bool x402_sign_in_verify(const struct x402_sign_in *s, struct arena *a)
{
    struct x402_signature signature;
    struct x402_hash digest;
    struct slice text;

    return x402_signature_parse(&signature, s->signature, X402_V_PROOF) == RC_OK &&
           x402_sign_in_text(&text, s, a) == RC_OK &&
           x402_personal_digest(&digest, text) == RC_OK &&
           x402_curve_signed_by(&digest, &signature, &s->address);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/offers.h"

#include "base/clock.h"
#include "base/codec.h"

#include "gateway/request_envelope.h"
#include "gateway/request_pay.h"
#include "gateway/settle/cashier.h"

#include <stdio.h>
#include <string.h>

enum {
    MAC_HEX = 32, /* digits of a quote's MAC: 128 bits */
    QUOTE_MAX = 128
};

/* ---- Prices ---- */

void offers_price(struct offer_price *out, struct request *r)
{
    const struct money most = r->config->payments->max_quote;
    const struct api *api = r->match.api;

    *out = (struct offer_price){
        .exact_fits = true, .exact = r->quote.worst, .upto = r->quote.worst};
    if (api->fit == NULL || money_cmp(r->quote.worst, most) <= 0)
        return;
    out->exact = most;
    out->exact_fits = api->fit(r, most, &out->bound) == RC_OK;
}

enum rc offers_one(struct x402_offer *out, struct request *r,
                   const struct config_network *n, enum x402_scheme scheme,
                   enum x402_method method, struct money amount)
{
    const struct x402_address *settler = NULL;

    *out = (struct x402_offer){.scheme = scheme,
                               .method = method,
                               .chain_id = n->chain_id,
                               .asset = n->asset,
                               .pay_to = n->pay_to,
                               .timeout_s = OFFERS_TIMEOUT_S,
                               .name = slice_str(n->asset_name),
                               .version = slice_str(n->asset_version)};
    if (scheme == X402_SCHEME_UPTO) {
        settler = cashier_settler(r->worker->cashier, n);
        if (settler == NULL)
            return RC_NOT_FOUND;
        out->facilitator = *settler;
    }
    return x402_u256_from_money(&out->amount, amount, n->decimals, X402_UP);
}

static void add(struct x402_offer *list, size_t *count, struct request *r,
                const struct x402_offer *offer, uint64_t bound)
{
    struct x402_offer *o = &list[*count];

    *o = *offer;
    if (!x402_u256_is_zero(o->amount) &&
        offers_quote_print(&o->quote, r, o, bound) == RC_OK)
        ++*count;
}

size_t offers_list(struct x402_offer out[OFFERS_MAX], struct request *r,
                   const struct offer_price *price)
{
    const struct config_payments *p = r->config->payments;
    struct x402_offer o;
    size_t count = 0;

    for (size_t i = 0; i < p->network_count && price->exact_fits; i++) {
        const struct config_network *n = &p->networks[i];

        if (n->exact && offers_one(&o, r, n, X402_SCHEME_EXACT, X402_EIP3009,
                                   price->exact) == RC_OK)
            add(out, &count, r, &o, price->bound);
        if (n->permit2 && offers_one(&o, r, n, X402_SCHEME_EXACT, X402_PERMIT2,
                                     price->exact) == RC_OK)
            add(out, &count, r, &o, price->bound);
    }
    /* A flat price is one price: nothing could be settled below it. */
    for (size_t i = 0; i < p->network_count && r->match.api->fit != NULL; i++)
        if (p->networks[i].upto && offers_one(&o, r, &p->networks[i], X402_SCHEME_UPTO,
                                              X402_PERMIT2, price->upto) == RC_OK)
            add(out, &count, r, &o, 0);
    return count;
}

/* ---- Quotes ---- */

/* Of the call that is offered. A flat price is told before the body has come, so it is
 * bound to the route alone. */
static enum rc fingerprint_of(uint8_t out[SHA256_LEN], struct request *r)
{
    const struct slice pieces[] = {r->http->method, SLICE(" "), r->http->path,
                                   SLICE("?"), r->http->query};
    struct sha256_state s;

    if (!(r->match.api->flags & API_FLAT))
        return request_fingerprint(out, r);
    TRY(sha256_start(&s));
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        sha256_add(&s, pieces[i]);
    sha256_end(out, &s);
    return RC_OK;
}

static enum rc quote_mac(char out[MAC_HEX + 1], struct request *r,
                         const struct x402_offer *offer, uint64_t expires_s,
                         uint64_t bound)
{
    uint8_t fingerprint[SHA256_LEN], mac[SHA256_LEN];
    char text[256];
    int len;

    TRY(fingerprint_of(fingerprint, r));
    len = snprintf(text, sizeof(text), "quote|%llu|%llu|%d|%d|%llu|",
                   (unsigned long long)expires_s, (unsigned long long)bound,
                   (int)offer->scheme, (int)offer->method,
                   (unsigned long long)offer->chain_id);
    memcpy(text + len, offer->amount.bytes, sizeof(offer->amount.bytes));
    len += (int)sizeof(offer->amount.bytes);
    memcpy(text + len, offer->asset.bytes, sizeof(offer->asset.bytes));
    len += (int)sizeof(offer->asset.bytes);
    memcpy(text + len, fingerprint, sizeof(fingerprint));
    len += (int)sizeof(fingerprint);
    hmac_sha256(mac, slice_from((const char *)r->worker->quote_key, SHA256_LEN),
                slice_from(text, (size_t)len));
    hex_encode(out, mac, MAC_HEX / 2);
    out[MAC_HEX] = '\0';
    return RC_OK;
}

enum rc offers_quote_print(struct slice *out, struct request *r,
                           const struct x402_offer *offer, uint64_t bound)
{
    const uint64_t expires_s = clock_wall_us() / 1000000 + OFFERS_TIMEOUT_S;
    char mac[MAC_HEX + 1];

    TRY(quote_mac(mac, r, offer, expires_s, bound));
    *out =
        slice_str(arena_printf(r->arena, "%llu.%llu.%s", (unsigned long long)expires_s,
                               (unsigned long long)bound, mac));
    return arena_spent(r->arena) ? RC_NOMEM : RC_OK;
}

enum rc offers_quote_read(uint64_t *bound, struct request *r,
                          const struct x402_offer *offer, struct slice quote)
{
    struct slice rest = quote, expires, bounds;
    char mac[MAC_HEX + 1];
    uint64_t expires_s, at_most;

    if (quote.len > QUOTE_MAX || !slice_next(&expires, &rest, '.') ||
        !slice_next(&bounds, &rest, '.') ||
        slice_to_u64(&expires_s, expires) != RC_OK ||
        slice_to_u64(&at_most, bounds) != RC_OK)
        return RC_BAD_INPUT;
    TRY(quote_mac(mac, r, offer, expires_s, at_most));
    if (!slice_equal_secret(rest, slice_from(mac, MAC_HEX)) ||
        expires_s < clock_wall_us() / 1000000)
        return RC_BAD_INPUT;
    *bound = at_most;
    return RC_OK;
}

/* ---- Where we are ---- */

static bool is_loopback_name(struct slice host)
{
    static const char *const names[] = {"127.0.0.1", "localhost", "[::1]"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const size_t len = strlen(names[i]);

        if (slice_equal_nocase(host, slice_str(names[i])) ||
            (host.len > len && host.bytes[len] == ':' &&
             slice_equal_nocase(slice_sub(host, 0, len), slice_str(names[i]))))
            return true;
    }
    return false;
}

static struct slice host_of(struct request *r)
{
    unsigned count;
    struct slice host = http_header(r->http, "host", &count);

    for (size_t i = 0; i < host.len; i++) { /* as it may stand in a URL */
        const char c = host.bytes[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
              (c >= 'A' && c <= 'Z') || strchr(".-:[]_", c) != NULL))
            return SLICE_NONE;
    }
    return count == 1 && host.len <= 255 ? host : SLICE_NONE;
}

const char *offers_origin(struct request *r)
{
    const struct slice host = host_of(r);
    const char *origin;

    if (r->config->public_url != NULL)
        return r->config->public_url;
    if (!is_loopback_name(host))
        return "";
    origin = arena_printf(r->arena, "http://%.*s", SLICE_FMT(host));
    return origin != NULL ? origin : "";
}

const char *offers_url(struct request *r, struct slice path, struct slice query)
{
    const struct slice host = host_of(r);
    const char *origin = r->config->public_url;
    const char *url;

    if (origin == NULL)
        origin = arena_printf(r->arena, "http://%.*s",
                              SLICE_FMT(host.len > 0 ? host : SLICE("localhost")));
    url = arena_printf(r->arena, "%s%.*s%s%.*s", origin, SLICE_FMT(path),
                       query.len > 0 ? "?" : "", SLICE_FMT(query));
    return url != NULL ? url : "";
}

static const char *describe(struct request *r, const struct offer_price *price)
{
    char exact[MONEY_TEXT_SIZE];

    money_print(exact, price->exact);
    if (price->bound > 0)
        return arena_printf(
            r->arena,
            "%s: %.*s; %s USD buy at most %llu tokens of output, what is "
            "not used is credited",
            r->match.api->name, SLICE_FMT(r->quote.subject), exact,
            (unsigned long long)price->bound);
    if (r->match.api->fit != NULL)
        return arena_printf(r->arena,
                            "%s: %.*s, at most %s USD; what is not used is credited",
                            r->match.api->name, SLICE_FMT(r->quote.subject), exact);
    return arena_printf(r->arena, "%s: %.*s, %s USD", r->match.api->name,
                        SLICE_FMT(r->quote.subject), exact);
}

/* The model's name is the client's own text: it is told back only when it is plain. */
static bool is_plain(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.bytes[i] < ' ' || s.bytes[i] > '~')
            return false;
    return true;
}

void offers_resource(struct x402_resource *out, struct request *r,
                     const struct offer_price *price)
{
    const char *words = is_plain(r->quote.subject) ? describe(r, price) : NULL;

    *out = (struct x402_resource){
        .url = r->envelope != NULL
                   ? r->envelope->resource
                   : slice_str(offers_url(r, r->http->path, r->http->query)),
        .description = slice_str(words != NULL ? words : r->match.api->name),
        .mime_type = SLICE("application/json"),
    };
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/challenges.h"

#include "base/clock.h"
#include "base/codec.h"
#include "base/random.h"
#include "gateway/offers.h"

#include <string.h>

enum {
    NONCE_LEN = 16,
    ROUTE_MAX = 200, /* bytes that a route is told in; a longer one is hashed */
    MICRO_DECIMALS = 6,
    /* Where a zero-amount proof claims to be: the main network of the method, as its
     * own servers say by default. Nothing is sent there. */
    TEMPO_CHAIN = 4217
};

#define TEMPO_CURRENCY "0x20C000000000000000000000b9537d11c60E8b50"

/* ---- What binds a challenge to a request ---- */

/* The host's name without port; of an IPv6 address with its brackets, as URLs have it.
 */
static struct slice name_of(struct slice host)
{
    if (slice_starts(host, SLICE("[")))
        return slice_sub(host, 0, slice_find(host, ']') + 1);
    return slice_sub(host, 0, slice_find(host, ':'));
}

static struct slice realm_of(struct request *r)
{
    const struct slice url = slice_str(offers_url(r, SLICE("/"), SLICE_NONE));
    const size_t at = slice_search(url, SLICE("://")) + 3;
    const struct slice rest = slice_sub(url, at, url.len);

    return name_of(slice_sub(rest, 0, slice_find(rest, '/')));
}

static bool is_plain(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.bytes[i] <= ' ' || s.bytes[i] > '~')
            return false;
    return true;
}

/* "GET /v1/data/x?y=1"; with a digest of what stands behind the method when that is
 * long or strange. */
static enum rc route_of(struct slice *out, struct request *r)
{
    const struct slice method = r->http->method, path = r->http->path,
                       query = r->http->query;
    char hex[2 * SHA256_LEN + 1];
    uint8_t bytes[SHA256_LEN];
    struct sha256_state s;
    const char *text;

    if (path.len + query.len < ROUTE_MAX && is_plain(path) && is_plain(query)) {
        text =
            arena_printf(r->arena, "%.*s %.*s%s%.*s", SLICE_FMT(method),
                         SLICE_FMT(path), query.len > 0 ? "?" : "", SLICE_FMT(query));
    } else {
        TRY(sha256_start(&s));
        sha256_add(&s, path);
        sha256_add(&s, SLICE("?"));
        sha256_add(&s, query);
        sha256_end(bytes, &s);
        hex_encode(hex, bytes, sizeof(bytes));
        text = arena_printf(r->arena, "%.*s %s", SLICE_FMT(method), hex);
    }
    *out = slice_str(text);
    return text != NULL ? RC_OK : RC_NOMEM;
}

enum rc challenges_terms(struct mpp_terms *out, struct request *r)
{
    const struct config_mpp *mpp = &r->config->payments->mpp;

    if (mpp->secret == NULL)
        return RC_NOT_FOUND;
    *out = (struct mpp_terms){
        .secret = secret_open(mpp->secret),
        .old_secret = mpp->old_secret ? secret_open(mpp->old_secret) : SLICE_NONE,
        .realm = realm_of(r),
        .body = request_body(r),
        .now_us = clock_wall_us(),
    };
    return route_of(&out->route, r);
}

/* ---- One challenge ---- */

/* Whole seconds: what is signed counts in them. */
static struct slice expiry(struct request *r)
{
    char text[CLOCK_TEXT_SIZE];

    clock_print(text, clock_wall_us() + CHALLENGES_S * 1000000ULL);
    return slice_str(arena_printf(r->arena, "%.19sZ", text));
}

/* Two that ask the same in the same second must not be one. */
static enum rc opaque(struct slice *out, struct request *r, struct slice route)
{
    char nonce[NONCE_LEN];
    struct mpp_opaque o = {.route = route};

    random_bytes(nonce, sizeof(nonce));
    o.nonce = base64url_encode(r->arena, slice_from(nonce, sizeof(nonce)));
    return mpp_opaque_encode(out, &o, r->arena);
}

/* A flat price is told before the body has come. */
static enum rc digest(struct slice *out, struct request *r)
{
    const struct slice body = request_body(r);
    char text[MPP_DIGEST_SIZE];

    *out = SLICE_NONE;
    if (body.len == 0 || (r->match.api->flags & API_FLAT))
        return RC_OK;
    TRY(mpp_digest_print(text, body, r->arena));
    *out = slice_str(arena_printf(r->arena, "%s", text));
    return RC_OK;
}

/* Whether the header Authorization is taken by something that stays with the call. */
static bool has_authorization(const struct request *r)
{
    unsigned count;
    const struct slice value = http_header(r->http, "authorization", &count);

    return count > 0 && !slice_starts_nocase(value, SLICE("payment "));
}

static enum rc make(struct mpp_challenge *c, struct request *r, const char *method,
                    const struct mpp_request *request, struct slice description)
{
    struct mpp_terms terms;

    TRY(challenges_terms(&terms, r));
    *c = (struct mpp_challenge){
        .realm = terms.realm,
        .method = slice_str(method),
        .intent = SLICE("charge"),
        .expires = expiry(r),
        .description = description,
        .header = has_authorization(r) ? SLICE("Payment-Authorization") : SLICE_NONE,
    };
    TRY(mpp_request_encode(&c->request, request, r->arena));
    TRY(opaque(&c->opaque, r, terms.route));
    TRY(digest(&c->digest, r));
    return mpp_challenge_bind(c, terms.secret, r->arena);
}

/* ---- All of them ---- */

struct list {
    struct mpp_challenge *items;
    unsigned weights[CHALLENGES_MAX];
    size_t count;
    struct slice wanted; /* Accept-Payment */
};

static void add(struct list *l, struct request *r, const char *method,
                const struct mpp_request *request, struct slice description)
{
    if (l->count < CHALLENGES_MAX &&
        make(&l->items[l->count], r, method, request, description) == RC_OK) {
        l->weights[l->count] =
            mpp_accept_weight(l->wanted, slice_str(method), SLICE("charge"));
        l->count++;
    }
}

static void add_evm(struct list *l, struct request *r)
{
    const struct config_payments *p = r->config->payments;
    struct x402_resource what;
    struct offer_price price;

    offers_price(&price, r);
    offers_resource(&what, r, &price);
    if (!p->mpp.evm || r->worker->cashier == NULL || !price.exact_fits)
        return;
    for (size_t i = 0; i < p->network_count; i++) {
        const struct config_network *n = &p->networks[i];
        char asset[X402_ADDRESS_TEXT_SIZE], pay_to[X402_ADDRESS_TEXT_SIZE];
        struct x402_offer offer;

        if (!n->exact ||
            offers_one(&offer, r, n, X402_SCHEME_EXACT, X402_EIP3009, price.exact) !=
                RC_OK ||
            x402_u256_is_zero(offer.amount))
            continue;
        x402_address_print(asset, &n->asset);
        x402_address_print(pay_to, &n->pay_to);
        add(l, r, "evm",
            &(struct mpp_request){.amount = offer.amount,
                                  .currency = slice_str(asset),
                                  .recipient = slice_str(pay_to),
                                  .chain_id = n->chain_id,
                                  .decimals = n->decimals,
                                  .takes_authorization = true},
            what.description);
    }
}

static struct slice wallet_words(struct request *r, const char *whose)
{
    char most[MONEY_TEXT_SIZE];

    money_print_short(most, r->quote.worst);
    return slice_str(arena_printf(r->arena, "From %s: at most %s USD", whose, most));
}

/* Only where it is asked for: who never paid here has nothing to spend, and a client
 * that knows no better would try it first. */
static void add_tempo(struct list *l, struct request *r)
{
    const struct config_payments *p = r->config->payments;
    char pay_to[X402_ADDRESS_TEXT_SIZE];

    if (!p->mpp.tempo_proof || p->network_count == 0 || l->wanted.len == 0)
        return;
    x402_address_print(pay_to, &p->networks[0].pay_to);
    add(l, r, "tempo",
        &(struct mpp_request){.amount = X402_ZERO,
                              .currency = SLICE(TEMPO_CURRENCY),
                              .recipient = slice_str(pay_to),
                              .chain_id = TEMPO_CHAIN},
        wallet_words(r, "what was credited to this address"));
}

static void add_ledger(struct list *l, struct request *r)
{
    struct mpp_request request = {.currency = SLICE("microusd")};

    if (r->config->payments->mpp.ledger &&
        x402_u256_from_money(&request.amount, r->quote.worst, MICRO_DECIMALS,
                             X402_UP) == RC_OK)
        add(l, r, "ledger", &request, wallet_words(r, "the wallet of an API key"));
}

/* The heaviest first, otherwise as they are; what the client refuses goes, unless that
 * is everything: then it may see what there would be. */
static void sort(struct list *l)
{
    size_t kept = 0;

    for (size_t i = 0; i < l->count; i++) {
        const struct mpp_challenge c = l->items[i];
        const unsigned weight = l->weights[i];
        size_t at = kept;

        if (weight == 0)
            continue;
        for (; at > 0 && l->weights[at - 1] < weight; at--) {
            l->items[at] = l->items[at - 1];
            l->weights[at] = l->weights[at - 1];
        }
        l->items[at] = c;
        l->weights[at] = weight;
        kept++;
    }
    if (kept > 0)
        l->count = kept;
}

size_t challenges_make(struct mpp_challenge out[CHALLENGES_MAX], struct request *r,
                       unsigned ways)
{
    struct list l = {.items = out,
                     .wanted = http_header(r->http, "accept-payment", NULL)};
    /* Who signs in signs for our name: it must not be a stranger's. */
    const bool has_name = offers_origin(r)[0] != '\0';
    const bool takes_wallets = has_name && !(r->match.api->flags & API_TOPUP);

    if (r->config->payments->mpp.secret == NULL)
        return 0;
    if (ways & CHALLENGES_EVM)
        add_evm(&l, r);
    if ((ways & CHALLENGES_TEMPO) && takes_wallets)
        add_tempo(&l, r);
    if ((ways & CHALLENGES_LEDGER) && takes_wallets)
        add_ledger(&l, r);
    sort(&l);
    return l.count;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* GET /discovery/resources and /discovery/search: everything with a price that is known
 * before the call, as x402's facilitators list it (the "bazaar" of discovery clients):
 * where it is, what it takes, and each way to pay it. Also below /facilitator, which is
 * what such clients are given as a URL. Made from the configuration as it is; like
 * /openapi.json it advises, and the 402 of a call is what counts. */
#include "gateway/api.h"
#include "gateway/config_payments.h"
#include "gateway/offers.h"
#include "gateway/path.h"
#include "gateway/request.h"

#include "base/json.h"
#include "gateway/apis/discovery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TEXT_MAX = 8 << 20,
    LIMIT_DEFAULT = 20,
    LIMIT_MAX = 100,
    ITEMS_MAX = 2000, /* looked at */
    /* Strangers ask, and a loop looks: a query has so many words, and of a text so much
     * is read, that it is a few milliseconds at most. */
    WORDS_MAX = 8,
    LOOKED_AT_MAX = 512
};

/* One thing that is sold. */
struct item {
    const char *prefix; /* of its path */
    const char *name;   /* of the API, or the skill */
    const char *about;  /* the skill's; NULL: none */
    const struct config_endpoint *endpoint;
    bool has_price;
    struct money price; /* the most that a call costs */
    struct money month; /* what all calls of a month cost; zero: not sold so */
    bool at_most;
    unsigned score; /* of a query: how many of its words are there */
    size_t order;
};

struct items {
    struct request *r;
    const struct filter *filter;
    size_t count;
    struct item *items;        /* ITEMS_MAX of them */
    size_t listing_count;      /* what the endpoints of skills lie in */
    struct listing **listings; /* ITEMS_MAX of them */
};

struct filter {
    struct slice type, network, scheme, pay_to;
    struct slice query;
    struct slice words[WORDS_MAX];
    size_t word_count;
    bool is_search; /* a client says where to go on as `cursor` */
    uint64_t limit, offset;
};

/* ---- The query ---- */

static enum rc read_text(struct slice *out, struct request *r, const char *name)
{
    return path_query_text(out, r->http->query, name, r->arena);
}

static enum rc read_number(uint64_t *out, struct request *r, const char *name,
                           uint64_t fallback)
{
    const struct slice text = path_query_value(r->http->query, name);

    *out = fallback;
    return text.len > 0 ? slice_to_u64(out, text) : RC_OK;
}

static enum rc read_filter(struct filter *f, struct request *r)
{
    struct slice rest, word;

    *f = (struct filter){.limit = LIMIT_DEFAULT};
    TRY(read_text(&f->type, r, "type"));
    TRY(read_text(&f->network, r, "network"));
    TRY(read_text(&f->scheme, r, "scheme"));
    TRY(read_text(&f->pay_to, r, "payTo"));
    TRY(read_text(&f->query, r, "query"));
    rest = f->query;
    while (f->word_count < WORDS_MAX && slice_next(&word, &rest, ' '))
        if (word.len > 0)
            f->words[f->word_count++] = word;
    TRY(read_number(&f->limit, r, "limit", LIMIT_DEFAULT));
    f->is_search = slice_ends(r->http->path, SLICE("/search"));
    TRY(read_number(&f->offset, r, f->is_search ? "cursor" : "offset", 0));
    return f->limit >= 1 && f->limit <= LIMIT_MAX ? RC_OK : RC_BAD_INPUT;
}

/* ---- Which are asked for ---- */

/* Letters of both cases are equal but for one bit: most places differ in the rest. */
static bool has_word(struct slice text, struct slice word)
{
    const int case_bit = 0x20;
    const int first = word.bytes[0] | case_bit;

    text = slice_sub(text, 0, LOOKED_AT_MAX);
    for (size_t at = 0; at + word.len <= text.len; at++)
        if ((text.bytes[at] | case_bit) == first &&
            slice_equal_nocase(slice_sub(text, at, word.len), word))
            return true;
    return false;
}

static unsigned score_of(const struct filter *f, const struct item *i)
{
    unsigned score = 0;

    for (size_t w = 0; w < f->word_count; w++)
        score += has_word(slice_str(i->name), f->words[w]) ||
                 has_word(slice_str(i->about), f->words[w]) ||
                 has_word(slice_str(i->endpoint->path), f->words[w]) ||
                 has_word(slice_str(i->endpoint->description), f->words[w]);
    return score;
}

static bool takes_network(const struct filter *f, const struct config_network *n)
{
    char network[X402_NETWORK_TEXT_SIZE], pay_to[X402_ADDRESS_TEXT_SIZE];

    x402_network_print(network, n->chain_id);
    x402_address_print(pay_to, &n->pay_to);
    return n->exact && (f->network.len == 0 || slice_equal_str(f->network, network)) &&
           (f->pay_to.len == 0 || slice_equal_nocase(f->pay_to, slice_str(pay_to))) &&
           (f->scheme.len == 0 || slice_equal(f->scheme, SLICE("exact")));
}

/* A filter of ways to pay leaves out what can be paid in none of them. */
static bool can_be_paid(const struct filter *f, const struct config *c)
{
    if (f->network.len == 0 && f->scheme.len == 0 && f->pay_to.len == 0)
        return true;
    for (size_t i = 0; i < c->payments->network_count; i++)
        if (takes_network(f, &c->payments->networks[i]))
            return true;
    return false;
}

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a;
    const struct item *y = b;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

static void add_item(struct items *all, struct item *i)
{
    const unsigned score = score_of(all->filter, i);

    i->order = all->count;
    i->score = score > i->score ? score : i->score;
    if (all->count < ITEMS_MAX && (all->filter->word_count == 0 || i->score > 0))
        all->items[all->count++] = *i;
}

static void add_apis(struct items *all)
{
    const struct config *c = all->r->config;

    for (size_t i = 0; i < c->data_api_count; i++)
        for (size_t j = 0; j < c->data_apis[i].endpoint_count; j++) {
            const struct config_endpoint *e = &c->data_apis[i].endpoints[j];
            struct item item = {.name = c->data_apis[i].name,
                                .endpoint = e,
                                .has_price = true,
                                .price = e->most,
                                .at_most =
                                    e->at_cost || e->unit.of != CONFIG_UNIT_NONE};

            item.prefix = arena_printf(all->r->arena, "/v1/data/%s", item.name);
            if (e->priced && !money_is_zero(e->most) && item.prefix != NULL)
                add_item(all, &item);
        }
}

/* Keeps the listing: its endpoints are looked at until the answer is written. */
static bool add_skill(void *arg, const struct discovery_skill *skill)
{
    struct items *all = arg;
    const struct config_data_api *api = api_definition_api(skill->listing->now);
    const struct skill_offer *offer = &skill->listing->offer;

    all->listings[all->listing_count++] = skill->listing;
    for (size_t i = 0; i < api->endpoint_count; i++) {
        const struct config_endpoint *e = &api->endpoints[i];
        struct item item = {.prefix = skill->prefix,
                            .name = skill->name,
                            .about = skill->about,
                            .endpoint = e,
                            .month = offer->now.per_month,
                            .score = all->filter->word_count > 0, /* it was found */
                            .at_most = e->unit.of != CONFIG_UNIT_NONE};

        item.has_price = discovery_call_price(&item.price, e, &offer->now);
        if ((item.has_price && !money_is_zero(item.price)) ||
            !money_is_zero(item.month))
            add_item(all, &item);
    }
    return all->count < ITEMS_MAX && all->listing_count < ITEMS_MAX;
}

/* All that fit the filter, best first. release() in any case. */
static enum rc collect(struct items *all)
{
    const struct filter *f = all->filter;

    all->items = arena_new_array(all->r->arena, struct item, ITEMS_MAX);
    all->listings = arena_new_array(all->r->arena, struct listing *, ITEMS_MAX);
    if (all->items == NULL || all->listings == NULL)
        return RC_NOMEM;
    if (!can_be_paid(f, all->r->config) ||
        (f->type.len > 0 && !slice_equal(f->type, SLICE("http"))))
        return RC_OK;
    add_apis(all);
    discovery_skills(all->r, f->query, add_skill, all);
    if (arena_spent(all->r->arena))
        return RC_NOMEM;
    qsort(all->items, all->count, sizeof(*all->items), compare_items);
    return RC_OK;
}

static void release(struct items *all)
{
    for (size_t i = 0; i < all->listing_count; i++)
        listing_unref(all->listings[i]);
}

/* ---- Shapes ---- */

static void put_accepts(struct json_out *o, struct request *r, const struct filter *f,
                        struct money price)
{
    const struct config_payments *p = r->config->payments;
    struct x402_offer offer;

    json_out_key(o, "accepts");
    json_out_array(o);
    for (size_t i = 0; i < p->network_count; i++)
        if (takes_network(f, &p->networks[i]) && !money_is_zero(price) &&
            offers_one(&offer, r, &p->networks[i], X402_SCHEME_EXACT, X402_EIP3009,
                       price) == RC_OK)
            x402_v2_offer_write(o, &offer);
    json_out_end_array(o);
}

static bool takes_body(const struct config_endpoint *e)
{
    const char *method = discovery_method(e);

    return strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 &&
           strcmp(method, "DELETE") != 0;
}

static void put_schema(struct json_out *o, const struct config_endpoint *e)
{
    json_out_key(o, "schema");
    json_out_object(o);
    json_out_kstr(o, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_out_kstr(o, "type", "object");
    json_out_key(o, "properties");
    json_out_object(o);
    json_out_key(o, "input");
    json_out_object(o);
    json_out_kstr(o, "type", "object");
    json_out_key(o, "properties");
    json_out_object(o);
    json_out_key(o, "type");
    json_out_raw(o, SLICE("{\"type\":\"string\",\"const\":\"http\"}"));
    json_out_key(o, "method");
    json_out_raw(o, SLICE("{\"type\":\"string\"}"));
    if (e->input_schema != NULL) {
        json_out_key(o, takes_body(e) ? "body" : "queryParams");
        json_out_raw(o, slice_str(e->input_schema));
    }
    json_out_end_object(o);
    json_out_key(o, "required");
    json_out_raw(o, SLICE("[\"type\",\"method\"]"));
    json_out_end_object(o);
    json_out_end_object(o);
    json_out_key(o, "required");
    json_out_raw(o, SLICE("[\"input\"]"));
    json_out_end_object(o);
}

/* The extension by which x402 says what a resource takes. */
static void put_input(struct json_out *o, const struct config_endpoint *e)
{
    json_out_key(o, "extensions");
    json_out_object(o);
    json_out_key(o, "bazaar");
    json_out_object(o);
    json_out_key(o, "info");
    json_out_object(o);
    json_out_key(o, "input");
    json_out_object(o);
    json_out_kstr(o, "type", "http");
    json_out_kstr(o, "method", discovery_method(e));
    if (e->example != NULL) {
        if (takes_body(e))
            json_out_kstr(o, "bodyType", "json");
        json_out_key(o, takes_body(e) ? "body" : "queryParams");
        json_out_raw(o, slice_str(e->example));
    }
    json_out_end_object(o);
    json_out_end_object(o);
    put_schema(o, e);
    json_out_end_object(o);
    json_out_end_object(o);
}

static void put_amount(struct json_out *o, const char *key, struct money m)
{
    char text[MONEY_TEXT_SIZE];

    money_print_short(text, m);
    json_out_kstr(o, key, text);
}

static void put_price(struct json_out *o, const struct item *i)
{
    json_out_key(o, "metadata");
    json_out_object(o);
    json_out_kstr(o, "currency", "USD");
    if (i->has_price) {
        put_amount(o, "price", i->price);
        json_out_kbool(o, "at_most", i->at_most);
    }
    if (!money_is_zero(i->month))
        put_amount(o, "per_month", i->month);
    json_out_end_object(o);
}

static void put_item(struct json_out *o, struct request *r, const struct filter *f,
                     const struct item *i)
{
    const struct config_endpoint *e = i->endpoint;
    struct buf path;
    const char *text;

    buf_init(&path, DISCOVERY_PATH_MAX);
    text = discovery_path(&path, i->prefix, e);
    json_out_object(o);
    json_out_kstr(o, "resource", offers_url(r, slice_str(text), SLICE_NONE));
    json_out_kstr(o, "type", "http");
    json_out_ku64(o, "x402Version", 2);
    put_accepts(o, r, f, i->has_price ? i->price : MONEY_ZERO);
    json_out_ku64(o, "lastUpdated", r->config->loaded_us / 1000000);
    json_out_kstr(o, "serviceName", i->name);
    if (e->description != NULL || (i->about != NULL && i->about[0] != '\0'))
        json_out_kstr(o, "description",
                      e->description != NULL ? e->description : i->about);
    put_input(o, e);
    put_price(o, i);
    json_out_end_object(o);
    buf_free(&path);
}

static void put_pagination(struct json_out *o, const struct items *all)
{
    const struct filter *f = all->filter;
    char cursor[24];

    json_out_ku64(o, "limit", f->limit);
    if (!f->is_search) {
        json_out_ku64(o, "offset", f->offset);
        json_out_ku64(o, "total", all->count);
        return;
    }
    json_out_key(o, "cursor");
    if (f->offset >= all->count || all->count - f->offset <= f->limit) {
        json_out_null(o);
        return;
    }
    (void)snprintf(cursor, sizeof(cursor), "%llu",
                   (unsigned long long)(f->offset + f->limit));
    json_out_str(o, cursor);
}

static void write_items(struct buf *b, struct items *all)
{
    const struct filter *f = all->filter;
    struct json_out o;

    json_out_init(&o, b);
    json_out_object(&o);
    json_out_ku64(&o, "x402Version", 2);
    json_out_key(&o, f->is_search ? "resources" : "items");
    json_out_array(&o);
    for (size_t i = f->offset; i < all->count && i - f->offset < f->limit; i++)
        put_item(&o, all->r, f, &all->items[i]);
    json_out_end_array(&o);
    json_out_key(&o, "pagination");
    json_out_object(&o);
    put_pagination(&o, all);
    json_out_end_object(&o);
    json_out_end_object(&o);
}

static enum rc answer(struct buf *b, struct request *r)
{
    struct filter f;
    struct items all = {.r = r, .filter = &f};
    enum rc rc;

    TRY(read_filter(&f, r));
    rc = collect(&all);
    if (rc == RC_OK)
        write_items(b, &all);
    release(&all);
    return rc == RC_OK && buf_spent(b) ? RC_NOMEM : rc;
}

static void serve(struct request *r)
{
    struct buf b;

    buf_init(&b, TEXT_MAX);
    r->rc = answer(&b, r);
    if (r->rc != RC_OK) {
        r->fault.rc = r->rc;
        if (r->rc == RC_BAD_INPUT)
            r->fault.detail = "'limit' is 1 to 100, 'offset' a whole number, 'cursor' "
                              "what the page before said.";
        request_reply_fault(r);
    } else {
        request_header(r, "Cache-Control", SLICE("max-age=300"));
        request_reply(r, 200, "application/json", buf_slice(&b));
    }
    buf_free(&b);
}

static const struct api_route routes[] = {
    {"GET", "/discovery/resources"},
    {"GET", "/discovery/search"},
    {"GET", "/facilitator/discovery/resources"},
    {"GET", "/facilitator/discovery/search"},
    {NULL, NULL},
};

extern const struct api api_bazaar;
const struct api api_bazaar = {
    .name = "bazaar",
    .dialect = DIALECT_PROBLEM,
    .routes = routes,
    .serve = serve,
};

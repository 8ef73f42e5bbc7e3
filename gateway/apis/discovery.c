/* SPDX-License-Identifier: Apache-2.0 */
/* What can be bought here, for those who do not know us: GET /openapi.json (OpenAPI 3.1
 * with MPP's x-payment-info) and GET /llms.txt (the same for readers), both from the
 * configuration as it is. They advise: the 402 of a call is what counts. */
#include "gateway/apis/discovery.h"

#include "gateway/api.h"
#include "gateway/config_payments.h"
#include "gateway/offers.h"
#include "gateway/request.h"

#include "base/json.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

extern const struct api *const api_table[]; /* made by mkregistry */

enum {
    TEXT_MAX = 4 << 20,
    SKILLS_TEXT_MAX = 1 << 20, /* of skills no more is told behind so much text */
    MODELS_TOLD_MAX = 100,     /* the rest: GET /v1/models */
    PREFIX_SIZE = 256,
    MICRO_DECIMALS = 6
};

static const char intro[] =
    "A paying gateway to language models and data APIs. Calls are paid from a prepaid "
    "wallet by an API key, or in the call itself by x402 (versions 1 and 2) or MPP: an "
    "unpaid call is answered 402 with every way to pay it.";

/* ---- Offers ---- */

static void print_offer(struct json_out *o, const char *method, const char *currency,
                        const char *amount, const char *description)
{
    json_out_object(o);
    json_out_kstr(o, "intent", "charge");
    json_out_kstr(o, "method", method);
    json_out_kstr(o, "amount", amount); /* NULL: it depends on the call */
    json_out_kstr(o, "currency", currency);
    json_out_kstr(o, "description", description);
    json_out_end_object(o);
}

static const char *amount_text(char out[X402_U256_TEXT_SIZE], const struct money *price,
                               unsigned decimals)
{
    struct x402_u256 amount;

    if (price == NULL ||
        x402_u256_from_money(&amount, *price, decimals, X402_UP) != RC_OK)
        return NULL;
    x402_u256_print(out, amount);
    return out;
}

/* price NULL: it depends on the call. */
static void print_payment_info(struct json_out *o, const struct config *c,
                               const struct money *price, const char *description)
{
    const struct config_payments *p = c->payments;
    char amount[X402_U256_TEXT_SIZE];

    json_out_key(o, "x-payment-info");
    json_out_object(o);
    json_out_key(o, "offers");
    json_out_array(o);
    for (size_t i = 0; i < p->network_count && p->mpp.secret != NULL && p->mpp.evm;
         i++) {
        const struct config_network *n = &p->networks[i];
        char asset[X402_ADDRESS_TEXT_SIZE];

        x402_address_print(asset, &n->asset);
        if (n->exact)
            print_offer(o, "evm", asset, amount_text(amount, price, n->decimals),
                        description);
    }
    if (p->mpp.secret != NULL && p->mpp.ledger)
        print_offer(o, "ledger", "microusd", amount_text(amount, price, MICRO_DECIMALS),
                    description);
    json_out_end_array(o);
    json_out_end_object(o);
}

static void print_responses(struct json_out *o)
{
    json_out_key(o, "responses");
    json_out_object(o);
    json_out_key(o, "200");
    json_out_object(o);
    json_out_kstr(o, "description", "The answer");
    json_out_end_object(o);
    json_out_key(o, "402");
    json_out_object(o);
    json_out_kstr(o, "description", "Payment Required: every way to pay it");
    json_out_end_object(o);
    json_out_end_object(o);
}

/* ---- Models ---- */

static const struct config_model *first_model(const struct config *c)
{
    for (size_t i = 0; i < c->model_count; i++)
        if (c->models[i].priced &&
            !money_is_zero(c->models[i].price.base.of[PRICE_INPUT]))
            return &c->models[i];
    return NULL;
}

static void print_model_names(struct json_out *o, const struct config *c)
{
    size_t told = 0;

    json_out_key(o, "enum");
    json_out_array(o);
    for (size_t i = 0; i < c->model_count && told < MODELS_TOLD_MAX; i++)
        if (c->models[i].priced) {
            json_out_str(o, c->models[i].name);
            told++;
        }
    json_out_end_array(o);
}

static void print_body(struct json_out *o, const struct config *c,
                       const struct api *api, struct arena *a)
{
    const struct config_model *model = first_model(c);
    struct buf text;
    struct json_out name;

    json_out_key(o, "requestBody");
    json_out_object(o);
    json_out_kbool(o, "required", true);
    json_out_key(o, "content");
    json_out_object(o);
    json_out_key(o, "application/json");
    json_out_object(o);
    json_out_key(o, "schema");
    json_out_object(o);
    json_out_kstr(o, "type", "object");
    json_out_key(o, "required");
    json_out_array(o);
    json_out_str(o, "model");
    json_out_end_array(o);
    json_out_key(o, "properties");
    json_out_object(o);
    json_out_key(o, "model");
    json_out_object(o);
    json_out_kstr(o, "type", "string");
    print_model_names(o, c);
    json_out_end_object(o);
    json_out_end_object(o);
    json_out_end_object(o);
    buf_init(&text, DISCOVERY_PATH_MAX);
    buf_append_str(&text, "{\"model\":");
    json_out_init(&name, &text);
    json_out_str(&name, model != NULL ? model->name : "");
    buf_printf(&text, ",%s}", api->example);
    json_out_key(o, "example");
    json_out_raw(o, buf_spent(&text) ? SLICE("{}") : arena_slice(a, buf_slice(&text)));
    buf_free(&text);
    json_out_end_object(o);
    json_out_end_object(o);
    json_out_end_object(o);
}

static void print_model_api(struct json_out *o, const struct config *c,
                            const struct api *api, struct arena *a)
{
    bool is_named = false;

    for (const struct api_route *route = api->routes; route->method != NULL; route++) {
        if (strcmp(route->method, "POST") != 0)
            continue;
        json_out_key(o, route->path);
        json_out_object(o);
        json_out_key(o, "post");
        json_out_object(o);
        if (!is_named) /* unique in a document: not on a second path to the same */
            json_out_kstr(o, "operationId", api->name);
        is_named = true;
        json_out_kstr(o, "summary", "A model's answer, at its price per token");
        print_payment_info(
            o, c, NULL, "At most the call's worst case; what is not used is credited");
        print_body(o, c, api, a);
        print_responses(o);
        json_out_end_object(o);
        json_out_end_object(o);
    }
}

/* ---- Data APIs ---- */

const char *discovery_path(struct buf *b, const char *prefix,
                           const struct config_endpoint *e)
{
    buf_reset(b);
    buf_append_str(b, prefix);
    for (const char *c = strcmp(e->path, "/") == 0 ? "" : e->path; *c != '\0'; c++)
        if (*c != '*')
            buf_append_char(b, *c);
    buf_append_char(b, '\0');
    return buf_spent(b) ? NULL : buf_slice(b).bytes;
}

const char *discovery_method(const struct config_endpoint *e)
{
    return strcmp(e->method, "ANY") == 0 ? "GET" : e->method;
}

/* Endpoints below one path: an API of the configuration, or a skill. */
struct host {
    const char *prefix; /* "/v1/data/search" */
    const struct config_endpoint *endpoints;
    size_t count;
    const struct skill_terms *terms; /* NULL: of the configuration */
};

/* The most that a call costs. false: nothing is charged for one call alone. */
static bool call_price(struct money *out, const struct host *h,
                       const struct config_endpoint *e)
{
    *out = e->most;
    return h->terms != NULL ? discovery_call_price(out, e, h->terms) : e->priced;
}

/* Whether a call is sold at all. */
static bool is_sold(const struct host *h, const struct config_endpoint *e)
{
    struct money price;

    return call_price(&price, h, e) ||
           (h->terms != NULL && !money_is_zero(h->terms->per_month));
}

static void print_parameters(struct json_out *o, const char *path)
{
    struct slice rest = slice_str(path);

    if (strchr(path, '{') == NULL)
        return;
    json_out_key(o, "parameters");
    json_out_array(o);
    while (slice_find(rest, '{') < rest.len) {
        const size_t from = slice_find(rest, '{') + 1;
        struct slice name;

        rest = slice_sub(rest, from, rest.len);
        name = slice_sub(rest, 0, slice_find(rest, '}'));
        json_out_object(o);
        json_out_kslice(o, "name", name);
        json_out_kstr(o, "in", "path");
        json_out_kbool(o, "required", true);
        json_out_key(o, "schema");
        json_out_object(o);
        json_out_kstr(o, "type", "string");
        json_out_end_object(o);
        json_out_kstr(o, "example", "1");
        json_out_end_object(o);
    }
    json_out_end_array(o);
}

static const char *method_of(char out[16], const struct config_endpoint *e)
{
    const char *method = discovery_method(e);
    size_t len = 0;

    for (; method[len] != '\0' && len < 15; len++)
        out[len] = (char)tolower((unsigned char)method[len]);
    out[len] = '\0';
    return out;
}

static bool has_query(const struct config_endpoint *e)
{
    const char *method = discovery_method(e);

    return strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 ||
           strcmp(method, "DELETE") == 0;
}

/* What it takes, in a body. What goes into the query is told by its description and by
 * /discovery/resources. */
static void print_input(struct json_out *o, const struct config_endpoint *e)
{
    if (e->input_schema == NULL || has_query(e))
        return;
    json_out_key(o, "requestBody");
    json_out_object(o);
    json_out_key(o, "content");
    json_out_object(o);
    json_out_key(o, "application/json");
    json_out_object(o);
    json_out_key(o, "schema");
    json_out_raw(o, slice_str(e->input_schema));
    json_out_key(o, "example");
    json_out_raw(o, e->example != NULL ? slice_str(e->example) : SLICE("{}"));
    json_out_end_object(o);
    json_out_end_object(o);
    json_out_end_object(o);
}

static void print_endpoint(struct json_out *o, const struct config *c,
                           const struct host *h, const struct config_endpoint *e,
                           const char *path)
{
    const bool at_most = e->at_cost || e->unit.of != CONFIG_UNIT_NONE;
    struct money price;
    char method[16];

    json_out_key(o, method_of(method, e));
    json_out_object(o);
    json_out_kstr(o, "summary",
                  h->terms != NULL ? "A call of a skill's endpoint"
                  : e->at_cost     ? "A call of a data API, at what it costs"
                                   : "A call of a data API, at a flat price");
    if (e->description != NULL)
        json_out_kstr(o, "description", e->description);
    if (call_price(&price, h, e) && !money_is_zero(price))
        print_payment_info(o, c, &price, at_most ? "One call, at most" : "One call");
    print_parameters(o, path);
    print_input(o, e);
    print_responses(o);
    json_out_end_object(o);
}

/* The first endpoint that says a method of a path is the one that is matched. */
static bool is_told(const struct host *h, size_t until, const struct config_endpoint *e,
                    bool any_method)
{
    char a[16], b[16];

    for (size_t i = 0; i < until; i++)
        if (strcmp(h->endpoints[i].path, e->path) == 0 &&
            is_sold(h, &h->endpoints[i]) &&
            (any_method ||
             strcmp(method_of(a, &h->endpoints[i]), method_of(b, e)) == 0))
            return true;
    return false;
}

static void print_host(struct json_out *o, const struct config *c, const struct host *h)
{
    struct buf path;

    buf_init(&path, DISCOVERY_PATH_MAX);
    for (size_t i = 0; i < h->count; i++) {
        const struct config_endpoint *e = &h->endpoints[i];
        const char *text = discovery_path(&path, h->prefix, e);

        if (!is_sold(h, e) || text == NULL || is_told(h, i, e, true))
            continue;
        json_out_key(o, text);
        json_out_object(o);
        for (size_t j = i; j < h->count; j++)
            if (is_sold(h, &h->endpoints[j]) &&
                strcmp(h->endpoints[j].path, e->path) == 0 &&
                !is_told(h, j, &h->endpoints[j], false))
                print_endpoint(o, c, h, &h->endpoints[j], text);
        json_out_end_object(o);
    }
    buf_free(&path);
}

static struct host host_of_api(char prefix[PREFIX_SIZE],
                               const struct config_data_api *api)
{
    (void)snprintf(prefix, PREFIX_SIZE, "/v1/data/%s", api->name);
    return (struct host){prefix, api->endpoints, api->endpoint_count, NULL};
}

static struct host host_of_skill(const struct discovery_skill *skill)
{
    const struct config_data_api *api = api_definition_api(skill->listing->now);

    return (struct host){skill->prefix, api->endpoints, api->endpoint_count,
                         &skill->listing->offer.now};
}

/* A document under way. */
struct document {
    struct request *r;
    struct json_out *out;
    struct buf *text;
    size_t room; /* what skills may take of it: the rest is found by a search */
};

static bool print_skill(void *arg, const struct discovery_skill *skill)
{
    struct document *d = arg;
    const struct host h = host_of_skill(skill);

    print_host(d->out, d->r->config, &h);
    listing_unref(skill->listing);
    return buf_len(d->text) < d->room;
}

/* ---- /openapi.json ---- */

static bool sells_models(const struct config *c, const struct api *api)
{
    return (api->flags & API_PRICED) && api->example != NULL && first_model(c) != NULL;
}

static void print_info(struct json_out *o, struct request *r)
{
    const char *origin = offers_url(r, SLICE_NONE, SLICE_NONE);
    char version[13] = "";

    memcpy(version, r->config->hash, sizeof(version) - 1);
    json_out_kstr(o, "openapi", "3.1.0");
    json_out_key(o, "info");
    json_out_object(o);
    json_out_kstr(o, "title", "Octroi");
    json_out_kstr(o, "version", version);
    json_out_kstr(o, "description", intro);
    json_out_end_object(o);
    json_out_key(o, "servers");
    json_out_array(o);
    json_out_object(o);
    json_out_kstr(o, "url", origin);
    json_out_end_object(o);
    json_out_end_array(o);
    json_out_key(o, "x-service-info");
    json_out_object(o);
    json_out_key(o, "categories");
    json_out_array(o);
    json_out_str(o, "ai");
    json_out_str(o, "data");
    json_out_end_array(o);
    json_out_key(o, "docs");
    json_out_object(o);
    json_out_kstr(o, "homepage", origin);
    json_out_kstr(o, "apiReference", offers_url(r, SLICE("/openapi.json"), SLICE_NONE));
    json_out_kstr(o, "llms", offers_url(r, SLICE("/llms.txt"), SLICE_NONE));
    json_out_end_object(o);
    json_out_end_object(o);
}

static void write_openapi(struct buf *b, struct request *r)
{
    const struct config *c = r->config;
    struct json_out o;
    struct document d = {.r = r, .out = &o, .text = b, .room = SKILLS_TEXT_MAX};
    char prefix[PREFIX_SIZE];

    json_out_init(&o, b);
    json_out_object(&o);
    print_info(&o, r);
    json_out_key(&o, "paths");
    json_out_object(&o);
    for (size_t i = 0; api_table[i] != NULL; i++)
        if (sells_models(c, api_table[i]))
            print_model_api(&o, c, api_table[i], r->arena);
    for (size_t i = 0; i < c->data_api_count; i++) {
        const struct host h = host_of_api(prefix, &c->data_apis[i]);

        print_host(&o, c, &h);
    }
    discovery_skills(r, SLICE_NONE, print_skill, &d);
    json_out_end_object(&o);
    json_out_end_object(&o);
}

/* ---- /llms.txt ---- */

static void tell_models(struct buf *b, const struct config *c)
{
    size_t told = 0;

    if (first_model(c) == NULL)
        return;
    buf_append_str(b, "\n## Models\n\nUSD per million tokens; all: GET /v1/models\n\n");
    for (size_t i = 0; i < c->model_count && told < MODELS_TOLD_MAX; i++) {
        const struct config_model *m = &c->models[i];
        struct money input, output;
        char in[MONEY_TEXT_SIZE], out[MONEY_TEXT_SIZE];

        if (!m->priced ||
            !money_markup(&input, m->price.base.of[PRICE_INPUT], m->price.markup_ppm) ||
            !money_markup(&output, m->price.base.of[PRICE_OUTPUT], m->price.markup_ppm))
            continue;
        money_print_short(in, input);
        money_print_short(out, output);
        buf_printf(b, "- %s: input %s, output %s\n", m->name, in, out);
        told++;
    }
    buf_append_char(b, '\n');
    for (size_t i = 0; api_table[i] != NULL; i++)
        for (const struct api_route *route = api_table[i]->routes;
             sells_models(c, api_table[i]) && route->method != NULL; route++)
            buf_printf(b, "- %s %s\n", route->method, route->path);
}

/* Words of a publisher: they stay in their line. */
static void tell_words(struct buf *b, const char *between, const char *words)
{
    buf_append_str(b, between);
    for (; *words != '\0'; words++)
        buf_append_char(b, (unsigned char)*words < ' ' ? ' ' : *words);
}

static void tell_host(struct buf *b, const struct host *h)
{
    struct buf path;

    buf_init(&path, DISCOVERY_PATH_MAX);
    for (size_t i = 0; i < h->count; i++) {
        const struct config_endpoint *e = &h->endpoints[i];
        const bool at_most = e->at_cost || e->unit.of != CONFIG_UNIT_NONE;
        const char *text = discovery_path(&path, h->prefix, e);
        char amount[MONEY_TEXT_SIZE];
        struct money price;

        if (!is_sold(h, e) || text == NULL)
            continue;
        buf_printf(b, "- %s %s: ", e->method, text);
        if (call_price(&price, h, e)) {
            money_print_short(amount, price);
            buf_printf(b, "%s%s", at_most ? "at most " : "", amount);
        } else {
            money_print_short(amount, h->terms->per_month);
            buf_printf(b, "%s a month", amount);
        }
        if (e->description != NULL)
            tell_words(b, "; ", e->description);
        buf_append_char(b, '\n');
    }
    buf_free(&path);
}

static void tell_data(struct buf *b, const struct config *c)
{
    char prefix[PREFIX_SIZE];

    if (c->data_api_count == 0)
        return;
    buf_append_str(b, "\n## Data APIs\n\nUSD per call\n\n");
    for (size_t i = 0; i < c->data_api_count; i++) {
        const struct host h = host_of_api(prefix, &c->data_apis[i]);

        tell_host(b, &h);
    }
}

static bool tell_skill(void *arg, const struct discovery_skill *skill)
{
    struct document *d = arg;
    const struct host h = host_of_skill(skill);

    buf_printf(d->text, "\n%s", skill->name);
    tell_words(d->text, ": ", skill->about);
    buf_append_str(d->text, "\n\n");
    tell_host(d->text, &h);
    listing_unref(skill->listing);
    return buf_len(d->text) < d->room;
}

static void tell_skills(struct buf *b, struct request *r)
{
    struct document d = {.r = r, .text = b, .room = SKILLS_TEXT_MAX};

    if (r->worker->skills == NULL)
        return;
    buf_append_str(b,
                   "\n## Skills\n\nAll that are listed: GET /api/v1/search?q=..; what "
                   "is called by path, USD per call: GET "
                   "/discovery/resources?query=..\n");
    discovery_skills(r, SLICE_NONE, tell_skill, &d);
}

static void tell_payment(struct buf *b, const struct config *c)
{
    const struct config_payments *p = c->payments;

    buf_append_str(b,
                   "\n## How to pay\n\n"
                   "- With an API key: Authorization: Bearer sk-oct-..; balance: GET "
                   "/v1/wallet\n");
    if (p->network_count > 0)
        buf_append_str(b, "- x402, versions 1 and 2: call without a key, sign an offer "
                          "of the 402, and repeat the call\n");
    for (size_t i = 0; i < p->network_count; i++) {
        char network[X402_NETWORK_TEXT_SIZE];

        x402_network_print(network, p->networks[i].chain_id);
        buf_printf(b, "  - %s on %s\n", p->networks[i].asset_symbol, network);
    }
    if (p->mpp.secret != NULL)
        buf_append_str(b, "- MPP: answer a Payment challenge of the 402 "
                          "(WWW-Authenticate)\n");
    if (p->network_count > 0)
        buf_append_str(b, "- What a payment did not use is credited to its address: "
                          "spend it by MPP's zero-amount proof or by sign-in-with-x\n");
}

static void write_llms(struct buf *b, struct request *r)
{
    const char *origin = offers_url(r, SLICE_NONE, SLICE_NONE);

    buf_printf(b,
               "# Octroi\n\n> %s\n\nBase URL: %s\nReference: %s/openapi.json\n"
               "The same as tools (MCP, Streamable HTTP): %s/mcp\n",
               intro, origin, origin, origin);
    tell_models(b, r->config);
    tell_data(b, r->config);
    tell_skills(b, r);
    tell_payment(b, r->config);
}

/* ---- Answers ---- */

static void serve(struct request *r)
{
    const bool is_text = slice_equal(r->http->path, SLICE("/llms.txt"));
    struct buf b;

    buf_init(&b, TEXT_MAX);
    if (is_text)
        write_llms(&b, r);
    else
        write_openapi(&b, r);
    if (buf_spent(&b)) {
        r->rc = RC_NOMEM;
        r->fault.rc = RC_NOMEM;
        request_reply_fault(r);
    } else {
        request_header(r, "Cache-Control", SLICE("max-age=300"));
        request_reply(r, 200,
                      is_text ? "text/plain; charset=utf-8" : "application/json",
                      buf_slice(&b));
    }
    buf_free(&b);
}

static const struct api_route routes[] = {
    {"GET", "/openapi.json"},
    {"GET", "/llms.txt"},
    {NULL, NULL},
};

extern const struct api api_discovery;
const struct api api_discovery = {
    .name = "discovery",
    .dialect = DIALECT_PROBLEM,
    .routes = routes,
    .serve = serve,
};

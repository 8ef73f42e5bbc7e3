/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration in force as a file: every default filled in, every secret as "***".
 * It is written in the keys and forms that config_load() reads, so what is printed can
 * be loaded again (but for the secrets). One walk serves both JSON and YAML. */
#include "gateway/config_int.h"

#include "base/json.h"
#include "gateway/catalog.h"
#include "gateway/config_skills.h"
#include "gateway/price.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum {
    NUMBER_SIZE = 32,
    SHIELDED_MAX = 2 * 128 * 1024, /* no text of the file is longer than 64 KiB */
    INDENT = 2
};

/* Writers -----------------------------------------------------------------------------
 */

/* YAML is written in block style: `depth` containers are open; `dash` says that "- "
 * was just written, behind which the first member stands on the same line. */
struct printer {
    struct buf *out;
    bool json;
    struct json_out j;
    unsigned depth;
    bool dash;
};

static void begin_line(struct printer *p)
{
    if (!p->dash)
        for (unsigned i = 0; i < p->depth * INDENT; i++)
            buf_append_char(p->out, ' ');
    p->dash = false;
}

/* Double quotes in YAML take what JSON's take, and no text in them means anything else
 * than itself. */
static void put_quoted(struct printer *p, struct slice text)
{
    struct json_out o;

    json_out_init(&o, p->out);
    json_out_slice(&o, text);
}

static void put_key(struct printer *p, const char *key)
{
    if (p->json) {
        json_out_key(&p->j, key);
        return;
    }
    begin_line(p);
    buf_append_str(p->out, key);
    buf_append_char(p->out, ':');
}

/* A key that somebody chose; it may look like a number or a word of YAML's. */
static void put_name(struct printer *p, const char *name)
{
    if (p->json) {
        json_out_key(&p->j, name);
        return;
    }
    begin_line(p);
    put_quoted(p, slice_str(name));
    buf_append_char(p->out, ':');
}

static void open_mapping(struct printer *p)
{
    if (p->json)
        json_out_object(&p->j);
    else if (!p->dash)
        buf_append_char(p->out, '\n');
    p->depth++;
}

static void close_mapping(struct printer *p)
{
    p->depth--;
    if (p->json)
        json_out_end_object(&p->j);
}

static void open_list(struct printer *p)
{
    if (p->json)
        json_out_array(&p->j);
    else
        buf_append_char(p->out, '\n');
    p->depth++;
}

static void close_list(struct printer *p)
{
    p->depth--;
    if (p->json)
        json_out_end_array(&p->j);
}

static void begin_item(struct printer *p)
{
    if (p->json)
        return;
    begin_line(p);
    buf_append_str(p->out, "- ");
    p->dash = true;
}

/* A dollar sign is doubled where the reader would take it for the start of a form. */
static void shield(struct buf *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (text[0] == '$' && (text[1] == '$' || text[1] == '{'))
            buf_append_char(out, '$');
        buf_append_char(out, *text);
    }
}

static void put_text(struct printer *p, const char *text)
{
    struct buf shielded;

    buf_init(&shielded, SHIELDED_MAX);
    shield(&shielded, text);
    if (p->json) {
        json_out_slice(&p->j, buf_slice(&shielded));
    } else {
        if (!p->dash)
            buf_append_char(p->out, ' ');
        p->dash = false;
        put_quoted(p, buf_slice(&shielded));
        buf_append_char(p->out, '\n');
    }
    buf_free(&shielded);
}

static void put_word(struct printer *p, const char *word)
{
    if (p->json)
        json_out_raw(&p->j, slice_str(word));
    else
        buf_printf(p->out, " %s\n", word);
}

/* Members -----------------------------------------------------------------------------
 */

/* NULL: nothing. */
static void put_ktext(struct printer *p, const char *key, const char *text)
{
    if (text == NULL)
        return;
    put_key(p, key);
    put_text(p, text);
}

static void put_ku64(struct printer *p, const char *key, uint64_t value)
{
    char text[NUMBER_SIZE];

    (void)snprintf(text, sizeof(text), "%" PRIu64, value);
    put_key(p, key);
    put_word(p, text);
}

static void put_kbool(struct printer *p, const char *key, bool value)
{
    put_key(p, key);
    put_word(p, value ? "true" : "false");
}

static void put_kmoney(struct printer *p, const char *key, struct money m)
{
    char text[MONEY_TEXT_SIZE];

    money_print_short(text, m);
    put_ktext(p, key, text);
}

static void put_kspan(struct printer *p, const char *key, uint64_t ms)
{
    char text[NUMBER_SIZE];

    assert(ms % 1000 == 0); /* the file has no finer spans */
    (void)snprintf(text, sizeof(text), "%" PRIu64 "s", ms / 1000);
    put_ktext(p, key, text);
}

/* Four places, the trailing zeros cut. */
static void put_kpercent(struct printer *p, const char *key, uint32_t ppm)
{
    char text[NUMBER_SIZE];
    char places[NUMBER_SIZE];
    size_t len = 4;

    (void)snprintf(places, sizeof(places), "%04" PRIu32, ppm % 10000);
    while (len > 0 && places[len - 1] == '0')
        len--;
    (void)snprintf(text, sizeof(text), "%" PRIu32 "%s%.*s%%", ppm / 10000,
                   len > 0 ? "." : "", (int)len, places);
    put_ktext(p, key, text);
}

static void put_ktexts(struct printer *p, const char *key, char *const *texts,
                       size_t count)
{
    if (count == 0)
        return;
    put_key(p, key);
    open_list(p);
    for (size_t i = 0; i < count; i++) {
        begin_item(p);
        put_text(p, texts[i]);
    }
    close_list(p);
}

/* Sections ----------------------------------------------------------------------------
 */

static void print_server(struct printer *p, const struct config *c)
{
    put_key(p, "server");
    open_mapping(p);
    put_ktext(p, "listen", c->listen);
    put_ktext(p, "admin_listen", c->admin_listen != NULL ? c->admin_listen : "off");
    put_ktext(p, "public_url", c->public_url);
    put_ktext(p, "data_dir", c->data_dir);
    put_ktext(p, "admin_token", c->admin_token != NULL ? CONFIG__HIDDEN : NULL);
    if (c->loops > 0)
        put_ku64(p, "loops", c->loops);
    else
        put_ktext(p, "loops", "auto");
    put_ktexts(p, "trusted_proxies", c->trusted_proxies, c->trusted_proxy_count);
    close_mapping(p);
}

static void put_khidden(struct printer *p, const char *key, const struct secret *secret)
{
    put_ktext(p, key, secret != NULL ? CONFIG__HIDDEN : NULL);
}

static void print_provider(struct printer *p, const struct config_provider *provider)
{
    put_name(p, provider->name);
    open_mapping(p);
    put_ktext(p, "kind", provider->kind);
    put_ktext(p, "vendor", provider->vendor);
    put_ktext(p, "base_url", provider->base_url);
    put_kbool(p, "allow_private", provider->allow_private);
    if (provider->key_count > 0) {
        put_key(p, "api_keys");
        open_list(p);
        for (size_t i = 0; i < provider->key_count; i++) {
            begin_item(p);
            put_text(p, CONFIG__HIDDEN);
        }
        close_list(p);
    }
    put_ktext(p, "api_version", provider->api_version);
    put_ktext(p, "region", provider->region);
    put_khidden(p, "access_key", provider->access_key);
    put_khidden(p, "secret_key", provider->secret_key);
    put_khidden(p, "session_token", provider->session_token);
    put_kspan(p, "first_byte_timeout", provider->first_byte_timeout_ms);
    put_kspan(p, "idle_timeout", provider->idle_timeout_ms);
    if (provider->discovers && provider->discover_every_ms == 0)
        put_ktext(p, "discover", "manual");
    else if (provider->discovers)
        put_kspan(p, "discover", provider->discover_every_ms);
    close_mapping(p);
}

static void print_rates(struct printer *p, const struct price_rates *rates)
{
    for (unsigned i = 0; i < PRICE_RATE_COUNT; i++)
        put_kmoney(p, price_rate_name(i), rates->of[i]);
}

/* The tiers' bands of one threshold. */
static void print_tiers(struct printer *p, const struct config_price *price,
                        uint64_t above)
{
    bool begun = false;

    for (size_t i = 0; i < price->band_count; i++) {
        const struct price_band *band = &price->bands[i];

        if (band->tier == USAGE_STANDARD || band->above_tokens != above)
            continue;
        if (!begun) {
            put_key(p, "tiers");
            open_mapping(p);
        }
        begun = true;
        put_key(p, price_tier_name(band->tier));
        open_mapping(p);
        print_rates(p, &band->rates);
        close_mapping(p);
    }
    if (begun)
        close_mapping(p);
}

static void print_step(struct printer *p, const struct config_price *price,
                       uint64_t above)
{
    begin_item(p);
    open_mapping(p);
    put_ku64(p, "tokens", above);
    for (size_t i = 0; i < price->band_count; i++)
        if (price->bands[i].tier == USAGE_STANDARD &&
            price->bands[i].above_tokens == above)
            print_rates(p, &price->bands[i].rates);
    print_tiers(p, price, above);
    close_mapping(p);
}

static void print_price(struct printer *p, const struct config_price *price)
{
    uint64_t above;

    put_key(p, "price");
    open_mapping(p);
    print_rates(p, &price->base);
    put_kmoney(p, "web_search", price->web_search);
    put_kmoney(p, "request", price->request);
    print_tiers(p, price, 0);
    above = price_next_step(price, 0);
    if (above > 0) {
        put_key(p, "above");
        open_list(p);
        for (; above > 0; above = price_next_step(price, above))
            print_step(p, price, above);
        close_list(p);
    }
    close_mapping(p);
}

static void print_caps(struct printer *p, const struct config_model *m)
{
    if (!m->caps_known)
        return;
    put_key(p, "capabilities");
    if (m->caps == 0) {
        put_word(p, "[]");
        return;
    }
    open_list(p);
    for (unsigned i = 0; i < MODEL_CAP_COUNT; i++)
        if ((m->caps & 1u << i) != 0) {
            begin_item(p);
            put_text(p, catalog_cap_name(i));
        }
    close_list(p);
}

static void print_model(struct printer *p, const struct config_model *m)
{
    put_name(p, m->name);
    open_mapping(p);
    put_key(p, "targets");
    open_list(p);
    for (size_t i = 0; i < m->target_count; i++) {
        begin_item(p);
        open_mapping(p);
        put_ktext(p, "provider", m->targets[i].provider->name);
        put_ktext(p, "model", m->targets[i].model);
        if (m->targets[i].weight > 0)
            put_ku64(p, "weight", m->targets[i].weight);
        close_mapping(p);
    }
    close_list(p);
    if (m->priced)
        print_price(p, &m->price);
    put_kpercent(p, "markup", m->price.markup_ppm);
    put_ku64(p, "context_tokens", m->context_tokens);
    put_ku64(p, "max_output_tokens", m->max_output_tokens);
    put_ku64(p, "hold_output_tokens", m->hold_output_tokens);
    put_kbool(p, "strict_hold", m->strict_hold);
    put_kbool(p, "require_parameters", m->require_parameters);
    print_caps(p, m);
    close_mapping(p);
}

/* What was found is not the file's: read back, it would stay when it is gone. */
static void print_models(struct printer *p, const struct config *c)
{
    size_t written = 0;

    for (size_t i = 0; i < c->model_count; i++)
        written += !c->models[i].found;
    if (written == 0)
        return;
    put_key(p, "models");
    open_mapping(p);
    for (size_t i = 0; i < c->model_count; i++)
        if (!c->models[i].found)
            print_model(p, &c->models[i]);
    close_mapping(p);
}

static void print_endpoint(struct printer *p, const struct config_data_api *api,
                           const struct config_endpoint *e)
{
    begin_item(p);
    open_mapping(p);
    put_ktext(p, "method", e->method);
    put_ktext(p, "path", e->path);
    if (e->at_cost)
        put_kpercent(p, "markup", e->markup_ppm);
    else if (e->priced)
        put_kmoney(p, "price", e->price);
    if (api->buys && e->priced)
        put_kmoney(p, "max_price", e->max_price);
    put_ktext(p, "charge", e->charge_always ? "always" : "success");
    put_ktext(p, "payment_flow", e->flow == CONFIG_AFTER ? "after" : "upfront");
    put_ktexts(p, "pass_headers", e->pass_headers, e->pass_count);
    close_mapping(p);
}

static void print_data_api(struct printer *p, const struct config_data_api *api)
{
    put_name(p, api->name);
    open_mapping(p);
    put_ktext(p, "base_url", api->base_url);
    put_kbool(p, "allow_private", api->allow_private);
    if (api->auth_header != NULL || api->buys) {
        put_key(p, "auth");
        open_mapping(p);
        put_ktext(p, "header", api->auth_header);
        put_ktext(p, "value", api->auth_header != NULL ? CONFIG__HIDDEN : NULL);
        if (api->buys) {
            put_key(p, "x402");
            put_word(p, "{}");
        }
        close_mapping(p);
    }
    put_kspan(p, "first_byte_timeout", api->first_byte_timeout_ms);
    put_kspan(p, "idle_timeout", api->idle_timeout_ms);
    put_key(p, "endpoints");
    open_list(p);
    for (size_t i = 0; i < api->endpoint_count; i++)
        print_endpoint(p, api, &api->endpoints[i]);
    close_list(p);
    close_mapping(p);
}

static void put_address(struct printer *p, const struct x402_address *address)
{
    char text[X402_ADDRESS_TEXT_SIZE];

    x402_address_print(text, address);
    put_text(p, text);
}

static void put_kaddresses(struct printer *p, const char *key,
                           const struct x402_address *addresses, size_t count)
{
    if (count == 0)
        return;
    put_key(p, key);
    open_list(p);
    for (size_t i = 0; i < count; i++) {
        begin_item(p);
        put_address(p, &addresses[i]);
    }
    close_list(p);
}

/* Those of `words` whose place in `chosen` is true. */
static void put_kchoices(struct printer *p, const char *key, const char *const *words,
                         const bool *chosen, size_t count)
{
    put_key(p, key);
    open_list(p);
    for (size_t i = 0; i < count; i++)
        if (chosen[i]) {
            begin_item(p);
            put_text(p, words[i]);
        }
    close_list(p);
}

static void print_key(struct printer *p, const char *key,
                      const struct config_key_file *k)
{
    if (!k->present)
        return;
    put_key(p, key);
    open_mapping(p);
    put_ktext(p, "keystore", k->keystore);
    put_ktext(p, "passphrase_file",
              k->passphrase != NULL ? CONFIG__HIDDEN : k->passphrase_file);
    put_ktext(p, "hex_file", k->hex_file);
    close_mapping(p);
}

static void print_network(struct printer *p, const struct config_network *net)
{
    static const char *const schemes[] = {"exact", "permit2", "upto"};
    const bool offered[] = {net->exact, net->permit2, net->upto};
    bool is_open = net->rpc_url == NULL || !config__url_has_path(net->rpc_url);
    char network[X402_NETWORK_TEXT_SIZE];

    x402_network_print(network, net->chain_id);
    begin_item(p);
    open_mapping(p);
    put_ktext(p, "network", network);
    put_key(p, "asset");
    put_address(p, &net->asset);
    put_ktext(p, "asset_name", net->asset_name);
    put_ktext(p, "asset_version", net->asset_version);
    put_ku64(p, "decimals", net->decimals);
    put_key(p, "pay_to");
    put_address(p, &net->pay_to);
    put_ktext(p, "facilitator",
              net->facilitator_url != NULL ? net->facilitator_url : "builtin");
    /* Those who rent out nodes have the customer's key in the path. */
    put_ktext(p, "rpc_url", is_open ? net->rpc_url : CONFIG__HIDDEN);
    put_kbool(p, "allow_private", net->allow_private);
    print_key(p, "settle_key", &net->settle_key);
    if (net->rpc_url != NULL)
        put_ku64(p, "confirmations", net->confirmations);
    put_kchoices(p, "schemes", schemes, offered, 3);
    close_mapping(p);
}

static void print_buyer(struct printer *p, const struct config_buyer *b)
{
    char network[X402_NETWORK_TEXT_SIZE];

    if (!b->key.present)
        return;
    put_key(p, "buyer");
    open_mapping(p);
    print_key(p, "key", &b->key);
    put_kmoney(p, "max_per_payment", b->max_per_payment);
    put_kmoney(p, "max_per_day", b->max_per_day);
    put_kmoney(p, "max_per_host_day", b->max_per_host_day);
    put_kaddresses(p, "assets", b->assets, b->asset_count);
    if (b->chain_count > 0) {
        put_key(p, "chains");
        open_list(p);
        for (size_t i = 0; i < b->chain_count; i++) {
            x402_network_print(network, b->chains[i]);
            begin_item(p);
            put_text(p, network);
        }
        close_list(p);
    }
    close_mapping(p);
}

static void print_x402(struct printer *p, const struct config_payments *payments)
{
    put_key(p, "x402");
    open_mapping(p);
    put_kmoney(p, "max_quote", payments->max_quote);
    put_kmoney(p, "max_debt", payments->max_debt);
    if (payments->network_count > 0) {
        put_key(p, "networks");
        open_list(p);
        for (size_t i = 0; i < payments->network_count; i++)
            print_network(p, &payments->networks[i]);
        close_list(p);
    }
    if (payments->facilitate_count > 0) {
        put_key(p, "facilitate");
        open_mapping(p);
        put_kaddresses(p, "pay_to", payments->facilitate_for,
                       payments->facilitate_count);
        close_mapping(p);
    } else {
        put_kbool(p, "facilitate", payments->facilitates);
    }
    print_buyer(p, &payments->buyer);
    close_mapping(p);
}

static void print_mpp(struct printer *p, const struct config_mpp *mpp)
{
    static const char *const methods[] = {"ledger", "evm", "tempo-proof"};
    const bool offered[] = {mpp->ledger, mpp->evm, mpp->tempo_proof};

    if (mpp->secret == NULL)
        return;
    put_key(p, "mpp");
    open_mapping(p);
    put_ktext(p, "secret", CONFIG__HIDDEN);
    put_ktext(p, "old_secret", mpp->old_secret != NULL ? CONFIG__HIDDEN : NULL);
    put_kchoices(p, "methods", methods, offered, 3);
    close_mapping(p);
}

/* Nothing, where nothing is paid. */
static void print_payments(struct printer *p, const struct config_payments *payments)
{
    if (payments->network_count == 0 && !payments->buyer.key.present &&
        payments->mpp.secret == NULL)
        return;
    put_key(p, "payments");
    open_mapping(p);
    print_x402(p, payments);
    print_mpp(p, &payments->mpp);
    close_mapping(p);
}

static void print_skills(struct printer *p, const struct config_skills *s)
{
    static const char *const reviews[] = {"findings", "new", "all"};
    char network[X402_NETWORK_TEXT_SIZE];

    put_key(p, "skills");
    open_mapping(p);
    put_kpercent(p, "platform_share", s->platform_ppm);
    put_kspan(p, "payout_delay", s->payout_delay_us / 1000);
    put_kbool(p, "allow_private", s->allow_private);
    put_ktext(p, "review", reviews[s->review]);
    put_ktext(p, "registration", s->registration_open ? "open" : "operator");
    put_ku64(p, "max_upload_bytes", s->max_upload_bytes);
    if (s->payout_network != NULL) {
        put_key(p, "payout");
        open_mapping(p);
        x402_network_print(network, s->payout_network->chain_id);
        put_ktext(p, "network", network);
        print_key(p, "key", &s->payout_key);
        put_kmoney(p, "max_per_payout", s->payout_max);
        close_mapping(p);
    }
    close_mapping(p);
}

static void print_limits(struct printer *p, const struct config_limits *l)
{
    put_key(p, "limits");
    open_mapping(p);
    put_ku64(p, "requests_per_minute", l->requests_per_minute);
    put_ku64(p, "tokens_per_minute", l->tokens_per_minute);
    put_ku64(p, "concurrent", l->concurrent);
    put_ku64(p, "max_body_bytes", l->max_body_bytes);
    put_ku64(p, "max_response_bytes", l->max_response_bytes);
    put_ku64(p, "reference_tokens", l->reference_tokens);
    put_ku64(p, "connections", l->connections);
    put_ku64(p, "connections_per_address", l->connections_per_address);
    put_ku64(p, "auth_failures_per_minute", l->auth_failures_per_minute);
    put_ku64(p, "refused_payments_per_minute", l->refused_payments_per_minute);
    put_kspan(p, "call_timeout", l->call_timeout_ms);
    close_mapping(p);
}

void config_print(struct buf *out, const struct config *c, bool json)
{
    struct printer p = {.out = out, .json = json};

    json_out_init(&p.j, out);
    if (json)
        json_out_object(&p.j);
    print_server(&p, c);
    put_ktext(&p, "catalog", c->catalog_path);
    if (c->provider_count > 0) {
        put_key(&p, "providers");
        open_mapping(&p);
        for (size_t i = 0; i < c->provider_count; i++)
            print_provider(&p, &c->providers[i]);
        close_mapping(&p);
    }
    print_models(&p, c);
    if (c->data_api_count > 0) {
        put_key(&p, "data_apis");
        open_mapping(&p);
        for (size_t i = 0; i < c->data_api_count; i++)
            print_data_api(&p, &c->data_apis[i]);
        close_mapping(&p);
    }
    print_payments(&p, c->payments);
    print_skills(&p, c->skills);
    print_limits(&p, &c->limits);
    if (json)
        json_out_end_object(&p.j);
    assert(p.depth == 0);
}

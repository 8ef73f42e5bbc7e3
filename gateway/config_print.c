/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration in force as a file: every default filled in, every secret as "***".
 * It is written in the keys and forms that config_load() reads, so what is printed can
 * be loaded again (but for the secrets). One walk serves both JSON and YAML. */
#include "gateway/config_int.h"

#include "gateway/catalog.h"
#include "gateway/config_skills.h"
#include "gateway/config_writer.h"
#include "gateway/price.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

enum {
    NUMBER_SIZE = 32,
};

/* Sections ----------------------------------------------------------------------------
 */

static void print_server(struct config__printer *p, const struct config *c)
{
    config__put_key(p, "server");
    config__open_mapping(p);
    config__put_ktext(p, "listen", c->listen);
    config__put_ktext(p, "admin_listen",
                      c->admin_listen != NULL ? c->admin_listen : "off");
    config__put_ktext(p, "public_url", c->public_url);
    config__put_ktext(p, "data_dir", c->data_dir);
    config__put_ktext(p, "admin_token", c->admin_token != NULL ? CONFIG__HIDDEN : NULL);
    if (c->loops > 0)
        config__put_ku64(p, "loops", c->loops);
    else
        config__put_ktext(p, "loops", "auto");
    config__put_ktexts(p, "trusted_proxies", c->trusted_proxies,
                       c->trusted_proxy_count);
    config__close_mapping(p);
}

static void put_khidden(struct config__printer *p, const char *key,
                        const struct secret *secret)
{
    config__put_ktext(p, key, secret != NULL ? CONFIG__HIDDEN : NULL);
}

static void print_provider(struct config__printer *p,
                           const struct config_provider *provider)
{
    config__put_name(p, provider->name);
    config__open_mapping(p);
    config__put_ktext(p, "kind", provider->kind);
    config__put_ktext(p, "vendor", provider->vendor);
    config__put_ktext(p, "base_url", provider->base_url);
    config__put_kbool(p, "allow_private", provider->allow_private);
    if (provider->key_count > 0) {
        config__put_key(p, "api_keys");
        config__open_list(p);
        for (size_t i = 0; i < provider->key_count; i++) {
            config__begin_item(p);
            config__put_text(p, CONFIG__HIDDEN);
        }
        config__close_list(p);
    }
    config__put_ktext(p, "api_version", provider->api_version);
    config__put_ktext(p, "region", provider->region);
    put_khidden(p, "access_key", provider->access_key);
    put_khidden(p, "secret_key", provider->secret_key);
    put_khidden(p, "session_token", provider->session_token);
    config__put_kspan(p, "first_byte_timeout", provider->first_byte_timeout_ms);
    config__put_kspan(p, "idle_timeout", provider->idle_timeout_ms);
    if (provider->discovers && provider->discover_every_ms == 0)
        config__put_ktext(p, "discover", "manual");
    else if (provider->discovers)
        config__put_kspan(p, "discover", provider->discover_every_ms);
    config__close_mapping(p);
}

static void print_rates(struct config__printer *p, const struct price_rates *rates)
{
    for (unsigned i = 0; i < PRICE_RATE_COUNT; i++)
        config__put_kmoney(p, price_rate_name(i), rates->of[i]);
}

/* The tiers' bands of one threshold. */
static void print_tiers(struct config__printer *p, const struct config_price *price,
                        uint64_t above)
{
    bool begun = false;

    for (size_t i = 0; i < price->band_count; i++) {
        const struct price_band *band = &price->bands[i];

        if (band->tier == USAGE_STANDARD || band->above_tokens != above)
            continue;
        if (!begun) {
            config__put_key(p, "tiers");
            config__open_mapping(p);
        }
        begun = true;
        config__put_key(p, price_tier_name(band->tier));
        config__open_mapping(p);
        print_rates(p, &band->rates);
        config__close_mapping(p);
    }
    if (begun)
        config__close_mapping(p);
}

static void print_step(struct config__printer *p, const struct config_price *price,
                       uint64_t above)
{
    config__begin_item(p);
    config__open_mapping(p);
    config__put_ku64(p, "tokens", above);
    for (size_t i = 0; i < price->band_count; i++)
        if (price->bands[i].tier == USAGE_STANDARD &&
            price->bands[i].above_tokens == above)
            print_rates(p, &price->bands[i].rates);
    print_tiers(p, price, above);
    config__close_mapping(p);
}

static void print_price(struct config__printer *p, const struct config_price *price)
{
    uint64_t above;

    config__put_key(p, "price");
    config__open_mapping(p);
    print_rates(p, &price->base);
    config__put_kmoney(p, "web_search", price->web_search);
    config__put_kmoney(p, "request", price->request);
    print_tiers(p, price, 0);
    above = price_next_step(price, 0);
    if (above > 0) {
        config__put_key(p, "above");
        config__open_list(p);
        for (; above > 0; above = price_next_step(price, above))
            print_step(p, price, above);
        config__close_list(p);
    }
    config__close_mapping(p);
}

static void print_caps(struct config__printer *p, const struct config_model *m)
{
    if (!m->caps_known)
        return;
    config__put_key(p, "capabilities");
    if (m->caps == 0) {
        config__put_word(p, "[]");
        return;
    }
    config__open_list(p);
    for (unsigned i = 0; i < MODEL_CAP_COUNT; i++)
        if ((m->caps & 1u << i) != 0) {
            config__begin_item(p);
            config__put_text(p, catalog_cap_name(i));
        }
    config__close_list(p);
}

static void print_model(struct config__printer *p, const struct config_model *m)
{
    config__put_name(p, m->name);
    config__open_mapping(p);
    config__put_key(p, "targets");
    config__open_list(p);
    for (size_t i = 0; i < m->target_count; i++) {
        config__begin_item(p);
        config__open_mapping(p);
        config__put_ktext(p, "provider", m->targets[i].provider->name);
        config__put_ktext(p, "model", m->targets[i].model);
        if (m->targets[i].weight > 0)
            config__put_ku64(p, "weight", m->targets[i].weight);
        config__close_mapping(p);
    }
    config__close_list(p);
    if (m->priced)
        print_price(p, &m->price);
    config__put_kpercent(p, "markup", m->price.markup_ppm);
    config__put_ku64(p, "context_tokens", m->context_tokens);
    config__put_ku64(p, "max_output_tokens", m->max_output_tokens);
    config__put_ku64(p, "hold_output_tokens", m->hold_output_tokens);
    config__put_kbool(p, "strict_hold", m->strict_hold);
    config__put_kbool(p, "require_parameters", m->require_parameters);
    print_caps(p, m);
    config__close_mapping(p);
}

/* What was found is not the file's: read back, it would stay when it is gone. */
static void print_models(struct config__printer *p, const struct config *c)
{
    size_t written = 0;

    for (size_t i = 0; i < c->model_count; i++)
        written += !c->models[i].found;
    if (written == 0)
        return;
    config__put_key(p, "models");
    config__open_mapping(p);
    for (size_t i = 0; i < c->model_count; i++)
        if (!c->models[i].found)
            print_model(p, &c->models[i]);
    config__close_mapping(p);
}

static void put_address(struct config__printer *p, const struct x402_address *address)
{
    char text[X402_ADDRESS_TEXT_SIZE];

    x402_address_print(text, address);
    config__put_text(p, text);
}

static void put_kaddresses(struct config__printer *p, const char *key,
                           const struct x402_address *addresses, size_t count)
{
    if (count == 0)
        return;
    config__put_key(p, key);
    config__open_list(p);
    for (size_t i = 0; i < count; i++) {
        config__begin_item(p);
        put_address(p, &addresses[i]);
    }
    config__close_list(p);
}

/* Those of `words` whose place in `chosen` is true. */
static void put_kchoices(struct config__printer *p, const char *key,
                         const char *const *words, const bool *chosen, size_t count)
{
    config__put_key(p, key);
    config__open_list(p);
    for (size_t i = 0; i < count; i++)
        if (chosen[i]) {
            config__begin_item(p);
            config__put_text(p, words[i]);
        }
    config__close_list(p);
}

static void print_key(struct config__printer *p, const char *key,
                      const struct config_key_file *k)
{
    if (!k->present)
        return;
    config__put_key(p, key);
    config__open_mapping(p);
    config__put_ktext(p, "keystore", k->keystore);
    config__put_ktext(p, "passphrase_file",
                      k->passphrase != NULL ? CONFIG__HIDDEN : k->passphrase_file);
    config__put_ktext(p, "hex_file", k->hex_file);
    config__close_mapping(p);
}

/* Those who rent out nodes have the customer's key in the path. */
static void print_rpc_url(struct config__printer *p, const char *url)
{
    const bool is_open = url == NULL || !config__url_has_path(url);

    config__put_ktext(p, "rpc_url", is_open ? url : CONFIG__HIDDEN);
}

static void print_depths(struct config__printer *p, const struct config_network *net)
{
    if (net->depth_count == 1) {
        config__put_ku64(p, "confirmations", net->depths[0].blocks);
        return;
    }
    config__put_key(p, "confirmations");
    config__open_list(p);
    for (size_t i = 0; i < net->depth_count; i++) {
        config__begin_item(p);
        config__open_mapping(p);
        config__put_kmoney(p, "from", net->depths[i].from);
        config__put_ku64(p, "blocks", net->depths[i].blocks);
        config__close_mapping(p);
    }
    config__close_list(p);
}

static void print_witness(struct config__printer *p, const struct config_witness *w)
{
    if (w->rpc_url == NULL)
        return;
    config__put_key(p, "witness");
    config__open_mapping(p);
    print_rpc_url(p, w->rpc_url);
    config__put_kmoney(p, "from", w->from);
    config__put_kbool(p, "allow_private", w->allow_private);
    config__close_mapping(p);
}

static void print_network(struct config__printer *p, const struct config_network *net)
{
    static const char *const schemes[] = {"exact", "permit2", "upto"};
    const bool offered[] = {net->exact, net->permit2, net->upto};
    char network[X402_NETWORK_TEXT_SIZE];

    x402_network_print(network, net->chain_id);
    config__begin_item(p);
    config__open_mapping(p);
    config__put_ktext(p, "network", network);
    config__put_key(p, "asset");
    put_address(p, &net->asset);
    config__put_ktext(p, "asset_name", net->asset_name);
    config__put_ktext(p, "asset_version", net->asset_version);
    config__put_ku64(p, "decimals", net->decimals);
    config__put_key(p, "pay_to");
    put_address(p, &net->pay_to);
    config__put_ktext(p, "facilitator",
                      net->facilitator_url != NULL ? net->facilitator_url : "builtin");
    print_rpc_url(p, net->rpc_url);
    config__put_kbool(p, "allow_private", net->allow_private);
    print_key(p, "settle_key", &net->settle_key);
    if (net->rpc_url != NULL)
        print_depths(p, net);
    print_witness(p, &net->witness);
    put_kaddresses(p, "peers", net->peers, net->peer_count);
    put_kchoices(p, "schemes", schemes, offered, 3);
    config__close_mapping(p);
}

static void print_buyer(struct config__printer *p, const struct config_buyer *b)
{
    char network[X402_NETWORK_TEXT_SIZE];

    if (!b->key.present)
        return;
    config__put_key(p, "buyer");
    config__open_mapping(p);
    print_key(p, "key", &b->key);
    config__put_kmoney(p, "max_per_payment", b->max_per_payment);
    config__put_kmoney(p, "max_per_day", b->max_per_day);
    config__put_kmoney(p, "max_per_host_day", b->max_per_host_day);
    put_kaddresses(p, "assets", b->assets, b->asset_count);
    if (b->chain_count > 0) {
        config__put_key(p, "chains");
        config__open_list(p);
        for (size_t i = 0; i < b->chain_count; i++) {
            x402_network_print(network, b->chains[i]);
            config__begin_item(p);
            config__put_text(p, network);
        }
        config__close_list(p);
    }
    config__close_mapping(p);
}

static void print_x402(struct config__printer *p,
                       const struct config_payments *payments)
{
    config__put_key(p, "x402");
    config__open_mapping(p);
    config__put_kmoney(p, "max_quote", payments->max_quote);
    config__put_kmoney(p, "max_debt", payments->max_debt);
    if (payments->network_count > 0) {
        config__put_key(p, "networks");
        config__open_list(p);
        for (size_t i = 0; i < payments->network_count; i++)
            print_network(p, &payments->networks[i]);
        config__close_list(p);
    }
    if (payments->facilitate_count > 0) {
        config__put_key(p, "facilitate");
        config__open_mapping(p);
        put_kaddresses(p, "pay_to", payments->facilitate_for,
                       payments->facilitate_count);
        config__close_mapping(p);
    } else {
        config__put_kbool(p, "facilitate", payments->facilitates);
    }
    print_buyer(p, &payments->buyer);
    config__close_mapping(p);
}

static void print_mpp(struct config__printer *p, const struct config_mpp *mpp)
{
    static const char *const methods[] = {"ledger", "evm", "tempo-proof"};
    const bool offered[] = {mpp->ledger, mpp->evm, mpp->tempo_proof};

    if (mpp->secret == NULL)
        return;
    config__put_key(p, "mpp");
    config__open_mapping(p);
    config__put_ktext(p, "secret", CONFIG__HIDDEN);
    config__put_ktext(p, "old_secret", mpp->old_secret != NULL ? CONFIG__HIDDEN : NULL);
    put_kchoices(p, "methods", methods, offered, 3);
    config__close_mapping(p);
}

/* Nothing, where nothing is paid. */
static void print_payments(struct config__printer *p,
                           const struct config_payments *payments)
{
    if (payments->network_count == 0 && !payments->buyer.key.present &&
        payments->mpp.secret == NULL)
        return;
    config__put_key(p, "payments");
    config__open_mapping(p);
    print_x402(p, payments);
    print_mpp(p, &payments->mpp);
    config__close_mapping(p);
}

static void print_skills(struct config__printer *p, const struct config_skills *s)
{
    static const char *const reviews[] = {"findings", "new", "all"};
    char network[X402_NETWORK_TEXT_SIZE];

    config__put_key(p, "skills");
    config__open_mapping(p);
    config__put_kpercent(p, "platform_share", s->platform_ppm);
    config__put_kspan(p, "payout_delay", s->payout_delay_us / 1000);
    config__put_kbool(p, "allow_private", s->allow_private);
    config__put_ktext(p, "review", reviews[s->review]);
    config__put_ktext(p, "registration", s->registration_open ? "open" : "operator");
    config__put_ku64(p, "max_upload_bytes", s->max_upload_bytes);
    if (s->payout_network != NULL) {
        config__put_key(p, "payout");
        config__open_mapping(p);
        x402_network_print(network, s->payout_network->chain_id);
        config__put_ktext(p, "network", network);
        print_key(p, "key", &s->payout_key);
        config__put_kmoney(p, "max_per_payout", s->payout_max);
        config__close_mapping(p);
    }
    config__close_mapping(p);
}

static void print_limits(struct config__printer *p, const struct config_limits *l)
{
    config__put_key(p, "limits");
    config__open_mapping(p);
    config__put_ku64(p, "requests_per_minute", l->requests_per_minute);
    config__put_ku64(p, "tokens_per_minute", l->tokens_per_minute);
    config__put_ku64(p, "concurrent", l->concurrent);
    config__put_ku64(p, "max_body_bytes", l->max_body_bytes);
    config__put_ku64(p, "max_response_bytes", l->max_response_bytes);
    config__put_ku64(p, "reference_tokens", l->reference_tokens);
    config__put_ku64(p, "connections", l->connections);
    config__put_ku64(p, "connections_per_address", l->connections_per_address);
    config__put_ku64(p, "auth_failures_per_minute", l->auth_failures_per_minute);
    config__put_ku64(p, "refused_payments_per_minute", l->refused_payments_per_minute);
    config__put_kspan(p, "call_timeout", l->call_timeout_ms);
    config__close_mapping(p);
}

void config_print(struct buf *out, const struct config *c, bool json)
{
    struct config__printer p = {.out = out, .json = json};

    json_out_init(&p.j, out);
    if (json)
        json_out_object(&p.j);
    print_server(&p, c);
    config__put_ktext(&p, "catalog", c->catalog_path);
    if (c->provider_count > 0) {
        config__put_key(&p, "providers");
        config__open_mapping(&p);
        for (size_t i = 0; i < c->provider_count; i++)
            print_provider(&p, &c->providers[i]);
        config__close_mapping(&p);
    }
    print_models(&p, c);
    if (c->data_api_count > 0) {
        config__put_key(&p, "data_apis");
        config__open_mapping(&p);
        for (size_t i = 0; i < c->data_api_count; i++)
            config__print_data_api(&p, &c->data_apis[i]);
        config__close_mapping(&p);
    }
    print_payments(&p, c->payments);
    print_skills(&p, c->skills);
    print_limits(&p, &c->limits);
    if (json)
        json_out_end_object(&p.j);
    assert(p.depth == 0);
}

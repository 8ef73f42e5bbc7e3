/* SPDX-License-Identifier: Apache-2.0 */
/* The section `payments`: which networks we are paid on and by whom that is settled,
 * the key that we pay others with, and MPP. Files with keys are named here and read by
 * the signer alone; what a reload may not change is refused. */
#include "gateway/config_payments.h"
#include "gateway/config_int.h"
#include "gateway/config_key.h"
#include "gateway/config_node.h"

#include "base/nearest.h"

#include <string.h>

enum {
    TOKEN_TEXT_MAX = 64, /* of a token's EIP-712 domain */
    DECIMALS_MIN = 2,
    DECIMALS_MAX = 18, /* a base unit still fits a nano-USD's fraction */
    LIST_MAX = 64,
    MPP_SECRET_MIN = 32, /* bytes */
    NANO_PER_CENT = 10 * 1000 * 1000,
    MAX_QUOTE_CENT = 10,
    MAX_PER_PAYMENT_CENT = 100,
    MAX_PER_DAY_CENT = 2000,
    MAX_DEBT_CENT = 100
};

static struct money from_cent(uint64_t cent)
{
    return money_from_nano(cent * NANO_PER_CENT);
}

/* Chains and tokens -------------------------------------------------------------------
 */

static bool is_known(uint64_t chain_id)
{
    return x402_network_v1_name(chain_id) != NULL || x402_token_usual(chain_id) != NULL;
}

static bool read_address(struct config__reader *r, struct x402_address *out,
                         struct conf_node *n)
{
    char room[CONFIG__SHOWN_SIZE];
    struct slice text;

    if (!conf_text(r->conf, n, &text))
        return false;
    if (x402_address_parse(out, text) != RC_OK) {
        conf_fault(r->conf, n,
                   "expected an address, 0x and 40 hex digits, mixed letters being its "
                   "checksum, not %s",
                   config__shown(room, n, text));
        return false;
    }
    if (x402_address_is_zero(out)) {
        conf_fault(r->conf, n, "the zero address is nobody's");
        return false;
    }
    return true;
}

static bool names_address(struct slice text)
{
    return slice_starts_nocase(text, SLICE("0x"));
}

/* The token of a symbol; chain_id 0: of the index-th network that has one. */
static const struct x402_token *find_symbol(struct slice symbol, uint64_t chain_id,
                                            size_t index)
{
    const struct x402_token *token;

    for (size_t i = 0; (token = x402_token_at(i)) != NULL; i++)
        if ((chain_id == 0 || token->chain_id == chain_id) &&
            slice_equal_nocase(symbol, slice_str(token->symbol)) && index-- == 0)
            return token;
    return NULL;
}

/* A list of at most LIST_MAX items, for which there is room of that size. */
static bool begin_list(struct config__reader *r, struct conf_node *n, const char *what)
{
    if (conf_is_list(n) && conf_count(n) == 0) {
        conf_fault(r->conf, n, "the list of %s is empty", what);
        return false;
    }
    return n != NULL && config__fits(r, n, LIST_MAX, what);
}

/* false: there are none. */
static bool read_addresses(struct config__reader *r, struct x402_address **addresses,
                           size_t *count, struct conf_node *list)
{
    struct conf_node *item;
    size_t at = 0;

    if (!begin_list(r, list, "addresses"))
        return false;
    *addresses = arena_new_array(r->arena, struct x402_address, LIST_MAX);
    while (*addresses != NULL && conf_next_item(r->conf, list, &at, &item))
        if (read_address(r, &(*addresses)[*count], item))
            (*count)++;
    return true;
}

/* Networks ----------------------------------------------------------------------------
 */

static char *read_token_text(struct config__reader *r, struct conf_node *n,
                             const char *fallback)
{
    struct slice text;

    if (n == NULL && fallback != NULL)
        return arena_copy(r->arena, fallback, strlen(fallback));
    if (!conf_text(r->conf, n, &text))
        return NULL;
    if (text.len == 0 || text.len > TOKEN_TEXT_MAX || slice_has_ctl(text)) {
        conf_fault(r->conf, n, "expected 1 to %d bytes without control characters",
                   TOKEN_TEXT_MAX);
        return NULL;
    }
    return arena_copy(r->arena, text.bytes, text.len);
}

/* What the token's contract calls itself; the table knows it of those that it has. */
static void read_token(struct config__reader *r, struct config_network *net,
                       struct conf_node *n)
{
    const struct x402_token *token = x402_token_find(net->chain_id, &net->asset);
    struct conf_node *name = conf_get(r->conf, n, "asset_name");
    struct conf_node *token_version = conf_get(r->conf, n, "asset_version");
    struct conf_node *decimals = conf_get(r->conf, n, "decimals");
    uint64_t count = token == NULL ? 0 : token->decimals;

    if (token == NULL && (name == NULL || token_version == NULL || decimals == NULL))
        conf_fault(r->conf, n,
                   "a token that is not in the table needs 'asset_name', "
                   "'asset_version' and 'decimals'");
    net->asset_name = read_token_text(r, name, token == NULL ? NULL : token->name);
    net->asset_version =
        read_token_text(r, token_version, token == NULL ? NULL : token->version);
    net->asset_symbol =
        token == NULL ? net->asset_name
                      : arena_copy(r->arena, token->symbol, strlen(token->symbol));
    (void)conf_u64(r->conf, decimals, &count, DECIMALS_MIN, DECIMALS_MAX);
    net->decimals = (unsigned)count;
}

static bool read_asset(struct config__reader *r, struct config_network *net,
                       struct conf_node *n)
{
    struct conf_node *value = conf_get(r->conf, n, "asset");
    const struct x402_token *token;
    char network[X402_NETWORK_TEXT_SIZE];
    char room[CONFIG__SHOWN_SIZE];
    struct slice text;

    if (value == NULL)
        conf_fault(r->conf, n, "'asset' is missing: USDC, or the token's address");
    if (!conf_text(r->conf, value, &text))
        return false;
    if (names_address(text))
        return read_address(r, &net->asset, value);
    token = find_symbol(text, net->chain_id, 0);
    if (token != NULL) {
        net->asset = token->address;
        return true;
    }
    token = x402_token_usual(net->chain_id);
    x402_network_print(network, net->chain_id);
    if (token != NULL)
        conf_fault(r->conf, value,
                   "no token %s is known on %s (did you mean '%s'?): write its address",
                   config__shown(room, value, text), network, token->symbol);
    else
        conf_fault(r->conf, value, "no token is known on %s: write its address",
                   network);
    return false;
}

static void read_pay_to(struct config__reader *r, struct config_network *net,
                        struct conf_node *n)
{
    struct conf_node *value = conf_get(r->conf, n, "pay_to");

    if (value == NULL)
        conf_fault(r->conf, n, "'pay_to' is missing");
    else if (read_address(r, &net->pay_to, value) &&
             x402_address_equal(&net->pay_to, &net->asset))
        conf_fault(r->conf, value, "pay_to is the token itself: nobody could spend it");
}

/* Whether it is the builtin one; absent is builtin. */
static bool read_facilitator(struct config__reader *r, struct config_network *net,
                             struct conf_node *n)
{
    char room[CONFIG__SHOWN_SIZE];
    struct nearest nearest;
    struct slice text;

    if (!conf_text(r->conf, n, &text) || slice_equal_str(text, "builtin"))
        return true;
    if (slice_search(text, SLICE("://")) < text.len) {
        net->facilitator_url = config__url(r, n, "facilitator", net->allow_private);
        return false;
    }
    nearest_start(&nearest, text);
    nearest_offer(&nearest, "builtin");
    conf_fault(
        r->conf, n, "expected builtin or a URL, not %s%s", config__shown(room, n, text),
        nearest.name != NULL && !conf_is_expanded(n) ? " (did you mean 'builtin'?)"
                                                     : "");
    return false;
}

/* Who settles, and what that needs. */
static bool read_settlement(struct config__reader *r, struct config_network *net,
                            struct conf_node *n)
{
    struct conf_node *rpc_url = conf_get(r->conf, n, "rpc_url");
    struct conf_node *key = conf_get(r->conf, n, "settle_key");
    struct conf_node *peers = conf_get(r->conf, n, "peers");
    bool builtin;

    (void)conf_bool(r->conf, conf_get(r->conf, n, "allow_private"),
                    &net->allow_private);
    builtin = read_facilitator(r, net, conf_get(r->conf, n, "facilitator"));
    config__read_node(r, net, n);
    config__read_key(r, &net->settle_key, key);
    if (builtin && rpc_url == NULL)
        conf_fault(r->conf, n, "'rpc_url' is missing: builtin talks to a node itself");
    if (builtin && key == NULL)
        conf_fault(r->conf, n, "'settle_key' is missing: builtin pays the gas with it");
    if (!builtin && key != NULL)
        conf_fault(r->conf, key, "only builtin has a settle_key");
    (void)read_addresses(r, &net->peers, &net->peer_count, peers);
    if (!builtin && peers != NULL)
        conf_fault(r->conf, peers, "only builtin sees who has settled a payment");
    if (!builtin && rpc_url == NULL && net->chain_id != 0 && !is_known(net->chain_id))
        conf_fault(r->conf, n,
                   "'rpc_url' is missing: the network is not in the table, so its node "
                   "is asked");
    return builtin;
}

static void read_schemes(struct config__reader *r, struct config_network *net,
                         struct conf_node *n, bool builtin)
{
    static const char *const names[] = {"exact", "permit2", "upto", NULL};
    struct conf_node *item;
    unsigned choice;
    size_t at = 0;

    net->exact = n == NULL;
    net->upto = n == NULL && builtin && net->peer_count == 0;
    if (!begin_list(r, n, "schemes"))
        return;
    while (conf_next_item(r->conf, n, &at, &item)) {
        if (!conf_choice(r->conf, item, &choice, names))
            continue;
        if (choice != 0 && !builtin)
            conf_fault(r->conf, item, "only builtin settles %s", names[choice]);
        if (choice == 2 && net->peer_count > 0)
            conf_fault(r->conf, item,
                       "upto is settled after it is served, and a payment could be "
                       "served by each of the peers: give each machine its own pay_to");
        net->exact = net->exact || choice == 0;
        net->permit2 = net->permit2 || choice == 1;
        net->upto = net->upto || choice == 2;
    }
}

/* true: builtin. */
static bool read_network(struct config__reader *r, struct config_network *net,
                         struct conf_node *n)
{
    static const char *const token_keys[] = {"asset", "asset_name", "asset_version",
                                             "decimals"};
    struct conf_node *network;
    bool builtin;

    if (!config__may_be_mapping(r, n))
        return false;
    network = conf_get(r->conf, n, "network");
    if (network == NULL)
        conf_fault(r->conf, n, "'network' is missing");
    if (config__read_chain(r, &net->chain_id, network) && read_asset(r, net, n))
        read_token(r, net, n);
    else /* one fault is enough */
        for (size_t i = 0; i < sizeof(token_keys) / sizeof(token_keys[0]); i++)
            (void)conf_get(r->conf, n, token_keys[i]);
    read_pay_to(r, net, n);
    builtin = read_settlement(r, net, n);
    read_schemes(r, net, conf_get(r->conf, n, "schemes"), builtin);
    return builtin;
}

/* An offer is known by its network and token: a second one could not be told apart. */
static void refuse_twin(struct config__reader *r, const struct config_payments *p,
                        const struct config_network *net, const struct conf_node *n)
{
    if (net->chain_id == 0 || x402_address_is_zero(&net->asset))
        return;
    for (const struct config_network *other = p->networks; other < net; other++)
        if (other->chain_id == net->chain_id &&
            x402_address_equal(&other->asset, &net->asset)) {
            conf_fault(r->conf, n, "this network and asset are there already");
            return;
        }
}

/* Whether there is a builtin one. */
static bool read_networks(struct config__reader *r, struct config_payments *p,
                          struct conf_node *list)
{
    struct conf_node *item;
    bool builtin = false;
    size_t at = 0;

    if (!config__fits(r, list, CONFIG_NETWORKS_MAX, "networks"))
        return false;
    p->networks = arena_new_array(r->arena, struct config_network, conf_count(list));
    if (p->networks == NULL)
        return false;
    while (conf_next_item(r->conf, list, &at, &item)) {
        struct config_network *net = &p->networks[p->network_count++];

        builtin = read_network(r, net, item) || builtin;
        refuse_twin(r, p, net, item);
    }
    return builtin;
}

/* true, false, or {pay_to: [..]}. */
static void read_facilitate(struct config__reader *r, struct config_payments *p,
                            struct conf_node *n, bool builtin)
{
    struct conf_node *list;

    p->facilitates = builtin;
    if (!conf_is_mapping(n)) {
        (void)conf_bool(r->conf, n, &p->facilitates);
    } else {
        p->facilitates = true;
        list = conf_get(r->conf, n, "pay_to");
        if (list == NULL)
            conf_fault(r->conf, n, "'pay_to' is missing (facilitate: true is anybody)");
        if (!read_addresses(r, &p->facilitate_for, &p->facilitate_count, list))
            return;
    }
    if (p->facilitates && !builtin)
        conf_fault(r->conf, n, "without a builtin network nothing is settled here");
}

/* Buyer -------------------------------------------------------------------------------
 */

static void add_asset(struct config_buyer *b, const struct x402_address *asset)
{
    for (size_t i = 0; i < b->asset_count; i++)
        if (x402_address_equal(&b->assets[i], asset))
            return;
    b->assets[b->asset_count++] = *asset;
}

/* Without its decimals nobody knows what an amount of it is worth. */
static bool has_decimals(const struct config_payments *p, const struct x402_address *a)
{
    const struct x402_token *token;

    for (size_t i = 0; (token = x402_token_at(i)) != NULL; i++)
        if (x402_address_equal(&token->address, a))
            return true;
    for (size_t i = 0; i < p->network_count; i++)
        if (x402_address_equal(&p->networks[i].asset, a))
            return true;
    return false;
}

static void read_buyer_asset(struct config__reader *r, struct config_payments *p,
                             struct conf_node *n)
{
    const struct x402_token *token;
    char room[CONFIG__SHOWN_SIZE];
    struct x402_address address;
    struct slice text;
    size_t i = 0;

    if (!conf_text(r->conf, n, &text))
        return;
    if (names_address(text)) {
        if (!read_address(r, &address, n))
            return;
        if (has_decimals(p, &address))
            add_asset(&p->buyer, &address);
        else
            conf_fault(r->conf, n,
                       "the token is in no table: describe it in x402.networks");
        return;
    }
    while ((token = find_symbol(text, 0, i)) != NULL) {
        add_asset(&p->buyer, &token->address);
        i++;
    }
    if (i == 0)
        conf_fault(r->conf, n, "no token %s is known (did you mean 'USDC'?)",
                   config__shown(room, n, text));
}

static void read_buyer_assets(struct config__reader *r, struct config_payments *p,
                              struct conf_node *list)
{
    const struct x402_token *token;
    struct conf_node *item;
    size_t known = 0;
    size_t at = 0;

    while (x402_token_at(known) != NULL)
        known++;
    p->buyer.assets = arena_new_array(r->arena, struct x402_address, known + LIST_MAX);
    if (p->buyer.assets == NULL)
        return;
    for (size_t i = 0; list == NULL && (token = x402_token_at(i)) != NULL; i++)
        add_asset(&p->buyer, &token->address);
    if (!begin_list(r, list, "assets"))
        return;
    while (conf_next_item(r->conf, list, &at, &item))
        read_buyer_asset(r, p, item);
}

static void read_buyer_chains(struct config__reader *r, struct config_buyer *b,
                              struct conf_node *list)
{
    struct conf_node *item;
    size_t at = 0;

    if (!begin_list(r, list, "chains"))
        return;
    b->chains = arena_new_array(r->arena, uint64_t, LIST_MAX);
    while (b->chains != NULL && conf_next_item(r->conf, list, &at, &item))
        if (config__read_chain(r, &b->chains[b->chain_count], item))
            b->chain_count++;
}

static void read_buyer(struct config__reader *r, struct config_payments *p,
                       struct conf_node *n)
{
    struct config_buyer *b = &p->buyer;
    struct conf_node *key, *per_payment, *per_host;

    if (n == NULL || !config__may_be_mapping(r, n))
        return;
    key = conf_get(r->conf, n, "key");
    if (key == NULL)
        conf_fault(r->conf, n, "'key' is missing: the buyer pays with it");
    config__read_key(r, &b->key, key);
    b->max_per_day = from_cent(MAX_PER_DAY_CENT);
    (void)conf_money(r->conf, conf_get(r->conf, n, "max_per_day"), &b->max_per_day);
    b->max_per_payment = money_min(from_cent(MAX_PER_PAYMENT_CENT), b->max_per_day);
    per_payment = conf_get(r->conf, n, "max_per_payment");
    if (conf_money(r->conf, per_payment, &b->max_per_payment) &&
        money_cmp(b->max_per_payment, b->max_per_day) > 0)
        conf_fault(r->conf, per_payment, "max_per_payment is more than max_per_day");
    b->max_per_host_day = b->max_per_day;
    per_host = conf_get(r->conf, n, "max_per_host_day");
    if (conf_money(r->conf, per_host, &b->max_per_host_day) &&
        money_cmp(b->max_per_host_day, b->max_per_day) > 0)
        conf_fault(r->conf, per_host, "max_per_host_day is more than max_per_day");
    read_buyer_assets(r, p, conf_get(r->conf, n, "assets"));
    read_buyer_chains(r, b, conf_get(r->conf, n, "chains"));
}

/* MPP ---------------------------------------------------------------------------------
 */

static struct secret *read_mpp_secret(struct config__reader *r, struct conf_node *n,
                                      const char *what)
{
    struct secret *secret = config__secret(r, n, what);

    if (secret != NULL && secret_open(secret).len < MPP_SECRET_MIN)
        conf_fault(r->conf, n, "%s is shorter than %d bytes", what, MPP_SECRET_MIN);
    return secret;
}

static void read_mpp(struct config__reader *r, struct config_payments *p,
                     struct conf_node *n)
{
    static const char *const names[] = {"ledger", "evm", "tempo-proof", NULL};
    struct conf_node *secret, *methods, *item;
    struct config_mpp *mpp = &p->mpp;
    unsigned choice;
    size_t at = 0;

    if (n == NULL || !config__may_be_mapping(r, n))
        return;
    secret = conf_get(r->conf, n, "secret");
    if (secret == NULL)
        conf_fault(r->conf, n, "'secret' is missing: challenges are bound by it");
    mpp->secret = read_mpp_secret(r, secret, "the secret of mpp");
    mpp->old_secret =
        read_mpp_secret(r, conf_get(r->conf, n, "old_secret"), "old_secret");
    methods = conf_get(r->conf, n, "methods");
    mpp->ledger = methods == NULL;
    mpp->tempo_proof = methods == NULL;
    mpp->evm = methods == NULL && p->network_count > 0;
    if (!begin_list(r, methods, "methods"))
        return;
    while (conf_next_item(r->conf, methods, &at, &item)) {
        if (!conf_choice(r->conf, item, &choice, names))
            continue;
        if (choice == 1 && p->network_count == 0)
            conf_fault(r->conf, item, "evm needs a network in x402.networks");
        mpp->ledger = mpp->ledger || choice == 0;
        mpp->evm = mpp->evm || choice == 1;
        mpp->tempo_proof = mpp->tempo_proof || choice == 2;
    }
}

/* Reload ------------------------------------------------------------------------------
 */

static bool same_peers(const struct config_network *a, const struct config_network *b)
{
    if (a->peer_count != b->peer_count)
        return false;
    for (size_t i = 0; i < a->peer_count; i++)
        if (!x402_address_equal(&a->peers[i], &b->peers[i]))
            return false;
    return true;
}

static bool same_network(const struct config_network *a, const struct config_network *b)
{
    return a->chain_id == b->chain_id && x402_address_equal(&a->asset, &b->asset) &&
           config__same_text(a->asset_name, b->asset_name) &&
           config__same_text(a->asset_version, b->asset_version) &&
           a->decimals == b->decimals && x402_address_equal(&a->pay_to, &b->pay_to) &&
           config__same_text(a->facilitator_url, b->facilitator_url) &&
           config__same_node(a, b) && same_peers(a, b) &&
           a->allow_private == b->allow_private &&
           config__same_key(&a->settle_key, &b->settle_key) && a->exact == b->exact &&
           a->permit2 == b->permit2 && a->upto == b->upto;
}

static bool same_networks(const struct config_payments *a,
                          const struct config_payments *b)
{
    if (a->network_count != b->network_count)
        return false;
    for (size_t i = 0; i < a->network_count; i++)
        if (!same_network(&a->networks[i], &b->networks[i]))
            return false;
    return true;
}

static bool same_buyer(const struct config_buyer *a, const struct config_buyer *b)
{
    if (!config__same_key(&a->key, &b->key) ||
        money_cmp(a->max_per_payment, b->max_per_payment) != 0 ||
        money_cmp(a->max_per_day, b->max_per_day) != 0 ||
        money_cmp(a->max_per_host_day, b->max_per_host_day) != 0 ||
        a->asset_count != b->asset_count || a->chain_count != b->chain_count)
        return false;
    for (size_t i = 0; i < a->asset_count; i++)
        if (!x402_address_equal(&a->assets[i], &b->assets[i]))
            return false;
    for (size_t i = 0; i < a->chain_count; i++)
        if (a->chains[i] != b->chains[i])
            return false;
    return true;
}

/* The signer and the cashier keep what they were started with. */
static void check_restart(struct config__reader *r, const struct config_payments *p,
                          const struct conf_node *n)
{
    const struct config_payments *old = r->running->payments;

    if (!same_networks(p, old))
        conf_fault(r->conf, n, "a change of payments.x402.networks needs a restart");
    if (!same_buyer(&p->buyer, &old->buyer))
        conf_fault(r->conf, n, "a change of payments.x402.buyer needs a restart");
    if (money_cmp(p->max_debt, old->max_debt) != 0)
        conf_fault(r->conf, n, "a change of payments.x402.max_debt needs a restart");
}

/* The section -------------------------------------------------------------------------
 */

static void read_x402(struct config__reader *r, struct config_payments *p,
                      struct conf_node *n)
{
    bool builtin;

    if (n == NULL || !config__may_be_mapping(r, n))
        return;
    (void)conf_money(r->conf, conf_get(r->conf, n, "max_quote"), &p->max_quote);
    (void)conf_money(r->conf, conf_get(r->conf, n, "max_debt"), &p->max_debt);
    builtin = read_networks(r, p, conf_get(r->conf, n, "networks"));
    read_facilitate(r, p, conf_get(r->conf, n, "facilitate"), builtin);
    read_buyer(r, p, conf_get(r->conf, n, "buyer"));
}

void config__read_payments(struct config__reader *r, struct conf_node *n)
{
    struct config_payments *p = arena_new(r->arena, struct config_payments);
    size_t faults = conf_fault_count(r->conf);

    if (p == NULL)
        return; /* the arena is spent, which is looked at */
    r->config->payments = p;
    p->max_quote = from_cent(MAX_QUOTE_CENT);
    p->max_debt = from_cent(MAX_DEBT_CENT);
    if (n != NULL && config__may_be_mapping(r, n)) {
        read_x402(r, p, conf_get(r->conf, n, "x402"));
        read_mpp(r, p, conf_get(r->conf, n, "mpp"));
    }
    /* What is wrong in itself is told first. */
    if (r->running != NULL && conf_fault_count(r->conf) == faults)
        check_restart(r, p, n);
}

void config__free_payments(const struct config_payments *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->network_count; i++)
        secret_unref(p->networks[i].settle_key.passphrase);
    secret_unref(p->buyer.key.passphrase);
    secret_unref(p->mpp.secret);
    secret_unref(p->mpp.old_secret);
}

const struct config_network *config_network(const struct config *c, uint64_t chain_id,
                                            const struct x402_address *asset)
{
    for (size_t i = 0; i < c->payments->network_count; i++)
        if (c->payments->networks[i].chain_id == chain_id &&
            x402_address_equal(&c->payments->networks[i].asset, asset))
            return &c->payments->networks[i];
    return NULL;
}

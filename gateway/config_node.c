/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes of a network, and how much of their word a payment needs. */
#include "gateway/config_node.h"

#include <string.h>

enum {
    BLOCKS_MAX = 1000
};

/* Which of them -----------------------------------------------------------------------
 */

/* From the host on. */
static struct slice behind_scheme(struct slice url)
{
    const size_t at = slice_search(url, SLICE("://"));

    return slice_sub(url, at < url.len ? at + 3 : url.len, url.len);
}

/* A node is a machine's own more often than not: "http://127.0.0.1:8545". */
static bool is_on_this_machine(struct config__reader *r, struct conf_node *n)
{
    static const char *const hosts[] = {"127.0.0.1", "localhost", "[::1]"};
    struct slice text;

    if (n == NULL || !conf_text(r->conf, n, &text))
        return false;
    text = behind_scheme(text);
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
        const size_t len = strlen(hosts[i]);

        if (slice_starts_nocase(text, slice_str(hosts[i])) &&
            (text.len == len || text.bytes[len] == ':' || text.bytes[len] == '/'))
            return true;
    }
    return false;
}

static struct slice host_of(const char *url)
{
    const struct slice rest = behind_scheme(slice_str(url));

    return slice_sub(rest, 0, slice_find(rest, '/'));
}

/* Two names of one node are one node, and one word. */
static void refuse_same(struct config__reader *r, const struct config_network *net,
                        struct conf_node *n)
{
    const char *witness = net->witness.rpc_url;

    if (net->rpc_url == NULL || witness == NULL)
        return;
    if (slice_equal_nocase(slice_str(net->rpc_url), slice_str(witness)))
        conf_fault(r->conf, n,
                   "the witness is the node of rpc_url itself, and would always agree");
    else if (slice_equal_nocase(host_of(net->rpc_url), host_of(witness)))
        config__warn(r, n,
                     "the witness has the host of rpc_url: who runs that answers for "
                     "both");
}

static void read_witness(struct config__reader *r, struct config_network *net,
                         struct conf_node *n)
{
    struct config_witness *w = &net->witness;
    struct conf_node *rpc_url;
    bool allow_private = net->allow_private;

    if (n == NULL || !config__may_be_mapping(r, n))
        return;
    rpc_url = conf_get(r->conf, n, "rpc_url");
    (void)conf_money(r->conf, conf_get(r->conf, n, "from"), &w->from);
    (void)conf_bool(r->conf, conf_get(r->conf, n, "allow_private"), &allow_private);
    if (rpc_url == NULL)
        conf_fault(r->conf, n, "'rpc_url' is missing: the second node");
    w->allow_private = allow_private;
    w->rpc_private = allow_private || is_on_this_machine(r, rpc_url);
    w->rpc_url = config__url(r, rpc_url, "rpc_url", w->rpc_private);
    refuse_same(r, net, rpc_url);
}

/* Blocks ------------------------------------------------------------------------------
 */

static void check_order(struct config__reader *r, const struct config_depth *tier,
                        const struct config_depth *before, struct conf_node *from,
                        struct conf_node *blocks)
{
    if (before == NULL && !money_is_zero(tier->from))
        conf_fault(r->conf, from, "the first tier begins with \"0\"");
    if (before != NULL && money_cmp(tier->from, before->from) <= 0)
        conf_fault(r->conf, from, "a tier begins with more than the one before it");
    if (before != NULL && tier->blocks < before->blocks)
        conf_fault(r->conf, blocks,
                   "fewer blocks than in the tier before, for more money");
}

/* false: it has a fault, and what follows cannot be compared with it. */
static bool read_tier(struct config__reader *r, struct config_depth *tier,
                      struct conf_node *n, const struct config_depth *before,
                      bool compares)
{
    struct conf_node *from, *blocks;
    uint64_t count = 1;
    bool whole;

    if (!config__may_be_mapping(r, n))
        return false;
    from = conf_get(r->conf, n, "from");
    blocks = conf_get(r->conf, n, "blocks");
    if (from == NULL)
        conf_fault(r->conf, n, "'from' is missing: the value that a tier begins with");
    if (blocks == NULL)
        conf_fault(r->conf, n, "'blocks' is missing");
    whole = conf_money(r->conf, from, &tier->from);
    whole = conf_u64(r->conf, blocks, &count, 1, BLOCKS_MAX) && whole;
    tier->blocks = (unsigned)count;
    if (whole && compares)
        check_order(r, tier, before, from, blocks);
    return whole;
}

/* A number for all, or tiers by value. */
static void read_confirmations(struct config__reader *r, struct config_network *net,
                               struct conf_node *n)
{
    struct config_depth *tier = net->depths;
    struct conf_node *item;
    uint64_t count = 1;
    bool whole = true;
    size_t at = 0;

    if (!conf_is_list(n)) {
        (void)conf_u64(r->conf, n, &count, 1, BLOCKS_MAX);
        net->depth_count = 1;
        tier->blocks = (unsigned)count;
        return;
    }
    if (conf_count(n) == 0)
        conf_fault(r->conf, n, "the list of confirmations is empty");
    if (!config__fits(r, n, CONFIG_DEPTHS_MAX, "confirmations"))
        return;
    while (conf_next_item(r->conf, n, &at, &item)) {
        whole =
            read_tier(r, tier, item, tier == net->depths ? NULL : tier - 1, whole) &&
            whole;
        tier++;
    }
    net->depth_count = (size_t)(tier - net->depths);
}

/* The face ----------------------------------------------------------------------------
 */

void config__read_node(struct config__reader *r, struct config_network *net,
                       struct conf_node *n)
{
    struct conf_node *rpc_url = conf_get(r->conf, n, "rpc_url");
    struct conf_node *confirmations = conf_get(r->conf, n, "confirmations");
    struct conf_node *witness = conf_get(r->conf, n, "witness");

    net->rpc_private = net->allow_private || is_on_this_machine(r, rpc_url);
    net->rpc_url = config__url(r, rpc_url, "rpc_url", net->rpc_private);
    read_confirmations(r, net, confirmations);
    read_witness(r, net, witness);
    if (rpc_url != NULL || net->facilitator_url == NULL)
        return;
    if (confirmations != NULL)
        conf_fault(r->conf, confirmations,
                   "without an rpc_url nobody counts confirmations");
    if (witness != NULL)
        conf_fault(r->conf, witness,
                   "without an rpc_url there is no word for it to agree with");
}

bool config__same_node(const struct config_network *a, const struct config_network *b)
{
    if (!config__same_text(a->rpc_url, b->rpc_url) ||
        a->rpc_private != b->rpc_private ||
        !config__same_text(a->witness.rpc_url, b->witness.rpc_url) ||
        a->witness.rpc_private != b->witness.rpc_private ||
        money_cmp(a->witness.from, b->witness.from) != 0 ||
        a->depth_count != b->depth_count)
        return false;
    for (size_t i = 0; i < a->depth_count; i++)
        if (a->depths[i].blocks != b->depths[i].blocks ||
            money_cmp(a->depths[i].from, b->depths[i].from) != 0)
            return false;
    return true;
}

/* What the settler asks ---------------------------------------------------------------
 */

/* A limit finer than the token's units begins with the unit below it. */
static bool reaches(const struct config_network *net, struct x402_u256 value,
                    struct money from)
{
    struct x402_u256 limit;

    return x402_u256_from_money(&limit, from, net->decimals, X402_DOWN) != RC_OK ||
           x402_u256_cmp(value, limit) >= 0;
}

unsigned config_confirmations(const struct config_network *net, struct x402_u256 value)
{
    unsigned blocks = 1;

    for (size_t i = 0; i < net->depth_count && reaches(net, value, net->depths[i].from);
         i++)
        blocks = net->depths[i].blocks;
    return blocks;
}

bool config_needs_witness(const struct config_network *net, struct x402_u256 value)
{
    return net->witness.rpc_url != NULL && reaches(net, value, net->witness.from);
}

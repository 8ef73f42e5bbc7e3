/* SPDX-License-Identifier: Apache-2.0 */
/* The section `models`: where a model's calls go, what a token costs, and how long
 * prompts and answers may be. What the file leaves open comes from the catalogue. */
#include "gateway/config_catalog.h"

#include "base/clock.h"
#include "base/nearest.h"
#include "gateway/price.h"
#include "gateway/select.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WEIGHT_MAX = 1000,
    TOKENS_MAX = 100 * 1000 * 1000,
    CONTEXT_TOKENS = 131072, /* of a model that nobody knows */
    OUTPUT_TOKENS = 8192,
    HOLD_TOKENS = 8192
};

static const struct config__name_form model_name = {"model", "._:/-", 128};

/* Targets -----------------------------------------------------------------------------
 */

static const struct config_provider *find_provider(struct config__reader *r,
                                                   struct conf_node *n,
                                                   struct slice name)
{
    const struct config *c = r->config;
    char room[CONFIG__SHOWN_SIZE];
    struct nearest nearest;

    nearest_start(&nearest, name);
    for (size_t i = 0; i < c->provider_count; i++) {
        const struct config_provider *p = &c->providers[i];

        if (p->name == NULL)
            continue;
        if (slice_equal_str(name, p->name))
            return p;
        nearest_offer(&nearest, p->name);
    }
    if (nearest.name != NULL && !conf_is_expanded(n))
        conf_fault(r->conf, n, "there is no provider %s (did you mean '%s'?)",
                   config__shown(room, n, name), nearest.name);
    else
        conf_fault(r->conf, n, "there is no provider %s", config__shown(room, n, name));
    return NULL;
}

static void read_target(struct config__reader *r, struct config_target *t,
                        struct conf_node *n)
{
    struct conf_node *provider, *model;
    uint64_t weight = 0;
    struct slice name;

    if (!config__may_be_mapping(r, n))
        return;
    provider = conf_get(r->conf, n, "provider");
    model = conf_get(r->conf, n, "model");
    if (conf_text(r->conf, provider, &name))
        t->provider = find_provider(r, provider, name);
    else if (provider == NULL)
        conf_fault(r->conf, n, "a target without 'provider'");
    if (model == NULL)
        conf_fault(r->conf, n, "a target without 'model'");
    t->model = config__text(r, model);
    (void)conf_u64(r->conf, conf_get(r->conf, n, "weight"), &weight, 1, WEIGHT_MAX);
    t->weight = (unsigned)weight;
}

static void read_targets(struct config__reader *r, struct config_model *m,
                         struct conf_node *n)
{
    struct conf_node *list = conf_get(r->conf, n, "targets");
    struct conf_node *item;
    size_t at = 0;

    if (list == NULL || (conf_is_list(list) && conf_count(list) == 0)) {
        conf_fault(r->conf, list != NULL ? list : n, "no targets: nothing serves it");
        return;
    }
    if (!config__fits(r, list, SELECT_TARGETS_MAX, "targets"))
        return;
    m->targets = arena_new_array(r->arena, struct config_target, conf_count(list));
    if (m->targets == NULL)
        return;
    while (conf_next_item(r->conf, list, &at, &item))
        read_target(r, &m->targets[m->target_count++], item);
}

/* The price ---------------------------------------------------------------------------
 */

/* A price that cannot be paid for the longest call is a slip of the pen. */
static void check_size(struct config__reader *r, const struct config_model *m,
                       const struct config_price *p, const struct conf_node *n)
{
    const struct price_bounds longest = {
        .prompt = m->context_tokens, .choices = 1, .output = m->max_output_tokens};
    struct money worst;

    if (price_bound(&worst, p, &longest) != RC_OK)
        conf_fault(r->conf, n,
                   "the price times the longest call is more than an amount can hold");
}

static void check_sizes(struct config__reader *r, const struct config_model *m,
                        const struct conf_node *n)
{
    if (m->priced)
        check_size(r, m, &m->price, n);
    for (const struct config_price *p = m->price.next; p != NULL; p = p->next)
        check_size(r, m, p, n);
}

static void warn_of_no_price(struct config__reader *r, const struct config_model *m,
                             const struct conf_node *n)
{
    char text[CLOCK_TEXT_SIZE];

    if (m->price.next == NULL) {
        config__warn(r, n,
                     "model '%s' has no price and is not in the catalogue: it is "
                     "refused (price_missing)",
                     m->name);
        return;
    }
    clock_print(text, m->price.next->from_us);
    config__warn(r, n,
                 "model '%s' has no price before %s: until then it is refused "
                 "(price_missing)",
                 m->name, text);
}

/* What one vendor sells at twice the price must not be sold as if it were the same. */
static void warn_of_hours(struct config__reader *r, const struct config_model *m,
                          const struct conf_node *n, const struct config_row *known)
{
    const struct money *theirs = known->price.base.of;
    const struct money *ours = m->price.base.of;

    if (known->priced &&
        money_cmp(theirs[PRICE_CACHE_WRITE_1H], theirs[PRICE_CACHE_WRITE]) > 0 &&
        money_cmp(ours[PRICE_CACHE_WRITE_1H], ours[PRICE_CACHE_WRITE]) <= 0)
        config__warn(r, n,
                     "model '%s': its vendor takes more for what is cached for an "
                     "hour: give the price a 'cache_write_1h'",
                     m->name);
}

/* The whole ---------------------------------------------------------------------------
 */

/* Whether the first target is free of faults. */
static bool has_first_target(const struct config_model *m)
{
    const struct config_target *t = m->targets;

    return m->target_count > 0 && t->model != NULL && t->provider != NULL &&
           t->provider->kind != NULL;
}

static void read_sizes(struct config__reader *r, struct config_model *m,
                       struct conf_node *n, const struct config_row *known)
{
    struct conf_node *hold = conf_get(r->conf, n, "hold_output_tokens");

    m->context_tokens =
        known->context_tokens > 0 ? known->context_tokens : CONTEXT_TOKENS;
    m->max_output_tokens =
        known->max_output_tokens > 0 ? known->max_output_tokens : OUTPUT_TOKENS;
    (void)conf_u64(r->conf, conf_get(r->conf, n, "context_tokens"), &m->context_tokens,
                   1, TOKENS_MAX);
    (void)conf_u64(r->conf, conf_get(r->conf, n, "max_output_tokens"),
                   &m->max_output_tokens, 1, TOKENS_MAX);
    m->hold_output_tokens =
        m->max_output_tokens < HOLD_TOKENS ? m->max_output_tokens : HOLD_TOKENS;
    (void)conf_u64(r->conf, hold, &m->hold_output_tokens, 1, m->max_output_tokens);
}

static void read_price(struct config__reader *r, struct config_model *m,
                       struct conf_node *n, const struct config_row *known)
{
    struct conf_node *price = conf_get(r->conf, n, "price");

    (void)conf_percent(r->conf, conf_get(r->conf, n, "markup"), &m->price.markup_ppm);
    if (price != NULL) {
        m->priced = config__read_price(r, &m->price, price);
        if (m->priced) {
            price_seal(&m->price);
            warn_of_hours(r, m, price, known);
        }
    } else if (m->name != NULL && has_first_target(m)) {
        config__choose_price(r, m);
        if (!m->priced)
            warn_of_no_price(r, m, n);
    }
    check_sizes(r, m, price != NULL ? price : n);
}

static void read_model(struct config__reader *r, struct config_model *m,
                       struct conf_node *n)
{
    struct config_row known = {0};

    if (!config__may_be_mapping(r, n))
        return;
    read_targets(r, m, n);
    (void)config__find_known(&known, r, m);
    read_sizes(r, m, n, &known);
    m->caps_known = known.caps_known;
    m->caps = known.caps;
    m->endpoints = known.endpoints;
    if (config__read_caps(r, &m->caps, conf_get(r->conf, n, "capabilities")))
        m->caps_known = true;
    (void)conf_bool(r->conf, conf_get(r->conf, n, "strict_hold"), &m->strict_hold);
    (void)conf_bool(r->conf, conf_get(r->conf, n, "require_parameters"),
                    &m->require_parameters);
    read_price(r, m, n, &known);
}

static int compare_models(const void *a, const void *b)
{
    const struct config_model *left = a;
    const struct config_model *right = b;

    return slice_compare(slice_str(left->name), slice_str(right->name));
}

void config__read_models(struct config__reader *r, struct conf_node *n)
{
    struct config *c = r->config;
    struct conf_node *value;
    struct slice name;
    size_t at = 0;

    c->models = arena_new_array(r->arena, struct config_model, conf_count(n));
    if (c->models == NULL)
        return;
    while (conf_next_member(r->conf, n, &at, &name, &value)) {
        struct config_model *m = &c->models[c->model_count++];

        m->name = config__name(r, value, &model_name, name);
        read_model(r, m, value);
    }
    qsort(c->models, c->model_count, sizeof(c->models[0]), compare_models);
}

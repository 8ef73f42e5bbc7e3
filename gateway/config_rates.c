/* SPDX-License-Identifier: Apache-2.0 */
/* A price as it is written, in the configuration and in files of prices: its rates, its
 * tiers and thresholds, its fees. What is not named is dearer rather than free. */
#include "gateway/config_int.h"

#include "gateway/price.h"

#include <assert.h>
#include <string.h>

enum {
    THRESHOLD_MAX = 100 * 1000 * 1000
};

/* What is known of a price while it is read. */
struct reading {
    struct config__reader *r;
    const struct price_rates *base;
    unsigned base_given;
    struct price_band bands[PRICE_BANDS_MAX];
    size_t band_count;
};

/* The rates that are named in n; returns which. */
static unsigned read_rates(struct config__reader *r, struct price_rates *out,
                           struct conf_node *n)
{
    unsigned given = 0;

    for (unsigned i = 0; i < PRICE_RATE_COUNT; i++) {
        struct conf_node *rate = conf_get(r->conf, n, price_rate_name(i));

        if (rate != NULL) /* a faulty one is no missing one */
            given |= 1u << i;
        (void)conf_money(r->conf, rate, &out->of[i]);
    }
    return given;
}

static void add_band(struct reading *reading, enum usage_tier tier, uint64_t above,
                     struct conf_node *n)
{
    struct price_band *band = &reading->bands[reading->band_count];
    unsigned given;

    *band = (struct price_band){.tier = tier, .above_tokens = above};
    given = read_rates(reading->r, &band->rates, n);
    if (given == 0)
        return;
    price_fill_band(&band->rates, given, reading->base, reading->base_given);
    assert(reading->band_count < PRICE_BANDS_MAX);
    reading->band_count++;
}

static void read_tiers(struct reading *reading, uint64_t above, struct conf_node *n)
{
    struct config__reader *r = reading->r;
    struct conf_node *tiers = conf_get(r->conf, n, "tiers");

    if (!config__may_be_mapping(r, tiers))
        return;
    for (unsigned i = USAGE_BATCH; i < PRICE_TIER_COUNT; i++) {
        struct conf_node *tier = conf_get(r->conf, tiers, price_tier_name(i));

        if (tier != NULL && config__may_be_mapping(r, tier))
            add_band(reading, (enum usage_tier)i, above, tier);
    }
}

static void read_steps(struct reading *reading, struct conf_node *n)
{
    struct config__reader *r = reading->r;
    struct conf_node *list = conf_get(r->conf, n, "above");
    uint64_t before = 0;
    struct conf_node *item;
    size_t at = 0;

    if (list == NULL || !config__fits(r, list, PRICE_STEPS_MAX, "thresholds"))
        return;
    while (conf_next_item(r->conf, list, &at, &item)) {
        struct conf_node *tokens;
        uint64_t above = 0;

        if (!config__may_be_mapping(r, item))
            continue;
        tokens = conf_get(r->conf, item, "tokens");
        if (tokens == NULL)
            conf_fault(r->conf, item, "a threshold without 'tokens'");
        else if (conf_u64(r->conf, tokens, &above, 1, THRESHOLD_MAX) && above <= before)
            conf_fault(r->conf, tokens, "thresholds must rise");
        add_band(reading, USAGE_STANDARD, above, item);
        read_tiers(reading, above, item);
        before = above;
    }
}

/* Insertion by tier; thresholds rise as they were read. */
static void keep_bands(struct reading *reading, struct config_price *p)
{
    struct price_band *kept =
        arena_new_array(reading->r->arena, struct price_band, reading->band_count);

    if (kept == NULL)
        return;
    for (unsigned tier = 0; tier < PRICE_TIER_COUNT; tier++)
        for (size_t i = 0; i < reading->band_count; i++)
            if (reading->bands[i].tier == (enum usage_tier)tier)
                kept[p->band_count++] = reading->bands[i];
    p->bands = kept;
}

bool config__read_price(struct config__reader *r, struct config_price *p,
                        struct conf_node *n)
{
    static const unsigned required[] = {PRICE_INPUT, PRICE_OUTPUT};
    struct reading reading = {.r = r, .base = &p->base};
    bool complete = true;

    if (!conf_is_mapping(n)) {
        conf_fault(r->conf, n,
                   "expected a mapping such as {input: \"1.25\", output: "
                   "\"10\"}, in USD per million tokens");
        return false;
    }
    reading.base_given = read_rates(r, &p->base, n);
    for (size_t i = 0; i < 2; i++)
        if ((reading.base_given & 1u << required[i]) == 0) {
            conf_fault(r->conf, n, "a price without '%s' (\"0\" is free)",
                       price_rate_name(required[i]));
            complete = false;
        }
    price_fill(&p->base, reading.base_given);
    read_tiers(&reading, 0, n);
    read_steps(&reading, n);
    keep_bands(&reading, p);
    p->web_search = price_search_default();
    (void)conf_money(r->conf, conf_get(r->conf, n, "web_search"), &p->web_search);
    (void)conf_money(r->conf, conf_get(r->conf, n, "request"), &p->request);
    return complete;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Two catalogues side by side: every model that either knows, and of those that both
 * know every rate that differs, in every tier and above every threshold. */
#include "gateway/config_diff.h"

#include "base/json.h"
#include "gateway/config_catalog.h"
#include "gateway/price.h"

#include <stdlib.h>

enum {
    ARENA_SIZE = 256 * 1024 * 1024
};

struct diff {
    struct config__reader reader;
    const struct config_rows *old, *new; /* NULL: what is built in */
    uint64_t wall_us;
    struct json_out out;
};

/* One model of either catalogue. */
struct name {
    const char *provider, *model;
};

static int compare_names(const void *a, const void *b)
{
    const struct name *left = a;
    const struct name *right = b;
    int order = slice_compare(slice_str(left->provider), slice_str(right->provider));

    return order != 0 ? order
                      : slice_compare(slice_str(left->model), slice_str(right->model));
}

/* The price in such a catalogue. false: none. */
static bool find_price(struct config_price *out, struct diff *d,
                       const struct config_rows *rows, const struct name *name)
{
    const struct config_row *row;
    struct config_row builtin;
    bool found = false;
    size_t count = 0;

    if (rows != NULL) {
        row = config__find_rows(&count, rows, slice_str(name->provider),
                                slice_str(name->model));
        for (size_t i = 0; i < count && row[i].from_us <= d->wall_us; i++)
            if (row[i].priced) {
                *out = row[i].price;
                found = true;
            }
    }
    if (found || (rows != NULL && rows->whole))
        return found;
    if (!config__builtin_row(&builtin, &d->reader, slice_str(name->provider),
                             slice_str(name->model)))
        return false;
    *out = builtin.price;
    return true;
}

/* ---- Items ---- */

static void begin_item(struct diff *d, const struct name *name, const char *change)
{
    json_out_object(&d->out);
    json_out_kstr(&d->out, "provider", name->provider);
    json_out_kstr(&d->out, "model", name->model);
    json_out_kstr(&d->out, "change", change);
}

static void put_whole(struct diff *d, const struct name *name, const char *change,
                      const struct config_price *p)
{
    begin_item(d, name, change);
    json_out_kmoney(&d->out, "input", p->base.of[PRICE_INPUT]);
    json_out_kmoney(&d->out, "output", p->base.of[PRICE_OUTPUT]);
    json_out_end_object(&d->out);
}

struct place {
    enum usage_tier tier;
    uint64_t above;
};

static void put_change(struct diff *d, const struct name *name, struct place at,
                       const char *rate, const struct money amounts[2])
{
    const int order = money_cmp(amounts[0], amounts[1]);

    if (order == 0)
        return;
    begin_item(d, name, order < 0 ? "dearer" : "cheaper");
    json_out_kstr(&d->out, "rate", rate);
    json_out_kstr(&d->out, "tier", price_tier_name(at.tier));
    json_out_ku64(&d->out, "above_tokens", at.above);
    json_out_kmoney(&d->out, "old", amounts[0]);
    json_out_kmoney(&d->out, "new", amounts[1]);
    json_out_end_object(&d->out);
}

static void compare_at(struct diff *d, const struct name *name, struct place at,
                       const struct config_price *old, const struct config_price *new)
{
    struct price_rates before, after;

    price_rates_at(&before, old, at.tier, at.above + 1);
    price_rates_at(&after, new, at.tier, at.above + 1);
    for (unsigned i = 0; i < PRICE_RATE_COUNT; i++) {
        const struct money amounts[2] = {before.of[i], after.of[i]};
        const unsigned leader = i < PRICE_INPUT_COUNT ? PRICE_INPUT : PRICE_OUTPUT;

        /* What costs as much as plain text, in both, says nothing new. */
        if (i == leader || money_cmp(before.of[i], before.of[leader]) != 0 ||
            money_cmp(after.of[i], after.of[leader]) != 0)
            put_change(d, name, at, price_rate_name(i), amounts);
    }
}

static bool has_tier(const struct config_price *p, enum usage_tier tier)
{
    for (size_t i = 0; i < p->band_count; i++)
        if (p->bands[i].tier == tier)
            return true;
    return tier == USAGE_STANDARD;
}

static uint64_t next_step(const struct config_price *a, const struct config_price *b,
                          uint64_t above)
{
    const uint64_t of_a = price_next_step(a, above);
    const uint64_t of_b = price_next_step(b, above);

    return of_a == 0 || (of_b > 0 && of_b < of_a) ? of_b : of_a;
}

static void compare_prices(struct diff *d, const struct name *name,
                           const struct config_price *old,
                           const struct config_price *new)
{
    const struct place base = {USAGE_STANDARD, 0};
    const struct money searches[2] = {old->web_search, new->web_search};
    const struct money requests[2] = {old->request, new->request};

    for (unsigned tier = 0; tier < PRICE_TIER_COUNT; tier++) {
        struct place at = {(enum usage_tier)tier, 0};

        if (!has_tier(old, at.tier) && !has_tier(new, at.tier))
            continue;
        compare_at(d, name, at, old, new);
        while ((at.above = next_step(old, new, at.above)) > 0)
            compare_at(d, name, at, old, new);
    }
    put_change(d, name, base, "web_search", searches);
    put_change(d, name, base, "request", requests);
}

static void compare_model(struct diff *d, const struct name *name)
{
    struct config_price old = {.band_count = 0}, new = {.band_count = 0};
    const bool had = find_price(&old, d, d->old, name);
    const bool has = find_price(&new, d, d->new, name);

    if (had && has)
        compare_prices(d, name, &old, &new);
    else if (has)
        put_whole(d, name, "added", &new);
    else if (had)
        put_whole(d, name, "removed", &old);
}

/* ---- The whole ---- */

static void collect(struct name *names, size_t *count, const struct config_rows *rows)
{
    for (size_t i = 0; rows != NULL && i < rows->count; i++)
        names[(*count)++] = (struct name){rows->rows[i].provider, rows->rows[i].model};
}

static void compare_all(struct diff *d)
{
    const size_t old_count = d->old != NULL ? d->old->count : 0;
    const struct catalog_model *known;
    struct name *names;
    size_t builtin_count = 0, count = 0;

    while (catalog_at(builtin_count) != NULL)
        builtin_count++;
    names = arena_new_array(d->reader.arena, struct name,
                            builtin_count + old_count + d->new->count);
    if (names == NULL)
        return;
    for (; (known = catalog_at(count)) != NULL; count++)
        names[count] = (struct name){known->provider, known->model};
    collect(names, &count, d->old);
    collect(names, &count, d->new);
    qsort(names, count, sizeof(names[0]), compare_names);
    json_out_object(&d->out);
    json_out_key(&d->out, "items");
    json_out_array(&d->out);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || compare_names(&names[i - 1], &names[i]) != 0)
            compare_model(d, &names[i]);
    json_out_end_array(&d->out);
    json_out_key(&d->out, "next");
    json_out_null(&d->out);
    json_out_end_object(&d->out);
}

/* A reader of what conf holds, but for its arena. */
static struct config__reader reader_of(struct conf *conf, const char *path,
                                       struct buf *faults)
{
    return (struct config__reader){.conf = conf, .path = path, .more_faults = faults};
}

enum rc config_price_check(struct slice text, const char *path, struct buf *faults)
{
    struct config__reader r;
    struct config_rows rows;
    struct conf *conf;
    enum rc rc;

    TRY(conf_parse_data(&conf, text, path));
    r = reader_of(conf, path, faults);
    rc = arena_open(&r.arena, ARENA_SIZE);
    if (rc == RC_OK) {
        config__read_rows(&rows, &r, conf, CONFIG__OVERRIDES);
        rc = r.rc;
        if (rc == RC_OK && arena_spent(r.arena))
            rc = RC_NOMEM;
        if (rc == RC_OK && buf_len(faults) > 0)
            rc = RC_BAD_INPUT;
        arena_close(r.arena);
    }
    conf_close(conf);
    return rc;
}

static enum rc run(struct diff *d, struct buf *json, struct conf *conf)
{
    struct config_rows new;

    config__read_rows(&new, &d->reader, conf, CONFIG__CATALOG);
    TRY(d->reader.rc);
    if (buf_len(d->reader.more_faults) > 0)
        return RC_BAD_INPUT;
    d->new = &new;
    json_out_init(&d->out, json);
    compare_all(d);
    TRY(d->reader.rc);
    return arena_spent(d->reader.arena) || buf_spent(json) ? RC_NOMEM : RC_OK;
}

enum rc config_price_diff(struct buf *json, const struct config *c, const char *path,
                          uint64_t wall_us, struct buf *faults)
{
    struct diff d = {.old = c->catalog, .wall_us = wall_us};
    struct conf *conf;
    enum rc rc;

    TRY(conf_open_data(&conf, path));
    d.reader = reader_of(conf, path, faults);
    rc = arena_open(&d.reader.arena, ARENA_SIZE);
    if (rc == RC_OK) {
        rc = run(&d, json, conf);
        arena_close(d.reader.arena);
    }
    conf_close(conf);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which price counts for a model, and from when on: the configuration's own, else what
 * the operator has set (octroi price set), else the catalogue file's, else what the
 * provider itself says, else the built-in one. A stronger word counts from its own
 * beginning on and never ends. */
#include "gateway/config_catalog.h"

#include "base/clock.h"
#include "gateway/price.h"
#include "gateway/providers/vendors.h"

#include <assert.h>
#include <unistd.h>

enum {
    CANDIDATES_MAX = 2 * CONFIG__ROWS_MAX + 2
};

/* Files -------------------------------------------------------------------------------
 */

void config__read_catalog(struct config__reader *r, struct conf_node *n)
{
    struct config *c = r->config;
    struct config_rows *rows;
    struct conf *conf;
    enum rc rc;

    if (n == NULL || !conf_path(r->conf, n, &c->catalog_path, r->arena))
        return;
    if (c->catalog_path != NULL && slice_has_ctl(slice_str(c->catalog_path))) {
        conf_fault(r->conf, n, "the path holds a control character");
        return;
    }
    rows = arena_new(r->arena, struct config_rows);
    if (rows == NULL || c->catalog_path == NULL)
        return;
    rc = conf_open_data(&conf, c->catalog_path);
    if (rc == RC_NOMEM)
        r->rc = rc;
    else if (rc != RC_OK)
        conf_fault(r->conf, n, "cannot read %s: %s", c->catalog_path, rc_reason(rc));
    if (rc != RC_OK)
        return;
    config__read_rows(rows, r, conf, CONFIG__CATALOG);
    conf_close(conf);
    c->catalog = rows;
}

void config__read_overrides(struct config__reader *r)
{
    struct config *c = r->config;
    struct config_rows *rows = arena_new(r->arena, struct config_rows);
    struct conf *conf;
    char *path;
    enum rc rc;

    if (c->data_dir == NULL || rows == NULL)
        return;
    path = arena_printf(r->arena, "%s/" CONFIG__PRICES_FILE, c->data_dir);
    if (path == NULL)
        return;
    rc = conf_open_data(&conf, path);
    /* Whoever may not enter the folder charges nothing by its prices either. */
    if (rc == RC_NOT_FOUND || (rc == RC_IO && access(c->data_dir, X_OK) != 0))
        return;
    if (rc == RC_NOMEM)
        r->rc = rc;
    else if (rc != RC_OK)
        conf_fault(r->conf, NULL, "cannot read %s: %s", path, rc_reason(rc));
    if (rc != RC_OK)
        return;
    config__read_rows(rows, r, conf, CONFIG__OVERRIDES);
    conf_close(conf);
    c->overrides = rows;
}

/* Prices ------------------------------------------------------------------------------
 */

struct candidates {
    size_t count;
    const struct config_price *prices[CANDIDATES_MAX];
    enum price_source sources[CANDIDATES_MAX];
};

/* In the order of their beginnings; of those that begin at once the strongest first. */
static void offer(struct candidates *c, const struct config_price *price,
                  enum price_source source)
{
    size_t at = c->count++;

    assert(c->count <= CANDIDATES_MAX);
    for (; at > 0; at--) {
        const struct config_price *before = c->prices[at - 1];

        if (before->from_us < price->from_us ||
            (before->from_us == price->from_us && c->sources[at - 1] <= source))
            break;
        c->prices[at] = before;
        c->sources[at] = c->sources[at - 1];
    }
    c->prices[at] = price;
    c->sources[at] = source;
}

static void offer_rows(struct candidates *c, const struct config_row *rows,
                       size_t count, enum price_source source)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].priced)
            offer(c, &rows[i].price, source);
}

static void set_price(struct config_price *out, const struct config_price *price,
                      enum price_source source, uint32_t markup_ppm)
{
    *out = *price;
    out->markup_ppm = markup_ppm;
    out->source = source;
    out->next = NULL;
    price_seal(out);
}

/* The strongest of those that have begun, at each beginning: the last one before now is
 * the model's, those to come hang behind it. */
static void take(struct config__reader *r, struct config_model *m,
                 const struct candidates *c)
{
    const uint64_t now_us = clock_wall_us();
    const uint32_t markup_ppm = m->price.markup_ppm;
    enum price_source strongest = PRICE_BY_BUILTIN;
    struct config_price *last = &m->price;

    for (size_t i = 0; i < c->count; i++) {
        if (c->sources[i] > strongest)
            continue;
        strongest = c->sources[i];
        if (c->prices[i]->from_us > now_us) {
            struct config_price *next = arena_new(r->arena, struct config_price);

            if (next == NULL)
                return;
            last->next = next;
            last = next;
        } else {
            m->priced = true;
        }
        set_price(last, c->prices[i], strongest, markup_ppm);
    }
}

/* What the first target's provider sells: it stands for all, being the one that the
 * name is meant to be. */
static bool find_target(struct slice *provider, struct slice *model,
                        const struct config_model *m)
{
    const struct config_target *t = m->targets;

    if (m->target_count == 0 || t->model == NULL || t->provider == NULL ||
        t->provider->kind == NULL)
        return false;
    *provider =
        slice_str(t->provider->vendor != NULL ? vendor_catalog(t->provider->vendor)
                                              : t->provider->kind);
    *model = slice_str(t->model);
    return true;
}

void config__choose_price(struct config__reader *r, struct config_model *m)
{
    const struct config *config = r->config;
    struct candidates c = {0};
    struct slice provider, model;
    const struct config_price *found;
    const struct config_row *rows;
    struct config_row builtin;
    size_t count;

    if (config->overrides != NULL) {
        rows = config__find_rows(&count, config->overrides, SLICE_NONE,
                                 slice_str(m->name));
        offer_rows(&c, rows, count, PRICE_BY_OVERRIDE);
    }
    if (find_target(&provider, &model, m)) {
        if (config->catalog != NULL) {
            rows = config__find_rows(&count, config->catalog, provider, model);
            offer_rows(&c, rows, count, PRICE_BY_CATALOG);
        }
        found = config__found_price(r, m);
        if (found != NULL)
            offer(&c, found, PRICE_BY_DISCOVERY);
        if ((config->catalog == NULL || !config->catalog->whole) &&
            config__builtin_row(&builtin, r, provider, model))
            offer_rows(&c, &builtin, 1, PRICE_BY_BUILTIN);
    }
    take(r, m, &c);
}

/* Facts -------------------------------------------------------------------------------
 */

bool config__find_known(struct config_row *out, struct config__reader *r,
                        const struct config_model *m)
{
    const struct config *config = r->config;
    const uint64_t now_us = clock_wall_us();
    struct slice provider, model;
    const struct config_row *rows;
    bool found = false;
    size_t count;

    if (!find_target(&provider, &model, m))
        return false;
    if (config->catalog != NULL) {
        rows = config__find_rows(&count, config->catalog, provider, model);
        for (size_t i = 0; i < count && rows[i].from_us <= now_us; i++, found = true)
            *out = rows[i];
        if (found || config->catalog->whole)
            return found;
    }
    return config__builtin_row(out, r, provider, model);
}

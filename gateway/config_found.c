/* SPDX-License-Identifier: Apache-2.0 */
/* Models that the file does not name and a provider with `discover` publishes: each is
 * added as PROVIDER/ID, and as ID too if nothing else is called so and no other
 * provider has it. What the file names stays as it is. docs/models.md has the rules. */
#include "gateway/config_catalog.h"

#include "gateway/found.h"
#include "gateway/price.h"

#include <stdlib.h>
#include <string.h>

enum {
    CONTEXT_TOKENS = 131072, /* of a model that nobody knows */
    OUTPUT_TOKENS = 8192,
    HOLD_TOKENS = 8192
};

/* Which lists count ------------------------------------------------------------------
 */

static const struct config_provider *find_provider(const struct config *c,
                                                   const char *name)
{
    for (size_t i = 0; i < c->provider_count; i++)
        if (c->providers[i].name != NULL && strcmp(c->providers[i].name, name) == 0)
            return &c->providers[i];
    return NULL;
}

/* NULL: it is of a provider that is gone, has moved, or is not to be asked. */
static const struct config_provider *provider_of(const struct config *c,
                                                 const struct found_list *l)
{
    const struct config_provider *p = find_provider(c, l->provider);

    return p != NULL && p->discovers && p->base_url != NULL &&
                   strcmp(p->base_url, l->base_url) == 0
               ? p
               : NULL;
}

static bool anybody_discovers(const struct config *c)
{
    for (size_t i = 0; i < c->provider_count; i++)
        if (c->providers[i].discovers)
            return true;
    return false;
}

void config__load_found(struct config__reader *r, struct conf_node *providers)
{
    struct found *f;
    enum rc rc;

    if (!anybody_discovers(r->config) || r->config->data_dir == NULL)
        return;
    f = arena_new(r->arena, struct found);
    if (f == NULL)
        return;
    rc = found_load(f, r->config->data_dir, r->arena);
    if (rc == RC_OK)
        r->found = f;
    else if (rc == RC_NOMEM)
        r->rc = rc;
    else if (rc != RC_NOT_FOUND)
        config__warn(r, providers,
                     "%s/models.json cannot be read: the models of its providers are "
                     "missing until they are asked again",
                     r->config->data_dir);
}

const struct found_model *config__found(const struct config__reader *r,
                                        const struct config_target *t)
{
    const struct found_list *l;

    if (r->found == NULL || t->provider == NULL || t->provider->name == NULL ||
        t->model == NULL)
        return NULL;
    l = found_list(r->found, t->provider->name);
    return l != NULL && provider_of(r->config, l) != NULL
               ? found_model(l, slice_str(t->model))
               : NULL;
}

/* One model --------------------------------------------------------------------------
 */

static uint64_t first_of(uint64_t a, uint64_t b, uint64_t c)
{
    return a > 0 ? a : b > 0 ? b : c;
}

static void set_sizes(struct config_model *m, const struct found_model *f,
                      const struct config_row *known)
{
    m->context_tokens =
        first_of(f->context_tokens, known->context_tokens, CONTEXT_TOKENS);
    m->max_output_tokens =
        first_of(f->max_output_tokens, known->max_output_tokens, OUTPUT_TOKENS);
    m->hold_output_tokens =
        m->max_output_tokens < HOLD_TOKENS ? m->max_output_tokens : HOLD_TOKENS;
}

/* The vendor's word stands over the catalogue's, where it says anything. Of a model
 * that the catalogue does not know, what was said is shown, and nothing is refused for
 * what was not. */
static void set_caps(struct config_model *m, const struct found_model *f,
                     const struct config_row *known)
{
    m->caps_known = known->caps_known;
    m->caps = (known->caps & ~f->told) | (f->caps & f->told);
    m->endpoints = f->endpoints != 0 ? f->endpoints : known->endpoints;
}

/* Its price --------------------------------------------------------------------------
 */

static bool can_be_booked(const struct config_model *m, const struct config_price *p)
{
    const struct price_bounds longest = {
        .prompt = m->context_tokens, .choices = 1, .output = m->max_output_tokens};
    struct money worst;

    return price_bound(&worst, p, &longest) == RC_OK;
}

static void set_rate(struct price_rates *r, unsigned *given, enum price_rate rate,
                     struct money amount)
{
    if (money_is_zero(amount) && rate != PRICE_INPUT && rate != PRICE_OUTPUT)
        return;
    r->of[rate] = amount;
    *given |= 1u << rate;
}

static struct price_band *make_band(struct config__reader *r,
                                    const struct found_price *f,
                                    const struct price_rates *base, unsigned base_given)
{
    struct price_band *band = arena_new(r->arena, struct price_band);
    unsigned given = 0;

    if (band == NULL)
        return NULL;
    band->tier = USAGE_STANDARD;
    band->above_tokens = f->above;
    set_rate(&band->rates, &given, PRICE_INPUT, f->above_input);
    set_rate(&band->rates, &given, PRICE_OUTPUT, f->above_output);
    set_rate(&band->rates, &given, PRICE_CACHED_INPUT, f->above_cached_input);
    price_fill_band(&band->rates, given, base, base_given);
    return band;
}

const struct config_price *config__found_price(struct config__reader *r,
                                               const struct config_model *m)
{
    const struct found_model *f =
        m->target_count > 0 ? config__found(r, &m->targets[0]) : NULL;
    struct config_price *p;
    unsigned given = 0;

    if (f == NULL || !f->priced)
        return NULL;
    p = arena_new(r->arena, struct config_price);
    if (p == NULL)
        return NULL;
    set_rate(&p->base, &given, PRICE_INPUT, f->price.input);
    set_rate(&p->base, &given, PRICE_OUTPUT, f->price.output);
    set_rate(&p->base, &given, PRICE_CACHED_INPUT, f->price.cached_input);
    set_rate(&p->base, &given, PRICE_CACHE_WRITE, f->price.cache_write);
    price_fill(&p->base, given);
    if (f->price.above > 0) {
        p->bands = make_band(r, &f->price, &p->base, given);
        p->band_count = p->bands != NULL;
    }
    p->request = f->price.request;
    p->web_search = money_is_zero(f->price.web_search) ? price_search_default()
                                                       : f->price.web_search;
    return can_be_booked(m, p) ? p : NULL;
}

/* By its name: the operator may have set a price for one of the two. */
static void set_price(struct config__reader *r, struct config_model *m)
{
    config__choose_price(r, m);
    for (const struct config_price *p = m->price.next; p != NULL; p = p->next)
        if (!can_be_booked(m, p))
            m->price.next = NULL;
    if (m->priced && !can_be_booked(m, &m->price))
        m->priced = false;
}

/* The whole --------------------------------------------------------------------------
 */

static void fill(struct config__reader *r, struct config_model *m,
                 const struct config_provider *p, const struct found_model *f)
{
    struct config_row known = {0};

    m->found = true;
    m->targets = arena_new(r->arena, struct config_target);
    if (m->targets == NULL)
        return;
    m->target_count = 1;
    m->targets[0].provider = p;
    m->targets[0].model = arena_copy(r->arena, f->id, strlen(f->id));
    m->name = arena_printf(r->arena, "%s/%s", p->name, f->id);
    (void)config__find_known(&known, r, m);
    set_sizes(m, f, &known);
    set_caps(m, f, &known);
    set_price(r, m);
}

/* All of them ------------------------------------------------------------------------
 */

static int compare_models(const void *a, const void *b)
{
    const struct config_model *left = a;
    const struct config_model *right = b;

    return slice_compare(slice_str(left->name), slice_str(right->name));
}

static bool is_named(const struct config_model *sorted, size_t count, const char *name)
{
    const struct config_model wanted = {.name = (char *)(uintptr_t)name};

    return bsearch(&wanted, sorted, count, sizeof(sorted[0]), compare_models) != NULL;
}

static void sort(struct config *c)
{
    qsort(c->models, c->model_count, sizeof(c->models[0]), compare_models);
}

static size_t add_full_names(struct config__reader *r, const struct found *f)
{
    struct config *c = r->config;
    const size_t written = c->model_count;
    size_t count = written;

    for (size_t i = 0; i < f->count; i++) {
        const struct config_provider *p = provider_of(c, &f->lists[i]);

        for (size_t k = 0; p != NULL && k < f->lists[i].count; k++) {
            struct config_model *m = &c->models[count];

            fill(r, m, p, &f->lists[i].models[k]);
            if (arena_spent(r->arena))
                return written;
            if (is_named(c->models, written, m->name))
                *m = (struct config_model){.name = NULL}; /* the file's own stands */
            else
                count++;
        }
    }
    return count;
}

static int compare_ids(const void *a, const void *b)
{
    const struct config_model *const *left = a;
    const struct config_model *const *right = b;

    return strcmp((*left)->targets[0].model, (*right)->targets[0].model);
}

static bool same_id(const struct config_model *a, const struct config_model *b)
{
    return strcmp(a->targets[0].model, b->targets[0].model) == 0;
}

/* The found ones in the order of their ids, so that those of several providers are
 * neighbours. */
static size_t list_by_id(const struct config_model **out, const struct config *c)
{
    size_t count = 0;

    for (size_t i = 0; i < c->model_count; i++)
        if (c->models[i].found)
            out[count++] = &c->models[i];
    qsort(out, count, sizeof(const struct config_model *), compare_ids);
    return count;
}

static void add_short_name(struct config__reader *r, const struct config_model *found)
{
    struct config_model *m = &r->config->models[r->config->model_count++];

    *m = *found;
    m->name = found->targets[0].model;
    m->is_alias = true;
    m->priced = false;
    m->price = (struct config_price){.source = PRICE_BY_BUILTIN};
    set_price(r, m);
}

static void add_short_names(struct config__reader *r, size_t room)
{
    struct config *c = r->config;
    const size_t full = c->model_count;
    const struct config_model **ids =
        arena_new_array(r->arena, const struct config_model *, full);
    size_t count;

    if (ids == NULL)
        return;
    count = list_by_id(ids, c);
    for (size_t i = 0; i < count; i++) {
        const char *id = ids[i]->targets[0].model;

        if ((i > 0 && same_id(ids[i - 1], ids[i])) ||
            (i + 1 < count && same_id(ids[i], ids[i + 1])) ||
            is_named(c->models, full, id) || c->model_count == room)
            continue;
        add_short_name(r, ids[i]);
    }
}

void config__add_found(struct config__reader *r)
{
    struct config *c = r->config;
    const struct config_model *written = c->models;
    const struct found *f = r->found;
    size_t room = c->model_count;

    /* With faults in the file there will be no snapshot. */
    if (f == NULL || conf_fault_count(r->conf) > 0)
        return;
    for (size_t i = 0; i < f->count; i++)
        room += 2 * f->lists[i].count;
    c->models = arena_new_array(r->arena, struct config_model, room);
    if (c->models == NULL)
        return;
    if (c->model_count > 0)
        memcpy(c->models, written, c->model_count * sizeof(written[0]));
    c->model_count = add_full_names(r, f);
    sort(c);
    if (arena_spent(r->arena))
        return;
    add_short_names(r, room);
    sort(c);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Files of prices: reading their rows, and finding them. Which row counts for a model
 * is config_sources.c. */
#include "gateway/config_catalog.h"

#include "base/clock.h"
#include "base/nearest.h"

#include <assert.h>
#include <stdlib.h>

enum {
    TOKENS_MAX = 100 * 1000 * 1000
};

/* Words -------------------------------------------------------------------------------
 */

typedef const char *word_fn(unsigned index);

static void read_word(struct config__reader *r, unsigned *bits, struct conf_node *n,
                      word_fn *word, const char *what)
{
    char room[CONFIG__SHOWN_SIZE];
    struct nearest nearest;
    struct slice text;

    if (!conf_text(r->conf, n, &text))
        return;
    nearest_start(&nearest, text);
    for (unsigned i = 0; word(i) != NULL; i++) {
        if (slice_equal_str(text, word(i))) {
            *bits |= 1u << i;
            return;
        }
        nearest_offer(&nearest, word(i));
    }
    if (nearest.name != NULL && !conf_is_expanded(n))
        conf_fault(r->conf, n, "there is no %s %s (did you mean '%s'?)", what,
                   config__shown(room, n, text), nearest.name);
    else
        conf_fault(r->conf, n, "there is no %s %s", what, config__shown(room, n, text));
}

static bool read_words(struct config__reader *r, unsigned *bits, struct conf_node *list,
                       word_fn *word, const char *what)
{
    struct conf_node *item;
    size_t at = 0;

    if (list == NULL || !config__fits(r, list, CONFIG__LIST_MAX, "words"))
        return false;
    *bits = 0;
    while (conf_next_item(r->conf, list, &at, &item))
        read_word(r, bits, item, word, what);
    return true;
}

bool config__read_caps(struct config__reader *r, unsigned *caps, struct conf_node *n)
{
    return read_words(r, caps, n, catalog_cap_name, "capability");
}

/* Rows --------------------------------------------------------------------------------
 */

static void read_from(struct config__reader *r, uint64_t *from_us, struct conf_node *n)
{
    char room[CONFIG__SHOWN_SIZE];
    struct slice text;

    if (conf_text(r->conf, n, &text) && clock_parse(from_us, text) != RC_OK)
        conf_fault(r->conf, n, "expected a time such as 2030-01-01T00:00:00Z, not %s",
                   config__shown(room, n, text));
}

static char *read_name(struct config__reader *r, struct conf_node *n, const char *key)
{
    struct conf_node *name = conf_get(r->conf, n, key);

    if (name == NULL)
        conf_fault(r->conf, n, "a row without '%s'", key);
    return config__text(r, name);
}

static void read_tokens(struct config__reader *r, uint32_t *out, struct conf_node *n)
{
    uint64_t tokens = 0;

    if (conf_u64(r->conf, n, &tokens, 1, TOKENS_MAX))
        *out = (uint32_t)tokens;
}

static void read_row(struct config__reader *r, struct config_row *row,
                     struct conf_node *n, enum config__rows_of kind)
{
    struct conf_node *price = conf_get(r->conf, n, "price");

    if (kind == CONFIG__CATALOG)
        row->provider = read_name(r, n, "provider");
    row->model = read_name(r, n, "model");
    read_from(r, &row->from_us, conf_get(r->conf, n, "from"));
    if (price != NULL)
        row->priced = config__read_price(r, &row->price, price);
    else if (kind == CONFIG__OVERRIDES)
        conf_fault(r->conf, n, "a row without 'price'");
    row->price.from_us = row->from_us;
    if (kind == CONFIG__OVERRIDES)
        return;
    read_tokens(r, &row->context_tokens, conf_get(r->conf, n, "context_tokens"));
    read_tokens(r, &row->max_output_tokens, conf_get(r->conf, n, "max_output_tokens"));
    row->caps_known =
        config__read_caps(r, &row->caps, conf_get(r->conf, n, "capabilities"));
    (void)read_words(r, &row->endpoints, conf_get(r->conf, n, "endpoints"),
                     catalog_endpoint_name, "endpoint");
}

static int compare_names(const char *provider, const char *model,
                         const struct config_row *row)
{
    int order = slice_compare(slice_str(provider), slice_str(row->provider));

    return order != 0 ? order : slice_compare(slice_str(model), slice_str(row->model));
}

static int compare_rows(const void *a, const void *b)
{
    const struct config_row *left = a;
    const struct config_row *right = b;
    int order = compare_names(left->provider, left->model, right);

    if (order != 0)
        return order;
    return left->from_us < right->from_us ? -1 : left->from_us > right->from_us;
}

/* Sorted rows: equals stand together. */
static void check_rows(struct config__reader *r, const struct config_rows *rows)
{
    size_t of_one = 1;

    for (size_t i = 1; i < rows->count; i++) {
        const struct config_row *row = &rows->rows[i];

        if (compare_names(row->provider, row->model, row - 1) != 0) {
            of_one = 1;
            continue;
        }
        if (row->from_us == (row - 1)->from_us)
            conf_fault(r->conf, NULL, "'%s' is there twice from the same time on",
                       row->model);
        if (++of_one == CONFIG__ROWS_MAX + 1)
            conf_fault(r->conf, NULL, "more than %d rows of '%s'", CONFIG__ROWS_MAX,
                       row->model);
    }
}

static void read_list(struct config__reader *r, struct config_rows *out,
                      struct conf_node *list, enum config__rows_of kind)
{
    struct conf_node *item;
    size_t at = 0;

    if (list == NULL && conf_is_mapping(conf_root(r->conf)))
        conf_fault(r->conf, conf_root(r->conf), "there is no list 'models'");
    out->rows = arena_new_array(r->arena, struct config_row, conf_count(list));
    if (out->rows == NULL)
        return;
    while (conf_next_item(r->conf, list, &at, &item))
        if (config__may_be_mapping(r, item))
            read_row(r, &out->rows[out->count++], item, kind);
    if (conf_fault_count(r->conf) > 0 || arena_spent(r->arena))
        return;
    qsort(out->rows, out->count, sizeof(out->rows[0]), compare_rows);
    check_rows(r, out);
}

void config__read_rows(struct config_rows *out, struct config__reader *r,
                       struct conf *conf, enum config__rows_of kind)
{
    struct config__reader inner = *r;
    struct conf_node *root = conf_root(conf);

    inner.conf = conf;
    *out = (struct config_rows){0};
    if (root == NULL && conf_fault_count(conf) == 0)
        conf_fault(conf, NULL, "there is nothing in the file");
    if (root != NULL) {
        if (kind == CONFIG__CATALOG)
            (void)conf_bool(conf, conf_get(conf, root, "replace_builtin"), &out->whole);
        read_list(&inner, out, conf_get(conf, root, "models"), kind);
        conf_unknown(conf);
    }
    if (inner.rc != RC_OK)
        r->rc = inner.rc;
    for (size_t i = 0; i < conf_fault_count(conf); i++)
        buf_printf(r->more_faults, "%s\n", conf_fault_text(conf, i));
}

/* Finding -----------------------------------------------------------------------------
 */

const struct config_row *config__find_rows(size_t *count,
                                           const struct config_rows *rows,
                                           struct slice provider, struct slice model)
{
    const struct config_row *first = NULL;
    size_t from = 0;
    size_t to = rows->count;

    *count = 0;
    while (from < to) { /* the first that is not before it */
        size_t middle = from + (to - from) / 2;
        const struct config_row *row = &rows->rows[middle];
        int order = slice_compare(slice_str(row->provider), provider);

        if (order == 0)
            order = slice_compare(slice_str(row->model), model);
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    for (; from < rows->count; from++, ++*count) {
        const struct config_row *row = &rows->rows[from];

        if (!slice_equal(slice_str(row->provider), provider) ||
            !slice_equal(slice_str(row->model), model))
            break;
        if (first == NULL)
            first = row;
    }
    return first;
}

bool config__builtin_row(struct config_row *out, struct config__reader *r,
                         struct slice provider, struct slice model)
{
    const struct catalog_model *known = catalog_find(provider, model);
    struct config__reader inner = *r;
    enum rc rc;

    if (known == NULL)
        return false;
    *out = (struct config_row){
        .provider = known->provider,
        .model = known->model,
        .context_tokens = known->context_tokens,
        .max_output_tokens = known->max_output_tokens,
        .caps_known = known->caps != 0,
        .caps = known->caps,
        .endpoints = known->endpoints,
    };
    rc = conf_parse_data(&inner.conf, slice_str(known->price), "catalog.def");
    if (rc != RC_OK) {
        r->rc = rc;
        return false;
    }
    out->priced = config__read_price(&inner, &out->price, conf_root(inner.conf));
    conf_unknown(inner.conf);
    /* Our own table, and a test reads all of it. */
    assert(out->priced && conf_fault_count(inner.conf) == 0);
    conf_close(inner.conf);
    return true;
}

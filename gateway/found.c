/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of models as they lie in memory. */
#include "gateway/found.h"

#include <stdlib.h>
#include <string.h>

/* Names ------------------------------------------------------------------------------
 */

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("._:/-@~+", c) != NULL);
}

bool found_id_good(struct slice id)
{
    if (id.len == 0 || id.len > FOUND_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!is_name_char(id.bytes[i]))
            return false;
    return id.bytes[0] != '/' && id.bytes[id.len - 1] != '/' &&
           slice_search(id, SLICE("..")) == id.len &&
           slice_search(id, SLICE("//")) == id.len;
}

/* Lists ------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
    const struct found_model *left = a;
    const struct found_model *right = b;

    return strcmp(left->id, right->id);
}

size_t found_sort(struct found_model *models, size_t count)
{
    size_t kept = 0;

    qsort(models, count, sizeof(models[0]), compare);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(models[kept - 1].id, models[i].id) != 0)
            models[kept++] = models[i];
    return kept;
}

const struct found_list *found_list(const struct found *f, const char *provider)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->lists[i].provider, provider) == 0)
            return &f->lists[i];
    return NULL;
}

const struct found_model *found_model(const struct found_list *l, struct slice id)
{
    size_t from = 0;
    size_t to = l->count;

    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        const int order = slice_compare(id, slice_str(l->models[middle].id));

        if (order == 0)
            return &l->models[middle];
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

static bool same_price(const struct found_price *a, const struct found_price *b)
{
    return money_cmp(a->input, b->input) == 0 &&
           money_cmp(a->cached_input, b->cached_input) == 0 &&
           money_cmp(a->cache_write, b->cache_write) == 0 &&
           money_cmp(a->output, b->output) == 0 &&
           money_cmp(a->request, b->request) == 0 &&
           money_cmp(a->web_search, b->web_search) == 0 && a->above == b->above &&
           money_cmp(a->above_input, b->above_input) == 0 &&
           money_cmp(a->above_cached_input, b->above_cached_input) == 0 &&
           money_cmp(a->above_output, b->above_output) == 0;
}

bool found_same(const struct found_model *a, const struct found_model *b)
{
    return strcmp(a->id, b->id) == 0 && a->context_tokens == b->context_tokens &&
           a->max_output_tokens == b->max_output_tokens && a->told == b->told &&
           a->caps == b->caps && a->endpoints == b->endpoints &&
           a->priced == b->priced && (!a->priced || same_price(&a->price, &b->price));
}

enum rc found_put(struct found *f, const struct found_list *list)
{
    size_t models = list->count;
    size_t at = f->count;

    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->lists[i].provider, list->provider) == 0)
            at = i;
        else
            models += f->lists[i].count;
    if (at == FOUND_LISTS_MAX || list->count > FOUND_MODELS_MAX ||
        models > FOUND_ALL_MAX)
        return RC_FULL;
    f->lists[at] = *list;
    if (at == f->count)
        f->count++;
    return RC_OK;
}

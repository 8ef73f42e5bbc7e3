/* SPDX-License-Identifier: Apache-2.0 */
/* The table of catalog.def, and finding in it. */
#include "gateway/catalog.h"

#include "gateway/price.h"

#include <assert.h>

/* clang-format off */
static const struct catalog_model models[] = {
#define MODEL(...) {__VA_ARGS__},
#include "gateway/catalog.def"
#undef MODEL
};

/* clang-format on */

const struct catalog_model *catalog_at(size_t index)
{
    return index < sizeof(models) / sizeof(models[0]) ? &models[index] : NULL;
}

const struct catalog_model *catalog_find(struct slice provider, struct slice model)
{
    size_t from = 0;
    size_t to = sizeof(models) / sizeof(models[0]);

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        const struct catalog_model *m = &models[middle];
        int order = slice_compare(provider, slice_str(m->provider));

        if (order == 0)
            order = slice_compare(model, slice_str(m->model));
        if (order == 0)
            return m;
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

static const char *const cap_names[MODEL_CAP_COUNT + 1] = {
    "tools",        "parallel_tools", "tool_choice",  "json_schema", "vision",
    "pdf",          "audio_in",       "audio_out",    "video_in",    "reasoning",
    "prompt_cache", "web_search",     "computer_use", "prefill",     "no_sampling",
    NULL,
};

const char *catalog_cap_name(unsigned index)
{
    return cap_names[index < MODEL_CAP_COUNT ? index : MODEL_CAP_COUNT];
}

static struct money amount(const char *text)
{
    struct money m = MONEY_ZERO;
    enum rc rc = money_parse(&m, slice_str(text));

    assert(rc == RC_OK); /* our own table, and a test reads all of it */
    return m;
}

void catalog_price(struct config_price *out, const struct catalog_model *m)
{
    const char *const texts[PRICE_RATE_COUNT] = {
        [PRICE_INPUT] = m->input,
        [PRICE_CACHED_INPUT] = m->cached_input,
        [PRICE_CACHE_WRITE] = m->cache_write,
        [PRICE_OUTPUT] = m->output,
    };
    unsigned given = 0;

    for (unsigned i = 0; i < PRICE_RATE_COUNT; i++)
        if (texts[i] != NULL) {
            out->base.of[i] = amount(texts[i]);
            given |= 1u << i;
        }
    price_fill(&out->base, given);
    out->web_search = price_search_default();
}

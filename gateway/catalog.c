/* SPDX-License-Identifier: Apache-2.0 */
/* The table of catalog.def, and finding in it. */
#include "gateway/catalog.h"

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

static const char *const endpoint_names[MODEL_BY_COUNT + 1] = {
    "chat", "responses", "completions", "embeddings", NULL};

const char *catalog_endpoint_name(unsigned index)
{
    return endpoint_names[index < MODEL_BY_COUNT ? index : MODEL_BY_COUNT];
}

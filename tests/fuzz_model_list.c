/* SPDX-License-Identifier: Apache-2.0 */
/* Vendors' lists of models: whatever they say, every name that is taken can be one, no
 * count and no price is beyond belief, and nothing is free. */
#include "gateway/model_list.h"

#include "gateway/config.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROOM = 64 << 20,
    DEAREST_USD = 5000
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_amount(struct money m)
{
    assert(money_to_nano(m) <= (uint64_t)DEAREST_USD * 1000000000u);
}

static void check_model(const struct found_model *m)
{
    assert(found_id_good(slice_str(m->id)));
    assert(m->context_tokens <= FOUND_TOKENS_MAX);
    assert(m->max_output_tokens <= FOUND_TOKENS_MAX);
    assert((m->caps & ~m->told) == 0);
    assert(found_same(m, m));
    if (!m->priced)
        return;
    assert(!money_is_zero(m->price.input) || !money_is_zero(m->price.output));
    check_amount(m->price.input);
    check_amount(m->price.output);
    check_amount(m->price.cached_input);
    check_amount(m->price.cache_write);
    check_amount(m->price.request);
    check_amount(m->price.web_search);
    check_amount(m->price.above_input);
    check_amount(m->price.above_output);
}

static void read_as(const struct model_list *l, struct slice body)
{
    static struct found_model models[FOUND_MODELS_MAX];
    static struct arena *a, *scratch;
    struct model_page page = {.count = 0};

    if ((a == NULL && arena_open(&a, ROOM) != RC_OK) ||
        (scratch == NULL && arena_open(&scratch, ROOM) != RC_OK))
        return;
    arena_reset(a);
    arena_reset(scratch);
    page.arena = a;
    page.scratch = scratch;
    page.models = models;
    (void)!model_list_read(l, &page, body);
    assert(page.count <= FOUND_MODELS_MAX);
    assert(page.next.len <= MODEL_LIST_CURSOR_MAX);
    for (size_t i = 0; i < page.count; i++)
        check_model(&page.models[i]);
    assert(found_sort(page.models, page.count) <= page.count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice body = slice_from((const char *)data, size);
    char base[] = "https://v.example";
    char xai[] = "xai";
    struct config_provider p = {.base_url = base};

    read_as(model_list_openai(&p), body);
    read_as(model_list_anthropic(&p), body);
    read_as(model_list_gemini(&p), body);
    read_as(model_list_cohere(&p), body);
    p.vendor = xai;
    read_as(model_list_compatible(&p), body);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue: sorted, readable in every row, exact to the nano-USD. */
#include "gateway/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    ROWS_MIN = 200
};

static void price_is(const char *provider, const char *model, uint64_t input,
                     uint64_t cached_input, uint64_t cache_write, uint64_t output)
{
    const struct catalog_model *m = catalog_find(slice_str(provider), slice_str(model));
    struct config_price p = {.markup_ppm = 7};

    assert_non_null(m);
    catalog_price(&p, m);
    assert_int_equal(money_to_nano(p.base.of[PRICE_INPUT]), input);
    assert_int_equal(money_to_nano(p.base.of[PRICE_CACHED_INPUT]), cached_input);
    assert_int_equal(money_to_nano(p.base.of[PRICE_CACHE_WRITE]), cache_write);
    assert_int_equal(money_to_nano(p.base.of[PRICE_OUTPUT]), output);
    assert_int_equal(p.markup_ppm, 7);
}

static void prices_are_exact(void **state)
{
    (void)state;
    price_is("openai", "gpt-4.1", 2000000000, 500000000, 2000000000, 8000000000);
    price_is("openai", "gpt-4.1-nano", 100000000, 25000000, 100000000, 400000000);
    price_is("anthropic", "claude-haiku-4-5", 1000000000, 100000000, 1250000000,
             5000000000);
    price_is("anthropic", "claude-3-haiku-20240307", 250000000, 30000000, 300000000,
             1250000000);
    price_is("groq", "openai/gpt-oss-20b", 75000000, 37500000, 75000000, 300000000);
    /* A cache write of zero is "nothing on top", not "free". */
    price_is("deepseek", "deepseek-v4-flash", 140000000, 2800000, 140000000, 280000000);
    price_is("deepseek", "deepseek-v4-pro", 435000000, 3625000, 435000000, 870000000);
    price_is("openai", "text-embedding-3-small", 20000000, 20000000, 20000000, 0);
}

static void limits_are_known(void **state)
{
    const struct catalog_model *m = catalog_find(SLICE("openai"), SLICE("gpt-5.4"));

    (void)state;
    assert_int_equal(m->context_tokens, 1050000);
    assert_int_equal(m->max_output_tokens, 128000);
    assert_int_equal(m->dearer_above, 272000);
    m = catalog_find(SLICE("deepseek"), SLICE("deepseek-v4-pro"));
    assert_int_equal(m->max_output_tokens, 384000);
    assert_int_equal(m->dearer_above, 0);
    /* Its surcharge begins where its context ends. */
    m = catalog_find(SLICE("anthropic"), SLICE("claude-sonnet-4-5"));
    assert_int_equal(m->dearer_above, 0);
}

static void what_a_model_can_do_is_known(void **state)
{
    const struct catalog_model *m;

    (void)state;
    m = catalog_find(SLICE("openai"), SLICE("gpt-4.1"));
    assert_int_equal(m->caps & MODEL_CAP_VISION, MODEL_CAP_VISION);
    assert_int_equal(m->caps & MODEL_CAP_REASONING, 0);
    assert_int_equal(m->endpoints, MODEL_BY_CHAT | MODEL_BY_RESPONSES);
    m = catalog_find(SLICE("openai"), SLICE("gpt-5.5-pro"));
    assert_int_equal(m->endpoints, MODEL_BY_RESPONSES);
    m = catalog_find(SLICE("openai"), SLICE("text-embedding-3-small"));
    assert_int_equal(m->endpoints, MODEL_BY_EMBEDDINGS);
    assert_int_equal(m->caps, 0);
    assert_string_equal(catalog_cap_name(0), "tools");
    assert_string_equal(catalog_cap_name(MODEL_CAP_COUNT - 1), "no_sampling");
    assert_null(catalog_cap_name(MODEL_CAP_COUNT));
    assert_null(catalog_cap_name(UINT32_MAX));
}

static void some_refuse_a_temperature(void **state)
{
    static const struct {
        const char *provider, *model;
        bool refuses;
    } rows[] = {
        {"anthropic", "claude-opus-4-6", false},
        {"anthropic", "claude-opus-4-7", true},
        {"anthropic", "claude-opus-4-8", true},
        {"anthropic", "claude-opus-5", true},
        {"anthropic", "claude-sonnet-4-5", false},
        {"anthropic", "claude-sonnet-5", true},
        {"anthropic", "claude-fable-5", true},
        {"anthropic", "claude-haiku-4-5", false},
        {"bedrock", "us.anthropic.claude-opus-4-8", true},
        {"vertex_ai", "claude-sonnet-5", true},
        {"openai", "gpt-5", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct catalog_model *m =
            catalog_find(slice_str(rows[i].provider), slice_str(rows[i].model));

        assert_non_null(m);
        assert_int_equal((m->caps & MODEL_CAP_NO_SAMPLING) != 0, rows[i].refuses);
    }
}

static void every_row_is_sorted_found_and_priced(void **state)
{
    const struct catalog_model *before = NULL;
    const struct catalog_model *m;
    size_t count = 0;

    (void)state;
    for (; (m = catalog_at(count)) != NULL; before = m, count++) {
        struct config_price p = {.markup_ppm = 0};

        if (before != NULL) {
            int order =
                slice_compare(slice_str(before->provider), slice_str(m->provider));

            assert_true(order < 0 ||
                        (order == 0 && slice_compare(slice_str(before->model),
                                                     slice_str(m->model)) < 0));
        }
        assert_ptr_equal(catalog_find(slice_str(m->provider), slice_str(m->model)), m);
        catalog_price(&p, m);
        assert_false(money_is_zero(p.base.of[PRICE_INPUT]));
        assert_false(money_is_zero(p.base.of[PRICE_CACHED_INPUT]));
        assert_false(money_is_zero(p.base.of[PRICE_CACHE_WRITE]));
        assert_true(m->dearer_above == 0 || m->context_tokens == 0 ||
                    m->dearer_above < m->context_tokens);
    }
    assert_true(count >= ROWS_MIN);
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    assert_null(catalog_at(SIZE_MAX));
    assert_null(catalog_find(SLICE(""), SLICE("")));
    assert_null(catalog_find(SLICE("openai"), SLICE("gpt")));
    assert_null(catalog_find(SLICE("OpenAI"), SLICE("gpt-4.1")));
    assert_null(catalog_find(SLICE("zzz"), SLICE("gpt-4.1")));
    /* Free, dearer than one price says, or with a fee per call. */
    assert_null(catalog_find(SLICE("zai"), SLICE("glm-4.7-flash")));
    assert_null(catalog_find(SLICE("openrouter"), SLICE("openrouter/auto")));
    assert_null(catalog_find(SLICE("dashscope"), SLICE("qwen3-max")));
    assert_null(catalog_find(SLICE("dashscope"), SLICE("qwen-turbo")));
    assert_null(catalog_find(SLICE("perplexity"), SLICE("sonar")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prices_are_exact),
        cmocka_unit_test(limits_are_known),
        cmocka_unit_test(what_a_model_can_do_is_known),
        cmocka_unit_test(some_refuse_a_temperature),
        cmocka_unit_test(every_row_is_sorted_found_and_priced),
        cmocka_unit_test(what_is_not_there_is_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The catalogue's rows: sorted, found, and what they say of a model. Their prices are
 * read by test_gateway_config_catalog.c. */
#include "gateway/catalog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    ROWS_MIN = 200
};

static void limits_are_known(void **state)
{
    const struct catalog_model *m = catalog_find(SLICE("openai"), SLICE("gpt-5.4"));

    (void)state;
    assert_int_equal(m->context_tokens, 1050000);
    assert_int_equal(m->max_output_tokens, 128000);
    m = catalog_find(SLICE("deepseek"), SLICE("deepseek-v4-pro"));
    assert_int_equal(m->max_output_tokens, 384000);
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

static void every_row_is_sorted_and_found(void **state)
{
    const struct catalog_model *before = NULL;
    const struct catalog_model *m;
    size_t count = 0;

    (void)state;
    for (; (m = catalog_at(count)) != NULL; before = m, count++) {
        if (before != NULL) {
            int order =
                slice_compare(slice_str(before->provider), slice_str(m->provider));

            assert_true(order < 0 ||
                        (order == 0 && slice_compare(slice_str(before->model),
                                                     slice_str(m->model)) < 0));
        }
        assert_ptr_equal(catalog_find(slice_str(m->provider), slice_str(m->model)), m);
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
    /* Free, or with a fee per call that no report of usage counts. */
    assert_null(catalog_find(SLICE("zai"), SLICE("glm-4.7-flash")));
    assert_null(catalog_find(SLICE("openrouter"), SLICE("openrouter/auto")));
    assert_null(catalog_find(SLICE("openai"), SLICE("gpt-4o-search-preview")));
    assert_null(catalog_find(SLICE("perplexity"), SLICE("sonar")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_are_known),
        cmocka_unit_test(what_a_model_can_do_is_known),
        cmocka_unit_test(some_refuse_a_temperature),
        cmocka_unit_test(every_row_is_sorted_and_found),
        cmocka_unit_test(what_is_not_there_is_not_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

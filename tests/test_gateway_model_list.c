/* SPDX-License-Identifier: Apache-2.0 */
/* Vendors' lists of models: what each form tells, prices to the nano-dollar from their
 * digits, and what is not believed. The texts are made by hand after the vendors'
 * documentation. */
#include "gateway/model_list.h"

#include "gateway/config.h"
#include "gateway/provider.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct model_page page;
static struct config_provider provider;
static char xai_name[] = "xai";
static char plain_base[] = "https://g.example";
static char versioned_base[] = "https://g.example/v1beta";

static int setup(void **state)
{
    (void)state;
    page = (struct model_page){.count = 0};
    provider = (struct config_provider){.base_url = plain_base};
    if (arena_open(&page.arena, 4 << 20) != RC_OK ||
        arena_open(&page.scratch, 32 << 20) != RC_OK)
        return -1;
    page.models = arena_new_array(page.arena, struct found_model, FOUND_MODELS_MAX);
    return page.models != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    arena_close(page.arena);
    arena_close(page.scratch);
    return 0;
}

static enum rc read_as(const struct model_list *l, const char *text)
{
    return model_list_read(l, &page, slice_str(text));
}

static void reads(const struct model_list *l, const char *text)
{
    assert_int_equal(read_as(l, text), RC_OK);
}

static const struct found_model *model(const char *id)
{
    for (size_t i = 0; i < page.count; i++)
        if (strcmp(page.models[i].id, id) == 0)
            return &page.models[i];
    fail_msg("%s was not read", id);
    return NULL;
}

static void is_usd(struct money m, const char *usd)
{
    char text[MONEY_TEXT_SIZE];

    money_print_short(text, m);
    assert_string_equal(text, usd);
}

/* The forms ---------------------------------------------------------------------------
 */

static void openai_tells_names(void **state)
{
    (void)state;
    reads(model_list_openai(&provider),
          "{\"object\":\"list\",\"data\":[{\"id\":\"gpt-5.4\",\"object\":\"model\","
          "\"created\":1,\"owned_by\":\"openai\",\"shutdown_date\":null},"
          "{\"id\":\"o4\"}]}");
    assert_int_equal(page.count, 2);
    assert_int_equal(model("gpt-5.4")->context_tokens, 0);
    assert_int_equal(model("gpt-5.4")->told, 0);
    assert_false(model("o4")->priced);
    assert_int_equal(page.next.len, 0);
    assert_string_equal(model_list_openai(&provider)->path, "/models");
}

static void mistral_tells_capabilities_and_context(void **state)
{
    const struct found_model *m;

    (void)state;
    reads(model_list_compatible(&provider),
          "{\"object\":\"list\",\"data\":[{\"id\":\"mistral-large-latest\","
          "\"capabilities\":{\"completion_chat\":true,\"completion_fim\":false,"
          "\"function_calling\":true,\"fine_tuning\":false,\"vision\":false},"
          "\"max_context_length\":131072,\"aliases\":[\"x\"],\"type\":\"base\"}]}");
    m = model("mistral-large-latest");
    assert_int_equal(m->context_tokens, 131072);
    assert_int_equal(m->endpoints, MODEL_BY_CHAT);
    assert_int_equal(m->told, MODEL_CAP_TOOLS | MODEL_CAP_VISION);
    assert_int_equal(m->caps, MODEL_CAP_TOOLS);
}

static void groq_leaves_out_what_is_not_active(void **state)
{
    (void)state;
    reads(model_list_compatible(&provider),
          "{\"data\":[{\"id\":\"a\",\"active\":true,\"context_window\":131072,"
          "\"max_completion_tokens\":32768},{\"id\":\"b\",\"active\":false}]}");
    assert_int_equal(page.count, 1);
    assert_int_equal(model("a")->context_tokens, 131072);
    assert_int_equal(model("a")->max_output_tokens, 32768);
}

static void vllm_tells_its_length(void **state)
{
    (void)state;
    reads(model_list_compatible(&provider),
          "{\"object\":\"list\",\"data\":[{\"id\":\"Qwen/Qwen3-8B\",\"root\":\"/m\","
          "\"parent\":null,\"max_model_len\":40960,\"permission\":[{\"id\":\"p\"}]}]}");
    assert_int_equal(model("Qwen/Qwen3-8B")->context_tokens, 40960);
}

static const char router_list[] =
    "{\"data\":[{\"id\":\"lab/m-1:beta\",\"context_length\":200000,"
    "\"architecture\":{\"modality\":\"text+image->text\",\"input_modalities\":[\"text\","
    "\"image\",\"file\"],\"output_modalities\":[\"text\"]},"
    "\"pricing\":{\"prompt\":\"0.00000125\",\"completion\":\"0.00001\",\"request\":\"0\","
    "\"image\":\"0.001\",\"web_search\":\"0.01\",\"internal_reasoning\":\"0\","
    "\"input_cache_read\":\"0.000000125\",\"input_cache_write\":\"0.0000015625\"},"
    "\"top_provider\":{\"context_length\":160000,\"max_completion_tokens\":32000,"
    "\"is_moderated\":true},\"per_request_limits\":null,"
    "\"supported_parameters\":[\"tools\",\"tool_choice\",\"temperature\"]},"
    "{\"id\":\"lab/free:free\",\"context_length\":8192,\"pricing\":{\"prompt\":\"0\","
    "\"completion\":\"0\"}},"
    "{\"id\":\"lab/auto\",\"pricing\":{\"prompt\":\"-1\",\"completion\":\"-1\"}},"
    "{\"id\":\"lab/night\",\"pricing\":{\"prompt\":\"0.1e-6\",\"completion\":\"1e-6\","
    "\"overrides\":[{\"hours\":\"0-6\"}]}},"
    "{\"id\":\"lab/fee\",\"pricing\":{\"prompt\":\"0.000001\",\"completion\":"
    "\"0.000001\",\"request\":\"0.005\"}}]}";

static void openrouter_tells_everything(void **state)
{
    const struct found_model *m;

    (void)state;
    reads(model_list_compatible(&provider), router_list);
    m = model("lab/m-1:beta");
    assert_int_equal(m->context_tokens, 160000);
    assert_int_equal(m->max_output_tokens, 32000);
    assert_int_equal(m->endpoints, MODEL_BY_CHAT);
    assert_int_equal(m->caps, MODEL_CAP_VISION | MODEL_CAP_PDF | MODEL_CAP_TOOLS |
                                  MODEL_CAP_TOOL_CHOICE);
    assert_true((m->told & MODEL_CAP_JSON_SCHEMA) != 0);
    assert_true(m->priced);
    is_usd(m->price.input, "1.25");
    is_usd(m->price.output, "10");
    is_usd(m->price.cached_input, "0.125");
    is_usd(m->price.cache_write, "1.5625");
    is_usd(m->price.web_search, "0.01");
    is_usd(m->price.request, "0");
}

static void of_openrouter_what_is_no_price_is_none(void **state)
{
    (void)state;
    reads(model_list_compatible(&provider), router_list);
    assert_false(model("lab/free:free")->priced);
    assert_false(model("lab/auto")->priced);
    assert_false(model("lab/night")->priced);
    assert_true(model("lab/fee")->priced);
    is_usd(model("lab/fee")->price.request, "0.005");
}

static void together_tells_prices_for_a_million_in_a_bare_list(void **state)
{
    (void)state;
    reads(model_list_compatible(&provider),
          "[{\"id\":\"meta/L\",\"type\":\"chat\",\"context_length\":131072,\"pricing\":"
          "{\"hourly\":0,\"input\":0.18,\"output\":0.59,\"base\":0,\"finetune\":0}},"
          "{\"id\":\"flux\",\"type\":\"image\",\"pricing\":{\"input\":0,\"output\":0}},"
          "{\"id\":\"emb\",\"type\":\"embedding\",\"pricing\":{\"input\":0.008,"
          "\"output\":0}},"
          "{\"id\":\"dedicated\",\"type\":\"chat\",\"pricing\":{\"input\":0,"
          "\"output\":0}}]");
    assert_int_equal(page.count, 3);
    is_usd(model("meta/L")->price.input, "0.18");
    is_usd(model("meta/L")->price.output, "0.59");
    assert_int_equal(model("emb")->endpoints, MODEL_BY_EMBEDDINGS);
    assert_true(model("emb")->priced);
    assert_false(model("dedicated")->priced);
}

static void xai_counts_in_cents_for_a_hundred_million(void **state)
{
    const struct found_model *m;

    (void)state;
    provider.vendor = xai_name;
    assert_string_equal(model_list_compatible(&provider)->path, "/language-models");
    reads(model_list_compatible(&provider),
          "{\"models\":[{\"id\":\"grok-4.3\",\"input_modalities\":[\"text\",\"image\"],"
          "\"output_modalities\":[\"text\"],\"prompt_text_token_price\":12500,"
          "\"cached_prompt_text_token_price\":2000,\"prompt_image_token_price\":0,"
          "\"completion_text_token_price\":25000,\"long_context_threshold\":200000,"
          "\"prompt_text_token_price_long_context\":25000,"
          "\"completion_text_token_price_long_context\":50000},"
          "{\"id\":\"grok-x\",\"prompt_text_token_price\":30000,"
          "\"completion_text_token_price\":150000,\"long_context_threshold\":200000},"
          "{\"id\":\"grok-y\",\"prompt_text_token_price\":1,"
          "\"completion_text_token_price\":150000,\"long_context_threshold\":0}]}");
    m = model("grok-4.3");
    is_usd(m->price.input, "1.25");
    is_usd(m->price.cached_input, "0.2");
    is_usd(m->price.output, "2.5");
    assert_int_equal(m->price.above, 200000);
    is_usd(m->price.above_input, "2.5");
    is_usd(m->price.above_output, "5");
    assert_int_equal(m->caps, MODEL_CAP_VISION);
    assert_false(model("grok-x")->priced); /* dearer above, and not by how much */
    is_usd(model("grok-y")->price.input, "0.0001");
}

static void anthropic_comes_in_pages(void **state)
{
    const struct model_list *l = model_list_anthropic(&provider);
    const struct found_model *m;

    (void)state;
    reads(l,
          "{\"data\":[{\"type\":\"model\",\"id\":\"claude-sonnet-5\",\"display_name\":"
          "\"x\",\"created_at\":\"2026-01-01T00:00:00Z\",\"max_input_tokens\":1000000,"
          "\"max_tokens\":64000,\"capabilities\":{\"batch\":{\"supported\":true},"
          "\"image_input\":{\"supported\":true},\"pdf_input\":{\"supported\":false},"
          "\"structured_outputs\":{\"supported\":true},\"thinking\":{\"supported\":"
          "true,\"types\":{\"enabled\":{\"supported\":true}}}}}],\"has_more\":true,"
          "\"first_id\":\"claude-sonnet-5\",\"last_id\":\"claude-sonnet-5\"}");
    assert_true(slice_equal(page.next, SLICE("claude-sonnet-5")));
    m = model("claude-sonnet-5");
    assert_int_equal(m->context_tokens, 1000000);
    assert_int_equal(m->max_output_tokens, 64000);
    assert_int_equal(m->caps,
                     MODEL_CAP_VISION | MODEL_CAP_JSON_SCHEMA | MODEL_CAP_REASONING);
    assert_true((m->told & MODEL_CAP_PDF) != 0);
    assert_true((m->told & MODEL_CAP_TOOLS) == 0);
    arena_reset(page.scratch);
    reads(l,
          "{\"data\":[{\"id\":\"claude-x\",\"capabilities\":null}],\"has_more\":false,"
          "\"last_id\":\"claude-x\"}");
    assert_int_equal(page.next.len, 0);
    assert_int_equal(page.count, 2);
}

static void gemini_names_have_their_folder_cut(void **state)
{
    const struct model_list *l = model_list_gemini(&provider);

    (void)state;
    assert_string_equal(l->path, "/v1beta/models");
    provider.base_url = versioned_base;
    assert_string_equal(model_list_gemini(&provider)->path, "/models");
    reads(l,
          "{\"models\":[{\"name\":\"models/gemini-3-pro\",\"inputTokenLimit\":1048576,"
          "\"outputTokenLimit\":65536,\"supportedGenerationMethods\":["
          "\"generateContent\",\"countTokens\"],\"thinking\":true},"
          "{\"name\":\"models/gemini-embedding-001\",\"inputTokenLimit\":2048,"
          "\"supportedGenerationMethods\":[\"embedContent\"]},"
          "{\"name\":\"models/imagen-4\",\"supportedGenerationMethods\":["
          "\"predict\"]}],\"nextPageToken\":\"Ch5t/+=\"}");
    assert_int_equal(page.count, 2);
    assert_int_equal(model("gemini-3-pro")->context_tokens, 1048576);
    assert_int_equal(model("gemini-3-pro")->caps, MODEL_CAP_REASONING);
    assert_int_equal(model("gemini-embedding-001")->endpoints, MODEL_BY_EMBEDDINGS);
    assert_true(slice_equal(page.next, SLICE("Ch5t/+=")));
}

static void cohere_tells_what_a_model_is_for(void **state)
{
    (void)state;
    reads(model_list_cohere(&provider),
          "{\"models\":[{\"name\":\"command-a-03-2025\",\"endpoints\":[\"chat\","
          "\"generate\"],\"context_length\":288000,\"features\":[\"tools\",\"vision\"],"
          "\"is_deprecated\":false},{\"name\":\"embed-v4.0\",\"endpoints\":[\"embed\"],"
          "\"context_length\":128000},{\"name\":\"rerank-v3.5\",\"endpoints\":["
          "\"rerank\"]},{\"name\":\"old\",\"endpoints\":[\"chat\"],\"is_deprecated\":"
          "true}],\"next_page_token\":\"\"}");
    assert_int_equal(page.count, 2);
    assert_int_equal(model("command-a-03-2025")->caps,
                     MODEL_CAP_TOOLS | MODEL_CAP_VISION);
    assert_int_equal(model("embed-v4.0")->endpoints, MODEL_BY_EMBEDDINGS);
    assert_int_equal(page.next.len, 0);
}

static void every_kind_names_its_list_or_none(void **state)
{
    static const struct {
        const char *kind;
        const struct model_list *(*models)(const struct config_provider *p);
    } rows[] = {
        {"openai", model_list_openai},
        {"compatible", model_list_compatible},
        {"anthropic", model_list_anthropic},
        {"gemini", model_list_gemini},
        {"cohere", model_list_cohere},
        {"bedrock", NULL},
        {"azure", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct provider *p = provider_find(slice_str(rows[i].kind));

        assert_non_null(p);
        assert_true(p->models == rows[i].models);
    }
}

/* Prices ------------------------------------------------------------------------------
 */

static enum rc price(struct money *out, const char *value, int shift)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "{\"p\":%s}", value);
    return model_price(out, slice_str(text), "p", shift);
}

static void prices_come_from_their_digits(void **state)
{
    static const struct {
        const char *value;
        int shift;
        const char *usd;
    } rows[] = {
        {"\"0.00000125\"", 6, "1.25"},
        {"0.00000125", 6, "1.25"},
        {"1.25e-6", 6, "1.25"},
        {"\"1.25E-06\"", 6, "1.25"},
        {"\"0.0000000375\"", 6, "0.0375"},
        {"\"0.000000000000001\"", 6, "0.000000001"},
        {"0.1", 0, "0.1"},
        {"0.3", 0, "0.3"},
        {"0.18000000000000002", 0, "0.18"}, /* a vendor's own binary fraction */
        {"0.00000124999999999999999", 6, "1.25"},
        {"0.28999999999999998", 0, "0.29"},
        {"1e-30", 0, "0.000000001"}, /* not nothing */
        {"0", 6, "0"},
        {"0.0", 6, "0"},
        {"0e60", 6, "0"},
        {"3", 0, "3"},
        {"30e2", 0, "3000"},
        {"12500", -4, "1.25"},
        {"5000", 0, "5000"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct money m;

        assert_int_equal(price(&m, rows[i].value, rows[i].shift), RC_OK);
        is_usd(m, rows[i].usd);
    }
}

static void what_is_no_price_is_refused(void **state)
{
    static const char *const bad[] = {
        "-1",        "\"-0.5\"", "\"+1\"",
        "\"1.\"",    "\".5\"",   "\"1.2.3\"",
        "\"1e\"",    "\"1e+\"",  "\"1e61\"",
        "\"1e999\"", "\"0x10\"", "\"1 \"",
        "\" 1\"",    "\"NaN\"",  "\"Infinity\"",
        "\"1,5\"",   "true",     "[]",
        "{}",        "5001",     "\"99999999999999999999999999999999999999999\"",
    };
    struct money m;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(price(&m, bad[i], 0), RC_BAD_INPUT);
    assert_int_equal(price(&m, "null", 0), RC_NOT_FOUND);
    assert_int_equal(price(&m, "\"\"", 0), RC_NOT_FOUND);
    assert_int_equal(model_price(&m, SLICE("{}"), "p", 0), RC_NOT_FOUND);
}

/* Hostile lists -----------------------------------------------------------------------
 */

static void what_is_no_list_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "{",
        "null",
        "3",
        "{}",
        "{\"data\":null}",
        "{\"data\":{}}",
        "{\"data\":\"x\"}",
        "{\"data\":[],\"data\":[]}",
        "{\"data\":[1,]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(read_as(model_list_openai(&provider), bad[i]), RC_BAD_INPUT);
        assert_int_equal(read_as(model_list_anthropic(&provider), bad[i]),
                         RC_BAD_INPUT);
        assert_int_equal(read_as(model_list_gemini(&provider), bad[i]), RC_BAD_INPUT);
    }
}

static void names_that_cannot_be_names_are_left_out(void **state)
{
    (void)state;
    reads(model_list_openai(&provider),
          "{\"data\":[{\"id\":\"ok\"},{\"id\":\"\"},{\"id\":\"a b\"},{\"id\":\"../x\"},"
          "{\"id\":\"/x\"},{\"id\":\"x/\"},{\"id\":\"a//b\"},{\"id\":\"a\\n\"},"
          "{\"id\":\"a\\\"b\"},{\"id\":\"\\u00e9\"},{\"id\":7},{\"id\":null},{},"
          "{\"id\":\"<script>\"},{\"id\":\"a?b\"},{\"id\":\"a%41\"},[],null,\"x\",3]}");
    assert_int_equal(page.count, 1);
    assert_int_equal(page.skipped, 15);
}

static void the_longest_name_fits_and_no_longer_one(void **state)
{
    char text[512], id[FOUND_ID_MAX + 2];

    (void)state;
    memset(id, 'a', sizeof(id));
    (void)snprintf(text, sizeof(text),
                   "{\"data\":[{\"id\":\"%.*s\"},{\"id\":\"%.*s\"}]}", FOUND_ID_MAX, id,
                   FOUND_ID_MAX + 1, id);
    reads(model_list_openai(&provider), text);
    assert_int_equal(page.count, 1);
    assert_int_equal(strlen(page.models[0].id), FOUND_ID_MAX);
}

static void counts_that_cannot_be_are_not_believed(void **state)
{
    (void)state;
    reads(model_list_openai(&provider),
          "{\"data\":[{\"id\":\"a\",\"context_length\":-1,\"context_window\":1e9,"
          "\"max_model_len\":100000001,\"max_output_tokens\":\"8\"},"
          "{\"id\":\"b\",\"context_length\":99999999999999999999999},"
          "{\"id\":\"c\",\"context_length\":100000000}]}");
    assert_int_equal(model("a")->context_tokens, 0);
    assert_int_equal(model("a")->max_output_tokens, 0);
    assert_int_equal(model("b")->context_tokens, 0);
    assert_int_equal(model("c")->context_tokens, 100000000);
}

static void more_models_than_there_is_room_for_are_left_out(void **state)
{
    char *text = malloc(1 << 20);
    size_t len = 0;

    (void)state;
    assert_non_null(text);
    len += (size_t)snprintf(text, 32, "{\"data\":[");
    for (unsigned i = 0; i < FOUND_MODELS_MAX + 500; i++)
        len += (size_t)snprintf(text + len, 64, "%s{\"id\":\"m-%u\"}", i > 0 ? "," : "",
                                i);
    (void)snprintf(text + len, 8, "]}");
    reads(model_list_openai(&provider), text);
    free(text);
    assert_int_equal(page.count, FOUND_MODELS_MAX);
    assert_int_equal(page.skipped, 500);
}

static void a_cursor_without_end_is_none(void **state)
{
    char text[3 * MODEL_LIST_CURSOR_MAX], cursor[2 * MODEL_LIST_CURSOR_MAX];

    (void)state;
    memset(cursor, 'x', sizeof(cursor));
    (void)snprintf(text, sizeof(text), "{\"models\":[],\"nextPageToken\":\"%.*s\"}",
                   2 * MODEL_LIST_CURSOR_MAX - 1, cursor);
    reads(model_list_gemini(&provider), text);
    assert_int_equal(page.next.len, 0);
}

#define LIST_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LIST_TEST(openai_tells_names),
        LIST_TEST(mistral_tells_capabilities_and_context),
        LIST_TEST(groq_leaves_out_what_is_not_active),
        LIST_TEST(vllm_tells_its_length),
        LIST_TEST(openrouter_tells_everything),
        LIST_TEST(of_openrouter_what_is_no_price_is_none),
        LIST_TEST(together_tells_prices_for_a_million_in_a_bare_list),
        LIST_TEST(xai_counts_in_cents_for_a_hundred_million),
        LIST_TEST(anthropic_comes_in_pages),
        LIST_TEST(gemini_names_have_their_folder_cut),
        LIST_TEST(cohere_tells_what_a_model_is_for),
        LIST_TEST(every_kind_names_its_list_or_none),
        LIST_TEST(prices_come_from_their_digits),
        LIST_TEST(what_is_no_price_is_refused),
        LIST_TEST(what_is_no_list_is_refused),
        LIST_TEST(names_that_cannot_be_names_are_left_out),
        LIST_TEST(the_longest_name_fits_and_no_longer_one),
        LIST_TEST(counts_that_cannot_be_are_not_believed),
        LIST_TEST(more_models_than_there_is_room_for_are_left_out),
        LIST_TEST(a_cursor_without_end_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

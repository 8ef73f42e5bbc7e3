/* SPDX-License-Identifier: Apache-2.0 */
/* The section `models`: targets, prices, sizes, and what the catalogue fills in. */
#include "gateway/catalog.h"
#include "gateway/config.h"
#include "gateway/price.h"

#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    TEXT_SIZE = 4096
};

#define PROVIDERS                                                                    \
    "providers:\n"                                                                   \
    "  openai: {kind: openai}\n"                                                     \
    "  groq: {kind: compatible, vendor: groq, base_url: \"https://groq.example\"}\n" \
    "  plain: {kind: compatible, base_url: \"https://plain.example\"}\n"
/* Line 5 is the section, line 6 its first model. */
#define MODELS PROVIDERS "models:\n"

static void price_is(const struct config_price *p, uint64_t input,
                     uint64_t cached_input, uint64_t cache_write, uint64_t output)
{
    assert_int_equal(money_to_nano(p->base.of[PRICE_INPUT]), input);
    assert_int_equal(money_to_nano(p->base.of[PRICE_CACHED_INPUT]), cached_input);
    assert_int_equal(money_to_nano(p->base.of[PRICE_CACHE_WRITE]), cache_write);
    assert_int_equal(money_to_nano(p->base.of[PRICE_OUTPUT]), output);
}

static void a_model_is_read(void **state)
{
    const struct config *c = config_fixture_load(
        MODELS "  \"org/Model:1.5_x-y\":\n"
               "    targets:\n"
               "      - {provider: groq, model: llama, weight: 1000}\n"
               "      - {provider: plain, model: \"a/b:c@d\", weight: 1}\n"
               "      - {provider: openai, model: gpt-4.1}\n"
               "    price: {input: \"1.25\", cached_input: \"0.125\", "
               "cache_write: \"1.5625\", output: 10}\n"
               "    markup: 12.5%\n"
               "    context_tokens: 400000\n"
               "    max_output_tokens: 128000\n"
               "    hold_output_tokens: 16384\n"
               "    strict_hold: true\n");
    const struct config_model *m = config_model(c, SLICE("org/Model:1.5_x-y"));

    (void)state;
    assert_non_null(m);
    assert_int_equal(m->target_count, 3);
    assert_ptr_equal(m->targets[0].provider, &c->providers[1]);
    assert_string_equal(m->targets[0].model, "llama");
    assert_int_equal(m->targets[0].weight, 1000);
    assert_string_equal(m->targets[1].model, "a/b:c@d");
    assert_int_equal(m->targets[1].weight, 1);
    assert_ptr_equal(m->targets[2].provider, &c->providers[0]);
    assert_int_equal(m->targets[2].weight, 0);
    assert_true(m->priced);
    price_is(&m->price, 1250000000, 125000000, 1562500000, 10000000000);
    assert_int_equal(m->price.markup_ppm, 125000);
    assert_int_equal(m->context_tokens, 400000);
    assert_int_equal(m->max_output_tokens, 128000);
    assert_int_equal(m->hold_output_tokens, 16384);
    assert_true(m->strict_hold);
    config_unref(c);
}

static void cached_tokens_are_not_free_when_unnamed(void **state)
{
    const struct config *c =
        config_fixture_load(MODELS "  m: {targets: [{provider: plain, model: x}], "
                                   "price: {input: \"0.000000001\", output: \"0\"}}\n");

    (void)state;
    assert_true(c->models[0].priced);
    price_is(&c->models[0].price, 1, 1, 1, 0);
    config_unref(c);
}

static void a_price_needs_both_ends(void **state)
{
    (void)state;
    FAULTS_OF(
        MODELS "  a: {targets: [{provider: plain, model: x}], price: {}}\n"
               "  b: {targets: [{provider: plain, model: x}], "
               "price: {input: 1, ouput: 2}}\n"
               "  c: {targets: [{provider: plain, model: x}], price: \"0\"}\n"
               "  d: {targets: [{provider: plain, model: x}], "
               "price: {input: -1, output: 1e3}}\n"
               "  e: {targets: [{provider: plain, model: x}], "
               "price: {input: 0.0000000001, output: 18446744074, "
               "cached_input: x}}\n",
        "octroi.yaml:6:47: a price without 'input' (\"0\" is free)",
        "octroi.yaml:6:47: a price without 'output' (\"0\" is free)",
        "octroi.yaml:7:47: a price without 'output' (\"0\" is free)",
        "octroi.yaml:8:54: expected a mapping such as {input: \"1.25\", output: "
        "\"10\"}, in USD per million tokens",
        "octroi.yaml:9:62: expected an amount in USD such as 25 or 0.05, not '-1'",
        "octroi.yaml:9:74: expected an amount in USD such as 25 or 0.05, not "
        "'1e3'",
        "octroi.yaml:10:62: expected an amount in USD such as 25 or 0.05, not "
        "'0.0000000001'",
        "octroi.yaml:10:111: expected an amount in USD such as 25 or 0.05, not "
        "'x'",
        "octroi.yaml:10:84: the amount is too large",
        "octroi.yaml:7:65: unknown key 'ouput' (did you mean 'output'?)");
}

static uint64_t rate_at(const struct config_price *p, enum usage_tier tier,
                        uint64_t prompt, enum price_rate rate)
{
    struct price_rates r;

    price_rates_at(&r, p, tier, prompt);
    return money_to_nano(r.of[rate]);
}

static void a_price_has_tiers_and_thresholds(void **state)
{
    const struct config *c = config_fixture_load(
        MODELS "  m: {targets: [{provider: plain, model: x}], price: {\n"
               "    input: \"0.000000003\", cached_input: \"0.000000001\", output: "
               "\"0.00000001\", web_search: \"0.01\", request: \"0.002\",\n"
               "    tiers: {batch: {input: \"0.000000002\", output: \"0.000000005\"},\n"
               "      priority: {input: \"0.000000006\"}},\n"
               "    above: [{tokens: 100, input: \"0.000000009\"},\n"
               "      {tokens: 200, output: \"0.00000002\",\n"
               "       tiers: {flex: {output: \"0.000000011\"}}}]}}\n");
    const struct config_price *p = &c->models[0].price;

    (void)state;
    assert_int_equal(money_to_nano(p->web_search), 10000000);
    assert_int_equal(money_to_nano(p->request), 2000000);
    assert_int_equal(p->band_count, 5);
    assert_int_equal(rate_at(p, USAGE_STANDARD, 100, PRICE_INPUT), 3);
    assert_int_equal(rate_at(p, USAGE_STANDARD, 101, PRICE_INPUT), 9);
    assert_int_equal(rate_at(p, USAGE_STANDARD, 200, PRICE_INPUT), 9);
    assert_int_equal(rate_at(p, USAGE_STANDARD, 201, PRICE_INPUT), 3);
    assert_int_equal(rate_at(p, USAGE_STANDARD, 201, PRICE_OUTPUT), 20);
    assert_int_equal(rate_at(p, USAGE_BATCH, 100, PRICE_OUTPUT), 5);
    assert_int_equal(rate_at(p, USAGE_PRIORITY, 100, PRICE_INPUT), 6);
    assert_int_equal(rate_at(p, USAGE_PRIORITY, 100, PRICE_OUTPUT), 10);
    assert_int_equal(rate_at(p, USAGE_FLEX, 201, PRICE_OUTPUT), 11);
    /* What is not said grows as what is said. */
    assert_int_equal(rate_at(p, USAGE_STANDARD, 101, PRICE_CACHED_INPUT), 3);
    assert_int_equal(rate_at(p, USAGE_PRIORITY, 100, PRICE_CACHED_INPUT), 2);
    assert_int_equal(rate_at(p, USAGE_BATCH, 100, PRICE_CACHED_INPUT), 1);
    assert_int_equal(rate_at(p, USAGE_BATCH, 100, PRICE_CACHE_WRITE), 2);
    assert_int_equal(rate_at(p, USAGE_STANDARD, 201, PRICE_REASONING_OUTPUT), 20);
    config_unref(c);
}

static void tiers_and_thresholds_have_a_form(void **state)
{
    (void)state;
    FAULTS_OF(
        MODELS
        "  a: {targets: [{provider: plain, model: x}], price: {input: 1, output: "
        "1,\n"
        "    tiers: {standard: {input: 1}, flex: 5},\n"
        "    above: [{tokens: 10, input: 2}, {tokens: 10, input: 3},\n"
        "      {input: 4}, {tokens: 0}]}}\n"
        "  b: {targets: [{provider: plain, model: x}], price: {input: 1, output: "
        "1,\n"
        "    tiers: [], above: {tokens: 1}, web_search: x, request: -1}}\n"
        "  c: {targets: [{provider: plain, model: x}], price: {input: 1, output: "
        "1,\n"
        "    above: [{tokens: 1}, {tokens: 2}, {tokens: 3}, {tokens: 4}, {tokens: "
        "5}]}}\n",
        "octroi.yaml:7:41: expected a mapping, found a single value",
        "octroi.yaml:8:46: thresholds must rise",
        "octroi.yaml:9:7: a threshold without 'tokens'",
        "octroi.yaml:9:28: must be from 1 to 100000000",
        "octroi.yaml:11:5: expected a mapping, found a list",
        "octroi.yaml:11:16: expected a list, found a mapping",
        "octroi.yaml:11:48: expected an amount in USD such as 25 or 0.05, not 'x'",
        "octroi.yaml:11:60: expected an amount in USD such as 25 or 0.05, not '-1'",
        "octroi.yaml:13:5: more than 4 thresholds",
        "octroi.yaml:7:13: unknown key 'standard'");
}

static void a_price_beyond_amounts_is_refused(void **state)
{
    (void)state;
    FAULTS_OF(
        MODELS "  m: {targets: [{provider: plain, model: x}], markup: \"1%\",\n"
               "    price: {input: \"18446744073\", output: \"1\"},\n"
               "    context_tokens: 1000000}\n",
        "octroi.yaml:7:5: the price times the longest call is more than an amount "
        "can hold");
    FAULTS_OF(
        MODELS "  m: {targets: [{provider: plain, model: x}],\n"
               "    price: {input: \"0\", output: \"18446744073\"},\n"
               "    max_output_tokens: 1000001}\n",
        "octroi.yaml:7:5: the price times the longest call is more than an amount "
        "can hold");
    /* Exactly as much as fits. */
    LOADS(MODELS "  m: {targets: [{provider: plain, model: x}],\n"
                 "    price: {input: \"0\", output: \"18446744073.709551615\"},\n"
                 "    max_output_tokens: 1000000}\n");
}

static void targets_must_lead_somewhere(void **state)
{
    (void)state;
    FAULTS_OF(MODELS "  a:\n"
                     "  b: {targets: []}\n"
                     "  c: {targets: [{provider: opnai, model: x}]}\n"
                     "  d: {targets: [{model: x}, {provider: openai}, 5, ~]}\n"
                     "  e: {targets: [{provider: openai, model: \"a b\", weight: 0}]}\n"
                     "  f: {targets: {provider: openai, model: x}}\n"
                     "  g: [1]\n",
              "octroi.yaml:6:3: no targets: nothing serves it",
              "octroi.yaml:7:7: no targets: nothing serves it",
              "octroi.yaml:8:28: there is no provider 'opnai' (did you mean 'openai'?)",
              "octroi.yaml:9:17: a target without 'provider'",
              "octroi.yaml:9:29: a target without 'model'",
              "octroi.yaml:9:49: expected a mapping, found a single value",
              "octroi.yaml:9:52: a target without 'provider'",
              "octroi.yaml:9:52: a target without 'model'",
              "octroi.yaml:10:43: expected 1 to 256 visible ASCII characters, no "
              "spaces",
              "octroi.yaml:10:58: must be from 1 to 1000",
              "octroi.yaml:11:7: expected a list, found a mapping",
              "octroi.yaml:12:3: expected a mapping, found a list");
}

static void a_chain_of_targets_has_an_end(void **state)
{
    struct buf text;

    (void)state;
    for (int count = 16; count <= 17; count++) {
        buf_init(&text, TEXT_SIZE);
        buf_append_str(&text, MODELS "  m:\n    price: {input: 1, output: 1}\n"
                                     "    targets:\n");
        for (int i = 0; i < count; i++)
            buf_printf(&text, "      - {provider: plain, model: m%d}\n", i);
        buf_append_char(&text, '\0');
        if (count == 16)
            LOADS(buf_slice(&text).bytes);
        else
            FAULTS_OF(buf_slice(&text).bytes, "octroi.yaml:8:5: more than 16 targets");
        buf_free(&text);
    }
}

static void names_of_models_have_a_form(void **state)
{
    static const char fault[] =
        "octroi.yaml:6:3: the name of a model has 1 to 128 letters, digits and "
        "'._:/-', and begins with a letter or digit";

    (void)state;
    FAULTS_OF(MODELS "  \"a b\": {targets: [{provider: openai, model: gpt-4.1}]}\n",
              fault);
    FAULTS_OF(MODELS "  /a: {targets: [{provider: openai, model: gpt-4.1}]}\n", fault);
    FAULTS_OF(MODELS "  a?: {targets: [{provider: openai, model: gpt-4.1}]}\n", fault);
}

/* The catalogue -----------------------------------------------------------------------
 */

static void the_catalogue_fills_in_what_is_open(void **state)
{
    const struct config *c = config_fixture_load(
        MODELS "  a: {targets: [{provider: openai, model: gpt-4.1}]}\n"
               "  b: {targets: [{provider: openai, model: gpt-4.1}], markup: 5%, "
               "context_tokens: 1000, max_output_tokens: 100}\n"
               "  c: {targets: [{provider: openai, model: gpt-4.1}], "
               "price: {input: \"9\", output: \"8\"}}\n");
    const struct config_model *m = config_model(c, SLICE("a"));

    (void)state;
    assert_true(m->priced);
    price_is(&m->price, 2000000000, 500000000, 2000000000, 8000000000);
    assert_int_equal(m->price.markup_ppm, 0);
    assert_int_equal(m->context_tokens, 1047576);
    assert_int_equal(m->max_output_tokens, 32768);
    assert_int_equal(m->hold_output_tokens, 8192);
    m = config_model(c, SLICE("b"));
    price_is(&m->price, 2000000000, 500000000, 2000000000, 8000000000);
    assert_int_equal(m->price.markup_ppm, 50000);
    assert_int_equal(m->context_tokens, 1000);
    assert_int_equal(m->max_output_tokens, 100);
    assert_int_equal(m->hold_output_tokens, 100);
    m = config_model(c, SLICE("c"));
    price_is(&m->price, 9000000000, 9000000000, 9000000000, 8000000000);
    assert_int_equal(m->context_tokens, 1047576);
    config_unref(c);
}

static void what_a_model_can_do_is_configured_or_known(void **state)
{
    const struct config *c = config_fixture_load(
        MODELS "  a: {targets: [{provider: openai, model: gpt-4.1}]}\n"
               "  b: {targets: [{provider: openai, model: gpt-4.1}], "
               "capabilities: [tools, no_sampling]}\n"
               "  c: {targets: [{provider: openai, model: gpt-4.1}], "
               "capabilities: []}\n"
               "  d: {targets: [{provider: plain, model: x}], "
               "price: {input: 1, output: 1}}\n");

    (void)state;
    assert_true(c->models[0].caps_known);
    assert_int_equal(c->models[0].caps & MODEL_CAP_VISION, MODEL_CAP_VISION);
    assert_int_equal(c->models[0].endpoints, MODEL_BY_CHAT | MODEL_BY_RESPONSES);
    assert_int_equal(c->models[1].caps, MODEL_CAP_TOOLS | MODEL_CAP_NO_SAMPLING);
    assert_true(c->models[2].caps_known);
    assert_int_equal(c->models[2].caps, 0);
    assert_false(c->models[3].caps_known);
    config_unref(c);
    FAULTS_OF(MODELS "  a: {targets: [{provider: openai, model: gpt-4.1}],\n"
                     "    capabilities: [tols, \"\"]}\n"
                     "  b: {targets: [{provider: openai, model: gpt-4.1}],\n"
                     "    capabilities: tools}\n",
              "octroi.yaml:7:20: there is no capability 'tols' (did you mean "
              "'tools'?)",
              "octroi.yaml:7:26: there is no capability ''",
              "octroi.yaml:9:19: expected a list, found a single value");
}

static void the_catalogue_goes_by_vendor_and_first_target(void **state)
{
    const struct config *c = config_fixture_load(
        MODELS "  a: {targets: [{provider: groq, model: openai/gpt-oss-120b}, "
               "{provider: openai, model: gpt-4.1}]}\n");

    (void)state;
    assert_true(c->models[0].priced);
    price_is(&c->models[0].price, 150000000, 75000000, 150000000, 600000000);
    config_unref(c);
    WARNINGS_OF(MODELS "  a: {targets: [{provider: plain, model: gpt-4.1}, "
                       "{provider: openai, model: gpt-4.1}]}\n",
                "warning: octroi.yaml:6: model 'a' has no price and is not in the "
                "catalogue: it is refused (price_missing)");
}

static void an_unknown_model_is_listed_without_a_price(void **state)
{
    static const char text[] =
        MODELS "  a: {targets: [{provider: openai, model: no-such-model}]}\n";
    const struct config *c = NULL;
    struct buf said;

    (void)state;
    buf_init(&said, TEXT_SIZE);
    assert_int_equal(config_load(&c, config_fixture_write(text), &said), RC_OK);
    assert_false(c->models[0].priced);
    assert_int_equal(c->models[0].context_tokens, 131072);
    assert_int_equal(c->models[0].max_output_tokens, 8192);
    assert_int_equal(c->models[0].hold_output_tokens, 8192);
    assert_string_equal(c->models[0].price.version, "");
    config_unref(c);
    buf_free(&said);
}

static void a_dearer_long_prompt_is_charged_so(void **state)
{
    const struct config *c = config_fixture_load(
        MODELS "  a: {targets: [{provider: openai, model: gpt-5.4}]}\n");
    const struct config_price *p = &c->models[0].price;

    (void)state;
    assert_int_equal(rate_at(p, USAGE_STANDARD, 272000, PRICE_INPUT), 2500000000);
    assert_int_equal(rate_at(p, USAGE_STANDARD, 272001, PRICE_INPUT), 5000000000);
    assert_int_equal(rate_at(p, USAGE_STANDARD, 272001, PRICE_CACHED_INPUT), 500000000);
    assert_int_equal(rate_at(p, USAGE_STANDARD, 272001, PRICE_OUTPUT), 22500000000);
    assert_int_equal(rate_at(p, USAGE_PRIORITY, 1, PRICE_OUTPUT), 30000000000);
    assert_int_equal(rate_at(p, USAGE_FLEX, 1, PRICE_INPUT), 1250000000);
    assert_int_equal(p->source, PRICE_BY_BUILTIN);
    config_unref(c);
}

/* Cached for an hour it costs the house twice the input. */
static void a_price_without_hours_is_warned_of_where_the_vendor_has_them(void **state)
{
    static const char providers[] =
        "providers:\n"
        "  anthropic: {kind: compatible, vendor: anthropic, "
        "base_url: \"https://a.example\"}\n"
        "models:\n"
        "  a: {targets: [{provider: anthropic, model: "
        "claude-opus-5}], price: {input: 5, output: 25%s}}\n";
    char text[TEXT_SIZE];

    (void)state;
    (void)snprintf(text, sizeof(text), providers, ", cache_write: \"6.25\"");
    WARNINGS_OF(text,
                "warning: octroi.yaml:4: model 'a': its vendor takes more for what "
                "is cached for an hour: give the price a 'cache_write_1h'");
    (void)snprintf(text, sizeof(text), providers,
                   ", cache_write: \"6.25\", cache_write_1h: 10");
    LOADS(text);
}

/* Sizes -------------------------------------------------------------------------------
 */

static void sizes_have_limits(void **state)
{
    (void)state;
    FAULTS_OF(MODELS "  a: {targets: [{provider: openai, model: gpt-4.1}],\n"
                     "    context_tokens: 0,\n"
                     "    max_output_tokens: 100000001,\n"
                     "    hold_output_tokens: 32769,\n"
                     "    markup: 5,\n"
                     "    strict_hold: 1}\n",
              "octroi.yaml:7:21: must be from 1 to 100000000",
              "octroi.yaml:8:24: must be from 1 to 100000000",
              "octroi.yaml:9:25: must be from 1 to 32768",
              "octroi.yaml:11:18: expected true or false, not '1'",
              "octroi.yaml:10:13: expected a percentage such as 12.5%, not '5'");
}

/* The version of a price --------------------------------------------------------------
 */

static void version_of(char out[24], const char *price, const char *markup)
{
    const struct config *c;
    char text[TEXT_SIZE];

    (void)snprintf(text, sizeof(text),
                   MODELS "  a: {targets: [{provider: plain, model: x}], price: {%s}, "
                          "markup: \"%s\"}\n",
                   price, markup);
    c = config_fixture_load(text);
    assert_int_equal(strlen(c->models[0].price.version), 16);
    memcpy(out, c->models[0].price.version, 24);
    config_unref(c);
}

static void every_part_of_a_price_is_in_its_version(void **state)
{
    static const char *const others[][2] = {
        {"input: 2, cached_input: 1, cache_write: 1, output: 1", "0%"},
        {"input: 1, cached_input: 2, cache_write: 1, output: 1", "0%"},
        {"input: 1, cached_input: 1, cache_write: 2, output: 1", "0%"},
        {"input: 1, cached_input: 1, cache_write: 1, output: 2", "0%"},
        {"input: 1, output: 1, cache_write_1h: 2", "0%"},
        {"input: 1, output: 1, audio_input: 2", "0%"},
        {"input: 1, output: 1, image_input: 2", "0%"},
        {"input: 1, output: 1, reasoning_output: 2", "0%"},
        {"input: 1, output: 1, audio_output: 2", "0%"},
        {"input: 1, output: 1, image_output: 2", "0%"},
        {"input: 1, output: 1, web_search: 2", "0%"},
        {"input: 1, output: 1, request: 2", "0%"},
        {"input: 1, output: 1, tiers: {flex: {input: 2}}", "0%"},
        {"input: 1, output: 1, tiers: {batch: {input: 2}}", "0%"},
        {"input: 1, output: 1, above: [{tokens: 1, input: 2}]", "0%"},
        {"input: 1, output: 1, above: [{tokens: 2, input: 2}]", "0%"},
        {"input: 1, cached_input: 1, cache_write: 1, output: 1", "0.0001%"}};
    char first[24], seen[sizeof(others) / sizeof(others[0])][24], other[24];

    (void)state;
    version_of(first, "input: 1, output: 1", "0%");
    version_of(other, "output: 1.0, input: \"1\", cache_write: 1.000000000", "0%");
    assert_string_equal(first, other);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        version_of(seen[i], others[i][0], others[i][1]);
        assert_string_not_equal(first, seen[i]);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(seen[k], seen[i]);
    }
    /* It stands in the books: it must not change from one release to the next. */
    version_of(first,
               "input: 1.25, cached_input: 0.125, cache_write: 1.5625, output: 10",
               "0%");
    assert_string_equal(first, "0443fe4438838fa9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_is_read),
        cmocka_unit_test(cached_tokens_are_not_free_when_unnamed),
        cmocka_unit_test(a_price_needs_both_ends),
        cmocka_unit_test(a_price_has_tiers_and_thresholds),
        cmocka_unit_test(tiers_and_thresholds_have_a_form),
        cmocka_unit_test(a_price_beyond_amounts_is_refused),
        cmocka_unit_test(targets_must_lead_somewhere),
        cmocka_unit_test(a_chain_of_targets_has_an_end),
        cmocka_unit_test(names_of_models_have_a_form),
        cmocka_unit_test(the_catalogue_fills_in_what_is_open),
        cmocka_unit_test(what_a_model_can_do_is_configured_or_known),
        cmocka_unit_test(the_catalogue_goes_by_vendor_and_first_target),
        cmocka_unit_test(an_unknown_model_is_listed_without_a_price),
        cmocka_unit_test(a_dearer_long_prompt_is_charged_so),
        cmocka_unit_test(a_price_without_hours_is_warned_of_where_the_vendor_has_them),
        cmocka_unit_test(sizes_have_limits),
        cmocka_unit_test(every_part_of_a_price_is_in_its_version),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}

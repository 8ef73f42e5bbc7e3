/* SPDX-License-Identifier: Apache-2.0 */
/* Where a price comes from: the built-in catalogue read whole, a catalogue file, the
 * operator's own prices; from when on each counts, and which stands over which. */
#include "gateway/catalog.h"
#include "gateway/config.h"
#include "gateway/price.h"

#include "base/clock.h"
#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    TEXT_SIZE = 8192
};

/* 2030-01-01T00:00:00Z and a day later. */
#define NEW_YEAR UINT64_C(1893456000000000)
#define DAY      UINT64_C(86400000000)

#define HEAD                     \
    "server: {data_dir: .}\n"    \
    "providers:\n"               \
    "  openai: {kind: openai}\n" \
    "  plain: {kind: compatible, base_url: \"https://p.example\"}\n"
#define KNOWN "  known: {targets: [{provider: openai, model: gpt-4.1}]}\n"

static int no_files(void **state)
{
    static const char *const names[] = {"catalog.json", "prices.json"};
    char path[TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof(path), "%s/%s", conf_fixture_dir(), names[i]);
        (void)unlink(path);
    }
    clock_set(NEW_YEAR, 1);
    return 0;
}

static void file(const char *name, const char *text)
{
    conf_fixture_write(name, text, strlen(text));
}

static uint64_t input_of(const struct config_price *p)
{
    return p == NULL ? 0 : money_to_nano(p->base.of[PRICE_INPUT]) / 1000000;
}

/* ---- The built-in catalogue ---- */

static const struct config *load_builtin(const struct catalog_model *m)
{
    char text[TEXT_SIZE];

    (void)snprintf(text, sizeof(text),
                   "providers: {p: {kind: compatible, vendor: %s, base_url: "
                   "\"https://p.example\"}}\n"
                   "models: {m: {targets: [{provider: p, model: \"%s\"}]}}\n",
                   m->provider, m->model);
    return config_fixture_load(text);
}

static void every_built_in_price_is_read(void **state)
{
    const struct catalog_model *m;

    (void)state;
    for (size_t i = 0; (m = catalog_at(i)) != NULL; i++) {
        const struct config *c = load_builtin(m);
        const struct config_price *p = &c->models[0].price;

        assert_true(c->models[0].priced);
        assert_int_equal(p->source, PRICE_BY_BUILTIN);
        for (size_t k = 0; k < PRICE_INPUT_COUNT; k++)
            assert_false(money_is_zero(p->base.of[k]));
        if ((m->endpoints & MODEL_BY_EMBEDDINGS) == 0)
            for (size_t k = PRICE_INPUT_COUNT; k < PRICE_RATE_COUNT; k++)
                assert_false(money_is_zero(p->base.of[k]));
        for (size_t k = 0; k < p->band_count; k++)
            if (p->bands[k].tier == USAGE_PRIORITY || p->bands[k].above_tokens > 0)
                assert_true(money_cmp(p->bands[k].rates.of[PRICE_INPUT],
                                      p->base.of[PRICE_INPUT]) >= 0);
        config_unref(c);
    }
}

/* In nano-USD per million tokens. */
static void price_is(const char *provider, const char *model, enum usage_tier tier,
                     uint64_t prompt, const uint64_t expected[PRICE_RATE_COUNT])
{
    const struct catalog_model *m = catalog_find(slice_str(provider), slice_str(model));
    const struct config *c;
    struct price_rates r;

    assert_non_null(m);
    c = load_builtin(m);
    price_rates_at(&r, &c->models[0].price, tier, prompt);
    for (size_t i = 0; i < PRICE_RATE_COUNT; i++)
        assert_int_equal(money_to_nano(r.of[i]), expected[i] * 1000);
    config_unref(c);
}

#define MICRO(...) ((const uint64_t[PRICE_RATE_COUNT]){__VA_ARGS__})

/* input, cached, write, write 1h, audio, image; output, reasoning, audio, image */
static void built_in_prices_are_exact(void **state)
{
    (void)state;
    price_is("openai", "gpt-4.1", USAGE_STANDARD, 0,
             MICRO(2000000, 500000, 2000000, 2000000, 2000000, 2000000, 8000000,
                   8000000, 8000000, 8000000));
    price_is("anthropic", "claude-opus-5", USAGE_STANDARD, 0,
             MICRO(5000000, 500000, 6250000, 10000000, 5000000, 5000000, 25000000,
                   25000000, 25000000, 25000000));
    price_is("anthropic", "claude-sonnet-4-5", USAGE_STANDARD, 200001,
             MICRO(6000000, 600000, 7500000, 12000000, 6000000, 6000000, 22500000,
                   22500000, 22500000, 22500000));
    price_is("openai", "gpt-audio", USAGE_STANDARD, 0,
             MICRO(2500000, 2500000, 2500000, 2500000, 32000000, 2500000, 10000000,
                   10000000, 64000000, 10000000));
    price_is("dashscope", "qwen-turbo", USAGE_STANDARD, 0,
             MICRO(50000, 50000, 50000, 50000, 50000, 50000, 200000, 500000, 200000,
                   200000));
    price_is("dashscope", "qwen3-coder-plus", USAGE_STANDARD, 128001,
             MICRO(3000000, 300000, 3000000, 3000000, 3000000, 3000000, 15000000,
                   15000000, 15000000, 15000000));
    price_is("openai", "gpt-5.6", USAGE_PRIORITY, 1,
             MICRO(10000000, 1000000, 12500000, 12500000, 10000000, 10000000, 60000000,
                   60000000, 60000000, 60000000));
    price_is("openai", "gpt-5.6", USAGE_BATCH, 272001,
             MICRO(10000000, 1000000, 12500000, 12500000, 10000000, 10000000, 45000000,
                   45000000, 45000000, 45000000));
    price_is("deepseek", "deepseek-v4-pro", USAGE_STANDARD, 0,
             MICRO(435000, 3625, 435000, 435000, 435000, 435000, 870000, 870000, 870000,
                   870000));
    price_is("openai", "text-embedding-3-small", USAGE_STANDARD, 0,
             MICRO(20000, 20000, 20000, 20000, 20000, 20000, 0, 0, 0, 0));
}

/* ---- A catalogue file ---- */

static void a_file_stands_over_what_is_built_in(void **state)
{
    const struct config *c;
    const struct config_model *m;

    (void)state;
    file(
        "catalog.json",
        "{\"models\": [\n"
        "  {\"provider\": \"openai\", \"model\": \"gpt-4.1\", \"price\": {\"input\": "
        "\"7\", \"output\": \"8\",\n"
        "   \"tiers\": {\"flex\": {\"input\": \"3\"}}, \"above\": [{\"tokens\": 100, "
        "\"input\": \"9\"}]},\n"
        "   \"context_tokens\": 1000, \"max_output_tokens\": 100, \"capabilities\": "
        "[\"tools\"], \"endpoints\": [\"responses\"]},\n"
        "  {\"provider\": \"openai\", \"model\": \"new\", \"price\": {\"input\": \"1\", "
        "\"output\": \"1\"}}\n"
        "]}\n");
    c = config_fixture_load(
        HEAD "catalog: catalog.json\n"
             "models:\n" KNOWN "  new: {targets: [{provider: openai, model: new}]}\n"
             "  mini: {targets: [{provider: openai, model: gpt-4.1-mini}]}\n"
             "  own: {targets: [{provider: openai, model: gpt-4.1}], price: {input: 1, "
             "output: 1}, markup: 10%}\n");
    m = config_model(c, SLICE("known"));
    assert_int_equal(m->price.source, PRICE_BY_CATALOG);
    assert_int_equal(input_of(&m->price), 7000);
    assert_int_equal(m->price.band_count, 2);
    assert_int_equal(m->context_tokens, 1000);
    assert_int_equal(m->max_output_tokens, 100);
    assert_int_equal(m->caps, MODEL_CAP_TOOLS);
    assert_int_equal(m->endpoints, MODEL_BY_RESPONSES);
    assert_int_equal(config_model(c, SLICE("new"))->price.source, PRICE_BY_CATALOG);
    assert_int_equal(config_model(c, SLICE("mini"))->price.source, PRICE_BY_BUILTIN);
    m = config_model(c, SLICE("own"));
    assert_int_equal(m->price.source, PRICE_BY_CONFIG);
    assert_int_equal(input_of(&m->price), 1000);
    assert_int_equal(m->context_tokens, 1000);
    config_unref(c);
}

static void a_file_may_replace_what_is_built_in(void **state)
{
    (void)state;
    file("catalog.json", "{\"replace_builtin\": true, \"models\": []}\n");
    WARNINGS_OF(HEAD "catalog: catalog.json\n"
                     "models:\n" KNOWN,
                "warning: octroi.yaml:7: model 'known' has no price and is not in the "
                "catalogue: it is refused (price_missing)");
}

static void a_row_without_a_price_only_tells_of_the_model(void **state)
{
    const struct config *c;

    (void)state;
    file("catalog.json", "models: [{provider: openai, model: gpt-4.1, context_tokens: "
                         "5}]\n");
    c = config_fixture_load(HEAD "catalog: catalog.json\n"
                                 "models:\n" KNOWN);
    assert_int_equal(c->models[0].context_tokens, 5);
    assert_int_equal(c->models[0].price.source, PRICE_BY_BUILTIN);
    assert_true(c->models[0].priced);
    config_unref(c);
}

static void every_fault_of_a_file_has_its_line(void **state)
{
    static const char text[] = HEAD "catalog: catalog.json\n"
                                    "models:\n" KNOWN;

    (void)state;
    FAULTS_OF("catalog: \"a\\nb\"\n",
              "octroi.yaml:1:10: the path holds a control character");
    FAULTS_OF(text, "octroi.yaml:5:10: cannot read catalog.json: not_found");
    file(
        "catalog.json",
        "{\"modles\": [], \"replace_builtin\": 1, \"models\": [\n"
        " {\"model\": \"m\", \"price\": {\"input\": \"1\"}},\n"
        " {\"provider\": \"p\", \"model\": \"m\", \"from\": \"yesterday\", \"prise\": 1},\n"
        " {\"provider\": \"p\", \"model\": \"a b\", \"price\": {\"input\": \"1\", "
        "\"output\": \"-1\"}},\n"
        " {\"provider\": \"p\", \"model\": \"m\", \"context_tokens\": 0, "
        "\"capabilities\": [\"visoin\"], \"endpoints\": [\"smoke\"]},\n"
        " {\"provider\": \"${HOME}\", \"model\": \"${file:/etc/hostname}\", \"price\": "
        "\"$1\"},\n"
        " 7]}\n");
    FAULTS_OF(
        text, "catalog.json:1:35: expected true or false, not '1'",
        "catalog.json:2:2: a row without 'provider'",
        "catalog.json:2:17: a price without 'output' (\"0\" is free)",
        "catalog.json:3:42: expected a time such as 2030-01-01T00:00:00Z, not "
        "'yesterday'",
        "catalog.json:4:29: expected 1 to 256 visible ASCII characters, no spaces",
        "catalog.json:4:70: expected an amount in USD such as 25 or 0.05, not '-1'",
        "catalog.json:5:52: must be from 1 to 100000000",
        "catalog.json:5:72: there is no capability 'visoin' (did you mean "
        "'vision'?)",
        "catalog.json:5:97: there is no endpoint 'smoke'",
        "catalog.json:6:69: expected a mapping such as {input: \"1.25\", output: "
        "\"10\"}, in USD per million tokens",
        "catalog.json:7:2: expected a mapping, found a single value",
        "catalog.json:1:2: unknown key 'modles' (did you mean 'models'?)",
        "catalog.json:3:55: unknown key 'prise' (did you mean 'price'?)");
    file("catalog.json", "{\"models\": [{\"a\": 1, \"a\": 2}]}");
    FAULTS_OF(text, "catalog.json:1:22: duplicate key 'a' (also on line 1)",
              "catalog.json:1:13: a row without 'provider'",
              "catalog.json:1:13: a row without 'model'",
              "catalog.json:1:14: unknown key 'a'");
    file("catalog.json", "{\"models\": [");
    FAULTS_OF(text, "catalog.json:2:1: did not find expected node content, while "
                    "parsing a flow node from line 2");
    file("catalog.json", "{\"replace_builtin\": false}");
    FAULTS_OF(text, "catalog.json:1:1: there is no list 'models'");
    file("catalog.json", "");
    FAULTS_OF(text, "catalog.json: there is nothing in the file");
    file("catalog.json", "[]");
    FAULTS_OF(text, "catalog.json:1:1: expected a mapping, found a list");
}

static void a_row_is_there_once_and_there_are_not_too_many(void **state)
{
    static const char text[] = HEAD "catalog: catalog.json\n"
                                    "models:\n" KNOWN;
    struct buf b;

    (void)state;
    file("catalog.json",
         "models:\n"
         "- {provider: p, model: m, from: \"2030-01-01T00:00:00Z\"}\n"
         "- {provider: p, model: n, from: \"2030-01-01T00:00:00Z\"}\n"
         "- {provider: p, model: m, from: \"2030-01-01T01:00:00+01:00\"}\n");
    FAULTS_OF(text, "catalog.json: 'm' is there twice from the same time on");
    for (int count = 32; count <= 33; count++) {
        buf_init(&b, TEXT_SIZE);
        buf_append_str(&b, "models:\n");
        for (int i = 0; i < count; i++)
            buf_printf(
                &b, "- {provider: p, model: m, from: \"2030-01-01T00:00:%02dZ\"}\n", i);
        conf_fixture_write("catalog.json", buf_slice(&b).bytes, buf_len(&b));
        buf_free(&b);
        if (count == 32)
            LOADS(text);
        else
            FAULTS_OF(text, "catalog.json: more than 32 rows of 'm'");
    }
}

/* ---- Dates ---- */

static void a_row_counts_from_its_date_on(void **state)
{
    const struct config *c;
    const struct config_model *m;

    (void)state;
    file("catalog.json",
         "models:\n"
         "- {provider: openai, model: gpt-4.1, from: \"2030-01-03T00:00:00Z\", price: "
         "{input: 3, output: 1}}\n"
         "- {provider: openai, model: gpt-4.1, from: \"2029-01-01T00:00:00Z\", price: "
         "{input: 1, output: 1}}\n"
         "- {provider: openai, model: gpt-4.1, from: \"2030-01-02T00:00:00Z\", price: "
         "{input: 5, output: 1}}\n");
    c = config_fixture_load(HEAD "catalog: catalog.json\n"
                                 "models:\n"
                                 "  known: {targets: [{provider: openai, model: "
                                 "gpt-4.1}], markup: 10%}\n");
    m = &c->models[0];
    assert_int_equal(input_of(&m->price), 1000);
    assert_int_equal(input_of(price_at(m, NEW_YEAR)), 1000);
    assert_int_equal(input_of(price_at(m, NEW_YEAR + DAY - 1)), 1000);
    assert_int_equal(input_of(price_at(m, NEW_YEAR + DAY)), 5000);
    assert_int_equal(input_of(price_at(m, NEW_YEAR + 2 * DAY)), 3000);
    assert_int_equal(price_at(m, NEW_YEAR + 2 * DAY)->markup_ppm, 100000);
    assert_string_not_equal(m->price.version, m->price.next->version);
    assert_int_equal(strlen(m->price.next->version), 16);
    config_unref(c);
    /* Rows of the past are gone when it is loaded later. */
    clock_set(NEW_YEAR + 2 * DAY, 1);
    c = config_fixture_load(HEAD "catalog: catalog.json\n"
                                 "models:\n" KNOWN);
    assert_int_equal(input_of(&c->models[0].price), 3000);
    assert_null(c->models[0].price.next);
    config_unref(c);
}

static void before_its_first_date_a_model_has_no_price(void **state)
{
    const struct config *c = NULL;
    struct buf said;

    (void)state;
    file("catalog.json",
         "models:\n"
         "- {provider: plain, model: x, from: \"2030-01-02T00:00:00Z\", "
         "price: {input: 5, output: 1}}\n");
    file("prices.json",
         "models:\n"
         "- {model: m, from: \"2030-01-02T00:00:00Z\", price: {input: 5, "
         "output: 1}}\n");
    buf_init(&said, TEXT_SIZE);
    assert_int_equal(config_load(&c,
                                 config_fixture_write(
                                     HEAD "models: {m: {targets: [{provider: plain, "
                                          "model: x}]}}\n"),
                                 &said),
                     RC_OK);
    config_fixture_lines(
        buf_slice(&said),
        (const char *const[]){"warning: octroi.yaml:5: model 'm' has no price before "
                              "2030-01-02T00:00:00.000000Z: until then it is refused "
                              "(price_missing)",
                              NULL});
    buf_free(&said);
    assert_false(c->models[0].priced);
    assert_null(price_at(&c->models[0], NEW_YEAR));
    assert_int_equal(input_of(price_at(&c->models[0], NEW_YEAR + DAY)), 5000);
    config_unref(c);
}

/* ---- The operator's own ---- */

static void what_the_operator_set_stands_over_catalogues_from_its_date_on(void **state)
{
    const struct config *c;
    const struct config_model *m;

    (void)state;
    file("catalog.json",
         "models:\n"
         "- {provider: openai, model: gpt-4.1, price: {input: 1, output: 1}}\n"
         "- {provider: openai, model: gpt-4.1, from: \"2030-01-05T00:00:00Z\", price: "
         "{input: 2, output: 1}}\n");
    file(
        "prices.json",
        "{\"models\":[{\"model\":\"known\",\"from\":\"2030-01-03T00:00:00Z\",\"price\":{"
        "\"input\":\"9\",\"output\":\"1\"}},{\"model\":\"nobody\",\"price\":{\"input\":"
        "\"1\",\"output\":\"1\"}},{\"model\":\"own\",\"price\":{\"input\":\"6\","
        "\"output\":\"1\"}}]}\n");
    c = config_fixture_load(HEAD "catalog: catalog.json\n"
                                 "models:\n" KNOWN
                                 "  own: {targets: [{provider: openai, model: x}], "
                                 "price: {input: 4, output: 1}}\n");
    m = config_model(c, SLICE("known"));
    assert_int_equal(input_of(price_at(m, NEW_YEAR)), 1000);
    assert_int_equal(input_of(price_at(m, NEW_YEAR + 2 * DAY)), 9000);
    assert_int_equal(price_at(m, NEW_YEAR + 2 * DAY)->source, PRICE_BY_OVERRIDE);
    assert_int_equal(input_of(price_at(m, NEW_YEAR + 9 * DAY)), 9000);
    m = config_model(c, SLICE("own"));
    assert_int_equal(input_of(&m->price), 4000);
    assert_int_equal(m->price.source, PRICE_BY_CONFIG);
    config_unref(c);
}

static void a_damaged_file_of_the_operators_prices_is_a_fault(void **state)
{
    static const char text[] = HEAD "models:\n" KNOWN;

    (void)state;
    file("prices.json", "{\"models\":[{\"model\":\"m\"},{\"model\":\"m\",\"provider\":"
                        "\"p\",\"price\":{\"input\":\"1\",\"output\":\"1\"}}]}");
    FAULTS_OF(text, "prices.json:1:12: a row without 'price'",
              "prices.json:1:39: unknown key 'provider'");
}

static void a_price_of_a_file_must_be_payable(void **state)
{
    (void)state;
    file("prices.json", "{\"models\":[{\"model\":\"known\",\"from\":"
                        "\"2031-01-01T00:00:00Z\",\"price\":{\"input\":"
                        "\"18446744073\",\"output\":\"1\"}}]}");
    FAULTS_OF(
        HEAD "models:\n" KNOWN,
        "octroi.yaml:6:3: the price times the longest call is more than an amount "
        "can hold");
}

#define TEST(name) cmocka_unit_test_setup(name, no_files)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_built_in_price_is_read),
        TEST(built_in_prices_are_exact),
        TEST(a_file_stands_over_what_is_built_in),
        TEST(a_file_may_replace_what_is_built_in),
        TEST(a_row_without_a_price_only_tells_of_the_model),
        TEST(every_fault_of_a_file_has_its_line),
        TEST(a_row_is_there_once_and_there_are_not_too_many),
        TEST(a_row_counts_from_its_date_on),
        TEST(before_its_first_date_a_model_has_no_price),
        TEST(what_the_operator_set_stands_over_catalogues_from_its_date_on),
        TEST(a_damaged_file_of_the_operators_prices_is_a_fault),
        TEST(a_price_of_a_file_must_be_payable),
    };

    return cmocka_run_group_tests(tests, config_fixture_open, conf_fixture_close);
}

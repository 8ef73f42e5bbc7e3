/* SPDX-License-Identifier: Apache-2.0 */
/* Models that providers publish, in a snapshot: their names, limits, capabilities and
 * prices, and what stands over what. */
#include "gateway/catalog.h"
#include "gateway/config.h"
#include "gateway/found.h"
#include "gateway/price.h"

#include "tests/conf_fixture.h"
#include "tests/config_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define PROVIDERS                                                                      \
    "providers:\n"                                                                     \
    "  openai: {kind: openai, base_url: \"https://o.example/v1\", discover: manual}\n" \
    "  lab: {kind: compatible, base_url: \"https://lab.example\", discover: 10m}\n"    \
    "  quiet: {kind: compatible, base_url: \"https://quiet.example\"}\n"

static char dir[512];

static struct money usd(const char *text)
{
    struct money m = MONEY_ZERO;

    assert_int_equal(money_parse(&m, slice_str(text)), RC_OK);
    return m;
}

static int open_folder(void **state)
{
    if (config_fixture_open(state) != 0)
        return -1;
    (void)snprintf(dir, sizeof(dir), "%s/var", conf_fixture_dir());
    return mkdir(dir, 0700);
}

static void forget(void)
{
    char path[sizeof(dir) + 32];

    (void)snprintf(path, sizeof(path), "%s/models.json", dir);
    (void)unlink(path);
    (void)snprintf(path, sizeof(path), "%s/prices.json", dir);
    (void)unlink(path);
}

static int close_folder(void **state)
{
    forget();
    if (rmdir(dir) != 0)
        return -1;
    return conf_fixture_close(state);
}

static struct found found;

static void says(const char *provider, const char *url, struct found_model *models,
                 size_t count)
{
    found.lists[found.count++] = (struct found_list){.provider = provider,
                                                     .base_url = url,
                                                     .read_us = 1,
                                                     .count = found_sort(models, count),
                                                     .models = models};
    assert_int_equal(found_save(&found, dir), RC_OK);
}

static int setup(void **state)
{
    (void)state;
    forget();
    found.count = 0;
    return 0;
}

static struct found_model priced(const char *id)
{
    return (struct found_model){
        .id = id,
        .context_tokens = 200000,
        .max_output_tokens = 4000,
        .priced = true,
        .price = {.input = usd("3"), .output = usd("15"), .cached_input = usd("0.3")}};
}

static const struct config_model *named(const struct config *c, const char *name)
{
    return config_model(c, slice_str(name));
}

static void a_found_model_has_a_long_and_a_short_name(void **state)
{
    struct found_model models[] = {priced("org/m:1")};
    const struct config *c;
    const struct config_model *m;

    (void)state;
    says("lab", "https://lab.example", models, 1);
    c = config_fixture_load(PROVIDERS);
    assert_int_equal(c->model_count, 2);
    m = named(c, "lab/org/m:1");
    assert_non_null(m);
    assert_true(m->found);
    assert_false(m->is_alias);
    assert_true(m->priced);
    assert_int_equal(m->price.source, PRICE_BY_DISCOVERY);
    assert_int_equal(money_to_nano(m->price.base.of[PRICE_INPUT]), 3000000000u);
    assert_int_equal(money_to_nano(m->price.base.of[PRICE_CACHED_INPUT]), 300000000u);
    assert_string_not_equal(m->price.version, "");
    assert_int_equal(m->context_tokens, 200000);
    assert_int_equal(m->hold_output_tokens, 4000);
    assert_int_equal(m->target_count, 1);
    assert_string_equal(m->targets[0].provider->name, "lab");
    assert_string_equal(m->targets[0].model, "org/m:1");
    m = named(c, "org/m:1");
    assert_true(m->found && m->is_alias && m->priced);
    config_unref(c);
}

static void what_the_file_names_stands(void **state)
{
    struct found_model models[] = {priced("a"), priced("b")};
    const struct config *c;

    (void)state;
    says("lab", "https://lab.example", models, 2);
    c = config_fixture_load(PROVIDERS
                            "models:\n"
                            "  a: {targets: [{provider: quiet, model: z}], price: "
                            "{input: \"1\", output: \"1\"}}\n"
                            "  lab/b: {targets: [{provider: quiet, model: z}], price: "
                            "{input: \"1\", output: \"1\"}}\n");
    assert_false(named(c, "a")->found);
    assert_false(named(c, "lab/b")->found);
    assert_true(named(c, "lab/a")->found);
    assert_null(named(c, "b")); /* its long name is the file's */
    assert_int_equal(c->model_count, 3);
    config_unref(c);
}

static void a_name_of_two_providers_is_neither_s(void **state)
{
    struct found_model ones[] = {priced("m"), priced("x")};
    struct found_model others[] = {priced("m"), priced("lab/x")};
    const struct config *c;

    (void)state;
    says("lab", "https://lab.example", ones, 2);
    says("openai", "https://o.example/v1", others, 2);
    c = config_fixture_load(PROVIDERS);
    assert_null(named(c, "m"));
    assert_non_null(named(c, "lab/m"));
    assert_non_null(named(c, "openai/m"));
    /* "lab/x" is lab's x, whatever another calls so. */
    assert_string_equal(named(c, "lab/x")->targets[0].provider->name, "lab");
    assert_non_null(named(c, "openai/lab/x"));
    config_unref(c);
}

static void lists_of_who_has_moved_or_does_not_discover_do_not_count(void **state)
{
    struct found_model models[] = {priced("m")};
    const struct config *c;

    (void)state;
    says("lab", "https://old.example", models, 1);
    says("quiet", "https://quiet.example", models, 1);
    says("gone", "https://gone.example", models, 1);
    c = config_fixture_load(PROVIDERS);
    assert_int_equal(c->model_count, 0);
    config_unref(c);
}

static void the_vendor_s_word_stands_over_the_catalogue_s(void **state)
{
    struct found_model models[] = {
        {.id = "gpt-4.1", .context_tokens = 1000, .told = MODEL_CAP_VISION},
        {.id = "nobody-knows-this"}};
    const struct config *c;
    const struct config_model *m;

    (void)state;
    says("openai", "https://o.example/v1", models, 2);
    c = config_fixture_load(PROVIDERS);
    m = named(c, "gpt-4.1");
    assert_int_equal(m->context_tokens, 1000);
    assert_int_equal(m->max_output_tokens, 32768); /* the catalogue's */
    assert_true(m->caps_known);
    assert_int_equal(m->caps & MODEL_CAP_VISION, 0);
    assert_int_not_equal(m->caps & MODEL_CAP_TOOLS, 0);
    assert_true(m->priced);
    assert_int_equal(m->price.source, PRICE_BY_BUILTIN);
    m = named(c, "nobody-knows-this");
    assert_false(m->priced);
    assert_false(m->caps_known);
    assert_int_equal(m->context_tokens, 131072);
    assert_int_equal(m->max_output_tokens, 8192);
    config_unref(c);
}

static void a_configured_model_may_have_the_vendor_s_price(void **state)
{
    struct found_model models[] = {priced("m")};
    const struct config *c;

    (void)state;
    says("lab", "https://lab.example", models, 1);
    c = config_fixture_load(PROVIDERS
                            "models:\n"
                            "  mine: {targets: [{provider: lab, model: m}]}\n"
                            "  sold: {targets: [{provider: lab, model: m}], price: "
                            "{input: \"9\", output: \"9\"}}\n");
    assert_int_equal(named(c, "mine")->price.source, PRICE_BY_DISCOVERY);
    assert_int_equal(money_to_nano(named(c, "mine")->price.base.of[PRICE_OUTPUT]),
                     15000000000u);
    assert_int_equal(named(c, "sold")->price.source, PRICE_BY_CONFIG);
    config_unref(c);
}

static void long_prompts_cost_what_the_vendor_says_of_them(void **state)
{
    struct found_model models[] = {priced("m")};
    struct price_rates rates;
    const struct config *c;
    const struct config_model *m;

    (void)state;
    models[0].price.above = 128000;
    models[0].price.above_input = usd("6");
    models[0].price.above_output = usd("30");
    says("lab", "https://lab.example", models, 1);
    c = config_fixture_load(PROVIDERS);
    m = named(c, "m");
    price_rates_at(&rates, &m->price, USAGE_STANDARD, 128000);
    assert_int_equal(money_to_nano(rates.of[PRICE_INPUT]), 3000000000u);
    price_rates_at(&rates, &m->price, USAGE_STANDARD, 128001);
    assert_int_equal(money_to_nano(rates.of[PRICE_INPUT]), 6000000000u);
    assert_int_equal(money_to_nano(rates.of[PRICE_OUTPUT]), 30000000000u);
    config_unref(c);
}

static void a_price_that_no_amount_can_hold_is_none(void **state)
{
    struct found_model models[] = {priced("m")};
    const struct config *c;

    (void)state;
    models[0].context_tokens = FOUND_TOKENS_MAX;
    models[0].max_output_tokens = FOUND_TOKENS_MAX;
    models[0].price.request = money_from_nano(UINT64_MAX);
    says("lab", "https://lab.example", models, 1);
    c = config_fixture_load(PROVIDERS);
    assert_false(named(c, "m")->priced);
    config_unref(c);
}

static void a_damaged_file_is_warned_of_and_nothing_more(void **state)
{
    char path[sizeof(dir) + 32];
    FILE *f;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/models.json", dir);
    f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs("{\"version\":1", f) >= 0);
    assert_int_equal(fclose(f), 0);
    WARNINGS_OF(PROVIDERS,
                "warning: octroi.yaml:1: var/models.json cannot be read: the models of "
                "its providers are missing until they are asked again");
    LOADS("providers: {quiet: {kind: compatible, base_url: \"https://q.example\"}}\n");
}

static void they_are_not_printed_as_if_they_were_the_file_s(void **state)
{
    struct found_model models[] = {priced("m")};
    const struct config *c = config_fixture_load(PROVIDERS);
    char hash[sizeof(c->hash)];
    struct buf text;

    (void)state;
    memcpy(hash, c->hash, sizeof(hash));
    config_unref(c);
    says("lab", "https://lab.example", models, 1);
    c = config_fixture_load(PROVIDERS);
    assert_int_equal(c->model_count, 2);
    assert_string_equal(c->hash, hash);
    buf_init(&text, 1 << 20);
    config_print(&text, c, false);
    assert_int_equal(slice_search(buf_slice(&text), SLICE("models:")), buf_len(&text));
    assert_true(slice_search(buf_slice(&text), SLICE("discover: \"manual\"")) <
                buf_len(&text));
    assert_true(slice_search(buf_slice(&text), SLICE("discover: \"600s\"")) <
                buf_len(&text));
    buf_free(&text);
    config_unref(c);
}

static void discover_takes_a_few_words_and_times(void **state)
{
    (void)state;
    FAULTS_OF(
        "providers:\n"
        "  a: {kind: openai, discover: often}\n"
        "  b: {kind: openai, discover: 0s}\n"
        "  c: {kind: openai, discover: 2d}\n"
        "  d: {kind: bedrock, region: us-east-1, api_keys: [k], discover: true}\n",
        "octroi.yaml:2:31: expected a time span such as 90s, 15m, 12h or 7d, not "
        "'often'",
        "octroi.yaml:3:31: must be from 1s to 24h",
        "octroi.yaml:4:31: must be from 1s to 24h",
        "octroi.yaml:5:66: kind 'bedrock' publishes no list of the models that can "
        "be called: name them under 'models'");
    LOADS("providers: {a: {kind: openai, discover: false}, b: {kind: bedrock, region: "
          "us-east-1, api_keys: [k], discover: false}}\n");
}

#define FOUND_TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOUND_TEST(a_found_model_has_a_long_and_a_short_name),
        FOUND_TEST(what_the_file_names_stands),
        FOUND_TEST(a_name_of_two_providers_is_neither_s),
        FOUND_TEST(lists_of_who_has_moved_or_does_not_discover_do_not_count),
        FOUND_TEST(the_vendor_s_word_stands_over_the_catalogue_s),
        FOUND_TEST(a_configured_model_may_have_the_vendor_s_price),
        FOUND_TEST(long_prompts_cost_what_the_vendor_says_of_them),
        FOUND_TEST(a_price_that_no_amount_can_hold_is_none),
        FOUND_TEST(a_damaged_file_is_warned_of_and_nothing_more),
        FOUND_TEST(they_are_not_printed_as_if_they_were_the_file_s),
        FOUND_TEST(discover_takes_a_few_words_and_times),
    };

    return cmocka_run_group_tests(tests, open_folder, close_folder);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The list of models: what is told, to whom, and names that are not plain. */
#include "tests/gateway_fixture.h"

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static size_t count_models(struct exchange *x)
{
    struct json_object *list, *data;
    size_t count;

    expect_status(x, 200);
    assert_int_equal(json_parse(&list, buf_slice(&x->out)), RC_OK);
    assert_int_equal(json_get_array(&data, list, "data"), RC_OK);
    count = json_array_count(data);
    json_put(list);
    return count;
}

static struct exchange *anonymous(const char *target)
{
    return ask("GET", target, "", NULL);
}

static void anybody_may_read_the_list(void **state)
{
    struct exchange *x = anonymous("/v1/models");

    (void)state;
    assert_int_equal(count_models(x), 6);
    expect_says(
        x, "{\"object\":\"list\",\"data\":[{\"id\":\"alone\",\"object\":\"model\"");
    expect_header(x, "Content-Type", "application/json");
    assert_int_equal(book_submitted(), 0);
}

static void a_model_tells_its_limits_and_its_price(void **state)
{
    struct exchange *x = anonymous("/v1/models/alone");

    (void)state;
    expect_status(x, 200);
    expect_says(x, "{\"id\":\"alone\",\"object\":\"model\",\"created\":1795262400,"
                   "\"owned_by\":\"one\",\"context_length\":100000,"
                   "\"max_output_tokens\":8192,\"priced\":true,\"pricing\":{\"input\":"
                   "\"1\",\"cached_input\":\"0.1\",\"cache_write\":\"1.5\",\"output\":"
                   "\"10\"}}");
    x = anonymous("/v1/models/unpriced");
    expect_says(x, "\"priced\":false}");
}

static void prices_have_the_markup_in_them(void **state)
{
    (void)state;
    gate_config("providers: {p: {kind: compatible, base_url: \"https://p.example\"}}\n"
                "models: {m: {targets: [{provider: p, model: m}], markup: \"12.5%\", "
                "price: {input: \"1\", output: \"10\"}}}\n");
    expect_says(anonymous("/v1/models/m"), "\"input\":\"1.125\"");
    expect_says(anonymous("/v1/models/m"), "\"output\":\"11.25\"");
}

static void names_may_have_slashes_plain_or_escaped(void **state)
{
    (void)state;
    gate_config("providers: {p: {kind: compatible, base_url: \"https://p.example\"}}\n"
                "models: {\"org/m.1\": {targets: [{provider: p, model: m}], "
                "price: {input: \"1\", output: \"1\"}}}\n");
    expect_status(anonymous("/v1/models/org/m%2e1"), 200);
    expect_status(anonymous("/v1/models/org%2Fm.1"), 200);
    expect_error(anonymous("/v1/models/org%252Fm.1"), 404, "model_not_found", "model");
}

static void a_key_sees_what_it_may_use(void **state)
{
    struct wallet_key_options options = {.models = SLICE("a*,t?ny")};
    struct wallet_key k;

    (void)state;
    assert_int_equal(count_models(get("/v1/models")), 6);
    assert_int_equal(
        wallet_key_create(&k, gate.key.text, gate.money.book, gate.wallet, &options),
        RC_OK);
    assert_int_equal(count_models(get("/v1/models")), 2);
    expect_status(get("/v1/models/tiny"), 200);
    expect_error(get("/v1/models/chain"), 404, "model_not_found", "model");
}

#define CAPABLE                                                                     \
    "providers: {p: {kind: compatible, base_url: \"https://p.example\"}}\n"         \
    "models:\n"                                                                     \
    "  org/m: {targets: [{provider: p, model: m}], capabilities: [vision, tools], " \
    "context_tokens: 200000, markup: \"10%\", price: {input: \"1.25\", output: "    \
    "\"10\"}}\n"                                                                    \
    "  z: {targets: [{provider: p, model: nobody-knows-it}]}\n"

static void capabilities_are_told_where_they_are_known(void **state)
{
    (void)state;
    gate_config(CAPABLE);
    expect_says(anonymous("/v1/models/org/m"),
                "\"capabilities\":[\"tools\",\"vision\"],\"priced\":true");
    expect_says(anonymous("/v1/models/z"),
                "\"max_output_tokens\":8192,\"priced\":false");
}

static void a_client_of_anthropic_reads_anthropic_s_list(void **state)
{
    static const char version[] = "anthropic-version: 2023-06-01\n";
    struct exchange *x;

    (void)state;
    gate_config(CAPABLE);
    x = ask("GET", "/v1/models", version, NULL);
    assert_int_equal(count_models(x), 2);
    expect_says(x, "{\"data\":[{\"type\":\"model\",\"id\":\"org/m\"");
    expect_says(x, "\"max_input_tokens\":200000,");
    expect_says(x, "\"image_input\":{\"supported\":true}");
    expect_says(x, "\"capabilities\":null}],\"has_more\":false,\"first_id\":\"org/m\","
                   "\"last_id\":\"z\"}");
    x = ask("GET", "/v1/models/z", version, NULL);
    expect_says(x, "{\"type\":\"model\",\"id\":\"z\"");
}

static void a_client_of_gemini_reads_gemini_s_list(void **state)
{
    (void)state;
    gate_config(CAPABLE);
    expect_says(anonymous("/v1beta/models"),
                "{\"models\":[{\"name\":\"models/org/m\",");
    expect_says(anonymous("/v1beta/models/org/m"), "\"inputTokenLimit\":200000,");
    expect_status(anonymous("/v1beta/models/none"), 404);
}

static void a_client_of_openrouter_reads_prices_for_a_token(void **state)
{
    struct exchange *x;

    (void)state;
    gate_config(CAPABLE);
    x = anonymous("/api/v1/models");
    assert_int_equal(count_models(x), 2);
    expect_says(x, "\"prompt\":\"0.000001375\",\"completion\":\"0.000011\"");
    expect_says(x, "\"input_modalities\":[\"text\",\"image\"]");
    expect_says(x, "\"supported_parameters\":[\"max_tokens\",\"stop\","
                   "\"temperature\",\"top_p\",\"tools\",\"tool_choice\"]");
    expect_says(x, "\"prompt\":\"-1\",\"completion\":\"-1\"");
    expect_says(anonymous("/api/v1/models/org/m"), "{\"data\":{\"id\":\"org/m\",");
}

static void an_account_is_its_key_s(void **state)
{
    (void)state;
    expect_status(anonymous("/api/v1/credits"), 401);
    expect_status(anonymous("/api/v1/key"), 401);
    expect_says(get("/api/v1/credits"), "{\"data\":{\"total_credits\":");
    expect_says(get("/api/v1/key"), "\"limit\":null,\"limit_remaining\":null,");
    expect_error(get("/api/v1/generation?id=nope"), 404, "not_found", "id");
    expect_status(get("/api/v1/generation?id=req_00000000000000000000000000000001"),
                  404);
}

static void a_wrong_key_is_told_so(void **state)
{
    (void)state;
    expect_error(ask("GET", "/v1/models", "x-api-key: nope\n", NULL), 401,
                 "invalid_api_key", NULL);
}

static void an_unknown_model_is_named_as_it_was_asked_for(void **state)
{
    struct exchange *x = anonymous("/v1/models/no%22pe");

    (void)state;
    expect_error(x, 404, "model_not_found", "model");
    expect_says(x, "'no\\\"pe'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(anybody_may_read_the_list),
        GATE_TEST(a_model_tells_its_limits_and_its_price),
        GATE_TEST(prices_have_the_markup_in_them),
        GATE_TEST(names_may_have_slashes_plain_or_escaped),
        GATE_TEST(a_key_sees_what_it_may_use),
        GATE_TEST(capabilities_are_told_where_they_are_known),
        GATE_TEST(a_client_of_anthropic_reads_anthropic_s_list),
        GATE_TEST(a_client_of_gemini_reads_gemini_s_list),
        GATE_TEST(a_client_of_openrouter_reads_prices_for_a_token),
        GATE_TEST(an_account_is_its_key_s),
        GATE_TEST(a_wrong_key_is_told_so),
        GATE_TEST(an_unknown_model_is_named_as_it_was_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

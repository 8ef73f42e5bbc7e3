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
        GATE_TEST(a_wrong_key_is_told_so),
        GATE_TEST(an_unknown_model_is_named_as_it_was_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Worst cases and exact prices, against numbers worked out by hand. */
#include "gateway/price.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct money usd(const char *text)
{
    struct money m;

    assert_int_equal(money_parse(&m, slice_str(text)), RC_OK);
    return m;
}

static struct config_model model(void)
{
    return (struct config_model){
        .priced = true,
        .price = {.input = usd("1.25"),
                  .cached_input = usd("0.125"),
                  .cache_write = usd("1.5625"),
                  .output = usd("10")},
        .context_tokens = 1000,
    };
}

static void is(struct money m, uint64_t nano)
{
    assert_int_equal(money_to_nano(m), nano);
}

static void every_line_item_is_rounded_up_once(void **state)
{
    struct config_model m = model();
    struct usage u = {.known = true, .in_uncached = 1, .in_cache_read = 1};
    struct money c;

    (void)state;
    /* 1250 n$ a token uncached; 125 cached; 1562.5 written; 10000 out. */
    assert_int_equal(price_exact(&c, &m.price, &u), RC_OK);
    is(c, 1250 + 125);
    u = (struct usage){
        .known = true, .in_cache_write = 1, .out_text = 2, .out_reasoning = 1};
    assert_int_equal(price_exact(&c, &m.price, &u), RC_OK);
    is(c, 1563 + 30000);
}

static void one_token_of_a_cheap_model_is_never_free(void **state)
{
    struct config_price p = {.input = usd("0.0000001")};
    struct usage u = {.known = true, .in_uncached = 1};
    struct money c;

    (void)state;
    assert_int_equal(price_exact(&c, &p, &u), RC_OK);
    is(c, 1);
}

static void markup_is_inside_the_product(void **state)
{
    struct config_price p = {.input = usd("0.0015"), .markup_ppm = 50000};
    struct usage u = {.known = true, .in_uncached = 1};
    struct money c;

    (void)state;
    /* 1.5 n$ times 1.05 is 1.575, rounded once to 2; rounding twice would give 3. */
    assert_int_equal(price_exact(&c, &p, &u), RC_OK);
    is(c, 2);
}

static void the_worst_case_takes_the_dearest_input_price(void **state)
{
    struct config_model m = model();
    struct money c;

    (void)state;
    assert_int_equal(price_worst(&c, &m, 100, 2, 50), RC_OK);
    is(c, 156250 + 1000000);
}

static void the_prompt_bound_is_half_the_bytes_but_never_over_the_context(void **state)
{
    struct config_model m = model();

    (void)state;
    assert_int_equal(price_prompt_bound(&m, 101, 0, 8192), 51);
    assert_int_equal(price_prompt_bound(&m, 100, 2, 100), 250);
    assert_int_equal(price_prompt_bound(&m, 100, 1, 8192), 1000);
    assert_int_equal(price_prompt_bound(&m, UINT64_MAX, UINT64_MAX, UINT64_MAX), 1000);
}

static void amounts_that_do_not_fit_are_refused(void **state)
{
    struct config_model m = model();
    struct money c = usd("7");

    (void)state;
    assert_int_equal(price_worst(&c, &m, 0, UINT64_MAX, 2), RC_OVERFLOW);
    assert_int_equal(price_worst(&c, &m, 0, 1, UINT64_MAX), RC_OVERFLOW);
    is(c, 7000000000u);
}

static void a_whole_usage_never_costs_more_than_its_worst_case(void **state)
{
    struct config_model m = model();
    struct money worst, c;
    struct usage u = {
        .known = true, .in_uncached = 51, .out_text = 40, .out_reasoning = 10};

    (void)state;
    assert_int_equal(price_worst(&worst, &m, 51, 1, 50), RC_OK);
    assert_int_equal(price_exact(&c, &m.price, &u), RC_OK);
    assert_true(money_cmp(c, worst) <= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_item_is_rounded_up_once),
        cmocka_unit_test(one_token_of_a_cheap_model_is_never_free),
        cmocka_unit_test(markup_is_inside_the_product),
        cmocka_unit_test(the_worst_case_takes_the_dearest_input_price),
        cmocka_unit_test(the_prompt_bound_is_half_the_bytes_but_never_over_the_context),
        cmocka_unit_test(amounts_that_do_not_fit_are_refused),
        cmocka_unit_test(a_whole_usage_never_costs_more_than_its_worst_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Worst cases and exact prices, against numbers worked out by hand, and against a sum
 * over lines that is written down a second time. */
#include "gateway/price.h"

#include "tests/prng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define GIVEN (1u << PRICE_INPUT | 1u << PRICE_OUTPUT)

static struct money usd(const char *text)
{
    struct money m;

    assert_int_equal(money_parse(&m, slice_str(text)), RC_OK);
    return m;
}

static struct config_price price_of(const char *input, const char *output)
{
    struct config_price p = {0};

    p.base.of[PRICE_INPUT] = usd(input);
    p.base.of[PRICE_OUTPUT] = usd(output);
    price_fill(&p.base, GIVEN);
    return p;
}

static struct config_model model(void)
{
    struct config_model m = {.priced = true, .context_tokens = 1000};

    m.price.base.of[PRICE_INPUT] = usd("1.25");
    m.price.base.of[PRICE_CACHED_INPUT] = usd("0.125");
    m.price.base.of[PRICE_CACHE_WRITE] = usd("1.5625");
    m.price.base.of[PRICE_OUTPUT] = usd("10");
    price_fill(&m.price.base,
               GIVEN | 1u << PRICE_CACHED_INPUT | 1u << PRICE_CACHE_WRITE);
    return m;
}

static void is(struct money m, uint64_t nano)
{
    assert_int_equal(money_to_nano(m), nano);
}

/* ---- Exact ---- */

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

/* Each count alone, each at a rate that no other has. */
static void every_kind_of_token_has_its_own_rate(void **state)
{
    struct usage u = {.known = true};
    uint64_t *const counts[PRICE_RATE_COUNT] = {
        &u.in_uncached, &u.in_cache_read, &u.in_cache_write, &u.in_cache_write_1h,
        &u.in_audio,    &u.in_image,      &u.out_text,       &u.out_reasoning,
        &u.out_audio,   &u.out_image};
    struct config_price p = {0};
    struct money c;

    (void)state;
    for (size_t i = 0; i < PRICE_RATE_COUNT; i++)
        p.base.of[i] = money_from_nano((i + 1) * 1000000);
    for (size_t i = 0; i < PRICE_RATE_COUNT; i++) {
        *counts[i] = 7;
        assert_int_equal(price_exact(&c, &p, &u), RC_OK);
        is(c, 7 * (i + 1));
        *counts[i] = 0;
    }
}

static void one_token_of_a_cheap_model_is_never_free(void **state)
{
    struct config_price p = price_of("0.0000001", "0");
    struct usage u = {.known = true, .in_uncached = 1};
    struct money c;

    (void)state;
    assert_int_equal(price_exact(&c, &p, &u), RC_OK);
    is(c, 1);
}

static void markup_is_inside_the_product(void **state)
{
    struct config_price p = price_of("0.0015", "0");
    struct usage u = {.known = true, .in_uncached = 1};
    struct money c;

    (void)state;
    p.markup_ppm = 50000;
    /* 1.5 n$ times 1.05 is 1.575, rounded once to 2; rounding twice would give 3. */
    assert_int_equal(price_exact(&c, &p, &u), RC_OK);
    is(c, 2);
}

static void searches_and_calls_have_fees_with_markup(void **state)
{
    struct config_price p = price_of("1", "1");
    struct usage u = {.known = true, .in_uncached = 1, .web_searches = 3};
    struct money c;

    (void)state;
    p.web_search = usd("0.000000005");
    p.request = usd("0.000000001");
    p.markup_ppm = 100000;
    /* 1100 for the token; 3 * 5 * 1.1 = 16.5; 1.1. */
    assert_int_equal(price_exact(&c, &p, &u), RC_OK);
    is(c, 1100 + 17 + 2);
}

static void what_used_nothing_costs_nothing(void **state)
{
    struct config_price p = price_of("1", "1");
    struct usage u = {.known = true};
    struct money c;

    (void)state;
    p.request = usd("5");
    assert_int_equal(price_exact(&c, &p, &u), RC_OK);
    is(c, 0);
}

/* ---- Tiers and thresholds ---- */

static struct price_band band(enum usage_tier tier, uint64_t above, uint64_t input,
                              uint64_t output)
{
    struct price_band b = {.tier = tier, .above_tokens = above};

    b.rates.of[PRICE_INPUT] = money_from_nano(input * 1000000);
    b.rates.of[PRICE_OUTPUT] = money_from_nano(output * 1000000);
    price_fill(&b.rates, GIVEN);
    return b;
}

static uint64_t cost_of(const struct config_price *p, enum usage_tier tier,
                        uint64_t input, uint64_t output)
{
    struct usage u = {
        .known = true, .tier = tier, .in_uncached = input, .out_text = output};
    struct money c;

    assert_int_equal(price_exact(&c, p, &u), RC_OK);
    return money_to_nano(c);
}

static void a_threshold_counts_above_it_and_for_the_whole_call(void **state)
{
    const struct price_band bands[] = {band(USAGE_STANDARD, 200, 2, 3),
                                       band(USAGE_STANDARD, 400, 4, 5)};
    struct config_price p = price_of("0.001", "0.001");
    struct usage u = {
        .known = true, .in_uncached = 1, .in_cache_read = 199, .in_image = 1};
    struct money c;

    (void)state;
    p.bands = bands;
    p.band_count = 2;
    assert_int_equal(cost_of(&p, USAGE_STANDARD, 199, 10), 209);
    assert_int_equal(cost_of(&p, USAGE_STANDARD, 200, 10), 210);
    assert_int_equal(cost_of(&p, USAGE_STANDARD, 201, 10), 402 + 30);
    assert_int_equal(cost_of(&p, USAGE_STANDARD, 400, 10), 800 + 30);
    assert_int_equal(cost_of(&p, USAGE_STANDARD, 401, 10), 1604 + 50);
    /* The output does not count towards it; every kind of input does. */
    assert_int_equal(cost_of(&p, USAGE_STANDARD, 1, 1000), 1001);
    assert_int_equal(price_exact(&c, &p, &u), RC_OK);
    is(c, 402);
}

static void the_tier_of_the_reply_picks_the_rates(void **state)
{
    const struct price_band bands[] = {
        band(USAGE_STANDARD, 200, 10, 10), band(USAGE_BATCH, 0, 1, 1),
        band(USAGE_PRIORITY, 0, 6, 30), band(USAGE_PRIORITY, 200, 40, 40)};
    struct config_price p = price_of("0.003", "0.003");

    (void)state;
    p.bands = bands;
    p.band_count = 4;
    assert_int_equal(cost_of(&p, USAGE_STANDARD, 100, 1), 303);
    assert_int_equal(cost_of(&p, USAGE_BATCH, 100, 1), 101);
    assert_int_equal(cost_of(&p, USAGE_PRIORITY, 100, 1), 630);
    assert_int_equal(cost_of(&p, USAGE_PRIORITY, 201, 1), 201 * 40 + 40);
    /* A tier without rates is a standard one. */
    assert_int_equal(cost_of(&p, USAGE_FLEX, 100, 1), 303);
    assert_int_equal(cost_of(&p, USAGE_FLEX, 201, 1), 2020);
    /* Batch says nothing of long prompts: no discount on what it does not say. */
    assert_int_equal(cost_of(&p, USAGE_BATCH, 201, 1), 2020);
}

static void a_tier_that_is_silent_on_long_prompts_has_the_dearer_rate(void **state)
{
    const struct price_band bands[] = {band(USAGE_STANDARD, 200, 10, 45),
                                       band(USAGE_PRIORITY, 0, 12, 30)};
    struct config_price p = price_of("0.005", "0.03");

    (void)state;
    p.bands = bands;
    p.band_count = 2;
    assert_int_equal(cost_of(&p, USAGE_PRIORITY, 201, 1), 201 * 12 + 45);
}

static void a_dearer_tier_is_sold_only_with_rates(void **state)
{
    const struct price_band bands[] = {band(USAGE_FLEX, 0, 1, 1),
                                       band(USAGE_PRIORITY, 0, 6, 30)};
    struct config_price p = price_of("1", "1");

    (void)state;
    p.bands = bands;
    p.band_count = 1;
    assert_true(price_sells(&p, SLICE_NONE));
    assert_true(price_sells(&p, SLICE("auto")));
    assert_true(price_sells(&p, SLICE("flex")));
    assert_false(price_sells(&p, SLICE("priority")));
    assert_false(price_sells(&p, SLICE("fast")));
    p.band_count = 2;
    assert_true(price_sells(&p, SLICE("priority")));
}

/* ---- What is not said ---- */

static void what_is_not_said_is_dearer_rather_than_free(void **state)
{
    struct config_price p = price_of("2", "8");

    (void)state;
    for (size_t i = 0; i < PRICE_RATE_COUNT; i++)
        is(p.base.of[i], i < PRICE_INPUT_COUNT ? 2000000000 : 8000000000);
    p.base.of[PRICE_CACHE_WRITE] = usd("2.5");
    price_fill(&p.base, GIVEN | 1u << PRICE_CACHE_WRITE);
    is(p.base.of[PRICE_CACHE_WRITE_1H], 2500000000);
}

static void a_band_grows_where_it_is_silent_and_never_shrinks(void **state)
{
    const unsigned base_given = GIVEN | 1u << PRICE_CACHED_INPUT |
                                1u << PRICE_CACHE_WRITE | 1u << PRICE_CACHE_WRITE_1H |
                                1u << PRICE_AUDIO_OUTPUT;
    struct config_price p = price_of("3", "15");
    struct price_rates r = {0};

    (void)state;
    p.base.of[PRICE_CACHED_INPUT] = usd("0.3");
    p.base.of[PRICE_CACHE_WRITE] = usd("3.75");
    p.base.of[PRICE_CACHE_WRITE_1H] = usd("6");
    p.base.of[PRICE_AUDIO_OUTPUT] = usd("60");
    price_fill(&p.base, base_given);
    r.of[PRICE_INPUT] = usd("6");
    r.of[PRICE_OUTPUT] = usd("22.5");
    price_fill_band(&r, GIVEN, &p.base, base_given);
    is(r.of[PRICE_CACHED_INPUT], 600000000);
    is(r.of[PRICE_CACHE_WRITE], 7500000000);
    is(r.of[PRICE_CACHE_WRITE_1H], 12000000000);
    is(r.of[PRICE_IMAGE_INPUT], 6000000000);
    is(r.of[PRICE_REASONING_OUTPUT], 22500000000);
    is(r.of[PRICE_AUDIO_OUTPUT], 90000000000);
    r.of[PRICE_INPUT] = usd("1.5");
    price_fill_band(&r, 1u << PRICE_INPUT, &p.base, base_given);
    is(r.of[PRICE_OUTPUT], 15000000000);
    is(r.of[PRICE_CACHED_INPUT], 300000000);
    is(r.of[PRICE_CACHE_WRITE], 3750000000);
    is(r.of[PRICE_AUDIO_INPUT], 1500000000);
}

static void a_rate_that_no_amount_holds_is_the_largest_amount(void **state)
{
    struct config_price p = price_of("0.000000001", "1");
    struct price_rates r = {0};

    (void)state;
    p.base.of[PRICE_CACHED_INPUT] = money_from_nano(UINT64_MAX / 2);
    r.of[PRICE_INPUT] = money_from_nano(3);
    price_fill_band(&r, 1u << PRICE_INPUT, &p.base, GIVEN | 1u << PRICE_CACHED_INPUT);
    is(r.of[PRICE_CACHED_INPUT], UINT64_MAX);
}

/* ---- Worst ---- */

static void the_worst_case_takes_the_dearest_input_price(void **state)
{
    struct config_model m = model();
    struct money c;

    (void)state;
    assert_int_equal(price_worst(&c, &m, 100, 2, 50), RC_OK);
    is(c, 156250 + 1000000);
    m.price.base.of[PRICE_AUDIO_INPUT] = usd("32");
    m.price.base.of[PRICE_AUDIO_OUTPUT] = usd("64");
    assert_int_equal(price_worst(&c, &m, 100, 2, 50), RC_OK);
    is(c, 3200000 + 6400000);
}

/* Half a nano-USD for one kind, a little less for another: two lines, both rounded up.
 */
static void the_worst_case_covers_the_rounding_of_each_line(void **state)
{
    struct config_price p = price_of("0.0005", "0");
    struct price_bounds b = {.prompt = 2};
    struct usage u = {.known = true, .in_uncached = 1, .in_cache_read = 1};
    struct money c;

    (void)state;
    assert_int_equal(price_exact(&c, &p, &u), RC_OK);
    is(c, 1);
    assert_int_equal(price_bound(&c, &p, &b), RC_OK);
    is(c, 1);
    p.base.of[PRICE_CACHED_INPUT] = usd("0.0004");
    assert_int_equal(price_exact(&c, &p, &u), RC_OK);
    is(c, 2);
    assert_int_equal(price_bound(&c, &p, &b), RC_OK);
    is(c, 2);
    b.prompt = 1;
    assert_int_equal(price_bound(&c, &p, &b), RC_OK);
    is(c, 1);
}

static void the_worst_case_takes_what_the_prompt_can_reach(void **state)
{
    const struct price_band bands[] = {band(USAGE_STANDARD, 200, 10, 45),
                                       band(USAGE_BATCH, 0, 1, 1),
                                       band(USAGE_PRIORITY, 0, 12, 30)};
    struct config_price p = price_of("0.005", "0.03");
    struct price_bounds b = {.prompt = 200, .choices = 1, .output = 1};
    struct money c;

    (void)state;
    p.bands = bands;
    p.band_count = 3;
    assert_int_equal(price_bound(&c, &p, &b), RC_OK);
    is(c, 200 * 12 + 30);
    b.prompt = 201;
    assert_int_equal(price_bound(&c, &p, &b), RC_OK);
    is(c, 201 * 12 + 45);
    b.tiers = price_tiers(SLICE("default"));
    assert_int_equal(price_bound(&c, &p, &b), RC_OK);
    is(c, 201 * 10 + 45);
    b.prompt = 200;
    assert_int_equal(price_bound(&c, &p, &b), RC_OK);
    is(c, 200 * 5 + 30);
    b.tiers = 1u << USAGE_BATCH;
    assert_int_equal(price_bound(&c, &p, &b), RC_OK);
    is(c, 200 * 1 + 1);
}

static void the_worst_case_has_all_fees(void **state)
{
    struct config_price p = price_of("1", "1");
    struct price_bounds b = {.prompt = 1, .choices = 1, .output = 1, .searches = 4};
    struct money c;

    (void)state;
    p.web_search = usd("0.01");
    p.request = usd("0.005");
    assert_int_equal(price_bound(&c, &p, &b), RC_OK);
    is(c, 1000 + 1000 + 40000000 + 5000000);
}

static void what_a_request_asks_for_bounds_the_tiers(void **state)
{
    const unsigned standard = 1u << USAGE_STANDARD;

    (void)state;
    assert_int_equal(price_tiers(SLICE_NONE), 0);
    assert_int_equal(price_tiers(SLICE("auto")), 0);
    assert_int_equal(price_tiers(SLICE("priority")), 0);
    assert_int_equal(price_tiers(SLICE("default")), standard);
    assert_int_equal(price_tiers(SLICE("standard_only")), standard);
    assert_int_equal(price_tiers(SLICE("flex")), standard | 1u << USAGE_FLEX);
    assert_int_equal(price_tier_asked(SLICE_NONE), USAGE_STANDARD);
    assert_int_equal(price_tier_asked(SLICE("auto")), USAGE_STANDARD);
    assert_int_equal(price_tier_asked(SLICE("flex")), USAGE_FLEX);
    assert_int_equal(price_tier_asked(SLICE("fast")), USAGE_PRIORITY);
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
    struct usage u = {.known = true, .web_searches = UINT64_MAX};
    struct price_bounds b = {.searches = UINT64_MAX};
    struct money c = usd("7");

    (void)state;
    assert_int_equal(price_worst(&c, &m, 0, UINT64_MAX, 2), RC_OVERFLOW);
    assert_int_equal(price_worst(&c, &m, 0, 1, UINT64_MAX), RC_OVERFLOW);
    assert_int_equal(price_worst(&c, &m, UINT64_MAX, 0, 0), RC_OVERFLOW);
    assert_int_equal(price_bound(&c, &m.price, &b), RC_OVERFLOW);
    assert_int_equal(price_exact(&c, &m.price, &u), RC_OVERFLOW);
    u = (struct usage){.known = true, .in_uncached = UINT64_MAX};
    assert_int_equal(price_exact(&c, &m.price, &u), RC_OVERFLOW);
    is(c, 7000000000u);
}

/* ---- Any price, any usage ---- */

enum {
    ROUNDS = 200000
};

static void random_rates(struct price_rates *r, struct prng *g)
{
    const uint64_t top = prng_any_size(g) >> 28;

    /* Often at or near the same rate, where rounding decides. */
    for (size_t i = 0; i < PRICE_RATE_COUNT; i++)
        r->of[i] = prng_below(g, 2) == 0 ? money_from_nano(prng_any_size(g) >> 28)
                                         : money_from_nano(top + prng_below(g, 3));
}

static void random_price(struct config_price *p, struct price_band *bands,
                         struct prng *g)
{
    *p = (struct config_price){.bands = bands};
    random_rates(&p->base, g);
    for (unsigned tier = 0; tier < PRICE_TIER_COUNT; tier++)
        for (uint64_t step = 0; step <= PRICE_STEPS_MAX; step++) {
            if ((tier == 0 && step == 0) || prng_below(g, 3) > 0)
                continue;
            bands[p->band_count] = (struct price_band){.tier = (enum usage_tier)tier,
                                                       .above_tokens = step * 20};
            random_rates(&bands[p->band_count++].rates, g);
        }
    p->web_search = money_from_nano(prng_any_size(g) >> 28);
    p->request = money_from_nano(prng_any_size(g) >> 28);
    p->markup_ppm = (uint32_t)prng_below(g, 3) * 123457;
}

static void random_usage(struct usage *u, struct prng *g)
{
    uint64_t *const counts[] = {
        &u->in_uncached, &u->in_cache_read, &u->in_cache_write, &u->in_cache_write_1h,
        &u->in_audio,    &u->in_image,      &u->out_text,       &u->out_reasoning,
        &u->out_audio,   &u->out_image};

    *u = (struct usage){.known = true, .tier = (enum usage_tier)prng_below(g, 4)};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        *counts[i] = prng_below(g, 2) == 0 ? 0 : prng_below(g, 40);
    u->web_searches = prng_below(g, 3);
}

static void no_usage_within_its_bounds_costs_more_than_the_worst_case(void **state)
{
    struct prng g = {4};
    uint64_t tight = 0;

    (void)state;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct price_band bands[PRICE_BANDS_MAX];
        struct money worst, exact;
        struct price_bounds b;
        struct config_price p;
        struct usage u;

        random_price(&p, bands, &g);
        random_usage(&u, &g);
        b = (struct price_bounds){.prompt = usage_prompt(&u) +
                                            prng_below(&g, 2) * prng_below(&g, 50),
                                  .choices = 1,
                                  .output = usage_completion(&u),
                                  .searches = u.web_searches,
                                  .tiers = prng_below(&g, 2) == 0 ? 0 : 1u << u.tier};
        assert_int_equal(price_bound(&worst, &p, &b), RC_OK);
        assert_int_equal(price_exact(&exact, &p, &u), RC_OK);
        assert_true(money_cmp(exact, worst) <= 0);
        tight += money_cmp(exact, worst) == 0 && !money_is_zero(exact);
    }
    assert_true(tight > 0); /* it is a bound that can be reached */
}

/* Lines one after the other in plain 64-bit numbers, which these are small enough for.
 */
static uint64_t plain_sum(const struct config_price *p, const struct price_rates *r,
                          const struct usage *u)
{
    const uint64_t counts[] = {
        u->in_uncached, u->in_cache_read, u->in_cache_write, u->in_cache_write_1h,
        u->in_audio,    u->in_image,      u->out_text,       u->out_reasoning,
        u->out_audio,   u->out_image};
    bool done[PRICE_RATE_COUNT] = {false};
    uint64_t sum = 0;

    for (size_t i = 0; i < PRICE_RATE_COUNT; i++) {
        const size_t end = i < PRICE_OUTPUT ? PRICE_OUTPUT : PRICE_RATE_COUNT;
        unsigned __int128 line;
        uint64_t count = 0;

        for (size_t k = i; k < end; k++)
            if (!done[k] && money_cmp(r->of[k], r->of[i]) == 0) {
                count += counts[k];
                done[k] = true;
            }
        line = (unsigned __int128)count * money_to_nano(r->of[i]) *
               (1000000 + p->markup_ppm);

        sum += (uint64_t)(line / 1000000000000) + (line % 1000000000000 != 0);
    }
    return sum;
}

static void the_exact_price_is_the_sum_of_its_lines(void **state)
{
    struct prng g = {5};

    (void)state;
    for (size_t i = 0; i < ROUNDS; i++) {
        struct price_band bands[PRICE_BANDS_MAX];
        struct config_price p;
        struct price_rates r;
        struct money exact;
        struct usage u;

        random_price(&p, bands, &g);
        random_usage(&u, &g);
        p.web_search = p.request = MONEY_ZERO;
        price_rates_at(&r, &p, u.tier, usage_prompt(&u));
        assert_int_equal(price_exact(&exact, &p, &u), RC_OK);
        assert_int_equal(money_to_nano(exact), plain_sum(&p, &r, &u));
    }
}

/* ---- Dates ---- */

static void the_price_in_force_is_the_last_that_has_begun(void **state)
{
    struct config_price second = {.from_us = 200},
                        first = {.from_us = 100, .next = &second};
    struct config_model m = {.priced = true, .price = {.next = &first}};

    (void)state;
    assert_ptr_equal(price_at(&m, 0), &m.price);
    assert_ptr_equal(price_at(&m, 99), &m.price);
    assert_ptr_equal(price_at(&m, 100), &first);
    assert_ptr_equal(price_at(&m, 199), &first);
    assert_ptr_equal(price_at(&m, 200), &second);
    assert_ptr_equal(price_at(&m, UINT64_MAX), &second);
    m.priced = false;
    assert_null(price_at(&m, 99));
    assert_ptr_equal(price_at(&m, 100), &first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_line_item_is_rounded_up_once),
        cmocka_unit_test(every_kind_of_token_has_its_own_rate),
        cmocka_unit_test(one_token_of_a_cheap_model_is_never_free),
        cmocka_unit_test(markup_is_inside_the_product),
        cmocka_unit_test(searches_and_calls_have_fees_with_markup),
        cmocka_unit_test(what_used_nothing_costs_nothing),
        cmocka_unit_test(a_threshold_counts_above_it_and_for_the_whole_call),
        cmocka_unit_test(the_tier_of_the_reply_picks_the_rates),
        cmocka_unit_test(a_tier_that_is_silent_on_long_prompts_has_the_dearer_rate),
        cmocka_unit_test(a_dearer_tier_is_sold_only_with_rates),
        cmocka_unit_test(what_is_not_said_is_dearer_rather_than_free),
        cmocka_unit_test(a_band_grows_where_it_is_silent_and_never_shrinks),
        cmocka_unit_test(a_rate_that_no_amount_holds_is_the_largest_amount),
        cmocka_unit_test(the_worst_case_takes_the_dearest_input_price),
        cmocka_unit_test(the_worst_case_covers_the_rounding_of_each_line),
        cmocka_unit_test(the_worst_case_takes_what_the_prompt_can_reach),
        cmocka_unit_test(the_worst_case_has_all_fees),
        cmocka_unit_test(what_a_request_asks_for_bounds_the_tiers),
        cmocka_unit_test(the_prompt_bound_is_half_the_bytes_but_never_over_the_context),
        cmocka_unit_test(amounts_that_do_not_fit_are_refused),
        cmocka_unit_test(no_usage_within_its_bounds_costs_more_than_the_worst_case),
        cmocka_unit_test(the_exact_price_is_the_sum_of_its_lines),
        cmocka_unit_test(the_price_in_force_is_the_last_that_has_begun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Endpoints of skills: whose they are, what they cost and when, who gets a part, and
 * what their hosts learn of a caller. */
#include "gateway/listings.h"

#include "tests/gateway_fixture.h"
#include "tests/skills_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define YAML                                                \
    "skills: {platform_share: \"20%\", review: findings}\n" \
    "limits: {requests_per_minute: 0, tokens_per_minute: 0, concurrent: 0}\n"

static const char json[] = "Content-Type: application/json\n";
static const char at_ten_cents[] =
    "base_url: https://skill.example/v1\n"
    "endpoints:\n"
    "  - {method: GET, path: /a, price: \"0.1\"}\n"
    "  - {method: POST, path: \"/b/{id}\"}\n"
    "  - {method: GET, path: /rows, price: \"0.1\", unit: {of: rows, price: \"0.01\", max: "
    "10}}\n";

static struct market market;

static void relist(void)
{
    assert_int_equal(listings_open(&gate.worker.listings, market.skills,
                                   gate.worker.book, gate.worker.config, NULL),
                     RC_OK);
}

static int open_market(void **state)
{
    if (gate_open(state) != 0)
        return -1;
    gate_config(YAML);
    market_open_on(&market, &gate.money);
    gate.worker.skills = market.skills;
    new_publisher(&market, "weather-lab");
    list_skill(&market, "weather-lab", "rain-maps", "1.0.0", "Rain.");
    relist();
    return 0;
}

static int close_market(void **state)
{
    assert_int_equal(gate.worker.live, 0);
    listings_close(gate.worker.listings);
    skills_close(market.skills);
    return gate_close(state);
}

static struct money amount(const char *text)
{
    struct money out;

    assert_int_equal(money_parse(&out, slice_str(text)), RC_OK);
    return out;
}

/* Sets the definition (NULL: none) beside these terms; listings are not told. */
static void set_terms(const char *slug, const char *definition,
                      struct skill_terms terms)
{
    static const char key[] = "base_url: ";
    struct skill_offer offer;
    struct slice url = SLICE_NONE;

    if (definition != NULL) {
        const struct slice text = slice_str(definition);

        assert_int_equal(blobs_put(terms.definition, skills_blobs(market.skills), text),
                         RC_OK);
        terms.has_definition = true;
        url = slice_sub(text, sizeof(key) - 1, text.len);
        url = slice_sub(url, 0, slice_find(url, '\n'));
    }
    assert_int_equal(skill_offer_set(&offer, market.skills, SLICE("weather-lab"),
                                     slice_str(slug), &terms, url, false),
                     RC_OK);
    assert_false(offer.pending);
}

static void sell(const char *definition, struct skill_terms terms)
{
    set_terms("rain-maps", definition, terms);
    assert_int_equal(listings_refresh(gate.worker.listings, SLICE("weather-lab"),
                                      SLICE("rain-maps")),
                     RC_OK);
}

static void expect_earned(const char *decimal)
{
    struct skill_publisher p;
    struct skill_earnings e;

    assert_int_equal(skill_publisher_get(&p, market.skills, SLICE("weather-lab")),
                     RC_OK);
    assert_int_equal(skill_earnings_read(&e, market.skills, &p, 0,
                                         ledger_now_us(gate.worker.ledger)),
                     RC_OK);
    assert_int_equal(money_cmp(e.earned, amount(decimal)), 0);
}

static const char rain[] = "/v1/skills/weather-lab/rain-maps/a";

static void call_costs(const char *spent_so_far)
{
    (void)get(rain);
    answers(upstream_last(), 200, json, "{}");
    expect_spent(spent_so_far);
}

/* ---- Money ---- */

struct seen {
    unsigned count;
    struct skill_usage last;
    char what[256];
};

static bool note(void *arg, const struct skill_usage *row)
{
    struct seen *seen = arg;

    seen->count++;
    seen->last = *row;
    (void)snprintf(seen->what, sizeof(seen->what), "%.*s", SLICE_FMT(row->what));
    return true;
}

static struct seen usage(void)
{
    struct skill_publisher p;
    struct seen seen = {.count = 0};

    assert_int_equal(skill_publisher_get(&p, market.skills, SLICE("weather-lab")),
                     RC_OK);
    assert_int_equal(skill_usage_list(market.skills, &p, 0, note, &seen), RC_OK);
    return seen;
}

static void a_call_is_shared_between_its_publisher_and_the_house(void **state)
{
    struct exchange *x;
    struct seen seen;

    (void)state;
    sell(at_ten_cents, (struct skill_terms){.has_per_call = false});
    x = get(rain);
    assert_string_equal(upstream_last()->url, "https://skill.example/v1/a");
    expect_held("0.1");
    answers(upstream_last(), 200, json, "{\"rain\":1}");
    expect_body(x, "{\"rain\":1}");
    expect_header(x, "x-octroi-cost", "0.100000000");
    expect_spent("0.1");
    expect_earned("0.08");
    seen = usage();
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.last.kind, "skill");
    assert_string_equal(seen.what, "weather-lab/rain-maps@1.0.0");
    assert_int_equal(money_cmp(seen.last.price, amount("0.1")), 0);
    assert_int_equal(money_cmp(seen.last.share, amount("0.08")), 0);
    assert_false(seen.last.self);
}

static void units_are_shared_as_well(void **state)
{
    (void)state;
    sell(at_ten_cents, (struct skill_terms){.has_per_call = false});
    (void)get("/v1/skills/weather-lab/rain-maps/rows");
    expect_held("0.2");
    answers(upstream_last(), 200, json, "[1,2,3]");
    expect_spent("0.13");
    expect_earned("0.104");
}

static void a_failure_costs_nothing_and_earns_nothing(void **state)
{
    (void)state;
    sell(at_ten_cents, (struct skill_terms){.has_per_call = false});
    (void)get(rain);
    answers(upstream_last(), 500, json, "{}");
    (void)get(rain);
    ends(upstream_last(), UPSTREAM_SLOW);
    expect_spent("0");
    expect_earned("0");
}

static void an_endpoint_without_a_price_has_that_of_the_offer(void **state)
{
    (void)state;
    sell(at_ten_cents, (struct skill_terms){.has_per_call = false});
    expect_error(post("/v1/skills/weather-lab/rain-maps/b/1", "{}"), 503,
                 "price_missing", NULL);
    sell(at_ten_cents,
         (struct skill_terms){.has_per_call = true, .per_call = amount("0.3")});
    (void)post("/v1/skills/weather-lab/rain-maps/b/1", "{}");
    assert_string_equal(upstream_last()->url, "https://skill.example/v1/b/1");
    answers(upstream_last(), 200, json, "{}");
    expect_spent("0.3");
    call_costs("0.4");
}

/* D26 */
static void d26_a_dearer_price_counts_when_no_quote_of_the_old_one_lives(void **state)
{
    static const char dearer[] =
        "base_url: https://skill.example/v1\n"
        "endpoints: [{method: GET, path: /a, price: \"0.5\"}]\n";
    static const char cheaper[] =
        "base_url: https://skill.example/v1\n"
        "endpoints: [{method: GET, path: /a, price: \"0.05\"}]\n";
    const struct skill_terms none = {.has_per_call = false};

    (void)state;
    sell(at_ten_cents, none);
    gate_advance(301000);
    sell(dearer, none);
    call_costs("0.1");
    gate_advance(299000);
    call_costs("0.2");
    gate_advance(2000);
    call_costs("0.7");
    sell(cheaper, none); /* at once */
    call_costs("0.75");
    sell(dearer, none); /* the lower of the two before it */
    call_costs("0.8");
}

/* D26: however often it changes within a quote's life. */
static void d26_what_was_told_first_binds_after_two_more_changes(void **state)
{
    static const char dearer[] =
        "base_url: https://skill.example/v1\n"
        "endpoints: [{method: GET, path: /a, price: \"0.5\"}]\n";
    static const char dearest[] =
        "base_url: https://skill.example/v1\n"
        "endpoints: [{method: GET, path: /a, price: \"2\"}]\n";
    const struct skill_terms none = {.has_per_call = false};

    (void)state;
    sell(at_ten_cents, none);
    gate_advance(301000);
    sell(dearer, none);
    gate_advance(100000);
    sell(dearest, none);
    call_costs("0.1");
    gate_advance(199000);
    sell(NULL, none);
    sell(dearest, none);
    call_costs("0.2");
    gate_advance(2000); /* now only what was told after the first change */
    call_costs("0.7");
    gate_advance(100000);
    call_costs("2.7");
}

/* D26: also where the endpoint was not there, or its units became dearer. */
static void d26_units_are_part_of_the_price_that_was_told(void **state)
{
    static const char dearer[] =
        "base_url: https://skill.example/v1\n"
        "endpoints: [{method: GET, path: /rows, price: \"0.01\", unit: {of: rows, price: "
        "\"0.5\", max: 10}}]\n";
    const struct skill_terms none = {.has_per_call = false};

    (void)state;
    sell(at_ten_cents, none);
    sell(dearer, none);
    (void)get("/v1/skills/weather-lab/rain-maps/rows");
    expect_held("0.2");
    answers(upstream_last(), 200, json, "[1,2]");
    expect_spent("0.12");
    gate_advance(301000);
    (void)get("/v1/skills/weather-lab/rain-maps/rows");
    answers(upstream_last(), 200, json, "[1,2]");
    expect_spent("1.13");
}

/* ---- Months ---- */

static void the_first_call_of_a_month_buys_it(void **state)
{
    struct seen seen;

    (void)state;
    sell(at_ten_cents, (struct skill_terms){.per_month = amount("2")});
    (void)get(rain);
    expect_held("2");
    answers(upstream_last(), 200, json, "{}");
    expect_spent("2");
    expect_earned("1.6");
    seen = usage();
    assert_string_equal(seen.last.kind, "month");
    (void)get(rain);
    expect_held("0");
    answers(upstream_last(), 200, json, "{}");
    (void)post("/v1/skills/weather-lab/rain-maps/b/1", "{}");
    answers(upstream_last(), 200, json, "{}");
    (void)get("/v1/skills/weather-lab/rain-maps/rows");
    answers(upstream_last(), 200, json, "[1,2,3]");
    expect_spent("2");
    expect_earned("1.6");
    gate_advance(UINT64_C(10) * 24 * 3600 * 1000); /* it was the 21st of November */
    call_costs("4");
}

static void a_call_that_fails_buys_no_month(void **state)
{
    (void)state;
    sell(at_ten_cents, (struct skill_terms){.per_month = amount("2")});
    (void)get(rain);
    answers(upstream_last(), 500, json, "{}");
    (void)get(rain);
    ends(upstream_last(), UPSTREAM_CUT); /* it may have done the work */
    expect_spent("0");
    call_costs("2");
    call_costs("2");
}

static void of_two_calls_at_once_one_buys_the_month(void **state)
{
    struct upstream_call *first;

    (void)state;
    sell(at_ten_cents, (struct skill_terms){.per_month = amount("2")});
    (void)get(rain);
    first = upstream_last();
    (void)get(rain); /* waits: nobody knows yet whether it will be covered */
    assert_int_equal(upstream_count(), 1);
    expect_held("2");
    answers(first, 200, json, "{}");
    gate_advance(250);
    assert_int_equal(upstream_count(), 2);
    expect_held("0");
    answers(upstream_last(), 200, json, "{}");
    expect_spent("2");
}

static void if_the_first_of_two_fails_the_second_buys_the_month(void **state)
{
    struct upstream_call *first;

    (void)state;
    sell(at_ten_cents, (struct skill_terms){.per_month = amount("2")});
    (void)get(rain);
    first = upstream_last();
    (void)get(rain);
    gate_advance(1000);
    assert_int_equal(upstream_count(), 1);
    answers(first, 500, json, "{}");
    gate_advance(250);
    expect_held("2");
    answers(upstream_last(), 200, json, "{}");
    expect_spent("2");
}

static void a_call_does_not_wait_for_ever_for_another(void **state)
{
    struct upstream_call *first;
    struct exchange *second;

    (void)state;
    sell(at_ten_cents, (struct skill_terms){.per_month = amount("2")});
    (void)get(rain);
    first = upstream_last();
    second = get(rain);
    for (int i = 0; i < 41; i++)
        gate_advance(250);
    expect_error(second, 503, "overloaded", NULL);
    answers(first, 200, json, "{}");
    expect_spent("2");
}

static void a_month_that_was_bought_outlives_its_offer(void **state)
{
    (void)state;
    sell(at_ten_cents, (struct skill_terms){.per_month = amount("2")});
    call_costs("2");
    sell(at_ten_cents, (struct skill_terms){.has_per_call = false});
    gate_advance(301000);
    call_costs("2");
}

/* ---- Whether ---- */

static void what_is_not_listed_is_not_called(void **state)
{
    static const char *const targets[] = {
        "/v1/skills/weather-lab/no-such/a", "/v1/skills/nobody/rain-maps/a",
        "/v1/skills/weather-lab/rain-maps/other", "/v1/skills/weather-lab/rain-maps/"};

    (void)state;
    expect_error(get(rain), 404, "not_found", NULL); /* no endpoints yet */
    sell(at_ten_cents, (struct skill_terms){.has_per_call = false});
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
        expect_error(get(targets[i]), 404, "not_found", NULL);
    expect_error(post(rain, "{}"), 405, "method_not_allowed", NULL);
    expect_error(get("/v1/skills/weather-lab/rain-maps/a%2fb"), 400, "invalid_request",
                 NULL);
    assert_int_equal(skill_state_set(market.skills, SLICE("weather-lab"),
                                     SLICE("rain-maps"), SLICE_NONE, SKILL_QUARANTINED),
                     RC_OK);
    expect_error(get(rain), 404, "not_found", NULL);
    assert_int_equal(skill_state_set(market.skills, SLICE("weather-lab"),
                                     SLICE("rain-maps"), SLICE_NONE, SKILL_LISTED),
                     RC_OK);
    call_costs("0.1");
}

static void a_suspended_publisher_sells_nothing(void **state)
{
    struct skill_publisher p;

    (void)state;
    sell(at_ten_cents, (struct skill_terms){.has_per_call = false});
    assert_int_equal(skill_publisher_get(&p, market.skills, SLICE("weather-lab")),
                     RC_OK);
    p.suspended = true;
    assert_int_equal(skill_publisher_change(&p, market.skills), RC_OK);
    expect_error(get(rain), 404, "not_found", NULL);
    assert_int_equal(upstream_count(), 0);
}

static void a_change_that_was_not_read_yet_is_not_guessed(void **state)
{
    (void)state;
    set_terms("rain-maps", at_ten_cents, (struct skill_terms){.has_per_call = false});
    expect_error(get(rain), 503, "overloaded", NULL);
    assert_int_equal(listings_refresh(gate.worker.listings, SLICE("weather-lab"),
                                      SLICE("rain-maps")),
                     RC_OK);
    call_costs("0.1");
    listings_close(gate.worker.listings); /* as after a restart */
    relist();
    call_costs("0.2");
}

static void a_host_that_is_no_longer_allowed_is_not_called(void **state)
{
    static const char near[] = "base_url: http://127.0.0.1:9\n"
                               "endpoints: [{method: GET, path: /a, price: \"0.1\"}]\n";

    (void)state;
    gate_config("skills: {allow_private: true}\n"
                "limits: {requests_per_minute: 0, tokens_per_minute: 0}\n");
    listings_close(gate.worker.listings);
    relist();
    sell(near, (struct skill_terms){.has_per_call = false});
    (void)get(rain);
    assert_true(upstream_last()->spec.allow_private);
    answers(upstream_last(), 200, json, "{}");
    gate_config(YAML);
    listings_close(gate.worker.listings);
    relist();
    expect_error(get(rain), 404, "not_found", NULL);
    assert_int_equal(upstream_count(), 1);
}

static void a_stranger_is_told_the_price_and_a_month_wants_a_key(void **state)
{
    struct exchange *x;

    (void)state;
    sell(at_ten_cents, (struct skill_terms){.has_per_call = false});
    x = ask("GET", rain, "", NULL);
    expect_error(x, 402, "payment_required", NULL);
    sell("base_url: https://skill.example/v1\nendpoints: [{method: GET, path: /a}]\n",
         (struct skill_terms){.per_month = amount("2")});
    gate_advance(301000);
    expect_error(ask("GET", rain, "", NULL), 401, "invalid_api_key", NULL);
}

/* ---- What its host is told ---- */

static void the_host_knows_us_and_not_the_caller(void **state)
{
    char token[LISTING_TOKEN_SIZE], bearer_of[96], first[64];
    const struct upstream_call *c;

    (void)state;
    sell(at_ten_cents, (struct skill_terms){.has_per_call = false});
    (void)ask("GET", rain,
              "x-api-key: other\nX-Octroi-Caller: forged\nCookie: a=b\nAccept: a/b\n",
              NULL);
    (void)get(rain);
    c = upstream_last();
    listing_token(token, gate.worker.book, SLICE("weather-lab"), SLICE("rain-maps"));
    assert_int_equal(strlen(token), strlen("oct-up-") + 43);
    (void)snprintf(bearer_of, sizeof(bearer_of), "Bearer %s", token);
    assert_string_equal(upstream_header(c, "authorization"), bearer_of);
    assert_false(c->spec.allow_private);
    (void)snprintf(first, sizeof(first), "%s", upstream_header(c, "x-octroi-caller"));
    assert_int_equal(strlen(first), 32);
    answers(upstream_last(), 200, json, "{}");
    (void)get(rain);
    assert_string_equal(upstream_header(upstream_last(), "x-octroi-caller"), first);
    answers(upstream_last(), 200, json, "{}");
    listing_token(bearer_of, gate.worker.book, SLICE("weather-lab"), SLICE("other"));
    assert_string_not_equal(bearer_of, token);
}

static void the_version_that_a_caller_has_is_the_one_in_the_books(void **state)
{
    (void)state;
    list_skill(&market, "weather-lab", "rain-maps", "1.1.0", "Rain.");
    sell(at_ten_cents, (struct skill_terms){.has_per_call = false});
    call_costs("0.1");
    assert_string_equal(usage().what, "weather-lab/rain-maps@1.1.0");
    {
        char headers[256];

        (void)snprintf(headers, sizeof(headers),
                       "%sX-Skill: weather-lab/rain-maps@1.0.0\n", bearer());
        (void)ask("GET", rain, headers, NULL);
        answers(upstream_last(), 200, json, "{}");
        assert_string_equal(usage().what, "weather-lab/rain-maps@1.0.0");
        (void)snprintf(headers, sizeof(headers),
                       "%sX-Skill: weather-lab/rain-maps@9.0.0\n", bearer());
        expect_error(ask("GET", rain, headers, NULL), 400, "invalid_request",
                     "X-Skill");
    }
}

/* D1, D3: the guard of every connect says so. */
static void d1_d3_a_blocked_address_is_told_and_costs_nothing(void **state)
{
    struct exchange *x;

    (void)state;
    sell(at_ten_cents, (struct skill_terms){.has_per_call = false});
    x = get(rain);
    ends(upstream_last(), UPSTREAM_BLOCKED);
    expect_error(x, 502, "upstream_blocked", NULL);
    expect_spent("0");
    expect_earned("0");
}

/* D4 */
static void d4_a_redirect_is_not_followed(void **state)
{
    struct exchange *x;

    (void)state;
    sell(at_ten_cents, (struct skill_terms){.has_per_call = false});
    x = get(rain);
    answers(upstream_last(), 302, "Location: http://169.254.169.254/\n", "");
    expect_error(x, 502, "upstream_error", NULL);
    expect_no_header(x, "Location");
    assert_int_equal(upstream_count(), 1);
    expect_spent("0");
}

/* D19, D20 */
static void d19_d20_an_answer_cannot_act_in_our_name(void **state)
{
    struct exchange *x;

    (void)state;
    sell(at_ten_cents, (struct skill_terms){.has_per_call = false});
    x = get(rain);
    answers(upstream_last(), 200,
            "Content-Type: text/html\nSet-Cookie: a=b\nLocation: /x\nX-Octroi-Cost: 0\n"
            "Connection: X-Mine\nX-Mine: 1\nPayment-Response: p\n",
            "<script>");
    expect_status(x, 200);
    expect_no_header(x, "Set-Cookie");
    expect_no_header(x, "Location");
    expect_no_header(x, "X-Mine");
    expect_no_header(x, "Payment-Response");
    expect_header(x, "x-octroi-cost", "0.100000000");
    expect_header(x, "X-Content-Type-Options", "nosniff");
    expect_header(x, "Content-Disposition", "attachment");
}

#define MARKET_TEST(test) \
    cmocka_unit_test_setup_teardown(test, open_market, close_market)

int main(void)
{
    const struct CMUnitTest tests[] = {
        MARKET_TEST(a_call_is_shared_between_its_publisher_and_the_house),
        MARKET_TEST(units_are_shared_as_well),
        MARKET_TEST(a_failure_costs_nothing_and_earns_nothing),
        MARKET_TEST(an_endpoint_without_a_price_has_that_of_the_offer),
        MARKET_TEST(d26_a_dearer_price_counts_when_no_quote_of_the_old_one_lives),
        MARKET_TEST(d26_what_was_told_first_binds_after_two_more_changes),
        MARKET_TEST(d26_units_are_part_of_the_price_that_was_told),
        MARKET_TEST(the_first_call_of_a_month_buys_it),
        MARKET_TEST(a_call_that_fails_buys_no_month),
        MARKET_TEST(of_two_calls_at_once_one_buys_the_month),
        MARKET_TEST(if_the_first_of_two_fails_the_second_buys_the_month),
        MARKET_TEST(a_call_does_not_wait_for_ever_for_another),
        MARKET_TEST(a_month_that_was_bought_outlives_its_offer),
        MARKET_TEST(what_is_not_listed_is_not_called),
        MARKET_TEST(a_suspended_publisher_sells_nothing),
        MARKET_TEST(a_change_that_was_not_read_yet_is_not_guessed),
        MARKET_TEST(a_host_that_is_no_longer_allowed_is_not_called),
        MARKET_TEST(a_stranger_is_told_the_price_and_a_month_wants_a_key),
        MARKET_TEST(the_host_knows_us_and_not_the_caller),
        MARKET_TEST(the_version_that_a_caller_has_is_the_one_in_the_books),
        MARKET_TEST(d1_d3_a_blocked_address_is_told_and_costs_nothing),
        MARKET_TEST(d4_a_redirect_is_not_followed),
        MARKET_TEST(d19_d20_an_answer_cannot_act_in_our_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

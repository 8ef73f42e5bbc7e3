/* SPDX-License-Identifier: Apache-2.0 */
/* What skills cost: at which moment which price binds, what waits for the operator, and
 * the keys of what was bought. */
#include "skills/skills.h"

#include "base/clock.h"
#include "tests/skills_fixture.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ACME    SLICE("acme")
#define WEATHER SLICE("weather")
#define MINUTE  (UINT64_C(60) * 1000000)

static struct market m;
static struct skill_offer offer;

static int set_up(void **state)
{
    (void)state;
    market_open(&m);
    new_publisher(&m, "acme");
    list_skill(&m, "acme", "weather", "1.0.0", NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    market_close(&m);
    return 0;
}

static enum rc set(const char *install, const char *base_url, bool review)
{
    const struct skill_terms terms = {.per_install = usd(install),
                                      .per_month = usd(install),
                                      .has_definition = base_url != NULL};

    return skill_offer_set(&offer, m.skills, ACME, WEATHER, &terms, slice_str(base_url),
                           review);
}

static void read_it(void)
{
    memset(&offer, 0, sizeof(offer));
    assert_int_equal(skill_offer_get(&offer, m.skills, ACME, WEATHER), RC_OK);
}

static void a_skill_without_an_offer_is_free(void **state)
{
    (void)state;
    read_it();
    assert_int_equal(offer.version, 0);
    assert_true(money_is_zero(skill_install_price(&offer, 0)));
    assert_int_equal(skill_offer_get(&offer, m.skills, ACME, SLICE("none")),
                     RC_NOT_FOUND);
    assert_int_equal(skill_offer_get(&offer, m.skills, SLICE("none"), WEATHER),
                     RC_NOT_FOUND);
}

static void a_first_price_is_in_force_at_once_and_after_a_restart(void **state)
{
    (void)state;
    assert_int_equal(set("0.25", NULL, true), RC_OK);
    for (int i = 0; i < 2; i++) {
        read_it();
        assert_int_equal(offer.number, 1);
        assert_int_equal(offer.version, 1);
        assert_usd(skill_install_price(&offer, offer.since_us), "0.25");
        market_restart(&m);
    }
}

static void a_price_that_was_told_binds_for_the_life_of_a_quote(void **state)
{
    (void)state;
    assert_int_equal(set("1", NULL, false), RC_OK);
    clock_at("2026-12-01T00:00:00Z");
    assert_int_equal(set("2", NULL, false), RC_OK);
    read_it();
    assert_int_equal(offer.number, 2);
    assert_usd(skill_install_price(&offer, offer.since_us), "1");
    assert_usd(skill_month_price(&offer, offer.since_us + 5 * MINUTE - 1), "1");
    assert_usd(skill_install_price(&offer, offer.since_us + 5 * MINUTE), "2");
    assert_usd(skill_month_price(&offer, offer.since_us + 5 * MINUTE), "2");
    clock_at("2026-12-02T00:00:00Z");
    assert_int_equal(set("0.5", NULL, false), RC_OK); /* what is lower holds at once */
    assert_usd(skill_install_price(&offer, offer.since_us), "0.5");
}

static void a_price_that_was_told_outlives_a_second_change(void **state)
{
    (void)state;
    assert_int_equal(set("1", NULL, false), RC_OK);
    clock_at("2026-12-01T00:00:00Z");
    assert_int_equal(set("2", NULL, false), RC_OK);
    clock_at("2026-12-01T00:04:00Z");
    assert_int_equal(set("3", NULL, false), RC_OK);
    assert_usd(skill_install_price(&offer, offer.since_us), "1");
    assert_usd(skill_month_price(&offer, offer.since_us), "1");
    assert_usd(skill_install_price(&offer, offer.since_us + 5 * MINUTE), "3");
    /* What nobody was told any more does not come back. */
    clock_at("2026-12-01T00:10:00Z");
    assert_int_equal(set("4", NULL, false), RC_OK);
    assert_usd(skill_install_price(&offer, offer.since_us), "3");
}

/* ---- D26, for calls: endpoints have prices of their own ---- */

/* Endpoints that are known by one letter, with a price by the call. */
static enum rc sell(char text, const char *per_call)
{
    const struct skill_terms terms = {.has_definition = text != 0,
                                      .definition = {(uint8_t)text},
                                      .has_per_call = per_call != NULL,
                                      .per_call =
                                          usd(per_call != NULL ? per_call : "0")};

    return skill_offer_set(&offer, m.skills, ACME, WEATHER, &terms,
                           text != 0 ? SLICE("https://a.example") : SLICE_NONE, false);
}

static void expect_told(unsigned at, char text, const char *per_call)
{
    read_it();
    assert_true(at < offer.told_count);
    assert_int_equal(offer.told[at].terms.definition[0], text);
    assert_usd(offer.told[at].terms.per_call, per_call);
}

static void d26_endpoints_that_were_told_bind_however_often_they_change(void **state)
{
    (void)state;
    assert_int_equal(sell('A', "0.1"), RC_OK);
    clock_at("2026-12-01T00:00:00Z");
    assert_int_equal(sell('B', "5"), RC_OK);
    clock_at("2026-12-01T00:04:00Z");
    assert_int_equal(sell(0, NULL), RC_OK);
    assert_int_equal(sell('C', "100"), RC_OK);
    market_restart(&m);
    expect_told(0, 'A', "0.1");
    expect_told(1, 'B', "5");
    assert_true(skill_told_binds(&offer.told[0], offer.since_us + MINUTE - 1));
    assert_false(skill_told_binds(&offer.told[0], offer.since_us + MINUTE));
    assert_true(skill_told_binds(&offer.told[1], offer.since_us + 5 * MINUTE - 1));
    assert_false(skill_told_binds(&offer.told[1], offer.since_us + 5 * MINUTE));
}

static void d26_of_one_text_the_lower_price_by_the_call_binds(void **state)
{
    (void)state;
    assert_int_equal(sell('A', "0.1"), RC_OK);
    clock_at("2026-12-01T00:00:00Z");
    for (unsigned i = 0; i < 3 * SKILL_TOLD_MAX; i++)
        assert_int_equal(sell('A', i % 2 == 0 ? "5" : "0.2"), RC_OK);
    assert_int_equal(sell('A', NULL), RC_OK);
    assert_int_equal(offer.told_count, 1);
    expect_told(0, 'A', "0.1");
}

static void d26_a_change_that_would_make_a_price_forgotten_waits(void **state)
{
    const struct skill_terms last = {.has_definition = true, .definition = {'Z'}};

    (void)state;
    assert_int_equal(sell('A', "0.1"), RC_OK);
    clock_at("2026-12-01T00:00:00Z");
    for (unsigned i = 1; i <= SKILL_TOLD_MAX; i++)
        assert_int_equal(sell((char)('A' + i), "5"), RC_OK);
    assert_int_equal(sell('Z', "100"), RC_BUSY);
    assert_int_equal(skill_offer_set(&offer, m.skills, ACME, WEATHER, &last,
                                     SLICE("https://z.example"), true),
                     RC_OK);
    assert_true(offer.pending);
    assert_int_equal(
        skill_offer_decide(&offer, m.skills, ACME, WEATHER, SLICE_NONE, true), RC_BUSY);
    read_it();
    assert_true(offer.pending); /* it still waits for the operator */
    assert_int_equal(offer.told_count, SKILL_TOLD_MAX);
    expect_told(0, 'A', "0.1");
    clock_at("2026-12-01T00:05:00Z");
    assert_int_equal(
        skill_offer_decide(&offer, m.skills, ACME, WEATHER, SLICE_NONE, true), RC_OK);
    assert_int_equal(offer.told_count, 1);
    expect_told(0, 'A' + SKILL_TOLD_MAX, "5");
}

static void the_operator_accepts_the_host_that_he_saw(void **state)
{
    (void)state;
    assert_int_equal(set("1", "https://good.example", true), RC_OK);
    assert_true(offer.pending);
    assert_int_equal(set("1", "https://evil.example", true), RC_OK);
    assert_int_equal(skill_offer_decide(&offer, m.skills, ACME, WEATHER,
                                        SLICE("https://good.example"), true),
                     RC_CONFLICT);
    read_it();
    assert_true(offer.pending);
    assert_string_equal(offer.base_url, "");
    assert_int_equal(skill_offer_decide(&offer, m.skills, ACME, WEATHER,
                                        SLICE("https://evil.example"), true),
                     RC_OK);
    assert_string_equal(offer.base_url, "https://evil.example");
}

static void another_host_waits_where_the_operator_looks(void **state)
{
    (void)state;
    assert_int_equal(set("1", "https://api.example.com/v1", true), RC_OK);
    assert_true(offer.pending); /* there was none */
    assert_string_equal(offer.base_url, "");
    assert_int_equal(
        skill_offer_decide(&offer, m.skills, ACME, WEATHER, SLICE_NONE, true), RC_OK);
    assert_false(offer.pending);
    assert_string_equal(offer.base_url, "https://api.example.com/v1");
    assert_int_equal(set("2", "https://API.example.com/v2", true), RC_OK);
    assert_false(offer.pending); /* the same host */
    assert_int_equal(set("3", "https://evil.example.com/v2", true), RC_OK);
    assert_true(offer.pending);
    market_restart(&m);
    read_it();
    assert_true(offer.pending);
    assert_usd(offer.now.per_install, "2");
    assert_usd(offer.next.per_install, "3");
    assert_string_equal(offer.base_url, "https://API.example.com/v2");
    assert_string_equal(offer.next_base_url, "https://evil.example.com/v2");
    assert_int_equal(
        skill_offer_decide(&offer, m.skills, ACME, WEATHER, SLICE_NONE, false), RC_OK);
    assert_false(offer.pending);
    assert_usd(offer.now.per_install, "2");
    assert_int_equal(
        skill_offer_decide(&offer, m.skills, ACME, WEATHER, SLICE_NONE, true),
        RC_CONFLICT);
    assert_int_equal(set("3", "https://evil.example.com/v2", false), RC_OK);
    assert_false(offer.pending); /* nobody looks */
}

static void another_port_or_scheme_is_another_host(void **state)
{
    static const char *const urls[] = {
        "https://api.example.com:8443/v1", "http://api.example.com/v1",
        "https://api.example.com@evil.example/v1", "https://api.example.com.evil/v1"};

    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        assert_int_equal(set("1", "https://api.example.com/v1", false), RC_OK);
        assert_int_equal(set("1", urls[i], true), RC_OK);
        assert_true(offer.pending);
    }
}

static void what_makes_no_offer_is_refused(void **state)
{
    struct skill_terms terms = {.has_definition = true};
    char url[300];

    (void)state;
    assert_int_equal(
        skill_offer_set(&offer, m.skills, ACME, WEATHER, &terms, SLICE_NONE, false),
        RC_BAD_INPUT);
    memset(url, 'x', sizeof(url) - 1);
    url[sizeof(url) - 1] = '\0';
    assert_int_equal(set("1", url, false), RC_BAD_INPUT);
    assert_int_equal(skill_offer_set(&offer, m.skills, ACME, SLICE("none"), &terms,
                                     SLICE("https://a.example"), false),
                     RC_NOT_FOUND);
    assert_int_equal(
        skill_state_set(m.skills, ACME, WEATHER, SLICE_NONE, SKILL_QUARANTINED), RC_OK);
    assert_int_equal(set("1", NULL, false), RC_FORBIDDEN);
}

static void what_is_not_used_is_not_kept(void **state)
{
    struct skill_terms terms = {.per_call = {1}, .definition = {1}};

    (void)state;
    assert_int_equal(
        skill_offer_set(&offer, m.skills, ACME, WEATHER, &terms, SLICE_NONE, false),
        RC_OK);
    assert_true(money_is_zero(offer.now.per_call));
    assert_int_equal(offer.now.definition[0], 0);
    market_restart(&m);
    read_it();
    assert_int_equal(offer.number, 1);
}

static void a_purchase_is_of_one_wallet_skill_and_major_version_or_month(void **state)
{
    const struct id alice = {{1}}, bob = {{2}};
    uint8_t keys[10][32];
    uint64_t ends[3], january, february;

    (void)state;
    assert_int_equal(clock_parse(&january, SLICE("2027-01-31T23:59:59Z")), RC_OK);
    february = january + 1000000;
    skill_install_key(keys[0], alice, ACME, WEATHER, 1);
    skill_install_key(keys[1], alice, ACME, WEATHER, 2);
    skill_install_key(keys[2], bob, ACME, WEATHER, 1);
    skill_install_key(keys[3], alice, SLICE("zenith"), WEATHER, 1);
    skill_install_key(keys[4], alice, ACME, SLICE("other"), 1);
    skill_month_key(keys[5], &ends[0], alice, ACME, WEATHER, january);
    skill_month_key(keys[6], &ends[1], alice, ACME, WEATHER, february);
    skill_month_key(keys[7], &ends[2], bob, ACME, WEATHER, january);
    for (unsigned i = 0; i < 8; i++)
        for (unsigned k = 0; k < i; k++)
            assert_memory_not_equal(keys[i], keys[k], 32);
    assert_int_equal(ends[0], february);
    assert_true(ends[1] > february);
    skill_month_key(keys[8], &ends[0], alice, ACME, WEATHER, january - MINUTE);
    assert_memory_equal(keys[8], keys[5], 32);
    skill_install_key(keys[9], alice, ACME, WEATHER, 1);
    assert_memory_equal(keys[9], keys[0], 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_skill_without_an_offer_is_free),
        TEST(a_first_price_is_in_force_at_once_and_after_a_restart),
        TEST(a_price_that_was_told_binds_for_the_life_of_a_quote),
        TEST(a_price_that_was_told_outlives_a_second_change),
        TEST(d26_endpoints_that_were_told_bind_however_often_they_change),
        TEST(d26_of_one_text_the_lower_price_by_the_call_binds),
        TEST(d26_a_change_that_would_make_a_price_forgotten_waits),
        TEST(the_operator_accepts_the_host_that_he_saw),
        TEST(another_host_waits_where_the_operator_looks),
        TEST(another_port_or_scheme_is_another_host),
        TEST(what_makes_no_offer_is_refused),
        TEST(what_is_not_used_is_not_kept),
        TEST(a_purchase_is_of_one_wallet_skill_and_major_version_or_month),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

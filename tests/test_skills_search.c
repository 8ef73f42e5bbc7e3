/* SPDX-License-Identifier: Apache-2.0 */
/* What a search shows and in which order; pages; and that it follows every change. How
 * words are scored is test_skills_index.c's. */
#include "skills/skills.h"

#include "tests/skills_fixture.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ACME SLICE("acme")

static struct market m;
static struct arena *a;
static struct skill_hits hits;

static int set_up(void **state)
{
    (void)state;
    market_open(&m);
    new_publisher(&m, "acme");
    new_publisher(&m, "zenith");
    return arena_open(&a, 8 << 20) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    arena_close(a);
    market_close(&m);
    return 0;
}

static void search(const struct skill_query *q)
{
    arena_reset(a);
    assert_int_equal(skill_search(&hits, a, m.skills, q), RC_OK);
}

/* The slugs of the hits, in their order. */
static void assert_hits(const struct skill_query *q, const char *expected)
{
    char text[1024] = "";

    search(q);
    for (size_t i = 0; i < hits.count; i++) {
        (void)strcat(text, hits.hits[i].skill.slug);
        (void)strcat(text, " ");
    }
    assert_string_equal(text, expected);
}

static void assert_found(const char *words, const char *expected)
{
    assert_hits(&(struct skill_query){.words = slice_str(words)}, expected);
}

static void a_name_counts_more_than_a_description(void **state)
{
    (void)state;
    list_skill(&m, "acme", "calendar", "1.0.0", "Looks at the weather of a date.");
    list_skill(&m, "acme", "weather-report", "1.0.0", "Says what comes.");
    list_skill(&m, "acme", "news", "1.0.0", "Says what was.");
    assert_found("weather", "weather-report calendar ");
    assert_int_equal(hits.hits[0].score_milli, 1000);
    assert_true(hits.hits[1].score_milli < 1000 && hits.hits[1].score_milli > 0);
    assert_int_equal(hits.total, 2);
    assert_found("WEATHER Report", "weather-report calendar ");
    assert_found("weath", "weather-report calendar ");
    assert_found("report", "weather-report ");
    assert_found("xyzzy", "");
    assert_int_equal(hits.total, 0);
}

static void tags_publishers_and_names_for_people_are_found(void **state)
{
    const struct goods g = {.publisher = "zenith",
                            .slug = "sky",
                            .version = "1.0.0",
                            .display = "Wolken & Regen",
                            .tags = "meteorology,météo"};
    struct skill_published out;

    (void)state;
    assert_int_equal(publish(&out, &m, &g, NULL), RC_OK);
    list_skill(&m, "acme", "ground", "1.0.0", "Earth.");
    assert_found("meteorology", "sky ");
    assert_found("météo", "sky ");
    assert_found("wolken", "sky ");
    assert_found("zenith", "sky ");
    assert_found("acme", "ground ");
}

static void of_equals_the_one_that_is_installed_more_comes_first(void **state)
{
    (void)state;
    list_skill(&m, "acme", "alpha-tool", "1.0.0", "Does it.");
    list_skill(&m, "acme", "bravo-tool", "1.0.0", "Does it.");
    list_skill(&m, "acme", "gamma-tool", "1.0.0", "Does it.");
    assert_found("tool", "alpha-tool bravo-tool gamma-tool ");
    skill_installed(m.skills, ACME, SLICE("gamma-tool"));
    skill_installed(m.skills, ACME, SLICE("gamma-tool"));
    skill_installed(m.skills, ACME, SLICE("bravo-tool"));
    skill_installed(m.skills, ACME, SLICE("none"));
    assert_found("tool", "gamma-tool bravo-tool alpha-tool ");
    assert_found("", "gamma-tool bravo-tool alpha-tool ");
    assert_int_equal(hits.hits[0].skill.installs, 2);
    assert_int_equal(hits.hits[0].score_milli, 1000);
}

static void without_words_all_are_shown_in_the_order_that_is_asked_for(void **state)
{
    (void)state;
    clock_at("2026-12-01T00:00:00Z");
    list_skill(&m, "acme", "bravo-tool", "1.0.0", NULL);
    clock_at("2026-12-02T00:00:00Z");
    list_skill(&m, "zenith", "alpha-tool", "1.0.0", NULL);
    clock_at("2026-12-03T00:00:00Z");
    list_skill(&m, "acme", "gamma-tool", "1.0.0", NULL);
    clock_at("2026-12-04T00:00:00Z");
    list_skill(&m, "acme", "bravo-tool", "1.0.1", NULL);
    assert_hits(&(struct skill_query){.sort = SKILL_BY_NAME},
                "alpha-tool bravo-tool gamma-tool ");
    assert_hits(&(struct skill_query){.sort = SKILL_BY_CREATED},
                "gamma-tool alpha-tool bravo-tool ");
    assert_hits(&(struct skill_query){.sort = SKILL_BY_UPDATED},
                "bravo-tool gamma-tool alpha-tool ");
    assert_hits(&(struct skill_query){.publisher = ACME, .sort = SKILL_BY_NAME},
                "bravo-tool gamma-tool ");
    assert_hits(
        &(struct skill_query){.publisher = SLICE("zenith"), .words = SLICE("tool")},
        "alpha-tool ");
}

static void an_exact_search_finds_a_slug_and_nothing_like_it(void **state)
{
    (void)state;
    list_skill(&m, "acme", "weather", "1.0.0", NULL);
    list_skill(&m, "acme", "weather-report", "1.0.0", NULL);
    assert_hits(&(struct skill_query){.words = SLICE("weather"), .exact = true},
                "weather ");
    assert_hits(&(struct skill_query){.words = SLICE("weath"), .exact = true}, "");
}

static void pages_fit_together_whatever_their_size(void **state)
{
    char all[32][32];
    size_t count = 0;

    (void)state;
    for (unsigned i = 0; i < 23; i++) {
        char slug[32];

        (void)snprintf(slug, sizeof(slug), "%c%c%c-tool", 'a' + (int)i % 5,
                       'k' + (int)i % 7, 'a' + (int)i);
        list_skill(&m, "acme", slug, "1.0.0", i % 2 == 0 ? "Tool." : "Other tool.");
    }
    search(&(struct skill_query){.words = SLICE("tool"), .limit = 100});
    assert_int_equal(hits.count, 23);
    for (; count < hits.count; count++)
        memcpy(all[count], hits.hits[count].skill.slug, sizeof(all[0]));
    for (size_t limit = 1; limit < 25; limit++)
        for (size_t offset = 0; offset < 30; offset += limit) {
            search(&(struct skill_query){
                .words = SLICE("tool"), .offset = offset, .limit = limit});
            assert_int_equal(hits.total, 23);
            for (size_t i = 0; i < hits.count; i++)
                assert_string_equal(hits.hits[i].skill.slug, all[offset + i]);
            assert_int_equal(hits.count, offset >= 23          ? 0
                                         : 23 - offset < limit ? 23 - offset
                                                               : limit);
        }
    search(&(struct skill_query){.limit = SIZE_MAX, .offset = SIZE_MAX});
    assert_int_equal(hits.count, 0);
    assert_int_equal(hits.total, 23);
}

static void a_search_follows_every_change(void **state)
{
    struct skill_publisher p;

    (void)state;
    list_skill(&m, "acme", "weather", "1.0.0", "Rain.");
    assert_found("rain", "weather ");
    list_skill(&m, "acme", "weather", "1.1.0", "Snow.");
    assert_found("rain", "");
    assert_found("snow", "weather ");
    assert_int_equal(
        skill_withdraw(m.skills, ACME, SLICE("weather"), SLICE("1.1.0"), false), RC_OK);
    assert_found("snow", "");
    assert_found("rain", "weather ");
    market_restart(&m);
    assert_found("snow", "");
    assert_found("rain", "weather ");
    assert_int_equal(skill_state_set(m.skills, ACME, SLICE("weather"), SLICE_NONE,
                                     SKILL_QUARANTINED),
                     RC_OK);
    assert_found("rain", "");
    assert_found("", "");
    assert_int_equal(
        skill_state_set(m.skills, ACME, SLICE("weather"), SLICE_NONE, SKILL_LISTED),
        RC_OK);
    assert_found("rain", "weather ");
    assert_int_equal(skill_publisher_get(&p, m.skills, ACME), RC_OK);
    p.suspended = true;
    assert_int_equal(skill_publisher_change(&p, m.skills), RC_OK);
    assert_found("rain", "");
    assert_found("", "");
    assert_int_equal(hits.total, 0);
    assert_hits(&(struct skill_query){.words = SLICE("weather"), .exact = true}, "");
}

static void a_small_arena_is_told_and_not_overrun(void **state)
{
    struct arena *small;

    (void)state;
    list_skill(&m, "acme", "weather", "1.0.0", NULL);
    assert_int_equal(arena_open(&small, 64), RC_OK);
    assert_int_equal(
        skill_search(&hits, small, m.skills, &(struct skill_query){.limit = 1}),
        RC_NOMEM);
    arena_close(small);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_name_counts_more_than_a_description),
        TEST(tags_publishers_and_names_for_people_are_found),
        TEST(of_equals_the_one_that_is_installed_more_comes_first),
        TEST(without_words_all_are_shown_in_the_order_that_is_asked_for),
        TEST(an_exact_search_finds_a_slug_and_nothing_like_it),
        TEST(pages_fit_together_whatever_their_size),
        TEST(a_search_follows_every_change),
        TEST(a_small_arena_is_told_and_not_overrun),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

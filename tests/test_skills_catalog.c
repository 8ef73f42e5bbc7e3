/* SPDX-License-Identifier: Apache-2.0 */
/* What is seen of skills and versions by whom, which state may follow which, and that
 * all of it is the same after a restart. */
#include "skills/skills.h"

#include "tests/prng.h"
#include "tests/skills_fixture.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ACME    SLICE("acme")
#define WEATHER SLICE("weather")

static struct market m;

static int set_up(void **state)
{
    (void)state;
    market_open(&m);
    new_publisher(&m, "acme");
    new_publisher(&m, "zenith");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    market_close(&m);
    return 0;
}

static enum rc get(struct skill *out, enum skill_viewer viewer)
{
    return skill_get(out, m.skills, ACME, WEATHER, viewer);
}

static enum rc get_version(const char *number, enum skill_viewer viewer)
{
    struct skill_version v;
    enum rc rc =
        skill_version_get(&v, m.skills, ACME, WEATHER, slice_str(number), viewer);

    if (rc == RC_OK && number != NULL && strcmp(number, "latest") != 0)
        assert_string_equal(v.version, number);
    return rc;
}

static enum rc set(const char *number, enum skill_state state)
{
    return skill_state_set(m.skills, ACME, WEATHER, slice_str(number), state);
}

static void must_set(const char *number, enum skill_state state)
{
    assert_int_equal(set(number, state), RC_OK);
}

static void assert_latest(const char *number)
{
    struct skill skill;

    assert_int_equal(get(&skill, SKILL_BY_OWNER), RC_OK);
    assert_string_equal(skill.latest, number);
}

static void assert_found(bool found)
{
    struct skill skill;

    assert_int_equal(get(&skill, SKILL_BY_ANYBODY), found ? RC_OK : RC_NOT_FOUND);
}

static enum skill_state state_of(const char *number)
{
    struct skill_version v;
    struct skill skill;

    if (number == NULL) {
        assert_int_equal(get(&skill, SKILL_BY_OWNER), RC_OK);
        return skill.state;
    }
    assert_int_equal(skill_version_get(&v, m.skills, ACME, WEATHER, slice_str(number),
                                       SKILL_BY_OWNER),
                     RC_OK);
    return v.state;
}

/* ---- Reading ---- */

static void what_was_listed_is_seen_by_everybody_also_after_a_restart(void **state)
{
    const struct goods g = {.publisher = "acme",
                            .slug = "weather",
                            .version = "1.2.3",
                            .description = "Tells the weather of tomorrow.",
                            .license = "MIT",
                            .tags = "rain,sun",
                            .display = "The Weather",
                            .changelog = "first\nof many"};
    struct skill_published out;
    struct skill_version v;
    struct skill skill;

    (void)state;
    assert_int_equal(publish(&out, &m, &g, NULL), RC_OK);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(get(&skill, SKILL_BY_ANYBODY), RC_OK);
        assert_string_equal(skill.publisher, "acme");
        assert_string_equal(skill.slug, "weather");
        assert_string_equal(skill.display, "The Weather");
        assert_string_equal(skill.summary, "Tells the weather of tomorrow.");
        assert_string_equal(skill.tags, "rain,sun");
        assert_string_equal(skill.license, "MIT");
        assert_string_equal(skill.latest, "1.2.3");
        assert_int_equal(skill.state, SKILL_LISTED);
        assert_int_equal(skill.version, 1);
        assert_int_equal(skill.created_us, out.skill.created_us);
        assert_int_equal(skill_version_get(&v, m.skills, ACME, WEATHER, SLICE_NONE,
                                           SKILL_BY_ANYBODY),
                         RC_OK);
        assert_string_equal(v.version, "1.2.3");
        assert_string_equal(v.changelog, "first\nof many");
        assert_string_equal(v.overview, out.version.overview);
        assert_memory_equal(v.package, out.version.package, 32);
        assert_memory_equal(v.manifest, out.version.manifest, 32);
        assert_memory_equal(v.fingerprint, out.version.fingerprint, 32);
        assert_int_equal(v.zip_bytes, out.version.zip_bytes);
        assert_int_equal(v.file_count, 1);
        assert_false(v.is_signed);
        market_restart(&m);
    }
}

static void the_latest_is_the_highest_release_and_not_the_last_that_came(void **state)
{
    (void)state;
    list_skill(&m, "acme", "weather", "1.0.0-rc.1", NULL);
    assert_latest("1.0.0-rc.1"); /* there is nothing else */
    list_skill(&m, "acme", "weather", "1.0.0", NULL);
    list_skill(&m, "acme", "weather", "1.9.0", NULL);
    list_skill(&m, "acme", "weather", "1.10.0", NULL);
    list_skill(&m, "acme", "weather", "2.0.0-alpha", NULL);
    assert_latest("1.10.0");
    market_restart(&m);
    assert_latest("1.10.0");
}

struct seen {
    char text[512];
};

static bool join_version(void *arg, const struct skill_version *v)
{
    struct seen *seen = arg;

    (void)strcat(seen->text, v->version);
    (void)strcat(seen->text, " ");
    return true;
}

static void assert_versions(enum skill_viewer viewer, const char *expected)
{
    struct seen seen = {""};

    assert_int_equal(
        skill_version_list(m.skills, ACME, WEATHER, viewer, join_version, &seen),
        RC_OK);
    assert_string_equal(seen.text, expected);
}

static void versions_are_listed_from_the_newest_on(void **state)
{
    (void)state;
    list_skill(&m, "acme", "weather", "0.9.0", NULL);
    list_skill(&m, "acme", "weather", "0.10.0", NULL);
    list_skill(&m, "acme", "weather", "1.0.0", NULL);
    must_set("0.10.0", SKILL_QUARANTINED);
    assert_versions(SKILL_BY_ANYBODY, "1.0.0 0.9.0 ");
    assert_versions(SKILL_BY_OWNER, "1.0.0 0.10.0 0.9.0 ");
    market_restart(&m);
    assert_versions(SKILL_BY_OWNER, "1.0.0 0.10.0 0.9.0 ");
}

static void a_version_is_known_by_its_files(void **state)
{
    struct skill_version v, found;
    uint8_t other[32] = {1};

    (void)state;
    list_skill(&m, "acme", "weather", "1.0.0", "One.");
    list_skill(&m, "acme", "weather", "1.1.0", "Two.");
    assert_int_equal(skill_version_get(&v, m.skills, ACME, WEATHER, SLICE("1.0.0"),
                                       SKILL_BY_ANYBODY),
                     RC_OK);
    assert_int_equal(
        skill_version_match(&found, m.skills, ACME, WEATHER, v.fingerprint), RC_OK);
    assert_string_equal(found.version, "1.0.0");
    assert_int_equal(skill_version_match(&found, m.skills, ACME, WEATHER, other),
                     RC_NOT_FOUND);
    must_set("1.0.0", SKILL_QUARANTINED);
    assert_int_equal(
        skill_version_match(&found, m.skills, ACME, WEATHER, v.fingerprint),
        RC_NOT_FOUND);
}

static void a_slug_alone_is_enough_while_one_has_it(void **state)
{
    struct skill_published out;
    struct skill skill;
    const struct goods second = {
        .publisher = "zenith", .slug = "weather", .version = "1.0.0"};

    (void)state;
    list_skill(&m, "acme", "weather", "1.0.0", NULL);
    assert_int_equal(publish(&out, &m, &second, NULL), RC_OK);
    assert_int_equal(out.version.state, SKILL_PENDING);
    assert_int_equal(skill_get(&skill, m.skills, SLICE_NONE, WEATHER, SKILL_BY_ANYBODY),
                     RC_OK);
    assert_string_equal(skill.publisher, "acme");
    assert_int_equal(
        skill_state_set(m.skills, SLICE("zenith"), WEATHER, SLICE_NONE, SKILL_LISTED),
        RC_OK);
    assert_int_equal(skill_get(&skill, m.skills, SLICE_NONE, WEATHER, SKILL_BY_ANYBODY),
                     RC_CONFLICT);
    assert_int_equal(
        skill_get(&skill, m.skills, SLICE("zenith"), WEATHER, SKILL_BY_ANYBODY), RC_OK);
    assert_int_equal(
        skill_get(&skill, m.skills, SLICE_NONE, SLICE("weathe"), SKILL_BY_ANYBODY),
        RC_NOT_FOUND);
}

static bool join_skill(void *arg, const struct skill *skill)
{
    struct seen *seen = arg;

    (void)strcat(seen->text, skill->publisher);
    (void)strcat(seen->text, "/");
    (void)strcat(seen->text, skill->slug);
    (void)strcat(seen->text, " ");
    return true;
}

static void assert_list(const char *publisher, const char *after,
                        enum skill_viewer viewer, const char *expected)
{
    struct seen seen = {""};

    assert_int_equal(skill_list(m.skills, slice_str(publisher), slice_str(after),
                                viewer, join_skill, &seen),
                     RC_OK);
    assert_string_equal(seen.text, expected);
}

static void skills_are_listed_in_order_from_behind_a_name(void **state)
{
    (void)state;
    list_skill(&m, "zenith", "alpha", "1.0.0", NULL);
    list_skill(&m, "acme", "weather", "1.0.0", NULL);
    list_skill(&m, "acme", "bread", "1.0.0", NULL);
    must_set(NULL, SKILL_WITHDRAWN);
    for (int i = 0; i < 2; i++) {
        assert_list(NULL, NULL, SKILL_BY_OWNER,
                    "acme/bread acme/weather zenith/alpha ");
        assert_list(NULL, NULL, SKILL_BY_ANYBODY, "acme/bread zenith/alpha ");
        assert_list("acme", NULL, SKILL_BY_OWNER, "acme/bread acme/weather ");
        assert_list("zenith", "acme/bread", SKILL_BY_OWNER, "zenith/alpha ");
        assert_list(NULL, "acme/bread", SKILL_BY_OWNER, "acme/weather zenith/alpha ");
        assert_list(NULL, "acme/breae", SKILL_BY_OWNER, "acme/weather zenith/alpha ");
        assert_list("acme", "acme/weather", SKILL_BY_OWNER, "");
        assert_list("nobody", NULL, SKILL_BY_OWNER, "");
        market_restart(&m);
    }
}

/* ---- States ---- */

/* Brings the only version, and with it the skill, or (whole) the skill alone to a
 * state, by legal moves. */
static void bring_to(bool whole, enum skill_state state)
{
    const struct goods g = {.publisher = "acme",
                            .slug = "weather",
                            .version = "1.0.0",
                            .review = SKILL_REVIEW_ALL};
    const char *number = whole ? NULL : "1.0.0";
    struct skill_published out;

    assert_int_equal(publish(&out, &m, &g, NULL), RC_OK);
    assert_int_equal(out.skill.state, SKILL_PENDING);
    assert_int_equal(out.version.state, SKILL_PENDING);
    if (state == SKILL_PENDING)
        return;
    must_set(number, SKILL_LISTED);
    if (state != SKILL_LISTED)
        must_set(number, state);
}

static bool is_legal(enum skill_state from, enum skill_state to)
{
    static const bool legal[4][4] = {
        [SKILL_PENDING] = {[SKILL_LISTED] = true, [SKILL_QUARANTINED] = true},
        [SKILL_LISTED] = {[SKILL_WITHDRAWN] = true, [SKILL_QUARANTINED] = true},
        [SKILL_WITHDRAWN] = {[SKILL_LISTED] = true, [SKILL_QUARANTINED] = true},
        [SKILL_QUARANTINED] = {[SKILL_LISTED] = true}};

    return legal[from][to];
}

static bool is_legal_by_owner(enum skill_state from, enum skill_state to)
{
    return (from == SKILL_LISTED && to == SKILL_WITHDRAWN) ||
           (from == SKILL_WITHDRAWN && to == SKILL_LISTED);
}

static void try_move(bool whole, bool owner, unsigned from, unsigned to)
{
    const char *number = whole ? NULL : "1.0.0";
    const bool legal = owner ? is_legal_by_owner(from, to) : is_legal(from, to);
    enum rc rc;

    market_open(&m);
    new_publisher(&m, "acme");
    bring_to(whole, (enum skill_state)from);
    if (owner)
        rc = skill_withdraw(m.skills, ACME, WEATHER, slice_str(number),
                            to == SKILL_LISTED);
    else
        rc = set(number, (enum skill_state)to);
    assert_int_equal(rc, legal ? RC_OK : RC_CONFLICT);
    assert_int_equal(state_of(number), legal ? to : from);
    market_restart(&m);
    assert_int_equal(state_of(number), legal ? to : from);
    market_close(&m);
}

static void every_move_is_as_the_table_says(void **state)
{
    (void)state;
    market_close(&m);
    for (unsigned from = SKILL_PENDING; from <= SKILL_QUARANTINED; from++)
        for (unsigned to = SKILL_PENDING; to <= SKILL_QUARANTINED; to++)
            for (unsigned whole = 0; whole < 2; whole++) {
                try_move(whole != 0, false, from, to);
                if (to == SKILL_LISTED || to == SKILL_WITHDRAWN)
                    try_move(whole != 0, true, from, to);
            }
    market_open(&m);
}

/* ---- A model of them ---- */

enum {
    VERSIONS = 4,
    STEPS = 150
};

struct model {
    unsigned count; /* of versions, 1.0.0 and on */
    enum skill_state skill;
    enum skill_state versions[VERSIONS];
};

static int latest_in(const struct model *w)
{
    for (int i = (int)w->count - 1; i >= 0; i--)
        if (w->versions[i] == SKILL_LISTED)
            return i;
    return -1;
}

static int waiting_in(const struct model *w)
{
    if (latest_in(w) >= 0)
        return -1;
    for (int i = (int)w->count - 1; i >= 0; i--)
        if (w->versions[i] == SKILL_PENDING)
            return i;
    return -1;
}

static void number_of(char out[16], int i)
{
    (void)snprintf(out, 16, "1.%d.0", i);
}

static void model_publish(struct model *w, struct prng *p)
{
    const bool all = prng_below(p, 3) == 0;
    const bool waits = all || (w->count > 0 && w->skill != SKILL_LISTED &&
                               w->skill != SKILL_WITHDRAWN);
    char number[16];
    const struct goods g = {.publisher = "acme",
                            .slug = "weather",
                            .version = number,
                            .review = all ? SKILL_REVIEW_ALL : SKILL_REVIEW_FINDINGS};
    struct skill_published out;

    number_of(number, (int)w->count);
    assert_int_equal(publish(&out, &m, &g, NULL), RC_OK);
    w->versions[w->count] = waits ? SKILL_PENDING : SKILL_LISTED;
    if (w->count++ == 0)
        w->skill = waits ? SKILL_PENDING : SKILL_LISTED;
}

/* What else a word of the operator lets in. */
static void model_let_in(struct model *w, bool whole)
{
    if (whole && waiting_in(w) >= 0)
        w->versions[waiting_in(w)] = SKILL_LISTED;
    if (!whole && w->skill == SKILL_PENDING)
        w->skill = SKILL_LISTED;
}

static enum rc say(const char *number, enum skill_state to, bool owner)
{
    return owner ? skill_withdraw(m.skills, ACME, WEATHER, slice_str(number),
                                  to == SKILL_LISTED)
                 : set(number, to);
}

static void model_move(struct model *w, struct prng *p)
{
    const int i = (int)prng_below(p, w->count + 1) - 1; /* -1: the skill */
    const bool owner = prng_below(p, 3) == 0;
    const enum skill_state to =
        (enum skill_state)(owner ? SKILL_LISTED + prng_below(p, 2) : prng_below(p, 4));
    enum skill_state *at = i < 0 ? &w->skill : &w->versions[i];
    const bool legal = owner ? is_legal_by_owner(*at, to) : is_legal(*at, to);
    char number[16] = "";

    if (i >= 0)
        number_of(number, i);
    assert_int_equal(say(number, to, owner), legal ? RC_OK : RC_CONFLICT);
    if (!legal)
        return;
    if (to == SKILL_LISTED && !owner)
        model_let_in(w, i < 0);
    *at = to;
}

static void model_compare(const struct model *w)
{
    const bool open = w->skill == SKILL_LISTED && latest_in(w) >= 0;
    const bool had = w->skill == SKILL_LISTED || w->skill == SKILL_WITHDRAWN;
    char number[16] = "";

    if (latest_in(w) >= 0)
        number_of(number, latest_in(w));
    assert_latest(number);
    assert_found(open);
    assert_int_equal(state_of(NULL), w->skill);
    for (int i = 0; i < (int)w->count; i++) {
        const bool given = had && (w->versions[i] == SKILL_LISTED ||
                                   w->versions[i] == SKILL_WITHDRAWN);

        number_of(number, i);
        assert_int_equal(state_of(number), w->versions[i]);
        assert_int_equal(get_version(number, SKILL_BY_ANYBODY),
                         given ? RC_OK : RC_NOT_FOUND);
    }
}

static void whatever_is_said_in_whichever_order_states_are_those_of_the_model(
    void **state)
{
    for (uint64_t seed = 0; seed < 4; seed++) {
        struct prng p = {seed};
        struct model w = {0};

        for (unsigned i = 0; i < STEPS; i++) {
            if (w.count == 0 || (w.count < VERSIONS && prng_below(&p, 12) == 0))
                model_publish(&w, &p);
            else
                model_move(&w, &p);
            if (prng_below(&p, 20) == 0)
                market_restart(&m);
            model_compare(&w);
        }
        tear_down(state);
        set_up(state);
    }
}

static void what_is_not_there_has_no_state(void **state)
{
    (void)state;
    assert_int_equal(set(NULL, SKILL_LISTED), RC_NOT_FOUND);
    list_skill(&m, "acme", "weather", "1.0.0", NULL);
    assert_int_equal(set("1.0.1", SKILL_WITHDRAWN), RC_NOT_FOUND);
    assert_int_equal(
        skill_withdraw(m.skills, SLICE("zenith"), WEATHER, SLICE_NONE, false),
        RC_NOT_FOUND);
}

static void what_waits_is_seen_by_its_owner_only(void **state)
{
    struct skill skill;

    (void)state;
    bring_to(false, SKILL_PENDING);
    assert_found(false);
    assert_int_equal(get(&skill, SKILL_BY_OWNER), RC_OK);
    assert_string_equal(skill.latest, "");
    assert_string_equal(skill.summary, "A skill.");
    assert_int_equal(get_version("1.0.0", SKILL_BY_ANYBODY), RC_NOT_FOUND);
    assert_int_equal(get_version("1.0.0", SKILL_BY_OWNER), RC_OK);
    assert_int_equal(get_version(NULL, SKILL_BY_OWNER), RC_NOT_FOUND);
}

static void a_skill_that_is_let_in_brings_its_version_and_the_other_way_round(
    void **state)
{
    (void)state;
    bring_to(true, SKILL_PENDING);
    must_set(NULL, SKILL_LISTED);
    assert_int_equal(state_of("1.0.0"), SKILL_LISTED);
    assert_found(true);
    tear_down(state);
    set_up(state);
    bring_to(false, SKILL_PENDING);
    must_set("1.0.0", SKILL_LISTED);
    assert_int_equal(state_of(NULL), SKILL_LISTED);
    assert_found(true);
}

static void the_latest_follows_the_states(void **state)
{
    struct skill skill;

    (void)state;
    list_skill(&m, "acme", "weather", "1.0.0", "Old words.");
    list_skill(&m, "acme", "weather", "2.0.0", "New words.");
    must_set("2.0.0", SKILL_WITHDRAWN);
    assert_int_equal(get(&skill, SKILL_BY_ANYBODY), RC_OK);
    assert_string_equal(skill.latest, "1.0.0");
    assert_string_equal(skill.summary, "Old words.");
    must_set("1.0.0", SKILL_WITHDRAWN);
    assert_found(false);
    assert_latest("");
    must_set("2.0.0", SKILL_LISTED);
    assert_latest("2.0.0");
    assert_found(true);
    market_restart(&m);
    assert_latest("2.0.0");
}

static void who_bought_what_was_withdrawn_still_gets_it(void **state)
{
    (void)state;
    list_skill(&m, "acme", "weather", "1.0.0", NULL);
    list_skill(&m, "acme", "weather", "1.1.0", NULL);
    must_set("1.0.0", SKILL_WITHDRAWN);
    assert_int_equal(get_version("1.0.0", SKILL_BY_ANYBODY), RC_OK);
    must_set(NULL, SKILL_WITHDRAWN);
    assert_found(false);
    assert_int_equal(get_version("1.0.0", SKILL_BY_ANYBODY), RC_OK);
    assert_int_equal(get_version("1.1.0", SKILL_BY_ANYBODY), RC_OK);
    assert_int_equal(get_version(NULL, SKILL_BY_ANYBODY), RC_NOT_FOUND);
}

static void nobody_gets_what_is_quarantined(void **state)
{
    (void)state;
    list_skill(&m, "acme", "weather", "1.0.0", NULL);
    list_skill(&m, "acme", "weather", "1.1.0", NULL);
    must_set("1.1.0", SKILL_QUARANTINED);
    assert_int_equal(get_version("1.1.0", SKILL_BY_ANYBODY), RC_NOT_FOUND);
    assert_int_equal(get_version("latest", SKILL_BY_ANYBODY), RC_OK);
    must_set(NULL, SKILL_QUARANTINED);
    assert_found(false);
    assert_int_equal(get_version("1.0.0", SKILL_BY_ANYBODY), RC_NOT_FOUND);
}

static void nothing_of_a_suspended_publisher_is_seen(void **state)
{
    struct skill_publisher p;

    (void)state;
    list_skill(&m, "acme", "weather", "1.0.0", NULL);
    assert_int_equal(skill_publisher_get(&p, m.skills, ACME), RC_OK);
    p.suspended = true;
    assert_int_equal(skill_publisher_change(&p, m.skills), RC_OK);
    assert_found(false);
    assert_int_equal(get_version("1.0.0", SKILL_BY_ANYBODY), RC_NOT_FOUND);
    p.suspended = false;
    assert_int_equal(skill_publisher_change(&p, m.skills), RC_OK);
    assert_found(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(what_was_listed_is_seen_by_everybody_also_after_a_restart),
        TEST(the_latest_is_the_highest_release_and_not_the_last_that_came),
        TEST(versions_are_listed_from_the_newest_on),
        TEST(a_version_is_known_by_its_files),
        TEST(a_slug_alone_is_enough_while_one_has_it),
        TEST(skills_are_listed_in_order_from_behind_a_name),
        TEST(every_move_is_as_the_table_says),
        TEST(whatever_is_said_in_whichever_order_states_are_those_of_the_model),
        TEST(what_is_not_there_has_no_state),
        TEST(what_waits_is_seen_by_its_owner_only),
        TEST(a_skill_that_is_let_in_brings_its_version_and_the_other_way_round),
        TEST(the_latest_follows_the_states),
        TEST(who_bought_what_was_withdrawn_still_gets_it),
        TEST(nobody_gets_what_is_quarantined),
        TEST(nothing_of_a_suspended_publisher_is_seen),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

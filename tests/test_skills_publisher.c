/* SPDX-License-Identifier: Apache-2.0 */
/* Publishers: who may be one under which name, what a change must know, and that all of
 * it is there after a restart. */
#include "skills/skills.h"

#include "tests/skills_fixture.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct market m;

static int set_up(void **state)
{
    (void)state;
    market_open(&m);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    market_close(&m);
    return 0;
}

static struct skill_publisher named(const char *handle)
{
    struct skill_publisher p = {.house_ppm = SKILL_SHARE_NONE};

    assert_int_equal(slice_to_cstr(p.handle, sizeof(p.handle), slice_str(handle)),
                     RC_OK);
    return p;
}

static enum rc create(const char *handle)
{
    struct skill_publisher p = named(handle);

    return skill_publisher_create(&p, m.skills);
}

static struct skill_publisher read_back(const char *handle)
{
    struct skill_publisher p;

    assert_int_equal(skill_publisher_get(&p, m.skills, slice_str(handle)), RC_OK);
    return p;
}

static void a_publisher_is_read_as_it_was_made_also_after_a_restart(void **state)
{
    struct skill_publisher p = named("acme");
    struct skill_publisher again;

    (void)state;
    p.wallet = new_wallet(&m.f, "shop");
    p.has_key = p.signature_required = true;
    memset(p.key, 7, sizeof(p.key));
    p.house_ppm = 50000;
    (void)strcat(p.network, "eip155:84532");
    (void)strcat(p.address, "0x00112233445566778899aabbccddeeff00112233");
    assert_int_equal(skill_publisher_create(&p, m.skills), RC_OK);
    assert_string_equal(p.display, "acme");
    assert_int_equal(p.version, 1);
    assert_true(p.created_us > 0 && p.changed_us == p.created_us);
    market_restart(&m);
    again = read_back("acme");
    assert_string_equal(again.handle, "acme");
    assert_string_equal(again.display, "acme");
    assert_int_equal(id_cmp(again.id, p.id), 0);
    assert_int_equal(id_cmp(again.wallet, p.wallet), 0);
    assert_true(again.has_key && again.signature_required && !again.suspended);
    assert_memory_equal(again.key, p.key, sizeof(p.key));
    assert_string_equal(again.network, p.network);
    assert_string_equal(again.address, p.address);
    assert_int_equal(again.house_ppm, 50000);
    assert_int_equal(again.created_us, p.created_us);
    assert_int_equal(again.changed_us, p.changed_us);
    assert_int_equal(again.version, 1);
}

static void a_name_is_had_once(void **state)
{
    (void)state;
    assert_int_equal(create("weather"), RC_OK);
    assert_int_equal(create("weather"), RC_EXISTS);
    market_restart(&m);
    assert_int_equal(create("weather"), RC_EXISTS);
}

static void a_name_that_looks_like_anothers_is_refused(void **state)
{
    (void)state;
    assert_int_equal(create("weather"), RC_OK);
    assert_int_equal(create("weathr"), RC_CONFLICT);
    assert_int_equal(create("wea-ther"), RC_CONFLICT);
    assert_int_equal(create("vveather"), RC_CONFLICT);
    assert_int_equal(create("forecasts"), RC_OK);
}

static void nobody_gets_a_name_of_the_house(void **state)
{
    static const char *const names[] = {"octroi", "0ctroi",   "admin",   "api",
                                        "www",    "google",   "g00gle",  "clawhub",
                                        "openai", "claw-hub", "official"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_int_equal(create(names[i]), RC_FORBIDDEN);
    assert_int_equal(create("noodle"), RC_OK);
}

static void what_cannot_be_kept_is_refused(void **state)
{
    struct skill_publisher p;

    (void)state;
    assert_int_equal(create("Acme"), RC_BAD_INPUT);
    assert_int_equal(create("a"), RC_BAD_INPUT);
    assert_int_equal(create("-acme"), RC_BAD_INPUT);
    p = named("acme");
    (void)strcat(p.display, "a\nb");
    assert_int_equal(skill_publisher_create(&p, m.skills), RC_BAD_INPUT);
    p = named("acme");
    p.house_ppm = 1000001;
    assert_int_equal(skill_publisher_create(&p, m.skills), RC_BAD_INPUT);
    p = named("acme");
    (void)strcat(p.network, "eip155:84532");
    assert_int_equal(skill_publisher_create(&p, m.skills), RC_BAD_INPUT);
    p = named("acme");
    p.signature_required = true;
    assert_int_equal(skill_publisher_create(&p, m.skills), RC_BAD_INPUT);
    p = named("acme");
    p.wallet = (struct id){{1}};
    assert_int_equal(skill_publisher_create(&p, m.skills), RC_BAD_INPUT);
    assert_int_equal(create("acme"), RC_OK);
}

static void a_change_of_what_is_not_as_it_was_is_refused(void **state)
{
    struct skill_publisher p, old;

    (void)state;
    assert_int_equal(create("acme"), RC_OK);
    p = old = read_back("acme");
    p.suspended = true;
    assert_int_equal(skill_publisher_change(&p, m.skills), RC_OK);
    assert_int_equal(p.version, 2);
    assert_int_equal(skill_publisher_change(&old, m.skills), RC_STALE);
    market_restart(&m);
    p = read_back("acme");
    assert_true(p.suspended);
    assert_int_equal(p.version, 2);
}

static void payouts_wait_anew_when_address_or_key_change_and_only_then(void **state)
{
    struct skill_publisher p;
    uint64_t then_us;

    (void)state;
    assert_int_equal(create("acme"), RC_OK);
    p = read_back("acme");
    then_us = p.changed_us;
    clock_at("2026-12-01T00:00:00Z");
    (void)strcpy(p.display, "Acme & Sons"); /* allow: a text of ours */
    assert_int_equal(skill_publisher_change(&p, m.skills), RC_OK);
    assert_int_equal(p.changed_us, then_us);
    (void)strcat(p.address, "an account at a bank");
    assert_int_equal(skill_publisher_change(&p, m.skills), RC_OK);
    assert_true(p.changed_us > then_us);
    then_us = p.changed_us;
    clock_at("2026-12-02T00:00:00Z");
    p.has_key = true;
    assert_int_equal(skill_publisher_change(&p, m.skills), RC_OK);
    assert_true(p.changed_us > then_us);
}

static bool join_handle(void *arg, const struct skill_publisher *p)
{
    char *text = arg;

    (void)strcat(text, p->handle);
    (void)strcat(text, " ");
    return strcmp(p->handle, "delta-ltd") != 0;
}

static void publishers_are_listed_in_order_from_behind_a_name(void **state)
{
    char text[256] = "";

    (void)state;
    assert_int_equal(create("delta-ltd"), RC_OK);
    assert_int_equal(create("alpha-inc"), RC_OK);
    assert_int_equal(create("zulu-corp"), RC_OK);
    assert_int_equal(create("bravo-gmbh"), RC_OK);
    skill_publisher_list(m.skills, SLICE("alpha-inc"), join_handle, text);
    assert_string_equal(text, "bravo-gmbh delta-ltd ");
    text[0] = '\0';
    skill_publisher_list(m.skills, SLICE_NONE, join_handle, text);
    assert_string_equal(text, "alpha-inc bravo-gmbh delta-ltd ");
}

static void it_belongs_to_its_wallet_and_to_those_below(void **state)
{
    struct skill_publisher p = named("acme");
    struct id path[2];

    (void)state;
    path[1] = new_wallet(&m.f, "shop");
    path[0] = new_child(&m.f, "clerk", path[1]);
    assert_false(skill_publisher_owned(&p, path, 2)); /* the operator's */
    p.wallet = path[1];
    assert_true(skill_publisher_owned(&p, path, 2));
    assert_false(skill_publisher_owned(&p, path, 1));
    assert_false(skill_publisher_owned(&p, path, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(a_publisher_is_read_as_it_was_made_also_after_a_restart),
        TEST(a_name_is_had_once),
        TEST(a_name_that_looks_like_anothers_is_refused),
        TEST(nobody_gets_a_name_of_the_house),
        TEST(what_cannot_be_kept_is_refused),
        TEST(a_change_of_what_is_not_as_it_was_is_refused),
        TEST(payouts_wait_anew_when_address_or_key_change_and_only_then),
        TEST(publishers_are_listed_in_order_from_behind_a_name),
        TEST(it_belongs_to_its_wallet_and_to_those_below),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

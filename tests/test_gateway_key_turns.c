/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a provider: in turn, resting after a refusal, each once in a call; on a clock
 * that the test turns. */
#include "gateway/key_turns.h"

#include "base/clock.h"
#include "base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum {
    KEYS = 3
};

static struct key_turns *turns;
static struct secret *secrets[KEY_TURNS_KEYS_MAX];
static char name[] = "p";
static struct config_provider provider = {.name = name, .api_keys = secrets};

static int setup(void **state)
{
    char text[32];

    (void)state;
    clock_set(1700000000000000u, 1000);
    for (size_t i = 0; i < KEY_TURNS_KEYS_MAX; i++) {
        (void)snprintf(text, sizeof(text), "key-%zu", i);
        if (secret_new(&secrets[i], slice_str(text)) != RC_OK)
            return -1;
    }
    provider.key_count = KEYS;
    return key_turns_open(&turns) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < KEY_TURNS_KEYS_MAX; i++)
        secret_unref(secrets[i]);
    key_turns_close(turns);
    clock_real();
    return 0;
}

static size_t first_try(void)
{
    struct key_tries tries = {.count = 0};

    return key_turns_take(turns, &provider, &tries);
}

static void every_key_has_its_turn(void **state)
{
    unsigned count[KEYS] = {0};

    (void)state;
    for (unsigned i = 0; i < 30 * KEYS; i++)
        count[first_try()]++;
    for (unsigned i = 0; i < KEYS; i++)
        assert_int_equal(count[i], 30);
}

static void a_provider_without_keys_gives_none(void **state)
{
    (void)state;
    provider.key_count = 0;
    assert_int_equal(first_try(), KEY_TURNS_NONE);
}

static void a_refused_key_rests_and_wakes(void **state)
{
    (void)state;
    key_turns_rest(turns, &provider, 1, 60);
    for (unsigned i = 0; i < 30; i++)
        assert_int_not_equal(first_try(), 1);
    clock_advance_ms(60000);
    assert_true(first_try() == 1 || first_try() == 1 || first_try() == 1);
}

static void another_rest_is_counted_anew(void **state)
{
    (void)state;
    key_turns_rest(turns, &provider, 1, 600);
    key_turns_rest(turns, &provider, 1, 1);
    clock_advance_ms(1000);
    assert_true(first_try() == 1 || first_try() == 1 || first_try() == 1);
}

static void of_keys_that_all_rest_the_one_that_wakes_first_is_tried(void **state)
{
    (void)state;
    key_turns_rest(turns, &provider, 0, 300);
    key_turns_rest(turns, &provider, 1, 10);
    key_turns_rest(turns, &provider, 2, 600);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(first_try(), 1);
}

static void a_call_tries_each_key_once(void **state)
{
    struct key_tries tries = {.count = 0};
    bool seen[KEYS] = {false};

    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        size_t key;

        assert_true(key_turns_more(&provider, &tries));
        key = key_turns_take(turns, &provider, &tries);
        assert_in_range(key, 0, KEYS - 1);
        assert_false(seen[key]);
        seen[key] = true;
        key_turns_rest(turns, &provider, key, 300);
    }
    assert_false(key_turns_more(&provider, &tries));
    assert_int_equal(key_turns_take(turns, &provider, &tries), KEY_TURNS_NONE);
}

static void a_call_does_not_try_hundreds(void **state)
{
    struct key_tries tries = {.count = 0};

    (void)state;
    provider.key_count = KEY_TURNS_KEYS_MAX;
    for (unsigned i = 0; i < KEY_TURNS_TRIES_MAX; i++)
        assert_int_not_equal(key_turns_take(turns, &provider, &tries), KEY_TURNS_NONE);
    assert_false(key_turns_more(&provider, &tries));
}

static void all_of_many_keys_can_rest(void **state)
{
    (void)state;
    provider.key_count = KEY_TURNS_KEYS_MAX;
    for (size_t i = 0; i + 1 < provider.key_count; i++)
        key_turns_rest(turns, &provider, i, 300);
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(first_try(), KEY_TURNS_KEYS_MAX - 1);
}

static void a_key_rests_whatever_its_place_is(void **state)
{
    struct secret *others[2] = {secrets[1], secrets[0]};
    struct config_provider reloaded = {
        .name = name, .api_keys = others, .key_count = 2};

    (void)state;
    key_turns_rest(turns, &provider, 1, 300);
    for (unsigned i = 0; i < 10; i++) {
        struct key_tries tries = {.count = 0};

        assert_int_equal(key_turns_take(turns, &reloaded, &tries), 1);
    }
}

static void one_very_key_can_be_asked_for(void **state)
{
    struct key_tries tries = {.count = 0};

    (void)state;
    assert_int_equal(key_turns_take_this(&provider, 2, &tries), 2);
    assert_int_equal(key_turns_take_this(&provider, 1, &tries), KEY_TURNS_NONE);
    tries = (struct key_tries){.count = 0};
    assert_int_equal(key_turns_take_this(&provider, KEYS, &tries), KEY_TURNS_NONE);
}

static void what_is_about_the_key_and_for_how_long(void **state)
{
    static const struct {
        unsigned status;
        const char *body;
        unsigned retry_after_s, rest_s;
    } rows[] = {
        {401, "", 0, 300},
        {403, "", 0, 300},
        {402, "", 0, 600},
        {429, "", 0, 10},
        {429, "", 42, 42},
        {429, "", 86400, 3600},
        {429, "{\"error\":{\"code\":\"insufficient_quota\"}}", 1, 600},
        {429, "{\"error\":{\"code\":\"1113\",\"message\":\"..\"}}", 0, 600},
        {400, "{\"error\":{\"details\":[{\"reason\":\"API_KEY_INVALID\"}]}}", 0, 300},
        {400, "{\"error\":{\"code\":\"context_length_exceeded\"}}", 0, 0},
        {404, "", 0, 0},
        {422, "", 0, 0},
        {500, "", 30, 0},
        {503, "", 30, 0},
        {529, "", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(key_turns_judge(rows[i].status, slice_str(rows[i].body),
                                         rows[i].retry_after_s),
                         rows[i].rest_s);
}

#define TURNS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TURNS_TEST(every_key_has_its_turn),
        TURNS_TEST(a_provider_without_keys_gives_none),
        TURNS_TEST(a_refused_key_rests_and_wakes),
        TURNS_TEST(another_rest_is_counted_anew),
        TURNS_TEST(of_keys_that_all_rest_the_one_that_wakes_first_is_tried),
        TURNS_TEST(a_call_tries_each_key_once),
        TURNS_TEST(a_call_does_not_try_hundreds),
        TURNS_TEST(all_of_many_keys_can_rest),
        TURNS_TEST(a_key_rests_whatever_its_place_is),
        TURNS_TEST(one_very_key_can_be_asked_for),
        TURNS_TEST(what_is_about_the_key_and_for_how_long),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

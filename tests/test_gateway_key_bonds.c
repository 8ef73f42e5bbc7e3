/* SPDX-License-Identifier: Apache-2.0 */
/* Who made what: found again by its owner only, for the key that made it, in a bounded
 * table. */
#include "gateway/key_bonds.h"

#include "base/secret.h"
#include "gateway/key_turns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct key_bonds *bonds;
static struct secret *secrets[2];
static char name_one[] = "one";
static char name_keyless[] = "keyless";
static struct config_provider one = {
    .name = name_one, .api_keys = secrets, .key_count = 2};
static struct config_provider keyless = {.name = name_keyless};
static const struct slice owner = {"wallet-1", 8};

static int setup(void **state)
{
    (void)state;
    if (secret_new(&secrets[0], SLICE("first")) != RC_OK ||
        secret_new(&secrets[1], SLICE("second")) != RC_OK)
        return -1;
    return key_bonds_open(&bonds) == RC_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    secret_unref(secrets[0]);
    secret_unref(secrets[1]);
    key_bonds_close(bonds);
    return 0;
}

static void what_is_tied_is_found_with_its_key(void **state)
{
    struct key_bond bond;
    size_t key = 77;

    (void)state;
    key_bonds_tie(bonds, owner, SLICE("resp_1"), &one, 1, 100);
    assert_true(key_bonds_find(&bond, bonds, owner, SLICE("resp_1")));
    assert_true(key_bond_is(&bond, &one, &key));
    assert_int_equal(bond.tokens, 100);
    assert_int_equal(key, 1);
    assert_false(key_bond_is(&bond, &keyless, &key));
}

static void a_provider_without_keys_is_known_too(void **state)
{
    struct key_bond bond;
    size_t key = 77;

    (void)state;
    key_bonds_tie(bonds, owner, SLICE("resp_1"), &keyless, KEY_TURNS_NONE, 100);
    assert_true(key_bonds_find(&bond, bonds, owner, SLICE("resp_1")));
    assert_true(key_bond_is(&bond, &keyless, &key));
    assert_int_equal(key, KEY_TURNS_NONE);
}

static void nobody_else_finds_it(void **state)
{
    struct key_bond bond;

    (void)state;
    key_bonds_tie(bonds, owner, SLICE("resp_1"), &one, 0, 100);
    assert_false(key_bonds_find(&bond, bonds, SLICE("wallet-2"), SLICE("resp_1")));
    assert_false(key_bonds_find(&bond, bonds, owner, SLICE("resp_2")));
}

static void a_key_that_was_taken_out_makes_it_unknown(void **state)
{
    struct config_provider less = {
        .name = name_one, .api_keys = secrets, .key_count = 1};
    struct key_bond bond;
    size_t key;

    (void)state;
    key_bonds_tie(bonds, owner, SLICE("resp_1"), &one, 1, 100);
    assert_true(key_bonds_find(&bond, bonds, owner, SLICE("resp_1")));
    assert_false(key_bond_is(&bond, &less, &key));
}

static void the_last_tie_counts(void **state)
{
    struct key_bond bond;
    size_t key;

    (void)state;
    key_bonds_tie(bonds, owner, SLICE("resp_1"), &one, 0, 100);
    key_bonds_tie(bonds, owner, SLICE("resp_1"), &one, 1, 100);
    assert_true(key_bonds_find(&bond, bonds, owner, SLICE("resp_1")));
    assert_true(key_bond_is(&bond, &one, &key));
    assert_int_equal(key, 1);
}

static void the_table_is_bounded_and_keeps_the_newest(void **state)
{
    struct key_bond bond;
    char id[32];
    unsigned found = 0;

    (void)state;
    for (unsigned i = 0; i < 2 * KEY_BONDS_MAX; i++) {
        (void)snprintf(id, sizeof(id), "resp_%u", i);
        key_bonds_tie(bonds, owner, slice_str(id), &one, 0, 100);
        assert_true(key_bonds_find(&bond, bonds, owner, slice_str(id)));
    }
    for (unsigned i = 0; i < 2 * KEY_BONDS_MAX; i++) {
        (void)snprintf(id, sizeof(id), "resp_%u", i);
        found += key_bonds_find(&bond, bonds, owner, slice_str(id));
    }
    assert_in_range(found, KEY_BONDS_MAX / 2, KEY_BONDS_MAX);
}

#define BONDS_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BONDS_TEST(what_is_tied_is_found_with_its_key),
        BONDS_TEST(a_provider_without_keys_is_known_too),
        BONDS_TEST(nobody_else_finds_it),
        BONDS_TEST(a_key_that_was_taken_out_makes_it_unknown),
        BONDS_TEST(the_last_tie_counts),
        BONDS_TEST(the_table_is_bounded_and_keeps_the_newest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

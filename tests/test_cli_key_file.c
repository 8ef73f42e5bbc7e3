/* SPDX-License-Identifier: Apache-2.0 */
/* A publisher's key pair in files: the halves belong together, and neither is taken for
 * the other. */
#include "cli/key_file.h"

#include "base/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char root[64], path[128], public_path[136];
static char hex[2 * SKILL_KEY_LEN + 1];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof(root), "%s/octroi-key-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(root));
    (void)snprintf(path, sizeof(path), "%s/acme.key", root);
    (void)snprintf(public_path, sizeof(public_path), "%s.pub", path);
    assert_int_equal(key_file_make(hex, path), RC_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    (void)unlink(public_path);
    return rmdir(root);
}

static void what_the_seed_signs_the_public_key_knows(void **state)
{
    uint8_t seed[SKILL_KEY_LEN], key[SKILL_KEY_LEN], signature[SKILL_SIGNATURE_LEN];
    char read_hex[2 * SKILL_KEY_LEN + 1];

    (void)state;
    assert_int_equal(key_file_read_seed(seed, path), RC_OK);
    assert_int_equal(key_file_read_public(read_hex, public_path), RC_OK);
    assert_string_equal(read_hex, hex);
    assert_int_equal(hex_decode(key, sizeof(key), slice_str(hex)), RC_OK);
    assert_int_equal(skill_sign(signature, seed, SLICE("text")), RC_OK);
    assert_int_equal(skill_signature_check(key, signature, SLICE("text")), RC_OK);
    assert_int_equal(skill_signature_check(key, signature, SLICE("texT")),
                     RC_FORBIDDEN);
}

static void the_private_half_is_for_its_owner_only(void **state)
{
    uint8_t seed[SKILL_KEY_LEN];
    struct stat st;

    (void)state;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(key_file_read_seed(seed, path), RC_FORBIDDEN);
}

static void no_half_is_taken_for_the_other(void **state)
{
    uint8_t seed[SKILL_KEY_LEN];
    char read_hex[2 * SKILL_KEY_LEN + 1];

    (void)state;
    assert_int_equal(key_file_read_public(read_hex, path), RC_FORBIDDEN);
    assert_int_equal(chmod(public_path, 0600), 0);
    assert_int_equal(key_file_read_seed(seed, public_path), RC_BAD_INPUT);
}

static void a_key_that_is_there_is_kept(void **state)
{
    char again[2 * SKILL_KEY_LEN + 1];

    (void)state;
    assert_int_equal(key_file_make(again, path), RC_EXISTS);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(key_file_make(again, path), RC_EXISTS);
    assert_int_not_equal(access(path, F_OK), 0);
}

static void other_files_are_no_keys(void **state)
{
    static const char *const texts[] = {"", "ed25519 00\n", "hello\n"};
    char read_hex[2 * SKILL_KEY_LEN + 1];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        FILE *f = fopen(public_path, "w");

        assert_non_null(f);
        assert_true(fputs(texts[i], f) >= 0);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(key_file_read_public(read_hex, public_path), RC_BAD_INPUT);
    }
    assert_int_equal(key_file_read_public(read_hex, "/nonexistent/key"), RC_NOT_FOUND);
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_the_seed_signs_the_public_key_knows),
        TEST(the_private_half_is_for_its_owner_only),
        TEST(no_half_is_taken_for_the_other),
        TEST(a_key_that_is_there_is_kept),
        TEST(other_files_are_no_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

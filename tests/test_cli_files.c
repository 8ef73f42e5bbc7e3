/* SPDX-License-Identifier: Apache-2.0 */
/* Small files: all at once or not at all, and for whom. */
#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
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

static char top[64];
static char path[128];

static int set_up(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    (void)snprintf(top, sizeof(top), "%s/files-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(top) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/file", top);
    return 0;
}

static int remove_one(const char *name, const struct stat *st, int type,
                      struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(name);
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void assert_content(const char *expected)
{
    char text[128];
    size_t len;
    FILE *file = fopen(path, "re");

    assert_non_null(file);
    len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    (void)fclose(file);
    assert_string_equal(text, expected);
}

static void a_file_is_replaced_only_if_wanted(void **state)
{
    (void)state;
    assert_int_equal(files_write(path, SLICE("one"), 0600, false), RC_OK);
    assert_int_equal(files_write(path, SLICE("two"), 0600, false), RC_EXISTS);
    assert_content("one");
    assert_int_equal(files_write(path, SLICE("three"), 0600, true), RC_OK);
    assert_content("three");
}

static void what_a_crash_left_is_no_obstacle(void **state)
{
    char fresh[160];
    int fd;

    (void)state;
    (void)snprintf(fresh, sizeof(fresh), "%s.new", path);
    fd = open(fresh, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_int_equal(write(fd, "rest", 4), 4);
    (void)close(fd);
    assert_int_equal(files_write(path, SLICE("whole"), 0600, false), RC_OK);
    assert_content("whole");
    assert_int_equal(access(fresh, F_OK), -1);
}

static void a_failure_leaves_nothing_and_its_reason(void **state)
{
    char nowhere[160];

    (void)state;
    (void)snprintf(nowhere, sizeof(nowhere), "%s/none/file", top);
    assert_int_equal(files_write(nowhere, SLICE("x"), 0600, false), RC_IO);
    assert_int_equal(errno, ENOENT);
}

static void a_token_is_long_private_and_made_once(void **state)
{
    struct stat st;
    char first[64] = "", second[64] = "";
    int fd;

    (void)state;
    assert_int_equal(files_make_token(path), RC_OK);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_size, 43);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, first, sizeof(first)), 43);
    (void)close(fd);
    assert_int_equal(files_make_token(path), RC_OK);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, second, sizeof(second)), 43);
    (void)close(fd);
    assert_string_equal(first, second);
}

static void folders_are_made_with_their_parents(void **state)
{
    char deep[160];
    struct stat st;

    (void)state;
    (void)snprintf(deep, sizeof(deep), "%s/a/b/c", top);
    assert_int_equal(files_make_folder(deep), RC_OK);
    assert_int_equal(files_make_folder(deep), RC_OK);
    assert_int_equal(stat(deep, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
}

static void paths_that_do_not_fit_are_refused(void **state)
{
    char out[8];

    (void)state;
    assert_int_equal(files_join(out, sizeof(out), "abc", "def"), RC_OK);
    assert_string_equal(out, "abc/def");
    assert_int_equal(files_join(out, sizeof(out), "abc", "defg"), RC_TOO_BIG);
    assert_int_equal(files_absolute(out, sizeof(out), "/abcdef"), RC_OK);
    assert_string_equal(out, "/abcdef");
    assert_int_equal(files_absolute(out, sizeof(out), "/abcdefg"), RC_TOO_BIG);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_replaced_only_if_wanted),
        TEST(what_a_crash_left_is_no_obstacle),
        TEST(a_failure_leaves_nothing_and_its_reason),
        TEST(a_token_is_long_private_and_made_once),
        TEST(folders_are_made_with_their_parents),
        TEST(paths_that_do_not_fit_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

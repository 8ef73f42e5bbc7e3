/* SPDX-License-Identifier: Apache-2.0 */
/* Skills in folders: what is packed, what is left out or refused, and that writing one
 * stays where it was told to. */
#include "cli/package_dir.h"

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

#define FRONT \
    "---\nname: pdf-tables\ndescription: Reads tables out of PDF files.\n---\nBody.\n"

static char root[64];
static struct buf why;

static char *at(const char *path)
{
    static char full[4][512];
    static unsigned turn;
    char *out = full[turn++ % 4];

    (void)snprintf(out, 512, "%s/%s", root, path);
    return out;
}

static void put(const char *path, const char *text)
{
    FILE *f = fopen(at(path), "w");

    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof(root), "%s/octroi-package-XXXXXX", P_tmpdir);
    assert_non_null(mkdtemp(root));
    buf_init(&why, 1024);
    assert_int_equal(mkdir(at("skill"), 0755), 0);
    put("skill/SKILL.md", FRONT);
    return 0;
}

static int unlink_one(const char *path, const struct stat *st, int kind, struct FTW *f)
{
    (void)st;
    (void)kind;
    (void)f;
    return remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&why);
    return nftw(root, unlink_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct skill_package *packed(void)
{
    struct skill_package *p;

    assert_int_equal(skill_package_new(&p), RC_OK);
    assert_int_equal(package_dir_read(p, at("skill"), &why), RC_OK);
    assert_int_equal(skill_package_seal(p, &why), RC_OK);
    return p;
}

static void expect_refused(enum rc rc, const char *words)
{
    struct skill_package *p;

    assert_int_equal(skill_package_new(&p), RC_OK);
    assert_int_equal(package_dir_read(p, at("skill"), &why), rc);
    assert_true(slice_search(buf_slice(&why), slice_str(words)) < buf_len(&why));
    skill_package_free(p);
}

static bool same(const char *path, const char *text)
{
    char bytes[512] = "";
    FILE *f = fopen(at(path), "r");
    size_t len;

    assert_non_null(f);
    len = fread(bytes, 1, sizeof(bytes) - 1, f);
    (void)fclose(f);
    return len == strlen(text) && strcmp(bytes, text) == 0;
}

static void a_folder_is_packed_without_what_begins_with_a_dot(void **state)
{
    struct skill_package *p;

    (void)state;
    assert_int_equal(mkdir(at("skill/scripts"), 0755), 0);
    assert_int_equal(mkdir(at("skill/.git"), 0755), 0);
    put("skill/scripts/read.py", "print(1)\n");
    put("skill/.git/config", "[core]\n");
    put("skill/.env", "SECRET=1\n");
    p = packed();
    assert_int_equal(skill_package_count(p), 2);
    assert_non_null(skill_package_find(p, SLICE("scripts/read.py")));
    assert_null(skill_package_find(p, SLICE(".env")));
    skill_package_free(p);
}

static void what_is_written_is_what_was_packed(void **state)
{
    struct skill_package *p;

    (void)state;
    assert_int_equal(mkdir(at("skill/a"), 0755), 0);
    assert_int_equal(mkdir(at("skill/a/b"), 0755), 0);
    put("skill/a/b/deep.txt", "deep\n");
    put("skill/empty.txt", "");
    p = packed();
    assert_int_equal(package_dir_write(p, at("out/below"), "pdf-tables", &why), RC_OK);
    assert_true(same("out/below/pdf-tables/SKILL.md", FRONT));
    assert_true(same("out/below/pdf-tables/a/b/deep.txt", "deep\n"));
    assert_true(same("out/below/pdf-tables/empty.txt", ""));
    skill_package_free(p);
}

static void nothing_that_is_there_is_written_over(void **state)
{
    struct skill_package *p = packed();

    (void)state;
    assert_int_equal(mkdir(at("out"), 0755), 0);
    assert_int_equal(mkdir(at("out/pdf-tables"), 0755), 0);
    put("out/pdf-tables/SKILL.md", "mine\n");
    assert_int_equal(package_dir_write(p, at("out"), "pdf-tables", &why), RC_EXISTS);
    assert_true(same("out/pdf-tables/SKILL.md", "mine\n"));
    skill_package_free(p);
}

static void a_link_is_not_followed_when_writing(void **state)
{
    struct skill_package *p = packed();

    (void)state;
    assert_int_equal(mkdir(at("out"), 0755), 0);
    assert_int_equal(mkdir(at("elsewhere"), 0755), 0);
    assert_int_equal(symlink(at("elsewhere"), at("out/pdf-tables")), 0);
    assert_int_equal(package_dir_write(p, at("out"), "pdf-tables", &why), RC_EXISTS);
    assert_int_not_equal(access(at("elsewhere/SKILL.md"), F_OK), 0);
    skill_package_free(p);
}

static void links_and_devices_are_not_packed(void **state)
{
    (void)state;
    assert_int_equal(symlink("/etc/hostname", at("skill/notes.txt")), 0);
    expect_refused(RC_BAD_INPUT, "notes.txt is a link");
    assert_int_equal(unlink(at("skill/notes.txt")), 0);
    assert_int_equal(symlink("/etc", at("skill/folder")), 0);
    expect_refused(RC_BAD_INPUT, "folder is a link");
    assert_int_equal(unlink(at("skill/folder")), 0);
    assert_int_equal(mkfifo(at("skill/pipe"), 0600), 0);
    buf_reset(&why);
    expect_refused(RC_BAD_INPUT, "pipe is no plain file");
}

static void a_file_beyond_the_cap_is_refused_unread(void **state)
{
    int fd = open(at("skill/huge.bin"), O_WRONLY | O_CREAT, 0600);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, SKILL_FILE_BYTES_MAX + 1), 0);
    assert_int_equal(close(fd), 0);
    expect_refused(RC_TOO_BIG, "huge.bin has more than");
}

static void what_is_no_folder_is_told(void **state)
{
    struct skill_package *p;

    (void)state;
    assert_int_equal(skill_package_new(&p), RC_OK);
    assert_int_equal(package_dir_read(p, at("nothing"), &why), RC_NOT_FOUND);
    assert_int_equal(package_dir_read(p, at("skill/SKILL.md"), &why), RC_NOT_FOUND);
    skill_package_free(p);
}

#define TEST(claim) cmocka_unit_test_setup_teardown(claim, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_folder_is_packed_without_what_begins_with_a_dot),
        TEST(what_is_written_is_what_was_packed),
        TEST(nothing_that_is_there_is_written_over),
        TEST(a_link_is_not_followed_when_writing),
        TEST(links_and_devices_are_not_packed),
        TEST(a_file_beyond_the_cap_is_refused_unread),
        TEST(what_is_no_folder_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Files by their hash: written once, read whole or not at all, swept when nobody needs
 * them. */
#include "skills/blobs.h"

#include "base/codec.h"
#include "tests/ledger_fixture.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    PATH_SIZE = DIR_SIZE + 80,
    THREADS = 4,
    ROUNDS = 40
};

static char top[DIR_SIZE];
static char dir[DIR_SIZE];
static struct blobs *blobs;

static int set_up(void **state)
{
    (void)state;
    dir_make(top);
    dir_file(dir, top, "packages");
    return blobs_open(&blobs, dir) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    blobs_close(blobs);
    dir_remove(top);
    return 0;
}

static void path_of(char out[PATH_SIZE], const uint8_t hash[32])
{
    char hex[2 * SHA256_LEN + 1];

    hex_encode(hex, hash, SHA256_LEN);
    (void)snprintf(out, PATH_SIZE, "%s/%.2s/%s", dir, hex, hex + 2);
}

static void put(uint8_t hash[32], const char *bytes)
{
    assert_int_equal(blobs_put(hash, blobs, slice_str(bytes)), RC_OK);
}

static enum rc get(const uint8_t hash[32], const char *expected)
{
    char *bytes = NULL;
    uint64_t len = 0;
    enum rc rc = blobs_get(&bytes, &len, blobs, hash, 1 << 20);

    if (rc == RC_OK) {
        assert_int_equal(len, strlen(expected));
        assert_memory_equal(bytes, expected, (size_t)len);
        free(bytes);
    }
    return rc;
}

static void age(const char *path, time_t seconds)
{
    const struct timespec times[2] = {{.tv_sec = seconds}, {.tv_sec = seconds}};

    assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

/* Writing and reading
 * -------------------------------------------------------------------
 */

static void what_was_put_is_found_by_its_hash(void **state)
{
    uint8_t hash[32], expected[32];
    char path[PATH_SIZE];
    struct stat st;

    (void)state;
    put(hash, "hello");
    sha256(expected, SLICE("hello"));
    assert_memory_equal(hash, expected, 32);
    assert_int_equal(get(hash, "hello"), RC_OK);
    path_of(path, hash);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    blobs_close(blobs);
    assert_int_equal(blobs_open(&blobs, dir), RC_OK);
    assert_int_equal(get(hash, "hello"), RC_OK);
}

static void nothing_is_a_file_too(void **state)
{
    uint8_t hash[32];

    (void)state;
    put(hash, "");
    assert_int_equal(get(hash, ""), RC_OK);
}

static void what_is_not_there_is_not_found(void **state)
{
    uint8_t hash[32];
    int fd;
    uint64_t len;

    (void)state;
    sha256(hash, SLICE("nobody put this"));
    assert_int_equal(get(hash, ""), RC_NOT_FOUND);
    assert_int_equal(blobs_file(&fd, &len, blobs, hash), RC_NOT_FOUND);
    put(hash, "x");
    hash[31] ^= 1; /* the same shelf */
    assert_int_equal(get(hash, ""), RC_NOT_FOUND);
}

static void a_file_is_opened_with_its_length(void **state)
{
    uint8_t hash[32];
    char bytes[8];
    uint64_t len = 0;
    int fd = -1;

    (void)state;
    put(hash, "hello");
    assert_int_equal(blobs_file(&fd, &len, blobs, hash), RC_OK);
    assert_int_equal(len, 5);
    assert_int_equal(read(fd, bytes, sizeof(bytes)), 5);
    assert_memory_equal(bytes, "hello", 5);
    (void)close(fd);
}

static void more_than_asked_for_is_not_read(void **state)
{
    uint8_t hash[32];
    char *bytes = NULL;
    uint64_t len = 0;

    (void)state;
    put(hash, "12345");
    assert_int_equal(blobs_get(&bytes, &len, blobs, hash, 4), RC_TOO_BIG);
    assert_int_equal(blobs_get(&bytes, &len, blobs, hash, 5), RC_OK);
    free(bytes);
}

static void a_second_put_writes_nothing(void **state)
{
    uint8_t hash[32];
    char path[PATH_SIZE];
    struct stat before, after;

    (void)state;
    put(hash, "twice");
    path_of(path, hash);
    assert_int_equal(stat(path, &before), 0);
    put(hash, "twice");
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
}

/* A disk that lies
 * ----------------------------------------------------------------------
 */

static void overwrite(const char *path, const char *bytes)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    assert_int_equal(fputs(bytes, f) >= 0, 1);
    assert_int_equal(fclose(f), 0);
}

static void a_changed_file_is_corrupt(void **state)
{
    uint8_t hash[32];
    char path[PATH_SIZE];

    (void)state;
    put(hash, "truth");
    path_of(path, hash);
    overwrite(path, "lying");
    assert_int_equal(get(hash, ""), RC_CORRUPT);
}

static void a_cut_file_is_written_anew(void **state)
{
    uint8_t hash[32];
    char path[PATH_SIZE];

    (void)state;
    put(hash, "whole");
    path_of(path, hash);
    overwrite(path, "wh");
    assert_int_equal(get(hash, ""), RC_CORRUPT);
    put(hash, "whole");
    assert_int_equal(get(hash, "whole"), RC_OK);
}

static void d21_links_lead_nowhere(void **state)
{
    uint8_t hash[32];
    char path[PATH_SIZE], secret[DIR_SIZE], shelf[PATH_SIZE];

    (void)state;
    dir_file(secret, top, "secret");
    overwrite(secret, "secret");
    sha256(hash, SLICE("secret"));
    path_of(path, hash);
    (void)snprintf(shelf, sizeof(shelf), "%.*s", (int)(strlen(path) - 63), path);
    assert_int_equal(mkdir(shelf, 0700), 0);
    assert_int_equal(symlink(secret, path), 0);
    assert_int_equal(get(hash, ""), RC_CORRUPT);
    put(hash, "secret"); /* replaces the link, and not what it leads to */
    assert_int_equal(get(hash, "secret"), RC_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(shelf), 0);
    assert_int_equal(symlink(top, shelf), 0);
    assert_int_equal(blobs_put(hash, blobs, SLICE("secret")), RC_IO);
    assert_int_equal(get(hash, ""), RC_IO);
}

static void a_pipe_in_a_files_place_holds_nobody(void **state)
{
    uint8_t hash[32];
    char path[PATH_SIZE];

    (void)state;
    put(hash, "x");
    path_of(path, hash);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(get(hash, ""), RC_CORRUPT);
}

static void a_folder_that_cannot_be_is_told(void **state)
{
    struct blobs *b = NULL;
    char path[DIR_SIZE];

    (void)state;
    dir_file(path, top, "not/there");
    assert_int_equal(blobs_open(&b, path), RC_IO);
    dir_file(path, top, "file");
    overwrite(path, "");
    assert_int_equal(blobs_open(&b, path), RC_IO);
    dir_file(path, top, "link");
    assert_int_equal(symlink(dir, path), 0);
    assert_int_equal(blobs_open(&b, path), RC_IO);
}

static unsigned count_files(const char *folder)
{
    unsigned count = 0;
    DIR *d = opendir(folder);

    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d))
        count += e->d_name[0] != '.';
    (void)closedir(d);
    return count;
}

/* A limit on the size of files stands for a disk without room. */
static void a_full_disk_is_told_and_leaves_nothing(void **state)
{
    static const char zeros[4096];
    const struct rlimit small = {.rlim_cur = 1000, .rlim_max = RLIM_INFINITY};
    const struct rlimit open_end = {RLIM_INFINITY, RLIM_INFINITY};
    uint8_t hash[32];
    char path[PATH_SIZE];

    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &small) != 0)
        skip();
    assert_int_equal(blobs_put(hash, blobs, slice_from(zeros, sizeof(zeros))), RC_FULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &open_end), 0);
    assert_int_equal(get(hash, ""), RC_NOT_FOUND);
    path_of(path, hash);
    path[strlen(path) - 63] = '\0';
    assert_int_equal(count_files(path), 0);
}

/* Sweeping
 * ------------------------------------------------------------------------------
 */

static bool is_needed(void *arg, const uint8_t hash[32])
{
    return memcmp(arg, hash, 32) == 0;
}

static void the_sweep_takes_what_is_old_and_not_needed(void **state)
{
    uint8_t kept[32], old[32], fresh[32];
    char path[PATH_SIZE];
    unsigned removed = 0;

    (void)state;
    put(kept, "needed");
    put(old, "old");
    put(fresh, "fresh");
    path_of(path, kept);
    age(path, 1000);
    path_of(path, old);
    age(path, 1000);
    assert_int_equal(
        blobs_sweep(blobs, UINT64_C(1000) * 1000000, is_needed, kept, &removed), RC_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(
        blobs_sweep(blobs, UINT64_C(1001) * 1000000, is_needed, kept, &removed), RC_OK);
    assert_int_equal(removed, 1);
    assert_int_equal(get(kept, "needed"), RC_OK);
    assert_int_equal(get(fresh, "fresh"), RC_OK);
    assert_int_equal(get(old, ""), RC_NOT_FOUND);
}

static void a_put_makes_an_old_file_young(void **state)
{
    uint8_t hash[32], none[32] = {0};
    char path[PATH_SIZE];
    unsigned removed = 0;

    (void)state;
    put(hash, "old and back");
    path_of(path, hash);
    age(path, 1000);
    put(hash, "old and back");
    assert_int_equal(
        blobs_sweep(blobs, UINT64_C(2000) * 1000000, is_needed, none, &removed), RC_OK);
    assert_int_equal(removed, 0);
    assert_int_equal(get(hash, "old and back"), RC_OK);
}

static void what_a_crash_left_is_swept_and_what_is_not_ours_stays(void **state)
{
    uint8_t hash[32];
    char path[PATH_SIZE], left[PATH_SIZE + 16], foreign[PATH_SIZE + 16];
    unsigned removed = 0;

    (void)state;
    put(hash, "x");
    path_of(path, hash);
    (void)snprintf(left, sizeof(left), "%.*s/new-0123", (int)(strlen(path) - 63), path);
    (void)snprintf(foreign, sizeof(foreign), "%.*s/README", (int)(strlen(path) - 63),
                   path);
    overwrite(left, "half");
    overwrite(foreign, "somebody's");
    age(left, 1000);
    age(foreign, 1000);
    assert_int_equal(
        blobs_sweep(blobs, UINT64_C(2000) * 1000000, is_needed, hash, &removed), RC_OK);
    assert_int_equal(removed, 1);
    assert_int_equal(access(left, F_OK), -1);
    assert_int_equal(access(foreign, F_OK), 0);
}

/* Together
 * ------------------------------------------------------------------------------
 */

static void a_copy_has_every_file_and_refuses_a_changed_one(void **state)
{
    char other[PATH_SIZE], path[PATH_SIZE];
    struct blobs *copy;
    uint8_t one[32], two[32];
    uint64_t len;
    int fd = -1;

    (void)state;
    (void)snprintf(other, sizeof(other), "%s/copy", top);
    put(one, "one");
    put(two, "two");
    assert_int_equal(blobs_open(&copy, other), RC_OK);
    assert_int_equal(blobs_copy(copy, blobs), RC_OK);
    assert_int_equal(blobs_copy(copy, blobs), RC_OK); /* again is the same */
    assert_int_equal(blobs_file(&fd, &len, copy, one), RC_OK);
    (void)close(fd);
    assert_int_equal(blobs_file(&fd, &len, copy, two), RC_OK);
    assert_int_equal(len, 3);
    (void)close(fd);
    path_of(path, two);
    overwrite(path, "owt");
    assert_int_equal(blobs_copy(copy, blobs), RC_CORRUPT);
    blobs_close(copy);
}

static void *put_many(void *arg)
{
    unsigned *failed = arg;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t hash[32];
        char text[32];

        (void)snprintf(text, sizeof(text), "text %u", i % 8);
        if (blobs_put(hash, blobs, slice_str(text)) != RC_OK ||
            get(hash, text) != RC_OK)
            (*failed)++;
    }
    return NULL;
}

static void *sweep_many(void *arg)
{
    unsigned *failed = arg;
    uint8_t none[32] = {0};

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned removed = 0;

        if (blobs_sweep(blobs, UINT64_C(1000) * 1000000, is_needed, none, &removed) !=
            RC_OK)
            (*failed)++;
    }
    return NULL;
}

/* All write the same few, while old ones are swept. */
static void threads_put_the_same_at_once(void **state)
{
    pthread_t threads[THREADS];
    unsigned failed[THREADS] = {0};

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL,
                                        i == 0 ? sweep_many : put_many, &failed[i]),
                         0);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(failed[i], 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_put_is_found_by_its_hash),
        TEST(nothing_is_a_file_too),
        TEST(what_is_not_there_is_not_found),
        TEST(a_file_is_opened_with_its_length),
        TEST(more_than_asked_for_is_not_read),
        TEST(a_second_put_writes_nothing),
        TEST(a_changed_file_is_corrupt),
        TEST(a_cut_file_is_written_anew),
        TEST(d21_links_lead_nowhere),
        TEST(a_pipe_in_a_files_place_holds_nobody),
        TEST(a_folder_that_cannot_be_is_told),
        TEST(a_full_disk_is_told_and_leaves_nothing),
        TEST(the_sweep_takes_what_is_old_and_not_needed),
        TEST(a_put_makes_an_old_file_young),
        TEST(a_copy_has_every_file_and_refuses_a_changed_one),
        TEST(what_a_crash_left_is_swept_and_what_is_not_ours_stays),
        TEST(threads_put_the_same_at_once),
    };

    return cmocka_run_group_tests_name("skills/blobs", tests, NULL, NULL);
}

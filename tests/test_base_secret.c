/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets: kept apart from each other, wiped when dropped, and out of core files and
 * children. */
#include "base/secret.h"

#include "tests/prng.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    MAX_SIZE = 64 * 1024
};

static struct secret *new_secret(struct slice bytes)
{
    struct secret *s = NULL;

    assert_int_equal(secret_new(&s, bytes), RC_OK);
    assert_non_null(s);
    return s;
}

static void a_secret_is_a_copy(void **state)
{
    char bytes[] = "sk-abc";
    struct secret *s = new_secret(slice_str(bytes));

    (void)state;
    secret_wipe(bytes, sizeof(bytes));
    assert_int_equal(bytes[0], 0);
    assert_int_equal(bytes[5], 0);
    assert_true(slice_equal(secret_open(s), SLICE("sk-abc")));
    secret_unref(s);
}

static void no_secret_opens_as_nothing(void **state)
{
    struct secret *s = new_secret(SLICE_NONE);

    (void)state;
    assert_null(secret_open(NULL).bytes);
    assert_int_equal(secret_open(s).len, 0);
    secret_unref(s);
    secret_unref(NULL);
    secret_wipe(NULL, 0);
}

static void the_largest_size_is_exact(void **state)
{
    char *bytes = malloc(MAX_SIZE + 1);
    struct secret *s;
    struct secret *none = NULL;

    (void)state;
    assert_non_null(bytes);
    memset(bytes, 'x', MAX_SIZE + 1);
    s = new_secret(slice_from(bytes, MAX_SIZE));
    assert_true(slice_equal(secret_open(s), slice_from(bytes, MAX_SIZE)));
    assert_int_equal(secret_new(&none, slice_from(bytes, MAX_SIZE + 1)), RC_TOO_BIG);
    assert_null(none);
    secret_unref(s);
    free(bytes);
}

static void the_last_reference_wipes(void **state)
{
    /* The neighbour keeps the page mapped, so that it can be looked at afterwards. */
    struct secret *neighbour = new_secret(SLICE("stays"));
    struct secret *s = new_secret(SLICE("goes"));
    struct slice seen = secret_open(s);

    (void)state;
    assert_ptr_equal(secret_ref(s), s);
    secret_unref(s);
    assert_true(slice_equal(seen, SLICE("goes")));
    secret_unref(s);
    assert_true(slice_equal(seen, SLICE("\0\0\0\0")));
    assert_true(slice_equal(secret_open(neighbour), SLICE("stays")));
    secret_unref(neighbour);
}

static void room_is_used_again(void **state)
{
    struct secret *neighbour = new_secret(SLICE("stays"));
    struct secret *s = new_secret(SLICE("first"));
    const char *first = secret_open(s).bytes;

    (void)state;
    secret_unref(s);
    s = new_secret(SLICE("again"));
    assert_ptr_equal(secret_open(s).bytes, first);
    secret_unref(s);
    secret_unref(neighbour);
}

/* Secret number i is filled with its number; all are looked at as others come and go.
 */
static void secrets_are_apart(void **state)
{
    enum {
        SECRETS = 64
    };
    struct secret *secrets[SECRETS] = {NULL};
    size_t lens[SECRETS] = {0};
    char *bytes = malloc(MAX_SIZE);
    struct prng prng = {1};

    (void)state;
    assert_non_null(bytes);
    for (unsigned step = 0; step < 3000; step++) {
        size_t i = prng_below(&prng, SECRETS);

        secret_unref(secrets[i]);
        lens[i] = (size_t)(prng_any_size(&prng) % 6000);
        memset(bytes, (int)i + 1, lens[i]);
        secrets[i] = new_secret(slice_from(bytes, lens[i]));
        i = prng_below(&prng, SECRETS);
        memset(bytes, (int)i + 1, lens[i]);
        assert_true(slice_equal(secret_open(secrets[i]), slice_from(bytes, lens[i])));
    }
    for (size_t i = 0; i < SECRETS; i++) {
        memset(bytes, (int)i + 1, lens[i]);
        assert_true(slice_equal(secret_open(secrets[i]), slice_from(bytes, lens[i])));
        secret_unref(secrets[i]);
    }
    free(bytes);
}

/* Runs `check` in a child and returns its exit status. */
static int in_child(int (*check)(void *), void *argument)
{
    pid_t pid = fork();
    int status = 0;

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(check(argument));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int is_wiped(void *argument)
{
    struct slice seen = secret_open(argument);

    if (seen.len != 6)
        return 2;
    return slice_equal(seen, SLICE("\0\0\0\0\0\0")) ? 0 : 1;
}

static bool kernel_wipes_on_fork(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *map = mmap(NULL, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool wipes = map != MAP_FAILED && madvise(map, page, MADV_WIPEONFORK) == 0;

    if (map != MAP_FAILED)
        (void)munmap(map, page);
    return wipes;
}

static void a_child_finds_nothing(void **state)
{
    struct secret *s;

    (void)state;
    if (!kernel_wipes_on_fork())
        skip();
    s = new_secret(SLICE("sk-abc"));
    assert_int_equal(in_child(is_wiped, s), 0);
    assert_true(slice_equal(secret_open(s), SLICE("sk-abc")));
    secret_unref(s);
}

/* The kernel's flags of the mapping that holds `at`, as "VmFlags: rd wr .. "; "" if it
 * does not tell. */
static void read_flags(char *out, int size, const void *at)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    char line[512];
    bool inside = false;

    out[0] = '\0';
    if (maps == NULL)
        return;
    while (out[0] == '\0' && fgets(line, sizeof(line), maps) != NULL) {
        char *end;
        uintptr_t first = strtoull(line, &end, 16);

        if (*end == '-')
            inside =
                (uintptr_t)at >= first && (uintptr_t)at < strtoull(end + 1, NULL, 16);
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            (void)snprintf(out, (size_t)size, "%s", line);
    }
    (void)fclose(maps);
}

static void core_files_leave_secrets_out(void **state)
{
    struct secret *s = new_secret(SLICE("sk-abc"));
    char flags[512];

    (void)state;
    read_flags(flags, sizeof(flags), secret_open(s).bytes);
    secret_unref(s);
    if (flags[0] == '\0')
        skip();
    assert_non_null(strstr(flags, " dd"));
}

static int needs_no_lock(void *argument)
{
    const struct rlimit none = {0, 0};
    struct secret *s = NULL;
    char flags[512];

    (void)argument;
    /* Root may lock whatever the limit says. */
    if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0))
        return 77;
    if (secret_new(&s, SLICE("sk-abc")) != RC_OK)
        return 1;
    if (!slice_equal(secret_open(s), SLICE("sk-abc")))
        return 2;
    read_flags(flags, sizeof(flags), secret_open(s).bytes);
    secret_unref(s);
    if (flags[0] != '\0' && strstr(flags, " lo") != NULL)
        return 3; /* was locked: this tested nothing */
    return flags[0] != '\0' && strstr(flags, " dd") == NULL ? 4 : 0;
}

static void secrets_do_without_the_right_to_lock(void **state)
{
    int status = in_child(needs_no_lock, NULL);

    (void)state;
    if (status == 77)
        skip();
    assert_int_equal(status, 0);
}

static void *come_and_go(void *argument)
{
    struct secret *shared = argument;
    uintptr_t wrong = 0;

    for (unsigned i = 0; i < 2000; i++) {
        struct secret *own = NULL;
        struct secret *held = secret_ref(shared);

        if (secret_new(&own, SLICE("own")) != RC_OK)
            return shared; /* any pointer: not NULL */
        wrong += !slice_equal(secret_open(own), SLICE("own"));
        wrong += !slice_equal(secret_open(held), SLICE("shared"));
        secret_unref(own);
        secret_unref(held);
    }
    return wrong == 0 ? NULL : shared;
}

static void threads_may_share_and_drop_secrets(void **state)
{
    enum {
        THREADS = 4
    };
    struct secret *shared = new_secret(SLICE("shared"));
    pthread_t threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, come_and_go, shared), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        void *wrong = NULL;

        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
    secret_unref(shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_a_copy),
        cmocka_unit_test(no_secret_opens_as_nothing),
        cmocka_unit_test(the_largest_size_is_exact),
        cmocka_unit_test(the_last_reference_wipes),
        cmocka_unit_test(room_is_used_again),
        cmocka_unit_test(secrets_are_apart),
        cmocka_unit_test(a_child_finds_nothing),
        cmocka_unit_test(core_files_leave_secrets_out),
        cmocka_unit_test(secrets_do_without_the_right_to_lock),
        cmocka_unit_test(threads_may_share_and_drop_secrets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

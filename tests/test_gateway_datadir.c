/* SPDX-License-Identifier: Apache-2.0 */
/* The data folder: who may have it, what is in it, and its socket. */
#include "gateway/datadir.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static char top[64];
static char path[PATH_MAX]; /* of the data folder */
static struct buf faults;

static int set_up(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    log_set_level(LOG_ERROR);
    buf_init(&faults, 4096);
    (void)snprintf(top, sizeof(top), "%s/datadir-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(top) == NULL)
        return -1;
    (void)snprintf(path, sizeof(path), "%s/a/var", top);
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
    buf_free(&faults);
    return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *in(const char *name)
{
    static char full[PATH_MAX + 32];

    (void)snprintf(full, sizeof(full), "%s/%s", path, name);
    return full;
}

static unsigned mode_of(const char *name)
{
    struct stat st;

    assert_int_equal(stat(name, &st), 0);
    return (unsigned)st.st_mode & 07777;
}

static void create(void)
{
    assert_int_equal(datadir_create(path, &faults), RC_OK);
    assert_int_equal(buf_len(&faults), 0);
}

static struct datadir *open_it(void)
{
    struct datadir *d = NULL;

    assert_int_equal(datadir_open(&d, path, &faults), RC_OK);
    return d;
}

static void assert_words(const char *words)
{
    struct slice said = buf_slice(&faults);

    assert_true(slice_search(said, slice_str(words)) < said.len);
}

/* ---- Making ---- */

static void what_is_made_is_its_owners_only(void **state)
{
    mode_t before = umask(0);

    (void)state;
    create();
    (void)umask(before);
    assert_int_equal(mode_of(path), 0700);
    assert_int_equal(mode_of(in("master.key")), 0600);
    assert_int_equal(mode_of(in("ledger.mdb")), 0600);
    assert_int_equal(mode_of(in("lock")), 0600);
}

static void a_folder_that_was_there_is_closed_to_others(void **state)
{
    char parent[128];

    (void)state;
    (void)snprintf(parent, sizeof(parent), "%s/a", top);
    assert_int_equal(mkdir(parent, 0755), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    create();
    assert_int_equal(mode_of(path), 0700);
    assert_int_equal(mode_of(parent), 0755);
}

static void a_book_is_never_made_twice(void **state)
{
    (void)state;
    create();
    assert_int_equal(datadir_create(path, &faults), RC_EXISTS);
    assert_words("already");
}

static void a_book_in_use_is_never_made_twice(void **state)
{
    struct datadir *d;

    (void)state;
    create();
    d = open_it();
    assert_int_equal(datadir_create(path, &faults), RC_EXISTS);
    datadir_close(d);
}

/* A crash between the key and the book. */
static void what_was_broken_off_goes_on_with_the_same_key(void **state)
{
    char first[32], second[32];
    int fd;

    (void)state;
    create();
    assert_int_equal(unlink(in("ledger.mdb")), 0);
    fd = open(in("master.key"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, first, sizeof(first)), sizeof(first));
    (void)close(fd);
    create();
    fd = open(in("master.key"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, second, sizeof(second)), sizeof(second));
    (void)close(fd);
    assert_memory_equal(first, second, sizeof(first));
}

static void a_file_in_the_way_is_told(void **state)
{
    char parent[128];
    int fd;

    (void)state;
    (void)snprintf(parent, sizeof(parent), "%s/a", top);
    fd = open(parent, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(datadir_create(path, &faults), RC_IO);
    assert_words(path);
}

/* ---- Opening ---- */

static void nothing_is_made_by_opening(void **state)
{
    struct datadir *d;

    (void)state;
    assert_int_equal(datadir_open(&d, path, &faults), RC_NO_STORE);
    assert_words("octroi init");
    assert_int_equal(access(path, F_OK), -1);
}

static void a_folder_without_a_book_is_refused(void **state)
{
    struct datadir *d;

    (void)state;
    create();
    assert_int_equal(unlink(in("ledger.mdb")), 0);
    assert_int_equal(datadir_open(&d, path, &faults), RC_NO_STORE);
    assert_int_equal(access(in("ledger.mdb"), F_OK), -1);
}

static void one_at_a_time_has_the_folder(void **state)
{
    struct datadir *first, *second;

    (void)state;
    create();
    first = open_it();
    assert_int_equal(datadir_open(&second, path, &faults), RC_LOCKED);
    datadir_close(first);
    buf_reset(&faults);
    second = open_it();
    datadir_close(second);
}

static void a_missing_master_key_is_no_reason_for_a_new_one(void **state)
{
    struct datadir *d;

    (void)state;
    create();
    assert_int_equal(unlink(in("master.key")), 0);
    assert_int_equal(datadir_open(&d, path, &faults), RC_NO_STORE);
    assert_words("master.key");
    assert_int_equal(access(in("master.key"), F_OK), -1);
}

static void a_master_key_that_others_can_read_is_refused(void **state)
{
    struct datadir *d;

    (void)state;
    create();
    assert_int_equal(chmod(in("master.key"), 0640), 0);
    assert_int_equal(datadir_open(&d, path, &faults), RC_FORBIDDEN);
    assert_words("chmod 600");
}

static void a_damaged_book_is_refused(void **state)
{
    struct datadir *d;
    int fd;

    (void)state;
    create();
    fd = open(in("ledger.mdb"), O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_int_equal(write(fd, "not a book", 10), 10);
    (void)close(fd);
    assert_int_equal(datadir_open(&d, path, &faults), RC_CORRUPT);
    assert_words(path);
}

static struct money held_by(struct datadir *d, struct id id)
{
    struct ledger_account account;
    struct ledger_view *v;

    assert_int_equal(ledger_view_open(&v, d->ledger), RC_OK);
    assert_int_equal(ledger_view_account(&account, v, id), RC_OK);
    ledger_view_close(v);
    return account.held;
}

static void holds_of_an_earlier_run_are_voided(void **state)
{
    struct id account = {"somebody"};
    struct ledger_cmd hold = {.op = id_new(1), .verb = LEDGER_HOLD, .leg_count = 1};
    struct datadir *d;

    (void)state;
    hold.legs[0] = (struct ledger_leg){
        .debit = account, .amount = money_from_nano(5), .number = 1};
    create();
    d = open_it();
    assert_int_equal(ledger_call(d->ledger, &hold), RC_OK);
    assert_int_equal(money_to_nano(held_by(d, account)), 5);
    datadir_close(d);
    d = open_it();
    assert_true(money_is_zero(held_by(d, account)));
    datadir_close(d);
}

/* ---- Finding ---- */

/* What datadir_find() says of a configuration with this text; "" for a refusal. */
static const char *found(const char *text, enum rc expected)
{
    static char kept[PATH_MAX];
    char file[128];
    char *dir = NULL;
    FILE *out;

    (void)snprintf(file, sizeof(file), "%s/octroi.yaml", top);
    out = fopen(file, "we");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(datadir_find(&dir, file), expected);
    (void)snprintf(kept, sizeof(kept), "%s", dir != NULL ? dir : "");
    free(dir);
    return kept;
}

static void a_faulty_file_still_tells_its_folder(void **state)
{
    char here[128];

    (void)state;
    assert_string_equal(
        found("bogus: 1\nserver: {data_dir: /x/y, listen: nowhere}\n", RC_OK), "/x/y");
    (void)snprintf(here, sizeof(here), "%s/var", top);
    assert_string_equal(
        found("server: {admin_token: \"${NOT_SET_ANYWHERE}\"}\n", RC_OK), here);
}

static void what_is_not_yaml_tells_nothing(void **state)
{
    char *dir = NULL;

    (void)state;
    (void)found("server: {data_dir: /x\n", RC_BAD_CONFIG);
    (void)found("", RC_BAD_CONFIG);
    (void)found("server: {data_dir: [a]}\n", RC_BAD_CONFIG);
    assert_int_equal(datadir_find(&dir, "/nowhere/at/all"), RC_NOT_FOUND);
    assert_null(dir);
}

/* ---- The socket ---- */

static void assert_socket_works(const struct datadir *d)
{
    int listener = -1, client = -1, accepted;
    char byte = 0;

    assert_int_equal(datadir_admin_listen(&listener, d, &faults), RC_OK);
    assert_int_equal(mode_of(in("admin.sock")), 0600);
    assert_int_equal(datadir_admin_connect(&client, path), RC_OK);
    accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(accepted >= 0);
    assert_int_equal(write(client, "x", 1), 1);
    assert_int_equal(read(accepted, &byte, 1), 1);
    assert_int_equal(byte, 'x');
    (void)close(accepted);
    (void)close(client);
    (void)close(listener);
}

static void a_client_reaches_the_socket(void **state)
{
    struct datadir *d;

    (void)state;
    create();
    d = open_it();
    assert_socket_works(d);
    datadir_close(d);
}

/* sockaddr_un holds 107 bytes. */
static void a_socket_in_a_deep_folder_is_reached(void **state)
{
    struct datadir *d;
    size_t len = strlen(path);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        path[len++] = '/';
        memset(path + len, 'a' + (int)i, 100);
        len += 100;
        path[len] = '\0';
    }
    create();
    d = open_it();
    assert_socket_works(d);
    datadir_close(d);
}

static void nobody_answers_without_a_daemon(void **state)
{
    struct datadir *d;
    int fd = -1;

    (void)state;
    assert_int_equal(datadir_admin_connect(&fd, path), RC_UNREACHABLE);
    create();
    assert_int_equal(datadir_admin_connect(&fd, path), RC_UNREACHABLE);
    d = open_it();
    assert_socket_works(d); /* and leaves its file behind, like a crash */
    assert_int_equal(access(in("admin.sock"), F_OK), 0);
    assert_int_equal(datadir_admin_connect(&fd, path), RC_UNREACHABLE);
    assert_int_equal(fd, -1);
    datadir_close(d);
}

static void a_socket_of_an_earlier_run_is_replaced(void **state)
{
    struct datadir *d;

    (void)state;
    create();
    d = open_it();
    assert_socket_works(d);
    assert_socket_works(d);
    datadir_close(d);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_made_is_its_owners_only),
        TEST(a_folder_that_was_there_is_closed_to_others),
        TEST(a_book_is_never_made_twice),
        TEST(a_book_in_use_is_never_made_twice),
        TEST(what_was_broken_off_goes_on_with_the_same_key),
        TEST(a_file_in_the_way_is_told),
        TEST(nothing_is_made_by_opening),
        TEST(a_folder_without_a_book_is_refused),
        TEST(one_at_a_time_has_the_folder),
        TEST(a_missing_master_key_is_no_reason_for_a_new_one),
        TEST(a_master_key_that_others_can_read_is_refused),
        TEST(a_damaged_book_is_refused),
        TEST(holds_of_an_earlier_run_are_voided),
        TEST(a_faulty_file_still_tells_its_folder),
        TEST(what_is_not_yaml_tells_nothing),
        TEST(a_client_reaches_the_socket),
        TEST(a_socket_in_a_deep_folder_is_reached),
        TEST(nobody_answers_without_a_daemon),
        TEST(a_socket_of_an_earlier_run_is_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

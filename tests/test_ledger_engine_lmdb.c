/* SPDX-License-Identifier: Apache-2.0 */
/* The store: what it refuses to open, how it grows, when it is full, copies. */
#include "ledger/ledger_int.h"

#include "base/clock.h"
#include "tests/laws.h"
#include "tests/ledger_fixture.h"

#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[DIR_SIZE];
static char store[DIR_SIZE]; /* dir/ledger.mdb */

static int make_dir(void **state)
{
    (void)state;
    dir_make(dir);
    dir_file(store, dir, "ledger.mdb");
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    clock_real();
    dir_remove(dir);
    return 0;
}

static enum rc try_open(bool read_only)
{
    struct ledger_options options = {
        .kind = LEDGER_LMDB, .dir = dir, .read_only = read_only};
    struct ledger *l = NULL;
    enum rc rc = ledger_open(&l, &options);

    if (rc == RC_OK)
        ledger_close(l);
    else
        assert_null(l);
    return rc;
}

static void write_file(const char *path, const char *bytes, size_t len)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

/* ---- What is there ---- */

static void a_missing_or_empty_store_is_not_made_anew(void **state)
{
    (void)state;
    assert_int_equal(try_open(false), RC_NO_STORE);
    write_file(store, "", 0);
    assert_int_equal(try_open(false), RC_NO_STORE);
    assert_int_equal(try_open(true), RC_NO_STORE);
}

static void create_does_not_touch_what_is_there(void **state)
{
    struct ledger *l = open_store(dir);

    (void)state;
    must(l, transfer(1, funding(account_id(1), 5)));
    assert_int_equal(ledger_create(dir), RC_EXISTS); /* while it is open */
    ledger_close(l);
    assert_int_equal(ledger_create(dir), RC_EXISTS);
    l = open_store(dir);
    assert_int_equal(available_in(l, account_id(1)), 5);
    ledger_close(l);
}

static void create_passes_over_what_a_crash_left(void **state)
{
    char fresh[DIR_SIZE];

    (void)state;
    dir_file(fresh, dir, "ledger.mdb.new");
    write_file(fresh, "half a store", 12);
    assert_int_equal(ledger_create(dir), RC_OK);
    assert_int_equal(access(fresh, F_OK), -1);
    assert_int_equal(try_open(false), RC_OK);
}

static void create_needs_its_folder(void **state)
{
    char missing[DIR_SIZE];

    (void)state;
    dir_file(missing, dir, "missing");
    assert_int_equal(ledger_create(missing), RC_IO);
}

static void what_is_not_a_store_is_refused(void **state)
{
    static char garbage[65536];

    (void)state;
    for (size_t i = 0; i < sizeof(garbage); i++)
        garbage[i] = (char)(i * 7 + i / 256);
    write_file(store, garbage, sizeof(garbage));
    assert_int_equal(try_open(false), RC_CORRUPT);
    write_file(store, garbage, 100);
    assert_int_equal(try_open(false), RC_CORRUPT);
}

static void fill(struct ledger *l, unsigned from, unsigned count)
{
    static const char value[3000] = "v";

    for (unsigned i = 0; i < count; i++) {
        struct ledger_cmd cmd = note(from + i);
        char key[16];

        (void)snprintf(key, sizeof(key), "%u", from + i);
        cmd.write_count = 1;
        cmd.writes[0] = write_of(LEDGER_INSERT, key, NULL, 0);
        cmd.writes[0].value = slice_from(value, sizeof(value));
        must(l, cmd);
    }
}

static void a_store_that_was_cut_is_refused(void **state)
{
    struct ledger *l = open_store(dir);
    struct ledger_stats stats;

    (void)state;
    fill(l, 1, 100);
    ledger_stats(l, &stats);
    ledger_close(l);
    assert_int_equal(try_open(false), RC_OK);
    for (uint64_t cut = 1; cut <= 16; cut++) {
        uint64_t len = stats.map_used_bytes - stats.map_used_bytes / 16 * cut;

        assert_int_equal(truncate(store, (off_t)len), 0);
        assert_int_not_equal(try_open(false), RC_OK);
        assert_int_not_equal(try_open(true), RC_OK);
    }
}

/* Changes the file behind the book's back. value NULL: removes the row. */
static void tamper(const char *table, struct slice key, const struct slice *value)
{
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_val k = {key.len, (void *)(uintptr_t)key.bytes};
    MDB_val v;

    assert_int_equal(mdb_env_create(&env), 0);
    assert_int_equal(mdb_env_set_maxdbs(env, 8), 0);
    assert_int_equal(mdb_env_open(env, store, MDB_NOSUBDIR, 0600), 0);
    assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
    assert_int_equal(mdb_dbi_open(txn, table, 0, &dbi), 0);
    if (value != NULL) {
        v = (MDB_val){value->len, (void *)(uintptr_t)value->bytes};
        assert_int_equal(mdb_put(txn, dbi, &k, &v, 0), 0);
    } else {
        assert_int_equal(mdb_del(txn, dbi, &k, NULL), 0);
    }
    assert_int_equal(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static void a_store_without_its_meta_rows_is_refused(void **state)
{
    struct ledger *l;

    (void)state;
    l = open_store(dir);
    must(l, note(1));
    ledger_close(l);
    tamper("meta", META_IDENTITY, &SLICE("another program's"));
    assert_int_equal(try_open(false), RC_CORRUPT);
    tamper("meta", META_IDENTITY, NULL);
    assert_int_equal(try_open(false), RC_CORRUPT);
}

static void a_head_that_does_not_match_is_refused(void **state)
{
    uint8_t row[HEAD_LEN] = {0};
    uint8_t key[SEQ_KEY_LEN];
    struct head head = {.seq = 1};
    struct slice value = slice_from((const char *)row, sizeof(row));
    struct ledger *l = open_store(dir);

    (void)state;
    must(l, note(1));
    must(l, note(2));
    ledger_close(l);
    ledger__seq_key(key, 2); /* the last entry goes: the head still names it */
    tamper("journal", slice_from((const char *)key, SEQ_KEY_LEN), NULL);
    assert_int_equal(try_open(false), RC_CORRUPT);
    ledger__head_encode(row, &head); /* a head that names the first, without its hash */
    tamper("meta", META_HEAD, &value);
    assert_int_equal(try_open(false), RC_CORRUPT);
}

static void another_version_is_refused(void **state)
{
    uint8_t row[IDENTITY_LEN] = {0};
    struct slice value = slice_from((const char *)row, sizeof(row));
    uint8_t name = TABLE_META;
    uint32_t sum;

    (void)state;
    assert_int_equal(ledger_create(dir), RC_OK);
    ledger__identity_encode(row, ID_NONE, 0);
    tamper("meta", META_IDENTITY, &value);
    assert_int_equal(try_open(false), RC_OK);
    row[4]++; /* the version, under a checksum that is right */
    sum = crc32c(0, &name, 1);
    sum = crc32c(sum, META_IDENTITY.bytes, META_IDENTITY.len);
    sum = crc32c(sum, row + 4, sizeof(row) - 4);
    for (unsigned i = 0; i < 4; i++)
        row[i] = (uint8_t)(sum >> (8 * i));
    tamper("meta", META_IDENTITY, &value);
    assert_int_equal(try_open(false), RC_CORRUPT);
}

/* ---- Who has it ---- */

static void a_store_has_one_owner(void **state)
{
    struct ledger *l = open_store(dir);

    (void)state;
    assert_int_equal(try_open(false), RC_LOCKED);
    assert_int_equal(try_open(true), RC_LOCKED);
    ledger_close(l);
    assert_int_equal(try_open(false), RC_OK);
}

static void readers_keep_writers_out(void **state)
{
    struct ledger_options options = {
        .kind = LEDGER_LMDB, .dir = dir, .read_only = true};
    struct ledger *l = open_store(dir);
    struct ledger_report report;

    (void)state;
    must(l, transfer(1, funding(account_id(1), 5)));
    ledger_close(l);
    assert_int_equal(ledger_open(&l, &options), RC_OK);
    assert_int_equal(try_open(false), RC_LOCKED);
    assert_int_equal(available_in(l, account_id(1)), 5);
    assert_int_equal(ledger_verify(l, &report), RC_OK);
    assert_true(report.ok);
    ledger_close(l);
}

static void the_file_is_for_its_owner_only(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(ledger_create(dir), RC_OK);
    assert_int_equal(stat(store, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

/* ---- Growing, and being full ---- */

static struct ledger *open_small(uint64_t reserve)
{
    struct ledger_options options = {.kind = LEDGER_LMDB,
                                     .dir = dir,
                                     .map_size_bytes = 1 << 20,
                                     .disk_reserve_bytes = reserve};
    struct ledger *l = NULL;

    assert_int_equal(ledger_create(dir), RC_OK);
    assert_int_equal(ledger_open(&l, &options), RC_OK);
    return l;
}

struct peeker {
    struct ledger *ledger;
    atomic_bool stop;
    unsigned wrong;
};

/* Reads all the time while the map moves. */
static void *peek(void *arg)
{
    struct peeker *p = arg;

    while (!atomic_load(&p->stop)) {
        struct ledger_account a;
        struct ledger_view *v;

        if (ledger_view_open(&v, p->ledger) != RC_OK) {
            p->wrong++;
            continue;
        }
        if (ledger_view_account(&a, v, account_id(1)) != RC_OK)
            p->wrong++;
        ledger_view_close(v);
    }
    return NULL;
}

static void the_map_grows_while_others_read(void **state)
{
    struct ledger *l = open_small(1);
    struct peeker peeker = {.ledger = l};
    struct ledger_stats stats;
    pthread_t threads[2];

    (void)state;
    must(l, transfer(100000, funding(account_id(1), 5)));
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, peek, &peeker), 0);
    fill(l, 1, 1500); /* 10 MB */
    atomic_store(&peeker.stop, true);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(peeker.wrong, 0);
    ledger_stats(l, &stats);
    assert_in_range(stats.map_size_bytes, 8 << 20, 64 << 20);
    assert_in_range(stats.map_used_bytes, 1 << 20, stats.map_size_bytes);
    laws_check(l);
    ledger_close(l);
}

/* A view that stays open keeps the map where it is: holds are refused, what ends them
 * is not; when it is gone the map grows. */
static void a_map_that_cannot_grow_takes_no_new_holds(void **state)
{
    struct ledger *l = open_small(1);
    struct ledger_view *v;
    struct ledger_stats stats;
    enum rc rc = RC_OK;
    unsigned op = 10;

    (void)state;
    clock_set(TEST_TIME_US, 1000000);
    must(l, transfer(1, funding(account_id(1), 1000)));
    must(l, hold(2, account_id(1), 1));
    assert_int_equal(ledger_view_open(&v, l), RC_OK);
    while (rc == RC_OK && op < 10000) {
        struct ledger_cmd cmd = hold(op++, account_id(1), 0);

        cmd.memo =
            SLICE("some text that takes room in the journal of this small store");
        rc = ledger_call(l, &cmd);
    }
    assert_int_equal(rc, RC_FULL);
    ledger_stats(l, &stats);
    assert_true(stats.refusing_holds);
    assert_true(stats.readers >= 1 && stats.oldest_reader_lag > 0);
    must(l, capture(3, 2, account_id(1), 1));
    must(l, transfer(4, funding(account_id(1), 1)));
    ledger_view_close(v);
    clock_advance_ms(1001); /* it is tried again */
    must(l, note(5));
    must(l, hold(6, account_id(1), 1));
    ledger_stats(l, &stats);
    assert_false(stats.refusing_holds);
    ledger_close(l);
}

static void a_full_disk_takes_no_new_holds(void **state)
{
    struct ledger *l = open_small(UINT64_MAX);
    struct ledger_cmd h = hold(2, account_id(1), 1);
    struct ledger_cmd n = note(3);
    struct ledger_stats stats;

    (void)state;
    must(l, transfer(1, funding(account_id(1), 1000)));
    assert_int_equal(ledger_call(l, &h), RC_FULL);
    assert_int_equal(ledger_call(l, &n), RC_OK); /* a freeze must still work */
    must(l, transfer(4, funding(account_id(1), 1)));
    ledger_stats(l, &stats);
    assert_true(stats.refusing_holds);
    assert_in_range(stats.disk_free_bytes, 1, UINT64_MAX - 1);
    ledger_close(l);
}

/* ---- Snapshots and copies ---- */

static void a_view_is_of_one_moment(void **state)
{
    struct ledger *l = open_store(dir);
    struct ledger_account a;
    struct ledger_view *v;

    (void)state;
    must(l, transfer(1, funding(account_id(1), 5)));
    assert_int_equal(ledger_view_open(&v, l), RC_OK);
    must(l, transfer(2, funding(account_id(1), 6)));
    assert_int_equal(ledger_view_account(&a, v, account_id(1)), RC_OK);
    assert_int_equal(amount_of(a.credits), 5);
    assert_int_equal(ledger_view_head(v), 1);
    ledger_view_close(v);
    assert_int_equal(available_in(l, account_id(1)), 11);
    ledger_close(l);
}

struct mover {
    struct ledger *ledger;
    atomic_bool stop;
    unsigned moved;
};

static void *move_on(void *arg)
{
    struct mover *m = arg;

    while (!atomic_load(&m->stop)) {
        struct ledger_cmd cmd = transfer(10 + m->moved, funding(account_id(1), 1));

        if (ledger_call(m->ledger, &cmd) != RC_OK)
            break;
        m->moved++;
    }
    return NULL;
}

static void check_copy(const char *copy)
{
    struct ledger_options options = {.kind = LEDGER_LMDB, .dir = copy};
    struct ledger *l;

    assert_int_equal(ledger_open(&l, &options), RC_OK);
    laws_check(l);
    must(l, note(9000000)); /* it is a book like any other */
    ledger_close(l);
}

static void a_copy_made_while_writing_is_a_whole_book(void **state)
{
    struct ledger *l = open_store(dir);
    struct mover mover = {.ledger = l};
    pthread_t thread;
    char copies[5][DIR_SIZE];

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, move_on, &mover), 0);
    for (unsigned i = 0; i < 5; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "copy-%u", i);
        dir_file(copies[i], dir, name);
        assert_int_equal(ledger_backup(l, copies[i]), RC_OK);
        assert_int_equal(ledger_backup(l, copies[i]), RC_EXISTS);
    }
    atomic_store(&mover.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    laws_check(l);
    ledger_close(l);
    for (unsigned i = 0; i < 5; i++)
        check_copy(copies[i]);
}

static void a_copy_that_fails_leaves_nothing(void **state)
{
    struct ledger *l = open_memory();
    char copy[DIR_SIZE];

    (void)state;
    dir_file(copy, dir, "copy");
    assert_int_equal(ledger_backup(l, copy), RC_BAD_INPUT); /* the model has no file */
    assert_int_equal(access(copy, F_OK), -1);
    ledger_close(l);
    l = open_store(dir);
    dir_file(copy, dir, "no/copy");
    assert_int_equal(ledger_backup(l, copy), RC_IO);
    ledger_close(l);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_missing_or_empty_store_is_not_made_anew),
        TEST(create_does_not_touch_what_is_there),
        TEST(create_passes_over_what_a_crash_left),
        TEST(create_needs_its_folder),
        TEST(what_is_not_a_store_is_refused),
        TEST(a_store_that_was_cut_is_refused),
        TEST(a_store_without_its_meta_rows_is_refused),
        TEST(a_head_that_does_not_match_is_refused),
        TEST(another_version_is_refused),
        TEST(a_store_has_one_owner),
        TEST(readers_keep_writers_out),
        TEST(the_file_is_for_its_owner_only),
        TEST(the_map_grows_while_others_read),
        TEST(a_map_that_cannot_grow_takes_no_new_holds),
        TEST(a_full_disk_takes_no_new_holds),
        TEST(a_view_is_of_one_moment),
        TEST(a_copy_made_while_writing_is_a_whole_book),
        TEST(a_copy_that_fails_leaves_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

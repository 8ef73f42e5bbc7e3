/* SPDX-License-Identifier: Apache-2.0 */
/* A disk that fails: the n-th write, flush or mapping of the store goes wrong, for
 * every n, and for good. This program has its own pwrite() and others, which LMDB finds
 * before those of libc. Whatever fails: nothing is acknowledged that is not there, what
 * is asked again has one effect, and when the disk is well again so is the book,
 * without a restart. */
#include "base/clock.h"
#include "base/log.h"
#include "tests/laws.h"
#include "tests/ledger_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- The disk ---- */

enum fault {
    NO_FAULT,
    WRITE_EIO,
    WRITE_ENOSPC,
    WRITE_SHORT, /* half of it is written */
    WRITE_LATE,  /* it is written, and then said to have failed */
    WRITE_STUCK, /* so, and what would undo it is lost */
    FLUSH_EIO,
    FLUSH_LATE, /* it is flushed, and then said to have failed */
    MAP_ENOMEM
};

static atomic_int fault_kind;
static atomic_int fault_after; /* so many go well before */
static atomic_int fault_count; /* and so many go wrong */
static atomic_int faults_met;

static void break_disk(enum fault kind, int after, int count)
{
    atomic_store(&fault_kind, NO_FAULT);
    atomic_store(&fault_after, after);
    atomic_store(&fault_count, count);
    atomic_store(&faults_met, 0);
    atomic_store(&fault_kind, (int)kind);
}

static void mend_disk(void)
{
    atomic_store(&fault_kind, NO_FAULT);
}

static bool goes_wrong(bool kind_matches)
{
    if (!kind_matches || atomic_fetch_sub(&fault_after, 1) > 0)
        return false;
    if (atomic_fetch_sub(&fault_count, 1) <= 0)
        return false;
    atomic_fetch_add(&faults_met, 1);
    return true;
}

/* The write goes on with *len; then *error, if not 0, is what is said of it. */
static bool write_goes_wrong(size_t *len, int *error)
{
    int kind = atomic_load(&fault_kind);

    *error = 0;
    if (!goes_wrong(kind >= WRITE_EIO && kind <= WRITE_STUCK))
        return false;
    if (kind == WRITE_SHORT)
        *len = (*len + 1) / 2;
    else
        *error = kind == WRITE_ENOSPC ? ENOSPC : EIO;
    return kind == WRITE_EIO || kind == WRITE_ENOSPC ||
           (kind == WRITE_STUCK && atomic_load(&faults_met) > 1);
}

static ssize_t say(ssize_t done, int error)
{
    if (error == 0)
        return done;
    errno = error;
    return -1;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    int error;
    bool lost = write_goes_wrong(&len, &error);

    return say(lost ? -1 : syscall(SYS_pwrite64, fd, bytes, len, at), error);
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
    size_t parts = (size_t)count;
    int error;
    bool lost = write_goes_wrong(&parts, &error);

    return say(lost ? -1 : syscall(SYS_writev, fd, iov, (int)parts), error);
}

static int flush(long call, int fd)
{
    int kind = atomic_load(&fault_kind);

    if (!goes_wrong(kind == FLUSH_EIO || kind == FLUSH_LATE))
        return (int)syscall(call, fd);
    if (kind == FLUSH_LATE)
        (void)syscall(call, fd);
    errno = EIO;
    return -1;
}

int fdatasync(int fd)
{
    return flush(SYS_fdatasync, fd);
}

int fsync(int fd)
{
    return flush(SYS_fsync, fd);
}

void *mmap(void *at, size_t len, int prot, int flags, int fd, off_t from)
{
    bool store = (flags & MAP_SHARED) != 0;
    int kind = atomic_load(&fault_kind);

    if (goes_wrong(store && kind == MAP_ENOMEM)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return (void *)(uintptr_t)syscall(SYS_mmap, at, len, prot, flags, fd, from);
}

/* ---- A client that does not give up ---- */

struct client {
    struct ledger *ledger;
    unsigned refused;
    unsigned replayed;
};

static bool may_be_asked_again(enum rc rc)
{
    return rc == RC_IO || rc == RC_FULL;
}

static void insist(struct client *c, struct ledger_cmd cmd)
{
    enum rc rc = ledger_call(c->ledger, &cmd);

    for (unsigned tries = 0; may_be_asked_again(rc) && tries < 20; tries++) {
        c->refused++;
        clock_advance_ms(1001); /* a store that keeps failing is tried once a second */
        rc = ledger_call(c->ledger, &cmd);
    }
    assert_int_equal(rc, RC_OK);
    c->replayed += cmd.result.replayed;
}

static void pay_three_times(struct client *c, unsigned op)
{
    insist(c, transfer(op, funding(account_id(1), 100)));
    for (unsigned i = 1; i < 9; i += 3) {
        struct ledger_cmd taken = capture(op + i + 1, op + i, account_id(1), 7);

        taken.write_count = 1;
        taken.writes[0] = write_of(LEDGER_PUT, "k", "value", LEDGER_ANY);
        insist(c, hold(op + i, account_id(1), 10));
        insist(c, taken);
        insist(c, hold(op + i + 2, account_id(1), 0));
    }
}

static void check_paid(struct ledger *l, unsigned times)
{
    struct ledger_account a = account_in(l, account_id(1));

    assert_int_equal(amount_of(a.credits), 100 * times);
    assert_int_equal(amount_of(a.debits), 21 * times);
    assert_int_equal(amount_of(a.held), 0);
    laws_check(l);
}

/* Returns how often an operation that was refused turned out to have been done. */
static unsigned survive(enum fault kind, int times)
{
    unsigned replayed = 0;
    unsigned refused = 0;
    bool met = true;
    int after;

    for (after = 0; met; after++) {
        char dir[DIR_SIZE];
        struct client c = {.refused = 0};

        assert_in_range(after, 0, 2000);
        dir_make(dir);
        c.ledger = open_store(dir);
        pay_three_times(&c, 1);
        assert_int_equal(c.refused, 0);
        break_disk(kind, after, times);
        pay_three_times(&c, 100);
        met = atomic_load(&faults_met) > 0;
        mend_disk();
        check_paid(c.ledger, 2);
        replayed += c.replayed;
        refused += c.refused;
        ledger_close(c.ledger);
        c.ledger = open_store(dir);
        check_paid(c.ledger, 2);
        ledger_close(c.ledger);
        dir_remove(dir);
    }
    print_message("%d places, %u refused, %u found done\n", after - 1, refused,
                  replayed);
    assert_true(after > 10);
    assert_true(refused >= (unsigned)after / 2);
    return replayed;
}

static int stop_clock(void **state)
{
    (void)state;
    clock_set(TEST_TIME_US, 1000);
    log_set_level(LOG_ERROR + 1); /* there is much to say */
    return 0;
}

static int free_clock(void **state)
{
    (void)state;
    mend_disk();
    clock_real();
    log_set_level(LOG_INFO);
    return 0;
}

static void every_write_may_fail_once(void **state)
{
    (void)state;
    survive(WRITE_EIO, 1);
    survive(WRITE_ENOSPC, 1);
    survive(WRITE_SHORT, 1);
    survive(WRITE_LATE, 1);
}

static void every_flush_may_fail_once(void **state)
{
    (void)state;
    survive(FLUSH_EIO, 1);
    survive(FLUSH_LATE, 1);
}

static void every_call_may_fail_some_times(void **state)
{
    (void)state;
    survive(WRITE_EIO, 3);
    survive(FLUSH_EIO, 3);
    /* A meta page that is there after all, because taking it back failed as well: the
     * client who asks again learns that it was done. */
    assert_true(survive(WRITE_STUCK, 2) > 0);
}

static void a_dead_disk_acknowledges_nothing(void **state)
{
    char dir[DIR_SIZE];
    struct client c = {.refused = 0};
    struct ledger_stats stats;

    (void)state;
    dir_make(dir);
    c.ledger = open_store(dir);
    pay_three_times(&c, 1);
    break_disk(FLUSH_EIO, 0, 1000000);
    for (unsigned i = 0; i < 10; i++) {
        struct ledger_cmd cmd = transfer(100 + i, funding(account_id(1), 5));

        assert_int_equal(ledger_call(c.ledger, &cmd), RC_IO);
        clock_advance_ms(i % 3 * 600);
    }
    ledger_stats(c.ledger, &stats);
    assert_true(stats.failing);
    mend_disk();
    clock_advance_ms(1001);
    insist(&c, note(200));
    assert_int_equal(c.refused, 0);
    ledger_stats(c.ledger, &stats);
    assert_false(stats.failing);
    check_paid(c.ledger, 1);
    ledger_close(c.ledger);
    dir_remove(dir);
}

/* Between two tries, one second apart, the disk is left alone. */
static void a_failing_store_is_tried_once_a_second(void **state)
{
    char dir[DIR_SIZE];
    struct ledger *l;
    int met;

    (void)state;
    dir_make(dir);
    l = open_store(dir);
    break_disk(FLUSH_EIO, 0, 1000000);
    for (unsigned i = 0; i < 5; i++) {
        struct ledger_cmd cmd = note(1 + i);

        assert_int_equal(ledger_call(l, &cmd), RC_IO);
    }
    met = atomic_load(&faults_met);
    for (unsigned i = 0; i < 50; i++) {
        struct ledger_cmd cmd = note(10 + i);

        assert_int_equal(ledger_call(l, &cmd), RC_IO);
    }
    assert_int_equal(atomic_load(&faults_met), met);
    mend_disk();
    ledger_close(l);
    dir_remove(dir);
}

static void a_store_is_created_whole_or_not_at_all(void **state)
{
    static const enum fault kinds[] = {WRITE_EIO, WRITE_ENOSPC, WRITE_SHORT, FLUSH_EIO,
                                       MAP_ENOMEM};

    (void)state;
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        bool met = true;

        for (int after = 0; met; after++) {
            char dir[DIR_SIZE];
            enum rc rc;

            dir_make(dir);
            break_disk(kinds[k], after, 1);
            rc = ledger_create(dir);
            met = atomic_load(&faults_met) > 0;
            mend_disk();
            /* When the folder's flush fails the book is whole, but nobody was told. */
            assert_true(rc != RC_OK || ledger_create(dir) == RC_EXISTS);
            ledger_close(open_store(dir));
            dir_remove(dir);
        }
    }
}

static void a_copy_is_flushed_or_refused(void **state)
{
    char dir[DIR_SIZE];
    char copy[DIR_SIZE];
    struct ledger *l;

    (void)state;
    dir_make(dir);
    dir_file(copy, dir, "copy");
    l = open_store(dir);
    must(l, transfer(1, funding(account_id(1), 5)));
    for (int after = 0; after < 2; after++) { /* the file, its folder */
        break_disk(FLUSH_EIO, after, 1);
        assert_int_equal(ledger_backup(l, copy), RC_IO);
        mend_disk();
        if (access(copy, F_OK) == 0)
            dir_remove(copy);
    }
    assert_int_equal(ledger_backup(l, copy), RC_OK);
    ledger_close(l);
    l = open_store(copy);
    laws_check(l);
    ledger_close(l);
    dir_remove(dir);
}

static void a_map_that_fails_to_grow_is_opened_again(void **state)
{
    struct ledger_options options = {.kind = LEDGER_LMDB, .map_size_bytes = 1 << 20};
    static const char text[1000] = "t";
    char dir[DIR_SIZE];
    struct client c = {.refused = 0};

    (void)state;
    dir_make(dir);
    options.dir = dir;
    options.disk_reserve_bytes = 1;
    assert_int_equal(ledger_create(dir), RC_OK);
    assert_int_equal(ledger_open(&c.ledger, &options), RC_OK);
    break_disk(MAP_ENOMEM, 0, 1);
    for (unsigned i = 0; i < 1000; i++) {
        struct ledger_cmd cmd = transfer(1 + i, funding(account_id(1), 1));

        cmd.memo = slice_from(text, sizeof(text));
        insist(&c, cmd);
    }
    assert_int_equal(atomic_load(&faults_met), 1);
    assert_in_range(c.refused, 1, 3);
    assert_int_equal(available_in(c.ledger, account_id(1)), 1000);
    laws_check(c.ledger);
    ledger_close(c.ledger);
    dir_remove(dir);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, stop_clock, free_clock)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_write_may_fail_once),
        TEST(every_flush_may_fail_once),
        TEST(every_call_may_fail_some_times),
        TEST(a_dead_disk_acknowledges_nothing),
        TEST(a_failing_store_is_tried_once_a_second),
        TEST(a_store_is_created_whole_or_not_at_all),
        TEST(a_copy_is_flushed_or_refused),
        TEST(a_map_that_fails_to_grow_is_opened_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

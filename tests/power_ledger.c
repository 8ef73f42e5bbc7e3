/* SPDX-License-Identifier: Apache-2.0 */
/* Loss of power: everything that the store writes, flushes and resizes is written down.
 * Then, for many moments, the file is made as a disk could have it when the power went:
 * all that was flushed, and of the rest any part, torn between sectors. Each such file
 * must open, hold what was acknowledged by then, and verify. (A kill, in
 * crash_ledger.c, leaves the page cache whole; this does not.) ROUNDS (default 100)
 * times four files. */
#include "base/clock.h"
#include "base/log.h"
#include "tests/laws.h"
#include "tests/ledger_fixture.h"
#include "tests/prng.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    EVENTS_MAX = 100000,
    FILE_MAX = 64 << 20,
    SECTOR = 512,
    BLOCK = 4096,
    COMMANDS = 240,
    IMAGES_PER_ROUND = 4
};

/* ---- What happened to the file ---- */

enum what {
    WROTE,
    FLUSHED,   /* everything before it is on the disk */
    FLUSHED_1, /* the write before it is: a synchronous one */
    RESIZED,
    ACKNOWLEDGED
};

struct event {
    enum what what;
    uint64_t at; /* WROTE; RESIZED: the length */
    size_t len;
    char *bytes;
    unsigned op; /* ACKNOWLEDGED */
    bool stuck;  /* WROTE: it failed, and no flush tries it again */
};

static struct event events[EVENTS_MAX];
static unsigned event_count;
static pthread_mutex_t events_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool watching;
static ino_t watched;

static bool is_watched(int fd)
{
    struct stat st;

    return atomic_load(&watching) && fstat(fd, &st) == 0 && st.st_ino == watched;
}

static void note_event(struct event e)
{
    pthread_mutex_lock(&events_lock);
    if (event_count == EVENTS_MAX)
        abort();
    events[event_count++] = e;
    pthread_mutex_unlock(&events_lock);
}

/* fd -1: it did not reach the disk, whatever was asked for. */
static void note_write(int fd, const void *bytes, size_t len, uint64_t at)
{
    struct event e = {
        .what = WROTE, .at = at, .len = len, .bytes = malloc(len), .stuck = fd < 0};

    if (e.bytes == NULL)
        abort();
    memcpy(e.bytes, bytes, len);
    note_event(e);
    if (fd >= 0 && (fcntl(fd, F_GETFL) & O_DSYNC) != 0)
        note_event((struct event){.what = FLUSHED_1});
}

/* From the n-th synchronous write on: it reaches the page cache but not the disk and is
 * said to have failed, and so is what LMDB then writes to undo it. */
static atomic_int stuck_after = INT_MAX;

static bool is_stuck(int fd, bool *undo)
{
    static atomic_bool undoing;
    bool synchronous = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;

    *undo = !synchronous && atomic_exchange(&undoing, false);
    if (*undo)
        return true;
    if (!synchronous || atomic_fetch_sub(&stuck_after, 1) != 0)
        return false;
    atomic_store(&undoing, true);
    return true;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    bool watched_file = is_watched(fd);
    bool undo = false;
    bool stuck = watched_file && is_stuck(fd, &undo);
    ssize_t done = undo ? -1 : syscall(SYS_pwrite64, fd, bytes, len, at);

    if (done > 0 && watched_file)
        note_write(stuck ? -1 : fd, bytes, (size_t)done, (uint64_t)at);
    if (!stuck)
        return done;
    errno = EIO;
    return -1;
}

ssize_t writev(int fd, const struct iovec *iov, int count)
{
    off_t at = lseek(fd, 0, SEEK_CUR);
    ssize_t done = syscall(SYS_writev, fd, iov, count);
    size_t left = done > 0 ? (size_t)done : 0;

    for (int i = 0; i < count && left > 0 && is_watched(fd); i++) {
        size_t len = iov[i].iov_len < left ? iov[i].iov_len : left;

        note_write(fd, iov[i].iov_base, len, (uint64_t)at);
        at += (off_t)len;
        left -= len;
    }
    return done;
}

static void note_size(int fd)
{
    struct stat st;

    if (is_watched(fd) && fstat(fd, &st) == 0)
        note_event((struct event){.what = RESIZED, .at = (uint64_t)st.st_size});
}

int fallocate(int fd, int mode, off_t from, off_t len)
{
    int done = (int)syscall(SYS_fallocate, fd, mode, from, len);

    note_size(fd);
    return done;
}

int ftruncate(int fd, off_t len)
{
    int done = (int)syscall(SYS_ftruncate, fd, len);

    note_size(fd);
    return done;
}

int fdatasync(int fd)
{
    int done = (int)syscall(SYS_fdatasync, fd);

    if (done == 0 && is_watched(fd))
        note_event((struct event){.what = FLUSHED});
    return done;
}

int fsync(int fd)
{
    int done = (int)syscall(SYS_fsync, fd);

    if (done == 0 && is_watched(fd))
        note_event((struct event){.what = FLUSHED});
    return done;
}

/* ---- The story ---- */

static void acknowledged(unsigned op)
{
    note_event((struct event){.what = ACKNOWLEDGED, .op = op});
}

/* Whoever is refused asks again. */
static void call(struct ledger *l, unsigned op, struct ledger_cmd cmd)
{
    enum rc rc = ledger_call(l, &cmd);

    for (unsigned tries = 0; rc == RC_IO && tries < 3; tries++)
        rc = ledger_call(l, &cmd);
    assert_int_equal(rc, RC_OK);
    acknowledged(op);
}

static void live(struct ledger *l)
{
    for (unsigned op = 1; op <= COMMANDS; op += 3) {
        struct ledger_cmd c = capture(op + 2, op + 1, account_id(op), 60);

        c.write_count = 1;
        c.writes[0] =
            write_of(LEDGER_PUT, op % 2 == 0 ? "even" : "odd", "v", LEDGER_ANY);
        c.tags[0] = account_id(7);
        c.memo = SLICE("a memo that makes the entry somewhat longer than it must be");
        call(l, op, transfer(op, funding(account_id(op), 100)));
        call(l, op + 1, hold(op + 1, account_id(op), 70));
        call(l, op + 2, c);
    }
}

/* ---- The disk after the power went ---- */

struct disk {
    char *flushed; /* FILE_MAX bytes */
    uint64_t flushed_len;
    uint64_t len;
    unsigned first_loose; /* events from here on may be lost */
    unsigned acked;       /* the largest op */
};

static void apply(char *file, const struct event *e, size_t from, size_t len)
{
    if (e->at + from + len > FILE_MAX)
        abort();
    memcpy(file + e->at + from, e->bytes + from, len);
}

static void flush_until(struct disk *d, unsigned end)
{
    for (unsigned i = d->first_loose; i < end; i++) {
        if (events[i].what == WROTE && !events[i].stuck)
            apply(d->flushed, &events[i], 0, events[i].len);
    }
    d->first_loose = end;
    d->flushed_len = d->len;
}

static void step(struct disk *d, unsigned i)
{
    const struct event *e = &events[i];

    switch (e->what) {
    case WROTE:
        if (e->at + e->len > d->len)
            d->len = e->at + e->len;
        break;
    case RESIZED:
        d->len = e->at;
        break;
    case FLUSHED:
        flush_until(d, i);
        break;
    case FLUSHED_1:
        apply(d->flushed, &events[i - 1], 0, events[i - 1].len);
        break;
    case ACKNOWLEDGED:
        d->acked = e->op;
        break;
    }
}

/* Of what was not flushed each write is there, is not, or is there in some sectors. */
static void tear(char *file, const struct disk *d, unsigned end, struct prng *p)
{
    for (unsigned i = d->first_loose; i < end; i++) {
        const struct event *e = &events[i];
        uint64_t fate = prng_below(p, 3);

        if (e->what != WROTE)
            continue;
        if (fate == 0)
            apply(file, e, 0, e->len);
        for (size_t at = 0; fate == 1 && at < e->len; at += SECTOR) {
            size_t len = e->len - at < SECTOR ? e->len - at : SECTOR;

            if (prng_below(p, 2) == 0)
                apply(file, e, at, len);
        }
    }
}

static void write_image(const char *path, const char *file, uint64_t len)
{
    static const char zeros[BLOCK];
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)len), 0);
    for (uint64_t at = 0; at < len; at += BLOCK) {
        size_t part = len - at < BLOCK ? (size_t)(len - at) : BLOCK;

        if (memcmp(file + at, zeros, part) != 0)
            assert_int_equal(pwrite(fd, file + at, part, (off_t)at), part);
    }
    assert_int_equal(close(fd), 0);
}

static void check_image(const char *dir, unsigned acked)
{
    struct ledger_options options = {.kind = LEDGER_LMDB, .dir = dir};
    struct ledger_report report;
    struct ledger_view *v;
    struct ledger *l;

    assert_int_equal(ledger_open(&l, &options), RC_OK);
    assert_int_equal(ledger_view_open(&v, l), RC_OK);
    for (unsigned op = 1; op <= acked; op++) {
        uint64_t seq;

        assert_int_equal(ledger_view_find(&seq, v, op_id(op)), RC_OK);
    }
    assert_in_range(ledger_view_head(v), acked, acked + 1);
    ledger_view_close(v);
    assert_int_equal(ledger_verify(l, &report), RC_OK);
    if (!report.ok)
        fail_msg("%s", report.faults[0]);
    ledger_close(l);
}

static void power_goes(const struct disk *d, unsigned end, struct prng *p)
{
    char *file = calloc(1, FILE_MAX);
    char dir[DIR_SIZE];
    char path[DIR_SIZE];
    /* What was not flushed of the length may be lost as well. */
    bool longer = prng_below(p, 2) == 0 || d->len < d->flushed_len;

    assert_non_null(file);
    memcpy(file, d->flushed, (size_t)d->flushed_len);
    tear(file, d, end, p);
    dir_make(dir);
    dir_file(path, dir, "ledger.mdb");
    write_image(path, file, longer ? d->len : d->flushed_len);
    check_image(dir, d->acked);
    dir_remove(dir);
    free(file);
}

static void read_start(struct disk *d, const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_in_range(st.st_size, 1, FILE_MAX);
    d->flushed = calloc(1, FILE_MAX);
    assert_non_null(d->flushed);
    assert_int_equal(pread(fd, d->flushed, (size_t)st.st_size, 0), st.st_size);
    d->flushed_len = d->len = (uint64_t)st.st_size;
    watched = st.st_ino;
    assert_int_equal(close(fd), 0);
}

static unsigned rounds(void)
{
    const char *text = getenv("ROUNDS");

    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : 100;
}

/* Lives with the disk being watched, then loses power at some of the moments. */
static void live_and_lose_power(unsigned images, int stuck)
{
    struct disk disk = {.acked = 0};
    struct prng p = {(uint64_t)stuck};
    char dir[DIR_SIZE];
    char path[DIR_SIZE];
    struct ledger *l;
    unsigned close_look_until = 0;

    dir_make(dir);
    dir_file(path, dir, "ledger.mdb");
    assert_int_equal(ledger_create(dir), RC_OK);
    read_start(&disk, path);
    event_count = 0;
    atomic_store(&watching, true);
    l = open_store(dir);
    atomic_store(&stuck_after, stuck);
    live(l);
    atomic_store(&stuck_after, INT_MAX);
    atomic_store(&watching, false);
    ledger_close(l);
    dir_remove(dir);
    for (unsigned i = 0; i < event_count; i++) {
        /* Before the event counts: a flush that began may not have done its work. */
        if (prng_below(&p, event_count) < images || i < close_look_until)
            power_goes(&disk, i, &p);
        if (events[i].stuck)
            close_look_until = i + 20;
        step(&disk, i);
    }
    power_goes(&disk, event_count, &p);
    assert_int_equal(disk.acked, COMMANDS);
    for (unsigned i = 0; i < event_count; i++)
        free(events[i].bytes);
    free(disk.flushed);
}

static void what_was_acknowledged_survives_a_loss_of_power(void **state)
{
    (void)state;
    live_and_lose_power(rounds() * IMAGES_PER_ROUND, INT_MAX);
    assert_true(event_count > 3 * COMMANDS);
}

/* A commit whose meta page is in the page cache only, so that the operation is found
 * done when it is asked for again: it must not be acknowledged before it is on the
 * disk. */
static void so_does_what_was_found_done_after_a_failure(void **state)
{
    (void)state;
    for (int stuck = 3; stuck < COMMANDS; stuck += 40)
        live_and_lose_power(rounds() / 4, stuck);
}

static int hush(void **state)
{
    (void)state;
    log_set_level(LOG_ERROR + 1);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_survives_a_loss_of_power),
        cmocka_unit_test(so_does_what_was_found_done_after_a_failure),
    };

    return cmocka_run_group_tests(tests, hush, NULL);
}

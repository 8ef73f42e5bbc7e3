/* SPDX-License-Identifier: Apache-2.0 */
/* A bit of the file flips, anywhere: in rows, in LMDB's pages, in what is free. LMDB
 * has no checksums, so a process may even die of it, and that is counted; but no book
 * may open, verify, and say other things than it did. ROUNDS (default 100) times ten
 * flips, each looked at by a child of its own. */
#include "base/clock.h"
#include "base/log.h"
#include "tests/ledger_fixture.h"
#include "tests/ledger_story.h"
#include "tests/prng.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    FLIPS_PER_ROUND = 10,
    EXTRA_ACCOUNTS = 400 /* so that tables have more than one page */
};

/* What a child found. */
enum finding {
    REFUSED,    /* it does not open */
    FOUND,      /* verify says so */
    UNREADABLE, /* it cannot be exported */
    NO_MATTER,  /* everything is as it was */
    WRONG,      /* it verifies and says other things */
    DIED,       /* in LMDB */
    FINDINGS
};

static char dir[DIR_SIZE];
static char store[DIR_SIZE];
static char *truth; /* the export of the book as it was */

static char *export_of(struct ledger *l)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    enum rc rc;

    if (out == NULL)
        abort();
    rc = ledger_export(l, out);
    (void)fclose(out);
    if (rc == RC_OK)
        return text;
    free(text);
    return NULL;
}

static int write_book(void **state)
{
    struct ledger *l;

    (void)state;
    clock_set(TEST_TIME_US, 1000);
    log_set_level(LOG_ERROR + 1);
    dir_make(dir);
    dir_file(store, dir, "ledger.mdb");
    l = open_store(dir);
    story(l);
    for (unsigned i = 0; i < EXTRA_ACCOUNTS; i++) {
        struct ledger_cmd t = transfer(10000 + i, funding(account_id(2000 + i), 5));

        t.tags[0] = account_id(3000 + i % 7);
        must(l, t);
    }
    truth = export_of(l);
    assert_non_null(truth);
    ledger_close(l);
    return 0;
}

static int drop_book(void **state)
{
    (void)state;
    free(truth);
    dir_remove(dir);
    clock_real();
    return 0;
}

static enum finding look(void)
{
    struct ledger_options options = {
        .kind = LEDGER_LMDB, .dir = dir, .read_only = true};
    struct ledger_report report;
    struct ledger *l;
    char *text;

    if (ledger_open(&l, &options) != RC_OK)
        return REFUSED;
    if (ledger_verify(l, &report) != RC_OK || !report.ok)
        return FOUND;
    text = export_of(l);
    if (text == NULL)
        return UNREADABLE;
    return strcmp(text, truth) == 0 ? NO_MATTER : WRONG;
}

static enum finding look_in_a_child(void)
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)signal(SIGSEGV, SIG_DFL);
        (void)signal(SIGBUS, SIG_DFL);
        (void)alarm(20);
        _exit((int)look());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) < FINDINGS
               ? (enum finding)WEXITSTATUS(status)
               : DIED;
}

static void flip(int fd, uint64_t bit)
{
    uint8_t byte;

    assert_int_equal(pread(fd, &byte, 1, (off_t)(bit / 8)), 1);
    byte ^= (uint8_t)(1 << bit % 8);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)(bit / 8)), 1);
}

static uint64_t used_len(void)
{
    struct ledger_options options = {
        .kind = LEDGER_LMDB, .dir = dir, .read_only = true};
    struct ledger_stats stats;
    struct ledger *l;

    assert_int_equal(ledger_open(&l, &options), RC_OK);
    ledger_stats(l, &stats);
    ledger_close(l);
    return stats.map_used_bytes;
}

static unsigned rounds(void)
{
    const char *text = getenv("ROUNDS");

    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : 100;
}

static void no_flipped_bit_passes_for_the_truth(void **state)
{
    unsigned found[FINDINGS] = {0};
    uint64_t bits = used_len() * 8;
    unsigned flips = rounds() * FLIPS_PER_ROUND;
    struct prng p = {31};
    int fd = open(store, O_RDWR | O_CLOEXEC);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(look_in_a_child(), NO_MATTER);
    for (unsigned i = 0; i < flips; i++) {
        uint64_t bit = prng_below(&p, bits);
        enum finding finding;

        flip(fd, bit);
        finding = look_in_a_child();
        if (finding == WRONG)
            fail_msg("bit %llu", (unsigned long long)bit);
        found[finding]++;
        flip(fd, bit);
    }
    assert_int_equal(close(fd), 0);
    assert_int_equal(look_in_a_child(), NO_MATTER);
    print_message("%u refused, %u found, %u unreadable, %u of no matter, %u died\n",
                  found[REFUSED], found[FOUND], found[UNREADABLE], found[NO_MATTER],
                  found[DIED]);
    assert_true(found[FOUND] > flips / 20);
    assert_true(found[DIED] < flips / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_flipped_bit_passes_for_the_truth, write_book,
                                        drop_book),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

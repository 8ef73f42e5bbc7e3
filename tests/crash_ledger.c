/* SPDX-License-Identifier: Apache-2.0 */
/* Kill -9 at any moment: a child moves money and passes on through a pipe what the book
 * acknowledged to it; the parent kills it and opens the book. Every acknowledged
 * operation is there, once, and the laws hold. ROUNDS (default 100) kills. */
#include "tests/laws.h"
#include "tests/ledger_fixture.h"
#include "tests/prng.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    THREADS = 3,
    OPS_EACH = 1 << 16, /* of a thread of a round */
    WALLET = 1,
    LONGEST_US = 30000
};

/* Less than PIPE_BUF: written whole or not at all. */
struct ack {
    struct id op;
    uint64_t seq;
    uint64_t moved;
};

struct worker {
    struct ledger *ledger;
    int pipe;
    unsigned first_op;
};

static void call(const struct worker *w, struct ledger_cmd *cmd)
{
    enum rc rc = ledger_call(w->ledger, cmd);
    struct ack ack = {.op = cmd->op, .seq = cmd->result.seq};

    ack.moved = cmd->verb == LEDGER_HOLD ? 0 : amount_of(cmd->legs[0].amount);
    if (rc != RC_OK || write(w->pipe, &ack, sizeof(ack)) != sizeof(ack))
        _exit(3);
}

static void *work(void *arg)
{
    const struct worker *w = arg;

    for (unsigned i = 0; i + 3 < OPS_EACH; i += 3) {
        unsigned op = w->first_op + i;
        struct ledger_cmd t = transfer(op, funding(account_id(WALLET), 100));
        struct ledger_cmd h = hold(op + 1, account_id(WALLET), 70);
        struct ledger_cmd c = capture(op + 2, op + 1, account_id(WALLET), 60);

        t.tags[0] = account_id(7);
        c.write_count = 1;
        c.writes[0] = write_of(LEDGER_PUT, "last", "value", LEDGER_ANY);
        call(w, &t);
        call(w, &h);
        call(w, &c);
    }
    return NULL;
}

/* The child. It never returns, and never runs what the parent's tests left to do. */
static void move_money(const char *dir, int pipe, unsigned round)
{
    struct ledger_options options = {.kind = LEDGER_LMDB, .dir = dir};
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    struct ledger *l;
    uint64_t count;

    if (ledger_open(&l, &options) != RC_OK || ledger_recover(l, &count) != RC_OK)
        _exit(2);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){l, pipe, 1 + (round * THREADS + i) * OPS_EACH};
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
            _exit(2);
    }
    for (unsigned i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    _exit(4); /* it should have been killed */
}

struct acks {
    struct ack *ack;
    size_t count;
    size_t room;
};

static void read_acks(struct acks *a, int pipe)
{
    struct ack ack;
    ssize_t len;

    while ((len = read(pipe, &ack, sizeof(ack))) != 0) {
        if (len < 0 && errno == EINTR)
            continue;
        assert_int_equal(len, sizeof(ack));
        if (a->count == a->room) {
            a->room = a->room > 0 ? 2 * a->room : 1024;
            a->ack = reallocarray(a->ack, a->room, sizeof(ack));
            assert_non_null(a->ack);
        }
        a->ack[a->count++] = ack;
    }
}

static void kill_one(struct acks *a, const char *dir, unsigned round, uint64_t after_us)
{
    struct timespec wait = {.tv_nsec = (long)after_us * 1000};
    int pipes[2];
    int status;
    pid_t child;

    assert_int_equal(pipe(pipes), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(pipes[0]);
        move_money(dir, pipes[1], round);
    }
    close(pipes[1]);
    nanosleep(&wait, NULL);
    assert_int_equal(kill(child, SIGKILL), 0);
    read_acks(a, pipes[0]);
    close(pipes[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    /* Not by a fault of its own. */
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void check_acks(struct ledger *l, const struct acks *a, size_t from)
{
    struct ledger_view *v;

    assert_int_equal(ledger_view_open(&v, l), RC_OK);
    for (size_t i = from; i < a->count; i++) {
        struct ledger_entry e;
        uint64_t seq;

        assert_int_equal(ledger_view_find(&seq, v, a->ack[i].op), RC_OK);
        assert_int_equal(seq, a->ack[i].seq);
        assert_int_equal(ledger_view_entry(&e, v, seq), RC_OK);
        assert_int_equal(id_cmp(e.op, a->ack[i].op), 0);
        if (e.verb != LEDGER_HOLD)
            assert_int_equal(amount_of(e.legs[0].amount), a->ack[i].moved);
    }
    ledger_view_close(v);
}

/* After the kill: open, give back what was held, check everything of this round. */
static void check_book(const char *dir, const struct acks *a, size_t from)
{
    struct ledger *l = open_store(dir);
    struct ledger_stats stats;
    struct ledger_report report;
    uint64_t count;

    assert_int_equal(ledger_recover(l, &count), RC_OK);
    assert_in_range(count, 0, THREADS);
    ledger_stats(l, &stats);
    assert_int_equal(stats.holds, 0);
    check_acks(l, a, from);
    assert_int_equal(ledger_verify(l, &report), RC_OK);
    if (!report.ok)
        fail_msg("%s", report.faults[0]);
    ledger_close(l);
}

static unsigned rounds(void)
{
    const char *text = getenv("ROUNDS");

    return text != NULL ? (unsigned)strtoul(text, NULL, 10) : 100;
}

static void what_was_acknowledged_survives_every_kill(void **state)
{
    struct acks acks = {.count = 0};
    struct prng p = {2024};
    char dir[DIR_SIZE];
    struct ledger *l;

    (void)state;
    dir_make(dir);
    assert_int_equal(ledger_create(dir), RC_OK);
    for (unsigned round = 0; round < rounds(); round++) {
        size_t from = acks.count;

        kill_one(&acks, dir, round, prng_below(&p, LONGEST_US));
        check_book(dir, &acks, from);
    }
    l = open_store(dir);
    check_acks(l, &acks, 0);
    laws_check(l);
    ledger_close(l);
    print_message("%zu operations were acknowledged\n", acks.count);
    assert_true(acks.count > rounds());
    free(acks.ack);
    dir_remove(dir);
}

/* Kills within ledger_create(): afterwards there is a whole book, or none and nothing
 * in the way of making one. */
static void a_kill_while_creating_leaves_all_or_nothing(void **state)
{
    struct prng p = {7};
    unsigned whole = 0;

    (void)state;
    for (unsigned round = 0; round < rounds(); round++) {
        struct timespec wait = {.tv_nsec = (long)prng_below(&p, 20000000)};
        char dir[DIR_SIZE];
        pid_t child;

        dir_make(dir);
        child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(ledger_create(dir) == RC_OK ? 0 : 1);
        nanosleep(&wait, NULL);
        (void)kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        whole += ledger_create(dir) == RC_EXISTS;
        ledger_close(open_store(dir));
        dir_remove(dir);
    }
    print_message("%u of %u were whole\n", whole, rounds());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_acknowledged_survives_every_kill),
        cmocka_unit_test(a_kill_while_creating_leaves_all_or_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

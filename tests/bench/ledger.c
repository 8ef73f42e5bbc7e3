/* SPDX-License-Identifier: Apache-2.0 */
/* The book alone: holds and captures in a process of their own, each durable before it
 * counts, with a fixed number of commands under way. Prints a line for each number:
 *
 *   ledger DIR SECONDS   under way, commands a second, p50 and p99 in microseconds, CPU
 *                        microseconds and bytes of the store per command
 *
 * A report, not a test. DIR is an empty folder on the disk that counts. */
#include "ledger/ledger.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    USD = 1,
    WAYS_MAX = 512,
    SAMPLES_MAX = 1 << 20,
    WALLETS = 1000,
    LEGS = 3 /* a wallet and two limits that bind */
};

/* One call after the other: hold, capture, and again. */
struct way {
    struct ledger_cmd cmd; /* first: done() gets it */
    struct run *run;
    struct id hold;
    unsigned wallet;
    uint64_t since_ns;
};

struct run {
    struct ledger *ledger;
    struct way ways[WAYS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t all_done;
    unsigned busy;
    atomic_bool stop;
    uint64_t count;
    unsigned *latencies_us;
    size_t latency_count;
};

static uint64_t now_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t cpu_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct id account(unsigned wallet, unsigned leg)
{
    struct id id = {{0xac}};

    id.bytes[1] = (uint8_t)leg;
    id.bytes[2] = (uint8_t)(wallet >> 8);
    id.bytes[3] = (uint8_t)wallet;
    return id;
}

static struct ledger_leg leg_of(unsigned wallet, unsigned leg)
{
    static const struct id revenue = {"revenue"};

    return (struct ledger_leg){
        .debit = account(wallet, leg),
        .credit = revenue,
        .amount = money_from_nano(1000),
        .number = USD,
        .debit_flags = LEDGER_NO_OVERDRAFT,
    };
}

static void submit(struct way *w, bool capture, void (*done)(struct ledger_cmd *cmd))
{
    memset(&w->cmd, 0, sizeof(w->cmd));
    w->cmd.verb = capture ? LEDGER_CAPTURE : LEDGER_HOLD;
    w->cmd.forgettable = true;
    w->cmd.done = done;
    if (capture) {
        w->cmd.op = id_with_tail(w->hold, 1);
        w->cmd.hold = w->hold;
        w->cmd.tags[0] = account(w->wallet, 0);
        w->cmd.memo =
            SLICE("{\"kind\":\"chat\",\"model\":\"m\",\"in\":200,\"out\":225}");
    } else {
        w->hold = id_new(clock_wall_us());
        w->cmd.op = w->hold;
    }
    for (unsigned i = 0; i < LEGS; i++)
        w->cmd.legs[i] = leg_of(w->wallet, i);
    w->cmd.leg_count = LEGS;
    w->since_ns = now_ns();
    ledger_submit(w->run->ledger, &w->cmd);
}

/* On the writer's thread. */
static void done(struct ledger_cmd *cmd)
{
    struct way *w = (struct way *)(void *)cmd;
    struct run *r = w->run;
    const bool held = cmd->verb == LEDGER_HOLD;

    if (cmd->result.rc != RC_OK) {
        fprintf(stderr, "a command failed: %s\n", rc_reason(cmd->result.rc));
        exit(1);
    }
    r->count++;
    if (r->latency_count < SAMPLES_MAX)
        r->latencies_us[r->latency_count++] =
            (unsigned)((now_ns() - w->since_ns) / 1000);
    if (!held && r->stop) {
        pthread_mutex_lock(&r->lock);
        if (--r->busy == 0)
            pthread_cond_signal(&r->all_done);
        pthread_mutex_unlock(&r->lock);
        return;
    }
    if (!held)
        w->wallet = (w->wallet + WAYS_MAX) % WALLETS;
    submit(w, held, done);
}

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s failed\n", what);
    exit(1);
}

static void fund(struct ledger *l)
{
    static const struct id bank = {"bank"};

    for (unsigned i = 0; i < WALLETS; i++) {
        struct ledger_cmd cmd = {
            .op = id_new(clock_wall_us()), .verb = LEDGER_TRANSFER, .leg_count = LEGS};

        for (unsigned leg = 0; leg < LEGS; leg++)
            cmd.legs[leg] = (struct ledger_leg){
                .debit = bank,
                .credit = account(i, leg),
                .amount = money_from_nano(UINT64_C(1) << 50),
                .number = USD,
                .credit_flags = LEDGER_NO_OVERDRAFT,
            };
        must(ledger_call(l, &cmd) == RC_OK, "a top-up");
    }
}

static int compare(const void *a, const void *b)
{
    const unsigned x = *(const unsigned *)a;
    const unsigned y = *(const unsigned *)b;

    return (x > y) - (x < y);
}

static uint64_t used_bytes(struct ledger *l)
{
    struct ledger_stats stats = {0};

    ledger_stats(l, &stats);
    return stats.map_used_bytes;
}

static void report(struct run *r, unsigned ways, uint64_t wall_ns, uint64_t busy_ns,
                   uint64_t bytes)
{
    const double count = (double)r->count;

    qsort(r->latencies_us, r->latency_count, sizeof(r->latencies_us[0]), compare);
    printf("%u %.0f %u %u %.1f %.0f\n", ways, count * 1e9 / (double)wall_ns,
           r->latencies_us[r->latency_count / 2],
           r->latencies_us[r->latency_count * 99 / 100], (double)busy_ns / 1e3 / count,
           (double)bytes / count);
}

static void measure(struct run *r, unsigned ways, unsigned seconds)
{
    const uint64_t bytes = used_bytes(r->ledger);
    const uint64_t wall_ns = now_ns();
    const uint64_t busy_ns = cpu_ns();

    r->busy = ways;
    r->count = 0;
    r->latency_count = 0;
    atomic_store(&r->stop, false);
    for (unsigned i = 0; i < ways; i++) {
        r->ways[i] = (struct way){.run = r, .wallet = i % WALLETS};
        submit(&r->ways[i], false, done);
    }
    sleep(seconds);
    atomic_store(&r->stop, true);
    pthread_mutex_lock(&r->lock);
    while (r->busy > 0)
        pthread_cond_wait(&r->all_done, &r->lock);
    pthread_mutex_unlock(&r->lock);
    report(r, ways, now_ns() - wall_ns, cpu_ns() - busy_ns,
           used_bytes(r->ledger) - bytes);
}

int main(int argc, char **argv)
{
    static const unsigned ways[] = {1, 8, 64, 512};
    static struct run r = {.lock = PTHREAD_MUTEX_INITIALIZER,
                           .all_done = PTHREAD_COND_INITIALIZER};
    struct ledger_options options = {.kind = LEDGER_LMDB};

    if (argc != 3) {
        fputs("ledger DIR SECONDS\n", stderr);
        return 1;
    }
    options.dir = argv[1];
    must(ledger_create(argv[1]) == RC_OK, "making the book");
    must(ledger_open(&r.ledger, &options) == RC_OK, "opening the book");
    r.latencies_us = calloc(SAMPLES_MAX, sizeof(r.latencies_us[0]));
    must(r.latencies_us != NULL, "memory");
    fund(r.ledger);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
        measure(&r, ways[i], (unsigned)strtoul(argv[2], NULL, 10));
    ledger_close(r.ledger);
    free(r.latencies_us);
    return 0;
}

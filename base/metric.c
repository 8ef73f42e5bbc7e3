/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: numbers that threads add to without meeting, and their text for Prometheus.
 * Not a store: no rates, no history, no labels that come from a request. */
#include "base/metric.h"

#include <assert.h>
#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    METRICS_MAX = 512,
    SHARDS = 16,
    CACHE_LINE = 64
};

/* Bounds that read well in seconds; each is about twice the one before. */
static const struct bound {
    uint64_t ms;
    const char *le;
} bounds[] = {
    {1, "0.001"},   {2, "0.002"},  {5, "0.005"},  {10, "0.01"},  {20, "0.02"},
    {40, "0.04"},   {80, "0.08"},  {160, "0.16"}, {320, "0.32"}, {640, "0.64"},
    {1250, "1.25"}, {2500, "2.5"}, {5000, "5"},   {10000, "10"}, {20000, "20"},
    {40000, "40"},  {80000, "80"},
};

enum {
    BOUNDS = sizeof(bounds) / sizeof(bounds[0]),
    SLOT_SUM =
        BOUNDS + 1, /* after one slot for each bound and one for above them all */
    SLOTS = BOUNDS + 2
};

enum kind {
    KIND_COUNTER,
    KIND_GAUGE,
    KIND_HISTOGRAM
};

/* A counter and a gauge have one slot per shard. A shard is whole cache lines, so that
 * threads do not take them from each other. */
struct metric {
    const char *name;
    const char *labels; /* "" if none */
    const char *help;
    enum kind kind;
    size_t shard_slots;
    atomic_uint_fast64_t *slots;
};

static struct metric metrics[METRICS_MAX];
static unsigned metric_count;

/* Registration */

static bool name_ok(const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        if (!isalpha((unsigned char)*c) && *c != '_' && *c != ':' &&
            (c == name || !isdigit((unsigned char)*c)))
            return false;
    }
    return *name != '\0';
}

static struct metric *find(const char *name, const char *labels)
{
    for (unsigned i = 0; i < metric_count; i++) {
        if (strcmp(metrics[i].name, name) == 0 &&
            strcmp(metrics[i].labels, labels) == 0)
            return &metrics[i];
    }
    return NULL;
}

/* The members of a family must stand together in the exposition and be of one kind. */
static bool family_ok(const char *name, enum kind kind)
{
    for (unsigned i = 0; i < metric_count; i++) {
        if (strcmp(metrics[i].name, name) == 0)
            return metrics[i].kind == kind &&
                   strcmp(metrics[metric_count - 1].name, name) == 0;
    }
    return true;
}

static struct metric *add(const char *name, const char *labels, const char *help,
                          enum kind kind)
{
    const size_t line_slots = CACHE_LINE / sizeof(atomic_uint_fast64_t);
    const size_t used = kind == KIND_HISTOGRAM ? SLOTS : 1;
    struct metric *m;
    size_t size;

    assert(name_ok(name));
    assert(strpbrk(help, "\\\n") == NULL); /* would have to be escaped */
    if (labels == NULL)
        labels = "";
    m = find(name, labels);
    if (m != NULL) {
        assert(m->kind == kind);
        return m;
    }
    assert(family_ok(name, kind));
    if (metric_count == METRICS_MAX)
        return NULL;
    m = &metrics[metric_count];
    m->shard_slots = (used + line_slots - 1) / line_slots * line_slots;
    size = SHARDS * m->shard_slots * sizeof(atomic_uint_fast64_t);
    m->slots = aligned_alloc(CACHE_LINE, size);
    if (m->slots == NULL)
        return NULL;
    for (size_t i = 0; i < SHARDS * m->shard_slots; i++)
        atomic_init(&m->slots[i], 0);
    m->name = name;
    m->labels = labels;
    m->help = help;
    m->kind = kind;
    metric_count++;
    return m;
}

struct metric *metric_counter(const char *name, const char *labels, const char *help)
{
    return add(name, labels, help, KIND_COUNTER);
}

struct metric *metric_gauge(const char *name, const char *labels, const char *help)
{
    return add(name, labels, help, KIND_GAUGE);
}

struct metric *metric_histogram_ms(const char *name, const char *labels,
                                   const char *help)
{
    return add(name, labels, help, KIND_HISTOGRAM);
}

/* Adding */

static unsigned shard_index(void)
{
    static atomic_uint thread_count;
    static _Thread_local unsigned index_plus_1;

    if (index_plus_1 == 0)
        index_plus_1 =
            atomic_fetch_add_explicit(&thread_count, 1, memory_order_relaxed) % SHARDS +
            1;
    return index_plus_1 - 1;
}

static atomic_uint_fast64_t *slot(const struct metric *m, unsigned shard, size_t i)
{
    return &m->slots[shard * m->shard_slots + i];
}

static void slot_add(struct metric *m, size_t i, uint64_t n)
{
    atomic_fetch_add_explicit(slot(m, shard_index(), i), n, memory_order_relaxed);
}

void metric_add(struct metric *m, uint64_t n)
{
    if (m == NULL)
        return;
    assert(m->kind != KIND_HISTOGRAM);
    slot_add(m, 0, n);
}

/* A shard may go below zero, modulo 2^64; the sum of the shards is right again. */
void metric_sub(struct metric *m, uint64_t n)
{
    if (m == NULL)
        return;
    assert(m->kind == KIND_GAUGE);
    slot_add(m, 0, 0 - n);
}

void metric_set(struct metric *m, uint64_t n)
{
    if (m == NULL)
        return;
    assert(m->kind == KIND_GAUGE);
    for (unsigned shard = 1; shard < SHARDS; shard++)
        atomic_store_explicit(slot(m, shard, 0), 0, memory_order_relaxed);
    atomic_store_explicit(slot(m, 0, 0), n, memory_order_relaxed);
}

void metric_observe_ms(struct metric *m, uint64_t ms)
{
    size_t i = 0;

    if (m == NULL)
        return;
    assert(m->kind == KIND_HISTOGRAM);
    while (i < BOUNDS && ms > bounds[i].ms)
        i++;
    slot_add(m, i, 1);
    slot_add(m, SLOT_SUM, ms);
}

/* Reading */

static uint64_t slot_sum(const struct metric *m, size_t i)
{
    uint64_t sum = 0;

    for (unsigned shard = 0; shard < SHARDS; shard++)
        sum += atomic_load_explicit(slot(m, shard, i), memory_order_relaxed);
    return sum;
}

uint64_t metric_value(const struct metric *m)
{
    uint64_t value = 0;

    if (m == NULL)
        return 0;
    switch (m->kind) {
    case KIND_COUNTER:
        return slot_sum(m, 0);
    case KIND_GAUGE:
        /* What one thread took off may be seen before what another added. */
        value = slot_sum(m, 0);
        return value > INT64_MAX ? 0 : value;
    case KIND_HISTOGRAM:
        for (size_t i = 0; i <= BOUNDS; i++)
            value += slot_sum(m, i);
        return value;
    }
    return 0;
}

static void print_head(struct buf *out, const char *name, const char *help,
                       const char *type)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_name(struct buf *out, const struct metric *m, const char *suffix)
{
    if (*m->labels == '\0')
        buf_printf(out, "%s%s ", m->name, suffix);
    else
        buf_printf(out, "%s%s{%s} ", m->name, suffix, m->labels);
}

static void print_histogram(struct buf *out, const struct metric *m)
{
    const char *comma = *m->labels == '\0' ? "" : ",";
    const uint64_t sum_ms = slot_sum(m, SLOT_SUM);
    uint64_t count = 0; /* read once, so that +Inf and _count agree */

    for (size_t i = 0; i <= BOUNDS; i++) {
        count += slot_sum(m, i);
        buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", m->name, m->labels,
                   comma, i < BOUNDS ? bounds[i].le : "+Inf", count);
    }
    print_name(out, m, "_sum");
    buf_printf(out, "%" PRIu64 ".%03u\n", sum_ms / 1000, (unsigned)(sum_ms % 1000));
    print_name(out, m, "_count");
    buf_printf(out, "%" PRIu64 "\n", count);
}

static void print_metric(struct buf *out, const struct metric *m)
{
    if (m->kind == KIND_HISTOGRAM) {
        print_histogram(out, m);
        return;
    }
    print_name(out, m, "");
    buf_printf(out, "%" PRIu64 "\n", metric_value(m));
}

static const char *kind_name(enum kind kind)
{
    switch (kind) {
    case KIND_COUNTER:
        return "counter";
    case KIND_GAUGE:
        return "gauge";
    case KIND_HISTOGRAM:
        return "histogram";
    }
    return "untyped";
}

/* The process: names and meanings as every Prometheus client library has them. What the
 * system does not tell is left out. */

static bool resident_bytes(uint64_t *bytes)
{
    FILE *f = fopen("/proc/self/statm", "re");
    char line[256] = "";
    struct slice rest;
    struct slice size;
    struct slice pages;
    uint64_t count;

    if (f == NULL)
        return false;
    rest = slice_str(fgets(line, sizeof(line), f));
    (void)fclose(f);
    /* "size resident shared ..", in pages (proc(5)). */
    if (!slice_next(&size, &rest, ' ') || !slice_next(&pages, &rest, ' ') ||
        slice_to_u64(&count, pages) != RC_OK)
        return false;
    *bytes = count * (uint64_t)sysconf(_SC_PAGESIZE);
    return true;
}

static bool open_fds(uint64_t *count)
{
    DIR *dir = opendir("/proc/self/fd");

    if (dir == NULL)
        return false;
    *count = 0;
    for (const struct dirent *e = readdir(dir); e != NULL; e = readdir(dir))
        *count += e->d_name[0] != '.';
    closedir(dir);
    *count -= *count > 0; /* the one that read them */
    return true;
}

static uint64_t time_us(struct timeval t)
{
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_usec;
}

static void print_process(struct buf *out)
{
    struct rusage used;
    struct rlimit limit;
    uint64_t n;

    if (getrusage(RUSAGE_SELF, &used) == 0) {
        n = time_us(used.ru_utime) + time_us(used.ru_stime);
        print_head(out, "process_cpu_seconds_total",
                   "User and system CPU time in seconds.", "counter");
        buf_printf(out, "process_cpu_seconds_total %" PRIu64 ".%06u\n", n / 1000000,
                   (unsigned)(n % 1000000));
    }
    if (resident_bytes(&n)) {
        print_head(out, "process_resident_memory_bytes", "Resident memory in bytes.",
                   "gauge");
        buf_printf(out, "process_resident_memory_bytes %" PRIu64 "\n", n);
    }
    if (open_fds(&n)) {
        print_head(out, "process_open_fds", "Open file descriptors.", "gauge");
        buf_printf(out, "process_open_fds %" PRIu64 "\n", n);
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        n = limit.rlim_cur;
        print_head(out, "process_max_fds", "File descriptors that may be open.",
                   "gauge");
        buf_printf(out, "process_max_fds %" PRIu64 "\n", n);
    }
}

void metric_print(struct buf *out)
{
    const char *family = "";

    for (unsigned i = 0; i < metric_count; i++) {
        const struct metric *m = &metrics[i];

        if (strcmp(family, m->name) != 0) {
            print_head(out, m->name, m->help, kind_name(m->kind));
            family = m->name;
        }
        print_metric(out, m);
    }
    print_process(out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets lie in regions of whole pages, many to a region, since the kernel locks pages
 * and lets a process lock few. What a secret's bookkeeping needs is kept outside of
 * them: a child process, which finds the regions wiped, must still find its way. Not a
 * defence against who can read this process's memory. */
#include "base/secret.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    SECRET_MAX_SIZE = 64 * 1024,
    REGION_SIZE = 16 * 1024, /* the least; a quarter of the oldest lock limit */
    UNIT_SIZE = 64           /* secrets begin at multiples of it */
};

struct region {
    struct region *next;
    char *bytes;
    size_t size;
    size_t unit_count;
    bool taken[]; /* for each unit */
};

struct secret {
    atomic_uint reference_count;
    struct region *region;
    size_t first_unit;
    size_t len;
};

/* Secrets are read at will, but made and dropped by any thread, at start, at a reload
 * and at a reload's end only: one lock around the regions is no bottleneck. */
static pthread_mutex_t regions_lock = PTHREAD_MUTEX_INITIALIZER;
static struct region *regions;

static size_t units(size_t len)
{
    return len == 0 ? 1 : (len + UNIT_SIZE - 1) / UNIT_SIZE;
}

/* The first of `count` free units in a row, or unit_count. */
static size_t find_units(const struct region *r, size_t count)
{
    size_t run = 0;

    for (size_t i = 0; i < r->unit_count; i++) {
        run = r->taken[i] ? 0 : run + 1;
        if (run == count)
            return i + 1 - count;
    }
    return r->unit_count;
}

/* Pages that no core file shows and no child inherits. */
static char *map_pages(size_t size)
{
    char *bytes =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (bytes == MAP_FAILED)
        return NULL;
    if (madvise(bytes, size, MADV_DONTDUMP) != 0) {
        (void)munmap(bytes, size);
        return NULL;
    }
    /* The other two may fail, and then we go on: a small RLIMIT_MEMLOCK means that the
     * secrets may reach the swap, an old kernel that a child of ours could read them;
     * to run without an operator's keys would be no better. */
    (void)madvise(bytes, size, MADV_WIPEONFORK);
    (void)mlock(bytes, size);
    return bytes;
}

static struct region *region_open(size_t least_size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t size = least_size < REGION_SIZE ? REGION_SIZE : least_size;
    struct region *r;

    size = (size + page - 1) / page * page;
    r = calloc(1, sizeof(*r) + size / UNIT_SIZE * sizeof(r->taken[0]));
    if (r == NULL)
        return NULL;
    r->size = size;
    r->unit_count = size / UNIT_SIZE;
    r->bytes = map_pages(size);
    if (r->bytes == NULL) {
        free(r);
        return NULL;
    }
    return r;
}

static void region_close(struct region *r)
{
    (void)munmap(r->bytes, r->size); /* unlocks, too */
    free(r);
}

static void mark_units(struct region *r, size_t first, size_t count, bool taken)
{
    for (size_t i = first; i < first + count; i++) {
        assert(r->taken[i] != taken);
        r->taken[i] = taken;
    }
}

/* Finds room for s->len bytes, in a new region if need be. */
static enum rc place(struct secret *s)
{
    size_t count = units(s->len);
    struct region *r;

    for (r = regions; r != NULL; r = r->next) {
        s->first_unit = find_units(r, count);
        if (s->first_unit < r->unit_count)
            break;
    }
    if (r == NULL) {
        r = region_open(count * UNIT_SIZE);
        if (r == NULL)
            return RC_NOMEM;
        r->next = regions;
        regions = r;
        s->first_unit = 0;
    }
    s->region = r;
    mark_units(r, s->first_unit, count, true);
    return RC_OK;
}

static void close_if_empty(struct region *r)
{
    struct region **link = &regions;

    if (find_units(r, r->unit_count) != 0)
        return;
    while (*link != r)
        link = &(*link)->next;
    *link = r->next;
    region_close(r);
}

static char *bytes_of(const struct secret *s)
{
    return s->region->bytes + s->first_unit * UNIT_SIZE;
}

enum rc secret_new(struct secret **out, struct slice bytes)
{
    struct secret *s;
    enum rc rc;

    if (bytes.len > SECRET_MAX_SIZE)
        return RC_TOO_BIG;
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return RC_NOMEM;
    s->len = bytes.len;
    pthread_mutex_lock(&regions_lock);
    rc = place(s);
    pthread_mutex_unlock(&regions_lock);
    if (rc != RC_OK) {
        free(s);
        return rc;
    }
    if (bytes.len > 0)
        memcpy(bytes_of(s), bytes.bytes, bytes.len);
    atomic_init(&s->reference_count, 1);
    *out = s;
    return RC_OK;
}

struct secret *secret_ref(struct secret *s)
{
    unsigned before =
        atomic_fetch_add_explicit(&s->reference_count, 1, memory_order_relaxed);

    assert(before > 0 && before < UINT32_MAX);
    return s;
}

void secret_unref(struct secret *s)
{
    unsigned before;

    if (s == NULL)
        return;
    /* Whoever drops the last reference must see all reads of the others as done. */
    before = atomic_fetch_sub_explicit(&s->reference_count, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before > 1)
        return;
    secret_wipe(bytes_of(s), s->len);
    pthread_mutex_lock(&regions_lock);
    mark_units(s->region, s->first_unit, units(s->len), false);
    close_if_empty(s->region);
    pthread_mutex_unlock(&regions_lock);
    free(s);
}

struct slice secret_open(const struct secret *s)
{
    return s == NULL ? SLICE_NONE : slice_from(bytes_of(s), s->len);
}

void secret_wipe(void *bytes, size_t len)
{
    if (len > 0)
        explicit_bzero(bytes, len);
}

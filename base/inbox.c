/* SPDX-License-Identifier: Apache-2.0 */
/* The queue between threads: a lock-free stack of messages that the reader takes whole
 * and turns around, and an eventfd for its sleep. Not a channel with a limit: who posts
 * bounds what may be under way, because the message is part of something it owns. */
#include "base/inbox.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct inbox {
    _Atomic(struct inbox_message *) newest;
    /* Threads inside inbox_post(): the reader may have run their message, and want to
     * close the inbox, before they have come to wake it. */
    atomic_uint posting_count;
    int fd;
};

enum rc inbox_open(struct inbox **out)
{
    struct inbox *b = calloc(1, sizeof(*b));

    if (b == NULL)
        return RC_NOMEM;
    b->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (b->fd < 0) {
        free(b);
        return RC_BUSY; /* out of descriptors */
    }
    *out = b;
    return RC_OK;
}

void inbox_close(struct inbox *b)
{
    if (b == NULL)
        return;
    while (atomic_load_explicit(&b->posting_count, memory_order_acquire) > 0)
        sched_yield();
    assert(atomic_load_explicit(&b->newest, memory_order_acquire) == NULL);
    close(b->fd);
    free(b);
}

static void wake(const struct inbox *b)
{
    const uint64_t one = 1;
    ssize_t len;

    do
        len = write(b->fd, &one, sizeof(one));
    while (len < 0 && errno == EINTR);
    /* EAGAIN would take 2^64 - 1 wakes that nobody answered. */
    assert(len == (ssize_t)sizeof(one));
}

void inbox_post(struct inbox *b, struct inbox_message *m)
{
    struct inbox_message *newest;

    assert(m->run != NULL);
    atomic_fetch_add_explicit(&b->posting_count, 1, memory_order_relaxed);
    newest = atomic_load_explicit(&b->newest, memory_order_relaxed);
    do
        m->next = newest;
    while (!atomic_compare_exchange_weak_explicit(
        &b->newest, &newest, m, memory_order_release, memory_order_relaxed));
    /* From here on the message is the reader's. Where others waited before it, whoever
     * posted the first of them wakes the reader for all. */
    if (newest == NULL)
        wake(b);
    atomic_fetch_sub_explicit(&b->posting_count, 1, memory_order_release);
}

int inbox_fd(const struct inbox *b)
{
    return b->fd;
}

static struct inbox_message *turned_around(struct inbox_message *newest)
{
    struct inbox_message *oldest = NULL;

    while (newest != NULL) {
        struct inbox_message *older = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    return oldest;
}

unsigned inbox_drain(struct inbox *b)
{
    struct inbox_message *m;
    uint64_t wakes;
    unsigned count = 0;

    /* First the bell, then the letters: what is posted in between is either taken below
     * or rings again. EAGAIN: nothing rang, which is fine. */
    while (read(b->fd, &wakes, sizeof(wakes)) < 0 && errno == EINTR)
        ;
    m = turned_around(atomic_exchange_explicit(&b->newest, NULL, memory_order_acquire));
    while (m != NULL) {
        struct inbox_message *next = m->next; /* run() may free m, or post it again */

        m->run(m);
        m = next;
        count++;
    }
    return count;
}

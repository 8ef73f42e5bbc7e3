/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: epoll, a binary heap of timers, one inbox. Not a scheduler: it knows
 * no priorities and no threads; what a callback does is the callback's affair. */
#include "base/loop.h"

#include "base/clock.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    BATCH_MAX = 128,
    TIMERS_FIRST = 64,
    /* epoll_wait() does not count the time that the machine slept, our clock does; and
     * a test may move the clock while we wait. So no timer is later than this. */
    SLEEP_MAX_MS = 1000
};

/* The kernel reports these two always; with them a watch never has an empty set, so
 * that zero can stand for "not watched". */
static const uint32_t always = EPOLLERR | EPOLLHUP;

struct loop {
    int epoll_fd;
    struct inbox *inbox;
    struct loop_watch inbox_watch; /* its `ready` is not used: see run_inbox() */
    struct loop_hook *hooks;
    size_t watch_count;
    uint64_t now_ms;
    bool stopping;
    bool in_turn;

    struct loop_timer **heap; /* the earliest at 0; children of i at 2i+1 and 2i+2 */
    size_t timer_count;
    size_t timer_room;

    /* What epoll_wait() returned; delivered up to batch_next. */
    struct epoll_event batch[BATCH_MAX];
    unsigned batch_next;
    unsigned batch_count;
};

static enum rc open_parts(struct loop *l)
{
    l->heap = calloc(TIMERS_FIRST, sizeof(struct loop_timer *));
    if (l->heap == NULL)
        return RC_NOMEM;
    l->timer_room = TIMERS_FIRST;
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0)
        return RC_BUSY; /* out of descriptors */
    TRY(inbox_open(&l->inbox));
    l->inbox_watch.fd = inbox_fd(l->inbox);
    return loop_watch(l, &l->inbox_watch, EPOLLIN);
}

enum rc loop_open(struct loop **out)
{
    struct loop *l = calloc(1, sizeof(*l));
    enum rc rc;

    if (l == NULL)
        return RC_NOMEM;
    l->epoll_fd = -1;
    l->now_ms = clock_mono_ms();
    rc = open_parts(l);
    if (rc != RC_OK) {
        loop_close(l);
        return rc;
    }
    *out = l;
    return RC_OK;
}

void loop_close(struct loop *l)
{
    if (l == NULL)
        return;
    assert(!l->in_turn);
    assert(l->timer_count == 0);
    loop_unwatch(l, &l->inbox_watch);
    assert(l->watch_count == 0);
    inbox_close(l->inbox);
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    free(l->heap);
    free(l);
}

struct inbox *loop_inbox(struct loop *l)
{
    return l->inbox;
}

uint64_t loop_now_ms(const struct loop *l)
{
    return l->now_ms;
}

void loop_hook_add(struct loop *l, struct loop_hook *h)
{
    struct loop_hook **end = &l->hooks;

    while (*end != NULL)
        end = &(*end)->next;
    h->next = NULL;
    *end = h;
}

/* Descriptors */

enum rc loop_watch(struct loop *l, struct loop_watch *w, uint32_t events)
{
    struct epoll_event e = {.events = events | always, .data.ptr = w};
    const bool is_new = w->events == 0;

    if (epoll_ctl(l->epoll_fd, is_new ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, w->fd, &e) !=
        0) {
        switch (errno) {
        case ENOMEM:
            return RC_NOMEM;
        case ENOSPC: /* /proc/sys/fs/epoll/max_user_watches */
            return RC_BUSY;
        default: /* not a descriptor that can be watched, or watched already */
            return RC_BAD_INPUT;
        }
    }
    w->events = e.events;
    l->watch_count += is_new;
    return RC_OK;
}

/* Whether the kernel still knew the descriptor. */
static bool drop_watch(struct loop *l, struct loop_watch *w)
{
    const bool known = epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, w->fd, NULL) == 0;

    for (unsigned i = l->batch_next; i < l->batch_count; i++) {
        if (l->batch[i].data.ptr == w)
            l->batch[i].data.ptr = NULL;
    }
    w->events = 0;
    l->watch_count--;
    return known;
}

void loop_unwatch(struct loop *l, struct loop_watch *w)
{
    bool known;

    if (w->events == 0)
        return;
    known = drop_watch(l, w);
    /* It was not if the descriptor was closed before: by then another thread may have
     * opened something else under the same number. */
    assert(known);
}

void loop_forget(struct loop *l, struct loop_watch *w)
{
    if (w->events != 0)
        (void)drop_watch(l, w);
}

/* Timers */

static void heap_put(struct loop *l, size_t i, struct loop_timer *t)
{
    l->heap[i] = t;
    t->position = i + 1;
}

static void heap_rise(struct loop *l, size_t i, struct loop_timer *t)
{
    while (i > 0 && l->heap[(i - 1) / 2]->at_ms > t->at_ms) {
        heap_put(l, i, l->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    heap_put(l, i, t);
}

static void heap_sink(struct loop *l, size_t i, struct loop_timer *t)
{
    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < l->timer_count &&
            l->heap[child + 1]->at_ms < l->heap[child]->at_ms)
            child++;
        if (child >= l->timer_count || l->heap[child]->at_ms >= t->at_ms)
            break;
        heap_put(l, i, l->heap[child]);
        i = child;
    }
    heap_put(l, i, t);
}

/* Puts t at place i or wherever it has to move from there. */
static void heap_settle(struct loop *l, size_t i, struct loop_timer *t)
{
    if (i > 0 && l->heap[(i - 1) / 2]->at_ms > t->at_ms)
        heap_rise(l, i, t);
    else
        heap_sink(l, i, t);
}

static void heap_grow(struct loop *l)
{
    struct loop_timer **heap =
        reallocarray(l->heap, l->timer_room, 2 * sizeof(struct loop_timer *));

    if (heap == NULL) {
        /* A deadline that cannot be kept must not be forgotten in silence. */
        log_line(LOG_ERROR, "out of memory for timers");
        abort();
    }
    l->heap = heap;
    l->timer_room *= 2;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_ms)
{
    assert(t->fire != NULL);
    /* In a callback, a time that has passed counts as now: otherwise a timer that
     * always asks for 0 would go before all others for ever. */
    t->at_ms = l->in_turn && at_ms < l->now_ms ? l->now_ms : at_ms;
    if (t->position > 0) {
        assert(l->heap[t->position - 1] == t);
        heap_settle(l, t->position - 1, t);
        return;
    }
    if (l->timer_count == l->timer_room)
        heap_grow(l);
    l->timer_count++;
    heap_rise(l, l->timer_count - 1, t);
}

void loop_timer_clear(struct loop *l, struct loop_timer *t)
{
    const size_t position = t->position;
    struct loop_timer *last;

    if (position == 0)
        return;
    assert(l->heap[position - 1] == t);
    t->position = 0;
    last = l->heap[--l->timer_count];
    if (last != t)
        heap_settle(l, position - 1, last);
}

bool loop_timer_armed(const struct loop_timer *t)
{
    return t->position > 0;
}

/* The turn */

static uint64_t shorter(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

static unsigned wait_ms(struct loop *l, unsigned max_ms)
{
    uint64_t ms = shorter(max_ms, SLEEP_MAX_MS);

    if (l->timer_count > 0) {
        /* Not the time of the last turn: its callbacks took some. */
        const uint64_t now_ms = clock_mono_ms();
        const uint64_t at_ms = l->heap[0]->at_ms;

        ms = shorter(ms, at_ms > now_ms ? at_ms - now_ms : 0);
    }
    for (struct loop_hook *h = l->hooks; h != NULL; h = h->next) {
        if (h->sleep_ms != NULL)
            ms = shorter(ms, h->sleep_ms(h));
    }
    return (unsigned)ms;
}

static void wait_for_events(struct loop *l, unsigned max_ms)
{
    int count = epoll_wait(l->epoll_fd, l->batch, BATCH_MAX, (int)wait_ms(l, max_ms));

    assert(count >= 0 || errno == EINTR);
    l->batch_next = 0;
    l->batch_count = count > 0 ? (unsigned)count : 0;
    l->now_ms = clock_mono_ms();
}

/* Messages go before the descriptors of the same turn, wherever epoll put the eventfd.
 */
static void run_inbox(struct loop *l)
{
    for (unsigned i = 0; i < l->batch_count; i++) {
        if (l->batch[i].data.ptr == &l->inbox_watch) {
            l->batch[i].data.ptr = NULL;
            inbox_drain(l->inbox);
            return;
        }
    }
}

static void run_watches(struct loop *l)
{
    while (l->batch_next < l->batch_count) {
        const struct epoll_event e = l->batch[l->batch_next++];
        struct loop_watch *w = e.data.ptr;

        /* NULL: not watched any more. No bit left: an earlier callback of this turn
         * asked for less. */
        if (w != NULL && (e.events & w->events) != 0)
            w->ready(w, e.events & w->events);
    }
}

static void run_timers(struct loop *l)
{
    /* Bounded by what was armed before: a timer that arms itself for now comes again in
     * the next turn, after the descriptors. */
    for (size_t left = l->timer_count; left > 0 && l->timer_count > 0; left--) {
        struct loop_timer *t = l->heap[0];

        if (t->at_ms > l->now_ms)
            return;
        loop_timer_clear(l, t);
        t->fire(t);
    }
}

void loop_turn(struct loop *l, unsigned max_ms)
{
    assert(!l->in_turn);
    l->in_turn = true;
    wait_for_events(l, max_ms);
    run_inbox(l);
    run_watches(l);
    run_timers(l);
    for (struct loop_hook *h = l->hooks; h != NULL; h = h->next) {
        if (h->turn != NULL)
            h->turn(h);
    }
    l->in_turn = false;
}

void loop_run(struct loop *l)
{
    while (!l->stopping)
        loop_turn(l, UINT_MAX);
    l->stopping = false;
}

void loop_stop(struct loop *l)
{
    l->stopping = true;
}

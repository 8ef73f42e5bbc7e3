/* SPDX-License-Identifier: Apache-2.0 */
/* One event loop: descriptors, timers, an inbox, and hooks. Everything of a loop
 * belongs to the thread that runs it; other threads reach it through loop_inbox() only.
 * No callback may block. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inbox.h"
#include "base/rc.h"

struct loop;

MUST_CHECK enum rc loop_open(struct loop **out);
void loop_close(struct loop *l); /* NULL is fine; nothing may be armed any more */

/* Runs until loop_stop(). One turn: wait (a second at most); inbox; descriptors;
 * timers; hooks. */
void loop_run(struct loop *l);
/* One turn that waits at most max_ms (for tests and for embedding). */
void loop_turn(struct loop *l, unsigned max_ms);
void loop_stop(struct loop *l); /* from the loop's own thread */
struct inbox *loop_inbox(struct loop *l);
uint64_t loop_now_ms(const struct loop *l); /* monotonic, taken once a turn */

/* A watched descriptor. Embed it, zeroed but for fd and ready; it must stay where it is
 * until loop_unwatch(). */
struct loop_watch {
    int fd;
    uint32_t events;                                      /* 0: not watched; private */
    void (*ready)(struct loop_watch *w, uint32_t events); /* EPOLL* bits */
};
/* events are EPOLL* bits, EPOLLET allowed. A second call changes the set. RC_BAD_INPUT:
 * not a descriptor that can be watched; RC_BUSY, RC_NOMEM: the kernel's limits. */
MUST_CHECK enum rc loop_watch(struct loop *l, struct loop_watch *w, uint32_t events);
/* Before the descriptor is closed. Safe in any callback: no event comes after it. Not
 * watched: fine. */
void loop_unwatch(struct loop *l, struct loop_watch *w);
/* The same for a descriptor that a library may have closed already, provided that this
 * loop has not watched another one under its number since. */
void loop_forget(struct loop *l, struct loop_watch *w);

/* A timer: fires once. Embed it, zeroed. */
struct loop_timer {
    uint64_t at_ms;  /* private */
    size_t position; /* in the heap, plus 1; 0: not armed; private */
    void (*fire)(struct loop_timer *t);
};

/* Arms, or moves an armed one. Never fails: room is kept for as many timers as were
 * ever armed at once; out of memory ends the process. */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at_ms);
void loop_timer_clear(struct loop *l, struct loop_timer *t); /* not armed: fine */
bool loop_timer_armed(const struct loop_timer *t);

/* Called in the order in which they were added; NULL members are fine. Embed it; add
 * before loop_run(). */
struct loop_hook {
    struct loop_hook *next; /* private */
    /* At the end of every turn. */
    void (*turn)(struct loop_hook *h);
    /* Before every wait: how long the loop may sleep as far as this hook is concerned.
     * 0: not at all; UINT64_MAX: for ever. */
    uint64_t (*sleep_ms)(struct loop_hook *h);
};

void loop_hook_add(struct loop *l, struct loop_hook *h);

#endif

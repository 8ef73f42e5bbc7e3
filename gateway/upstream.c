/* SPDX-License-Identifier: Apache-2.0 */
/* The life of calls: which multi takes them, when libcurl is driven, when they end.
 * Each multi reports its sockets and its one timer; the loop watches them. Knows
 * nothing of HTTP: that is upstream_call.c.
 *
 * libcurl keeps connections per multi and picks one by host alone. So what two calls
 * may not share decides which multis they may use (struct pool_kind): a connection that
 * was opened for one credential serves no other, and one to a private address serves no
 * call that may not go there, although no address is checked when it is used again. */
#include "gateway/upstream_int.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/map.h"

STAILQ_HEAD(call_list, upstream_call);
SLIST_HEAD(socket_list, upstream_socket);

struct upstream {
    struct loop *loop;
    unsigned pool_count;
    struct upstream_pool *pools[UPSTREAM_POOLS_MAX]; /* in the order of filling */
    unsigned call_count;                             /* between start and end */
    struct call_list pending;
    struct loop_timer work; /* armed while `pending` has something */
    unsigned spare_count;
    struct call_list spare_calls;
    struct socket_list spare_sockets;
};

/* Calls of one kind may share connections. */
struct pool_kind {
    uint64_t key;
    bool allow_private;
};

static pthread_once_t global_once = PTHREAD_ONCE_INIT;
static CURLcode global_code;

static void global_init(void)
{
    global_code = curl_global_init(CURL_GLOBAL_DEFAULT);
}

uint64_t upstream__now_ms(const struct upstream_call *c)
{
    return loop_now_ms(c->owner->loop);
}

void upstream__later(struct upstream_call *c)
{
    struct upstream *u = c->owner;

    if (c->is_pending)
        return;
    c->is_pending = true;
    STAILQ_INSERT_TAIL(&u->pending, c, pending);
    if (!loop_timer_armed(&u->work))
        loop_timer_set(u->loop, &u->work, loop_now_ms(u->loop));
}

/* ---- A multi on the loop ---- */

/* Takes what has ended out of the multi. */
static void reap(struct upstream_pool *p)
{
    CURLMsg *m;
    int left;

    while ((m = curl_multi_info_read(p->multi, &left)) != NULL) {
        struct upstream_call *c = NULL;

        if (m->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
        upstream__call_classify(c, m->data.result); /* before m is gone */
        upstream__end(c, c->fail, c->detail);
    }
}

static void act(struct upstream_pool *p, curl_socket_t fd, int what)
{
    int running;
    const CURLMcode code = curl_multi_socket_action(p->multi, fd, what, &running);

    /* Short of memory a call may get stuck: then its deadline ends it. */
    assert(code == CURLM_OK || code == CURLM_OUT_OF_MEMORY);
    reap(p);
}

static void on_ready(struct loop_watch *w, uint32_t events)
{
    const struct upstream_socket *s =
        (struct upstream_socket *)(void *)((char *)w -
                                           offsetof(struct upstream_socket, watch));
    int what = 0;

    /* An error is found by reading: CURL_CSELECT_ERR would hide what came before it. */
    if ((events & ~(uint32_t)EPOLLOUT) != 0)
        what |= CURL_CSELECT_IN;
    if ((events & EPOLLOUT) != 0)
        what |= CURL_CSELECT_OUT;
    act(s->pool, w->fd, what); /* may give s back */
}

static void on_multi_timer(struct loop_timer *t)
{
    act((struct upstream_pool *)(void *)((char *)t -
                                         offsetof(struct upstream_pool, timer)),
        CURL_SOCKET_TIMEOUT, 0);
}

static struct upstream_socket *take_socket(struct upstream_pool *p, int fd)
{
    struct upstream_socket *s = SLIST_FIRST(&p->owner->spare_sockets);

    if (s != NULL)
        SLIST_REMOVE_HEAD(&p->owner->spare_sockets, spare);
    else
        s = malloc(sizeof(*s));
    if (s != NULL)
        *s =
            (struct upstream_socket){.watch = {.fd = fd, .ready = on_ready}, .pool = p};
    return s;
}

static void give_socket(struct upstream_socket *s)
{
    struct upstream *u = s->pool->owner;

    loop_unwatch(u->loop, &s->watch);
    SLIST_INSERT_HEAD(&u->spare_sockets, s, spare);
}

static bool watch(struct upstream_pool *p, struct upstream_socket *s, curl_socket_t fd,
                  int what)
{
    const uint32_t events = ((what & CURL_POLL_IN) != 0 ? (uint32_t)EPOLLIN : 0) |
                            ((what & CURL_POLL_OUT) != 0 ? (uint32_t)EPOLLOUT : 0);

    if (s == NULL) {
        s = take_socket(p, fd);
        if (s == NULL)
            return false;
        if (curl_multi_assign(p->multi, fd, s) != CURLM_OK) {
            give_socket(s);
            return false;
        }
    }
    return loop_watch(p->owner->loop, &s->watch, events) == RC_OK;
}

/* CURLMOPT_SOCKETFUNCTION. Never fails, for that would end every call of the multi:
 * only the call whose socket cannot be watched ends. */
static int on_interest(CURL *easy, curl_socket_t fd, int what, void *arg, void *known)
{
    struct upstream_call *c = NULL;

    if (what == CURL_POLL_REMOVE) {
        if (known != NULL)
            give_socket(known);
    } else if (!watch(arg, known, fd, what)) {
        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &c);
        c->unwatched = true;
        upstream__later(c);
    }
    return 0;
}

/* CURLMOPT_TIMERFUNCTION. */
static int on_timeout(CURLM *multi, long timeout_ms, void *arg)
{
    struct upstream_pool *p = arg;
    struct loop *l = p->owner->loop;

    (void)multi;
    if (timeout_ms < 0)
        loop_timer_clear(l, &p->timer);
    else
        loop_timer_set(l, &p->timer, loop_now_ms(l) + (uint64_t)timeout_ms);
    return 0;
}

/* ---- Pools ---- */

static void close_pool(struct upstream_pool *p)
{
    struct upstream *u = p->owner;
    unsigned i = 0;

    assert(p->call_count == 0);
    while (u->pools[i] != p)
        i++;
    u->pool_count--;
    memmove(&u->pools[i], &u->pools[i + 1], (u->pool_count - i) * sizeof(u->pools[0]));
    curl_multi_cleanup(p->multi);
    loop_timer_clear(u->loop, &p->timer);
    loop_timer_clear(u->loop, &p->idle);
    free(p);
}

/* Besides saving memory this closes what the other side has closed: libcurl does not
 * look at a connection before it wants to use it. */
static void on_idle(struct loop_timer *t)
{
    struct upstream_pool *p =
        (struct upstream_pool *)(void *)((char *)t -
                                         offsetof(struct upstream_pool, idle));

    if (p->call_count == 0)
        close_pool(p);
}

static struct upstream_pool *open_pool(struct upstream *u, struct pool_kind kind)
{
    struct upstream_pool *p = calloc(1, sizeof(*p));
    unsigned bad = 0;

    if (p == NULL)
        return NULL;
    *p = (struct upstream_pool){.owner = u,
                                .key = kind.key,
                                .allow_private = kind.allow_private,
                                .timer = {.fire = on_multi_timer},
                                .idle = {.fire = on_idle}};
    p->multi = curl_multi_init();
    if (p->multi == NULL) {
        free(p);
        return NULL;
    }
    bad |= (unsigned)curl_multi_setopt(p->multi, CURLMOPT_SOCKETFUNCTION, on_interest);
    bad |= (unsigned)curl_multi_setopt(p->multi, CURLMOPT_SOCKETDATA, p);
    bad |= (unsigned)curl_multi_setopt(p->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
    bad |= (unsigned)curl_multi_setopt(p->multi, CURLMOPT_TIMERDATA, p);
    bad |= (unsigned)curl_multi_setopt(p->multi, CURLMOPT_PIPELINING,
                                       (long)CURLPIPE_NOTHING);
    /* Fewer than calls, and connections are closed and opened all the time. */
    bad |= (unsigned)curl_multi_setopt(p->multi, CURLMOPT_MAXCONNECTS,
                                       (long)UPSTREAM_POOL_CALLS);
    assert(bad == 0); /* they only store what they get */
    u->pools[u->pool_count++] = p;
    loop_timer_set(u->loop, &p->idle, loop_now_ms(u->loop) + UPSTREAM_POOL_IDLE_MS);
    return p;
}

/* The first that has room, so that little traffic stays on one set of warm connections.
 * RC_BUSY: all are full, RC_NOMEM. */
static enum rc find_pool(struct upstream_pool **out, struct upstream *u,
                         struct pool_kind kind)
{
    struct upstream_pool *unused = NULL;

    for (unsigned i = 0; i < u->pool_count; i++) {
        struct upstream_pool *p = u->pools[i];

        if (p->key == kind.key && p->allow_private == kind.allow_private &&
            p->call_count < UPSTREAM_POOL_CALLS) {
            *out = p;
            return RC_OK;
        }
        if (p->call_count == 0)
            unused = p;
    }
    if (u->pool_count == UPSTREAM_POOLS_MAX) {
        if (unused == NULL)
            return RC_BUSY;
        close_pool(unused);
    }
    *out = open_pool(u, kind);
    return *out != NULL ? RC_OK : RC_NOMEM;
}

/* ---- Calls ---- */

static void leave_multi(struct upstream_call *c)
{
    CURLMcode code;

    if (c->state != CALL_RUNNING)
        return;
    code = curl_multi_remove_handle(c->pool->multi, c->easy);
    assert(code == CURLM_OK);
}

void upstream__end(struct upstream_call *c, enum upstream_fail fail, const char *detail)
{
    leave_multi(c);
    c->state = CALL_ENDED;
    c->failed = true;
    c->fail = fail;
    c->detail = detail;
    upstream__later(c);
}

static void on_call_timer(struct loop_timer *t)
{
    struct upstream_call *c =
        (struct upstream_call *)(void *)((char *)t -
                                         offsetof(struct upstream_call, timer));
    const uint64_t due_ms = upstream__call_due_ms(c);
    const uint64_t now_ms = upstream__now_ms(c);
    const char *which = "the connection was silent for too long";

    if (now_ms < due_ms) { /* bytes have come since it was set */
        loop_timer_set(c->owner->loop, t, due_ms);
        return;
    }
    if (now_ms >= c->spec.deadline_ms)
        which = "the call's deadline has passed";
    else if (c->head == HEAD_NONE)
        which = "no answer in time";
    c->head = HEAD_TAKEN; /* whoever did not take it until now gets no more of it */
    upstream__end(c, UPSTREAM_SLOW, which);
}

static enum rc take_call(struct upstream_call **out, struct upstream *u)
{
    struct upstream_call *c = STAILQ_FIRST(&u->spare_calls);

    if (c == NULL) {
        TRY(upstream__call_new(&c, u));
    } else {
        STAILQ_REMOVE_HEAD(&u->spare_calls, pending);
        u->spare_count--;
    }
    *out = c;
    return RC_OK;
}

/* Makes c as good as new. */
static void reset_call(struct upstream_call *c)
{
    struct upstream *u = c->owner;
    CURL *easy = c->easy;
    struct arena *arena = c->arena;

    memset(c, 0, sizeof(*c));
    c->owner = u;
    c->easy = easy;
    c->arena = arena;
    c->timer.fire = on_call_timer;
}

static void give_call(struct upstream_call *c)
{
    struct upstream *u = c->owner;

    if (u->spare_count == UPSTREAM_SPARE_CALLS) {
        upstream__call_free(c);
        return;
    }
    u->spare_count++;
    STAILQ_INSERT_HEAD(&u->spare_calls, c, pending);
}

/* The end of c, whether `end` was called or not. */
static void drop_call(struct upstream_call *c)
{
    struct upstream *u = c->owner;
    struct upstream_pool *p = c->pool;

    leave_multi(c);
    c->state = CALL_OVER;
    loop_timer_clear(u->loop, &c->timer);
    upstream__call_forget(c);
    u->call_count--;
    if (--p->call_count == 0)
        loop_timer_set(u->loop, &p->idle, loop_now_ms(u->loop) + UPSTREAM_POOL_IDLE_MS);
    give_call(c);
}

enum rc upstream_start(struct upstream_call **out, struct upstream *u,
                       const struct upstream_spec *spec)
{
    const struct pool_kind kind = {map_hash(spec->pool_key), spec->allow_private};
    struct upstream_pool *p;
    struct upstream_call *c;

    if (u->call_count == UPSTREAM_CALLS_MAX)
        return RC_BUSY;
    TRY(find_pool(&p, u, kind));
    TRY(take_call(&c, u));
    reset_call(c);
    c->pool = p;
    p->call_count++;
    u->call_count++;
    if (!upstream__call_prepare(c, spec))
        c->state = CALL_ENDED;
    loop_timer_set(u->loop, &c->timer, upstream__call_due_ms(c));
    upstream__later(c);
    *out = c;
    return RC_OK;
}

void upstream_resume(struct upstream_call *c)
{
    assert(c->state != CALL_OVER);
    if (!c->paused || c->cancelled)
        return;
    c->resumed = true;
    upstream__later(c);
}

void upstream_cancel(struct upstream_call *c)
{
    if (c == NULL)
        return;
    assert(c->state != CALL_OVER);
    c->cancelled = true; /* from here on no callback of libcurl's reaches the user */
    upstream__later(c);
}

/* ---- Work that was put off ---- */

static void enter_multi(struct upstream_call *c)
{
    if (curl_multi_add_handle(c->pool->multi, c->easy) == CURLM_OK)
        c->state = CALL_RUNNING;
    else
        upstream__end(c, UPSTREAM_CONNECT, "out of memory");
}

static void go_on(struct upstream_call *c)
{
    CURLcode code = CURLE_OK;

    c->resumed = false;
    c->paused = false;
    c->moved_ms = upstream__now_ms(c);
    if (c->head == HEAD_WAITING)
        upstream__call_head(c);
    if (c->head == HEAD_TAKEN && !c->failed && c->curl_paused && !c->cancelled) {
        c->curl_paused = false;
        code = curl_easy_pause(c->easy, CURLPAUSE_CONT); /* may call on_write() */
    }
    if (code != CURLE_OK)
        upstream__call_classify(c, code);
    if (c->failed && c->state == CALL_RUNNING)
        upstream__end(c, c->fail, c->detail);
    else
        loop_timer_set(c->owner->loop, &c->timer, upstream__call_due_ms(c));
}

static void work_on(struct upstream_call *c)
{
    if (!c->cancelled && c->state == CALL_NEW)
        enter_multi(c);
    if (!c->cancelled && c->resumed)
        go_on(c);
    if (!c->cancelled && c->unwatched && c->state == CALL_RUNNING) {
        upstream__call_classify(c, CURLE_FAILED_INIT);
        upstream__end(c, c->fail, c->detail);
    }
    if (c->cancelled) {
        /* It may have been put on the list again meanwhile: then its turn comes. */
        if (!c->is_pending)
            drop_call(c);
        return;
    }
    if (c->state == CALL_ENDED && c->head != HEAD_WAITING) {
        c->state = CALL_OVER;
        c->spec.end(c->spec.arg, c->fail, c->detail);
        drop_call(c);
    }
}

static void on_work(struct loop_timer *t)
{
    struct upstream *u =
        (struct upstream *)(void *)((char *)t - offsetof(struct upstream, work));
    struct call_list now = STAILQ_HEAD_INITIALIZER(now);
    struct upstream_call *c;

    /* Only what waits now: what its callbacks add comes in the next turn. */
    STAILQ_CONCAT(&now, &u->pending);
    while ((c = STAILQ_FIRST(&now)) != NULL) {
        STAILQ_REMOVE_HEAD(&now, pending);
        c->is_pending = false;
        work_on(c);
    }
}

/* ---- The whole ---- */

enum rc upstream_open(struct upstream **out, struct loop *l)
{
    struct upstream *u;

    pthread_once(&global_once, global_init);
    if (global_code != CURLE_OK)
        return RC_NOMEM;
    u = calloc(1, sizeof(*u));
    if (u == NULL)
        return RC_NOMEM;
    u->loop = l;
    u->work.fire = on_work;
    STAILQ_INIT(&u->pending);
    STAILQ_INIT(&u->spare_calls);
    SLIST_INIT(&u->spare_sockets);
    *out = u;
    return RC_OK;
}

void upstream_close(struct upstream *u)
{
    struct upstream_call *c;
    struct upstream_socket *s;

    if (u == NULL)
        return;
    while ((c = STAILQ_FIRST(&u->pending)) != NULL) {
        STAILQ_REMOVE_HEAD(&u->pending, pending);
        assert(c->cancelled);
        drop_call(c);
    }
    assert(u->call_count == 0);
    loop_timer_clear(u->loop, &u->work);
    while (u->pool_count > 0)
        close_pool(u->pools[u->pool_count - 1]);
    while ((c = STAILQ_FIRST(&u->spare_calls)) != NULL) {
        STAILQ_REMOVE_HEAD(&u->spare_calls, pending);
        upstream__call_free(c);
    }
    while ((s = SLIST_FIRST(&u->spare_sockets)) != NULL) {
        SLIST_REMOVE_HEAD(&u->spare_sockets, spare);
        free(s);
    }
    free(u);
}

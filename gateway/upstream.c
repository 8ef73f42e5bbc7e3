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

#include "base/map.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* First in, first out. */
struct call_list {
    struct upstream_call *first;
    struct upstream_call *last; /* valid while there is a first */
};

struct upstream {
    struct loop *loop;
    unsigned pool_count;
    struct upstream_pool *pools[UPSTREAM_POOLS_MAX]; /* in the order of filling */
    unsigned call_count;                             /* between start and end */
    struct call_list pending;
    struct loop_timer work; /* armed while `pending` has something */
    unsigned spare_count;
    struct upstream_call *spare_calls;
    struct upstream_socket **sockets; /* by descriptor; NULL: never seen */
    size_t socket_room;
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

static void list_add(struct call_list *list, struct upstream_call *c)
{
    c->next = NULL;
    if (list->first == NULL)
        list->first = c;
    else
        list->last->next = c;
    list->last = c;
}

/* NULL: it is empty. */
static struct upstream_call *list_take(struct call_list *list)
{
    struct upstream_call *c = list->first;

    if (c != NULL)
        list->first = c->next;
    return c;
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
    list_add(&u->pending, c);
    if (!loop_timer_armed(&u->work))
        loop_timer_set(u->loop, &u->work, loop_now_ms(u->loop));
}

void upstream__set_timer(struct upstream_call *c)
{
    loop_timer_set(c->owner->loop, &c->timer, upstream__call_due_ms(c));
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

    if (!s->in_use) { /* a connection that waits for a call, or has an unseen one */
        loop_forget(s->pool->owner->loop, w);
        if (s->pool->unseen_count == 0)
            shutdown(w->fd, SHUT_RDWR); /* whereby libcurl sees that it is dead */
        return;
    }
    /* An error is found by reading: CURL_CSELECT_ERR would hide what came before it. */
    if ((events & ~(uint32_t)EPOLLOUT) != 0)
        what |= CURL_CSELECT_IN;
    if ((events & EPOLLOUT) != 0)
        what |= CURL_CSELECT_OUT;
    act(s->pool, w->fd, what);
}

static void on_multi_timer(struct loop_timer *t)
{
    act((struct upstream_pool *)(void *)((char *)t -
                                         offsetof(struct upstream_pool, timer)),
        CURL_SOCKET_TIMEOUT, 0);
}

/* A call that began on a kept connection, and was paused in that very turn, never made
 * libcurl ask for its socket, and does not until it goes on: to us the connection looks
 * like one that waits. */
void upstream__pausing(struct upstream_call *c)
{
    c->curl_paused = true;
    if (c->seen || c->unseen)
        return;
    c->unseen = true;
    c->pool->unseen_count++;
}

static void seen(struct upstream_call *c)
{
    c->seen = true;
    if (c->unseen)
        c->pool->unseen_count--;
    c->unseen = false;
}

static struct upstream_socket *find_socket(const struct upstream *u, int fd)
{
    return (size_t)fd < u->socket_room ? u->sockets[fd] : NULL;
}

/* NULL: out of memory. */
static struct upstream_socket *make_socket(struct upstream *u, int fd)
{
    struct upstream_socket *s = find_socket(u, fd);
    struct upstream_socket **sockets;

    if (s != NULL)
        return s;
    if ((size_t)fd >= u->socket_room) {
        const size_t room = 2 * (size_t)fd + 16;

        sockets = reallocarray(u->sockets, room, sizeof(struct upstream_socket *));
        if (sockets == NULL)
            return NULL;
        memset(sockets + u->socket_room, 0,
               (room - u->socket_room) * sizeof(struct upstream_socket *));
        u->sockets = sockets;
        u->socket_room = room;
    }
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->watch.fd = fd;
    s->watch.ready = on_ready;
    u->sockets[fd] = s;
    return s;
}

static bool is_internet(int fd)
{
    int domain = 0;
    socklen_t len = sizeof(domain);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
           (domain == AF_INET || domain == AF_INET6);
}

/* What arrives, and the other side's end. A connection in use is watched for the same
 * as one that waits to be used, so that nothing changes hands twice a call. */
static const uint32_t incoming = EPOLLIN | EPOLLRDHUP;

static enum rc watch_for(struct upstream_pool *p, struct upstream_socket *s,
                         uint32_t events)
{
    if (s->watch.events != 0 && s->watched == events)
        return RC_OK;
    TRY(loop_watch(p->owner->loop, &s->watch, events));
    s->watched = events;
    return RC_OK;
}

static bool watch(struct upstream_pool *p, int fd, int what)
{
    struct upstream_socket *s = make_socket(p->owner, fd);

    if (s == NULL)
        return false;
    if (s->watch.events == 0)
        s->is_connection = is_internet(fd);
    s->pool = p;
    s->in_use = true;
    return watch_for(p, s,
                     ((what & CURL_POLL_IN) != 0 ? incoming : 0) |
                         ((what & CURL_POLL_OUT) != 0 ? (uint32_t)EPOLLOUT : 0)) ==
           RC_OK;
}

/* libcurl does not ask for fd any more. Either its call is over, and the connection
 * waits for another; or the call is paused; or it could not connect. Of the last
 * libcurl 7.88 makes two mistakes: the socket is already closed, and if there is
 * another address to try, nothing makes libcurl try it before its next timer, which may
 * be the last one. */
static void unwatch(struct upstream_pool *p, int fd, struct upstream_call *c)
{
    struct upstream_socket *s = find_socket(p->owner, fd);

    if (s == NULL || s->watch.events == 0)
        return;
    s->in_use = false;
    if (!s->is_connection || (c != NULL && c->curl_paused) ||
        watch_for(p, s, incoming) != RC_OK)
        loop_forget(p->owner->loop, &s->watch);
    if (s->is_connection && c != NULL && c->state == CALL_RUNNING &&
        !upstream__call_was_sent(c)) {
        c->nudged = true;
        upstream__later(c);
    }
}

static void end_unwatched(struct upstream_call *c)
{
    c->unwatched = true;
    upstream__later(c);
}

void upstream__socket_close(struct upstream *u, int fd)
{
    struct upstream_socket *s = find_socket(u, fd);

    if (s != NULL)
        loop_forget(u->loop, &s->watch);
    close(fd);
}

/* CURLMOPT_SOCKETFUNCTION. Never fails, for that would end every call of the multi:
 * only the call whose socket cannot be watched ends. */
static int on_interest(CURL *easy, curl_socket_t fd, int what, void *arg, void *unused)
{
    struct upstream_call *c = NULL;

    (void)unused;
    /* NULL for a handle of libcurl's own, which closes connections. */
    (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &c);
    if (c != NULL)
        seen(c);
    if (what == CURL_POLL_REMOVE)
        unwatch(arg, fd, c);
    else if (!watch(arg, fd, what) && c != NULL && c->state == CALL_RUNNING)
        end_unwatched(c);
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
    memmove(&u->pools[i], &u->pools[i + 1],
            (u->pool_count - i) * sizeof(struct upstream_pool *));
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
    c->state = CALL_ENDED; /* before libcurl tells us of its sockets again */
    code = curl_multi_remove_handle(c->pool->multi, c->easy);
    assert(code == CURLM_OK);
    seen(c);
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
    const uint64_t now_ms = upstream__now_ms(c);
    const char *which = "the connection was silent for too long";

    if (now_ms < upstream__call_due_ms(c)) { /* bytes have come since it was set */
        upstream__set_timer(c);
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
    if (u->spare_calls == NULL)
        return upstream__call_new(out, u);
    *out = u->spare_calls;
    u->spare_calls = (*out)->next;
    u->spare_count--;
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
    c->next = u->spare_calls;
    u->spare_calls = c;
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
    upstream__set_timer(c);
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

bool upstream_was_sent(const struct upstream_call *c)
{
    return c->state != CALL_NEW && upstream__call_was_sent(c);
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
        upstream__set_timer(c);
}

/* The one call that makes libcurl look at one transfer soon is the one that lets it go
 * on, which does so only if it was paused. */
static void nudge(struct upstream_call *c)
{
    c->nudged = false;
    (void)curl_easy_pause(c->easy, CURLPAUSE_SEND);
    (void)curl_easy_pause(c->easy, CURLPAUSE_CONT);
}

static void drive(struct upstream_call *c)
{
    if (c->state == CALL_NEW)
        enter_multi(c);
    if (c->nudged && c->state == CALL_RUNNING)
        nudge(c);
    if (c->resumed)
        go_on(c);
    if (c->unwatched && c->state == CALL_RUNNING) {
        upstream__call_classify(c, CURLE_FAILED_INIT);
        upstream__end(c, c->fail, c->detail);
    }
}

static void work_on(struct upstream_call *c)
{
    if (!c->cancelled)
        drive(c);
    if (c->cancelled) {
        /* It may have been put on the list again meanwhile: then its turn comes. */
        if (!c->is_pending)
            drop_call(c);
    } else if (c->state == CALL_ENDED && c->head != HEAD_WAITING) {
        c->state = CALL_OVER;
        c->spec.end(c->spec.arg, c->fail, c->detail);
        drop_call(c);
    }
}

static void on_work(struct loop_timer *t)
{
    struct upstream *u =
        (struct upstream *)(void *)((char *)t - offsetof(struct upstream, work));
    /* Only what waits now: what its callbacks add comes later. */
    struct call_list now = u->pending;
    struct upstream_call *c;

    u->pending.first = NULL;
    while ((c = list_take(&now)) != NULL) {
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
    *out = u;
    return RC_OK;
}

void upstream_close(struct upstream *u)
{
    struct upstream_call *c;

    if (u == NULL)
        return;
    while ((c = list_take(&u->pending)) != NULL) {
        assert(c->cancelled);
        drop_call(c);
    }
    assert(u->call_count == 0);
    loop_timer_clear(u->loop, &u->work);
    while (u->pool_count > 0)
        close_pool(u->pools[u->pool_count - 1]);
    while ((c = u->spare_calls) != NULL) {
        u->spare_calls = c->next;
        upstream__call_free(c);
    }
    for (size_t fd = 0; fd < u->socket_room; fd++)
        free(u->sockets[fd]);
    free(u->sockets);
    free(u);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets, deadlines and libmicrohttpd's daemons. What the library makes us do:
 *
 * - It is driven from outside: each daemon's epoll descriptor is watched in the loop,
 * and daemons run at the end of a turn, also when MHD_get_timeout() says 0 (there is no
 *   event for what is in its buffers) and when we resumed something (in this mode
 *   nothing wakes it).
 * - While a connection is suspended the library does not look at its socket, and its
 *   timeouts measure silence only. So every socket is also watched by us, and all
 *   deadlines are ours. A half-close from the client counts as its leaving, like with
 *   most proxies, unless the answer is there already.
 * - It closes a socket over bytes that it never read, and the reset that follows can
 * take the answer from the client. So such a socket lingers here until it is read
 * empty.
 * - A chunk header that fills its buffer makes it ask to be run again and again without
 * a callback. Such a daemon is run at intervals until the body's deadline ends it. */
#include "gateway/server_int.h"

#include "base/log.h"
#include "base/metric.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    SHARDS_DEFAULT = 16,
    SHARDS_MAX = 256,
    HEADER_TIMEOUT_MS = 10000,
    IDLE_TIMEOUT_MS = 75000,
    STALL_TIMEOUT_MS = 120000,
    STALL_LOOKS = 4, /* per timeout */
    LINGER_MS = 2000,
    LINGER_MAX = 256,
    ACCEPTS_A_TURN = 64,
    ACCEPT_PAUSE_MS = 100,
    ROUNDS_A_TURN = 4,
    BARREN_RUNS_MAX = 16,
    BARREN_SLEEP_MS = 5,
    /* The largest head that the guard lets pass, the library's records of it, and room
     * for the head of an answer. Not more: the library overwrites all of it after each
     * request, so this is what an idle connection costs. */
    CONNECTION_BYTES = 40960,
    UNSENT_MAX = 131072, /* in the kernel, per connection */
    READ_SIZE = 4096,
    READS_A_TURN = 16
};

/* ---- Small things about sockets ---- */

static int unread_bytes(int fd)
{
    int len = 0;

    return ioctl(fd, SIOCINQ, &len) == 0 ? len : 0;
}

static int unsent_bytes(int fd)
{
    int len = 0;

    return ioctl(fd, SIOCOUTQ, &len) == 0 ? len : 0;
}

/* A number that changes whenever the client has taken something. */
static uint64_t taken_bytes(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0)
        return info.tcpi_bytes_acked;
    return (uint64_t)unsent_bytes(fd); /* a Unix socket */
}

/* Failures change speed and memory only. */
static void tune(int fd)
{
    const int unsent_max = UNSENT_MAX;

    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent_max,
                     sizeof(unsent_max));
}

/* ---- Idle connections, the oldest first: those without a whole request, so that who
 * only connects, or dribbles, makes room for who calls ---- */

static void idle_add(struct conn *c)
{
    struct server *s = c->server;

    assert(!c->in_idle);
    c->in_idle = true;
    c->idle_next = NULL;
    c->idle_before = s->idle_newest;
    if (s->idle_newest != NULL)
        s->idle_newest->idle_next = c;
    else
        s->idle_oldest = c;
    s->idle_newest = c;
}

static void idle_remove(struct conn *c)
{
    struct server *s = c->server;

    if (!c->in_idle)
        return;
    c->in_idle = false;
    if (c->idle_before != NULL)
        c->idle_before->idle_next = c->idle_next;
    else
        s->idle_oldest = c->idle_next;
    if (c->idle_next != NULL)
        c->idle_next->idle_before = c->idle_before;
    else
        s->idle_newest = c->idle_before;
}

/* ---- Connections ---- */

static void conn_link(struct conn **head, struct conn *c)
{
    c->next = *head;
    c->link = head;
    if (c->next != NULL)
        c->next->link = &c->next;
    *head = c;
}

static void conn_unlink(struct conn *c)
{
    *c->link = c->next;
    if (c->next != NULL)
        c->next->link = c->link;
}

static void conn_free(struct conn *c)
{
    assert(c->x == NULL && c->watch.events == 0 && !loop_timer_armed(&c->timer));
    if (c->counted)
        peer_count_out(c->server->shared, &c->peer);
    c->server->conn_count--;
    free(c);
}

static void touch(struct shard *sh)
{
    sh->dirty = true;
    sh->barren_runs = 0;
}

static void shut(struct conn *c)
{
    shutdown(c->watch.fd, SHUT_RDWR);
    if (c->shard != NULL)
        touch(c->shard);
}

/* While draining: a request that is on its way in is still answered. */
static void shut_if_silent(struct conn *c)
{
    if (unread_bytes(c->watch.fd) == 0)
        shut(c);
}

void server__phase(struct conn *c, enum conn_phase phase, uint64_t deadline_ms)
{
    struct server *s = c->server;
    const uint64_t now_ms = loop_now_ms(s->loop);

    idle_remove(c);
    c->phase = phase;
    switch (phase) {
    case CONN_HEAD:
        deadline_ms = now_ms + s->header_timeout_ms;
        idle_add(c);
        break;
    case CONN_IDLE:
        deadline_ms = now_ms + s->idle_timeout_ms;
        idle_add(c);
        if (s->draining) /* what it was answered had begun before, and said nothing */
            shut_if_silent(c);
        break;
    case CONN_BODY:
        break;
    case CONN_WORK:
        loop_timer_clear(s->loop, &c->timer);
        return;
    case CONN_ANSWER:
        c->stalled_since_ms = now_ms;
        c->taken_bytes = UINT64_MAX;
        deadline_ms = now_ms + s->stall_timeout_ms / STALL_LOOKS;
        break;
    case CONN_DISCARD:
        deadline_ms = now_ms + LINGER_MS;
        break;
    case CONN_LINGER:
        deadline_ms = now_ms + LINGER_MS;
        idle_add(c);
        break;
    }
    loop_timer_set(s->loop, &c->timer, deadline_ms);
}

void server__suspend(struct conn *c)
{
    assert(!c->suspended);
    c->suspended = true;
    MHD_suspend_connection(c->mhd);
}

void server__resume(struct conn *c)
{
    if (!c->suspended)
        return;
    c->suspended = false;
    MHD_resume_connection(c->mhd);
    touch(c->shard);
}

void server__cut(struct conn *c)
{
    if (c->x != NULL)
        exchange__gone(c->x);
    server__resume(c);
    shut(c);
}

/* The library does not always find that a client closed its side: one whose end came
 * around its answer would stay until the idle timeout. */
static void end_idle(struct conn *c)
{
    if (c->phase == CONN_IDLE && c->peer_left && unread_bytes(c->watch.fd) == 0)
        shut(c);
}

void server__answered(struct conn *c)
{
    server__phase(c, CONN_IDLE, 0);
    end_idle(c);
}

/* ---- Lingering: the library has let go of the socket, this is a copy of it ---- */

static void linger_end(struct conn *c)
{
    struct server *s = c->server;
    const int fd = c->watch.fd;

    idle_remove(c);
    conn_unlink(c);
    s->lingering_count--;
    loop_timer_clear(s->loop, &c->timer);
    loop_unwatch(s->loop, &c->watch);
    close(fd);
    conn_free(c);
}

static void linger_read(struct loop_watch *w, uint32_t events)
{
    struct conn *c = SERVER_OF(struct conn, watch, w);
    char bytes[READ_SIZE];

    (void)events;
    for (unsigned i = 0; i < READS_A_TURN; i++) {
        ssize_t len = recv(w->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

        if (len < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (len > 0)
            c->discarded_bytes += (uint64_t)len;
        if (len <= 0 || c->discarded_bytes > SERVER_DISCARD_MAX) {
            linger_end(c);
            return;
        }
    }
}

/* c is out of its shard and unwatched; fd is still open. */
static bool linger_start(struct conn *c, int fd)
{
    struct server *s = c->server;
    const int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (copy < 0)
        return false;
    shutdown(copy, SHUT_WR);
    c->watch = (struct loop_watch){.fd = copy, .ready = linger_read};
    if (loop_watch(s->loop, &c->watch, EPOLLIN | EPOLLRDHUP) != RC_OK) {
        close(copy);
        return false;
    }
    conn_link(&s->lingering, c);
    s->lingering_count++;
    server__phase(c, CONN_LINGER, 0);
    return true;
}

static bool should_linger(const struct conn *c, int fd)
{
    const struct server *s = c->server;

    return !s->closing && !c->peer_left && s->lingering_count < LINGER_MAX &&
           (c->linger || unread_bytes(fd) > 0);
}

/* ---- Deadlines ---- */

/* Between one and one and a quarter of the timeout after the last byte was taken. */
static void look_for_stall(struct conn *c)
{
    struct server *s = c->server;
    const struct linger reset = {.l_onoff = 1};
    const uint64_t now_ms = loop_now_ms(s->loop);
    const uint64_t taken = taken_bytes(c->watch.fd);
    const bool waits =
        unsent_bytes(c->watch.fd) > 0 || (c->x != NULL && exchange__waits(c->x));

    if (!waits || taken != c->taken_bytes) {
        c->taken_bytes = taken;
        c->stalled_since_ms = now_ms;
    }
    if (now_ms - c->stalled_since_ms < s->stall_timeout_ms) {
        loop_timer_set(s->loop, &c->timer, now_ms + s->stall_timeout_ms / STALL_LOOKS);
        return;
    }
    metric_add(server_shared_metrics(s->shared)->cut, 1);
    /* What the kernel still holds goes too. */
    (void)setsockopt(c->watch.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    server__cut(c);
}

static void deadline(struct loop_timer *t)
{
    struct conn *c = SERVER_OF(struct conn, timer, t);

    assert(c->phase != CONN_WORK); /* the user has deadlines of its own */
    switch (c->phase) {
    case CONN_HEAD:
        metric_add(server_shared_metrics(c->server->shared)->cut, 1);
        exchange__refuse_raw(c, RC_CLIENT_TIMEOUT, "request head came too slowly");
        shut(c);
        break;
    case CONN_BODY:
        metric_add(server_shared_metrics(c->server->shared)->cut, 1);
        exchange__body_late(c->x);
        break;
    case CONN_ANSWER:
        look_for_stall(c);
        break;
    case CONN_IDLE:
        shut(c);
        break;
    case CONN_DISCARD:
        server__cut(c);
        break;
    case CONN_LINGER:
        linger_end(c);
        break;
    case CONN_WORK:
        break;
    }
}

/* ---- What the library does not tell ---- */

static void peer_left(struct conn *c, bool altogether)
{
    c->peer_left = true;
    if (c->x == NULL || exchange__ended(c->x)) {
        end_idle(c);
        return; /* the library reads or writes, and will see for itself */
    }
    if (altogether || c->suspended || c->phase == CONN_ANSWER)
        server__cut(c);
}

static void socket_ready(struct loop_watch *w, uint32_t events)
{
    struct conn *c = SERVER_OF(struct conn, watch, w);

    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        peer_left(c, (events & (EPOLLHUP | EPOLLERR)) != 0);
    else if (c->phase == CONN_IDLE && unread_bytes(w->fd) > 0)
        server__phase(c, CONN_HEAD, 0); /* the first byte of the next request */
}

struct conn *server__conn(struct MHD_Connection *mhd)
{
    struct conn *c = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
                         ->socket_context;

    c->shard->callbacks++;
    return c;
}

static void conn_started(struct conn *c, struct MHD_Connection *mhd)
{
    struct server *s = c->server;

    s->adding = NULL;
    c->mhd = mhd;
    conn_link(&c->shard->conns, c);
    c->shard->conn_count++;
    server__phase(c, CONN_HEAD, 0);
    if (loop_watch(s->loop, &c->watch, EPOLLIN | EPOLLRDHUP | EPOLLET) != RC_OK)
        shut(c); /* we would never learn that it left */
}

/* The library closes the socket right after this. */
static void conn_closed(struct conn *c)
{
    const int fd = c->watch.fd;

    assert(c->x == NULL);
    conn_unlink(c);
    c->shard->conn_count--;
    c->shard = NULL;
    idle_remove(c);
    loop_timer_clear(c->server->loop, &c->timer);
    loop_unwatch(c->server->loop, &c->watch);
    if (!should_linger(c, fd) || !linger_start(c, fd))
        conn_free(c);
}

static void connection_notice(void *arg, struct MHD_Connection *mhd, void **context,
                              enum MHD_ConnectionNotificationCode what)
{
    struct shard *sh = arg;

    sh->callbacks++;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = sh->server->adding;
        conn_started(*context, mhd);
    } else {
        conn_closed(*context);
    }
}

/* ---- Accepting ---- */

/* Makes room for one connection; false: none here is idle. */
static bool evict(struct server *s)
{
    struct conn *c = s->idle_oldest;

    if (c == NULL)
        return false;
    metric_add(server_shared_metrics(s->shared)->evicted, 1);
    if (c->phase == CONN_LINGER) {
        linger_end(c);
        return true;
    }
    idle_remove(c);
    if (c->counted)
        peer_count_out(s->shared, &c->peer);
    c->counted = false; /* its place is free from now on */
    shut(c);
    return true;
}

static struct shard *emptiest(struct server *s)
{
    struct shard *best = &s->shards[0];

    for (unsigned i = 1; i < s->shard_count; i++) {
        if (s->shards[i].conn_count < best->conn_count)
            best = &s->shards[i];
    }
    return best;
}

static struct conn *conn_new(struct server *s, int fd, const struct peer *p)
{
    struct conn *c = calloc(1, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->server = s;
    c->shard = emptiest(s);
    c->watch = (struct loop_watch){.fd = fd, .ready = socket_ready};
    c->timer.fire = deadline;
    c->peer = *p;
    c->counted = true;
    s->conn_count++;
    return c;
}

static void admit(struct server *s, int fd, const struct sockaddr_storage *from,
                  socklen_t from_len)
{
    struct peer p;
    struct conn *c;
    enum rc rc;

    peer_read(&p, from, &s->trust);
    rc = peer_count_in(s->shared, &p);
    if (rc == RC_BUSY && evict(s))
        rc = peer_count_in(s->shared, &p);
    if (rc != RC_OK) {
        metric_add(server_shared_metrics(s->shared)->turned_away, 1);
        close(fd);
        return;
    }
    c = conn_new(s, fd, &p);
    if (c == NULL) {
        peer_count_out(s->shared, &p);
        close(fd);
        return;
    }
    tune(fd);
    s->adding = c;
    touch(c->shard);
    /* Closes fd when it fails; before that it may have told us of the connection's
     * start and end, and c is gone. */
    if (MHD_add_connection(c->shard->daemon, fd, (const struct sockaddr *)from,
                           from_len) != MHD_YES &&
        s->adding == c)
        conn_free(c);
    s->adding = NULL;
}

static void stop_accepting(struct server *s)
{
    loop_unwatch(s->loop, &s->listen);
    loop_timer_clear(s->loop, &s->accept_again);
}

/* The one who knocks gets a clear answer, and the loop does not spin on a knock that it
 * cannot answer. */
static void out_of_descriptors(struct server *s)
{
    int fd;

    log_event(LOG_WARN, "no descriptor left for a connection",
              LOG_STR("error", strerrordesc_np(errno)));
    metric_add(server_shared_metrics(s->shared)->turned_away, 1);
    evict(s);
    if (s->reserve_fd >= 0) {
        close(s->reserve_fd);
        fd = accept4(s->listen.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0)
            close(fd);
    }
    s->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    stop_accepting(s);
    loop_timer_set(s->loop, &s->accept_again, loop_now_ms(s->loop) + ACCEPT_PAUSE_MS);
}

static void listen_ready(struct loop_watch *w, uint32_t events)
{
    struct server *s = SERVER_OF(struct server, listen, w);

    (void)events;
    for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof(from);
        int fd = accept4(w->fd, (struct sockaddr *)&from, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            admit(s, fd, &from, len);
            continue;
        }
        if (errno == EAGAIN)
            return;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            out_of_descriptors(s);
            return;
        }
        /* Whatever else: that connection has failed, not the listener. */
    }
}

static void accept_again(struct loop_timer *t)
{
    struct server *s = SERVER_OF(struct server, accept_again, t);

    if (!s->draining &&
        loop_watch(s->loop, &s->listen, EPOLLIN | EPOLLEXCLUSIVE) != RC_OK)
        loop_timer_set(s->loop, t, loop_now_ms(s->loop) + ACCEPT_PAUSE_MS);
}

/* ---- Turns ---- */

static void daemon_ready(struct loop_watch *w, uint32_t events)
{
    (void)events;
    SERVER_OF(struct shard, watch, w)->dirty = true;
}

static void run_shard(struct shard *sh)
{
    const unsigned callbacks = sh->callbacks;
    MHD_UNSIGNED_LONG_LONG wait_ms;

    sh->dirty = false;
    MHD_run(sh->daemon);
    if (MHD_get_timeout(sh->daemon, &wait_ms) == MHD_YES && wait_ms == 0) {
        sh->dirty = true;
        if (sh->callbacks == callbacks)
            sh->barren_runs++;
    }
    if (!sh->dirty || sh->callbacks != callbacks)
        sh->barren_runs = 0;
}

/* Users answer in their callbacks, daemons send the answers, and what that sets free is
 * told to users again: a few rounds, so that a turn stays short. */
static void end_of_turn(struct loop_hook *h)
{
    struct server *s = SERVER_OF(struct server, hook, h);
    bool again = true;

    for (unsigned round = 0; again && round < ROUNDS_A_TURN; round++) {
        again = false;
        exchange__tell_all(s);
        for (unsigned i = 0; i < s->shard_count; i++) {
            struct shard *sh = &s->shards[i];

            if (sh->dirty && (round == 0 || sh->barren_runs == 0)) {
                run_shard(sh);
                again = true;
            }
        }
    }
}

static uint64_t may_sleep_ms(struct loop_hook *h)
{
    struct server *s = SERVER_OF(struct server, hook, h);
    uint64_t ms = s->events != NULL ? 0 : UINT64_MAX;

    for (unsigned i = 0; i < s->shard_count; i++) {
        const struct shard *sh = &s->shards[i];

        if (!sh->dirty)
            continue;
        if (sh->barren_runs < BARREN_RUNS_MAX)
            return 0;
        if (ms > BARREN_SLEEP_MS)
            ms = BARREN_SLEEP_MS;
    }
    return ms;
}

/* ---- Opening and closing ---- */

/* The raw path is ours to judge. */
static size_t leave_escaped(void *arg, struct MHD_Connection *mhd, char *text)
{
    (void)arg;
    (void)mhd;
    return strlen(text);
}

static enum rc shard_open(struct shard *sh)
{
    const union MHD_DaemonInfo *info;

    /* strict: no; the guard refuses more, and with a body that the client can read. */
    sh->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
            MHD_USE_TURBO,
        0, NULL, NULL, exchange__handle, sh, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)INT_MAX, MHD_OPTION_CONNECTION_TIMEOUT, 0u,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,
        MHD_OPTION_NOTIFY_COMPLETED, exchange__completed, sh,
        MHD_OPTION_NOTIFY_CONNECTION, connection_notice, sh,
        MHD_OPTION_URI_LOG_CALLBACK, exchange__uri, sh, MHD_OPTION_UNESCAPE_CALLBACK,
        leave_escaped, sh, MHD_OPTION_END);
    if (sh->daemon == NULL)
        return RC_BUSY;
    info = MHD_get_daemon_info(sh->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL)
        return RC_INTERNAL;
    sh->watch = (struct loop_watch){.fd = info->epoll_fd, .ready = daemon_ready};
    return loop_watch(sh->server->loop, &sh->watch, EPOLLIN);
}

static void shard_close(struct shard *sh)
{
    if (sh->daemon == NULL)
        return;
    loop_unwatch(sh->server->loop, &sh->watch);
    for (struct conn *c = sh->conns; c != NULL; c = c->next)
        server__resume(c); /* the library may not be stopped while one is suspended */
    MHD_stop_daemon(sh->daemon);
    assert(sh->conns == NULL);
}

static enum rc open_parts(struct server *s, const struct server_options *o)
{
    TRY(trust_open(&s->trust, o->trusted_proxies, o->trusted_proxy_count));
    s->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (s->reserve_fd < 0)
        return RC_BUSY;
    s->shards = calloc(s->shard_count, sizeof(s->shards[0]));
    if (s->shards == NULL)
        return RC_NOMEM;
    for (unsigned i = 0; i < s->shard_count; i++) {
        s->shards[i].server = s;
        TRY(shard_open(&s->shards[i]));
    }
    return loop_watch(s->loop, &s->listen, EPOLLIN | EPOLLEXCLUSIVE);
}

enum rc server_open(struct server **out, struct loop *l, int listen_fd,
                    struct server_shared *shared, const struct server_options *options,
                    const struct server_user *user)
{
    struct server *s = calloc(1, sizeof(*s));
    enum rc rc;

    if (s == NULL)
        return RC_NOMEM;
    s->loop = l;
    s->shared = shared;
    s->user = *user;
    s->reserve_fd = -1;
    s->listen = (struct loop_watch){.fd = listen_fd, .ready = listen_ready};
    s->accept_again.fire = accept_again;
    s->header_timeout_ms =
        options->header_timeout_ms ? options->header_timeout_ms : HEADER_TIMEOUT_MS;
    s->idle_timeout_ms =
        options->idle_timeout_ms ? options->idle_timeout_ms : IDLE_TIMEOUT_MS;
    s->stall_timeout_ms =
        options->stall_timeout_ms ? options->stall_timeout_ms : STALL_TIMEOUT_MS;
    s->shard_count = options->daemons ? options->daemons : SHARDS_DEFAULT;
    if (s->shard_count > SHARDS_MAX)
        s->shard_count = SHARDS_MAX;
    s->in_place = strncmp(MHD_get_version(), "0.9.", 4) == 0;
    rc = open_parts(s, options);
    if (rc != RC_OK) {
        server_close(s);
        return rc;
    }
    s->hook = (struct loop_hook){.turn = end_of_turn, .sleep_ms = may_sleep_ms};
    loop_hook_add(l, &s->hook);
    *out = s;
    return RC_OK;
}

void server_drain(struct server *s)
{
    s->draining = true;
    stop_accepting(s);
    for (struct conn *c = s->idle_oldest, *next; c != NULL; c = next) {
        next = c->idle_next;
        if (c->phase == CONN_IDLE)
            shut_if_silent(c);
    }
}

bool server_idle(const struct server *s)
{
    return s->conn_count == 0;
}

void server_close(struct server *s)
{
    if (s == NULL)
        return;
    s->closing = true;
    assert(s->exchange_count == 0);
    stop_accepting(s);
    for (unsigned i = 0; s->shards != NULL && i < s->shard_count; i++)
        shard_close(&s->shards[i]);
    while (s->lingering != NULL)
        linger_end(s->lingering);
    assert(s->conn_count == 0);
    exchange__tell_all(s);
    exchange__free_spare(s);
    if (s->reserve_fd >= 0)
        close(s->reserve_fd);
    trust_close(&s->trust);
    free(s->shards);
    free(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What server.c, which owns sockets and daemons, and exchange.c, which knows one
 * request and its answer, share behind gateway/server.h. Only they know libmicrohttpd.
 */
#ifndef GATEWAY_SERVER_INT_H
#define GATEWAY_SERVER_INT_H

#include "gateway/guard.h"
#include "gateway/peer.h"
#include "gateway/server.h"

#include <microhttpd.h>

/* The struct that `pointer` is the `member` of. */
#define SERVER_OF(type, member, pointer) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* ---- server.c ---- */

enum conn_phase {
    CONN_HEAD,    /* waits for a request's head */
    CONN_IDLE,    /* kept alive between two requests */
    CONN_BODY,    /* waits for a body */
    CONN_WORK,    /* the user works; no deadline of ours */
    CONN_ANSWER,  /* bytes go out */
    CONN_DISCARD, /* answered and shut; what still comes is thrown away */
    CONN_LINGER   /* the same, when the library has let go of the socket */
};

/* One of a server's daemons. Several, because the library walks all its suspended
 * connections whenever one is resumed. */
struct shard {
    struct loop_watch watch; /* the daemon's own epoll descriptor */
    struct server *server;
    struct MHD_Daemon *daemon;
    struct conn *conns;
    size_t conn_count;
    bool dirty;           /* to be run before the loop sleeps */
    unsigned callbacks;   /* from the library, ever */
    unsigned barren_runs; /* in a row: work was left, and no callback came */
};

struct conn {
    struct loop_watch watch; /* the socket, for what the library does not tell */
    struct loop_timer timer;
    struct server *server;
    struct shard *shard; /* NULL: lingers */
    struct MHD_Connection *mhd;
    struct exchange *x; /* the request at hand, or NULL */
    struct peer peer;
    enum conn_phase phase;
    bool counted;   /* in server_shared */
    bool suspended; /* in the library; resume only then: it does not check */
    bool peer_left; /* closed or half-closed from there */
    bool linger;    /* what is unread must be read before the socket may close */
    uint64_t stalled_since_ms, taken_bytes; /* while in CONN_ANSWER */
    uint64_t discarded_bytes;
    struct conn *next, **link;            /* of the shard, or of all that linger */
    struct conn *idle_next, *idle_before; /* oldest first: who may be evicted */
    bool in_idle;
};

struct server {
    struct loop *loop;
    struct server_shared *shared;
    struct server_user user;
    struct trust trust;
    uint64_t header_timeout_ms, idle_timeout_ms, stall_timeout_ms;
    struct loop_hook hook;
    struct loop_watch listen;
    struct loop_timer accept_again;
    int reserve_fd; /* given up for a moment when no descriptor is left */
    bool draining;
    bool closing;
    bool in_place; /* see guard_head */
    unsigned shard_count;
    struct shard *shards;
    struct conn *adding; /* while the library takes it over */
    size_t conn_count;   /* those that linger too */
    struct conn *lingering;
    size_t lingering_count;
    struct conn *idle_oldest, *idle_newest;
    struct exchange *events, *events_last; /* whose users are to be told something */
    struct exchange *spare;
    unsigned spare_count;
    size_t exchange_count; /* that users know and have not finished */
};

/* Enters a phase and arms its deadline; deadline_ms counts for CONN_BODY only. */
void server__phase(struct conn *c, enum conn_phase phase, uint64_t deadline_ms);
void server__suspend(struct conn *c);
void server__resume(struct conn *c); /* not suspended: nothing */
/* The answer is out: waits for the next request, if one may come. */
void server__answered(struct conn *c);
/* Ends the connection at once, or as soon as the library runs. */
void server__cut(struct conn *c);
/* The connection behind one of the library's. Counts the callback that asks. */
struct conn *server__conn(struct MHD_Connection *mhd);

/* What may be thrown away of a connection whose answer is out. */
enum {
    SERVER_DISCARD_MAX = 4 * 1024 * 1024
};

/* ---- exchange.c: what server.c calls ---- */

/* The library's callbacks. */
void *exchange__uri(void *arg, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result exchange__handle(void *arg, struct MHD_Connection *mhd, const char *url,
                                 const char *method, const char *version,
                                 const char *upload, size_t *upload_len, void **state);
void exchange__completed(void *arg, struct MHD_Connection *mhd, void **state,
                         enum MHD_RequestTerminationCode why);

bool exchange__ended(const struct exchange *x); /* the answer is whole, or cut */
bool exchange__waits(const struct exchange *x); /* bytes wait to be taken */
void exchange__gone(struct exchange *x);
void exchange__body_late(struct exchange *x);
void exchange__tell_all(struct server *s); /* what users are to be told */
void exchange__free_spare(struct server *s);
/* Refuses a head that never came to its end: straight to the socket. */
void exchange__refuse_raw(struct conn *c, enum rc rc, const char *detail);

#endif

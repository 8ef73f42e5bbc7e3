/* SPDX-License-Identifier: Apache-2.0 */
/* What upstream.c (multis and the life of a call) and upstream_call.c (one transfer:
 * its libcurl handle, its callbacks and what its end means) know of each other. For
 * nobody else.
 *
 * libcurl refuses most calls from within its own callbacks, and users call us from
 * within theirs. So nothing that touches a multi happens where it is asked for: a call
 * is marked and put on the list `pending`, which a timer of the loop works off later in
 * the turn. */
#ifndef GATEWAY_UPSTREAM_INT_H
#define GATEWAY_UPSTREAM_INT_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/loop.h"
#include "base/rc.h"
#include "gateway/upstream.h"

enum {
    UPSTREAM_CALLS_MAX = 8192,    /* of one loop */
    UPSTREAM_POOL_CALLS = 128,    /* of one multi */
    UPSTREAM_POOLS_MAX = 256,     /* multis of one loop; idle ones make room */
    UPSTREAM_SPARE_CALLS = 256,   /* handles kept for later calls */
    UPSTREAM_POOL_IDLE_MS = 60000 /* an empty multi is closed, and its connections */
};

struct upstream;
struct upstream_pool;

/* A socket of libcurl's on the loop; there is one for each number that a socket ever
 * had. A connection that waits to be used again is watched as well: what comes in then
 * was asked for by nobody (a late answer, a "408" of a server that is about to close),
 * and libcurl would take it for the answer to the next request. */
struct upstream_socket {
    struct loop_watch watch;
    struct upstream_pool *pool;
    bool is_connection; /* not the pipe of a resolver's thread */
    bool in_use;        /* libcurl asks for what happens on it */
    uint32_t watched;   /* the events, while the loop watches it */
};

/* A multi with the connections that its calls share. */
struct upstream_pool {
    struct upstream *owner;
    CURLM *multi;
    uint64_t key; /* the credential's hash: only its calls come here */
    bool allow_private;
    unsigned call_count;
    unsigned unseen_count;   /* of them, whose `unseen` is set */
    struct loop_timer timer; /* libcurl's one timer */
    struct loop_timer idle;
};

enum call_state {
    CALL_NEW,     /* not in its multi yet */
    CALL_RUNNING, /* in its multi */
    CALL_ENDED,   /* out of it; `end` is owed */
    CALL_OVER     /* `end` was called, or never will be */
};

enum head_state {
    HEAD_NONE,    /* not complete */
    HEAD_WAITING, /* complete, and the user did not take it yet */
    HEAD_TAKEN
};

struct upstream_call {
    struct upstream *owner;
    struct upstream_pool *pool;
    CURL *easy; /* this call's for good; set up once */
    struct upstream_spec spec;
    enum call_state state;

    /* What the list `pending` is to do with it. */
    struct upstream_call *next; /* in that list, or in that of spare ones */
    bool is_pending;
    bool cancelled;
    bool resumed;
    bool unwatched; /* the loop could not take its socket */
    bool nudged;    /* libcurl must look at it without being asked */

    /* The request. */
    struct arena *arena; /* header lines of both directions */
    struct curl_slist *lines;
    size_t part_index, part_offset; /* what the body's next byte is */

    /* The answer. */
    enum head_state head;
    bool in_head;      /* between a status line and the empty line */
    size_t head_bytes; /* of all heads and of trailers */
    unsigned status;
    size_t header_count;
    struct http_header headers[HTTP_HEADERS_MAX];
    bool is_chunked, has_length;
    uint64_t length; /* as announced */
    uint64_t received_bytes;
    bool paused;      /* by the user */
    bool curl_paused; /* libcurl holds bytes back */
    bool seen;        /* libcurl has asked for its socket */
    bool unseen;      /* it was paused before that */

    /* Deadlines: one timer, set to the nearest or to something before it. */
    struct loop_timer timer;
    uint64_t started_ms;
    uint64_t moved_ms; /* when the last byte came */

    /* How it ended. */
    bool tried;   /* an address that is allowed was connected to */
    bool blocked; /* one that is not was refused */
    bool failed;  /* `fail` and `detail` are set, whatever libcurl will say */
    enum upstream_fail fail;
    const char *detail;
    char error[CURL_ERROR_SIZE];
};

/* ---- upstream.c ---- */

/* Works on c later in this turn, or at the beginning of the next. */
void upstream__later(struct upstream_call *c);
uint64_t upstream__now_ms(const struct upstream_call *c);
/* Sets c's timer to when c must have moved on. Bytes that come later need not do so. */
void upstream__set_timer(struct upstream_call *c);
/* Notes that libcurl is told to pause. */
void upstream__pausing(struct upstream_call *c);
/* Closes a socket that was opened by any call. */
void upstream__socket_close(struct upstream *u, int fd);
/* Ends c with `fail`; not from within a callback of libcurl's. */
void upstream__end(struct upstream_call *c, enum upstream_fail fail,
                   const char *detail);

/* ---- upstream_call.c ---- */

/* A handle with everything set that never changes. RC_NOMEM. */
MUST_CHECK enum rc upstream__call_new(struct upstream_call **out, struct upstream *u);
void upstream__call_free(struct upstream_call *c); /* NULL is fine */
/* Sets c up for a spec. false: it cannot be sent, c->detail says why. */
MUST_CHECK bool upstream__call_prepare(struct upstream_call *c,
                                       const struct upstream_spec *spec);
/* Forgets the request; credentials are wiped. */
void upstream__call_forget(struct upstream_call *c);
/* Gives the answer's head to the user (again). */
void upstream__call_head(struct upstream_call *c);
/* Decides how c ended, by what libcurl says and by what was noted before. */
void upstream__call_classify(struct upstream_call *c, CURLcode code);
/* Whether the other side can have seen any of the request. */
bool upstream__call_was_sent(const struct upstream_call *c);
/* When c must have moved on. */
uint64_t upstream__call_due_ms(const struct upstream_call *c);

#endif

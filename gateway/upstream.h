/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP calls to the other side, on a loop: libcurl's multi interface, wrapped completely.
 * Redirects are off, protocols pinned to https and http, no proxy or netrc from the
 * environment, no cookies, HTTP/1.1. Every connect is checked against the address that is
 * really used (threats D1..D5): private, loopback, link-local, multicast and mapped ranges
 * are refused unless the call allows them. Caps and deadlines are absolute.
 *
 * Several multis per loop, filled first to last: at low load one warm pool serves all, at
 * high load no multi grows long (libcurl's cost per call grows with the calls in it). */
#ifndef GATEWAY_UPSTREAM_H
#define GATEWAY_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/loop.h"
#include "base/rc.h"
#include "base/slice.h"
#include "gateway/server.h" /* struct http_header */

struct upstream;
struct upstream_call;

MUST_CHECK enum rc upstream_open(struct upstream **out, struct loop *l);
void upstream_close(struct upstream *u); /* every call must have ended; NULL is fine */

enum upstream_fail {
    UPSTREAM_FINE,    /* a complete answer came, whatever its status */
    UPSTREAM_CONNECT, /* DNS, refused, TLS: nothing was sent: certainly not executed */
    UPSTREAM_BLOCKED, /* its address is not allowed: not executed */
    UPSTREAM_SLOW,    /* a deadline passed */
    UPSTREAM_CUT,     /* the connection broke, or framing is wrong */
    UPSTREAM_TOO_BIG, /* over max_response_bytes, before or after decompression */
    UPSTREAM_STOPPED  /* the user's data() said so */
};

enum upstream_take {
    UPSTREAM_TOOK,
    UPSTREAM_PAUSE, /* not taken: the same bytes come again after upstream_resume() */
    UPSTREAM_STOP   /* end the call with UPSTREAM_STOPPED */
};

/* What to do. All slices must stay valid until `end` or upstream_cancel(). Values with CR,
 * LF or NUL in method, url or headers: the call ends with UPSTREAM_STOPPED, nothing sent. */
struct upstream_spec {
    const char *method;
    const char *url; /* absolute, http or https */
    size_t header_count;
    const struct http_header *headers; /* nothing is added but Host and Content-Length */
    size_t part_count;
    const struct slice *parts; /* the body in pieces, sent without joining; 0: none */
    bool has_body;             /* an empty body is announced as Content-Length: 0 */
    bool allow_private;
    bool decode;  /* undo gzip, deflate, br of the answer (and ask for it) */
    const void *pool_key; /* connections are shared only between equal ones (a credential) */
    uint64_t connect_timeout_ms; /* 0: 5 s */
    uint64_t first_byte_timeout_ms; /* from start to the answer's head; 0: 60 s */
    uint64_t idle_timeout_ms;    /* between bytes, while not paused; 0: 60 s */
    uint64_t deadline_ms;        /* monotonic, absolute; 0: none */
    uint64_t max_response_bytes; /* 0: 64 MiB */

    void *arg;
    /* The final head (1xx are swallowed). headers are valid during the call. */
    enum upstream_take (*head)(void *arg, unsigned status,
                               const struct http_header *headers, size_t count);
    enum upstream_take (*data)(void *arg, struct slice bytes); /* at most 16 KiB each */
    /* Once, last; not after upstream_cancel(). detail: libcurl's words, for the log. */
    void (*end)(void *arg, enum upstream_fail fail, const char *detail);
};

/* Starts; `end` always comes later, never from within. RC_BUSY: too many calls. */
MUST_CHECK enum rc upstream_start(struct upstream_call **out, struct upstream *u,
                                  const struct upstream_spec *spec);
void upstream_resume(struct upstream_call *c);
/* The connection is closed and no callback follows. NULL is fine. Not from within a
 * callback of the same call: return UPSTREAM_STOP there. */
void upstream_cancel(struct upstream_call *c);

/* Whether an address (struct sockaddr) is one that nobody outside may make us call. */
struct sockaddr;
bool upstream_address_private(const struct sockaddr *address);

#endif

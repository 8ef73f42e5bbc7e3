/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP calls to the other side, on a loop: libcurl's multi interface, wrapped
 * completely. Redirects are off, protocols pinned to https and http, no proxy or netrc
 * from the environment, no cookies, HTTP/1.1. Every connect is checked against the
 * address that is really used (threats D1..D5): private, loopback, link-local,
 * multicast and mapped ranges are refused unless the call allows them. Caps and
 * deadlines are absolute.
 *
 * Several multis per loop, filled first to last: at low load one warm pool serves all,
 * at high load no multi grows long (libcurl's cost per call grows with the calls in
 * it).
 *
 * A connection serves only calls of the credential and of the `allow_private` that it
 * was opened for. For the credential that is a second wall: on HTTP/1.1 each request
 * carries its own, but an upstream that loses count of its answers then mixes up the
 * calls of one account only. For `allow_private` it is a need: no address is checked
 * when a connection is used again.
 *
 * A connection that sends or closes while nobody uses it is dropped: whatever came was
 * not asked for. A kept connection may also die in the very moment when it is used
 * again. If then not one byte of an answer has come, the request is sent once more on a
 * new connection (RFC 9112 section 9.3.1 leaves that to us), unless `send_once`; in no
 * other case is anything sent twice.
 *
 * The process must ignore SIGPIPE. One thread only: the loop's. */
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
    UPSTREAM_CONNECT, /* DNS, refused, TLS, connect timeout: nothing of the request was
                       * sent: certainly not executed */
    UPSTREAM_BLOCKED, /* its address is not allowed: not executed */
    UPSTREAM_SLOW,    /* a deadline passed, other than that of connecting */
    UPSTREAM_CUT,     /* the connection broke, or framing is wrong */
    UPSTREAM_TOO_BIG, /* over max_response_bytes after decompression, or its headers
                       * over 64 KiB or HTTP_HEADERS_MAX */
    UPSTREAM_STOPPED  /* head() or data() said so; or the spec cannot be sent, and
                       * nothing was */
};

enum upstream_take {
    UPSTREAM_TOOK,
    UPSTREAM_PAUSE, /* not taken: the same comes again after upstream_resume() */
    UPSTREAM_STOP   /* end the call with UPSTREAM_STOPPED */
};

/* What to do. Everything it points to must stay valid until `end` or upstream_cancel();
 * the struct itself is copied. A spec that cannot be sent as it stands ends the call
 * with UPSTREAM_STOPPED, nothing sent: a method or header name that is no token, a
 * value with control bytes, a URL with white space, user name or fragment, a HEAD with
 * a body, more than 128 headers or 64 KiB of them, or one that is not the caller's to
 * set: Host, Content-Length, Transfer-Encoding, Connection, Keep-Alive, Expect, TE,
 * Trailer, Upgrade, Proxy-*. */
struct upstream_spec {
    const char *method;
    const char *url; /* absolute, http or https */
    size_t header_count;
    /* Added are Host, Content-Length and, unless given, "User-Agent: octroi". */
    const struct http_header *headers;
    size_t part_count;
    /* The body in pieces; 0: none. Only what is short is joined. */
    const struct slice *parts;
    bool has_body;  /* an empty body is announced as Content-Length: 0 */
    bool send_once; /* who gets it twice might do it twice */
    bool allow_private;
    /* Ask for gzip, deflate or br and undo it: head() then gets neither
     * Content-Encoding nor Content-Length of an encoded answer. */
    bool decode;
    struct slice pool_key;          /* the credential: equal ones share connections */
    uint64_t connect_timeout_ms;    /* name, TCP and TLS; 0: 5 s */
    uint64_t first_byte_timeout_ms; /* from start to the answer's head; 0: 60 s */
    uint64_t idle_timeout_ms;       /* between bytes, while not paused; 0: 60 s */
    uint64_t deadline_ms;           /* monotonic, absolute; 0: none */
    uint64_t max_response_bytes;    /* 0: 64 MiB */

    void *arg;
    /* The final head; 1xx and trailers are swallowed. headers are valid until `end`.
     * Its framing is sound: one Content-Length, or chunked, or neither. */
    enum upstream_take (*head)(void *arg, unsigned status,
                               const struct http_header *headers, size_t count);
    enum upstream_take (*data)(void *arg, struct slice bytes); /* at most 16 KiB each */
    /* Once, last; not after upstream_cancel(). detail: libcurl's words, for the log. */
    void (*end)(void *arg, enum upstream_fail fail, const char *detail);
};

/* Starts. No callback ever comes from within a call into this module, so all of it may
 * be used from within callbacks, those of the same call included. RC_BUSY: too many
 * calls; RC_NOMEM. */
MUST_CHECK enum rc upstream_start(struct upstream_call **out, struct upstream *u,
                                  const struct upstream_spec *spec);
void upstream_resume(struct upstream_call *c); /* not paused: fine */
/* No callback follows, and the connection is closed within the turn. NULL is fine. Not
 * after `end` has begun. */
void upstream_cancel(struct upstream_call *c);

/* Whether any byte of the request went out, so that it may have been executed. */
bool upstream_was_sent(const struct upstream_call *c);

/* Whether an address (struct sockaddr) is one that nobody outside may make us call. */
struct sockaddr;
bool upstream_address_private(const struct sockaddr *address);

#endif

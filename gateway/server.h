/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP side of one loop: accepts, guards, reads bodies, writes answers. It wraps
 * libmicrohttpd completely: nothing above knows that library. One HTTP exchange is a
 * `struct exchange`; its user (the request) is called back on the loop's thread and
 * never from within one of its own calls into this module.
 *
 * The guard (threats A1..A16) has passed before the user sees an exchange: one
 * Content-Length or one "chunked", never both; one Host; clean names and values; a
 * method, version and target that we speak; sizes within limits. What fails it gets its
 * status in the dialect that `refuse` chooses, and the connection closes. */
#ifndef GATEWAY_SERVER_H
#define GATEWAY_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/loop.h"
#include "base/rc.h"
#include "base/slice.h"

struct server;
struct exchange;

struct http_header {
    struct slice name; /* as it came; compare without case */
    struct slice value;
};

enum {
    HTTP_HEADERS_MAX = 100,
    HTTP_HEADER_BYTES_MAX = 16384,
    HTTP_URL_MAX = 8192,
    HTTP_OUT_HIGH = 262144, /* bytes waiting for a slow reader at most */
    HTTP_OUT_LOW = 65536,   /* `writable` is called when less than this waits again */
};

/* What came in. Slices live as long as the exchange. */
struct http_request {
    struct slice
        method;         /* "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" */
    struct slice path;  /* raw, as on the wire, without the query; starts with "/" */
    struct slice query; /* raw, without "?" */
    bool has_query;
    size_t header_count;
    struct http_header headers[HTTP_HEADERS_MAX];
    bool has_body; /* Content-Length > 0 or chunked */
    bool chunked;
    uint64_t content_length;
    char address[48]; /* of the client: the peer, or X-Forwarded-For's of a trusted
                         proxy */
};
/* The value of the only header of that name; SLICE_NONE if absent. *count (may be
 * NULL): how many there are; with more than one the first is returned. */
struct slice http_header(const struct http_request *q, const char *name,
                         unsigned *count);

/* Who handles exchanges. All on the loop's thread. */
struct server_user {
    void *arg;
    /* The head is in. Either answer now (exchange_reply: the body is never read and the
     * connection closes if there is one), or exchange_accept(). */
    void (*head)(void *arg, struct exchange *x);
    /* The body is complete (at once after accept when there is none). From here the
     * deadline is the user's. */
    void (*body)(void *arg, struct exchange *x);
    /* Less than HTTP_OUT_LOW waits after exchange_room() had been too small. */
    void (*writable)(void *arg, struct exchange *x);
    /* The client left (also with a half-close, unless its answer was there already):
     * RC_GONE, and all further calls on x but exchange_finish() do nothing. Or its body
     * came too late or too large: RC_CLIENT_TIMEOUT, RC_TOO_BIG, RC_NOMEM; reply with
     * that. */
    void (*failed)(void *arg, struct exchange *x, enum rc rc);
    /* Fills the body of a refusal that the server makes by itself, before `head`. */
    void (*refuse)(void *arg, struct slice path, enum rc rc, const char *detail,
                   struct buf *body, const char **content_type);
};

struct server_options {
    uint64_t connections;             /* in all loops together: see server_shared */
    uint64_t connections_per_address; /* 0: no limit */
    const char *const *trusted_proxies;
    size_t trusted_proxy_count;
    unsigned daemons; /* MHD daemons in this loop; 0: 16 */
    uint64_t header_timeout_ms, idle_timeout_ms,
        stall_timeout_ms; /* 10 s, 75 s, 120 s */
};

/* Counts that all loops of a process share (connections in all and per address). */
struct server_shared;
MUST_CHECK enum rc server_shared_open(struct server_shared **out, uint64_t connections,
                                      uint64_t per_address);
void server_shared_close(struct server_shared *s);

/* "ADDR:PORT", "[::1]:PORT", "ADDR:0" for any port. The first bind is without
 * SO_REUSEPORT, so that a second server on the port is refused. RC_CONFLICT: in use;
 * RC_FORBIDDEN: not ours to bind; RC_BAD_INPUT. The socket listens, non-blocking. */
MUST_CHECK enum rc server_listen(int *fd, uint16_t *port, const char *address);

/* Serves listen_fd (shared between loops: each accepts from it with EPOLLEXCLUSIVE) in
 * l. listen_fd stays the caller's. */
MUST_CHECK enum rc server_open(struct server **out, struct loop *l, int listen_fd,
                               struct server_shared *shared,
                               const struct server_options *options,
                               const struct server_user *user);
/* Stops accepting; idle connections close; answers carry "Connection: close". */
void server_drain(struct server *s);
bool server_idle(const struct server *s); /* no connection is left */
/* Every exchange must have been finished. Resumes and closes what is left. Its hook in
 * the loop goes with it: the loop must not turn any more. */
void server_close(struct server *s); /* NULL is fine */

/* ---- An exchange ---- */
const struct http_request *exchange_request(const struct exchange *x);
struct arena *exchange_arena(struct exchange *x); /* lives as long as x */
void exchange_set_user(struct exchange *x, void *user);
void *exchange_user(const struct exchange *x);

/* The user id behind a Unix socket; false: not one, or the client is gone. */
bool exchange_peer_uid(const struct exchange *x, uint32_t *uid);

/* From `head` only: read the body, up to max_bytes (more: `failed` with RC_TOO_BIG).
 * The deadline is 30 s plus 1 s per 64 KiB announced, at most timeout_ms when not 0. */
void exchange_accept(struct exchange *x, uint64_t max_bytes, uint64_t timeout_ms);
struct slice exchange_body(const struct exchange *x); /* valid until exchange_finish */

/* Adds a header to the answer, before its head is given. Copies. RC_BAD_INPUT, and it
 * is left out: no name, a name that frames the message (Content-Length, Connection..),
 * an empty value, a control character. RC_TOO_BIG: over HTTP_HEADER_BYTES_MAX in all.
 */
MUST_CHECK enum rc exchange_header(struct exchange *x, const char *name,
                                   struct slice value);
/* The whole answer. Copies body. HEAD requests: the length is told, the body not sent.
 */
void exchange_reply(struct exchange *x, unsigned status, struct slice body);

/* A streamed answer: head, any number of writes, end. content_length UINT64_MAX:
 * unknown (chunked; to HTTP/1.0 until the connection closes, where a break cannot be
 * seen). The last byte of a known length goes out with exchange_end(), and so does a
 * head without a body; what is written beyond the length is dropped. */
void exchange_stream(struct exchange *x, unsigned status, uint64_t content_length);
/* How many bytes exchange_write() would take now. If that is too little for the user,
 * it stops its source and `writable` tells when to go on. */
size_t exchange_room(struct exchange *x);
/* Copies. More than exchange_room() is the caller's bug (assert). */
void exchange_write(struct exchange *x, struct slice bytes);
/* complete false: the connection is cut, so that the client sees a broken answer. */
void exchange_end(struct exchange *x, bool complete);
/* Close the connection after this answer. Before the head is given. */
void exchange_close_after(struct exchange *x);

/* The user is done with x: x may be freed at once or when its bytes are out. Call
 * exactly once, after exchange_reply()/exchange_end() or after `failed` with RC_GONE.
 */
void exchange_finish(struct exchange *x);
bool exchange_gone(const struct exchange *x);

#endif

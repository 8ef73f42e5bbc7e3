/* SPDX-License-Identifier: Apache-2.0 */
/* The client's side of an exchange without HTTP: stands in for gateway/server.h under
 * the request layer. It remembers what the client was given, asserts what the manual
 * forbids, and lets a test be a slow client or one that leaves. */
#ifndef TESTS_EXCHANGE_DOUBLE_H
#define TESTS_EXCHANGE_DOUBLE_H

#include "gateway/server.h"

struct exchange {
    struct http_request http;
    struct arena *arena;
    struct arena *text; /* of the head; outlives what the request does */
    void *user;
    struct buf body;
    bool accepted;
    uint64_t max_body;

    /* The answer so far. */
    bool answered;
    unsigned status;
    struct buf headers;      /* "name: value\n" each */
    uint64_t content_length; /* of a streamed one */
    bool streamed;
    struct buf out;
    bool ended;
    bool complete;
    bool finished;

    bool gone;
    bool slow;       /* nothing is read but by client_reads() */
    size_t room_max; /* HTTP_OUT_HIGH unless the test says otherwise */
    size_t read;     /* bytes of out that the client has read */
    bool room_asked;
    struct exchange *next; /* of all */
};

/* headers: "Name: value\n" each, a key's header included. The request layer has seen
 * the head when this returns, nothing more. */
struct exchange *client_head(const struct server_user *user, const char *method,
                             const char *target, const char *headers, bool has_body);
/* The body is complete, or larger than accepted. */
void client_body(const struct server_user *user, struct exchange *x, struct slice body);
void client_leaves(const struct server_user *user, struct exchange *x);
/* A slow client reads up to len bytes of what waits. */
void client_reads(const struct server_user *user, struct exchange *x, size_t len);

/* The value of a header of the answer; NULL: it has none. Until the next call. */
const char *client_header(const struct exchange *x, const char *name);

struct exchange *client_first(void); /* the latest of all; NULL: none */
/* Asserts that each exchange was answered and finished once; frees them. */
void clients_close(void);

#endif

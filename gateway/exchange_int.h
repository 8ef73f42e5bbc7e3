/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer, for exchange.c, which takes the request in, and
 * exchange_answer.c, which sends the answer out. */
#ifndef GATEWAY_EXCHANGE_INT_H
#define GATEWAY_EXCHANGE_INT_H

#include "gateway/server_int.h"

enum exchange_stage {
    EXCHANGE_NEW,     /* the head is not complete; the user does not know of it */
    EXCHANGE_HEAD,    /* the user has the head, and neither answered nor accepted */
    EXCHANGE_BODY,    /* accepted; the body comes in */
    EXCHANGE_DISCARD, /* the body still comes in, but nobody wants it any more */
    EXCHANGE_WORK,    /* the request is complete; an answer may be queued */
    EXCHANGE_QUEUED   /* the library has the answer */
};

struct answer_header {
    struct answer_header *next;
    const char *name;
    const char *value;
};

struct exchange {
    struct http_request q;
    struct server *server;
    struct conn *conn; /* NULL: the connection has gone on or is gone */
    struct arena *arena;
    void *user;
    struct exchange *next; /* among those that are spare, or to be told */
    enum exchange_stage stage;

    bool http11;
    bool known;    /* the user has been told of it, and has not finished it */
    bool accepted; /* the user wants the body */
    bool answered; /* the answer's head is given */
    bool ended;    /* the answer is given to its end */
    bool complete; /* with ended: and it was whole */
    bool gone;     /* the client; nothing can be answered any more */
    bool cut;      /* the connection is to be closed now */
    bool close;    /* the connection, after the answer */
    bool bodiless; /* the answer has no body on the wire: its head waits for its end */
    bool room_asked; /* ..and bytes waited: `writable` is owed */
    bool to_be_told; /* in the server's list */
    bool tell_failed;
    bool tell_writable;
    enum rc failed;

    struct slice target; /* our copy; path and query are pieces of it */
    const char *target_at;
    size_t target_len;

    struct buf body;
    uint64_t body_start_ms, body_end_ms; /* the latter: whatever comes; 0: no limit */

    struct answer_header *headers, **headers_end;
    size_t header_bytes;
    unsigned status;
    struct MHD_Response *response;
    uint64_t length_left; /* of an announced length; UINT64_MAX: none was */
    struct buf out;
};

/* Enough of the answer is there for it to begin. */
bool exchange__ready(const struct exchange *x);
/* Hands the answer to the library. From its handler only, in EXCHANGE_HEAD or _WORK. */
enum MHD_Result exchange__queue(struct exchange *x);
/* A refusal of the server's own making. */
enum MHD_Result exchange__refuse(struct exchange *x, enum rc rc, const char *detail);
/* For the list of those to be told. */
void exchange__tell_later(struct exchange *x);

#endif

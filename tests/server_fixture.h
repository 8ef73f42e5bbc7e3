/* SPDX-License-Identifier: Apache-2.0 */
/* A server on a loop that the test turns by itself, with a user whose behaviour the
 * path chooses, and a client that speaks raw bytes. Time stands still but for
 * advance(). */
#ifndef TESTS_SERVER_FIXTURE_H
#define TESTS_SERVER_FIXTURE_H

#include "gateway/server.h"

/* What the user has seen, and the last exchange that it keeps:
 * /echo    answers with the body
 * /now     answers in `head`
 * /small   accepts ten bytes
 * /hold    keeps the exchange from `body` on; the test answers
 * /think   keeps it from `head` on, neither answered nor accepted
 * /address answers with the client's address */
struct served {
    unsigned heads, bodies, writables, failures, refusals;
    enum rc failed;
    struct exchange *x;
};
extern struct served served;
extern struct loop *served_loop;
extern struct server *served_server;
extern struct server_shared *served_shared;
extern uint16_t served_port;

/* Default options where a member is 0; one daemon. */
void served_open(const struct server_options *options);
int served_teardown(void **state); /* everything; also of clients */

/* The user of a server, for tests that open their own. */
extern const struct server_user served_user;

void turns(unsigned count);
void advance(uint64_t ms); /* and turns */

struct client {
    int fd;
    struct buf in;
    bool closed; /* the end was read, or a reset */
};
struct client *client_open(void);
struct client *client_open_small(int receive_bytes); /* a small window */
void client_close(struct client *c);                 /* the socket; c stays valid */
void client_send(struct client *c, struct slice bytes);
void client_say(struct client *c, const char *text);
void client_half_close(struct client *c);
/* Reads what is there. */
void client_read(struct client *c);
bool client_sees_end(struct client *c); /* within some turns */

struct answer {
    unsigned status;
    char *head; /* the lines, NUL-terminated */
    struct buf body;
    bool complete; /* as its framing says */
};
/* The next answer, which must come; body_expected false: after HEAD. The result is
 * valid until the next call. */
const struct answer *client_answer(struct client *c, bool body_expected);
bool answer_has(const struct answer *a, const char *line_start);

/* The status of the answer to a request on a connection of its own. */
unsigned ask(const char *request);

#define HOST   "Host: a.example\r\n"
#define SECOND "GET /echo HTTP/1.1\r\n" HOST "\r\n"
#define HOLD   "GET /hold HTTP/1.1\r\n" HOST "\r\n"

/* Until served.x is there to be answered. */
struct client *client_hold(void);
void client_ask_hold(struct client *c, const char *method);
/* Answers served.x and finishes it. */
void served_answer(unsigned status, bool stream, uint64_t length, struct slice body);
void served_finish(void);

void expect_body(const struct answer *a, const char *body); /* and that it is whole */
void expect_second_works(struct client *c);                 /* on this connection */

char *letters(size_t len); /* to be freed */
char pattern_at(size_t at);
/* Writes the pattern from `at` as far as there is room, to `end` at most; where it is.
 */
size_t served_write_pattern(size_t at, size_t end);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The other side of a call, for tests: a server on a loopback port whose behaviour is a
 * C function. Every connection has a thread of its own that runs this function on the
 * raw socket, so a test can break HTTP in any way it likes. */
#ifndef TESTS_FAKE_UPSTREAM_H
#define TESTS_FAKE_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FAKE_TEXT_SIZE = 64 * 1024
};

struct fake;

/* One accepted connection. Closed when the script returns. */
struct fake_connection {
    struct fake *fake;
    int fd;
    unsigned number;           /* 1, 2, .. in the order of accepting */
    size_t body_len;           /* of the request read last */
    size_t held;               /* bytes in `text` */
    size_t head_len;           /* of the request read last, with the empty line */
    char text[FAKE_TEXT_SIZE]; /* head of the request read last, then what follows */
};

typedef void fake_script(struct fake_connection *c);

struct fake *fake_start(fake_script *script);
void fake_stop(struct fake *f); /* cuts all connections and joins all threads */
uint16_t fake_port(const struct fake *f);
/* Closes the listening socket: further connects are refused. */
void fake_refuse(struct fake *f);
unsigned fake_connections(struct fake *f); /* accepted until now */
unsigned fake_requests(struct fake *f);    /* read completely until now */
unsigned fake_sends(struct fake *f);  /* fake_send() and fake_say() that are done */
unsigned fake_closed(struct fake *f); /* connections whose script has returned */
/* The head of the request read last, by any connection; and a digest of its body: the
 * length, and the sum of (position + 1) * byte. */
void fake_last(struct fake *f, char head[FAKE_TEXT_SIZE], size_t *len, uint64_t *sum);

/* What scripts answer with; must stay. */
void fake_give(struct fake *f, const char *text, size_t len);

/* For scripts. Reads one request, its body by Content-Length; false: the peer is gone.
 */
bool fake_read(struct fake_connection *c);
void fake_send(struct fake_connection *c, const void *bytes, size_t len);
void fake_say(struct fake_connection *c, const char *text);
const char *fake_given(struct fake_connection *c, size_t *len);
/* Until the peer, or fake_stop(), closes the connection. */
void fake_wait_closed(struct fake_connection *c);
/* Until fake_signal() has been called once more than waits have ended. */
void fake_wait_signal(struct fake_connection *c);
void fake_signal(struct fake *f);

#endif

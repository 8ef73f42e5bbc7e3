/* SPDX-License-Identifier: Apache-2.0 */
/* Who is at the other end of a connection, whom a trusted proxy speaks for, and how
 * many connections there are in all and per address. */
#ifndef GATEWAY_PEER_H
#define GATEWAY_PEER_H

#include "gateway/server.h"

#include <sys/socket.h>

struct metric;

/* Addresses are 16 bytes, those of IPv4 as ::ffff:a.b.c.d. */
struct peer_range {
    uint8_t first[16];
    unsigned bits;
};

struct trust {
    size_t count;
    struct peer_range *ranges; /* owned */
    bool local;                /* "unix": who comes over a Unix socket */
};
MUST_CHECK enum rc trust_open(struct trust *t, const char *const *texts, size_t count);
void trust_close(struct trust *t);

struct peer {
    uint8_t address[16]; /* zeroes for a Unix socket */
    bool local;          /* came over a Unix socket */
    bool trusted;
    char text[48];
};

void peer_read(struct peer *p, const struct sockaddr_storage *from,
               const struct trust *t);
/* Sets q->address: the peer, or behind trusted proxies who spoke to the first of them.
 */
void peer_client(struct http_request *q, const struct peer *p, const struct trust *t);

/* RC_BUSY: no connection more at all; RC_RATE: none more from there. */
MUST_CHECK enum rc peer_count_in(struct server_shared *s, const struct peer *p);
void peer_count_out(struct server_shared *s, const struct peer *p);

struct server_metrics {
    struct metric *connections, *turned_away, *evicted, *refused, *cut;
};
const struct server_metrics *server_shared_metrics(const struct server_shared *s);

#endif

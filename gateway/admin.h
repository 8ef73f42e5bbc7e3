/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API under /admin/v1/, as functions: the daemon serves them on its socket
 * and its admin listener (admin_server.h), the command line calls them directly while
 * no daemon runs. May wait for the book: never on a loop. Any thread. */
#ifndef GATEWAY_ADMIN_H
#define GATEWAY_ADMIN_H

#include <stdint.h>

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"
#include "gateway/config.h"
#include "ledger/ledger.h"
#include "wallet/wallet.h"

struct buyer;    /* gateway/settle/purchase.h */
struct listings; /* gateway/listings.h */
struct scout;    /* gateway/scout.h */
struct payer;    /* gateway/settle/payer.h */
struct skills;

struct admin {
    struct ledger *ledger;
    struct wallet_book *book;
    struct skills *skills; /* NULL: there is no market */
    struct listings
        *listings; /* to be told of offers that change; NULL: nobody calls */
    struct config_cell
        *config; /* NULL: prices, models and configuration are not known */
    const struct buyer *buyer; /* pays others; NULL: the key is read when it is needed,
                                  after x402_curve_start() */
    struct scout *scout;       /* asks providers for their models; NULL: nobody can */
    struct payer *payer;       /* pays publishers on a chain; NULL: no network for it,
                                  or no daemon: what is open waits for one */
    uint64_t started_us;       /* 0: no daemon; there is nothing to reload */
};

struct admin_request {
    struct slice method; /* "GET", "POST", "PUT", "DELETE" */
    struct slice path;   /* raw, "/admin/v1/.." */
    struct slice query;  /* raw, without "?" */
    struct slice body;   /* JSON, or empty */
};

struct admin_reply {
    unsigned status;
    const char *content_type;
    struct buf body; /* may hold a new key: the caller frees it with buf_wipe() */
    int file_fd; /* not -1: the body is this file, from its start; the caller closes it
                  */
};

/* Fills reply (reply->body is initialised here; the caller frees it). Errors are
 * problem+json with the stable code. */
void admin_handle(struct admin_reply *reply, struct admin *a,
                  const struct admin_request *q);

/* The most that a body of a call of this target (path and query) may hold: packages of
 * skills are larger than all else. */
size_t admin_body_max(struct slice target);

/* ---- Serving it ---- */
struct admin_server;

struct admin_server_options {
    int socket_fd;              /* listens; stays the caller's */
    const char *address;        /* "127.0.0.1:8403"; NULL: the socket only */
    const struct secret *token; /* for the address; NULL: it refuses everybody */
};

/* Serves on the socket (peers of our uid or root only) and on the TCP address (its Host
 * must be a loopback name or the address itself; /metrics too is there), with threads
 * of its own. *port: what was bound, 0 for none. RC_CONFLICT: in use; in words in
 * faults. */
MUST_CHECK enum rc admin_server_open(struct admin_server **out, uint16_t *port,
                                     struct admin *a,
                                     const struct admin_server_options *options,
                                     struct buf *faults);
void admin_server_close(struct admin_server *s); /* NULL is fine */

#endif

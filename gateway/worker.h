/* SPDX-License-Identifier: Apache-2.0 */
/* What the requests of one loop share, and how the loop's server is given to them. */
#ifndef GATEWAY_WORKER_H
#define GATEWAY_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "gateway/server.h"

struct answers;
struct buyer;
struct cashier;
struct clerk;
struct config_cell;
struct data_cache;
struct keeper;
struct key_bonds;
struct key_turns;
struct ledger;
struct limiter;
struct listings;
struct receipts;
struct loop;
struct request;
struct skills;
struct uploads;
struct upstream;
struct wallet_book;

enum {
    WORKER_INSTALLS_MAX = 1024
};

struct worker {
    struct loop *loop;
    struct server *server;
    struct upstream *upstream;
    struct ledger *ledger; /* this and the next five are shared by all loops */
    struct wallet_book *book;
    struct skills *skills;
    struct config_cell *config;
    struct limiter *limiter;
    struct answers *answers;
    struct answers *items;         /* of answers in the Responses form, by their ids */
    struct data_cache *data_cache; /* of data APIs' answers; NULL: none is kept */
    struct key_turns *key_turns;   /* also shared; so the next one */
    struct key_bonds *key_bonds;
    struct cashier *cashier;         /* NULL: no network is configured */
    const struct buyer *buyer;       /* NULL: we have no key to pay others with */
    const struct receipts *receipts; /* NULL: none are signed */
    const uint8_t *quote_key;        /* 32 bytes: binds what was quoted */
    struct clerk *clerk;             /* opens wallets; NULL: none are opened */
    struct keeper *keeper;           /* waits for disks, for the registry */
    struct keeper *reader;           /* the same for those whom nobody knows */
    struct listings *listings;       /* endpoints of skills; NULL: none are sold */
    struct uploads *uploads;         /* what is being published */
    bool draining;
    uint64_t stranger_bytes; /* bodies of those who have not paid yet */
    uint64_t live;           /* requests that have not ended */
    struct request *first;   /* all of them */
    uint64_t turn;           /* a counter that spreads weights and keys */
    struct request *pool;
    uint64_t installs_told[WORKER_INSTALLS_MAX]; /* marks of the last ones */
};

/* The callbacks for server_open(); arg is the worker. */
struct server_user request_server_user(struct worker *w);
void request_pool_free(struct worker *w);
/* Breaks off every request: the daemon waits no longer. */
void request_abort_all(struct worker *w);

#endif

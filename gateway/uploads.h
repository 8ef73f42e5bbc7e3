/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a skill that is being published: first a ticket for each (which file, how
 * large, with which hash, whose, until when), then its bytes, then one call that names
 * them all. A ticket is kept by its holder only: a MAC makes it ours. The bytes lie in
 * a folder of their own until they are part of a version, or too old; what one wallet
 * has there is counted. Nothing of it outlives the process: a client that is cut off by
 * its end begins anew. */
#ifndef GATEWAY_UPLOADS_H
#define GATEWAY_UPLOADS_H

#include <stdint.h>

#include "base/random.h"
#include "base/rc.h"
#include "base/slice.h"

struct uploads;

enum {
    UPLOADS_MAX = 8192,           /* files that wait, of all wallets */
    UPLOADS_OF_WALLET_MAX = 2048, /* so that one wallet does not stop the others */
    UPLOADS_TICKET_SIZE = 160,    /* with its NUL */
    UPLOADS_RECEIPT_SIZE = 65
};

#define UPLOADS_LIFE_US (UINT64_C(3600) * 1000000) /* of tickets, and of files */

/* dir is emptied. RC_IO. */
MUST_CHECK enum rc uploads_open(struct uploads **out, const char *dir);
void uploads_close(struct uploads *u); /* NULL is fine */

struct upload {
    struct id wallet; /* whose key asks */
    uint8_t sha256[32];
    uint64_t bytes;
};

/* For one file under this path. */
void uploads_ticket(char out[UPLOADS_TICKET_SIZE], const struct uploads *u,
                    const struct upload *what, struct slice path, uint64_t now_us);
/* What a ticket of `wallet` says. RC_FORBIDDEN: not ours, not this wallet's, too old,
 * or, with a path (SLICE_NONE: any), for another one. */
MUST_CHECK enum rc uploads_ticket_read(struct upload *out, const struct uploads *u,
                                       struct id wallet, struct slice ticket,
                                       struct slice path, uint64_t now_us);

/* What waits is for one thread (gateway/keeper.h), the rest for any.
 *
 * Waits. RC_CONFLICT: not the bytes of the ticket; RC_FULL: this wallet's files would
 * be more than max_bytes, or too many, or all are too many. The receipt says to
 * `wallet`, and to nobody else, that the bytes were sent: the hash alone would not. */
MUST_CHECK enum rc uploads_put(char receipt[UPLOADS_RECEIPT_SIZE], struct uploads *u,
                               const struct upload *what, struct slice bytes,
                               uint64_t max_bytes, uint64_t now_us);
/* Waits. The bytes again, for which the caller then is responsible (free()).
 * RC_FORBIDDEN: not the receipt; RC_NOT_FOUND: they are no longer here. */
MUST_CHECK enum rc uploads_get(char **bytes, struct uploads *u,
                               const struct upload *what, struct slice receipt);
/* The wallet no longer needs it: it is part of a version. */
void uploads_drop(struct uploads *u, const struct upload *what);
/* Waits. Takes away what nobody needs, or needed long ago; also done by a put, each
 * minute. */
void uploads_sweep(struct uploads *u, uint64_t now_us);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The data folder: one lock, one book, one master key, one admin socket. Who holds the lock
 * owns the folder: the daemon, or the command line while no daemon runs. */
#ifndef GATEWAY_DATADIR_H
#define GATEWAY_DATADIR_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/rc.h"
#include "ledger/ledger.h"
#include "wallet/wallet.h"

struct datadir {
    char *path;
    int lock_fd;
    struct ledger *ledger;
    struct wallet_book *book;
};

/* Makes the folder (mode 0700) with an empty book and a new master key. RC_EXISTS: it has
 * a book already. RC_IO, with words in faults. */
MUST_CHECK enum rc datadir_create(const char *path, struct buf *faults);
/* Locks and opens all of it, and voids what another run left on hold. RC_NO_STORE: not
 * made by init. RC_LOCKED: a daemon (or another command) has it. */
MUST_CHECK enum rc datadir_open(struct datadir **out, const char *path, struct buf *faults);
void datadir_close(struct datadir *d); /* NULL is fine */

/* A listening admin socket at PATH/admin.sock, mode 0600; a longer path than the kernel's
 * limit works too (through /proc/self/fd). */
MUST_CHECK enum rc datadir_admin_listen(int *fd, const struct datadir *d,
                                        struct buf *faults);
/* Connects to a running daemon's socket. RC_UNREACHABLE. */
MUST_CHECK enum rc datadir_admin_connect(int *fd, const char *path);

#endif

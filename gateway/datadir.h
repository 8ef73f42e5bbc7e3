/* SPDX-License-Identifier: Apache-2.0 */
/* The data folder: one lock, one book, one master key, the key of receipts, the
 * packages of skills, one admin socket. Who holds the lock owns the folder: the daemon,
 * or the command line while no daemon runs. */
#ifndef GATEWAY_DATADIR_H
#define GATEWAY_DATADIR_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/rc.h"
#include "gateway/receipts.h"
#include "ledger/ledger.h"
#include "skills/skills.h"
#include "wallet/wallet.h"

#define DATADIR_PACKAGES "packages" /* of skills, in the folder */

struct datadir {
    char *path;
    int lock_fd;
    struct ledger *ledger;
    struct wallet_book *book;
    struct receipts *receipts;
    struct skills *skills;
};

/* Makes the folder (mode 0700) with an empty book and a new master key. RC_EXISTS: it
 * has a book already. RC_IO, with words in faults. */
MUST_CHECK enum rc datadir_create(const char *path, struct buf *faults);
/* Where the data folder is that a configuration names, in memory that the caller frees;
 * faults elsewhere in the file do not matter: a daemon may well run with what it was
 * before. RC_BAD_CONFIG, RC_NOT_FOUND: not to be told. */
MUST_CHECK enum rc datadir_find(char **out, const char *config_path);
/* Locks and opens all of it, and voids what another run left on hold. RC_NO_STORE: not
 * made by init. RC_LOCKED: a daemon (or another command) has it. */
MUST_CHECK enum rc datadir_open(struct datadir **out, const char *path,
                                struct buf *faults);
void datadir_close(struct datadir *d); /* NULL is fine */

/* ---- The admin socket, PATH/admin.sock. A socket's address holds 107 bytes, and a
 * folder's path may be longer: so it is always named through /proc/self/fd. ---- */

/* A listening one, mode 0600. */
MUST_CHECK enum rc datadir_admin_listen(int *fd, const struct datadir *d,
                                        struct buf *faults);
/* Connects to a running daemon's. RC_UNREACHABLE: nobody listens. RC_FORBIDDEN: the
 * folder is somebody else's. */
MUST_CHECK enum rc datadir_admin_connect(int *fd, const char *path);

enum {
    DATADIR_SOCKET_PATH_SIZE = 64
};

/* A short name for it, which holds as long as the caller keeps *folder_fd open. The
 * same failures. */
MUST_CHECK enum rc datadir_admin_path(char out[DATADIR_SOCKET_PATH_SIZE],
                                      int *folder_fd, const char *path);

#endif

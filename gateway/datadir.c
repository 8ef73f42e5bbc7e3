/* SPDX-License-Identifier: Apache-2.0 */
/* The data folder: making it, locking it, opening what is in it, and its admin socket.
 * What the book and the keys mean is ledger's and wallet's business. */
#include "gateway/datadir.h"

#include "base/arena.h"
#include "base/conf.h"
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_NAME    "lock"
#define MASTER_NAME  "master.key"
#define RECEIPT_NAME "receipt.key"
#define SOCKET_NAME  "admin.sock"

enum {
    FOLDER_MODE = 0700,
    FILE_MODE = 0600,
    SOCKET_BACKLOG = 64
};

static char *join(const char *dir, const char *name)
{
    size_t size = strlen(dir) + 1 + strlen(name) + 1;
    char *path = malloc(size);

    if (path != NULL)
        (void)snprintf(path, size, "%s/%s", dir, name);
    return path;
}

/* ---- Making it ---- */

static enum rc fail(struct buf *faults, const char *what, const char *path)
{
    enum rc rc = errno == EACCES || errno == EPERM ? RC_FORBIDDEN : RC_IO;

    buf_printf(faults, "%s %s: %s\n", what, path, strerror(errno));
    return rc;
}

/* mkdir -p: the parents as the umask says, the folder itself for its owner only. */
static enum rc make_folder(const char *path, struct buf *faults)
{
    char *copy = strdup(path);
    bool ok = copy != NULL;

    if (!ok)
        return RC_NOMEM;
    for (char *slash = strchr(copy + 1, '/'); ok && slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        ok = mkdir(copy, 0777) == 0 || errno == EEXIST;
        *slash = '/';
    }
    free(copy);
    /* chmod: the folder may have been there, and the umask may have cut our own bits.
     */
    if (!ok || (mkdir(path, FOLDER_MODE) != 0 && errno != EEXIST) ||
        chmod(path, FOLDER_MODE) != 0)
        return fail(faults, "cannot make the data folder", path);
    return RC_OK;
}

static enum rc take_lock(int *fd, const char *dir, struct buf *faults)
{
    char *path = join(dir, LOCK_NAME);
    enum rc rc = RC_OK;
    int lock_fd;

    if (path == NULL)
        return RC_NOMEM;
    lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (lock_fd < 0 && errno == ENOENT) {
        buf_printf(faults, "there is no data folder %s: `octroi init` makes it\n", dir);
        rc = RC_NO_STORE;
    } else if (lock_fd < 0) {
        rc = fail(faults, "cannot open", path);
    } else if (flock(lock_fd, LOCK_EX | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK ? RC_LOCKED : fail(faults, "cannot lock", path);
        if (rc == RC_LOCKED)
            buf_printf(faults, "another octroi has the data folder %s\n", dir);
        (void)close(lock_fd);
    } else {
        *fd = lock_fd;
    }
    free(path);
    return rc;
}

/* The key first: the book is what makes the folder a whole one. */
static enum rc fill_folder(const char *dir, struct buf *faults)
{
    char *master = join(dir, MASTER_NAME);
    char *book = join(dir, "ledger.mdb");
    enum rc rc = master != NULL && book != NULL ? RC_OK : RC_NOMEM;

    if (rc == RC_OK && access(book, F_OK) == 0)
        rc = RC_EXISTS;
    if (rc == RC_OK)
        rc = wallet_master_create(master);
    if (rc == RC_EXISTS && access(book, F_OK) != 0)
        rc = RC_OK; /* an earlier init was broken off behind this point */
    if (rc == RC_OK)
        rc = ledger_create(dir);
    if (rc == RC_EXISTS)
        buf_printf(faults, "the data folder %s has a book already\n", dir);
    else if (rc != RC_OK)
        buf_printf(faults, "cannot fill the data folder %s: %s\n", dir, rc_reason(rc));
    free(master);
    free(book);
    return rc;
}

enum rc datadir_create(const char *path, struct buf *faults)
{
    int lock_fd = -1;
    enum rc rc;

    TRY(make_folder(path, faults));
    rc = take_lock(&lock_fd, path, faults);
    if (rc == RC_LOCKED)
        return RC_EXISTS;
    TRY(rc);
    rc = fill_folder(path, faults);
    (void)close(lock_fd);
    return rc;
}

/* ---- Finding it ---- */

static enum rc find_in(char **out, struct conf *c, struct arena *a)
{
    struct conf_node *server = conf_get(c, conf_root(c), "server");
    struct conf_node *n = conf_get(c, server, "data_dir");
    char *path = NULL;

    if (conf_root(c) == NULL)
        return RC_BAD_CONFIG; /* not YAML */
    if (n == NULL)
        path = arena_printf(a, "%s/var", conf_dir(c));
    else if (!conf_path(c, n, &path, a))
        return RC_BAD_CONFIG;
    if (path != NULL)
        path = strdup(path);
    if (path == NULL)
        return RC_NOMEM;
    *out = path;
    return RC_OK;
}

enum rc datadir_find(char **out, const char *config_path)
{
    struct arena *a;
    struct conf *c;
    enum rc rc;

    TRY(arena_open(&a, 65536));
    rc = conf_open(&c, config_path);
    if (rc == RC_OK) {
        rc = find_in(out, c, a);
        conf_close(c);
    }
    arena_close(a);
    return rc;
}

/* ---- Opening it ---- */

static enum rc open_book(struct datadir *d, struct buf *faults)
{
    struct ledger_options options = {.kind = LEDGER_LMDB, .dir = d->path};
    uint64_t voided = 0;
    enum rc rc = ledger_open(&d->ledger, &options);

    if (rc == RC_OK)
        rc = ledger_recover(d->ledger, &voided);
    if (rc == RC_OK && voided > 0)
        log_event(LOG_WARN, "holds of an earlier run were released",
                  LOG_U64("holds", voided));
    if (rc == RC_NO_STORE)
        buf_printf(faults, "there is no book in %s: `octroi init` makes one\n",
                   d->path);
    else if (rc == RC_CORRUPT)
        buf_printf(faults,
                   "the book in %s is damaged or of another kind: put a backup of "
                   "ledger.mdb in its place\n",
                   d->path);
    else if (rc != RC_OK)
        buf_printf(faults, "cannot open the book in %s: %s\n", d->path, rc_reason(rc));
    return rc;
}

static enum rc open_keys(struct datadir *d, struct buf *faults)
{
    char *master = join(d->path, MASTER_NAME);
    enum rc rc;

    if (master == NULL)
        return RC_NOMEM;
    rc = wallet_book_open(&d->book, d->ledger, master);
    if (rc == RC_NO_STORE)
        buf_printf(faults,
                   "%s is missing: put it back from where it is kept (a backup of the "
                   "book does not include it)\n",
                   master);
    else if (rc == RC_FORBIDDEN)
        buf_printf(faults, "%s must be its owner's only: chmod 600 it\n", master);
    else if (rc != RC_OK)
        buf_printf(faults, "cannot read %s: %s\n", master, rc_reason(rc));
    free(master);
    return rc;
}

/* Nothing but old receipts depends on it, so one that is not there is made. */
static enum rc open_receipts(struct datadir *d, struct buf *faults)
{
    char *path = join(d->path, RECEIPT_NAME);
    enum rc rc;

    if (path == NULL)
        return RC_NOMEM;
    rc = receipts_open(&d->receipts, path);
    if (rc == RC_FORBIDDEN)
        buf_printf(faults, "%s must be its owner's only: chmod 600 it\n", path);
    else if (rc == RC_CORRUPT)
        buf_printf(
            faults,
            "%s is not a key: put it back, or delete it, and a new one is made\n",
            path);
    else if (rc != RC_OK)
        buf_printf(faults, "cannot read %s: %s\n", path, rc_reason(rc));
    free(path);
    return rc;
}

static enum rc open_skills(struct datadir *d, struct buf *faults)
{
    char *path = join(d->path, DATADIR_PACKAGES);
    struct skills_options options = {.ledger = d->ledger, .book = d->book, .dir = path};
    enum rc rc;

    if (path == NULL)
        return RC_NOMEM;
    rc = skills_open(&d->skills, &options);
    if (rc == RC_CORRUPT)
        buf_printf(faults,
                   "the records of skills in %s are damaged: put a backup of "
                   "ledger.mdb in its place\n",
                   d->path);
    else if (rc != RC_OK)
        buf_printf(faults, "cannot open %s: %s\n", path, rc_reason(rc));
    free(path);
    return rc;
}

enum rc datadir_open(struct datadir **out, const char *path, struct buf *faults)
{
    struct datadir *d = calloc(1, sizeof(*d));
    enum rc rc = RC_NOMEM;

    if (d == NULL)
        return RC_NOMEM;
    d->lock_fd = -1;
    d->path = strdup(path);
    if (d->path != NULL)
        rc = take_lock(&d->lock_fd, path, faults);
    if (rc == RC_OK)
        rc = open_book(d, faults);
    if (rc == RC_OK)
        rc = open_keys(d, faults);
    if (rc == RC_OK)
        rc = open_receipts(d, faults);
    if (rc == RC_OK)
        rc = open_skills(d, faults);
    if (rc != RC_OK) {
        datadir_close(d);
        return rc;
    }
    *out = d;
    return RC_OK;
}

void datadir_close(struct datadir *d)
{
    if (d == NULL)
        return;
    skills_close(d->skills);
    receipts_close(d->receipts);
    wallet_book_close(d->book);
    ledger_close(d->ledger);
    if (d->lock_fd >= 0)
        (void)close(d->lock_fd); /* last: the lock covers all of it */
    free(d->path);
    free(d);
}

/* ---- The admin socket ---- */

enum rc datadir_admin_path(char out[DATADIR_SOCKET_PATH_SIZE], int *folder_fd,
                           const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0)
        return errno == EACCES ? RC_FORBIDDEN : RC_UNREACHABLE;
    (void)snprintf(out, DATADIR_SOCKET_PATH_SIZE, "/proc/self/fd/%d/%s", fd,
                   SOCKET_NAME);
    *folder_fd = fd;
    return RC_OK;
}

static enum rc socket_address(struct sockaddr_un *out, int *folder_fd, const char *dir)
{
    *out = (struct sockaddr_un){.sun_family = AF_UNIX};
    _Static_assert(sizeof(out->sun_path) >= DATADIR_SOCKET_PATH_SIZE, "always short");
    return datadir_admin_path(out->sun_path, folder_fd, dir);
}

/* The socket's file gets its mode from the socket itself (unix(7) on Linux), so that it
 * is never there with a wider one. */
static bool bind_private(int fd, const struct sockaddr_un *address)
{
    return fchmod(fd, FILE_MODE) == 0 &&
           bind(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 &&
           listen(fd, SOCKET_BACKLOG) == 0;
}

enum rc datadir_admin_listen(int *fd, const struct datadir *d, struct buf *faults)
{
    struct sockaddr_un address;
    int folder_fd = -1;
    enum rc rc = RC_OK;
    int listen_fd;

    assert(d->lock_fd >= 0); /* so that a socket that is there belongs to nobody */
    if (socket_address(&address, &folder_fd, d->path) != RC_OK)
        return fail(faults, "cannot open", d->path);
    listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)unlinkat(folder_fd, SOCKET_NAME, 0); /* an earlier run's */
    if (listen_fd < 0 || !bind_private(listen_fd, &address)) {
        rc = fail(faults, "cannot listen on " SOCKET_NAME " in", d->path);
        if (listen_fd >= 0)
            (void)close(listen_fd);
    }
    (void)close(folder_fd);
    if (rc == RC_OK)
        *fd = listen_fd;
    return rc;
}

enum rc datadir_admin_connect(int *fd, const char *path)
{
    struct sockaddr_un address;
    int folder_fd = -1;
    enum rc rc = socket_address(&address, &folder_fd, path);
    int socket_fd;

    TRY(rc);
    socket_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket_fd < 0)
        rc = RC_IO;
    else if (connect(socket_fd, (const struct sockaddr *)&address, sizeof(address)) !=
             0)
        rc = errno == EACCES ? RC_FORBIDDEN : RC_UNREACHABLE;
    if (rc != RC_OK && socket_fd >= 0)
        (void)close(socket_fd);
    (void)close(folder_fd);
    if (rc == RC_OK)
        *fd = socket_fd;
    return rc;
}

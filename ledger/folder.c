/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a book in its folder: who has it, and how a new file appears all at
 * once. What is in them is an engine's business. */
#include "ledger/ledger_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define FRESH_NAME  "ledger.mdb.new" /* until it is complete */
#define OWNER_NAME  "ledger.mdb-owner"
#define LOCK_SUFFIX "-lock" /* LMDB makes one beside each file */

char *ledger__path(const char *dir, const char *name)
{
    size_t size = strlen(dir) + 1 + strlen(name) + 1;
    char *path = malloc(size);

    if (path != NULL)
        (void)snprintf(path, size, "%s/%s", dir, name);
    return path;
}

/* flock() belongs to the open file, so that a second book in the same process is kept
 * out as well, and it goes with the process however that ends. */
enum rc ledger__own(int *fd, const char *dir, bool shared)
{
    char *path = ledger__path(dir, OWNER_NAME);
    enum rc rc = RC_OK;

    if (path == NULL)
        return RC_NOMEM;
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0 && shared) /* a copy on a disk that cannot be written */
        *fd = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    if (*fd < 0)
        return RC_IO;
    if (flock(*fd, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK ? RC_LOCKED : RC_IO;
        close(*fd);
        *fd = -1;
    }
    return rc;
}

uint64_t ledger__disk_free(const char *dir)
{
    struct statvfs disk;

    return statvfs(dir, &disk) == 0 ? (uint64_t)disk.f_bavail * disk.f_frsize
                                    : UINT64_MAX;
}

bool ledger__extend(int fd, uint64_t from, uint64_t len, bool allocate)
{
    if (allocate && fallocate(fd, 0, (off_t)from, (off_t)len) == 0)
        return true;
    /* Not every file system can; then at least the length is right. */
    return ftruncate(fd, (off_t)(from + len)) == 0;
}

/* ---- A new file ---- */

static enum rc sync_path(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC);
    enum rc rc;

    if (fd < 0)
        return RC_IO;
    rc = fsync(fd) == 0 ? RC_OK : RC_IO;
    close(fd);
    return rc;
}

/* fsync, then the final name, then fsync of the folder: a crash leaves all or nothing.
 * link() does not replace what is there, unlike rename(). */
static enum rc publish(const char *dir, const char *fresh, const char *path)
{
    TRY(sync_path(fresh, O_RDWR));
    if (link(fresh, path) != 0)
        return errno == EEXIST ? RC_EXISTS : RC_IO;
    if (unlink(fresh) != 0)
        return RC_IO;
    return sync_path(dir, O_RDONLY | O_DIRECTORY);
}

struct new_store {
    char *path;
    char *fresh;
    char *fresh_lock;
};

static enum rc name_files(struct new_store *n, const char *dir)
{
    n->path = ledger__path(dir, STORE_NAME);
    n->fresh = ledger__path(dir, FRESH_NAME);
    n->fresh_lock = ledger__path(dir, FRESH_NAME LOCK_SUFFIX);
    return n->path != NULL && n->fresh != NULL && n->fresh_lock != NULL ? RC_OK
                                                                        : RC_NOMEM;
}

static void free_names(struct new_store *n)
{
    free(n->path);
    free(n->fresh);
    free(n->fresh_lock);
}

static enum rc create(const struct new_store *n, const char *dir)
{
    enum rc rc;

    if (access(n->path, F_OK) == 0)
        return RC_EXISTS;
    (void)unlink(n->fresh); /* what a crash left */
    rc = ledger__lmdb_fill(n->fresh);
    if (rc == RC_OK)
        rc = publish(dir, n->fresh, n->path);
    (void)unlink(n->fresh);
    (void)unlink(n->fresh_lock);
    return rc;
}

enum rc ledger_create(const char *dir)
{
    struct new_store n = {NULL, NULL, NULL};
    int owner_fd = -1;
    enum rc rc = name_files(&n, dir);

    if (rc == RC_OK)
        rc = ledger__own(&owner_fd, dir, false);
    if (rc == RC_OK)
        rc = create(&n, dir);
    else if (rc == RC_LOCKED)
        rc = RC_EXISTS; /* somebody has it open */
    if (owner_fd >= 0)
        close(owner_fd);
    free_names(&n);
    return rc;
}

static enum rc copy(struct ledger *l, const struct new_store *n, const char *dest)
{
    int fd = open(n->fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    enum rc rc;

    if (fd < 0)
        return RC_IO;
    rc = l->engine->ops->copy(l->engine, fd);
    close(fd);
    if (rc == RC_OK)
        rc = publish(dest, n->fresh, n->path);
    if (rc != RC_OK)
        (void)unlink(n->fresh);
    return rc;
}

enum rc ledger_backup(struct ledger *l, const char *dest)
{
    struct new_store n = {NULL, NULL, NULL};
    enum rc rc = name_files(&n, dest);

    if (rc == RC_OK && mkdir(dest, 0700) != 0)
        rc = errno == EEXIST ? RC_EXISTS : RC_IO;
    if (rc == RC_OK) {
        rc = copy(l, &n, dest);
        if (rc != RC_OK)
            (void)rmdir(dest);
    }
    free_names(&n);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Files by their hash. Every step goes from an open folder and follows no link, so that
 * nothing outside of the folder is ever read or written. */
#include "skills/blobs.h"

#include "base/codec.h"
#include "base/random.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FOLDER_MODE = 0700,
    FILE_MODE = 0600,
    SHELF_SIZE = 3,                /* "ab" */
    REST_LEN = 2 * SHA256_LEN - 2, /* hex digits behind it */
    NAME_SIZE = REST_LEN + 1,      /* the name of a file, or of one in the making */
    MARK_LEN = 12,                 /* random bytes of the latter */
    SHELVES = 256
};

#define NEW_PREFIX "new-"

struct blobs {
    int dir;
    /* The sweep must not remove a file between a put's look at it and the put's caller
     * having said that it is needed: so a put renews the file's time, and the sweep
     * looks at the time and removes under one lock. */
    pthread_mutex_t lock;
};

struct place {
    char shelf[SHELF_SIZE];
    char name[NAME_SIZE];
};

static struct place place_of(const uint8_t sha256[32])
{
    char hex[2 * SHA256_LEN + 1];
    struct place at;

    hex_encode(hex, sha256, SHA256_LEN);
    (void)snprintf(at.shelf, sizeof(at.shelf), "%.2s", hex);
    (void)snprintf(at.name, sizeof(at.name), "%s", hex + 2);
    return at;
}

static enum rc rc_of_errno(void)
{
    switch (errno) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: /* a limit that the process was given */
        return RC_FULL;
    case EACCES:
    case EPERM:
    case EROFS:
        return RC_FORBIDDEN;
    case ENOENT:
        return RC_NOT_FOUND;
    case ENOMEM:
        return RC_NOMEM;
    default:
        return RC_IO;
    }
}

static enum rc open_folder(int *fd, int from, const char *name)
{
    *fd = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return *fd < 0 ? rc_of_errno() : RC_OK;
}

/* ---- Opening ---- */

enum rc blobs_open(struct blobs **out, const char *dir)
{
    struct blobs *b;
    int fd = -1;

    if (mkdir(dir, FOLDER_MODE) != 0 && errno != EEXIST)
        return rc_of_errno() == RC_NOT_FOUND ? RC_IO : rc_of_errno();
    TRY(open_folder(&fd, AT_FDCWD, dir));
    b = calloc(1, sizeof(*b));
    if (b == NULL) {
        (void)close(fd);
        return RC_NOMEM;
    }
    b->dir = fd;
    (void)pthread_mutex_init(&b->lock, NULL);
    *out = b;
    return RC_OK;
}

void blobs_close(struct blobs *b)
{
    if (b == NULL)
        return;
    (void)close(b->dir);
    (void)pthread_mutex_destroy(&b->lock);
    free(b);
}

/* ---- Writing ---- */

/* Makes the shelf durable before anything lies on it. One that is there may be another
 * thread's of this moment, which has not come to that yet. */
static enum rc open_shelf(int *fd, struct blobs *b, const char *shelf)
{
    if (mkdirat(b->dir, shelf, FOLDER_MODE) != 0 && errno != EEXIST)
        return rc_of_errno();
    if (fsync(b->dir) != 0)
        return rc_of_errno();
    return open_folder(fd, b->dir, shelf);
}

/* Whether it is there, whole by its length, and young again. */
static bool renew(struct blobs *b, int shelf, const char *name, size_t len)
{
    struct stat st;
    bool there;

    (void)pthread_mutex_lock(&b->lock);
    there = fstatat(shelf, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode) && (uint64_t)st.st_size == len &&
            utimensat(shelf, name, NULL, AT_SYMLINK_NOFOLLOW) == 0;
    (void)pthread_mutex_unlock(&b->lock);
    return there;
}

static enum rc write_all(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        const ssize_t written = write(fd, bytes.bytes, bytes.len);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return rc_of_errno();
        bytes = slice_sub(bytes, (size_t)written, bytes.len);
    }
    return fsync(fd) == 0 ? RC_OK : rc_of_errno();
}

static enum rc write_new(int shelf, const char *name, struct slice bytes)
{
    const int fd = openat(
        shelf, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
    enum rc rc;

    if (fd < 0)
        return rc_of_errno();
    rc = write_all(fd, bytes);
    if (close(fd) != 0 && rc == RC_OK)
        rc = rc_of_errno();
    return rc;
}

/* Under a name that nobody else has, then under its own. */
static enum rc write_blob(int shelf, const char *name, struct slice bytes)
{
    uint8_t mark[MARK_LEN];
    char hex[2 * MARK_LEN + 1];
    char fresh[NAME_SIZE];
    enum rc rc;

    random_bytes(mark, sizeof(mark));
    hex_encode(hex, mark, sizeof(mark));
    (void)snprintf(fresh, sizeof(fresh), NEW_PREFIX "%s", hex);
    rc = write_new(shelf, fresh, bytes);
    if (rc == RC_OK && renameat(shelf, fresh, shelf, name) != 0)
        rc = rc_of_errno();
    if (rc != RC_OK)
        (void)unlinkat(shelf, fresh, 0);
    return rc;
}

enum rc blobs_put(uint8_t sha256_out[32], struct blobs *b, struct slice bytes)
{
    struct place at;
    int shelf = -1;
    enum rc rc = RC_OK;

    sha256(sha256_out, bytes);
    at = place_of(sha256_out);
    TRY(open_shelf(&shelf, b, at.shelf));
    if (!renew(b, shelf, at.name, bytes.len))
        rc = write_blob(shelf, at.name, bytes);
    /* Also for one that was there: its name may be as young as its shelf. */
    if (rc == RC_OK && fsync(shelf) != 0)
        rc = rc_of_errno();
    (void)close(shelf);
    return rc == RC_NOT_FOUND ? RC_IO : rc; /* somebody removes folders under us */
}

/* ---- Reading ---- */

enum rc blobs_file(int *fd, uint64_t *len, struct blobs *b, const uint8_t sha256[32])
{
    const struct place at = place_of(sha256);
    struct stat st;
    int shelf = -1;
    int file;

    TRY(open_folder(&shelf, b->dir, at.shelf));
    /* O_NONBLOCK: a pipe in its place must not hold us. */
    file = openat(shelf, at.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    (void)close(shelf);
    if (file < 0)
        return errno == ELOOP ? RC_CORRUPT : rc_of_errno();
    if (fstat(file, &st) != 0 || !S_ISREG(st.st_mode)) {
        (void)close(file);
        return RC_CORRUPT;
    }
    *fd = file;
    *len = (uint64_t)st.st_size;
    return RC_OK;
}

static enum rc read_all(char *out, int fd, uint64_t len)
{
    uint64_t done = 0;

    while (done < len) {
        const ssize_t got = read(fd, out + done, (size_t)(len - done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return RC_IO;
        if (got == 0)
            return RC_CORRUPT;
        done += (uint64_t)got;
    }
    return RC_OK;
}

static enum rc read_checked(char *out, int fd, uint64_t len, const uint8_t expected[32])
{
    uint8_t found[SHA256_LEN];

    TRY(read_all(out, fd, len));
    sha256(found, slice_from(out, (size_t)len));
    return memcmp(found, expected, sizeof(found)) == 0 ? RC_OK : RC_CORRUPT;
}

enum rc blobs_get(char **bytes, uint64_t *len, struct blobs *b,
                  const uint8_t sha256[32], uint64_t max)
{
    uint64_t found = 0;
    char *room = NULL;
    int fd = -1;
    enum rc rc = RC_OK;

    TRY(blobs_file(&fd, &found, b, sha256));
    if (found > max)
        rc = RC_TOO_BIG;
    if (rc == RC_OK)
        room = malloc((size_t)found + 1);
    if (rc == RC_OK && room == NULL)
        rc = RC_NOMEM;
    if (rc == RC_OK)
        rc = read_checked(room, fd, found, sha256);
    (void)close(fd);
    if (rc != RC_OK) {
        free(room);
        return rc;
    }
    *bytes = room;
    *len = found;
    return RC_OK;
}

/* ---- Sweeping ---- */

struct sweep {
    struct blobs *b;
    uint64_t before_us;
    bool (*needed)(void *arg, const uint8_t sha256[32]);
    void *arg;
    unsigned removed;
};

/* Whether the name is one of ours; a file in the making is needed by nobody once it is
 * old. */
static bool is_free(const struct sweep *s, const char *shelf, const char *name)
{
    uint8_t sha256[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];

    if (strncmp(name, NEW_PREFIX, sizeof(NEW_PREFIX) - 1) == 0)
        return true;
    if (strlen(name) != REST_LEN)
        return false;
    (void)snprintf(hex, sizeof(hex), "%.2s%.*s", shelf, REST_LEN, name);
    return hex_decode(sha256, SHA256_LEN, slice_str(hex)) == RC_OK &&
           !s->needed(s->arg, sha256);
}

static uint64_t time_of(const struct stat *st)
{
    return st->st_mtim.tv_sec < 0 ? 0
                                  : (uint64_t)st->st_mtim.tv_sec * 1000000 +
                                        (uint64_t)st->st_mtim.tv_nsec / 1000;
}

static void remove_old(struct sweep *s, int shelf, const char *name)
{
    struct stat st;

    (void)pthread_mutex_lock(&s->b->lock);
    if (fstatat(shelf, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode) &&
        time_of(&st) < s->before_us && unlinkat(shelf, name, 0) == 0)
        s->removed++;
    (void)pthread_mutex_unlock(&s->b->lock);
}

static enum rc sweep_shelf(struct sweep *s, const char *shelf)
{
    const struct dirent *entry;
    int fd = -1;
    DIR *dir;
    enum rc rc = open_folder(&fd, s->b->dir, shelf);

    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    dir = fdopendir(fd);
    if (dir == NULL) {
        (void)close(fd);
        return RC_NOMEM;
    }
    while ((entry = readdir(dir)) != NULL)
        if (is_free(s, shelf, entry->d_name))
            remove_old(s, fd, entry->d_name);
    (void)closedir(dir);
    return RC_OK;
}

enum rc blobs_sweep(struct blobs *b, uint64_t before_us,
                    bool (*needed)(void *arg, const uint8_t sha256[32]), void *arg,
                    unsigned *removed)
{
    struct sweep s = {.b = b, .before_us = before_us, .needed = needed, .arg = arg};
    enum rc rc = RC_OK;

    for (unsigned i = 0; rc == RC_OK && i < SHELVES; i++) {
        char shelf[SHELF_SIZE];

        (void)snprintf(shelf, sizeof(shelf), "%02x", i & 0xff);
        rc = sweep_shelf(&s, shelf);
    }
    *removed = s.removed;
    return rc;
}

/* ---- Copying ---- */

static enum rc copy_one(struct blobs *to, struct blobs *from, const char *shelf,
                        const char *name)
{
    uint8_t sha256[SHA256_LEN], written[SHA256_LEN];
    char hex[2 * SHA256_LEN + 1];
    char *bytes;
    uint64_t len;
    enum rc rc;

    (void)snprintf(hex, sizeof(hex), "%.2s%.*s", shelf, REST_LEN, name);
    if (strlen(name) != REST_LEN ||
        hex_decode(sha256, SHA256_LEN, slice_str(hex)) != RC_OK)
        return RC_OK; /* none of ours, or in the making */
    rc = blobs_get(&bytes, &len, from, sha256, UINT64_MAX);
    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc; /* swept meanwhile */
    rc = blobs_put(written, to, slice_from(bytes, (size_t)len));
    free(bytes);
    return rc;
}

static enum rc copy_shelf(struct blobs *to, struct blobs *from, const char *shelf)
{
    const struct dirent *entry;
    int fd = -1;
    DIR *dir;
    enum rc rc = open_folder(&fd, from->dir, shelf);

    if (rc != RC_OK)
        return rc == RC_NOT_FOUND ? RC_OK : rc;
    dir = fdopendir(fd);
    if (dir == NULL) {
        (void)close(fd);
        return RC_NOMEM;
    }
    while (rc == RC_OK && (entry = readdir(dir)) != NULL)
        rc = copy_one(to, from, shelf, entry->d_name);
    (void)closedir(dir);
    return rc;
}

enum rc blobs_copy(struct blobs *to, struct blobs *from)
{
    enum rc rc = RC_OK;

    for (unsigned i = 0; rc == RC_OK && i < SHELVES; i++) {
        char shelf[SHELF_SIZE];

        (void)snprintf(shelf, sizeof(shelf), "%02x", i & 0xff);
        rc = copy_shelf(to, from, shelf);
    }
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Folders of skills. */
#include "cli/package_dir.h"

#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    FOLDER_MODE = 0755,
    FILE_MODE = 0644
};

static enum rc fail(struct buf *why, const char *what, const char *path)
{
    buf_printf(why, "%s %s: %s", what, path, strerror(errno));
    return RC_IO;
}

/* ---- Reading ---- */

static enum rc read_all(char **out, size_t *len, int fd, const char *path,
                        struct buf *why)
{
    struct stat st;
    char *bytes;
    size_t got = 0;
    ssize_t n = 0;

    if (fstat(fd, &st) != 0)
        return fail(why, "cannot read", path);
    if (st.st_size > SKILL_FILE_BYTES_MAX) {
        buf_printf(why, "%s has more than %d bytes", path, SKILL_FILE_BYTES_MAX);
        return RC_TOO_BIG;
    }
    bytes = malloc((size_t)st.st_size + 1);
    if (bytes == NULL)
        return RC_NOMEM;
    while (got < (size_t)st.st_size) {
        n = read(fd, bytes + got, (size_t)st.st_size - got);
        if (n <= 0 && !(n < 0 && errno == EINTR))
            break;
        got += n > 0 ? (size_t)n : 0;
    }
    if (n < 0) {
        free(bytes);
        return fail(why, "cannot read", path);
    }
    *out = bytes;
    *len = got;
    return RC_OK;
}

static enum rc add_file(struct skill_package *p, const FTSENT *e, const char *inside,
                        struct buf *why)
{
    int fd = open(e->fts_accpath, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char *bytes = NULL;
    size_t len = 0;
    enum rc rc;

    if (fd < 0)
        return fail(why, "cannot open", e->fts_path);
    rc = read_all(&bytes, &len, fd, e->fts_path, why);
    (void)close(fd);
    if (rc == RC_OK)
        rc = skill_package_add(p, slice_str(inside), slice_from(bytes, len), why);
    free(bytes);
    return rc;
}

/* One step of the walk. *skip: nothing of it is wanted. */
static enum rc take_entry(struct skill_package *p, const FTSENT *e, bool *skip,
                          size_t root_len, struct buf *why)
{
    const char *inside = e->fts_path + root_len;

    while (*inside == '/')
        inside++;
    if (e->fts_level > 0 && e->fts_name[0] == '.') {
        *skip = true;
        if (e->fts_info != FTS_DP)
            (void)fprintf(stderr, "left out: %s\n", inside);
        return RC_OK;
    }
    switch (e->fts_info) {
    case FTS_D:
    case FTS_DP:
        return RC_OK;
    case FTS_F:
        return add_file(p, e, inside, why);
    case FTS_SL:
    case FTS_SLNONE:
        buf_printf(why, "%s is a link: a skill has plain files only", inside);
        return RC_BAD_INPUT;
    case FTS_DNR:
    case FTS_ERR:
    case FTS_NS:
        errno = e->fts_errno;
        return fail(why, "cannot read", e->fts_path);
    default: /* allow: FTS_* are not ours */
        buf_printf(why, "%s is no plain file", inside);
        return RC_BAD_INPUT;
    }
}

enum rc package_dir_read(struct skill_package *p, const char *dir, struct buf *why)
{
    char *roots[] = {strdup(dir), NULL};
    struct stat st;
    FTSENT *e;
    FTS *walk;
    enum rc rc = RC_OK;

    if (roots[0] == NULL)
        return RC_NOMEM;
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        buf_printf(why, "%s is no folder", dir);
        free(roots[0]);
        return RC_NOT_FOUND;
    }
    walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_COMFOLLOW, NULL);
    if (walk == NULL)
        rc = RC_NOMEM;
    while (rc == RC_OK && (e = fts_read(walk)) != NULL) {
        bool skip = false;

        rc = take_entry(p, e, &skip, strlen(dir), why);
        if (skip)
            (void)fts_set(walk, e, FTS_SKIP);
    }
    if (walk != NULL)
        (void)fts_close(walk);
    free(roots[0]);
    return rc;
}

/* ---- Writing ---- */

static bool write_all(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.bytes, bytes.len);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        bytes = slice_sub(bytes, (size_t)n, bytes.len);
    }
    return true;
}

/* The folder that a path's last segment lies in, made on the way: each step is a plain
 * folder below the one before. The caller closes it. */
static int open_parent(int root_fd, char *path, char **last)
{
    int fd = dup(root_fd);
    char *segment = path;

    for (char *slash = strchr(path, '/'); fd >= 0 && slash != NULL;
         slash = strchr(segment, '/')) {
        int next = -1;

        *slash = '\0';
        if (mkdirat(fd, segment, FOLDER_MODE) == 0 || errno == EEXIST)
            next = openat(fd, segment, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        (void)close(fd);
        fd = next;
        segment = slash + 1;
    }
    *last = segment;
    return fd;
}

static bool write_file(int root_fd, const struct skill_file *f)
{
    char path[SKILL_PATH_MAX + 1];
    char *last;
    int folder, fd;
    bool ok;

    if (slice_to_cstr(path, sizeof(path), f->path) != RC_OK) {
        errno = ENAMETOOLONG;
        return false;
    }
    folder = open_parent(root_fd, path, &last);
    if (folder < 0)
        return false;
    fd = openat(folder, last, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
                FILE_MODE);
    (void)close(folder);
    if (fd < 0)
        return false;
    ok = write_all(fd, f->bytes);
    return close(fd) == 0 && ok;
}

static enum rc open_root(int *out, const char *dir, const char *name, struct buf *why)
{
    int fd;

    if (files_make_folder(dir) != RC_OK)
        return fail(why, "cannot make", dir);
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail(why, "cannot open", dir);
    if (mkdirat(fd, name, FOLDER_MODE) != 0) {
        const bool exists = errno == EEXIST;

        (void)close(fd);
        if (!exists)
            return fail(why, "cannot make", name);
        buf_printf(why, "%s/%s is there already", dir, name);
        return RC_EXISTS;
    }
    *out = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    (void)close(fd);
    return *out >= 0 ? RC_OK : fail(why, "cannot open", name);
}

enum rc package_dir_write(const struct skill_package *p, const char *dir,
                          const char *name, struct buf *why)
{
    int root_fd = -1;
    enum rc rc = RC_OK;

    TRY(open_root(&root_fd, dir, name, why));
    for (size_t i = 0; rc == RC_OK && i < skill_package_count(p); i++) {
        const struct skill_file *f = skill_package_file(p, i);

        if (!write_file(root_fd, f)) {
            buf_printf(why, "cannot write %.*s below %s/%s: %s", SLICE_FMT(f->path),
                       dir, name, strerror(errno));
            rc = RC_IO;
        }
    }
    (void)close(root_fd);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Writing the few files that init and demo make. */
#include "cli/files.h"

#include "base/arena.h"
#include "base/codec.h"
#include "base/random.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TOKEN_BYTES = 32
};

enum rc files_join(char *out, size_t size, const char *dir, const char *name)
{
    int len = snprintf(out, size, "%s/%s", dir, name);

    return len > 0 && (size_t)len < size ? RC_OK : RC_TOO_BIG;
}

enum rc files_absolute(char *out, size_t size, const char *path)
{
    char here[PATH_MAX];

    if (path[0] == '/')
        return slice_to_cstr(out, size, slice_str(path));
    if (getcwd(here, sizeof(here)) == NULL)
        return RC_IO;
    return files_join(out, size, strcmp(here, "/") == 0 ? "" : here, path);
}

enum rc files_make_folder(const char *path)
{
    char copy[PATH_MAX];

    TRY(slice_to_cstr(copy, sizeof(copy), slice_str(path)));
    for (char *slash = strchr(copy + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST)
            return RC_IO;
        *slash = '/';
    }
    return mkdir(copy, 0777) == 0 || errno == EEXIST ? RC_OK : RC_IO;
}

static bool write_all(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.bytes, bytes.len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        bytes = slice_sub(bytes, (size_t)put, bytes.len);
    }
    return true;
}

static enum rc fill(const char *fresh, struct slice bytes, mode_t mode)
{
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    bool ok;

    if (fd < 0)
        return RC_IO;
    ok = write_all(fd, bytes) && fsync(fd) == 0;
    (void)close(fd);
    return ok ? RC_OK : RC_IO;
}

enum rc files_write(const char *path, struct slice bytes, mode_t mode, bool replace)
{
    char fresh[PATH_MAX];
    enum rc rc;
    int error;

    if (snprintf(fresh, sizeof(fresh), "%s.new", path) >= (int)sizeof(fresh))
        return RC_TOO_BIG;
    if (unlink(fresh) != 0 && errno != ENOENT)
        return RC_IO;
    rc = fill(fresh, bytes, mode);
    if (rc == RC_OK && replace)
        rc = rename(fresh, path) == 0 ? RC_OK : RC_IO;
    else if (rc == RC_OK && link(fresh, path) != 0) /* never replaces */
        rc = errno == EEXIST ? RC_EXISTS : RC_IO;
    error = errno;
    (void)unlink(fresh);
    errno = error;
    return rc;
}

enum rc files_make_token(const char *path)
{
    uint8_t bytes[TOKEN_BYTES];
    struct slice text;
    struct arena *a;
    enum rc rc;

    TRY(arena_open(&a, 256));
    random_bytes(bytes, sizeof(bytes));
    text = base64url_encode(a, slice_from((const char *)bytes, sizeof(bytes)));
    rc = text.len > 0 ? files_write(path, text, 0600, false) : RC_NOMEM;
    secret_wipe(bytes, sizeof(bytes));
    arena_close(a);
    return rc == RC_EXISTS ? RC_OK : rc;
}

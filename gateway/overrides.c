/* SPDX-License-Identifier: Apache-2.0 */
/* The operator's own prices as a file. It is small and seldom written, so that each
 * change writes all of it anew. */
#include "gateway/overrides.h"

#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define NAME  "prices.json"
#define FRESH NAME ".new"

/* ---- Text ---- */

/* Whether a row is one that o stands for: its model, and with a price its date too. */
static enum rc is_meant(bool *meant, struct slice row, const struct override *o,
                        struct arena *a)
{
    struct slice model, from = SLICE_NONE;
    uint64_t from_us = 0, other_us = 0;
    struct slice raw;

    if (json_raw_member(&raw, row, "model") != JSON_STRING)
        return RC_BAD_INPUT;
    TRY(json_raw_string(&model, raw, a));
    if (json_raw_member(&raw, row, "from") == JSON_STRING)
        TRY(json_raw_string(&from, raw, a));
    if (from.len > 0)
        TRY(clock_parse(&from_us, from));
    if (o->from.len > 0)
        TRY(clock_parse(&other_us, o->from));
    *meant = slice_equal(model, o->model) && (o->price.len == 0 || from_us == other_us);
    return RC_OK;
}

static void put_override(struct json_out *j, const struct override *o)
{
    json_out_object(j);
    json_out_kslice(j, "model", o->model);
    if (o->from.len > 0)
        json_out_kslice(j, "from", o->from);
    json_out_key(j, "price");
    json_out_raw(j, o->price);
    json_out_end_object(j);
}

static enum rc copy_rows(struct json_out *j, size_t *dropped, struct slice old,
                         const struct override *o, struct arena *a)
{
    struct json_field models = {.name = "models"};
    const struct json_limits limits = {.bytes = OVERRIDES_MAX};
    struct slice row;
    size_t at = 0;

    if (json_guard(old, &limits, &models, 1, NULL, a) != RC_OK ||
        models.type != JSON_ARRAY)
        return arena_spent(a) ? RC_NOMEM : RC_BAD_INPUT;
    while (json_raw_element(&row, models.raw, &at) != JSON_ABSENT) {
        bool meant;

        TRY(is_meant(&meant, row, o, a));
        if (meant)
            ++*dropped;
        else
            json_out_raw(j, row);
    }
    return RC_OK;
}

enum rc overrides_edit(struct buf *out, size_t *dropped, struct slice old,
                       const struct override *o)
{
    struct json_out j;
    struct arena *a;
    enum rc rc = RC_OK;

    *dropped = 0;
    TRY(arena_open(&a, 16u << 20));
    json_out_init(&j, out);
    json_out_object(&j);
    json_out_key(&j, "models");
    json_out_array(&j);
    if (slice_trim(old).len > 0)
        rc = copy_rows(&j, dropped, old, o, a);
    if (rc == RC_OK && o->price.len > 0)
        put_override(&j, o);
    json_out_end_array(&j);
    json_out_end_object(&j);
    buf_append_char(out, '\n');
    arena_close(a);
    if (rc == RC_OK && (buf_spent(out) || buf_len(out) > OVERRIDES_MAX))
        rc = RC_TOO_BIG;
    return rc;
}

/* ---- File ---- */

static enum rc open_folder(int *fd, const char *data_dir)
{
    *fd = open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return *fd < 0 ? RC_IO : RC_OK;
}

static enum rc read_all(struct buf *out, int fd)
{
    char bytes[4096];

    for (;;) {
        ssize_t got = read(fd, bytes, sizeof(bytes));

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got == 0 ? RC_OK : RC_IO;
        if (buf_len(out) + (size_t)got > OVERRIDES_MAX)
            return RC_TOO_BIG;
        buf_append(out, slice_from(bytes, (size_t)got));
    }
}

enum rc overrides_read(struct buf *out, const char *data_dir)
{
    int folder, fd;
    enum rc rc;

    TRY(open_folder(&folder, data_dir));
    fd = openat(folder, NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        rc = errno == ENOENT ? RC_OK : RC_IO;
    else
        rc = read_all(out, fd);
    if (fd >= 0)
        (void)close(fd);
    (void)close(folder);
    return rc;
}

static enum rc write_all(int fd, struct slice bytes)
{
    while (bytes.len > 0) {
        ssize_t put = write(fd, bytes.bytes, bytes.len);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return RC_IO;
        bytes = slice_sub(bytes, (size_t)put, bytes.len);
    }
    return fsync(fd) == 0 ? RC_OK : RC_IO;
}

static enum rc replace(int folder, struct slice text)
{
    enum rc rc;
    int fd;

    if (unlinkat(folder, FRESH, 0) != 0 && errno != ENOENT)
        return RC_IO;
    fd = openat(folder, FRESH, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                0600);
    if (fd < 0)
        return RC_IO;
    rc = write_all(fd, text);
    (void)close(fd);
    if (rc == RC_OK && renameat(folder, FRESH, folder, NAME) != 0)
        rc = RC_IO;
    if (rc != RC_OK)
        (void)unlinkat(folder, FRESH, 0);
    return rc;
}

enum rc overrides_write(const char *data_dir, struct slice text)
{
    int folder;
    enum rc rc;

    TRY(open_folder(&folder, data_dir));
    if (text.len > 0)
        rc = replace(folder, text);
    else
        rc = unlinkat(folder, NAME, 0) == 0 || errno == ENOENT ? RC_OK : RC_IO;
    /* A name is durable when its folder is. */
    if (rc == RC_OK && fsync(folder) != 0)
        rc = RC_IO;
    (void)close(folder);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The ${..} forms of a scalar. What they yield is never looked at again, so no value
 * can lead to another one, nor to itself. Values may be secrets: no message shows one,
 * and what is used on the way is wiped. */
#include "base/conf_int.h"
#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    NAME_SIZE = 256,
    CHUNK_SIZE = 4096
};

struct expansion {
    struct conf *conf;
    struct conf__mark mark;
    struct buf out;
    bool expanded;
    bool contents;
};

enum rc conf__read_file(struct buf *out, const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    char chunk[CHUNK_SIZE];
    ssize_t len;
    int error;

    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR ? RC_NOT_FOUND : RC_IO;
    do {
        len = read(fd, chunk, sizeof(chunk));
        if (len > 0)
            buf_append(out, slice_from(chunk, (size_t)len));
    } while ((len > 0 && !buf_spent(out)) || (len < 0 && errno == EINTR));
    error = errno;
    secret_wipe(chunk, sizeof(chunk));
    (void)close(fd);
    errno = error;
    if (len < 0)
        return RC_IO;
    return buf_spent(out) ? RC_TOO_BIG : RC_OK;
}

/* Whether s is a variable's name: letters, digits and '_', no digit first. */
static bool is_name(struct slice s)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";

    for (size_t i = 0; i < s.len; i++)
        if (memchr(letters, s.bytes[i], sizeof(letters) - 1) == NULL)
            return false;
    return s.len > 0 && s.len < NAME_SIZE && !(s.bytes[0] >= '0' && s.bytes[0] <= '9');
}

/* ${NAME} and ${NAME:-default}. As in a shell the default stands in for an empty value
 * too. */
static void expand_variable(struct expansion *e, struct slice form)
{
    size_t name_len = slice_search(form, SLICE(":-"));
    bool has_default = name_len < form.len;
    char name[NAME_SIZE];
    const char *value;

    if (!is_name(slice_sub(form, 0, name_len)) ||
        slice_to_cstr(name, sizeof(name), slice_sub(form, 0, name_len)) != RC_OK) {
        conf__fault_at(e->conf, e->mark,
                       "'${%.*s}' is none of ${NAME}, ${NAME:-default}, ${file:PATH}, "
                       "${cred:NAME}; write '$$' for a dollar sign",
                       SLICE_FMT(form));
        return;
    }
    value = getenv(name);
    if (value != NULL && (value[0] != '\0' || !has_default))
        buf_append_str(&e->out, value);
    else if (has_default)
        buf_append(&e->out, slice_sub(form, name_len + 2, form.len));
    else
        conf__fault_at(e->conf, e->mark,
                       "the environment has no variable %s (a default is written "
                       "${%s:-..})",
                       name, name);
}

/* Appends the contents of a file, but for one newline at their end. */
static void append_file(struct expansion *e, const char *path)
{
    struct buf contents;
    struct slice value;
    enum rc rc;

    buf_init(&contents, CONF__VALUE_MAX);
    rc = conf__read_file(&contents, path);
    value = buf_slice(&contents);
    if (rc == RC_TOO_BIG)
        conf__fault_at(e->conf, e->mark, "%s is larger than 64 KiB", path);
    else if (rc != RC_OK)
        conf__fault_at(e->conf, e->mark, "cannot read %s: %m", path);
    else if (slice_find(value, '\0') < value.len)
        conf__fault_at(e->conf, e->mark, "%s holds a NUL byte", path);
    else if (slice_ends(value, SLICE("\r\n")))
        buf_append(&e->out, slice_sub(value, 0, value.len - 2));
    else if (slice_ends(value, SLICE("\n")))
        buf_append(&e->out, slice_sub(value, 0, value.len - 1));
    else
        buf_append(&e->out, value);
    buf_wipe(&contents);
}

static void expand_file(struct expansion *e, struct slice path)
{
    struct conf *c = e->conf;
    const char *full;

    if (path.len == 0) {
        conf__fault_at(c, e->mark, "'${file:}' names no file");
        return;
    }
    full = path.bytes[0] == '/'
               ? arena_copy(c->arena, path.bytes, path.len)
               : arena_printf(c->arena, "%s/%.*s", c->dir, SLICE_FMT(path));
    if (full != NULL)
        append_file(e, full);
}

/* A credential that the service manager handed over (systemd.exec(5), LoadCredential=).
 */
static void expand_credential(struct expansion *e, struct slice name)
{
    const char *dir = getenv("CREDENTIALS_DIRECTORY");
    const char *full;

    if (name.len == 0 || slice_find(name, '/') < name.len || name.bytes[0] == '.') {
        conf__fault_at(e->conf, e->mark, "'%.*s' is no name of a credential",
                       SLICE_FMT(name));
        return;
    }
    if (dir == NULL || dir[0] == '\0') {
        conf__fault_at(e->conf, e->mark,
                       "no credential '%.*s': CREDENTIALS_DIRECTORY is not set",
                       SLICE_FMT(name));
        return;
    }
    full = arena_printf(e->conf->arena, "%s/%.*s", dir, SLICE_FMT(name));
    if (full != NULL)
        append_file(e, full);
}

static void expand_form(struct expansion *e, struct slice form)
{
    e->contents = e->contents || slice_starts(form, SLICE("file:")) ||
                  slice_starts(form, SLICE("cred:"));
    if (slice_starts(form, SLICE("file:")))
        expand_file(e, slice_sub(form, 5, form.len));
    else if (slice_starts(form, SLICE("cred:")))
        expand_credential(e, slice_sub(form, 5, form.len));
    else
        expand_variable(e, form);
}

/* Expands what begins with a dollar sign at the start of raw; returns its length. */
static size_t expand_dollar(struct expansion *e, struct slice raw)
{
    size_t end;

    if (slice_starts(raw, SLICE("$$"))) {
        buf_append_char(&e->out, '$');
        return 2;
    }
    if (!slice_starts(raw, SLICE("${"))) {
        buf_append_char(&e->out, '$');
        return 1;
    }
    e->expanded = true;
    end = slice_find(raw, '}');
    if (end == raw.len) {
        conf__fault_at(e->conf, e->mark,
                       "'${' without '}' (write '$$' for a dollar sign)");
        return raw.len;
    }
    expand_form(e, slice_sub(raw, 2, end - 2));
    return end + 1;
}

enum rc conf__expand(struct conf *c, struct conf_node *n, struct slice raw)
{
    struct expansion e = {.conf = c, .mark = n->mark};
    struct slice text;

    buf_init(&e.out, CONF__VALUE_MAX);
    while (raw.len > 0 && !buf_spent(&e.out)) {
        size_t dollar = c->plain ? raw.len : slice_find(raw, '$');

        buf_append(&e.out, slice_sub(raw, 0, dollar));
        raw = slice_sub(raw, dollar, raw.len);
        if (raw.len > 0)
            raw = slice_sub(raw, expand_dollar(&e, raw), raw.len);
    }
    n->expanded = e.expanded;
    n->contents = e.contents;
    if (buf_spent(&e.out))
        conf__fault_at(c, n->mark, "the value is longer than 64 KiB");
    text = buf_slice(&e.out);
    n->text = arena_copy(c->arena, text.bytes == NULL ? "" : text.bytes, text.len);
    n->text_len = n->text == NULL ? 0 : text.len;
    buf_wipe(&e.out);
    return n->text == NULL ? RC_NOMEM : RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* An archive into a package, by libarchive. It reads from memory and writes nowhere:
 * what libarchive gives are names, which are checked here and not used as paths, and
 * bytes, which are counted while they are unpacked. */
#include "skills/package_int.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>

enum {
    CHUNK = 4 << 10,
    RATIO_FREE = 1 << 20,             /* so much may come of anything */
    ENTRIES_MAX = 4 * SKILL_FILES_MAX /* with folders and what is left out */
};

struct reading {
    struct skill_package *p;
    struct archive *a;
    struct buf file;   /* the one that is being read */
    uint64_t packed;   /* the whole archive */
    uint64_t unpacked; /* so far, with what is left out */
    unsigned entries;
    bool is_zip;
    struct buf *why;
};

/* ---- One file ---- */

static enum rc refuse(struct reading *r, struct slice path, const char *words)
{
    skills__show(r->why, path);
    buf_printf(r->why, " %s", words);
    return RC_BAD_INPUT;
}

static enum rc stop_at_error(struct reading *r)
{
    const char *words = archive_error_string(r->a);

    if (archive_errno(r->a) == ENOMEM)
        return RC_NOMEM;
    buf_append_str(r->why, "the archive is broken: ");
    skills__show(r->why, slice_str(words == NULL ? "no more is known" : words));
    return RC_BAD_INPUT;
}

static enum rc count_bytes(struct reading *r, size_t len)
{
    r->unpacked += len;
    if (r->unpacked > SKILL_PACKAGE_BYTES_MAX) {
        buf_printf(r->why, "all files are larger than %d MB",
                   SKILL_PACKAGE_BYTES_MAX >> 20);
        return RC_TOO_BIG;
    }
    if (r->unpacked > RATIO_FREE && r->unpacked / SKILL_RATIO_MAX > r->packed) {
        buf_printf(r->why, "the archive unpacks to more than %d times its size",
                   SKILL_RATIO_MAX);
        return RC_TOO_BIG;
    }
    return RC_OK;
}

/* Also of what is not kept: libarchive would skip the rest by unpacking it without an
 * end. */
static enum rc read_bytes(struct reading *r, struct slice path, bool keep)
{
    char chunk[CHUNK];

    buf_reset(&r->file);
    for (;;) {
        const la_ssize_t len = archive_read_data(r->a, chunk, sizeof(chunk));

        if (len == 0)
            return RC_OK;
        if (len < 0)
            return stop_at_error(r);
        TRY(count_bytes(r, (size_t)len));
        if (keep)
            buf_append(&r->file, slice_from(chunk, (size_t)len));
        if (buf_spent(&r->file)) {
            skills__show(r->why, path);
            buf_printf(r->why, " is larger than %d MB", SKILL_FILE_BYTES_MAX >> 20);
            return RC_TOO_BIG;
        }
    }
}

/* Other methods need other people's decompressors, with memory as they like. */
static bool is_packed_well(const struct reading *r)
{
    const struct slice format = slice_str(archive_format_name(r->a));

    return !r->is_zip || slice_ends(format, SLICE("(uncompressed)")) ||
           slice_ends(format, SLICE("(deflation)"));
}

static enum rc check_kind(struct reading *r, struct archive_entry *e, struct slice path)
{
    if (archive_entry_is_encrypted(e) != 0)
        return refuse(r, path, "is encrypted");
    if (archive_entry_hardlink(e) != NULL || archive_entry_symlink(e) != NULL)
        return refuse(r, path, "is a link");
    if (archive_entry_filetype(e) != AE_IFREG && archive_entry_filetype(e) != AE_IFDIR)
        return refuse(r, path, "is no plain file");
    if (!is_packed_well(r))
        return refuse(r, path, "is packed in an unusual way");
    return RC_OK;
}

static enum rc take_entry(struct reading *r, struct archive_entry *e)
{
    struct slice path = slice_str(archive_entry_pathname(e));

    TRY(check_kind(r, e, path));
    /* As tar writes it when it is told to pack ".". */
    if (slice_starts(path, SLICE("./")))
        path = slice_sub(path, 2, path.len);
    if (archive_entry_filetype(e) == AE_IFDIR) {
        if (path.len > 1 && path.bytes[path.len - 1] == '/')
            path.len--;
        if (path.len > 0 && !slice_equal_str(path, "."))
            TRY(skills__path_check(path, r->why));
        return read_bytes(r, path, false);
    }
    TRY(skills__path_check(path, r->why));
    if (skills__path_rubbish(path)) {
        r->p->left_out++;
        return read_bytes(r, path, false);
    }
    TRY(read_bytes(r, path, true));
    return skill_package_add(r->p, path, buf_slice(&r->file), r->why);
}

/* ---- All of them ---- */

static enum rc read_entries(struct reading *r)
{
    for (;;) {
        struct archive_entry *e;
        const int got = archive_read_next_header(r->a, &e);

        if (got == ARCHIVE_EOF)
            return RC_OK;
        /* A warning too: it says that a name is not what is written there. */
        if (got != ARCHIVE_OK)
            return stop_at_error(r);
        if (++r->entries > ENTRIES_MAX) {
            buf_printf(r->why, "more than %d files", SKILL_FILES_MAX);
            return RC_TOO_BIG;
        }
        TRY(take_entry(r, e));
    }
}

/* One format and one decompressor, chosen by the first bytes. libarchive would peel
 * gzip from gzip as often as it finds one, and the count of what comes out would be
 * late. */
static bool choose(struct reading *r, struct slice archive)
{
    if (r->is_zip)
        return archive_read_support_format_zip_seekable(r->a) == ARCHIVE_OK;
    if (slice_starts(archive, SLICE("\x1f\x8b")) &&
        archive_read_append_filter(r->a, ARCHIVE_FILTER_GZIP) != ARCHIVE_OK)
        return false;
    return archive_read_support_format_tar(r->a) == ARCHIVE_OK;
}

static enum rc read_archive(struct reading *r, struct slice archive)
{
    enum rc rc = RC_NOMEM;

    r->a = archive_read_new();
    if (r->a == NULL)
        return RC_NOMEM;
    if (choose(r, archive))
        rc = archive_read_open_memory(r->a, archive.bytes, archive.len) == ARCHIVE_OK
                 ? read_entries(r)
                 : stop_at_error(r);
    (void)archive_read_free(r->a);
    return rc;
}

/* libarchive turns UTF-8 names into the charset of the locale. This thread's is UTF-8
 * for as long as it works; without that locale, names beyond ASCII are refused. */
static enum rc read_in_utf8(struct reading *r, struct slice archive)
{
    const locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    const locale_t before = utf8 == (locale_t)0 ? (locale_t)0 : uselocale(utf8);
    const enum rc rc = read_archive(r, archive);

    if (utf8 != (locale_t)0) {
        (void)uselocale(before);
        freelocale(utf8);
    }
    return rc;
}

/* ---- The folder around them ---- */

/* The length of "folder/" that every path starts with; 0: there is none. */
static size_t common_folder(const struct skill_package *p)
{
    struct slice folder;
    bool has_text = false;

    if (p->count == 0)
        return 0;
    folder = p->files[0].file.path;
    folder = slice_sub(folder, 0, slice_find(folder, '/') + 1);
    for (size_t i = 0; i < p->count; i++) {
        const struct slice path = p->files[i].file.path;

        if (!slice_starts(path, folder) || folder.bytes[folder.len - 1] != '/')
            return 0;
        if (slice_equal_str(slice_sub(path, folder.len, path.len), "SKILL.md"))
            has_text = true;
    }
    return has_text ? folder.len : 0;
}

enum rc skill_package_read(struct skill_package *p, struct slice archive,
                           struct buf *why)
{
    struct reading r = {.p = p, .packed = archive.len, .why = why};
    const bool is_first = p->count == 0;
    size_t cut;
    enum rc rc;

    if (archive.len > SKILL_ARCHIVE_BYTES_MAX) {
        buf_printf(why, "the archive is larger than %d MB",
                   SKILL_ARCHIVE_BYTES_MAX >> 20);
        return RC_TOO_BIG;
    }
    r.is_zip = slice_starts(archive, SLICE("PK"));
    if (r.is_zip)
        TRY(skills__zip_check(archive, why));
    buf_init(&r.file, SKILL_FILE_BYTES_MAX);
    rc = archive.len == 0 ? RC_BAD_INPUT : read_in_utf8(&r, archive);
    if (archive.len == 0)
        buf_append_str(why, "the archive is empty");
    buf_free(&r.file);
    TRY(rc);
    cut = is_first ? common_folder(p) : 0;
    for (size_t i = 0; i < p->count; i++)
        p->files[i].file.path = slice_sub(p->files[i].file.path, cut, SKILL_PATH_MAX);
    return RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The files of one version of a skill: read from an archive or from single files under
 * caps, checked, and written again as one zip whose bytes depend on the files alone.
 * Nothing is ever unpacked to a disk: files live in memory until the package is freed.
 *
 * A path is relative, UTF-8, 1..255 bytes, segments that are not "." or ".." or ".git",
 * without "\\", ":", characters that cannot be seen, or a dot or space at the end; no
 * two paths are equal without case, none is a folder of another. Only plain files: a
 * link, device or encrypted member refuses the whole archive, as does one that lies
 * about its size (D21, D22). An archive in an archive is a file like any other. */
#ifndef SKILLS_PACKAGE_H
#define SKILLS_PACKAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"

enum {
    SKILL_FILES_MAX = 1000,
    SKILL_FILE_BYTES_MAX = 10 << 20,    /* of one file (ClawHub's cap) */
    SKILL_PACKAGE_BYTES_MAX = 50 << 20, /* of all, unpacked (ClawHub's cap) */
    SKILL_ARCHIVE_BYTES_MAX = 52 << 20, /* of an archive, and of skill_package_zip() */
    SKILL_RATIO_MAX = 100,              /* unpacked to packed, beyond 1 MiB */
    SKILL_PATH_MAX = 255
};

struct skill_file {
    struct slice path;
    struct slice bytes;
    uint8_t sha256[32];
};

struct skill_package; /* owns its files */

MUST_CHECK enum rc skill_package_new(struct skill_package **out);
void skill_package_free(struct skill_package *p); /* NULL is fine */
/* Copies. RC_BAD_INPUT, RC_EXISTS, RC_TOO_BIG, RC_NOMEM; `why` has a line for people.
 */
MUST_CHECK enum rc skill_package_add(struct skill_package *p, struct slice path,
                                     struct slice bytes, struct buf *why);
/* All of a zip (stored or deflated) or tar(.gz) archive. Folders are ignored; what
 * macOS leaves in archives is too, and counted. A single folder that everything lies in
 * is taken off if it has the SKILL.md. Names that are not in Unicode's composed form
 * (NFC) are brought into it. On failure p holds part of it and can only be freed.
 * RC_BAD_INPUT, RC_EXISTS, RC_TOO_BIG, RC_NOMEM. */
MUST_CHECK enum rc skill_package_read(struct skill_package *p, struct slice archive,
                                      struct buf *why);
/* No more files: checks that there is a SKILL.md whose front matter is good, and sorts.
 * RC_BAD_INPUT, RC_NOMEM. */
MUST_CHECK enum rc skill_package_seal(struct skill_package *p, struct buf *why);

/* Of a sealed one; sorted by the bytes of their paths. Valid as long as p. */
size_t skill_package_count(const struct skill_package *p);
const struct skill_file *skill_package_file(const struct skill_package *p, size_t i);
const struct skill_file *skill_package_find(const struct skill_package *p,
                                            struct slice path); /* NULL: none */
uint64_t skill_package_bytes(const struct skill_package *p);    /* unpacked */
unsigned skill_package_left_out(const struct skill_package *p); /* rubbish of macOS */
struct skill_front;
const struct skill_front *skill_package_front(const struct skill_package *p);

/* The zip of it: same files, same bytes, on every machine (entries sorted and stored,
 * times and modes fixed). Appends to out, which the caller has initialised. RC_TOO_BIG:
 * out is spent. */
MUST_CHECK enum rc skill_package_zip(struct buf *out, const struct skill_package *p);

/* "text/markdown", .. by the path's end; unknown: "application/octet-stream". */
const char *skill_content_type(struct slice path);
/* {"files":[{"path","size","sha256","contentType"}]}, sorted. */
void skill_package_manifest(struct buf *out, const struct skill_package *p);
/* ClawHub's fingerprint: SHA-256 over lines of "path:sha256", the paths in the order of
 * ICU's localeCompare (spec: vectors in tests/vectors). */
void skill_package_fingerprint(uint8_t out[32], const struct skill_package *p);
/* The order of it, for tests: <0, 0, >0. */
int skill_path_cmp(struct slice a, struct slice b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of skills/package*.c and rules.c only: what a package is made of, and what its
 * files ask of each other. package.c holds the files, package_path.c knows paths,
 * package_read.c reads archives, package_zip.c the container of ours and of others. */
#ifndef SKILLS_PACKAGE_INT_H
#define SKILLS_PACKAGE_INT_H

#include <stdbool.h>

#include "skills/front.h"
#include "skills/package.h"

struct skills__held {
    struct skill_file file;
    char *path; /* owned; file.path may start behind a folder that was taken off */
    char *bytes;
};

struct skill_package {
    struct skills__held *files;
    size_t count, size;
    uint64_t bytes;
    unsigned left_out;
    bool sealed;
    uint8_t fingerprint[32];
    struct arena *arena; /* of front; NULL until sealed */
    struct skill_front front;
};

/* Whether it may be in a package. `why` has a line, RC_BAD_INPUT. */
MUST_CHECK enum rc skills__path_check(struct slice path, struct buf *why);
/* Whether two good paths cannot both be: equal but for case, or one is a folder of the
 * other. */
bool skills__path_clash(struct slice a, struct slice b);
/* What the systems of their authors leave in archives, and nobody means to publish. */
bool skills__path_rubbish(struct slice path);
/* The character at the start of valid UTF-8, which is then cut off *rest. */
uint32_t skills__next_char(struct slice *rest);
/* A text from outside for a line: in quotes, cut, and nothing in it that a terminal
 * would obey. */
void skills__show(struct buf *out, struct slice text);

/* What libarchive is not strict about: the directory lies at the very end, is as long
 * as it says, and names every file as its own header does. RC_BAD_INPUT, RC_TOO_BIG. */
MUST_CHECK enum rc skills__zip_check(struct slice archive, struct buf *why);

#endif

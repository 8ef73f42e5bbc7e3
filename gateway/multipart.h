/* SPDX-License-Identifier: Apache-2.0 */
/* A form with files (multipart/form-data, RFC 7578) that is in memory whole: its parts
 * one after the other, as slices of it. Strict: nothing before the first delimiter and
 * nothing but a line end after the last, CRLF ends lines, names as browsers and undici
 * write them. Pure. */
#ifndef GATEWAY_MULTIPART_H
#define GATEWAY_MULTIPART_H

#include "base/arena.h"
#include "base/rc.h"
#include "base/slice.h"

enum {
    MULTIPART_PARTS_MAX = 1100,  /* a package's files, and fields beside them */
    MULTIPART_HEADERS_MAX = 4096 /* bytes of one part's */
};

struct multipart {
    char delimiter[76]; /* CRLF, two hyphens and the boundary */
    size_t delimiter_len;
    struct slice rest; /* from the CRLF, "--" or end behind a delimiter on */
    unsigned count;
};

struct multipart_part {
    struct slice name;
    struct slice filename; /* SLICE_NONE: a field, no file */
    struct slice bytes;
};

/* Of a body with that Content-Type. RC_UNSUPPORTED_MEDIA: it is no such form, or says
 * no boundary; RC_BAD_INPUT: the body does not begin with it. */
MUST_CHECK enum rc multipart_open(struct multipart *m, struct slice content_type,
                                  struct slice body);
/* RC_NOT_FOUND: that was all. RC_BAD_INPUT; RC_TOO_BIG: more than PARTS_MAX. Names with
 * escapes are in the arena. */
MUST_CHECK enum rc multipart_next(struct multipart_part *out, struct multipart *m,
                                  struct arena *a);

#endif

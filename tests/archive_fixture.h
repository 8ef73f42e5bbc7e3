/* SPDX-License-Identifier: Apache-2.0 */
/* Archives for tests, put together byte by byte so that they may lie in every field. */
#ifndef TESTS_ARCHIVE_FIXTURE_H
#define TESTS_ARCHIVE_FIXTURE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

enum {
    ARCHIVE_MAX = 64 << 20, /* what a test may build */
    ZIP_STORED = 0,
    ZIP_DEFLATED = 8,
    ZIP_FLAG_ENCRYPTED = 1,
    ZIP_FLAG_UTF8 = 1 << 11,
    UNIX_LINK = 0120777,
    UNIX_FILE = 0100644
};

struct zip_entry {
    struct slice name;
    struct slice central_name; /* none: the same */
    struct slice packed;       /* as it lies in the archive */
    uint32_t method, flags;
    uint32_t crc, len;  /* as declared, of what it unpacks to */
    uint32_t unix_mode; /* 0: UNIX_FILE */
};

struct zip_maker {
    struct buf out, central;
    unsigned count;
};

uint32_t zip_crc(struct slice bytes);
void zip_begin(struct zip_maker *z);
void zip_put(struct zip_maker *z, const struct zip_entry *e);
/* An honest stored or deflated one. */
void zip_stored(struct zip_maker *z, struct slice name, struct slice bytes);
void zip_deflated(struct zip_maker *z, struct slice name, struct slice bytes);
struct slice zip_end(struct zip_maker *z); /* as long as z */
void zip_free(struct zip_maker *z);

/* A ustar header with the type's letter and a size of its own, then the bytes, padded.
 */
void tar_put(struct buf *out, char type, const char *name, const char *link,
             uint64_t size, struct slice bytes);
void tar_file(struct buf *out, const char *name, struct slice bytes);
void tar_end(struct buf *out);

/* Appends the gzip of it. */
void gzip(struct buf *out, struct slice bytes);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The fields that records of the book consist of: a version, numbers in little-endian
 * order, bytes, texts. What a record means is the business of the folder that has it:
 * its decoder accepts exactly what its encoder writes. */
#ifndef BASE_FIELD_H
#define BASE_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/slice.h"

enum {
    FIELD_RECORD_VERSION = 1 /* the first byte of every record */
};

struct field_out {
    uint8_t *bytes;
    size_t size;
    size_t len;
};

/* Writing asserts that there is room. */
void field_put_start(struct field_out *o, uint8_t *bytes, size_t size);
void field_put_bytes(struct field_out *o, const void *bytes, size_t len);
void field_put_uint(struct field_out *o, uint64_t value, size_t len);
struct slice field_put_end(const struct field_out *o);

/* Reading is sticky: after a field that is not there all others are zero, and
 * field_take_end() tells. */
struct field_in {
    const uint8_t *bytes;
    size_t len;
    bool bad;
};

struct field_in field_take_start(struct slice value);
void field_take_bytes(struct field_in *i, void *out, size_t len);
uint64_t field_take_uint(struct field_in *i, size_t len);
/* A NUL-terminated copy in out, which has room for max bytes and the NUL. */
void field_take_text(struct field_in *i, char *out, size_t len, size_t max);
/* The same, into `size` bytes, of a text that has no NUL in it. */
void field_take_exact(struct field_in *i, char *out, size_t len, size_t size);
void field_take_version(struct field_in *i);
/* A byte of flags of which only those in `known` may be set. */
uint8_t field_take_flags(struct field_in *i, uint8_t known);
/* RC_CORRUPT: a field was not there or not allowed, or something is left. */
MUST_CHECK enum rc field_take_end(const struct field_in *i);

#endif

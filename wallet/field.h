/* SPDX-License-Identifier: Apache-2.0 */
/* The fields that records consist of: numbers in little-endian order, bytes, texts.
 * Private to wallet/. */
#ifndef WALLET_FIELD_H
#define WALLET_FIELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/slice.h"

enum {
    WALLET__RECORD_VERSION = 1 /* the first byte of every record */
};

struct wallet__out {
    uint8_t *bytes;
    size_t size;
    size_t len;
};

/* Writing asserts that there is room. */
void wallet__put_start(struct wallet__out *o, uint8_t *bytes, size_t size);
void wallet__put_bytes(struct wallet__out *o, const void *bytes, size_t len);
void wallet__put_uint(struct wallet__out *o, uint64_t value, size_t len);
struct slice wallet__put_end(const struct wallet__out *o);

/* Reading is sticky: after a field that is not there all others are zero, and
 * wallet__take_end() tells. */
struct wallet__in {
    const uint8_t *bytes;
    size_t len;
    bool bad;
};

struct wallet__in wallet__take_start(struct slice value);
void wallet__take_bytes(struct wallet__in *i, void *out, size_t len);
uint64_t wallet__take_uint(struct wallet__in *i, size_t len);
/* A NUL-terminated copy in out, which has room for max bytes and the NUL. */
void wallet__take_text(struct wallet__in *i, char *out, size_t len, size_t max);
/* The same, into `size` bytes, of a text that has no NUL in it. */
void wallet__take_exact(struct wallet__in *i, char *out, size_t len, size_t size);
void wallet__take_version(struct wallet__in *i);
/* A byte of flags of which only those in `known` may be set. */
uint8_t wallet__take_flags(struct wallet__in *i, uint8_t known);
/* RC_CORRUPT: a field was not there or not allowed, or something is left. */
MUST_CHECK enum rc wallet__take_end(const struct wallet__in *i);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The fields that records consist of. What they mean is record.c's business. */
#include "wallet/field.h"

#include <assert.h>
#include <string.h>

void wallet__put_start(struct wallet__out *o, uint8_t *bytes, size_t size)
{
    o->bytes = bytes;
    o->size = size;
    o->len = 0;
}

void wallet__put_bytes(struct wallet__out *o, const void *bytes, size_t len)
{
    assert(len <= o->size - o->len);
    if (len > 0)
        memcpy(o->bytes + o->len, bytes, len);
    o->len += len;
}

void wallet__put_uint(struct wallet__out *o, uint64_t value, size_t len)
{
    uint8_t bytes[8];

    assert(len <= sizeof(bytes));
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    wallet__put_bytes(o, bytes, len);
}

struct slice wallet__put_end(const struct wallet__out *o)
{
    return slice_from((const char *)o->bytes, o->len);
}

struct wallet__in wallet__take_start(struct slice value)
{
    struct wallet__in i = {(const uint8_t *)value.bytes, value.len, false};

    return i;
}

void wallet__take_bytes(struct wallet__in *i, void *out, size_t len)
{
    if (len > i->len)
        i->bad = true;
    if (i->bad) {
        memset(out, 0, len);
        return;
    }
    if (len > 0)
        memcpy(out, i->bytes, len);
    i->bytes += len;
    i->len -= len;
}

uint64_t wallet__take_uint(struct wallet__in *i, size_t len)
{
    uint8_t bytes[8];
    uint64_t value = 0;

    assert(len <= sizeof(bytes));
    wallet__take_bytes(i, bytes, len);
    for (size_t k = 0; k < len; k++)
        value |= (uint64_t)bytes[k] << (8 * k);
    return value;
}

void wallet__take_text(struct wallet__in *i, char *out, size_t len, size_t max)
{
    if (len > max) {
        i->bad = true;
        len = 0;
    }
    wallet__take_bytes(i, out, len);
    out[len] = '\0';
}

void wallet__take_exact(struct wallet__in *i, char *out, size_t len, size_t size)
{
    wallet__take_text(i, out, len, size - 1);
    if (strlen(out) != len)
        i->bad = true;
}

void wallet__take_version(struct wallet__in *i)
{
    if (wallet__take_uint(i, 1) != WALLET__RECORD_VERSION)
        i->bad = true;
}

uint8_t wallet__take_flags(struct wallet__in *i, uint8_t known)
{
    uint8_t flags = (uint8_t)wallet__take_uint(i, 1);

    if ((flags & ~known) != 0)
        i->bad = true;
    return flags;
}

enum rc wallet__take_end(const struct wallet__in *i)
{
    return i->bad || i->len != 0 ? RC_CORRUPT : RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The fields that records consist of. What they mean is the business of who has them.
 */
#include "base/field.h"

#include <assert.h>
#include <string.h>

void field_put_start(struct field_out *o, uint8_t *bytes, size_t size)
{
    o->bytes = bytes;
    o->size = size;
    o->len = 0;
}

void field_put_bytes(struct field_out *o, const void *bytes, size_t len)
{
    assert(len <= o->size - o->len);
    if (len > 0)
        memcpy(o->bytes + o->len, bytes, len);
    o->len += len;
}

void field_put_uint(struct field_out *o, uint64_t value, size_t len)
{
    uint8_t bytes[8];

    assert(len <= sizeof(bytes));
    for (size_t i = 0; i < len; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
    field_put_bytes(o, bytes, len);
}

struct slice field_put_end(const struct field_out *o)
{
    return slice_from((const char *)o->bytes, o->len);
}

struct field_in field_take_start(struct slice value)
{
    struct field_in i = {(const uint8_t *)value.bytes, value.len, false};

    return i;
}

void field_take_bytes(struct field_in *i, void *out, size_t len)
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

uint64_t field_take_uint(struct field_in *i, size_t len)
{
    uint8_t bytes[8];
    uint64_t value = 0;

    assert(len <= sizeof(bytes));
    field_take_bytes(i, bytes, len);
    for (size_t k = 0; k < len; k++)
        value |= (uint64_t)bytes[k] << (8 * k);
    return value;
}

void field_take_text(struct field_in *i, char *out, size_t len, size_t max)
{
    if (len > max) {
        i->bad = true;
        len = 0;
    }
    field_take_bytes(i, out, len);
    out[len] = '\0';
}

void field_take_exact(struct field_in *i, char *out, size_t len, size_t size)
{
    field_take_text(i, out, len, size - 1);
    if (strlen(out) != len)
        i->bad = true;
}

void field_take_version(struct field_in *i)
{
    if (field_take_uint(i, 1) != FIELD_RECORD_VERSION)
        i->bad = true;
}

uint8_t field_take_flags(struct field_in *i, uint8_t known)
{
    uint8_t flags = (uint8_t)field_take_uint(i, 1);

    if ((flags & ~known) != 0)
        i->bad = true;
    return flags;
}

enum rc field_take_end(const struct field_in *i)
{
    return i->bad || i->len != 0 ? RC_CORRUPT : RC_OK;
}

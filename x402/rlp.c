/* SPDX-License-Identifier: Apache-2.0 */
#include "x402/rlp.h"

#include <assert.h>
#include <string.h>

enum {
    STRING = 0x80, /* what a string begins with, plus its length */
    LIST = 0xc0,   /* and a list */
    SHORT_MAX = 55 /* a longer length follows as bytes, and they are counted */
};

void x402_rlp_begin(struct x402_rlp_out *o, uint8_t *bytes, size_t size)
{
    o->bytes = bytes;
    o->at = size;
    o->size = size;
    o->full = false;
}

static void put_bytes(struct x402_rlp_out *o, const void *bytes, size_t len)
{
    if (o->full || len > o->at) {
        o->full = true;
        return;
    }
    o->at -= len;
    if (len > 0)
        memcpy(o->bytes + o->at, bytes, len);
}

static void put_byte(struct x402_rlp_out *o, unsigned byte)
{
    uint8_t b = (uint8_t)byte;

    put_bytes(o, &b, 1);
}

static void put_head(struct x402_rlp_out *o, unsigned kind, size_t len)
{
    unsigned length_len = 0;

    if (len <= SHORT_MAX) {
        put_byte(o, kind + (unsigned)len);
        return;
    }
    for (; len > 0; len >>= 8) {
        put_byte(o, len & 0xff);
        length_len++;
    }
    put_byte(o, kind + SHORT_MAX + length_len);
}

void x402_rlp_put(struct x402_rlp_out *o, struct slice string)
{
    put_bytes(o, string.bytes, string.len);
    /* A small byte stands for itself. */
    if (string.len != 1 || (uint8_t)string.bytes[0] >= STRING)
        put_head(o, STRING, string.len);
}

void x402_rlp_put_number(struct x402_rlp_out *o, struct x402_u256 v)
{
    size_t len = (x402_u256_bits(v) + 7) / 8;

    x402_rlp_put(o, slice_from((const char *)v.bytes + sizeof(v.bytes) - len, len));
}

void x402_rlp_put_u64(struct x402_rlp_out *o, uint64_t v)
{
    x402_rlp_put_number(o, x402_u256_from_u64(v));
}

size_t x402_rlp_mark(const struct x402_rlp_out *o)
{
    return o->at;
}

void x402_rlp_close(struct x402_rlp_out *o, size_t mark)
{
    assert(mark >= o->at && mark <= o->size);
    put_head(o, LIST, mark - o->at);
}

struct slice x402_rlp_end(const struct x402_rlp_out *o)
{
    if (o->full)
        return SLICE_NONE;
    return slice_from((const char *)o->bytes + o->at, o->size - o->at);
}

/* Reads a length of `length_len` bytes after the first one. false: it is not there, or
 * there is a shorter way to write it. */
static bool read_length(size_t *out, struct slice from, size_t length_len)
{
    uint64_t len = 0;

    static_assert(sizeof(size_t) == sizeof(uint64_t), "lengths are not cut");
    if (from.len - 1 < length_len || from.bytes[1] == 0)
        return false;
    for (size_t i = 1; i <= length_len; i++)
        len = len << 8 | (uint8_t)from.bytes[i];
    *out = len;
    return len > SHORT_MAX;
}

enum rc x402_rlp_next(struct x402_rlp_item *out, struct slice *rest)
{
    size_t head_len = 1;
    struct slice body;
    unsigned first;
    size_t len;

    if (rest->len == 0)
        return RC_NOT_FOUND;
    first = (uint8_t)rest->bytes[0];
    if (first < STRING) {
        head_len = 0;
        len = 1;
    } else {
        len = first - (first < LIST ? STRING : LIST);
        if (len > SHORT_MAX) {
            head_len += len - SHORT_MAX;
            if (!read_length(&len, *rest, len - SHORT_MAX))
                return RC_BAD_INPUT;
        }
    }
    if (len > rest->len - head_len)
        return RC_BAD_INPUT;
    body = slice_sub(*rest, head_len, len);
    if (first == STRING + 1 && (uint8_t)body.bytes[0] < STRING)
        return RC_BAD_INPUT; /* it stands for itself */
    *out = (struct x402_rlp_item){.is_list = first >= LIST, .body = body};
    *rest = slice_sub(*rest, head_len + len, rest->len);
    return RC_OK;
}

static enum rc next_of_kind(struct slice *body, struct slice *rest, bool is_list)
{
    struct slice after = *rest;
    struct x402_rlp_item item;

    if (x402_rlp_next(&item, &after) != RC_OK || item.is_list != is_list)
        return RC_BAD_INPUT;
    *body = item.body;
    *rest = after;
    return RC_OK;
}

enum rc x402_rlp_next_list(struct slice *items, struct slice *rest)
{
    return next_of_kind(items, rest, true);
}

enum rc x402_rlp_next_string(struct slice *string, struct slice *rest)
{
    return next_of_kind(string, rest, false);
}

enum rc x402_rlp_next_number(struct x402_u256 *out, struct slice *rest)
{
    struct slice after = *rest;
    struct x402_u256 v = X402_ZERO;
    struct slice s;

    TRY(x402_rlp_next_string(&s, &after));
    if (s.len > sizeof(v.bytes) || (s.len > 0 && s.bytes[0] == 0))
        return RC_BAD_INPUT;
    if (s.len > 0)
        memcpy(v.bytes + sizeof(v.bytes) - s.len, s.bytes, s.len);
    *out = v;
    *rest = after;
    return RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "x402/members.h"

#include "base/codec.h"
#include "x402/jcs.h"

enum {
    DEPTH_MAX = 16 /* extensions may carry schemas; nothing of ours is so deep */
};

enum rc x402__guard(struct slice json, struct arena *a)
{
    const struct json_limits limits = {.depth = DEPTH_MAX};

    return json_guard(json, &limits, NULL, 0, NULL, a);
}

enum rc x402__decode(struct slice *json, struct slice header, size_t max,
                     struct arena *a)
{
    struct slice text;

    if (header.len > max)
        return RC_TOO_BIG;
    TRY(base64_decode(&text, header, a));
    TRY(x402__guard(text, a));
    *json = text;
    return RC_OK;
}

struct buf x402__room(struct arena *a, size_t limit)
{
    struct buf b;

    buf_init_lent(&b, arena_alloc(a, limit + 1), limit + 1);
    return b;
}

enum rc x402__encode(struct slice *out, const struct buf *text, struct arena *a)
{
    struct slice encoded = SLICE_NONE;

    if (!buf_spent(text))
        encoded = base64_encode(a, buf_slice(text));
    if (encoded.bytes == NULL)
        return RC_TOO_BIG;
    *out = encoded;
    return RC_OK;
}

enum rc x402__encode_url(struct slice *out, const struct buf *text, struct arena *a)
{
    struct slice encoded = SLICE_NONE;

    if (!buf_spent(text))
        encoded = base64url_encode(a, buf_slice(text));
    if (encoded.bytes == NULL)
        return RC_TOO_BIG;
    *out = encoded;
    return RC_OK;
}

enum rc x402__encode_canonical(struct slice *out, struct slice json, struct arena *a)
{
    struct buf text = x402__room(a, json.len);

    TRY(x402_jcs(&text, json, a));
    return x402__encode_url(out, &text, a);
}

bool x402__has(struct slice object, const char *name)
{
    struct slice raw;
    const enum json_kind kind = json_raw_member(&raw, object, name);

    return kind != JSON_ABSENT && kind != JSON_NULL;
}

/* A member of this type. */
static enum rc member_of(struct slice *out, struct slice object, const char *name,
                         enum json_kind kind)
{
    struct slice raw;

    if (json_raw_member(&raw, object, name) != kind)
        return RC_BAD_INPUT;
    *out = raw;
    return RC_OK;
}

enum rc x402__text(struct slice *out, struct slice object, const char *name,
                   struct arena *a)
{
    struct slice raw;

    TRY(member_of(&raw, object, name, JSON_STRING));
    return json_raw_string(out, raw, a);
}

enum rc x402__text_or_none(struct slice *out, struct slice object, const char *name,
                           struct arena *a)
{
    struct slice raw;
    const enum json_kind kind = json_raw_member(&raw, object, name);

    *out = SLICE_NONE;
    if (kind == JSON_ABSENT || kind == JSON_NULL)
        return RC_OK;
    return kind == JSON_STRING ? json_raw_string(out, raw, a) : RC_BAD_INPUT;
}

enum rc x402__object(struct slice *out, struct slice object, const char *name)
{
    return member_of(out, object, name, JSON_OBJECT);
}

enum rc x402__array(struct slice *out, struct slice object, const char *name)
{
    return member_of(out, object, name, JSON_ARRAY);
}

enum rc x402__bool(bool *out, struct slice object, const char *name)
{
    struct slice raw;

    if (json_raw_member(&raw, object, name) == JSON_ABSENT)
        return RC_BAD_INPUT;
    return json_raw_bool(out, raw);
}

enum rc x402__u64(uint64_t *out, struct slice object, const char *name)
{
    struct slice raw;

    TRY(member_of(&raw, object, name, JSON_NUMBER));
    return json_raw_u64(out, raw);
}

enum rc x402__u256(struct x402_u256 *out, struct slice object, const char *name,
                   struct arena *a)
{
    struct slice text;

    TRY(x402__text(&text, object, name, a));
    return x402_u256_parse(out, text) == RC_OK ? RC_OK : RC_BAD_INPUT;
}

enum rc x402__hash(struct x402_hash *out, struct slice object, const char *name,
                   struct arena *a)
{
    struct slice text;

    TRY(x402__text(&text, object, name, a));
    return x402_hash_parse(out, text);
}

enum rc x402__address(struct x402_address *out, struct slice object, const char *name,
                      struct arena *a)
{
    struct slice text;

    TRY(x402__text(&text, object, name, a));
    return x402_address_parse(out, text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON writer of json.h. It writes to a buffer as it goes and keeps no tree; what
 * it knows of the containers that are open is one bit each. */
#include "base/clock.h"
#include "base/json.h"
#include "base/json_text.h"

#include <assert.h>

#define REPLACEMENT SLICE("\xef\xbf\xbd") /* U+FFFD */

/* Structure ---------------------------------------------------------------------------
 */

static uint32_t level(const struct json_out *o)
{
    return UINT32_C(1) << o->depth;
}

static bool in_object(const struct json_out *o)
{
    return (o->objects & level(o)) != 0;
}

static void write_comma(struct json_out *o)
{
    if ((o->comma & level(o)) != 0) {
        assert(o->depth > 0); /* a writer writes one value */
        buf_append_char(o->to, ',');
    }
    o->comma |= level(o);
}

static void begin_value(struct json_out *o)
{
    assert(o->after_key == in_object(o));
    if (!o->after_key)
        write_comma(o);
    o->after_key = false;
}

static void begin_container(struct json_out *o, bool is_object)
{
    begin_value(o);
    assert(o->depth < JSON_OUT_DEPTH_MAX);
    o->depth++;
    o->comma &= ~level(o);
    o->objects = is_object ? o->objects | level(o) : o->objects & ~level(o);
    buf_append_char(o->to, is_object ? '{' : '[');
}

static void end_container(struct json_out *o, bool is_object)
{
    assert(o->depth > 0 && !o->after_key && in_object(o) == is_object);
    o->depth--;
    buf_append_char(o->to, is_object ? '}' : ']');
}

void json_out_init(struct json_out *o, struct buf *to)
{
    *o = (struct json_out){.to = to};
}

void json_out_object(struct json_out *o)
{
    begin_container(o, true);
}

void json_out_array(struct json_out *o)
{
    begin_container(o, false);
}

void json_out_end_object(struct json_out *o)
{
    end_container(o, true);
}

void json_out_end_array(struct json_out *o)
{
    end_container(o, false);
}

/* Strings -----------------------------------------------------------------------------
 */

/* How many bytes at the start of s can be written as they are. */
static size_t verbatim(struct slice s)
{
    size_t at = 0;

    for (;;) {
        struct slice rest;
        size_t len;

        at += json_text_plain(slice_sub(s, at, s.len));
        rest = slice_sub(s, at, s.len);
        if (rest.len == 0 || (unsigned char)rest.bytes[0] < 0x80)
            return at;
        len = utf8_length(rest);
        if (len == 0)
            return at;
        at += len;
    }
}

static void write_special(struct buf *to, char c)
{
    switch (c) {
    case '"':
        buf_append_str(to, "\\\"");
        break;
    case '\\':
        buf_append_str(to, "\\\\");
        break;
    case '\n':
        buf_append_str(to, "\\n");
        break;
    case '\r':
        buf_append_str(to, "\\r");
        break;
    case '\t':
        buf_append_str(to, "\\t");
        break;
    default:
        if (c > '\0' && c < ' ')
            buf_printf(to, "\\u%04x", (unsigned)c);
        else
            buf_append(to, REPLACEMENT); /* NUL, or a byte that is not UTF-8 */
    }
}

static void write_string(struct buf *to, struct slice text)
{
    buf_append_char(to, '"');
    while (text.len > 0) {
        size_t len = verbatim(text);

        buf_append(to, slice_sub(text, 0, len));
        if (len < text.len)
            write_special(to, text.bytes[len++]);
        text = slice_sub(text, len, text.len);
    }
    buf_append_char(to, '"');
}

/* Values ------------------------------------------------------------------------------
 */

void json_out_key(struct json_out *o, const char *key)
{
    assert(in_object(o) && !o->after_key);
    write_comma(o);
    write_string(o->to, slice_str(key));
    buf_append_char(o->to, ':');
    o->after_key = true;
}

void json_out_slice(struct json_out *o, struct slice text)
{
    begin_value(o);
    write_string(o->to, text);
}

void json_out_str(struct json_out *o, const char *text)
{
    if (text == NULL)
        json_out_null(o);
    else
        json_out_slice(o, slice_str(text));
}

static void write_u64(struct buf *to, uint64_t value)
{
    char digits[20]; /* 18446744073709551615 */
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    buf_append(to, slice_from(digits + at, sizeof(digits) - at));
}

void json_out_u64(struct json_out *o, uint64_t value)
{
    begin_value(o);
    write_u64(o->to, value);
}

void json_out_i64(struct json_out *o, int64_t value)
{
    begin_value(o);
    if (value < 0)
        buf_append_char(o->to, '-');
    write_u64(o->to, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void json_out_bool(struct json_out *o, bool value)
{
    json_out_raw(o, value ? SLICE("true") : SLICE("false"));
}

void json_out_null(struct json_out *o)
{
    json_out_raw(o, SLICE("null"));
}

void json_out_money(struct json_out *o, struct money m)
{
    char text[MONEY_TEXT_SIZE];

    money_print(text, m);
    json_out_str(o, text);
}

void json_out_time(struct json_out *o, uint64_t wall_us)
{
    char text[CLOCK_TEXT_SIZE];

    if (wall_us == 0) {
        json_out_null(o);
        return;
    }
    clock_print(text, wall_us);
    json_out_str(o, text);
}

void json_out_raw(struct json_out *o, struct slice json)
{
    begin_value(o);
    buf_append(o->to, json);
}

/* Members -----------------------------------------------------------------------------
 */

void json_out_kstr(struct json_out *o, const char *key, const char *text)
{
    json_out_key(o, key);
    json_out_str(o, text);
}

void json_out_kslice(struct json_out *o, const char *key, struct slice text)
{
    json_out_key(o, key);
    json_out_slice(o, text);
}

void json_out_ktext(struct json_out *o, const char *key, struct slice text)
{
    json_out_key(o, key);
    if (text.len > 0)
        json_out_slice(o, text);
    else
        json_out_null(o);
}

void json_out_ku64(struct json_out *o, const char *key, uint64_t value)
{
    json_out_key(o, key);
    json_out_u64(o, value);
}

void json_out_kbool(struct json_out *o, const char *key, bool value)
{
    json_out_key(o, key);
    json_out_bool(o, value);
}

void json_out_kmoney(struct json_out *o, const char *key, struct money m)
{
    json_out_key(o, key);
    json_out_money(o, m);
}

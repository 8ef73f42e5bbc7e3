/* SPDX-License-Identifier: Apache-2.0 */
/* The text is walked as the guard left it, without a tree; only the members of an
 * object are collected, to be sorted. */
#include "x402/jcs.h"

#include "base/json_guard.h"
#include "base/json_text.h"

/* What a double holds exactly (RFC 7493 section 2.2). */
#define INTEGER_MAX ((UINT64_C(1) << 53) - 1)

struct member {
    struct slice key; /* decoded */
    struct slice value;
};

static enum rc write_value(struct buf *out, struct slice value, struct arena *a);

/* RFC 8785 section 3.2.2.2: what must be escaped, in its shortest form. */
static void write_escape(struct buf *out, char c)
{
    static const char letters[] = "btnvfr"; /* for 0x08 .. 0x0d; there is no \v */

    if (c == '"' || c == '\\')
        buf_printf(out, "\\%c", c);
    else if (c >= '\b' && c <= '\r' && c != '\v')
        buf_printf(out, "\\%c", letters[c - '\b']);
    else
        buf_printf(out, "\\u%04x", (unsigned)(unsigned char)c);
}

static void write_string(struct buf *out, struct slice text)
{
    size_t from = 0;

    buf_append_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.bytes[i];

        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_append(out, slice_sub(text, from, i - from));
        write_escape(out, (char)c);
        from = i + 1;
    }
    buf_append(out, slice_sub(text, from, text.len));
    buf_append_char(out, '"');
}

static enum rc write_number(struct buf *out, struct slice raw)
{
    const bool minus = raw.bytes[0] == '-';
    uint64_t value;

    TRY(json_raw_u64(&value, minus ? slice_sub(raw, 1, raw.len) : raw));
    if (value > INTEGER_MAX || (minus && value == 0))
        return RC_BAD_INPUT;
    buf_append(out, raw); /* the grammar allows an integer one form only */
    return RC_OK;
}

static enum rc write_array(struct buf *out, struct slice raw, struct arena *a)
{
    struct slice element;
    bool first = true;
    size_t at = 0;

    buf_append_char(out, '[');
    while (json_raw_element(&element, raw, &at) != JSON_ABSENT) {
        if (!first)
            buf_append_char(out, ',');
        first = false;
        TRY(write_value(out, element, a));
    }
    buf_append_char(out, ']');
    return RC_OK;
}

/* UTF-8 sorts by code points, UTF-16 almost so: what it writes as surrogates (0xD800
 * and up) comes before U+E000..U+FFFF. Those have the first bytes 0xF0..0xF4 against
 * 0xEE and 0xEF, which no later byte of a character can be. */
static unsigned rank(char c)
{
    const unsigned byte = (unsigned char)c;

    if (byte >= 0xf0)
        return byte - 2;
    return byte >= 0xee ? byte + 5 : byte;
}

/* By UTF-16 code units (RFC 8785 section 3.2.3). */
static bool sorts_before(struct slice x, struct slice y)
{
    size_t i = 0;

    while (i < x.len && i < y.len && x.bytes[i] == y.bytes[i])
        i++;
    if (i == x.len || i == y.len)
        return x.len < y.len;
    return rank(x.bytes[i]) < rank(y.bytes[i]);
}

static size_t count_members(struct slice raw)
{
    struct slice key;
    struct slice value;
    size_t count = 0;
    size_t at = 0;

    while (json_raw_next(&key, &value, raw, &at) != JSON_ABSENT)
        count++;
    return count;
}

/* Insertion: objects here have few members, and at most X402_JCS_MEMBERS_MAX. */
static enum rc collect(struct member *members, struct slice raw, struct arena *a)
{
    struct slice key;
    struct slice value;
    size_t count = 0;
    size_t at = 0;

    while (json_raw_next(&key, &value, raw, &at) != JSON_ABSENT) {
        size_t place = count++;
        struct slice name;

        TRY(json_raw_string(&name, key, a));
        for (; place > 0 && sorts_before(name, members[place - 1].key); place--)
            members[place] = members[place - 1];
        members[place] = (struct member){.key = name, .value = value};
    }
    return RC_OK;
}

static enum rc write_object(struct buf *out, struct slice raw, struct arena *a)
{
    const size_t count = count_members(raw);
    struct member *members = arena_new_array(a, struct member, count);

    if (members == NULL || count > X402_JCS_MEMBERS_MAX)
        return RC_TOO_BIG;
    TRY(collect(members, raw, a));
    buf_append_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_append_char(out, ',');
        write_string(out, members[i].key);
        buf_append_char(out, ':');
        TRY(write_value(out, members[i].value, a));
    }
    buf_append_char(out, '}');
    return RC_OK;
}

static enum rc write_value(struct buf *out, struct slice value, struct arena *a)
{
    struct slice text;

    switch (json_raw_type(value)) {
    case JSON_OBJECT:
        return write_object(out, value, a);
    case JSON_ARRAY:
        return write_array(out, value, a);
    case JSON_STRING:
        TRY(json_raw_string(&text, value, a));
        write_string(out, text);
        return RC_OK;
    case JSON_NUMBER:
        return write_number(out, value);
    case JSON_TRUE:
    case JSON_FALSE:
        buf_append(out, value);
        return RC_OK;
    case JSON_NULL:
    case JSON_ABSENT:
        return RC_BAD_INPUT;
    }
    return RC_BAD_INPUT;
}

enum rc x402_jcs(struct buf *out, struct slice json, struct arena *a)
{
    const struct json_limits limits = {.bytes = X402_JCS_BYTES_MAX,
                                       .depth = X402_JCS_DEPTH_MAX};
    enum rc rc = json_guard(json, &limits, NULL, 0, NULL, a);

    if (rc == RC_OK)
        rc = write_value(out, json, a);
    return rc == RC_NOMEM ? RC_TOO_BIG : rc;
}

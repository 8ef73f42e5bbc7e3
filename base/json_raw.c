/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and splicing JSON text that json_guard() has passed. Nothing here checks the
 * grammar again, but nothing here leaves the text either, whatever the text is. */
#include "base/json_guard.h"
#include "base/json_text.h"

#include <assert.h>
#include <string.h>

/* Moving over a text -----------------------------------------------------------------
 */

static char byte_at(struct slice s, size_t at)
{
    if (at >= s.len)
        return '\0';
    return s.bytes[at];
}

/* A whole text is a value too, and may have white space around it. */
static struct slice trim(struct slice raw)
{
    size_t from = json_text_skip_space(raw, 0);

    raw = slice_sub(raw, from, raw.len);
    while (raw.len > 0 && json_text_is_space(raw.bytes[raw.len - 1]))
        raw.len--;
    return raw;
}

/* Behind the string whose opening quote is at `at`. */
static size_t string_end(struct slice s, size_t at)
{
    for (at++; at < s.len; at++) {
        at += json_text_plain(slice_sub(s, at, s.len));
        if (byte_at(s, at) == '"')
            return at + 1;
        if (byte_at(s, at) == '\\')
            at++;
    }
    return s.len;
}

static size_t scalar_end(struct slice s, size_t at)
{
    while (at < s.len && strchr(",:]}", s.bytes[at]) == NULL &&
           !json_text_is_space(s.bytes[at]))
        at++;
    return at;
}

/* Behind the object or array that begins at `at`. */
static size_t container_end(struct slice s, size_t at)
{
    size_t depth = 0;

    while (at < s.len) {
        char c = s.bytes[at];

        if (c == '"') {
            at = string_end(s, at);
            continue;
        }
        at++;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0)
            break;
    }
    return at;
}

static size_t value_end(struct slice s, size_t at)
{
    switch (byte_at(s, at)) {
    case '"':
        return string_end(s, at);
    case '{':
    case '[':
        return container_end(s, at);
    default:
        return scalar_end(s, at);
    }
}

/* From the end of an item (or, with 0, the start of its container) to the next item. */
static size_t next_item(struct slice s, size_t at)
{
    bool first = at == 0;

    at = json_text_skip_space(s, at);
    if (first || byte_at(s, at) == ',')
        at = json_text_skip_space(s, at + 1);
    return at;
}

/* Cuts the value at `from` out of s and moves *at behind it. */
static enum json_kind take_value(struct slice *out, struct slice s, size_t from,
                                 size_t *at)
{
    struct slice value = slice_sub(s, from, value_end(s, from) - from);
    enum json_kind kind = json_raw_type(value);

    if (kind != JSON_ABSENT) {
        *out = value;
        *at = from + value.len;
    }
    return kind;
}

/* Reading ----------------------------------------------------------------------------
 */

enum json_kind json_raw_type(struct slice raw)
{
    char first = byte_at(raw, json_text_skip_space(raw, 0));

    switch (first) {
    case 'n':
        return JSON_NULL;
    case 't':
        return JSON_TRUE;
    case 'f':
        return JSON_FALSE;
    case '"':
        return JSON_STRING;
    case '[':
        return JSON_ARRAY;
    case '{':
        return JSON_OBJECT;
    case '-':
        return JSON_NUMBER;
    default:
        return byte_at(raw, 0) >= '0' && byte_at(raw, 0) <= '9' ? JSON_NUMBER
                                                                : JSON_ABSENT;
    }
}

enum rc json_raw_u64(uint64_t *out, struct slice raw)
{
    /* Digits and nothing else: quotes, signs, points and exponents all fail there. */
    return slice_to_u64(out, trim(raw));
}

enum rc json_raw_bool(bool *out, struct slice raw)
{
    bool value;

    raw = trim(raw);
    value = slice_equal_str(raw, "true");
    if (!value && !slice_equal_str(raw, "false"))
        return RC_BAD_INPUT;
    *out = value;
    return RC_OK;
}

enum rc json_raw_string(struct slice *out, struct slice raw, struct arena *a)
{
    char *room;

    raw = trim(raw);
    if (raw.len < 2 || json_raw_type(raw) != JSON_STRING)
        return RC_BAD_INPUT;
    raw = slice_sub(raw, 1, raw.len - 2);
    room = arena_alloc(a, raw.len);
    if (room == NULL)
        return RC_NOMEM;
    *out = slice_from(room, json_text_unescape(room, raw));
    return RC_OK;
}

enum json_kind json_raw_next(struct slice *key, struct slice *value, struct slice raw,
                             size_t *at)
{
    size_t key_at;
    size_t end;
    size_t from;
    enum json_kind kind;

    if (json_raw_type(raw) != JSON_OBJECT)
        return JSON_ABSENT;
    key_at = next_item(raw, *at);
    if (byte_at(raw, key_at) != '"')
        return JSON_ABSENT;
    end = string_end(raw, key_at);
    from = json_text_skip_space(raw, end);
    if (byte_at(raw, from) == ':')
        from = json_text_skip_space(raw, from + 1);
    kind = take_value(value, raw, from, at);
    if (kind != JSON_ABSENT)
        *key = slice_sub(raw, key_at, end - key_at);
    return kind;
}

enum json_kind json_raw_element(struct slice *out, struct slice raw, size_t *at)
{
    if (json_raw_type(raw) != JSON_ARRAY)
        return JSON_ABSENT;
    return take_value(out, raw, next_item(raw, *at), at);
}

enum json_kind json_raw_member(struct slice *out, struct slice raw, const char *name)
{
    struct slice key;
    struct slice value;
    size_t at = 0;
    enum json_kind kind;

    while ((kind = json_raw_next(&key, &value, raw, &at)) != JSON_ABSENT) {
        if (json_text_equal(slice_sub(key, 1, key.len - 2), name)) {
            *out = value;
            return kind;
        }
    }
    return JSON_ABSENT;
}

void json_raw_members(struct slice *out, struct slice raw, const char *const *names,
                      size_t count)
{
    struct slice key;
    struct slice value;
    size_t at = 0;

    for (size_t i = 0; i < count; i++)
        out[i] = SLICE_NONE;
    while (json_raw_next(&key, &value, raw, &at) != JSON_ABSENT) {
        const struct slice inner = slice_sub(key, 1, key.len - 2);

        for (size_t i = 0; i < count; i++)
            if (json_text_equal(inner, names[i]))
                out[i] = value;
    }
}

/* Splicing ---------------------------------------------------------------------------
 */

/* What is left out of the text: [from, to). */
struct cut {
    size_t from;
    size_t to;
};

struct plan {
    struct slice text;
    const struct json_splice *changes;
    size_t count;
};

static bool is_present(const struct json_splice *c)
{
    return c->field->type != JSON_ABSENT;
}

static size_t field_value_at(const struct plan *p, const struct json_field *f)
{
    return (size_t)(f->raw.bytes - p->text.bytes);
}

/* The change of the first member at or behind `from`; NULL: none. Looked up anew for
 * each one, since changes come in any order and are a handful. */
static const struct json_splice *next_change(const struct plan *p, size_t from)
{
    const struct json_splice *next = NULL;

    for (size_t i = 0; i < p->count; i++) {
        const struct json_splice *c = &p->changes[i];

        if (is_present(c) && c->field->member_at >= from &&
            (next == NULL || c->field->member_at < next->field->member_at))
            next = c;
    }
    return next;
}

static bool is_removed(const struct plan *p, size_t member_at)
{
    const struct json_splice *c = next_change(p, member_at);

    return c != NULL && c->field->member_at == member_at && c->value.bytes == NULL;
}

/* The run of removed members that begins at `from`, with the comma that has to go too:
 * the one behind the run or, if the run ends the object, the one before it. */
static struct cut removed_run(const struct plan *p, size_t from)
{
    size_t at = from;

    do {
        const struct json_field *f = next_change(p, at)->field;
        size_t end = field_value_at(p, f) + f->raw.len;
        size_t comma = json_text_skip_space(p->text, end);

        if (byte_at(p->text, comma) != ',') {
            while (from > 0 && json_text_is_space(p->text.bytes[from - 1]))
                from--;
            if (from > 0 && p->text.bytes[from - 1] == ',')
                return (struct cut){from - 1, end};
            return (struct cut){from, end};
        }
        at = json_text_skip_space(p->text, comma + 1);
        if (!is_removed(p, at))
            return (struct cut){from, comma + 1};
    } while (true);
}

/* Whether a member of the text stays; open is behind the opening brace. */
static bool keeps_member(const struct plan *p, size_t open)
{
    size_t at = json_text_skip_space(p->text, open);

    if (byte_at(p->text, at) == '"' && is_removed(p, at))
        at = json_text_skip_space(p->text, removed_run(p, at).to);
    return byte_at(p->text, at) == '"';
}

static void add_members(struct buf *out, const struct plan *p, bool comma_behind)
{
    bool comma = false;

    for (size_t i = 0; i < p->count; i++) {
        const struct json_splice *c = &p->changes[i];

        if (is_present(c) || c->value.bytes == NULL)
            continue;
        assert(json_text_plain(slice_str(c->field->name)) == strlen(c->field->name));
        if (comma)
            buf_append_char(out, ',');
        buf_append_char(out, '"');
        buf_append_str(out, c->field->name);
        buf_append_str(out, "\":");
        buf_append(out, c->value);
        comma = true;
    }
    if (comma && comma_behind)
        buf_append_char(out, ',');
}

void json_splice(struct buf *out, struct slice text, const struct json_splice *changes,
                 size_t count)
{
    struct plan p = {text, changes, count};
    size_t at = json_text_skip_space(text, 0) + 1;
    const struct json_splice *c;

    assert(byte_at(text, at - 1) == '{');
    buf_append(out, slice_sub(text, 0, at));
    add_members(out, &p, keeps_member(&p, at));
    while ((c = next_change(&p, at)) != NULL) {
        size_t from = c->field->member_at;
        struct cut cut;

        if (c->value.bytes == NULL) {
            cut = removed_run(&p, from);
        } else {
            cut.from = field_value_at(&p, c->field);
            cut.to = cut.from + c->field->raw.len;
        }
        buf_append(out, slice_sub(text, at, cut.from - at));
        buf_append(out, c->value);
        at = cut.to;
    }
    buf_append(out, slice_sub(text, at, text.len - at));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which keywords are taken and which are not: Anthropic's structured outputs, and what
 * its own SDK does to a schema before it is sent (@anthropic-ai/sdk 1.12). */
#include "gateway/wires/closed_schema.h"

#include "base/buf.h"
#include "gateway/wires/json_body.h"

#include <assert.h>

enum {
    SCHEMA_MAX = 4 << 20
};

enum keyword {
    KEY_TYPE,
    KEY_PROPERTIES, /* from here on: names with schemas */
    KEY_DEFS,
    KEY_DEFINITIONS,
    KEY_ANY_OF, /* lists of schemas */
    KEY_ONE_OF,
    KEY_ALL_OF,
    KEY_ITEMS, /* a schema */
    KEY_DIALECT,
    KEY_ADDITIONAL,
    KEY_FORMAT,
    KEY_MIN_ITEMS,
    KEY__REFUSED, /* from here on */
    KEY_MINIMUM = KEY__REFUSED,
    KEY_MAXIMUM,
    KEY_EXCLUSIVE_MINIMUM,
    KEY_EXCLUSIVE_MAXIMUM,
    KEY_MULTIPLE_OF,
    KEY_MIN_LENGTH,
    KEY_MAX_LENGTH,
    KEY_MAX_ITEMS,
    KEY_UNIQUE_ITEMS,
    KEY_MIN_PROPERTIES,
    KEY_MAX_PROPERTIES,
    KEY__COUNT
};

static const char *const keywords[KEY__COUNT] = {
    [KEY_TYPE] = "type",
    [KEY_PROPERTIES] = "properties",
    [KEY_DEFS] = "$defs",
    [KEY_DEFINITIONS] = "definitions",
    [KEY_ANY_OF] = "anyOf",
    [KEY_ONE_OF] = "oneOf",
    [KEY_ALL_OF] = "allOf",
    [KEY_ITEMS] = "items",
    [KEY_DIALECT] = "$schema",
    [KEY_ADDITIONAL] = "additionalProperties",
    [KEY_FORMAT] = "format",
    [KEY_MIN_ITEMS] = "minItems",
    [KEY_MINIMUM] = "minimum",
    [KEY_MAXIMUM] = "maximum",
    [KEY_EXCLUSIVE_MINIMUM] = "exclusiveMinimum",
    [KEY_EXCLUSIVE_MAXIMUM] = "exclusiveMaximum",
    [KEY_MULTIPLE_OF] = "multipleOf",
    [KEY_MIN_LENGTH] = "minLength",
    [KEY_MAX_LENGTH] = "maxLength",
    [KEY_MAX_ITEMS] = "maxItems",
    [KEY_UNIQUE_ITEMS] = "uniqueItems",
    [KEY_MIN_PROPERTIES] = "minProperties",
    [KEY_MAX_PROPERTIES] = "maxProperties",
};

enum frame_kind {
    FRAME_SCHEMA,
    FRAME_MAP, /* of names to schemas */
    FRAME_LIST /* of schemas */
};

struct frame {
    enum frame_kind kind;
    struct slice raw;
    size_t at;
    bool has_member;
    bool is_object; /* must be closed */
};

struct walk {
    struct buf b;
    struct losses *lost;
    unsigned depth;
    struct frame frames[JSON_DEPTH_MAX + 1]; /* the guard lets no more through */
};

static void push(struct walk *w, enum frame_kind kind, struct slice raw)
{
    if (json_raw_type(raw) != (kind == FRAME_LIST ? JSON_ARRAY : JSON_OBJECT)) {
        buf_append(&w->b, raw); /* true, false, and what is odd */
        return;
    }
    assert(w->depth < JSON_DEPTH_MAX + 1);
    w->frames[w->depth++] = (struct frame){.kind = kind, .raw = raw};
    buf_append_char(&w->b, kind == FRAME_LIST ? '[' : '{');
}

static bool format_is_known(struct slice value)
{
    static const char *const known[] = {"date-time", "time",     "date", "duration",
                                        "email",     "hostname", "uri",  "ipv4",
                                        "ipv6",      "uuid"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (json_body_is(value, known[i]))
            return true;
    return false;
}

/* Whether the keyword may not stand; `value` decides for some. */
static bool refused(size_t key, struct slice value)
{
    if (key == KEY_DIALECT || key == KEY_ADDITIONAL)
        return true;
    if (key == KEY_FORMAT)
        return !format_is_known(value);
    if (key == KEY_MIN_ITEMS)
        return !slice_equal_str(value, "0") && !slice_equal_str(value, "1");
    return key >= KEY__REFUSED && key < KEY__COUNT;
}

/* Bounds of what JavaScript counts safely: they are in every schema that zod 4 makes of
 * an integer, and say nothing else. */
static bool says_nothing(size_t key, struct slice value)
{
    if (key == KEY_DIALECT || key == KEY_ADDITIONAL)
        return true;
    return (key == KEY_MINIMUM && slice_equal_str(value, "-9007199254740991")) ||
           (key == KEY_MAXIMUM && slice_equal_str(value, "9007199254740991"));
}

static bool names_object(struct slice type)
{
    struct slice one;
    size_t at = 0;

    if (json_raw_type(type) != JSON_ARRAY)
        return json_body_is(type, "object");
    while (json_raw_element(&one, type, &at) != JSON_ABSENT)
        if (json_body_is(one, "object"))
            return true;
    return false;
}

static void put_key(struct walk *w, struct frame *f, struct slice key)
{
    if (f->has_member)
        buf_append_char(&w->b, ',');
    f->has_member = true;
    buf_append(&w->b, key);
    buf_append_char(&w->b, ':');
}

static void put_member(struct walk *w, struct frame *f, struct slice key,
                       struct slice value)
{
    const size_t k = json_body_index(key, keywords, KEY__COUNT);

    if (refused(k, value)) {
        if (!says_nothing(k, value))
            losses_add(w->lost, keywords[k]);
        return;
    }
    put_key(w, f, k == KEY_ONE_OF ? SLICE("\"anyOf\"") : key);
    if (k == KEY_TYPE)
        f->is_object = names_object(value);
    if (k >= KEY_PROPERTIES && k <= KEY_DEFINITIONS)
        push(w, FRAME_MAP, value);
    else if (k >= KEY_ANY_OF && k <= KEY_ALL_OF)
        push(w, FRAME_LIST, value);
    else if (k == KEY_ITEMS)
        push(w, FRAME_SCHEMA, value);
    else
        buf_append(&w->b, value);
}

static void end_object(struct walk *w, struct frame *f)
{
    if (f->is_object) {
        put_key(w, f, SLICE("\"additionalProperties\""));
        buf_append_str(&w->b, "false");
    }
    buf_append_char(&w->b, '}');
    w->depth--;
}

/* One member or element of the innermost frame; its end, if there is none left. */
static void step(struct walk *w)
{
    struct frame *f = &w->frames[w->depth - 1];
    struct slice key, value;

    if (f->kind == FRAME_LIST) {
        if (json_raw_element(&value, f->raw, &f->at) == JSON_ABSENT) {
            buf_append_char(&w->b, ']');
            w->depth--;
            return;
        }
        if (f->has_member)
            buf_append_char(&w->b, ',');
        f->has_member = true;
        push(w, FRAME_SCHEMA, value);
        return;
    }
    if (json_raw_next(&key, &value, f->raw, &f->at) == JSON_ABSENT) {
        end_object(w, f);
        return;
    }
    if (f->kind == FRAME_SCHEMA) {
        put_member(w, f, key, value);
        return;
    }
    put_key(w, f, key);
    push(w, FRAME_SCHEMA, value);
}

enum rc closed_schema(struct slice *out, struct slice raw, struct losses *lost,
                      struct arena *a)
{
    struct walk w = {.lost = lost};

    buf_init(&w.b, SCHEMA_MAX);
    push(&w, FRAME_SCHEMA, raw);
    while (w.depth > 0)
        step(&w);
    *out = buf_spent(&w.b) ? SLICE_NONE : arena_slice(a, buf_slice(&w.b));
    buf_free(&w.b);
    return out->len > 0 ? RC_OK : RC_NOMEM;
}

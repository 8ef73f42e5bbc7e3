/* SPDX-License-Identifier: Apache-2.0 */
/* Google's own form of a schema (google.ai.generativelanguage.v1beta.Schema) as JSON
 * Schema. It differs in four things: types in capitals, `nullable`, counts that may be
 * strings, and an order of properties that nobody else knows. */
#include "gateway/wires/gemini_int.h"
#include "gateway/wires/json_body.h"

#include <assert.h>

enum {
    SCHEMA_MAX = 4 << 20
};

enum member {
    MEMBER_TYPE,
    MEMBER_NULLABLE,
    MEMBER_ORDER,
    MEMBER_PROPERTIES,
    MEMBER_ITEMS,
    MEMBER_ANY_OF,
    MEMBER_PREFIX_ITEMS,
    MEMBER_ADDITIONAL,
    MEMBER__COUNTS, /* from here on: numbers, maybe in quotes */
    MEMBER_MIN_ITEMS = MEMBER__COUNTS,
    MEMBER_MAX_ITEMS,
    MEMBER_MIN_LENGTH,
    MEMBER_MAX_LENGTH,
    MEMBER_MIN_PROPERTIES,
    MEMBER_MAX_PROPERTIES,
    MEMBER__COUNT
};

static const char *const names[MEMBER__COUNT] = {
    [MEMBER_TYPE] = "type",
    [MEMBER_NULLABLE] = "nullable",
    [MEMBER_ORDER] = "propertyOrdering",
    [MEMBER_PROPERTIES] = "properties",
    [MEMBER_ITEMS] = "items",
    [MEMBER_ANY_OF] = "anyOf",
    [MEMBER_PREFIX_ITEMS] = "prefixItems",
    [MEMBER_ADDITIONAL] = "additionalProperties",
    [MEMBER_MIN_ITEMS] = "minItems",
    [MEMBER_MAX_ITEMS] = "maxItems",
    [MEMBER_MIN_LENGTH] = "minLength",
    [MEMBER_MAX_LENGTH] = "maxLength",
    [MEMBER_MIN_PROPERTIES] = "minProperties",
    [MEMBER_MAX_PROPERTIES] = "maxProperties",
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
    bool is_nullable;
    bool is_closed; /* what is not named may not come: said at its end */
};

struct walk {
    struct buf b;
    bool closes;
    unsigned depth;
    struct frame frames[JSON_DEPTH_MAX + 1]; /* the guard lets no more through */
};

static void push(struct walk *w, enum frame_kind kind, struct slice raw)
{
    struct slice v[MEMBER__COUNT];
    struct frame *f;

    if (json_raw_type(raw) != (kind == FRAME_LIST ? JSON_ARRAY : JSON_OBJECT)) {
        buf_append(&w->b, raw); /* "additionalProperties": false, and what is odd */
        return;
    }
    assert(w->depth < JSON_DEPTH_MAX + 1);
    f = &w->frames[w->depth++];
    *f = (struct frame){.kind = kind, .raw = raw};
    if (kind == FRAME_SCHEMA) {
        gemini__pick(v, names, MEMBER__COUNT, raw);
        f->is_nullable = json_raw_type(v[MEMBER_NULLABLE]) == JSON_TRUE;
        f->is_closed =
            w->closes && v[MEMBER_PROPERTIES].len > 0 && v[MEMBER_ADDITIONAL].len == 0;
    }
    buf_append_char(&w->b, kind == FRAME_LIST ? '[' : '{');
}

static void put_lower(struct buf *b, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        const char c = text.bytes[i];

        buf_append_char(b, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
    }
}

static void put_type(struct walk *w, const struct frame *f, struct slice value)
{
    if (json_raw_type(value) != JSON_STRING) {
        buf_append(&w->b, value);
        return;
    }
    if (f->is_nullable)
        buf_append_char(&w->b, '[');
    put_lower(&w->b, value);
    if (f->is_nullable)
        buf_append_str(&w->b, ",\"null\"]");
}

static void put_key(struct walk *w, struct frame *f, struct slice key, const char *name)
{
    if (f->has_member)
        buf_append_char(&w->b, ',');
    f->has_member = true;
    if (name == NULL)
        buf_append(&w->b, key);
    else
        buf_printf(&w->b, "\"%s\"", name);
    buf_append_char(&w->b, ':');
}

/* Numbers that may stand in quotes. */
static void put_count(struct walk *w, struct slice value)
{
    uint64_t count;

    if (json_raw_type(value) == JSON_STRING &&
        slice_to_u64(&count, quoted_inside((struct quoted){value})) == RC_OK)
        buf_printf(&w->b, "%llu", (unsigned long long)count);
    else
        buf_append(&w->b, value);
}

static void put_member(struct walk *w, struct frame *f, struct slice key,
                       struct slice value)
{
    const size_t i = gemini__index(key, names, MEMBER__COUNT);

    if (i == MEMBER_NULLABLE || i == MEMBER_ORDER ||
        (i == MEMBER_TYPE && json_body_is(value, "TYPE_UNSPECIFIED")))
        return;
    put_key(w, f, key, i < MEMBER__COUNT ? names[i] : NULL);
    if (i == MEMBER_TYPE)
        put_type(w, f, value);
    else if (i == MEMBER_PROPERTIES)
        push(w, FRAME_MAP, value);
    else if (i == MEMBER_ITEMS || i == MEMBER_ADDITIONAL)
        push(w, FRAME_SCHEMA, value);
    else if (i == MEMBER_ANY_OF || i == MEMBER_PREFIX_ITEMS)
        push(w, FRAME_LIST, value);
    else if (i >= MEMBER__COUNTS && i < MEMBER__COUNT)
        put_count(w, value);
    else
        buf_append(&w->b, value);
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
        buf_append_str(&w->b, f->is_closed ? ",\"additionalProperties\":false}" : "}");
        w->depth--;
        return;
    }
    if (f->kind == FRAME_SCHEMA) {
        put_member(w, f, key, value);
        return;
    }
    put_key(w, f, key, NULL);
    push(w, FRAME_SCHEMA, value);
}

enum rc gemini__schema(struct slice *out, struct slice raw, bool closes,
                       struct arena *a)
{
    struct walk w = {.closes = closes};

    buf_init(&w.b, SCHEMA_MAX);
    push(&w, FRAME_SCHEMA, raw);
    while (w.depth > 0)
        step(&w);
    *out = buf_spent(&w.b) ? SLICE_NONE : arena_slice(a, buf_slice(&w.b));
    buf_free(&w.b);
    return out->len > 0 ? RC_OK : RC_NOMEM;
}

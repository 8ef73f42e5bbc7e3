/* SPDX-License-Identifier: Apache-2.0 */
/* The guard against json-c and against itself: what it accepts json-c's strict parser
 * takes too, with the same top-level fields; walking the raw text finds the same; and a
 * splice gives a text that is accepted again, with the new value in it. Refused texts
 * are read raw as well: that must end, and stay inside the text. */
#include "base/json_guard.h"

#include <assert.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIELD_COUNT = 3,
    ARENA_SIZE = 16 * 1024 * 1024
};

static const struct json_limits limits = {0};

static void name_fields(struct json_field fields[FIELD_COUNT])
{
    static const char *const names[FIELD_COUNT] = {"model", "a", "b"};

    memset(fields, 0, FIELD_COUNT * sizeof(fields[0]));
    for (size_t i = 0; i < FIELD_COUNT; i++)
        fields[i].name = names[i];
}

static size_t walk(struct slice raw, unsigned depth)
{
    struct slice key;
    struct slice value;
    size_t count = 0;
    size_t at = 0;

    if (depth > JSON_DEPTH_MAX)
        return 0;
    while (json_raw_next(&key, &value, raw, &at) != JSON_ABSENT) {
        assert(at <= raw.len && key.len > 0);
        count += 1 + walk(value, depth + 1);
    }
    at = 0;
    while (json_raw_element(&value, raw, &at) != JSON_ABSENT) {
        assert(at <= raw.len && value.len > 0);
        count += 1 + walk(value, depth + 1);
    }
    return count;
}

static size_t count_tree(struct json_object *o)
{
    size_t count = 0;

    if (json_object_is_type(o, json_type_object)) {
        struct json_object_iterator at = json_object_iter_begin(o);
        struct json_object_iterator end = json_object_iter_end(o);

        for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at))
            count += 1 + count_tree(json_object_iter_peek_value(&at));
    } else if (json_object_is_type(o, json_type_array)) {
        for (size_t i = 0; i < json_object_array_length(o); i++)
            count += 1 + count_tree(json_object_array_get_idx(o, i));
    }
    return count;
}

static void compare_number(struct json_object *o, struct slice raw)
{
    uint64_t value;

    /* json-c stops at 2^64 - 1, so what it makes of more proves nothing. */
    if (json_raw_u64(&value, raw) == RC_OK) {
        assert(json_object_is_type(o, json_type_int));
        assert(json_object_get_uint64(o) == value);
    } else {
        assert(json_object_is_type(o, json_type_int) ||
               json_object_is_type(o, json_type_double));
    }
}

/* json-c 0.16 looks at 16 bits of what a pair of escapes stands for, takes U+1DE00 and
 * its like (the low half of a plane's D800 to DFFF) for half a pair, and puts U+FFFD in
 * its place. */
static bool json_c_is_wrong_about(struct slice text)
{
    for (size_t i = 0; i + 3 < text.len; i++) {
        const uint8_t *c = (const uint8_t *)text.bytes + i;
        const uint32_t code = (uint32_t)(c[0] & 7) << 18 | (uint32_t)(c[1] & 63) << 12 |
                              (uint32_t)(c[2] & 63) << 6 | (c[3] & 63);

        if (c[0] >= 0xf0 && (code & 0xf800) == 0xd800)
            return true;
    }
    return false;
}

static void compare_field(struct json_object *top, const struct json_field *f,
                          struct arena *a)
{
    struct json_object *o = NULL;
    bool found = json_object_object_get_ex(top, f->name, &o);
    struct slice text;

    assert(found == (f->type != JSON_ABSENT));
    assert(json_raw_type(f->raw) == f->type);
    switch (f->type) {
    case JSON_ABSENT:
        return;
    case JSON_NULL:
        assert(o == NULL);
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        assert(json_object_is_type(o, json_type_boolean));
        assert(json_object_get_boolean(o) == (f->type == JSON_TRUE));
        break;
    case JSON_NUMBER:
        compare_number(o, f->raw);
        break;
    case JSON_STRING:
        assert(json_object_is_type(o, json_type_string));
        if (json_raw_string(&text, f->raw, a) != RC_OK)
            abort();
        assert(slice_equal(text, slice_from(json_object_get_string(o),
                                            (size_t)json_object_get_string_len(o))) ||
               json_c_is_wrong_about(text));
        break;
    case JSON_ARRAY:
        assert(json_object_is_type(o, json_type_array));
        break;
    case JSON_OBJECT:
        assert(json_object_is_type(o, json_type_object));
        break;
    }
    assert(walk(f->raw, 0) == count_tree(o));
}

static void compare(struct slice text, const struct json_field *fields, struct arena *a)
{
    struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
    struct json_object *top;

    assert(tokener != NULL && text.len < INT32_MAX);
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    top = json_tokener_parse_ex(tokener, text.bytes, (int)text.len);
    assert(json_tokener_get_error(tokener) == json_tokener_success);
    assert(json_object_is_type(top, json_type_object));
    for (size_t i = 0; i < FIELD_COUNT; i++)
        compare_field(top, &fields[i], a);
    assert(walk(text, 0) == count_tree(top));
    json_object_put(top);
    json_tokener_free(tokener);
}

/* Sets the first field, removes the second, sets the third; how is up to `choice`. */
static void splice(struct slice text, const struct json_field *fields, unsigned choice,
                   struct arena *a)
{
    static const struct slice values[4] = {{"\"new\"", 5},
                                           {NULL, 0},
                                           {"{\"model\":[1,2]}", 15},
                                           {"18446744073709551616", 20}};
    struct json_splice changes[FIELD_COUNT];
    struct json_field after[FIELD_COUNT];
    struct buf out;

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        changes[i].field = &fields[i];
        changes[i].value = values[choice % 4];
        choice /= 4;
    }
    buf_init(&out, text.len + 256);
    json_splice(&out, text, changes, FIELD_COUNT);
    assert(!buf_spent(&out));
    name_fields(after);
    if (json_guard(buf_slice(&out), &(struct json_limits){.containers = 20000}, after,
                   FIELD_COUNT, NULL, a) != RC_OK)
        abort();
    for (size_t i = 0; i < FIELD_COUNT; i++)
        assert(slice_equal(after[i].raw, changes[i].value));
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct json_field fields[FIELD_COUNT];
    struct json_fault fault = {0, NULL};
    struct slice text;
    struct arena *a;
    unsigned choice;

    if (size == 0)
        return 0;
    choice = data[size - 1];
    text = slice_from((const char *)data, size - 1);
    if (arena_open(&a, ARENA_SIZE) != RC_OK)
        abort();
    name_fields(fields);
    if (json_guard(text, &limits, fields, FIELD_COUNT, &fault, a) == RC_OK) {
        compare(text, fields, a);
        splice(text, fields, choice, a);
    } else {
        assert(fault.what != NULL && fault.at <= text.len);
        if (text.len < 64)
            (void)walk(text, 0);
    }
    arena_close(a);
    return 0;
}

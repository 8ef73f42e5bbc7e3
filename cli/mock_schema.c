/* SPDX-License-Identifier: Apache-2.0 */
/* Values made up to fit a JSON schema: arguments of tool calls, structured answers. Not
 * a validator, and not all of JSON Schema: patterns, lengths and references are
 * ignored. */
#include "cli/mock_int.h"

#include <string.h>

enum {
    DEPTH_MAX = 8 /* what is deeper becomes null */
};

static void fill(struct json_out *o, struct slice schema, struct arena *a,
                 unsigned depth);

static bool is_required(struct slice required, struct slice key)
{
    struct slice name;
    size_t at = 0;

    while (json_raw_element(&name, required, &at) != JSON_ABSENT) {
        if (slice_equal(name, key))
            return true;
    }
    return false;
}

static void fill_object(struct json_out *o, struct slice schema, struct arena *a,
                        unsigned depth)
{
    struct slice properties = SLICE_NONE;
    struct slice required = SLICE_NONE;
    struct slice key, value, name;
    size_t at = 0;

    json_out_object(o);
    if (json_raw_member(&properties, schema, "properties") == JSON_OBJECT &&
        json_raw_member(&required, schema, "required") == JSON_ARRAY) {
        while (json_raw_next(&key, &value, properties, &at) != JSON_ABSENT) {
            if (!is_required(required, key) || json_raw_string(&name, key, a) != RC_OK)
                continue;
            json_out_key(o, arena_copy(a, name.bytes, name.len));
            fill(o, value, a, depth + 1);
        }
    }
    json_out_end_object(o);
}

/* The schema's type, or the first of several. */
static struct slice type_of(struct slice schema, struct arena *a)
{
    struct slice raw = SLICE_NONE;
    struct slice type = SLICE_NONE;
    struct slice first;
    size_t at = 0;

    if (json_raw_member(&raw, schema, "type") == JSON_ARRAY &&
        json_raw_element(&first, raw, &at) != JSON_ABSENT)
        raw = first;
    if (json_raw_string(&type, raw, a) != RC_OK)
        return SLICE("object");
    return type;
}

static void fill(struct json_out *o, struct slice schema, struct arena *a,
                 unsigned depth)
{
    const struct slice type = type_of(schema, a);
    struct slice choices, first;
    size_t at = 0;

    if (depth > DEPTH_MAX || slice_equal_str(type, "null")) {
        json_out_null(o);
    } else if (json_raw_member(&choices, schema, "enum") == JSON_ARRAY &&
               json_raw_element(&first, choices, &at) != JSON_ABSENT) {
        json_out_raw(o, first);
    } else if (slice_equal_str(type, "string")) {
        json_out_str(o, "example");
    } else if (slice_equal_str(type, "integer") || slice_equal_str(type, "number")) {
        json_out_u64(o, 1);
    } else if (slice_equal_str(type, "boolean")) {
        json_out_bool(o, true);
    } else if (slice_equal_str(type, "array")) {
        json_out_array(o);
        json_out_end_array(o);
    } else {
        fill_object(o, schema, a, depth);
    }
}

void mock__fill(struct json_out *o, struct slice schema, struct arena *a)
{
    fill(o, schema, a, 0);
}

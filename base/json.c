/* SPDX-License-Identifier: Apache-2.0 */
/* json-c behind getters that do not guess. Its own convert: "12abc" to 12, 2^64 to
 * 2^64 - 1, -1 to 0. Here the type in the text decides, and what may have been cut to
 * fit is refused. The writer is json_out.c. */
#include "base/json.h"

#include <assert.h>
#include <json-c/json.h>

enum {
    GUARD_ARENA_SIZE = 16 * 1024 * 1024
};

static enum rc guard(struct slice text)
{
    const struct json_limits limits = {.bytes = JSON_TEXT_MAX, .any_value = true};
    enum json_kind kind = json_raw_type(text);
    struct arena *a;
    enum rc rc;

    TRY(arena_open(&a, GUARD_ARENA_SIZE));
    rc = json_guard(text, &limits, NULL, 0, NULL, a);
    arena_close(a);
    /* A scalar at the top is of no use here, and json-c's null is no object at all. */
    if (rc == RC_OK && kind != JSON_OBJECT && kind != JSON_ARRAY)
        return RC_BAD_JSON;
    return rc;
}

enum rc json_parse(struct json_object **out, struct slice text)
{
    struct json_tokener *tokener;
    struct json_object *o;

    static_assert(JSON_TEXT_MAX < INT32_MAX, "json-c counts bytes in int");
    TRY(guard(text));
    tokener = json_tokener_new_ex(JSON_DEPTH_MAX);
    if (tokener == NULL)
        return RC_NOMEM;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    o = json_tokener_parse_ex(tokener, text.bytes, (int)text.len);
    json_tokener_free(tokener);
    if (o == NULL)
        return RC_NOMEM; /* the guard is stricter than json-c: nothing else is left */
    *out = o;
    return RC_OK;
}

void json_put(struct json_object *o)
{
    (void)json_object_put(o);
}

static enum rc get_member(struct json_object **out, struct json_object *o,
                          const char *key, json_type type)
{
    struct json_object *value;

    if (!json_object_is_type(o, json_type_object) ||
        !json_object_object_get_ex(o, key, &value) || value == NULL)
        return RC_NOT_FOUND;
    if (!json_object_is_type(value, type))
        return RC_BAD_INPUT;
    *out = value;
    return RC_OK;
}

enum rc json_get_string(struct slice *out, struct json_object *o, const char *key)
{
    struct json_object *value;

    TRY(get_member(&value, o, key, json_type_string));
    *out = slice_from(json_object_get_string(value),
                      (size_t)json_object_get_string_len(value));
    return RC_OK;
}

enum rc json_get_u64(uint64_t *out, struct json_object *o, const char *key)
{
    struct json_object *value;
    uint64_t number;

    /* A fraction or an exponent makes it a json_type_double. */
    TRY(get_member(&value, o, key, json_type_int));
    if (json_object_get_int64(value) < 0)
        return RC_BAD_INPUT;
    number = json_object_get_uint64(value);
    if (number == UINT64_MAX)
        return RC_BAD_INPUT; /* or anything above */
    *out = number;
    return RC_OK;
}

enum rc json_get_bool(bool *out, struct json_object *o, const char *key)
{
    struct json_object *value;

    TRY(get_member(&value, o, key, json_type_boolean));
    *out = json_object_get_boolean(value) != 0;
    return RC_OK;
}

enum rc json_get_money(struct money *out, struct json_object *o, const char *key)
{
    struct slice text;

    TRY(json_get_string(&text, o, key));
    return money_parse(out, text);
}

enum rc json_get_object(struct json_object **out, struct json_object *o,
                        const char *key)
{
    return get_member(out, o, key, json_type_object);
}

enum rc json_get_array(struct json_object **out, struct json_object *o, const char *key)
{
    return get_member(out, o, key, json_type_array);
}

size_t json_array_count(struct json_object *array)
{
    return json_object_is_type(array, json_type_array) ? json_object_array_length(array)
                                                       : 0;
}

struct json_object *json_array_at(struct json_object *array, size_t index)
{
    if (index >= json_array_count(array))
        return NULL;
    return json_object_array_get_idx(array, index);
}

enum rc json_array_string(struct slice *out, struct json_object *array, size_t index)
{
    struct json_object *element = json_array_at(array, index);

    if (!json_object_is_type(element, json_type_string))
        return RC_NOT_FOUND;
    *out = slice_from(json_object_get_string(element),
                      (size_t)json_object_get_string_len(element));
    return RC_OK;
}

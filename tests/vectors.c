/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/vectors.h"

#include "base/codec.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    FILE_MAX = 1 << 20
};

struct json_object *vectors_open(const char *file)
{
    const char *top = getenv("srcdir"); /* make sets it; by hand: at the top */
    struct json_object *o = NULL;
    char path[4096];
    char *text = malloc(FILE_MAX);
    size_t len;
    FILE *f;
    int path_len = snprintf(path, sizeof(path), "%s/tests/vectors/%s",
                            top == NULL ? "." : top, file);

    assert_true(path_len > 0 && (size_t)path_len < sizeof(path));
    assert_non_null(text);
    f = fopen(path, "re");
    if (f == NULL)
        fail_msg("%s is not there", path);
    len = fread(text, 1, FILE_MAX, f);
    assert_true(len > 0 && len < FILE_MAX);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(json_parse(&o, slice_from(text, len)), RC_OK);
    free(text);
    return o;
}

struct json_object *vector_list(struct json_object *o, const char *key)
{
    struct json_object *list = NULL;

    if (json_get_array(&list, o, key) != RC_OK)
        fail_msg("no list \"%s\"", key);
    assert_true(json_array_count(list) > 0);
    return list;
}

struct json_object *vector_member(struct json_object *o, const char *key)
{
    struct json_object *member = NULL;

    if (json_get_object(&member, o, key) != RC_OK)
        fail_msg("no object \"%s\"", key);
    return member;
}

struct slice vector_text(struct json_object *o, const char *key)
{
    struct slice text = SLICE_NONE;

    if (json_get_string(&text, o, key) != RC_OK)
        fail_msg("no text \"%s\"", key);
    return text;
}

struct slice vector_element_text(struct json_object *list, size_t index)
{
    struct json_object *element = json_array_at(list, index);

    assert_int_equal(json_object_get_type(element), json_type_string);
    return slice_str(json_object_get_string(element));
}

uint64_t vector_u64(struct json_object *o, const char *key)
{
    uint64_t value = 0;

    if (json_get_u64(&value, o, key) != RC_OK)
        fail_msg("no number \"%s\"", key);
    return value;
}

struct vector_bytes vector_hex_text(struct slice text)
{
    struct vector_bytes out = {.len = text.len / 2 - 1};

    assert_true(slice_starts(text, SLICE("0x")));
    assert_true(out.len <= sizeof(out.bytes));
    assert_int_equal(hex_decode(out.bytes, out.len, slice_sub(text, 2, text.len)),
                     RC_OK);
    return out;
}

struct vector_bytes vector_hex(struct json_object *o, const char *key)
{
    return vector_hex_text(vector_text(o, key));
}

void vector_hex_exact(uint8_t *out, size_t len, struct json_object *o, const char *key)
{
    struct vector_bytes bytes = vector_hex(o, key);

    assert_int_equal(bytes.len, len);
    memcpy(out, bytes.bytes, len);
}

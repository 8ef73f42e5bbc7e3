/* SPDX-License-Identifier: Apache-2.0 */
/* JSON trees (json-c behind typed getters) for small control texts, and a writer. Texts
 * from outside pass json_guard() first; json_parse() does so itself. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <json-c/json_types.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/json_guard.h"
#include "base/money.h"
#include "base/slice.h"

enum {
    JSON_TEXT_MAX = 8 * 1024 * 1024, /* bytes that json_parse() takes */
    JSON_OUT_DEPTH_MAX = 16          /* what the writer nests */
};

/* Guards and parses; the top must be an object or an array. Free with json_put().
 * RC_BAD_JSON, RC_TOO_BIG, RC_NOMEM. */
MUST_CHECK enum rc json_parse(struct json_object **out, struct slice text);
void json_put(struct json_object *o); /* NULL is fine */

/* Members of an object. Absent or null: RC_NOT_FOUND. Other type or form: RC_BAD_INPUT.
 * Slices live as long as the tree. */
MUST_CHECK enum rc json_get_string(struct slice *out, struct json_object *o,
                                   const char *key);
/* No sign, fraction or exponent; below 2^64 - 1, where json-c stops counting. */
MUST_CHECK enum rc json_get_u64(uint64_t *out, struct json_object *o, const char *key);
MUST_CHECK enum rc json_get_bool(bool *out, struct json_object *o, const char *key);
/* A decimal string, as amounts are everywhere on our wire. RC_OVERFLOW: too large. */
MUST_CHECK enum rc json_get_money(struct money *out, struct json_object *o,
                                  const char *key);
MUST_CHECK enum rc json_get_object(struct json_object **out, struct json_object *o,
                                   const char *key);
MUST_CHECK enum rc json_get_array(struct json_object **out, struct json_object *o,
                                  const char *key);
/* 0 and NULL where there is no array, or no such element. Elements are borrowed. */
size_t json_array_count(struct json_object *array);
struct json_object *json_array_at(struct json_object *array, size_t index);
/* An element that is a string. RC_NOT_FOUND: there is none, or it is another. */
MUST_CHECK enum rc json_array_string(struct slice *out, struct json_object *array,
                                     size_t index);

/* The writer of one value: commas and escapes are its business. Invalid UTF-8 and NUL
 * in a text become U+FFFD, so that json_guard() takes whatever it writes. Keys outside
 * of objects, values without keys inside of them, and the like are asserted. Check
 * buf_spent() at the end. */
struct json_out {
    struct buf *to;
    uint32_t comma;   /* bit per depth: an element was written */
    uint32_t objects; /* bit per depth: it is an object, no array */
    unsigned depth;
    bool after_key;
};

void json_out_init(struct json_out *o, struct buf *to);
void json_out_object(struct json_out *o); /* begins */
void json_out_array(struct json_out *o);
void json_out_end_object(struct json_out *o);
void json_out_end_array(struct json_out *o);
void json_out_key(struct json_out *o, const char *key);
void json_out_slice(struct json_out *o, struct slice text);
void json_out_str(struct json_out *o, const char *text); /* NULL: null */
void json_out_u64(struct json_out *o, uint64_t value);
void json_out_i64(struct json_out *o, int64_t value);
void json_out_bool(struct json_out *o, bool value);
void json_out_null(struct json_out *o);
void json_out_money(struct json_out *o, struct money m);  /* string, nine places */
void json_out_time(struct json_out *o, uint64_t wall_us); /* RFC 3339; 0: null */
void json_out_raw(struct json_out *o, struct slice json); /* already valid JSON */

/* key and value in one. */
void json_out_kstr(struct json_out *o, const char *key, const char *text);
void json_out_kslice(struct json_out *o, const char *key, struct slice text);
/* An empty text is null. */
void json_out_ktext(struct json_out *o, const char *key, struct slice text);
void json_out_ku64(struct json_out *o, const char *key, uint64_t value);
void json_out_kbool(struct json_out *o, const char *key, bool value);
void json_out_kmoney(struct json_out *o, const char *key, struct money m);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Members of guarded bodies with their kinds and places, where json_body.h, which says
 * less of each, is not enough; and strings that are quoted already put out again. */
#ifndef GATEWAY_WIRES_JSON_FIELDS_H
#define GATEWAY_WIRES_JSON_FIELDS_H

#include "base/arena.h"
#include "base/json.h"
#include "base/json_guard.h"
#include "gateway/quoted.h"
#include "gateway/wires/json_body.h"

/* Walks an object once and fills each field's type, raw and member_at (an offset in
 * `object`); what it does not have, or all if it is none, is JSON_ABSENT. */
void body_fields(struct slice object, struct json_field *fields, size_t count);
/* A raw key, or string, without its escapes; lives as long as both. RC_BAD_INPUT: no
 * string. RC_NOMEM. */
MUST_CHECK enum rc body_text(struct slice *out, struct slice raw, struct arena *a);
/* Its text, or nothing: for what may be absent, null or odd. */
struct slice body_word(const struct json_field *f, struct arena *a);
/* A string that is not empty. */
bool body_has_text(const struct json_field *f);
/* An array with at least one element. */
bool body_has_elements(const struct json_field *f);

/* key and a string that is quoted already; absent: "". */
void body_put_quoted(struct json_out *o, const char *key, struct quoted q);
/* key and raw JSON, unless it is empty. */
void body_put_raw(struct json_out *o, const char *key, struct slice raw);

#endif

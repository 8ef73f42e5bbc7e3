/* SPDX-License-Identifier: Apache-2.0 */
/* The strict scan that every body passes before anything else looks at it. One pass, no
 * tree, no allocation beyond the caller's: it accepts exactly RFC 8259 texts that are
 * one object (or, if asked, any value), within limits, and refuses what lenient parsers
 * take: duplicate keys, NaN, overlong UTF-8, lone surrogates, raw control bytes,
 * "\u0000", leading zeros, trailing bytes. Of numbers it refuses those longer than 64
 * characters, and those over 1.7976931348623158e308, which no double holds. It also
 * reports where named top-level fields lie, so that they can be read, or spliced,
 * without a tree and without changing another byte. */
#ifndef BASE_JSON_GUARD_H
#define BASE_JSON_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/slice.h"

/* Not "json_type": json-c has that name. */
enum json_kind {
    JSON_ABSENT = 0,
    JSON_NULL,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

enum {
    JSON_DEPTH_MAX = 64
};

struct json_limits {
    size_t bytes;        /* of the whole text; 0: no limit here */
    unsigned depth;      /* nesting; the top object is 1. 0 means 32; at most 64 */
    unsigned containers; /* objects and arrays in all. 0 means 10,000 */
    unsigned keys;       /* members of all objects together. 0 means 100,000 */
    bool any_value;      /* the top may be any value, not only an object */
};

/* One top-level field. Fill `name`; the scan fills the rest. The name in the text may
 * be written with escapes ("mod\u0065l"): it is compared unescaped. */
struct json_field {
    const char *name;
    enum json_kind type; /* JSON_ABSENT: not in the text */
    struct slice raw;    /* the value's bytes, quotes included; within the text */
    size_t member_at;    /* offset in the text of the opening quote of its key */
};

struct json_fault {
    size_t at;        /* byte offset of the first fault */
    const char *what; /* static text: "duplicate key", "nested too deep", .. */
};

/* Scans text. Duplicate keys are found at every depth, compared unescaped, in time that
 * an attacker cannot make quadratic (keyed hash). From a it takes memory for objects
 * with more than a few keys, at most 48 bytes a key, and for escaped keys of more than
 * 256 bytes. When it fails, all fields are JSON_ABSENT. RC_BAD_JSON: fault is filled
 * (it may be NULL). RC_TOO_BIG: limits->bytes. RC_NOMEM: the arena is spent. */
MUST_CHECK enum rc json_guard(struct slice text, const struct json_limits *limits,
                              struct json_field *fields, size_t count,
                              struct json_fault *fault, struct arena *a);

/* Typed reading of a raw value that the guard has passed. Each: RC_BAD_INPUT when the
 * type or the form differs. Numbers must be integers without fraction or exponent. */
MUST_CHECK enum rc json_raw_u64(uint64_t *out, struct slice raw);
MUST_CHECK enum rc json_raw_bool(bool *out, struct slice raw);
/* Unescapes into the arena. */
MUST_CHECK enum rc json_raw_string(struct slice *out, struct slice raw,
                                   struct arena *a);

/* Finds one member of an object value that the guard has passed (any depth below: call
 * again on the result). JSON_ABSENT when there is none or raw is no object. */
enum json_kind json_raw_member(struct slice *out, struct slice raw, const char *name);
/* The same for several members in one pass: out[i] is that of names[i], SLICE_NONE when
 * there is none. */
void json_raw_members(struct slice *out, struct slice raw, const char *const *names,
                      size_t count);
/* Next element of an array value: start with *at = 0. JSON_ABSENT at the end. */
enum json_kind json_raw_element(struct slice *out, struct slice raw, size_t *at);
/* Next member of an object value: start with *at = 0; key is raw, with quotes. */
enum json_kind json_raw_next(struct slice *key, struct slice *value, struct slice raw,
                             size_t *at);
enum json_kind json_raw_type(struct slice raw);

/* A change to a scanned text: replaces a field's value, or adds the member. */
struct json_splice {
    const struct json_field *field; /* where; type JSON_ABSENT: added as first member,
                                       its name ASCII without quote and backslash */
    struct slice value;             /* raw JSON; bytes NULL: removes the member */
};

/* Writes text with the changes to out; everything else stays byte for byte. Check
 * buf_spent(out) after. Fields must be distinct and come from a scan of this text,
 * whose top is an object. */
void json_splice(struct buf *out, struct slice text, const struct json_splice *changes,
                 size_t count);

#endif

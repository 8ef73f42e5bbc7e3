/* SPDX-License-Identifier: Apache-2.0 */
/* Counts what an answer has, as it passes: bytes, rows, or what a JSON pointer in it
 * says. Of any length in a fixed room: nothing of the answer is kept. A malformed
 * answer counts for what it seems to have, and never more than its bytes allow, but for
 * a number. Pure. */
#ifndef GATEWAY_UNITS_H
#define GATEWAY_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "gateway/config_api.h"

enum {
    UNITS_TOKENS_MAX = 16,
    UNITS_NUMBER_MAX = 64
};

enum units_form {
    UNITS_NONE, /* a type that has no rows and no pointers: always 0 */
    UNITS_BYTES,
    UNITS_LINES, /* of ndjson: those with something on them */
    UNITS_CSV,   /* records (RFC 4180), the first one being the header */
    UNITS_JSON
};

struct units {
    enum units_form form;
    bool rows; /* of JSON: only an array at the top counts */
    uint64_t count;

    /* Lines and records. */
    bool filled; /* there is something in the present one */
    bool quoted; /* within quotes of a CSV field */

    /* JSON: the pointer's tokens, and where we are. `path` is how many of the open
     * containers, from the top, lie on the way; only the innermost of those is looked
     * at. */
    unsigned token_count;
    struct slice tokens[UNITS_TOKENS_MAX]; /* escaped as in the pointer */
    uint64_t depth, path, target_depth;    /* target_depth 0: not in it */
    bool is_array[UNITS_TOKENS_MAX + 2];   /* of those on the way, by depth */
    uint64_t index[UNITS_TOKENS_MAX + 2];
    bool done; /* the value has been seen */
    bool wants_key, wants_value;
    bool in_string, in_key, in_literal, collects;
    unsigned
        escape; /* 1: behind a backslash; 2..5: digits of \u that are missing, and 1 */
    uint32_t unit, high; /* of \u; a high surrogate that waits */
    size_t key_at;       /* bytes of the token that the key has matched */
    bool key_same;
    size_t number_len;
    char number[UNITS_NUMBER_MAX];
};

/* For an answer of this Content-Type ("": none was given). */
void units_init(struct units *u, const struct config_unit *unit, struct slice type);
void units_add(struct units *u, struct slice bytes);
/* What has come so far; the answer may go on. */
uint64_t units_count(const struct units *u);

#endif

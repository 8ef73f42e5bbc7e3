/* SPDX-License-Identifier: Apache-2.0 */
/* What the mock's files share: mock.c speaks HTTP, the others fill in one answer. */
#ifndef CLI_MOCK_INT_H
#define CLI_MOCK_INT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/slice.h"

/* A request that is complete, and the answer to it. */
struct mock_call {
    struct arena *arena; /* lives as long as the call */
    struct slice body;
    struct slice path;
    const char *query; /* the parameter "q", decoded; NULL: absent */

    unsigned status; /* 200 unless mock__fail() was called */
    bool stream;     /* `out` is events, each ended by an empty line */
    struct buf out;
};

void mock__chat(struct mock_call *c);
void mock__embeddings(struct mock_call *c);
void mock__search(struct mock_call *c);
void mock__market(struct mock_call *c);

/* Makes the answer an error of OpenAI's shape; param and code may be NULL. Returns
 * false, so that a check can end with it. */
bool mock__fail(struct mock_call *c, unsigned status, const char *param,
                const char *code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Scans the body as an object; false: it is none, and c says so. */
bool mock__scan(struct mock_call *c, struct json_field *fields, size_t count);
/* A text that is required; false and an error otherwise. */
bool mock__text(struct mock_call *c, struct slice *out, const struct json_field *f);
/* An integer between min and max; absent or null: *out stays as it is. */
bool mock__integer(struct mock_call *c, uint64_t *out, const struct json_field *f,
                   uint64_t min, uint64_t max);
bool mock__bool(struct mock_call *c, bool *out, const struct json_field *f);

uint64_t mock__tokens(uint64_t bytes);
/* "chatcmpl-0123..", new every time. */
char *mock__id(struct mock_call *c, const char *prefix);
/* Bits that depend on the text alone. */
uint64_t mock__seed(struct slice text);

/* Writes a value that fits a JSON schema, as far as `type`, `enum`, `properties` and
 * `required` say what fits. */
void mock__fill(struct json_out *o, struct slice schema, struct arena *a);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Published test vectors (tests/vectors/README.md) as a tree, and their members as
 * bytes. Whatever is missing or of another form fails the test that asked. */
#ifndef TESTS_VECTORS_H
#define TESTS_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

enum {
    VECTOR_BYTES_MAX = 4096 /* the longest hex text */
};

struct vector_bytes {
    uint8_t bytes[VECTOR_BYTES_MAX];
    size_t len;
};

/* The tree of the file, which make names after ${srcdir}; free with json_put(). */
struct json_object *vectors_open(const char *file);

/* Members. Texts live as long as the tree. */
struct json_object *vector_list(struct json_object *o, const char *key);
struct json_object *vector_member(struct json_object *o, const char *key);
struct slice vector_text(struct json_object *o, const char *key);
/* An element of a list of texts. */
struct slice vector_element_text(struct json_object *list, size_t index);
uint64_t vector_u64(struct json_object *o, const char *key);
/* "0x.." of any length, and of one length. */
struct vector_bytes vector_hex(struct json_object *o, const char *key);
struct vector_bytes vector_hex_text(struct slice text);
void vector_hex_exact(uint8_t *out, size_t len, struct json_object *o, const char *key);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Members of published vectors as what x402/ works with. Whatever is missing or of
 * another form fails the test that asked. */
#ifndef TESTS_X402_VECTORS_H
#define TESTS_X402_VECTORS_H

#include "tests/vectors.h"
#include "x402/x402.h"

struct x402_address vector_address(struct json_object *o, const char *key);
struct x402_u256 vector_number(struct json_object *o,
                               const char *key); /* decimal text */
struct x402_hash vector_hash(struct json_object *o, const char *key);

/* The message of an exact case, and of a permit's. */
struct x402_transfer vector_transfer(struct json_object *message);
struct x402_permit vector_permit(struct json_object *message,
                                 enum x402_permit_kind kind);

#endif

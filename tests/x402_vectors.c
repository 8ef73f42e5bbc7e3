/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/x402_vectors.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct x402_address vector_address(struct json_object *o, const char *key)
{
    struct x402_address a;

    assert_int_equal(x402_address_parse(&a, vector_text(o, key)), RC_OK);
    return a;
}

struct x402_u256 vector_number(struct json_object *o, const char *key)
{
    struct x402_u256 v;

    assert_int_equal(x402_u256_parse(&v, vector_text(o, key)), RC_OK);
    return v;
}

struct x402_hash vector_hash(struct json_object *o, const char *key)
{
    struct x402_hash h;

    assert_int_equal(x402_hash_parse(&h, vector_text(o, key)), RC_OK);
    return h;
}

struct x402_transfer vector_transfer(struct json_object *message)
{
    return (struct x402_transfer){
        .from = vector_address(message, "from"),
        .to = vector_address(message, "to"),
        .value = vector_number(message, "value"),
        .valid_after = vector_number(message, "validAfter"),
        .valid_before = vector_number(message, "validBefore"),
        .nonce = vector_hash(message, "nonce"),
    };
}

struct x402_permit vector_permit(struct json_object *message,
                                 enum x402_permit_kind kind)
{
    struct json_object *permitted = vector_member(message, "permitted");
    struct json_object *witness = vector_member(message, "witness");
    struct x402_permit p = {
        .kind = kind,
        .owner = vector_address(message, "from"),
        .token = vector_address(permitted, "token"),
        .amount = vector_number(permitted, "amount"),
        .spender = vector_address(message, "spender"),
        .nonce = vector_number(message, "nonce"),
        .deadline = vector_number(message, "deadline"),
        .to = vector_address(witness, "to"),
        .valid_after = vector_number(witness, "validAfter"),
    };

    if (kind == X402_PERMIT_UPTO)
        p.facilitator = vector_address(witness, "facilitator");
    return p;
}

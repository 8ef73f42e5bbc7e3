/* SPDX-License-Identifier: Apache-2.0 */
/* RLP: what is read is written again byte for byte, so a value has one encoding. */
#include "tests/rlp_copy.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    INPUT_MAX = 4096 /* rlp_copy() goes as deep as there are items */
};

static void check_kinds(struct slice text)
{
    struct slice list_rest = text;
    struct slice string_rest = text;
    struct slice number_rest = text;
    struct slice body;
    struct x402_u256 v;
    bool is_list = x402_rlp_next_list(&body, &list_rest) == RC_OK;
    bool is_string = x402_rlp_next_string(&body, &string_rest) == RC_OK;

    assert(!(is_list && is_string));
    if (x402_rlp_next_number(&v, &number_rest) == RC_OK)
        assert(is_string && number_rest.len == string_rest.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_from((const char *)data, size);
    uint8_t room[INPUT_MAX];
    struct x402_rlp_out o;

    if (size > sizeof(room))
        return 0;
    check_kinds(text);
    x402_rlp_begin(&o, room, size);
    if (rlp_copy(&o, text))
        assert(slice_equal(x402_rlp_end(&o), text));
    return 0;
}

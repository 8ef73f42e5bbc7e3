/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/strict_record.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

void check_strict(struct slice value, recode_fn *recode)
{
    uint8_t changed[LEDGER_VALUE_MAX + 1];
    uint8_t room[LEDGER_VALUE_MAX];
    struct slice again;

    memcpy(changed, value.bytes, value.len);
    assert_int_equal(recode(&again, room, value), RC_OK);
    assert_true(slice_equal(again, value));
    for (size_t len = 0; len < value.len; len++)
        assert_int_equal(recode(&again, room, slice_from((const char *)changed, len)),
                         RC_CORRUPT);
    changed[value.len] = 0;
    if (value.len < LEDGER_VALUE_MAX)
        assert_int_equal(
            recode(&again, room, slice_from((const char *)changed, value.len + 1)),
            RC_CORRUPT);
    for (size_t bit = 0; bit < value.len * 8; bit++) {
        struct slice flipped = slice_from((const char *)changed, value.len);
        enum rc rc;

        changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        rc = recode(&again, room, flipped);
        assert_true(rc == RC_CORRUPT || (rc == RC_OK && slice_equal(again, flipped)));
        assert_true(rc == RC_CORRUPT || bit >= 8); /* the version */
        changed[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

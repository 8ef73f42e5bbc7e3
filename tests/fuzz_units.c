/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of any kind are counted the same whole and in pieces, and have no more units
 * than bytes, but for a number that stands in them. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/units.h"

static uint64_t count(const struct config_unit *unit, struct slice type,
                      struct slice text, size_t piece_len)
{
    struct units u;

    units_init(&u, unit, type);
    for (size_t at = 0; at < text.len; at += piece_len)
        units_add(&u, slice_sub(text, at, piece_len));
    return units_count(&u);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const types[] = {"application/json", "application/x-ndjson",
                                        "text/csv", "image/png"};
    static char pointers[][16] = {"/a", "/a/0", "/0/a/b", "/~1/~0", "/", "/a//0/1"};
    const struct slice text = slice_from((const char *)bytes, len);
    const size_t piece_len = len > 0 ? bytes[0] / 16u + 1 : 1;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const struct slice type = slice_str(types[i]);
        const struct config_unit rows = {.of = CONFIG_UNIT_ROWS};
        const uint64_t whole = count(&rows, type, text, len + 1);

        assert(whole <= len);
        assert(count(&rows, type, text, piece_len) == whole);
        assert(count(&rows, type, text, 1) == whole);
    }
    for (size_t i = 0; i < sizeof(pointers) / sizeof(pointers[0]); i++) {
        const struct config_unit at = {.of = CONFIG_UNIT_POINTER,
                                       .pointer = pointers[i]};
        const uint64_t whole = count(&at, slice_str(types[0]), text, len + 1);

        assert(count(&at, slice_str(types[0]), text, piece_len) == whole);
        assert(count(&at, slice_str(types[0]), text, 1) == whole);
    }
    return 0;
}

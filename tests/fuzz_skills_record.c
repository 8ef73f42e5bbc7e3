/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever stands in a record of the catalogue is refused or has exactly the encoding
 * that was read; and whatever is put into the index or asked of it, it answers. */
#include "skills/index.h"
#include "skills/record.h"

#include <stdlib.h>

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void check_records(struct slice value)
{
    static struct skills__version_record version;
    uint8_t room[LEDGER_VALUE_MAX];
    struct skills__skill_record skill;
    struct skill_publisher publisher;
    struct skills__names names;
    struct skill_offer offer;

    if (skills__publisher_decode(&publisher, SLICE("acme"), value) == RC_OK)
        must(slice_equal(skills__publisher_encode(room, &publisher), value));
    if (skills__skill_decode(&skill, value) == RC_OK)
        must(slice_equal(skills__skill_encode(room, &skill), value));
    if (skills__version_decode(&version, value) == RC_OK)
        must(slice_equal(skills__version_encode(room, &version), value));
    if (skills__offer_decode(&names, &offer, value) == RC_OK)
        must(slice_equal(skills__offer_encode(room, &names, &offer), value));
}

/* Lines are documents; each is then asked for, and found. */
static void check_index(struct slice input)
{
    struct skills__index *x;
    struct slice rest = input;
    struct slice line;
    uint32_t count = 0;

    must(skills__index_open(&x) == RC_OK);
    while (count < 64 && slice_next(&line, &rest, '\n')) {
        const struct skills__text text = {line, 1 + count};

        must(skills__index_put(x, count++, &text, 1) == RC_OK);
    }
    rest = input;
    for (uint32_t i = 0; i < count && slice_next(&line, &rest, '\n'); i++) {
        struct skills__match *matches;
        size_t found;

        must(skills__index_find(&matches, &found, x, line) == RC_OK);
        must(found <= count);
        free(matches);
        skills__index_remove(x, i);
    }
    skills__index_close(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice input = slice_from((const char *)data, size);

    check_records(slice_sub(input, 0, LEDGER_VALUE_MAX));
    check_index(slice_sub(input, 0, 8192));
    return 0;
}

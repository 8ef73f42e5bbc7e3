/* SPDX-License-Identifier: Apache-2.0 */
/* Files of prices of any kind: reading one ends with rows in order, each of which can
 * be charged for, or with faults that have a place; editing one leaves a text that can
 * be edited again, or touches nothing. */
#include "gateway/config_catalog.h"
#include "gateway/overrides.h"
#include "gateway/price.h"

#include <assert.h>
#include <string.h>

enum {
    ARENA_SIZE = 64 * 1024 * 1024,
    TEXT_MAX = 4 * 1024 * 1024
};

static void check_faults(struct slice said)
{
    struct slice line;

    while (slice_next(&line, &said, '\n'))
        assert(slice_starts(line, SLICE("prices:")) && !slice_has_ctl(line));
}

static void check_price(const struct config_price *p)
{
    const struct usage u = {.known = true,
                            .tier = USAGE_PRIORITY,
                            .in_uncached = 900,
                            .in_cache_write_1h = 101,
                            .out_reasoning = 7,
                            .web_searches = 1};
    const struct price_bounds b = {
        .prompt = 1001, .choices = 1, .output = 7, .searches = 1};
    struct config_price sealed = *p;
    struct money worst, exact;

    assert(p->band_count <= PRICE_BANDS_MAX);
    for (size_t i = 1; i < p->band_count; i++)
        assert(p->bands[i - 1].tier < p->bands[i].tier ||
               (p->bands[i - 1].tier == p->bands[i].tier &&
                p->bands[i - 1].above_tokens < p->bands[i].above_tokens));
    price_seal(&sealed);
    assert(strlen(sealed.version) == 16);
    if (price_bound(&worst, p, &b) != RC_OK)
        return;
    assert(price_exact(&exact, p, &u) == RC_OK);
    assert(money_cmp(exact, worst) <= 0);
}

static void check_rows(const struct config_rows *rows)
{
    size_t count;

    for (size_t i = 0; i < rows->count; i++) {
        const struct config_row *row = &rows->rows[i];
        const struct config_row *first = config__find_rows(
            &count, rows, slice_str(row->provider), slice_str(row->model));

        assert(first != NULL && first <= row && (size_t)(row - first) < count);
        assert(count <= CONFIG__ROWS_MAX);
        if (row->priced)
            check_price(&row->price);
    }
}

static void read_as(struct slice text, enum config__rows_of kind)
{
    struct config__reader r = {.path = "prices"};
    struct config_rows rows;
    struct buf faults;

    if (conf_parse_data(&r.conf, text, "prices") != RC_OK)
        return; /* out of memory: the arena of a conf has a limit */
    if (arena_open(&r.arena, ARENA_SIZE) == RC_OK) {
        buf_init(&faults, TEXT_MAX);
        r.more_faults = &faults;
        config__read_rows(&rows, &r, r.conf, kind);
        check_faults(buf_slice(&faults));
        if (buf_len(&faults) == 0 && r.rc == RC_OK && !arena_spent(r.arena))
            check_rows(&rows);
        buf_free(&faults);
        arena_close(r.arena);
    }
    conf_close(r.conf);
}

static void edit(struct slice text)
{
    const struct override o = {.model = SLICE("m"),
                               .from = SLICE("2030-01-01T00:00:00Z"),
                               .price = SLICE("{\"input\":\"1\",\"output\":\"1\"}")};
    const struct override all = {.model = SLICE("m")};
    struct buf once, twice;
    size_t dropped;

    buf_init(&once, TEXT_MAX);
    buf_init(&twice, TEXT_MAX);
    if (overrides_edit(&once, &dropped, text, &o) == RC_OK) {
        assert(overrides_edit(&twice, &dropped, buf_slice(&once), &o) == RC_OK);
        assert(dropped == 1);
        assert(slice_equal(buf_slice(&once), buf_slice(&twice)));
        buf_reset(&twice);
        assert(overrides_edit(&twice, &dropped, buf_slice(&once), &all) == RC_OK);
        assert(dropped >= 1);
    }
    buf_free(&once);
    buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = slice_from((const char *)data, size);

    read_as(text, CONFIG__CATALOG);
    read_as(text, CONFIG__OVERRIDES);
    edit(text);
    return 0;
}

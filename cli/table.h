/* SPDX-License-Identifier: Apache-2.0 */
/* Aligned tables on stdout, for people. Rows wait until table_flush(), so that columns
 * are as wide as what is in them; long tables are flushed a page at a time. */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/slice.h"

enum {
    TABLE_COLUMNS_MAX = 12
};

struct table_column {
    const char *title;
    bool right; /* numbers */
};

struct table {
    const struct table_column *columns;
    size_t column_count;
    size_t width[TABLE_COLUMNS_MAX];
    struct arena *cells;
    struct table_row *first, *last; /* what waits */
    size_t next_column;             /* of the last row */
    bool titled;
};

/* columns: borrowed until table_end(); the last has title NULL. RC_NOMEM. */
MUST_CHECK enum rc table_start(struct table *t, const struct table_column *columns);
/* The next cell of the row, copied; rows need all of their cells. */
void table_cell(struct table *t, struct slice text);
MUST_CHECK enum rc table_flush(struct table *t); /* RC_NOMEM: rows were lost */
MUST_CHECK enum rc table_end(struct table *t);

#endif

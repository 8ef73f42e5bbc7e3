/* SPDX-License-Identifier: Apache-2.0 */
/* Tables: columns two spaces apart, numbers to the right. */
#include "cli/table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
    CELLS_MAX = 32 << 20 /* bytes that wait for a flush */
};

struct table_row {
    struct table_row *next;
    struct slice cells[TABLE_COLUMNS_MAX];
};

/* Columns on a terminal, near enough: characters, not bytes. */
static size_t width_of(struct slice s)
{
    size_t width = 0;

    for (size_t i = 0; i < s.len; i++)
        if (((unsigned char)s.bytes[i] & 0xC0) != 0x80)
            width++;
    return width;
}

enum rc table_start(struct table *t, const struct table_column *columns)
{
    *t = (struct table){.columns = columns};
    while (columns[t->column_count].title != NULL) {
        assert(t->column_count < TABLE_COLUMNS_MAX);
        t->width[t->column_count] = strlen(columns[t->column_count].title);
        t->column_count++;
    }
    return arena_open(&t->cells, CELLS_MAX);
}

/* A terminal obeys control characters, whoever wrote them. */
static struct slice clean(struct arena *a, struct slice text)
{
    char *copy = arena_copy(a, text.bytes, text.len);

    for (size_t i = 0; copy != NULL && i < text.len; i++)
        if ((unsigned char)copy[i] < 0x20 || copy[i] == 0x7f)
            copy[i] = '?';
    return slice_from(copy, copy != NULL ? text.len : 0);
}

static void begin_row(struct table *t)
{
    struct table_row *row = arena_new(t->cells, struct table_row);

    if (row == NULL)
        return;
    if (t->first == NULL)
        t->first = row;
    else
        t->last->next = row;
    t->last = row;
}

void table_cell(struct table *t, struct slice text)
{
    size_t column = t->next_column;

    if (column == 0)
        begin_row(t);
    t->next_column = (column + 1) % t->column_count;
    if (arena_spent(t->cells))
        return; /* table_flush() tells */
    t->last->cells[column] = clean(t->cells, text);
    if (width_of(text) > t->width[column])
        t->width[column] = width_of(text);
}

static void print_cell(const struct table *t, size_t column, struct slice text)
{
    int pad = (int)(t->width[column] - width_of(text));
    bool last = column + 1 == t->column_count;

    if (t->columns[column].right)
        (void)printf("%*s", pad, "");
    (void)fwrite(text.bytes, 1, text.len, stdout);
    if (!t->columns[column].right && !last)
        (void)printf("%*s", pad, "");
    (void)fputs(last ? "\n" : "  ", stdout);
}

static void print_titles(struct table *t)
{
    for (size_t i = 0; i < t->column_count; i++)
        print_cell(t, i, slice_str(t->columns[i].title));
    t->titled = true;
}

enum rc table_flush(struct table *t)
{
    enum rc rc = arena_spent(t->cells) ? RC_NOMEM : RC_OK;

    assert(t->next_column == 0);
    if (t->first != NULL && !t->titled)
        print_titles(t);
    for (struct table_row *row = t->first; rc == RC_OK && row != NULL; row = row->next)
        for (size_t i = 0; i < t->column_count; i++)
            print_cell(t, i, row->cells[i]);
    arena_reset(t->cells);
    t->first = NULL;
    return rc;
}

enum rc table_end(struct table *t)
{
    enum rc rc = table_flush(t);

    arena_close(t->cells);
    return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms of answers. */
#include "cli/format.h"

#include "base/json.h"
#include "base/money.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *copy(char out[FORMAT_SIZE], struct slice s)
{
    (void)snprintf(out, FORMAT_SIZE, "%.*s", SLICE_FMT(s));
    return out;
}

const char *format_text(char out[FORMAT_SIZE], struct json_object *o, const char *key)
{
    struct slice text;

    if (json_get_string(&text, o, key) != RC_OK || text.len == 0)
        return copy(out, SLICE("-"));
    return copy(out, text);
}

const char *format_money(char out[FORMAT_SIZE], struct json_object *o, const char *key)
{
    struct money m;

    if (json_get_money(&m, o, key) != RC_OK)
        return copy(out, SLICE("-"));
    money_print_short(out, m);
    return out;
}

/* "2026-11-21T01:25:05.123456Z" without its fraction. */
const char *format_time(char out[FORMAT_SIZE], struct json_object *o, const char *key)
{
    struct slice text;
    size_t point;

    if (json_get_string(&text, o, key) != RC_OK)
        return copy(out, SLICE("-"));
    point = slice_find(text, '.');
    (void)snprintf(out, FORMAT_SIZE, "%.*s%s", SLICE_FMT(slice_sub(text, 0, point)),
                   point < text.len ? "Z" : "");
    return out;
}

const char *format_u64(char out[FORMAT_SIZE], struct json_object *o, const char *key)
{
    uint64_t value;

    if (json_get_u64(&value, o, key) != RC_OK)
        return copy(out, SLICE("-"));
    (void)snprintf(out, FORMAT_SIZE, "%" PRIu64, value);
    return out;
}

const char *format_bool(char out[FORMAT_SIZE], struct json_object *o, const char *key)
{
    bool value;

    if (json_get_bool(&value, o, key) != RC_OK)
        return copy(out, SLICE("-"));
    return copy(out, value ? SLICE("yes") : SLICE("no"));
}

void cell_text(struct table *t, struct json_object *o, const char *key)
{
    struct slice text;

    if (json_get_string(&text, o, key) != RC_OK || text.len == 0)
        text = SLICE("-");
    table_cell(t, text);
}

void cell_money(struct table *t, struct json_object *o, const char *key)
{
    char text[FORMAT_SIZE];

    table_cell(t, slice_str(format_money(text, o, key)));
}

void cell_time(struct table *t, struct json_object *o, const char *key)
{
    char text[FORMAT_SIZE];

    table_cell(t, slice_str(format_time(text, o, key)));
}

void cell_u64(struct table *t, struct json_object *o, const char *key)
{
    char text[FORMAT_SIZE];

    table_cell(t, slice_str(format_u64(text, o, key)));
}

void cell_bool(struct table *t, struct json_object *o, const char *key)
{
    char text[FORMAT_SIZE];

    table_cell(t, slice_str(format_bool(text, o, key)));
}

void print_field(const char *name, const char *value)
{
    (void)printf("%-10s %s\n", name, value);
}

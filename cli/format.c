/* SPDX-License-Identifier: Apache-2.0 */
/* Text forms of answers. */
#include "cli/format.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/money.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum {
    CELL_MAX = 512 /* of all limits of a key */
};

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

static void print_csv_field(struct slice text)
{
    bool quote = false;

    for (size_t i = 0; i < text.len; i++)
        quote = quote || text.bytes[i] == ',' || text.bytes[i] == '"';
    if (quote)
        (void)putchar('"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.bytes[i] == '"')
            (void)putchar('"');
        (void)putchar(text.bytes[i]);
    }
    if (quote)
        (void)putchar('"');
}

void print_csv_titles(const char *const *members)
{
    for (size_t i = 0; members[i] != NULL; i++)
        (void)printf("%s%s", i > 0 ? "," : "", members[i]);
    (void)fputs("\r\n", stdout);
}

void print_csv_row(const char *const *members, struct json_object *item)
{
    for (size_t i = 0; members[i] != NULL; i++) {
        struct slice text;
        uint64_t count;
        bool yes = false;

        if (i > 0)
            (void)putchar(',');
        if (json_get_bool(&yes, item, members[i]) == RC_OK && yes)
            print_csv_field(SLICE("true"));
        else if (json_get_u64(&count, item, members[i]) == RC_OK)
            (void)printf("%" PRIu64, count);
        else if (json_get_string(&text, item, members[i]) == RC_OK)
            print_csv_field(text);
    }
    (void)fputs("\r\n", stdout);
}

void print_field(const char *name, const char *value)
{
    (void)printf("%-10s %s\n", name, value);
}

void print_limits(struct json_object *answer)
{
    static const struct table_column columns[] = {
        {"LIMIT OF", false}, {"PER", false},    {"LIMIT", true}, {"USED", true},
        {"HELD", true},      {"RESETS", false}, {NULL, false},
    };
    struct json_object *limits = NULL;
    struct table t;

    if (json_get_array(&limits, answer, "limits") != RC_OK ||
        json_array_count(limits) == 0 || table_start(&t, columns) != RC_OK)
        return;
    (void)putchar('\n');
    for (size_t i = 0; i < json_array_count(limits); i++) {
        struct json_object *limit = json_array_at(limits, i);

        cell_text(&t, limit, "id");
        cell_text(&t, limit, "per");
        cell_money(&t, limit, "limit");
        cell_money(&t, limit, "used");
        cell_money(&t, limit, "held");
        cell_time(&t, limit, "resets_at");
    }
    if (table_end(&t) != RC_OK)
        (void)fputs("octroi: out of memory\n", stderr);
}

void cell_limits(struct table *t, struct json_object *item)
{
    char amount[FORMAT_SIZE], per[FORMAT_SIZE];
    struct json_object *limits = NULL;
    struct buf text;

    buf_init(&text, CELL_MAX);
    if (json_get_array(&limits, item, "limits") == RC_OK)
        for (size_t i = 0; i < json_array_count(limits); i++) {
            struct json_object *limit = json_array_at(limits, i);

            buf_printf(&text, "%s%s/%s", i > 0 ? " " : "",
                       format_money(amount, limit, "limit"),
                       format_text(per, limit, "per"));
        }
    table_cell(t, buf_len(&text) > 0 ? buf_slice(&text) : SLICE("-"));
    buf_free(&text);
}

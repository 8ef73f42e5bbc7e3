/* SPDX-License-Identifier: Apache-2.0 */
/* Members of an answer as text for people: amounts as short as they are exact, times to
 * the second, "-" for what is not there. */
#ifndef CLI_FORMAT_H
#define CLI_FORMAT_H

#include <json-c/json_types.h>

#include "base/slice.h"
#include "cli/table.h"

enum {
    FORMAT_SIZE = 96
};

/* Into out, which is also returned. A longer text is cut. */
const char *format_text(char out[FORMAT_SIZE], struct json_object *o, const char *key);
const char *format_money(char out[FORMAT_SIZE], struct json_object *o, const char *key);
const char *format_time(char out[FORMAT_SIZE], struct json_object *o, const char *key);
const char *format_u64(char out[FORMAT_SIZE], struct json_object *o, const char *key);
/* yes or no; the text for an absent one is "-" as everywhere. */
const char *format_bool(char out[FORMAT_SIZE], struct json_object *o, const char *key);

/* The same as cells. */
void cell_text(struct table *t, struct json_object *o, const char *key);
void cell_money(struct table *t, struct json_object *o, const char *key);
void cell_time(struct table *t, struct json_object *o, const char *key);
void cell_u64(struct table *t, struct json_object *o, const char *key);
void cell_bool(struct table *t, struct json_object *o, const char *key);

/* RFC 4180: the names of members (ends with NULL), and an item's values, each line with
 * CRLF. What is absent or false is empty. */
void print_csv_titles(const char *const *members);
void print_csv_row(const char *const *members, struct json_object *item);

/* One line: "balance   12.5". */
void print_field(const char *name, const char *value);

/* The member "limits" of a wallet or key: a table below the fields, nothing when there
 * are none; or one cell, "0.5/call 2/day". */
void print_limits(struct json_object *answer);
void cell_limits(struct table *t, struct json_object *item);

#endif

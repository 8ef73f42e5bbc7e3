/* SPDX-License-Identifier: Apache-2.0 */
/* A YAML file as a tree that knows its lines, and the errors found in it. Strict: one
 * document, no anchors or aliases, no tags, no duplicate keys, depth <= 16, size <= 1
 * MiB. Every getter marks what it read; conf_unknown() then reports each key that
 * nobody asked for, with its line and the nearest name that somebody did ask for.
 * Faults are collected, not returned one by one: a user sees all of them (up to 100) at
 * once. After a fault of syntax there is no tree and nothing else is reported: what is
 * missing then is no fault of its own.
 *
 * Scalars may hold ${NAME}, ${NAME:-default} (also where NAME is empty), ${file:PATH}
 * (contents, one trailing newline cut; PATH relative to the YAML file) and ${cred:NAME}
 * ($CREDENTIALS_DIRECTORY/NAME); "$$" is a dollar sign. They are expanded once, not
 * recursively, to at most 64 KiB each. */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/money.h"
#include "base/slice.h"

struct conf;      /* a parsed file */
struct conf_node; /* a value in it; NULL stands for "absent" in every getter */

/* Never fails on content: faults are in the conf. RC_NOT_FOUND, RC_IO: no such file.
 * RC_NOMEM. path is kept for messages and for relative paths. */
MUST_CHECK enum rc conf_open(struct conf **out, const char *path);
/* The same from memory (tests, fuzzing); dir is what relative paths are relative to. */
MUST_CHECK enum rc conf_parse(struct conf **out, struct slice text, const char *dir);
/* The same of data that somebody else may have written: "$" is a letter there, and
 * nothing is expanded. path is for messages in both. */
MUST_CHECK enum rc conf_open_data(struct conf **out, const char *path);
MUST_CHECK enum rc conf_parse_data(struct conf **out, struct slice text,
                                   const char *path);
/* Wipes: values may be secrets. NULL is fine. */
void conf_close(struct conf *c);

struct conf_node *conf_root(struct conf *c); /* NULL: empty, or a fault of syntax */
const char *conf_dir(const struct conf *c);

/* A member of a mapping: NULL when absent (a value of ~, null or nothing is absent
 * too). n NULL gives NULL. */
struct conf_node *conf_get(struct conf *c, struct conf_node *n, const char *key);
/* Walks a mapping or a list: start with *at = 0; false at the end. A node of another
 * kind is a fault ("expected a mapping"), once. An absent value comes as a node that
 * every getter takes for absent, and that has a line. */
bool conf_next_member(struct conf *c, struct conf_node *n, size_t *at,
                      struct slice *key, struct conf_node **value);
bool conf_next_item(struct conf *c, struct conf_node *n, size_t *at,
                    struct conf_node **value);
/* Members or items; scalars and NULL: 0. */
size_t conf_count(const struct conf_node *n);
unsigned conf_line(const struct conf_node *n);
bool conf_is_scalar(const struct conf_node *n);
bool conf_is_mapping(const struct conf_node *n);
bool conf_is_list(const struct conf_node *n);
/* Whether the scalar was written without quotes, so that a word may be a number. */
bool conf_is_plain(const struct conf_node *n);
/* Whether the scalar was written with a ${..} form. */
bool conf_is_expanded(const struct conf_node *n);
/* Whether it has what a ${file:..} or ${cred:..} yields in it. */
bool conf_is_contents(const struct conf_node *n);

/* Scalars. Absent: *out is untouched, false. Wrong form or out of range: a fault,
 * false. Text lives as long as the conf. */
bool conf_text(struct conf *c, struct conf_node *n, struct slice *out);
bool conf_u64(struct conf *c, struct conf_node *n, uint64_t *out, uint64_t min,
              uint64_t max);
bool conf_bool(struct conf *c, struct conf_node *n, bool *out); /* true, false */
bool conf_money(struct conf *c, struct conf_node *n, struct money *out);
bool conf_percent(struct conf *c, struct conf_node *n, uint32_t *ppm);
/* "90s", "15m", "12h", "7d" as milliseconds. */
bool conf_duration(struct conf *c, struct conf_node *n, uint64_t *ms);
/* One of the NULL-terminated `names`: its index. The fault names the nearest. */
bool conf_choice(struct conf *c, struct conf_node *n, unsigned *out,
                 const char *const *names);
/* A path relative to the YAML file, made absolute in a. */
bool conf_path(struct conf *c, struct conf_node *n, char **out, struct arena *a);

/* Appends a value as one JSON text, all of it read: scalars without quotes that look so
 * are numbers, true and false, all others strings; ~ is null. n is not NULL. */
void conf_json(struct buf *out, struct conf *c, struct conf_node *n);

/* Reports a fault at a node (NULL: at the file). */
void conf_fault(struct conf *c, const struct conf_node *n, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Call last: every key that no getter asked for becomes a fault. */
void conf_unknown(struct conf *c);

size_t conf_fault_count(const struct conf *c);
/* "octroi.yaml:12:3: unknown key 'lisen' (did you mean 'listen'?)" */
const char *conf_fault_text(const struct conf *c, size_t index);

#endif

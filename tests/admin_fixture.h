/* SPDX-License-Identifier: Apache-2.0 */
/* The admin API as functions: asks it, and reads what it said last. */
#ifndef TESTS_ADMIN_FIXTURE_H
#define TESTS_ADMIN_FIXTURE_H

#include "base/json.h"
#include "gateway/admin.h"

extern struct admin admin; /* who is asked; the test fills it */

/* The last answer, until the next question or forget(). */
extern struct admin_reply reply;
extern struct json_object *json; /* NULL: the answer is no JSON */

/* For the test's tear-down. */
void forget(void);

/* Asks and asserts the status. line: "GET /path?query"; body may be NULL. */
void ask(unsigned status, const char *line, const char *body);
void ask_bytes(unsigned status, const char *line, struct slice body);
/* The same of an error with this code. */
void refused(unsigned status, const char *code, const char *line, const char *body);

/* What the last answer says. */
void has(const char *text);
void has_not(const char *text);
/* Of its member "items". */
size_t items(void);

#endif

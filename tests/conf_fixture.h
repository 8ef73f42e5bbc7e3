/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of configuration: parsing, comparing faults, and a folder with files
 * that lives as long as the test program. */
#ifndef TESTS_CONF_FIXTURE_H
#define TESTS_CONF_FIXTURE_H

#include "base/conf.h"

#include <stddef.h>

/* For cmocka_run_group_tests(). */
int conf_fixture_open(void **state);
int conf_fixture_close(void **state);

const char *conf_fixture_dir(void);
void conf_fixture_write(const char *name, const char *bytes, size_t len);

/* All of these end the test when something is not as it should be. */
struct conf *conf_fixture_parse(const char *text);
void conf_fixture_value(const char *text, const char *expected); /* of the key `v` */
void conf_fixture_faults(const struct conf *c, const char *const *expected);
void conf_fixture_parse_faults(const char *text, const char *const *expected);

/* All faults of c, and all that parsing a text finds: texts up to the end. */
#define FAULTS(c, ...) \
    conf_fixture_faults((c), (const char *const[]){__VA_ARGS__, NULL})
#define NO_FAULTS(c) conf_fixture_faults((c), (const char *const[]){NULL})
#define PARSE_FAULTS(text, ...) \
    conf_fixture_parse_faults((text), (const char *const[]){__VA_ARGS__, NULL})
#define PARSES(text) conf_fixture_parse_faults((text), (const char *const[]){NULL})

#endif

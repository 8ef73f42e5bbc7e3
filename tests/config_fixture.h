/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of the gateway's configuration: texts loaded as files of the folder of
 * conf_fixture.h. */
#ifndef TESTS_CONFIG_FIXTURE_H
#define TESTS_CONFIG_FIXTURE_H

#include "gateway/config.h"

/* For cmocka_run_group_tests(): the folder, with the files and variables that EXAMPLE
 * names. */
int config_fixture_open(void **state);

/* What the manual shows as an example, with the kinds of provider that there are. */
extern const char config_fixture_example[];

/* Writes octroi.yaml, which only we may read, and returns its path. */
const char *config_fixture_write(const char *text);

/* All of these end the test when something is not as it should be. */
const struct config *config_fixture_load(const char *text); /* no faults, no warnings */
/* Whatever is warned of. */
const struct config *config_fixture_load_warned(const char *text);
/* What loading a text says, up to the end: lines without the folder's name. "{kinds}"
 * stands for the kinds of provider that there are. */
void config_fixture_says(const char *text, enum rc expected_rc,
                         const char *const *expected);
/* The same of a text that is already there. */
void config_fixture_lines(struct slice said, const char *const *expected);
/* What a reload from one text to another says; no lines: it goes well. */
void config_fixture_reload_says(const char *from, const char *to,
                                const char *const *expected);

#define FAULTS_OF(text, ...) \
    config_fixture_says((text), RC_BAD_CONFIG, (const char *const[]){__VA_ARGS__, NULL})
#define WARNINGS_OF(text, ...) \
    config_fixture_says((text), RC_OK, (const char *const[]){__VA_ARGS__, NULL})
#define LOADS(text) config_fixture_says((text), RC_OK, (const char *const[]){NULL})

#endif

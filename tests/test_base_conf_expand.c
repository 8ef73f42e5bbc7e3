/* SPDX-License-Identifier: Apache-2.0 */
/* The ${..} forms: what they yield, what is told when they cannot, and that no message
 * shows what they yielded. */
#include "base/conf.h"

#include "tests/conf_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
    VALUE_MAX = 64 * 1024
};

static struct conf_node *get(struct conf *c, const char *key)
{
    return conf_get(c, conf_root(c), key);
}

static void variables_are_expanded(void **state)
{
    (void)state;
    assert_int_equal(setenv("OCTROI_TEST_A", "alpha", 1), 0);
    assert_int_equal(setenv("OCTROI_TEST_EMPTY", "", 1), 0);
    assert_int_equal(unsetenv("OCTROI_TEST_NONE"), 0);
    conf_fixture_value("v: ${OCTROI_TEST_A}\n", "alpha");
    conf_fixture_value("v: x${OCTROI_TEST_A}y${OCTROI_TEST_A}z\n", "xalphayalphaz");
    conf_fixture_value("v: 'Bearer ${OCTROI_TEST_A}'\n", "Bearer alpha");
    conf_fixture_value("v: |\n  ${OCTROI_TEST_A}\n", "alpha\n");
    conf_fixture_value("v: ${OCTROI_TEST_EMPTY}\n", "");
    conf_fixture_value("v: ${OCTROI_TEST_A:-beta}\n", "alpha");
    conf_fixture_value("v: ${OCTROI_TEST_NONE:-beta}\n", "beta");
    conf_fixture_value("v: ${OCTROI_TEST_EMPTY:-beta}\n", "beta");
    conf_fixture_value("v: ${OCTROI_TEST_NONE:-}\n", "");
    conf_fixture_value("v: ${OCTROI_TEST_NONE:-a:-b}\n", "a:-b");
}

static void dollars_are_literal_but_for_the_forms(void **state)
{
    (void)state;
    assert_int_equal(setenv("OCTROI_TEST_A", "alpha", 1), 0);
    conf_fixture_value("v: a$b$\n", "a$b$");
    conf_fixture_value("v: $$\n", "$");
    conf_fixture_value("v: $${OCTROI_TEST_A}\n", "${OCTROI_TEST_A}");
    conf_fixture_value("v: $$$${x}\n", "$${x}");
    conf_fixture_value("v: $2b$10\n", "$2b$10");
}

static void an_expanded_value_is_not_expanded_again(void **state)
{
    (void)state;
    assert_int_equal(setenv("OCTROI_TEST_A", "${OCTROI_TEST_A}$$", 1), 0);
    conf_fixture_value("v: ${OCTROI_TEST_A}\n", "${OCTROI_TEST_A}$$");
    conf_fixture_value("v: ${OCTROI_TEST_NONE:-$$}\n", "$$");
}

static void files_are_read_without_one_newline(void **state)
{
    char text[256];

    (void)state;
    conf_fixture_write("secret", "s3cret\n", 7);
    conf_fixture_write("crlf", "s3cret\r\n", 8);
    conf_fixture_write("lines", "a\nb\n\n", 5);
    conf_fixture_value("v: ${file:./secret}\n", "s3cret");
    conf_fixture_value("v: ${file:crlf}\n", "s3cret");
    conf_fixture_value("v: ${file:lines}\n", "a\nb\n");
    (void)snprintf(text, sizeof(text), "v: x${file:%s/secret}y\n", conf_fixture_dir());
    conf_fixture_value(text, "xs3crety");
}

static void credentials_come_from_the_service_manager(void **state)
{
    (void)state;
    conf_fixture_write("secret", "s3cret\n", 7);
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    PARSE_FAULTS("v: ${cred:secret}\n", "config:1:4: no credential 'secret': "
                                        "CREDENTIALS_DIRECTORY is not set");
    assert_int_equal(setenv("CREDENTIALS_DIRECTORY", conf_fixture_dir(), 1), 0);
    conf_fixture_value("v: ${cred:secret}\n", "s3cret");
    PARSE_FAULTS("a: ${cred:../secret}\nb: ${cred:}\nc: ${cred:..}\n",
                 "config:1:4: '../secret' is no name of a credential",
                 "config:2:4: '' is no name of a credential",
                 "config:3:4: '..' is no name of a credential");
    assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
}

static void what_cannot_be_expanded_is_told(void **state)
{
    char missing[256];
    char folder[256];
    char nul[256];

    (void)state;
    assert_int_equal(unsetenv("OCTROI_TEST_NONE"), 0);
    conf_fixture_write("nul", "a\0b", 3);
    (void)snprintf(missing, sizeof(missing),
                   "config:4:4: cannot read %s/none: No such file or directory",
                   conf_fixture_dir());
    (void)snprintf(folder, sizeof(folder),
                   "config:5:4: cannot read %s/.: Is a directory", conf_fixture_dir());
    (void)snprintf(nul, sizeof(nul), "config:6:4: %s/nul holds a NUL byte",
                   conf_fixture_dir());
    PARSE_FAULTS(
        "a: 1\n"
        "b: ${OCTROI_TEST_NONE}\n"
        "c: ${OCTROI_TEST_NONE\n"
        "d: ${file:none}\n"
        "e: ${file:.}\n"
        "f: ${file:nul}\n"
        "g: ${file:}\n"
        "h: ${A B}\n"
        "i: ${}\n"
        "j: ${1A}\n"
        "k: ${A-b}\n",
        "config:2:4: the environment has no variable OCTROI_TEST_NONE (a default "
        "is written ${OCTROI_TEST_NONE:-..})",
        "config:3:4: '${' without '}' (write '$$' for a dollar sign)", missing, folder,
        nul, "config:7:4: '${file:}' names no file",
        "config:8:4: '${A B}' is none of ${NAME}, ${NAME:-default}, ${file:PATH}, "
        "${cred:NAME}; write '$$' for a dollar sign",
        "config:9:4: '${}' is none of ${NAME}, ${NAME:-default}, ${file:PATH}, "
        "${cred:NAME}; write '$$' for a dollar sign",
        "config:10:4: '${1A}' is none of ${NAME}, ${NAME:-default}, ${file:PATH}, "
        "${cred:NAME}; write '$$' for a dollar sign",
        "config:11:4: '${A-b}' is none of ${NAME}, ${NAME:-default}, "
        "${file:PATH}, ${cred:NAME}; write '$$' for a dollar sign");
}

static void an_expanded_value_is_limited(void **state)
{
    size_t size = VALUE_MAX;
    char *text = malloc(size + 2);
    char expected[256];

    (void)state;
    assert_non_null(text);
    memset(text, 'a', size + 1);
    text[size] = '\0';
    assert_int_equal(setenv("OCTROI_TEST_A", text, 1), 0);
    conf_fixture_write("big", text, size);
    conf_fixture_value("v: ${OCTROI_TEST_A}\n", text);
    conf_fixture_value("v: ${file:big}\n", text);
    PARSE_FAULTS("v: ${OCTROI_TEST_A}x\n",
                 "config:1:4: the value is longer than 64 KiB");
    text[size] = 'a';
    conf_fixture_write("big", text, size + 1);
    (void)snprintf(expected, sizeof(expected),
                   "config:1:4: %s/big is larger than 64 KiB", conf_fixture_dir());
    PARSE_FAULTS("v: ${file:big}\n", expected);
    assert_int_equal(setenv("OCTROI_TEST_A", "", 1), 0);
    free(text);
}

/* A conf has an arena with a limit, whatever its values yield together. */
static void values_that_yield_too_much_together_are_out_of_memory(void **state)
{
    const char item[] = "'${OCTROI_TEST_A}',";
    const size_t count = 1000;
    char *value = malloc(VALUE_MAX + 1);
    char *text = malloc(count * (sizeof(item) - 1) + 2);
    struct conf *c = NULL;

    (void)state;
    assert_non_null(value);
    assert_non_null(text);
    memset(value, 'a', VALUE_MAX);
    value[VALUE_MAX] = '\0';
    assert_int_equal(setenv("OCTROI_TEST_A", value, 1), 0);
    text[0] = '[';
    for (size_t i = 0; i < count; i++)
        memcpy(text + 1 + i * (sizeof(item) - 1), item, sizeof(item));
    text[count * (sizeof(item) - 1)] = ']';
    assert_int_equal(conf_parse(&c, slice_str(text), conf_fixture_dir()), RC_NOMEM);
    assert_null(c);
    assert_int_equal(setenv("OCTROI_TEST_A", "", 1), 0);
    free(text);
    free(value);
}

static void no_message_shows_an_expanded_value(void **state)
{
    static const char *const kinds[] = {"sk-canary-0", NULL};
    struct conf *c;
    bool flag;
    uint64_t number;
    unsigned choice;

    (void)state;
    assert_int_equal(setenv("OCTROI_TEST_A", "sk-canary-1", 1), 0);
    c = conf_fixture_parse(
        "a: ${OCTROI_TEST_A}\nb: x${OCTROI_TEST_A}\nc: ${OCTROI_TEST_A}\nd: $$x\n");
    assert_false(conf_bool(c, get(c, "a"), &flag));
    assert_false(conf_u64(c, get(c, "b"), &number, 0, 1));
    assert_false(conf_choice(c, get(c, "c"), &choice, kinds));
    assert_false(conf_bool(c, get(c, "d"), &flag));
    FAULTS(c, "config:1:4: expected true or false, not what its ${..} form yields",
           "config:2:4: expected a whole number, not what its ${..} form yields",
           "config:3:4: expected one of sk-canary-0, not what its ${..} form yields",
           "config:4:4: expected true or false, not '$x'");
    assert_true(conf_is_expanded(get(c, "a")));
    assert_true(conf_is_expanded(get(c, "b")));
    assert_false(conf_is_expanded(get(c, "d")));
    conf_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(variables_are_expanded),
        cmocka_unit_test(dollars_are_literal_but_for_the_forms),
        cmocka_unit_test(an_expanded_value_is_not_expanded_again),
        cmocka_unit_test(files_are_read_without_one_newline),
        cmocka_unit_test(credentials_come_from_the_service_manager),
        cmocka_unit_test(what_cannot_be_expanded_is_told),
        cmocka_unit_test(an_expanded_value_is_limited),
        cmocka_unit_test(values_that_yield_too_much_together_are_out_of_memory),
        cmocka_unit_test(no_message_shows_an_expanded_value),
    };

    return cmocka_run_group_tests(tests, conf_fixture_open, conf_fixture_close);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See conf_fixture.h. */
#include "tests/conf_fixture.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    DIR_SIZE = 256,
    PATH_SIZE = 512
};

static char dir[DIR_SIZE];

int conf_fixture_open(void **state)
{
    const char *tmp = getenv("TMPDIR");

    (void)state;
    (void)snprintf(dir, sizeof(dir), "%s/octroi-conf-XXXXXX",
                   tmp == NULL ? "/tmp" : tmp);
    return mkdtemp(dir) == NULL ? -1 : 0;
}

int conf_fixture_close(void **state)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    char path[PATH_SIZE];

    (void)state;
    if (d == NULL)
        return -1;
    while ((entry = readdir(d)) != NULL) {
        (void)snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
        (void)unlink(path); /* fails for "." and ".." only */
    }
    (void)closedir(d);
    return rmdir(dir);
}

const char *conf_fixture_dir(void)
{
    return dir;
}

void conf_fixture_write(const char *name, const char *bytes, size_t len)
{
    char path[PATH_SIZE];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

struct conf *conf_fixture_parse(const char *text)
{
    struct conf *c = NULL;

    assert_int_equal(conf_parse(&c, slice_str(text), dir), RC_OK);
    return c;
}

void conf_fixture_faults(const struct conf *c, const char *const *expected)
{
    size_t count = 0;

    while (expected[count] != NULL)
        count++;
    if (conf_fault_count(c) != count)
        for (size_t i = 0; i < conf_fault_count(c); i++)
            print_message("fault: %s\n", conf_fault_text(c, i));
    assert_int_equal(conf_fault_count(c), count);
    for (size_t i = 0; i < count; i++)
        assert_string_equal(conf_fault_text(c, i), expected[i]);
}

void conf_fixture_parse_faults(const char *text, const char *const *expected)
{
    struct conf *c = conf_fixture_parse(text);

    conf_fixture_faults(c, expected);
    conf_close(c);
}

void conf_fixture_value(const char *text, const char *expected)
{
    struct conf *c = conf_fixture_parse(text);
    struct slice value = SLICE_NONE;

    NO_FAULTS(c);
    assert_true(conf_text(c, conf_get(c, conf_root(c), "v"), &value));
    if (!slice_equal_str(value, expected))
        print_message("value: '%.*s'\n", SLICE_FMT(value));
    assert_true(slice_equal_str(value, expected));
    conf_close(c);
}

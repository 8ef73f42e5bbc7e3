/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/recordings.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    FILE_MAX = 16 << 20,
    PATH_SIZE = 4096
};

static void full_path(char out[PATH_SIZE], const char *path)
{
    const char *top = getenv("srcdir"); /* make sets it; by hand: at the top */
    int len =
        snprintf(out, PATH_SIZE, "%s/tests/recorded/%s", top == NULL ? "." : top, path);

    assert_true(len > 0 && len < PATH_SIZE);
}

bool recording_exists(const char *path)
{
    char full[PATH_SIZE];

    full_path(full, path);
    return access(full, R_OK) == 0;
}

char *recording_read(size_t *out_len, const char *path)
{
    char full[PATH_SIZE];
    char *bytes;
    FILE *f;
    long len;

    full_path(full, path);
    f = fopen(full, "re");
    if (f == NULL)
        fail_msg("%s is not there", full);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    len = ftell(f);
    assert_true(len >= 0 && len < FILE_MAX);
    rewind(f);
    bytes = malloc((size_t)len + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)len, f), len);
    assert_int_equal(fclose(f), 0);
    bytes[len] = '\0';
    *out_len = (size_t)len;
    return bytes;
}

/* Not alphasort(), which asks the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

size_t recordings_each(const char *folder, const char *end, recording_fn *each,
                       void *arg)
{
    struct dirent **list = NULL;
    char full[PATH_SIZE];
    size_t seen = 0;
    int count;

    full_path(full, folder);
    count = scandir(full, &list, NULL, by_name);
    for (int i = 0; i < count; i++) {
        char path[PATH_SIZE];

        (void)snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
        if (list[i]->d_name[0] != '.' && slice_ends(slice_str(path), slice_str(end))) {
            each(arg, path);
            seen++;
        }
        free(list[i]);
    }
    free(list);
    if (seen == 0)
        fail_msg("nothing in %s ends in \"%s\"", full, end);
    return seen;
}

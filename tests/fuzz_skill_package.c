/* SPDX-License-Identifier: Apache-2.0 */
/* Archives of any kind: what is taken keeps to the rules of paths and to the caps, and
 * the zip that is written of it is read as the same files and written as the same
 * bytes.
 */
#include "skills/package.h"

#include <assert.h>
#include <stdlib.h>

enum {
    CAP = 2 << 20 /* more than 64 KB of input may become, but for the first MB */
};

static struct skill_package *new_package(void)
{
    struct skill_package *p = NULL;

    if (skill_package_new(&p) != RC_OK)
        abort();
    return p;
}

static void check_path(struct slice path)
{
    struct slice rest = path;
    struct slice part;

    assert(path.len > 0 && path.len <= SKILL_PATH_MAX);
    assert(path.bytes[0] != '/' && path.bytes[path.len - 1] != '/');
    assert(!slice_has_ctl(path));
    assert(slice_find(path, '\\') == path.len && slice_find(path, ':') == path.len);
    while (slice_next(&part, &rest, '/')) {
        assert(part.len > 0 && part.bytes[part.len - 1] != '.');
        assert(!slice_equal_nocase(part, SLICE(".git")));
    }
}

static void check_files(const struct skill_package *p)
{
    uint64_t bytes = 0;

    assert(skill_package_count(p) <= SKILL_FILES_MAX);
    for (size_t i = 0; i < skill_package_count(p); i++) {
        const struct skill_file *f = skill_package_file(p, i);

        check_path(f->path);
        assert(skill_package_find(p, f->path) == f);
        bytes += f->bytes.len;
        for (size_t k = 0; k < i; k++)
            assert(!slice_equal_nocase(f->path, skill_package_file(p, k)->path));
    }
    assert(bytes == skill_package_bytes(p));
}

static void check_zip(const struct skill_package *p)
{
    struct skill_package *again = new_package();
    struct buf zip, twice, why;

    buf_init(&zip, SKILL_ARCHIVE_BYTES_MAX);
    buf_init(&twice, SKILL_ARCHIVE_BYTES_MAX);
    buf_init(&why, 4096);
    if (skill_package_zip(&zip, p) != RC_OK ||
        skill_package_read(again, buf_slice(&zip), &why) != RC_OK ||
        skill_package_seal(again, &why) != RC_OK ||
        skill_package_zip(&twice, again) != RC_OK)
        abort();
    assert(slice_equal(buf_slice(&zip), buf_slice(&twice)));
    buf_free(&zip);
    buf_free(&twice);
    buf_free(&why);
    skill_package_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct skill_package *p = new_package();
    struct buf why;
    enum rc rc;

    buf_init(&why, 4096);
    rc = skill_package_read(p, slice_from((const char *)data, size), &why);
    assert(skill_package_bytes(p) <= CAP || skill_package_bytes(p) <= size * 101);
    if (rc == RC_OK && skill_package_seal(p, &why) == RC_OK) {
        check_files(p);
        check_zip(p);
    }
    assert(rc == RC_OK || rc == RC_NOMEM || buf_len(&why) > 0);
    assert(!slice_has_ctl(buf_slice(&why)));
    buf_free(&why);
    skill_package_free(p);
    return 0;
}

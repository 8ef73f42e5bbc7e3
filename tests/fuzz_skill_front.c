/* SPDX-License-Identifier: Apache-2.0 */
/* SKILL.md files of any kind: what is taken keeps to its limits and has a name that is
 * one, what is refused says so in one line. */
#include "skills/front.h"

#include "base/utf8.h"
#include "skills/name.h"

#include <assert.h>
#include <stdlib.h>

enum {
    ARENA_SIZE = 256 * 1024
};

static void check_text(struct slice s, size_t max)
{
    assert(s.len <= max);
    for (size_t i = 0; i < s.len; i++)
        assert((unsigned char)s.bytes[i] >= ' ' || s.bytes[i] == '\n' ||
               s.bytes[i] == '\t');
    while (s.len > 0) {
        const size_t len = utf8_length(s);

        assert(len > 0);
        s = slice_sub(s, len, s.len);
    }
}

static void check_front(const struct skill_front *f, struct slice text)
{
    assert(skill_slug_ok(f->name));
    assert(f->description.len > 0);
    check_text(f->description, SKILL_DESCRIPTION_MAX);
    check_text(f->license, SKILL_LICENSE_MAX);
    check_text(f->compatibility, SKILL_COMPATIBILITY_MAX);
    check_text(f->version, SKILL_VERSION_MAX);
    check_text(f->allowed_tools, 1024);
    check_text(f->homepage, 500);
    assert(f->homepage.len == 0 || slice_starts(f->homepage, SLICE("http")));
    assert(f->body.len < text.len && slice_ends(text, f->body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice text = slice_from((const char *)data, size);
    struct skill_front front;
    struct arena *a = NULL;
    struct buf why;
    enum rc rc;

    if (arena_open(&a, ARENA_SIZE) != RC_OK)
        abort();
    buf_init(&why, 8192);
    rc = skill_front_parse(&front, a, text, &why);
    if (rc == RC_OK) {
        check_front(&front, text);
        assert(buf_len(&why) == 0);
    } else {
        assert(rc == RC_BAD_INPUT || rc == RC_NOMEM);
        assert(rc == RC_NOMEM || buf_len(&why) > 0);
        assert(!slice_has_ctl(buf_slice(&why)));
    }
    buf_free(&why);
    arena_close(a);
    return 0;
}

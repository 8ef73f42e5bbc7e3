/* SPDX-License-Identifier: Apache-2.0 */
/* Canonical JSON: what is taken is again taken, and its canonical form is itself
 * and never longer. */
#include "x402/jcs.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROOM = 256 * 1024
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct arena *a;
    struct buf once;
    struct buf twice;
    enum rc rc;

    if (a == NULL && arena_open(&a, ROOM) != RC_OK)
        return 0;
    arena_reset(a);
    buf_init(&once, ROOM);
    buf_init(&twice, ROOM);
    rc = x402_jcs(&once, slice_from((const char *)data, size), a);
    assert(rc == RC_OK || rc == RC_BAD_JSON || rc == RC_BAD_INPUT || rc == RC_TOO_BIG);
    if (rc == RC_OK) {
        assert(buf_len(&once) <= size);
        arena_reset(a);
        assert(x402_jcs(&twice, buf_slice(&once), a) == RC_OK);
        assert(slice_equal(buf_slice(&once), buf_slice(&twice)));
    }
    buf_free(&once);
    buf_free(&twice);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SIGN-IN-WITH-X, as base64 and as JSON: what is read has one text to be signed, and
 * printed it reads the same again. */
#include "base/codec.h"
#include "x402/sign_in.h"

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ROOM = 1 << 20
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void sign_in(struct slice header, struct arena *a)
{
    struct x402_sign_in s, back;
    struct slice text, again, printed;

    if (x402_sign_in_parse(&s, header, a) != RC_OK ||
        x402_sign_in_text(&text, &s, a) != RC_OK)
        return;
    assert(s.resource_count <= X402_SIGN_IN_RESOURCES_MAX);
    if (x402_sign_in_print(&printed, &s, a) != RC_OK)
        return;
    assert(x402_sign_in_parse(&back, printed, a) == RC_OK);
    assert(x402_sign_in_text(&again, &back, a) == RC_OK);
    assert(slice_equal(text, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct slice input = slice_from((const char *)data, size);
    struct arena *a;

    if (arena_open(&a, ROOM) != RC_OK)
        return 0;
    sign_in(input, a);
    sign_in(base64_encode(a, input), a);
    arena_close(a);
    return 0;
}

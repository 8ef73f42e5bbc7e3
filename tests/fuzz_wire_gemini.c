/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON as a Gemini client's body: refused with the name of a field, or read, and
 * then the dialects write it as JSON, or say what they can not say. What our own
 * dialect has written, it reads again. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/wire.h"

enum {
    ARENA_MAX = 16 << 20,
    OUT_MAX = 4 << 20
};

static const struct wire *const wires[] = {&wire_gemini, &wire_chat, &wire_messages};

static bool is_json(struct slice text, struct arena *a)
{
    const struct json_limits limits = {
        .depth = JSON_DEPTH_MAX, .containers = 1000000, .keys = 4000000};

    return json_guard(text, &limits, NULL, 0, NULL, a) == RC_OK;
}

static void write_all(const struct conversation *c, struct arena *a)
{
    static const struct slice models[] = {{"gemini-2.5-pro", 14}, {"gemini-3-pro", 12}};
    struct conversation again;
    struct losses lost;
    struct buf out;

    buf_init(&out, OUT_MAX);
    for (size_t i = 0; i < 2 * sizeof(wires) / sizeof(wires[0]); i++) {
        const struct wire *w = wires[i / 2];
        const struct wire_target t = {.model = models[i % 2], .max_output_tokens = 100};
        struct wire_fault fault = {.param = NULL};
        enum rc rc;

        buf_reset(&out);
        lost.count = 0;
        rc = w->write(&out, c, &t, &lost, &fault, a);
        assert(rc == RC_OK || rc == RC_BAD_INPUT || rc == RC_NOMEM);
        assert(rc != RC_BAD_INPUT || fault.detail != NULL);
        if (rc != RC_OK)
            continue;
        assert(is_json(buf_slice(&out), a) || arena_spent(a));
        if (i < 2 && !arena_spent(a))
            (void)!wire_gemini.read(&again, &fault, buf_slice(&out), a);
    }
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct slice body = slice_from((const char *)bytes, len);
    const struct json_limits limits = {.bytes = 0};
    struct wire_fault fault = {.param = NULL};
    struct conversation c;
    struct arena *a;
    enum rc rc;

    if (arena_open(&a, ARENA_MAX) != RC_OK)
        return 0;
    if (json_guard(body, &limits, NULL, 0, NULL, a) == RC_OK) {
        rc = wire_gemini.read(&c, &fault, body, a);
        assert(rc == RC_OK || rc == RC_BAD_INPUT || rc == RC_NOMEM);
        assert(rc != RC_BAD_INPUT || arena_spent(a) ||
               (fault.detail != NULL && fault.param != NULL));
        if (rc == RC_OK)
            write_all(&c, a);
    }
    arena_close(a);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Any JSON as a client's chat completion, or completion: refused with the name of a
 * field, or read, and then written as JSON for vendors with any habits. What is written
 * for one without habits is read again. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway/wire.h"

enum {
    ARENA_MAX = 8 << 20,
    OUT_MAX = 4 << 20
};

static bool is_json(struct slice text, struct arena *a)
{
    const struct json_limits limits = {
        .depth = JSON_DEPTH_MAX, .containers = 1000000, .keys = 4000000};

    return json_guard(text, &limits, NULL, 0, NULL, a) == RC_OK;
}

/* What is said again must be readable, once it could be said. */
static void read_again(struct slice body, struct arena *a)
{
    struct wire_fault fault = {.param = NULL};
    struct conversation again;
    enum rc rc;

    if (arena_spent(a))
        return;
    rc = wire_chat.read(&again, &fault, body, a);
    assert(rc == RC_OK || rc == RC_NOMEM || arena_spent(a));
}

static void write_one(const struct conversation *c, unsigned quirks, struct arena *a)
{
    const struct wire_target t = {.model = SLICE("m"),
                                  .quirks = quirks,
                                  .stream = (quirks & 1) != 0,
                                  .bound_forced = (quirks & 2) != 0,
                                  .output_bound = 9};
    struct wire_fault fault = {.param = NULL};
    struct losses lost = {.count = 0};
    struct buf out;
    enum rc rc;

    buf_init(&out, OUT_MAX);
    rc = wire_chat.write(&out, c, &t, &lost, &fault, a);
    assert(rc == RC_OK || rc == RC_BAD_INPUT || rc == RC_NOMEM);
    assert(rc != RC_BAD_INPUT || fault.detail != NULL || arena_spent(a));
    if (rc == RC_OK) {
        assert(is_json(buf_slice(&out), a) || arena_spent(a));
        if (quirks == 0)
            read_again(buf_slice(&out), a);
    }
    buf_free(&out);
}

static void read_with(const struct wire *w, struct slice body, struct arena *a)
{
    struct wire_fault fault = {.param = NULL};
    struct conversation c;
    unsigned quirks = (unsigned)body.len * 2654435761u;
    enum rc rc = w->read(&c, &fault, body, a);

    assert(rc == RC_OK || rc == RC_BAD_INPUT || rc == RC_NOMEM);
    assert(rc != RC_BAD_INPUT || arena_spent(a) ||
           (fault.detail != NULL && fault.param != NULL));
    if (rc != RC_OK)
        return;
    write_one(&c, 0, a);
    for (int i = 0; i < 4; i++, quirks = quirks * 1664525u + 1013904223u)
        write_one(&c, quirks, a);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const struct slice body = slice_from((const char *)bytes, len);
    const struct json_limits limits = {.bytes = 0};
    struct arena *a;

    if (arena_open(&a, ARENA_MAX) != RC_OK)
        return 0;
    if (json_guard(body, &limits, NULL, 0, NULL, a) == RC_OK) {
        read_with(&wire_chat, body, a);
        read_with(&wire_completions, body, a);
    }
    arena_close(a);
    return 0;
}

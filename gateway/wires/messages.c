/* SPDX-License-Identifier: Apache-2.0 */
/* Anthropic Messages, spoken by Claude Code and Anthropic's SDKs, and by Anthropic. */
#include "gateway/wires/messages_int.h"

#include "gateway/wires/json_body.h"

#include <string.h>

static const char *const fields[] = {"model", "max_tokens", "messages", NULL};

/* ---- Reasoning of others ---- */

static bool is_marked(struct slice raw)
{
    return slice_starts(raw, SLICE("\"" MESSAGES_FOREIGN));
}

/* A block that we made of another vendor's reasoning: Anthropic refuses signatures that
 * are not its own. */
static bool is_foreign(struct slice block)
{
    static const char *const names[] = {"type", "signature", "data"};
    struct slice v[3];

    json_body_pick(v, names, 3, block);
    return (json_body_is(v[0], "thinking") && is_marked(v[1])) ||
           (json_body_is(v[0], "redacted_thinking") && is_marked(v[2]));
}

/* The blocks that are left, with commas; how many. */
static unsigned keep_blocks(struct buf *out, struct slice content)
{
    struct slice block;
    unsigned kept = 0;
    size_t at = 0;

    while (json_raw_element(&block, content, &at) != JSON_ABSENT) {
        if (is_foreign(block))
            continue;
        if (kept++ > 0)
            buf_append_char(out, ',');
        buf_append(out, block);
    }
    return kept;
}

/* Appends a message without them; nothing, if nothing is left of it. */
static bool keep_message(struct buf *out, struct slice message, struct buf *blocks)
{
    struct slice key, value, content;
    bool any = false;
    size_t at = 0;

    buf_reset(blocks);
    if (json_raw_member(&content, message, "content") != JSON_ARRAY) {
        buf_append(out, message);
        return true;
    }
    if (keep_blocks(blocks, content) == 0)
        return false;
    buf_append_char(out, '{');
    while (json_raw_next(&key, &value, message, &at) != JSON_ABSENT) {
        if (any)
            buf_append_char(out, ',');
        any = true;
        buf_append(out, key);
        buf_append_char(out, ':');
        if (value.bytes != content.bytes) {
            buf_append(out, value);
            continue;
        }
        buf_append_char(out, '[');
        buf_append(out, buf_slice(blocks));
        buf_append_char(out, ']');
    }
    buf_append_char(out, '}');
    return true;
}

/* A client may have talked to another model before, and sends all of that. */
static struct slice without_foreign(struct slice messages, struct arena *a)
{
    struct buf out, blocks;
    struct slice message, whole;
    size_t at = 0;

    buf_init(&out, messages.len + 16);
    buf_init(&blocks, messages.len + 16);
    buf_append_char(&out, '[');
    while (json_raw_element(&message, messages, &at) != JSON_ABSENT) {
        const bool first = buf_len(&out) == 1;
        struct buf one;

        buf_init(&one, messages.len + 16);
        if (keep_message(&one, message, &blocks)) {
            buf_append_str(&out, first ? "" : ",");
            buf_append(&out, buf_slice(&one));
        }
        buf_free(&one);
    }
    buf_append_char(&out, ']');
    whole = arena_slice(a, buf_slice(&out));
    buf_free(&out);
    buf_free(&blocks);
    return whole;
}

static const struct json_field *find(const struct json_field *f, size_t count,
                                     const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(f[i].name, name) == 0)
            return &f[i];
    return NULL;
}

static void strip(struct wire_changes *out, struct json_field *f, size_t count,
                  struct arena *a)
{
    const struct json_field *m = find(f, count, "messages");

    if (m != NULL && m->type == JSON_ARRAY &&
        slice_search(m->raw, SLICE("\"" MESSAGES_FOREIGN)) < m->raw.len)
        wire_change(out, f, count, "messages", without_foreign(m->raw, a));
}

/* ---- The wire ---- */

static enum rc adapt(struct wire_changes *out, const struct wire_target *t,
                     struct json_field *f, size_t count, struct wire_fault *fault,
                     struct arena *a)
{
    const struct quoted model = quoted_from(t->model, a);
    const char *bound;

    (void)fault;
    wire_change(out, f, count, "model", model.json);
    strip(out, f, count, a);
    if (t->bound_forced) {
        bound = arena_printf(a, "%llu", (unsigned long long)t->output_bound);
        wire_change(out, f, count, "max_tokens", slice_str(bound));
    }
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

/* In a stream the message_delta has it: the first event's, inside its message, is not
 * the last word. */
static struct slice usage_at(struct slice json)
{
    struct slice usage;

    return json_raw_member(&usage, json, "usage") == JSON_OBJECT ? usage : SLICE_NONE;
}

const struct wire wire_messages = {
    .name = "messages",
    .signed_by = MESSAGES_SIGNED_BY,
    .framing = WIRE_SSE,
    .done = NULL,
    .read = messages__read,
    .write = messages__write,
    .answer = messages__answer,
    .open = messages__open,
    .event = messages__event,
    .ended = NULL,
    .fields = fields,
    .adapt = adapt,
    .usage_at = usage_at,
    .without_usage = NULL,
    .out_open = messages__out_open,
    .out_close = messages__out_close,
    .out_event = messages__out_event,
    .out_end = messages__out_end,
    .out_error = messages__out_error,
};

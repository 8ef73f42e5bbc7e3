/* SPDX-License-Identifier: Apache-2.0 */
/* Anthropic Messages, spoken by Claude Code and Anthropic's SDKs, and by Anthropic. */
#include "gateway/wires/messages_int.h"

static const char *const fields[] = {"model", "max_tokens", NULL};

static enum rc adapt(struct wire_changes *out, const struct wire_target *t,
                     struct json_field *f, size_t count, struct wire_fault *fault,
                     struct arena *a)
{
    const struct quoted model = quoted_from(t->model, a);
    const char *bound;

    (void)fault;
    wire_change(out, f, count, "model", model.json);
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

/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAI's Responses: the wire, and its short way. */
#include "gateway/wires/json_body.h"
#include "gateway/wires/responses_int.h"

#include <string.h>

static const char *const fields[] = {"model", "max_output_tokens", "input", NULL};

/* Whether an item is reasoning of another maker, in our seal. */
static bool is_sealed(struct slice item)
{
    struct slice sealed;

    return json_raw_member(&sealed, item, "encrypted_content") == JSON_STRING &&
           slice_starts(slice_sub(sealed, 1, sealed.len), SLICE(RESPONSES_SEAL));
}

static struct slice raw_of(const struct json_field *scanned, size_t count,
                           const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(scanned[i].name, name) == 0)
            return scanned[i].raw;
    return SLICE_NONE;
}

/* Items for others are left out: a client that has changed its model sends back what
 * the last one thought, and OpenAI refuses what it can not decipher. */
static enum rc drop_sealed(struct wire_changes *out, struct json_field *scanned,
                           size_t count, struct arena *a)
{
    const struct slice input = raw_of(scanned, count, "input");
    struct slice item;
    struct buf left;
    size_t at = 0;
    char *room;

    if (slice_search(input, SLICE("\"" RESPONSES_SEAL)) == input.len)
        return RC_OK;
    room = arena_alloc(a, input.len + 2);
    if (room == NULL)
        return RC_NOMEM;
    buf_init_lent(&left, room, input.len + 2);
    buf_append_char(&left, '[');
    while (json_raw_element(&item, input, &at) != JSON_ABSENT) {
        if (is_sealed(item))
            continue;
        if (buf_len(&left) > 1)
            buf_append_char(&left, ',');
        buf_append(&left, item);
    }
    buf_append_char(&left, ']');
    if (json_raw_type(input) == JSON_ARRAY)
        wire_change(out, scanned, count, "input", buf_slice(&left));
    return RC_OK;
}

static enum rc adapt(struct wire_changes *out, const struct wire_target *t,
                     struct json_field *scanned, size_t count, struct wire_fault *fault,
                     struct arena *a)
{
    const struct slice model = quoted_from(t->model, a).json;

    (void)fault;
    if (!slice_equal(raw_of(scanned, count, "model"), model))
        wire_change(out, scanned, count, "model", model); /* else it passes uncopied */
    TRY(drop_sealed(out, scanned, count, a));
    if (t->bound_forced)
        wire_change(
            out, scanned, count, "max_output_tokens",
            slice_str(arena_printf(a, "%llu", (unsigned long long)t->output_bound)));
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

/* Of a whole answer, or of the response that an event carries. */
static struct slice usage_at(struct slice json)
{
    static const char *const names[] = {"response", "usage"};
    struct slice v[2], inner[2];

    json_body_pick(v, names, 2, json);
    if (json_raw_type(v[1]) == JSON_OBJECT)
        return v[1];
    json_body_pick(inner, names, 2, v[0]);
    return json_raw_type(inner[1]) == JSON_OBJECT ? inner[1] : SLICE_NONE;
}

const struct wire wire_responses = {
    .name = "responses",
    .signed_by = RESPONSES_SIGNED_BY,
    .framing = WIRE_SSE,
    .done = "[DONE]", /* OpenAI sends none; servers that copy it do */
    .read = responses__read,
    .write = responses__write,
    .answer = responses__answer,
    .open = responses__open,
    .event = responses__event,
    .fields = fields,
    .adapt = adapt,
    .usage_at = usage_at,
    .out_open = responses__out_open,
    .out_close = responses__out_close,
    .out_event = responses__out_event,
    .out_end = responses__out_end,
    .out_error = responses__out_error,
};

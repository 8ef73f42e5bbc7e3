/* SPDX-License-Identifier: Apache-2.0 */
/* OpenAI's completions, the elder of chat: a text goes on. To a model that is talked to
 * in another dialect the prompt is what the user says; nothing is translated into this
 * one. */
#include "gateway/wires/chat_read.h"

enum {
    OUTPUT_DEFAULT = 16 /* of "max_tokens" here */
};

/* One string; a list of them asks several questions at once, and tokens are one
 * model's own: both are for vendors of this dialect. */
static enum rc read_prompt(struct chat_read *r, struct slice raw)
{
    struct slice prompt = raw, second;
    struct message *m;
    struct part *p;
    size_t at = 0;

    if (json_raw_type(raw) == JSON_ARRAY) {
        if (json_raw_element(&prompt, raw, &at) != JSON_STRING)
            return chat_read_refuse(r, "prompt", "text: this model takes no tokens");
        if (json_raw_element(&second, raw, &at) != JSON_ABSENT)
            return chat_read_refuse(r, "prompt", "one text for this model");
    }
    if (json_raw_type(prompt) != JSON_STRING)
        return chat_read_refuse(r, "prompt", "a string");
    m = conversation_add(r->c, ROLE_USER, r->a);
    p = m == NULL ? NULL : message_add(m, PART_TEXT, r->a);
    if (p == NULL)
        return RC_NOMEM;
    m->path = "prompt";
    p->path = "prompt";
    p->text.json = prompt;
    return RC_OK;
}

/* Values that say nothing are no loss. */
static bool is_default(struct slice key, struct slice raw)
{
    if (json_body_is(key, "echo"))
        return json_raw_type(raw) == JSON_FALSE;
    if (json_body_is(key, "best_of"))
        return slice_equal(raw, SLICE("1"));
    return json_body_is(key, "suffix") && raw.len == 2;
}

static enum rc read_member(struct chat_read *r, struct slice key, struct slice raw)
{
    enum rc rc;

    if (json_raw_type(raw) == JSON_NULL)
        return RC_OK;
    if (json_body_is(key, "prompt"))
        return read_prompt(r, raw);
    rc = chat_read_common(r, key, raw);
    if (rc != RC_NOT_FOUND)
        return rc;
    if (!is_default(key, raw))
        chat_read_extra(r, key, raw);
    return RC_OK;
}

static enum rc read_completion(struct conversation *out, struct wire_fault *fault,
                               struct slice body, struct arena *a)
{
    struct chat_read r = {out, fault, a};
    struct slice key, value;
    size_t at = 0;

    *out = (struct conversation){.choices = 1};
    while (json_raw_next(&key, &value, body, &at) != JSON_ABSENT)
        TRY(read_member(&r, key, value));
    if (arena_spent(a))
        return RC_NOMEM;
    if (out->messages == NULL)
        return chat_read_refuse(&r, "prompt", "a string");
    if (!out->has_output_bound) {
        out->has_output_bound = true;
        out->output_bound = OUTPUT_DEFAULT;
    }
    return RC_OK;
}

const struct wire wire_completions = {
    .name = "completions",
    .framing = WIRE_SSE,
    .done = "[DONE]",
    .read = read_completion,
    .answer = chat_answer,
    .open = chat_open,
    .event = chat_event,
    .fields = chat_completions_fields,
    .adapt = chat_adapt_completions,
    .usage_at = chat_usage_at,
    .without_usage = chat_without_usage,
    .out_open = chat_out_open_completions,
    .out_close = chat_out_close,
    .out_event = chat_out_event,
    .out_end = chat_out_end,
    .out_error = chat_out_error,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/messages/count_tokens: how many tokens a Messages call would put in. Free of
 * charge, for who has a key. A provider that counts is asked; of the models of others a
 * guess is given at once, as good as the one that a call without usage is billed by. */
#include "gateway/api.h"
#include "gateway/apis/messages_check.h"
#include "gateway/model_int.h"

enum {
    MEMORY_MAX = 64 << 20,
    MESSAGE_TOKENS = 4 /* of what stands around each message */
};

static const char *const fields[] = {"model", MESSAGES_CHECK_FIELDS, NULL};

static const struct model_ask ask = {
    .wire = &wire_messages,
    .op = PROVIDER_COUNT_TOKENS,
    .fields = fields,
};

static bool somebody_counts(const struct config_model *model)
{
    for (size_t i = 0; i < model->target_count; i++) {
        const struct config_target *t = &model->targets[i];

        if (t->provider->adapter->has_count_tokens &&
            provider_wire(t->provider, slice_str(t->model), &wire_messages) ==
                &wire_messages)
            return true;
    }
    return false;
}

/* ---- The guess ---- */

struct tally {
    uint64_t bytes;      /* of text */
    uint64_t references; /* images, files */
    uint64_t messages;
};

static void tally_part(struct tally *t, const struct part *p)
{
    switch (p->kind) {
    case PART_TEXT:
    case PART_REASONING:
    case PART_REFUSAL:
        t->bytes += quoted_inside(p->text).len;
        return;
    case PART_TOOL_CALL:
        t->bytes += p->name.len + p->arguments.len;
        return;
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_FILE:
        t->references++;
        return;
    case PART_TOOL_RESULT:
        return;
    }
}

static struct tally tally_up(const struct conversation *c)
{
    struct tally t = {.bytes = c->schema.len};

    for (const struct message *m = c->messages; m != NULL; m = m->next) {
        t.messages++;
        for (const struct part *p = m->parts; p != NULL; p = p->next) {
            tally_part(&t, p);
            for (const struct part *in = p->content; in != NULL; in = in->next)
                tally_part(&t, in);
        }
    }
    for (const struct tool *tool = c->tools; tool != NULL; tool = tool->next)
        t.bytes += tool->name.len + quoted_inside(tool->description).len +
                   tool->schema.len + tool->raw.len;
    return t;
}

static enum rc guess(struct request *r, struct model_call *m, uint64_t *tokens)
{
    struct conversation *talk = arena_new(m->memory, struct conversation);
    struct wire_fault fault = {.param = NULL};
    struct tally t;
    enum rc rc;

    if (talk == NULL)
        return RC_NOMEM;
    rc = wire_messages.read(talk, &fault, m->body, m->memory);
    if (rc == RC_BAD_INPUT)
        return model__refuse(r, &fault);
    TRY(rc);
    t = tally_up(talk);
    *tokens = usage_estimate(t.bytes, 0, 0).in_uncached + t.messages * MESSAGE_TOKENS +
              t.references * r->config->limits.reference_tokens;
    return RC_OK;
}

static enum rc answer_guess(struct request *r, struct model_call *m)
{
    uint64_t tokens = 0;
    const char *text;

    TRY(arena_open(&m->memory, MEMORY_MAX));
    TRY(guess(r, m, &tokens));
    text =
        arena_printf(r->arena, "{\"input_tokens\":%llu}", (unsigned long long)tokens);
    if (text == NULL)
        return RC_NOMEM;
    request_reply(r, 200, "application/json", slice_str(text));
    return RC_OK;
}

static enum rc plan(struct request *r)
{
    struct model_call *m;

    TRY(model_call_begin(&m, r, &ask));
    TRY(messages_check(r, m));
    m->bound_given = true; /* nothing is put out: no bound goes in */
    if (!somebody_counts(m->model))
        return answer_guess(r, m);
    return model_call_quote(r);
}

static const struct api_route routes[] = {
    {"POST", "/v1/messages/count_tokens"},
    {NULL, NULL},
};

extern const struct api api_count_tokens;
const struct api api_count_tokens = {
    .name = "count_tokens",
    .dialect = DIALECT_ANTHROPIC,
    .flags = API_PRICED | API_NEEDS_KEY | API_JSON_BODY,
    .routes = routes,
    .plan = plan,
    MODEL_CALL_FUNCTIONS,
};

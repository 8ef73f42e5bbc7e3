/* SPDX-License-Identifier: Apache-2.0 */
/* What a body of Converse says besides turns and tools: how to sample, how long and
 * whether to think, what form the answer has. */
#include "gateway/wires/converse_int.h"

#include "gateway/wires/closed_schema.h"

#include <stdlib.h>

enum {
    BUDGET_MIN = 1024,    /* tokens of thinking; Claude takes no less */
    BOUND_DEFAULT = 4096, /* of output, where nobody names one and one is needed */
    NUMBER_SIZE = 65      /* the guard passes no longer one */
};

/* ---- Reasoning, and other members that only some models have ---- */

static void begin_extra(struct converse_writer *w)
{
    if (!w->has_extra) {
        json_out_key(&w->o, "additionalModelRequestFields");
        json_out_object(&w->o);
    }
    w->has_extra = true;
}

/* Of a budget, about the effort that has it. */
static enum effort effort_of(const struct conversation *c)
{
    if (c->effort != EFFORT_ABSENT || !c->has_thinking_budget)
        return c->effort;
    if (c->thinking_budget == 0)
        return EFFORT_NONE;
    return c->thinking_budget <= 2048    ? EFFORT_LOW
           : c->thinking_budget <= 8192  ? EFFORT_MEDIUM
           : c->thinking_budget <= 32768 ? EFFORT_HIGH
                                         : EFFORT_XHIGH;
}

/* The highest word of a family is the last that it knows. */
static const char *effort_word(enum effort e, bool is_claude)
{
    static const char *const words[] = {
        [EFFORT_ABSENT] = NULL,   [EFFORT_NONE] = NULL,       [EFFORT_MINIMAL] = "low",
        [EFFORT_LOW] = "low",     [EFFORT_MEDIUM] = "medium", [EFFORT_HIGH] = "high",
        [EFFORT_XHIGH] = "xhigh", [EFFORT_MAX] = "max"};

    return e > EFFORT_HIGH && !is_claude ? "high" : words[e];
}

/* A share of the output, of which thinking is a part. */
static uint64_t budget_of(const struct conversation *c, uint64_t bound)
{
    static const unsigned percent[] = {
        [EFFORT_ABSENT] = 0, [EFFORT_NONE] = 0,    [EFFORT_MINIMAL] = 0,
        [EFFORT_LOW] = 20,   [EFFORT_MEDIUM] = 50, [EFFORT_HIGH] = 80,
        [EFFORT_XHIGH] = 95, [EFFORT_MAX] = 100};
    const uint64_t most = bound < USAGE_TOKENS_MAX ? bound : USAGE_TOKENS_MAX;
    uint64_t budget =
        c->has_thinking_budget ? c->thinking_budget : most * percent[c->effort] / 100;

    if (budget < BUDGET_MIN)
        budget = BUDGET_MIN;
    return budget < bound ? budget : bound - 1;
}

static bool thinks_by_budget(const struct converse_writer *w)
{
    return converse__has_quirk(w, QUIRK_THINKING_BUDGET);
}

/* Thinking does not go on in a loop of tools that was begun without it. */
static bool may_go_on_thinking(const struct conversation *c)
{
    bool calls = false;
    bool thoughts = false;

    for (const struct message *m = c->messages; m != NULL; m = m->next) {
        for (const struct part *p = m->parts; p != NULL; p = p->next) {
            if (m->role == ROLE_USER && p->kind != PART_TOOL_RESULT)
                calls = thoughts = false; /* a user's own words begin a new one */
            calls = calls || p->kind == PART_TOOL_CALL;
            thoughts =
                thoughts || (p->kind == PART_REASONING && converse__goes_back(p));
        }
    }
    return !calls || thoughts;
}

/* Whether this is a Claude that will think; a bound of its output may be needed then.
 */
void converse__decide(struct converse_writer *w)
{
    const struct conversation *c = w->c;
    const uint64_t max = w->t->max_output_tokens;

    w->bound = w->t->bound_forced    ? w->t->output_bound
               : c->has_output_bound ? c->output_bound
                                     : 0;
    if (effort_of(c) <= EFFORT_NONE || w->family != CONVERSE_CLAUDE ||
        w->version < CONVERSE_CLAUDE_THINKS)
        return;
    if (thinks_by_budget(w) && w->bound == 0)
        w->bound = max > 0 ? max : BOUND_DEFAULT;
    w->thinks = !converse__is_forced(c) && may_go_on_thinking(c) &&
                (!thinks_by_budget(w) || w->bound > BUDGET_MIN);
}

static void write_thinking_type(struct converse_writer *w, const char *type,
                                uint64_t budget)
{
    begin_extra(w);
    json_out_key(&w->o, "thinking");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", type);
    if (budget > 0)
        json_out_ku64(&w->o, "budget_tokens", budget);
    else if (w->thinks && w->c->reasoning_shown)
        json_out_kstr(&w->o, "display", "summarized"); /* some models hide it else */
    json_out_end_object(&w->o);
}

static void write_claude_thinking(struct converse_writer *w, enum effort e)
{
    if (w->thinks && thinks_by_budget(w)) {
        write_thinking_type(w, "enabled", budget_of(w->c, w->bound));
    } else if (w->thinks) {
        write_thinking_type(w, "adaptive", 0);
        json_out_key(&w->o, "output_config");
        json_out_object(&w->o);
        json_out_kstr(&w->o, "effort", effort_word(e, true));
        json_out_end_object(&w->o);
    } else if (e > EFFORT_NONE) {
        losses_add(w->lost, "reasoning_effort");
    } else if (!thinks_by_budget(w) && w->version >= CONVERSE_CLAUDE_THINKS) {
        write_thinking_type(w, "disabled", 0);
    }
}

static void write_thinking(struct converse_writer *w)
{
    const enum effort e = effort_of(w->c);
    const char *word = effort_word(e, false);

    if (e == EFFORT_ABSENT)
        return;
    if (w->family == CONVERSE_CLAUDE) {
        write_claude_thinking(w, e);
    } else if (w->family == CONVERSE_NOVA_2 && word != NULL) {
        begin_extra(w);
        json_out_key(&w->o, "reasoningConfig");
        json_out_object(&w->o);
        json_out_kstr(&w->o, "type", "enabled");
        json_out_kstr(&w->o, "maxReasoningEffort", word);
        json_out_end_object(&w->o);
    } else if (w->family == CONVERSE_GPT_OSS && word != NULL) {
        begin_extra(w);
        json_out_kstr(&w->o, "reasoning_effort", word);
    } else if (word != NULL || w->family == CONVERSE_GPT_OSS) {
        losses_add(w->lost, "reasoning_effort"); /* that one cannot be told not to */
    }
}

/* ---- Sampling ---- */

/* Of how it is said, "1" or "1.0", nothing hangs. */
static double number(struct slice raw)
{
    char text[NUMBER_SIZE];

    return slice_to_cstr(text, sizeof(text), raw) == RC_OK ? strtod(text, NULL) : -1;
}

/* Those that may be refused while a Claude thinks. 1 is nearly everybody's default. */
static bool may_sample(struct converse_writer *w, struct slice value, const char *name)
{
    if (value.len == 0)
        return false;
    if (!w->thinks && !converse__has_quirk(w, QUIRK_NO_SAMPLING))
        return true;
    if (number(value) != 1)
        losses_add(w->lost, name);
    return false;
}

/* Converse's temperature ends at 1. */
static void write_temperature(struct converse_writer *w)
{
    const struct slice value = w->c->temperature;
    const bool is_hot = value.len > 0 && number(value) > 1;

    if (!may_sample(w, value, "temperature"))
        return;
    if (is_hot)
        losses_add(w->lost, "temperature");
    json_out_key(&w->o, "temperature");
    json_out_raw(&w->o, is_hot ? SLICE("1") : value);
}

/* Newer Claudes take one of temperature and top_p. */
static void write_top_p(struct converse_writer *w)
{
    const bool one_only =
        w->version >= CONVERSE_CLAUDE_SAMPLES_ONCE && w->c->temperature.len > 0;

    if (!may_sample(w, w->c->top_p, "top_p"))
        return;
    if (one_only) {
        if (number(w->c->top_p) != 1)
            losses_add(w->lost, "top_p");
        return;
    }
    json_out_key(&w->o, "topP");
    json_out_raw(&w->o, w->c->top_p);
}

static void write_top_k(struct converse_writer *w)
{
    const bool is_nova = w->family == CONVERSE_NOVA || w->family == CONVERSE_NOVA_2;

    if (!may_sample(w, w->c->top_k, "top_k"))
        return;
    if (w->family != CONVERSE_CLAUDE && !is_nova) {
        losses_add(w->lost, "top_k");
        return;
    }
    begin_extra(w);
    if (is_nova) {
        json_out_key(&w->o, "inferenceConfig");
        json_out_object(&w->o);
    }
    json_out_key(&w->o, is_nova ? "topK" : "top_k");
    json_out_raw(&w->o, w->c->top_k);
    if (is_nova)
        json_out_end_object(&w->o);
}

void converse__write_extra(struct converse_writer *w)
{
    write_top_k(w);
    write_thinking(w);
    if (w->has_extra)
        json_out_end_object(&w->o);
}

/* ---- Everything else ---- */

void converse__write_inference(struct converse_writer *w)
{
    const struct conversation *c = w->c;

    json_out_key(&w->o, "inferenceConfig");
    json_out_object(&w->o);
    if (w->bound > 0)
        json_out_ku64(&w->o, "maxTokens", w->bound);
    write_temperature(w);
    write_top_p(w);
    if (c->stop_count > 0) {
        json_out_key(&w->o, "stopSequences");
        json_out_array(&w->o);
        for (size_t i = 0; i < c->stop_count; i++)
            json_out_raw(&w->o, c->stop[i].json);
        json_out_end_array(&w->o);
    }
    json_out_end_object(&w->o);
}

/* The schema goes as a text. There is no word for just any JSON. */
enum rc converse__write_form(struct converse_writer *w)
{
    const struct conversation *c = w->c;
    struct slice closed;
    struct quoted schema;

    if (c->form == FORM_TEXT)
        return RC_OK;
    if (c->form == FORM_JSON || converse__has_quirk(w, QUIRK_NO_SCHEMA)) {
        losses_add(w->lost, "response_format");
        return RC_OK;
    }
    TRY(closed_schema(&closed, c->schema, w->lost, w->a));
    schema = quoted_from(closed, w->a);
    if (schema.json.len == 0)
        return RC_NOMEM;
    json_out_key(&w->o, "outputConfig");
    converse__begin(w, "textFormat");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", "json_schema");
    json_out_key(&w->o, "structure");
    converse__begin(w, "jsonSchema");
    json_out_object(&w->o);
    json_out_key(&w->o, "schema");
    json_out_raw(&w->o, schema.json);
    if (c->schema_name.len > 0)
        json_out_kslice(&w->o, "name", c->schema_name);
    if (!quoted_is_empty(c->schema_description)) {
        json_out_key(&w->o, "description");
        json_out_raw(&w->o, c->schema_description.json);
    }
    json_out_end_object(&w->o); /* the value of jsonSchema */
    json_out_end_object(&w->o); /* structure */
    json_out_end_object(&w->o); /* the value of textFormat */
    json_out_end_object(&w->o);
    return RC_OK;
}

void converse__write_tier(struct converse_writer *w)
{
    static const char *const tiers[] = {"default", "flex", "priority"};
    const struct slice asked = w->c->service_tier;

    if (asked.len == 0 || slice_equal_str(asked, "auto"))
        return;
    for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++) {
        if (!slice_equal_str(asked, tiers[i]))
            continue;
        json_out_key(&w->o, "serviceTier");
        json_out_object(&w->o);
        json_out_kstr(&w->o, "type", tiers[i]);
        json_out_end_object(&w->o);
        return;
    }
    losses_add(w->lost, "service_tier");
}

void converse__lose_rest(struct converse_writer *w)
{
    const struct conversation *c = w->c;

    const struct {
        bool given;
        const char *name;
    } rest[] = {
        {c->choices > 1, "n"},
        {c->frequency_penalty.len > 0, "frequency_penalty"},
        {c->presence_penalty.len > 0, "presence_penalty"},
        {c->seed.len > 0, "seed"},
        {slice_equal_str(c->logprobs, "true"), "logprobs"},
        {c->top_logprobs.len > 0, "top_logprobs"},
        {c->logit_bias.len > 0, "logit_bias"},
        {c->user.json.len > 0, "user"},
        {c->metadata.len > 0, "metadata"},
        {c->verbosity.len > 0, "verbosity"},
        {slice_equal_str(c->parallel_calls, "false"), "parallel_tool_calls"},
    };

    for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++)
        if (rest[i].given)
            losses_add(w->lost, rest[i].name);
    losses_extras(w->lost, c, w->a);
}

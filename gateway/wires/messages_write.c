/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation as the body of a Messages request: all but its turns
 * (messages_turns.c). */
#include "gateway/wires/messages_write.h"

#include "gateway/wires/closed_schema.h"
#include "gateway/wires/json_fields.h"

#include <ctype.h>
#include <stdlib.h>

enum {
    MARKS_MAX = 4,        /* cache marks in one request */
    BOUND_DEFAULT = 4096, /* of a model whose largest output nobody knows */
    BUDGET_MIN = 1024,    /* tokens of thinking */
    NUMBER_SIZE = 65      /* the guard's longest number */
};

void messages__mark(struct writer *w, bool cached, bool cached_1h)
{
    if (!cached || w->marks >= MARKS_MAX)
        return;
    w->marks++;
    json_out_key(&w->o, "cache_control");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", "ephemeral");
    if (cached_1h)
        json_out_kstr(&w->o, "ttl", "1h");
    json_out_end_object(&w->o);
}

static void lose_if(struct writer *w, bool is_set, const char *name)
{
    if (is_set)
        losses_add(w->lost, name);
}

/* ---- Tools ---- */

/* Anthropic's own tools carry the date of their version: "web_search_20250305". No
 * other vendor's do. */
static bool is_anthropics(struct slice raw)
{
    struct slice type;
    size_t digits = 0;

    if (json_raw_member(&type, raw, "type") != JSON_STRING)
        return false;
    while (digits < 8 && type.len > digits + 2 &&
           isdigit((unsigned char)type.bytes[type.len - 2 - digits]))
        digits++;
    return digits == 8 && type.bytes[type.len - 10] == '_';
}

static bool can_write(const struct tool *t)
{
    switch (t->kind) {
    case TOOL_FUNCTION:
        return true;
    case TOOL_CUSTOM:
        return false;
    case TOOL_HOSTED:
        return is_anthropics(t->raw);
    }
    return false;
}

/* A schema that the model is held to; if it can not be made, as it came. */
static struct slice closed(struct writer *w, struct slice schema)
{
    struct slice out;

    if (schema.len == 0)
        return SLICE("{}");
    return closed_schema(&out, schema, w->lost, w->a) == RC_OK ? out : schema;
}

/* A schema must say that it is one of an object. */
static void write_schema(struct writer *w, struct slice schema)
{
    struct slice key, value;
    size_t at = 0;

    json_out_key(&w->o, "input_schema");
    if (schema.len > 0 && json_raw_member(&value, schema, "type") != JSON_ABSENT) {
        json_out_raw(&w->o, schema);
        return;
    }
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", "object");
    if (schema.len == 0) {
        json_out_key(&w->o, "properties");
        json_out_raw(&w->o, SLICE("{}"));
    }
    while (json_raw_next(&key, &value, schema, &at) != JSON_ABSENT) {
        struct slice name;

        if (json_raw_string(&name, key, w->a) != RC_OK)
            break;
        json_out_key(&w->o, arena_copy(w->a, name.bytes, name.len));
        json_out_raw(&w->o, value);
    }
    json_out_end_object(&w->o);
}

static void write_function(struct writer *w, const struct tool *t)
{
    const bool asked = json_raw_type(t->strict) == JSON_TRUE;
    const bool strict = asked && !(w->t->quirks & QUIRK_NO_SCHEMA);

    json_out_object(&w->o);
    json_out_kslice(&w->o, "name", t->name);
    if (t->description.json.len > 0)
        body_put_quoted(&w->o, "description", t->description);
    write_schema(w, strict && t->schema.len > 0 ? closed(w, t->schema) : t->schema);
    lose_if(w, asked && !strict, "strict");
    if (strict)
        json_out_kbool(&w->o, "strict", true);
    messages__mark(w, t->cached, t->cached_1h);
    json_out_end_object(&w->o);
}

static bool write_tools(struct writer *w)
{
    bool any = false;

    for (const struct tool *t = w->c->tools; t != NULL; t = t->next) {
        if (!can_write(t)) {
            losses_add(w->lost, t->path);
            continue;
        }
        if (!any) {
            json_out_key(&w->o, "tools");
            json_out_array(&w->o);
        }
        any = true;
        if (t->kind == TOOL_HOSTED)
            json_out_raw(&w->o, t->raw);
        else
            write_function(w, t);
    }
    if (any)
        json_out_end_array(&w->o);
    return any;
}

static const char *choice_word(enum tool_choice choice)
{
    switch (choice) {
    case TOOL_CHOICE_ABSENT:
    case TOOL_CHOICE_AUTO:
        return "auto";
    case TOOL_CHOICE_NONE:
        return "none";
    case TOOL_CHOICE_REQUIRED:
        return "any";
    case TOOL_CHOICE_NAMED:
        return "tool";
    }
    return NULL;
}

static void write_tool_choice(struct writer *w)
{
    const struct conversation *c = w->c;
    const bool one = json_raw_type(c->parallel_calls) == JSON_FALSE &&
                     c->tool_choice != TOOL_CHOICE_NONE;

    if (c->tool_choice == TOOL_CHOICE_ABSENT && !one)
        return;
    json_out_key(&w->o, "tool_choice");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", choice_word(c->tool_choice));
    if (c->tool_choice == TOOL_CHOICE_NAMED)
        json_out_kslice(&w->o, "name", c->tool_name);
    if (one)
        json_out_kbool(&w->o, "disable_parallel_tool_use", true);
    json_out_end_object(&w->o);
}

/* ---- Reasoning ---- */

static const char *effort_word(enum effort e)
{
    switch (e) {
    case EFFORT_ABSENT:
    case EFFORT_NONE:
        return NULL;
    case EFFORT_MINIMAL:
    case EFFORT_LOW:
        return "low";
    case EFFORT_MEDIUM:
        return "medium";
    case EFFORT_HIGH:
        return "high";
    case EFFORT_XHIGH:
        return "xhigh";
    case EFFORT_MAX:
        return "max";
    }
    return NULL;
}

/* A share of the output bound, which thinking is part of. */
static uint64_t budget_of(enum effort e, uint64_t bound)
{
    switch (e) {
    case EFFORT_ABSENT:
    case EFFORT_NONE:
        return 0;
    case EFFORT_MINIMAL:
        return BUDGET_MIN;
    case EFFORT_LOW:
        return bound / 5;
    case EFFORT_MEDIUM:
        return bound / 2;
    case EFFORT_HIGH:
        return bound / 5 * 4;
    case EFFORT_XHIGH:
        return bound / 20 * 19;
    case EFFORT_MAX:
        return bound - 1;
    }
    return 0;
}

static enum effort effort_of(const struct conversation *c)
{
    if (!c->has_thinking_budget || c->effort != EFFORT_ABSENT)
        return c->effort;
    if (c->thinking_budget == 0)
        return EFFORT_NONE;
    return c->thinking_budget <= 2048    ? EFFORT_LOW
           : c->thinking_budget <= 8192  ? EFFORT_MEDIUM
           : c->thinking_budget <= 32768 ? EFFORT_HIGH
                                         : EFFORT_XHIGH;
}

static void write_thinking_type(struct writer *w, const char *type, uint64_t budget)
{
    json_out_key(&w->o, "thinking");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", type);
    if (budget > 0)
        json_out_ku64(&w->o, "budget_tokens", budget);
    else if (w->c->reasoning_shown && w->thinks)
        json_out_kstr(&w->o, "display", "summarized"); /* some models hide it else */
    json_out_end_object(&w->o);
}

/* Thinking by a budget goes with no forced tool, and not on in a tool loop that was
 * begun without it. */
static void write_budget(struct writer *w)
{
    const struct conversation *c = w->c;
    uint64_t budget = c->has_thinking_budget ? c->thinking_budget
                                             : budget_of(c->effort, w->max_tokens);

    if (budget == 0 || c->effort == EFFORT_NONE)
        return;
    if (c->tool_choice == TOOL_CHOICE_REQUIRED || c->tool_choice == TOOL_CHOICE_NAMED ||
        w->max_tokens <= BUDGET_MIN || !messages__may_think(c)) {
        losses_add(w->lost, "reasoning_effort");
        return;
    }
    if (budget < BUDGET_MIN)
        budget = BUDGET_MIN;
    if (budget >= w->max_tokens)
        budget = w->max_tokens - 1;
    w->thinks = true;
    write_thinking_type(w, "enabled", budget);
}

static void write_thinking(struct writer *w)
{
    const enum effort e = effort_of(w->c);

    if (e == EFFORT_ABSENT)
        return;
    if (w->t->quirks & QUIRK_NO_THINKING) {
        lose_if(w, e != EFFORT_NONE, "reasoning_effort");
    } else if (w->t->quirks & QUIRK_THINKING_BUDGET) {
        write_budget(w);
    } else if (e == EFFORT_NONE) {
        write_thinking_type(w, "disabled", 0);
    } else {
        w->thinks = true;
        write_thinking_type(w, "adaptive", 0);
    }
}

static void write_output_config(struct writer *w)
{
    const unsigned no_effort = QUIRK_NO_THINKING | QUIRK_THINKING_BUDGET;
    const char *effort = w->t->quirks & no_effort ? NULL : effort_word(effort_of(w->c));
    const bool format = w->c->form == FORM_SCHEMA && !(w->t->quirks & QUIRK_NO_SCHEMA);

    lose_if(w, w->c->form != FORM_TEXT && !format, "response_format");
    if (effort == NULL && !format)
        return;
    json_out_key(&w->o, "output_config");
    json_out_object(&w->o);
    if (effort != NULL)
        json_out_kstr(&w->o, "effort", effort);
    if (format) {
        json_out_key(&w->o, "format");
        json_out_object(&w->o);
        json_out_kstr(&w->o, "type", "json_schema");
        json_out_key(&w->o, "schema");
        json_out_raw(&w->o, closed(w, w->c->schema));
        json_out_end_object(&w->o);
    }
    json_out_end_object(&w->o);
}

/* ---- Sampling ---- */

/* Of how it is said, "1" or "1.0", nothing hangs. */
static double number(struct slice raw)
{
    char text[NUMBER_SIZE];

    return slice_to_cstr(text, sizeof(text), raw) == RC_OK ? strtod(text, NULL) : -1;
}

static void write_number(struct writer *w, const char *key, struct slice raw)
{
    json_out_key(&w->o, key);
    json_out_raw(&w->o, raw);
}

/* Anthropic's temperature ends at 1; newer models take one of temperature and top_p;
 * while a model thinks by a budget, it takes neither. 1 is the default of both. */
static void write_sampling(struct writer *w)
{
    const struct conversation *c = w->c;
    const bool none = w->t->quirks & QUIRK_NO_SAMPLING || w->thinks;
    const bool warm = c->temperature.len > 0 && number(c->temperature) != 1;
    const bool narrow = c->top_p.len > 0 && number(c->top_p) != 1;
    const bool hot = warm && number(c->temperature) > 1;

    lose_if(w, (warm && none) || hot, "temperature");
    lose_if(w, narrow && (none || warm), "top_p");
    lose_if(w, c->top_k.len > 0 && none, "top_k");
    if (none)
        return;
    if (warm)
        write_number(w, "temperature", hot ? SLICE("1") : c->temperature);
    else if (narrow)
        write_number(w, "top_p", c->top_p);
    if (c->top_k.len > 0)
        write_number(w, "top_k", c->top_k);
}

/* ---- The rest ---- */

static bool is_blank(struct quoted q, struct arena *a)
{
    struct slice plain;

    if (quoted_open(&plain, q, a) != RC_OK)
        return true;
    for (size_t i = 0; i < plain.len; i++)
        if (!isspace((unsigned char)plain.bytes[i]))
            return false;
    return true;
}

/* Blank ones are refused. */
static void write_stop(struct writer *w)
{
    bool any = false;

    for (size_t i = 0; i < w->c->stop_count; i++) {
        if (is_blank(w->c->stop[i], w->a)) {
            losses_add(w->lost, "stop");
            continue;
        }
        if (!any) {
            json_out_key(&w->o, "stop_sequences");
            json_out_array(&w->o);
        }
        any = true;
        json_out_raw(&w->o, w->c->stop[i].json);
    }
    if (any)
        json_out_end_array(&w->o);
}

static void write_user(struct writer *w)
{
    if (quoted_is_empty(w->c->user))
        return;
    json_out_key(&w->o, "metadata");
    json_out_object(&w->o);
    body_put_quoted(&w->o, "user_id", w->c->user);
    json_out_end_object(&w->o);
}

static void write_tier(struct writer *w)
{
    const struct slice tier = w->c->service_tier;

    if (slice_equal(tier, SLICE("auto")) || slice_equal(tier, SLICE("priority")))
        json_out_kstr(&w->o, "service_tier", "auto");
    else if (slice_equal(tier, SLICE("default")))
        json_out_kstr(&w->o, "service_tier", "standard_only");
    else
        lose_if(w, tier.len > 0, "service_tier");
}

static bool is_zero(struct slice raw)
{
    return raw.len == 0 || number(raw) == 0;
}

static void lose_the_rest(struct writer *w)
{
    const struct conversation *c = w->c;

    lose_if(w, c->choices > 1, "n");
    lose_if(w, !is_zero(c->frequency_penalty), "frequency_penalty");
    lose_if(w, !is_zero(c->presence_penalty), "presence_penalty");
    lose_if(w, c->seed.len > 0, "seed");
    lose_if(w, json_raw_type(c->logprobs) == JSON_TRUE, "logprobs");
    lose_if(w, !is_zero(c->top_logprobs), "top_logprobs");
    lose_if(w, c->logit_bias.len > 2, "logit_bias");
    lose_if(w, c->verbosity.len > 0 && !slice_equal(c->verbosity, SLICE("medium")),
            "verbosity");
    lose_if(w, c->metadata.len > 2, "metadata");
    for (const struct message *m = c->messages; m != NULL; m = m->next)
        lose_if(w, m->name.len > 0, "name");
    losses_extras(w->lost, c, w->a);
}

/* What the client bounds, within what the model can do: Anthropic refuses more. */
static uint64_t bound_of(const struct conversation *c, const struct wire_target *t)
{
    const uint64_t most =
        t->max_output_tokens > 0 ? t->max_output_tokens : (uint64_t)BOUND_DEFAULT;

    if (t->bound_forced)
        return t->output_bound;
    if (!c->has_output_bound)
        return most;
    return t->max_output_tokens > 0 && c->output_bound > most ? most : c->output_bound;
}

enum rc messages__write(struct buf *out, const struct conversation *c,
                        const struct wire_target *t, struct losses *lost,
                        struct wire_fault *fault, struct arena *a)
{
    struct writer w = {.c = c,
                       .t = t,
                       .lost = lost,
                       .fault = fault,
                       .a = a,
                       .max_tokens = bound_of(c, t)};

    json_out_init(&w.o, out);
    json_out_object(&w.o);
    json_out_kslice(&w.o, "model", t->model);
    json_out_ku64(&w.o, "max_tokens", w.max_tokens);
    TRY(messages__write_turns(&w));
    if (write_tools(&w))
        write_tool_choice(&w);
    else
        lose_if(&w,
                c->tool_choice == TOOL_CHOICE_REQUIRED ||
                    c->tool_choice == TOOL_CHOICE_NAMED,
                "tool_choice");
    write_thinking(&w);
    write_output_config(&w);
    write_sampling(&w);
    write_stop(&w);
    write_user(&w);
    write_tier(&w);
    if (t->stream)
        json_out_kbool(&w.o, "stream", true);
    json_out_end_object(&w.o);
    lose_the_rest(&w);
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

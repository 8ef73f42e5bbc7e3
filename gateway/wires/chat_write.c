/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation as a chat completion for a vendor, but for its messages. Marks of what
 * may be cached are hints: where the vendor takes none, nothing is lost. */
#include "gateway/wires/chat_write.h"

#include "gateway/wires/chat_words.h"

enum {
    STOP_MAX = 4 /* OpenAI's; nobody is known to take fewer */
};

void chat_write_cache(struct chat_write *w, bool cached, bool cached_1h)
{
    if (!cached || !chat_has(w, QUIRK_CACHE_MARKS))
        return;
    json_out_key(w->o, "cache_control");
    json_out_object(w->o);
    json_out_kstr(w->o, "type", "ephemeral");
    if (cached_1h)
        json_out_kstr(w->o, "ttl", "1h");
    json_out_end_object(w->o);
}

/* ---- Sampling ---- */

static bool is_zero(struct slice number)
{
    for (size_t i = 0; i < number.len; i++)
        if (number.bytes[i] >= '1' && number.bytes[i] <= '9')
            return false;
    return true;
}

/* A member that the vendor may not know: written, or lost unless it says nothing. */
static void put(struct chat_write *w, const char *name, struct slice raw, bool known,
                bool says_nothing)
{
    if (raw.len == 0)
        return;
    if (known)
        body_put_raw(w->o, name, raw);
    else if (!says_nothing)
        losses_add(w->lost, name);
}

static void put_sampling(struct chat_write *w)
{
    const struct conversation *c = w->c;
    const bool sampling = !chat_has(w, QUIRK_NO_SAMPLING);
    const bool all = !chat_has(w, QUIRK_NO_LOGPROBS);
    const bool penalties = sampling && !chat_has(w, QUIRK_NO_STOP);
    const bool asked = slice_equal(c->logprobs, SLICE("true"));

    put(w, "temperature", c->temperature, sampling,
        slice_equal(c->temperature, SLICE("1")));
    put(w, "top_p", c->top_p, sampling, slice_equal(c->top_p, SLICE("1")));
    put(w, "top_k", c->top_k, sampling && chat_has(w, QUIRK_TOP_K), false);
    put(w, "frequency_penalty", c->frequency_penalty, penalties,
        is_zero(c->frequency_penalty));
    put(w, "presence_penalty", c->presence_penalty, penalties,
        is_zero(c->presence_penalty));
    put(w, chat_has(w, QUIRK_RANDOM_SEED) ? "random_seed" : "seed", c->seed, true,
        false);
    put(w, "logprobs", c->logprobs, all, !asked);
    put(w, "top_logprobs", c->top_logprobs, all && asked, !asked);
    put(w, "logit_bias", c->logit_bias, all, false);
    if (c->choices > 1 && chat_has(w, QUIRK_ONE_CHOICE))
        losses_add(w->lost, "n");
    else if (c->choices > 1)
        json_out_ku64(w->o, "n", c->choices);
}

static void put_stop(struct chat_write *w)
{
    const struct conversation *c = w->c;

    if (c->stop_count == 0)
        return;
    if (c->stop_count > STOP_MAX || chat_has(w, QUIRK_NO_STOP))
        losses_add(w->lost, "stop");
    if (chat_has(w, QUIRK_NO_STOP))
        return;
    json_out_key(w->o, "stop");
    json_out_array(w->o);
    for (size_t i = 0; i < c->stop_count && i < STOP_MAX; i++)
        json_out_raw(w->o, c->stop[i].json);
    json_out_end_array(w->o);
}

static void put_bound(struct chat_write *w)
{
    const char *name = chat_bound_name(w->t->quirks);

    if (w->t->bound_forced)
        json_out_ku64(w->o, name, w->t->output_bound);
    else if (w->c->has_output_bound)
        json_out_ku64(w->o, name, w->c->output_bound);
}

/* ---- Reasoning ---- */

/* Tokens that an effort stands for, where a vendor wants a budget; and back. */
static const uint64_t budgets[] = {
    [EFFORT_MINIMAL] = 1024, [EFFORT_LOW] = 2048,    [EFFORT_MEDIUM] = 8192,
    [EFFORT_HIGH] = 16384,   [EFFORT_XHIGH] = 24576, [EFFORT_MAX] = 32768,
};

static enum effort effort_of(const struct conversation *c)
{
    enum effort e = EFFORT_MINIMAL;

    if (c->effort != EFFORT_ABSENT || !c->has_thinking_budget)
        return c->effort;
    if (c->thinking_budget == 0)
        return EFFORT_NONE;
    while (e < EFFORT_HIGH && budgets[e] < c->thinking_budget)
        e++;
    return e;
}

static void put_effort(struct chat_write *w, enum effort effort)
{
    if (!chat_has(w, QUIRK_NO_EFFORT))
        json_out_kstr(w->o, "reasoning_effort", chat_effort_word(effort));
    else if (effort != EFFORT_NONE) /* it does not think, or as it likes */
        losses_add(w->lost, "reasoning_effort");
}

/* {"type":"enabled"}: DeepSeek, Moonshot, Z.ai. */
static void put_switch(struct chat_write *w, enum effort effort)
{
    json_out_key(w->o, "thinking");
    json_out_object(w->o);
    json_out_kstr(w->o, "type", effort == EFFORT_NONE ? "disabled" : "enabled");
    json_out_end_object(w->o);
    if (effort != EFFORT_NONE && !chat_has(w, QUIRK_NO_EFFORT))
        json_out_kstr(w->o, "reasoning_effort", chat_effort_word(effort));
}

/* DashScope. */
static void put_enable(struct chat_write *w, enum effort effort)
{
    json_out_kbool(w->o, "enable_thinking", effort != EFFORT_NONE);
    if (effort != EFFORT_NONE)
        json_out_ku64(w->o, "thinking_budget",
                      w->c->has_thinking_budget ? w->c->thinking_budget
                                                : budgets[effort]);
}

/* OpenRouter. */
static void put_details(struct chat_write *w, enum effort effort)
{
    json_out_key(w->o, "reasoning");
    json_out_object(w->o);
    if (w->c->has_thinking_budget && effort != EFFORT_NONE)
        json_out_ku64(w->o, "max_tokens", w->c->thinking_budget);
    else
        json_out_kstr(w->o, "effort", chat_effort_word(effort));
    if (!w->c->reasoning_shown)
        json_out_kbool(w->o, "exclude", true);
    json_out_end_object(w->o);
}

static void put_reasoning(struct chat_write *w)
{
    const enum effort effort = effort_of(w->c);

    if (effort == EFFORT_ABSENT)
        return;
    if (chat_has(w, QUIRK_NO_THINKING)) {
        if (effort != EFFORT_NONE)
            losses_add(w->lost, "reasoning_effort");
    } else if (chat_has(w, QUIRK_REASONING_DETAILS))
        put_details(w, effort);
    else if (chat_has(w, QUIRK_THINKING_SWITCH))
        put_switch(w, effort);
    else if (chat_has(w, QUIRK_ENABLE_THINKING))
        put_enable(w, effort);
    else
        put_effort(w, effort);
}

/* ---- Structured output ---- */

static void put_schema(struct chat_write *w)
{
    const struct conversation *c = w->c;

    json_out_kstr(w->o, "type", "json_schema");
    json_out_key(w->o, "json_schema");
    json_out_object(w->o);
    json_out_kslice(w->o, "name",
                    c->schema_name.len > 0 ? c->schema_name
                                           : SLICE("structured_output"));
    body_put_raw(w->o, "description", c->schema_description.json);
    body_put_raw(w->o, "schema", c->schema);
    body_put_raw(w->o, "strict", c->schema_strict);
    json_out_end_object(w->o);
}

static void put_format(struct chat_write *w)
{
    if (w->c->form == FORM_TEXT)
        return;
    json_out_key(w->o, "response_format");
    json_out_object(w->o);
    if (w->c->form == FORM_SCHEMA && !chat_has(w, QUIRK_NO_SCHEMA)) {
        put_schema(w);
    } else {
        if (w->c->form == FORM_SCHEMA)
            losses_add(w->lost, "response_format.json_schema");
        json_out_kstr(w->o, "type", "json_object");
    }
    json_out_end_object(w->o);
}

/* ---- Tools ---- */

static void put_function(struct chat_write *w, const struct tool *t)
{
    json_out_object(w->o);
    json_out_kstr(w->o, "type", "function");
    json_out_key(w->o, "function");
    json_out_object(w->o);
    json_out_kslice(w->o, "name", t->name);
    body_put_raw(w->o, "description", t->description.json);
    body_put_raw(w->o, "parameters", t->schema);
    body_put_raw(w->o, "strict", t->strict);
    json_out_end_object(w->o);
    chat_write_cache(w, t->cached, t->cached_1h);
    json_out_end_object(w->o);
}

/* "format" of a custom tool: chat nests a grammar where Responses has it flat. */
static void put_custom_format(struct chat_write *w, const struct json_field *format)
{
    struct json_field f[] = {
        {.name = "type"}, {.name = "syntax"}, {.name = "definition"}};

    body_fields(format->raw, f, 3);
    json_out_key(w->o, "format");
    if (f[1].type != JSON_STRING) {
        json_out_raw(w->o, format->raw);
        return;
    }
    json_out_object(w->o);
    json_out_kstr(w->o, "type", "grammar");
    json_out_key(w->o, "grammar");
    json_out_object(w->o);
    body_put_raw(w->o, "syntax", f[1].raw);
    body_put_raw(w->o, "definition", f[2].raw);
    json_out_end_object(w->o);
    json_out_end_object(w->o);
}

static void put_custom(struct chat_write *w, const struct tool *t)
{
    struct json_field f[] = {{.name = "custom"}, {.name = "format"}};

    body_fields(t->raw, f, 2);
    if (f[0].type == JSON_OBJECT) { /* chat's own */
        json_out_raw(w->o, t->raw);
        return;
    }
    json_out_object(w->o);
    json_out_kstr(w->o, "type", "custom");
    json_out_key(w->o, "custom");
    json_out_object(w->o);
    json_out_kslice(w->o, "name", t->name);
    body_put_raw(w->o, "description", t->description.json);
    if (f[1].type == JSON_OBJECT)
        put_custom_format(w, &f[1]);
    json_out_end_object(w->o);
    json_out_end_object(w->o);
}

static bool can_say(const struct chat_write *w, const struct tool *t)
{
    return t->kind == TOOL_FUNCTION ||
           (t->kind == TOOL_CUSTOM && !chat_has(w, QUIRK_FUNCTIONS_ONLY));
}

/* How many tools the vendor will know; the others are lost. */
static size_t count_tools(struct chat_write *w)
{
    size_t count = 0;

    for (const struct tool *t = w->c->tools; t != NULL; t = t->next)
        if (can_say(w, t))
            count++;
        else
            losses_add(w->lost, t->path);
    return count;
}

static bool is_custom(const struct conversation *c, struct slice name)
{
    for (const struct tool *t = c->tools; t != NULL; t = t->next)
        if (t->kind == TOOL_CUSTOM && slice_equal(t->name, name))
            return true;
    return false;
}

static void put_named(struct chat_write *w)
{
    const char *kind = is_custom(w->c, w->c->tool_name) ? "custom" : "function";

    json_out_object(w->o);
    json_out_kstr(w->o, "type", kind);
    json_out_key(w->o, kind);
    json_out_object(w->o);
    json_out_kslice(w->o, "name", w->c->tool_name);
    json_out_end_object(w->o);
    json_out_end_object(w->o);
}

static void put_choice(struct chat_write *w)
{
    const enum tool_choice choice = w->c->tool_choice;
    const bool forced = choice == TOOL_CHOICE_REQUIRED || choice == TOOL_CHOICE_NAMED;

    if (choice == TOOL_CHOICE_ABSENT)
        return;
    json_out_key(w->o, "tool_choice");
    if (forced && chat_has(w, QUIRK_NO_REQUIRED)) {
        losses_add(w->lost, "tool_choice");
        json_out_str(w->o, "auto");
    } else if (choice == TOOL_CHOICE_NAMED) {
        put_named(w);
    } else if (choice == TOOL_CHOICE_REQUIRED) {
        json_out_str(w->o, chat_has(w, QUIRK_CHOICE_ANY) ? "any" : "required");
    } else {
        json_out_str(w->o, choice == TOOL_CHOICE_NONE ? "none" : "auto");
    }
}

static void put_tools(struct chat_write *w)
{
    if (count_tools(w) == 0)
        return;
    json_out_key(w->o, "tools");
    json_out_array(w->o);
    for (const struct tool *t = w->c->tools; t != NULL; t = t->next) {
        if (!can_say(w, t))
            continue;
        if (t->kind == TOOL_FUNCTION)
            put_function(w, t);
        else
            put_custom(w, t);
    }
    json_out_end_array(w->o);
    put_choice(w);
    if (slice_equal(w->c->parallel_calls, SLICE("false")))
        json_out_kbool(w->o, "parallel_tool_calls", false);
}

/* ---- The rest ---- */

static void put_service(struct chat_write *w)
{
    const struct conversation *c = w->c;
    const bool all = !chat_has(w, QUIRK_FEW_FIELDS);
    struct slice tier = c->service_tier;

    if (slice_equal(tier, SLICE("standard_only"))) /* Anthropic's word */
        tier = SLICE("default");
    if (all && tier.len > 0)
        json_out_kslice(w->o, "service_tier", tier);
    else if (tier.len > 0 && !slice_equal(tier, SLICE("auto")))
        losses_add(w->lost, "service_tier");
    if (all && c->verbosity.len > 0)
        json_out_kslice(w->o, "verbosity", c->verbosity);
    else if (c->verbosity.len > 0 && !slice_equal(c->verbosity, SLICE("medium")))
        losses_add(w->lost, "verbosity");
    put(w, "user", c->user.json, all, quoted_is_empty(c->user));
    if (c->metadata.len > 0) /* only with "store" */
        losses_add(w->lost, "metadata");
}

static void put_stream(struct chat_write *w)
{
    if (!w->t->stream)
        return;
    json_out_kbool(w->o, "stream", true);
    if (chat_has(w, QUIRK_NO_STREAM_OPTIONS))
        return;
    json_out_key(w->o, "stream_options");
    json_out_raw(w->o, SLICE("{\"include_usage\":true}"));
}

enum rc chat_write(struct buf *out, const struct conversation *c,
                   const struct wire_target *t, struct losses *lost,
                   struct wire_fault *fault, struct arena *a)
{
    struct json_out o;
    struct chat_write w = {&o, c, t, lost, fault, a};

    json_out_init(&o, out);
    json_out_object(&o);
    json_out_kslice(&o, "model", t->model);
    json_out_key(&o, "messages");
    TRY(chat_write_messages(&w));
    put_stream(&w);
    put_bound(&w);
    put_sampling(&w);
    put_stop(&w);
    put_reasoning(&w);
    put_format(&w);
    put_tools(&w);
    put_service(&w);
    losses_extras(lost, c, a);
    json_out_end_object(&o);
    return arena_spent(a) || buf_spent(out) ? RC_NOMEM : RC_OK;
}

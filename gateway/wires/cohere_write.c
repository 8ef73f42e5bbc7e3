/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation as a body of Cohere's v2/chat: like OpenAI's chat, with other words.
 */
#include "gateway/wires/cohere.h"

#include "base/json.h"

#include <stdlib.h>

enum {
    STOPS_MAX = 5,
    NUMBER_SIZE = 65,  /* the guard passes no longer one */
    BUDGET_LOW = 1024, /* tokens of thinking */
    BUDGET_MEDIUM = 8192
};

struct writer {
    struct json_out o;
    const struct conversation *c;
    const struct wire_target *t;
    struct losses *lost;
    struct wire_fault *fault;
    struct arena *a;
};

static void lose_if(struct writer *w, bool lost, const char *name)
{
    if (lost)
        losses_add(w->lost, name);
}

/* ---- Messages ---- */

static void begin_message(struct writer *w, const char *role)
{
    json_out_object(&w->o);
    json_out_kstr(&w->o, "role", role);
}

static void write_text(struct writer *w, struct quoted text)
{
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", "text");
    json_out_key(&w->o, "text");
    json_out_raw(&w->o, text.json);
    json_out_end_object(&w->o);
}

static const char *image_type(struct slice type)
{
    static const char *const types[] = {"image/png", "image/jpeg", "image/gif",
                                        "image/webp"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (slice_equal_nocase(type, slice_str(types[i])))
            return types[i];
    return NULL;
}

/* The data is clean inside quotes, and may be long. */
static void write_data_url(struct writer *w, const char *type, struct slice base64)
{
    json_out_raw(&w->o, SLICE("\"data:"));
    buf_append_str(w->o.to, type);
    buf_append_str(w->o.to, ";base64,");
    buf_append(w->o.to, base64);
    buf_append_char(w->o.to, '"');
}

static enum rc write_image(struct writer *w, const struct part *p)
{
    const struct media *m = &p->media;
    const char *type = image_type(m->type);

    if (m->from == MEDIA_ID || (m->from == MEDIA_INLINE && type == NULL))
        return wire_refuse(w->fault, w->a, p->path,
                           "This provider takes png, jpeg, gif and webp images, inline "
                           "or by a URL.");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", "image_url");
    json_out_key(&w->o, "image_url");
    json_out_object(&w->o);
    json_out_key(&w->o, "url");
    if (m->from == MEDIA_URL)
        json_out_slice(&w->o, m->data);
    else
        write_data_url(w, type, m->data);
    if (m->detail.len > 0)
        json_out_kslice(&w->o, "detail", m->detail);
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
    return RC_OK;
}

static bool is_text(const struct part *p)
{
    return (p->kind == PART_TEXT || p->kind == PART_REFUSAL) &&
           !quoted_is_empty(p->text);
}

/* What a content is made of. */
static bool is_content(const struct part *p)
{
    return is_text(p) || p->kind == PART_IMAGE || p->kind == PART_AUDIO ||
           p->kind == PART_FILE;
}

static size_t count_parts(const struct part *p, bool (*is)(const struct part *p))
{
    size_t count = 0;

    for (; p != NULL; p = p->next)
        count += is(p);
    return count;
}

/* "content" of a message: a text, or a list. */
static enum rc write_content(struct writer *w, const struct part *parts)
{
    const size_t count = count_parts(parts, is_content);
    const bool is_list = count != 1 || count_parts(parts, is_text) != 1;

    json_out_key(&w->o, "content");
    if (is_list)
        json_out_array(&w->o);
    for (const struct part *p = parts; p != NULL; p = p->next) {
        if (!is_content(p))
            continue;
        if (p->kind == PART_AUDIO || p->kind == PART_FILE)
            return wire_refuse(w->fault, w->a, p->path,
                               "This provider takes texts and images only.");
        if (p->kind == PART_IMAGE)
            TRY(write_image(w, p));
        else if (is_list)
            write_text(w, p->text);
        else
            json_out_raw(&w->o, p->text.json);
    }
    if (is_list)
        json_out_end_array(&w->o);
    return RC_OK;
}

static enum rc write_result(struct writer *w, const struct part *p)
{
    for (const struct part *piece = p->content; piece != NULL; piece = piece->next)
        if (piece->kind != PART_TEXT)
            return wire_refuse(w->fault, w->a, piece->path,
                               "A tool's result is text at this provider.");
    begin_message(w, "tool");
    json_out_kslice(&w->o, "tool_call_id", p->id);
    if (count_parts(p->content, is_text) == 0)
        json_out_kstr(&w->o, "content", "");
    else
        TRY(write_content(w, p->content));
    json_out_end_object(&w->o);
    return RC_OK;
}

/* Results are messages of their own, before what the user says. */
static enum rc write_user(struct writer *w, const struct message *m)
{
    for (const struct part *p = m->parts; p != NULL; p = p->next)
        if (p->kind == PART_TOOL_RESULT)
            TRY(write_result(w, p));
    if (count_parts(m->parts, is_content) == 0)
        return RC_OK;
    begin_message(w, "user");
    TRY(write_content(w, m->parts));
    json_out_end_object(&w->o);
    return RC_OK;
}

static bool is_call(const struct part *p)
{
    return p->kind == PART_TOOL_CALL;
}

/* Arguments are an object in a text. */
static enum rc write_call(struct writer *w, const struct part *p)
{
    const struct slice arguments = p->arguments.len > 0 ? p->arguments : SLICE("{}");

    if (p->is_custom)
        return wire_refuse(w->fault, w->a, p->path,
                           "This provider has no custom tools.");
    json_out_object(&w->o);
    json_out_kslice(&w->o, "id", p->id);
    json_out_kstr(&w->o, "type", "function");
    json_out_key(&w->o, "function");
    json_out_object(&w->o);
    json_out_kslice(&w->o, "name", p->name);
    json_out_kslice(&w->o, "arguments", arguments);
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
    return RC_OK;
}

/* Reasoning stays here: Cohere's has no signature, and nobody else's may go there. */
static enum rc write_assistant(struct writer *w, const struct message *m)
{
    const size_t calls = count_parts(m->parts, is_call);
    const bool has_content = count_parts(m->parts, is_content) > 0;

    if (calls == 0 && !has_content)
        return RC_OK;
    begin_message(w, "assistant");
    if (has_content)
        TRY(write_content(w, m->parts));
    if (calls > 0) {
        json_out_key(&w->o, "tool_calls");
        json_out_array(&w->o);
        for (const struct part *p = m->parts; p != NULL; p = p->next)
            if (is_call(p))
                TRY(write_call(w, p));
        json_out_end_array(&w->o);
    }
    json_out_end_object(&w->o);
    return RC_OK;
}

static enum rc write_system(struct writer *w, const struct message *m)
{
    for (const struct part *p = m->parts; p != NULL; p = p->next)
        if (p->kind != PART_TEXT)
            return wire_refuse(w->fault, w->a, p->path,
                               "A system message holds text only.");
    if (count_parts(m->parts, is_text) == 0)
        return RC_OK;
    begin_message(w, "system");
    TRY(write_content(w, m->parts));
    json_out_end_object(&w->o);
    return RC_OK;
}

static enum rc write_message(struct writer *w, const struct message *m)
{
    switch (m->role) {
    case ROLE_SYSTEM:
        return write_system(w, m);
    case ROLE_USER:
        return write_user(w, m);
    case ROLE_ASSISTANT:
        return write_assistant(w, m);
    }
    return RC_OK;
}

static enum rc write_messages(struct writer *w)
{
    json_out_key(&w->o, "messages");
    json_out_array(&w->o);
    for (const struct message *m = w->c->messages; m != NULL; m = m->next)
        TRY(write_message(w, m));
    json_out_end_array(&w->o);
    return RC_OK;
}

/* ---- Tools ---- */

static void write_tool(struct writer *w, const struct tool *tool)
{
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", "function");
    json_out_key(&w->o, "function");
    json_out_object(&w->o);
    json_out_kslice(&w->o, "name", tool->name);
    if (!quoted_is_empty(tool->description)) {
        json_out_key(&w->o, "description");
        json_out_raw(&w->o, tool->description.json);
    }
    json_out_key(&w->o, "parameters");
    json_out_raw(&w->o, tool->schema.len > 0
                            ? tool->schema
                            : SLICE("{\"type\":\"object\",\"properties\":{}}"));
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
}

/* One tool that must be called is said by leaving out all others. */
static bool is_offered(const struct writer *w, const struct tool *tool)
{
    return tool->kind == TOOL_FUNCTION && (w->c->tool_choice != TOOL_CHOICE_NAMED ||
                                           slice_equal(tool->name, w->c->tool_name));
}

static void write_tools(struct writer *w)
{
    const enum tool_choice choice = w->c->tool_choice;
    size_t offered = 0, strict = 0;

    for (const struct tool *tool = w->c->tools; tool != NULL; tool = tool->next) {
        lose_if(w, tool->kind != TOOL_FUNCTION, tool->path);
        if (!is_offered(w, tool))
            continue;
        if (offered++ == 0) {
            json_out_key(&w->o, "tools");
            json_out_array(&w->o);
        }
        strict += json_raw_type(tool->strict) == JSON_TRUE;
        write_tool(w, tool);
    }
    if (offered == 0)
        return;
    json_out_end_array(&w->o);
    if (strict == offered)
        json_out_kbool(&w->o, "strict_tools", true);
    lose_if(w, strict > 0 && strict < offered, "strict"); /* all or none */
    if (choice == TOOL_CHOICE_REQUIRED || choice == TOOL_CHOICE_NAMED)
        json_out_kstr(&w->o, "tool_choice", "REQUIRED");
    else if (choice == TOOL_CHOICE_NONE)
        json_out_kstr(&w->o, "tool_choice", "NONE");
}

/* ---- Everything else ---- */

/* Of how it is said, "1" or "1.0", nothing hangs. */
static double number(struct slice raw)
{
    char text[NUMBER_SIZE];

    return slice_to_cstr(text, sizeof(text), raw) == RC_OK ? strtod(text, NULL) : 0;
}

static void write_number(struct writer *w, const char *key, struct slice raw)
{
    if (raw.len == 0)
        return;
    json_out_key(&w->o, key);
    json_out_raw(&w->o, raw);
}

/* Cohere's p ends a little before 1, where it says nothing, and begins behind 0. */
static void write_p(struct writer *w)
{
    const struct slice p = w->c->top_p;

    if (p.len > 0)
        write_number(w, "p",
                     number(p) > 0.99   ? SLICE("0.99")
                     : number(p) < 0.01 ? SLICE("0.01")
                                        : p);
}

/* OpenAI's go from -2 to 2, Cohere's from 0 to 1. */
static void write_penalty(struct writer *w, const char *name, struct slice raw)
{
    const bool fits = raw.len == 0 || (number(raw) >= 0 && number(raw) <= 1);

    lose_if(w, !fits, name);
    if (fits)
        write_number(w, name, raw);
}

static void write_sampling(struct writer *w)
{
    const struct conversation *c = w->c;

    if (w->t->bound_forced)
        json_out_ku64(&w->o, "max_tokens", w->t->output_bound);
    else if (c->has_output_bound)
        json_out_ku64(&w->o, "max_tokens", c->output_bound);
    write_number(w, "temperature", c->temperature);
    write_p(w);
    write_number(w, "k", c->top_k);
    write_number(w, "seed", c->seed);
    write_penalty(w, "frequency_penalty", c->frequency_penalty);
    write_penalty(w, "presence_penalty", c->presence_penalty);
    if (c->stop_count == 0)
        return;
    json_out_key(&w->o, "stop_sequences");
    json_out_array(&w->o);
    for (size_t i = 0; i < c->stop_count && i < STOPS_MAX; i++)
        json_out_raw(&w->o, c->stop[i].json);
    json_out_end_array(&w->o);
    lose_if(w, c->stop_count > STOPS_MAX, "stop");
}

/* Not beside tools, says the manual. */
static void write_form(struct writer *w)
{
    const struct conversation *c = w->c;

    if (c->form == FORM_TEXT)
        return;
    if (c->tools != NULL) {
        losses_add(w->lost, "response_format");
        return;
    }
    json_out_key(&w->o, "response_format");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", "json_object");
    if (c->form == FORM_SCHEMA)
        write_number(w, "json_schema", c->schema);
    json_out_end_object(&w->o);
}

/* Models that reason do it unless they are told not to. Others know no word for it. */
static void write_thinking(struct writer *w)
{
    const struct conversation *c = w->c;
    const bool reasons =
        slice_search(w->t->model, SLICE("reasoning")) < w->t->model.len;
    const bool off =
        c->has_thinking_budget ? c->thinking_budget == 0 : c->effort == EFFORT_NONE;
    const uint64_t budget = c->has_thinking_budget       ? c->thinking_budget
                            : c->effort == EFFORT_MEDIUM ? BUDGET_MEDIUM
                            : c->effort <= EFFORT_LOW    ? BUDGET_LOW
                                                         : 0;

    if (!c->has_thinking_budget && c->effort == EFFORT_ABSENT)
        return;
    lose_if(w, !reasons && !off, "reasoning_effort");
    if (!reasons)
        return;
    json_out_key(&w->o, "thinking");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", off ? "disabled" : "enabled");
    if (!off && budget > 0)
        json_out_ku64(&w->o, "token_budget", budget);
    json_out_end_object(&w->o);
}

static void lose_rest(struct writer *w)
{
    const struct conversation *c = w->c;

    lose_if(w, c->choices > 1, "n");
    lose_if(w, json_raw_type(c->logprobs) == JSON_TRUE, "logprobs");
    lose_if(w, c->top_logprobs.len > 0, "top_logprobs");
    lose_if(w, c->logit_bias.len > 0, "logit_bias");
    lose_if(w, c->user.json.len > 0, "user");
    lose_if(w, c->metadata.len > 0, "metadata");
    lose_if(w,
            c->service_tier.len > 0 && !slice_equal_str(c->service_tier, "auto") &&
                !slice_equal_str(c->service_tier, "default"),
            "service_tier");
    lose_if(w, c->verbosity.len > 0, "verbosity");
    lose_if(w, json_raw_type(c->parallel_calls) == JSON_FALSE, "parallel_tool_calls");
    losses_extras(w->lost, c, w->a);
}

enum rc cohere__write(struct buf *out, const struct conversation *c,
                      const struct wire_target *t, struct losses *lost,
                      struct wire_fault *fault, struct arena *a)
{
    struct writer w = {.c = c, .t = t, .lost = lost, .fault = fault, .a = a};

    json_out_init(&w.o, out);
    json_out_object(&w.o);
    json_out_kslice(&w.o, "model", t->model);
    json_out_kbool(&w.o, "stream", t->stream);
    TRY(write_messages(&w));
    write_tools(&w);
    write_sampling(&w);
    write_form(&w);
    write_thinking(&w);
    lose_rest(&w);
    json_out_end_object(&w.o);
    return arena_spent(a) || buf_spent(out) ? RC_NOMEM : RC_OK;
}

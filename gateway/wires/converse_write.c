/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation as a body of Converse. Turns alternate and the first is the user's;
 * what a tool gave stands in the user's turn, before what the user says; every system
 * message goes to the front; and who has used tools must go on to name some. */
#include "gateway/wires/converse.h"

#include "base/codec.h"
#include "base/json.h"
#include "gateway/wires/converse_media.h"
#include "gateway/wires/json_body.h"

/* A tool that stands for those that the history names and the request does not. */
#define NO_TOOL "no_tool_available"

enum {
    BUDGET_MIN = 1024 /* tokens of thinking; Claude takes no less */
};

struct writer {
    struct json_out o;
    const struct conversation *c;
    const struct wire_target *t;
    struct losses *lost;
    struct wire_fault *fault;
    struct arena *a;
    enum converse_family family;
    struct converse_names names; /* of documents */
    bool has_extra;              /* additionalModelRequestFields was begun */
    bool thinks;
};

enum converse_family converse_family(struct slice model)
{
    static const struct {
        const char *word;
        enum converse_family family;
    } words[] = {
        {"anthropic.", CONVERSE_CLAUDE},      {"claude", CONVERSE_CLAUDE},
        {"amazon.nova-2", CONVERSE_NOVA_2},   {"amazon.nova-", CONVERSE_NOVA},
        {"openai.gpt-oss", CONVERSE_GPT_OSS},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (slice_search(model, slice_str(words[i].word)) < model.len)
            return words[i].family;
    return CONVERSE_OTHER;
}

static bool has_quirk(const struct writer *w, unsigned quirk)
{
    return (w->t->quirks & quirk) != 0;
}

static bool may_cache(const struct writer *w)
{
    return w->family == CONVERSE_CLAUDE || w->family == CONVERSE_NOVA ||
           w->family == CONVERSE_NOVA_2;
}

/* ---- Parts ---- */

/* Reasoning goes back to who has signed it. Without a signature it is of no use to
 * anybody: models take their own only. */
static bool goes_back(const struct part *p)
{
    return !quoted_is_empty(p->signature) &&
           (p->signed_by.len == 0 ||
            slice_equal_str(p->signed_by, wire_converse.signed_by));
}

/* Converse refuses empty texts. */
static bool says_something(struct writer *w, const struct part *p)
{
    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL:
        return !quoted_is_empty(p->text);
    case PART_REASONING:
        if (!goes_back(p))
            losses_add(w->lost, "reasoning");
        return goes_back(p);
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_FILE:
    case PART_TOOL_CALL:
    case PART_TOOL_RESULT:
        break;
    }
    return true;
}

static void begin_block(struct writer *w, const char *name)
{
    json_out_object(&w->o);
    json_out_key(&w->o, name);
}

static void write_text(struct writer *w, struct quoted text)
{
    begin_block(w, "text");
    json_out_raw(&w->o, text.json);
    json_out_end_object(&w->o);
}

/* A block of its own, behind what it marks. Nova has one length of life only. */
static void write_cache_mark(struct writer *w, bool cached, bool cached_1h)
{
    if (!cached || !may_cache(w))
        return;
    begin_block(w, "cachePoint");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", "default");
    if (cached_1h && w->family == CONVERSE_CLAUDE)
        json_out_kstr(&w->o, "ttl", "1h");
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
}

static enum rc write_reasoning(struct writer *w, const struct part *p)
{
    struct slice bytes;

    begin_block(w, "reasoningContent");
    json_out_object(&w->o);
    if (p->is_encrypted) {
        TRY(quoted_open(&bytes, p->signature, w->a));
        json_out_kslice(&w->o, "redactedContent", base64_encode(w->a, bytes));
    } else {
        json_out_key(&w->o, "reasoningText");
        json_out_object(&w->o);
        json_out_key(&w->o, "text");
        json_out_raw(&w->o, p->text.json.len > 0 ? p->text.json : SLICE("\"\""));
        json_out_key(&w->o, "signature");
        json_out_raw(&w->o, p->signature.json);
        json_out_end_object(&w->o);
    }
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
    return RC_OK;
}

static enum rc write_call(struct writer *w, const struct part *p)
{
    if (p->is_custom)
        return wire_refuse(w->fault, w->a, p->path,
                           "This provider has no custom tools.");
    begin_block(w, "toolUse");
    json_out_object(&w->o);
    json_out_kslice(&w->o, "toolUseId", p->id);
    json_out_kslice(&w->o, "name", p->name);
    json_out_key(&w->o, "input");
    json_out_raw(&w->o, p->arguments.len > 0 ? p->arguments : SLICE("{}"));
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
    return RC_OK;
}

static enum rc write_media(struct writer *w, const struct part *p)
{
    return converse_media_write(&w->o, &w->names, p, w->fault, w->a);
}

static enum rc write_result(struct writer *w, const struct part *p)
{
    begin_block(w, "toolResult");
    json_out_object(&w->o);
    json_out_kslice(&w->o, "toolUseId", p->id);
    json_out_key(&w->o, "content");
    json_out_array(&w->o);
    for (const struct part *piece = p->content; piece != NULL; piece = piece->next) {
        if (piece->kind != PART_TEXT)
            TRY(write_media(w, piece));
        else if (!quoted_is_empty(piece->text))
            write_text(w, piece->text);
    }
    json_out_end_array(&w->o);
    if (p->is_error)
        json_out_kstr(&w->o, "status", "error");
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
    return RC_OK;
}

static enum rc write_part(struct writer *w, const struct part *p)
{
    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL:
        write_text(w, p->text);
        break;
    case PART_REASONING:
        TRY(write_reasoning(w, p));
        break;
    case PART_TOOL_CALL:
        TRY(write_call(w, p));
        break;
    case PART_TOOL_RESULT:
        TRY(write_result(w, p));
        break;
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_FILE:
        TRY(write_media(w, p));
        break;
    }
    write_cache_mark(w, p->cached, p->cached_1h);
    return RC_OK;
}

/* ---- Turns ---- */

/* The next message from m on that is in a turn; NULL: none. */
static const struct message *in_turn(struct writer *w, const struct message *m)
{
    for (; m != NULL; m = m->next) {
        if (m->role == ROLE_SYSTEM)
            continue;
        for (const struct part *p = m->parts; p != NULL; p = p->next)
            if (says_something(w, p))
                return m;
    }
    return NULL;
}

/* What tools gave, or everything else, of a message. */
static enum rc write_parts(struct writer *w, const struct message *m, bool results)
{
    for (const struct part *p = m->parts; p != NULL; p = p->next)
        if ((p->kind == PART_TOOL_RESULT) == results && says_something(w, p))
            TRY(write_part(w, p));
    return RC_OK;
}

/* All messages of one side up to the other's next: *m moves on to that one. */
static enum rc write_turn(struct writer *w, const struct message **m)
{
    const struct message *first = *m;
    const struct message *end = first;

    json_out_object(&w->o);
    json_out_kstr(&w->o, "role", first->role == ROLE_USER ? "user" : "assistant");
    json_out_key(&w->o, "content");
    json_out_array(&w->o);
    for (; end != NULL && end->role == first->role; end = in_turn(w, end->next))
        TRY(write_parts(w, end, true));
    for (const struct message *at = first; at != end; at = in_turn(w, at->next))
        TRY(write_parts(w, at, false));
    json_out_end_array(&w->o);
    json_out_end_object(&w->o);
    *m = end;
    return RC_OK;
}

static enum rc write_messages(struct writer *w)
{
    const struct message *m = in_turn(w, w->c->messages);

    if (m == NULL)
        return wire_refuse(w->fault, w->a, "messages",
                           "There is nothing that a user says.");
    if (m->role != ROLE_USER)
        return wire_refuse(w->fault, w->a, m->path,
                           "This provider wants the first turn to be the user's.");
    json_out_key(&w->o, "messages");
    json_out_array(&w->o);
    while (m != NULL)
        TRY(write_turn(w, &m));
    json_out_end_array(&w->o);
    return RC_OK;
}

static enum rc write_system(struct writer *w)
{
    bool begun = false;

    for (const struct message *m = w->c->messages; m != NULL; m = m->next) {
        if (m->role != ROLE_SYSTEM)
            continue;
        for (const struct part *p = m->parts; p != NULL; p = p->next) {
            if (p->kind != PART_TEXT)
                return wire_refuse(w->fault, w->a, p->path,
                                   "A system message holds text only.");
            if (quoted_is_empty(p->text))
                continue;
            if (!begun) {
                json_out_key(&w->o, "system");
                json_out_array(&w->o);
            }
            begun = true;
            TRY(write_part(w, p));
        }
    }
    if (begun)
        json_out_end_array(&w->o);
    return RC_OK;
}

/* ---- Tools ---- */

static bool has_calls(const struct conversation *c)
{
    for (const struct message *m = c->messages; m != NULL; m = m->next)
        for (const struct part *p = m->parts; p != NULL; p = p->next)
            if (p->kind == PART_TOOL_CALL || p->kind == PART_TOOL_RESULT)
                return true;
    return false;
}

/* Nova takes three members of a schema, at its top. */
static void write_nova_schema(struct writer *w, struct slice schema)
{
    static const char *const names[] = {"type", "properties", "required"};
    struct slice v[sizeof(names) / sizeof(names[0])];

    json_body_pick(v, names, sizeof(names) / sizeof(names[0]), schema);
    json_out_object(&w->o);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (v[i].len == 0)
            continue;
        json_out_key(&w->o, names[i]);
        json_out_raw(&w->o, v[i]);
    }
    json_out_end_object(&w->o);
}

static void write_schema(struct writer *w, struct slice schema)
{
    begin_block(w, "json");
    if (schema.len == 0)
        json_out_raw(&w->o, SLICE("{\"type\":\"object\",\"properties\":{}}"));
    else if (w->family == CONVERSE_NOVA || w->family == CONVERSE_NOVA_2)
        write_nova_schema(w, schema);
    else
        json_out_raw(&w->o, schema);
    json_out_end_object(&w->o);
}

static void write_tool(struct writer *w, const struct tool *tool)
{
    begin_block(w, "toolSpec");
    json_out_object(&w->o);
    json_out_kslice(&w->o, "name", tool->name);
    if (!quoted_is_empty(tool->description)) {
        json_out_key(&w->o, "description");
        json_out_raw(&w->o, tool->description.json);
    }
    json_out_key(&w->o, "inputSchema");
    write_schema(w, tool->schema);
    if (slice_equal_str(tool->strict, "true") && !has_quirk(w, QUIRK_NO_SCHEMA))
        json_out_kbool(&w->o, "strict", true);
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
    if (w->family == CONVERSE_CLAUDE) /* Nova takes no marks among tools */
        write_cache_mark(w, tool->cached, tool->cached_1h);
}

static void write_no_tool(struct writer *w)
{
    const struct tool none = {
        .name = SLICE(NO_TOOL),
        .description = {SLICE("\"Stands for tools that are no longer there. Never call "
                              "it.\"")},
    };

    write_tool(w, &none);
}

static void write_choice(struct writer *w)
{
    const bool forced = w->c->tool_choice == TOOL_CHOICE_REQUIRED ||
                        w->c->tool_choice == TOOL_CHOICE_NAMED;

    if (w->c->tool_choice == TOOL_CHOICE_ABSENT ||
        w->c->tool_choice == TOOL_CHOICE_NONE)
        return;
    /* A Claude that thinks may not be told to call a tool. */
    if (forced && (has_quirk(w, QUIRK_NO_REQUIRED) || w->thinks)) {
        losses_add(w->lost, "tool_choice");
        return;
    }
    json_out_key(&w->o, "toolChoice");
    begin_block(w, w->c->tool_choice == TOOL_CHOICE_AUTO       ? "auto"
                   : w->c->tool_choice == TOOL_CHOICE_REQUIRED ? "any"
                                                               : "tool");
    json_out_object(&w->o);
    if (w->c->tool_choice == TOOL_CHOICE_NAMED)
        json_out_kslice(&w->o, "name", w->c->tool_name);
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
}

static size_t count_functions(struct writer *w)
{
    size_t count = 0;

    for (const struct tool *tool = w->c->tools; tool != NULL; tool = tool->next) {
        if (tool->kind == TOOL_FUNCTION)
            count++;
        else
            losses_add(w->lost, "tools");
    }
    return count;
}

/* There is no way to say that tools must not be called, but to leave them out. */
static void write_tools(struct writer *w)
{
    const bool may_call =
        count_functions(w) > 0 && w->c->tool_choice != TOOL_CHOICE_NONE;

    if (!may_call && !has_calls(w->c))
        return;
    json_out_key(&w->o, "toolConfig");
    json_out_object(&w->o);
    json_out_key(&w->o, "tools");
    json_out_array(&w->o);
    if (!may_call)
        write_no_tool(w);
    for (const struct tool *tool = w->c->tools; may_call && tool != NULL;
         tool = tool->next)
        if (tool->kind == TOOL_FUNCTION)
            write_tool(w, tool);
    json_out_end_array(&w->o);
    if (may_call)
        write_choice(w);
    json_out_end_object(&w->o);
}

/* ---- Reasoning, and other members that only some models have ---- */

static void begin_extra(struct writer *w)
{
    if (!w->has_extra) {
        json_out_key(&w->o, "additionalModelRequestFields");
        json_out_object(&w->o);
    }
    w->has_extra = true;
}

static const char *effort_word(enum effort e)
{
    static const char *const words[] = {
        [EFFORT_ABSENT] = NULL,  [EFFORT_NONE] = NULL,       [EFFORT_MINIMAL] = "low",
        [EFFORT_LOW] = "low",    [EFFORT_MEDIUM] = "medium", [EFFORT_HIGH] = "high",
        [EFFORT_XHIGH] = "high", [EFFORT_MAX] = "high"};

    return words[e];
}

static uint64_t effort_budget(enum effort e)
{
    static const uint64_t tokens[] = {
        [EFFORT_ABSENT] = 0,           [EFFORT_NONE] = 0,
        [EFFORT_MINIMAL] = BUDGET_MIN, [EFFORT_LOW] = BUDGET_MIN,
        [EFFORT_MEDIUM] = 2048,        [EFFORT_HIGH] = 4096,
        [EFFORT_XHIGH] = 16384,        [EFFORT_MAX] = 32768};

    return tokens[e];
}

static bool output_bound(uint64_t *out, const struct writer *w)
{
    if (w->t->bound_forced)
        *out = w->t->output_bound;
    else if (w->c->has_output_bound)
        *out = w->c->output_bound;
    return w->t->bound_forced || w->c->has_output_bound;
}

/* Thinking is a part of the output, and less than all of it. 0: no room for any. */
static uint64_t thinking_budget(const struct writer *w)
{
    uint64_t budget =
        w->c->has_thinking_budget ? w->c->thinking_budget : effort_budget(w->c->effort);
    uint64_t bound;

    if (budget < BUDGET_MIN)
        budget = BUDGET_MIN;
    if (output_bound(&bound, w) && budget >= bound)
        budget = bound > BUDGET_MIN ? bound - 1 : 0;
    return budget;
}

static bool wants_thinking(const struct conversation *c)
{
    return c->has_thinking_budget ? c->thinking_budget > 0 : c->effort > EFFORT_NONE;
}

static bool says_thinking(const struct conversation *c)
{
    return c->has_thinking_budget || c->effort != EFFORT_ABSENT;
}

static const char *claude_effort(enum effort e)
{
    if (e == EFFORT_XHIGH)
        return "xhigh";
    return e == EFFORT_MAX ? "max" : effort_word(e);
}

static void write_claude_thinking(struct writer *w)
{
    const bool by_budget =
        has_quirk(w, QUIRK_THINKING_BUDGET) || w->c->has_thinking_budget;

    begin_extra(w);
    json_out_key(&w->o, "thinking");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", by_budget ? "enabled" : "adaptive");
    if (by_budget)
        json_out_ku64(&w->o, "budget_tokens", thinking_budget(w));
    json_out_end_object(&w->o);
    if (by_budget)
        return;
    json_out_key(&w->o, "output_config");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "effort", claude_effort(w->c->effort));
    json_out_end_object(&w->o);
}

static void write_thinking(struct writer *w)
{
    const char *word = effort_word(w->c->effort);

    if (w->thinks) {
        write_claude_thinking(w);
    } else if (w->family == CONVERSE_NOVA_2 && wants_thinking(w->c) && word != NULL) {
        begin_extra(w);
        json_out_key(&w->o, "reasoningConfig");
        json_out_object(&w->o);
        json_out_kstr(&w->o, "type", "enabled");
        json_out_kstr(&w->o, "maxReasoningEffort", word);
        json_out_end_object(&w->o);
    } else if (w->family == CONVERSE_GPT_OSS && word != NULL) {
        begin_extra(w);
        json_out_kstr(&w->o, "reasoning_effort", word);
    } else if (wants_thinking(w->c)) {
        losses_add(w->lost,
                   w->c->has_thinking_budget ? "thinking" : "reasoning_effort");
    } else if (says_thinking(w->c) && w->family == CONVERSE_GPT_OSS) {
        losses_add(w->lost, "reasoning_effort"); /* it cannot be told not to */
    }
}

/* Those that may be refused while a Claude thinks. */
static bool may_sample(struct writer *w, struct slice value, const char *name)
{
    if (value.len == 0)
        return false;
    if (!w->thinks && !has_quirk(w, QUIRK_NO_SAMPLING))
        return true;
    losses_add(w->lost, name);
    return false;
}

static void write_top_k(struct writer *w)
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

static void write_extra(struct writer *w)
{
    write_top_k(w);
    write_thinking(w);
    if (w->has_extra)
        json_out_end_object(&w->o);
}

/* ---- Everything else ---- */

static void write_inference(struct writer *w)
{
    const struct conversation *c = w->c;
    uint64_t bound;

    json_out_key(&w->o, "inferenceConfig");
    json_out_object(&w->o);
    if (output_bound(&bound, w))
        json_out_ku64(&w->o, "maxTokens", bound);
    if (may_sample(w, c->temperature, "temperature")) {
        json_out_key(&w->o, "temperature");
        json_out_raw(&w->o, c->temperature);
    }
    if (may_sample(w, c->top_p, "top_p")) {
        json_out_key(&w->o, "topP");
        json_out_raw(&w->o, c->top_p);
    }
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
static enum rc write_form(struct writer *w)
{
    const struct conversation *c = w->c;
    struct quoted schema;

    if (c->form == FORM_TEXT)
        return RC_OK;
    if (c->form == FORM_JSON || has_quirk(w, QUIRK_NO_SCHEMA)) {
        losses_add(w->lost, "response_format");
        return RC_OK;
    }
    schema = quoted_from(c->schema, w->a);
    if (schema.json.len == 0)
        return RC_NOMEM;
    json_out_key(&w->o, "outputConfig");
    begin_block(w, "textFormat");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", "json_schema");
    json_out_key(&w->o, "structure");
    begin_block(w, "jsonSchema");
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

static void write_tier(struct writer *w)
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

static void lose_rest(struct writer *w)
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

enum rc converse__write(struct buf *out, const struct conversation *c,
                        const struct wire_target *t, struct losses *lost,
                        struct wire_fault *fault, struct arena *a)
{
    struct writer w = {.c = c,
                       .t = t,
                       .lost = lost,
                       .fault = fault,
                       .a = a,
                       .family = converse_family(t->model)};

    w.thinks =
        w.family == CONVERSE_CLAUDE && wants_thinking(c) && thinking_budget(&w) > 0;
    json_out_init(&w.o, out);
    json_out_object(&w.o);
    TRY(write_messages(&w));
    TRY(write_system(&w));
    write_inference(&w);
    write_tools(&w);
    TRY(write_form(&w));
    write_extra(&w);
    write_tier(&w);
    lose_rest(&w);
    json_out_end_object(&w.o);
    return arena_spent(a) || buf_spent(out) ? RC_NOMEM : RC_OK;
}

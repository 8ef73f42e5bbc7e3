/* SPDX-License-Identifier: Apache-2.0 */
/* The common form as a vendor's body. Nothing is to be kept there (store is false),
 * because most dialects' clients have not asked for that; so reasoning comes back
 * encrypted, and goes out again with the history. */
#include "base/json.h"
#include "gateway/wires/chat_words.h"
#include "gateway/wires/json_fields.h"
#include "gateway/wires/responses_int.h"

enum {
    USER_LEN_MAX = 64 /* of an end user's id: a longer one is refused by OpenAI */
};

struct writer {
    struct json_out o;
    struct buf *out;
    const struct conversation *c;
    const struct wire_target *t;
    struct losses *lost;
    struct wire_fault *fault;
    struct arena *a;
};

/* ---- Parts ---- */

/* Base64 needs no escapes and may be long: it is copied once. */
static void put_data_url(struct writer *w, const char *key, const struct media *m,
                         struct slice otherwise)
{
    json_out_key(&w->o, key);
    json_out_raw(&w->o, SLICE("\"data:"));
    buf_append(w->out, m->type.len > 0 ? m->type : otherwise);
    buf_append_str(w->out, ";base64,");
    buf_append(w->out, m->data);
    buf_append_char(w->out, '"');
}

static void put_text(struct writer *w, const char *type, struct quoted text)
{
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", type);
    body_put_quoted(&w->o, "text", text);
    json_out_end_object(&w->o);
}

static void put_image(struct writer *w, const struct media *m)
{
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", "input_image");
    switch (m->from) {
    case MEDIA_INLINE:
        put_data_url(w, "image_url", m, SLICE("image/png"));
        break;
    case MEDIA_URL:
        json_out_kslice(&w->o, "image_url", m->data);
        break;
    case MEDIA_ID:
        json_out_kslice(&w->o, "file_id", m->data);
        break;
    }
    json_out_kslice(&w->o, "detail", m->detail.len > 0 ? m->detail : SLICE("auto"));
    json_out_end_object(&w->o);
}

static void put_file(struct writer *w, const struct media *m)
{
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", "input_file");
    switch (m->from) {
    case MEDIA_INLINE:
        put_data_url(w, "file_data", m, SLICE("application/pdf"));
        body_put_quoted(&w->o, "filename",
                        m->name.json.len > 0 ? m->name
                                             : (struct quoted){SLICE("\"file.pdf\"")});
        break;
    case MEDIA_URL:
        json_out_kslice(&w->o, "file_url", m->data);
        break;
    case MEDIA_ID:
        json_out_kslice(&w->o, "file_id", m->data);
        break;
    }
    json_out_end_object(&w->o);
}

/* What a user says, or a tool answers. */
static enum rc put_input(struct writer *w, const struct part *p)
{
    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL:
        put_text(w, "input_text", p->text);
        return RC_OK;
    case PART_IMAGE:
        put_image(w, &p->media);
        return RC_OK;
    case PART_FILE:
        put_file(w, &p->media);
        return RC_OK;
    case PART_AUDIO:
        return wire_refuse(w->fault, w->a, p->path,
                           "This model takes no audio on the face it is served by.");
    case PART_TOOL_CALL:
    case PART_TOOL_RESULT:
    case PART_REASONING:
        break;
    }
    losses_add(w->lost, p->path);
    return RC_OK;
}

static void put_output(struct writer *w, const struct part *p)
{
    if (p->kind == PART_TEXT) {
        put_text(w, "output_text", p->text);
        return;
    }
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", "refusal");
    body_put_quoted(&w->o, "refusal", p->text);
    json_out_end_object(&w->o);
}

/* ---- Items ---- */

static void put_call(struct writer *w, const struct part *p)
{
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", p->is_custom ? "custom_tool_call" : "function_call");
    json_out_kslice(&w->o, "call_id", p->id);
    json_out_kslice(&w->o, "name", p->name);
    if (p->is_custom)
        body_put_quoted(&w->o, "input", p->text);
    else
        json_out_kslice(&w->o, "arguments",
                        p->arguments.len > 0 ? p->arguments : SLICE("{}"));
    json_out_end_object(&w->o);
}

static bool is_plain(const struct part *content)
{
    for (const struct part *p = content; p != NULL; p = p->next)
        if (p->kind != PART_TEXT)
            return false;
    return true;
}

/* Texts of a list as one JSON string, `between` (escaped) between two. */
static void put_joined(struct writer *w, const struct part *parts, const char *between)
{
    json_out_raw(&w->o, SLICE("\""));
    for (const struct part *p = parts; p != NULL; p = p->next) {
        quoted_append(w->out, p->text);
        if (p->next != NULL)
            buf_append_str(w->out, between);
    }
    buf_append_char(w->out, '"');
}

static enum rc put_result(struct writer *w, const struct part *p)
{
    if (p->is_error)
        losses_add(w->lost, "is_error");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type",
                  p->is_custom ? "custom_tool_call_output" : "function_call_output");
    json_out_kslice(&w->o, "call_id", p->id);
    json_out_key(&w->o, "output");
    if (is_plain(p->content)) {
        put_joined(w, p->content, "\\n");
    } else {
        json_out_array(&w->o);
        for (const struct part *inner = p->content; inner != NULL; inner = inner->next)
            TRY(put_input(w, inner));
        json_out_end_array(&w->o);
    }
    json_out_end_object(&w->o);
    return RC_OK;
}

/* Only OpenAI's own: another's must not be shown, and would not be understood. */
static void put_reasoning(struct writer *w, const struct part *p)
{
    if (!slice_equal_str(p->signed_by, RESPONSES_SIGNED_BY))
        return;
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", "reasoning");
    if (p->item_id.len > 0)
        json_out_kslice(&w->o, "id", p->item_id);
    json_out_key(&w->o, "summary");
    json_out_array(&w->o);
    if (!quoted_is_empty(p->text))
        put_text(w, "summary_text", p->text);
    json_out_end_array(&w->o);
    if (p->signature.json.len > 0)
        body_put_quoted(&w->o, "encrypted_content", p->signature);
    json_out_end_object(&w->o);
}

static void open_message(struct writer *w, const struct message *m)
{
    static const char *const roles[] = {
        [ROLE_SYSTEM] = "system", [ROLE_USER] = "user", [ROLE_ASSISTANT] = "assistant"};

    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", "message");
    json_out_kstr(&w->o, "role", m->developer ? "developer" : roles[m->role]);
    json_out_key(&w->o, "content");
    json_out_array(&w->o);
}

static void close_message(struct writer *w, bool *open)
{
    if (*open) {
        json_out_end_array(&w->o);
        json_out_end_object(&w->o);
    }
    *open = false;
}

/* A part that is an item of its own. */
static enum rc put_item(struct writer *w, const struct part *p)
{
    switch (p->kind) {
    case PART_TOOL_CALL:
        put_call(w, p);
        return RC_OK;
    case PART_TOOL_RESULT:
        return put_result(w, p);
    case PART_REASONING:
        put_reasoning(w, p);
        return RC_OK;
    case PART_TEXT:
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_FILE:
    case PART_REFUSAL:
        break;
    }
    losses_add(w->lost, p->path); /* media that an assistant has shown */
    return RC_OK;
}

static bool is_content(const struct message *m, const struct part *p)
{
    if (p->kind == PART_TEXT || p->kind == PART_REFUSAL)
        return true;
    return m->role != ROLE_ASSISTANT &&
           (p->kind == PART_IMAGE || p->kind == PART_FILE || p->kind == PART_AUDIO);
}

/* A run of content is one item of the kind message, everything else its own. */
static enum rc put_message(struct writer *w, const struct message *m)
{
    bool open = false;

    if (m->name.len > 0)
        losses_add(w->lost, "name");
    for (const struct part *p = m->parts; p != NULL; p = p->next) {
        if (!is_content(m, p)) {
            close_message(w, &open);
            TRY(put_item(w, p));
            continue;
        }
        if (!open)
            open_message(w, m);
        open = true;
        if (m->role == ROLE_ASSISTANT)
            put_output(w, p);
        else
            TRY(put_input(w, p));
    }
    close_message(w, &open);
    return RC_OK;
}

/* What stands at the front for the system is the instructions. */
static const struct message *put_instructions(struct writer *w)
{
    const struct message *m = w->c->messages;

    if (m == NULL || m->role != ROLE_SYSTEM || !is_plain(m->parts))
        return m;
    json_out_key(&w->o, "instructions");
    json_out_raw(&w->o, SLICE("\""));
    for (; m != NULL && m->role == ROLE_SYSTEM && is_plain(m->parts); m = m->next) {
        if (m != w->c->messages)
            buf_append_str(w->out, "\\n");
        for (const struct part *p = m->parts; p != NULL; p = p->next) {
            quoted_append(w->out, p->text);
            if (p->next != NULL)
                buf_append_str(w->out, "\\n");
        }
    }
    buf_append_char(w->out, '"');
    return m;
}

static enum rc put_messages(struct writer *w)
{
    const struct message *m = put_instructions(w);

    json_out_key(&w->o, "input");
    json_out_array(&w->o);
    for (; m != NULL; m = m->next)
        TRY(put_message(w, m));
    json_out_end_array(&w->o);
    return RC_OK;
}

/* ---- Tools ---- */

/* Functions are strict here unless told otherwise, and few schemas are written so. */
static void put_function(struct json_out *o, const struct tool *t)
{
    json_out_object(o);
    json_out_kstr(o, "type", "function");
    json_out_kslice(o, "name", t->name);
    if (t->description.json.len > 0) {
        json_out_key(o, "description");
        json_out_raw(o, t->description.json);
    }
    json_out_key(o, "parameters");
    json_out_raw(o, t->schema.len > 0 ? t->schema
                                      : SLICE("{\"type\":\"object\",\"properties\":{}"
                                              "}"));
    json_out_key(o, "strict");
    json_out_raw(o, t->strict.len > 0 ? t->strict : SLICE("false"));
    json_out_end_object(o);
}

/* Chat nests what is flat here: {custom: {name, format: {grammar: {..}}}}. */
static void put_custom(struct json_out *o, const struct tool *t)
{
    static const char *const names[] = {"custom", "format", "grammar", "syntax",
                                        "definition"};
    struct slice v[5], inner[5], grammar[5];

    json_body_pick(v, names, 5, t->raw);
    if (v[0].len == 0) {
        json_out_raw(o, t->raw);
        return;
    }
    json_body_pick(inner, names, 5, v[0]);
    json_body_pick(v, names, 5, inner[1]);
    json_body_pick(grammar, names, 5, v[2]);
    json_out_object(o);
    json_out_kstr(o, "type", "custom");
    json_out_kslice(o, "name", t->name);
    if (t->description.json.len > 0) {
        json_out_key(o, "description");
        json_out_raw(o, t->description.json);
    }
    if (grammar[3].len > 0 && grammar[4].len > 0) {
        json_out_key(o, "format");
        json_out_object(o);
        json_out_kstr(o, "type", "grammar");
        json_out_key(o, "syntax");
        json_out_raw(o, grammar[3]);
        json_out_key(o, "definition");
        json_out_raw(o, grammar[4]);
        json_out_end_object(o);
    }
    json_out_end_object(o);
}

static bool is_ours(struct slice type)
{
    static const char *const types[] = {"web_search",  "web_search_preview",
                                        "file_search", "code_interpreter",
                                        "mcp",         "computer_use_preview",
                                        "shell",       "image_generation",
                                        "local_shell", "computer",
                                        "apply_patch", "tool_search",
                                        "namespace"};

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (slice_equal_str(type, types[i]))
            return true;
    return false;
}

bool responses__put_tool(struct json_out *o, const struct tool *t)
{
    switch (t->kind) {
    case TOOL_FUNCTION:
        put_function(o, t);
        return true;
    case TOOL_CUSTOM:
        put_custom(o, t);
        return true;
    case TOOL_HOSTED:
        break;
    }
    if (is_ours(t->name))
        json_out_raw(o, t->raw);
    return is_ours(t->name);
}

static bool names_custom(const struct conversation *c)
{
    for (const struct tool *t = c->tools; t != NULL; t = t->next)
        if (slice_equal(t->name, c->tool_name))
            return t->kind == TOOL_CUSTOM;
    return false;
}

void responses__put_choice(struct json_out *o, const struct conversation *c)
{
    switch (c->tool_choice) {
    case TOOL_CHOICE_ABSENT:
    case TOOL_CHOICE_AUTO:
        json_out_kstr(o, "tool_choice", "auto");
        return;
    case TOOL_CHOICE_NONE:
        json_out_kstr(o, "tool_choice", "none");
        return;
    case TOOL_CHOICE_REQUIRED:
        json_out_kstr(o, "tool_choice", "required");
        return;
    case TOOL_CHOICE_NAMED:
        json_out_key(o, "tool_choice");
        json_out_object(o);
        json_out_kstr(o, "type", names_custom(c) ? "custom" : "function");
        json_out_kslice(o, "name", c->tool_name);
        json_out_end_object(o);
        return;
    }
}

static void put_tools(struct writer *w)
{
    const struct conversation *c = w->c;

    if (c->tools == NULL)
        return;
    json_out_key(&w->o, "tools");
    json_out_array(&w->o);
    for (const struct tool *t = c->tools; t != NULL; t = t->next)
        if (!responses__put_tool(&w->o, t))
            losses_add(w->lost, t->path);
    json_out_end_array(&w->o);
    if (c->tool_choice != TOOL_CHOICE_ABSENT)
        responses__put_choice(&w->o, c);
    body_put_raw(&w->o, "parallel_tool_calls", c->parallel_calls);
}

/* ---- Settings ---- */

void responses__put_format(struct json_out *o, const struct conversation *c)
{
    json_out_key(o, "format");
    json_out_object(o);
    switch (c->form) {
    case FORM_TEXT:
        json_out_kstr(o, "type", "text");
        break;
    case FORM_JSON:
        json_out_kstr(o, "type", "json_object");
        break;
    case FORM_SCHEMA:
        json_out_kstr(o, "type", "json_schema");
        json_out_kslice(o, "name",
                        c->schema_name.len > 0 ? c->schema_name
                                               : SLICE("structured_output"));
        if (c->schema_description.json.len > 0) {
            json_out_key(o, "description");
            json_out_raw(o, c->schema_description.json);
        }
        json_out_key(o, "schema");
        json_out_raw(o, c->schema);
        if (c->schema_strict.len > 0) {
            json_out_key(o, "strict");
            json_out_raw(o, c->schema_strict);
        }
        break;
    }
    json_out_end_object(o);
}

static void put_form(struct writer *w)
{
    const struct conversation *c = w->c;

    if (c->form == FORM_TEXT && c->verbosity.len == 0)
        return;
    json_out_key(&w->o, "text");
    json_out_object(&w->o);
    if (c->form != FORM_TEXT)
        responses__put_format(&w->o, c);
    if (c->verbosity.len > 0)
        json_out_kslice(&w->o, "verbosity", c->verbosity);
    json_out_end_object(&w->o);
}

const char *responses__effort(const struct conversation *c)
{
    enum {
        LOW_MAX = 2048,
        MEDIUM_MAX = 8192
    }; /* tokens of thinking */

    if (c->effort != EFFORT_ABSENT || !c->has_thinking_budget ||
        c->thinking_budget == 0)
        return chat_effort_word(c->effort);
    return c->thinking_budget <= LOW_MAX      ? "low"
           : c->thinking_budget <= MEDIUM_MAX ? "medium"
                                              : "high";
}

/* A model that does not reason refuses to be asked for encrypted reasoning. */
static bool reasons(const struct conversation *c)
{
    if (responses__effort(c) != NULL && c->effort != EFFORT_NONE)
        return true;
    for (const struct message *m = c->messages; m != NULL; m = m->next)
        for (const struct part *p = m->parts; p != NULL; p = p->next)
            if (p->kind == PART_REASONING &&
                slice_equal_str(p->signed_by, RESPONSES_SIGNED_BY))
                return true;
    return false;
}

static void put_reasons(struct writer *w)
{
    const char *effort = responses__effort(w->c);
    const bool logprobs = slice_equal_str(w->c->logprobs, "true");

    if (effort != NULL) {
        json_out_key(&w->o, "reasoning");
        json_out_object(&w->o);
        json_out_kstr(&w->o, "effort", effort);
        if (w->c->reasoning_shown && w->c->effort != EFFORT_NONE)
            json_out_kstr(&w->o, "summary", "auto");
        json_out_end_object(&w->o);
    }
    if (!reasons(w->c) && !logprobs)
        return;
    json_out_key(&w->o, "include");
    json_out_array(&w->o);
    if (reasons(w->c))
        json_out_str(&w->o, "reasoning.encrypted_content");
    if (logprobs)
        json_out_str(&w->o, "message.output_text.logprobs");
    json_out_end_array(&w->o);
}

/* Zero, or a value that changes nothing. */
static bool is_nothing(struct slice raw)
{
    for (size_t i = 0; i < raw.len; i++)
        if (raw.bytes[i] != '0' && raw.bytes[i] != '.' && raw.bytes[i] != '-')
            return slice_equal_str(raw, "{}");
    return true;
}

static void lose(struct writer *w, const char *name, struct slice raw)
{
    if (!is_nothing(raw))
        losses_add(w->lost, name);
}

static void put_sampling(struct writer *w)
{
    const struct conversation *c = w->c;

    if ((w->t->quirks & QUIRK_NO_SAMPLING) == 0) {
        body_put_raw(&w->o, "temperature", c->temperature);
        body_put_raw(&w->o, "top_p", c->top_p);
    } else {
        if (c->temperature.len > 0)
            losses_add(w->lost, "temperature");
        if (c->top_p.len > 0)
            losses_add(w->lost, "top_p");
    }
    body_put_raw(&w->o, "top_logprobs", c->top_logprobs);
    if (c->top_k.len > 0)
        losses_add(w->lost, "top_k");
    if (c->seed.len > 0)
        losses_add(w->lost, "seed");
    if (c->stop_count > 0)
        losses_add(w->lost, "stop");
    if (c->choices > 1)
        losses_add(w->lost, "n");
    lose(w, "frequency_penalty", c->frequency_penalty);
    lose(w, "presence_penalty", c->presence_penalty);
    lose(w, "logit_bias", c->logit_bias);
}

static void put_tier(struct writer *w)
{
    static const char *const tiers[] = {"auto",  "default",  "flex",
                                        "scale", "priority", "fast"};
    const struct slice tier = w->c->service_tier;

    if (tier.len == 0)
        return;
    for (size_t i = 0; i < sizeof(tiers) / sizeof(tiers[0]); i++)
        if (slice_equal_str(tier, tiers[i])) {
            json_out_kslice(&w->o, "service_tier", tier);
            return;
        }
    if (slice_equal_str(tier, "standard_only"))
        json_out_kstr(&w->o, "service_tier", "default");
    else
        losses_add(w->lost, "service_tier");
}

/* Members that have the same name and meaning in chat completions. */
static bool carries(struct slice name)
{
    static const char *const names[] = {
        "prompt_cache_key",   "prompt_cache_options", "prompt_cache_retention",
        "moderation",         "max_tool_calls",       "truncation",
        "context_management", "access_programs"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_equal_str(name, names[i]))
            return true;
    return false;
}

static void put_extras(struct writer *w)
{
    for (const struct extra *x = w->c->extras; x != NULL; x = x->next) {
        const char *name = arena_copy(w->a, x->name.bytes, x->name.len);

        if (name == NULL)
            return;
        if (carries(x->name))
            body_put_raw(&w->o, name, x->value);
        else
            losses_add(w->lost, name);
    }
}

static void put_caller(struct writer *w)
{
    body_put_raw(&w->o, "metadata", w->c->metadata);
    if (w->c->user.json.len > USER_LEN_MAX + 2)
        losses_add(w->lost, "user");
    else if (w->c->user.json.len > 0)
        body_put_quoted(&w->o, "user", w->c->user);
}

enum rc responses__write(struct buf *out, const struct conversation *c,
                         const struct wire_target *t, struct losses *lost,
                         struct wire_fault *fault, struct arena *a)
{
    struct writer w = {
        .out = out, .c = c, .t = t, .lost = lost, .fault = fault, .a = a};

    json_out_init(&w.o, out);
    json_out_object(&w.o);
    json_out_kslice(&w.o, "model", t->model);
    TRY(put_messages(&w));
    put_tools(&w);
    if (t->bound_forced || c->has_output_bound)
        json_out_ku64(&w.o, "max_output_tokens",
                      t->bound_forced ? t->output_bound : c->output_bound);
    put_sampling(&w);
    put_form(&w);
    put_reasons(&w);
    put_tier(&w);
    put_caller(&w);
    put_extras(&w);
    json_out_kbool(&w.o, "store", false);
    json_out_kbool(&w.o, "stream", t->stream);
    json_out_end_object(&w.o);
    return arena_spent(a) || buf_spent(out) ? RC_NOMEM : RC_OK;
}

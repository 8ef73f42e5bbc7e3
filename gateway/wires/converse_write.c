/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation as a body of Converse. Turns alternate and the first is the user's;
 * what a tool gave stands in the user's turn, before what the user says; every system
 * message goes to the front; and who has used tools must go on to name some. */
#include "gateway/wires/converse_int.h"

#include "base/codec.h"
#include "gateway/wires/closed_schema.h"
#include "gateway/wires/json_body.h"

#include <string.h>

/* A tool that stands for those that the history names and the request does not. */
#define NO_TOOL "no_tool_available"

enum {
    ID_MAX = 64,   /* of a call */
    ID_DIGITS = 32 /* of the digest that stands for another */
};

/* Reasoning goes back to who has signed it, and to nobody else. */
bool converse__goes_back(const struct part *p)
{
    return !quoted_is_empty(p->signature) &&
           slice_equal_str(p->signed_by, wire_converse.signed_by);
}

bool converse__has_quirk(const struct converse_writer *w, unsigned quirk)
{
    return (w->t->quirks & quirk) != 0;
}

void converse__begin(struct converse_writer *w, const char *name)
{
    json_out_object(&w->o);
    json_out_key(&w->o, name);
}

bool converse__is_forced(const struct conversation *c)
{
    return c->tool_choice == TOOL_CHOICE_REQUIRED ||
           c->tool_choice == TOOL_CHOICE_NAMED;
}

static bool may_cache(const struct converse_writer *w)
{
    return w->family == CONVERSE_CLAUDE || w->family == CONVERSE_NOVA ||
           w->family == CONVERSE_NOVA_2;
}

/* ---- Parts ---- */

/* Converse refuses texts of nothing but blanks. */
static bool is_blank(struct quoted text)
{
    const struct slice inside = quoted_inside(text);
    size_t i = 0;

    for (; i < inside.len; i++) {
        const bool escape = inside.bytes[i] == '\\' && i + 1 < inside.len;

        if (escape && strchr("nrt", inside.bytes[i + 1]) != NULL)
            i++;
        else if (inside.bytes[i] != ' ')
            return false;
    }
    return true;
}

static bool says_something(const struct part *p)
{
    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL:
        return !is_blank(p->text);
    case PART_REASONING:
        return converse__goes_back(p);
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_FILE:
    case PART_TOOL_CALL:
    case PART_TOOL_RESULT:
        break;
    }
    return true;
}

static void write_text(struct converse_writer *w, struct quoted text)
{
    converse__begin(w, "text");
    json_out_raw(&w->o, text.json);
    json_out_end_object(&w->o);
}

/* A block of its own, behind what it marks. Nova has one length of life only. */
static void write_cache_mark(struct converse_writer *w, bool cached, bool cached_1h)
{
    if (!cached || !may_cache(w))
        return;
    converse__begin(w, "cachePoint");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", "default");
    if (cached_1h && w->family == CONVERSE_CLAUDE)
        json_out_kstr(&w->o, "ttl", "1h");
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
}

static enum rc write_reasoning(struct converse_writer *w, const struct part *p)
{
    struct slice bytes;

    converse__begin(w, "reasoningContent");
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

static bool may_be_in_id(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-';
}

/* Other vendors give ids that Bedrock refuses: these become a digest, the same for a
 * call and for its result. */
static void write_id(struct converse_writer *w, struct slice id)
{
    uint8_t digest[SHA256_LEN];
    char text[2 * SHA256_LEN + 1];
    size_t i = 0;

    while (i < id.len && may_be_in_id(id.bytes[i]))
        i++;
    json_out_key(&w->o, "toolUseId");
    if (i == id.len && id.len > 0 && id.len <= ID_MAX) {
        json_out_slice(&w->o, id);
        return;
    }
    sha256(digest, id);
    hex_encode(text, digest, sizeof(digest));
    json_out_slice(&w->o, slice_str(arena_printf(w->a, "call_%.*s", ID_DIGITS, text)));
}

static enum rc write_call(struct converse_writer *w, const struct part *p)
{
    if (p->is_custom)
        return wire_refuse(w->fault, w->a, p->path,
                           "This provider has no custom tools.");
    converse__begin(w, "toolUse");
    json_out_object(&w->o);
    write_id(w, p->id);
    json_out_kslice(&w->o, "name", p->name);
    json_out_key(&w->o, "input");
    json_out_raw(&w->o, p->arguments.len > 0 ? p->arguments : SLICE("{}"));
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
    return RC_OK;
}

static enum rc write_media(struct converse_writer *w, const struct part *p)
{
    return converse_media_write(&w->o, &w->names, p, w->fault, w->a);
}

static enum rc write_result(struct converse_writer *w, const struct part *p)
{
    converse__begin(w, "toolResult");
    json_out_object(&w->o);
    write_id(w, p->id);
    json_out_key(&w->o, "content");
    json_out_array(&w->o);
    for (const struct part *piece = p->content; piece != NULL; piece = piece->next) {
        if (piece->kind != PART_TEXT)
            TRY(write_media(w, piece));
        else if (!is_blank(piece->text))
            write_text(w, piece->text);
    }
    json_out_end_array(&w->o);
    if (p->is_error)
        json_out_kstr(&w->o, "status", "error");
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
    return RC_OK;
}

static enum rc write_part(struct converse_writer *w, const struct part *p)
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
static const struct message *in_turn(const struct message *m)
{
    for (; m != NULL; m = m->next) {
        if (m->role == ROLE_SYSTEM)
            continue;
        for (const struct part *p = m->parts; p != NULL; p = p->next)
            if (says_something(p))
                return m;
    }
    return NULL;
}

/* What tools gave, or everything else, of a message. */
static enum rc write_parts(struct converse_writer *w, const struct message *m,
                           bool results)
{
    for (const struct part *p = m->parts; p != NULL; p = p->next)
        if ((p->kind == PART_TOOL_RESULT) == results && says_something(p))
            TRY(write_part(w, p));
    return RC_OK;
}

/* All messages of one side up to the other's next: *m moves on to that one. */
static enum rc write_turn(struct converse_writer *w, const struct message **m)
{
    const struct message *first = *m;
    const struct message *end = first;

    json_out_object(&w->o);
    json_out_kstr(&w->o, "role", first->role == ROLE_USER ? "user" : "assistant");
    json_out_key(&w->o, "content");
    json_out_array(&w->o);
    for (; end != NULL && end->role == first->role; end = in_turn(end->next))
        TRY(write_parts(w, end, true));
    for (const struct message *at = first; at != end; at = in_turn(at->next))
        TRY(write_parts(w, at, false));
    json_out_end_array(&w->o);
    json_out_end_object(&w->o);
    *m = end;
    return RC_OK;
}

static enum rc write_messages(struct converse_writer *w)
{
    const struct message *m = in_turn(w->c->messages);

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

/* The texts of one message; *begun: the list is. */
static enum rc write_instructions(struct converse_writer *w, const struct message *m,
                                  bool *begun)
{
    for (const struct part *p = m->parts; p != NULL; p = p->next) {
        if (p->kind != PART_TEXT)
            return wire_refuse(w->fault, w->a, p->path,
                               "A system message holds text only.");
        if (is_blank(p->text))
            continue;
        if (!*begun) {
            json_out_key(&w->o, "system");
            json_out_array(&w->o);
        }
        *begun = true;
        TRY(write_part(w, p));
    }
    return RC_OK;
}

static enum rc write_system(struct converse_writer *w)
{
    bool begun = false;

    for (const struct message *m = w->c->messages; m != NULL; m = m->next)
        if (m->role == ROLE_SYSTEM)
            TRY(write_instructions(w, m, &begun));
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
static void write_nova_schema(struct converse_writer *w, struct slice schema)
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

static void write_schema(struct converse_writer *w, struct slice schema, bool strict)
{
    struct slice closed;

    converse__begin(w, "json");
    if (strict && schema.len > 0 &&
        closed_schema(&closed, schema, w->lost, w->a) == RC_OK)
        schema = closed;
    if (schema.len == 0)
        json_out_raw(&w->o, SLICE("{\"type\":\"object\",\"properties\":{}}"));
    else if (w->family == CONVERSE_NOVA || w->family == CONVERSE_NOVA_2)
        write_nova_schema(w, schema);
    else
        json_out_raw(&w->o, schema);
    json_out_end_object(&w->o);
}

static void write_tool(struct converse_writer *w, const struct tool *tool)
{
    const bool asked = json_raw_type(tool->strict) == JSON_TRUE;
    const bool strict = asked && !converse__has_quirk(w, QUIRK_NO_SCHEMA);

    converse__begin(w, "toolSpec");
    json_out_object(&w->o);
    json_out_kslice(&w->o, "name", tool->name);
    if (!quoted_is_empty(tool->description)) {
        json_out_key(&w->o, "description");
        json_out_raw(&w->o, tool->description.json);
    }
    json_out_key(&w->o, "inputSchema");
    write_schema(w, tool->schema, strict);
    if (asked && !strict)
        losses_add(w->lost, "strict");
    if (strict)
        json_out_kbool(&w->o, "strict", true);
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
    if (w->family == CONVERSE_CLAUDE) /* Nova takes no marks among tools */
        write_cache_mark(w, tool->cached, tool->cached_1h);
}

static void write_no_tool(struct converse_writer *w)
{
    const struct tool none = {
        .name = SLICE(NO_TOOL),
        .description = {SLICE("\"Stands for tools that are no longer there. Never call "
                              "it.\"")},
    };

    write_tool(w, &none);
}

static void write_choice(struct converse_writer *w)
{
    const enum tool_choice choice = w->c->tool_choice;

    if (choice == TOOL_CHOICE_ABSENT || choice == TOOL_CHOICE_NONE)
        return;
    if (converse__is_forced(w->c) && converse__has_quirk(w, QUIRK_NO_REQUIRED)) {
        losses_add(w->lost, "tool_choice");
        return;
    }
    json_out_key(&w->o, "toolChoice");
    converse__begin(w, choice == TOOL_CHOICE_AUTO       ? "auto"
                       : choice == TOOL_CHOICE_REQUIRED ? "any"
                                                        : "tool");
    json_out_object(&w->o);
    if (choice == TOOL_CHOICE_NAMED)
        json_out_kslice(&w->o, "name", w->c->tool_name);
    json_out_end_object(&w->o);
    json_out_end_object(&w->o);
}

static size_t count_functions(struct converse_writer *w)
{
    size_t count = 0;

    for (const struct tool *tool = w->c->tools; tool != NULL; tool = tool->next) {
        if (tool->kind == TOOL_FUNCTION)
            count++;
        else
            losses_add(w->lost, tool->path);
    }
    return count;
}

/* There is no way to say that tools must not be called, but to leave them out. */
static void write_tools(struct converse_writer *w)
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

enum rc converse__write(struct buf *out, const struct conversation *c,
                        const struct wire_target *t, struct losses *lost,
                        struct wire_fault *fault, struct arena *a)
{
    struct converse_writer w = {.c = c,
                                .t = t,
                                .lost = lost,
                                .fault = fault,
                                .a = a,
                                .family = converse_family(t->model),
                                .version = converse_claude_version(t->model)};

    converse__decide(&w);
    json_out_init(&w.o, out);
    json_out_object(&w.o);
    TRY(write_messages(&w));
    TRY(write_system(&w));
    converse__write_inference(&w);
    write_tools(&w);
    TRY(converse__write_form(&w));
    converse__write_extra(&w);
    converse__write_tier(&w);
    converse__lose_rest(&w);
    json_out_end_object(&w.o);
    return arena_spent(a) || buf_spent(out) ? RC_NOMEM : RC_OK;
}

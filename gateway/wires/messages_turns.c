/* SPDX-License-Identifier: Apache-2.0 */
/* A conversation's messages as Anthropic's turns: neighbours of one role are one turn,
 * results of tools stand first in it, what would be empty is left out. */
#include "gateway/wires/messages_write.h"

#include "base/codec.h"
#include "gateway/wires/json_fields.h"

#include <ctype.h>

/* ---- Which parts stand where ---- */

static bool is_ours(const struct part *p)
{
    return slice_equal(p->signed_by, SLICE(MESSAGES_SIGNED_BY)) &&
           !quoted_is_empty(p->signature);
}

/* Reasoning that Anthropic did not sign is not shown to it; empty text is refused. */
static bool is_said(const struct part *p)
{
    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL:
        return !quoted_is_empty(p->text);
    case PART_REASONING:
        return is_ours(p);
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_FILE:
    case PART_TOOL_CALL:
    case PART_TOOL_RESULT:
        return true;
    }
    return false;
}

static bool says_something(const struct message *m)
{
    for (const struct part *p = m->parts; p != NULL; p = p->next)
        if (is_said(p))
            return true;
    return false;
}

bool messages__may_think(const struct conversation *c)
{
    bool calls = false, thoughts = false;

    for (const struct message *m = c->messages; m != NULL; m = m->next) {
        for (const struct part *p = m->parts; p != NULL; p = p->next) {
            /* A user's own words begin a new loop. */
            if (m->role == ROLE_USER && p->kind != PART_TOOL_RESULT)
                calls = thoughts = false;
            calls |= p->kind == PART_TOOL_CALL;
            thoughts |= p->kind == PART_REASONING && is_ours(p);
        }
    }
    return !calls || thoughts;
}

/* ---- Blocks ---- */

static enum rc refuse(struct writer *w, const struct part *p, const char *what)
{
    return wire_refuse(w->fault, w->a, p->path, "This model's provider takes no %s.",
                       what);
}

static void begin_block(struct writer *w, const char *type)
{
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", type);
}

static void end_block(struct writer *w, const struct part *p)
{
    messages__mark(w, p->cached, p->cached_1h);
    json_out_end_object(&w->o);
}

static void write_text(struct writer *w, const struct part *p)
{
    begin_block(w, "text");
    body_put_quoted(&w->o, "text", p->text);
    end_block(w, p);
}

/* Ids of calls may have letters, digits, "_" and "-". Others' ids keep their length. */
static void write_id(struct writer *w, const char *key, struct slice id)
{
    char *plain = arena_copy(w->a, id.bytes, id.len);

    if (plain == NULL)
        return;
    for (size_t i = 0; i < id.len; i++)
        if (!isalnum((unsigned char)plain[i]) && plain[i] != '-')
            plain[i] = '_';
    json_out_kslice(&w->o, key, slice_from(plain, id.len));
}

static void write_call(struct writer *w, const struct part *p)
{
    begin_block(w, "tool_use");
    write_id(w, "id", p->id);
    json_out_kslice(&w->o, "name", p->name);
    json_out_key(&w->o, "input");
    if (p->is_custom) {
        json_out_object(&w->o);
        body_put_quoted(&w->o, "input", p->text);
        json_out_end_object(&w->o);
    } else {
        json_out_raw(&w->o, p->arguments.len > 0 ? p->arguments : SLICE("{}"));
    }
    end_block(w, p);
}

static void write_reasoning(struct writer *w, const struct part *p)
{
    begin_block(w, p->is_encrypted ? "redacted_thinking" : "thinking");
    if (!p->is_encrypted)
        body_put_quoted(&w->o, "thinking", p->text);
    body_put_quoted(&w->o, p->is_encrypted ? "data" : "signature", p->signature);
    end_block(w, p);
}

/* ---- Media ---- */

static void begin_source(struct writer *w, const char *type)
{
    json_out_key(&w->o, "source");
    json_out_object(&w->o);
    json_out_kstr(&w->o, "type", type);
}

/* Names of uploads are one provider's: Anthropic's are told by their beginning. */
static enum rc write_source(struct writer *w, const struct part *p,
                            struct slice default_type)
{
    const struct media *m = &p->media;

    switch (m->from) {
    case MEDIA_INLINE:
        begin_source(w, "base64");
        json_out_kslice(&w->o, "media_type", m->type.len > 0 ? m->type : default_type);
        json_out_kslice(&w->o, "data", m->data);
        break;
    case MEDIA_URL:
        begin_source(w, "url");
        json_out_kslice(&w->o, "url", m->data);
        break;
    case MEDIA_ID:
        if (!slice_starts(m->data, SLICE("file_")))
            return refuse(w, p, "file that was uploaded elsewhere");
        begin_source(w, "file");
        json_out_kslice(&w->o, "file_id", m->data);
        break;
    }
    json_out_end_object(&w->o);
    return RC_OK;
}

static enum rc write_image(struct writer *w, const struct part *p)
{
    if (p->media.detail.len > 0 && !slice_equal(p->media.detail, SLICE("auto")))
        losses_add(w->lost, "detail");
    begin_block(w, "image");
    TRY(write_source(w, p, SLICE("image/png")));
    end_block(w, p);
    return RC_OK;
}

/* Text that came as a file is said as text: Anthropic's base64 is for PDF. */
static enum rc write_text_source(struct writer *w, const struct part *p)
{
    struct slice plain;

    if (base64_decode(&plain, p->media.data, w->a) != RC_OK)
        return arena_spent(w->a)
                   ? RC_NOMEM
                   : wire_refuse(w->fault, w->a, p->path, "The file is not base64.");
    begin_source(w, "text");
    json_out_kstr(&w->o, "media_type", "text/plain");
    json_out_kslice(&w->o, "data", plain);
    json_out_end_object(&w->o);
    return RC_OK;
}

static enum rc write_file(struct writer *w, const struct part *p)
{
    const struct media *m = &p->media;

    begin_block(w, "document");
    if (m->from == MEDIA_INLINE && slice_starts(m->type, SLICE("text/")))
        TRY(write_text_source(w, p));
    else if (m->from == MEDIA_INLINE && m->type.len > 0 &&
             !slice_equal(m->type, SLICE("application/pdf")))
        return refuse(w, p, "file of this type");
    else
        TRY(write_source(w, p, SLICE("application/pdf")));
    if (!quoted_is_empty(m->name))
        body_put_quoted(&w->o, "title", m->name);
    end_block(w, p);
    return RC_OK;
}

static enum rc write_media(struct writer *w, const struct part *p)
{
    if (p->kind == PART_AUDIO)
        return refuse(w, p, "audio");
    return p->kind == PART_IMAGE ? write_image(w, p) : write_file(w, p);
}

/* ---- Results of tools ---- */

/* The plain case stays a string, as most clients say it. */
static bool is_one_text(const struct part *content)
{
    return content != NULL && content->next == NULL && content->kind == PART_TEXT &&
           !content->cached;
}

static enum rc write_result_parts(struct writer *w, const struct part *content)
{
    json_out_array(&w->o);
    for (const struct part *p = content; p != NULL; p = p->next) {
        if (!is_said(p))
            continue;
        if (p->kind == PART_TEXT)
            write_text(w, p);
        else
            TRY(write_media(w, p));
    }
    json_out_end_array(&w->o);
    return RC_OK;
}

static enum rc write_result(struct writer *w, const struct part *p)
{
    begin_block(w, "tool_result");
    write_id(w, "tool_use_id", p->id);
    if (is_one_text(p->content)) {
        body_put_quoted(&w->o, "content", p->content->text);
    } else if (p->content != NULL) {
        json_out_key(&w->o, "content");
        TRY(write_result_parts(w, p->content));
    }
    if (p->is_error)
        json_out_kbool(&w->o, "is_error", true);
    end_block(w, p);
    return RC_OK;
}

/* ---- Turns ---- */

static enum rc write_part(struct writer *w, const struct part *p, enum role role)
{
    switch (p->kind) {
    case PART_TEXT:
    case PART_REFUSAL:
        write_text(w, p);
        return RC_OK;
    case PART_IMAGE:
    case PART_AUDIO:
    case PART_FILE:
        if (role == ROLE_ASSISTANT)
            return refuse(w, p, "image, sound or file in what it is told to have said");
        return write_media(w, p);
    case PART_TOOL_CALL:
        write_call(w, p);
        return RC_OK;
    case PART_REASONING:
        write_reasoning(w, p);
        return RC_OK;
    case PART_TOOL_RESULT:
        return write_result(w, p);
    }
    return RC_INTERNAL;
}

/* Messages that become one turn: [from, to). */
struct run {
    const struct message *from, *to;
    enum role role; /* SYSTEM: nobody else says anything in it */
};

/* An instruction after an assistant's words belongs to the turn that follows. */
static struct run next_run(const struct message *from)
{
    struct run r = {.from = from, .to = from, .role = ROLE_SYSTEM};

    for (; r.to != NULL; r.to = r.to->next) {
        if (r.to->role == ROLE_SYSTEM) {
            if (r.role == ROLE_ASSISTANT)
                break;
        } else if (says_something(r.to)) {
            if (r.role != ROLE_SYSTEM && r.role != r.to->role)
                break;
            r.role = r.to->role;
        }
    }
    return r;
}

static bool is_system(const struct message *m)
{
    return m->role == ROLE_SYSTEM && says_something(m);
}

/* Instructions between others can be said where they are, behind a user's turn. */
static bool has_late_system(const struct writer *w, const struct run *r)
{
    if (w->t->quirks & QUIRK_SYSTEM_FIRST || r->role != ROLE_USER)
        return false;
    for (const struct message *m = r->from; m != r->to; m = m->next)
        if (is_system(m))
            return true;
    return false;
}

static void write_system_parts(struct writer *w, const struct run *r)
{
    for (const struct message *m = r->from; m != r->to; m = m->next)
        if (m->role == ROLE_SYSTEM)
            for (const struct part *p = m->parts; p != NULL; p = p->next)
                if (is_said(p))
                    write_text(w, p);
}

static enum rc write_run(struct writer *w, const struct run *r)
{
    json_out_object(&w->o);
    json_out_kstr(&w->o, "role", r->role == ROLE_USER ? "user" : "assistant");
    json_out_key(&w->o, "content");
    json_out_array(&w->o);
    for (int results = 1; results >= 0; results--)
        for (const struct message *m = r->from; m != r->to; m = m->next)
            for (const struct part *p = m->parts; p != NULL; p = p->next)
                if (m->role != ROLE_SYSTEM && is_said(p) &&
                    (p->kind == PART_TOOL_RESULT) == results)
                    TRY(write_part(w, p, r->role));
    json_out_end_array(&w->o);
    json_out_end_object(&w->o);
    if (!has_late_system(w, r))
        return RC_OK;
    json_out_object(&w->o);
    json_out_kstr(&w->o, "role", "system");
    json_out_key(&w->o, "content");
    json_out_array(&w->o);
    write_system_parts(w, r);
    json_out_end_array(&w->o);
    json_out_end_object(&w->o);
    return RC_OK;
}

/* The instructions before everything else. */
static const struct message *end_of_head(const struct conversation *c)
{
    const struct message *m = c->messages;

    while (m != NULL && (m->role == ROLE_SYSTEM || !says_something(m)))
        m = m->next;
    return m;
}

/* Each way through the runs that go to the top; *count: how many texts. Written if
 * asked. */
static void top_system(struct writer *w, bool write, unsigned *count)
{
    const struct message *rest = end_of_head(w->c);
    struct run r = {.from = w->c->messages, .to = rest, .role = ROLE_SYSTEM};

    for (;;) {
        if (!has_late_system(w, &r)) {
            if (write)
                write_system_parts(w, &r);
            for (const struct message *m = r.from; m != r.to; m = m->next)
                *count += is_system(m);
        }
        if (r.to == NULL)
            return;
        r = next_run(r.to);
    }
}

static void write_system(struct writer *w)
{
    unsigned count = 0;

    top_system(w, false, &count);
    if (count == 0)
        return;
    json_out_key(&w->o, "system");
    json_out_array(&w->o);
    top_system(w, true, &count);
    json_out_end_array(&w->o);
}

enum rc messages__write_turns(struct writer *w)
{
    const struct message *m = end_of_head(w->c);

    if (m == NULL)
        return wire_refuse(w->fault, w->a, "messages",
                           "This model's provider needs a message of the user.");
    write_system(w);
    json_out_key(&w->o, "messages");
    json_out_array(&w->o);
    while (m != NULL) {
        const struct run r = next_run(m);

        if (r.role != ROLE_SYSTEM)
            TRY(write_run(w, &r));
        m = r.to;
    }
    json_out_end_array(&w->o);
    return RC_OK;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The short way of chat completions: what of a client's own body is changed for a
 * vendor. Only names and words that mean the same; what a vendor cannot do at all is
 * left for it to refuse. */
#include "gateway/wires/chat_int.h"

#include "gateway/wires/json_fields.h"

#include <assert.h>
#include <string.h>

enum {
    OPTIONS_MAX = 65536
};

const char *const chat_fields[] = {"model",
                                   "messages",
                                   "stream",
                                   "stream_options",
                                   "max_tokens",
                                   "max_completion_tokens",
                                   "seed",
                                   "random_seed",
                                   "tool_choice",
                                   "thinking",
                                   "enable_thinking",
                                   "reasoning_effort",
                                   NULL};

const char *const chat_completions_fields[] = {"model", "stream", "stream_options",
                                               "max_tokens", NULL};

static struct json_field *find(struct json_field *fields, size_t count,
                               const char *name)
{
    size_t i = 0;

    while (i < count && strcmp(fields[i].name, name) != 0)
        i++;
    assert(i < count); /* the api scanned for all of them */
    return &fields[i];
}

static bool is_present(const struct json_field *f)
{
    return f->type != JSON_ABSENT && f->type != JSON_NULL;
}

/* What adapt() works on. */
struct job {
    struct wire_changes *out;
    const struct wire_target *target;
    struct json_field *fields;
    size_t count;
    struct arena *arena;
};

static struct json_field *field(const struct job *j, const char *name)
{
    return find(j->fields, j->count, name);
}

static void change(const struct job *j, const char *name, struct slice value)
{
    wire_change(j->out, j->fields, j->count, name, value);
}

static enum rc change_model(const struct job *j)
{
    const struct json_field *f = field(j, "model");
    struct slice name;

    if (f->type == JSON_STRING) {
        TRY(body_text(&name, f->raw, j->arena));
        if (slice_equal(name, j->target->model))
            return RC_OK;
    }
    change(j, "model", quoted_from(j->target->model, j->arena).json);
    return RC_OK;
}

/* ---- Streams ---- */

/* {"include_usage":true} with whatever else the client had in stream_options. */
static enum rc force_usage(const struct job *j, const struct json_field *f)
{
    struct slice key, value, forced, name;
    struct buf b;
    size_t at = 0;
    bool fits;

    buf_init(&b, OPTIONS_MAX);
    buf_append_str(&b, "{\"include_usage\":true");
    while (json_raw_next(&key, &value, f->raw, &at) != JSON_ABSENT) {
        if (body_text(&name, key, j->arena) == RC_OK &&
            slice_equal_str(name, "include_usage"))
            continue;
        buf_append_char(&b, ',');
        buf_append(&b, key);
        buf_append_char(&b, ':');
        buf_append(&b, value);
    }
    buf_append_char(&b, '}');
    fits = !buf_spent(&b);
    forced = fits ? arena_slice(j->arena, buf_slice(&b)) : SLICE_NONE;
    buf_free(&b);
    if (!fits)
        return RC_TOO_BIG;
    change(j, "stream_options", forced);
    return RC_OK;
}

static bool is_usage_asked(const struct json_field *f)
{
    struct slice raw;

    return f->type == JSON_OBJECT &&
           json_raw_member(&raw, f->raw, "include_usage") == JSON_TRUE;
}

/* options_known: the vendor takes stream_options. */
static enum rc change_stream(const struct job *j, bool options_known)
{
    const struct json_field *stream = field(j, "stream");
    const struct json_field *options = field(j, "stream_options");
    const bool told = j->target->stream;

    if (told != (stream->type == JSON_TRUE))
        change(j, "stream", told ? SLICE("true") : SLICE("false"));
    if (!told || !options_known) {
        if (is_present(options))
            change(j, "stream_options", SLICE_NONE);
        return RC_OK;
    }
    return is_usage_asked(options) ? RC_OK : force_usage(j, options);
}

/* ---- The output bound ---- */

const char *chat_bound_name(unsigned quirks)
{
    return (quirks & (QUIRK_MAX_TOKENS | QUIRK_OLD_BOUND)) != 0
               ? "max_tokens"
               : "max_completion_tokens";
}

static struct slice forced_value(const struct job *j)
{
    return slice_str(
        arena_printf(j->arena, "%llu", (unsigned long long)j->target->output_bound));
}

/* A name that the vendor does not know goes, its value to the other: a bound that is
 * not understood would not hold. When it is forced, each name that is there is lowered
 * (both may stand in one body), and if there is none, one is added. */
static void change_bound(const struct job *j)
{
    static const char *const names[] = {"max_tokens", "max_completion_tokens"};
    static const unsigned unknown[] = {QUIRK_NO_MAX_TOKENS, QUIRK_MAX_TOKENS};
    struct slice value = SLICE_NONE;
    bool found = false;

    if (j->target->bound_forced)
        value = forced_value(j);
    for (size_t i = 0; i < 2; i++) {
        const struct json_field *f = field(j, names[i]);

        if (f->type != JSON_NUMBER)
            continue;
        if ((j->target->quirks & unknown[i]) == 0) {
            found = true;
            if (j->target->bound_forced)
                change(j, names[i], value);
            continue;
        }
        change(j, names[i], SLICE_NONE);
        if (!j->target->bound_forced)
            value = f->raw;
    }
    if (!found && value.len > 0)
        change(j, chat_bound_name(j->target->quirks), value);
}

/* ---- Words ---- */

static void change_seed(const struct job *j)
{
    const struct json_field *seed = field(j, "seed");

    if ((j->target->quirks & QUIRK_RANDOM_SEED) == 0 || seed->type == JSON_ABSENT)
        return;
    if (!is_present(field(j, "random_seed")) && is_present(seed))
        change(j, "random_seed", seed->raw);
    change(j, "seed", SLICE_NONE);
}

static void change_choice(const struct job *j)
{
    if ((j->target->quirks & QUIRK_CHOICE_ANY) != 0 &&
        json_body_is(field(j, "tool_choice")->raw, "required"))
        change(j, "tool_choice", SLICE("\"any\""));
}

/* An effort for vendors that know a switch only; what a client says in the vendor's own
 * words stays. */
static void change_effort(const struct job *j)
{
    const struct json_field *effort = field(j, "reasoning_effort");
    const bool none = json_body_is(effort->raw, "none");
    const unsigned quirks = j->target->quirks;

    if ((quirks & QUIRK_NO_EFFORT) == 0 || effort->type != JSON_STRING)
        return;
    if ((quirks & QUIRK_ENABLE_THINKING) != 0) {
        if (field(j, "enable_thinking")->type == JSON_ABSENT)
            change(j, "enable_thinking", none ? SLICE("false") : SLICE("true"));
    } else if ((quirks & QUIRK_THINKING_SWITCH) != 0) {
        if (field(j, "thinking")->type == JSON_ABSENT)
            change(j, "thinking",
                   none ? SLICE("{\"type\":\"disabled\"}")
                        : SLICE("{\"type\":\"enabled\"}"));
    } else {
        return; /* the vendor may say itself what it thinks of it */
    }
    change(j, "reasoning_effort", SLICE_NONE);
}

/* ---- Messages ---- */

/* A role that a vendor does not know, in a copy of the messages. */
static enum rc change_messages(const struct job *j)
{
    const struct json_field *f = field(j, "messages");
    struct slice message, role;
    struct slice rest = f->raw;
    struct buf b;
    size_t at = 0;
    bool any = false;

    if ((j->target->quirks & QUIRK_SYSTEM_ROLE) == 0 || f->type != JSON_ARRAY)
        return RC_OK;
    buf_init(&b, f->raw.len + 1); /* "system" is shorter than "developer" */
    while (json_raw_element(&message, f->raw, &at) != JSON_ABSENT) {
        size_t before;

        if (json_raw_member(&role, message, "role") != JSON_STRING ||
            !json_body_is(role, "developer"))
            continue;
        any = true;
        before = (size_t)(role.bytes - rest.bytes);
        buf_append(&b, slice_sub(rest, 0, before));
        buf_append_str(&b, "\"system\"");
        rest = slice_sub(rest, before + role.len, rest.len);
    }
    buf_append(&b, rest);
    if (any)
        change(j, "messages", arena_slice(j->arena, buf_slice(&b)));
    buf_free(&b);
    return RC_OK;
}

enum rc chat_adapt(struct wire_changes *out, const struct wire_target *t,
                   struct json_field *fields, size_t count, struct wire_fault *fault,
                   struct arena *a)
{
    const struct job j = {out, t, fields, count, a};

    (void)fault;
    TRY(change_model(&j));
    TRY(change_stream(&j, (t->quirks & QUIRK_NO_STREAM_OPTIONS) == 0));
    change_bound(&j);
    change_seed(&j);
    change_choice(&j);
    change_effort(&j);
    TRY(change_messages(&j));
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

enum rc chat_adapt_completions(struct wire_changes *out, const struct wire_target *t,
                               struct json_field *fields, size_t count,
                               struct wire_fault *fault, struct arena *a)
{
    const struct job j = {out, t, fields, count, a};

    (void)fault;
    TRY(change_model(&j));
    TRY(change_stream(&j, true)); /* who still has this path is as OpenAI was */
    if (t->bound_forced)
        change(&j, "max_tokens", forced_value(&j));
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

/* ---- Usage ---- */

struct slice chat_usage_at(struct slice json)
{
    struct json_field usage = {.name = "usage"};

    body_fields(json, &usage, 1);
    return usage.type == JSON_OBJECT ? usage.raw : SLICE_NONE;
}

bool chat_without_usage(struct buf *out, struct slice json)
{
    struct json_field f[] = {{.name = "usage"}, {.name = "choices"}};
    const struct json_splice hide = {&f[0], SLICE_NONE};

    body_fields(json, f, 2);
    if (f[0].type == JSON_ABSENT)
        return false;
    /* Nothing is left of the chunk that is for usage alone. */
    if (f[0].type != JSON_OBJECT || body_has_elements(&f[1]))
        json_splice(out, json, &hide, 1);
    return true;
}

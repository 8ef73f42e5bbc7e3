/* SPDX-License-Identifier: Apache-2.0 */
/* A Gemini client's request as a conversation: the messages. The rest of the body is
 * read in gemini_read_config.c. */
#include "gateway/wires/gemini_int.h"
#include "gateway/wires/json_body.h"

#include <string.h>

enum {
    CALLS_MAX = 256, /* of the latest calls, those that a result may answer */
    ID_NAME_MAX = 24 /* of the tool's name in an id that is made here */
};

struct call {
    struct part *part;
    bool is_answered;
};

struct reading {
    struct gemini_reader r;
    size_t call_count;
    struct call calls[CALLS_MAX]; /* a ring */
};

enum rc gemini__plain(struct gemini_reader *r, struct slice *out, struct slice raw,
                      const char *path)
{
    if (json_raw_type(raw) != JSON_STRING)
        return wire_refuse(r->fault, r->a, path, "'%s' must be a string.", path);
    return quoted_open(out, (struct quoted){raw}, r->a) == RC_OK ? RC_OK : RC_NOMEM;
}

static const char *below(struct gemini_reader *r, const char *path, const char *name)
{
    const char *p = arena_printf(r->a, "%s.%s", path, name);

    return p != NULL ? p : path;
}

/* ---- Parts ---- */

/* What a part holds comes first: a part has exactly one of these. */
enum {
    PART_NAME_TEXT,
    PART_NAME_INLINE,
    PART_NAME_FILE,
    PART_NAME_CALL,
    PART_NAME_RESPONSE,
    PART_NAME_CODE,
    PART_NAME_CODE_RESULT,
    PART_NAME_HOSTED_CALL,
    PART_NAME_HOSTED_RESPONSE,
    PART__DATA,
    PART_NAME_THOUGHT = PART__DATA,
    PART_NAME_SIGNATURE,
    PART_NAME_VIDEO,
    PART_NAME_RESOLUTION,
    PART__COUNT
};

static const char *const part_names[PART__COUNT] = {
    [PART_NAME_TEXT] = "text",
    [PART_NAME_INLINE] = "inlineData",
    [PART_NAME_FILE] = "fileData",
    [PART_NAME_CALL] = "functionCall",
    [PART_NAME_RESPONSE] = "functionResponse",
    [PART_NAME_CODE] = "executableCode",
    [PART_NAME_CODE_RESULT] = "codeExecutionResult",
    [PART_NAME_HOSTED_CALL] = "toolCall",
    [PART_NAME_HOSTED_RESPONSE] = "toolResponse",
    [PART_NAME_THOUGHT] = "thought",
    [PART_NAME_SIGNATURE] = "thoughtSignature",
    [PART_NAME_VIDEO] = "videoMetadata",
    [PART_NAME_RESOLUTION] = "mediaResolution",
};

struct place {
    struct reading *g;
    struct message *m;
    struct slice v[PART__COUNT];
    const char *path; /* of the part */
};

static enum rc sign(struct place *at, struct part *p)
{
    const struct slice raw = at->v[PART_NAME_SIGNATURE];
    struct slice plain;

    if (raw.len == 0)
        return RC_OK;
    TRY(gemini__plain(&at->g->r, &plain, raw,
                      below(&at->g->r, at->path, "thoughtSignature")));
    p->signature = (struct quoted){raw};
    p->signed_by = SLICE(GEMINI_SIGNED_BY);
    return RC_OK;
}

static enum rc read_text(struct place *at)
{
    struct gemini_reader *r = &at->g->r;
    const bool thought = json_raw_type(at->v[PART_NAME_THOUGHT]) == JSON_TRUE;
    const struct slice raw = at->v[PART_NAME_TEXT];
    struct part *p;

    if (json_raw_type(raw) != JSON_STRING)
        return wire_refuse(r->fault, r->a, below(r, at->path, "text"),
                           "'text' must be a string.");
    p = message_add(at->m, thought ? PART_REASONING : PART_TEXT, r->a);
    if (p == NULL)
        return RC_NOMEM;
    p->path = at->path;
    p->text = (struct quoted){raw};
    if (thought) /* signed or not, Google's models made it */
        p->signed_by = SLICE(GEMINI_SIGNED_BY);
    return sign(at, p);
}

static bool is_base64(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.bytes[i];
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        if (!letter && !(c >= '0' && c <= '9') && strchr("+/=-_", c) == NULL)
            return false;
    }
    return s.len > 0 && s.len % 4 != 1;
}

/* Google also takes the URL-safe alphabet, and no padding; others do not. */
static enum rc standard_base64(struct gemini_reader *r, struct slice *data,
                               const char *path)
{
    char *copy;

    if (!is_base64(*data))
        return wire_refuse(r->fault, r->a, path, "'%s' must be base64.", path);
    if (data->len % 4 == 0 && slice_find(*data, '-') == data->len &&
        slice_find(*data, '_') == data->len)
        return RC_OK;
    copy = arena_alloc(r->a, data->len + 4);
    if (copy == NULL)
        return RC_NOMEM;
    for (size_t i = 0; i < data->len; i++) {
        const char c = data->bytes[i];

        copy[i] = c == '-' ? '+' : c == '_' ? '/' : c;
    }
    for (; data->len % 4 != 0; data->len++)
        copy[data->len] = '=';
    data->bytes = copy;
    return RC_OK;
}

static bool is_media_type(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.bytes[i];

        if (c <= ' ' || c == '"' || c == '\\' || c == 0x7f)
            return false;
    }
    return slice_find(s, '/') < s.len;
}

static enum part_kind kind_of(struct slice type)
{
    if (slice_starts_nocase(type, SLICE("image/")))
        return PART_IMAGE;
    return slice_starts_nocase(type, SLICE("audio/")) ? PART_AUDIO : PART_FILE;
}

/* Into a part of its own behind **last, or of the message. */
static enum rc add_media(struct place *at, struct part *owner, const struct media *m)
{
    struct message holder = {.parts = NULL};
    struct part *p =
        message_add(owner == NULL ? at->m : &holder, kind_of(m->type), at->g->r.a);

    if (p == NULL)
        return RC_NOMEM;
    p->path = at->path;
    p->media = *m;
    if (owner != NULL) {
        struct part **end = &owner->content;

        while (*end != NULL)
            end = &(*end)->next;
        *end = p;
    }
    return RC_OK;
}

static enum rc read_media_name(struct gemini_reader *r, struct media *m,
                               struct slice raw, const char *path)
{
    if (raw.len == 0)
        return RC_OK;
    if (json_raw_type(raw) != JSON_STRING)
        return wire_refuse(r->fault, r->a, path, "'displayName' must be a string.");
    m->name = (struct quoted){raw};
    return RC_OK;
}

static enum rc read_inline(struct place *at, struct part *owner, struct slice raw)
{
    static const char *const names[] = {"mimeType", "data", "displayName"};
    const char *path = below(&at->g->r, at->path, "inlineData");
    struct gemini_reader *r = &at->g->r;
    struct media m = {.from = MEDIA_INLINE};
    struct slice v[3];

    gemini__pick(v, names, 3, raw);
    TRY(gemini__plain(r, &m.type, v[0], below(r, path, "mimeType")));
    if (!is_media_type(m.type))
        return wire_refuse(r->fault, r->a, below(r, path, "mimeType"),
                           "'mimeType' must be a media type.");
    TRY(gemini__plain(r, &m.data, v[1], below(r, path, "data")));
    TRY(standard_base64(r, &m.data, below(r, path, "data")));
    TRY(read_media_name(r, &m, v[2], path));
    return add_media(at, owner, &m);
}

/* A file of Google's own store has a name that means nothing to others. */
static bool is_upload(struct slice uri)
{
    return slice_starts(uri, SLICE("gs://")) ||
           slice_starts(uri, SLICE("https://generativelanguage.googleapis.com/"));
}

static enum rc read_file(struct place *at, struct part *owner, struct slice raw)
{
    static const char *const names[] = {"mimeType", "fileUri", "displayName"};
    const char *path = below(&at->g->r, at->path, "fileData");
    const char *uri_path = below(&at->g->r, path, "fileUri");
    struct gemini_reader *r = &at->g->r;
    struct media m = {.from = MEDIA_ID};
    struct slice v[3], uri;

    gemini__pick(v, names, 3, raw);
    TRY(gemini__plain(r, &uri, v[1], uri_path));
    if (!is_upload(uri)) {
        if (media_from_url(&m, v[1], r->a) != RC_OK || m.from != MEDIA_URL)
            return wire_refuse(r->fault, r->a, uri_path,
                               "'fileUri' must be a gs:// or http(s) URL.");
    } else if (slice_has_ctl(uri) || slice_find(uri, '"') < uri.len ||
               slice_find(uri, '\\') < uri.len) {
        return wire_refuse(r->fault, r->a, uri_path, "'fileUri' is not a URL.");
    }
    m.data = uri;
    if (v[0].len > 0)
        TRY(gemini__plain(r, &m.type, v[0], below(r, path, "mimeType")));
    if (m.type.len > 0 && !is_media_type(m.type))
        return wire_refuse(r->fault, r->a, below(r, path, "mimeType"),
                           "'mimeType' must be a media type.");
    TRY(read_media_name(r, &m, v[2], path));
    return add_media(at, owner, &m);
}

static enum rc read_part_inline(struct place *at)
{
    return read_inline(at, NULL, at->v[PART_NAME_INLINE]);
}

static enum rc read_part_file(struct place *at)
{
    return read_file(at, NULL, at->v[PART_NAME_FILE]);
}

/* ---- Calls and results ---- */

/* An id for a call that has none: the same as long as the request begins the same, in
 * letters that every vendor takes. */
static struct slice mint_id(struct reading *g, struct slice name)
{
    char text[ID_NAME_MAX + 1];
    size_t len = 0;

    for (; len < name.len && len < ID_NAME_MAX; len++) {
        const char c = name.bytes[len];
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                           (c >= '0' && c <= '9') || c == '_' || c == '-';

        text[len] = plain ? c : '_';
    }
    return slice_str(
        arena_printf(g->r.a, "call_%zu_%.*s", g->call_count, (int)len, text));
}

static enum rc read_call(struct place *at)
{
    static const char *const names[] = {"name", "args", "id"};
    const char *path = below(&at->g->r, at->path, "functionCall");
    struct gemini_reader *r = &at->g->r;
    struct slice v[3];
    struct part *p;

    gemini__pick(v, names, 3, at->v[PART_NAME_CALL]);
    p = message_add(at->m, PART_TOOL_CALL, r->a);
    if (p == NULL)
        return RC_NOMEM;
    p->path = at->path;
    TRY(gemini__plain(r, &p->name, v[0], below(r, path, "name")));
    if (p->name.len == 0)
        return wire_refuse(r->fault, r->a, below(r, path, "name"),
                           "'name' must not be empty.");
    if (v[1].len > 0 && json_raw_type(v[1]) != JSON_OBJECT)
        return wire_refuse(r->fault, r->a, below(r, path, "args"),
                           "'args' must be an object.");
    p->arguments = v[1].len > 0 ? v[1] : SLICE("{}");
    if (v[2].len > 0)
        TRY(gemini__plain(r, &p->id, v[2], below(r, path, "id")));
    if (p->id.len == 0)
        p->id = mint_id(at->g, p->name);
    if (at->m->role != ROLE_ASSISTANT)
        return wire_refuse(r->fault, r->a, path, "A call is in the model's turn.");
    at->g->calls[at->g->call_count++ % CALLS_MAX] = (struct call){p, false};
    return sign(at, p);
}

/* The call that a result answers: by its id, else the first one of that name without a
 * result. */
static struct call *find_call(struct reading *g, struct slice id, struct slice name)
{
    const size_t have = g->call_count < CALLS_MAX ? g->call_count : CALLS_MAX;

    for (size_t i = 1; id.len > 0 && i <= have; i++) {
        struct call *c = &g->calls[(g->call_count - i) % CALLS_MAX];

        if (slice_equal(c->part->id, id))
            return c;
    }
    for (size_t i = have; i > 0; i--) {
        struct call *c = &g->calls[(g->call_count - i) % CALLS_MAX];

        if (!c->is_answered && slice_equal(c->part->name, name))
            return c;
    }
    return NULL;
}

/* {"output": text} and {"error": text} are how plain text is put into the object that
 * must be there; everything else goes on as the JSON that it is. */
static enum rc read_output(struct gemini_reader *r, struct part *p, struct slice raw)
{
    static const char *const names[] = {"output", "result", "error"};
    struct slice key, value, none;
    struct part *text;
    struct message holder = {.parts = NULL};
    size_t at = 0, which = 3;

    text = message_add(&holder, PART_TEXT, r->a);
    if (text == NULL)
        return RC_NOMEM;
    text->path = p->path;
    p->content = text;
    if (json_raw_next(&key, &value, raw, &at) != JSON_ABSENT &&
        json_raw_next(&key, &none, raw, &at) == JSON_ABSENT) {
        at = 0;
        (void)json_raw_next(&key, &value, raw, &at);
        which = json_body_index(key, names, 3);
    }
    p->is_error = which == 2;
    if (which < 3 && json_raw_type(value) == JSON_STRING)
        text->text = (struct quoted){value};
    else
        text->text = quoted_from(raw, r->a);
    return text->text.json.len > 0 ? RC_OK : RC_NOMEM;
}

static enum rc read_response_parts(struct place *at, struct part *p, struct slice raw)
{
    static const char *const names[] = {"inlineData", "fileData"};
    struct slice item, v[2];
    size_t next = 0;

    while (gemini__element(&item, raw, &next) != JSON_ABSENT) {
        gemini__pick(v, names, 2, item);
        if (v[0].len > 0)
            TRY(read_inline(at, p, v[0]));
        else if (v[1].len > 0)
            TRY(read_file(at, p, v[1]));
    }
    return RC_OK;
}

static enum rc read_response(struct place *at)
{
    static const char *const names[] = {"name", "response", "id", "parts"};
    const char *path = below(&at->g->r, at->path, "functionResponse");
    struct gemini_reader *r = &at->g->r;
    struct slice v[4], name, id = SLICE_NONE;
    struct call *call;
    struct part *p;

    gemini__pick(v, names, 4, at->v[PART_NAME_RESPONSE]);
    TRY(gemini__plain(r, &name, v[0], below(r, path, "name")));
    if (v[2].len > 0)
        TRY(gemini__plain(r, &id, v[2], below(r, path, "id")));
    if (json_raw_type(v[1]) != JSON_OBJECT)
        return wire_refuse(r->fault, r->a, below(r, path, "response"),
                           "'response' must be an object.");
    call = find_call(at->g, id, name);
    if (call == NULL)
        return wire_refuse(r->fault, r->a, path,
                           "This answers no call of '%.*s' before it.",
                           SLICE_FMT(name));
    if (at->m->role != ROLE_USER)
        return wire_refuse(r->fault, r->a, path, "A result is in the user's turn.");
    call->is_answered = true;
    p = message_add(at->m, PART_TOOL_RESULT, r->a);
    if (p == NULL)
        return RC_NOMEM;
    p->path = at->path;
    p->id = call->part->id;
    p->name = call->part->name;
    TRY(read_output(r, p, v[1]));
    return read_response_parts(at, p, v[3]);
}

/* What only Google can read: it is named among what got lost elsewhere. */
static enum rc read_hosted(struct place *at)
{
    struct gemini_reader *r = &at->g->r;

    for (size_t i = PART_NAME_CODE; i < PART__DATA; i++)
        if (at->v[i].len > 0)
            conversation_extra(r->c, slice_str(below(r, at->path, part_names[i])),
                               at->v[i], r->a);
    return RC_OK;
}

static enum rc read_part(struct reading *g, struct message *m, struct slice raw,
                         const char *path)
{
    static enum rc (*const readers[PART__DATA])(struct place *) = {
        [PART_NAME_TEXT] = read_text,
        [PART_NAME_INLINE] = read_part_inline,
        [PART_NAME_FILE] = read_part_file,
        [PART_NAME_CALL] = read_call,
        [PART_NAME_RESPONSE] = read_response};
    struct place at = {.g = g, .m = m, .path = path};
    size_t which = PART__DATA;

    if (path == NULL)
        return RC_NOMEM;
    if (json_raw_type(raw) != JSON_OBJECT)
        return wire_refuse(g->r.fault, g->r.a, path, "'%s' must be an object.", path);
    gemini__pick(at.v, part_names, PART__COUNT, raw);
    for (size_t i = 0; i < PART__DATA; i++) {
        if (at.v[i].len == 0)
            continue;
        if (which != PART__DATA)
            return wire_refuse(g->r.fault, g->r.a, path, "'%s' has both '%s' and '%s'.",
                               path, part_names[which], part_names[i]);
        which = i;
    }
    if (which == PART__DATA)
        return wire_refuse(g->r.fault, g->r.a, path,
                           "'%s' has nothing in it that is known here, such as 'text'.",
                           path);
    for (size_t i = PART_NAME_VIDEO; i < PART__COUNT; i++)
        if (at.v[i].len > 0)
            conversation_extra(g->r.c, slice_str(below(&g->r, path, part_names[i])),
                               at.v[i], g->r.a);
    return readers[which] != NULL ? readers[which](&at) : read_hosted(&at);
}

/* ---- Messages ---- */

static enum rc read_parts(struct reading *g, struct message *m, struct slice parts,
                          const char *path)
{
    struct slice raw;
    unsigned index = 0;
    size_t at = 0;

    while (gemini__element(&raw, parts, &at) != JSON_ABSENT)
        TRY(read_part(g, m, raw, arena_printf(g->r.a, "%s.parts[%u]", path, index++)));
    return RC_OK;
}

static bool is_list(struct slice raw)
{
    const enum json_kind kind = json_raw_type(raw);

    return kind == JSON_ARRAY || kind == JSON_OBJECT;
}

static enum rc read_role(struct gemini_reader *r, enum role *out, struct slice raw,
                         const char *path)
{
    if (raw.len == 0 || json_body_is(raw, "user") || json_body_is(raw, "function"))
        *out = ROLE_USER;
    else if (json_body_is(raw, "model"))
        *out = ROLE_ASSISTANT;
    else
        return wire_refuse(r->fault, r->a, below(r, path, "role"),
                           "'role' must be 'user' or 'model'.");
    return RC_OK;
}

/* Google's SDKs keep a streamed answer as several turns of the model: they are one, and
 * elsewhere all calls of a turn must stand in it. */
static enum rc read_content(struct reading *g, struct slice raw, const char *path)
{
    static const char *const names[] = {"role", "parts"};
    struct gemini_reader *r = &g->r;
    struct slice v[2], first;
    enum role role = ROLE_USER;
    struct message *m;
    size_t at = 0;

    if (path == NULL)
        return RC_NOMEM;
    if (json_raw_type(raw) != JSON_OBJECT)
        return wire_refuse(r->fault, r->a, path, "'%s' must be an object.", path);
    gemini__pick(v, names, 2, raw);
    TRY(read_role(r, &role, v[0], path));
    if (v[1].len > 0 && !is_list(v[1]))
        return wire_refuse(r->fault, r->a, below(r, path, "parts"),
                           "'parts' must be an array.");
    if (gemini__element(&first, v[1], &at) == JSON_ABSENT) {
        /* Answers without content come back so. */
        if (role == ROLE_ASSISTANT)
            return RC_OK;
        return wire_refuse(r->fault, r->a, below(r, path, "parts"),
                           "'parts' must have at least one part.");
    }
    m = r->c->last_message;
    if (m == NULL || role != ROLE_ASSISTANT || m->role != role) {
        m = conversation_add(r->c, role, r->a);
        if (m == NULL)
            return RC_NOMEM;
        m->path = path;
    }
    return read_parts(g, m, v[1], path);
}

static enum rc read_contents(struct reading *g, struct slice raw)
{
    struct gemini_reader *r = &g->r;
    const struct message *system = r->c->last_message;
    struct slice item;
    unsigned index = 0;
    size_t at = 0;

    if (!is_list(raw))
        return wire_refuse(r->fault, r->a, "contents", "'contents' must be an array.");
    while (gemini__element(&item, raw, &at) != JSON_ABSENT)
        TRY(read_content(g, item, arena_printf(r->a, "contents[%u]", index++)));
    if (r->c->last_message == system)
        return wire_refuse(r->fault, r->a, "contents",
                           "'contents' must have at least one message.");
    return RC_OK;
}

static enum rc read_system(struct reading *g, struct slice raw)
{
    static const char *const names[] = {"parts"};
    struct gemini_reader *r = &g->r;
    struct slice parts;
    struct message *m;

    if (raw.len == 0)
        return RC_OK;
    if (json_raw_type(raw) != JSON_OBJECT)
        return wire_refuse(r->fault, r->a, "systemInstruction",
                           "'systemInstruction' must be an object with 'parts'.");
    gemini__pick(&parts, names, 1, raw);
    if (parts.len == 0)
        return RC_OK;
    if (!is_list(parts))
        return wire_refuse(r->fault, r->a, "systemInstruction.parts",
                           "'parts' must be an array.");
    m = conversation_add(r->c, ROLE_SYSTEM, r->a);
    if (m == NULL)
        return RC_NOMEM;
    m->path = "systemInstruction";
    TRY(read_parts(g, m, parts, m->path));
    for (const struct part *p = m->parts; p != NULL; p = p->next)
        if (p->kind != PART_TEXT)
            return wire_refuse(r->fault, r->a, p->path,
                               "An instruction to the model is text.");
    return RC_OK;
}

/* ---- The body ---- */

enum {
    BODY_CONTENTS,
    BODY_SYSTEM,
    BODY_CONFIG,
    BODY_TOOLS,
    BODY_CHOICE,
    BODY_TIER,
    BODY_MODEL,
    BODY__COUNT
};

static const char *const body_names[BODY__COUNT] = {
    "contents", "systemInstruction", "generationConfig",
    "tools",    "toolConfig",        "serviceTier",
    "model"};

static enum rc read_tier(struct gemini_reader *r, struct slice raw)
{
    struct slice tier;

    if (raw.len == 0)
        return RC_OK;
    TRY(gemini__plain(r, &tier, raw, "serviceTier"));
    if (slice_equal_nocase(tier, SLICE("flex")))
        r->c->service_tier = SLICE("flex");
    else if (slice_equal_nocase(tier, SLICE("priority")))
        r->c->service_tier = SLICE("priority");
    else if (slice_equal_nocase(tier, SLICE("standard")))
        r->c->service_tier = SLICE("default");
    else if (!slice_equal_nocase(tier, SLICE("unspecified")))
        return wire_refuse(r->fault, r->a, "serviceTier",
                           "'serviceTier' must be standard, flex or priority.");
    return RC_OK;
}

enum rc gemini__read(struct conversation *out, struct wire_fault *fault,
                     struct slice body, struct arena *a)
{
    struct reading *g = arena_new(a, struct reading);
    struct slice key, value, v[BODY__COUNT] = {{NULL, 0}};
    enum json_kind kind;
    size_t at = 0;

    if (g == NULL)
        return RC_NOMEM;
    *out = (struct conversation){.choices = 1};
    g->r = (struct gemini_reader){out, fault, a};
    while ((kind = json_raw_next(&key, &value, body, &at)) != JSON_ABSENT) {
        const size_t i = gemini__index(key, body_names, BODY__COUNT);
        struct slice name;

        if (kind == JSON_NULL)
            continue;
        if (i < BODY__COUNT) {
            v[i] = value;
            continue;
        }
        TRY(quoted_open(&name, (struct quoted){key}, a));
        conversation_extra(out, name, value, a);
    }
    TRY(read_system(g, v[BODY_SYSTEM]));
    TRY(read_contents(g, v[BODY_CONTENTS]));
    TRY(gemini__read_config(&g->r, v[BODY_CONFIG]));
    TRY(gemini__read_tools(&g->r, v[BODY_TOOLS]));
    TRY(gemini__read_choice(&g->r, v[BODY_CHOICE]));
    TRY(read_tier(&g->r, v[BODY_TIER]));
    return arena_spent(a) ? RC_NOMEM : RC_OK;
}

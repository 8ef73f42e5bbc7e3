/* SPDX-License-Identifier: Apache-2.0 */
/* The elements of a client's `input`: messages, calls and their outputs, reasoning.
 * Everything that one answer consisted of becomes one assistant message. Items that
 * only OpenAI can read (those of tools that it runs, references to what it keeps) are
 * refused by name. */
#include "gateway/wires/json_body.h"
#include "gateway/wires/responses_int.h"

#include <string.h>

#define refuse(r, param, ...) wire_refuse((r)->fault, (r)->a, (param), __VA_ARGS__)

/* ---- Texts ---- */

static const char *below(const struct responses_reader *r, const char *path,
                         const char *name)
{
    return arena_printf(r->a, "%s.%s", path, name);
}

static const char *element(const struct responses_reader *r, const char *path,
                           const char *name, unsigned index)
{
    return arena_printf(r->a, "%s.%s[%u]", path, name, index);
}

/* A string that must be there, raw. */
static enum rc need_text(struct quoted *out, const struct responses_reader *r,
                         struct slice raw, const char *path, const char *name)
{
    if (json_raw_type(raw) != JSON_STRING)
        return refuse(r, below(r, path, name), "'%s' must be a string.", name);
    out->json = raw;
    return RC_OK;
}

/* The same, plain and not empty. */
static enum rc need_name(struct slice *out, const struct responses_reader *r,
                         struct slice raw, const char *path, const char *name)
{
    struct quoted q;

    TRY(need_text(&q, r, raw, path, name));
    if (quoted_is_empty(q))
        return refuse(r, below(r, path, name), "'%s' must not be empty.", name);
    return quoted_open(out, q, r->a);
}

/* The texts of an array of objects, a blank line between two. */
static enum rc join_texts(struct quoted *out, const struct responses_reader *r,
                          struct slice array, const char *path)
{
    struct slice object, text, joined;
    unsigned count = 0;
    struct buf b;
    size_t at = 0;

    if (array.len == 0)
        return RC_OK;
    if (json_raw_type(array) != JSON_ARRAY)
        return refuse(r, path, "This must be an array.");
    buf_init(&b, array.len + 2);
    buf_append_char(&b, '"');
    while (json_raw_element(&object, array, &at) != JSON_ABSENT) {
        if (json_raw_member(&text, object, "text") != JSON_STRING) {
            buf_free(&b);
            return refuse(r, path, "Each element must have a 'text'.");
        }
        buf_append_str(&b, count++ > 0 ? "\\n\\n" : "");
        quoted_append(&b, (struct quoted){text});
    }
    buf_append_char(&b, '"');
    joined = arena_slice(r->a, buf_slice(&b));
    buf_free(&b);
    if (joined.len > 2)
        out->json = joined;
    return RC_OK;
}

/* ---- Parts ---- */

enum content_field {
    CONTENT_TYPE,
    CONTENT_TEXT,
    CONTENT_REFUSAL,
    CONTENT_IMAGE_URL,
    CONTENT_FILE_ID,
    CONTENT_DETAIL,
    CONTENT_FILE_DATA,
    CONTENT_FILE_URL,
    CONTENT_FILENAME,
    CONTENT_AUDIO,
    CONTENT_BREAKPOINT,
    CONTENT__COUNT
};

static enum rc read_text(const struct responses_reader *r, struct part *p,
                         const struct slice v[CONTENT__COUNT])
{
    return need_text(&p->text, r, v[CONTENT_TEXT], p->path, "text");
}

/* Some clients keep a refusal's words in "text". */
static enum rc read_refusal(const struct responses_reader *r, struct part *p,
                            const struct slice v[CONTENT__COUNT])
{
    if (v[CONTENT_REFUSAL].len == 0 && v[CONTENT_TEXT].len > 0)
        return read_text(r, p, v);
    return need_text(&p->text, r, v[CONTENT_REFUSAL], p->path, "refusal");
}

static enum rc read_id(const struct responses_reader *r, struct part *p,
                       struct slice raw)
{
    p->media.from = MEDIA_ID;
    TRY(need_name(&p->media.data, r, raw, p->path, "file_id"));
    if (slice_has_ctl(p->media.data) ||
        slice_find(p->media.data, '"') < p->media.data.len ||
        slice_find(p->media.data, '\\') < p->media.data.len)
        return refuse(r, below(r, p->path, "file_id"), "'file_id' is no file's id.");
    return RC_OK;
}

static enum rc read_url(const struct responses_reader *r, struct part *p,
                        struct slice raw, const char *name)
{
    if (json_raw_type(raw) != JSON_STRING || media_from_url(&p->media, raw, r->a))
        return refuse(r, below(r, p->path, name),
                      "'%s' must be an http(s) URL or a data URL in base64.", name);
    return RC_OK;
}

static enum rc read_image(const struct responses_reader *r, struct part *p,
                          const struct slice v[CONTENT__COUNT])
{
    p->kind = PART_IMAGE;
    if (v[CONTENT_DETAIL].len > 0)
        TRY(need_name(&p->media.detail, r, v[CONTENT_DETAIL], p->path, "detail"));
    if (v[CONTENT_IMAGE_URL].len == 0 && v[CONTENT_FILE_ID].len > 0)
        return read_id(r, p, v[CONTENT_FILE_ID]);
    return read_url(r, p, v[CONTENT_IMAGE_URL], "image_url");
}

static bool is_base64(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.bytes[i];

        if (!(c >= 'A' && c <= 'Z') && !(c >= 'a' && c <= 'z') &&
            !(c >= '0' && c <= '9') && c != '+' && c != '/' && c != '=')
            return false;
    }
    return s.len > 0;
}

/* A data URL, or the base64 alone. */
static enum rc read_file_data(const struct responses_reader *r, struct part *p,
                              struct slice raw)
{
    struct slice plain;

    TRY(need_name(&plain, r, raw, p->path, "file_data"));
    if (slice_starts_nocase(plain, SLICE("data:")))
        return read_url(r, p, raw, "file_data");
    if (!is_base64(plain))
        return refuse(r, below(r, p->path, "file_data"),
                      "'file_data' must be base64, or a data URL of it.");
    p->media.from = MEDIA_INLINE;
    p->media.data = plain;
    return RC_OK;
}

static enum rc read_file(const struct responses_reader *r, struct part *p,
                         const struct slice v[CONTENT__COUNT])
{
    p->kind = PART_FILE;
    if (v[CONTENT_FILENAME].len > 0)
        TRY(need_text(&p->media.name, r, v[CONTENT_FILENAME], p->path, "filename"));
    if (v[CONTENT_FILE_DATA].len > 0)
        return read_file_data(r, p, v[CONTENT_FILE_DATA]);
    if (v[CONTENT_FILE_URL].len > 0)
        return read_url(r, p, v[CONTENT_FILE_URL], "file_url");
    return read_id(r, p, v[CONTENT_FILE_ID]);
}

static enum rc read_audio(const struct responses_reader *r, struct part *p,
                          const struct slice v[CONTENT__COUNT])
{
    static const char *const names[] = {"data", "format"};
    struct slice inner[2], format;

    p->kind = PART_AUDIO;
    json_body_pick(inner, names, 2, v[CONTENT_AUDIO]);
    TRY(need_name(&p->media.data, r, inner[0], p->path, "input_audio.data"));
    TRY(need_name(&format, r, inner[1], p->path, "input_audio.format"));
    if (!is_base64(p->media.data))
        return refuse(r, below(r, p->path, "input_audio.data"),
                      "'input_audio.data' must be base64.");
    p->media.from = MEDIA_INLINE;
    p->media.type =
        slice_equal_str(format, "mp3") ? SLICE("audio/mpeg") : SLICE("audio/wav");
    return RC_OK;
}

static const struct {
    const char *type;
    enum part_kind kind;
    enum rc (*read)(const struct responses_reader *r, struct part *p,
                    const struct slice v[CONTENT__COUNT]);
} contents[] = {
    {"input_text", PART_TEXT, read_text},    {"output_text", PART_TEXT, read_text},
    {"input_image", PART_IMAGE, read_image}, {"input_file", PART_FILE, read_file},
    {"input_audio", PART_AUDIO, read_audio}, {"refusal", PART_REFUSAL, read_refusal},
    {"summary_text", PART_TEXT, read_text},  {"text", PART_TEXT, read_text},
};

static enum rc read_part(const struct responses_reader *r, struct message *m,
                         struct slice object, const char *path)
{
    static const char *const names[CONTENT__COUNT] = {"type",
                                                      "text",
                                                      "refusal",
                                                      "image_url",
                                                      "file_id",
                                                      "detail",
                                                      "file_data",
                                                      "file_url",
                                                      "filename",
                                                      "input_audio",
                                                      "prompt_cache_breakpoint"};
    struct slice v[CONTENT__COUNT];
    struct part *p = message_add(m, PART_TEXT, r->a);

    if (p == NULL)
        return RC_NOMEM;
    p->path = path;
    json_body_pick(v, names, CONTENT__COUNT, object);
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        if (!json_body_is(v[CONTENT_TYPE], contents[i].type))
            continue;
        p->kind = contents[i].kind;
        p->cached = json_raw_type(v[CONTENT_BREAKPOINT]) == JSON_OBJECT;
        return contents[i].read(r, p, v);
    }
    return refuse(r, below(r, path, "type"),
                  "The type of a content part must be one of input_text, input_image, "
                  "input_file, input_audio, output_text and refusal.");
}

/* Content under `name`: a string, or an array of parts. */
static enum rc read_content(const struct responses_reader *r, struct message *m,
                            struct slice content, const char *path, const char *name)
{
    struct slice object;
    unsigned index = 0;
    struct part *p;
    size_t at = 0;

    switch (json_raw_type(content)) {
    case JSON_STRING:
        p = message_add(m, PART_TEXT, r->a);
        if (p == NULL)
            return RC_NOMEM;
        p->text.json = content;
        p->path = below(r, path, name);
        return RC_OK;
    case JSON_ARRAY:
        while (json_raw_element(&object, content, &at) != JSON_ABSENT)
            TRY(read_part(r, m, object, element(r, path, name, index++)));
        return RC_OK;
    case JSON_ABSENT:
    case JSON_NULL:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NUMBER:
    case JSON_OBJECT:
        break;
    }
    return refuse(r, below(r, path, name), "'%s' must be a string or an array.", name);
}

/* ---- Items ---- */

enum item_field {
    ITEM_TYPE,
    ITEM_ROLE,
    ITEM_CONTENT,
    ITEM_ID,
    ITEM_CALL_ID,
    ITEM_NAME,
    ITEM_ARGUMENTS,
    ITEM_INPUT,
    ITEM_OUTPUT,
    ITEM_SUMMARY,
    ITEM_ENCRYPTED,
    ITEM__COUNT
};

/* The assistant's turn goes on, or one begins; and so for the user's results. */
static struct message *turn(const struct responses_reader *r, enum role role,
                            const char *path)
{
    struct message *m = r->c->last_message;

    if (m != NULL && m->role == role &&
        (role == ROLE_ASSISTANT ||
         (m->last_part != NULL && m->last_part->kind == PART_TOOL_RESULT)))
        return m;
    m = conversation_add(r->c, role, r->a);
    if (m != NULL)
        m->path = path;
    return m;
}

static enum rc read_message(const struct responses_reader *r,
                            const struct slice v[ITEM__COUNT], const char *path)
{
    static const struct {
        const char *name;
        enum role role;
    } roles[] = {
        {"user", ROLE_USER},
        {"assistant", ROLE_ASSISTANT},
        {"system", ROLE_SYSTEM},
        {"developer", ROLE_SYSTEM},
    };
    struct message *m;

    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        if (!json_body_is(v[ITEM_ROLE], roles[i].name))
            continue;
        m = roles[i].role == ROLE_ASSISTANT
                ? turn(r, ROLE_ASSISTANT, path)
                : conversation_add(r->c, roles[i].role, r->a);
        if (m == NULL)
            return RC_NOMEM;
        if (m->path == NULL)
            m->path = path;
        m->developer = i == 3;
        return read_content(r, m, v[ITEM_CONTENT], path, "content");
    }
    return refuse(r, below(r, path, "role"),
                  "'role' must be one of user, assistant, system and developer.");
}

static enum rc new_part(struct part **out, const struct responses_reader *r,
                        enum role role, enum part_kind kind, const char *path)
{
    struct message *m = turn(r, role, path);

    *out = m == NULL ? NULL : message_add(m, kind, r->a);
    if (*out == NULL)
        return RC_NOMEM;
    (*out)->path = path;
    return RC_OK;
}

/* The JSON that a string of arguments holds. */
static enum rc read_arguments(const struct responses_reader *r, struct part *p,
                              struct slice raw)
{
    const struct json_limits limits = {.bytes = 0};
    struct quoted q;

    TRY(need_text(&q, r, raw, p->path, "arguments"));
    p->arguments = SLICE("{}");
    if (quoted_is_empty(q))
        return RC_OK;
    TRY(json_raw_string(&p->arguments, raw, r->a));
    if (json_guard(p->arguments, &limits, NULL, 0, NULL, r->a) != RC_OK)
        return refuse(r, below(r, p->path, "arguments"),
                      "'arguments' must be a JSON object in a string.");
    return RC_OK;
}

static enum rc read_call(const struct responses_reader *r,
                         const struct slice v[ITEM__COUNT], const char *path)
{
    struct part *p;

    TRY(new_part(&p, r, ROLE_ASSISTANT, PART_TOOL_CALL, path));
    TRY(need_name(&p->id, r, v[ITEM_CALL_ID], path, "call_id"));
    TRY(need_name(&p->name, r, v[ITEM_NAME], path, "name"));
    p->is_custom = json_body_is(v[ITEM_TYPE], "custom_tool_call");
    if (p->is_custom)
        return need_text(&p->text, r, v[ITEM_INPUT], path, "input");
    return read_arguments(r, p, v[ITEM_ARGUMENTS]);
}

static enum rc read_output(const struct responses_reader *r,
                           const struct slice v[ITEM__COUNT], const char *path)
{
    struct message content = {.role = ROLE_USER};
    struct part *p;

    TRY(new_part(&p, r, ROLE_USER, PART_TOOL_RESULT, path));
    TRY(need_name(&p->id, r, v[ITEM_CALL_ID], path, "call_id"));
    TRY(read_content(r, &content, v[ITEM_OUTPUT], path, "output"));
    p->content = content.parts;
    return RC_OK;
}

/* The call with this id, among the latest. */
static struct part *find_call(const struct responses_reader *r, struct slice id)
{
    const struct message *m = r->c->last_message;

    for (struct part *p = m == NULL ? NULL : m->parts; p != NULL; p = p->next)
        if (p->kind == PART_TOOL_CALL && slice_equal(p->id, id))
            return p;
    return NULL;
}

/* What responses_out.c has sealed: see RESPONSES_SEAL. A signature that is of a call
 * goes there; *done. Returns false: it is no seal. */
static bool open_seal(const struct responses_reader *r, struct part *p,
                      struct slice inside, bool *done)
{
    const size_t head = sizeof(RESPONSES_SEAL) - 1;
    const struct slice rest = slice_sub(inside, head, inside.len);
    const char kind = rest.len > 0 ? rest.bytes[0] : '\0';
    const size_t end = slice_find(rest, ':');
    struct slice signature = slice_sub(rest, end + 1, rest.len);
    struct part *owner = p;
    char *room;

    if (!slice_starts(inside, SLICE(RESPONSES_SEAL)) || end < 1 || end == rest.len)
        return false;
    if (kind == 'c') { /* the id may have colons in it, the signature has none */
        size_t id = signature.len;

        while (id > 0 && signature.bytes[id - 1] != ':')
            id--;
        owner = find_call(r, slice_sub(signature, 0, id > 0 ? id - 1 : 0));
        signature = slice_sub(signature, id, signature.len);
    }
    *done = kind == 'c';
    p->signature = (struct quoted){SLICE_NONE};
    if (owner == NULL || end == 1) /* gone, or nobody has signed it */
        return true;
    owner->signed_by = slice_sub(rest, 1, end - 1);
    owner->is_encrypted = kind == 'e';
    room = arena_alloc(r->a, signature.len + 2);
    if (room == NULL)
        return true;
    room[0] = room[signature.len + 1] = '"';
    memcpy(room + 1, signature.bytes == NULL ? "" : signature.bytes, signature.len);
    owner->signature.json = slice_from(room, signature.len + 2);
    return true;
}

static enum rc read_reasoning(const struct responses_reader *r,
                              const struct slice v[ITEM__COUNT], const char *path)
{
    struct part read = {.kind = PART_REASONING}, *p;
    bool done = false;

    TRY(join_texts(&read.text, r, v[ITEM_SUMMARY], below(r, path, "summary")));
    if (quoted_is_empty(read.text))
        TRY(join_texts(&read.text, r, v[ITEM_CONTENT], below(r, path, "content")));
    if (v[ITEM_ENCRYPTED].len > 0) {
        TRY(need_text(&read.signature, r, v[ITEM_ENCRYPTED], path,
                      "encrypted_content"));
        if (!open_seal(r, &read, quoted_inside(read.signature), &done)) {
            read.signed_by = SLICE(RESPONSES_SIGNED_BY);
            read.is_encrypted = quoted_is_empty(read.text);
        }
    }
    if (done || (quoted_is_empty(read.text) && quoted_is_empty(read.signature)))
        return RC_OK;
    if (v[ITEM_ID].len > 0 && slice_equal_str(read.signed_by, RESPONSES_SIGNED_BY))
        TRY(need_name(&read.item_id, r, v[ITEM_ID], path, "id"));
    TRY(new_part(&p, r, ROLE_ASSISTANT, PART_REASONING, path));
    read.path = path;
    *p = read;
    return RC_OK;
}

static enum rc refuse_reference(const struct responses_reader *r,
                                const struct slice v[ITEM__COUNT], const char *path)
{
    (void)v;
    return refuse(r, path,
                  "This model's provider keeps no items: send the item itself, as "
                  "clients do that ask with 'store': false.");
}

enum rc responses__read_item(struct responses_reader *r, struct slice item,
                             unsigned index)
{
    static const char *const names[ITEM__COUNT] = {
        "type",      "role",  "content", "id",      "call_id",          "name",
        "arguments", "input", "output",  "summary", "encrypted_content"};

    static const struct {
        const char *type;
        enum rc (*read)(const struct responses_reader *r,
                        const struct slice v[ITEM__COUNT], const char *path);
    } kinds[] = {
        {"message", read_message},
        {"function_call", read_call},
        {"function_call_output", read_output},
        {"reasoning", read_reasoning},
        {"custom_tool_call", read_call},
        {"custom_tool_call_output", read_output},
        {"item_reference", refuse_reference},
    };

    const char *path = arena_printf(r->a, "input[%u]", index);
    struct slice v[ITEM__COUNT];

    if (json_raw_type(item) != JSON_OBJECT)
        return refuse(r, path, "Each item of 'input' must be an object.");
    json_body_pick(v, names, ITEM__COUNT, item);
    if (v[ITEM_TYPE].len == 0 && v[ITEM_ROLE].len > 0)
        return read_message(r, v, path);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (json_body_is(v[ITEM_TYPE], kinds[i].type))
            return kinds[i].read(r, v, path);
    if (json_raw_type(v[ITEM_TYPE]) != JSON_STRING)
        return refuse(r, below(r, path, "type"), "An item must have a 'type'.");
    return refuse(r, below(r, path, "type"),
                  "This model's provider can not take items of the type %.*s.",
                  SLICE_FMT(slice_sub(v[ITEM_TYPE], 0, 64)));
}

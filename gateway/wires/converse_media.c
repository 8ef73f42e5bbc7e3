/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/wires/converse_media.h"

struct format {
    const char *type; /* of media; NULL: known by its extension only */
    const char *word; /* Converse's, and the extension */
};

static const struct format images[] = {
    {"image/png", "png"}, {"image/jpeg", "jpeg"}, {"image/jpg", "jpeg"},
    {"image/gif", "gif"}, {"image/webp", "webp"},
};

static const struct format documents[] = {
    {"application/pdf", "pdf"},
    {"text/csv", "csv"},
    {"application/msword", "doc"},
    {"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"},
    {"application/vnd.ms-excel", "xls"},
    {"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"},
    {"text/html", "html"},
    {"text/plain", "txt"},
    {"text/markdown", "md"},
};

static const char *find_type(const struct format *list, size_t count, struct slice type)
{
    for (size_t i = 0; i < count; i++)
        if (slice_equal_nocase(type, slice_str(list[i].type)))
            return list[i].word;
    return NULL;
}

/* Where the extension's dot is; name.len: there is none. */
static size_t extension_at(struct slice name)
{
    size_t at = name.len;

    while (at > 0 && name.bytes[at - 1] != '.')
        at--;
    return at > 1 ? at - 1 : name.len;
}

static const char *find_extension(struct slice name)
{
    const size_t dot = extension_at(name);
    const struct slice extension = slice_sub(name, dot + 1, name.len);

    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
        if (slice_equal_nocase(extension, slice_str(documents[i].word)))
            return documents[i].word;
    return NULL;
}

static bool is_taken(const struct converse_names *names, struct slice name)
{
    for (size_t i = 0; i < names->count; i++)
        if (slice_equal(names->names[i], name))
            return true;
    return false;
}

static bool may_be_named(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '(' || c == ')' || c == '[' || c == ']' || c == '-';
}

/* Letters, digits, single blanks, hyphens and brackets are what a name may hold. */
static struct slice clean_name(struct slice name, struct arena *a)
{
    char *out = arena_alloc(a, CONVERSE_NAME_MAX);
    size_t len = 0;

    name = slice_sub(name, 0, extension_at(name));
    for (size_t i = 0; out != NULL && i < name.len && len < CONVERSE_NAME_MAX; i++) {
        if (may_be_named(name.bytes[i]))
            out[len++] = name.bytes[i];
        else if (len > 0 && out[len - 1] != ' ')
            out[len++] = ' ';
    }
    while (len > 0 && out[len - 1] == ' ')
        len--;
    return len > 0 ? slice_from(out, len) : SLICE("document");
}

/* "report", then "report [2]". */
static enum rc name_document(struct slice *out, struct converse_names *names,
                             struct quoted given, struct arena *a)
{
    struct slice plain = SLICE_NONE;
    struct slice name;
    unsigned number = 1;

    if (names->count == CONVERSE_DOCUMENTS_MAX)
        return RC_BAD_INPUT;
    if (given.json.len > 0)
        TRY(quoted_open(&plain, given, a));
    plain = clean_name(plain, a);
    name = plain;
    while (is_taken(names, name) && !arena_spent(a))
        name = slice_str(arena_printf(a, "%.*s [%u]", SLICE_FMT(plain), ++number));
    names->names[names->count++] = name;
    *out = name;
    return RC_OK;
}

static void write_block(struct json_out *o, const char *kind, const char *format,
                        struct slice name, struct slice base64)
{
    json_out_object(o);
    json_out_key(o, kind);
    json_out_object(o);
    json_out_kstr(o, "format", format);
    if (name.len > 0)
        json_out_kslice(o, "name", name);
    json_out_key(o, "source");
    json_out_object(o);
    json_out_kslice(o, "bytes", base64);
    json_out_end_object(o);
    json_out_end_object(o);
    json_out_end_object(o);
}

static enum rc write_document(struct json_out *o, struct converse_names *names,
                              const struct part *p, struct wire_fault *fault,
                              struct arena *a)
{
    const char *format =
        find_type(documents, sizeof(documents) / sizeof(documents[0]), p->media.type);
    struct slice name = SLICE_NONE;
    enum rc rc;

    if (format == NULL && p->media.name.json.len > 0) {
        TRY(quoted_open(&name, p->media.name, a));
        format = find_extension(name);
    }
    if (format == NULL)
        return wire_refuse(fault, a, p->path,
                           "This provider takes pdf, csv, doc, docx, xls, xlsx, html, "
                           "txt and md files.");
    rc = name_document(&name, names, p->media.name, a);
    if (rc == RC_BAD_INPUT)
        return wire_refuse(fault, a, p->path, "These are more than %d files.",
                           CONVERSE_DOCUMENTS_MAX);
    TRY(rc);
    write_block(o, "document", format, name, p->media.data);
    return RC_OK;
}

enum rc converse_media_write(struct json_out *o, struct converse_names *names,
                             const struct part *p, struct wire_fault *fault,
                             struct arena *a)
{
    const char *format;

    if (p->kind == PART_AUDIO)
        return wire_refuse(fault, a, p->path, "This provider takes no audio.");
    if (p->media.from != MEDIA_INLINE)
        return wire_refuse(fault, a, p->path,
                           "This provider takes images and files inline only, as a "
                           "data: URL or base64.");
    if (p->kind == PART_FILE)
        return write_document(o, names, p, fault, a);
    format = find_type(images, sizeof(images) / sizeof(images[0]), p->media.type);
    if (format == NULL)
        return wire_refuse(fault, a, p->path,
                           "This provider takes png, jpeg, gif and webp images.");
    write_block(o, "image", format, SLICE_NONE, p->media.data);
    return RC_OK;
}

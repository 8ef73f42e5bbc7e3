/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a package in memory: taking them in one by one, sealing them, and what
 * is told of a sealed one. */
#include "skills/package_int.h"

#include "base/codec.h"
#include "base/json.h"

#include <assert.h>
#include <stdlib.h>

enum {
    FIRST_SIZE = 16,
    FRONT_ARENA = 256 << 10, /* the front matter's texts, each copied at most once */
    HEX_SIZE = 2 * SHA256_LEN + 1
};

/* ---- Its life ---- */

enum rc skill_package_new(struct skill_package **out)
{
    struct skill_package *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return RC_NOMEM;
    *out = p;
    return RC_OK;
}

void skill_package_free(struct skill_package *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->count; i++) {
        free(p->files[i].path);
        free(p->files[i].bytes);
    }
    free(p->files);
    arena_close(p->arena);
    free(p);
}

/* ---- Taking files in ---- */

static enum rc grow(struct skill_package *p)
{
    const size_t size = p->size == 0 ? FIRST_SIZE : 2 * p->size;
    struct skills__held *files;

    if (p->count < p->size)
        return RC_OK;
    files = realloc(p->files, size * sizeof(*files));
    if (files == NULL)
        return RC_NOMEM;
    p->files = files;
    p->size = size;
    return RC_OK;
}

static char *copy_of(struct slice s)
{
    char *copy = malloc(s.len + 1);

    if (copy == NULL)
        return NULL;
    if (s.len > 0)
        memcpy(copy, s.bytes, s.len);
    copy[s.len] = '\0';
    return copy;
}

static enum rc check_room(const struct skill_package *p, struct slice path, size_t len,
                          struct buf *why)
{
    if (p->count == SKILL_FILES_MAX) {
        buf_printf(why, "more than %d files", SKILL_FILES_MAX);
        return RC_TOO_BIG;
    }
    if (len > SKILL_FILE_BYTES_MAX) {
        skills__show(why, path);
        buf_printf(why, " is larger than %d MB", SKILL_FILE_BYTES_MAX >> 20);
        return RC_TOO_BIG;
    }
    if (len > SKILL_PACKAGE_BYTES_MAX - p->bytes) {
        buf_printf(why, "all files are larger than %d MB",
                   SKILL_PACKAGE_BYTES_MAX >> 20);
        return RC_TOO_BIG;
    }
    return RC_OK;
}

static enum rc check_others(const struct skill_package *p, struct slice path,
                            struct buf *why)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct slice other = p->files[i].file.path;

        if (!skills__path_clash(path, other))
            continue;
        skills__show(why, path);
        buf_append_str(why, " and ");
        skills__show(why, other);
        buf_append_str(why, " cannot both be: they differ in nothing but case, or one "
                            "is a folder of the other");
        return RC_EXISTS;
    }
    return RC_OK;
}

enum rc skill_package_add(struct skill_package *p, struct slice path,
                          struct slice bytes, struct buf *why)
{
    struct skills__held *held;

    assert(!p->sealed);
    TRY(skills__path_check(path, why));
    TRY(check_room(p, path, bytes.len, why));
    TRY(check_others(p, path, why));
    TRY(grow(p));
    held = &p->files[p->count];
    *held = (struct skills__held){.path = copy_of(path), .bytes = copy_of(bytes)};
    if (held->path == NULL || held->bytes == NULL) {
        free(held->path);
        free(held->bytes);
        return RC_NOMEM;
    }
    held->file.path = slice_from(held->path, path.len);
    held->file.bytes = slice_from(held->bytes, bytes.len);
    sha256(held->file.sha256, bytes);
    p->count++;
    p->bytes += bytes.len;
    return RC_OK;
}

/* ---- Sealing ---- */

static int by_bytes(const void *a, const void *b)
{
    return slice_compare(((const struct skills__held *)a)->file.path,
                         ((const struct skills__held *)b)->file.path);
}

static int by_icu(const void *a, const void *b)
{
    return skill_path_cmp((*(const struct skill_file *const *)a)->path,
                          (*(const struct skill_file *const *)b)->path);
}

static enum rc make_fingerprint(struct skill_package *p)
{
    const struct skill_file *order[SKILL_FILES_MAX];
    struct sha256_state hash;

    TRY(sha256_start(&hash));
    for (size_t i = 0; i < p->count; i++)
        order[i] = &p->files[i].file;
    qsort(order, p->count, sizeof(order[0]), by_icu);
    for (size_t i = 0; i < p->count; i++) {
        char hex[HEX_SIZE];

        hex_encode(hex, order[i]->sha256, SHA256_LEN);
        sha256_add(&hash, i == 0 ? SLICE_NONE : SLICE("\n"));
        sha256_add(&hash, order[i]->path);
        sha256_add(&hash, SLICE(":"));
        sha256_add(&hash, slice_str(hex));
    }
    sha256_end(p->fingerprint, &hash);
    return RC_OK;
}

static enum rc refuse_without_text(const struct skill_package *p, struct buf *why)
{
    buf_append_str(why, "there is no SKILL.md");
    for (size_t i = 0; i < p->count; i++) {
        if (!slice_equal_nocase(p->files[i].file.path, SLICE("SKILL.md")))
            continue;
        buf_append_str(why, ", but ");
        skills__show(why, p->files[i].file.path);
    }
    return RC_BAD_INPUT;
}

enum rc skill_package_seal(struct skill_package *p, struct buf *why)
{
    const struct skill_file *text;

    assert(!p->sealed);
    if (p->count > 0)
        qsort(p->files, p->count, sizeof(p->files[0]), by_bytes);
    text = skill_package_find(p, SLICE("SKILL.md"));
    if (text == NULL)
        return refuse_without_text(p, why);
    if (p->arena == NULL)
        TRY(arena_open(&p->arena, FRONT_ARENA));
    TRY(skill_front_parse(&p->front, p->arena, text->bytes, why));
    TRY(make_fingerprint(p));
    p->sealed = true;
    return RC_OK;
}

/* ---- A sealed one ---- */

size_t skill_package_count(const struct skill_package *p)
{
    return p->count;
}

const struct skill_file *skill_package_file(const struct skill_package *p, size_t i)
{
    assert(i < p->count);
    return &p->files[i].file;
}

const struct skill_file *skill_package_find(const struct skill_package *p,
                                            struct slice path)
{
    size_t from = 0;
    size_t to = p->count;

    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        const int order = slice_compare(path, p->files[middle].file.path);

        if (order == 0)
            return &p->files[middle].file;
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

uint64_t skill_package_bytes(const struct skill_package *p)
{
    return p->bytes;
}

unsigned skill_package_left_out(const struct skill_package *p)
{
    return p->left_out;
}

const struct skill_front *skill_package_front(const struct skill_package *p)
{
    assert(p->sealed);
    return &p->front;
}

void skill_package_fingerprint(uint8_t out[32], const struct skill_package *p)
{
    assert(p->sealed);
    memcpy(out, p->fingerprint, sizeof(p->fingerprint));
}

struct type {
    const char *end;
    const char *name;
};

const char *skill_content_type(struct slice path)
{
    static const struct type types[] = {
        {".md", "text/markdown"},      {".txt", "text/plain"},
        {".py", "text/x-python"},      {".sh", "application/x-sh"},
        {".js", "text/javascript"},    {".mjs", "text/javascript"},
        {".cjs", "text/javascript"},   {".ts", "text/typescript"},
        {".json", "application/json"}, {".yaml", "application/yaml"},
        {".yml", "application/yaml"},  {".toml", "application/toml"},
        {".xml", "application/xml"},   {".html", "text/html"},
        {".css", "text/css"},          {".csv", "text/csv"},
        {".svg", "image/svg+xml"},     {".png", "image/png"},
        {".jpg", "image/jpeg"},        {".jpeg", "image/jpeg"},
        {".gif", "image/gif"},         {".webp", "image/webp"},
        {".pdf", "application/pdf"},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const struct slice end = slice_str(types[i].end);

        if (path.len > end.len &&
            slice_equal_nocase(slice_sub(path, path.len - end.len, end.len), end))
            return types[i].name;
    }
    return "application/octet-stream";
}

void skill_package_manifest(struct buf *out, const struct skill_package *p)
{
    struct json_out o;

    assert(p->sealed);
    json_out_init(&o, out);
    json_out_object(&o);
    json_out_key(&o, "files");
    json_out_array(&o);
    for (size_t i = 0; i < p->count; i++) {
        const struct skill_file *f = &p->files[i].file;
        char hex[HEX_SIZE];

        hex_encode(hex, f->sha256, SHA256_LEN);
        json_out_object(&o);
        json_out_kslice(&o, "path", f->path);
        json_out_ku64(&o, "size", f->bytes.len);
        json_out_kstr(&o, "sha256", hex);
        json_out_kstr(&o, "contentType", skill_content_type(f->path));
        json_out_end_object(&o);
    }
    json_out_end_array(&o);
    json_out_end_object(&o);
}

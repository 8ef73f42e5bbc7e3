/* SPDX-License-Identifier: Apache-2.0 */
/* The zip container (APPNOTE.TXT 4.3). Ours is written here byte for byte, with stored
 * entries: a compressor's output changes with its version, and then the same files
 * would have another digest. Of other people's the directory is looked through before
 * libarchive reads it. */
#include "skills/package_int.h"

#include <assert.h>

enum {
    LOCAL_LEN = 30,
    CENTRAL_LEN = 46,
    END_LEN = 22,
    COMMENT_MAX = 65535,
    NAME_MAX_LEN = 4096,
    ENTRIES_MAX = 4 * SKILL_FILES_MAX, /* with folders and what is left out */

    TYPE_FOLDER = 4, /* of a Unix mode, in the uppermost bits */
    TYPE_FILE = 8,
    TYPE_LINK = 10, /* which libarchive tells */

    VERSION_STORED = 10,            /* "needed to extract": 1.0 */
    MADE_BY_UNIX = 3 << 8 | 20,     /* so that the mode below counts */
    FLAG_UTF8 = 1 << 11,            /* names are UTF-8 */
    DATE_1980 = 0 << 9 | 1 << 5 | 1 /* the first day that the format knows */
};

#define MODE_FILE    (UINT32_C(0100644) << 16)
#define SIGN_LOCAL   UINT32_C(0x04034b50)
#define SIGN_CENTRAL UINT32_C(0x02014b50)
#define SIGN_END     UINT32_C(0x06054b50)

/* ---- Writing ---- */

static uint32_t crc32(struct slice bytes)
{
    /* Of the reversed polynomial 0xedb88320, for four bits at a time. */
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < bytes.len; i++) {
        crc ^= (uint8_t)bytes.bytes[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static void put16(struct buf *out, uint32_t value)
{
    const char bytes[] = {(char)(value & 0xff), (char)(value >> 8 & 0xff)};

    buf_append(out, slice_from(bytes, sizeof(bytes)));
}

static void put32(struct buf *out, uint32_t value)
{
    put16(out, value & 0xffff);
    put16(out, value >> 16);
}

/* What both headers of a file say alike. */
static void put_common(struct buf *out, const struct skill_file *f, uint32_t crc)
{
    put16(out, VERSION_STORED);
    put16(out, FLAG_UTF8);
    put16(out, 0); /* stored */
    put16(out, 0); /* midnight */
    put16(out, DATE_1980);
    put32(out, crc);
    put32(out, (uint32_t)f->bytes.len);
    put32(out, (uint32_t)f->bytes.len);
    put16(out, (uint32_t)f->path.len);
    put16(out, 0); /* no extra field */
}

enum rc skill_package_zip(struct buf *out, const struct skill_package *p)
{
    const size_t start = buf_len(out);
    uint32_t crcs[SKILL_FILES_MAX];
    uint32_t offset = 0;
    uint32_t central;

    assert(p->sealed);
    for (size_t i = 0; i < p->count; i++) {
        const struct skill_file *f = &p->files[i].file;

        crcs[i] = crc32(f->bytes);
        put32(out, SIGN_LOCAL);
        put_common(out, f, crcs[i]);
        buf_append(out, f->path);
        buf_append(out, f->bytes);
    }
    central = (uint32_t)(buf_len(out) - start);
    for (size_t i = 0; i < p->count; i++) {
        const struct skill_file *f = &p->files[i].file;

        put32(out, SIGN_CENTRAL);
        put16(out, MADE_BY_UNIX);
        put_common(out, f, crcs[i]);
        put16(out, 0); /* no comment */
        put16(out, 0); /* on this disk */
        put16(out, 0); /* attributes inside: none */
        put32(out, MODE_FILE);
        put32(out, offset);
        buf_append(out, f->path);
        offset += (uint32_t)(LOCAL_LEN + f->path.len + f->bytes.len);
    }
    put32(out, SIGN_END);
    put32(out, 0); /* this disk, and where the directory starts */
    put16(out, (uint32_t)p->count);
    put16(out, (uint32_t)p->count);
    put32(out, (uint32_t)(buf_len(out) - start) - central - 12);
    put32(out, central);
    put16(out, 0); /* no comment */
    return buf_spent(out) ? RC_TOO_BIG : RC_OK;
}

/* ---- Looking through ---- */

static uint32_t get16(struct slice s, size_t at)
{
    return (uint32_t)(uint8_t)s.bytes[at] | (uint32_t)(uint8_t)s.bytes[at + 1] << 8;
}

static uint32_t get32(struct slice s, size_t at)
{
    return get16(s, at) | get16(s, at + 2) << 16;
}

static enum rc broken(struct buf *why, const char *words)
{
    buf_printf(why, "the zip is broken: %s", words);
    return RC_BAD_INPUT;
}

/* The last end record, which must reach to the end of the archive: a reader that looks
 * elsewhere would find another directory. */
static enum rc find_end(size_t *out, struct slice archive, struct buf *why)
{
    const size_t least =
        archive.len > END_LEN + COMMENT_MAX ? archive.len - END_LEN - COMMENT_MAX : 0;

    for (size_t at = archive.len < END_LEN ? 0 : archive.len - END_LEN + 1;
         at > least;) {
        at--;
        if (get32(archive, at) != SIGN_END)
            continue;
        if (get16(archive, at + 20) != archive.len - at - END_LEN)
            return broken(why, "something follows its end");
        *out = at;
        return RC_OK;
    }
    return broken(why, "it has no directory");
}

static enum rc check_local(struct slice archive, size_t at, struct slice name,
                           struct buf *why)
{
    const struct slice rest = slice_sub(archive, at, archive.len);

    if (rest.len < LOCAL_LEN + name.len || get32(rest, 0) != SIGN_LOCAL)
        return broken(why, "a file is not where the directory says");
    if (get16(rest, 26) != name.len ||
        !slice_equal(slice_sub(rest, LOCAL_LEN, name.len), name))
        return broken(why, "a file has two names");
    return RC_OK;
}

/* One entry of the directory; *at is then behind it. */
static enum rc check_entry(size_t *at, struct slice archive, size_t end,
                           struct buf *why)
{
    const struct slice entry = slice_sub(archive, *at, end - *at);
    struct slice name;
    uint32_t type;
    size_t len;

    if (entry.len < CENTRAL_LEN || get32(entry, 0) != SIGN_CENTRAL)
        return broken(why, "its directory has fewer files than it says");
    name = slice_sub(entry, CENTRAL_LEN, get16(entry, 28));
    len = CENTRAL_LEN + name.len + get16(entry, 30) + get16(entry, 32);
    if (name.len != get16(entry, 28) || len > entry.len)
        return broken(why, "its directory is cut off");
    if (name.len == 0 || name.len > NAME_MAX_LEN || slice_find(name, '\0') < name.len)
        return broken(why, "a name is empty, very long, or has a NUL byte");
    if (slice_find(name, '\\') < name.len)
        return broken(why, "a name has a backslash");
    type = get32(entry, 38) >> 28;
    if (type != 0 && type != TYPE_FILE && type != TYPE_FOLDER && type != TYPE_LINK)
        return broken(why, "it has what is no plain file");
    *at += len;
    return check_local(archive, get32(entry, 42), name, why);
}

enum rc skills__zip_check(struct slice archive, struct buf *why)
{
    size_t end = 0;
    size_t at;
    uint32_t count;

    TRY(find_end(&end, archive, why));
    count = get16(archive, end + 10);
    at = get32(archive, end + 16);
    if (get32(archive, end + 4) != 0 || get16(archive, end + 8) != count)
        return broken(why, "it has more than one part");
    if (count > ENTRIES_MAX) {
        buf_printf(why, "more than %d files", SKILL_FILES_MAX);
        return RC_TOO_BIG;
    }
    if (at > end || end - at != get32(archive, end + 12))
        return broken(why, "its directory is not where it says");
    for (uint32_t i = 0; i < count; i++)
        TRY(check_entry(&at, archive, end, why));
    return at == end ? RC_OK : broken(why, "its directory has more files than it says");
}

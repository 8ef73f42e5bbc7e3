/* SPDX-License-Identifier: Apache-2.0 */
/* Paths in a package: which may be there, which cannot be there together, and the order
 * in which ClawHub's clients hash them. */
#include "skills/package_int.h"

#include "base/utf8.h"

enum {
    SHOWN_MAX = 80
};

/* ---- Characters ---- */

uint32_t skills__next_char(struct slice *rest)
{
    static const uint8_t masks[UTF8_MAX + 1] = {0, 0x7f, 0x1f, 0x0f, 0x07};
    const size_t len = utf8_length(*rest);
    uint32_t code = 0;

    if (len == 0) { /* not reached with valid UTF-8; never stands still */
        *rest = slice_sub(*rest, 1, rest->len);
        return 0xfffd;
    }
    code = (uint8_t)rest->bytes[0] & masks[len];
    for (size_t i = 1; i < len; i++)
        code = code << 6 | ((uint8_t)rest->bytes[i] & 0x3f);
    *rest = slice_sub(*rest, len, rest->len);
    return code;
}

struct range {
    uint32_t first, last;
};

/* Shows nothing, or turns the direction of what follows. */
static bool is_hidden(uint32_t code)
{
    static const struct range hidden[] = {
        {0x00, 0x1f},     {0x7f, 0x9f},     {0xad, 0xad},       {0x61c, 0x61c},
        {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},   {0x200b, 0x200f},
        {0x2028, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164},   {0xfeff, 0xfeff},
        {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
    };

    for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
        if (code >= hidden[i].first && code <= hidden[i].last)
            return true;
    return false;
}

void skills__show(struct buf *out, struct slice text)
{
    struct slice rest = slice_sub(text, 0, SHOWN_MAX);

    buf_append_char(out, '"');
    while (rest.len > 0) {
        const struct slice at = rest;
        const size_t len = utf8_length(rest);
        const uint32_t code = skills__next_char(&rest);

        if (len == 0 || is_hidden(code))
            buf_append_char(out, '?');
        else
            buf_append(out, slice_sub(at, 0, len));
    }
    buf_append_str(out, text.len > SHOWN_MAX ? "..\"" : "\"");
}

/* ---- What a path may be ---- */

static enum rc refuse(struct buf *why, struct slice path, const char *words)
{
    buf_append_str(why, "the path ");
    skills__show(why, path);
    buf_printf(why, " %s", words);
    return RC_BAD_INPUT;
}

static enum rc check_segment(struct slice path, struct slice segment, struct buf *why)
{
    char last;

    if (segment.len == 0)
        return refuse(why, path, "has an empty part");
    if (slice_equal_str(segment, ".") || slice_equal_str(segment, ".."))
        return refuse(why, path, "has a part \".\" or \"..\"");
    last = segment.bytes[segment.len - 1];
    if (last == '.' || last == ' ')
        return refuse(why, path, "has a part that ends in a dot or space");
    if (slice_equal_nocase(segment, SLICE(".git")))
        return refuse(why, path, "lies in a repository's own folder");
    return RC_OK;
}

static enum rc check_characters(struct slice path, struct buf *why)
{
    struct slice rest = path;

    while (rest.len > 0) {
        uint32_t code;

        if (utf8_length(rest) == 0)
            return refuse(why, path, "is not UTF-8");
        code = skills__next_char(&rest);
        if (code == '\\' || code == ':')
            return refuse(why, path, "has a backslash or a colon");
        if (is_hidden(code))
            return refuse(why, path, "has a character that cannot be seen");
    }
    return RC_OK;
}

enum rc skills__path_check(struct slice path, struct buf *why)
{
    struct slice rest = path;
    struct slice segment;

    if (path.len == 0) {
        buf_append_str(why, "a file without a name");
        return RC_BAD_INPUT;
    }
    if (path.len > SKILL_PATH_MAX)
        return refuse(why, path, "is longer than 255 bytes");
    if (path.bytes[0] == '/')
        return refuse(why, path, "is absolute");
    if (path.bytes[path.len - 1] == '/')
        return refuse(why, path, "is a folder's");
    TRY(check_characters(path, why));
    while (slice_next(&segment, &rest, '/'))
        TRY(check_segment(path, segment, why));
    return RC_OK;
}

/* ---- What cannot be there together ---- */

struct folding {
    uint32_t first, last;
    uint32_t add;
};

/* Lower case of the scripts in which file names have two cases: where two names are one
 * on a disk that does not tell cases apart. */
static uint32_t fold(uint32_t code)
{
    static const struct folding runs[] = {
        {'A', 'Z', 32},       {0xc0, 0xd6, 32},       {0xd8, 0xde, 32},
        {0x391, 0x3a1, 32},   {0x3a3, 0x3ab, 32},     {0x3c2, 0x3c2, 1},
        {0x400, 0x40f, 80},   {0x410, 0x42f, 32},     {0x531, 0x556, 48},
        {0xff21, 0xff3a, 32}, {0x10400, 0x10427, 40},
    };
    static const struct range even[] = {
        {0x100, 0x12f}, {0x132, 0x137}, {0x14a, 0x177},   {0x460, 0x481},
        {0x48a, 0x4bf}, {0x4d0, 0x52f}, {0x1e00, 0x1e95}, {0x1ea0, 0x1eff}};
    static const struct range odd[] = {{0x139, 0x148}, {0x179, 0x17e}, {0x4c1, 0x4ce}};

    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
        if (code >= runs[i].first && code <= runs[i].last)
            return code + runs[i].add;
    for (size_t i = 0; i < sizeof(even) / sizeof(even[0]); i++)
        if (code >= even[i].first && code <= even[i].last)
            return code | 1;
    for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
        if (code >= odd[i].first && code <= odd[i].last)
            return code + (code & 1);
    return code;
}

bool skills__path_clash(struct slice a, struct slice b)
{
    while (a.len > 0 && b.len > 0)
        if (fold(skills__next_char(&a)) != fold(skills__next_char(&b)))
            return false;
    return (a.len == 0 && b.len == 0) || (a.len > 0 && a.bytes[0] == '/') ||
           (b.len > 0 && b.bytes[0] == '/');
}

bool skills__path_rubbish(struct slice path)
{
    struct slice rest = path;
    struct slice segment = SLICE_NONE;

    if (slice_starts(path, SLICE("__MACOSX/")))
        return true;
    while (slice_next(&segment, &rest, '/'))
        ;
    return slice_equal_str(segment, ".DS_Store") ||
           slice_starts(segment, SLICE("._")) ||
           slice_equal_nocase(segment, SLICE("Thumbs.db"));
}

/* ---- ICU's order ---- */

/* The root collation of CLDR: punctuation, symbols, digits, letters. What is beyond
 * ASCII follows in the order of its code points, which is right for most of CJK and at
 * least always the same for the rest. */
static uint32_t weight(uint32_t code)
{
    static const char order[] =
        " _-,;:!?.'\"()[]{}@*/\\&#%`^+<=>|~$0123456789abcdefghijklmnopqrstuvwxyz";
    const char *at;

    if (code >= 0x80)
        return code;
    if (code >= 'A' && code <= 'Z')
        code += 'a' - 'A';
    at = code == 0 ? NULL : memchr(order, (int)code, sizeof(order) - 1);
    return at == NULL ? 0 : (uint32_t)(at - order) + 1; /* controls weigh nothing */
}

static bool is_upper(uint32_t code)
{
    return code >= 'A' && code <= 'Z';
}

/* The next character that has a weight; 0 at the end. */
static uint32_t next_weighty(struct slice *rest)
{
    while (rest->len > 0) {
        const uint32_t code = skills__next_char(rest);

        if (weight(code) != 0)
            return code;
    }
    return 0;
}

int skill_path_cmp(struct slice a, struct slice b)
{
    struct slice a_rest = a;
    struct slice b_rest = b;
    int by_case = 0;

    for (;;) {
        const uint32_t x = next_weighty(&a_rest);
        const uint32_t y = next_weighty(&b_rest);

        if (x == 0 && y == 0)
            break;
        if (x == 0 || y == 0)
            return x == 0 ? -1 : 1;
        if (weight(x) != weight(y))
            return weight(x) < weight(y) ? -1 : 1;
        /* Counts only where no letter differs: small before capital. */
        if (by_case == 0 && is_upper(x) != is_upper(y))
            by_case = is_upper(x) ? 1 : -1;
    }
    return by_case != 0 ? by_case : slice_compare(a, b);
}

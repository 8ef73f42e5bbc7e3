/* SPDX-License-Identifier: Apache-2.0 */
/* Strings of RFC 8259 section 7. Bodies are mostly long strings, so runs of plain bytes
 * are tested eight at a time in an ordinary register: as fast as memory on any machine,
 * without a second code path. */
#include "base/json_text.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

enum {
    UNICODE_LEN = 6, /* \uXXXX */
    PAIR_LEN = 12    /* two of them, for one character above U+FFFF */
};

/* The high bits of those of eight bytes that are not plain. A borrow in a subtraction
 * can only mark a byte above one that is marked rightly: the lowest mark is exact. */
static uint64_t special_marks(uint64_t word)
{
    uint64_t quote = word ^ EACH_BYTE('"');
    uint64_t backslash = word ^ EACH_BYTE('\\');
    uint64_t control = (word - EACH_BYTE(0x20)) & ~word;

    quote = (quote - EACH_BYTE(1)) & ~quote;
    backslash = (backslash - EACH_BYTE(1)) & ~backslash;
    return (word | quote | backslash | control) & EACH_BYTE(0x80);
}

static bool is_plain(char c)
{
    unsigned char byte = (unsigned char)c;

    return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

size_t json_text_plain(struct slice s)
{
    size_t at = 0;
    uint64_t word;
    uint64_t marks;

    while (s.len - at >= sizeof(word)) {
        memcpy(&word, s.bytes + at, sizeof(word));
        marks = special_marks(le64toh(word)); /* the first byte is the lowest */
        if (marks != 0)
            return at + (size_t)__builtin_ctzll(marks) / 8;
        at += sizeof(word);
    }
    while (at < s.len && is_plain(s.bytes[at]))
        at++;
    return at;
}

/* Reads the four digits of "\uXXXX" at the start of s. */
static bool read_unicode(uint32_t *code, struct slice s)
{
    uint32_t value = 0;

    if (s.len < UNICODE_LEN || s.bytes[0] != '\\' || s.bytes[1] != 'u')
        return false;
    for (size_t i = 2; i < UNICODE_LEN; i++) {
        char c = s.bytes[i];

        value <<= 4;
        if (c >= '0' && c <= '9')
            value |= (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            value |= (uint32_t)(c - 'a' + 10);
        else if (c >= 'A' && c <= 'F')
            value |= (uint32_t)(c - 'A' + 10);
        else
            return false;
    }
    *code = value;
    return true;
}

size_t json_text_escape(char out[UTF8_MAX], size_t *used, struct slice s)
{
    static const char letters[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    const char *letter;
    uint32_t code;
    uint32_t low;

    if (s.len < 2)
        return 0;
    letter = memchr(letters, s.bytes[1], sizeof(letters) - 1);
    if (letter != NULL) {
        out[0] = meanings[letter - letters];
        *used = 2;
        return 1;
    }
    if (!read_unicode(&code, s))
        return 0;
    *used = UNICODE_LEN;
    if (code < 0xd800 || code > 0xdfff)
        return utf8_encode(out, code);
    /* A surrogate: only a high one with a low one behind it is a character. */
    s = slice_sub(s, UNICODE_LEN, UNICODE_LEN);
    if (code > 0xdbff || !read_unicode(&low, s) || low < 0xdc00 || low > 0xdfff)
        return 0;
    *used = PAIR_LEN;
    return utf8_encode(out, 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00));
}

/* Decodes the piece at the start of s: one escape, or the bytes up to the next. Returns
 * the piece, which lies in s or in `room`. */
static struct slice next_piece(size_t *used, struct slice s, char room[UTF8_MAX])
{
    size_t len = slice_find(s, '\\');

    if (len == 0) {
        len = json_text_escape(room, used, s);
        if (len > 0)
            return slice_from(room, len);
        len = 1;
    }
    *used = len;
    return slice_sub(s, 0, len);
}

size_t json_text_unescape(char *out, struct slice inner)
{
    size_t written = 0;

    while (inner.len > 0) {
        char room[UTF8_MAX];
        size_t used;
        struct slice piece = next_piece(&used, inner, room);

        memcpy(out + written, piece.bytes, piece.len);
        written += piece.len;
        inner = slice_sub(inner, used, inner.len);
    }
    return written;
}

bool json_text_equal(struct slice inner, const char *name)
{
    struct slice rest = slice_str(name);

    /* The first byte tells nearly always. */
    if (inner.len > 0 && inner.bytes[0] != '\\' && inner.bytes[0] != name[0])
        return false;
    if (slice_find(inner, '\\') == inner.len)
        return slice_equal(inner, rest);
    while (inner.len > 0) {
        char room[UTF8_MAX];
        size_t used;
        struct slice piece = next_piece(&used, inner, room);

        if (!slice_starts(rest, piece))
            return false;
        rest = slice_sub(rest, piece.len, rest.len);
        inner = slice_sub(inner, used, inner.len);
    }
    return rest.len == 0;
}

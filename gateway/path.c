/* SPDX-License-Identifier: Apache-2.0 */
/* Raw request paths: checks, templates, decoding. */
#include "gateway/path.h"

#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* The byte at *at, decoded; *at moves behind it. -1: a malformed escape. */
static int decoded_byte(bool *escaped, struct slice s, size_t *at)
{
    char c = s.bytes[(*at)++];
    int high, low;

    *escaped = c == '%';
    if (!*escaped)
        return (unsigned char)c;
    if (s.len - *at < 2)
        return -1;
    high = hex_digit(s.bytes[*at]);
    low = hex_digit(s.bytes[*at + 1]);
    *at += 2;
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/* "." and "..", with any of the dots escaped. */
static bool dot_segment(struct slice segment)
{
    unsigned dots = 0;
    size_t at = 0;
    bool escaped;

    while (at < segment.len) {
        if (decoded_byte(&escaped, segment, &at) != '.')
            return false;
        dots++;
    }
    return dots == 1 || dots == 2;
}

static enum rc check_segment(struct slice segment, bool strict)
{
    size_t at = 0;

    while (at < segment.len) {
        bool escaped;
        int c = decoded_byte(&escaped, segment, &at);

        if (c < 0x20 || c == 0x7f)
            return RC_BAD_INPUT;
        if (strict && (c == '\\' || (escaped && c == '/')))
            return RC_BAD_INPUT;
    }
    return dot_segment(segment) ? RC_BAD_INPUT : RC_OK;
}

enum rc path_check(struct slice path, bool strict)
{
    struct slice rest, segment;

    if (path.len == 0 || path.bytes[0] != '/')
        return RC_BAD_INPUT;
    rest = slice_sub(path, 1, path.len);
    while (slice_next(&segment, &rest, '/')) {
        if (segment.len == 0)
            return RC_BAD_INPUT; /* "//" */
        TRY(check_segment(segment, strict));
    }
    return RC_OK;
}

/* Segments of a path: "/a/" has two, the second empty; "/" has one. */
struct segments {
    struct slice rest;
    bool more;
};

static struct segments segments_of(struct slice path)
{
    return (struct segments){slice_sub(path, 1, path.len), path.len > 0};
}

static struct slice next_segment(struct segments *s)
{
    size_t end = slice_find(s->rest, '/');
    struct slice segment = slice_sub(s->rest, 0, end);

    s->more = end < s->rest.len;
    s->rest = slice_sub(s->rest, end + 1, s->rest.len);
    return segment;
}

/* What stands behind the "}" of a parameter: a verb, ":count". */
static struct slice verb_of(struct slice piece)
{
    return slice_sub(piece, slice_find(piece, '}') + 1, piece.len);
}

static bool is_rest(struct slice piece)
{
    const size_t end = slice_find(piece, '}');

    return end >= 1 && end < piece.len && piece.bytes[end - 1] == '*';
}

/* The rest of a path without the verb. false: it has another one, or nothing else. */
static bool match_rest(struct slice *out, struct slice piece, struct slice rest)
{
    const struct slice verb = verb_of(piece);

    *out = slice_sub(rest, 0, rest.len - (rest.len < verb.len ? rest.len : verb.len));
    return verb.len == 0 || (slice_ends(rest, verb) && out->len > 0);
}

bool path_match(struct slice params[], size_t count, const char *pattern,
                struct slice path)
{
    struct segments want = segments_of(slice_str(pattern));
    struct segments have = segments_of(path);
    size_t used = 0;

    while (want.more) {
        struct slice piece = next_segment(&want);
        bool param = piece.len >= 2 && piece.bytes[0] == '{';
        struct slice segment;

        if (param && is_rest(piece)) {
            if (!match_rest(&segment, piece, have.rest))
                return false;
            if (used < count)
                params[used] = segment;
            return true;
        }
        if (!have.more)
            return false;
        segment = next_segment(&have);
        if (param ? segment.len == 0 : !slice_equal(piece, segment))
            return false;
        if (param && used < count)
            params[used++] = segment;
    }
    return !have.more;
}

enum rc path_decode(struct slice *out, struct slice raw, struct arena *a)
{
    char *text = arena_alloc(a, raw.len + 1);
    size_t len = 0;
    size_t at = 0;

    if (text == NULL)
        return RC_NOMEM;
    while (at < raw.len) {
        bool escaped;
        int c = decoded_byte(&escaped, raw, &at);

        if (c < 0)
            return RC_BAD_INPUT;
        text[len++] = (char)c;
    }
    *out = slice_from(text, len);
    return RC_OK;
}

struct slice path_query_value(struct slice query, const char *name)
{
    struct slice pair;

    while (slice_next(&pair, &query, '&')) {
        size_t at = slice_find(pair, '=');

        if (slice_equal_str(slice_sub(pair, 0, at), name))
            return slice_sub(pair, at + 1, pair.len);
    }
    return SLICE_NONE;
}

enum rc path_query_text(struct slice *out, struct slice query, const char *name,
                        struct arena *a)
{
    const struct slice raw = path_query_value(query, name);
    char *text;

    *out = SLICE_NONE;
    if (raw.len == 0)
        return RC_OK;
    text = arena_copy(a, raw.bytes, raw.len);
    if (text == NULL)
        return RC_NOMEM;
    for (size_t i = 0; i < raw.len; i++)
        if (text[i] == '+')
            text[i] = ' ';
    return path_decode(out, slice_from(text, raw.len), a);
}

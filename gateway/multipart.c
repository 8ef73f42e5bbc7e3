/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/multipart.h"

#include <stdio.h>
#include <string.h>

/* RFC 2046 section 5.1.1 */
enum {
    BOUNDARY_MAX = 70
};

static bool is_boundary(struct slice s)
{
    static const char extra[] = "'()+_,-./:=?";

    if (s.len == 0 || s.len > BOUNDARY_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        const char c = s.bytes[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
              (c >= 'A' && c <= 'Z') || memchr(extra, c, sizeof(extra) - 1) != NULL))
            return false;
    }
    return true;
}

/* Cuts `; name=value` off the front of *rest; the value may be quoted, and then holds
 * no quote. false: there is none, or it has another form. */
static bool next_param(struct slice *name, struct slice *value, struct slice *rest)
{
    struct slice s = slice_trim(*rest);
    size_t at;

    if (!slice_starts(s, SLICE(";")))
        return false;
    s = slice_trim(slice_sub(s, 1, s.len));
    at = slice_find(s, '=');
    if (at == 0 || at == s.len)
        return false;
    *name = slice_sub(s, 0, at);
    s = slice_sub(s, at + 1, s.len);
    if (slice_starts(s, SLICE("\""))) {
        s = slice_sub(s, 1, s.len);
        at = slice_find(s, '"');
        if (at == s.len)
            return false;
        *value = slice_sub(s, 0, at);
        *rest = slice_sub(s, at + 1, s.len);
        return true;
    }
    at = slice_find(s, ';');
    *value = slice_trim(slice_sub(s, 0, at));
    *rest = slice_sub(s, at, s.len);
    return true;
}

static struct slice boundary_of(struct slice content_type)
{
    const size_t end = slice_find(content_type, ';');
    struct slice rest = slice_sub(content_type, end, content_type.len);
    struct slice name, value, found = SLICE_NONE;

    if (!slice_equal_nocase(slice_trim(slice_sub(content_type, 0, end)),
                            SLICE("multipart/form-data")))
        return SLICE_NONE;
    while (next_param(&name, &value, &rest)) {
        if (!slice_equal_nocase(name, SLICE("boundary")))
            continue;
        if (found.len > 0) /* two: who is right? */
            return SLICE_NONE;
        found = value;
    }
    return slice_trim(rest).len == 0 ? found : SLICE_NONE;
}

enum rc multipart_open(struct multipart *m, struct slice content_type,
                       struct slice body)
{
    const struct slice boundary = boundary_of(content_type);
    struct slice first;

    if (!is_boundary(boundary))
        return RC_UNSUPPORTED_MEDIA;
    memset(m, 0, sizeof(*m));
    (void)snprintf(m->delimiter, sizeof(m->delimiter), "\r\n--%.*s",
                   SLICE_FMT(boundary));
    m->delimiter_len = boundary.len + 4;
    first = slice_from(m->delimiter + 2, m->delimiter_len - 2);
    if (!slice_starts(body, first))
        return RC_BAD_INPUT;
    m->rest = slice_sub(body, first.len, body.len);
    return RC_OK;
}

/* What a form's sender escapes in names, and nothing else (HTML's multipart encoding).
 */
static enum rc unescape(struct slice *out, struct slice s, struct arena *a)
{
    static const struct {
        const char *text;
        char byte;
    } escapes[] = {{"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}};

    char *to;
    size_t len = 0;

    *out = s;
    if (slice_find(s, '%') == s.len)
        return RC_OK;
    to = arena_alloc(a, s.len);
    if (to == NULL)
        return RC_NOMEM;
    for (size_t i = 0; i < s.len; i++) {
        to[len] = s.bytes[i];
        for (size_t e = 0; e < sizeof(escapes) / sizeof(escapes[0]); e++)
            if (slice_equal_str(slice_sub(s, i, 3), escapes[e].text)) {
                to[len] = escapes[e].byte;
                i += 2;
                break;
            }
        len++;
    }
    *out = slice_from(to, len);
    return RC_OK;
}

static enum rc read_disposition(struct multipart_part *out, struct slice value,
                                struct arena *a)
{
    const size_t end = slice_find(value, ';');
    struct slice rest = slice_sub(value, end, value.len);
    struct slice name, text;

    if (!slice_equal_nocase(slice_trim(slice_sub(value, 0, end)), SLICE("form-data")))
        return RC_BAD_INPUT;
    while (next_param(&name, &text, &rest)) {
        const bool is_name = slice_equal_nocase(name, SLICE("name"));
        struct slice *to = is_name ? &out->name : &out->filename;

        if (!is_name && !slice_equal_nocase(name, SLICE("filename")))
            return RC_BAD_INPUT; /* also filename*: RFC 7578 section 4.2 forbids it */
        if (to->bytes != NULL)
            return RC_BAD_INPUT;
        TRY(unescape(to, text, a));
        if (to->bytes == NULL)
            to->bytes = ""; /* given, and empty */
    }
    return slice_trim(rest).len == 0 && out->name.bytes != NULL ? RC_OK : RC_BAD_INPUT;
}

/* The line before the next CRLF. */
static bool next_line(struct slice *line, struct slice *rest)
{
    const size_t at = slice_search(*rest, SLICE("\r\n"));

    if (at == rest->len)
        return false;
    *line = slice_sub(*rest, 0, at);
    *rest = slice_from(rest->bytes + at + 2, rest->len - at - 2);
    return true;
}

static enum rc read_headers(struct multipart_part *out, struct slice *rest,
                            struct arena *a)
{
    const char *from = rest->bytes;
    bool seen = false;
    struct slice line;

    for (;;) {
        size_t colon;

        if (!next_line(&line, rest) || rest->bytes - from > MULTIPART_HEADERS_MAX ||
            slice_has_ctl(line))
            return RC_BAD_INPUT;
        if (line.len == 0)
            return seen ? RC_OK : RC_BAD_INPUT;
        colon = slice_find(line, ':');
        if (colon == 0 || colon == line.len)
            return RC_BAD_INPUT;
        if (!slice_equal_nocase(slice_sub(line, 0, colon),
                                SLICE("content-disposition")))
            continue;
        if (seen)
            return RC_BAD_INPUT;
        seen = true;
        TRY(read_disposition(out, slice_trim(slice_sub(line, colon + 1, line.len)), a));
    }
}

enum rc multipart_next(struct multipart_part *out, struct multipart *m, struct arena *a)
{
    const struct slice delimiter = slice_from(m->delimiter, m->delimiter_len);
    struct slice rest = m->rest;
    size_t end;

    *out = (struct multipart_part){.name = SLICE_NONE, .filename = SLICE_NONE};
    if (slice_equal(rest, SLICE("--")) || slice_equal(rest, SLICE("--\r\n")))
        return RC_NOT_FOUND;
    if (!slice_starts(rest, SLICE("\r\n")))
        return RC_BAD_INPUT;
    if (m->count == MULTIPART_PARTS_MAX)
        return RC_TOO_BIG;
    rest = slice_from(rest.bytes + 2, rest.len - 2);
    TRY(read_headers(out, &rest, a));
    end = slice_search(rest, delimiter);
    if (end == rest.len)
        return RC_BAD_INPUT;
    out->bytes = slice_sub(rest, 0, end);
    m->rest =
        slice_from(rest.bytes + end + delimiter.len, rest.len - end - delimiter.len);
    m->count++;
    return RC_OK;
}

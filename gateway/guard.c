/* SPDX-License-Identifier: Apache-2.0 */
/* The request guard: what libmicrohttpd 0.9.75 lets through and must not come further,
 * because two parsers that read the same bytes differently are how requests are
 * smuggled (RFC 9112 section 11.2). Pure: a head in, a verdict out. Not a router: paths
 * are only checked for bytes that no path may have.
 *
 * The library forgives in silence: lines that end in a bare LF, continued lines (whose
 * text it glues to the name), a NUL in a value (which then ends there), spaces around
 * the target. None of these is in the strings that it hands out, but all are in the
 * gaps between them, since versions 0.9 cut the head up where they received it. So the
 * strings must follow each other exactly as a strict head has them. Where that is not
 * known to hold (in_place false) these four remain unseen; nothing of a client's header
 * is copied to an upstream but what was checked here, so the limit of the damage is a
 * header that we read shorter than somebody in front of us did.
 *
 * What looks the same from there is a NUL in the place of the CR of a line's end, or
 * among the four bytes that end the head. Nobody who takes such bytes reads another
 * head than we do.
 *
 * What stays hidden in any case are bare LFs in the framing of a chunked body: after
 * such a request the connection closes, so that nothing can hide behind it. */
#include "gateway/guard.h"

#include <string.h>

enum {
    HOST_MAX = 262, /* 255 of a name, a colon, five digits */
    PORT_DIGITS_MAX = 5
};

#define CONTENT_LENGTH_MAX ((uint64_t)1 << 62)

static enum rc fail(enum rc rc, const char **detail, const char *text)
{
    *detail = text;
    return rc;
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool all_in(struct slice s, const char *besides)
{
    for (size_t i = 0; i < s.len; i++) {
        if (!is_alnum(s.bytes[i]) &&
            (s.bytes[i] == '\0' || strchr(besides, s.bytes[i]) == NULL))
            return false;
    }
    return true;
}

bool guard_token(struct slice s)
{
    return s.len > 0 && all_in(s, "!#$%&'*+-.^_`|~");
}

bool guard_framing(struct slice name)
{
    static const char *const names[] = {
        "connection", "content-length",    "keep-alive", "proxy-connection",
        "trailer",    "transfer-encoding", "upgrade",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (slice_equal_nocase(name, slice_str(names[i])))
            return true;
    }
    return false;
}

static bool value_is_clean(struct slice value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.bytes[i];

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

/* Whether the head lies there as a strict sender writes it: one space between the parts
 * of the first line, CRLF behind every line, nothing in between. (The library has put
 * NULs over the separators, so it is the distances that tell.) */
static bool layout_is_strict(const struct http_request *q, const struct guard_head *h)
{
    static const char nuls[4];
    const char *at = h->method + q->method.len + 1;

    if (h->target != at)
        return false;
    at += h->target_len + 1;
    if (h->version != at)
        return false;
    at += strlen(h->version) + 2;
    for (size_t i = 0; i < q->header_count; i++) {
        const struct http_header *f = &q->headers[i];

        if (f->name.bytes != at || f->value.bytes < f->name.bytes + f->name.len + 1)
            return false;
        at = f->value.bytes + f->value.len + 2;
    }
    /* `at` is behind the last line, and two bytes are left: the empty one. */
    return h->head_len == (size_t)(at + 2 - h->method) && memcmp(at - 2, nuls, 4) == 0;
}

static enum rc check_method(const struct http_request *q, const char **detail)
{
    static const char *const methods[] = {
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
    };

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (slice_equal_str(q->method, methods[i]))
            return RC_OK;
    }
    return fail(RC_BAD_METHOD, detail, "method not supported");
}

/* Origin form only (RFC 9112 section 3.2.1): we are no proxy, and OPTIONS * has no
 * meaning here. The caller has copied and cut it; a NUL inside shows in the layout. */
static enum rc check_target(const struct http_request *q, const char **detail)
{
    const struct slice parts[] = {q->path, q->query};

    if (q->path.len == 0 || q->path.bytes[0] != '/')
        return fail(RC_BAD_INPUT, detail, "request target must be a path");
    for (size_t p = 0; p < 2; p++) {
        for (size_t i = 0; i < parts[p].len; i++) {
            unsigned char c = (unsigned char)parts[p].bytes[i];

            if (c <= 0x20 || c >= 0x7f || c == '#')
                return fail(RC_BAD_INPUT, detail,
                            "byte in the request target that must be encoded");
        }
    }
    return RC_OK;
}

static enum rc check_sizes(const struct http_request *q, const struct guard_head *h,
                           const char **detail)
{
    size_t bytes = 0;

    if (h->target_len > HTTP_URL_MAX)
        return fail(RC_URL_TOO_LONG, detail, "request target over 8192 bytes");
    if (h->header_count > HTTP_HEADERS_MAX)
        return fail(RC_HEADERS_TOO_BIG, detail, "more than 100 headers");
    for (size_t i = 0; i < q->header_count; i++)
        bytes += q->headers[i].name.len + q->headers[i].value.len + 4; /* ": " CRLF */
    if (bytes > HTTP_HEADER_BYTES_MAX)
        return fail(RC_HEADERS_TOO_BIG, detail, "headers over 16384 bytes");
    return RC_OK;
}

static enum rc check_headers(struct http_request *q, const char **detail)
{
    for (size_t i = 0; i < q->header_count; i++) {
        struct http_header *f = &q->headers[i];

        if (!guard_token(f->name))
            return fail(RC_BAD_INPUT, detail, "malformed header name");
        if (!value_is_clean(f->value))
            return fail(RC_BAD_INPUT, detail, "control character in a header");
        f->value = slice_trim(f->value);
    }
    return RC_OK;
}

static bool port_is_valid(struct slice port)
{
    uint64_t number;

    return port.len <= PORT_DIGITS_MAX &&
           (port.len == 0 || (slice_to_u64(&number, port) == RC_OK && number <= 65535));
}

/* uri-host [":" port] of RFC 9110 section 7.2, without the forms that only confuse:
 * user information, percent escapes, an empty name. */
static bool host_is_valid(struct slice host)
{
    size_t end;

    if (host.len == 0 || host.len > HOST_MAX)
        return false;
    if (host.bytes[0] == '[') {
        end = slice_find(host, ']');
        if (end == host.len || end < 3 || !all_in(slice_sub(host, 1, end - 1), ":."))
            return false;
        end++;
    } else {
        end = slice_find(host, ':');
        if (end == 0 || !all_in(slice_sub(host, 0, end), "-._~"))
            return false;
    }
    return end == host.len || (host.bytes[end] == ':' &&
                               port_is_valid(slice_sub(host, end + 1, host.len)));
}

static enum rc check_host(const struct http_request *q, bool required,
                          const char **detail)
{
    unsigned count;
    struct slice host = http_header(q, "host", &count);

    if (count == 0 && !required)
        return RC_OK;
    if (count != 1 || !host_is_valid(host))
        return fail(RC_BAD_INPUT, detail, "exactly one valid Host header is required");
    return RC_OK;
}

static enum rc check_length(struct http_request *q, struct slice text,
                            const char **detail)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9')
            return fail(RC_BAD_INPUT, detail, "malformed Content-Length");
    }
    if (text.len == 0)
        return fail(RC_BAD_INPUT, detail, "malformed Content-Length");
    if (slice_to_u64(&q->content_length, text) != RC_OK ||
        q->content_length > CONTENT_LENGTH_MAX)
        return fail(RC_TOO_BIG, detail, "Content-Length too large");
    return RC_OK;
}

/* One length, told in one way (RFC 9112 section 6.3). Two equal lengths would be
 * allowed, but no honest client sends them. */
static enum rc check_framing(struct http_request *q, bool http11, const char **detail)
{
    unsigned lengths, codings;
    struct slice length = http_header(q, "content-length", &lengths);
    struct slice coding = http_header(q, "transfer-encoding", &codings);

    if (codings > 0) {
        if (lengths > 0)
            return fail(RC_BAD_INPUT, detail,
                        "Content-Length beside Transfer-Encoding");
        if (codings > 1 || !slice_equal_nocase(coding, SLICE("chunked")))
            return fail(RC_BAD_INPUT, detail, "Transfer-Encoding must be chunked");
        if (!http11)
            return fail(RC_BAD_INPUT, detail, "Transfer-Encoding in HTTP/1.0");
        q->chunked = true;
    }
    if (lengths > 1)
        return fail(RC_BAD_INPUT, detail, "more than one Content-Length");
    if (lengths == 1)
        TRY(check_length(q, length, detail));
    q->has_body = q->chunked || q->content_length > 0;
    return RC_OK;
}

static enum rc check_meaning(const struct http_request *q, const char **detail)
{
    for (size_t i = 0; i < q->header_count; i++) {
        const struct http_header *f = &q->headers[i];

        if (slice_equal_nocase(f->name, SLICE("expect")) &&
            !slice_equal_nocase(f->value, SLICE("100-continue")))
            return fail(RC_EXPECTATION, detail, "expectation not supported");
        if (slice_equal_nocase(f->name, SLICE("content-encoding")) &&
            !slice_equal_nocase(f->value, SLICE("identity")))
            return fail(RC_UNSUPPORTED_MEDIA, detail, "Content-Encoding not supported");
    }
    return RC_OK;
}

enum rc guard_check(struct http_request *q, const struct guard_head *h,
                    const char **detail)
{
    const bool http11 = strcmp(h->version, "HTTP/1.1") == 0;

    *detail = NULL;
    if (!http11 && strcmp(h->version, "HTTP/1.0") != 0)
        return fail(RC_BAD_VERSION, detail, "HTTP version not supported");
    TRY(check_method(q, detail));
    TRY(check_sizes(q, h, detail));
    if (h->in_place && !layout_is_strict(q, h))
        return fail(RC_BAD_INPUT, detail,
                    "bare LF, NUL, folded line or stray space in the head");
    TRY(check_target(q, detail));
    TRY(check_headers(q, detail));
    TRY(check_host(q, http11, detail));
    TRY(check_framing(q, http11, detail));
    return check_meaning(q, detail);
}

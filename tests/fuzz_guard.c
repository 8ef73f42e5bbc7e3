/* SPDX-License-Identifier: Apache-2.0 */
/* The request guard on any bytes: whatever it lets pass is a head that every parser
 * reads alike, by a second and simpler reading of the bytes themselves. */
#include <assert.h>
#include <string.h>

#include "tests/cut_head.h"

static bool is_ctl(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

/* The empty line and the end of the one before it. */
static void end_is_strict(const char end[4])
{
    assert(end[3] == '\n');
    for (unsigned i = 0; i < 3; i++)
        assert(end[i] == '\r' || end[i] == '\n' || end[i] == '\0');
}

/* CRLF ends lines and stands nowhere else, but for a NUL in the place of its CR, which
 * nobody can tell from it afterwards; no line is continued; no control characters but
 * tabs. */
static void bytes_are_strict(const char *head, size_t len)
{
    assert(len >= 4);
    end_is_strict(head + len - 4);
    for (size_t i = 0; i < len - 4; i++) {
        if (head[i] == '\r' || head[i] == '\0')
            assert(head[i + 1] == '\n');
        else if (head[i] == '\n')
            assert(i > 0 && (head[i - 1] == '\r' || head[i - 1] == '\0') &&
                   head[i + 1] != ' ' && head[i + 1] != '\t');
        else
            assert(head[i] == '\t' || !is_ctl((unsigned char)head[i]));
    }
}

/* How many lines begin with that name and a colon. */
static unsigned count_lines(const char *head, size_t len, const char *name)
{
    const size_t name_len = strlen(name);
    unsigned count = 0;

    for (size_t i = 0; i + name_len + 1 < len; i++) {
        if (head[i] == '\n' && head[i + 1 + name_len] == ':' &&
            strncasecmp(head + i + 1, name, name_len) == 0)
            count++;
    }
    return count;
}

static void framing_is_single(const struct http_request *q, const char *head,
                              size_t len)
{
    const unsigned lengths = count_lines(head, len, "content-length");
    const unsigned codings = count_lines(head, len, "transfer-encoding");

    assert(lengths + codings <= 1);
    assert(q->chunked == (codings == 1));
    assert(lengths == 1 || q->content_length == 0);
    assert(q->has_body == (q->chunked || q->content_length > 0));
    assert(count_lines(head, len, "host") <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cut_head cut;
    static struct http_request q;
    const char *head = (const char *)data;
    const char *detail;
    enum rc rc;

    if (!cut_head(&cut, &q, slice_from(head, size)))
        return 0;
    rc = guard_check(&q, &cut.head, &detail);
    assert((rc == RC_OK) == (detail == NULL));
    if (rc != RC_OK)
        return 0;
    bytes_are_strict(head, cut.head.head_len);
    framing_is_single(&q, head, cut.head.head_len);
    assert(q.path.len > 0 && q.path.bytes[0] == '/');
    assert(q.header_count <= HTTP_HEADERS_MAX);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A line ends at CRLF or LF, a name at the first colon, a value at its first NUL, the
 * first line's parts at its first and last space. What is skipped is not remembered. */
#include "tests/cut_head.h"

#include <string.h>

struct lines {
    char *rest;
    char *behind;
};

static char *next_line(struct lines *l, size_t *len)
{
    char *line = l->rest;
    char *end = memchr(line, '\n', (size_t)(l->behind - line));

    if (end == NULL)
        return NULL;
    l->rest = end + 1;
    *end = '\0';
    if (end > line && end[-1] == '\r')
        *--end = '\0';
    *len = (size_t)(end - line);
    return line;
}

static bool cut_first_line(struct cut_head *c, char *line, size_t len)
{
    char *target = memchr(line, ' ', len);
    char *version = memrchr(line, ' ', len);

    if (target == NULL || target == version || len == 0)
        return false;
    *target++ = '\0';
    *version++ = '\0';
    while (*target == ' ')
        target++;
    c->head = (struct guard_head){
        .method = line,
        .target = target,
        .target_len = strlen(target),
        .version = version,
        .in_place = true,
    };
    return true;
}

static void cut_target(struct cut_head *c, struct http_request *q)
{
    struct slice target;
    size_t len = c->head.target_len < HTTP_URL_MAX ? c->head.target_len : HTTP_URL_MAX;
    size_t mark;

    memcpy(c->target, c->head.target, len);
    target = slice_from(c->target, len);
    mark = slice_find(target, '?');
    q->path = slice_sub(target, 0, mark);
    q->has_query = mark < len;
    q->query = slice_sub(target, mark + 1, len);
}

/* A continued line goes to the end of the name before it, in a new place. */
static bool glue(struct cut_head *c, struct http_request *q, const char *line)
{
    struct http_header *last;
    size_t len;

    if (q->header_count == 0)
        return false;
    last = &q->headers[q->header_count - 1];
    while (*line == ' ' || *line == '\t')
        line++;
    len = strlen(line);
    if (last->name.len + len > sizeof(c->glued) - c->glued_len)
        return false;
    memcpy(c->glued + c->glued_len, last->name.bytes, last->name.len);
    memcpy(c->glued + c->glued_len + last->name.len, line, len);
    last->name = slice_from(c->glued + c->glued_len, last->name.len + len);
    c->glued_len += last->name.len;
    return true;
}

static bool cut_header(struct cut_head *c, struct http_request *q, char *line)
{
    char *value = strchr(line, ':');

    if (c->head.header_count > 0 && (*line == ' ' || *line == '\t'))
        return glue(c, q, line);
    if (value == NULL)
        return false;
    *value++ = '\0';
    while (*value == ' ' || *value == '\t')
        value++;
    if (c->head.header_count++ < HTTP_HEADERS_MAX)
        q->headers[q->header_count++] =
            (struct http_header){slice_str(line), slice_str(value)};
    return true;
}

bool cut_head(struct cut_head *c, struct http_request *q, struct slice bytes)
{
    struct lines l = {.rest = c->room, .behind = c->room + bytes.len};
    char *line;
    size_t len;

    if (bytes.len > sizeof(c->room) || bytes.len == 0)
        return false;
    memcpy(c->room, bytes.bytes, bytes.len);
    memset(q, 0, sizeof(*q));
    c->glued_len = 0;
    line = next_line(&l, &len);
    if (line == NULL || !cut_first_line(c, line, len))
        return false;
    q->method = slice_str(c->head.method);
    cut_target(c, q);
    for (;;) {
        line = next_line(&l, &len);
        if (line == NULL)
            return false;
        if (*line == '\0')
            break;
        if (!cut_header(c, q, line))
            return false;
    }
    c->head.head_len = (size_t)(l.rest - c->room);
    return true;
}

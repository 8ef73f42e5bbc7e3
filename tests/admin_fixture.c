/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/admin_fixture.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct admin admin;
struct admin_reply reply = {.file_fd = -1};
struct json_object *json;

void forget(void)
{
    json_put(json);
    json = NULL;
    buf_wipe(&reply.body);
    if (reply.file_fd >= 0)
        (void)close(reply.file_fd);
    reply.file_fd = -1;
}

void ask_bytes(unsigned status, const char *line, struct slice body)
{
    struct slice target = slice_str(strchr(line, ' ') + 1);
    size_t path_len = slice_find(target, '?');
    struct admin_request q = {
        .method = slice_sub(slice_str(line), 0, slice_find(slice_str(line), ' ')),
        .path = slice_sub(target, 0, path_len),
        .query = slice_sub(target, path_len + 1, target.len),
        .body = body,
    };

    forget();
    admin_handle(&reply, &admin, &q);
    if (reply.status != status)
        print_message("%s: %.*s\n", line, SLICE_FMT(buf_slice(&reply.body)));
    assert_int_equal(reply.status, status);
    if (slice_ends(slice_str(reply.content_type), SLICE("json")))
        assert_int_equal(json_parse(&json, buf_slice(&reply.body)), RC_OK);
}

void ask(unsigned status, const char *line, const char *body)
{
    ask_bytes(status, line, slice_str(body));
}

void refused(unsigned status, const char *code, const char *line, const char *body)
{
    struct slice said;

    ask(status, line, body);
    assert_string_equal(reply.content_type, "application/problem+json");
    assert_int_equal(json_get_string(&said, json, "code"), RC_OK);
    if (!slice_equal_str(said, code))
        print_message("%s: %.*s\n", line, SLICE_FMT(buf_slice(&reply.body)));
    assert_true(slice_equal_str(said, code));
}

void has(const char *text)
{
    struct slice body = buf_slice(&reply.body);

    if (slice_search(body, slice_str(text)) == body.len)
        print_message("no %s in %.*s\n", text, SLICE_FMT(body));
    assert_true(slice_search(body, slice_str(text)) < body.len);
}

void has_not(const char *text)
{
    struct slice body = buf_slice(&reply.body);

    assert_int_equal(slice_search(body, slice_str(text)), body.len);
}

size_t items(void)
{
    struct json_object *list;

    assert_int_equal(json_get_array(&list, json, "items"), RC_OK);
    return json_array_count(list);
}

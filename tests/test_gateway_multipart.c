/* SPDX-License-Identifier: Apache-2.0 */
/* Forms with files: what clients send is read, and nothing that two readers could read
 * in two ways. */
#include "gateway/multipart.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static struct arena *arena;
static const char type[] = "multipart/form-data; boundary=----b0";
static const char simple[] = "------b0\r\n"
                             "Content-Disposition: form-data; name=\"payload\"\r\n\r\n"
                             "{\"slug\":\"a\"}\r\n"
                             "------b0\r\n"
                             "Content-Disposition: form-data; name=\"files\"; "
                             "filename=\"scripts/run.sh\"\r\n"
                             "Content-Type: text/plain\r\n\r\n"
                             "echo\r\n--b0\n\r\n"
                             "------b0--\r\n";

static int open_case(void **state)
{
    (void)state;
    return arena_open(&arena, 1 << 16) == RC_OK ? 0 : -1;
}

static int close_case(void **state)
{
    (void)state;
    arena_close(arena);
    return 0;
}

static void parts_come_in_order_with_their_names(void **state)
{
    struct multipart_part part;
    struct multipart m;

    (void)state;
    assert_int_equal(multipart_open(&m, slice_str(type), slice_str(simple)), RC_OK);
    assert_int_equal(multipart_next(&part, &m, arena), RC_OK);
    assert_true(slice_equal_str(part.name, "payload"));
    assert_null(part.filename.bytes);
    assert_true(slice_equal_str(part.bytes, "{\"slug\":\"a\"}"));
    assert_int_equal(multipart_next(&part, &m, arena), RC_OK);
    assert_true(slice_equal_str(part.name, "files"));
    assert_true(slice_equal_str(part.filename, "scripts/run.sh"));
    assert_true(slice_equal_str(part.bytes, "echo\r\n--b0\n"));
    assert_int_equal(multipart_next(&part, &m, arena), RC_NOT_FOUND);
}

static enum rc only_part(struct multipart_part *part, const char *head,
                         const char *rest)
{
    struct multipart m;
    char body[512];

    (void)snprintf(body, sizeof(body), "------b0\r\n%s%s", head, rest);
    assert_int_equal(
        multipart_open(&m, slice_str(type), arena_slice(arena, slice_str(body))),
        RC_OK);
    return multipart_next(part, &m, arena);
}

static void a_file_may_be_empty_and_a_name_escaped(void **state)
{
    struct multipart_part part;

    (void)state;
    assert_int_equal(only_part(&part,
                               "content-disposition: FORM-DATA; name=files; "
                               "filename=\"a%22b%0D%2F.md\"\r\n\r\n",
                               "\r\n------b0--"),
                     RC_OK);
    assert_true(slice_equal(part.filename, SLICE("a\"b\r%2F.md")));
    assert_int_equal(part.bytes.len, 0);
}

static void what_is_no_form_is_refused(void **state)
{
    static const char *const types[] = {
        "application/json",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"a b",
        "multipart/form-data; boundary=a; boundary=a",
        "multipart/form-data; boundary=a\\b",
        "multipart/mixed; boundary=a",
        "multipart/form-data; boundary=a; x",
    };
    struct multipart m;

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_int_equal(
            multipart_open(&m, slice_str(types[i]), SLICE("--a\r\n\r\n--a--")),
            RC_UNSUPPORTED_MEDIA);
    assert_int_equal(
        multipart_open(&m, slice_str(type), SLICE("preamble\r\n------b0--")),
        RC_BAD_INPUT);
}

static void what_two_readers_could_read_in_two_ways_is_refused(void **state)
{
    static const char two[] = "Content-Disposition: form-data; name=\"a\"\r\n"
                              "Content-Disposition: form-data; name=\"b\"\r\n\r\n";
    static const char *const heads[] = {
        "\r\n", /* no disposition */
        "Content-Disposition: form-data\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\"; filename*=UTF-8''b\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\"; filename=\"b\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\"x\r\n\r\n",
        "Content-Disposition: attachment; name=\"a\"\r\n\r\n",
        "Content-Disposition: form-data; name=\"a\"\n\n",
        two,
        "no colon\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n",
    };
    struct multipart_part part;

    (void)state;
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++)
        assert_int_equal(only_part(&part, heads[i], "x\r\n------b0--\r\n"),
                         RC_BAD_INPUT);
    assert_int_equal(only_part(&part,
                               "Content-Disposition: form-data; name=\"a\"\r\n\r\n",
                               "no end\r\n----b0"),
                     RC_BAD_INPUT);
}

static void after_the_last_delimiter_there_is_nothing(void **state)
{
    struct multipart_part part;
    struct multipart m;

    (void)state;
    assert_int_equal(multipart_open(&m, slice_str(type), SLICE("------b0--\r\nmore")),
                     RC_OK);
    assert_int_equal(multipart_next(&part, &m, arena), RC_BAD_INPUT);
    assert_int_equal(multipart_open(&m, slice_str(type), SLICE("------b0")), RC_OK);
    assert_int_equal(multipart_next(&part, &m, arena), RC_BAD_INPUT);
}

static void there_are_only_so_many_parts(void **state)
{
    struct multipart_part part;
    struct multipart m;
    struct buf b;
    enum rc rc = RC_OK;
    unsigned count = 0;

    (void)state;
    buf_init(&b, 1 << 20);
    for (unsigned i = 0; i <= MULTIPART_PARTS_MAX; i++)
        buf_append_str(
            &b, "------b0\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n");
    buf_append_str(&b, "------b0--");
    assert_false(buf_spent(&b));
    assert_int_equal(multipart_open(&m, slice_str(type), buf_slice(&b)), RC_OK);
    while ((rc = multipart_next(&part, &m, arena)) == RC_OK)
        count++;
    assert_int_equal(rc, RC_TOO_BIG);
    assert_int_equal(count, MULTIPART_PARTS_MAX);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_come_in_order_with_their_names, open_case,
                                        close_case),
        cmocka_unit_test_setup_teardown(a_file_may_be_empty_and_a_name_escaped,
                                        open_case, close_case),
        cmocka_unit_test_setup_teardown(what_is_no_form_is_refused, open_case,
                                        close_case),
        cmocka_unit_test_setup_teardown(
            what_two_readers_could_read_in_two_ways_is_refused, open_case, close_case),
        cmocka_unit_test_setup_teardown(after_the_last_delimiter_there_is_nothing,
                                        open_case, close_case),
        cmocka_unit_test_setup_teardown(there_are_only_so_many_parts, open_case,
                                        close_case),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

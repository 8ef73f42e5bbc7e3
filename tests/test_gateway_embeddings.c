/* SPDX-License-Identifier: Apache-2.0 */
/* Embeddings: every check with its field, the worst case without output, and answers in
 * both formats. */
#include "tests/gateway_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char path[] = "/v1/embeddings";
static const char hello[] = "{\"model\":\"alone\",\"input\":\"hello\"}";

static struct exchange *embed(const char *members)
{
    char body[1024];

    (void)snprintf(body, sizeof(body), "{\"model\":\"alone\",%s}", members);
    return post(path, body);
}

static void expect_refused(const char *members, const char *param)
{
    unsigned before = upstream_count();

    expect_error(embed(members), 400, "invalid_request", param);
    assert_int_equal(upstream_count(), before);
}

static void expect_taken(const char *members)
{
    struct exchange *x = embed(members);

    if (x->answered)
        expect_status(x, 200);
    assert_int_equal(request_of(x)->state, REQUEST_SEND);
    leave(x);
}

static void the_input_is_a_text_or_an_array_and_not_empty(void **state)
{
    static const char *const bad[] = {"\"x\":1",      "\"input\":null", "\"input\":7",
                                      "\"input\":{}", "\"input\":\"\"", "\"input\":[]",
                                      "\"input\":[ ]"};
    static const char *const good[] = {"\"input\":\"a\"", "\"input\":[\"a\",\"b\"]",
                                       "\"input\":[1,2,3]", "\"input\":[[1],[2,3]]"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        expect_refused(bad[i], "input");
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        expect_taken(good[i]);
}

static void the_format_is_one_of_two(void **state)
{
    (void)state;
    expect_refused("\"input\":\"a\",\"encoding_format\":\"int8\"", "encoding_format");
    expect_refused("\"input\":\"a\",\"encoding_format\":7", "encoding_format");
    expect_taken("\"input\":\"a\",\"encoding_format\":\"float\"");
    expect_taken("\"input\":\"a\",\"encoding_format\":\"base64\"");
    expect_taken("\"input\":\"a\",\"encoding_format\":null");
}

static void dimensions_have_their_range(void **state)
{
    (void)state;
    expect_refused("\"input\":\"a\",\"dimensions\":0", "dimensions");
    expect_refused("\"input\":\"a\",\"dimensions\":1000001", "dimensions");
    expect_refused("\"input\":\"a\",\"dimensions\":\"7\"", "dimensions");
    expect_taken("\"input\":\"a\",\"dimensions\":256");
}

static void the_worst_case_has_no_output(void **state)
{
    struct exchange *x = post(path, hello);

    (void)state;
    assert_int_equal(strlen(hello), 33);
    expect_held("0.0000255"); /* 17 tokens at 1.5 */
    leave(x);
    /* One token each is the most that the bytes can be. */
    x = post(path, "{\"model\":\"alone\",\"input\":[1,2,3,4,5,6,7,8,9]}");
    assert_true(request_of(x)->quote.tokens >= 9);
    leave(x);
}

static void an_answer_passes_and_is_paid_by_its_tokens(void **state)
{
    static const char answer[] = "{\"data\":[{\"embedding\":\"AACAPw==\"}],"
                                 "\"usage\":{\"prompt_tokens\":2,\"total_tokens\":2}}";
    struct exchange *x = post(path, hello);
    struct row r;

    (void)state;
    assert_string_equal(upstream_last()->url, "https://one.example/v1/embeddings");
    assert_true(slice_equal_str(buf_slice(&upstream_last()->body), hello));
    answers_json(upstream_last(), answer);
    expect_body(x, answer);
    expect_header(x, "x-octroi-cost", "0.000002000");
    assert_int_equal(row_of(&r, x), RC_OK);
    assert_string_equal(r.row.kind, "embeddings");
}

static void a_strict_hold_adds_no_bound_to_embeddings(void **state)
{
    struct exchange *x = post(path, "{\"model\":\"strict\",\"input\":\"a\"}");

    (void)state;
    assert_true(slice_equal_str(buf_slice(&upstream_last()->body),
                                "{\"model\":\"s\",\"input\":\"a\"}"));
    leave(x);
}

static void a_failure_tries_the_next_target(void **state)
{
    struct exchange *x = post(path, "{\"model\":\"chain\",\"input\":\"a\"}");

    (void)state;
    answers(upstream_last(), 500, "", "{}");
    assert_true(slice_equal_str(buf_slice(&upstream_last()->body),
                                "{\"model\":\"middle\",\"input\":\"a\"}"));
    answers_json(upstream_last(), "{\"data\":[]}");
    expect_status(x, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        GATE_TEST(the_input_is_a_text_or_an_array_and_not_empty),
        GATE_TEST(the_format_is_one_of_two),
        GATE_TEST(dimensions_have_their_range),
        GATE_TEST(the_worst_case_has_no_output),
        GATE_TEST(an_answer_passes_and_is_paid_by_its_tokens),
        GATE_TEST(a_strict_hold_adds_no_bound_to_embeddings),
        GATE_TEST(a_failure_tries_the_next_target),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

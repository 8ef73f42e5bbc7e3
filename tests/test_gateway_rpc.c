/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to a node: what goes out, what of an answer is taken, and which failures
 * mean that nothing happened. */
#include "gateway/settle/rpc.h"

#include "base/clock.h"
#include "gateway/settle/node.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/upstream_double.h"

enum {
    ARENA = 1 << 20
};

static struct loop *loop;
static struct rpc *rpc;
static struct arena *arena;
static struct rpc_question questions[3];
static struct rpc_call call;
static unsigned done_count;
static char result[256];

static int set_up(void **state)
{
    (void)state;
    clock_set(0, 1000);
    memset(&call, 0, sizeof(call));
    memset(questions, 0, sizeof(questions));
    done_count = 0;
    if (loop_open(&loop) != RC_OK || arena_open(&arena, ARENA) != RC_OK)
        return -1;
    loop_turn(loop, 0);
    return rpc_open(&rpc, loop, NULL, "http://node/", false) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    rpc_close(rpc);
    upstreams_close();
    arena_close(arena);
    loop_close(loop);
    clock_real();
    return 0;
}

static void on_done(struct rpc_call *c)
{
    done_count++;
    assert_false(rpc_is_busy(c));
    if (questions[0].answer == RPC_RESULT)
        (void)snprintf(result, sizeof(result), "%.*s", SLICE_FMT(questions[0].result));
    memset(&call.calls, 0xff, sizeof(call.calls)); /* it is the caller's again */
}

static void start_only(size_t count)
{
    for (size_t i = 0; i < count; i++)
        questions[i] = (struct rpc_question){.method = "eth_x", .params = SLICE("[1]")};
    call.questions = questions;
    call.count = count;
    call.done = on_done;
    rpc_start(rpc, &call);
}

static void start(size_t count)
{
    /* Long after the one before. */
    clock_advance_ms(RPC_GAP_MS);
    loop_turn(loop, 0);
    start_only(count);
    loop_turn(loop, 0);
    assert_int_equal(done_count, 0);
}

static void answer(unsigned status, const char *text)
{
    struct upstream_call *c = upstream_last();

    upstream_says_head(c, status, "");
    upstream_says(c, slice_str(text));
    upstream_ends(c, UPSTREAM_FINE);
    assert_int_equal(done_count, 1);
}

/* ---- Calls ---- */

static void one_question_goes_out_alone_and_more_as_a_batch(void **state)
{
    (void)state;
    start(1);
    assert_true(slice_equal_str(
        buf_slice(&upstream_last()->body),
        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"eth_x\",\"params\":[1]}"));
    assert_string_equal(upstream_last()->method, "POST");
    assert_string_equal(upstream_header(upstream_last(), "Content-Type"),
                        "application/json");
    answer(200, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x5\"}");
    assert_int_equal(call.fail, RPC_FINE);
    assert_string_equal(result, "\"0x5\"");
    done_count = 0;
    start(2);
    assert_true(slice_equal_str(
        buf_slice(&upstream_last()->body),
        "[{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"eth_x\",\"params\":[1]},"
        "{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"eth_x\",\"params\":[1]}]"));
    answer(200, " [{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":null},"
                "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":true}]\n");
    assert_int_equal(call.fail, RPC_FINE);
    assert_string_equal(result, "true");
    assert_int_equal(questions[1].answer, RPC_RESULT);
}

static void a_call_has_a_deadline_of_its_own(void **state)
{
    (void)state;
    start(1);
    assert_int_equal(upstream_last()->spec.deadline_ms,
                     loop_now_ms(loop) + RPC_TIMEOUT_MS);
    rpc_cancel(&call);
    call.deadline_ms = 3000;
    start(1);
    assert_int_equal(upstream_last()->spec.deadline_ms, 3000);
    assert_int_equal(upstream_last()->spec.max_response_bytes, RPC_ANSWER_MAX);
    assert_false(upstream_last()->spec.allow_private);
    rpc_cancel(&call);
    assert_true(upstream_last()->cancelled);
    rpc_cancel(&call);
    assert_int_equal(done_count, 0);
}

static void failures_tell_whether_anything_was_sent(void **state)
{
    static const struct {
        enum upstream_fail fail;
        enum rpc_fail means;
    } cases[] = {{UPSTREAM_CONNECT, RPC_UNSENT}, {UPSTREAM_BLOCKED, RPC_UNSENT},
                 {UPSTREAM_SLOW, RPC_LOST},      {UPSTREAM_CUT, RPC_LOST},
                 {UPSTREAM_TOO_BIG, RPC_LOST},   {UPSTREAM_STOPPED, RPC_LOST}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        done_count = 0;
        start(2);
        upstream_ends(upstream_last(), cases[i].fail);
        assert_int_equal(done_count, 1);
        assert_int_equal(call.fail, cases[i].means);
        assert_int_equal(questions[0].answer, RPC_SILENT);
    }
}

static void what_cannot_start_never_ends_from_within(void **state)
{
    (void)state;
    upstream_refuses = RC_BUSY;
    start_only(1);
    assert_int_equal(done_count, 0);
    loop_turn(loop, 0);
    assert_int_equal(done_count, 1);
    assert_int_equal(call.fail, RPC_UNSENT);
    done_count = 0;
    start_only(1);
    rpc_cancel(&call);
    loop_turn(loop, 0);
    assert_int_equal(done_count, 0);
    assert_int_equal(upstream_count(), 0);
}

static void another_status_is_no_answer(void **state)
{
    (void)state;
    start(1);
    answer(429, "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":\"0x5\"}");
    assert_int_equal(call.fail, RPC_LOST);
    assert_int_equal(questions[0].answer, RPC_SILENT);
}

/* ---- Answers ---- */

static enum rc read_two(const char *text)
{
    return rpc_read(questions, 2, 10, slice_str(text), arena);
}

#define ONE "{\"jsonrpc\":\"2.0\",\"id\":10,\"result\":1}"

static void only_what_was_asked_is_answered(void **state)
{
    static const char *const bad[] = {
        "",
        "null",
        "\"0x1\"",
        "[1]",
        "[{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":1}]",
        "[{\"jsonrpc\":\"2.0\",\"id\":12,\"result\":1}]",
        "[{\"jsonrpc\":\"2.0\",\"id\":\"10\",\"result\":1}]",
        "[{\"jsonrpc\":\"2.0\",\"id\":10.0,\"result\":1}]",
        "[{\"jsonrpc\":\"2.0\",\"id\":null,\"result\":1}]",
        "[{\"jsonrpc\":\"2.0\",\"result\":1}]",
        "[{\"jsonrpc\":\"1.0\",\"id\":10,\"result\":1}]",
        "[{\"id\":10,\"result\":1}]",
        "[{\"jsonrpc\":\"2.0\",\"id\":10}]",
        "[{\"jsonrpc\":\"2.0\",\"id\":10,\"error\":\"no\"}]",
        "[{\"jsonrpc\":\"2.0\",\"id\":10,\"result\":1,\"result\":2}]",
        "[" ONE "," ONE "]",
        "{\"jsonrpc\":\"2.0\",\"id\":10,\"result\":1}",
        "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32600,\"message\":\"\"}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_not_equal(read_two(bad[i]), RC_OK);
        assert_int_equal(questions[0].answer, RPC_SILENT);
        assert_int_equal(questions[1].answer, RPC_SILENT);
    }
    assert_int_equal(read_two("[{\"jsonrpc\":\"2.0\",\"id\":11,\"result\":{}}]"),
                     RC_OK);
    assert_int_equal(questions[0].answer, RPC_SILENT);
    assert_int_equal(questions[1].answer, RPC_RESULT);
}

static void errors_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(
        read_two("[{\"jsonrpc\":\"2.0\",\"id\":10,\"error\":{\"code\":3,\"message\":"
                 "\"no\",\"data\":\"0x08c379A0\"}},{\"jsonrpc\":\"2.0\",\"id\":11,"
                 "\"error\":{\"code\":-32005,\"message\":\"Range Is too wide\","
                 "\"data\":{}}}]"),
        RC_OK);
    assert_int_equal(questions[0].answer, RPC_REVERTED);
    assert_int_equal(questions[0].data.len, 4);
    assert_memory_equal(questions[0].data.bytes, "\x08\xc3\x79\xa0", 4);
    assert_int_equal(questions[1].answer, RPC_REFUSED);
    assert_int_equal(questions[1].code, -32005);
    assert_null(questions[1].data.bytes);
    assert_true(rpc_says(&questions[1], "range is TOO"));
    assert_false(rpc_says(&questions[1], "range is toow"));
    assert_int_equal(read_two("[{\"jsonrpc\":\"2.0\",\"id\":10,\"error\":{\"code\":"
                              "-32000,\"message\":\"execution reverted: x\"},"
                              "\"result\":null}]"),
                     RC_OK);
    assert_int_equal(questions[0].answer, RPC_REVERTED);
}

static void long_words_of_a_node_are_cut(void **state)
{
    char text[1024];

    (void)state;
    (void)snprintf(text, sizeof(text),
                   "[{\"jsonrpc\":\"2.0\",\"id\":10,\"error\":{\"code\":1,"
                   "\"message\":\"%0500d\"}}]",
                   0);
    assert_int_equal(read_two(text), RC_OK);
    assert_int_equal(questions[0].message.len, RPC_MESSAGE_MAX);
}

/* ---- What a node's words mean ---- */

static void quantities_have_one_form(void **state)
{
    static const char *const bad[] = {"1",
                                      "\"1\"",
                                      "\"0x\"",
                                      "\"0x01\"",
                                      "\"0xg\"",
                                      "\"0x10000000000000000\"",
                                      "\"\\u0030x1\"",
                                      "[]",
                                      "true"};
    uint64_t v = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(node_read_u64(&v, slice_str(bad[i])), RC_BAD_INPUT);
    assert_int_equal(node_read_u64(&v, SLICE("null")), RC_NOT_FOUND);
    assert_int_equal(node_read_u64(&v, SLICE_NONE), RC_NOT_FOUND);
    assert_int_equal(v, 7);
    assert_int_equal(node_read_u64(&v, SLICE("\"0xffffffffffffffff\"")), RC_OK);
    assert_true(v == UINT64_MAX);
}

static void a_head_may_be_without_a_base_fee(void **state)
{
    struct node_head h;

    (void)state;
    assert_int_equal(
        node_read_head(&h, SLICE("{\"number\":\"0x10\",\"timestamp\":\"0x20\"}")),
        RC_OK);
    assert_int_equal(h.number, 16);
    assert_int_equal(h.time_s, 32);
    assert_int_equal(h.base_fee, 0);
    assert_int_equal(node_read_head(&h, SLICE("{\"number\":\"0x10\"}")), RC_BAD_INPUT);
    assert_int_equal(
        node_read_head(&h, SLICE("{\"number\":null,\"timestamp\":\"0x1\"}")),
        RC_BAD_INPUT);
    assert_int_equal(node_read_head(&h, SLICE("null")), RC_NOT_FOUND);
}

#define H32 "0x1111111111111111111111111111111111111111111111111111111111111111"

static void what_a_receipt_costs_saturates(void **state)
{
    static const char text[] =
        "{\"transactionHash\":\"" H32 "\",\"blockHash\":\"" H32 "\",\"status\":\"0x1\","
        "\"blockNumber\":\"0x7\",\"gasUsed\":\"0xffffffffffffffff\","
        "\"effectiveGasPrice\":\"0x%s\",\"l1Fee\":\"0x1\",\"logs\":[]}";
    struct node_receipt r;
    char line[512];

    (void)state;
    (void)snprintf(line, sizeof(line), text, "2");
    assert_int_equal(node_read_receipt(&r, slice_str(line)), RC_OK);
    assert_true(r.cost_wei == UINT64_MAX);
    (void)snprintf(line, sizeof(line), text, "0");
    assert_int_equal(node_read_receipt(&r, slice_str(line)), RC_OK);
    assert_int_equal(r.cost_wei, 1);
    assert_true(r.success);
    *strstr(line, "\"0x1\"") = '1';
    assert_int_equal(node_read_receipt(&r, slice_str(line)), RC_BAD_INPUT);
}

static void logs_that_were_taken_back_are_passed_over(void **state)
{
    static const char text[] =
        "[{\"address\":\"0x0000000000000000000000000000000000000001\",\"topics\":[\"" H32
        "\"],\"data\":\"0x\",\"transactionHash\":\"" H32 "\",\"removed\":true},"
        "{\"address\":\"no\"},7,"
        "{\"address\":\"0x0000000000000000000000000000000000000002\",\"topics\":[\"" H32
        "\"],\"data\":\"0x\",\"transactionHash\":\"" H32 "\"},"
        "{\"address\":\"0x0000000000000000000000000000000000000003\",\"topics\":[\"" H32
        "\",\"" H32 "\",\"" H32 "\",\"" H32 "\",\"" H32
        "\"],\"data\":\"0x\",\"transactionHash\":\"" H32 "\"}]";
    struct node_log log;
    size_t at = 0;

    (void)state;
    assert_true(node_next_log(&log, slice_str(text), &at));
    assert_int_equal(log.log.contract.bytes[19], 2);
    assert_int_equal(log.log.topic_count, 1);
    assert_false(node_next_log(&log, slice_str(text), &at));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_question_goes_out_alone_and_more_as_a_batch),
        TEST(a_call_has_a_deadline_of_its_own),
        TEST(failures_tell_whether_anything_was_sent),
        TEST(what_cannot_start_never_ends_from_within),
        TEST(another_status_is_no_answer),
        TEST(only_what_was_asked_is_answered),
        TEST(errors_are_told_apart),
        TEST(long_words_of_a_node_are_cut),
        TEST(quantities_have_one_form),
        TEST(a_head_may_be_without_a_base_fee),
        TEST(what_a_receipt_costs_saturates),
        TEST(logs_that_were_taken_back_are_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of many share HTTP calls to a node: who waits for whom, and that nobody pays
 * for what happens to another, or to the batch. */
#include "gateway/settle/rpc.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/upstream_double.h"

enum {
    MANY = 70,
    START_MS = 1000,
    LONG = RPC_REQUEST_MAX / 2
};

/* One call of two questions. */
static struct asker {
    struct rpc_call call; /* first */
    struct rpc_question questions[2];
    unsigned done;
    enum rpc_answer answers[2]; /* as they were in done() */
    char said[2][16];
    struct asker *cancels; /* in its done() */
} askers[MANY];

static struct loop *loop;
static struct rpc *rpc;

static int set_up(void **state)
{
    (void)state;
    clock_set(0, START_MS);
    memset(askers, 0, sizeof(askers));
    if (loop_open(&loop) != RC_OK)
        return -1;
    loop_turn(loop, 0);
    return rpc_open(&rpc, loop, NULL, "http://node/", false) == RC_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        rpc_cancel(&askers[i].call);
    rpc_close(rpc);
    upstreams_close();
    loop_close(loop);
    clock_real();
    return 0;
}

static void on_done(struct rpc_call *c)
{
    struct asker *a = (struct asker *)(void *)c;

    assert_false(rpc_is_busy(c));
    a->done++;
    for (unsigned i = 0; i < 2; i++) {
        a->answers[i] = a->questions[i].answer;
        (void)snprintf(a->said[i], sizeof(a->said[i]), "%.*s",
                       SLICE_FMT(a->questions[i].result));
    }
    if (a->cancels != NULL)
        rpc_cancel(&a->cancels->call);
}

static void ask(unsigned i)
{
    struct asker *a = &askers[i];

    for (unsigned k = 0; k < 2; k++)
        a->questions[k] =
            (struct rpc_question){.method = "eth_x", .params = SLICE("[]")};
    a->call.questions = a->questions;
    a->call.count = 2;
    a->call.done = on_done;
    a->done = 0;
    rpc_start(rpc, &a->call);
}

static void turn(void)
{
    loop_turn(loop, 0);
}

static void later(uint64_t ms)
{
    clock_advance_ms(ms);
    turn();
}

/* Long after the one before. */
static void ask_in_turn(unsigned i)
{
    later(RPC_GAP_MS);
    ask(i);
    turn();
}

static unsigned questions_of(const struct upstream_call *c)
{
    struct slice rest = buf_slice(&c->body);
    unsigned count = 0;

    for (;;) {
        const size_t at = slice_search(rest, SLICE("\"id\":"));

        if (at >= rest.len)
            return count;
        count++;
        rest = slice_sub(rest, at + 1, rest.len);
    }
}

static void says(struct upstream_call *c, unsigned status, const char *text)
{
    upstream_says_head(c, status, "");
    upstream_says(c, slice_str(text));
    upstream_ends(c, UPSTREAM_FINE);
}

/* Answers first..last, each with its own number. */
static void says_ids(struct upstream_call *c, unsigned first, unsigned last)
{
    char text[16 * 1024];
    size_t len = 1;

    text[0] = '[';
    for (unsigned id = first; id <= last; id++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "%s{\"jsonrpc\":\"2.0\",\"id\":%u,\"result\":%u}",
                                id == first ? "" : ",", id, id);
    (void)snprintf(text + len, sizeof(text) - len, "]");
    says(c, 200, text);
}

static void assert_heard(unsigned i, const char *one, const char *two)
{
    assert_int_equal(askers[i].done, 1);
    assert_int_equal(askers[i].call.fail, RPC_FINE);
    assert_string_equal(askers[i].said[0], one);
    assert_string_equal(askers[i].said[1], two);
}

static void assert_ended(unsigned i, enum rpc_fail fail)
{
    assert_int_equal(askers[i].done, 1);
    assert_int_equal(askers[i].call.fail, fail);
    assert_int_equal(askers[i].answers[0], RPC_SILENT);
    assert_int_equal(askers[i].answers[1], RPC_SILENT);
}

/* ---- Who waits ---- */

static void calls_of_one_turn_share_a_request(void **state)
{
    (void)state;
    ask(0);
    ask(1);
    ask(2);
    assert_int_equal(upstream_count(), 0);
    turn();
    assert_int_equal(upstream_count(), 1);
    assert_int_equal(questions_of(upstream_last()), 6);
    says(upstream_last(), 200,
         "[{\"jsonrpc\":\"2.0\",\"id\":6,\"result\":66},"
         "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":5},"
         "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1},"
         "{\"jsonrpc\":\"2.0\",\"id\":2,\"error\":{\"code\":3,\"message\":\"\"}},"
         "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":3},"
         "{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":4}]");
    assert_heard(0, "1", "");
    assert_int_equal(askers[0].answers[1], RPC_REVERTED);
    assert_heard(1, "3", "4");
    assert_heard(2, "5", "66");
}

static void nobody_waits_for_an_idle_node(void **state)
{
    (void)state;
    ask_in_turn(0);
    assert_int_equal(upstream_count(), 1);
    ask_in_turn(1);
    assert_int_equal(upstream_count(), 2);
    says_ids(upstream_nth(0), 1, 2);
    ask_in_turn(2);
    assert_int_equal(upstream_count(), 3);
}

static void batches_begin_one_after_the_other(void **state)
{
    (void)state;
    ask_in_turn(0);
    says_ids(upstream_last(), 1, 2);
    ask(1);
    turn();
    later(RPC_GAP_MS - 1);
    ask(2);
    turn();
    assert_int_equal(upstream_count(), 1);
    later(1);
    assert_int_equal(upstream_count(), 2);
    assert_int_equal(questions_of(upstream_last()), 4);
}

static void those_who_wait_go_out_together_when_a_batch_ends(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RPC_SHARED_AT_ONCE + 3; i++)
        ask_in_turn(i);
    assert_int_equal(upstream_count(), RPC_SHARED_AT_ONCE);
    says_ids(upstream_nth(1), 3, 4);
    assert_heard(1, "3", "4");
    turn();
    assert_int_equal(upstream_count(), RPC_SHARED_AT_ONCE + 1);
    assert_int_equal(questions_of(upstream_last()), 6);
    says_ids(upstream_last(), 5, 10);
    assert_heard(RPC_SHARED_AT_ONCE + 2, "9", "10");
    assert_int_equal(askers[0].done, 0);
}

static void a_slow_node_holds_nobody_up_for_long(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RPC_SHARED_AT_ONCE + 2; i++)
        ask_in_turn(i);
    later(RPC_SHARE_MS - RPC_GAP_MS - 1);
    assert_int_equal(upstream_count(), RPC_SHARED_AT_ONCE);
    later(1);
    assert_int_equal(upstream_count(), RPC_SHARED_AT_ONCE + 1);
    assert_int_equal(questions_of(upstream_last()), 4);
}

static void a_batch_is_bounded_in_questions(void **state)
{
    (void)state;
    for (unsigned i = 0; i < MANY; i++)
        ask(i);
    turn();
    assert_int_equal(upstream_count(), 2);
    assert_int_equal(questions_of(upstream_nth(0)), RPC_QUESTIONS_MAX);
    assert_int_equal(questions_of(upstream_nth(1)), 2 * MANY - RPC_QUESTIONS_MAX);
    says_ids(upstream_nth(0), 1, RPC_QUESTIONS_MAX);
    assert_heard(RPC_QUESTIONS_MAX / 2 - 1, "127", "128");
}

static void a_batch_is_bounded_in_bytes(void **state)
{
    char *text = malloc(LONG);

    (void)state;
    assert_non_null(text);
    memset(text, ' ', LONG);
    text[0] = '[';
    text[LONG - 1] = ']';
    for (unsigned i = 0; i < 3; i++) {
        ask(i);
        askers[i].questions[0].params = slice_from(text, i == 2 ? LONG / 2 : LONG);
    }
    turn();
    assert_int_equal(upstream_count(), 2);
    assert_int_equal(questions_of(upstream_nth(0)), 2);
    assert_int_equal(questions_of(upstream_nth(1)), 4);
    /* One that is too long for itself certainly did nothing. */
    ask(3);
    askers[3].questions[0].params = askers[3].questions[1].params =
        slice_from(text, LONG);
    later(RPC_SHARE_MS);
    assert_int_equal(upstream_count(), 2);
    assert_ended(3, RPC_UNSENT);
    for (unsigned i = 0; i < 3; i++)
        rpc_cancel(&askers[i].call);
    free(text);
}

static void what_is_slow_goes_alone_and_holds_nobody_up(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        askers[i].call.alone = true;
    for (unsigned i = 0; i < 5; i++)
        ask(i);
    turn();
    assert_int_equal(upstream_count(), 4);
    assert_int_equal(questions_of(upstream_nth(2)), 2);
    assert_int_equal(questions_of(upstream_nth(3)), 4);
    ask_in_turn(5);
    assert_int_equal(upstream_count(), 5);
}

/* ---- What is asked once ---- */

static void ask_common(unsigned i)
{
    ask(i);
    askers[i].questions[0].common = true;
}

static void the_same_words_are_asked_once_for_all(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        ask_common(i);
    ask_common(3);
    askers[3].questions[0].params = SLICE("[1]");
    ask_common(4);
    askers[4].questions[0].method = "eth_y";
    ask(5); /* for itself */
    turn();
    assert_int_equal(questions_of(upstream_last()), 10);
    says_ids(upstream_last(), 1, 10);
    assert_heard(0, "1", "2");
    assert_heard(1, "1", "3");
    assert_heard(2, "1", "4");
    assert_heard(3, "5", "6");
    assert_heard(4, "7", "8");
    assert_heard(5, "9", "10");
}

static void what_was_asked_for_all_is_not_lost_with_one(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        ask_common(i);
    turn();
    for (unsigned i = 0; i < 4; i++)
        if (i != 1) {
            rpc_cancel(&askers[i].call);
            memset(&askers[i].questions, 0xff, sizeof(askers[i].questions));
        }
    says_ids(upstream_last(), 1, 5);
    assert_heard(1, "1", "3");
    assert_int_equal(askers[0].done + askers[2].done + askers[3].done, 0);
}

static void an_error_that_all_asked_for_is_told_to_all(void **state)
{
    (void)state;
    ask_common(0);
    ask_common(1);
    turn();
    says(upstream_last(), 200,
         "[{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":2},"
         "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":3},"
         "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-5,\"message\":\"no\"}}]");
    for (unsigned i = 0; i < 2; i++) {
        assert_heard(i, "", i == 0 ? "2" : "3");
        assert_int_equal(askers[i].answers[0], RPC_REFUSED);
        assert_int_equal(askers[i].questions[0].code, -5);
    }
}

/* ---- What is each call's own ---- */

static void a_cancelled_call_is_nothing_to_the_others(void **state)
{
    (void)state;
    ask(0);
    ask(1);
    turn();
    rpc_cancel(&askers[0].call);
    memset(&askers[0].questions, 0xff, sizeof(askers[0].questions));
    says_ids(upstream_last(), 1, 4);
    assert_int_equal(askers[0].done, 0);
    assert_heard(1, "3", "4");
}

static void a_batch_that_nobody_waits_for_is_cancelled(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RPC_SHARED_AT_ONCE; i++)
        ask_in_turn(i);
    ask(2);
    ask(3);
    turn();
    rpc_cancel(&askers[3].call); /* it waited */
    assert_int_equal(upstream_count(), RPC_SHARED_AT_ONCE);
    rpc_cancel(&askers[1].call);
    assert_true(upstream_nth(1)->cancelled);
    assert_false(upstream_nth(0)->cancelled);
    later(RPC_GAP_MS);
    assert_int_equal(upstream_count(), RPC_SHARED_AT_ONCE + 1);
    assert_int_equal(questions_of(upstream_last()), 2);
}

static void an_end_may_cancel_the_others_of_its_batch(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        ask(i);
    askers[0].cancels = &askers[2];
    askers[1].cancels = &askers[0]; /* which has ended */
    turn();
    says_ids(upstream_last(), 1, 6);
    assert_heard(0, "1", "2");
    assert_heard(1, "3", "4");
    assert_int_equal(askers[2].done, 0);
}

static void a_late_call_ends_alone(void **state)
{
    (void)state;
    askers[0].call.deadline_ms = START_MS + 5;
    ask(0);
    ask(1);
    turn();
    assert_int_equal(upstream_last()->spec.deadline_ms, START_MS + RPC_TIMEOUT_MS);
    later(4);
    assert_int_equal(askers[0].done, 0);
    later(1);
    assert_ended(0, RPC_LOST);
    assert_false(upstream_last()->cancelled);
    says_ids(upstream_last(), 1, 4);
    assert_heard(1, "3", "4");
}

static void what_was_late_before_it_went_out_did_nothing(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RPC_SHARED_AT_ONCE; i++)
        ask_in_turn(i);
    askers[2].call.deadline_ms = loop_now_ms(loop) + RPC_GAP_MS + 5;
    ask_in_turn(2);
    later(5);
    assert_ended(2, RPC_UNSENT);
    later(RPC_SHARE_MS);
    assert_int_equal(upstream_count(), RPC_SHARED_AT_ONCE);
}

/* ---- What happens to a batch ---- */

static void a_batch_that_was_not_sent_is_unsent_for_all(void **state)
{
    (void)state;
    ask(0);
    ask(1);
    turn();
    upstream_ends(upstream_last(), UPSTREAM_CONNECT);
    assert_ended(0, RPC_UNSENT);
    assert_ended(1, RPC_UNSENT);
    upstream_refuses = RC_BUSY;
    later(RPC_GAP_MS);
    ask(0);
    ask(1);
    turn();
    assert_ended(0, RPC_UNSENT);
    assert_ended(1, RPC_UNSENT);
    turn();
    assert_int_equal(upstream_count(), 1);
}

static void what_was_slow_or_too_much_is_not_asked_again(void **state)
{
    (void)state;
    ask(0);
    ask(1);
    turn();
    upstream_ends(upstream_last(), UPSTREAM_SLOW);
    later(RPC_GAP_MS);
    ask(2);
    ask(3);
    turn();
    says(upstream_last(), 429, "{}");
    turn();
    for (unsigned i = 0; i < 4; i++)
        assert_ended(i, RPC_LOST);
    assert_int_equal(upstream_count(), 2);
}

/* Two calls are in a batch, which is refused in the given way: each goes out again. */
static void expect_again(const char *text, unsigned status, enum upstream_fail fail)
{
    const unsigned before = upstream_count();

    ask(0);
    ask(1);
    turn();
    assert_int_equal(upstream_count(), before + 1);
    upstream_says_head(upstream_last(), status, "");
    upstream_says(upstream_last(), slice_str(text));
    upstream_ends(upstream_last(), fail);
    turn();
    assert_int_equal(askers[0].done + askers[1].done, 0);
    assert_int_equal(upstream_count(), before + 3);
    assert_int_equal(questions_of(upstream_nth(before + 1)), 2);
    assert_int_equal(questions_of(upstream_nth(before + 2)), 2);
}

static void share_again(void)
{
    rpc_cancel(&askers[0].call);
    rpc_cancel(&askers[1].call);
    later(RPC_APART_MS);
}

static void a_refused_batch_goes_again_one_by_one(void **state)
{
    static const char error[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":"
                                "-32600,\"message\":\"too many\"}}";

    (void)state;
    expect_again("<html>", 413, UPSTREAM_FINE);
    says_ids(upstream_nth(2), 7, 8);
    assert_heard(1, "7", "8");
    says_ids(upstream_nth(1), 5, 6);
    assert_heard(0, "5", "6");
    share_again();
    expect_again(error, 400, UPSTREAM_FINE);
    share_again();
    expect_again(error, 200, UPSTREAM_FINE);
    share_again();
    expect_again("", 500, UPSTREAM_FINE);
    share_again();
    expect_again("[", 200, UPSTREAM_CUT);
    share_again();
    expect_again("[", 200, UPSTREAM_TOO_BIG);
    share_again();
}

static void what_was_heard_of_a_refused_batch_stays(void **state)
{
    static const char *const rest[] = {
        NULL, "\"result\":3",
        "\"error\":{\"code\":-32005,\"message\":\"Batch of more than 3 requests\"}",
        "\"error\":{\"code\":-32003,\"message\":\"response too large\"}"};
    char text[512];
    unsigned id = 1;

    (void)state;
    for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
        int len = snprintf(text, sizeof(text),
                           "[{\"jsonrpc\":\"2.0\",\"id\":%u,\"result\":1},"
                           "{\"jsonrpc\":\"2.0\",\"id\":%u,\"error\":{\"code\":-32000,"
                           "\"message\":\"no\"}}",
                           id, id + 1);

        if (rest[i] != NULL)
            len += snprintf(text + len, sizeof(text) - (size_t)len,
                            ",{\"jsonrpc\":\"2.0\",\"id\":%u,%s}", id + 2, rest[i]);
        (void)snprintf(text + len, sizeof(text) - (size_t)len, "]");
        ask(0);
        ask(1);
        turn();
        says(upstream_last(), 200, text);
        assert_heard(0, "1", "");
        assert_int_equal(askers[0].answers[1], RPC_REFUSED);
        turn();
        assert_int_equal(askers[1].done, 0);
        assert_int_equal(questions_of(upstream_last()), 2);
        says_ids(upstream_last(), id + 4, id + 5);
        assert_int_equal(askers[1].done, 1);
        assert_int_equal(askers[1].answers[1], RPC_RESULT);
        id += 6;
        share_again();
    }
}

static void a_node_that_refuses_batches_gets_none_for_a_while(void **state)
{
    (void)state;
    expect_again("", 413, UPSTREAM_FINE);
    ask(2);
    ask(3);
    turn();
    assert_int_equal(upstream_count(), 5);
    later(RPC_APART_MS - 1);
    ask(4);
    ask(5);
    turn();
    assert_int_equal(upstream_count(), 7);
    later(1);
    ask(6);
    ask(7);
    turn();
    assert_int_equal(upstream_count(), 8);
    assert_int_equal(questions_of(upstream_last()), 4);
}

static void who_waits_behind_a_refused_batch_goes_alone(void **state)
{
    (void)state;
    ask(0);
    ask(1);
    turn();
    ask_in_turn(2);
    ask(3);
    ask(4);
    turn();
    assert_int_equal(upstream_count(), 2);
    says(upstream_nth(0), 413, "");
    turn();
    assert_int_equal(upstream_count(), 6);
    for (unsigned i = 2; i < 6; i++)
        assert_int_equal(questions_of(upstream_nth(i)), 2);
}

static void a_poisoned_answer_is_taken_for_nobody(void **state)
{
    static const char *const poison[] = {
        "[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1},"
        "{\"jsonrpc\":\"2.0\",\"id\":2,\"result\":2},"
        "{\"jsonrpc\":\"2.0\",\"id\":5,\"result\":5}]",
        "[{\"jsonrpc\":\"2.0\",\"id\":9,\"result\":1},"
        "{\"jsonrpc\":\"2.0\",\"id\":10,\"result\":2},"
        "{\"jsonrpc\":\"2.0\",\"id\":11,\"result\":2},"
        "{\"jsonrpc\":\"2.0\",\"id\":11,\"result\":5}]"};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        expect_again(poison[i], 200, UPSTREAM_FINE);
        says_ids(upstream_nth(3 * i + 1), 8 * i + 5, 8 * i + 6);
        assert_int_equal(askers[0].answers[0], RPC_RESULT);
        /* Once more, and no more than that. */
        says(upstream_last(), 200, poison[i]);
        assert_ended(1, RPC_LOST);
        turn();
        assert_int_equal(upstream_count(), 3 * i + 3);
        share_again();
    }
}

/* Whoever waited for them is gone: their ids are still taken once only. */
static void a_cancelled_calls_ids_poison_as_others_do(void **state)
{
    (void)state;
    ask(0);
    ask(1);
    turn();
    rpc_cancel(&askers[0].call);
    says(upstream_last(), 200,
         "[{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1},"
         "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":1},"
         "{\"jsonrpc\":\"2.0\",\"id\":3,\"result\":3},"
         "{\"jsonrpc\":\"2.0\",\"id\":4,\"result\":4}]");
    assert_int_equal(askers[1].done, 0);
    turn();
    assert_int_equal(upstream_count(), 2);
    says_ids(upstream_last(), 5, 6);
    assert_heard(1, "5", "6");
}

static void what_was_tried_once_is_never_unsent(void **state)
{
    (void)state;
    expect_again("", 413, UPSTREAM_FINE);
    upstream_ends(upstream_nth(1), UPSTREAM_CONNECT);
    assert_ended(0, RPC_LOST);
    rpc_cancel(&askers[1].call);
    share_again();
    ask(0);
    ask(1);
    turn();
    says(upstream_last(), 413, "");
    upstream_refuses = RC_BUSY;
    turn();
    assert_ended(0, RPC_LOST);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(calls_of_one_turn_share_a_request),
        TEST(nobody_waits_for_an_idle_node),
        TEST(batches_begin_one_after_the_other),
        TEST(those_who_wait_go_out_together_when_a_batch_ends),
        TEST(a_slow_node_holds_nobody_up_for_long),
        TEST(a_batch_is_bounded_in_questions),
        TEST(a_batch_is_bounded_in_bytes),
        TEST(what_is_slow_goes_alone_and_holds_nobody_up),
        TEST(the_same_words_are_asked_once_for_all),
        TEST(what_was_asked_for_all_is_not_lost_with_one),
        TEST(an_error_that_all_asked_for_is_told_to_all),
        TEST(a_cancelled_call_is_nothing_to_the_others),
        TEST(a_batch_that_nobody_waits_for_is_cancelled),
        TEST(an_end_may_cancel_the_others_of_its_batch),
        TEST(a_late_call_ends_alone),
        TEST(what_was_late_before_it_went_out_did_nothing),
        TEST(a_batch_that_was_not_sent_is_unsent_for_all),
        TEST(what_was_slow_or_too_much_is_not_asked_again),
        TEST(a_refused_batch_goes_again_one_by_one),
        TEST(what_was_heard_of_a_refused_batch_stays),
        TEST(a_node_that_refuses_batches_gets_none_for_a_while),
        TEST(who_waits_behind_a_refused_batch_goes_alone),
        TEST(a_poisoned_answer_is_taken_for_nobody),
        TEST(a_cancelled_calls_ids_poison_as_others_do),
        TEST(what_was_tried_once_is_never_unsent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

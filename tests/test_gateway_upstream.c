/* SPDX-License-Identifier: Apache-2.0 */
/* The life of calls: which share a connection, when a request is sent again, pausing,
 * cancelling, and the limits on how many there are. */
#include "gateway/upstream.h"

#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/upstream_int.h"
#include "tests/upstream_probe.h"

static const char hello[] = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

static void answer_hello(struct fake_connection *c)
{
    while (fake_read(c))
        fake_say(c, hello);
}

static void wait_for_good(struct fake_connection *c)
{
    if (fake_read(c))
        fake_wait_closed(c);
}

/* ---- Connections ---- */

static void a_connection_is_used_again(void **state)
{
    (void)state;
    probe_server(answer_hello);
    for (unsigned i = 0; i < 20; i++)
        assert_int_equal(probe_get("/"), UPSTREAM_FINE);
    assert_int_equal(fake_connections(probe_fake), 1);
}

static void answer_and_close(struct fake_connection *c)
{
    if (fake_read(c))
        fake_say(c, hello);
}

static void a_connection_that_was_closed_is_not_used_again(void **state)
{
    (void)state;
    probe_server(answer_and_close);
    for (unsigned i = 1; i <= 5; i++) {
        assert_int_equal(probe_get("/"), UPSTREAM_FINE);
        probe_turn_until_fake(fake_closed, i);
    }
    assert_int_equal(fake_connections(probe_fake), 5);
    assert_int_equal(fake_requests(probe_fake), 5);
}

static void answer_more_than_asked(struct fake_connection *c)
{
    while (fake_read(c)) {
        fake_say(c, hello);
        fake_wait_signal(c);
        fake_say(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong");
    }
}

static void an_answer_that_nobody_asked_for_is_given_to_nobody(void **state)
{
    (void)state;
    probe_server(answer_more_than_asked);
    for (unsigned i = 1; i <= 5; i++) {
        struct probe p;

        probe_init(&p, "GET", "/");
        probe_run(&p);
        assert_int_equal(p.fail, UPSTREAM_FINE);
        assert_taken(&p, "hello");
        probe_free(&p);
        fake_signal(probe_fake);
        probe_turn_until_fake(fake_sends, 2 * i);
    }
    assert_int_equal(fake_connections(probe_fake), 5);
}

static void start_get(struct probe *p, const char *key, bool allow_private)
{
    probe_init(p, "GET", "/");
    p->spec.pool_key = slice_str(key);
    p->spec.allow_private = allow_private;
    probe_run(p);
    probe_free(p);
}

static void credentials_do_not_share_connections(void **state)
{
    struct probe p;

    (void)state;
    probe_server(answer_hello);
    start_get(&p, "sk-one", true);
    start_get(&p, "sk-two", true);
    assert_int_equal(fake_connections(probe_fake), 2);
    start_get(&p, "sk-one", true);
    start_get(&p, "sk-two", true);
    assert_int_equal(fake_connections(probe_fake), 2);
    start_get(&p, NULL, true);
    assert_int_equal(fake_connections(probe_fake), 3);
}

/* No address is looked at when a connection is used again. */
static void a_private_connection_serves_no_call_that_may_not_go_there(void **state)
{
    struct probe p;

    (void)state;
    probe_server(answer_hello);
    start_get(&p, NULL, true);
    assert_int_equal(p.fail, UPSTREAM_FINE);
    start_get(&p, NULL, false);
    assert_int_equal(p.fail, UPSTREAM_BLOCKED);
    assert_int_equal(fake_requests(probe_fake), 1);
}

/* The first connection dies over its second request, without a byte of an answer. */
static void die_once(struct fake_connection *c)
{
    while (fake_read(c)) {
        if (c->number == 1 && c->body_len > 0)
            return;
        fake_say(c, hello);
    }
}

static void a_request_on_a_kept_connection_that_dies_is_sent_again(void **state)
{
    static char bytes[300000];
    const struct slice parts[] = {{bytes, 100000}, {bytes + 100000, 200000}};
    static char head[FAKE_TEXT_SIZE];
    uint64_t expected = 0;
    struct probe p;
    uint64_t sum;
    size_t len;

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (char)(i * 31 + i / 127);
        expected += (i + 1) * (unsigned char)bytes[i];
    }
    probe_server(die_once);
    assert_int_equal(probe_get("/"), UPSTREAM_FINE);
    probe_init(&p, "POST", "/");
    p.spec.has_body = true;
    p.spec.parts = parts;
    p.spec.part_count = 2;
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_FINE);
    assert_int_equal(p.head_count, 1);
    assert_int_equal(fake_connections(probe_fake), 2);
    assert_int_equal(fake_requests(probe_fake), 3);
    fake_last(probe_fake, head, &len, &sum);
    assert_int_equal(len, sizeof(bytes));
    assert_int_equal(sum, expected);
    probe_free(&p);
}

static void read_and_close(struct fake_connection *c)
{
    (void)fake_read(c);
}

static void answer_first_only(struct fake_connection *c)
{
    if (c->number == 1 && fake_read(c))
        fake_say(c, hello);
    if (fake_read(c) && c->number == 1)
        fake_refuse(c->fake);
}

static void a_request_on_a_new_connection_that_dies_is_not(void **state)
{
    struct probe p;

    (void)state;
    probe_server(read_and_close);
    probe_init(&p, "GET", "/");
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_CUT);
    assert_int_equal(fake_requests(probe_fake), 1);
    probe_free(&p);
}

/* It was sent once, so that the second connection is refused does not undo it. */
static void a_request_that_was_sent_is_never_called_unsent(void **state)
{
    (void)state;
    probe_server(answer_first_only);
    assert_int_equal(probe_get("/"), UPSTREAM_FINE);
    assert_int_equal(probe_get("/"), UPSTREAM_CUT);
    assert_int_equal(fake_requests(probe_fake), 2);
}

static void a_kept_connection_found_dead_sent_nothing(void **state)
{
    (void)state;
    probe_server(answer_and_close);
    assert_int_equal(probe_get("/"), UPSTREAM_FINE);
    fake_refuse(probe_fake);
    probe_turn_until_fake(fake_closed, 1);
    assert_int_equal(probe_get("/"), UPSTREAM_CONNECT);
}

static void connections_are_closed_when_idle(void **state)
{
    (void)state;
    probe_stand_still();
    probe_server(answer_hello);
    assert_int_equal(probe_get("/"), UPSTREAM_FINE);
    probe_advance(UPSTREAM_POOL_IDLE_MS - 1);
    assert_int_equal(fake_closed(probe_fake), 0);
    probe_advance(1);
    probe_turn_until_fake(fake_closed, 1);
    assert_int_equal(probe_get("/"), UPSTREAM_FINE);
    assert_int_equal(fake_connections(probe_fake), 2);
}

/* ---- Stopping ---- */

static void a_reader_can_stop_the_call(void **state)
{
    struct probe p;

    (void)state;
    probe_server(answer_hello);
    probe_init(&p, "GET", "/");
    p.on_head = UPSTREAM_STOP;
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_STOPPED);
    assert_int_equal(p.data_count, 0);
    probe_free(&p);

    probe_init(&p, "GET", "/");
    p.on_data = UPSTREAM_STOP;
    probe_run(&p);
    assert_int_equal(p.fail, UPSTREAM_STOPPED);
    assert_int_equal(p.data_count, 1);
    probe_free(&p);
    probe_turn_until_fake(fake_closed, 2);
}

static void after_cancelling_nobody_is_called_back(void **state)
{
    struct probe p;

    (void)state;
    probe_server(wait_for_good);
    probe_init(&p, "GET", "/");
    probe_start(&p);
    probe_cancel(&p); /* before it has begun */
    probe_some_turns();
    assert_int_equal(fake_connections(probe_fake), 0);

    probe_start(&p);
    probe_turn_until_fake(fake_requests, 1);
    probe_cancel(&p);
    probe_turn_until_fake(fake_closed, 1); /* the connection is closed */
    assert_int_equal(p.end_count, 0);
    upstream_cancel(NULL);
    probe_free(&p);
}

/* The body may be freed as soon as upstream_cancel() returns, even while it is sent. */
static void a_cancelled_body_is_not_touched(void **state)
{
    const size_t len = 64 << 20;
    char *bytes = test_malloc(len);
    const struct slice body = {bytes, len};
    struct probe p;

    (void)state;
    memset(bytes, 'b', len);
    probe_server(wait_for_good);
    probe_init(&p, "POST", "/");
    p.spec.has_body = true;
    p.spec.parts = &body;
    p.spec.part_count = 1;
    probe_start(&p);
    probe_turn_until_fake(fake_connections, 1);
    loop_turn(probe_loop, 1);
    probe_cancel(&p);
    test_free(bytes);
    probe_turn_until_fake(fake_closed, 1);
    probe_free(&p);
}

static void a_call_can_cancel_others_and_itself_from_its_callbacks(void **state)
{
    struct probe waits, cancels, suicide;

    (void)state;
    probe_server(answer_hello);
    probe_init(&waits, "GET", "/");
    probe_init(&cancels, "GET", "/");
    probe_init(&suicide, "GET", "/");
    waits.on_head = UPSTREAM_PAUSE;
    probe_start(&waits);
    probe_turn_until(&waits.head_count, 1);
    cancels.cancels = &waits;
    probe_run(&cancels);
    assert_int_equal(cancels.fail, UPSTREAM_FINE);
    suicide.cancels = &suicide;
    probe_start(&suicide);
    probe_turn_until(&suicide.head_count, 1);
    probe_turn_until_fake(fake_closed, 2);
    assert_int_equal(waits.end_count + waits.data_count, 0);
    assert_int_equal(suicide.end_count + suicide.data_count, 0);
    probe_free(&waits);
    probe_free(&cancels);
    probe_free(&suicide);
}

static void cancelled_calls_do_not_keep_it_from_closing(void **state)
{
    struct probe p;

    (void)state;
    probe_server(wait_for_good);
    probe_init(&p, "GET", "/");
    probe_start(&p);
    probe_turn_until_fake(fake_requests, 1);
    probe_cancel(&p);
    probe_free(&p); /* and the fixture closes it at once */
}

/* ---- Pausing ---- */

static void a_paused_head_comes_again(void **state)
{
    struct probe p;

    (void)state;
    probe_server(answer_hello);
    probe_init(&p, "GET", "/");
    p.on_head = UPSTREAM_PAUSE;
    probe_start(&p);
    for (unsigned times = 1; times <= 3; times++) {
        probe_turn_until(&p.head_count, times);
        probe_some_turns();
        assert_int_equal(p.head_count, times);
        assert_int_equal(p.data_count + p.end_count, 0);
        if (times == 3)
            p.on_head = UPSTREAM_TOOK;
        probe_resume(&p);
    }
    probe_turn_until(&p.end_count, 1);
    assert_int_equal(p.head_count, 4);
    assert_int_equal(p.fail, UPSTREAM_FINE);
    assert_taken(&p, "hello");
    probe_free(&p);
}

static void answer_nothing(struct fake_connection *c)
{
    while (fake_read(c))
        fake_say(c, "HTTP/1.1 204 No Content\r\n\r\n");
}

/* libcurl is done with such a call long before its user is. */
static void the_end_waits_for_a_paused_head(void **state)
{
    static const enum upstream_take takes[] = {UPSTREAM_TOOK, UPSTREAM_STOP};

    static const enum upstream_fail fails[] = {UPSTREAM_FINE, UPSTREAM_STOPPED};

    (void)state;
    probe_server(answer_nothing);
    for (unsigned i = 0; i < 2; i++) {
        struct probe p;

        probe_init(&p, "GET", "/");
        p.on_head = UPSTREAM_PAUSE;
        probe_start(&p);
        probe_turn_until(&p.head_count, 1);
        probe_some_turns();
        assert_int_equal(p.end_count, 0);
        p.on_head = takes[i];
        probe_resume(&p);
        probe_turn_until(&p.end_count, 1);
        assert_int_equal(p.fail, fails[i]);
        probe_free(&p);
    }
}

enum {
    STREAM_PIECES = 200,
    STREAM_PIECE = 5000
};

static void answer_stream(struct fake_connection *c)
{
    char piece[STREAM_PIECE];

    if (!fake_read(c))
        return;
    fake_say(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (unsigned i = 0; i < STREAM_PIECES; i++) {
        memset(piece, (int)('A' + i % 26), sizeof(piece));
        fake_say(c, "1388\r\n");
        fake_send(c, piece, sizeof(piece));
        fake_say(c, "\r\n");
    }
    fake_say(c, "0\r\n\r\n");
    fake_wait_closed(c);
}

static void pausing_loses_and_repeats_nothing(void **state)
{
    unsigned asked = 0;
    struct probe p;

    (void)state;
    probe_server(answer_stream);
    probe_init(&p, "GET", "/");
    probe_start(&p);
    while (p.end_count == 0) {
        /* Takes one piece, refuses the next one twice. */
        p.on_data = asked++ % 3 == 0 ? UPSTREAM_TOOK : UPSTREAM_PAUSE;
        probe_resume(&p);
        loop_turn(probe_loop, 1);
    }
    assert_int_equal(p.fail, UPSTREAM_FINE);
    assert_int_equal(buf_len(&p.body), STREAM_PIECES * STREAM_PIECE);
    for (size_t i = 0; i < buf_len(&p.body); i++)
        assert_int_equal(buf_slice(&p.body).bytes[i], 'A' + i / STREAM_PIECE % 26);
    probe_free(&p);
}

static void a_paused_reader_can_stop(void **state)
{
    struct probe p;

    (void)state;
    probe_server(answer_stream);
    probe_init(&p, "GET", "/");
    p.on_data = UPSTREAM_PAUSE;
    probe_start(&p);
    probe_turn_until(&p.data_count, 1);
    p.on_data = UPSTREAM_STOP;
    probe_resume(&p);
    probe_turn_until(&p.end_count, 1);
    assert_int_equal(p.fail, UPSTREAM_STOPPED);
    assert_int_equal(p.data_count, 2);
    probe_turn_until_fake(fake_closed, 1);
    probe_free(&p);
}

/* ---- Many ---- */

enum {
    MANY = 300 /* more than two multis take, and more than handles are kept */
};

static void answer_on_signal(struct fake_connection *c)
{
    while (fake_read(c)) {
        if (c->text[5] == 'w') /* "GET /wait" */
            fake_wait_signal(c);
        fake_say(c, hello);
    }
}

static void many_calls_run_at_once(void **state)
{
    static struct probe many[MANY];
    unsigned connections;

    (void)state;
    probe_server(answer_on_signal);
    for (unsigned i = 0; i < MANY; i++) {
        probe_init(&many[i], "GET", "/wait");
        probe_start(&many[i]);
    }
    probe_turn_until_fake(fake_requests, MANY); /* none has been answered */
    for (unsigned i = 0; i < MANY; i++)
        fake_signal(probe_fake);
    for (unsigned i = 0; i < MANY; i++) {
        probe_turn_until(&many[i].end_count, 1);
        assert_int_equal(many[i].fail, UPSTREAM_FINE);
        assert_taken(&many[i], "hello");
        probe_free(&many[i]);
    }
    connections = fake_connections(probe_fake);
    assert_int_equal(connections, MANY);
    for (unsigned i = 0; i < 50; i++) /* the first multi's connections are warm */
        assert_int_equal(probe_get("/now"), UPSTREAM_FINE);
    assert_int_equal(fake_connections(probe_fake), connections);
}

/* Each credential takes a multi. */
static void calls_beyond_the_last_multi_are_busy(void **state)
{
    static struct probe many[UPSTREAM_POOLS_MAX];
    struct probe p;
    char key[16];

    (void)state;
    for (unsigned i = 0; i < UPSTREAM_POOLS_MAX; i++) {
        (void)snprintf(key, sizeof(key), "key %u", i);
        probe_init(&many[i], "GET", "/");
        many[i].spec.pool_key = slice_str(key);
        probe_start(&many[i]);
    }
    probe_init(&p, "GET", "/");
    p.spec.pool_key = SLICE("one more");
    assert_int_equal(upstream_start(&p.call, probe_upstream, &p.spec), RC_BUSY);
    p.spec.pool_key = SLICE("key 7"); /* has room in its own */
    probe_start(&p);
    probe_cancel(&p);
    probe_cancel(&many[3]);
    loop_turn(probe_loop, 0); /* its multi is unused now, and gives way */
    p.spec.pool_key = SLICE("one more");
    probe_start(&p);
    probe_cancel(&p);
    for (unsigned i = 0; i < UPSTREAM_POOLS_MAX; i++) {
        if (i != 3 && many[i].call != NULL)
            probe_cancel(&many[i]);
        probe_free(&many[i]);
    }
    probe_free(&p);
}

/* None of them is begun: the loop does not turn. */
static void calls_beyond_the_limit_are_busy(void **state)
{
    struct upstream_call **calls =
        test_calloc(UPSTREAM_CALLS_MAX, sizeof(struct upstream_call *));
    struct upstream_call *one_more = NULL;
    struct probe p;

    (void)state;
    probe_init(&p, "GET", "/");
    for (unsigned i = 0; i < UPSTREAM_CALLS_MAX; i++)
        assert_int_equal(upstream_start(&calls[i], probe_upstream, &p.spec), RC_OK);
    assert_int_equal(upstream_start(&one_more, probe_upstream, &p.spec), RC_BUSY);
    assert_null(one_more);
    for (unsigned i = 0; i < UPSTREAM_CALLS_MAX; i++)
        upstream_cancel(calls[i]);
    loop_turn(probe_loop, 0);
    probe_start(&p); /* there is room again */
    probe_cancel(&p);
    probe_free(&p);
    test_free(calls);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, probe_set_up, probe_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_connection_is_used_again),
        TEST(a_connection_that_was_closed_is_not_used_again),
        TEST(an_answer_that_nobody_asked_for_is_given_to_nobody),
        TEST(credentials_do_not_share_connections),
        TEST(a_private_connection_serves_no_call_that_may_not_go_there),
        TEST(a_request_on_a_kept_connection_that_dies_is_sent_again),
        TEST(a_request_on_a_new_connection_that_dies_is_not),
        TEST(a_request_that_was_sent_is_never_called_unsent),
        TEST(a_kept_connection_found_dead_sent_nothing),
        TEST(connections_are_closed_when_idle),
        TEST(a_reader_can_stop_the_call),
        TEST(after_cancelling_nobody_is_called_back),
        TEST(a_cancelled_body_is_not_touched),
        TEST(a_call_can_cancel_others_and_itself_from_its_callbacks),
        TEST(cancelled_calls_do_not_keep_it_from_closing),
        TEST(a_paused_head_comes_again),
        TEST(the_end_waits_for_a_paused_head),
        TEST(pausing_loses_and_repeats_nothing),
        TEST(a_paused_reader_can_stop),
        TEST(many_calls_run_at_once),
        TEST(calls_beyond_the_last_multi_are_busy),
        TEST(calls_beyond_the_limit_are_busy),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

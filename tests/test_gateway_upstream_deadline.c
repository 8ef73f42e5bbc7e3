/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines of a call, on a clock that stands still: each is kept to the millisecond.
 */
#include "gateway/upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
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

static void answer_nothing(struct fake_connection *c)
{
    while (fake_read(c))
        fake_say(c, "HTTP/1.1 204 No Content\r\n\r\n");
}

static void no_answer_ends_slow(void **state)
{
    struct probe p;

    (void)state;
    probe_stand_still();
    probe_server(wait_for_good);
    probe_init(&p, "GET", "/");
    probe_start(&p);
    probe_turn_until_fake(fake_requests, 1);
    probe_advance(59999);
    assert_int_equal(p.end_count, 0);
    probe_advance(1);
    assert_int_equal(p.end_count, 1);
    assert_int_equal(p.fail, UPSTREAM_SLOW);
    probe_turn_until_fake(fake_closed, 1);
    probe_free(&p);
}

/* Bytes that do not complete the head buy no time. */
static void drip_head(struct fake_connection *c)
{
    if (!fake_read(c))
        return;
    fake_say(c, "HTTP/1.1 200 OK\r\nX-A: ");
    for (unsigned i = 0; i < 100; i++) {
        fake_wait_signal(c);
        fake_say(c, "x\r\nX-B: ");
    }
}

static void a_head_that_drips_ends_slow(void **state)
{
    struct probe p;

    (void)state;
    probe_stand_still();
    probe_server(drip_head);
    probe_init(&p, "GET", "/");
    p.spec.first_byte_timeout_ms = 3000;
    probe_start(&p);
    probe_turn_until_fake(fake_requests, 1);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(p.end_count, 0);
        fake_signal(probe_fake);
        probe_advance(1000);
    }
    assert_int_equal(p.end_count, 1);
    assert_int_equal(p.fail, UPSTREAM_SLOW);
    assert_int_equal(p.head_count, 0);
    probe_free(&p);
}

static void drip_body(struct fake_connection *c)
{
    if (!fake_read(c))
        return;
    fake_say(c, "HTTP/1.1 200 OK\r\n\r\n");
    for (unsigned i = 0; i < 100; i++) {
        fake_wait_signal(c);
        fake_say(c, "x");
    }
}

static void silence_between_bytes_ends_slow(void **state)
{
    struct probe p;

    (void)state;
    probe_stand_still();
    probe_server(drip_body);
    probe_init(&p, "GET", "/");
    p.spec.idle_timeout_ms = 1000;
    probe_start(&p);
    probe_turn_until(&p.head_count, 1);
    for (unsigned i = 1; i <= 5; i++) {
        probe_advance(999);
        assert_int_equal(p.end_count, 0);
        fake_signal(probe_fake);
        probe_turn_until(&p.data_count, i);
    }
    probe_advance(1000);
    assert_int_equal(p.end_count, 1);
    assert_int_equal(p.fail, UPSTREAM_SLOW);
    assert_taken(&p, "xxxxx");
    probe_free(&p);
}

static void the_deadline_holds_while_bytes_come(void **state)
{
    struct probe p;

    (void)state;
    probe_stand_still();
    probe_server(drip_body);
    probe_init(&p, "GET", "/");
    p.spec.idle_timeout_ms = 1000;
    p.spec.deadline_ms = clock_mono_ms() + 3000;
    probe_start(&p);
    probe_turn_until(&p.head_count, 1);
    for (unsigned i = 1; i <= 4; i++) {
        probe_advance(700);
        assert_int_equal(p.end_count, 0);
        fake_signal(probe_fake);
        probe_turn_until(&p.data_count, i);
    }
    probe_advance(200);
    assert_int_equal(p.end_count, 1);
    assert_int_equal(p.fail, UPSTREAM_SLOW);
    probe_free(&p);
}

static void a_paused_call_is_not_idle_but_has_its_deadline(void **state)
{
    struct probe p;

    (void)state;
    probe_stand_still();
    probe_server(answer_hello);
    probe_init(&p, "GET", "/");
    p.spec.idle_timeout_ms = 1000;
    p.spec.deadline_ms = clock_mono_ms() + 500000;
    p.on_data = UPSTREAM_PAUSE;
    probe_start(&p);
    probe_turn_until(&p.data_count, 1);
    probe_advance(400000);
    assert_int_equal(p.end_count, 0);
    probe_advance(100000);
    assert_int_equal(p.end_count, 1);
    assert_int_equal(p.fail, UPSTREAM_SLOW);
    probe_free(&p);
}

static void resuming_starts_the_idle_time_anew(void **state)
{
    struct probe p;

    (void)state;
    probe_stand_still();
    probe_server(drip_body);
    probe_init(&p, "GET", "/");
    p.spec.idle_timeout_ms = 1000;
    probe_start(&p);
    probe_turn_until(&p.head_count, 1);
    p.on_data = UPSTREAM_PAUSE;
    fake_signal(probe_fake);
    probe_turn_until(&p.data_count, 1);
    probe_advance(50000);
    p.on_data = UPSTREAM_TOOK;
    probe_resume(&p);
    probe_turn_until(&p.data_count, 2);
    probe_advance(999);
    assert_int_equal(p.end_count, 0);
    probe_advance(1);
    assert_int_equal(p.end_count, 1);
    assert_int_equal(p.fail, UPSTREAM_SLOW);
    probe_free(&p);
}

static void a_head_that_is_never_taken_has_its_deadline(void **state)
{
    struct probe p;

    (void)state;
    probe_stand_still();
    probe_server(answer_nothing);
    probe_init(&p, "GET", "/");
    p.spec.deadline_ms = clock_mono_ms() + 5000;
    p.on_head = UPSTREAM_PAUSE;
    probe_start(&p);
    probe_turn_until(&p.head_count, 1);
    probe_advance(4999);
    assert_int_equal(p.end_count, 0);
    probe_advance(1);
    assert_int_equal(p.end_count, 1);
    assert_int_equal(p.fail, UPSTREAM_SLOW);
    probe_free(&p);
}

static void a_deadline_in_the_past_ends_at_once(void **state)
{
    struct probe p;

    (void)state;
    probe_stand_still();
    probe_server(wait_for_good);
    probe_init(&p, "GET", "/");
    p.spec.deadline_ms = 1;
    probe_start(&p);
    probe_some_turns();
    assert_int_equal(p.end_count, 1);
    assert_int_equal(p.fail, UPSTREAM_SLOW);
    probe_free(&p);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, probe_set_up, probe_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_answer_ends_slow),
        TEST(a_head_that_drips_ends_slow),
        TEST(silence_between_bytes_ends_slow),
        TEST(the_deadline_holds_while_bytes_come),
        TEST(a_paused_call_is_not_idle_but_has_its_deadline),
        TEST(resuming_starts_the_idle_time_anew),
        TEST(a_head_that_is_never_taken_has_its_deadline),
        TEST(a_deadline_in_the_past_ends_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
